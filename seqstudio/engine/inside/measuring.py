"""The whole held-out part, measured in slices while training goes on."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seqstudio.data.dataset import Dataset
from seqstudio.data.floor import Floor, floor
from seqstudio.data.scoring.texts import chrf, cider, written
from seqstudio.data.tasks.base import Batch, KnownFloor, Listed
from seqstudio.engine.batches import Window, held_out, window_of
from seqstudio.engine.beam_search import write_best
from seqstudio.engine.collecting import Collected, beside, collected
from seqstudio.engine.decoding import write_greedily
from seqstudio.engine.evaluation import Score, measuring, rows_of
from seqstudio.engine.inputs import as_inputs
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.model import GraphModel
from seqstudio.records.inside.measuring import (
    Figure,
    MeasureHeldOut,
    Measures,
    SentenceTable,
)
from seqstudio.records.readings import freeze

ROWS, WRITTEN_ROWS, DRAWN = 64, 32, 2048
SHOWN_SENTENCES = 300
_TOLD = 10  # partial answers
_READING, _SHARE_READ = 0.02, 0.3
_IN_NATS = frozenset({"next token", "class", "class per step"})


@dataclass(frozen=True)
class Part:
    """Some rows of the held-out part.

    Attributes:
        window: As tensors.
        batch: The examples that they belong to, None for a text.
        first: Place of the first row in `batch`.
    """

    window: Window
    batch: Batch | None = None
    first: int = 0


def measure_held_out(subject: Subject, question: MeasureHeldOut) -> Iterator[Measures | None]:
    """Answer `MeasureHeldOut`."""
    settings = subject.project.training
    recurrent = subject.model.recurrent and subject.model.pattern == "next token"
    yield from measures(
        subject.model, subject.dataset, settings.window, settings.carry and recurrent, question
    )


def measures(
    model: GraphModel, dataset: Dataset, window: int, carry: bool, question: MeasureHeldOut
) -> Iterator[Measures | None]:
    """Yield the measures, at first of what is done so far; the last ones are of everything.

    The same predictions as `engine.evaluation.score` measures, in the same order.

    Args:
        model: What is measured.
        dataset: Whose held-out part.
        window: Steps of a window of a text.
        carry: Whether the state is carried from window to window.
        question: How many sentences to write.
    """
    lower = _Counting(dataset)
    work = _Work(model, dataset, collected(dataset))
    sentences = Sentences(model, dataset, question.beams)
    writes, told = dataset.writes is not None, 0
    total, reading = _steps(dataset, window), _SHARE_READ if writes else 1.0
    shares = [(reading * done / total for done in work.read(window, carry))]
    if writes:
        writing = sentences.write(question.sentences)
        shares.append(reading + (1 - reading) * share for share in writing)
    for share in itertools.chain(*shares):
        yield None
        if int(share * _TOLD) > told and share < 1:
            told = int(share * _TOLD)
            yield work.so_far(share)
    while lower.busy:
        yield None
    yield work.finished(lower.result, sentences)


class _Counting:
    """The floor, counted on a thread: for a long text that takes seconds."""

    def __init__(self, dataset: Dataset) -> None:
        self.result: Floor | None = None
        self._dataset = dataset
        self._thread = threading.Thread(target=self._count, name="seqstudio-floor", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        self._thread.join(_READING)
        return self._thread.is_alive()

    def _count(self) -> None:
        self.result = floor(self._dataset)


@dataclass
class _Work:
    model: GraphModel
    dataset: Dataset
    found: Collected
    score: Score = field(default_factory=Score)

    def read(self, window: int, carry: bool) -> Iterator[int]:
        """Measure part by part; yield how many are done."""
        state: Any = None
        device = next(self.model.parameters()).device
        for done, part in enumerate(parts(self.dataset, window, device), 1):
            inputs, targets = part.window.inputs, part.window.targets
            with measuring(self.model):
                outputs, after = self.model(inputs, None if part.window.restart else state)
                losses = self.model.losses(outputs, targets)
                self.score.add(self.model.pattern, outputs, targets, losses)
                self.found.add(inputs, outputs, targets, part.batch, part.first)
            state = after if carry else None
            yield done

    def so_far(self, share: float) -> Measures:
        """Return the figures of what is done, without floors."""
        figures = tuple(self._loss(None))
        dataset = self.dataset
        return Measures(dataset.pattern, self.score.count, share, figures, dataset.chance)

    def finished(self, lower: Floor | None, sentences: Sentences) -> Measures:
        """Return everything."""
        task = self.dataset.held_out_task or self.dataset.task
        known = task.known_floors(self.dataset.held_out()) if task is not None else ()
        figures = [*self._loss(lower), *self.found.figures(known), *sentences.figures(known)]
        return Measures(
            self.dataset.pattern, self.score.count, 1.0, tuple(figures), self.dataset.chance,
            self.found.classes(), self.found.series(), sentences.table(),
        )  # fmt: skip

    def _loss(self, lower: Floor | None) -> list[Figure]:
        unit, loss = self.dataset.unit, self.score.loss
        value, name = (math.nan, "") if lower is None else (lower.value, lower.name)
        figures = [Figure("loss", loss, "number", unit, value, name, rises=False)]
        if unit.startswith("nats") and self.dataset.pattern in _IN_NATS:
            of = unit.removeprefix("nats").strip()
            perplexity, low = (math.exp(min(each, 700.0)) for each in (loss, value))
            figures += [
                Figure("perplexity", perplexity, "number", "", low, name, rises=False),
                Figure("bits", loss / math.log(2), "number", f"bits {of}".strip(),
                       value / math.log(2), name, rises=False),
            ]  # fmt: skip
        if self.dataset.characters:  # so that tokens of any length compare
            per, low = (self.dataset.per_character(each) / math.log(2) for each in (loss, value))
            figures.append(Figure("per character", per, "number", "bits per character", low, name,
                                  rises=False))  # fmt: skip
        return figures


def parts(dataset: Dataset, window: int, device: Any) -> Iterator[Part]:
    """Yield the held-out part, drawn examples in slices of 64 rows."""
    if not dataset.generated:
        yield from map(Part, held_out(dataset, window, device))
        return
    for batch in dataset.held_out():
        whole = window_of(dataset, batch, device)
        for first in range(0, len(whole.targets), ROWS):
            own = slice(first, first + ROWS)
            inputs = rows_of(whole.inputs, own)
            yield Part(replace(whole, inputs=inputs, targets=whole.targets[own]), batch, first)


def _steps(dataset: Dataset, window: int) -> int:
    """Return about how many parts there are."""
    if not dataset.generated:
        rows = max(min(32, (len(dataset.valid) - 1) // (2 * window)), 1)
        return max(1, math.ceil((len(dataset.valid) - 1) // rows / window))
    return max(1, math.ceil(_examples(dataset) / ROWS))


def _examples(dataset: Dataset) -> int:
    task = dataset.held_out_task or dataset.task
    return len(task) if isinstance(task, Listed) else DRAWN


# ---------------------------------------------------------------------------------- sentences


@dataclass
class Sentences:
    """Sentences written from held-out sources beside the right ones."""

    model: GraphModel
    dataset: Dataset
    beams: int = 1
    lengths: list[int] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    right: list[tuple[str, ...]] = field(default_factory=list)
    chrf: list[float] = field(default_factory=list)

    def write(self, most: int) -> Iterator[float]:
        """Write at most so many sentences, 0 for all; yield the share that is done."""
        total = _examples(self.dataset)
        wanted = min(most or total, total)
        device = next(self.model.parameters()).device
        for batch in self.dataset.held_out():
            whole = window_of(self.dataset, batch, device)
            for first in range(0, len(whole.targets), WRITTEN_ROWS):
                left = wanted - len(self.told)
                if left <= 0:
                    return
                own = slice(first, first + min(WRITTEN_ROWS, left))
                self._write(replace(whole, inputs=rows_of(whole.inputs, own),
                                    targets=whole.targets[own]), batch, first)  # fmt: skip
                yield len(self.told) / wanted

    def _write(self, window: Window, batch: Batch, first: int) -> None:
        assert self.dataset.writes is not None
        given, (begin, end) = as_inputs(window.inputs), self.dataset.writes
        with measuring(self.model):
            limit = window.targets.shape[1]
            found = (
                write_greedily(self.model, given, begin, end, limit)
                if self.beams == 1
                else write_best(self.model, given, (begin, end), limit, self.beams)
            )
            rows = found.cpu().numpy()
        for row, ids in enumerate(rows):
            told, right = self._text(ids), self._right(batch, first + row)
            self.told.append(told)
            self.right.append(right)
            self.chrf.append(max(chrf(told, each) for each in right))
            self._read(batch, first + row)

    def _text(self, ids: np.ndarray[Any, Any]) -> str:
        assert self.dataset.vocabulary is not None
        assert self.dataset.writes is not None
        ends = np.flatnonzero(ids == self.dataset.writes[1])
        return self.dataset.vocabulary.decode(ids[: ends[0]] if len(ends) else ids).strip()

    def _right(self, batch: Batch, row: int) -> tuple[str, ...]:
        task = self.dataset.held_out_task or self.dataset.task
        assert task is not None
        targets = batch.targets[row]
        return task.right_answers(batch, row) or (self._text(targets[targets >= 0]),)

    def _read(self, batch: Batch, row: int) -> None:
        vocabulary = self.dataset.source_vocabulary
        if vocabulary is None or batch.source is None or batch.source.ndim != 2:
            self.lengths.append(1)
            self.sources.append(f"picture {len(self.sources) + 1}")
            return
        lengths = batch.source_lengths
        length = batch.source.shape[1] if lengths is None else int(lengths[row])
        self.lengths.append(length)
        self.sources.append(vocabulary.decode(batch.source[row, :length]).strip())

    def figures(self, floors: tuple[KnownFloor, ...]) -> list[Figure]:
        """Return BLEU, chrF and the share that is exactly right; CIDEr for pictures."""
        if not self.told:
            return []
        found = written(self.told, self.right)
        figures = [Figure("BLEU", found.bleu), Figure("chrF", found.chrf)]
        if self.dataset.source == "picture":
            figures.append(Figure("CIDEr", cider(self.told, self.right)))
        figures.append(Figure("exact match", found.exact, "share"))
        return [beside(each, floors) for each in figures]

    def table(self) -> SentenceTable | None:
        """Return every sentence's figures, the first ones in words."""
        if not self.told:
            return None
        exact = [float(told in right) for told, right in zip(self.told, self.right, strict=True)]
        return SentenceTable(
            freeze(np.array(self.lengths, np.int64)),
            freeze(np.array(self.chrf)),
            freeze(np.array(exact)),
            tuple(self.sources[:SHOWN_SENTENCES]),
            tuple(self.told[:SHOWN_SENTENCES]),
            tuple(each[0] for each in self.right[:SHOWN_SENTENCES]),
            _examples(self.dataset),
        )


ANSWERS: dict[type, Answer] = {MeasureHeldOut: measure_held_out}
