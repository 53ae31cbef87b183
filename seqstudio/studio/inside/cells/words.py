"""What the cells panel says about units: names, list lines, sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqstudio.records.inside.cells import Cells, PatternScore, Ranking
from seqstudio.studio.inside.cells.unit_list import UnitRow
from seqstudio.studio.widgets import format_number

STATES = {
    "c": "Cell state c", "tanh c": "tanh of c", "h": "Hidden state h",
    "i": "Input gate i", "f": "Forget gate f",
    "g": "Candidate g", "o": "Output gate o", "r": "Reset gate r", "z": "Keep gate z",
    "n": "Candidate n", "resid": "Residual stream", "mlp": "MLP neurons", "out": "Output",
}  # fmt: skip
NEAR = 40
"""Tokens on either side of a brush that its strips show."""
MEASURES = {"correlation": "r", "contrast": "2 AUC − 1", "ratio": "η"}


def best_row(reading: Cells, score: PatternScore) -> UnitRow:
    """Return the line of a pattern's best unit."""
    values = shown_values(reading, score.unit)
    return UnitRow(
        score.unit, score.title, score.held, score.baseline, score_words(score),
        values, levels(reading, values), score.name,
    )  # fmt: skip


def ranked_row(reading: Cells, place: int, brush: tuple[int, int] | None) -> UnitRow:
    """Return a line of a ranking."""
    ranking = reading.ranking
    assert ranking is not None
    each = ranking.units[place]
    value = each.held if ranking.checked else abs(each.score)
    sign = "on inside" if each.score > 0 else "off inside"
    title = sign if ranking.measure == "contrast" else _direction(ranking, each.score)
    told = f"unit {each.unit}: {with_sign(each.score)} where it was found"
    if ranking.checked:
        told += f", {format_number(each.held, '.3f')} on held-out text"
    told += f"\n99 % of shuffled patterns reach at most {ranking.baseline:.3f}"
    values = shown_values(reading, each.unit)
    near = slice(0, 0) if not len(values) else around(brush, len(values))
    return UnitRow(
        each.unit, title, value, ranking.baseline, told, values[near], levels(reading, values),
        missing="by chance?",
    )  # fmt: skip


def around(brush: tuple[int, int] | None, count: int) -> slice:
    """Return the part of a text that a strip shows: near the brush, or all of it."""
    if brush is None:
        return slice(0, count)
    room = max(NEAR, brush[1] - brush[0] + 1)
    return slice(max(0, brush[0] - room), min(count, brush[1] + 1 + room))


def shown_values(reading: Cells, unit: int) -> NDArray[np.float64]:
    """Return what is coloured for a unit, empty when its values are not here."""
    found = np.flatnonzero(reading.units == unit)
    if not len(found):
        return np.zeros(0)
    return np.asarray(reading.values[found[0]], np.float64)


def levels(reading: Cells, values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the scale: fixed, or a power of two for a unit without a bound."""
    limit = reading.limit or round_end(values)
    return (-limit if reading.signed else 0.0), limit


def round_end(values: NDArray[np.float64]) -> float:
    """Return the power of two above all but the largest 1 % of some numbers; 1 for zeros."""
    known = np.abs(values[np.isfinite(values)])
    high = float(np.quantile(known, 0.99)) if len(known) else 0.0
    return 2.0 ** math.ceil(math.log2(high)) if high > 0 else 1.0


def _direction(ranking: Ranking, score: float) -> str:
    if ranking.measure == "ratio":
        return "differs by class"
    return "rises with it" if score > 0 else "falls with it"


def with_sign(value: float) -> str:
    """Return a number with its sign, whichever it is."""
    return f"{'+' if value >= 0 else ''}{format_number(value, '.3f')}"


def how_words(reading: Cells) -> str:
    """Return what bar and tick are."""
    ranking = reading.ranking
    if ranking is None:
        return "bar: score on held-out text; tick: 99 % of shuffled patterns"
    name = MEASURES[ranking.measure]
    where = "on held-out text" if ranking.checked else "where it was found"
    return f"bar: {name} {where}; tick: 99 % of shuffled patterns"


def ranking_words(reading: Cells, phrase: str, patterns: Sequence[tuple[str, str]]) -> str:
    """Return what there is to say about the whole list, "" for nothing."""
    ranking = reading.ranking
    if ranking is None:
        few = "Too short to compare units: 16 tokens are the least"
        return absent_words(reading, patterns) if len(reading.tokens) >= 16 else few
    if not ranking.units:
        if ranking.count:
            return f"{phrase} is the whole text: nothing lies outside it to compare with"
        return f"“{ranking.title}” does not come and go in both halves of this text"
    if not ranking.count:
        return f"p = {ranking.p:.3f} for the best unit"
    like = f" Looks like: {ranking.like}." if ranking.like else ""
    if ranking.count == 1:
        return f"{phrase} stands here only once, so nothing could be checked elsewhere.{like}"
    other = "once" if not ranking.checked else "on either side of the cut"
    return f"{phrase} stands {ranking.count} times, {other}; p = {ranking.p:.3f}.{like}"


def absent_words(reading: Cells, patterns: Sequence[tuple[str, str]]) -> str:
    """Return which of the patterns, (name, title) each, could not be looked for in this text."""
    seen = {score.name for score in reading.best}
    absent = [title for name, title in patterns if name not in seen]
    if not absent:
        return ""
    more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
    return f"Not in both halves of this text: {', '.join(absent[:3])}{more}"


def score_words(score: PatternScore) -> str:
    """Return all numbers of a pattern's best unit."""
    lines = [
        f"unit {score.unit} for “{score.title}”",
        f"found with {with_sign(score.score)}, {score.held:.3f} on held-out text",
        f"99 % of shuffled patterns reach at most {score.baseline:.3f}; p = {score.p:.3f}",
    ]
    if score.kind == "binary":
        which = "higher" if score.score > 0 else "lower"
        lines.append(f"{which} inside than outside with a chance of {(1 + score.held) / 2:.3f}")
    if np.isfinite(score.linear):
        name = "R²" if score.kind == "graded" else "balanced accuracy"
        lines.append(f"all units together (ridge): {name} {score.linear:.3f} on held-out text")
    return "\n".join(lines)


def numbers_of(reading: Cells) -> dict[str, NDArray[Any]]:
    """Return what is in view by name, for CSV and NPZ."""
    found: dict[str, NDArray[Any]] = {"unit": reading.units, reading.state: reading.values}
    if len(reading.pattern):
        found["pattern"] = reading.pattern
    ranked = reading.ranking.units if reading.ranking is not None else reading.best
    found["ranked_unit"] = np.array([each.unit for each in ranked], np.int64)
    found["ranked_score"] = np.array([each.score for each in ranked])
    found["ranked_held_out"] = np.array([each.held for each in ranked])
    return found


def behind(reading: Cells) -> list[tuple[str, str]]:
    """Return what stands behind the numbers, (name, value) each."""
    told = [
        ("layer", reading.places[reading.place].title),
        ("numbers", STATES.get(reading.state, reading.state)),
        ("tokens", f"{len(reading.tokens):,}"),
        ("units found on", f"{reading.search:,} tokens"),
        ("checked on", f"{len(reading.tokens) - reading.search:,} tokens"),
    ]
    if reading.window:
        told.append(("window", f"{reading.window:,} tokens, overlapping by half"))
    return told
