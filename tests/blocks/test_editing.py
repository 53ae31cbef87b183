"""Edits that know blocks: refusals, wires that fit, insertion, healing, change of kind."""

from __future__ import annotations

import pytest

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.core.errors import GraphError
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.param import ParamError
from seqstudio.document.project import Project

FACTS = DataFacts(vocabulary=11)


@pytest.fixture
def project() -> Project:
    return make("char-attention")


@pytest.fixture
def graph(project: Project) -> Graph:
    return project.graph


def wire(text: str) -> Wire:
    source, target = text.split(" -> ")
    return Wire(*source.split("."), *target.split("."))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("embedding.out -> next_token.in", ""),
        ("ghost.out -> next_token.in", "One end of the wire is gone"),
        ("embedding.out -> ghost.in", "One end of the wire is gone"),
        ("embedding.in -> next_token.in", "A wire goes from an output to an input"),
        ("embedding.out -> next_token.out", "A wire goes from an output to an input"),
        ("embedding.out -> next_token.nose", "A wire goes from an output to an input"),
        ("add.out -> positions.in", "close a loop"),
        ("add.out -> add.other", "close a loop"),
        ("tokens.out -> layer_norm.in", "Tokens cannot feed Layer norm: add an Embedding"),
        ("mamba.out -> next_token.in", "That block is not known here"),
        ("positions.out -> spare.in", "Embedding needs tokens"),
    ],
)
def test_a_wire_is_refused_for_its_reason(graph: Graph, text: str, reason: str) -> None:
    graph = graph.with_block(Block("mamba", "mamba")).with_block(Block("spare", "embedding"))
    said = editing.refusal(graph, wire(text))
    assert (reason in said) if reason else said == ""


def test_the_best_input_is_a_free_one(graph: Graph) -> None:
    fresh = graph.with_block(editing.new_block(graph, "add", 0, 0))
    assert editing.best_input(fresh, "embedding", "out", "add2") == wire(
        "embedding.out -> add2.in"
    )
    half = fresh.with_wire(wire("positions.out -> add2.in"))
    assert editing.best_input(half, "embedding", "out", "add2").into == "other"
    assert editing.best_input(fresh, "tokens", "out", "add2") is None


def test_kinds_that_fit_an_output(graph: Graph) -> None:
    assert editing.fitting_kinds(graph, "tokens", "out") == ["one_hot", "embedding"]
    after = editing.fitting_kinds(graph, "embedding", "out")
    assert {"lstm", "linear", "next_token"} <= set(after)
    assert not {"tokens", "embedding"} & set(after)
    assert editing.fitting_kinds(graph, "tokens", "nose") == []


@pytest.mark.parametrize(
    ("kind", "text", "fits"),
    [
        ("dropout", "embedding.out -> positions.in", True),
        ("add", "embedding.out -> positions.in", True),
        ("embedding", "embedding.out -> positions.in", False),
        ("next_token", "embedding.out -> positions.in", False),
        ("tokens", "embedding.out -> positions.in", False),
        ("one_hot", "tokens.out -> embedding.in", False),
        ("linear", "tokens.out -> embedding.in", False),
        ("mamba", "embedding.out -> positions.in", False),
        ("dropout", "ghost.out -> positions.in", False),
    ],
)
def test_what_fits_on_a_wire_can_be_inserted(
    project: Project, kind: str, text: str, fits: bool
) -> None:
    graph, old = project.graph, wire(text)
    assert editing.can_insert(graph, kind, old) == fits
    if kind not in KINDS:
        return
    if not fits:
        with pytest.raises(GraphError, match="does not fit on this wire"):
            editing.insert_on_wire(graph, kind, old)
        return
    edit = editing.insert_on_wire(graph, kind, old)
    after = edit.apply(project).graph
    assert old not in after.wires
    assert {
        (w.source, w.target) for w in after.wires if edit.block.id in (w.source, w.target)
    } == {
        (old.source, edit.block.id),
        (edit.block.id, old.target),
    }
    assert edit.block.x == (graph.blocks[old.source].x + graph.blocks[old.target].x) / 2


