"""Blocks made of blocks: groups, and recurrent cells whose inside is stepped through time."""

from __future__ import annotations

from collections.abc import Mapping

from seqstudio.blocks.declaration import BlockKind, Call, Context, Port, PortKind, Shape
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.param import Param

CARRIES = Param(
    "carries",
    "Carries",
    "choice",
    "tensor",
    choices=(("tensor", "Features"), ("ids", "Tokens"), ("state", "A recurrent state")),
    help="What goes through this port.",
)
_THROUGH = Port("out", "input", "tensor", "What arrives at this input of the block")
_ENDS = Port("in", "output", "tensor", "What leaves through this output of the block")


def _inlet_ports(params: Mapping[str, object]) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    return (), (Port("out", "input", _carried(params), _THROUGH.help),)


def _outlet_ports(params: Mapping[str, object]) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    return (Port("in", "output", _carried(params), _ENDS.help),), ()


def _carried(params: Mapping[str, object]) -> PortKind:
    known: Mapping[object, PortKind] = {"ids": "ids", "state": "state"}
    return known.get(params.get("carries"), "tensor")


def _state_shape(context: Context) -> Mapping[str, Shape]:
    return {"out": Shape("tensor", ("B", context.integer("width")))}


def _nothing(context: Context) -> Mapping[str, Shape]:
    del context
    return {}


def simple_cell() -> Graph:
    """Return the inside of a new recurrent cell: h_t = tanh(W x_t + U h_{t-1} + b)."""
    blocks = (
        Block("x", "inlet", 0.0, 0.0, INLET.defaults(), "x"),
        Block("h", "state", 0.0, 144.0, STATE.defaults(), "h"),
        Block("gate", "gate", 240.0, 0.0, {"width": 128, "function": "tanh", "bias": 0.0}),
        Block("out", "outlet", 480.0, 0.0, OUTLET.defaults(), "out"),
    )
    wires = (
        Wire("x", "out", "gate", "in"),
        Wire("h", "out", "gate", "state"),
        Wire("gate", "out", "h", "next"),
        Wire("gate", "out", "out", "in"),
    )
    return Graph({block.id: block for block in blocks}, wires)


def straight_group() -> Graph:
    """Return the inside of a new group: what comes in goes out."""
    blocks = (
        Block("in", "inlet", 0.0, 0.0, INLET.defaults(), "in"),
        Block("out", "outlet", 240.0, 0.0, OUTLET.defaults(), "out"),
    )
    return Graph({block.id: block for block in blocks}, (Wire("in", "out", "out", "in"),))


def _inner_words(context: Context) -> tuple[str, ...]:
    del context
    return ()


INLET = BlockKind(
    kind="inlet",
    title="Input port",
    family="Structure",
    icon="chevron-right",
    role="input",
    inputs=(),
    outputs=(_THROUGH,),
    params=(
        CARRIES,
        Param("optional", "Optional", "bool", False, help="The block works without a wire here."),
    ),
    shape=_nothing,
    module=lambda _: Call("nn.Identity"),
    summary=_inner_words,
    ports=_inlet_ports,
    source="SeqStudio",
    help="An input of the block that you are inside of. Its name is the name of the port.",
    place="inside",
)

OUTLET = BlockKind(
    kind="outlet",
    title="Output port",
    family="Structure",
    icon="chevron-right",
    role="output",
    inputs=(_ENDS,),
    outputs=(),
    params=(CARRIES,),
    shape=_nothing,
    module=lambda _: Call("nn.Identity"),
    summary=_inner_words,
    ports=_outlet_ports,
    source="SeqStudio",
    help="An output of the block that you are inside of. Its name is the name of the port.",
    place="inside",
)

STATE = BlockKind(
    kind="state",
    title="State",
    family="Structure",
    icon="redo",
    role="cell",
    inputs=(
        Port("next", "next", "tensor", "The value for the next time step"),
        Port("start", "start", "tensor", "The value before the first step; zeros without a wire",
             optional=True),
    ),
    outputs=(Port("out", "last", "tensor", "The value of the time step before"),),
    params=(
        Param("width", "Width", "int", 128, 1, 16384, help="Numbers that are remembered."),
        Param("learned", "Learn the start", "bool", False,
              help="The value before the first step is learned instead of zero."),
    ),
    shape=_state_shape,
    module=lambda c: Call("StateStep", {"width": c.integer("width"), "learned": c.on("learned")}),
    count=lambda c: c.integer("width") if c.on("learned") else 0,
    summary=lambda c: (f"{c.integer('width')} numbers",),
    equations=(r"h_{t-1} \leftarrow h_t",),
    source="Lecture: state update (S12)",
    help="Memory of a recurrent cell. What arrives at next in one time step leaves in the step "
    "after it. Only inside a recurrent cell.",
    place="cell",
)  # fmt: skip

GROUP = BlockKind(
    kind="group",
    title="Group",
    family="Structure",
    icon="composite",
    role="features",
    inputs=(),
    outputs=(),
    params=(),
    shape=_nothing,
    module=lambda _: Call("Group"),
    summary=_inner_words,
    source="SeqStudio",
    help="Blocks that are shown as one. Open it to see and change what is inside.",
    starter=straight_group,
)

CELL = BlockKind(
    kind="cell",
    title="Recurrent cell",
    family="Recurrent",
    icon="rnn",
    role="cell",
    inputs=(),
    outputs=(),
    params=(),
    shape=_nothing,
    module=lambda _: Call("Cell"),
    summary=_inner_words,
    equations=(r"h_t = f(x_t, h_{t-1})",),
    source="Lecture: one cell, used at every time step (S12, S18)",
    help="Draw your own recurrence: what is inside is stepped through time, the same weights at "
    "every step, and State blocks carry values from one step to the next.",
    arch="custom1",
    memory="state",
    starter=simple_cell,
)

STRUCTURE = (CELL, GROUP, INLET, OUTLET, STATE)
