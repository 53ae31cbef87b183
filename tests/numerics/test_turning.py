"""Quick rotary attention against the layer itself, in float64."""

from __future__ import annotations

import copy

import pytest
import torch

from seqstudio.engine.layers import Decoder, SelfAttention, Transformer
from seqstudio.engine.turning import QuickSelfAttention, turn_quickly

EXACT = {"rtol": 0.0, "atol": 1e-12}


def gradients(module: torch.nn.Module, *inputs: torch.Tensor) -> list[torch.Tensor]:
    leaves = [x.clone().requires_grad_() for x in inputs]
    y, _ = module(*leaves)
    return [y, *torch.autograd.grad(y.sin().sum(), [*leaves, *module.parameters()])]


@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("steps", [1, 7])
def test_results_and_gradients_are_those_of_the_layer(steps: int, rotary: bool) -> None:
    torch.manual_seed(0)
    plain = Transformer(24, layers=2, heads=3, rotary=rotary).double()
    quick = turn_quickly(copy.deepcopy(plain))
    assert sum(isinstance(part, QuickSelfAttention) for part in quick.modules()) == 2
    for length in (steps, steps + 2, steps):  # the kept tables follow the length
        x = torch.randn(2, length, 24, dtype=torch.float64)
        for a, b in zip(gradients(plain, x), gradients(quick, x), strict=True):
            torch.testing.assert_close(b, a, **EXACT)


def test_decoders_turn_too() -> None:
    torch.manual_seed(0)
    plain = Decoder(12, 8, layers=2, heads=3).double()
    quick = turn_quickly(copy.deepcopy(plain))
    x, memory = torch.randn(2, 5, 12).double(), torch.randn(2, 4, 8).double()
    for a, b in zip(gradients(plain, x, memory), gradients(quick, x, memory), strict=True):
        torch.testing.assert_close(b, a, **EXACT)


def test_a_gradient_that_came_in_stays_as_it_was() -> None:
    torch.manual_seed(0)
    layer = turn_quickly(SelfAttention(8, 2, rotary=True).double())
    q, k, v = layer.split(torch.randn(1, 3, 8, dtype=torch.float64))
    given = [torch.ones_like(part) for part in (q, k, v)]
    torch.autograd.backward([q, k, v], given)
    for part in given:
        assert torch.equal(part, torch.ones_like(part))


def test_half_precision_and_writing_go_on_as_before() -> None:
    torch.manual_seed(0)
    plain = Transformer(16, layers=1, heads=2)
    quick = turn_quickly(copy.deepcopy(plain))
    x = torch.randn(2, 6, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        a, b = plain(x)[0], quick(x)[0]
    assert a.dtype == b.dtype
    torch.testing.assert_close(b, a, rtol=0, atol=0.05)
    with torch.no_grad():
        y, past = quick(x[:, :4], [])
        more, _ = quick(x[:, 4:], past)
        whole, _ = plain(x)
    torch.testing.assert_close(torch.cat([y, more], 1), whole, rtol=0, atol=1e-5)
