"""Edits that know what blocks mean: new blocks, wires that fit, insertions, a change of cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import flow, is_recurrent, title_of
from seqstudio.blocks.declaration import Port, PortKind
from seqstudio.core.errors import GraphError, SeqError
from seqstudio.document.edits import AddBlock, RemoveBlocks, ReplaceBlock, SetGraph, SetParam
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.param import Value
from seqstudio.document.project import Project

CELLS = ("rnn", "gru", "lstm")
MEMORIES = (*CELLS, "self_attention", "transformer")
"""Kinds of block that can take each other's place in a sequence: one input, one output."""
_NEEDS: Mapping[PortKind, str] = {
    "ids": "tokens",
    "tensor": "features",
    "picture": "a picture",
    "state": "the state of a recurrent block",
}


def new_block(graph: Graph, kind: str, x: float, y: float) -> Block:
    """Return a block with a fresh id and default settings; it is not in the graph yet."""
    declared = KINDS[kind]
    inside = declared.fresh_inside()
    return Block(graph.new_id(kind), kind, x, y, declared.defaults(), inside=inside)


def add(graph: Graph, kind: str, x: float, y: float) -> AddBlock:
    """Return the edit that adds a block of `kind`."""
    return AddBlock(new_block(graph, kind, x, y), (), f"Add {KINDS[kind].title}")


def refusal(graph: Graph, wire: Wire) -> str:  # noqa: PLR0911  one return per reason
    """Return why a wire cannot be drawn, or "" when it can."""
    source, target = graph.blocks.get(wire.source), graph.blocks.get(wire.target)
    if source is None or target is None:
        return "One end of the wire is gone"
    if source.kind not in KINDS or target.kind not in KINDS:
        return "That block is not known here"
    out, into = ports.port(source, wire.out, True), ports.port(target, wire.into, False)
    if out is None or into is None:
        return "A wire goes from an output to an input"
    if not is_recurrent(graph, wire) and flow(graph).reaches(wire.target, wire.source):
        return "That would close a loop; memory over time goes through a State in a cell"
    if out.kind == into.kind:
        return ""
    if out.kind == "ids" and into.kind == "tensor":
        return f"Tokens cannot feed {title_of(target)}: add an Embedding"
    return f"{title_of(target)} needs {_NEEDS[into.kind]}"


def best_input(graph: Graph, source: str, out: str, target: str) -> Wire | None:
    """Return the wire from an output to the input of `target` that fits best, free ones first."""
    taken = graph.into(target)
    inputs = ports.inputs(graph.blocks[target])
    candidates = [Wire(source, out, target, port.name) for port in inputs]
    fitting = [wire for wire in candidates if not refusal(graph, wire)]
    fitting.sort(key=lambda wire: wire.into in taken)
    return fitting[0] if fitting else None


def fitting_kinds(graph: Graph, source: str, out: str) -> list[str]:
    """Return the kinds of block that an output can feed, in palette order."""
    port = ports.port(graph.blocks[source], out, output=True)
    if port is None:
        return []
    return [key for key in KINDS if any(p.kind == port.kind for p in new_ports(key)[0])]


