"""Layers against torch's own modules and closed forms, in float64."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqstudio.engine import layers
from seqstudio.engine.layers import GRU, LSTM, RNN, PeepholeLayer, SelfAttention

LENGTHS = torch.tensor([3, 6, 1, 5])
ROWS, STEPS, WIDTH, UNITS = 4, 6, 8, 6


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(7)


def draw(*size: int) -> Tensor:
    return torch.randn(*size, dtype=torch.float64)


def close(ours: Any, theirs: Any, atol: float = 1e-12) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=atol)


def no_padding(x: Tensor, lengths: Tensor = LENGTHS) -> Tensor:
    return x * layers.valid_steps(lengths, x.shape[1])[..., None]


# ---------------------------------------------------------------------------- recurrent


def copy_stack(ours: layers.Recurrent, theirs: nn.RNNBase) -> None:
    """Give torch's deep, maybe bidirectional module our weights."""
    for number, cell in enumerate(ours.cells):
        for suffix, part in (("", cell), ("_reverse", ours.back[number] if ours.back else None)):
            if part is not None:
                for name, value in part.named_parameters():
                    target = name.replace("_l0", f"_l{number}{suffix}")
                    theirs.get_parameter(target).data.copy_(value)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(
    ("cls", "reference"), [(RNN, nn.RNN), (GRU, nn.GRU), (LSTM, nn.LSTM)], ids=lambda c: c.__name__
)
def test_a_stack_equals_torch_s_on_packed_rows(
    cls: Any, reference: Any, bidirectional: bool
) -> None:
    ours = cls(WIDTH, UNITS, 2, bidirectional=bidirectional).double()
    theirs = reference(WIDTH, UNITS, 2, batch_first=True, bidirectional=bidirectional).double()
    copy_stack(ours, theirs)
    x = draw(ROWS, STEPS, WIDTH)
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    packed_y, last = theirs(packed)
    expected, _ = pad_packed_sequence(packed_y, batch_first=True, total_length=STEPS)
    y, end = ours(x, lengths=LENGTHS)
    close(no_padding(y), expected)
    forward = slice(None, None, 2) if bidirectional else slice(None)
    if cls is LSTM:
        close(torch.cat([h for h, _ in end]), last[0][forward])
        close(torch.cat([c for _, c in end]), last[1][forward])
    else:
        close(torch.cat(end), last[forward])


def test_names_of_parameters_are_those_of_older_checkpoints() -> None:
    names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    for cls in (RNN, GRU, LSTM):
        expected = [f"cells.{layer}.{name}" for layer in range(2) for name in names]
        assert list(cls(WIDTH, UNITS, 2).state_dict()) == expected
        assert all(isinstance(cell, nn.RNNBase) for cell in cls(WIDTH, UNITS, 2).cells)


def test_residual_layers_add_what_they_read() -> None:
    stack = GRU(WIDTH, UNITS, 3, residual=True).double()
    x = draw(ROWS, STEPS, WIDTH)
    one = stack.cells[0](x)[0]
    two = one + stack.cells[1](one)[0]
    close(stack(x)[0], two + stack.cells[2](two)[0])


def test_dropout_lies_between_layers_only() -> None:
    x = draw(ROWS, STEPS, WIDTH)
    single = GRU(WIDTH, UNITS, 1, dropout=0.9).double().train()
    close(single(x)[0], single.eval()(x)[0])
    deep = GRU(WIDTH, UNITS, 2, dropout=0.9).double().train()
    trained, whole = deep(x)[0], deep.eval()(x)[0]
    assert not torch.equal(trained, whole)
    close(deep.cells[1](deep.cells[0](x)[0])[0], whole)


def test_the_backward_cells_start_as_the_forward_ones_do() -> None:
    stack = LSTM(WIDTH, UNITS, 2, 2.5, init="identity", bidirectional=True, peepholes=True)
    for cell in (*stack.cells, *stack.back):
        for block in cell.weight_hh_l0.chunk(4):
            assert torch.equal(block, torch.eye(UNITS))
        forget = (cell.bias_ih_l0 + cell.bias_hh_l0)[UNITS : 2 * UNITS]
        assert torch.equal(forget, torch.full((UNITS,), 2.5))


def peephole_layer() -> PeepholeLayer:
    cell = PeepholeLayer(WIDTH, UNITS).double()
    for peep in (cell.peep_i, cell.peep_f, cell.peep_o):
        peep.data.normal_()
    return cell


