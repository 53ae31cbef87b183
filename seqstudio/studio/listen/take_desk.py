"""`TakeDesk`: asks for tunes, steers the one that is written, and puts on the shelf what is made.

One for a page, beside its `ListenSession`; every panel of the page shares it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from seqstudio.core.errors import SeqError
from seqstudio.document.document import Change
from seqstudio.records.readings import Sample
from seqstudio.studio.listen.past import PastWriter, Told
from seqstudio.studio.listen.shelf import Shelf
from seqstudio.studio.listen.shelf_file import KeptTake, Origin, kept_take
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.takes import Take, filled_take, take_of_sample
from seqstudio.studio.listen.wishes import BARS_AHEAD, Wish, bars_ahead
from seqstudio.studio.notices import Notice

#: Label of the change with which another project comes into view.
_OPENED = "Open"
_MOST_UNDO = 100
_EDIT_MS = 1_200
T = TypeVar("T")


class TakeDesk(QObject):
    """What was asked for and what is kept.

    Attributes:
        listen: The tune of the page.
        shelf: The takes of the project in view.
        wish: What the model is being asked now, None when nothing is on its way.
        last_wish: What was asked for last, None before.
        request: Number of the last request.
        past: Asks older weights.
        passage: Characters of the text in view that stand in the training text, None for none.

    Signals:
        shelf_changed(): a take came, went or changed.
        writing_changed(): a tune begins, ends, or is steered.
        passage_changed(): another passage of the text is marked as copied.
    """

    shelf_changed = Signal()
    writing_changed = Signal()
    passage_changed = Signal()

    def __init__(self, listen: ListenSession) -> None:
        super().__init__(listen)
        self.listen = listen
        self.session = listen.session
        self.wish: Wish | None = None
        self.last_wish: Wish | None = None
        self.request = 0
        self.passage: tuple[int, int] | None = None
        self._ahead = 0
        self._history = self.session.history
        self._given_bars = 0
        self._edited: tuple[str, Take | None] = ("", None)
        self._edit_rest = QTimer(self, interval=_EDIT_MS, singleShot=True)
        self._edit_rest.timeout.connect(self.keep_edit)
        self._asked: dict[int, tuple[Wish, str, Origin]] = {}
        self._deleted: list[KeptTake] = []
        self._repeated: dict[int, Wish] = {}
        self._saved_once = self.session.document.path is not None
        self.shelf = Shelf(self.session.runs_home)
        self.past = PastWriter(self.session, self)
        self._connect()
        self.tell_damage()

    @classmethod
    def of(cls, listen: ListenSession) -> TakeDesk:
        """Return the desk of a page, made with the first panel that needs it."""
        return listen.findChild(cls) or cls(listen)

    def _connect(self) -> None:
        session = self.session
        session.events.connect(self._arrived)
        session.run_changed.connect(self._another_run)
        session.project_changed.connect(self._project_became)
        self.destroyed.connect(session.document.saved.connect(self._project_saved))
        self.listen.moved.connect(self._follow_playhead)
        self.listen.take_changed.connect(self._take_changed)
        self.past.told.connect(self._past_told)

    # Asking and steering

    @property
    def writing(self) -> bool:
        """Whether a tune that was asked for is on its way."""
        return self.wish is not None

    def write(self, wish: Wish, origin: Origin = "written") -> int:
        """Ask for a tune and listen to it while it is written.

        Returns:
            The number of the request, 0 when there is no model.
        """
        self.listen.stop()
        self.keep_edit()
        coding = self.listen.coding
        given = coding.read(wish.prompt).score.bar_starts if coding is not None else ()
        self._given_bars = len(given) if wish.live else 0
        self._ahead = BARS_AHEAD + 1 if wish.live else 0
        request = self.session.write(
            wish.prompt, wish.length, wish.temperature, wish.top_k, wish.top_p, wish.seed,
            constraints=wish.constraints, ahead=self._ahead, after=wish.after, tries=wish.tries,
        )  # fmt: skip
        if request:
            self._asked[request] = wish, self.session.history.run, origin
            self.wish, self.request, self.last_wish = wish, request, wish
            self.listen.follow(request)
            self.writing_changed.emit()
        return request

    def change(self, wish: Wish) -> None:
        """Let a tune on its way go on as `wish` says, from its next bar."""
        if self.wish is None:
            return
        self.wish = replace(
            self.wish, temperature=wish.temperature, top_k=wish.top_k, top_p=wish.top_p,
            constraints=wish.constraints, live=wish.live,
        )  # fmt: skip
        if self.request in self._asked:
            _wish, run, origin = self._asked[self.request]
            self._asked[self.request] = self.wish, run, origin
        self._steer()

    def end_here(self) -> None:
        """End the tune on its way as it is."""
        self._steer(stop=True)

    def _steer(self, *, stop: bool = False) -> None:
        if self.wish is not None:
            self._ahead = self._bars_wanted()
            self.session.steer(self.wish.steer(self.request, self._ahead, stop=stop))
            self.writing_changed.emit()

    @Slot()
    def _follow_playhead(self) -> None:
        """Let the model write on as the playhead goes on."""
        if self.wish is None or not self.wish.live or not self._is_mine(self.listen.take):
            return
        if self._bars_wanted() > self._ahead:
            self._steer()

    def _bars_wanted(self) -> int:
        """Return how many bars behind the prompt may be written by now."""
        wanted = bars_ahead(self.listen.take, self.listen.position_beats) - self._given_bars
        return max(self._ahead, BARS_AHEAD + 1, wanted)

    def _is_mine(self, take: Take | None) -> bool:
        return take is not None and take.sample is not None and take.sample.request == self.request

    @Slot()
    def _another_run(self) -> None:
        if self.session.history is self._history:
            return  # a run that was resumed told its facts again
        self._history = self.session.history
        self.wish, self._asked, self._repeated = None, {}, {}
        self.writing_changed.emit()

    @Slot(object)
    def _arrived(self, kinds: object) -> None:
        if not (isinstance(kinds, frozenset) and Sample in kinds and self._asked):
            return
        for sample in self.session.history.samples[-len(self._asked) - 8 :]:
            asked = self._asked.pop(sample.request, None)
            if asked is not None:
                self._came(sample, *asked)

    def _came(self, sample: Sample, wish: Wish, run: str, origin: Origin) -> None:
        if sample.request == self.request:
            self.wish = None
            self.writing_changed.emit()
        coding, heard = self.listen.coding, self.listen.take
        if coding is None:
            return
        if wish.after:
            take = filled_take(sample, wish.after, coding)
            self.keep(take, origin, wish=wish, run=run)
            self.listen.take_up(take)
            return
        # A text may hold several tunes: the one that is heard is the one that is kept.
        start = heard.start if heard is not None and self._is_mine(heard) else None
        self.keep(take_of_sample(sample, start, coding), origin, wish=wish, run=run)

    def mark_passage(self, passage: tuple[int, int] | None) -> None:
        """Mark the characters of the text in view that stand in the training text."""
        if passage != self.passage:
            self.passage = passage
            self.passage_changed.emit()

    # The shelf

    def keep(self, take: Take, origin: Origin, *, wish: Wish | None = None,
             run: str = "") -> KeptTake | None:  # fmt: skip
        """Put a take on the shelf; None when it cannot be kept, which is told."""
        kept = kept_take(take, origin, run=run, wish=wish, made_at=time.time())
        return None if kept is None else self._try(lambda: self.shelf.add(kept))

    @Slot()
    def _take_changed(self) -> None:
        """Keep an edited tune once the person rests, as one take until another tune comes."""
        take = self.listen.take
        if take is None or take.sample is not None or not self.listen.can_undo:
            self.keep_edit()
            if not self.listen.can_redo:
                self._edited = "", None
            return
        self._edited = self._edited[0], take
        self._edit_rest.start()

    @Slot()
    def keep_edit(self) -> None:
        """Put an edited tune on the shelf now, in the place of its last version."""
        self._edit_rest.stop()
        key, take = self._edited
        if take is None:
            return
        before = self.shelf.get(key)
        if before is None:
            kept = self.keep(take, "edited")
            self._edited = kept.key if kept is not None else "", None
            return
        now = kept_take(take, "edited", made_at=before.made_at)
        self._edited = key, None
        if now is not None:
            self.change_take(replace(now, key=key, title=before.title, stars=before.stars,
                                     note=before.note))  # fmt: skip

    def change_take(self, take: KeptTake) -> None:
        """Rename a take, or give it stars or a note."""
        self._try(lambda: self.shelf.change(take))

    @Slot(str)
    def delete(self, key: str) -> None:
        """Take a take off the shelf; `undo_delete` brings it back."""
        take = self.shelf.get(key)
        if take is None:
            return
        self._try(lambda: self.shelf.delete(key))
        if self.shelf.get(key) is None:
            self._deleted = [*self._deleted, take][-_MOST_UNDO:]
            self.shelf_changed.emit()

    @property
    def last_deleted(self) -> KeptTake | None:
        """The take that `undo_delete` would bring back."""
        return self._deleted[-1] if self._deleted else None

    @Slot()
    def undo_delete(self) -> None:
        """Bring back the take that was deleted last."""
        if self._deleted:
            take = self._deleted.pop()
            self._try(lambda: self.shelf.restore(take))

    def _try(self, act: Callable[[], T]) -> T | None:
        """Do something with the shelf; a failure is told, and the shelf shown as it is."""
        try:
            return act()
        except SeqError as error:
            self.session.tell(error)
            return None
        finally:
            self.shelf_changed.emit()

    def listen_to(self, kept: KeptTake, *, at_same_beat: bool = False) -> None:
        """Bring a take into every panel; `at_same_beat` goes on where the playhead is."""
        beats, playing = self.listen.position_beats, self.listen.playing
        self.listen.take_up(kept.take)
        if at_same_beat:
            self.listen.seek(beats)
            if playing:
                self.listen.play()

    def repeat(self, kept: KeptTake) -> int:
        """Write a take again with its prompt and seed, by the weights of its step if still there.

        Returns:
            The number of the request, 0 when nobody asked for the take, or nobody can write.
        """
        if kept.wish is None:
            return 0
        wish, session = replace(kept.wish, live=False), self.session
        mine = kept.run == session.history.run
        past = kept.step if mine and kept.step != session.history.step else None
        if past is not None and past in self.past.steps() and not wish.after:
            request = self.past.ask("repeat a take", wish, past)
            self._repeated[request] = wish
            return request
        if past is not None or not mine:
            self._tell_other_weights(kept)
        return self.write(wish)

    def _tell_other_weights(self, kept: KeptTake) -> None:
        by = f"step {kept.step:,} of {kept.run}" if kept.step is not None else kept.run
        what = f"The weights of {by} are not at hand"
        why = f"Those of {self.session.run_title()} write now: it may come out otherwise."
        self.session.notice.emit(Notice(what, why))

    @Slot(object)
    def _past_told(self, told: object) -> None:
        if not isinstance(told, Told) or told.request not in self._repeated:
            return
        sample, coding = told.sample, self.listen.coding
        if sample is None:
            del self._repeated[told.request]
            self.session.notice.emit(Notice("The take was not written again", told.refused))
        elif sample.done and coding is not None:
            wish, run = self._repeated.pop(told.request), self.session.history.run
            take = take_of_sample(sample, None, coding)
            kept = self.keep(take, "written", wish=wish, run=run)
            if kept is not None:
                self.listen_to(kept)
                self.listen.play()

    # Whose takes

    @Slot(object)
    def _project_became(self, change: object) -> None:
        if isinstance(change, Change) and change.label == _OPENED:
            self.keep_edit()
            self._edited = "", None
            self._saved_once = self.session.document.path is not None
            self.shelf, self._deleted = Shelf(self.session.runs_home), []
            self.tell_damage()
            self.shelf_changed.emit()

    def _project_saved(self, _path: Path) -> None:
        home, move = self.session.runs_home, not self._saved_once
        if self.shelf.folder.parent != home:
            self._try(lambda: self.shelf.carry(home, move=move))
        self._saved_once = True

    def tell_damage(self) -> None:
        """Tell which files of the shelf could not be read."""
        damaged = self.shelf.damaged
        if damaged:
            names = ", ".join(each.name for each in damaged[:4])
            what = f"{len(damaged)} take{'s' * (len(damaged) > 1)} could not be read: {names}"
            where = f"The files are kept in {self.shelf.folder / 'deleted'}"
            self.session.notice.emit(Notice(what, damaged[0].why, where, "warn"))
