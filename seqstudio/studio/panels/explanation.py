"""How the numbers of a panel are computed: words, formulas, what stands behind them, source."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, painting, pen, theme
from seqstudio.studio.widgets import EquationView, Label

_WIDTH = 420


@dataclass(frozen=True)
class Explanation:
    """What a panel says about its numbers.

    Attributes:
        words: What is shown and how to read it; paragraphs are separated by an empty line.
        formulas: LaTeX without dollar signs, one a line.
        source: Paper, book or lecture it comes from, "" when it is plain arithmetic.
    """

    words: str
    formulas: tuple[str, ...] = ()
    source: str = ""


class InfoPopover(QWidget):
    """The explanation on a card that goes at the next click elsewhere.

    Args:
        title: Name of the panel.
        explanation: What it says.
        measured: (name, value) of what stands behind the numbers now.
        parent: The panel.
    """

    def __init__(
        self,
        title: str,
        explanation: Explanation,
        measured: list[tuple[str, str]],
        parent: QWidget,
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self._button: QWidget | None = None
        self.setFixedWidth(_WIDTH)
        self.setAccessibleName(f"How {title.lower()} is computed")
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 14, 16, 14)
        rows.setSpacing(10)
        rows.addWidget(Label(title, "title", parent=self))
        for paragraph in explanation.words.split("\n\n"):
            rows.addWidget(Label(paragraph, "body", "textMid", wrap=True, parent=self))
        if explanation.formulas:
            rows.addWidget(EquationView(explanation.formulas, parent=self))
        if measured:
            rows.addLayout(self._table(measured))
        if explanation.source:
            source = f"Source: {explanation.source}"
            rows.addWidget(Label(source, "small", "textMid", wrap=True, parent=self))
        follow_theme(self)

    def _table(self, measured: list[tuple[str, str]]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for row, (name, value) in enumerate(measured):
            grid.addWidget(Label(name, "small", "textMid", parent=self), row, 0)
            grid.addWidget(Label(value, "small", "textHi", wrap=True, parent=self), row, 1)
        return grid

    def open_under(self, button: QWidget) -> None:
        """Show the card below a button, inside the screen."""
        self._button = button
        self._fit()
        self.show()

    def _fit(self) -> None:
        """Take the height that the words need at this width, and stay inside the screen."""
        layout, button = self.layout(), self._button
        if layout is None or button is None:
            return
        self.resize(self.width(), layout.totalHeightForWidth(self.width()))
        place = button.mapToGlobal(QPoint(button.width() - self.width(), button.height() + 4))
        room = button.screen().availableGeometry()
        x = max(room.left() + 8, min(place.x(), room.right() - self.width() - 8))
        y = max(room.top() + 8, min(place.y(), room.bottom() - self.height() - 8))
        self.move(x, y)

    @override
    def event(self, event: QEvent, /) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()  # formulas are typeset aside and grow when they are ready
        return done

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(pen(theme().color("lineStrong")))
            painter.setBrush(theme().color("surface3"))
            radius = theme().radius("card")
            card = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(card, radius, radius)
