"""`BallPanel`: throw a ball and see where the model expects it after 1, 2, ... frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.tasks.ball import BallTask
from seqstudio.records.inside.trying.ball import BallFollowed, FollowBall
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import Plot
from seqstudio.studio.trying.ball_view import BallView
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.widgets import Label, SliderField

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

_MOST_SEEN = 12


class BallPanel(TryPanel):
    """The ball in its box, the guesses from a chosen frame, and the error by frames seen."""

    title = "Throw a ball"
    icon = "target"
    explanation: ClassVar[Explanation] = Explanation(
        "The model sees the first frames (accent dots) and then goes on by itself: each line is "
        "one way that it thinks possible. The ring is where it expected the ball from all frames "
        "before, two standard deviations wide. One frame does not tell where a ball goes; two do, "
        "away from the walls.",
        (r"x_{t+1} = 2 x_t - x_{t-1}",),
        "Lecture: where does the ball go next (S1)",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.view = BallView(self)
        self.seen = SliderField(2, 1, _MOST_SEEN, form="int", name="Frames seen")
        self.plot = Plot(
            x_title="frames seen", y_title="error (half boxes)", name="Error by frames seen"
        )
        self.remark = Label("", "small", "textMid", wrap=True)
        self._throw = FollowBall()
        self.seen.value_changed.connect(self._seen_changed)
        self.view.thrown.connect(self._thrown)
        self.set_body(self._lay_out())

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(8)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(Label("Frames seen", "small", "textMid"))
        line.addWidget(self.seen, 1)
        rows.addLayout(line)
        rows.addWidget(self.view, 3)
        rows.addWidget(self.remark)
        rows.addWidget(self.plot, 2)
        return body

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        return isinstance(dataset.task, BallTask)

    @override
    def question(self) -> FollowBall | None:
        dataset = self.session.dataset
        if dataset is None or not self.fits(dataset):
            return None
        return FollowBall(self._throw.start, self._throw.velocity, int(self.seen.value()))

    @override
    def text(self) -> str | None:
        return ""

    @Slot(object)
    def _seen_changed(self, _value: object) -> None:
        self.ask_again()

    @Slot(object)
    def _thrown(self, throw: object) -> None:
        if isinstance(throw, tuple):
            self._throw = FollowBall(*throw)
            self.ask_again()

    @override
    def show_reading(self, reading: BallFollowed) -> None:
        self.view.show_ball(reading)
        frames = np.arange(1, len(reading.error) + 1)
        shown = frames <= 2 * _MOST_SEEN
        self.plot.clear()
        self.plot.set_growing(x=False, y=False)
        for key, paint, label, values in (
            ("last", "textLow", "last position", reading.last),
            ("straight", "textMid", "straight on", reading.straight),
            ("model", "role:output", "model", reading.error),
        ):
            curve = self.plot.add_curve(key, paint, label=label, form=".3f")
            curve.markers = key == "model"
            known = shown & np.isfinite(values)
            curve.set_data(frames[known], values[known])
        self.plot.add_floor(reading.one_frame, "best with one frame")
        most = 1.1 * max(reading.one_frame * 1.2, float(np.nanmax(reading.error)))
        self.plot.set_range((1, float(max(2, frames[shown][-1]))), (0, most))
        self.remark.setText(self._told(reading))

    def _told(self, reading: BallFollowed) -> str:
        at = min(reading.seen, len(reading.error)) - 1
        return (
            f"After {reading.seen} frame{'s' if reading.seen > 1 else ''} the next position is "
            f"missed by {reading.error[at]:.3f} half boxes on held-out throws (root mean square); "
            f"with one frame no model is better than {reading.one_frame:.3f}. Drag in the box to "
            "throw."
        )

    @override
    def show_cursor(self) -> None:
        if self.reading is not None:
            self.plot.set_cursor(float(self.reading.seen))

    @override
    def words(self, reading: BallFollowed) -> str:
        at = min(reading.seen, len(reading.error)) - 1
        return f"error {reading.error[at]:.3f} after {reading.seen}"
