"""Figures, goals, JSON and tables of benchmarks; rounds with a clock that is set by hand."""

from __future__ import annotations

import json
import math
import pathlib

import pytest

from seqstudio.bench.command import read_results
from seqstudio.bench.results import Result, Row, cells, figure, markdown, median, quantile
from seqstudio.bench.rounds import Comparison, alternate, rate
from seqstudio.bench.suite import BENCHMARKS, DEFAULT
from seqstudio.cli.entry import main
from seqstudio.core.errors import DataError

ROWS = (
    Row("quick", "tokens/s", 200.0, 100.0, 2.0, 1.9, 2.1, goal=1.5, note="twice"),
    Row("slow", "tokens/s", 50.0, 100.0, 0.5, 0.4, 0.6, goal=1.0),
    Row("late", "ms", 12_345.0, goal=33.0),
    Row("free", "s", 0.5),
)


def result(name: str = "train", ours: float = 200.0) -> Result:
    first = Row("quick", "tokens/s", ours, 100.0, ours / 100, 1.9, 2.1, goal=1.5)
    machine = {"processor": "2 × A", "system": "B", "torch": "2.1"}
    return Result(name, "plain", (first, *ROWS[1:]), "cpu", 12.0, "2026-01-02 03:04", (0.5, 1.0),
                  machine)  # fmt: skip


def test_goals_are_least_ratios_or_greatest_values() -> None:
    assert [row.met for row in ROWS] == [True, False, False, None]
    assert Row("calm", "ms", 33.0, goal=33.0).met is True


@pytest.mark.parametrize(
    ("value", "words"),
    [(12_345.0, "12,300 ms"), (999.4, "999 ms"), (31.44, "31.4 ms"), (0.987, "0.99 ms"),
     (math.nan, "–"), (-2.5, "-2.50 ms"), (1e6, "1,000,000 ms"), (1000.0, "1,000 ms")],
)  # fmt: skip
def test_figures_have_three_digits(value: float, words: str) -> None:
    assert figure(value, "ms") == words


def test_quantiles_and_medians() -> None:
    assert quantile(range(100), 0.99) == 99
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert median([4.0, 1.0]) == 2.5
    assert math.isnan(median([]))
    assert math.isnan(quantile([], 0.5))


class Watch:
    """A clock that moves only when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def __call__(self) -> float:
        return self.now

    def side(self, name: str, seconds: float) -> int:
        self.now += seconds
        self.order.append(name)
        return 10


def test_a_rate_counts_whole_steps_only() -> None:
    watch = Watch()
    assert rate(lambda: watch.side("a", 0.4), 1.0, watch) == pytest.approx(30 / 1.2)


def test_sides_work_in_turns_and_change_who_begins() -> None:
    watch = Watch()
    found = alternate(
        lambda: watch.side("ours", 1.0), lambda: watch.side("peer", 2.0), 10.0, watch, rounds=2
    )
    assert watch.order == ["ours", "peer"] * 2 + ["peer", "ours"] * 2
    assert found.ours == (10.0, 10.0)
    assert found.peer == (5.0, 5.0)
    assert found.ratios == [2.0, 2.0]


def test_a_comparison_is_the_median_of_its_rounds() -> None:
    row = Comparison((10.0, 30.0, 20.0), (10.0, 10.0, 10.0)).row("x", "tokens/s", 1.5)
    assert (row.ours, row.peer, row.ratio, row.low, row.high) == (20.0, 10.0, 2.0, 1.0, 3.0)
    assert row.met


def test_json_and_back(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "results.json"
    lines = [json.dumps(result(name).as_dict(), allow_nan=False) for name in ("train", "start")]
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    found = read_results(path)
    assert [each.name for each in found] == ["train", "start"]
    assert cells(found[0]) == cells(result())
    assert found[0].machine == result().machine
    assert found[0].load == (0.5, 1.0)


def test_of_equal_names_the_last_counts(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "results.json"
    lines = [json.dumps(result(ours=ours).as_dict()) for ours in (100.0, 300.0)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert [each.rows[0].ours for each in read_results(path)] == [300.0]


def test_the_table_is_markdown() -> None:
    lines = markdown([result(), result("start")]).splitlines()
    assert lines[0] == "Machine: 2 × A, B, torch 2.1. GPU: not measured."
    assert lines.count(lines[0]) == 1
    assert "### train" in lines
    assert "### start" in lines
    table = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    wanted = "| slow | 50.0 tokens/s | 100 tokens/s | 0.50 | 0.40–0.60 | ≥ 1.00 | no |  |"
    assert wanted in table


@pytest.mark.parametrize("broken", ["{", '{"name": "train"}', '["a"]'])
def test_another_file_is_refused(tmp_path: pathlib.Path, broken: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(broken, encoding="utf-8")
    with pytest.raises(DataError, match=r"Line 1 of other\.json"):
        read_results(path)


def test_every_benchmark_but_the_long_ones_runs_without_a_name() -> None:
    assert set(BENCHMARKS) - set(DEFAULT) == {"learn", "several", "sound"}
    assert sum(BENCHMARKS[name].seconds for name in DEFAULT) < 360


def test_the_command_prints_a_table(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(result().as_dict()), encoding="utf-8")
    assert main(["bench", "--table", str(path)]) == 0
    assert capsys.readouterr().out == markdown([result()])


@pytest.mark.parametrize(
    ("words", "said"),
    [(["trian"], "There is no benchmark 'trian'. Did you mean train"),
     (["train", "--seconds", "soon"], "'soon' is no number of seconds"),
     (["train", "--seconds", "-1"], "-1 seconds are out of range"),
     (["learn", "--data", "nowhere.txt"], "There is no file nowhere.txt"),
     (["--table", "nowhere.json"], "nowhere.json")],
)  # fmt: skip
def test_mistakes_are_told_in_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
