"""Pictures as sequences: of patches, of rows, of pixels, and sentences about them."""

from __future__ import annotations

from seqstudio.blocks.templates.pairs import attending_cell
from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import ONCE, Settings, Template
from seqstudio.document.graph import Graph

_FAMILY = "Pictures"
_TRAINING: Settings = {**ONCE, "learning_rate": 2e-3, "batch": 32, "minutes": 3.0}
_DIGITS: Settings = {
    "carry": False,
    "learning_rate": 3e-3,
    "batch": 64,
    "weight_decay": 0.05,
    "label_smoothing": 0.05,
    "minutes": 3.0,
}
_QUARTER: Settings = {"held_out": 0.25, "vary": 1.0}


def _patches() -> Graph:
    sketch = Sketch()
    places = sketch.chain(
        sketch.add("picture"), ("patches", {"size": 6}), ("linear", {"width": 64})
    )
    encoded = sketch.chain(
        places,
        "class_token",
        ("positions", {"kind": "learned"}),
        ("encoder_stack", {"layers": 2, "heads": 4, "positions": "none"}),
    )
    sketch.chain(encoded, "first_step", "class_head")
    return sketch.graph


def _rows(kind: str, settings: Settings) -> Graph:
    sketch = Sketch()
    sketch.chain(sketch.add("vectors"), (kind, settings), "last_step", "class_head")
    return sketch.graph


def _digit_patches() -> Graph:
    sketch = Sketch()
    places = sketch.chain(
        sketch.add("picture"), ("patches", {"size": 2}), ("linear", {"width": 64})
    )
    encoded = sketch.chain(
        places,
        "class_token",
        ("positions", {"kind": "learned"}),
        ("encoder_stack", {"layers": 2, "heads": 4, "positions": "none", "dropout": 0.1}),
    )
    sketch.chain(encoded, "first_step", "class_head")
    return sketch.graph


def _digit_rows() -> Graph:
    sketch = Sketch()
    sketch.chain(
        sketch.add("vectors"),
        ("lstm", {"hidden": 128}),
        "last_step",
        ("dropout", {"share": 0.3}),
        "class_head",
    )
    return sketch.graph


def _features(sketch: Sketch, row: float) -> str:
    return sketch.chain(
        sketch.add("picture", row=row),
        ("conv", {"channels": 16, "stride": 2}),
        ("conv", {"channels": 32, "stride": 2}),
    )


def _caption() -> Graph:
    sketch = Sketch()
    features = _features(sketch, 1)
    whole = sketch.add("patches", features, size=6, title="All places at once")
    start = sketch.chain(whole, "mean_time", ("start_state", {"kind": "lstm", "hidden": 128}))
    read = sketch.add("embedding", sketch.add("tokens", row=0), row=0, width=64)
    decoder = sketch.add("lstm", read, into={"start": start}, row=0, hidden=128)
    sketch.chain(decoder, "next_token")
    return sketch.graph


def _attending() -> Graph:
    sketch = Sketch()
    memory = sketch.chain(_features(sketch, 1), "places", ("positions", {"kind": "learned"}))
    read = sketch.add("embedding", sketch.add("tokens", row=0), row=0, width=64)
    decoder = sketch.add(
        "cell", read, memory, row=0, inside=attending_cell(128), title="Decoder", name="decoder"
    )
    sketch.chain(decoder, "next_token")
    return sketch.graph


def _hard() -> Graph:
    sketch = Sketch()
    memory = sketch.chain(_features(sketch, 1), "places", ("positions", {"kind": "learned"}))
    read = sketch.add("embedding", sketch.add("tokens", row=0), row=0, width=64)
    decoder = sketch.add("gru", read, row=0, hidden=128)
    glimpse = sketch.add("hard_attention", decoder, memory, row=1)
    both = sketch.add("concatenate", decoder, glimpse, row=0)
    sketch.chain(both, "next_token")
    return sketch.graph


