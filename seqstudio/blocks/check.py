"""Checking a graph: shapes on every wire, trainable numbers of every block, problems in words.

Pure and quick (no torch): the canvas runs it after every edit, the trainer before every run. The
graph inside a block is checked in the same way, with the shapes that arrive at its inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.declaration import (
    HEAD_TITLES,
    BlockKind,
    Call,
    Context,
    DataFacts,
    Port,
    Shape,
    ShapeError,
)
from seqstudio.core.errors import GraphError, SeqError
from seqstudio.document.graph import Block, Graph, Path, Wire

Home = Literal["top", "group", "cell"]
LIMIT_NUMBERS = 2_000_000_000
_NOTHING: Mapping[str, Shape] = {}


@dataclass(frozen=True)
class Problem:
    """Something that keeps the graph from training, or that a person should know.

    Attributes:
        block: Id of the block concerned, "" for the whole graph.
        port: Input concerned, or "".
        what: What is wrong.
        why: The cause, or "".
        hint: What to do.
        remedy: Kind of a block to put on the wire into `port`, or "".
        error: False for a note that does not keep the graph from training.
        path: Blocks to enter to get to `block`; () in the graph that was checked.
    """

    block: str
    port: str
    what: str
    why: str = ""
    hint: str = ""
    remedy: str = ""
    error: bool = True
    path: Path = ()

    def sentence(self) -> str:
        """Return all parts as one line."""
        return SeqError(self.what, self.why, self.hint).sentence()


@dataclass(frozen=True)
class Report:
    """Result of a check.

    Attributes:
        shapes: Shape at each output that could be told, by (block, port).
        counts: Trainable numbers of each block that could be told.
        contexts: What the functions of each good block's declaration get.
        order: Ids of the blocks that train, in the order they run.
        head: Id of the head, or "".
        problems: Errors first, in the order of the blocks; those inside of blocks too.
        inside: Reports of the graphs inside blocks, by block.
        home: What the graph is: the outermost one, a group or a recurrent cell.
        axis: For a cell: name of the axis that it is stepped along, "" when there is none.
        stepped: For a cell: its input ports that are taken one step of that axis at a time.
        given: For a group or cell: its input ports that get something.
    """

    shapes: Mapping[tuple[str, str], Shape]
    counts: Mapping[str, int]
    contexts: Mapping[str, Context]
    order: tuple[str, ...]
    head: str
    problems: tuple[Problem, ...]
    inside: Mapping[str, Report] = field(default_factory=dict)
    home: Home = "top"
    axis: str = ""
    stepped: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep the graph from training."""
        return tuple(problem for problem in self.problems if problem.error)

    @property
    def playable(self) -> bool:
        """True when the graph can train."""
        return not self.errors

    @property
    def total(self) -> int:
        """Trainable numbers of the model: what feeds the head."""
        return sum(self.counts.get(key, 0) for key in self.order)

    def raise_errors(self) -> None:
        """Raise GraphError for the first error, if there is one."""
        for problem in self.errors:
            place = " / ".join((*problem.path, problem.block)).removesuffix(" / ")
            where = f"{place}: " if place else ""
            raise GraphError(where + problem.what, problem.why, problem.hint)

    def call(self, block: Block) -> Call:
        """Return the constructor call of a good block's module."""
        return KINDS[block.kind].module(self.contexts[block.id])


def check(graph: Graph, facts: DataFacts) -> Report:
    """Infer shapes through the graph and collect every problem; never raises for a bad graph."""
    return _Checker(graph, facts).run()


def flow(graph: Graph) -> Graph:
    """Return the graph without the wires that carry a value into the next time step.

    What is left has to be free of loops; its order is the order of one step.
    """
    later = {wire for wire in graph.wires if is_recurrent(graph, wire)}
    if not later:
        return graph
    return replace(graph, wires=tuple(wire for wire in graph.wires if wire not in later))


def is_recurrent(graph: Graph, wire: Wire) -> bool:
    """Tell whether a wire carries a value into the next time step."""
    return wire.into == "next" and graph.blocks[wire.target].kind == ports.STATE


