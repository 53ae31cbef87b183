"""Recurrent blocks: RNN, GRU, LSTM. Stacks of single layers, batch first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seqstudio.blocks.declaration import (
    IN,
    OUT,
    BlockKind,
    Call,
    Context,
    Shape,
    need_time,
)
from seqstudio.document.param import Param

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


def _shape(name: str) -> Callable[[Context], Mapping[str, Shape]]:
    def rule(context: Context) -> Mapping[str, Shape]:
        return {"out": need_time(context, name).with_width(context.integer("hidden"))}

    return rule


def _count(gates: int) -> Callable[[Context], int]:
    def count(context: Context) -> int:
        hidden, total, width = context.integer("hidden"), 0, context.width
        for _ in range(context.integer("layers")):
            total += gates * hidden * (width + hidden + 2)  # torch keeps two biases
            width = hidden
        return total

    return count


def _arguments(context: Context, *names: str) -> dict[str, bool | int | float | str]:
    chosen = {name: context.params[name] for name in names}
    return {"input_size": context.width, "hidden_size": context.integer("hidden"), **chosen}


def _summary(context: Context) -> tuple[str, ...]:
    layers = context.integer("layers")
    plural = "layer" if layers == 1 else "layers"
    return (f"{context.integer('hidden')} units, {layers} {plural}",)


RNN = BlockKind(
    kind="rnn",
    title="RNN",
    family="Recurrent",
    icon="rnn",
    role="cell",
    inputs=(IN,),
    outputs=(OUT,),
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
    ),
    shape=_shape("RNN"),
    module=lambda c: Call(
        "RNN", _arguments(c, "layers", "nonlinearity", "init", "radius", "dropout")
    ),
    count=_count(1),
    summary=_summary,
    equations=(r"h_t = \tanh(W_{xh} x_t + W_{hh} h_{t-1} + b_h)",),
    source="Lecture: state update (S12); initialisation: Le, Jaitly, Hinton 2015",
    help="One matrix turns input and last state into the next state, the same at every step. Its "
    "gradient fades or grows by a factor a step: watch the horizon.",
    arch="rnn",
    memory="state",
)

GRU = BlockKind(
    kind="gru",
    title="GRU",
    family="Recurrent",
    icon="rnn",
    role="cell",
    inputs=(IN,),
    outputs=(OUT,),
    params=(HIDDEN, LAYERS, INIT, RADIUS, DROPOUT),
    shape=_shape("GRU"),
    module=lambda c: Call("GRU", _arguments(c, "layers", "init", "radius", "dropout")),
    count=_count(3),
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
)

LSTM = BlockKind(
    kind="lstm",
    title="LSTM",
    family="Recurrent",
    icon="rnn",
    role="cell",
    inputs=(IN,),
    outputs=(OUT,),
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
    ),
    shape=_shape("LSTM"),
    module=lambda c: Call(
        "LSTM", _arguments(c, "layers", "forget_bias", "init", "radius", "dropout")
    ),
    count=_count(4),
    summary=_summary,
    equations=(
        r"i_t = \sigma(W_i x_t + U_i h_{t-1} + b_i)",
        r"f_t = \sigma(W_f x_t + U_f h_{t-1} + b_f)",
        r"g_t = \tanh(W_g x_t + U_g h_{t-1} + b_g)",
        r"o_t = \sigma(W_o x_t + U_o h_{t-1} + b_o)",
        r"c_t = f_t \odot c_{t-1} + i_t \odot g_t",
        r"h_t = o_t \odot \tanh(c_t)",
    ),
    source="Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000; lecture: LSTM (S60)",
    help="Three gates around a cell c that is added to, not multiplied anew: the gradient passes "
    "with factor f a step. It reaches far only when the forget gates are open.",
    arch="lstm",
    memory="state",
)

RECURRENT = (RNN, GRU, LSTM)
