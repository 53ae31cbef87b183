"""Rows of the measures: what is said of a tune, or of several, beside the corpus. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seqstudio.data.dataset import Dataset
from seqstudio.studio.listen.findings import (
    MOST_TRAINING,
    SHOWN,
    Copied,
    Corpus,
    Findings,
    Many,
    Spread,
    surprise_of,
)
from seqstudio.studio.listen.takes import Take, tone_name

_RANGE_SEMITONES = 48.0
_COPY_TOKENS = 100.0
_SURPRISE_NATS = 4.0
_BITS = math.log2(12)
_VOICES = 4.0


@dataclass(frozen=True)
class Row:
    """One measure as it is shown.

    Attributes:
        value: Of this tune, "–" while unknown.
        corpus: Of the corpus, "" while unknown.
        share: Length of the bar, NaN for none.
        tick: Where the corpus stands on the bar, NaN for nowhere.
        tone: Colour token of the value.
    """

    value: str = "–"
    corpus: str = ""
    share: float = math.nan
    tick: float = math.nan
    tone: str = "textHi"


_NUMBERS = {
    "pitch_entropy": ("Pitch classes", " bits", _BITS),
    "groove": ("Groove", "", 1.0),
    "repeated_bars": ("Repeated bars", "", 1.0),
    "polyphony": ("Notes at a time", "", _VOICES),
    "empty_beats": ("Empty beats", "", 1.0),
}
NAMES = (
    "Valid",
    "Bars that add up",
    "Surprise per token",
    "Notes in one scale",
    *(_NUMBERS[name][0] for name in SHOWN),
    "Pitch range",
    "Longest copied run",
)


def rows_of_tune(
    found: Findings | None,
    corpus: Corpus | None,
    take: Take | None,
    copied: Copied | None,
    loss: float,
) -> dict[str, Row]:
    """Return the rows of one tune.

    Args:
        found: What was counted.
        corpus: The held-out tunes, None while they are counted.
        take: The tune.
        copied: Its longest copied run, None while it is looked for.
        loss: Held-out loss in nats per token, NaN before the first.
    """
    if found is None:
        return {name: Row() for name in NAMES}
    rows = {
        "Valid": _valid(found, corpus),
        "Bars that add up": _bars(found, corpus),
        "Surprise per token": _surprise(take, loss),
        "Notes in one scale": _scale(found, corpus),
        "Pitch range": _range(found, corpus, take),
        "Longest copied run": _copy(copied, corpus, take),
    }
    for name in SHOWN:
        value = Spread(float(getattr(found.numbers, name)))
        rows[_NUMBERS[name][0]] = _number(name, value, corpus)
    return {name: rows[name] for name in NAMES}


def rows_of_many(many: Many, corpus: Corpus | None) -> dict[str, Row]:
    """Return the rows of several takes, mean and spread each."""
    if not many.takes:
        return {name: Row() for name in NAMES}
    rows = dict.fromkeys(NAMES, Row())
    usual = f"corpus {corpus.clean:.2f} clean" if corpus else ""
    rows["Valid"] = Row(f"{many.valid} of {many.takes}", usual, many.valid / many.takes)
    tick = corpus.full_share if corpus else math.nan
    share = many.full_bars / many.bars if many.bars else math.nan
    rows["Bars that add up"] = Row(
        f"{many.full_bars} of {many.bars}", _share_words(corpus, "full_share"), share, tick
    )
    scale = many.spreads["in_scale"]
    rows["Notes in one scale"] = Row(
        _spread_words(scale), _corpus_words(corpus, "in_scale"), scale.mean,
        corpus.in_scale if corpus else math.nan,
    )  # fmt: skip
    reach = many.spreads["semitones"]
    rows["Pitch range"] = Row(
        _spread_words(reach, " semitones", 0), f"corpus {corpus.semitones:.0f}" if corpus else "",
        reach.mean / _RANGE_SEMITONES,
        corpus.semitones / _RANGE_SEMITONES if corpus else math.nan,
    )  # fmt: skip
    for name in SHOWN:
        rows[_NUMBERS[name][0]] = _number(name, many.spreads[name], corpus)
    return rows


def _number(name: str, value: Spread, corpus: Corpus | None) -> Row:
    _title, unit, most = _NUMBERS[name]
    usual = corpus.spreads.get(name, Spread()) if corpus else Spread()
    if math.isnan(value.mean):
        return Row("–", _corpus_words(corpus, name))
    words = _spread_words(value, unit)
    return Row(words, _corpus_words(corpus, name), min(1.0, value.mean / most), usual.mean / most)


def _spread_words(value: Spread, unit: str = "", digits: int = 2) -> str:
    if math.isnan(value.mean):
        return "–"
    spread = "" if math.isnan(value.deviation) else f" ± {value.deviation:.{digits}f}"
    return f"{value.mean:.{digits}f}{spread}{unit}"


def _corpus_words(corpus: Corpus | None, name: str) -> str:
    usual = corpus.spreads.get(name, Spread()) if corpus else Spread()
    return "" if math.isnan(usual.mean) else f"corpus {_spread_words(usual)}"


def _bars(found: Findings, corpus: Corpus | None) -> Row:
    if not found.bars:
        return Row("no bars", _share_words(corpus, "full_share"))
    value = f"{found.full_bars} of {found.bars}"
    tick = corpus.full_share if corpus else math.nan
    return Row(value, _share_words(corpus, "full_share"), found.full_share, tick)


def _surprise(take: Take | None, loss: float) -> Row:
    value = surprise_of(take.sample if take is not None else None)
    held_out = "" if math.isnan(loss) else f"held out {loss:.2f}"
    if math.isnan(value):
        return Row("not written", held_out)
    tick = min(1.0, loss / _SURPRISE_NATS) if not math.isnan(loss) else math.nan
    return Row(f"{value:.2f} nats", held_out, min(1.0, value / _SURPRISE_NATS), tick)


def _scale(found: Findings, corpus: Corpus | None) -> Row:
    usual = _corpus_words(corpus, "in_scale")
    if math.isnan(found.in_scale):
        return Row("no notes", usual)
    tick = corpus.in_scale if corpus else math.nan
    return Row(f"{found.in_scale:.2f}", usual, found.in_scale, tick)


def _range(found: Findings, corpus: Corpus | None, take: Take | None) -> Row:
    usual = f"corpus {corpus.semitones:.0f}" if corpus else ""
    if found.lowest is None or found.highest is None:
        return Row("no notes", usual)
    key = take.score.key if take else "none"
    span = found.highest - found.lowest
    value = f"{tone_name(found.lowest, key)}–{tone_name(found.highest, key)}, {span} semitones"
    tick = corpus.semitones / _RANGE_SEMITONES if corpus else math.nan
    return Row(value, usual, span / _RANGE_SEMITONES, tick)


def _copy(copied: Copied | None, corpus: Corpus | None, take: Take | None) -> Row:
    usual = f"corpus {corpus.copied:.0f}" if corpus else ""
    if copied is None:
        return Row("–", usual)
    unit = take.coding.token_name if take is not None else "character"
    tick = corpus.copied / _COPY_TOKENS if corpus else math.nan
    return Row(f"{copied.tokens} {unit}s", usual, copied.tokens / _COPY_TOKENS, tick)


def _valid(found: Findings, corpus: Corpus | None) -> Row:
    usual = f"corpus {corpus.clean:.2f} clean" if corpus else ""
    if found.broken:
        return Row(f"no, {found.broken}", usual, tone="error")
    if found.problems:
        return Row(f"yes, with {found.problems} problems", usual, tone="warn")
    return Row("yes, clean", usual, tone="success")


def _share_words(corpus: Corpus | None, name: str) -> str:
    return f"corpus {getattr(corpus, name):.2f}" if corpus else ""


def whole(dataset: Dataset, part: str) -> str:
    """Return the text of a part of a corpus, at most its first six million tokens."""
    ids = dataset.train if part == "train" else dataset.valid
    return dataset.vocabulary.decode(ids[:MOST_TRAINING]) if dataset.vocabulary else ""
