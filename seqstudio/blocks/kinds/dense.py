"""Dense blocks: linear, perceptron, MLP, activation, dropout, norms. Each sees one step."""

from __future__ import annotations

from collections.abc import Mapping

from seqstudio.blocks.declaration import IN, OUT, BlockKind, Call, Context, Shape
from seqstudio.blocks.kinds.rules import (
    DROPOUT as INNER_DROPOUT,
)
from seqstudio.blocks.kinds.rules import (
    FUNCTIONS,
    NO_FUNCTION,
    need_features,
    no_macs,
    numbers,
    plural,
    same,
    unchanged,
)
from seqstudio.document.param import Param, Value

ACTIVATIONS = {
    "tanh": "nn.Tanh",
    "relu": "nn.ReLU",
    "gelu": "nn.GELU",
    "sigmoid": "nn.Sigmoid",
    "softplus": "nn.Softplus",
    "silu": "nn.SiLU",
}
_GIVES = Param("width", "Width", "int", 128, 1, 65536, help="Features it gives.")


def _linear_shape(context: Context) -> Mapping[str, Shape]:
    return {"out": need_features(context, "Linear").with_width(context.integer("width"))}


def _perceptron_shape(context: Context) -> Mapping[str, Shape]:
    return {"out": need_features(context, "Perceptron").with_width(context.integer("width"))}


def _mlp_shape(context: Context) -> Mapping[str, Shape]:
    return {"out": need_features(context, "MLP").with_width(context.integer("width"))}


def _linear_call(context: Context) -> Call:
    args: dict[str, Value] = {
        "in_features": context.width,
        "out_features": context.integer("width"),
    }
    if context.word("init") != "default":
        args |= {name: context.params[name] for name in ("bias", "init", "spread")}
        return Call("StartedLinear", args)
    return Call("nn.Linear", args if context.on("bias") else {**args, "bias": False})


def _linear_count(context: Context) -> int:
    return (context.width + context.on("bias")) * context.integer("width")


def _mlp_count(context: Context) -> int:
    hidden, layers = context.integer("hidden"), context.integer("layers")
    first = (context.width + 1) * hidden
    return first + (layers - 1) * (hidden + 1) * hidden + (hidden + 1) * context.integer("width")


def _linear_macs(context: Context) -> int:
    return numbers(context.ins["in"], context.facts) * context.integer("width")


def _mlp_macs(context: Context) -> int:
    hidden, layers = context.integer("hidden"), context.integer("layers")
    row = (context.width + (layers - 1) * hidden + context.integer("width")) * hidden
    return row * numbers(context.ins["in"], context.facts) // context.width


def _mlp_call(context: Context) -> Call:
    names = ("hidden", "width", "layers", "function", "dropout")
    return Call("MLP", {"input_size": context.width, **{n: context.params[n] for n in names}})


LINEAR = BlockKind(
    kind="linear",
    title="Linear",
    family="Layers",
    icon="linear",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(
        _GIVES,
        Param("bias", "Bias", "bool", True, help="Adds a learned number to each feature."),
        Param(
            "init",
            "Initialise",
            "choice",
            "default",
            choices=(
                ("default", "Uniform, as in PyTorch"),
                ("normal", "Normal"),
                ("orthogonal", "Orthogonal"),
                ("identity", "Identity"),
                ("scaled", "Orthogonal × spread"),
            ),
            help="Start of the matrix. All but the first start the bias at 0.",
        ),
        Param(
            "spread",
            "Spread",
            "float",
            0.02,
            0.0,
            10.0,
            help="Standard deviation of Normal, factor of Orthogonal × spread.",
        ),
    ),
    shape=_linear_shape,
    module=_linear_call,
    count=_linear_count,
    macs=_linear_macs,
    summary=lambda c: (f"{c.width} → {c.integer('width')}",),
    equations=(r"y_t = W x_t + b",),
    source="Lecture: perceptron and layer (S5, S6)",
    help="The same matrix and bias at every time step.",
)

