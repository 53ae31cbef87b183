"""`DistancePanel`: right answers against distance, for the run in view and all the others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.blocks.memories import memory_title
from seqstudio.core.errors import SeqError
from seqstudio.data.tasks.distance import MOST, reach_of
from seqstudio.records.inside.trying.distance import DistanceOf, Distances
from seqstudio.studio.panels.bars import MOST_ROWS, ChoiceBars
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import Plot
from seqstudio.studio.theme import theme
from seqstudio.studio.trying.distance_queue import MemoryQueue
from seqstudio.studio.trying.distance_runs import RunDistance, RunDistances
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.widgets import Button, Label, Segments, SliderField

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

LEAST = 4
SAYINGS = ((4, "“The clouds are in the …”"), (15, "“France … fluent …”"))
QUANTITIES = (("right", "Right"), ("loss", "Loss"), ("gradient", "Gradient"))
_TITLES = {"right": "right answers", "loss": "loss", "gradient": "|dL_T / dx_t|"}
_DASHES = ((), (6.0, 3.0), (2.0, 2.0), (8.0, 3.0, 2.0, 3.0))


class DistancePanel(TryPanel):
    """The dial of the distance, a curve for every run, and the runs that are missing."""

    title = "Distance"
    icon = "target"
    explanation: ClassVar[Explanation] = Explanation(
        "Fresh examples are drawn at every distance and the model answers them; it trained at "
        "the marked distances alone. Right answers are counted among those that take memory: of "
        "copying only the symbols. A sum is right within 0.08.\n\n"
        "The gradient is that of the last answer's loss by what the model reads at the cue, its "
        "norm, the mean over eight examples: what is left of it teaches the model to remember.\n\n"
        "“Trained at each distance” joins runs with the same memory, each asked where it was "
        "trained.",
        (r"\left\| \partial L_T / \partial x_t \right\|",),
        "Lectures: long-term dependencies (S24, S56). Sums: Hochreiter and Schmidhuber (1997)",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.others = RunDistances(session, self)
        self.queue = MemoryQueue(session, self)
        self.mode = Segments(
            (("asked", "One model, every distance"), ("trained", "Trained at each distance")),
            "asked",
            name="What the curves join",
        )
        self.quantity = Segments(QUANTITIES, "right", name="Quantity")
        self.dial = SliderField(
            50, LEAST, MOST, form="int", log=True, marks=(4, 15, 50, 100, 500), name="Distance"
        )
        self.plot = Plot(x_title="distance", y_title="", x_symbol="d", name="Distance")
        self.plot.set_growing(x=False, y=False)
        self.bars = ChoiceBars()
        self.train = Button("Train other memories here", icon="play", parent=self)
        self.train.setToolTip("One run for each memory that has none at the distance of the dial")
        self.halt = Button("Stop", icon="stop", parent=self)
        self.remark = Label("", "small", "textMid", wrap=True)
        self._home = session.runs_home
        self._length = 0
        self._connect()
        self.set_body(self._lay_out())
        self._tell_queue()

    def _connect(self) -> None:
        self.mode.value_changed.connect(self._redraw)
        self.quantity.value_changed.connect(self._redraw)
        self.dial.committed.connect(self._dialled)
        self.dial.value_changed.connect(self._turned)
        self.plot.picked.connect(self._picked)
        self.train.clicked.connect(self._train)
        self.halt.clicked.connect(self.queue.stop)
        self.others.changed.connect(self._redraw)
        self.queue.changed.connect(self._tell_queue)

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(8)
        rows.addLayout(_row(self.quantity, stretch=True))
        rows.addLayout(_row(self.mode, stretch=True))
        rows.addWidget(self.dial)
        rows.addLayout(_row(*self._sayings(), stretch=True))
        rows.addWidget(self.plot, 1)
        rows.addWidget(self.bars)
        rows.addWidget(self.remark)
        rows.addLayout(_row(self.train, self.halt, stretch=True))
        return body

    def _sayings(self) -> list[QWidget]:
        found: list[QWidget] = []
        for distance, words in SAYINGS:
            button = Button(f"{words} {distance}", parent=self)
            button.setToolTip(f"{distance} words from the cue to what it tells")
            button.clicked.connect(lambda _=False, d=distance: self.set_distance(d))
            found.append(button)
        return found

    # What is asked

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        return reach_of(dataset.task) is not None

    @override
    def question(self) -> DistanceOf | None:
        dataset = self.session.dataset
        reach = reach_of(dataset.task) if dataset is not None else None
        if reach is None:
            return None
        self._follow_project()
        wanted = {*reach.usual(), reach.fitted(self.distance)}
        wanted |= {reach.fitted(each.length) for each in self.others.found}
        return DistanceOf(tuple(sorted(wanted)))

    def _follow_project(self) -> None:
        session, length = self.session, self.session.project.data.length
        if self._home != session.runs_home:
            self._home = session.runs_home
            self.others.forget()
        if self._length != length:
            self._length = length
            self.dial.set_value(min(MOST, max(LEAST, length)))

    @override
    def text(self) -> str | None:
        return ""

    @property
    def distance(self) -> int:
        """What the dial shows."""
        return round(self.dial.value())

    def set_distance(self, distance: int) -> None:
        """Turn the dial."""
        self.dial.set_value(distance)
        self.ask_again()

    @Slot(object)
    def _dialled(self, _value: object) -> None:
        self.ask_again()

    @Slot(object)
    def _turned(self, _value: object) -> None:
        if self.reading is not None:
            self.show_cursor()

    @Slot(float)
    def _picked(self, x: float) -> None:
        self.set_distance(min(MOST, max(LEAST, round(x))))

    # What is shown

    @override
    def draw(self) -> None:
        super().draw()
        question = self.question()
        if question is not None and self.reading is not None:
            self.others.want(question)

    @Slot()
    @Slot(str)
    def _redraw(self, _key: str = "") -> None:
        if self.reading is not None:
            self.show_reading(self.reading)
            self.show_cursor()
        self.invalidate()

    def known(self) -> tuple[RunDistance, ...]:
        """Return the run in view and the others, those with an answer."""
        session, reading = self.session, self.reading
        if not isinstance(reading, Distances):
            return ()
        project = session.run_project or session.project
        name = self.run or session.history.run or "untrained"
        mine = RunDistance(
            name, memory_title(project.graph), session.arch(), project.data.length, reading
        )
        return (mine, *(each for each in self.others.found if each.reading is not None))

    @override
    def show_reading(self, reading: Distances) -> None:
        self.plot.clear()
        quantity = self.quantity.value()
        runs = self.known()
        self.plot.set_titles(reading.noun, _title(quantity, reading.unit))
        self._set_range(runs, quantity)
        if self.mode.value() == "asked":
            self._draw_asked(runs, quantity)
        else:
            self._draw_trained(runs, quantity)
        if quantity == "right" and math.isfinite(reading.chance):
            self.plot.add_floor(reading.chance, f"guess {reading.chance:.3g}")
        elif quantity == "loss":
            self.plot.add_floor(reading.floor, f"floor {reading.floor:.3f}")
        self._tell_remark(reading)

    def _set_range(self, runs: tuple[RunDistance, ...], quantity: str) -> None:
        longest = max(int(each.reading.distances[-1]) for each in runs if each.reading)
        nearest = min(int(each.reading.distances[0]) for each in runs if each.reading)
        values = np.concatenate([_values(each.reading, quantity) for each in runs if each.reading])
        good = values[np.isfinite(values)]
        x = (max(1, nearest) * 0.9, max(longest, nearest + 1) * 1.1)
        if quantity == "right" or not len(good):
            self.plot.set_range(x, (0, 1.02), x_log=True, y_log=False)
        elif quantity == "loss":
            self.plot.set_range(x, (0, max(1e-3, float(good.max()) * 1.1)), x_log=True,
                                y_log=False)  # fmt: skip
        else:
            positive = good[good > 0]
            low = max(1e-30, float(positive.min())) if len(positive) else 1e-30
            high = float(positive.max()) if len(positive) else 1.0
            self.plot.set_range(x, (low / 2, high * 2), x_log=True, y_log=True)

    def _draw_asked(self, runs: tuple[RunDistance, ...], quantity: str) -> None:
        for number, each in enumerate(runs):
            if each.reading is None:
                continue
            curve = self.plot.add_curve(
                each.run,
                f"arch:{each.arch}",
                label=f"{each.memory} @{each.length}",
                current=number == 0,
                dash=_dash(runs, number),
                form=_form(quantity),
            )
            curve.markers = True
            curve.set_data(each.reading.distances, _values(each.reading, quantity))
        low, high = self.reading.trained
        if low == high:
            self.plot.set_region("trained", high, high * _LINE, "trained")
        else:
            self.plot.set_region("beyond", high, _FAR, "longer than trained")

    def _draw_trained(self, runs: tuple[RunDistance, ...], quantity: str) -> None:
        memories = list(dict.fromkeys(each.memory for each in runs))
        for number, memory in enumerate(memories):
            alike = [each for each in runs if each.memory == memory]
            points = sorted({_where_trained(each, quantity) for each in alike})
            arches = [next(e.arch for e in runs if e.memory == name) for name in memories]
            curve = self.plot.add_curve(
                memory,
                f"arch:{alike[0].arch}",
                label=memory,
                current=number == 0,
                dash=_DASHES[arches[:number].count(arches[number]) % len(_DASHES)],
                form=_form(quantity),
            )
            curve.markers = True
            curve.set_data([x for x, _ in points], [y for _, y in points])

    @override
    def show_cursor(self) -> None:
        self.plot.set_cursor(self.distance)
        quantity = self.quantity.value()
        shown = [(each, _nearest(each, self.distance)) for each in self.known()]
        shown.sort(key=lambda pair: -pair[1][1])
        choices = [(f"{each.memory} @{each.length}", right) for each, (_, right) in shown]
        at = shown[0][1][0] if shown else self.distance
        self.bars.set_choices(f"right at {at:,}", choices)
        self.bars.setVisible(quantity == "right")
        rows = max(1, min(len(choices), MOST_ROWS))
        self.bars.setMaximumHeight(
            theme().line_height("small") + rows * theme().line_height("mono") + 16
        )

    def _tell_remark(self, reading: Distances) -> None:
        words = [reading.refused] if reading.refused else []
        if self.mode.value() == "asked":
            words.append("@ is the distance that a run was trained at.")
        self.remark.setText(" ".join(words))
        self.remark.setVisible(bool(words))

    @override
    def words(self, reading: Distances) -> str:
        return reach_words(reading)

    # Runs that are missing

    @Slot()
    def _train(self) -> None:
        known = frozenset((each.memory, each.length) for each in self.others.found)
        try:
            count = self.queue.begin(self.distance, known)
        except SeqError as error:
            self.session.tell(error)
            return
        if not count:
            self.remark.setText(f"Every memory has a run at {self.distance:,} already.")
            self.remark.show()

    @Slot()
    def _tell_queue(self) -> None:
        queue = self.queue
        self.halt.setVisible(queue.active)
        self.train.setEnabled(not queue.active)
        if queue.active:
            more = f", {len(queue.waiting)} more to come" if queue.waiting else ""
            self.remark.setText(f"{queue.current} trains{more}.")
            self.remark.show()
        self.invalidate()


_FAR, _LINE = 1e9, 1.02


def reach_words(reading: Distances) -> str:
    """Return how far a model is right in 99 of 100 answers, or its loss where it was trained."""
    high = reading.trained[1]
    if not len(reading.distances):
        return ""
    at = int(np.abs(reading.distances - high).argmin())
    good = reading.right >= 0.99
    if not good.any():
        return f"{reading.right[at]:.0%} right at {reading.distances[at]:,}"
    bad = ~good & (reading.distances > reading.distances[good][0])
    last = reading.distances[bad][0] if bad.any() else None
    reach = reading.distances[good & (reading.distances < (last or math.inf))][-1]
    return f"99 % right up to {reach:,}, {reach / high:.2g} × the trained length"


def _row(*widgets: QWidget, stretch: bool = False) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget)
    if stretch:
        row.addStretch(1)
    return row


def _title(quantity: str, unit: str) -> str:
    return f"loss, {unit}" if quantity == "loss" else _TITLES[quantity]


def _form(quantity: str) -> str:
    return {"right": ".2f", "loss": ".3f", "gradient": "sci"}[quantity]


def _values(reading: Distances, quantity: str) -> np.ndarray:
    values: np.ndarray = getattr(reading, quantity)
    return np.where(values > 0, values, np.nan) if quantity == "gradient" else values


def _dash(runs: tuple[RunDistance, ...], number: int) -> tuple[float, ...]:
    before = sum(each.arch == runs[number].arch for each in runs[:number])
    return _DASHES[before % len(_DASHES)]


def _nearest(each: RunDistance, distance: int) -> tuple[int, float]:
    """Return the asked distance nearest to one, and the share of right answers there."""
    reading = each.reading
    if reading is None or not len(reading.distances):
        return distance, 0.0
    at = int(np.abs(reading.distances - distance).argmin())
    return int(reading.distances[at]), float(reading.right[at])


def _where_trained(each: RunDistance, quantity: str) -> tuple[int, float]:
    assert each.reading is not None
    at = int(np.abs(each.reading.distances - each.reading.trained[1]).argmin())
    return each.reading.trained[1], float(_values(each.reading, quantity)[at])
