"""The views of the surgery panel: loss over the text, next tokens, ranking, writing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QBoxLayout,
    QHBoxLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.records.inside.surgery import Surgery, UnitRanking
from seqstudio.studio.panels.bars import ChoiceBars
from seqstudio.studio.theme import faded, follow_theme, painting, theme
from seqstudio.studio.widgets import Button, Label, ProgressBar, TokenStrip, format_number
from seqstudio.studio.widgets.numbers import MINUS
from seqstudio.studio.widgets.token_lines import shown_text

LIMITS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
PROMPT_SHOWN = 40
_MOST = 0.97  # a single token must not make all others pale
_BESIDE = 520


def signed(value: float) -> str:
    """Return a difference with its sign, in nats."""
    if not math.isfinite(value):
        return "–"
    text = format_number(abs(value), ".3f" if abs(value) >= 0.001 else "sci")
    return f"{MINUS if value < 0 else '+'}{text}" if value else "±0"


def change_words(before: float, after: float) -> str:
    """Return a loss before and after, and the difference."""
    if not math.isfinite(before):
        return "…"
    first, then = (format_number(value, ".3f") for value in (before, after))
    return f"{first} → {then} ({signed(after - before)})"


class _Tile(QWidget):
    """A view on the well's colour."""

    def __init__(self) -> None:
        super().__init__()
        follow_theme(self)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))


def stacked(above: QWidget, below: QWidget) -> QWidget:
    """Return both views above each other, each half as high."""
    both = QWidget()
    rows = QVBoxLayout(both)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setSpacing(1)
    rows.addWidget(above, 1)
    rows.addWidget(below, 1)
    return both


def spaced(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return tokens with a blank behind each where they are numbers that would run together."""
    if any(len(token) > 1 for token in tokens) and all(token.isdigit() for token in tokens):
        return tuple(f"{token} " for token in tokens)
    return tuple(tokens)


class LossTile(_Tile):
    """The text, each token on the colour of what its prediction lost or gained."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.strip = TokenStrip(name="Loss over the text")
        self.words = Label("", "small", "textHi", wrap=True, parent=self)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 8, 0, 0)
        rows.setSpacing(0)
        self.words.setContentsMargins(16, 0, 16, 0)
        rows.addWidget(self.words)
        rows.addWidget(self.strip, 1)
        self._tokens: tuple[str, ...] = ()

    def set_reading(self, reading: Surgery, held: str, unit: str) -> None:
        """Show the differences of the losses, and both means in words."""
        if reading.tokens != self._tokens:
            self._tokens = reading.tokens
            self.strip.set_tokens(spaced(reading.tokens))
        difference = reading.after - reading.before
        if len(difference) == len(reading.tokens) and reading.units:
            known = np.abs(difference[np.isfinite(difference)])
            largest = float(np.quantile(known, _MOST)) if known.size else 0.0
            limit = next((limit for limit in LIMITS if limit >= largest), LIMITS[-1])
            self.strip.set_values(difference, limit)
            self.strip.set_quantity(f"change of the loss of the next token, {unit}")
        elif reading.units and len(reading.values):
            largest = float(np.abs(reading.values[:, 0]).max(initial=1.0))
            self.strip.set_values(reading.values[:, 0], largest)
            self.strip.set_quantity(f"unit {reading.units[0]} where nothing is held")
        else:
            self.strip.set_values(None)
            self.strip.set_quantity("")
        self.words.setText(self._summary(reading, held))

    @staticmethod
    def _summary(reading: Surgery, held: str) -> str:
        here = float(np.nanmean(reading.before)) if np.isfinite(reading.before).any() else math.nan
        if not reading.units:
            return (
                f"Loss of this text {format_number(here, '.3f')}. Nothing is held: type units, "
                "click one in another panel, or rank them."
            )
        then = float(np.nanmean(reading.after))
        out = change_words(reading.held_before, reading.held_after)
        count = f" {reading.held_count:,} predictions" if reading.held_count else ""
        return f"With {held}: this text {change_words(here, then)}; held-out{count} {out}"


