"""Attention with rotary positions in training: queries and keys turn in four operations.

The layer turns halves of heads, which autograd does in many small steps on scattered memory. Here
queries and keys of all heads turn at once, where the projection left them, and back likewise.
Tests hold it equal to the layer in float64.

Shape legend: B rows, T time steps, C features, H heads, D features of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from typing_extensions import override

from seqstudio.engine.layers import SelfAttention, rotary_angles


def _swapped(x_BTC: Tensor, half: int) -> Tensor:
    """Return x with the two halves of every head exchanged."""
    halves = x_BTC.view(*x_BTC.shape[:-1], -1, 2, half)
    swapped = torch.empty_like(halves, memory_format=torch.contiguous_format)
    swapped[..., 0, :].copy_(halves[..., 1, :])
    swapped[..., 1, :].copy_(halves[..., 0, :])
    return swapped.flatten(-3)


class _Turned(torch.autograd.Function):
    """(B, T, 3 C) -> queries, keys and values (B, H, T, D), queries and keys turned."""

    @staticmethod
    @override
    def forward(
        ctx: Any, qkv: Tensor, heads: int, cos: Tensor, sin: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        width = cos.shape[-1]  # queries and keys side by side
        ctx.save_for_backward(cos, sin)
        ctx.half = width // (4 * heads)
        out, both = torch.empty_like(qkv), qkv[..., :width]
        turned = torch.mul(both, cos, out=out[..., :width])
        turned.addcmul_(_swapped(both, ctx.half), sin)
        out[..., width:].copy_(qkv[..., width:])
        q, k, v = out.view(*out.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4).unbind()
        return q, k, v

    @staticmethod
    @override
    @once_differentiable
    def backward(ctx: Any, *by_part: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        back = torch.stack([part.transpose(1, 2) for part in by_part], 2).flatten(2)
        both = back[..., : cos.shape[-1]]
        swapped = _swapped(both, ctx.half)
        both.mul_(cos).addcmul_(swapped, sin, value=-1)
        return back, None, None, None


class QuickSelfAttention(SelfAttention):
    """`SelfAttention`, quicker in training with rotary positions on a processor."""

    _tables: tuple[Tensor, Tensor] | None = None

    @override
    def split(self, x: Tensor, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """As `SelfAttention.split`."""
        if start or not self.rotary or not _applies(x):
            return super().split(x, start)
        qkv = self.qkv(x)
        q, k, v = _Turned.apply(qkv, self.heads, *self._angles(qkv))  # type: ignore[no-untyped-call]
        return q, k, v

    def _angles(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosines and sines (T, 2 C) for queries and keys, kept for the next step."""
        steps, width = like.shape[1], 2 * like.shape[2] // 3
        kept = self._tables
        if kept is None or kept[0].shape != (steps, width) or kept[0].dtype != like.dtype:
            cos, sin = rotary_angles(0, steps, width // (2 * self.heads), like)
            rows = 2 * self.heads
            kept = (torch.cat([cos, cos], -1).repeat(1, rows),
                    torch.cat([-sin, sin], -1).repeat(1, rows))  # fmt: skip
            self._tables = kept
        return kept


def _applies(x: Tensor) -> bool:
    return (
        torch.is_grad_enabled()
        and x.device.type == "cpu"
        and not torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
        and not torch.compiler.is_compiling()
    )


def turn_quickly(module: nn.Module) -> nn.Module:
    """Let the attention layers inside turn that way; return the same module."""
    for part in module.modules():
        if type(part) is SelfAttention:
            part.__class__ = QuickSelfAttention
    return module
