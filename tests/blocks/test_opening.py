"""What is inside the blocks of the catalogue: ports, shapes, layout; and making them one's own."""

from __future__ import annotations

import itertools

import pytest

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.editing import set_param
from seqstudio.blocks.opening import EXPOSED, OPENINGS, WithinOpened, open_along, opened, opens
from seqstudio.core.errors import GraphError
from seqstudio.document.document import Document
from seqstudio.document.edits import MoveBlocks, RenameBlock
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.project import Project, parse_project, project_text

FACTS = DataFacts("waves", "forecast", "vectors", width=8, outputs=8, window=6, batch=2)
VARIANTS = (
    {},
    {"layers": 3, "dropout": 0.1},
    {"layers": 2, "bidirectional": True, "residual": True, "dropout": 0.1},
    {"norm": "post", "dropout": 0.1},
    {"positions": "none", "causal": False, "window": 3},
    {"function": "none"},
    {"peepholes": True},
)
WIDE, GAP = 156.0, 12.0


def around(kind: str, params: dict[str, object] | None = None) -> Graph:
    """Return vectors -> the block `it` -> a head, memory from the vectors too."""
    declared = KINDS[kind]
    own = declared.defaults()
    settings = own | {k: v for k, v in (params or {}).items() if k in own}
    if kind == "mlp" and settings["function"] == "none":
        settings["function"] = "tanh"
    it = Block("it", kind, 300.0, 40.0, settings, "My own", "mute")
    head = Block("head", "forecast_head", 600.0, 0.0, KINDS["forecast_head"].defaults())
    wires = [Wire("x", "out", "it", "in"), Wire("it", "out", "head", "in")]
    if declared.port("memory"):
        wires.append(Wire("x", "out", "it", "memory"))
    return Graph({b.id: b for b in (Block("x", "vectors"), it, head)}, tuple(wires))


def opened_graph(kind: str, params: dict[str, object] | None = None) -> Graph:
    return open_along(around(kind, params), ("it",), FACTS)


@pytest.mark.parametrize("kind", OPENINGS)
@pytest.mark.parametrize("params", VARIANTS, ids=str)
def test_the_opened_block_takes_the_place_of_the_fused_one(kind, params):
    graph = around(kind, params)
    report = check(graph, FACTS)
    assert not report.errors
    old, new = graph.blocks["it"], opened_graph(kind, params).blocks["it"]
    assert (new.id, new.title, new.x, new.y, new.mode) == ("it", "My own", 300.0, 40.0, "mute")
    assert new.kind in ports.COMPOSITES
    stateless = [p.name for p in ports.inputs(old) if p.kind != "state"]
    assert [p.name for p in ports.inputs(new)] == stateless
    assert [p.name for p in ports.outputs(new)] == ["out"]
    after = check(graph.with_block(new), FACTS)
    assert not after.problems
    assert after.shapes["it", "out"] == report.shapes["it", "out"]


@pytest.mark.parametrize("kind", OPENINGS)
def test_what_is_shown_outside_can_be_set_there(kind):
    graph = opened_graph(kind, {"dropout": 0.1})
    for name, param in ports.settings(graph.blocks["it"]).items():
        value = graph.blocks["it"].value(name)
        changed = set_param(graph, "it", name, param.parse(value)).apply(Project(graph)).graph
        assert changed.blocks["it"].value(name) == value
        assert not check(changed, FACTS).problems
    assert set(EXPOSED.get(kind, ())) == set(ports.settings(graph.blocks["it"]))


@pytest.mark.parametrize("kind", OPENINGS)
@pytest.mark.parametrize("params", VARIANTS, ids=str)
def test_no_two_blocks_of_a_drawing_overlap(kind, params):
    inside = opened_graph(kind, params).at(("it",))
    for one, two in itertools.combinations(inside, 2):
        upper, lower = sorted((one, two), key=lambda block: block.y)
        beside = abs(one.x - two.x) >= WIDE + GAP
        assert beside or upper.y + height(upper) + GAP <= lower.y, (one.id, two.id)


def height(block: Block) -> float:
    """Return how high a block is on the canvas: its ports decide."""
    return 92.0 + 32.0 * (max(len(ports.inputs(block)), len(ports.outputs(block))) - 1)


