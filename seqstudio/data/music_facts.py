"""A corpus of music in numbers, and how near what a model wrote comes to it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import DataError
from seqstudio.data.music import sounding
from seqstudio.data.pieces import music_source
from seqstudio.music.statistics import (
    PieceNumbers,
    length_histogram,
    numbers_of,
    overlapping_area,
    pitch_class_histogram,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from fractions import Fraction
    from pathlib import Path

    from seqstudio.document.settings import DataSettings
    from seqstudio.music.score import Score

MOST_PIECES = 1_000
"""Pieces that are counted; of more, evenly chosen ones."""


@dataclass(frozen=True)
class MusicFacts:
    """A set of pieces in numbers.

    Attributes:
        pieces: Pieces of the set, counted or not.
        each: Numbers of every piece that was counted.
        lowest: Lowest pitch, None without notes.
        highest: Highest pitch, None without notes.
        keys: (key, share of the pieces), the most frequent first.
        meters: (metre, share of the pieces), the most frequent first.
        lengths: (length in beats, share of the notes), the most frequent first.
        pitch_classes: Share of the notes of each pitch class, C first, (12,).
    """

    pieces: int
    each: tuple[PieceNumbers, ...]
    lowest: int | None
    highest: int | None
    keys: tuple[tuple[str, float], ...]
    meters: tuple[tuple[str, float], ...]
    lengths: tuple[tuple[Fraction, float], ...]
    pitch_classes: tuple[float, ...]

    @property
    def notes(self) -> int:
        """Notes of the pieces that were counted."""
        return sum(piece.notes for piece in self.each)

    @property
    def bars(self) -> int:
        """Bars of the pieces that were counted."""
        return sum(piece.bars for piece in self.each)

    def values(self, name: str) -> tuple[float, ...]:
        """Return one of the numbers of `PieceNumbers` for every piece that was counted."""
        return tuple(float(getattr(piece, name)) for piece in self.each)

    def mean(self, name: str) -> float:
        """Return its mean over the pieces that have it, NaN when none does."""
        known = [value for value in self.values(name) if math.isfinite(value)]
        return sum(known) / len(known) if known else math.nan


def facts_of_scores(
    scores: Sequence[Score], stopped: Callable[[], bool] = lambda: False
) -> MusicFacts:
    """Count pieces; about a millisecond each, so many of them belong in a worker thread.

    Args:
        scores: The pieces.
        stopped: Asked before every piece; once true, what has been counted is returned.
    """
    chosen = _spread(scores)
    each = list[PieceNumbers]()
    for score in chosen:
        if stopped():
            break
        each.append(numbers_of(score))
    counted = chosen[: len(each)]
    notes = [note for score in counted for note in score.notes]
    pitches = [note.pitch for note in notes]
    return MusicFacts(
        pieces=len(scores),
        each=tuple(each),
        lowest=min(pitches, default=None),
        highest=max(pitches, default=None),
        keys=_shares(score.key for score in counted),
        meters=_shares(_meter(score) for score in counted),
        lengths=tuple(length_histogram(notes).items()),
        pitch_classes=tuple(float(share) for share in pitch_class_histogram(notes)),
    )


def facts_of_music(
    settings: DataSettings, base: Path | None, part: str = "train",
    stopped: Callable[[], bool] = lambda: False,
) -> MusicFacts:  # fmt: skip
    """Count the pieces of a part of the music that `settings` name; reads the files anew.

    Raises:
        DataError: There is no music, or it cannot be read.
    """
    if settings.kind not in settings.FROM_TUNES:
        raise DataError("These data are no music", f"their kind is {settings.kind}")
    source = music_source(settings, base)
    pieces = source.valid if part == "valid" else source.train
    return facts_of_scores([sounding(settings.kind, piece) for piece in pieces], stopped)


def nearness(corpus: MusicFacts, written: MusicFacts) -> dict[str, float]:
    """Return for every number of a piece how far the two sets overlap, 0 to 1.

    See `seqstudio.music.statistics.overlapping_area`; NaN with fewer than two pieces in a set.
    """
    return {
        field.name: overlapping_area(corpus.values(field.name), written.values(field.name))
        for field in fields(PieceNumbers)
    }


def _spread(scores: Sequence[Score]) -> list[Score]:
    if len(scores) <= MOST_PIECES:
        return list(scores)
    places = np.linspace(0, len(scores) - 1, MOST_PIECES).astype(int)
    return [scores[int(place)] for place in places]


def _meter(score: Score) -> str:
    return "/".join(map(str, score.meter)) if score.meter else "none"


def _shares(words: Iterable[str]) -> tuple[tuple[str, float], ...]:
    counts = Counter(words)
    total = max(counts.total(), 1)
    return tuple((word, count / total) for word, count in counts.most_common())
