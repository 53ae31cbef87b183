"""How far back: adding, recall, copying over a gap, the order of two marks, tags."""

from __future__ import annotations

from collections.abc import Callable

from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import ONCE, Settings, Template
from seqstudio.document.graph import Graph

FAMILY = "Memory"
IDENTITY: Settings = {"nonlinearity": "relu", "init": "identity"}
_WIDTH = 32
_ATTEND: Settings = {"layers": 1, "heads": 4, "causal": False, "positions": "none"}


def _adding_graph(kind: str, settings: Settings) -> Graph:
    sketch = Sketch()
    sketch.chain(sketch.add("vectors"), (kind, settings), "last_step", "value_head")
    return sketch.graph


def _adding_transformer() -> Graph:
    sketch = Sketch()
    widened = sketch.add("linear", sketch.add("vectors"), width=64)
    sketch.chain(widened, "positions", ("transformer", _ATTEND), "last_step", "value_head")
    return sketch.graph


def _adding(
    name: str, draw: Callable[[], Graph], title: str, sentence: str, training: Settings
) -> Template:
    return Template(
        id=f"adding-{name}",
        title=title,
        task="adding problem",
        sentence=sentence,
        look="The floor of 0.167 is the answer 1 every time. Falling below it means remembering.",
        minutes=2,
        icon="target",
        family=FAMILY,
        draw=draw,
        data={"kind": "adding", "length": 100},
        training={**ONCE, "batch": 32, "minutes": 3.0, **training},
    )


def _one_class(kind: str, settings: Settings) -> Graph:
    """Return an embedding, a memory, its last state and a class."""
    sketch = Sketch()
    read = sketch.add("embedding", sketch.add("tokens"), width=_WIDTH)
    if kind == "transformer":
        read = sketch.add("positions", read)
    sketch.chain(read, (kind, settings), "last_step", "class_head")
    return sketch.graph


def class_per_step(kind: str, settings: Settings) -> Graph:
    """Return an embedding, a memory and a class at every step."""
    sketch = Sketch()
    read = sketch.add("embedding", sketch.add("tokens"), width=_WIDTH)
    if kind == "transformer":
        read = sketch.add("positions", read)
    sketch.chain(read, (kind, settings), "class_per_step")
    return sketch.graph


def _recall(name: str, title: str, sentence: str, kind: str, settings: Settings) -> Template:
    return Template(
        id=f"recall-{name}",
        title=title,
        task="one label a sequence",
        sentence=sentence,
        look="Set Length to 4, 15 and 50, and see in Distance which memory reaches how far.",
        minutes=1,
        icon="flag",
        family=FAMILY,
        draw=lambda: _one_class(kind, settings),
        data={"kind": "recall", "length": 50},
        training={**ONCE, "learning_rate": 3e-3, "budget": "steps", "steps": 1000},
    )


def _copying(name: str, title: str, sentence: str, kind: str, settings: Settings) -> Template:
    return Template(
        id=f"copy-memory-{name}",
        title=title,
        task="copy after a gap",
        sentence=sentence,
        look="The floor is what the blanks alone give. Below it symbols arrive.",
        minutes=2,
        icon="redo",
        family=FAMILY,
        draw=lambda: class_per_step(kind, settings),
        data={"kind": "copy-memory", "length": 20},
        training={**ONCE, "learning_rate": 2e-3, "batch": 32, "minutes": 3.0},
    )


def _ordering(name: str, title: str, sentence: str, kind: str, settings: Settings) -> Template:
    return Template(
        id=f"temporal-order-{name}",
        title=title,
        task="order of two far marks",
        sentence=sentence,
        look="The floor is ln 4 = 1.386: a guess among four orders.",
        minutes=2,
        icon="flag",
        family=FAMILY,
        draw=lambda: _one_class(kind, settings),
        data={"kind": "temporal-order", "length": 60},
        training={**ONCE, "learning_rate": 3e-3, "batch": 32, "minutes": 3.0},
    )


