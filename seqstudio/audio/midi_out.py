"""Notes, programs and the clock for a MIDI port, sent when they are heard."""

from __future__ import annotations

import heapq
import math
from itertools import count
from typing import TYPE_CHECKING, Any

import mido
import numpy as np

from seqstudio.core.errors import DeviceError
from seqstudio.music.synth import instrument_of

if TYPE_CHECKING:
    from seqstudio.audio.arrangement import Arrangement, Part, Song
    from seqstudio.music.score import Note

CLOCKS_PER_BEAT = 24
_DRUMS = 9
#: Channel of what somebody plays; the voices of a score have the others.
_PLAYED = 15
_PITCHED = tuple(channel for channel in range(15) if channel != _DRUMS)
#: General MIDI programs of our instruments, for a part that plays another one than its track.
_PROGRAMS = {
    "piano": 0,
    "organ": 19,
    "plucked string": 24,
    "bass": 33,
    "strings": 48,
    "flute": 73,
}
_OFF, _TRANSPORT, _CLOCK, _ON = range(4)


class MidiSender:
    """Sends what a sequencer plays to one port. One thread at a time.

    Every note-on is followed by its note-off, whatever happens: a pitch that is struck again is
    released first, and each way to stop releases all.

    Args:
        port: An open port with `send` and `close`, like mido's.

    Attributes:
        trouble: Why the port was given up, None while it works.
    """

    def __init__(self, port: Any) -> None:
        self.trouble: DeviceError | None = None
        self._port = port
        self._queue: list[tuple[int, int, int, Any]] = []
        self._order = count()
        self._channels: dict[int, int] = {}
        self._sounding: dict[tuple[int, int], int] = {}
        self._expected = -1
        self._running = False

    def set_parts(self, arrangement: Arrangement) -> None:
        """Give every voice a channel, and the channel its program, volume and pan."""
        score = arrangement.score
        parts = {part.voice: part for part in arrangement.parts}
        free = iter(_PITCHED * 8)
        for voice in sorted({*score.voices, *parts}):
            track, part = score.track(voice), parts.get(voice)
            instrument = part.instrument if part else instrument_of(track)
            channel = _DRUMS if instrument == "drums" else next(free, _PITCHED[-1])
            self._channels[voice] = channel
            own = instrument == instrument_of(track)
            program = track.program if own else _PROGRAMS.get(instrument, 0)
            self._send("program_change", channel=channel, program=program)
            gain, pan = (part.gain, part.pan) if part else (1.0, 0.0)
            self._send("control_change", channel=channel, control=7, value=_seven(100 * gain))
            self._send("control_change", channel=channel, control=10, value=_seven(64 + 63 * pan))

    # What is to come

    def begin(self, frame: int, beats: float) -> None:
        """Start the clock at a place in beats when output frame `frame` is heard."""
        self._queue.clear()
        self._jump(frame, beats)

    def note(self, frame: int, note: Note, held: int, part: Part) -> None:
        """Play a note from output frame `frame` on, for `held` frames."""
        channel = self._channels.get(note.voice)
        if channel is None:
            pitched = _PITCHED[note.voice % len(_PITCHED)]
            channel = _DRUMS if part.instrument == "drums" else pitched
        key, token = (channel, note.pitch), next(self._order)
        self._push(frame, _ON, (key, note.velocity, token))
        self._push(frame + held, _OFF, (key, token))

    def tick(self, song: Song, at: int, frames: int, frame: int) -> None:
        """Run the clock through frames [at, at + frames) of a song, output from `frame` on."""
        if at != self._expected and self._expected >= 0:
            self._jump(frame, song.beats(at))
        self._expected = at + frames
        first = math.floor(song.beats(at) * CLOCKS_PER_BEAT) - 1
        last = math.ceil(song.beats(at + frames) * CLOCKS_PER_BEAT) + 1
        places = song.frames(np.arange(max(0, first), last) / CLOCKS_PER_BEAT)
        for place in places[(places >= at) & (places < at + frames)]:
            self._push(frame + int(place) - at, _CLOCK, None)

    def _jump(self, frame: int, beats: float) -> None:
        self._push(frame, _TRANSPORT, min(16383, max(0, math.floor(beats * 4 + 1e-6))))
        self._expected = -1

    def _push(self, frame: int, kind: int, what: Any) -> None:
        heapq.heappush(self._queue, (frame, kind, next(self._order), what))

    # Sending

    def send_due(self, heard: int) -> None:
        """Send what belongs to the output frames up to `heard`."""
        while self._queue and self._queue[0][0] <= heard:
            _frame, kind, _order, what = heapq.heappop(self._queue)
            if kind == _ON:
                self._on(*what)
            elif kind == _OFF:
                self._off(*what)
            elif kind == _CLOCK:
                self._send("clock")
            else:
                self._go(what)

    def _go(self, sixteenths: int) -> None:
        if self._running:
            self._send("stop")
        self._running = True
        self._send("songpos", pos=sixteenths)
        self._send("continue" if sixteenths else "start")

    def _on(self, key: tuple[int, int], velocity: int, token: int) -> None:
        if key in self._sounding:
            self._send("note_off", channel=key[0], note=key[1])
        self._sounding[key] = token
        self._send("note_on", channel=key[0], note=key[1], velocity=velocity)

    def _off(self, key: tuple[int, int], token: int) -> None:
        if self._sounding.get(key) == token:
            del self._sounding[key]
            self._send("note_off", channel=key[0], note=key[1])

    def key_on(self, pitch: int, velocity: int) -> None:
        """Begin a note at once that somebody plays."""
        self._on((_PLAYED, pitch), velocity, next(self._order))

    def key_off(self, pitch: int) -> None:
        """End it."""
        token = self._sounding.get((_PLAYED, pitch))
        if token is not None:
            self._off((_PLAYED, pitch), token)

    def stop(self) -> None:
        """Release every note and stop the clock; nothing that was to come is sent."""
        self._queue.clear()
        self._expected = -1
        for channel, pitch in sorted(self._sounding):
            self._send("note_off", channel=channel, note=pitch)
        self._sounding.clear()
        if self._running:
            self._send("stop")
            self._running = False
            self._silence()

    def panic(self) -> None:
        """Release everything on every channel, whoever began it."""
        self.stop()
        self._silence()

    def _silence(self) -> None:
        for channel in range(16):
            self._send("control_change", channel=channel, control=64, value=0)
            self._send("control_change", channel=channel, control=123, value=0)

    def close(self) -> None:
        """Release everything and let go of the port."""
        self.panic()
        try:
            self._port.close()
        except Exception as error:  # noqa: BLE001 - the driver's own types
            self._fail(error)

    def _send(self, kind: str, **values: int) -> None:
        if self.trouble is not None:
            return
        try:
            self._port.send(mido.Message(kind, **values))
        except Exception as error:  # noqa: BLE001 - the driver's own types
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.trouble = DeviceError(
            "the MIDI port does not answer", str(error), "choose it again when it is connected"
        )


def _seven(value: float) -> int:
    return min(127, max(0, round(value)))
