"""How far back: adding, recall, parity, brackets, tags."""

from __future__ import annotations

from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import ONCE, Settings, Template
from seqstudio.document.graph import Graph

_FAMILY = "Memory"


def _adding_graph(kind: str, settings: Settings) -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("vectors"), (kind, {"hidden": 128, **settings}), "last_step", "value_head"
    )
    return sketch.graph


def _adding(name: str, kind: str, title: str, sentence: str, settings: Settings) -> Template:
    return Template(
        id=f"adding-{name}",
        title=title,
        task="adding problem",
        sentence=sentence,
        look="The floor of 0.167 is the answer 1 every time. Falling below it means remembering.",
        minutes=2,
        icon="target",
        family=_FAMILY,
        draw=lambda: _adding_graph(kind, settings),
        data={"kind": "adding", "length": 50},
        training={
            "learning_rate": 2e-3,
            "batch": 64,
            "carry": False,
            "weight_decay": 0.0,
            "minutes": 3.0,
        },
    )


def _recall() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 32}),
        ("lstm", {"hidden": 32, "forget_bias": 5.0}),
        "last_step",
        "class_head",
    )
    return sketch.graph


def _per_step(kind: str, settings: Settings) -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"), ("embedding", {"width": 32}), (kind, settings), "class_per_step"
    )
    return sketch.graph


TEMPLATES = (
    _adding(
        "rnn",
        "rnn",
        "Adding with an RNN",
        "Two of fifty numbers are marked; a tanh RNN has to add them.",
        {},
    ),
    _adding(
        "irnn",
        "rnn",
        "Adding with an IRNN",
        "The same with ReLU and the identity as first recurrent matrix.",
        {"nonlinearity": "relu", "init": "identity"},
    ),
    _adding(
        "lstm",
        "lstm",
        "Adding with an LSTM",
        "Two of fifty numbers are marked; an LSTM has to add them.",
        {},
    ),
    Template(
        id="recall-lstm",
        title="Recall a cue",
        task="one label a sequence",
        sentence="A cue at the start has to be named at the end, past distractors.",
        look="Set Length to 50 and Forget bias to 1, then to 5. Only one of them learns.",
        minutes=1,
        icon="flag",
        family=_FAMILY,
        draw=_recall,
        data={"kind": "recall", "length": 50},
        training={**ONCE, "learning_rate": 3e-3, "budget": "steps", "steps": 1000},
    ),
    Template(
        id="parity-rnn",
        title="Parity",
        task="odd or even so far",
        sentence="Is the number of ones so far odd? A single unit can remember that.",
        look="It learns nothing for a while, then everything at once.",
        minutes=1,
        icon="flag",
        family=_FAMILY,
        draw=lambda: _per_step("rnn", {"hidden": 32, "init": "orthogonal"}),
        data={"kind": "parity", "length": 12},
        training={**ONCE, "learning_rate": 3e-3, "batch": 64, "minutes": 2.0},
    ),
    Template(
        id="brackets-lstm",
        title="Brackets",
        task="the open bracket at every step",
        sentence="An LSTM says which bracket has to be closed next: it keeps a stack.",
        look="Look for cells that stay while a bracket is open.",
        minutes=1,
        icon="text",
        family=_FAMILY,
        draw=lambda: _per_step("lstm", {"hidden": 64}),
        data={"kind": "brackets", "length": 40},
        training={**ONCE, "learning_rate": 4e-3, "batch": 64, "minutes": 2.0},
    ),
    Template(
        id="tagger-bilstm",
        title="Tagger in both directions",
        task="a tag a symbol",
        sentence="A bidirectional LSTM tags each symbol by what comes before and after it.",
        look="Switch Bidirectional off: the tags that depend on what follows become guesses.",
        minutes=1,
        icon="text",
        family=_FAMILY,
        draw=lambda: _per_step("lstm", {"hidden": 64, "bidirectional": True}),
        data={"kind": "tagging", "length": 20},
        training={**ONCE, "learning_rate": 4e-3, "batch": 64, "minutes": 2.0},
    ),
)
