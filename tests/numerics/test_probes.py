"""Probes on whole models: what they report, and that they leave no trace."""

import math
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.graph import Block, Wire
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.losses import mean_loss
from seqstudio.engine.model import GraphModel
from seqstudio.engine.probe_text import ProbeText
from seqstudio.engine.probes import StepTap, horizons, positions, recurrent_cells, under_head
from seqstudio.engine.probes.horizons import STATE_LINES, _connectivity, _recurrent_state
from seqstudio.engine.probes.rest import at_rest
from tests.templates import made_of, one_of_each

ROWS, STEPS, SYMBOLS = 3, 14, 9
BODIES = {
    "rnn": ("rnn", {"hidden": 8, "layers": 2}),
    "relu": ("rnn", {"hidden": 8, "layers": 2, "nonlinearity": "relu"}),
    "gru": ("gru", {"hidden": 8, "layers": 2}),
    "lstm": ("lstm", {"hidden": 8, "layers": 2}),
}
EMBEDDING = ("embedding", {"width": 6})


def batch(rows: int = ROWS, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(SYMBOLS, (rows, STEPS + 1), generator=generator)
    return ids[:, :-1], ids[:, 1:]


def next_token_losses(outputs, targets):
    """The model's own losses are float32; the comparison with autograd wants float64."""
    return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none")


def tapped(model, inputs, targets, state=None, rows=ROWS, *, every=False):
    with StepTap(model, every=every) as tap:
        outputs, _ = model(inputs, state)
        next_token_losses(outputs, targets).mean().backward()
    tap.collect(rows)
    return tap.reading(7, tuple("abc"), targets.numel(), STEPS)


def twin_of(model, unrolled):
    """Return a copy whose cells run as loops, and its loops by (block, layer)."""
    twin = deepcopy(model)
    loops = {}
    for (block, number), cell in recurrent_cells(twin).items():
        loops[block, number] = unrolled(cell)
        twin.module(block).get_submodule("cells")[number] = loops[block, number]
    return twin, loops


def mean_norm(gradients):
    return torch.stack(gradients, 1).norm(dim=-1).mean(0).numpy()


def restored(model):
    """Return everything a probe has to leave as it is."""
    return (
        {name: value.clone() for name, value in model.state_dict().items()},
        {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()},
        [part.training for part in model.modules()],
        [p.requires_grad for p in model.parameters()],
        [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules()],
        torch.get_rng_state(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
    )


def same(first, second) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


# ------------------------------------------------------------------------------ a training step


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("body", BODIES)
def test_step_gradients_equal_autograd_through_the_unrolled_model(
    body, carried, every, make_model, unrolled
):
    model = make_model("tokens", EMBEDDING, BODIES[body], "layer_norm", "next_token")
    inputs, targets = batch()
    state = None
    if carried:
        with torch.no_grad():
            _, state = model(batch(seed=2)[0])
    reading = tapped(model, inputs, targets, state, every=every)

    twin, loops = twin_of(model, unrolled)
    loss = next_token_losses(twin(inputs, state)[0], targets).mean()
    block = model.nodes[2].block
    assert [(part.block, part.layer) for part in reading.layers] == [(block, 0), (block, 1)]
    for part in reading.layers:
        assert part.arch == ("rnn" if body == "relu" else body)
        loop = loops[part.block, part.layer]
        h = torch.autograd.grad(loss, loop.hs, retain_graph=True)
        np.testing.assert_allclose(part.total_h, mean_norm(h) * targets.numel(), rtol=1e-10)
        assert (part.total_c is not None) == (body == "lstm")
        if part.total_c is not None:
            c = torch.autograd.grad(loss, loop.cs, retain_graph=True)
            np.testing.assert_allclose(part.total_c, mean_norm(c) * targets.numel(), rtol=1e-10)


def test_gradient_at_the_wall_is_that_of_the_carried_state(make_model):
    model = make_model("tokens", EMBEDDING, BODIES["lstm"], "next_token")
    inputs, targets = batch()
    with torch.no_grad():
        _, state = model(batch(seed=2)[0])
    reading = tapped(model, inputs, targets, state)
    for h, c in state["lstm"]:
        h.requires_grad_()
        c.requires_grad_()
    next_token_losses(model(inputs, state)[0], targets).sum().backward()
    for part, (h, c) in zip(reading.layers, state["lstm"], strict=True):
        assert part.wall_h == pytest.approx(float(h.grad[0].norm(dim=-1).mean()), rel=1e-10)
        assert part.wall_c == pytest.approx(float(c.grad[0].norm(dim=-1).mean()), rel=1e-10)


def test_direct_part_is_not_the_gradient(make_model):
    """What retain_grad on the output of a fused layer shows, against the truth."""
    model = make_model("tokens", EMBEDDING, BODIES["gru"], "next_token")
    inputs, targets = batch()
    with StepTap(model) as tap:
        losses = next_token_losses(model(inputs)[0], targets).view(ROWS, STEPS)
        losses[:, -1].mean().backward()
    tap.collect()
    top = tap.reading(0, (), ROWS, STEPS).layers[1]
    assert not top.direct_h[:-1].any()
    assert (top.total_h > 0).all()
    assert top.direct_h[-1] == top.total_h[-1]


def test_a_loss_that_reads_the_returned_state_counts_too(make_model, unrolled):
    model = make_model("tokens", EMBEDDING, BODIES["lstm"], "next_token")
    inputs, targets = batch()

    def loss_of(some):
        outputs, state = some(inputs)
        ends = [tensor for pair in state["lstm"] for tensor in pair]
        return next_token_losses(outputs, targets).mean() + sum((e**3).sum() for e in ends)

    with StepTap(model) as tap:
        loss_of(model).backward()
    tap.collect(ROWS)
    twin, loops = twin_of(model, unrolled)
    loss = loss_of(twin)
    for part in tap.reading(0, (), 1.0, STEPS).layers:
        loop = loops["lstm", part.layer]
        h = torch.autograd.grad(loss, loop.hs, retain_graph=True)
        c = torch.autograd.grad(loss, loop.cs, retain_graph=True)
        np.testing.assert_allclose(part.total_h, mean_norm(h), rtol=1e-10)
        np.testing.assert_allclose(part.total_c, mean_norm(c), rtol=1e-10)


def test_every_recurrent_block_is_read_and_one_without_gradient_left_out(make_model):
    model = make_model("tokens", EMBEDDING, ("rnn", {"hidden": 8}), BODIES["gru"], "next_token")
    inputs, targets = batch()
    reading = tapped(model, inputs, targets)
    found = [(part.block, part.layer, part.arch) for part in reading.layers]
    assert found == [("rnn", 0, "rnn"), ("gru", 0, "gru"), ("gru", 1, "gru")]
    with StepTap(model) as tap:
        _, state = model(inputs)
        state["rnn"][0].sum().backward()  # only the last state of the lower block
    tap.collect()
    (part,) = tap.reading(0, (), 1.0, STEPS).layers
    assert part.block == "rnn"
    assert not part.direct_h.any()
    assert (part.total_h > 0).all()


def test_the_record_says_what_was_measured(make_model):
    model = make_model("tokens", EMBEDDING, BODIES["rnn"], "next_token")
    inputs, targets = batch(rows=5)
    reading = tapped(model, inputs, targets, rows=2)
    assert (reading.step, reading.rows, reading.window) == (7, 2, STEPS)
    assert (reading.source, reading.tokens) == ("training step", ("a", "b", "c"))
    assert reading.cost_s > 0
    assert not reading.layers[0].total_h.flags.writeable
    assert tapped(model, *batch(rows=2), rows=4).rows == 2


def test_curves_do_not_move_when_the_batch_is_doubled(make_model):
    model = make_model("tokens", EMBEDDING, BODIES["lstm"], "next_token")
    inputs, targets = batch()
    once = tapped(model, inputs, targets)
    twice = tapped(model, inputs.repeat(2, 1), targets.repeat(2, 1))
    for one, two in zip(once.layers, twice.layers, strict=True):
        np.testing.assert_allclose(one.total_h, two.total_h, rtol=1e-12)
        np.testing.assert_allclose(one.total_c, two.total_c, rtol=1e-12)
        assert one.wall_h == pytest.approx(two.wall_h, rel=1e-12)


def test_clipping_and_the_optimizer_do_not_change_what_was_collected(make_model):
    model = make_model("tokens", EMBEDDING, BODIES["lstm"], "next_token")
    inputs, targets = batch()
    wanted = tapped(model, inputs, targets)
    model.zero_grad()
    optimizer = torch.optim.SGD(model.parameters(), 10.0)
    with StepTap(model) as tap:
        next_token_losses(model(inputs)[0], targets).mean().backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.01)
    tap.collect(ROWS)
    optimizer.step()
    found = tap.reading(0, (), targets.numel(), STEPS)
    np.testing.assert_array_equal(found.layers[0].total_h, wanted.layers[0].total_h)


def test_watching_does_not_change_the_step(make_model):
    model = make_model("tokens", EMBEDDING, BODIES["lstm"], "next_token")
    inputs, targets = batch()
    next_token_losses(model(inputs)[0], targets).mean().backward()
    wanted = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    tapped(model, inputs, targets)
    assert all(torch.equal(wanted[name], p.grad) for name, p in model.named_parameters())
    before = restored(model)
    with StepTap(model) as tap:
        outputs, _ = model(inputs)
    assert same(before, restored(model))
    tap.collect()
    assert tap.reading(0, (), 1.0, STEPS).layers == ()  # no backward pass, no gradient
    assert outputs.shape == (ROWS, STEPS, SYMBOLS)


def test_a_tap_is_gone_after_the_step_and_after_an_error(make_model):
    model = make_model("tokens", EMBEDDING, BODIES["gru"], "next_token")
    before = restored(model)

    def stopped_step():
        model(batch()[0])[0].sum().backward()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), StepTap(model) as tap:
        stopped_step()
    model.zero_grad()
    assert same(before, restored(model))
    tap.collect()
    assert tap.reading(0, (), 1.0, 4).layers == ()
    assert tapped(model, *batch()).layers
    outputs = []
    handle = model.module("gru").register_forward_hook(lambda *args: outputs.append(args[2][0]))
    model(batch()[0])
    handle.remove()
    assert not outputs[0].retains_grad


