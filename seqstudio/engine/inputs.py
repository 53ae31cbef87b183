"""What a model reads: the main stream, and with it a source and the true lengths.

Shape legend: B = rows, T = steps of the main stream, S = steps of the source, D = features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Inputs:
    """Everything that a batch brings to a model.

    Attributes:
        main: Ids (B, T) int64, vectors (B, T, D) float or pictures (B, C, H, W) float.
        source: What is read beside it: ids (B, S) int64 or pictures (B, C, H, W); None without.
        lengths: Steps of each row of `main` that are no padding, (B,) int64; None where rows are
            equally long.
        source_lengths: The same for `source`.
    """

    main: Tensor
    source: Tensor | None = None
    lengths: Tensor | None = None
    source_lengths: Tensor | None = None

    def __len__(self) -> int:
        return len(self.main)

    def rows(self, choice: slice | Tensor) -> Inputs:
        """Return some rows: a slice, or the numbers (N,) or a mask (B,) of rows."""
        return Inputs(
            self.main[choice],
            None if self.source is None else self.source[choice],
            None if self.lengths is None else self.lengths[choice],
            None if self.source_lengths is None else self.source_lengths[choice],
        )

    def to(self, device: torch.device | str) -> Inputs:
        """Return the same inputs on a device."""
        return Inputs(
            self.main.to(device),
            None if self.source is None else self.source.to(device),
            None if self.lengths is None else self.lengths.to(device),
            None if self.source_lengths is None else self.source_lengths.to(device),
        )

    def alike(self, most: int) -> Tensor:
        """Return the numbers of rows that are as long as the longest one, `most` at most.

        They are as long in the source as that one, too. Waits for the device if rows differ.
        """
        same = torch.ones(len(self), dtype=torch.bool, device=self.main.device)
        longest = 0 if self.lengths is None else int(self.lengths.argmax())
        for lengths in (self.lengths, self.source_lengths):
            if lengths is not None:
                same &= lengths == lengths[longest]
        return same.nonzero()[:most, 0]

    def without_padding(self, rows: Tensor) -> Inputs:
        """Return rows of one length, as `alike` gives them, cut to it: nothing is filled up."""
        chosen = self.rows(rows)
        main, source = chosen.main, chosen.source
        if chosen.lengths is not None:
            main = main[:, : int(chosen.lengths[0])]
        if source is not None and chosen.source_lengths is not None:
            source = source[:, : int(chosen.source_lengths[0])]
        return Inputs(main, source)


def as_inputs(x: Tensor | Inputs) -> Inputs:
    """Return `x` itself, or a tensor as the main stream of inputs without anything else."""
    return x if isinstance(x, Inputs) else Inputs(x)
