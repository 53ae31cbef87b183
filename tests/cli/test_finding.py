"""`train --find-rate` suggests a rate and keeps no run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqstudio.cli.entry import main


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "m.seq"
    assert main(["new", "hello-rnn", str(path), "--set", "training.batch=4"]) == 0
    return path


def test_a_rate_is_suggested_and_nothing_is_left_behind(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    before = project.read_bytes()
    assert main(["train", str(project), "--find-rate", "--json", "--threads", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["suggestion"] == pytest.approx(
        min(found["steepest"], found["lowest"] / 10), rel=0.05
    )
    assert 50 < len(found["rates"]) == len(found["losses"]) <= 100
    assert [path.name for path in project.parent.iterdir()] == ["m.seq"]
    assert project.read_bytes() == before
    assert main(["train", str(project), "--find-rate", "--threads", "1"]) == 0
    told = capsys.readouterr().out
    assert f"suggestion {found['suggestion']:.1e}, the project has" in told
    assert "where the smoothed loss falls fastest" in told


def test_a_search_is_no_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(project), "--find-rate", "--resume"]) == 2
    assert "--resume does not go with --find-rate" in capsys.readouterr().err


def test_a_run_that_gets_no_better_says_so(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"stop_patience": 2, "validate_every": 1, "learning_rate": 10, "optimizer": "sgd",
              "budget": "steps", "steps": 5000, "precision": "float32", "threads": 1}  # fmt: skip
    pairs = [f"--set=training.{name}={value}" for name, value in values.items()]
    assert main(["new", "hello-rnn", str(project), "--force", *pairs]) == 0
    assert main(["train", str(project)]) == 0
    told = capsys.readouterr().err
    assert "ended early: no better for 2 validations, best at step" in told
