"""Gates and states of recurrent layers over a text, and how the gradient by the state decays.

Shape legend: B rows, T time steps, N units, K loss positions, D distances.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqstudio.core.errors import RunError
from seqstudio.engine.circuit import Cell
from seqstudio.engine.gradflow import CellWeights, distance_curve, fit_horizon, itemised_map
from seqstudio.engine.inside.sites import Layer, all_layers, recurrent_layers
from seqstudio.engine.inside.subject import Answer, Excerpt, Subject
from seqstudio.engine.layers import PeepholeLayer
from seqstudio.engine.layers.recurrent import Gate
from seqstudio.engine.probes import Local, last_cells, local_gradients
from seqstudio.records.inside.gates import (
    CellRun,
    Decay,
    GatesOf,
    GateTrace,
    LayerStates,
    TextStates,
    TextStatesOf,
)
from seqstudio.records.readings import freeze

DECAY_STEPS, DECAY_LINES = 128, 8
TITLES = {
    "lstm": {"i": "input gate i", "f": "forget gate f (keep)", "g": "candidate g",
             "o": "output gate o", "h": "output h", "c": "cell c"},
    "gru": {"r": "reset gate r", "z": "update gate z (keep)", "n": "candidate n", "h": "state h"},
    "rnn": {"h": "state h"},
}  # fmt: skip
KEEP = {"lstm": "f", "gru": "z"}
NO_GATES = RunError(
    "This model has no gates",
    "no layer of it carries a state from step to step",
    "It needs an RNN, GRU or LSTM block; the paths of states and surgery work without one",
)


@dataclass
class Watch:
    """What one layer did: calls of its module, or the values inside of a drawn cell.

    Attributes:
        x: What it read (B, T, I).
        start: State before the first step.
        y: What it gave (B, T, N).
        inside: By name: its kind as in `GateTrace`, and (B, N) of every step.
    """

    x: Tensor = field(default_factory=lambda: torch.zeros(0))
    start: object = None
    y: Tensor = field(default_factory=lambda: torch.zeros(0))
    inside: dict[str, tuple[str, list[Tensor]]] = field(default_factory=dict)


@contextmanager
def watching(layers: list[Layer]) -> Iterator[list[Watch]]:
    """Watch what layers do while the model runs inside; nothing stays on them."""
    watches = [Watch() for _ in layers]
    with ExitStack() as hooks:
        for layer, watch in zip(layers, watches, strict=True):
            for handle in _hooks(layer.module, watch):
                hooks.callback(handle.remove)
        yield watches


def _hooks(module: nn.Module, watch: Watch) -> Iterator[Any]:
    def seen(_module: nn.Module, args: Any, output: Any) -> None:
        watch.x = args[0]
        watch.start = args[1] if len(args) > 1 else None
        watch.y = output[0] if isinstance(output, tuple) else output

    yield module.register_forward_hook(seen)
    if isinstance(module, Cell):
        for node in module.nodes:
            part = module.blocks[node.name]
            if isinstance(part, Gate):
                kind = "gate" if isinstance(part.function, nn.Sigmoid) else "signed"
                yield part.register_forward_hook(_keep(watch, node.block, kind))
        for kept in module.plan.states:
            state = module.states[kept.name]
            yield state.register_forward_hook(_keep(watch, kept.title, "signed"))


def _keep(watch: Watch, name: str, kind: str) -> Any:
    values = watch.inside.setdefault(name, (kind, []))[1]

    def keep(_module: nn.Module, _args: Any, value: Tensor) -> None:
        values.append(value)

    return keep


# ------------------------------------------------------------------------------------- gates


def traces(layer: Layer, watch: Watch) -> dict[str, tuple[str, Tensor]]:
    """Return kind and values (B, T, N) of every gate and state of a layer, by name.

    The gates of a fused layer come from two products with what it read and gave: h is known, so
    nothing is run again. A layer that reads from the end is told in the order of the text.
    """
    module = layer.module
    if isinstance(module, Cell):
        found = {
            name: (kind, torch.stack(values, 1)) for name, (kind, values) in watch.inside.items()
        }
    else:
        start = watch.start if isinstance(watch.start, (tuple, list)) else (watch.start,)
        h0, c0 = (*(part[0] if isinstance(part, Tensor) else None for part in start), None)[:2]
        found = _fused(module, watch.x, watch.y, h0, c0)
    if layer.name.back:
        found = {name: (kind, value.flip(1)) for name, (kind, value) in found.items()}
    return found


def _fused(
    cell: nn.Module, x: Tensor, h: Tensor, h0: Tensor | None, c0: Tensor | None
) -> dict[str, tuple[str, Tensor]]:
    before = torch.cat([torch.zeros_like(h[:, :1]) if h0 is None else h0[:, None], h[:, :-1]], 1)
    from_x = functional.linear(x, cell.get_parameter("weight_ih_l0"), _bias(cell, "ih"))
    from_h = functional.linear(before, cell.get_parameter("weight_hh_l0"), _bias(cell, "hh"))
    mode = str(cell.mode)
    if mode == "LSTM":
        return _lstm(cell, from_x + from_h, h, c0)
    if mode == "GRU":
        (xr, xz, xn), (hr, hz, hn) = from_x.chunk(3, -1), from_h.chunk(3, -1)
        r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
        n = (xn + r * hn).tanh()
        return {"r": ("gate", r), "z": ("gate", z), "n": ("signed", n), "h": ("signed", h)}
    return {"h": ("positive" if mode == "RNN_RELU" else "signed", h)}


def _bias(cell: nn.Module, which: str) -> Tensor | None:
    found = getattr(cell, f"bias_{which}_l0", None)
    return found if isinstance(found, Tensor) else None


def _lstm(
    cell: nn.Module, total: Tensor, h: Tensor, c0: Tensor | None
) -> dict[str, tuple[str, Tensor]]:
    zi, zf, zg, zo = total.chunk(4, -1)
    c_t = torch.zeros_like(h[:, 0]) if c0 is None else c0
    g = zg.tanh()
    rows: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for t in range(h.shape[1]):  # elementwise: the products are all done
        i, f = zi[:, t], zf[:, t]
        if isinstance(cell, PeepholeLayer):
            i, f = i + cell.peep_i * c_t, f + cell.peep_f * c_t
        i, f = i.sigmoid(), f.sigmoid()
        c_t = f * c_t + i * g[:, t]
        o = zo[:, t] + cell.peep_o * c_t if isinstance(cell, PeepholeLayer) else zo[:, t]
        rows.append((i, f, o.sigmoid(), c_t))
    i, f, o, c = (torch.stack(part, 1) for part in zip(*rows, strict=True))
    return {"i": ("gate", i), "f": ("gate", f), "g": ("signed", g), "o": ("gate", o),
            "h": ("signed", h), "c": ("signed", c)}  # fmt: skip


def gates(subject: Subject, wish: GatesOf) -> Iterator[CellRun | None]:
    """Answer `GatesOf`.

    Raises:
        RunError: No layer of the model is recurrent.
    """
    model = subject.model
    layers = recurrent_layers(model)
    if not layers:
        raise NO_GATES
    layer = _chosen(layers, wish)
    excerpt = subject.excerpt(wish.steps)
    with watching([layer]) as (watch,):
        model(excerpt.inputs)
    yield None
    found = traces(layer, watch)
    arch = layer.name.arch
    told = tuple(
        GateTrace(name, TITLES.get(arch, {}).get(name, name), kind, _array(value))
        for name, (kind, value) in found.items()
    )
    keep = KEEP.get(arch, "")
    yield None
    decay = (yield from _decay(subject, layer, wish)) if wish.decay and keep else None
    tokens = _tokens(subject, excerpt, len(told[0].values))
    names = tuple(each.name for each in layers)
    yield CellRun(layer.name, names, tokens, told, keep, excerpt.skipped, excerpt.cut, decay)


def _chosen(layers: list[Layer], wish: GatesOf) -> Layer:
    """Return the layer that is meant, else the topmost that reads forward."""
    for layer in layers:
        name = layer.name
        if (name.block, name.layer, name.back) == (wish.block, wish.layer, wish.back):
            return layer
    return [layer for layer in layers if not layer.name.back][-1]


def _array(value: Tensor) -> Any:
    return freeze(value[0].detach().numpy())


def _tokens(subject: Subject, excerpt: Excerpt, steps: int) -> tuple[str, ...]:
    """Return what stands at each step of a layer: of the text, of what is read beside it."""
    source = excerpt.inputs.source
    if steps == len(excerpt.tokens):
        return excerpt.tokens
    symbols = subject.dataset.source_vocabulary
    if source is not None and symbols is not None and source.shape[-1] == steps:
        return tuple(symbols.symbols[int(number)] for number in source[0])
    return tuple(map(str, range(steps)))


# ------------------------------------------------------------------------------------- decay


def _decay(subject: Subject, layer: Layer, wish: GatesOf) -> Generator[None, None, Decay | None]:
    """Return how the gradient decays, None where it is not defined; yields between its parts."""
    model, name = subject.model, layer.name
    cells = last_cells(model)
    if cells.get(name.block) is not layer.module:
        return None
    excerpt = subject.excerpt(min(wish.steps, DECAY_STEPS))
    local = local_gradients(model, excerpt.inputs, excerpt.targets)[name.block]
    yield None
    steps = local.e.shape[1]
    targets = [steps - 1]
    if not local.single:
        targets = sorted({round(k) for k in np.linspace(steps // 4, steps - 1, DECAY_LINES)})
    weights = CellWeights.from_module(cells[name.block], device="cpu")
    items = itemised_map(weights, local.run, local.e, targets=targets)
    measured = items.log10_h if items.log10_c is None else items.log10_c
    alone = _carousel(layer, local, items.targets)
    curves = [distance_curve(each, items.targets).median.double() for each in (alone, measured)]
    slopes = [fit_horizon(curve, floor=-60.0)[0] for curve in curves]
    state = "h" if items.log10_c is None else "c"
    first, second = (freeze(curve.numpy()) for curve in curves)
    return Decay(state, first, second, slopes[0], slopes[1], len(items.targets))


def _carousel(layer: Layer, local: Local, targets: tuple[int, ...]) -> Tensor:
    """Return log10 (1, K, T) of what the keeping gate alone leaves of each loss's gradient."""
    run = local.run
    found = _fused(layer.module, run.x, run.h, run.h0, run.c0)
    kept = found[KEEP[layer.name.arch]][1][0].double()
    e = local.e[0].double()
    if layer.name.arch == "lstm":
        o, tanh_c = found["o"][1][0].double(), found["c"][1][0].double().tanh()
        e = e * o * (1 - tanh_c * tanh_c)
    result = torch.full((1, len(targets), len(e)), torch.nan, dtype=torch.float64)
    for line, k in enumerate(targets):
        factors = torch.cat([torch.ones_like(kept[:1]), kept[1 : k + 1].flip(0)]).cumprod(0)
        sizes = torch.linalg.vector_norm(e[k] * factors, dim=-1)
        result[0, line, : k + 1] = sizes.log10().flip(0)
    return result


