"""`SliderField`: a track of 96 × 3 with a handle, and its `NumberField`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QSlider, QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, painting, pen, theme
from seqstudio.studio.widgets.number_field import Check, NumberField

_STEPS = 1000
_HANDLE = 12.0
_TRACK = 3.0
_SNAP_PX = 5.0


class Track(QSlider):
    """The track of a slider; its place is a fraction, 0 to 1.

    Signals:
        moved(float): the person moved the handle.
        stepped(float): arrow keys, in steps of the number beside it.
        released(): end of the gesture.
    """

    moved = Signal(float)
    stepped = Signal(float)
    released = Signal()

    def __init__(self, marks: Sequence[float] = (), parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(0, _STEPS)
        self._marks = tuple(marks)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @override
    def sizeHint(self) -> QSize:
        return QSize(96 + int(_HANDLE), theme().metric("hit"))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(32, theme().metric("hit"))

    def set_fraction(self, fraction: float) -> None:
        """Place the handle without a signal."""
        self.setValue(round(fraction * _STEPS))

    def _span(self) -> tuple[float, float]:
        return _HANDLE / 2 + 2, self.width() - _HANDLE / 2 - 2

    def _fraction_at(self, x: float) -> float:
        left, right = self._span()
        raw = min(1.0, max(0.0, (x - left) / max(1.0, right - left)))
        near = [mark for mark in self._marks if abs(mark - raw) * (right - left) < _SNAP_PX]
        return near[0] if near else raw

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self.moved.emit(self._fraction_at(event.position().x()))

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if self.isSliderDown():
            self.moved.emit(self._fraction_at(event.position().x()))

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        if self.isSliderDown():
            self.setSliderDown(False)
            self.update()
            self.released.emit()

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        steps = {
            Qt.Key.Key_Left: -1.0,
            Qt.Key.Key_Down: -1.0,
            Qt.Key.Key_Right: 1.0,
            Qt.Key.Key_Up: 1.0,
            Qt.Key.Key_PageDown: -10.0,
            Qt.Key.Key_PageUp: 10.0,
            Qt.Key.Key_Home: -math.inf,
            Qt.Key.Key_End: math.inf,
        }.get(Qt.Key(event.key()))
        if steps is None:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(steps)

    @override
    def wheelEvent(self, event: QWheelEvent, /) -> None:
        event.ignore()  # scrolling a form past a slider must not change it

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            left, right = self._span()
            middle = self.height() / 2
            x = left + (right - left) * self.value() / _STEPS
            enabled = self.isEnabled()
            self._paint_bar(painter, left, right, "lineStrong" if theme().is_dark else "border")
            self._paint_bar(painter, left, x, "accent" if enabled else "textDisabled")
            self._paint_marks(painter)
            self._paint_handle(painter, QPointF(x, middle))

    def _paint_bar(self, painter: QPainter, start: float, end: float, token: str) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color(token))
        bar = QRectF(start, self.height() / 2 - _TRACK / 2, end - start, _TRACK)
        painter.drawRoundedRect(bar, _TRACK / 2, _TRACK / 2)

    def _paint_marks(self, painter: QPainter) -> None:
        left, right = self._span()
        painter.setPen(pen(theme().color("border")))
        for mark in self._marks:
            x = left + (right - left) * mark
            painter.drawLine(QPointF(x, self.height() / 2 + 6), QPointF(x, self.height() / 2 + 9))

    def _paint_handle(self, painter: QPainter, centre: QPointF) -> None:
        colours = theme()
        fill = colours.color("textHi" if colours.is_dark else "surface0")
        if not self.isEnabled():
            fill = colours.color("textDisabled")
        painter.setBrush(fill)
        outline = "textHi" if colours.is_dark else "accent"
        painter.setPen(pen(colours.color(outline), 1.5) if self.isEnabled() else Qt.PenStyle.NoPen)
        painter.drawEllipse(centre, _HANDLE / 2 - 0.75, _HANDLE / 2 - 0.75)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(pen(colours.color("focus"), colours.stroke("focus")))
            painter.drawEllipse(centre, _HANDLE / 2 + 1.5, _HANDLE / 2 + 1.5)


class SliderField(QWidget):
    """A bounded number with a track; takes and gives what `NumberField` does.

    Args:
        value: Starting value.
        minimum: Left end.
        maximum: Right end.
        form: "int", ".2f", "sci" or "auto".
        log: The track is logarithmic (both ends above 0).
        marks: Values at which the handle snaps.
        name: Accessible name.

    Signals:
        value_changed(object): during a gesture.
        committed(object): once at its end.
        invalid_changed(str): the reason, "" when all is well.
    """

    value_changed = Signal(object)
    committed = Signal(object)
    invalid_changed = Signal(str)

    def __init__(  # noqa: PLR0913 - what describes a number
        self,
        value: float,
        minimum: float,
        maximum: float,
        *,
        form: str = "auto",
        log: bool = False,
        marks: Sequence[float] = (),
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        if log and minimum <= 0:
            msg = "a logarithmic track starts above 0"
            raise ValueError(msg)
        step = None if form == "int" or log else (maximum - minimum) / 100
        self.number = NumberField(
            value, minimum, maximum, form=form, step=step, log=log, name=name, parent=self
        )
        self.track = Track([_place(m, minimum, maximum, log) for m in marks], self)
        self.track.setAccessibleName(name)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(self.track, 1)
        row.addWidget(self.number)
        self.setFocusProxy(self.number)
        self._connect()
        follow_theme(self)

    def _connect(self) -> None:
        self.track.moved.connect(self.number.set_fraction)
        self.track.stepped.connect(self._step)
        self.track.released.connect(self._released)
        self.number.value_changed.connect(self._number_changed)
        self.number.committed.connect(self.committed)
        self.number.invalid_changed.connect(self.invalid_changed)

    def value(self) -> float:
        """Return the last valid value."""
        return self.number.value()

    def set_value(self, value: float) -> None:
        """Show a value without a signal."""
        self.number.set_value(value)
        self.track.set_fraction(self.number.fraction())

    def set_range(self, minimum: float, maximum: float, why: str = "") -> None:
        """Set both ends; `why` is told when a typed number lies outside."""
        self.number.set_range(minimum, maximum, why)
        self.track.set_fraction(self.number.fraction())

    def set_check(self, check: Check | None) -> None:
        """Give a further rule: it returns why a number is refused, or ""."""
        self.number.set_check(check)

    def set_invalid(self, reason: str) -> None:
        """Mark the field from outside, "" to unmark it."""
        self.number.set_invalid(reason)

    def set_compact(self, compact: bool) -> None:
        """Hide the track where a window is narrow; the number can still be dragged."""
        self.track.setVisible(not compact)

    @Slot(float)
    def _step(self, steps: float) -> None:
        if math.isinf(steps):
            self.number.set_fraction(1.0 if steps > 0 else 0.0)
            self._released()
        else:
            self.number.step_by(steps)

    @Slot()
    def _released(self) -> None:
        self.committed.emit(self.value())

    @Slot(object)
    def _number_changed(self, value: object) -> None:
        self.track.set_fraction(self.number.fraction())
        self.value_changed.emit(value)

    @Slot()
    def restyle(self) -> None:
        """Place the handle again after a change of sizes."""
        self.track.set_fraction(self.number.fraction())


def _place(value: float, minimum: float, maximum: float, log: bool) -> float:
    if log:
        value, minimum, maximum = math.log10(value), math.log10(minimum), math.log10(maximum)
    return (value - minimum) / (maximum - minimum)
