"""Blocks made of blocks: group a selection, dissolve a group, show inner settings outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import flow, title_of
from seqstudio.core.errors import GraphError
from seqstudio.document.edits import SetGraph
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.project import Project

COLUMN, ROW = 228.0, 108.0
BODY = 156.0
Ref = tuple[str, str]


@dataclass(frozen=True)
class SetExposed:
    """Show a setting of a block inside on the block itself, or no longer.

    Attributes:
        block_id: The block made of blocks.
        name: "inner.width".
        shown: True to show it.
    """

    block_id: str
    name: str
    shown: bool

    @property
    def label(self) -> str:
        """Words for the menu."""
        return "Show a setting outside" if self.shown else "Hide a setting"

    def apply(self, project: Project) -> Project:
        """Return the project with the setting shown or hidden."""
        block = project.graph.blocks[self.block_id]
        if (self.name in block.exposed) == self.shown:
            return project
        others = tuple(name for name in block.exposed if name != self.name)
        exposed = (*others, self.name) if self.shown else others
        return project.with_graph(project.graph.with_block(replace(block, exposed=exposed)))


@dataclass(frozen=True)
class MovePort:
    """Move a port of a block made of blocks up or down among those of its side.

    The port blocks inside change places as well, so that both sides of the border look alike.

    Attributes:
        block_id: The block made of blocks.
        port: Name of the port.
        by: Places to move it, negative for up.
        label: Words for the menu.
    """

    block_id: str
    port: str
    by: int
    label: str = "Move port"

    def apply(self, project: Project) -> Project:
        """Return the project with the port at its new place; at the edge nothing changes."""
        block = project.graph.blocks[self.block_id]
        inside = block.inside
        if inside is None:
            return project
        kind = inside.blocks[self.port].kind
        names = [inner.id for inner in inside if inner.kind == kind]
        at = names.index(self.port)
        to = max(0, min(len(names) - 1, at + self.by))
        if to == at:
            return project
        places = _apart([(inside.blocks[name].x, inside.blocks[name].y) for name in names])
        names.insert(to, names.pop(at))
        pairs = zip(names, places, strict=True)
        moved = iter([replace(inside.blocks[name], x=x, y=y) for name, (x, y) in pairs])
        blocks = [next(moved) if inner.kind == kind else inner for inner in inside]
        changed = replace(inside, blocks={inner.id: inner for inner in blocks})
        return project.with_graph(project.graph.with_block(replace(block, inside=changed)))


def _apart(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return places of which no two are the same."""
    free: list[tuple[float, float]] = []
    for x, y in places:
        lower = y
        while (x, lower) in free:
            lower += ROW
        free.append((x, lower))
    return free


# Grouping


def group(graph: Graph, ids: Iterable[str], title: str = "Group") -> tuple[SetGraph, str]:
    """Return the edit that puts blocks into one, and the id of that one.

    Its ports come from the wires that cross its border; the model computes the same as before.

    Raises:
        GraphError: A block cannot stand inside another, or a wire would close a loop.
    """
    chosen = _choice(graph, ids)
    entering = _by_ref(w for w in graph.wires if w.target in chosen and w.source not in chosen)
    leaving = _by_ref(w for w in graph.wires if w.source in chosen and w.target not in chosen)
    ends = leaving or {ref: [] for ref in _loose_ends(graph, chosen)}
    inside, inlets, outlets = _inside(graph, chosen, entering, ends)
    first = [graph.blocks[key] for key in chosen]
    left = min(block.x for block in first)
    middle = sum(block.y for block in first) / len(first)
    key = graph.new_id("group")
    block = Block(key, "group", left, middle, title=title, inside=inside)
    outside = _rewired(graph, chosen, block, entering, leaving, inlets, outlets)
    return SetGraph(outside, f"Group {len(chosen)} blocks"), key


def _choice(graph: Graph, ids: Iterable[str]) -> dict[str, None]:
    wanted = set(ids)
    chosen = dict.fromkeys(key for key in graph.blocks if key in wanted)
    if not chosen:
        raise GraphError("Nothing is selected", "", "Select the blocks that belong together")
    for key in chosen:
        block = graph.blocks[key]
        kind = KINDS.get(block.kind)
        if kind is None or kind.place != "anywhere":
            name = title_of(block)
            raise GraphError(f"{name} cannot go into a group", "it belongs to this graph itself",
                             "Select the others without it")  # fmt: skip
        tied = any(other.params.get("tie", False) for other in graph)
        if block.kind == "embedding" and tied:
            raise GraphError(f"{title_of(block)} cannot go into a group",
                             "the head is tied to its matrix",
                             "Switch Tie off at the head first")  # fmt: skip
    _refuse_detour(graph, chosen)
    return chosen


