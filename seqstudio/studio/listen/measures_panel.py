"""`MeasuresPanel`: what can be counted in a tune, beside the held-out tunes of the corpus."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.dataset import Dataset
from seqstudio.music.codings import Coding
from seqstudio.studio.listen.findings import (
    Copied,
    Corpus,
    Findings,
    copied_run,
    corpus_of,
    findings_of,
    many_of,
    music_of,
)
from seqstudio.studio.listen.measure_rows import NAMES, Row, rows_of_many, rows_of_tune, whole
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.listen.takes import Take
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import ElidedLabel, Label, ProgressBar, Segments
from seqstudio.studio.widgets.token_lines import shown_text

if TYPE_CHECKING:
    from seqstudio.studio.session import Session


#: Takes that are summed up together; a millisecond each at the first time.
MOST_TAKES = 200


class MeasuresPanel(MusicPanel):
    """Numbers about the tune, or about all takes; none of them measures beauty."""

    title = "Is it music?"
    explanation: ClassVar[Explanation] = Explanation(
        "Bars that add up: bars whose notes and rests fill the metre, over all bars in a metre. "
        "Pickups, and two short bars that make a full one across a repeat, count as full.\n\n"
        "Surprise per token: mean -ln p of the tokens of its coding that the model chose, after "
        "temperature, top k and top p; beside it the loss on held-out data. Units of different "
        "codings cannot be compared.\n\n"
        "Notes in one scale: the largest share of notes in one major or natural minor scale. "
        "Pitch classes: entropy of the twelve, 3.58 bits for all alike. Groove: how alike the "
        "rhythms of neighbouring bars are. Repeated bars: those that stood before, note by note. "
        "Notes at a time: mean where any sounds. Empty beats: those in which nothing sounds.\n\n"
        "Longest copied run: the longest passage after the header that stands letter by letter "
        "in the training text, and the tune that it stands in; it is underlined in the text. "
        "The corpus is the held-out part, mean and standard deviation: what tunes have that "
        "nobody trained on. None of these numbers measures beauty.",
        source="Blumer et al. 1985 for the longest common passage; after MusPy and MusDr",
    )

    def __init__(
        self,
        session: Session,
        parent: QWidget | None = None,
        *,
        listen: ListenSession | None = None,
    ) -> None:
        super().__init__(session, parent, listen=listen)
        self.desk = TakeDesk.of(self.listen)
        self.findings: Findings | None = None
        self.corpus: Corpus | None = None
        self.copied: Copied | None = None
        self._measured: Take | None = None
        self._dataset: Dataset | None = None
        self._counts = _Counts(self.listen)
        self._counts.corpus_came.connect(self._corpus_came)
        self._counts.copy_came.connect(self._copy_came)
        self.of = Segments(
            [("tune", "Tune"), ("all", "All")], name="Of this tune, or of all takes"
        )
        self.header.add_switch(self.of)
        self._rows = {name: _MeasureRow(name) for name in NAMES}
        self.passage = Label("", "small", "textMid", wrap=True)
        self.set_body(self._lay_out())
        self.of.value_changed.connect(self.invalidate)
        self.desk.shelf_changed.connect(self.invalidate)

    def _lay_out(self) -> QWidget:
        body = _Well()
        column = QVBoxLayout(body)
        column.setContentsMargins(16, 8, 16, 8)
        column.setSpacing(0)
        for row in self._rows.values():
            column.addWidget(row)
        column.addWidget(self.passage)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        return scroll

    @override
    def draw_take(self, take: Take) -> None:
        self._measure_corpus()
        if take is not self._measured:
            self._measured, self.copied = take, None
            self.desk.mark_passage(None)
            self.findings = findings_of(take.tune)
            dataset = self.session.dataset
            if take.done and dataset is not None:
                self._counts.copy(take, dataset)

    def _measure_corpus(self) -> None:
        dataset, coding = self.session.dataset, self.listen.coding
        if dataset is not self._dataset and dataset is not None and coding is not None:
            self._dataset, self.corpus = dataset, None
            self._counts.corpus(dataset, coding)

    @Slot(object, object)
    def _corpus_came(self, dataset: object, corpus: object) -> None:
        if dataset is self._dataset and isinstance(corpus, Corpus):
            self.corpus = corpus
            self.invalidate()

    @Slot(object, object)
    def _copy_came(self, take: object, copied: object) -> None:
        if take is self._measured and isinstance(take, Take) and isinstance(copied, Copied):
            self.copied = copied
            first = take.start + len(take.tune_text) - len(music_of(take.tune_text)) + copied.start
            self.desk.mark_passage((first, first + len(copied.text)) if copied.text else None)
            self.invalidate()

    @override
    def to_image(self, width: int, height: int, ratio: float = 1.0) -> QImage:
        """Return a picture with every number in it: what is still being counted is waited for."""
        dataset, take, coding = self.session.dataset, self.take, self.listen.coding
        if dataset is not None and take is not None and coding is not None:
            training = whole(dataset, "train")
            if self.corpus is None:
                self._dataset = dataset
                self.corpus = corpus_of(whole(dataset, "valid"), training, coding)
            if self.copied is None and take.done:
                self._measured, self.findings = take, findings_of(take.tune)
                self.copied = copied_run(music_of(take.tune_text), training, take.coding)
        return super().to_image(width, height, ratio)

    @override
    def tell(self) -> None:
        take = self.take
        if take is None or not self.listen.is_music or self.findings is None:
            self.header.set_subtitle("")
            return
        about = "this tune" if take.done else "so far"
        if self.of.value() == "all":
            count = len(self.desk.shelf.takes)
            about = f"{count} takes" if count <= MOST_TAKES else f"{MOST_TAKES} newest takes"
        if self.corpus is not None:
            about += f", beside {self.corpus.tunes} held-out tunes"
        self.header.set_subtitle(about)
        for name, row in self.rows().items():
            self._rows[name].set_row(row)
        self._tell_passage(take)

    def _tell_passage(self, take: Take) -> None:
        copied = self.copied
        shown = copied is not None and bool(copied.text) and self.of.value() == "tune"
        self.passage.setVisible(shown)
        if copied is not None and shown:
            where = f", in “{copied.title}”" if copied.title else ""
            unit = take.coding.token_name
            self.passage.setText(f"Copied: {shown_text(copied.text[:120])}{where} "
                                 f"({copied.tokens} {unit}s)")  # fmt: skip

    def rows(self) -> dict[str, Row]:
        """Return what stands in each row now."""
        if self.of.value() == "all":
            newest = self.desk.shelf.takes[-MOST_TAKES:]
            return rows_of_many(many_of([take.findings for take in newest]), self.corpus)
        return rows_of_tune(self.findings, self.corpus, self.take, self.copied, self._loss())

    def _loss(self) -> float:
        known = self.session.history.validations
        return known[-1].loss if known else math.nan

    @override
    def measured(self) -> list[tuple[str, str]]:
        rows = [(name, row.value) for name, row in self.rows().items()]
        if self.copied is not None and self.copied.text:
            rows.append(("The copied run", shown_text(self.copied.text[:60])))
            rows.append(("It stands in", self.copied.title or "a tune without a title"))
        if self.corpus is not None:
            rows.append(("Copies compared", f"{self.corpus.compared} held-out tunes"))
        return rows


class _Counts(QObject):
    """Counts in worker threads.

    Signals:
        corpus_came(object, object): data set, `Corpus`.
        copy_came(object, object): take, `Copied`.
    """

    corpus_came = Signal(object, object)
    copy_came = Signal(object, object)

    def __init__(self, listen: ListenSession) -> None:
        super().__init__(listen)
        self._listen = listen

    def corpus(self, dataset: Dataset, coding: Coding) -> None:
        """Count the held-out tunes."""
        self._listen.in_background(
            lambda: corpus_of(whole(dataset, "valid"), whole(dataset, "train"), coding),
            lambda corpus: self.corpus_came.emit(dataset, corpus),
        )

    def copy(self, take: Take, dataset: Dataset) -> None:
        """Look for the longest passage that stands in the training text."""
        self._listen.in_background(
            lambda: copied_run(music_of(take.tune_text), whole(dataset, "train"), take.coding),
            lambda copied: self.copy_came.emit(take, copied),
        )


class _Well(QWidget):
    """A ground for content, darker than docks in dark and lighter in light."""

    def __init__(self) -> None:
        super().__init__()
        follow_theme(self)

    @Slot()
    def restyle(self) -> None:
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        QPainter(self).fillRect(self.rect(), theme().color("surface0"))


class _MeasureRow(QWidget):
    """Name, value and corpus value over a bar with the tick of the corpus."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value = Label("–", "monoSmall", "textHi")
        self._corpus = ElidedLabel("", "small", "textLow")
        self._bar = ProgressBar("textMid", name=name)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 4, 0, 2)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        grid.addWidget(ElidedLabel(name, "small", "textMid"), 0, 0)
        grid.addWidget(self._value, 0, 1)
        grid.addWidget(self._corpus, 0, 2)
        grid.addWidget(self._bar, 1, 0, 1, 3)
        grid.setColumnStretch(0, 1)
        self._value.setAccessibleName(name)

    def set_row(self, row: Row) -> None:
        self._value.setText(row.value)
        self._value.set_tone(row.tone)
        self._corpus.setText(row.corpus)
        self._bar.setVisible(not math.isnan(row.share))
        self._bar.set_fraction(0.0 if math.isnan(row.share) else row.share)
        self._bar.set_tick(None if math.isnan(row.tick) else min(1.0, row.tick))
