"""What a block shows, as plain values: title, lines, ports, problems. Nothing is painted here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Report, title_of
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


class Faces:
    """Makes faces from the graph and its check.

    A block behind an error has no shapes; it keeps the lines it had with the last input that it
    understood, so that an error does not empty half the canvas.
    """

    def __init__(self) -> None:
        self._last_ins: dict[str, Mapping[str, Shape]] = {}

    def face(self, block: Block, report: Report, facts: DataFacts, wired: bool = True) -> Face:
        """Return the face of `block`; `wired` tells whether all its inputs have a wire."""
        kind = KINDS.get(block.kind)
        problem, note = _problems(block.id, report)
        title = title_of(block)
        if kind is None:
            return Face(title, UNKNOWN_ICON, "", ("not known here",), problem=problem)
        return Face(
            title,
            kind.icon,
            kind.role,
            self._lines(block, kind, report, facts) or _silence(problem, wired),
            kind.inputs,
            kind.outputs,
            loop_text(kind),
            problem,
            note,
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


def _problems(block_id: str, report: Report) -> tuple[str, str]:
    mine = [problem for problem in report.problems if problem.block == block_id]
    error = next((problem.sentence() for problem in mine if problem.error), "")
    note = next((problem.sentence() for problem in mine if not problem.error), "")
    return error, note