def after_removing(project: Project, *ids: str, heal: bool = True) -> set[tuple[str, str, str]]:
    edit = editing.remove(project.graph, ids, heal)
    return {(w.source, w.target, w.into) for w in edit.apply(project).graph.wires}


def test_removing_from_a_chain_joins_its_ends(project: Project) -> None:
    wires = after_removing(project, "layer_norm")
    assert ("positions", "self_attention", "in") in wires
    wires = after_removing(project, "layer_norm", "self_attention")
    assert ("positions", "add", "in") in wires
    assert ("positions", "add", "other") in wires


def test_removing_a_fork_joins_every_branch(project: Project) -> None:
    wires = after_removing(project, "positions")
    assert {("embedding", "layer_norm", "in"), ("embedding", "add", "other")} <= wires


def test_a_gap_between_kinds_that_do_not_agree_stays_open(project: Project) -> None:
    wires = after_removing(project, "embedding")
    assert not any(source == "tokens" for source, _, _ in wires)


def test_removing_without_healing_leaves_the_gap(project: Project) -> None:
    wires = after_removing(project, "layer_norm", heal=False)
    assert not any(target == "self_attention" for _, target, _ in wires)


def test_removing_says_what_it_removes(graph: Graph) -> None:
    assert editing.remove(graph, ["add"]).label == "Delete Add"
    assert editing.remove(graph, ["add", "tokens", "ghost"]).label == "Delete 2 blocks"


def test_a_change_of_kind_keeps_wires_place_and_shared_settings() -> None:
    project = make("char-lstm")
    graph = project.graph
    for name, value in (("hidden", 77), ("layers", 2), ("dropout", 0.25), ("init", "orthogonal")):
        project = editing.set_param(project.graph, "lstm", name, value).apply(project)
    changed = editing.switch_kind(project.graph, "lstm", "gru").apply(project).graph
    block = changed.blocks["gru"]
    assert block.params == {
        "hidden": 77,
        "layers": 2,
        "dropout": 0.25,
        "init": "orthogonal",
        "radius": 1.0,
        "residual": False,
        "bidirectional": False,
    }
    assert (block.x, block.y) == (graph.blocks["lstm"].x, graph.blocks["lstm"].y)
    assert list(changed.blocks) == ["tokens", "embedding", "gru", "dropout", "next_token"]
    assert {(w.source, w.target) for w in changed.wires} == {
        ("tokens", "embedding"),
        ("embedding", "gru"),
        ("gru", "dropout"),
        ("dropout", "next_token"),
    }
    assert check(changed, FACTS).playable
    back = editing.switch_kind(changed, "gru", "lstm").apply(project).graph
    assert back.blocks["lstm"].params["hidden"] == 77
    assert back.blocks["lstm"].params["forget_bias"] == 1.0


def test_a_change_of_kind_keeps_an_id_of_the_person_and_drops_ports_that_are_gone() -> None:
    graph = Graph({"a": Block("a", "embedding"), "join": Block("join", "add")})
    graph = graph.with_wire(wire("a.out -> join.in")).with_wire(wire("a.out -> join.other"))
    changed = editing.switch_kind(graph, "join", "dropout").apply(Project(graph)).graph
    assert list(changed.blocks) == ["a", "join"]
    assert changed.wires == (wire("a.out -> join.in"),)


def test_a_value_that_the_new_kind_refuses_takes_its_default() -> None:
    graph = Graph({"linear": Block("linear", "linear", params={"width": 60_000})})
    changed = editing.switch_kind(graph, "linear", "embedding").apply(Project(graph)).graph
    assert changed.blocks["embedding"].params == {"width": 64}


def test_a_change_to_the_same_kind_changes_nothing() -> None:
    project = make("char-lstm")
    edit = editing.switch_kind(project.graph, "lstm", "lstm")
    assert edit.apply(project) == project


def test_a_setting_is_checked_when_it_is_set(graph: Graph) -> None:
    with pytest.raises(ParamError, match="Heads"):
        editing.set_param(graph, "self_attention", "heads", 0)
    with pytest.raises(KeyError):
        editing.set_param(graph, "self_attention", "hidden", 4)
