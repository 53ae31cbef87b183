"""The recursion against autograd on unrolled cells, in float64 unless said otherwise."""

import math

import pytest
import torch
from torch import nn

from seqstudio.engine.gradflow import (
    CellWeights,
    LayerRun,
    distance_curve,
    fit_horizon,
    itemised_map,
    norm64,
    state_gradients,
    time_curve,
)

KINDS = ("rnn_tanh", "rnn_relu", "lstm", "gru")
ROWS, STEPS, WIDTH, UNITS, CLASSES = 3, 25, 7, 11, 9
LIMIT = 1e-10


def layer(kind: str, width: int = WIDTH, units: int = UNITS, **options) -> nn.RNNBase:
    if kind.startswith("rnn"):
        cell = nn.RNN(width, units, nonlinearity=kind[4:], batch_first=True, **options)
    else:
        cell = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](width, units, batch_first=True, **options)
    return cell.double()


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


def of_states(loss, states):
    return torch.stack(torch.autograd.grad(loss, states, retain_graph=True), 1)


class Task:
    """A batch and a head that scores every step."""

    def __init__(self, width: int = UNITS) -> None:
        torch.manual_seed(width)
        self.x = torch.randn(ROWS, STEPS, WIDTH, dtype=torch.float64)
        self.y = torch.randint(CLASSES, (ROWS, STEPS))
        self.head = nn.Linear(width, CLASSES).double()

    def losses(self, h):
        logits = self.head(h).flatten(0, 1)
        flat = nn.functional.cross_entropy(logits, self.y.flatten(), reduction="none")
        return flat.view(ROWS, STEPS)

    def direct(self, out, loss):
        (e,) = torch.autograd.grad(loss, out, retain_graph=True)
        return e


@pytest.fixture
def task() -> Task:
    return Task()


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_totals_equal_autograd_on_the_unrolled_cell(kind, bias, carried, task, unrolled):
    cell = layer(kind, bias=bias)
    h0 = torch.randn(1, ROWS, UNITS, dtype=torch.float64) * carried
    c0 = torch.randn(1, ROWS, UNITS, dtype=torch.float64) * carried
    start = (h0, c0) if kind == "lstm" else h0
    out, _ = cell(task.x, start)
    run = LayerRun(task.x, out, *((h0[0], c0[0]) if carried else ()))
    e = task.direct(out, task.losses(out).mean())
    flow = state_gradients(CellWeights.from_module(cell), run, e)

    h0.requires_grad_()
    c0.requires_grad_()
    loop = unrolled(cell)
    loss = task.losses(loop(task.x, start)[0]).mean()
    assert relative(flow.total_h, of_states(loss, loop.hs)) < LIMIT
    assert relative(flow.initial_h, of_states(loss, [h0])[:, 0][0]) < LIMIT
    if kind == "lstm":
        assert relative(flow.total_c, of_states(loss, loop.cs)) < LIMIT
        assert relative(flow.initial_c, of_states(loss, [c0])[:, 0][0]) < LIMIT
    else:
        assert flow.total_c is None
        assert flow.initial_c is None


