"""Real small runs: ten times the rate is called, the run at the right rate is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seqstudio.document.project import Project, project_text
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Start
from seqstudio.runtime.diagnosis import diagnose
from seqstudio.runtime.history import RunHistory
from tests.small_runs import WORDS, small_project

STEPS = 300


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "cats.txt"
    path.write_text(WORDS, encoding="utf-8")
    return path


def trained(text: Path, rate: float) -> tuple[Project, RunHistory]:
    """Train a plain RNN by plain gradient descent at a constant rate."""
    project = small_project("char-rnn", text, STEPS)
    training = replace(project.training, learning_rate=rate, clip=1.0, optimizer="sgd",
                       schedule="constant")  # fmt: skip
    project = replace(project, training=training)
    history, told = RunHistory("rnn-1"), []
    trainer = Trainer.open(Start("rnn-1", project_text(project), "", ""), told.append)
    while trainer.step < STEPS:
        trainer.advance()
    trainer.flush()
    history.extend(told)
    return project, history


def keys(project: Project, history: RunHistory, step: int | None = None) -> set[str]:
    return {finding.key for finding in diagnose(history, project, None, step)}


def test_the_right_rate_has_no_finding_at_any_time(text: Path) -> None:
    project, history = trained(text, 0.3)
    assert history.step == STEPS
    for step in range(50, STEPS + 1, 50):
        assert keys(project, history, step) == set()


def test_ten_times_the_rate_is_called(text: Path) -> None:
    project, history = trained(text, 3.0)
    (finding,) = [f for f in diagnose(history, project, None) if f.key == "rate"]
    assert finding.severe
    assert finding.treatments[0].words == "A tenth of the learning rate"
    mended = finding.treatments[0].edit.apply(project)
    assert mended.training.learning_rate == pytest.approx(0.3)