def test_peepholes_that_are_zero_leave_an_lstm() -> None:
    ours, theirs = PeepholeLayer(WIDTH, UNITS).double(), nn.LSTM(WIDTH, UNITS, batch_first=True)
    theirs.double().load_state_dict(
        {n: p for n, p in ours.state_dict().items() if "peep" not in n}
    )
    x, start = draw(ROWS, STEPS, WIDTH), (draw(1, ROWS, UNITS), draw(1, ROWS, UNITS))
    close(ours(x), theirs(x))
    close(ours(x, start), theirs(x, start))


def test_a_peephole_layer_follows_the_equations() -> None:
    cell, x = peephole_layer(), draw(1, 2, WIDTH)
    w_x, w_h = cell.weight_ih_l0.chunk(4), cell.weight_hh_l0.chunk(4)
    b = (cell.bias_ih_l0 + cell.bias_hh_l0).chunk(4)
    h = c = torch.zeros(UNITS, dtype=torch.float64)
    for t in range(2):
        i, f, g, o = (w_x[k] @ x[0, t] + w_h[k] @ h + b[k] for k in range(4))
        i, f = torch.sigmoid(i + cell.peep_i * c), torch.sigmoid(f + cell.peep_f * c)
        c = f * c + i * torch.tanh(g)
        h = torch.sigmoid(o + cell.peep_o * c) * torch.tanh(c)
    y, (last_h, last_c) = cell(x)
    close(y[0, 1], h)
    close(last_h[0, 0], h)
    close(last_c[0, 0], c)


def test_gradients_of_new_cells_are_right() -> None:
    x = draw(2, 3, WIDTH).requires_grad_()
    lengths = torch.tensor([3, 2])
    cell = peephole_layer()
    assert torch.autograd.gradcheck(lambda x: cell(x, None, lengths)[0].sum(1), (x,))
    both = LSTM(WIDTH, 3, 2, bidirectional=True, residual=True).double()
    assert torch.autograd.gradcheck(
        lambda x: no_padding(both(x, lengths=lengths)[0], lengths), (x,)
    )


def test_a_tanh_gate_stepped_is_the_rnn() -> None:
    gate = layers.Gate(WIDTH, UNITS, UNITS, "tanh", bias=0.3).double()
    rnn = nn.RNN(WIDTH, UNITS, batch_first=True).double()
    rnn.weight_ih_l0.data.copy_(gate.input.weight)
    rnn.weight_hh_l0.data.copy_(gate.state.weight)
    rnn.bias_ih_l0.data.copy_(gate.input.bias)
    rnn.bias_hh_l0.data.zero_()
    x, h, seen = draw(ROWS, STEPS, WIDTH), torch.zeros(ROWS, UNITS, dtype=torch.float64), []
    for t in range(STEPS):
        h = gate(x[:, t], h)
        seen.append(h)
    close(torch.stack(seen, 1), rnn(x)[0])
    assert float(gate.state.weight.detach().abs().max()) <= 1 / math.sqrt(UNITS)


@pytest.mark.parametrize("init", ["orthogonal", "scaled", "identity"])
def test_a_gate_starts_as_it_is_told(init: str) -> None:
    gate = layers.Gate(WIDTH, UNITS, UNITS, "none", init=init, radius=0.5)
    factor = 0.5 if init == "scaled" else 1.0
    squared = gate.state.weight @ gate.state.weight.T
    torch.testing.assert_close(squared, factor**2 * torch.eye(UNITS), rtol=0, atol=1e-5)
    assert torch.equal(gate.state.weight, torch.eye(UNITS)) == (init == "identity")


def test_a_start_state_is_tanh_of_a_linear_map_in_the_order_of_layers() -> None:
    start = layers.StartState(WIDTH, 2, UNITS, cell=True).double()
    x = draw(ROWS, WIDTH)
    flat = torch.tanh(start.linear(x))
    (h0, c0), (h1, c1) = start(x)
    close(torch.cat([h0[0], c0[0], h1[0], c1[0]], -1), flat)
    stack = LSTM(WIDTH, UNITS, 2).double()
    sequence = draw(ROWS, STEPS, WIDTH)
    y, _ = stack(sequence, start=start(x))
    y.sum().backward()
    assert start.linear.weight.grad is not None
    assert start.linear.weight.grad.abs().min() > 0


# ---------------------------------------------------------------------------- attention


