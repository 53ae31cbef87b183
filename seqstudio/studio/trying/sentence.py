"""`SentencePanel`: type a sentence and see what the model thinks of it after every word."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.inside.trying.sentence import ReadSentence, SentenceRead
from seqstudio.studio.panels.bars import ChoiceBars
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import Plot
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.widgets import Button, Label, TextField, TokenStrip

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

_CURVES = 4
_PAINTS = ("role:output", "role:input", "role:cell", "role:key")
_EXAMPLES = 40


class SentencePanel(TryPanel):
    """A sentence, the running probability of its label word by word, and the verdict."""

    title = "Try a text"
    icon = "text"
    explanation: ClassVar[Explanation] = Explanation(
        "The model reads the beginning of the text up to each word as if the text ended there. "
        "The curve is the probability that it gives a label then; the bars are those at the "
        "cursor, after the whole text at first. Words that the model does not know are read as "
        "one sign that stands for all of them.",
        (r"p_t = \mathrm{softmax}(W h_t + b)",),
        "Lecture: many to one, sentiment from the last state (S42), after every word",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.field = TextField(placeholder="Type a text, then Enter", name="Text to read")
        self.another = Button("Another", icon="sample", parent=self)
        self.another.setToolTip("Take a text that was held out from training")
        self.strip = TokenStrip(name="The text as the model reads it")
        self.strip.set_mode("background")
        self.plot = Plot(x_title="token t", y_title="probability", x_symbol="t", name="Verdict")
        self.plot.set_range((0, 1), (0, 1))
        self.plot.set_growing(x=False, y=False)
        self.bars = ChoiceBars()
        self.remark = Label("", "small", "textMid", wrap=True)
        self._taken = 0
        self._truth = ""
        self._own = ""
        self.field.committed.connect(self._typed)
        self.another.clicked.connect(self.take_another)
        self.strip.clicked.connect(self._point)
        self.plot.picked.connect(self._point)
        self.set_body(self._lay_out())

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(8)
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self.field, 1)
        line.addWidget(self.another, 0, Qt.AlignmentFlag.AlignRight)
        rows.addLayout(line)
        rows.addWidget(self.strip, 2)
        rows.addWidget(self.remark)
        rows.addWidget(self.plot, 3)
        rows.addWidget(self.bars)
        return body

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        return dataset.pattern == "class" and dataset.input == "ids" and not dataset.source

    @override
    def question(self) -> ReadSentence | None:
        if not self._own:
            self.take_another()
        return ReadSentence() if self._own else None

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

    @override
    def show_reading(self, reading: SentenceRead) -> None:
        self.strip.set_tokens(reading.tokens)
        steps = np.arange(1, len(reading.tokens) + 1)
        self.plot.clear()
        self.plot.set_range((0, max(len(steps), 2)), (0, 1))
        for at, paint in zip(_shown(reading), _PAINTS, strict=False):
            name = reading.classes[at]
            curve = self.plot.add_curve(name, paint, label=name, form=".2f")
            curve.markers = True
            curve.set_data(steps, reading.p[:, at])
        self._colour(reading)
        self._tell_remark(reading)
        self.show_cursor()

    def _colour(self, reading: SentenceRead) -> None:
        """Colour each token by what it did to the probability of the label in the end."""
        verdict = int(reading.p[-1].argmax())
        before = np.concatenate([[1 / len(reading.classes)], reading.p[:-1, verdict]])
        self.strip.set_values(reading.p[:, verdict] - before)
        self.strip.set_quantity(f"change of p({reading.classes[verdict]})")

    def _tell_remark(self, reading: SentenceRead) -> None:
        words = [f"The right label is {self._truth}."] if self._truth else []
        if reading.skipped:
            shown = ", ".join(word.strip() for word in reading.skipped[:6])
            words.append(f"Not in the vocabulary: {shown}.")
        if reading.cut:
            words.append(f"{reading.cut} tokens at the end are not read.")
        self.remark.setText(" ".join(words))
        self.remark.setVisible(bool(words))

    @override
    def show_cursor(self) -> None:
        reading = self.reading
        if reading is None:
            return
        step = min(self.session.cursor.t, len(reading.tokens) - 1)
        self.strip.set_cursor(step, reveal=False)
        self.plot.set_cursor(step + 1)
        order = np.argsort(-reading.p[step], kind="stable")
        choices = [(reading.classes[at], float(reading.p[step, at])) for at in order]
        self.bars.set_choices(f"after “{reading.tokens[step].strip()}”", choices)

    @Slot(int)
    @Slot(float)
    def _point(self, at: float) -> None:
        if self.reading is not None:
            step = int(at) - (1 if self.sender() is self.plot else 0)
            self.session.move_cursor(t=max(0, step))

    @override
    def words(self, reading: SentenceRead) -> str:
        verdict = int(reading.p[-1].argmax())
        return f"{reading.classes[verdict]} {reading.p[-1, verdict]:.2f}"


def _shown(reading: SentenceRead) -> list[int]:
    """Return the classes with a curve: both of two, else the likeliest in the end."""
    if len(reading.classes) == 2:
        return [1]
    return [int(at) for at in np.argsort(-reading.p[-1], kind="stable")[:_CURVES]]
