"""`ProductsPanel`: how one query gets its weights, step by step, with the numbers of the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.inside.attention import (
    AttentionSite,
    HeadProducts,
    ProductsOf,
    ProductsSeen,
)
from seqstudio.studio.inside.attention.look import AttentionLook, signed, spelled
from seqstudio.studio.inside.attention.table import STAGES, ProductTable, TableScroll
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import HeatMap
from seqstudio.studio.widgets import CheckField, IconButton, Label, Segments, format_number

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

_TITLES = (("scores", "q·k"), ("scale", "÷ √d"), ("mask", "Mask"), ("softmax", "Softmax"),
           ("values", "· V"))  # fmt: skip
_TERMS = 3
_WIDE = 540  # pixels that table and vectors need


class ProductsPanel(AttentionLook):
    """Q·K, scale, mask, softmax, ·V of one query; beside it without scale or positions."""

    title = "Products"
    most_steps = 128
    explanation: ClassVar[Explanation] = Explanation(
        "One query of one head, with the numbers of this model. Step on from left to right: the "
        "product of the query with every key, divided by the root of the width, masked, turned "
        "into weights by softmax; then the weights mix the values to the context.\n\n"
        "At the right the vectors themselves: query, chosen key, their product number by number "
        "(its sum is the score), value, context.\n\n"
        "Take the tick from Scale or Positions to run the same text through the same weights "
        "without it, everywhere in the model. Both maps stand side by side, with the loss of "
        "each. The model was trained with them: what you see is what it relies on, not how it "
        "would train without.",
        (
            r"s_j = q \cdot k_j, \quad a = \mathrm{softmax}(s / \sqrt{d} + M)",
            r"\mathrm{ctx} = \sum_j a_j v_j",
        ),
        "Vaswani et al. 2017, section 3.2.1, arXiv:1706.03762",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent=parent)
        self._steps = Segments(_TITLES, "values", name="Step")
        self._back = IconButton("chevron-left", "Step back")
        self._on = IconButton("chevron-right", "Step on")
        self._scaled, self._placed = CheckField("Scale", True), CheckField("Positions", True)
        self._scaled.setToolTip("Divide scores by the root of the width, as the model learnt it")
        self._placed.setToolTip("Tell the model the places of its steps, as it learnt it")
        self._sum = Label("", "monoSmall", "textMid", wrap=True)
        self._table = ProductTable()
        self._scroll = TableScroll(self._table)
        self._vectors = HeatMap("signed", x_title="feature", bar_title="value", name="Vectors")
        self._vectors.set_origin(1, 1)
        self._maps = tuple(_small_map(name) for name in ("as learnt", "changed"))
        self._captions = tuple(Label("", "small", tone) for tone in ("textMid", "textHi"))
        self._chosen = 0
        self._row: tuple[str, int, int] = ("", -1, -1)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        content = QWidget()
        rows = QVBoxLayout(content)
        rows.setContentsMargins(0, 2, 0, 8)
        line = QHBoxLayout()
        line.setContentsMargins(12, 0, 12, 0)
        for widget in (self._back, self._steps, self._on):
            line.addWidget(widget)
        line.addStretch(1)
        rows.addLayout(line)
        words = QHBoxLayout()
        words.setContentsMargins(16, 0, 16, 0)
        words.addWidget(self._sum, 1)
        words.addWidget(self._scaled)
        words.addWidget(self._placed)
        rows.addLayout(words)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self._scroll, 3)
        middle.addWidget(self._vectors, 2)
        rows.addLayout(middle, 3)
        self._pair = QWidget()
        grid = QGridLayout(self._pair)
        grid.setContentsMargins(12, 0, 12, 0)
        for column in (0, 1):
            grid.addWidget(self._captions[column], 0, column)
            grid.addWidget(self._maps[column], 1, column)
        grid.setRowStretch(1, 1)
        rows.addWidget(self._pair, 3)
        self._pair.hide()
        self.set_content(content)

    def _connect(self) -> None:
        self._steps.value_changed.connect(self._stage_chosen)
        self._back.clicked.connect(self._step_back)
        self._on.clicked.connect(self._step_on)
        self._scaled.committed.connect(self._change)
        self._placed.committed.connect(self._change)
        self._table.picked.connect(self._key_picked)
        for each in self._maps:
            each.picked.connect(self._cell_picked)

    # What is shown

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        """Leave the vectors out where there is room for the table alone."""
        self._vectors.setVisible(self.is_wide(_WIDE))
        super().resizeEvent(event)

    @override
    def usable(self, sites: Sequence[AttentionSite]) -> list[AttentionSite]:
        """Leave out attention that is drawn from blocks: its products are wires."""
        return [site for site in sites if site.kind != "drawn"] or list(sites)

    @override
    def question(self) -> ProductsOf:
        return ProductsOf(
            self.example(), self.key or self.desk.key, self.head, self.session.cursor.t,
            self._scaled.isChecked(), self._placed.isChecked(),
        )  # fmt: skip

    @override
    def show_reading(self, reading: ProductsSeen) -> None:
        self.show_read(reading.read, reading.sites)
        self._scaled.setEnabled(reading.scales)
        self._placed.setEnabled(reading.places)
        net = reading.site.kind in {"additive", "hard"}
        self._table.set_data(reading.plain, reading.other, reading.keys, net=net)
        row = (reading.site.key, reading.head, reading.query)
        if row != self._row or self._chosen >= len(reading.keys):
            self._row, self._chosen = row, int(reading.plain.weights.argmax())
        self._show_pair(reading)
        self._show_key()

    def _show_pair(self, reading: ProductsSeen) -> None:
        self._pair.setVisible(reading.other is not None)
        if reading.other is None:
            return
        both = (reading.plain, reading.other)
        for shown, caption, products, name in zip(
            self._maps, self._captions, both, ("As learnt", self._without()), strict=True
        ):
            shown.set_data(products.matrix, (0.0, 1.0), masked=reading.masked)
            shown.set_labels(reading.queries, reading.keys)
            shown.set_cursor(row=reading.query)
            caption.setText(f"{name}: {_loss_words(products, reading.plain)}")

    def _without(self) -> str:
        left = [name for name, box in (("scale", self._scaled), ("positions", self._placed))
                if not box.isChecked()]  # fmt: skip
        return "Without " + " and ".join(left)

    def _show_key(self) -> None:
        reading: ProductsSeen = self.reading
        products, key = reading.plain, self._chosen
        self._table.set_chosen(key)
        self._scroll.reveal(key)
        names, rows = _vectors(products, key, reading.site.kind in {"additive", "hard"})
        width = max(len(row) for row in rows)
        values = np.full((len(rows), width), np.nan)
        for row, numbers in zip(values, rows, strict=True):
            row[: len(numbers)] = numbers
        limit = _round_up(float(np.nanmax(np.abs(values), initial=1e-6)))
        self._vectors.set_data(values, (-limit, limit))
        self._vectors.set_labels(names)
        self._table.set_stage(self.stage)
        self._sum.setText(self.sentence())

    @property
    def stage(self) -> int:
        """How far the table is filled, from 0."""
        return STAGES.index(self._steps.value())

    def sentence(self) -> str:
        """Return the step in view with the numbers of the chosen key."""
        reading: ProductsSeen = self.reading
        p, j = reading.plain, self._chosen
        key, score, scaled = reading.keys[j], p.scores[j], p.scores[j] / p.divisor
        seen, net = bool(p.seen[j]), reading.site.kind in {"additive", "hard"}
        told = {
            "scores": _sum_words(p, j, net),
            "scale": f"{_n(score)} ÷ √{p.k.shape[1]} = {_n(scaled)}"
            if p.divisor != 1 else "A net scores: there is nothing to divide by",
            "mask": f"{spelled(key)} may be seen: {_n(scaled)} stays" if seen
            else f"{spelled(key)} lies ahead: −∞, its weight will be 0",
            "softmax": f"exp({_n(scaled)}) ÷ {_total(p):.3g} = {p.weights[j]:.4f}" if seen
            else "exp(−∞) = 0",
            "values": f"context = Σ weight · v; {spelled(key)} gives {p.weights[j]:.3f} of its "
            f"value; |context| = {float(np.linalg.norm(p.context)):.3f}",
        }  # fmt: skip
        return told[STAGES[self.stage]]

    @override
    def words(self, reading: ProductsSeen) -> str:
        query = f"{spelled(reading.queries[reading.query])} at {reading.query + 1} asks"
        if reading.other is None or math.isnan(reading.plain.mean):
            return query
        difference = signed(reading.other.mean - reading.plain.mean)
        return f"{query}, loss {difference} {self._without().lower()}"

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading: ProductsSeen | None = self.reading
        if reading is None:
            return []
        p = reading.plain
        again = _softmax(p)
        error = float(np.abs(again - p.weights).max(initial=0.0))
        return [
            ("Head", f"{reading.site.name}, head {reading.head + 1}"),
            ("Width of a key", f"{p.k.shape[1]}"),
            ("Softmax again from the numbers shown", f"within {error:.1e}"),
            ("Loss", _loss_words(p, p)),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        reading: ProductsSeen | None = self.reading
        if reading is None:
            return {}
        p = reading.plain
        found: dict[str, NDArray[Any]] = {
            name: getattr(p, name)
            for name in ("q", "k", "scores", "weights", "v", "context", "matrix")
        }
        if reading.other is not None:
            found["matrix_changed"] = reading.other.matrix
            found["weights_changed"] = reading.other.weights
        return found

    # What the person does

    @Slot(str)
    def _stage_chosen(self, _value: str) -> None:
        if self.reading is not None:
            self._show_key()

    @Slot()
    def _step_back(self) -> None:
        self._go(-1)

    @Slot()
    def _step_on(self) -> None:
        self._go(1)

    def _go(self, by: int) -> None:
        self._steps.set_value(STAGES[min(len(STAGES) - 1, max(0, self.stage + by))])
        self._stage_chosen("")

    @Slot()
    def _change(self, _value: object = None) -> None:
        self.ask_again()

    @Slot(int)
    def _key_picked(self, key: int) -> None:
        self._chosen = key
        self._show_key()

    @Slot(int, int)
    def _cell_picked(self, row: int, column: int) -> None:
        self._chosen = column
        self.session.move_cursor(t=row)


def _small_map(name: str) -> HeatMap:
    shown = HeatMap("attention", x_title="key", y_title="query", bar_title="weight", square=True,
                    name=name)  # fmt: skip
    shown.set_origin(1, 1)
    return shown


def _vectors(
    products: HeadProducts, key: int, net: bool
) -> tuple[tuple[str, ...], list[NDArray[np.float64]]]:
    p = products
    middle = "v tanh" if net else "q ⊙ k"
    rows = [p.q, p.k[key], p.inner[key], p.v[key], p.weights[key] * p.v[key], p.context]
    return ("q", "k", middle, "value", "a · value", "context"), rows


def _sum_words(products: HeadProducts, key: int, net: bool) -> str:
    if net:
        return f"v · tanh(W q + U k + b) = Σ of {products.inner.shape[1]} terms = " + _n(
            products.scores[key]
        )
    pairs = zip(products.q[:_TERMS], products.k[key][:_TERMS], strict=True)
    terms = " + ".join(f"({_n(q)})({_n(k)})" for q, k in pairs)
    return f"q · k = {terms} + … = {_n(products.scores[key])}"


def _softmax(products: HeadProducts) -> NDArray[np.float64]:
    scaled = np.where(products.seen, products.scores / products.divisor, -np.inf)
    powers = np.exp(scaled - scaled.max())
    shares: NDArray[np.float64] = powers / powers.sum()
    return shares


def _total(products: HeadProducts) -> float:
    scaled = (products.scores / products.divisor)[products.seen]
    return float(np.exp(scaled).sum())


def _loss_words(products: HeadProducts, base: HeadProducts) -> str:
    if math.isnan(products.mean):
        return "loss unknown: nobody knows the true text"
    more = f" ({signed(products.mean - base.mean)})" if products is not base else ""
    return f"loss {products.mean:.3f}{more}"


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5 times a power of ten, so that colours stand still."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= value * 0.999)


def _n(value: float) -> str:
    return format_number(float(value), ".2f")
