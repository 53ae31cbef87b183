"""`RollSurface`: the part of a roll that is in view: scrolling, zooming, turning the page."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QNativeGestureEvent, QPixmap, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea, QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.music.score import Score
from seqstudio.studio.listen.geometry import (
    BEAT,
    KEYBOARD,
    ROW_ZOOMED,
    RollFrame,
    RollView,
    frame_of,
    whole_width,
)

_ZOOM = 1.2
_PAGE = 0.82
_NOTCH = 120
_ROWS_A_NOTCH = 3
#: Of the view: room behind the end, to draw in or to be written in.
_BEHIND = 0.25
_CTRL, _SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class RollSurface(QAbstractScrollArea):
    """Beats across, pitches up: which of them are in view.

    Attributes:
        score: What lies on it.
        follow: Whether the page turns with the playhead.
    """

    view_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.score = Score()
        self.follow = True
        self._view = RollView()
        self._framed: tuple[object, RollFrame] | None = None
        self._still: tuple[object, QPixmap] | None = None
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.viewport().setMouseTracking(True)

    def frame_now(self) -> RollFrame:
        """Return where everything lies now."""
        size, scroll = self.viewport().size(), float(self.horizontalScrollBar().value())
        key = (self.score, size.width(), size.height(), self._view, scroll)
        if self._framed is None or not _same(self._framed[0], key):
            frame = frame_of(
                self.score, size.width(), size.height(), scroll=scroll, view=self._view
            )
            self._framed = key, frame
        return self._framed[1]

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(280, 180)

    @Slot()
    def restyle(self) -> None:
        """Take the colours and measures of the theme in force."""
        self._framed = None
        self.repaint_all()

    def repaint_all(self) -> None:
        """Paint everything anew, also what stands still."""
        self._still = None
        self.viewport().update()

    # Scrolling

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self.set_range()
        self.repaint_all()

    @override
    def scrollContentsBy(self, dx: int, dy: int, /) -> None:
        self.repaint_all()

    def set_range(self) -> None:
        """Let the bar reach over all the music, and some room behind it."""
        frame, bar = self.frame_now(), self.horizontalScrollBar()
        visible = int(frame.width - frame.keys)
        room = 0.0 if self._view == RollView() else _BEHIND * visible
        bar.setRange(0, max(0, int(whole_width(frame, self.score) + room) - visible))
        bar.setPageStep(max(1, visible))
        bar.setSingleStep(max(1, int(frame.beat)))

    def reveal(self, beats: float) -> None:
        """Turn the page when a place comes near the right edge, or lies outside."""
        frame = self.frame_now()
        visible = frame.width - frame.keys
        place = frame.x(beats) - frame.keys
        if not 0 <= place <= _PAGE * visible:
            start = beats * frame.beat - (1 - _PAGE) * visible
            self.horizontalScrollBar().setValue(max(0, int(start)))

    def reveal_pitch(self, pitch: int) -> None:
        """Scroll just so far that the row of a pitch is in view."""
        frame = self.frame_now()
        rows = int(frame.grid.height() // frame.row)
        if pitch > frame.high:
            self._show_rows(frame.row, pitch + 1)
        elif pitch <= frame.high - rows:
            self._show_rows(frame.row, pitch + rows - 1)

    def scroll_rows(self, rows: int) -> None:
        """Show higher pitches, or lower ones below 0."""
        frame = self.frame_now()
        self._show_rows(frame.row, frame.high + rows)

    def _show_rows(self, row: float, high: int) -> None:
        rows = int(self.frame_now().grid.height() // row)
        kept = min(KEYBOARD[1], max(high, min(KEYBOARD[1], rows - 1)))
        self._look(replace(self._view, row=row, high=kept))

    def hold(self) -> None:
        """Keep what is in view where it is, whatever becomes of the tune."""
        frame = self.frame_now()
        self._look(RollView(frame.beat, frame.row, frame.high))

    def fit(self) -> None:
        """Show all pitches, and beats as wide as is usual."""
        self._look(RollView())
        self.horizontalScrollBar().setValue(0)

    def _look(self, view: RollView) -> None:
        if view != self._view:
            self._view = view
            self.set_range()
            self.repaint_all()
            self.view_changed.emit()

    # Zooming

    def zoom(self, factor: float, at_x: float | None = None) -> None:
        """Make beats wider or narrower around a pixel, the middle by default."""
        frame = self.frame_now()
        x = (frame.keys + frame.width) / 2 if at_x is None else max(at_x, frame.keys)
        beats = frame.beats_at(x)
        beat = min(BEAT[1], max(BEAT[0], frame.beat * factor))
        self._look(replace(self._view, beat=beat))
        self.horizontalScrollBar().setValue(int(beats * beat - (x - frame.keys)))

    def zoom_rows(self, factor: float, at_y: float | None = None) -> None:
        """Make rows higher or lower around a pixel, the middle by default."""
        frame = self.frame_now()
        y = frame.grid.center().y() if at_y is None else at_y
        row = min(ROW_ZOOMED[1], max(ROW_ZOOMED[0], frame.row * factor))
        above = (y - frame.grid.top()) / frame.row
        high = frame.high - above + (y - frame.grid.top()) / row
        self._show_rows(row, round(high))

    @override
    def wheelEvent(self, event: QWheelEvent, /) -> None:
        turn, fine, held = event.angleDelta(), event.pixelDelta(), event.modifiers()
        along, place = turn.y() or turn.x(), event.position()
        if held & _CTRL and held & _SHIFT:
            self.zoom_rows(_ZOOM ** (along / _NOTCH), place.y())
        elif held & _CTRL:
            self.zoom(_ZOOM ** (along / _NOTCH), place.x())
        elif held & _SHIFT:
            self.scroll_rows(round(along / _NOTCH * _ROWS_A_NOTCH))
        elif not fine.isNull():
            self._pan(fine.x(), fine.y())
        else:
            self._pan(turn.x() or turn.y(), 0)
        event.accept()

    def _pan(self, across: int, up: int) -> None:
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - across)
        rows = round(up / self.frame_now().row)
        if rows:
            self.scroll_rows(rows)

    @override
    def viewportEvent(self, event: QEvent, /) -> bool:
        """Take a pinch for a zoom of time."""
        pinch = Qt.NativeGestureType.ZoomNativeGesture
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == pinch:
            self.zoom(max(0.1, 1 + event.value()), event.position().x())
            return True
        return super().viewportEvent(event)


def _same(before: object, now: tuple[object, ...]) -> bool:
    """Compare without comparing thousands of notes: scores are told by identity."""
    return isinstance(before, tuple) and before[0] is now[0] and before[1:] == now[1:]
