"""`TextChoice`: which text the cells are shown over, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from seqstudio.core.errors import DataError, SeqError
from seqstudio.core.files import read_text
from seqstudio.studio.widgets import ComboField, Label

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

PROJECT, HELD_OUT, CLIPBOARD, FILE = "project", "held-out", "clipboard", "file"
LENGTHS = (500, 1_000, 2_000, 5_000, 10_000)
USUAL = 2_000
SLACK = 2
"""A longer text than can be read is kept up to so many times the most, to say what is left out."""


class TextChoice(QWidget):
    """A line with two choices: whose text, and at most how many tokens.

    Signals:
        changed(): another text, or more or less of it.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._mine, self._name = "", ""
        self._given = ""
        self._source = ComboField(name="Text")
        self._length = ComboField(
            [(steps, f"{steps:,} tokens") for steps in LENGTHS], USUAL, name="Length"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 0)
        row.setSpacing(8)
        row.addWidget(Label("Text", "small", "textMid"))
        row.addWidget(self._source, 2)
        row.addWidget(self._length, 1)
        row.addStretch(1)
        self._source.committed.connect(self._chosen)
        self._length.committed.connect(self._length_chosen)
        self._chosen_source = PROJECT
        self.show_texts()

    @property
    def steps(self) -> int:
        """Most tokens to read."""
        return int(str(self._length.value()))

    def text(self) -> str | None:
        """Return the text to read, "" for the held-out part, None for the project's own."""
        if self._chosen_source in (CLIPBOARD, FILE):
            return self._mine
        return "" if self._chosen_source == HELD_OUT else None

    def show_texts(self) -> None:
        """Bring the choices up to date with the project."""
        probe = self._session.project.sampling.probe_text
        options: list[tuple[object, str]] = []
        if probe:
            options.append((PROJECT, f"Text to look at: “{_short(probe)}”"))
        options.append((HELD_OUT if probe else PROJECT, "Held-out text"))
        if self._mine:
            options.append((self._kind(), self._name))
        options += [("take-clipboard", "From the clipboard"), ("take-file", "From a file…")]
        if self._chosen_source == HELD_OUT and not probe:
            self._chosen_source = PROJECT
        offer(self._source, options, self._chosen_source)

    def _kind(self) -> str:
        return self._chosen_source if self._chosen_source in (CLIPBOARD, FILE) else CLIPBOARD

    @Slot(object)
    def _length_chosen(self, _steps: object) -> None:
        self.changed.emit()

    @Slot(object)
    def _chosen(self, choice: object) -> None:
        if choice == "take-clipboard":
            self.take(QGuiApplication.clipboard().text(), "Clipboard", CLIPBOARD)
        elif choice == "take-file":
            self._source.set_value(self._chosen_source)
            self._open_file()
        else:
            self._chosen_source = str(choice)
            self.changed.emit()

    def take(self, text: str, name: str, source: str = CLIPBOARD) -> None:
        """Read a text that is no part of the project; an empty one is refused with words."""
        if not text:
            error = DataError("There is no text on the clipboard", "", "Copy a text first")
            self._session.tell(error)
            self._source.set_value(self._chosen_source)
            return
        self._mine = text[: SLACK * max(LENGTHS)]
        self._name, self._chosen_source = f"{name}: “{_short(text)}”", source
        self.show_texts()
        self.changed.emit()

    def _open_file(self) -> None:
        dialog = QFileDialog(self, "Read a text", "", "Text (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.take_file)
        dialog.open()

    @Slot(str)
    def take_file(self, path: str) -> None:
        """Read a file; what is wrong with it is told in words."""
        try:
            self.take(read_text(Path(path)), Path(path).name, FILE)
        except SeqError as error:
            self._session.tell(error)


def offer(field: ComboField, options: Sequence[tuple[object, str]], value: object) -> None:
    """Give a field other choices; one that has them already is left alone: it may be open."""
    if field.property("offered") != repr(options):
        field.setProperty("offered", repr(options))
        field.set_options(options)
    if field.value() != value:
        field.set_value(value)


def _short(text: str, most: int = 24) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
