"""The BPTT player: every vector of a recurrent layer at every time step, and its gradients.

The model runs once, fused; what reaches the layer from above is taken at its output. The rest is
the recursion of `gradflow` over a float64 copy of the layer, and at the end autograd has to agree.

Shape legend: T time steps, I inputs, N units, G gates.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqstudio.blocks.check import title_of
from seqstudio.core.errors import RunError
from seqstudio.engine.circuit import Cell
from seqstudio.engine.gradflow import CellWeights, LayerRun, StateFlow, state_gradients
from seqstudio.engine.inside.subject import Answer, Excerpt, Subject
from seqstudio.engine.layers import Recurrent
from seqstudio.engine.layers.recurrent import PeepholeLayer
from seqstudio.engine.losses import asked
from seqstudio.engine.model import GraphModel
from seqstudio.engine.throughtime import QuickLSTM, Watch
from seqstudio.records.inside.player import Outcome, Played, PlayLayer, PlayOf
from seqstudio.records.readings import Floats, freeze

LIKELY = 6


def play(subject: Subject, wish: PlayOf) -> Iterator[Played | None]:
    """Answer `PlayOf`.

    Raises:
        RunError: The model has no layer that can be taken apart.
        DataError: The model knows too little of the text.
    """
    model = subject.model
    cells = _cells(model)
    if not cells:
        raise _nothing(model)
    layer = _chosen(cells, wish)
    excerpt, notes = _read(subject, wish.steps)
    seen = _watched(model, cells[layer], excerpt)
    yield None
    apart = yield from _taken_apart(cells[layer], seen)
    yield _told(subject, layer, tuple(cells), apart, seen, excerpt, notes)


ANSWERS: dict[type, Answer] = {PlayOf: play}


# ----------------------------------------------------------------------------- which layer


def _cells(model: GraphModel) -> dict[PlayLayer, nn.RNNBase]:
    """Return every fused cell, from the data to the head; those that read backward too."""
    found: dict[PlayLayer, nn.RNNBase] = {}
    for node in model.nodes:
        stacks = [
            part for part in model.module(node.block).modules() if isinstance(part, Recurrent)
        ]
        title = title_of(model.graph.blocks[node.block])
        for back in (False, True):
            cells = [cell for stack in stacks for cell in (stack.back if back else stack.cells)]
            for number, cell in enumerate(cells):
                if isinstance(cell, nn.RNNBase):
                    words = f"{title}, layer {number + 1}" if len(cells) > 1 else title
                    name = f"{words}, from the end" if back else words
                    found[PlayLayer(node.block, number, back, name)] = cell
    return found


def _chosen(cells: dict[PlayLayer, nn.RNNBase], wish: PlayOf) -> PlayLayer:
    wanted = (wish.block, wish.layer, wish.back)
    same = [each for each in cells if (each.block, each.layer, each.back) == wanted]
    forward = [each for each in cells if not each.back]
    return (same or forward)[-1]


def _nothing(model: GraphModel) -> RunError:
    parts = list(model.modules())
    if any(isinstance(part, Cell) for part in parts):
        return RunError(
            "A cell that was drawn by hand has no fixed steps to play",
            "the player takes RNN, GRU and LSTM blocks apart; a drawn cell has its own equations",
            "Its vectors are on its wires on the canvas, its gradients under Through time",
        )
    if any(isinstance(part, PeepholeLayer) for part in parts):
        return RunError(
            "An LSTM with peepholes cannot be played",
            "its gates read the cell too, which the formulas of this view leave out",
            "Switch peepholes off in the block to see it step by step",
        )
    return RunError(
        "This model has nothing to step through",
        "it carries no state from one time step to the next",
        "Start from a model with an RNN, GRU or LSTM block",
    )


# ------------------------------------------------------------------------- what flows there


@dataclass(frozen=True)
class _Seen:
    """What the fused layer read and what the losses send straight to its states.

    Attributes:
        x: (T, I).
        start: State before the first step: h, or (h, c), (1, 1, N) each; None for zeros.
        h: (T, N) what the layer gave.
        e: (T, N) by its output.
        e_last: By its last state: h, or h and c, (N,) each.
        losses: (T,) or (1,).
        outputs: What the head gave, without the axis of rows.
    """

    x: Tensor
    start: Any
    h: Tensor
    e: Tensor
    e_last: tuple[Tensor, ...]
    losses: Tensor
    outputs: Tensor


def _read(subject: Subject, steps: int) -> tuple[Excerpt, tuple[str, ...]]:
    if not subject.text or subject.model.pattern == "next token":
        return subject.excerpt(steps), ()
    note = "This task comes with its answers: a held-out example is read, not the typed text."
    return replace(subject, text="").excerpt(steps), (note,)


def _watched(model: GraphModel, cell: nn.RNNBase, excerpt: Excerpt) -> _Seen:
    """Run the model and send the sum of the losses back to the output of one cell."""
    calls: list[tuple[Tensor, Any, Tensor, tuple[Tensor, ...]]] = []

    def cut(module: nn.Module, args: Any, output: Any) -> Any:
        del module
        y, last = output
        ends = last if isinstance(last, tuple) else (last,)
        leaf, *leaves = (part.detach().requires_grad_() for part in (y, *ends))
        calls.append((args[0], args[1] if len(args) > 1 else None, leaf, tuple(leaves)))
        return leaf, tuple(leaves) if isinstance(last, tuple) else leaves[0]

    hook = cell.register_forward_hook(cut)
    try:
        with torch.enable_grad():
            outputs = model(excerpt.inputs)[0]
            losses = model.losses(outputs, excerpt.targets)
            leaves = [leaf for call in calls for leaf in (call[2], *call[3])]
            found = torch.autograd.grad(losses.sum(), leaves, allow_unused=True)
    finally:
        hook.remove()
    if len(calls) != 1:
        raise RunError(
            "This layer cannot be played",
            f"it runs {len(calls)} times while the model reads one text",
            "Choose another layer",
        )
    ((x, start, y, ends),) = calls
    e, *e_last = (
        torch.zeros_like(leaf) if grad is None else grad
        for leaf, grad in zip((y, *ends), found, strict=True)
    )
    return _Seen(
        x.detach()[0], start, y.detach()[0], e[0], tuple(part[0, 0] for part in e_last),
        losses.detach().flatten(), outputs.detach()[0],
    )  # fmt: skip


# --------------------------------------------------------------------------- taken apart


@dataclass(frozen=True)
class _Apart:
    """All vectors of the layer, float64; see `Played` for names and shapes."""

    weights: CellWeights
    h0: Tensor
    c0: Tensor | None
    from_x: Tensor
    from_h: Tensor
    gates: Tensor
    c: Tensor | None
    h: Tensor
    flow: StateFlow
    back: Tensor
    back_c: Tensor | None
    dz: Tensor
    dz_h: Tensor
    gap: float


def _taken_apart(cell: nn.RNNBase, seen: _Seen) -> Generator[None, None, _Apart]:
    own = copy.deepcopy(cell).double().train()  # a cell of one layer has no dropout
    if isinstance(own, QuickLSTM):
        own.watch = Watch()  # its hand-written pass: torch's adds the parts up one by one
    weights = CellWeights.from_module(own)
    x, e = seen.x.double(), seen.e.double()
    start = _doubled(seen.start)
    e_last = [part.double() for part in seen.e_last]
    yield
    h, by_autograd = _by_autograd(own, x, start, e, e_last)
    yield
    h0, c0 = _starts(start, weights)
    e_last_c = e_last[1][None] if len(e_last) > 1 else None
    run = LayerRun(x[None], h[None], h0[None], None if c0 is None else c0[None])
    flow = state_gradients(weights, run, e[None], e_last_h=e_last[0][None], e_last_c=e_last_c)
    yield
    h_before = torch.cat([h0[None], h[:-1]])
    from_x, from_h = x @ weights.w_ih.T, h_before @ weights.w_hh.T
    step = _STEPS[weights.kind](weights, from_x, from_h, h_before, h, c0, flow)
    yield
    gap = _gap(step, x, h_before, by_autograd)
    yield
    back, back_c = _came_back(weights, step, flow, e_last)
    return _Apart(weights, h0, c0, from_x, from_h, step.gates, step.c, h, flow, back, back_c,
                  step.dz, step.dz_h, gap)  # fmt: skip


def _gap(step: _Step, x: Tensor, h_before: Tensor, by_autograd: list[Tensor]) -> float:
    """Return the largest relative difference of the sums over time to autograd's gradients."""
    sums = (step.dz.T @ x, step.dz_h.T @ h_before, step.dz.sum(0), step.dz_h.sum(0))
    return max(_difference(*pair) for pair in zip(sums, by_autograd, strict=False))


