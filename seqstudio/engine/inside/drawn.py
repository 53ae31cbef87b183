"""Jacobians of a recurrent cell that a person drew, by autograd through the real forward pass.

A drawn cell hands every state on through a `StateStep`, so what a step reads and what it leaves
are tensors of the graph; the derivative of one by the other is the Jacobian of that step. The
state is that of all loops of the cell together.

Shape legend: T time steps, S numbers of all states, K vectors.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from seqstudio.engine.circuit import Cell
from seqstudio.engine.inside.subject import Excerpt
from seqstudio.engine.jacobian import start_of
from seqstudio.engine.layers import Gate
from seqstudio.engine.model import GraphModel

_KEPT = 16  # Jacobians: more than the product of a few steps needs at once


def drawn_cells(model: GraphModel) -> dict[tuple[str, int], Cell]:
    """Return every drawn cell of a model by block and number."""
    found: dict[tuple[str, int], Cell] = {}
    for node in model.nodes:
        inside = [part for part in model.module(node.block).modules() if isinstance(part, Cell)]
        found |= {(node.block, number): cell for number, cell in enumerate(inside)}
    return found


def gate_matrices(cell: Cell) -> dict[str, Tensor]:
    """Return the square matrices through which the gates of a cell read its state, by name."""
    return {
        f"U {name.rpartition('.')[2]}": part.state.weight.detach()
        for name, part in cell.named_modules()
        if isinstance(part, Gate) and part.state.weight.shape[0] == part.state.weight.shape[1]
    }


class DrawnJacobians:
    """J_1 .. J_T of a drawn cell along one text; the interface is that of `Jacobians`.

    Attributes:
        steps: T.
        size: S.
        e_last: (1, S) what the last loss sends into the last state.
    """

    def __init__(self, model: GraphModel, cell: Cell, excerpt: Excerpt) -> None:
        with torch.enable_grad(), _watched(cell) as (read, left):
            losses = model.losses(model(excerpt.inputs)[0], excerpt.targets)
            last = losses[:, -1].sum() if losses.dim() == 2 else losses.sum()
            self._left = [torch.cat([value[0] for value in step]) for step in left]
        self._read = read[: len(left)]
        self.steps, self.size = len(left), len(self._left[0])
        self._kept: OrderedDict[int, Tensor] = OrderedDict()
        self.e_last = torch.cat(_direct(last, left[-1]), -1)

    def pull(self, t: int, u: Tensor) -> Tensor:
        """Return J_t^T u for every row of u (K, S)."""
        read = self._read[t]
        if not self._left[t].requires_grad:
            return torch.zeros_like(u)
        found = torch.autograd.grad(
            self._left[t], read, u, retain_graph=True, allow_unused=True, is_grads_batched=True
        )
        widths = [value.shape[-1] for value in read]
        return torch.cat(
            [u.new_zeros(len(u), width) if part is None else part[:, 0]
             for part, width in zip(found, widths, strict=True)], -1
        )  # fmt: skip

    def matrix(self, t: int) -> Tensor:
        """Return J_t (S, S); the last few are kept."""
        if t not in self._kept:
            self._kept[t] = self.pull(t, torch.eye(self.size).to(self.e_last))
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[t]

    def push(self, t: int, v: Tensor) -> Tensor:
        """Return J_t v for every row of v (K, S)."""
        return v @ self.matrix(t).T

    def start(self, count: int) -> Tensor:
        """Return orthonormal columns (S, K), drawn at random."""
        return start_of(self.size, count).to(self.e_last)


def _direct(loss: Tensor, states: list[Tensor]) -> list[Tensor]:
    """Return what a loss sends to each state of one step (1, width) past the other ones.

    The c of an LSTM makes its h: its whole gradient holds what came through h, which is taken off.
    No state of a step depends on itself, so as many rounds as there are states are enough.
    """
    whole = [_gradient(loss, state, None) for state in states]
    found = whole
    for _ in range(len(states) - 1):
        found = [
            total
            - sum(
                _gradient(other, state, e)
                for other, e in zip(states, found, strict=True)
                if other is not state
            )
            for state, total in zip(states, whole, strict=True)
        ]
    return found


def _gradient(of: Tensor, by: Tensor, weights: Tensor | None) -> Tensor:
    if not (of.requires_grad and by.requires_grad):
        return torch.zeros_like(by)
    (found,) = torch.autograd.grad(of, by, weights, retain_graph=True, allow_unused=True)
    return torch.zeros_like(by) if found is None else found


Steps = list[list[Tensor]]


@contextmanager
def _watched(cell: Cell) -> Iterator[tuple[Steps, Steps]]:
    """Collect what every step reads of its states and what it leaves; the last run counts."""
    read: Steps = []
    left: Steps = []
    order = {id(cell.states[kept.name]): place for place, kept in enumerate(cell.plan.states)}
    loops = len(order)

    def begin(module: nn.Module, args: Any, value: Tensor) -> Tensor:
        del module, args
        if left or not read or len(read[0]) == loops:
            read[:], left[:] = [[]], []
        leaf = value.detach().requires_grad_()
        read[0].append(leaf)
        return leaf

    def keep(module: nn.Module, args: Any, alias: Tensor) -> None:
        if order[id(module)] == 0:
            read.append([])
            left.append([])
        read[-1].append(alias)
        left[-1].append(args[0])

    handles = [cell.begun.register_forward_hook(begin)]
    handles += [module.register_forward_hook(keep) for module in cell.states.values()]
    try:
        yield read, left
    finally:
        for handle in handles:
            handle.remove()
