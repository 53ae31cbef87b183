"""Training headless: against a plain loop, and with probes against without."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from seqstudio.bench.apart import Elsewhere
from seqstudio.bench.peers import PlainLoop
from seqstudio.bench.results import Row
from seqstudio.bench.rounds import CPU, WALL, alternate, here, in_turns, rate
from seqstudio.bench.subjects import (
    KINDS,
    OurTrainer,
    Sizes,
    losses_of,
    make_pair,
    make_project,
    nano_step,
    peer_step,
    text,
    threads,
)
from seqstudio.core.allocation import keep_freed_memory
from seqstudio.core.errors import RunError

PRECISIONS = ("float32", "bfloat16")
CHECKED_STEPS = 20
# Sums in another order: half precision has 8 bits.
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}
GOALS = {("rnn", "float32"): 1.10}
BESIDE_NANOGPT = 1.05
IN_HALF = {"lstm": 1.4}  # against float32, where the processor has bfloat16
PER_CPU_S = "tokens/CPU-s"
PER_S = "tokens/s"


def bench_train(
    seconds: float,
    kinds: Sequence[str] = KINDS,
    sizes: Sizes | None = None,
    precisions: Sequence[str] = PRECISIONS,
) -> Iterator[Row]:
    """Measure our trainer against a plain loop that trains the same model.

    The first steps of both have to give the same losses, or nothing is measured.

    Raises:
        RunError: They do not.
    """
    sizes, dataset = sizes or Sizes(), text()
    share = seconds / (2 * len(kinds) * len(precisions) + len(IN_HALF) + 1)
    keep_freed_memory()  # as a trainer process does; the peer runs in a process of its own
    with Elsewhere() as elsewhere:
        for kind in kinds:
            for precision in precisions:
                ours, peer = make_pair(kind, sizes, dataset, precision, 1)
                apart = _alike(kind, precision, ours, peer)
                elsewhere.make(peer_step, kind, sizes, precision)
                name = f"{kind} {sizes.words(kind)}, {precision}"
                goal = GOALS.get((kind, precision), 1.0)
                note = f"losses of {CHECKED_STEPS} steps differ by {apart:.1g}"
                with threads(1):
                    found = in_turns(here(ours.step, CPU), elsewhere.side(1, "cpu"), share)
                    yield found.row(f"{name}, 1 thread", PER_CPU_S, goal, note)
                with threads(2):
                    found = in_turns(here(ours.step, WALL), elsewhere.side(2, "wall"), share)
                    yield found.row(f"{name}, 2 threads", PER_S)
                if kind == "gpt" and precision == "float32":
                    elsewhere.make(nano_step, sizes)
                    with threads(1):
                        found = in_turns(here(ours.step, CPU), elsewhere.side(1, "cpu"), share)
                    what = f"{name} against the loop of nanoGPT for processors, 1 thread"
                    yield found.row(what, PER_CPU_S, BESIDE_NANOGPT)
                if precision == "bfloat16" and kind in IN_HALF:
                    elsewhere.make(peer_step, kind, sizes, "float32")
                    with threads(1):
                        found = in_turns(here(ours.step, CPU), elsewhere.side(1, "cpu"), share)
                    what = f"{name} against a plain loop in float32, 1 thread"
                    yield found.row(what, PER_CPU_S, IN_HALF[kind])


def _alike(kind: str, precision: str, ours: OurTrainer, peer: PlainLoop) -> float:
    """Let both train; return how far their losses are apart.

    Raises:
        RunError: Too far.
    """
    with threads(2):
        apart = difference(*losses_of(ours, peer, CHECKED_STEPS))
    if not apart <= TOLERANCE[precision]:
        raise RunError(
            f"Our {kind} and the plain one do not train alike",
            f"losses of the first {CHECKED_STEPS} steps differ by {apart:.2g}",
            "The speeds would compare different things",
        )
    return apart


def difference(ours: Sequence[float], peer: Sequence[float]) -> float:
    """Return the largest difference of two equally long rows, infinite if they are not."""
    if len(ours) != len(peer):
        return math.inf
    return max((abs(a - b) for a, b in zip(ours, peer, strict=True)), default=math.inf)


def bench_probes(
    seconds: float, kinds: Sequence[str] = ("lstm", "gpt"), sizes: Sizes | None = None
) -> Iterator[Row]:
    """Measure our trainer with all probes at their cadence against the same without probes."""
    sizes, dataset = sizes or Sizes(), text()
    for kind in kinds:
        project = make_project(kind, sizes, precision="float32", threads=1)
        sides = [
            OurTrainer(project, dataset, probes=probes, side_work=True) for probes in (True, False)
        ]
        with threads(1):
            for side in sides:  # the first readings of a run come early and dear
                rate(side.step, seconds / 20, WALL)
            found = alternate(
                sides[0].step, sides[1].step, seconds / len(kinds) * 0.9, CPU, rounds=5
            )
        yield found.row(f"{kind} {sizes.words(kind)}, float32, 1 thread", PER_CPU_S, 0.97)
