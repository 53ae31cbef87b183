"""The Data panel: what the model reads, as it reads it, and the floor that it has to beat."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.core.showing import shown
from seqstudio.data.corpora import resolve
from seqstudio.data.floor import Floor, floor
from seqstudio.data.leaks import find_leaks
from seqstudio.data.seeing import seen
from seqstudio.data.tallies import Tally, tally
from seqstudio.data.tasks.base import Listed
from seqstudio.document.edits import SetSetting
from seqstudio.records.messages import Facts
from seqstudio.studio.clocks import visible
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.data.columns import ROLES_OF, ColumnsView, read_facts
from seqstudio.studio.panels.data.counting import Counting
from seqstudio.studio.panels.data.views import (
    BalanceView,
    ExamplesView,
    LeaksView,
    VocabularyView,
)
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
VIEWS = [
    ("data", "Data"), ("columns", "Columns"), ("vocabulary", "Vocabulary"),
    ("balance", "Balance"), ("leaks", "Leaks"),
]  # fmt: skip
NO_TABLE = (
    "These data have no columns. Open a table, CSV or TSV, with a text and a label, a time and a "
    "value, or two sentences a row: drop it anywhere on the window."
)
NO_FILE = "The built-in data are no table. Drop a CSV or TSV of your own on the window."


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
        "Leaks: held-out examples that stand in the training part too. Nearly the same: the same "
        "words, whatever their case, signs and spaces. Thirteen words in a row: as GPT-3's check "
        "of contamination counts (Brown et al. 2020, appendix C).\n\n"
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
        self._view = Segments(VIEWS, name="View")
        self._view.value_changed.connect(self._show_view)
        self.header.add_switch(self._view)
        self.examples, self.columns = ExamplesView(self), ColumnsView(self)
        self.vocabulary, self.balance = VocabularyView(self), BalanceView(self)
        self.leaks = LeaksView(self)
        self._counts, self._looks, self._tables = Counting(self), Counting(self), Counting(self)
        for counting in (self._counts, self._looks, self._tables):
            counting.done.connect(self._counted)
        self._floors = Counting(self)
        self._floors.done.connect(self.invalidate)
        self._looked_for = ""
        self.leaks.wanted.connect(self._look_for_leaks)
        self.leaks.given_up.connect(self._stop_looking)
        self.columns.columns_chosen.connect(self._choose_columns)
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
        text = QWidget(body)
        beside = QHBoxLayout(text)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(0)
        beside.addWidget(self._text, 3)
        beside.addWidget(self._tokens, 1)
        self._stack = QStackedWidget(body)
        self._text_page = text
        for page in (text, self.examples, self.columns, self.vocabulary, self.balance, self.leaks):
            self._stack.addWidget(page)
        row.addWidget(self._stack, 1)
        side = QWidget(body)
        side.setFixedWidth(theme().metric("inspector") + 40)
        side.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        rows = QVBoxLayout(side)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(6)
        rows.addWidget(self._part, 0, Qt.AlignmentFlag.AlignLeft)
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
        told = (self._classes, self._music_words, self._symbols, self._notes, self._origin)
        for widget in told:
            rows.addWidget(widget)
        rows.addStretch(1)
        rows.addWidget(self._choose, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addWidget(self._get, 0, Qt.AlignmentFlag.AlignLeft)
        area = QScrollArea(body)
        area.setWidget(side)
        area.setWidgetResizable(True)
        area.setFixedWidth(side.width())
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        row.addWidget(area)
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
            chosen: Part = "valid" if part == "valid" else "train"
            _set_text(self._text, dataset.preview(chosen, PREVIEW))
            self._tokens.setVisible(self._is_music)
            _set_text(self._tokens, _numbered(dataset, chosen) if self._is_music else "")
            self._show_view(self._view.value())

    # The views beside the text

    @Slot(str)
    def _show_view(self, view: str) -> None:
        dataset = self.session.dataset
        self._part.setVisible(view == "data")
        if dataset is None:
            return
        listed = dataset.generated and not self._is_music
        pages = {
            "data": self.examples if listed else self._text_page,
            "columns": self.columns,
            "vocabulary": self.vocabulary,
            "balance": self.balance,
            "leaks": self.leaks,
        }
        self._stack.setCurrentWidget(pages[view])
        if view in {"vocabulary", "balance"}:
            self._show_counts(dataset)
        elif view == "columns":
            self._show_columns()
        elif view == "leaks":
            self._show_leaks(dataset)
        elif listed:
            self.examples.show_part(dataset, "valid" if self._part.value() == "valid" else "train")

    @Slot()
    def _counted(self) -> None:
        self._show_view(self._view.value())

    def _show_counts(self, dataset: Dataset) -> None:
        found = self._counts.found(dataset.content_hash, partial(tally, dataset))
        if isinstance(found, Tally):
            self.vocabulary.show_tally(dataset, found)
            self.balance.show_tally(dataset, found)
        else:
            words = shown(found.sentence(), 600) if isinstance(found, SeqError) else "Counting…"
            self.vocabulary.unknown.setText(words)
            self.balance.words.setText(words)

    def _show_columns(self) -> None:
        data = self.session.project.data
        if data.kind not in ROLES_OF:
            self.columns.tell(NO_TABLE)
            return
        path = resolve(data.path, self.session.base) if data.path else None
        if path is None or path.is_dir():
            self.columns.tell(NO_FILE)
            return
        try:
            stamp = path.stat().st_mtime_ns
        except OSError:
            stamp = 0
        facts = self._tables.found((str(path), stamp), partial(read_facts, path))
        if facts is None:
            self.columns.tell("Reading the table…")
        else:
            self.columns.show_facts(facts, data.kind, data.columns)

    @Slot(str)
    def _choose_columns(self, columns: str) -> None:
        try:
            self.session.document.apply(SetSetting("data", "columns", columns, "Choose columns"))
        except SeqError as error:
            self.session.tell(error)

    def _show_leaks(self, dataset: Dataset) -> None:
        key = dataset.content_hash
        if dataset.task is not None and not isinstance(dataset.task, Listed):
            self.leaks.show_state("drawn")
        elif self._looked_for != key:
            self.leaks.show_state("idle")
        else:
            found = self._looks.found(key, partial(find_leaks, dataset))
            if found is not None:
                self.leaks.show_leaks(found)
            else:
                self.leaks.show_state("busy" if self._looks.busy else "idle")

    @Slot()
    def _look_for_leaks(self) -> None:
        if self.session.dataset is not None:
            self._looked_for = self.session.dataset.content_hash
            self._looks.again()
            self._show_leaks(self.session.dataset)

    @Slot()
    def _stop_looking(self) -> None:
        self._looks.give_up()
        self._looked_for = ""
        self._counted()

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
            rows.append(self._floor_row(dataset))
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

    def _floor_row(self, dataset: Dataset) -> tuple[str, str]:
        """Return the floor with its name, once it is counted beside the window."""
        found = self._floors.found(dataset.content_hash, lambda _stopped: floor(dataset))
        if isinstance(found, Floor):
            return found.name, f"{found.value:.3f}"
        return "floor to beat", "counting…" if found is None else "counted when training starts"

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
    if isinstance(dataset.task, Listed):
        held = dataset.held_out_task
        rows = [("examples to learn from", f"{len(dataset.task):,}")]
        rows += [("held out", f"{len(held):,}")] if isinstance(held, Listed) else []
    elif dataset.generated:
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
