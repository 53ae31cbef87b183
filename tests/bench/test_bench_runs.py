"""Every benchmark runs and finds what it says, in sizes that take no time."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Iterator

import pytest
import torch

from seqstudio.bench import live, training
from seqstudio.bench.drawing import bench_plots
from seqstudio.bench.flow import bench_gradflow
from seqstudio.bench.learning import bench_learn, jobs
from seqstudio.bench.linking import bench_linking
from seqstudio.bench.results import Row
from seqstudio.bench.subjects import Sizes
from seqstudio.bench.training import bench_probes, bench_train
from seqstudio.bench.writing import bench_sampling
from seqstudio.cli.entry import main
from seqstudio.core.errors import RunError

SMALL = Sizes(
    embedding=8, hidden=16, layers=1, batch=4, window=12, width=16, blocks=1, heads=2,
    gpt_batch=3, context=12,
)  # fmt: skip
BLINK_S = 0.01


@pytest.fixture(autouse=True)
def threads_stay() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def compared(rows: list[Row]) -> None:
    for row in rows:
        assert row.ours > 0
        assert row.peer > 0
        assert row.low <= row.ratio <= row.high


def test_train_measures_at_both_thread_counts() -> None:
    rows = list(bench_train(BLINK_S, ("rnn",), SMALL, ("float32",)))
    compared(rows)
    assert [row.what.rpartition(", ")[2] for row in rows] == ["1 thread", "2 threads"]
    assert [row.unit for row in rows] == ["tokens/CPU-s", "tokens/s"]


def test_train_refuses_to_compare_different_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(training.TOLERANCE, "float32", -1.0)
    with pytest.raises(RunError, match="do not train alike"):
        list(bench_train(BLINK_S, ("rnn",), SMALL, ("float32",)))


def test_probes() -> None:
    rows = list(bench_probes(BLINK_S, ("lstm",), SMALL))
    compared(rows)
    assert [row.goal for row in rows] == [0.97]


def test_sampling_compares_both_kinds_in_two_sizes() -> None:
    rows = list(bench_sampling(BLINK_S, (12,), SMALL))
    compared(rows)
    assert [row.what.partition(" ")[0] for row in rows] == ["lstm"] * 2 + ["gpt"] * 4


def test_gradflow() -> None:
    rows = list(bench_gradflow(BLINK_S, ("lstm",), SMALL))
    compared(rows)
    assert "whole batch" in rows[0].what


def test_learn_reports_the_held_out_loss_beside_the_floor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("seqstudio.bench.learning.TEXT_TEMPLATES", ())
    monkeypatch.setattr("seqstudio.bench.learning.BOOK_TEMPLATES", ("hello-rnn",))
    (row,) = bench_learn(3.0)
    assert row.ours < math.log(4)
    assert math.isfinite(row.peer)
    assert row.ratio == pytest.approx(row.peer / row.ours)


def test_learn_chooses_templates_by_the_kind_of_file() -> None:
    paths = [pathlib.Path("a.txt"), pathlib.Path("b.abc")]
    assert list(jobs(paths)) == [
        ("char-lstm", paths[0]), ("char-gpt", paths[0]), ("abc-lstm", paths[1]),
    ]  # fmt: skip
    assert [name for name, _ in jobs(())] == ["char-lstm", "char-gpt", "abc-lstm"]


def test_start_finds_the_first_picture_before_torch() -> None:
    pytest.importorskip("PySide6")
    seconds, torch_loaded = live.bench_start("offscreen", times=1)
    assert 0 < seconds.ours < live.CHILD_S
    assert torch_loaded.ours == 0


def test_play_finds_the_first_point_of_the_curve() -> None:
    pytest.importorskip("PySide6")
    found = live.ask("play", "offscreen", template="hello-rnn", warm=False, folder="")
    assert 0 < found["known"] <= found["painted"]


def test_window_trains_with_and_without_it() -> None:
    pytest.importorskip("PySide6")
    rows = list(live.bench_window(1.0, "offscreen", [("hello-rnn", 1)], rounds=1, standby=False))
    compared(rows[:1])
    kinds = [row.what.rpartition(" ")[2] for row in rows[2:]]
    assert kinds == ["p50", "p99", "max"] * 2
    assert all(row.ours > 0 for row in rows[2:])


def test_a_window_that_does_not_open_is_told() -> None:
    pytest.importorskip("PySide6")
    with pytest.raises(RunError, match="The window of the benchmark failed"):
        live.ask("first_paint", "no-such-platform", started_s=0.0)


def test_the_command_prints_one_object_a_benchmark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "seqstudio.bench.writing.bench_sampling",
        lambda seconds: iter([Row("x", "tokens/s", 2.0, 1.0, 2.0, 2.0, 2.0, note=str(seconds))]),
    )
    assert main(["bench", "sampling", "--json", "--seconds", "3"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found["name"] == "sampling"
    assert found["rows"][0]["note"] == "3.0"
    assert found["rows"][0]["goal"] is None
    assert found["machine"]["torch"] == torch.__version__
    assert len(found["load"]) == 2
    assert main(["bench", "sampling"]) == 0
    assert "processor" not in capsys.readouterr().out


def test_pauses_and_drawing_are_measured() -> None:
    pytest.importorskip("PySide6")
    found = live.ask("pause", "offscreen", template="hello-rnn", times=2, folder="")
    assert len(found["latency"]) == 2
    assert min(found["latency"]) > 0
    assert found["step"] > 0
    rows = list(bench_plots("offscreen", events=2))
    assert [row.unit for row in rows] == ["ms", "ms"]
    assert all(row.ours > 0 for row in rows)


def test_linking_moves_the_cursor_of_every_topic() -> None:
    pytest.importorskip("PySide6")
    only = {"subjects": ["hello-rnn"], "topics": ["overview", "cells"]}
    rows = list(bench_linking("offscreen", 2, **only))
    named = [row.what.partition(":")[0] for row in rows]
    assert named == ["hello-rnn, Overview", "hello-rnn, Cells"]
    assert all(row.ours > 0 for row in rows)
