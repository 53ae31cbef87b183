"""What a recurrent layer does to a change of its state: eigenvalues, exponents, measured slope."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqstudio.core.errors import RunError
from seqstudio.engine.circuit import Cell
from seqstudio.engine.gradflow import CellWeights, LayerRun, fit_horizon, norm64
from seqstudio.engine.inside.drawn import DrawnJacobians, drawn_cells, gate_matrices
from seqstudio.engine.inside.subject import Answer, Excerpt, Subject
from seqstudio.engine.jacobian import Jacobians, StateMaps, greatest_stretch, stretches
from seqstudio.engine.model import GraphModel
from seqstudio.engine.probes import recurrent_cells
from seqstudio.records.inside.spectrum import Eigenvalues, Spectrum, SpectrumOf
from seqstudio.records.readings import Floats, freeze

GATES = {
    "rnn": ("W_hh",),
    "gru": ("W_hr", "W_hz", "W_hn"),
    "lstm": ("W_hi", "W_hf", "W_hg", "W_ho"),
}
WINDOW = 10
SLICE = 8  # steps of the recursion between two interruptions
MOST_SETTLING = 32
SMALL = 256  # eigenvalues of a matrix of this size take 20 ms; larger ones go beside


def spectrum(subject: Subject, wish: SpectrumOf) -> Iterator[Spectrum | None]:
    """Answer `SpectrumOf` along the states of one text.

    Raises:
        RunError: The model has no such layer.
    """
    fused, drawn = recurrent_cells(subject.model), drawn_cells(subject.model)
    there = (*fused, *drawn)
    key = _chosen(subject.model, there, wish)
    excerpt = subject.excerpt(wish.steps)
    if key in fused:
        layer = _fused(subject.model, fused[key], excerpt)
    else:
        layer = _drawn(subject.model, drawn[key], excerpt)
    jacobians = layer.jacobians
    last = jacobians.steps - 1
    at = last if wish.at < 0 else min(wish.at, last)
    own = dict(layer.matrices)
    if wish.jacobian or not own:
        own["J"] = jacobians.matrix(at)
    matrices = yield from _matrices(own)
    pause = SLICE if key in fused else 1
    local, exponents, settling = yield from _exponents(jacobians, wish.exponents, pause)
    first = max(0, at - WINDOW + 1)
    growth = yield from _growth(jacobians, first, at)
    curve = yield from _curve(jacobians, layer.e_last)
    slope, reach = fit_horizon(curve, floor=-math.inf)
    names = excerpt.tokens if len(excerpt.tokens) > last else tuple(map(str, range(last + 1)))
    yield Spectrum(
        *key, layer.arch, there, names[: last + 1], at, matrices, exponents, local, settling,
        at - first + 1, growth, freeze(curve.numpy()), slope, reach,
    )  # fmt: skip


def _chosen(
    model: GraphModel, there: tuple[tuple[str, int], ...], wish: SpectrumOf
) -> tuple[str, int]:
    """Return the layer that is meant; the last one where the wish names none of this model."""
    if not there:
        carries = any(node.memory == "state" for node in model.nodes)
        why = "its blocks carry no state from one step to the next"
        own = "its gates have peepholes; opened as blocks, the same layer has a spectrum"
        raise RunError(
            "This model has no recurrent matrix",
            own if carries else why,
            "It needs an RNN, GRU or LSTM block; the gradient horizon works for every model",
        )
    mine = [key for key in there if key[0] == wish.block] or [there[-1]]
    return next((key for key in mine if key[1] == wish.layer), mine[-1])


# --------------------------------------------------------------------------- states of one text


@dataclass(frozen=True)
class _Layer:
    """What the numbers come from.

    Attributes:
        arch: The colour.
        matrices: Square recurrent matrices by name.
        jacobians: Along the text.
        e_last: (1, S) what the last loss sends to the last state.
    """

    arch: str
    matrices: dict[str, Tensor]
    jacobians: StateMaps
    e_last: Tensor


def _fused(model: GraphModel, cell: nn.RNNBase, excerpt: Excerpt) -> _Layer:
    seen = _watched(model, cell, excerpt)
    weights = CellWeights.from_module(cell, device="cpu")
    arch = weights.kind.split("_")[0]
    names = GATES[arch]
    matrices = dict(zip(names, weights.w_hh.chunk(len(names)), strict=True))
    jacobians = Jacobians(weights, seen.run)
    rest = seen.e_last.new_zeros(1, jacobians.size - weights.hidden_size)  # no loss reads c itself
    return _Layer(arch, matrices, jacobians, torch.cat([seen.e_last, rest], -1))


def _drawn(model: GraphModel, cell: Cell, excerpt: Excerpt) -> _Layer:
    jacobians = DrawnJacobians(model, cell, excerpt)
    return _Layer("custom1", gate_matrices(cell), jacobians, jacobians.e_last)


@dataclass(frozen=True)
class _Seen:
    """One row through one layer, and what the last loss sends to its last state."""

    run: LayerRun
    e_last: Tensor


def _watched(model: GraphModel, cell: nn.RNNBase, excerpt: Excerpt) -> _Seen:
    kept: list[tuple[Tensor, Any, Tensor]] = []

    def cut(module: nn.Module, args: Any, output: Any) -> Any:
        del module
        leaf = output[0].detach().requires_grad_()
        kept.append((args[0].detach(), args[1] if len(args) > 1 else None, leaf))
        return leaf, output[1]

    handle = cell.register_forward_hook(cut)
    try:
        with torch.enable_grad():
            losses = model.losses(model(excerpt.inputs)[0], excerpt.targets)
            last = losses[:, -1].sum() if losses.dim() == 2 else losses.sum()
    finally:
        handle.remove()
    x, start, y = kept[-1]
    (e,) = torch.autograd.grad(last, y, allow_unused=True)
    e_last = torch.zeros_like(y[:1, -1]) if e is None else e[:1, -1]
    return _Seen(_row(x, y.detach(), start), e_last)


def _row(x: Tensor, y: Tensor, start: Any) -> LayerRun:
    parts = start if isinstance(start, tuple) else (start,)
    h, c, *_ = [*(None if part is None else part[0][:1] for part in parts), None]
    return LayerRun(x[:1], y[:1], h, c)


def _curve(jacobians: StateMaps, e_last: Tensor) -> Generator[None, None, Tensor]:
    """Return log10 of the gradient of the last loss by distance, of the whole state; (T,).

    The scale is carried apart, so nothing underflows; the curve ends where nothing is left.
    """
    u, scale, sizes = e_last, 0.0, []
    for t in range(jacobians.steps - 1, -1, -1):
        size = float(norm64(u)[0])
        if size == 0.0:
            break
        scale += math.log10(size)
        sizes.append(scale)
        u = jacobians.pull(t, u / size)
        if t % SLICE == 0:
            yield
    curve = torch.tensor(sizes, dtype=torch.float64)
    return curve - curve[:1]


# ------------------------------------------------------------------------------------- numbers


def _matrices(parts: dict[str, Tensor]) -> Generator[None, None, tuple[Eigenvalues, ...]]:
    found = []
    for name, matrix in parts.items():
        values, sigma = yield from _decomposition(matrix)
        real, imag = (freeze(part.double().numpy()) for part in (values.real, values.imag))
        found.append(Eigenvalues(name, real, imag, float(values.abs().max()), sigma))
    return tuple(found)


def _decomposed(matrix: Tensor) -> tuple[Tensor, float]:
    sigma = torch.linalg.matrix_norm(matrix, 2)
    return torch.linalg.eigvals(matrix), float(sigma)


def _decomposition(matrix: Tensor) -> Generator[None, None, tuple[Tensor, float]]:
    """Take a small matrix apart at once, a large one in a thread, so that training goes on."""
    if len(matrix) <= SMALL:
        yield
        return _decomposed(matrix)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(_decomposed, matrix)
        while not future.done():
            yield
            wait([future], timeout=0.002)
        return future.result()


def _exponents(
    jacobians: StateMaps, count: int, pause: int
) -> Generator[None, None, tuple[Floats, Floats, int]]:
    logs = []
    for step, stretch in enumerate(stretches(jacobians, count)):
        logs.append(stretch)
        if step % pause == 0:
            yield
    each = torch.stack(logs).double()
    settling = min(len(each) // 4, MOST_SETTLING)
    exponents = each[settling:].mean(0).sort(descending=True).values
    return freeze(each[:, 0].numpy()), freeze(exponents.numpy()), settling


def _growth(jacobians: StateMaps, first: int, last: int) -> Generator[None, None, float]:
    size = torch.zeros(())
    for estimate in greatest_stretch(jacobians, first, last, enough=1e-6):
        size = estimate
        yield
    return float(size.log10())


ANSWERS: dict[type, Answer] = {SpectrumOf: spectrum}
