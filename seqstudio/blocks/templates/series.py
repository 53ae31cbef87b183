"""Numbers over time: forecasts with their uncertainty."""

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


TEMPLATES = (
    Template(
        id="forecast-lstm",
        title="Forecast with an LSTM",
        task="next value",
        sentence="Two waves and noise: an LSTM says the next value and how sure it is.",
        look="The loss goes below that of repeating the last value within seconds.",
        minutes=1,
        icon="curve",
        family=_FAMILY,
        draw=_lstm,
        data={"kind": "waves", "length": 100},
        training={**ONCE, "learning_rate": 4e-3, "minutes": 2.0},
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
        data={"kind": "waves", "length": 100},
        training={**ONCE, "learning_rate": 2e-3, "beta2": 0.98, "minutes": 2.0},
    ),
)
