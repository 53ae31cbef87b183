"""Gradients through time, asked for: which loss teaches which state."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats


@dataclass(frozen=True)
class TimeMapOf:
    """Ask which loss teaches which state, for one text.

    Attributes:
        steps: Longest part of the text to read.
        block: Id of the recurrent block, "" for the first that a head reads.
    """

    steps: int = 128
    block: str = ""


@dataclass(frozen=True)
class TimeMap:
    """Gradients of single losses by single states of the layer under the head.

    Attributes:
        block: Id of its block.
        arch: "rnn", "gru" or "lstm".
        tokens: (T,) what the model reads at every step.
        log10_h: (K, T) log10 of the norm of dl_k/dh_t: row of the loss, column of the state; NaN
            where t > k, -inf for an exact zero.
        log10_c: (K, T) the same by the cell state; None unless LSTM.
        targets: (K,) step of every loss: all of them, or the last where one loss stands there.
        total_h: (T,) norm of the sum over the losses, of the vectors: dL/dh_t of their sum.
        difference: Largest relative difference between that sum, row by row, and the total of the
            reverse recursion; NaN where one loss is its own total.
    """

    block: str
    arch: str
    tokens: tuple[str, ...]
    log10_h: Floats
    log10_c: Floats | None
    targets: tuple[int, ...]
    total_h: Floats
    difference: float = float("nan")
