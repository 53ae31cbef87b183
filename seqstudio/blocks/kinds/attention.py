"""Attention blocks: of a sequence to itself, to another one, and transformers made of both."""

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
from seqstudio.blocks.kinds.rules import DROPOUT, need_features, need_sequence, plural, steps
from seqstudio.document.param import Param, Value

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
WINDOW = Param(
    "window",
    "Window",
    "int",
    0,
    0,
    1_000_000,
    unit="steps",
    help="How many steps to its side a step sees, besides itself; 0 means all.",
)
ROTARY = Param(
    "positions",
    "Positions",
    "choice",
    "rotary",
    choices=(("rotary", "Rotary"), ("none", "None")),
    help="Rotary turns queries and keys by their place, so that a score depends on the distance.",
)
LAYERS = Param("layers", "Layers", "int", 1, 1, 96, help="Blocks in a row, each with own weights.")
EXPANSION = Param(
    "expansion",
    "Expansion",
    "int",
    4,
    1,
    16,
    unit="× width",
    help="Width inside the feed-forward part.",
)
NORM = Param(
    "norm",
    "Norm",
    "choice",
    "pre",
    choices=(("pre", "Before each part"), ("post", "After each sum")),
    help="Before keeps a straight path for the gradient and trains without warm-up; after is the "
    "first transformer of 2017.",
)
MEMORY = Port("memory", "memory", "tensor", "The sequence that is looked at")


