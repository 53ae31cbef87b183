"""Two sides that work in turns, step by step, so that a busy machine disturbs both alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from seqstudio.bench.results import NONE, Row, median

Step = Callable[[], int]  # does a piece of work and returns how many tokens it was
Side = Callable[[], tuple[int, float]]  # the same, and the seconds that it took
Clock = Callable[[], float]

CPU: Clock = time.process_time
WALL: Clock = time.perf_counter
ROUNDS = 7


@dataclass(frozen=True)
class Comparison:
    """Tokens a second of both sides, round by round."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """How many times quicker ours was in each round."""
        return [a / b for a, b in zip(self.ours, self.peer, strict=True) if b > 0]

    def row(self, what: str, unit: str, goal: float = NONE, note: str = "") -> Row:
        """Return it as a figure: medians of the rounds."""
        ratios = self.ratios
        low, high = min(ratios, default=NONE), max(ratios, default=NONE)
        ours, peer = median(self.ours), median(self.peer)
        return Row(what, unit, ours, peer, median(ratios), low, high, goal, note)


def rate(step: Step, seconds: float, clock: Clock) -> float:
    """Repeat a step until `seconds` of `clock` have passed; return tokens a second of it."""
    began, tokens = clock(), 0
    while True:
        tokens += step()
        spent = clock() - began
        if spent >= seconds:
            return tokens / spent


def alternate(
    ours: Step, peer: Step, seconds: float, clock: Clock = CPU, rounds: int = ROUNDS
) -> Comparison:
    """Let both sides work step by step in turns; who begins changes from round to round.

    Args:
        ours: Our step.
        peer: The peer's.
        seconds: Time for all rounds of both.
        clock: What counts as time: that of the processor, or that of the wall.
        rounds: Figures of each side: one is the mean of its steps in the round.
    """
    return in_turns(here(ours, clock), here(peer, clock), seconds, rounds)


def here(step: Step, clock: Clock) -> Side:
    """Return a step of this process as a side, timed by `clock`."""

    def timed() -> tuple[int, float]:
        began = clock()
        tokens = step()
        return tokens, clock() - began

    return timed


def in_turns(ours: Side, peer: Side, seconds: float, rounds: int = ROUNDS) -> Comparison:
    """Like `alternate`, for sides that know their time."""
    found = [
        _round((ours, peer), seconds / rounds, flipped=number % 2 == 1) for number in range(rounds)
    ]
    return Comparison(tuple(a for a, _ in found), tuple(b for _, b in found))


def _round(sides: tuple[Side, Side], seconds: float, *, flipped: bool) -> tuple[float, float]:
    spent, tokens = [0.0, 0.0], [0, 0]
    order = (1, 0) if flipped else (0, 1)
    while sum(spent) < seconds:
        for side in order:
            done, took = sides[side]()
            tokens[side] += done
            spent[side] += took
    return tokens[0] / spent[0], tokens[1] / spent[1]