def _refuse_detour(graph: Graph, chosen: Mapping[str, None]) -> None:
    """Raise when a way leaves the choice and comes back: as one block it would be a loop."""
    now = flow(graph)
    behind = now.downstream(chosen) - set(chosen)
    between = behind & now.upstream(chosen)
    if between:
        names = ", ".join(title_of(graph.blocks[key]) for key in graph.blocks if key in between)
        raise GraphError("These blocks cannot become one", f"{names} lies between them",
                         "Select what lies between as well")  # fmt: skip


def _by_ref(wires: Iterable[Wire]) -> dict[Ref, list[Wire]]:
    found: dict[Ref, list[Wire]] = {}
    for wire in wires:
        found.setdefault((wire.source, wire.out), []).append(wire)
    return found


def _loose_ends(graph: Graph, chosen: Iterable[str]) -> Iterator[Ref]:
    """Yield the outputs that nothing reads: what a chain without an end would give."""
    for key in chosen:
        outputs = ports.outputs(graph.blocks[key])
        if outputs and not graph.outof(key):
            yield key, outputs[0].name


def _inside(
    graph: Graph,
    chosen: Mapping[str, None],
    entering: Mapping[Ref, Sequence[Wire]],
    ends: Mapping[Ref, Sequence[Wire]],
) -> tuple[Graph, dict[Ref, str], dict[Ref, str]]:
    """Return the graph of a group, and the names of its ports."""
    blocks = {key: graph.blocks[key] for key in chosen}
    left = min(b.x for b in blocks.values()) - COLUMN
    right = max(b.x for b in blocks.values()) + COLUMN
    taken = set(chosen)
    inlets = {ref: _fresh(taken, _name_in(wires)) for ref, wires in _by_height(graph, entering)}
    outlets = {ref: _fresh(taken, ref[1]) for ref in ends}
    places = _spread([blocks[entering[ref][0].target].y for ref in inlets])
    made = [
        _boundary(graph, ref, name, left, y)
        for (ref, name), y in zip(inlets.items(), places, strict=True)
    ]
    places = _spread([blocks[ref[0]].y for ref in outlets])
    last = [
        _boundary(graph, ref, name, right, y, ports.OUTLET)
        for (ref, name), y in zip(outlets.items(), places, strict=True)
    ]
    within = tuple(w for w in graph.wires if w.source in chosen and w.target in chosen)
    ways = [
        Wire(inlets[ref], "out", wire.target, wire.into)
        for ref, wires in entering.items()
        for wire in wires
    ]
    ways += [Wire(*ref, name, "in") for ref, name in outlets.items()]
    bends = {wire: graph.bends[wire] for wire in within if wire in graph.bends}
    everything = (*made, *blocks.values(), *last)
    inside = Graph({b.id: b for b in everything}, (*within, *ways), (), bends)
    return inside, inlets, outlets


def _by_height(
    graph: Graph, entering: Mapping[Ref, Sequence[Wire]]
) -> list[tuple[Ref, Sequence[Wire]]]:
    """Return what enters from top to bottom, so that the wires outside do not cross."""
    return sorted(entering.items(), key=lambda item: graph.blocks[item[0][0]].y)


def _name_in(wires: Sequence[Wire]) -> str:
    return wires[0].into


def _fresh(taken: set[str], name: str) -> str:
    number, fresh = 2, name
    while fresh in taken:
        fresh = f"{name}{number}"
        number += 1
    taken.add(fresh)
    return fresh


def _spread(heights: Sequence[float]) -> list[float]:
    """Return the heights, each at least a row below the one before."""
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + ROW) if places else height)
    return places


def _boundary(
    graph: Graph, ref: Ref, name: str, x: float, y: float, kind: str = ports.INLET
) -> Block:
    port = ports.port(graph.blocks[ref[0]], ref[1], output=True)
    carries = port.kind if port and port.kind in ("ids", "state") else "tensor"
    return Block(name, kind, x, y, {**KINDS[kind].defaults(), "carries": carries}, name)


