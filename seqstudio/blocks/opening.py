"""Opening blocks of the catalogue: the same block, made of primitives (`insides`).

A block that opens keeps its id, title, place, mode and ports. As long as nothing inside has been
changed the block itself stays as it was, and its fused layer trains; only a change inside puts
the opened form in its place. `seqstudio.engine.opening` carries the weights over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Report, check, title_of
from seqstudio.blocks.declaration import Context, DataFacts
from seqstudio.blocks.insides import EXPOSED, OPENINGS
from seqstudio.core.errors import GraphError
from seqstudio.document.edits import Edit, Within
from seqstudio.document.graph import Block, Graph, Path
from seqstudio.document.project import Project


def opens(block: Block) -> bool:
    """Tell whether there is something inside a block to look at."""
    return block.inside is not None or block.kind in OPENINGS


def opened(block: Block, context: Context) -> Block | None:
    """Return a block as it is made of primitives: same id, title, place, ports and mode.

    Args:
        block: The block; one that has an inside is returned as it is.
        context: What the check knows of it: parsed settings and what arrives.

    Returns:
        None when the block is a primitive, or works in a way that primitives cannot express.
    """
    if block.inside is not None:
        return block
    opening = OPENINGS.get(block.kind)
    if opening is None:
        return None
    found = opening(context)
    if found is None:
        return None
    kind, inside = found
    title = block.title or KINDS[block.kind].title
    exposed = tuple(
        name for name in EXPOSED.get(block.kind, ()) if name.partition(".")[0] in inside.blocks
    )
    return replace(block, kind=kind, params={}, title=title, inside=inside, exposed=exposed)


# Opening on the way to a place inside


def open_along(graph: Graph, path: Path, facts: DataFacts) -> Graph:
    """Return the graph in which every block on a path has its inside.

    Raises:
        KeyError: A block on the way is gone.
        GraphError: One of them has nothing inside, or cannot tell while something before it is
            wrong.
    """
    for depth, key in enumerate(path):
        outer = graph.at(path[:depth])
        block = outer.blocks[key]
        if block.inside is None:
            report = report_at(check(graph, facts), path[:depth])
            fresh = _opened_here(outer, block, report)
            graph = graph.put(path[:depth], outer.with_block(fresh))
    return graph


def report_at(report: Report | None, path: Path) -> Report | None:
    """Return the report of the graph at a path; None when the check did not get there."""
    for key in path:
        report = report.inside.get(key) if report else None
    return report


def _opened_here(graph: Graph, block: Block, report: Report | None) -> Block:
    name = title_of(block)
    if block.kind not in OPENINGS:
        raise GraphError(f"There is nothing inside {name}", "it is a primitive")
    context = report.contexts.get(block.id) if report else None
    if context is None:
        raise GraphError(f"{name} cannot be opened yet", "its input is not known",
                         "Solve the problems before it first")  # fmt: skip
    fresh = opened(block, context)
    if fresh is None:
        raise GraphError(f"{name} cannot be opened", "no primitives compute the same")
    return fresh


def _refuse_lost_wires(graph: Graph, path: Path, opened_up: Graph) -> None:
    """Raise when a wire leads to a port that a block on the path has no longer."""
    for depth, key in enumerate(path):
        try:
            outer = graph.at(path[:depth])
        except KeyError:  # made of what has just been opened: its wires are new as well
            return
        fresh = opened_up.at(path[:depth]).blocks[key]
        for wire in outer.wires:
            into = wire.target == key and ports.port(fresh, wire.into, output=False) is None
            out = wire.source == key and ports.port(fresh, wire.out, output=True) is None
            if into or out:
                raise GraphError(
                    f"{title_of(fresh)} cannot change inside while its state is wired",
                    "a block of one's own keeps its states inside",
                    "Take that wire away first",
                )


@dataclass(frozen=True)
class WithinOpened:
    """An edit inside a block of the catalogue: it becomes a block of one's own, and is changed.

    Attributes:
        path: Ids of the blocks that lead there from the outermost graph.
        edit: What to do there.
        facts: What the widths inside rest on.
        around: The edit is one of the graph around the last block of the path, which opens too.
    """

    path: Path
    edit: Edit
    facts: DataFacts
    around: bool = False

    @property
    def label(self) -> str:
        """Words of the edit itself."""
        return self.edit.label

    def apply(self, project: Project) -> Project:
        """Return the project after the edit; the same one when the edit changes nothing."""
        opened_up = project.with_graph(open_along(project.graph, self.path, self.facts))
        place = self.path[:-1] if self.around else self.path
        after = Within(place, self.edit).apply(opened_up)
        if after.graph == opened_up.graph:
            return project
        _refuse_lost_wires(project.graph, self.path, opened_up.graph)
        return after
