"""The spectrum of a recurrent layer, asked for: eigenvalues, singular values, exponents."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats


@dataclass(frozen=True)
class SpectrumOf:
    """Ask what a recurrent layer does to a change of its state, along the probe text.

    Attributes:
        block: Id of the recurrent block, "" for the last one.
        layer: Its layer, -1 for the last one.
        at: Step at which `growth` ends, from 0; -1 for the last one.
        jacobian: Take the Jacobian of that step apart too.
        steps: Longest part of the text to read.
        exponents: How many Lyapunov exponents are wanted.
    """

    block: str = ""
    layer: int = -1
    at: int = -1
    jacobian: bool = False
    steps: int = 128
    exponents: int = 8


@dataclass(frozen=True)
class Eigenvalues:
    """One square matrix.

    Attributes:
        name: "W_hh", its part for a gate such as "W_hf", or "J" for a Jacobian.
        real: (S,) real parts.
        imag: (S,) imaginary parts.
        radius: Largest modulus, rho.
        sigma: Largest singular value, sigma_max.
    """

    name: str
    real: Floats
    imag: Floats
    radius: float
    sigma: float


@dataclass(frozen=True)
class Spectrum:
    """Why the gradient of one layer grows or fades.

    Attributes:
        block: Id of its block.
        layer: Number of the layer in the block.
        arch: "rnn", "gru" or "lstm".
        layers: (block, layer) of every layer that can be asked for.
        tokens: (T,) what the layer reads at every step.
        at: Step at which `growth` ends, and that of the Jacobian.
        matrices: Recurrent matrix, or its part for every gate; the Jacobian if it was asked for.
        exponents: (K,) finite-time Lyapunov exponents, natural logarithm a step, descending.
        local: (T,) log |R_11| of every step; its mean over the counted steps is the first.
        settling: Steps at the start that are not counted: Q turns to what grows most.
        window: Steps of the product behind `growth`.
        growth: log10 of the largest singular value of the product of Jacobians that ends at `at`.
        curve: (T,) log10 of the norm of the gradient of the last loss, by distance, relative to
            distance 0, through this layer alone; empty where no loss reaches its last state.
        slope: Decades a step of that curve, NaN where it cannot be told.
        reach: Steps for a factor of ten, inf when the curve does not fall.
    """

    block: str
    layer: int
    arch: str
    layers: tuple[tuple[str, int], ...]
    tokens: tuple[str, ...]
    at: int
    matrices: tuple[Eigenvalues, ...]
    exponents: Floats
    local: Floats
    settling: int
    window: int
    growth: float
    curve: Floats
    slope: float
    reach: float
