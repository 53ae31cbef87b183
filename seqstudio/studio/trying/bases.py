"""`BasesPanel`: bases in colour, with what the model makes of every one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.reading.fasta import BASES
from seqstudio.data.tasks.dna import is_dna
from seqstudio.records.inside.trying.bases import BasesRead, ReadBases
from seqstudio.studio.panels.bars import ChoiceBars
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.trying.bases_view import BasesView
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.widgets import Button, Label, TextField

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

_BARS_PX = 112  # a caption and four bars


class BasesPanel(TryPanel):
    """Held-out bases, or typed ones, with bars; the choices at the cursor below."""

    title = "Try DNA"
    icon = "text"
    explanation: ClassVar[Explanation] = Explanation(
        "A bar is the probability that the model gave to the base below it before it read it, or "
        "that the base lies in an island; islands have a tinted ground. The mark across is what "
        "somebody who knows the process would say: no model can do better on the whole.",
        (r"p_t = \mathrm{softmax}(W h_{t-1} + b)",),
        "Lecture: DNA as a sequence (S2, S48); Durbin et al. 1998, section 3.1",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.field = TextField(placeholder="Type bases, A C G T, then Enter", name="Bases")
        self.another = Button("Another", icon="sample", parent=self)
        self.another.setToolTip("Take other held-out bases")
        self.view = BasesView(self)
        self.bars = ChoiceBars()
        self.bars.setMaximumHeight(_BARS_PX)
        self.remark = Label("", "small", "textMid", wrap=True)
        self._example, self._letters = 0, ""
        self.field.committed.connect(self._typed)
        self.another.clicked.connect(self.take_another)
        self.view.pointed.connect(self._point)
        self.set_body(self._lay_out())

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(8)
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self.field, 1)
        line.addWidget(self.another)
        rows.addLayout(line)
        scroll = QScrollArea(body)
        scroll.setWidget(self.view)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        rows.addWidget(scroll, 1)
        rows.addWidget(self.remark)
        rows.addWidget(self.bars)
        return body

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        return is_dna(dataset)

    @override
    def question(self) -> ReadBases | None:
        dataset = self.session.dataset
        if dataset is None or not self.fits(dataset):
            return None
        return ReadBases(self._example, self._letters)

    @override
    def text(self) -> str | None:
        return ""

    @Slot(str)
    def _typed(self, letters: str) -> None:
        self._letters = letters.strip()
        self.ask_again()

    @Slot()
    def take_another(self) -> None:
        """Read other held-out bases."""
        self._example += 1
        self._letters = ""
        self.field.set_value("")
        self.ask_again()

    @override
    def show_reading(self, reading: BasesRead) -> None:
        self.view.set_bases(reading.letters, _shares(reading), reading.best, reading.islands)
        self.remark.setText(_remark(reading))
        self.bars.setVisible(reading.p.shape[1] > 1)

    @override
    def show_cursor(self) -> None:
        reading = self.reading
        if reading is None or not len(reading.letters):
            return
        # Nothing is told about the first base of a text.
        first = 1 if reading.p.shape[1] > 1 else 0
        place = min(max(self.session.cursor.t, first), len(reading.letters) - 1)
        self.view.set_cursor(place)
        if reading.p.shape[1] > 1 and np.isfinite(reading.p[place]).all():
            order = np.argsort(-reading.p[place], kind="stable")
            choices = [(BASES[at], float(reading.p[place, at])) for at in order]
            self.bars.set_choices(f"before base {place + 1} ({reading.letters[place]})", choices)

    @Slot(int)
    def _point(self, place: int) -> None:
        self.session.move_cursor(t=place)

    @override
    def words(self, reading: BasesRead) -> str:
        return f"{len(reading.letters)} bases"


def _shares(reading: BasesRead) -> NDArray[np.float64]:
    """Return how high each bar is (T,)."""
    if reading.p.shape[1] == 1:
        return reading.p[:, 0]
    places = np.array([BASES.find(letter) for letter in reading.letters])
    told = np.take_along_axis(reading.p, np.maximum(places, 0)[:, None], 1)[:, 0]
    return np.where(places >= 0, told, np.nan)


def _remark(reading: BasesRead) -> str:
    shares = _shares(reading)
    if reading.p.shape[1] == 1:
        if not len(reading.islands):
            return ""
        right, best = (
            float(((told > 0.5) == reading.islands).mean()) for told in (shares, reading.best)
        )
        return f"Right at {right:.0%} of these bases; who knows the process, {best:.0%}."
    known = np.isfinite(shares)
    if not known.any():
        return ""
    loss = float(-np.log(np.maximum(shares[known], 1e-12)).mean())
    if not len(reading.best):
        return f"{loss:.3f} nats per base here."
    best = float(-np.log(reading.best[known]).mean())
    return f"{loss:.3f} nats per base here; who knows the process, {best:.3f}."
