"""The metronome's click: two short tones, the higher one for the first beat of a bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LENGTH_S = 0.05
_ACCENT_HZ, _PLAIN_HZ = 1760.0, 1175.0
_LEVEL = 0.28


class Clicks:
    """Clicks that sound over the music; the same state goes on from block to block."""

    def __init__(self, rate: int) -> None:
        self._tones = {accent: _tone(rate, accent=accent) for accent in (True, False)}
        self._left: list[tuple[int, NDArray[np.float32]]] = []

    @property
    def ringing(self) -> bool:
        """Whether a click has not come to its end."""
        return bool(self._left)

    def strike(self, delay: int, *, accent: bool) -> None:
        """Begin a click `delay` frames behind the beginning of the next block."""
        self._left.append((delay, self._tones[accent]))

    def clear(self) -> None:
        """Be silent at once."""
        self._left.clear()

    def add_to(self, block: NDArray[np.float32]) -> None:
        """Add what sounds now to a block, (frames, 2)."""
        left = []
        for delay, tone in self._left:
            count = max(0, min(len(tone), len(block) - delay))
            block[delay : delay + count] += tone[:count, None]
            if count < len(tone):
                left.append((max(0, delay - len(block)), tone[count:]))
        self._left = left


def _tone(rate: int, *, accent: bool) -> NDArray[np.float32]:
    time_n = np.arange(round(_LENGTH_S * rate)) / rate
    wave = np.sin(2 * np.pi * (_ACCENT_HZ if accent else _PLAIN_HZ) * time_n)
    shape = np.exp(-time_n / 0.012) * np.minimum(1.0, time_n / 0.001)
    level = _LEVEL * (1.0 if accent else 0.7)
    tone_n: NDArray[np.float32] = (level * wave * shape * np.linspace(1, 0, len(time_n))).astype(
        np.float32
    )
    return tone_n
