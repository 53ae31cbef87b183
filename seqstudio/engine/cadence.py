"""When to do the work beside training, and a short trial of how to train fastest. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


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
        precision: "float32", "bfloat16" or "float16".
        threads: Processor threads.
        compiled: Whether torch.compile has been at the model.
    """

    precision: str
    threads: int
    compiled: bool = False

    def words(self) -> str:
        """Return it as words for the status line."""
        threads = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        return f"{self.precision}, {threads}{', compiled' if self.compiled else ''}"


class Trial:
    """Finds the fastest setup by timing real training steps, a few for each.

    First the precisions against each other at the most threads, then fewer threads with the
    winner, then the winner compiled, where that is wanted. No step is wasted: all of them train.
    """

    STEPS = 4  # of which the first, which warms up, does not count

    def __init__(
        self, precisions: tuple[str, ...], threads: tuple[int, ...], *, compiled: bool = False
    ) -> None:
        self._fewer = threads[1:]
        self._compiled = compiled
        self._queue = [Setup(precision, threads[0]) for precision in precisions]
        self._times: dict[Setup, list[float]] = {}
        self._count = 0
        self.current = self._queue[0]
        self.over = len(self._queue) == 1 and not self._fewer and not compiled

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
        elif not self._queue and self._compiled:
            self._queue, self._compiled = [replace(self.best(), compiled=True)], False
        if self._queue:
            self.current = self._queue[0]
        else:
            self.current, self.over = self.best(), True

    def refuse_compiled(self) -> None:
        """Go on without: the model could not be compiled, or nobody waits for it."""
        self._compiled = False
        if self.over or not self.current.compiled:  # what else is being tried goes on
            self.current = replace(self.current, compiled=False)
            return
        self._times = {setup: took for setup, took in self._times.items() if not setup.compiled}
        self.current, self.over = self.best(), True

    @classmethod
    def settled(cls, setup: Setup) -> Trial:
        """Return a trial that is over."""
        trial = cls((setup.precision,), (setup.threads,))
        trial.current = setup
        return trial

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
