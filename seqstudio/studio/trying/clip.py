"""`ClipPanel`: play a clip, scrub through it or draw a movement; what the model makes of it.

Shape legend: F = frames, S = side of a frame, C = classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import QPointF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.tasks.clips import film
from seqstudio.records.inside.trying.picture import ClipWatched, WatchClip, packed
from seqstudio.studio.panels.bars import ChoiceBars
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import HeatMap
from seqstudio.studio.theme import painting, theme
from seqstudio.studio.trying.drawing import PixelView
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.widgets import Button, Label, SliderField

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

_FRAME_MS = 140
_RADIUS = 0.13
_LEAST_WAY = 4  # places of the mouse that make a movement


class Stage(PixelView):
    """The frame in view; a movement can be drawn on it.

    Signals:
        moved(): a movement was drawn; it is in `way`.

    Attributes:
        way: (n, 2) x and y of the mouse while the button was down, as shares of the side.
    """

    moved = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("The frame in view", 140, parent)
        self.way: list[tuple[float, float]] = []
        self._drawing = False
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setToolTip("Draw a movement with the mouse")

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.way, self._drawing = [self.share_at(event.position())], True
            self.update()

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if self._drawing:
            self.way.append(self.share_at(event.position()))
            self.update()

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        if self._drawing:
            self._drawing = False
            self.moved.emit()
            self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        super().paintEvent(event)
        if not self._drawing:
            return
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(theme().color("accent"))
            rect = self.square()
            for x, y in self.way[-60:]:
                place = QPointF(rect.left() + x * rect.width(), rect.top() + y * rect.height())
                painter.drawEllipse(place, 2.0, 2.0)


class ClipPanel(TryPanel):
    """A player, the probabilities at every frame, and a stage to draw a movement on."""

    title = "Try a clip"
    icon = "play"
    explanation: ClassVar[Explanation] = Explanation(
        "The map has a column for every frame and a row for every movement: the probability that "
        "the model gives it when it has seen the clip up to there. A model that is asked once "
        "counts only after the last frame; before, it is asked as if the clip ended there.\n\n"
        "Draw a movement with the mouse: its way is spread over the frames of a clip, and a disc "
        "follows it.",
        (r"p_t = p(y \mid x_{1 \ldots t})",),
        "Lecture: many to one, action in a video; many to many, a class for every frame (S21)",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.stage = Stage()
        self.play = Button("Play", icon="play")
        self.another = Button("Another", icon="sample")
        self.another.setToolTip("Take a clip that was held out from training")
        self.place = SliderField(1, 1, 16, form="int", name="Frame")
        self.bars = ChoiceBars()
        self.map = HeatMap("probability", x_title="frame t", bar_title="probability",
                           name="Movement at every frame")  # fmt: skip
        self.remark = Label("", "small", "textMid", wrap=True)
        self._clip: NDArray[np.float32] | None = None  # (F, S, S)
        self._truth = ""
        self._taken = 0
        self._frame = 0
        self._clock = QTimer(self, interval=_FRAME_MS)
        self._connect()
        self.set_body(self._lay_out())

    def _connect(self) -> None:
        self.play.clicked.connect(self.toggle)
        self.another.clicked.connect(self.take_another)
        self.place.value_changed.connect(self._scrubbed)
        self.stage.moved.connect(self._movement_drawn)
        self.map.picked.connect(self._cell_picked)
        self._clock.timeout.connect(self._tick)

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        grid = QGridLayout(body)
        grid.setContentsMargins(12, 8, 12, 8)
        grid.setSpacing(8)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        for button in (self.play, self.another):
            buttons.addWidget(button)
        buttons.addWidget(self.place, 1)
        side = QVBoxLayout()
        side.addWidget(self.bars, 1)
        side.addStretch(1)
        grid.addLayout(buttons, 0, 0, 1, 2)
        grid.addWidget(self.stage, 1, 0)
        grid.addLayout(side, 1, 1)
        grid.addWidget(self.remark, 2, 0, 1, 2)
        grid.addWidget(self.map, 3, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(1, 1)
        grid.setRowStretch(3, 1)
        return body

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        return clip_size(dataset) is not None

    # What is asked

    @override
    def question(self) -> WatchClip | None:
        dataset = self.session.dataset
        size = None if dataset is None else clip_size(dataset)
        if size is None:
            return None
        if self._clip is None or self._clip.shape != (size[0], size[1], size[1]):
            self.take_another()
        return None if self._clip is None else WatchClip(packed(self._clip), *size)

    @override
    def text(self) -> str | None:
        return ""

    @Slot()
    def take_another(self) -> None:
        """Take the next clip of the held-out part and play it."""
        dataset = self.session.dataset
        size = None if dataset is None else clip_size(dataset)
        if dataset is None or size is None:
            return
        batch = dataset.first("valid")
        row = self._taken % len(batch.targets)
        self._taken += 1
        self._truth = _truth(dataset, batch.targets[row])
        self._take(batch.inputs[row].reshape(size[0], size[1], size[1]))

    @Slot()
    def _movement_drawn(self) -> None:
        dataset = self.session.dataset
        size = None if dataset is None else clip_size(dataset)
        if size is None or not self.stage.way:
            return
        way = along(np.array(self.stage.way), size[0])
        self._truth = ""
        self._take(film(way[None], size[1], np.array([_RADIUS]), np.array([False]))[0] * 0.8)

    def _take(self, clip: NDArray[np.floating]) -> None:
        self._clip = clip.astype(np.float32)
        self._go(0)
        self._clock.start()
        self._tell_play()
        self.ask_again()

    # The player

    @property
    def playing(self) -> bool:
        """Whether the clip runs."""
        return self._clock.isActive()

    @Slot()
    def toggle(self) -> None:
        """Play, from the start after its end, or pause."""
        if self.playing:
            self._clock.stop()
        elif self._clip is not None:
            if self._frame + 1 >= len(self._clip):
                self._go(0)
            self._clock.start()
        self._tell_play()

    def _tell_play(self) -> None:
        self.play.setText("Pause" if self.playing else "Play")

    @Slot()
    def _tick(self) -> None:
        if self._clip is None or self._frame + 1 >= len(self._clip) or not self.isVisible():
            self._clock.stop()
            self._tell_play()
        else:
            self._go(self._frame + 1)

    @Slot(object)
    def _scrubbed(self, frame: object) -> None:
        self._pause_at(int(float(str(frame))) - 1)

    @Slot(int, int)
    def _cell_picked(self, _row: int, column: int) -> None:
        self._pause_at(column)

    def _pause_at(self, frame: int) -> None:
        self._clock.stop()
        self._tell_play()
        self._go(frame)

    def _go(self, frame: int) -> None:
        """Show a frame, counted from 0."""
        clip = self._clip
        if clip is None:
            return
        self._frame = min(max(0, frame), len(clip) - 1)
        self.stage.set_picture(clip[self._frame][None])
        self.place.set_value(self._frame + 1)
        self.show_cursor()

    # What is shown

    @override
    def show_reading(self, reading: ClipWatched) -> None:
        self.map.set_data(reading.p.T)
        self.map.set_labels(reading.classes)
        self.map.set_origin(0, 1)
        self.place.set_range(1, len(reading.p))
        words = f"A held-out clip: {self._truth}." if self._truth else ""
        self.remark.setText(words)
        self.remark.setVisible(bool(words))
        self.show_cursor()

    @override
    def show_cursor(self) -> None:
        reading = self.reading
        if reading is None:
            return
        frame = min(self._frame, len(reading.p) - 1)
        self.map.set_cursor(None, frame)
        order = np.argsort(-reading.p[frame], kind="stable")
        choices = [(reading.classes[k], float(reading.p[frame, k])) for k in order]
        at = "at" if reading.every else "after"
        self.bars.set_choices(f"{at} frame {frame + 1} of {len(reading.p)}", choices)

    @override
    def words(self, reading: ClipWatched) -> str:
        if reading.every:
            return ""
        verdict = int(reading.p[-1].argmax())
        return f"{reading.classes[verdict]} {reading.p[-1, verdict]:.2f}"


def clip_size(dataset: Dataset) -> tuple[int, int] | None:
    """Return frames and side of the clips of data, None for data without clips."""
    frames, side = (getattr(dataset.task, name, 0) for name in ("frames", "side"))
    fits = frames and side and dataset.vector_width == side * side
    return (int(frames), int(side)) if fits else None


def along(way: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """Return the places (F, 2) of a drawn way (n, 2) at even times; a click stays where it is."""
    if len(way) < _LEAST_WAY:
        return np.repeat(way[-1:], frames, 0)
    times = np.linspace(0, len(way) - 1, frames)
    known = np.arange(len(way))
    return np.stack([np.interp(times, known, way[:, axis]) for axis in (0, 1)], 1)


def _truth(dataset: Dataset, targets: NDArray[np.int64]) -> str:
    """Return the right class, or those of all frames with the frame at which each begins."""
    if np.ndim(targets) == 0:
        return dataset.classes[int(targets)]
    changes = [at for at in range(1, len(targets)) if at == 1 or targets[at] != targets[at - 1]]
    return ", ".join(f"{dataset.classes[int(targets[at])]} from frame {at + 1}" for at in changes)
