"""What a block declaration says, and the shapes that travel on wires.

Legend of dimensions: B rows of a batch, T steps of the main sequence, S steps of the source
sequence, "36P" the 36 places of a picture, C features; numbers are sizes. "1+T" is the axis T with
one step put before it. A block whose inputs share the name of an axis shares its true lengths too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from typing_extensions import override

from seqstudio.core.errors import GraphError
from seqstudio.document.graph import Graph
from seqstudio.document.param import Param, Value, defaults, parse_all

PortKind = Literal["ids", "tensor", "picture", "state"]
Memory = Literal["", "state", "cache"]
Pattern = Literal["next token", "class", "value", "class per step", "forecast", "notes"]
Input = Literal["ids", "vectors", "picture"]
Place = Literal["anywhere", "top", "inside", "cell"]
Sight = Literal["step", "past", "all"]
Stream = Literal["", "main", "source", "picture"]
Dim = int | str
AXES = ("T", "S", "P")
HEAD_TITLES: Mapping[str, str] = {
    "next token": "Next-token head",
    "class": "Class head",
    "value": "Value head",
    "class per step": "Class-per-step head",
    "forecast": "Forecast head",
    "notes": "Notes head",
}


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
    """What travels on a wire, and its dimensions.

    Attributes:
        kind: "ids" (whole numbers), "tensor" (features), "picture" (B, channels, height, width)
            or "state" (what a recurrent block keeps: its kind, layers and units).
        dims: Names of axes and sizes: ("B", "T", 128).
    """

    kind: PortKind
    dims: tuple[Dim, ...]

    @property
    def width(self) -> int:
        """Size of the last dimension; 0 for ids."""
        return self.dims[-1] if self.kind == "tensor" and isinstance(self.dims[-1], int) else 0

    @property
    def axis(self) -> str:
        """Name of the axis along which the sequence runs, "" when there is none."""
        return next((d for d in self.dims if isinstance(d, str) and d[-1:] in AXES), "")

    @property
    def has_time(self) -> bool:
        """True when it is a sequence."""
        return bool(self.axis)

    def without_axis(self) -> Shape:
        """Return the shape of one step of the sequence."""
        axis = self.axis
        return Shape(self.kind, tuple(dim for dim in self.dims if dim != axis))

    def with_axis(self, axis: str) -> Shape:
        """Return the shape of such steps in a row, one behind the other, along `axis`."""
        return Shape(self.kind, (self.dims[0], axis, *self.dims[1:]))

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
        input: What the main stream holds: "ids", "vectors" or "picture".
        vocabulary: Number of symbols, 0 for vectors.
        width: Features of a vector, 0 for ids.
        classes: Number of classes, 0 unless the pattern asks for one.
        window: Time steps of a window or sequence, the longest where lengths differ.
        batch: Rows of a batch.
        unit: Unit of the loss.
        source: What the source stream holds beside the main one: "", "ids" or "picture".
        source_vocabulary: Number of symbols of the source.
        source_window: Longest source sequence.
        picture: Channels, height and width of a picture; () without pictures.
        padded: Whether rows differ in length, so that lengths and masks travel along.
        outputs: Numbers that a forecast or the notes predict at a step.
    """

    title: str = ""
    pattern: Pattern = "next token"
    input: Input = "ids"
    vocabulary: int = 0
    width: int = 0
    classes: int = 0
    window: int = 128
    batch: int = 32
    unit: str = "nats"
    source: Literal["", "ids", "picture"] = ""
    source_vocabulary: int = 0
    source_window: int = 0
    picture: tuple[int, ...] = ()
    padded: bool = False
    outputs: int = 0

    def size(self, dim: Dim) -> int:
        """Return the size of a dimension: "B" is one row, "36P" 36 places."""
        if isinstance(dim, int):
            return dim
        axis = dim.rpartition("+")[2]
        known = {"T": self.window, "S": self.source_window}
        places = int(axis[:-1]) if axis[:-1].isdigit() else 1
        return known.get(axis, places) + dim.count("+")


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
        optional: An input that may stay without a wire; its module then gets nothing for it.
    """

    name: str
    title: str
    kind: PortKind
    help: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Call:
    """The constructor call that builds a block's module.

    Attributes:
        cls: Class name: "nn.Linear" from torch, or a class of seqstudio.engine.layers.
        args: Keyword arguments.

    The module is called with the tensors at the block's inputs, in the order of the ports; then,
    where the kind has a memory, with the state (None in training without carried state); then by
    name with the optional inputs that are wired, and, where rows differ in length, with the true
    lengths of the inputs named in `BlockKind.masks`: `lengths` for the port "in",
    `{port}_lengths` for others, (B,) int64 or None. It returns one tensor an output port, a tuple
    for several; with a memory it returns (that, state to continue from), and an output port of
    kind "state" carries that state.
    """

    cls: str
    args: Mapping[str, Value] = field(default_factory=dict)


def _no_count(context: Context) -> int:
    del context
    return 0


def _step_only(context: Context) -> Sight:
    del context
    return "step"


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
        stream: For a block that brings data in: where it reads. "picture" reads the main stream
            where pictures are all there is, else the source.
        masks: Inputs whose true lengths the module is told, see `Call`.
        sight: Context -> what a step of the output depends on: the same "step" alone, the "past"
            too, or "all" steps.
        macs: Context -> multiply-adds of one row in products of matrices and in convolutions;
            None for a block that has none.
        place: Where it may stand: "top" only in the outermost graph, "inside" only in a block
            made of blocks, "cell" only in a recurrent cell.
        ports: Settings -> inputs and outputs, where they depend on the settings; else None.
        starter: What is inside a new block of this kind; None for blocks not made of blocks.
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
    stream: Stream = ""
    masks: tuple[str, ...] = ()
    sight: Callable[[Context], Sight] = _step_only
    macs: Callable[[Context], int] | None = None
    place: Place = "anywhere"
    ports: Callable[[Mapping[str, Value]], tuple[tuple[Port, ...], tuple[Port, ...]]] | None = None
    starter: Callable[[], Graph] | None = None

    def defaults(self) -> dict[str, Value]:
        """Return the settings of a new block."""
        return defaults(self.params)

    def fresh_inside(self) -> Graph | None:
        """Return what is inside a new block; None when it is not made of blocks."""
        return self.starter() if self.starter else None

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
