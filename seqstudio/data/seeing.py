"""What a model sees of its data, number by number, for people to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset, Part

_SIGNS = str.maketrans({"\n": "⏎", " ": "␣", "\t": "⇥"})


def as_sign(symbol: str) -> str:
    """Return a symbol to look at: white space as signs."""
    return symbol.translate(_SIGNS)


def seen(dataset: Dataset, part: Part, n: int) -> list[tuple[str, str]]:
    """Return (number, token) of the first n steps of a part, white space as signs.

    A step of frames has the numbers of the keys that are down, 0 = A0, and no token.
    """
    if dataset.vocabulary is None or dataset.generated:
        return _frames(dataset, part, n) if dataset.pattern == "notes" else []
    ids = (dataset.train if part == "train" else dataset.valid)[:n].tolist()
    symbols = dataset.vocabulary.symbols
    return [(str(number), as_sign(symbols[number])) for number in ids]


def _frames(dataset: Dataset, part: Part, n: int) -> list[tuple[str, str]]:
    """Return the keys of the first row of the examples that the preview shows."""
    batch = dataset.first(part)
    steps = int(batch.lengths[0])
    rows = [np.flatnonzero(frame).tolist() for frame in batch.inputs[0, :steps][:n]]
    return [(" ".join(map(str, row)) or "·", "") for row in rows]
