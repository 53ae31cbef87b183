"""A ball in a box: where is it in the next frame? One frame does not tell, two do.

Shape legend: B = rows, T = frames, F = frames seen at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks.base import (
    Batch,
    InUnit,
    KnownFloor,
    Task,
    check_length,
    equal_lengths,
    hash_of,
)
from seqstudio.data.tasks.series import gaussian_loss

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

SPEEDS = (0.04, 0.2)
"""Least and greatest distance that the ball flies between two frames; the box is 2 wide."""
MOST_SEEN = 8


def positions(
    start: NDArray[np.float64], velocity: NDArray[np.float64], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where balls are (..., T, 2) that fly straight between walls at -1 and 1.

    Args:
        start: (..., 2) at time 0.
        velocity: (..., 2) a frame.
        times: (T,) in frames.
    """
    free = start[..., None, :] + velocity[..., None, :] * times[:, None]
    # A wall is a mirror: behind it the same box again, turned round.
    folded: NDArray[np.float64] = 1 - np.abs(np.mod(free + 1, 4) - 2)
    return folded


def velocity_variance() -> float:
    """Return the variance of a coordinate of the velocity: all that one frame leaves open."""
    low, high = SPEEDS
    return (high**3 - low**3) / (3 * (high - low)) / 2


@dataclass(frozen=True)
class BallTask(Task):
    """Say where a ball is in the next frame.

    Inputs (B, T, 2 F): the positions of the last F frames, newest first, from -1 to 1.
    Targets (B, T, 2): the next position. Direction and speed are drawn anew for each row; walls
    throw the ball back without loss.
    """

    length: int
    seen: int

    def __post_init__(self) -> None:
        check_length("ball", self.length, least=2)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        angle, speed = rng.uniform(0, 2 * np.pi, rows), rng.uniform(*SPEEDS, rows)
        velocity = speed[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
        start = rng.uniform(-1, 1, (rows, 2))
        return self.batch_of(
            positions(start, velocity, np.arange(self.length + self.seen, dtype=np.float64))
        )

    def batch_of(self, path: NDArray[np.float64]) -> Batch:
        """Return the examples of given positions (B, T + F, 2)."""
        steps = path.shape[1] - self.seen
        views = [path[:, self.seen - 1 - back :][:, :steps] for back in range(self.seen)]
        inputs = np.concatenate(views, -1).astype(np.float32)
        targets = path[:, self.seen :].astype(np.float32)
        return Batch(inputs, targets, equal_lengths(len(path), steps))

    @override
    def line(self, batch: Batch, row: int) -> str:
        shown = " ".join(f"({x:.2f}, {y:.2f})" for x, y in batch.inputs[row, -4:, :2])
        x, y = batch.targets[row, -1]
        return f"{shown} → ({x:.2f}, {y:.2f})"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        batches = list(examples)
        known = self.draw(np.random.default_rng(0x7EA1_0004), 2000)
        losses = {
            name: 2 * gaussian_loss(_square(way, [known]), _square(way, batches))
            for name, way in _WAYS.items()
        }
        best = min(losses, key=losses.__getitem__)
        return best, losses[best]

    @override
    def known_floors(self, examples: Iterable[Batch]) -> tuple[KnownFloor, ...]:
        batches = list(examples)
        return tuple(
            KnownFloor("RMSE", name, math.sqrt(_square(way, batches)))
            for name, way in _WAYS.items()
        )

    @override
    def in_unit(self) -> InUnit:
        naive = math.sqrt(velocity_variance()) * math.sqrt(2 / math.pi)
        return InUnit(np.zeros(2), np.ones(2), "half boxes", naive)


def last_place(batch: Batch) -> NDArray[np.float64]:
    """Answer the newest position (B, T, 2)."""
    return batch.inputs[:, :, :2].astype(np.float64)


def straight_on(batch: Batch) -> NDArray[np.float64]:
    """Answer with the same velocity again, 2 x_t - x_(t-1), as far as two frames are known."""
    now = last_place(batch)
    if batch.inputs.shape[2] >= 4:
        before = batch.inputs[:, :, 2:4].astype(np.float64)
    else:
        before = np.concatenate([now[:, :1], now[:, :-1]], 1)
    return 2 * now - before


_WAYS = {"the last position": last_place, "the same velocity again": straight_on}


def _square(way: object, batches: Iterable[Batch]) -> float:
    assert callable(way)
    errors = [np.square(way(batch) - batch.targets).mean() for batch in batches]
    return float(np.mean(errors))


def open_ball(settings: DataSettings, base: Path | None) -> Dataset:
    """Open balls in a box."""
    del base
    seen = settings.seen
    spread = math.sqrt(velocity_variance())
    return Dataset(
        title=f"A ball, {settings.length} frames",
        origin="Drawn while training: a ball flies straight in a box and bounces off its walls.",
        pattern="forecast",
        input="vectors",
        vector_width=2 * seen,
        outputs=2,
        unit="nats per frame",
        token_name="frame",
        # The best constant: uniform positions have variance 1/3 in each coordinate.
        chance=math.log(2 * math.pi * math.e / 3),
        content_hash=hash_of(f"ball {settings.length} {seen}"),
        notes=(
            f"Seen at once: {seen} frame{'s' if seen > 1 else ''}",
            f"From one frame alone a coordinate is missed by {spread:.3f} (root mean square): "
            "the spread of the velocity. Two frames tell exactly, away from the walls",
        ),
        task=BallTask(settings.length, seen),
    )
