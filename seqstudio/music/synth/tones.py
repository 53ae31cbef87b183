"""Tones: what one pitch of one instrument sounds like, computed once and as far as it is needed.

Shape legend: n = frames. A tone has three layers, (3, n): the body of the sound, the edge that
velocity brings in, and the side, which is added on the left and taken away on the right. A tone
is made in chunks of a fixed length, so it never depends on who asks how many frames at a time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

CHUNK = 4096
LAYERS = 3
_CACHE_BYTES = 256 << 20


class Source(Protocol):
    """Makes a tone piece by piece."""

    def chunk(self, index: int) -> NDArray[np.float32]:
        """Return frames index·CHUNK up to (index + 1)·CHUNK, (layers, CHUNK)."""
        ...


class Tone:
    """A tone that grows while it is asked for; safe to share between threads.

    Attributes:
        release: (r,) gain of the frames after the note is let go, from 1 to 0; None for a sound
            that rings to its own end.
        length: Frames after which it is silent, None for a tone that lasts as long as held.
    """

    def __init__(
        self,
        source: Source,
        release: NDArray[np.float32] | None,
        *,
        attack: int = 1,
        loop: tuple[int, int] | None = None,
        length: int | None = None,
        layers: int = LAYERS,
    ) -> None:
        """Keep what makes the tone.

        Args:
            source: Makes the frames.
            release: See the class.
            attack: Frames of a smooth rise at the beginning.
            loop: First and last + 1 frame of a stretch that is repeated without end; the source
                is periodic from its first frame on.
            length: Frames of a tone that dies away, rounded up to whole chunks.
            layers: Layers that the source makes; 1 for a body alone.
        """
        self.release = release
        self.length = None if length is None else -(-max(1, length) // CHUNK) * CHUNK
        self._source, self._layers = source, layers
        self._rise = rise(attack)
        self._loop = loop
        self._chunks: list[NDArray[np.float32]] = []
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Memory of the frames made so far."""
        return len(self._chunks) * self._layers * CHUNK * 4

    def span(self, first: int, count: int) -> NDArray[np.float32]:
        """Return (layers, count) frames from `first` on; silence behind the end."""
        if self._loop is None or first + count <= self._loop[1]:
            return self._straight(first, count)
        start, end = self._loop
        parts = []
        while count:
            at = first if first < end else start + (first - start) % (end - start)
            part = self._straight(at, min(count, end - at))
            parts.append(part)
            first, count = first + part.shape[1], count - part.shape[1]
        return np.concatenate(parts, axis=1)

    def _straight(self, first: int, count: int) -> NDArray[np.float32]:
        index, at = divmod(first, CHUNK)
        parts = []
        while count:
            part = self._chunk(index)[:, at : at + count]
            parts.append(part)
            index, at, count = index + 1, 0, count - part.shape[1]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _chunk(self, index: int) -> NDArray[np.float32]:
        if index >= len(self._chunks):
            with self._lock:
                while index >= len(self._chunks):
                    self._chunks.append(self._made(len(self._chunks)))
        return self._chunks[index]

    def _made(self, index: int) -> NDArray[np.float32]:
        first = index * CHUNK
        if self.length is not None and first >= self.length:
            return np.zeros((self._layers, CHUNK), np.float32)
        made = self._source.chunk(index)
        part = self._rise[first : first + CHUNK]
        made[:, : len(part)] *= part
        if self.length is not None and first + CHUNK >= self.length:
            made *= rise(CHUNK)[::-1]
        return made


class Sampled:
    """A source that was made as a whole."""

    def __init__(self, frames: NDArray[np.float32]) -> None:
        """Keep (layers, n) frames."""
        self._frames = frames

    def chunk(self, index: int) -> NDArray[np.float32]:
        part = self._frames[:, index * CHUNK : (index + 1) * CHUNK]
        return np.pad(part, ((0, 0), (0, CHUNK - part.shape[1])))


class ToneCache:
    """Tones by what they are of, the ones not heard for longest forgotten above a size."""

    def __init__(self, limit_bytes: int = _CACHE_BYTES) -> None:
        """Keep tones up to a size in memory."""
        self._tones: OrderedDict[Hashable, Tone] = OrderedDict()
        self._limit = limit_bytes
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Tone]) -> Tone:
        """Return the tone of `key`, made anew if it is not kept."""
        with self._lock:
            tone = self._tones.get(key)
            if tone is not None:
                self._tones.move_to_end(key)
                return tone
        made = make()  # without the lock: who plays must not wait for a tone of somebody else
        with self._lock:
            tone = self._tones.setdefault(key, made)
            self._forget()
            return tone

    def has(self, key: Hashable) -> bool:
        """Tell whether a tone is kept."""
        return key in self._tones

    def _forget(self) -> None:
        total = sum(tone.bytes for tone in self._tones.values())
        while total > self._limit and len(self._tones) > 1:
            _key, tone = self._tones.popitem(last=False)
            total -= tone.bytes


def rise(frames: int) -> NDArray[np.float32]:
    """Return half a raised cosine of so many frames, from above 0 to 1."""
    count = max(1, frames)
    turned: NDArray[np.float64] = np.cos(np.pi * np.arange(1, count + 1) / count)
    return (0.5 - 0.5 * turned).astype(np.float32)


def dying(seconds: float, rate: int) -> NDArray[np.float32]:
    """Return a release: an exponential to -60 dB after `seconds`, its end joined to zero."""
    count = max(2, round(seconds * rate))
    fall: NDArray[np.float64] = np.exp(-6.9 * np.arange(count) / count)
    return (fall * rise(count)[::-1] ** 0.25).astype(np.float32)
