"""What a window shows of a run: everything it said so far, quick to extend and to look up."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqstudio.records.faults import GraphApplied
from seqstudio.records.health import HealthReading
from seqstudio.records.messages import (
    Event,
    Facts,
    Failed,
    LiveChanged,
    Progress,
    Saved,
    State,
    StateChanged,
)
from seqstudio.records.readings import (
    AttentionReading,
    Floats,
    GradientReading,
    Ints,
    Metrics,
    RateSweep,
    Sample,
    Validation,
)
from seqstudio.runtime.series import COLUMNS, INTEGERS, PER_OCTAVE, faded, rows, thin_rows

LIMIT_ROWS = 400_000
R = TypeVar("R", GradientReading, AttentionReading, HealthReading)
Reading = GradientReading | AttentionReading | HealthReading


class Curves:
    """Metrics of every step, growing; each property is a read-only view of shape (n,).

    A view stays valid but does not grow: ask again after `RunHistory.extend`. Beyond
    `LIMIT_ROWS` rows, older ones are thinned to the lowest and highest loss of their bucket.

    Attributes:
        memory_mb: Resident memory of the trainer, as last told.
        thinned: True once rows were left out.
    """

    def __init__(self, limit_rows: int = LIMIT_ROWS) -> None:
        self.memory_mb = 0.0
        self.thinned = False
        self._limit = limit_rows
        self._count = 0
        self._columns = _empty(1024)

    def __len__(self) -> int:
        return self._count

    @property
    def steps(self) -> Ints:
        """Optimizer steps done after each row, ascending."""
        return self._view("steps")

    @property
    def loss(self) -> Floats:
        """Training loss in the unit of the task."""
        return self._view("loss")

    @property
    def grad_norm(self) -> Floats:
        """Norm of all parameter gradients before clipping."""
        return self._view("grad_norm")

    @property
    def rate(self) -> Floats:
        """Learning rate in force."""
        return self._view("rate")

    @property
    def clip(self) -> Floats:
        """Clip norm in force, 0 for none."""
        return self._view("clip")

    @property
    def seconds(self) -> Floats:
        """Training time of the run so far."""
        return self._view("seconds")

    @property
    def tokens(self) -> Ints:
        """Tokens seen so far."""
        return self._view("tokens")

    def extend(self, metrics: Metrics) -> None:
        """Append a batch; rows at or after its first step are replaced."""
        if len(metrics.steps) == 0:
            return
        self.rewind(int(metrics.steps[0]) - 1)
        self._reserve(len(metrics.steps))
        end = self._count + len(metrics.steps)
        for name in COLUMNS:
            self._columns[name][self._count : end] = getattr(metrics, name)
        self._count = end
        self.memory_mb = metrics.memory_mb
        if self._count > self._limit:
            self._thin()

    def rewind(self, step: int) -> None:
        """Forget every row after `step`."""
        self._count = int(np.searchsorted(self.steps, step, side="right"))

    def tokens_per_second(self, window_s: float = 3.0) -> float:
        """Return the speed over the last `window_s` seconds of training; NaN before two rows."""
        if self._count < 2:
            return float("nan")
        seconds, tokens = self.seconds, self.tokens
        start = int(np.searchsorted(seconds, seconds[-1] - window_s))
        start = min(start, self._count - 2)
        span = float(seconds[-1] - seconds[start])
        return float(tokens[-1] - tokens[start]) / span if span > 0 else float("nan")

    def as_metrics(self) -> Metrics:
        """Return all rows as one batch of views."""
        return Metrics(**{n: self._view(n) for n in COLUMNS}, memory_mb=self.memory_mb)

    def _view(self, name: str) -> NDArray[Any]:
        view = self._columns[name][: self._count]
        view.setflags(write=False)
        return view

    def _reserve(self, more: int) -> None:
        capacity = len(self._columns["steps"])
        if self._count + more <= capacity:
            return
        columns = _empty(max(2 * capacity, self._count + more))
        for name in COLUMNS:
            columns[name][: self._count] = self._columns[name][: self._count]
        self._columns = columns

    def _thin(self) -> None:
        # The newest quarter stays whole: that is where people zoom in.
        whole = self._limit // 4
        everything = self.as_metrics()
        older = thin_rows(rows(everything, slice(None, -whole)), self._limit // 4)
        newest = rows(everything, slice(-whole, None))
        self._columns, self._count, self.thinned = _empty(self._limit), 0, True
        self.extend(older)
        self.extend(newest)


class Readings(Generic[R]):
    """Readings of one kind by training step, thinned with age (see `series.faded`)."""

    def __init__(self, kind: str) -> None:
        self._per_octave = PER_OCTAVE[kind]
        self._steps: list[int] = []
        self._readings: list[R] = []

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, reading: R) -> None:
        """Keep a reading; one of the same step is replaced."""
        place = bisect_left(self._steps, reading.step)
        same = place < len(self._steps) and self._steps[place] == reading.step
        self._steps[place : place + same] = [reading.step]
        self._readings[place : place + same] = [reading]
        for position in reversed(faded(self._steps, self._per_octave)):
            del self._steps[position], self._readings[position]

    def at(self, step: int) -> R | None:
        """Return the newest reading at or before `step`."""
        place = bisect_right(self._steps, step)
        return self._readings[place - 1] if place else None

    def newest(self) -> R | None:
        """Return the newest reading."""
        return self._readings[-1] if self._readings else None

    def steps(self) -> Ints:
        """Return the steps that have a reading, ascending."""
        return np.array(self._steps, np.int64)

    def rewind(self, step: int) -> None:
        """Forget readings after `step`."""
        place = bisect_right(self._steps, step)
        del self._steps[place:], self._readings[place:]


class RunHistory:
    """A run as one value for the panels: live, or read from its folder.

    Attributes:
        run: Name of the run.
        state: As last told; None before the first word.
        step: Optimizer steps done, as last told.
        detail: Device, precision, threads or reason, as last told.
        facts: What the trainer found out at the start.
        curves: Metrics of every step.
        validations: In order of step; the last run through the best model comes late.
        live: Changes of live settings, in order.
        edits: Edits of the graph that were applied while the run went on, in order.
        saved: Newest checkpoint, and `best` the newest best one.
        failures: Everything that went wrong, in order.
        samples: Finished samples, in the order in which they were finished.
        writing: The sample that is being written.
        progress: Long work by name.
        rate_sweep: The newest learning-rate sweep; no record keeps it.
        gradients: Gradients through time of real training steps.
        horizons: Gradient horizons of the probe text.
        attention: Attention readings.
        health: Health of single training steps.
    """

    def __init__(self, run: str = "") -> None:
        self.run = run
        self.state: State | None = None
        self.step = 0
        self.detail = ""
        self.facts: Facts | None = None
        self.curves = Curves()
        self.validations: list[Validation] = []
        self.live: list[LiveChanged] = []
        self.edits: list[GraphApplied] = []
        self.saved: Saved | None = None
        self.best: Saved | None = None
        self.failures: list[Failed] = []
        self.samples: list[Sample] = []
        self.writing: Sample | None = None
        self.progress: dict[str, float] = {}
        self.rate_sweep: RateSweep | None = None
        self.gradients: Readings[GradientReading] = Readings("gradient")
        self.horizons: Readings[GradientReading] = Readings("horizon")
        self.attention: Readings[AttentionReading] = Readings("attention")
        self.health: Readings[HealthReading] = Readings("health")

    def extend(self, events: Iterable[Event]) -> frozenset[type]:
        """Take in events in order; return the types among them, so that a panel can skip."""
        seen = set()
        for event in events:
            self._take(event)
            seen.add(type(event))
        return frozenset(seen)

    def reading_at(self, kind: str, step: int) -> Reading | None:
        """Return the newest "gradient", "horizon", "attention" or "health" up to `step`."""
        return self._readings(kind).at(step)

    def steps_with(self, kind: str) -> Ints:
        """Return the steps with a "gradient", "horizon", "attention" or "health", ascending."""
        return self._readings(kind).steps()

    def sample_at(self, step: int) -> Sample | None:
        """Return the newest finished sample at or before `step`."""
        return max(
            (sample for sample in self.samples if sample.step <= step),
            key=lambda sample: sample.step,
            default=None,
        )

    def best_validation(self) -> Validation | None:
        """Return the validation with the lowest loss."""
        real = [each for each in self.validations if not np.isnan(each.loss)]
        return min(real, key=lambda each: each.loss, default=None)

    def rewind(self, step: int) -> None:
        """Forget what was measured after `step`: the run goes on from an older checkpoint.

        Samples stay: they are results, not measurements of the run as it is.
        """
        self.step = min(self.step, step)
        self.curves.rewind(step)
        self.gradients.rewind(step)
        self.horizons.rewind(step)
        self.attention.rewind(step)
        self.health.rewind(step)
        self.validations = [each for each in self.validations if each.step <= step]
        self.live = [each for each in self.live if each.step <= step]
        self.edits = [each for each in self.edits if each.step <= step]

    def _readings(
        self, kind: str
    ) -> Readings[GradientReading] | Readings[AttentionReading] | Readings[HealthReading]:
        if kind not in PER_OCTAVE:
            raise KeyError(kind)
        if kind == "attention":
            return self.attention
        if kind == "health":
            return self.health
        return self.gradients if kind == "gradient" else self.horizons

    def _take(self, event: Event) -> None:
        match event:
            case Metrics():
                self.curves.extend(event)
                self.step = max(self.step, int(event.steps[-1]) if len(event.steps) else 0)
            case GradientReading():
                at_step = event.source == "training step"
                (self.gradients if at_step else self.horizons).add(event)
            case AttentionReading():
                self.attention.add(event)
            case HealthReading():
                self.health.add(event)
            case Sample():
                self._take_sample(event)
            case Validation():
                insort(self.validations, event, key=lambda each: each.step)
            case StateChanged():
                self._take_state(event)
            case _:
                self._take_note(event)

    def _take_note(self, event: Event) -> None:
        match event:
            case Facts():
                self.facts = event
            case LiveChanged():
                self.live.append(event)
            case GraphApplied():
                self._take_edit(event)
            case Failed():
                self.failures.append(event)
            case Saved():
                self.saved = event
                self.best = event if event.best else self.best
            case Progress():
                self.progress[event.what] = event.share
            case RateSweep():
                self.rate_sweep = event
            case _:
                pass  # Ready says something about the trainer, not about the run

    def _take_edit(self, event: GraphApplied) -> None:
        self.edits.append(event)
        if self.facts is not None:
            self.facts = replace(self.facts, parameters=event.parameters)

    def _take_state(self, event: StateChanged) -> None:
        # A run that goes on from a checkpoint starts below the last step that it had reached.
        if event.state in {"running", "paused"} and event.step < self.step:
            self.rewind(event.step)
        self.state, self.detail = event.state, event.detail or self.detail
        self.step = max(self.step, event.step)

    def _take_sample(self, sample: Sample) -> None:
        if not sample.done:
            self.writing = sample
            return
        self.samples.append(sample)
        if self.writing is not None and self.writing.request == sample.request:
            self.writing = None


def _empty(capacity: int) -> dict[str, NDArray[Any]]:
    return {
        name: np.empty(capacity, np.int64 if name in INTEGERS else np.float64) for name in COLUMNS
    }
