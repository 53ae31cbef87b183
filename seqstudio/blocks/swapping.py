"""Another memory in the same place: the sequence block of a graph exchanged, the rest as drawn.

A *swap* is a few words, such as "gru 148" or "transformer 96 to 128": the kind, its width, and the
width that the blocks behind it need where that differs. So it can stand in a file and a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import check, title_of
from seqstudio.blocks.editing import CELLS, new_block, switch_kind
from seqstudio.core.errors import GraphError
from seqstudio.document.edits import SetGraph
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.project import Project

if TYPE_CHECKING:
    from seqstudio.blocks.check import Report
    from seqstudio.blocks.declaration import DataFacts

KEY = "model.memory"
"""Name of the choice of memory among the settings of a sweep."""
MEMORIES: Mapping[str, str] = {
    "rnn": "RNN",
    "gru": "GRU",
    "lstm": "LSTM",
    "attention": "Attention",
    "transformer": "Transformer",
}
AS_DRAWN = "as drawn"
_ATTENTIVE = {"attention": "self_attention", "transformer": "transformer"}
_NAMES = {kind: name for name, kind in _ATTENTIVE.items()}
_HEADS, _LAYERS, _WIDEST = 4, 2, 4096
_STEP = 2 * _HEADS  # rotary positions turn pairs of numbers of each head
_WORDS = re.compile(r"(\w+) (\d+)(?: to (\d+))?")
_GAP = 40.0


@dataclass(frozen=True)
class Swap:
    """One memory that may take the place.

    Attributes:
        name: Key of `MEMORIES`.
        words: The swap in words, "" where it does not fit.
        total: Trainable numbers of the whole model.
        why: Why it does not fit, "" where it does.
    """

    name: str
    words: str = ""
    total: int = 0
    why: str = ""


def memories(graph: Graph) -> list[Block]:
    """Return the blocks of a graph that a swap exchanges, in the order of the graph."""
    return [block for block in graph if block.kind in CELLS or block.kind in _NAMES]


def present(graph: Graph) -> str:
    """Return the memory that a graph has, "" for none or several kinds."""
    found = {_NAMES.get(block.kind, block.kind) for block in memories(graph)}
    return found.pop() if len(found) == 1 else ""


def fitting(
    graph: Graph, facts: DataFacts, names: tuple[str, ...] = tuple(MEMORIES)
) -> list[Swap]:
    """Return what becomes of each memory: its words, or why it does not fit.

    Widths are chosen so that the whole model has about as many trainable numbers as it has now.

    Raises:
        GraphError: The graph has no block to exchange, or cannot be trained as it is.
    """
    if not memories(graph):
        what = "This model has no memory to exchange"
        raise GraphError(
            f"{what}: an RNN, GRU, LSTM, self-attention or transformer block at the top"
        )
    report = check(graph, facts)
    report.raise_errors()
    return [_fitted(graph, facts, report, name) for name in names]


def swapped(graph: Graph, words: str) -> Graph:
    """Return the graph with another memory.

    Raises:
        GraphError: The words are no swap, or it cannot be done.
    """
    name, _, rest = words.partition(" ")
    if rest == AS_DRAWN and name == present(graph):
        return graph
    match = _WORDS.fullmatch(words)
    if match is None or match[1] not in MEMORIES:
        raise GraphError(f"“{words}” is no memory: write it as “gru 148”")
    width, behind = int(match[2]), int(match[3] or 0)
    for block in memories(graph):
        if match[1] in CELLS:
            graph, last = _with_cell(graph, block, match[1], width)
        else:
            graph, last = _with_attention(graph, block, match[1], width)
        if behind:
            graph = _widened(graph, last, behind)
    return _untied(graph)


def swap_edit(project: Project, words: str) -> SetGraph:
    """Return the edit that exchanges the memory of a project.

    Raises:
        GraphError: See `swapped`.
    """
    return SetGraph(swapped(project.graph, words), f"Change memory to {words}")


# ------------------------------------------------------------------------------- what fits


def _fitted(graph: Graph, facts: DataFacts, report: Report, name: str) -> Swap:
    if name == present(graph):
        return Swap(name, f"{name} {AS_DRAWN}", report.total)
    why = _refusal(graph, name)
    if why:
        return Swap(name, why=why)
    behind = max(_width_of(report, block) for block in memories(graph))
    found = ""
    for tail in ("", f" to {behind}"):
        sized = _sized(graph, facts, report.total, name, tail)
        if sized is not None:
            return sized
        found = found or _problem(graph, facts, f"{name} {_STEP}{tail}")
    return Swap(name, why=found)


def _refusal(graph: Graph, name: str) -> str:
    """Return why a kind cannot be wired as the present blocks are, "" where it can."""
    if name in CELLS:
        return ""
    for block in memories(graph):
        for wire in graph.wires:
            state = (wire.source == block.id and wire.out == "state") or (
                wire.target == block.id and wire.into == "start"
            )
            if state:
                other = wire.target if wire.source == block.id else wire.source
                return (
                    f"{title_of(block)} shares its state with {title_of(graph.blocks[other])}; "
                    "attention has no state"
                )
    return ""


def _sized(graph: Graph, facts: DataFacts, wanted: int, name: str, tail: str) -> Swap | None:
    """Return the swap whose model has about `wanted` numbers, None where none can be trained."""
    step = 1 if name in CELLS else _STEP

    def total(units: int) -> int:
        found = check(swapped(graph, f"{name} {units * step}{tail}"), facts)
        return 0 if found.errors else found.total

    low, high = 1, _WIDEST // step
    if not total(low):
        return None
    while low < high:
        middle = (low + high) // 2
        if total(middle) < wanted:
            low = middle + 1
        else:
            high = middle
    near = min((low, max(1, low - 1)), key=lambda units: abs(total(units) - wanted))
    return Swap(name, f"{name} {near * step}{tail}", total(near))


def _problem(graph: Graph, facts: DataFacts, words: str) -> str:
    errors = check(swapped(graph, words), facts).errors
    return errors[0].sentence() if errors else "no width gives as many trainable numbers"


def _width_of(report: Report, block: Block) -> int:
    shape = report.shapes.get((block.id, "out"))
    return shape.width if shape is not None else 0


# ------------------------------------------------------------------------------ how it is done


def _with_cell(graph: Graph, block: Block, kind: str, width: int) -> tuple[Graph, str]:
    causal = block.params.get("causal", True)
    both = bool(block.params.get("bidirectional", False)) or not causal
    layers = block.params.get("layers", 1) if block.kind in CELLS else 1
    edit = switch_kind(graph, block.id, kind)
    graph = edit.apply(Project(graph)).graph
    changed = edit.block
    for name, value in (("hidden", width), ("bidirectional", both), ("layers", layers)):
        changed = changed.with_param(name, ports.setting(changed, name).parse(value))
    graph = graph.with_block(changed)
    return _with_starts(graph, changed.id, kind), changed.id


def _with_starts(graph: Graph, key: str, kind: str) -> Graph:
    """Let blocks that make its first state make one of its kind."""
    for wire in graph.wires:
        source = graph.blocks[wire.source]
        if wire.target == key and wire.into == "start" and source.kind == "start_state":
            graph = graph.with_block(source.with_param("kind", "lstm" if kind == "lstm" else "h"))
    return graph


def _with_attention(graph: Graph, block: Block, name: str, width: int) -> tuple[Graph, str]:
    """Put a linear map to the width, then attention, in the place of a block."""
    causal = block.params.get("causal", not block.params.get("bidirectional", False))
    feed = graph.into(block.id).get("in")
    linear = _placed(graph, "linear", block, 0.0).with_param("width", width)
    graph = graph.with_block(linear)
    settings = {"heads": _HEADS, "causal": causal}
    if name == "transformer":
        settings["layers"] = _LAYERS
    new = _placed(graph, _ATTENTIVE[name], block, _GAP)
    for key, value in settings.items():
        new = new.with_param(key, ports.setting(new, key).parse(value))
    graph = graph.with_block(new)
    wires = [Wire(linear.id, "out", new.id, "in")]
    if feed is not None:
        wires.insert(0, Wire(feed.source, feed.out, linear.id, "in"))
    last = new.id
    if name == "attention":
        add = _placed(graph, "add", block, 2 * _GAP)
        graph = graph.with_block(add)
        wires += [Wire(new.id, "out", add.id, "in"), Wire(linear.id, "out", add.id, "other")]
        last = add.id
    moved = [replace(wire, source=last) for wire in graph.wires if wire.source == block.id]
    graph = graph.without_blocks({block.id})
    for wire in (*wires, *moved):
        graph = graph.with_wire(wire)
    return graph, last


def _placed(graph: Graph, kind: str, block: Block, below: float) -> Block:
    return new_block(graph, kind, block.x, block.y + below)


def _widened(graph: Graph, last: str, width: int) -> Graph:
    """Put a linear map behind a block, so that what follows gets the width it had."""
    linear = new_block(graph, "linear", graph.blocks[last].x, graph.blocks[last].y + _GAP)
    graph = graph.with_block(linear.with_param("width", width))
    after = [wire for wire in graph.wires if wire.source == last and wire.out == "out"]
    for wire in after:
        graph = graph.with_wire(replace(wire, source=linear.id))
    return graph.with_wire(Wire(last, "out", linear.id, "in"))


def _untied(graph: Graph) -> Graph:
    """Give the head a matrix of its own: the embedding's has another width now."""
    for block in list(graph):
        if KINDS[block.kind].head and block.params.get("tie"):
            graph = graph.with_block(block.with_param("tie", False))
    return graph
