"""Music: tunes in ABC by character, and frames of 88 keys."""

from __future__ import annotations

from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import ATTENTIVE, ONCE, Template
from seqstudio.document.graph import Graph

_FAMILY = "Music"


def _lstm() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 64}),
        ("lstm", {"hidden": 512}),
        ("dropout", {"share": 0.4}),
        "next_token",
    )
    return sketch.graph


def _gpt() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 128}),
        ("transformer", {"layers": 3, "heads": 4, "dropout": 0.1}),
        "layer_norm",
        ("next_token", {"tie": True}),
    )
    return sketch.graph


def _frames() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("vectors"), ("lstm", {"hidden": 192}), ("dropout", {"share": 0.3}), "notes_head"
    )
    return sketch.graph


TEMPLATES = (
    Template(
        id="abc-lstm",
        title="Tunes",
        task="music",
        sentence="An LSTM learns traditional tunes in ABC notation and writes new ones.",
        look="Press Write in the Listen page at any step and hear how it changes.",
        minutes=3,
        icon="note",
        family=_FAMILY,
        draw=_lstm,
        data={"kind": "abc"},
        training={"learning_rate": 4e-3, "minutes": 3.0},
        sampling={"prompt": "X:1\n", "length": 500},
    ),
    Template(
        id="abc-gpt",
        title="Tunes with attention",
        task="music",
        sentence="A small transformer learns the same tunes.",
        look="Attention jumps back a whole bar or a whole part when a phrase returns.",
        minutes=4,
        icon="note",
        family=_FAMILY,
        draw=_gpt,
        data={"kind": "abc"},
        training={**ATTENTIVE, "window": 192, "minutes": 4.0},
        sampling={"prompt": "X:1\n", "length": 500},
    ),
    Template(
        id="frames-lstm",
        title="Keys that sound together",
        task="88 keys a step",
        sentence="Each sixteenth is a frame of 88 keys; an LSTM says which sound in the next one.",
        look="The loss is the sum over all keys, in nats a step.",
        minutes=2,
        icon="note",
        family=_FAMILY,
        draw=_frames,
        data={"kind": "frames"},
        training={**ONCE, "learning_rate": 3e-3, "minutes": 3.0},
    ),
)
