"""Numbers of the lectures that our own blocks have to reproduce."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.engine.gradflow import CellWeights, LayerRun, norm64, state_gradients
from seqstudio.engine.layers import GRU, LSTM, RNN, OneHot, Positions, SelfAttention
from seqstudio.engine.model import GraphModel, detach
from tests.templates import made_of, one_of_each

# -------------------------------------------------------------------------------- 2: "hello"

HELLO, ELLO = torch.tensor([[0, 1, 2, 2]]), torch.tensor([[1, 2, 2, 3]])


def learn_hello(model: GraphModel) -> tuple[float, list[int]]:
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    loss = torch.tensor(math.inf)
    for _ in range(800):
        loss = model.losses(model(HELLO)[0], ELLO).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss.detach()), model(HELLO)[0].argmax(-1)[0].tolist()


def test_an_rnn_learns_hello():
    torch.manual_seed(0)
    model = GraphModel(make("hello-rnn").graph, DataFacts(vocabulary=4, window=4, batch=1))
    loss, said = learn_hello(model)
    assert loss < 0.01
    assert said == [1, 2, 2, 3]


def test_without_memory_hello_stops_at_half_ln_2(make_model):
    body = (("linear", {"width": 3}), "activation")
    model = make_model("tokens", "one_hot", *body, "next_token", vocabulary=4).float()
    loss, said = learn_hello(model)
    assert math.log(2) / 2 - 1e-6 <= loss < 0.36
    assert said[2] == said[3]  # the same letter goes in, so the same comes out


# ------------------------------------------------------------------- 6, 10: parameters and counts

WIDTH, HIDDEN = 3, 4


@pytest.mark.parametrize(
    ("layer", "count"),
    [
        (RNN(WIDTH, HIDDEN), 36),
        (LSTM(WIDTH, HIDDEN), 144),
        (GRU(WIDTH, HIDDEN), 108),
        (LSTM(WIDTH, HIDDEN, layers=2), 304),
    ],
)
def test_parameter_counts_of_the_lecture(layer, count):
    assert sum(p.numel() for p in layer.parameters()) == count


@pytest.mark.parametrize("name", one_of_each(made_of))
def test_the_check_counts_what_the_model_has(name):
    project = make(name)
    facts = facts_of(open_dataset(project.data), project.training)
    model = GraphModel(project.graph, facts)
    assert model.report.total == model.parameter_count()
    assert model.parameter_count() == sum(p.numel() for p in model.parameters())


def test_one_hot_and_embedding_are_the_same_look_up():
    matrix = torch.arange(1.0, 13.0).view(3, 4)
    one_hot = OneHot(4)(torch.tensor([1]))
    assert one_hot.tolist() == [[0, 1, 0, 0]]
    assert (matrix @ one_hot[0]).tolist() == [2, 6, 10]
    embedding = nn.Embedding(4, 3)
    assert torch.equal(embedding(torch.tensor(1)), embedding.weight.T @ one_hot[0])


# ----------------------------------------------------------------- 11: cells equal their formulas


@pytest.mark.parametrize(
    "stack",
    [
        RNN(WIDTH, HIDDEN, layers=2),
        RNN(WIDTH, HIDDEN, nonlinearity="relu"),
        GRU(WIDTH, HIDDEN, layers=2),
        LSTM(WIDTH, HIDDEN, layers=2),
    ],
)
def test_cells_equal_their_formulas_in_float32(stack, unrolled):
    torch.manual_seed(0)
    x = torch.randn(2, 6, WIDTH)
    _, state = stack(torch.randn(2, 3, WIDTH))
    found, last = stack(x, state)
    y = x
    for number, cell in enumerate(stack.cells):
        y, end = unrolled(cell)(y, state[number])
        torch.testing.assert_close(last[number], end, rtol=0, atol=1e-6)
    torch.testing.assert_close(found, y, rtol=0, atol=1e-6)


def test_the_forget_gate_opens_by_the_declared_bias_alone():
    (cell,) = LSTM(WIDTH, HIDDEN, forget_bias=2.5).cells
    both = cell.bias_ih_l0 + cell.bias_hh_l0
    assert both[HIDDEN : 2 * HIDDEN].tolist() == [2.5] * HIDDEN
    assert (both[:HIDDEN] != 2.5).all()


# ------------------------------------------------- 13, 14, 16, 17: gradients with a closed form


def frozen_cell(stack, **values) -> nn.RNNBase:
    """Return the only cell of a stack in float64, zero but for these parameters."""
    (cell,) = stack.double().cells
    with torch.no_grad():
        for name, parameter in cell.named_parameters():
            parameter.copy_(values.get(name, torch.zeros(())).expand_as(parameter))
    return cell


def wall_gradient(cell, steps, h0, e_last) -> torch.Tensor:
    """Return d(e_last · h_T)/d h_0 by the recursion, without input."""
    x = torch.zeros(1, steps, cell.input_size, dtype=torch.float64)
    out, _ = cell(x, h0[None])
    e = torch.zeros_like(out)
    e[:, -1] = e_last
    run = LayerRun(x, out, h0)
    return state_gradients(CellWeights.from_module(cell), run, e).initial_h[0]


@pytest.mark.parametrize(("nonlinearity", "wanted"), [("relu", 1.0), ("tanh", 0.013062)])
def test_identity_matrix_over_100_steps(nonlinearity, wanted):
    stack = RNN(WIDTH, 8, nonlinearity=nonlinearity, init="identity").double()
    (cell,) = stack.cells
    assert torch.equal(cell.weight_hh_l0, torch.eye(8, dtype=torch.float64))
    assert not cell.bias_ih_l0.any()
    assert not cell.bias_hh_l0.any()
    half = torch.full((1, 8), 0.5, dtype=torch.float64)
    gradient = wall_gradient(cell, 100, half, torch.ones(8, dtype=torch.float64))
    if nonlinearity == "relu":
        assert (gradient == 1.0).all()
    assert float(gradient[0]) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("radius", [0.9, 0.99, 1.01, 1.1])
def test_a_scaled_rotation_changes_the_gradient_by_its_radius_a_step(radius):
    torch.manual_seed(0)
    stack = RNN(WIDTH, 8, nonlinearity="tanh", init="scaled", radius=radius)
    cell = frozen_cell(stack, weight_hh_l0=stack.cells[0].weight_hh_l0.detach().double())
    start = torch.zeros(1, 8, dtype=torch.float64)  # h stays 0, where tanh is linear
    e = torch.randn(8, dtype=torch.float64)
    gradient = wall_gradient(cell, 50, start, e)
    assert float(norm64(gradient) / norm64(e)) == pytest.approx(radius**50, rel=1e-5)


def test_a_gradient_can_explode_although_the_spectral_radius_is_zero():
    w = torch.tensor([[2.0, 2.0], [-2.0, -2.0]], dtype=torch.float64)
    held = torch.tensor([0.0, math.sqrt(0.8)], dtype=torch.float64)
    cell = frozen_cell(RNN(1, 2), weight_hh_l0=w, bias_ih_l0=torch.atanh(held) - w @ held)
    assert float(torch.linalg.eigvals(w).abs().max()) < 1e-7
    for steps, wanted in ((1, 2.884), (5, 18.903), (10, 198.217), (20, 21_794.2)):
        rows = [wall_gradient(cell, steps, held[None], e) for e in torch.eye(2).double()]
        found = torch.linalg.matrix_norm(torch.stack(rows), 2)
        assert float(found) == pytest.approx(wanted, rel=1e-3)


def test_saturation_kills_the_gradient_although_the_radius_is_above_1():
    torch.manual_seed(0)
    w = 1.5 * torch.eye(8, dtype=torch.float64)[torch.randperm(8)]
    cell = frozen_cell(RNN(1, 8), weight_hh_l0=w, bias_ih_l0=torch.tensor(3.0).double())
    start = torch.zeros(1, 8, dtype=torch.float64)
    gradient = wall_gradient(cell, 50, start, torch.ones(8, dtype=torch.float64))
    assert float(norm64(gradient)) < 1e-30


@pytest.mark.parametrize(("bias", "wanted"), [(0.0, 7.9e-31), (1.0, 2.5e-14), (5.0, 0.5109)])
def test_direct_path_of_an_lstm_is_the_forget_gate_to_the_power_of_the_steps(bias, wanted):
    torch.manual_seed(0)
    stack = LSTM(WIDTH, HIDDEN, forget_bias=bias)
    gates = (stack.cells[0].bias_ih_l0 + stack.cells[0].bias_hh_l0).detach().double()
    cell = frozen_cell(stack, bias_ih_l0=gates)
    x = torch.randn(2, 100, WIDTH, dtype=torch.float64)
    out, _ = cell(x)
    e_c = torch.ones(2, HIDDEN, dtype=torch.float64)
    w, run = CellWeights.from_module(cell), LayerRun(x, out)
    found = state_gradients(w, run, torch.zeros_like(out), e_last_c=e_c).initial_c
    forget = 1 / (1 + math.exp(-bias))
    assert torch.allclose(found, torch.full_like(found, forget**100), rtol=1e-10, atol=0)
    assert float(found[0, 0]) == pytest.approx(wanted, rel=0.02, abs=0)


# ------------------------------------------------------------ 12: BPTT against central differences


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
def test_gradient_of_the_first_state_equals_central_differences(kind):
    torch.manual_seed(0)
    (cell,) = kind(WIDTH, HIDDEN).double().cells
    x, score = torch.randn(1, 6, WIDTH).double(), torch.randn(6, HIDDEN).double()
    h0, c0 = torch.randn(2, 1, HIDDEN).double().unbind()

    def run(h):
        return cell(x, (h[None], c0[None]) if kind is LSTM else h[None])[0]

    def loss(h) -> float:
        return float((run(h) * score).sin().sum().detach())

    out = run(h0).detach().requires_grad_()
    (e,) = torch.autograd.grad((out * score).sin().sum(), out)
    flow = state_gradients(CellWeights.from_module(cell), LayerRun(x, out, h0, c0), e)
    small = 1e-5
    wanted = [
        (loss(h0 + small * unit) - loss(h0 - small * unit)) / (2 * small)
        for unit in torch.eye(HIDDEN).double()
    ]
    np.testing.assert_allclose(flow.initial_h[0].numpy(), wanted, rtol=1e-7)


# ------------------------------------------------------------------------------- 15: clipping


@pytest.mark.parametrize(("limit", "wanted"), [(1.0, (0.6, 0.8)), (5.1, (3.0, 4.0))])
def test_clipping_shortens_and_keeps_the_direction(limit, wanted):
    layer = RNN(1, 1)
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    layer.cells[0].weight_ih_l0.grad.fill_(3.0)
    layer.cells[0].weight_hh_l0.grad.fill_(4.0)
    before = nn.utils.clip_grad_norm_(layer.parameters(), limit)
    found = [float(layer.cells[0].get_parameter(f"weight_{n}_l0").grad) for n in ("ih", "hh")]
    assert float(before) == pytest.approx(5.0)
    assert found == pytest.approx(wanted, abs=1e-6)


# ------------------------------------------------------------------- 18: truncated BPTT


def truncated(window: int):
    """Return the summed loss and the gradients of body and head, the state carried over."""
    torch.manual_seed(1)
    body, head = RNN(WIDTH, HIDDEN), nn.Linear(HIDDEN, 2)
    x, y = torch.randn(1, 12, WIDTH), torch.randint(0, 2, (1, 12))
    state, total = None, 0.0
    for start in range(0, 12, window):
        part = slice(start, start + window)
        h, state = body(x[:, part], state)
        loss = nn.functional.cross_entropy(head(h)[0], y[0, part], reduction="sum")
        loss.backward()
        total += loss.item()
        state = detach(state)
    return total, torch.cat([p.grad.flatten() for p in body.parameters()]), head.weight.grad


@pytest.mark.parametrize("window", [1, 2, 3, 4, 6, 12])
def test_truncation_changes_the_gradient_through_time_and_nothing_else(window):
    loss, full, head = truncated(12)
    found_loss, found, found_head = truncated(window)
    assert found_loss == pytest.approx(loss, abs=1e-5)
    torch.testing.assert_close(found_head, head, rtol=0, atol=1e-5)
    error = float((found - full).norm() / full.norm())
    assert (error == 0.0) == (window == 12)
    assert error < 0.3


# ------------------------------------------------------------------- 19: attention without places


def test_attention_without_positions_does_not_know_order():
    torch.manual_seed(0)
    attend = SelfAttention(8, 2, causal=False, rotary=False).double()
    x = torch.randn(2, 7, 8, dtype=torch.float64)
    order = torch.randperm(7)
    found, wanted = attend(x[:, order])[0], attend(x)[0][:, order]
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)

    for knowing in (
        lambda v: attend(Positions(8)(v)[0])[0],
        SelfAttention(8, 2, causal=True, rotary=False).double(),
        SelfAttention(8, 2, causal=False, rotary=True).double(),
    ):
        there, back = knowing(x[:, order]), knowing(x)
        if isinstance(there, tuple):
            there, back = there[0], back[0]
        assert float((there - back[:, order]).detach().abs().max()) > 1e-3


# ------------------------------------------------------------------------------ 22: losses


def test_cross_entropy_of_two_classes(make_model):
    model = make_model("tokens", "one_hot", "last_step", "class_head", pattern="class", classes=2)
    loss = model.losses(torch.tensor([[2.0, -1.0]]), torch.tensor([0]))
    assert float(loss) == pytest.approx(math.log(1 + math.exp(-3)), abs=1e-7)
    assert loss.shape == (1,)


def test_guessing_costs_ln_v_a_token(make_model):
    model = make_model("tokens", "one_hot", "next_token", vocabulary=65)
    targets = torch.randint(65, (2, 5))
    loss = model.losses(torch.zeros(2, 5, 65), targets)
    assert loss.shape == targets.shape
    assert torch.allclose(loss, torch.tensor(math.log(65)))
    sure = torch.nn.functional.one_hot(targets, 65) * 100.0
    assert (model.losses(sure, targets) >= 0).all()  # swapped arguments give negative losses


def test_always_answering_1_costs_a_sixth_in_the_adding_problem(make_model):
    model = make_model(
        "vectors", "last_step", "value_head", pattern="value", input="vectors", width=2
    )
    torch.manual_seed(0)
    sums = torch.rand(200_000, 2).sum(-1, keepdim=True)
    loss = model.losses(torch.ones_like(sums), sums)
    assert loss.shape == (200_000,)
    assert float(loss.mean()) == pytest.approx(1 / 6, rel=0.01)
