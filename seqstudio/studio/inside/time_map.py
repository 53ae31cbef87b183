"""`TimeMapPanel`: which loss teaches which state."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.records.inside.gradients import TimeMap, TimeMapOf
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import HeatMap
from seqstudio.studio.widgets import Segments

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

LEVELS = (-8.0, 2.0)
STEPS = 128


class TimeMapPanel(LookPanel):
    """A map of losses by states: how much the loss at k says to the state at t."""

    title = "T × T map"
    explanation: ClassVar[Explanation] = Explanation(
        "Each row is one loss, each column one state. The colour is the size of the gradient of "
        "that single loss by that state, in decades. On the diagonal a loss meets its own state; "
        "to the left it reaches back into the past. Above the diagonal nothing is defined: a loss "
        "cannot teach a state that comes after it.\n\n"
        "Rows add up to the total gradient as vectors, so their norms do not. The gradients are "
        "unweighted: one loss, not its share of the mean. Numbers far below float32 are exact: "
        "the scale is carried apart.",
        (r"G_{kt} = \frac{d\ell_k}{dh_t} = (J_k \cdots J_{t+1})^{\top} "
         r"\frac{\partial \ell_k}{\partial h_k}",),
        "Pascanu, Mikolov, Bengio 2013, section 2, arXiv:1211.5063",
    )  # fmt: skip

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._map = HeatMap("gradient", x_title="state t", y_title="loss k", bar_title="decades")
        self._state = Segments([("h", "dl/dh"), ("c", "dl/dc")], name="State")
        self.header.add_switch(self._state)
        self._state.value_changed.connect(self._switched)
        self._map.picked.connect(self._picked)
        self.set_body(self._map)

    @override
    def question(self) -> TimeMapOf:
        return TimeMapOf(STEPS)

    @override
    def show_reading(self, reading: TimeMap) -> None:
        self._state.setVisible(reading.log10_c is not None)
        by_cell = self._state.value() == "c" and reading.log10_c is not None
        values = reading.log10_c if by_cell and reading.log10_c is not None else reading.log10_h
        future = np.array(reading.targets)[:, None] < np.arange(values.shape[1])
        self._map.set_data(values, levels=LEVELS, masked=future)
        self._map.set_labels(rows=[reading.tokens[k] for k in reading.targets],
                             columns=list(reading.tokens))  # fmt: skip

    @override
    def show_cursor(self) -> None:
        self._map.set_cursor(row=None, column=self.session.cursor.t)

    @override
    def words(self, reading: TimeMap) -> str:
        return f"{len(reading.targets)} losses, {len(reading.tokens)} states"

    @Slot(str)
    def _switched(self, _value: str) -> None:
        self._drawn = None
        self.refresh()

    @Slot(int, int)
    def _picked(self, _row: int, column: int) -> None:
        self.session.move_cursor(t=column)
