"""A deck: several panels in one place, chosen by segments in their common head."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.panels.base import Panel
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import Segments


class Deck(QWidget):
    """Shows one of its panels; the segments stand in front of that panel's own header.

    Signals:
        chosen(str): title of the panel that the person brought to the front.
    """

    chosen = Signal(str)

    def __init__(self, panels: list[Panel], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panels = panels
        self._choice = Segments([(p.title, p.title) for p in panels], name="Panel", parent=self)
        self._choice.value_changed.connect(self.choose)
        self._choice.value_changed.connect(self.chosen)
        self._heads, self._bodies = QStackedWidget(), QStackedWidget()
        for panel in panels:
            self._heads.addWidget(panel.header)
            panel.header.set_title("")
            self._bodies.addWidget(panel)
        self._head = QWidget(self)
        row = QHBoxLayout(self._head)
        row.setContentsMargins(8, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._choice)
        row.addWidget(self._heads, 1)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 1, 0, 0)  # the hairline
        rows.setSpacing(0)
        rows.addWidget(self._head)
        rows.addWidget(self._bodies, 1)
        follow_theme(self)

    @Slot(str)
    def choose(self, title: str) -> None:
        """Bring a panel to the front."""
        for index, panel in enumerate(self.panels):
            if panel.title == title:
                self._choice.set_value(title)
                self._heads.setCurrentIndex(index)
                self._bodies.setCurrentIndex(index)

    @override
    def minimumSizeHint(self) -> QSize:
        """Let the deck be narrower than the widest of its heads, as its panels do."""
        return QSize(240, 140)

    def shown(self) -> str:
        """Return the title of the panel in front."""
        return self._choice.value()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        """Draw the hairline above."""
        with painting(self) as painter:
            painter.fillRect(0, 0, self.width(), 1, theme().color("line"))

    @Slot()
    def restyle(self) -> None:
        """Take the measures of the theme in force."""
        self._head.setFixedHeight(theme().metric("panelHeader"))
        self.update()