TEMPLATES = (
    Template(
        id="shapes-vit",
        title="Shapes in patches",
        task="which shape",
        sentence="A picture is cut into patches that a transformer reads like words.",
        look="Which patches does the class token attend to?",
        minutes=2,
        icon="grid",
        family=_FAMILY,
        draw=_patches,
        data={"kind": "shapes"},
        training=_TRAINING,
    ),
    Template(
        id="rows-lstm",
        title="Shapes row by row",
        task="which shape",
        sentence="An LSTM reads a picture from top to bottom, one row a step.",
        look="The gradient horizon says how much of the upper rows reaches the answer.",
        minutes=2,
        icon="grid",
        family=_FAMILY,
        draw=lambda: _rows("lstm", {"hidden": 64}),
        data={"kind": "rows"},
        training=_TRAINING,
    ),
    Template(
        id="pixels-irnn",
        title="Shapes pixel by pixel",
        task="which shape",
        sentence="A ReLU RNN that starts as the identity reads one pixel a step.",
        look="Hundreds of steps: change the start to PyTorch's and see the horizon shrink.",
        minutes=4,
        icon="grid",
        family=_FAMILY,
        draw=lambda: _rows("rnn", {"hidden": 64, "nonlinearity": "relu", "init": "identity"}),
        data={"kind": "pixels"},
        training={**_TRAINING, "learning_rate": 1e-3, "minutes": 4.0},
    ),
    Template(
        id="digits-rows-lstm",
        title="Digits row by row",
        task="which digit",
        sentence="An LSTM reads a digit from top to bottom, one row a step.",
        look="Draw a digit and watch the verdict change with every row.",
        minutes=1,
        icon="grid",
        family=_FAMILY,
        draw=_digit_rows,
        data={"kind": "digit-rows", **_QUARTER},
        training=_DIGITS,
    ),
    Template(
        id="digits-vit",
        title="Digits in patches",
        task="which digit",
        sentence="A transformer reads the patches of a digit like words.",
        look="Draw a digit: which patches does the verdict rest on?",
        minutes=1,
        icon="grid",
        family=_FAMILY,
        draw=_digit_patches,
        data={"kind": "digits", **_QUARTER},
        training={**_DIGITS, "learning_rate": 2e-3},
    ),
    Template(
        id="pixel-digits-irnn",
        title="Digits pixel by pixel",
        task="which digit",
        sentence="A ReLU RNN that starts as the identity reads a digit one pixel a step.",
        look="64 steps: change the start to PyTorch's and see the memory shrink.",
        minutes=3,
        icon="grid",
        family=_FAMILY,
        draw=lambda: _rows("rnn", {"hidden": 100, "nonlinearity": "relu", "init": "identity"}),
        data={"kind": "digit-pixels", "held_out": 0.25},
        training={**_TRAINING, "batch": 64, "learning_rate": 1e-3, "minutes": 4.0},
    ),
    Template(
        id="caption-lstm",
        title="A sentence about a picture",
        task="caption",
        sentence="Convolutions see two shapes; their features start an LSTM that writes.",
        look="Words come first, then the right ones.",
        minutes=3,
        icon="grid",
        family=_FAMILY,
        draw=_caption,
        data={"kind": "captions"},
        training=_TRAINING,
    ),
    Template(
        id="caption-attention",
        title="Looking while writing",
        task="caption",
        sentence="At every word the decoder attends to places of the picture.",
        look="Open the decoder: the same cell as for writing backwards.",
        minutes=3,
        icon="attention",
        family=_FAMILY,
        draw=_attending,
        data={"kind": "captions"},
        training=_TRAINING,
    ),
    Template(
        id="caption-hard",
        title="One glimpse a word",
        task="caption",
        sentence="Hard attention picks a single place of the picture for every word.",
        look="Its loss is noisier than soft attention's: the choice is drawn.",
        minutes=3,
        icon="attention",
        family=_FAMILY,
        draw=_hard,
        data={"kind": "captions"},
        training=_TRAINING,
    ),
)
