"""Edits of the canvas that are made of smaller ones: one gesture is one step of the history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.document.edits import (
    AddBlock,
    Connect,
    Disconnect,
    Edit,
    MoveBlocks,
    SetBends,
    SetFrames,
    Together,
)
from seqstudio.document.graph import Frame, Graph, Point, Wire
from seqstudio.document.param import Value

DEFAULT_WIDTH = 156.0
GAP = 72.0


@dataclass(frozen=True)
class Dot:
    """A point that a wire passes: the wire, and which one of its bends."""

    wire: Wire
    index: int


@dataclass(frozen=True)
class Cargo:
    """What a drag takes along.

    Attributes:
        blocks: Ids.
        frames: Ids of frames and notes.
        dots: Bends of wires.
    """

    blocks: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    dots: tuple[Dot, ...] = ()

    def bends(self, graph: Graph, dx: float, dy: float) -> dict[Wire, tuple[Point, ...]]:
        """Return the bends of each wire concerned, those taken along moved."""
        moved = set(self.dots)
        return {
            wire: tuple(
                (x + dx, y + dy) if Dot(wire, index) in moved else (x, y)
                for index, (x, y) in enumerate(graph.bends[wire])
            )
            for wire in dict.fromkeys(dot.wire for dot in self.dots)
        }

    def moved(self, graph: Graph, dx: float, dy: float, label: str = "Move") -> Edit:
        """Return the edit that moves everything by the same way."""
        places = {k: (graph.blocks[k].x + dx, graph.blocks[k].y + dy) for k in self.blocks}
        edits: list[Edit] = [MoveBlocks(places)] if places else []
        if self.frames:
            edits.append(SetFrames(tuple(
                replace(frame, x=frame.x + dx, y=frame.y + dy)
                for frame in graph.frames if frame.id in self.frames
            )))  # fmt: skip
        edits += [SetBends(wire, points) for wire, points in self.bends(graph, dx, dy).items()]
        return Together(tuple(edits), label)


def cargo(
    graph: Graph,
    middles: Mapping[str, Point],
    blocks: Iterable[str],
    frames: Iterable[str] = (),
    dots: Iterable[Dot] = (),
) -> Cargo:
    """Return what moves with a selection.

    A frame takes along what lies on it; a wire takes its bends along when both its ends move.

    Args:
        graph: Where they are.
        middles: Middle of each block.
        blocks: Selected blocks.
        frames: Selected frames and notes.
        dots: Selected bends.
    """
    taken, carried = dict.fromkeys(blocks), dict.fromkeys(frames)
    for frame in (f for f in graph.frames if f.id in set(carried) and not f.note):
        carried |= dict.fromkeys(f.id for f in graph.frames if _lies_on(f, frame))
    for frame in (f for f in graph.frames if f.id in carried and not f.note):
        taken |= dict.fromkeys(key for key, at in middles.items() if frame.holds(*at))
    bent = [w for w in graph.bends if w.source in taken and w.target in taken]
    along = (Dot(wire, index) for wire in bent for index in range(len(graph.bends[wire])))
    all_dots = dict.fromkeys([*dots, *along])
    return Cargo(tuple(taken), tuple(carried), tuple(all_dots))


def _lies_on(frame: Frame, below: Frame) -> bool:
    middle = frame.x + frame.width / 2, frame.y + frame.height / 2
    smaller = frame.width * frame.height < below.width * below.height
    return frame.id != below.id and smaller and below.holds(*middle)


def placed(graph: Graph, places: Mapping[str, Point], label: str) -> Edit:
    """Return the edit that puts blocks somewhere; bends between blocks that go together go too."""
    ways = {k: (x - graph.blocks[k].x, y - graph.blocks[k].y) for k, (x, y) in places.items()}
    edits: list[Edit] = [MoveBlocks(dict(places))]
    for wire, points in graph.bends.items():
        way = ways.get(wire.source)
        if way is not None and way == ways.get(wire.target):
            edits.append(SetBends(wire, tuple((x + way[0], y + way[1]) for x, y in points)))
    return Together(tuple(edits), label)


def without_dots(graph: Graph, dots: Iterable[Dot]) -> list[Edit]:
    """Return the edits that take bends away."""
    gone = set(dots)
    return [
        SetBends(
            wire,
            tuple(p for i, p in enumerate(graph.bends[wire]) if Dot(wire, i) not in gone),
            "Straighten wire",
        )
        for wire in dict.fromkeys(dot.wire for dot in gone)
    ]


def rewire(old: Wire, new: Wire) -> Edit:
    """Return the edit that moves a wire to another input or output."""
    return Together((Disconnect(old), Connect(new)), "Move wire")


def insert_with_room(
    graph: Graph,
    kind: str,
    wire: Wire,
    at: tuple[float, float] | None = None,
    widths: Mapping[str, float] | None = None,
    settings: Mapping[str, Value] | None = None,
) -> tuple[Edit, str]:
    """Put a new block on a wire and push what follows aside if there is no room.

    Args:
        graph: Where the wire is.
        kind: Kind of the new block.
        wire: Wire to put it on.
        at: Wanted place of its top left corner; by default next to the source, on its line.
        widths: Widths of blocks on the canvas, where known.
        settings: Settings of the new block that differ from the defaults.

    Returns:
        The edit and the id of the new block.

    Raises:
        GraphError: The kind does not fit there.
    """
    known = widths or {}
    source, target = graph.blocks[wire.source], graph.blocks[wire.target]
    free_left = source.x + known.get(source.id, DEFAULT_WIDTH) + GAP
    x, y = at or (free_left, source.y)
    if target.x > source.x:
        x = max(x, free_left)
    add = editing.insert_on_wire(graph, kind, wire, (x, y))
    if settings:
        params = KINDS[kind].parse({**add.block.params, **settings})
        add = replace(add, block=replace(add.block, params=params))
    places = _pushed(graph, add, wire)
    edits: tuple[Edit, ...] = (add, MoveBlocks(places)) if places else (add,)
    return Together(edits, add.label), add.block.id


def _pushed(graph: Graph, add: AddBlock, wire: Wire) -> dict[str, tuple[float, float]]:
    """Return new places of all blocks behind the wire, if its end is too near."""
    source, target = graph.blocks[wire.source], graph.blocks[wire.target]
    missing = add.block.x + DEFAULT_WIDTH + GAP - target.x
    if target.x <= source.x or missing <= 0:
        return {}
    behind = graph.downstream({wire.target})
    return {
        block.id: (block.x + missing, block.y)
        for block in graph
        if block.x >= target.x and block.id in behind
    }
