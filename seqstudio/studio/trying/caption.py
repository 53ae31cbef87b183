"""`CaptionPanel`: choose or draw a picture; the sentence about it, and where the model looked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.tasks.base import END, SIGNS
from seqstudio.records.inside.trying.caption import (
    CaptionGallery,
    CaptionGalleryOf,
    PictureTold,
    TellPicture,
)
from seqstudio.records.inside.trying.picture import packed
from seqstudio.studio.inside.attention.picture import PictureAttention
from seqstudio.studio.inside.predictions.beam_view import BeamView
from seqstudio.studio.inside.side_look import SideLook
from seqstudio.studio.panels.bars import ChoiceBars
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.trying.digit import FILES, look_of_data, own_picture
from seqstudio.studio.trying.drawing import DrawPad
from seqstudio.studio.trying.gallery import GalleryView
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.widgets import Button, Label, Segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.data.dataset import Dataset
    from seqstudio.data.tasks.pictured import Look
    from seqstudio.studio.session import Session

_REST_MS = 150
_VIEWS = (("words", "Words"), ("beams", "Beams"), ("draw", "Draw"), ("gallery", "Gallery"))


class CaptionPanel(TryPanel):
    """A picture and its sentence word by word, the search behind it, and a gallery."""

    title = "Try a caption"
    icon = "image"
    explanation: ClassVar[Explanation] = Explanation(
        "The sentence is the best that a search with three beams finds. The strip has the picture "
        "once for every word: bright places are where the model looked when it wrote it. Soft "
        "attention mixes all places by their weights; hard attention takes one, which is all that "
        "is coloured.\n\n"
        "The gallery has the held-out pictures whose right sentence the model finds likeliest, "
        "and those it finds least likely, by the mean loss of a word. Its numbers are over all "
        "pictures that were written about. Overlap: as many places as the named thing covers, "
        "those of the largest weight at its noun, against the places that it covers.",
        (
            r"\mathrm{ctx}_t = \sum_i \alpha_{t,i} a_i",
            r"\mathrm{IoU} = \frac{|A \cap B|}{|A \cup B|}",
        ),
        "Xu et al. 2015, “Show, attend and tell”; lecture: captions (S45, S87, S88, S89)",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.another = Button("Another", icon="sample")
        self.another.setToolTip("Take a picture that was held out from training")
        self.open = Button("Open…", icon="folder")
        self.views = Segments(_VIEWS, name="What is shown")
        self.map = PictureAttention()
        self.sentence = Label("", "body", "textHi", wrap=True)
        self.bars = ChoiceBars()
        self.beams = BeamView()
        self.pad = DrawPad("Drawing")
        self.pad.set_hint("Draw shapes with the mouse")
        self.clear = Button("Clear", icon="trash")
        self.gallery = GalleryView()
        self.remark = Label("", "small", "textMid", wrap=True)
        self.side = SideLook(session, "Gallery", self)
        self._picture: NDArray[np.float32] | None = None
        self._right: tuple[str, ...] = ()
        self._taken = 0
        self._word = 0
        self._rest = QTimer(self, interval=_REST_MS, singleShot=True)
        self._stack = QStackedWidget()
        self._connect()
        self.set_body(self._lay_out())

    def _connect(self) -> None:
        self.another.clicked.connect(self.take_another)
        self.open.clicked.connect(self._choose_file)
        self.views.value_changed.connect(self._turn)
        self.map.picked.connect(self._go)
        self.pad.drawn.connect(self._redrawn)
        self.pad.file_dropped.connect(self.open_file)
        self.clear.clicked.connect(self.pad.clear)
        self.gallery.picked.connect(self._from_gallery)
        self.side.changed.connect(self.invalidate)
        self._rest.timeout.connect(self._ask)

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(8)
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self.another)
        line.addWidget(self.open)
        line.addStretch(1)
        line.addWidget(self.views)
        for page in (self.map, _scrolled(self.beams), self._drawing(), self.gallery):
            self._stack.addWidget(page)
        rows.addLayout(line)
        rows.addWidget(self._stack, 1)
        rows.addWidget(self.sentence)
        rows.addWidget(self.remark)
        rows.addWidget(self.bars)
        return body

    def _drawing(self) -> QWidget:
        page = QWidget()
        rows = QVBoxLayout(page)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self.pad, 1)
        rows.addWidget(self.clear, 0, Qt.AlignmentFlag.AlignHCenter)
        return page

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        return dataset.source == "picture" and dataset.writes is not None

    # What is asked

    @property
    def look(self) -> Look | None:
        """How the pictures of the data are laid, None before they are read."""
        dataset = self.session.dataset
        return None if dataset is None else look_of_data(dataset)

    @override
    def question(self) -> TellPicture | None:
        dataset = self.session.dataset
        if dataset is None or not self.fits(dataset):
            return None
        frame = (dataset.picture[0], dataset.picture[1], dataset.picture[2])
        if self._picture is None or self._picture.shape != frame:
            self.take_another()
        return None if self._picture is None else TellPicture(packed(self._picture), frame)

    @override
    def text(self) -> str | None:
        return ""

    @Slot()
    def take_another(self) -> None:
        """Take the next picture of the held-out part."""
        dataset = self.session.dataset
        if dataset is None or not self.fits(dataset) or dataset.vocabulary is None:
            return
        batch = dataset.first("valid")
        row = self._taken % len(batch.targets)
        self._taken += 1
        task = dataset.held_out_task or dataset.task
        own = dataset.vocabulary.decode(batch.targets[row, : batch.lengths[row] - 1])
        assert batch.source is not None
        assert task is not None
        self._take(batch.source[row], task.right_answers(batch, row) or (own,))

    def _take(self, picture: NDArray[np.float32], right: tuple[str, ...] = ()) -> None:
        self._picture, self._right, self._word = picture.astype(np.float32), right, 0
        look = self.look
        if look is not None:
            span = look.ink - look.paper
            span = span if abs(span) > 0.05 else 1.0
            self.pad.set_ink((self._picture.mean(0) - look.paper) / span)
        self._ask()

    @Slot()
    def _redrawn(self) -> None:
        look = self.look
        if look is not None:
            self._picture, self._right, self._word = look.draw(self.pad.ink), (), 0
            if not self._rest.isActive():
                self._rest.start()

    @Slot()
    def _ask(self) -> None:
        self.ask_again()

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
            return
        self._take(picture)

    @Slot(str)
    def _turn(self, view: str) -> None:
        self._stack.setCurrentIndex([key for key, _ in _VIEWS].index(view))
        self.invalidate()

    @Slot(int)
    def _from_gallery(self, at: int) -> None:
        found = self._gallery
        if found is not None:
            self.views.set_value("words")
            self._turn("words")
            self._take(found.pictures[at], (found.right[at],))

    @property
    def _gallery(self) -> CaptionGallery | None:
        return None if self.side.looked is None else self.side.looked.reading  # type: ignore[return-value]

    # What is shown

    @override
    def draw(self) -> None:
        super().draw()
        if self.views.value() == "gallery" and self.session.facts is not None:
            session = self.session
            project = session.run_project or session.project
            aim = session.looks.aim(CaptionGalleryOf(), run=self.run, text="", project=project)
            if not self.side.waiting:
                self.side.want(aim)
            found = self._gallery
            self.gallery.set_gallery(found)

    @override
    def show_reading(self, reading: PictureTold) -> None:
        self.sentence.setText(f"“{told_sentence(reading)}”")
        self.beams.set_tree(reading.tree)
        if self._picture is not None:
            weights, grid = _weights(reading)
            self.map.set_data(self._picture, weights, grid, reading.words)
        self._tell_remark()
        self.show_cursor()

    def _tell_remark(self) -> None:
        told = f"Right: {self._right[0]}." if self._right else ""
        if len(self._right) > 1:
            told += f" And {len(self._right) - 1} more: {'; '.join(self._right[1:])}."
        self.remark.setText(told)
        self.remark.setVisible(bool(told))

    @override
    def show_cursor(self) -> None:
        reading = self.reading
        if reading is None:
            return
        word = min(self._word, len(reading.words) - 1)
        self.map.set_cursor(word)
        choices = list(zip(reading.others[word], reading.others_p[word].tolist(), strict=True))
        self.bars.set_choices(f"word {word + 1}: what else it could have been", choices)

    @Slot(int)
    def _go(self, word: int) -> None:
        self._word = word
        self.show_cursor()

    @override
    def words(self, reading: PictureTold) -> str:
        return f"{told_sentence(reading)}, p = {float(np.prod(reading.p)):.2g}"

    @override
    def forget(self) -> None:
        super().forget()
        self.side.drop()
        self.gallery.set_gallery(None)


def told_sentence(reading: PictureTold) -> str:
    """Return the words of a sentence without its sign to end."""
    ended = reading.words[-1:] == (SIGNS[END],)
    return " ".join(reading.words[:-1] if ended else reading.words)


def _weights(reading: PictureTold) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return the weights (T, P) of all places of attention together, and their grid."""
    if not reading.looks:
        return np.zeros((len(reading.words), 1)), (1, 1)
    grid = reading.looks[0].grid
    alike = [look.weights for look in reading.looks if look.grid == grid]
    return np.mean(alike, 0, dtype=np.float64), grid


def _scrolled(view: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidget(view)
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    return area
