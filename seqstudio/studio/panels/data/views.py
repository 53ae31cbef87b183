"""The views of the Data panel beside the text itself: examples, vocabulary, balance, leaks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from seqstudio.core.errors import SeqError
from seqstudio.core.showing import shown
from seqstudio.data.tallies import Fed, Tally, fed, token_rows
from seqstudio.studio.panels.data.bars import Bars, class_bars, length_bars
from seqstudio.studio.panels.data.rows import RowsView
from seqstudio.studio.widgets import Button, Label, SearchField

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset, Part
    from seqstudio.data.leaks import Leaks

_EDGES = (12, 10, 12, 8)


class ExamplesView(RowsView):
    """Examples as the model reads them: numbers, lengths, padding, target."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Examples as the model reads them", parent=parent)
        self._of: tuple[str, str] = ("", "")

    def show_part(self, dataset: Dataset, part: Part) -> None:
        """Show the first examples of a part."""
        if (dataset.content_hash, part) != self._of:
            self._of = (dataset.content_hash, part)
            heads = ("Example", "Number and token of each step", "Steps", "Padding", "Target")
            self.show_rows(heads, [_example(each) for each in fed(dataset, part)])


def _example(each: Fed) -> tuple[str | int, ...]:
    return (each.words, each.tokens, each.length, each.padding, each.target)


class VocabularyView(QWidget):
    """Every token with its count in the training part, to sort and search."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = SearchField("Search tokens", name="Search tokens")
        self.unknown = Label("", "small", "textMid", wrap=True)
        self.rows = RowsView("Tokens with their counts", sortable=True)
        self.search.textChanged.connect(self.rows.search)
        column = _column(self)
        line = QHBoxLayout()
        line.addWidget(self.search)
        line.addWidget(self.unknown, 1)
        column.addLayout(line)
        column.addWidget(self.rows, 1)

    def show_tally(self, dataset: Dataset, counted: Tally) -> None:
        """Show the counts of a dataset."""
        rows = token_rows(dataset, counted)
        self.rows.show_rows(("Token", "Number", "Count", "Share"), rows)
        self.search.setVisible(bool(rows))
        self.unknown.setText(_unknown_words(rows, counted))


def _unknown_words(rows: list[tuple[str, int, int, float]], counted: Tally) -> str:
    if not rows:
        return "The model reads numbers here: there is no vocabulary."
    never = sum(1 for row in rows if not row[2])
    told = [f"{len(rows):,} tokens"]
    if counted.unknown is not None:
        told.append(f"unknown: {100 * counted.unknown:.1f} % of the held-out part")
    if never:
        told.append(f"{never:,} never stand in the training part")
    if counted.drawn:
        told.append("counted in 100 drawn examples")
    return ", ".join(told)


class BalanceView(QScrollArea):
    """How often each class is the answer, and how long examples are, in both parts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.classes = Bars("Classes: training part in colour, held-out part below it in grey")
        self.lengths = Bars("Steps of an example")
        self.words = Label("", "small", "textMid", wrap=True)
        inside = QWidget()
        column = _column(inside)
        for widget in (self.words, self.classes, self.lengths):
            column.addWidget(widget)
        column.addStretch(1)
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)

    def show_tally(self, dataset: Dataset, counted: Tally) -> None:
        """Show the counts of a dataset."""
        train, valid = counted.train, counted.valid
        self.classes.show_bars(
            class_bars(dataset.classes, train.classes, valid.classes) if dataset.classes else []
        )
        same = len(train.lengths) and train.lengths.min() == train.lengths.max()
        self.lengths.show_bars([] if same else length_bars(train.lengths, valid.lengths))
        self.words.setText(_balance_words(dataset, counted))


def _balance_words(dataset: Dataset, counted: Tally) -> str:
    told = []
    counts = counted.train.classes
    if len(counts) and counts.sum():
        most = int(np.argmax(counts))
        share = counts[most] / counts.sum()
        told.append(f"Always answering “{shown(dataset.classes[most], 40)}” is right in "
                    f"{100 * share:.1f} % of the training part.")  # fmt: skip
        if (rare := int((counts < 20).sum())) and not counted.drawn:
            told.append(f"{rare:,} classes have fewer than 20 answers to learn from.")
    lengths = counted.train.lengths
    if len(lengths):
        told.append(f"Steps: {lengths.min():,} to {lengths.max():,}, mean {lengths.mean():.1f}.")
    if not told:
        told.append("One text in one piece: windows of equal length are cut out of it.")
    if counted.drawn:
        told.append("Examples are drawn without end; 100 were counted.")
    return " ".join(told)


class LeaksView(QWidget):
    """What of the held-out part stands in the training part too.

    Signals:
        wanted(): look, or look again.
        given_up(): stop looking.
    """

    wanted = Signal()
    given_up = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = Label("", "body", "textHi", wrap=True)
        self.how = Label("", "small", "textMid", wrap=True)
        self.rows = RowsView("Held-out examples that stand in the training part")
        self.look = Button("Look for leaks", icon="search")
        self.cancel = Button("Stop looking", icon="stop")
        self.look.clicked.connect(self.wanted)
        self.cancel.clicked.connect(self.given_up)
        column = _column(self)
        column.addWidget(self.words)
        column.addWidget(self.how)
        column.addWidget(self.rows, 100)
        column.addWidget(self.look, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        self.show_state("idle")

    @Slot(str)
    def show_state(self, state: str) -> None:
        """Show "idle", "busy" or "drawn"."""
        told = {
            "idle": "Nobody has looked yet. A held-out example that also stands in the training "
                    "part makes every measure look better than it is.",
            "busy": "Looking…",
            "drawn": "Examples are drawn anew without end: there are no two lists to compare.",
        }  # fmt: skip
        self.words.setText(told[state])
        self.words.set_tone("textMid")
        self.how.setText("")
        self.rows.setVisible(False)
        self.look.setVisible(state == "idle")
        self.cancel.setVisible(state == "busy")

    def show_leaks(self, found: Leaks | SeqError) -> None:
        """Show what was found."""
        self.show_state("busy")
        self.cancel.setVisible(False)
        if isinstance(found, SeqError):
            self.words.setText(shown(found.sentence(), 600))
            return
        self.words.setText(leak_words(found))
        bad = found.exact + found.near + found.overlapping
        self.words.set_tone("warn" if bad else "success")
        self.how.setText(found.how)
        rows = [(leak.how, leak.held_out, leak.training) for leak in found.examples]
        self.rows.show_rows(("How", "Held out", "In the training part"), rows)
        self.rows.setVisible(bool(rows))


def leak_words(found: Leaks) -> str:
    """Return what was found in a sentence."""
    if not found.exact + found.near + found.overlapping:
        return f"No leak found in {found.checked:,} held-out examples."
    told = [
        f"{count:,} {how}" for count, how in (
            (found.exact, "the same"), (found.near, "nearly the same"),
            (found.overlapping, "share 13 words in a row"),
        ) if count
    ]  # fmt: skip
    grams = "" if math.isnan(found.grams) else f" {100 * found.grams:.2f} % of all 13-grams."
    return f"Of {found.checked:,} held-out examples: {', '.join(told)}.{grams}"


def _column(widget: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(widget)
    column.setContentsMargins(*_EDGES)
    column.setSpacing(8)
    return column