def _doubled(state: Any) -> Any:
    if isinstance(state, Tensor):
        return state.detach().double()
    return state if state is None else tuple(_doubled(part) for part in state)


def _starts(start: Any, weights: CellWeights) -> tuple[Tensor, Tensor | None]:
    zeros = weights.w_hh.new_zeros(weights.hidden_size)
    parts = start if isinstance(start, tuple) else (start,)
    h0, *more = (zeros if part is None else part[0, 0] for part in parts)
    if weights.kind != "lstm":
        return h0, None
    return h0, more[0] if more else zeros


def _by_autograd(
    cell: nn.RNNBase, x: Tensor, start: Any, e: Tensor, e_last: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Return h (T, N) and the gradients of w_ih, w_hh and, where there are any, of the biases."""
    parameters = [parameter.requires_grad_(True) for parameter in cell.parameters()]
    with torch.enable_grad():
        y, last = cell(x[None], start)
        ends = last if isinstance(last, tuple) else (last,)
        sent = [e[None], *(part[None, None] for part in e_last)]
        return y.detach()[0], list(torch.autograd.grad([y, *ends], parameters, sent))


def _difference(mine: Tensor, its: Tensor) -> float:
    size = float(torch.linalg.vector_norm(its))
    off = float(torch.linalg.vector_norm(mine - its))
    return off / size if size else off


@dataclass(frozen=True)
class _Step:
    """What the kinds of cells do each in their own way, (T, .)."""

    gates: Tensor
    c: Tensor | None
    dz: Tensor
    dz_h: Tensor


def _plain(
    w: CellWeights, from_x: Tensor, from_h: Tensor, h_before: Tensor, h: Tensor,
    c0: Tensor | None, flow: StateFlow,
) -> _Step:  # fmt: skip
    del from_x, from_h, h_before, c0
    slope = 1 - h * h if w.kind == "rnn_tanh" else (h > 0).to(h)
    dz = flow.total_h[0] * slope
    return _Step(h, None, dz, dz)


def _lstm(
    w: CellWeights, from_x: Tensor, from_h: Tensor, h_before: Tensor, h: Tensor,
    c0: Tensor | None, flow: StateFlow,
) -> _Step:  # fmt: skip
    del h_before, h
    assert c0 is not None
    assert flow.total_c is not None
    i, f, g, o = (from_x + from_h + w.b_ih + w.b_hh).chunk(4, -1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    cells, last = [], c0
    for t in range(len(f)):
        last = f[t] * last + i[t] * g[t]
        cells.append(last)
    c = torch.stack(cells)
    before, dh, dc = torch.cat([c0[None], c[:-1]]), flow.total_h[0], flow.total_c[0]
    dz = torch.cat([dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g * g),
                    dh * c.tanh() * o * (1 - o)], -1)  # fmt: skip
    return _Step(torch.cat([i, f, g, o], -1), c, dz, dz)


def _gru(
    w: CellWeights, from_x: Tensor, from_h: Tensor, h_before: Tensor, h: Tensor,
    c0: Tensor | None, flow: StateFlow,
) -> _Step:  # fmt: skip
    del h, c0
    ar, az, an = (from_x + w.b_ih).chunk(3, -1)
    br, bz, bn = (from_h + w.b_hh).chunk(3, -1)
    r, z = (ar + br).sigmoid(), (az + bz).sigmoid()
    n = (an + r * bn).tanh()
    dh = flow.total_h[0]
    dn = dh * (1 - z) * (1 - n * n)
    dr, dz = dn * bn * r * (1 - r), dh * (h_before - n) * z * (1 - z)
    by_x, by_h = torch.cat([dr, dz, dn], -1), torch.cat([dr, dz, dn * r], -1)
    return _Step(torch.cat([r, z, n], -1), None, by_x, by_h)


_STEPS = {"rnn_tanh": _plain, "rnn_relu": _plain, "lstm": _lstm, "gru": _gru}


def _came_back(
    w: CellWeights, step: _Step, flow: StateFlow, e_last: list[Tensor]
) -> tuple[Tensor, Tensor | None]:
    """Return what arrives at h_t and at c_t from step t+1; c_T gets what reads the last cell."""
    back = torch.cat([step.dz_h[1:] @ w.w_hh, torch.zeros_like(e_last[0])[None]])
    if w.kind == "gru":
        z = step.gates.chunk(3, -1)[1]
        back[:-1] += (flow.total_h[0] * z)[1:]
    if flow.total_c is None:
        return back, None
    f = step.gates.chunk(4, -1)[1]
    end = e_last[1] if len(e_last) > 1 else torch.zeros_like(f[0])
    return back, torch.cat([(flow.total_c[0] * f)[1:], end[None]])


# --------------------------------------------------------------------------------- telling


def _told(
    subject: Subject, layer: PlayLayer, choices: tuple[PlayLayer, ...], apart: _Apart,
    seen: _Seen, excerpt: Excerpt, notes: tuple[str, ...],
) -> Played:  # fmt: skip
    w, flow, steps = apart.weights, apart.flow, len(apart.h)
    tokens, symbolic = _tokens(subject, layer, excerpt, steps)
    places = list(range(steps))[::-1] if layer.back else list(range(steps))
    outcomes = _outcomes(subject, seen, excerpt, steps)
    return Played(
        layer, choices, w.kind, tuple(tokens[p] for p in places), symbolic,
        freeze(np.array(places, np.int64)), tuple(outcomes[p] for p in places),
        subject.dataset.unit, excerpt.skipped, excerpt.cut, notes,
        w_ih=freeze(w.w_ih.float().numpy()), w_hh=freeze(w.w_hh.float().numpy()),
        b_ih=_array(w.b_ih), b_hh=_array(w.b_hh), x=_array(seen.x), h0=_array(apart.h0),
        c0=_if_any(apart.c0), from_x=_array(apart.from_x), from_h=_array(apart.from_h),
        gates=_array(apart.gates), c=_if_any(apart.c), h=_array(apart.h),
        direct=_array(flow.direct_h[0]), back=_array(apart.back), total=_array(flow.total_h[0]),
        back_c=_if_any(apart.back_c),
        total_c=None if flow.total_c is None else _array(flow.total_c[0]),
        dz=_array(apart.dz), dz_h=_array(apart.dz_h) if w.kind == "gru" else None,
        before=_array(flow.initial_h[0]), gap=apart.gap,
    )  # fmt: skip


def _array(values: Tensor) -> Floats:
    return freeze(values.double().numpy())


def _if_any(values: Tensor | None) -> Floats | None:
    return None if values is None else _array(values)


def _tokens(
    subject: Subject, layer: PlayLayer, excerpt: Excerpt, steps: int
) -> tuple[tuple[str, ...], bool]:
    """Return the words of the axis that the layer runs along, and whether they are symbols."""
    tokens, row, source = excerpt.tokens, excerpt.inputs.main[0], excerpt.inputs.source
    words = subject.dataset.vocabulary
    shape = subject.model.report.shapes.get((layer.block, "out"))
    if shape is not None and shape.axis == "S" and source is not None and source.dim() == 2:
        row, words = source[0], subject.dataset.source_vocabulary or words
        tokens = tuple(words.symbols[int(i)] if words else str(int(i)) for i in row)
    symbolic = words is not None and not row.is_floating_point()
    if len(tokens) != steps:  # blocks before it put steps in or took some out
        return tuple(map(str, range(steps))), False
    return tokens, symbolic


def _outcomes(subject: Subject, seen: _Seen, excerpt: Excerpt, steps: int) -> list[Outcome]:
    """Return what came out at every step; one loss of the whole text stands at the last step."""
    silent = Outcome(math.nan, "", (), math.nan)
    losses, wanted = seen.losses, asked(excerpt.targets).flatten()
    outputs = seen.outputs if seen.outputs.dim() > 1 else seen.outputs[None]
    targets = excerpt.targets[0] if excerpt.targets.dim() > 1 else excerpt.targets
    if len(losses) == 1:
        said = _outcome(subject, outputs[0], targets.reshape(-1, *targets.shape[1:])[0], losses[0])
        return [silent] * (steps - 1) + [said]
    if len(losses) != steps:
        return [silent] * steps
    return [
        _outcome(subject, outputs[t], targets[t], losses[t]) if wanted[t] else silent
        for t in range(steps)
    ]


def _outcome(subject: Subject, output: Tensor, target: Tensor, loss: Tensor) -> Outcome:
    pattern, worth = subject.model.pattern, float(loss)
    if pattern in {"value", "forecast"}:
        numbers = output[: target.numel()] if pattern == "forecast" else output
        return Outcome(worth, _numbers(target), (), math.nan, _numbers(numbers))
    if pattern == "notes":
        sure = output.sigmoid()
        top = sure.topk(min(LIKELY, len(sure)))
        likely = tuple((f"note {int(i)}", float(p)) for p, i in zip(*top, strict=True))
        return Outcome(worth, f"{int((target > 0.5).sum())} notes", likely, math.nan)
    p = output.double().softmax(-1)
    names = _names(subject)
    top = p.topk(min(LIKELY, len(p)))
    likely = tuple((_name(names, int(i)), float(v)) for v, i in zip(*top, strict=True))
    return Outcome(worth, _name(names, int(target)), likely, float(p[int(target)]))


def _names(subject: Subject) -> tuple[str, ...]:
    """Return what the answers of the head are called."""
    vocabulary = subject.dataset.vocabulary
    if subject.model.pattern == "next token" and vocabulary is not None:
        return vocabulary.symbols
    return subject.dataset.classes


def _name(names: tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else f"{number}"


def _numbers(values: Tensor) -> str:
    shown = ", ".join(f"{float(value):.4g}" for value in values.flatten()[:4])
    return f"{shown}, …" if values.numel() > 4 else shown
