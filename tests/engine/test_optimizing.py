"""Schedules equal torch's closed forms; optimizers are those that were asked for."""

from __future__ import annotations

import math

import pytest
import torch
from torch.optim import lr_scheduler

from seqstudio.document.settings import TrainingSettings
from seqstudio.engine.optimizing import (
    RISE_SHARE,
    Plateau,
    cosine,
    make_optimizer,
    one_cycle,
    rate_factor,
    rise,
    staircase,
)

N = 100


def settings(**values: object) -> TrainingSettings:
    return TrainingSettings.parse({"warmup": 0, **values})


def rates(make: object, steps: int = N) -> list[float]:
    """Return what a scheduler of torch gives for a rate of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)  # type: ignore[operator]
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def close(ours: list[float], theirs: list[float]) -> bool:
    return all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(ours, theirs, strict=True))


def test_the_staircase_is_that_of_torch() -> None:
    theirs = rates(lambda o: lr_scheduler.StepLR(o, 7, 0.6))
    assert close([staircase(k, 7, 0.6) for k in range(N)], theirs)


def test_the_cosine_is_that_of_torch() -> None:
    theirs = rates(lambda o: lr_scheduler.CosineAnnealingLR(o, N, eta_min=0.03))
    assert close([cosine(k / N, 0.03) for k in range(N)], theirs)


def test_the_warm_up_is_that_of_torch() -> None:
    theirs = rates(lambda o: lr_scheduler.LinearLR(o, 1 / 20, 1.0, 19), 40)
    assert close([rise(k, 20) for k in range(40)], theirs)
    assert rise(0, 0) == 1.0


def test_one_cycle_is_that_of_torch() -> None:
    theirs = rates(lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=N))
    top = RISE_SHARE * N - 1  # torch counts steps in between, not shares of the whole
    rest = (1 - RISE_SHARE) / (N - 1 - top)
    up = [RISE_SHARE * k / top for k in range(int(top) + 1)]
    places = up + [RISE_SHARE + (k - top) * rest for k in range(len(up), N)]
    assert close([one_cycle(place) for place in places], theirs)


def test_the_plateau_is_that_of_torch() -> None:
    losses = [3.0, 2.0, 2.5, 2.1, 2.0, 1.9, 1.95, 1.95, 1.95, 1.95, 1.95, 1.95, 1.0, 1.2]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, threshold=0.0)
    given, state = settings(schedule="plateau", decay_factor=0.5, decay_patience=2), Plateau()
    ours, theirs = [], []
    for loss in losses:
        scheduler.step(loss)
        state = state.after(loss, given)
        ours.append(rate_factor(5, 0.5, given, state.factor))
        theirs.append(optimizer.param_groups[0]["lr"])
    assert ours == theirs
    assert ours[-1] == 0.125


@pytest.mark.parametrize("name", ["constant", "cosine", "step", "onecycle", "plateau"])
def test_every_schedule_warms_up(name: str) -> None:
    cold = settings(schedule=name, warmup=10)
    for step in range(12):
        whole = rate_factor(step, step / N, settings(schedule=name), 0.25)
        assert rate_factor(step, step / N, cold, 0.25) == rise(step, 10) * whole


@pytest.mark.parametrize(
    ("name", "made", "fused"),
    [("adamw", torch.optim.AdamW, True), ("adam", torch.optim.Adam, True),
     ("sgd", torch.optim.SGD, True), ("rmsprop", torch.optim.RMSprop, None),
     ("adagrad", torch.optim.Adagrad, True)],
)  # fmt: skip
def test_the_optimizer_is_the_one_asked_for(
    name: str, made: type[torch.optim.Optimizer], fused: bool | None
) -> None:
    model = torch.nn.Linear(3, 2)
    found = make_optimizer(model, settings(optimizer=name, momentum=0.5, weight_decay=0.2))  # type: ignore[arg-type]
    assert type(found) is made
    assert found.defaults.get("fused") is fused
    assert [group["weight_decay"] for group in found.param_groups] == [0.2, 0.0]
    assert [len(group["params"]) for group in found.param_groups] == [1, 1]
    if name == "sgd":
        assert found.defaults["momentum"] == 0.5
    if name in {"adam", "adamw"}:
        assert found.defaults["betas"] == (0.9, 0.99)
