"""A text that is steered while it is written: which wishes hold, and when the writing waits.

What a bar is, and what may follow, is known to `music.guiding`; the model's numbers to
`engine.sampling`. Here they meet. A text that nobody steers or constrains never comes by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from seqstudio.insight.choosing import Probabilities, next_probabilities
from seqstudio.music.guiding import Guide, guide
from seqstudio.records.messages import Constraints, Steer, Write

if TYPE_CHECKING:
    from seqstudio.data.vocabulary import Vocabulary

Turn = Literal["go on", "wait", "end"]

LANDING = 96
"""Tokens before the asked length, or a quarter of it, where a constrained tune seeks its end."""
PER_BAR = 96
"""Tokens that a bar may take where a number of bars was asked for."""


class Wishes:
    """Hands the newest `Steer` for one text from whoever steers to whoever writes.

    Attributes:
        newest: What was wished last, None before.
        stopped: Somebody wished the end.
    """

    def __init__(self) -> None:
        self.newest: Steer | None = None
        self.stopped = False

    def put(self, steer: Steer) -> None:
        """Leave a wish; it takes the place of the one before."""
        self.newest = steer
        self.stopped = self.stopped or steer.stop


class Course:
    """What holds for the next token of one text.

    Args:
        request: As asked.
        vocabulary: Of the model.
        kind: Kind of the data; one without bars is steered at once and never waits.
        prompt: Numbers of the prompt.
        wishes: Where somebody may steer.

    Attributes:
        request: As asked, with what was steered since.
    """

    def __init__(
        self,
        request: Write,
        vocabulary: Vocabulary,
        kind: str,
        prompt: Sequence[int],
        wishes: Wishes,
    ) -> None:
        self.request = request
        self._symbols, self._wishes = vocabulary.symbols, wishes
        self._kind, self._region = kind, bool(request.after)
        self._read: list[int] = list(prompt)
        self._prompt = len(self._read)
        self._guide: Guide | None = None
        self._heard: Steer | None = None
        self._later: Steer | None = None
        if request.ahead or request.after or request.constraints != Constraints():
            self._begin()

    @property
    def limit(self) -> int:
        """Most tokens to write; a number of bars counts before a number of tokens."""
        bars = self.request.constraints.bars if self._guide is not None else 0
        return max(self.request.length, PER_BAR * (bars + 3)) if bars else self.request.length

    @property
    def note(self) -> str:
        """What could not be kept to, "" when all was."""
        return "" if self._guide is None else self._guide.note

    def turn(self) -> Turn:
        """Take in what was wished; tell what comes next."""
        steer = self._wishes.newest
        if steer is not None and steer is not self._heard:
            self._hear(steer)
        found, stops = self._guide, self._wishes.stopped
        if found is None:
            return "end" if stops else "go on"
        if found.ended or (stops and found.at_bar):
            return "end"
        if self._later is not None and found.at_bar:
            self._obey(self._later)
        ahead = self.request.ahead
        return "wait" if 0 < ahead <= found.bars and found.at_bar else "go on"

    def took(self, token: int) -> None:
        """Take in the token that was chosen."""
        self._read.append(token)
        if self._guide is not None:
            self._guide.push(self._symbols[token])
            if self._lands:
                self._guide.land()

    def masked(self, scores: np.ndarray, p: Probabilities) -> Probabilities:
        """Return the probabilities to choose from: those of tokens that may come, renormalised.

        Where top k and top p left nothing that may come, all that may come is chosen from.
        """
        mask = None if self._guide is None else self._guide.allowed()
        if mask is None:
            return p
        kept: Probabilities = np.where(mask, p, 0.0)
        total = kept.sum()
        if total > 0:
            return np.asarray(kept / total)
        possible = np.where(mask, scores.astype(np.float64), -np.inf)
        return next_probabilities(possible, self.request.temperature, 0, 1.0)

    @property
    def surplus(self) -> int:
        """Tokens at the end of a region that stand in what follows it already."""
        found = self._guide if self._region else None
        return 0 if found is None else found.surplus(self.request.after)

    def over(self) -> bool:
        """Tell whether the text has come to its end by itself."""
        return self._guide is not None and self._guide.ended

    @property
    def _lands(self) -> bool:
        wish = self.request.constraints
        length = self.request.length
        near = len(self._read) - self._prompt >= length - min(LANDING, length // 4)
        return near and not wish.bars and bool(wish.tonic or wish.meter)

    def _begin(self) -> None:
        """Begin to follow the bars; what was written so far is read first."""
        self._guide = guide(
            self._kind, self.request.constraints, self._symbols, region=self._region
        )
        if self._guide is not None:
            for number in self._read[: self._prompt]:
                self._guide.push(self._symbols[number])
            self._guide.begin()
            for number in self._read[self._prompt :]:
                self._guide.push(self._symbols[number])

    def _hear(self, steer: Steer) -> None:
        if self._guide is None:
            self._begin()
        self.request = replace(self.request, ahead=steer.ahead)
        self._heard = self._later = steer
        if self._guide is None:
            self._obey(steer)

    def _obey(self, steer: Steer) -> None:
        self._later = None
        self.request = replace(
            self.request,
            temperature=steer.temperature,
            top_k=steer.top_k,
            top_p=steer.top_p,
            constraints=steer.constraints,
        )
        if self._guide is not None:
            self._guide.steer(steer.constraints)
