"""Short reviews written by rule, for a first look at feelings: praise, blame, and "not"."""

from __future__ import annotations

import numpy as np

from seqstudio.data.reading.labelled import Labelled

COUNT = 6000
_SEED = 11
_THINGS = (
    "the food", "the service", "this class", "the film", "the plot", "the music", "the room",
    "the view", "this book", "the ending", "the staff", "the battery", "the screen", "the story",
    "the price", "the coffee", "the lecture", "the game", "the song", "the hotel", "the phone",
)  # fmt: skip
_GOOD = (
    "good", "great", "wonderful", "lovely", "excellent", "fun", "brilliant", "charming", "clear",
    "fresh", "warm", "fine", "superb", "touching", "clever", "solid",
)  # fmt: skip
_BAD = (
    "bad", "awful", "terrible", "dull", "poor", "boring", "broken", "cold", "slow", "rude", "weak",
    "noisy", "messy", "stale", "clumsy", "dreadful",
)  # fmt: skip
_VERY = ("", "", "", "really ", "so ", "very ", "quite ", "rather ")
_ENDINGS = ("", "", "", " :)", " :(", "!", ".", " in the end.", ", I think.", " all in all.")


def written_reviews(count: int = COUNT) -> Labelled:
    """Return sentences labelled "positive" or "negative", as many of each, the same every time.

    A plain judgement, a negated one, two joined by "but" of which the second decides, or a pair
    "good, not bad" in which only the order tells.
    """
    rng = np.random.default_rng(_SEED)
    kinds = ("positive", "negative")
    labels = [kinds[at % 2] for at in range(count)]
    return Labelled(tuple(_sentence(rng, label == "positive") for label in labels), tuple(labels))


def _sentence(rng: np.random.Generator, positive: bool) -> str:
    shapes = (_plain, _plain, _negated, _turned, _paired)
    body = shapes[int(rng.integers(len(shapes)))](rng, positive)
    ending = _one(rng, _ENDINGS)
    if ending in {" :)", " :("}:
        ending = " :)" if positive else " :("
    return body[0].upper() + body[1:] + ending


def _plain(rng: np.random.Generator, positive: bool) -> str:
    return f"{_one(rng, _THINGS)} was {_one(rng, _VERY)}{_word(rng, positive)}"


def _negated(rng: np.random.Generator, positive: bool) -> str:
    return (
        f"{_one(rng, _THINGS)} was not {_one(rng, ('', '', 'at all '))}{_word(rng, not positive)}"
    )


def _turned(rng: np.random.Generator, positive: bool) -> str:
    return f"{_plain(rng, not positive)}, but {_plain(rng, positive)}"


def _paired(rng: np.random.Generator, positive: bool) -> str:
    first, second = _word(rng, positive), _word(rng, not positive)
    return f"{_one(rng, _THINGS)} was {first}, not {second}{_one(rng, ('', ' at all'))}"


def _word(rng: np.random.Generator, positive: bool) -> str:
    return _one(rng, _GOOD if positive else _BAD)


def _one(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]
