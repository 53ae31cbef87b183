"""`SeriesPanel`: a series, what the model says one step ahead, and a forecast from a place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.tasks.ball import BallTask
from seqstudio.records.inside.trying.forecast import MOST_AHEAD, Forecasted, ForecastFrom
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.trying.series_plot import ORIGIN, SeriesPlot
from seqstudio.studio.widgets import Button, ComboField, Label, SliderField

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

_BANDS = ((0, 6, 95), (1, 5, 80), (2, 4, 50))
_MOST_MOVED = 200
_ROOM = 0.08
_LEAST_BEFORE = 36  # steps that are seen before the held-out part


class SeriesPanel(TryPanel):
    """The series with one-step predictions, and a free forecast as a fan."""

    title = "Try a forecast"
    icon = "curve"
    explanation: ClassVar[Explanation] = Explanation(
        "Told: at every step the model is given the true values before it and says the next one. "
        "Free: from the upright line on it reads what it said itself, drawn from its own spread, "
        "many times over; the bands hold 50, 80 and 95 % of these paths. Drag the line, or a "
        "value of the series, and the forecast follows.",
        (r"x_{t+1} \sim \mathcal{N}(\mu_t, \sigma_t^2)",),
        "Lecture: forecasting (S48); teacher forcing and free running",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.plot = SeriesPlot(self)
        self.ahead = SliderField(24, 1, MOST_AHEAD, form="int", log=True, name="Steps ahead")
        self.another = Button("Another", icon="sample", parent=self)
        self.another.setToolTip("Take another held-out series")
        self.undo = Button("As measured", icon="undo", parent=self)
        self.undo.setToolTip("Take back the values that were dragged")
        self.value = ComboField([], name="Value")
        self.value.hide()
        self.remark = Label("", "small", "textMid", wrap=True)
        self._origin, self._example = -1, 0
        self._moved: dict[int, float] = {}
        self._shape: tuple[int, int] | None = None
        self.ahead.committed.connect(self._changed)
        self.value.committed.connect(self._value_chosen)
        self.another.clicked.connect(self.take_another)
        self.undo.clicked.connect(self.take_back)
        self.plot.threshold_committed.connect(self._origin_moved)
        self.plot.value_dragged.connect(self._value_moved)
        self.set_body(self._lay_out())

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(8)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(Label("Steps ahead", "small", "textMid"))
        line.addWidget(self.ahead, 1)
        line.addWidget(self.value)
        line.addWidget(self.another)
        line.addWidget(self.undo)
        rows.addLayout(line)
        rows.addWidget(self.plot, 1)
        rows.addWidget(self.remark)
        return body

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        alike = dataset.vector_width == dataset.outputs
        return dataset.pattern == "forecast" and alike and not isinstance(dataset.task, BallTask)

    @override
    def question(self) -> ForecastFrom | None:
        dataset = self.session.dataset
        if dataset is None or not self.fits(dataset):
            return None
        moved = tuple(sorted(self._moved.items()))
        at = self.value.value()
        value = at if isinstance(at, int) and at < dataset.outputs else 0
        return ForecastFrom(self._origin, int(self.ahead.value()), moved, self._example, value)

    @override
    def text(self) -> str | None:
        return ""

    @Slot(object)
    def _changed(self, _value: object) -> None:
        self.ask_again()

    @Slot(object)
    def _value_chosen(self, _value: object) -> None:
        # What was dragged belongs to the value that was shown, and so does the range.
        self._moved.clear()
        self._shape = None
        self.ask_again()

    @Slot(str, float)
    def _origin_moved(self, key: str, place: float) -> None:
        if key == ORIGIN:
            self._origin = round(place)
            self.ask_again()

    @Slot(int, float)
    def _value_moved(self, step: int, value: float) -> None:
        if len(self._moved) < _MOST_MOVED or step in self._moved:
            self._moved[step] = value
        self.ask_again()

    @Slot()
    def take_another(self) -> None:
        """Show another held-out series, where series are drawn."""
        self._example += 1
        self._moved.clear()
        self.ask_again()

    @Slot()
    def take_back(self) -> None:
        """Take back the values that were dragged."""
        self._moved.clear()
        self.ask_again()

    @override
    def show_reading(self, reading: Forecasted) -> None:
        steps = reading.first + np.arange(len(reading.truth))
        plot = self.plot
        plot.clear()
        plot.set_growing(x=False, y=False)
        self._offer(reading.names)
        at = self.value.value()
        name = reading.names[at if isinstance(at, int) and at < len(reading.names) else 0]
        plot.set_titles(f"step t ({reading.step})", reading.unit or name)
        self._show_told(steps, reading)
        self._show_free(reading)
        self._scale(steps, reading)
        dataset = self.session.dataset
        self.another.setVisible(dataset is not None and dataset.held_out_task is None)
        self.undo.setEnabled(bool(self._moved))
        self.remark.setText(_remark(reading, len(self._moved)))

    def _offer(self, names: tuple[str, ...]) -> None:
        """Let the person choose among the values of a step, where there are several."""
        if [self.value.itemText(n) for n in range(self.value.count())] != list(names):
            self.value.set_options(list(enumerate(names)))
        self.value.setVisible(len(names) > 1)

    def _show_told(self, steps: NDArray[np.int64], reading: Forecasted) -> None:
        for low, high, share in _BANDS[:2]:
            self._band(f"told{share}", "role:output", steps, reading.told, low, high)
        first = reading.first
        self.plot.add_broken("naive", "textLow", first, reading.naive, dash=(2.0, 3.0))
        self.plot.set_series(first, reading.truth, reading.origin, reading.cut)
        self.plot.add_broken("told", "role:output", first, reading.told[:, 3], label="told")

    def _show_free(self, reading: Forecasted) -> None:
        steps = reading.origin + 1 + np.arange(len(reading.free))
        for low, high, share in _BANDS:
            self._band(f"free{share}", "role:cell", steps, reading.free, low, high)
        for number, path in enumerate(reading.paths[:6]):
            curve = self.plot.add_curve(f"path{number}", "role:cell", raw=True)
            curve.set_data(steps, path)
        middle = self.plot.add_curve("free", "role:cell", label="free")
        middle.set_data(steps, reading.free[:, 3])

    def _band(
        self,
        key: str,
        paint: str,
        steps: NDArray[np.int64],
        quantiles: NDArray[np.float64],
        low: int,
        high: int,
    ) -> None:
        known = np.isfinite(quantiles[:, low])
        edges = np.flatnonzero(np.diff(np.pad(known.astype(np.int8), 1))).reshape(-1, 2)
        for start, stop in edges.tolist():
            curve = self.plot.add_curve(f"{key} {start}", paint)
            curve.line = curve.read_out = False
            part = slice(start, stop)
            curve.set_band(steps[part], quantiles[part, low], quantiles[part, high])

    def _scale(self, steps: NDArray[np.int64], reading: Forecasted) -> None:
        """Set the ranges anew only where another series or length is shown: its end fills them."""
        last = max(int(steps[-1]), reading.origin + len(reading.free))
        shape = (reading.first, last)
        if shape == self._shape:
            return
        self._shape = shape
        begin = max(int(steps[0]), reading.cut - max(_LEAST_BEFORE, 2 * (last - reading.cut)))
        shown = np.concatenate(
            [reading.truth[begin - reading.first :], reading.free[:, 1], reading.free[:, 5]]
        )
        low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
        room = _ROOM * max(high - low, 1e-9)
        self.plot.set_range((float(begin), float(last)), (low - room, high + room))

    @override
    def words(self, reading: Forecasted) -> str:
        unit = f" {reading.unit}" if reading.unit else ""
        return (
            f"mean error {reading.error:.4g}{unit}, {reading.naive_name} {reading.naive_error:.4g}"
        )


def _remark(reading: Forecasted, moved: int) -> str:
    unit = f" {reading.unit}" if reading.unit else ""
    words = [
        f"One step ahead over the held-out part: mean error {reading.error:.4g}{unit}; "
        f"{reading.naive_name} (dotted): {reading.naive_error:.4g}."
    ]
    if np.isfinite(reading.inside).all():
        half, most, nearly = (f"{share:.0%}" for share in reading.inside)
        words.append(f"Inside the bands of 50, 80 and 95 %: {half}, {most} and {nearly}.")
    if np.isfinite(reading.free_error):
        words.append(f"Free: {reading.free_error:.4g}{unit}.")
    if moved:
        words.append(f"Dragged values: {moved}.")
    return " ".join(words)
