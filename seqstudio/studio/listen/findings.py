"""Numbers about a take beside those of the held-out tunes. No Qt; some of it takes a second."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from seqstudio.music.abc import Tune
from seqstudio.music.codings import CODINGS, Coding
from seqstudio.music.measures import (
    clean_share,
    full_bar_share,
    longest_copy,
    pitch_range,
    scale_consistency,
)
from seqstudio.music.statistics import PieceNumbers, numbers_of
from seqstudio.records.readings import Sample

_MOST_TUNES = 100
_COPIES = 5
#: Characters of training text that copies are looked for in.
MOST_TRAINING = 6_000_000
_MUSIC = re.compile(r"^K:.*\n", re.MULTILINE)
_ABC = CODINGS["abc"]
#: Numbers of a piece that are shown, in their order.
SHOWN = ("pitch_entropy", "groove", "repeated_bars", "polyphony", "empty_beats")


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
        problems: Places that the reader could make no sense of.
        numbers: What else can be counted.
    """

    full_bars: int
    bars: int
    in_scale: float
    lowest: int | None
    highest: int | None
    broken: str
    problems: int
    numbers: PieceNumbers

    @property
    def full_share(self) -> float:
        """Share of the bars that fill their metre, NaN without bars."""
        return self.full_bars / self.bars if self.bars else math.nan


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of a number over tunes that have it; NaN for none."""

    mean: float = math.nan
    deviation: float = math.nan


@dataclass(frozen=True)
class Copied:
    """The longest passage of a tune that stands in the training text.

    Attributes:
        text: The passage.
        start: Where it begins in what was looked through.
        title: Title of the tune that it stands in, or "".
        tokens: Tokens of the passage.
    """

    text: str
    start: int = 0
    title: str = ""
    tokens: int = 0


@dataclass(frozen=True)
class Corpus:
    """The same of the held-out tunes.

    Attributes:
        tunes: Tunes that were counted.
        full_share: Share of their bars that fill their metre.
        in_scale: Mean share of notes in the best fitting scale.
        semitones: Median of the pitch range.
        clean: Share of tunes without a problem.
        copied: Median of the longest passage shared with the training text, in tokens.
        compared: Tunes behind that median.
        spreads: The other numbers by name.
    """

    tunes: int
    full_share: float
    in_scale: float
    semitones: float
    clean: float
    copied: float
    compared: int
    spreads: dict[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True)
class Many:
    """Several takes in numbers.

    Attributes:
        takes: How many.
        valid: Those that can be used.
        full_bars: Bars of all that fill their metre.
        bars: Bars of all in a metre.
        spreads: Their other numbers by name, `full_share`, `in_scale`, `semitones` among them.
    """

    takes: int
    valid: int
    full_bars: int
    bars: int
    spreads: dict[str, Spread]


def findings_of(tune: Tune) -> Findings:
    """Count what a tune has; a millisecond."""
    bars = [bar for bar in tune.bars if bar.expected is not None]
    ends = pitch_range(tune.score.pitched)
    return Findings(
        full_bars=sum(bar.complete for bar in bars),
        bars=len(bars),
        in_scale=scale_consistency(tune.score.pitched),
        lowest=ends[0] if ends else None,
        highest=ends[1] if ends else None,
        broken=tune.broken,
        problems=len(tune.problems),
        numbers=numbers_of(tune.score),
    )


def many_of(found: Sequence[Findings]) -> Many:
    """Sum up several takes."""
    spreads = {name: spread_of(getattr(each.numbers, name) for each in found) for name in SHOWN}
    spreads["full_share"] = spread_of(each.full_share for each in found)
    spreads["in_scale"] = spread_of(each.in_scale for each in found)
    spreads["semitones"] = spread_of(each.numbers.semitones for each in found)
    return Many(
        takes=len(found),
        valid=sum(not each.broken for each in found),
        full_bars=sum(each.full_bars for each in found),
        bars=sum(each.bars for each in found),
        spreads=spreads,
    )


def surprise_of(sample: Sample | None) -> float:
    """Return the mean surprise of what a model wrote in nats per token, NaN for nothing.

    -ln p of each token when it was chosen, after temperature, top k and top p.
    """
    if sample is None or not len(sample.probability):
        return math.nan
    return statistics.fmean(-math.log(max(float(p), 1e-12)) for p in sample.probability)


def music_of(text: str) -> str:
    """Return what follows the first K: line: headers are alike in every tune."""
    match = _MUSIC.search(text)
    return text[match.end() :] if match else text


def copied_run(written: str, training: str, coding: Coding = _ABC) -> Copied:
    """Return the longest passage of what was written that stands in the training text.

    About 0.1 s a million characters of training text, so it belongs in a worker thread.
    """
    copy = longest_copy(written, training)
    text = written[copy.start : copy.start + copy.length]
    title = _title_at(training, copy.training_start, coding) if copy.length else ""
    return Copied(text, copy.start, title, len(coding.tokens(text)))


def _title_at(training: str, place: int, coding: Coding) -> str:
    """Return the title of the tune that a place of the training text belongs to."""
    around = training[max(0, place - 20_000) : place + 20_000]
    inside = place - max(0, place - 20_000)
    before = [each for each in coding.split(around) if each.offset <= inside]
    return coding.read(before[-1].text).score.title if before else ""


def corpus_of(held_out: str, training: str, coding: Coding = _ABC) -> Corpus:
    """Count the held-out tunes; about a second, so it belongs in a worker thread."""
    texts = [each.text for each in coding.split(held_out)[:_MOST_TUNES]]
    tunes = [coding.read(text) for text in texts]
    copies = [copied_run(music_of(text), training, coding).tokens for text in texts[:_COPIES]]
    numbers = [numbers_of(tune.score) for tune in tunes]
    spreads = {name: spread_of(getattr(each, name) for each in numbers) for name in SHOWN}
    spreads["in_scale"] = spread_of(each.in_scale for each in numbers)
    spreads["semitones"] = spread_of(each.semitones for each in numbers)
    return Corpus(
        tunes=len(tunes),
        full_share=full_bar_share(tunes),
        in_scale=spreads["in_scale"].mean,
        semitones=_median([each.semitones for each in numbers]),
        clean=clean_share(tunes),
        copied=_median(copies),
        compared=len(copies),
        spreads=spreads,
    )


def spread_of(values: Iterable[float]) -> Spread:
    """Return mean and standard deviation of the numbers that are there."""
    known = [float(value) for value in values if not math.isnan(value)]
    if not known:
        return Spread()
    return Spread(statistics.fmean(known), statistics.pstdev(known))


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(statistics.median(known)) if known else math.nan
