"""Checking a graph: shapes on every wire, trainable numbers of every block, problems in words.

Pure and quick (no torch): the canvas runs it after every edit, the trainer before every run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.declaration import BlockKind, Call, Context, DataFacts, Shape, ShapeError
from seqstudio.core.errors import GraphError, SeqError
from seqstudio.document.graph import Block, Graph


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
    """

    block: str
    port: str
    what: str
    why: str = ""
    hint: str = ""
    remedy: str = ""
    error: bool = True

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
        problems: Errors first, in the order of the blocks.
    """

    shapes: Mapping[tuple[str, str], Shape]
    counts: Mapping[str, int]
    contexts: Mapping[str, Context]
    order: tuple[str, ...]
    head: str
    problems: tuple[Problem, ...]

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
            where = f"{problem.block}: " if problem.block else ""
            raise GraphError(where + problem.what, problem.why, problem.hint)

    def call(self, block: Block) -> Call:
        """Return the constructor call of a good block's module."""
        return KINDS[block.kind].module(self.contexts[block.id])


def check(graph: Graph, facts: DataFacts) -> Report:
    """Infer shapes through the graph and collect every problem; never raises for a bad graph."""
    return _Checker(graph, facts).run()


class _Checker:
    """One pass over a graph in running order."""

    def __init__(self, graph: Graph, facts: DataFacts) -> None:
        self.graph = graph
        self.facts = facts
        self.shapes: dict[tuple[str, str], Shape] = {}
        self.counts: dict[str, int] = {}
        self.contexts: dict[str, Context] = {}
        self.problems: list[Problem] = []

    def run(self) -> Report:
        order, cyclic = self.graph.order()
        head = self._find_head()
        used = self.graph.upstream({head}) if head else set(self.graph.blocks)
        self.problems.extend(self._wire_problems())
        if cyclic:
            self.problems.append(self._cycle_problem(cyclic))
        for key in order:
            self._check_block(self.graph.blocks[key], used)
        self._check_tie(head)
        self.problems.extend(self._idle_notes(used, head))
        trained = tuple(key for key in order if key in used)
        self.problems.sort(key=lambda problem: not problem.error)
        return Report(self.shapes, self.counts, self.contexts, trained, head, tuple(self.problems))

    def _find_head(self) -> str:
        heads = [b.id for b in self.graph if b.kind in KINDS and KINDS[b.kind].head]
        if not heads:
            words = {
                "next token": "Next-token head",
                "class": "Class head",
                "value": "Value head",
            }
            wanted = words[self.facts.pattern]
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
            for key, name in ((wire.source, wire.out), (wire.target, wire.into)):
                kind = KINDS.get(self.graph.blocks[key].kind)
                if kind is not None and kind.port(name) is None:
                    what = f"{kind.title} has no port {name!r}"
                    yield Problem(key, name, what, "it is from another version", "Delete the wire")

    def _cycle_problem(self, cyclic: list[str]) -> Problem:
        loop = [key for key in cyclic if self._on_loop(key)] or cyclic
        names = ", ".join(title_of(self.graph.blocks[key]) for key in loop[:4])
        return Problem(
            loop[0], "in", "The wires form a loop",
            f"{names} wait for each other",
            "Delete one of these wires; memory over time belongs inside a recurrent block",
        )  # fmt: skip

    def _on_loop(self, key: str) -> bool:
        return any(self.graph.reaches(wire.target, key) for wire in self.graph.outof(key))

    def _check_block(self, block: Block, used: set[str]) -> None:
        kind = KINDS.get(block.kind)
        if kind is None:
            what = f"The block {block.kind!r} is not known here"
            self._add(block.id, "", what, "it is from another version", "Delete or replace it")
            return
        wires = self.graph.into(block.id)
        missing = [port for port in kind.inputs if port.name not in wires]
        for port in missing:
            if block.id in used:
                what = f"{title_of(block)} has nothing at its {port.title}"
                self._add(block.id, port.name, what, "", "Draw a wire to it")
        keys = {name: (wire.source, wire.out) for name, wire in wires.items()}
        if missing or any(key not in self.shapes for key in keys.values()):
            return  # the cause is reported further up
        self._infer(block, kind, {name: self.shapes[key] for name, key in keys.items()})

    def _infer(self, block: Block, kind: BlockKind, ins: Mapping[str, Shape]) -> None:
        try:
            context = Context(kind.parse(block.params), ins, self.facts)
            _check_kinds(kind, ins)
            outs = kind.shape(context)
        except ShapeError as error:
            port = error.port if kind.port(error.port) else ""
            self.problems.append(
                Problem(block.id, port, error.what, error.why, error.hint, error.remedy)
            )
            return
        except SeqError as error:
            self._add(block.id, "", f"{title_of(block)}: {error.what}", error.why, error.hint)
            return
        self.contexts[block.id] = context
        self.counts[block.id] = kind.count(context)
        for name, shape in outs.items():
            self.shapes[block.id, name] = shape

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

    def _idle_notes(self, used: set[str], head: str) -> Iterator[Problem]:
        for block in self.graph:
            if (
                head
                and block.id not in used
                and block.kind in KINDS
                and not KINDS[block.kind].head
            ):
                yield Problem(block.id, "", f"{title_of(block)} leads nowhere",
                              "no wire goes from it to the head, so it is not trained",
                              "Wire it, or delete it", error=False)  # fmt: skip


def _check_kinds(kind: BlockKind, ins: Mapping[str, Shape]) -> None:
    for port in kind.inputs:
        arriving = ins[port.name]
        if arriving.kind == port.kind:
            continue
        if port.kind == "tensor":
            raise ShapeError(
                f"Tokens cannot feed {kind.title}",
                "tokens are numbers of symbols, not features",
                "Add an Embedding or One-hot between",
                port=port.name,
            ).mended_by("embedding")
        raise ShapeError(
            f"{kind.title} needs tokens, it gets features {arriving}",
            "it looks symbols up by their number",
            "Wire it to Tokens",
            port=port.name,
        )


def tied_embedding(graph: Graph, head: str) -> str | None:
    """Return the id of the first embedding that feeds `head`, or None."""
    used = graph.upstream({head})
    return next((b.id for b in graph if b.kind == "embedding" and b.id in used), None)


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
    for arch in ("transformer", "lstm", "gru", "rnn"):
        if arch in found:
            return arch
    return "custom1"
