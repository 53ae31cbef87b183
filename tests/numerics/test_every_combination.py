"""Total gradients against autograd in float64 for every combination of what a layer can be.

docs/diagnostics.md, section 11, row 1: RNN tanh and ReLU, GRU, LSTM × bias × carried state ×
two layers × padding × both directions.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqstudio.engine.gradflow import CellWeights, LayerRun, state_gradients
from seqstudio.engine.layers import from_end

KINDS = ("rnn_tanh", "rnn_relu", "lstm", "gru")
ROWS, STEPS, WIDTH, UNITS = 3, 7, 3, 4
LENGTHS = torch.tensor([7, 4, 2])
LIMIT = 1e-10


def cell_of(kind: str, width: int, bias: bool) -> nn.RNNBase:
    options = {"batch_first": True, "bias": bias}
    if kind.startswith("rnn"):
        return nn.RNN(width, UNITS, nonlinearity=kind[4:], **options).double()
    return {"lstm": nn.LSTM, "gru": nn.GRU}[kind](width, UNITS, **options).double()


class Net:
    """A stack with one or two directions a layer; every cell reads rows aligned to its start."""

    def __init__(self, kind: str, bias: bool, carried: bool, layers: int, back: bool) -> None:
        torch.manual_seed(3)
        sides = 2 if back else 1
        widths = [WIDTH] + [sides * UNITS] * (layers - 1)
        self.cells = [[cell_of(kind, width, bias) for _ in range(sides)] for width in widths]
        self.head = nn.Linear(sides * UNITS, 5).double()
        self.starts = {id(cell): self.start(kind, carried) for pair in self.cells for cell in pair}

    @staticmethod
    def start(kind: str, carried: bool) -> tuple[Tensor, Tensor | None] | None:
        if not carried:
            return None
        h, c = torch.randn(2, ROWS, UNITS, dtype=torch.float64).requires_grad_().unbind()
        return h, c if kind == "lstm" else None

    def losses(self, x: Tensor, lengths: Tensor | None, run: Any) -> Tensor:
        """Return the losses of every step, 0 in padding; `run(cell, x, start)` runs a cell."""
        for pair in self.cells:
            sides = []
            for number, cell in enumerate(pair):
                read = from_end(x, lengths) if number else x
                y = run(cell, read, self.starts[id(cell)])
                sides.append(from_end(y, lengths) if number else y)
            x = torch.cat(sides, -1)
        there = torch.ones(ROWS, STEPS) if lengths is None else self.valid(lengths)
        return (self.head(x) ** 2).sum(-1) * there

    @staticmethod
    def valid(lengths: Tensor) -> Tensor:
        return (torch.arange(STEPS)[None] < lengths[:, None]).double()


def by_recursion(net: Net, x: Tensor, lengths: Tensor | None) -> dict[int, Any]:
    runs: dict[int, LayerRun] = {}

    def fused(cell: nn.RNNBase, read: Tensor, start: Any) -> Tensor:
        h, c = start or (None, None)
        given = None if h is None else (h[None], c[None]) if c is not None else h[None]
        y, _ = cell(read, given)
        y.retain_grad()
        runs[id(cell)] = LayerRun(read, y, h, c)
        return y

    net.losses(x, lengths, fused).sum().backward()
    cells = {id(cell): cell for pair in net.cells for cell in pair}
    return {
        key: state_gradients(CellWeights.from_module(cells[key]), run, run.h.grad)
        for key, run in runs.items()
    }


def by_autograd(net: Net, x: Tensor, lengths: Tensor | None, unrolled: Any) -> dict[int, Any]:
    loops = {}

    def slow(cell: nn.RNNBase, read: Tensor, start: Any) -> Tensor:
        loop = loops[id(cell)] = unrolled(cell)
        if start is None:
            return loop(read)[0]
        h, c = start
        return loop(read, h[None] if c is None else (h[None], c[None]))[0]

    loss = net.losses(x, lengths, slow).sum()
    found = {}
    for key, loop in loops.items():
        states = list(loop.hs) + (list(loop.cs) if loop.cell.mode == "LSTM" else [])
        states += [part for part in net.starts[key] or () if part is not None]
        found[key] = torch.autograd.grad(loss, states, retain_graph=True, allow_unused=True)
    return found


def apart(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("kind", KINDS)
def test_totals_equal_autograd_whatever_the_layer_is(kind: str, unrolled) -> None:
    torch.manual_seed(0)
    x = torch.randn(ROWS, STEPS, WIDTH, dtype=torch.float64)
    for bias, carried, layers, padded, back in product((True, False), (False, True), (1, 2),
                                                       (False, True), (False, True)):  # fmt: skip
        net = Net(kind, bias, carried, layers, back)
        lengths = LENGTHS if padded else None
        flows = by_recursion(net, x, lengths)
        for key, wanted in by_autograd(net, x, lengths, unrolled).items():
            flow, case = flows[key], (bias, carried, layers, padded, back)
            zero = torch.zeros(ROWS, UNITS, dtype=torch.float64)
            parts = [zero if part is None else part for part in wanted]
            assert apart(flow.total_h, torch.stack(parts[:STEPS], 1)) < LIMIT, case
            if kind == "lstm":
                cells = torch.stack(parts[STEPS : 2 * STEPS], 1)
                assert apart(flow.total_c, cells) < LIMIT, case
            if carried:
                first = parts[-2] if kind == "lstm" else parts[-1]
                assert apart(flow.initial_h, first) < LIMIT, case
                if kind == "lstm":
                    assert apart(flow.initial_c, parts[-1]) < LIMIT, case
