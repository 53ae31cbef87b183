"""`HorizonPanel`: how much of the gradient of a loss arrives d steps earlier, for every model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QTimer, Slot
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.records.readings import Floats, GradientReading, Horizon
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.chart import Chart, paint_wall, paint_words
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.lines import RunLine, run_lines
from seqstudio.studio.panels.past import offer_first
from seqstudio.studio.panels.quantity import PLACES, QuantitySwitch, has_room
from seqstudio.studio.plots import Curve, ReadOut, paint_hatch, resolve
from seqstudio.studio.plots.frame import Frame
from seqstudio.studio.theme import pen, theme
from seqstudio.studio.widgets import CheckField, Segments, format_number

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

LOW, HIGH = 1e-12, 1e4
FLOAT32_FLOOR = 1e-38
SHORT_REACH = 8.0
_FLAT_DECADES = 0.5
_WIDER = 4 / 3
_USUAL_WINDOW = 128
RAW = "raw"
_STARTS = (("0", "÷ d 0"), ("1", "÷ d 1"), (RAW, "Raw"))
_GATES = {"lstm": "product of forget gates", "gru": "product of keep gates"}
_DOTS = (2.0, 4.0)


@dataclass(frozen=True)
class _Shown:
    """A horizon in the plot."""

    line: RunLine
    reading: GradientReading
    horizon: Horizon
    curve: Curve
    gates: Curve | None = None


class HorizonPanel(Panel):
    """Gradient against distance from the loss, one line a model, on one fixed axis."""

    title = "Gradient horizon"
    kinds = frozenset({GradientReading})
    explanation: ClassVar[Explanation] = Explanation(
        "A loss at position k sends a gradient back to every earlier step t. The line is its size "
        "at the distance d = k − t, divided by its size at d = 0: the median over positions and "
        "rows, with the band from 10 to 90 %. Fewer pairs stand behind large distances; the "
        "pointer tells how many.\n\n"
        "Reach is how many steps it takes to shrink to a tenth: a straight line fitted to d of 5 "
        "and more. dL/dh is the gradient of the state under the head, dL/dc that of an LSTM's "
        "cell, each divided by its own start. Input works for every architecture: the gradient of "
        "the embedded token. Outside the window of training the gradient is cut off.\n\n"
        "Raw is the norm itself, of one loss that is not averaged. The dotted line is what the "
        "gates alone predict: the product of the forget gates of an LSTM over the steps between, "
        "or of the keep gates of a GRU, as the median over the units. The measured line also goes "
        "through the other gates and through h.\n\n"
        "It is measured on the same probe text at every look, without dropout. A distance at "
        "which it is exactly 0 is left out and has a ring at the bottom.",
        (
            r"r(d) = \mathrm{median}_{k} \, \log_{10} \frac"
            r"{\| \partial \ell_k / \partial h_{k-d} \|}{\| \partial \ell_k / \partial h_k \|}",
            r"d_{10} = -1 / \mathrm{slope}(r), \qquad "
            r"\hat r(d) = \log_{10} \prod_{s=k-d+1}^{k} f_s",
        ),
        "Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063; Hochreiter 1991",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._chart = Chart(x_title="distance d, steps back from the loss", x_symbol="d")
        self._chart.set_growing(x=False, y=False)
        self._chart.names_inside = True
        self._chart.under += [self._paint_floor, self._paint_beyond]
        self._chart.over += [self._paint_wall, self._paint_zeros]
        self._shown: list[_Shown] = []
        self._drawn_key: object = None
        self._window = 0
        self._predicted = False
        self._hover: float | None = None
        self._quantity = QuantitySwitch()
        self._start = Segments(_STARTS, name="Relative to")
        self._start.setToolTip(
            "At d = 0 the input also reaches the loss past all memory: relative to d = 1 "
            "that shortcut is left out"
        )
        self._gates = CheckField("Gates", True)
        self._gates.setToolTip("The decay that the gates alone predict, dotted")
        for switch in (self._gates, self._start, self._quantity):
            self.header.add_switch(switch)
        self._quantity.value_changed.connect(self._switched)
        self._start.value_changed.connect(self._start_chosen)
        self._gates.committed.connect(self._start_chosen)
        self._chart.hovered.connect(self._hovered)
        self.set_body(self._chart)
        self._set_axes(self._project_window())

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._fit)

    @Slot()
    def _fit(self) -> None:
        """Leave out the switches that the header has no room for, the least needed first."""
        self._quantity.setVisible(has_room(self, 320))
        self._start.setVisible(has_room(self, 480))
        self._gates.setVisible(self._predicted and has_room(self, 560))

    # What is shown

    @property
    def quantity(self) -> str:
        """The gradient of what: "dl/dh", "dl/dc" or "dl/demb"."""
        return self._quantity.value()

    @Slot(str)
    def _switched(self, quantity: str) -> None:
        self._quantity.choose(quantity)
        self.refresh()

    @property
    def _relative_to(self) -> int | None:
        """Distance at which every line is 1, None for the norms themselves."""
        chosen = self._start.value()
        return None if chosen == RAW else int(chosen)

    @Slot(object)
    def _start_chosen(self, _key: object) -> None:
        self.refresh()

    @override
    def forget(self) -> None:
        self._drawn_key = None

    def _readings(self) -> list[tuple[RunLine, GradientReading]]:
        found = []
        for line in run_lines(self.session):
            horizons = line.history.horizons
            step = self.session.step_in_view
            reading = horizons.at(step) if line.current else horizons.newest()
            if reading is not None:
                found.append((line, reading))
        return found

    # Drawing

    @override
    def draw(self) -> None:
        readings = self._readings()
        self._choose_quantity(readings)
        drawn = tuple((line, id(reading)) for line, reading in readings)
        key = (
            self.quantity, self._relative_to, self._gates.value(), drawn, self._project_window()
        )  # fmt: skip
        if key != self._drawn_key:
            self._drawn_key = key
            self._draw_lines(readings)
        self._place_cursor()
        self._invite(readings)

    def _choose_quantity(self, readings: list[tuple[RunLine, GradientReading]]) -> None:
        there = {horizon.quantity for _, reading in readings for horizon in reading.horizons}
        mine = [reading for line, reading in readings if line.current]
        own = {horizon.quantity for reading in mine for horizon in reading.horizons}
        self._quantity.offer(there, own)
        shown = [
            each for _, r in readings for each in r.horizons if each.quantity == self.quantity
        ]
        self._offer_starts(shown)
        self._predicted = any(each.predicted is not None for each in shown)
        self._fit()

    def _offer_starts(self, shown: list[Horizon]) -> None:
        why = "Only the input has a shortcut at d = 0 to leave out"
        self._start.set_enabled("1", self.quantity == "dl/demb", why)
        raw = any(each.raw is not None for each in shown) or not shown
        self._start.set_enabled(RAW, raw, "This run was recorded without its raw norms")
        chosen = self._start.value()
        if (chosen == RAW and not raw) or (chosen == "1" and self.quantity != "dl/demb"):
            self._start.set_value("0")

    def _draw_lines(self, readings: list[tuple[RunLine, GradientReading]]) -> None:
        self._chart.clear()
        self._shown = []
        for line, reading in readings:
            chosen = [each for each in reading.horizons if each.quantity == self.quantity]
            if self._relative_to is None:
                chosen = [each for each in chosen if each.raw is not None]
            for horizon in chosen:
                label = f"{line.label} {horizon.block}" if len(chosen) > 1 else line.label
                curve = self._add_curve(line, horizon, label)
                self._shown.append(
                    _Shown(line, reading, horizon, curve, self._add_gates(line, horizon, curve))
                )
        windows = [reading.window for _, reading in readings]
        current = self.session.history.horizons.newest()
        self._window = current.window if current else max(windows, default=0)
        self._set_axes(max(windows, default=self._project_window()))

    def _add_curve(self, line: RunLine, horizon: Horizon, label: str) -> Curve:
        key = f"{line.name}/{horizon.block}"
        curve = self._chart.add_curve(key, line.paint, label=label, dash=line.dash)
        curve.width = line.width
        curve.set_label(label, reach_words(horizon))
        low, middle, high = self._sides(horizon)
        known = ~np.isnan(middle)
        x = horizon.distance[known]
        curve.set_data(x, 10.0 ** middle[known])
        curve.set_band(x, 10.0 ** low[known], 10.0 ** high[known])
        return curve

    def _add_gates(self, line: RunLine, horizon: Horizon, measured: Curve) -> Curve | None:
        """Draw what the gates alone predict, from the same start as the measured line."""
        if horizon.predicted is None or not self._gates.value():
            return None
        curve = self._chart.add_curve(f"{measured.key}/gates", line.paint, dash=_DOTS)
        curve.set_label(_GATES.get(horizon.arch, "product of gates") if line.current else "")
        curve.width, curve.show_value = 1.5, False
        start = float(self._sides(horizon)[1][0])
        curve.set_data(horizon.distance, 10.0 ** (horizon.predicted + start))
        return curve

    def _sides(self, horizon: Horizon) -> tuple[Floats, Floats, Floats]:
        """Return log10 of what is drawn: 10 % quantile, median, 90 % quantile; (D,) each."""
        if self._relative_to is None and horizon.raw is not None:
            low, middle, high = horizon.raw
            return low, middle, high
        one = self._level_of(horizon)
        return horizon.low - one, horizon.median - one, horizon.high - one

    def _level_of(self, horizon: Horizon) -> float:
        """Return the log10 of the median that is drawn as 1; records are relative to d = 0."""
        where = np.flatnonzero(horizon.distance == self._relative_to)
        level = float(horizon.median[int(where[0])]) if where.size else 0.0
        return level if math.isfinite(level) else 0.0

    def _set_axes(self, window: int) -> None:
        place, start = PLACES[self.quantity], self._relative_to
        unit = "nats per unit of activation" if start is None else f"relative to d = {start}"
        self._chart.set_titles(
            "distance d = k − t, steps back from the loss",
            f"gradient that arrives at {place}, {unit}",
        )
        end = float(window) * _WIDER
        view = self._chart.view()[0]
        if view.high != end or view.low != 0:
            self._chart.set_range(x=(0.0, end), y=(LOW, HIGH), y_log=True)

    def _invite(self, readings: list[tuple[RunLine, GradientReading]]) -> None:
        if readings:
            self.show_body()
        elif offer_first(self, self.session.history.horizons.steps()):
            return
        elif len(self.session.history.curves):
            how = "It follows within seconds while the run trains with its probes."
            self.show_empty("gradient", "The gradient was not measured yet", how)
        else:
            how = "Press Train: the line shows how many steps back a loss still teaches anything."
            self.show_empty("gradient", "No gradient has been measured", how)

    # Marks

    def _paint_floor(self, painter: QPainter, frame: Frame) -> None:
        if frame.y.low >= FLOAT32_FLOOR:
            return
        top = max(frame.rect.top(), float(frame.py(FLOAT32_FLOOR)))
        area = QRectF(frame.rect.left(), top, frame.rect.width(), frame.rect.bottom() - top)
        paint_hatch(painter, area)
        if area.height() > 24:
            paint_words(painter, QPointF(area.left() + 8, area.top() + 16), "below float32")

    def _paint_beyond(self, painter: QPainter, frame: Frame) -> None:
        left = float(frame.px(self._window or self._project_window()))
        if left < frame.rect.right():
            left = max(left, frame.rect.left())
            right = frame.rect.right() - left
            paint_hatch(painter, QRectF(left, frame.rect.top(), right, frame.rect.height()))

    def _paint_wall(self, painter: QPainter, frame: Frame) -> None:
        window = self._window or self._project_window()
        paint_wall(painter, frame, window)
        left = float(frame.px(window)) + 8
        painter.setFont(theme().font("axis"))
        width = painter.fontMetrics().horizontalAdvance("gradient stops here")
        if frame.rect.left() <= left and left + width + 4 <= frame.rect.right():
            top = frame.rect.top() + 18
            paint_words(painter, QPointF(left, top), "gradient stops here")
            paint_words(painter, QPointF(left, top + 15), f"window {window}", "textHi")

    def _project_window(self) -> int:
        facts = self.session.facts
        return facts.window if facts else _USUAL_WINDOW

    def _paint_zeros(self, painter: QPainter, frame: Frame) -> None:
        """Mark distances at which nothing at all arrives."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for shown in self._shown:
            painter.setPen(pen(resolve(shown.line.paint), 1.25))
            for d in shown.horizon.distance[np.isneginf(shown.horizon.median)]:
                place = QPointF(float(frame.px(float(d))), frame.rect.bottom() - 4)
                if frame.rect.contains(place):
                    painter.drawEllipse(place, 2.5, 2.5)

    # Cursor and read-out

    def _last_step(self) -> int | None:
        """Return the step of the last loss of the probe text: d there is counted from it."""
        mine = [shown.reading for shown in self._shown if shown.line.current]
        return len(mine[0].tokens) - 1 if mine else None

    def _place_cursor(self) -> None:
        """Show the hovered distance, else that of the shared time step from the last loss."""
        last, t = self._last_step(), self.session.cursor.t
        linked = float(last - t) if last is not None and 0 < t <= last else None
        self._chart.set_cursor(self._hover if self._hover is not None else linked)
        self._chart.set_read_out(self._read_out if self._hover is not None else False)

    @Slot(float)
    def _hovered(self, x: float) -> None:
        inside = not math.isnan(x) and bool(self._shown) and x >= -0.5
        self._hover = float(max(0, round(x))) if inside else None
        last = self._last_step()
        if self._hover is not None and last is not None and self._hover <= last:
            self.session.move_cursor(t=last - int(self._hover))
        self._place_cursor()

    def _read_out(self, x: float) -> ReadOut:
        rows, counts = [], []
        for shown in reversed(self._shown):
            where = np.flatnonzero(shown.horizon.distance == round(x))
            if where.size:
                value = float(self._sides(shown.horizon)[1][int(where[0])])
                rows.append((shown.curve, shown.curve.label, ratio_text(value)))
                counts.append(int(shown.horizon.count[int(where[0])]))
                rows += self._gates_row(shown, int(where[0]))
        pairs = sorted(set(counts))
        span = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}" if pairs else ""
        return ReadOut(f"d = {round(x)} steps back", tuple(rows), f"median of {span} pairs")

    def _gates_row(self, shown: _Shown, index: int) -> list[tuple[Curve, str, str]]:
        if shown.gates is None or shown.horizon.predicted is None:
            return []
        value = ratio_text(float(shown.horizon.predicted[index]))
        return [(shown.gates, f"{shown.curve.label}, gates alone", value)]

    # Words

    @override
    def tell(self) -> None:
        mine = [shown for shown in self._shown if shown.line.current]
        if not self._shown:
            self.header.set_subtitle("nothing yet")
            return
        if not mine:
            self.header.set_subtitle(f"{len(self._shown)} other runs, newest step of each")
            return
        shown = mine[-1]
        beside = len(self._shown) - len(mine)
        others = f", {beside} beside it" if beside else ""
        verdict = pathology(shown.horizon)
        said = f": {verdict}" if verdict else ""
        step = f"step {shown.reading.step:,}"
        self.header.set_subtitle(f"{self.session.run_title()}, {step}{others}{said}")

    @override
    def measured(self) -> list[tuple[str, str]]:
        rows = []
        for shown in self._shown:
            reading, horizon = shown.reading, shown.horizon
            pairs = f"{int(horizon.count.min())} to {int(horizon.count.max())} pairs a distance"
            words = (
                f"step {reading.step:,}, {reading.rows} rows of the {reading.source}, window "
                f"{reading.window}, {pairs}, {reach_words(horizon)}"
            )
            rows.append((shown.curve.label, words))
        if rows:
            start = self._relative_to
            scale = f"each line divided by its own median at d = {start}"
            rows.append(("Scale", "norms of single losses" if start is None else scale))
        return rows

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any]] = {}
        for shown in self._shown:
            name, horizon = shown.curve.key, shown.horizon
            low, middle, high = self._sides(horizon)
            found |= {
                f"{name}.distance": horizon.distance, f"{name}.log10_low": low,
                f"{name}.log10_median": middle, f"{name}.log10_high": high,
                f"{name}.count": horizon.count, f"{name}.slope": np.array(horizon.slope),
            }  # fmt: skip
            if horizon.predicted is not None:
                found[f"{name}.log10_gates"] = horizon.predicted
        return found


