"""What units do: every layer that has numbers at every time step, and a tap that reads them.

Fused recurrent layers give their output; all that they keep to themselves, gates and cell states,
follows from input, output and weights (docs/diagnostics.md, section 3). Nothing is unrolled. The
model does not know that it is watched: taps are forward hooks.

Shape legend: B rows, T time steps, I input width, N units.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation uses
from typing_extensions import override

from seqstudio.blocks.check import title_of
from seqstudio.engine.circuit import Cell
from seqstudio.engine.gradflow import CellWeights
from seqstudio.engine.layers.attention import SelfAttention
from seqstudio.engine.layers.recurrent import Gate, PeepholeLayer, Recurrent
from seqstudio.engine.layers.steps import from_end
from seqstudio.engine.layers.transformers import DecoderBlock, TransformerBlock
from seqstudio.engine.model import GraphModel
from seqstudio.records.inside.cells import UnitPlace

_GATED = {"LSTM": ("c", "tanh c", "h", "i", "f", "g", "o"), "GRU": ("h", "z", "r", "n")}


class Tap(ABC):
    """Reads one kind of numbers of one layer while the model runs.

    Attributes:
        states: Names of what it can read, the one worth seeing first in front.
    """

    states: tuple[str, ...]

    @abstractmethod
    def hooks(self, state: str) -> Iterator[Any]:
        """Register what listens for a state; yield the handles."""

    @abstractmethod
    def taken(self, state: str, lengths: Tensor | None) -> Tensor:
        """Return (B, T, N) of the last run, after it.

        Args:
            state: One of `states`.
            lengths: True lengths of the rows, None where all are full.
        """

    @abstractmethod
    def scale(self, state: str) -> tuple[float, bool]:
        """Return the fixed end of the scale, 0 where there is none, and whether it has a sign."""

    @contextmanager
    def open(self, state: str) -> Iterator[None]:
        """Listen inside."""
        with ExitStack() as stack:
            for handle in self.hooks(state):
                stack.callback(handle.remove)
            yield


@dataclass
class FusedTap(Tap):
    """A fused layer, a peephole layer, or the direction of either that reads backwards."""

    cell: Any
    backwards: bool = False
    _seen: tuple[Tensor, Any, Tensor] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.states = _GATED.get(self.cell.mode, ("h",))

    @override
    def hooks(self, state: str) -> Iterator[Any]:
        def keep(_cell: nn.Module, args: tuple[Any, ...], output: tuple[Tensor, Any]) -> None:
            self._seen = args[0], args[1] if len(args) > 1 else None, output[0]

        yield self.cell.register_forward_hook(keep)

    @override
    def taken(self, state: str, lengths: Tensor | None) -> Tensor:
        assert self._seen is not None
        x, start, y = self._seen
        self._seen = None
        name = state.removeprefix("tanh ")
        value = y if state == "h" else _hidden(self.cell, name, x, start, y)
        value = value.tanh() if name != state else value
        return from_end(value, lengths) if self.backwards else value

    @override
    def scale(self, state: str) -> tuple[float, bool]:
        if state == "c" or (state == "h" and self.cell.mode == "RNN_RELU"):
            return 0.0, True
        return 1.0, state in {"tanh c", "h", "g", "n"}


def _hidden(cell: Any, state: str, x: Tensor, start: Any, y: Tensor) -> Tensor:
    """Return the gate or cell state that a fused layer keeps to itself, (B, T, N)."""
    h0 = start[0] if isinstance(start, tuple) else start
    first = torch.zeros_like(y[:, 0]) if h0 is None else h0[0]
    before = torch.cat([first[:, None], y[:, :-1]], 1)
    c0 = start[1][0] if isinstance(start, tuple) else torch.zeros_like(first)
    if isinstance(cell, PeepholeLayer):
        return _peephole(cell, x, before, c0)[state]
    weights = CellWeights.from_module(cell)
    from_x, from_h = x @ weights.w_ih.T + weights.b_ih, before @ weights.w_hh.T + weights.b_hh
    if weights.kind == "gru":
        return _gru(from_x, from_h)[state]
    i, f, g, o = (from_x + from_h).chunk(4, -1)
    gates = {"i": i.sigmoid(), "f": f.sigmoid(), "g": g.tanh(), "o": o.sigmoid()}
    return gates[state] if state in gates else _cells(gates, c0)


def _gru(from_x: Tensor, from_h: Tensor) -> dict[str, Tensor]:
    ar, az, an = from_x.chunk(3, -1)
    br, bz, bn = from_h.chunk(3, -1)
    r, z = (ar + br).sigmoid(), (az + bz).sigmoid()
    return {"r": r, "z": z, "n": (an + r * bn).tanh()}


def _cells(gates: dict[str, Tensor], c: Tensor) -> Tensor:
    """Return c_t = f_t c_{t-1} + i_t g_t of every step: elementwise, the products are done."""
    new, steps = gates["i"] * gates["g"], []
    for t in range(new.shape[1]):
        c = torch.addcmul(new[:, t], gates["f"][:, t], c)
        steps.append(c)
    return torch.stack(steps, 1)


def _peephole(cell: PeepholeLayer, x: Tensor, before: Tensor, c: Tensor) -> dict[str, Tensor]:
    z = cell.contribution(x) + before @ cell.weight_hh_l0.T
    kept: dict[str, list[Tensor]] = {name: [] for name in "ifgoc"}
    for step in z.unbind(1):
        i, f, g, o = step.chunk(4, -1)
        i, f = torch.sigmoid(i + cell.peep_i * c), torch.sigmoid(f + cell.peep_f * c)
        g = torch.tanh(g)
        c = f * c + i * g
        o = torch.sigmoid(o + cell.peep_o * c)
        for name, value in zip("ifgoc", (i, f, g, o, c), strict=True):
            kept[name].append(value)
    return {name: torch.stack(values, 1) for name, values in kept.items()}


@dataclass
class BlockTap(Tap):
    """A transformer block: its residual stream, or the neurons of its feed-forward net."""

    block: Any
    _seen: Tensor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.states = ("resid", "mlp")

    @override
    def hooks(self, state: str) -> Iterator[Any]:
        def keep(_module: nn.Module, _args: Any, output: Any) -> None:
            self._seen = output if isinstance(output, Tensor) else output[0]

        yield (self.block if state == "resid" else self.block.up).register_forward_hook(keep)

    @override
    def taken(self, state: str, lengths: Tensor | None) -> Tensor:
        assert self._seen is not None
        value, self._seen = self._seen, None
        return F.gelu(value) if state == "mlp" else value

    @override
    def scale(self, state: str) -> tuple[float, bool]:
        return 0.0, True


@dataclass
class DrawnTap(Tap):
    """A recurrent cell that a person drew: its states and its gates."""

    cell: Cell
    _steps: list[Tensor] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self._modules: dict[str, nn.Module] = {}
        for kept in self.cell.plan.states:
            self._modules[kept.block] = self.cell.states[kept.name]
        for node in self.cell.plan.nodes:
            module = self.cell.blocks[node.name]
            if isinstance(module, Gate):
                self._modules[node.block] = module
        self.states = tuple(self._modules)

    @override
    def hooks(self, state: str) -> Iterator[Any]:
        def keep(_module: nn.Module, _args: Any, output: Tensor) -> None:
            self._steps.append(output)

        def begin(_cell: nn.Module, _args: Any) -> None:
            self._steps.clear()

        yield self.cell.register_forward_pre_hook(begin)
        yield self._modules[state].register_forward_hook(keep)

    @override
    def taken(self, state: str, lengths: Tensor | None) -> Tensor:
        value = torch.stack(self._steps, 1)
        self._steps.clear()
        return value

    @override
    def scale(self, state: str) -> tuple[float, bool]:
        module = self._modules[state]
        if isinstance(module, Gate):
            is_gate = isinstance(module.function, nn.Sigmoid)
            return (1.0 if is_gate or isinstance(module.function, nn.Tanh) else 0.0), not is_gate
        return 0.0, True


@dataclass
class OutputTap(Tap):
    """Any block with a vector at every step, where a model has nothing better to look at."""

    module: nn.Module
    _seen: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.states = ("out",)

    @override
    def hooks(self, state: str) -> Iterator[Any]:
        def keep(_module: nn.Module, _args: Any, output: Any) -> None:
            self._seen = output

        yield self.module.register_forward_hook(keep)

    @override
    def taken(self, state: str, lengths: Tensor | None) -> Tensor:
        value, self._seen = self._seen, None
        result: Tensor = value if isinstance(value, Tensor) else value[0]
        return result

    @override
    def scale(self, state: str) -> tuple[float, bool]:
        return 0.0, True


@dataclass(frozen=True)
class Site:
    """A layer that has units over time.

    Attributes:
        block: Id of its block.
        layer: Its number in the block, from 0.
        title: What a person reads.
        tap: Reads it.
    """

    block: str
    layer: int
    title: str
    tap: Tap

    @property
    def place(self) -> UnitPlace:
        """The same without the model."""
        return UnitPlace(self.block, self.layer, self.title, self.tap.states)


def unit_sites(model: GraphModel) -> list[Site]:
    """Return every layer of the main stream that has units over time, in running order.

    Recurrent layers, drawn cells and transformer blocks; only where there are none of them, the
    outputs of all other blocks that have a vector at every step.
    """
    deep = [site for node in _moving(model) for site in _deep(model, node.block)]
    if deep:
        return deep
    return [
        Site(node.block, 0, _title(model, node.block), OutputTap(model.module(node.block)))
        for node in _moving(model)
        if not node.stream and _is_sequence(model, node.block)
    ]


def _moving(model: GraphModel) -> Iterator[Any]:
    for node in model.nodes:
        if node.block != model.head and node.block not in model.plan.apart:
            yield node


def _is_sequence(model: GraphModel, block: str) -> bool:
    shape = model.report.shapes.get((block, "out"))
    return shape is not None and shape.kind == "tensor" and shape.axis == "T"


def _deep(model: GraphModel, block: str) -> Iterator[Site]:
    found = list(_taps(model.module(block)))
    for layer, (tap, words) in enumerate(found):
        number = f", layer {layer + 1}" if len(found) > 1 and not words else words
        yield Site(block, layer, f"{_title(model, block)}{number}", tap)


def _taps(module: nn.Module) -> Iterator[tuple[Tap, str]]:
    if isinstance(module, Recurrent):
        several = len(module.cells) > 1
        for layer, cell in enumerate(module.cells):
            words = f", layer {layer + 1}" if several else ""
            yield FusedTap(cell), f"{words}, forwards" if len(module.back) else words
            if len(module.back):
                yield FusedTap(module.back[layer], backwards=True), f"{words}, backwards"
    elif isinstance(module, (TransformerBlock, DecoderBlock)):
        yield BlockTap(module), ""
    elif isinstance(module, Cell):
        yield DrawnTap(module), ""
    else:
        for child in module.children():
            yield from _taps(child)


def _title(model: GraphModel, block: str) -> str:
    return title_of(model.graph.blocks[block])


def reads_on(model: GraphModel) -> bool:
    """Tell whether a text can be read piece by piece with the state carried on."""
    attends = any(isinstance(module, SelfAttention) for module in model.modules())
    return model.recurrent and model.stepwise and not attends
