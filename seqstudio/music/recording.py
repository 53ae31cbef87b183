"""A score from what a person plays on a keyboard: timed key presses onto a line of beats.

Pure: it asks no clock and knows no port. Times are seconds from any beginning.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.music.score import DEFAULT_TEMPO_BPM, Note, Score

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GRIDS = (
    Fraction(1),
    Fraction(1, 2),
    Fraction(1, 3),
    Fraction(1, 4),
    Fraction(1, 6),
    Fraction(1, 8),
)
"""Steps in beats that a person may choose between: quarters to thirty-seconds, two triplets."""

_TEMPOS_BPM = np.arange(50.0, 200.5, 0.5)
_COMFORTABLE_BPM = 100.0
_LEVELS = ((1, 0.15), (2, 1.0), (4, 0.2))
"""Parts of a beat on which onsets may lie, and how much that says about the tempo."""

_MOST_ONSETS = 400
_TICKS_A_BEAT = 480
_CHORD_S = 0.035


@dataclass(frozen=True, slots=True)
class Key:
    """A key going down or up.

    Attributes:
        at_s: When, in seconds.
        pitch: 0 to 127.
        velocity: 1 to 127 for down, 0 for up.
    """

    at_s: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Pedal:
    """The sustain pedal going down or up at a time in seconds."""

    at_s: float
    down: bool


@dataclass(frozen=True, slots=True)
class Quantise:
    """How onsets and ends are drawn to a grid.

    Attributes:
        grid: Step in beats; None leaves the times as they were played, to 1/480 beat.
        strength: 0 leaves onsets where they are, 1 puts them on the grid; between, so far.
        ends: Whether ends are drawn too; else notes keep the lengths that were played.
    """

    grid: Fraction | None = Fraction(1, 4)
    strength: float = 1.0
    ends: bool = True


@dataclass(frozen=True, slots=True)
class _Played:
    start_s: float
    end_s: float
    pitch: int
    velocity: int


def score_of_keys(
    events: Iterable[Key | Pedal],
    *,
    tempo_bpm: float | None = None,
    beat_s: float | None = None,
    end_s: float | None = None,
    quantise: Quantise | None = None,
    meter: tuple[int, int] | None = (4, 4),
) -> Score:
    """Return what was played as a score.

    Args:
        events: Keys and pedal in any order; impossible ones are left out.
        tempo_bpm: Tempo that was played to, or None to estimate it from the onsets.
        beat_s: Time of a beat, such as the first click of the metronome; None takes the first
            onset. What was played before it counts as a beginning of whole bars before.
        end_s: When the recording stopped: keys still down end here; None takes the last event.
        quantise: How times are drawn to a grid; sixteenths at full strength if None.
        meter: Metre, which gives the bars; None for free metre.

    Returns:
        The score, in voice 0; empty when nothing was played. Its length is a whole number of
        bars when there is a metre.
    """
    played = _played(events, end_s)
    if not played:
        return Score(tempo_bpm=tempo_bpm or DEFAULT_TEMPO_BPM, meter=meter)
    tempo_bpm = tempo_bpm or estimate_tempo([note.start_s for note in played])
    zero_s = played[0].start_s if beat_s is None else beat_s
    bar = Fraction(4 * meter[0], meter[1]) if meter else Fraction(1)
    first = (played[0].start_s - zero_s) * tempo_bpm / 60.0
    settings = quantise or Quantise()
    half_step = float(settings.grid or 0) / 2
    lead = bar * int(-((first + half_step) // float(bar))) if first < -half_step else Fraction(0)
    notes = _on_grid(played, zero_s, tempo_bpm, lead, settings)
    return _barred(notes, tempo_bpm, meter, bar)


def estimate_tempo(onsets_s: Sequence[float]) -> float:
    """Return the tempo in beats a minute that onsets fit best, 50 to 200.

    Every tempo is judged by how well the onsets lie on its beats, half beats and quarter beats,
    the phase left free, and by how far it is from a comfortable 100 beats a minute: a rhythm
    alone cannot tell a tempo from twice or half of it. Fewer than three onsets give 120.

    Source: the resonance of inter-onset intervals as in Large and Kolen 1994, the preference for
    medium tempos as in Parncutt 1994 (a Gaussian over the logarithm of the period).
    """
    onsets = _apart(onsets_s)
    if len(onsets) < 3:
        return DEFAULT_TEMPO_BPM
    per_s = _TEMPOS_BPM[:, None] / 60.0
    scores = np.zeros(len(_TEMPOS_BPM))
    for divisor, weight in _LEVELS:
        turns = np.exp(2j * np.pi * divisor * per_s * onsets[None, :])
        scores += weight * np.abs(turns.mean(axis=1))
    scores *= np.exp(-0.5 * (np.log2(_TEMPOS_BPM / _COMFORTABLE_BPM) / 0.9) ** 2)
    best = float(_TEMPOS_BPM[int(np.argmax(scores))])
    return round(_refined(best, onsets), 1)


def _apart(onsets_s: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the onsets from zero on, each chord once, at most the first four hundred."""
    kept: list[float] = []
    for onset in sorted(onsets_s)[: 4 * _MOST_ONSETS]:
        if not kept or onset - kept[-1] > _CHORD_S:
            kept.append(onset)
    return np.array(kept[:_MOST_ONSETS]) - (kept[0] if kept else 0.0)


