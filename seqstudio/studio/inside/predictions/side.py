"""`GuessSide`: the distribution at the cursor, after temperature, top k and top p; the layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.insight.choosing import Probabilities, next_probabilities
from seqstudio.records.inside.predictions import Lens, Predictions
from seqstudio.studio.inside.embedding.map import joined, symbol_name
from seqstudio.studio.inside.rank_bars import RankBars
from seqstudio.studio.theme import faded, follow_theme, painting, theme
from seqstudio.studio.widgets import ElidedLabel, Label, SliderField

SHOWN = 10
BEFORE = 16


@dataclass(frozen=True)
class Choosing:
    """How the next token is chosen from the distribution."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0


class GuessSide(QScrollArea):
    """Bars of the likeliest tokens at one step, the sliders that change them, the logit lens.

    Signals:
        chosen(str): a token was clicked.
        choosing_changed(): a slider moved.
    """

    chosen = Signal(str)
    choosing_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reading: Predictions | None = None
        self._t = 0
        self._order: list[int] = []
        self._heading = ElidedLabel("", "panelTitle")
        self._told = Label("", "small", "textMid", wrap=True)
        self.bars = RankBars(role="output", form=".3f", name="Next token")
        self.temperature = SliderField(1.0, 0.0, 2.0, form=".2f", marks=(1.0,), name="Temperature")
        self.top_k = SliderField(0, 0, 100, form="int", name="Top k")
        self.top_p = SliderField(1.0, 0.0, 1.0, form=".2f", marks=(1.0,), name="Top p")
        self._lens_title = Label("By layer", "panelTitle")
        self._lens_note = Label("", "small", "textMid", wrap=True)
        self.lens = LensRows()
        self._lay_out()
        self.bars.picked.connect(self._picked)
        for field in (self.temperature, self.top_k, self.top_p):
            field.value_changed.connect(self._moved)
        follow_theme(self)

    def _lay_out(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = _Ground()
        rows = self._rows = QVBoxLayout(inside)
        rows.setContentsMargins(12, 10, 12, 10)
        rows.setSpacing(6)
        rows.addWidget(self._heading)
        rows.addWidget(self._told)
        rows.addWidget(self.bars)
        rows.addLayout(self._sliders())
        rows.addSpacing(8)
        for part in (self._lens_title, self._lens_note, self.lens):
            rows.addWidget(part)
        rows.addStretch(1)
        self.setWidget(inside)

    def _sliders(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(2)
        named = (("temperature", self.temperature), ("top k", self.top_k), ("top p", self.top_p))
        for row, (name, field) in enumerate(named):
            grid.addWidget(Label(name, "small", "textMid"), row, 0)
            grid.addWidget(field, row, 1)
        grid.setColumnStretch(1, 1)
        self.top_k.setToolTip("0 keeps all tokens")
        self.temperature.setToolTip("0 takes the likeliest token")
        return grid

    @property
    def choosing(self) -> Choosing:
        """How the sliders stand."""
        return Choosing(
            float(self.temperature.value()), round(self.top_k.value()), float(self.top_p.value())
        )

    def probabilities(self) -> Probabilities:
        """Return the distribution (V,) at the cursor after the sliders."""
        assert self._reading is not None
        how = self.choosing
        return next_probabilities(
            self._reading.logits[self._t], how.temperature, how.top_k, how.top_p
        )

    def set_reading(self, reading: Predictions, t: int) -> None:
        """Show the distribution after step `t` of a text."""
        self._reading, self._t = reading, min(max(0, t), len(reading.tokens) - 1)
        before = joined(reading.tokens[max(0, t + 1 - BEFORE) : t + 1])
        word = "after" if reading.follows else "at"
        self._heading.setText(f"{word} {self._t + 1:,}: …{before}")
        self._show_bars()
        self._show_lens(reading)
        self._rows.activate()

    def _show_bars(self) -> None:
        reading = self._reading
        if reading is None:
            return
        p = self.probabilities()
        order = np.argsort(-p, kind="stable")
        self._order = [int(i) for i in order[:SHOWN] if p[i] > 0]
        true = int(reading.true[self._t])
        if true >= 0 and true not in self._order:
            self._order = [*self._order[: SHOWN - 1], true]
        rows = [(symbol_name(reading.symbols[i]), float(p[i])) for i in self._order]
        self.bars.set_rows(rows, self._order.index(true) if true >= 0 else -1)
        self._told.setText(self._words(p, true))

    def _words(self, p: Probabilities, true: int) -> str:
        assert self._reading is not None
        safe = np.where(p > 0, p, 1.0)
        entropy = -float((p * np.log2(safe)).sum())
        kept = int((p > 0).sum())
        parts = [f"{kept} of {len(p)} kept", f"entropy {abs(entropy):.2f} bits"]
        if true >= 0:
            chance = float(self._reading.true_p[self._t])
            loss, name = -np.log(max(chance, 1e-300)), symbol_name(self._reading.symbols[true])
            parts.append(f"“{name}” came: loss {loss:.2f} nats, {loss / np.log(2):.2f} bits")
        return " · ".join(parts)

    def _show_lens(self, reading: Predictions) -> None:
        lens = reading.lens
        self.lens.setVisible(lens is not None)
        if lens is None:
            self._lens_note.setText(reading.no_lens)
            return
        note = "what the end of the model makes of every layer, and what came"
        left = f". Left out: {'; '.join(lens.left_out)}" if lens.left_out else ""
        self._lens_note.setText(f"{note}{left}")
        self.lens.set_lens(lens, reading.symbols, self._t, int(reading.true[self._t]))

    @Slot()
    def _moved(self, _value: object = None) -> None:
        self._show_bars()
        self.choosing_changed.emit()

    @Slot(int)
    def _picked(self, row: int) -> None:
        if self._reading is not None:
            self.chosen.emit(self._reading.symbols[self._order[row]])

    @Slot()
    def restyle(self) -> None:
        """Take the width from the theme in force."""
        self.setFixedWidth(round(288 * max(1.0, theme().scale)))
        self.viewport().update()


class LensRows(QWidget):
    """A row a layer, the output on top: its likeliest tokens, and the chance of what came."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lens: Lens | None = None
        self._symbols: tuple[str, ...] = ()
        self._t, self._true = 0, -1
        self.setAccessibleName("Predictions by layer")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        follow_theme(self)

    def set_lens(self, lens: Lens, symbols: tuple[str, ...], t: int, true: int) -> None:
        """Show the layers at step `t`, where symbol `true` came (-1: none is asked)."""
        self._lens, self._symbols, self._t, self._true = lens, symbols, t, true
        self.updateGeometry()
        self.update()

    def _pitch(self) -> int:
        return theme().line_height("mono") + 4

    @override
    def sizeHint(self) -> QSize:
        return QSize(200, (len(self._lens.names) if self._lens else 1) * self._pitch() + 4)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    @Slot()
    def restyle(self) -> None:
        """Take the height of rows from the theme in force."""
        self.updateGeometry()
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        if self._lens is None:
            return
        with painting(self) as painter:
            for row, layer in enumerate(reversed(range(len(self._lens.names)))):
                self._paint_layer(painter, row * self._pitch(), layer, self._lens)

    def _paint_layer(self, painter: QPainter, top: float, layer: int, lens: Lens) -> None:
        middle = Qt.AlignmentFlag.AlignVCenter
        label, number = self.width() * 0.34, 40.0
        line = QRectF(0, top, self.width(), self._pitch() - 2)
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textMid"))
        elide = Qt.TextElideMode.ElideLeft
        names = short_names(lens.names)
        name = painter.fontMetrics().elidedText(names[layer], elide, int(label - 8))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | middle, name)
        painter.setFont(theme().font("mono"))
        best, p = lens.best[layer, self._t], lens.p[layer, self._t]
        cell = (self.width() - label - number) / max(1, len(best))
        for place, (guess, chance) in enumerate(zip(best, p, strict=True)):
            room = QRectF(label + place * cell, top, cell - 2, line.height())
            painter.fillRect(room, faded(theme().role("output"), float(chance) * 0.75))
            painter.setPen(theme().color("textHi" if chance >= 0.05 else "textLow"))
            if int(guess) == self._true:
                painter.fillRect(QRectF(room.left(), room.bottom() - 2, room.width(), 2),
                                 theme().color("accent"))  # fmt: skip
            text = painter.fontMetrics().elidedText(
                symbol_name(self._symbols[int(guess)]), Qt.TextElideMode.ElideRight, int(cell)
            )
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, text)
        if self._true >= 0:
            painter.setPen(theme().color("textMid"))
            told = f"{float(lens.true_p[layer, self._t]):.2f}"
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | middle, told)


def short_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return "layer 2" for "transformer, layer 2" where that is still one layer only."""
    short = tuple(name.rpartition(", ")[2] for name in names)
    return short if len(set(short)) == len(names) else names


class _Ground(QWidget):
    """The surface that the fields stand on."""

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        QPainter(self).fillRect(self.rect(), theme().color("surface1"))
