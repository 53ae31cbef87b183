"""A module that was imported and that no block of the catalogue stands for."""

from __future__ import annotations

from collections.abc import Mapping

from seqstudio.blocks.declaration import BlockKind, Call, Context, Port, Shape, ShapeError
from seqstudio.document.param import Param

MOST_PORTS = 8
_LIMIT = 20_000  # characters of code that are kept


def kept_code(code: str) -> str:
    """Return the part of a module's source that a block keeps."""
    return code[:_LIMIT]


def _ports(params: Mapping[str, object]) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    return _row("in", "input", params["inputs"]), _row("out", "output", params["outputs"])


def _row(name: str, title: str, count: object) -> tuple[Port, ...]:
    numbers = range(1, int(str(count)) + 1)
    return tuple(
        Port(name if n == 1 else f"{name}{n}", title if n == 1 else f"{title} {n}", "tensor")
        for n in numbers
    )


def _shape(context: Context) -> Mapping[str, Shape]:
    name = context.word("module") or "this module"
    raise ShapeError(
        f"{name} was imported and cannot train here",
        context.word("reason") or "no block of SeqStudio does the same",
        "Put blocks that do the same in its place, or delete it",
        port="",
    )


def _summary(context: Context) -> tuple[str, ...]:
    return (context.word("module"), "cannot train here")


OPAQUE = BlockKind(
    kind="opaque",
    title="Imported module",
    family="Structure",
    icon="warn",
    role="features",
    inputs=(Port("in", "input", "tensor"),),
    outputs=(Port("out", "output", "tensor"),),
    params=(
        Param("module", "Module", "text", "", help="What it is called in the imported file."),
        Param("reason", "Why", "text", "", help="Why no block stands for it."),
        Param("code", "Code", "text", "", help="Its source, to read. It is never run here."),
        Param("inputs", "Inputs", "int", 1, 1, MOST_PORTS, help="Values that it takes."),
        Param("outputs", "Outputs", "int", 1, 1, MOST_PORTS, help="Values that it gives."),
    ),
    shape=_shape,
    module=lambda _: Call("nn.Identity"),
    summary=_summary,
    ports=_ports,
    source="An imported file",
    help="A part of an imported model that SeqStudio has no block for. It keeps its name and its "
    "source, so that you can draw the same with blocks; until then the model cannot train.",
)
