"""What the sound device's thread does: read a prepared buffer by index.

Nothing here locks, opens files or builds arrays while sound runs. The controlling thread hands
over a whole new `Cue` by one assignment; the device's thread sees it at its next block.

Shape legend: n = frames of the loaded sound; buffers are (frames, 2), float32.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Fade before and after every jump, pause and stop.
FADE_S = 0.02
_SEAM_S = 0.002
_BLOCK = 1024


def _nothing() -> NDArray[np.float32]:
    return np.zeros((0, 2), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Cue:
    """What to play from where; two cues are equal only when they are the same object.

    Attributes:
        samples: (n, 2) float32.
        start: Frame at which to begin, or to rest.
        loop: Frames [first, end) to repeat, None for none. A start behind the end plays on.
        rolling: False to rest at `start`.
    """

    samples: NDArray[np.float32] = field(default_factory=_nothing)
    start: int = 0
    loop: tuple[int, int] | None = None
    rolling: bool = False

    @property
    def loops(self) -> bool:
        """Whether the sound will come to the end of the loop."""
        return self.loop is not None and self.loop[0] < self.loop[1] and self.start < self.loop[1]

    def frame_at(self, played: int) -> int:
        """Return the place in the sound, 0 to n, after `played` frames of playing."""
        if not self.rolling:
            return self.start
        frame = self.start + played
        if self.loop is not None and self.loops and frame >= self.loop[1]:
            first, end = self.loop
            return first + (frame - end) % (end - first)
        return min(frame, len(self.samples))

    def plays_at(self, played: int) -> bool:
        """Tell whether there is sound left after `played` frames of playing."""
        return self.rolling and (self.loops or self.start + played < len(self.samples))


class Tape:
    """Fills the device's buffers from the cue; one thread calls `fill`, another sets `target`.

    Attributes:
        target: The newest cue. Set it from any thread.
        volume: Linear gain, 0 to 1. Set it from any thread; changes are smoothed.
    """

    def __init__(self, rate: int) -> None:
        self.target = Cue()
        self.volume = 1.0
        self._cue = self.target
        self._played = 0
        fade = max(1, round(FADE_S * rate))
        self._fade = (np.arange(1, fade + 1, dtype=np.float32) / (fade + 1))[:, None]
        self._level = 0
        seam = max(1, round(_SEAM_S * rate))
        self._seam = (np.arange(seam, dtype=np.float32) / seam)[:, None]
        self._gain = 1.0
        self._unit = (np.arange(_BLOCK, dtype=np.float32) / _BLOCK)[:, None]
        self._scratch = np.zeros((_BLOCK, 1), np.float32)

    def heard(self, delay: int) -> int:
        """Return the frame of the newest cue that was handed over `delay` frames ago."""
        cue = self.target
        return cue.frame_at(self._behind(cue, delay))

    def sounds(self, delay: int) -> bool:
        """Tell whether the newest cue still had sound `delay` frames ago."""
        cue = self.target
        return cue.plays_at(self._behind(cue, delay))

    def _behind(self, cue: Cue, delay: int) -> int:
        # A cue that has not been taken up yet has played nothing.
        return max(0, self._played - delay) if cue is self._cue else 0

    def settle(self) -> None:
        """Take up the newest cue in silence; only while no device calls `fill`."""
        self._level = 0
        self._take(self.target)

    def fill(self, out: NDArray[np.float32]) -> None:
        """Write the next frames into `out`, (frames, 2)."""
        for start in range(0, len(out), _BLOCK):
            block = out[start : start + _BLOCK]
            self._fill_block(block)
            self._turn_volume(block)

    def _fill_block(self, out: NDArray[np.float32]) -> None:
        target = self.target
        done = 0
        if self._cue is not target:
            done = self._fade_out(out)
            if self._level:
                return
            self._take(target)
        if target.rolling:
            self._roll(out[done:])
            self._fade_in(out[done:])
        else:
            out[done:] = 0

    def _take(self, cue: Cue) -> None:
        # Readers compare the cue first: the count must be zero before they see the new one.
        self._played = 0
        self._cue = cue

    def _fade_out(self, out: NDArray[np.float32]) -> int:
        """Let the old cue die away; return how many frames that took."""
        if not self._cue.rolling:
            self._level = 0
        count = min(self._level, len(out))
        self._roll(out[:count])
        out[:count] *= self._fade[self._level - count : self._level][::-1]
        self._level -= count
        return count

    def _fade_in(self, out: NDArray[np.float32]) -> None:
        count = min(len(self._fade) - self._level, len(out))
        out[:count] *= self._fade[self._level : self._level + count]
        self._level += count

    def _roll(self, out: NDArray[np.float32]) -> None:
        """Copy the next frames of the cue, zeros behind its end."""
        cue = self._cue
        done = 0
        while done < len(out):
            frame = cue.frame_at(self._played)
            end = cue.loop[1] if cue.loop is not None and cue.loops else len(cue.samples)
            end = min(end, len(cue.samples))
            count = min(len(out) - done, end - frame)
            if count <= 0:
                out[done:] = 0
                count = len(out) - done
            else:
                out[done : done + count] = cue.samples[frame : frame + count]
                if cue.loops:
                    self._smooth_seam(out[done : done + count], cue, frame)
            done += count
            self._played += count

    def _smooth_seam(self, out: NDArray[np.float32], cue: Cue, frame: int) -> None:
        """Fade the last frames before the jump of a loop and the first ones after it."""
        assert cue.loop is not None
        first, end = cue.loop
        seam = min(len(self._seam), end - first)
        lead = end - seam - frame
        if lead < len(out):
            skip = max(0, lead)
            at = seam - (frame + skip - (end - seam))
            part = out[skip:]
            part *= self._seam[at - len(part) : at][::-1]
        into = frame - first
        jumped = cue.start + self._played >= end
        if jumped and into < seam:
            count = min(seam - into, len(out))
            out[:count] *= self._seam[into : into + count]

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
