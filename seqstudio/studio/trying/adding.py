"""`AddingPanel`: drag two marked numbers and see the sum that the model answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.tasks.memory import AddingTask
from seqstudio.records.inside.trying.adding import Added, AddNumbers
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import Plot
from seqstudio.studio.trying.numbers_view import NumbersView
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.widgets import Button, Label, StatValue

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session


class AddingPanel(TryPanel):
    """Numbers with two marks to drag, the right sum and the model's."""

    title = "Try adding"
    icon = "target"
    explanation: ClassVar[Explanation] = Explanation(
        "Drag a mark sideways to another number, or up and down to change its number. The curve "
        "is what the model answers if the sequence ends after that step; it was trained to answer "
        "at the end alone.",
        (r"\hat y = x_{t_1} + x_{t_2}",),
        "Hochreiter and Schmidhuber (1997)",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.row = NumbersView(self)
        self.another = Button("Others", icon="sample", parent=self)
        self.another.setToolTip("Take other numbers and marks")
        self.right, self.answer = StatValue("right sum", "0.00"), StatValue("model", "0.00")
        self.off = StatValue("off by", "0.00")
        self.hint = Label("Drag the marks sideways and up", "small", "textMid")
        self.plot = Plot(x_title="step t", y_title="answer", x_symbol="t", name="Running answer")
        self._drawn_task: object = None
        self._seed = 0
        self.row.changed.connect(self._changed)
        self.another.clicked.connect(self.take_another)
        self.set_body(self._lay_out())

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(8)
        line = QHBoxLayout()
        line.setSpacing(16)
        line.addWidget(self.another)
        line.addWidget(self.hint)
        line.addStretch(1)
        for value in (self.right, self.answer, self.off):
            line.addWidget(value)
        rows.addLayout(line)
        rows.addWidget(self.row, 1)
        rows.addWidget(self.plot, 1)
        return body

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        return isinstance(dataset.task, AddingTask)

    @override
    def question(self) -> AddNumbers | None:
        dataset = self.session.dataset
        if dataset is None or not isinstance(dataset.task, AddingTask):
            return None
        if self._drawn_task != dataset.task:
            self._drawn_task = dataset.task
            self._draw_numbers(dataset.task)
        return AddNumbers(tuple(self.row.values), tuple(self.row.marks))

    @override
    def text(self) -> str | None:
        return ""

    def _draw_numbers(self, task: AddingTask) -> None:
        batch = task.draw(np.random.default_rng(self._seed), 1)
        values, marks = batch.inputs[0, :, 0], batch.inputs[0, :, 1]
        self.row.set_numbers(values.tolist(), np.flatnonzero(marks).tolist())

    @Slot()
    def take_another(self) -> None:
        """Take other numbers and marks."""
        dataset = self.session.dataset
        if dataset is not None and isinstance(dataset.task, AddingTask):
            self._seed += 1
            self._draw_numbers(dataset.task)
            self.ask_again()

    @Slot()
    def _changed(self) -> None:
        self.ask_again()

    @override
    def show_reading(self, reading: Added) -> None:
        self.right.set_value(f"{reading.right:.2f}")
        self.answer.set_value(f"{reading.answer:.2f}")
        self.off.set_value(f"{abs(reading.answer - reading.right):.2f}")
        self.plot.clear()
        curve = self.plot.add_curve("answer", "role:output", label="answer", form=".2f")
        curve.markers = True
        curve.set_data(reading.steps, reading.running)
        self.plot.add_floor(reading.right, f"right {reading.right:.2f}")
        low = float(min(0.0, reading.running.min()))
        high = float(max(2.0, reading.running.max()))
        self.plot.set_range((0, float(reading.steps[-1]) * 1.02), (low - 0.05, high * 1.05))

    @override
    def words(self, reading: Added) -> str:
        return f"{reading.answer:.2f} for {reading.right:.2f}"
