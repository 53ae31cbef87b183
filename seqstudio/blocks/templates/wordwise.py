"""Text, word by word and piece by piece; a tag for every word."""

from __future__ import annotations

from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import ATTENTIVE, Template
from seqstudio.document.graph import Graph

_FAMILY = "Text"


def _lstm() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 128}),
        ("dropout", {"share": 0.3}),
        ("lstm", {"hidden": 256}),
        ("dropout", {"share": 0.3}),
        "next_token",
    )
    return sketch.graph


def _gpt(width: int, layers: int) -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": width}),
        ("transformer", {"layers": layers, "heads": 4, "dropout": 0.2}),
        "layer_norm",
        ("next_token", {"tie": True}),
    )
    return sketch.graph


def _tagger() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 64}),
        ("dropout", {"share": 0.3}),
        ("lstm", {"hidden": 64, "bidirectional": True}),
        ("dropout", {"share": 0.3}),
        "class_per_step",
    )
    return sketch.graph


TEMPLATES = (
    Template(
        id="word-lstm",
        title="Word LSTM",
        task="next word",
        sentence="An LSTM reads text word by word; rare words are one sign.",
        look="Type a prompt beside the samples and click the next word, one after the other.",
        minutes=3,
        icon="text",
        family=_FAMILY,
        draw=_lstm,
        data={"tokens": "words", "symbols": 5000},
        training={
            "learning_rate": 3e-3,
            "batch": 16,
            "window": 48,
            "weight_decay": 0.05,
            "minutes": 3.0,
        },
        sampling={"length": 120},
    ),
    Template(
        id="word-gpt",
        title="Word GPT",
        task="next word",
        sentence="A small transformer reads text word by word.",
        look="In Attention, see which words it looks back to before it writes the next.",
        minutes=3,
        icon="attention",
        family=_FAMILY,
        draw=lambda: _gpt(128, 2),
        data={"tokens": "words", "symbols": 5000},
        training={**ATTENTIVE, "window": 64, "minutes": 3.0},
        sampling={"length": 120},
    ),
    Template(
        id="bpe-gpt",
        title="GPT on byte pairs",
        task="next piece of a word",
        sentence="A small transformer reads pieces of words, as large language models do.",
        look="Type a word that nobody ever wrote: it is spelled in pieces, none is unknown.",
        minutes=3,
        icon="attention",
        family=_FAMILY,
        draw=lambda: _gpt(128, 3),
        data={"tokens": "pieces", "symbols": 2000},
        training={**ATTENTIVE, "window": 96, "minutes": 3.0},
        sampling={"length": 200},
    ),
    Template(
        id="tagger-words",
        title="Parts of speech",
        task="a tag a word",
        sentence="A bidirectional LSTM tells noun from verb by the words on both sides.",
        look="Try “the old guard the house”, then “the old guard sleeps”, and Forward only.",
        minutes=1,
        icon="text",
        family="Sentences",
        draw=_tagger,
        data={"kind": "tagged", "length": 40},
        training={
            "carry": False,
            "learning_rate": 3e-3,
            "batch": 64,
            "schedule": "constant",
            "minutes": 1.0,
        },
    ),
)