# ------------------------------------------------------------------------------------- states


def states(subject: Subject, wish: TextStatesOf) -> Iterator[TextStates | None]:
    """Answer `TextStatesOf`.

    Raises:
        RunError: No layer of the model has states over the text.
    """
    model = subject.model
    layers = all_layers(model)
    steps = wish.steps
    if model.absolute_positions:
        steps = min(steps, model.facts.window)
    excerpt = subject.excerpt(steps)
    with watching(layers) as watches:
        model(excerpt.inputs)
    yield None
    every = [
        LayerStates(layer.name, state, _array(value))
        for layer, watch in zip(layers, watches, strict=True)
        for state, value in _states_of(layer, watch)
        if value.dim() == 3
    ]
    tokens = excerpt.tokens
    if every and all(len(each.values) != len(tokens) for each in every):  # patches of a picture
        tokens = tuple(map(str, range(len(every[-1].values))))
    told = [each for each in every if len(each.values) == len(tokens)]
    if not told:
        raise RunError(
            "This model has no states over the text",
            "none of its layers is recurrent or a transformer block",
            "Add an RNN, GRU, LSTM or transformer block",
        )
    yield TextStates(tokens, tuple(told), excerpt.skipped, excerpt.cut)


def _states_of(layer: Layer, watch: Watch) -> list[tuple[str, Tensor]]:
    if layer.name.arch == "transformer":
        return [("residual", watch.y)]
    gates_too = traces(layer, watch)
    if isinstance(layer.module, Cell):
        kept = {state.title for state in layer.module.plan.states}
        return [(name, value) for name, (_kind, value) in gates_too.items() if name in kept]
    return [(name, value) for name, (_kind, value) in gates_too.items() if name in "hc"]


ANSWERS: dict[type, Answer] = {GatesOf: gates, TextStatesOf: states}
