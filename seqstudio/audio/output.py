"""Where sound goes: a device, or nowhere at the same pace.

Both outputs have one clock, the number of frames played, so that play, pause, seek, loop and
the playhead behave alike with and without sound.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from seqstudio.audio.tape import Cue, Tape
from seqstudio.core.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

RATE = 44_100
LATENCY_S = 0.2
#: Above this much sound under way in the device, a pause throws it away instead of fading.
_FLUSH_ABOVE_S = 0.07


class Output(Protocol):
    """A place for sound, with a clock of frames.

    Attributes:
        volume: Linear gain, 0 to 1.
    """

    volume: float

    @property
    def rate(self) -> int:
        """Frames a second."""

    @property
    def position(self) -> int:
        """Frame of the cue that is heard now."""

    @property
    def playing(self) -> bool:
        """Whether the cue rolls and has not ended."""

    def cue(self, cue: Cue) -> None:
        """Go over to a cue: roll from its start, or rest there in silence within 100 ms.

        Raises:
            DeviceError: The device does not answer.
        """

    def close(self) -> None:
        """Let go of the device; the output is of no use afterwards."""


class NullOutput:
    """An output without sound, paced by a clock.

    Args:
        rate: Frames a second.
        clock: Seconds from any origin, never falling.
    """

    def __init__(self, rate: int = RATE, clock: Callable[[], float] = time.monotonic) -> None:
        self.volume = 1.0
        self._rate = rate
        self._clock = clock
        self._cue = Cue()
        self._began_s = 0.0

    @property
    def rate(self) -> int:
        """Frames a second."""
        return self._rate

    @property
    def position(self) -> int:
        """Frame that would be heard now."""
        return self._cue.frame_at(self._played())

    @property
    def playing(self) -> bool:
        """Whether the cue rolls and has not ended."""
        return self._cue.plays_at(self._played())

    def cue(self, cue: Cue) -> None:
        """Go over to a cue at once."""
        self._cue = cue
        self._began_s = self._clock()

    def close(self) -> None:
        """Rest; there is nothing to let go of."""
        self._cue = Cue()

    def _played(self) -> int:
        return int((self._clock() - self._began_s) * self._rate)


class SoundOutput:
    """The default sound device.

    Args:
        sounddevice: The imported module of that name, or one like it.
        rate: Frames a second.

    Raises:
        DeviceError: There is no device, or it refuses the rate.
    """

    def __init__(self, sounddevice: Any, rate: int = RATE) -> None:
        self._tape = Tape(rate)
        self._rate = rate
        self._error: type[Exception] = sounddevice.PortAudioError
        #: How often the device ran dry.
        self.underflows = 0
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=rate,
                channels=2,
                dtype="float32",
                latency=LATENCY_S,
                callback=self._fill,
            )
        except (self._error, ValueError) as error:
            raise DeviceError("the sound device does not open", str(error)) from error
        self._delay = round(float(self._stream.latency) * rate)

    @property
    def volume(self) -> float:
        """Linear gain, 0 to 1."""
        return self._tape.volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._tape.volume = volume

    @property
    def rate(self) -> int:
        """Frames a second."""
        return self._rate

    @property
    def position(self) -> int:
        """Frame that leaves the device now, its delay taken off."""
        return self._tape.heard(self._delay)

    @property
    def playing(self) -> bool:
        """Whether the cue rolls and its end has not been heard."""
        return self._tape.sounds(self._delay)

    def cue(self, cue: Cue) -> None:
        """Go over to a cue; what the device still holds is thrown away on a rest."""
        self._tape.target = cue
        try:
            if cue.rolling and not self._stream.active:
                self._stream.start()
            elif not cue.rolling and self._delay > _FLUSH_ABOVE_S * self._rate:
                self._flush()
        except self._error as error:
            raise DeviceError(
                "the sound device does not answer", str(error), "check that it is connected"
            ) from error

    def close(self) -> None:
        """Stop and close the stream."""
        self._stream.close()

    def _flush(self) -> None:
        # With 0.2 s under way a fade would be heard too late to count as a stop.
        if self._stream.active:
            self._stream.abort()
        self._tape.settle()

    def _fill(
        self,
        out: NDArray[np.float32],
        _frames: int,
        _times: object,
        status: Any,
    ) -> None:
        if status:
            self.underflows += 1
        self._tape.fill(out)


def open_output(rate: int = RATE) -> tuple[Output, str]:
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
        return SoundOutput(sounddevice, rate), ""
    except DeviceError:
        return NullOutput(rate), (
            "No sound: no sound device was found. Connect one and start again; saving as WAV "
            "works without it."
        )
