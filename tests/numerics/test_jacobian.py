"""Jacobians of recurrent layers against autograd and closed forms, in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from seqstudio.engine.gradflow import CellWeights, LayerRun, fit_horizon, itemised_map
from seqstudio.engine.jacobian import Jacobians, greatest_stretch, stretches

KINDS = ("rnn_tanh", "rnn_relu", "lstm", "gru")
STEPS, WIDTH, UNITS = 12, 5, 9


def layer(kind: str, units: int = UNITS, **options) -> nn.RNNBase:
    torch.manual_seed(4)
    if kind.startswith("rnn"):
        cell = nn.RNN(WIDTH, units, nonlinearity=kind[4:], batch_first=True, **options)
    else:
        cell = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](WIDTH, units, batch_first=True, **options)
    return cell.double()


def ran(cell: nn.RNNBase, steps: int = STEPS) -> tuple[Jacobians, Tensor, Tensor, Tensor]:
    """Return the Jacobians along a text read from a carried state, its input, h and c there."""
    x = torch.randn(1, steps, WIDTH, dtype=torch.float64)
    h0, c0 = torch.randn(2, 1, 1, cell.hidden_size, dtype=torch.float64).unbind()
    start = (h0, c0) if cell.mode == "LSTM" else h0
    out = cell(x, start)[0].detach()
    run = LayerRun(x, out, h0[0], c0[0] if cell.mode == "LSTM" else None)
    return Jacobians(CellWeights.from_module(cell), run), x, h0[0], c0[0]


def by_autograd(cell: nn.RNNBase, x: Tensor, h0: Tensor, c0: Tensor) -> list[Tensor]:
    """Return dstate_t/dstate_{t-1} of every step, the state of an LSTM being (h, c)."""

    def step(x_t: Tensor):
        def of(state: Tensor) -> Tensor:
            h, c = state.chunk(2) if cell.mode == "LSTM" else (state, None)
            start = h[None, None] if c is None else (h[None, None], c[None, None])
            end = cell(x_t, start)[1]
            return torch.cat([part.flatten() for part in (end if c is not None else (end,))])

        return of

    state = torch.cat([h0[0], c0[0]]) if cell.mode == "LSTM" else h0[0]
    found = []
    for t in range(x.shape[1]):
        of = step(x[:, t : t + 1])
        found.append(torch.autograd.functional.jacobian(of, state))
        state = of(state).detach()
    return found


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_jacobian_and_both_products_equal_autograd(kind: str, bias: bool) -> None:
    cell = layer(kind, bias=bias)
    jacobians, x, h0, c0 = ran(cell)
    v = torch.randn(3, jacobians.size, dtype=torch.float64)
    for t, wanted in enumerate(by_autograd(cell, x, h0, c0)):
        torch.testing.assert_close(jacobians.matrix(t), wanted, rtol=0, atol=1e-12)
        torch.testing.assert_close(jacobians.push(t, v), v @ wanted.T, rtol=0, atol=1e-12)
        torch.testing.assert_close(jacobians.pull(t, v), v @ wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_power_iteration_finds_the_largest_singular_value_of_ten_steps(kind: str) -> None:
    jacobians, *_ = ran(layer(kind, 40))
    product = torch.eye(jacobians.size, dtype=torch.float64)
    for t in range(2, 12):
        product = jacobians.matrix(t) @ product
    wanted = float(torch.linalg.svdvals(product)[0])
    *_, found = greatest_stretch(jacobians, 2, 11)
    assert float(found) == pytest.approx(wanted, rel=1e-9)


def turning(gain: float, nonlinearity: str, steps: int) -> tuple[Jacobians, nn.RNNBase, LayerRun]:
    """A net whose Jacobian is `gain` times a rotation at every step (ReLU: the identity)."""
    cell = layer("rnn_" + nonlinearity)
    matrix = torch.eye(UNITS, dtype=torch.float64)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        if nonlinearity == "tanh":
            nn.init.orthogonal_(matrix)
        else:
            cell.bias_ih_l0.fill_(0.01)  # keeps every unit active
        cell.weight_hh_l0.copy_(gain * matrix)
        x = torch.randn(1, steps, WIDTH, dtype=torch.float64)
        run = LayerRun(x, cell(x)[0])
    return Jacobians(CellWeights.from_module(cell), run), cell, run


@pytest.mark.parametrize(
    ("gain", "nonlinearity"), [(0.9, "tanh"), (1.0, "tanh"), (1.1, "relu"), (0.5, "tanh")]
)
def test_exponents_of_a_scaled_rotation_are_the_log_of_its_radius(gain, nonlinearity) -> None:
    jacobians, cell, run = turning(gain, nonlinearity, 30)
    found = torch.stack(list(stretches(jacobians, UNITS)))
    wanted = torch.full_like(found, math.log(gain))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)
    items = itemised_map(CellWeights.from_module(cell), run, torch.ones_like(run.h), targets=[29])
    slope, _ = fit_horizon(items.log10_h[0, 0].flip(0), floor=-math.inf)
    assert slope * math.log(10) == pytest.approx(math.log(gain), abs=1e-12)
    *_, sigma = greatest_stretch(jacobians, 5, 14)
    assert float(sigma) == pytest.approx(gain**10, rel=1e-12)


@pytest.mark.parametrize("kind", ["rnn_tanh", "lstm", "gru"])
def test_all_exponents_together_are_the_volume(kind: str) -> None:
    """Their sum is the mean of log |det J_t|; of a ReLU net that is 0 where a unit rests."""
    jacobians, *_ = ran(layer(kind))
    found = torch.stack(list(stretches(jacobians, jacobians.size))).sum(1)
    wanted = [torch.linalg.slogdet(jacobians.matrix(t))[1] for t in range(STEPS)]
    torch.testing.assert_close(found, torch.stack(wanted), rtol=1e-9, atol=1e-9)


TABLE = [(0.5, 0.518, 0.998, -0.661), (1.5, 1.550, 2.943, 0.042)]


@pytest.mark.parametrize(("gain", "radius", "sigma", "log_gain"), TABLE)
def test_autonomous_nets_of_the_table(gain, radius, sigma, log_gain) -> None:
    """A radius above 1 is not yet chaos: docs/diagnostics.md, 2.4, n = 200 there."""
    n, steps = 200, 300
    torch.manual_seed(1)
    cell = nn.RNN(1, n, bias=False, batch_first=True).double()
    with torch.no_grad():
        cell.weight_hh_l0.normal_(0, gain / math.sqrt(n))
        cell.weight_ih_l0.zero_()
        x, h0 = torch.zeros(1, steps, 1).double(), torch.randn(1, 1, n).double()
        out = cell(x, h0)[0]
    jacobians = Jacobians(CellWeights.from_module(cell), LayerRun(x, out, h0[0]))
    found = torch.stack(list(stretches(jacobians, 1)))[100:].mean()
    assert float(torch.linalg.eigvals(cell.weight_hh_l0.detach()).abs().max()) == pytest.approx(
        radius, rel=0.06
    )
    assert float(torch.linalg.svdvals(cell.weight_hh_l0.detach())[0]) == pytest.approx(
        sigma, rel=0.03
    )
    assert float(found) == pytest.approx(log_gain, abs=0.04)


def test_a_layer_at_rest_gives_minus_infinity_not_an_error() -> None:
    cell = layer("rnn_relu")
    with torch.no_grad():
        cell.bias_ih_l0.fill_(-100.0)
        x = torch.randn(1, 4, WIDTH, dtype=torch.float64)
        run = LayerRun(x, cell(x)[0])
    jacobians = Jacobians(CellWeights.from_module(cell), run)
    assert torch.stack(list(stretches(jacobians, 2))).isneginf().all()
    *_, sigma = greatest_stretch(jacobians, 0, 3)
    assert float(sigma) == 0.0
