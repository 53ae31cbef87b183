"""Gradients through time of recurrent cells that a person drew, from the training step itself.

A drawn cell runs step by step, so every state is a tensor of the graph and autograd gives its
total gradient dL/dh_t. What the next step reads is an alias of it; the gradient of the alias is
the part that came through h_{t+1}, and the difference is the direct part. Definitions:
docs/diagnostics.md, section 2.

Shape legend: B rows, T time steps, N numbers of a state.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from seqstudio.engine.circuit import Cell
from seqstudio.engine.gradflow import norm64, time_curve
from seqstudio.engine.model import GraphModel
from seqstudio.records.readings import LayerGradient, freeze


@dataclass
class _Watched:
    """One state of one cell: its values of all steps and the aliases that the next steps read."""

    block: str
    title: str
    values: list[Tensor] = field(default_factory=list)
    aliases: list[Tensor] = field(default_factory=list)
    start: Tensor | None = None
    wall: Tensor | None = None
    total: Tensor | None = None
    direct: Tensor | None = None


class CellTap:
    """Watches every state of every drawn cell for one training step.

    `open` before the forward pass, `close` after it, `collect` after the backward pass and before
    the optimizer's step; `layers` then gives the curves.
    """

    def __init__(self, model: GraphModel) -> None:
        self._cells = list(_cells(model))
        self._states: list[_Watched] = []
        self._hooks: list[Any] = []

    def open(self) -> None:
        """Begin to watch."""
        self._states = []
        for block, cell in self._cells:
            states = [_Watched(block, kept.title) for kept in cell.plan.states]
            self._states += states
            self._hooks.append(cell.register_forward_pre_hook(_forget(states)))
            self._hooks.append(cell.begun.register_forward_hook(_begin(states)))
            for kept, watched in zip(cell.plan.states, states, strict=True):
                module = cell.states[kept.name]
                self._hooks.append(module.register_forward_hook(_keep(watched)))

    def close(self) -> None:
        """Stop watching."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    @torch.no_grad()
    def collect(self, rows: slice | Tensor) -> None:
        """Copy the gradients of some rows to the CPU and let go of the step's graph."""
        for watched in self._states:
            total = _gradients(watched.values, rows)
            through = _gradients(watched.aliases, rows)
            start = [] if watched.start is None else [watched.start]
            watched.wall = _gradients(start, rows)
            watched.values, watched.aliases, watched.start = [], [], None
            watched.total = total
            watched.direct = None if total is None or through is None else total - through

    @property
    def rows(self) -> int:
        """Rows behind the curves, 0 without any."""
        return max((len(w.total) for w in self._states if w.total is not None), default=0)

    def layers(self, scale: float) -> Iterator[LayerGradient]:
        """Yield the curves of every state that a gradient reached, see `time_curve`."""
        numbers: dict[str, int] = {}
        for watched in self._states:
            if watched.total is None or watched.direct is None:
                continue
            number = numbers[watched.block] = numbers.get(watched.block, -1) + 1
            yield LayerGradient(
                block=watched.block,
                layer=number,
                arch="custom1",
                total_h=freeze(time_curve(watched.total, scale).mean_of_norms.numpy()),
                direct_h=freeze(time_curve(watched.direct, scale).mean_of_norms.numpy()),
                total_c=None,
                wall_h=math.nan if watched.wall is None else _size(watched.wall, scale),
                wall_c=None,
                state=watched.title,
            )


def _cells(model: GraphModel) -> Iterator[tuple[str, Cell]]:
    for node in model.nodes:
        for module in model.module(node.block).modules():
            if isinstance(module, Cell):
                yield node.block, module


def _forget(states: list[_Watched]) -> Any:
    def forget(cell: nn.Module, args: Any) -> None:
        del cell, args
        for watched in states:  # a cell that runs twice: the last run counts
            watched.values.clear()
            watched.aliases.clear()
            watched.start = None

    return forget


def _begin(states: list[_Watched]) -> Any:
    def begin(module: nn.Module, args: Any, value: Tensor) -> Tensor:
        """Make the value before the first step a tensor whose gradient is kept."""
        del module, args
        leaf = value if value.requires_grad else value.detach().requires_grad_()
        leaf.retain_grad()
        next(watched for watched in states if watched.start is None).start = leaf
        return leaf

    return begin


def _size(gradient: Tensor, scale: float) -> float:
    return float(norm64(gradient[:, 0]).mean()) * scale


def _keep(watched: _Watched) -> Any:
    def keep(module: nn.Module, args: Any, alias: Tensor) -> None:
        del module
        (value,) = args
        for tensor in (value, alias):
            if tensor.requires_grad:
                tensor.retain_grad()
        watched.values.append(value)
        watched.aliases.append(alias)

    return keep


def _gradients(steps: list[Tensor], rows: slice | Tensor) -> Tensor | None:
    """Return the gradients (B, T, N) of some rows; a step that none reached has zeros."""
    if not any(step.grad is not None for step in steps):
        return None
    parts = [torch.zeros_like(step) if step.grad is None else step.grad for step in steps]
    return torch.stack([part[rows].float().cpu() for part in parts], 1)
