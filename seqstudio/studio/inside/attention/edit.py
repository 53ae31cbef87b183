"""`WeightEditPanel`: set a weight by hand and see what the model says then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.inside.attention import WeightEdit, WeightEditOf, with_weights
from seqstudio.studio.inside.attention.bars import WeightBars
from seqstudio.studio.inside.attention.look import AttentionLook, signed, spelled
from seqstudio.studio.inside.attention.two_bars import TwoBars
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.widgets import Button, Label, NumberField

if TYPE_CHECKING:
    from seqstudio.studio.session import Session


class WeightEditPanel(AttentionLook):
    """The weights of one query as bars to drag; below, the output before and after."""

    title = "Edit weights"
    most_steps = 128
    explanation: ClassVar[Explanation] = Explanation(
        "The bars are the weights of one query of one head. Drag a bar, or click it and type a "
        "number: the other weights share what is left, in the proportions they had. The row "
        "always sums to 1.\n\n"
        "The whole model then runs again with this one row replaced, in every layer above too. "
        "Below: what it says at this step before and after, and the loss of the step and of the "
        "text. The lines on the bars are the weights as they were.\n\n"
        "Nothing of this reaches the run: it is done to a copy.",
        (
            r"\alpha'_j = w, \quad \alpha'_i = \alpha_i \frac{1 - w}{1 - \alpha_j}",
            r"\mathrm{TV} = \frac{1}{2} \sum_v | p'_v - p_v |",
        ),
        "Lecture: attention in RNNs (S84); Strobelt et al. 2018, Seq2Seq-Vis, arXiv:1804.09299",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent=parent)
        self._bars = WeightBars("weight, drag to change", hand=True)
        self._key_name = Label("Weight on", "small", "textMid")
        self._weight = NumberField(0.0, 0.0, 1.0, form=".3f", step=0.05, name="Weight of the key")
        self._reset = Button("As it was", kind="text")
        self._told = Label("", "body", "textHi", wrap=True)
        self._outputs = TwoBars()
        self._wanted: dict[int, float] = {}
        self._key = 0
        self._place: tuple[object, ...] = ()
        self._lay_out()
        self._bars.picked.connect(self._key_picked)
        self._bars.dragged.connect(self._dragged)
        self._bars.dropped.connect(self._dropped)
        self._weight.committed.connect(self._typed)
        self._reset.clicked.connect(self._as_it_was)

    def _lay_out(self) -> None:
        content = QWidget()
        rows = QVBoxLayout(content)
        rows.setContentsMargins(0, 0, 0, 8)
        line = QHBoxLayout()
        line.setContentsMargins(12, 0, 12, 0)
        line.addWidget(self._key_name)
        line.addWidget(self._weight)
        line.addStretch(1)
        line.addWidget(self._reset)
        rows.addLayout(line)
        rows.addWidget(self._bars, 2)
        words = QHBoxLayout()
        words.setContentsMargins(16, 2, 16, 2)
        words.addWidget(self._told)
        rows.addLayout(words)
        rows.addWidget(self._outputs, 3)
        self.set_content(content)

    # What is shown

    @override
    def question(self) -> WeightEditOf:
        place = (self.key, self.head, self.session.cursor.t, self.example())
        if place != self._place and self._place and self.key:
            self._wanted = {}  # weights set by hand belong to one query
        if self.key:
            self._place = place
        wanted = tuple(sorted(self._wanted.items()))
        return WeightEditOf(self.example(), self.key, self.head, self.session.cursor.t, wanted)

    @override
    def show_reading(self, reading: WeightEdit) -> None:
        self.show_read(reading.read, reading.sites)
        if self._key >= len(reading.keys) or not reading.seen[self._key]:
            self._key = int(reading.before.argmax())
        self._show_bars(reading, reading.after)
        self._outputs.set_data(reading.choices, reading.p_before, reading.p_after,
                               self._step_name(reading))  # fmt: skip
        self._told.setText(self.sentence(reading))
        self._reset.setEnabled(bool(self._wanted))

    def _show_bars(self, reading: WeightEdit, row: NDArray[np.float64]) -> None:
        before = reading.before if self._wanted else None
        self._bars.set_data(row, reading.keys, reading.seen, before)
        self._bars.set_cursor(self._key)
        self._key_name.setText(f"Weight on {spelled(reading.keys[self._key])} at {self._key + 1}")
        self._weight.set_value(float(row[self._key]))

    @staticmethod
    def _step_name(reading: WeightEdit) -> str:
        tokens = reading.read.tokens
        if reading.at < len(tokens) > 1:
            return f"output after {spelled(tokens[reading.at])} at {reading.at + 1}"
        return "output"

    def sentence(self, reading: WeightEdit) -> str:
        """Return what the edit did to the losses, and how far the output went."""
        if not self._wanted:
            return "Drag a bar, or type a weight: the rest of the row shares what is left."
        parts = []
        step = (float(values[reading.at]) if reading.at < len(values) else math.nan
                for values in (reading.loss_before, reading.loss_after))  # fmt: skip
        for name, pair in (
            ("Loss of this step", tuple(step)),
            ("of all steps", (reading.mean_before, reading.mean_after)),
        ):
            if not math.isnan(pair[0]):
                difference = signed(pair[1] - pair[0])
                parts.append(f"{name} {pair[0]:.3f} → {pair[1]:.3f} ({difference})")
        moved = float(reading.moved[reading.at])
        parts.append(f"the output moved by {moved:.3f} (total variation)")
        return ", ".join(parts)

    @override
    def show_cursor(self) -> None:
        """The query follows the shared cursor through the question."""

    @override
    def words(self, reading: WeightEdit) -> str:
        return f"{spelled(reading.queries[reading.query])} at {reading.query + 1} asks"

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading: WeightEdit | None = self.reading
        if reading is None:
            return []
        return [
            ("Head", f"{reading.site.name}, head {reading.head + 1}"),
            ("Sum of the row", f"{float(reading.after.sum()):.6f}"),
            ("Steps whose output moved", f"{int((reading.moved > 1e-6).sum())}"),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        reading: WeightEdit | None = self.reading
        if reading is None:
            return {}
        return {
            "weights": reading.before, "weights_edited": reading.after, "p": reading.p_before,
            "p_edited": reading.p_after, "loss": reading.loss_before,
            "loss_edited": reading.loss_after,
        }  # fmt: skip

    # What the person does

    @Slot(int)
    def _key_picked(self, key: int) -> None:
        reading: WeightEdit | None = self.reading
        if reading is not None and reading.seen[key]:
            self._key = key
            self._show_bars(reading, self._row(reading))

    def _row(self, reading: WeightEdit) -> NDArray[np.float64]:
        return with_weights(reading.before, reading.seen, tuple(sorted(self._wanted.items())))

    @Slot(int, float)
    def _dragged(self, key: int, weight: float) -> None:
        reading: WeightEdit | None = self.reading
        if reading is not None:
            self._key, self._wanted[key] = key, weight
            self._show_bars(reading, self._row(reading))

    @Slot()
    def _dropped(self) -> None:
        self.ask_again()

    @Slot(object)
    def _typed(self, value: object) -> None:
        if isinstance(value, (int, float)):
            self._wanted[self._key] = float(value)
            self.ask_again()

    @Slot()
    def _as_it_was(self) -> None:
        self._wanted = {}
        self.ask_again()
