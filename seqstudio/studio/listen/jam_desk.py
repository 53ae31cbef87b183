"""`JamDesk`: hands a person's phrase to the model and its answer to the clock that goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import QObject, Signal, Slot

from seqstudio.core.errors import SeqError
from seqstudio.music.score import Score
from seqstudio.records.readings import Sample
from seqstudio.studio.listen.edited import edited_take
from seqstudio.studio.listen.jam_turns import Turn, answer_of, joined, turn_of
from seqstudio.studio.listen.prompt_form import StyleDesk
from seqstudio.studio.listen.prompts import in_style
from seqstudio.studio.listen.shelf_file import KeptTake
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.listen.takes import Take, take_of_sample
from seqstudio.studio.listen.wishes import Wish

Phase = Literal["rest", "yours", "writing", "answer"]
POLYPHONIC = frozenset({"events", "voices", "frames"})
_PLAIN = Wish("", 0, 0.8)


@dataclass(frozen=True)
class Answered:
    """A turn with its answer.

    Attributes:
        turn: The phrase, and what was asked.
        answer: What the model played.
        begins: Beat of the clock at which the answer began.
        kept: The take on the shelf, None when it could not be kept.
    """

    turn: Turn
    answer: Score
    begins: float
    kept: KeptTake | None


class JamDesk(QObject):
    """Takes turns between a person and the model.

    Attributes:
        wish: Temperature, top k, top p of the answers.
        key: Key to keep to, "" for that of each phrase.
        bars: Bars of an answer, 0 for as many as the phrase has.
        turns: What was played so far, oldest first.
        trouble: Why there was no answer to the last phrase, "" when there was.

    Signals:
        changed(): the phase, or the turns.
    """

    changed = Signal()

    def __init__(
        self, listen: ListenSession, desk: TakeDesk, parent: QObject | None = None
    ) -> None:
        super().__init__(parent or listen)
        self.listen, self.desk = listen, desk
        self.session = listen.session
        self.wish, self.key, self.bars = _PLAIN, "", 0
        self.guided = False
        self.turns: list[Answered] = []
        self.trouble = ""
        self._turn: Turn | None = None
        self._request = 0
        listen.phrase_heard.connect(self._heard)
        listen.playing_changed.connect(self._playing_changed)
        self.session.events.connect(self._arrived)

    # State

    @property
    def going(self) -> bool:
        """Whether the clock goes on."""
        return self.listen.jam is not None

    @property
    def beats(self) -> float:
        """Place of the clock in beats."""
        return self.listen.jam.beats if self.listen.jam is not None else 0.0

    @property
    def phase(self) -> Phase:
        """Whose turn it is."""
        if not self.going:
            return "rest"
        if self._turn is not None:
            return "writing"
        last = self.turns[-1] if self.turns else None
        if last is not None and self.beats < last.begins + float(last.answer.end_beats):
            return "answer"
        return "yours"

    # What the person does

    def begin(self, *, clicks: bool) -> None:
        """Start the clock."""
        self._turn, self.trouble, self.turns = None, "", []
        self.listen.begin_jam(clicks=clicks)
        self.changed.emit()

    @Slot()
    def end(self) -> None:
        """Stop the clock; the tune in view is back."""
        self._turn = None
        self.listen.end_jam()
        self.changed.emit()

    @Slot()
    def end_phrase(self) -> None:
        """Hand the phrase over without waiting for a pause."""
        self.listen.end_phrase()

    # Turns

    @Slot(object)
    def _heard(self, phrase: object) -> None:
        coding = self.listen.coding
        if not isinstance(phrase, Score) or coding is None or not self.going:
            return
        kind = (self.session.run_project or self.session.project).data.kind
        try:
            turn = turn_of(phrase, coding, self.wish, key=self.key, bars=self.bars,
                           melody=kind not in POLYPHONIC, guided=self.guided)  # fmt: skip
            prompt = self._known(turn.wish.prompt)
        except SeqError as error:
            self._fail(error.sentence())
            return
        wish = replace(turn.wish, prompt=prompt, seed=self.wish.seed + len(self.turns))
        self._request = self.session.write(
            wish.prompt, wish.length, wish.temperature, wish.top_k, wish.top_p, wish.seed,
            constraints=wish.constraints,
        )  # fmt: skip
        if self._request:
            self._turn = replace(turn, wish=wish)
            self.trouble = ""
            self.changed.emit()
        else:
            self._fail("There is no model yet: press Train first")

    def _known(self, prompt: str) -> str:
        """Return a prompt as the data begin theirs, without what the model never saw."""
        dataset = self.session.dataset
        if prompt.startswith("X:"):
            styles = self.listen.findChild(StyleDesk)
            prompt = in_style(prompt, styles.style if styles is not None else None)
        if dataset is None or dataset.vocabulary is None:
            return prompt
        unknown = set(dataset.vocabulary.unknown(prompt))
        if not unknown:
            return prompt
        coding = self.listen.coding
        tokens = coding.tokens(prompt) if coding is not None else list(prompt)
        return "".join(token for token in tokens if token not in unknown)

    def _fail(self, words: str) -> None:
        self._turn, self.trouble = None, words
        self.listen.answer_jam(Score())
        self.changed.emit()

    @Slot(object)
    def _arrived(self, kinds: object) -> None:
        turn = self._turn
        if turn is None or not (isinstance(kinds, frozenset) and Sample in kinds):
            return
        for sample in reversed(self.session.history.samples[-8:]):
            if sample.request == self._request:
                self._came(turn, sample)
                return

    def _came(self, turn: Turn, sample: Sample) -> None:
        coding = self.listen.coding
        if coding is None:
            return
        answer = answer_of(turn, sample.prompt + sample.text, coding)
        if not answer.notes:
            self._fail("The model wrote no notes")
            return
        bar = float(turn.phrase.end_beats) / max(1, len(turn.phrase.bar_starts))
        begins = (int(self.beats // bar) + 1) * bar
        self.listen.answer_jam(answer)
        self._turn = None
        take = take_of_sample(sample, None, coding)
        kept = self.desk.keep(_named(edited_take(take, joined(turn, answer)), len(self.turns)),
                              "played", wish=turn.wish, run=self.session.history.run)  # fmt: skip
        self.turns.append(Answered(turn, answer, begins, kept))
        self.changed.emit()

    @Slot(bool)
    def _playing_changed(self, _playing: bool) -> None:
        self.changed.emit()


def _named(take: Take, number: int) -> Take:
    return replace(take, title=f"Jam, turn {number + 1}")
