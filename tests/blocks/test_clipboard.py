"""Blocks as text: what is copied comes back, what is foreign is refused in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from seqstudio.blocks.clipboard import FORMAT, Clip, Paste, clip_text, copied, parse_clip
from seqstudio.blocks.kinds.structure import simple_cell
from seqstudio.blocks.templates import make
from seqstudio.core.errors import GraphError
from seqstudio.document.graph import Block, Frame, Graph, Wire
from seqstudio.document.project import LIMIT_BLOCKS, Project


@pytest.fixture
def project() -> Project:
    return make("char-attention")


def test_a_clip_carries_everything_through_text() -> None:
    cell = Block("cell", "cell", 10, 20, title="My cell", inside=simple_cell(), mode="mute",
                 exposed=("gate.width",))  # fmt: skip
    after = Block("linear", "linear", 300, 20, {"width": 7})
    wire = Wire("cell", "out", "linear", "in")
    graph = Graph(
        {"cell": cell, "linear": after},
        (wire,),
        (Frame("f", 0, 0, 500, 200, "Both", colour="cell"), Frame("n", 1, 2, 3, 4, note=True)),
        {wire: ((200.0, 90.0),)},
    )
    clip = parse_clip(clip_text(copied(graph, ["cell", "linear"], ["f", "n"])))
    assert clip.graph.wires == graph.wires
    assert clip.graph.frames == graph.frames
    assert clip.graph.bends == graph.bends
    pasted = Paste(clip, (10.0, 100.0)).apply(Project(graph)).graph
    copy = pasted.blocks["cell2"]
    assert (copy.title, copy.mode, copy.exposed) == ("My cell", "mute", ("gate.width",))
    assert copy.inside is not None
    assert copy.inside.wires == simple_cell().wires
    new = Wire("cell2", "out", "linear2", "in")
    assert pasted.bends == {wire: ((200.0, 90.0),), new: ((210.0, 190.0),)}
    frame = pasted.frame("frame1")
    assert (frame.x, frame.y, frame.title, frame.colour) == (10, 100, "Both", "cell")
    assert clip.corner == (0, 0)


def test_copies_keep_wires_among_them_and_get_names_of_their_own(project: Project) -> None:
    edit = Paste(copied(project.graph, ["positions", "layer_norm", "add"]), (10.0, 20.0))
    after = edit.apply(project).graph
    assert list(edit.names(project.graph)[0].values()) == ["positions2", "layer_norm2", "add2"]
    assert {(w.source, w.target, w.into) for w in after.wires if w.target.endswith("2")} == {
        ("positions2", "layer_norm2", "in"),
        ("positions2", "add2", "other"),
    }
    old, new = project.graph.blocks["add"], after.blocks["add2"]
    assert (new.x, new.y, new.params) == (old.x + 10, old.y + 20, old.params)


def test_connected_copies_are_fed_by_what_fed_the_originals(project: Project) -> None:
    clip = parse_clip(clip_text(copied(project.graph, ["layer_norm", "self_attention"])))
    after = Paste(clip, (0.0, 200.0), connect=True).apply(project).graph
    assert after.into("layer_norm2")["in"].source == "positions"
    assert after.into("self_attention2")["in"].source == "layer_norm2"
    assert after.into("layer_norm") == project.graph.into("layer_norm"), "an output feeds many"
    gone = project.with_graph(project.graph.without_blocks(["positions"]))
    alone = Paste(clip, (0.0, 0.0), connect=True).apply(gone).graph
    assert alone.into("layer_norm2") == {}
    plain = Paste(clip, (0.0, 0.0)).apply(project).graph
    assert plain.into("layer_norm2") == {}


def clip(*blocks: object, wires: object = (), **more: object) -> str:
    graph = {"blocks": blocks, "wires": wires, **more}
    return json.dumps({"format": FORMAT, "graph": graph})


def item(**changes: Any) -> dict[str, Any]:
    base = {"id": "a", "kind": "linear", "x": 0, "y": 0, "title": "", "params": {}}
    return {**base, **changes}


INSIDE = {"blocks": [item(kind="mamba")], "wires": []}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{}",
        "[]",
        "null",
        '{"format": "other"}',
        clip(),
        clip(3),
        clip("abcd"),
        clip(item(kind="mamba")),
        clip(item(kind=[])),
        clip(item(kind="group", inside=INSIDE)),
        clip(item(kind="group", inside=[])),
        clip(item(params=[])),
        clip(item(params={"width": -1})),
        clip(item(params={"width": 10**30})),
        clip(item(params={"width": "__import__('os')"})),
        clip(item(mode="explode")),
        clip(item(exposed=3)),
        clip(item(x="far")),
        clip(item(x=1e30)),
        clip(item(x=1e8)),
        clip(item()).replace('"x": 0', '"x": NaN'),
        clip(item()).replace('"x": 0', '"x": 1e999'),
        clip(item()).replace('"x": 0', '"x": ' + "9" * 5000),
        clip(item(id=None)),
        clip(item(), item()),
        clip(item(), wires=["a.out -> b.in"]),
        clip(item(), wires=["a.out"]),
        clip(item(), wires=[3]),
        clip(item(), wires=3),
        clip(item(), frames=[{"id": "f", "x": 1e8, "y": 0, "width": 3, "height": 3}]),
        clip(item(), frames=[3]),
        clip(item(), bends={"a.out -> a.in": [[1, 2]]}),
        json.dumps({"format": FORMAT, "graph": {"blocks": [item()]}, "incoming": 3}),
        json.dumps({"format": FORMAT, "graph": {"blocks": [item()]}, "incoming": [["a"]]}),
        json.dumps({"format": FORMAT, "graph": {"blocks": [item()]}, "incoming": [[1, 2, 3, 4]]}),
        json.dumps({"format": FORMAT, "graph": [1]}),
        "[" * 200_000,
        '{"format": "seqstudio blocks", "graph": ' + "[" * 100_000,
        clip(item(title="x" * 2_000_001)),
    ],
)
def test_a_foreign_clipboard_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(GraphError) as caught:
        parse_clip(text)
    assert caught.value.what == "The clipboard holds no blocks"
    assert caught.value.why


def test_keys_that_are_not_known_do_not_come_in() -> None:
    found = parse_clip(clip(item(secret=float("1e9"), params={"width": 9})))
    assert found.graph.blocks["a"].extra == {}
    assert found.graph.blocks["a"].params["width"] == 9


def test_wires_of_a_paste_that_do_not_fit_are_left_out() -> None:
    graph = Graph({key: Block(key, "linear", params={"width": 3}) for key in "ab"})
    loop = (Wire("a", "out", "b", "in"), Wire("b", "out", "a", "in"))
    after = Paste(Clip(replace(graph, wires=loop)), (0.0, 0.0)).apply(Project()).graph
    assert after.wires == (Wire("linear", "out", "linear2", "in"),)


def test_more_blocks_than_a_file_can_hold_are_not_pasted() -> None:
    many = Graph({f"b{n}": Block(f"b{n}", "linear") for n in range(LIMIT_BLOCKS)})
    with pytest.raises(GraphError, match="at most 2,000"):
        Paste(Clip(Graph({"a": Block("a", "linear")})), (0.0, 0.0)).apply(Project(many))
