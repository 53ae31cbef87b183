"""`PianoRoll`: the tune as notes over time, with the playhead, under pointer and keys."""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.music.score import Note, Score, sounding_at
from seqstudio.studio.listen import rollpaint
from seqstudio.studio.listen.geometry import BEAT, RollFrame, frame_of, whole_width
from seqstudio.studio.listen.takes import Take, note_words
from seqstudio.studio.plots.gestures import KEYBOARD_REASONS
from seqstudio.studio.theme import follow_theme, pen, theme

_ZOOM = 1.2
_PAGE = 0.82
_RATE_S = 0.5
_NO_SCORE = Score()


class PianoRoll(QAbstractScrollArea):
    """Notes, bars, probability lane and playhead.

    Signals:
        seek_wanted(float): a place in beats, from ruler, keys or a click beside notes.
        note_hovered(object): `Note` under the pointer, or None.
        note_picked(object): `Note` that was clicked.
        play_wanted(): Space.
        loop_wanted(): L.
    """

    seek_wanted = Signal(float)
    note_hovered = Signal(object)
    note_picked = Signal(object)
    play_wanted = Signal()
    loop_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._take: Take | None = None
        self._position = 0.0
        self._hover: Note | None = None
        self._outlined: Note | None = None
        self._beat = 0.0
        self._seeking = False
        self._ring = False
        self._still: tuple[object, QPixmap] | None = None
        self._pace = _Pace()
        self.follow = True
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Piano roll")
        self.viewport().setMouseTracking(True)
        follow_theme(self)

    # What is shown

    def set_take(self, take: Take | None) -> None:
        """Show a tune; of one that is being written, the newest end stays in sight."""
        if take is self._take:
            return
        grows = _same_text(self._take, take)
        self._take, self._hover = take, None
        self._pace.add(take, anew=not grows)
        if not grows:
            self._beat = 0.0
            self.horizontalScrollBar().setValue(0)
        self._still = None
        self._set_range()
        if take is not None and not take.done and self.follow:
            self._reveal(float(take.score.end_beats))
        self.viewport().update()

    def set_position(self, beats: float, *, playing: bool) -> None:
        """Put the playhead to a place; while playing, the view turns its page with it."""
        self._position = beats
        if playing and self.follow:
            self._reveal(beats)
        self.viewport().update()

    def set_outlined(self, note: Note | None) -> None:
        """Outline a note that is hovered elsewhere."""
        if note != self._outlined:
            self._outlined = note
            self.viewport().update()

    @property
    def score(self) -> Score:
        """The notes shown."""
        return self._take.score if self._take else _NO_SCORE

    def frame_now(self) -> RollFrame:
        """Return where everything lies now."""
        size = self.viewport().size()
        scroll = float(self.horizontalScrollBar().value())
        return frame_of(self.score, size.width(), size.height(), self._beat, scroll)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(280, 180)

    @Slot()
    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        self._still = None
        self.viewport().update()

    # Scrolling and zooming

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._still = None
        self._set_range()

    @override
    def scrollContentsBy(self, dx: int, dy: int, /) -> None:
        self._still = None
        self.viewport().update()

    def _set_range(self) -> None:
        frame, bar = self.frame_now(), self.horizontalScrollBar()
        visible = int(frame.width - frame.keys)
        room = 0.25 * visible if self._take is not None and not self._take.done else 0.0
        bar.setRange(0, max(0, int(whole_width(frame, self.score) + room) - visible))
        bar.setPageStep(max(1, visible))
        bar.setSingleStep(max(1, int(frame.beat)))

    def _reveal(self, beats: float) -> None:
        """Turn the page when a place comes near the right edge, or lies outside."""
        frame = self.frame_now()
        visible = frame.width - frame.keys
        place = frame.x(beats) - frame.keys
        if not 0 <= place <= _PAGE * visible:
            start = beats * frame.beat - (1 - _PAGE) * visible
            self.horizontalScrollBar().setValue(max(0, int(start)))

    def zoom(self, factor: float, at_x: float | None = None) -> None:
        """Make beats wider or narrower around a pixel, the middle by default."""
        frame = self.frame_now()
        x = (frame.keys + frame.width) / 2 if at_x is None else max(at_x, frame.keys)
        beats = frame.beats_at(x)
        self._beat = min(BEAT[1], max(BEAT[0], frame.beat * factor))
        self._set_range()
        self.horizontalScrollBar().setValue(int(beats * self._beat - (x - frame.keys)))
        self._still = None
        self.viewport().update()

    @override
    def wheelEvent(self, event: QWheelEvent, /) -> None:
        turn = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(_ZOOM ** (turn.y() / 120), event.position().x())
        else:
            bar = self.horizontalScrollBar()
            bar.setValue(bar.value() - (turn.x() or turn.y()))
        event.accept()

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        painter = QPainter(self.viewport())
        frame = self.frame_now()
        painter.drawPixmap(0, 0, self._still_picture(frame))
        take = self._take
        if take is not None:
            rollpaint.paint_lit(painter, frame, sounding_at(take.score.notes, self._position))
            self._paint_marks(painter, frame, take)
        if self._ring:
            painter.setPen(pen(theme().color("focus"), theme().stroke("focus")))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.viewport().rect().adjusted(1, 1, -1, -1))

    def _paint_marks(self, painter: QPainter, frame: RollFrame, take: Take) -> None:
        outlined = self._hover or self._outlined
        if outlined is not None:
            rollpaint.paint_outline(painter, frame, outlined)
        if not take.done:
            end = float(take.score.end_beats)
            rollpaint.paint_unwritten(painter, frame, end, self._pace.words())
        else:
            rollpaint.paint_playhead(painter, frame, self._position)
        if outlined is not None:
            rect = frame.note_rect(outlined)
            place = QPointF(rect.right() + 8, rect.top() - 28)
            rollpaint.paint_chip(painter, place, note_words(take, outlined), frame)

    def _still_picture(self, frame: RollFrame) -> QPixmap:
        """Return everything but what moves; painted once for take, place, size and theme."""
        ratio = self.devicePixelRatioF()
        key = (frame, id(self._take), theme(), ratio)
        if self._still is None or self._still[0] != key:
            picture = QPixmap(self.viewport().size() * ratio)
            picture.setDevicePixelRatio(ratio)
            painter = QPainter(picture)
            self._paint_still(painter, frame)
            painter.end()
            self._still = (key, picture)
        return self._still[1]

    def _paint_still(self, painter: QPainter, frame: RollFrame) -> None:
        rollpaint.paint_ground(painter, frame)
        take = self._take
        if take is not None:
            rollpaint.paint_bars(painter, frame, take.score)
            rollpaint.paint_notes(painter, frame, take)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        rollpaint.paint_keys(painter, frame)
        known = take is not None and take.sample is not None
        rollpaint.paint_lane_names(painter, frame, known=known)

    # Pointer

    def note_at(self, place: QPointF) -> Note | None:
        """Return the note under a pixel; in the lane, the one whose bar stands there."""
        frame = self.frame_now()
        if self._take is None or place.x() < frame.keys:
            return None
        beats = frame.beats_at(place.x())
        sounding = sounding_at(self._take.score.notes, beats)
        if frame.lane.contains(place):
            return sounding[0] if sounding else None
        if not frame.grid.contains(place):
            return None
        reach = 3 / frame.row
        row = frame.high - (place.y() - frame.grid.top()) / frame.row + 0.5
        near = [note for note in sounding if abs(note.pitch - row) <= 0.5 + reach]
        return min(near, key=lambda note: abs(note.pitch - row), default=None)

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if self._seeking:
            self.seek_wanted.emit(self.frame_now().beats_at(event.position().x()))
            return
        note = self.note_at(event.position())
        if note != self._hover:
            self._hover = note
            self.note_hovered.emit(note)
            self.viewport().update()

    @override
    def viewportEvent(self, event: QEvent, /) -> bool:
        if event.type() == QEvent.Type.Leave and self._hover is not None:
            self._hover = None
            self.note_hovered.emit(None)
            self.viewport().update()
        return super().viewportEvent(event)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        frame = self.frame_now()
        if event.button() != Qt.MouseButton.LeftButton or event.position().x() < frame.keys:
            return
        note = self.note_at(event.position())
        if note is not None:
            self.note_picked.emit(note)
            return
        self._seeking = True
        self.seek_wanted.emit(frame.beats_at(event.position().x()))

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        self._seeking = False

    # Keys

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        key = Qt.Key(event.key())
        target = self._key_target(key)
        if key == Qt.Key.Key_Space:
            self.play_wanted.emit()
        elif key == Qt.Key.Key_L:
            self.loop_wanted.emit()
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.zoom(1 / _ZOOM if key == Qt.Key.Key_Minus else _ZOOM)
        elif target is not None:
            self.seek_wanted.emit(target)
            self._reveal(target)
        else:
            super().keyPressEvent(event)

    def _key_target(self, key: Qt.Key) -> float | None:
        """Return where a key leads: bar by bar, or to an end."""
        starts = [float(start) for start in self.score.bar_starts] or [0.0]
        if key == Qt.Key.Key_Home:
            return 0.0
        if key == Qt.Key.Key_End:
            return starts[-1]
        if key == Qt.Key.Key_Left:
            return max((start for start in starts if start < self._position - 0.01), default=0.0)
        if key == Qt.Key.Key_Right:
            return min((s for s in starts if s > self._position + 0.01), default=starts[-1])
        return None

    @override
    def focusInEvent(self, event: QFocusEvent, /) -> None:
        self._ring = event.reason() in KEYBOARD_REASONS
        self.viewport().update()

    @override
    def focusOutEvent(self, event: QFocusEvent, /) -> None:
        self._ring = False
        self.viewport().update()


class _Pace:
    """How fast a tune is written, told at most twice a second."""

    def __init__(self) -> None:
        self._began_s = 0.0
        self._began = self._count = 0
        self._told_s = 0.0
        self._words = "writing"

    def add(self, take: Take | None, *, anew: bool) -> None:
        now, count = time.monotonic(), len(take.score.notes) if take else 0
        if anew:
            self._began_s, self._began, self._told_s, self._words = now, count, now, "writing"
        self._count = count
        if now - self._told_s >= _RATE_S and count > self._began:
            rate = (count - self._began) / max(now - self._began_s, 1e-3)
            digits = 0 if rate >= 10 else 1
            self._words = f"writing, {rate:.{digits}f} notes/s"
            self._told_s = now

    def words(self) -> str:
        return self._words


def _same_text(before: Take | None, after: Take | None) -> bool:
    """Tell whether a take is the one before, further written."""
    if before is None or after is None or before.sample is None or after.sample is None:
        return False
    same = (
        before.sample.request == after.sample.request and before.sample.step == after.sample.step
    )
    return same and after.text.startswith(before.text) and before.start == after.start
