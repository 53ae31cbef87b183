"""Kinds of memory that can stand in each other's place: the same model with another memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from seqstudio.blocks.catalogue import KINDS
from seqstudio.document.graph import Block, Graph
from seqstudio.document.param import Value

REMEMBERING = ("rnn", "gru", "lstm", "transformer")
_KEPT = ("hidden", "layers", "dropout", "bidirectional")


@dataclass(frozen=True)
class Memory:
    """A block that remembers, with what makes it this one.

    Attributes:
        name: Short, fit for the name of a run.
        title: For people.
        kind: Key in the catalogue.
        settings: What differs from the defaults of the block.
    """

    name: str
    title: str
    kind: str
    settings: Mapping[str, Value] = field(default_factory=dict)


MEMORIES = (
    Memory("rnn", "tanh RNN", "rnn"),
    Memory("irnn", "IRNN (ReLU, identity)", "rnn", {"nonlinearity": "relu", "init": "identity"}),
    Memory("gru", "GRU", "gru"),
    Memory("lstm", "LSTM, forget bias 1", "lstm"),
    Memory("lstm5", "LSTM, forget bias 5", "lstm", {"forget_bias": 5.0}),
    Memory("attention", "Attention", "transformer", {"causal": False}),
)


def memory_block(graph: Graph) -> Block | None:
    """Return the one block that remembers; None where there is none, or several."""
    found = [block for block in graph if block.kind in REMEMBERING]
    return found[0] if len(found) == 1 else None


def with_memory(graph: Graph, memory: Memory) -> Graph:
    """Return the graph with another memory in the place of its own; size and wires stay.

    Raises:
        ValueError: The graph has no block that remembers, or several.
    """
    old = memory_block(graph)
    if old is None:
        raise ValueError("there is not exactly one block that remembers")
    declared = KINDS[memory.kind]
    known = {param.name for param in declared.params}
    kept = {key: old.params[key] for key in _KEPT if key in known and key in old.params}
    params = declared.parse({**kept, **memory.settings})
    new = replace(old, kind=memory.kind, params=params, title="", inside=None)
    return replace(graph, blocks={**graph.blocks, old.id: new})


def memory_title(graph: Graph) -> str:
    """Return what a graph remembers with, such as "LSTM, forget bias 5"."""
    block = memory_block(graph)
    if block is None:
        known = (*REMEMBERING, "self_attention", "cell")
        kinds = [KINDS[each.kind].title for each in graph if each.kind in known]
        return " and ".join(dict.fromkeys(kinds)) or "no memory"
    if block.kind == "rnn":
        relu = block.params.get("nonlinearity") == "relu"
        start = block.params.get("init", "default")
        if relu and start == "identity":
            return "IRNN (ReLU, identity)"
        return ("ReLU RNN" if relu else "tanh RNN") + (f", {start}" if start != "default" else "")
    if block.kind == "lstm":
        return f"LSTM, forget bias {block.params.get('forget_bias', 1.0):g}"
    return "Attention" if block.kind == "transformer" else KINDS[block.kind].title