def reach_words(horizon: Horizon) -> str:
    """Return how fast a line falls: "÷10 every 3.9", "×10 every 12", "flat", or "too short"."""
    if math.isnan(horizon.slope):
        return "too short to fit"
    if _is_flat(horizon):
        return "flat"
    steps = _steps_text(1 / abs(horizon.slope))
    return f"×10 every {steps}" if horizon.slope > 0 else f"÷10 every {steps}"


def _is_flat(horizon: Horizon) -> bool:
    """Tell whether the fitted line stays within half a decade over all distances."""
    return abs(horizon.slope) * float(horizon.distance.max(initial=0)) < _FLAT_DECADES


def pathology(horizon: Horizon) -> str:
    """Return what is wrong in words, "" when nothing is: it fades fast, or it grows."""
    if math.isnan(horizon.slope):
        return ""
    if horizon.slope > 0 and not _is_flat(horizon):
        return f"grows tenfold every {_steps_text(1 / horizon.slope)} steps"
    if horizon.reach < SHORT_REACH:
        return f"fades to a tenth every {_steps_text(horizon.reach)} steps"
    return ""


def ratio_text(log10_ratio: float) -> str:
    """Return a ratio given by its log10: "0.42", "3.2e−9", and "0" for nothing at all."""
    if np.isneginf(log10_ratio):
        return "0"
    return format_number(10.0**log10_ratio, "auto" if abs(log10_ratio) < 2 else "sci")


def _steps_text(steps: float) -> str:
    return format_number(steps, ".1f" if steps < 10 else "int")
