"""What a run says: frozen records of numbers and read-only arrays, without torch or Qt.

They cross the border between trainer and window and are kept in the run store. Definitions of
every quantity: docs/diagnostics.md. Shape legend: T time steps, D distances, H heads.
Gradient norms are in nats per unit of activation with the loss mean undone (multiplied by the
number of averaged terms), so curves do not move with the batch size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Metrics:
    """A batch of training steps, every step of it; all arrays (n,).

    Attributes:
        steps: Number of optimizer steps done after each, from 1.
        loss: Training loss, in the unit of the task.
        grad_norm: Norm of all parameter gradients before clipping.
        rate: Learning rate in force.
        clip: Clip norm in force, 0 for none.
        seconds: Training time of the run so far.
        tokens: Tokens (or sequence steps) seen so far.
        memory_mb: Resident memory of the trainer now.
    """

    steps: Ints
    loss: Floats
    grad_norm: Floats
    rate: Floats
    clip: Floats
    seconds: Floats
    tokens: Ints
    memory_mb: float = 0.0


@dataclass(frozen=True)
class RateSweep:
    """A rising learning rate tried on a copy of the model, to find a good one.

    Attributes:
        step: Optimizer steps that the model had done.
        rates: Learning rate of every step of the sweep (n,), rising by a fixed factor.
        losses: Training loss of every step (n,), in the unit of the task.
        smoothed: Their running mean (n,).
        steepest: Rate at which the smoothed loss falls fastest for each factor of the rate.
        lowest: Rate at which the smoothed loss is lowest.
        suggestion: The smaller of `steepest` and a tenth of `lowest`; NaN while it goes on.
        done: False while the sweep goes on.
        broken_off: The person ended it early; then nothing is suggested.
    """

    step: int
    rates: Floats
    losses: Floats
    smoothed: Floats
    steepest: float
    lowest: float
    suggestion: float
    done: bool
    broken_off: bool = False


@dataclass(frozen=True)
class Validation:
    """Loss on held-out data.

    Attributes:
        step: Optimizer steps done.
        loss: Mean loss in the unit of the task.
        accuracy: Share of right answers, NaN where the task has none.
        count: Predictions behind the mean.
        complete: True when the whole held-out part was read, False for its fixed first part.
        best: True when no earlier validation of the run was better.
    """

    step: int
    loss: float
    accuracy: float
    count: int
    complete: bool
    best: bool


@dataclass(frozen=True)
class LayerGradient:
    """Gradient through time of one recurrent layer.

    Attributes:
        block: Id of its block in the graph.
        layer: Number of the layer in the block, from 0.
        arch: "rnn", "gru", "lstm", or "custom1" for a drawn cell.
        total_h: (T,) mean over rows of the norm of dL/dh_t.
        direct_h: (T,) the same of the part that does not pass through h_{t+1}.
        total_c: (T,) the same of dL/dc_t; None unless LSTM.
        wall_h: Norm of dL/dh_0: what the truncation window cuts off; NaN when none arrives.
        wall_c: Norm of dL/dc_0, None unless LSTM.
        state: Name of the state, for a cell that a person drew; "" for fused layers.
        direct_c: (T,) norm of the part of dL/dc_t that does not pass through step t + 1; None
            unless LSTM, and where the backward pass was not followed by the recursion.
    """

    block: str
    layer: int
    arch: str
    total_h: Floats
    direct_h: Floats
    total_c: Floats | None
    wall_h: float
    wall_c: float | None
    state: str = ""
    direct_c: Floats | None = None


@dataclass(frozen=True)
class Horizon:
    """Gradient against distance from the loss, in decades relative to distance 0.

    Attributes:
        block: Block it belongs to.
        arch: "rnn", "gru", "lstm" or "transformer": the colour.
        quantity: "dl/dh" (state under the head), "dl/dc" or "dl/demb" (input gradient, for all).
        distance: (D,) steps back from the loss.
        low: (D,) 10 % quantile of log10 of the ratio to distance 0.
        median: (D,) median.
        high: (D,) 90 % quantile.
        count: (D,) pairs of loss position and row behind each value.
        slope: Decades per step from a least-squares fit, NaN if it cannot be told.
        reach: Steps for a factor of ten, inf when the curve does not fall.
        raw: (3, D) the same quantiles of log10 of the norm itself, in nats per unit of activation;
            None in records of older versions.
        predicted: (D,) log10 of the product of the gates that keep, over the steps between:
            forget gates for "dl/dc", keep gates of a GRU for "dl/dh", else None. Median over the
            units, then over the pairs.
    """

    block: str
    arch: str
    quantity: str
    distance: Ints
    low: Floats
    median: Floats
    high: Floats
    count: Ints
    slope: float
    reach: float
    raw: Floats | None = None
    predicted: Floats | None = None


@dataclass(frozen=True)
class GradientReading:
    """The gradient microscope at one training step.

    Attributes:
        step: Optimizer steps done before the measured step.
        tokens: (T,) texts of the time steps of the first measured row.
        layers: Every recurrent layer.
        horizons: One or more curves per model.
        rows: Rows of the batch that were measured.
        window: Steps of the window: the gradient stops there.
        source: "training step" (true gradients of the real step) or "probe text".
        cost_s: Seconds the probe took.
        loss: (T,) loss at every time step of the first measured row; None where one loss stands
            at the end, and in readings of the probe text.
    """

    step: int
    tokens: tuple[str, ...]
    layers: tuple[LayerGradient, ...]
    horizons: tuple[Horizon, ...]
    rows: int
    window: int
    source: str
    cost_s: float
    loss: Floats | None = None


@dataclass(frozen=True)
class LayerAttention:
    """Attention weights of one layer.

    Attributes:
        block: Id of its block.
        layer: Number in the block, from 0.
        weights: (H, T, T) float32, query by key; rows sum to 1.
        masked: (T, T) True where a query may not look.
    """

    block: str
    layer: int
    weights: NDArray[np.float32]
    masked: NDArray[np.bool_]


@dataclass(frozen=True)
class AttentionReading:
    """Every layer and head for one text, at one training step."""

    step: int
    tokens: tuple[str, ...]
    layers: tuple[LayerAttention, ...]
    cost_s: float


@dataclass(frozen=True)
class Sample:
    """Text written by the model.

    Attributes:
        request: Number of the request that asked for it.
        step: Optimizer steps done.
        prompt: Text it was given.
        text: Text it wrote so far, without the prompt.
        probability: (n,) probability of each written token when it was chosen.
        choices: The likeliest next tokens now, after temperature, top k and top p: (token, p).
        temperature: As asked.
        seed: Seed of the choice.
        done: False while it is still being written.
        ends: (n,) where each written token ends in `text`, in characters.
    """

    request: int
    step: int
    prompt: str
    text: str
    probability: NDArray[np.float32]
    choices: tuple[tuple[str, float], ...]
    temperature: float
    seed: int
    done: bool
    ends: Ints = field(default_factory=lambda: freeze(np.empty(0, np.int64)))


def freeze(array: NDArray[Any]) -> NDArray[Any]:
    """Return a contiguous copy that nobody can write to."""
    copy = np.array(array, order="C", copy=True)
    copy.setflags(write=False)
    return copy
