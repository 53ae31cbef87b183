"""Clefs: which one a voice is written in, and which line a note stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seqstudio.music.keys import Spelled


@dataclass(frozen=True, slots=True)
class Clef:
    """A clef.

    Attributes:
        name: "treble", "bass" or "tenor" (treble, sounding an octave lower).
        sign: "G" or "F", as in MusicXML.
        line: Its line from the bottom, from 1.
        octave: Octaves that notes sound above what is written.
        bottom: Step of the lowest line: 7 for each octave, C = 0, of the sounding note.
        lowest: Pitches that need no ledger line reach from here ...
        highest: ... to here.
    """

    name: str
    sign: str
    line: int
    octave: int
    bottom: int
    lowest: int
    highest: int

    def step(self, spelled: Spelled) -> int:
        """Return the place of a note in half staff spaces, 0 is the lowest line."""
        return 7 * spelled.octave + spelled.letter - self.bottom


TREBLE = Clef("treble", "G", 2, 0, 7 * 4 + 2, 62, 79)
BASS = Clef("bass", "F", 4, 0, 7 * 2 + 4, 41, 59)
TENOR = Clef("tenor", "G", 2, -1, 7 * 3 + 2, 50, 67)
_RELUCTANCE = {"treble": 0.0, "bass": 0.0, "tenor": 0.6}


def clef_for(pitches: Iterable[int]) -> Clef:
    """Return the clef in which pitches need the fewest ledger lines; treble for none."""
    kept = list(pitches)
    if not kept:
        return TREBLE

    def cost(clef: Clef) -> float:
        outside = (max(clef.lowest - p, p - clef.highest, 0) for p in kept)
        return sum(outside) / len(kept) + _RELUCTANCE[clef.name]

    return min((TREBLE, BASS, TENOR), key=cost)
