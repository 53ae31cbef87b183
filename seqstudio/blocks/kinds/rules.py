"""Shape rules that several blocks share, and what their costs are counted with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from seqstudio.blocks.declaration import (
    Context,
    DataFacts,
    Shape,
    ShapeError,
    Sight,
    need_no_time,
)
from seqstudio.document.param import Param

FUNCTIONS = (
    ("tanh", "tanh"),
    ("relu", "ReLU"),
    ("gelu", "GELU"),
    ("sigmoid", "Sigmoid"),
    ("softplus", "Softplus"),
    ("silu", "SiLU"),
)
NO_FUNCTION = ("none", "None")
DROPOUT = Param(
    "dropout",
    "Dropout",
    "float",
    0.0,
    0.0,
    0.95,
    help="Share of the numbers that a training step leaves out.",
)


def need_sequence(context: Context, name: str, port: str = "in") -> Shape:
    """Return the shape at `port` if it is (B, axis, C).

    Raises:
        ShapeError: It has no axis of time, or heads are still apart.
    """
    shape = context.ins[port]
    if not shape.has_time:
        raise ShapeError(
            f"{name} needs a sequence, it gets {shape}",
            "the time axis T was taken away before it",
            "Move it in front of the block that ends the sequence",
            port,
        )
    if len(shape.dims) != 3 or not shape.width:
        raise ShapeError(
            f"{name} needs a sequence of vectors, it gets {shape}",
            "the heads of an attention are still apart",
            "Put Merge heads in front",
            port,
        ).mended_by("merge_heads")
    return shape


def need_vector(context: Context, name: str, port: str = "in") -> Shape:
    """Return the shape at `port` if it is (B, C).

    Raises:
        ShapeError: It is a sequence; a Last step mends it.
    """
    if port == "in":
        return need_no_time(context, name)
    shape = context.ins[port]
    if shape.has_time:
        raise ShapeError(
            f"{name} needs one vector a sequence, it gets {shape}",
            "every time step arrives here",
            "Put Last step or Mean over time in front",
            port,
        ).mended_by("last_step")
    return shape


def need_features(context: Context, name: str, port: str = "in") -> Shape:
    """Return the shape at `port` if its last dimension is a number of features.

    Raises:
        ShapeError: Its last dimension is an axis: it holds scores.
    """
    shape = context.ins[port]
    if not shape.width:
        raise ShapeError(
            f"{name} needs features, it gets scores {shape}",
            "the last dimension is a sequence",
            "Put Softmax and a Matrix product with the values in front",
            port,
        )
    return shape


def need_main_axis(context: Context, name: str) -> Shape:
    """Return the shape at "in" if it has one vector for each step of the main sequence.

    Raises:
        ShapeError: It has not.
    """
    shape = need_sequence(context, name)
    if shape.axis != "T":
        raise ShapeError(
            f"{name} predicts at every step of T, it gets {shape}",
            "its steps are not those of the main sequence",
            "Wire it to blocks that read the main sequence",
        )
    return shape


def same(name: str) -> Callable[[Context], Mapping[str, Shape]]:
    """Return the rule of a block that changes features in place."""

    def rule(context: Context) -> Mapping[str, Shape]:
        return {"out": need_features(context, name)}

    return rule


def unchanged(context: Context) -> Mapping[str, Shape]:
    """Return the rule of a block that takes everything and changes no dimension."""
    return {"out": context.ins["in"]}


def sees_all(context: Context) -> Sight:
    """Return "all": every step of the output depends on every step."""
    del context
    return "all"


def sees_past(context: Context) -> Sight:
    """Return "past": a step of the output depends on no later step."""
    del context
    return "past"


def no_macs(context: Context) -> int:
    """Return 0: nothing is multiplied."""
    del context
    return 0


def numbers(shape: Shape, facts: DataFacts) -> int:
    """Return how many numbers one row of a shape holds."""
    return prod(facts.size(dim) for dim in shape.dims)


def steps(shape: Shape, facts: DataFacts) -> int:
    """Return the time steps of one row; 1 without an axis."""
    return facts.size(shape.axis) if shape.axis else 1


def plural(count: int, word: str) -> str:
    """Return "1 layer", "2 layers"."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
