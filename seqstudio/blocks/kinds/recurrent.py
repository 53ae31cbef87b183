"""Recurrent blocks: RNN, GRU, LSTM, the gate they are made of, and the state they start from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seqstudio.blocks.declaration import (
    IN,
    OUT,
    BlockKind,
    Call,
    Context,
    Port,
    Shape,
    ShapeError,
    Sight,
)
from seqstudio.blocks.kinds.rules import (
    NO_FUNCTION,
    need_features,
    need_sequence,
    need_vector,
    plural,
    steps,
)
from seqstudio.document.param import Param, Value

HIDDEN = Param("hidden", "Hidden units", "int", 256, 1, 16384, help="Numbers in the state h.")
LAYERS = Param(
    "layers", "Layers", "int", 1, 1, 32, help="Layers on top of each other, each reading the last."
)
DROPOUT = Param(
    "dropout",
    "Dropout",
    "float",
    0.0,
    0.0,
    0.95,
    help="Share of the numbers between two layers that a training step leaves out.",
)
INIT = Param(
    "init",
    "Initialise",
    "choice",
    "default",
    choices=(
        ("default", "Uniform, as in PyTorch"),
        ("orthogonal", "Orthogonal"),
        ("identity", "Identity"),
        ("scaled", "Orthogonal × radius"),
    ),
    help="Start of the recurrent matrix. It decides how far the gradient travels before training.",
)
RADIUS = Param(
    "radius",
    "Radius",
    "float",
    1.0,
    0.0,
    3.0,
    help="Factor of the orthogonal matrix. In a linear net the gradient changes by exactly this "
    "factor a step.",
)
RESIDUAL = Param(
    "residual",
    "Residual",
    "bool",
    False,
    help="Each layer but the first adds its output to what it reads, so that the gradient has a "
    "straight way down.",
)
BIDIRECTIONAL = Param(
    "bidirectional",
    "Both directions",
    "bool",
    False,
    help="A second cell reads from the end to the start; the output is twice as wide. It sees "
    "the future, so it cannot predict the next token.",
)
START = Port(
    "start", "start state", "state", "State before the first step; zeros without a wire",
    optional=True,
)  # fmt: skip
STATE = Port("state", "end state", "state", "State after the last true step, of every layer")


def state_shape(kind: str, context: Context) -> Shape:
    """Return what a recurrent block keeps; `kind` is "lstm" (h and c) or "h"."""
    return Shape("state", (kind, context.integer("layers"), context.integer("hidden")))


def _in_words(shape: Shape) -> str:
    kind, layers, hidden = shape.dims
    held = "h and c" if kind == "lstm" else "h"
    return f"{held} of {plural(int(layers), 'layer')} with {hidden} units"


def _shape(name: str, keeps: str) -> Callable[[Context], Mapping[str, Shape]]:
    def rule(context: Context) -> Mapping[str, Shape]:
        state, start = state_shape(keeps, context), context.ins.get("start")
        sequence = need_sequence(context, name)
        if start is not None and start != state:
            raise ShapeError(
                f"{name} keeps {_in_words(state)}, it gets {_in_words(start)}",
                "a state fits only a block of the same kind and size",
                "Give both blocks the same layers and units, or put Start state between",
                "start",
            )
        both = 2 if context.on("bidirectional") else 1
        return {"out": sequence.with_width(both * context.integer("hidden")), "state": state}

    return rule


def _count(gates: int) -> Callable[[Context], int]:
    def count(context: Context) -> int:
        hidden, total, width = context.integer("hidden"), 0, context.width
        directions = 2 if context.on("bidirectional") else 1
        peepholes = 3 if context.params.get("peepholes", False) else 0
        for _ in range(context.integer("layers")):
            cell = gates * hidden * (width + hidden + 2)  # torch keeps two biases
            total += directions * (cell + peepholes * hidden)
            width = directions * hidden
        return total

    return count


def _macs(gates: int) -> Callable[[Context], int]:
    def macs(context: Context) -> int:
        hidden, total, width = context.integer("hidden"), 0, context.width
        directions = 2 if context.on("bidirectional") else 1
        for _ in range(context.integer("layers")):
            total += directions * gates * hidden * (width + hidden)
            width = directions * hidden
        return total * steps(context.ins["in"], context.facts)

    return macs


def _call(cls: str, *names: str) -> Callable[[Context], Call]:
    """Return the constructor call; switches that are off are left out."""

    def call(context: Context) -> Call:
        args: dict[str, Value] = {
            "input_size": context.width,
            "hidden_size": context.integer("hidden"),
            **{name: context.params[name] for name in (*names, "init", "radius", "dropout")},
        }
        for switch in ("residual", "bidirectional", "peepholes"):
            if context.params.get(switch, False):
                args[switch] = True
        return Call(cls, args)

    return call


def _summary(context: Context) -> tuple[str, ...]:
    first = f"{context.integer('hidden')} units, {plural(context.integer('layers'), 'layer')}"
    words = {"bidirectional": "both directions", "residual": "residual", "peepholes": "peepholes"}
    second = ", ".join(word for name, word in words.items() if context.params.get(name, False))
    return (first, second) if second else (first,)


def _sight(context: Context) -> Sight:
    return "all" if context.on("bidirectional") else "past"


RNN = BlockKind(
    kind="rnn",
    title="RNN",
    family="Recurrent",
    icon="rnn",
    role="cell",
    inputs=(IN, START),
    outputs=(OUT, STATE),
    params=(
        HIDDEN,
        LAYERS,
        Param(
            "nonlinearity",
            "Activation",
            "choice",
            "tanh",
            choices=(("tanh", "tanh"), ("relu", "ReLU")),
            help="ReLU has derivative 1 where it is active; tanh shrinks the gradient everywhere.",
        ),
        INIT,
        RADIUS,
        DROPOUT,
        RESIDUAL,
        BIDIRECTIONAL,
    ),
    shape=_shape("RNN", "h"),
    module=_call("RNN", "layers", "nonlinearity"),
    count=_count(1),
    macs=_macs(1),
    summary=_summary,
    equations=(r"h_t = \tanh(W_{xh} x_t + W_{hh} h_{t-1} + b_h)",),
    source="Lecture: state update (S12); both directions: Schuster and Paliwal 1997 (S66); "
    "initialisation: Le, Jaitly, Hinton 2015",
    help="One matrix turns input and last state into the next state, the same at every step. Its "
    "gradient fades or grows by a factor a step: watch the horizon.",
    arch="rnn",
    memory="state",
    masks=("in",),
    sight=_sight,
)

GRU = BlockKind(
    kind="gru",
    title="GRU",
    family="Recurrent",
    icon="rnn",
    role="cell",
    inputs=(IN, START),
    outputs=(OUT, STATE),
    params=(HIDDEN, LAYERS, INIT, RADIUS, DROPOUT, RESIDUAL, BIDIRECTIONAL),
    shape=_shape("GRU", "h"),
    module=_call("GRU", "layers"),
    count=_count(3),
    macs=_macs(3),
    summary=_summary,
    equations=(
        r"r_t = \sigma(W_r x_t + U_r h_{t-1} + b_r)",
        r"z_t = \sigma(W_z x_t + U_z h_{t-1} + b_z)",
        r"n_t = \tanh(W_n x_t + b_n + r_t \odot (U_n h_{t-1} + c_n))",
        r"h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}",
    ),
    source="Cho et al. 2014; lecture: GRU (S61). In PyTorch z near 1 keeps the state",
    help="Two gates: one chooses what of the old state the candidate sees, one mixes old and new. "
    "Fewer numbers than an LSTM of the same width.",
    arch="gru",
    memory="state",
    masks=("in",),
    sight=_sight,
)

LSTM = BlockKind(
    kind="lstm",
    title="LSTM",
    family="Recurrent",
    icon="rnn",
    role="cell",
    inputs=(IN, START),
    outputs=(OUT, STATE),
    params=(
        HIDDEN,
        LAYERS,
        Param(
            "forget_bias",
            "Forget bias",
            "float",
            1.0,
            -5.0,
            10.0,
            help="Sum of both PyTorch biases of the forget gate at the start. At 0 the gradient "
            "fades about 2.5 times faster with distance.",
        ),
        INIT,
        RADIUS,
        DROPOUT,
        RESIDUAL,
        BIDIRECTIONAL,
        Param(
            "peepholes",
            "Peepholes",
            "bool",
            False,
            help="The gates see the cell c too, which helps to count and to time. It runs step "
            "by step, so it is slower.",
        ),
    ),
    shape=_shape("LSTM", "lstm"),
    module=_call("LSTM", "layers", "forget_bias"),
    count=_count(4),
    macs=_macs(4),
    summary=_summary,
    equations=(
        r"i_t = \sigma(W_i x_t + U_i h_{t-1} + b_i)",
        r"f_t = \sigma(W_f x_t + U_f h_{t-1} + b_f)",
        r"g_t = \tanh(W_g x_t + U_g h_{t-1} + b_g)",
        r"o_t = \sigma(W_o x_t + U_o h_{t-1} + b_o)",
        r"c_t = f_t \odot c_{t-1} + i_t \odot g_t",
        r"h_t = o_t \odot \tanh(c_t)",
    ),
    source="Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000; peepholes: Gers and "
    "Schmidhuber 2000; lecture: LSTM (S60)",
    help="Three gates around a cell c that is added to, not multiplied anew: the gradient passes "
    "with factor f a step. It reaches far only when the forget gates are open.",
    arch="lstm",
    memory="state",
    masks=("in",),
    sight=_sight,
)


def _gate_shape(context: Context) -> Mapping[str, Shape]:
    x, h = need_features(context, "Gate"), need_features(context, "Gate", "state")
    if x.dims[:-1] != h.dims[:-1]:
        raise ShapeError(
            f"Gate needs input and state of the same steps, it gets {x} and {h}",
            "it adds what both say about a step",
            "Wire both from the same sequence, or use it in a Recurrent cell",
            "state",
        )
    return {"out": x.with_width(context.integer("width"))}


def _gate_call(context: Context) -> Call:
    names = ("width", "function", "bias", "init", "radius")
    sizes = {"input_size": context.width, "state_size": context.ins["state"].width}
    return Call("Gate", {**sizes, **{name: context.params[name] for name in names}})


GATE = BlockKind(
    kind="gate",
    title="Gate",
    family="Recurrent",
    icon="cell",
    role="cell",
    inputs=(IN, Port("state", "state", "tensor", "What the cell remembers")),
    outputs=(OUT,),
    params=(
        Param("width", "Width", "int", 128, 1, 16384, help="Numbers it gives."),
        Param(
            "function",
            "Function",
            "choice",
            "sigmoid",
            choices=(("sigmoid", "Sigmoid"), ("tanh", "tanh"), ("relu", "ReLU"), NO_FUNCTION),
            help="A sigmoid opens and closes between 0 and 1; tanh proposes new values.",
        ),
        Param(
            "bias", "Bias", "float", 0.0, -10.0, 10.0,
            help="Start of b. A forget gate starts open with 1 or more.",
        ),
        INIT,
        RADIUS,
    ),
    shape=_gate_shape,
    module=_gate_call,
    count=lambda c: c.integer("width") * (c.width + c.ins["state"].width + 1),
    macs=lambda c: (
        c.integer("width") * (c.width + c.ins["state"].width) * steps(c.ins["in"], c.facts)
    ),
    summary=lambda c: (f"{c.word('function')}, {c.integer('width')} wide",),
    equations=(r"y_t = \varphi(W x_t + U h_{t-1} + b)",),
    source="Lecture: gates (S59), LSTM (S60); lecture: state update (S12)",
    help="The part that all recurrent cells are made of: it reads the input and the state. Three "
    "of them and a candidate make an LSTM.",
)  # fmt: skip


def _start_shape(context: Context) -> Mapping[str, Shape]:
    need_features(context, "Start state")
    need_vector(context, "Start state")
    return {"state": state_shape(context.word("kind"), context)}


def _start_numbers(context: Context) -> int:
    parts = 2 if context.word("kind") == "lstm" else 1
    return parts * context.integer("layers") * context.integer("hidden")


START_STATE = BlockKind(
    kind="start_state",
    title="Start state",
    family="Recurrent",
    icon="flag",
    role="cell",
    inputs=(IN,),
    outputs=(Port("state", "state", "state", "For the start of a recurrent block"),),
    params=(
        Param(
            "kind", "For", "choice", "lstm",
            choices=(("lstm", "LSTM: h and c"), ("h", "RNN or GRU: h")),
            help="Which block it starts.",
        ),
        LAYERS,
        HIDDEN,
    ),
    shape=_start_shape,
    module=lambda c: Call(
        "StartState",
        {
            "width": c.width,
            "layers": c.integer("layers"),
            "hidden": c.integer("hidden"),
            "cell": c.word("kind") == "lstm",
        },
    ),
    count=lambda c: (c.width + 1) * _start_numbers(c),
    macs=lambda c: c.width * _start_numbers(c),
    summary=lambda c: (f"{c.width} → {_in_words(state_shape(c.word('kind'), c))}",),
    equations=(r"s_0 = \tanh(W x + b)",),
    source="Bahdanau et al. 2015, appendix A.2.2; Xu et al. 2015, section 3.1.2",
    help="Turns a vector, such as a picture or the summary of an encoder, into the state that a "
    "decoder starts from, also where sizes differ.",
)  # fmt: skip

RECURRENT = (RNN, GRU, LSTM, GATE, START_STATE)
