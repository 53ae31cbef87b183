"""Scores from MIDI files and back. The parts: midi_events, midi_reading, midi_writing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqstudio.core.errors import DataError, MusicError
from seqstudio.core.files import read_bytes, write_atomic
from seqstudio.music.midi_events import LARGEST_BYTES, parse_midi
from seqstudio.music.midi_reading import LONGEST_S, score_of
from seqstudio.music.midi_writing import TICKS_PER_BEAT, midi_bytes

if TYPE_CHECKING:
    from seqstudio.music.score import Score

__all__ = [
    "LONGEST_S",
    "TICKS_PER_BEAT",
    "MidiReading",
    "midi_bytes",
    "open_midi",
    "read_midi",
    "write_midi",
]


@dataclass(frozen=True, slots=True)
class MidiReading:
    """A score and what was wrong with its file, in sentences without full stop."""

    score: Score
    warnings: tuple[str, ...]


def read_midi(source: bytes | str | Path) -> Score:
    """Return the score of a MIDI file; see `open_midi`."""
    return open_midi(source).score


def open_midi(source: bytes | str | Path, *, pedal: bool = True) -> MidiReading:
    """Read a MIDI file tolerantly.

    Every track, channel and program becomes a voice, in the order of the file; channel 10 holds
    drums. A file without metre is in 4/4, as the standard says; a first bar that is shorter than
    those of the metre behind it is a pickup. The tracks of a type 2 file follow one another.
    Notes that carry the same channel and pitch end in the order in which they began.

    Args:
        source: The bytes of a file, or where it is.
        pedal: Whether notes last as long as the sustain pedal holds them, which is what one
            hears, instead of as long as their keys are down.

    Raises:
        MusicError: It is no MIDI file, cannot be read, or lasts longer than 24 hours.
    """
    if isinstance(source, bytes):
        song = parse_midi(source)
    else:
        try:
            song = parse_midi(read_bytes(Path(source), LARGEST_BYTES))
        except DataError as error:
            raise MusicError(error.what, error.why, error.hint) from error
    score = score_of(song, pedal=pedal)
    return MidiReading(score, tuple(song.warnings))


def write_midi(score: Score, path: str | Path) -> None:
    """Write a score as a MIDI file; see `midi_bytes`.

    Raises:
        StorageError: The file cannot be written; an old one stays.
    """
    write_atomic(Path(path), midi_bytes(score))