def test_bfloat16_autocast_changes_little(make_model):
    model = make_model("tokens", EMBEDDING, BODIES["lstm"], "next_token").float()
    inputs, targets = batch()
    wanted = tapped(model, inputs, targets)
    with StepTap(model) as tap:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs, _ = model(inputs)
        model.losses(outputs, targets).mean().backward()
    tap.collect(ROWS)
    found = tap.reading(0, (), targets.numel(), STEPS)
    for one, two in zip(found.layers, wanted.layers, strict=True):
        assert np.abs(np.log10(one.total_h / two.total_h)).max() < 0.02


# ------------------------------------------------------------------------------ pinned text


def itemised_by_autograd(model, unrolled, inputs, targets, ks):
    """Return log10 |dl_k/dstate_t| (B, K, T) of the top layer, one backward pass for each k."""
    twin, loops = twin_of(model, unrolled)
    losses = twin.losses(twin(inputs)[0], targets)
    loop = loops[under_head(model)[0], 1]
    found = {}
    for name, states in (("dl/dh", loop.hs), ("dl/dc", loop.cs)):
        rows = torch.full((len(inputs), len(ks), STEPS), math.nan, dtype=torch.float64)
        for line, k in enumerate(ks):
            if not states[0].requires_grad:
                break
            one = losses[:, k].sum() if losses.dim() == 2 else losses.sum()
            grads = torch.autograd.grad(one, states[: k + 1], retain_graph=True)
            rows[:, line, : k + 1] = torch.stack(grads, 1).norm(dim=-1).log10()
        found[name] = rows
    return found


