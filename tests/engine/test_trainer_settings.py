"""What the settings of training do to a step, to a run, and to one that goes on."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seqstudio.core.errors import RunError
from seqstudio.data.dataset import Dataset
from seqstudio.document.param import ParamError
from seqstudio.document.project import Project, parse_project, project_text
from seqstudio.engine.checkpoint import load_checkpoint, load_latest, model_tensors
from seqstudio.engine.dropping import shares
from seqstudio.engine.learner import Learner
from seqstudio.engine.losses import prediction_losses
from seqstudio.engine.snapshot import restore
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Event, Facts, Failed, LiveChanged, Start
from seqstudio.records.readings import Metrics, Validation
from tests.engine.exported import small
from tests.engine.test_resume import small as tiny

CPU = torch.device("cpu")
CLOSE = 2e-5
OPTIMIZERS = ("adamw", "adam", "sgd", "rmsprop", "adagrad")
SCHEDULES = ("constant", "cosine", "step", "onecycle", "plateau")


def with_settings(project: Project, **values: object) -> Project:
    training = project.training
    for name, value in values.items():
        training = training.with_value(name, value)
    return replace(project, training=training)


def losses_of(learner: Learner, steps: int) -> list[float]:
    found = []
    for step in range(steps):
        found.append(float(learner.learn(tapped=False).loss))
        learner.apply(step / 100)
    return found


# --------------------------------------------------------------------------------------- a step


@pytest.mark.parametrize("template", ["char-lstm", "bert-mini", "reverse-attention"])
def test_accumulated_batches_equal_one_large_batch(template: str) -> None:
    project, dataset = small(template)
    graph = project.graph
    for block in list(graph):
        for name in {"dropout", "share"} & set(block.params):
            graph = graph.with_block(graph.blocks[block.id].with_param(name, 0.0))
    found = []
    for batch, count in ((12, 1), (4, 3)):
        torch.manual_seed(1)
        given = with_settings(replace(project, graph=graph), batch=batch, accumulate=count)
        found.append(losses_of(Learner(given, dataset, CPU), 6))
    assert max(abs(a - b) for a, b in zip(*found, strict=True)) <= CLOSE
    assert found[0][0] != found[0][-1]


def test_a_gradient_is_cut_number_by_number_then_as_a_whole() -> None:
    project, dataset = small("hello-rnn")
    learner = Learner(with_settings(project, clip=0.0), dataset, CPU)
    norm = float(learner.learn(tapped=False).norm)
    whole = [p.grad.clone() for p in learner.parameters if p.grad is not None]
    learner = _same_as(learner, project, dataset, clip=0.03, clip_value=0.01)
    assert float(learner.learn(tapped=False).norm) == pytest.approx(norm)
    cut = [grad.clamp(-0.01, 0.01) for grad in whole]
    length = float(torch.stack([grad.norm() for grad in cut]).norm())
    assert length > 0.03
    for parameter, wanted in zip(learner.parameters, cut, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, wanted * (0.03 / length), rtol=1e-3, atol=1e-8)


def _same_as(learner: Learner, project: Project, dataset: object, **values: object) -> Learner:
    other = Learner(with_settings(project, **values), dataset, CPU)  # type: ignore[arg-type]
    other.model.load_state_dict(learner.model.state_dict())
    return other


def test_smoothing_spreads_the_target_in_training_only(tmp_path: Path) -> None:
    outputs, targets = torch.randn(2, 5, 7), torch.randint(0, 7, (2, 5))
    targets[0, 0] = -100
    log = outputs.log_softmax(-1)
    picked = -log.gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    wanted = 0.8 * picked - 0.2 * log.mean(-1)
    wanted[0, 0] = 0.0
    found = prediction_losses("class per step", outputs, targets, 0.2)
    torch.testing.assert_close(found, wanted)
    project = with_settings(tiny("char-rnn", tmp_path, 4), learning_rate=1e-6)
    plain, smooth = (
        run(with_settings(project, label_smoothing=share), tmp_path / str(share), 4)
        for share in (0.0, 0.5)
    )
    assert abs(plain.losses[4] - smooth.losses[4]) > 1e-3
    assert plain.validations == pytest.approx(smooth.validations, abs=1e-3)


def test_one_factor_changes_every_dropout() -> None:
    project, dataset = small("char-gpt")
    graph = project.graph
    for block in list(graph):
        if "dropout" in block.params:
            graph = graph.with_block(graph.blocks[block.id].with_param("dropout", 0.4))
    learner = Learner(replace(project, graph=graph), dataset, CPU)
    drawn = [share for _, _, share in shares(learner.model)]
    assert {0.4} <= set(drawn)
    for factor, expected in ((0.5, 0.2), (0.0, 0.0), (10.0, 0.95), (1.0, 0.4)):
        learner.set_live("dropout_factor", factor)
        learner.learn(tapped=False)
        now = [share for _, _, share in shares(learner.model)]
        assert now == [expected if share else 0.0 for share in drawn]


# ---------------------------------------------------------------------------------------- a run


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.losses: dict[int, float] = {}
        self.rates: dict[int, float] = {}

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Metrics):
            steps = event.steps.tolist()
            self.losses.update(zip(steps, event.loss.tolist(), strict=True))
            self.rates.update(zip(steps, event.rate.tolist(), strict=True))

    @property
    def validations(self) -> list[float]:
        return [event.loss for event in self.events if isinstance(event, Validation)]

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def opened(project: Project, folder: Path, heard: Heard, resume: bool = False) -> Trainer:
    start = Start("r", project_text(project), "", str(folder), "cpu", resume=resume, probes=False)
    return Trainer.open(start, heard)


def run(
    project: Project, folder: Path, until: int, heard: Heard | None = None, resume: bool = False
) -> Heard:
    heard = heard or Heard()
    trainer = opened(project, folder, heard, resume)
    while trainer.step < until and trainer.advance():
        pass
    if until == project.training.steps:
        while trainer.advance():
            pass
    trainer.checkpoint()
    return heard


@pytest.mark.parametrize(("optimizer", "schedule"), list(itertools.product(OPTIMIZERS, SCHEDULES)))
def test_every_optimizer_and_schedule_continues_exactly(
    optimizer: str, schedule: str, tmp_path: Path
) -> None:
    project = with_settings(
        tiny("hello-rnn", tmp_path, 9), optimizer=optimizer, schedule=schedule, warmup=2,
        decay_every=3, decay_patience=0, validate_every=2, learning_rate=0.3,
    )  # fmt: skip
    straight = run(project, tmp_path / "straight", 8)
    broken = run(project, tmp_path / "broken", 5)
    run(project, tmp_path / "broken", 8, broken, resume=True)
    assert broken.losses == straight.losses
    assert broken.rates == straight.rates
    if schedule == "plateau" and optimizer == "adagrad":
        assert straight.rates[8] < 0.3
    one, two = (load_latest(tmp_path / name) for name in ("straight", "broken"))
    assert one.tensors.keys() == two.tensors.keys()
    assert all(np.array_equal(value, two.tensors[key]) for key, value in one.tensors.items())


def test_live_changes_are_told_and_go_on_after_a_stop(tmp_path: Path) -> None:
    project = with_settings(tiny("char-lstm", tmp_path, 20), accumulate=2)
    changes = {"batch": 3, "window": 9, "learning_rate": 0.01, "clip": 0.5, "clip_value": 0.02,
               "label_smoothing": 0.1, "dropout_factor": 0.5, "temperature": 0.3}  # fmt: skip

    def half_way(folder: Path, until: int) -> tuple[Heard, Trainer]:
        heard = Heard()
        trainer = opened(project, folder, heard)
        while trainer.step < 4:
            trainer.advance()
        for name, value in changes.items():
            trainer.set_live(name, value)
        while trainer.step < until:
            trainer.advance()
        trainer.checkpoint()
        return heard, trainer

    straight, trainer = half_way(tmp_path / "straight", 12)
    assert straight.of(LiveChanged) == [LiveChanged(4, *change) for change in changes.items()]
    assert trainer.batches.rows == 6
    assert trainer.batches.window == 9
    broken, _ = half_way(tmp_path / "broken", 7)
    run(project, tmp_path / "broken", 12, broken, resume=True)
    assert broken.losses == straight.losses
    assert load_latest(tmp_path / "broken").meta["temperature"] == 0.3


def test_a_setting_that_is_not_live_is_refused(tmp_path: Path) -> None:
    trainer = opened(tiny("char-attention", tmp_path, 4), tmp_path / "run", Heard())
    with pytest.raises(RunError, match="cannot change while a run goes on"):
        trainer.set_live("beta2", 0.9)
    with pytest.raises(ParamError):
        trainer.set_live("batch", 0)
    with pytest.raises(RunError, match="positions"):
        trainer.set_live("window", 64)
    trainer.set_live("window", 8)
    assert trainer.batches.window == 8


def test_a_run_that_gets_no_better_ends_with_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = with_settings(
        tiny("char-rnn", tmp_path, 400), optimizer="sgd", momentum=0.0, learning_rate=1e-6,
        validate_every=2, stop_patience=2, schedule="constant",
    )  # fmt: skip
    heard = Heard()
    trainer = opened(project, tmp_path / "run", heard)
    rising = iter(range(1, 100))
    judge = trainer.judge
    monkeypatch.setattr(trainer, "judge", lambda _: judge(float(next(rising))))
    while trainer.advance():
        pass
    assert trainer.step == 6
    assert trainer.best_step == 2
    assert "no better for 2 validations, best at step 2" in trainer.detail
    trainer.checkpoint()
    assert opened(project, tmp_path / "run", heard, resume=True).ended_early


def test_a_model_that_cannot_be_compiled_trains_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_model: object) -> object:
        raise RuntimeError("no compiler here\nat all")

    monkeypatch.setattr(torch, "compile", refuse)
    project = tiny("char-rnn", tmp_path, 12)
    plain = run(project, tmp_path / "plain", 12)
    heard = run(with_settings(project, compile=True), tmp_path / "run", 12)
    told = [each for each in heard.events if isinstance(each, Failed) and "not com" in each.what]
    assert len(told) == 1
    assert "no compiler here" in told[0].why
    assert heard.losses == plain.losses


def test_what_gains_from_the_compiler_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    def compiled(model: torch.nn.Module) -> object:
        def call(*given: object) -> object:
            calls.append(given)
            return model(*given)

        return call

    monkeypatch.setattr(torch, "compile", compiled)
    project = with_settings(tiny("char-rnn", tmp_path, 30), compile=True)
    trainer = opened(project, tmp_path / "run", Heard())
    add = trainer.trial.add
    took = {True: 0.5, False: 1.0}
    monkeypatch.setattr(trainer.trial, "add", lambda _: add(took[trainer.setup.compiled]))
    while trainer.step < 12:
        trainer.advance()
    assert len(calls) == 8
    assert "compiled" in trainer.detail
    trainer.checkpoint()
    assert opened(project, tmp_path / "run", Heard(), resume=True).setup.compiled


def test_half_precision_without_a_gpu_is_full_and_says_so(tmp_path: Path) -> None:
    heard = Heard()
    trainer = opened(with_settings(tiny("char-rnn", tmp_path, 4), precision="float16"),
                     tmp_path / "run", heard)  # fmt: skip
    assert trainer.setup.precision == "float32"
    facts = heard.events[0]
    assert isinstance(facts, Facts)
    assert any("float16 needs a CUDA device" in note for note in facts.notes)


def test_an_old_project_file_trains_as_it_did() -> None:
    project, _ = small("char-lstm")
    content = json.loads(project_text(project))
    new = {"accumulate", "clip_value", "momentum", "label_smoothing", "dropout_factor",
           "final_share", "decay_every", "decay_factor", "decay_patience", "validate_every",
           "stop_patience", "compile"}  # fmt: skip
    assert new <= content["training"].keys()
    content["training"] = {k: v for k, v in content["training"].items() if k not in new}
    old = parse_project(json.dumps(content)).training
    assert old == project.training
    assert (old.accumulate, old.momentum, old.final_share) == (1, 0.9, 0.03)
    assert (old.clip_value, old.label_smoothing, old.dropout_factor) == (0.0, 0.0, 1.0)


def scaled(project: Project, dataset: Dataset, scale: float) -> Learner:
    """Return a learner whose loss is scaled as in float16, here in full precision."""
    learner = Learner(project, dataset, CPU)
    learner.scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=3)
    return learner


def test_a_scaled_loss_trains_the_same_and_is_tapped_in_true_size() -> None:
    project, dataset = small("char-rnn")
    torch.manual_seed(3)
    plain = Learner(project, dataset, CPU)
    wanted = losses_of(plain, 8)
    torch.manual_seed(3)
    learner = scaled(project, dataset, 1024.0)
    assert losses_of(learner, 8) == pytest.approx(wanted, abs=CLOSE)
    assert learner.scaler.get_scale() == 4096.0
    assert learner.learn(tapped=True).scale == 4096.0


def test_a_step_that_overflows_is_left_out_and_the_scale_falls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project, dataset = small("char-rnn")
    learner = scaled(project, dataset, 2.0**100)
    forward = learner._forward

    def loud(*given: object) -> tuple[torch.Tensor, object]:
        losses, state = forward(*given)  # type: ignore[arg-type]
        return losses * 1e20, state

    monkeypatch.setattr(learner, "_forward", loud)
    before = model_tensors(learner.model)
    learner.learn(tapped=False)
    learner.apply(0.0)
    after = model_tensors(learner.model)
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert learner.scaler.get_scale() == 2.0**99


def test_the_scale_is_in_the_checkpoint(tmp_path: Path) -> None:
    project = tiny("char-rnn", tmp_path, 9)
    trainer = opened(project, tmp_path / "run", Heard())
    trainer.learner.scaler = torch.amp.GradScaler("cpu", init_scale=512.0)
    while trainer.step < 3:
        trainer.advance()
    trainer.checkpoint()
    again = opened(project, tmp_path / "other", Heard())
    again.learner.scaler = torch.amp.GradScaler("cpu")
    restore(again, load_latest(tmp_path / "run"))
    assert again.learner.scaler.state_dict() == trainer.learner.scaler.state_dict()


def test_best_weights_that_could_not_be_kept_end_no_run(tmp_path: Path) -> None:
    heard = Heard()
    project = with_settings(tiny("char-rnn", tmp_path, 8), validate_every=2)
    trainer = opened(project, tmp_path / "run", heard)
    while trainer.step < 6:
        trainer.advance()
    trainer.best, trainer.best_step = -1.0, 4  # better than all to come
    for path in (tmp_path / "run" / "checkpoints").glob("best.*"):
        path.unlink()
    while trainer.advance():
        pass
    assert heard.of(Validation)[-1].step == 8
    assert load_checkpoint(tmp_path / "run", "best").step == 8
