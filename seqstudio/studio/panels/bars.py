"""`ChoiceBars`: the likeliest next tokens with their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.theme import faded, follow_theme, painting, theme
from seqstudio.studio.widgets import format_number
from seqstudio.studio.widgets.token_lines import shown_text

MOST_ROWS = 8
_INSET = 16
_GAP = 4


class ChoiceBars(QWidget):
    """A bar a token on a scale of 0 to 1, the likeliest on top, and a caption above."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._caption = ""
        self._choices: tuple[tuple[str, float], ...] = ()
        self.setAccessibleName("Next token")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        follow_theme(self)

    @property
    def choices(self) -> tuple[tuple[str, float], ...]:
        """What is shown: (token, probability), the likeliest first."""
        return self._choices

    def set_choices(self, caption: str, choices: Sequence[tuple[str, float]]) -> None:
        """Show other tokens, (token, probability) each, the likeliest first."""
        chosen = tuple(choices)[:MOST_ROWS]
        if (caption, chosen) != (self._caption, self._choices):
            self._caption, self._choices = caption, chosen
            told = ", ".join(f"{token} {format_number(p, '.2f')}" for token, p in chosen)
            self.setAccessibleDescription(f"{caption}: {told}")
            self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(220, self._height(MOST_ROWS))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(120, self._height(1))

    def _pitch(self) -> int:
        return theme().line_height("mono")

    def _height(self, rows: int) -> int:
        return theme().line_height("small") + 8 + rows * self._pitch() + 8

    @Slot()
    def restyle(self) -> None:
        """Take the height from the theme in force."""
        self.updateGeometry()
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(self.rect(), theme().color("surface0"))
            top = self._paint_caption(painter)
            painter.setFont(theme().font("mono"))
            label = self._label_width(painter)
            for token, probability in self._choices:
                if top + self._pitch() > self.height():
                    return
                self._paint_row(painter, top, token, probability, label)
                top += self._pitch()

    def _paint_caption(self, painter: QPainter) -> float:
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textMid"))
        head = theme().line_height("small")
        area = QRectF(_INSET, 0, self.width() - 2 * _INSET, head)
        elide = Qt.TextElideMode.ElideRight
        shown = painter.fontMetrics().elidedText(self._caption, elide, int(area.width()))
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
        return float(head + 6)

    def _label_width(self, painter: QPainter) -> float:
        """Return the room for the names: two letters at least, two fifths of the width at most."""
        names = ["00", *(shown_text(token) for token, _ in self._choices)]
        widest = max(map(painter.fontMetrics().horizontalAdvance, names))
        return min(widest + 6, 0.4 * self.width())

    def _paint_row(
        self, painter: QPainter, top: float, token: str, probability: float, label: float
    ) -> None:
        metrics = painter.fontMetrics()
        number = metrics.horizontalAdvance("<0.01") + 8
        row = QRectF(_INSET, top, self.width() - 2 * _INSET, self._pitch())
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(theme().color("textHi"))
        name = "␣" if token == " " else shown_text(token)
        name = metrics.elidedText(name, Qt.TextElideMode.ElideRight, round(label))
        painter.drawText(row, Qt.AlignmentFlag.AlignLeft | middle, name)
        told = "<0.01" if 0 < probability < 0.005 else format_number(probability, ".2f")
        painter.drawText(row, Qt.AlignmentFlag.AlignRight | middle, told)
        track = row.adjusted(label, _GAP, -number, -_GAP)
        radius = theme().radius("bar")
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color("surface2" if theme().is_dark else "surface3"))
        painter.drawRoundedRect(track, radius, radius)
        bar = QRectF(track.left(), track.top(), track.width() * probability, track.height())
        painter.setBrush(faded(theme().role("output"), 0.55 + 0.45 * probability))
        painter.drawRoundedRect(bar, radius, radius)
