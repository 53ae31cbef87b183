"""Parts of the T × T map: one row by distance, the total by time, and the shares of all losses.

Shape legend: K losses, T states; maps are log10 of norms (K, T), NaN where t > k.
"""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QMarginsF, QRectF, Signal
from PySide6.QtGui import QMouseEvent, QPainter
from typing_extensions import override

from seqstudio.records.readings import Floats, Ints
from seqstudio.studio.panels.chart import Chart
from seqstudio.studio.plots import ReadOut
from seqstudio.studio.plots.frame import Frame
from seqstudio.studio.plots.mappaint import paint_bar, paint_bar_ticks, paint_bar_title
from seqstudio.studio.plots.maps import map_image
from seqstudio.studio.theme import theme
from seqstudio.studio.widgets import format_number

_BAR, _BAR_GAP, _BAR_ROOM = 10.0, 22.0, 84.0


class RowChart(Chart):
    """The gradient of one loss by distance from it."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__(x_symbol="d")
        self.set_growing(x=False, y=False)
        self.names_inside = True
        self.set_range(x=(0.0, 128.0), y=(10.0**low, 10.0**high), y_log=True)

    def show_row(self, log10_norm: Floats, k: int, name: str, paint: str) -> None:
        """Show row k of a map (T,) by its distance d = k - t."""
        self.clear()
        self.set_titles("distance d back from the loss", f"gradient of the loss {name}")
        curve = self.add_curve("row", paint)
        curve.set_data(np.arange(k + 1), 10.0 ** log10_norm[k::-1])
        end = float(max(8, len(log10_norm)))
        if self.view()[0].high != end:
            low, high = self.view()[1].low, self.view()[1].high
            self.set_range(x=(0.0, end), y=(low, high), y_log=True)


class _ByTime(Chart):
    """A chart over the states: every step has a whole cell."""

    def __init__(self) -> None:
        super().__init__(x_symbol="t")
        self.set_growing(x=False, y=False)

    def set_steps(self, steps: int) -> None:
        """Give every one of T states a cell."""
        if self.view()[0].high != steps - 0.5:
            y = self.view()[1]
            self.set_range(x=(-0.5, steps - 0.5), y=(y.low, y.high), y_log=y.log)


class TotalChart(_ByTime):
    """The norm of the sum of all rows by time, and the sum of their norms, which is more."""

    def __init__(self) -> None:
        super().__init__()
        self.set_growing(x=False, y=True)
        self.set_titles("time step t", "all losses together")
        self.set_range(x=(-0.5, 127.5), y=(1e-2, 10.0), y_log=True)

    def show_sums(self, total: Floats, sums: Floats) -> None:
        """Show both by time, (T,) each."""
        self.clear()
        self.set_steps(len(total))
        for name, values, paint in (
            ("sum of norms", sums, "textMid"),
            ("total", total, "role:gradient"),
        ):
            curve = self.add_curve(name, paint, label=name)
            curve.show_value = False
            curve.set_data(np.arange(len(values)), values)


class SharesChart(_ByTime):
    """Stacked bars: of the norms that arrive at a state, the share of every loss.

    Signals:
        loss_hovered(int): index of the loss under the pointer.
    """

    loss_hovered = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.set_titles("time step t", "share of norms, one colour a loss")
        self.set_range(x=(-0.5, 127.5), y=(0.0, 1.0))
        self.under.append(self._paint_bars)
        self.over.append(self._paint_key)
        self._edges: Floats = np.zeros((1, 0))
        self._targets: Ints = np.zeros(0, np.int64)

    def show_shares(self, shares: Floats, targets: Ints) -> None:
        """Show shares (K, T) of losses at steps (K,), the nearest loss at the bottom."""
        self._edges = np.cumsum(shares, axis=0)
        self._targets = targets
        self.set_steps(shares.shape[1])
        self.update()

    def loss_at(self, t: int, share: float) -> int | None:
        """Return the index of the loss whose bar holds a share at time t, None for none."""
        if not 0 <= t < self._edges.shape[1] or not 0 <= share <= self._edges[-1, t]:
            return None
        return int(np.searchsorted(self._edges[:, t], share))

    def share_of(self, loss: int, t: int) -> float:
        """Return the share of a loss at time t."""
        before = self._edges[loss - 1, t] if loss else 0.0
        return float(self._edges[loss, t] - before)

    def greatest(self, t: int) -> int:
        """Return the index of the loss with the greatest share at time t."""
        return int(np.diff(self._edges[:, t], prepend=0.0).argmax())

    def _paint_bars(self, painter: QPainter, frame: Frame) -> None:
        steps, height = self._edges.shape[1], int(frame.rect.height())
        if not steps or height < 1:
            return
        shares = np.array([frame.y.value(1 - (i + 0.5) / height) for i in range(height)])
        found = np.array([np.searchsorted(self._edges[:, t], shares) for t in range(steps)]).T
        above = (shares[:, None] > self._edges[-1][None]) | (shares[:, None] < 0)
        inside = np.clip(found, 0, len(self._targets) - 1)
        k = np.where(above, np.nan, self._targets[inside].astype(float))
        left, right = (float(x) for x in frame.px([-0.5, steps - 0.5]))
        painter.setClipRect(frame.rect)
        area = QRectF(left, frame.rect.top(), right - left, frame.rect.height())
        painter.drawImage(area, map_image(k, "waterfall", (0.0, self._most), most=4096))

    @override
    def _margins(self) -> QMarginsF:
        margins = super()._margins()
        margins.setRight(_BAR_ROOM)
        return margins

    @property
    def _most(self) -> float:
        return float(max(1, self._targets.max(initial=1)))

    def _paint_key(self, painter: QPainter, frame: Frame) -> None:
        bar = QRectF(frame.rect.right() + _BAR_GAP, frame.rect.top(), _BAR, frame.rect.height())
        paint_bar(painter, bar, theme().lookup("waterfall"))
        paint_bar_ticks(painter, bar, (0.0, self._most), powers=False)
        paint_bar_title(painter, bar, "loss k")

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        super().mouseMoveEvent(event)
        frame = self.frame()
        if frame.rect.contains(event.position()):
            t = math.floor(frame.x_at(event.position().x()) + 0.5)
            loss = self.loss_at(t, frame.y_at(event.position().y()))
            if loss is not None:
                self.loss_hovered.emit(loss)


def shares_of(log10_norm: Floats) -> Floats:
    """Return of a map (K, T) the share of every norm in the sum of its column, zeros above k."""
    known = np.where(np.isnan(log10_norm), -np.inf, log10_norm)
    largest = known.max(axis=0, keepdims=True)
    sizes = 10.0 ** (known - np.where(np.isfinite(largest), largest, 0.0))
    sums = sizes.sum(axis=0, keepdims=True)
    return np.asarray(sizes / np.where(sums > 0, sums, 1.0), float)


def share_words(share: float, k: int, t: int) -> ReadOut:
    """Return the read-out of the bar of loss k at time t."""
    return ReadOut(f"t {t}", ((None, f"share of loss {k}", format_number(share, ".3f")),))
