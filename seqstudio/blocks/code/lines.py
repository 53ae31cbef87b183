"""Lines of generated source that know which block they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seqstudio.blocks.declaration import Call
from seqstudio.document.graph import Path
from seqstudio.document.param import Value

WIDTH = 99


@dataclass(frozen=True)
class Line:
    """One line of a class.

    Attributes:
        text: The line.
        owners: Ids of blocks that it comes from, in the graph of the class.
    """

    text: str = ""
    owners: tuple[str, ...] = ()


@dataclass(frozen=True)
class Code:
    """Generated source.

    Attributes:
        text: The file.
        lines: Lines (from 1) that belong to each block, by the ids that lead to it.
    """

    text: str
    lines: Mapping[Path, tuple[int, ...]]

    def at(self, line: int) -> Path:
        """Return the innermost block that a line (from 1) belongs to, () when there is none."""
        found = (path for path, numbers in self.lines.items() if line in numbers)
        return max(found, key=len, default=())


def literal(value: Value) -> str:
    """Return a setting as Python."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def call_lines(start: str, call: Call, owner: str) -> list[Line]:
    """Return `start` and a constructor call, on as many lines as it needs."""
    args = [f"{name}={literal(value)}" for name, value in call.args.items()]
    return wrapped(f"{start}{call.cls}(", args, ")", (owner,))


def wrapped(
    start: str, args: Sequence[str], end: str, owners: tuple[str, ...] = (), indent: int = 8
) -> list[Line]:
    """Return a call or signature: one line where it fits, else the arguments below it."""
    pad = " " * indent
    line = f"{pad}{start}{', '.join(args)}{end}"
    if len(line) <= WIDTH:
        return [Line(line, owners)]
    inner = f"{pad}    {', '.join(args)}"
    middle = [inner] if len(inner) <= WIDTH else [f"{pad}    {arg}," for arg in args]
    return [Line(text, owners) for text in (f"{pad}{start}", *middle, f"{pad}{end}")]
