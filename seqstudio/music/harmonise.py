"""Alto, tenor and bass to a melody, by rule: the cheapest way through chords and their voicings.

On every beat a chord is chosen that holds the melody's note there, and a place for each lower
voice: within its range, not crossing, no wider than an octave between the upper three. What a
choice costs: how far the chord lies from the key, melody notes of the beat that it does not hold,
how far the voices move, parallel fifths and octaves (never where it can be helped), sevenths that
do not fall, a close that is not dominant to tonic. The cheapest row of choices is found by dynamic
programming, in time linear in the beats; the same melody always gets the same voices.

Source: Ebcioğlu 1988, "An expert system for harmonizing four-part chorales" (the rules); the
costs are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.music.keys import parse_key
from seqstudio.music.score import Note, Score, Track

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Costs = NDArray[np.float64]

RANGES = ((60, 81), (53, 74), (47, 69), (38, 62))
"""Lowest and highest pitch of soprano, alto, tenor and bass. The melody is moved by octaves
into the first; what still lies outside stays there."""

_KINDS = ((0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 4, 7, 10))
_MAJOR, _MINOR, _DIMINISHED, _SEVENTH = range(4)
# Cost of a chord by (semitones above the tonic, kind); what is not named costs _FOREIGN and
# as much again for every note that is not of the scale.
_IN_MAJOR = {
    (0, _MAJOR): 0.0, (7, _MAJOR): 0.2, (5, _MAJOR): 0.3, (2, _MINOR): 0.5, (9, _MINOR): 0.5,
    (4, _MINOR): 1.0, (7, _SEVENTH): 0.5, (11, _DIMINISHED): 1.2, (2, _MAJOR): 1.6,
    (2, _SEVENTH): 1.8,
}  # fmt: skip
_IN_MINOR = {
    (0, _MINOR): 0.0, (7, _MAJOR): 0.2, (5, _MINOR): 0.3, (8, _MAJOR): 0.5, (3, _MAJOR): 0.5,
    (10, _MAJOR): 0.6, (7, _SEVENTH): 0.5, (2, _DIMINISHED): 1.2, (7, _MINOR): 1.2,
    (0, _MAJOR): 2.0,
}  # fmt: skip
_FOREIGN = 1.0
_MOST_STATES = 40
_PARALLEL = 50.0
_UNCOVERED = 1.5
_CLOSE = 8.0
_PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


@dataclass(frozen=True, eq=False)
class _States:
    """What may sound under one melody note.

    Attributes:
        pitches: Soprano to bass (S, 4).
        root: Semitones of the chord's root above the tonic (S,).
        seventh: Whether the chord has a seventh (S,).
        holds: Whether the chord holds each pitch class (S, 12).
        bass_is_root: (S,).
        cost: Of the chord and its places alone (S,).
    """

    pitches: NDArray[np.int64]
    root: NDArray[np.int64]
    seventh: NDArray[np.bool_]
    holds: NDArray[np.bool_]
    bass_is_root: NDArray[np.bool_]
    cost: Costs


@dataclass(frozen=True)
class _Beat:
    """A beat: its borders, the melody's pitch on it, and how long each pitch class sounds."""

    start: Fraction
    end: Fraction
    pitch: int
    classes: tuple[tuple[int, Fraction], ...]
    begins_bar: bool


def is_melody(score: Score) -> bool:
    """Return whether a score has one voice with one note at a time."""
    notes = score.notes
    one_voice = len(score.voices) == 1
    return one_voice and all(a.end <= b.start for a, b in pairwise(notes))


def harmonise(score: Score) -> Score:
    """Return a melody with alto, tenor and bass: voices 0 to 3.

    Args:
        score: One voice, one note at a time; its key and bars are taken as they are.
    """
    score = _in_range(score)
    key = parse_key(score.key)[0]
    tonic = 7 * (key.tonic or 0) % 12
    minor = ((tonic + 3) % 12) in _scale(key.signature)
    found: list[Note] = []
    for phrase in _phrases(_beats(score)):
        states = [_states(beat.pitch, tonic, minor, key.signature) for beat in phrase]
        found += _sounding(phrase, _cheapest(phrase, states))
    melody = [replace(note, voice=0) if note.voice else note for note in score.notes]
    names = ("Soprano", "Alto", "Tenor", "Bass")
    tracks = tuple(Track(voice, name) for voice, name in enumerate(names))
    return replace(score, notes=(*melody, *found), tracks=tracks)


def _scale(signature: int) -> frozenset[int]:
    return frozenset(7 * fifths % 12 for fifths in range(signature - 1, signature + 6))


def _in_range(score: Score) -> Score:
    """Move a melody by whole octaves so that most of it lies in the soprano's range."""
    low, high = RANGES[0]
    pitches = sorted(note.pitch for note in score.notes)
    if not pitches:
        return score
    middle = (pitches[0] + pitches[-1]) / 2
    shift = 12 * round(((low + high) / 2 - 1 - middle) / 12)
    if not shift:
        return score
    return replace(score, notes=tuple(replace(n, pitch=n.pitch + shift) for n in score.notes))


