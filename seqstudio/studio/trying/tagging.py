"""`TagPanel`: type a text and see the tag of every token, with and without what follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.tasks.masked import MaskedTask
from seqstudio.records.inside.trying.tagging import TagText, TextTagged
from seqstudio.studio.panels.bars import ChoiceBars
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.trying.remarks import not_known
from seqstudio.studio.trying.tag_chips import Chip, TagChips
from seqstudio.studio.widgets import Button, Label, Segments, TextField

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

_EXAMPLES = 40
_WHOLE, _SO_FAR = "whole", "so far"


class TagPanel(TryPanel):
    """Tokens coloured by their tag, and the probabilities at the cursor."""

    title = "Tag a text"
    icon = "text"
    explanation: ClassVar[Explanation] = Explanation(
        "Every token has the colour of its likeliest tag, the stronger the surer. “Whole text”: "
        "the model has read all of it. “Forward only”: for every token the text ends there, so "
        "nothing after it is known. An arrow shows where reading on changed the tag. A model "
        "that reads in one direction gives the same both times.",
        (r"p_t = \mathrm{softmax}(W[\overrightarrow{h_t}; \overleftarrow{h_t}] + b)",),
        "Lecture: many to many, bidirectional recurrent nets (S47)",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.field = TextField(placeholder="Type a text, then Enter", name="Text to tag")
        self.another = Button("Another", icon="sample", parent=self)
        self.another.setToolTip("Take a text that was held out from training")
        options = [(_WHOLE, "Whole text"), (_SO_FAR, "Forward only")]
        self.reads = Segments(options, name="What is read")
        self.chips = TagChips()
        self.bars = ChoiceBars()
        self.remark = Label("", "small", "textMid", wrap=True)
        self._own, self._truth = "", ""
        self._taken = 0
        self.field.committed.connect(self._typed)
        self.another.clicked.connect(self.take_another)
        self.reads.value_changed.connect(self._show_again)
        self.chips.clicked.connect(self._point)
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
        area = QScrollArea()
        area.setWidget(self.chips)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        rows.addLayout(line)
        rows.addWidget(self.reads, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addWidget(area, 1)
        rows.addWidget(self.remark)
        rows.addWidget(self.bars)
        return body

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        reads = dataset.input == "ids" and dataset.vocabulary is not None and not dataset.source
        masked = isinstance(dataset.task, MaskedTask)
        return dataset.pattern == "class per step" and reads and not masked

    @override
    def question(self) -> TagText | None:
        if not self._own:
            self.take_another()
        return TagText() if self._own else None

    @override
    def text(self) -> str | None:
        return self._own

    @Slot(str)
    def _typed(self, text: str) -> None:
        self._truth = ""
        self._read(text)

    @Slot()
    def take_another(self) -> None:
        """Read the next text of the held-out part."""
        dataset = self.session.dataset
        if dataset is None or not self.fits(dataset):
            return
        lines = dataset.preview("valid", 20_000).split("\n")[:_EXAMPLES]
        text, _, self._truth = lines[self._taken % len(lines)].rpartition(" → ")
        self._taken += 1
        self.field.set_value(text)
        self._read(text)

    def _read(self, text: str) -> None:
        if text.strip():
            self._own = text
            self.ask_again()

    @Slot(str)
    def _show_again(self, _value: str) -> None:
        if self.reading is not None:
            self.show_reading(self.reading)

    @override
    def show_reading(self, reading: TextTagged) -> None:
        shown = self._shown(reading)
        best, alone = shown.argmax(1), reading.so_far.argmax(1)
        self.chips.set_chips(
            [
                Chip(token, reading.classes[tag], int(tag), float(p[tag]),
                     "" if tag == before else reading.classes[before])
                for token, tag, p, before in zip(reading.tokens, best, shown, alone, strict=True)
            ]
        )  # fmt: skip
        self._tell_remark(reading)
        self.show_cursor()

    def _shown(self, reading: TextTagged) -> np.ndarray:
        return reading.p if self.reads.value() == _WHOLE else reading.so_far

    def _tell_remark(self, reading: TextTagged) -> None:
        words = [f"Right: {self._truth}."] if self._truth else []
        words += not_known(reading.skipped, reading.rare)
        if reading.cut:
            words.append(f"{reading.cut:,} tokens at the end are not read.")
        self.remark.setText(" ".join(words))
        self.remark.setVisible(bool(words))

    @override
    def show_cursor(self) -> None:
        reading = self.reading
        if reading is None:
            return
        step = min(self.session.cursor.t, len(reading.tokens) - 1)
        self.chips.set_cursor(step)
        p = self._shown(reading)[step]
        order = np.argsort(-p, kind="stable")
        choices = [(reading.classes[at], float(p[at])) for at in order]
        self.bars.set_choices(f"“{reading.tokens[step].strip()}”", choices)

    @Slot(int)
    def _point(self, token: int) -> None:
        self.session.move_cursor(t=token)

    @override
    def words(self, reading: TextTagged) -> str:
        turned = int((reading.p.argmax(1) != reading.so_far.argmax(1)).sum())
        return f"{turned} of {len(reading.tokens)} tags changed by what follows"
