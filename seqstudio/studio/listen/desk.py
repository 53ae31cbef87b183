"""`SoundDesk`: transport, instruments and output for the score that is listened to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from seqstudio.audio.output import RATE, NullOutput, Output, open_output
from seqstudio.audio.sequencer import Arrangement, Part, Sequencer
from seqstudio.audio.tuning import Tuning
from seqstudio.core.errors import SeqError
from seqstudio.music.score import Score
from seqstudio.music.soundfont import SoundFont
from seqstudio.music.synth import INSTRUMENTS, Band, instrument_of
from seqstudio.studio.listen.chores import Chores

TICK_MS = 33
Opener = Callable[[], tuple[Output, str]]


class SoundDesk(QObject):
    """Plays a score that may change while it plays.

    Attributes:
        message: Why there is no sound and what to do, "" with sound or before it was tried.
        tempo_bpm: Quarter notes a minute at the beginning.
        metronome: Whether beats are clicked.
        opener: What looks for a sound device; may take a while, runs in a worker thread.
        error: Why something failed that was done beside the window, None when nothing did.
        font: The SoundFont that plays, None for the built-in instruments.

    Signals:
        sound_changed: Instruments, tempo, loop, volume, output, or what there is to play.
        playing_changed(bool): Sound begins or ends.
        moved: The playhead is at another place; at most 30 times a second.
    """

    sound_changed = Signal()
    playing_changed = Signal(bool)
    moved = Signal()

    def __init__(self, opener: Opener = open_output, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.message = ""
        self.tempo_bpm = 120.0
        self.metronome = False
        self.error: SeqError | None = None
        self.font: SoundFont | None = None
        self.sequencer = Sequencer(NullOutput(RATE), Band(RATE), Tuning(RATE))
        self.opener = opener
        self._opened = self._ready = False
        self._chores = Chores()
        self._score: Score | None = None
        self._complete = True
        self._own_tempo = False
        self._own_instrument = ""
        self._parts: dict[int, Part] = {}
        self._looped = False
        self._range: tuple[float, float] | None = None
        self._playing = self._play_when_ready = False
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self._poll)

    # What is played

    def _load(self, score: Score | None, *, complete: bool = True, anew: bool = True) -> None:
        """Play a score from now on.

        Args:
            score: What it is; None for nothing.
            complete: Whether it is whole; if not, more of it follows.
            anew: Whether it is another tune; if not, the playhead, the loop and what was chosen
                for its voices stay, and it goes on if it plays.
        """
        if anew:
            if not self.occupied:
                self.stop()
            self._parts.clear()
            self._looped, self._range = False, None
        self._score, self._complete = score, complete
        if score is not None and not self._own_tempo:
            self.tempo_bpm = score.tempo_bpm
        self._arrange()
        self._apply_loop()

    @property
    def heard_score(self) -> Score | None:
        """The score at the tempo that is heard, None without one."""
        return None if self._score is None else self._score.at_tempo(self.tempo_bpm)

    @property
    def occupied(self) -> bool:
        """Whether the sequencer plays something else than the score."""
        return False

    def _arrange(self) -> None:
        if self.occupied:
            return
        score = self.heard_score or Score()
        self.sequencer.arrange(Arrangement(score, self.parts, self.metronome, self._complete))

    @property
    def parts(self) -> tuple[Part, ...]:
        """Who plays each voice of the score, by voice."""
        if self._score is None:
            return ()
        named = {track.voice for track in self._score.tracks}
        return tuple(self._part(voice) for voice in sorted({*self._score.voices, *named}))

    def _part(self, voice: int) -> Part:
        chosen = self._parts.get(voice)
        if chosen is not None:
            return chosen
        assert self._score is not None
        track = self._score.track(voice)
        own = "" if track.drums else self._own_instrument
        return Part(voice, own or instrument_of(track))

    def set_part(self, part: Part) -> None:
        """Let a voice be played in another way."""
        self._parts[part.voice] = part
        self._arrange()
        self.sound_changed.emit()

    @property
    def instrument(self) -> str:
        """The instrument chosen for all voices, else that of the first one."""
        if self._own_instrument:
            return self._own_instrument
        return next((part.instrument for part in self.parts), INSTRUMENTS[0])

    def set_instrument(self, name: str) -> None:
        """Play every voice but the drums with one of `synth.INSTRUMENTS`, later tunes too."""
        self._own_instrument = name
        for voice, part in self._parts.items():
            if part.instrument != "drums":
                self._parts[voice] = replace(part, instrument=name)
        self._arrange()
        self.sound_changed.emit()

    def set_tempo(self, bpm: float) -> None:
        """Play at so many quarter notes a minute; the playhead stays at its beat."""
        self._own_tempo, self.tempo_bpm = True, bpm
        self._arrange()
        self.sound_changed.emit()

    def set_metronome(self, on: bool) -> None:
        """Click the beats, or not."""
        self.metronome = on
        self._arrange()
        self.sound_changed.emit()

    def set_font(self, path: Path | None) -> None:
        """Play with a SoundFont of the person, or with the built-in instruments again.

        It is read in a process of its own first; where it is refused `error` says why, and what
        played before goes on.
        """
        self.error = None
        if path is None:
            self._take_font(None)
        else:
            self.in_background(lambda: SoundFont.open(path), self._take_font)

    def _take_font(self, font: SoundFont | None) -> None:
        self.font = font
        self.sequencer.set_band(Band(RATE, font), Tuning(RATE) if font is None else None)
        self.sound_changed.emit()

    # Output

    def open_sound(self) -> None:
        """Look for a sound device, once; `message` says what was found."""
        if not self._opened:
            self._opened = True
            self.in_background(self.opener, self._take_output)

    @property
    def can_retry_sound(self) -> bool:
        """Whether there is no sound device and looking for one again may help."""
        return self._ready and bool(self.message)

    def retry_sound(self) -> None:
        """Look for a sound device again; the tune plays on meanwhile."""
        self._opened = False
        self.open_sound()

    def _take_output(self, opened: tuple[Output, str]) -> None:
        output, self.message = opened
        self.sequencer.set_output(output)
        self._ready = True
        if self._play_when_ready:
            self._play_when_ready = False
            self.sequencer.play()
        self.sound_changed.emit()

    @property
    def rendering(self) -> bool:
        """Whether the sound device is still being looked for."""
        return self._opened and not self._ready

    @property
    def volume(self) -> float:
        """Linear gain, 0 to 1."""
        return self.sequencer.volume

    def set_volume(self, volume: float) -> None:
        """Set the linear gain."""
        self.sequencer.volume = volume

    # Transport

    @property
    def can_play(self) -> bool:
        """Whether there are notes to play, even if more of them are being written."""
        return self._score is not None and bool(self._score.notes)

    @property
    def playing(self) -> bool:
        """Whether the tune is heard now, or will be as soon as the device is open."""
        return self._play_when_ready or self.sequencer.playing

    @property
    def starved(self) -> bool:
        """Whether it waits for the model to write on."""
        return self.sequencer.starved

    @property
    def position_beats(self) -> float:
        """Place of the playhead, from the clock of the output."""
        return self.sequencer.position_beats

    def play(self) -> None:
        """Play on from the playhead."""
        if not self.can_play:
            return
        self.open_sound()
        if self._ready:
            self.sequencer.play()
        else:
            self._play_when_ready = True
        self._told_playing()

    def pause(self) -> None:
        """Rest where the playhead is."""
        self._play_when_ready = False
        self.sequencer.pause()
        self._told_playing()

    @Slot()
    def toggle(self) -> None:
        """Play or pause."""
        if self.playing:
            self.pause()
        else:
            self.play()

    @Slot()
    def stop(self) -> None:
        """Rest at the beginning."""
        self._play_when_ready = False
        self.sequencer.stop()
        self._told_playing()
        self.moved.emit()

    def seek(self, beats: float) -> None:
        """Put the playhead to a place; goes on playing if it plays."""
        if self._score is not None:
            self.sequencer.seek(beats)
            self.moved.emit()

    # Loop

    @property
    def looped(self) -> bool:
        """Whether the tune, or the range, is repeated without end."""
        return self._looped

    def set_loop(self, on: bool) -> None:
        """Repeat the range, the whole tune where there is none, or play once."""
        self._looped = on
        self._apply_loop()
        self.sound_changed.emit()

    @property
    def loop_range(self) -> tuple[float, float] | None:
        """The range that a loop repeats, (first, end) in beats; None for the whole tune."""
        return self._range

    def set_loop_range(self, first: float, end: float) -> None:
        """Repeat a range in beats from now on, also while playing; an empty one for the tune."""
        self._range = (max(0.0, first), end) if end > first else None
        self._looped = self._looped or self._range is not None
        self._apply_loop()
        self.sound_changed.emit()

    def _apply_loop(self) -> None:
        if self.occupied:
            return
        whole = (0.0, float(self._score.end_beats)) if self._score and self._complete else None
        self.sequencer.loop = (self._range or whole) if self._looped else None

    # Worker threads

    def in_background(self, work: Callable[[], Any], finish: Callable[[Any], None]) -> None:
        """Run `work` in a worker thread and hand its result to `finish` in this one."""
        self._chores.add(work, finish)
        self._wake()

    def _wake(self) -> None:
        if not self._tick.isActive():
            self._tick.start()

    @Slot()
    def _poll(self) -> None:
        for error in self._chores.collect():
            self.error, self._play_when_ready = error, False
            self.sound_changed.emit()
        self._look_for_trouble()
        if self._playing:
            self.moved.emit()
        self._told_playing()

    def _look_for_trouble(self) -> None:
        trouble, self.sequencer.trouble = self.sequencer.trouble, None
        if trouble is not None:
            self.message = (
                "No sound: the sound device does not answer any more. The tune goes on in "
                "silence; connect the device and look for it again."
            )
            self.sound_changed.emit()

    def _told_playing(self) -> None:
        playing = self.playing
        if playing or self._chores:
            self._wake()
        else:
            self._tick.stop()
        if playing != self._playing:
            self._playing = playing
            self.playing_changed.emit(playing)
            if not playing:
                self.moved.emit()

    def close(self) -> None:
        """Stop the sound, let go of the device and of the worker threads."""
        self._tick.stop()
        self.sequencer.close()
        self._chores.close()
