"""Devices are tried with real steps; both are the processor here, told apart by their names."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seqstudio.blocks.templates import make
from seqstudio.core.errors import GraphError
from seqstudio.data.dataset import Dataset
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import Project, project_text
from seqstudio.engine import device_trial, devices
from seqstudio.engine.device_trial import DeviceTrial, device_for, tokens_per_second
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Start

TWO = ("cpu", "cpu:0")


@pytest.fixture
def project(tmp_path) -> Project:
    path = tmp_path / "text.txt"
    path.write_text("the river runs under old stone bridges " * 60)
    made = make("char-rnn", str(path))
    training = made.training
    for name, value in {"batch": 2, "window": 8, "steps": 9, "budget": "steps"}.items():
        training = training.with_value(name, value)
    return replace(made, training=training)


@pytest.fixture
def dataset(project) -> Dataset:
    return open_dataset(project.data, None)


class Told:
    """Measures what it is told to, and counts."""

    def __init__(self, **rates: float) -> None:
        self.rates, self.asked = rates, list[str]()

    def __call__(self, _project: object, _dataset: object, device: torch.device) -> float:
        name = str(device)
        self.asked.append(name)
        rate = self.rates["other" if ":" in name else "cpu"]
        if rate < 0:
            raise torch.cuda.OutOfMemoryError("no room")
        return rate


@pytest.mark.parametrize(("other", "winner"), [(41000.0, "cpu:0"), (9000.0, "cpu")])
def test_the_faster_device_is_taken_and_both_are_told(
    project, dataset, tmp_path, other: float, winner: str
) -> None:
    choice = DeviceTrial(Told(cpu=12000.0, other=other), tmp_path).choose(project, dataset, TWO)
    assert choice.device == winner
    assert choice.words() == f"cpu 12,000 tokens/s, cpu:0 {other:,.0f}"


def test_a_model_is_tried_once_and_another_one_again(project, dataset, tmp_path) -> None:
    told = Told(cpu=3.0, other=2.0)
    first = DeviceTrial(told, tmp_path).choose(project, dataset, TWO)
    assert DeviceTrial(told, tmp_path).choose(project, dataset, TWO) == first
    assert told.asked == ["cpu", "cpu:0"]
    rate = replace(project, training=project.training.with_value("learning_rate", 0.5))
    DeviceTrial(told, tmp_path).choose(rate, dataset, TWO)
    assert len(told.asked) == 2
    wide = replace(project, training=project.training.with_value("batch", 3))
    DeviceTrial(told, tmp_path).choose(wide, dataset, TWO)
    assert len(told.asked) == 4


@pytest.mark.parametrize("text", ["", "[]", '{"a": 3}', "{"])
def test_a_damaged_memory_is_measured_again(project, dataset, tmp_path, text: str) -> None:
    (tmp_path / "device_trials.json").write_text(text)
    choice = DeviceTrial(Told(cpu=3.0, other=2.0), tmp_path).choose(project, dataset, TWO)
    assert choice.rates == {"cpu": 3.0, "cpu:0": 2.0}


def test_a_device_that_fails_does_not_take_part(project, dataset, tmp_path) -> None:
    trial = DeviceTrial(Told(cpu=3.0, other=-1.0), tmp_path)
    assert trial.choose(project, dataset, TWO).words() == "cpu 3 tokens/s"
    none = DeviceTrial(Told(cpu=-1.0, other=-1.0), tmp_path / "none").choose(project, dataset, TWO)
    assert (none.device, none.rates) == ("cpu:0", {})


def test_a_device_that_is_too_small_is_not_tried(project, dataset, tmp_path, monkeypatch) -> None:
    def memory(device: torch.device) -> int:
        return 0 if device.index is None else 1000

    monkeypatch.setattr(devices, "memory_of", memory)
    told = Told(cpu=3.0, other=9.0)
    choice = DeviceTrial(told, tmp_path).choose(project, dataset, TWO)
    assert (choice.device, told.asked) == ("cpu", [])
    with pytest.raises(GraphError, match="of memory"):
        DeviceTrial(told, tmp_path).choose(project, dataset, ("cpu:0", "cpu:0"))


@pytest.mark.parametrize(
    ("looks", "quickest"),
    [
        ((0, 0, 0.1, 0.1, 0.15, 0.15, 0.15, 0.17, 0.17, 0.17, 0.27), 0.02),
        ((0, 0, 0.01, 0.01, 9.0, 9.0), 8.99),  # the first does not count; slow: no third one
    ],
)
def test_speed_is_that_of_the_quickest_step_after_the_first(
    project, dataset, looks: tuple[float, ...], quickest: float
) -> None:
    clock = iter(looks)
    rate = tokens_per_second(project, dataset, torch.device("cpu"), lambda: next(clock))
    assert rate == pytest.approx(2 * 8 / quickest)
    assert not list(clock)


def test_a_run_begins_on_the_fastest_as_if_nothing_had_been_tried(
    project, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(device_trial, "devices", lambda: TWO)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    runs = [_trained(project, device) for device in ("auto", "cpu")]
    assert all(name in runs[0].detail for name in ("measured: cpu ", ", cpu:0 "))
    assert "measured" not in runs[1].detail
    for mine, plain in zip(runs[0].model.parameters(), runs[1].model.parameters(), strict=True):
        assert torch.equal(mine, plain)


def _trained(project: Project, device: str) -> Trainer:
    start = Start("r", project_text(project), "", "", device, probes=False)
    trainer = Trainer.open(start, lambda _: None)
    trainer.settle(type(trainer.trial).settled(trainer.trial.current))
    while trainer.step < 5:
        trainer.advance()
    return trainer


def test_a_run_goes_on_where_it_was(project, dataset, monkeypatch) -> None:
    monkeypatch.setattr(device_trial, "devices", lambda: TWO)
    assert device_for("auto", "cpu", project, dataset).device == "cpu"
    monkeypatch.setattr(device_trial, "devices", lambda: ("cpu",))
    assert device_for("auto", "cuda:0", project, dataset).device == "cpu"
