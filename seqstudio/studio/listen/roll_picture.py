"""`RollPicture`: what a roll shows: a take, its colours, loop, selection, gesture and playhead."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from PySide6.QtCore import QPointF, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.music.score import Note, Score
from seqstudio.studio.listen import notepaint, rollpaint
from seqstudio.studio.listen.colouring import Shades, by_probability
from seqstudio.studio.listen.geometry import RollFrame, RollView
from seqstudio.studio.listen.note_table import Indices, NoteTable
from seqstudio.studio.listen.roll_editor import WRITING, RollEditor
from seqstudio.studio.listen.roll_pace import Pace, same_text
from seqstudio.studio.listen.roll_showing import Showing
from seqstudio.studio.listen.roll_surface import RollSurface
from seqstudio.studio.listen.takes import Take, note_words
from seqstudio.studio.theme import pen, theme

_TOLD_MS = 4000


class RollPicture(RollSurface):
    """A roll to look at; `PianoRoll` gives it pointer and keys.

    Attributes:
        editor: Selection, clipboard, grid and edits.
        table: The notes shown.
        loop: First and last beat of the loop, None without one.
        looped: Whether it is in force.
        muted: Voices that are not heard.
        hint: More words about the note under the pointer, "" for none.
        gesture: What the pointer is doing, None while it does nothing.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = NoteTable()
        self.editor = RollEditor(self)
        self.loop: tuple[float, float] | None = None
        self.looped = False
        self.muted: frozenset[int] = frozenset()
        self.hint = ""
        self.gesture: Showing | None = None
        self._take: Take | None = None
        self._chance_N = np.empty(0)
        self._shades: Shades | None = None
        self._position = 0.0
        self._playing = False
        self._hover: Note | None = None
        self._outlined: Note | None = None
        self._edited = False
        self._ring = False
        self._pace = Pace()
        self._told = ""
        self._untell = QTimer(self, interval=_TOLD_MS, singleShot=True)
        self._untell.timeout.connect(self._forget_told)
        self.editor.changed.connect(self.repaint_all)
        self.editor.refused.connect(self.tell)
        self.editor.edit_wanted.connect(self.stay)

    # What is shown

    def set_take(self, take: Take | None) -> None:
        """Show a tune; of one that is being written, the newest end stays in sight.

        One that comes of an edit stays where it is in view, its changed notes selected.
        """
        if take is self._take:
            return
        grows, edited = same_text(self._take, take), self._edited
        self._take, self._hover, self.gesture, self._edited = take, None, None, False
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
        lit = lit[~np.isin(self.table.voice_N[lit], list(self.muted))]
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
        gesture = self.gesture
        if gesture is None:
            return
        notepaint.paint_ghosts(painter, frame, gesture.ghosts)
        if self.editor.lane == "velocity":
            accent = theme().color("accent")
            stems = [(float(note.start), note.velocity, accent) for note in gesture.ghosts]
            notepaint.paint_stems(painter, frame, stems)
        if gesture.band is not None:
            notepaint.paint_band(painter, frame, gesture.band)

    def _paint_marks(self, painter: QPainter, frame: RollFrame, take: Take) -> None:
        outlined = self._hover or self._outlined
        idle = self.gesture is None or not self.gesture.moved
        if outlined is not None and idle:
            notepaint.paint_outline(painter, frame, outlined)
        if not take.done:
            end = float(take.score.end_beats)
            rollpaint.paint_unwritten(painter, frame, end, self._pace.words())
        else:
            rollpaint.paint_playhead(painter, frame, self._position)
        if outlined is not None and idle:
            rect = frame.note_rect(outlined)
            words = [note_words(take, outlined), f"velocity {outlined.velocity}", self.hint]
            place = QPointF(rect.right() + 8, rect.top() - 28)
            rollpaint.paint_chip(painter, place, " · ".join(filter(None, words)), frame)

    def _still_picture(self, frame: RollFrame) -> QPixmap:
        """Return everything but what moves; painted once for take, place, size and theme."""
        ratio = self.devicePixelRatioF()
        lifted = self.gesture.lifted if self.gesture is not None else frozenset()
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
        chosen = (self.editor.selected - lifted) & set(seen.tolist())
        notepaint.paint_selected(painter, frame, table.pick(chosen))
        if self.editor.lane == "velocity":
            notepaint.paint_stems(painter, frame, self._stems(seen, shades))
        else:
            notepaint.paint_chances(painter, frame, table, self._chance_N, seen, plain)

    def _stems(self, seen: Indices, shades: Shades) -> list[tuple[float, int, QColor]]:
        """Return the stems of notes in their colours; those that are selected lie on top."""
        chosen = np.isin(seen, list(self.editor.selected))
        accent, unknown = theme().color("accent"), theme().color("border")
        colours = [brush.color() for brush in shades.brushes]
        starts, louds = self.table.start_N, self.table.velocity_N
        plain = [
            (starts[n], louds[n], unknown if place < 0 else colours[place])
            for n, place in zip(seen[~chosen], shades.place_N[seen[~chosen]], strict=True)
        ]
        return [*plain, *((starts[n], louds[n], accent) for n in seen[chosen])]

    def _plain_shades(self) -> Shades:
        return by_probability(self.table, self._chance_N)
