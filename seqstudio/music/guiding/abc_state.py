"""Places in a tune in ABC: all that decides which character may come next. Immutable, hashable."""

from __future__ import annotations

from typing import Literal, NamedTuple

from seqstudio.music.keys import LETTERS, SEMITONES

UNIT = 48
"""Ticks of the unit note L:, so that quarters of it, halves of those and thirds are whole."""

Alters = tuple[int | None, ...]
"""Alteration of each letter, C to B, in the bar that goes on; None as the key has it."""
CLEAN: Alters = (None,) * 7

Lexical = Literal[
    "line",  # after a line break, nothing on the line yet
    "gap",  # between two things
    "sign",  # an accidental waits for its letter
    "note",  # a letter, octave marks may follow
    "length",  # a length may go on
    "chord",  # between [ and ], or at its beginning
    "(",  # a slur, or the beginning of a tuplet
    "mark",  # a decoration waits for its note
    "broken",  # > or < waits for its note
    "text",  # between quotation marks
    "bar",  # a bar sign that may go on
    "open",  # a bar sign at the beginning of a line, to be |:
    "break",  # an exclamation mark waits for the end of its line
    "insert",  # a field that has to be written as it is
    "end",  # the piece is complete
]


class Body(NamedTuple):
    """A place behind the header.

    Attributes:
        at: What has just been read.
        full: Ticks of a bar, 0 in free metre.
        left: Ticks of the bar that are not filled.
        key: Alteration of each letter by the key signature.
        tonic: Pitch class of the tonic, -1 without.
        to_go: Bars until the end, the one that goes on included; 0 is open, 3 many, -1 none.
        alters: Accidentals of this bar.
        events: Whether the bar has a note or rest.
        first: No bar has been closed yet.
        pickup: Ticks of the pickup, 0 without.
        short: The bar before left the pickup's time open.
        tuplet: Notes that a tuplet still has to come, and the time of so many for its number.
        factor: Halves by which a broken rhythm lengthens the next note, 2 for none.
        last: Ticks of the event before in this bar, 0 where none may be changed.
        on_tonic: The last note was the tonic.
        rested: The last event was a rest.
        quiet: Characters in a row that are no music.
        text: What the characters of an unfinished sign are so far.
        letter: Letter of the note that is being written, -1 for a rest or chord.
        octave: Its octave.
        alter: Its accidental, None as the bar has it.
        members: Notes of the chord so far.
        closes: The bar sign has to close a part.
        counted: The bar that was closed last was none of those that are short for a pickup.
    """

    at: Lexical
    full: int
    left: int
    key: tuple[int, ...]
    tonic: int
    to_go: int = 0
    alters: Alters = CLEAN
    events: bool = False
    first: bool = True
    pickup: int = 0
    short: bool = False
    tuplet: tuple[int, int, int] = (0, 1, 1)
    factor: int = 2
    last: int = 0
    on_tonic: bool = False
    rested: bool = True
    quiet: int = 0
    text: str = ""
    letter: int = -1
    octave: int = 0
    alter: int | None = None
    members: int = 0
    closes: bool = False
    counted: bool = False

    @property
    def pitch(self) -> int:
        """Pitch of the note that is being written, as it sounds."""
        return pitch_of(self, self.letter, self.octave, self.alter)


def pitch_of(place: Body, letter: int, octave: int, alter: int | None) -> int:
    """Return the pitch that a letter with its accidental means at a place."""
    if alter is None:
        alter = place.alters[letter]
    if alter is None:
        alter = place.key[letter]
    return 12 * (octave + 1) + SEMITONES[letter] + alter


def letter_of(char: str) -> tuple[int, int]:
    """Return letter (0 = C) and octave of the name of a note."""
    return LETTERS.index(char.upper()), 4 if char.isupper() else 5


class Head(NamedTuple):
    """A place in the header.

    Attributes:
        line: The line so far.
        meter: Metre that the header gave, "" before.
        unit: Value of L:, "" before.
        lines: Lines so far.
    """

    line: str = ""
    meter: str = ""
    unit: str = ""
    lines: int = 0


Place = Head | Body
