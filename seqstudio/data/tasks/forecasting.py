"""A measured series to be forecast one step ahead; the end of it is held out.

Shape legend: N = time steps, P = pieces, B = rows, T = steps of a piece, D = values a step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.corpora import resolve
from seqstudio.data.dataset import Dataset
from seqstudio.data.reading.measured import Measured, read_measured
from seqstudio.data.reading.sound import read_sound
from seqstudio.data.scoring.series import naive_error
from seqstudio.data.tasks.base import Batch, InUnit, KnownFloor, Listed, hash_of
from seqstudio.data.tasks.scaling import Scaling, lagged, regression, season_of
from seqstudio.data.tasks.series import gaussian_loss, open_waves

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

LEAST = 30
"""Fewest steps worth learning from."""
MOST_ORDER = 24
_CHOSEN_ON = 0.2
"""Share of the training part, its end, on which the differences are chosen."""
_CLEARLY_BETTER = 0.97
_TRIAL_ORDER = 3
"""Values that the regression of the choice sees: a season has to come from the differences."""


@dataclass(frozen=True)
class SeriesBatch(Batch):
    """Pieces of a series, with what their targets stand on.

    Attributes:
        base: (B, T, D) what `Scaling.restore` needs for the targets.
    """

    base: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Line:
    """A series with its scale.

    Attributes:
        values: (N, D) in the unit of the series, NaN where nothing was measured.
        cut: First step that is held out.
        season: Steps of a season, 0 without.
        scaling: To the numbers that a model sees.
        names: (D,) of the values.
        step: One step in words.
    """

    values: NDArray[np.float64]
    cut: int
    season: int
    scaling: Scaling
    names: tuple[str, ...]
    step: str

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """What a model sees (N, D); NaN at gaps and where differences reach into one."""
        return self.scaling.numbers(self.values)

    @cached_property
    def base(self) -> NDArray[np.float64]:
        """What the numbers stand on (N, D)."""
        return self.scaling.base(self.values)

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Whether a model can see a step (N,)."""
        return np.asarray(np.isfinite(self.numbers).all(1))

    def runs(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return where unbroken stretches between two steps begin and end (exclusive)."""
        bordered = np.pad(self.known[start:stop].astype(np.int8), 1)
        edges = np.flatnonzero(np.diff(bordered))
        return [(start + int(a), start + int(b)) for a, b in edges.reshape(-1, 2)]

    @cached_property
    def asked(self) -> NDArray[np.bool_]:
        """Whether a held-out step is asked: it is known, and so is the one before it (N,)."""
        out = self.known.copy()
        out[: self.cut] = False
        out[1:] &= self.known[:-1]
        return out

    @cached_property
    def ways(self) -> dict[str, NDArray[np.float64]]:
        """Answers without learning by gradient, in standard numbers (N, D), NaN where unknown."""
        levels = self.scaling.levels(self.values)
        before = _back(levels, 1)
        trained = np.diff(levels[: self.cut], axis=0)
        told = {"the last value": before, "drift": before + np.nanmean(trained, 0)}
        if self.season > 1:
            told[f"the value {self.season} steps before"] = _back(levels, self.season)
        ways = {name: self.scaling.of_levels(each, self.base) for name, each in told.items()}
        order = min(MOST_ORDER, max(1, self.cut // 8))
        weights = regression(self.numbers, order, np.arange(len(self.values)) < self.cut)
        ways[f"regression on {order} values"] = lagged(self.numbers, order) @ weights
        return ways

    def loss_of(self, way: NDArray[np.float64]) -> float:
        """Return the loss of an answer in nats; its spread is that on the training part."""
        errors = np.square(way - self.numbers)
        seen = np.nanmean(errors[: self.cut], 0)
        held = np.nanmean(errors[self.asked], 0)
        pairs = zip(seen.tolist(), held.tolist(), strict=True)
        return sum(gaussian_loss(max(a, 1e-12), b) for a, b in pairs)

    def errors_of(self, way: NDArray[np.float64]) -> tuple[float, float]:
        """Return the held-out mean absolute and root mean square error, in the unit."""
        errors = (self.scaling.restore(way, self.base) - self.values)[self.asked]
        return float(np.nanmean(np.abs(errors))), math.sqrt(float(np.nanmean(np.square(errors))))


@dataclass(frozen=True, eq=False)
class SeriesTask(Listed):
    """Say the next values of a measured series, and how sure that is.

    Inputs (B, T, D) and targets (B, T, D), one step later: standard numbers. A piece that is
    shorter than T is filled up at its end, where nothing is asked.

    Attributes:
        series: Where they are cut from.
        starts: (P,) first step of each piece.
        steps: (P,) steps of each piece.
        begins: (P,) first step of each piece that is asked; what is before is only read.
        length: T.
    """

    series: Line
    starts: NDArray[np.int64]
    steps: NDArray[np.int64]
    begins: NDArray[np.int64]
    length: int

    @override
    def __len__(self) -> int:
        return len(self.starts)

    @override
    def take(self, places: NDArray[np.int64]) -> SeriesBatch:
        line, at = self.series, np.arange(self.length)
        now = self.starts[places][:, None] + at
        inside = at < self.steps[places][:, None]
        asked = inside & (at >= self.begins[places][:, None])
        last = len(line.values) - 1
        now, after = np.minimum(now, last), np.minimum(now + 1, last)
        inputs = np.where(inside[:, :, None], line.numbers[now], 0.0).astype(np.float32)
        targets = np.where(asked[:, :, None], line.numbers[after], np.nan).astype(np.float32)
        return SeriesBatch(inputs, targets, self.steps[places], base=line.base[after])

    def restore(
        self, numbers: NDArray[np.floating], batch: Batch, rows: slice = slice(None)
    ) -> NDArray[np.float64]:
        """Return numbers (B, T, D) that were told for rows of a batch in the unit of the series.

        Raises:
            ValueError: The batch is not one of a series.
        """
        base = batch.base if isinstance(batch, SeriesBatch) else None
        if base is None:
            raise ValueError("the batch is not one of a series")
        return self.series.scaling.restore(np.asarray(numbers, np.float64), base[rows])

    @override
    def line(self, batch: Batch, row: int) -> str:
        rows = slice(row, row + 1)
        values = self.restore(batch.targets[rows], batch, rows)[0]
        told = values[np.isfinite(values).all(1)]
        words = [" ".join(f"{number:.4g}" for number in step) for step in told[-12:]]
        return f"{', '.join(words[:-1])} → {words[-1]}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        losses = {name: self.series.loss_of(way) for name, way in self.series.ways.items()}
        best = min(losses, key=losses.__getitem__)
        return best, losses[best]

    @override
    def known_floors(self, examples: Iterable[Batch]) -> tuple[KnownFloor, ...]:
        scale = self.in_unit().naive
        floors: list[KnownFloor] = []
        for name, way in self.series.ways.items():
            mae, rmse = self.series.errors_of(way)
            floors += [KnownFloor("MAE", name, mae), KnownFloor("RMSE", name, rmse)]
            floors.append(KnownFloor("MASE", name, mae / scale if scale > 0 else math.nan))
        return tuple(floors)

    @override
    def in_unit(self) -> InUnit:
        # Mean and spread are right where nothing is taken away; `restore` is right always.
        scaling, names = self.series.scaling, self.series.names
        naive = naive_error(self.series.values[: self.series.cut])
        return InUnit(scaling.mean, scaling.spread, names[0] if len(names) == 1 else "", naive)


def _back(levels: NDArray[np.float64], lag: int) -> NDArray[np.float64]:
    out = np.full_like(levels, np.nan)
    out[lag:] = levels[:-lag] if lag < len(levels) else np.nan
    return out


def open_series(settings: DataSettings, base: Path | None) -> Dataset:
    """Open a table or a WAV file as a series; without a path, waves that are drawn.

    Raises:
        DataError: The file is no good, or too short.
    """
    if not settings.path:
        return open_waves(settings, base)
    path = resolve(settings.path, base)
    if path.suffix.lower() in {".wav", ".wave"}:
        sound = read_sound(path, settings.rate)
        step = f"1/{sound.rate:,} s"
        values = sound.samples.astype(np.float64)[:, None]
        found = Measured(values, ("sound",), step, 0, sound.notes)
    else:
        found = read_measured(path, settings.columns)
    return series_dataset(path.name, f"Your file {path}.", found, settings)


def series_dataset(title: str, origin: str, found: Measured, settings: DataSettings) -> Dataset:
    """Scale a series by its beginning, and hold out its end.

    Raises:
        DataError: Too short, or the differences leave nothing.
    """
    count = len(found.values)
    known = int(np.isfinite(found.values).all(1).sum())
    if known < LEAST:
        raise DataError(
            f"{title} is too short to learn from",
            f"it has {known:,} time steps, at least {LEAST} are needed",
        )
    cut = count - max(1, round(count * settings.held_out))
    line, why = _line(title, found, cut, settings)
    train, valid = _training(line, settings.length), _held_out(line, settings.length)
    _check_parts(title, train, valid)
    width = found.values.shape[1]
    numbers = np.nan_to_num(line.numbers).astype("<f8").view("<u2").ravel()
    return Dataset(
        title=title,
        origin=origin,
        pattern="forecast",
        input="vectors",
        vector_width=width,
        outputs=width,
        unit="nats per step",
        token_name="step",
        chance=width * 0.5 * math.log(2 * math.pi * math.e),
        content_hash=hash_of(f"series {train.length} {cut} {line.names}", numbers),
        notes=(*_found_notes(line, found, why), *found.notes),
        task=train,
        held_out_task=valid,
    )


def _found_notes(line: Line, found: Measured, why: str) -> list[str]:
    held = int(line.asked.sum())
    notes = [
        f"{len(found.values):,} steps of one {found.step}; the last {held:,} are held out",
        f"Values: {', '.join(found.names[:8])}",
        f"A season of {line.season} steps" if line.season else "No season found",
        why,
    ]
    if found.gaps:
        notes.append(f"{found.gaps:,} steps without a value: nothing is filled in or asked there")
    maes = {name: line.errors_of(way)[0] for name, way in line.ways.items()}
    best = min(maes, key=maes.__getitem__)
    told = ", ".join(f"{name} {value:.4g}" for name, value in maes.items())
    return [*notes, f"Mean absolute error without a network: {told}; the best is {best}"]


def _line(title: str, found: Measured, cut: int, settings: DataSettings) -> tuple[Line, str]:
    """Return the series, scaled, and how in words."""
    values = found.values
    season = settings.season or season_of(values[:cut, 0])
    positive = bool((values[np.isfinite(values)] > 0).all())
    if settings.logarithm == "on" and not positive:
        raise DataError(
            f"{title} has values that are not above zero", "they have no logarithm",
            "Set the logarithm to Never",
        )  # fmt: skip
    if settings.differences in ("season", "both") and season < 2:
        raise DataError(
            f"No season is found in {title}", "", "Set the season in steps, or other differences"
        )
    lags = {"none": (), "step": (1,), "season": (season,), "both": (season, 1)}
    usable = {name: each for name, each in lags.items() if sum(each) < cut // 2}
    if settings.differences in lags and settings.differences not in usable:
        raise DataError(
            f"{title} is too short for these differences",
            f"a season of {season} steps, {cut:,} steps to learn from",
        )
    logs = {"auto": [False, True], "on": [True], "off": [False]}[settings.logarithm]
    trials = [
        (name, log)
        for log in logs
        if positive or not log
        for name in usable
        if settings.differences in ("auto", name) and (name in ("none", "step") or season > 1)
    ]
    drafts = {
        (name, log): Line(
            values, cut, season, Scaling.fit(values, log, lags[name], cut), found.names, found.step
        )
        for name, log in trials
    }
    return _chosen(drafts)


_WORDS = {
    "none": "Values as they are",
    "step": "Differences from the step before",
    "season": "Differences from a season before",
    "both": "Differences from a season before and from the step before",
}


def _chosen(drafts: dict[tuple[str, bool], Line]) -> tuple[Line, str]:
    """Return the draft that a linear regression tells best at the end of the training part."""
    first = next(iter(drafts))
    best, least = first, math.inf
    if len(drafts) > 1:
        for key, line in drafts.items():
            error = _trial(line)
            # A later draft is more work to read: it has to be clearly better.
            if error < least * (_CLEARLY_BETTER if math.isfinite(least) else 1):
                best, least = key, error
    words = _WORDS[best[0]] + (" of the logarithm" if best[1] else "")
    how = ", chosen by a regression on the training part" if len(drafts) > 1 else ""
    return drafts[best], words + how


def _trial(line: Line) -> float:
    inner = line.cut - round(line.cut * _CHOSEN_ON)
    shorter = replace(
        line,
        values=line.values[: line.cut],
        cut=inner,
        scaling=Scaling.fit(line.values[: line.cut], line.scaling.log, line.scaling.lags, inner),
    )
    if not shorter.asked.any():
        return math.inf
    weights = regression(shorter.numbers, _TRIAL_ORDER, np.arange(len(shorter.values)) < inner)
    return shorter.errors_of(lagged(shorter.numbers, _TRIAL_ORDER) @ weights)[0]


def _training(line: Line, length: int) -> SeriesTask:
    runs = [(a, b) for a, b in line.runs(0, line.cut) if b - a > 1]
    longest = max((b - a for a, b in runs), default=1)
    steps = min(length, longest - 1)
    starts: list[int] = []
    counts: list[int] = []
    for a, b in runs:
        whole = range(a, b - steps) if b - a > steps else range(a, a + 1)
        starts += whole
        counts += [min(steps, b - a - 1)] * len(whole)
    begins = np.zeros(len(starts), np.int64)
    return SeriesTask(line, np.array(starts, np.int64), np.array(counts, np.int64), begins, steps)


def _held_out(line: Line, length: int) -> SeriesTask:
    """Cut the end into pieces that ask every step once; what comes before is read first."""
    longest = max((b - a for a, b in line.runs(0, line.cut)), default=1)
    steps = max(1, min(length, longest - 1))
    pieces: list[tuple[int, int, int]] = []
    for a, b in line.runs(0, len(line.values)):
        first = max(line.cut, a + 1)
        for low, high in pairwise([*range(first, b, max(1, steps // 2)), b]):
            start = max(a, high - 1 - steps)
            pieces.append((start, high - 1 - start, low - 1 - start))
    if not pieces:
        pieces = [(0, 0, 0)]
    starts, counts, begins = np.array(pieces, np.int64).T
    return SeriesTask(line, starts, counts, begins, steps)


def _check_parts(title: str, train: SeriesTask, valid: SeriesTask) -> None:
    line = train.series
    if train.length < 2 or int(line.known[: line.cut].sum()) < LEAST // 2:
        raise DataError(
            f"{title} has no stretch that is long enough to learn from",
            "its gaps cut it into too short pieces",
            "Choose a column with fewer gaps, or smaller differences",
        )
    if not line.asked.any():
        raise DataError(
            f"Nothing of {title} can be held out",
            "its end has no two known values in a row",
            "Raise the held-out share",
        )
    del valid
