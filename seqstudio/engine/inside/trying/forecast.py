"""A series told one step ahead and freely. Shape legend: N steps, D values, S sampled paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import torch
from numpy.typing import NDArray

from seqstudio.core.errors import RunError
from seqstudio.data.tasks.ball import BallTask
from seqstudio.data.tasks.forecasting import Line, SeriesTask
from seqstudio.data.tasks.scaling import Scaling
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.reading import read, streams
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.inside.trying.going_on import GoingOn
from seqstudio.engine.losses import LOG_SPREADS
from seqstudio.records.inside.trying.forecast import (
    MOST_AHEAD,
    MOST_SHOWN,
    QUANTILES,
    Forecasted,
    ForecastFrom,
)
from seqstudio.records.readings import freeze

Floats = NDArray[np.float64]
_PATHS, _SHOWN_PATHS = 200, 12
_WINDOWED_PATHS = 48  # where every step reads a whole window again
_BANDS = ((2, 4), (1, 5), (0, 6))  # quantiles around 50, 80 and 95 %
_DEVIATES = np.array([NormalDist().inv_cdf(share) for share in QUANTILES])


def forecast_from(subject: Subject, question: ForecastFrom) -> Iterator[Forecasted | None]:
    """Answer `ForecastFrom`.

    Raises:
        RunError: The model does not forecast the series that it reads.
    """
    line, unit = _line_of(subject, question.example)
    line = _moved(line, question)
    at = min(question.value, line.values.shape[1] - 1)
    first = max(0, len(line.values) - MOST_SHOWN)
    mean, spread = np.full_like(line.values, np.nan), np.full_like(line.values, np.nan)
    for _ in _one_ahead(subject, line, first, mean, spread):
        yield None
    quantiles = np.stack(
        [line.scaling.restore(mean + z * spread, line.base)[:, at] for z in _DEVIATES], 1
    )
    origin = _origin(line, question.origin)
    ahead = min(max(1, question.ahead), MOST_AHEAD)
    paths = np.empty((_PATHS if streams(subject.model) else _WINDOWED_PATHS, ahead))
    for _ in _freely(subject, line, origin, at, paths):
        yield None
    yield _told(line, unit, at, first, origin, quantiles, paths)


def _line_of(subject: Subject, example: int) -> tuple[Line, str]:
    dataset = subject.dataset
    task = dataset.held_out_task or dataset.task
    alike = dataset.vector_width == dataset.outputs and not isinstance(task, BallTask)
    if dataset.pattern != "forecast" or not alike:
        raise RunError(
            "This model does not forecast a series",
            f"{dataset.title} asks for: {dataset.pattern}",
            "Open a project that forecasts, such as Forecast with an LSTM",
        )
    if isinstance(task, SeriesTask):
        return task.series, task.in_unit().unit
    batch = dataset.fixed_batches(64, 1)[0]
    row = example % len(batch.inputs)
    values = np.concatenate([batch.inputs[row], batch.targets[row, -1:]]).astype(np.float64)
    width = values.shape[1]
    plain = Scaling(False, (), np.zeros(width), np.ones(width))
    names = tuple(f"value {number + 1}" for number in range(width))
    return Line(values, len(values) // 2, 0, plain, names, "step"), ""


def _moved(line: Line, question: ForecastFrom) -> Line:
    if not question.moved:
        return line
    values = line.values.copy()
    for step, value in question.moved:
        if 0 <= step < len(values) and (value > 0 or not line.scaling.log):
            values[step, min(question.value, values.shape[1] - 1)] = value
    return replace(line, values=values)


def _origin(line: Line, wanted: int) -> int:
    """Return the known step that is nearest before the wanted one, else the first known."""
    known = np.flatnonzero(line.known)
    wanted = line.cut - 1 if wanted < 0 else wanted
    before = known[known <= wanted]
    return int(before[-1] if len(before) else known[0])


def _one_ahead(
    subject: Subject, line: Line, first: int, mean: Floats, spread: Floats
) -> Iterator[None]:
    """Write means and spreads of every step from those before it, in standard numbers."""
    warm = max(0, first - subject.model.facts.window)
    for start, stop in line.runs(warm, len(line.values)):
        given = torch.from_numpy(line.numbers[None, start:stop].astype(np.float32))
        for piece in read(subject.model, Inputs(given), whole=False):
            told = piece.outputs[0, piece.skip :].double().numpy()
            steps = np.arange(piece.start, piece.stop) + start + 1
            inside = steps < stop
            means, logs = np.split(told, 2, -1)
            mean[steps[inside]] = means[inside]
            spread[steps[inside]] = np.exp(logs[inside].clip(*LOG_SPREADS))
            yield


def _freely(subject: Subject, line: Line, origin: int, at: int, paths: Floats) -> Iterator[None]:
    """Write sampled paths (S, A) of one value from a step on, in the unit of the series."""
    start = next(a for a, b in line.runs(0, len(line.values)) if a <= origin < b)
    start = max(start, origin - 4 * subject.model.facts.window)
    context = torch.from_numpy(line.numbers[None, start : origin + 1].astype(np.float32))
    going = GoingOn(subject.model, context, len(paths))
    weights = _weights(line.scaling.lags)
    past = line.scaling.levels(line.values[max(0, origin + 1 - len(weights)) : origin + 1])
    levels = np.repeat(past[None], len(paths), 0)
    rng = np.random.default_rng(origin)
    for step in range(paths.shape[1]):
        mean, spread = (each.double().numpy() for each in going.told())
        numbers = mean + spread * rng.standard_normal(mean.shape)
        back = min(len(weights), levels.shape[1])
        base = np.einsum("k,rkd->rd", weights[:back], levels[:, ::-1][:, :back])
        new = numbers * line.scaling.spread + line.scaling.mean + base
        levels = np.concatenate([levels, new[:, None]], 1)
        paths[:, step] = np.exp(np.minimum(new, 700.0))[:, at] if line.scaling.log else new[:, at]
        going.read(torch.from_numpy(numbers.astype(np.float32)))
        yield


def _weights(lags: tuple[int, ...]) -> Floats:
    """Return the weights of the levels 1, 2, ... steps before, of which differences are taken."""
    whole = np.ones(1)
    for lag in lags:
        factor = np.zeros(lag + 1)
        factor[0], factor[lag] = 1.0, -1.0
        whole = np.convolve(whole, factor)
    return -whole[1:]


def _told(
    line: Line, unit: str, at: int, first: int, origin: int, quantiles: Floats, paths: Floats
) -> Forecasted:
    truth = line.values[:, at]
    name, naive = _naive(line, at)
    held = line.asked & np.isfinite(quantiles[:, 3])
    held[:first] = False
    free = np.quantile(paths, QUANTILES, 0).T
    known = truth[origin + 1 : origin + 1 + len(free)]
    inside = [
        _mean(((truth >= quantiles[:, low]) & (truth <= quantiles[:, high]))[held])
        for low, high in _BANDS
    ]
    return Forecasted(
        first, line.cut, origin, freeze(truth[first:]), freeze(quantiles[first:]),
        freeze(naive[first:]), name, freeze(free), freeze(paths[:_SHOWN_PATHS]),
        _mean(np.abs(quantiles[:, 3] - truth)[held]),
        _mean(np.abs(naive - truth)[held]),
        _mean(np.abs(free[: len(known), 3] - known)),
        freeze(np.array(inside)), unit, line.step, line.names,
    )  # fmt: skip


def _naive(line: Line, at: int) -> tuple[str, Floats]:
    """Return the better of the last value and the value a season before, over the end."""
    told = {}
    for name, lag in (("the last value", 1), (f"{line.season} steps before", line.season)):
        if 0 < lag < line.cut:
            told[name] = np.full(len(line.values), np.nan)
            told[name][lag:] = line.values[:-lag, at]
    truth = line.values[:, at]
    best = min(told, key=lambda name: _mean(np.abs(told[name] - truth)[line.asked]))
    return best, told[best]


def _mean(values: NDArray[np.generic]) -> float:
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else float("nan")


ANSWERS: dict[type, Answer] = {ForecastFrom: forecast_from}