def by_distance(log10_norm, ks):
    """Return the median over rows and positions at each distance, the slow way."""
    median = []
    for d in range(STEPS):
        pairs = [
            float(log10_norm[row, line, k - d] - log10_norm[row, line, k])
            for row in range(len(log10_norm))
            for line, k in enumerate(ks)
            if k >= d
        ]
        median.append(sorted(pairs)[int(np.round(0.5 * (len(pairs) - 1)))])
    return np.array(median)


@pytest.mark.parametrize("body", BODIES)
def test_horizon_of_states_equals_one_backward_pass_per_loss(body, make_model, unrolled):
    model = make_model("tokens", EMBEDDING, BODIES[body], "dropout", "layer_norm", "next_token")
    inputs, targets = batch()
    ks = positions(STEPS, STATE_LINES, ROWS)
    model.eval()
    wanted = itemised_by_autograd(model, unrolled, inputs, targets, ks)
    model.train()
    found = {curve.quantity: curve for curve in horizons(model, inputs, targets)}
    names = {"dl/dh", "dl/dc", "dl/demb"} if body == "lstm" else {"dl/dh", "dl/demb"}
    assert set(found) == names
    for name in names - {"dl/demb"}:
        curve = found[name]
        np.testing.assert_allclose(curve.median, by_distance(wanted[name], ks), atol=1e-6)
        assert curve.median[0] == 0.0
        assert (curve.low <= curve.median).all()
        assert (curve.median <= curve.high).all()
        assert curve.count.tolist() == [ROWS * sum(k >= d for k in ks) for d in range(STEPS)]
        assert curve.distance.tolist() == list(range(STEPS))


