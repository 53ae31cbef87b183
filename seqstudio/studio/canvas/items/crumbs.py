"""The way into a block, above the canvas; and what it computes, beside it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QPaintEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLayout, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.blocks.check import title_of
from seqstudio.document.graph import Block
from seqstudio.studio.theme import faded, follow_theme, icon, painting, pen, theme
from seqstudio.studio.widgets import EquationView, Label

_CARD_WIDTH, _LONGEST = 264, 24


class Crumbs(QWidget):
    """Model › Encoder › LSTM, and a banner inside a block that is not one's own yet.

    Signals:
        went: How many blocks of the way to keep: 0 is the outermost graph.
    """

    went = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName("Where you are")
        self._whole = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._whole.setContentsMargins(0, 0, 0, 0)
        self._whole.setSpacing(8)
        self._bar = _Bar(self)
        self._row = QHBoxLayout(self._bar)
        self._row.setContentsMargins(6, 3, 10, 3)
        self._row.setSpacing(2)
        self.banner = _Banner(self)
        self._whole.addWidget(self._bar, 0, Qt.AlignmentFlag.AlignLeft)
        self._whole.addWidget(self.banner, 1)
        self.buttons: list[QToolButton] = []
        self._titles: list[str] = []
        self.hide()

    def titles(self) -> list[str]:
        """Return the words on the way, the outermost first; empty in the outermost graph."""
        return self._titles

    def tell(self, titles: Sequence[str], native: Block | None) -> None:
        """Show the way to the graph in view; `native` is a block that is only looked into."""
        self._titles = ["Model", *titles] if titles else []
        self._lay_out()
        words = ""
        if native is not None:
            words = (
                f"This is how {title_of(native)} works inside. "
                "Change anything and it becomes your own block."
            )
        self.banner.label.setText(words)
        self.banner.setVisible(bool(words))
        self.setVisible(bool(titles))

    def _lay_out(self) -> None:
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.buttons = []
        for depth, title in enumerate(self._titles):
            if depth:
                self._add(Label("›", "body", "textLow", parent=self._bar))
            if depth == len(self._titles) - 1:
                self._add(Label(_short(title), "body", "textHi", parent=self._bar))
            else:
                self._add(self._button(depth, title))

    def _add(self, part: QWidget) -> None:
        self._row.addWidget(part)
        part.show()  # else it counts for the size of the bar only after the next event

    def _button(self, depth: int, title: str) -> QToolButton:
        button = QToolButton(self._bar)
        button.setText(_short(title).replace("&", "&&"))
        button.setToolTip(f"Back to {title} (Esc goes one out)")
        button.setAccessibleName(f"Back to {title}")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self.went.emit(depth))
        self.buttons.append(button)
        return button

    def fit_into(self, width: int) -> None:
        """Take the room there is; where it is narrow, the banner goes below."""
        way, words = self._bar.sizeHint().width(), self.banner.wanted_width()
        beside = way + 8 + words <= width
        ways = QBoxLayout.Direction
        self._whole.setDirection(ways.LeftToRight if beside or not words else ways.TopToBottom)
        needed = way + 8 + words if beside and words else max(way, words)
        self.setFixedWidth(max(120, min(width, needed)))
        self.setFixedHeight(max(1, self._whole.totalHeightForWidth(self.width())))


def _short(title: str) -> str:
    return title if len(title) <= _LONGEST else title[: _LONGEST - 1] + "…"


class _Bar(QWidget):
    """The ground of the breadcrumbs, like that of the tools."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        follow_theme(self)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(painter.RenderHint.Antialiasing)
            painter.setPen(pen(theme().color("lineStrong"), 1.0))
            painter.setBrush(faded(theme().color("surface1"), 0.94))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)


class _Banner(QWidget):
    """A sentence on the soft tint of the accent."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 5, 10, 6)
        self.label = Label("", "small", "textHi", wrap=True, parent=self)
        row.addWidget(self.label)
        follow_theme(self)

    def wanted_width(self) -> int:
        """Return the width that keeps the sentence on one line; 0 without one."""
        words = self.label.text()
        return QFontMetrics(theme().font("small")).horizontalAdvance(words) + 36 if words else 0

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(painter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("accentSoft"))
            painter.drawRoundedRect(QRectF(self.rect()), 6, 6)


class InsideCard(_Bar):
    """The equations of a block that is looked into, at the right of the canvas; they fold away.

    Signals:
        folded: They were folded away or shown by hand.
    """

    folded = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName("Equations")
        column = QVBoxLayout(self)
        column.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)
        column.setContentsMargins(8, 6, 8, 8)
        column.setSpacing(4)
        self.head = QToolButton(self)
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.head.clicked.connect(self._turn)
        self.equations = EquationView((), parent=self)
        self.equations.setFixedWidth(_CARD_WIDTH)
        column.addWidget(self.head)
        column.addWidget(self.equations)
        self.speaks = False
        self.wanted: bool | None = None
        self.hide()

    @property
    def is_open(self) -> bool:
        """True while the equations are to be seen."""
        return not self.equations.isHidden()

    def tell(self, title: str, equations: Sequence[str]) -> None:
        """Show the equations of a block; none hides the card."""
        self.speaks = bool(equations)
        self.head.setText(f" Equations of {_short(title)}")
        self.equations.set_equations(equations)
        self.setVisible(self.speaks)

    def unfold(self, roomy: bool) -> None:
        """Show the equations where there is room, unless a person decided otherwise."""
        shown = roomy if self.wanted is None else self.wanted
        self.equations.setVisible(shown)
        self.head.setIcon(icon("chevron-down" if shown else "chevron-right"))
        self.adjustSize()

    @Slot()
    def _turn(self) -> None:
        self.wanted = not self.is_open
        self.folded.emit()
