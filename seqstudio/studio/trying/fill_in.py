"""`FillInPanel`: type a sentence, mask tokens of it, see what a masked model would fill in."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.tasks.masked import MASKS, MaskedTask
from seqstudio.records.inside.trying.fill_in import FilledIn, FillIn
from seqstudio.studio.panels.bars import ChoiceBars
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.trying.remarks import not_known
from seqstudio.studio.widgets import Button, Label, TextField, TokenStrip

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

_SIDE_BY_SIDE = 3
_MASK = MASKS[0]


class FillInPanel(TryPanel):
    """A sentence whose tokens can be masked by a click, and the candidates at every mask."""

    title = "Fill in"
    icon = "text"
    explanation: ClassVar[Explanation] = Explanation(
        "Click a token to mask it, again to uncover it. The model reads both sides and gives "
        "every token of its vocabulary a probability at every mask, all masks at once. The bars "
        "begin with the mask at the cursor, then come the masks after it.",
        (r"p(x_m \mid x_{\text{seen}})",),
        "Devlin et al. 2019, “BERT”: masked language model",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.field = TextField(placeholder="Type a sentence, then Enter", name="Sentence")
        self.another = Button("Another", icon="sample", parent=self)
        self.another.setToolTip("Take another passage that was held out from training")
        self.strip = TokenStrip(name="Click a token to mask it")
        self.strip.set_mode("background")
        self.bars = tuple(ChoiceBars() for _ in range(_SIDE_BY_SIDE))
        self.filled = Label("", "small", "textHi", wrap=True)
        self.remark = Label("", "small", "textMid", wrap=True)
        self._own = ""
        self._masked: tuple[int, ...] = ()
        self._taken = 0
        self._first = 0
        self.field.committed.connect(self._typed)
        self.another.clicked.connect(self.take_another)
        self.strip.clicked.connect(self.toggle)
        self.set_body(self._lay_out())

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(8)
        line, below = QHBoxLayout(), QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self.field, 1)
        line.addWidget(self.another)
        for bars in self.bars:
            below.addWidget(bars, 1)
        rows.addLayout(line)
        rows.addWidget(self.strip, 1)
        rows.addWidget(self.filled)
        rows.addWidget(self.remark)
        rows.addLayout(below)
        return body

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        return isinstance(dataset.task, MaskedTask)

    @override
    def question(self) -> FillIn | None:
        if not self._own:
            self.take_another()
        return FillIn(self._masked) if self._own else None

    @override
    def text(self) -> str | None:
        return self._own

    @Slot(str)
    def _typed(self, text: str) -> None:
        self._read(text, ())

    @Slot()
    def take_another(self) -> None:
        """Take the next passage of the held-out part, with two tokens masked."""
        task = self.session.dataset.held_out_task if self.session.dataset is not None else None
        if not isinstance(task, MaskedTask):
            return
        steps = min(task.length, 40)
        start = self._taken * steps % max(1, len(task.ids) - steps)
        self._taken += 1
        text = task.vocabulary.decode(task.ids[start : start + steps]).replace("\n", " ")
        self._read(text.strip(), (steps // 3, steps // 2))

    def _read(self, text: str, masked: tuple[int, ...]) -> None:
        if text.strip():
            self._own, self._masked, self._first = text, masked, 0
            self.field.set_value(text)
            self.ask_again()

    @Slot(int)
    def toggle(self, token: int) -> None:
        """Mask a token, or uncover it."""
        if token in self._masked:
            self._masked = tuple(place for place in self._masked if place != token)
        else:
            self._masked = tuple(sorted((*self._masked, token)))
            self._first = self._masked.index(token)
        self.ask_again()

    @override
    def show_reading(self, reading: FilledIn) -> None:
        hidden = frozenset(reading.masked)
        shown = [(_MASK if at in hidden else token) for at, token in enumerate(reading.tokens)]
        self.strip.set_tokens(shown)
        self.strip.set_marked([at in hidden for at in range(len(shown))])
        self._first = max(0, min(self._first, len(reading.masked) - 1))
        self._show_bars(reading)
        self.filled.setText(_filled(reading))
        self._tell_remark(reading)

    def _show_bars(self, reading: FilledIn) -> None:
        count = reading.p.shape[1] if len(reading.masked) else 0
        places = range(self._first, self._first + _SIDE_BY_SIDE)
        for bars, mask in zip(self.bars, places, strict=True):
            bars.setVisible(mask < len(reading.masked))
            if mask < len(reading.masked):
                names = reading.names[mask * count : (mask + 1) * count]
                typed = reading.tokens[reading.masked[mask]]
                caption = f"mask {mask + 1}; “{typed}” {reading.given[mask]:.2f}"
                pairs = zip(names, reading.p[mask].tolist(), strict=True)
                bars.set_choices(caption, list(pairs))

    def _tell_remark(self, reading: FilledIn) -> None:
        words = [] if reading.masked else ["Click a token to mask it."]
        if len(reading.masked) > _SIDE_BY_SIDE:
            words.append(f"{len(reading.masked)} masks; the bars begin with the last one clicked.")
        words += not_known(reading.skipped, reading.rare)
        if reading.cut:
            words.append(f"{reading.cut:,} tokens at the end are not read.")
        self.remark.setText(" ".join(words))
        self.remark.setVisible(bool(words))

    @override
    def words(self, reading: FilledIn) -> str:
        if not reading.masked:
            return ""
        right = sum(
            reading.names[mask * reading.p.shape[1]] == reading.tokens[place]
            for mask, place in enumerate(reading.masked)
        )
        return f"{right} of {len(reading.masked)} as typed"


def _filled(reading: FilledIn) -> str:
    """Return the text with the likeliest candidate at every mask, in brackets."""
    best = {
        place: reading.names[mask * reading.p.shape[1]]
        for mask, place in enumerate(reading.masked)
    }
    parts = [f"[{best[at]}]" if at in best else token for at, token in enumerate(reading.tokens)]
    return f"Filled in: {''.join(parts)}" if best else ""
