"""How a model reads a long text: in pieces, so that training goes on in between.

A recurrent model carries its state from piece to piece, so a piece changes nothing. A model with
attention sees the window that it was trained with: every step has at least half of one before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seqstudio.engine.circuit import Values
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.model import APART, GraphModel, State

PIECE = 32


@dataclass(frozen=True)
class Piece:
    """Steps `start` to `stop` of a text.

    Attributes:
        start: First step.
        stop: Step after the last.
        skip: Steps at the beginning of the outputs that are only there to be remembered.
        outputs: (1, skip + stop - start, ...) what the head gave.
        values: What came out of every port, as long.
        state: After the piece.
    """

    start: int
    stop: int
    skip: int
    outputs: Tensor
    values: Values
    state: State


def streams(model: GraphModel) -> bool:
    """Tell whether a state can be carried through a text of any length without a difference."""
    caches = any(node.memory == "cache" for node in model.plan.everything())
    return model.recurrent and model.stepwise and not caches


def window_of(model: GraphModel, steps: int, whole: bool) -> int:
    """Return how many steps a model without a carried state reads at once."""
    return steps if whole else max(2, model.facts.window)


def read(model: GraphModel, inputs: Inputs, *, whole: bool) -> Iterator[Piece]:
    """Run a model over one row of a text, piece by piece.

    Args:
        model: In evaluation mode.
        inputs: Main stream (1, T) or (1, T, D).
        whole: The row is an example that is read at once, not a piece of a text.
    """
    steps = inputs.main.shape[1]
    if streams(model):
        yield from _streamed(model, inputs, steps)
    else:
        yield from _windows(model, inputs, steps, window_of(model, steps, whole))


def _streamed(model: GraphModel, inputs: Inputs, steps: int) -> Iterator[Piece]:
    state: State = model.writing_state()
    for start in range(0, steps, PIECE):
        stop = min(steps, start + PIECE)
        part = replace(inputs, main=inputs.main[:, start:stop])
        outputs, state, values = model.trace(part, state)
        yield Piece(start, stop, 0, outputs, values, state)


def _windows(model: GraphModel, inputs: Inputs, steps: int, window: int) -> Iterator[Piece]:
    stop = 0
    while stop < steps:
        begin = max(0, stop - window // 2)
        end = min(steps, begin + window)
        part = replace(inputs, main=inputs.main[:, begin:end])
        outputs, state, values = model.trace(part)
        yield Piece(stop, end, stop - begin, outputs, values, state)
        stop = end


class Ahead:
    """Reads continuations of a text, several at once.

    Args:
        model: Any that predicts tokens.
        inputs: The text so far, one row.
        whole: As in `read`.
    """

    def __init__(self, model: GraphModel, inputs: Inputs, *, whole: bool) -> None:
        self.model, self.inputs = model, inputs
        self._streams = streams(model)
        self._window = 10**9 if whole else window_of(model, 0, whole)
        self._state: State = {}
        self._first: Tensor | None = None

    def prepare(self) -> Iterator[None]:
        """Read the text so far; call it to its end before anything else."""
        if self._streams:
            for piece in read(self.model, self.inputs, whole=True):
                self._first, self._state = piece.outputs[:, -1], piece.state
                yield
            self._state.pop(APART, None)

    def logits(self, prefixes: Tensor) -> Tensor:
        """Return the logits (B, V) after the text and each of the prefixes (B, L), L from 0."""
        rows = len(prefixes)
        if self._streams and prefixes.shape[1] == 0:
            assert self._first is not None
            return self._first.expand(rows, -1)
        source = self.inputs.source
        given = Inputs(
            prefixes, None if source is None else source.expand(rows, *source.shape[1:])
        )
        if self._streams:
            after: Tensor = self.model(given, repeated(self._state, rows))[0][:, -1]
            return after
        whole = torch.cat([self.inputs.main.expand(rows, -1), prefixes], 1)[:, -self._window :]
        result: Tensor = self.model(replace(given, main=whole))[0][:, -1]
        return result


def repeated(state: Any, rows: int) -> Any:
    """Return a state (·, 1, H) for several rows alike."""
    if isinstance(state, Tensor):
        return state.expand(-1, rows, *state.shape[2:]).contiguous()
    if isinstance(state, dict):
        return {key: repeated(value, rows) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(repeated(value, rows) for value in state)
    return state
