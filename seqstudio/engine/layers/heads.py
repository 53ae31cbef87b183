"""Heads: linear maps to what is predicted. The losses are the trainer's."""

from __future__ import annotations

from torch import Tensor, nn


class NextToken(nn.Module):
    """Scores every symbol as the next one: (B, T, C) -> logits (B, T, V)."""

    def __init__(self, width: int, vocabulary: int, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(width, vocabulary, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.linear(x)


class ClassHead(nn.Module):
    """Scores the classes of a row or of a step: (..., C) -> logits (..., classes)."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.linear(x)


class ValueHead(nn.Module):
    """One number for a row: (B, C) -> (B, 1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the prediction."""
        return self.linear(x)


class ForecastHead(nn.Module):
    """A normal distribution for each number of the next step: (B, T, C) -> (B, T, 2 * D).

    The first D numbers are means, the last D natural logarithms of standard deviations.
    """

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 2 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return means and log-spreads side by side."""
        return self.linear(x)


class NotesHead(nn.Module):
    """Scores every note on its own as sounding next: (B, T, C) -> logits (B, T, K)."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.linear(x)
