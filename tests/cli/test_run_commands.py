"""`seqstudio fork` and `seqstudio report` on a real run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqstudio.document.project import load_project
from seqstudio.runtime.archive import open_run


def test_fork_goes_on_from_a_step_with_one_change(call, project: Path) -> None:  # type: ignore[no-untyped-def]
    told = call("fork", project, "--step", 12, "--set", "learning_rate=1e-3", "--json")
    assert told.code == 0, told.err
    assert "lstm-2 leaves lstm-1 at step 12, repeating the steps from the start on" in told.err
    home = project.parent / "small.runs"
    one, two = (open_run(home / name).curves for name in ("lstm-1", "lstm-2"))
    assert two.steps.tolist() == list(range(1, 21))
    assert np.array_equal(one.rate[:12], two.rate[:12])
    assert two.rate[12] < one.rate[12]
    assert load_project(home / "lstm-2" / "project.seq").training.learning_rate == 1e-3


def test_fork_refuses_what_cannot_be(call, project: Path) -> None:  # type: ignore[no-untyped-def]
    for words, part in (
        (("--step", "21"), "steps 0 to 20"),
        (("--step", "x"), "is no step"),
        (("--set", "learning_rate=-1"), "earning rate"),
        (("--set", "nothing=1"), "no setting"),
        (("--name", "lstm-1"), "already a run"),
        (("--run", "gru-1"), "no run 'gru-1'"),
        (("--set", "data.path=nowhere.txt"), "nowhere.txt"),
    ):
        told = call("fork", project, *words)
        assert told.code == 2, told
        assert part in told.err
        assert len(told.err.splitlines()) == 1
    assert [each.name for each in (project.parent / "small.runs").iterdir()] == ["lstm-1"]


def test_report_writes_what_was_asked_for(call, project: Path) -> None:  # type: ignore[no-untyped-def]
    out = project.parent / "out"
    told = call("report", project, "--out", out / "page.html")
    assert (told.code, told.out.strip()) == (0, str(out / "page.html"))
    assert "lstm-1" in (out / "page.html").read_text("utf-8")
    told = call("report", project, "--run", "lstm-1", "--format", "csv", "--out", out)
    assert {Path(line).name for line in told.lines} == {
        "curves.csv", "validations.csv", "events.csv",
    }  # fmt: skip
    told = call("report", project, "--format", "tensorboard", "--out", out / "tb")
    assert told.code == 0
    assert Path(told.lines[0]).parent == out / "tb" / "lstm-1"
    assert call("report", project, "--out", out).code == 2
    told = call("report", project, "--format", "csv", "--out", out / "page.html")
    assert "is a file" in told.err
