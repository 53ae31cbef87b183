"""Sentences with parts of speech, by a small grammar made of words that are two things.

"The old guard the house" and "the old guard sleeps": what "old" and "guard" are is settled by
what follows. "They guard" and "the guard": by what stands before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqstudio.data.reading.tagged import Sentence

SENTENCES = 4_000
# A noun and a verb.
_BOTH = (
    "guard", "watch", "help", "judge", "answer", "question", "visit", "call", "guide", "cook",
    "plan", "drink", "dance", "walk", "love", "fear", "dream", "cut", "cover", "paint",
    "notice", "doubt", "attack", "welcome",
)  # fmt: skip
_PEOPLE = (
    "old", "young", "rich", "poor", "brave", "wise", "sick", "free", "blind", "strong",
    "weak", "quiet",
)  # fmt: skip
_THINGS = (
    "house", "boat", "garden", "city", "river", "bridge", "road", "letter", "song", "child",
    "teacher", "door",
)  # fmt: skip
_GO = ["sleeps", "waits", "works", "comes", "leaves", "smiles", "falls", "ends"]
_SAY = ["know", "say", "think", "believe", "hope"]
_ADVERBS = ["often", "never", "today", "again", "soon"]
_NEAR = ["near", "behind", "in", "by"]

Word = tuple[str, str]


class _Grammar:
    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def sentence(self) -> Sentence:
        words = [*self._clause(), (".", "PUNCT")]
        return tuple(word for word, _ in words), tuple(tag for _, tag in words)

    def _clause(self, deep: bool = False) -> list[Word]:
        made = (self._people, self._one_goes, self._they, self._may, self._that_is, self._say)
        found = list(made[int(self._rng.integers(5 if deep else 6))]())
        if self._rng.random() < 0.2:
            found.append((self._one(_ADVERBS), "ADV"))
        return found

    def _people(self) -> list[Word]:  # the old guard the house
        return [("the", "DET"), (self._one(_PEOPLE), "NOUN"), (self._one(_BOTH), "VERB"),
                *self._object()]  # fmt: skip

    def _one_goes(self) -> list[Word]:  # the old guard sleeps
        return [*self._the(self._one(_BOTH)), *self._place(), (self._one(_GO), "VERB")]

    def _they(self) -> list[Word]:  # they guard the old house
        return [(self._one(("they", "we", "you")), "PRON"), (self._one(_BOTH), "VERB"),
                *self._object()]  # fmt: skip

    def _may(self) -> list[Word]:  # they can guard her can
        who = [(self._one(("they", "we")), "PRON")]
        who = who if self._rng.random() < 0.5 else [("the", "DET"), (self._one(_PEOPLE), "NOUN")]
        may = (self._one(("can", "will", "must")), "AUX")
        return [*who, may, (self._one(_BOTH), "VERB"), *self._object()]

    def _that_is(self) -> list[Word]:  # that is old, that guard is old, the can is old
        noun = (self._one((*_BOTH, "can", "will")), "NOUN")
        who = [[("that", "PRON")], [("that", "DET"), noun], [("the", "DET"), noun]]
        return [*who[int(self._rng.integers(3))], ("is", "AUX"), (self._one(_PEOPLE), "ADJ")]

    def _say(self) -> list[Word]:  # they know that the old guard the house
        who = [(self._one(("they", "we")), "PRON"), (self._one(_SAY), "VERB")]
        return [*who, ("that", "SCONJ"), *self._clause(deep=True)]

    def _object(self) -> list[Word]:
        chance = self._rng.random()
        if chance < 0.2:
            return [("her", "PRON")]  # they see her
        if chance < 0.4:
            return [("her", "DET"), (self._one((*_THINGS, *_BOTH)), "NOUN")]  # they see her house
        if chance < 0.5:
            return [("the", "DET"), (self._one(_PEOPLE), "NOUN")]  # they help the old
        return [*self._the(self._one((*_THINGS, *_BOTH))), *self._place()]

    def _the(self, noun: str) -> list[Word]:
        some = self._rng.random() < 0.6
        middle = [(self._one(_PEOPLE), "ADJ")] if some else []
        return [(self._one(("the", "the", "that")), "DET"), *middle, (noun, "NOUN")]

    def _place(self) -> list[Word]:
        if self._rng.random() < 0.75:
            return []
        return [(self._one(_NEAR), "ADP"), ("the", "DET"), (self._one(_THINGS), "NOUN")]

    def _one(self, words: Sequence[str]) -> str:
        return words[int(self._rng.integers(len(words)))]


def tagged_sentences(count: int = SENTENCES, seed: int = 0) -> tuple[Sentence, ...]:
    """Return different sentences, the same for the same seed."""
    grammar = _Grammar(seed)
    found: dict[Sentence, None] = {}
    while len(found) < count:
        found[grammar.sentence()] = None
    return tuple(found)
