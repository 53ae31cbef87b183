"""`ListenSession`: the tune that is listened to, its sound, and where the playhead is.

One for a page; every panel of the page looks at the same one. Rendering, measuring and saving run
in worker threads whose results a timer collects: nothing here blocks the window.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from seqstudio.audio.output import RATE, NullOutput, Output, open_output
from seqstudio.audio.player import Player
from seqstudio.core.errors import SeqError
from seqstudio.core.files import write_atomic
from seqstudio.music.codings import CODINGS, Coding
from seqstudio.music.midi import midi_bytes
from seqstudio.music.score import Note, Score
from seqstudio.music.synth import INSTRUMENTS, render
from seqstudio.music.wav import wav_bytes
from seqstudio.records.readings import Sample
from seqstudio.studio.listen.linking import TuneLink
from seqstudio.studio.listen.takes import Take, book_take, take_of_sample, tune_start
from seqstudio.studio.session import Cursor, Session

TICK_MS = 33
TAIL_S = 1.2
_SETTLE_MS = 180
Samples = NDArray[np.float32]
Opener = Callable[[], tuple[Output, str]]


@dataclass(frozen=True)
class Saved:
    """What became of a file: its path, and the error where there is one."""

    path: Path
    error: SeqError | None = None


class ListenSession(QObject):
    """The current tune: taken from the run, rendered, played, saved.

    Attributes:
        take: What is shown and played; None when the project has no tunes.
        live: Whether it follows the newest sample of the run.
        message: Why there is no sound and what to do, "" with sound or before it was tried.
        instrument: Name of the instrument.
        tempo_bpm: Quarter notes a minute.
        link: Joins the playhead and the shared cursor.
        error: Why the tune cannot be played, None when it can.
        selection: The region that is selected, (first, end) in beats; None when there is none.

    Signals:
        take_changed: Another take, or the one being written has grown.
        sound_changed: Instrument, tempo, loop, volume, output, or what is ready to play.
        playing_changed(bool): Sound begins or ends.
        moved: The playhead is at another place; at most 30 times a second.
        hover_changed(object): `Note` under a pointer in any panel, or None.
        selection_changed: Another region, or none, is selected.
        saved(object): `Saved`.
    """

    take_changed = Signal()
    sound_changed = Signal()
    playing_changed = Signal(bool)
    moved = Signal()
    hover_changed = Signal(object)
    selection_changed = Signal()
    saved = Signal(object)

    def __init__(
        self, session: Session, opener: Opener = open_output, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.take: Take | None = None
        self.live = True
        self.message = ""
        self.instrument = INSTRUMENTS[0]
        self.tempo_bpm = 120.0
        self.error: SeqError | None = None
        self.hovered: Note | None = None
        self.selection: tuple[Fraction, Fraction] | None = None
        self._opener = opener
        self._opened = False
        self._workers: ThreadPoolExecutor | None = None
        self._waiting: list[tuple[Future[Any], Callable[[Any], None]]] = []
        self._player = Player(NullOutput(RATE))
        self._own_tempo = False
        self._looped = False
        self._ready = False
        self._playing = False
        self._play_when_ready = False
        self._rest_beats = 0.0
        self._asked = 0
        self._book: tuple[object, Take | None] = (None, None)
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self._poll)
        self._settle = QTimer(self, interval=_SETTLE_MS, singleShot=True)
        self._settle.timeout.connect(self._render)
        self.link = TuneLink(self)
        self._listen()
        self._look()

    def _listen(self) -> None:
        self.session.events.connect(self._arrived)
        self.session.run_changed.connect(self._another_run)
        self.session.facts_changed.connect(self._look)
        self.session.cursor_changed.connect(self._cursor_moved)
        self.session.state_changed.connect(self._state_changed)
        self._step = self.session.cursor.step

    # What is listened to

    @property
    def is_music(self) -> bool:
        """Whether the run in view, or the project before the first run, is about tunes."""
        return self.coding is not None

    @property
    def coding(self) -> Coding | None:
        """How the run in view, or the project before the first run, writes music."""
        return CODINGS.get((self.session.run_project or self.session.project).data.kind)

    def _take_of(self, sample: Sample, start: int | None = None) -> Take | None:
        return None if self.coding is None else take_of_sample(sample, start, self.coding)

    def choose(self, sample: Sample) -> None:
        """Listen to one sample and leave the newest ones alone."""
        self.live = False
        self._show(self._take_of(sample))

    def go_live(self) -> None:
        """Follow the newest sample again."""
        self.live = True
        self._look()

    def write(self, prompt: str, length: int, temperature: float, top_k: int, top_p: float,
              seed: int) -> int:  # fmt: skip
        """Ask the model for a tune, follow it while it is written, then play it.

        Returns:
            The number of the request, 0 when there is no model.
        """
        self.stop()
        request = self.session.write(prompt, length, temperature, top_k, top_p, seed)
        self.follow(request)
        return request

    def follow(self, request: int) -> None:
        """Listen to the tune of a request while it is written; 0 changes nothing."""
        if request:
            self._asked = request
            self.live = True

    def take_up(self, take: Take) -> None:
        """Listen to a take, such as one of the shelf, and leave the newest ones alone."""
        self.live = False
        self._show(take)

    def go_to(self, character: int) -> None:
        """Seek to the note of a character of the text; another tune of the text is taken up."""
        take = self.take
        if take is None:
            return
        start = tune_start(take.text, character, take.coding)
        if take.sample is not None and start != take.start:
            self.live = False
            take = take_of_sample(take.sample, start, take.coding)
            self._show(take)
        note = take.note_at(character)
        if note is not None:
            self.seek(float(note.start))
        self.session.move_cursor(t=character)

    def hover(self, note: Note | None) -> None:
        """Tell every panel which note is under the pointer."""
        if note != self.hovered:
            self.hovered = note
            self.hover_changed.emit(note)

    def select(self, region: tuple[Fraction, Fraction] | None) -> None:
        """Select a region of the tune, (first, end) in beats, or nothing."""
        chosen = None if region is None or region[0] >= region[1] else region
        if chosen != self.selection:
            self.selection = chosen
            self.selection_changed.emit()

    @Slot(object)
    def _arrived(self, kinds: object) -> None:
        if isinstance(kinds, frozenset) and Sample in kinds:
            self._look()

    @Slot()
    def _another_run(self) -> None:
        self.live, self._asked = True, 0
        self._look()

    @Slot(str)
    def _state_changed(self, _state: str) -> None:
        self._look()

    @Slot(object)
    def _cursor_moved(self, cursor: object) -> None:
        if isinstance(cursor, Cursor) and cursor.step != self._step:
            self._step = cursor.step
            self.live = True
            self._look()

    @Slot()
    def _look(self) -> None:
        """Take up what should be listened to now, unless the person listens to something."""
        if not self.is_music:
            self._show(None)
            return
        if not self.live and self.take is not None:
            return
        sample = self._newest()
        asked = sample is not None and 0 < self._asked == sample.request
        if self.playing and not asked:
            return
        if sample is None:
            self._show(self._book_take())
        elif self.take is None or self.take.sample is not sample:
            self._show(self._take_of(sample))
        if asked and sample is not None and sample.done:
            self._asked = 0
            self.play()

    def _newest(self) -> Sample | None:
        history, step = self.session.history, self.session.cursor.step
        if step is not None:
            return history.sample_at(step)
        writing = history.writing
        if writing is not None and (
            0 < self._asked == writing.request or self.session.state in {"running", "paused"}
        ):
            return writing  # a run that ended leaves a text behind that nobody will finish
        return history.samples[-1] if history.samples else None

    def _book_take(self) -> Take | None:
        dataset = self.session.dataset
        if dataset is None or self.coding is None:
            return None
        if self._book[0] is not dataset:
            self._book = (dataset, book_take(dataset, self.coding))
        return self._book[1]

    def _show(self, take: Take | None) -> None:
        if take is self.take:
            return
        # Hardly anything in a text that grows is heard: its sound is made when it is whole.
        if self.take is not None and self.take.done:
            self.stop()
        self.take = take
        self._ready, self.error, self._rest_beats = False, None, 0.0
        self._looped = False
        if take is not None and not self._own_tempo:
            self.tempo_bpm = take.score.tempo_bpm
        self.hover(None)
        self.take_changed.emit()
        self.sound_changed.emit()
        if self._opened:
            self._render()

    # Sound

    def open_sound(self) -> None:
        """Look for a sound device, once; `message` says what was found."""
        if not self._opened:
            self._opened = True
            self.in_background(self._opener, self._take_output)
            self._render()

    def _take_output(self, opened: tuple[Output, str]) -> None:
        output, self.message = opened
        volume, at = self._player.volume, self.position_beats
        was_playing, before = self._player.playing, self._player
        self._player = Player(output)
        self._player.volume = volume
        before.close()
        if self._ready:
            self._play_when_ready = was_playing
            self._rest_beats, self._ready = at, False
            self._render()
        self.sound_changed.emit()

    @property
    def can_play(self) -> bool:
        """Whether there are notes to play and all of them are written."""
        return self.take is not None and self.take.done and bool(self.take.score.notes)

    @property
    def rendering(self) -> bool:
        """Whether the sound of the take is being made."""
        return self.can_play and self._opened and not self._ready and self.error is None

    def _score(self) -> Score | None:
        if self.take is None or not self.can_play:
            return None
        return replace(self.take.score, tempo_bpm=self.tempo_bpm)

    @Slot()
    def _render(self) -> None:
        score, take = self._score(), self.take
        if score is None or take is None:
            return
        key = (take, self.instrument, self.tempo_bpm)

        def finish(samples: Samples) -> None:
            if key == (self.take, self.instrument, self.tempo_bpm):
                self._load(samples)

        self.in_background(lambda: render(score, key[1], RATE, tail_s=TAIL_S), finish)

    def _load(self, samples: Samples) -> None:
        at = self.position_beats
        resume = self._player.playing or self._play_when_ready
        self._player.load(samples, RATE)
        self._ready, self._play_when_ready = True, False
        self._apply_loop()
        self._player.seek(at * self._beat_s)
        if resume:
            self._player.play()
        self._told_playing()
        self.sound_changed.emit()

    @property
    def _beat_s(self) -> float:
        return 60.0 / self.tempo_bpm

    # Transport

    @property
    def playing(self) -> bool:
        """Whether the tune is heard now, or will be as soon as its sound is made."""
        return self._player.playing or self._play_when_ready

    @property
    def position_beats(self) -> float:
        """Place of the playhead, from the clock of the output."""
        if not self._ready or self.take is None:
            return self._rest_beats
        return min(self._player.position_s / self._beat_s, float(self.take.score.end_beats))

    def play(self) -> None:
        """Play on from the playhead."""
        if not self.can_play:
            return
        self.open_sound()
        if self._ready:
            self._player.play()
        else:
            self._play_when_ready = True
        self._told_playing()

    def pause(self) -> None:
        """Rest where the playhead is."""
        self._play_when_ready = False
        self._player.pause()
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
        self._rest_beats = 0.0
        self._player.stop()
        self._told_playing()
        self.moved.emit()

    def seek(self, beats: float) -> None:
        """Put the playhead to a place; goes on playing if it plays."""
        if self.take is None:
            return
        self._rest_beats = min(max(0.0, beats), float(self.take.score.end_beats))
        if self._ready:
            self._player.seek(self._rest_beats * self._beat_s)
        self.moved.emit()

    @property
    def looped(self) -> bool:
        """Whether the tune is repeated without end."""
        return self._looped

    def set_loop(self, on: bool) -> None:
        """Repeat the tune, or play it once."""
        self._looped = on
        self._apply_loop()
        self.sound_changed.emit()

    def _apply_loop(self) -> None:
        if self._ready and self.take is not None:
            end_s = float(self.take.score.end_beats) * self._beat_s
            self._player.loop = (0.0, end_s) if self._looped else None

    @property
    def volume(self) -> float:
        """Linear gain, 0 to 1."""
        return self._player.volume

    def set_volume(self, volume: float) -> None:
        """Set the linear gain."""
        self._player.volume = volume

    def set_tempo(self, bpm: float) -> None:
        """Play at so many quarter notes a minute; the playhead stays at its beat."""
        self._own_tempo = True
        self._remake(tempo_bpm=bpm)

    def set_instrument(self, name: str) -> None:
        """Play with another of `synth.INSTRUMENTS`."""
        self._remake(instrument=name)

    def _remake(self, instrument: str = "", tempo_bpm: float = 0.0) -> None:
        self._rest_beats = self.position_beats
        self._play_when_ready = self.playing
        self._player.pause()
        self.instrument = instrument or self.instrument
        self.tempo_bpm = tempo_bpm or self.tempo_bpm
        self._ready = False
        if self._opened:
            self._settle.start()  # a slider on its way would ask for thirty renderings a second
            self._wake()
        self.sound_changed.emit()

    # Saving

    def save(self, path: Path) -> None:
        """Write the tune as .abc, .mid or .wav, by the name of the file; `saved` tells the end.

        MIDI and WAV have the tempo that is heard.
        """
        take, score, instrument = self.take, self._score(), self.instrument
        if take is None:
            return

        def work() -> Saved:
            try:
                if path.suffix == ".abc" or score is None:
                    data = take.tune_text.strip().encode() + b"\n"
                elif path.suffix == ".mid":
                    data = midi_bytes(score)
                else:
                    data = wav_bytes(render(score, instrument, RATE, tail_s=TAIL_S), RATE)
                write_atomic(path, data)
            except SeqError as error:
                return Saved(path, error)
            return Saved(path)

        self.in_background(work, self.saved.emit)

    # Worker threads

    def in_background(self, work: Callable[[], Any], finish: Callable[[Any], None]) -> None:
        """Run `work` in a worker thread and hand its result to `finish` in this one."""
        if self._workers is None:
            self._workers = ThreadPoolExecutor(2, "seqstudio-listen")
        self._waiting.append((self._workers.submit(work), finish))
        self._wake()

    def _wake(self) -> None:
        if not self._tick.isActive():
            self._tick.start()

    @Slot()
    def _poll(self) -> None:
        done = [each for each in self._waiting if each[0].done()]
        self._waiting = [each for each in self._waiting if not each[0].done()]
        for future, finish in done:
            try:
                finish(future.result())
            except SeqError as error:
                self.error, self._play_when_ready = error, False
                self.sound_changed.emit()
        if self._playing:
            self.moved.emit()
        self._told_playing()

    def _told_playing(self) -> None:
        playing = self.playing
        if playing or self._waiting or self._settle.isActive():
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
        self._settle.stop()
        self._player.close()
        for future, _ in self._waiting:
            future.cancel()
        if self._workers is not None:
            self._workers.shutdown(wait=False, cancel_futures=True)
            self._workers = None
        self._waiting.clear()
