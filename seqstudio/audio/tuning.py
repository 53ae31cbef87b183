"""Tones made before they are needed: a rare one takes most of a second, a block has 10 ms."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from seqstudio.music.synth.instruments import has_tone, tone_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Instrument and pitch.
Key = tuple[str, int]


class Tuning:
    """Makes tones in a thread of its own, in the order of the wishes.

    Args:
        rate: Frames a second.

    Attributes:
        told: Called, in that thread, whenever a tone is ready.
    """

    def __init__(self, rate: int) -> None:
        self.told: Callable[[], None] = lambda: None
        self._rate = rate
        self._wishes: list[Key] = []
        self._closing = False
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def ready(self, key: Key) -> bool:
        """Tell whether a tone can be played at once."""
        return has_tone(*key, self._rate)

    def wish(self, keys: Iterable[Key]) -> None:
        """Make these tones, the first ones first; earlier wishes are forgotten."""
        self._wishes = [key for key in dict.fromkeys(keys) if not self.ready(key)]
        if self._wishes and self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="seqstudio-tones", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """Make no more tones."""
        self._closing = True
        self._wake.set()

    def _run(self) -> None:
        while not self._closing:
            wishes = self._wishes
            key = next((each for each in wishes if not self.ready(each)), None)
            if key is None:
                self._wake.wait()
                self._wake.clear()
                continue
            tone_of(*key, self._rate)
            self.told()
