"""`PhraseField`: a phrase played on keys, for the model to go on with."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from seqstudio.core.errors import SeqError
from seqstudio.music.score import Score
from seqstudio.studio.listen.phrase import barred, prompt_of
from seqstudio.studio.listen.piano_keys import PianoKeys
from seqstudio.studio.listen.play_along import PlayAlong
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.widgets import ElidedLabel, IconButton

_POLYPHONIC = {"events", "voices", "frames"}


class PhraseField(QWidget):
    """Piano keys and what was played on them, or on a MIDI keyboard.

    Signals:
        changed(): another phrase.
    """

    changed = Signal()

    def __init__(self, listen: ListenSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.listen = listen
        self.along = PlayAlong(listen, parent=self)
        self.keys = PianoKeys()
        self.words = ElidedLabel("", "small", "textMid")
        self.clear_button = IconButton("trash", "Play another phrase")
        self._recorded: Score | None = None
        line = QHBoxLayout()
        line.addWidget(self.words, 1)
        line.addWidget(self.clear_button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 4, 0, 4)
        rows.setSpacing(4)
        rows.addWidget(self.keys)
        rows.addLayout(line)
        self.keys.pressed.connect(self._pressed)
        self.keys.released.connect(self.along.release)
        self.along.changed.connect(self._changed)
        self.clear_button.clicked.connect(self.clear)
        listen.phrase_recorded.connect(self.set_phrase)
        self._tell()

    @Slot(int)
    def _pressed(self, pitch: int) -> None:
        self._recorded = None
        self.along.press(pitch)

    @Slot()
    def clear(self) -> None:
        """Forget what was played."""
        self._recorded = None
        self.along.clear()

    @Slot(object)
    def set_phrase(self, score: object) -> None:
        """Take a phrase that was played elsewhere."""
        if isinstance(score, Score) and score.notes:
            self._recorded = score
            self._changed()

    def score(self) -> Score:
        """Return the phrase at the tempo of the page."""
        if self._recorded is not None:
            return self._recorded if self._recorded.bar_starts else barred(self._recorded)
        take = self.listen.take
        meter = take.score.meter if take is not None else None
        played = self.along.phrase.so_far(self.along.clock())
        return played.score(self.listen.tempo_bpm, meter or (4, 4))

    def prompt(self) -> str:
        """Return the phrase as a text to go on with, "" without one."""
        coding = self.listen.coding
        if coding is None or not (self._recorded or self.along.phrase):
            return ""
        kind = (self.listen.session.run_project or self.listen.session.project).data.kind
        try:
            return prompt_of(self.score(), coding, melody=kind not in _POLYPHONIC)
        except SeqError:
            return ""

    @Slot()
    def _changed(self) -> None:
        self._tell()
        self.changed.emit()

    def _tell(self) -> None:
        recorded = len(self._recorded.notes) if self._recorded else self.along.phrase.count
        words = f"{recorded} note{'s' * (recorded != 1)}"
        self.words.setText(words if recorded else "Play a phrase: click here, then A W S E D F …")
        self.clear_button.setEnabled(bool(recorded))
