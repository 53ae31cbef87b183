"""Glue: blocks that join, part and combine paths."""

from __future__ import annotations

from collections.abc import Mapping

from seqstudio.blocks.declaration import (
    IN,
    OUT,
    BlockKind,
    Call,
    Context,
    Port,
    Shape,
    ShapeError,
)
from seqstudio.blocks.kinds.rules import need_features, no_macs
from seqstudio.document.param import Param, Value


def _remedy(first: Shape, second: Shape) -> str:
    """Return the kind of a block that makes the second fit, or ""."""
    if first.dims[:-1] == second.dims[:-1]:
        return "linear"
    return "repeat" if first.axis == "T" and first.without_axis() == second else ""


def _agree(context: Context, name: str, why: str) -> Shape:
    first, second = context.ins["in"], context.ins["other"]
    if first != second:
        raise ShapeError(
            f"{name} needs two of the same shape, it gets {first} and {second}",
            why,
            "Put a Linear in front of one so that the widths agree, or Repeat behind a vector",
            port="other",
        ).mended_by(_remedy(first, second))
    return first


def _add_shape(context: Context) -> Mapping[str, Shape]:
    return {"out": _agree(context, "Add", "numbers are added place by place")}


def _multiply_shape(context: Context) -> Mapping[str, Shape]:
    first, second = context.ins["in"], context.ins["other"]
    if first.dims[:-1] == second.dims[:-1] and second.width == 1:
        return {"out": first}
    return {"out": _agree(context, "Multiply", "numbers are multiplied place by place")}


def _concatenate_shape(context: Context) -> Mapping[str, Shape]:
    first = need_features(context, "Concatenate")
    second = need_features(context, "Concatenate", "other")
    if first.dims[:-1] != second.dims[:-1]:
        raise ShapeError(
            f"Concatenate needs two with the same steps, it gets {first} and {second}",
            "features are put side by side, step by step",
            "Put Repeat behind a vector, or use two blocks that read the same sequence",
            port="other",
        ).mended_by(_remedy(first, second) if len(first.dims) != len(second.dims) else "")
    return {"out": first.with_width(first.width + second.width)}


def _split_ports(params: Mapping[str, Value]) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    parts = int(params["parts"])
    names = ("out", *(f"out{number}" for number in range(2, parts + 1)))
    return (IN,), tuple(
        Port(name, f"part {number}", "tensor") for number, name in enumerate(names, 1)
    )


def _split_shape(context: Context) -> Mapping[str, Shape]:
    shape, parts = need_features(context, "Split"), context.integer("parts")
    if shape.width % parts:
        raise ShapeError(
            f"Split: {shape.width} features do not divide into {parts} parts",
            "all parts get the same width",
            f"Use a width of {parts * max(round(shape.width / parts), 1)}",
        )
    part = shape.with_width(shape.width // parts)
    return {port.name: part for port in _split_ports(context.params)[1]}


ADD = BlockKind(
    kind="add",
    title="Add",
    family="Glue",
    icon="plus",
    role="features",
    inputs=(IN, Port("other", "other", "tensor", "Same shape as the input")),
    outputs=(OUT,),
    params=(),
    shape=_add_shape,
    module=lambda _: Call("Add"),
    summary=lambda c: (f"{c.ins['in'].dims[-1]} features",),
    equations=(r"y = a + b",),
    source="Lecture: additive path (S62); He et al. 2015",
    help="Adds two paths. Around a block it is a residual connection: the gradient passes with "
    "factor 1.",
    macs=no_macs,
)

MULTIPLY = BlockKind(
    kind="multiply",
    title="Multiply",
    family="Glue",
    icon="close",
    role="features",
    inputs=(IN, Port("other", "other", "tensor", "Same shape as the input, or 1 wide")),
    outputs=(OUT,),
    params=(),
    shape=_multiply_shape,
    module=lambda _: Call("Multiply"),
    summary=lambda c: (f"{c.ins['in'].dims[-1]} features",),
    equations=(r"y = a \odot b",),
    source="Lecture: gates, a pointwise product (S59)",
    help="Multiplies two paths number by number. With a gate between 0 and 1 it lets through or "
    "holds back.",
    macs=no_macs,
)

CONCATENATE = BlockKind(
    kind="concatenate",
    title="Concatenate",
    family="Glue",
    icon="composite",
    role="features",
    inputs=(IN, Port("other", "other", "tensor", "As many steps as the input")),
    outputs=(OUT,),
    params=(),
    shape=_concatenate_shape,
    module=lambda _: Call("Concatenate"),
    summary=lambda c: (f"{c.width} + {c.ins['other'].width}",),
    equations=(r"y = [a; b]",),
    source="Lecture: concatenated form (S13), both directions (S66)",
    help="Puts the features of two paths side by side.",
    macs=no_macs,
)

SPLIT = BlockKind(
    kind="split",
    title="Split",
    family="Glue",
    icon="fork",
    role="features",
    inputs=(IN,),
    outputs=_split_ports({"parts": 2})[1],
    params=(Param("parts", "Parts", "int", 2, 2, 8, help="Outputs, all of the same width."),),
    shape=_split_shape,
    module=lambda c: Call("Split", {"parts": c.integer("parts")}),
    summary=lambda c: (f"{c.integer('parts')} × {c.width // c.integer('parts')}",),
    equations=(r"x = [y_1; \ldots; y_n]",),
    source="Lecture: one matrix for all gates (S13, S60)",
    help="Parts the features into equal pieces, such as the gates of one large matrix.",
    macs=no_macs,
    ports=_split_ports,
)

GLUE = (ADD, MULTIPLY, CONCATENATE, SPLIT)
