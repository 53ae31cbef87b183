"""`SamplesPanel`: what the model writes, how surprised it was, and what it might write next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.document.edits import SetSetting
from seqstudio.records.messages import Facts, StateChanged
from seqstudio.records.readings import Sample
from seqstudio.studio.panels.bars import ChoiceBars
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.writing import Wish, WritingForm
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import IconButton, TokenStrip, format_number

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

MOST_BITS = 8.0
_WIDE = 640
_UNBOUND = 16_777_215  # Qt's greatest size
_LONGEST_LIVE = 2000
_BARS_SHARE = 0.36


class SamplesPanel(Panel):
    """Text being written, and the texts of earlier training steps."""

    title = "Samples"
    kinds = frozenset({Sample, Facts, StateChanged})
    explanation: ClassVar[Explanation] = Explanation(
        "The model writes one token after another and reads each of its own tokens back. The "
        "underline is its surprise at the token that it drew: the stronger, the less likely it "
        "was, after temperature, top k and top p; full strength is 8 bits or more. The prompt is "
        "pale: nobody had to predict it.\n\n"
        "The bars are the likeliest tokens for the next place. The same model, prompt and seed "
        "write the same text.",
        (
            r"p_i = \frac{e^{z_i / T}}{\sum_j e^{z_j / T}}",
            r"\mathrm{surprise} = -\log_2 p_i",
        ),
        "top k: Fan, Lewis, Dauphin 2018; top p: Holtzman et al. 2020, arXiv:1904.09751",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._strip = TokenStrip(name="Written text")
        self._strip.set_mode("underline")
        self._steps = _StepList()
        self._bars = ChoiceBars()
        self._form = WritingForm()
        self._shown: Sample | None = None
        self._picked: Sample | None = None
        self._offset = 0
        self._listed = 0
        self._copy = IconButton("copy", "Copy the text")
        self.header.add_switch(self._copy)
        self._copy.clicked.connect(self.copy)
        self._strip.clicked.connect(self._token_clicked)
        self._steps.itemClicked.connect(self._step_clicked)
        self._form.asked.connect(self.write)
        self._form.changed.connect(self._setting_changed)
        self.session.project_changed.connect(self._cursor_moved)
        self.set_body(self._lay_out())

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        self._top = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._top.setSpacing(0)
        text = QVBoxLayout()
        text.setSpacing(0)
        text.addWidget(self._strip, 1)
        self._top.addWidget(self._steps)
        self._top.addLayout(text, 1)
        self._side = _Well(self._bars)
        self._top.addWidget(self._side)
        self._below = text
        rows.addLayout(self._top, 1)
        rows.addWidget(self._form)
        return body

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        wide = self.is_wide(_WIDE)
        beside = self._top.indexOf(self._side) >= 0
        if wide and not beside:
            self._below.removeWidget(self._side)
            self._top.addWidget(self._side)
        elif not wide and beside:
            self._top.removeWidget(self._side)
            self._below.addWidget(self._side)
        self._side.set_beside(wide, round(_BARS_SHARE * self.height()))
        self._steps.setVisible(self.width() >= 360)

    # What is shown

    @property
    def sample(self) -> Sample | None:
        """The text in view: chosen in the list, of the training clock, or the newest."""
        history, step = self.session.history, self.session.cursor.step
        if self._picked is not None and step == self._picked.step:
            return self._picked
        if step is not None:
            return history.sample_at(step)
        return history.writing or (history.samples[-1] if history.samples else None)

    @property
    def _writes(self) -> bool:
        facts = self.session.facts
        return facts is None or facts.pattern == "next token"

    @override
    def forget(self) -> None:
        self._shown = self._picked = None
        self._listed = -1
        self._strip.set_tokens([])

    # Drawing

    @override
    def draw(self) -> None:
        self._form.set_settings(self.session.document.project.sampling)
        sample = self.sample
        if sample is not self._shown and sample is not None:
            self._show_sample(sample)
        self._show_list(sample)
        self._show_choices(sample)
        if not self._writes:
            how = "Open a model that predicts the next token, such as the character LSTM."
            self.show_empty("sample", "This model writes no text", how, cover=True)
        elif sample is None:
            self.show_empty("sample", *self._nothing(), cover=True)
        else:
            self.show_body()

    def _nothing(self) -> tuple[str, str]:
        samples, step = self.session.history.samples, self.session.cursor.step
        if samples and step is not None:
            first = min(sample.step for sample in samples)
            return f"No text was written by step {step:,}", f"The first one is of step {first:,}."
        how = "Press Train: it writes at once, and again and again while it learns."
        return "Nothing is written yet", how

    def _show_sample(self, sample: Sample) -> None:
        self._shown = sample
        text, surprise = sample.prompt + sample.text, self._surprise(sample)
        # Breaking a very long text into lines thirty times a second would hold up the window.
        self._offset = 0 if sample.done else max(0, len(text) - _LONGEST_LIVE)
        self._strip.set_tokens(list(text[self._offset :]))
        self._strip.set_values(surprise[self._offset :], MOST_BITS)
        self._strip.set_dimmed(len(sample.prompt) - self._offset)
        if not sample.done:
            self._strip.reveal(len(text) - self._offset - 1)
        self._place_cursor()

    @staticmethod
    def _surprise(sample: Sample) -> NDArray[np.float64]:
        """Return −log2 p for every character; NaN in the prompt and where it is not known."""
        bits = np.full(len(sample.prompt) + len(sample.text), np.nan)
        if len(sample.probability) == len(sample.text):
            with np.errstate(divide="ignore"):
                bits[len(sample.prompt) :] = -np.log2(sample.probability.astype(float))
        bounded: NDArray[np.float64] = np.minimum(bits, 64.0)
        return bounded

    def _place_cursor(self) -> None:
        t = self.session.cursor.t - self._offset
        self._strip.set_cursor(t if t > 0 else None, reveal=False)

    def _show_list(self, shown: Sample | None) -> None:
        samples = self.session.history.samples
        if len(samples) != self._listed:
            self._listed = len(samples)
            self._steps.set_samples(samples)
        self._steps.mark(shown)

    def _show_choices(self, sample: Sample | None) -> None:
        if sample is None:
            return
        self._place_cursor()
        told = format_number(sample.temperature, ".2f")
        self._bars.set_choices(f"Next, at temperature {told}", sample.choices)

    # Acting

    @Slot(int)
    def _token_clicked(self, token: int) -> None:
        self.session.move_cursor(t=token + self._offset)
        self.tell()

    @Slot(QListWidgetItem)
    def _step_clicked(self, item: QListWidgetItem) -> None:
        sample = self._steps.sample_of(item)
        if sample is None:
            self._picked = None
            self.session.move_cursor(step=None)
            return
        self._picked = sample
        self.session.move_cursor(step=sample.step)
        self.refresh()

    @Slot(object)
    def write(self, wish: object) -> None:
        """Ask the model for another text; the view follows the newest."""
        if isinstance(wish, Wish):
            self._picked = None
            self.session.move_cursor(step=None)
            length = self.session.document.project.sampling.length
            self.session.write(
                wish.prompt, length, wish.temperature, wish.top_k, wish.top_p, wish.seed
            )

    @Slot(str, object)
    def _setting_changed(self, name: str, value: object) -> None:
        self.session.document.apply(
            SetSetting("sampling", name, value, f"Change {name.replace('_', ' ')}")
        )

    @Slot()
    def copy(self) -> None:
        """Put the text in view on the clipboard, with its prompt."""
        if self._shown is not None:
            QGuiApplication.clipboard().setText(self._shown.prompt + self._shown.text)

    # Words

    @override
    def tell(self) -> None:
        sample = self.sample
        if sample is None:
            self.header.set_subtitle("nothing yet")
            return
        state = "" if sample.done else ", being written"
        at = self._told_token(sample)
        said = at or "underline = surprise"
        self.header.set_subtitle(f"step {sample.step:,}{state}, {said}")

    def _told_token(self, sample: Sample) -> str:
        """Return what is known of the token at the cursor: its probability and surprise."""
        place = self.session.cursor.t - len(sample.prompt)
        known = len(sample.probability) == len(sample.text)
        if not (known and self.session.cursor.t > 0 and 0 <= place < len(sample.text)):
            return ""
        p = float(sample.probability[place])
        bits = format_number(-math.log2(p), ".1f") if p > 0 else "∞"
        shown = sample.text[place].replace("\n", "⏎")
        return f"“{shown}” had probability {format_number(p, '.2f')}, {bits} bits"

    @override
    def measured(self) -> list[tuple[str, str]]:
        sample = self.sample
        if sample is None:
            return []
        rows = [
            ("Training step", f"{sample.step:,}"),
            ("Temperature", format_number(sample.temperature)),
            ("Seed", f"{sample.seed:,}"),
            ("Tokens", f"{len(sample.probability):,}"),
        ]
        known = sample.probability[sample.probability > 0]
        if len(known):
            bits = -np.log2(known.astype(float)).mean()
            rows.append(("Mean surprise", f"{format_number(float(bits), '.2f')} bits a token"))
        return rows


class _Well(QWidget):
    """The bars at the top of a column, or under the text."""

    def __init__(self, bars: ChoiceBars) -> None:
        super().__init__()
        self._bars = bars
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 14, 0, 6)
        rows.addWidget(bars, 1)
        rows.addStretch(0)
        self.setAutoFillBackground(True)
        follow_theme(self)

    def set_beside(self, beside: bool, height: int) -> None:
        """Stand beside the text, or below it with at most `height`, so that the text has room."""
        self.setMinimumWidth(250 if beside else 0)
        self.setMaximumWidth(250 if beside else _UNBOUND)
        self.setMaximumHeight(_UNBOUND if beside else height)
        across = QSizePolicy.Policy.Fixed if beside else QSizePolicy.Policy.Expanding
        self.setSizePolicy(across, QSizePolicy.Policy.Preferred)

    @Slot()
    def restyle(self) -> None:
        palette = self.palette()
        palette.setColor(self.backgroundRole(), theme().color("surface0"))
        self.setPalette(palette)


class _StepList(QListWidget):
    """Training steps that left a text, the newest on top."""

    def __init__(self) -> None:
        super().__init__()
        self._samples: list[Sample] = []
        self.setAccessibleName("Earlier texts")
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        follow_theme(self)

    def set_samples(self, samples: list[Sample]) -> None:
        """List texts by step; "newest" on top follows the training."""
        self._samples = sorted(samples, key=lambda sample: sample.step)[::-1]
        self.clear()
        newest = QListWidgetItem("newest", self)
        newest.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        newest.setToolTip("Follow the training")
        for sample in self._samples:
            item = QListWidgetItem(f"{sample.step:,}", self)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            asked = "you asked for it" if sample.request else "written by itself"
            item.setToolTip(f"Step {sample.step:,}, {asked}, seed {sample.seed:,}")

    def sample_of(self, item: QListWidgetItem) -> Sample | None:
        """Return the text of an item, None for "newest"."""
        row = self.row(item) - 1
        return self._samples[row] if row >= 0 else None

    def mark(self, shown: Sample | None) -> None:
        """Mark the text in view; one that is still being written is "newest"."""
        where = next((i for i, each in enumerate(self._samples) if each is shown), -1)
        if self.currentRow() != where + 1:
            self.setCurrentRow(where + 1)

    @Slot()
    def restyle(self) -> None:
        """Take font and width from the theme in force."""
        self.setFont(theme().font("monoSmall"))
        self.setFixedWidth(round(84 * max(1.0, theme().scale)))
