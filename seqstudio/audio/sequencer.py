"""Plays an arrangement that may change at any time, made a little ahead, block by block.

One thread makes sound and puts it into the output; the device only reads. Where the playhead is
follows from the clock of the output and a log of what was put in.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import numpy as np

from seqstudio.audio.arrangement import Arrangement, Part, Song
from seqstudio.audio.clicks import Clicks
from seqstudio.audio.output import NullOutput, Output
from seqstudio.audio.timeline import PlaceLog, Span, Timeline
from seqstudio.core.errors import DeviceError
from seqstudio.music.synth import Sound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.audio.midi_out import MidiSender
    from seqstudio.audio.tuning import Tuning

BLOCK = 512
_TICK_S = {"sound": 0.02, "silence": 0.05, "live": 0.004}
_JOIN_S = 1.0

__all__ = ["BLOCK", "Arrangement", "Part", "Sequencer"]


class Player(Protocol):
    """What makes sound of notes: `synth.Band`."""

    @property
    def ringing(self) -> bool:
        """Whether anything is still heard."""

    def start(self, sound: Sound) -> None:
        """Begin a note."""

    def block(self, frames: int) -> NDArray[np.float32]:
        """Return the next frames, (n, 2)."""

    def release(self) -> None:
        """Let every note die away."""

    def clear(self) -> None:
        """Be silent at once."""


class Sequencer:
    """Transport for an arrangement; places are in beats.

    Calls may come from any thread and return at once: what takes time, the sound and the device,
    happens in a thread of its own. A device that fails is replaced by an output without sound at
    the same beat.

    Args:
        output: Where the sound goes; the sequencer closes it.
        band: What makes the sound; the sequencer is its only user.
        tuning: What makes the band's tones beforehand; None where none need to be made.

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
        self._end: int | None = None
        self._quiet: int | None = None
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        if tuning is not None:
            tuning.told = self._wake.set

    # What is played

    @property
    def arrangement(self) -> Arrangement:
        """What is played."""
        return self._timeline.song.arrangement

    def arrange(self, arrangement: Arrangement) -> None:
        """Play something else from the next block on; the beat stays where it is."""
        song = Song(arrangement, self._output.rate)
        with self._lock:
            before = self.arrangement
            others = (before.parts, before.score.tracks) != (
                arrangement.parts, arrangement.score.tracks,
            )  # fmt: skip
            self._catch_up()
            self._timeline.take_song(song)
            if not self._timeline.ended:
                self._end = self._quiet = None
            if self._midi is not None and others:
                self._midi.set_parts(arrangement)
            self._tune()
        self._wake.set()

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

    # Transport

    @property
    def playing(self) -> bool:
        """Whether the song rolls, or waits for more of it, and its end has not been heard."""
        with self._lock:
            self._catch_up()
            return self._rolling and not self._over()

    @property
    def rolling(self) -> bool:
        """Whether it plays, or what it has played still rings."""
        return self._rolling

    @property
    def starved(self) -> bool:
        """Whether it waits at the frontier of an unfinished song."""
        with self._lock:
            return self._rolling and self._timeline.starved

    @property
    def position_beats(self) -> float:
        """Place that is heard now."""
        with self._lock:
            if not self._rolling:
                return min(self._rest_beats, float(self.arrangement.score.end_beats))
            self._catch_up()
            place = self._log.at(self._output.heard)
            if place is None:
                return self._rest_beats
            song, frame = place
            return min(song.beats(frame), float(song.arrangement.score.end_beats))

    def play(self) -> None:
        """Play on; from the beginning when the end has been reached."""
        with self._lock:
            if self.playing:
                return
            song, beats = self._timeline.song, self.position_beats
            if song.arrangement.complete and song.frame(beats) >= song.end:
                beats = 0.0
            self._begin(beats)
        self._start_thread()

    def pause(self) -> None:
        """Rest where the sound is."""
        with self._lock:
            self._rest(self.position_beats)

    def stop(self) -> None:
        """Rest at the beginning."""
        with self._lock:
            self._rest(0.0)

    def seek(self, beats: float) -> None:
        """Jump, playing on if it was playing; places outside are brought inside."""
        with self._lock:
            rolling = self.playing
            self._rest(min(max(0.0, beats), float(self.arrangement.score.end_beats)))
            if rolling:
                self._begin(self._rest_beats)

    @property
    def loop(self) -> tuple[float, float] | None:
        """Range in beats that repeats, None for none; it may be moved while playing."""
        return self._timeline.loop

    @loop.setter
    def loop(self, loop: tuple[float, float] | None) -> None:
        with self._lock:
            self._catch_up()
            place = self._log.at(self._output.heard) if self._rolling else None
            heard = place[1] if place is not None and place[0] is self._timeline.song else -1
            self._timeline.set_loop(loop, heard)
        self._wake.set()

    @property
    def volume(self) -> float:
        """Linear gain, 0 to 1; what is set outside is brought inside."""
        return self._output.volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._output.volume = min(1.0, max(0.0, volume))

    def close(self) -> None:
        """Stop and let go of the output and of the MIDI port."""
        with self._lock:
            self._live = False
            self._rest(0.0)
            self._closing = True
            self.set_midi(None)
        if self._tuning is not None:
            self._tuning.close()
        self._wake.set()
        if self._thread is None:
            self._output.close()
        elif self._thread is not threading.current_thread():
            self._thread.join(_JOIN_S)  # a device that hangs must not take the caller with it

    # Output

    @property
    def output(self) -> Output:
        """Where the sound goes."""
        return self._output

    def set_output(self, output: Output) -> None:
        """Go over to another output of the same rate at the same beat; the old one is closed."""
        with self._lock:
            before, beats, rolling = self._output, self.position_beats, self.playing
            self._rest(beats)
            output.volume = before.volume
            self._output = output
            self._tune()
            if rolling:
                self._begin(beats)
            elif self._live:
                output.start()
        # Closing may wait for a device that has gone.
        threading.Thread(target=_close, args=(before,), daemon=True).start()
        self._wake.set()

    def set_midi(self, sender: MidiSender | None) -> None:
        """Send every note to a MIDI port as well when it is heard; None for no more."""
        with self._lock:
            if self._midi is not None:
                self._midi.close()
            self._midi = sender
            if sender is not None:
                sender.set_parts(self.arrangement)
        self._wake.set()

    @property
    def midi(self) -> MidiSender | None:
        """Where notes are sent, None for nowhere."""
        return self._midi

    # Somebody plays along

    def set_live(self, on: bool) -> None:
        """Keep the output running, so that notes sound at once that somebody plays."""
        with self._lock:
            if on == self._live:
                return
            self._live = on
            if on:
                self._output.start()
            elif not self._rolling:
                self._output.flush()
        self._start_thread()

    def sound(self, sound: Sound) -> None:
        """Begin a note now, beside the song; needs `set_live`."""
        with self._lock:
            self._band.start(sound)

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
            self._band.start(Sound(note.pitch, note.velocity, held, *who, delay, program))
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
        _close(self._output)

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

    def _give_up(self, output: Output, error: DeviceError) -> None:
        with self._lock:
            if output is self._output and not self._closing:
                self.trouble = error
                self.set_output(NullOutput(output.rate))

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


def _close(output: Output) -> None:
    with suppress(Exception):  # drivers raise what they like, and nobody needs it any more
        output.close()
