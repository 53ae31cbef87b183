"""`PlayAlong`: notes that a person plays sound at once and are taken down as a phrase."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from seqstudio.studio.listen.phrase import Phrase
from seqstudio.studio.listen.sound import ListenSession

VELOCITY = 88
_IDLE_MS = 20_000


class PlayAlong(QObject):
    """What is played beside the tune.

    Attributes:
        phrase: What was taken down so far.
        taking: Whether notes are taken down; they sound in any case.

    Signals:
        changed(): a note came, or the phrase began anew.
    """

    changed = Signal()

    def __init__(
        self, listen: ListenSession, clock: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent or listen)
        self.listen = listen
        self.phrase = Phrase()
        self.taking = True
        self.clock = clock
        self._idle = QTimer(self, interval=_IDLE_MS, singleShot=True)
        self._idle.timeout.connect(self._rest)

    @Slot(int)
    def press(self, pitch: int, velocity: int = VELOCITY) -> None:
        """A key goes down: its note sounds."""
        self.listen.set_live_keys(True)
        self.listen.note_on(pitch, velocity)
        self._idle.start()
        if self.taking:
            self.phrase.press(pitch, velocity, self.clock())
            self.changed.emit()

    @Slot(int)
    def release(self, pitch: int) -> None:
        """A key comes up."""
        self.listen.note_off(pitch)
        if self.taking:
            self.phrase.release(pitch, self.clock())
            self.changed.emit()

    @Slot()
    def clear(self) -> None:
        """Begin a new phrase."""
        self.phrase.clear()
        self.changed.emit()

    @Slot()
    def _rest(self) -> None:
        """Nobody plays any more: the output need not run."""
        if not self.listen.session.closing:
            self.listen.set_live_keys(False)
