"""`PanelHeader`: title · of what · switches · actions, 32 high."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets.labels import ElidedLabel, Label


class PanelHeader(QWidget):
    """The head of a panel; the subtitle answers "of what?" and gives way when space is short.

    header = PanelHeader("Curves", "train and validation, 4 runs")
    header.add_switch(Segments(...))
    header.add_action(IconButton("camera", "Save a picture"))

    Args:
        title: Name of the panel.
        subtitle: Run, layer, head, step: what is shown.
        side: The taller head (40) of a side dock.
    """

    def __init__(
        self, title: str, subtitle: str = "", *, side: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._side = side
        self._title = Label(title, "panelTitle", "textHi", parent=self)
        self._subtitle = ElidedLabel(subtitle, "small", "textMid", self)
        self._subtitle.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(10)
        row.addWidget(self._title)
        row.addWidget(self._subtitle, 1)
        self._switches, self._actions = QHBoxLayout(), QHBoxLayout()
        self._switches.setSpacing(8)
        self._actions.setSpacing(2)
        row.addLayout(self._switches)
        row.addLayout(self._actions)
        follow_theme(self)

    def set_title(self, title: str) -> None:
        """Rename the panel."""
        self._title.setText(title)

    def set_subtitle(self, subtitle: str) -> None:
        """Say of what the panel is."""
        if subtitle != self._subtitle.text():
            self._subtitle.setText(subtitle)

    def subtitle(self) -> str:
        """Return what the panel says it shows."""
        return self._subtitle.text()

    def add_switch(self, widget: QWidget) -> None:
        """Add a switch (segments, combo) left of the actions."""
        self._switches.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)

    def add_action(self, widget: QWidget) -> None:
        """Add an action (icon button) at the right end."""
        self._actions.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)

    @override
    def sizeHint(self) -> QSize:
        """Return its width and the fixed height: a dock's title bar goes by the hint."""
        return QSize(super().sizeHint().width(), self.minimumHeight())

    @override
    def minimumSizeHint(self) -> QSize:
        """Return its least width and the fixed height."""
        return QSize(super().minimumSizeHint().width(), self.minimumHeight())

    @Slot()
    def restyle(self) -> None:
        """Take the height from the theme in force."""
        self.setFixedHeight(theme().metric("sideHeader" if self._side else "panelHeader"))
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        QPainter(self).fillRect(self.rect(), theme().color("surface1"))
