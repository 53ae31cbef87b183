"""Numbers of the lectures about recurrence and its gradient: oracles 10, 11, 12, 13, 14."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqstudio.engine.layers import LSTM, RNN
from tests.numerics.test_oracles import frozen_cell, wall_gradient

WIDTH, HIDDEN, OUTPUTS = 3, 4, 2


# ------------------------------------------------------------------------- 10: parameter counts


def test_two_different_models_have_36_numbers() -> None:
    layer = RNN(WIDTH, HIDDEN)
    (cell,) = layer.cells
    recurrent = cell.weight_ih_l0.numel() + cell.weight_hh_l0.numel()
    assert recurrent == 28
    assert recurrent + HIDDEN * OUTPUTS == 36  # from scratch: no bias, but an output
    assert sum(p.numel() for p in layer.parameters()) == 36  # two biases, no output


def test_an_lstm_has_two_biases_and_a_bidirectional_one_twice_as_many_numbers() -> None:
    one = LSTM(WIDTH, HIDDEN)
    assert sum(p.numel() for p in one.parameters()) - one.cells[0].bias_hh_l0.numel() == 128
    both = LSTM(WIDTH, HIDDEN, bidirectional=True)
    assert sum(p.numel() for p in both.parameters()) == 288


# ------------------------------------------------------------------------ 11: fused equals split


def test_one_matrix_for_both_is_two_matrices() -> None:
    torch.manual_seed(0)
    (cell,) = RNN(WIDTH, HIDDEN).double().cells
    x, h = torch.randn(1, WIDTH).double(), torch.randn(1, HIDDEN).double()
    split, _ = cell(x[:, None], h[None])
    fused = torch.cat([cell.weight_ih_l0, cell.weight_hh_l0], 1)
    both = torch.cat([x, h], 1) @ fused.T + cell.bias_ih_l0 + cell.bias_hh_l0
    torch.testing.assert_close(split[:, 0], both.tanh(), rtol=0, atol=1e-15)


# ----------------------------------------------------------- 12: BPTT right, and as on the slide


def recursion(
    cell: nn.RNNBase, states: Tensor, outside: Tensor, *, as_on_the_slide: bool
) -> Tensor:
    """Return dL/dW_hh from dL/dh_t by each loss, (T, H), with h_0 = 0."""
    w = cell.weight_hh_l0
    before = torch.cat([torch.zeros(1, HIDDEN).double(), states[:-1]])
    total, back = torch.zeros_like(w), torch.zeros(HIDDEN).double()
    for step in reversed(range(len(states))):
        g = outside[step] + back
        slope = 1 - states[step] ** 2
        total += torch.outer(slope * g, before[step])
        back = g * (w.T @ slope) if as_on_the_slide else w.T @ (slope * g)
    return total


def test_bptt_follows_the_corrected_formula_and_not_the_slide() -> None:
    torch.manual_seed(0)
    (cell,) = RNN(WIDTH, HIDDEN).double().cells
    with torch.no_grad():
        cell.weight_hh_l0.mul_(4)
    head = nn.Linear(HIDDEN, OUTPUTS).double()
    x, y = torch.randn(1, 6, WIDTH).double(), torch.randint(OUTPUTS, (6,))
    states, _ = cell(x)
    states.retain_grad()
    losses = nn.functional.cross_entropy(head(states[0]), y, reduction="sum")
    losses.backward()
    p = head(states[0]).softmax(-1)
    outside = ((p - nn.functional.one_hot(y, OUTPUTS)) @ head.weight).detach()
    wanted = cell.weight_hh_l0.grad
    assert wanted is not None
    with torch.no_grad():
        right, slide = (
            recursion(cell, states[0].detach(), outside, as_on_the_slide=wrong)
            for wrong in (False, True)
        )
    torch.testing.assert_close(right, wanted, rtol=1e-10, atol=1e-12)
    assert float((slide - wanted).norm() / wanted.norm()) > 0.2


# --------------------------------------------------------------------- 13, 14: powers of a matrix


def test_powers_of_the_lecture() -> None:
    found = [rate**50 for rate in (0.9, 0.99, 1.01, 1.1)]
    assert found == pytest.approx([0.00515378, 0.605006, 1.644632, 117.390853], rel=1e-6)


def test_a_gradient_grows_first_although_the_radius_is_a_half() -> None:
    w = torch.tensor([[0.5, 10.0], [0.0, 0.5]], dtype=torch.float64)
    cell = frozen_cell(RNN(1, 2, nonlinearity="relu"), weight_hh_l0=w)
    start = torch.ones(1, 2, dtype=torch.float64)  # states stay positive: ReLU is the identity
    for steps, norm in ((1, 10.0249), (2, 10.0062), (3, 7.5021), (5, 3.1253), (10, 0.1953),
                        (20, 0.0004)):  # fmt: skip
        rows = [wall_gradient(cell, steps, start, e) for e in torch.eye(2).double()]
        found = float(torch.linalg.matrix_norm(torch.stack([row.ravel() for row in rows]), 2))
        assert found == pytest.approx(norm, abs=6e-5)
