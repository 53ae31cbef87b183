"""Inside recurrent blocks: gates and products for one step, or a stack of layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from seqstudio.blocks import ports
from seqstudio.blocks.declaration import Context
from seqstudio.blocks.insides.draft import BESIDE, COLUMN, Draft, Opening
from seqstudio.document.graph import Graph
from seqstudio.document.param import Value

RNN_KINDS = frozenset({"rnn", "gru", "lstm"})


def _gate(sketch: Draft, key: str, row: float, title: str, c: Context, **params: Value) -> None:
    given = {"init": c.params["init"], "radius": c.params["radius"], **params}
    sketch.put(key, "gate", 1, row, title, width=c.integer("hidden"), **given)
    sketch.wire("in", key)
    sketch.wire("h", f"{key}.state")


def _rnn_cell(c: Context) -> Graph:
    """h_t = g(W x_t + U h_{t-1} + b)."""
    sketch = Draft()
    sketch.inlet("in", 0, 0, "x")
    sketch.put("h", ports.STATE, 0, 1, "h", width=c.integer("hidden"))
    _gate(sketch, "gate", 0, "new state h", c, function=c.word("nonlinearity"))
    sketch.outlet("out", 2, 0, "gate", "h")
    sketch.back("gate", "h.next", 2.1)
    return sketch.graph


def _lstm_cell(c: Context) -> Graph:
    """c_t = f c_{t-1} + i g; h_t = o tanh(c_t)."""
    sketch, width = Draft(), c.integer("hidden")
    sketch.inlet("in", 0, 0.3, "x")
    sketch.put("h", ports.STATE, 0, 1.6, "h", width=width)
    sketch.put("c", ports.STATE, 0, 3.55, "c", width=width)
    gates = (
        ("output", "output gate o", "sigmoid"),
        ("input", "input gate i", "sigmoid"),
        ("candidate", "candidate g", "tanh"),
        ("forget", "forget gate f", "sigmoid"),
    )
    for row, (key, title, function) in enumerate(gates):
        bias = c.number("forget_bias") if key == "forget" else 0.0
        _gate(sketch, key, row, title, c, function=function, bias=bias)
    sketch.put("fresh", "multiply", 2, 1.45, "i · g")
    sketch.put("kept", "multiply", 2, 3.1, "f · c")
    sketch.put("cell", "add", 3, 2.3, "new cell c")
    sketch.put("squash", "activation", 4, 2.3, "tanh c", function="tanh")
    sketch.put("hidden", "multiply", 5, 1, "h = o · tanh c")
    sketch.wire("forget", "kept")
    sketch.wire("c", "kept.other")
    sketch.wire("input", "fresh")
    sketch.wire("candidate", "fresh.other")
    sketch.wire("fresh", "cell")
    sketch.wire("kept", "cell.other")
    sketch.wire("cell", "squash")
    sketch.back("cell", "c.next", 4.6)
    sketch.wire("output", "hidden")
    sketch.wire("squash", "hidden.other")
    sketch.back("hidden", "h.next", 4.8, 2 * BESIDE)
    sketch.outlet("out", 6, 1, "hidden", "h")
    return sketch.graph


def _peephole_cell(c: Context) -> Graph:
    """The gates see c too: i and f the one before the step, o the one after it."""
    sketch, width = Draft(), c.integer("hidden")
    sketch.inlet("in", 0, 0.3, "x")
    sketch.put("h", ports.STATE, 0, 1.6, "h", width=width)
    sketch.put("c", ports.STATE, 0, 4.2, "c", width=width)
    rows = (("output", "o: W x + U h + b", 0), ("input", "i: W x + U h + b", 1),
            ("candidate", "candidate g", 2), ("forget", "f: W x + U h + b", 3))  # fmt: skip
    for key, title, row in rows:
        bias = c.number("forget_bias") if key == "forget" else 0.0
        function = "tanh" if key == "candidate" else "none"
        _gate(sketch, key, row, title, c, function=function, bias=bias)
    _seen(sketch, "input", "input gate i", "c", (1, 4), (2, 1))
    _seen(sketch, "forget", "forget gate f", "c", (1, 4.8), (2, 3.1))
    sketch.put("fresh", "multiply", 4, 1.5, "i · g")
    sketch.put("kept", "multiply", 4, 3.1, "f · c")
    sketch.put("cell", "add", 5, 2.3, "new cell c")
    sketch.put("squash", "activation", 6, 2.3, "tanh c", function="tanh")
    sketch.wire("input_gate", "fresh")
    sketch.wire("candidate", "fresh.other")
    sketch.wire("forget_gate", "kept")
    sketch.under("c", "kept.other", 5.7)
    sketch.wire("fresh", "cell")
    sketch.wire("kept", "cell.other")
    sketch.wire("cell", "squash")
    _seen(sketch, "output", "output gate o", "cell", (6, 1.2), (7, 0.2))
    sketch.put("hidden", "multiply", 9, 1, "h = o · tanh c")
    sketch.wire("output_gate", "hidden")
    sketch.wire("squash", "hidden.other")
    sketch.back("cell", "c.next", 5.9)
    sketch.back("hidden", "h.next", 6.1, 2 * BESIDE)
    sketch.outlet("out", 10, 1, "hidden", "h")
    return sketch.graph


def _seen(
    sketch: Draft,
    gate: str,
    title: str,
    cell: str,
    peephole: tuple[float, float],
    total: tuple[float, float],
) -> None:
    """Let a gate see the cell: p c is added before its sigmoid."""
    see, name = f"see_{gate}", title[-1]
    sketch.put(see, "scale", *peephole, f"p · c for {name}", by="learned", factor=0.0)
    sketch.put(f"{gate}_sum", "add", *total, f"sum for {name}")
    column, row = total
    sketch.put(f"{gate}_gate", "activation", column + 1, row, title, function="sigmoid")
    sketch.wire(cell, see)
    sketch.wire(gate, f"{gate}_sum")
    sketch.wire(see, f"{gate}_sum.other")
    sketch.wire(f"{gate}_sum", f"{gate}_gate")


def _gru_cell(c: Context) -> Graph:
    """n_t = tanh(W x + b + r (U h + c)); h_t = n + z (h_{t-1} - n), as in torch."""
    sketch, width = Draft(), c.integer("hidden")
    init = {"init": c.params["init"], "spread": c.params["radius"]}
    sketch.inlet("in", 0, 0.1, "x")
    sketch.put("h", ports.STATE, 0, 1.9, "h", width=width)
    sketch.put("from_x", "linear", 1, 0, "W x + b", width=width)
    _gate(sketch, "reset", 0.8, "reset gate r", c, function="sigmoid")
    sketch.put("from_h", "linear", 1, 1.85, "U h + c", width=width, **init)
    _gate(sketch, "update", 2.75, "update gate z", c, function="sigmoid")
    sketch.put("chosen", "multiply", 2, 1.25, "r · (U h + c)")
    sketch.put("sum", "add", 3, 0.25, "sum")
    sketch.put("candidate", "activation", 4, 0.25, "candidate n", function="tanh")
    sketch.put("minus", "scale", 2, 2.75, "−n", factor=-1.0)
    sketch.put("way", "add", 3, 2.75, "h − n")
    sketch.put("step", "multiply", 4, 2.75, "z · (h − n)")
    sketch.put("hidden", "add", 5, 1.5, "h = n + z (h − n)")
    sketch.wire("in", "from_x")
    sketch.wire("h", "from_h")
    sketch.under("h", "way.other", 4.1)
    sketch.wire("reset", "chosen")
    sketch.wire("from_h", "chosen.other")
    sketch.wire("from_x", "sum")
    sketch.wire("chosen", "sum.other")
    sketch.wire("sum", "candidate")
    sketch.wire("candidate", "hidden")
    sketch.back("candidate", "minus", 2.5)
    sketch.wire("minus", "way")
    sketch.wire("way", "step")
    sketch.wire("update", "step.other")
    sketch.wire("step", "hidden.other")
    sketch.back("hidden", "h.next", 4.4)
    sketch.outlet("out", 6, 1.5, "hidden", "h")
    return sketch.graph


_CELLS: Mapping[str, Callable[[Context], Graph]] = {
    "rnn": _rnn_cell,
    "gru": _gru_cell,
    "lstm": _lstm_cell,
}


def _recurrent(kind: str) -> Opening:
    def inside(c: Context) -> tuple[str, Graph] | None:
        if c.integer("layers") > 1 or c.on("bidirectional"):
            return "group", _stack(kind, c)
        if c.params.get("peepholes"):
            return "cell", _peephole_cell(c)
        return "cell", _CELLS[kind](c)

    return inside


def _stack(kind: str, c: Context) -> Graph:
    """Layers on top of each other, each a block of the same kind that opens further."""
    sketch, both = Draft(), c.on("bidirectional")
    one = {**c.params, "layers": 1, "bidirectional": False, "residual": False, "dropout": 0.0}
    last, column = sketch.inlet("in", 0, 0, "x"), 1.0
    for number in range(1, c.integer("layers") + 1):
        read = last
        if number > 1 and c.number("dropout"):
            read = sketch.put(f"drop{number}", "dropout", column, 0, share=c.number("dropout"))
            sketch.wire(last, read)
            column += 1
        given = sketch.put(f"layer{number}", kind, column, 0, f"layer {number}", **one)
        sketch.wire(read, given)
        if both:
            given, column = _with_back(sketch, kind, number, column, read, one)
        if number > 1 and c.on("residual"):
            column += 1
            total = sketch.put(f"sum{number}", "add", column, 0, "x + h")
            sketch.wire(last, total)
            sketch.wire(given, f"{total}.other")
            given = total
        last, column = given, column + 1
    sketch.outlet("out", column, 0, last, "h")
    return sketch.graph


def _with_back(
    sketch: Draft, kind: str, number: int, column: float, read: str, one: Mapping[str, Value]
) -> tuple[str, float]:
    """Add the layer that reads from the end; return what joins both, and its column."""
    forward = f"layer{number}"
    place = sketch.graph.blocks[forward]
    moved = replace(place, x=place.x + COLUMN)
    sketch.graph = sketch.graph.with_block(moved)
    turned = sketch.put(f"turn{number}", "reverse", column, 1.5, "from the end")
    back = sketch.put(f"back{number}", kind, column + 1, 1.5, f"layer {number} back", **one)
    again = sketch.put(f"again{number}", "reverse", column + 2, 1.5, "in order again")
    joined = sketch.put(f"join{number}", "concatenate", column + 3, 0.75, "both ways")
    sketch.wire(read, turned)
    sketch.wire(turned, back)
    sketch.wire(back, again)
    sketch.wire(forward, joined)
    sketch.wire(again, f"{joined}.other")
    return joined, column + 3


OPENINGS: Mapping[str, Opening] = {kind: _recurrent(kind) for kind in ("rnn", "gru", "lstm")}
