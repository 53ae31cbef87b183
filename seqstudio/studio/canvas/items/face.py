"""What a block shows, as plain values: title, lines, ports, problems. Nothing is painted here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Report, bypass_input, title_of
from seqstudio.blocks.declaration import BlockKind, Context, DataFacts, Port, Shape
from seqstudio.core.errors import SeqError
from seqstudio.document.graph import Block

UNKNOWN_ICON = "help"


@dataclass(frozen=True)
class Face:
    """The content of one block on the canvas.

    Attributes:
        title: Name in the header.
        icon: Icon of the theme.
        role: Lecture colour, "" for a kind that is not known here.
        lines: At most two lines: what it does, what it costs.
        inputs: Ports on the left.
        outputs: Ports on the right.
        loop: Words on the recurrent loop, "" for a block without state.
        problem: First error in one sentence, "" for none.
        note: First note that does not keep the graph from training, "" for none.
        mode: "bypass", "mute" or "".
        passages: Of a bypassed block: each output with the input that it hands on.
    """

    title: str
    icon: str
    role: str
    lines: tuple[str, ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    loop: str = ""
    problem: str = ""
    note: str = ""
    mode: str = ""
    passages: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Known:
    """What a face follows from."""

    block: Block
    ins: Mapping[str, Shape] | None
    count: int
    said: tuple[str, str]
    facts: DataFacts
    wired: bool

    def same(self, other: _Known) -> bool:
        """Tell whether a face made from this one still holds; places on the canvas aside."""
        mine, its = self.block, other.block
        return (
            (mine is its or alike(mine, its))
            and (self.count, self.said, self.wired) == (other.count, other.said, other.wired)
            and self.ins == other.ins
            and self.facts == other.facts
        )


def alike(one: Block, other: Block) -> bool:
    """Tell whether two states of a block differ in nothing but their place."""
    return (
        one.inside is other.inside
        and one.params is other.params
        and one.exposed == other.exposed
        and (one.kind, one.title, one.mode) == (other.kind, other.title, other.mode)
    )


class Faces:
    """Makes faces from the graph and its check.

    A block behind an error has no shapes; it keeps the lines it had with the last input that it
    understood, so that an error does not empty half the canvas.
    """

    def __init__(self) -> None:
        self._last_ins: dict[str, Mapping[str, Shape]] = {}
        self._made: dict[str, tuple[_Known, Face]] = {}
        self._said: tuple[Report | None, Mapping[str, tuple[str, str]]] = (None, {})

    def face(self, block: Block, report: Report, facts: DataFacts, wired: bool = True) -> Face:
        """Return the face of `block`; `wired` tells whether all its inputs have a wire."""
        if self._said[0] is not report:
            self._said = (report, problems_by_block(report))
        said = self._said[1].get(block.id, ("", ""))
        context = report.contexts.get(block.id)
        ins = None if context is None else context.ins
        known = _Known(block, ins, report.counts.get(block.id, 0), said, facts, wired)
        made = self._made.get(block.id)
        if made is not None and made[0].same(known):
            return made[1]
        face = self._make(block, report, known)
        self._made[block.id] = known, face
        return face

    def _make(self, block: Block, report: Report, known: _Known) -> Face:
        kind, (problem, note) = KINDS.get(block.kind), known.said
        title = title_of(block)
        if kind is None:
            return Face(title, UNKNOWN_ICON, "", ("not known here",), problem=problem)
        return Face(
            title,
            kind.icon,
            kind.role,
            self._lines(block, kind, report, known.facts) or _silence(problem, known.wired),
            ports.inputs(block),
            ports.outputs(block),
            loop_text(kind),
            problem,
            note,
            block.mode,
            _passages(block),
        )

    def _lines(
        self, block: Block, kind: BlockKind, report: Report, facts: DataFacts
    ) -> tuple[str, ...]:
        context = report.contexts.get(block.id)
        if context is not None:
            self._last_ins[block.id] = context.ins
            return _two_lines(kind.summary(context), report.counts.get(block.id, 0))
        remembered = self._last_ins.get(block.id, {})
        try:
            context = Context(kind.parse(block.params), remembered, facts)
            return _two_lines(kind.summary(context), 0)
        except (KeyError, SeqError):  # the summary speaks of an input that was never there
            return ()


def loop_text(kind: BlockKind) -> str:
    """Return the words on the loop of a block that carries a state: "h, c" or "h"."""
    if kind.memory != "state":
        return ""
    has_cell = any("c_{t-1}" in line for line in kind.equations)
    return "h, c" if has_cell else "h"


def _passages(block: Block) -> tuple[tuple[str, str], ...]:
    if block.mode != "bypass":
        return ()
    found = ((port.name, bypass_input(block, port.name)) for port in ports.outputs(block))
    return tuple((name, source) for name, source in found if source)


def count_text(count: int) -> str:
    """Return a number of parameters for a block."""
    return f"{count:,} param."


def _two_lines(summary: tuple[str, ...], count: int) -> tuple[str, ...]:
    said = tuple(line for line in summary if line)
    return (*said[:1], count_text(count)) if count else said[:2]


def _silence(problem: str, wired: bool) -> tuple[str, ...]:
    """Return what a block says that cannot tell its sizes; nothing when it never has any."""
    if not wired:
        return ("no input yet",)
    return ("does not fit",) if problem else ()


def problems_by_block(report: Report) -> dict[str, tuple[str, str]]:
    """Return the first error and the first note of each block in one sentence, "" for none.

    What is wrong inside a block made of blocks is said on it.
    """
    found: dict[str, tuple[str, str]] = {}
    for problem in report.problems:
        key = problem.path[0] if problem.path else problem.block
        error, note = found.get(key, ("", ""))
        if problem.error:
            error = error or problem.sentence()
        else:
            note = note or problem.sentence()
        found[key] = error, note
    return found
