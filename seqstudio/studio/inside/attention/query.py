"""`OneQueryPanel`: one token and all that it looks at, head by head and layer by layer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.inside.attention import AttentionMap, AttentionOf, AttentionSeen
from seqstudio.studio.inside.attention.bars import WeightBars
from seqstudio.studio.inside.attention.look import AttentionLook, spaced, spelled
from seqstudio.studio.panels.attending import strongest
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import HeatMap
from seqstudio.studio.widgets import CheckField, TokenStrip

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

Rows = NDArray[np.float64]


class OneQueryPanel(AttentionLook):
    """The text shaded by one head's weights of one query, the same as bars, and all heads."""

    title = "One query"
    explanation: ClassVar[Explanation] = Explanation(
        "One token asks: click it in the text. The text is shaded, and the bars are drawn, by "
        "the weights that the chosen head gives to every other token. They sum to 1.\n\n"
        "Below, a line for every head of every layer, for the same query: follow it downwards to "
        "see what each layer looks at. Cells that the query may not see are hatched.\n\n"
        "Texts of up to 512 tokens. Attention weights are not explanations.",
        (r"a_j = \frac{e^{q \cdot k_j / \sqrt{d}}}{\sum_i e^{q \cdot k_i / \sqrt{d}}}",),
        "Vaswani et al. 2017, section 3.2.1, arXiv:1706.03762",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent=parent)
        self._by_row = CheckField("Row maximum")
        self._by_row.setToolTip("Divide each row by its largest weight: the pattern, not the size")
        self.header.add_switch(self._by_row)
        self._text = TokenStrip(name="Text that is looked at")
        self._bars = WeightBars("weight")
        self._layers = HeatMap(
            "attention", x_title="key across", y_title="head down", bar_title="weight",
            name="All heads of the query",
        )  # fmt: skip
        self._layers.set_origin(1, 1)
        self._maps: tuple[AttentionMap, ...] = ()
        self._lines: list[tuple[str, int]] = []
        self._tokens: tuple[str, ...] = ()
        self._long = False
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        split = QSplitter(Qt.Orientation.Vertical)
        top = QWidget()
        rows = QVBoxLayout(top)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self._text, 2)
        rows.addWidget(self._bars, 3)
        split.addWidget(top)
        split.addWidget(self._layers)
        split.setSizes([300, 300])
        split.setChildrenCollapsible(False)
        self.set_content(split)

    def _connect(self) -> None:
        self._text.clicked.connect(self._token_picked)
        self._text.hovered.connect(self._bars.set_cursor)
        self._bars.picked.connect(self._token_picked)
        self._layers.picked.connect(self._head_picked)
        self._by_row.committed.connect(self._switched)

    # What is shown

    @override
    def question(self) -> AttentionOf:
        wish = AttentionOf(self.example())
        if not self._long:
            return wish
        return replace(wish, focus=self.key, head=self.head, query=self.session.cursor.t)

    @override
    def show_reading(self, reading: AttentionSeen) -> None:
        self.show_read(reading.read, [each.site for each in reading.sites])
        self._long = any(each.rows is not None or each.pool > 1 for each in reading.sites)
        if self._long and reading.query < 0:
            self.ask_again()  # the rows of a long text come one at a time
        site = self.site
        shown = next((each for each in reading.sites if each.site == site), reading.sites[0])
        alike = (shown.site.queries, shown.site.keys)
        self._maps = tuple(
            each for each in reading.sites if (each.site.queries, each.site.keys) == alike
        )
        if shown.keys != self._tokens:
            self._tokens = shown.keys
            self._text.set_tokens(spaced(shown.keys))

    def query(self) -> int:
        """Return the row in view."""
        return min(self.session.cursor.t, len(self._maps[0].queries) - 1)

    def rows(self, each: AttentionMap) -> Rows:
        """Return the weights (H, S) of all heads of a place for the query in view.

        Of a long text, until its row has come: the largest of squares, and the head in view.
        """
        query, reading = self.query(), self.reading
        if each.pool == 1:
            return np.asarray(each.weights[:, query], float)
        if each.rows is not None and min(reading.query, len(each.queries) - 1) == query:
            return np.asarray(each.rows, float)
        coarse = np.repeat(each.weights[:, query // each.pool], each.pool, 1)
        rows = np.array(coarse[:, : len(each.keys)], float)
        if each.full is not None:
            rows[min(reading.head, len(rows) - 1)] = each.full[query]
        return rows

    def _is_coarse(self) -> bool:
        return self._long and self.reading.query != self.session.cursor.t

    def _seen(self, each: AttentionMap) -> NDArray[np.bool_]:
        """Return where the query in view may look (S,); of a reduced map, where anything lies."""
        if each.pool == 1:
            return np.asarray(~each.masked[self.query()], np.bool_)
        behind = np.arange(len(each.keys)) <= self.query()
        last = each.weights[:, self.query() // each.pool, self.query() // each.pool + 1 :]
        looks_ahead = bool(last.any())
        return np.asarray(behind | looks_ahead, np.bool_)

    @override
    def show_cursor(self) -> None:
        if not self._maps or self.looked is None:
            return
        if self._long and self.reading.query not in (-1, self.session.cursor.t):
            self._want(patient=False)
        key = self.key
        shown = next((each for each in self._maps if each.site.key == key), self._maps[0])
        head = min(self.head, len(shown.weights) - 1)
        row, seen = self.rows(shown)[head], self._seen(shown)
        by_row = self._by_row.isChecked()
        limit = float(np.nanmax(row, initial=1e-12)) if by_row else 1.0
        self._text.set_values(np.where(seen, row, np.nan), max(limit, 1e-12))
        own = shown.site.queries == shown.site.keys
        self._text.set_cursor(self.query() if own else None, reveal=False)
        self._bars.set_data(np.nan_to_num(row), shown.keys, seen, by_largest=by_row)
        self._show_layers((shown.site.key, head), by_row)

    def _show_layers(self, chosen: tuple[str, int], by_row: bool) -> None:
        blocks = [self.rows(each) for each in self._maps]
        hidden = [np.repeat(~self._seen(each)[None], len(rows), 0)
                  for each, rows in zip(self._maps, blocks, strict=True)]  # fmt: skip
        values = np.concatenate(blocks)
        if by_row:
            values = values / np.maximum(values.max(1, keepdims=True), 1e-12)
        self._lines = [(each.site.key, h) for each in self._maps for h in range(len(each.weights))]
        names = [f"{number}·{h + 1}" for number, each in enumerate(self._maps, 1)
                 for h in range(len(each.weights))]  # fmt: skip
        self._layers.set_data(values, (0.0, 1.0), masked=np.concatenate(hidden))
        self._layers.set_labels(names, self._maps[0].keys)
        self._layers.set_titles("key across", "layer · head", "of largest" if by_row else "weight")
        row = self._lines.index(chosen) if chosen in self._lines else None
        self._layers.set_cursor(row=row)

    # Words

    @override
    def words(self, reading: AttentionSeen) -> str:
        if not self._maps:
            return ""
        key = self.key
        shown = next((each for each in self._maps if each.site.key == key), self._maps[0])
        row, query = self.rows(shown)[min(self.head, len(shown.weights) - 1)], self.query()
        if self._is_coarse():
            return f"{spelled(shown.queries[query])} at {query + 1}, its exact row is on its way"
        best = strongest(row, ~self._seen(shown), 1)
        told = f"{spelled(shown.queries[query])} at {query + 1}"
        return f"{told}: {row[best[0]]:.2f} on {spelled(shown.keys[best[0]])}" if best else told

    @override
    def measured(self) -> list[tuple[str, str]]:
        if not self._maps:
            return []
        sums = np.concatenate([self.rows(each).sum(1) for each in self._maps])
        error = float(np.nanmax(np.abs(sums - 1), initial=0.0))
        return [
            ("Query", f"{self.query() + 1} of {len(self._maps[0].queries)}"),
            ("Heads", f"{len(self._lines)} in {len(self._maps)} layers"),
            ("Row sums", f"checked: within {error:.1e} of 1"),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        if not self._maps:
            return {}
        return {"weights": np.concatenate([self.rows(each) for each in self._maps])}

    # What the person does

    @Slot(int)
    def _token_picked(self, token: int) -> None:
        self.session.move_cursor(t=token)

    @Slot(int, int)
    def _head_picked(self, row: int, _column: int) -> None:
        if row < len(self._lines):
            self.desk.choose(*self._lines[row])

    @Slot()
    def _switched(self, _value: object = None) -> None:
        self.refresh()
