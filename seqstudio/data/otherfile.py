"""Another file of the kind that a model learned from, told in the model's own numbers.

Shape legend: B = rows, T = steps, W = numbers a step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.reading.signed import Signed
from seqstudio.data.reading.tokens import UNKNOWN, BytePairs, Words
from seqstudio.data.sources import open_dataset
from seqstudio.data.tasks.base import NOT_ASKED, Batch, InUnit, KnownFloor, Listed
from seqstudio.document.settings import DataSettings

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.data.dataset import Dataset
    from seqstudio.data.vocabulary import Vocabulary

_ROWS, _MOST_SYMBOLS = 256, 50_000


@dataclass(frozen=True)
class Given:
    """Another file, ready to be measured.

    Attributes:
        dataset: The model's own data with this file as the held-out part.
        left_out: Examples with a symbol or class that the model does not know.
    """

    dataset: Dataset
    left_out: int


def measured_on(own: Dataset, settings: DataSettings, path: Path, base: Path | None) -> Given:
    """Return all examples of a file as the held-out part of data that a model has learned.

    Raises:
        DataError: The file is no good, of another kind, or nothing of it is known.
    """
    other = open_dataset(_like(own, settings, path), base)
    _check_alike(own, other, path)
    parts = [task for task in (other.task, other.held_out_task) if isinstance(task, Listed)]
    if not parts or not isinstance(own.held_out_task or own.task, Listed):
        raise DataError(f"{path.name} has no list of examples", "they are drawn", "Leave it out")
    words = (_table(own.vocabulary, other.vocabulary),
             _table(own.source_vocabulary, other.source_vocabulary))  # fmt: skip
    task = _Foreign(tuple(parts), own, other, words, np.zeros(0, np.int64))
    known = task.known_places()
    if not len(known):
        raise DataError(
            f"{path.name} cannot be measured",
            "every example has a symbol or class that the model does not know",
            "Choose a file like the one it learned from",
        )
    left_out = sum(map(len, parts)) - len(known)
    digest = f"{own.content_hash} {other.content_hash}"
    dataset = replace(own, held_out_task=replace(task, places=known), content_hash=digest)
    return Given(dataset, left_out)


def _like(own: Dataset, settings: DataSettings, path: Path) -> DataSettings:
    """Return the settings under which a file is cut into tokens as the model's own was."""
    vocabulary = _plain(own.vocabulary)
    if isinstance(vocabulary, BytePairs):
        raise DataError(
            f"{path.name} cannot be measured",
            "the model reads pieces of words, and another file has other pieces",
            "Train with words or characters to measure on other files",
        )
    tokens = "words" if isinstance(vocabulary, Words) else "characters"
    changed = settings.with_value("path", str(path.absolute()))
    if settings.tokens == "auto" and vocabulary is not None:
        changed = changed.with_value("tokens", tokens)
    return changed.with_value("symbols", _MOST_SYMBOLS)


def _check_alike(own: Dataset, other: Dataset, path: Path) -> None:
    for name in ("pattern", "input", "source", "picture", "vector_width", "outputs"):
        mine, its = getattr(own, name), getattr(other, name)
        if mine != its:
            words = name.replace("_", " ")
            why = f"{words}: {its or 'none'}, where the model has {mine or 'none'}"
            raise DataError(f"{path.name} is not like the data of this model", why)


def _plain(vocabulary: Vocabulary | None) -> Vocabulary | None:
    """Return the vocabulary behind the signs, where it has any."""
    return vocabulary.inner if isinstance(vocabulary, Signed) else vocabulary


def _table(own: Vocabulary | None, other: Vocabulary | None) -> NDArray[np.int64]:
    """Return the model's number of every symbol of another vocabulary, -1 where it has none."""
    if own is None or other is None:
        return np.zeros(0, np.int64)
    numbers = {symbol: number for number, symbol in enumerate(own.symbols)}
    unknown = numbers[UNKNOWN] if isinstance(_plain(own), Words) else -1
    return np.array([numbers.get(symbol, unknown) for symbol in other.symbols], np.int64)


