"""Edits of the canvas that are made of smaller ones: one gesture is one step of the history."""

from __future__ import annotations

from collections.abc import Mapping

from seqstudio.blocks import editing
from seqstudio.document.edits import AddBlock, Connect, Disconnect, Edit, MoveBlocks, Together
from seqstudio.document.graph import Graph, Wire

DEFAULT_WIDTH = 156.0
GAP = 72.0


def rewire(old: Wire, new: Wire) -> Edit:
    """Return the edit that moves a wire to another input or output."""
    return Together((Disconnect(old), Connect(new)), "Move wire")


def insert_with_room(
    graph: Graph,
    kind: str,
    wire: Wire,
    at: tuple[float, float] | None = None,
    widths: Mapping[str, float] | None = None,
) -> tuple[Edit, str]:
    """Put a new block on a wire and push what follows aside if there is no room.

    Args:
        graph: Where the wire is.
        kind: Kind of the new block.
        wire: Wire to put it on.
        at: Wanted place of its top left corner; by default next to the source, on its line.
        widths: Widths of blocks on the canvas, where known.

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
