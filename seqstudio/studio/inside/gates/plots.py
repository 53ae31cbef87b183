"""The plots of the gates panel: map of units, saturation, time constants, decay.

Shape legend: N units, D distances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.insight.gating import KeepCurve
from seqstudio.records.inside.gates import Decay
from seqstudio.studio.inside.gates.scatter import Scatter
from seqstudio.studio.panels.chart import Chart, paint_words
from seqstudio.studio.plots import HeatMap, Scale, paint_hatch
from seqstudio.studio.plots.frame import Frame
from seqstudio.studio.plots.heatmap import MapFrame
from seqstudio.studio.plots.paint import paint_grid, paint_ticks, paint_titles
from seqstudio.studio.plots.series import FloatArray
from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme
from seqstudio.studio.widgets import Label, NumberField, format_number
from seqstudio.studio.widgets.token_lines import shown_text

FLOOR = 1e-12
STEPS_RANGE = (0.1, 1e4)
BINS_A_DECADE = 5


class UnitMap(HeatMap):
    """Units by time steps; rows keep their unit's number whatever their order."""

    def __init__(self) -> None:
        super().__init__("gate", x_title="time step t", y_title="unit", name="Units over time")
        self.units: tuple[int, ...] = ()
        self.tokens: tuple[str, ...] = ()
        self.first = 0
        self._ticks: tuple[tuple[int, str], ...] = ()

    def set_row_ticks(self, places: Sequence[tuple[int, str]]) -> None:
        """Write words beside some rows; without any, the numbers of the units."""
        self._ticks = tuple(places)
        self.update()

    @override
    def _paint_row_ticks(self, painter: QPainter, frame: MapFrame) -> None:
        painter.setFont(theme().font("axis"))
        painter.setPen(theme().color("textLow"))
        metrics, height = painter.fontMetrics(), frame.cell[1]
        free = frame.rect.top() - metrics.height()
        for row, text in self._ticks or self._numbers(frame):
            y = frame.rect.top() + (row + 0.5) * height
            if y - metrics.capHeight() < free:
                continue
            x = frame.rect.left() - 8 - metrics.horizontalAdvance(text)
            painter.drawText(QPointF(x, y + metrics.capHeight() / 2), text)
            free = y + metrics.height() / 2

    def _numbers(self, frame: MapFrame) -> list[tuple[int, str]]:
        fits = max(1, int(frame.rect.height() / (2 * theme().line_height("axis"))))
        stride = max(1, -(-frame.rows // fits))
        return [(row, f"{self.units[row]}") for row in range(0, len(self.units), stride)]

    @override
    def _told(self, row: int, column: int) -> str:
        t = column + self.first
        token = shown_text(self.tokens[t]) if t < len(self.tokens) else ""
        value = format_number(self.value(row, column), ".3f")
        return f"unit {self.units[row]}, t {t} “{token}”: {value}"


class Triangle(Scatter):
    """Share of time that units are at one end against that at the other."""

    def __init__(self) -> None:
        super().__init__("share of time below", "share of time above")

    @override
    def told(self, index: int) -> str:
        low, high = (format_number(float(v[index]), ".2f") for v in (self.xs, self.ys))
        return f"unit {index}: below {low}, above {high} of the time"

    @override
    def paint_under(self, painter: QPainter, frame: Frame) -> None:
        """Hatch what cannot be: more than all of the time at both ends together."""
        corners = [frame.point(0, 1), frame.point(1, 1), frame.point(1, 0)]
        painter.save()
        painter.setPen(pen(theme().color("lineStrong"), 1.0))
        painter.drawLine(corners[0], corners[2])
        painter.setClipRect(frame.rect)
        inside = QPainterPath()
        inside.addPolygon(QPolygonF(corners))
        painter.setClipPath(inside)
        paint_hatch(painter, frame.rect)
        painter.restore()


class SaturationTile(QWidget):
    """The triangle with its thresholds.

    Signals:
        changed(): the person moved a threshold.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.plot = Triangle()
        self.low = NumberField(0.1, 0.0, 0.5, form=".2f", step=0.01, name="Below")
        self.high = NumberField(0.9, 0.5, 1.0, form=".2f", step=0.01, name="Above")
        line = QHBoxLayout()
        line.setContentsMargins(12, 6, 12, 0)
        line.setSpacing(6)
        for name, field in (("below", self.low), ("above", self.high)):
            line.addWidget(Label(name, "small", "textMid", parent=self))
            line.addWidget(field)
            field.value_changed.connect(self._moved)
        line.addStretch(1)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(line)
        rows.addWidget(self.plot, 1)
        follow_theme(self)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))

    def thresholds(self, signed: bool) -> tuple[float, float]:
        """Return both thresholds; around zero the lower one mirrors the upper one."""
        self.low.setEnabled(not signed)
        high = float(self.high.value())
        return (-high if signed else float(self.low.value())), high

    @Slot(object)
    def _moved(self, _value: object) -> None:
        self.changed.emit()


class TimeConstants(QWidget):
    """A histogram of time constants on a logarithmic axis.

    Signals:
        picked(int): the unit of the bar that was clicked whose time constant is nearest.
    """

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._tau_N: FloatArray = np.zeros(0)
        self._edges = 10.0 ** np.arange(-1, 4 + 1e-9, 1 / BINS_A_DECADE)
        self._counts = np.zeros(len(self._edges) - 1, int)
        self._chosen: float | None = None
        self._steps = 0
        self.setMouseTracking(True)
        self.setAccessibleName("Units by time constant")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    def set_values(self, tau_N: ArrayLike, steps: int) -> None:
        """Show the time constants of units (N,), measured over so many steps."""
        self._tau_N, self._steps = np.asarray(tau_N, float), steps
        shown = np.clip(self._tau_N, STEPS_RANGE[0], STEPS_RANGE[1] * 0.999)
        self._counts = np.histogram(shown, self._edges)[0]
        self.update()

    def counts(self) -> FloatArray:
        """Return the units of every bar."""
        return self._counts.astype(float)

    def set_chosen(self, unit: int | None) -> None:
        """Mark the time constant of a unit."""
        known = unit is not None and 0 <= unit < len(self._tau_N)
        self._chosen = float(self._tau_N[unit]) if known and unit is not None else None
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(280, 180)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(140, 110)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    def frame(self) -> Frame:
        """Return the rectangle of the bars in pixels, and its scales."""
        sides = {side: theme().metric("plot", side) for side in ("left", "top", "bottom")}
        inner = QRectF(self.rect()).adjusted(sides["left"], sides["top"], -24, -sides["bottom"])
        inner.setSize(inner.size().expandedTo(QSizeF(24, 24)))
        most = max(4, int(self._counts.max(initial=0)))
        return Frame(inner, Scale(*STEPS_RANGE, log=True), Scale(0.0, most * 1.1))

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            frame = self.frame()
            paint_grid(painter, frame)
            self._paint_bars(painter, frame)
            self._paint_marks(painter, frame)
            paint_ticks(painter, frame, theme().raw_metric("plot", "tickGap"), None)
            paint_titles(painter, frame, "time constant τ, steps", "units", self.width())

    def _paint_bars(self, painter: QPainter, frame: Frame) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(theme().role("cell"), 0.75))
        lefts = frame.px(self._edges)
        for left, right, count in zip(lefts[:-1], lefts[1:], self._counts, strict=True):
            top = float(frame.py(float(count)))
            painter.drawRect(QRectF(left + 0.5, top, right - left - 1, frame.rect.bottom() - top))

    def _paint_marks(self, painter: QPainter, frame: Frame) -> None:
        if self._chosen is not None:
            x = float(frame.px(min(max(self._chosen, STEPS_RANGE[0]), STEPS_RANGE[1])))
            painter.setPen(pen(theme().color("cursor"), theme().stroke("cursor")))
            painter.drawLine(QPointF(x, frame.rect.top()), QPointF(x, frame.rect.bottom()))
        if self._steps:
            x = float(frame.px(float(self._steps)))
            painter.setPen(pen(theme().color("textMid"), 1.25, theme().dash("floor")))
            painter.drawLine(QPointF(x, frame.rect.top()), QPointF(x, frame.rect.bottom()))
            words = f"text: {self._steps} steps"
            width = painter.fontMetrics().horizontalAdvance(words)
            left = x + 6 if x + width + 8 < frame.rect.right() else x - width - 8
            paint_words(painter, QPointF(left, frame.rect.top() + 12), words)

    # Pointer

    def _bin_at(self, place: QPointF) -> int:
        frame = self.frame()
        if not frame.rect.contains(place):
            return -1
        found = int(np.searchsorted(self._edges, frame.x_at(place.x()), side="right")) - 1
        return found if 0 <= found < len(self._counts) else -1

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        found = self._bin_at(event.position())
        words = ""
        if found >= 0:
            low, high = (format_number(float(e)) for e in self._edges[found : found + 2])
            words = f"{self._counts[found]} units, {low} to {high} steps"
        self.setToolTip(words)

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self.setToolTip("")

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        found = self._bin_at(event.position())
        if found >= 0 and self._counts[found] and event.button() == Qt.MouseButton.LeftButton:
            wanted = math.log(self.frame().x_at(event.position().x()))
            logs = np.log(np.clip(self._tau_N, *STEPS_RANGE))
            self.picked.emit(int(np.abs(logs - wanted).argmin()))


class MemoryPlot(Chart):
    """What a keeping gate leaves over a distance, beside what the gradient really does."""

    def __init__(self) -> None:
        super().__init__(x_title="distance d, steps", x_symbol="d")
        self.set_titles("distance d, steps", "share left, relative to d = 0")
        self.set_growing(x=False, y=False)
        self.set_range(x=(0, 64), y=(FLOOR, 10.0), y_log=True)

    def set_curves(
        self, curve: KeepCurve, gate: str, unit: int | None, decay: Decay | None
    ) -> None:
        """Draw the product of a gate: median and band of the units, one unit, the gradient."""
        self.clear()
        d = np.arange(len(curve.median))
        self.set_range(x=(0, float(max(2, d[-1]))))
        middle = self.add_curve("median", "role:cell", label=f"Π {gate}, median unit")
        middle.show_value = False
        middle.set_data(d, _linear(curve.median))
        middle.set_band(d, _linear(curve.low), _linear(curve.high))
        if unit is not None and unit < curve.units.shape[1]:
            self._add(f"unit {unit}", "accent", curve.units[:, unit], ())
        if decay is not None:
            dash = theme().dash("validation")
            slopes = decay.carousel_slope, decay.measured_slope
            self._add("carousel alone", "role:forward", decay.carousel, dash, slopes[0])
            self._add(f"true dL/d{decay.state}", "role:gradient", decay.measured, (), slopes[1])

    def _add(
        self,
        name: str,
        paint: str,
        log10: FloatArray,
        dash: tuple[float, ...],
        slope: float = math.nan,
    ) -> None:
        curve = self.add_curve(name, paint, label=name, dash=dash)
        curve.show_value = False
        curve.detail = slope_words(slope) if math.isfinite(slope) else ""
        curve.set_data(np.arange(len(log10)), _linear(log10))


def slope_words(slope: float) -> str:
    """Return decades per step as the reach that they mean."""
    if not math.isfinite(slope):
        return "too short to tell"
    if slope >= 0:
        return "does not fall"
    return f"÷10 every {format_number(-1 / slope, '.1f')}"


def _linear(log10: FloatArray) -> FloatArray:
    values: FloatArray = 10.0 ** np.clip(np.nan_to_num(log10, nan=-300.0), -300.0, 300.0)
    return values
