"""One label for a text: feelings, and the languages of names."""

from __future__ import annotations

from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import Template
from seqstudio.document.graph import Graph

_FAMILY = "Sentences"


def _sentiment_lstm() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 64}),
        ("dropout", {"share": 0.4}),
        ("lstm", {"hidden": 64}),
        "last_step",
        ("dropout", {"share": 0.4}),
        "class_head",
    )
    return sketch.graph


TEMPLATES = (
    Template(
        id="sentiment-lstm",
        title="Sentiment with an LSTM",
        task="one label a text",
        sentence="An LSTM reads a review word by word and says whether it praises or blames.",
        look="Type “not bad at all” and watch the verdict turn after every word.",
        minutes=1,
        icon="text",
        family=_FAMILY,
        draw=_sentiment_lstm,
        data={"kind": "sentences", "length": 50},
        training={
            "carry": False,
            "learning_rate": 2e-3,
            "batch": 64,
            "weight_decay": 0.1,
            "minutes": 3.0,
        },
    ),
)
