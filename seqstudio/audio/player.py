"""Transport for one sound: play, pause, stop, seek, loop, volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqstudio.audio.tape import Cue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.audio.output import Output


class Player:
    """Plays one loaded sound; every time is in seconds from its beginning.

    All calls belong to one thread and return at once. Where the device has gone away, every
    call that starts or moves the sound raises DeviceError.

    Args:
        output: Where the sound goes; the player closes it in `close`.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._samples = np.zeros((0, 2), np.float32)
        self._loop: tuple[int, int] | None = None

    @property
    def duration_s(self) -> float:
        """Length of the loaded sound."""
        return len(self._samples) / self._output.rate

    @property
    def position_s(self) -> float:
        """Place that is heard now, from the clock of the output."""
        return self._output.position / self._output.rate

    @property
    def playing(self) -> bool:
        """Whether sound is running and has not come to its end."""
        return self._output.playing

    @property
    def volume(self) -> float:
        """Linear gain, 0 to 1; what is set outside is brought inside."""
        return self._output.volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._output.volume = min(1.0, max(0.0, volume))

    @property
    def loop(self) -> tuple[float, float] | None:
        """Range in seconds that repeats, None for none.

        Setting it while playing does not interrupt the sound for longer than a fade. A range
        shorter than 10 ms counts as none.
        """
        if self._loop is None:
            return None
        return self._loop[0] / self._output.rate, self._loop[1] / self._output.rate

    @loop.setter
    def loop(self, range_s: tuple[float, float] | None) -> None:
        self._loop = None
        if range_s is not None:
            first, end = (self._frame(at_s) for at_s in sorted(range_s))
            self._loop = (first, end) if end - first >= 0.01 * self._output.rate else None
        self._cue(self._output.position, rolling=self.playing)

    def load(self, samples: NDArray[np.float32], rate: int) -> None:
        """Stop and take another sound; its loop is off.

        Args:
            samples: (n, 2) or (n,), -1 to 1. Not to be changed afterwards.
            rate: Frames a second. Another rate than the output's is converted by straight
                lines between samples; render at the output's rate to avoid that.

        Raises:
            ValueError: `samples` has another shape.
        """
        stereo = samples if samples.ndim == 2 else np.repeat(samples[:, None], 2, axis=1)
        if stereo.ndim != 2 or stereo.shape[1] != 2:
            msg = f"samples must be (n, 2) or (n,), not {samples.shape}"
            raise ValueError(msg)
        converted = _converted(stereo.astype(np.float32, copy=False), rate, self._output.rate)
        self._samples = converted
        self._loop = None
        self._cue(0, rolling=False)

    def play(self) -> None:
        """Play on; from the beginning when the end has been reached."""
        at = self._output.position
        if not self.playing:
            self._cue(0 if at >= len(self._samples) else at, rolling=True)

    def pause(self) -> None:
        """Rest where the sound is."""
        self._cue(self._output.position, rolling=False)

    def stop(self) -> None:
        """Rest at the beginning."""
        self._cue(0, rolling=False)

    def seek(self, position_s: float) -> None:
        """Jump, playing on if it was playing; places outside the sound are brought inside."""
        self._cue(self._frame(position_s), rolling=self.playing)

    def close(self) -> None:
        """Stop and let go of the output."""
        self.stop()
        self._output.close()

    def _frame(self, at_s: float) -> int:
        return min(len(self._samples), max(0, round(at_s * self._output.rate)))

    def _cue(self, frame: int, *, rolling: bool) -> None:
        self._output.cue(Cue(self._samples, frame, self._loop, rolling))


def _converted(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    if rate == wanted or not len(samples):
        return samples
    at = np.arange(round(len(samples) * wanted / rate)) * (rate / wanted)
    source = np.arange(len(samples))
    sides = [np.interp(at, source, samples[:, side]) for side in (0, 1)]
    return np.stack(sides, axis=1).astype(np.float32)
