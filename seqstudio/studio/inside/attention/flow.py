"""`FlowPanel`: attention weights, rollout and gradients of one text, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.inside.attention import Rollout, RolloutOf
from seqstudio.studio.inside.attention.look import AttentionLook, signed, spelled
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import HeatMap
from seqstudio.studio.widgets import CheckField, ComboField, Label

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

DECADES = (-5.0, 1.0)
ALL, SOME = 128, 48  # losses of a short text, and of a long one
Map = NDArray[np.float64]


class FlowPanel(AttentionLook):
    """Three maps on the same axes: what heads look at, where it adds up to, what counts."""

    title = "Rollout"
    explanation: ClassVar[Explanation] = Explanation(
        "Weights are not explanations. Three maps of the same text: rows are steps, columns the "
        "tokens before them.\n\n"
        "Weights: mean over the heads of a layer. Rollout: the layers multiplied, each half "
        "attention and half residual path; its rows sum to 1. It leaves values and feed-forward "
        "nets out. Gradient: how much the loss at a step changes with the embedding of a token; "
        "it counts everything, on a scale of decades. Above the diagonal nothing can be "
        "seen: the gradient there is exactly 0.\n\n"
        "Agreement: the rank correlation between two maps, row by row over the tokens before a "
        "step, in the mean over rows with at least four of them. The step itself is left out: its "
        "own residual path rules the gradient.\n\n"
        "Row maximum divides each row by its largest value: the pattern comes out, the size is "
        "lost.",
        (
            r"\hat{A}_l = \frac{1}{2} \mathrm{mean}_h A_{l,h} + \frac{1}{2} I",
            r"R_l = \hat{A}_l R_{l-1}",
            r"\mathrm{conn}(k, t) = | d\ell_k / d\,\mathrm{emb}_t |",
        ),
        "Abnar, Zuidema 2020, arXiv:2005.00928; Jain, Wallace 2019, arXiv:1902.10186",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, heads=False, parent=parent)
        self._layer = ComboField((), name="Layer")
        self._by_row = CheckField("Row maximum")
        self.header.add_switch(self._by_row)
        self._note = Label("Weights are not explanations.", "small", "textHi", wrap=True)
        self._maps = {
            "weights": _map("attention", "weight", "Mean weights"),
            "rollout": _map("attention", "share", "Rollout"),
            "gradient": _map("gradient", "|gradient|", "Gradient"),
        }
        self._captions = {name: Label("", "small", "textMid") for name in self._maps}
        self._sheet = _Wide()
        self._lay_out()
        self._by_row.committed.connect(self._switched)
        self._layer.committed.connect(self._switched)
        for each in self._maps.values():
            each.picked.connect(self._cell_picked)

    def _lay_out(self) -> None:
        rows = QVBoxLayout(self._sheet)
        rows.setContentsMargins(0, 2, 0, 8)
        line = QHBoxLayout()
        line.setContentsMargins(12, 0, 12, 0)
        line.addWidget(Label("Weights of", "small", "textMid"))
        line.addWidget(self._layer, 1)
        line.addStretch(1)
        rows.addLayout(line)
        words = QHBoxLayout()
        words.setContentsMargins(16, 2, 16, 2)
        words.addWidget(self._note)
        rows.addLayout(words)
        for name, shown in self._maps.items():
            self._sheet.put(self._captions[name], shown)
        rows.addWidget(self._sheet.maps, 1)
        self.set_content(self._sheet)

    # What is shown

    @override
    def question(self) -> RolloutOf:
        example = self.example()
        return RolloutOf(example, ALL if example.steps <= ALL else SOME)

    @override
    def show_reading(self, reading: Rollout) -> None:
        self.bar.show_read(reading.read)
        options = [(-1, "all layers, mean"), *enumerate(reading.layers)]
        self._layer.set_options(options)
        maps = self.maps()
        shown = (maps["weights"], maps["rollout"], maps["gradient"])
        by_row = self._by_row.isChecked()
        for (name, heat), values in zip(self._maps.items(), shown, strict=True):
            self._draw_map(heat, values, name == "gradient", by_row)
        self._show_words(reading)

    def _draw_map(self, heat: HeatMap, values: Map, decades: bool, by_row: bool) -> None:
        reading: Rollout = self.reading
        if by_row:
            most = np.nanmax(np.where(np.isfinite(values), values, np.nan), 1, initial=0.0)
            values = values / np.maximum(most[:, None], 1e-300)
        levels = (-2.0 if by_row else DECADES[0], 0.0 if by_row else DECADES[1])
        masked = reading.masked
        if decades and not by_row:
            with np.errstate(divide="ignore"):
                logs = np.log10(_between(values))
            heat.set_data(np.maximum(logs, DECADES[0]), levels, masked=masked, powers=True)
        else:
            heat.set_data(values, (0.0, 1.0), masked=masked)
        heat.set_labels(reading.tokens, reading.tokens)
        bar = "of the largest" if by_row else heat.accessibleDescription()
        heat.set_titles("token", "step", bar)

    def maps(self) -> dict[str, Map]:
        """Return the three maps (T, T); gradients are NaN where they are not measured (yet)."""
        reading: Rollout = self.reading
        layer = self._layer.value()
        means = reading.means.astype(float)
        chosen = means.mean(0) if not isinstance(layer, int) or layer < 0 else means[layer]
        gradient = np.full(chosen.shape, np.nan)
        ahead = chosen.shape[1] - reading.log10.shape[1]  # a class token has no embedding
        for row, k in enumerate(reading.losses):
            gradient[k + ahead, ahead:] = 10.0 ** reading.log10[row]
        return {"weights": chosen, "rollout": reading.rollout.astype(float), "gradient": gradient}

    def _show_words(self, reading: Rollout) -> None:
        maps = self.maps()
        total = len(reading.losses)
        measured = f"{reading.done} of {total} losses" if reading.done < total else ""
        if reading.done == total < len(reading.read.tokens):
            measured = f"{total} losses, rows between repeat them"
        if not total:
            measured = "no loss can be measured on this text"
        self._captions["weights"].setText("Weights, mean over heads")
        self._captions["rollout"].setText("Rollout, all layers")
        self._captions["gradient"].setText(
            ", ".join(part for part in ("Gradient of the loss", measured) if part)
        )
        pairs = (("weights", "gradient"), ("rollout", "gradient"))
        found = [agreement(maps[a], maps[b], reading.masked) for a, b in pairs]
        if all(np.isnan(value) for value in found):
            self._note.setText("Weights are not explanations.")
            return
        told = "; ".join(
            f"{a} against gradient {signed(value, '.2f')}"
            for (a, _), value in zip(pairs, found, strict=True)
            if not np.isnan(value)
        )
        words = f"Weights are not explanations. Rank correlation on this text: {told}."
        self._note.setText(words)

    @override
    def show_cursor(self) -> None:
        if self.looked is None:
            return
        row = min(self.session.cursor.t, len(self.reading.tokens) - 1)
        for each in self._maps.values():
            each.set_cursor(row=row)

    @override
    def words(self, reading: Rollout) -> str:
        row = min(self.session.cursor.t, len(reading.tokens) - 1)
        share = float(reading.rollout[row, 0])
        return f"{spelled(reading.tokens[row])} at {row + 1}: rollout {share:.2f} on the first"

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading: Rollout | None = self.reading
        if reading is None:
            return []
        error = float(np.abs(reading.rollout.sum(1) - 1).max(initial=0.0))
        return [
            ("Text", f"{len(reading.tokens)} tokens"),
            ("Layers", f"{len(reading.layers)}"),
            ("Rows of the rollout", f"within {error:.1e} of 1"),
            ("Losses measured", f"{reading.done} of {len(reading.losses)}"),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        return {} if self.reading is None else dict(self.maps())

    # What the person does

    @Slot()
    def _switched(self, _value: object = None) -> None:
        self._drawn = None
        self.refresh()

    @Slot(int, int)
    def _cell_picked(self, row: int, _column: int) -> None:
        self.session.move_cursor(t=row)


def _between(values: Map) -> Map:
    """Return a map (T, T) whose rows without a loss repeat the next row that has one."""
    rows = np.flatnonzero(np.isfinite(values).any(1))
    if not 2 < len(rows) < len(values):
        return values
    return np.asarray(values[rows[np.minimum(np.searchsorted(rows, np.arange(len(values))),
                                             len(rows) - 1)]])  # fmt: skip


class _Wide(QWidget):
    """Lays three maps side by side where there is room, else two above one."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = QWidget()
        self._grid = QGridLayout(self.maps)
        self._grid.setContentsMargins(4, 0, 0, 0)
        self._cells: list[QWidget] = []
        self._wide = False

    def put(self, caption: QWidget, shown: QWidget) -> None:
        """Add a map with its caption."""
        cell = QWidget()
        rows = QVBoxLayout(cell)
        rows.setContentsMargins(8, 0, 0, 0)
        rows.addWidget(caption)
        rows.addWidget(shown, 1)
        self._cells.append(cell)
        self._place()

    def _place(self) -> None:
        for number, cell in enumerate(self._cells):
            row, column = (0, number) if self._wide else divmod(number, 2)
            self._grid.addWidget(cell, row, column)
        for index in range(3):
            self._grid.setColumnStretch(index, int(index < (3 if self._wide else 2)))
            self._grid.setRowStretch(index, int(index < (1 if self._wide else 2)))

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        wide = event.size().width() > 1.15 * event.size().height()
        if wide != self._wide:
            self._wide = wide
            self._place()
        super().resizeEvent(event)