class _Checker:
    """One pass over a graph in running order."""

    def __init__(
        self,
        graph: Graph,
        facts: DataFacts,
        home: Home = "top",
        given: Mapping[str, Shape] = _NOTHING,
    ) -> None:
        self.graph = graph
        self.flow = flow(graph)
        self.facts = facts
        self.home = home
        self.given = given
        self.shapes: dict[tuple[str, str], Shape] = {}
        self.counts: dict[str, int] = {}
        self.contexts: dict[str, Context] = {}
        self.inside: dict[str, Report] = {}
        self.problems: list[Problem] = []
        # A cell is stepped along the axis of the first sequence that reaches it.
        self.axis = next((shape.axis for shape in given.values() if shape.axis), "")

    def run(self) -> Report:
        order, cyclic = self.flow.order()
        head = self._find_head() if self.home == "top" else ""
        ends = {head} if head else self._ends()
        used = self.graph.upstream(ends) if ends else set(self.graph.blocks)
        self.problems.extend(self._wire_problems())
        if cyclic:
            self.problems.append(self._cycle_problem(cyclic))
        for key in order:
            self._check_block(self.graph.blocks[key], used)
        self._check_states(used)
        self._check_tie(head)
        self._check_size(head)
        self.problems.extend(self._leaks(head, used))
        self.problems.extend(self._idle_notes(used, bool(ends)))
        trained = tuple(key for key in order if key in used)
        self._check_fed(trained)
        self.problems.sort(key=lambda problem: not problem.error)
        return Report(
            self.shapes, self.counts, self.contexts, trained, head, tuple(self.problems),
            self.inside, self.home, self.axis, frozenset(self._stepped()), frozenset(self.given),
        )  # fmt: skip

    def _stepped(self) -> Iterator[str]:
        if self.home == "cell" and self.axis:
            yield from (name for name, shape in self.given.items() if shape.axis == self.axis)

    def _ends(self) -> set[str]:
        """Return the outlets of a graph inside a block: what leads to none of them is not used."""
        if self.home == "top":
            return set()
        found = {block.id for block in self.graph if block.kind == ports.OUTLET}
        if not found:
            self._add("", "", "Nothing leaves this block", "it has no output port",
                      "Add an Output port and wire it")  # fmt: skip
        return found

    def _find_head(self) -> str:
        heads = [b.id for b in self.graph if b.kind in KINDS and KINDS[b.kind].head]
        if not heads:
            wanted = HEAD_TITLES[self.facts.pattern]
            self._add("", "", "The graph has no head", "nothing says what to predict",
                      f"Add a {wanted} at the end")  # fmt: skip
            return ""
        for extra in heads[1:]:
            self._add(extra, "", "There is a second head", "a model has one for now",
                      "Delete one of them")  # fmt: skip
        return heads[0]

    def _add(self, block: str, port: str, what: str, why: str = "", hint: str = "") -> None:
        self.problems.append(Problem(block, port, what, why, hint))

    def _wire_problems(self) -> Iterator[Problem]:
        for wire in self.graph.wires:
            for key, name, output in (
                (wire.source, wire.out, True),
                (wire.target, wire.into, False),
            ):
                block = self.graph.blocks[key]
                if block.kind in KINDS and ports.port(block, name, output) is None:
                    what = f"{title_of(block)} has no port {name!r}"
                    why = "its ports have changed, or it is from another version"
                    yield Problem(key, name, what, why, "Delete the wire")

    def _cycle_problem(self, cyclic: list[str]) -> Problem:
        loop = [key for key in cyclic if self._on_loop(key)] or cyclic
        names = ", ".join(title_of(self.graph.blocks[key]) for key in loop[:4])
        hint = "Delete one of these wires; memory over time goes through a State in a cell"
        return Problem(
            loop[0], "in", "The wires form a loop", f"{names} wait for each other", hint
        )

    def _on_loop(self, key: str) -> bool:
        return any(self.flow.reaches(wire.target, key) for wire in self.flow.outof(key))

    def _check_block(self, block: Block, used: set[str]) -> None:
        kind = KINDS.get(block.kind)
        if kind is None:
            what = f"The block {block.kind!r} is not known here"
            self._add(block.id, "", what, "it is from another version", "Delete or replace it")
            return
        if self._misplaced(block, kind) or self._must_work(block, kind):
            return
        if block.kind == ports.INLET:
            self._take_given(block)
            return
        wires = self._wired(block)
        missing = self._missing(block, wires)
        for name, title in missing.items():
            if block.id in used:
                what = f"{title_of(block)} has nothing at its {title}"
                self._add(block.id, name, what, "", "Draw a wire to it")
        keys = {name: (wire.source, wire.out) for name, wire in wires.items()}
        if missing or any(key not in self.shapes for key in keys.values()):
            return  # the cause is reported further up
        self._infer(block, kind, {name: self.shapes[key] for name, key in keys.items()})

    def _wired(self, block: Block) -> dict[str, Wire]:
        """Return the wires into a block, less those from input ports that got nothing outside."""
        wires = self.flow.into(block.id)
        return {
            name: wire
            for name, wire in wires.items()
            if self.graph.blocks[wire.source].kind != ports.INLET or wire.source in self.given
        }

    def _missing(self, block: Block, wires: Mapping[str, Wire]) -> dict[str, str]:
        return {
            port.name: port.title
            for port in ports.inputs(block)
            if port.name not in wires
            and not port.optional
            and not (block.kind == ports.STATE and port.name == "next")
        }

    def _misplaced(self, block: Block, kind: BlockKind) -> bool:
        homes: Mapping[str, tuple[Home, ...]] = {
            "anywhere": ("top", "group", "cell"),
            "top": ("top",),
            "inside": ("group", "cell"),
            "cell": ("cell",),
        }
        if self.home in homes[kind.place]:
            return False
        why = {
            "top": "it belongs to the outermost graph",
            "inside": "it is a port of a block made of blocks",
            "cell": "only a recurrent cell has time steps",
        }[kind.place]
        self._add(block.id, "", f"{title_of(block)} cannot stand here", why, "Delete it")
        return True

    def _must_work(self, block: Block, kind: BlockKind) -> bool:
        """Report a bypassed or muted block that the graph cannot do without."""
        if not block.mode or not (kind.head or kind.place in {"inside", "cell"}):
            return False
        why = "nothing else says what to predict" if kind.head else "it belongs to the frame"
        what = f"{title_of(block)} cannot be bypassed or muted"
        self._add(block.id, "", what, why, "Let it work again (Ctrl+B or Ctrl+M)")
        return True

    def _take_given(self, block: Block) -> None:
        """Give an input port of the inside the shape that arrives outside."""
        shape = self.given.get(block.id)
        if shape is not None:
            stepped = block.id in set(self._stepped())
            self.shapes[block.id, "out"] = shape.without_axis() if stepped else shape
        self.counts[block.id] = 0
        self.contexts[block.id] = Context(KINDS[block.kind].defaults(), {}, self.facts)

    def _infer(self, block: Block, kind: BlockKind, ins: Mapping[str, Shape]) -> None:
        try:
            context = Context(kind.parse(block.params), ins, self.facts)
            _check_kinds(block, ins)
            outs = self._outs(block, kind, context)
        except ShapeError as error:
            port = error.port if ports.port(block, error.port, output=False) else ""
            self.problems.append(
                Problem(block.id, port, error.what, error.why, error.hint, error.remedy)
            )
            return
        except SeqError as error:
            self._add(block.id, "", f"{title_of(block)}: {error.what}", error.why, error.hint)
            return
        self.contexts[block.id] = context
        bypassed = block.mode == "bypass"
        inner = self.inside.get(block.id)
        count = inner.total if inner else kind.count(context)
        self.counts[block.id] = 0 if bypassed else count
        for name, shape in outs.items():
            self.shapes[block.id, name] = shape

    def _outs(self, block: Block, kind: BlockKind, context: Context) -> Mapping[str, Shape]:
        if block.mode == "bypass":
            return _bypassed(block, context.ins)
        if block.inside is not None:
            return self._enter(block, block.inside, context)
        return kind.shape(context)

    def _enter(self, block: Block, inside: Graph, context: Context) -> Mapping[str, Shape]:
        """Check the graph inside a block; return the shapes at the block's outputs."""
        home: Home = "cell" if block.kind == "cell" else "group"
        report = _Checker(inside, self.facts, home, context.ins).run()
        self.inside[block.id] = report
        for problem in report.problems:
            self.problems.append(replace(problem, path=(block.id, *problem.path)))
        if home == "cell" and not report.axis:
            raise ShapeError(
                f"{title_of(block)} needs a sequence at one of its inputs",
                "it is stepped through time, and none of its inputs has an axis of time",
                "Wire a sequence to it",
                port=next(iter(context.ins), ""),
            )
        outs = {}
        for outlet in ports.outlets(block):
            wire = inside.into(outlet.id).get("in")
            shape = report.shapes.get((wire.source, wire.out)) if wire else None
            if shape is not None:
                outs[outlet.id] = shape.with_axis(report.axis) if home == "cell" else shape
        return outs

    def _check_fed(self, trained: tuple[str, ...]) -> None:
        """Report what would train on nothing, where no other problem tells the cause."""
        if any(problem.error for problem in self.problems):
            return
        for key in trained:
            if key not in self.contexts:
                what = f"{title_of(self.graph.blocks[key])} gets nothing to work with"
                self._add(key, "", what, "what is wired to it gives nothing there",
                          "Draw another wire to it")  # fmt: skip
                return

    def _check_states(self, used: set[str]) -> None:
        """Hold what arrives at each state's next value against its width."""
        for block in self.graph:
            if block.kind != ports.STATE or block.id not in used:
                continue
            self._check_start(block)
            wire = self.graph.into(block.id).get("next")
            kept = self.shapes.get((block.id, "out"))
            if wire is None:
                what, why = f"{title_of(block)} has nothing at its next", "it would never change"
                self._add(block.id, "next", what, why, "Draw a wire to it")
                continue
            arriving = self.shapes.get((wire.source, wire.out))
            if arriving is not None and kept is not None and arriving != kept:
                what = f"{title_of(block)} keeps {kept}, {arriving} arrives at its next"
                hint = f"Set its width to {arriving.width}" if arriving.width else ""
                self._add(block.id, "next", what, "a state keeps its shape over time", hint)

    def _leaks(self, head: str, used: set[str]) -> Iterator[Problem]:
        """Find blocks through which a next-token model sees what it has to predict."""
        if not head or KINDS[self.graph.blocks[head].kind].head != "next token":
            return
        streams = {b.id for b in self.graph if b.kind in KINDS and KINDS[b.kind].stream == "main"}
        for key in self.flow.downstream(streams) & used:
            for path in _looking_ahead(self.graph.blocks[key], self.contexts, self.inside):
                yield Problem(
                    path[-1], "", "It sees the token that it has to predict",
                    "it reads later steps of the same text",
                    "Make it causal, or feed it from another stream", error=False, path=path[:-1],
                )  # fmt: skip

    def _check_start(self, block: Block) -> None:
        """Hold what begins a state against its width; it has to be known before the first step."""
        wire = self._wired(block).get("start")
        kept = self.shapes.get((block.id, "out"))
        if wire is None or kept is None:
            return
        arriving = self.shapes.get((wire.source, wire.out))
        if arriving is not None and arriving != kept:
            what = f"{title_of(block)} keeps {kept}, {arriving} arrives at its start"
            self._add(block.id, "start", what, "a state keeps its shape over time")
        moving = set(self._stepped()) | {b.id for b in self.graph if b.kind == ports.STATE}
        if self.flow.upstream({wire.source}) & moving:
            what = f"The start of {title_of(block)} is not known before the first step"
            why = "it depends on what comes step by step"
            hint = "Wire it to an input that is no sequence, or leave it without a wire"
            self._add(block.id, "start", what, why, hint)

    def _check_size(self, head: str) -> None:
        if not head:
            return
        total = sum(self.counts.values())
        if total > LIMIT_NUMBERS:
            largest = max(self.counts, key=lambda key: self.counts[key])
            what = f"The model would have {total:,} numbers to learn"
            name = title_of(self.graph.blocks[largest])
            why = f"{name} alone has {self.counts[largest]:,}; the limit is {LIMIT_NUMBERS:,}"
            self._add(largest, "", what, why, "Make it narrower")

    def _check_tie(self, head: str) -> None:
        context = self.contexts.get(head)
        if context is None or not context.params.get("tie", False):
            return
        embedding = tied_embedding(self.graph, head)
        if embedding is None:
            self._add(head, "", "There is no embedding to tie to", "",
                      "Add an Embedding, or switch Tie off")  # fmt: skip
        elif embedding in self.contexts:
            width = self.contexts[embedding].integer("width")
            if width != context.width:
                what = f"The tied embedding is {width} wide, {context.width} arrive"
                hint = f"Set the embedding to {context.width}, or switch Tie off"
                self._add(head, "in", what, "both use the same matrix", hint)

    def _idle_notes(self, used: set[str], has_end: bool) -> Iterator[Problem]:
        goal = "the head" if self.home == "top" else "an output port"
        for block in self.graph:
            kind = KINDS.get(block.kind)
            if has_end and block.id not in used and kind is not None and not kind.head:
                yield Problem(block.id, "", f"{title_of(block)} leads nowhere",
                              f"no wire goes from it to {goal}, so it is not trained",
                              "Wire it, or delete it", error=False)  # fmt: skip


