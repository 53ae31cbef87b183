"""The exported source: it is Python, its marks are right, and no name can break it."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import itertools
import keyword

import pytest
from torch import nn

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.code import Code, model_code
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.kinds.structure import straight_group
from seqstudio.blocks.names import RESERVED, attribute_name
from seqstudio.blocks.templates import make
from seqstudio.core.errors import GraphError
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.graph import Block, Graph, Path, Wire
from seqstudio.document.project import Project
from tests.templates import made_of, one_of_each

FACTS = DataFacts("a text", vocabulary=3)


def code_of(template: str) -> tuple[Project, Code]:
    project = make(template)
    dataset = open_dataset(project.data)
    symbols = dataset.vocabulary.symbols if dataset.vocabulary is not None else ()
    return project, model_code(project.graph, facts_of(dataset, project.training), symbols)


def names_of(path: Path) -> set[str]:
    return {attribute_name(path[-1]), path[-1], f"self.{attribute_name(path[-1])}"}


@pytest.mark.parametrize("template", one_of_each(made_of))
def test_a_template_exports_python_and_marks_the_lines_of_each_block(template: str) -> None:
    project, code = code_of(template)
    tree = ast.parse(code.text)
    assert [node.name for node in tree.body if isinstance(node, ast.ClassDef)][-1] == "Model"
    lines = code.text.split("\n")
    blocks = {(*path, block.id): block for path, block in project.graph.everything()}
    assert set(code.lines) == set(blocks)
    for path, block in blocks.items():
        told = [lines[number - 1] for number in code.lines[path]]
        if KINDS[block.kind].stream:
            assert not told  # the argument itself stands for it
            continue
        assert told, path
        assert any(word in line for word in names_of(path) for line in told), (path, told)


@pytest.mark.parametrize("template", ["char-mgu", "reverse-attention", "caption-hard", "char-gpt"])
def test_a_line_leads_back_to_its_block_even_inside_of_others(template: str) -> None:
    project, code = code_of(template)
    for path, block in project.graph.everything():
        whole = (*path, block.id)
        if block.inside is None and block.kind != "state":
            for number in code.lines[whole]:
                here = code.at(number)
                assert here[: len(path)] == path
                if len(here) == len(whole) and block.kind not in {"inlet", "outlet"}:
                    assert here == whole
    assert code.at(1) == ()


def test_one_class_for_groups_that_are_alike_and_marks_for_both() -> None:
    graph = make("hello-rnn").graph
    group = Block("group", "group", inside=straight_group())
    (wire,) = [wire for wire in graph.wires if wire.source == "one_hot"]
    graph = graph.with_block(group).with_block(Block("twin", "group", inside=straight_group()))
    graph = graph.with_wire(Wire("one_hot", "out", "group", "in"))
    graph = graph.with_wire(Wire("group", "out", "twin", "in"))
    graph = graph.with_wire(Wire("twin", "out", wire.target, wire.into))
    code = model_code(graph, FACTS)
    assert code.text.count("class Group(") == 1
    assert "class Twin(" not in code.text
    assert "self.twin = Group()" in code.text
    assert code.lines["group", "out"] == code.lines["twin", "out"] != ()


def test_bypassed_blocks_vanish_and_muted_ones_give_zeros_that_one_can_see() -> None:
    graph = make("char-lstm").graph
    graph = graph.with_block(dataclasses.replace(graph.blocks["dropout"], mode="bypass"))
    text = model_code(graph, FACTS).text
    assert "dropout = " not in text.partition("class Model(")[2]
    graph = graph.with_block(dataclasses.replace(graph.blocks["lstm"], mode="mute"))
    assert "lstm = torch.zeros_like(lstm)  # muted" in model_code(graph, FACTS).text


def undefined(tree: ast.Module) -> set[str]:
    """Return names that a module uses and nobody gives."""
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    given = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    given |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    definitions = (ast.ClassDef, ast.FunctionDef)
    given |= {n.name for n in ast.walk(tree) if isinstance(n, definitions)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            given |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return used - given - set(dir(builtins))


@pytest.mark.parametrize("template", one_of_each(made_of))
def test_the_export_stands_alone(template: str) -> None:
    text = code_of(template)[1].text
    tree = ast.parse(text)
    assert undefined(tree) == set()
    assert "seqstudio" not in text.replace("made with SeqStudio", "")
    standard = {"torch", "json", "math", "struct", "collections", "pathlib", "typing"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert str(node.module).partition(".")[0] in standard


def vocabulary_of(text: str) -> list[str]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "VOCABULARY":
            assert isinstance(node.value, ast.Call)
            return list(ast.literal_eval(node.value.args[0]))
    return []


def test_the_vocabulary_comes_back_symbol_by_symbol() -> None:
    symbols = tuple("ab'\"\\\n\t\x7f\x85\u2028é漢😀\U0001f3b5{\u0301")
    assert vocabulary_of(model_code(make("hello-rnn").graph, FACTS, symbols).text) == list(symbols)


@pytest.mark.parametrize(
    "title",
    ['x""";import os;os.abort()#.txt', "back\\", '"', "two\nlines", "\u202edesrever", "caf\udce9"],
)
def test_the_name_of_a_file_cannot_become_code(title: str) -> None:
    text = model_code(make("hello-rnn").graph, dataclasses.replace(FACTS, title=title)).text
    plain = model_code(make("hello-rnn").graph, FACTS).text
    text.encode("utf-8")
    bodies = [ast.dump(ast.Module(ast.parse(each).body[1:], [])) for each in (text, plain)]
    assert bodies[0] == bodies[1]
    assert "made with SeqStudio" in (ast.get_docstring(ast.parse(text)) or "")


