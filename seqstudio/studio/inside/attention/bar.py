"""`PassageBar`: which text or example is read, and which head is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from seqstudio.records.inside.attention import LONGEST, AttentionRead, AttentionSite
from seqstudio.studio.inside.attention.desk import desk_of
from seqstudio.studio.panels.probe_field import ProbeField
from seqstudio.studio.widgets import (
    ComboField,
    ElidedLabel,
    IconButton,
    Label,
    NumberField,
    Segments,
)

if TYPE_CHECKING:
    from seqstudio.studio.session import Session


class PassageBar(QWidget):
    """The text field, and below it the head, the example, who writes it and how long it is.

    Args:
        session: Whose desk it moves.
        heads: Whether a head can be chosen.
    """

    def __init__(
        self, session: Session, *, heads: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._desk = session, desk_of(session)
        self._options: tuple[AttentionSite, ...] = ()
        self.text = ProbeField(self)
        self.head = ComboField((), name="Head", parent=self)
        self.head.setVisible(heads)
        self.back = IconButton("chevron-left", "Example before this", parent=self)
        self.count = Label("1", "mono", "textMid", parent=self)
        self.next = IconButton("chevron-right", "Next example", parent=self)
        self.writer = Segments(
            [("true", "True text"), ("model", "Written")], name="Who writes", parent=self
        )
        self.steps = NumberField(
            self._desk.example.steps, 2, LONGEST, form="int", name="Tokens", parent=self
        )
        self._steps_name = Label("Tokens", "small", "textMid", parent=self)
        self.note = ElidedLabel("", "small", "textMid", parent=self)
        self._lay_out(heads)
        self._connect()

    def _lay_out(self, heads: bool) -> None:
        line = QHBoxLayout()
        line.setContentsMargins(12, 0, 12, 0)
        line.setSpacing(6)
        if heads:
            line.addWidget(self.head, 1)
        for widget in (
            self.back,
            self.count,
            self.next,
            self.writer,
            self._steps_name,
            self.steps,
        ):
            line.addWidget(widget)
        if not heads:
            line.addStretch(1)
        note = QHBoxLayout()
        note.setContentsMargins(12, 0, 12, 0)
        note.addWidget(self.note)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(2)
        rows.addWidget(self.text)
        rows.addLayout(line)
        rows.addLayout(note)
        self.note.hide()

    def _connect(self) -> None:
        self.text.chosen.connect(self._session.set_probe_text)
        self.head.committed.connect(self._head_chosen)
        self.back.clicked.connect(self._go_back)
        self.next.clicked.connect(self._go_on)
        self.writer.value_changed.connect(self._writer_chosen)
        self.steps.committed.connect(self._steps_chosen)

    # What is shown

    def show_data(self) -> None:
        """Show what the data allow: a text to type, an example to choose, a text to write."""
        dataset, desk = self._session.dataset, self._desk
        source = dataset is not None and dataset.source
        vocabulary = None
        if dataset is not None:
            vocabulary = dataset.source_vocabulary if source else dataset.vocabulary
        self.text.setVisible(vocabulary is not None)
        self.text.set_vocabulary(vocabulary)
        self.text.set_text(self._session.project.sampling.probe_text)
        hint = "a held-out example" if source else "the beginning of the held-out text"
        self.text.field.setPlaceholderText(hint)
        writes = dataset is not None and dataset.writes is not None
        self.writer.setVisible(bool(writes))
        self.writer.set_value("model" if desk.example.written else "true")
        long = vocabulary is not None and not source
        self.steps.setVisible(long)
        self._steps_name.setVisible(long)
        self.steps.set_value(desk.example.steps)

    def show_read(self, read: AttentionRead) -> None:
        """Show which example it is, and what was left out of a typed text."""
        several = read.examples > 1
        for widget in (self.back, self.count, self.next):
            widget.setVisible(several)
        number = self._desk.example.number % max(1, read.examples)
        self.count.setText(f"{number + 1} of {read.examples:,}")
        words = [f"{read.cut:,} tokens at the end are left off"] if read.cut else []
        if read.wanted:
            wrote = " ".join if _are_words(read) else "".join
            right = wrote(read.targets).removesuffix("$").rstrip() == read.wanted
            words.append("Written exactly right" if right else f"Wanted: {read.wanted}")
        self.note.setText(". ".join(words))
        self.note.setVisible(bool(words))

    def show_heads(self, sites: Sequence[AttentionSite], key: str, head: int) -> None:
        """Offer every head of these places; show the one in view."""
        if tuple(sites) != self._options:
            self._options = tuple(sites)
            self.head.set_options([((s.key, n), head_name(s, n)) for s in sites
                                   for n in range(s.heads)])  # fmt: skip
        if any(site.key == key for site in sites):
            self.head.set_value((key, head))

    # What the person does

    @Slot(object)
    def _head_chosen(self, value: object) -> None:
        if isinstance(value, tuple):
            self._desk.choose(*value)

    @Slot()
    def _go_back(self) -> None:
        self._desk.read(self._desk.example.number - 1)

    @Slot()
    def _go_on(self) -> None:
        self._desk.read(self._desk.example.number + 1)

    @Slot(str)
    def _writer_chosen(self, value: str) -> None:
        self._desk.read(written=value == "model")

    @Slot(object)
    def _steps_chosen(self, value: object) -> None:
        if isinstance(value, int):
            self._desk.set_steps(value)


def head_name(site: AttentionSite, head: int) -> str:
    """Return a head in words; the only one of its place needs no number."""
    return f"{site.name}, head {head + 1}" if site.heads > 1 else site.name


def _are_words(read: AttentionRead) -> bool:
    return any(len(token) > 1 for token in read.tokens)