def _looking_ahead(
    block: Block, contexts: Mapping[str, Context], inside: Mapping[str, Report]
) -> Iterator[Path]:
    """Yield the ways to the blocks, this one or inside it, that read later steps of T."""
    context = contexts.get(block.id)
    if context is None or block.mode:
        return
    if block.inside is not None and block.id in inside:
        report = inside[block.id]
        for inner in block.inside:
            for path in _looking_ahead(inner, report.contexts, report.inside):
                yield (block.id, *path)
    elif KINDS[block.kind].sight(context) == "all" and any(
        "T" in shape.axis for shape in context.ins.values()
    ):
        yield (block.id,)


def _bypassed(block: Block, ins: Mapping[str, Shape]) -> Mapping[str, Shape]:
    """Return what leaves a bypassed block: at each output the first input of its kind."""
    outs = {}
    for port in ports.outputs(block):
        through = bypass_input(block, port.name)
        if through and through in ins:
            outs[port.name] = ins[through]
        elif port.kind != "state":
            raise ShapeError(
                f"{title_of(block)} cannot be bypassed",
                "nothing of the same kind goes in and out",
                "Let it work again (Ctrl+B), or mute it",
                port="",
            )
    return outs


def bypass_input(block: Block, output: str) -> str:
    """Return the input that a bypassed block hands on at an output, "" when there is none."""
    out = ports.port(block, output, output=True)
    fitting = (port.name for port in ports.inputs(block) if out and port.kind == out.kind)
    return next(fitting, "")