@pytest.mark.parametrize("kind", KINDS)
def test_direct_part_alone_is_exactly_zero_before_a_loss_at_the_last_step(kind, task):
    cell = layer(kind)
    out, _ = cell(task.x)
    e = task.direct(out, task.losses(out)[:, -1].mean())
    flow = state_gradients(CellWeights.from_module(cell), LayerRun(task.x, out), e)
    assert not flow.direct_h[:, :-1].any()
    assert (norm64(flow.total_h) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_direct_part_alone_is_wrong_by_more_than_5_percent_with_a_loss_at_every_step(kind, task):
    cell = layer(kind)
    out, _ = cell(task.x)
    e = task.direct(out, task.losses(out).mean())
    flow = state_gradients(CellWeights.from_module(cell), LayerRun(task.x, out), e)
    assert torch.equal(flow.direct_h, e)
    assert relative(flow.direct_h, flow.total_h) > 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_that_also_reads_the_last_states(kind, task, unrolled):
    cell = layer(kind)

    def total(out, last):
        ends = last if isinstance(last, tuple) else (last,)
        return task.losses(out).mean() + sum((end**3).sum() for end in ends), ends

    out, last = cell(task.x)
    loss, ends = total(out, last)
    e, *e_ends = torch.autograd.grad(loss, [out, *ends])
    flow = state_gradients(
        CellWeights.from_module(cell),
        LayerRun(task.x, out),
        e,
        e_last_h=e_ends[0][0],
        e_last_c=e_ends[1][0] if kind == "lstm" else None,
    )
    loop = unrolled(cell)
    loss, _ = total(*loop(task.x))
    assert relative(flow.total_h, of_states(loss, loop.hs)) < LIMIT
    assert torch.equal(flow.direct_h[:, -1], e[:, -1] + e_ends[0][0])
    assert torch.equal(flow.direct_h[:, :-1], e[:, :-1])
    if kind == "lstm":
        assert relative(flow.total_c, of_states(loss, loop.cs)) < LIMIT


def test_the_direct_part_of_the_cell_is_what_reaches_it_without_the_next_step(task, unrolled):
    """With every later step cut off, autograd by c_t has only that part left."""
    cell = layer("lstm")
    out, _ = cell(task.x)
    e = task.direct(out, task.losses(out).mean())
    flow = state_gradients(CellWeights.from_module(cell), LayerRun(task.x, out), e)
    for t in (0, 11, STEPS - 1):
        loop = unrolled(cell)
        loop(task.x[:, : t + 1])
        (wanted,) = torch.autograd.grad((loop.hs[t] * e[:, t]).sum(), loop.cs[t])
        torch.testing.assert_close(flow.direct_c[:, t], wanted, rtol=0, atol=1e-14)
    assert torch.equal(flow.direct_c[:, -1], flow.total_c[:, -1])
    assert relative(flow.direct_c, flow.total_c) > 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_both_layers_of_a_stack(kind, task, unrolled):
    lower, upper = layer(kind), layer(kind, UNITS)
    h1, _ = lower(task.x)
    h2, _ = upper(h1)
    e1, e2 = torch.autograd.grad(task.losses(h2).mean(), [h1, h2])
    g1 = state_gradients(CellWeights.from_module(lower), LayerRun(task.x, h1), e1).total_h
    g2 = state_gradients(CellWeights.from_module(upper), LayerRun(h1, h2), e2).total_h
    low, up = unrolled(lower), unrolled(upper)
    loss = task.losses(up(low(task.x)[0])[0]).mean()
    assert relative(g1, of_states(loss, low.hs)) < LIMIT
    assert relative(g2, of_states(loss, up.hs)) < LIMIT


@pytest.mark.parametrize("kind", KINDS)
def test_both_directions_of_a_bidirectional_layer(kind, unrolled):
    task = Task(2 * UNITS)
    cell = layer(kind, bidirectional=True)
    out, _ = cell(task.x)
    e = task.direct(out, task.losses(out).mean())
    there = LayerRun(task.x, out[..., :UNITS])
    back = LayerRun(task.x.flip(1), out[..., UNITS:].flip(1))
    g_there = state_gradients(CellWeights.from_module(cell), there, e[..., :UNITS]).total_h
    weights = CellWeights.from_module(cell, reverse=True)
    g_back = state_gradients(weights, back, e[..., UNITS:].flip(1)).total_h
    one, two = unrolled(cell), unrolled(cell, "_reverse")
    joint = torch.cat([one(task.x)[0], two(task.x.flip(1))[0].flip(1)], -1)
    loss = task.losses(joint).mean()
    assert relative(g_there, of_states(loss, one.hs)) < LIMIT
    assert relative(g_back, of_states(loss, two.hs)) < LIMIT


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_unequal_length(kind, task, unrolled):
    lengths = torch.tensor([STEPS, 17, 4])
    valid = torch.arange(STEPS)[None] < lengths[:, None]
    cell = layer(kind)
    packed = nn.utils.rnn.pack_padded_sequence(task.x, lengths, batch_first=True)
    out, _ = nn.utils.rnn.pad_packed_sequence(cell(packed)[0], batch_first=True)
    e = task.direct(out, (task.losses(out) * valid).sum())
    found = state_gradients(CellWeights.from_module(cell), LayerRun(task.x, out), e).total_h
    loop = unrolled(cell)
    loss = (task.losses(loop(task.x)[0]) * valid).sum()
    assert relative(found, of_states(loss, loop.hs)) < LIMIT


@pytest.mark.parametrize("kind", KINDS)
def test_itemised_map_equals_one_backward_pass_per_loss(kind, task, unrolled):
    cell = layer(kind)
    out, _ = cell(task.x)
    e = task.direct(out, task.losses(out).sum())
    found = itemised_map(CellWeights.from_module(cell), LayerRun(task.x, out), e)
    loop = unrolled(cell)
    losses = task.losses(loop(task.x)[0])
    assert found.targets == tuple(range(STEPS))
    for k in range(STEPS):
        h = norm64(of_states(losses[:, k].sum(), loop.hs[: k + 1]))
        assert relative(10 ** found.log10_h[:, k, : k + 1], h) < LIMIT
        assert found.log10_h[:, k, k + 1 :].isnan().all()
        if kind == "lstm":
            c = norm64(of_states(losses[:, k].sum(), loop.cs[: k + 1]))
            assert relative(10 ** found.log10_c[:, k, : k + 1], c) < LIMIT


@pytest.mark.parametrize("kind", KINDS)
def test_items_times_their_weights_sum_to_the_total(kind, task):
    cell = layer(kind)
    out, _ = cell(task.x)
    weight = torch.rand(STEPS, dtype=torch.float64)
    run, w = LayerRun(task.x, out), CellWeights.from_module(cell)
    total = state_gradients(w, run, task.direct(out, (weight * task.losses(out)).sum())).total_h
    local = task.direct(out, task.losses(out).sum())
    found = itemised_map(w, run, local)
    parts = torch.zeros_like(total)
    for k in range(STEPS):
        only = torch.zeros_like(local)
        only[:, k] = local[:, k]
        item = state_gradients(w, run, only).total_h
        assert relative(10 ** found.log10_h[:, k, : k + 1], norm64(item[:, : k + 1])) < LIMIT
        parts += weight[k] * item
    assert relative(parts, total) < LIMIT


def test_chosen_targets_are_rows_of_the_full_map(task):
    cell = layer("lstm")
    out, _ = cell(task.x)
    e = task.direct(out, task.losses(out).sum())
    w, run = CellWeights.from_module(cell), LayerRun(task.x, out)
    full, some = itemised_map(w, run, e), itemised_map(w, run, e, targets=[STEPS - 1, 3])
    assert some.targets == (3, STEPS - 1)
    for found, wanted in ((some.log10_h, full.log10_h), (some.log10_c, full.log10_c)):
        torch.testing.assert_close(
            found, wanted[:, [3, STEPS - 1]], equal_nan=True, rtol=0, atol=LIMIT
        )


def test_float32_map_follows_float64_down_to_1e_minus_50():
    torch.manual_seed(0)
    cell = layer("rnn_tanh", 32, 128)
    x = torch.randn(2, 210, 32, dtype=torch.float64)
    e = torch.randn(2, 210, 128, dtype=torch.float64)
    out, _ = cell(x)
    wanted = itemised_map(CellWeights.from_module(cell), LayerRun(x, out), e, targets=[209])
    cell, x, e = cell.float(), x.float(), e.float()
    run = LayerRun(x, cell(x)[0])
    found = itemised_map(CellWeights.from_module(cell), run, e, targets=[209])
    assert float(wanted.log10_h.min()) < -50
    assert float((found.log10_h - wanted.log10_h).abs().max()) < 0.01


def test_norm_of_entries_whose_squares_underflow():
    tiny = torch.full((128,), 1e-25)
    assert float(tiny.norm()) == 0.0  # what the function is for
    assert float(norm64(tiny)) == pytest.approx(1.13137085e-24, rel=1e-6, abs=0)


def held(kind: str, matrix: torch.Tensor, bias: float) -> nn.RNNBase:
    """Return a cell that sees no input."""
    cell = layer(kind)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.weight_hh_l0.copy_(matrix)
        cell.bias_ih_l0.fill_(bias)
    return cell


@pytest.mark.parametrize(
    ("kind", "gain", "rotated", "bias"),
    [
        ("rnn_tanh", 0.9, True, 0.0),  # h stays 0, where tanh is linear
        ("rnn_relu", 1.1, False, 0.01),  # the bias keeps every unit active
        ("rnn_relu", 1.0, False, 0.01),
    ],
)
def test_slope_of_a_scaled_rotation_or_identity(kind, gain, rotated, bias):
    torch.manual_seed(0)
    matrix = torch.eye(UNITS, dtype=torch.float64)
    if rotated:
        nn.init.orthogonal_(matrix)
    cell = held(kind, gain * matrix, bias)
    x = torch.randn(ROWS, STEPS, WIDTH, dtype=torch.float64)
    out, _ = cell(x)
    run = LayerRun(x, out)
    found = itemised_map(CellWeights.from_module(cell), run, torch.ones_like(out))
    curve = distance_curve(found.log10_h, found.targets)
    slope, reach = fit_horizon(curve.median)
    assert slope == pytest.approx(math.log10(gain), abs=1e-12)
    if gain < 1:
        assert reach == pytest.approx(-1 / math.log10(gain), rel=1e-10)
        assert torch.allclose(curve.low, curve.high, atol=1e-12)
    assert curve.count.tolist() == [ROWS * (STEPS - d) for d in range(STEPS)]


def test_horizon_is_infinite_when_nothing_falls_and_unknown_from_two_points():
    assert fit_horizon(torch.linspace(0.0, 4.0, 40))[1] == math.inf
    slope, reach = fit_horizon(torch.tensor([0.0, -1, -2, -3, -4, -5, -6]))
    assert math.isnan(slope)
    assert math.isnan(reach)


def test_fit_uses_only_points_above_the_floor():
    curve = torch.cat([torch.arange(20) * -0.5, torch.full((30,), -14.0)])
    assert fit_horizon(curve)[0] == pytest.approx(-0.5)


def test_exact_zero_stays_minus_infinity_and_masked_losses_are_left_out():
    nan, inf = math.nan, math.inf
    log10_norm = torch.tensor([[[-2.0, -1.0, nan], [-inf, -inf, -inf], [-inf, -3.0, -1.0]]])
    curve = distance_curve(log10_norm.double(), (1, 2, 2))
    assert curve.count.tolist() == [2, 2, 1]
    assert curve.median[2] == -inf
    assert curve.high[1] == -1.0
    assert distance_curve(log10_norm.double(), (1, 2, 2), normalise=False).high[0] == -1.0


def test_curve_does_not_move_when_the_batch_is_doubled_or_the_loss_summed(task):
    cell = layer("lstm")
    w = CellWeights.from_module(cell)
    out, _ = cell(task.x)
    run = LayerRun(task.x, out)
    terms = ROWS * STEPS
    mean = state_gradients(w, run, task.direct(out, task.losses(out).mean())).total_h
    summed = state_gradients(w, run, task.direct(out, task.losses(out).sum())).total_h
    once = time_curve(mean, terms)
    twice = time_curve(torch.cat([mean, mean]) / 2, 2 * terms)
    for other in (twice, time_curve(summed)):
        assert torch.allclose(once.mean_of_norms, other.mean_of_norms, rtol=1e-12)
        assert torch.allclose(once.norm_of_mean, other.norm_of_mean, rtol=1e-12)
    assert (once.coherence <= 1 + 1e-12).all()
    assert (once.coherence >= 0).all()


def test_a_weight_copy_and_the_layers_own_tensors_are_untouched(task):
    cell = layer("lstm")
    out, _ = cell(task.x)
    e = task.direct(out, task.losses(out).mean())
    w, run = CellWeights.from_module(cell), LayerRun(task.x, out)
    kept = [tensor.detach().clone() for tensor in (task.x, out, e, *cell.parameters())]
    first = state_gradients(w, run, e).total_h
    itemised_map(w, run, e)
    assert all(map(torch.equal, kept, (task.x, out, e, *cell.parameters())))
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(1.0)
    assert torch.equal(first, state_gradients(w, run, e).total_h)


def test_half_precision_weights_are_copied_as_float32():
    assert CellWeights.from_module(nn.LSTM(3, 4).bfloat16()).w_hh.dtype == torch.float32


@pytest.mark.parametrize(
    ("cell", "reverse"),
    [(nn.LSTM(3, 4, num_layers=2), False), (nn.LSTM(3, 4, proj_size=2), False), (nn.GRU(3, 4), 1)],
)
def test_layers_it_cannot_follow_are_refused(cell, reverse):
    with pytest.raises(ValueError, match=r"single-layer|projection|reverse"):
        CellWeights.from_module(cell, reverse=bool(reverse))


def test_shapes_that_disagree_are_refused(task):
    cell = layer("gru")
    w, out = CellWeights.from_module(cell), cell(task.x)[0]
    with pytest.raises(ValueError, match="shape of h"):
        state_gradients(w, LayerRun(task.x, out), out[:, 1:])
    with pytest.raises(ValueError, match="rows and time"):
        state_gradients(w, LayerRun(task.x[:, 1:], out), out)
    with pytest.raises(ValueError, match="h must be"):
        state_gradients(w, LayerRun(task.x, task.x), task.x)
    with pytest.raises(ValueError, match="targets"):
        itemised_map(w, LayerRun(task.x, out), out, targets=[STEPS])
    with pytest.raises(ValueError, match="one target"):
        distance_curve(torch.zeros(1, 2, 3), [0])
