"""Attention blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seqstudio.blocks.declaration import (
    IN,
    OUT,
    BlockKind,
    Call,
    Context,
    Shape,
    ShapeError,
    need_time,
)
from seqstudio.document.param import Param

HEADS = Param(
    "heads",
    "Heads",
    "int",
    4,
    1,
    128,
    help="Independent attention patterns; they share the width.",
)
CAUSAL = Param(
    "causal",
    "Causal",
    "bool",
    True,
    help="A step sees itself and the past only. Needed to predict the next token.",
)
ROTARY = Param(
    "positions",
    "Positions",
    "choice",
    "rotary",
    choices=(("rotary", "Rotary"), ("none", "None")),
    help="Rotary turns queries and keys by their place, so that a score depends on the distance.",
)
DROPOUT = Param(
    "dropout",
    "Dropout",
    "float",
    0.0,
    0.0,
    0.95,
    help="Share of the numbers that a training step leaves out.",
)


def _shape(name: str) -> Callable[[Context], Mapping[str, Shape]]:
    def rule(context: Context) -> Mapping[str, Shape]:
        shape, heads = need_time(context, name), context.integer("heads")
        if shape.width % heads:
            raise ShapeError(
                f"{name}: {shape.width} features do not divide among {heads} heads",
                "every head gets the same width",
                f"Use {_divisor_near(shape.width, heads)} heads, or a width that divides",
            )
        if context.word("positions") == "rotary" and (shape.width // heads) % 2:
            raise ShapeError(
                f"{name}: rotary positions need an even width a head",
                f"{shape.width} ÷ {heads} = {shape.width // heads}",
                "Change heads or width, or switch positions off",
            )
        return {"out": shape}

    return rule


def _divisor_near(width: int, heads: int) -> int:
    divisors = [n for n in range(1, min(width, 128) + 1) if width % n == 0]
    return min(divisors, key=lambda n: abs(n - heads))


def _attention_count(context: Context) -> int:
    return 4 * context.width * (context.width + 1)


def _block_count(context: Context) -> int:
    width, hidden = context.width, context.width * context.integer("expansion")
    norms = 2 * 2 * width
    feed_forward = width * hidden + hidden + hidden * width + width
    return context.integer("layers") * (_attention_count(context) + norms + feed_forward)


SELF_ATTENTION = BlockKind(
    kind="self_attention",
    title="Self-attention",
    family="Attention",
    icon="attention",
    role="query",
    inputs=(IN,),
    outputs=(OUT,),
    params=(HEADS, CAUSAL, ROTARY, DROPOUT),
    shape=_shape("Self-attention"),
    module=lambda c: Call(
        "SelfAttention",
        {
            "width": c.width,
            "heads": c.integer("heads"),
            "causal": c.on("causal"),
            "rotary": c.word("positions") == "rotary",
            "dropout": c.number("dropout"),
        },
    ),
    count=_attention_count,
    summary=lambda c: (f"{c.integer('heads')} heads, {c.width}",),
    equations=(
        r"Q = X W_Q, \quad K = X W_K, \quad V = X W_V",
        r"A = \mathrm{softmax}(Q K^{\top} / \sqrt{d_k} + M)",
        r"Y = \mathrm{concat}(A_1 V_1, \ldots, A_h V_h) W_O",
    ),
    source="Vaswani et al. 2017, section 3.2; lecture: self-attention (S74 to S80)",
    help="Every step asks a question (query) of all steps (keys) and takes a mix of their answers "
    "(values). Any distance is one step away.",
    arch="transformer",
    memory="cache",
)

TRANSFORMER = BlockKind(
    kind="transformer",
    title="Transformer block",
    family="Attention",
    icon="attention",
    role="query",
    inputs=(IN,),
    outputs=(OUT,),
    params=(
        Param("layers", "Layers", "int", 1, 1, 96, help="Blocks in a row, each with own weights."),
        HEADS,
        Param(
            "expansion",
            "Expansion",
            "int",
            4,
            1,
            16,
            unit="× width",
            help="Width inside the feed-forward part.",
        ),
        CAUSAL,
        ROTARY,
        DROPOUT,
    ),
    shape=_shape("Transformer block"),
    module=lambda c: Call(
        "Transformer",
        {
            "width": c.width,
            "layers": c.integer("layers"),
            "heads": c.integer("heads"),
            "expansion": c.integer("expansion"),
            "causal": c.on("causal"),
            "rotary": c.word("positions") == "rotary",
            "dropout": c.number("dropout"),
        },
    ),
    count=_block_count,
    summary=lambda c: (f"{c.integer('layers')} × {c.integer('heads')} heads, {c.width}",),
    equations=(
        r"X \leftarrow X + \mathrm{MHA}(\mathrm{LN}(X))",
        r"X \leftarrow X + \mathrm{FFN}(\mathrm{LN}(X))",
        r"\mathrm{FFN}(x) = W_2\,\mathrm{GELU}(W_1 x + b_1) + b_2",
    ),
    source="Vaswani et al. 2017; pre-norm: Xiong et al. 2020; rotary positions: Su et al. 2021",
    help="Attention and a feed-forward net, each added to what came in. The sum keeps a straight "
    "path for the gradient through all layers.",
    arch="transformer",
    memory="cache",
)

ATTENTION = (SELF_ATTENTION, TRANSFORMER)