@pytest.mark.parametrize(("causal", "window"), list(itertools.product([True, False], [0, 1, 3])))
def test_self_attention_equals_the_fused_one_with_its_mask(causal: bool, window: int) -> None:
    attend = SelfAttention(WIDTH, 2, causal, rotary=True, window=window).double()
    x = draw(ROWS, STEPS, WIDTH)
    seen = torch.zeros(ROWS, 1, STEPS, STEPS, dtype=torch.bool)
    for row, q, k in itertools.product(range(ROWS), range(STEPS), range(STEPS)):
        near = not window or abs(q - k) <= window
        seen[row, 0, q, k] = near and not (causal and k > q) and k < LENGTHS[row]
        seen[row, 0, q, q] = True
    q, k, v = attend.split(x)
    mixed = F.scaled_dot_product_attention(q, k, v, seen).transpose(1, 2).flatten(2)
    y, _ = attend(x, lengths=LENGTHS)
    close(no_padding(y), no_padding(attend.out(mixed)))
    weights = attend.weights(x, LENGTHS)
    close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    true = layers.valid_steps(LENGTHS, STEPS)
    for row in range(ROWS):
        queries = weights[row][:, true[row]]
        assert not queries[..., ~true[row]].any(), "a padded key never gets weight"
        close(queries @ v[row], mixed[row, true[row]].unflatten(-1, (2, -1)).transpose(0, 1))


