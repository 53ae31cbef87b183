"""`ThroughTimePanel`: the gradient at every time step of one window of a real training step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Slot
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import title_of
from seqstudio.records.readings import GradientReading, LayerGradient
from seqstudio.studio.panels.adding import offer_lstm
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.chart import Chart, paint_disc, paint_wall
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.past import offer_first
from seqstudio.studio.plots import Curve, ReadOut, paint_hatch
from seqstudio.studio.plots.frame import Frame
from seqstudio.studio.plots.scale import grown
from seqstudio.studio.theme import faded, theme
from seqstudio.studio.widgets import CheckField, ComboField, format_number
from seqstudio.studio.widgets.token_lines import shown_text

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

LOW, HIGH = 1e-6, 1e2
ALL = "all"
_LAYER_DASHES: tuple[tuple[float, ...], ...] = ((), (7, 3), (2, 3), (7, 3, 2, 3))
TOTAL_H, DIRECT_H, TOTAL_C, DIRECT_C = "total dL/dh", "direct part", "dL/dc", "direct part, c"
_USUAL_WINDOW = 128
_BEFORE = 0.06
_LEAST_CELL = 7.0
_VALUE_TITLE = "norm, nats per unit of activation"


class ThroughTimePanel(Panel):
    """Backpropagation through time as a picture: what arrives at every state."""

    title = "Gradient through time"
    kinds = frozenset({GradientReading})
    explanation: ClassVar[Explanation] = Explanation(
        "Total is the whole gradient of the loss by the state at time t: what the layers above "
        "send to it, and all that comes back through the states after it. The direct part is only "
        "what the layers above send at this very step. dL/dc is the same by the cell of an LSTM; "
        "its direct part comes by way of h at this step.\n\n"
        "Each value is the mean over the measured rows of the Euclidean norm, multiplied by the "
        "number of terms behind the mean of the loss, so it does not move with the batch size. "
        "At t = 0 the window ends: the gradient that arrives there is thrown away. It is that of "
        "the real training step. Clipping shortens the gradient of the weights as a whole, after "
        "this: the lines are the same before and after it, and the step is shorter.",
        (
            r"g_t = \frac{dL}{dh_t} = e_t + J_{t+1}^{\top} g_{t+1}",
            r"e_t = \frac{\partial^{+} L}{\partial h_t} \quad \text{(direct part)}",
        ),
        "Pascanu, Mikolov, Bengio 2013, section 2, arXiv:1211.5063; Werbos 1990",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._chart = Chart(x_title="time step t", x_symbol="t")
        self._chart.set_titles("time step t in the window", _VALUE_TITLE)
        self._chart.set_growing(x=False, y=False)
        self._chart.under.append(self._paint_before)
        self._chart.over += [self._paint_tokens, self._paint_wall]
        self._reading: GradientReading | None = None
        self._layer: LayerGradient | None = None
        self._drawn_key: object = None
        self._hover: int | None = None
        self._every = False
        self._layers = ComboField([], name="Layer")
        self._layers.setSizeAdjustPolicy(ComboField.SizeAdjustPolicy.AdjustToContents)
        self._total = CheckField("Total", True)
        self._direct = CheckField("Direct part", True)
        self._cell = CheckField("dL/dc", True)
        for switch in (self._layers, self._total, self._direct, self._cell):
            self.header.add_switch(switch)
            switch.committed.connect(self._switched)
        self._layers.committed.connect(self._layer_chosen)
        self._chart.hovered.connect(self._hovered)
        self._chart.picked.connect(self._picked)
        self.set_body(self._chart)
        self._chart.set_range(x=(-_BEFORE * _USUAL_WINDOW, float(_USUAL_WINDOW)), y=(LOW, HIGH),
                              y_log=True)  # fmt: skip
        self._layers.hide()

    # What is shown

    @override
    def forget(self) -> None:
        self._drawn_key = None

    @Slot(object)
    def _switched(self, _value: object) -> None:
        self._drawn_key = None
        self.refresh()

    @Slot(object)
    def _layer_chosen(self, value: object) -> None:
        self._every = value == ALL
        if isinstance(value, tuple):
            self.session.move_cursor(block=value[0], layer=value[1])

    def _choose_layer(self, reading: GradientReading) -> LayerGradient | None:
        """Return the layer of the shared cursor, else the topmost one."""
        cursor = self.session.cursor
        for layer in reading.layers:
            if (layer.block, layer.layer) == (cursor.block, cursor.layer):
                return layer
        return reading.layers[-1] if reading.layers else None

    def _layer_name(self, layer: LayerGradient) -> str:
        project = self.session.run_project or self.session.document.project
        block = project.graph.blocks.get(layer.block)
        name = title_of(block) if block else layer.block
        return f"{name}, {layer.state or f'layer {layer.layer + 1}'}"

    # Drawing

    @override
    def draw(self) -> None:
        self._reading = self.session.history.gradients.at(self.session.step_in_view)
        self._layer = self._choose_layer(self._reading) if self._reading else None
        key = (id(self._reading), id(self._layer), self._every)
        if key != self._drawn_key:
            self._drawn_key = key
            self._draw_lines()
        self._show_switches()
        self._place_cursor()
        self._invite()

    def _draw_lines(self) -> None:
        self._chart.clear()
        layer, reading = self._layer, self._reading
        if layer is None or reading is None:
            self._layers.hide()
            return
        self._fill_layers(reading, layer)
        if self._every:
            self._draw_every(reading)
        else:
            self._draw_one(layer)
        self._set_axes(reading, layer)

    def _draw_one(self, layer: LayerGradient) -> None:
        """Draw direct parts below totals, and the cell below the state."""
        cell, direct = self._cell.value(), self._direct.value()
        dots = theme().dash("validation")
        if direct and cell and layer.direct_c is not None:
            self._add_line(DIRECT_C, "role:cell", layer.direct_c, dots)
        if direct:
            self._add_line(DIRECT_H, "textMid", layer.direct_h)
        if cell and layer.total_c is not None:
            self._add_line(TOTAL_C, "role:cell", layer.total_c)
        if self._total.value():
            self._add_line(TOTAL_H, "role:gradient", layer.total_h, current=True)

    def _draw_every(self, reading: GradientReading) -> None:
        """Draw the totals of every layer, the topmost one on top."""
        for number, each in enumerate(reading.layers):
            dash = _LAYER_DASHES[(len(reading.layers) - 1 - number) % len(_LAYER_DASHES)]
            name = self._layer_name(each)
            if self._cell.value() and each.total_c is not None:
                self._add_line(f"{name}, c", "role:cell", each.total_c, dash)
            if self._total.value():
                self._add_line(name, "role:gradient", each.total_h, dash)

    def _show_switches(self) -> None:
        shown = self._layer is not None and self.is_wide(470)
        self._total.setVisible(shown)
        self._direct.setVisible(shown and not self._every)
        self._cell.setVisible(
            shown and self._layer is not None and self._layer.total_c is not None
        )

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._show_switches()

    def _fill_layers(self, reading: GradientReading, shown: LayerGradient) -> None:
        options = [((each.block, each.layer), self._layer_name(each)) for each in reading.layers]
        self._layers.set_options([*options, (ALL, "All layers")])
        self._layers.set_value(ALL if self._every else (shown.block, shown.layer))
        self._layers.setVisible(len(options) > 1)

    def _add_line(
        self,
        name: str,
        paint: str,
        norm: NDArray[np.float64],
        dash: tuple[float, ...] = (),
        *,
        current: bool = False,
    ) -> None:
        curve: Curve = self._chart.add_curve(name, paint, label=name, dash=dash, current=current)
        curve.show_value = False
        curve.set_data(np.arange(1, len(norm) + 1), norm)

    def _set_axes(self, reading: GradientReading, layer: LayerGradient) -> None:
        steps = len(layer.total_h)
        shown = [curve.series.y for curve in self._chart.curves()]
        values = np.concatenate([*shown, layer.total_h, layer.direct_h, [layer.wall_h]])
        there = values[np.isfinite(values) & (values > 0)]
        x, y = self._chart.view()
        wider = grown(y, float(there.min()), float(there.max())) if there.size else y
        ends = (-_BEFORE * steps, float(steps))
        if wider != y or (x.low, x.high) != ends:
            self._chart.set_range(x=ends, y=(wider.low, wider.high), y_log=True)

    def _invite(self) -> None:
        if self._layer is not None:
            self.show_body()
        elif not self._is_recurrent():
            how = "It needs an RNN, GRU or LSTM block. The gradient horizon works without one."
            self.show_empty("gradient", "This model carries no state through time", how)
            offer_lstm(self)
        elif offer_first(self, self.session.history.gradients.steps()):
            return
        elif len(self.session.history.curves):
            how = "It follows with the next measured training step."
            self.show_empty("gradient", "The gradient was not measured yet", how)
        else:
            how = "Press Train: every state gets the gradient that reaches it."
            self.show_empty("gradient", "No gradient has been measured", how)

    def _is_recurrent(self) -> bool:
        graph = (self.session.run_project or self.session.document.project).graph
        kinds = [KINDS.get(block.kind) for block in graph]
        return any(kind is not None and kind.memory == "state" for kind in kinds)

    # Marks

    def _paint_before(self, painter: QPainter, frame: Frame) -> None:
        left, right = frame.rect.left(), float(frame.px(0.0))
        if right > left:
            paint_hatch(painter, QRectF(left, frame.rect.top(), right - left, frame.rect.height()))

    def _paint_wall(self, painter: QPainter, frame: Frame) -> None:
        paint_wall(painter, frame, 0.0)
        if self._layer is None:
            return
        place = frame.point(0.0, self._layer.wall_h)
        if frame.rect.contains(place):
            paint_disc(painter, place, theme().role("gradient"))
        self._tell_cut(painter, frame, self._layer)

    def _tell_cut(self, painter: QPainter, frame: Frame, layer: LayerGradient) -> None:
        """Say above the frame how much is thrown away, as fully as there is room."""
        lost = f"dL/dh₀ {format_number(layer.wall_h)}"
        if layer.wall_c is not None:
            lost += f", dL/dc₀ {format_number(layer.wall_c)}"
        painter.setFont(theme().font("axis"))
        metrics = painter.fontMetrics()
        taken = 12 + metrics.horizontalAdvance(_VALUE_TITLE) + 24
        for words in (f"gradient stops at t = 0, cut off there: {lost}", f"cut off: {lost}"):
            left = frame.rect.right() - metrics.horizontalAdvance(words)
            if left > taken:
                painter.setPen(theme().color("textHi"))
                painter.drawText(QPointF(left, frame.rect.top() - 12), words)
                return

    def _paint_tokens(self, painter: QPainter, frame: Frame) -> None:
        """Write the tokens on the lower edge where they fit."""
        if self._reading is None:
            return
        tokens = [_sign(token) for token in self._reading.tokens]
        first, last = float(frame.px(1.0)), float(frame.px(2.0))
        painter.setFont(theme().font("monoSmall"))
        metrics = painter.fontMetrics()
        room = last - first
        widest = max((metrics.horizontalAdvance(token) for token in tokens), default=0)
        if room < max(_LEAST_CELL, widest):
            return
        height = metrics.height() + 2
        top = frame.rect.bottom() - height
        strip = QRectF(first - room / 2, top, room * len(tokens), height).intersected(frame.rect)
        painter.fillRect(strip, faded(theme().color("surface0"), 0.8))
        painter.setPen(theme().color("textMid"))
        for index, token in enumerate(tokens):
            middle = float(frame.px(index + 1.0))
            cell = QRectF(middle - room / 2, top, room, height)
            if frame.rect.contains(cell.center()):
                painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, token)

    # Cursor and read-out

    def _place_cursor(self) -> None:
        """Show the hovered time step, else that of the shared cursor, which counts from 0."""
        if self._layer is None:
            self._chart.set_cursor(None)
            return
        t = self._hover or min(self.session.cursor.t, len(self._layer.total_h) - 1) + 1
        self._chart.set_cursor(float(t))
        told = self._hover is not None or self.session.cursor.t > 0
        self._chart.set_read_out(self._read_out if told else False)

    def _time_at(self, x: float) -> int | None:
        if self._layer is None or not x > 0:
            return None
        return min(len(self._layer.total_h), max(1, round(x)))

    @Slot(float)
    def _hovered(self, x: float) -> None:
        self._hover = self._time_at(x)
        if self._hover is not None:
            self.session.move_cursor(t=self._hover - 1)
        self._place_cursor()

    @Slot(float)
    def _picked(self, x: float) -> None:
        t = self._time_at(x)
        if t is not None:
            self.session.move_cursor(t=t - 1)

    def _read_out(self, x: float) -> ReadOut:
        layer, reading = self._layer, self._reading
        t = round(x)
        if layer is None or reading is None or not 1 <= t <= len(layer.total_h):
            return ReadOut("", ())
        rows = tuple(
            (curve, curve.label, format_number(float(curve.series.y[t - 1])))
            for curve in reversed(self._chart.curves())
            if t <= len(curve.series)
        )
        token = shown_text(reading.tokens[t - 1]) if t <= len(reading.tokens) else ""
        return ReadOut(f"t {t}  “{token}”", rows)

    # Words

    @override
    def tell(self) -> None:
        reading, layer = self._reading, self._layer
        if reading is None or layer is None:
            self.header.set_subtitle("nothing yet")
            return
        rows = f"{reading.rows} row{'s' if reading.rows != 1 else ''}"
        told = self._clipping(reading)
        clipped = f", {told[0]}" if told else ""
        self.header.set_subtitle(
            f"training step {reading.step:,}{clipped}, {rows}, window {reading.window}"
        )

    def _clipping(self, reading: GradientReading) -> tuple[str, str] | None:
        """Return what clipping made of the measured step, short and in full; None if unknown."""
        curves = self.session.history.curves
        place = int(np.searchsorted(curves.steps, reading.step + 1))
        if place >= len(curves) or curves.steps[place] != reading.step + 1:
            return None
        norm, limit = float(curves.grad_norm[place]), float(curves.clip[place])
        if not math.isfinite(norm):
            return None
        size = f"norm of all weights' gradients {format_number(norm)}"
        if limit <= 0 or norm <= limit:
            return "not clipped", f"{size}, {f'limit {format_number(limit)}' if limit else 'off'}"
        share = f"{100 * limit / norm:.0f} %"
        full = f"{size}, limit {format_number(limit)}: the step was shortened to {share}"
        return f"then clipped to {share}", full

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading, layer = self._reading, self._layer
        if reading is None or layer is None:
            return []
        rows = [
            ("Layer", self._layer_name(layer)),
            (
                "Measured at",
                f"{reading.source} {reading.step:,}, in {reading.cost_s * 1e3:.0f} ms",
            ),
            ("Rows", f"the first {reading.rows} of the batch; the characters are of the first"),
            ("Window", f"{reading.window} steps"),
        ]
        told = self._clipping(reading)
        if told is not None:
            rows.append(("Clipping", told[1]))
        if math.isfinite(layer.wall_h):
            rows.append(("Cut off, dL/dh₀", format_number(layer.wall_h)))
        if layer.wall_c is not None and math.isfinite(layer.wall_c):
            rows.append(("Cut off, dL/dc₀", format_number(layer.wall_c)))
        return rows

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any]] = {}
        for layer in self._reading.layers if self._reading is not None else ():
            name = f"{layer.block}.{layer.layer}"
            for part in ("total_h", "direct_h", "total_c", "direct_c", "wall_h", "wall_c"):
                value = getattr(layer, part)
                found |= {} if value is None else {f"{name}.{part}": np.asarray(value)}
        return found


def _sign(token: str) -> str:
    """Return a token as it stands under the axis; a blank stays blank."""
    return " " if token == " " else shown_text(token)
