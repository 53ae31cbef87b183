"""Fills the lines of a run with what is new in its history, so that a long run stays quick."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqstudio.records.readings import Validation
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.panels.lines import RunLine
from seqstudio.studio.panels.measures import Measure, TrailingMean
from seqstudio.studio.plots import Curve, Plot
from seqstudio.studio.theme import theme
from seqstudio.studio.widgets import format_number

_MOST_MARKERS = 60


class Reader:
    """Tells which rows of a growing history are new since the last look."""

    def __init__(self, history: RunHistory) -> None:
        self.history = history
        self._seen = 0
        self._last_step = 0
        self._thinned = False

    def new_rows(self) -> tuple[slice, bool]:
        """Return the new rows, and whether everything before them has to be dropped."""
        curves = self.history.curves
        count = len(curves)
        kept = count >= self._seen and curves.thinned == self._thinned
        if kept and self._seen:
            kept = int(curves.steps[self._seen - 1]) == self._last_step
        start = self._seen if kept else 0
        self._seen, self._thinned = count, curves.thinned
        self._last_step = int(curves.steps[-1]) if count else 0
        return slice(start, count), not kept


class RunCurves:
    """Raw, smoothed and held-out loss of one run in a plot.

    Attributes:
        line: The run and its look.
    """

    def __init__(self, plot: Plot, line: RunLine, measure: Measure, by_minutes: bool) -> None:
        self.line = line
        self._measure, self._by_minutes = measure, by_minutes
        self._reader = Reader(line.history)
        self._mean = TrailingMean()
        self._raw = self._add_raw(plot)
        self._smooth = plot.add_curve(
            f"{line.name}/train", line.paint, label=line.label, dash=line.dash, form=measure.form
        )
        self._smooth.width = line.width
        self._valid = self._add_valid(plot) if line.current else None
        self._known: list[Validation] = []

    def _add_raw(self, plot: Plot) -> Curve | None:
        if not self.line.current:
            return None
        return plot.add_curve(f"{self.line.name}/raw", self.line.paint, raw=True)

    def _add_valid(self, plot: Plot) -> Curve:
        dash = theme().dash("validation")
        curve = plot.add_curve(
            f"{self.line.name}/valid", self.line.paint, dash=dash, form=self._measure.form
        )
        curve.label = "validation"
        curve.width = 1.25 if self.line.dash else theme().stroke("plot")
        return curve

    def feed(self) -> None:
        """Append what is new."""
        rows, anew = self._reader.new_rows()
        if anew:
            self._mean = TrailingMean()
            for curve in (self._raw, self._smooth):
                if curve is not None:
                    curve.series.clear()
        if rows.stop > rows.start:
            self._append(rows)
        if self._valid is not None and self._known != self.line.history.validations:
            self._known = list(self.line.history.validations)
            self._show_validations(self._valid)

    def _append(self, rows: slice) -> None:
        curves = self.line.history.curves
        x = curves.seconds[rows] / 60 if self._by_minutes else curves.steps[rows]
        loss = curves.loss[rows]
        if self._raw is not None:
            self._raw.extend(x, self._measure.apply(loss))
        self._smooth.extend(x, self._measure.apply(self._mean.extend(loss)))

    def _show_validations(self, curve: Curve) -> None:
        # The last word on a step counts: at the end of a run the whole held-out part is measured,
        # also for the best step, which lies before the last.
        by_step = {each.step: each.loss for each in self._known}
        steps = sorted(by_step)
        x = minutes_of(self.line.history, steps) if self._by_minutes else steps
        curve.markers = len(steps) <= _MOST_MARKERS  # more of them would make a rope of the line
        curve.set_data(x, self._measure.apply([by_step[step] for step in steps]))

    def told(self, x: float) -> list[tuple[Curve | None, str, str]]:
        """Return the rows of a read-out at a place on the axis."""
        rows: list[tuple[Curve | None, str, str]] = []
        label = self.line.label
        last = self._smooth.series.last()
        value = self._smooth.series.at(x)
        if last is not None and x <= last[0] and math.isfinite(value):
            name = "training" if self.line.current else label
            rows.append((self._smooth, name, self._told(value)))
        value = self._valid.series.at(x) if self._valid is not None else math.nan
        if math.isfinite(value):
            rows.append((self._valid, "validation", self._told(value)))
        return rows

    def _told(self, value: float) -> str:
        return format_number(value, self._measure.form)


def minutes_of(history: RunHistory, steps: ArrayLike) -> NDArray[np.float64]:
    """Return after how many minutes of training steps were done; 0 before the first."""
    curves = history.curves
    if not len(curves):
        return np.zeros_like(np.asarray(steps, float))
    at = np.asarray(steps, float)
    seconds: NDArray[np.float64] = np.interp(at, curves.steps, curves.seconds, left=0.0)
    return seconds / 60
