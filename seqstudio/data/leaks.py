"""What stands in the held-out part and in the training part too: then measuring flatters.

Exact: the same, token by token. Near: the same words, whatever their case, signs and spaces.
Overlapping: thirteen words in a row are shared, as GPT-3's contamination check counts.

Source:
    Brown et al. 2020, "Language models are few-shot learners", appendix C (arXiv:2005.14165).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.data.tallies import batches_of
from seqstudio.data.tasks.base import Listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from seqstudio.data.dataset import Dataset, Part

GRAM = 13
MOST_WORDS = 5_000_000
MOST_EXAMPLES = 20
_LEAST_LINE = 30
_WORD = re.compile(r"\w+")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Leak:
    """One held-out example with what it repeats.

    Attributes:
        how: "the same", "nearly the same" or "13 words shared".
        held_out: The example.
        training: What it repeats; "" where that is not one example.
    """

    how: str
    held_out: str
    training: str = ""


@dataclass(frozen=True)
class Leaks:
    """What was found.

    Attributes:
        checked: Held-out examples or lines that were looked at.
        exact: Of them the same as a training example.
        near: Of them the same but for case, signs and spaces.
        overlapping: Of the others those that share 13 words in a row.
        grams: Share of the held-out 13-grams of words that the training part has too; NaN where
            there are none.
        examples: Some of them.
        how: What was compared, a sentence.
    """

    checked: int
    exact: int
    near: int
    overlapping: int
    grams: float
    examples: tuple[Leak, ...]
    how: str

    @property
    def share(self) -> float:
        """Share of the held-out examples that are repeated."""
        return (self.exact + self.near) / max(self.checked, 1)


def _never() -> bool:
    return False


def find_leaks(dataset: Dataset, stopped: Callable[[], bool] = _never) -> Leaks | None:
    """Compare both parts; None when `stopped` says so, or where examples are drawn without end."""
    if dataset.task is not None and not isinstance(dataset.task, Listed):
        return None
    if dataset.vocabulary is None or dataset.input != "ids":
        return _of_numbers(dataset, stopped)
    train, valid = (_texts(dataset, part, stopped) for part in ("train", "valid"))
    if stopped():
        return None
    return _of_texts(train, valid, stopped, lines=not dataset.generated)


def _texts(dataset: Dataset, part: Part, stopped: Callable[[], bool]) -> list[str]:
    """Return the examples of a part as text; of a text in one piece its longer lines."""
    vocabulary = dataset.vocabulary
    assert vocabulary is not None
    if not dataset.generated:
        ids = dataset.train if part == "train" else dataset.valid
        lines = vocabulary.decode(ids[: MOST_WORDS * 5]).split("\n")
        return [line.strip() for line in lines if len(line.strip()) >= _LEAST_LINE]
    other = dataset.source_vocabulary
    texts: list[str] = []
    for batch in batches_of(dataset, part):
        if stopped():
            return []
        if batch.source is not None and batch.source_lengths is not None and other is not None:
            rows = zip(batch.source, batch.source_lengths, strict=True)
            texts += [other.decode(row[:length]).strip() for row, length in rows]
        else:
            rows = zip(batch.inputs, batch.lengths, strict=True)
            texts += [vocabulary.decode(row[:length]).strip() for row, length in rows]
    return texts


def _of_texts(
    train: Sequence[str], valid: Sequence[str], stopped: Callable[[], bool], *, lines: bool
) -> Leaks | None:
    exact_of = set(train)
    near_of: dict[str, str] = {}
    for text in train:
        near_of.setdefault(_plain(text), text)
    shared, grams = _shared_grams(train, valid)
    counts = {"the same": 0, "nearly the same": 0, f"{GRAM} words shared": 0}
    examples: list[Leak] = []
    for at, text in enumerate(valid):
        if at % 1000 == 0 and stopped():
            return None
        found = _leak(text, exact_of, near_of, shares=bool(shared[at]))
        if found is not None:
            counts[found.how] += 1
            if len(examples) < MOST_EXAMPLES or found.how != "the same":
                examples.append(found)
    examples.sort(key=lambda leak: list(counts).index(leak.how))
    what = "lines of 30 characters and more" if lines else "examples"
    how = (
        f"Compared as the model reads them: {len(valid):,} held-out {what} with "
        f"{len(train):,} to learn from"
    )
    exact, near, overlapping = counts.values()
    kept = tuple(examples[:MOST_EXAMPLES])
    return Leaks(len(valid), exact, near, overlapping, grams, kept, how)


def _leak(text: str, exact: set[str], near: dict[str, str], *, shares: bool) -> Leak | None:
    if text in exact:
        return Leak("the same", text, text)
    plain = _plain(text)
    if plain and plain in near:
        return Leak("nearly the same", text, near[plain])
    return Leak(f"{GRAM} words shared", text) if shares else None


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))


def _shared_grams(train: Sequence[str], valid: Sequence[str]) -> tuple[NDArray[np.bool_], float]:
    """Return which held-out texts share a gram, (valid,), and the share of their grams."""
    numbers: dict[str, int] = {}
    known, _ = _grams(train, numbers)
    asked, owner = _grams(valid, numbers)
    hits = np.isin(asked, np.unique(known))
    shared = np.zeros(len(valid), np.bool_)
    shared[owner[hits]] = True
    return shared, float(hits.mean()) if len(hits) else float("nan")


def _grams(
    texts: Sequence[str], numbers: dict[str, int]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return a hash of every 13 words in a row within a text, and whose they are."""
    ids: list[int] = []
    owners: list[int] = []
    for at, text in enumerate(texts):
        words = _WORD.findall(text.casefold())
        ids += [numbers.setdefault(word, len(numbers) + 1) for word in words]
        owners += [at] * len(words)
        if len(ids) > MOST_WORDS:
            break
    if len(ids) < GRAM:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    words_N, owner_N = np.array(ids, np.uint64), np.array(owners, np.int64)
    count = len(ids) - GRAM + 1
    hashes = np.zeros(count, np.uint64)
    for place in range(GRAM):  # wraps around on purpose: a hash modulo 2**64
        hashes = hashes * _FACTOR + words_N[place : place + count]
    within = owner_N[:count] == owner_N[GRAM - 1 :]
    return hashes[within], owner_N[:count][within]


def _of_numbers(dataset: Dataset, stopped: Callable[[], bool]) -> Leaks | None:
    known = set(_digests(dataset, "train", stopped))
    asked = list(_digests(dataset, "valid", stopped))
    if stopped():
        return None
    exact = [at for at, digest in enumerate(asked) if digest in known]
    examples = tuple(Leak("the same", f"held-out example {at + 1:,}") for at in exact)
    how = "Numbers are compared exactly; near duplicates of pictures and series are not looked for"
    return Leaks(len(asked), len(exact), 0, 0, float("nan"), examples[:MOST_EXAMPLES], how)


def _digests(dataset: Dataset, part: Part, stopped: Callable[[], bool]) -> Iterator[bytes]:
    for batch in batches_of(dataset, part):
        if stopped():
            return
        for row, length in zip(batch.inputs, batch.lengths, strict=True):
            kept = row if batch.inputs.ndim == 4 else row[:length]
            yield hashlib.blake2b(np.ascontiguousarray(kept).tobytes(), digest_size=16).digest()