def _rewired(
    graph: Graph,
    chosen: Mapping[str, None],
    block: Block,
    entering: Mapping[Ref, Sequence[Wire]],
    leaving: Mapping[Ref, Sequence[Wire]],
    inlets: Mapping[Ref, str],
    outlets: Mapping[Ref, str],
) -> Graph:
    """Return the outer graph with the one block in the place of the chosen ones."""
    first = next(iter(chosen))
    blocks: dict[str, Block] = {}
    for key, old in graph.blocks.items():
        if key == first:
            blocks[block.id] = block
        if key not in chosen:
            blocks[key] = old
    kept = tuple(w for w in graph.wires if w.source not in chosen and w.target not in chosen)
    into = tuple(Wire(*ref, block.id, inlets[ref]) for ref in entering)
    out = tuple(
        Wire(block.id, outlets[ref], wire.target, wire.into)
        for ref, wires in leaving.items()
        for wire in wires
    )
    bends = {wire: graph.bends[wire] for wire in kept if wire in graph.bends}
    return Graph(blocks, (*kept, *into, *out), graph.frames, bends)


# Ungrouping


def ungroup(graph: Graph, block_id: str) -> tuple[SetGraph, tuple[str, ...]]:
    """Return the edit that puts the inside of a group in its place, and the ids of that.

    Raises:
        GraphError: The block is no group, or is bypassed or muted.
    """
    block = graph.blocks[block_id]
    inside = _dissolvable(block)
    rename = _new_ids(graph, block, inside)
    moved = _moved(block, inside, rename)
    joints = _Joints(graph, block_id, inside, rename)
    blocks: dict[str, Block] = {}
    for key, old in graph.blocks.items():
        blocks |= moved if key == block_id else {key: old}
    outer = tuple(w for w in graph.wires if block_id not in (w.source, w.target))
    room = _room(inside)
    pushed = _pushed(graph, block, room)
    blocks |= {key: replace(blocks[key], x=blocks[key].x + room) for key in pushed}
    bends = {wire: graph.bends[wire] for wire in outer if wire in graph.bends}
    result = Graph(blocks, (*outer, *joints.wires()), graph.frames, bends)
    return SetGraph(result, f"Ungroup {title_of(block)}"), tuple(moved)


def _dissolvable(block: Block) -> Graph:
    name = title_of(block)
    if block.kind == "cell":
        raise GraphError(f"{name} cannot be ungrouped", "its inside is stepped through time",
                         "Enter it to change it")  # fmt: skip
    if block.inside is None:
        raise GraphError(f"{name} is no group", "", "Enter it to see what is inside")
    if block.mode:
        raise GraphError(f"{name} cannot be ungrouped", "it is bypassed or muted as a whole",
                         "Let it work again first")  # fmt: skip
    return block.inside


def _parts(inside: Graph) -> list[Block]:
    return [block for block in inside if block.kind not in (ports.INLET, ports.OUTLET)]


def _new_ids(graph: Graph, block: Block, inside: Graph) -> dict[str, str]:
    taken = set(graph.blocks) - {block.id}
    return {part.id: _fresh(taken, part.id) for part in _parts(inside)}


def _moved(block: Block, inside: Graph, rename: Mapping[str, str]) -> dict[str, Block]:
    parts = _parts(inside)
    left = min((part.x for part in parts), default=0.0)
    middle = sum(part.y for part in parts) / max(1, len(parts))
    placed = (
        replace(part, id=rename[part.id], x=part.x - left + block.x, y=part.y - middle + block.y)
        for part in parts
    )
    return {part.id: part for part in placed}


def _room(inside: Graph) -> float:
    xs = [part.x for part in _parts(inside)]
    return max(xs) - min(xs) if xs else 0.0


def _pushed(graph: Graph, block: Block, room: float) -> list[str]:
    if room <= 0:
        return []
    behind = graph.downstream({block.id}) - {block.id}
    return [key for key in behind if graph.blocks[key].x > block.x]


class _Joints:
    """The wires of what was inside a group, joined to those that led to the group."""

    def __init__(
        self, graph: Graph, block_id: str, inside: Graph, rename: Mapping[str, str]
    ) -> None:
        self._inside, self._rename = inside, rename
        self._fed = graph.into(block_id)
        self._read = graph.outof(block_id)

    def wires(self) -> Iterator[Wire]:
        for wire in self._inside.wires:
            source = self._source(wire)
            if source is None:
                continue
            if self._inside.blocks[wire.target].kind == ports.OUTLET:
                for out in self._read:
                    if out.out == wire.target:
                        yield Wire(*source, out.target, out.into)
            else:
                yield Wire(*source, self._rename[wire.target], wire.into)

    def _source(self, wire: Wire) -> Ref | None:
        """Return what feeds an inner wire, seen from outside; None for an input without one."""
        if self._inside.blocks[wire.source].kind != ports.INLET:
            return self._rename[wire.source], wire.out
        outer = self._fed.get(wire.source)
        return None if outer is None else (outer.source, outer.out)
