"""The left side of the Build page: the palette and the outline in one place."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.focus import give_focus
from seqstudio.studio.keys import follow_keys, keymap
from seqstudio.studio.outline import Outline
from seqstudio.studio.palette import WIDEST, Palette
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import IconButton, Segments

BLOCKS, OUTLINE = "blocks", "outline"


class LeftSide(QWidget):
    """Segments over palette and outline; a narrow window shows the palette's rail of icons.

    Args:
        palette: All blocks that can be added.
        outline: All blocks that are there.
    """

    def __init__(self, palette: Palette, outline: Outline, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Blocks and outline")
        self._palette, self._outline = palette, outline
        palette.set_titled(on=False)
        options = [(BLOCKS, "Blocks"), (OUTLINE, "Outline")]
        self.choice = Segments(options, name="Blocks or outline")
        self.choice.value_changed.connect(self.choose)
        self._head = QWidget(self)
        row = QHBoxLayout(self._head)
        row.setContentsMargins(12, 0, 8, 0)
        row.addWidget(self.choice)
        row.addStretch(1)
        self._open = IconButton("table", "Show the outline", size=32, parent=self)
        self._open.clicked.connect(self._show_outline)
        self._stack = QStackedWidget()
        self._stack.addWidget(palette)
        self._stack.addWidget(outline)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._head)
        column.addWidget(self._open, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._stack, 1)
        follow_theme(self)
        follow_keys(self)

    @property
    def narrow(self) -> bool:
        """Whether the window has no room for more than a rail."""
        return self._palette.narrow

    def shown(self) -> str:
        """Return which of the two is in front, "blocks" or "outline"."""
        return self.choice.value()

    def set_rail(self, narrow: bool) -> None:
        """Become a rail of icons for a narrow window, or a full side again."""
        self._palette.set_rail(narrow)
        self._fit()

    @Slot(str)
    def choose(self, name: str) -> None:
        """Bring the palette or the outline to the front; the outline is never a rail."""
        self.choice.set_value(name)
        self._stack.setCurrentIndex(0 if name == BLOCKS else 1)
        self._fit()

    @Slot()
    def _show_outline(self) -> None:
        self.choose(OUTLINE)
        give_focus(self._outline)

    def _fit(self) -> None:
        rail = self.narrow and self.shown() == BLOCKS
        self._head.setVisible(not rail)
        self._open.setVisible(rail)
        least = self._palette.minimumWidth() if rail else theme().metric("palette")
        self.setMinimumWidth(least)
        self.setMaximumWidth(least if rail else WIDEST)

    @Slot()
    def rekey(self) -> None:
        """Tell the key in force in the tool tip."""
        self._open.set_key(keymap().text("view.outline"))

    @Slot()
    def restyle(self) -> None:
        """Take the measures of the theme in force."""
        self._head.setFixedHeight(theme().metric("sideHeader"))
        self._fit()
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface1"))
