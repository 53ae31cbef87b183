"""Groups: ports from crossing wires, the same model before and after, settings shown outside."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.editing import set_param
from seqstudio.blocks.grouping import MovePort, SetExposed, group, ungroup
from seqstudio.blocks.templates import make
from seqstudio.core.errors import GraphError
from seqstudio.document.document import Document
from seqstudio.document.edits import RenameBlock, SetMode, Within
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.project import Project, parse_project, project_text

FACTS = DataFacts("waves", "forecast", "vectors", width=4, outputs=4, window=6, batch=2)


def linear(key: str, x: float, y: float, width: int = 8) -> Block:
    return Block(key, "linear", x, y, {**KINDS["linear"].defaults(), "width": width})


def diamond() -> Graph:
    """Return x -> a -> (b, c) -> sum -> head: two ways that meet again."""
    blocks = [
        Block("x", "vectors"),
        linear("a", 240, 0),
        linear("b", 480, 0),
        linear("c", 480, 150),
        Block("sum", "add", 720, 0),
        Block("head", "forecast_head", 960, 0, KINDS["forecast_head"].defaults()),
    ]
    ways = ("x a.in", "a b.in", "a c.in", "b sum.in", "c sum.other", "sum head.in")
    wires = []
    for way in ways:
        source, _, target = way.partition(" ")
        other, _, into = target.partition(".")
        wires.append(Wire(source, "out", other, into))
    return Graph({b.id: b for b in blocks}, tuple(wires))


def done(graph: Graph, edit) -> Graph:
    return edit.apply(Project(graph)).graph


def wiring(graph: Graph) -> set[Wire]:
    return set(graph.wires)


def test_ports_come_from_the_wires_that_cross_the_border():
    edit, key = group(diamond(), ("b", "c", "sum"), "Both ways")
    after = done(diamond(), edit)
    block = after.blocks[key]
    assert list(after.blocks) == ["x", "a", "group", "head"]
    assert [p.name for p in ports.inputs(block)] == ["in"]  # one value, though two blocks read it
    assert [p.name for p in ports.outputs(block)] == ["out"]
    assert Wire("a", "out", "group", "in") in after.wires
    assert Wire("group", "out", "head", "in") in after.wires
    inner = block.inside
    assert {w.target for w in inner.outof("in")} == {"b", "c"}
    report = check(after, FACTS)
    assert not report.problems
    assert report.total == check(diamond(), FACTS).total


def test_every_value_that_leaves_has_one_port():
    edit, key = group(diamond(), ("a",))
    block = done(diamond(), edit).blocks[key]
    assert [p.name for p in ports.outputs(block)] == ["out"]
    edit, key = group(diamond(), ("b", "c"))
    after = done(diamond(), edit)
    assert [p.name for p in ports.outputs(after.blocks[key])] == ["out", "out2"]
    assert not check(after, FACTS).problems


def test_a_group_of_a_loose_chain_gives_what_its_end_gives():
    graph = diamond().without_blocks(("head",))
    edit, key = group(graph, ("b", "c", "sum"))
    assert [p.name for p in ports.outputs(done(graph, edit).blocks[key])] == ["out"]


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ((), "Nothing is selected"),
        (("x", "a"), "Vectors cannot go into a group"),
        (("sum", "head"), "cannot go into a group"),
        (("a", "sum"), "cannot become one"),
    ],
)
def test_what_cannot_be_grouped_is_refused_in_words(ids, words):
    with pytest.raises(GraphError, match=words):
        group(diamond(), ids)


def test_a_tied_embedding_stays_outside():
    graph = make("char-lstm").graph
    head = next(b.id for b in graph if b.kind == "next_token")
    graph = graph.with_block(graph.blocks[head].with_param("tie", value=True))
    with pytest.raises(GraphError, match="tied"):
        group(graph, ("embedding",))


def test_ungrouping_gives_back_the_very_wiring():
    graph = diamond()
    edit, key = group(graph, ("b", "c", "sum"))
    inside = done(graph, edit)
    back, parts = ungroup(inside, key)
    after = done(inside, back)
    assert set(parts) == {"b", "c", "sum"}
    assert wiring(after) == wiring(graph)
    assert {k: (b.kind, b.params) for k, b in after.blocks.items()} == {
        k: (b.kind, b.params) for k, b in graph.blocks.items()
    }


def test_ungrouping_renames_where_an_id_is_taken():
    edit, key = group(diamond(), ("b",))
    graph = done(diamond(), edit).with_block(linear("b", 0, 400))
    back, parts = ungroup(graph, key)
    assert parts == ("b2",)
    after = done(graph, back)
    assert Wire("a", "out", "b2", "in") in after.wires
    assert Wire("b2", "out", "sum", "in") in after.wires


def test_only_a_working_group_can_be_ungrouped():
    edit, key = group(diamond(), ("b",))
    graph = done(diamond(), edit)
    muted = done(graph, SetMode((key,), "mute", "Mute"))
    with pytest.raises(GraphError, match="muted"):
        ungroup(muted, key)
    with pytest.raises(GraphError, match="is no group"):
        ungroup(graph, "a")
    cell = Block("cell", "cell", inside=KINDS["cell"].starter())
    with pytest.raises(GraphError, match="stepped through time"):
        ungroup(graph.with_block(cell), "cell")


def test_bends_stay_with_the_wires_inside():
    wire = Wire("b", "out", "sum", "in")
    graph = diamond().with_bends(wire, ((600.0, 40.0),))
    edit, key = group(graph, ("b", "c", "sum"))
    inside = done(graph, edit).at((key,))
    assert inside.bends == {wire: ((600.0, 40.0),)}


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(["a", "b", "c", "sum"]), min_size=1), st.data())
def test_any_group_that_is_allowed_keeps_shapes_counts_and_comes_back(ids, data):
    graph = diamond()
    before = check(graph, FACTS)
    try:
        edit, key = group(graph, ids)
    except GraphError:
        assert ids in ({"a", "sum"}, {"a", "b", "sum"}, {"a", "c", "sum"})
        return
    grouped = done(graph, edit)
    report = check(grouped, FACTS)
    assert not report.problems
    assert report.total == before.total
    assert report.contexts["head"].ins == before.contexts["head"].ins
    assert parse_project(project_text(Project(grouped))).graph == grouped
    if data.draw(st.booleans()):
        assert wiring(done(grouped, ungroup(grouped, key)[0])) == wiring(graph)


def test_inner_settings_are_shown_changed_and_hidden():
    edit, key = group(diamond(), ("b", "c"))
    document = Document(Project(done(diamond(), edit)))
    assert document.apply(SetExposed(key, "b.width", True))
    assert not document.apply(SetExposed(key, "b.width", True))
    block = document.project.graph.blocks[key]
    assert list(ports.settings(block)) == ["b.width"]
    document.apply(set_param(document.project.graph, key, "b.width", 24))
    assert document.project.graph.at((key,)).blocks["b"].params["width"] == 24
    document.apply(SetExposed(key, "b.width", False))
    assert not ports.settings(document.project.graph.blocks[key])


def test_ports_are_named_and_ordered_by_their_blocks_inside():
    edit, key = group(diamond(), ("b", "c"))
    graph = done(diamond(), edit)
    graph = done(graph, Within((key,), RenameBlock("out2", "lower")))
    graph = done(graph, MovePort(key, "out2", -1))
    block = graph.blocks[key]
    assert [(p.name, p.title) for p in ports.outputs(block)] == [("out2", "lower"), ("out", "out")]
    assert not check(graph, FACTS).problems
    assert MovePort(key, "out2", -1).apply(Project(graph)).graph is graph
