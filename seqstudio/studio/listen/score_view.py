"""`ScoreView`: the tune in standard notation, page by page, under pointer and keys."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRect, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
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

from seqstudio.music.engraving import Sheet, lay_out, notate
from seqstudio.music.engraving.marks import Box
from seqstudio.music.score import Note, Score, sounding_at
from seqstudio.studio.listen import scorepaint
from seqstudio.studio.listen.colouring import FAINTEST
from seqstudio.studio.listen.takes import Take
from seqstudio.studio.plots.gestures import KEYBOARD_REASONS
from seqstudio.studio.theme import faded, follow_theme, pen, theme

#: Pixels of a staff space: usual, smallest, largest.
SPACE = (8.0, 4.5, 20.0)
#: Of a narrow view.
SMALL = 6.5
MOST_STAVES = 4
MOST_NOTES = 20_000
_WIDE = 70.0
_AT_ONCE = 800
_ZOOM = 1.15
_GROWTH_MS = 250
_SCROLL = 3.0
Background = Callable[[Callable[[], Any], Callable[[Any], None]], None]


def staves_of(score: Score, *, joined: bool) -> list[list[int]]:
    """Return the voices of each staff: the first four that are no drums.

    Args:
        score: What is shown.
        joined: Whether four voices stand on two staves.
    """
    voices = [voice for voice in score.voices if not score.track(voice).drums][:MOST_STAVES]
    if joined and len(voices) == MOST_STAVES:
        return [voices[:2], voices[2:]]
    return [[voice] for voice in voices]


class ScoreView(QAbstractScrollArea):
    """Systems below each other, as wide as the view.

    Args:
        background: Runs work beside the window and hands its result back; a long score is laid
            out with it.

    Signals:
        seek_wanted(float): a place in beats, from keys or a click beside notes.
        note_hovered(object): `Note` under the pointer, or None.
        note_picked(object): `Note` that was clicked.
        play_wanted(): Space.
        laid_out(): another sheet is shown.
    """

    seek_wanted = Signal(float)
    note_hovered = Signal(object)
    note_picked = Signal(object)
    play_wanted = Signal()
    laid_out = Signal()

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._take: Take | None = None
        self._shown: Take | None = None
        self._sheet: Sheet | None = None
        self._order = 0
        self._position = 0.0
        self._hover: Note | None = None
        self._outlined: Note | None = None
        self._ring = False
        self._still: tuple[object, QPixmap] | None = None
        self._scale = 1.0
        self.joined = True
        self.follow = True
        self.direct = False
        self._growth = QTimer(self, interval=_GROWTH_MS, singleShot=True)
        self._growth.timeout.connect(self._lay_out)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Score")
        self.viewport().setMouseTracking(True)
        follow_theme(self)

    @property
    def space(self) -> float:
        """Pixels of a staff space; somewhat less where the view is narrow."""
        usual = min(SPACE[0], max(SMALL, self.viewport().width() / _WIDE))
        return min(SPACE[2], max(SPACE[1], usual * self._scale))

    # What is shown

    def set_take(self, take: Take | None) -> None:
        """Show a tune; one that grows is laid out a few times a second."""
        if take is self._take:
            return
        before, self._take = self._take, take
        if take is not None and before is not None and _goes_on(before, take):
            if not self._growth.isActive():
                self._growth.start()
            return
        self._lay_out()

    @property
    def score(self) -> Score:
        """The notes shown."""
        return self._shown.score if self._shown else Score()

    @property
    def sheet(self) -> Sheet | None:
        """Where everything stands, None before it is known."""
        return self._sheet

    @property
    def left_out(self) -> int:
        """How many voices are not shown: drums, and those beyond four."""
        return len(self.score.voices) - len(staves_of(self.score, joined=False))

    @property
    def too_long(self) -> bool:
        """Whether the tune has more notes than can be shown as a score."""
        return self._take is not None and len(self._take.score.notes) > MOST_NOTES

    @Slot()
    def _lay_out(self) -> None:
        """Lay the take out: at once, or beside the window where that takes a while."""
        self._growth.stop()
        self._order += 1
        take, order = self._take, self._order
        if take is None or self.too_long:
            self._take_sheet(None, None)
            return
        width = max(1, self.viewport().width()) / self.space
        staves = staves_of(take.score, joined=self.joined)

        def work() -> Sheet:
            return lay_out(notate(take.score, staves), width, ended=take.done)

        def finish(sheet: Sheet) -> None:
            if order == self._order:
                self._take_sheet(take, sheet)

        if len(take.score.notes) <= _AT_ONCE:
            finish(work())
        else:
            self._background(work, finish)

    def _take_sheet(self, take: Take | None, sheet: Sheet | None) -> None:
        another = self._shown is None or take is None or take.text[:40] != self._shown.text[:40]
        self._shown, self._sheet, self._still, self._hover = take, sheet, None, None
        self._set_range()
        if another:
            self.verticalScrollBar().setValue(0)
        if take is not None and not take.done and self.follow:
            self._reveal(float(take.score.end_beats))
        self.viewport().update()
        self.laid_out.emit()

    def set_joined(self, on: bool) -> None:
        """Put four voices on two staves, or on four."""
        if on != self.joined:
            self.joined = on
            self._lay_out()

    def set_position(self, beats: float, *, playing: bool) -> None:
        """Put the playhead to a place; the page turns with it."""
        moved, self._position = beats != self._position, beats
        if self.follow and (playing or moved):
            self._reveal(beats)
        self.viewport().update()

    def set_outlined(self, note: Note | None) -> None:
        """Outline a note that is hovered elsewhere."""
        if note != self._outlined:
            self._outlined = note
            self.viewport().update()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(280, 160)

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
        if event.oldSize().width() != event.size().width():
            self._lay_out()
        else:
            self._set_range()

    @override
    def scrollContentsBy(self, dx: int, dy: int, /) -> None:
        self._still = None
        self.viewport().update()

    def _set_range(self) -> None:
        bar, visible = self.verticalScrollBar(), self.viewport().height()
        height = int(self._sheet.height * self.space) if self._sheet else 0
        bar.setRange(0, max(0, height - visible))
        bar.setPageStep(max(1, visible))
        bar.setSingleStep(max(1, int(_SCROLL * self.space)))

    def _reveal(self, beats: float) -> None:
        """Turn the page when the system of a time is not wholly in sight."""
        if self._sheet is None or not self._sheet.systems:
            return
        order = self._sheet.system_of(beats)
        system = self._sheet.systems[order]
        scroll, visible = self.verticalScrollBar().value(), self.viewport().height()
        top, bottom = system.top * self.space, system.bottom * self.space
        if top < scroll or bottom > scroll + visible:
            self.verticalScrollBar().setValue(int(top) if order else 0)  # with the title

    def zoom(self, factor: float) -> None:
        """Make everything larger or smaller; lines break anew, the place in sight stays."""
        at = self._sheet.system_at(self.verticalScrollBar().value() / self.space + 5) if (
            self._sheet) else -1  # fmt: skip
        beats = self._sheet.systems[at].times[0][0] if self._sheet and at >= 0 else 0.0
        self._scale *= min(SPACE[2], max(SPACE[1], self.space * factor)) / self.space
        self._lay_out()
        if at > 0:
            self._reveal(beats)

    @override
    def wheelEvent(self, event: QWheelEvent, /) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(_ZOOM ** (event.angleDelta().y() / 120))
            event.accept()
        else:
            super().wheelEvent(event)

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        painter = QPainter(self.viewport())
        if self.direct:
            self._paint_still(painter)
        else:
            painter.drawPixmap(0, 0, self._still_picture())
        if self._sheet is not None and self._shown is not None:
            self._paint_marks(painter, self._sheet, self._shown)
        if self._ring:
            painter.resetTransform()
            painter.setPen(pen(theme().color("focus"), theme().stroke("focus")))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.viewport().rect().adjusted(1, 1, -1, -1))

    def _still_picture(self) -> QPixmap:
        """Return everything but what moves; painted once for sheet, place, size and theme."""
        ratio = self.devicePixelRatioF()
        key = (id(self._sheet), self.viewport().size(), self.verticalScrollBar().value(),
               theme(), ratio)  # fmt: skip
        if self._still is None or self._still[0] != key:
            picture = QPixmap(self.viewport().size() * ratio)
            picture.setDevicePixelRatio(ratio)
            painter = QPainter(picture)
            self._paint_still(painter)
            painter.end()
            self._still = (key, picture)
        return self._still[1]

    def _paint_still(self, painter: QPainter) -> None:
        painter.fillRect(QRect(QPointF(0, 0).toPoint(), self.viewport().size()),
                         theme().color("surface0"))  # fmt: skip
        if self._sheet is None:
            return
        painter.save()
        self._to_sheet(painter)
        scorepaint.paint_marks(painter, self._sheet.title, self._colour)
        for order in self._in_sight():
            scorepaint.paint_marks(painter, self._sheet.systems[order].marks, self._colour)
        painter.restore()

    def _to_sheet(self, painter: QPainter) -> None:
        painter.translate(0, -self.verticalScrollBar().value())
        painter.scale(self.space, self.space)

    def _in_sight(self) -> list[int]:
        if self._sheet is None:
            return []
        top = self.verticalScrollBar().value() / self.space
        bottom = top + self.viewport().height() / self.space
        return [
            order
            for order, system in enumerate(self._sheet.systems)
            if system.bottom + 4 >= top and system.top - 4 <= bottom
        ]

    def _colour(self, note: int) -> QColor:
        """Return the colour of a note: as solid as the model was sure of it, as in the roll."""
        if note == -2:
            return faded(theme().color("textLow"), 0.75)
        if note < 0 or self._shown is None:
            return theme().color("textMid")
        chance = self._shown.chances[note]
        if isnan(chance):  # it was given
            return theme().role("input")
        role = "output" if self._shown.score.notes[note].voice == 0 else "input"
        return faded(theme().role(role), FAINTEST + (1 - FAINTEST) * chance)

    def _paint_marks(self, painter: QPainter, sheet: Sheet, take: Take) -> None:
        orders = self._in_sight()
        numbers = {id(note): number for number, note in enumerate(take.score.notes)}
        sounding = frozenset(
            numbers[id(note)] for note in sounding_at(take.score.notes, self._position)
        )
        painter.save()
        self._to_sheet(painter)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        system = sheet.system_of(self._position)
        if take.done and system in orders:
            boxes = [box for box in sheet.systems[system].boxes if box.note in sounding]
            scorepaint.paint_glow(painter, boxes)
            lit = scorepaint.marks_of(sheet, sounding, [system])
            scorepaint.paint_marks(painter, lit, lambda _note: theme().color("textHi"))
        outlined = self._hover or self._outlined
        if outlined is not None:
            scorepaint.paint_outline(painter, self._boxes(outlined, orders))
        painter.restore()
        if take.done and system in orders:
            painter.translate(0, -self.verticalScrollBar().value())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            scorepaint.paint_playhead(painter, sheet.systems[system], self._position, self.space)

    def _boxes(self, note: Note, orders: list[int]) -> list[Box]:
        if self._sheet is None:
            return []
        return [
            box
            for order in orders
            for box in self._sheet.systems[order].boxes
            if self.score.notes[box.note] == note
        ]

    # Pointer

    def _place(self, place: QPointF) -> tuple[float, float]:
        return place.x() / self.space, (place.y() + self.verticalScrollBar().value()) / self.space

    def note_at(self, place: QPointF) -> Note | None:
        """Return the note under a pixel."""
        if self._sheet is None:
            return None
        number = self._sheet.note_at(*self._place(place))
        return self.score.notes[number] if number >= 0 else None

    def beats_at(self, place: QPointF) -> float | None:
        """Return the time under a pixel, None without a score."""
        if self._sheet is None or not self._sheet.systems:
            return None
        x, y = self._place(place)
        return self._sheet.systems[self._sheet.system_at(y)].beats_at(x)

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        self._set_hover(self.note_at(event.position()))

    def _set_hover(self, note: Note | None) -> None:
        if note != self._hover:
            self._hover = note
            self.note_hovered.emit(note)
            self.viewport().update()

    @override
    def viewportEvent(self, event: QEvent, /) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._set_hover(None)
        return super().viewportEvent(event)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        note, beats = self.note_at(event.position()), self.beats_at(event.position())
        if note is not None:
            self.note_picked.emit(note)
        elif beats is not None:
            self.seek_wanted.emit(beats)

    # Keys

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        key = Qt.Key(event.key())
        target = self._key_target(key)
        if key == Qt.Key.Key_Space:
            self.play_wanted.emit()
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


def _goes_on(before: Take, after: Take) -> bool:
    """Tell whether a take is the one before, further written and not yet whole."""
    same = not before.done and not after.done and before.start == after.start
    return same and after.text.startswith(before.text)
