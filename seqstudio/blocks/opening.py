"""What is inside the blocks of the catalogue: the same block, made of primitives.

A block that opens keeps its id, title, place, mode and ports. As long as nothing inside has been
changed the block itself stays as it was, and its fused layer trains; only a change inside puts
the opened form in its place. `seqstudio.engine.opening` carries the weights over.

Shape legend: B rows, T steps, N units, H heads, D features of a head.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Report, check, title_of
from seqstudio.blocks.declaration import Context, DataFacts
from seqstudio.core.errors import GraphError
from seqstudio.document.edits import Edit, Within
from seqstudio.document.graph import Block, Graph, Path, Point, Wire
from seqstudio.document.param import Value
from seqstudio.document.project import Project

COLUMN, ROW, BODY = 204.0, 136.0, 156.0
FIRST_PORT = 64.0
_CORNER, _BESIDE = 28.0, 20.0
_LOWER = 3.2  # second row of attention
RNN_KINDS = frozenset({"rnn", "gru", "lstm"})
Opening = Callable[[Context], tuple[str, Graph] | None]


class _Sketch:
    """A graph while it is drawn, in columns and rows."""

    def __init__(self) -> None:
        self.graph = Graph()

    def put(
        self, key: str, kind: str, column: float, row: float, title: str = "", **params: Value
    ) -> str:
        """Add a block; settings that are not named have their defaults."""
        settings = {**KINDS[kind].defaults(), **params}
        block = Block(key, kind, column * COLUMN, row * ROW, settings, title)
        self.graph = self.graph.with_block(block)
        return key

    def inlet(self, key: str, column: float, row: float, title: str = "") -> str:
        """Add an input port."""
        return self.put(key, ports.INLET, column, row, title or key)

    def outlet(self, key: str, column: float, row: float, source: str, title: str = "") -> None:
        """Add an output port that gives what `source` gives."""
        self.put(key, ports.OUTLET, column, row, title or key)
        self.wire(source, key)

    def wire(self, source: str, *targets: str, bends: tuple[Point, ...] = ()) -> None:
        """Wire the output of a block ("split.second", or its first) to inputs ("add.other")."""
        key, _, out = source.partition(".")
        out = out or ports.outputs(self.graph.blocks[key])[0].name
        for target in targets:
            other, _, into = target.partition(".")
            into = into or ports.inputs(self.graph.blocks[other])[0].name
            wire = Wire(key, out, other, into)
            self.graph = self.graph.with_wire(wire)
            if bends:
                self.graph = self.graph.with_bends(wire, bends)

    def back(self, source: str, target: str, row: float, aside: float = _BESIDE) -> None:
        """Wire to a block further left, along a lane between two rows or below them all."""
        one, two = self.graph.blocks[source], self.graph.blocks[target.partition(".")[0]]
        right, lane, left = one.x + BODY + _BESIDE, row * ROW, two.x - aside
        turns = ((right - _CORNER - _BESIDE, lane), (left + _CORNER + _BESIDE, lane))
        ends = _leg(left, lane, two.y + FIRST_PORT)
        self.wire(source, target, bends=(*_leg(right, one.y + FIRST_PORT, lane), *turns, *ends))

    def under(self, source: str, target: str, row: float) -> None:
        """Wire to a block further right, along a lane below those between."""
        one, two = self.graph.blocks[source], self.graph.blocks[target.partition(".")[0]]
        left, lane, right = one.x + BODY + _BESIDE, row * ROW, two.x - _BESIDE
        bends = ((left, lane - _CORNER), (left + _CORNER, lane), (right - _CORNER, lane))
        start = _leg(left, one.y + FIRST_PORT, lane)[:1]
        ends = _leg(right, lane, two.y + 1.5 * FIRST_PORT)  # at the second input
        self.wire(source, target, bends=(*start, *bends, *ends))


def _leg(x: float, start: float, end: float) -> tuple[Point, ...]:
    """Return the bends of an upright piece of wire: near its ends, or one where it is short."""
    way = math.copysign(_CORNER, end - start)
    if abs(end - start) < 4 * _CORNER:
        return ((x, (start + end) / 2),)
    return ((x, start + way), (x, end - way))


# Recurrent cells


def _gate(sketch: _Sketch, key: str, row: float, title: str, c: Context, **params: Value) -> None:
    given = {"init": c.params["init"], "radius": c.params["radius"], **params}
    sketch.put(key, "gate", 1, row, title, width=c.integer("hidden"), **given)
    sketch.wire("in", key)
    sketch.wire("h", f"{key}.state")


def _rnn_cell(c: Context) -> Graph:
    """h_t = g(W x_t + U h_{t-1} + b)."""
    sketch = _Sketch()
    sketch.inlet("in", 0, 0, "x")
    sketch.put("h", ports.STATE, 0, 1, "h", width=c.integer("hidden"))
    _gate(sketch, "gate", 0, "new state h", c, function=c.word("nonlinearity"))
    sketch.outlet("out", 2, 0, "gate", "h")
    sketch.back("gate", "h.next", 2.1)
    return sketch.graph


def _lstm_cell(c: Context) -> Graph:
    """c_t = f c_{t-1} + i g; h_t = o tanh(c_t)."""
    sketch, width = _Sketch(), c.integer("hidden")
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
    sketch.back("hidden", "h.next", 4.8, 2 * _BESIDE)
    sketch.outlet("out", 6, 1, "hidden", "h")
    return sketch.graph


def _peephole_cell(c: Context) -> Graph:
    """The gates see c too: i and f the one before the step, o the one after it."""
    sketch, width = _Sketch(), c.integer("hidden")
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
    sketch.back("hidden", "h.next", 6.1, 2 * _BESIDE)
    sketch.outlet("out", 10, 1, "hidden", "h")
    return sketch.graph


def _seen(
    sketch: _Sketch,
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
    sketch, width = _Sketch(), c.integer("hidden")
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
    sketch, both = _Sketch(), c.on("bidirectional")
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
    sketch: _Sketch, kind: str, number: int, column: float, read: str, one: Mapping[str, Value]
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


# Attention


def _self_attention(c: Context) -> tuple[str, Graph]:
    sketch = _Sketch()
    sketch.inlet("in", 0, 1, "X")
    _scores(sketch, c, "in", "in", rotary=c.word("positions") == "rotary")
    sketch.put("mask", "causal_mask", 1, _LOWER, "mask M",
               causal=c.on("causal"), window=c.integer("window"))  # fmt: skip
    _mixed(sketch, c)
    return "group", sketch.graph


def _cross_attention(c: Context) -> tuple[str, Graph] | None:
    if not c.ins["in"].has_time:  # a single query has no axis that heads could be split along
        return None
    sketch = _Sketch()
    sketch.inlet("in", 0, 0, "X")
    sketch.inlet("memory", 0, 1.5, "memory")
    _scores(sketch, c, "in", "memory", rotary=False)
    sketch.put("mask", "causal_mask", 1, _LOWER, "mask M", causal=False, window=0)
    sketch.wire("memory", "mask.memory")
    _mixed(sketch, c)
    return "group", sketch.graph


def _scores(sketch: _Sketch, c: Context, asking: str, asked: str, *, rotary: bool) -> None:
    """Draw the upper row: queries, keys, values, their heads, and the scores Q K^T / sqrt(D)."""
    parts = (
        ("query", "queries Q", asking),
        ("key", "keys K", asked),
        ("value", "values V", asked),
    )
    for row, (key, title, source) in enumerate(parts):
        sketch.put(key, "linear", 1, row, title, width=c.width)
        split = sketch.put(f"{key}_heads", "split_heads", 2, row, heads=c.integer("heads"))
        sketch.wire(source, key)
        sketch.wire(key, split)
    query, key, column = "query_heads", "key_heads", 3.0
    if rotary:
        query = sketch.put("query_turned", "rotary", 3, 0, "Q by place")
        key = sketch.put("key_turned", "rotary", 3, 1, "K by place")
        sketch.wire("query_heads", query)
        sketch.wire("key_heads", key)
        column = 4.0
    sketch.put("scaled", "scale", column, 0, "Q ÷ √d", by="root")
    sketch.put("scores", "matrix_product", column + 1, 0.5, "scores Q Kᵀ", transposed=True)
    sketch.wire(query, "scaled")
    sketch.wire("scaled", "scores")
    sketch.wire(key, "scores.other")


def _mixed(sketch: _Sketch, c: Context) -> None:
    """Draw the lower row: weights from the masked scores, the mix of values, the output."""
    sketch.back("scores", "mask", _LOWER - 0.28)
    sketch.put("weights", "softmax", 2, _LOWER, "weights A")
    sketch.wire("mask", "weights")
    last, column = "weights", 3.0
    if c.number("dropout"):
        last = sketch.put("drop", "dropout", 3, _LOWER, share=c.number("dropout"))
        sketch.wire("weights", last)
        column = 4.0
    sketch.put("mix", "matrix_product", column, _LOWER, "mix A V", transposed=False)
    sketch.wire(last, "mix")
    sketch.wire("value_heads", "mix.other")
    sketch.put("merged", "merge_heads", column + 1, _LOWER)
    sketch.wire("mix", "merged")
    sketch.put("project", "linear", column + 2, _LOWER, "output W", width=c.width)
    sketch.wire("merged", "project")
    sketch.outlet("out", column + 3, _LOWER, "project", "Y")


# Transformer


def _transformer(c: Context) -> tuple[str, Graph]:
    if c.integer("layers") > 1:
        return "group", _row_of("transformer", c, ())
    return "group", _Layer(c).drawn(cross=False)


def _encoder_stack(c: Context) -> tuple[str, Graph]:
    if c.integer("layers") > 1:
        return "group", _row_of("encoder_stack", c, ())
    return "group", _Layer(c).drawn(cross=False)


def _decoder_stack(c: Context) -> tuple[str, Graph]:
    if c.integer("layers") > 1:
        return "group", _row_of("decoder_stack", c, ("memory",))
    return "group", _Layer(c).drawn(cross=True)


def _row_of(kind: str, c: Context, shared: tuple[str, ...]) -> Graph:
    """Blocks of one layer in a row; all of them read the inputs in `shared` too."""
    sketch = _Sketch()
    last = sketch.inlet("in", 0, 0, "X")
    for number, key in enumerate(shared):
        sketch.inlet(key, 0, 1 + number, key)
    one = {**c.params, "layers": 1}
    for number in range(1, c.integer("layers") + 1):
        key = sketch.put(f"layer{number}", kind, number, 0, f"layer {number}", **one)
        sketch.wire(last, key)
        for port in shared:
            sketch.wire(port, f"{key}.{port}")
        last = key
    sketch.outlet("out", c.integer("layers") + 1, 0, last, "X")
    return sketch.graph


class _Layer:
    """One layer of a transformer: parts, each added to what came in."""

    def __init__(self, context: Context) -> None:
        self.c = context
        self.sketch = _Sketch()
        self.post = context.params.get("norm", "pre") == "post"
        self.column = 0.0
        self.row = 0.0
        self.last = ""

    def drawn(self, *, cross: bool) -> Graph:
        """Return the graph; with `cross` it also attends to a second sequence."""
        sketch = self.sketch
        self.last = sketch.inlet("in", 0, 0, "X")
        c = self.c
        shared = {name: c.params[name] for name in ("heads", "dropout") if name in c.params}
        own = {name: c.params[name] for name in ("positions", "window") if name in c.params}
        own["causal"] = cross or bool(c.params.get("causal", False))
        self._part("1", lambda: self._one("attention", "self_attention", "", **shared, **own))
        if cross:
            sketch.inlet("memory", 0, 1, "memory")
            self._next_row()
            self._part("2", lambda: self._one("cross", "cross_attention", "", **shared))
            sketch.wire("memory", "cross.memory")
        self._next_row()
        self._part("3" if cross else "2", lambda: self._feed_forward(sums=3 if cross else 2))
        sketch.outlet("out", self.column + 1, self.row, self.last, "X")
        return sketch.graph

    def _one(self, key: str, kind: str, title: str, **params: Value) -> None:
        self.column += 1
        self.sketch.put(key, kind, self.column, self.row, title, **params)
        if self.column == 1 and self.row:
            self.sketch.back(self.last, key, self.row - 0.25)
        else:
            self.sketch.wire(self.last, key)
        self.last = key

    def _feed_forward(self, sums: int) -> None:
        width, spread = self.c.width, {"init": "normal"}
        wide = width * self.c.integer("expansion")
        self._one("up", "linear", f"× {self.c.integer('expansion')} wide", width=wide,
                  **spread, spread=0.02)  # fmt: skip
        self._one("gelu", "activation", "GELU", function="gelu")
        self._one("down", "linear", "back to width", width=width, **spread,
                  spread=0.02 / math.sqrt(sums))  # fmt: skip

    def _part(self, number: str, draw: Callable[[], None]) -> None:
        came = self.last
        if not self.post:
            self._one(f"norm{number}", "layer_norm", "")
        draw()
        if self.c.number("dropout"):
            self._one(f"drop{number}", "dropout", "", share=self.c.number("dropout"))
        beside = self.sketch.graph.blocks[came].x / COLUMN  # the way around runs forward too
        self.column = max(self.column, beside) + 1
        total = self.sketch.put(f"sum{number}", "add", self.column, self.row, "added")
        self.sketch.wire(self.last, total)
        self.sketch.wire(came, f"{total}.other")
        self.last = total
        if self.post:
            self._one(f"norm{number}", "layer_norm", "")

    def _next_row(self) -> None:
        """Go on at the left, one row lower."""
        self.row += 1.5
        self.column = 0.0


# Dense


def _perceptron(c: Context) -> tuple[str, Graph]:
    sketch = _Sketch()
    sketch.inlet("in", 0, 0, "x")
    sketch.put("linear", "linear", 1, 0, "w x + b", width=c.integer("width"))
    sketch.wire("in", "linear")
    last = _activated(sketch, "linear", 2, c.word("function"))
    sketch.outlet("out", 3, 0, last, "y")
    return "group", sketch.graph


def _activated(sketch: _Sketch, last: str, column: float, function: str, number: str = "") -> str:
    if function == "none":
        return last
    key = sketch.put(f"function{number}", "activation", column, 0, "", function=function)
    sketch.wire(last, key)
    return key


def _mlp(c: Context) -> tuple[str, Graph]:
    sketch = _Sketch()
    last, column = sketch.inlet("in", 0, 0, "x"), 0.0
    for number in range(1, c.integer("layers") + 1):
        column += 1
        hidden = sketch.put(f"hidden{number}", "linear", column, 0, f"hidden {number}",
                            width=c.integer("hidden"))  # fmt: skip
        sketch.wire(last, hidden)
        column += 1
        last = _activated(sketch, hidden, column, c.word("function"), str(number))
        if c.number("dropout"):
            column += 1
            key = sketch.put(f"drop{number}", "dropout", column, 0, share=c.number("dropout"))
            sketch.wire(last, key)
            last = key
    sketch.put("project", "linear", column + 1, 0, "output", width=c.integer("width"))
    sketch.wire(last, "project")
    sketch.outlet("out", column + 2, 0, "project", "y")
    return "group", sketch.graph


OPENINGS: Mapping[str, Opening] = {
    **{kind: _recurrent(kind) for kind in ("rnn", "gru", "lstm")},
    "self_attention": _self_attention,
    "cross_attention": _cross_attention,
    "transformer": _transformer,
    "encoder_stack": _encoder_stack,
    "decoder_stack": _decoder_stack,
    "perceptron": _perceptron,
    "mlp": _mlp,
}


# What stays to be set outside: settings that one block inside has alone. A width or a number of
# heads is in several blocks at once, which have to agree, so it is changed inside.
EXPOSED: Mapping[str, tuple[str, ...]] = {
    "rnn": ("gate.function",),
    "lstm": ("forget.bias",),
    "self_attention": ("mask.causal", "mask.window", "drop.share"),
    "cross_attention": ("drop.share",),
    "transformer": ("attention.heads", "attention.causal", "attention.window", "up.width"),
    "encoder_stack": ("attention.heads", "attention.window", "up.width"),
    "decoder_stack": ("attention.heads", "attention.window", "cross.heads", "up.width"),
    "perceptron": ("linear.width", "function.function"),
    "mlp": ("project.width",),
}


def opens(block: Block) -> bool:
    """Tell whether there is something inside a block to look at."""
    return block.inside is not None or block.kind in OPENINGS


def opened(block: Block, context: Context) -> Block | None:
    """Return a block as it is made of primitives: same id, title, place, ports and mode.

    Args:
        block: The block; one that has an inside is returned as it is.
        context: What the check knows of it: parsed settings and what arrives.

    Returns:
        None when the block is a primitive, or works in a way that primitives cannot express.
    """
    if block.inside is not None:
        return block
    opening = OPENINGS.get(block.kind)
    if opening is None:
        return None
    found = opening(context)
    if found is None:
        return None
    kind, inside = found
    title = block.title or KINDS[block.kind].title
    exposed = tuple(
        name for name in EXPOSED.get(block.kind, ()) if name.partition(".")[0] in inside.blocks
    )
    return replace(block, kind=kind, params={}, title=title, inside=inside, exposed=exposed)


# Opening on the way to a place inside


def open_along(graph: Graph, path: Path, facts: DataFacts) -> Graph:
    """Return the graph in which every block on a path has its inside.

    Raises:
        KeyError: A block on the way is gone.
        GraphError: One of them has nothing inside, or cannot tell while something before it is
            wrong.
    """
    for depth, key in enumerate(path):
        outer = graph.at(path[:depth])
        block = outer.blocks[key]
        if block.inside is None:
            report = report_at(check(graph, facts), path[:depth])
            fresh = _opened_here(outer, block, report)
            graph = graph.put(path[:depth], outer.with_block(fresh))
    return graph


def report_at(report: Report | None, path: Path) -> Report | None:
    """Return the report of the graph at a path; None when the check did not get there."""
    for key in path:
        report = report.inside.get(key) if report else None
    return report


def _opened_here(graph: Graph, block: Block, report: Report | None) -> Block:
    name = title_of(block)
    if block.kind not in OPENINGS:
        raise GraphError(f"There is nothing inside {name}", "it is a primitive")
    context = report.contexts.get(block.id) if report else None
    if context is None:
        raise GraphError(f"{name} cannot be opened yet", "its input is not known",
                         "Solve the problems before it first")  # fmt: skip
    fresh = opened(block, context)
    if fresh is None:
        raise GraphError(f"{name} cannot be opened", "no primitives compute the same")
    return fresh


def _refuse_lost_wires(graph: Graph, path: Path, opened_up: Graph) -> None:
    """Raise when a wire leads to a port that a block on the path has no longer."""
    for depth, key in enumerate(path):
        try:
            outer = graph.at(path[:depth])
        except KeyError:  # made of what has just been opened: its wires are new as well
            return
        fresh = opened_up.at(path[:depth]).blocks[key]
        for wire in outer.wires:
            into = wire.target == key and ports.port(fresh, wire.into, output=False) is None
            out = wire.source == key and ports.port(fresh, wire.out, output=True) is None
            if into or out:
                raise GraphError(
                    f"{title_of(fresh)} cannot change inside while its state is wired",
                    "a block of one's own keeps its states inside",
                    "Take that wire away first",
                )


@dataclass(frozen=True)
class WithinOpened:
    """An edit inside a block of the catalogue: it becomes a block of one's own, and is changed.

    Attributes:
        path: Ids of the blocks that lead there from the outermost graph.
        edit: What to do there.
        facts: What the widths inside rest on.
        around: The edit is one of the graph around the last block of the path, which opens too.
    """

    path: Path
    edit: Edit
    facts: DataFacts
    around: bool = False

    @property
    def label(self) -> str:
        """Words of the edit itself."""
        return self.edit.label

    def apply(self, project: Project) -> Project:
        """Return the project after the edit; the same one when the edit changes nothing."""
        opened_up = project.with_graph(open_along(project.graph, self.path, self.facts))
        place = self.path[:-1] if self.around else self.path
        after = Within(place, self.edit).apply(opened_up)
        if after.graph == opened_up.graph:
            return project
        _refuse_lost_wires(project.graph, self.path, opened_up.graph)
        return after
