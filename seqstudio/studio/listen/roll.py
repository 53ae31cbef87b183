"""`PianoRoll`: the tune as notes over time, under pointer and keys."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.music.edits import FREE, Grid
from seqstudio.music.score import Note
from seqstudio.studio.listen import roll_hands
from seqstudio.studio.listen.roll_hands import Gesture
from seqstudio.studio.listen.roll_keys import action_of, acts_of
from seqstudio.studio.listen.roll_picture import RollPicture
from seqstudio.studio.plots.gestures import KEYBOARD_REASONS
from seqstudio.studio.theme import follow_theme

_STEM_PX = 6.0
_SCROLL_PX = 24


class PianoRoll(RollPicture):
    """Notes that can be seen and edited, bars, lane and playhead.

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
        self.gesture: Gesture | None = None
        self._acts = acts_of(self)
        self.setAccessibleName("Piano roll")
        follow_theme(self)

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
        length = self.table.end_N[near] - self.table.start_N[near]
        off = np.abs(self.table.pitch_N[near] - row) + 1e-3 * length  # the shorter one is on top
        return int(near[np.argmin(off)]) if len(near) else None

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
        if self.gesture is not None:
            self._scroll_along(place)
            self.gesture.drag(place, event.modifiers())
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
        self.gesture = roll_hands.begin(self, place, event.modifiers())
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
        gesture = self.gesture
        if gesture is not None and event.button() == Qt.MouseButton.LeftButton:
            gesture.end()
            self.gesture = None
            self.viewport().update()

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent, /) -> None:
        """Draw a note on empty ground; elsewhere the second click is a click."""
        place = event.position()
        grid = self.frame_now().grid
        free = grid.contains(place) and self.number_at(place) is None
        if event.button() == Qt.MouseButton.LeftButton and free and self._take is not None:
            snap = self.grid_for(event.modifiers()) is not FREE
            self.gesture = roll_hands.Draw(self, place, snap=snap)
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
        if name == "none" and self.gesture is not None:
            self.gesture = None
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

    def nudge(self, steps: int) -> None:
        """Move what is selected by steps of the grid; with nothing selected, the playhead."""
        editor = self.editor
        if editor.selected:
            editor.nudge(steps)
        else:
            at = editor.grid.near(self.score, editor.playhead)
            wanted = float(at + steps * editor.grid.length(self.score, at))
            self.seek_wanted.emit(max(0.0, wanted))
            self.reveal(max(0.0, wanted))

    def insert(self) -> None:
        """Draw a note at the playhead, which goes on behind it: one after another is written."""
        note = self.editor.insert()
        if note is not None:
            self.seek_wanted.emit(float(note.end))
            self.reveal(float(note.end))

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