# Beats


def _beats(score: Score) -> list[_Beat]:
    compound = score.meter is not None and score.meter[1] == 8 and score.meter[0] % 3 == 0
    beat = Fraction(3, 2) if compound else Fraction(1)
    starts = list(score.bar_starts) or [Fraction(0)]
    if starts[0] > 0:
        starts.insert(0, Fraction(0))
    found: list[_Beat] = []
    at = 0
    for order, (start, end) in enumerate(zip(starts, [*starts[1:], score.end_beats], strict=True)):
        for begin, stop in _cuts(start, end, beat, pickup=order == 0):
            while at < len(score.notes) and score.notes[at].end <= begin:
                at += 1
            made = _beat(score.notes, at, begin, stop, begins_bar=begin == start)
            found += [made] if made else []
    return found


def _cuts(
    start: Fraction, end: Fraction, beat: Fraction, *, pickup: bool
) -> list[tuple[Fraction, Fraction]]:
    """Cut a bar into beats; a part of a beat stands first in a pickup, else last."""
    short = (end - start) % beat if pickup else Fraction(0)
    borders = [start, *([start + short] if short else [])]
    while borders[-1] + beat < end:
        borders.append(borders[-1] + beat)
    borders.append(end)
    return [(a, b) for a, b in pairwise(borders) if a < b]


def _beat(
    notes: Sequence[Note], at: int, start: Fraction, end: Fraction, *, begins_bar: bool
) -> _Beat | None:
    """Return a beat, None where the melody rests through it."""
    weights: dict[int, Fraction] = {}
    first: Note | None = None
    while at < len(notes) and notes[at].start < end:
        note = notes[at]
        share = (min(note.end, end) - max(note.start, start)) / (end - start)
        weights[note.pitch % 12] = weights.get(note.pitch % 12, Fraction(0)) + share
        first, at = first or note, at + 1
    if first is None:
        return None
    begin = max(start, first.start)
    return _Beat(begin, end, first.pitch, tuple(weights.items()), begins_bar)


def _phrases(beats: list[_Beat]) -> list[list[_Beat]]:
    """Cut where the melody rests for a beat."""
    found: list[list[_Beat]] = []
    for beat in beats:
        if found and found[-1][-1].end == beat.start:
            found[-1].append(beat)
        else:
            found.append([beat])
    return found


# Chords and their places


@lru_cache(maxsize=1024)
def _states(pitch: int, tonic: int, minor: bool, signature: int) -> _States:
    """Return the cheapest chords and places under a melody note."""
    chords = _chords(tonic, minor, _scale(signature))
    # Far outside the range nothing fits below: the voices are placed as an octave nearer.
    nearer = (pitch, pitch + 12, pitch - 12, pitch + 24, pitch - 24, 60 + pitch % 12)
    for soprano in nearer:
        rows = [
            (cost + place_cost, (pitch, *lower), root, kind)
            for root, kind, cost in chords
            for lower, place_cost in _places(soprano, (root + tonic) % 12, kind, tonic)
        ]
        if rows:
            break
    rows = sorted(rows)[:_MOST_STATES]
    classes = [
        {(root + tonic + step) % 12 for step in _KINDS[kind]} for _c, _p, root, kind in rows
    ]
    bass = [pitches[3] % 12 == (root + tonic) % 12 for _c, pitches, root, _k in rows]
    return _States(
        np.array([pitches for _c, pitches, _r, _k in rows]),
        np.array([root for _c, _p, root, _k in rows]),
        np.array([kind == _SEVENTH for _c, _p, _r, kind in rows]),
        np.array([[each in held for each in range(12)] for held in classes]),
        np.array(bass),
        np.array([cost for cost, _p, _r, _k in rows]),
    )


def _chords(tonic: int, minor: bool, scale: frozenset[int]) -> list[tuple[int, int, float]]:
    """Return (semitones above the tonic, kind, cost) of every chord."""
    known = _IN_MINOR if minor else _IN_MAJOR
    found = []
    for root, kind in product(range(12), range(4)):
        tones = [(tonic + root + step) % 12 for step in _KINDS[kind]]
        outside = sum(tone not in scale for tone in tones)
        foreign = _FOREIGN * (1 + 2 * outside) + (kind >= _DIMINISHED)
        # A named chord that the mode alters (the major second step in G mixolydian) costs more.
        named = known.get((root, kind))
        usual = named is not None and (outside == 0 or (minor and root == 7))
        found.append((root, kind, named if named is not None and usual else foreign))
    return found


def _places(
    soprano: int, root: int, kind: int, tonic: int
) -> list[tuple[tuple[int, int, int], float]]:
    """Return alto, tenor and bass of every good way to place a chord, and what it costs."""
    tones = [(root + step) % 12 for step in _KINDS[kind]]
    if soprano % 12 not in tones:
        return []
    found, leading = [], (tonic + 11) % 12
    for alto in _candidates(1, tones, soprano - 12, soprano):
        for tenor in _candidates(2, tones, alto - 12, alto):
            for bass in _candidates(3, tones[:2], tenor - 19, tenor):
                cost = _place_cost((soprano, alto, tenor, bass), tones, leading)
                if cost is not None:
                    found.append(((alto, tenor, bass), cost))
    return found


