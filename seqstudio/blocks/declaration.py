"""What a block declaration says, and the shapes that travel on wires.

Legend of dimensions: B rows of a batch, T time steps, C features; numbers are sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from typing_extensions import override

from seqstudio.core.errors import GraphError
from seqstudio.document.param import Param, Value, defaults, parse_all

PortKind = Literal["ids", "tensor"]
Memory = Literal["", "state", "cache"]
Pattern = Literal["next token", "class", "value"]
Dim = int | str


class ShapeError(GraphError):
    """A block cannot take what arrives at one of its inputs.

    Attributes:
        port: The input concerned.
        remedy: Kind of a block that would mend it when put on the wire, or "".
    """

    def __init__(self, what: str, why: str = "", hint: str = "", port: str = "in") -> None:
        super().__init__(what, why, hint)
        self.port = port
        self.remedy = ""

    def mended_by(self, kind: str) -> ShapeError:
        """Name the block that helps, and return the error itself."""
        self.remedy = kind
        return self


@dataclass(frozen=True)
class Shape:
    """What travels on a wire: whole numbers ("ids") or features ("tensor"), and its dimensions."""

    kind: PortKind
    dims: tuple[Dim, ...]

    @property
    def width(self) -> int:
        """Size of the last dimension; 0 for ids."""
        return self.dims[-1] if self.kind == "tensor" and isinstance(self.dims[-1], int) else 0

    @property
    def has_time(self) -> bool:
        """True when one of the dimensions is time."""
        return "T" in self.dims

    def with_width(self, width: int) -> Shape:
        """Return the shape with another number of features."""
        return Shape("tensor", (*self.dims[:-1], width))

    @override
    def __str__(self) -> str:
        return "·".join(str(dim) for dim in self.dims)


@dataclass(frozen=True)
class DataFacts:
    """What shapes depend on: facts about the data and the window.

    Attributes:
        title: Name of the data.
        pattern: What has to be predicted.
        input: "ids" or "vectors".
        vocabulary: Number of symbols, 0 for vectors.
        width: Features of a vector, 0 for ids.
        classes: Number of classes, 0 unless the pattern is "class".
        window: Time steps of a window or sequence.
        batch: Rows of a batch.
        unit: Unit of the loss.
    """

    title: str = ""
    pattern: Pattern = "next token"
    input: str = "ids"
    vocabulary: int = 0
    width: int = 0
    classes: int = 0
    window: int = 128
    batch: int = 32
    unit: str = "nats"


@dataclass(frozen=True)
class Context:
    """What a declaration's functions see of one block in a graph."""

    params: Mapping[str, Value]
    ins: Mapping[str, Shape]
    facts: DataFacts

    def integer(self, name: str) -> int:
        """Return a setting as a whole number."""
        return int(self.params[name])

    def number(self, name: str) -> float:
        """Return a setting as a number."""
        return float(self.params[name])

    def on(self, name: str) -> bool:
        """Return a switch."""
        return bool(self.params[name])

    def word(self, name: str) -> str:
        """Return a choice or text."""
        return str(self.params[name])

    @property
    def width(self) -> int:
        """Features that arrive at the port "in"."""
        return self.ins["in"].width


@dataclass(frozen=True)
class Port:
    """An input or output of a block.

    Attributes:
        name: Key in wires.
        title: Words for people.
        kind: What it carries.
        help: One sentence.
    """

    name: str
    title: str
    kind: PortKind
    help: str = ""


@dataclass(frozen=True)
class Call:
    """The constructor call that builds a block's module.

    Attributes:
        cls: Class name: "nn.Linear" from torch, or a class of seqstudio.engine.layers.
        args: Keyword arguments.
    """

    cls: str
    args: Mapping[str, Value] = field(default_factory=dict)


def _no_count(context: Context) -> int:
    del context
    return 0


@dataclass(frozen=True)
class BlockKind:
    """One block of the catalogue, declared once.

    Attributes:
        kind: Key in project files.
        title: Name for people.
        family: Group in the palette.
        icon: Icon name of the theme.
        role: Lecture colour: "input", "cell", "features", "query", "output" or "loss".
        inputs: Ports on the left.
        outputs: Ports on the right.
        params: Settings.
        shape: Context -> shape at each output; raises ShapeError.
        module: Context -> constructor call.
        count: Context -> trainable numbers; tested against the built module.
        equations: LaTeX, one line each.
        source: Lecture or paper.
        help: Two or three sentences.
        summary: Context -> at most two short lines on the block.
        arch: "rnn", "gru", "lstm" or "transformer": colour of runs; "" otherwise.
        memory: "state" when it carries a state through time, "cache" when it can keep keys and
            values while writing.
        head: Pattern that it predicts; "" when it is no head.
    """

    kind: str
    title: str
    family: str
    icon: str
    role: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    params: tuple[Param, ...]
    shape: Callable[[Context], Mapping[str, Shape]]
    module: Callable[[Context], Call]
    summary: Callable[[Context], tuple[str, ...]]
    help: str
    source: str
    equations: tuple[str, ...] = ()
    count: Callable[[Context], int] = _no_count
    arch: str = ""
    memory: Memory = ""
    head: Pattern | Literal[""] = ""

    def defaults(self) -> dict[str, Value]:
        """Return the settings of a new block."""
        return defaults(self.params)

    def parse(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Return all settings, checked; see `parse_all`."""
        return parse_all(self.params, given)

    def param(self, name: str) -> Param:
        """Return the declaration of one setting; KeyError if there is none."""
        for param in self.params:
            if param.name == name:
                return param
        raise KeyError(name)

    def port(self, name: str) -> Port | None:
        """Return the port of that name, or None."""
        return next((port for port in (*self.inputs, *self.outputs) if port.name == name), None)


IN = Port("in", "input", "tensor")
OUT = Port("out", "output", "tensor")


def need_time(context: Context, name: str) -> Shape:
    """Return the input shape if it has a time axis.

    Raises:
        ShapeError: It has none.
    """
    shape = context.ins["in"]
    if not shape.has_time:
        raise ShapeError(
            f"{name} needs a sequence, it gets {shape}",
            "the time axis T was taken away before it",
            "Move it in front of the block that ends the sequence",
        )
    return shape


def need_no_time(context: Context, name: str) -> Shape:
    """Return the input shape if time has been reduced away.

    Raises:
        ShapeError: It still has a time axis; a Last step mends it.
    """
    shape = context.ins["in"]
    if shape.has_time:
        raise ShapeError(
            f"{name} needs one vector a sequence, it gets {shape}",
            "every time step arrives here",
            "Put Last step or Mean over time in front",
        ).mended_by("last_step")
    return shape
