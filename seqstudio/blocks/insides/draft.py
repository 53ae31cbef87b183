"""Drawing the inside of a block: primitives in columns and rows, with their wires."""

from __future__ import annotations

import math
from collections.abc import Callable

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.declaration import Context
from seqstudio.document.graph import Block, Graph, Point, Wire
from seqstudio.document.param import Value

COLUMN, ROW, BODY = 204.0, 136.0, 156.0
FIRST_PORT = 64.0
_CORNER, BESIDE = 28.0, 20.0
Opening = Callable[[Context], tuple[str, Graph] | None]
"""Returns the kind and the graph of an inside; None where primitives cannot express it."""


class Draft:
    """A graph while it is drawn, in columns and rows."""

    def __init__(self) -> None:
        self.graph = Graph()

    def put(
        self, key: str, kind: str, column: float, row: float, title: str = "", **params: Value
    ) -> str:
        """Add a block; settings that are not named have their defaults."""
        settings = {**KINDS[kind].defaults(), **params}
        block = Block(key, kind, column * COLUMN, row * ROW, settings, title)
        self.graph = self.graph.with_block(block)
        return key

    def inlet(self, key: str, column: float, row: float, title: str = "") -> str:
        """Add an input port."""
        return self.put(key, ports.INLET, column, row, title or key)

    def outlet(self, key: str, column: float, row: float, source: str, title: str = "") -> None:
        """Add an output port that gives what `source` gives."""
        self.put(key, ports.OUTLET, column, row, title or key)
        self.wire(source, key)

    def wire(self, source: str, *targets: str, bends: tuple[Point, ...] = ()) -> None:
        """Wire the output of a block ("split.second", or its first) to inputs ("add.other")."""
        key, _, out = source.partition(".")
        out = out or ports.outputs(self.graph.blocks[key])[0].name
        for target in targets:
            other, _, into = target.partition(".")
            into = into or ports.inputs(self.graph.blocks[other])[0].name
            wire = Wire(key, out, other, into)
            self.graph = self.graph.with_wire(wire)
            if bends:
                self.graph = self.graph.with_bends(wire, bends)

    def back(self, source: str, target: str, row: float, aside: float = BESIDE) -> None:
        """Wire to a block further left, along a lane between two rows or below them all."""
        one, two = self.graph.blocks[source], self.graph.blocks[target.partition(".")[0]]
        right, lane, left = one.x + BODY + BESIDE, row * ROW, two.x - aside
        turns = ((right - _CORNER - BESIDE, lane), (left + _CORNER + BESIDE, lane))
        ends = _leg(left, lane, two.y + FIRST_PORT)
        self.wire(source, target, bends=(*_leg(right, one.y + FIRST_PORT, lane), *turns, *ends))

    def under(self, source: str, target: str, row: float) -> None:
        """Wire to a block further right, along a lane below those between."""
        one, two = self.graph.blocks[source], self.graph.blocks[target.partition(".")[0]]
        left, lane, right = one.x + BODY + BESIDE, row * ROW, two.x - BESIDE
        bends = ((left, lane - _CORNER), (left + _CORNER, lane), (right - _CORNER, lane))
        start = _leg(left, one.y + FIRST_PORT, lane)[:1]
        ends = _leg(right, lane, two.y + 1.5 * FIRST_PORT)  # at the second input
        self.wire(source, target, bends=(*start, *bends, *ends))


def _leg(x: float, start: float, end: float) -> tuple[Point, ...]:
    """Return the bends of an upright piece of wire: near its ends, or one where it is short."""
    way = math.copysign(_CORNER, end - start)
    if abs(end - start) < 4 * _CORNER:
        return ((x, (start + end) / 2),)
    return ((x, start + way), (x, end - way))
