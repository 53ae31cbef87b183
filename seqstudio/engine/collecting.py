"""Predictions of a model collected batch by batch, and what they measure in the end.

Shape legend: B rows, T steps, C classes, D numbers a step, n predictions that are asked.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from seqstudio.data.dataset import Dataset
from seqstudio.data.scoring.classes import Classified, told_classes
from seqstudio.data.scoring.series import LEVELS, Forecast, forecast
from seqstudio.data.tasks.base import Batch, InUnit, KnownFloor
from seqstudio.data.tasks.forecasting import SeriesBatch, SeriesTask
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.losses import LOG_SPREADS, asked
from seqstudio.records.inside.measuring import ClassTable, Figure, SeriesTable
from seqstudio.records.readings import freeze

MOST_CLASSES = 64
"""Most classes with a table of their own."""
CELL_EXAMPLES, MOST_EXAMPLES = 6, 400
_CONTEXT = 6
_Arrays = list[NDArray[np.float64]]


@dataclass
class Collected(ABC):
    """What has been seen of a pattern so far."""

    dataset: Dataset

    @abstractmethod
    def add(
        self, given: Tensor | Inputs, outputs: Tensor, targets: Tensor, batch: Batch | None,
        first: int,
    ) -> None:  # fmt: skip
        """Take in what a model made of some rows.

        Args:
            given: What it read.
            outputs: What its head gave, as `prediction_losses` takes it.
            targets: What was right.
            batch: The examples that the rows belong to, None for a text.
            first: Place of the first row in it.
        """

    @abstractmethod
    def figures(self, floors: tuple[KnownFloor, ...]) -> list[Figure]:
        """Return the measures beside the best of these floors and of those that were counted."""

    def classes(self) -> ClassTable | None:
        """Return how classes were told."""
        return None

    def series(self) -> SeriesTable | None:
        """Return how numbers were told."""
        return None


def collected(dataset: Dataset) -> Collected:
    """Return what collects predictions of the pattern that a dataset asks for."""
    kinds: dict[str, type[Collected]] = {
        "class": Classes, "class per step": Classes, "value": Numbers, "forecast": Numbers,
        "notes": Notes,
    }  # fmt: skip
    return kinds.get(dataset.pattern, Tokens)(dataset)


def beside(figure: Figure, floors: tuple[KnownFloor, ...]) -> Figure:
    """Return a measure with the best of its own floor and of those that are known."""
    own = KnownFloor("accuracy", figure.floor_name, figure.floor)
    known = [own, *(each for each in floors if each.measure == figure.name)]
    known = [each for each in known if math.isfinite(each.value)]
    if not known:
        return figure
    best = (max if figure.rises else min)(known, key=lambda each: each.value)
    return Figure(
        figure.name, figure.value, figure.form, figure.unit, best.value, best.name, figure.rises
    )


# ------------------------------------------------------------------------------------ classes


@dataclass
class Classes(Collected):
    """Classes, one a row or one a step."""

    told: list[NDArray[np.int64]] = field(default_factory=list)
    truth: list[NDArray[np.int64]] = field(default_factory=list)
    confidence: _Arrays = field(default_factory=list)
    true_p: _Arrays = field(default_factory=list)
    examples: dict[tuple[int, int], list[tuple[str, float]]] = field(default_factory=dict)

    @override
    def add(
        self, given: Tensor | Inputs, outputs: Tensor, targets: Tensor, batch: Batch | None,
        first: int,
    ) -> None:  # fmt: skip
        """See `Collected.add`."""
        known = asked(targets)
        p = outputs[known].float().softmax(-1)
        best, truth = p.max(-1), targets[known]
        told, confidence = best.indices.cpu().numpy(), best.values.double().cpu().numpy()
        self.told.append(told)
        self.truth.append(truth.cpu().numpy())
        self.confidence.append(confidence)
        self.true_p.append(p.gather(1, truth[:, None])[:, 0].double().cpu().numpy())
        if batch is not None and len(self._names) <= MOST_CLASSES // 2:
            self._keep(given, known.nonzero().cpu().numpy(), batch, first)

    def _keep(
        self, given: Tensor | Inputs, places: NDArray[np.int64], batch: Batch, first: int
    ) -> None:
        """Keep some examples of every cell of the table, those that are seen first."""
        truth, told = self.truth[-1], self.told[-1]
        cells = truth * len(self._names) + told
        for cell in np.unique(cells):
            true, said = divmod(int(cell), len(self._names))
            kept = self.examples.setdefault((true, said), [])
            for at in np.flatnonzero(cells == cell)[: max(0, CELL_EXAMPLES - len(kept))]:
                words = self._words(given, places[at], batch, first)
                kept.append((words, float(self.confidence[-1][at])))

    def _words(
        self, given: Tensor | Inputs, place: NDArray[np.int64], batch: Batch, first: int
    ) -> str:
        row = int(place[0])
        if len(place) == 1 and self.dataset.task is not None:
            return _without_answer(self.dataset.task.line(batch, first + row))
        vocabulary, main = self.dataset.vocabulary, as_inputs(given).main
        step = int(place[1])
        if vocabulary is None or main.is_floating_point():
            return f"example {first + row + 1}, step {step + 1}"
        ids = main[row, : int(batch.lengths[first + row])].cpu().numpy()
        parts = (ids[max(0, step - _CONTEXT) : step], ids[step : step + 1],
                 ids[step + 1 : step + 1 + _CONTEXT])  # fmt: skip
        before, here, after = (vocabulary.decode(part) for part in parts)
        return " ".join(f"{before}[{here}]{after}".split())

    @property
    def _names(self) -> tuple[str, ...]:
        vocabulary = self.dataset.vocabulary
        return self.dataset.classes or (vocabulary.symbols if vocabulary else ())

    def _measured(self) -> Classified:
        whole = (_joined(self.told), _joined(self.truth))
        told, truth = (each.astype(np.int64) for each in whole)
        confidence, true_p = _joined(self.confidence), _joined(self.true_p)
        return told_classes(len(self._names), told, confidence, truth, true_p)

    @override
    def figures(self, floors: tuple[KnownFloor, ...]) -> list[Figure]:
        """Return accuracy, macro F1 and calibration error."""
        found, nothing = self._measured(), "always the commonest class"
        seen = int(((found.confusion.sum(0) + found.confusion.sum(1)) > 0).sum())
        alone = 2 * found.majority / (1 + found.majority)  # F1 of the class that is always named
        there = int((found.confusion.sum(1) > 0).sum()) or seen or 1
        figures = [
            Figure("accuracy", found.accuracy, "share", "", found.majority, nothing),
            Figure("macro F1", found.macro_f1, "share", "", alone / there, nothing),
            Figure("calibration error", found.calibration_error, "share", rises=False),
        ]
        return [beside(each, floors) for each in figures]

    @override
    def classes(self) -> ClassTable | None:
        """Return the table of classes, None where they are too many."""
        if not 0 < len(self._names) <= MOST_CLASSES:
            return None
        found = self._measured()
        kept = [(cell, *each) for cell, some in sorted(self.examples.items()) for each in some]
        wrong_first = sorted(kept, key=lambda each: each[0][0] == each[0][1])[:MOST_EXAMPLES]
        cells = np.array([each[0] for each in wrong_first], np.int64).reshape(-1, 2)
        return ClassTable(
            self._names, freeze(found.confusion), freeze(found.precision), freeze(found.recall),
            freeze(found.f1), freeze(found.reliability),
            tuple(each[1] for each in wrong_first), freeze(cells),
            freeze(np.array([each[2] for each in wrong_first], np.float64)),
        )  # fmt: skip


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0)


def _without_answer(line: str) -> str:
    head, arrow, _ = line.rpartition(" → ")
    return head if arrow else line


# ------------------------------------------------------------------------------------- tokens


@dataclass
class Tokens(Collected):
    """The next token: the score knows loss and accuracy, here the commonest token is counted."""

    right: int = 0
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @override
    def add(
        self, given: Tensor | Inputs, outputs: Tensor, targets: Tensor, batch: Batch | None,
        first: int,
    ) -> None:  # fmt: skip
        """See `Collected.add`."""
        del given, batch, first
        known = asked(targets)
        self.right += int(((outputs.argmax(-1) == targets) & known).sum())
        new = np.bincount(targets[known].cpu().numpy(), minlength=outputs.shape[-1])
        self.counts = new if not len(self.counts) else self.counts + new

    @override
    def figures(self, floors: tuple[KnownFloor, ...]) -> list[Figure]:
        """Return the accuracy."""
        total = int(self.counts.sum())
        right, most = (
            (self.right / total, int(self.counts.max()) / total) if total else (math.nan, math.nan)
        )
        commonest = "always the commonest token"
        return [beside(Figure("accuracy", right, "share", "", most, commonest), floors)]


# ------------------------------------------------------------------------------------ numbers


@dataclass
class Numbers(Collected):
    """Values, and the next numbers of a series, in the unit of the data where it is known."""

    means: _Arrays = field(default_factory=list)
    truths: _Arrays = field(default_factory=list)
    spreads: _Arrays = field(default_factory=list)
    before: _Arrays = field(default_factory=list)

    @override
    def add(
        self, given: Tensor | Inputs, outputs: Tensor, targets: Tensor, batch: Batch | None,
        first: int,
    ) -> None:  # fmt: skip
        """See `Collected.add`."""
        known, width = asked(targets), targets.shape[-1]
        mean = outputs[..., :width]
        task = self.dataset.held_out_task
        if isinstance(task, SeriesTask) and isinstance(batch, SeriesBatch):
            self._restored(task, batch, slice(first, first + len(targets)), outputs, targets)
            return
        self.means.append(mean[known].double().cpu().numpy())
        self.truths.append(targets[known].double().cpu().numpy())
        if self.dataset.pattern == "forecast":
            spread = outputs[..., width:].clamp(*LOG_SPREADS).exp()
            self.spreads.append(spread[known].double().cpu().numpy())
            main = as_inputs(given).main
            if main.shape == targets.shape:
                self.before.append(main[known].double().cpu().numpy())

    def _restored(
        self, task: SeriesTask, batch: SeriesBatch, rows: slice, outputs: Tensor, targets: Tensor
    ) -> None:
        """Take in rows of a series whose differences or logarithm were told, in its own unit."""
        known, width = asked(targets).cpu().numpy(), targets.shape[-1]
        numbers = outputs.double().cpu().numpy()
        mean, spread = numbers[..., :width], np.exp(numbers[..., width:].clip(*LOG_SPREADS))
        low, middle, high = (
            task.restore(mean + side * spread, batch, rows)[known] for side in (-1, 0, 1)
        )
        self.means.append(middle)
        self.truths.append(task.restore(targets.double().cpu().numpy(), batch, rows)[known])
        self.spreads.append((high - low) / 2)

    def _all(self, parts: _Arrays) -> NDArray[np.float64]:
        width = max(1, self.dataset.outputs)
        return np.concatenate(parts) if parts else np.zeros((0, width))

    @property
    def _unit(self) -> InUnit:
        task = self.dataset.held_out_task or self.dataset.task
        known = None if task is None else task.in_unit()
        width = self._all(self.truths).shape[1]
        plain = InUnit(np.zeros(width), np.ones(width), "", math.nan)
        if known is not None and isinstance(task, SeriesTask):  # its numbers were restored
            return InUnit(plain.mean, plain.spread, known.unit, known.naive)
        return known or plain

    def _measured(self, means: NDArray[np.float64], *, spread: bool) -> Forecast:
        unit, truth = self._unit, self._all(self.truths)
        told = self._all(self.spreads) * unit.spread if spread and self.spreads else None
        return forecast(
            unit.mean + unit.spread * means, unit.mean + unit.spread * truth, self._naive(), told
        )

    def _naive(self) -> float:
        """Return the scale of MASE: the error of repeating the last value while learning."""
        unit, task = self._unit, self.dataset.task
        if math.isfinite(unit.naive) or self.dataset.pattern != "forecast" or task is None:
            return unit.naive
        batch = self.dataset.first("train")
        if batch.inputs.shape != batch.targets.shape:
            return math.nan
        steps = np.abs(batch.targets - batch.inputs) * unit.spread
        return float(np.nanmean(steps)) if np.isfinite(steps).any() else math.nan

    def _floor(self) -> tuple[str, Forecast]:
        if self.before:
            return "the last value", self._measured(self._all(self.before), spread=False)
        truth = self._all(self.truths)
        middle = np.nanmean(truth, 0, keepdims=True) if len(truth) else truth[:0]
        return "always the mean", self._measured(middle.repeat(len(truth), 0), spread=False)

    @override
    def figures(self, floors: tuple[KnownFloor, ...]) -> list[Figure]:
        """Return MAE, RMSE and, for a series, MASE."""
        found, (name, floor) = self._measured(self._all(self.means), spread=False), self._floor()
        unit = self._unit.unit
        figures = [
            Figure("MAE", found.mae, "number", unit, floor.mae, name, rises=False),
            Figure("RMSE", found.rmse, "number", unit, floor.rmse, name, rises=False),
        ]
        if math.isfinite(found.mase):
            figures.append(Figure("MASE", found.mase, "number", "", floor.mase, name, rises=False))
        return [beside(each, floors) for each in figures]

    @override
    def series(self) -> SeriesTable:
        """Return the coverage of the bands and the error of each number."""
        found = self._measured(self._all(self.means), spread=True)
        errors = np.abs(self._all(self.means) - self._all(self.truths)) * self._unit.spread
        each = np.nanmean(errors, 0) if len(errors) else np.zeros(0)
        names = tuple(f"value {number + 1}" for number in range(len(each)))
        return SeriesTable(
            freeze(np.array(LEVELS)), freeze(np.array(found.coverage, np.float64)),
            freeze(each), names,
        )  # fmt: skip


# -------------------------------------------------------------------------------------- notes


@dataclass
class Notes(Collected):
    """Notes that sound at the next step, each with a probability of its own."""

    both: int = 0
    told: int = 0
    true: int = 0
    kept: int = 0
    kept_true: int = 0

    @override
    def add(
        self, given: Tensor | Inputs, outputs: Tensor, targets: Tensor, batch: Batch | None,
        first: int,
    ) -> None:  # fmt: skip
        """See `Collected.add`."""
        del batch, first
        known = asked(targets)
        sounds, wanted = outputs[known] > 0, targets[known] > 0
        self.both += int((sounds & wanted).sum())
        self.told += int(sounds.sum())
        self.true += int(wanted.sum())
        main = as_inputs(given).main
        if main.shape == targets.shape:
            held = main[known] > 0
            self.kept += int((held & wanted).sum())
            self.kept_true += int(held.sum())

    @override
    def figures(self, floors: tuple[KnownFloor, ...]) -> list[Figure]:
        """Return the accuracy of frames, precision, recall and F1; the floor holds every note."""
        own, held = (
            _of_notes(self.both, self.told, self.true),
            _of_notes(self.kept, self.kept_true, self.true if self.kept_true else 0),
        )
        names = ("accuracy", "precision", "recall", "F1")
        figures = [
            Figure(name, value, "share", "", floor, "every note is held")
            for name, value, floor in zip(names, own, held, strict=True)
        ]
        return [beside(each, floors) for each in figures]


def _of_notes(both: int, told: int, true: int) -> tuple[float, float, float, float]:
    """Return TP / (TP + FP + FN), precision, recall and F1; NaN where nothing sounds."""
    pairs = ((both, told + true - both), (both, told), (both, true), (2 * both, told + true))
    accuracy, precision, recall, f1 = (top / low if low else math.nan for top, low in pairs)
    return accuracy, precision, recall, f1
