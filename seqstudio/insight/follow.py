"""Which units follow a pattern: scores on one part of a text, checked on another, with a baseline.

Definitions: docs/diagnostics/cells.md. Units are found on the search part, where every one of
them is tried; what they are worth is told by the check part, which had no say in the choice. The
baseline does the same with patterns that have nothing to do with the text: the pattern itself,
turned round in a circle, cut into pieces and put together in another order. The pieces are long
against its ups and downs, so it stays as lasting as it was. Pure numpy.

Shape legend: T tokens, N units, S shuffles, C classes, K units in a list.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from seqstudio.insight.features import Kind

Values = NDArray[np.floating]
Mask = NDArray[np.bool_]
Measure = Literal["correlation", "contrast", "ratio"]
"""Pearson's r, for numbers; 2 AUC - 1, for 0 and 1; the correlation ratio eta, for classes."""

SHUFFLES = 200
LEVEL = 0.99
LEAST = 8
"""Fewest tokens of a part that can be scored."""
RIDGE = 0.1
MOST_LINEAR = 2_500
"""Most tokens that the linear probe learns from: more of them are thinned out."""
MOST_PIECES, RUNS_A_PIECE = 16, 6
_AT_ONCE, _COLUMNS = 20, 16


@dataclass(frozen=True)
class Followed:
    """How well every unit follows a pattern.

    Attributes:
        order: (N,) units, the one that follows best on the search part first.
        score: (N,) score of each unit on the search part, with its sign.
        held: (N,) score on the check part, above zero where the sign is the same; NaN without.
        baseline: 99 % quantile of the held-out score of the best of all units for shuffled
            patterns; of the score on the search part where there is no other.
        p: Share of shuffled patterns that reach the best unit's score, at least 1 / (S + 1).
        checked: Whether there is a check part.
    """

    order: NDArray[np.int64]
    score: Values
    held: Values
    baseline: float
    p: float
    checked: bool

    @property
    def best(self) -> int:
        """The unit that follows best on the search part."""
        return int(self.order[0])

    @property
    def worth(self) -> float:
        """What the best unit is worth: its held-out score, or else the one of the search."""
        return float((self.held if self.checked else abs(self.score))[self.best])


def measure_of(kind: Kind) -> Measure:
    """Return the score for a kind of pattern."""
    measures: dict[Kind, Measure] = {
        "binary": "contrast", "graded": "correlation", "class": "ratio",
    }  # fmt: skip
    return measures[kind]


