"""Sequence to sequence: an encoder reads, a decoder writes."""

from __future__ import annotations

from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import ONCE, Settings, Template
from seqstudio.document.graph import Graph

_FAMILY = "Sequence to sequence"
_TRAINING: Settings = {**ONCE, "learning_rate": 3e-3, "batch": 64, "minutes": 3.0}
_DATA: Settings = {"kind": "reverse", "length": 10}


def embedded(sketch: Sketch, tokens: str, row: int, width: int, dropout: float) -> str:
    """Add a stream of tokens and their vectors, with dropout where there is any."""
    vectors = sketch.add("embedding", sketch.add(tokens, row=row), row=row, width=width)
    return sketch.add("dropout", vectors, row=row, share=dropout) if dropout else vectors


def _written(sketch: Sketch, last: str, dropout: float) -> Graph:
    if dropout:
        last = sketch.add("dropout", last, row=0, share=dropout)
    sketch.chain(last, "next_token")
    return sketch.graph


def fixed_vector(width: int = 64, hidden: int = 128, dropout: float = 0.0) -> Graph:
    """Return an encoder LSTM whose last state is all that a decoder LSTM gets."""
    sketch = Sketch()
    encoder = sketch.add(
        "lstm",
        embedded(sketch, "source_tokens", 1, width, dropout),
        hidden=hidden,
        title="Encoder",
        name="encoder",
    )
    decoder = sketch.add(
        "lstm",
        embedded(sketch, "tokens", 0, width, dropout),
        into={"start": f"{encoder}.state"},
        row=0,
        hidden=hidden,
        title="Decoder",
        name="decoder",
    )
    return _written(sketch, decoder, dropout)


def attending_cell(width: int) -> Graph:
    """Return the inside of a decoder with additive attention (Bahdanau et al. 2015).

    At every step the last state asks the memory, and a GRU reads the token beside the answer:
    c_t = attend(h_{t-1}, memory), h_t = GRU([x_t, c_t], h_{t-1}).
    """
    sketch = Sketch()
    x = sketch.add("inlet", title="x", name="in")
    memory = sketch.add("inlet", row=-1, title="memory", name="memory")
    h = sketch.add("state", row=1, title="h", name="h", width=width)
    context = sketch.add("additive_attention", h, memory, row=-1, title="attend", name="attend")
    both = sketch.add("concatenate", x, context, row=0, title="[x, context]")
    reset = sketch.add("gate", both, h, row=1, title="reset gate r", name="r", width=width)
    keep = sketch.add("gate", both, h, row=2, title="update gate z", name="z", width=width)
    part = sketch.add("multiply", reset, h, row=1, title="r ⊙ h")
    new = sketch.add(
        "gate", both, part, row=0, title="candidate n", name="n", width=width, function="tanh"
    )
    minus = sketch.add("scale", new, row=0, title="−n", factor=-1.0)
    change = sketch.add("add", h, minus, row=1, title="h − n")
    kept = sketch.add("multiply", keep, change, row=2, title="z ⊙ (h − n)")
    after = sketch.add("add", new, kept, row=0, title="h′")
    sketch.add("outlet", sketch.add("concatenate", after, context), title="out", name="out")
    sketch.wire(after, h, "next")
    return sketch.graph


def additive(width: int = 64, hidden: int = 128, dropout: float = 0.0) -> Graph:
    """Return an encoder that reads both ways, and a decoder that asks it at every step."""
    sketch = Sketch()
    source = embedded(sketch, "source_tokens", 1, width, dropout)
    encoder = sketch.add(
        "gru", source, hidden=hidden // 2, bidirectional=True, title="Encoder", name="encoder"
    )
    read = embedded(sketch, "tokens", 0, width, dropout)
    decoder = sketch.add(
        "cell", read, encoder, row=0, inside=attending_cell(hidden), title="Decoder",
        name="decoder",
    )  # fmt: skip
    return _written(sketch, decoder, dropout)


def stacks(width: int = 96, dropout: float = 0.0) -> Graph:
    """Return encoder and decoder stacks with cross-attention."""
    sketch = Sketch()
    source = sketch.add("embedding", sketch.add("source_tokens", row=1), width=width)
    encoder = sketch.add(
        "encoder_stack", source, layers=2, heads=4, dropout=dropout, title="Encoder",
        name="encoder",
    )  # fmt: skip
    read = sketch.add("embedding", sketch.add("tokens", row=0), width=width)
    decoder = sketch.add(
        "decoder_stack", read, encoder, row=0, layers=2, heads=4, dropout=dropout,
        title="Decoder", name="decoder",
    )  # fmt: skip
    sketch.chain(decoder, "layer_norm", "next_token")
    return sketch.graph


TEMPLATES = (
    Template(
        id="reverse-seq2seq",
        title="Through one vector",
        task="write it backwards",
        sentence="An encoder LSTM squeezes a word into its last state; a decoder unfolds it.",
        look="Raise Length: one vector of fixed size holds only so much.",
        minutes=2,
        icon="redo",
        family=_FAMILY,
        draw=fixed_vector,
        data=_DATA,
        training=_TRAINING,
    ),
    Template(
        id="reverse-attention",
        title="With additive attention",
        task="write it backwards",
        sentence="At every step the decoder asks all states of the encoder.",
        look="Open the decoder: attention stands in front of a GRU drawn from blocks.",
        minutes=2,
        icon="attention",
        family=_FAMILY,
        draw=additive,
        data=_DATA,
        training=_TRAINING,
    ),
    Template(
        id="reverse-transformer",
        title="With a transformer",
        task="write it backwards",
        sentence="Encoder and decoder stacks with cross-attention, no recurrence.",
        look="Its cross-attention runs along the other diagonal.",
        minutes=2,
        icon="attention",
        family=_FAMILY,
        draw=stacks,
        data=_DATA,
        training={**_TRAINING, "learning_rate": 2e-3, "beta2": 0.98},
    ),
    Template(
        id="copy-seq2seq",
        title="Copy through one vector",
        task="write it again",
        sentence="The same encoder and decoder, in the easier order.",
        look="Compare with writing backwards: the first letter has the longest way here.",
        minutes=2,
        icon="redo",
        family=_FAMILY,
        draw=fixed_vector,
        data={"kind": "copy", "length": 10},
        training=_TRAINING,
    ),
    Template(
        id="copy-attention",
        title="Copy with additive attention",
        task="write it again",
        sentence="The decoder asks all states of the encoder, in the order in which they stand.",
        look="The alignment runs along the diagonal: one step on for every letter written.",
        minutes=2,
        icon="attention",
        family=_FAMILY,
        draw=additive,
        data={"kind": "copy", "length": 10},
        training=_TRAINING,
    ),
)
