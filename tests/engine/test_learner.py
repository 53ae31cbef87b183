"""The learner by itself: what a dropped step takes back, and what it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seqstudio.blocks.templates import make
from seqstudio.data.sources import open_dataset
from seqstudio.engine.learner import Learner
from seqstudio.engine.model import flat_state


@pytest.fixture
def learner(tmp_path) -> Learner:
    path = tmp_path / "text.txt"
    path.write_text("the river runs under old stone bridges " * 60)
    project = make("char-rnn", str(path))
    training = project.training
    for name, value in {"batch": 2, "window": 8, "steps": 9, "budget": "steps"}.items():
        training = training.with_value(name, value)
    project = replace(project, training=training)
    torch.manual_seed(0)
    return Learner(project, open_dataset(project.data, None), torch.device("cpu"))


def states(learner: Learner) -> list[torch.Tensor]:
    return [value.clone() for value in flat_state(learner.state or {}).values()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return len(a) == len(b) and all(map(torch.equal, a, b))


def test_a_dropped_step_takes_the_state_back(learner: Learner) -> None:
    learner.learn(tapped=False)
    learner.apply(0.0)
    before = states(learner)
    learner.learn(tapped=False)
    assert not same(states(learner), before)
    learner.drop()
    assert same(states(learner), before)


def test_an_applied_step_is_not_taken_back_by_what_fails_beside_it(learner: Learner) -> None:
    learner.learn(tapped=False)
    learner.apply(0.0)
    after = states(learner)
    assert after
    learner.drop()
    assert same(states(learner), after)


def test_a_state_that_was_restored_is_not_lost_before_the_first_step(learner: Learner) -> None:
    learner.learn(tapped=False)
    learner.apply(0.0)
    restored = learner.state
    learner.take_state(restored)
    learner.drop()
    assert learner.state is restored
