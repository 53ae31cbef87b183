"""Glue along time: blocks that take, move, repeat or gather steps, by the true length of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
from seqstudio.blocks.kinds.rules import (
    need_features,
    need_sequence,
    need_vector,
    no_macs,
    sees_all,
    sees_past,
    steps,
)


def _one(name: str) -> Callable[[Context], Mapping[str, Shape]]:
    """Return the rule of a block that leaves one vector of a sequence."""
    return lambda context: {"out": need_sequence(context, name).without_axis()}


def _kept(name: str) -> Callable[[Context], Mapping[str, Shape]]:
    """Return the rule of a block that keeps the steps as many as they are."""
    return lambda context: {"out": need_sequence(context, name)}


def _flatten_shape(context: Context) -> Mapping[str, Shape]:
    shape = need_sequence(context, "Flatten time")
    return {"out": Shape("tensor", ("B", steps(shape, context.facts) * shape.width))}


def _repeat_shape(context: Context) -> Mapping[str, Shape]:
    need_features(context, "Repeat")
    vector, like = need_vector(context, "Repeat"), context.ins.get("like")
    if like is not None and not like.has_time:
        raise ShapeError(
            f"Repeat needs a sequence to be as long as, it gets {like}",
            "the time axis T was taken away before it",
            "Wire it to a sequence, or to nothing",
            "like",
        )
    if like is None and _length_varies(context.facts):
        raise ShapeError(
            "Repeat cannot tell how many steps to give",
            "the main sequence is not always as long as the window",
            "Wire its second input to a sequence, such as the embedding",
            "like",
        )
    return {"out": vector.with_axis("T" if like is None else like.axis)}


def _length_varies(facts: DataFacts) -> bool:
    """Tell whether T may be other than the window: rows of data, or texts while writing."""
    return facts.padded or facts.pattern in {"next token", "forecast", "notes"}


def _token_shape(context: Context) -> Mapping[str, Shape]:
    shape = need_sequence(context, "Class token")
    return {"out": shape.without_axis().with_axis(f"1+{shape.axis}")}


def _ended(context: Context) -> tuple[str, ...]:
    return (f"{context.ins['in']} → B·{context.width}",)


LAST_STEP = BlockKind(
    kind="last_step",
    title="Last step",
    family="Glue",
    icon="flag",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=_one("Last step"),
    module=lambda _: Call("LastStep"),
    summary=_ended,
    equations=(r"y = x_T",),
    source="Lecture: many to one, last state (S42)",
    help="Keeps the last step of each sequence, where the row truly ends. Everything the model "
    "remembers has to be there.",
    masks=("in",),
    sight=sees_all,
    macs=no_macs,
)

FIRST_STEP = BlockKind(
    kind="first_step",
    title="First step",
    family="Glue",
    icon="flag",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=_one("First step"),
    module=lambda _: Call("FirstStep"),
    summary=_ended,
    equations=(r"y = x_1",),
    source="Devlin et al. 2019, section 3: the vector of [CLS]",
    help="Keeps the first step of each sequence: what a class token has gathered.",
    sight=sees_past,
    macs=no_macs,
)

MEAN_TIME = BlockKind(
    kind="mean_time",
    title="Mean over time",
    family="Glue",
    icon="compare",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=_one("Mean over time"),
    module=lambda _: Call("MeanOverTime"),
    summary=_ended,
    equations=(r"y = \frac{1}{T} \sum_t x_t",),
    source="Lecture: readout from all states (S43)",
    help="Averages all steps of a sequence: every step has its say, and its gradient.",
    masks=("in",),
    sight=sees_all,
    macs=no_macs,
)

MAX_TIME = BlockKind(
    kind="max_time",
    title="Maximum over time",
    family="Glue",
    icon="compare",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=_one("Maximum over time"),
    module=lambda _: Call("MaxOverTime"),
    summary=_ended,
    equations=(r"y_c = \max_t x_{t,c}",),
    source="Collobert et al. 2011; lecture: pooling as readout (S43)",
    help="Keeps the largest value of each feature over all steps. The gradient goes to the step "
    "that had it.",
    masks=("in",),
    sight=sees_all,
    macs=no_macs,
)

FLATTEN_TIME = BlockKind(
    kind="flatten_time",
    title="Flatten time",
    family="Glue",
    icon="table",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=_flatten_shape,
    module=lambda c: Call("FlattenTime", {"steps": steps(c.ins["in"], c.facts)}),
    summary=lambda c: (f"{c.ins['in']} → B·{steps(c.ins['in'], c.facts) * c.width}",),
    equations=(r"y = [x_1; x_2; \ldots; x_T]",),
    source="Lecture: one dense network over everything (S70)",
    help="Lays all steps side by side, so that a dense network can read the whole sequence at "
    "once. It then fits one length only; shorter rows are filled with 0.",
    masks=("in",),
    sight=sees_all,
    macs=no_macs,
)

REVERSE = BlockKind(
    kind="reverse",
    title="Reverse",
    family="Glue",
    icon="undo",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=_kept("Reverse"),
    module=lambda _: Call("Reverse"),
    summary=lambda c: (str(c.ins["in"]),),
    equations=(r"y_t = x_{T+1-t}",),
    source="Schuster and Paliwal 1997; Sutskever et al. 2014 reverse the source; lecture: S66",
    help="Turns each sequence round, from its true end to its start. A recurrent block between "
    "two of them reads backwards.",
    masks=("in",),
    sight=sees_all,
    macs=no_macs,
)

REPEAT = BlockKind(
    kind="repeat",
    title="Repeat",
    family="Glue",
    icon="copy",
    role="features",
    inputs=(
        IN,
        Port(
            "like",
            "as long as",
            "tensor",
            "A sequence; without a wire the main one, if all its rows fill the window",
            optional=True,
        ),
    ),
    outputs=(OUT,),
    params=(),
    shape=_repeat_shape,
    module=lambda c: Call("Repeat", {"steps": max(c.facts.window, 1)}),
    summary=lambda c: (f"{c.width} features at each step",),
    equations=(r"y_t = x",),
    source="Cho et al. 2014: the context at every step of the decoder; lecture: S46",
    help="Gives the same vector at every step, such as the summary of a source to a decoder.",
    macs=no_macs,
)

SHIFT = BlockKind(
    kind="shift",
    title="Shift",
    family="Glue",
    icon="step",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=_kept("Shift"),
    module=lambda _: Call("Shift"),
    summary=lambda c: (str(c.ins["in"]),),
    equations=(r"y_1 = 0, \quad y_t = x_{t-1}",),
    source="Lecture: feedback of the output (S34); Elman 1990",
    help="Every step comes one step later, the first is 0: a look at the past only.",
    memory="cache",
    sight=sees_past,
    macs=no_macs,
)

CLASS_TOKEN = BlockKind(
    kind="class_token",
    title="Class token",
    family="Glue",
    icon="pin",
    role="features",
    inputs=(IN,),
    outputs=(OUT,),
    params=(),
    shape=_token_shape,
    module=lambda c: Call("ClassToken", {"width": c.width}),
    count=lambda c: c.width,
    summary=lambda c: (f"1 + {c.ins['in'].axis} steps",),
    equations=(r"y = (w_{\mathrm{cls}}, x_1, \ldots, x_T)",),
    source="Devlin et al. 2019, section 3; Dosovitskiy et al. 2021, section 3.1",
    help="Puts a learned vector in front of the sequence. Attention fills it with what the whole "
    "sequence says; First step reads it.",
    macs=no_macs,
)

STEPS = (
    LAST_STEP,
    FIRST_STEP,
    MEAN_TIME,
    MAX_TIME,
    FLATTEN_TIME,
    REVERSE,
    REPEAT,
    SHIFT,
    CLASS_TOKEN,
)
