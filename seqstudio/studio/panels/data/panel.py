"""The Data panel: what the model reads, as it reads it, and the floor that it has to beat."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.data.seeing import seen
from seqstudio.records.messages import Facts
from seqstudio.studio.clocks import visible
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.music_counts import (
    MusicCounter,
    PitchClasses,
    music_rows,
    music_words,
)
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import Button, Label, Segments

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset, Part
    from seqstudio.studio.session import Session

PREVIEW = 4000
SEEN = 1000
"""Steps whose numbers are shown."""
_MUSIC_ROWS = 9
SHOWN_SYMBOLS = 40


class DataPanel(Panel):
    """Corpus, split, vocabulary, examples, floor.

    Signals:
        file_wanted: the person wants to choose a file of their own.
        get_wanted: the person wants to see the public data sets.
    """

    title = "Data"
    kinds: ClassVar[frozenset[type]] = frozenset({Facts})
    explanation = Explanation(
        "The text is cut once: its end is held out and never trained on. Chance is the loss of a "
        "uniform guess, ln V. The floor is the best method without a network: interpolated "
        "counting of character sequences (Witten and Bell) on the training part, measured on the "
        "held-out part.\n\n"
        "Music: the list beside the text has one line a step, its place, the number that the "
        "model reads, and the token. The measures are means over the training pieces. In one "
        "scale: the largest share of notes in one major or minor scale. Groove alike: share of "
        "the 16 steps of a bar in which it begins notes as the bar before does. Bars repeated: "
        "share of bars that stood before, note by note."
    )
    file_wanted = Signal()
    get_wanted = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._part = Segments([("train", "Training part"), ("valid", "Held out")], name="Part")
        self._part.value_changed.connect(self._show_part)
        self.header.add_switch(self._part)
        self._text = QPlainTextEdit(self)
        self._text.setReadOnly(True)
        self._text.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self._text.setAccessibleName("The data as the model reads them")
        self._tokens = QPlainTextEdit(self)
        self._tokens.setReadOnly(True)
        self._tokens.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self._tokens.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._tokens.setAccessibleName("Place, number and token of every step")
        self._tokens.hide()
        self._counter = MusicCounter(self)
        self._counter.counted.connect(self.invalidate)
        self._music_names = [
            Label("", "small", "textMid", parent=self) for _ in range(_MUSIC_ROWS)
        ]
        self._music_values = [Label("", "mono", "textHi", parent=self) for _ in range(_MUSIC_ROWS)]
        self._music_words = Label("", "small", "textMid", wrap=True, parent=self)
        self._classes = PitchClasses(self)
        self._classes.hide()
        self._names = [Label("", "small", "textMid", parent=self) for _ in range(7)]
        self._values = [Label("", "mono", "textHi", parent=self) for _ in range(7)]
        self._symbols = Label("", "monoSmall", "textMid", wrap=True, parent=self)
        self._notes = Label("", "small", "textMid", wrap=True, parent=self)
        self._origin = Label("", "small", "textLow", wrap=True, parent=self)
        self._choose = Button("Use your own file", icon="folder", parent=self)
        self._choose.clicked.connect(self.file_wanted)
        self._get = Button("Get data", icon="import", parent=self)
        self._get.clicked.connect(self.get_wanted)
        self.set_body(self._lay_out())
        follow_theme(self)

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._text, 3)
        row.addWidget(self._tokens, 1)
        side = QWidget(body)
        side.setFixedWidth(theme().metric("inspector") + 40)
        side.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        rows = QVBoxLayout(side)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(6)
        grid = QGridLayout()
        grid.setVerticalSpacing(4)
        for index, (name, value) in enumerate(zip(self._names, self._values, strict=True)):
            grid.addWidget(name, index, 0)
            grid.addWidget(value, index, 1, Qt.AlignmentFlag.AlignRight)
        rows.addLayout(grid)
        counts = QGridLayout()
        counts.setVerticalSpacing(4)
        pairs = zip(self._music_names, self._music_values, strict=True)
        for index, (name, value) in enumerate(pairs):
            counts.addWidget(name, index, 0)
            counts.addWidget(value, index, 1, Qt.AlignmentFlag.AlignRight)
        rows.addLayout(counts)
        shown = (self._classes, self._music_words, self._symbols, self._notes, self._origin)
        for widget in shown:
            rows.addWidget(widget)
        rows.addStretch(1)
        rows.addWidget(self._choose, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addWidget(self._get, 0, Qt.AlignmentFlag.AlignLeft)
        row.addWidget(side)
        return body

    @override
    def draw(self) -> None:
        dataset = self.session.dataset
        if dataset is None:
            error = self.session.data_error
            if error is None:
                self.show_empty("data", "The data are being read", "", cover=True)
            else:
                self.show_empty(
                    "data", error.what, f"{error.why} {error.hint}".strip(), cover=True
                )
            return
        self.show_body()
        self._show_part(self._part.value())
        self._show_facts(dataset)

    @Slot(str)
    def _show_part(self, part: str) -> None:
        dataset = self.session.dataset
        if dataset is not None:
            shown: Part = "valid" if part == "valid" else "train"
            _set_text(self._text, dataset.preview(shown, PREVIEW))
            self._tokens.setVisible(self._is_music)
            _set_text(self._tokens, _numbered(dataset, shown) if self._is_music else "")

    @property
    def _is_music(self) -> bool:
        data = self.session.project.data
        return data.kind in data.FROM_TUNES

    def _show_music(self, dataset: Dataset) -> None:
        """Show the music in numbers, once it is counted."""
        data = self.session.project.data
        facts = None
        if self._is_music and self.isVisible():
            facts = self._counter.found(dataset.content_hash, data, self.session.base)
        rows = music_rows(facts) if facts else [("", "")] * _MUSIC_ROWS
        labels = zip(self._music_names, self._music_values, rows, strict=True)
        for name, value, (left, right) in labels:
            name.setText(left)
            value.setText(right)
            name.setVisible(bool(left))
            value.setVisible(bool(left))
        self._classes.show_shares(facts.pitch_classes if facts else ())
        self._music_words.setText(music_words(facts) if facts else "")
        self._music_words.setVisible(bool(facts))

    def _show_facts(self, dataset: Dataset) -> None:
        facts = self.session.history.facts
        rows = list(_rows(dataset))
        rows.append(("chance", f"{dataset.chance:.3f}"))
        if facts is not None and facts.floor_name:
            rows.append((facts.floor_name, f"{facts.floor:.3f}"))
        else:
            rows.append(("floor to beat", "counted when training starts"))
        rows += [("", "")] * (len(self._names) - len(rows))
        for (name, value), left, right in zip(rows, self._names, self._values, strict=True):
            left.setText(name)
            right.setText(value)
        self._symbols.setText(_symbol_words(dataset))
        self._symbols.setVisible(bool(self._symbols.text()))
        self._notes.setText("\n".join(dataset.notes))
        self._notes.setVisible(bool(dataset.notes))
        self._origin.setText(dataset.origin)
        self._show_music(dataset)

    @override
    def tell(self) -> None:
        dataset = self.session.dataset
        if dataset is not None:
            self.header.set_subtitle(f"{dataset.title}, loss in {dataset.unit}")

    @Slot()
    def restyle(self) -> None:
        """Take the font of the theme in force."""
        self._text.setFont(theme().font("mono"))
        self._tokens.setFont(theme().font("mono"))


def _set_text(field: QPlainTextEdit, text: str) -> None:
    """Write into a field, which stays where it was scrolled to when nothing changes."""
    if field.toPlainText() != text:
        field.setPlainText(text)


def _numbered(dataset: Dataset, part: Part) -> str:
    """Return a line a step: place, number, token."""
    rows = seen(dataset, part, SEEN)
    wide = max((len(number) for number, _token in rows), default=0)
    return "\n".join(
        f"{place:>4}  {number:>{wide}}  {token}".rstrip()
        for place, (number, token) in enumerate(rows)
    )


def _rows(dataset: Dataset) -> list[tuple[str, str]]:
    if dataset.generated:
        rows = [("examples", "drawn without end")]
    else:
        rows = [
            ("to learn from", f"{len(dataset.train):,}"),
            ("held out", f"{len(dataset.valid):,}"),
        ]
    if dataset.vocabulary is not None:
        rows.append(("symbols", f"{len(dataset.vocabulary.symbols)}"))
    if dataset.source_vocabulary is not None:
        rows.append(("symbols of the source", f"{len(dataset.source_vocabulary.symbols)}"))
    if dataset.picture:
        rows.append(("picture", " × ".join(map(str, dataset.picture))))
    if dataset.vector_width:
        rows.append(("numbers a step", f"{dataset.vector_width}"))
    if dataset.classes:
        rows.append(("classes", f"{len(dataset.classes)}"))
    return rows[:5]


def _symbol_words(dataset: Dataset) -> str:
    """Return the most frequent symbols with their share."""
    if dataset.vocabulary is None or dataset.generated or not len(dataset.train):
        return ""
    counts = np.bincount(dataset.train, minlength=len(dataset.vocabulary.symbols))
    share = counts / max(int(counts.sum()), 1)
    order = np.argsort(-counts)[:SHOWN_SYMBOLS]
    entropy = -math.fsum(float(p) * math.log(p) for p in share if p > 0)
    words = "  ".join(
        f"{visible(dataset.vocabulary.symbols[i])} {share[i]:.1%}".replace("%", " %")
        for i in order[:12]
    )
    return f"{words}\nentropy of single symbols {entropy:.3f} nats"
