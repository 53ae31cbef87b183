"""My blocks: keeping blocks of the canvas, naming, deleting, and files for others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QMenu,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from seqstudio.blocks.check import title_of
from seqstudio.core.errors import SeqError
from seqstudio.document.library import LIMIT_HELP, LIMIT_TITLE, SUFFIX, Library, OwnBlock
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.canvas.own import OWN_KEY, add_own
from seqstudio.studio.palette import Palette
from seqstudio.studio.widgets import Label, TextField

_KINDS_OF_FILE = f"Blocks (*{SUFFIX} *.json)"


class OwnBlocksDesk(QObject):
    """Joins the library with the palette and the canvas."""

    def __init__(self, library: Library, palette: Palette, canvas: CanvasView) -> None:
        super().__init__(canvas)
        self.library = library
        self._palette, self._canvas = palette, canvas
        self.dialog: AboutBlock | None = None
        palette.own_menu_wanted.connect(self._open_menu)
        canvas.keep_wanted.connect(self.keep)
        self.destroyed.connect(library.changed.connect(self._show))
        self._show(())

    def _show(self, _names: tuple[str, ...]) -> None:
        blocks = {own.name: own for own in self.library.blocks()}
        self._palette.show_own(blocks)
        self._canvas.own_blocks = blocks
        for name, reason in self.library.broken:
            self._canvas.message.emit(f"{name} is left out: {reason}")

    @Slot(str)
    def keep(self, block_id: str) -> None:
        """Ask for title and help of a block on the canvas, then add it to the library."""
        block = self._canvas.editor.graph.blocks.get(block_id)
        if block is None:
            return

        def done(title: str, words: str) -> None:
            self._try(lambda: self.library.keep(block, title, words), f"{title} is in My blocks")

        self._ask("Keep in My blocks", title_of(block), "", done)

    def add(self, key: str) -> bool:
        """Add the own block that a key of the palette stands for; False for other keys."""
        own = self._canvas.own_blocks.get(key.removeprefix(OWN_KEY))
        if not key.startswith(OWN_KEY) or own is None:
            return False
        add_own(self._canvas, own)
        return True

    @Slot(str, QPoint)
    def _open_menu(self, name: str, at: QPoint) -> None:
        self.menu_for(name).popup(at)

    def menu_for(self, name: str) -> QMenu:
        """Return the menu of an own block, or with "" that of the family."""
        menu = QMenu(self._palette)
        menu.aboutToHide.connect(menu.deleteLater)
        own = self._canvas.own_blocks.get(name)
        if own is not None:
            menu.addAction("Add to the canvas", lambda: add_own(self._canvas, own))
            menu.addAction("Name and help…", lambda: self.describe(own))
            menu.addAction("Export…", lambda: self._choose_export(own))
            menu.addAction("Delete", lambda: self.delete(own))
            menu.addSeparator()
        menu.addAction("Import…", self._choose_import)
        return menu

    def describe(self, own: OwnBlock) -> None:
        """Ask for another title and help."""

        def done(title: str, words: str) -> None:
            self._try(lambda: self.library.describe(own.name, title, words), f"{title} is renamed")

        self._ask("Name and help", own.title, own.help, done)

    def delete(self, own: OwnBlock) -> None:
        """Take a block out of the library."""
        words = f"{own.title} is no longer in My blocks; on the canvas it stays"
        self._try(lambda: self.library.delete(own.name), words)

    def export(self, own: OwnBlock, path: Path) -> None:
        """Write a block to a file."""
        self._try(lambda: self.library.export(own.name, path), f"Written to {path.name}")

    def take(self, path: Path) -> None:
        """Add the block of a file to the library."""
        self._try(lambda: self.library.take(path), f"{path.name} is in My blocks")

    def _choose_export(self, own: OwnBlock) -> None:
        dialog = QFileDialog(self._palette, "Export the block", own.name + SUFFIX, _KINDS_OF_FILE)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.fileSelected.connect(lambda path: self.export(own, Path(path)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _choose_import(self) -> None:
        dialog = QFileDialog(self._palette, "Import a block", "", _KINDS_OF_FILE)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda path: self.take(Path(path)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _ask(self, heading: str, title: str, words: str, done: Callable[[str, str], None]) -> None:
        self.dialog = AboutBlock(heading, title, words, self._canvas.window())
        self.dialog.accepted.connect(self._accepted(self.dialog, done))
        self.dialog.finished.connect(self._closed)
        self.dialog.open()

    @staticmethod
    def _accepted(dialog: AboutBlock, done: Callable[[str, str], None]) -> Callable[[], None]:
        return lambda: done(dialog.title.text().strip(), dialog.words.toPlainText().strip())

    @Slot()
    def _closed(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
        self.dialog = None

    def _try(self, do: Callable[[], object], words: str) -> None:
        try:
            do()
        except SeqError as error:
            words = error.sentence()
        except KeyError:
            words = "That block is gone from My blocks"
        self._canvas.message.emit(words)


class AboutBlock(QDialog):
    """Title and help of an own block.

    Attributes:
        title: Field of the title.
        words: Field of the help.
    """

    def __init__(self, heading: str, title: str, words: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(heading)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        self.title = TextField(title, name="Title", parent=self)
        self.title.setMaxLength(LIMIT_TITLE)
        self.words = QPlainTextEdit(words[:LIMIT_HELP], self)
        self.words.setAccessibleName("Help")
        self.words.setPlaceholderText("What it is for")
        self.words.setTabChangesFocus(True)
        self.words.setFixedHeight(110)
        buttons = QDialogButtonBox(self)
        self.keep = buttons.addButton("Keep", QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        heads = [Label(word, "body", "textMid", parent=self) for word in ("Title", "Help")]
        for part in (heads[0], self.title, heads[1], self.words, buttons):
            column.addWidget(part)
        self.setMinimumWidth(420)
        self.title.textChanged.connect(self._named)
        self.title.selectAll()
        self.title.setFocus()

    @Slot(str)
    def _named(self, text: str) -> None:
        self.keep.setEnabled(bool(text.strip()))
