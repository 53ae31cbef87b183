"""`SeriesPlot`: a series whose values can be dragged, and the place where a forecast begins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.studio.plots import Plot
from seqstudio.studio.plots.items import Threshold

ORIGIN, CUT = "origin", "cut"
_NEAR_PX = 9.0


class SeriesPlot(Plot):
    """A plot of one series over its steps.

    Signals:
        value_dragged(int, float): step and the value that it was dragged to, at the end.
    """

    value_dragged = Signal(int, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(x_title="step t", x_symbol="t", name="Series and forecast", parent=parent)
        self._first = 0
        self._values: NDArray[np.float64] = np.zeros(0)
        self._held: int | None = None

    def set_series(self, first: int, values: NDArray[np.float64], origin: int, cut: int) -> None:
        """Draw the series and say what can be dragged.

        Args:
            first: Step of the first value.
            values: (N,), NaN where there is none.
            origin: Last step that the forecast knows.
            cut: First step that is held out.
        """
        self._first, self._values = first, np.array(values, np.float64)
        ends = float(first), first + len(values) - 1.0
        self._thresholds[CUT] = Threshold(
            float(cut), "x", "held out", *ends, "int", "textLow", movable=False
        )
        self._thresholds[ORIGIN] = Threshold(float(origin), "x", "forecast", *ends, "int")
        self._draw()

    def _draw(self) -> None:
        self.add_broken("series", "textHi", self._first, self._values, label="series")

    def add_broken(
        self, key: str, paint: str, first: int, values: NDArray[np.float64], **style: Any
    ) -> None:
        """Add a line that is broken where values (N,) are NaN: nothing is drawn across a gap."""
        edges = np.flatnonzero(np.diff(np.pad(np.isfinite(values).astype(np.int8), 1)))
        runs = edges.reshape(-1, 2).tolist()
        for number, (start, stop) in enumerate(runs):
            last = number == len(runs) - 1
            curve = self.add_curve(
                key if last else f"{key} {number}", paint, **(style if last else _unnamed(style))
            )
            curve.read_out = last
            curve.set_data(first + np.arange(start, stop), values[start:stop])

    def _step_at(self, place: QPointF) -> int | None:
        """Return the step whose value lies under a place."""
        if not len(self._values):
            return None
        frame = self.frame()
        steps = self._first + np.arange(len(self._values))
        far = np.hypot(frame.px(steps) - place.x(), frame.py(self._values) - place.y())
        far[~np.isfinite(far)] = np.inf
        nearest = int(far.argmin())
        return int(steps[nearest]) if far[nearest] <= _NEAR_PX else None

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        on_handle = self._grip_at(event.position()) is not None
        left = event.button() == Qt.MouseButton.LeftButton
        self._held = self._step_at(event.position()) if left and not on_handle else None
        if self._held is None:
            super().mousePressEvent(event)

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if self._held is None:
            super().mouseMoveEvent(event)
            if not event.buttons() and self._step_at(event.position()) is not None:
                self.setCursor(Qt.CursorShape.SizeVerCursor)
            return
        self._values[self._held - self._first] = self.frame().y_at(event.position().y())
        self._draw()

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        if self._held is None:
            super().mouseReleaseEvent(event)
            return
        step, self._held = self._held, None
        self.value_dragged.emit(step, float(self._values[step - self._first]))


def _unnamed(style: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in style.items() if name != "label"}
