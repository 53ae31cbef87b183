"""Numbers about a take beside those of the held-out tunes. No Qt; some of it takes a second."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from seqstudio.music.abc import Tune, read_tune, split_book
from seqstudio.music.measures import (
    clean_share,
    full_bar_share,
    longest_copy,
    pitch_range,
    scale_consistency,
)

_MOST_TUNES = 100
_COPIES = 5
_MUSIC = re.compile(r"^K:.*\n", re.MULTILINE)


@dataclass(frozen=True)
class Findings:
    """What can be counted in one tune.

    Attributes:
        full_bars: Bars that fill their metre.
        bars: Bars in a metre.
        in_scale: Share of the notes in the best fitting scale, NaN without notes.
        lowest: Lowest pitch, None without notes.
        highest: Highest pitch, None without notes.
        broken: Why the tune is of no use, or "".
        problems: Places that are no good ABC.
    """

    full_bars: int
    bars: int
    in_scale: float
    lowest: int | None
    highest: int | None
    broken: str
    problems: int

    @property
    def full_share(self) -> float:
        """Share of the bars that fill their metre, NaN without bars."""
        return self.full_bars / self.bars if self.bars else math.nan


@dataclass(frozen=True)
class Corpus:
    """The same of the held-out tunes.

    Attributes:
        tunes: Tunes that were counted.
        full_share: Share of their bars that fill their metre.
        in_scale: Mean share of notes in the best fitting scale.
        semitones: Median of the pitch range.
        clean: Share of tunes without a problem.
        copied: Median of the longest passage shared with the training text, in characters.
        compared: Tunes behind that median.
    """

    tunes: int
    full_share: float
    in_scale: float
    semitones: float
    clean: float
    copied: float
    compared: int


def findings_of(tune: Tune) -> Findings:
    """Count what a tune has; a millisecond."""
    bars = [bar for bar in tune.bars if bar.expected is not None]
    ends = pitch_range(tune.score.notes)
    return Findings(
        full_bars=sum(bar.complete for bar in bars),
        bars=len(bars),
        in_scale=scale_consistency(tune.score.notes),
        lowest=ends[0] if ends else None,
        highest=ends[1] if ends else None,
        broken=tune.broken,
        problems=len(tune.problems),
    )


def music_of(text: str) -> str:
    """Return what follows the first K: line: headers are alike in every tune."""
    match = _MUSIC.search(text)
    return text[match.end() :] if match else text


def copied_run(written: str, training: str) -> str:
    """Return the longest passage of what was written that stands in the training text.

    About 0.1 s a million characters of training text, so it belongs in a worker thread.
    """
    copy = longest_copy(written, training)
    return written[copy.start : copy.start + copy.length]


def corpus_of(held_out: str, training: str) -> Corpus:
    """Count the held-out tunes; about a second, so it belongs in a worker thread."""
    texts = [each.text for each in split_book(held_out)[:_MOST_TUNES]]
    tunes = [read_tune(text) for text in texts]
    copies = [len(copied_run(music_of(text), training)) for text in texts[:_COPIES]]
    return Corpus(
        tunes=len(tunes),
        full_share=full_bar_share(tunes),
        in_scale=_mean([scale_consistency(tune.score.notes) for tune in tunes]),
        semitones=_median([high - low for low, high in filter(None, map(_ends, tunes))]),
        clean=clean_share(tunes),
        copied=_median(copies),
        compared=len(copies),
    )


def _ends(tune: Tune) -> tuple[int, int] | None:
    return pitch_range(tune.score.notes)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return statistics.fmean(known) if known else math.nan


def _median(values: Sequence[float]) -> float:
    return float(statistics.median(values)) if values else math.nan
