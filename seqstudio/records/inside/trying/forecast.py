"""A series told ahead: one step at a time over what is known, and freely from a place.

Shape legend: N = steps shown, A = steps ahead, K = paths shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats

MOST_SHOWN = 600
MOST_AHEAD = 200
QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Edges of the bands that hold 95, 80 and 50 %, and the middle."""


@dataclass(frozen=True)
class ForecastFrom:
    """Ask for forecasts of the series, or of a held-out example where series are drawn.

    Attributes:
        origin: Last step that the free forecast knows; below 0: where the held-out part begins.
        ahead: Steps of it.
        moved: Steps that the person gave another value, with it, in the unit of the series.
        example: Which held-out example, where series are drawn.
        value: Which of several values a step.
    """

    origin: int = -1
    ahead: int = 24
    moved: tuple[tuple[int, float], ...] = ()
    example: int = 0
    value: int = 0


@dataclass(frozen=True)
class Forecasted:
    """The answer, all values in the unit of the series; NaN where nothing is known or told.

    Attributes:
        first: Step of the series that is shown first.
        cut: First step that is held out.
        origin: Last step that the free forecast knew.
        truth: (N,) with what the person moved.
        told: (N, 7) quantiles one step ahead, from the values before as they were.
        naive: (N,) the better of the naive answers.
        naive_name: How it answers.
        free: (A, 7) quantiles of the free forecast.
        paths: (K, A) some of its sampled paths.
        error: Mean absolute error one step ahead over the held-out steps that are shown.
        naive_error: The same of the naive answer.
        free_error: The same of the middle of the free forecast, NaN where it leaves the series.
        inside: (3,) share of the held-out values inside the bands of 50, 80 and 95 %.
        unit: Of the values, "" where it is not known.
        step: One step in words.
        names: Of the values of a step.
    """

    first: int
    cut: int
    origin: int
    truth: Floats
    told: Floats
    naive: Floats
    naive_name: str
    free: Floats
    paths: Floats
    error: float
    naive_error: float
    free_error: float
    inside: Floats
    unit: str
    step: str
    names: tuple[str, ...]
