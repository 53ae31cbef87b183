"""Windows of text and drawn examples, as tensors on the training device.

The corpus is one tensor; a batch is one gather. The position is plain data, so that a run can
continue exactly where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqstudio.core.errors import DataError
from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks.base import Batch
from seqstudio.document.settings import TrainingSettings
from seqstudio.engine.inputs import Inputs, as_inputs


@dataclass(frozen=True)
class Window:
    """One training batch.

    Attributes:
        inputs: (B, T) int64 ids, (B, T, D) float vectors or (B, C, H, W) float pictures; with a
            source or with rows of different length, `Inputs`.
        targets: (B, T) next ids or classes, (B,) classes, (B, 1) values or (B, T, D) next
            vectors; -100 or NaN where no prediction is asked.
        restart: True when the rows do not continue those of the batch before.
    """

    inputs: Tensor | Inputs
    targets: Tensor
    restart: bool

    @property
    def main(self) -> Tensor:
        """The main stream."""
        return as_inputs(self.inputs).main

    @property
    def steps(self) -> int:
        """Steps of the main stream, 1 for pictures."""
        return 1 if self.main.dim() == 4 else self.main.shape[1]


class Batches:
    """Draws training batches.

    With `carry`, every row walks through its own stretch of the text, window by window, so that
    a state can be carried; else windows start at random places. Generated tasks draw examples.
    """

    def __init__(
        self, dataset: Dataset, settings: TrainingSettings, carry: bool, device: torch.device
    ) -> None:
        self.dataset = dataset
        self.rows = settings.batch * settings.accumulate
        self.window = settings.window
        self.carry = carry and not dataset.generated
        self.rng = np.random.default_rng(settings.seed)
        self.device = device
        self.offset = 0
        self.restart = True
        if dataset.generated:
            self._tokens = self.rows * int(dataset.fixed_batches(1, 1)[0].lengths[0])
            return
        ids = torch.from_numpy(dataset.train.astype(np.int64))
        if len(ids) < self.window + 2:
            raise _too_short(dataset, len(ids), self.window)
        self.ids = ids.to(device)
        self._measure()

    def _measure(self) -> None:
        # a short text gives fewer independent rows than asked for; they then overlap
        self.stride = max((len(self.ids) - self.window - 1) // self.rows, 1)
        self.steps = torch.arange(self.window + 1, device=self.device)
        self._tokens = self.rows * self.window

    def resize(self, settings: TrainingSettings) -> None:
        """Draw other batches from the next one on; with other rows they begin anew.

        Raises:
            DataError: The text is shorter than one window.
        """
        rows = settings.batch * settings.accumulate
        if self.dataset.generated or (rows, settings.window) == (self.rows, self.window):
            self.rows = rows
            return
        if len(self.ids) < settings.window + 2:
            raise _too_short(self.dataset, len(self.ids), settings.window)
        if rows != self.rows:
            self.offset, self.restart = 0, True
        self.rows, self.window = rows, settings.window
        self._measure()

    @property
    def tokens_per_batch(self) -> int:
        """Tokens, or true steps of sequences, in the last batch."""
        return self._tokens

    def next(self) -> Window:
        """Return the next batch and move on."""
        if self.dataset.generated:
            return self._drawn()
        starts = self._carried_starts() if self.carry else self._random_starts()
        block = self.ids[starts[:, None] + self.steps]
        restart, self.restart = self.restart or not self.carry, False
        return Window(block[:, :-1], block[:, 1:], restart)

    def _carried_starts(self) -> Tensor:
        if self.offset + self.window > max(self.stride, self.window):
            # a new pass starts a little later, so that windows do not repeat their borders
            self.offset = int(self.rng.integers(0, min(self.window, self.stride)))
            self.restart = True
        starts = torch.arange(self.rows, device=self.device) * self.stride + self.offset
        self.offset += self.window
        return starts.clamp_(max=len(self.ids) - self.window - 1)

    def _random_starts(self) -> Tensor:
        high = len(self.ids) - self.window
        return torch.from_numpy(self.rng.integers(0, high, self.rows)).to(self.device)

    def _drawn(self) -> Window:
        batch = self.dataset.batch(self.rng, self.rows)
        self._tokens = int(batch.lengths.sum())
        return window_of(self.dataset, batch, self.device)

    def position(self) -> dict[str, Any]:
        """Return where the data stand, as plain numbers."""
        state = self.rng.bit_generator.state
        return {"offset": self.offset, "restart": self.restart, "rng": state}

    def seek(self, position: dict[str, Any]) -> None:
        """Go to a position that `position` returned."""
        self.offset = int(position["offset"])
        self.restart = bool(position["restart"])
        self.rng.bit_generator.state = position["rng"]


def _too_short(dataset: Dataset, tokens: int, window: int) -> DataError:
    return DataError(
        f"{dataset.title} is shorter than one window",
        f"{tokens:,} tokens to learn from, a window has {window}",
        "Use a longer text or a shorter window",
    )


def window_of(dataset: Dataset, batch: Batch, device: torch.device) -> Window:
    """Return drawn examples as tensors; plain ones, without source and padding, as one tensor."""
    main, targets = _tensor(batch.inputs, device), _tensor(batch.targets, device)
    if batch.source is None and not dataset.padded:
        return Window(main, targets, restart=True)
    inputs = Inputs(
        main,
        None if batch.source is None else _tensor(batch.source, device),
        _tensor(batch.lengths, device) if dataset.padded else None,
        None if batch.source_lengths is None else _tensor(batch.source_lengths, device),
    )
    return Window(inputs, targets, restart=True)


def _tensor(array: np.ndarray[Any, Any], device: torch.device) -> Tensor:
    whole = np.issubdtype(array.dtype, np.integer)
    copy = np.array(array, dtype=np.int64 if whole else np.float32)
    return torch.from_numpy(copy).to(device)


def held_out(
    dataset: Dataset, window: int, device: torch.device, limit: int = 0
) -> Iterator[Window]:
    """Yield the held-out part once, in windows, always cut in the same way.

    Text is cut into at most 32 rows that are read side by side from their starts (so a carried
    state can follow), without overlap. Drawn tasks give the same 2,048 examples every time, lists
    of examples all of them.

    Args:
        dataset: Where to read.
        window: Steps of a window.
        device: Where the tensors go.
        limit: Read about this many tokens only, from the start; 0 reads all.
    """
    if dataset.generated:
        for batch in dataset.held_out(256, 2 if limit else None):
            yield window_of(dataset, batch, device)
        return
    ids = torch.from_numpy(dataset.valid.astype(np.int64)).to(device)
    if limit:
        ids = ids[: limit + 1]
    rows = max(min(32, (len(ids) - 1) // (2 * window)), 1)
    length = (len(ids) - 1) // rows
    starts = torch.arange(rows, device=device) * length
    for offset in range(0, length, window):
        steps = torch.arange(min(window, length - offset) + 1, device=device)
        block = ids[starts[:, None] + offset + steps]
        yield Window(block[:, :-1], block[:, 1:], restart=offset == 0)
