"""What a pointer does in a roll: gestures that begin with a press and end when it is let go.

Each gesture shows what will be (`ghosts`, `band`) and changes the score once, at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from typing_extensions import override

from seqstudio.music import edits
from seqstudio.music.edits import FREE, Edited
from seqstudio.music.score import Note
from seqstudio.studio.listen.geometry import RollFrame

if TYPE_CHECKING:
    from seqstudio.studio.listen.roll import PianoRoll

Modifiers = Qt.KeyboardModifier
Cursor = Qt.CursorShape
_CLICK_PX = 4.0
_EDGE_PX = 6.0


class Gesture:
    """One press, what moves with it, and its end.

    Attributes:
        lifted: Numbers of the notes that are not painted where they are.
        ghosts: Notes as they will be.
        band: Rectangle that gathers notes, None without.
    """

    def __init__(self, roll: PianoRoll, place: QPointF) -> None:
        self.roll, self.editor = roll, roll.editor
        self.pressed = QPointF(place)
        self.frame = roll.frame_now()
        self.lifted: frozenset[int] = frozenset()
        self.ghosts: tuple[Note, ...] = ()
        self.band: QRectF | None = None
        self.moved = False

    def drag(self, place: QPointF, held: Modifiers) -> None:
        """Follow the pointer, which has left the place of the press once."""
        frame = self.roll.frame_now()
        scrolled = QPointF(frame.scroll - self.frame.scroll, 0)
        far = (place + scrolled - self.pressed).manhattanLength() >= _CLICK_PX
        if far or self.moved:
            self.moved = True
            self.follow(frame, place, held)

    def follow(self, frame: RollFrame, place: QPointF, held: Modifiers) -> None:
        """Show what will be."""

    def end(self) -> None:
        """Do it: the button was let go."""


class Seek(Gesture):
    """The playhead goes with the pointer."""

    def __init__(self, roll: PianoRoll, place: QPointF) -> None:
        super().__init__(roll, place)
        roll.seek_wanted.emit(self.frame.beats_at(place.x()))

    @override
    def follow(self, frame: RollFrame, place: QPointF, held: Modifiers) -> None:
        self.roll.seek_wanted.emit(frame.beats_at(place.x()))


class Gather(Gesture):
    """A rubber band selects what it touches; a mere click selects nothing and seeks."""

    def __init__(self, roll: PianoRoll, place: QPointF, *, more: bool) -> None:
        super().__init__(roll, place)
        self._before = self.editor.selected if more else frozenset()
        self._beats = self.frame.beats_at(place.x())

    @override
    def follow(self, frame: RollFrame, place: QPointF, held: Modifiers) -> None:
        corner = QPointF(frame.x(self._beats), self.pressed.y())
        self.band = QRectF(corner, place).normalized()
        low, high = frame.pitch_at(self.band.bottom()), frame.pitch_at(self.band.top())
        first, last = frame.beats_at(self.band.left()), frame.beats_at(self.band.right())
        self.editor.select(self._before | set(self.roll.table.within(first, last, low, high)))

    @override
    def end(self) -> None:
        if not self.moved:
            if not self._before:
                self.editor.select_none()
            self.roll.seek_wanted.emit(self._beats)


class Move(Gesture):
    """Notes go with the pointer in time and pitch; with Ctrl a copy of them does."""

    def __init__(self, roll: PianoRoll, place: QPointF, number: int, *, copy: bool) -> None:
        super().__init__(roll, place)
        self._number, self._copy = number, copy
        self._anchor = roll.table.notes[number]
        self._notes: tuple[Note, ...] = ()
        self._by = Fraction(0), 0
        self.roll.editor.heard.emit(self._anchor)

    @override
    def follow(self, frame: RollFrame, place: QPointF, held: Modifiers) -> None:
        if self.editor.refusal:
            return
        if not self._notes:
            self._notes = self.editor.notes
            self.lifted = frozenset() if self._copy else self.editor.selected
        beats = self._moved_beats(frame, place, held)
        up = frame.pitch_at(place.y()) - self.frame.pitch_at(self.pressed.y())
        by = edits.room_to_move(self._notes, beats, up)
        if by[1] != self._by[1]:
            self.editor.heard.emit(replace(self._anchor, pitch=self._anchor.pitch + by[1]))
        self._by = by
        self.ghosts = moved(self._in_sight(frame, float(by[0])), *by)

    def _in_sight(self, frame: RollFrame, by: float) -> tuple[Note, ...]:
        """Return the notes that will be in view: more need not be shown."""
        first, last = frame.beats_at(frame.keys) - by, frame.beats_at(frame.width) - by
        seen = self.roll.table.within(first, last)
        return self.roll.table.pick(self.editor.selected & set(seen.tolist()))

    def _moved_beats(self, frame: RollFrame, place: QPointF, held: Modifiers) -> Fraction:
        start = float(self._anchor.start)
        wanted = start + frame.beats_at(place.x()) - self.frame.beats_at(self.pressed.x())
        return self.roll.grid_for(held).near(self.editor.score, wanted) - self._anchor.start

    @override
    def end(self) -> None:
        if not self.moved:
            self.roll.note_picked.emit(self._anchor)
        elif self.editor.refusal:
            self.editor.refused.emit(self.editor.refusal)
        elif self._copy and any(self._by):
            copies = moved(self._notes, *self._by)
            self.editor.apply(edits.add(self.editor.score, copies), "Copy notes")
        else:
            self.editor.apply(edits.move(self.editor.score, self._notes, *self._by), "Move notes")


class Resize(Gesture):
    """One end of the notes goes with the pointer."""

    def __init__(self, roll: PianoRoll, place: QPointF, number: int, *, at_start: bool) -> None:
        super().__init__(roll, place)
        self._anchor, self._at_start = roll.table.notes[number], at_start
        self._edited: Edited | None = None

    @override
    def follow(self, frame: RollFrame, place: QPointF, held: Modifiers) -> None:
        if self.editor.refusal:
            return
        edge = self._anchor.start if self._at_start else self._anchor.end
        shift = frame.beats_at(place.x()) - self.frame.beats_at(self.pressed.x())
        wanted = self.roll.grid_for(held).near(self.editor.score, float(edge) + shift)
        self.lifted = self.editor.selected
        self._edited = edits.resize(
            self.editor.score, self.editor.notes, wanted - edge, at_start=self._at_start
        )
        self.ghosts = self._edited.notes

    @override
    def end(self) -> None:
        if not self.moved:
            self.roll.note_picked.emit(self._anchor)
        elif self._edited is None:
            self.editor.refused.emit(self.editor.refusal)
        else:
            self.editor.apply(self._edited, "Change lengths")


class Draw(Gesture):
    """A new note, as long as the pointer is drawn to the right."""

    def __init__(self, roll: PianoRoll, place: QPointF, *, snap: bool) -> None:
        super().__init__(roll, place)
        pitch = self.frame.pitch_at(place.y())
        beats = self.frame.beats_at(place.x())
        self._note = self.editor.new_note(pitch, beats, snap=snap)
        if not self.editor.refusal:
            self.ghosts = (self._note,)
            self.editor.heard.emit(self._note)

    @override
    def follow(self, frame: RollFrame, place: QPointF, held: Modifiers) -> None:
        if self.editor.refusal:
            return
        grid = self.roll.grid_for(held)
        step = grid.length(self.editor.score, self._note.start)
        end = max(
            grid.near(self.editor.score, frame.beats_at(place.x())),
            self._note.start + min(step, self._note.length),
        )
        pitch = min(127, max(0, frame.pitch_at(place.y())))
        if pitch != self._note.pitch:
            self.editor.heard.emit(replace(self._note, pitch=pitch))
        self._note = replace(self._note, pitch=pitch, length=end - self._note.start)
        self.ghosts = (self._note,)

    @override
    def end(self) -> None:
        self.editor.draw(self._note)


class Velocity(Gesture):
    """Stems go with the pointer: all that are selected, or those that it passes."""

    def __init__(self, roll: PianoRoll, place: QPointF, number: int | None) -> None:
        super().__init__(roll, place)
        self._wanted: dict[int, int] = {}
        self._together = number in self.editor.selected and len(self.editor.selected) > 1
        self._loud = 0 if number is None else roll.table.notes[number].velocity
        if number is not None:
            self._set(number, place)

    @override
    def follow(self, frame: RollFrame, place: QPointF, held: Modifiers) -> None:
        if self._together:
            self._set(-1, place)
            return
        number = self.roll.stem_at(place)
        if number is not None:
            self._set(number, place)

    def _set(self, number: int, place: QPointF) -> None:
        if self.editor.refusal:
            return
        wanted = round(self.roll.frame_now().velocity_at(place.y()))
        table = self.roll.table
        if self._together:
            by = wanted - self._loud
            self._wanted = {
                each: min(127, max(1, table.notes[each].velocity + by))
                for each in self.editor.selected
            }
        else:
            self._wanted[number] = wanted
        self.lifted = frozenset(self._wanted)
        self.ghosts = tuple(
            replace(table.notes[each], velocity=loud) for each, loud in self._wanted.items()
        )

    @override
    def end(self) -> None:
        if self.editor.refusal:
            self.editor.refused.emit(self.editor.refusal)
            return
        numbers = sorted(self._wanted)
        if not numbers:
            return
        notes = self.roll.table.pick(numbers)
        loud = iter([self._wanted[number] for number in numbers])
        edited = edits.set_velocity(self.editor.score, notes, lambda _note: next(loud))
        kept = self.editor.notes if not self._together else edited.notes
        self.editor.apply(replace(edited, notes=kept), "Change velocities")


class Loop(Gesture):
    """The loop: an end, both, or a new one."""

    def __init__(self, roll: PianoRoll, place: QPointF, part: str) -> None:
        super().__init__(roll, place)
        at = self.frame.beats_at(place.x())
        self._part = part
        self._span = roll.loop or (at, at)
        self._at = at
        if part == "new":
            self._span = at, at

    @override
    def follow(self, frame: RollFrame, place: QPointF, held: Modifiers) -> None:
        grid, score = self.roll.grid_for(held), self.editor.score
        at, (first, end) = frame.beats_at(place.x()), self._span
        if self._part == "body":
            start = float(grid.near(score, max(0.0, first + at - self._at)))
            span = start, start + end - first
        elif self._part == "start":
            span = float(grid.near(score, at)), end
        else:
            span = first, float(grid.near(score, at))
        low, high = min(span), max(span)
        if high > low:
            self.roll.loop_range_wanted.emit(low, high)

    @override
    def end(self) -> None:
        if not self.moved:
            self.roll.loop_wanted.emit()


def moved(notes: Sequence[Note], beats: Fraction, semitones: int) -> tuple[Note, ...]:
    """Return notes at another place, as they are shown on their way."""
    return tuple(
        replace(note, start=note.start + beats, pitch=note.pitch + semitones) for note in notes
    )


def edge_of(frame: RollFrame, note: Note, x: float) -> str:
    """Return which part of a note lies at a pixel: "start", "end" or "body"."""
    rect = frame.note_rect(note)
    reach = min(_EDGE_PX, rect.width() / 4)
    if x >= rect.right() - reach:
        return "end"
    return "start" if x <= rect.left() + reach else "body"


def loop_part(frame: RollFrame, span: tuple[float, float] | None, x: float) -> str:
    """Return which part of the loop lies at a pixel: "start", "end", "body" or "new"."""
    if span is None:
        return "new"
    left, right = frame.x(span[0]), frame.x(span[1])
    if abs(x - left) <= _EDGE_PX:
        return "start"
    if abs(x - right) <= _EDGE_PX:
        return "end"
    return "body" if left < x < right else "new"


def begin(roll: PianoRoll, place: QPointF, held: Modifiers) -> Gesture | None:
    """Return the gesture that a press of the left button begins."""
    frame = roll.frame_now()
    if frame.loop_strip.contains(place):
        return Loop(roll, place, loop_part(frame, roll.loop, place.x()))
    if frame.ruler.contains(place):
        return Seek(roll, place)
    if frame.lane.contains(place):
        return _begin_in_lane(roll, place)
    number = roll.number_at(place)
    if number is not None:
        return _begin_on_note(roll, place, number, held)
    return _begin_on_ground(roll, place, held) if frame.grid.contains(place) else None


def _begin_on_ground(roll: PianoRoll, place: QPointF, held: Modifiers) -> Gesture:
    if roll.editor.tool == "draw" and not held & Modifiers.ControlModifier:
        return Draw(roll, place, snap=roll.grid_for(held) is not FREE)
    more = bool(held & (Modifiers.ShiftModifier | Modifiers.ControlModifier))
    return Gather(roll, place, more=more)


def _begin_on_note(
    roll: PianoRoll, place: QPointF, number: int, held: Modifiers
) -> Gesture | None:
    editor = roll.editor
    if held & Modifiers.ShiftModifier:
        editor.toggle(number)
        return None
    if number not in editor.selected:
        editor.select({number})
    part = edge_of(roll.frame_now(), roll.table.notes[number], place.x())
    copy = bool(held & Modifiers.ControlModifier)
    if part == "body" or copy:
        return Move(roll, place, number, copy=copy)
    return Resize(roll, place, number, at_start=part == "start")


def _begin_in_lane(roll: PianoRoll, place: QPointF) -> Gesture | None:
    if roll.editor.lane == "velocity":
        return Velocity(roll, place, roll.stem_at(place))
    note = roll.note_at(place)
    if note is None:
        return Seek(roll, place)
    roll.note_picked.emit(note)
    return None


def cursor_at(roll: PianoRoll, place: QPointF) -> Cursor:
    """Return the shape of the pointer: what a press would do."""
    frame = roll.frame_now()
    if frame.loop_strip.contains(place):
        part = loop_part(frame, roll.loop, place.x())
        return {"start": Cursor.SizeHorCursor, "end": Cursor.SizeHorCursor,
                "body": Cursor.OpenHandCursor}.get(part, Cursor.CrossCursor)  # fmt: skip
    if frame.lane.contains(place):
        stem = roll.editor.lane == "velocity" and roll.stem_at(place) is not None
        return Cursor.SizeVerCursor if stem else Cursor.ArrowCursor
    if place.x() < frame.keys and place.y() > frame.grid.top():
        return Cursor.PointingHandCursor
    if not frame.grid.contains(place):
        return Cursor.ArrowCursor
    number = roll.number_at(place)
    if number is None:
        return Cursor.CrossCursor if roll.editor.tool == "draw" else Cursor.ArrowCursor
    body = edge_of(frame, roll.table.notes[number], place.x()) == "body"
    return Cursor.SizeAllCursor if body else Cursor.SizeHorCursor
