"""What stands in the data, counted: tokens, unknown ones, classes, lengths, examples as fed.

Shape legend: V = symbols, C = classes, B = rows, T = steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.data.reading.tokens import UNKNOWN
from seqstudio.data.seeing import as_sign
from seqstudio.data.tasks.base import Listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from seqstudio.data.dataset import Dataset, Part
    from seqstudio.data.tasks.base import Batch

MOST_ROWS = 500_000
_ROWS = 512
_TOKENS = 24


@dataclass(frozen=True, eq=False)
class PartTally:
    """One part in numbers.

    Attributes:
        examples: Examples counted; 0 for a text in one piece.
        tokens: (V,) how often each symbol is read; () without symbols.
        classes: (C,) how often each class is the answer; () without classes.
        lengths: (examples,) steps of each; () for a text in one piece.
    """

    examples: int
    tokens: NDArray[np.int64]
    classes: NDArray[np.int64]
    lengths: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tally:
    """Both parts in numbers.

    Attributes:
        train: What is learnt from.
        valid: What is held out.
        unknown: Share of the held-out tokens that are read as the unknown one; None where the
            vocabulary has none.
        drawn: Whether examples are drawn without end, so that only a sample was counted.
    """

    train: PartTally
    valid: PartTally
    unknown: float | None
    drawn: bool


def _never() -> bool:
    return False


def tally(dataset: Dataset, stopped: Callable[[], bool] = _never) -> Tally | None:
    """Count both parts of a dataset; None when `stopped` says so."""
    parts = []
    for part in ("train", "valid"):
        counted = _tally_part(dataset, part, stopped)
        if counted is None:
            return None
        parts.append(counted)
    train, valid = parts
    drawn = dataset.task is not None and not isinstance(dataset.task, Listed)
    return Tally(train, valid, _unknown(dataset, valid), drawn)


def _tally_part(dataset: Dataset, part: Part, stopped: Callable[[], bool]) -> PartTally | None:
    symbols = len(dataset.vocabulary.symbols) if dataset.vocabulary else 0
    if not dataset.generated:
        ids = dataset.train if part == "train" else dataset.valid
        nothing = np.zeros(0, np.int64)
        return PartTally(0, np.bincount(ids, minlength=symbols), nothing, nothing)
    tokens, classes = np.zeros(symbols, np.int64), np.zeros(len(dataset.classes), np.int64)
    lengths: list[NDArray[np.int64]] = []
    for batch in batches_of(dataset, part):
        if stopped():
            return None
        lengths.append(batch.lengths)
        if symbols and batch.inputs.ndim == 2:
            inside = np.arange(batch.inputs.shape[1]) < batch.lengths[:, None]
            tokens += np.bincount(batch.inputs[inside], minlength=symbols)[:symbols]
        if len(classes):
            asked = batch.targets[batch.targets >= 0].astype(np.int64)
            classes += np.bincount(asked, minlength=len(classes))[: len(classes)]
    every = np.concatenate(lengths) if lengths else np.zeros(0, np.int64)
    return PartTally(len(every), tokens, classes, every)


def batches_of(dataset: Dataset, part: Part) -> Iterator[Batch]:
    """Yield the examples of a part once, or where they are drawn without end the first hundred."""
    task = (dataset.held_out_task or dataset.task) if part == "valid" else dataset.task
    if isinstance(task, Listed):
        yield from islice(task.whole(_ROWS), MOST_ROWS // _ROWS)
    else:
        yield dataset.first(part)


def _unknown(dataset: Dataset, valid: PartTally) -> float | None:
    vocabulary = dataset.vocabulary
    if vocabulary is None or vocabulary.symbols[:1] != (UNKNOWN,) or not valid.tokens.sum():
        return None
    return float(valid.tokens[0] / valid.tokens.sum())


def token_rows(dataset: Dataset, counted: Tally) -> list[tuple[str, int, int, float]]:
    """Return (symbol, number, count in the training part, share), the commonest first."""
    if dataset.vocabulary is None or not len(counted.train.tokens):
        return []
    counts = counted.train.tokens
    total = max(int(counts.sum()), 1)
    order = np.argsort(-counts, kind="stable")
    symbols = dataset.vocabulary.symbols
    return [
        (as_sign(symbols[at]), int(at), int(counts[at]), float(counts[at] / total))
        for at in order.tolist()
    ]


@dataclass(frozen=True)
class Fed:
    """One example as the model reads it.

    Attributes:
        words: The example in words.
        tokens: Symbols with their numbers, "12 the", from the start; or the shape of its numbers.
        length: Steps that count.
        padding: Steps that fill the row up and are masked out.
        target: What it has to answer.
    """

    words: str
    tokens: str
    length: int
    padding: int
    target: str


def fed(dataset: Dataset, part: Part, most: int = 100) -> list[Fed]:
    """Return the first examples of a part as they are fed; none for a text in one piece."""
    if not dataset.generated:
        return []
    task = (dataset.held_out_task or dataset.task) if part == "valid" else dataset.task
    batch = next(batches_of(dataset, part))
    count = min(most, len(batch.lengths))
    return [
        Fed(
            task.line(batch, row) if task else "",
            _tokens(dataset, batch, row),
            int(batch.lengths[row]),
            _steps(batch) - int(batch.lengths[row]),
            _target(dataset, batch, row),
        )
        for row in range(count)
    ]


def _steps(batch: Batch) -> int:
    return 1 if batch.inputs.ndim == 4 else int(batch.inputs.shape[1])


def _tokens(dataset: Dataset, batch: Batch, row: int) -> str:
    length = int(batch.lengths[row])
    if dataset.vocabulary is None or batch.inputs.ndim != 2:
        shape = " × ".join(map(str, batch.inputs.shape[1:]))
        return f"{shape} numbers"
    numbers = batch.inputs[row, :length].tolist()
    symbols = dataset.vocabulary.symbols
    told = [f"{number} {as_sign(symbols[number])}" for number in numbers[:_TOKENS]]
    return "  ".join(told) + ("  …" if length > _TOKENS else "")


def _target(dataset: Dataset, batch: Batch, row: int) -> str:
    target = batch.targets[row]
    if target.ndim == 0 and dataset.classes:
        return f"{int(target)} {dataset.classes[int(target)]}"
    flat = np.ravel(target)[: int(batch.lengths[row])][:_TOKENS]
    if np.issubdtype(flat.dtype, np.integer):
        asked = [str(int(value)) if value >= 0 else "·" for value in flat]
        return " ".join(asked)
    return " ".join("·" if np.isnan(value) else f"{value:.3g}" for value in flat)
