"""Blocks on the clipboard: JSON text that works between windows, and the edit that pastes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.editing import refusal
from seqstudio.core.errors import GraphError, SeqError
from seqstudio.document.graph import Block, Graph, Point, Wire
from seqstudio.document.project import LIMIT_BLOCKS, Project, graph_table, parse_graph

FORMAT = "seqstudio blocks"
LIMIT_TEXT = 2_000_000
LIMIT_INCOMING = 20_000
LIMIT_PLACE = 1e6


@dataclass(frozen=True)
class Clip:
    """Copied blocks.

    Attributes:
        graph: The blocks, the wires among them with their bends, frames and notes.
        incoming: Wires that came into them from blocks that were not copied.
    """

    graph: Graph
    incoming: tuple[Wire, ...] = ()

    @property
    def corner(self) -> Point:
        """The top left corner of everything."""
        things = [*self.graph, *self.graph.frames]
        return min(thing.x for thing in things), min(thing.y for thing in things)


def copied(graph: Graph, ids: Iterable[str], frames: Iterable[str] = ()) -> Clip:
    """Return some blocks and frames of a graph; ids that it does not have are left out."""
    chosen, framed = set(ids) & set(graph.blocks), set(frames)
    wires = tuple(w for w in graph.wires if w.source in chosen and w.target in chosen)
    part = Graph(
        {key: block for key, block in graph.blocks.items() if key in chosen},
        wires,
        tuple(frame for frame in graph.frames if frame.id in framed),
        {wire: points for wire, points in graph.bends.items() if wire in set(wires)},
    )
    incoming = (w for w in graph.wires if w.target in chosen and w.source not in chosen)
    return Clip(part, tuple(incoming))


def clip_text(clip: Clip) -> str:
    """Return a clip as JSON text."""
    incoming = [[w.source, w.out, w.target, w.into] for w in clip.incoming]
    content = {"format": FORMAT, "graph": graph_table(clip.graph), "incoming": incoming}
    return json.dumps(content, indent=1, ensure_ascii=True)


def parse_clip(text: str) -> Clip:
    """Read a clip; nothing of it is trusted.

    Raises:
        GraphError: The text does not hold blocks of SeqStudio, or damaged ones.
    """
    content = _content(text)
    try:
        graph = parse_graph(content.get("graph", {}), "clip")
        blocks = {key: _known(block) for key, block in graph.blocks.items()}
        for frame in graph.frames:
            _check_place(frame.x + frame.width, frame.y + frame.height)
        incoming = _incoming(content.get("incoming", []), blocks)
    except SeqError as error:
        raise _refused(error.sentence()) from error
    except (TypeError, AttributeError, ValueError, OverflowError) as error:
        raise _refused("it is damaged") from error
    if not blocks and not graph.frames:
        raise _refused("it is empty")
    return Clip(replace(graph, blocks=blocks), incoming)


def _refused(why: str) -> GraphError:
    return GraphError("The clipboard holds no blocks", why, "Copy blocks first")


def _content(text: str) -> dict[str, Any]:
    if len(text) > LIMIT_TEXT:
        raise _refused(f"its text is longer than {LIMIT_TEXT:,} letters")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused("it is other text") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _refused("it is other text")
    return content


def _known(block: Block) -> Block:
    """Return a block with checked settings, and nothing that is not known here.

    Raises:
        SeqError: Its kind is not known, or a setting is out of range.
    """
    kind = KINDS.get(block.kind)
    if kind is None:
        raise GraphError(f"The block {block.kind[:40]!r} is not known here")
    inside = block.inside
    if inside is not None:
        inner = {key: _known(each) for key, each in inside.blocks.items()}
        inside = replace(inside, blocks=inner)
    _check_place(block.x, block.y)
    return replace(block, params=kind.parse(block.params), inside=inside, extra={})


def _check_place(x: float, y: float) -> None:
    if not (abs(x) <= LIMIT_PLACE and abs(y) <= LIMIT_PLACE):
        raise GraphError("It lies outside of the canvas")


def _incoming(items: object, blocks: Mapping[str, Block]) -> tuple[Wire, ...]:
    if not isinstance(items, list) or len(items) > LIMIT_INCOMING:
        raise GraphError("Its wires are damaged")
    found = []
    for item in items:
        if not isinstance(item, list) or not all(isinstance(word, str) for word in item):
            raise GraphError("Its wires are damaged")
        wire = Wire(*item)
        if wire.target in blocks and wire.source not in blocks:
            found.append(wire)
    return tuple(found)


@dataclass(frozen=True)
class Paste:
    """The edit that adds copied blocks with new ids, moved by an offset.

    Attributes:
        clip: What is pasted.
        offset: Added to every place.
        connect: Wire the copies to the blocks that fed the originals, as far as these exist.
        label: Words for the menu.
    """

    clip: Clip
    offset: Point
    connect: bool = False
    label: str = "Paste"

    def names(self, graph: Graph) -> tuple[dict[str, str], dict[str, str]]:
        """Return the ids that blocks and frames get in `graph`, by their ids in the clip."""
        blocks, frames = dict[str, str](), dict[str, str]()
        for block in self.clip.graph:
            fresh = graph.new_id(block.kind)
            blocks[block.id] = fresh
            graph = graph.with_block(replace(block, id=fresh))
        for frame in self.clip.graph.frames:
            frames[frame.id] = graph.new_frame_id()
            graph = graph.with_frame(replace(frame, id=frames[frame.id]))
        return blocks, frames

    def apply(self, project: Project) -> Project:
        """Return the project with the blocks added.

        Raises:
            GraphError: The graph would become too large.
        """
        graph, clip = project.graph, self.clip.graph
        _check_room(graph, clip)
        blocks, frames = self.names(graph)
        dx, dy = self.offset
        for block in clip:
            moved = replace(block, id=blocks[block.id], x=block.x + dx, y=block.y + dy)
            graph = graph.with_block(moved)
        for wire in clip.wires:
            renamed = replace(wire, source=blocks[wire.source], target=blocks[wire.target])
            if not refusal(graph, renamed):
                points = [(x + dx, y + dy) for x, y in clip.bends.get(wire, ())]
                graph = graph.with_wire(renamed).with_bends(renamed, points)
        for frame in clip.frames:
            place = replace(frame, id=frames[frame.id], x=frame.x + dx, y=frame.y + dy)
            graph = graph.with_frame(place)
        return project.with_graph(self._connected(graph, blocks) if self.connect else graph)

    def _connected(self, graph: Graph, names: Mapping[str, str]) -> Graph:
        for wire in self.clip.incoming:
            renamed = replace(wire, target=names[wire.target])
            if renamed.source in graph.blocks and not refusal(graph, renamed):
                graph = graph.with_wire(renamed)
        return graph


def _check_room(graph: Graph, clip: Graph) -> None:
    """Refuse what would make the graph too large; blocks inside of blocks count."""
    present = sum(1 for _ in graph.everything())
    if present + sum(1 for _ in clip.everything()) > LIMIT_BLOCKS:
        raise GraphError(
            "There is no room for so many blocks",
            f"a graph holds at most {LIMIT_BLOCKS:,}",
            "Copy fewer, or delete some",
        )
