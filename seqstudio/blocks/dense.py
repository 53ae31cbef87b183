"""Dense and glue blocks: linear, norm, dropout, activation, add, and the ends of time."""

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
    need_time,
)
from seqstudio.document.param import Param

ACTIVATIONS = {"tanh": "nn.Tanh", "relu": "nn.ReLU", "gelu": "nn.GELU", "sigmoid": "nn.Sigmoid"}


def _same(context: Context) -> Mapping[str, Shape]:
    return {"out": context.ins["in"]}


def _linear_shape(context: Context) -> Mapping[str, Shape]:
    return {"out": context.ins["in"].with_width(context.integer("width"))}


def _add_shape(context: Context) -> Mapping[str, Shape]:
    first, second = context.ins["in"], context.ins["other"]
    if first != second:
        raise ShapeError(
            f"Add needs two of the same shape, it gets {first} and {second}",
            "numbers are added place by place",
            "Put a Linear in front of one so that the widths agree",
            port="other",
        ).mended_by("linear" if first.dims[:-1] == second.dims[:-1] else "")
    return {"out": first}


def _without_time(name: str, context: Context) -> Mapping[str, Shape]:
    shape = need_time(context, name)
    return {"out": Shape("tensor", tuple(dim for dim in shape.dims if dim != "T"))}


LINEAR = BlockKind(
    kind="linear",
    title="Linear",
    family="Layers",
    icon="linear",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(Param("width", "Width", "int", 128, 1, 65536, help="Features it gives."),),
    shape=_linear_shape,
    module=lambda c: Call(
        "nn.Linear", {"in_features": c.width, "out_features": c.integer("width")}
    ),
    count=lambda c: (c.width + 1) * c.integer("width"),
    summary=lambda c: (f"{c.width} → {c.integer('width')}",),
    equations=(r"y_t = W x_t + b",),
    source="Lecture: perceptron and layer (S5, S6)",
    help="The same matrix and bias at every time step.",
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
    shape=_same,
    module=lambda c: Call("nn.LayerNorm", {"normalized_shape": c.width}),
    count=lambda c: 2 * c.width,
    summary=lambda c: (f"{c.width} features",),
    equations=(r"y = \gamma \odot \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta",),
    source="Ba, Kiros, Hinton 2016",
    help="Shifts and scales the features of each step to mean 0 and spread 1, then lets the model "
    "choose its own. Keeps deep stacks trainable.",
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
    shape=_same,
    module=lambda c: Call("nn.Dropout", {"p": c.number("share")}),
    summary=lambda c: (f"{c.number('share'):.0%} left out".replace("%", " %"),),
    equations=(r"y = x \odot m / (1 - p), \quad m \sim \mathrm{Bernoulli}(1 - p)",),
    source="Srivastava et al. 2014",
    help="Leaves out a random share while training, so that nothing is learnt by heart from one "
    "unit. Off when the model is measured or writes.",
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
            choices=(
                ("tanh", "tanh"),
                ("relu", "ReLU"),
                ("gelu", "GELU"),
                ("sigmoid", "Sigmoid"),
            ),
            help="Applied to every number.",
        ),
    ),
    shape=_same,
    module=lambda c: Call(ACTIVATIONS[c.word("function")]),
    summary=lambda c: (c.word("function"),),
    equations=(r"y = \varphi(x)",),
    source="Lecture: tanh and derivative (S14), ReLU (S57)",
    help="Bends the line: without it two linear layers are one.",
)

ADD = BlockKind(
    kind="add",
    title="Add",
    family="Layers",
    icon="plus",
    role="features",
    inputs=(IN, Port("other", "other", "tensor", "Same shape as the input")),
    outputs=(OUT,),
    params=(),
    shape=_add_shape,
    module=lambda _: Call("Add"),
    summary=lambda c: (f"{c.width} features",),
    equations=(r"y = a + b",),
    source="Lecture: additive path (S62); He et al. 2015",
    help="Adds two paths. Around a block it is a residual connection: the gradient passes with "
    "factor 1.",
)

LAST_STEP = BlockKind(
    kind="last_step",
    title="Last step",
    family="Layers",
    icon="flag",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=lambda c: _without_time("Last step", c),
    module=lambda _: Call("LastStep"),
    summary=lambda c: (f"{c.ins['in']} → B·{c.width}",),
    equations=(r"y = x_T",),
    source="Lecture: many to one, last state (S42)",
    help="Keeps the last step of each sequence. Everything the model remembers has to be there.",
)

MEAN_TIME = BlockKind(
    kind="mean_time",
    title="Mean over time",
    family="Layers",
    icon="compare",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=lambda c: _without_time("Mean over time", c),
    module=lambda _: Call("MeanOverTime"),
    summary=lambda c: (f"{c.ins['in']} → B·{c.width}",),
    equations=(r"y = \frac{1}{T} \sum_t x_t",),
    source="Lecture: readout from all states (S43)",
    help="Averages all steps of a sequence: every step has its say, and its gradient.",
)

DENSE = (LINEAR, ACTIVATION, LAYER_NORM, DROPOUT, ADD, LAST_STEP, MEAN_TIME)
