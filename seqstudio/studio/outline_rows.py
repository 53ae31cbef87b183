"""What the outline says: rows for blocks, ports, wires and problems. No widgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from seqstudio.blocks import editing, ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Problem, Report, title_of
from seqstudio.blocks.declaration import Port
from seqstudio.document.graph import Block, Graph, Path, Wire

RowKind = Literal["block", "port", "wire", "problem", "heading"]


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        key: Names the row for life: ids of the blocks that lead to it, then what it is there.
        kind: What it is.
        text: What is shown.
        told: What a screen reader says: `text` and what the eye sees beside it.
        path: Blocks to enter to get to the graph that it belongs to.
        block: Id of the block there that it is about, "" for none.
        port: Port that it is about, or "".
        output: Whether that port is an output.
        wire: The wire that it is about.
        plain: For a block, the name of its kind.
        icon: Icon name.
        tone: Colour token of the icon.
        role: Lecture colour of the icon instead, or "".
        open: Whether it shows its own rows at first.
        rows: Rows below it.
    """

    key: tuple[str, ...]
    kind: RowKind
    text: str
    told: str
    path: Path = ()
    block: str = ""
    port: str = ""
    output: bool = False
    wire: Wire | None = None
    plain: str = ""
    icon: str = "chevron-right"
    tone: str = "textMid"
    role: str = ""
    open: bool = False
    rows: tuple[Row, ...] = ()

    @property
    def block_key(self) -> tuple[str, ...]:
        """Key of the row of the block that this one belongs to."""
        return (*self.path, self.block)


def children(path: Path, graph: Graph, report: Report) -> list[Row]:
    """Return the rows of a graph: its problems, then its blocks in running order.

    Args:
        path: Blocks to enter to get to `graph`; () for the outermost one.
        graph: The graph.
        report: The check of the outermost graph; nested problems stand in it with their path.
    """
    order, cyclic = graph.order()
    blocks = [graph.blocks[key] for key in (*order, *cyclic)]
    return [*_problem_rows(report, graph, path, ""),
            *(_block_row(block, path, graph, report) for block in blocks)]  # fmt: skip


def _problem_rows(report: Report, graph: Graph, path: Path, block: str) -> Iterator[Row]:
    for place, problem in enumerate(report.problems):
        if problem.path == path and problem.block == block:
            yield _problem_row((*path, block, f"problem:{place}"), problem)


def _problem_row(key: tuple[str, ...], problem: Problem) -> Row:
    word, tone = ("Error", "error") if problem.error else ("Note", "warn")
    sentence = problem.sentence()
    return Row(key, "problem", sentence, f"{word}: {sentence}", problem.path, problem.block,
               icon=tone, tone=tone)  # fmt: skip


def _block_row(block: Block, path: Path, graph: Graph, report: Report) -> Row:
    key, kind = (*path, block.id), KINDS.get(block.kind)
    title = title_of(block)
    problems = tuple(_problem_rows(report, graph, path, block.id))
    failed = any(row.tone == "error" for row in problems)
    inner = tuple(children(key, block.inside, report)) if block.inside is not None else ()
    inside = (Row((*key, "inside:"), "heading", "Inside", f"Inside {title}", path, block.id,
                  icon="composite", rows=inner),) if inner else ()  # fmt: skip
    return Row(
        key, "block", title, _told(block, problems, report if not path else None), path, block.id,
        plain=kind.title if kind else block.kind,
        icon="error" if failed else kind.icon if kind else "help",
        tone="error" if failed else "textMid",
        role=kind.role if kind and not failed else "",
        open=bool(problems),
        rows=(*problems, *_port_rows(block, path, graph), *inside),
    )  # fmt: skip


def _told(block: Block, problems: Sequence[Row], report: Report | None) -> str:
    kind = KINDS.get(block.kind)
    parts = [title_of(block)]
    if kind is None:
        parts.append("unknown block")
    elif block.title and block.title != kind.title:
        parts.append(kind.title)
    parts += [{"bypass": "bypassed", "mute": "muted"}[block.mode]] if block.mode else []
    count = report.counts.get(block.id, 0) if report is not None else 0
    parts += [f"{count:,} parameters"] if count else []
    parts += [f"{len(problems)} problem{'s' * (len(problems) > 1)}"] if problems else []
    return ", ".join(parts)


def _port_rows(block: Block, path: Path, graph: Graph) -> Iterator[Row]:
    into = graph.into(block.id)
    for port in ports.inputs(block):
        wires = [into[port.name]] if port.name in into else []
        yield _port_row(block, path, graph, port, wires, output=False)
    for port in ports.outputs(block):
        wires = [w for w in graph.outof(block.id) if w.out == port.name]
        yield _port_row(block, path, graph, port, wires, output=True)


def _port_row(
    block: Block, path: Path, graph: Graph, port: Port, wires: Sequence[Wire], *, output: bool
) -> Row:
    way = "out" if output else "in"
    key = (*path, block.id, f"{way}:{port.name}")
    title = port.title or port.name
    ends = ", ".join(_other_end(graph, wire, block.id) for wire in wires)
    arrow = "→" if output else "←"
    told = f"{'Output' if output else 'Input'} {title}, {port.kind}"
    rows = tuple(
        Row((*key, f"{w.source}.{w.out}>{w.target}.{w.into}"), "wire",
            wire_words(graph, w, block.id), f"Wire {wire_words(graph, w, block.id)}", path,
            block.id, port.name, output, w, icon="split")
        for w in wires
    )  # fmt: skip
    return Row(
        key, "port", f"{title} {arrow} {ends}" if ends else f"{title} {arrow} –",
        f"{told}, {'to' if output else 'from'} {ends}" if ends else f"{told}, not connected",
        path, block.id, port.name, output, icon="export" if output else "import", rows=rows,
    )  # fmt: skip


def _other_end(graph: Graph, wire: Wire, block: str) -> str:
    other = wire.target if wire.source == block else wire.source
    return title_of(graph.blocks[other])


def wire_words(graph: Graph, wire: Wire, block: str) -> str:
    """Return what is at the other end of a wire of `block`: "to Add, first input"."""
    outward = wire.source == block
    other = graph.blocks[wire.target if outward else wire.source]
    name = wire.into if outward else wire.out
    port = ports.port(other, name, not outward)
    way, side = ("to", "input") if outward else ("from", "output")
    title = port.title if port and port.title else name
    return f"{way} {title_of(other)}" + ("" if title == side else f", {title}")


def connections(graph: Graph, row: Row) -> list[Wire]:
    """Return every wire that could be drawn from the port of a row, or its block's first ports."""
    block = graph.blocks[row.block]
    outs = [p.name for p in ports.outputs(block)]
    ins = [p.name for p in ports.inputs(block)]
    if row.port:
        outs, ins = ([row.port], []) if row.output else ([], [row.port])
    elif outs:
        ins = []
    wires = [Wire(row.block, out, other.id, port.name)
             for out in outs for other in graph for port in ports.inputs(other)]  # fmt: skip
    wires += [Wire(other.id, port.name, row.block, into)
              for into in ins for other in graph for port in ports.outputs(other)]  # fmt: skip
    return [w for w in wires if w not in graph.wires and not editing.refusal(graph, w)]
