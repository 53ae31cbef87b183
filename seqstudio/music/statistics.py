"""What can be counted about the notes of a piece or of a collection, in plain numbers.

Every figure is to be shown for the corpus beside the one for what a model wrote. Definitions
follow MusPy (Dong et al. 2020) and MusDr (Wu and Yang 2020) where they name them.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.music.measures import pitch_class_entropy, pitch_range, scale_consistency

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from seqstudio.music.score import Note, Score

    Numbers = NDArray[np.float64]

GROOVE_STEPS = 16
"""Steps of a bar in `groove_consistency`, whatever its metre."""

_MOST_STEPS = 200_000


def groove_consistency(score: Score) -> float:
    """Return how alike the rhythms of neighbouring bars are, 0 to 1; NaN below two bars.

    A bar is cut into 16 steps; its groove says in which of them a note begins. The measure is the
    mean over neighbouring bars of 1 - (steps that differ) / 16.

    Source: Wu and Yang 2020, "The Jazz Transformer on the front line" (MusDr, GS), between
    neighbours as in MusPy.
    """
    grooves = _grooves(score)
    if len(grooves) < 2:
        return math.nan
    differ = np.logical_xor(grooves[1:], grooves[:-1]).mean()
    return float(1 - differ)


def _grooves(score: Score) -> NDArray[np.bool_]:
    """Return where notes begin in each bar (bars, 16)."""
    bars = _bars(score)
    found = np.zeros((len(bars), GROOVE_STEPS), np.bool_)
    at = 0
    for number, (start, end) in enumerate(bars):
        while at < len(score.notes) and score.notes[at].start < end:
            place = (score.notes[at].start - start) / (end - start) * GROOVE_STEPS
            found[number, min(max(int(place), 0), GROOVE_STEPS - 1)] = True
            at += 1
    return found


def _bars(score: Score) -> list[tuple[Fraction, Fraction]]:
    """Return the borders of the bars; without any, bars of the metre or of four beats."""
    starts = list(score.bar_starts)
    if not starts and score.notes:
        length = Fraction(4 * score.meter[0], score.meter[1]) if score.meter else Fraction(4)
        count = min(-(-score.end_beats // length), _MOST_STEPS)
        starts = [length * number for number in range(int(count))]
    borders = [*starts, score.end_beats]
    return [(a, b) for a, b in zip(starts, borders[1:], strict=True) if a < b]


def empty_beat_share(score: Score) -> float:
    """Return the share of beats (quarter notes) in which nothing sounds; NaN without beats."""
    beats = min(math.ceil(score.end_beats), _MOST_STEPS)
    if not beats:
        return math.nan
    return float((_sounding(score, beats, 1) == 0).mean())


def polyphony(score: Score) -> float:
    """Return how many notes sound on average where any sounds; NaN without notes.

    Counted in 24 steps a beat, as in MusPy: a note counts in every step that it touches.
    """
    counts = _counts(score)
    return float(counts[counts > 0].mean()) if counts.any() else math.nan


def polyphony_share(score: Score, least: int = 2) -> float:
    """Return the share of time with at least so many notes; NaN for an empty score."""
    counts = _counts(score)
    return float((counts >= least).mean()) if len(counts) else math.nan


def _counts(score: Score) -> NDArray[np.int64]:
    per_beat = 24 if score.end_beats * 24 <= _MOST_STEPS else 1
    return _sounding(score, min(math.ceil(score.end_beats * per_beat), _MOST_STEPS), per_beat)


def _sounding(score: Score, steps: int, per_beat: int) -> NDArray[np.int64]:
    """Return how many notes touch each step, (steps,)."""
    change = np.zeros(steps + 1, np.int64)
    for note in score.notes:
        first = min(int(note.start * per_beat), steps)
        change[first] += 1
        change[max(min(math.ceil(note.end * per_beat), steps), first)] -= 1
    return np.cumsum(change)[:-1]


def repeated_bar_share(score: Score) -> float:
    """Return the share of bars that repeat an earlier bar note by note; NaN without bars.

    Bars without notes are left out. Repeats that are written out count as repeats.
    """
    seen, repeated, counted, at = set[tuple[object, ...]](), 0, 0, 0
    for start, end in _bars(score):
        bar = list[tuple[object, ...]]()
        while at < len(score.notes) and score.notes[at].start < end:
            note = score.notes[at]
            bar.append((note.pitch, note.start - start, note.length, note.voice))
            at += 1
        if bar:
            counted += 1
            repeated += tuple(bar) in seen
            seen.add(tuple(bar))
    return repeated / counted if counted else math.nan


def pitch_class_histogram(notes: Iterable[Note]) -> Numbers:
    """Return the share of notes of each pitch class, (12,), C first; zeros without notes."""
    counts = np.bincount([note.pitch % 12 for note in notes], minlength=12).astype(float)
    shares: Numbers = counts / max(counts.sum(), 1)
    return shares


def length_histogram(notes: Iterable[Note]) -> dict[Fraction, float]:
    """Return the share of notes of each length in beats, the most frequent first."""
    counts = Counter(note.length for note in notes)
    total = max(counts.total(), 1)
    return {length: count / total for length, count in counts.most_common()}


@dataclass(frozen=True)
class PieceNumbers:
    """One piece in numbers; NaN where there is nothing to count.

    Attributes:
        notes: Number of notes.
        bars: Number of bars.
        pitch_entropy: Entropy of the pitch classes in bits.
        in_scale: Largest share of notes in one scale.
        groove: See `groove_consistency`.
        empty_beats: See `empty_beat_share`.
        polyphony: See `polyphony`.
        repeated_bars: See `repeated_bar_share`.
        pitch_classes: Number of different pitch classes.
        semitones: From the lowest to the highest pitch.
        mean_length: Mean length of a note in beats.
        mean_pitch: Mean pitch, 60 = middle C.
    """

    notes: int
    bars: int
    pitch_entropy: float
    in_scale: float
    groove: float
    empty_beats: float
    polyphony: float
    repeated_bars: float
    pitch_classes: int
    semitones: float
    mean_length: float
    mean_pitch: float


def numbers_of(score: Score) -> PieceNumbers:
    """Count one piece; milliseconds."""
    notes = score.notes
    ends = pitch_range(notes)
    count = max(len(notes), 1)
    return PieceNumbers(
        notes=len(notes),
        bars=len(_bars(score)),
        pitch_entropy=pitch_class_entropy(notes),
        in_scale=scale_consistency(notes),
        groove=groove_consistency(score),
        empty_beats=empty_beat_share(score),
        polyphony=polyphony(score),
        repeated_bars=repeated_bar_share(score),
        pitch_classes=len({note.pitch % 12 for note in notes}),
        semitones=ends[1] - ends[0] if ends else math.nan,
        mean_length=float(sum(n.length for n in notes)) / count if notes else math.nan,
        mean_pitch=sum(n.pitch for n in notes) / count if notes else math.nan,
    )


def overlapping_area(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the area that two distributions share, 0 to 1; NaN with fewer than two values.

    Both sets of values, one a piece, are smoothed with Gaussian kernels of Scott's width, and the
    smaller density is integrated: 1 for the same distribution, 0 for values far apart.

    Source: Yang and Lerch 2020, "On the evaluation of generative models in music".
    """
    a, b = (np.array([v for v in each if math.isfinite(v)]) for each in (first, second))
    if min(len(a), len(b)) < 2:
        return math.nan
    spread = max(float(np.ptp(np.concatenate([a, b]))), 1e-9)
    wide = [max(float(x.std(ddof=1)) * len(x) ** -0.2, 1e-3 * spread) for x in (a, b)]
    low = min(a.min() - 4 * wide[0], b.min() - 4 * wide[1])
    high = max(a.max() + 4 * wide[0], b.max() + 4 * wide[1])
    grid = np.linspace(low, high, 4_001)
    shared = np.minimum(_density(a, wide[0], grid), _density(b, wide[1], grid))
    return float(min(1.0, np.trapezoid(shared, grid)))


def _density(values: Numbers, width: float, grid: Numbers) -> Numbers:
    """Return the mean of Gaussians around the values, at each place of the grid."""
    total = np.zeros_like(grid)
    for value in values:
        total += np.exp(-0.5 * ((grid - value) / width) ** 2)
    density: Numbers = total / (len(values) * width * math.sqrt(2 * math.pi))
    return density
