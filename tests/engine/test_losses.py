"""Losses of every pattern against closed forms; what is not asked never counts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from seqstudio.blocks.declaration import Pattern
from seqstudio.engine.losses import LOG_SPREADS, asked, mean_loss, prediction_losses

ROWS, STEPS, SYMBOLS = 3, 5, 4


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def wanted(*shape: int) -> Tensor:
    return torch.randint(0, SYMBOLS, shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("pattern", ["next token", "class per step", "class"])
def test_symbols_cost_their_surprise(pattern: Pattern) -> None:
    shape = (ROWS,) if pattern == "class" else (ROWS, STEPS)
    logits, targets = numbers(*shape, SYMBOLS), wanted(*shape)
    found = prediction_losses(pattern, logits, targets)
    p = logits.softmax(-1).gather(-1, targets[..., None])[..., 0]
    torch.testing.assert_close(found, -p.log())


def test_values_cost_their_squared_error() -> None:
    outputs, targets = numbers(ROWS, 1), numbers(ROWS, 1, seed=1)
    found = prediction_losses("value", outputs, targets)
    torch.testing.assert_close(found, (outputs - targets)[:, 0] ** 2)


def test_forecasts_cost_the_negative_log_density() -> None:
    outputs, targets = numbers(ROWS, STEPS, 6), numbers(ROWS, STEPS, 3, seed=1)
    normal = Normal(outputs[..., :3], outputs[..., 3:].exp())
    found = prediction_losses("forecast", outputs, targets)
    torch.testing.assert_close(found, -normal.log_prob(targets).sum(-1))


@pytest.mark.parametrize("log_spread", [-1e4, 1e4])
def test_a_spread_beyond_all_bounds_stays_finite(log_spread: float) -> None:
    outputs = torch.tensor([[[0.5, log_spread]]], requires_grad=True)
    found = prediction_losses("forecast", outputs, torch.tensor([[[0.25]]]))
    spread = LOG_SPREADS[0] if log_spread < 0 else LOG_SPREADS[1]
    expected = -Normal(0.5, math.exp(spread)).log_prob(torch.tensor(0.25))
    torch.testing.assert_close(found[0, 0], expected)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert outputs.grad is not None
    assert bool(outputs.grad.isfinite().all())


def test_notes_cost_the_surprise_of_every_key() -> None:
    outputs, targets = numbers(ROWS, STEPS, 88), (numbers(ROWS, STEPS, 88, seed=1) > 1).float()
    found = prediction_losses("notes", outputs, targets)
    torch.testing.assert_close(found, -Bernoulli(logits=outputs).log_prob(targets).sum(-1))


CASES: dict[Pattern, tuple[Tensor, Tensor]] = {
    "next token": (numbers(ROWS, STEPS, SYMBOLS), wanted(ROWS, STEPS)),
    "class per step": (numbers(ROWS, STEPS, SYMBOLS), wanted(ROWS, STEPS)),
    "class": (numbers(ROWS, SYMBOLS), wanted(ROWS)),
    "value": (numbers(ROWS, 1), numbers(ROWS, 1, seed=1)),
    "forecast": (numbers(ROWS, STEPS, 4), numbers(ROWS, STEPS, 2, seed=1)),
    "notes": (numbers(ROWS, STEPS, 88), (numbers(ROWS, STEPS, 88, seed=1) > 1).float()),
}


@pytest.mark.parametrize("pattern", CASES)
def test_all_asked_is_the_plain_mean_bit_for_bit(pattern: Pattern) -> None:
    losses = prediction_losses(pattern, *CASES[pattern])
    targets = CASES[pattern][1]
    assert asked(targets).shape == losses.shape
    assert bool(asked(targets).all())
    assert torch.equal(mean_loss(losses, targets), losses.mean())


@pytest.mark.parametrize("pattern", CASES)
def test_what_is_not_asked_costs_nothing_and_gets_no_gradient(pattern: Pattern) -> None:
    outputs, targets = (part.clone() for part in CASES[pattern])
    hidden = torch.zeros(targets.shape[:1] if outputs.dim() == 2 else targets.shape[:2])
    hidden = hidden.flatten().index_fill(0, torch.tensor([0, len(hidden.flatten()) - 1]), 1.0)
    hidden = hidden.view(targets.shape[: 1 if outputs.dim() == 2 else 2]).bool()
    targets[hidden] = math.nan if targets.is_floating_point() else -100
    outputs.requires_grad_()
    losses = prediction_losses(pattern, outputs, targets)
    assert torch.equal(asked(targets), ~hidden)
    assert bool((losses[hidden] == 0).all())
    whole = prediction_losses(pattern, *CASES[pattern])
    torch.testing.assert_close(losses[~hidden], whole[~hidden])
    mean = mean_loss(losses, targets)
    torch.testing.assert_close(mean, whole[~hidden].mean())
    mean.backward()  # type: ignore[no-untyped-call]
    assert outputs.grad is not None
    assert bool(outputs.grad.isfinite().all())
    assert bool((outputs.grad[hidden] == 0).all())
    assert bool((outputs.grad[~hidden] != 0).any())


@pytest.mark.parametrize("pattern", CASES)
def test_nothing_asked_costs_nothing(pattern: Pattern) -> None:
    outputs, targets = CASES[pattern]
    nothing = torch.full_like(targets, math.nan if targets.is_floating_point() else -100)
    assert float(mean_loss(prediction_losses(pattern, outputs, nothing), nothing)) == 0


@pytest.mark.parametrize("pattern", CASES)
def test_the_loss_never_waits_for_the_device(pattern: Pattern) -> None:
    # A meta tensor has no values: reading one of them raises.
    outputs, targets = (part.to("meta") for part in CASES[pattern])
    losses = prediction_losses(pattern, outputs, targets)
    assert mean_loss(losses, targets).shape == ()
    with pytest.raises((RuntimeError, NotImplementedError)):
        float(losses.sum())
