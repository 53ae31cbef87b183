"""Units over a text, and which of them follow a pattern.

Definitions: docs/diagnostics/cells.md. Shape legend: T tokens, N units.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqstudio.core.errors import DataError, RunError
from seqstudio.engine.inputs import as_inputs
from seqstudio.engine.inside.sheets import Sheet, pieces, sheet_of
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.inside.units import Site, reads_on, unit_sites
from seqstudio.engine.model import GraphModel
from seqstudio.insight.features import FEATURES, MUSIC, Feature, joined
from seqstudio.insight.follow import (
    LEAST,
    Followed,
    Units,
    halves,
    measure_of,
    recurrence,
)
from seqstudio.records.inside.cells import (
    LISTED,
    PAGE,
    Cells,
    CellsOf,
    PatternScore,
    Ranking,
    UnitScore,
)
from seqstudio.records.readings import freeze

PROGRESS = 2000
"""Tokens after which what was read so far is shown."""
SLICE_S = 0.02
LIKE = 0.6
MOST_KEPT = 2
Values = NDArray[np.float32]


@dataclass
class Activity:
    """What all units of one kind did over a text.

    Attributes:
        sheet: The text.
        x: (T, N) float32, NaN where it is not read yet.
        read: Tokens that were read.
        limit: Fixed end of the scale, 0 where the numbers have no bound.
        signed: Whether the numbers have a sign.
        window: Tokens that a unit can see at once, 0 where the state is carried on.
        units: The same, prepared for rankings with the two halves of the text.
    """

    sheet: Sheet
    x: Values
    read: int
    limit: float
    signed: bool
    window: int
    units: Units | None = None

    def halves(self) -> Units:
        """Return the units, to be found on the first half and checked on the second."""
        if self.units is None:
            self.units = Units(self.x, *halves(self.sheet.rows, len(self.x)))
        return self.units


_KEPT: WeakKeyDictionary[GraphModel, OrderedDict[tuple[object, ...], Activity]] = (
    WeakKeyDictionary()
)


def cells(subject: Subject, wish: CellsOf) -> Iterator[Cells | None]:
    """Answer `CellsOf`, see `_answers`; short slices of work are done together."""
    began = time.perf_counter()
    for answer in _answers(subject, wish):
        if answer is not None or time.perf_counter() - began > SLICE_S:
            yield answer
            began = time.perf_counter()


def _answers(subject: Subject, wish: CellsOf) -> Iterator[Cells | None]:
    """Yield what was read, then the same with the units that follow patterns.

    Raises:
        RunError: The model has no units over time.
        DataError: It knows no character of the text, or there is no such pattern.
    """
    sites = unit_sites(subject.model)
    if not sites:
        raise RunError(
            "This model has no units over time",
            "no block of it has a vector at every step",
            "Open a model that reads a sequence, such as the template Character LSTM",
        )
    at = _place(sites, wish)
    states = sites[at].tap.states
    state = wish.state if wish.state in states else states[0]
    key = subject.text, wish.steps, at, state
    kept = _KEPT.setdefault(subject.model, OrderedDict())
    activity = kept.get(key)
    if activity is None:
        shown = 0
        for activity in read(subject, sites[at], state, wish.steps):
            partly = shown + PROGRESS <= activity.read < len(activity.x)
            shown = activity.read if partly else shown
            yield _told(sites, at, state, wish, activity) if partly else None
        assert activity is not None
        kept[key] = activity
        while len(kept) > MOST_KEPT:
            kept.popitem(last=False)
        yield _told(sites, at, state, wish, activity)
    plain = _told(sites, at, state, wish, activity)
    if len(activity.x) < 2 * LEAST:
        yield plain
    else:
        yield from _ranked(subject, wish, activity, plain)


def _place(sites: Sequence[Site], wish: CellsOf) -> int:
    """Return the layer that was asked for, else another of its block, else the first."""
    block = wish.block or sites[0].block
    mine = [n for n, site in enumerate(sites) if site.block == block]
    exact = [n for n in mine if sites[n].layer == wish.layer]
    return next(iter([*exact, *mine]), 0)


# ------------------------------------------------------------------------------- reading


def read(subject: Subject, site: Site, state: str, steps: int) -> Iterator[Activity]:
    """Read a text; yield what is known after every piece of it.

    Raises:
        RunError: The numbers of the layer have other steps than the text.
    """
    model, sheet = subject.model, sheet_of(subject, steps)
    streams = reads_on(model)
    window = 0 if streams or sheet.ids is None else model.facts.window
    limit, signed = site.tap.scale(state)
    activity = Activity(sheet, np.zeros((0, 0), np.float32), 0, limit, signed, window)
    before = None
    for piece in pieces(sheet, streams, window):
        with site.tap.open(state):
            _, after = model(piece.inputs, before if piece.goes_on else None)
        before = after if streams else None
        value = site.tap.taken(state, as_inputs(piece.inputs).lengths)
        _check_steps(site, value, as_inputs(piece.inputs).main)
        if not activity.x.size:
            shape = len(sheet.tokens), value.shape[-1]
            activity.x = np.full(shape, np.nan, np.float32)
        for row, start, end, token in piece.keep:
            activity.x[token : token + end - start] = value[row, start:end].float().numpy()
            activity.read += end - start
        yield activity


def _check_steps(site: Site, value: Tensor, main: Tensor) -> None:
    if value.dim() != 3 or value.shape[1] != main.shape[1]:
        raise RunError(
            f"{site.title} has no unit for every step of the text",
            f"it gives {' × '.join(map(str, value.shape))} numbers",
            "Choose another layer",
        )


# ------------------------------------------------------------------------------- ranking


def features_of(subject: Subject) -> tuple[Feature, ...]:
    """Return the patterns that have a meaning in the data of a project."""
    if subject.dataset.vocabulary is None:
        return ()
    return MUSIC if subject.project.data.kind == "abc" else FEATURES


def pattern_of(feature: Feature, sheet: Sheet) -> Values:
    """Return the values (T,) of a pattern over a sheet, each example for itself."""
    ends = [*sheet.rows[1:], len(sheet.tokens)]
    parts = [
        feature.of(sheet.tokens[start:end]) for start, end in zip(sheet.rows, ends, strict=True)
    ]
    if sheet.before:
        _, places = joined(sheet.tokens)
        whole = feature.compute(sheet.before + "".join(sheet.tokens))
        parts = [whole[len(sheet.before) + places]]
    return np.concatenate(parts).astype(np.float32)


def _ranked(
    subject: Subject, wish: CellsOf, activity: Activity, plain: Cells
) -> Iterator[Cells | None]:
    if wish.first >= 0:
        yield from _by_brush(subject, wish, activity, plain)
    elif wish.pattern:
        yield from _by_pattern(_named(subject, wish.pattern), wish, activity, plain)
    else:
        best = []
        for score in best_of_each(subject, activity):
            if score is not None:
                best.append(score)
            yield None
        best.sort(key=lambda score: -score.held)
        units = [score.unit for score in best]
        yield replace(_with_units(plain, wish, activity, units), best=tuple(best))


def _named(subject: Subject, name: str) -> Feature:
    known = {feature.name: feature for feature in features_of(subject)}
    if name not in known:
        raise DataError(
            f"There is no pattern {name!r} for these data",
            "",
            f"Choose one of: {', '.join(known)}" if known else "Leave the pattern out",
        )
    return known[name]


def best_of_each(subject: Subject, activity: Activity) -> Iterator[PatternScore | None]:
    """Yield the best unit of every pattern that both halves of the text have, None between."""
    units = activity.halves()
    for feature in features_of(subject):
        pattern = pattern_of(feature, activity.sheet)
        yield None
        if not units.usable(pattern):
            continue
        yield from units.prepare(pattern, measure_of(feature.kind))
        found = units.follow(pattern, measure_of(feature.kind))
        yield None
        linear = units.linear(pattern, feature.kind)
        unit = found.best
        yield PatternScore(
            feature.name, feature.title, unit, float(found.score[unit]), float(found.held[unit]),
            found.baseline, found.p, linear, feature.kind,
        )  # fmt: skip


def _by_pattern(
    feature: Feature, wish: CellsOf, activity: Activity, plain: Cells
) -> Iterator[Cells | None]:
    pattern = pattern_of(feature, activity.sheet)
    units, measure = activity.halves(), measure_of(feature.kind)
    if not units.usable(pattern):
        empty = Ranking(feature.title, measure, (), math.nan, math.nan, False)
        yield replace(plain, ranking=empty, pattern=freeze(pattern))
        return
    yield from units.prepare(pattern, measure)
    found = units.follow(pattern, measure)
    listed = _listed(found)
    told = _with_units(plain, wish, activity, [each.unit for each in listed])
    ranking = Ranking(feature.title, measure, listed, found.baseline, found.p, found.checked)
    yield replace(told, ranking=ranking, pattern=freeze(pattern))


def _by_brush(
    subject: Subject, wish: CellsOf, activity: Activity, plain: Cells
) -> Iterator[Cells | None]:
    tokens = activity.sheet.tokens
    first, last = max(0, wish.first), min(wish.last, len(tokens) - 1)
    again = recurrence(tokens, first, last)
    phrase, measure = "".join(tokens[first : last + 1]), "contrast"
    units = Units(activity.x, again.search, again.check)
    if not 0 < float(again.pattern[again.search].mean()) < 1:
        empty = Ranking(phrase, measure, (), math.nan, math.nan, False, again.count)
        yield replace(plain, ranking=empty, pattern=freeze(again.pattern))
        return
    yield from units.prepare(again.pattern, "contrast")
    found = units.follow(again.pattern, "contrast")
    yield None
    listed = _listed(found)
    like = looks_like(features_of(subject), activity.sheet, first, last)
    told = _with_units(plain, wish, activity, [each.unit for each in listed])
    ranking = Ranking(
        phrase, measure, listed, found.baseline, found.p, found.checked, again.count, like
    )
    searched = int(again.search.sum())
    yield replace(
        told, ranking=ranking, pattern=freeze(again.pattern), search=searched,
        search_first=bool(again.search[0]),
    )  # fmt: skip


def looks_like(features: Sequence[Feature], sheet: Sheet, first: int, last: int) -> str:
    """Return the built-in pattern that a brush agrees with best around it, "" for none.

    Agreement is the F1 score within as many tokens on either side as were brushed, 20 at least.
    """
    around = max(20, last - first + 1)
    window = slice(max(0, first - around), last + 1 + around)
    brushed = np.zeros(len(sheet.tokens), bool)
    brushed[first : last + 1] = True
    scores = {
        feature.title: _f1(pattern_of(feature, sheet)[window] > 0.5, brushed[window])
        for feature in features
        if feature.kind == "binary"
    }
    best = max(scores, key=lambda title: scores[title], default="")
    return best if best and scores[best] >= LIKE else ""


def _f1(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return 2 * float((one & other).sum()) / max(1, int(one.sum() + other.sum()))


def _listed(found: Followed) -> tuple[UnitScore, ...]:
    return tuple(
        UnitScore(int(unit), float(found.score[unit]), float(found.held[unit]))
        for unit in found.order[:LISTED]
    )


# ------------------------------------------------------------------------------- telling


def _told(sites: Sequence[Site], at: int, state: str, wish: CellsOf, activity: Activity) -> Cells:
    sheet = activity.sheet
    units = _page(wish, activity.x.shape[1])
    search, _ = halves(sheet.rows, len(sheet.tokens))
    return Cells(
        places=tuple(site.place for site in sites),
        place=at,
        state=state,
        total=activity.x.shape[1],
        tokens=sheet.tokens,
        rows=sheet.rows,
        units=freeze(np.array(units, np.int64)),
        values=freeze(activity.x[:, units].T),
        limit=activity.limit,
        signed=activity.signed,
        pattern=freeze(np.zeros(0, np.float32)),
        search=int(search.sum()),
        search_first=True,
        best=(),
        ranking=None,
        read=activity.read,
        skipped=sheet.skipped,
        cut=sheet.cut,
        window=activity.window,
    )


def _page(wish: CellsOf, total: int) -> list[int]:
    first = min(max(0, wish.page), max(0, total - 1) // PAGE) * PAGE
    return list(range(first, min(total, first + PAGE)))


def _with_units(plain: Cells, wish: CellsOf, activity: Activity, found: Sequence[int]) -> Cells:
    """Return a reading with the values of the page and of the units that were found."""
    units = list(dict.fromkeys([*_page(wish, activity.x.shape[1]), *found]))
    values = freeze(activity.x[:, units].T)
    return replace(plain, units=freeze(np.array(units, np.int64)), values=values)


def best_cells(subject: Subject, steps: int) -> Iterator[tuple[Site, str, PatternScore]]:
    """Search every layer and kind of number for the best unit of every pattern.

    Args:
        subject: The model.
        steps: Held-out tokens to read.
    """
    with torch.no_grad():
        for site in unit_sites(subject.model):
            for state in site.tap.states:
                *_, activity = read(subject, site, state, steps)
                for score in best_of_each(subject, activity):
                    if score is not None:
                        yield site, state, score


ANSWERS: dict[type, Answer] = {CellsOf: cells}
