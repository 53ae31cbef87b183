"""Sound of a song, made block by block a little ahead of the output, in a thread of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import numpy as np

from seqstudio.audio.arrangement import Arrangement, Song
from seqstudio.audio.clicks import Clicks
from seqstudio.audio.timeline import PlaceLog, Span, Timeline
from seqstudio.core.errors import DeviceError
from seqstudio.music.synth import Sound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.audio.midi_out import MidiSender
    from seqstudio.audio.output import Output
    from seqstudio.audio.tuning import Tuning

BLOCK = 512
_TICK_S = {"sound": 0.02, "silence": 0.05, "live": 0.004}
_MOST_VOICES = 32


class Player(Protocol):
    """What makes sound of notes: `synth.Band`."""

    @property
    def ringing(self) -> bool:
        """Whether anything is still heard."""

    def start(self, sound: Sound) -> None:
        """Begin a note."""

    def block(self, frames: int) -> NDArray[np.float32]:
        """Return the next frames, (n, 2)."""

    def release(self, sound: Sound | None = None) -> None:
        """Let every note die away, or the one that `sound` began."""

    def clear(self) -> None:
        """Be silent at once."""


class Maker(ABC):
    """Fills an output from a song; the transport on top of it says when.

    Attributes:
        trouble: Why the device was given up, None while all is well. Set it to None when told.
    """

    def __init__(self, output: Output, band: Player, tuning: Tuning | None = None) -> None:
        self.trouble: DeviceError | None = None
        self._output = output
        self._band = band
        self._midi: MidiSender | None = None
        self._clicks = Clicks(output.rate)
        self._tuning = tuning
        self._timeline = Timeline(Song(Arrangement(), output.rate), self._is_ready)
        self._log = PlaceLog()
        self._rest_beats = 0.0
        self._rolling = self._live = self._closing = False
        self._keys: dict[int, Sound] = {}
        self._begun: deque[tuple[int, Sound]] = deque(maxlen=_MOST_VOICES)
        self._end: int | None = None
        self._quiet: int | None = None
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        if tuning is not None:
            tuning.told = self._wake.set

    @property
    def arrangement(self) -> Arrangement:
        """What is played."""
        return self._timeline.song.arrangement

    def _hush(self, song: Song) -> None:
        """End the notes of voices that have been muted."""
        muted = {part.voice for part in song.arrangement.parts if part.muted}
        for voice, sound in self._begun:
            if voice in muted:
                self._band.release(sound)

    def _tune(self) -> None:
        """Have the tones made that come from here on, then those before."""
        if self._tuning is not None and self._output.sounding:
            song = self._timeline.song
            here = bisect_left(song.onset, self._timeline.at)
            order = [*range(here, len(song.notes)), *range(here)]
            self._tuning.wish(song.key(index) for index in order)

    def _is_ready(self, song: Song, index: int) -> bool:
        if self._tuning is None or not self._output.sounding:
            return True
        return song.part(song.notes[index].voice).muted or self._tuning.ready(song.key(index))

    # Making sound

    def _begin(self, beats: float) -> None:
        timeline = self._timeline
        timeline.seek(timeline.song.frame(beats))
        self._log.clear()
        self._end = self._quiet = None
        self._rolling = True
        self._output.start()
        if self._midi is not None:
            self._midi.begin(self._output.written, beats)
        self._tune()
        self._chase()
        self._wake.set()

    def _rest(self, beats: float) -> None:
        self._rest_beats = beats
        self._rolling = False
        self._output.flush()
        self._log.clear()
        self._band.clear()
        self._begun.clear()
        self._keys.clear()
        self._clicks.clear()
        if self._midi is not None:
            self._midi.stop()
        if self._live and not self._closing:
            self._output.start()
        self._wake.set()

    def _chase(self) -> None:
        """Begin the rest of the notes that are held at the place where playing begins."""
        song, at = self._timeline.song, self._timeline.at
        for index in filter(lambda index: self._is_ready(song, index), song.sounding(at)):
            self._strike(index, 0, int(song.onset[index] + song.held[index]) - at)

    def _over(self) -> bool:
        return self._end is not None and self._output.heard >= self._end

    def _catch_up(self) -> None:
        """Without sound, time has gone on whether or not the thread has looked."""
        if not self._output.sounding:
            self._fill()

    def _fill(self) -> bool:
        """Make one block, or all that a silent output wants; tell whether there was any room."""
        with self._lock:
            if self._closing or not (self._rolling or self._live):
                return False
            room = self._output.room
            if not room or self._holds_back():
                return False
            frames = min(room, BLOCK) if self._output.sounding else room
            if self._rolling:
                for span in self._timeline.take(frames):
                    self._take_span(span)
            self._write(frames)
            return True

    def _holds_back(self) -> bool:
        """Tell whether the output shall wait for the first sound: silence would delay it."""
        begun = self._log or self._live or not self._output.sounding
        return not begun and not self._timeline.can_begin

    def _take_span(self, span: Span) -> None:
        song, frame = self._timeline.song, self._output.written + span.offset
        self._log.add(frame, song, span.at, moving=span.moving)
        if self._timeline.ended and not span.moving and self._end is None:
            self._end = frame
        if not span.moving:
            return
        for index in range(span.first, span.last):
            onset = int(song.onset[index])
            held = int(song.held[index])
            if span.stop is not None:
                held = max(1, min(held, span.stop - onset))
            self._strike(index, span.offset + max(0, onset - span.at), held)
        if song.arrangement.metronome:
            self._click(span)
        if self._midi is not None:
            self._midi.tick(song, span.at, span.frames, frame)

    def _strike(self, index: int, delay: int, held: int) -> None:
        song = self._timeline.song
        note = song.notes[index]
        part = song.part(note.voice)
        if part.muted or part.gain <= 0:
            return
        if self._output.sounding:
            program = song.program(note.voice)
            who = part.instrument, part.gain, part.pan
            sound = Sound(note.pitch, note.velocity, held, *who, delay, program)
            self._band.start(sound)
            self._begun.append((note.voice, sound))
        if self._midi is not None:
            self._midi.note(self._output.written + delay, note, held, part)

    def _click(self, span: Span) -> None:
        frames, accents = self._timeline.song.clicks
        first = bisect_left(frames, span.at)
        last = bisect_left(frames, span.at + span.frames)
        for index in range(first, last):
            delay = span.offset + int(frames[index]) - span.at
            self._clicks.strike(delay, accent=accents[index])

    def _write(self, frames: int) -> None:
        if not self._output.sounding:
            self._output.skip(frames)
            self._clicks.clear()
            return
        block = self._band.block(frames)
        if self._clicks.ringing:
            block = block.copy()
            self._clicks.add_to(block)
            np.clip(block, -1.0, 1.0, out=block)
        self._output.write(block)

    # The thread

    def _start_thread(self) -> None:
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="seqstudio-sound", daemon=True)
            self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(self._tick_s())
            self._wake.clear()
            self.work()
        close_quietly(self._output)

    def work(self) -> None:
        """Do what is due now: fill the output, serve the device, send notes to the MIDI port."""
        output = self._output
        try:
            output.serve()
            while self._fill():
                pass
            output.serve()
        except DeviceError as error:
            self._give_up(output, error)
        self._after_block()

    def _tick_s(self) -> float | None:
        if self._midi is not None or self._live:
            return _TICK_S["live"]
        if not self._rolling:
            return None
        return _TICK_S["sound" if self._output.sounding else "silence"]

    def _after_block(self) -> None:
        """Send what is due; rest when the end and its echo have been heard."""
        with self._lock:
            if self._midi is not None:
                self._midi.send_due(self._output.heard)
            if not (self._rolling and self._over()):
                return
            ringing = self._output.sounding and (self._band.ringing or self._clicks.ringing)
            if self._quiet is None and not ringing:
                self._quiet = self._output.written
            if self._quiet is not None and self._output.heard >= self._quiet:
                self._rest(float(self.arrangement.score.end_beats))

    @abstractmethod
    def _give_up(self, output: Output, error: DeviceError) -> None:
        """Go on without a device that has failed."""


def close_quietly(output: Output) -> None:
    """Close an output that may have gone."""
    with suppress(Exception):  # drivers raise what they like, and nobody needs it any more
        output.close()
