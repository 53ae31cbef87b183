"""The benchmarks by name. Imports nothing heavy until one is run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqstudio.bench.results import Result, Row, load, machine, now

Report = Callable[[Row], None]


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes:
        seconds: Time for each benchmark, None for its own.
        platform: Qt platform of the windows.
        data: Files to learn from.
    """

    seconds: float | None = None
    platform: str = "offscreen"
    data: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Benchmark:
    """A benchmark.

    Attributes:
        help: What it measures, one line.
        against: The peer, "" where there is none.
        seconds: Time it takes by itself, about; a number of repeats follows from it if it counts.
        run: Yields its figures, given the time and the options.
        default: Whether it runs when no name is given.
    """

    help: str
    against: str
    seconds: float
    run: Callable[[float, Options], Iterator[Row]]
    default: bool = True


def _train(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.training import bench_train

    return bench_train(seconds)


def _probes(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.training import bench_probes

    return bench_probes(seconds)


def _window(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.live import bench_window

    return bench_window(seconds, options.platform)


def _start(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.live import STARTS, bench_start

    return bench_start(options.platform, _times(seconds, BENCHMARKS["start"].seconds, STARTS))


def _play(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.live import PLAYS, bench_play

    return bench_play(options.platform, _times(seconds, BENCHMARKS["play"].seconds, PLAYS))


def _canvas(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.canvas import bench_canvas

    return bench_canvas(seconds, options.platform)


def _plots(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.drawing import EVENTS, bench_plots

    return bench_plots(options.platform, _times(seconds, BENCHMARKS["plots"].seconds, EVENTS))


def _linking(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.linking import EVENTS, bench_linking

    events = _times(seconds, BENCHMARKS["linking"].seconds, EVENTS)
    return bench_linking(options.platform, events)


def _sampling(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.writing import bench_sampling

    return bench_sampling(seconds)


def _gradflow(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.flow import bench_gradflow

    return bench_gradflow(seconds)


def _several(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.several import bench_several

    return bench_several(seconds)


def _sound(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.sound import PIECES, SCORES, STOPS, TUNES, bench_sound

    usual = BENCHMARKS["sound"].seconds
    stops, tunes, pieces, scores = (
        min(_times(seconds, usual, most), most) for most in (STOPS, TUNES, PIECES, SCORES)
    )
    return bench_sound(
        seconds, options.platform, stops=stops, tunes=tunes, pieces=pieces, scores=scores
    )


def _learn(seconds: float, options: Options) -> Iterator[Row]:
    from seqstudio.bench.learning import bench_learn

    return bench_learn(seconds, options.data)


def _times(seconds: float, usual_s: float, count: int) -> int:
    return max(round(count * seconds / usual_s), 1)


BENCHMARKS: Mapping[str, Benchmark] = {
    "train": Benchmark("training headless", "plain loop", 85, _train),
    "probes": Benchmark("training with all probes", "without", 30, _probes),
    "window": Benchmark("training beside a live window", "no window", 120, _window),
    "start": Benchmark("process start to first picture", "", 8, _start),
    "play": Benchmark("Train to the first loss, Pause to the answer", "", 40, _play),
    "canvas": Benchmark("500 blocks on the canvas", "", 12, _canvas),
    "plots": Benchmark("new data in long curves and large maps", "", 5, _plots),
    "linking": Benchmark("the shared cursor moved, by model and topic", "", 20, _linking),
    "sampling": Benchmark("writing token by token", "plain", 15, _sampling),
    "gradflow": Benchmark("dL/dh_t at every step", "unrolled", 20, _gradflow),
    "several": Benchmark(
        "training with two processes", "two threads", 40, _several, default=False
    ),
    "sound": Benchmark(
        "playing while a model trains, stops, first sound", "", 600, _sound, default=False
    ),
    "learn": Benchmark("best held-out loss in 5 minutes", "floor", 300, _learn, default=False),
}
DEFAULT = tuple(name for name, each in BENCHMARKS.items() if each.default)


def run(names: Sequence[str], options: Options, report: Report) -> Iterator[Result]:
    """Run benchmarks one after the other.

    Args:
        names: Keys of `BENCHMARKS`.
        options: Settings of all.
        report: Called with every figure as it is found.

    Raises:
        SeqError: What one could not measure, or what must not be measured.
    """
    # Threads that wait for work must not spin; read when torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in names:
        benchmark, rows = BENCHMARKS[name], list[Row]()
        date, before, began = now(), load(), time.perf_counter()
        for row in benchmark.run(options.seconds or benchmark.seconds, options):
            rows.append(row)
            report(row)
        took = round(time.perf_counter() - began, 1)
        yield Result(
            name, benchmark.against, tuple(rows), "cpu", took, date, (*before, *load()), machine()
        )