def _check_heads(context: Context, name: str, width: int, positions: str) -> None:
    heads = context.integer("heads")
    if width % heads:
        raise ShapeError(
            f"{name}: {width} features do not divide among {heads} heads",
            "every head gets the same width",
            f"Use {divisor_near(width, heads)} heads, or a width that divides",
        )
    if positions == "rotary" and (width // heads) % 2:
        raise ShapeError(
            f"{name}: rotary positions need an even width a head",
            f"{width} ÷ {heads} = {width // heads}",
            "Change heads or width, or switch positions off",
        )


def divisor_near(width: int, heads: int) -> int:
    """Return the number of heads next to `heads` that divides a width."""
    divisors = [n for n in range(1, min(width, 128) + 1) if width % n == 0]
    return min(divisors, key=lambda n: abs(n - heads))


def _shape(name: str) -> Callable[[Context], Mapping[str, Shape]]:
    def rule(context: Context) -> Mapping[str, Shape]:
        shape = need_sequence(context, name)
        _check_heads(context, name, shape.width, context.word("positions"))
        return {"out": shape}

    return rule


def _query(context: Context, name: str) -> tuple[Shape, Shape]:
    """Return the shapes of the queries, a sequence or one vector, and of the memory."""
    query = need_features(context, name)
    if query.has_time:
        need_sequence(context, name)
    return query, need_sequence(context, name, "memory")


def _cross_shape(context: Context) -> Mapping[str, Shape]:
    query, _ = _query(context, "Cross-attention")
    _check_heads(context, "Cross-attention", query.width, "none")
    return {"out": query}


def _pick_shape(name: str) -> Callable[[Context], Mapping[str, Shape]]:
    def rule(context: Context) -> Mapping[str, Shape]:
        query, memory = _query(context, name)
        return {"out": query.with_width(memory.width)}

    return rule


def _decoder_shape(context: Context) -> Mapping[str, Shape]:
    shape = need_sequence(context, "Decoder stack")
    need_sequence(context, "Decoder stack", "memory")
    _check_heads(context, "Decoder stack", shape.width, context.word("positions"))
    return {"out": shape}


def _attention_count(context: Context) -> int:
    return 4 * context.width * (context.width + 1)


def _cross_count(context: Context) -> int:
    width, memory = context.width, context.ins["memory"].width
    return 2 * width * (width + 1) + 2 * width * (memory + 1)


def _feed_forward_count(context: Context) -> int:
    width, hidden = context.width, context.width * context.integer("expansion")
    return width * hidden + hidden + hidden * width + width


def _block_count(context: Context) -> int:
    norms = 2 * 2 * context.width
    parts = _attention_count(context) + norms + _feed_forward_count(context)
    return context.integer("layers") * parts


def _decoder_count(context: Context) -> int:
    norms = 3 * 2 * context.width
    attentions = _attention_count(context) + _cross_count(context)
    return context.integer("layers") * (attentions + norms + _feed_forward_count(context))


def _pick_count(context: Context) -> int:
    hidden = context.integer("hidden")
    return hidden * (context.width + 1 + context.ins["memory"].width + 1)


def _pairs(context: Context) -> int:
    """Return how many scores of a step for a step one row needs, those behind masks too."""
    length = steps(context.ins["in"], context.facts)
    window, causal = context.integer("window"), context.params.get("causal", True)
    reach = (window if causal else 2 * window) + 1
    return length * min(length, reach if window else length)


def _attention_macs(context: Context) -> int:
    width, length = context.width, steps(context.ins["in"], context.facts)
    return 4 * width * width * length + 2 * _pairs(context) * width


def _block_macs(context: Context) -> int:
    return context.integer("layers") * (_attention_macs(context) + _feed_forward_macs(context))


def _feed_forward_macs(context: Context) -> int:
    width, length = context.width, steps(context.ins["in"], context.facts)
    return 2 * width * width * context.integer("expansion") * length


def _cross_macs(context: Context) -> int:
    width, memory, facts = context.width, context.ins["memory"], context.facts
    asked, looked = steps(context.ins["in"], facts), steps(memory, facts)
    maps = 2 * width * width * asked + 2 * width * memory.width * looked
    return maps + 2 * asked * looked * width


def _decoder_macs(context: Context) -> int:
    own = _attention_macs(context) + _feed_forward_macs(context)
    return context.integer("layers") * (own + _cross_macs(context))


def _pick_macs(context: Context) -> int:
    memory, hidden, facts = context.ins["memory"], context.integer("hidden"), context.facts
    asked, looked = steps(context.ins["in"], facts), steps(memory, facts)
    maps = hidden * context.width * asked + hidden * memory.width * looked
    return maps + asked * looked * (hidden + memory.width)


def _sight(context: Context) -> Sight:
    return "past" if context.on("causal") else "all"


def _sight_of_memory(context: Context) -> Sight:
    """Return "all" where a sequence looks at itself; steps of another one are no future."""
    return "all" if context.ins["memory"].axis == context.ins["in"].axis else "step"


def _sight_of_decoder(context: Context) -> Sight:
    return "all" if context.ins["memory"].axis == context.ins["in"].axis else "past"


def _optional(context: Context) -> dict[str, Value]:
    """Return arguments of settings that a plain block leaves as they are."""
    args: dict[str, Value] = {}
    if context.params.get("norm", "pre") != "pre":
        args["norm"] = context.word("norm")
    if context.integer("window"):
        args["window"] = context.integer("window")
    return args


def _attention_call(context: Context) -> Call:
    return Call(
        "SelfAttention",
        {
            "width": context.width,
            "heads": context.integer("heads"),
            "causal": context.on("causal"),
            "rotary": context.word("positions") == "rotary",
            "dropout": context.number("dropout"),
            **_optional(context),
        },
    )


def _stack_call(context: Context, cls: str) -> Call:
    causal = {"causal": context.on("causal")} if cls == "Transformer" else {}
    return Call(
        cls,
        {
            "width": context.width,
            "layers": context.integer("layers"),
            "heads": context.integer("heads"),
            "expansion": context.integer("expansion"),
            **causal,
            "rotary": context.word("positions") == "rotary",
            "dropout": context.number("dropout"),
            **_optional(context),
        },
    )


def _decoder_call(context: Context) -> Call:
    return Call(
        "Decoder",
        {
            "width": context.width,
            "memory_width": context.ins["memory"].width,
            "layers": context.integer("layers"),
            "heads": context.integer("heads"),
            "expansion": context.integer("expansion"),
            "rotary": context.word("positions") == "rotary",
            "dropout": context.number("dropout"),
            **_optional(context),
        },
    )


def _pick_call(cls: str) -> Callable[[Context], Call]:
    return lambda context: Call(
        cls,
        {
            "width": context.width,
            "memory_width": context.ins["memory"].width,
            "hidden": context.integer("hidden"),
        },
    )


def _attention_summary(context: Context) -> tuple[str, ...]:
    first = f"{context.integer('heads')} heads, {context.width}"
    window = context.integer("window")
    return (first, plural(window, "step") + " back") if window else (first,)


def _stack_summary(context: Context) -> tuple[str, ...]:
    heads = plural(context.integer("heads"), "head")
    return (f"{context.integer('layers')} × {heads}, {context.width}",)


SELF_ATTENTION = BlockKind(
    kind="self_attention",
    title="Self-attention",
    family="Attention",
    icon="attention",
    role="query",
    inputs=(IN,),
    outputs=(OUT,),
    params=(HEADS, CAUSAL, ROTARY, DROPOUT, WINDOW),
    shape=_shape("Self-attention"),
    module=_attention_call,
    count=_attention_count,
    summary=_attention_summary,
    equations=(
        r"Q = X W_Q, \quad K = X W_K, \quad V = X W_V",
        r"A = \mathrm{softmax}(Q K^{\top} / \sqrt{d_k} + M)",
        r"Y = \mathrm{concat}(A_1 V_1, \ldots, A_h V_h) W_O",
    ),
    source="Vaswani et al. 2017, section 3.2; window: Beltagy et al. 2020; lecture: "
    "self-attention (S74 to S80)",
    help="Every step asks a question (query) of all steps (keys) and takes a mix of their answers "
    "(values). Any distance is one step away.",
    arch="transformer",
    memory="cache",
    masks=("in",),
    sight=_sight,
    macs=_attention_macs,
)

CROSS_ATTENTION = BlockKind(
    kind="cross_attention",
    title="Cross-attention",
    family="Attention",
    icon="attention",
    role="query",
    inputs=(Port("in", "queries", "tensor", "What asks"), MEMORY),
    outputs=(OUT,),
    params=(HEADS, DROPOUT),
    shape=_cross_shape,
    module=lambda c: Call(
        "CrossAttention",
        {
            "width": c.width,
            "memory_width": c.ins["memory"].width,
            "heads": c.integer("heads"),
            "dropout": c.number("dropout"),
        },
    ),
    count=_cross_count,
    summary=lambda c: (f"{c.integer('heads')} heads, {c.width}", f"asks {c.ins['memory']}"),
    equations=(
        r"Q = X W_Q, \quad K = M W_K, \quad V = M W_V",
        r"Y = \mathrm{concat}_h\,\mathrm{softmax}(Q_h K_h^{\top} / \sqrt{d_k}) V_h\, W_O",
    ),
    source="Vaswani et al. 2017, section 3.2.3; lecture: attention as search (S73)",
    help="Steps of one sequence ask steps of another: a decoder reads what an encoder found. "
    "Places that are only padding get no weight.",
    arch="transformer",
    masks=("memory",),
    sight=_sight_of_memory,
    macs=_cross_macs,
)

_PICK = Param("hidden", "Hidden units", "int", 64, 1, 4096, help="Width of the net that scores.")

ADDITIVE_ATTENTION = BlockKind(
    kind="additive_attention",
    title="Additive attention",
    family="Attention",
    icon="attention",
    role="query",
    inputs=(Port("in", "query", "tensor", "What asks: a decoder's state"), MEMORY),
    outputs=(Port("out", "context", "tensor", "Mix of the memory"),),
    params=(_PICK,),
    shape=_pick_shape("Additive attention"),
    module=_pick_call("AdditiveAttention"),
    count=_pick_count,
    summary=lambda c: (f"{c.integer('hidden')} units score {c.ins['memory']}",),
    equations=(
        r"a_{t,i} = v^{\top} \tanh(W q_t + U k_i + b)",
        r"\alpha_t = \mathrm{softmax}(a_t)",
        r"\mathrm{ctx}_t = \sum_i \alpha_{t,i} k_i",
    ),
    source="Bahdanau et al. 2015, section 3.1; lecture: attention in RNNs (S84)",
    help="A small net scores how well each step of the memory fits the query; the context is the "
    "mean with these weights. The decoder need not squeeze all into one state.",
    masks=("memory",),
    sight=_sight_of_memory,
    macs=_pick_macs,
)

HARD_ATTENTION = BlockKind(
    kind="hard_attention",
    title="Hard attention",
    family="Attention",
    icon="target",
    role="query",
    inputs=(Port("in", "query", "tensor", "What asks: a decoder's state"), MEMORY),
    outputs=(Port("out", "context", "tensor", "The chosen step of the memory"),),
    params=(_PICK,),
    shape=_pick_shape("Hard attention"),
    module=_pick_call("HardAttention"),
    count=_pick_count,
    summary=lambda c: (f"picks one of {c.ins['memory']}",),
    equations=(
        r"\alpha_t = \mathrm{softmax}_i(v^{\top} \tanh(W q_t + U k_i + b))",
        r"i_t \sim \alpha_t, \quad \mathrm{ctx}_t = k_{i_t}",
        r"\partial\,\mathrm{ctx}_t := \partial \textstyle\sum_i \alpha_{t,i} k_i",
    ),
    source="Xu et al. 2015, section 4.1, with the straight-through gradient of Bengio et al. 2013 "
    "instead of the score function; lecture: soft and hard attention (S88)",
    help="Looks at one place only: drawn by its weight while training, the likeliest one when "
    "measured. The gradient passes as if the weights had been used, which is biased but calm.",
    masks=("memory",),
    sight=_sight_of_memory,
    macs=_pick_macs,
)

TRANSFORMER = BlockKind(
    kind="transformer",
    title="Transformer block",
    family="Attention",
    icon="attention",
    role="query",
    inputs=(IN,),
    outputs=(OUT,),
    params=(LAYERS, HEADS, EXPANSION, CAUSAL, ROTARY, DROPOUT, NORM, WINDOW),
    shape=_shape("Transformer block"),
    module=lambda c: _stack_call(c, "Transformer"),
    count=_block_count,
    summary=_stack_summary,
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
    masks=("in",),
    sight=_sight,
    macs=_block_macs,
)

ENCODER_STACK = BlockKind(
    kind="encoder_stack",
    title="Encoder stack",
    family="Attention",
    icon="attention",
    role="query",
    inputs=(IN,),
    outputs=(OUT,),
    params=(LAYERS, HEADS, EXPANSION, ROTARY, DROPOUT, NORM, WINDOW),
    shape=_shape("Encoder stack"),
    module=lambda c: _stack_call(c, "Encoder"),
    count=_block_count,
    summary=_stack_summary,
    equations=(
        r"X \leftarrow X + \mathrm{MHA}(\mathrm{LN}(X)), \quad M = 0",
        r"X \leftarrow X + \mathrm{FFN}(\mathrm{LN}(X))",
    ),
    source="Vaswani et al. 2017, section 3.1; BERT: Devlin et al. 2019; lecture: applied (S81)",
    help="Transformer blocks in which every step sees the whole sequence, before and behind: to "
    "read a source, a picture in patches, or a text with gaps.",
    arch="transformer",
    masks=("in",),
    sight=lambda _: "all",
    macs=lambda c: _block_macs(_not_causal(c)),
)

DECODER_STACK = BlockKind(
    kind="decoder_stack",
    title="Decoder stack",
    family="Attention",
    icon="attention",
    role="query",
    inputs=(IN, MEMORY),
    outputs=(OUT,),
    params=(LAYERS, HEADS, EXPANSION, ROTARY, DROPOUT, NORM, WINDOW),
    shape=_decoder_shape,
    module=_decoder_call,
    count=_decoder_count,
    summary=lambda c: (*_stack_summary(c), f"asks {c.ins['memory']}"),
    equations=(
        r"X \leftarrow X + \mathrm{MHA}_{\mathrm{causal}}(\mathrm{LN}(X))",
        r"X \leftarrow X + \mathrm{MHA}(\mathrm{LN}(X), M)",
        r"X \leftarrow X + \mathrm{FFN}(\mathrm{LN}(X))",
    ),
    source="Vaswani et al. 2017, section 3.1; lecture: encoder-decoder (S46)",
    help="Transformer blocks that write: each looks at what was written so far, then asks the "
    "memory that an encoder made.",
    arch="transformer",
    memory="cache",
    masks=("memory",),
    sight=_sight_of_decoder,
    macs=_decoder_macs,
)


def _not_causal(context: Context) -> Context:
    return Context({**context.params, "causal": False}, context.ins, context.facts)


ATTENTION = (
    SELF_ATTENTION,
    CROSS_ATTENTION,
    ADDITIVE_ATTENTION,
    HARD_ATTENTION,
    TRANSFORMER,
    ENCODER_STACK,
    DECODER_STACK,
)
