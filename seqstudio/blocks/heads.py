"""Heads: what is predicted, and the loss that measures it."""

from __future__ import annotations

from collections.abc import Mapping

from seqstudio.blocks.declaration import (
    IN,
    BlockKind,
    Call,
    Context,
    Shape,
    ShapeError,
    need_no_time,
    need_time,
)
from seqstudio.document.param import Param


def _expect(context: Context, pattern: str, title: str) -> None:
    facts = context.facts
    if facts.pattern != pattern:
        heads = {"next token": "Next-token head", "class": "Class head", "value": "Value head"}
        raise ShapeError(
            f"{title} does not fit the data",
            f"{facts.title} asks for: {facts.pattern}",
            f"Use {heads[facts.pattern]}, or choose other data",
        )


def _next_token_shape(context: Context) -> Mapping[str, Shape]:
    _expect(context, "next token", "Next-token head")
    need_time(context, "Next-token head")
    return {}


def _class_shape(context: Context) -> Mapping[str, Shape]:
    _expect(context, "class", "Class head")
    need_no_time(context, "Class head")
    return {}


def _value_shape(context: Context) -> Mapping[str, Shape]:
    _expect(context, "value", "Value head")
    need_no_time(context, "Value head")
    return {}


NEXT_TOKEN = BlockKind(
    kind="next_token",
    title="Next-token head",
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
)

CLASS = BlockKind(
    kind="class_head",
    title="Class head",
    family="Output",
    icon="target",
    role="loss",
    inputs=(IN,),
    outputs=(),
    params=(),
    shape=_class_shape,
    module=lambda c: Call("ClassHead", {"width": c.width, "classes": c.facts.classes}),
    count=lambda c: (c.width + 1) * c.facts.classes,
    summary=lambda c: (f"{c.width} → {c.facts.classes} classes", c.facts.unit),
    equations=(
        r"p = \mathrm{softmax}(W h + b)",
        r"L = -\frac{1}{B} \sum \ln p[y]",
    ),
    source="Lecture: many to one (S21, S42)",
    help="One label for a whole sequence.",
    head="class",
)

VALUE = BlockKind(
    kind="value_head",
    title="Value head",
    family="Output",
    icon="target",
    role="loss",
    inputs=(IN,),
    outputs=(),
    params=(),
    shape=_value_shape,
    module=lambda c: Call("ValueHead", {"width": c.width}),
    count=lambda c: c.width + 1,
    summary=lambda c: (f"{c.width} → 1", c.facts.unit),
    equations=(r"\hat{y} = w^{\top} h + b", r"L = \frac{1}{B} \sum (\hat{y} - y)^2"),
    source="Hochreiter and Schmidhuber 1997, adding problem",
    help="One number for a whole sequence, measured by the squared error.",
    head="value",
)

HEADS = (NEXT_TOKEN, CLASS, VALUE)