PERCEPTRON = BlockKind(
    kind="perceptron",
    title="Perceptron",
    family="Layers",
    icon="cell",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(
        Param("width", "Width", "int", 1, 1, 65536, help="Neurons side by side."),
        Param(
            "function",
            "Function",
            "choice",
            "sigmoid",
            choices=(*FUNCTIONS, NO_FUNCTION),
            help="Applied to every sum.",
        ),
    ),
    shape=_perceptron_shape,
    module=lambda c: Call(
        "Perceptron",
        {"input_size": c.width, "width": c.integer("width"), "function": c.word("function")},
    ),
    count=lambda c: (c.width + 1) * c.integer("width"),
    macs=_linear_macs,
    summary=lambda c: (f"{c.width} → {c.integer('width')}, {c.word('function')}",),
    equations=(r"z = \sum_i w_i x_i + b, \quad y = g(z)",),
    source="Rosenblatt 1958; lecture: perceptron (S5)",
    help="The lecture's neuron: a weighted sum, a bias, and a function that bends it.",
)

MLP = BlockKind(
    kind="mlp",
    title="MLP",
    family="Layers",
    icon="linear",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(
        Param("hidden", "Hidden units", "int", 256, 1, 65536, help="Width of each layer inside."),
        Param("layers", "Hidden layers", "int", 1, 1, 32, help="Layers before the last one."),
        _GIVES,
        Param(
            "function",
            "Activation",
            "choice",
            "relu",
            choices=FUNCTIONS,
            help="Applied after each hidden layer.",
        ),
        INNER_DROPOUT,
    ),
    shape=_mlp_shape,
    module=_mlp_call,
    count=_mlp_count,
    macs=_mlp_macs,
    summary=lambda c: (
        f"{c.width} → {c.integer('hidden')} → {c.integer('width')}",
        plural(c.integer("layers"), "hidden layer"),
    ),
    equations=(r"h = \varphi(W_1 x + b_1)", r"y = W_2 h + b_2"),
    source="Lecture: feed-forward network (S6), one at each step (S7)",
    help="Linear layers with an activation between them, the same at every time step. It has no "
    "memory: each step is seen alone.",
)

LAYER_NORM = BlockKind(
    kind="layer_norm",
    title="Layer norm",
    family="Layers",
    icon="split",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=same("Layer norm"),
    module=lambda c: Call("nn.LayerNorm", {"normalized_shape": c.width}),
    count=lambda c: 2 * c.width,
    macs=no_macs,
    summary=lambda c: (f"{c.width} features",),
    equations=(r"y = \gamma \odot \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta",),
    source="Ba, Kiros, Hinton 2016",
    help="Shifts and scales the features of each step to mean 0 and spread 1, then lets the model "
    "choose its own. Keeps deep stacks trainable.",
)

RMS_NORM = BlockKind(
    kind="rms_norm",
    title="RMS norm",
    family="Layers",
    icon="split",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=same("RMS norm"),
    module=lambda c: Call("nn.RMSNorm", {"normalized_shape": c.width, "eps": 1e-6}),
    count=lambda c: c.width,
    macs=no_macs,
    summary=lambda c: (f"{c.width} features",),
    equations=(r"y = \gamma \odot x / \sqrt{\frac{1}{C} \sum_i x_i^2 + \epsilon}",),
    source="Zhang and Sennrich 2019",
    help="Scales the features of each step to a mean square of 1, without shifting them. Half the "
    "numbers of a layer norm.",
)

DROPOUT = BlockKind(
    kind="dropout",
    title="Dropout",
    family="Layers",
    icon="dropout",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(
        Param("share", "Share", "float", 0.2, 0.0, 0.95, help="Share of the numbers left out."),
    ),
    shape=unchanged,
    module=lambda c: Call("nn.Dropout", {"p": c.number("share")}),
    summary=lambda c: (f"{c.number('share'):.0%} left out".replace("%", " %"),),
    equations=(r"y = x \odot m / (1 - p), \quad m \sim \mathrm{Bernoulli}(1 - p)",),
    source="Srivastava et al. 2014",
    help="Leaves out a random share while training, so that nothing is learnt by heart from one "
    "unit. Off when the model is measured or writes.",
    macs=no_macs,
)

ACTIVATION = BlockKind(
    kind="activation",
    title="Activation",
    family="Layers",
    icon="curve",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(
        Param(
            "function",
            "Function",
            "choice",
            "tanh",
            choices=FUNCTIONS,
            help="Applied to every number.",
        ),
    ),
    shape=unchanged,
    module=lambda c: Call(ACTIVATIONS[c.word("function")]),
    summary=lambda c: (c.word("function"),),
    equations=(r"y = \varphi(x)",),
    source="Lecture: tanh and derivative (S14), ReLU (S57)",
    help="Bends the line: without it two linear layers are one.",
    macs=no_macs,
)

DENSE = (LINEAR, PERCEPTRON, MLP, ACTIVATION, LAYER_NORM, RMS_NORM, DROPOUT)
