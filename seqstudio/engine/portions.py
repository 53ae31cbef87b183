"""A batch in portions: rows and their carried states cut apart and put together again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from seqstudio.engine.batches import Window
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.model import State


def portions(batch: Window, count: int, state: State | None) -> Iterator[tuple[Window, Any]]:
    """Yield `count` portions of a batch, rows in order, each with its rows of the state.

    The portions differ by one row at most; empty ones are left out.
    """
    rows = len(batch.targets)
    borders = [rows * number // count for number in range(count + 1)]
    for low, high in pairwise(borders):
        if low < high:
            yield _rows_of(batch, slice(low, high)), _rows_in(state, slice(low, high))


def _rows_of(batch: Window, rows: slice) -> Window:
    given = batch.inputs
    inputs = given.rows(rows) if isinstance(given, Inputs) else given[rows]
    return replace(batch, inputs=inputs, targets=batch.targets[rows])


def _rows_in(state: Any, rows: slice) -> Any:
    """Return some rows of a state; they are the second dimension of all its tensors."""
    if isinstance(state, Tensor):
        return state[:, rows].contiguous()
    if isinstance(state, dict):
        return {key: _rows_in(value, rows) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(_rows_in(value, rows) for value in state)
    return state


def joined(states: list[Any]) -> Any:
    """Return the state of all rows, from those of the portions."""
    first = states[0]
    if len(states) == 1:
        return first
    if isinstance(first, Tensor):
        return torch.cat(states, 1)
    if isinstance(first, dict):
        return {key: joined([state[key] for state in states]) for key in first}
    if isinstance(first, (list, tuple)):
        return type(first)(joined(list(parts)) for parts in zip(*states, strict=True))
    return first
