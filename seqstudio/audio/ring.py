"""The buffer between the thread that makes sound and the one that plays it.

One thread writes, one reads, nobody waits for a lock: each index is changed by one side only.
Nothing in `read` opens files, takes locks or builds arrays that grow with the sound.

Shape legend: buffers are (frames, 2), float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Fade before silence.
FADE_S = 0.02
_BLOCK = 1024


class Ring:
    """Frames on their way to the device.

    Frames are counted without end; the buffer holds the newest `seconds` of them. Writing further
    ahead of the reader than half of that is not foreseen.

    Attributes:
        volume: Linear gain, 0 to 1. Set it from any thread; changes are smoothed.
        short: How often the reader found less than it wanted while sound was due.
        due: Whether the writer has promised to be in time. Set by the writer.
        taken: Frames taken by the reader, dropped ones included.
        written: Frames written.
    """

    def __init__(self, rate: int, seconds: float = 4.0) -> None:
        self.volume = 1.0
        self.short = 0
        self.due = False
        self.taken = 0
        self.written = 0
        self._dropped = 0
        self._frames = np.zeros((round(rate * seconds), 2), np.float32)
        fade = max(1, round(FADE_S * rate))
        self._fade = (np.arange(fade, 0, -1, dtype=np.float32) / (fade + 1))[:, None]
        self._fading = 0
        self._gain = 1.0
        self._unit = (np.arange(_BLOCK, dtype=np.float32) / _BLOCK)[:, None]
        self._scratch = np.zeros((_BLOCK, 1), np.float32)

    @property
    def ahead(self) -> int:
        """Frames that are written and neither taken nor dropped."""
        return self.written - max(self.taken, self._dropped)

    @property
    def fresh(self) -> int:
        """Frames written since the last drop."""
        return self.written - self._dropped

    @property
    def since_drop(self) -> int:
        """Frames taken since the last drop."""
        return max(0, self.taken - self._dropped)

    # The writer's side

    def write(self, block: NDArray[np.float32]) -> None:
        """Append frames, (n, 2)."""
        size = len(self._frames)
        place = self.written % size
        first = min(len(block), size - place)
        self._frames[place : place + first] = block[:first]
        self._frames[: len(block) - first] = block[first:]
        self.written += len(block)  # last: the reader must not see frames before they are there

    def drop(self) -> None:
        """Let what is written die away within the fade instead of being heard."""
        self.due = False
        self._dropped = self.written

    def settle(self) -> None:
        """Drop without a fade; only while nobody reads."""
        self.taken = max(self.taken, self._dropped)
        self._fading = 0

    # The reader's side

    def read(self, out: NDArray[np.float32]) -> None:
        """Fill `out`, (frames, 2), with what comes next, zeros where there is nothing."""
        for start in range(0, len(out), _BLOCK):
            block = out[start : start + _BLOCK]
            self._read_block(block)
            self._turn_volume(block)

    def _read_block(self, out: NDArray[np.float32]) -> None:
        done = self._die_away(out) if self.taken < self._dropped else 0
        due = self.due
        rest = out[done:]
        count = min(len(rest), self.written - self.taken) if due else 0
        self._copy(rest[:count])
        rest[count:] = 0
        if due and count < len(rest):
            self.short += 1

    def _die_away(self, out: NDArray[np.float32]) -> int:
        """Fade what was dropped; return how many frames that took."""
        dropped = self._dropped
        left = min(len(self._fade) - self._fading, dropped - self.taken)
        count = min(left, len(out))
        self._copy(out[:count])
        out[:count] *= self._fade[self._fading : self._fading + count]
        self._fading += count
        if count == left:
            self.taken, self._fading = dropped, 0
        return count

    def _copy(self, out: NDArray[np.float32]) -> None:
        size = len(self._frames)
        place = self.taken % size
        first = min(len(out), size - place)
        out[:first] = self._frames[place : place + first]
        out[first:] = self._frames[: len(out) - first]
        self.taken += len(out)

    def _turn_volume(self, out: NDArray[np.float32]) -> None:
        wanted, now = self.volume, self._gain
        if wanted == now:
            out *= now
            return
        ramp = self._scratch[: len(out)]
        np.multiply(self._unit[: len(out)], (wanted - now) * _BLOCK / len(out), out=ramp)
        ramp += now
        out *= ramp
        self._gain = wanted