@pytest.mark.parametrize("body", ["lstm", "transformer"])
def test_input_gradients_equal_one_backward_pass_per_loss_and_are_causal(body, make_model):
    layers = {"transformer": ("transformer", {"heads": 2, "layers": 2}), **BODIES}
    model = make_model("tokens", ("embedding", {"width": 8}), layers[body], "next_token").eval()
    inputs, targets = batch()
    ks = [4, 9, STEPS - 1]
    with at_rest(model):
        found = _connectivity(model, inputs, targets, None, ks)
    kept = []
    embedding = model.module("embedding")
    handle = embedding.register_forward_hook(lambda *args: kept.append(args[2]))
    losses = model.losses(model(inputs)[0], targets)
    handle.remove()
    for line, k in enumerate(ks):
        (grad,) = torch.autograd.grad(losses[:, k].sum(), kept, retain_graph=True)
        torch.testing.assert_close(found[:, line], grad.norm(dim=-1), rtol=1e-6, atol=0)
        assert not found[:, line, k + 1 :].any()  # exact zeros: the future does not teach
        assert (found[:, line, : k + 1] > 0).all()


def test_input_gradients_start_from_the_carried_state(make_model):
    model = make_model("tokens", EMBEDDING, BODIES["lstm"], "next_token")
    inputs, targets = batch()
    with torch.no_grad():
        _, state = model(batch(seed=2)[0])
    with at_rest(model):
        both = _connectivity(model, inputs, targets, state, [5, 9])
        rows = [
            _connectivity(
                model,
                inputs[row : row + 1],
                targets[row : row + 1],
                _recurrent_state(model, state, slice(row, row + 1)),
                [5, 9],
            )
            for row in range(ROWS)
        ]
        fresh = _connectivity(model, inputs, targets, None, [5, 9])
    torch.testing.assert_close(both, torch.cat(rows), rtol=1e-6, atol=0)
    assert not torch.allclose(both, fresh, rtol=1e-3)
    carried = horizons(model, inputs, targets, state)
    for one, two in zip(carried, horizons(model, inputs, targets), strict=True):
        assert not np.array_equal(one.median, two.median)


@pytest.mark.parametrize("end", ["last_step", "mean_time"])
@pytest.mark.parametrize("body", ["lstm", "rnn"])
def test_a_single_loss_at_the_end_is_measured_from_the_last_step(end, body, make_model, unrolled):
    model = make_model(
        "tokens", EMBEDDING, BODIES[body], end, "class_head", pattern="class", classes=4
    )
    inputs, targets = batch()[0], torch.tensor([0, 3, 1])
    wanted = itemised_by_autograd(model, unrolled, inputs, targets, [STEPS - 1])
    found = {curve.quantity: curve for curve in horizons(model, inputs, targets)}
    for name in ("dl/dh", "dl/dc") if body == "lstm" else ("dl/dh",):
        expected = by_distance(wanted[name], [STEPS - 1])
        np.testing.assert_allclose(found[name].median, expected, atol=1e-6)
    assert found["dl/demb"].count.tolist() == [ROWS] * STEPS


