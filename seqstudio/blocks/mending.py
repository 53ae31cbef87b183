"""Quick fixes: the block that makes a problem go away, with the settings that it needs there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Problem, Report
from seqstudio.core.errors import SeqError
from seqstudio.document.graph import Graph, Wire
from seqstudio.document.param import Value
from seqstudio.document.project import Project

Check = Callable[[Graph], Report]


@dataclass(frozen=True)
class Mend:
    """A block to put on a wire.

    Attributes:
        kind: Key in the catalogue.
        wire: Where it goes.
        settings: Those of its settings that differ from the defaults.
        words: What it does: "Insert a Linear 128 → 256".
    """

    kind: str
    wire: Wire
    settings: Mapping[str, Value]
    words: str


def mending(graph: Graph, report: Report, problem: Problem, check: Check) -> Mend | None:
    """Return the block that mends a problem, None where no single block does.

    Each candidate is tried: it counts only if the problem is gone afterwards and nothing new is
    wrong with the block itself.

    Args:
        graph: The graph that was checked.
        report: Its report.
        problem: One of its problems.
        check: Checks a changed graph in the same place.
    """
    if problem.path or problem.block not in graph.blocks:
        return None
    wire = graph.into(problem.block).get(problem.port)
    if wire is None or not problem.error:
        return None
    for kind in dict.fromkeys(filter(None, (problem.remedy, "linear"))):
        if not editing.can_insert(graph, kind, wire):
            continue
        for settings in _settings(kind, graph, report, wire):
            if _helps(graph, problem, check, Mend(kind, wire, settings, "")):
                return Mend(kind, wire, settings, _words(kind, settings, report, wire))
    return None


def _settings(
    kind: str, graph: Graph, report: Report, wire: Wire
) -> Iterator[Mapping[str, Value]]:
    """Yield settings to try: the widths of what else the block gets or gives, then none."""
    if any(param.name == "width" for param in KINDS[kind].params):
        others = graph.into(wire.target).values()
        shapes = [report.shapes.get((w.source, w.out)) for w in others if w != wire]
        shapes.append(report.shapes.get((wire.target, "out")))
        for width in dict.fromkeys(shape.width for shape in shapes if shape is not None):
            if width:
                yield {"width": width}
    yield {}


def _helps(graph: Graph, problem: Problem, check: Check, mend: Mend) -> bool:
    try:
        add = editing.insert_on_wire(graph, mend.kind, mend.wire)
        params = KINDS[mend.kind].parse({**add.block.params, **mend.settings})
    except SeqError:
        return False
    mended = replace(add, block=replace(add.block, params=params)).apply(Project(graph)).graph
    wrong = {error.block for error in check(mended).errors}
    return problem.block not in wrong and add.block.id not in wrong


def _words(kind: str, settings: Mapping[str, Value], report: Report, wire: Wire) -> str:
    title = KINDS[kind].title
    article = "an" if title[:1] in "AEIO" else "a"
    arriving = report.shapes.get((wire.source, wire.out))
    widths = ""
    if "width" in settings and arriving is not None and arriving.width:
        widths = f" {arriving.width} → {settings['width']}"
    return f"Insert {article} {title}{widths}"
