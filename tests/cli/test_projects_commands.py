"""templates, new, check: from a template to a project that can train."""

import json
import os
from pathlib import Path

import pytest

from seqstudio.blocks.templates import TEMPLATES, make
from seqstudio.cli.overrides import find, places, with_settings
from seqstudio.cli.projects import stored_path
from seqstudio.cli.usage import UsageError
from seqstudio.document.param import ParamError
from seqstudio.document.project import load_project

TUNE = "X:{0}\nT:Tune {0}\nM:4/4\nL:1/8\nK:D\n{1}|\n"
BARS = ["DEFG A2B2", "A2F2 G2E2", "F2A2 D4", "d2cB A2G2", "FGAB c2d2", "e2dc B2A2", "G2B2 A4"]


def book(path: Path) -> Path:
    """Write a book of seven good tunes, one of no notes, one without a key, one twice."""
    tunes = [TUNE.format(n, "|".join([bar, BARS[n % 7]] * 4)) for n, bar in enumerate(BARS)]
    tunes += ["X:8\nT:Silent\nK:D\n", "X:9\nT:No key\nABc|\n", tunes[0].replace("X:0", "X:10")]
    path.write_text("\n".join(tunes), encoding="utf-8")
    return path


def test_templates_are_listed_one_a_line_in_columns(call) -> None:
    told = call("templates")
    assert told.code == 0
    assert [line.split()[0] for line in told.lines] == list(TEMPLATES)
    for line, template in zip(told.lines, TEMPLATES.values(), strict=True):
        assert line.endswith(template.sentence)
    starts = {line.index(TEMPLATES[line.split()[0]].sentence) for line in told.lines}
    assert len(starts) == 1
    records = call("templates", "--json").records
    assert [record["id"] for record in records] == list(TEMPLATES)
    assert records[0]["task"] == "next character"


def test_new_writes_what_was_set_and_checks_the_data(call, tmp_path: Path, text: Path) -> None:
    out = tmp_path / "a.seq"
    told = call(
        "new", "char-lstm", out, "--data", text, "--set", "minutes=1", "--set", "hidden=24",
        "--set", "training.seed=7", "--set", "lstm.layers=2", "--set", "sampling.length=50",
        "--set", "carry=off",
    )  # fmt: skip
    assert told.code == 0, told.err
    project = load_project(out)
    assert (project.training.minutes, project.training.seed) == (1.0, 7)
    assert not project.training.carry
    assert project.graph.blocks["lstm"].params["hidden"] == 24
    assert project.graph.blocks["lstm"].params["layers"] == 2
    assert project.sampling.length == 50
    assert project.data.path == "words.txt"
    assert "Character LSTM on words.txt" in told.out


def test_new_adds_the_ending_and_refuses_another(call, tmp_path: Path) -> None:
    assert call("new", "hello-rnn", tmp_path / "a").code == 0
    assert (tmp_path / "a.seq").is_file()
    told = call("new", "hello-rnn", tmp_path / "a.txt")
    assert told.code == 2
    assert "End it with .seq" in told.err


def test_new_overwrites_only_when_forced(call, tmp_path: Path) -> None:
    out = tmp_path / "a.seq"
    assert call("new", "hello-rnn", out).code == 0
    before = out.read_bytes()
    told = call("new", "char-gru", out)
    assert told.code == 2
    assert "a.seq is there already. Choose another name, or add --force." in told.err
    assert out.read_bytes() == before
    assert call("new", "recall-lstm", out, "--force").code == 0
    assert load_project(out).template == "recall-lstm"


def test_a_data_path_is_relative_inside_the_folder_and_absolute_outside(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert stored_path(home / "sub" / "t.txt", home) == "sub/t.txt"
    outside = stored_path(tmp_path / "t.txt", home)
    assert Path(outside).is_absolute()
    assert outside == os.path.realpath(tmp_path / "t.txt")


def test_a_relative_data_path_is_found_from_any_folder(
    call, tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("new", "char-gru", "a.seq", "--data", text.name).code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert call("check", "../a.seq").code == 0


def test_broken_tunes_of_a_book_are_counted_with_reasons(call, tmp_path: Path) -> None:
    told = call("new", "abc-lstm", tmp_path / "a.seq", "--data", book(tmp_path / "book.abc"))
    assert told.code == 0, told.err
    assert "3 of 10 tunes skipped" in told.out
    assert "same music as an earlier tune (1)" in told.out
    assert "no notes" in told.out
    assert "key" in told.out


def test_every_setting_can_be_reached_by_its_full_key() -> None:
    project = make("char-attention")
    for place in places(project):
        assert find(project, place.key) == place


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("hidden", "has no value"),
        ("hiden=3", "Did you mean"),
        ("lstm.hiden=3", "Did you mean lstm.hidden"),
        ("gru.hidden=3", "There is no setting 'gru.hidden'"),
        ("length=3", "Choose one of: data.length, sampling.length"),
    ],
)
def test_a_key_that_means_nothing_or_several_things(pair: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        with_settings(make("char-lstm"), [pair])
    assert said in caught.value.sentence()


def test_a_value_out_of_range_gives_the_range() -> None:
    with pytest.raises(ParamError) as caught:
        with_settings(make("char-lstm"), ["training.batch=0"])
    assert "1 to 4,096" in caught.value.hint
    with pytest.raises(ParamError):
        with_settings(make("char-lstm"), ["lstm.hidden=many"])


def test_check_tells_what_flows_on_every_wire(call, project: Path) -> None:
    told = call("check", project, "--values")
    assert told.code == 0
    assert any(line.startswith("lstm.out") for line in told.lines)
    assert "untrained weights" in told.lines[-1]
    records = call("check", project, "--values", "--json").records
    values = {each["block"]: each for each in records if each["kind"] == "values"}
    lstm = values["lstm"]
    assert lstm["dimensions"] == ["B", "T", "C"]
    assert lstm["shape"][-1] == 16
    assert lstm["min"] < lstm["mean"] < lstm["max"]
    assert 0 < lstm["spread"] < 1


def test_check_tells_shapes_and_parameters(call, project: Path) -> None:
    told = call("check", project)
    assert told.code == 0
    rows = [line.split() for line in told.lines]
    assert ["lstm", "LSTM", "B·T·16", "1,664"] in [row[:4] for row in rows]
    assert told.lines[-1] == "It can train"
    records = call("check", project, "--json").records
    lstm = next(record for record in records if record.get("id") == "lstm")
    # 4 gates of 16 units over 8 inputs, 16 states and two biases
    assert lstm["parameters"] == 4 * 16 * (8 + 16 + 2)
    total = records[-1]
    assert total["kind"] == "total"
    assert lstm["memory"]["weights"] == 4 * lstm["parameters"]
    assert lstm["memory"]["total"] < total["memory"]["total"]
    assert 0 < lstm["multiply_adds"] < total["multiply_adds"]
    assert total["trains"] is True
    assert total["parameters"] == sum(r["parameters"] for r in records if r["kind"] == "block")


def test_check_of_a_graph_that_cannot_train_is_2_and_names_the_place(call, project: Path) -> None:
    content = json.loads(project.read_text(encoding="utf-8"))
    content["graph"]["wires"].remove("embedding.out -> lstm.in")
    project.write_text(json.dumps(content), encoding="utf-8")
    told = call("check", project)
    assert told.code == 2
    assert "problem: lstm: LSTM has nothing at its input" in told.out
    assert told.lines[-1] == "It cannot train"
    records = call("check", project, "--json").records
    assert any(r["kind"] == "problem" and r["block"] == "lstm" for r in records)
    assert records[-1]["trains"] is False
