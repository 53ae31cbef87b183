"""`AlignmentPanel`: where a decoder looks in its source, or in a picture, for every word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.insight.alignment import straightness
from seqstudio.records.inside.attention import (
    AttentionMap,
    AttentionOf,
    AttentionSeen,
    AttentionSite,
)
from seqstudio.studio.inside.attention.look import AttentionLook, signed, spelled
from seqstudio.studio.inside.attention.picture import PictureAttention
from seqstudio.studio.panels.attending import LEAST_WEIGHT, strongest
from seqstudio.studio.panels.attention_lines import MOST_TOKENS, AttentionLines
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import HeatMap
from seqstudio.studio.widgets import CheckField, ElidedLabel, Label, Segments

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

_DECADES = (-4.0, 0.0)


class AlignmentPanel(AttentionLook):
    """Written words by source words: a matrix, lines, or weights over a picture."""

    title = "Alignment"
    explanation: ClassVar[Explanation] = Explanation(
        "A row is a step of the decoder, named by the word that it should write there, or wrote. "
        "A column is a word of the source, or a place of the picture. The cell says how much of "
        "it the decoder took. Every row sums to 1.\n\n"
        "True text: the decoder reads the true words, as in training. Written: it reads what it "
        "wrote itself.\n\n"
        "Expected place and correlation: the mean place that a step looks at, and how it moves "
        "along with the steps. Copying gives a correlation near +1, writing backwards one near "
        "−1; how far it moves stands beside, since places that hardly move can run along by "
        "chance. The place with the greatest weight alone is often one off: the state of an "
        "encoder also describes its neighbours.",
        (
            r"\alpha_{t,i} = \mathrm{softmax}_i(v^{\top} \tanh(W q_t + U k_i))",
            r"\mathrm{ctx}_t = \sum_i \alpha_{t,i} k_i, \quad E_t = \sum_i \alpha_{t,i} i",
        ),
        "Bahdanau, Cho, Bengio 2015, section 3.1, arXiv:1409.0473; pictures: Xu et al. 2015",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent=parent)
        self._matrix = HeatMap(
            "attention", x_title="source", y_title="written", bar_title="weight", square=True,
            largest=52.0, name="Alignment",
        )  # fmt: skip
        self._matrix.set_title_paints("role:key", "role:query")
        self._matrix.set_origin(1, 1)
        self._lines, self._picture = AttentionLines(), PictureAttention()
        self._told = ElidedLabel("", "small", "textMid")
        self._moves = Label("", "small", "textHi")
        self._stack = QStackedWidget()
        self._views = Segments(
            [("matrix", "Matrix"), ("lines", "Lines"), ("picture", "Picture")], name="View"
        )
        self._by_row = CheckField("Row maximum")
        self._log = CheckField("Log")
        self._log.setToolTip("Colours of the matrix by powers of ten: small weights come in sight")
        self._by_row.setToolTip("Divide each row by its largest weight: the pattern, not the size")
        self._shown: AttentionMap | None = None
        self._viewed = self._long = False
        self._hover: tuple[int, int] | None = None
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        for view in (self._matrix, self._lines, self._picture):
            self._stack.addWidget(view)
        content = QWidget()
        rows = QVBoxLayout(content)
        rows.setContentsMargins(0, 0, 0, 8)
        views = QHBoxLayout()
        views.setContentsMargins(12, 0, 12, 0)
        views.addWidget(self._views)
        views.addStretch(1)
        views.addWidget(self._log)
        views.addWidget(self._by_row)
        rows.addLayout(views)
        rows.addWidget(self._stack, 1)
        line = QHBoxLayout()
        line.setContentsMargins(16, 0, 16, 0)
        line.addWidget(self._told, 1)
        line.addWidget(self._moves)
        rows.addLayout(line)
        self.set_content(content)

    def _connect(self) -> None:
        self._views.value_changed.connect(self._view_chosen)
        self._by_row.committed.connect(self._switched)
        self._log.committed.connect(self._switched)
        self._matrix.hovered.connect(self._hovered)
        self._picture.hovered.connect(self._place_hovered)
        self._matrix.picked.connect(self._cell_picked)
        self._lines.hovered.connect(self._line_hovered)
        self._lines.picked.connect(self._row_picked)
        self._picture.picked.connect(self._row_picked)

    # What is shown

    @override
    def question(self) -> AttentionOf:
        wish = AttentionOf(self.example())
        return replace(wish, focus=self.key, head=self.head) if self._long else wish

    @override
    def usable(self, sites: Sequence[AttentionSite]) -> list[AttentionSite]:
        """Leave out places that look at their own text."""
        return [site for site in sites if site.queries != site.keys or site.keys == "places"]

    @override
    def show_reading(self, reading: AttentionSeen) -> None:
        self.show_read(reading.read, [each.site for each in reading.sites])
        site = self.site
        self._shown = next((each for each in reading.sites if each.site == site), None)
        self._long = any(each.pool > 1 for each in reading.sites)
        if self._shown is None:
            return
        self._offer(self._shown)
        rows = self._rows(reading, self._shown)
        if self._long and (self._shown.full is None or reading.head != self.head):
            self.ask_again()  # of a long text only the head in view comes whole
            return
        self._draw(reading, self._shown, rows)

    def _offer(self, shown: AttentionMap) -> None:
        """Offer the views that fit; a picture is looked at first where there is one."""
        places, count = bool(shown.grid[0]), max(len(shown.queries), len(shown.keys))
        self._views.set_enabled("picture", places, "The source is no picture")
        fits = count <= MOST_TOKENS and not places
        why = "Places of a picture have no order" if places else f"{count} tokens make a tangle"
        self._views.set_enabled("lines", fits, why)
        now = self._views.value()
        if places and not self._viewed:
            self._views.set_value("picture")
        elif (now == "picture" and not places) or (now == "lines" and not fits):
            self._views.set_value("matrix")
        order = ("matrix", "lines", "picture")
        self._stack.setCurrentIndex(order.index(self._views.value()))

    @staticmethod
    def _rows(reading: AttentionSeen, shown: AttentionMap) -> tuple[str, ...]:
        """Return names of the rows: what is written at each step."""
        own, targets = shown.site.queries == shown.site.keys, reading.read.targets
        fits = not own and len(targets) == len(shown.queries)
        return targets if fits else shown.queries

    def weights(self) -> NDArray[np.float64]:
        """Return the weights in view (T, S)."""
        shown = self._shown
        if shown is None:
            return np.zeros((0, 0))
        whole = shown.weights[self.head] if shown.full is None else shown.full
        return np.asarray(whole, float)

    def masked(self) -> NDArray[np.bool_]:
        """Return where a query may not look (T, S)."""
        shown = self._shown
        if shown is None:
            return np.zeros((0, 0), bool)
        return shown.masked if shown.full_masked is None else shown.full_masked

    def _draw(self, reading: AttentionSeen, shown: AttentionMap, rows: tuple[str, ...]) -> None:
        weights = self.weights()
        scaled = weights
        if self._by_row.isChecked():
            scaled = weights / np.maximum(weights.max(1, keepdims=True), 1e-12)
        masked = self.masked()
        if self._log.isChecked():
            logs = np.log10(np.maximum(scaled, LEAST_WEIGHT))
            self._matrix.set_data(logs, _DECADES, masked=masked, powers=True)
        else:
            self._matrix.set_data(scaled, (0.0, 1.0), masked=masked)
        own = shown.site.queries == shown.site.keys
        across = "key across" if own else "source across"
        self._matrix.set_titles(
            "place of the picture" if shown.grid[0] else across,
            "query down" if own else "written down",
            "of the largest" if self._by_row.isChecked() else "weight",
        )  # fmt: skip
        self._matrix.set_labels(rows, () if shown.grid[0] else shown.keys)
        self._lines.set_data(scaled, masked, rows, shown.keys)
        if shown.grid[0] and reading.read.picture is not None:
            by_row = self._by_row.isChecked()
            self._picture.set_data(reading.read.picture, weights, shown.grid, rows, by_row=by_row)

    @override
    def draw(self) -> None:
        super().draw()
        if self.looked is not None and self.refused is None and self._shown is None:
            how = (
                "All its heads look at their own text: see the panel Attention. Open “With "
                "additive attention” or a decoder stack to see one text asking another."
            )
            self.show_empty("attention", "Nothing is aligned in this model", how, cover=True)
            self.empty_action("Open With additive attention", self._open_pair, icon="attention")

    @Slot()
    def _open_pair(self) -> None:
        self.template_wanted.emit("reverse-attention")

    @override
    def show_cursor(self) -> None:
        if self._shown is None:
            return
        row = min(self.session.cursor.t, len(self._shown.queries) - 1)
        self._matrix.set_cursor(row=row)
        self._lines.set_cursor(row)
        self._picture.set_cursor(row)
        self._tell_place()

    # Words

    @override
    def words(self, reading: AttentionSeen) -> str:
        if self._shown is None:
            return ""
        mean = reading.read.mean
        return "" if np.isnan(mean) else f"loss {mean:.3f}"

    def correlation(self) -> float:
        """Return the correlation of the expected place with the step; NaN for fewer than three."""
        return straightness(self.weights()[: self._words_written()])

    def _words_written(self) -> int:
        """Return how many rows write a word of the text: the sign that ends it looks anywhere."""
        rows = len(self.weights())
        ends = self.reading.read.targets[-1:] in {("$",), ("</s>",)}
        return rows - 1 if rows > 3 and ends else rows

    def _tell_place(self) -> None:
        shown, reading = self._shown, self.reading
        if shown is None:
            return
        names = self._rows(reading, shown)
        row, key = self._hover or (min(self.session.cursor.t, len(names) - 1), -1)
        if row >= len(names):
            return
        weights, who = self.weights()[row], f"{spelled(names[row])} at {row + 1}"
        if key >= 0:
            self._told.setText(f"{who} takes {weights[key]:.3f} of {key_name(shown, key)}")
            return
        self._tell_moves(shown)
        keys = strongest(weights, self.masked()[row], 3)
        parts = (f"{weights[k]:.2f} from {key_name(shown, k)}" for k in keys)
        self._told.setText(f"{who} takes {', '.join(parts)}")

    def _tell_moves(self, shown: AttentionMap) -> None:
        own = shown.site.queries == shown.site.keys
        r = float("nan") if shown.grid[0] or own else self.correlation()
        places = self.weights()[: self._words_written()] @ np.arange(len(shown.keys))
        span = f"over {np.ptp(places):.1f} of {len(shown.keys)} places"
        told = f"expected place against step: r = {signed(r, '.2f')} {span}"
        self._moves.setText("" if np.isnan(r) else told)

    @override
    def measured(self) -> list[tuple[str, str]]:
        shown = self._shown
        if shown is None:
            return []
        error = float(np.abs(self.weights().sum(1) - 1).max(initial=0.0))
        return [
            ("Example", f"{len(shown.queries)} steps, {len(shown.keys)} keys"),
            ("Head", f"{shown.site.name}, head {self.head + 1}"),
            ("Row sums", f"checked: within {error:.1e} of 1"),
            ("Entropy", f"{float(shown.entropy[self.head]):.3f} bits, mean over the rows"),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        if self._shown is None:
            return {}
        return {"weights": self.weights(), "loss": self.reading.read.loss}

    # What the person does

    @Slot(str)
    def _view_chosen(self, _value: str) -> None:
        self._viewed = True
        self._switched()

    @Slot()
    def _switched(self, _value: object = None) -> None:
        self._drawn = None
        self.refresh()

    @Slot(int, int)
    def _cell_picked(self, row: int, _column: int) -> None:
        self._row_picked(row)

    @Slot(int)
    def _row_picked(self, row: int) -> None:
        self.session.move_cursor(t=row)

    @Slot(int, int)
    def _hovered(self, row: int, column: int) -> None:
        self._hover = (row, column) if row >= 0 else None
        self._tell_place()

    @Slot(int, int)
    def _place_hovered(self, row: int, place: int) -> None:
        if self._shown is not None:
            self._hovered(row, place + _ahead(self._shown))

    @Slot(int)
    def _line_hovered(self, row: int) -> None:
        self._hover = (row, -1) if row >= 0 else None
        self._tell_place()


class WeightsPanel(AlignmentPanel):
    """The same views of any place of attention: of a text to itself, too, up to 512 tokens."""

    title = "Weights"
    explanation: ClassVar[Explanation] = Explanation(
        "The weights of one head of any layer, for the text, the source or the picture: a row is "
        "a query, a column a key, every row sums to 1. Hatched cells are masked.\n\n"
        "It asks the model anew: at the newest step while it trains, at any kept step when the "
        "training clock is moved, for texts of up to 512 tokens. A map with more cells than "
        "pixels shows the largest of neighbours; the numbers under the pointer are whole.\n\n"
        "Attention weights are not explanations.",
        (r"A = \mathrm{softmax}(Q K^{\top} / \sqrt{d} + M)",),
        "Vaswani et al. 2017, section 3.2.1, arXiv:1706.03762",
    )

    @override
    def usable(self, sites: Sequence[AttentionSite]) -> list[AttentionSite]:
        """Leave nothing out."""
        return list(sites)


def key_name(shown: AttentionMap, key: int) -> str:
    """Return a key in words; places of a picture count line by line from 1."""
    if not shown.grid[0]:
        return spelled(shown.keys[key])
    place = key - _ahead(shown) + 1
    return f"place {place}" if place > 0 else "the class token"


def _ahead(shown: AttentionMap) -> int:
    """Return how many keys stand in front of the places of a picture: a class token, or none."""
    return len(shown.keys) - shown.grid[0] * shown.grid[1] if shown.grid[0] else 0
