"""Two processes with one thread each against one process with two threads, on this machine.

Run as a module, this is the second process.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from seqstudio.bench.results import Row
from seqstudio.bench.rounds import WALL, alternate
from seqstudio.bench.subjects import OurTrainer, Sizes, make_project, threads
from seqstudio.bench.training import PER_S, difference
from seqstudio.core.errors import RunError
from seqstudio.data.floor import floor
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import Project, project_text
from seqstudio.engine.distributed import open_leading
from seqstudio.engine.following import follow
from seqstudio.engine.ranks import Ranks
from seqstudio.records.messages import Event, Start
from seqstudio.records.readings import Metrics

PROCESSES = 2
CHECKED_STEPS = 10
TOLERANCE = 1e-4
PATIENCE_S = 30.0


class Together:
    """A run that this process leads and another follows, as a side of a comparison.

    Attributes:
        losses: Of every step so far.
    """

    def __init__(self, ranks: Ranks, project: Project) -> None:
        self.losses: list[float] = []
        start = Start("bench", project_text(project), "", "", device="cpu", probes=False)
        self._trainer = open_leading(ranks, start, self._hear)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Metrics):
            self.losses.extend(float(loss) for loss in event.loss)

    def step(self) -> int:
        """Do one optimizer step on both; return the tokens of the whole batch."""
        self._trainer.seconds = 0.0  # a clock that stands still: nothing comes due beside it
        with threads(1):
            self._trainer.advance()
        return self._trainer.batches.tokens_per_batch

    def flush(self) -> None:
        """Take in the numbers that wait."""
        self._trainer.flush()


def bench_several(
    seconds: float, kinds: Sequence[str] = ("lstm", "gpt"), sizes: Sizes | None = None
) -> Iterator[Row]:
    """Measure the trainer as two processes against the trainer as one; float32, no dropout.

    Raises:
        RunError: The first steps of both give other losses.
    """
    sizes = replace(sizes or Sizes(), dropout=0.0)
    dataset = open_dataset(make_project(kinds[0], sizes).data)
    floor(dataset)  # counted now, not beside the first steps
    with _leading() as ranks:
        for kind in kinds:
            project = make_project(kind, sizes, precision="float32", threads=1)
            ours = Together(ranks, project)
            peer = OurTrainer(project, dataset, probes=False, side_work=False)
            apart = _apart(ours, peer)
            found = alternate(ours.step, _with_all(peer.step), seconds / len(kinds), WALL)
            name = f"{kind} {sizes.words(kind)}, 2 processes × 1 thread"
            note = f"losses of {CHECKED_STEPS} steps differ by {apart:.1g}"
            yield found.row(name, PER_S, note=note)


def _with_all(step: Callable[[], int]) -> Callable[[], int]:
    def run() -> int:
        with threads(PROCESSES):
            return step()

    return run


def _apart(ours: Together, peer: OurTrainer) -> float:
    for _ in range(CHECKED_STEPS):
        ours.step()
        peer.step()
    ours.flush()
    peer.trainer.flush()
    apart = difference(ours.losses, peer.losses)
    if not apart <= TOLERANCE:
        raise RunError(
            "Two processes and one do not train alike",
            f"losses of the first {CHECKED_STEPS} steps differ by {apart:.2g}",
            "The speeds would compare different things",
        )
    return apart


@contextmanager
def _leading() -> Iterator[Ranks]:
    """Start the second process and lead it."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    place |= {"WORLD_SIZE": str(PROCESSES), "LOCAL_WORLD_SIZE": str(PROCESSES)}
    before = dict(os.environ)
    second = subprocess.Popen(
        [sys.executable, "-m", "seqstudio.bench.several"],
        env={**before, **place, "RANK": "1", "LOCAL_RANK": "1", "OMP_NUM_THREADS": "1"},
    )
    try:
        os.environ |= {**place, "RANK": "0", "LOCAL_RANK": "0"}
        ranks = Ranks()
    finally:
        os.environ.clear()
        os.environ.update(before)
    try:
        yield ranks
    finally:
        ranks.end()
        second.wait(PATIENCE_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _second() -> None:
    ranks = Ranks()
    try:
        follow(ranks, Path())
    finally:
        ranks.end()


if __name__ == "__main__":
    _second()