def _candidates(voice: int, tones: list[int], low: int, high: int) -> list[int]:
    bottom, top = RANGES[voice]
    return [each for each in range(max(bottom, low), min(top, high) + 1) if each % 12 in tones]


def _place_cost(pitches: tuple[int, ...], tones: list[int], leading: int) -> float | None:
    """Return what the places cost: root and third must sound, and a seventh once."""
    counts = [sum(pitch % 12 == tone for pitch in pitches) for tone in tones]
    if not counts[0] or not counts[1] or (len(tones) > 3 and counts[3] != 1):
        return None
    if sum(pitch % 12 == leading for pitch in pitches) > 1:
        return None
    inverted = pitches[3] % 12 != tones[0]
    return 0.6 * inverted + 0.5 * (counts[2] == 0) + 0.5 * (counts[1] > 1) + 0.2 * (counts[2] > 1)


# The way through


def _cheapest(beats: Sequence[_Beat], states: Sequence[_States]) -> list[tuple[int, ...]]:
    """Return soprano to bass of every beat, by dynamic programming."""
    total = _own_cost(beats[0], states[0])
    back: list[NDArray[np.int64]] = []
    for order in range(1, len(beats)):
        step = _step_cost(states[order - 1], states[order])
        if beats[order].begins_bar:
            step = step + 0.4 * (states[order - 1].root[:, None] == states[order].root)
        if order == len(beats) - 1:
            step = step + 2.0 * (states[order - 1].root[:, None] != 7)
        whole = total[:, None] + step
        back.append(whole.argmin(0))
        total = whole.min(0) + _own_cost(beats[order], states[order])
    last = states[-1]
    place = int((total + _CLOSE * ~((last.root == 0) & last.bass_is_root)).argmin())
    row = [place]
    for choice in reversed(back):
        row.append(int(choice[row[-1]]))
    return [
        tuple(int(pitch) for pitch in held.pitches[at])
        for held, at in zip(states, reversed(row), strict=True)
    ]


def _own_cost(beat: _Beat, states: _States) -> Costs:
    cost = states.cost.copy()
    for held, share in beat.classes:
        cost += _UNCOVERED * float(share) * ~states.holds[:, held]
    return cost


@lru_cache(maxsize=1024)
def _step_cost(before: _States, after: _States) -> Costs:
    """Return what going from each state to each other costs (S, S')."""
    old, new = before.pitches[:, None], after.pitches[None]
    moves = new - old
    size = np.abs(moves)
    cost: Costs = 0.15 * (size[..., 1] + size[..., 2]) + 0.06 * size[..., 3]
    cost = cost + 2.0 * ((size[..., 1] > 5) + 0.0 + (size[..., 2] > 5)) + 4.0 * (size[..., 3] > 12)
    for high, low in _PAIRS:
        apart, was = (new[..., high] - new[..., low]) % 12, (old[..., high] - old[..., low]) % 12
        perfect = (apart == was) & ((apart == 0) | (apart == 7))
        cost += _PARALLEL * (perfect & (moves[..., high] != 0) & (moves[..., low] != 0))
    for high, low in ((0, 1), (1, 2), (2, 3)):  # a voice beyond where its neighbour was
        cost += 1.0 * (new[..., low] > old[..., high]) + 1.0 * (new[..., high] < old[..., low])
    return cost + _progress(before, after, moves)


def _progress(before: _States, after: _States, moves: NDArray[np.int64]) -> Costs:
    """Return the cost of one chord after another."""
    up = (after.root[None] - before.root[:, None]) % 12
    cost: Costs = np.where(up == 5, -0.4, 0.0) + 0.3 * (up == 0)
    back = (before.root[:, None] == 7) & ((after.root[None] == 5) | (after.root[None] == 2))
    cost += 1.5 * back
    # A seventh falls by a step or stays; it is ten semitones above its root.
    seventh = (before.pitches - before.pitches[:, 3:]) % 12 == 10
    falls = (moves <= 0) & (moves >= -2)
    wrong = (seventh & before.seventh[:, None])[:, None] & ~falls
    cost += 2.0 * wrong.any(-1)
    return cost


def _sounding(beats: Sequence[_Beat], rows: list[tuple[int, ...]]) -> list[Note]:
    """Return the lower voices; a pitch that stays within a bar is held."""
    found: list[Note] = []
    for voice in (1, 2, 3):
        first = 0
        for at in range(1, len(beats) + 1):
            same = at < len(beats) and rows[at][voice] == rows[first][voice]
            if not same or beats[at].begins_bar:
                start = beats[first].start
                length = beats[at - 1].end - start
                found.append(Note(rows[first][voice], start, length, voice=voice))
                first = at
    return found
