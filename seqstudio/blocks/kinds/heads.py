"""Heads: what is predicted, and the loss that measures it."""

from __future__ import annotations

from collections.abc import Mapping

from seqstudio.blocks.declaration import (
    HEAD_TITLES,
    IN,
    BlockKind,
    Call,
    Context,
    Pattern,
    Shape,
    ShapeError,
)
from seqstudio.blocks.kinds.rules import need_features, need_main_axis, need_vector, numbers
from seqstudio.document.param import Param


def _expect(context: Context, pattern: Pattern) -> str:
    """Return the title of the head for `pattern`; raises ShapeError if the data ask another."""
    facts = context.facts
    if facts.pattern != pattern:
        raise ShapeError(
            f"{HEAD_TITLES[pattern]} does not fit the data",
            f"{facts.title} asks for: {facts.pattern}",
            f"Use {HEAD_TITLES[facts.pattern]}, or choose other data",
        )
    return HEAD_TITLES[pattern]


def _next_token_shape(context: Context) -> Mapping[str, Shape]:
    need_main_axis(context, _expect(context, "next token"))
    return {}


def _class_shape(context: Context) -> Mapping[str, Shape]:
    _need_row(context, _expect(context, "class"))
    return {}


def _value_shape(context: Context) -> Mapping[str, Shape]:
    _need_row(context, _expect(context, "value"))
    return {}


def _need_row(context: Context, title: str) -> None:
    need_vector(context, title)
    need_features(context, title)


def _class_per_step_shape(context: Context) -> Mapping[str, Shape]:
    need_main_axis(context, _expect(context, "class per step"))
    return {}


def _forecast_shape(context: Context) -> Mapping[str, Shape]:
    need_main_axis(context, _expect(context, "forecast"))
    return {}


def _notes_shape(context: Context) -> Mapping[str, Shape]:
    need_main_axis(context, _expect(context, "notes"))
    return {}


NEXT_TOKEN = BlockKind(
    kind="next_token",
    title=HEAD_TITLES["next token"],
    family="Output",
    icon="loss",
    role="loss",
    inputs=(IN,),
    outputs=(),
    params=(
        Param(
            "tie",
            "Tie to embedding",
            "bool",
            False,
            help="Use the embedding's own vectors to score the next symbol. Saves numbers; needs "
            "the width of the embedding.",
        ),
    ),
    shape=_next_token_shape,
    module=lambda c: Call(
        "NextToken",
        {"width": c.width, "vocabulary": c.facts.vocabulary, "bias": not c.on("tie")},
    ),
    count=lambda c: 0 if c.on("tie") else (c.width + 1) * c.facts.vocabulary,
    summary=lambda c: (f"{c.width} → {c.facts.vocabulary}", c.facts.unit),
    equations=(
        r"z_t = W_{hy} h_t + b_y, \quad p_t = \mathrm{softmax}(z_t)",
        r"L = -\frac{1}{B T} \sum_t \ln p_t[w_{t+1}]",
    ),
    source="Lecture: forward pass with loss (S20), char-RNN (S33)",
    help="Scores every symbol as the next one and learns from the one that really came. Loss in "
    "nats a symbol: ln V is guessing, 0 is knowing.",
    head="next token",
    macs=lambda c: numbers(c.ins["in"], c.facts) * c.facts.vocabulary,
    place="top",
)

CLASS = BlockKind(
    kind="class_head",
    title=HEAD_TITLES["class"],
    family="Output",
    icon="target",
    role="loss",
    inputs=(IN,),
    outputs=(),
    params=(),
    shape=_class_shape,
    module=lambda c: Call("ClassHead", {"width": c.width, "classes": c.facts.classes}),
    count=lambda c: (c.width + 1) * c.facts.classes,
    macs=lambda c: numbers(c.ins["in"], c.facts) * c.facts.classes,
    summary=lambda c: (f"{c.width} → {c.facts.classes} classes", c.facts.unit),
    equations=(
        r"p = \mathrm{softmax}(W h + b)",
        r"L = -\frac{1}{B} \sum \ln p[y]",
    ),
    source="Lecture: many to one (S21, S42)",
    help="One label for a whole sequence.",
    head="class",
    place="top",
)

