"""Health of a training step: what every parameter tensor and every unit did, measured on the way.

The step itself is not touched: forward hooks look at what layers give, norms are taken of what
lies there, and the weights are copied before the optimizer changes them. Definitions:
docs/diagnostics/health.md.

Shape legend: B rows, T time steps, N units, P parameter tensors.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from seqstudio.engine.circuit import Cell
from seqstudio.engine.inputs import as_inputs
from seqstudio.engine.model import GraphModel
from seqstudio.records.health import HealthReading, UnitHealth
from seqstudio.records.readings import Floats, freeze

GATE_ROWS = 2
"""Rows behind the gates of fused cells, whose values have to be computed anew."""
SAMPLES = 4096
"""Rows times steps behind units that only have to be looked at."""
LEFT, RIGHT, SATURATED = 0.1, 0.9, 0.9
KINDS: dict[type[nn.Module], str] = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "gate"}
NAMES = {"relu": "ReLU", "tanh": "tanh", "gate": "sigmoid"}
GATES = {
    "LSTM": (("input gate i", "gate"), ("forget gate f", "gate"), ("candidate g", "tanh"),
             ("output gate o", "gate")),
    "GRU": (("reset gate r", "gate"), ("keep gate z", "gate"), ("candidate n", "tanh")),
}  # fmt: skip


class HealthTap:
    """Watches one training step from its forward pass to the change of the weights.

    Used as::

        tap = HealthTap(model)
        with tap:  # forward
            outputs, state = model(inputs, state)
        loss.backward()
        tap.before_clipping()
        clip(...)
        tap.before_update(inputs)  # also after clipping
        optimizer.step()
        reading = tap.reading(step, ...)
    """

    def __init__(self, model: GraphModel) -> None:
        self._model = model
        self._hooks: list[Any] = []
        self._seen: list[tuple[str, nn.Module, Tensor]] = []
        self._cells: dict[tuple[str, int], tuple[nn.RNNBase, tuple[Any, ...], Tensor]] = {}
        self._stepped: dict[nn.Module, list[Tensor]] = {}
        self._gradient: list[Tensor] = []
        self._clipped: list[Tensor] = []
        self._before: list[Tensor] = []
        self._units: tuple[UnitHealth, ...] = ()
        self._cost_s = 0.0

    # ------------------------------------------------------------------------ the forward pass

    def __enter__(self) -> Self:
        for block, module, stepped in _watched(self._model):
            keep = self._keep(block, stepped)
            self._hooks.append(module.register_forward_hook(keep))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _keep(self, block: str, stepped: bool) -> Callable[[nn.Module, Any, Any], None]:
        def keep(module: nn.Module, args: Any, output: Any) -> None:
            began = time.perf_counter()  # a drawn cell calls this at every time step
            if type(module) in KINDS and stepped:
                if module not in self._stepped:
                    self._seen.append((block, module, output.detach()))
                self._stepped.setdefault(module, []).append(output.detach())
            elif type(module) in KINDS:
                self._seen.append((block, module, output.detach()))
            elif isinstance(module, nn.RNNBase):
                number = sum(1 for key in self._cells if key[0] == block)
                self._cells[block, number] = (module, args, output[0].detach())
            self._cost_s += time.perf_counter() - began

        return keep

    # ------------------------------------------------------------------- gradients and weights

    @torch.no_grad()
    def before_clipping(self) -> None:
        """Take the gradients as they came."""
        began = time.perf_counter()
        self._gradient = [_gradient_norm(p) for _, p in self._parameters()]
        self._cost_s += time.perf_counter() - began

    @torch.no_grad()
    def before_update(self, inputs: Any) -> None:
        """Take the clipped gradients, the weights and the units.

        Args:
            inputs: What the model read: where rows differ in length, padding is left out.
        """
        began = time.perf_counter()
        parameters = [p for _, p in self._parameters()]
        self._clipped = [_gradient_norm(p) for p in parameters]
        self._before = [p.detach().clone() for p in parameters]
        self._units = tuple(self._unit_healths(as_inputs(inputs).lengths))
        self._seen, self._cells, self._stepped = [], {}, {}
        self._cost_s += time.perf_counter() - began

    @torch.no_grad()
    def reading(self, step: int, counts: tuple[int, int, int], rate: float) -> HealthReading:
        """Compare the weights with those before the update.

        Args:
            step: Optimizer steps done by now.
            counts: Steps since the reading before; clipped ones and not finite ones among them.
            rate: Learning rate of the step.
        """
        began = time.perf_counter()
        names, parameters = zip(*self._parameters(), strict=True)
        update = [_norm(p.detach() - b) for p, b in zip(parameters, self._before, strict=True)]
        weight = [_norm(before) for before in self._before]
        table = torch.stack([*weight, *update, *self._gradient, *self._clipped]).cpu()
        weights, updates, gradients, clipped = (_column(row) for row in table.view(4, len(names)))
        self._before = []
        cost_s = self._cost_s + time.perf_counter() - began
        return HealthReading(
            step,
            tuple(name for _, name in names),
            tuple(block for block, _ in names),
            tuple(int(p.dim() >= 2) for p in parameters),
            weights,
            updates,
            gradients,
            clipped,
            self._units,
            *counts,
            _broken(names, weights, updates),
            rate,
            cost_s,
        )

    def _parameters(self) -> Iterator[tuple[tuple[str, str], nn.Parameter]]:
        """Yield the block, the name inside it and each trainable tensor, once."""
        seen: set[int] = set()
        for node in self._model.nodes:
            for name, parameter in self._model.module(node.block).named_parameters():
                if parameter.requires_grad and id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield (node.block, name), parameter

    # -------------------------------------------------------------------------------- the units

    def _unit_healths(self, lengths: Tensor | None) -> Iterator[UnitHealth]:
        for (block, number), (cell, args, y) in self._cells.items():
            behind = f" of layer {number + 1}" if number else ""
            for name, kind, values in _of_cell(cell, args, y):
                yield unit_health(block, name + behind, kind, _true(values, lengths))
        counts: dict[tuple[str, str], int] = {}
        for block, module, output in self._seen:
            kind = KINDS[type(module)]
            number = counts[block, kind] = counts.get((block, kind), 0) + 1
            steps = self._stepped.get(module)
            values = output if steps is None else torch.stack(steps, 1)
            yield unit_health(block, f"{NAMES[kind]} {number}", kind, _true(values, lengths))


def _watched(model: GraphModel) -> Iterator[tuple[str, nn.Module, bool]]:
    """Yield what has units to look at, with its block, and whether it runs once a time step."""
    for node in model.nodes:
        module = model.module(node.block)
        inside = {part for cell in module.modules() if isinstance(cell, Cell)
                  for part in cell.modules()}  # fmt: skip
        for part in module.modules():
            if type(part) in KINDS:
                yield node.block, part, part in inside
            elif isinstance(part, nn.RNNBase) and part not in inside:
                yield node.block, part, False


def _of_cell(
    cell: nn.RNNBase, args: tuple[Any, ...], y: Tensor
) -> Iterator[tuple[str, str, Tensor]]:
    """Yield name, kind and values (B, T, N) of the units of a single-layer cell."""
    mode = cell.mode
    if mode.startswith("RNN"):
        yield "h", "relu" if mode.endswith("RELU") else "tanh", y[: _rows(y)]
    else:
        parts = _gates(cell, args, y)
        for (name, kind), values in zip(GATES[mode], parts, strict=True):
            yield name, kind, values


def _gates(cell: nn.RNNBase, args: tuple[Any, ...], y: Tensor) -> list[Tensor]:
    """Return the gates of an LSTM or GRU (B, T, N): two products, since h is known."""
    x, h = args[0].detach()[:GATE_ROWS].float(), y[:GATE_ROWS].float()
    start = args[1] if len(args) > 1 else None
    first = start[0] if isinstance(start, tuple) else start
    h0 = torch.zeros_like(h[:, 0]) if first is None else first.detach()[0, :GATE_ROWS].float()
    before = torch.cat([h0[:, None], h[:, :-1]], 1)
    w_x, w_h, b_x, b_h = (part.detach().float() for part in cell.all_weights[0])
    with torch.autocast(x.device.type, enabled=False):
        from_x, from_h = x @ w_x.T + b_x, before @ w_h.T + b_h
    if cell.mode == "LSTM":
        i, f, g, o = (from_x + from_h).chunk(4, -1)
        return [i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()]
    (x_r, x_z, x_n), (h_r, h_z, h_n) = from_x.chunk(3, -1), from_h.chunk(3, -1)
    r = (x_r + h_r).sigmoid()
    return [r, (x_z + h_z).sigmoid(), (x_n + r * h_n).tanh()]


def _rows(values: Tensor) -> int:
    """Return how many rows give about `SAMPLES` samples a unit."""
    each = max(1, math.prod(values.shape[1:-1]))
    return max(1, math.ceil(SAMPLES / each))


def _true(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Return samples by units (S, N), without the padding of a sequence (B, T, N)."""
    values = values[: _rows(values)]
    if lengths is not None and values.dim() == 3 and values.shape[1] >= int(lengths.max()):
        places = torch.arange(values.shape[1], device=values.device)
        return values[places < lengths[: len(values), None]]
    return values.reshape(-1, values.shape[-1])


