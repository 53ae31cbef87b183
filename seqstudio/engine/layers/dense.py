"""Layers that see one step at a time: encodings of symbols, linear maps, small nets."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation uses

FUNCTIONS = {
    "none": nn.Identity,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "silu": nn.SiLU,
}


class OneHot(nn.Module):
    """Vectors that are 1 at the place of their symbol: ids (B, T) -> (B, T, size)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, ids: Tensor) -> Tensor:
        """Return float vectors."""
        return F.one_hot(ids, self.size).float()


class StartedLinear(nn.Linear):
    """y = W x + b with a chosen start of W; b starts at 0.

    init: "normal" (mean 0, standard deviation `spread`), "orthogonal", "identity", or "scaled"
    (orthogonal times `spread`).
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool, init: str, spread: float
    ) -> None:
        super().__init__(in_features, out_features, bias=bias)
        if init == "normal":
            nn.init.normal_(self.weight, std=spread)
        elif init == "identity":
            nn.init.eye_(self.weight)
        else:
            nn.init.orthogonal_(self.weight, spread if init == "scaled" else 1.0)
        if bias:
            nn.init.zeros_(self.bias)


class Perceptron(nn.Module):
    """y = g(w x + b): the neuron of the lecture, or a row of them."""

    def __init__(self, input_size: int, width: int = 1, function: str = "sigmoid") -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, width)
        self.function = FUNCTIONS[function]()

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., width)."""
        return self.function(self.linear(x))


class MLP(nn.Module):
    """Linear layers with an activation between them."""

    def __init__(
        self,
        input_size: int,
        hidden: int,
        width: int,
        layers: int = 1,
        function: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = [input_size] + [hidden] * layers
        self.hidden = nn.ModuleList(nn.Linear(size, hidden) for size in sizes[:-1])
        self.out = nn.Linear(hidden, width)
        self.function = FUNCTIONS[function]()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., width)."""
        for linear in self.hidden:
            x = self.dropout(self.function(linear(x)))
        return self.out(x)


class Scale(nn.Module):
    """y = factor x."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Return x, every number times the factor."""
        return x * self.factor


class FeatureScale(nn.Module):
    """y = w x, feature by feature, with learned w that starts at `start`."""

    def __init__(self, width: int, start: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((width,), start))

    def forward(self, x: Tensor) -> Tensor:
        """Return x (..., width), each feature times its weight."""
        return self.weight * x


class Add(nn.Module):
    """The sum of two paths."""

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Return x + other."""
        return x + other


class Multiply(nn.Module):
    """The product of two paths, number by number."""

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Return x * other; a width of 1 counts for all features."""
        return x * other


class Concatenate(nn.Module):
    """The features of two paths side by side."""

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Return (..., C + D)."""
        return torch.cat([x, other], -1)


class Split(nn.Module):
    """The features in equal parts."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.parts = parts

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the parts, (..., C / parts) each."""
        return x.chunk(self.parts, -1)
