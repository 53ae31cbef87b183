"""The numbers of every step, handed out in batches at screen rate."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seqstudio.records.messages import Event
from seqstudio.records.readings import Metrics, freeze

FLUSH_S = 1 / 30
MEMORY_S = 1.0


class Meter:
    """Collects what every step measured; losses stay on their device until a batch goes out."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._rows: list[tuple[int, float, float, float, float, float, int]] = []
        self._losses: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._last_s = 0.0
        self._memory_s = 0.0
        self._memory_mb = 0.0
        self._counts = np.zeros(3, np.int64)

    def add(self, loss: Tensor, norm: Tensor, row: tuple[int, float, float, float, int]) -> None:
        self._losses.append(loss.detach())
        self._norms.append(norm.detach())
        step, rate, clip, seconds, tokens = row
        self._rows.append((step, 0.0, 0.0, rate, clip, seconds, tokens))
        if time.perf_counter() - self._last_s >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        if not self._rows:
            return
        table = np.array(self._rows, np.float64)
        # one transfer for the whole batch: a device is not made to wait at every step
        losses = torch.stack(self._losses).double().cpu().numpy()
        norms = torch.stack(self._norms).double().cpu().numpy()
        steps, tokens = table[:, 0].astype(np.int64), table[:, 6].astype(np.int64)
        clipped = (table[:, 4] > 0) & (norms > table[:, 4])
        self._counts += [len(norms), clipped.sum(), (~np.isfinite(norms)).sum()]
        rate, clip, seconds = (freeze(table[:, column]) for column in (3, 4, 5))
        arrays = (
            freeze(steps),
            freeze(losses),
            freeze(norms),
            rate,
            clip,
            seconds,
            freeze(tokens),
        )
        self._emit(Metrics(*arrays, self._memory()))
        self._rows, self._losses, self._norms = [], [], []
        self._last_s = time.perf_counter()

    def take_counts(self) -> tuple[int, int, int]:
        """Return the steps since the last time; those clipped, and not finite, among them."""
        steps, clipped, bad = self._counts.tolist()
        self._counts[:] = 0
        return steps, clipped, bad

    def _memory(self) -> float:
        now = time.perf_counter()
        if now - self._memory_s >= MEMORY_S:
            self._memory_s, self._memory_mb = now, resident_mb()
        return self._memory_mb


def resident_mb() -> float:
    """Return the resident memory of this process, 0 where it cannot be told."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
