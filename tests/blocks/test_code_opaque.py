"""Opaque blocks: what an import could not map keeps its ports, says why, and trains nowhere."""

from __future__ import annotations

import pytest

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS, families
from seqstudio.blocks.check import check
from seqstudio.blocks.code import model_code
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.kinds.opaque import kept_code
from seqstudio.blocks.templates import make
from seqstudio.core.errors import GraphError
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.project import Project, parse_project, project_text

FACTS = DataFacts("a text", vocabulary=4)


def with_opaque() -> Graph:
    graph = make("hello-rnn").graph
    (wire,) = [wire for wire in graph.wires if wire.source == "one_hot"]
    params = {"module": "Conv1d (conv)", "reason": "there is no such block", "inputs": 2}
    block = Block("opaque", "opaque", params={**KINDS["opaque"].defaults(), **params})
    graph = graph.with_block(block).with_wire(Wire("one_hot", "out", "opaque", "in"))
    graph = graph.with_wire(Wire("one_hot", "out", "opaque", "in2"))
    return graph.with_wire(Wire("opaque", "out", wire.target, wire.into))


def test_it_has_the_ports_of_what_it_stands_for() -> None:
    block = with_opaque().blocks["opaque"]
    assert [port.name for port in ports.inputs(block)] == ["in", "in2"]
    assert [port.name for port in ports.outputs(block)] == ["out"]


def test_the_check_says_why_and_what_to_do_and_no_code_is_written() -> None:
    graph = with_opaque()
    (problem,) = check(graph, FACTS).errors
    assert problem.block == "opaque"
    assert problem.sentence() == (
        "Conv1d (conv) was imported and cannot train here: there is no such block. "
        "Put blocks that do the same in its place, or delete it."
    )
    with pytest.raises(GraphError, match="Conv1d"):
        model_code(graph, FACTS)


def test_nobody_draws_it_but_files_keep_it() -> None:
    assert all(kind.kind != "opaque" for group in families().values() for kind in group)
    project = Project(graph=with_opaque())
    assert parse_project(project_text(project)).graph == project.graph


def test_long_code_is_cut() -> None:
    assert len(kept_code("x" * 1_000_000)) == 20_000
