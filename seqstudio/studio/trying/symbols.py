"""`SymbolsPanel`: type brackets, letters or bits and see the answer after every one of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.tasks.base import NOT_ASKED
from seqstudio.data.tasks.counting import CountingTask
from seqstudio.data.tasks.oracles import known_answers
from seqstudio.records.inside.trying.symbols import MOST_SYMBOLS, ReadSymbols, SymbolsRead
from seqstudio.studio.panels.bars import ChoiceBars
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import Plot
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.widgets import Button, IconButton, Label, TextField, TokenStrip

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

_EXAMPLES = 40
_PAD = "·"


class SymbolsPanel(TryPanel):
    """Symbols, what the model answers after each, and the unit that keeps count."""

    title = "Try symbols"
    icon = "text"
    explanation: ClassVar[Explanation] = Explanation(
        "Each symbol is coloured by the doubt of the model about the right answer after it; wrong "
        "answers are underlined. Nothing is asked where the future is open.\n\n"
        "A small program answers all of it without error: it keeps a stack, a count, a bit or a "
        "list. The curves are what it keeps and the unit of the first layer that follows that "
        "best over this text, fitted to the same scale. In a short text some unit follows by "
        "chance.",
        (r"r = \mathrm{corr}(s_t, m_t)",),
        "Counting: Gers and Schmidhuber (2001). Brackets: Hewitt et al. (2020)",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.field = TextField(placeholder="Type symbols, then Enter", name="Symbols to read")
        self.another = Button("Another", icon="sample", parent=self)
        self.another.setToolTip("Take an example that was held out from training")
        self.keys: dict[str, Button] = {}
        self.back = IconButton("undo", "Take the last symbol away", parent=self)
        self._keys_row = QHBoxLayout()
        self._keys_row.setSpacing(4)
        self.strip = TokenStrip(name="What the model reads")
        self.strip.set_mode("background")
        self.strip.set_quantity("1 − p(right answer)")
        self.plot = Plot(x_title="symbol t", y_title="", x_symbol="t", name="Memory")
        self.plot.set_read_out(False)
        self.bars = ChoiceBars()
        self.remark = Label("", "small", "textMid", wrap=True)
        self._own, self._taken, self._kind = "", 0, ""
        self.field.committed.connect(self.read)
        self.another.clicked.connect(self.take_another)
        self.back.clicked.connect(self._shorten)
        self.strip.clicked.connect(self._point)
        self.plot.picked.connect(self._pick)
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
        self._keys_row.addWidget(self.back)
        self._keys_row.addStretch(1)
        rows.addLayout(self._keys_row)
        rows.addWidget(self.strip, 2)
        rows.addWidget(self.remark)
        rows.addWidget(self.plot, 3)
        rows.addWidget(self.bars)
        return body

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        return known_answers(dataset.task, ()) is not None

    @override
    def question(self) -> ReadSymbols | None:
        dataset = self.session.dataset
        if dataset is None or not self.fits(dataset):
            return None
        if self._kind != self.session.project.data.kind:
            self._kind = self.session.project.data.kind
            self._make_keys(dataset)
            self.take_another()
        return ReadSymbols() if self._own else None

    @override
    def text(self) -> str | None:
        return self._own

    def _make_keys(self, dataset: Dataset) -> None:
        for button in self.keys.values():
            button.setParent(None)
            button.deleteLater()
        assert dataset.vocabulary is not None
        strange = {_PAD} if dataset.padded else set()
        if isinstance(dataset.task, CountingTask):
            strange |= set(dataset.vocabulary.symbols[1 + dataset.task.letters :])
        symbols = [symbol for symbol in dataset.vocabulary.symbols if symbol not in strange]
        self.keys = {symbol: Button(symbol, parent=self) for symbol in symbols}
        for place, (symbol, button) in enumerate(self.keys.items()):
            button.clicked.connect(lambda _=False, s=symbol: self.type_symbol(s))
            self._keys_row.insertWidget(place, button)

    @Slot(str)
    def read(self, text: str) -> None:
        """Read another text."""
        if text:
            self._own = text[: 2 * MOST_SYMBOLS]
            self.field.set_value(self._own)
            self.session.move_cursor(t=len(self._own) - 1)
            self.ask_again()

    def type_symbol(self, symbol: str) -> None:
        """Add a symbol at the end and show the answer after it."""
        self.read(self._own + symbol)

    @Slot()
    def _shorten(self) -> None:
        self.read(self._own[:-1])

    @Slot()
    def take_another(self) -> None:
        """Read the next held-out example."""
        dataset = self.session.dataset
        if dataset is None or not self.fits(dataset):
            return
        lines = [line for line in dataset.preview("valid", 20_000).split("\n") if " → " in line]
        text = lines[self._taken % min(len(lines), _EXAMPLES)].partition(" → ")[0]
        self._taken += 1
        self.read(text)

    @override
    def show_reading(self, reading: SymbolsRead) -> None:
        asked = reading.right != NOT_ASKED
        sure = reading.p[np.arange(len(asked)), np.where(asked, reading.right, 0)]
        self.strip.set_tokens(reading.tokens)
        self.strip.set_values(np.where(asked, 1 - sure, np.nan), signed=False)
        self.strip.set_marked(asked & (reading.p.argmax(1) != reading.right))
        self._draw_memory(reading)
        words = [
            reading.problem,
            f"Not read: {' '.join(reading.skipped)}." * bool(reading.skipped),
        ]
        if reading.cut:
            words.append(f"{reading.cut} symbols at the end are not read.")
        self.remark.setText(" ".join(filter(None, words)))
        self.remark.setVisible(bool(self.remark.text()))
        self.show_cursor()

    def _draw_memory(self, reading: SymbolsRead) -> None:
        steps = np.arange(1, len(reading.tokens) + 1)
        memory = reading.memory.astype(np.float64)
        self.plot.clear()
        self.plot.set_titles("symbol t", reading.noun)
        kept = self.plot.add_curve("memory", "textMid", label=reading.noun, dash=(4.0, 3.0),
                                   form="int")  # fmt: skip
        kept.set_data(steps, memory)
        fitted = _fitted(reading.state, memory)
        if fitted is not None:
            curve = self.plot.add_curve("unit", "role:cell", label=reading.unit, form=".1f")
            curve.markers = len(steps) <= 60
            curve.set_data(steps, fitted)
        values = memory if fitted is None else np.concatenate([memory, fitted])
        low, high = float(min(0, values.min())), float(max(1, values.max()))
        self.plot.set_range((0.5, len(steps) + 0.5), (low - 0.1, high * 1.1))

    @override
    def show_cursor(self) -> None:
        reading = self.reading
        if reading is None:
            return
        step = min(self.session.cursor.t, len(reading.tokens) - 1)
        self.strip.set_cursor(step, reveal=False)
        self.plot.set_cursor(step + 1)
        order = np.argsort(-reading.p[step], kind="stable")
        right = int(reading.right[step])
        choices = [(_named(reading, at, right), float(reading.p[step, at])) for at in order]
        after = "nothing is asked" if right == NOT_ASKED else f"right: {reading.classes[right]}"
        self.bars.set_choices(f"after “{reading.tokens[step]}”, {after}", choices)

    @Slot(int)
    def _point(self, at: int) -> None:
        self.session.move_cursor(t=max(0, at))

    @Slot(float)
    def _pick(self, x: float) -> None:
        self.session.move_cursor(t=max(0, round(x) - 1))

    @override
    def words(self, reading: SymbolsRead) -> str:
        asked = reading.right != NOT_ASKED
        hits = int((asked & (reading.p.argmax(1) == reading.right)).sum())
        told = f"{hits} of {int(asked.sum())} right"
        if math.isfinite(reading.likeness):
            told += f" · {reading.unit} r = {reading.likeness:.2f}"
        return told


def _named(reading: SymbolsRead, at: int, right: int) -> str:
    return f"{reading.classes[at]} ✓" if at == right else reading.classes[at]


def _fitted(state: np.ndarray, memory: np.ndarray) -> np.ndarray | None:
    """Return a unit (T,) on the scale of what a program keeps, by least squares."""
    if not len(state) or float(state.std()) == 0:
        return None
    slope = float(((state - state.mean()) * (memory - memory.mean())).mean() / state.var())
    return np.asarray(memory.mean() + slope * (state - state.mean()))
