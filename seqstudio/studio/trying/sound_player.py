"""`SoundPlayer`: plays a stretch of samples through the sound device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from seqstudio.audio.output import NullOutput, Output, open_output
from seqstudio.core.errors import DeviceError
from seqstudio.studio.listen.chores import Chores

_TICK_MS = 20
_GAIN = 0.8


class SoundPlayer(QObject):
    """Plays mono samples of any rate; a second call of `play` begins with the new ones.

    Attributes:
        message: Why nothing is heard, "" with sound or before it was tried.

    Signals:
        changed: It plays, has ended, or has something to say.
        moved(float): seconds of the stretch that were heard.
    """

    changed = Signal()
    moved = Signal(float)

    def __init__(
        self,
        opener: Callable[[], tuple[Output, str]] = open_output,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.message = ""
        self._opener = opener
        self._output: Output | None = None
        self._opening = False
        self._chores = Chores()
        self._wanted: tuple[NDArray[np.float32], int] | None = None
        self._frames = np.zeros((0, 2), np.float32)
        self._sent = self._began = 0
        self._clock = QTimer(self)
        self._clock.setInterval(_TICK_MS)
        self._clock.timeout.connect(self._tick)

    @property
    def playing(self) -> bool:
        """Whether something is heard, or will be as soon as the device is open."""
        return self._wanted is not None or len(self._frames) > 0

    def play(self, samples: NDArray[np.floating], rate: int) -> None:
        """Play samples (n,) from -1 to 1 at `rate` a second."""
        self.stop()
        if not len(samples):
            return
        self._wanted = np.asarray(samples, np.float32), rate
        if self._output is None and not self._opening:
            self._opening = True
            self._chores.add(self._opener, self._opened)
        self._clock.start()
        self.changed.emit()

    def stop(self) -> None:
        """Be silent."""
        self._wanted = None
        if len(self._frames) and self._output is not None:
            self._output.flush()
        self._frames = np.zeros((0, 2), np.float32)
        self.changed.emit()

    def close(self) -> None:
        """Let go of the device."""
        self._clock.stop()
        self._chores.close()
        self._wanted = None
        if self._output is not None:
            self._output.close()
            self._output = None

    def _opened(self, found: tuple[Output, str]) -> None:
        self._output, self.message = found

    @Slot()
    def _tick(self) -> None:
        self._chores.collect()
        output = self._output
        if output is None:
            return
        if self._wanted is not None:
            self._begin(output, *self._wanted)
        try:
            self._feed(output)
        except DeviceError as error:
            self._lost(output, error)
        if not self.playing:
            self._clock.stop()

    def _begin(self, output: Output, samples: NDArray[np.float32], rate: int) -> None:
        self._wanted = None
        count = max(1, round(len(samples) * output.rate / rate))
        at = np.arange(count) * rate / output.rate
        mono = np.interp(at, np.arange(len(samples)), samples).astype(np.float32) * _GAIN
        self._frames = np.stack([mono, mono], 1)
        self._sent, self._began = 0, output.written
        output.start()
        self.changed.emit()

    def _feed(self, output: Output) -> None:
        if not len(self._frames):
            output.serve()
            return
        room = output.room
        if room and self._sent < len(self._frames):
            block = self._frames[self._sent : self._sent + room]
            output.write(block)
            self._sent += len(block)
        elif room:
            output.skip(room)  # what is behind the end pushes it out of the device
        output.serve()
        heard = output.heard - self._began
        self.moved.emit(min(heard, len(self._frames)) / output.rate)
        if heard >= len(self._frames):
            self.stop()

    def _lost(self, output: Output, error: DeviceError) -> None:
        self.message = f"{error.what[:1].upper()}{error.what[1:]}: {error.hint or error.why}."
        self._frames = np.zeros((0, 2), np.float32)
        output.close()
        self._output, self._opening = NullOutput(), False
        self.changed.emit()
