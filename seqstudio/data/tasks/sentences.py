"""One label for a text: what somebody feels, which language a name comes from.

Shape legend: N = texts, B = rows, T = tokens of the longest text, C = classes.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.corpora import resolve
from seqstudio.data.dataset import Dataset
from seqstudio.data.reading.labelled import MOST_LABELS, Labelled, read_labelled
from seqstudio.data.reading.tokens import BytePairs, Words
from seqstudio.data.tasks.base import Batch, Listed, hash_of
from seqstudio.data.tasks.names import written_names
from seqstudio.data.tasks.reviews import written_reviews
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

LEAST = 20
"""Fewest texts worth learning from."""
_FEW_WORDS = 2.5
_SHUFFLE = 0


@dataclass(frozen=True, eq=False)
class SentencesTask(Listed):
    """Tell the label of a text.

    Inputs (B, T): tokens, filled up with 0. Targets (B,): the class.

    Attributes:
        ids: Tokens of all texts one after another.
        starts: (N + 1,) where each text begins in `ids`.
        labels: (N,) classes.
        length: T; longer texts lose their end.
        vocabulary: The tokens.
        classes: Names of the classes.
        share: (C,) of the training texts with a class.
    """

    ids: NDArray[np.uint16]
    starts: NDArray[np.int64]
    labels: NDArray[np.int64]
    length: int
    vocabulary: Vocabulary
    classes: tuple[str, ...]
    share: NDArray[np.float64]

    @override
    def __len__(self) -> int:
        return len(self.labels)

    @override
    def take(self, places: NDArray[np.int64]) -> Batch:
        begins = self.starts[places]
        lengths = np.clip(self.starts[places + 1] - begins, 1, self.length)
        steps = np.arange(self.length)
        inside = steps < lengths[:, None]
        at = np.minimum(begins[:, None] + steps, len(self.ids) - 1)
        inputs = np.where(inside, self.ids[at], 0).astype(np.int64)
        return Batch(inputs, self.labels[places], lengths)

    @override
    def line(self, batch: Batch, row: int) -> str:
        text = self.vocabulary.decode(batch.inputs[row, : batch.lengths[row]])
        return f"{' '.join(text.split())} → {self.classes[batch.targets[row]]}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        surprise = -np.log(self.share)
        losses = [surprise[batch.targets] for batch in examples]
        return "how common a label is", float(np.concatenate(losses).mean())


def open_sentences(settings: DataSettings, base: Path | None) -> Dataset:
    """Open texts with labels, or without a path reviews that are written by rule.

    Raises:
        DataError: The files are no good, or hold too few texts or labels.
    """
    if settings.path:
        path = resolve(settings.path, base)
        title, origin, found = (
            path.name,
            f"Your file {path}.",
            read_labelled(path, settings.columns),
        )
    elif settings.tokens == "characters":
        title, found = "Names of four made-up lands", written_names()
        origin = "Names put together by rule from syllables; free to use."
    else:
        title, found = "Short reviews", written_reviews()
        origin = "Sentences written by rule, with negations that turn them round; free to use."
    return labelled_dataset(title, origin, found, settings)


def labelled_dataset(title: str, origin: str, found: Labelled, settings: DataSettings) -> Dataset:
    """Number texts and labels and hold a part out, drawn at random, no text in both parts."""
    classes = _classes(title, found.labels)
    train, valid, leaks = _split(found, settings.held_out)
    vocabulary = _vocabulary([found.texts[place] for place in train], settings)
    parts = [
        _task(found, places, classes, vocabulary, settings.length) for places in (train, valid)
    ]
    share = np.bincount(parts[0].labels, minlength=len(classes)) + 1.0
    tasks = [replace(part, share=share / share.sum()) for part in parts]
    notes = [f"Texts: {len(train):,} to learn, {len(valid):,} held out, drawn at random"]
    if leaks:
        notes.append(f"{leaks:,} held-out texts left out: they stand in the training part too")
    notes += _cut_note(tasks, settings.length)
    return Dataset(
        title=title,
        origin=origin,
        pattern="class",
        input="ids",
        vocabulary=vocabulary,
        classes=classes,
        unit="nats",
        token_name="character" if type(vocabulary) is Vocabulary else "word",
        chance=math.log(len(classes)),
        content_hash=hash_of(
            f"sentences {settings.length} {classes}", *(task.ids for task in tasks),
            *(task.labels for task in tasks),
        ),
        notes=(*notes, *found.notes),
        task=tasks[0],
        held_out_task=tasks[1],
        padded=True,
    )  # fmt: skip


def _classes(title: str, labels: Sequence[str]) -> tuple[str, ...]:
    if len(labels) < LEAST:
        raise DataError(
            f"{title} has too few texts to learn from",
            f"{len(labels):,} with a label, at least {LEAST} are needed",
        )
    counts = Counter(labels)
    if not 2 <= len(counts) <= MOST_LABELS:
        raise DataError(
            f"{title} has {len(counts):,} different labels",
            f"2 to {MOST_LABELS:,} can be told apart",
            "Choose another column as the label",
        )
    alone = [label for label, count in counts.items() if count < 2]
    if alone:
        raise DataError(
            f"The label “{alone[0]}” has a single example in {title}",
            f"{len(alone)} labels have one; one to learn from and one to measure are needed",
            "Add examples, or leave these rows out",
        )
    return tuple(sorted(counts))


def _split(found: Labelled, held_out: float) -> tuple[list[int], list[int], int]:
    """Return the places of the training and of the held-out texts, and how many were leaks."""
    order = np.random.default_rng(_SHUFFLE).permutation(len(found.texts)).tolist()
    cut = max(1, round(len(order) * (1 - held_out)))
    train, rest = order[:cut], order[cut:]
    known = {found.texts[place] for place in train}
    valid = [place for place in rest if found.texts[place] not in known]
    if not valid:
        raise DataError(
            "Nothing is left to hold out",
            "every text of that part stands in the training part too",
            "Use a file with more different texts",
        )
    return train, valid, len(rest) - len(valid)


def _vocabulary(texts: list[str], settings: DataSettings) -> Vocabulary:
    kind = settings.tokens
    if kind == "auto":
        words = sum(len(text.split()) for text in texts[:2000]) / min(len(texts), 2000)
        kind = "words" if words > _FEW_WORDS else "characters"
    if kind == "characters":
        return Vocabulary.of("\n".join(texts))
    # As they will be read, with a space before the first word, or that word would be unknown.
    whole = "\n".join(f" {text}" for text in texts)
    if kind == "words":
        return Words.of_text(whole, settings.symbols, lower=True)
    return BytePairs.of_text(whole, settings.symbols)


def _task(
    found: Labelled,
    places: list[int],
    classes: tuple[str, ...],
    vocabulary: Vocabulary,
    length: int,
) -> SentencesTask:
    # A space before the first word: the same token as inside a sentence.
    before = "" if type(vocabulary) is Vocabulary else " "
    letters = type(vocabulary) is Vocabulary
    ids = [vocabulary.encode(before + found.texts[place], skip_unknown=letters)
           for place in places]  # fmt: skip
    starts = np.concatenate([[0], np.cumsum([max(len(each), 1) for each in ids])])
    flat = np.concatenate([each if len(each) else np.zeros(1, np.uint16) for each in ids])
    number = {name: at for at, name in enumerate(classes)}
    labels = np.array([number[found.labels[place]] for place in places], np.int64)
    nothing = np.full(len(classes), 1 / len(classes))
    return SentencesTask(
        flat, starts.astype(np.int64), labels, length, vocabulary, classes, nothing
    )


def _cut_note(tasks: Sequence[SentencesTask], length: int) -> list[str]:
    long = sum(int((np.diff(task.starts) > length).sum()) for task in tasks)
    return [f"{long:,} texts are longer than {length} tokens and lose their end"] if long else []
