"""`CurvesPanel`: training and validation loss of the run in view and of runs beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Slot
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.records.faults import GraphApplied
from seqstudio.records.messages import Facts, LiveChanged, StateChanged
from seqstudio.records.readings import Metrics, Validation
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.chart import NAME_ROOM, Chart, paint_disc, paint_ticks_of, paint_words
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.feeding import RunCurves, minutes_of
from seqstudio.studio.panels.floors import FloorCounter
from seqstudio.studio.panels.lines import run_lines
from seqstudio.studio.panels.measures import FAMILIES, LOSS, Measure, family_of
from seqstudio.studio.plots import Curve, ReadOut, resolve
from seqstudio.studio.plots.frame import Frame
from seqstudio.studio.plots.scale import around
from seqstudio.studio.theme import pen, theme
from seqstudio.studio.widgets import Label, Segments, format_number, parse_number

if TYPE_CHECKING:
    from seqstudio.runtime.history import RunHistory
    from seqstudio.studio.session import Session

_LIVE_WORDS = {
    "learning_rate": ("lr", "sci"),
    "clip": ("clip", ".2f"),
    "clip_value": ("clip value", "auto"),
    "label_smoothing": ("smoothing", ".2f"),
    "dropout_factor": ("dropout ×", ".2f"),
    "batch": ("batch", ".0f"),
    "window": ("window", ".0f"),
    "temperature": ("temperature", ".2f"),
}
_LEAST_STEPS = 100.0
_CEILING = 1.5


class CurvesPanel(Panel):
    """Loss by training step or by minutes, against the floor that needs no network."""

    title = "Curves"
    kinds = frozenset({Metrics, Validation, Facts, LiveChanged, GraphApplied, StateChanged})
    explanation: ClassVar[Explanation] = Explanation(
        "The faint line is the loss of every training step. The solid line is the mean of the "
        "last 5 % of the steps, at most 200. The dashed line is the loss on held-out data, which "
        "the model never trains on; the disc marks its lowest value.\n\n"
        "Guessing is the loss of a uniform guess over all symbols. The floor is the best that "
        "counting reaches without a network: a model that stays above it has learnt less than "
        "a table of counts.",
        (
            r"L = -\frac{1}{N} \sum_{i=1}^{N} \ln p(x_i \mid x_{<i})",
            r"\mathrm{perplexity} = e^{L} \qquad \mathrm{bits} = L / \ln 2",
        ),
        "the floor of a text is an interpolated n-gram model, Witten and Bell 1991",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._chart = Chart(x_title="training step k", x_symbol="k")
        self._chart.names_inside = True
        self._chart.headroom = NAME_ROOM
        self._chart.under.append(self._paint_chance)
        self._chart.over += [self._paint_best, self._paint_live]
        self._runs: dict[str, RunCurves] = {}
        self._counter = FloorCounter(self)
        self._counter.counted.connect(self.invalidate)
        self._layout_key: tuple[object, ...] | None = None
        self._hover: float | None = None
        self._verdict = Label("", "small", "textMid", parent=self)
        self.header.add_switch(self._verdict)
        self._units = {
            family: Segments([(m.key, m.label) for m in measures], name="Unit")
            for family, measures in FAMILIES.items()
        }
        for switch in self._units.values():
            self.header.add_switch(switch)
            switch.value_changed.connect(self._switched)
        self._clock = Segments([("step", "Step"), ("minutes", "Min")], name="Horizontal axis")
        self.header.add_switch(self._clock)
        self._clock.value_changed.connect(self._switched)
        self._chart.picked.connect(self._picked)
        self._chart.hovered.connect(self._hovered)
        self.set_body(self._chart)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._show_units()
        self._clock.setVisible(self.is_wide(560))
        self._verdict.setVisible(self.is_wide(440))

    # What is shown

    @property
    def _by_minutes(self) -> bool:
        return self._clock.value() == "minutes"

    @property
    def _unit(self) -> str:
        facts = self.session.history.facts
        if facts is not None:
            return facts.unit
        return self.session.facts.unit if self.session.facts else "nats"

    @property
    def measure(self) -> Measure:
        """In what the loss is told."""
        family = family_of(self._unit)
        chosen = self._units[family].value()
        return next((m for m in FAMILIES[family] if m.key == chosen), LOSS)

    @property
    def _chance(self) -> float:
        facts, dataset = self.session.history.facts, self.session.dataset
        return facts.chance if facts else dataset.chance if dataset else math.nan

    @property
    def _floor(self) -> float:
        return self._floor_found[1]

    @property
    def _floor_found(self) -> tuple[str, float]:
        """Name and loss of the floor: as the run tells, before it as counted here."""
        facts = self.session.history.facts
        if facts is not None and math.isfinite(facts.floor):
            return facts.floor_name, facts.floor
        counted = self._counter.found(self.session.dataset)
        return (counted.name, counted.value) if counted else ("", math.nan)

    @property
    def _current(self) -> RunCurves | None:
        return self._runs.get(self.session.history.run)

    @Slot(str)
    def _switched(self, _key: str) -> None:
        self.forget()
        self.refresh()

    @override
    def forget(self) -> None:
        self._layout_key = None

    # Drawing

    @override
    def draw(self) -> None:
        self._show_units()
        self._lay_out()
        for run in self._runs.values():
            run.feed()
        self._place_cursor()
        if len(self.session.history.curves):
            self.show_body()
        else:
            self.show_empty(*self._invitation())

    def _show_units(self) -> None:
        family = family_of(self._unit)
        for name, switch in self._units.items():
            switch.setVisible(name == family and self.is_wide(380))

    def _invitation(self) -> tuple[str, str, str]:
        if self.session.state in {"starting", "running"}:
            return "curve", "The first step is on its way", "The loss appears with it."
        how = "Press Train: the loss falls from guessing towards the floor."
        return "curve", "Nothing is trained yet", how

    def _lay_out(self) -> None:
        """Set up lines, references and ranges when what they rest on is another one."""
        lines = [each for each in run_lines(self.session) if self._shares_unit(each.history)]
        look = tuple((each.name, id(each.history), each.label, each.arch) for each in lines)
        started = bool(len(self.session.history.curves))
        key = (look, self.measure.key, self._unit, self._clock.value(), self._chance, self._floor,
               started)  # fmt: skip
        if key == self._layout_key:
            return
        same_place = self._layout_key is not None and self._layout_key[1:4] == key[1:4]
        view = self._chart.view()
        self._layout_key = key
        self._chart.clear()
        self._runs = {
            line.name: RunCurves(self._chart, line, self.measure, self._by_minutes)
            for line in lines
        }
        self._set_axes()
        self._add_references()
        if same_place and view[0].high > self._chart.view()[0].high:
            self._chart.set_range(x=(view[0].low, view[0].high))

    def _shares_unit(self, history: RunHistory) -> bool:
        """Whether a run's loss may stand in this chart: losses of other units never do."""
        return history.facts is None or history.facts.unit == self._unit

    def _set_axes(self) -> None:
        words = "training time, minutes" if self._by_minutes else "training step k"
        self._chart.set_titles(words, self.measure.title(self._unit))
        self._chart.set_range(x=(0.0, self._expected_end()), y=self._value_range(),
                              y_log=self.measure.log)  # fmt: skip

    def _expected_end(self) -> float:
        training = (self.session.run_project or self.session.project).training
        history = self.session.history
        if history.state in {"finished", "stopped"} and len(history.curves):
            return NAME_ROOM * max(self._place_of(history.step), 1e-3)
        if self._by_minutes:
            return NAME_ROOM * training.minutes if training.budget == "minutes" else 1.0
        return NAME_ROOM * training.steps if training.budget == "steps" else _LEAST_STEPS

    def _value_range(self) -> tuple[float, float]:
        """Return from well under the floor to guessing; the axis grows when a run leaves it."""
        chance = self._chance if math.isfinite(self._chance) else 1.0
        floor = self._floor if math.isfinite(self._floor) else chance / 2
        top, low = self.measure.of(chance), self.measure.of(floor)
        if self.measure.log:
            ends = around(min(low, top) / 100, top * 2, log=True)
            self._chart.ceiling = ends.high * 10
            return ends.low, ends.high
        if self.measure.key == "perplexity":
            top = min(top, 4 * low)
        self._chart.ceiling = top * _CEILING
        bottom = low - 0.22 * abs(top - low)
        return (
            max(0.0, bottom) if low >= 0 else bottom,  # only the loss of a density goes below 0
            top + 0.05 * max(abs(top - low), 0.1 * abs(top)),
        )

    def _add_references(self) -> None:
        name, floor = self._floor_found
        if math.isfinite(floor):
            value = self.measure.of(floor)
            beat = "" if len(self.session.history.curves) else "beat this: "
            self._chart.add_floor(value, f"{beat}{name} {format_number(value, '.3f')}")

    def _paint_chance(self, painter: QPainter, frame: Frame) -> None:
        chance = self.measure.of(self._chance)
        place = float(frame.py(chance))
        if not frame.rect.top() <= place <= frame.rect.bottom():
            return
        painter.setPen(pen(theme().color("textLow"), 1.25, theme().dash("floor")))
        painter.drawLine(QPointF(frame.rect.left(), place), QPointF(frame.rect.right(), place))
        words = f"guessing {format_number(chance, '.3f')}"
        painter.setFont(theme().font("axis"))
        width = painter.fontMetrics().horizontalAdvance(words)
        paint_words(painter, QPointF(frame.rect.right() - width - 5, place + 14), words, "textLow")

    def _paint_best(self, painter: QPainter, frame: Frame) -> None:
        best, run = self.session.history.best_validation(), self._current
        if best is None or run is None:
            return
        place = frame.point(self._place_of(best.step), self.measure.of(best.loss))
        if frame.rect.contains(place):
            paint_disc(painter, place, resolve(run.line.paint))

    def _paint_live(self, painter: QPainter, frame: Frame) -> None:
        places = []
        for change in self.session.history.live:
            name, form = _LIVE_WORDS.get(change.name, (change.name, "auto"))
            words = f"{name} {format_number(change.value, form)}"
            places.append((self._place_of(change.step), words))
        edits = self.session.history.edits
        places += [(self._place_of(edit.step), "graph edited") for edit in edits]
        paint_ticks_of(painter, frame, places)

    # Cursor and read-out

    def _place_cursor(self) -> None:
        step = self.session.cursor.step
        if self._hover is not None:
            self._chart.set_cursor(self._hover)
        elif step is not None:
            self._chart.set_cursor(self._place_of(step))
        else:
            newest = self.session.history.step
            self._chart.set_cursor(self._place_of(newest) if newest else None)
        live = self._hover is None and step is None
        self._chart.set_read_out(False if live else self._read_out)

    def _place_of(self, step: int) -> float:
        """Return where a training step lies on the axis."""
        if self._by_minutes:
            return float(minutes_of(self.session.history, step))
        return float(step)

    def _step_at(self, x: float) -> int:
        """Return the recorded step that is nearest to a place on the axis."""
        curves = self.session.history.curves
        if not len(curves):
            return 0
        places = curves.seconds / 60 if self._by_minutes else curves.steps
        return int(curves.steps[int(np.argmin(np.abs(places - x)))])

    @Slot(float)
    def _picked(self, x: float) -> None:
        step = self._step_at(x)
        if len(self.session.history.curves):
            newest = step >= int(self.session.history.curves.steps[-1])
            self.session.move_cursor(step=None if newest else step)

    @Slot(float)
    def _hovered(self, x: float) -> None:
        if math.isnan(x) or not len(self.session.history.curves):
            self._hover = None
        else:
            self._hover = self._place_of(self._step_at(x))
        self._place_cursor()

    def _read_out(self, x: float) -> ReadOut:
        step = self._step_at(x)
        title = f"{self.session.run_title()}, step {step:,}"
        rows = [row for run in reversed(self._runs.values()) for row in run.told(x)]
        rows += self._also(step)
        words, tone = self._judge(step)
        return ReadOut(title, tuple(rows), words, tone)

    def _also(self, step: int) -> list[tuple[Curve | None, str, str]]:
        """Return accuracy, where the task has one, and the learning rate of a step."""
        rows: list[tuple[Curve | None, str, str]] = []
        seen = [each for each in self.session.history.validations if each.step <= step]
        if seen and math.isfinite(seen[-1].accuracy):
            accuracy = format_number(100 * seen[-1].accuracy, ".1f")
            rows.append((None, "right answers", f"{accuracy} %"))
        curves = self.session.history.curves
        if len(curves):
            rate = float(curves.rate[int(np.argmin(np.abs(curves.steps - step)))])
            rows.append((None, "learning rate", format_number(rate, "sci")))
        return rows

    def _judge(self, step: int) -> tuple[str, str]:
        """Return how the newest held-out loss at a step stands to the floor, and its tone."""
        seen = [each for each in self.session.history.validations if each.step <= step]
        if not seen or not math.isfinite(self._floor):
            return "", "textMid"
        newest = max(seen, key=lambda each: each.step)
        gap = self.measure.of(self._floor) - self.measure.of(newest.loss)
        told = format_number(abs(gap), self.measure.gap_form)
        if parse_number(told) == 0:
            return "level with the floor", "textMid"
        side, tone = ("below", "success") if gap > 0 else ("above", "error")
        return f"{told} {side} the floor", tone

    # Words

    @override
    def tell(self) -> None:
        history = self.session.history
        words, tone = self._judge(self.session.step_in_view)
        self._verdict.setText(words)
        self._verdict.set_tone(tone)
        if not len(history.curves):
            self.header.set_subtitle("nothing yet")
            return
        beside = len(self._runs) - 1
        runs = f", {beside + 1} runs" if beside else ""
        apart = sum(not self._shares_unit(each) for each in self.session.others.values())
        left = f", {apart} left out: other unit than {self._unit}" if apart else ""
        self.header.set_subtitle(f"{self.session.run_title()}{runs}{left}")

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        runs = {"": self.session.history, **self.session.others}
        found: dict[str, NDArray[Any]] = {}
        for name, history in runs.items():
            start, curves, held = f"{name}." if name else "", history.curves, history.validations
            if len(curves):
                columns = {"step": curves.steps, "loss": curves.loss, "rate": curves.rate}
                found |= {f"{start}{key}": column for key, column in columns.items()}
            if held:
                found[f"{start}validation.step"] = np.array([each.step for each in held])
                found[f"{start}validation.loss"] = np.array([each.loss for each in held])
        return found

    @override
    def measured(self) -> list[tuple[str, str]]:
        facts, history = self.session.history.facts, self.session.history
        if facts is None:
            return []
        rows = [("Unit", facts.unit), ("Guessing", format_number(facts.chance, ".4f"))]
        name, floor = self._floor_found
        if name:
            rows.append(("Floor", f"{name}, {format_number(floor, '.4f')}"))
        if history.validations:
            last = history.validations[-1]
            part = "the whole held-out part" if last.complete else "its first part"
            rows.append(("Validation", f"{last.count:,} predictions, {part}, step {last.step:,}"))
        if history.curves.thinned:
            rows.append(("Older steps", "the lowest and the highest loss of each bucket"))
        return rows
