"""One label for a text: feelings, and the languages of names."""

from __future__ import annotations

from collections.abc import Callable

from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import ONCE, Settings, Template
from seqstudio.document.graph import Graph

_FAMILY = "Sentences"


def _recurrent(kind: str, hidden: int, settings: Settings | None = None) -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 64}),
        ("dropout", {"share": 0.4}),
        (kind, {"hidden": hidden, **(settings or {})}),
        "last_step",
        ("dropout", {"share": 0.4}),
        "class_head",
    )
    return sketch.graph


def _bert() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 64}),
        ("dropout", {"share": 0.4}),
        "class_token",
        ("encoder_stack", {"layers": 1, "heads": 4, "dropout": 0.3}),
        "layer_norm",
        "first_step",
        ("dropout", {"share": 0.4}),
        "class_head",
    )
    return sketch.graph


def _bag() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 64}),
        ("dropout", {"share": 0.5}),
        "mean_time",
        "class_head",
    )
    return sketch.graph


def _dense() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 16}),
        "flatten_time",
        ("mlp", {"hidden": 64, "width": 32}),
        "class_head",
    )
    return sketch.graph


def _order() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 16}),
        ("gru", {"hidden": 32}),
        "last_step",
        "class_head",
    )
    return sketch.graph


_TRAINING: Settings = {
    "carry": False,
    "learning_rate": 2e-3,
    "batch": 64,
    "weight_decay": 0.1,
    "minutes": 3.0,
}
_PAIRS: Settings = {**ONCE, "learning_rate": 5e-3, "budget": "steps", "steps": 400}
_SWAP = (
    "Put Mean over time in the place of Last step, or a class token, self-attention on both "
    "sides and First step: attention pooling."
)


def _sentiment(
    key: str,
    title: str,
    sentence: str,
    look: str,
    draw: Callable[[], Graph],
    rate: float = 2e-3,
    symbols: int = 5000,
) -> Template:
    return Template(
        id=key,
        title=title,
        task="one label a text",
        sentence=sentence,
        look=look,
        minutes=1,
        icon="text",
        family=_FAMILY,
        draw=draw,
        data={"kind": "sentences", "length": 50, "symbols": symbols},
        training={**_TRAINING, "learning_rate": rate},
    )


def _pair(key: str, title: str, sentence: str, look: str, draw: Callable[[], Graph]) -> Template:
    return Template(
        id=key,
        title=title,
        task="order of words",
        sentence=sentence,
        look=look,
        minutes=0.2,
        icon="flag",
        family=_FAMILY,
        draw=draw,
        data={"kind": "order-pairs", "length": 16, "held_out": 0.2},
        training=_PAIRS,
    )


TEMPLATES = (
    _sentiment(
        "sentiment-lstm",
        "Sentiment with an LSTM",
        "An LSTM reads a review word by word and says whether it praises or blames.",
        "Type “not bad at all” and watch the verdict turn after every word.",
        lambda: _recurrent("lstm", 64),
    ),
    _sentiment(
        "sentiment-rnn",
        "Sentiment with an RNN",
        "The lecture's many to one: a plain RNN, and only its last state is asked.",
        _SWAP,
        lambda: _recurrent("rnn", 64),
    ),
    _sentiment(
        "sentiment-bert",
        "Sentiment with attention",
        "A small transformer that sees both sides gathers a review in a class token.",
        "Look which words the class token attends to. Mean over time can take its place.",
        _bert,
    ),
    _sentiment(
        "bag-of-words",
        "Bag of words",
        "The mean of all word vectors: quick, strong on reviews, and blind to order.",
        "Type “good, not bad” and “bad, not good”: the last bars are the same.",
        _bag,
        rate=1e-2,
        symbols=15_000,
    ),
    Template(
        id="names-gru",
        title="Names by their letters",
        task="one label a name",
        sentence="A GRU reads a name letter by letter and says to which class it belongs.",
        look="Choose a folder with a text file of names for every language.",
        minutes=1,
        icon="text",
        family=_FAMILY,
        draw=lambda: _recurrent("gru", 128),
        data={"kind": "sentences", "length": 32, "tokens": "characters"},
        training=_TRAINING,
    ),
    _pair(
        "order-pair",
        "Good, not bad",
        "The lecture's sentence pairs: the same words in another order mean the opposite.",
        "The GRU tells them apart. Put Mean over time for GRU and Last step: it can only guess.",
        _order,
    ),
    _pair(
        "dense-idea",
        "Everything into one dense net",
        "The lecture's first idea: all words side by side, every place with its own weights.",
        "Compare the number of weights with “Good, not bad”, then double Length.",
        _dense,
    ),
)
