"""The parts that attention opens into: heads, matrix products, scores, masks, softmax."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

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
from seqstudio.blocks.kinds.attention import CAUSAL, HEADS, WINDOW, divisor_near
from seqstudio.blocks.kinds.rules import need_sequence, no_macs, numbers, unchanged
from seqstudio.document.param import Param


def _split_shape(context: Context) -> Mapping[str, Shape]:
    shape, heads = need_sequence(context, "Split heads"), context.integer("heads")
    if shape.width % heads:
        raise ShapeError(
            f"Split heads: {shape.width} features do not divide among {heads} heads",
            "every head gets the same width",
            f"Use {divisor_near(shape.width, heads)} heads, or a width that divides",
        )
    dims = ("B", heads, shape.axis, shape.width // heads)
    return {"out": Shape("tensor", dims)}


def _need_heads(context: Context, name: str) -> Shape:
    shape = context.ins["in"]
    if len(shape.dims) != 4 or not shape.width or shape.dims[2] != shape.axis:
        raise ShapeError(
            f"{name} needs heads B·heads·T·width, it gets {shape}",
            "the heads are not apart",
            "Put Split heads in front",
        ).mended_by("split_heads" if len(shape.dims) == 3 and shape.has_time else "")
    return shape


def _merge_shape(context: Context) -> Mapping[str, Shape]:
    shape = _need_heads(context, "Merge heads")
    heads = int(shape.dims[1])
    return {"out": Shape("tensor", ("B", shape.axis, heads * shape.width))}


def _rotary_shape(context: Context) -> Mapping[str, Shape]:
    shape = _need_heads(context, "Rotary positions")
    if shape.width % 2:
        raise ShapeError(
            "Rotary positions need an even width a head",
            f"they turn pairs of features, {shape.width} arrive",
            "Change the number of heads or the width",
        )
    return {"out": shape}


def _product_shape(context: Context) -> Mapping[str, Shape]:
    first, second = context.ins["in"], context.ins["other"]
    flip = context.on("transposed")
    if len(first.dims) < 3 or len(second.dims) < 3 or first.dims[:-2] != second.dims[:-2]:
        raise ShapeError(
            f"Matrix product needs two stacks of matrices, it gets {first} and {second}",
            "rows and heads have to agree, the last two dimensions are multiplied",
            "Wire it to two sequences, both before or both behind Split heads",
            "other",
        )
    inner, outer = (second.dims[-1], second.dims[-2]) if flip else second.dims[-2:]
    if first.dims[-1] != inner:
        raise ShapeError(
            f"Matrix product sums over {first.dims[-1]} and {inner}, which differ",
            f"it gets {first} and {second}{', transposed' if flip else ''}",
            f"Switch Transpose {'off' if flip else 'on'}, or make the widths agree",
            "other",
        )
    return {"out": Shape("tensor", (*first.dims[:-1], outer))}


def _product_macs(context: Context) -> int:
    first, second, facts = context.ins["in"], context.ins["other"], context.facts
    outer = second.dims[-2 if context.on("transposed") else -1]
    return numbers(first, facts) * facts.size(outer)


def _mixes_steps(context: Context) -> Sight:
    """Return "past" for a sum over steps: what is masked before it stays out of the sum."""
    return "past" if _own(context.ins["in"]) else "step"


def _own(shape: Shape) -> bool:
    """Tell whether scores are those of a sequence for itself."""
    return len(shape.dims) > 1 and shape.dims[-1] == shape.dims[-2]


def _mask_shape(context: Context) -> Mapping[str, Shape]:
    scores, memory = context.ins["in"], context.ins.get("memory")
    if len(scores.dims) < 3 or not all(isinstance(dim, str) for dim in scores.dims[-2:]):
        raise ShapeError(
            f"Mask needs scores of steps for steps, it gets {scores}",
            "its last two dimensions have to be sequences",
            "Put a Matrix product of queries and transposed keys in front",
        )
    if not _own(scores) and (context.on("causal") or context.integer("window")):
        raise ShapeError(
            f"Mask cannot be causal between {scores.dims[-2]} and {scores.dims[-1]}",
            "steps of two sequences have no common order",
            "Switch Causal off and set Window to 0",
        )
    if memory is not None and memory.axis != scores.dims[-1]:
        raise ShapeError(
            f"Mask needs the sequence of the keys at memory, it gets {memory}",
            f"the keys run along {scores.dims[-1]}",
            "Wire memory to what the keys were made of",
            "memory",
        )
    return {"out": scores}


def _factor(context: Context) -> float:
    if context.word("by") == "root":
        return 1 / sqrt(context.width)
    return context.number("factor")


def _scale_call(context: Context) -> Call:
    factor = _factor(context)
    if context.word("by") == "learned":
        return Call("FeatureScale", {"width": context.width, "start": factor})
    return Call("Scale", {"factor": factor})


def _scale_shape(context: Context) -> Mapping[str, Shape]:
    shape = context.ins["in"]
    if context.word("by") == "learned" and not shape.width:
        raise ShapeError(
            f"Scale cannot learn a factor for each step of scores {shape}",
            "the last dimension is a sequence, which has no fixed length",
            "Put it on features, or give the factor",
        )
    if context.word("by") == "root" and not shape.width:
        raise ShapeError(
            f"Scale cannot tell the width of a head from scores {shape}",
            "the last dimension is a sequence",
            "Put it on the queries, or give the factor",
        )
    return {"out": shape}


def _softmax_call(context: Context) -> Call:
    return Call("Softmax", {"steps": True} if _over_steps(context) else {})


def _over_steps(context: Context) -> bool:
    """Tell whether the last dimension is the axis whose lengths the block is told."""
    shape = context.ins["in"]
    return bool(shape.axis) and shape.dims[-1] == shape.axis


SPLIT_HEADS = BlockKind(
    kind="split_heads",
    title="Split heads",
    family="Attention",
    icon="fork",
    role="query",
    inputs=(IN,),
    outputs=(OUT,),
    params=(HEADS,),
    shape=_split_shape,
    module=lambda c: Call("SplitHeads", {"heads": c.integer("heads")}),
    summary=lambda c: (f"{c.integer('heads')} × {c.width // c.integer('heads')}",),
    equations=(r"x \in \mathbb{R}^{T \times h d} \to h \text{ times } \mathbb{R}^{T \times d}",),
    source="Vaswani et al. 2017, section 3.2.2; lecture: multi-head (S80)",
    help="Lays the features of each step out in heads, which attend on their own.",
    macs=no_macs,
)

MERGE_HEADS = BlockKind(
    kind="merge_heads",
    title="Merge heads",
    family="Attention",
    icon="composite",
    role="query",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=_merge_shape,
    module=lambda _: Call("MergeHeads"),
    summary=lambda c: (f"{c.ins['in'].dims[1]} × {c.width}",),
    equations=(r"y_t = \mathrm{concat}(x_{1,t}, \ldots, x_{h,t})",),
    source="Vaswani et al. 2017, section 3.2.2; lecture: concat of heads (S80)",
    help="Puts the results of all heads side by side again, one vector a step.",
    macs=no_macs,
)

ROTARY = BlockKind(
    kind="rotary",
    title="Rotary positions",
    family="Attention",
    icon="clock",
    role="query",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=_rotary_shape,
    module=lambda _: Call("Rotary"),
    summary=lambda c: (f"{c.width // 2} pairs",),
    equations=(
        r"(x_i, x_{i+d/2}) \leftarrow R(p\,\theta_i)\,(x_i, x_{i+d/2})",
        r"\theta_i = 10000^{-2i/d}",
    ),
    source="Su et al. 2021, section 3.2, features paired by halves",
    help="Turns pairs of features of queries and keys by an angle that grows with the place. A "
    "product of both then depends on their distance only.",
    macs=no_macs,
)

MATRIX_PRODUCT = BlockKind(
    kind="matrix_product",
    title="Matrix product",
    family="Attention",
    icon="grid",
    role="query",
    inputs=(IN, Port("other", "other", "tensor", "The matrix on the right")),
    outputs=(OUT,),
    params=(
        Param("transposed", "Transpose the other", "bool", False,
              help="Multiplies with the other lying on its side: queries with keys."),
    ),
    shape=_product_shape,
    module=lambda c: Call("MatrixProduct", {"transposed": c.on("transposed")}),
    summary=lambda c: ("A Bᵀ" if c.on("transposed") else "A B",),
    equations=(r"Y = A B, \quad \text{or } Y = A B^{\top}",),
    source="Lecture: scores (S76) and output (S78)",
    help="The product of two sequences as matrices. Queries times keys gives a score for each "
    "pair of steps, weights times values gives a mix.",
    masks=("other",),
    sight=_mixes_steps,
    macs=_product_macs,
)  # fmt: skip

SCALE = BlockKind(
    kind="scale",
    title="Scale",
    family="Glue",
    icon="fit",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(
        Param("by", "By", "choice", "constant",
              choices=(("constant", "A factor"), ("root", "1 / √width"),
                       ("learned", "Learned, one a feature")),
              help="1 / √width keeps products of queries and keys near 1."),
        Param("factor", "Factor", "float", 1.0, -1e6, 1e6,
              help="Every number times this; where it is learned, its start."),
    ),
    shape=_scale_shape,
    module=_scale_call,
    count=lambda c: c.width if c.word("by") == "learned" else 0,
    summary=lambda c: ("learned" if c.word("by") == "learned" else f"× {_factor(c):.4g}",),
    equations=(r"y = a x, \quad \text{or } y = x / \sqrt{d}", r"y = w \odot x"),
    source="Vaswani et al. 2017, section 3.2.1; lecture: scale of scores (S76)",
    help="Multiplies everything by one number, or each feature by a learned one: a peephole.",
    macs=no_macs,
)  # fmt: skip

CAUSAL_MASK = BlockKind(
    kind="causal_mask",
    title="Mask",
    family="Attention",
    icon="mute",
    role="query",
    inputs=(
        Port("in", "scores", "tensor", "A score for each pair of steps"),
        Port("memory", "memory", "tensor", "What the keys were made of, where it is another "
             "sequence", optional=True),
    ),
    outputs=(Port("out", "scores", "tensor", "The scores that count"),),
    params=(CAUSAL, WINDOW),
    shape=_mask_shape,
    module=lambda c: Call(
        "ScoreMask",
        {
            "causal": c.on("causal"),
            "window": c.integer("window"),
            "own": _own(c.ins["in"]),
        },
    ),
    summary=lambda c: ("past only" if c.on("causal") else "padding only",),
    equations=(r"M_{t,s} = 0 \text{ if } t - w \le s \le t, \text{ else } -\infty",),
    source="Vaswani et al. 2017, section 3.2.3; lecture: mask in the head diagram (S79)",
    help="Takes scores out of the softmax: those of later steps, of steps beyond the window, and "
    "of padding.",
    masks=("in", "memory"),
    macs=no_macs,
)  # fmt: skip

SOFTMAX = BlockKind(
    kind="softmax",
    title="Softmax",
    family="Glue",
    icon="compare",
    role="query",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=unchanged,
    module=_softmax_call,
    summary=lambda c: (f"over {c.ins['in'].dims[-1]}",),
    equations=(r"y_i = e^{x_i} / \sum_j e^{x_j}",),
    source="Bridle 1990; lecture: attention weights (S77)",
    help="Turns the numbers of the last dimension into shares that are positive and sum to 1. "
    "Scores for another sequence need a Mask in front, so that its padding gets no share.",
    masks=("in",),
    macs=no_macs,
)

SCORES = (SPLIT_HEADS, MERGE_HEADS, ROTARY, MATRIX_PRODUCT, CAUSAL_MASK)
SCORE_GLUE = (SCALE, SOFTMAX)
