"""The order in which the blocks of a checked graph run, and what each of them reads.

The engine builds its modules from a plan, the code export its source: both see the same model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Home, Report, bypass_input, title_of
from seqstudio.blocks.declaration import Call, Memory, Port, Sight, Stream
from seqstudio.blocks.names import attribute_name
from seqstudio.document.graph import Block, Graph

Ref = tuple[str, str]
"""A value: the block and the output port that it leaves."""


@dataclass(frozen=True)
class Node:
    """One block in running order.

    Attributes:
        block: Its id in the graph.
        kind: Key in the catalogue.
        name: Its attribute in the module and in the exported code.
        reads: What its required inputs get, in the order of the ports.
        optional: What its wired optional inputs get, by port name.
        outputs: Its output ports.
        memory: "state", "cache" or "".
        lengths: Name of an argument and of the axis whose true lengths it takes.
        muted: It gives zeros.
        stream: Where a block without inputs reads.
        sight: What a step of its output depends on.
        call: How its module is made.
        inner: Plan of what is inside a group or cell; None for all others.
    """

    block: str
    kind: str
    name: str
    reads: tuple[Ref, ...]
    optional: Mapping[str, Ref]
    outputs: tuple[Port, ...]
    memory: Memory
    lengths: tuple[tuple[str, str], ...]
    muted: bool
    stream: Stream
    sight: Sight
    call: Call
    inner: Plan | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids of the blocks that it reads from."""
        return tuple(block for block, _ in (*self.reads, *self.optional.values()))

    @property
    def stepwise(self) -> bool:
        """True when a text can be continued one step at a time without running it again."""
        if self.inner is not None:
            return self.inner.home == "cell" or all(node.stepwise for node in self.inner.nodes)
        return self.sight == "step" or (self.sight == "past" and bool(self.memory))


@dataclass(frozen=True)
class Kept:
    """A state of a recurrent cell: what is carried from one time step to the next.

    Attributes:
        block: Id of the state block.
        title: Its name for people.
        name: Its attribute.
        following: The value for the next step.
        start: The value before the first step; None begins with zeros or a learned vector.
        call: How its module is made.
    """

    block: str
    title: str
    name: str
    following: Ref
    start: Ref | None
    call: Call


@dataclass(frozen=True)
class Plan:
    """How a graph runs.

    Attributes:
        nodes: Blocks in running order; outermost the last is the head.
        home: The outermost graph, a group or a recurrent cell.
        inlets: Ids of the input ports of a group or cell, in the order of the ports.
        optional: Those of them that may stay without a value.
        results: What leaves through its output ports, in the order of the ports.
        states: What a cell carries from step to step.
        stepped: Inlets of a cell that are taken one time step at a time; others are whole.
        axis: Name of the axis that a cell is stepped along.
        apart: Ids of nodes that do not depend on the main stream: the encoder of a pair, read once
            for a whole text. In a cell: those that depend on no stepped inlet and on no state.
        ahead: In a cell: ids of nodes that depend on stepped inlets alone, and so can run for all
            time steps at once before the first.
        memory: "state" when a state is carried inside, "cache" when keys and values can be.
    """

    nodes: tuple[Node, ...]
    home: Home
    inlets: tuple[str, ...]
    optional: frozenset[str]
    results: tuple[Ref, ...]
    states: tuple[Kept, ...]
    stepped: frozenset[str]
    axis: str
    apart: frozenset[str]
    ahead: frozenset[str]
    memory: Memory

    def everything(self) -> Iterator[Node]:
        """Yield every node, those inside of groups and cells too."""
        for node in self.nodes:
            yield node
            if node.inner is not None:
                yield from node.inner.everything()


def make_plan(graph: Graph, report: Report) -> Plan:
    """Return the plan of a graph without errors."""
    return _Planner(graph, report).plan()


