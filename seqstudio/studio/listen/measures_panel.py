"""`MeasuresPanel`: what can be counted in a tune, beside the held-out tunes of the corpus."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.dataset import Dataset
from seqstudio.studio.listen.findings import (
    Corpus,
    Findings,
    copied_run,
    corpus_of,
    findings_of,
    music_of,
)
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.takes import Take, tone_name
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import Label, ProgressBar
from seqstudio.studio.widgets.token_lines import shown_text

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

_RANGE_SEMITONES = 48.0
_COPY_CHARACTERS = 100.0


@dataclass(frozen=True)
class Row:
    """One measure as it is shown.

    Attributes:
        value: Of this tune, "–" while unknown.
        corpus: Of the corpus, "" while unknown.
        share: Length of the bar, NaN for none.
        tick: Where the corpus stands on the bar, NaN for nowhere.
        tone: Colour token of the value.
    """

    value: str = "–"
    corpus: str = ""
    share: float = math.nan
    tick: float = math.nan
    tone: str = "textHi"


NAMES = ("Bars that add up", "Notes in one scale", "Pitch range", "Longest copied run", "Valid")


class MeasuresPanel(MusicPanel):
    """Numbers about the tune; none of them measures beauty."""

    title = "Is it music?"
    explanation: ClassVar[Explanation] = Explanation(
        "Bars that add up: bars whose notes and rests fill the metre, over all bars in a metre. "
        "Pickups, and two short bars that make a full one across a repeat, count as full.\n\n"
        "Notes in one scale: the largest share of notes that lie in one major or natural minor "
        "scale. A tune in any church mode without accidentals has 1.\n\n"
        "Longest copied run: the longest passage after the header that stands letter by letter "
        "in the training text. Valid: it has a key and notes. The corpus is the held-out part: "
        "what tunes have that nobody trained on. None of these numbers measures beauty.",
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
        self.findings: Findings | None = None
        self.corpus: Corpus | None = None
        self.copied: str | None = None
        self._measured: Take | None = None
        self._dataset: Dataset | None = None
        self._rows = {name: _MeasureRow(name) for name in NAMES}
        body = _Well()
        column = QVBoxLayout(body)
        column.setContentsMargins(16, 8, 16, 8)
        column.setSpacing(2)
        for row in self._rows.values():
            column.addWidget(row)
        column.addStretch(1)
        self.set_body(body)

    @override
    def draw_take(self, take: Take) -> None:
        self._measure_corpus()
        if take is not self._measured:
            self._measured, self.copied = take, None
            self.findings = findings_of(take.tune)
            if take.done:
                self._measure_copy(take)

    def _measure_corpus(self) -> None:
        dataset = self.session.dataset
        if dataset is self._dataset or dataset is None:
            return
        self._dataset, self.corpus = dataset, None

        def finish(corpus: Corpus) -> None:
            if dataset is self._dataset:
                self.corpus = corpus
                self.invalidate()

        self.listen.in_background(
            lambda: corpus_of(_whole(dataset, "valid"), _whole(dataset, "train")), finish
        )

    def _measure_copy(self, take: Take) -> None:
        dataset = self.session.dataset
        if dataset is None:
            return
        written = music_of(take.tune_text)

        def finish(copied: str) -> None:
            if take is self._measured:
                self.copied = copied
                self.invalidate()

        self.listen.in_background(lambda: copied_run(written, _whole(dataset, "train")), finish)

    @override
    def to_image(self, width: int, height: int, ratio: float = 1.0) -> QImage:
        """Return a picture with every number in it: what is still being counted is waited for."""
        dataset, take = self.session.dataset, self.take
        if dataset is not None and take is not None:
            training = _whole(dataset, "train")
            if self.corpus is None:
                self._dataset, self.corpus = dataset, corpus_of(_whole(dataset, "valid"), training)
            if self.copied is None and take.done:
                self._measured, self.findings = take, findings_of(take.tune)
                self.copied = copied_run(music_of(take.tune_text), training)
        return super().to_image(width, height, ratio)

    @override
    def tell(self) -> None:
        take = self.take
        if take is None or not self.listen.is_music or self.findings is None:
            self.header.set_subtitle("")
            return
        about = "this tune" if take.done else "so far"
        if self.corpus is not None:
            about += f", beside {self.corpus.tunes} held-out tunes"
        self.header.set_subtitle(about)
        for name, row in self.rows().items():
            self._rows[name].set_row(row)

    def rows(self) -> dict[str, Row]:
        """Return what stands in each row now."""
        found, corpus = self.findings, self.corpus
        if found is None:
            return {name: Row() for name in NAMES}
        return {
            "Bars that add up": _bars(found, corpus),
            "Notes in one scale": _scale(found, corpus),
            "Pitch range": _range(found, corpus, self.take),
            "Longest copied run": _copy(self.copied, corpus),
            "Valid": _valid(found, corpus),
        }

    @override
    def measured(self) -> list[tuple[str, str]]:
        rows = [(name, row.value) for name, row in self.rows().items()]
        if self.copied:
            rows.append(("The copied run", shown_text(self.copied[:60])))
        if self.corpus is not None:
            rows.append(("Copies compared", f"{self.corpus.compared} held-out tunes"))
        return rows


def _bars(found: Findings, corpus: Corpus | None) -> Row:
    if not found.bars:
        return Row("no bars", _share_words(corpus, "full_share"))
    value = f"{found.full_bars} of {found.bars}"
    tick = corpus.full_share if corpus else math.nan
    return Row(value, _share_words(corpus, "full_share"), found.full_share, tick)


def _scale(found: Findings, corpus: Corpus | None) -> Row:
    if math.isnan(found.in_scale):
        return Row("no notes", _share_words(corpus, "in_scale"))
    tick = corpus.in_scale if corpus else math.nan
    return Row(f"{found.in_scale:.2f}", _share_words(corpus, "in_scale"), found.in_scale, tick)


def _range(found: Findings, corpus: Corpus | None, take: Take | None) -> Row:
    usual = f"corpus {corpus.semitones:.0f}" if corpus else ""
    if found.lowest is None or found.highest is None:
        return Row("no notes", usual)
    key = take.score.key if take else "none"
    span = found.highest - found.lowest
    value = f"{tone_name(found.lowest, key)}–{tone_name(found.highest, key)}, {span} semitones"
    tick = corpus.semitones / _RANGE_SEMITONES if corpus else math.nan
    return Row(value, usual, span / _RANGE_SEMITONES, tick)


def _copy(copied: str | None, corpus: Corpus | None) -> Row:
    usual = f"corpus {corpus.copied:.0f}" if corpus else ""
    if copied is None:
        return Row("–", usual)
    tick = corpus.copied / _COPY_CHARACTERS if corpus else math.nan
    return Row(f"{len(copied)} characters", usual, len(copied) / _COPY_CHARACTERS, tick)


def _valid(found: Findings, corpus: Corpus | None) -> Row:
    usual = f"corpus {corpus.clean:.2f} clean" if corpus else ""
    if found.broken:
        return Row(f"no, {found.broken}", usual, tone="error")
    if found.problems:
        return Row(f"yes, with {found.problems} problems", usual, tone="warn")
    return Row("yes, clean", usual, tone="success")


def _share_words(corpus: Corpus | None, name: str) -> str:
    return f"corpus {getattr(corpus, name):.2f}" if corpus else ""


def _whole(dataset: Dataset, part: str) -> str:
    ids = dataset.train if part == "train" else dataset.valid
    return dataset.vocabulary.decode(ids) if dataset.vocabulary else ""


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
        self._corpus = Label("", "small", "textLow")
        self._bar = ProgressBar("textMid", name=name)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 4, 0, 2)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        grid.addWidget(Label(name, "small", "textMid"), 0, 0)
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
