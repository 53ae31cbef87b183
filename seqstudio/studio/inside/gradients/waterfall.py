"""`WaterfallPanel`: the gradient horizon over training, one column a measured step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMarginsF, QPointF, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.records.readings import Floats, GradientReading, Horizon, Ints
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.chart import Chart, paint_words
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.horizon import ratio_text
from seqstudio.studio.panels.quantity import PLACES, QuantitySwitch, has_room
from seqstudio.studio.plots import ReadOut, map_image
from seqstudio.studio.plots.frame import Frame, path_of
from seqstudio.studio.plots.mappaint import paint_bar, paint_bar_ticks, paint_bar_title
from seqstudio.studio.plots.scale import Scale, grown
from seqstudio.studio.theme import pen, theme
from seqstudio.studio.widgets import Segments

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

LEVELS = (-6.0, 2.0)
DEPTHS = (-1.0, -3.0, -6.0)
_NAMES = {-1.0: "a tenth", -3.0: "1/1000", -6.0: "1/1,000,000"}
_BAR, _BAR_GAP, _BAR_ROOM = 10.0, 22.0, 92.0
_LARGEST = 4096


class WaterfallPanel(Panel):
    """Distance from the loss against training step; the colour is what arrives."""

    title = "Waterfall"
    kinds = frozenset({GradientReading})
    explanation: ClassVar[Explanation] = Explanation(
        "Every column is the gradient horizon at one measured training step: the median of the "
        "gradient that arrives d steps back, relative to d = 0, in decades. A column holds until "
        "the next measurement. The lines mark where a tenth, a thousandth and a millionth is "
        "left for the first time. A line that climbs is memory that is being learnt.\n\n"
        "Measurements are thinned with age: dense at the beginning, where a model changes fast. "
        "Click to move the training clock there.",
        (
            r"r_n(d) = \mathrm{median}_{k} \, \log_{10} \frac"
            r"{\| \partial \ell_k / \partial h_{k-d} \|}{\| \partial \ell_k / \partial h_k \|}"
            r"\ \text{ at training step } n",
        ),
        "Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.chart = _Falls()
        self._steps: Ints = np.zeros(0, np.int64)
        self._map: Floats = np.zeros((0, 0))
        self._drawn_key: object = None
        self._hover: float | None = None
        self._quantity = QuantitySwitch()
        self._axis = Segments([("linear", "Linear"), ("log", "Log")], name="Training steps")
        self._axis.setToolTip("How training steps are laid out")
        for switch in (self._axis, self._quantity):
            self.header.add_switch(switch)
        self._quantity.value_changed.connect(self._switched)
        self._axis.value_changed.connect(self._relaid)
        self.chart.hovered.connect(self._hovered)
        self.chart.picked.connect(self._picked)
        self.set_body(self.chart)
        self._set_axes()

    @override
    def forget(self) -> None:
        self._drawn_key = None

    @Slot(str)
    def _switched(self, quantity: str) -> None:
        self._quantity.choose(quantity)
        self.refresh()

    @Slot(str)
    def _relaid(self, _key: str) -> None:
        self._drawn_key = None
        self.refresh()

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._fit)

    @Slot()
    def _fit(self) -> None:
        """Leave out the switches that the header has no room for."""
        self._quantity.setVisible(has_room(self, 320))
        self._axis.setVisible(has_room(self, 440))

    # Drawing

    @override
    def draw(self) -> None:
        history = self.session.history.horizons
        newest = history.newest()
        there = {each.quantity for each in newest.horizons} if newest else set()
        self._quantity.offer(there, there)
        key = (len(history), newest and newest.step, self._quantity.value())
        if key != self._drawn_key:
            self._drawn_key = key
            self._gather()
            self._draw_map()
        self._reach_now()
        self._place_cursor()
        self._invite()

    def _gather(self) -> None:
        """Put all measurements side by side, (D, R); NaN where one is shorter than the longest."""
        history, quantity = self.session.history.horizons, self._quantity.value()
        found: list[tuple[int, Horizon]] = []
        for step in history.steps():
            reading = history.at(int(step))
            horizons = reading.horizons if reading is not None else ()
            found += [(int(step), each) for each in horizons if each.quantity == quantity][-1:]
        most = max((len(each.median) for _, each in found), default=0)
        self._steps = np.array([step for step, _ in found], np.int64)
        self._map = np.full((most, len(found)), np.nan)
        for column, (_, each) in enumerate(found):
            self._map[: len(each.median), column] = each.median

    def _draw_map(self) -> None:
        self.chart.depths = []
        self._set_axes()
        self.chart.show_map(self._steps, self._map)
        if len(self._steps) >= 2:
            places = self._places(self._steps)
            lines = ((_NAMES[depth], first_below(self._map, depth)) for depth in DEPTHS)
            self.chart.depths = [(name, places, reached) for name, reached in lines]

    def _reach_now(self) -> None:
        """Let the newest measurement hold until the step that training has reached."""
        if not len(self._steps):
            return
        now = float(max(self._steps[-1], self.session.history.step))
        self.chart.until = now
        home = self.chart.home_x()
        if now > home.high:
            training = self.session.state == "running"
            high = grown(home, home.low, now).high if training else now
            self.chart.set_range(x=(home.low, high), x_log=home.log)

    def _places(self, steps: Ints) -> Floats:
        """Return where training steps stand: a logarithmic axis begins at 1."""
        places = steps.astype(float)
        return np.maximum(places, 1.0) if self._axis.value() == "log" else places

    def _set_axes(self) -> None:
        last = (
            float(max(self._steps[-1], self.session.history.step)) if len(self._steps) else 100.0
        )
        log = self._axis.value() == "log"
        place = PLACES[self._quantity.value()]
        self.chart.set_titles("training step", f"distance d back from the loss to {place}")
        top = float(max(8, len(self._map)))
        self.chart.set_range(x=(1.0 if log else 0.0, max(10.0, last)), y=(0.0, top), x_log=log)

    def _invite(self) -> None:
        if len(self._steps) >= 2:
            self.show_body()
        elif len(self.session.history.curves):
            how = "Two measurements make a first picture; they follow while the run trains."
            self.show_empty("gradient", "The gradient was not measured often enough yet", how)
        else:
            how = "Press Train: column by column you see how far back the gradient reaches."
            self.show_empty("gradient", "No gradient has been measured", how)

    # Cursor and read-out

    def _place_cursor(self) -> None:
        """Show the hovered place, else the training clock."""
        step = float(self._places(np.array([self.session.step_in_view]))[0])
        self.chart.set_cursor(step if self._hover is None else self._hover)
        self.chart.set_read_out(self._read_out if self._hover is not None else False)

    @Slot(float)
    def _hovered(self, x: float) -> None:
        self._hover = None if math.isnan(x) or not len(self._steps) else x
        self._place_cursor()

    @Slot(float)
    def _picked(self, x: float) -> None:
        column = self.column_at(x)
        if column is not None:
            newest = column == len(self._steps) - 1
            self.session.move_cursor(step=None if newest else int(self._steps[column]))

    def column_at(self, x: float) -> int | None:
        """Return the measurement in force at a training step, None before the first."""
        column = int(np.searchsorted(self._steps, x, side="right")) - 1
        return column if column >= 0 else None

    def _read_out(self, x: float) -> ReadOut:
        column, d = self.column_at(x), self.chart.row
        if column is None or d is None or d >= len(self._map):
            return ReadOut("", ())
        value = float(self._map[d, column])
        told = "not measured" if math.isnan(value) else ratio_text(value)
        return ReadOut(f"step {self._steps[column]:,}", ((None, f"d = {d}", told),))

    # Words

    @override
    def tell(self) -> None:
        if not len(self._steps):
            self.header.set_subtitle("nothing yet")
            return
        span = f"steps {self._steps[0]:,} to {self._steps[-1]:,}"
        count = f"{len(self._steps)} measurements"
        self.header.set_subtitle(f"{self.session.run_title()}, {count}, {span}")

    @override
    def measured(self) -> list[tuple[str, str]]:
        newest = self.session.history.horizons.newest()
        if newest is None:
            return []
        return [
            ("Measurements", f"{len(self._steps)}, thinned with age"),
            ("Text", f"{newest.rows} rows of the {newest.source}, window {newest.window}"),
            ("Colours", f"fixed, {LEVELS[0]:g} to {LEVELS[1]:g} decades"),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        if not len(self._steps):
            return {}
        return {
            "step": self._steps, "distance": np.arange(len(self._map)), "log10_median": self._map
        }  # fmt: skip


class _Falls(Chart):
    """A chart with a map behind its lines; the axes zoom and pan the map too.

    Attributes:
        row: Distance under the pointer, None outside.
        depths: Lines on the map: name, training steps (R,), distances (R,).
        until: Training step up to which the newest measurement holds.
    """

    def __init__(self) -> None:
        super().__init__(x_symbol="step")
        self._steps: Ints = np.zeros(0, np.int64)
        self._values: Floats = np.zeros((0, 0))
        self.row: int | None = None
        self.depths: list[tuple[str, Floats, Floats]] = []
        self.until = 0.0
        self.set_growing(x=False, y=False)
        self.under.append(self._paint_map)
        self.over += [self._paint_depths, self._paint_bar]

    def home_x(self) -> Scale:
        """Return the fixed range of training steps."""
        return self._home["x"]

    def show_map(self, steps: Ints, values: Floats) -> None:
        """Show values (D, R), a column for every step (R,)."""
        self._steps, self._values = steps, values
        self.update()

    @override
    def _margins(self) -> QMarginsF:
        margins = super()._margins()
        margins.setRight(_BAR_ROOM)
        return margins

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        frame = self.frame()
        inside = frame.rect.contains(event.position())
        self.row = max(0, math.floor(frame.y_at(event.position().y()))) if inside else None
        super().mouseMoveEvent(event)

    def _paint_map(self, painter: QPainter, frame: Frame) -> None:
        """Paint one cell a pixel: each takes the measurement in force and its distance."""
        width, height = int(frame.rect.width()), int(frame.rect.height())
        if not self._values.size or width < 1 or height < 1:
            return
        middles = (np.arange(width) + 0.5) / width
        x = np.array([frame.x.value(float(share)) for share in middles])
        y = np.array([frame.y.value(1 - (i + 0.5) / height) for i in range(height)])
        columns = np.searchsorted(self._steps, x, side="right") - 1
        rows = np.floor(y).astype(int)
        there = ((columns >= 0) & (x <= self.until))[None] & (
            (rows >= 0) & (rows < len(self._values))
        )[:, None]
        picked = self._values[np.clip(rows, 0, len(self._values) - 1)][:, columns]
        shown = np.where(there, np.nan_to_num(picked, nan=np.nan, neginf=LEVELS[0]), np.nan)
        image = map_image(shown, "waterfall", LEVELS, most=_LARGEST)
        painter.drawImage(QRectF(frame.rect), image)

    def _paint_depths(self, painter: QPainter, frame: Frame) -> None:
        """Paint each line as steps, since a measurement holds until the next, and name it."""
        line, casing = theme().map_cursor()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for name, steps, reached in self.depths:
            if not np.isfinite(reached).any():
                continue
            ends = np.append(steps, max(self.until, float(steps[-1])))
            path = path_of(np.repeat(frame.px(ends), 2)[1:-1], np.repeat(frame.py(reached), 2))
            painter.save()
            painter.setClipRect(frame.rect)
            for colour, width in ((casing, 3.5), (line, 1.25)):
                painter.setPen(pen(colour, width))
                painter.drawPath(path)
            painter.restore()
            last = int(np.flatnonzero(np.isfinite(reached))[-1])
            end = float(frame.px(ends[last + 1]))
            self._paint_name(painter, frame, name, QPointF(end, float(frame.py(reached[last]))))

    def _paint_name(self, painter: QPainter, frame: Frame, name: str, end: QPointF) -> None:
        """Name a line above its end, inside the frame."""
        painter.setFont(theme().font("axis"))
        width = painter.fontMetrics().horizontalAdvance(name)
        left = min(end.x(), frame.rect.right() - 4) - width - 4
        if left > frame.rect.left() and frame.rect.top() + 20 <= end.y() <= frame.rect.bottom():
            paint_words(painter, QPointF(left, end.y() - 6), name, "textHi")

    def _paint_bar(self, painter: QPainter, frame: Frame) -> None:
        bar = QRectF(frame.rect.right() + _BAR_GAP, frame.rect.top(), _BAR, frame.rect.height())
        paint_bar(painter, bar, theme().lookup("waterfall"))
        paint_bar_ticks(painter, bar, LEVELS, powers=True)
        paint_bar_title(painter, bar, "arrives")


def first_below(values: Floats, level: float) -> Floats:
    """Return for every column of (D, R) the first distance at which a level is passed, else NaN.

    The place between two distances is found on a straight line through both values.
    """
    below = values < level
    reached = np.full(values.shape[1], np.nan)
    for column in np.flatnonzero(below.any(axis=0)):
        d = int(below[:, column].argmax())
        before, here = (values[d - 1, column] if d else 0.0), values[d, column]
        share = (before - level) / (before - here) if np.isfinite(here) and before > here else 1.0
        reached[column] = d - 1 + share + 0.5 if d else 0.5
    return reached
