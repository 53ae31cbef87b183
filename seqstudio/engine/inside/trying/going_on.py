"""Going on by itself: a model of vectors reads what it told, many rows at once.

Shape legend: R = rows, L = steps so far, W = numbers a step, D = numbers told.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.reading import repeated, streams
from seqstudio.engine.losses import LOG_SPREADS
from seqstudio.engine.model import APART, GraphModel


class GoingOn:
    """Reads a context and then one step after the other, of several rows that part ways.

    Args:
        model: One of forecasts, in evaluation mode.
        context: (1, L, W), L at least 1.
        rows: How many ways on.
    """

    def __init__(self, model: GraphModel, context: Tensor, rows: int) -> None:
        self.model = model
        self._streams = streams(model)
        if self._streams:
            outputs, state = model(Inputs(context), model.writing_state())
            state.pop(APART, None)
            self._state = repeated(state, rows)
        else:
            self._window = max(2, model.facts.window)
            self._read = context[:, -self._window :].repeat(rows, 1, 1)
            outputs, _ = model(Inputs(self._read[:1]))
        self._told = outputs[:, -1].repeat(rows, 1)

    def told(self) -> tuple[Tensor, Tensor]:
        """Return means and standard deviations (R, D) of the next step."""
        mean, log_spread = self._told.float().chunk(2, -1)
        return mean, log_spread.clamp(*LOG_SPREADS).exp()

    def read(self, step: Tensor) -> None:
        """Read one step (R, W)."""
        if self._streams:
            outputs, self._state = self.model(Inputs(step[:, None]), self._state)
        else:
            self._read = torch.cat([self._read, step[:, None]], 1)[:, -self._window :]
            outputs, _ = self.model(Inputs(self._read))
        self._told = outputs[:, -1]