def test_vectors_are_their_own_embedding(make_model):
    facts = {"pattern": "value", "input": "vectors", "width": 2, "vocabulary": 0}
    model = make_model("vectors", ("gru", {"hidden": 8}), "last_step", "value_head", **facts)
    inputs = torch.randn(ROWS, STEPS, 2, dtype=torch.float64)
    targets = torch.rand(ROWS, 1, dtype=torch.float64)
    kept = inputs.clone().requires_grad_()
    (grad,) = torch.autograd.grad(model.losses(model(kept)[0], targets).sum(), kept)
    sizes = grad.norm(dim=-1).log10()
    expected = by_distance(sizes[:, None], [STEPS - 1])
    curve = horizons(model, inputs, targets)[-1]
    assert curve.quantity == "dl/demb"
    np.testing.assert_allclose(curve.median, expected, atol=1e-6)


def test_the_curve_belongs_to_the_architecture(make_model):
    body = ("transformer", {"heads": 2})
    model = make_model("tokens", ("embedding", {"width": 8}), body, "next_token")
    (curve,) = horizons(model, *batch())
    assert (curve.block, curve.arch, curve.quantity) == ("transformer", "transformer", "dl/demb")
    mixed = make_model(
        "tokens", EMBEDDING, BODIES["gru"], ("self_attention", {"heads": 2}), "next_token"
    )
    (curve,) = horizons(mixed, *batch())  # attention reads many states: no curve by state
    assert (curve.block, curve.arch) == ("self_attention", "transformer")
    plain = make_model("tokens", EMBEDDING, "next_token")
    (curve,) = horizons(plain, *batch())
    assert (curve.block, curve.arch) == ("next_token", "custom1")
    assert (curve.median[1:] == -math.inf).all()  # no memory: exact zeros, not a floor
    assert math.isnan(curve.slope)


def test_states_count_as_under_the_head_only_without_memory_between(chain):
    facts = DataFacts(vocabulary=SYMBOLS, window=STEPS)
    stacked = chain("tokens", EMBEDDING, BODIES["rnn"], BODIES["gru"], "dropout", "next_token")
    assert under_head(GraphModel(stacked, facts)) == ["gru"]
    graph = chain("tokens", EMBEDDING, ("gru", {"hidden": 6}), "add", "layer_norm", "next_token")
    residual = graph.with_wire(Wire("embedding", "out", "add", "other"))
    assert under_head(GraphModel(residual, facts)) == ["gru"]
    parallel = graph.with_block(Block("lstm", "lstm", params={"hidden": 6}))
    parallel = parallel.with_wire(Wire("embedding", "out", "lstm", "in"))
    parallel = parallel.with_wire(Wire("lstm", "out", "add", "other"))
    model = GraphModel(parallel, facts)
    assert set(under_head(model)) == {"gru", "lstm"}
    blocks = {curve.block for curve in horizons(model, *batch()) if curve.quantity == "dl/dh"}
    assert blocks == {"gru", "lstm"}
    skipping = parallel.with_wire(Wire("gru", "out", "lstm", "in"))
    assert under_head(GraphModel(skipping, facts)) == ["lstm"]


def test_a_longer_reach_with_open_forget_gates(make_model):
    def reach(bias: float) -> float:
        body = ("lstm", {"hidden": 24, "forget_bias": bias})
        model = make_model("tokens", EMBEDDING, body, "next_token")
        curves = horizons(model, *batch())
        return next(curve.reach for curve in curves if curve.quantity == "dl/dc")

    assert reach(0.0) < reach(1.0) < reach(3.0)