VALUE = BlockKind(
    kind="value_head",
    title=HEAD_TITLES["value"],
    family="Output",
    icon="target",
    role="loss",
    inputs=(IN,),
    outputs=(),
    params=(),
    shape=_value_shape,
    module=lambda c: Call("ValueHead", {"width": c.width}),
    count=lambda c: c.width + 1,
    macs=lambda c: numbers(c.ins["in"], c.facts),
    summary=lambda c: (f"{c.width} → 1", c.facts.unit),
    equations=(r"\hat{y} = w^{\top} h + b", r"L = \frac{1}{B} \sum (\hat{y} - y)^2"),
    source="Hochreiter and Schmidhuber 1997, adding problem",
    help="One number for a whole sequence, measured by the squared error.",
    head="value",
    place="top",
)

CLASS_PER_STEP = BlockKind(
    kind="class_per_step",
    title=HEAD_TITLES["class per step"],
    family="Output",
    icon="target",
    role="loss",
    inputs=(IN,),
    outputs=(),
    params=(),
    shape=_class_per_step_shape,
    module=lambda c: Call("ClassHead", {"width": c.width, "classes": c.facts.classes}),
    count=lambda c: (c.width + 1) * c.facts.classes,
    macs=lambda c: numbers(c.ins["in"], c.facts) * c.facts.classes,
    summary=lambda c: (f"{c.width} → {c.facts.classes} classes a step", c.facts.unit),
    equations=(
        r"p_t = \mathrm{softmax}(W h_t + b)",
        r"L = -\frac{1}{B T} \sum_t \ln p_t[y_t]",
    ),
    source="Lecture: many to many, aligned (S4, S21)",
    help="One label for every step: kinds of words, frames of a film. Steps that nobody asks "
    "about, such as padding, count nothing.",
    head="class per step",
    place="top",
)

FORECAST = BlockKind(
    kind="forecast_head",
    title=HEAD_TITLES["forecast"],
    family="Output",
    icon="curve",
    role="loss",
    inputs=(IN,),
    outputs=(),
    params=(),
    shape=_forecast_shape,
    module=lambda c: Call("ForecastHead", {"width": c.width, "outputs": c.facts.outputs}),
    count=lambda c: (c.width + 1) * 2 * c.facts.outputs,
    macs=lambda c: numbers(c.ins["in"], c.facts) * 2 * c.facts.outputs,
    summary=lambda c: (f"{c.width} → {c.facts.outputs} ± spread", c.facts.unit),
    equations=(
        r"(\mu_t, \ln \sigma_t) = W h_t + b",
        r"L = \frac{1}{B T D} \sum \left[\frac{(x_{t+1} - \mu_t)^2}{2 \sigma_t^2} + \ln \sigma_t "
        r"+ \frac{1}{2} \ln 2\pi\right]",
    ),
    source="Nix and Weigend 1994; lecture: where does the ball go next (S1), forecasting (S48)",
    help="The next value of a series with its uncertainty: a mean and a spread for each number, "
    "learned together by the likelihood of what really came.",
    head="forecast",
    place="top",
)

NOTES = BlockKind(
    kind="notes_head",
    title=HEAD_TITLES["notes"],
    family="Output",
    icon="piano",
    role="loss",
    inputs=(IN,),
    outputs=(),
    params=(),
    shape=_notes_shape,
    module=lambda c: Call("NotesHead", {"width": c.width, "outputs": c.facts.outputs}),
    count=lambda c: (c.width + 1) * c.facts.outputs,
    macs=lambda c: numbers(c.ins["in"], c.facts) * c.facts.outputs,
    summary=lambda c: (f"{c.width} → {c.facts.outputs} notes", c.facts.unit),
    equations=(
        r"p_{t,k} = \sigma(w_k^{\top} h_t + b_k)",
        r"L = -\frac{1}{B T} \sum_{t,k} y_{t,k} \ln p_{t,k} + (1 - y_{t,k}) \ln (1 - p_{t,k})",
    ),
    source="Boulanger-Lewandowski et al. 2012; lecture: music (S39)",
    help="Every key of the piano on its own: does it sound next? Chords are many yeses at once.",
    head="notes",
    place="top",
)

HEADS = (NEXT_TOKEN, CLASS, VALUE, CLASS_PER_STEP, FORECAST, NOTES)
