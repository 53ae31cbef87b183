"""`RollEditor`: what is selected in a roll, what is copied, and every edit that it can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction

from PySide6.QtCore import QObject, Signal

from seqstudio.music import edits
from seqstudio.music.edits import GRIDS, Clip, Edited, Grid
from seqstudio.music.score import DEFAULT_VELOCITY, Note, Score
from seqstudio.studio.listen.note_table import NoteTable

TOOLS = (("select", "Select"), ("draw", "Draw"))
LANES = (("velocity", "Velocity"), ("probability", "Probability"))
WRITING = "A tune that is being written cannot be edited. Wait until it is finished."
_MIDDLE = 67
_LOUDER = 8


class RollEditor(QObject):
    """Selection, clipboard, grid and tool of a roll; edits leave it as scores.

    Attributes:
        score: What is edited.
        table: Its notes.
        selected: Numbers of the notes that are selected.
        tool: "select" or "draw".
        lane: "velocity" or "probability": what stands below the notes.
        grid: Where notes snap to.
        strength: Share of the way that quantising pulls notes, 0 to 1.
        voice: The track that is drawn into.
        refusal: Why nothing can be edited, "" when it can.

    Signals:
        changed: Selection, tool, lane, grid or track is another one.
        edit_wanted(object, str): the next `Score`, and what was done in words.
        undo_wanted, redo_wanted: one edit back, or on again.
        heard(object): a `Note` to be sounded for a moment.
        refused(str): an edit was wanted that cannot be; the reason.
    """

    changed = Signal()
    edit_wanted = Signal(object, str)
    undo_wanted = Signal()
    redo_wanted = Signal()
    heard = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.score = Score()
        self.table = NoteTable()
        self.selected: frozenset[int] = frozenset()
        self.tool = "select"
        self.lane = "probability"
        self.grid = next(grid for grid in GRIDS if grid.key == "1/16")
        self.strength = 1.0
        self.voice = 0
        self.refusal = ""
        self.playhead: Fraction = Fraction(0)
        self._own_lane = False
        self._clip: Clip | None = None
        self._wanted: tuple[Note, ...] | None = None
        self._last = (_MIDDLE, Fraction(0), DEFAULT_VELOCITY)

    # What is edited

    def take_score(self, score: Score, table: NoteTable, *, kept: bool) -> None:
        """Take the next score; after an edit its notes are selected.

        Args:
            score: The score.
            table: Its notes.
            kept: Whether it is the same tune, edited; the selection of another one is forgotten.
        """
        before = self._wanted
        if before is None and kept:  # an edit was taken back: what it had changed is selected
            before = _changed(self.table.notes, table.notes) or self.notes
        self._wanted = None
        self.score, self.table = score, table
        if self.voice not in edits.voices_of(score):
            self.voice = edits.voices_of(score)[0]
        self.selected = table.found(before or ()) if kept else frozenset()
        self.changed.emit()

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes that are selected."""
        return self.table.pick(self.selected)

    @property
    def has_clip(self) -> bool:
        """Whether something can be pasted."""
        return self._clip is not None

    @property
    def span(self) -> tuple[Fraction, Fraction] | None:
        """From the first onset to the last release of what is selected, None without."""
        notes = self.notes
        if not notes:
            return None
        return min(note.start for note in notes), max(note.end for note in notes)

    # Selecting

    def select(self, numbers: Iterable[int]) -> None:
        """Select notes by number, and nothing else."""
        chosen = frozenset(map(int, numbers))
        if chosen != self.selected:
            self.selected = chosen
            self.changed.emit()

    def toggle(self, number: int) -> None:
        """Add a note to the selection, or take it out."""
        self.select(self.selected ^ {number})

    def select_all(self) -> None:
        """Select every note."""
        self.select(range(len(self.table)))

    def select_none(self) -> None:
        """Select nothing."""
        self.select(())

    def step(self, by: int, *, more: bool = False) -> None:
        """Select the next note or the one before; with `more` beside those that are selected."""
        count = len(self.table)
        if not count:
            return
        edge = (max if by > 0 else min)(self.selected, default=-1 if by > 0 else count)
        number = min(count - 1, max(0, edge + by))
        self.select(self.selected | {number} if more else {number})
        self.heard.emit(self.table.notes[number])

    # Settings

    def set_tool(self, tool: str) -> None:
        """Choose what a press on empty ground does."""
        self._set("tool", tool)

    def set_lane(self, lane: str) -> None:
        """Choose what stands below the notes."""
        self._own_lane = True
        self._set("lane", lane)

    def suggest_lane(self, known: bool) -> None:
        """Show probabilities below where there are any, unless the person has chosen."""
        if not self._own_lane:
            self._set("lane", "probability" if known else "velocity")

    def set_grid(self, grid: Grid) -> None:
        """Choose where notes snap to."""
        self._set("grid", grid)

    def set_voice(self, voice: int) -> None:
        """Choose the track that is drawn into."""
        self._set("voice", voice)

    def _set(self, name: str, value: object) -> None:
        if getattr(self, name) != value:
            setattr(self, name, value)
            self.changed.emit()

    # Edits

    def apply(self, edited: Edited, label: str) -> None:
        """Ask for a score in the place of this one; its notes will be selected."""
        if self.refusal:
            self.refused.emit(self.refusal)
        elif edited.score is not self.score and edited.score != self.score:
            self._wanted = edited.notes
            self.edit_wanted.emit(edited.score, label)

    def _change(self, change: Callable[[Score, tuple[Note, ...]], Edited], label: str) -> None:
        if self.selected:
            self.apply(change(self.score, self.notes), label)

    def draw(self, note: Note) -> None:
        """Put a note in, and remember it for the next one."""
        self._last = note.pitch, note.length, note.velocity
        self.apply(edits.add(self.score, [note]), "Draw a note")

    def new_note(self, pitch: int, beats: float, *, snap: bool = True) -> Note:
        """Return the note that a press at a place would draw: as long as a step of the grid."""
        grid = self.grid if snap else edits.FREE
        start = grid.before(self.score, beats)
        length = grid.length(self.score, start)
        velocity = self._last[2]
        return Note(min(127, max(0, pitch)), start, length, velocity, self.voice)

    def insert(self) -> Note | None:
        """Draw a note at the playhead, as high as the one that is selected or was drawn last.

        Returns:
            The note, None where nothing can be drawn.
        """
        pitch = self.notes[-1].pitch if self.selected else self._last[0]
        note = self.new_note(pitch, float(self.playhead))
        self.draw(note)
        if self.refusal:
            return None
        self.heard.emit(note)
        return note

    def delete(self) -> None:
        """Take out what is selected."""
        self._change(edits.remove, "Delete notes")

    def transpose(self, semitones: int) -> None:
        """Move what is selected up or down, and let it be heard."""
        self._change(
            lambda score, notes: edits.transpose(score, notes, semitones), "Transpose notes"
        )
        if self.selected and not self.refusal:
            self.heard.emit(self.notes[0])

    def nudge(self, steps: int) -> None:
        """Move what is selected by steps of the grid."""
        by = steps * self._step()
        self._change(lambda score, notes: edits.move(score, notes, by), "Move notes")

    def stretch(self, steps: int) -> None:
        """Make what is selected longer or shorter by steps of the grid."""
        by = steps * self._step()
        self._change(lambda score, notes: edits.resize(score, notes, by), "Change lengths")

    def _step(self) -> Fraction:
        return self.grid.length(self.score, self.span[0] if self.span else 0)

    def louder(self, steps: int) -> None:
        """Make what is selected louder or softer."""
        self._change(
            lambda score, notes: edits.set_velocity(
                score, notes, lambda note: note.velocity + steps * _LOUDER
            ),
            "Change velocities",
        )

    def quantise(self) -> None:
        """Pull what is selected, or else everything, to the grid."""
        notes = self.notes or self.table.notes
        grid = self.grid
        if grid.free:
            self.refused.emit("The grid is off. Choose one to quantise to.")
        else:
            edited = edits.quantise(self.score, notes, grid, self.strength)
            kept = edited.notes if self.selected else ()
            self.apply(replace(edited, notes=kept), f"Quantise to {grid.title.lower()}")

    def to_track(self, voice: int) -> None:
        """Give what is selected to a track."""
        self._change(lambda score, notes: edits.set_voice(score, notes, voice), "Change track")

    # Copies

    def copy(self) -> None:
        """Keep a copy of what is selected."""
        if self.selected:
            self._clip = edits.clip_of(self.notes)

    def cut(self) -> None:
        """Keep a copy of what is selected and take it out."""
        self.copy()
        self._change(edits.remove, "Cut notes")

    def paste(self) -> None:
        """Put what was copied at the playhead, on the grid."""
        if self._clip is not None:
            at = self.grid.near(self.score, self.playhead)
            self.apply(edits.paste(self.score, self._clip, at), "Paste notes")

    def duplicate(self) -> None:
        """Put a copy of what is selected right behind it."""
        self._change(
            lambda score, notes: edits.duplicate(score, notes, self.grid), "Duplicate notes"
        )


def _changed(before: Iterable[Note], after: Iterable[Note]) -> tuple[Note, ...]:
    """Return the notes that were not there before, whatever text wrote them."""
    known = {replace(note, source=None) for note in before}
    return tuple(note for note in after if replace(note, source=None) not in known)