@pytest.mark.parametrize("kind", OPENINGS)
def test_wires_run_from_left_to_right_but_for_the_loops_and_turns(kind):
    inside = opened_graph(kind).at(("it",))
    for wire in inside.wires:
        loop = wire.into == "next"
        turn = inside.blocks[wire.target].y > inside.blocks[wire.source].y
        forward = inside.blocks[wire.source].x < inside.blocks[wire.target].x
        assert forward or loop or turn, wire


@pytest.mark.parametrize("kind", OPENINGS)
def test_an_opened_block_is_a_file_that_reads_back(kind):
    graph = opened_graph(kind, {"layers": 2})
    assert parse_project(project_text(Project(graph))).graph == graph


def test_gates_have_the_names_of_the_equations():
    inside = opened_graph("lstm").at(("it",))
    titles = {block.title for block in inside}
    assert {"forget gate f", "input gate i", "candidate g", "output gate o", "c", "h"} <= titles
    assert inside.blocks["forget"].params["bias"] == 1.0
    assert inside.blocks["input"].params["bias"] == 0.0


def test_layers_open_further():
    graph = open_along(around("lstm", {"layers": 2}), ("it", "layer2"), FACTS)
    assert graph.at(("it",)).blocks["layer1"].kind == "lstm"  # the way only
    assert "forget" in graph.at(("it", "layer2")).blocks


def test_what_has_nothing_inside_says_so():
    graph = around("lstm")
    with pytest.raises(GraphError, match="nothing inside"):
        open_along(graph, ("head",), FACTS)
    with pytest.raises(KeyError):
        open_along(graph, ("gone",), FACTS)
    assert opens(graph.blocks["it"])
    assert not opens(graph.blocks["head"])


def test_a_block_whose_input_is_not_known_cannot_be_opened_yet():
    graph = around("lstm").without_blocks(("x",))
    with pytest.raises(GraphError, match="input is not known"):
        open_along(graph, ("it",), FACTS)


def test_what_primitives_cannot_express_does_not_open():
    graph = around("cross_attention").with_block(Block("last", "last_step"))
    graph = graph.with_wire(Wire("x", "out", "last", "in"))
    graph = graph.with_wire(Wire("last", "out", "it", "in"))  # one query, without an axis
    assert opened(graph.blocks["it"], check(graph, FACTS).contexts["it"]) is None
    with pytest.raises(GraphError, match="cannot be opened"):
        open_along(graph, ("it",), FACTS)


def test_looking_changes_nothing_and_a_change_makes_it_ones_own_in_one_step():
    document = Document(Project(around("lstm")))
    before = document.project
    inside = open_along(before.graph, ("it",), FACTS).at(("it",))
    nothing = MoveBlocks({"forget": (inside.blocks["forget"].x, inside.blocks["forget"].y)})
    assert not document.apply(WithinOpened(("it",), nothing, FACTS))
    assert document.project is before
    assert not document.undo_label
    change = WithinOpened(("it",), set_param(inside, "forget", "bias", 4.0), FACTS)
    assert document.apply(change)
    block = document.project.graph.blocks["it"]
    assert block.kind == "cell"
    assert block.inside.blocks["forget"].params["bias"] == 4.0
    assert document.undo_label == change.label
    document.undo()
    assert document.project is before
    assert not document.undo_label


def test_a_second_change_goes_on_in_what_is_ones_own():
    document = Document(Project(around("transformer", {"layers": 2})))
    path = ("it", "layer1", "attention")
    document.apply(WithinOpened(path, RenameBlock("query", "asks"), FACTS))
    document.apply(WithinOpened(path, RenameBlock("key", "answers"), FACTS))
    inner = document.project.graph.at(path)
    assert (inner.blocks["query"].title, inner.blocks["key"].title) == ("asks", "answers")
    assert document.project.graph.at(("it",)).blocks["layer2"].kind == "transformer"


def test_a_wired_state_keeps_the_fused_block():
    graph = around("lstm")
    second = Block("second", "lstm", params=KINDS["lstm"].defaults())
    graph = graph.with_block(second).with_wire(Wire("it", "state", "second", "start"))
    graph = graph.with_wire(Wire("x", "out", "second", "in"))
    document = Document(Project(graph))
    assert "forget" in open_along(graph, ("it",), FACTS).at(("it",)).blocks  # looking is free
    with pytest.raises(GraphError, match="while its state is wired"):
        document.apply(WithinOpened(("it",), RenameBlock("forget", "f"), FACTS))
    assert document.project.graph is graph
