"""Blocks that bring data in and turn symbols into vectors."""

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

IDS_IN = Port("in", "tokens", "ids", "Numbers of symbols")
LEARNED_LIMIT = 4096


def _tokens_shape(context: Context) -> Mapping[str, Shape]:
    if context.facts.input != "ids":
        raise ShapeError(
            "The data are vectors, not tokens",
            f"{context.facts.title} gives {context.facts.width} numbers a step",
            "Use the block Vectors as input",
        )
    return {"out": Shape("ids", ("B", "T"))}


def _vectors_shape(context: Context) -> Mapping[str, Shape]:
    if context.facts.input != "vectors":
        raise ShapeError(
            "The data are tokens, not vectors",
            f"{context.facts.title} gives symbols",
            "Use the block Tokens as input",
        )
    return {"out": Shape("tensor", ("B", "T", context.facts.width))}


def _one_hot_shape(context: Context) -> Mapping[str, Shape]:
    return {"out": Shape("tensor", (*context.ins["in"].dims, context.facts.vocabulary))}


def _embedding_shape(context: Context) -> Mapping[str, Shape]:
    return {"out": Shape("tensor", (*context.ins["in"].dims, context.integer("width")))}


def _positions_shape(context: Context) -> Mapping[str, Shape]:
    return {"out": need_time(context, "Positional encoding")}


TOKENS = BlockKind(
    kind="tokens",
    title="Tokens",
    family="Input",
    icon="text",
    role="input",
    inputs=(),
    outputs=(Port("out", "tokens", "ids", "Number of each symbol in the vocabulary"),),
    params=(),
    shape=_tokens_shape,
    module=lambda _: Call("nn.Identity"),
    summary=lambda c: (c.facts.title, f"{c.facts.vocabulary} symbols"),
    equations=(r"x_t \in \{0, \ldots, V-1\}",),
    source="Lecture: vocabulary, index, vector (S28)",
    help="Symbols of the data as whole numbers, one a time step. The data panel chooses the text. "
    "The targets are the same symbols, one step later.",
)

VECTORS = BlockKind(
    kind="vectors",
    title="Vectors",
    family="Input",
    icon="curve",
    role="input",
    inputs=(),
    outputs=(Port("out", "vectors", "tensor", "Measured numbers, one vector a time step"),),
    params=(),
    shape=_vectors_shape,
    module=lambda _: Call("nn.Identity"),
    summary=lambda c: (c.facts.title, f"{c.facts.width} numbers a step"),
    equations=(r"x_t \in \mathbb{R}^{D}",),
    source="Lecture: sequences of measurements (S2, S48)",
    help="Numbers instead of symbols: a series, a sensor, the adding problem.",
)

ONE_HOT = BlockKind(
    kind="one_hot",
    title="One-hot",
    family="Input",
    icon="grid",
    role="features",
    inputs=(IDS_IN,),
    outputs=(OUT,),
    params=(),
    shape=_one_hot_shape,
    module=lambda c: Call("OneHot", {"size": c.facts.vocabulary}),
    summary=lambda c: (f"{c.facts.vocabulary} symbols → {c.facts.vocabulary} wide",),
    equations=(r"x_t = e_{w_t} = (0, \ldots, 1, \ldots, 0)",),
    source="Lecture: one-hot vectors (S29)",
    help="Each symbol becomes a vector that is 1 at its own place and 0 elsewhere. It has nothing "
    "to learn; an embedding is the same followed by a matrix.",
)

EMBEDDING = BlockKind(
    kind="embedding",
    title="Embedding",
    family="Input",
    icon="embedding",
    role="features",
    inputs=(IDS_IN,),
    outputs=(OUT,),
    params=(
        Param("width", "Width", "int", 64, 1, 8192, help="Numbers that describe one symbol."),
    ),
    shape=_embedding_shape,
    module=lambda c: Call(
        "nn.Embedding",
        {"num_embeddings": c.facts.vocabulary, "embedding_dim": c.integer("width")},
    ),
    count=lambda c: c.facts.vocabulary * c.integer("width"),
    summary=lambda c: (f"{c.facts.vocabulary} → {c.integer('width')}",),
    equations=(r"x_t = E^{\top} e_{w_t} = E[w_t]",),
    source="Lecture: learned embedding (S30, S31)",
    help="A learned vector for each symbol, looked up by its number. Symbols that are used alike "
    "move together while the model learns.",
)

POSITIONS = BlockKind(
    kind="positions",
    title="Positional encoding",
    family="Attention",
    icon="clock",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(
        Param(
            "kind",
            "Kind",
            "choice",
            "sinusoidal",
            choices=(("sinusoidal", "Sine and cosine"), ("learned", "Learned")),
            help="Fixed waves reach any length; learned vectors end at the window.",
        ),
    ),
    shape=_positions_shape,
    module=lambda c: Call(
        "Positions",
        {"width": c.width, "kind": c.word("kind"), "length": max(c.facts.window, 1)},
    ),
    count=lambda c: c.width * max(c.facts.window, 1) if c.word("kind") == "learned" else 0,
    summary=lambda c: (c.word("kind"),),
    equations=(
        r"P_{p,2i} = \sin(p / 10000^{2i/C})",
        r"P_{p,2i+1} = \cos(p / 10000^{2i/C})",
        r"y_p = x_p + P_p",
    ),
    source="Vaswani et al. 2017, section 3.5; lecture: position (S74)",
    memory="cache",
    help="Attention alone cannot tell order: a shuffled sentence gives shuffled results. This "
    "adds a vector that depends on the place only.",
)

SOURCES = (TOKENS, VECTORS, ONE_HOT, EMBEDDING)
