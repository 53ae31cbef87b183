"""`seqstudio sweep`: what is typed, JSON lines, the table, mistakes in one sentence."""

from pathlib import Path

import pytest

from seqstudio.document.sweep import load_sweep
from seqstudio.runtime import searching
from seqstudio.runtime.archive import list_runs


@pytest.fixture
def hello(call, tmp_path: Path) -> Path:
    fixed = ["threads=1", "precision=float32"]
    sets = [word for pair in fixed for word in ("--set", pair)]
    assert call("new", "hello-rnn", tmp_path / "h.seq", *sets).code == 0
    return tmp_path / "h.seq"


def test_a_sweep_tells_each_trial_then_the_best_and_can_be_asked_again(call, hello) -> None:
    words = ["--set", "rnn.hidden=4,8", "--set", "learning_rate=1e-3..1e-1", "--trials", "4"]
    told = call("sweep", hello, *words, "--steps", "5", "--json")
    assert told.code == 0, told.err
    *trials, last = told.records
    assert [each["trial"] for each in trials] == [1, 2, 3, 4]
    assert {each["state"] for each in trials} == {"done"}
    assert trials[1]["values"] == {"rnn.hidden": 4, "training.learning_rate": 0.1}
    assert (last["event"], last["trials"], last["done"]) == ("sweep", 4, 4)
    assert last["best"] == min(
        ({k: v for k, v in each.items() if k != "event"} for each in trials),
        key=lambda each: each["validation"],
    )
    home = hello.parent / "h.runs"
    assert {run.name for run in list_runs(home)} == {each["run"] for each in trials}
    assert load_sweep(home / "sweep-1").finished
    assert "Beginning sweep-1: 4 of 4 trials to train, 5 steps each, by grid" in told.err
    told = call("sweep", hello, "--resume")
    assert told.code == 2
    assert "h.seq has no sweep to continue" in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "The sweep varies nothing"),
        (["--set", "rnn.hidden"], "--set rnn.hidden has no values"),
        (["--set", "rnn.hiden=4"], "There is no setting 'rnn.hiden'"),
        (["--set", "batch=0,4"], "Batch cannot be"),
        (["--set", "batch=4", "--trials", "none"], "--trials none is no number above 0"),
        (["--set", "batch=4", "--steps", "-3"], "Steps cannot be"),
        (["--resume", "--set", "batch=4"], "--set does not go with --resume"),
        (["--set", "batch=4,8", "--trials", "1"], "1 trials are not enough for the grid"),
        (["--set", "batch=4,8", "--method", "optuna"], "pip install seqstudio[sweep]"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(call, hello, monkeypatch, words, said) -> None:
    monkeypatch.setattr(searching, "has_optuna", lambda: False)
    told = call("sweep", hello, *words)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert len(told.err.splitlines()) == 1
    assert not (hello.parent / "h.runs").exists()
