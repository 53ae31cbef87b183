"""Health of a training step: the right numbers, and the training as it would be without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seqstudio.data.sources import open_dataset
from seqstudio.document.project import Project, project_text
from seqstudio.engine.health_tap import HealthTap, unit_health
from seqstudio.engine.learner import Learner
from seqstudio.engine.meter import Meter
from seqstudio.engine.trainer import Trainer
from seqstudio.records.health import HealthReading
from seqstudio.records.messages import Start
from seqstudio.runtime.history import RunHistory
from tests.small_runs import WORDS, small_project

STEPS = 12


@pytest.fixture(scope="module")
def small_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "cats.txt"
    path.write_text(WORDS, encoding="utf-8")
    return path


def trained(project: Project, health: bool) -> tuple[Trainer, RunHistory]:
    """Train with the health of every step measured, or of none."""
    history, told = RunHistory("run"), []
    trainer = Trainer.open(Start("run", project_text(project), "", ""), told.append)
    beside = trainer._beside
    tap = (lambda **_: HealthTap(trainer.model)) if health else (lambda **_: None)
    beside.health_tap = tap
    while trainer.step < STEPS:
        trainer.advance()
    trainer.flush()
    history.extend(told)
    return trainer, history


@pytest.mark.parametrize(
    ("template", "settings"),
    [
        ("char-rnn", {}),
        ("char-lstm", {"precision": "bfloat16"}),
        ("char-gru", {"accumulate": 2}),
        ("char-mgu", {"clip_value": 0.01}),
        ("char-gpt", {"dropout_factor": 2.0}),
    ],
)
def test_training_is_the_same_bit_for_bit(small_text, template: str, settings: dict) -> None:
    project = small_project(template, small_text, STEPS)
    project = replace(project, training=replace(project.training, **settings))
    with_health, told = trained(project, True)
    random = torch.get_rng_state()
    without, silent = trained(project, False)
    assert torch.equal(random, torch.get_rng_state())
    assert len(told.health) > 5
    assert len(silent.health) == 0
    for one, other in zip(with_health.model.parameters(), without.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert np.array_equal(told.curves.loss, silent.curves.loss)


@pytest.fixture
def learner(small_text) -> Learner:
    project = small_project("char-lstm", small_text, STEPS)
    torch.manual_seed(0)
    return Learner(project, open_dataset(project.data, None), torch.device("cpu"))


def measured(learner: Learner) -> tuple[HealthReading, dict[str, torch.Tensor]]:
    """Do one step; return its health and what the tensors were in between."""
    kept: dict[str, torch.Tensor] = {}
    tap = learner.health = HealthTap(learner.model)
    learnt = learner.learn(tapped=False)
    for name, p in learner.model.named_parameters():
        kept[f"grad {name}"], kept[f"before {name}"] = p.grad.clone(), p.detach().clone()
    tap.before_update(learnt.batch.inputs)
    rate = learner.apply(0.0)
    for name, p in learner.model.named_parameters():
        kept[f"after {name}"] = p.detach().clone()
    kept["norm"] = learnt.norm
    return tap.reading(learner.step, (1, 1, 0), rate), kept


def test_ratio_and_norms_are_those_of_the_step(learner: Learner) -> None:
    for _ in range(3):
        reading, kept = measured(learner)
    names = [name for name, _ in learner.model.named_parameters()]
    assert len(reading.names) == len(names)
    for place, (block, name) in enumerate(zip(reading.blocks, reading.names, strict=True)):
        key = f"blocks.{block}.{name}"
        before, after = kept[f"before {key}"].double(), kept[f"after {key}"].double()
        ratio = float((after - before).norm() / before.norm())
        assert reading.ratio[place] == pytest.approx(ratio, rel=1e-4)
        assert reading.clipped[place] == pytest.approx(float(kept[f"grad {key}"].double().norm()))
    whole = float(kept["norm"])
    assert whole > learner.settings.clip, "the test needs a step that is clipped"
    assert np.linalg.norm(reading.gradient) == pytest.approx(whole, rel=1e-5)
    assert np.linalg.norm(reading.clipped) == pytest.approx(learner.settings.clip, rel=1e-4)


def test_gates_are_those_of_a_cell_stepped_through_time(learner: Learner) -> None:
    cell = next(m for m in learner.model.modules() if isinstance(m, torch.nn.LSTM))
    given: list[tuple] = []
    hook = cell.register_forward_hook(lambda _m, args, out: given.append((args, out[0])))
    before = [w.detach().clone() for w in cell.all_weights[0]]
    reading, _ = measured(learner)
    hook.remove()
    (x, start, *_), _y = given[0]
    h, c = (torch.zeros(2, 24), torch.zeros(2, 24)) if start is None else (s[0, :2] for s in start)
    forget = []
    for t in range(x.shape[1]):
        z = x[:2, t] @ before[0].T + before[2] + h @ before[1].T + before[3]
        i, f, g, o = z.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        forget.append(f.sigmoid())
    values = torch.stack(forget)
    unit = next(each for each in reading.units if each.name == "forget gate f")
    assert (unit.units, unit.samples, unit.block) == (24, values[..., 0].numel(), "lstm")
    assert unit.right == pytest.approx(float((values > 0.9).float().mean()))
    assert unit.left == pytest.approx(float((values < 0.1).float().mean()))


def test_shares_of_units_keep_inactive_and_dead_apart() -> None:
    values = torch.tensor([[0.0, 0.0, 1.0, 2.0], [0.0, 3.0, 1.0, 0.0]])
    relu = unit_health("b", "ReLU 1", "relu", values)
    assert (relu.inactive, relu.dead) == (0.5, 0.25)
    tanh = unit_health("b", "h", "tanh", torch.tensor([[0.95, 0.0], [-0.95, 0.5]]))
    assert tanh.saturated == 0.5
    assert tanh.slope == pytest.approx(1 - (0.95**2 * 2 + 0.25) / 4)
    gate = unit_health("b", "f", "gate", torch.tensor([[0.01, 0.5, 0.95], [0.02, 0.95, 0.96]]))
    assert (gate.left, gate.right) == (pytest.approx(1 / 3), 0.5)
    assert (gate.shut, gate.open) == (pytest.approx(1 / 3), pytest.approx(1 / 3))


def test_clipped_steps_are_counted_once() -> None:
    meter = Meter(lambda _: None)
    for step, norm in enumerate([0.5, 2.0, float("inf"), 3.0], 1):
        meter.add(torch.tensor(1.0), torch.tensor(norm), (step, 0.1, 1.0, 0.0, 0))
    meter.flush()
    assert meter.take_counts() == (4, 3, 1)
    assert meter.take_counts() == (0, 0, 0)
