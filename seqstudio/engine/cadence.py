"""When to do the work beside training, and a short trial of how to train fastest. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Cadence:
    """Decides when a kind of side work is due, so that it costs a small share of the time.

    Attributes:
        share: Largest share of the running time that the work may cost on average.
        first_s: Running time before the first turn.
        at_least_s: Shortest time between two turns.
    """

    share: float
    first_s: float = 0.0
    at_least_s: float = 0.0
    _next_s: float = field(default=-1.0, init=False)
    _spent_s: float = field(default=0.0, init=False)

    def due(self, now_s: float) -> bool:
        """Tell whether a turn is due at running time `now_s`."""
        return now_s >= (self._next_s if self._next_s >= 0 else self.first_s)

    def done(self, now_s: float, cost_s: float) -> None:
        """Note that a turn ended at `now_s` and took `cost_s`; the next waits accordingly."""
        self._spent_s += cost_s
        earned = self._spent_s / self.share  # running time that pays for all turns so far
        self._next_s = now_s + max(self.at_least_s, min(earned - now_s, cost_s / self.share))


@dataclass(frozen=True)
class Setup:
    """A way to run steps on a processor.

    Attributes:
        precision: "float32" or "bfloat16".
        threads: Processor threads.
    """

    precision: str
    threads: int

    def words(self) -> str:
        """Return it as words for the status line."""
        return f"{self.precision}, {self.threads} thread{'' if self.threads == 1 else 's'}"


class Trial:
    """Finds the fastest setup by timing real training steps, a few for each.

    First the precisions against each other at the most threads, then fewer threads with the
    winner. No step is wasted: all of them train.
    """

    STEPS = 4  # of which the first, which warms up, does not count

    def __init__(self, precisions: tuple[str, ...], threads: tuple[int, ...]) -> None:
        self._fewer = threads[1:]
        self._queue = [Setup(precision, threads[0]) for precision in precisions]
        self._times: dict[Setup, list[float]] = {}
        self._count = 0
        self.current = self._queue[0]
        self.over = len(self._queue) == 1 and not self._fewer

    def add(self, seconds: float) -> None:
        """Note the time of one step made with `current`."""
        if self.over:
            return
        self._count += 1
        if self._count > 1:
            self._times.setdefault(self.current, []).append(seconds)
        if self._count == self.STEPS:
            self._advance()

    def _advance(self) -> None:
        self._count = 0
        self._queue.pop(0)
        if not self._queue and self._fewer:
            winner = self.best()
            self._queue = [Setup(winner.precision, count) for count in self._fewer]
            self._fewer = ()
        if self._queue:
            self.current = self._queue[0]
        else:
            self.current, self.over = self.best(), True

    def best(self) -> Setup:
        """Return the fastest setup so far."""
        if not self._times:
            return self.current
        return min(self._times, key=lambda setup: min(self._times[setup]))

    def words(self) -> str:
        """Return the choice with its measured gain over the slowest."""
        if len(self._times) < 2:
            return self.current.words()
        times = [min(times) for times in self._times.values()]
        return f"{self.current.words()}, chosen by trial ({max(times) / min(times):.1f}×)"
