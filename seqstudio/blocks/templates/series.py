"""Numbers over time: forecasts with their uncertainty, sound, heartbeats and bases."""

from __future__ import annotations

from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import ONCE, Template
from seqstudio.document.graph import Graph

_FAMILY = "Series"


def _lstm() -> Graph:
    sketch = Sketch()
    sketch.chain(sketch.add("vectors"), ("lstm", {"hidden": 64}), "forecast_head")
    return sketch.graph


def _gpt() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("vectors"),
        ("linear", {"width": 64}),
        ("transformer", {"layers": 2, "heads": 4}),
        "layer_norm",
        "forecast_head",
    )
    return sketch.graph


def _memoryless() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("vectors"),
        ("mlp", {"hidden": 64, "layers": 2}),
        "forecast_head",
    )
    return sketch.graph


def _ball(cell: str) -> Graph:
    sketch = Sketch()
    sketch.chain(sketch.add("vectors"), (cell, {"hidden": 64}), "forecast_head")
    return sketch.graph


def _heart() -> Graph:
    sketch = Sketch()
    sketch.chain(sketch.add("vectors"), ("gru", {"hidden": 48}), "class_per_step")
    return sketch.graph


def _audio() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 64}),
        ("gru", {"hidden": 192}),
        "next_token",
    )
    return sketch.graph


def _dna() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 16}),
        ("lstm", {"hidden": 64}),
        "next_token",
    )
    return sketch.graph


def _islands() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("tokens"),
        ("embedding", {"width": 16}),
        ("lstm", {"hidden": 48, "bidirectional": True}),
        "class_per_step",
    )
    return sketch.graph


TEMPLATES = (
    Template(
        id="forecast-lstm",
        title="Forecast with an LSTM",
        task="next value",
        sentence="An LSTM says the next value and how sure it is: two waves, or your own series.",
        look="The loss goes below that of repeating the last value within seconds.",
        minutes=1,
        icon="curve",
        family=_FAMILY,
        draw=_lstm,
        data={"kind": "series", "length": 100},
        training={**ONCE, "learning_rate": 4e-3, "minutes": 2.0, "stop_patience": 20},
    ),
    Template(
        id="forecast-gpt",
        title="Forecast with a transformer",
        task="next value",
        sentence="The same series read through causal attention.",
        look="In the attention panel: heads that look one period back.",
        minutes=2,
        icon="curve",
        family=_FAMILY,
        draw=_gpt,
        data={"kind": "series", "length": 100},
        training={
            **ONCE,
            "learning_rate": 2e-3,
            "beta2": 0.98,
            "minutes": 2.0,
            "stop_patience": 20,
        },
    ),
    Template(
        id="next-frame-memoryless",
        title="Next frame without memory",
        task="next position",
        sentence="A ball in a box: a net that sees one frame has to say where the ball goes.",
        look="The guess stays where the ball is, as wide as the speed may be. Set Frames seen "
        "to 2 and train again.",
        minutes=1,
        icon="target",
        family=_FAMILY,
        draw=_memoryless,
        data={"kind": "ball", "length": 30},
        training={**ONCE, "learning_rate": 2e-3, "minutes": 1.0},
    ),
    Template(
        id="ball-rnn",
        title="Ball with an RNN",
        task="next position",
        sentence="The same ball, frame by frame: an RNN remembers where it came from.",
        look="Throw the ball in the try panel: the guess narrows after the second frame.",
        minutes=1,
        icon="target",
        family=_FAMILY,
        draw=lambda: _ball("rnn"),
        data={"kind": "ball", "length": 30},
        training={**ONCE, "learning_rate": 2e-3, "minutes": 2.0},
    ),
    Template(
        id="ball-lstm",
        title="Ball with an LSTM",
        task="next position",
        sentence="An LSTM follows the ball and foresees how it bounces off the walls.",
        look="The error against the frames seen in the try panel: it falls at the second frame.",
        minutes=1,
        icon="target",
        family=_FAMILY,
        draw=lambda: _ball("lstm"),
        data={"kind": "ball", "length": 30},
        training={**ONCE, "learning_rate": 4e-3, "schedule": "cosine", "minutes": 3.0},
    ),
    Template(
        id="ecg-gru",
        title="Early heartbeats",
        task="class per step",
        sentence="A GRU reads heartbeats and marks those that come too early.",
        look="Early beats of the usual shape: only the remembered rhythm tells them.",
        minutes=2,
        icon="curve",
        family=_FAMILY,
        draw=_heart,
        data={"kind": "ecg", "length": 250},
        training={**ONCE, "learning_rate": 4e-3, "minutes": 3.0},
    ),
    Template(
        id="audio-gru",
        title="Sound, sample by sample",
        task="next sample",
        sentence="A GRU reads the loudness of every sample and goes on with the sound.",
        look="Play the continuation: first noise, then a tone, then plucked tones.",
        minutes=5,
        icon="curve",
        family=_FAMILY,
        draw=_audio,
        data={"kind": "audio"},
        training={"window": 256, "batch": 16, "learning_rate": 3e-3, "minutes": 8.0},
    ),
    Template(
        id="dna-lstm",
        title="DNA, base by base",
        task="next base",
        sentence="An LSTM says the next base of DNA; islands of CG have their own rule.",
        look="The loss against the best possible one, which is said in the data panel.",
        minutes=2,
        icon="text",
        family=_FAMILY,
        draw=_dna,
        data={"kind": "dna"},
        training={"window": 128, "learning_rate": 3e-3, "minutes": 3.0},
    ),
    Template(
        id="islands-lstm",
        title="CpG islands in DNA",
        task="class per step",
        sentence="An LSTM that reads both ways marks the bases that lie in an island.",
        look="The accuracy beside the best possible one, that of the process itself.",
        minutes=2,
        icon="text",
        family=_FAMILY,
        draw=_islands,
        data={"kind": "islands", "length": 200},
        training={**ONCE, "learning_rate": 4e-3, "minutes": 3.0},
    ),
)
