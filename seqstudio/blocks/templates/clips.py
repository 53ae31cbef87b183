"""Moving pictures: which movement a clip shows, and which one goes on at every frame."""

from __future__ import annotations

from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import ONCE, Settings, Template
from seqstudio.document.graph import Graph

_FAMILY = "Pictures"
_TRAINING: Settings = {**ONCE, "learning_rate": 2e-3, "batch": 32, "minutes": 3.0}


def _action() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("vectors"),
        ("perceptron", {"width": 64, "function": "relu"}),
        ("lstm", {"hidden": 96}),
        "last_step",
        "class_head",
    )
    return sketch.graph


def _every_frame() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("vectors"),
        ("perceptron", {"width": 64, "function": "relu"}),
        ("gru", {"hidden": 96}),
        "class_per_step",
    )
    return sketch.graph


TEMPLATES = (
    Template(
        id="action-lstm",
        title="What happens in a clip",
        task="which movement",
        sentence="An LSTM watches a clip frame by frame and names the movement at its end.",
        look="Draw a movement with the mouse; a single frame would tell nothing.",
        minutes=2,
        icon="play",
        family=_FAMILY,
        draw=_action,
        data={"kind": "clips", "length": 16},
        training=_TRAINING,
    ),
    Template(
        id="frames-class-gru",
        title="What happens at every frame",
        task="movement at each step",
        sentence="A GRU says at every frame which movement is going on, and when it changes.",
        look="Scrub through a clip: how many frames after a change does it notice?",
        minutes=2,
        icon="play",
        family=_FAMILY,
        draw=_every_frame,
        data={"kind": "clip-frames", "length": 24},
        training=_TRAINING,
    ),
)
