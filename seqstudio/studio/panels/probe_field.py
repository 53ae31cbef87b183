"""`ProbeField`: the text that the probes look at, and what the model does not know of it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from seqstudio.data.vocabulary import Vocabulary, name_of
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import Label, TextField

PAUSE_MS = 700
_SHOWN_NAMES = 8


class ProbeField(QWidget):
    """One line of text with its remarks below.

    Signals:
        chosen(str): the person pressed Enter, left the field or paused while typing.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = Label("Text to look at", "small", "textMid", parent=self)
        self.field = TextField("", mono=True, name="Text to look at", parent=self)
        self.field.setPlaceholderText("the beginning of the held-out text")
        self._note = Label("", "small", "warn", wrap=True, parent=self)
        self._note.hide()
        self._vocabulary: Vocabulary | None = None
        self._given = ""
        self._pause = QTimer(self, interval=PAUSE_MS, singleShot=True)
        self._pause.timeout.connect(self._finish)
        self.field.value_changed.connect(self._typed)
        self.field.committed.connect(self._finish)
        self._lay_out()
        follow_theme(self)

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(10)
        line.addWidget(self._name)
        line.addWidget(self.field, 1)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 8, 12, 4)
        rows.setSpacing(4)
        rows.addLayout(line)
        rows.addWidget(self._note)

    def set_vocabulary(self, vocabulary: Vocabulary | None) -> None:
        """Say which characters the model knows; None while that is not known."""
        if vocabulary is not self._vocabulary:
            self._vocabulary = vocabulary
            self._show_note()

    def set_text(self, text: str) -> None:
        """Show the text in force, unless the person is typing another one."""
        if text != self._given:
            self._given = text
            if not self._pause.isActive():
                self.field.set_value(text)
                self._show_note()

    def unknown(self) -> tuple[str, ...]:
        """Return the typed characters that the model does not know."""
        if self._vocabulary is None:
            return ()
        return self._vocabulary.unknown(self.field.value())

    def known(self, text: str) -> str:
        """Return a text without the characters that the model does not know."""
        if self._vocabulary is None:
            return text
        return self._vocabulary.decode(self._vocabulary.encode(text, skip_unknown=True))

    def note(self) -> str:
        """Return the remark below the field, "" for none."""
        return self._note.text()

    @Slot(str)
    def _typed(self, _text: str) -> None:
        self._show_note()
        self._pause.start()

    @Slot()
    def _finish(self, _text: str = "") -> None:
        self._pause.stop()
        text = self.field.value()
        if text != self._given:
            self._given = text
            self.chosen.emit(text)

    def _show_note(self) -> None:
        words = unknown_words(self.unknown()) or self._rare_words()
        self._note.setText(words)
        self._note.setVisible(bool(words))

    def _rare_words(self) -> str:
        rare = self._vocabulary.rare(self.field.value()) if self._vocabulary else ()
        shown = ", ".join(word.strip() for word in rare[:_SHOWN_NAMES])
        return f"Read as one sign for unknown words: {shown}" if rare else ""

    @Slot()
    def restyle(self) -> None:
        """Take the height of fields from the theme in force."""
        self.field.setFixedHeight(theme().metric("field"))


def unknown_words(symbols: Sequence[str]) -> str:
    """Return which characters were left out, "" for none."""
    if not symbols:
        return ""
    shown = ", ".join(name_of(symbol) for symbol in symbols[:_SHOWN_NAMES])
    more = len(symbols) - _SHOWN_NAMES
    rest = f" and {more} more" if more > 0 else ""
    return f"Left out, because the training text does not have them: {shown}{rest}"
