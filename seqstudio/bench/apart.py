"""The peer in a process of its own: what ours sets up for itself must not help it.

Both still work in turns, one step each; the process that waits sleeps.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Literal, Self, cast

import torch

from seqstudio.bench.rounds import Side, Step
from seqstudio.core.errors import RunError

Maker = Callable[..., Step]


class Elsewhere:
    """A process that does the peer's steps; it starts when it is first needed."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, self._theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._theirs,), daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pipe.close()
        if self._process.pid is not None:
            self._process.terminate()
            self._process.join()

    def make(self, maker: Maker, *args: Any) -> None:
        """Build a step there; it takes the place of the one before.

        Raises:
            RunError: That failed.
        """
        if self._process.pid is None:
            self._process.start()
            self._theirs.close()
        self._ask(("make", maker, args))

    def side(self, threads: int, clock: Literal["cpu", "wall"]) -> Side:
        """Return the step as a side of a comparison, timed there."""
        place = 1 if clock == "cpu" else 2

        def step() -> tuple[int, float]:
            found = self._ask(("step", threads))
            return int(found[0]), float(found[place])

        return step

    def _ask(self, question: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            self._pipe.send(question)
            answer = cast("tuple[Any, ...]", self._pipe.recv())
        except (EOFError, OSError) as error:
            raise RunError("The process of the peer ended", str(error)) from error
        if answer[0] == "failed":
            raise RunError("The peer does not work", str(answer[1]))
        return answer


def _serve(pipe: Connection) -> None:
    step: Step | None = None
    while True:
        try:
            question = pipe.recv()
        except EOFError:
            return
        try:
            if question[0] == "make":
                step = question[1](*question[2])
                pipe.send((0, 0.0, 0.0))
            else:
                assert step is not None  # made first
                pipe.send(_timed(step, question[1]))
        except Exception as error:  # noqa: BLE001  the other side tells it
            pipe.send(("failed", f"{type(error).__name__}: {error}"))


def _timed(step: Step, threads: int) -> tuple[int, float, float]:
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    wall, cpu = time.perf_counter(), time.process_time()
    tokens = step()
    return tokens, time.process_time() - cpu, time.perf_counter() - wall
