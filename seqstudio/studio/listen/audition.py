"""`Audition`: lets a note be heard for a moment when it is drawn or moved in pitch."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Slot

from seqstudio.music.score import Note
from seqstudio.music.synth import INSTRUMENTS
from seqstudio.studio.listen.sound import ListenSession

_HELD_MS = 250
_RING_MS = 1500


class Audition(QObject):
    """Single notes beside the tune, with the instrument of their track.

    Args:
        listen: Whose output and instruments are used.
    """

    def __init__(self, listen: ListenSession, parent: QObject) -> None:
        super().__init__(parent)
        self._listen = listen
        self._pitch: int | None = None
        self._release = QTimer(self, interval=_HELD_MS, singleShot=True)
        self._release.timeout.connect(self._let_go)
        self._rest = QTimer(self, interval=_RING_MS, singleShot=True)
        self._rest.timeout.connect(self._stop)

    def hear(self, note: Note) -> None:
        """Sound a note now; while the tune plays it is heard there anyway."""
        listen = self._listen
        if listen.playing:
            return
        listen.open_sound()
        part = next((each for each in listen.parts if each.voice == note.voice), None)
        self._let_go()
        self._pitch = note.pitch
        listen.sequencer.set_live(True)
        instrument = part.instrument if part is not None else INSTRUMENTS[0]
        listen.sequencer.note_on(note.pitch, note.velocity, instrument)
        self._release.start()
        self._rest.start()

    @Slot()
    def _let_go(self) -> None:
        if self._pitch is not None:
            self._listen.sequencer.note_off(self._pitch)
            self._pitch = None

    @Slot()
    def _stop(self) -> None:
        """Nothing rings any more: the output need not run."""
        self._listen.sequencer.set_live(False)
