"""One voice of an ABC tune while it is read: its bars, and how they are played."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from seqstudio.music.abc_form import WrittenBar, WrittenNote, full_bars, play_order
from seqstudio.music.score import Note

if TYPE_CHECKING:
    from seqstudio.music.keys import Accidentals


_MOST_TEMPOS = 1_000


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar as written.

    Attributes:
        start: Onset of its first playing, in beats.
        length: Length of what is written in it, in beats.
        expected: Length that the metre asks for in beats, None in free metre.
        complete: Whether it fills the metre; pickups and their counterparts at repeats do.
        voice: Number of the voice that it belongs to.
    """

    start: Fraction
    length: Fraction
    expected: Fraction | None
    complete: bool
    voice: int = 0


#: Pitch, share of the event's length, whether a tie follows, character range.
SoundingNote: TypeAlias = tuple[int, Fraction, bool, tuple[int, int]]


@dataclass(slots=True)
class Event:
    """A note, chord or rest (no notes) in the bar being read; `length` in beats."""

    length: Fraction
    notes: list[SoundingNote]


@dataclass(slots=True)
class Voice:
    """Reading state and finished bars of one voice.

    Attributes:
        name: Value of V:, "" for music before any V:.
        accidentals: What letters mean at this place.
        meter: Metre in force, None for free metre.
        unit: Value of L: in whole notes, None for the default of the metre.
        shift: Semitones that octave=, transpose= and octave clefs add to what is written.
        opening_meter: Metre of the first bar.
        part: Part that P: says begins here, or "".
        layers: Events of the bar being read; "&" begins another layer at its beginning.
    """

    name: str
    accidentals: Accidentals
    meter: tuple[int, int] | None
    unit: Fraction | None
    shift: int = 0
    bars: list[WrittenBar] = field(default_factory=list)
    layers: list[list[Event]] = field(default_factory=lambda: [[]])
    opens_repeat: bool = False
    endings: tuple[int, ...] = ()
    tuplet: Fraction = Fraction(1)
    tuplet_left: int = 0
    next_factor: Fraction | None = None
    opening_meter: tuple[int, int] | None = None
    part: str = ""
    tempo_marks: list[tuple[int, int, float]] = field(default_factory=list)

    @property
    def unit_beats(self) -> Fraction:
        """Length in beats of a note without a number: L:, or the default of the metre."""
        return default_unit_beats(self.meter) if self.unit is None else self.unit * 4

    @property
    def bar_beats(self) -> Fraction | None:
        """Length of a full bar in beats, None in free metre."""
        return None if self.meter is None else Fraction(4 * self.meter[0], self.meter[1])

    @property
    def begun(self) -> bool:
        """Whether the voice has music already."""
        return bool(self.bars or self.layers[0])

    def mark_tempo(self, tempo_bpm: float) -> None:
        """Change the tempo at this place of the bar."""
        self.tempo_marks.append((len(self.layers) - 1, len(self.layers[-1]), tempo_bpm))

    @property
    def last_event(self) -> Event | None:
        """The event before this place in the bar."""
        return self.layers[-1][-1] if self.layers[-1] else None

    def add(self, event: Event) -> None:
        """Put an event into the bar; a tuplet or broken rhythm at work changes its length."""
        if self.tuplet_left:
            event.length *= self.tuplet
            self.tuplet_left -= 1
        if self.next_factor is not None:
            event.length *= self.next_factor
            self.next_factor = None
        self.layers[-1].append(event)

    def close_bar(self) -> None:
        """End the bar; nothing happens but for the accidentals when the bar is empty."""
        self.accidentals.next_bar()
        self.next_factor = None
        if not self.layers[0]:
            return
        if not self.bars:
            self.opening_meter = self.meter
        bar = WrittenBar(
            self.bar_beats,
            opens_repeat=self.opens_repeat,
            endings=self.endings,
            part=self.part,
            tempos=self._tempos_of_bar(),
        )
        for layer in self.layers:
            bar.length = max(bar.length, _place(layer, bar.notes))
        self.bars.append(bar)
        self.layers = [[]]
        self.opens_repeat, self.endings = False, ()

    def _tempos_of_bar(self) -> list[tuple[Fraction, float]]:
        # By number of events, since a broken rhythm may still have changed the one before.
        if not self.tempo_marks:
            return []
        ends = [
            list(accumulate((each.length for each in layer), initial=Fraction(0)))
            for layer in self.layers
        ]
        found = [(ends[layer][count], bpm) for layer, count, bpm in self.tempo_marks]
        self.tempo_marks = []
        return found

    def mark_bar_line(self, line: str) -> None:
        """Take the meaning of a bar line behind the last closed bar."""
        only_colons = not line.strip(":")
        repeats = 1 if only_colons else len(line) - len(line.lstrip(":"))
        if self.bars:
            last = self.bars[-1]
            last.repeats_after = max(last.repeats_after, min(repeats, 15))
            last.closes_part = last.closes_part or any(sign in line for sign in ("||", "]", "["))
        self.opens_repeat = self.opens_repeat or line.endswith(":")

    def perform(self, number: int, parts: str = "") -> Performance:
        """Write out the repeats, join the ties and place everything on the line of beats.

        Args:
            number: Number of the voice.
            parts: Order of the parts as the header has it, or "".
        """
        order = play_order(self.bars, parts)
        starts = []
        at = Fraction(0)
        for index in order:
            starts.append(at)
            at += self.bars[index].length
        notes = _played(self.bars, order, starts, number)
        bars = _finished_bars(self.bars, order, starts, number)
        tempos = [
            (start + offset, tempo_bpm)
            for index, start in zip(order, starts, strict=True)
            for offset, tempo_bpm in self.bars[index].tempos
        ]
        return Performance(notes, bars, tuple(starts), at, tempos)


