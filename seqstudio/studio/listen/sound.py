"""`ListenSession`: the tune that is listened to, its sound, and where the playhead is.

One for a page; every panel of the page looks at the same one. Rendering, measuring and saving run
in worker threads whose results a timer collects: nothing here blocks the window.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from seqstudio.audio.output import open_output
from seqstudio.music.codings import CODINGS, Coding
from seqstudio.music.score import Note, Score
from seqstudio.records.readings import Sample
from seqstudio.studio.listen.desk import Opener
from seqstudio.studio.listen.edited import Edits, edited_take
from seqstudio.studio.listen.keyboard_desk import KeyboardDesk
from seqstudio.studio.listen.linking import TuneLink
from seqstudio.studio.listen.takes import Take, book_take, take_of_sample, tune_start
from seqstudio.studio.session import Cursor, Session


class ListenSession(KeyboardDesk):
    """The current tune: taken from the run, edited, played while it is written, saved.

    Attributes:
        take: What is shown and played; None when the project has no tunes.
        live: Whether it follows the newest sample of the run.
        link: Joins the playhead and the shared cursor.
        selection: The region that is selected, (first, end) in beats; None when there is none.

    Signals:
        take_changed: Another take, or the one being written has grown, or an edit.
        hover_changed(object): `Note` under a pointer in any panel, or None.
        selection_changed: Another region, or none, is selected.
    """

    take_changed = Signal()
    hover_changed = Signal(object)
    selection_changed = Signal()

    def __init__(
        self, session: Session, opener: Opener = open_output, parent: QObject | None = None
    ) -> None:
        super().__init__(opener, parent)
        self.session = session
        self.take: Take | None = None
        self.live = True
        self.hovered: Note | None = None
        self.selection: tuple[Fraction, Fraction] | None = None
        self._edits = Edits()
        self._asked, self._begun = 0, False
        self._history = session.history
        self._book: tuple[object, Take | None] = (None, None)
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
              seed: int, **wishes: Any) -> int:  # fmt: skip
        """Ask the model for a tune and hear it while it is written, see `Session.write`.

        Returns:
            The number of the request, 0 when there is no model.
        """
        self.stop()
        request = self.session.write(prompt, length, temperature, top_k, top_p, seed, **wishes)
        self.follow(request)
        return request

    def follow(self, request: int) -> None:
        """Listen to the tune of a request while it is written; 0 changes nothing."""
        if request:
            self._asked, self._begun = request, False
            self.live = True
            self.open_sound()

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
        self.session.move_cursor(t=take.token_at(character))

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
        if self.session.history is not self._history:  # else it was resumed, and tells its facts
            self._history = self.session.history
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
        grown = sample is not None and self._grows_into(sample)
        if self.playing and not (asked or grown):
            return
        if sample is None:
            self._show(self._book_take())
        elif self.take is None or self.take.sample is not sample:
            # What is heard stays the tune that is heard, even when the text goes on to another.
            kept = self.take.start if grown and self.take and self.playing else None
            self._show(self._take_of(sample, kept))
        if asked and sample is not None:
            self._play_asked(sample)

    def _play_asked(self, sample: Sample) -> None:
        """Play a tune that was asked for as soon as it has notes; once."""
        if not self._begun and self.can_play:
            self._begun = True
            self.play()
        if sample.done:
            self._asked = 0

    def _grows_into(self, sample: Sample) -> bool:
        """Tell whether a sample is the text in view, written on."""
        before = self.take.sample if self.take is not None else None
        return (
            before is not None
            and not before.done
            and (before.request, before.step, before.prompt)
            == (sample.request, sample.step, sample.prompt)
            and sample.text.startswith(before.text)
        )

    def _newest(self) -> Sample | None:
        history, step = self.session.history, self.session.cursor.step
        if step is not None:
            return history.sample_at(step)
        writing = history.writing
        if self._asked:
            # Texts that the trainer writes by itself may come between; they are not followed.
            asked = [each for each in (writing, *reversed(history.samples))
                     if each is not None and each.request == self._asked]  # fmt: skip
            if asked:
                return asked[0]
        if writing is not None and self.session.state in {"running", "paused"}:
            return writing  # a run that ended leaves a text behind that nobody will finish
        return history.samples[-1] if history.samples else None

    @property
    def shows_book(self) -> bool:
        """Whether the take is a tune of the book, not one that was opened, drawn or edited."""
        return self.take is not None and self.take is self._book[1]

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
        before, sample = self.take, take.sample if take is not None else None
        grown = before is not None and sample is not None and self._grows_into(sample)
        anew = not (grown and take is not None and before is not None
                    and take.start == before.start)  # fmt: skip
        self._edits.clear()
        self._take_over(take, anew=anew)

    def _take_over(self, take: Take | None, *, anew: bool) -> None:
        self.take, self.error = take, None
        whole = take is None or take.done or _goes_on_behind(take)
        self._load(take.score if take is not None else None, complete=whole, anew=anew)
        self.hover(None)
        self.take_changed.emit()
        self.sound_changed.emit()

    # Edits

    def edit(self, score: Score, label: str) -> None:
        """Hear an edited score instead, from the next block on; `undo` takes it back.

        Args:
            score: The whole tune after the edit.
            label: What was done, such as "Move 3 notes".
        """
        if self.take is not None:
            self._edits.push(self.take, label)
            self.live = False
            self._take_over(edited_take(self.take, score), anew=False)

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._edits.undo_label)

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to do again."""
        return bool(self._edits.redo_label)

    @property
    def undo_label(self) -> str:
        """What `undo` takes back, "" for nothing."""
        return self._edits.undo_label

    @property
    def redo_label(self) -> str:
        """What `redo` does again, "" for nothing."""
        return self._edits.redo_label

    @Slot()
    def undo(self) -> None:
        """Take the last edit back."""
        if self.take is not None and self.can_undo:
            self._take_over(self._edits.undo(self.take), anew=False)

    @Slot()
    def redo(self) -> None:
        """Do again what was taken back last."""
        if self.take is not None and self.can_redo:
            self._take_over(self._edits.redo(self.take), anew=False)


def _goes_on_behind(take: Take) -> bool:
    """Tell whether another tune has begun behind this one: it will not grow any more."""
    return any(each.offset > take.start for each in take.coding.split(take.text))