def unit_health(block: str, name: str, kind: str, values_SN: Tensor) -> UnitHealth:
    """Return the shares of one layer.

    Args:
        block: Id of its block.
        name: Name of its units.
        kind: "tanh", "relu" or "gate".
        values_SN: What the units gave, samples by units.
    """
    nan, (samples, units) = math.nan, values_SN.shape
    shares: dict[str, float] = dict.fromkeys(
        ("saturated", "slope", "inactive", "dead", "left", "right", "shut", "open"), nan
    )
    if kind == "tanh":
        values_SN = values_SN.float()
        wanted = {"saturated": values_SN.abs() > SATURATED, "slope": 1 - values_SN * values_SN}
    elif kind == "relu":
        off = values_SN <= 0
        wanted = {"inactive": off, "dead": off.all(0)}
    else:
        left, right = values_SN < LEFT, values_SN > RIGHT
        wanted = {"left": left, "right": right, "shut": left.all(0), "open": right.all(0)}
    means = torch.stack([part.float().mean() for part in wanted.values()]).tolist()
    shares |= dict(zip(wanted, means, strict=True))
    return UnitHealth(block, name, kind, units, samples, **shares)


# --------------------------------------------------------------------------------------- numbers


def _norm(values: Tensor) -> Tensor:
    """Return a Euclidean norm accumulated in float64: small gradients do not vanish in it."""
    exact = torch.float32 if values.device.type == "mps" else torch.float64
    norm: Tensor = torch.linalg.vector_norm(values, dtype=exact)
    return norm


def _gradient_norm(parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:
        return _norm(parameter.detach().new_full((1,), math.nan))
    return _norm(parameter.grad)


def _column(row: Tensor) -> Floats:
    return freeze(row.double().numpy())


def _broken(names: Sequence[tuple[str, str]], weight: Floats, update: Floats) -> str:
    """Return the first tensor whose values are not finite."""
    for (block, name), before, change in zip(names, weight, update, strict=True):
        if not math.isfinite(before + change):
            return f"{block}.{name}"
    return ""