@dataclass(frozen=True, slots=True)
class Performance:
    """A voice as played: notes, written bars, onsets of the played bars, end, all in beats.

    `tempos` has (beat, quarter notes a minute) wherever the voice names a tempo.
    """

    notes: list[Note]
    bars: list[Bar]
    bar_starts: tuple[Fraction, ...]
    end: Fraction
    tempos: list[tuple[Fraction, float]]


def default_unit_beats(meter: tuple[int, int] | None) -> Fraction:
    """Return the length of an unmarked note: a sixteenth below three quarters, else an eighth."""
    short = meter is not None and Fraction(*meter) < Fraction(3, 4)
    return Fraction(1, 4) if short else Fraction(1, 2)


def tempo_changes(
    tempo_bpm: float, played: list[Performance], end: Fraction
) -> tuple[tuple[Fraction, float], ...]:
    """Return the changes of the tempo; of several voices at one beat the first counts.

    Args:
        tempo_bpm: Tempo of the beginning.
        played: The voices.
        end: End of the tune in beats.
    """
    marks: dict[Fraction, float] = {}
    for part in played:
        for beat, bpm in part.tempos:
            marks.setdefault(beat, bpm)
    changes: list[tuple[Fraction, float]] = []
    for beat in sorted(marks):
        before = changes[-1][1] if changes else tempo_bpm
        if 0 < beat < end and marks[beat] != before and len(changes) < _MOST_TEMPOS:
            changes.append((beat, marks[beat]))
    return tuple(changes)


def _place(layer: list[Event], notes: list[WrittenNote]) -> Fraction:
    """Add the notes of a layer to a bar and return the length of the layer in beats."""
    at = Fraction(0)
    for event in layer:
        for pitch, share, tied, source in event.notes:
            notes.append(WrittenNote(pitch, at, event.length * share, tied, source))
        at += event.length
    return at


def _played(
    bars: list[WrittenBar], order: list[int], starts: list[Fraction], voice: int
) -> list[Note]:
    """Return the sounding notes of a voice, ties joined."""
    sounding: list[tuple[WrittenNote, Fraction, Fraction]] = []  # head, onset, length
    waiting: dict[int, int] = {}  # pitch -> index of a note that a tie continues
    for index, bar_start in zip(order, starts, strict=True):
        for note in bars[index].notes:
            onset = bar_start + note.offset
            at = waiting.pop(note.pitch, -1)
            if at >= 0 and sounding[at][1] + sounding[at][2] == onset:
                head, first, length = sounding[at]
                sounding[at] = (head, first, length + note.length)
            else:
                at = len(sounding)
                sounding.append((note, onset, note.length))
            if note.tied:
                waiting[note.pitch] = at
    return [
        Note(head.pitch, onset, length, voice=voice, source=head.source)
        for head, onset, length in sounding
    ]


def _finished_bars(
    bars: list[WrittenBar], order: list[int], starts: list[Fraction], voice: int
) -> list[Bar]:
    first: dict[int, Fraction] = {}
    for index, start in zip(order, starts, strict=True):
        first.setdefault(index, start)
    full = full_bars(bars, order)
    return [
        Bar(first[index], bar.length, bar.expected, full[index], voice)
        for index, bar in enumerate(bars)
    ]