def _refined(bpm: float, onsets: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Fit period and phase by least squares to the nearest quarter beats."""
    steps = np.round(onsets * bpm / 60.0 * 4)
    if np.ptp(steps) == 0:
        return bpm
    slope = float(np.polyfit(steps, onsets, 1)[0])
    fitted = 60.0 / (4 * slope) if slope > 0 else bpm
    return fitted if abs(fitted / bpm - 1) < 0.05 else bpm


def _played(events: Iterable[Key | Pedal], end_s: float | None) -> list[_Played]:
    """Pair the keys that go down with those that go up, and let the pedal hold them."""
    usable = [event for event in events if isfinite(event.at_s) and _possible(event)]
    ordered = sorted(usable, key=lambda event: event.at_s)
    pairing = _Pairing()
    for event in ordered:
        pairing.take(event)
    last_s = max([event.at_s for event in ordered] + ([] if end_s is None else [end_s]), default=0)
    return pairing.ended(last_s)


class _Pairing:
    """Which keys are down, which ones the pedal still holds, and the notes that have ended."""

    def __init__(self) -> None:
        self._down: dict[int, deque[Key]] = {}
        self._held: dict[int, list[Key]] = {}
        self._pedal = False
        self._notes: list[_Played] = []

    def take(self, event: Key | Pedal) -> None:
        if isinstance(event, Pedal):
            self._pedal = event.down
            if not event.down:
                for pitch in list(self._held):
                    self._let_go(pitch, event.at_s)
        elif event.velocity:
            self._let_go(event.pitch, event.at_s)
            self._down.setdefault(event.pitch, deque()).append(event)
        elif self._down.get(event.pitch):
            key = self._down[event.pitch].popleft()
            self._held.setdefault(event.pitch, []).append(key)
            if not self._pedal:
                self._let_go(event.pitch, event.at_s)

    def ended(self, at_s: float) -> list[_Played]:
        """Return all notes by their onsets; what still sounds ends here."""
        for pitch in list(self._held):
            self._let_go(pitch, at_s)
        hanging = [key for keys in self._down.values() for key in keys]
        notes = self._notes + [_Played(k.at_s, at_s, k.pitch, k.velocity) for k in hanging]
        return sorted(notes, key=lambda note: (note.start_s, note.pitch))

    def _let_go(self, pitch: int, at_s: float) -> None:
        for key in self._held.pop(pitch, []):
            self._notes.append(_Played(key.at_s, at_s, pitch, key.velocity))


def _possible(event: Key | Pedal) -> bool:
    return isinstance(event, Pedal) or (0 <= event.pitch <= 127 and 0 <= event.velocity <= 127)


def _on_grid(
    played: Sequence[_Played], zero_s: float, tempo_bpm: float, lead: Fraction, settings: Quantise
) -> list[Note]:
    shortest = settings.grid if settings.grid and settings.ends else Fraction(1, _TICKS_A_BEAT)
    notes: dict[tuple[int, Fraction], Note] = {}
    for each in played:
        start, end = (
            Fraction(round((at_s - zero_s) * tempo_bpm / 60.0 * _TICKS_A_BEAT), _TICKS_A_BEAT)
            + lead
            for at_s in (each.start_s, each.end_s)
        )
        onset = max(_drawn(start, settings), Fraction(0))
        stop = _drawn(end, settings) if settings.ends else onset + end - start
        note = Note(each.pitch, onset, max(stop - onset, shortest), each.velocity)
        earlier = notes.get((each.pitch, onset))
        if earlier is None or note.length > earlier.length:
            notes[each.pitch, onset] = note
    return _without_overlap(list(notes.values()))


def _drawn(beats: Fraction, settings: Quantise) -> Fraction:
    if not settings.grid:
        return beats
    nearest = round(beats / settings.grid) * settings.grid
    strength = Fraction(min(1.0, max(0.0, settings.strength))).limit_denominator(100)
    return beats + (nearest - beats) * strength


def _without_overlap(notes: list[Note]) -> list[Note]:
    """End a note where its key is struck again, as a piano does."""
    by_pitch: dict[int, list[Note]] = {}
    for note in sorted(notes, key=lambda note: note.start):
        by_pitch.setdefault(note.pitch, []).append(note)
    ended: list[Note] = []
    for group in by_pitch.values():
        for note, following in pairwise(group):
            length = min(note.length, following.start - note.start)
            ended.append(Note(note.pitch, note.start, length, note.velocity))
        ended.append(group[-1])
    return ended


def _barred(
    notes: list[Note], tempo_bpm: float, meter: tuple[int, int] | None, bar: Fraction
) -> Score:
    end = max(note.end for note in notes)
    if meter is None:
        return Score(tuple(notes), tempo_bpm, end_beats=end)
    count = -(-end // bar)
    starts = tuple(bar * number for number in range(count))
    return Score(tuple(notes), tempo_bpm, meter, bar_starts=starts, end_beats=bar * count)
