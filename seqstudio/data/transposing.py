"""More music out of what there is: other keys, other tempos."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.data.tunebook import KEYS
from seqstudio.music.codings.words import PITCHES, TEMPOS_BPM, name_of, tempo_class
from seqstudio.music.keys import fifths_of_transposition, parse_key, transposed_key
from seqstudio.music.score import DEFAULT_TEMPO_BPM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.music.score import Score

_NUMBER = re.compile(r"p(\d{1,3}) ")
_HEAD = re.compile(r"(?:piece|m\d+/\d+|k\S+) ")


def moved_key(name: str, semitones: int) -> str:
    """Return the name of a key so many semitones up."""
    key = parse_key(name)[0]
    return transposed_key(key, fifths_of_transposition(key, semitones)).name


def moved_pitch(pitch: int, semitones: int) -> int:
    """Return a pitch so many semitones up; at the ends of the range in the octave before."""
    moved = pitch + semitones
    return moved - 12 if moved > 127 else moved + 12 if moved < 0 else moved


def moved_token(token: str, semitones: int) -> str:
    """Return what a token of events or of four voices becomes in a key so many semitones up."""
    word, number = token.strip(), _NUMBER.fullmatch(token)
    if number:
        return f"p{moved_pitch(int(number[1]), semitones)} "
    if word in PITCHES:
        return f"{name_of(moved_pitch(PITCHES[word], semitones))} "
    if word[:1] == "k":
        return f"k{moved_key(word[1:].replace('-', ' '), semitones).replace(' ', '-')} "
    return token


def moved_score(score: Score, semitones: int) -> Score:
    """Return a score so many semitones up; drums stay."""
    drums = {track.voice for track in score.tracks if track.drums}
    notes = tuple(
        note if note.voice in drums else replace(note, pitch=moved_pitch(note.pitch, semitones))
        for note in score.notes
    )
    return replace(score, notes=notes, key=moved_key(score.key, semitones))


def other_tempo(ids: NDArray[np.int64], table: dict[str, int], classes: int) -> NDArray[np.int64]:
    """Return a piece of events with its first tempo some classes faster.

    Args:
        ids: Numbers of its tokens (n,).
        table: Number of every symbol; a tempo that is new is added.
        classes: How many classes; below zero slower, 0 changes nothing.
    """
    if not classes or not len(ids):
        return ids
    symbols, place = _names(ids[:5], table), 0
    while place < len(symbols) and _HEAD.fullmatch(symbols[place]):
        place += 1
    told = symbols[place] if place < len(symbols) else ""
    has_tempo = told[:1] == "t"
    was = float(told[1:]) if has_tempo else DEFAULT_TEMPO_BPM
    at = TEMPOS_BPM.index(tempo_class(was)) + classes
    tempo = TEMPOS_BPM[min(max(at, 0), len(TEMPOS_BPM) - 1)]
    new = [] if tempo == DEFAULT_TEMPO_BPM else [table.setdefault(f"t{tempo} ", len(table))]
    head, rest = ids[:place], ids[place + has_tempo :]
    return np.concatenate([head, np.array(new, np.int64), rest])


def _names(ids: NDArray[np.int64], table: dict[str, int]) -> list[str]:
    wanted = {int(number) for number in ids}
    found = {number: symbol for symbol, number in table.items() if number in wanted}
    return [found[int(number)] for number in ids]


__all__ = ["KEYS", "moved_key", "moved_pitch", "moved_score", "moved_token", "other_tempo"]