def _map(quantity: str, bar: str, name: str) -> HeatMap:
    shown = HeatMap(
        "gradient" if quantity == "gradient" else "attention", x_title="token",
        y_title="step", bar_title=bar, square=True, largest=40.0, name=name,
    )  # fmt: skip
    shown.set_origin(1, 1)
    shown.setAccessibleDescription(bar)
    return shown


def agreement(first: Map, second: Map, masked: NDArray[np.bool_]) -> float:
    """Return the mean rank correlation (Spearman) of the rows of two maps (T, T).

    Only tokens before the step count, in rows with four of them at least; NaN without any.
    """
    found = []
    for row in range(len(first)):
        keys = np.flatnonzero(~masked[row])
        keys = keys[(keys != row) & np.isfinite(second[row, keys])]
        if len(keys) >= 4:
            found.append(_spearman(first[row, keys], second[row, keys]))
    known = [value for value in found if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _spearman(first: Map, second: Map) -> float:
    ranks = [_ranks(values) for values in (first, second)]
    if min(rank.std() for rank in ranks) < 1e-12:
        return float("nan")
    return float(np.asarray(np.corrcoef(np.stack(ranks)))[0, 1])


def _ranks(values: Map) -> Map:
    """Return ranks from 0; equal values share their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    ranks: Map = ((ends - count + ends - 1) / 2.0)[place]
    return ranks
