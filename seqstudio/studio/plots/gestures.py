"""What a person does to a plot with pointer and keys: zoom, pan, brush, drag a threshold."""

from __future__ import annotations

import math
from dataclasses import replace

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.studio.plots.frame import Frame
from seqstudio.studio.plots.items import Threshold
from seqstudio.studio.plots.names import threshold_handle
from seqstudio.studio.plots.scale import Scale

# A click on a well shows what was clicked by itself; the ring is for finding one's way by key.
KEYBOARD_REASONS = frozenset(
    {
        Qt.FocusReason.TabFocusReason,
        Qt.FocusReason.BacktabFocusReason,
        Qt.FocusReason.ShortcutFocusReason,
        Qt.FocusReason.OtherFocusReason,
    }
)
# Rows and columns that an arrow key goes in a grid of cells.
CELL_MOVES = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}
_CLICK_PX = 4.0
_ZOOM_STEP = 0.8
_PAN_SHARE = 0.1
_GRIP_PX = 12.0


class PlotGestures(QWidget):
    """Ranges in view and the gestures that change them; `Plot` paints."""

    picked = Signal(float)
    hovered = Signal(float)
    brushed = Signal(float, float)
    threshold_moved = Signal(str, float)
    threshold_committed = Signal(str, float)
    view_changed = Signal()

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent)
        self._home: dict[str, Scale] = {"x": Scale(0.0, 100.0), "y": Scale(0.0, 1.0)}
        self._view = dict(self._home)
        self._touched = {"x": False, "y": False}
        self._thresholds: dict[str, Threshold] = {}
        self._grip: str | None = None
        self.ring = False
        self._pressed: QPointF | None = None
        self._at_press = dict(self._home)
        self._panning = False
        self._brush: tuple[float, float] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def frame(self) -> Frame:
        """Return the data rectangle and its scales."""
        return Frame(QRectF(self.rect()), self._view["x"], self._view["y"])

    def restore(self) -> None:
        """Return to the fixed range."""
        self._view = dict(self._home)
        self._touched = {"x": False, "y": False}
        self.update()
        self.view_changed.emit()

    def zoom(self, axis: str, factor: float, about: float = 0.5) -> None:
        """Make an axis `factor` times as long, keeping the share `about` in place."""
        self._change(axis, self._view[axis].zoomed(about, factor))

    def pan(self, axis: str, share: float) -> None:
        """Move an axis by a share of its length."""
        self._change(axis, self._view[axis].moved(share))

    def _change(self, axis: str, scale: Scale) -> None:
        self._view[axis] = scale
        self._touched[axis] = True
        self.update()
        self.view_changed.emit()

    def _grip_at(self, place: QPointF) -> str | None:
        frame = self.frame()
        for key, threshold in self._thresholds.items():
            centre = threshold_handle(frame, threshold).center()
            off = (
                abs(centre.y() - place.y())
                if threshold.axis == "y"
                else abs(centre.x() - place.x())
            )
            near_end = threshold.axis == "x" or place.x() > frame.rect.right() - 40
            if threshold.movable and near_end and off <= _GRIP_PX:
                return key
        return None

    @override
    def wheelEvent(self, event: QWheelEvent, /) -> None:
        delta = event.angleDelta().y()
        rect = self.frame().rect
        if not delta or not rect.width():
            return
        factor = _ZOOM_STEP ** (delta / 120.0)
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom("y", factor, (rect.bottom() - event.position().y()) / rect.height())
        else:
            self.zoom("x", factor, (event.position().x() - rect.left()) / rect.width())
        event.accept()

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._pressed, self._panning = event.position(), False
        self._at_press = dict(self._view)
        self._grip = self._grip_at(event.position())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._grip is None:
            x = self.frame().x_at(event.position().x())
            self._brush = (x, x)
        self.update()

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        place, frame = event.position(), self.frame()
        if self._pressed is None:
            self._hover(place, frame)
        elif self._grip is not None:
            self._drag_threshold(self._grip, place, frame)
        elif self._brush is not None:
            self._brush = (self._brush[0], frame.x_at(place.x()))
            self.update()
        else:
            self._drag_view(place - self._pressed, frame)

    def _hover(self, place: QPointF, frame: Frame) -> None:
        grip = self._grip_at(place)
        shape = Qt.CursorShape.ArrowCursor
        if grip is not None:
            upright = self._thresholds[grip].axis == "y"
            shape = Qt.CursorShape.SizeVerCursor if upright else Qt.CursorShape.SizeHorCursor
        self.setCursor(shape)
        if frame.rect.contains(place):
            self.hovered.emit(frame.x_at(place.x()))

    def _drag_threshold(self, key: str, place: QPointF, frame: Frame) -> None:
        old = self._thresholds[key]
        wanted = frame.y_at(place.y()) if old.axis == "y" else frame.x_at(place.x())
        self._move_threshold(key, wanted)

    def _move_threshold(self, key: str, wanted: float) -> None:
        old = self._thresholds[key]
        allowed = min(old.maximum, max(old.minimum, wanted))
        value = float(round(allowed)) if old.form == "int" else float(f"{allowed:.3g}")
        if value != old.value:
            self._thresholds[key] = replace(old, value=value)
            self.update()
            self.threshold_moved.emit(key, value)

    def _drag_view(self, moved: QPointF, frame: Frame) -> None:
        if not self._panning and moved.manhattanLength() < _CLICK_PX:
            return
        self._panning = True
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self._change("x", self._at_press["x"].moved(-moved.x() / frame.rect.width()))
        # A hand shakes: only a clear vertical drag moves the value axis.
        if self._touched["y"] or abs(moved.y()) > 2 * _GRIP_PX:
            self._change("y", self._at_press["y"].moved(moved.y() / frame.rect.height()))

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        if self._pressed is None:
            return
        pressed, grip, brush = self._pressed, self._grip, self._brush
        self._pressed = self._grip = self._brush = None
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.update()
        if grip is not None:
            self.threshold_committed.emit(grip, self._thresholds[grip].value)
        elif brush is not None and brush[0] != brush[1]:
            self.brushed.emit(min(brush), max(brush))
        elif not self._panning and self.frame().rect.contains(pressed):
            self.picked.emit(self.frame().x_at(pressed.x()))

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent, /) -> None:
        self.restore()

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self.hovered.emit(math.nan)

    @override
    def focusInEvent(self, event: QFocusEvent, /) -> None:
        self.ring = event.reason() in KEYBOARD_REASONS
        self.update()

    @override
    def focusOutEvent(self, event: QFocusEvent, /) -> None:
        self.ring = False
        self.update()

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        key = Qt.Key(event.key())
        zooms = {Qt.Key.Key_Plus: _ZOOM_STEP, Qt.Key.Key_Equal: _ZOOM_STEP}
        zooms |= {Qt.Key.Key_Minus: 1 / _ZOOM_STEP}
        pans = {Qt.Key.Key_Left: ("x", -1), Qt.Key.Key_Right: ("x", 1)}
        pans |= {Qt.Key.Key_Down: ("y", -1), Qt.Key.Key_Up: ("y", 1)}
        if key in zooms:
            self.zoom("y" if control else "x", zooms[key])
        elif key in pans and alt:
            self._nudge_threshold(*pans[key])
        elif key in pans:
            self.pan(pans[key][0], pans[key][1] * _PAN_SHARE)
        elif key == Qt.Key.Key_Home:
            self.restore()
        else:
            super().keyPressEvent(event)

    def _nudge_threshold(self, axis: str, direction: int) -> None:
        """Move the first threshold of an axis by a hundredth of the axis, at least by one step."""
        for key, threshold in self._thresholds.items():
            if threshold.axis != axis or not threshold.movable:
                continue
            scale = self._view[axis]
            share = float(scale.share(threshold.value)) + direction * 0.01
            wanted = scale.value(share)
            if threshold.form == "int" and round(wanted) == threshold.value:
                wanted = threshold.value + direction
            self._move_threshold(key, wanted)
            self.threshold_committed.emit(key, self._thresholds[key].value)
            return
