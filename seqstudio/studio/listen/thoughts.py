"""`Thoughts`: asks what the model did over the text of a tune, and tells it note by note."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from seqstudio.music.score import Note
from seqstudio.records.inside.attention import (
    AttentionExample,
    AttentionMap,
    AttentionOf,
    AttentionSeen,
)
from seqstudio.records.inside.cells import PAGE, Cells, CellsOf
from seqstudio.records.inside.gradients import TimeMap, TimeMapOf
from seqstudio.records.inside.predictions import Predictions, PredictionsOf
from seqstudio.records.looking import Looked, LookFailed
from seqstudio.studio.inside.looks import Aim
from seqstudio.studio.listen.colouring import Scale
from seqstudio.studio.listen.note_values import NoteTokens, Values
from seqstudio.studio.listen.takes import Take

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

READ = 512
READ_GRADIENT = 256
GUESSES = 4
_DECADES = 6.0


class Look(QObject):
    """One question about a text, kept asked while it is wanted, and its newest answer.

    Attributes:
        reading: The answer, None before the first.
        failure: Why there is none, None when there is one.

    Signals:
        answered: There is another answer, or a reason why there is none.
    """

    answered = Signal()

    def __init__(self, session: Session, view: str, parent: QObject) -> None:
        super().__init__(parent)
        self.session = session
        self.reading: Any = None
        self.failure: LookFailed | None = None
        self._view = f"{view} {id(self)}"
        self._aim: Aim | None = None
        self._request = 0
        session.looks.answered.connect(self._answered)

    def want(self, question: object, text: str) -> None:
        """Ask, unless the answer is there or on its way, or training is to have its time."""
        session = self.session
        if session.facts is None or not text:
            return
        looks, project = session.looks, session.run_project or session.project
        aim = looks.aim(question, text=text, project=project)
        if aim == self._aim:
            return
        waiting = self._request and not looks.overdue(self._request)
        if self._older(aim) and (waiting or looks.rests()):
            return
        if self._aim is not None and (aim.text, aim.project) != (
            self._aim.text,
            self._aim.project,
        ):
            self.reading = None
        self._aim, known = aim, looks.known(aim)
        if known is not None:
            self._take(known)
        else:
            self._request = looks.ask(self._view, aim, project)

    def _older(self, aim: Aim) -> bool:
        """Tell whether only training has gone on since the last question."""
        return self._aim is not None and replace(self._aim, step=aim.step) == aim

    def _take(self, answer: Looked) -> None:
        self.reading, self.failure = answer.reading, None
        self.answered.emit()

    @Slot(object)
    def _answered(self, answer: object) -> None:
        if isinstance(answer, Looked) and answer.request == self._request:
            self._take(answer)
        elif isinstance(answer, LookFailed) and answer.request == self._request:
            self.reading, self.failure = None, answer
            self.answered.emit()


@dataclass(frozen=True)
class Thought:
    """Numbers of the notes of a take.

    Attributes:
        value_N: (N,) the value of each note, NaN where nothing is known.
        scale: What they are.
    """

    value_N: Values
    scale: Scale


class Thoughts(QObject):
    """What the model thought at each note: one quantity at a time, linked with the shared cursor.

    Attributes:
        mode: "unit", "gradient" or "attention"; "" asks nothing.

    Signals:
        changed: Other numbers, another place, or a reason why there are none.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self.session = session
        self.mode = ""
        self._take: Take | None = None
        self._looks = {
            mode: Look(session, f"notes by {mode}", self)
            for mode in ("unit", "gradient", "attention", "expected")
        }
        self._tokens: tuple[object, NoteTokens] | None = None
        for look in self._looks.values():
            look.answered.connect(self.changed)
        session.events.connect(self.ask)
        session.state_changed.connect(self.ask)
        session.facts_changed.connect(self.ask)
        session.cursor_changed.connect(self._cursor_moved)

    # Asking

    def set_mode(self, mode: str) -> None:
        """Ask for another quantity, or with "" for none."""
        if mode != self.mode:
            self.mode = mode
            self.ask()
            self.changed.emit()

    def set_take(self, take: Take | None) -> None:
        """Ask about another tune."""
        if take is not self._take:
            self._take, self._tokens = take, None
            self.ask()

    @Slot(object)
    def _cursor_moved(self, _cursor: object) -> None:
        if self.mode:
            self.ask()
            self.changed.emit()

    @Slot()
    def ask(self, _why: object = None) -> None:
        """Ask what is wanted now; only a whole tune is asked about."""
        take = self._take
        if take is not None and take.done and self.mode in self._looks:
            self._looks[self.mode].want(self._question(), self._text(take))

    def _text(self, take: Take) -> str:
        return take.text[take.start :]

    def _question(self) -> object:
        cursor = self.session.cursor
        if self.mode == "unit":
            reading = self._looks["unit"].reading
            page = reading.units[0] // PAGE if reading is not None and len(reading.units) else 0
            if cursor.unit is not None and (reading is None or cursor.unit not in reading.units):
                page = cursor.unit // PAGE
            return CellsOf(READ, cursor.block, cursor.layer, page=int(page))
        if self.mode == "gradient":
            return TimeMapOf(READ_GRADIENT, "")
        wish = AttentionOf(AttentionExample(steps=READ))
        site = self.site
        if site is None or (site.pool == 1 and site.rows is None):
            return wish
        return replace(wish, focus=site.site.key, head=self._head(site), query=self._place())

    def expect(self, note: Note) -> str:
        """Return what the model expected in the place of a note; "" before it has answered.

        It is asked only while notes are coloured by it: a pointer that passes by asks nothing.
        """
        take, look = self._take, self._looks["expected"]
        if not self.mode or take is None or not take.done or note.source is None:
            return ""
        look.want(PredictionsOf(READ, GUESSES), self._text(take))
        reading = look.reading
        if not isinstance(reading, Predictions) or not reading.follows:
            return ""
        first = NoteTokens(take, reading.tokens).token_C[note.source[0]] - 1
        if not 0 <= first < len(reading.p):
            return ""
        guesses = zip(reading.best[first], reading.p[first], strict=True)
        words = (f"“{reading.symbols[int(token)]}” {p:.2f}" for token, p in guesses)
        return "expected " + "  ".join(words)

    # Answers

    @property
    def failure(self) -> LookFailed | None:
        """Why there are no numbers."""
        return self._looks[self.mode].failure if self.mode else None

    @property
    def waiting(self) -> bool:
        """Whether numbers are wanted and have yet to come."""
        return bool(self.mode) and self._reading is None and self.failure is None

    @property
    def _reading(self) -> Any:
        return self._looks[self.mode].reading if self.mode else None

    @property
    def cells(self) -> Cells | None:
        """Units over the text."""
        reading = self._looks["unit"].reading
        return reading if isinstance(reading, Cells) else None

    @property
    def unit(self) -> int:
        """The unit in view: that of the shared cursor, else the first."""
        chosen = self.session.cursor.unit
        cells = self.cells
        if chosen is None or (cells is not None and chosen >= cells.total):
            return 0
        return chosen

    @property
    def sites(self) -> tuple[AttentionMap, ...]:
        """Places of attention that look at the text itself."""
        reading = self._looks["attention"].reading
        if not isinstance(reading, AttentionSeen):
            return ()
        return tuple(each for each in reading.sites if each.site.keys == "text")

    @property
    def site(self) -> AttentionMap | None:
        """The place of attention of the shared cursor, else the first."""
        cursor, sites = self.session.cursor, self.sites
        fitting = [
            each
            for each in sites
            if each.site.block == cursor.block and each.site.layer == cursor.layer
        ]
        return next(iter([*fitting, *sites]), None)

    @property
    def head(self) -> int:
        """The head in view."""
        site = self.site
        return self._head(site) if site is not None else 0

    def _head(self, site: AttentionMap) -> int:
        return min(self.session.cursor.head, site.site.heads - 1)

    def note_tokens(self, take: Take) -> NoteTokens | None:
        """Return the tokens of every note, None before anything was read."""
        reading = self._reading
        tokens = getattr(getattr(reading, "read", None), "tokens", None)
        tokens = getattr(reading, "tokens", None) if tokens is None else tokens
        if tokens is None:
            return None
        if self._tokens is None or self._tokens[0] is not tokens:
            self._tokens = tokens, NoteTokens(take, tokens)
        return self._tokens[1]

    def _place(self) -> int:
        """Return the token of the shared cursor."""
        take = self._take
        tokens = self.note_tokens(take) if take is not None else None
        if take is None or tokens is None:
            return 0
        pointed = min(self.session.cursor.t, len(take.tokens) - 1)  # it counts from the first tune
        return tokens.token_at(take.character_of(pointed) - take.start)

    def thought(self) -> Thought | None:
        """Return the numbers of the notes, None while there are none."""
        take = self._take
        tokens = self.note_tokens(take) if take is not None else None
        found = {"unit": self._activation, "gradient": self._gradient,
                 "attention": self._attention}.get(self.mode)  # fmt: skip
        values = found() if found is not None and tokens is not None else None
        if values is None or tokens is None:
            return None
        value_T, scale = values
        return Thought(tokens.largest(value_T, signed=scale.quantity == "signed"), scale)

    def _activation(self) -> tuple[Values, Scale] | None:
        cells = self.cells
        if cells is None or self.unit not in cells.units:
            return None
        row = int(np.flatnonzero(cells.units == self.unit)[0])
        value_T = np.array(cells.values[row], np.float64)
        limit = cells.limit or float(np.nanmax(np.abs(value_T), initial=1e-9))
        words = f"unit {self.unit}, {cells.places[cells.place].title}, {cells.state}"
        if cells.signed:
            return value_T, Scale("signed", -limit, limit, words, cells.state)
        return value_T, Scale("gate", 0.0, limit, words, cells.state)

    def _gradient(self) -> tuple[Values, Scale] | None:
        reading = self._looks["gradient"].reading
        if not isinstance(reading, TimeMap):
            return None
        place = self._place()
        row = int(np.argmin(np.abs(np.asarray(reading.targets) - place)))
        log10_T = np.array(reading.log10_h[row], float)
        log10_T[np.isneginf(log10_T)] = np.nan
        high = float(np.ceil(np.nanmax(log10_T, initial=-np.inf)))
        high = high if np.isfinite(high) else 0.0
        log10_T = np.where(np.isnan(log10_T), np.nan, log10_T - high)
        token = reading.tokens[reading.targets[row]] if reading.tokens else ""
        words = f"log₁₀ ∂loss behind “{token}” by state, below 1e{high:.0f}"
        return log10_T, Scale("gradient", -_DECADES, 0.0, words, "log₁₀")

    def _attention(self) -> tuple[Values, Scale] | None:
        site = self.site
        if site is None:
            return None
        weights = self._row(site)
        if weights is None:
            return None
        high = float(np.nanmax(weights, initial=1e-9))
        words = f"attention of head {self.head + 1}, {site.site.name}"
        return weights, Scale("attention", 0.0, high, words, "weight")

    def _row(self, site: AttentionMap) -> Values | None:
        """Return the weights of the query at the cursor; NaN where it may not look."""
        place, head = self._place(), self._head(site)
        if site.pool == 1 and place < site.weights.shape[1]:
            weights = np.array(site.weights[head, place], float)
            weights[site.masked[place]] = np.nan
            return weights
        rows = site.rows
        return None if rows is None else np.array(rows[head], float)
