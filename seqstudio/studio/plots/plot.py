"""`Plot`: curves over one axis, painted by hand.

    plot = Plot(x_title="training step k", y_title="loss, nats per character", x_symbol="k")
    plot.set_range(x=(0, 10_000), y=(1.2, 3.4))     # the fixed range; grows in steps by itself
    lstm = plot.add_curve("lstm", "arch:lstm", label="LSTM", current=True, form=".2f")
    lstm.append(step, loss)                          # O(1); repaints at most once per event turn
    plot.add_floor(1.669, "5-gram floor 1.669")
    plot.add_threshold("clip", 1.0, label="clip at ", minimum=0.01)
    plot.threshold_moved.connect(...); plot.picked.connect(move_cursor)
    plot.set_cursor(4200)
    plot.to_image((1200, 600), theme=light, title="Loss of 4 runs")

Wheel zooms x, Ctrl+wheel y, drag pans, Shift+drag brushes, double click restores the fixed range;
with the keyboard + and − (Ctrl for y), the arrows, and Home.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QMarginsF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.plots import names, paint
from seqstudio.studio.plots.export import titled_image
from seqstudio.studio.plots.frame import Frame
from seqstudio.studio.plots.gestures import PlotGestures
from seqstudio.studio.plots.items import Axis, Curve, Reference, Region, Threshold
from seqstudio.studio.plots.names import ReadOut
from seqstudio.studio.plots.scale import Scale, around, grown
from seqstudio.studio.theme import Theme, faded, follow_theme, painting, pen, theme
from seqstudio.studio.widgets.numbers import format_number

_WIDE, _CURRENT, _THIN = "plot", "plotCurrent", "plotThin"
_MOST_LABEL_ROOM = 190
_LEAST_FRAME = 24.0


class Plot(PlotGestures):
    """Curves with fixed axes that grow in steps, names at the ends of lines, and a cursor.

    Signals:
        picked(float): x of a click.
        hovered(float): x under the pointer, NaN when it leaves.
        brushed(float, float): range of x drawn with Shift, low to high.
        threshold_moved(str, float): key and place while dragging.
        threshold_committed(str, float): the same at the end of the gesture.
        view_changed(): zoomed, panned or restored by the person.
    """

    def __init__(
        self,
        *,
        x_title: str = "",
        y_title: str = "",
        x_symbol: str = "x",
        x_form: str = "int",
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._x_title, self._y_title = x_title, y_title
        self._x_symbol, self._x_form = x_symbol, x_form
        self._curves: dict[str, Curve] = {}
        self._references: list[Reference] = []
        self._regions: dict[str, Region] = {}
        self._cursor: float | None = None
        self._read_out: Callable[[float], ReadOut] | bool = True
        self._grows = {"x": True, "y": True}
        self._thumbnail = False
        self._label_room = 0.0
        self._stale = False
        self.setAccessibleName(name or y_title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    # Axes

    def set_titles(self, x_title: str, y_title: str) -> None:
        """Name the axes: quantity, then unit."""
        self._x_title, self._y_title = x_title, y_title
        self.update()

    def set_range(
        self,
        x: tuple[float, float] | None = None,
        y: tuple[float, float] | None = None,
        *,
        x_log: bool | None = None,
        y_log: bool | None = None,
    ) -> None:
        """Set the fixed range, to which a double click returns; None keeps an axis.

        Raises:
            ValueError: An end is not above the other, or a logarithmic axis holds 0.
        """
        for axis, ends, log in (("x", x, x_log), ("y", y, y_log)):
            if ends is None and log is None:
                continue
            old = self._home[axis]
            wanted = ends or (old.low, old.high)
            self._home[axis] = Scale(*wanted, log=old.log if log is None else log)
            self._view[axis] = self._home[axis]
            self._touched[axis] = False
        self.update()

    def set_growing(self, *, x: bool = True, y: bool = True) -> None:
        """Choose whether the fixed range grows, in steps, with the data."""
        self._grows = {"x": x, "y": y}

    def fit(self, *, x: bool = True, y: bool = True) -> None:
        """Set the fixed range to round ends around all visible data."""
        if x:
            spans = [(c.series.x[0], c.series.x[-1]) for c in self._shown() if len(c.series)]
            self._fit_axis("x", spans)
        if y:
            extents = [c.series.extent() for c in self._shown()]
            self._fit_axis("y", [extent for extent in extents if extent is not None])

    def _fit_axis(self, axis: Axis, spans: list[tuple[float, float]]) -> None:
        log = self._home[axis].log
        spans = [(low, high) for low, high in spans if low > 0 or not log]
        if spans:
            low, high = min(s[0] for s in spans), max(s[1] for s in spans)
            self._home[axis] = self._view[axis] = around(low, high, log)
            self._touched[axis] = False
            self.update()

    def view(self) -> tuple[Scale, Scale]:
        """Return the ranges that are seen."""
        self._settle()
        return self._view["x"], self._view["y"]

    # Contents

    def add_curve(
        self,
        key: str,
        paint_word: str = "textHi",
        *,
        label: str = "",
        current: bool = False,
        raw: bool = False,
        dash: tuple[float, ...] = (),
        form: str = "auto",
    ) -> Curve:
        """Add a line and return it; a line of the same key is replaced.

        Args:
            key: Name of the line in this plot.
            paint_word: "arch:lstm", "role:gradient" or a colour token.
            label: Name at its end, "" for none.
            current: The run that is looked at (2.25 px).
            raw: The trace behind a smoothed one (1 px, 38 %).
            dash: In pixels; `theme().dash("validation")` for validation.
            form: How values are written.
        """
        width = theme().stroke(_THIN if raw else _CURRENT if current else _WIDE)
        curve = Curve(key, paint_word, label=label, form=form, width=width, dash=dash)
        curve.opacity = 0.38 if raw else 1.0
        curve.read_out = not raw
        curve.redraw = self._data_changed
        self._curves[key] = curve
        return curve

    def curve(self, key: str) -> Curve:
        """Return a line by its key.

        Raises:
            KeyError: No such line.
        """
        return self._curves[key]

    def curves(self) -> tuple[Curve, ...]:
        """Return all lines in the order of painting."""
        return tuple(self._curves.values())

    def remove_curve(self, key: str) -> None:
        """Take a line away; nothing happens if there is none."""
        self._curves.pop(key, None)
        self.update()

    def clear(self) -> None:
        """Take all lines, references, thresholds and regions away."""
        self._curves.clear()
        self._references.clear()
        self._regions.clear()
        self._thresholds.clear()
        self._cursor = None
        self._label_room = 0.0
        self.update()

    def add_floor(self, value: float, label: str) -> None:
        """Add a named line of reference that is to be beaten."""
        self._references.append(Reference(value, label))
        self.update()

    def add_zero(self, value: float = 0.0) -> None:
        """Add a line at zero."""
        self._references.append(Reference(value, floor=False))
        self.update()

    def clear_references(self) -> None:
        """Take all floors and zero lines away."""
        self._references.clear()
        self.update()

    def add_threshold(
        self,
        key: str,
        value: float,
        *,
        label: str = "",
        minimum: float = -math.inf,
        maximum: float = math.inf,
        form: str = ".2f",
    ) -> None:
        """Add a horizontal line to drag; a label that ends in a space is followed by the value."""
        self._thresholds[key] = Threshold(value, "y", label, minimum, maximum, form)
        self.update()

    def set_truncation(
        self, x: float | None, label: str = "truncated here, window ", *, maximum: float = math.inf
    ) -> None:
        """Wall off everything right of `x`, hatched; drag it under the key "truncation"."""
        self._thresholds.pop("truncation", None)
        if x is not None:
            self._thresholds["truncation"] = Threshold(
                x, "x", label, 1.0, maximum, "int", "role:gradient", hatch=True
            )
        self.update()

    def set_threshold(self, key: str, value: float) -> None:
        """Move a threshold without a signal, unless it is being dragged."""
        if self._grip != key:
            self._thresholds[key] = replace(self._thresholds[key], value=value)
            self.update()

    def set_region(self, key: str, low: float, high: float, label: str = "") -> None:
        """Hatch a part of the x axis and say what it is."""
        self._regions[key] = Region(low, high, label)
        self.update()

    def remove_region(self, key: str) -> None:
        """Take a hatched part away; nothing happens if there is none."""
        self._regions.pop(key, None)
        self.update()

    def set_cursor(self, x: float | None) -> None:
        """Place the shared cursor, None takes it away."""
        if x != self._cursor:
            self._cursor = x
            self.update()

    def set_read_out(self, read_out: Callable[[float], ReadOut] | bool) -> None:
        """Choose the cursor's box: True tells every named line, False none, or your own words."""
        self._read_out = read_out
        self.update()

    def set_thumbnail(self, on: bool) -> None:
        """Paint curves only, without words, grid and margins."""
        self._thumbnail = on
        self.update()

    def _shown(self) -> list[Curve]:
        return [curve for curve in self._curves.values() if curve.visible]

    def _data_changed(self) -> None:
        self._stale = True
        self.update()

    def _settle(self) -> None:
        """Let the fixed range grow with what came since the last painting."""
        if not self._stale:
            return
        self._stale = False
        for axis in ("x", "y"):
            extent = self._newest(axis) if self._grows[axis] else None
            if extent is None:
                continue
            larger = grown(self._home[axis], *extent)
            if larger != self._home[axis]:
                self._home[axis] = larger
                if not self._touched[axis]:
                    self._view[axis] = larger

    def _newest(self, axis: str) -> tuple[float, float] | None:
        """Return the extent of what may have left the fixed range."""
        if axis == "x":
            ends = [float(c.series.x[-1]) for c in self._shown() if len(c.series)]
            starts = [float(c.series.x[0]) for c in self._shown() if len(c.series)]
            return (min(starts), max(ends)) if ends else None
        lasts = [extent for c in self._shown() if (extent := c.series.extent()) is not None]
        return (min(e[0] for e in lasts), max(e[1] for e in lasts)) if lasts else None

    # Painting

    @override
    def sizeHint(self) -> QSize:
        return QSize(420, 260)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(160, 100)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self._label_room = 0.0
        self.update()

    @override
    def frame(self) -> Frame:
        """Return the data rectangle of this widget, in its pixels, with the ranges in view."""
        self._settle()
        return self._frame_in(QRectF(self.rect()))

    def _frame_in(self, area: QRectF) -> Frame:
        inner = area.marginsRemoved(self._margins())
        inner.setWidth(max(_LEAST_FRAME, inner.width()))
        inner.setHeight(max(_LEAST_FRAME, inner.height()))
        return Frame(inner, self._view["x"], self._view["y"])

    def _margins(self) -> QMarginsF:
        if self._thumbnail:
            return QMarginsF(2, 2, 2, 2)
        named = any(curve.label for curve in self._shown()) and not self._has_legend()
        lines = any(t.axis == "y" and t.label for t in self._thresholds.values())
        sides = {side: theme().metric("plot", side) for side in ("left", "top", "right", "bottom")}
        right = max(float(sides["right"]), self._label_room) if named or lines else 24.0
        return QMarginsF(sides["left"], sides["top"], right, sides["bottom"])

    def _has_legend(self) -> bool:
        return sum(bool(curve.label) for curve in self._shown()) > 8

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            self._paint(painter, QRectF(self.rect()))
            if self.ring:
                painter.setPen(pen(theme().color("focus"), theme().stroke("focus")))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _paint(self, painter: QPainter, area: QRectF) -> None:
        painter.fillRect(area, theme().color("surface0"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._settle()
        frame = self._frame_in(area)
        labels = [] if self._thumbnail else names.end_labels(frame, self._shown())
        if self._widen(frame, area, labels):
            frame = self._frame_in(area)
            labels = names.end_labels(frame, self._shown())
        self._paint_under(painter, frame)
        painter.save()
        painter.setClipRect(frame.rect.adjusted(-1, -1, 1, 1))
        for curve in self._shown():
            paint.paint_band(painter, frame, curve)
        for curve in sorted(self._shown(), key=_depth):
            paint.paint_curve(painter, frame, curve)
        painter.restore()
        if self._thumbnail:
            return
        self._paint_over(painter, frame, area, [label.box() for label in labels if label.inside])
        names.paint_end_labels(painter, labels)
        self._paint_cursor(painter, frame)

    def _widen(self, frame: Frame, area: QRectF, labels: list[names.EndLabel]) -> bool:
        """Give long names at the right end their room; the room only grows, so nothing jumps."""
        widths = [label.text_width + 16 for label in labels if not label.inside]
        wanted = min(_MOST_LABEL_ROOM, max(widths, default=0.0), area.width() / 3)
        if wanted <= max(self._label_room, area.right() - frame.rect.right()):
            return False
        self._label_room = wanted
        return True

    def _paint_under(self, painter: QPainter, frame: Frame) -> None:
        if self._thumbnail:
            return
        paint.paint_grid(painter, frame)
        for region in self._regions.values():
            names.paint_region(painter, frame, region)
        for threshold in self._thresholds.values():
            if threshold.axis == "x":
                names.paint_threshold(painter, frame, threshold, self._is_held(threshold))
        for reference in self._references:
            if not reference.floor:
                names.paint_reference(painter, frame, reference)

    def _paint_over(
        self, painter: QPainter, frame: Frame, area: QRectF, taken: list[QRectF]
    ) -> None:
        for reference in self._references:
            if reference.floor:
                names.paint_reference(painter, frame, reference, taken)
        for threshold in self._thresholds.values():
            if threshold.axis == "y":
                names.paint_threshold(painter, frame, threshold, self._is_held(threshold))
        gap = theme().raw_metric("plot", "tickGap")
        paint.paint_ticks(painter, frame, gap, self._chip(frame))
        width = int(area.width())
        paint.paint_titles(painter, frame, self._x_title, self._y_title, width)
        names.paint_legend(painter, frame, self._shown())
        self._paint_brush(painter, frame)

    def _chip(self, frame: Frame) -> QRectF | None:
        if self._cursor is None or not frame.x.low <= self._cursor <= frame.x.high:
            return None
        text = format_number(self._cursor, self._x_form)
        return names.chip_rect(frame, float(frame.px(self._cursor)), text)

    def _is_held(self, threshold: Threshold) -> bool:
        return self._grip is not None and self._thresholds.get(self._grip) is threshold

    def _paint_brush(self, painter: QPainter, frame: Frame) -> None:
        if self._brush is None:
            return
        left, right = sorted(float(frame.px(x)) for x in self._brush)
        band = QRectF(left, frame.rect.top(), right - left, frame.rect.height())
        painter.fillRect(band, faded(theme().color("accent"), 0.18))

    def _paint_cursor(self, painter: QPainter, frame: Frame) -> None:
        if self._cursor is None:
            return
        text = format_number(self._cursor, self._x_form)
        names.paint_cursor(painter, frame, self._cursor, self._shown(), text)
        inside = frame.x.low <= self._cursor <= frame.x.high
        if self._read_out is False or not inside:
            return
        own = self._read_out
        box = self._all_values(self._cursor) if own is True else own(self._cursor)
        if box.rows:
            names.paint_read_out(painter, frame, self._cursor, box)

    def _all_values(self, x: float) -> ReadOut:
        rows = []
        for curve in self._shown():
            last = curve.series.last()
            if not (curve.read_out and curve.label) or last is None or x > last[0]:
                continue
            value = curve.series.at(x)
            if math.isfinite(value):
                rows.append((curve, curve.label, format_number(value, curve.form)))
        return ReadOut(f"{self._x_symbol} {format_number(x, self._x_form)}", tuple(rows))

    def to_image(
        self,
        size: tuple[int, int],
        *,
        theme: Theme | None = None,
        title: str = "",
        ratio: float = 2.0,
    ) -> QImage:
        """Return the picture at a size in logical pixels, in another theme if wanted."""
        return titled_image(self._paint, size, theme, title, ratio)


def _depth(curve: Curve) -> tuple[float, float]:
    """Sort raw traces to the back and the current run to the front."""
    return curve.opacity, curve.width
