"""Text, character by character: the lectures' recurrent nets, transformers, masked letters."""

from __future__ import annotations

from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import ATTENTIVE, Settings, Template
from seqstudio.document.graph import Graph

_FAMILY = "Text"


def _recurrent(kind: str, settings: Settings) -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 64}),
        (kind, {"hidden": 512, **settings}),
        ("dropout", {"share": 0.2}),
        "next_token",
    )
    return sketch.graph


def _char(
    kind: str, title: str, sentence: str, look: str, rate: float, settings: Settings
) -> Template:
    return Template(
        id=f"char-{kind}",
        title=title,
        task="next character",
        sentence=sentence,
        look=look,
        minutes=5,
        icon="text",
        family=_FAMILY,
        draw=lambda: _recurrent(kind, settings),
        training={"learning_rate": rate},
    )


def _gpt() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 192}),
        ("transformer", {"layers": 4, "heads": 6}),
        "layer_norm",
        ("next_token", {"tie": True}),
    )
    return sketch.graph


def _attention() -> Graph:
    sketch = Sketch()
    placed = sketch.chain(sketch.add("tokens"), ("embedding", {"width": 128}), "positions")
    attended = sketch.chain(
        placed, "layer_norm", ("self_attention", {"heads": 4, "positions": "none"})
    )
    sketch.chain(sketch.add("add", attended, into={"other": placed}), "next_token")
    return sketch.graph


def _cells() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"), ("embedding", {"width": 32}), ("lstm", {"hidden": 96}), "next_token"
    )
    return sketch.graph


def _hello() -> Graph:
    sketch = Sketch()
    sketch.chain(sketch.add("tokens"), "one_hot", ("rnn", {"hidden": 3}), "next_token")
    return sketch.graph


def _bert() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 128}),
        ("encoder_stack", {"layers": 3, "heads": 4}),
        "layer_norm",
        "class_per_step",
    )
    return sketch.graph


def _dense() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 16}),
        "flatten_time",
        ("mlp", {"hidden": 128, "width": 64}),
        "class_head",
    )
    return sketch.graph


def _bag() -> Graph:
    sketch = Sketch()
    sketch.chain(sketch.add("tokens"), ("embedding", {"width": 16}), "mean_time", "class_head")
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


_ORDER: Settings = {
    "learning_rate": 5e-3,
    "carry": False,
    "budget": "steps",
    "steps": 600,
    "schedule": "constant",
    "weight_decay": 0.0,
}

TEMPLATES = (
    _char(
        "lstm",
        "Character LSTM",
        "An LSTM reads text letter by letter and learns to write it.",
        "Watch the sample: letters, then words, then lines that look right.",
        4e-3,
        {},
    ),
    _char(
        "gru",
        "Character GRU",
        "The same with a GRU: two gates instead of three.",
        "Compare its gradient horizon with the LSTM's.",
        3e-3,
        {},
    ),
    _char(
        "rnn",
        "Character RNN",
        "The same with a plain tanh RNN, the lecture's first recurrent net.",
        "The gradient horizon: how many steps until a tenth is left?",
        1e-3,
        {"init": "orthogonal"},
    ),
    Template(
        id="char-gpt",
        title="Small GPT",
        task="next character",
        sentence="A transformer of four layers reads the same text through attention.",
        look="Type a sentence in the attention panel and watch heads find their pattern.",
        minutes=5,
        icon="attention",
        family=_FAMILY,
        draw=_gpt,
        training=ATTENTIVE,
    ),
    Template(
        id="char-attention",
        title="Attention, taken apart",
        task="next character",
        sentence="Self-attention with positions, a residual sum and a norm, each its own block.",
        look="Delete the positional encoding: what can it still learn?",
        minutes=3,
        icon="attention",
        family=_FAMILY,
        draw=_attention,
        training={"learning_rate": 3e-3, "batch": 16, "beta2": 0.98, "carry": False},
    ),
    Template(
        id="bert-mini",
        title="Small BERT",
        task="masked characters",
        sentence="A transformer that sees both sides fills in characters that were masked.",
        look="Its attention looks ahead as well as back: compare with the GPT's triangle.",
        minutes=3,
        icon="attention",
        family=_FAMILY,
        draw=_bert,
        data={"kind": "masked"},
        training={**ATTENTIVE, "weight_decay": 0.01},
    ),
    Template(
        id="cells-lstm",
        title="Cells to find",
        task="next character",
        sentence="A small LSTM reads talk and programs: some of its cells count and keep watch.",
        look="In Look inside, Cells: a unit for quotes, the line, if statements and the depth.",
        minutes=5,
        icon="cell",
        family=_FAMILY,
        draw=_cells,
        data={"kind": "programs"},
        training={"learning_rate": 8e-3, "batch": 12, "window": 100, "weight_decay": 0.0},
        sampling={"prompt": '"', "length": 400, "temperature": 0.7},
    ),
    Template(
        id="hello-rnn",
        title="Hello",
        task="four letters",
        sentence="The lecture's example: h, e, l, l have to give e, l, l, o.",
        look="Without memory the loss stops at 0.347: after l comes l or o. The RNN goes below.",
        minutes=0.1,
        icon="lesson",
        family=_FAMILY,
        draw=_hello,
        data={"kind": "hello"},
        training={
            "learning_rate": 0.05,
            "batch": 1,
            "window": 4,
            "carry": False,
            "budget": "steps",
            "steps": 800,
            "schedule": "constant",
            "warmup": 0,
            "weight_decay": 0.0,
            "clip": 0.0,
            "precision": "float32",
            "threads": 1,
            "beta2": 0.999,
        },
        sampling={"prompt": "h", "length": 4, "temperature": 0.0},
    ),
    Template(
        id="order-bag",
        title="Order with a bag of words",
        task="which came first",
        sentence="The mean of all embeddings: a model that cannot see in which order words come.",
        look="It stays at guessing for ever. Then open Order with a GRU.",
        minutes=0.2,
        icon="flag",
        family=_FAMILY,
        draw=_bag,
        data={"kind": "order", "length": 12},
        training=_ORDER,
    ),
    Template(
        id="order-dense",
        title="Order with a dense net",
        task="which came first",
        sentence="The lecture's first idea: all time steps side by side into one dense net.",
        look="It learns, but every place has weights of its own. Change Length and see the count.",
        minutes=0.2,
        icon="flag",
        family=_FAMILY,
        draw=_dense,
        data={"kind": "order", "length": 12},
        training=_ORDER,
    ),
    Template(
        id="order-gru",
        title="Order with a GRU",
        task="which came first",
        sentence="A recurrent net sees the order because it reads one word after the other.",
        look="Compare the number of weights with the dense net's.",
        minutes=0.2,
        icon="flag",
        family=_FAMILY,
        draw=_order,
        data={"kind": "order", "length": 12},
        training=_ORDER,
    ),
)
