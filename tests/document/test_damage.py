"""Damaged, hostile and foreign project files: each opens or gives one sentence that names it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import TEMPLATES, make
from seqstudio.core.errors import DataError, ProjectError, StorageError
from seqstudio.document import project as project_file
from seqstudio.document.project import (
    LIMIT_BLOCKS,
    LIMIT_WIRES,
    Project,
    load_project,
    parse_project,
    project_text,
    runs_folder,
    save_project,
)

GOOD = project_text(make("char-attention"))
FACTS = DataFacts(vocabulary=11)


def content() -> dict[str, Any]:
    return json.loads(GOOD)


def broken(**changes: object) -> str:
    return json.dumps({**content(), **changes})


def with_block(**changes: object) -> str:
    tree = content()
    tree["graph"]["blocks"][1] |= changes
    return json.dumps(tree)


def with_wires(*wires: object) -> str:
    tree = content()
    tree["graph"]["wires"] = list(wires)
    return json.dumps(tree)


def raw(field: str, number: str) -> str:
    """Put digits into the text that Python's own writer would not write."""
    return GOOD.replace(f'"{field}":', f'"{field}": {number}, "old":', 1)


def nested(depth: int) -> str:
    return GOOD.rstrip()[:-1] + ', "deep": ' + "[" * depth + "]" * depth + "}"


