"""Plays an arrangement that may change at any time, made a little ahead, block by block.

One thread makes sound and puts it into the output; the device only reads. Where the playhead is
follows from the clock of the output and a log of what was put in.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from typing_extensions import override

from seqstudio.audio.arrangement import Arrangement, Part, Song
from seqstudio.audio.making import Maker, Player, close_quietly
from seqstudio.audio.output import NullOutput, Output
from seqstudio.core.errors import DeviceError
from seqstudio.music.synth import Sound

if TYPE_CHECKING:
    from seqstudio.audio.midi_out import MidiSender
    from seqstudio.audio.tuning import Tuning

_JOIN_S = 1.0
_LONGEST_S = 60.0

__all__ = ["Arrangement", "Part", "Sequencer"]


class Sequencer(Maker):
    """Transport for an arrangement; places are in beats.

    Calls may come from any thread and return at once: what takes time, the sound and the device,
    happens in a thread of its own. A device that fails is replaced by an output without sound at
    the same beat.

    Args:
        output: Where the sound goes; the sequencer closes it.
        band: What makes the sound; the sequencer is its only user.
        tuning: What makes the band's tones beforehand; None where none need to be made.
    """

    # What is played

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
            self._hush(song)
            self._tune()
        self._wake.set()

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

    def set_output(self, output: Output) -> threading.Thread:
        """Go over to another output of the same rate at the same beat.

        Returns:
            The thread that closes the old one: some devices open again only when it is done.
        """
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
        closing = threading.Thread(target=close_quietly, args=(before,), daemon=True)
        closing.start()
        self._wake.set()
        return closing

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

    def note_on(self, pitch: int, velocity: int, instrument: str) -> None:
        """Begin a note now, beside the song, until `note_off`; needs `set_live`."""
        sound = Sound(pitch, velocity, round(_LONGEST_S * self._output.rate), instrument)
        with self._lock:
            self.note_off(pitch)
            self._keys[pitch] = sound
            if self._output.sounding:
                self._band.start(sound)
            if self._midi is not None:
                self._midi.key_on(pitch, velocity)
        self._wake.set()

    def note_off(self, pitch: int) -> None:
        """End a note that `note_on` began."""
        with self._lock:
            sound = self._keys.pop(pitch, None)
            if sound is not None:
                self._band.release(sound)
                if self._midi is not None:
                    self._midi.key_off(pitch)

    def set_band(self, band: Player, tuning: Tuning | None) -> None:
        """Let another band play, from here on."""
        with self._lock:
            beats, rolling = self.position_beats, self.playing
            self._rest(beats)
            if self._tuning is not None and self._tuning is not tuning:
                self._tuning.close()
            self._band, self._tuning = band, tuning
            if tuning is not None:
                tuning.told = self._wake.set
            if rolling:
                self._begin(beats)

    def panic(self) -> None:
        """Silence everything at once, here and at the MIDI port; the song rests where it is."""
        with self._lock:
            self._rest(self.position_beats)
            if self._midi is not None:
                self._midi.panic()

    @override
    def _give_up(self, output: Output, error: DeviceError) -> None:
        with self._lock:
            if output is self._output and not self._closing:
                self.trouble = error
                self.set_output(NullOutput(output.rate))
