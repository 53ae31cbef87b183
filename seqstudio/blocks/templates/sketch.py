"""Drawing a graph in a few lines: blocks by kind, wired to what feeds them, placed on columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.param import Value

STEP_X = 264.0  # the widest block of a template and the least gap
STEP_Y = 156.0
Feed = str
"""A block, whose first output is meant, or "block.port"."""


class Sketch:
    """A graph that is being drawn.

    Attributes:
        graph: What there is so far.
    """

    def __init__(self) -> None:
        self.graph = Graph()

    def add(
        self,
        kind: str,
        /,
        *feeds: Feed,
        into: Mapping[str, Feed] | None = None,
        row: float | None = None,
        title: str = "",
        inside: Graph | None = None,
        name: str = "",
        **settings: Value,
    ) -> str:
        """Add a block behind those that feed it and return its id.

        Args:
            kind: Key in the catalogue.
            feeds: What its inputs get, in the order of its required ports.
            into: What other inputs get, by port name.
            row: Line on the canvas, 0 in the middle; by default that of its first feed.
            title: Its name on the canvas.
            inside: Graph inside a group or cell.
            name: Its id; by default made from the kind.
            settings: Settings that differ from the defaults.
        """
        return self._draw(
            Block(name, kind, title=title, inside=inside), feeds, settings, into, row
        )

    def chain(self, start: Feed, *kinds: str | tuple[str, Mapping[str, Value]]) -> str:
        """Add blocks one behind the other and return the id of the last."""
        for item in kinds:
            kind, settings = (item, {}) if isinstance(item, str) else item
            start = self._draw(Block("", kind), (start,), settings)
        return start

    def _draw(
        self,
        block: Block,
        feeds: Sequence[Feed],
        settings: Mapping[str, Value],
        into: Mapping[str, Feed] | None = None,
        row: float | None = None,
    ) -> str:
        declared = KINDS[block.kind]
        block = replace(
            block,
            id=block.id or self.graph.new_id(block.kind),
            params=declared.parse(settings),
            inside=block.inside or declared.fresh_inside(),
        )
        required = [port.name for port in ports.inputs(block) if not port.optional]
        given = {**dict(zip(required, feeds, strict=False)), **(into or {})}
        x, y = self._place(list(given.values()), row)
        self.graph = self.graph.with_block(replace(block, x=x, y=y))
        for port, feed in given.items():
            self.wire(feed, block.id, port)
        return block.id

    def wire(self, feed: Feed, target: str, into: str) -> None:
        """Draw a wire, for example the one that closes the loop of a state."""
        source, _, out = feed.partition(".")
        out = out or ports.outputs(self.graph.blocks[source])[0].name
        self.graph = self.graph.with_wire(Wire(source, out, target, into))

    def _place(self, feeds: list[Feed], row: float | None) -> tuple[float, float]:
        sources = [self.graph.blocks[feed.partition(".")[0]] for feed in feeds]
        x = max((source.x + STEP_X for source in sources), default=0.0)
        line = sources[0].y if sources else 0.0
        return x, line if row is None else row * STEP_Y