TEMPLATES = (
    _adding(
        "rnn",
        lambda: _adding_graph("rnn", {"hidden": 64}),
        "Adding with an RNN",
        "Two of a hundred numbers are marked; a tanh RNN has to add them.",
        {"learning_rate": 1e-3},
    ),
    _adding(
        "irnn",
        lambda: _adding_graph("rnn", {"hidden": 100, **IDENTITY}),
        "Adding with an IRNN",
        "The same with ReLU and the identity as first recurrent matrix.",
        {"learning_rate": 1e-3},
    ),
    _adding(
        "lstm",
        lambda: _adding_graph("lstm", {"hidden": 64, "forget_bias": 4.0}),
        "Adding with an LSTM",
        "Two of a hundred numbers are marked; an LSTM has to add them.",
        {"learning_rate": 5e-3},
    ),
    _adding(
        "gru",
        lambda: _adding_graph("gru", {"hidden": 64}),
        "Adding with a GRU",
        "Two of a hundred numbers are marked; a GRU has to add them.",
        {"learning_rate": 3e-3},
    ),
    _adding(
        "transformer",
        _adding_transformer,
        "Adding with attention",
        "A transformer reads the hundred numbers at once and looks for the two marks.",
        {"learning_rate": 2e-3, "beta2": 0.98},
    ),
    _recall(
        "lstm",
        "Recall a cue",
        "A cue at the start has to be named at the end, past distractors.",
        "lstm",
        {"hidden": _WIDTH, "forget_bias": 5.0},
    ),
    _recall(
        "rnn",
        "Recall with an RNN",
        "The same with a tanh RNN: past fifteen steps it only guesses.",
        "rnn",
        {"hidden": _WIDTH},
    ),
    _recall(
        "irnn",
        "Recall with an IRNN",
        "The same with ReLU and the identity as first recurrent matrix.",
        "rnn",
        {"hidden": _WIDTH, **IDENTITY},
    ),
    _recall(
        "gru",
        "Recall with a GRU",
        "The same with a GRU.",
        "gru",
        {"hidden": _WIDTH},
    ),
    _recall(
        "attention",
        "Recall with attention",
        "The last token looks back at all others: the distance hardly matters.",
        "transformer",
        _ATTEND,
    ),
    _copying(
        "lstm",
        "Copy after a gap",
        "An LSTM keeps ten symbols over a gap and writes them down.",
        "lstm",
        {"hidden": 128, "forget_bias": 4.0},
    ),
    _copying(
        "rnn",
        "Copy after a gap with an RNN",
        "A tanh RNN learns the blanks and then guesses the symbols.",
        "rnn",
        {"hidden": 128},
    ),
    _copying(
        "attention",
        "Copy after a gap with attention",
        "A transformer looks up each symbol at the place where it was read.",
        "transformer",
        {**_ATTEND, "causal": True},
    ),
    _ordering(
        "lstm",
        "Order of two far marks",
        "Two marks far apart, and letters that tell nothing: which came first?",
        "lstm",
        {"hidden": _WIDTH, "forget_bias": 4.0},
    ),
    _ordering(
        "rnn",
        "Order of marks with an RNN",
        "The same with a tanh RNN.",
        "rnn",
        {"hidden": _WIDTH},
    ),
    Template(
        id="tagger-bilstm",
        title="Tagger in both directions",
        task="a tag a symbol",
        sentence="A bidirectional LSTM tags each symbol by what comes before and after it.",
        look="Switch Bidirectional off: the tags that depend on what follows become guesses.",
        minutes=1,
        icon="text",
        family=FAMILY,
        draw=lambda: class_per_step("lstm", {"hidden": 64, "bidirectional": True}),
        data={"kind": "tagging", "length": 20},
        own={"kind": "tagged", "length": 60},
        training={**ONCE, "learning_rate": 4e-3, "batch": 64, "minutes": 2.0},
    ),
)