class NextTile(_Tile):
    """The likeliest next tokens at the cursor, without and with the operation."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = ChoiceBars(), ChoiceBars()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 8, 0, 0)
        row.setSpacing(0)
        for bars in (self.before, self.after):
            row.addWidget(bars, 1, Qt.AlignmentFlag.AlignTop)

    def set_reading(self, reading: Surgery, t: int, held: str) -> None:
        """Show the choices after step t."""
        row = t if len(reading.choices) == len(reading.tokens) else 0
        if row >= len(reading.choices):
            return
        names = [reading.symbols[int(place)] for place in reading.choices[row]]
        token = shown_text(reading.tokens[t]) if len(reading.choices) > 1 else "the end"
        self.before.set_choices(f"after “{token}”, t {t}", _ranked(names, reading.p_before[row]))
        words = f"with {held}" if reading.units else "nothing is held"
        self.after.set_choices(words, _ranked(names, reading.p_after[row]))


def _ranked(names: Sequence[str], p: NDArray[np.float64]) -> list[tuple[str, float]]:
    order = np.argsort(-p, kind="stable")
    return [(names[index], float(p[index])) for index in order]


class WritingTile(_Tile):
    """What the model writes from the same chances, without and with the operation."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.plain, self.held = TokenStrip(name="Written without"), TokenStrip(name="Written with")
        self._heads = [Label("", "small", "textMid", parent=self) for _ in range(2)]
        self._about: tuple[object, ...] = ()
        self._sides = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._sides.setContentsMargins(0, 8, 0, 0)
        self._sides.setSpacing(0)
        for head, strip in zip(self._heads, (self.plain, self.held), strict=True):
            head.setContentsMargins(16, 0, 16, 0)
            side = QVBoxLayout()
            side.addWidget(head)
            side.addWidget(strip, 1)
            self._sides.addLayout(side, 1)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        across = self.width() >= _BESIDE
        ways = QBoxLayout.Direction
        self._sides.setDirection(ways.LeftToRight if across else ways.TopToBottom)

    def set_reading(self, reading: Surgery, held: str) -> None:
        """Show both texts behind the end of the prompt; those before stay until they are there."""
        about = (reading.site, reading.units, reading.to)
        if not reading.wrote_before and about == self._about:
            return
        self._about = about
        prompt = reading.prompt[-PROMPT_SHOWN:]
        same = common_start(reading.wrote_before, reading.wrote_after)
        texts = (reading.wrote_before, reading.wrote_after)
        for strip, text in zip((self.plain, self.held), texts, strict=True):
            strip.set_tokens((*prompt, *text))
            strip.set_dimmed(len(prompt))
            later = np.full(len(prompt) + len(text), np.nan)
            later[len(prompt) + same :] = 0.35
            strip.set_values(later if reading.units and text else None)
        self._heads[0].setText("written without" if texts[0] else "being written…")
        apart = f", the same for {same} tokens" if texts[0] and reading.units else ""
        self._heads[1].setText(f"with {held}{apart}" if reading.units else "nothing is held")


