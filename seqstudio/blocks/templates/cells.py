"""Cells that a person could have drawn: what an LSTM is without its forget gate, and others."""

from __future__ import annotations

from seqstudio.blocks.templates.sketch import Sketch
from seqstudio.blocks.templates.template import Template
from seqstudio.document.graph import Graph

_FAMILY = "Cells of your own"


def minimal_gated_unit(width: int) -> Graph:
    """Return the inside of a minimal gated unit (Zhou et al. 2016): one gate does all.

    f = sigmoid(W_f x + U_f h), n = tanh(W_n x + U_n (f * h)), h' = (1 - f) h + f n, drawn as
    h' = h + f (n - h).
    """
    sketch = Sketch()
    x = sketch.add("inlet", title="x", name="in")
    h = sketch.add("state", row=2, title="h", name="h", width=width)
    forget = sketch.add(
        "gate", x, h, row=1, title="forget gate f", name="f", width=width, bias=1.0
    )
    kept = sketch.add("multiply", forget, h, row=2, title="f ⊙ h")
    candidate = sketch.add(
        "gate", x, kept, row=0, title="candidate n", name="n", width=width, function="tanh"
    )
    minus = sketch.add("scale", h, row=3, title="−h", factor=-1.0)
    step = sketch.add("add", candidate, minus, row=1, title="n − h")
    moved = sketch.add("multiply", forget, step, row=1, title="f ⊙ (n − h)")
    after = sketch.add("add", h, moved, row=2, title="h′")
    sketch.add("outlet", after, title="out", name="out")
    sketch.wire(after, h, "next")
    return sketch.graph


def lstm_without_forget_gate(width: int) -> Graph:
    """Return the inside of the first LSTM (1997): the cell only ever adds, c' = c + i g."""
    sketch = Sketch()
    x = sketch.add("inlet", title="x", name="in")
    h = sketch.add("state", row=3, title="h", name="h", width=width)
    c = sketch.add("state", row=2, title="c", name="c", width=width)
    entry = sketch.add("gate", x, h, row=-1, title="input gate i", name="i", width=width)
    new = sketch.add(
        "gate", x, h, row=0, title="candidate g", name="g", width=width, function="tanh"
    )
    leave = sketch.add("gate", x, h, row=3, title="output gate o", name="o", width=width)
    added = sketch.add("multiply", entry, new, row=0, title="i ⊙ g")
    cell = sketch.add("add", added, c, row=1, title="c′")
    shown = sketch.add("activation", cell, row=1, title="tanh c′", function="tanh")
    after = sketch.add("multiply", leave, shown, row=2, title="h′")
    sketch.add("outlet", after, title="out", name="out")
    sketch.wire(cell, c, "next")
    sketch.wire(after, h, "next")
    return sketch.graph


def _language(title: str, inside: Graph) -> Graph:
    sketch = Sketch()
    embedded = sketch.add("embedding", sketch.add("tokens"), width=64)
    cell = sketch.add("cell", embedded, inside=inside, title=title)
    sketch.chain(cell, "next_token")
    return sketch.graph


def _residual() -> Graph:
    sketch = Sketch()
    below = sketch.chain(
        sketch.add("tokens"), ("embedding", {"width": 64}), ("gru", {"hidden": 256})
    )
    above = sketch.add("gru", below, row=-1, hidden=256)
    both = sketch.add("add", below, row=0, into={"other": above})
    sketch.chain(both, "next_token")
    return sketch.graph


TEMPLATES = (
    Template(
        id="char-mgu",
        title="Minimal gated unit",
        task="next character",
        sentence="A cell with a single gate, drawn from blocks: open it and change it.",
        look="Open the cell. Then compare its curve with the GRU's at the same width.",
        minutes=4,
        icon="rnn",
        family=_FAMILY,
        draw=lambda: _language("Minimal gated unit", minimal_gated_unit(192)),
        training={"learning_rate": 3e-3, "window": 64},
    ),
    Template(
        id="char-lstm-no-forget",
        title="LSTM without forget gate",
        task="next character",
        sentence="The LSTM of 1997, drawn from blocks: its cell can only add.",
        look="Open it, add a forget gate on the loop of c, and compare.",
        minutes=4,
        icon="rnn",
        family=_FAMILY,
        draw=lambda: _language("LSTM, no forget gate", lstm_without_forget_gate(192)),
        training={"learning_rate": 3e-3, "window": 64},
    ),
    Template(
        id="char-gru-residual",
        title="Two GRUs with a bridge",
        task="next character",
        sentence="A second GRU reads the first, and both are added before the head.",
        look="Bypass the upper GRU (Ctrl+B): the model still works, only worse.",
        minutes=4,
        icon="rnn",
        family=_FAMILY,
        draw=_residual,
        training={"learning_rate": 3e-3},
    ),
)
