"""`GatesPanel`: what the gates of a recurrent layer do over a text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget
from typing_extensions import override

from seqstudio.insight.gating import (
    KeepCurve,
    keep_curve,
    log_mean,
    saturation,
    time_constants,
    unit_order,
)
from seqstudio.records.inside.gates import CellRun, GatesOf, GateTrace
from seqstudio.studio.inside.gates.plots import (
    MemoryPlot,
    SaturationTile,
    TimeConstants,
    UnitMap,
    slope_words,
)
from seqstudio.studio.inside.layers import (
    Place,
    at_cursor,
    layer_title,
    layer_titles,
    place_of,
    reading_words,
)
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.inside.tiles import Tiles, under_switches
from seqstudio.studio.panels.adding import offer_lstm
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme.model import Quantity
from seqstudio.studio.widgets import CheckField, ComboField, Segments, format_number

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

STEPS, FAR = 256, 128
LETTER_PX = 9.0
ORDERS = (("tau", "slowest on top"), ("mean", "highest on top"),
          ("pattern", "first component"), ("number", "unit number"))  # fmt: skip
VIEWS = (("map", "Map"), ("ends", "Saturation"), ("tau", "τ"), ("memory", "Memory"))
MAP, ENDS, TAU, MEMORY = range(4)


class GatesPanel(LookPanel):
    """Gate heat map, saturation triangle, time constants, and what the keeping gate keeps."""

    title = "Gates"
    icon: ClassVar[str] = "cell"
    explanation: ClassVar[Explanation] = Explanation(
        "The map shows one gate or state of every unit at every step of the text, as the fused "
        "layer computed it. Gates run from 0 to 1 on a fixed scale; states are signed, 0 is "
        "neutral.\n\n"
        "Saturation: each dot is a unit. Across, the share of time that the gate is below the "
        "lower threshold; upwards, the share above the upper one. A forget gate at the top always "
        "keeps. For values around zero both thresholds are the upper one, with both signs.\n\n"
        "τ is the number of steps after which the keeping gate alone has shrunk a state to 1/e. A "
        "τ longer than the text is an extrapolation. In torch's GRU, z near 1 keeps: many books "
        "write it the other way round.\n\n"
        "Memory: the product of the keeping gate against the distance, median and 10–90 % of the "
        "units; the carousel alone, that is the gradient with the feedback through h cut; and the "
        "true gradient by the cell, for the layer under the head.",
        (r"\tau_j = -1 \,/\, \overline{\ln f_{t,j}}",
         r"\frac{dL}{dc_{k-d}} \approx \frac{dL}{dc_k} \odot \prod_{s=k-d+1}^{k} f_s"),
        "Karpathy, Johnson, Fei-Fei 2015, arXiv:1506.02078; Hochreiter and Schmidhuber 1997",
    )  # fmt: skip

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._place: Place = ("", 0, False)
        self._wanted_trace = ""
        self._limits: dict[tuple[Place, str], float] = {}
        self._order = np.zeros(0, np.int64)
        self._with_decay = False
        self._curve: tuple[GateTrace, KeepCurve] | None = None
        self.map, self.ends = UnitMap(), SaturationTile()
        self.taus, self.memory = TimeConstants(), MemoryPlot()
        self.tiles = Tiles([self.map, self.ends, self.taus, self.memory])
        self._make_switches()
        self._lay_out()
        self._connect()

    def _make_switches(self) -> None:
        self.layers = ComboField([], name="Layer")
        self.traces = ComboField([], name="Gate or state")
        self.orders = ComboField(ORDERS, "tau", name="Order of the units")
        self.letters = CheckField("Letters")
        self.letters.setToolTip(
            "Show as many steps as their characters can be read, at the cursor"
        )
        self.views, self.sides = Segments(VIEWS, name="View"), Segments(VIEWS[1:], name="Beside")

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setContentsMargins(12, 6, 12, 0)
        line.setSpacing(8)
        for field in (self.layers, self.traces, self.orders):
            field.setMaximumWidth(190)
            line.addWidget(field, 1)
        line.addWidget(self.letters)
        line.addStretch(1)
        line.addWidget(self.sides)
        self.set_body(under_switches(line, self.views, self.tiles))

    def _connect(self) -> None:
        self.layers.committed.connect(self._layer_chosen)
        self.traces.committed.connect(self._trace_chosen)
        self.orders.committed.connect(self._redraw)
        self.letters.committed.connect(self._redraw)
        self.views.value_changed.connect(self._view_chosen)
        self.sides.value_changed.connect(self._view_chosen)
        self.tiles.arranged.connect(self._arranged)
        self.map.hovered.connect(self._map_pointed)
        self.map.picked.connect(self._map_pointed)
        self.ends.changed.connect(self._redraw_ends)
        for signal in (self.ends.plot.hovered, self.ends.plot.picked, self.taus.picked):
            signal.connect(self._unit_pointed)

    # What is asked

    @override
    def question(self) -> GatesOf:
        if self.looked is not None:
            self._place = at_cursor(self.session, self.reading.layers, self._place)
        elif self.session.cursor.block:
            self._place = (self.session.cursor.block, self.session.cursor.layer, False)
        # A picture of a panel that nobody sees is laid out after this.
        self._with_decay = self.tiles.sees(self.memory) or not self.isVisible()
        return GatesOf(STEPS, *self._place, decay=self._with_decay)

    @Slot(object)
    def _layer_chosen(self, place: object) -> None:
        if isinstance(place, tuple):
            self._place = place
            self.session.move_cursor(block=place[0], layer=place[1])
            self.ask_again()

    @Slot(object)
    def _trace_chosen(self, name: object) -> None:
        self._wanted_trace = str(name)
        self._redraw()

    @Slot()
    @Slot(str)
    def _view_chosen(self, key: str) -> None:
        self.tiles.choose([name for name, _ in VIEWS].index(key))
        self._show_switches()
        if self.tiles.sees(self.memory) != self._with_decay:
            self.ask_again()

    @Slot()
    def _arranged(self) -> None:
        self._show_switches()
        self.invalidate()

    def _show_switches(self) -> None:
        form, key = self.tiles.form, VIEWS[self.tiles.chosen][0]
        self.views.setVisible(form == "one")
        self.sides.setVisible(form == "pair")
        self.views.set_value(key)
        self.sides.set_value(VIEWS[self.tiles.beside][0])
        seen = self.tiles.sees(self.map)
        self.orders.setVisible(seen)
        self.letters.setVisible(seen and self.is_wide(520))

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._show_switches()
        if self.letters.value():
            self._redraw()

    # Drawing

    @property
    def trace(self) -> GateTrace | None:
        """The gate or state in view."""
        reading = self.reading
        if reading is None:
            return None
        names: dict[str, GateTrace] = {trace.name: trace for trace in reading.traces}
        gates = [trace for trace in reading.traces if trace.kind == "gate"]
        usual: GateTrace = names.get(reading.keep) or (gates or reading.traces)[0]
        return names.get(self._wanted_trace) or usual

    @property
    def keep(self) -> GateTrace | None:
        """The gate that keeps the state: the named one, or the gate in view of a drawn cell."""
        reading, trace = self.reading, self.trace
        if reading is None:
            return None
        named = next((each for each in reading.traces if each.name == reading.keep), None)
        drawn = trace if trace is not None and trace.kind == "gate" else None
        return named or drawn

    @Slot()
    @Slot(object)
    def _redraw(self, _value: object = None) -> None:
        self._drawn = None
        self.invalidate()

    @override
    def show_reading(self, reading: CellRun) -> None:
        self._place = place_of(reading.layer)
        self._fill_choices(reading)
        self._show_map(reading)
        self._redraw_ends()
        keep = self.keep
        taus = np.zeros(0) if keep is None else time_constants(keep.values)
        self.taus.set_values(taus, len(reading.tokens))
        self._show_switches()

    def _offer(self, keeps: bool) -> None:
        """Leave out what only a keeping gate has."""
        self.tiles.offer((ENDS, TAU, MEMORY) if keeps else (ENDS,))
        for segments in (self.views, self.sides):
            for key in ("tau", "memory"):
                segments.set_enabled(key, keeps, "no gate keeps the state of this layer")
        self.orders.set_options(ORDERS if keeps else ORDERS[1:])

    def _fill_choices(self, reading: CellRun) -> None:
        self.layers.set_options(layer_titles(self.session, reading.layers))
        self.layers.set_value(self._place)
        self.layers.setVisible(len(reading.layers) > 1)
        self.traces.set_options([(trace.name, trace.title) for trace in reading.traces])
        trace = self.trace
        if trace is not None:
            self.traces.set_value(trace.name)

    def _show_map(self, reading: CellRun) -> None:
        trace, keep = self.trace, self.keep
        if trace is None:
            return
        self._offer(keep is not None)
        by = str(self.orders.value())
        self._order = unit_order(trace.values, by, None if keep is None else keep.values)
        start, stop = self._steps_in_view(reading)
        shown = trace.values[start:stop, self._order].T
        quantity: Quantity = "signed" if trace.kind == "signed" else "gate"
        self.map.set_quantity(quantity)
        self.map.units = tuple(int(unit) for unit in self._order)
        self.map.tokens, self.map.first = reading.tokens, start
        self.map.set_titles("time step t", self._rows_title(), trace.name)
        self.map.set_data(shown, levels=self._levels(trace))
        self.map.set_origin(0, start)
        fits = self.map.frame().rect.width() >= LETTER_PX * (stop - start)
        self.map.set_labels(columns=reading.tokens[start:stop] if fits else ())
        self.map.set_row_ticks(self._tau_ticks() if by == "tau" and keep is not None else ())

    def _rows_title(self) -> str:
        by = self.orders.value()
        if by == "tau" and self.keep is not None:
            return f"τ of {self.keep.name} in steps, slowest unit on top"
        if by == "mean":
            return "unit, highest mean on top"
        return "unit, by first component over time" if by == "pattern" else "unit"

    def _tau_ticks(self) -> list[tuple[int, str]]:
        """Return the time constants of some rows, as many as can be read."""
        assert self.keep is not None
        tau = time_constants(self.keep.values)[self._order]
        stride = max(1, len(tau) // 8)
        rows = [*range(0, len(tau), stride)]
        return [(row, _steps_text(float(tau[row]))) for row in rows]

    def _levels(self, trace: GateTrace) -> tuple[float, float]:
        """Return fixed ends of the colours; those of c grow in steps and never shrink."""
        if trace.kind == "gate":
            return 0.0, 1.0
        key, largest = (self._place, trace.name), float(np.abs(trace.values).max(initial=0.0))
        limit = self._limits.get(key, 1.0)
        while limit < largest and math.isfinite(largest):
            limit *= 2.0
        self._limits[key] = limit
        return (-limit, limit) if trace.kind == "signed" else (0.0, limit)

    def _steps_in_view(self, reading: CellRun) -> tuple[int, int]:
        """Return the steps that the map shows: all, or a page around the cursor."""
        steps = len(reading.tokens)
        fits = max(8, int(self.map.frame().rect.width() / LETTER_PX))
        if not self.letters.value() or fits >= steps:
            return 0, steps
        page = min(self.session.cursor.t, steps - 1) // fits
        start = min(page * fits, steps - fits)
        return start, start + fits

    @Slot()
    def _redraw_ends(self) -> None:
        trace = self.trace
        if trace is None:
            return
        low, high = self.ends.thresholds(trace.kind != "gate")
        below, above = saturation(trace.values, low, high)
        if trace.kind == "positive":
            below = saturation(trace.values, np.finfo(float).tiny, high)[0]
        self.ends.plot.set_points(below, above)
        self.ends.plot.set_titles(*self._end_titles(trace, low, high))
        self.tell()

    def _end_titles(self, trace: GateTrace, low: float, high: float) -> tuple[str, str]:
        first = "= 0" if trace.kind == "positive" else f"< {format_number(low, '.2f')}"
        over = format_number(high, ".2f")
        return (f"share of time {trace.name} {first}", f"share of time {trace.name} > {over}")

    @override
    def show_cursor(self) -> None:
        reading = self.reading
        if reading is None:
            return
        cursor = self.session.cursor
        t = min(cursor.t, len(reading.tokens) - 1)
        if self.letters.value() and not self._in_view(reading, t):
            self._show_map(reading)
        unit = self._unit(reading)
        row = None if unit is None else int(np.flatnonzero(self._order == unit)[0])
        self.map.set_cursor(row, t - self.map.first)
        self.ends.plot.set_chosen(unit)
        self.taus.set_chosen(unit)
        self._show_memory(reading, unit)

    def _in_view(self, reading: CellRun, t: int) -> bool:
        start, stop = self.map.first, self.map.first + self.map.shape()[1]
        return start <= t < stop and self._steps_in_view(reading)[0] == start

    def _unit(self, reading: CellRun) -> int | None:
        """Return the unit of the cursor if it is one of this layer."""
        cursor = self.session.cursor
        here = not cursor.block or (cursor.block, cursor.layer) == self._place[:2]
        known = cursor.unit is not None and cursor.unit < reading.layer.units
        return cursor.unit if here and known else None

    def _show_memory(self, reading: CellRun, unit: int | None) -> None:
        keep = self.keep
        if keep is None:
            self.memory.clear()
            return
        if self._curve is None or self._curve[0] is not keep:
            self._curve = keep, keep_curve(keep.values[: FAR + 1])
        self.memory.set_curves(self._curve[1], keep.name, unit, reading.decay)

    # Pointing

    @Slot(int, int)
    def _map_pointed(self, row: int, column: int) -> None:
        if row >= 0:
            self._point(int(self._order[row]), t=column + self.map.first)

    @Slot(int)
    def _unit_pointed(self, unit: int) -> None:
        if unit >= 0:
            self._point(unit)

    def _point(self, unit: int, **more: int) -> None:
        block, layer, _ = self._place
        self.session.move_cursor(block=block, layer=layer, unit=unit, **more)

    # Words

    @override
    def _invite(self) -> None:
        super()._invite()
        if self.refused is not None and self.refused.what == "This model has no gates":
            offer_lstm(self)

    @override
    def words(self, reading: CellRun) -> str:
        trace = self.trace
        if trace is None:
            return ""
        name = layer_title(self.session, reading.layer, len(reading.layers))
        steps = len(reading.tokens)
        size = f"{reading.layer.units} units × {steps} steps"
        left = reading_words(reading.skipped, reading.cut, steps)
        keeps = f"median τ {_median_tau(self.keep)}" if self.keep is not None else ""
        return " · ".join(part for part in (name, trace.title, size, keeps, left) if part)

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        reading, keep = self.reading, self.keep
        if reading is None:
            return {}
        found: dict[str, NDArray[Any]] = {"tokens": np.array(reading.tokens)}
        found |= {trace.name: trace.values for trace in reading.traces}
        found |= {"share_below": self.ends.plot.xs, "share_above": self.ends.plot.ys}
        if keep is not None:
            curve = keep_curve(keep.values)
            found |= {"tau": time_constants(keep.values), "log10_product_median": curve.median}
        if reading.decay is not None:
            found |= {"log10_carousel": reading.decay.carousel,
                      "log10_gradient": reading.decay.measured}  # fmt: skip
        return found

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading, trace, keep = self.reading, self.trace, self.keep
        if reading is None or trace is None:
            return []
        low, high = self.ends.thresholds(trace.kind != "gate")
        below, above = saturation(trace.values, low, high)
        rows = [
            ("Layer", layer_title(self.session, reading.layer, len(reading.layers))),
            ("Text", f"{len(reading.tokens)} steps"),
            (f"{trace.name} below {low:g}", f"{below.mean():.1%} of units × steps"),
            (f"{trace.name} above {high:g}", f"{above.mean():.1%} of units × steps"),
        ]
        if keep is not None:
            rows.append((f"Median τ of {keep.name}", _median_tau(keep)))
        return rows + _decay_rows(reading)


def _median_tau(keep: GateTrace) -> str:
    median = float(np.median(log_mean(keep.values)))
    return f"{_steps_text(-1.0 / median)} steps" if median < 0 else "never closes"


def _decay_rows(reading: CellRun) -> list[tuple[str, str]]:
    decay = reading.decay
    if decay is None:
        return []
    return [
        ("Carousel alone", f"{slope_words(decay.carousel_slope)} steps"),
        (f"True dL/d{decay.state}", f"{slope_words(decay.measured_slope)} steps"),
    ]


def _steps_text(tau: float) -> str:
    if not math.isfinite(tau):
        return "∞"
    return format_number(tau, ".1f") if tau < 10 else f"{tau:,.0f}"
