"""Music: tunes by character and by token, events, four voices, and frames of 88 keys."""

from __future__ import annotations

from functools import partial

from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import ATTENTIVE, Template
from seqstudio.document.graph import Graph

_FAMILY = "Music"


def _recurrent(kind: str, width: int, hidden: int, dropout: float) -> Graph:
    """Return a recurrent model of tokens."""
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": width}),
        (kind, {"hidden": hidden}),
        ("dropout", {"share": dropout}),
        "next_token",
    )
    return sketch.graph


def _attentive(width: int, layers: int, dropout: float) -> Graph:
    """Return a transformer of tokens."""
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": width}),
        ("transformer", {"layers": layers, "heads": 4, "dropout": dropout}),
        "layer_norm",
        ("next_token", {"tie": True}),
    )
    return sketch.graph


def _frames() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("vectors"),
        ("linear", {"width": 192}),
        ("dropout", {"share": 0.2}),
        ("lstm", {"hidden": 512}),
        ("dropout", {"share": 0.5}),
        "notes_head",
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
        draw=partial(_recurrent, "lstm", 64, 512, 0.4),
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
        draw=partial(_attentive, 128, 3, 0.1),
        data={"kind": "abc"},
        training={**ATTENTIVE, "window": 192, "minutes": 4.0},
        sampling={"prompt": "X:1\n", "length": 500},
    ),
    Template(
        id="melody-gru",
        title="Tunes by musical token",
        task="music",
        sentence="A GRU reads pitches, lengths and bar signs instead of characters.",
        look="Bars add up sooner: a length is one step, not three.",
        minutes=3,
        icon="note",
        family=_FAMILY,
        draw=partial(_recurrent, "gru", 64, 384, 0.4),
        data={"kind": "abc-tokens"},
        training={"learning_rate": 3e-3, "minutes": 3.0},
        sampling={"prompt": "X:1\n", "length": 300},
    ),
    Template(
        id="events-gpt",
        title="Events with attention",
        task="music",
        sentence="Bars, positions, pitches and durations: a transformer for any MIDI file.",
        look="Open a folder of MIDI files as data; loudness and instruments are learnt too.",
        minutes=5,
        icon="note",
        family=_FAMILY,
        draw=partial(_attentive, 128, 3, 0.1),
        data={"kind": "events"},
        training={**ATTENTIVE, "window": 256, "minutes": 5.0},
        sampling={"prompt": "piece ", "length": 600, "temperature": 0.9},
    ),
    Template(
        id="chorale-lstm",
        title="Chorales",
        task="music",
        sentence="Four voices on a grid of sixteenths: an LSTM learns which chord follows.",
        look="Soprano, alto, tenor and bass take turns at every step of the text.",
        minutes=5,
        icon="note",
        family=_FAMILY,
        draw=partial(_recurrent, "lstm", 64, 512, 0.3),
        data={"kind": "voices"},
        training={"learning_rate": 3e-3, "window": 192, "minutes": 5.0},
        sampling={"prompt": "piece ", "length": 1200, "temperature": 0.9},
    ),
    Template(
        id="chorale-gpt",
        title="Chorales with attention",
        task="music",
        sentence="A transformer reads the same four voices.",
        look="Attention looks four signs back, to the same voice a step ago, and to the last bar.",
        minutes=6,
        icon="note",
        family=_FAMILY,
        draw=partial(_attentive, 128, 4, 0.1),
        data={"kind": "voices"},
        training={**ATTENTIVE, "window": 320, "minutes": 6.0},
        sampling={"prompt": "piece ", "length": 1200, "temperature": 0.9},
    ),
    Template(
        id="frames-lstm",
        title="Keys that sound together",
        task="88 keys a step",
        sentence="Each step is a frame of 88 keys; an LSTM says which sound in the next one.",
        look="The loss is the sum over all keys, in nats a step, as in published figures.",
        minutes=5,
        icon="note",
        family=_FAMILY,
        draw=_frames,
        data={"kind": "frames", "length": 64},
        training={
            "batch": 16,
            "learning_rate": 3e-3,
            "weight_decay": 0.1,
            "carry": False,
            "minutes": 10.0,
        },
    ),
)
