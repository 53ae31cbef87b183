"""Where sound goes: a device, or nowhere at the same pace.

Both outputs have one clock, the number of frames heard, so that play, pause, seek, loop and the
playhead behave alike with and without sound.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from seqstudio.audio.ring import Ring
from seqstudio.core.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

RATE = 44_100
#: What the device holds, unless somebody plays along.
LATENCY_S = 0.2
#: What the device holds while a keyboard is played: less safe, but it can be played with.
LIVE_LATENCY_S = 0.04
#: Frames are made this far ahead of the device.
LEAD_S = 0.25
LIVE_LEAD_S = 0.04
#: Above this much sound under way in the device, a flush throws it away instead of fading.
_FLUSH_ABOVE_S = 0.07
#: A device that asks for nothing for so long is gone; slow ones begin after two seconds.
_SILENT_S = 4.0


class Output(Protocol):
    """A place for sound, with a clock of frames.

    One thread writes; `serve` belongs to the same thread. Everything else may be called from any
    thread that keeps the writer away meanwhile.

    Attributes:
        volume: Linear gain, 0 to 1.
    """

    volume: float

    @property
    def rate(self) -> int:
        """Frames a second."""

    @property
    def sounding(self) -> bool:
        """Whether anybody hears what is written; if not, only its length counts."""

    @property
    def written(self) -> int:
        """Frames written, those that a flush threw away taken off."""

    @property
    def heard(self) -> int:
        """Frames of those written that have been heard."""

    @property
    def room(self) -> int:
        """Frames that are wanted now, 0 when it is far enough ahead."""

    def write(self, block: NDArray[np.float32]) -> None:
        """Append frames, (n, 2)."""

    def skip(self, frames: int) -> None:
        """Append frames of silence; for outputs that nobody hears."""

    def start(self) -> None:
        """Play what is written, and what will be."""

    def flush(self) -> None:
        """Throw away what has not been heard and rest: silent within 100 ms."""

    def serve(self) -> None:
        """Do what the device was asked for; may take a while.

        Raises:
            DeviceError: The device does not answer, or is gone.
        """

    def close(self) -> None:
        """Let go of the device; the output is of no use afterwards."""


class NullOutput:
    """An output without sound, paced by a clock.

    Args:
        rate: Frames a second.
        clock: Seconds from any origin, never falling.
    """

    sounding = False

    def __init__(self, rate: int = RATE, clock: Callable[[], float] = time.monotonic) -> None:
        self.volume = 1.0
        self.written = 0
        self._rate = rate
        self._clock = clock
        self._began_s: float | None = None
        self._base = 0

    @property
    def rate(self) -> int:
        """Frames a second."""
        return self._rate

    @property
    def heard(self) -> int:
        """Frames that would have been heard."""
        return min(self._now(), self.written)

    @property
    def room(self) -> int:
        """Frames that time has passed over and nobody has written."""
        return max(0, self._now() - self.written)

    def write(self, block: NDArray[np.float32]) -> None:
        """Count frames."""
        self.written += len(block)

    def skip(self, frames: int) -> None:
        """Count frames."""
        self.written += frames

    def start(self) -> None:
        """Let the clock run."""
        if self._began_s is None:
            self._began_s = self._clock()

    def flush(self) -> None:
        """Rest at what has been heard."""
        self._base = self.written = self.heard
        self._began_s = None

    def serve(self) -> None:
        """Do nothing: there is no device."""

    def close(self) -> None:
        """Rest; there is nothing to let go of."""
        self.flush()

    def _now(self) -> int:
        if self._began_s is None:
            return self._base
        return self._base + int((self._clock() - self._began_s) * self._rate)


class SoundOutput:
    """The default sound device.

    Args:
        sounddevice: The imported module of that name, or one like it.
        rate: Frames a second.
        latency_s: How much sound the device shall hold.
        clock: Seconds from any origin, never falling.

    Raises:
        DeviceError: There is no device, or it refuses the rate.
    """

    sounding = True

    def __init__(
        self,
        sounddevice: Any,
        rate: int = RATE,
        latency_s: float = LATENCY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ring = Ring(rate)
        self._rate = rate
        self._clock = clock
        self._error: type[Exception] = sounddevice.PortAudioError
        #: How often the device itself said that it ran dry.
        self.device_underflows = 0
        live = latency_s <= LIVE_LATENCY_S
        self._lead = round((LIVE_LEAD_S if live else LEAD_S) * rate)
        self._base = 0
        self._wanted = self._abort = False
        self._mark = (0, 0.0, 0)
        self._served_s = 0.0
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=rate,
                channels=2,
                dtype="float32",
                latency=latency_s,
                callback=self._fill,
            )
        except (self._error, ValueError) as error:
            raise DeviceError("the sound device does not open", str(error)) from error
        self._delay = round(float(self._stream.latency) * rate)

    @property
    def volume(self) -> float:
        """Linear gain, 0 to 1."""
        return self._ring.volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._ring.volume = volume

    @property
    def rate(self) -> int:
        """Frames a second."""
        return self._rate

    @property
    def underflows(self) -> int:
        """How often the device ran dry, or got less than it asked for."""
        return self.device_underflows + self._ring.short

    @property
    def written(self) -> int:
        """Frames written, those that a flush threw away taken off."""
        return self._base + self._ring.fresh

    @property
    def heard(self) -> int:
        """Frames that have left the device, its delay taken off.

        Between two questions of the device the clock goes on by the time that passes.
        """
        taken, at_s, block = self._mark
        since = self._ring.since_drop
        if not since:
            return self._base
        if taken == self._ring.taken:
            since += min(block, int((self._clock() - at_s) * self._rate))
        return self._base + min(max(0, since - self._delay), self.written - self._base)

    @property
    def room(self) -> int:
        """Frames that are missing from the lead."""
        return max(0, self._lead - self._ring.ahead) if self._wanted else 0

    def write(self, block: NDArray[np.float32]) -> None:
        """Append frames, (n, 2)."""
        self._ring.write(block)

    def skip(self, frames: int) -> None:
        """Append silence."""
        self._ring.write(np.zeros((frames, 2), np.float32))

    def start(self) -> None:
        """Ask for the device; it begins as soon as the lead is filled, see `serve`."""
        self._wanted = True

    def flush(self) -> None:
        """Let the sound die away; what the device still holds is thrown away by `serve`."""
        heard = self.heard
        self._abort = self._abort or (self._wanted and self._delay > _FLUSH_ABOVE_S * self._rate)
        self._wanted = False
        self._ring.drop()
        self._base = heard

    def serve(self) -> None:
        """Start or stop the device; notice when it is gone.

        Raises:
            DeviceError: It does not answer, or is gone.
        """
        try:
            if self._abort:
                self._abort = False
                self._stream.abort()
                self._ring.settle()
            if self._wanted:
                self._serve_wanted()
        except self._error as error:
            raise DeviceError(
                "the sound device does not answer", str(error), "check that it is connected"
            ) from error

    def _serve_wanted(self) -> None:
        now = self._clock()
        if self._ring.due:
            silent_s = now - max(self._mark[1], self._served_s)
            if not self._stream.active or silent_s > _SILENT_S:
                raise DeviceError("the sound device is gone", "", "check that it is connected")
        elif not self.room:
            self._ring.due, self._served_s = True, now
            if not self._stream.active:
                self._stream.start()

    def close(self) -> None:
        """Stop and close the stream."""
        self._wanted = self._ring.due = False
        self._stream.close()

    def _fill(
        self,
        out: NDArray[np.float32],
        frames: int,
        _times: object,
        status: Any,
    ) -> None:
        if status:
            self.device_underflows += 1
        self._ring.read(out)
        self._mark = (self._ring.taken, self._clock(), frames)


def open_output(rate: int = RATE, latency_s: float = LATENCY_S) -> tuple[Output, str]:
    """Open the sound device, or an output without sound.

    Returns:
        The output and a sentence for the user: "" with sound, else what is missing and what to
        do about it.
    """
    try:
        sounddevice = import_module("sounddevice")
    except OSError:
        return NullOutput(rate), (
            "No sound: the PortAudio library is missing. Install libportaudio2 (on Linux, with "
            "the package manager) and start again; saving as WAV works without it."
        )
    except ImportError:
        return NullOutput(rate), (
            "No sound: the Python package sounddevice is missing. Install it and start again; "
            "saving as WAV works without it."
        )
    try:
        return SoundOutput(sounddevice, rate, latency_s), ""
    except DeviceError:
        return NullOutput(rate), (
            "No sound: no sound device was found. Connect one and start again; saving as WAV "
            "works without it."
        )
