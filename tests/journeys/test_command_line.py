"""From a template to a picture of what was learnt, each command in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("PySide6")

TEXT = "the boats wait under the bridges while the river runs on and on past old stones. " * 60


@pytest.fixture
def run(tmp_path: Path):
    """Run `python -m seqstudio ...` in a folder of its own; return what it printed."""
    settings = {
        **os.environ,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "error",
    }
    settings.pop("QT_QPA_PLATFORM", None)  # the program has to find its own way without a screen
    settings.pop("DISPLAY", None)

    def go(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "seqstudio", *words],
            cwd=tmp_path, env=settings, text=True, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return go


def test_from_a_template_to_a_picture(run, tmp_path: Path) -> None:
    (tmp_path / "river.txt").write_text(TEXT, encoding="utf-8")
    sizes = ["hidden=24", "embedding.width=8", "batch=4", "window=16", "dropout.share=0"]
    sets = [word for size in sizes for word in ("--set", size)]
    run("new", "char-lstm", "river.seq", "--data", "river.txt", *sets)
    assert "It can train" in run("check", "river.seq").stdout

    done = run("train", "river.seq", "--steps", "40", "--run", "one", "--seed", "3")
    assert "one finished at step 40" in done.stdout
    assert "loss" in done.stderr
    assert "loss" not in done.stdout.splitlines()[0]
    done = run("train", "river.seq", "--resume", "--steps", "80", "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records[-1]["step"] == 80
    assert min(r["step"] for r in records if r["event"] == "metrics") > 40

    (found,) = [
        json.loads(line) for line in run("evaluate", "river.seq", "--json").stdout.splitlines()
    ]
    assert found["loss"] == pytest.approx(records[-1]["best"]["loss"], abs=1e-6)
    assert found["loss"] < found["chance"]

    write = ("generate", "river.seq", "--prompt", "the ", "--length", "60", "--seed")
    first = run(*write, "1").stdout
    assert first.startswith("the ")
    assert run(*write, "1").stdout == first
    assert run(*write, "2").stdout != first

    run("inspect", "gradients", "river.seq", "--out", "g.npz")
    run("export", "river.seq", "--format", "pytorch", "--out", "model")
    run("render", "river.seq", "--panel", "curves", "--out", "curves.png")
    for name in ("g.npz", "model/model.py", "model/weights.safetensors", "curves.png"):
        assert (tmp_path / name).stat().st_size > 0
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")

    done = run("train", "river.seq", "--run", "one", code=2)
    assert done.stderr.count("\n") == 1
