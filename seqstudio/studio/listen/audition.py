"""`Audition`: lets a note be heard for a moment when it is drawn or moved in pitch."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Slot

from seqstudio.audio.arrangement import Part
from seqstudio.audio.output import RATE
from seqstudio.music.score import Note
from seqstudio.music.synth import INSTRUMENTS, Sound
from seqstudio.studio.listen.sound import ListenSession

HELD_S = 0.25
_RING_MS = 1500


class Audition:
    """Single notes beside the tune, with the instrument of their track.

    Args:
        listen: Whose output and instruments are used.
    """

    def __init__(self, listen: ListenSession) -> None:
        self._listen = listen
        self._rest = QTimer(listen, interval=_RING_MS, singleShot=True)
        self._rest.timeout.connect(self._stop)

    def hear(self, note: Note) -> None:
        """Sound a note now; while the tune plays it is heard there anyway."""
        listen = self._listen
        if listen.playing:
            return
        listen.open_sound()
        part = next((each for each in listen.parts if each.voice == note.voice), None)
        part = part or Part(note.voice, INSTRUMENTS[0])
        frames = round(HELD_S * RATE)
        listen.sequencer.set_live(True)
        listen.sequencer.sound(
            Sound(note.pitch, note.velocity, frames, part.instrument, part.gain, part.pan)
        )
        self._rest.start()

    @Slot()
    def _stop(self) -> None:
        self._listen.sequencer.set_live(False)
