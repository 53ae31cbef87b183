"""Sentences about pictures of one's own. Shape legend: N = sentences, P = pictures, B = rows."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.dataset import Dataset
from seqstudio.data.reading.captions import read_captioned
from seqstudio.data.reading.pictures import notes_on, read_all
from seqstudio.data.tasks.base import BEGIN, END, NOT_ASKED, PAD, SIGNS, Batch, Listed, hash_of
from seqstudio.data.tasks.pictured import Look, look_of
from seqstudio.data.vocabulary import WordVocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

    Caption = tuple[str, ...]

UNKNOWN_WORD = "\ufffd"
"""Stands for every word outside the vocabulary."""
UNKNOWN = len(SIGNS)
SIDE = 48
LEAST = 10
MOST_WORDS = 40
_SHUFFLE = 0


@dataclass(frozen=True, eq=False)
class CaptionedTask(Listed):
    """Write the sentence of a picture.

    Source (B, C, S, S), 0 to 1. Inputs (B, T): the sign to begin, then the sentence. Targets
    (B, T): the sentence, then the sign to end. Every sentence of a picture is an example.

    Attributes:
        pictures: (P, C, S, S), 0 to 255.
        picture_of: (N,) which picture a sentence is about.
        words: (N, T) numbers, filled up; the sign to end stands behind the last word.
        lengths: (N,) words with that sign.
        vocabulary: The words.
        right: P times all sentences about a picture.
        share: (V,) of the training words.
    """

    pictures: NDArray[np.uint8]
    picture_of: NDArray[np.int64]
    words: NDArray[np.int64]
    lengths: NDArray[np.int64]
    vocabulary: WordVocabulary
    right: tuple[tuple[str, ...], ...]
    share: NDArray[np.float64] = field(repr=False)

    @cached_property
    def look(self) -> Look:
        """How a drawing becomes one of these pictures: it stays where it was drawn."""
        return look_of(self.pictures, "picture", centred=False)

    @override
    def __len__(self) -> int:
        return len(self.words)

    @override
    def take(self, places: NDArray[np.int64]) -> Batch:
        lengths, words = self.lengths[places], self.words[places]
        within = np.arange(words.shape[1]) < lengths[:, None]
        inputs = np.concatenate([np.full((len(places), 1), BEGIN), words[:, :-1]], 1)
        inputs = np.where(within, inputs, PAD)
        pictures = self.pictures[self.picture_of[places]].astype(np.float32) / np.float32(255)
        return Batch(inputs, np.where(within, words, NOT_ASKED), lengths, pictures)

    @override
    def line(self, batch: Batch, row: int) -> str:
        words = self.vocabulary.decode(batch.targets[row, : batch.lengths[row] - 1])
        side = self.pictures.shape[-1]
        return f"a picture of {side} × {side} → {words}"

    @override
    def right_answers(self, batch: Batch, row: int) -> tuple[str, ...]:
        assert batch.source is not None
        return self.right[self._numbers[_key(batch.source[row])]]

    @cached_property
    def _numbers(self) -> dict[bytes, int]:
        shades = self.pictures.astype(np.float32) / np.float32(255)
        return {_key(picture): number for number, picture in enumerate(shades)}

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        surprise = -np.log(self.share)
        losses = [surprise[batch.targets[batch.targets >= 0]] for batch in examples]
        return "how common a word is", float(np.concatenate(losses).mean())


def _key(picture: NDArray[np.float32]) -> bytes:
    return np.rint(picture * 255).astype(np.uint8).tobytes()


def open_captioned(folder: Path, settings: DataSettings) -> Dataset:
    """Open a folder of pictures with a list of captions.

    Raises:
        DataError: The folder is no good; the sentence names the file or line.
    """
    found = read_captioned(folder)
    good, broken = read_all(found.paths, settings.side or SIDE)
    gone = {each.path for each in broken}
    captions = [c for path, c in zip(found.paths, found.captions, strict=True) if path not in gone]
    if len(good) < LEAST:
        raise DataError(
            f"{folder.name} has too few pictures with captions",
            f"{len(good):,}, at least {LEAST} are needed",
        )
    pictures = np.stack(good)
    train, valid, leaks = _split(pictures, settings.held_out)
    vocabulary = _vocabulary([captions[place] for place in train], settings.symbols)
    longest = min(MOST_WORDS, max(len(words) for each in captions for words in each)) + 1
    tasks = _tasks(pictures, captions, (train, valid), vocabulary, longest)
    notes = [
        f"Pictures: {len(train):,} to learn with {len(tasks[0]):,} sentences, {len(valid):,} held "
        f"out with {len(tasks[1]):,}, drawn at random",
        *_word_notes(tasks, leaks, captions),
        *notes_on(broken),
        *found.notes,
    ]
    return _dataset(folder, tasks, tuple(notes))


def _split(
    pictures: NDArray[np.uint8], share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return pictures to learn from and to hold out, none in both, and how many were."""
    order = np.random.default_rng(_SHUFFLE).permutation(len(pictures))
    cut = min(len(order) - 1, max(1, round(len(order) * (1 - share))))
    known = {pictures[place].tobytes() for place in order[:cut]}
    fresh = [place for place in order[cut:] if pictures[place].tobytes() not in known]
    if not fresh:
        raise DataError(
            "Nothing is left to hold out",
            "every picture of that part stands in the training part too",
            "Use more different pictures",
        )
    return order[:cut], np.array(fresh, np.int64), len(order) - cut - len(fresh)