def test_a_probe_leaves_no_trace_and_dropout_is_off(make_model):
    body = ("lstm", {"hidden": 8, "layers": 2, "dropout": 0.5})
    model = make_model(
        "tokens", EMBEDDING, body, ("dropout", {"share": 0.5}), ("next_token", {}), seed=3
    )
    model.module("next_token").get_parameter("linear.bias").requires_grad_(False)
    inputs, targets = batch()
    next_token_losses(model(inputs)[0], targets).mean().backward()
    model.module("dropout").eval()  # a mixture of flags has to come back as it was
    before = restored(model)
    with torch.no_grad():
        first = horizons(model, inputs, targets)
    second = horizons(model, inputs, targets)
    assert same(before, restored(model))
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.median, two.median)
    with pytest.raises(IndexError):
        horizons(model, torch.full_like(inputs, SYMBOLS), targets)
    assert same(before, restored(model))


def test_loss_positions_lie_in_the_second_half_and_their_number_keeps_the_cost():
    assert positions(128, 8, 1)[0] == 64
    assert positions(128, 8, 1)[-1] == 127
    assert len(positions(128, 8, 1)) == 8
    assert positions(128, 8, 4) == [64, 127]
    assert positions(128, 8, 50) == [127]
    assert positions(1, 8, 1) == [0]


@pytest.mark.parametrize("name", one_of_each(made_of))
def test_every_template_can_be_measured(name):
    project = make(name)
    training = replace(project.training, window=8)
    data = project.data if "length" in project.data.idle() else replace(project.data, length=8)
    dataset = open_dataset(data)
    torch.manual_seed(0)
    probe = ProbeText(GraphModel(project.graph, facts_of(dataset, training)), dataset, "")
    readings = list(probe.readings(0))
    curves = [curve for each in readings[:1] for curve in getattr(each, "horizons", ())]
    asked_seldom = {"masked", "ecg", "clip-frames"}  # with windows of eight steps
    assert bool(probe.unmeasured) == (data.kind in asked_seldom | {"shapes"})
    if not probe.unmeasured:
        assert curves[-1].quantity == "dl/demb"
        assert all(np.isfinite(curve.median[:1]).all() for curve in curves)
        assert not any(np.isnan(curve.median).any() for curve in curves)


@pytest.mark.parametrize("body", ["lstm", "gru", "rnn"])
def test_a_padded_step_is_measured_on_whole_rows(body, make_model):
    """Rows of one length, taken out of a padded batch, give what they give by themselves."""
    facts = {"padded": True, "pattern": "class per step", "classes": 4}
    model = make_model("tokens", EMBEDDING, BODIES[body], "class_per_step", **facts).double()
    ids, targets = batch(6)
    targets = targets % 4
    lengths = torch.tensor([5, 9, 9, 3, 9, 7])
    targets[torch.arange(STEPS) >= lengths[:, None]] = -100
    padded = Inputs(ids, lengths=lengths)
    rows = padded.alike(4)
    assert rows.tolist() == [1, 2, 4]
    cut = padded.without_padding(rows)
    assert (cut.main.shape, cut.lengths) == ((3, 9), None)

    def reading(inputs, wanted, chosen):
        with StepTap(model) as tap:
            losses = model.losses(model(inputs)[0], wanted)
            mean_loss(losses, wanted).backward()
        tap.collect(chosen)
        model.zero_grad()
        return tap.reading(0, (), float((wanted != -100).sum()), 9)

    found = reading(padded, targets, rows)
    alone = reading(cut.main, targets[rows][:, :9], 3)
    for one, two in zip(found.layers, alone.layers, strict=True):
        assert len(one.total_h) == (9 if body == "lstm" else STEPS)
        np.testing.assert_allclose(one.total_h[:9], two.total_h, rtol=1e-6)
        assert (one.total_h[9:] == 0).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("body", BODIES)
def test_the_same_numbers_on_a_graphics_card(body, make_model):
    model = make_model("tokens", EMBEDDING, BODIES[body], "next_token").eval()
    inputs, targets = batch()
    wanted = horizons(model, inputs, targets)
    step = tapped(model, inputs, targets)
    model.zero_grad()
    card = deepcopy(model).cuda()
    for one, two in zip(horizons(card, inputs.cuda(), targets.cuda()), wanted, strict=True):
        np.testing.assert_allclose(one.median, two.median, atol=1e-4)
    for one, two in zip(
        tapped(card.train(), inputs.cuda(), targets.cuda()).layers, step.layers, strict=True
    ):
        np.testing.assert_allclose(one.total_h, two.total_h, rtol=1e-6)