def _check_kinds(block: Block, ins: Mapping[str, Shape]) -> None:
    for port in ports.inputs(block):
        arriving = ins.get(port.name)
        if arriving is None or arriving.kind == port.kind:
            continue
        raise _wrong_kind(title_of(block), port, arriving)


def _wrong_kind(title: str, port: Port, arriving: Shape) -> ShapeError:
    match (arriving.kind, port.kind):
        case ("ids", _):
            return ShapeError(
                f"Tokens cannot feed {title}",
                "tokens are numbers of symbols, not features",
                "Add an Embedding or One-hot between",
                port=port.name,
            ).mended_by("embedding" if port.kind == "tensor" else "")
        case (_, "ids"):
            why, hint = "it looks symbols up by their number", "Wire it to Tokens"
            what = f"{title} needs tokens, it gets {_words(arriving)}"
        case ("picture", _):
            why, hint = "a picture is no sequence of features", "Add Patches or Places between"
            what = f"A picture cannot feed {title}"
        case (_, "picture"):
            why, hint = "it looks at pixels", "Wire it to Picture"
            what = f"{title} needs a picture, it gets {_words(arriving)}"
        case (_, "state"):
            why = "a start state has the form that a recurrent block leaves behind"
            hint = "Wire it to the state of a recurrent block, or put Start state between"
            what = f"{title} needs a state at its {port.title}, it gets {_words(arriving)}"
        case _:
            why, hint = "a state is what a recurrent block keeps", "Wire its output instead"
            what = f"A state cannot feed {title}"
    return ShapeError(what, why, hint, port=port.name)


def _words(shape: Shape) -> str:
    return f"features {shape}" if shape.kind == "tensor" else f"a {shape.kind}"


def tied_embedding(graph: Graph, head: str) -> str | None:
    """Return the id of the first embedding of the main tokens that feeds `head`, or None."""
    used = graph.upstream({head})
    read = {w.target for w in graph.wires if graph.blocks[w.source].kind == "tokens"}
    found = (b.id for b in graph if b.kind == "embedding" and b.id in used and b.id in read)
    return next(found, None)


def title_of(block: Block) -> str:
    """Return the name a person sees: their own, or that of the kind."""
    kind = KINDS.get(block.kind)
    return block.title or (kind.title if kind else block.kind)


def main_arch(graph: Graph) -> str:
    """Return the architecture that names and colours a run of this graph.

    The widest claim wins: a transformer among recurrent blocks is a transformer; then LSTM, GRU,
    RNN; "custom1" when there is none of them.
    """
    found = {KINDS[block.kind].arch for block in graph if block.kind in KINDS}
    for arch in ("transformer", "custom1", "lstm", "gru", "rnn"):
        if arch in found:
            return arch
    return "custom1"