def _vocabulary(captions: Sequence[Sequence[Caption]], most: int) -> WordVocabulary:
    counts = Counter(word for each in captions for words in each for word in words)
    signs = (*SIGNS, UNKNOWN_WORD)
    for sign in signs:
        counts.pop(sign, None)
    kept = [word for word, _ in counts.most_common(max(1, most - len(signs)))]
    return WordVocabulary((*signs, *kept))


def _tasks(
    pictures: NDArray[np.uint8],
    captions: Sequence[Sequence[Caption]],
    parts: tuple[NDArray[np.int64], NDArray[np.int64]],
    vocabulary: WordVocabulary,
    longest: int,
) -> tuple[CaptionedTask, CaptionedTask]:
    number = {word: at for at, word in enumerate(vocabulary.symbols)}
    made = []
    for part in parts:
        mine = [(at, words) for at, place in enumerate(part) for words in captions[place]]
        rows = np.full((len(mine), longest), PAD)
        for row, (_, words) in enumerate(mine):
            ids = [number.get(word, UNKNOWN) for word in words[: longest - 1]]
            rows[row, : len(ids) + 1] = [*ids, END]
        lengths = (rows == END).argmax(1) + 1
        right = tuple(tuple(" ".join(words) for words in captions[place]) for place in part)
        made.append(
            CaptionedTask(
                pictures[part],
                np.array([at for at, _ in mine], np.int64),
                rows.astype(np.int64),
                lengths,
                vocabulary,
                right,
                np.empty(0),
            )
        )
    counts = np.bincount(made[0].words[made[0].words != PAD], minlength=len(vocabulary)) + 0.5
    learn, measure = (replace(task, share=counts / counts.sum()) for task in made)
    return learn, measure


def _word_notes(
    tasks: tuple[CaptionedTask, CaptionedTask],
    leaks: int,
    captions: Sequence[Sequence[Caption]],
) -> list[str]:
    notes = []
    unknown = sum(int((task.words == UNKNOWN).sum()) for task in tasks)
    if unknown:
        total = sum(int(task.lengths.sum()) - len(task) for task in tasks)
        notes.append(f"{unknown:,} of {total:,} words are outside the vocabulary")
    long = sum(len(words) > MOST_WORDS for each in captions for words in each)
    if long:
        notes.append(f"{long:,} captions are longer than {MOST_WORDS} words and lose their end")
    if leaks:
        notes.append(f"{leaks:,} held-out pictures left out: they stand in the training part too")
    return notes


def _dataset(
    folder: Path, tasks: tuple[CaptionedTask, CaptionedTask], notes: tuple[str, ...]
) -> Dataset:
    learn, measure = tasks
    vocabulary = learn.vocabulary
    digest = hashlib.sha256(learn.pictures.tobytes() + measure.pictures.tobytes()).hexdigest()
    return Dataset(
        title=folder.name,
        origin=f"Your folder {folder}.",
        pattern="next token",
        input="ids",
        vocabulary=vocabulary,
        unit="nats per word",
        token_name="word",
        chance=math.log(len(vocabulary)),
        content_hash=hash_of(
            f"captioned {digest} {vocabulary.symbols}", learn.words.ravel(), measure.words.ravel()
        ),
        notes=notes,
        task=learn,
        held_out_task=measure,
        source="picture",
        picture=learn.pictures.shape[1:],
        padded=True,
        writes=(BEGIN, END),
    )
