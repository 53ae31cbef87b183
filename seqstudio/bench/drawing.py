"""Long curves and large maps: the time that new data and the painting of them take.

Processor time of the thread is measured, not the clock: what else runs does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from seqstudio.bench.results import Row, median, quantile

CURVES, POINTS, MAP = 4, 100_000, 512
CURVES_MS, MAP_MS = 2.0, 2.5
WIDTH, HEIGHT = 800, 500
EVENTS = 100


def measure_drawing(events: int) -> dict[str, list[float]]:
    """Return the milliseconds of every update, by what was updated; needs a Qt platform.

    Args:
        events: Updates of each.
    """
    from seqstudio.studio.app import application
    from seqstudio.studio.theme import themes

    application()
    themes().set_mode("dark")
    return {"curves": _curves(events), "map": _map(events)}


def _curves(events: int) -> list[float]:
    """Add a point to each of some long curves, and paint."""
    from seqstudio.studio.plots import Plot

    plot, rng = Plot(x_title="step", y_title="loss"), np.random.default_rng(0)
    steps = np.arange(POINTS, dtype=float)
    curves = [plot.add_curve(str(n), "role:loss", label=f"run {n}") for n in range(CURVES)]
    for curve in curves:
        curve.extend(steps, 1 + rng.standard_normal(POINTS) / 10)
    plot.set_range(x=(0.0, POINTS + events), y=(0.0, 2.0))
    noise = rng.standard_normal((events + 2, CURVES)) / 10

    def update(number: int) -> None:
        for curve, value in zip(curves, noise[number], strict=True):
            curve.append(float(POINTS + number), 1 + float(value))

    return _timed(plot, update, events)


def _map(events: int) -> list[float]:
    """Give a large map other values, and paint."""
    from seqstudio.studio.plots import HeatMap

    heat, rng = HeatMap("attention", bar_title="weight"), np.random.default_rng(0)
    frames = [rng.random((MAP, MAP), np.float32) for _ in range(4)]
    return _timed(heat, lambda number: heat.set_data(frames[number % len(frames)]), events)


def _timed(widget: Any, update: Callable[[int], None], events: int) -> list[float]:
    """Return the milliseconds of each update with its painting; the first two do not count."""
    from PySide6.QtWidgets import QApplication

    widget.resize(WIDTH, HEIGHT)
    widget.show()
    QApplication.processEvents()
    took = []
    for number in range(events + 2):
        before = time.thread_time()
        update(number)
        widget.repaint()
        QApplication.processEvents()
        took.append(1e3 * (time.thread_time() - before))
    widget.close()
    return took[2:]


def bench_plots(platform: str, events: int = EVENTS) -> Iterator[Row]:
    """Measure in a child process with a real window."""
    from seqstudio.bench.live import ask

    found = ask("drawing", platform, events=events)
    named = (("curves", f"{CURVES} curves of {POINTS:,} points, one more each", CURVES_MS),
             ("map", f"map of {MAP} × {MAP}, other values", MAP_MS))  # fmt: skip
    for key, what, goal in named:
        note = f"99 % within {quantile(found[key], 0.99):.1f} ms, {events} updates"
        yield Row(what, "ms", median(found[key]), goal=goal, note=note)
