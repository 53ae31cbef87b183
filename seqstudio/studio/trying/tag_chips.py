"""`TagChips`: words with a tag below each, coloured by the tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme

_INSET, _GAP = 4, 6
_ROLES = ("input", "output", "cell", "key", "value", "query", "features", "forward", "loss")


@dataclass(frozen=True)
class Chip:
    """A word and its tag.

    Attributes:
        word: What was read.
        tag: The likeliest tag.
        number: Which of the tags it is: the colour.
        p: Its probability: how strong the colour is.
        other: Another tag that was given with less to read, "" where it is the same.
    """

    word: str
    tag: str
    number: int
    p: float
    other: str = ""


class TagChips(QWidget):
    """Chips in rows.

    Signals:
        clicked(int): a chip.
    """

    clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chips: tuple[Chip, ...] = ()
        self._places: tuple[QRectF, ...] = ()
        self._cursor = -1
        self.setAccessibleName("Words and their tags")
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        follow_theme(self)

    @property
    def chips(self) -> tuple[Chip, ...]:
        """What is shown."""
        return self._chips

    def set_chips(self, chips: Sequence[Chip]) -> None:
        """Show other words."""
        self._chips = tuple(chips)
        said = ", ".join(f"{chip.word.strip()} {chip.tag} {chip.p:.2f}" for chip in chips)
        self.setAccessibleDescription(said)
        self._places = self._laid_out(self.width())
        self.updateGeometry()
        self.update()

    def set_cursor(self, chip: int) -> None:
        """Outline a chip, -1 for none."""
        if chip != self._cursor:
            self._cursor = chip
            self.update()

    @Slot()
    def restyle(self) -> None:
        """Take fonts from the theme in force."""
        self.set_chips(self._chips)

    def _laid_out(self, width: float) -> tuple[QRectF, ...]:
        mono, small = (QFontMetricsF(theme().font(name)) for name in ("mono", "small"))
        high = theme().line_height("mono") + theme().line_height("small") + 2 * _INSET
        places, x, y = list[QRectF](), 0.0, 0.0
        for chip in self._chips:
            names = mono.horizontalAdvance(_shown(chip)), small.horizontalAdvance(_below(chip))
            wide = max(names) + 4 * _INSET
            if x and x + wide > width:
                x, y = 0.0, y + high + _GAP
            places.append(QRectF(x, y, wide, high))
            x += wide + _GAP
        return tuple(places)

    @override
    def sizeHint(self) -> QSize:
        return QSize(320, self.heightForWidth(320))

    @override
    def heightForWidth(self, width: int, /) -> int:
        places = self._laid_out(width)
        return int(places[-1].bottom()) + 2 if places else theme().line_height("mono")

    @override
    def hasHeightForWidth(self) -> bool:
        return True

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        self._places = self._laid_out(event.size().width())

    def place(self, chip: int) -> QRectF:
        """Return where a chip is painted."""
        return self._places[chip]

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        at = QPointF(event.position())
        for number, place in enumerate(self._places):
            if place.contains(at):
                self.clicked.emit(number)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for number, (chip, place) in enumerate(zip(self._chips, self._places, strict=True)):
                self._paint_chip(painter, chip, place, number == self._cursor)

    def _paint_chip(self, painter: QPainter, chip: Chip, place: QRectF, chosen: bool) -> None:
        colour = colour_of(chip.number)
        edge = theme().color("focus") if chosen else colour
        painter.setPen(pen(edge, theme().stroke("focus") if chosen else 1.0))
        painter.setBrush(faded(colour, 0.08 + 0.32 * chip.p))
        radius = theme().radius("bar")
        painter.drawRoundedRect(place.adjusted(1, 1, -1, -1), radius, radius)
        centre = Qt.AlignmentFlag.AlignHCenter
        painter.setPen(theme().color("textHi"))
        painter.setFont(theme().font("mono"))
        inside = place.adjusted(0, _INSET, 0, -_INSET)
        painter.drawText(inside, centre | Qt.AlignmentFlag.AlignTop, _shown(chip))
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textMid"))
        painter.drawText(inside, centre | Qt.AlignmentFlag.AlignBottom, _below(chip))


def colour_of(number: int) -> QColor:
    """Return the colour of a tag; beyond nine tags colours come again."""
    return theme().role(_ROLES[number % len(_ROLES)])


def _shown(chip: Chip) -> str:
    return chip.word.strip() or ("⏎" if "\n" in chip.word else "␣")


def _below(chip: Chip) -> str:
    was = f"{chip.other} → " if chip.other else ""
    return f"{was}{chip.tag} {chip.p:.2f}"
