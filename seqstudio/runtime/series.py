"""Long series kept small: metric rows thinned by minimum and maximum, readings by age."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from seqstudio.records.readings import Ints, Metrics

COLUMNS = ("steps", "loss", "grad_norm", "rate", "clip", "seconds", "tokens")
INTEGERS = frozenset({"steps", "tokens"})
RECENT = 8
PER_OCTAVE = {"attention": 4, "gradient": 16, "horizon": 16, "health": 16}


def join(batches: Sequence[Metrics]) -> Metrics:
    """Return the rows of all batches, in order, as one batch; there must be at least one."""
    columns = {
        name: np.concatenate([getattr(batch, name) for batch in batches]) for name in COLUMNS
    }
    for column in columns.values():
        column.setflags(write=False)
    return Metrics(**columns, memory_mb=batches[-1].memory_mb)


def rows(metrics: Metrics, which: Ints | slice) -> Metrics:
    """Return some rows of a batch."""
    columns = {name: getattr(metrics, name)[which] for name in COLUMNS}
    return Metrics(**columns, memory_mb=metrics.memory_mb)


def thin_rows(metrics: Metrics, keep: int) -> Metrics:
    """Return at most about `keep` rows: of each bucket those with the lowest and highest loss.

    The rows are real ones, not means, so a spike stays as high as it was; the last row stays.
    A NaN counts as an extreme: it is not hidden.
    """
    count = len(metrics.steps)
    if count <= keep:
        return metrics
    size = math.ceil(count / max(1, keep // 2))
    chosen = {count - 1}
    for start in range(0, count, size):
        bucket = metrics.loss[start : start + size]
        chosen |= {start + int(np.argmin(bucket)), start + int(np.argmax(bucket))}
    return rows(metrics, np.array(sorted(chosen), np.int64))


def faded(steps: Sequence[int], per_octave: int) -> list[int]:
    """Return the positions in ascending `steps` that a thinned record drops.

    The newest `RECENT` stay, and of the older ones the first of each of `per_octave` parts of
    every doubling of the step: dense in the beginning, where a model changes fast.
    """
    dropped, occupied = [], -1
    for position, step in enumerate(steps[:-RECENT]):
        bucket = int(per_octave * math.log2(step + 1))
        if bucket == occupied:
            dropped.append(position)
        occupied = bucket
    return dropped
