"""The recurrent layers of a model, and their states."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from seqstudio.engine.layers import Recurrent
from seqstudio.engine.model import GraphModel


def recurrent_cells(model: GraphModel) -> dict[tuple[str, int], nn.RNNBase]:
    """Return every single-layer recurrent cell that reads forward, by block id and number."""
    return {
        (node.block, layer): cell
        for node in model.nodes
        for layer, cell in enumerate(forward_cells(model.module(node.block)))
    }


def forward_cells(module: nn.Module) -> list[nn.RNNBase]:
    """Return the cells of a module that read forwards, in running order."""
    stacks = modules_of(module, Recurrent)
    return [cell for stack in stacks for cell in stack.cells if isinstance(cell, nn.RNNBase)]


def modules_of(module: nn.Module, kind: type) -> list[Any]:
    """Return the parts of a module that are of a kind."""
    return [part for part in module.modules() if isinstance(part, kind)]


def pair(state: object) -> tuple[Tensor | None, Tensor | None]:
    """Return (h, c) of a cell's state, without the layer axis; None where there is none."""
    parts = state if isinstance(state, tuple) else (state,)
    h, c, *_ = [*(part[0] if isinstance(part, Tensor) else None for part in parts), None]
    return h, c
