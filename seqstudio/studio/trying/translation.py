"""`TranslationPanel`: type a sentence and see what the model writes for it, and how."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.data.tasks.pairs import PairsTask
from seqstudio.insight.alignment import straightness
from seqstudio.records.inside.trying.translation import Translate, Translated, WrittenFor
from seqstudio.studio.inside.predictions.beam_view import BeamView
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import HeatMap
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.widgets import (
    Button,
    ComboField,
    Label,
    NumberField,
    Segments,
    TextField,
    TokenStrip,
    format_number,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

_EXAMPLES = 40
_SHORT = 4  # tokens; longer sentences come first: there is more to see


class _Sentence(QObject):
    """The sentence that is tried, the same in all panels of a session: two runs read one text.

    Signals:
        changed(): another sentence is tried.
    """

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.text, self.taken, self.data = "", 0, ""
        self.right: tuple[str, ...] = ()

    def read(self, text: str, right: tuple[str, ...]) -> None:
        """Try another sentence, whose right translations are known, or ()."""
        self.text, self.right = text, right
        self.changed.emit()

    @staticmethod
    def of(session: Session) -> _Sentence:
        """Return that of a session, the same for another run that stands beside."""
        found = session.looks.findChild(_Sentence)
        return found if isinstance(found, _Sentence) else _Sentence(session.looks)


class TranslationPanel(TryPanel):
    """A source, what is written for it greedily and by beam search, and where it was looked at."""

    title = "Try a sentence"
    icon = "text"
    explanation: ClassVar[Explanation] = Explanation(
        "The model reads the sentence and writes another one, its own words fed back. Greedy "
        "takes the likeliest token at every step; beam search keeps several beginnings and "
        "compares them by their log-probability, divided by a power of the length so that long "
        "ones have a chance.\n\n"
        "A row of the alignment is a written token, a column a token of the source: how much of "
        "it the decoder took then. Under the pointer both light up. r says how straight the "
        "expected place runs along: near +1 for copying, near −1 for writing backwards. A model "
        "without attention has no alignment: all it has is one vector.\n\n"
        "chrF compares pieces of up to six letters with the right sentences of the file, 0 to "
        "100. To see it with and without attention, choose a second run beside.",
        (
            r"\hat y_t = \arg\max_y p(y \mid \hat y_{<t}, x)",
            r"s = \log p(\hat y \mid x) \, / \, ((5 + T) / 6)^{0.6}",
        ),
        "Beam search: Sutskever et al. 2014; length: Wu et al. 2016, section 7; alignment: "
        "Bahdanau et al. 2015; lecture: translation (S47, S84 to S86)",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.field = TextField(placeholder="Type a sentence, then Enter", name="Sentence to read")
        self.another = Button("Another", icon="sample", parent=self)
        self.another.setToolTip("Take a sentence that was held out from training")
        self.ways = Segments([("greedy", "Greedy"), ("beam", "Beam")], name="How it is written")
        self.views = Segments([("alignment", "Alignment"), ("tree", "Beam tree")], name="View")
        self.beams = NumberField(4, 1, 12, form="int", name="Beams")
        self.heads = ComboField([], name="Head")
        self.read = TokenStrip(name="The sentence as the model reads it")
        self.told = TokenStrip(name="What the model writes")
        self.right = Label("", "small", "textMid", wrap=True)
        self.score = Label("", "small", "textHi", wrap=True)
        self.remark = Label("", "small", "textMid", wrap=True)
        self.matrix = HeatMap(
            "attention", x_title="source across", y_title="written down", bar_title="weight",
            square=True, largest=44.0, name="Alignment",
        )  # fmt: skip
        self.matrix.set_title_paints("role:key", "role:query")
        self.tree = BeamView()
        self.nothing = Label("", "body", "textMid", wrap=True)
        self._stack = QStackedWidget()
        self._tried = _Sentence.of(session)
        self.field.set_value(self._tried.text)
        self._connect()
        self.set_body(self._lay_out())

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(6)
        rows.addLayout(_row(self.field, self.another, stretch=self.field))
        for strip in (self.read, self.told):
            strip.setFixedHeight(58)
            strip.set_mode("background")
            rows.addWidget(strip)
        rows.addWidget(self.score)
        rows.addWidget(self.right)
        rows.addWidget(self.remark)
        self.beams.setToolTip("Beams: beginnings that the search keeps at every step")
        rows.addLayout(_row(self.ways, self.beams, None))
        rows.addLayout(_row(self.views, None, self.heads))
        self._stack.addWidget(self.matrix)
        self._stack.addWidget(_scrolled(self.tree))
        self._stack.addWidget(self.nothing)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        rows.addWidget(self._stack, 1)
        return body

    def _connect(self) -> None:
        self.field.committed.connect(self._typed)
        self._tried.changed.connect(self._tried_changed)
        self.another.clicked.connect(self.take_another)
        self.beams.committed.connect(self._wider)
        for choice in (self.ways, self.views):
            choice.value_changed.connect(self._show_way)
        self.heads.committed.connect(self._show_way)
        self.matrix.hovered.connect(self._light)
        self.matrix.picked.connect(self._point)
        self.told.hovered.connect(self._light_row)
        self.told.clicked.connect(self._point)
        self.read.hovered.connect(self._light_column)
        self.tree.picked.connect(self.tree.set_chosen)

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        return dataset.writes is not None and dataset.source == "ids"

    # What is asked

    @override
    def question(self) -> Translate | None:
        dataset = self.session.dataset
        if dataset is not None and self._tried.data != dataset.content_hash:
            self._tried.data, self._tried.taken = dataset.content_hash, 0
            self.take_another()
        wish = Translate(int(self.beams.value()), self._tried.right)
        return wish if self._tried.text else None

    @override
    def text(self) -> str | None:
        return self._tried.text

    @Slot(str)
    def _typed(self, text: str) -> None:
        if text.strip():
            self._tried.read(text, self._known(text))

    @Slot()
    def take_another(self) -> None:
        """Read the next source of the held-out part, whose right translations are known."""
        dataset = self.session.dataset
        if dataset is None or not self.fits(dataset):
            return
        task, at = dataset.held_out_task, self._tried.taken
        self._tried.taken += 1
        if isinstance(task, PairsTask):
            places = sorted(task.once, key=lambda place: task.source.lengths[place] < _SHORT)
            place = places[at % len(places)]
            text, right = task.source.texts[place], task.references(place)
        else:
            lines = dataset.preview("valid", 20_000).split("\n")[:_EXAMPLES]
            text, _, wanted = lines[at % len(lines)].partition(" → ")
            right = (wanted,)
        self._tried.read(text, right)

    def _known(self, text: str) -> tuple[str, ...]:
        """Return the right translations of a typed source that the file has."""
        dataset = self.session.dataset
        for task in () if dataset is None else (dataset.held_out_task, dataset.task):
            if isinstance(task, PairsTask):
                found = task.translations(text)
                if found:
                    return found
        return ()

    @Slot()
    def _tried_changed(self) -> None:
        self.field.set_value(self._tried.text)
        self.ask_again()

    @Slot()
    def _wider(self) -> None:
        self.ask_again()

    # What is shown

    @override
    def show_reading(self, reading: Translated) -> None:
        self.read.set_tokens([f"{token} " for token in reading.source])
        self.tree.set_tree(reading.tree)
        names = _heads(reading.greedy)
        new = self.heads.value() not in [key for key, _ in names]
        self.heads.set_options(names)
        if names and new:
            self.heads.set_value(names[-1][0])
        self.heads.setVisible(len(names) > 1)
        self._tell_right(reading)
        self._show_way()

    @property
    def written(self) -> WrittenFor | None:
        """What is in view: the greedy choice, or the best beam."""
        reading: Translated | None = self.reading
        if reading is None:
            return None
        return reading.beam if self.ways.value() == "beam" else reading.greedy

    def weights(self) -> NDArray[np.float64]:
        """Return the alignment in view (T, S); empty without attention."""
        found = self.written
        if found is None or not found.aligned:
            return np.zeros((0, 0))
        site, _, head = str(self.heads.value() or "0/0").partition("/")
        return np.asarray(found.aligned[int(site)].weights[int(head)], np.float64)

    @Slot()
    @Slot(object)
    def _show_way(self, _value: object = None) -> None:
        found, reading = self.written, self.reading
        if found is None:
            return
        self.told.set_tokens([f"{token} " for token in found.tokens])
        weights = self.weights()
        if len(weights):
            self.matrix.set_data(weights, (0.0, 1.0))
            self.matrix.set_labels(found.tokens, reading.source)
        tree = self.views.value() == "tree"
        self._stack.setCurrentIndex(1 if tree else 0 if len(weights) else 2)
        self.nothing.setText(
            "No attention looks at the source here: one vector is all that the decoder gets. "
            "Choose a run with attention beside to compare."
        )
        self._tell_score(found)
        self._light(-1, -1)
        self.tell()

    def _tell_right(self, reading: Translated) -> None:
        shown = " / ".join(self._tried.right[:4])
        more = len(self._tried.right) - 4
        told = f"Right: {shown}" + (f" and {more} more" if more > 0 else "") if shown else ""
        self.right.setText(told)
        self.right.setVisible(bool(told))
        words = []
        if reading.skipped:
            words.append(f"Not known: {', '.join(reading.skipped[:6])}.")
        if reading.cut:
            words.append(f"{reading.cut} tokens at the end are not read.")
        self.remark.setText(" ".join(words))
        self.remark.setVisible(bool(words))

    @override
    def words(self, reading: Translated) -> str:
        found = self.written or reading.greedy
        return (
            "right" if found.exact else "" if math.isnan(found.chrf) else f"chrF {found.chrf:.0f}"
        )

    def _tell_score(self, found: WrittenFor) -> None:
        parts = ["Exactly right"] if found.exact else []
        if not math.isnan(found.chrf):
            parts.append(f"chrF {found.chrf:.1f}")
        parts.append(f"ln p = {format_number(found.log_p, '.2f')}")
        r = straightness(self.weights()[: _inner(found)]) if found.aligned else math.nan
        if not math.isnan(r):
            parts.append(f"expected place against step: r = {format_number(r, '.2f')}")
        self.score.setText(" · ".join(parts))

    # The pointer

    @Slot(int, int)
    def _light(self, row: int, column: int) -> None:
        """Light the row's weights on the source, and the column's on what was written."""
        weights = self.weights()
        rows, columns = weights.shape
        self.read.set_values(weights[row] if 0 <= row < rows else None, limit=1.0)
        self.told.set_values(weights[:, column] if 0 <= column < columns else None, limit=1.0)
        self.matrix.set_cursor(row=row if 0 <= row < rows else None)

    @Slot(int)
    def _light_row(self, row: int) -> None:
        self._light(row, -1)

    @Slot(int)
    def _light_column(self, column: int) -> None:
        self._light(-1, column)

    @Slot(int)
    @Slot(int, int)
    def _point(self, row: int, _column: int = 0) -> None:
        self.session.move_cursor(t=row)

    @override
    def show_cursor(self) -> None:
        rows = len(self.weights())
        if rows:
            self.matrix.set_cursor(row=min(self.session.cursor.t, rows - 1))


def _heads(found: WrittenFor) -> list[tuple[str, str]]:
    """Return key and name of every head that looks at the source."""
    return [
        (f"{site}/{head}", each.name + (f", head {head + 1}" if len(each.weights) > 1 else ""))
        for site, each in enumerate(found.aligned)
        for head in range(len(each.weights))
    ]


def _inner(found: WrittenFor) -> int:
    """Return how many tokens write something: the sign to end looks anywhere."""
    return max(1, len(found.tokens) - 1)


def _row(*parts: QWidget | None, stretch: QWidget | None = None) -> QHBoxLayout:
    """Put controls side by side; None takes the room that is left."""
    line = QHBoxLayout()
    line.setSpacing(6)
    for part in parts:
        if part is None:
            line.addStretch(1)
        else:
            line.addWidget(part, 1 if part is stretch else 0)
    return line


def _scrolled(inner: QWidget) -> QScrollArea:
    scroll = QScrollArea()
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setWidgetResizable(True)
    scroll.setWidget(inner)
    return scroll