@dataclass(frozen=True, eq=False)
class _Foreign(Listed):
    """Examples of another file in the numbers of the data that a model has learned.

    Attributes:
        parts: Where the examples come from, one list after the other.
        own: Data of the model.
        other: Data of the file.
        words: The model's numbers of the other's symbols: of the main stream, of the source.
        places: Which examples are known.
    """

    parts: tuple[Listed, ...]
    own: Dataset
    other: Dataset
    words: tuple[NDArray[np.int64], NDArray[np.int64]]
    places: NDArray[np.int64]

    @override
    def __len__(self) -> int:
        return len(self.places)

    @override
    def take(self, places: NDArray[np.int64]) -> Batch:
        return self._told(self._taken(self.places[places]))

    def known_places(self) -> NDArray[np.int64]:
        """Return the examples of which every symbol and class is known."""
        count = sum(map(len, self.parts))
        known = []
        for start in range(0, count, _ROWS):
            places = np.arange(start, min(start + _ROWS, count), dtype=np.int64)
            known.append(places[self._known(self._taken(places))])
        return np.concatenate(known) if known else np.zeros(0, np.int64)

    def _taken(self, places: NDArray[np.int64]) -> Batch:
        """Return examples as they stand in the file, those of each part together."""
        found, start = [], 0
        for part in self.parts:
            own = places[(places >= start) & (places < start + len(part))] - start
            start += len(part)
            if len(own):
                found.append(part.take(own))
        return found[0] if len(found) == 1 else _joined(found)

    def _known(self, batch: Batch) -> NDArray[np.bool_]:
        known = np.ones(len(batch.targets), bool)
        told = self._told(batch)
        pairs = [(told.inputs, self.words[0]), (told.source, self.words[1])]
        for ids, table in pairs:
            if ids is not None and len(table):
                known &= (ids.reshape(len(known), -1) >= 0).all(1)
        if np.issubdtype(told.targets.dtype, np.integer):
            known &= (told.targets.reshape(len(known), -1) != -1).all(1)
        return known

    def _told(self, batch: Batch) -> Batch:
        main, source = self.words
        return replace(
            batch,
            inputs=main[batch.inputs] if len(main) else self._values(batch.inputs),
            targets=self._targets(batch.targets),
            source=source[batch.source] if len(source) and batch.source is not None
            else batch.source,
        )  # fmt: skip

    def _targets(self, targets: NDArray[Any]) -> NDArray[Any]:
        if not np.issubdtype(targets.dtype, np.integer):
            return self._values(targets)
        if self.own.classes:
            numbers = {name: number for number, name in enumerate(self.own.classes)}
            table = np.array([numbers.get(name, -1) for name in self.other.classes], np.int64)
        else:
            table = self.words[0]
        told: NDArray[np.int64] = table[np.maximum(targets, 0)]
        return np.where(targets == NOT_ASKED, NOT_ASKED, told)

    def _values(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return numbers in the mean and spread of the model's own data."""
        mine, its = self.in_unit(), self.parts[0].in_unit()
        if mine is None or its is None or values.shape[-1] != len(mine.mean):
            return values
        plain = its.mean + its.spread * values
        told: NDArray[Any] = ((plain - mine.mean) / mine.spread).astype(values.dtype)
        return told

    @override
    def line(self, batch: Batch, row: int) -> str:
        task = self.own.task
        assert task is not None
        return task.line(batch, row)

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        task = self.own.task
        return ("", math.nan) if task is None else task.floor(examples)

    @override
    def known_floors(self, examples: Iterable[Batch]) -> tuple[KnownFloor, ...]:
        return () if self.own.task is None else self.own.task.known_floors(examples)

    @override
    def in_unit(self) -> InUnit | None:
        return None if self.own.task is None else self.own.task.in_unit()


def _joined(batches: list[Batch]) -> Batch:
    """Return the rows of batches one after the other; shorter rows are filled up."""

    def stacked(name: str, fill: float) -> Any:
        arrays = [getattr(batch, name) for batch in batches]
        if arrays[0] is None:
            return None
        width = max(array.shape[1] for array in arrays) if arrays[0].ndim == 2 else 0
        if width and np.issubdtype(arrays[0].dtype, np.integer):
            arrays = [np.pad(array, ((0, 0), (0, width - array.shape[1])),
                             constant_values=int(fill)) for array in arrays]  # fmt: skip
        return np.concatenate(arrays)

    return Batch(stacked("inputs", 0), stacked("targets", NOT_ASKED), stacked("lengths", 0),
                 stacked("source", 0), stacked("source_lengths", 0))  # fmt: skip