def common_start(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how many tokens two texts have in common at their start."""
    pairs = zip(first, second, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


class RankTile(_Tile):
    """The units of a place by what the model loses without them.

    Signals:
        wanted(): rank, or stop ranking.
        unit_picked(int, bool): a unit was clicked, alone or (Ctrl or Shift) beside the others.
    """

    wanted = Signal()
    unit_picked = Signal(int, bool)

    def __init__(self) -> None:
        super().__init__()
        self.button = Button("Rank the units")
        self.progress = ProgressBar(name="Units ranked")
        self.words = Label("", "small", "textMid", wrap=True, parent=self)
        self.list = RankList()
        self.button.clicked.connect(self.wanted)
        self.list.picked.connect(self.unit_picked)
        line = QHBoxLayout()
        line.setContentsMargins(16, 8, 16, 4)
        line.setSpacing(10)
        line.addWidget(self.button)
        line.addWidget(self.words, 1)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(line)
        bar = QHBoxLayout()
        bar.setContentsMargins(16, 0, 16, 0)
        bar.addWidget(self.progress)
        rows.addLayout(bar)
        rows.addWidget(self.list, 1)
        self.progress.hide()

    def set_ranking(
        self, ranking: UnitRanking | None, busy: bool, held: str, weights: str
    ) -> None:
        """Show what is known of a ranking, and of which weights it is."""
        self.button.setText("Stop" if busy else "Rank the units")
        known = np.zeros(0) if ranking is None else np.isfinite(ranking.increase)
        self.progress.setVisible(busy)
        self.progress.set_fraction(float(known.mean()) if known.size else 0.0)
        if ranking is None:
            self.words.setText(
                "each is held alone; the loss on held-out text says what it is worth"
            )
            self.list.set_values(np.zeros(0))
            return
        done = f"{int(known.sum())} of {known.size}" if not known.all() else f"all {known.size}"
        over = f"loss above {ranking.base:.3f} nats, {ranking.count} held-out predictions"
        self.words.setText(f"{done} {held}: {over}, {weights}")
        self.list.set_values(ranking.increase)


class RankList(QAbstractScrollArea):
    """Rows of a unit, a bar and a number, the largest on top; what is unknown is left out.

    Signals:
        picked(int, bool): unit that was clicked, and whether beside the others.
    """

    picked = Signal(int, bool)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Units by what the model loses without them")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._increase: NDArray[np.float64] = np.zeros(0)
        self.order: tuple[int, ...] = ()
        self.chosen: frozenset[int] = frozenset()
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        self.viewport().setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._hover = -1
        follow_theme(self)

    def set_values(self, increase_N: ArrayLike) -> None:
        """Show other numbers (N,), NaN where one is not known."""
        self._increase = np.asarray(increase_N, float)
        known = np.flatnonzero(np.isfinite(self._increase))
        ranked = known[np.argsort(-self._increase[known], kind="stable")]
        self.order = tuple(int(unit) for unit in ranked)
        self._set_scroll()
        self.viewport().update()

    def set_chosen(self, units: Sequence[int]) -> None:
        """Mark the units that are held."""
        self.chosen = frozenset(units)
        self.viewport().update()

    @Slot()
    def restyle(self) -> None:
        """Take heights from the theme in force."""
        self._set_scroll()
        self.viewport().update()

    def pitch(self) -> int:
        """Return the height of a row."""
        return theme().line_height("mono") + 4

    def _set_scroll(self) -> None:
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(self.pitch())
        bar.setRange(0, max(0, len(self.order) * self.pitch() - self.viewport().height()))

    @override
    def sizeHint(self) -> QSize:
        return QSize(240, 160)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(140, 60)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        self._set_scroll()

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self.viewport()) as painter:
            painter.fillRect(self.viewport().rect(), theme().color("surface0"))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(theme().font("mono"))
            first = self.verticalScrollBar().value() // self.pitch()
            rows = self.viewport().height() // self.pitch() + 2
            largest = float(np.nanmax(np.abs(self._increase), initial=0.0)) or 1.0
            for row in range(first, min(len(self.order), first + rows)):
                self._paint_row(painter, row, largest)

    def _paint_row(self, painter: QPainter, row: int, largest: float) -> None:
        unit, pitch = self.order[row], self.pitch()
        top = row * pitch - self.verticalScrollBar().value()
        area = QRectF(0, top, self.viewport().width(), pitch)
        if unit in self.chosen:
            painter.fillRect(area, theme().color("accentSoft"))
        elif row == self._hover:
            painter.fillRect(area, theme().color("surface2"))
        metrics = painter.fontMetrics()
        inner = area.adjusted(16, 0, -16, 0)
        name, value = metrics.horizontalAdvance("0000"), metrics.horizontalAdvance("−0.000000")
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(theme().color("textHi"))
        number = QRectF(inner.left(), top, name, pitch)
        painter.drawText(number, Qt.AlignmentFlag.AlignRight | middle, f"{unit}")
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | middle, signed(self._increase[unit]))
        track = inner.adjusted(name + 12, pitch / 2 - 2, -value - 8, -pitch / 2 + 2)
        self._paint_bar(painter, track, float(self._increase[unit]) / largest)

    @staticmethod
    def _paint_bar(painter: QPainter, track: QRectF, share: float) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color("surface3"))
        painter.drawRoundedRect(track, 2, 2)
        colour = theme().role("loss") if share > 0 else theme().role("cell")
        painter.setBrush(faded(colour, 0.9))
        bar = QRectF(track.left(), track.top(), track.width() * abs(share), track.height())
        painter.drawRoundedRect(bar, 2, 2)

    # Pointer and keys

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        move = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if move is None or not self.order:
            super().keyPressEvent(event)
            return
        rows = [row for row, unit in enumerate(self.order) if unit in self.chosen]
        here = rows[0] if rows else -1
        row = min(len(self.order) - 1, max(0, here + move))
        self.ensure_row(row)
        self.picked.emit(self.order[row], False)

    def ensure_row(self, row: int) -> None:
        """Scroll so that a row can be seen."""
        bar, top = self.verticalScrollBar(), row * self.pitch()
        low = top + self.pitch() - self.viewport().height()
        bar.setValue(min(top, max(low, bar.value())))

    def row_at(self, place: QPointF) -> int:
        """Return the row under a pixel of the viewport, -1 for none."""
        row = int((place.y() + self.verticalScrollBar().value()) // self.pitch())
        return row if 0 <= row < len(self.order) else -1

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        row = self.row_at(event.position())
        keys = Qt.KeyboardModifier
        more = bool(event.modifiers() & (keys.ControlModifier | keys.ShiftModifier))
        if row >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.picked.emit(self.order[row], more)

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        self._hover = self.row_at(event.position())
        self.viewport().update()

    @override
    def viewportEvent(self, event: QEvent, /) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._hover = -1
            self.viewport().update()
        return super().viewportEvent(event)
