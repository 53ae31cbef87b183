"""Numbers of the lectures about outputs and losses: oracles 3, 4, 22, 25."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.engine.model import GraphModel
from seqstudio.insight.choosing import next_probabilities

HELLO, ELLO = torch.tensor([[0, 1, 2, 2]]), torch.tensor([[1, 2, 2, 3]])


# ------------------------------------------------------- 3 (negative): tanh on what is scored


@pytest.mark.parametrize(("symbols", "p", "loss"), [(4, 0.711235, 0.340753),
                                                    (65, 0.103504, 2.268145)])  # fmt: skip
def test_scores_between_minus_1_and_1_cannot_be_surer_than_this(
    symbols: int, p: float, loss: float
) -> None:
    scores = torch.full((symbols,), -1.0, dtype=torch.float64)
    scores[0] = 1.0
    found = scores.softmax(0)[0]
    assert float(found) == pytest.approx(p, abs=1e-6)
    assert -math.log(float(found)) == pytest.approx(loss, abs=1e-6)


def test_a_trained_net_with_tanh_on_its_scores_stops_there_and_ours_does_not() -> None:
    losses = {}
    for squashed in (True, False):
        torch.manual_seed(0)
        model = GraphModel(make("hello-rnn").graph, DataFacts(vocabulary=4, window=4, batch=1))
        optimizer = torch.optim.Adam(model.parameters(), 0.1)
        for _ in range(160):
            outputs = model(HELLO)[0]
            loss = model.losses(outputs.tanh() if squashed else outputs, ELLO).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses[squashed] = float(loss.detach())
    assert 0.340753 - 1e-6 <= losses[True] < 0.36
    assert losses[False] < 0.05


# ------------------------------------------------------------------- 4: tanh and its derivative


def test_tanh_is_a_stretched_sigmoid_and_their_slopes_at_0() -> None:
    a = torch.linspace(-6, 6, 401, dtype=torch.float64)
    assert float((a.tanh() - (2 * (2 * a).sigmoid() - 1)).abs().max()) < 1e-14
    for function, slope in ((torch.tanh, 1.0), (torch.sigmoid, 0.25)):
        zero = torch.zeros((), dtype=torch.float64, requires_grad=True)
        function(zero).backward()
        assert float(zero.grad) == slope  # type: ignore[arg-type]
    assert 0.5**10 == 0.0009765625


# ---------------------------------------------------------------- 22: what a loss must never do


@pytest.fixture
def two_classes(make_model: Callable[..., GraphModel]) -> GraphModel:
    return make_model("tokens", "one_hot", "last_step", "class_head", pattern="class", classes=2)


def test_our_loss_takes_scores_and_is_never_negative(two_classes: GraphModel) -> None:
    scores, right = torch.tensor([[2.0, -1.0]]), torch.tensor([0])
    assert float(two_classes.losses(scores, right)) == pytest.approx(0.0485874, abs=1e-6)
    one_hot = F.one_hot(right, 2).float()
    assert float(F.cross_entropy(one_hot, scores)) == pytest.approx(-0.6867, abs=1e-4)
    with pytest.raises((TypeError, RuntimeError, ValueError)):  # swapped, ours fails at once
        two_classes.losses(one_hot.long(), scores)


def test_a_second_softmax_would_keep_two_classes_above_a_floor(two_classes: GraphModel) -> None:
    again = torch.tensor([0.9, 0.1]).softmax(0)
    assert again.tolist() == pytest.approx([0.690, 0.310], abs=5e-4)
    surest = torch.tensor([[1.0, 0.0]])
    assert float(two_classes.losses(surest, torch.tensor([0]))) == pytest.approx(
        0.313262, abs=1e-6
    )
    with torch.no_grad():  # our head gives scores, so a sure one comes near 0
        for parameter in two_classes.parameters():
            parameter.copy_(100 * torch.ones_like(parameter).cumsum(0).flip(0))
        outputs, _ = two_classes.float()(torch.tensor([[1, 0]]))
    assert float(two_classes.losses(outputs, torch.tensor([0]))) < 1e-6


# --------------------------------------------------------------- 25: the well-known "hello" figure


def test_scores_of_the_well_known_figure() -> None:
    scores = np.array([[1.0, 2.2, -3.0, 4.1], [0.5, 0.3, -1.0, 1.2], [0.1, 0.5, 1.9, -1.1],
                       [0.2, -1.5, -0.1, 2.2]])  # fmt: skip
    wanted = [[0.038, 0.125, 0.001, 0.837], [0.247, 0.202, 0.055, 0.497],
              [0.113, 0.169, 0.684, 0.034], [0.107, 0.020, 0.080, 0.793]]  # fmt: skip
    found = [next_probabilities(row, 1.0, 0, 1.0) for row in scores]
    np.testing.assert_allclose(found, wanted, atol=6e-4)
    right = np.argmax(found, 1) == ELLO[0].numpy()
    assert right.tolist() == [False, False, True, True]
