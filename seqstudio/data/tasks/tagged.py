"""A tag for every word of a sentence: parts of speech, names, whatever a file holds.

Shape legend: N = words of all sentences, B = rows, T = words of the longest, C = tags, V = words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.corpora import resolve
from seqstudio.data.dataset import Dataset
from seqstudio.data.reading.tagged import MOST_TAGS, Sentence, Tagged, read_tagged
from seqstudio.data.reading.tokens import UNKNOWN
from seqstudio.data.tasks.base import Batch, KnownFloor, Listed, asked_only, hash_of, inside
from seqstudio.data.tasks.grammar import tagged_sentences
from seqstudio.data.vocabulary import WordVocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

LEAST = 20
"""Fewest sentences worth learning from."""
_SHUFFLE = 0
_INSIDE = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


@dataclass(frozen=True)
class SentenceWords(WordVocabulary):
    """Words of sentences, small letters only; symbol 0 is the sign for all others."""

    @override
    def _check_size(self) -> None:
        if len(self.symbols) > 60_001:
            raise DataError("A vocabulary of more than 60,000 words is too large", "")

    @override
    def encode(self, text: str, *, skip_unknown: bool = False) -> NDArray[np.uint16]:
        """Return the number of each word (words,), 0 where the vocabulary lacks it.

        Nothing is left out: `skip_unknown` changes nothing.
        """
        del skip_unknown
        return self.number(self._cut(text))

    def number(self, words: Sequence[str]) -> NDArray[np.uint16]:
        """Return the number of each word of a sentence that is cut into words."""
        find = self._numbers.get
        return np.fromiter((find(word.lower(), 0) for word in words), np.uint16, len(words))

    @override
    def unknown(self, text: str) -> tuple[str, ...]:
        """Return nothing: words outside the vocabulary are read as one sign, see `rare`."""
        return ()

    @override
    def rare(self, text: str) -> tuple[str, ...]:
        return tuple(sorted(set(self._cut(text)) - self._members))

    def _cut(self, text: str) -> list[str]:
        """Cut at white space, and signs off words, unless the vocabulary knows them so."""
        known, parts = self._members, text.lower().split()
        return [
            word for part in parts for word in ([part] if part in known else _INSIDE.findall(part))
        ]


@dataclass(frozen=True, eq=False)
class TaggedTask(Listed):
    """Tell the tag of every word.

    Inputs (B, T): words, filled up with 0. Targets (B, T): the tag, not asked beyond the end.

    Attributes:
        ids: Words of all sentences one after another (N,).
        tags: Their tags (N,).
        starts: Where each sentence begins in `ids`, and the end (sentences + 1,).
        length: T; longer sentences lose their end.
        vocabulary: The words.
        classes: Names of the tags.
        counts: How often each word has each tag in the training part (V, C).
    """

    ids: NDArray[np.uint16]
    tags: NDArray[np.int64]
    starts: NDArray[np.int64]
    length: int
    vocabulary: SentenceWords
    classes: tuple[str, ...]
    counts: NDArray[np.int64]

    @override
    def __len__(self) -> int:
        return len(self.starts) - 1

    @override
    def take(self, places: NDArray[np.int64]) -> Batch:
        begins = self.starts[places]
        lengths = np.minimum(self.starts[places + 1] - begins, self.length)
        within = inside(lengths, self.length)
        at = np.minimum(begins[:, None] + np.arange(self.length), len(self.ids) - 1)
        inputs = np.where(within, self.ids[at], 0).astype(np.int64)
        return Batch(inputs, asked_only(self.tags[at], within), lengths)

    @override
    def line(self, batch: Batch, row: int) -> str:
        length = int(batch.lengths[row])
        words = self.vocabulary.decode(batch.inputs[row, :length])
        return f"{words} → {' '.join(self.classes[tag] for tag in batch.targets[row, :length])}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        total = self.counts.sum(0) + 1.0
        share = total / total.sum()
        losses = []
        for words, tags in map(_asked, examples):
            seen = self.counts[words]
            p = (seen[np.arange(len(tags)), tags] + share[tags]) / (seen.sum(1) + 1)
            losses.append(-np.log(p))
        return "how often the word has the tag", float(np.concatenate(losses).mean())

    @override
    def known_floors(self, examples: Iterable[Batch]) -> tuple[KnownFloor, ...]:
        best = np.where(self.counts.any(1), self.counts.argmax(1), self.counts.sum(0).argmax())
        right = np.concatenate([best[words] == tags for words, tags in map(_asked, examples)])
        return (KnownFloor("accuracy", "the commonest tag of a word", float(right.mean())),)


def _asked(batch: Batch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    asked = batch.targets >= 0
    return batch.inputs[asked], batch.targets[asked]


def open_tagged(settings: DataSettings, base: Path | None) -> Dataset:
    """Open tagged sentences, or without a path sentences of a small grammar.

    Raises:
        DataError: The file is no good, or holds too few sentences or tags.
    """
    if settings.path:
        path = resolve(settings.path, base)
        title, origin, found = path.name, f"Your file {path}.", read_tagged(path)
    else:
        title, found = "Parts of speech", Tagged(tagged_sentences())
        origin = "Sentences by a small grammar whose words are two things; free to use."
    classes = _classes(title, found)
    train, valid, leaks = _split(title, found.sentences, settings.held_out)
    known = Counter(word.lower() for words, _ in train for word in words)
    known.pop(UNKNOWN, None)
    most = [word for word, _ in known.most_common(settings.symbols - 1)]
    vocabulary = SentenceWords((UNKNOWN, *most))
    counts = _counts(train, vocabulary, classes)
    parts = [_task(part, vocabulary, classes, settings.length, counts) for part in (train, valid)]
    return Dataset(
        title=title,
        origin=origin,
        pattern="class per step",
        input="ids",
        vocabulary=vocabulary,
        classes=classes,
        unit="nats per word",
        token_name="word",
        chance=math.log(len(classes)),
        content_hash=hash_of(
            f"tagged {settings.length} {classes} {vocabulary.symbols}",
            *(task.ids for task in parts), *(task.tags for task in parts),
        ),
        notes=(*_notes(parts, leaks, settings.length), *found.notes),
        task=parts[0],
        held_out_task=parts[1],
        padded=True,
    )  # fmt: skip


def _classes(title: str, found: Tagged) -> tuple[str, ...]:
    if len(found.sentences) < LEAST:
        raise DataError(
            f"{title} has too few sentences to learn from",
            f"{len(found.sentences):,}, at least {LEAST} are needed",
            "A blank line ends a sentence",
        )
    classes = sorted(set(chain.from_iterable(tags for _, tags in found.sentences)))
    if not 2 <= len(classes) <= MOST_TAGS:
        raise DataError(
            f"{title} has {len(classes):,} different tags",
            f"2 to {MOST_TAGS:,} can be told apart",
            "The tag is the last column: check that it is there",
        )
    return tuple(classes)


def _split(
    title: str, sentences: Sequence[Sentence], held_out: float
) -> tuple[list[Sentence], list[Sentence], int]:
    """Return what to learn from, what is held out at random, and how many were in both."""
    order = np.random.default_rng(_SHUFFLE).permutation(len(sentences))
    cut = max(1, round(len(order) * (1 - held_out)))
    train = [sentences[at] for at in order[:cut]]
    seen = {words for words, _ in train}
    rest = [sentences[at] for at in order[cut:]]
    valid = [sentence for sentence in rest if sentence[0] not in seen]
    if not valid:
        raise DataError(
            f"Nothing of {title} is left to hold out",
            "every sentence of that part stands in the training part too",
            "Use a file with more different sentences",
        )
    return train, valid, len(rest) - len(valid)


def _counts(
    sentences: Sequence[Sentence], vocabulary: SentenceWords, classes: tuple[str, ...]
) -> NDArray[np.int64]:
    words = vocabulary.number([word for words, _ in sentences for word in words])
    tags = _tag_numbers(sentences, classes)
    size = len(vocabulary) * len(classes)
    flat = np.bincount(words.astype(np.int64) * len(classes) + tags, minlength=size)
    return flat.reshape(len(vocabulary), len(classes))


def _tag_numbers(sentences: Sequence[Sentence], classes: tuple[str, ...]) -> NDArray[np.int64]:
    number = {tag: at for at, tag in enumerate(classes)}
    return np.array([number[tag] for _, tags in sentences for tag in tags], np.int64)


def _task(
    sentences: Sequence[Sentence], vocabulary: SentenceWords, classes: tuple[str, ...],
    length: int, counts: NDArray[np.int64],
) -> TaggedTask:  # fmt: skip
    ids = vocabulary.number([word for words, _ in sentences for word in words])
    starts = np.concatenate([[0], np.cumsum([len(words) for words, _ in sentences])])
    tags = _tag_numbers(sentences, classes)
    return TaggedTask(ids, tags, starts, length, vocabulary, classes, counts)


def _notes(parts: Sequence[TaggedTask], leaks: int, length: int) -> list[str]:
    train, valid = parts
    notes = [f"Sentences: {len(train):,} to learn, {len(valid):,} held out, drawn at random"]
    if leaks:
        notes.append(f"{leaks:,} held-out sentences left out: they are to learn from too")
    if unknown := float((valid.ids == 0).mean()):
        notes.append(f"{100 * unknown:.1f} % of the held-out words are not in the vocabulary")
    cut = sum(int((np.diff(task.starts) > length).sum()) for task in parts)
    if cut:
        notes.append(f"{cut:,} sentences are longer than {length} words and lose their end")
    return notes
