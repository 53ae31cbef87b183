"""One factor on every dropout share of a model, changed while it trains."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

MOST = 0.95
"""Largest share that a factor leads to: with 1 nothing would be left."""


class Dropouts:
    """Sets the dropout shares of the model that trains, whichever that is."""

    def __init__(self) -> None:
        self._model: nn.Module | None = None
        self._shares: list[tuple[nn.Module, str, float]] = []
        self._factor = 1.0

    def multiply(self, model: nn.Module, factor: float) -> None:
        """Let every share be `factor` times the drawn one, `MOST` at most.

        Args:
            model: The model; the shares of a new one are taken as drawn.
            factor: 1 is as drawn, 0 switches dropout off.
        """
        if model is not self._model:
            self._model, self._shares, self._factor = model, list(shares(model)), 1.0
        if factor != self._factor:
            self._factor = factor
            for module, name, share in self._shares:
                setattr(module, name, min(share * factor, max(share, MOST)))


def shares(model: nn.Module) -> Iterator[tuple[nn.Module, str, float]]:
    """Yield module, attribute and share of every dropout: layers, attention, recurrent stacks."""
    for module in model.modules():
        name = "p" if isinstance(module, nn.Dropout) else "dropout"
        share = getattr(module, name, None)
        if isinstance(share, float):
            yield module, name, share