def test_no_name_of_a_block_clashes_with_torch() -> None:
    taken = {name for name in dir(nn.ModuleDict()) if not name.startswith("_")}
    taken |= {name for name in dir(nn.Module()) if not name.startswith("_")}
    assert taken - RESERVED == set()
    for name in (*taken, *keyword.kwlist):
        assert attribute_name(name) not in taken
        assert not keyword.iskeyword(attribute_name(name))
        assert attribute_name(name).isidentifier()


def test_two_blocks_never_share_a_name() -> None:
    stems = [*sorted(RESERVED), *keyword.kwlist, "lstm", "lstm2", "a"]
    names = [stem + "_" * count for stem, count in itertools.product(stems, range(4))]
    assert len({attribute_name(name) for name in names}) == len(set(names))


def test_blocks_with_awkward_names_export() -> None:
    names = ["inputs", "self", "class", "class_", "state", "Tensor", "Model"]
    graph = Graph().with_block(Block("tokens", "tokens"))
    graph = graph.with_block(Block("embedding", "embedding", params={"width": 4}))
    graph = graph.with_wire(Wire("tokens", "out", "embedding", "in"))
    last = "embedding"
    for name in names:
        graph = graph.with_block(Block(name, "linear", params={"width": 4}))
        graph = graph.with_wire(Wire(last, "out", name, "in"))
        last = name
    graph = graph.with_block(Block("forward", "next_token", params={"tie": True}))
    graph = graph.with_wire(Wire(last, "out", "forward", "in"))
    code = model_code(graph, FACTS)
    tree = ast.parse(code.text)
    (model,) = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Model"]
    assert [n.name for n in model.body if isinstance(n, ast.FunctionDef)] == [
        "__init__",
        "forward",
    ]
    set_names = [
        ast.unparse(node.targets[0])
        for node in ast.walk(model.body[1])
        if isinstance(node, ast.Assign)
    ]
    assert len(set_names) == len(set(set_names)) == len(names) + 3


def test_a_graph_that_cannot_train_exports_nothing() -> None:
    graph = make("hello-rnn").graph.without_blocks(["one_hot"])
    with pytest.raises(GraphError, match="nothing at its input"):
        model_code(graph, FACTS)
