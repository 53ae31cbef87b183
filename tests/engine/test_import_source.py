"""Exported files read back: the same blocks, settings and wires, and nothing of them is run."""

from __future__ import annotations

import ast
import builtins
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.code import model_code
from seqstudio.blocks.templates import make
from seqstudio.core.errors import SeqError
from seqstudio.document.graph import Graph
from seqstudio.document.project import Project, parse_project, project_text
from seqstudio.engine.exchange.importing import import_model
from seqstudio.engine.exchange.reader import LIMIT_BYTES, ImportedError, parsed, read_module
from tests.engine.exported import facts, small
from tests.engine.test_export_code import OPENED, opened_up
from tests.templates import made_of, one_of_each


def meaning(graph: Graph) -> tuple[dict[str, Any], set[Any]]:
    """Return kinds, settings and modes by id, and the wires; places and titles aside."""
    blocks = {
        block.id: (
            block.kind,
            KINDS[block.kind].parse(block.params),
            block.mode,
            meaning(block.inside) if block.inside is not None else None,
        )
        for block in graph
    }
    return blocks, {(w.source, w.out, w.target, w.into) for w in graph.wires}


def read_back(text: str) -> Graph:
    return read_module(parsed(text, "model.py"), "model.py").graph


@pytest.mark.parametrize("template", one_of_each(made_of))
def test_graph_to_code_to_graph(template: str) -> None:
    project, dataset = small(template)
    known = facts(project, dataset)
    symbols = dataset.vocabulary.symbols if dataset.vocabulary is not None else ()
    text = model_code(project.graph, known, symbols).text
    model = read_module(parsed(text, "model.py"), "model.py")
    assert meaning(model.graph) == meaning(project.graph)
    assert model_code(model.graph, known, symbols).text == text
    assert (model.facts.pattern, model.facts.vocabulary) == (known.pattern, known.vocabulary)


@pytest.mark.parametrize("template", OPENED)
def test_groups_and_cells_come_back_as_such(template: str) -> None:
    project, dataset = small(template)
    known = facts(project, dataset)
    graph = opened_up(project.graph, known)
    text = model_code(graph, known).text
    back = read_back(text)
    assert model_code(back, known).text == text  # settings without effect take their defaults
    assert [(path, b.kind) for path, b in back.everything() if b.inside is not None] == [
        (path, b.kind) for path, b in graph.everything() if b.inside is not None
    ]


def test_a_file_of_ours_is_imported_without_being_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, dataset = small("reverse-attention")
    path = tmp_path / "model.py"
    code = model_code(project.graph, facts(project, dataset)).text
    path.write_text(f"{code}\nraise SystemExit('it was run')\n", encoding="utf-8")
    for name in ("exec", "eval", "__import__"):
        monkeypatch.setattr(builtins, name, _refused(getattr(builtins, name), name))
    imported = import_model(path)
    assert meaning(imported.project.graph) == meaning(project.graph)
    assert imported.project.data.kind == "reverse"
    places = {(block.x, block.y) for block in imported.project.graph}
    assert len(places) == len(imported.project.graph.blocks)
    assert project_text(imported.project)


def _refused(plain: Any, name: str) -> Any:
    def refuse(*args: Any, **named: Any) -> Any:
        if name != "__import__":
            raise AssertionError(f"{name} was called")
        return plain(*args, **named)

    return refuse


def changed(old: str, new: str) -> str:
    text = model_code(make("char-lstm").graph, *_known("char-lstm")).text
    assert old in text
    return text.replace(old, new)


def _known(template: str) -> tuple[Any, ...]:
    project, dataset = small(template)
    return (facts(project, dataset),)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dropout = self.dropout(lstm)", "dropout = print(lstm)"),
        ("dropout = self.dropout(lstm)", "dropout = self.missing(lstm)"),
        ("self.dropout = nn.Dropout(p=0.2)", "self.dropout = nn.Dropout(p=open('x'))"),
        ("self.dropout = nn.Dropout(p=0.2)", "self.dropout = nn.Bilinear(a=1)"),
        ("return next_token, after", "while True: pass"),
    ],
)
def test_a_change_that_is_not_understood_is_named(old: str, new: str) -> None:
    with pytest.raises(ImportedError, match=r"[Ll]ine \d+ of model.py"):
        read_back(changed(old, new))


def test_settings_changed_by_hand_are_read() -> None:
    back = read_back(changed("hidden_size=512", "hidden_size=64").replace("width=512", "width=64"))
    assert back.blocks["lstm"].params["hidden"] == 64


@pytest.mark.parametrize(
    "text",
    [
        "def",
        "x" * 10 + "\0",
        "(" * 5_000 + ")" * 5_000,
        "-" * 200_000 + "1",
        "#" * LIMIT_BYTES + "#",
    ],
)
def test_what_is_no_python_or_too_much_is_refused(text: str) -> None:
    with pytest.raises(ImportedError, match=r"model\.py"):
        read_back(text)


def test_data_of_the_wrong_kind_are_left_alone() -> None:
    text = changed('"vocabulary": 96,', '"vocabulary": 96, "unit": [1], "pattern": 3, "no": 1,')
    model = read_module(ast.parse(text), "model.py")
    assert (model.facts.vocabulary, model.facts.pattern) == (96, "next token")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_to_a_file_gives_anything_but_a_graph_or_a_sentence(data: st.DataObject) -> None:
    lines = SOURCE.split("\n")
    first = next(n for n, line in enumerate(lines) if line.startswith("class Decoder"))
    place = data.draw(st.integers(first, len(lines) - 1))
    other = data.draw(st.integers(first, len(lines) - 1))
    match data.draw(st.sampled_from(["drop", "swap", "word", "twice"])):
        case "drop":
            del lines[place]
        case "swap":
            lines[place], lines[other] = lines[other], lines[place]
        case "twice":
            lines.insert(place, lines[other])
        case "word":
            words = ["None", "'x'", "[1]", "self", "1e400", "x.y", "f(*a)", "lambda: 0"]
            lines[place] = re.sub(
                r"\b\w+\b", data.draw(st.sampled_from(words)), lines[place], count=2
            )
    try:
        graph = read_back("\n".join(lines))
    except SeqError:
        return  # any other error is a failure
    assert parse_project(project_text(Project(graph=graph))).graph == graph


SOURCE = model_code(make("reverse-attention").graph, *_known("reverse-attention")).text
