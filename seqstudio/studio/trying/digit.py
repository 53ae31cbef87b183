"""`DrawPanel`: draw a digit, or whatever the data show, and see how the verdict comes to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.reading.pictures import ENDINGS, read_picture
from seqstudio.data.tasks.pictured import Look
from seqstudio.records.inside.trying.picture import PictureRead, ReadPicture, packed
from seqstudio.studio.panels.bars import ChoiceBars
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import Plot
from seqstudio.studio.trying.drawing import BRUSHES, DrawPad, PixelView
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.widgets import Button, Label, Segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

FILES = "Pictures (" + " ".join(f"*{ending}" for ending in sorted(ENDINGS)) + ")"
_REST_MS = 60
_CURVES = 3
_PLURAL = {"patch": "patches"}
_PAINTS = ("role:output", "role:input", "role:cell")


class DrawPanel(TryPanel):
    """A canvas, what the model sees of it, and its verdict part by part."""

    title = "Try a picture"
    icon = "image"
    explanation: ClassVar[Explanation] = Explanation(
        "What is drawn is cut out, scaled and centred as the pictures of the data are, and made "
        "as small. The curves are the probabilities after each row, pixel or patch: a model that "
        "reads in steps has read only so far; for one that sees a picture at once the other "
        "patches are empty.\n\n"
        "The coloured picture: each square is emptied once, and coloured by what the "
        "probability of the verdict loses by it. Coloured as positive: the verdict rests on it.",
        (
            r"p_t = p(y \mid x_{1 \ldots t})",
            r"\Delta_s = p(\hat y \mid x) - p(\hat y \mid x_{-s})",
        ),
        "Occlusion: Zeiler and Fergus 2014, section 4.2; lecture: pictures as sequences",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.pad = DrawPad("Drawing")
        self.brush = Segments(BRUSHES, name="Brush")
        self.brush.set_value(BRUSHES[1][0])
        self.clear = Button("Clear", icon="trash")
        self.another = Button("Another", icon="sample")
        self.another.setToolTip("Take a picture that was held out from training")
        self.open = Button("Open…", icon="folder")
        self.small = PixelView("The picture as the model sees it")
        self.marks = PixelView("What the verdict rests on")
        self.bars = ChoiceBars()
        self.plot = Plot(y_title="probability", x_symbol="t", name="Verdict part by part")
        self.plot.set_growing(x=False, y=False)
        self.remark = Label("", "small", "textMid", wrap=True)
        self._picture: NDArray[np.float32] | None = None
        self._truth = ""
        self._taken = 0
        self._step = 0  # parts that were read at the place in view, 0 for all
        self._rest = QTimer(self, interval=_REST_MS, singleShot=True)
        self._connect()
        self.set_body(self._lay_out())

    def _connect(self) -> None:
        self.pad.drawn.connect(self._redrawn)
        self.pad.file_dropped.connect(self.open_file)
        self.brush.value_changed.connect(self._brushed)
        self.clear.clicked.connect(self.pad.clear)
        self.another.clicked.connect(self.take_another)
        self.open.clicked.connect(self._choose_file)
        self.plot.picked.connect(self._picked)
        self.small.pointed.connect(self._pointed)
        self._rest.timeout.connect(self._ask)

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        grid = QGridLayout(body)
        grid.setContentsMargins(12, 8, 12, 8)
        grid.setSpacing(8)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        for button in (self.another, self.open, self.clear):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self.brush)
        views = QGridLayout()
        views.setSpacing(4)
        for column, (view, name) in enumerate(
            ((self.small, "as the model sees it"), (self.marks, "what the verdict rests on"))
        ):
            views.addWidget(Label(name, "small", "textMid"), 0, column)
            views.addWidget(view, 1, column)
        side = QVBoxLayout()
        side.setSpacing(8)
        side.addLayout(views, 3)
        side.addWidget(self.bars, 2)
        grid.addLayout(buttons, 0, 0, 1, 2)
        grid.addWidget(self.pad, 1, 0)
        grid.addLayout(side, 1, 1)
        grid.addWidget(self.remark, 2, 0, 1, 2)
        grid.addWidget(self.plot, 3, 0, 1, 2)
        grid.setColumnStretch(0, 4)
        grid.setColumnStretch(1, 5)
        grid.setRowStretch(1, 5)
        grid.setRowStretch(3, 4)
        return body

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        return dataset.pattern == "class" and look_of_data(dataset) is not None

    # What is asked

    @property
    def look(self) -> Look | None:
        """How the pictures of the data are laid, None before they are read."""
        dataset = self.session.dataset
        return None if dataset is None else look_of_data(dataset)

    @override
    def question(self) -> ReadPicture | None:
        look = self.look
        if look is None:
            return None
        if self._picture is None or self._picture.shape != look.frame:
            self.take_another()
        if self._picture is None:
            return None
        return ReadPicture(packed(self._picture), look.frame)

    @override
    def text(self) -> str | None:
        return ""

    @Slot()
    def take_another(self) -> None:
        """Take the next picture of the held-out part."""
        dataset, look = self.session.dataset, self.look
        if dataset is None or look is None:
            return
        batch = dataset.first("valid")
        row = self._taken % len(batch.targets)
        self._taken += 1
        picture = look.whole(batch.inputs[row : row + 1])[0]
        self._truth = dataset.classes[int(batch.targets[row])]
        self._take(picture)

    def _take(self, picture: NDArray[np.float32]) -> None:
        look = self.look
        assert look is not None
        self._picture, self._step = picture, 0
        span = look.ink - look.paper
        self.pad.set_ink((picture.mean(0) - look.paper) / (span if abs(span) > 0.05 else 1.0))
        self.small.set_picture(picture)
        self._ask()

    @Slot()
    def _redrawn(self) -> None:
        look = self.look
        if look is None:
            return
        self._truth = ""
        self._picture, self._step = look.draw(self.pad.ink), 0
        self.small.set_picture(self._picture)
        if not self._rest.isActive():
            self._rest.start()

    @Slot()
    def _ask(self) -> None:
        self.ask_again()

    @Slot(str)
    def _brushed(self, width: str) -> None:
        self.pad.brush = float(width)

    @Slot()
    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a picture", "", FILES)
        if path:
            self.open_file(path)

    @Slot(str)
    def open_file(self, path: str) -> None:
        """Read a picture of one's own, made as small as those of the data."""
        look = self.look
        if look is None:
            return
        try:
            picture = own_picture(Path(path), look.frame)
        except DataError as error:
            self.remark.setText(error.sentence())
            self.remark.setVisible(True)
            return
        self._truth = ""
        self._take(picture)

    # What is shown

    @override
    def show_reading(self, reading: PictureRead) -> None:
        steps, last = reading.steps, int(reading.steps[-1])
        self.plot.clear()
        self.plot.set_titles(f"{reading.part} t", "probability")
        self.plot.set_range((0, max(last, 2)), (0, 1))
        order = np.argsort(-reading.p[-1], kind="stable")[:_CURVES]
        for at, paint in zip(order, _PAINTS, strict=False):
            name = reading.classes[at]
            curve = self.plot.add_curve(name, paint, label=name, form=".2f")
            curve.markers = last <= 32
            curve.set_data(steps, reading.p[:, at])
        if self._picture is not None:
            self.marks.set_picture(self._picture)
        self.marks.set_marks(reading.fall)
        self.small.set_grid(self._grid(reading, last))
        self._tell_remark(reading)
        self.show_cursor()

    def _grid(self, reading: PictureRead, last: int) -> tuple[int, int]:
        look = self.look
        assert look is not None
        _, height, width = look.frame
        if reading.part == "row":
            return height, 1
        return (height, width) if reading.part == "pixel" else reading.fall.shape

    def _tell_remark(self, reading: PictureRead) -> None:
        verdict = reading.classes[int(reading.p[-1].argmax())]
        words = ""
        if self._truth:
            right = "and that is right" if verdict == self._truth else f"it is {self._truth}"
            words = f"A held-out picture: the model says {verdict}, {right}."
        self.remark.setText(words)
        self.remark.setVisible(bool(words))

    @override
    def show_cursor(self) -> None:
        reading = self.reading
        if reading is None:
            return
        last = int(reading.steps[-1])
        at = int(np.abs(reading.steps - (self._step or last)).argmin())
        step = int(reading.steps[at])
        self.plot.set_cursor(step)
        self.small.set_read(-1 if step == last else step)
        order = np.argsort(-reading.p[at], kind="stable")
        choices = [(reading.classes[k], float(reading.p[at, k])) for k in order]
        part, all_of_them = reading.part, _PLURAL.get(reading.part, f"{reading.part}s")
        whole = f"after all {last} {all_of_them}"
        told = whole if step == last else f"after {part} {step} of {last}"
        self.bars.set_choices(told, choices)

    @Slot(float)
    def _picked(self, x: float) -> None:
        self._go(round(x))

    @Slot(int)
    def _pointed(self, part: int) -> None:
        self._go(part + 1)

    def _go(self, step: int) -> None:
        """Look at the verdict after so many parts."""
        self._step = max(1, step)
        self.invalidate()

    @override
    def words(self, reading: PictureRead) -> str:
        verdict = int(reading.p[-1].argmax())
        return f"{reading.classes[verdict]} {reading.p[-1, verdict]:.2f}"


def look_of_data(dataset: Dataset) -> Look | None:
    """Return how pictures of data are laid, None for data without single pictures."""
    found = getattr(dataset.task, "look", None)
    return found if isinstance(found, Look) else None


def own_picture(path: Path, frame: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return a picture of one's own with as many channels and pixels as those of the data.

    Raises:
        DataError: It is no picture.
    """
    shades = read_picture(path, frame[1]).astype(np.float32) / np.float32(255)
    if len(shades) > frame[0]:
        shades = shades.mean(0, keepdims=True)
    return np.repeat(shades[:1], frame[0], 0) if len(shades) < frame[0] else shades
