"""A small dialog for the name, the tags and the notes of a run."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from seqstudio.runtime.notes import RunNotes, clean_tags
from seqstudio.studio.widgets import TextField


class RunDialog(QDialog):
    """Name, tags and notes.

    Signals:
        wanted(str, object): the name, and the tags and notes as `RunNotes`.
    """

    wanted = Signal(str, object)

    def __init__(self, name: str, notes: RunNotes, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(name)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.name = TextField(name, name="Name")
        self.tags = TextField(", ".join(notes.tags), name="Tags, with commas between")
        self.notes = QPlainTextEdit(notes.text)
        self.notes.setAccessibleName("Notes")
        self.notes.setTabChangesFocus(True)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        form = QFormLayout()
        form.addRow("Name", self.name)
        form.addRow("Tags", self.tags)
        form.addRow("Notes", self.notes)
        rows = QVBoxLayout(self)
        rows.addLayout(form)
        rows.addWidget(self.buttons)
        self.setMinimumWidth(420)
        self.buttons.accepted.connect(self._finish)
        self.buttons.rejected.connect(self.reject)

    @Slot()
    def _finish(self) -> None:
        notes = RunNotes(self.notes.toPlainText(), clean_tags([self.tags.text()]))
        self.wanted.emit(self.name.text().strip(), notes)
        self.accept()
