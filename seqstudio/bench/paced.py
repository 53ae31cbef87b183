"""A sound device without sound, paced as a real one is: for measuring glitches and delays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PERIOD_S = 0.01
_SILENT = 1e-5


class PortAudioError(Exception):
    """The error type that the output expects of its library."""


class PacedSounddevice:
    """The part of the module sounddevice that the output uses.

    Attributes:
        stream: The stream that was opened last.
    """

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        self.stream: PacedStream | None = None

    def OutputStream(self, **settings: Any) -> PacedStream:  # noqa: N802
        """Open the device."""
        self.stream = PacedStream(
            settings["samplerate"], settings["latency"], settings["callback"]
        )
        return self.stream


class PacedStream:
    """A device that holds `latency` seconds and plays them at its rate, in a thread of its own.

    When it finds nothing to play it notes an underflow, tells the next callback and goes on.

    Attributes:
        latency: Seconds that it holds.
        active: Whether it plays.
        underflows: How often it ran dry.
        played_s: Time it has played.
        handed_s: When it was last handed sound, by `time.monotonic`; 0 for never.
        first_s: When it was first handed sound since `listen_anew`, NaN while it was not.
        loud_until_s: When the last sound ends that it holds or has played.
    """

    def __init__(self, rate: int, latency: float, callback: Callable[..., None]) -> None:
        self.latency = float(latency)
        self.active = False
        self.underflows = 0
        self.played_s = 0.0
        self.first_s = float("nan")
        self.loud_until_s = 0.0
        self._rate = rate
        self._callback = callback
        self._thread: threading.Thread | None = None
        self._turn = 0

    def listen_anew(self) -> None:
        """Forget what was handed so far."""
        self.first_s = float("nan")

    def start(self) -> None:
        """Play."""
        self.active = True
        self._turn += 1
        self._thread = threading.Thread(target=self._run, args=(self._turn,), daemon=True)
        self._thread.start()

    def abort(self) -> None:
        """Throw away what is held and rest."""
        self.active = False
        self._turn += 1
        if self._thread is not None:
            self._thread.join()
        self.loud_until_s = min(self.loud_until_s, time.monotonic())

    def close(self) -> None:
        """Rest for good."""
        self.abort()

    def _run(self, turn: int) -> None:
        size = round(_PERIOD_S * self._rate)
        block = np.zeros((size, 2), np.float32)
        began, given, status = time.monotonic(), 0, ""
        last = began
        while turn == self._turn:
            now = time.monotonic()
            self.played_s += now - last
            last = now
            due = (now - began) * self._rate
            if given and due > given:
                self.underflows += 1
                status = "output underflow"
                began, due = now - given / self._rate, float(given)
            while given - due < self.latency * self._rate and turn == self._turn:
                self._callback(block, size, None, status)
                status = ""
                self._note(block, began + given / self._rate)
                given += size
            time.sleep(_PERIOD_S)

    def _note(self, block: NDArray[np.float32], heard_s: float) -> None:
        loud = np.flatnonzero(np.abs(block).max(axis=1) > _SILENT)
        if len(loud):
            if np.isnan(self.first_s):
                self.first_s = time.monotonic()
            self.loud_until_s = heard_s + (int(loud[-1]) + 1) / self._rate
