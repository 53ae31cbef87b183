"""The graph as plain immutable data: blocks, wires, frames. Knows no meaning of any block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from seqstudio.document.param import Value

Mode = Literal["", "bypass", "mute"]
Path = tuple[str, ...]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Block:
    """One block on the canvas.

    Attributes:
        id: Unique in its graph, stable for life; also the name of its module in the code.
        kind: Key in the catalogue.
        x: Left edge on the canvas, logical pixels, kept to a hundredth as in the file.
        y: Top edge.
        params: Values that differ from nothing: all declared settings, by name.
        title: The person's own name for it, or "".
        mode: "bypass" hands its first input on, "mute" gives zeros; "" works as it should.
        inside: The graph of a block that is made of blocks; None for all others.
        exposed: Settings of blocks inside that the block itself shows: "inner.width".
        extra: Keys of the file that this version does not know, kept as they are.
    """

    id: str
    kind: str
    x: float = 0.0
    y: float = 0.0
    params: Mapping[str, Value] = field(default_factory=dict)
    title: str = ""
    mode: Mode = ""
    inside: Graph | None = None
    exposed: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", round(self.x, 2))
        object.__setattr__(self, "y", round(self.y, 2))

    def with_param(self, name: str, value: Value) -> Block:
        """Return a copy with one setting changed; "inner.width" is one of a block inside."""
        inner, dot, rest = name.partition(".")
        if not dot or self.inside is None:
            return replace(self, params={**self.params, name: value})
        changed = self.inside.blocks[inner].with_param(rest, value)
        return replace(self, inside=self.inside.with_block(changed))

    def value(self, name: str) -> Value:
        """Return a setting, by a dotted name of a block inside; KeyError if there is none."""
        inner, dot, rest = name.partition(".")
        if not dot or self.inside is None:
            return self.params[name]
        return self.inside.blocks[inner].value(rest)


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection from an output port to an input port."""

    source: str
    out: str
    target: str
    into: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A coloured area behind blocks, with a title; or a note, which is text on the canvas.

    Attributes:
        id: Unique among the frames of its graph.
        x: Left edge on the canvas.
        y: Top edge.
        width: Logical pixels.
        height: Logical pixels.
        title: Heading of a frame, "" for none.
        text: Words of a note, or what a frame says below its title.
        colour: Lecture colour ("input", "cell", ...), "" for grey.
        note: True for a note: it holds no blocks.
    """

    id: str
    x: float
    y: float
    width: float
    height: float
    title: str = ""
    text: str = ""
    colour: str = ""
    note: bool = False

    def __post_init__(self) -> None:
        for name in ("x", "y", "width", "height"):
            object.__setattr__(self, name, round(getattr(self, name), 2))

    def holds(self, x: float, y: float) -> bool:
        """Tell whether a point lies on it."""
        return self.x <= x <= self.x + self.width and self.y <= y <= self.y + self.height


@dataclass(frozen=True)
class Graph:
    """Blocks in the order they were added, and wires. Never changed, only replaced.

    Attributes:
        blocks: By id.
        wires: Each input takes one.
        frames: Frames and notes, the lowest first. They have no meaning for the model.
        bends: Points that a wire passes through on its way, from source to target.
    """

    blocks: Mapping[str, Block] = field(default_factory=dict)
    wires: tuple[Wire, ...] = ()
    frames: tuple[Frame, ...] = ()
    bends: Mapping[Wire, tuple[Point, ...]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks.values())

    def new_id(self, kind: str) -> str:
        """Return an unused id made from `kind`: lstm, lstm2, lstm3 ..."""
        if kind not in self.blocks:
            return kind
        number = 2
        while f"{kind}{number}" in self.blocks:
            number += 1
        return f"{kind}{number}"

    def with_block(self, block: Block) -> Graph:
        """Return a copy in which `block` is added or takes the place of its namesake."""
        return replace(self, blocks={**self.blocks, block.id: block})

    def without_blocks(self, ids: Iterable[str]) -> Graph:
        """Return a copy without these blocks and every wire that touches them."""
        gone = set(ids)
        blocks = {key: block for key, block in self.blocks.items() if key not in gone}
        wires = tuple(w for w in self.wires if w.source not in gone and w.target not in gone)
        return replace(self._with_wires(wires), blocks=blocks)

    def with_wire(self, wire: Wire) -> Graph:
        """Return a copy with `wire`; an input takes one wire, so an older one there goes."""
        others = tuple(w for w in self.wires if (w.target, w.into) != (wire.target, wire.into))
        return self._with_wires((*others, wire))

    def without_wire(self, wire: Wire) -> Graph:
        """Return a copy without `wire`."""
        return self._with_wires(tuple(w for w in self.wires if w != wire))

    def _with_wires(self, wires: tuple[Wire, ...]) -> Graph:
        """Return a copy with these wires; the bends of those that went go too."""
        kept = set(wires)
        bends = {wire: points for wire, points in self.bends.items() if wire in kept}
        return replace(self, wires=wires, bends=bends)

    def with_bends(self, wire: Wire, points: Sequence[Point]) -> Graph:
        """Return a copy in which `wire` passes through these points; none makes it direct."""
        others = {key: value for key, value in self.bends.items() if key != wire}
        rounded = tuple((round(x, 2), round(y, 2)) for x, y in points)
        return replace(self, bends={**others, wire: rounded} if rounded else others)

    def frame(self, frame_id: str) -> Frame:
        """Return a frame or note; KeyError if there is none."""
        for frame in self.frames:
            if frame.id == frame_id:
                return frame
        raise KeyError(frame_id)

    def with_frame(self, frame: Frame) -> Graph:
        """Return a copy in which `frame` is added on top or takes the place of its namesake."""
        if any(other.id == frame.id for other in self.frames):
            frames = tuple(frame if other.id == frame.id else other for other in self.frames)
            return replace(self, frames=frames)
        return replace(self, frames=(*self.frames, frame))

    def without_frames(self, ids: Iterable[str]) -> Graph:
        """Return a copy without these frames and notes."""
        gone = set(ids)
        return replace(self, frames=tuple(f for f in self.frames if f.id not in gone))

    def new_frame_id(self) -> str:
        """Return an unused id of a frame."""
        taken, number = {frame.id for frame in self.frames}, 1
        while f"frame{number}" in taken:
            number += 1
        return f"frame{number}"

    # Graphs inside blocks

    def at(self, path: Path) -> Graph:
        """Return the graph inside the block that `path` leads to; () is this one.

        Raises:
            KeyError: A block on the way is gone or has nothing inside.
        """
        graph = self
        for key in path:
            inside = graph.blocks[key].inside
            if inside is None:
                raise KeyError(key)
            graph = inside
        return graph

    def put(self, path: Path, graph: Graph) -> Graph:
        """Return a copy in which `graph` is inside the block that `path` leads to."""
        if not path:
            return graph
        block = self.blocks[path[0]]
        inside = (block.inside or Graph()).put(path[1:], graph)
        return self.with_block(replace(block, inside=inside))

    def everything(self) -> Iterator[tuple[Path, Block]]:
        """Yield every block with the path of the graph it is in, outer blocks first."""
        for block in self.blocks.values():
            yield (), block
            if block.inside is not None:
                for path, inner in block.inside.everything():
                    yield (block.id, *path), inner

    def into(self, block_id: str) -> dict[str, Wire]:
        """Return the wire at each connected input of a block, by port name."""
        return dict(self._entering.get(block_id, {}))

    def outof(self, block_id: str) -> list[Wire]:
        """Return the wires that leave a block."""
        return list(self._leaving.get(block_id, ()))

    # A graph never changes, so who feeds whom is found once.

    @cached_property
    def _entering(self) -> dict[str, dict[str, Wire]]:
        found: dict[str, dict[str, Wire]] = {}
        for wire in self.wires:
            found.setdefault(wire.target, {})[wire.into] = wire
        return found

    @cached_property
    def _leaving(self) -> dict[str, list[Wire]]:
        found: dict[str, list[Wire]] = {}
        for wire in self.wires:
            found.setdefault(wire.source, []).append(wire)
        return found

    def order(self) -> tuple[list[str], list[str]]:
        """Sort the blocks so that every wire points forward.

        Returns:
            The ids in order, and the ids that lie on or behind a cycle (empty when there is none).
        """
        following = self._following()
        waiting = dict.fromkeys(self.blocks, 0)
        for wire in self.wires:
            waiting[wire.target] += 1
        done = [key for key, count in waiting.items() if count == 0]
        for key in done:  # grows while it is walked
            for target in following[key]:
                waiting[target] -= 1
                if waiting[target] == 0:
                    done.append(target)
        return done, [key for key, count in waiting.items() if count > 0]

    def reaches(self, start: str, goal: str) -> bool:
        """Tell whether following wires forward from `start` leads to `goal`."""
        return goal in self.downstream({start})

    def downstream(self, start: Iterable[str]) -> set[str]:
        """Return `start` and all that its wires lead to, however many blocks away."""
        return _spread(start, self._following())

    def upstream(self, start: Iterable[str]) -> set[str]:
        """Return `start` and all whose wires lead to it, however many blocks away."""
        feeding: dict[str, list[str]] = {}
        for wire in self.wires:
            feeding.setdefault(wire.target, []).append(wire.source)
        return _spread(start, feeding)

    def _following(self) -> dict[str, list[str]]:
        """Return the targets of the wires that leave each block."""
        targets: dict[str, list[str]] = {key: [] for key in self.blocks}
        for wire in self.wires:
            targets[wire.source].append(wire.target)
        return targets


def _spread(start: Iterable[str], following: Mapping[str, Iterable[str]]) -> set[str]:
    seen = set(start)
    waiting = list(seen)
    while waiting:
        fresh = set(following.get(waiting.pop(), ())) - seen
        seen |= fresh
        waiting.extend(fresh)
    return seen
