"""`TimeMapPanel`: which loss teaches which state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.inside.gradients import TimeMap, TimeMapOf
from seqstudio.records.readings import Floats
from seqstudio.studio.inside.gradients.time_parts import (
    RowChart,
    SharesChart,
    TotalChart,
    share_words,
    shares_of,
)
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.panels.adding import offer_lstm
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.horizon import ratio_text
from seqstudio.studio.panels.quantity import has_room
from seqstudio.studio.plots import HeatMap, ReadOut
from seqstudio.studio.widgets import Segments, format_number
from seqstudio.studio.widgets.token_lines import shown_text

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

LEVELS = (-8.0, 2.0)
STEPS = 128
WIDE, TALL = 640, 330


class TimeMapPanel(LookPanel):
    """A map of losses by states: how much the loss at k says to the state at t."""

    title = "T × T map"
    icon = "gradient"
    explanation: ClassVar[Explanation] = Explanation(
        "Each row is one loss, each column one state. The colour is the size of the gradient of "
        "that single loss by that state, in decades. On the diagonal a loss meets its own state; "
        "to the left it reaches back into the past. Above the diagonal nothing is defined: a loss "
        "cannot teach a state that comes after it. Point at a row to see the horizon of that "
        "loss, click to keep it.\n\n"
        "Rows add up to the total gradient as vectors, so their norms do not: the line of the "
        "total lies below that of the sum of norms, and the bars are shares of norms, not of the "
        "gradient. The gradients are unweighted: one loss, not its share of the mean. Numbers far "
        "below float32 are exact: the scale is carried apart.",
        (r"G_{kt} = \frac{d\ell_k}{dh_t} = (J_k \cdots J_{t+1})^{\top} "
         r"\frac{\partial \ell_k}{\partial h_k}, \qquad g_t = \sum_k G_{kt}",),
        "Pascanu, Mikolov, Bengio 2013, section 2, arXiv:1211.5063; Cashman et al. 2018 (RNNbow)",
    )  # fmt: skip

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.map = HeatMap("gradient", x_title="state t", y_title="loss k", bar_title="decades")
        self.shares, self.row, self.total = SharesChart(), RowChart(*LEVELS), TotalChart()
        self._picture = Segments([("map", "Map"), ("shares", "Shares")], name="View")
        self._state = Segments([("h", "dl/dh"), ("c", "dl/dc")], name="State")
        self._kept: int | None = None  # row that was clicked
        self._pointed: int | None = None
        for switch in (self._picture, self._state):
            self.header.add_switch(switch)
            switch.value_changed.connect(self._switched)
        self._state.hide()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.map)
        self._stack.addWidget(self.shares)
        self.map.hovered.connect(self._cell_hovered)
        self.map.picked.connect(self._cell_picked)
        self.shares.loss_hovered.connect(self._point)
        self.shares.picked.connect(self._bar_picked)
        self.row.hovered.connect(self._distance_hovered)
        for chart in (self.shares, self.total):
            chart.hovered.connect(self._time_hovered)
        self.total.picked.connect(self._time_hovered)
        self._side = _stacked(self.row, self.total)
        self.set_body(_beside(self._stack, self._side))

    @override
    def question(self) -> TimeMapOf:
        return TimeMapOf(STEPS)

    # What is shown

    @property
    def values(self) -> Floats:
        """The map in view, log10 of norms (K, T)."""
        reading: TimeMap = self.reading
        by_cell = self._state.value() == "c" and reading.log10_c is not None
        return reading.log10_c if by_cell and reading.log10_c is not None else reading.log10_h

    @property
    def loss(self) -> int:
        """Row whose horizon is shown: under the pointer, else the clicked one, else the last."""
        last = len(self.reading.targets) - 1
        chosen = self._kept if self._pointed is None else self._pointed
        return last if chosen is None else min(chosen, last)

    @override
    def show_reading(self, reading: TimeMap) -> None:
        self._state.setVisible(reading.log10_c is not None)
        self._stack.setCurrentIndex(int(self._picture.value() == "shares"))
        values, targets = self.values, np.array(reading.targets)
        future = targets[:, None] < np.arange(values.shape[1])
        self.map.set_data(values, levels=LEVELS, masked=future)
        self.map.set_labels(rows=[reading.tokens[k] for k in reading.targets],
                            columns=list(reading.tokens))  # fmt: skip
        self.shares.show_shares(shares_of(values), targets)
        self.total.show_sums(reading.total_h, np.nansum(10.0**reading.log10_h, axis=0))
        self._show_row()

    def _show_row(self) -> None:
        reading: TimeMap = self.reading
        k = reading.targets[self.loss]
        self.row.show_row(self.values[self.loss], k, self._name(k), f"arch:{reading.arch}")

    def _name(self, k: int) -> str:
        token = shown_text(self.reading.tokens[k])
        return f"at k = {k}" + ("" if token == str(k) else f" “{token}”")

    @override
    def show_cursor(self) -> None:
        reading: TimeMap = self.reading
        t = min(self.session.cursor.t, len(reading.tokens) - 1)
        self.map.set_cursor(row=self.loss, column=t)
        told = self.session.cursor.t > 0
        for chart in (self.shares, self.total):
            chart.set_cursor(float(t))
        self.shares.set_read_out(self._share_told if told else False)
        self.total.set_read_out(told and self.total.underMouse())
        d = reading.targets[self.loss] - t
        self.row.set_cursor(float(d) if d >= 0 else None)
        self.row.set_read_out(self._row_told if told else False)

    def _share_told(self, x: float) -> ReadOut:
        """Tell the share of the chosen loss at a time, that of the greatest while none is."""
        t, reading = round(x), self.reading
        if not 0 <= t < len(reading.tokens):
            return ReadOut("", ())
        chosen = self._pointed if self._pointed is not None else self._kept
        loss = self.shares.greatest(t) if chosen is None else self.loss
        return share_words(self.shares.share_of(loss, t), reading.targets[loss], t)

    def _row_told(self, x: float) -> ReadOut:
        k, d = self.reading.targets[self.loss], round(x)
        if not 0 <= d <= k:
            return ReadOut("", ())
        size = ratio_text(float(self.values[self.loss, k - d]))
        return ReadOut(f"d = {d}, t {k - d}", ((self.row.curve("row"), "norm", size),))

    @override
    def _invite(self) -> None:
        super()._invite()
        if self.refused is not None and self.refused.what == "This model has no T × T map":
            offer_lstm(self)

    # Words and numbers

    @override
    def words(self, reading: TimeMap) -> str:
        many = len(reading.targets)
        return f"{many} loss{'es' if many != 1 else ''}, {len(reading.tokens)} states"

    @override
    def measured(self) -> list[tuple[str, str]]:
        if self.looked is None:
            return []
        reading: TimeMap = self.reading
        rows = [("Weights", self.looked.weights), ("Block", reading.block)]
        if math.isfinite(reading.difference):
            off = format_number(reading.difference, "sci")
            rows.append(("Sum of rows", f"equals the total of the recursion to {off}"))
        rows.append(("Computed in", f"{1e3 * self.looked.cost_s:.0f} ms"))
        return rows

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        if self.looked is None:
            return {}
        reading: TimeMap = self.reading
        found: dict[str, NDArray[Any]] = {
            "target": np.array(reading.targets), "log10_h": reading.log10_h,
            "total_h": reading.total_h, "share_of_norms": shares_of(self.values),
            "sum_difference": np.array(reading.difference),
        }  # fmt: skip
        return found if reading.log10_c is None else found | {"log10_c": reading.log10_c}

    # Pointer

    @Slot(str)
    def _switched(self, _value: str) -> None:
        self._drawn = None
        self.refresh()

    @Slot(int)
    def _point(self, row: int) -> None:
        self._pointed = row if row >= 0 else None
        if self.reading is not None:
            self._show_row()
            self.show_cursor()

    @Slot(int, int)
    def _cell_hovered(self, row: int, column: int) -> None:
        if row >= 0:
            self.session.move_cursor(t=column)
        self._point(row)

    @Slot(int, int)
    def _cell_picked(self, row: int, column: int) -> None:
        self._kept = row
        self.session.move_cursor(t=column)
        self._point(row)

    @Slot(float)
    def _bar_picked(self, x: float) -> None:
        self._kept = self._pointed
        self._time_hovered(x)

    @Slot(float)
    def _time_hovered(self, x: float) -> None:
        if math.isnan(x):
            self._point(-1)
        elif self.reading is not None:
            last = len(self.reading.tokens) - 1
            self.session.move_cursor(t=min(last, max(0, round(x))))

    @Slot(float)
    def _distance_hovered(self, x: float) -> None:
        if self.reading is None or math.isnan(x):
            return
        k = self.reading.targets[self.loss]
        self.session.move_cursor(t=min(k, max(0, k - round(x))))

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._side.setVisible(self.is_wide(WIDE))
        self.total.setVisible(self.height() >= TALL)
        QTimer.singleShot(0, self, self._fit)

    @Slot()
    def _fit(self) -> None:
        """Leave out the switch that the header has no room for."""
        self._picture.setVisible(has_room(self, 360))


def _beside(left: QWidget, right: QWidget) -> QWidget:
    """The map at left; at the right what one row says, and all of them together."""
    body = QWidget()
    columns = QHBoxLayout(body)
    columns.setContentsMargins(0, 0, 0, 0)
    columns.setSpacing(0)
    columns.addWidget(left, 3)
    columns.addWidget(right, 2)
    return body


def _stacked(*parts: QWidget) -> QWidget:
    column = QWidget()
    rows = QVBoxLayout(column)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setSpacing(0)
    for part in parts:
        rows.addWidget(part, 1)
    return column