def test_cross_attention_equals_torch_s_multi_head_attention() -> None:
    ours = layers.CrossAttention(WIDTH, WIDTH, 2).double()
    theirs = nn.MultiheadAttention(WIDTH, 2, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.q.weight, ours.kv.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.q.bias, ours.kv.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    x, memory = draw(ROWS, 3, WIDTH), draw(ROWS, STEPS, WIDTH)
    padding = ~layers.valid_steps(LENGTHS, STEPS)
    y, weights = theirs(x, memory, memory, key_padding_mask=padding, average_attn_weights=False)
    close(ours(x, memory, LENGTHS), y)
    close(ours.weights(x, memory, LENGTHS), weights)
    close(ours(x[:, 0], memory, LENGTHS), y[:, 0])


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_transformer_block_equals_torch_s_layer(norm: str) -> None:
    ours = layers.Encoder(WIDTH, 1, 2, 3, rotary=False, norm=norm).double()
    theirs = nn.TransformerEncoderLayer(
        WIDTH, 2, 3 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=norm == "pre"
    ).double()
    (block,) = ours.blocks
    with torch.no_grad():
        copy_attention(theirs.self_attn, block.attention)
        for name, part in (("linear1", block.up), ("linear2", block.down)):
            getattr(theirs, name).load_state_dict(part.state_dict())
    x, padding = draw(ROWS, STEPS, WIDTH), ~layers.valid_steps(LENGTHS, STEPS)
    close(
        no_padding(ours(x, LENGTHS)),
        no_padding(theirs.train()(x, src_key_padding_mask=padding)),
        atol=1e-10,
    )


def copy_attention(theirs: nn.MultiheadAttention, ours: SelfAttention) -> None:
    theirs.in_proj_weight.copy_(ours.qkv.weight)
    theirs.in_proj_bias.copy_(ours.qkv.bias)
    theirs.out_proj.load_state_dict(ours.out.state_dict())


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_decoder_block_equals_torch_s_layer(norm: str) -> None:
    ours = layers.Decoder(WIDTH, WIDTH, 1, 2, 3, rotary=False, norm=norm).double()
    theirs = nn.TransformerDecoderLayer(
        WIDTH, 2, 3 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=norm == "pre"
    ).double()
    (block,) = ours.blocks
    with torch.no_grad():
        copy_attention(theirs.self_attn, block.attention)
        cross = theirs.multihead_attn
        cross.in_proj_weight.copy_(torch.cat([block.cross.q.weight, block.cross.kv.weight]))
        cross.in_proj_bias.copy_(torch.cat([block.cross.q.bias, block.cross.kv.bias]))
        cross.out_proj.load_state_dict(block.cross.out.state_dict())
        for name, part in (("linear1", block.up), ("linear2", block.down)):
            getattr(theirs, name).load_state_dict(part.state_dict())
    x, memory = draw(ROWS, 4, WIDTH), draw(ROWS, STEPS, WIDTH)
    future = nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    padding = ~layers.valid_steps(LENGTHS, STEPS)
    expected = theirs(x, memory, tgt_mask=future, memory_key_padding_mask=padding)
    close(ours(x, memory, None, LENGTHS)[0], expected, atol=1e-10)


def test_parts_wired_together_are_self_attention() -> None:
    whole = SelfAttention(WIDTH, 2, causal=True, rotary=True, window=2).double()
    x = draw(ROWS, STEPS, WIDTH)
    split, rotary = layers.SplitHeads(2), layers.Rotary()
    q, k, v = (split(part) for part in whole.qkv(x).chunk(3, -1))
    q = layers.Scale(1 / math.sqrt(WIDTH // 2))(rotary(q))
    scores = layers.MatrixProduct(transposed=True)(q, rotary(k))
    shares = layers.Softmax()(layers.ScoreMask(True, 2)(scores))
    mixed = layers.MergeHeads()(layers.MatrixProduct()(shares, v))
    close(whole.out(mixed), whole(x)[0])


def test_parts_wired_together_are_cross_attention_over_true_steps() -> None:
    whole = layers.CrossAttention(WIDTH, 5, 2).double()
    x, memory = draw(ROWS, 7, WIDTH), draw(ROWS, STEPS, 5)
    split = layers.SplitHeads(2)
    q, (k, v) = split(whole.q(x)), map(split, whole.kv(memory).chunk(2, -1))
    scores = layers.MatrixProduct(transposed=True)(layers.Scale(0.5)(q), k)
    mask = layers.ScoreMask(causal=False, own=False)
    shares = layers.Softmax()(mask(scores, memory, memory_lengths=LENGTHS))
    mixed = layers.MergeHeads()(layers.MatrixProduct()(shares, v))
    close(whole.out(mixed), whole(x, memory, LENGTHS))


def test_additive_attention_is_the_sum_that_its_equation_says() -> None:
    attend = layers.AdditiveAttention(WIDTH, 5, 3).double()
    x, memory = draw(ROWS, 2, WIDTH), draw(ROWS, STEPS, 5)
    context, weights = attend(x, memory, LENGTHS), attend.weights(x, memory, LENGTHS)
    v = attend.score.weight[0]
    for row, t in itertools.product(range(ROWS), range(2)):
        scores = torch.stack(
            [
                v @ torch.tanh(attend.query(x[row, t]) + attend.key.weight @ memory[row, s])
                for s in range(int(LENGTHS[row]))
            ]
        )
        alpha = scores.exp() / scores.exp().sum()
        close(weights[row, t, : len(alpha)], alpha)
        assert not weights[row, t, len(alpha) :].any()
        close(context[row, t], alpha @ memory[row, : len(alpha)])
    close(attend(x[:, 0], memory, LENGTHS), context[:, 0])


def test_hard_attention_picks_one_true_place_and_is_the_soft_one_on_average() -> None:
    hard = layers.HardAttention(WIDTH, 5, 3).double()
    x, memory = draw(1, 1, WIDTH).expand(20_000, 1, -1), draw(1, 4, 5).expand(20_000, 4, -1)
    lengths = torch.full((20_000,), 3)
    drawn = hard.train()(x, memory, lengths)[:, 0].detach()
    distance = (drawn[:, None] - memory).norm(dim=-1)
    place = distance.argmin(-1)
    assert float(distance.min(-1).values.max()) < 1e-12
    assert set(place.tolist()) == {0, 1, 2}, "the padded place is never drawn"
    soft = layers.AdditiveAttention.forward(hard, x[:1], memory[:1], lengths[:1])[0, 0]
    spread = drawn.std(0) / math.sqrt(len(drawn))
    assert bool(((drawn.mean(0) - soft).abs() < 5 * spread).all())
    likeliest = int(hard.weights(x[:1], memory[:1], lengths[:1]).argmax())
    close(hard.eval()(x[:1], memory[:1], lengths[:1])[0, 0], memory[0, likeliest])


def test_the_gradient_of_hard_attention_goes_straight_through() -> None:
    hard = layers.HardAttention(WIDTH, 5, 3).double().eval()
    x, memory, g = draw(ROWS, 2, WIDTH), draw(ROWS, STEPS, 5), draw(ROWS, 2, 5)
    parameters = list(hard.parameters())
    through = torch.autograd.grad((hard(x, memory) * g).sum(), parameters)
    soft = layers.AdditiveAttention.forward(hard, x, memory)
    close(through, torch.autograd.grad((soft * g).sum(), parameters))
    assert any(bool(grad.any()) for grad in through)


# ---------------------------------------------------------------------------- dense and glue


def test_rms_norm_is_that_of_its_equation() -> None:
    norm = nn.RMSNorm(WIDTH, eps=1e-6).double()
    norm.weight.data.normal_()
    x = draw(ROWS, STEPS, WIDTH)
    close(norm(x), norm.weight * x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt())


@pytest.mark.parametrize("init", ["normal", "orthogonal", "identity", "scaled"])
def test_a_linear_layer_starts_as_it_is_told(init: str) -> None:
    layer = layers.StartedLinear(64, 64, True, init, 0.3)
    weight = layer.weight.detach()
    assert not layer.bias.any()
    if init == "normal":
        assert abs(float(weight.std()) - 0.3) < 0.02
        return
    factor = 0.3 if init == "scaled" else 1.0
    torch.testing.assert_close(weight @ weight.T, factor**2 * torch.eye(64), rtol=0, atol=1e-5)
    assert torch.equal(weight, torch.eye(64)) == (init == "identity")


def test_an_mlp_is_linear_maps_with_functions_between() -> None:
    net = layers.MLP(WIDTH, 5, 2, layers=2, function="tanh").double().eval()
    x = draw(ROWS, WIDTH)
    first, second = net.hidden
    close(net(x), net.out(torch.tanh(second(torch.tanh(first(x))))))
    assert not torch.equal(layers.MLP(WIDTH, 5, 2, dropout=0.5).double().train()(x), net.eval()(x))


def test_patches_are_squares_line_by_line_as_unfold_cuts_them() -> None:
    picture = draw(2, 3, 4, 6)
    patches = layers.Patches(2)(picture)
    close(patches, F.unfold(picture, 2, stride=2).transpose(1, 2))
    close(patches[0, 4].view(3, 2, 2), picture[0, :, 2:4, 2:4])
    close(layers.Places()(picture)[1, 7], picture[1, :, 1, 1])


def test_a_sequence_too_long_for_a_flat_net_is_refused_in_words() -> None:
    flatten = layers.FlattenTime(3)
    x = draw(2, 2, 4)
    close(flatten(x), F.pad(x.flatten(1), (0, 4)))
    with pytest.raises(ValueError, match="4 steps arrive, the dense net has inputs for 3"):
        flatten(draw(2, 4, 4))


def test_glue_along_time_by_the_true_length() -> None:
    x = draw(ROWS, STEPS, WIDTH)
    last, mean, top = (
        layer(x, LENGTHS)
        for layer in (layers.LastStep(), layers.MeanOverTime(), layers.MaxOverTime())
    )
    turned, shifted = layers.Reverse()(x, LENGTHS), layers.Shift()(x)[0]
    for row, length in enumerate(LENGTHS.tolist()):
        close(last[row], x[row, length - 1])
        close(mean[row], x[row, :length].mean(0))
        close(top[row], x[row, :length].amax(0))
        close(turned[row, :length], x[row, :length].flip(0))
        close(shifted[row, 1:], x[row, :-1])
        assert not shifted[row, 0].any()
    close(layers.Reverse()(turned, LENGTHS), x)


def test_a_state_begins_with_zeros_or_what_it_learned() -> None:
    like = draw(ROWS, WIDTH)
    zeros = layers.StateStep(UNITS).begin(like)
    assert zeros.dtype == torch.float64
    assert zeros.shape == (ROWS, UNITS)
    assert not zeros.any()
    assert (
        layers.StateStep(UNITS)
        .begin(torch.zeros(ROWS, STEPS, dtype=torch.int64))
        .is_floating_point()
    )
    learned = layers.StateStep(UNITS, learned=True).double()
    assert learned.start is not None
    learned.start.data.normal_()
    close(learned.begin(like), learned.start.expand(ROWS, -1))
    learned.begin(like).sum().backward()
    close(learned.start.grad, torch.full((UNITS,), float(ROWS), dtype=torch.float64))
    assert torch.equal(learned(like), like)


@pytest.mark.parametrize(
    "layer",
    [
        GRU(WIDTH, UNITS, 2, bidirectional=True),
        LSTM(WIDTH, UNITS, peepholes=True),
        SelfAttention(WIDTH, 2, causal=False, window=2),
        layers.Transformer(WIDTH, 1, 2, window=2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_run_in_half_precision(layer: nn.Module) -> None:
    x = torch.randn(ROWS, STEPS, WIDTH)
    with torch.autocast("cpu", torch.bfloat16):
        rough, _ = layer(x, None, lengths=LENGTHS)
        rough.float().sum().backward()
    exact, _ = layer(x, None, lengths=LENGTHS)
    torch.testing.assert_close(rough.float(), exact, rtol=0.1, atol=0.1)