DAMAGE = {
    "empty": ("", "empty"),
    "blank": ("  \n", "damaged"),
    "binary": (b"\x80\x04\x95\x00\x93\xff" * 9, "UTF-8"),
    "zeros": (b"\0" * 4096, "damaged"),
    "utf-16": (GOOD.encode("utf-16"), "UTF-8"),
    "not json": ("hello", "damaged"),
    "cut at half": (GOOD[: len(GOOD) // 2], "damaged"),
    "cut before the end": (GOOD.rstrip()[:-1], "damaged"),
    "two files in one": (GOOD + GOOD, "damaged"),
    "a list": ("[]", "format"),
    "a number": ("7", "format"),
    "another format": (broken(format="sketch"), "format"),
    "no format": ("{}", "format"),
    "no version": (broken(version=None), "version"),
    "version zero": (broken(version=0), "version"),
    "version true": (broken(version=True), "version"),
    "version as text": (broken(version="1"), "version"),
    "newer": (broken(version=3), "newer"),
    "NaN": (raw("batch", "NaN"), "NaN"),
    "Infinity": (raw("batch", "-Infinity"), "-Infinity"),
    "1e999": (raw("batch", "1e999"), "1e999"),
    "1e999 in an unknown key": (GOOD.rstrip()[:-1] + ', "new": 1e999}', "1e999"),
    "5,000 digits": (raw("batch", "9" * 5000), "5,000 digits"),
    "100 digits": (raw("batch", "9" * 100), "100 digits"),
    "deep nesting": (nested(200_000), "deep"),
    "nesting too deep to write": (nested(200), "deep"),
    "graph is a list": (broken(graph=[]), "graph"),
    "blocks is a table": (broken(graph={"blocks": {}}), "blocks"),
    "wires is a text": (broken(graph={"wires": "a"}), "wires"),
    "a block is a text": (broken(graph={"blocks": ["lstm"]}), "graph.blocks[0]"),
    "an id with a space": (with_block(id="a b"), "graph.blocks[1].id"),
    "an id that is code": (with_block(id="a=__import__('os')"), "graph.blocks[1].id"),
    "an id too long": (with_block(id="a" * 65), "graph.blocks[1].id"),
    "an id twice": (with_block(id="tokens"), "tokens"),
    "a kind with a dot": (with_block(kind="nn.Linear"), "graph.blocks[1].kind"),
    "params is a list": (with_block(params=[1]), "graph.blocks[1].params"),
    "a param is a table": (with_block(params={"width": {}}), "params.width"),
    "a param is nothing": (with_block(params={"width": None}), "params.width"),
    "a place far away": (with_block(x=1e300), "graph.blocks[1].x"),
    "a place that is a text": (with_block(y="0"), "graph.blocks[1].y"),
    "a title that is a list": (with_block(title=[]), "graph.blocks[1].title"),
    "a wire without an arrow": (with_wires("tokens.out"), "graph.wires[0]"),
    "a wire that is a number": (with_wires(3), "graph.wires[0]"),
    "a wire from nowhere": (with_wires("ghost.out -> add.in"), "ghost"),
    "a wire to nowhere": (with_wires("tokens.out -> ghost.in"), "ghost"),
    "two wires into one input": (
        with_wires("tokens.out -> add.in", "embedding.out -> add.in"),
        "add.in",
    ),
    "too many wires": (with_wires(*["tokens.out -> add.in"] * (LIMIT_WIRES + 1)), "wires"),
    "too many blocks": (
        broken(
            graph={"blocks": [{"id": f"b{n}", "kind": "add"} for n in range(LIMIT_BLOCKS + 1)]}
        ),
        "blocks",
    ),
    "data is a list": (broken(data=[]), "data"),
    "kind of data unknown": (broken(data={"kind": "video"}), "Data"),
    "batch of text": (broken(training={"batch": "many"}), "Batch"),
    "batch of true": (broken(training={"batch": True}), "Batch"),
    "a negative rate": (broken(training={"learning_rate": -1}), "Learning rate"),
    "a switch of text": (broken(training={"carry": "perhaps"}), "Carry state"),
    "half a step": (broken(training={"steps": 1.5}), "Steps"),
    "a prompt that is a list": (broken(sampling={"prompt": []}), "Prompt"),
    "notes are a number": (broken(notes=3), "notes"),
    "a run outside": (broken(run="../../elsewhere"), "run"),
    "a run at the root": (broken(run="/etc"), "run"),
    "a run on another disk": (broken(run="C:\\x"), "run"),
    "a run that is the folder above": (broken(run=".."), "run"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_gives_one_sentence_that_names_the_place(name: str, tmp_path: Path) -> None:
    damage, word = DAMAGE[name]
    path = tmp_path / "mine.seq"
    data = damage if isinstance(damage, bytes) else damage.encode("utf-8")
    path.write_bytes(data)
    with pytest.raises((ProjectError, DataError)) as caught:
        load_project(path)
    sentence = caught.value.sentence()
    assert word in sentence, sentence
    assert "mine.seq" in sentence
    assert len(sentence) < 400
    assert "Traceback" not in sentence
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    ("name", "make_path", "word"),
    [
        ("missing", lambda folder: folder / "gone.seq", "gone.seq"),
        ("a folder", lambda folder: folder, "folder"),
        ("in a missing folder", lambda folder: folder / "no" / "a.seq", "a.seq"),
        ("a name too long", lambda folder: folder / ("n" * 300), "cannot be read"),
    ],
)
def test_what_is_no_file_is_said(name: str, make_path: Any, word: str, tmp_path: Path) -> None:
    del name
    with pytest.raises(DataError, match=word):
        load_project(make_path(tmp_path))


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "big.seq"
    with path.open("wb") as handle:
        handle.truncate(project_file.LIMIT_BYTES + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read"))
    with pytest.raises(DataError, match="too large"):
        load_project(path)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(tree: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [here] if here else []
    if isinstance(tree, dict):
        inside = list(tree.items())
    else:
        inside = list(enumerate(tree)) if isinstance(tree, list) else []
    for key, value in inside:
        found += places(value, (*here, key))
    return found


PLACES = places(content())


def opened(text: str) -> Project | None:
    """Return the project, or None when it was refused with a sentence that names the file."""
    try:
        return parse_project(text, "mine.seq")
    except ProjectError as error:
        sentence = error.sentence()
    assert "mine.seq" in sentence
    return None


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from(PLACES), value=JSON, gone=st.booleans())
def test_any_value_in_any_field_opens_or_is_refused(
    place: tuple[Any, ...], value: object, gone: bool
) -> None:
    tree = content()
    target = tree
    for key in place[:-1]:
        target = target[key]
    if gone:
        del target[place[-1]]
    else:
        target[place[-1]] = value
    project = opened(json.dumps(tree))
    if project is None:
        return
    text = project_text(project)
    assert parse_project(text) == project
    assert project_text(parse_project(text)) == text
    for problem in check(project.graph, FACTS).problems:
        assert problem.sentence()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(cut=st.integers(0, len(GOOD)), byte=st.integers(0, 255), shorten=st.booleans())
def test_any_flipped_or_missing_byte_opens_or_is_refused(
    cut: int, byte: int, shorten: bool
) -> None:
    data = bytearray(GOOD.encode("utf-8"))
    if shorten:
        del data[cut:]
    else:
        data[min(cut, len(data) - 1)] = byte
    try:
        project = opened(data.decode("utf-8"))
    except UnicodeDecodeError:
        return
    if project is not None:
        assert parse_project(project_text(project)) == project


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_survives_the_file_byte_by_byte(template: str, tmp_path: Path) -> None:
    project, path = make(template), tmp_path / "a.seq"
    save_project(project, path)
    first = path.read_bytes()
    assert load_project(path) == project
    save_project(load_project(path), path)
    assert path.read_bytes() == first


def test_an_unknown_block_kind_survives() -> None:
    text = with_block(kind="mamba", params={"state": 16, "gated": True, "mode": "fast"})
    project = parse_project(text)
    assert parse_project(project_text(project)) == project
    saved = json.loads(project_text(project))["graph"]
    assert saved["blocks"][1]["params"] == {"state": 16, "gated": True, "mode": "fast"}
    assert saved["wires"] == content()["graph"]["wires"]
    problems = check(project.graph, FACTS).errors
    assert any("mamba" in problem.what for problem in problems)


def test_unknown_keys_survive_everywhere() -> None:
    tree = content()
    tree["author"] = {"name": "K", "tags": [1, None, "x"]}
    tree["graph"]["groups"] = [{"title": "encoder"}]
    tree["graph"]["blocks"][1]["colour"] = "red"
    for table in ("data", "training", "sampling"):
        tree[table]["future"] = [table]
    saved = json.loads(project_text(parse_project(json.dumps(tree))))
    assert saved == tree


def test_keys_that_are_missing_take_their_defaults() -> None:
    project = parse_project('{"format": "seqstudio project", "version": 1}')
    assert project == Project()


def test_the_integer_and_text_forms_of_a_number_are_one() -> None:
    project = parse_project(broken(training={"batch": 8.0, "steps": "12"}))
    assert (project.training.batch, project.training.steps) == (8, 12)
    assert isinstance(project.training.batch, int)


def test_a_name_that_is_not_utf8_can_be_saved(tmp_path: Path) -> None:
    """POSIX file names are bytes; Python keeps the odd ones as half characters."""
    project = make("char-lstm", "caf\udce9.txt")
    save_project(project, tmp_path / "a.seq")
    (tmp_path / "a.seq").read_text("utf-8")
    assert load_project(tmp_path / "a.seq") == project


def test_what_could_not_be_opened_again_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.seq"
    save_project(make("hello-rnn"), path)
    before = path.read_bytes()
    tree = content()
    tree["graph"] = {
        "blocks": [{"id": f"b{n}", "kind": "add"} for n in range(LIMIT_BLOCKS)],
        "wires": [],
    }
    full = parse_project(json.dumps(tree))
    save_project(full, path)
    extra = project_file.Block("one_more", "add")
    with pytest.raises(StorageError, match="could not be opened again") as caught:
        save_project(full.with_graph(full.graph.with_block(extra)), path)
    assert "2,000 blocks" in caught.value.sentence()
    assert load_project(path) == full
    path.write_bytes(before)
    notes = Project(notes="x" * (project_file.LIMIT_BYTES + 1))
    with pytest.raises(StorageError, match="8 MB"):
        save_project(notes, path)
    assert path.read_bytes() == before


def test_migrations_run_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def second(tree: dict[str, Any]) -> dict[str, Any]:
        seen.append(("1 to 2", tree["version"]))
        return {**tree, "version": 2, "notes": "moved"}

    def third(tree: dict[str, Any]) -> dict[str, Any]:
        seen.append(("2 to 3", tree["version"]))
        return {**tree, "version": 3, "notes": tree["notes"] + " twice"}

    monkeypatch.setattr(project_file, "VERSION", 3)
    monkeypatch.setattr(project_file, "MIGRATIONS", {1: second, 2: third})
    oldest = json.dumps({**json.loads(GOOD), "version": 1})
    assert parse_project(oldest).notes == "moved twice"
    assert seen == [("1 to 2", 1), ("2 to 3", 2)]
    newest = json.loads(project_text(parse_project(GOOD)))
    assert newest["version"] == 3


def test_the_runs_lie_beside_the_project() -> None:
    assert runs_folder(Path("a/my model.seq")) == Path("a/my model.runs")
