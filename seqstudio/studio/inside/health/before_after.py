"""Before and after a treatment: two lines on one axis, and both numbers in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize
from typing_extensions import override

from seqstudio.blocks.treating import Treatment
from seqstudio.document.project import Project
from seqstudio.records.readings import Floats
from seqstudio.runtime import vitals
from seqstudio.runtime.diagnosis import Finding
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.panels.chart import Chart
from seqstudio.studio.theme import theme

LOW, HIGH = 1e-12, 1e4
Line = tuple[NDArray[np.float64], Floats]


@dataclass(frozen=True)
class Treated:
    """A treatment that was applied, and the run as it was.

    Attributes:
        finding: What it is against.
        treatment: What was changed.
        history: The run that the finding is about.
        step: Its training step then.
        title: The run in words.
        arch: Its architecture, the colour of its line.
        before: The project before the change.
        after: The project with the change.
    """

    finding: Finding
    treatment: Treatment
    history: RunHistory
    step: int
    title: str
    arch: str
    before: Project
    after: Project

    @property
    def vital(self) -> vitals.Vital:
        """The number to compare."""
        return vitals.VITALS[self.finding.vital]

    def was(self) -> tuple[int, float]:
        """Return the step and the value before the change."""
        return self.vital.at(self.history, self.step)

    def now(self, history: RunHistory) -> tuple[int, float]:
        """Return the newest step and value of a run since; NaN before there is one."""
        step, value = self.vital.at(history, history.step)
        begin = self.in_force(history)
        return step, value if begin is not None and step > begin else math.nan

    def in_force(self, history: RunHistory) -> int | None:
        """Return the step from which a run trains with the change, None while it does not."""
        if history is not self.history:
            return -1
        told = history.live if self.treatment.live else history.edits
        return next((each.step for each in told if each.step >= self.step), None)

    def words(self, history: RunHistory, title: str) -> str:
        """Return both numbers: "Before: ÷10 every 3.9 steps (…). Now: …"."""
        then, value = self.was()
        said = f"Before: {self.vital.words(value)} ({self.title}, step {then:,}). "
        step, newest = self.now(history)
        if math.isnan(newest):
            return said + "Now: not measured yet."
        return f"{said}Now: {self.vital.words(newest)} ({title}, step {step:,})."


class BeforeAfter(Chart):
    """Draws the run before and the run since: the gradient horizons, or the number over steps."""

    def __init__(self) -> None:
        super().__init__(x_title="training step k", x_symbol="k")
        self.setMinimumHeight(170)
        self.set_growing(x=False, y=False)

    @override
    def sizeHint(self) -> QSize:
        return QSize(420, 210)

    def show_pair(self, treated: Treated, history: RunHistory, title: str, arch: str) -> None:
        """Draw what was and what is."""
        self.clear()
        same = history is treated.history
        if treated.finding.vital == "reach":
            was = _horizon(treated.history, treated.step)
            there = not math.isnan(treated.now(history)[1])
            now = _horizon(history, history.step) if there else None
            self._axes_of_horizon(was, now)
        else:
            was = _series(treated, treated.history, 0, treated.step)
            start = treated.in_force(history)
            now = None if start is None else _series(treated, history, start, history.step)
            self._axes_of_series(treated, was, now)
        after = f"{title}, now" if not same else "now"
        self._draw("before", f"{treated.title}, before", f"arch:{treated.arch}", was, dashed=True)
        self._draw("now", after, f"arch:{arch}", now, dashed=False)

    def _draw(self, key: str, label: str, paint: str, line: Line | None, *, dashed: bool) -> None:
        if line is None or not len(line[0]):
            return
        dash = theme().dash("secondRun") if dashed else ()
        curve = self.add_curve(key, paint, label=label, dash=dash)
        curve.width = theme().stroke("plot" if dashed else "plotCurrent")
        curve.show_value = False
        curve.set_data(*line)

    def _axes_of_horizon(self, *lines: Line | None) -> None:
        end = max((float(line[0][-1]) for line in lines if line and len(line[0])), default=50.0)
        self.set_titles("distance d, steps back from the loss",
                        "gradient that arrives, relative to d = 0")  # fmt: skip
        self.set_range(x=(0.0, max(end, 1.0)), y=(LOW, HIGH), y_log=True)

    def _axes_of_series(self, treated: Treated, *lines: Line | None) -> None:
        vital = treated.vital
        self.set_titles("training step k", vital.title)
        there = [line for line in lines if line and len(line[0])]
        values = np.concatenate([line[1] for line in there]) if there else np.array([0.0, 1.0])
        known = values[np.isfinite(values)]
        log = vital.log and bool(known.size) and float(known.min()) > 0
        end = max((float(line[0][-1]) for line in there), default=10.0)
        self.set_range(x=(0.0, max(end, 1.0)), y=(1e-3, 1.0), y_log=log)
        if vital.share:
            self.set_range(y=(0.0, 1.0), y_log=False)
            return
        for line in there:
            self._draw("extent", "", "textMid", line, dashed=False)
        self.fit(x=False)
        if there:
            self.remove_curve("extent")


def _horizon(history: RunHistory, step: int) -> Line | None:
    reading = history.horizons.at(step)
    horizon = None if reading is None else vitals.memory_horizon(reading)
    if horizon is None:
        return None
    known = np.isfinite(horizon.median)
    return horizon.distance[known].astype(float), 10.0 ** horizon.median[known]


def _series(treated: Treated, history: RunHistory, first: int, last: int) -> Line:
    steps, values = treated.vital.series(history)
    known = (steps >= first) & (steps <= last) & np.isfinite(values)
    return steps[known].astype(float), values[known]
