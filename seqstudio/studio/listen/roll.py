"""`PianoRoll`: the tune as notes over time, with the playhead, under pointer and keys."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
)
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.music.edits import FREE, Grid
from seqstudio.music.score import Note, Score
from seqstudio.studio.listen import notepaint, roll_hands, rollpaint
from seqstudio.studio.listen.colouring import Shades, by_probability
from seqstudio.studio.listen.geometry import RollFrame, RollView
from seqstudio.studio.listen.note_table import Indices, NoteTable
from seqstudio.studio.listen.roll_editor import WRITING, RollEditor
from seqstudio.studio.listen.roll_hands import Gesture
from seqstudio.studio.listen.roll_keys import action_of, acts_of
from seqstudio.studio.listen.roll_pace import Pace, same_text
from seqstudio.studio.listen.roll_surface import RollSurface
from seqstudio.studio.listen.takes import Take, note_words
from seqstudio.studio.plots.gestures import KEYBOARD_REASONS
from seqstudio.studio.theme import follow_theme, pen, theme

_STEM_PX = 6.0
_TOLD_MS = 4000
_SCROLL_PX = 24


class PianoRoll(RollSurface):
    """Notes that can be seen and edited, bars, lane and playhead.

    Attributes:
        editor: Selection, clipboard, grid and edits.
        table: The notes shown.
        loop: First and last beat of the loop, None without one.
        looped: Whether it is in force.
        muted: Voices that are not heard.
        hint: More words about the note under the pointer, "" for none.

    Signals:
        seek_wanted(float): a place in beats, from ruler, keys or a click beside notes.
        note_hovered(object): `Note` under the pointer, or None.
        note_picked(object): `Note` that was clicked.
        play_wanted(): Space.
        loop_wanted(): L.
        loop_range_wanted(float, float): from one beat to another.
        menu_wanted(object): a menu is wanted, at this `QPoint` of the screen.
    """

    seek_wanted = Signal(float)
    note_hovered = Signal(object)
    note_picked = Signal(object)
    play_wanted = Signal()
    loop_wanted = Signal()
    loop_range_wanted = Signal(float, float)
    menu_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = NoteTable()
        self.editor = RollEditor(self)
        self.loop: tuple[float, float] | None = None
        self.looped = False
        self.muted: frozenset[int] = frozenset()
        self.hint = ""
        self._take: Take | None = None
        self._chance_N = np.empty(0)
        self._shades: Shades | None = None
        self._position = 0.0
        self._playing = False
        self._hover: Note | None = None
        self._outlined: Note | None = None
        self._gesture: Gesture | None = None
        self._edited = False
        self._ring = False
        self._pace = Pace()
        self._told = ""
        self._untell = QTimer(self, interval=_TOLD_MS, singleShot=True)
        self._untell.timeout.connect(self._forget_told)
        self._acts = acts_of(self)
        self.setAccessibleName("Piano roll")
        self.editor.changed.connect(self.repaint_all)
        self.editor.refused.connect(self.tell)
        self.editor.edit_wanted.connect(self.stay)
        follow_theme(self)

    # What is shown

    def set_take(self, take: Take | None) -> None:
        """Show a tune; of one that is being written, the newest end stays in sight.

        One that comes of an edit stays where it is in view, its changed notes selected.
        """
        if take is self._take:
            return
        grows, edited = same_text(self._take, take), self._edited
        self._take, self._hover, self._gesture, self._edited = take, None, None, False
        self._pace.add(take, anew=not grows)
        self._take_notes(take, kept=edited)
        if not grows and not edited:
            self._view = RollView()
            self.horizontalScrollBar().setValue(0)
        self.set_range()
        if take is not None and not take.done and self.follow:
            self.reveal(float(take.score.end_beats))
        self.repaint_all()

    def _take_notes(self, take: Take | None, *, kept: bool) -> None:
        self.score = take.score if take is not None else Score()
        self.table = NoteTable(self.score.notes)
        self._chance_N = np.array(take.chances if take is not None else (), float)
        self._shades = None
        self.editor.suggest_lane(bool(np.isfinite(self._chance_N).any()))
        self.editor.refusal = WRITING if take is not None and not take.done else ""
        self.editor.take_score(self.score, self.table, kept=kept)

    def set_position(self, beats: float, *, playing: bool) -> None:
        """Put the playhead to a place; while playing, the view turns its page with it."""
        self._position, self._playing = beats, playing
        self.editor.playhead = Fraction(beats).limit_denominator(960)
        if playing and self.follow:
            self.reveal(beats)
        self.viewport().update()

    def set_shades(self, shades: Shades | None) -> None:
        """Colour the notes; None colours them by probability."""
        self._shades = shades
        self.repaint_all()

    def set_loop(self, span: tuple[float, float] | None, *, on: bool) -> None:
        """Show the loop."""
        if (span, on) != (self.loop, self.looped):
            self.loop, self.looped = span, on
            self.viewport().update()

    def set_muted(self, voices: frozenset[int]) -> None:
        """Show the notes of some voices faint."""
        if voices != self.muted:
            self.muted = voices
            self.repaint_all()

    def set_outlined(self, note: Note | None) -> None:
        """Outline a note that is hovered elsewhere."""
        if note != self._outlined:
            self._outlined = note
            self.viewport().update()

    @property
    def hovered(self) -> Note | None:
        """The note under the pointer."""
        return self._hover

    @Slot()
    def stay(self, _score: object = None, _label: object = None) -> None:
        """Keep view and selection when the next tune comes: it is this one, edited."""
        self._edited = True
        self.hold()

    @Slot(str)
    def tell(self, words: str) -> None:
        """Say something for a while."""
        self._told = words
        self._untell.start()
        self.viewport().update()

    @Slot()
    def _forget_told(self) -> None:
        self._told = ""
        self.viewport().update()

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        painter = QPainter(self.viewport())
        frame = self.frame_now()
        painter.drawPixmap(0, 0, self._still_picture(frame))
        lit = self.table.sounding(self._position)
        notepaint.paint_lit(painter, frame, self.table, lit)
        self._paint_gesture(painter, frame)
        rollpaint.paint_loop(painter, frame, self.loop, on=self.looped)
        if self._playing:
            rollpaint.paint_pressed_keys(painter, frame, self.table.pitch_N[lit].tolist())
        if self._take is not None:
            self._paint_marks(painter, frame, self._take)
        if self._told:
            rollpaint.paint_chip(painter, frame.grid.topLeft() + QPointF(12, 8), self._told, frame)
        if self._ring:
            painter.setPen(pen(theme().color("focus"), theme().stroke("focus")))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.viewport().rect().adjusted(1, 1, -1, -1))

    def _paint_gesture(self, painter: QPainter, frame: RollFrame) -> None:
        gesture = self._gesture
        if gesture is None:
            return
        notepaint.paint_ghosts(painter, frame, gesture.ghosts)
        if self.editor.lane == "velocity":
            accent = theme().color("accent")
            notepaint.paint_stems(painter, frame, [(note, accent) for note in gesture.ghosts])
        if gesture.band is not None:
            notepaint.paint_band(painter, frame, gesture.band)

    def _paint_marks(self, painter: QPainter, frame: RollFrame, take: Take) -> None:
        outlined = self._hover or self._outlined
        idle = self._gesture is None or not self._gesture.moved
        if outlined is not None and idle:
            notepaint.paint_outline(painter, frame, outlined)
        if not take.done:
            end = float(take.score.end_beats)
            rollpaint.paint_unwritten(painter, frame, end, self._pace.words())
        else:
            rollpaint.paint_playhead(painter, frame, self._position)
        if outlined is not None and idle:
            rect = frame.note_rect(outlined)
            words = [note_words(take, outlined), self.hint]
            place = QPointF(rect.right() + 8, rect.top() - 28)
            rollpaint.paint_chip(painter, place, " · ".join(filter(None, words)), frame)

    def _still_picture(self, frame: RollFrame) -> QPixmap:
        """Return everything but what moves; painted once for take, place, size and theme."""
        ratio = self.devicePixelRatioF()
        lifted = self._gesture.lifted if self._gesture is not None else frozenset()
        key = (frame, id(self._take), theme(), ratio, lifted)
        if self._still is None or self._still[0] != key:
            picture = QPixmap(self.viewport().size() * ratio)
            picture.setDevicePixelRatio(ratio)
            painter = QPainter(picture)
            self._paint_still(painter, frame, lifted)
            painter.end()
            self._still = (key, picture)
        return self._still[1]

    def _paint_still(self, painter: QPainter, frame: RollFrame, lifted: frozenset[int]) -> None:
        rollpaint.paint_ground(painter, frame)
        if self._take is not None:
            step = 0.0 if self.editor.grid.step is None else float(self.editor.grid.step)
            rollpaint.paint_bars(painter, frame, self.score, step)
            self._paint_notes(painter, frame, lifted)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        rollpaint.paint_keys(painter, frame)
        known = self._take is not None and self._take.sample is not None
        rollpaint.paint_lane_names(painter, frame, self.editor.lane, known=known)

    def _paint_notes(self, painter: QPainter, frame: RollFrame, lifted: frozenset[int]) -> None:
        table, plain = self.table, self._plain_shades()
        seen = notepaint.in_sight(frame, table)
        if lifted:
            seen = seen[~np.isin(seen, list(lifted))]
        shades = self._shades or plain
        notepaint.paint_notes(painter, frame, table, shades, seen, self.muted)
        if self._shades is None:
            notepaint.paint_doubts(painter, frame, table, self._chance_N, seen)
        chosen = self.editor.selected - lifted
        notepaint.paint_selected(painter, frame, table.pick(chosen))
        if self.editor.lane == "velocity":
            stems = [(table.notes[n], self._stem_colour(shades, n)) for n in seen.tolist()]
            notepaint.paint_stems(painter, frame, stems)
        else:
            notepaint.paint_chances(painter, frame, table, self._chance_N, seen, plain)

    def _plain_shades(self) -> Shades:
        return by_probability(self.table, self._chance_N)

    def _stem_colour(self, shades: Shades, number: int) -> object:
        if number in self.editor.selected:
            return theme().color("accent")
        return notepaint.stem_brush(self.table, shades, number)

    # What lies where

    def number_at(self, place: QPointF) -> int | None:
        """Return the number of the note under a pixel of the grid."""
        frame = self.frame_now()
        if not frame.grid.contains(place):
            return None
        row = frame.high - (place.y() - frame.grid.top()) / frame.row + 0.5
        reach = 0.5 + 3 / frame.row
        slack = 2 / frame.beat
        beats = frame.beats_at(place.x())
        near = self.table.within(beats - slack / 4, beats + slack, row - reach, row + reach)
        off = np.abs(self.table.pitch_N[near] - row) + 1e-3 * self._length(near)
        return int(near[np.argmin(off)]) if len(near) else None

    def _length(self, numbers: Indices) -> np.ndarray:
        return self.table.end_N[numbers] - self.table.start_N[numbers]

    def stem_at(self, place: QPointF) -> int | None:
        """Return the number of the note whose stem stands at a pixel; selected ones first."""
        frame = self.frame_now()
        beats, reach = frame.beats_at(place.x() - 2), _STEM_PX / frame.beat
        near = np.flatnonzero(np.abs(self.table.start_N - beats) <= reach)
        chosen = [number for number in near.tolist() if number in self.editor.selected]
        loud = frame.velocity_at(place.y())
        return min(
            chosen or near.tolist(),
            key=lambda number: (
                abs(self.table.start_N[number] - beats),
                abs(self.table.velocity_N[number] - loud),
            ),
            default=None,
        )

    def note_at(self, place: QPointF) -> Note | None:
        """Return the note under a pixel; in the lane, the one whose bar or stem stands there."""
        frame = self.frame_now()
        if self._take is None or place.x() < frame.keys:
            return None
        if frame.lane.contains(place):
            found = self.table.sounding(frame.beats_at(place.x()))
            number = self.stem_at(place) if self.editor.lane == "velocity" else None
            if number is None and len(found):
                number = int(found[0])
        else:
            number = self.number_at(place)
        return None if number is None else self.table.notes[number]

    def grid_for(self, held: Qt.KeyboardModifier) -> Grid:
        """Return where notes snap to; nowhere while Alt is held."""
        return FREE if held & Qt.KeyboardModifier.AltModifier else self.editor.grid

    # Pointer

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        place = event.position()
        if self._gesture is not None:
            self._scroll_along(place)
            self._gesture.drag(place, event.modifiers())
            self.viewport().update()
            return
        self.viewport().setCursor(roll_hands.cursor_at(self, place))
        self._set_hover(self.note_at(place))

    def _set_hover(self, note: Note | None) -> None:
        if note != self._hover:
            self._hover, self.hint = note, ""
            self.note_hovered.emit(note)
            self.viewport().update()

    def _scroll_along(self, place: QPointF) -> None:
        """Go on to what lies outside when notes are carried over the edge."""
        frame, bar = self.frame_now(), self.horizontalScrollBar()
        if place.x() > frame.width:
            bar.setValue(bar.value() + _SCROLL_PX)
        elif place.x() < frame.keys:
            bar.setValue(bar.value() - _SCROLL_PX)

    @override
    def viewportEvent(self, event: QEvent, /) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._set_hover(None)
        return super().viewportEvent(event)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        place = event.position()
        if event.button() != Qt.MouseButton.LeftButton or self._take is None:
            return
        if place.x() < self.frame_now().keys:
            self._press_key(place, event.modifiers())
            return
        self._gesture = roll_hands.begin(self, place, event.modifiers())
        self.viewport().update()

    def _press_key(self, place: QPointF, held: Qt.KeyboardModifier) -> None:
        """Select all notes of a pitch, and let it be heard."""
        frame = self.frame_now()
        if not frame.grid.top() <= place.y() <= frame.grid.bottom():
            return
        pitch = min(127, max(0, frame.pitch_at(place.y())))
        more = self.editor.selected if held & Qt.KeyboardModifier.ShiftModifier else frozenset()
        self.editor.select(more | set(self.table.of_pitch(pitch)))
        self.editor.heard.emit(self.editor.new_note(pitch, self._position))

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        gesture = self._gesture
        if gesture is not None and event.button() == Qt.MouseButton.LeftButton:
            gesture.end()
            self._gesture = None
            self.viewport().update()

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent, /) -> None:
        """Draw a note on empty ground; elsewhere the second click is a click."""
        place = event.position()
        grid = self.frame_now().grid
        free = grid.contains(place) and self.number_at(place) is None
        if event.button() == Qt.MouseButton.LeftButton and free and self._take is not None:
            snap = self.grid_for(event.modifiers()) is not FREE
            self._gesture = roll_hands.Draw(self, place, snap=snap)
            self.viewport().update()
        else:
            self.mousePressEvent(event)

    @override
    def contextMenuEvent(self, event: QContextMenuEvent, /) -> None:
        number = self.number_at(QPointF(event.pos()))
        if number is not None and number not in self.editor.selected:
            self.editor.select({number})
        self.menu_wanted.emit(event.globalPos())

    # Keys

    @override
    def event(self, event: QEvent, /) -> bool:
        """Let the keys of the roll win over those of the window while it has the focus."""
        early = event.type() == QEvent.Type.ShortcutOverride
        if early and isinstance(event, QKeyEvent) and action_of(event):
            event.accept()
            return True
        return super().event(event)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        name = action_of(event)
        if name == "none" and self._gesture is not None:
            self._gesture = None
            self.viewport().update()
        elif name:
            self.act(name)
        else:
            super().keyPressEvent(event)

    def act(self, name: str) -> None:
        """Do something by its name, see `roll_keys`."""
        self._acts[name]()

    def go(self, where: str) -> None:
        """Put the playhead a bar "back" or "on", to "start" or "end"."""
        target = self._target(where)
        self.seek_wanted.emit(target)
        self.reveal(target)

    def _target(self, where: str) -> float:
        starts = [float(start) for start in self.score.bar_starts] or [0.0]
        if where == "start":
            return 0.0
        if where == "end":
            return starts[-1]
        if where == "back":
            return max((start for start in starts if start < self._position - 0.01), default=0.0)
        return min((s for s in starts if s > self._position + 0.01), default=starts[-1])

    def transpose(self, semitones: int) -> None:
        """Move what is selected; with nothing selected, show higher or lower pitches."""
        if self.editor.selected:
            self.editor.transpose(semitones)
            for note in self.editor.notes[:1]:
                self.reveal_pitch(note.pitch)
        else:
            self.scroll_rows(semitones)

    def switch_lane(self) -> None:
        """Show velocities below instead of probabilities, or the other way round."""
        velocity = self.editor.lane == "velocity"
        self.editor.set_lane("probability" if velocity else "velocity")

    def loop_selection(self) -> None:
        """Loop from the first to the last note that is selected."""
        span = self.editor.span
        if span is not None:
            self.loop_range_wanted.emit(float(span[0]), float(span[1]))

    @override
    def focusInEvent(self, event: QFocusEvent, /) -> None:
        self._ring = event.reason() in KEYBOARD_REASONS
        self.viewport().update()

    @override
    def focusOutEvent(self, event: QFocusEvent, /) -> None:
        self._ring = False
        self.viewport().update()