class _Planner:
    def __init__(self, graph: Graph, report: Report) -> None:
        self.graph = graph
        self.report = report
        self.into = _wires_by_target(graph)

    def plan(self) -> Plan:
        boundary = {ports.INLET, ports.OUTLET, ports.STATE}
        blocks = [self.graph.blocks[key] for key in self.report.order]
        nodes = tuple(
            self._node(b) for b in blocks if b.kind not in boundary and b.mode != "bypass"
        )
        states = tuple(self._kept(b) for b in blocks if b.kind == ports.STATE)
        inlets = [block for block in self.graph if block.kind == ports.INLET]
        stepped = self._stepped(inlets)
        apart, ahead = self._split(nodes, states, stepped)
        return Plan(
            nodes=nodes,
            home=self.report.home,
            inlets=tuple(block.id for block in inlets),
            optional=frozenset(b.id for b in inlets if b.params.get("optional", False)),
            results=tuple(self._arriving(b.id, "in") for b in self._outlets()),
            states=states,
            stepped=stepped,
            axis=self.report.axis,
            apart=apart,
            ahead=ahead,
            memory="state" if self.report.home == "cell" else _memory(nodes),
        )

    def _outlets(self) -> list[Block]:
        return [block for block in self.graph if block.kind == ports.OUTLET]

    def _stepped(self, inlets: list[Block]) -> frozenset[str]:
        if self.report.home != "cell":
            return frozenset()
        return frozenset(b.id for b in inlets if b.id in self.report.stepped)

    def _node(self, block: Block) -> Node:
        kind, wired = KINDS[block.kind], self._wired(block)
        inputs = ports.inputs(block)
        inner = None
        if block.inside is not None:
            inner = make_plan(block.inside, self.report.inside[block.id])
        context = self.report.contexts[block.id]
        return Node(
            block=block.id,
            kind=block.kind,
            name=attribute_name(block.id),
            reads=tuple(self._arriving(block.id, p.name) for p in inputs if not p.optional),
            optional={
                p.name: self._arriving(block.id, p.name)
                for p in inputs
                if p.optional and p.name in wired
            },
            outputs=ports.outputs(block),
            memory=kind.memory if inner is None else inner.memory,
            lengths=tuple(self._lengths(block, kind.masks)),
            muted=block.mode == "mute",
            stream=kind.stream,
            sight=kind.sight(context),
            call=kind.module(context),
            inner=inner,
        )

    def _lengths(self, block: Block, masks: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        for name in masks:
            shape = self.report.contexts[block.id].ins.get(name)
            if shape is not None and shape.axis:
                yield "lengths" if name == "in" else f"{name}_lengths", shape.axis

    def _wired(self, block: Block) -> set[str]:
        """Return the inputs that get something: an optional input port may get nothing."""
        refs = self.into.get(block.id, {}).items()
        absent = {b.id for b in self.graph if b.kind == ports.INLET} - self.report.given
        return {name for name, (source, _) in refs if source not in absent}

    def _kept(self, block: Block) -> Kept:
        start = "start" in self._wired(block)
        return Kept(
            block=block.id,
            title=title_of(block),
            name=attribute_name(block.id),
            following=self._arriving(block.id, "next"),
            start=self._arriving(block.id, "start") if start else None,
            call=KINDS[block.kind].module(self.report.contexts[block.id]),
        )

    def _arriving(self, block: str, port: str) -> Ref:
        """Return the value at an input; bypassed blocks on the way hand theirs on."""
        source, out = self.into[block][port]
        while self.graph.blocks[source].mode == "bypass":
            through = bypass_input(self.graph.blocks[source], out)
            source, out = self.into[source][through]
        return source, out

    def _split(
        self, nodes: tuple[Node, ...], states: tuple[Kept, ...], stepped: frozenset[str]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Return the nodes that stand apart from time, and those that can run ahead of it."""
        home = self.report.home
        if home == "group":
            return frozenset(), frozenset()
        moving = {node.block for node in nodes if _reads_main(node, self.report)}
        carried = {kept.block for kept in states}
        moving |= stepped | carried
        apart, ahead, early = set[str](), set[str](), set(stepped)
        for node in nodes:
            sources = set(node.sources)
            if node.block in moving or sources & moving:
                moving.add(node.block)
                if sources and sources <= early and not node.memory:
                    ahead.add(node.block)
                    early.add(node.block)
            else:
                apart.add(node.block)
        return frozenset(apart), frozenset(ahead)


def _reads_main(node: Node, report: Report) -> bool:
    if node.stream == "picture":
        return report.contexts[node.block].facts.input == "picture"
    return node.stream == "main"


def _memory(nodes: tuple[Node, ...]) -> Memory:
    kinds = {node.memory for node in nodes}
    return "state" if "state" in kinds else "cache" if "cache" in kinds else ""


def _wires_by_target(graph: Graph) -> dict[str, dict[str, Ref]]:
    into: dict[str, dict[str, Ref]] = {}
    for wire in graph.wires:
        into.setdefault(wire.target, {})[wire.into] = (wire.source, wire.out)
    return into
