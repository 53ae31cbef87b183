"""`NextTokenPanel`: type a prompt, see what may come next after every token, and go on by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.vocabulary import WordVocabulary
from seqstudio.records.inside.trying.next_token import NextOf, NextTokens
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.trying.picking import PickBars
from seqstudio.studio.trying.remarks import not_known
from seqstudio.studio.widgets import Button, Label, NumberField, TextField, TokenStrip

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.data.vocabulary import Vocabulary
    from seqstudio.studio.session import Session

_UNSURE = "\ufffd"
_FIRST_TOKENS = 12


class NextTokenPanel(TryPanel):
    """A text, the bars of what may come next at the cursor, and a click to take one."""

    title = "Next token"
    icon = "text"
    explanation: ClassVar[Explanation] = Explanation(
        "After every token the model gives each token of its vocabulary a probability. The bars "
        "are those after the token at the cursor; click one to go on with it. Temperature below "
        "1 makes the likely likelier; top k and top p leave only the likeliest. The colour of a "
        "token is the probability that the model gave it before it stood there.",
        (r"p_i = \frac{e^{z_i/\tau}}{\sum_j e^{z_j/\tau}}",),
        "Lecture: sampling from a language model (S34), its head and its temperature",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.field = TextField(placeholder="Type a prompt, then Enter", name="Prompt")
        self.draw_button = Button("Draw one", icon="sample", parent=self)
        self.draw_button.setToolTip("Append a token drawn by these probabilities")
        self.undo_button = Button("Undo", parent=self)
        self.undo_button.setToolTip("Take back the last change of the prompt")
        self.strip = TokenStrip(name="The prompt as the model reads it")
        self.strip.set_mode("background")
        self.bars = PickBars()
        sampling = session.project.sampling
        self.temperature = NumberField(1.0, 0.0, 5.0, form=".2f", step=0.1, name="Temperature")
        self.top_k = NumberField(float(sampling.top_k), 0, 10_000, form="int", name="Top k")
        self.top_p = NumberField(sampling.top_p, 0.01, 1.0, form=".2f", step=0.05, name="Top p")
        self.remark = Label("", "small", "textMid", wrap=True)
        self._own = ""
        self._before: list[str] = []
        self._last = False
        self._rng = np.random.default_rng(0)
        self._connect()
        self.set_body(self._lay_out())

    def _connect(self) -> None:
        self.field.committed.connect(self._typed)
        self.draw_button.clicked.connect(self.draw_one)
        self.undo_button.clicked.connect(self.undo)
        self.strip.clicked.connect(self._point)
        self.bars.picked.connect(self.append)
        for field in (self.temperature, self.top_k, self.top_p):
            field.committed.connect(self._asked_otherwise)

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(8)
        line, below = QHBoxLayout(), QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self.field, 1)
        line.addWidget(self.undo_button)
        line.addWidget(self.draw_button)
        fields = (self.temperature, self.top_k, self.top_p)
        for name, field in zip(("Temperature", "Top k", "Top p"), fields, strict=True):
            below.addWidget(Label(name, "small", "textMid"))
            below.addWidget(field)
            below.addSpacing(10)
        below.addStretch(1)
        rows.addLayout(line)
        rows.addWidget(self.strip, 1)
        rows.addWidget(self.remark)
        rows.addWidget(self.bars)
        rows.addLayout(below)
        return body

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        written = dataset.pattern == "next token" and dataset.input == "ids"
        return written and dataset.vocabulary is not None and not dataset.source

    @override
    def question(self) -> NextOf | None:
        if not self._own:
            self._own = self._beginning()
            self.field.set_value(self._own)
            self._last = True
        limits = int(self.top_k.value()), float(self.top_p.value())
        return NextOf(float(self.temperature.value()), *limits) if self._own else None

    @override
    def text(self) -> str | None:
        return self._own

    def _beginning(self) -> str:
        """Return the prompt of the project, else the first tokens of the held-out part."""
        dataset = self.session.dataset
        if dataset is None or not self.fits(dataset):
            return ""
        own = self.session.project.sampling.prompt
        if own.strip():
            return own
        first = dataset.preview("valid", 200 if dataset.generated else _FIRST_TOKENS)
        return first.split(" → ")[0].strip("\n")

    @Slot(str)
    def _typed(self, text: str) -> None:
        self._change(text)

    @Slot(str)
    def append(self, token: str) -> None:
        """Go on with a token behind the one at the cursor; what followed there is dropped."""
        dataset, reading = self.session.dataset, self.reading
        if reading is None or dataset is None or dataset.vocabulary is None:
            return
        if _UNSURE in token:
            self.remark.setText("This sign stands for every word that is not known.")
            self.remark.show()
            return
        step = self._step(reading)
        text = self._own
        if step < len(reading.tokens) - 1:
            text = _joined(dataset.vocabulary, reading.tokens[: step + 1])
        space = " " if type(dataset.vocabulary) is WordVocabulary else ""
        self._change(text + space + token)

    @Slot()
    def draw_one(self) -> None:
        """Append a token drawn by the probabilities that are shown."""
        if self.reading is not None:
            step = self._step(self.reading)
            p = np.where([_UNSURE in n for n in _names(self.reading, step)], 0,
                         self.reading.p[step])  # fmt: skip
            if p.sum() > 0:
                at = self._rng.choice(len(p), p=p / p.sum())
                self.append(_names(self.reading, step)[int(at)])

    @Slot()
    def undo(self) -> None:
        """Take back the last change of the prompt."""
        if self._before:
            self._show(self._before.pop())

    def _change(self, text: str) -> None:
        if text and text != self._own:
            self._before.append(self._own)
            self._show(text)

    def _show(self, text: str) -> None:
        self._own, self._last = text, True
        self.field.set_value(text)
        self.undo_button.setEnabled(bool(self._before))
        self.ask_again()

    @Slot(object)
    def _asked_otherwise(self, _value: object) -> None:
        self.ask_again()

    @override
    def show_reading(self, reading: NextTokens) -> None:
        self.strip.set_tokens(reading.tokens)
        self.strip.set_values(reading.given, signed=False)
        self.strip.set_quantity("probability that it had")
        self.undo_button.setEnabled(bool(self._before))
        words = not_known(reading.skipped, reading.rare)
        if reading.cut:
            words.append(f"The first {reading.cut:,} tokens are not read.")
        self.remark.setText(" ".join(words))
        self.remark.setVisible(bool(words))
        self.show_cursor()

    @override
    def show_cursor(self) -> None:
        if self.reading is not None:
            step = self._step(self.reading)
            self.strip.set_cursor(step, reveal=self._last)
            after = self.reading.tokens[step]
            shown = zip(_names(self.reading, step), self.reading.p[step].tolist(), strict=True)
            choices = [(name, p) for name, p in shown if p > 0]
            self.bars.set_choices(f"after “{after}”", choices)

    def _step(self, reading: NextTokens) -> int:
        """Return the token at the cursor; the last one after the text was changed."""
        last = len(reading.tokens) - 1
        return last if self._last else min(self.session.cursor.t, last)

    @Slot(int)
    def _point(self, token: int) -> None:
        self._last = False
        self.session.move_cursor(t=token)
        self.show_cursor()

    @override
    def words(self, reading: NextTokens) -> str:
        step = self._step(reading)
        best = _names(reading, step)[0].strip() or "␣"
        return f"next: {best} {reading.p[step, 0]:.2f}"


def _names(reading: NextTokens, step: int) -> tuple[str, ...]:
    count = reading.p.shape[1]
    return reading.names[step * count : (step + 1) * count]


def _joined(vocabulary: Vocabulary, tokens: tuple[str, ...]) -> str:
    return (" " if type(vocabulary) is WordVocabulary else "").join(tokens)