def new_ports(kind: str) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Return the inputs and outputs of a new block of a kind."""
    block = new_block(Graph(), kind, 0.0, 0.0)
    return ports.inputs(block), ports.outputs(block)


def add_wired(graph: Graph, kind: str, x: float, y: float, source: str, out: str) -> AddBlock:
    """Return the edit that adds a block and wires an output to its first input that fits."""
    block = new_block(graph, kind, x, y)
    wire = best_input(graph.with_block(block), source, out, block.id)
    return AddBlock(block, (wire,) if wire else (), f"Add {KINDS[kind].title}")


def can_insert(graph: Graph, kind: str, wire: Wire) -> bool:
    """Tell whether a block of `kind` has an input and an output for the middle of `wire`."""
    source, target = graph.blocks.get(wire.source), graph.blocks.get(wire.target)
    if kind not in KINDS or source is None or target is None:
        return False
    out, into = ports.port(source, wire.out, True), ports.port(target, wire.into, False)
    inputs, outputs = new_ports(kind)
    if out is None or into is None or not inputs or not outputs:
        return False
    return inputs[0].kind == out.kind and outputs[0].kind == into.kind


def insert_on_wire(
    graph: Graph, kind: str, wire: Wire, at: tuple[float, float] | None = None
) -> AddBlock:
    """Return the edit that puts a new block into the middle of a wire.

    Raises:
        GraphError: The kind does not fit there.
    """
    if not can_insert(graph, kind, wire):
        raise GraphError(f"{KINDS[kind].title} does not fit on this wire")
    source, target = graph.blocks[wire.source], graph.blocks[wire.target]
    x, y = at or ((source.x + target.x) / 2, (source.y + target.y) / 2)
    block = new_block(graph, kind, x, y)
    first = Wire(wire.source, wire.out, block.id, ports.inputs(block)[0].name)
    second = Wire(block.id, ports.outputs(block)[0].name, wire.target, wire.into)
    return AddBlock(block, (first, second), f"Insert {KINDS[kind].title}")


def remove(graph: Graph, ids: Iterable[str], heal: bool = True) -> RemoveBlocks:
    """Return the edit that deletes blocks and, with `heal`, joins the chain around each one."""
    gone = tuple(key for key in ids if key in graph.blocks)
    names = [title_of(graph.blocks[key]) for key in gone]
    label = f"Delete {names[0]}" if len(gone) == 1 else f"Delete {len(gone)} blocks"
    return RemoveBlocks(gone, tuple(_healing(graph, set(gone)) if heal else ()), label)


def _healing(graph: Graph, gone: set[str]) -> Iterable[Wire]:
    """Yield wires from what fed each removed chain to what it fed, where the kinds agree."""
    rest = graph.without_blocks(gone)
    for wire in graph.wires:
        if wire.source not in gone or wire.target in gone:
            continue
        feeder = _feeder(graph, wire.source, gone)
        if feeder is not None:
            joined = Wire(feeder.source, feeder.out, wire.target, wire.into)
            if not refusal(rest, joined):
                yield joined


def _feeder(graph: Graph, key: str, gone: set[str]) -> Wire | None:
    seen: set[str] = set()
    while key not in seen:
        seen.add(key)
        wires = graph.into(key)
        inputs = ports.inputs(graph.blocks[key])
        first = wires.get(inputs[0].name) if inputs else None
        if first is None or first.source not in gone:
            return first
        key = first.source
    return None


def switch_kind(graph: Graph, block_id: str, kind: str) -> ReplaceBlock:
    """Return the edit that turns a block into another kind: same place, wires, shared settings.

    The id follows the kind when it was made from it, so that the code reads right.
    """
    old = graph.blocks[block_id]
    declared = KINDS[kind]
    params: dict[str, Value] = declared.defaults()
    for name in params:
        if name in old.params:
            try:
                params[name] = declared.param(name).parse(old.params[name])
            except SeqError:
                continue  # the new kind keeps its own default
    params |= _same_sight(old, params)
    follows = old.id.rstrip("0123456789") == old.kind != kind
    new_id = graph.new_id(kind) if follows else old.id
    inside = declared.fresh_inside()
    block = replace(old, id=new_id, kind=kind, params=params, inside=inside, exposed=())
    rename = {old.id: new_id}
    wires = tuple(
        replace(w, source=rename.get(w.source, w.source), target=rename.get(w.target, w.target))
        for w in graph.wires
        if _still_fits(w, old.id, block)
    )
    return ReplaceBlock(old.id, block, wires, f"Change {title_of(old)} to {declared.title}")


def _same_sight(old: Block, params: Mapping[str, Value]) -> dict[str, Value]:
    """Return the setting that lets a new block see what the old one saw: the past, or all."""
    if "causal" in params and "bidirectional" in old.params:
        return {"causal": not old.params["bidirectional"]}
    if "bidirectional" in params and "causal" in old.params:
        return {"bidirectional": not old.params["causal"]}
    return {}


def switch_cells(graph: Graph, kind: str, **settings: Value) -> SetGraph:
    """Return the edit that turns every recurrent block into `kind`, with these settings."""
    for key in [block.id for block in graph if block.kind in CELLS]:
        new_id = key
        if graph.blocks[key].kind != kind:
            edit = switch_kind(graph, key, kind)
            graph, new_id = edit.apply(Project(graph)).graph, edit.block.id
        for name, value in settings.items():
            graph = graph.with_block(graph.blocks[new_id].with_param(name, value))
    return SetGraph(graph, f"Change cells to {KINDS[kind].title}")


def _still_fits(wire: Wire, block_id: str, block: Block) -> bool:
    return (wire.target != block_id or ports.port(block, wire.into, False) is not None) and (
        wire.source != block_id or ports.port(block, wire.out, True) is not None
    )


def set_param(graph: Graph, block_id: str, name: str, value: object) -> SetParam:
    """Return the edit that changes one setting.

    Raises:
        ParamError: The value is refused.
    """
    block = graph.blocks[block_id]
    param = ports.setting(block, name)
    return SetParam(
        block_id, name, param.parse(value), f"Change {param.title} of {title_of(block)}"
    )
