"""Takes of a trained model measured as music, for `seqstudio generate --measure`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seqstudio.music.measures import (
    longest_copy,
    pitch_class_entropy,
    scale_consistency,
    valid_share,
)

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.music.abc import Tune
    from seqstudio.music.codings import Coding

KEPT = 0.9
"""Share of bars that have to be full for a tune to count as one that keeps its metre."""


def first_pieces(coding: Coding, texts: Sequence[str]) -> list[Tune]:
    """Return the first piece of each text; one that is cut off counts as it is."""
    return [coding.read(parts[0].text) for parts in map(coding.split, texts) if parts]


def keeps_metre(tune: Tune) -> bool:
    """Tell whether at least `KEPT` of a tune's bars fill its metre; free metre fills none."""
    full = [bar.complete for bar in tune.bars if bar.expected is not None]
    return not tune.broken and bool(full) and sum(full) >= KEPT * len(full)


def measured(coding: Coding, texts: Sequence[str], dataset: Dataset) -> Iterator[str]:
    """Yield what is measured on written texts, a line each: the first piece of every text.

    Args:
        coding: Of the data.
        texts: Prompt and what was written.
        dataset: What the model was trained on, for copies.
    """
    tunes = first_pieces(coding, texts)
    count, kept = len(texts), sum(map(keeps_metre, tunes))
    valid = round(valid_share(tunes) * len(tunes)) if tunes else 0
    notes = [note for tune in tunes for note in tune.score.notes]
    yield f"can be played     {valid} of {count}, {valid / count:.0%}"
    if any(tune.bars for tune in tunes):
        yield f"keep their metre  {kept} of {count}, {kept / count:.0%} (in 90 % of bars or more)"
    yield f"pitch classes     {pitch_class_entropy(notes):.2f} bits of entropy"
    yield f"in one scale      {_mean(tunes):.1%} of notes, mean over tunes"
    yield from _copied(texts, dataset)


def _mean(tunes: Sequence[Tune]) -> float:
    shares = [scale_consistency(tune.score.notes) for tune in tunes if tune.score.notes]
    return sum(shares) / len(shares) if shares else float("nan")


def _copied(texts: Sequence[str], dataset: Dataset) -> Iterator[str]:
    if dataset.vocabulary is None or not len(dataset.train):
        return
    training = dataset.vocabulary.decode(dataset.train)
    found, text = max(
        ((longest_copy(text, training), text) for text in texts), key=lambda each: each[0].length
    )
    copied = text[found.start : found.start + found.length]
    yield f"longest copy      {found.length} characters of the training text: {copied[:60]!r}"
