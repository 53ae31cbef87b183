"""Layers that read pictures (B, C, H, W) and turn them into sequences of places (B, P, C)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation uses

from seqstudio.engine.layers.dense import FUNCTIONS


class Patches(nn.Module):
    """Squares of size x size pixels as vectors: (B, C, H, W) -> (B, P, C * size * size)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, picture: Tensor) -> Tensor:
        """Return the patches, line by line."""
        return F.pixel_unshuffle(picture, self.size).flatten(2).transpose(1, 2)


class Convolution(nn.Module):
    """A convolution, an activation and, with pool > 1, the maximum over pool x pool squares."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel: int = 3,
        stride: int = 1,
        function: str = "relu",
        pool: int = 1,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel, stride, padding=kernel // 2)
        self.function = FUNCTIONS[function]()
        self.pool = nn.MaxPool2d(pool) if pool > 1 else nn.Identity()

    def forward(self, picture: Tensor) -> Tensor:
        """Return feature maps."""
        return self.pool(self.function(self.conv(picture)))


class Places(nn.Module):
    """Every place of a picture as a step of a sequence: (B, C, H, W) -> (B, H * W, C)."""

    def forward(self, picture: Tensor) -> Tensor:
        """Return the places, line by line."""
        return picture.flatten(2).transpose(1, 2)