class Units:
    """Activations of a layer, prepared for many patterns.

    Args:
        x: Activations (T, N).
        search: Tokens (T,) among which units are found.
        check: Tokens (T,) on which they are checked; none of them may be in `search`.
    """

    def __init__(self, x: Values, search: Mask, check: Mask) -> None:
        self.parts = (np.flatnonzero(search), np.flatnonzero(check))
        self._x = np.asarray(x, np.float32)
        self._ready: dict[tuple[bool, bytes], Values] = {}
        self._solved: tuple[bytes, tuple[Values, Values, Values]] | None = None

    @property
    def count(self) -> int:
        """Units N."""
        return int(self._x.shape[1])

    def prepare(self, pattern: Values, measure: Measure) -> Iterator[None]:
        """Do what takes longest before `follow`, in slices of some milliseconds."""
        for part in (0, 1):
            places = self._known(pattern, part)
            ready = (True, places.tobytes()) in self._ready
            if measure == "contrast" and len(places) >= LEAST and not ready:
                rows = np.empty((len(places), self.count), np.float32)
                for start in range(0, self.count, _COLUMNS):
                    these = slice(start, start + _COLUMNS)
                    rows[:, these] = centred_ranks(self._x[places, these])
                    yield
                self._ready[True, places.tobytes()] = rows

    def usable(self, pattern: Values) -> bool:
        """Tell whether a pattern varies in both parts, so that it can be followed at all."""
        return all(_varies(pattern[self._known(pattern, part)]) for part in (0, 1))

    def follow(
        self, pattern: Values, measure: Measure = "correlation", shuffles: int = SHUFFLES
    ) -> Followed:
        """Score every unit; the pattern has one value a token, NaN where it is not defined.

        Raises:
            ValueError: The pattern does not vary on the search part.
        """
        a, b = (self._known(pattern, part) for part in (0, 1))
        if not _varies(pattern[a]):
            raise ValueError("the pattern is the same everywhere")
        checked = _varies(pattern[b])
        scorer = _SCORERS[measure](self._rows(a, measure), pattern[a])
        score = scorer.score(pattern[a][None])[0]
        order = np.argsort(-np.abs(score), kind="stable")
        held = np.full(self.count, np.nan, np.float32)
        checker = None
        if checked:
            checker = _SCORERS[measure](self._rows(b, measure), pattern[b])
            held = checker.held(scorer, pattern[a][None], pattern[b][None])[0]
        null = _null(scorer, checker, pattern[a], pattern[b], shuffles)
        best = held[order[0]] if checked else abs(score[order[0]])
        p = (1 + int((null >= best).sum())) / (1 + len(null))
        return Followed(order, score, held, float(np.quantile(null, LEVEL)), p, checked)

    def linear(self, pattern: Values, kind: Kind) -> float:
        """Return how well all units together tell a pattern on the check part, by ridge.

        Returns:
            R squared for a graded pattern, balanced accuracy for a binary one (0.5 is chance);
            NaN for classes, or where a part cannot be used.
        """
        if kind == "class" or not self.usable(pattern):
            return float("nan")
        a, b = (self._known(pattern, part) for part in (0, 1))
        a = a[:: 1 + len(a) // MOST_LINEAR]
        mean, spread, inverse = self._gram(a)
        y = pattern[a].astype(np.float64)
        z = (self._x[a] - mean) / spread
        weights = inverse @ (z.T @ (y - y.mean()))
        guess = (self._x[b] - mean) / spread @ weights + y.mean()
        if kind == "graded":
            return _r2(guess, pattern[b])
        learnt, inside = z @ weights + y.mean(), y > 0.5
        return _balanced(guess, pattern[b], (learnt[inside].mean() + learnt[~inside].mean()) / 2)

    def _gram(self, places: NDArray[np.int64]) -> tuple[Values, Values, Values]:
        """Return mean, spread and the inverse of the ridge's normal matrix; kept for next time."""
        key = places.tobytes()
        if self._solved is None or self._solved[0] != key:
            x = self._x[places].astype(np.float64)
            mean, spread = x.mean(0), x.std(0) + 1e-6
            gram = np.cov(x.T / spread[:, None], bias=True).reshape(self.count, -1) * len(x)
            gram[np.diag_indices_from(gram)] += RIDGE * len(x)
            self._solved = key, (mean, spread, np.linalg.inv(gram))
        return self._solved[1]

    def _known(self, pattern: Values, part: int) -> NDArray[np.int64]:
        places = self.parts[part]
        known: NDArray[np.int64] = places[np.isfinite(pattern[places])]
        return known

    def _rows(self, places: NDArray[np.int64], measure: Measure) -> Values:
        """Return the units at some places, standardised, or their ranks; kept for next time."""
        ranked = measure == "contrast"
        key = ranked, places.tobytes()
        if key not in self._ready:
            while len(self._ready) > 5:
                self._ready.pop(next(iter(self._ready)))
            rows = self._x[places]
            self._ready[key] = centred_ranks(rows) if ranked else standardised(rows)
        return self._ready[key]


def standardised(x: Values) -> Values:
    """Return columns with mean 0 and spread 1; one that never changes becomes zeros."""
    centred = x - x.mean(0)
    spread = centred.std(0)
    # a unit that varies in its last bits only follows nothing
    still = spread <= 1e-6 * (1e-6 + np.abs(x).max(0, initial=0.0))
    result: Values = centred / np.where(still, np.inf, spread)
    return result


def centred_ranks(x: Values) -> Values:
    """Return the rank of every entry in its column less the mean rank, ties shared, over T / 2."""
    ranks = np.empty(x.shape, np.float32)
    for n in range(x.shape[1]):
        ordered = np.sort(x[:, n])
        low = np.searchsorted(ordered, x[:, n], "left")
        ranks[:, n] = low + np.searchsorted(ordered, x[:, n], "right")
    return (ranks - len(x)) / len(x)


class _Scorer(ABC):
    """Scores all units on one part of the text.

    Args:
        rows: Units there, (T, N), as the measure wants them.
        pattern: The pattern there, (T,).
    """

    def __init__(self, rows: Values, pattern: Values) -> None:
        self.rows = rows
        self.classes = int(np.max(pattern, initial=0)) + 1

    @abstractmethod
    def score(self, patterns: Values) -> Values:
        """Return the score (S, N) of every unit for patterns (S, T)."""

    def held(self, search: _Scorer, before: Values, patterns: Values) -> Values:
        """Return the score here (S, N) of what was found on another part with `before`."""
        result: Values = self.score(patterns) * np.sign(search.score(before))
        return result

    def of_best(self, search: _Scorer, before: Values, found: Values, patterns: Values) -> Values:
        """Return the score here (S,) of the best unit of each pattern, by `found` (S, N)."""
        units = np.abs(found).argmax(1)[:, None]
        every = self.held(search, before, patterns)
        result: Values = np.take_along_axis(every, units, 1)[:, 0]
        return result


class _Correlation(_Scorer):
    """Pearson's r of every unit."""

    def weights(self, patterns: Values) -> Values:
        result: Values = standardised(patterns.T.astype(np.float32)).T / self.rows.shape[0]
        return result

    @override
    def score(self, patterns: Values) -> Values:
        result: Values = self.weights(patterns) @ self.rows
        return result

    @override
    def of_best(self, search: _Scorer, before: Values, found: Values, patterns: Values) -> Values:
        # one unit a pattern: no product with all the others
        units = np.abs(found).argmax(1)
        signs = np.sign(found[np.arange(len(found)), units])
        picked = np.take(self.rows, units, 1).T
        result: Values = np.einsum("st,st->s", self.weights(patterns), picked) * signs
        return result


class _Contrast(_Correlation):
    """2 AUC - 1: mean rank inside less mean rank outside, over half the tokens."""

    @override
    def weights(self, patterns: Values) -> Values:
        inside = patterns > 0.5
        count = inside.sum(1, keepdims=True)
        result: Values = np.where(inside, 1 / count, -1 / (inside.shape[1] - count))
        return result.astype(np.float32)


class _Ratio(_Scorer):
    """The correlation ratio eta: spread of the means of the classes over the spread of all.

    On the check part: the correlation of a unit with the means that its classes had on the
    search part.
    """

    def means(self, patterns: Values, classes: int) -> tuple[Values, Values]:
        """Return share (S, C) and mean (S, C, N) of every class."""
        hot = patterns[:, None] == np.arange(classes)[None, :, None]
        count = hot.sum(2)
        flat = hot.reshape(-1, hot.shape[2]).astype(np.float32) @ self.rows
        means = flat.reshape(*count.shape, -1) / np.maximum(count, 1)[..., None]
        return count / patterns.shape[1], means

    @override
    def score(self, patterns: Values) -> Values:
        share, means = self.means(patterns, self.classes)
        result: Values = np.sqrt(np.einsum("sc,scn->sn", share, means**2))
        return result

    @override
    def held(self, search: _Scorer, before: Values, patterns: Values) -> Values:
        assert isinstance(search, _Ratio)
        classes = max(self.classes, search.classes)
        learnt = search.means(before, classes)[1]
        share, means = self.means(patterns, classes)
        middle = np.einsum("sc,scn->sn", share, learnt)
        both = np.einsum("sc,scn,scn->sn", share, learnt, means)
        spread = np.einsum("sc,scn->sn", share, learnt**2) - middle**2
        # the mean of a unit over all classes is 0 here: its rows are standardised
        result: Values = both / np.sqrt(np.maximum(spread, 1e-12))
        return result


_SCORERS: dict[Measure, type[_Scorer]] = {
    "correlation": _Correlation,
    "contrast": _Contrast,
    "ratio": _Ratio,
}


def _null(scorer: _Scorer, checker: _Scorer | None, a: Values, b: Values, shuffles: int) -> Values:
    """Return what the best unit is worth for each of many shuffled patterns, (S,)."""
    many_a = shuffled(a, shuffles)
    many_b = None if checker is None else shuffled(b, shuffles, 1)
    found = []
    for start in range(0, shuffles, _AT_ONCE):
        before = many_a[start : start + _AT_ONCE]
        score = scorer.score(before)
        if checker is None or many_b is None:
            found.append(np.abs(score).max(1))
        else:
            after = many_b[start : start + _AT_ONCE]
            found.append(checker.of_best(scorer, before, score, after))
    return np.concatenate(found)


def shuffled(pattern: Values, count: int, seed: int = 0) -> Values:
    """Return copies of a pattern (count, T), each turned round, cut and put together anew.

    Single values are never shuffled: patterns and units both last, and any two things that last
    agree now and then by chance.
    """
    result: Values = pattern[_orders(len(pattern), _pieces(pattern), count, seed)]
    return result


@lru_cache(maxsize=12)
def _orders(steps: int, pieces: int, count: int, seed: int) -> NDArray[np.int32]:
    rng = np.random.default_rng((seed, steps))
    places = np.empty((count, steps), np.int32)
    whole = np.arange(steps, dtype=np.int32)
    for row in places:
        turned = np.roll(whole, int(rng.integers(1, steps)))
        cuts = np.sort(rng.integers(1, steps, pieces - 1))
        parts = np.split(turned, cuts)
        row[:] = np.concatenate([parts[n] for n in rng.permutation(pieces)])
    places.setflags(write=False)
    return places


def _pieces(pattern: Values) -> int:
    """Return into how many pieces a pattern is cut: a piece holds several of its ups and downs."""
    above = pattern > pattern.mean()
    runs = 1 + int((above[1:] != above[:-1]).sum())
    return min(MOST_PIECES, max(1, runs // RUNS_A_PIECE), len(pattern))


def _varies(pattern: Values) -> bool:
    return len(pattern) >= LEAST and bool(np.ptp(pattern) > 0)


def _r2(guess: Values, truth: Values) -> float:
    return float(1 - ((guess - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())


def _balanced(guess: Values, truth: Values, threshold: float) -> float:
    """Return the mean share of right answers of both classes."""
    inside = truth > 0.5
    right = (guess > threshold) == inside
    return float((right[inside].mean() + right[~inside].mean()) / 2)


# ----------------------------------------------------------------------------- brushing


@dataclass(frozen=True)
class Recurrence:
    """Where a brushed phrase stands in a text.

    Attributes:
        pattern: (T,) 1 in the phrase, wherever it stands, 0 elsewhere.
        search: (T,) part of the text that units are found on; the brush is in it.
        check: (T,) the other part; nothing of it when the phrase stands in one place only.
        count: How often it stands in the text.
    """

    pattern: Values
    search: Mask
    check: Mask
    count: int


def recurrence(tokens: Sequence[str], first: int, last: int) -> Recurrence:
    """Find a phrase, tokens `first` to `last` inclusive, everywhere in a text.

    The text is cut between two places of the phrase, about half of them on either side.
    """
    starts = _starts(tokens, first, last)
    pattern = np.zeros(len(tokens), np.float32)
    for at in starts:
        pattern[at : at + last - first + 1] = 1
    search = np.ones(len(tokens), bool)
    if len(starts) > 1:
        middle = len(starts) // 2
        cut = (starts[middle - 1] + last - first + 1 + starts[middle]) // 2
        before = np.arange(len(tokens)) < cut
        search = before if first < cut else ~before
    return Recurrence(pattern, search, ~search, len(starts))


def _starts(tokens: Sequence[str], first: int, last: int) -> list[int]:
    """Return where the phrase begins, without overlap; the brush itself is always there."""
    phrase, size = tuple(tokens[first : last + 1]), last - first + 1
    found, free = [], 0
    for at in range(len(tokens) - size + 1):
        near = at != first and abs(at - first) < size
        if at >= free and not near and tuple(tokens[at : at + size]) == phrase:
            found.append(at)
            free = at + size
    return found


def halves(rows: Sequence[int], count: int) -> tuple[Mask, Mask]:
    """Return the search part and the check part of a text: its first and second half.

    Args:
        rows: First token of every example, where a text is made of several: none is cut.
        count: Tokens T.
    """
    middle = count // 2
    if len(rows) > 1:
        middle = min(rows[1:], key=lambda start: abs(start - count / 2))
    search = np.arange(count) < middle
    return search, ~search
