"""`FontField`: which SoundFont plays, chosen from a file and remembered for the next start."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings, Qt, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.widgets import Button, IconButton

_KEPT = "soundfont"
BUILT_IN = "Built-in instruments"


class FontField(QWidget):
    """The name of the font on a button that chooses another, and a cross that goes back.

    Args:
        listen: Who plays with it.
        settings: Where the file is remembered; None for those of the program.
    """

    def __init__(
        self,
        listen: ListenSession,
        settings: QSettings | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.listen = listen
        self._settings = settings or QSettings("seqstudio", "seqstudio")
        self.choose = Button(BUILT_IN, parent=self)
        self.choose.setToolTip("Play with a SoundFont (.sf2) of your own")
        self.back = IconButton("close", BUILT_IN, parent=self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.choose, 1)
        row.addWidget(self.back)
        self.choose.clicked.connect(self._ask)
        self.back.clicked.connect(self.forget)
        listen.sound_changed.connect(self.draw)
        self._take_kept()
        self.draw()

    def _take_kept(self) -> None:
        kept = Path(str(self._settings.value(_KEPT, "")))
        if kept.suffix and kept.is_file() and self.listen.font is None:
            self.listen.set_font(kept)

    @Slot()
    def _ask(self) -> None:
        dialog = QFileDialog(self, "Open a SoundFont", "", "SoundFonts (*.sf2)")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.take)
        dialog.open()

    @Slot(str)
    def take(self, name: str) -> None:
        """Play with a file, once it was read and found good."""
        self.listen.set_font(Path(name))

    @Slot()
    def forget(self) -> None:
        """Play with the built-in instruments again."""
        self._settings.remove(_KEPT)
        self.listen.set_font(None)

    @Slot()
    def draw(self) -> None:
        """Show what plays; a font that plays is remembered."""
        font = self.listen.font
        self.choose.setText(BUILT_IN if font is None else font.name)
        self.back.setVisible(font is not None)
        if font is not None:
            self._settings.setValue(_KEPT, str(font.path))
