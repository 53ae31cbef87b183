"""The places of a model that can be looked at and operated on, unit by unit.

Shape legend: B rows, T time steps, N units, C features, H heads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqstudio.blocks.names import attribute_name
from seqstudio.engine.circuit import Cell
from seqstudio.engine.layers import PeepholeLayer, Recurrent, SelfAttention
from seqstudio.engine.layers.transformers import DecoderBlock, TransformerBlock
from seqstudio.engine.model import GraphModel
from seqstudio.records.inside.gates import LayerName
from seqstudio.records.inside.surgery import SiteName

ARCHES = {"RNN_TANH": "rnn", "RNN_RELU": "rnn", "GRU": "gru", "LSTM": "lstm"}


@dataclass(frozen=True)
class Layer:
    """A single-layer recurrent cell, a drawn cell or a transformer block, with its name."""

    name: LayerName
    module: nn.Module


def recurrent_layers(model: GraphModel) -> list[Layer]:
    """Return every recurrent layer in running order: fused, with peepholes, or drawn."""
    return [layer for layer in all_layers(model) if layer.name.arch != "transformer"]


def all_layers(model: GraphModel) -> list[Layer]:
    """Return every recurrent layer and every transformer block in running order."""
    found = []
    for node in model.nodes:
        number = 0
        for module, back in _layered(model.module(node.block)):
            name = LayerName(node.block, number, back, arch_of(module), width_of(module))
            found.append(Layer(name, module))
            number += not back
    return [_renumbered(layer, found) for layer in found]


def _renumbered(layer: Layer, found: list[Layer]) -> Layer:
    """Give a layer that reads from the end the number of its partner, the one before it."""
    name = layer.name
    number = name.layer - 1 if name.back else name.layer
    return Layer(LayerName(name.block, number, name.back, name.arch, name.units), layer.module)


def _layered(module: nn.Module) -> Iterator[tuple[nn.Module, bool]]:
    for part in module.modules():
        if isinstance(part, Recurrent):
            for number, cell in enumerate(part.cells):
                yield cell, False
                if part.back:
                    yield part.back[number], True
        elif isinstance(part, (Cell, TransformerBlock, DecoderBlock)):
            yield part, False


def arch_of(module: nn.Module) -> str:
    """Return the architecture of a layer, as in `LayerName`."""
    if isinstance(module, (TransformerBlock, DecoderBlock)):
        return "transformer"
    mode = getattr(module, "mode", "")
    return ARCHES.get(str(mode), "custom1")


def width_of(module: nn.Module) -> int:
    """Return the units of a layer; of a drawn cell, those of its widest state."""
    if isinstance(module, (TransformerBlock, DecoderBlock)):
        return int(module.norm1.normalized_shape[0])
    if isinstance(module, Cell):
        widths = [int(getattr(state, "width", 0)) for state in module.states.values()]
        return max(widths, default=0)
    return int(module.hidden_size)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------- operations


@dataclass(frozen=True)
class Touch:
    """Holds chosen units at a value, or at their own times -1.

    Attributes:
        mask: (R, N), true where a unit is held; R is 1 or the rows of the batch.
        value: (N,) what they are held at; None turns their sign.
    """

    mask: Tensor
    value: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        """Return x (B, N) or (B, T, N) with the units held."""
        mask = self.mask if x.dim() == 2 else self.mask[:, None]
        return torch.where(mask, -x if self.value is None else self.value, x)


@dataclass(frozen=True)
class Site:
    """A place where units can be held.

    Attributes:
        name: Which one.
        module: What is watched.
        features: Numbers that belong to one unit: the width of a head, else 1.
    """

    name: SiteName
    module: nn.Module
    features: int = 1

    def mask(self, units: Tensor) -> Tensor:
        """Return the mask (R, N) of features for a mask (R, U) of units."""
        return units.repeat_interleave(self.features, 1)


def sites(model: GraphModel) -> list[Site]:
    """Return the places of a model, in running order; for each layer, its states first."""
    found = []
    for layer in all_layers(model):
        found += list(_sites_of(layer))
    return found + list(_attention_alone(model, found))


def _sites_of(layer: Layer) -> Iterator[Site]:
    name, module = layer.name, layer.module
    if isinstance(module, (TransformerBlock, DecoderBlock)):
        yield _site(name, "residual", module, name.units)
        yield _site(name, "neurons", module.down, int(module.down.in_features))
        heads = module.attention.heads
        yield _site(name, "heads", module.attention, heads, name.units // heads)
    elif isinstance(module, Cell):
        for kept in module.plan.states:
            width = int(getattr(module.states[kept.name], "width", 0))
            source = module.blocks[attribute_name(kept.following[0])]
            if width and len(_outputs(module, kept.following[0])) == 1:
                yield _site(name, kept.title, source, width)
    else:
        yield _site(name, "h", module, name.units)
        if name.arch == "lstm":
            yield _site(name, "c", module, name.units)


def _outputs(cell: Cell, block: str) -> tuple[object, ...]:
    return next((node.outputs for node in cell.nodes if node.block == block), ())


def _site(name: LayerName, part: str, module: nn.Module, units: int, features: int = 1) -> Site:
    return Site(SiteName(name.block, name.layer, name.back, part, units), module, features)


def _attention_alone(model: GraphModel, found: list[Site]) -> Iterator[Site]:
    """Yield the heads of attention that stands in no transformer block."""
    taken = {id(site.module) for site in found}
    for node in model.nodes:
        number = 0
        for part in model.module(node.block).modules():
            if isinstance(part, SelfAttention) and id(part) not in taken:
                width = int(part.out.in_features)
                name = LayerName(node.block, number, False, "transformer", width)
                yield _site(name, "heads", part, part.heads, width // part.heads)
                number += 1


@contextmanager
def operated(site: Site, touch: Touch | None) -> Iterator[list[Tensor]]:
    """Watch a place, and hold units there, while the model runs inside.

    Nothing is left on the model afterwards. Gives a list that the values before the operation
    are added to: (B, T, N), or T times (B, N) where the place is stepped.
    """
    seen: list[Tensor] = []
    if site.name.part in {"h", "c"} and not _is_drawn(site):
        with _stepped(site, touch, seen):
            yield seen
        return
    handle = _hook(site, touch, seen)
    try:
        yield seen
    finally:
        handle.remove()


def watched(seen: list[Tensor]) -> Tensor:
    """Return what `operated` saw as one tensor (B, T, N)."""
    return torch.cat([each if each.dim() == 3 else each[:, None] for each in seen], 1)


def _is_drawn(site: Site) -> bool:
    return not isinstance(site.module, (nn.RNNBase, PeepholeLayer))


def _hook(site: Site, touch: Touch | None, seen: list[Tensor]) -> Any:
    def take(x: Tensor) -> Tensor:
        seen.append(x)
        return x if touch is None else touch(x)

    def before(_module: nn.Module, args: Any) -> Any:
        return (take(args[0]), *args[1:])

    def after(_module: nn.Module, _args: Any, output: Any) -> Any:
        return (take(output[0]), *output[1:]) if isinstance(output, tuple) else take(output)

    module = site.module
    if site.name.part == "heads":
        return module.get_submodule("out").register_forward_pre_hook(before)
    if site.name.part == "neurons":
        return module.register_forward_pre_hook(before)
    return module.register_forward_hook(after)


# --------------------------------------------------------------- recurrent cells, step by step


@contextmanager
def _stepped(site: Site, touch: Touch | None, seen: list[Tensor]) -> Iterator[None]:
    """Let a fused cell run step by step, so that what is held is held inside the loop."""
    cell = site.module

    def take(part: str, value: Tensor) -> Tensor:
        if part != site.name.part:
            return value
        seen.append(value)
        return value if touch is None else touch(value)

    def forward(x: Tensor, start: Any = None, lengths: Tensor | None = None) -> Any:
        if lengths is not None:
            raise ValueError("rows without padding are needed")
        return run_stepwise(cell, x, start, take)

    cell.__dict__["forward"] = forward
    try:
        yield
    finally:
        del cell.__dict__["forward"]


def run_stepwise(cell: nn.Module, x: Tensor, start: Any, take: Any) -> tuple[Tensor, Any]:
    """Run a single-layer cell over x (B, T, I), one step after the other.

    Args:
        cell: nn.RNN, nn.GRU, nn.LSTM or `PeepholeLayer`.
        x: What it reads.
        start: State before the first step, as the cell takes it; None for zeros.
        take: take("h" or "c", value (B, N)) returns what goes on in its place.

    Returns:
        Output (B, T, N) and the last state, as the cell returns them.
    """
    zeros = x.new_zeros(x.shape[0], int(cell.hidden_size))  # type: ignore[arg-type]
    parts = start if isinstance(start, (tuple, list)) else (start, None)
    h, c = (zeros if part is None else part[0] for part in parts)
    mode = str(cell.mode)
    step = _STEPS["PEEP" if isinstance(cell, PeepholeLayer) else mode]
    from_x = functional.linear(x, _weight(cell, "weight_ih_l0"), _bias(cell, "bias_ih_l0"))
    states = []
    for t in range(x.shape[1]):
        h, c = step(cell, from_x[:, t], h, c, take)
        states.append(h)
    last = (h[None], c[None]) if mode == "LSTM" else h[None]
    return torch.stack(states, 1), last


def _weight(cell: nn.Module, name: str) -> Tensor:
    return cell.get_parameter(name)


def _bias(cell: nn.Module, name: str) -> Tensor | None:
    found = getattr(cell, name, None)
    return found if isinstance(found, Tensor) else None


def _from_h(cell: nn.Module, h: Tensor) -> Tensor:
    return functional.linear(h, _weight(cell, "weight_hh_l0"), _bias(cell, "bias_hh_l0"))


def _step_plain(
    cell: nn.Module, from_x: Tensor, h: Tensor, c: Tensor, take: Any
) -> tuple[Tensor, Tensor]:
    total = from_x + _from_h(cell, h)
    return take("h", total.relu() if cell.mode == "RNN_RELU" else total.tanh()), c


def _step_gru(
    cell: nn.Module, from_x: Tensor, h: Tensor, c: Tensor, take: Any
) -> tuple[Tensor, Tensor]:
    (xr, xz, xn), (hr, hz, hn) = from_x.chunk(3, -1), _from_h(cell, h).chunk(3, -1)
    r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
    n = (xn + r * hn).tanh()
    return take("h", (1 - z) * n + z * h), c


def _step_lstm(
    cell: nn.Module, from_x: Tensor, h: Tensor, c: Tensor, take: Any
) -> tuple[Tensor, Tensor]:
    i, f, g, o = (from_x + _from_h(cell, h)).chunk(4, -1)
    c = take("c", f.sigmoid() * c + i.sigmoid() * g.tanh())
    return take("h", o.sigmoid() * c.tanh()), c


def _step_peep(
    cell: Any, from_x: Tensor, h: Tensor, c: Tensor, take: Any
) -> tuple[Tensor, Tensor]:
    i, f, g, o = (from_x + _from_h(cell, h)).chunk(4, -1)
    i, f = torch.sigmoid(i + cell.peep_i * c), torch.sigmoid(f + cell.peep_f * c)
    c = take("c", f * c + i * g.tanh())
    return take("h", torch.sigmoid(o + cell.peep_o * c) * c.tanh()), c


_STEPS = {
    "RNN_TANH": _step_plain,
    "RNN_RELU": _step_plain,
    "GRU": _step_gru,
    "LSTM": _step_lstm,
    "PEEP": _step_peep,
}
