"""Masked tokens of a text, to be filled in from both sides."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.corpora import open_text
from seqstudio.data.counting import interpolate
from seqstudio.data.dataset import Dataset
from seqstudio.data.reading.tokens import UNKNOWN
from seqstudio.data.tasks.base import (
    NOT_ASKED,
    Batch,
    Task,
    asked_only,
    check_length,
    equal_lengths,
    hash_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.data.vocabulary import Vocabulary
    from seqstudio.document.settings import DataSettings

MASKS = "▢◻\ufffc"
"""The first of these that the text does not have stands for a masked token."""
CHOSEN, HIDDEN, CHANGED = 0.15, 0.8, 0.1
MOST_COUNTED = 500_000


@dataclass(frozen=True, eq=False)
class MaskedTask(Task):
    """Fill in what was masked.

    Inputs (B, T): a piece of the text in which 15 % of the tokens were chosen; of these, 80 %
    are masked, 10 % replaced by a random token, 10 % left as they are. Targets (B, T): the token
    of the text where one was chosen, not asked elsewhere. The sign for words outside the
    vocabulary is never chosen: nobody can learn what it stood for.

    Source: Devlin et al. 2019, "BERT", section 3.1. There the chosen tokens are exactly 15 %;
    here each is chosen on its own.

    Attributes:
        ids: The text (N,).
        counted: The text that the floor counts on.
        vocabulary: Symbols of the text, then the mask.
        length: Tokens of a piece.
        spared: Number of the token that is never chosen, -1 for none.
    """

    ids: NDArray[np.uint16]
    counted: NDArray[np.uint16]
    vocabulary: Vocabulary
    length: int
    spared: int = -1

    def __post_init__(self) -> None:
        check_length("masked pieces", self.length, least=2)
        if len(self.ids) <= self.length:
            raise DataError(
                "A part of the text is shorter than one piece",
                f"it has {len(self.ids):,} tokens, a piece has {self.length:,}",
                "Shorten the pieces, hold more out, or use a longer text",
            )

    @property
    def mask(self) -> int:
        """Number of the mask."""
        return len(self.vocabulary) - 1

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        starts = rng.integers(0, len(self.ids) - self.length + 1, rows)
        text = self.ids[starts[:, None] + np.arange(self.length)].astype(np.int64)
        chosen, fate = rng.random((2, *text.shape))
        asked = (chosen < CHOSEN) & (text != self.spared)
        inputs = np.where(asked & (fate < HIDDEN), self.mask, text)
        changed = asked & (fate >= 1 - CHANGED)
        inputs = np.where(changed, rng.integers(0, self.mask, text.shape), inputs)
        return Batch(inputs, asked_only(text, asked), equal_lengths(rows, self.length))

    @override
    def line(self, batch: Batch, row: int) -> str:
        asked = batch.targets[row] != NOT_ASKED
        shown = self.vocabulary.decode(batch.inputs[row]).replace("\n", "⏎")
        wanted = self.vocabulary.decode(batch.targets[row][asked]).replace("\n", "⏎")
        return f"{shown} → {wanted}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        found = [_asked(batch, self.mask) for batch in examples]
        left, symbol, right = (np.concatenate(part) for part in zip(*found, strict=True))
        text = self.counted[:MOST_COUNTED].astype(np.int64)
        loss = neighbours_loss(text, left, symbol, right, len(self.vocabulary))
        return "counting the two neighbours", loss


def _asked(batch: Batch, mask: int) -> tuple[NDArray[np.int64], ...]:
    """Return left neighbour, symbol and right neighbour of what is asked, as the model sees it."""
    border = np.full((len(batch.inputs), 1), mask)
    wide = np.concatenate([border, batch.inputs, border], 1)
    asked = batch.targets != NOT_ASKED
    return wide[:, :-2][asked], batch.targets[asked], wide[:, 2:][asked]


def neighbours_loss(
    text: NDArray[np.int64],
    left: NDArray[np.int64],
    symbol: NDArray[np.int64],
    right: NDArray[np.int64],
    size: int,
) -> float:
    """Measure Witten-Bell estimates from nothing, then the left, then both neighbours.

    Args:
        text: What is counted (N,).
        left: Symbols before the ones asked for (M,); a symbol that `text` lacks tells nothing.
        symbol: Symbols asked for (M,).
        right: Symbols after them (M,).
        size: Different symbols, the mask among them, which is never asked for.

    Returns:
        Mean negative log-probability in nats.
    """
    symbols = np.concatenate([text[1:-1], symbol])
    before = np.concatenate([text[:-2], left])
    both = before * size + np.concatenate([text[2:], right])
    probability = np.full(len(symbol), 1 / (size - 1))
    for context in (np.zeros_like(symbols), before, np.unique(both, return_inverse=True)[1]):
        grams, gram = np.unique(context * size + symbols, return_inverse=True)
        probability = interpolate(grams // size, gram, context, probability)
    return -float(np.log(probability).mean())


def open_masked(settings: DataSettings, base: Path | None) -> Dataset:
    """Open a text, or the built-in one, with tokens masked.

    Raises:
        DataError: The text is no good, or a part of it is shorter than one piece.
    """
    text = open_text(settings, base)
    assert text.vocabulary is not None
    known = text.vocabulary.symbols
    mask = next((sign for sign in MASKS if sign not in known), "\ue000")
    vocabulary = replace(text.vocabulary, symbols=(*known, mask))
    spared = known.index(UNKNOWN) if text.token_name == "word" else -1
    train = MaskedTask(text.train, text.train, vocabulary, settings.length, spared)
    valid = MaskedTask(text.valid, text.train, vocabulary, settings.length, spared)
    return Dataset(
        title=f"{text.title}, masked",
        origin=text.origin,
        pattern="class per step",
        input="ids",
        vocabulary=vocabulary,
        classes=known,
        unit=f"nats per masked {text.token_name}",
        token_name=text.token_name,
        chance=math.log(len(known)),
        content_hash=hash_of(f"masked {settings.length} {text.content_hash}"),
        notes=text.notes,
        task=train,
        held_out_task=valid,
    )
