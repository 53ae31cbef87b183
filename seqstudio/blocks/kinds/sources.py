"""Blocks that bring data in and turn symbols into vectors."""

from __future__ import annotations

from collections.abc import Mapping

from seqstudio.blocks.declaration import (
    IN,
    OUT,
    BlockKind,
    Call,
    Context,
    DataFacts,
    Port,
    Shape,
    ShapeError,
)
from seqstudio.blocks.kinds.rules import need_sequence, no_macs, steps
from seqstudio.document.param import Param

IDS_IN = Port("in", "tokens", "ids", "Numbers of symbols")
_NAMES = {"ids": "Tokens", "vectors": "Vectors", "picture": "Picture"}


def _brought(facts: DataFacts) -> str:
    """Return what the main stream holds, in words."""
    if facts.input == "ids":
        return f"{facts.title} gives symbols"
    if facts.input == "vectors":
        return f"{facts.title} gives {facts.width} numbers a step"
    return f"{facts.title} gives pictures"


def _wrong_input(facts: DataFacts, wanted: str) -> ShapeError:
    held = {"ids": "tokens", "vectors": "vectors", "picture": "pictures"}[facts.input]
    return ShapeError(
        f"The data are {held}, not {wanted}",
        _brought(facts),
        f"Use the block {_NAMES[facts.input]} as input",
    )


def _tokens_shape(context: Context) -> Mapping[str, Shape]:
    if context.facts.input != "ids":
        raise _wrong_input(context.facts, "tokens")
    return {"out": Shape("ids", ("B", "T"))}


def _vectors_shape(context: Context) -> Mapping[str, Shape]:
    if context.facts.input != "vectors":
        raise _wrong_input(context.facts, "vectors")
    return {"out": Shape("tensor", ("B", "T", context.facts.width))}


def _source_shape(context: Context) -> Mapping[str, Shape]:
    facts = context.facts
    if facts.source != "ids":
        brought = "its source is a picture" if facts.source else _brought(facts) + " only"
        raise ShapeError(
            "The data have no second sequence of tokens",
            brought,
            "Use the block Picture"
            if facts.source
            else f"Choose data with a source, or use the block {_NAMES[facts.input]}",
        )
    return {"out": Shape("ids", ("B", "S"))}


def vocabulary(context: Context) -> int:
    """Return the number of symbols of the stream that arrives at "in"."""
    facts = context.facts
    return facts.source_vocabulary if "S" in context.ins["in"].dims else facts.vocabulary


def _one_hot_shape(context: Context) -> Mapping[str, Shape]:
    return {"out": Shape("tensor", (*context.ins["in"].dims, vocabulary(context)))}


def _embedding_shape(context: Context) -> Mapping[str, Shape]:
    return {"out": Shape("tensor", (*context.ins["in"].dims, context.integer("width")))}


def _positions_shape(context: Context) -> Mapping[str, Shape]:
    shape, known = need_sequence(context, "Positional encoding"), _places(context)
    longest = steps(shape, context.facts)
    if context.word("kind") == "learned" and known < longest:
        raise ShapeError(
            f"Positional encoding knows {known} places, up to {longest} steps arrive",
            "a learned vector exists for each place only",
            f"Set Longest to {longest}, or to 0",
        )
    return {"out": shape}


def _places(context: Context) -> int:
    """Return how many places a learned encoding knows."""
    return context.integer("length") or max(steps(context.ins["in"], context.facts), 1)


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
    stream="main",
    place="top",
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
    stream="main",
    place="top",
)

SOURCE_TOKENS = BlockKind(
    kind="source_tokens",
    title="Source tokens",
    family="Input",
    icon="text",
    role="input",
    inputs=(),
    outputs=(Port("out", "tokens", "ids", "Number of each symbol in the source's vocabulary"),),
    params=(),
    shape=_source_shape,
    module=lambda _: Call("nn.Identity"),
    summary=lambda c: (c.facts.title, f"{c.facts.source_vocabulary} symbols"),
    equations=(r"x_s \in \{0, \ldots, V_S-1\}",),
    source="Sutskever et al. 2014; lecture: encoder-decoder (S46, S47)",
    help="The sequence that has to be translated or answered. It has its own length and its own "
    "symbols; an encoder reads it, a decoder asks it.",
    stream="source",
    place="top",
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
    module=lambda c: Call("OneHot", {"size": vocabulary(c)}),
    summary=lambda c: (f"{vocabulary(c)} symbols → {vocabulary(c)} wide",),
    equations=(r"x_t = e_{w_t} = (0, \ldots, 1, \ldots, 0)",),
    source="Lecture: one-hot vectors (S29)",
    help="Each symbol becomes a vector that is 1 at its own place and 0 elsewhere. It has nothing "
    "to learn; an embedding is the same followed by a matrix.",
    macs=no_macs,
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
        {"num_embeddings": vocabulary(c), "embedding_dim": c.integer("width")},
    ),
    count=lambda c: vocabulary(c) * c.integer("width"),
    summary=lambda c: (f"{vocabulary(c)} → {c.integer('width')}",),
    equations=(r"x_t = E^{\top} e_{w_t} = E[w_t]",),
    source="Lecture: learned embedding (S30, S31)",
    help="A learned vector for each symbol, looked up by its number. Symbols that are used alike "
    "move together while the model learns.",
    macs=no_macs,
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
            choices=(("sinusoidal", "Sine and cosine"), ("learned", "Learned"), ("none", "None")),
            help="Fixed waves reach any length; learned vectors end at the longest sequence. None "
            "shows what the model does without.",
        ),
        Param(
            "length",
            "Longest",
            "int",
            0,
            0,
            1_000_000,
            unit="steps",
            help="Places that learned vectors exist for; 0 takes as many as there can be.",
        ),
    ),
    shape=_positions_shape,
    module=lambda c: Call(
        "Positions",
        {"width": c.width, "kind": c.word("kind"), "length": _places(c)},
    ),
    count=lambda c: c.width * _places(c) if c.word("kind") == "learned" else 0,
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
    macs=no_macs,
)

SOURCES = (TOKENS, VECTORS, SOURCE_TOKENS, ONE_HOT, EMBEDDING)
