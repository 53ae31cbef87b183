"""The graph as plain immutable data: blocks and wires. Knows no meaning of any block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from seqstudio.document.param import Value


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
        extra: Keys of the file that this version does not know, kept as they are.
    """

    id: str
    kind: str
    x: float = 0.0
    y: float = 0.0
    params: Mapping[str, Value] = field(default_factory=dict)
    title: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", round(self.x, 2))
        object.__setattr__(self, "y", round(self.y, 2))

    def with_param(self, name: str, value: Value) -> Block:
        """Return a copy with one setting changed."""
        return replace(self, params={**self.params, name: value})


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection from an output port to an input port."""

    source: str
    out: str
    target: str
    into: str


@dataclass(frozen=True)
class Graph:
    """Blocks in the order they were added, and wires. Never changed, only replaced."""

    blocks: Mapping[str, Block] = field(default_factory=dict)
    wires: tuple[Wire, ...] = ()

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
        return Graph(blocks, wires)

    def with_wire(self, wire: Wire) -> Graph:
        """Return a copy with `wire`; an input takes one wire, so an older one there goes."""
        others = tuple(w for w in self.wires if (w.target, w.into) != (wire.target, wire.into))
        return replace(self, wires=(*others, wire))

    def without_wire(self, wire: Wire) -> Graph:
        """Return a copy without `wire`."""
        return replace(self, wires=tuple(w for w in self.wires if w != wire))

    def into(self, block_id: str) -> dict[str, Wire]:
        """Return the wire at each connected input of a block, by port name."""
        return {wire.into: wire for wire in self.wires if wire.target == block_id}

    def outof(self, block_id: str) -> list[Wire]:
        """Return the wires that leave a block."""
        return [wire for wire in self.wires if wire.source == block_id]

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
