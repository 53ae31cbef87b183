"""Text that is edited in place on the canvas."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget
from typing_extensions import override

from seqstudio.studio.theme import theme

LONGEST = 20_000


class NoteField(QPlainTextEdit):
    """The text of a note while it is edited; Enter starts a new line.

    Signals:
        written: The new text: Ctrl+Enter, or the focus went elsewhere. Esc closes without a word.
    """

    written = Signal(str)

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(text, parent)
        self._before = text
        self._open = True
        self.setAccessibleName("Text of the note")
        self.setFont(theme().font("body"))
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.selectAll()

    def _finish(self, keep: bool) -> None:
        if not self._open:
            return
        self._open = False
        text = self.toPlainText()[:LONGEST]
        parent = self.parentWidget()
        if parent is not None:
            parent.setFocus()  # first: hiding what has the focus counts as Tab
        self.hide()
        self.deleteLater()
        if keep and text != self._before:
            self.written.emit(text)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() == Qt.Key.Key_Escape:
            self._finish(keep=False)
        elif enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._finish(keep=True)
        else:
            super().keyPressEvent(event)

    @override
    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self._finish(keep=True)
