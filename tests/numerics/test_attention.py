"""Attention weights: what the probe reports against what the layer computes."""

import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from seqstudio.engine.layers import SelfAttention
from seqstudio.engine.probes import attention

ROWS, STEPS, WIDTH, HEADS = 2, 13, 12, 3
EMBEDDING = ("embedding", {"width": WIDTH})


def layer(**options) -> SelfAttention:
    torch.manual_seed(0)
    return SelfAttention(WIDTH, HEADS, **options)


def tokens(steps: int = STEPS) -> torch.Tensor:
    return torch.randint(9, (ROWS, steps), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_weights_times_values_equal_the_fused_attention(causal, rotary):
    attend = layer(causal=causal, rotary=rotary)
    x = torch.randn(ROWS, STEPS, WIDTH)
    weights, (_, _, v) = attend.weights(x), attend.split(x)
    mixed = attend.out((weights @ v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(mixed, attend(x)[0], rtol=0, atol=1e-6)
    assert torch.allclose(weights.sum(-1), torch.ones(ROWS, HEADS, STEPS), atol=1e-6)
    above = torch.ones(STEPS, STEPS).triu(1).bool()
    assert bool(weights[..., above].any()) != causal


def test_weights_equal_those_of_torchs_multi_head_attention():
    attend = layer(causal=True)
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(attend.qkv.weight)
        theirs.in_proj_bias.copy_(attend.qkv.bias)
        theirs.out_proj.weight.copy_(attend.out.weight)
        theirs.out_proj.bias.copy_(attend.out.bias)
    x = torch.randn(ROWS, STEPS, WIDTH)
    mask = torch.ones(STEPS, STEPS).triu(1).bool()
    mixed, weights = theirs(x, x, x, attn_mask=mask, average_attn_weights=False)
    torch.testing.assert_close(attend.weights(x), weights, rtol=0, atol=1e-6)
    torch.testing.assert_close(attend(x)[0], mixed, rtol=0, atol=1e-6)


def test_the_probe_reports_every_layer_of_every_block_in_order(make_model):
    stack = ("transformer", {"layers": 3, "heads": HEADS})
    single = ("self_attention", {"heads": 2, "causal": False})
    model = make_model("tokens", EMBEDDING, stack, single, "next_token").float()
    found = attention(model, tokens())
    assert [(part.block, part.layer) for part in found] == [
        ("transformer", 0),
        ("transformer", 1),
        ("transformer", 2),
        ("self_attention", 0),
    ]
    for part in found[:3]:
        assert part.weights.shape == (HEADS, STEPS, STEPS)
        np.testing.assert_array_equal(part.masked, np.triu(np.ones((STEPS, STEPS), bool), 1))
        assert not part.weights[:, part.masked].any()
    assert found[3].weights.shape == (2, STEPS, STEPS)
    assert not found[3].masked.any()
    for part in found:
        assert part.weights.dtype == np.float32
        assert not part.weights.flags.writeable
        np.testing.assert_allclose(part.weights.sum(-1), 1.0, atol=1e-6)


def test_the_probe_sees_what_the_layer_received(make_model):
    stack = ("transformer", {"layers": 2, "heads": HEADS, "dropout": 0.5})
    model = make_model("tokens", EMBEDDING, stack, "next_token").float()
    quiet = deepcopy(model).eval()
    received = []
    second = quiet.module("transformer").blocks[1].attention
    second.register_forward_pre_hook(lambda _, args: received.append(args[0]))
    quiet(tokens())
    found = attention(model.train(), tokens())[1]
    torch.testing.assert_close(
        torch.from_numpy(found.weights.copy()), second.weights(received[0])[0], rtol=0, atol=1e-6
    )
    assert model.training


def test_later_tokens_change_no_earlier_row(make_model):
    stack = ("transformer", {"layers": 2, "heads": HEADS})
    model = make_model("tokens", EMBEDDING, stack, "next_token").float()
    text = tokens()
    other = text.clone()
    other[0, 8:] = (other[0, 8:] + 1) % 9
    for one, two in zip(attention(model, text), attention(model, other), strict=True):
        np.testing.assert_array_equal(one.weights[:, :8], two.weights[:, :8])
        assert np.abs(one.weights[:, 8:] - two.weights[:, 8:]).max() > 0


def test_the_probe_leaves_no_trace(make_model):
    stack = ("transformer", {"layers": 2, "heads": HEADS, "dropout": 0.5})
    model = make_model("tokens", EMBEDDING, stack, "next_token").float()
    model(tokens())[0].sum().backward()
    weights = deepcopy(model.state_dict())
    grads = [p.grad.clone() for p in model.parameters()]
    numbers = torch.get_rng_state()
    first, second = attention(model, tokens()), attention(model, tokens())
    np.testing.assert_array_equal(first[0].weights, second[0].weights)
    with pytest.raises(IndexError):
        attention(model, torch.full((1, 4), 9))
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert all(map(torch.equal, grads, (p.grad for p in model.parameters())))
    assert torch.equal(numbers, torch.get_rng_state())
    assert all(part.training for part in model.modules())
    assert all(p.requires_grad for p in model.parameters())
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_a_model_without_attention_has_nothing_to_report(make_model):
    assert attention(make_model("tokens", EMBEDDING, "gru", "next_token"), tokens()) == ()


def test_scores_are_divided_by_the_square_root_of_a_heads_width():
    attend = layer(causal=False)
    x = torch.randn(1, 5, WIDTH)
    q, k, _ = attend.split(x)
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / math.sqrt(WIDTH // HEADS)
    torch.testing.assert_close(attend.weights(x), scores.softmax(-1), rtol=0, atol=1e-6)
