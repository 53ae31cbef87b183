"""Which blocks a loose wire wants: those that take its shape first, then the person's habits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from seqstudio.blocks import editing, ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.declaration import Context, DataFacts, Shape
from seqstudio.core.errors import SeqError
from seqstudio.core.files import read_bytes, write_atomic
from seqstudio.document.graph import Graph

LIMIT_BYTES = 200_000
MOST = 1_000_000


class Habits:
    """How often a person wired one kind of block to another.

    Args:
        path: File that keeps the counts as JSON; None keeps them until the program ends.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._counts: dict[str, int] = _read(path) if path is not None else {}

    def count(self, source: str, target: str) -> int:
        """Return how often a block of kind `source` was wired to one of kind `target`."""
        return self._counts.get(f"{source} -> {target}", 0)

    def note(self, source: str, target: str) -> None:
        """Remember one more such wire; a disk that is full or locked loses it, no more."""
        key = f"{source} -> {target}"
        self._counts[key] = min(self._counts.get(key, 0) + 1, MOST)
        if self._path is not None:
            try:
                text = json.dumps(self._counts, indent=1, sort_keys=True)
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(self._path, text.encode("utf-8"))
            except (OSError, SeqError):
                self._path = None


def _read(path: Path) -> dict[str, int]:
    """Return the counts of a file; one that is missing or damaged starts over."""
    try:
        content = json.loads(read_bytes(path, LIMIT_BYTES).decode("utf-8"))
    except (SeqError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        key: value
        for key, value in content.items()
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST
    }


def takes(kind: str, shape: Shape, facts: DataFacts) -> bool | None:
    """Tell whether a new block of a kind takes a shape; None when it needs more inputs to say."""
    inputs, _ = editing.new_ports(kind)
    port = next((port for port in inputs if port.kind == shape.kind), None)
    if port is None:
        return False
    declared = KINDS[kind]
    needed = [each.name for each in inputs if not each.optional]
    if declared.starter is not None or any(name != port.name for name in needed):
        return None
    try:
        declared.shape(Context(declared.defaults(), {port.name: shape}, facts))
    except SeqError:
        return False
    except KeyError:
        return None
    return True


def followers(
    graph: Graph,
    shapes: Mapping[tuple[str, str], Shape],
    facts: DataFacts,
    habits: Habits,
    source: str,
    out: str,
) -> list[str]:
    """Return the kinds that an output can feed, the likeliest first.

    Those whose rule takes the shape come first, then those that need another input to tell, then
    those that refuse; within each what the person wires most often, then palette order.
    """
    shape = shapes.get((source, out))
    kind = graph.blocks[source].kind
    order = {True: 0, None: 1, False: 2}

    def rank(fed: str) -> tuple[int, int]:
        fits = None if shape is None else takes(fed, shape, facts)
        return order[fits], -habits.count(kind, fed)

    return sorted(editing.fitting_kinds(graph, source, out), key=rank)


def feeders(graph: Graph, habits: Habits, target: str, into: str) -> list[str]:
    """Return the kinds that can feed an input, those that the person wires there often first."""
    port = ports.port(graph.blocks[target], into, output=False)
    if port is None:
        return []
    able = _giving(port.kind)
    kind = graph.blocks[target].kind
    return sorted(able, key=lambda source: -habits.count(source, kind))


def _giving(kind: str) -> Iterable[str]:
    return [key for key in KINDS if any(p.kind == kind for p in editing.new_ports(key)[1])]
