"""Inside attention and transformer blocks: projections, scores, mask, softmax, mix.

Shape legend: B rows, T steps, N units, H heads, D features of a head.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from seqstudio.blocks.declaration import Context
from seqstudio.blocks.insides.draft import COLUMN, Draft, Opening
from seqstudio.document.graph import Graph
from seqstudio.document.param import Value

_LOWER = 3.2  # second row of attention


def _self_attention(c: Context) -> tuple[str, Graph]:
    sketch = Draft()
    sketch.inlet("in", 0, 1, "X")
    _scores(sketch, c, "in", "in", rotary=c.word("positions") == "rotary")
    sketch.put("mask", "causal_mask", 1, _LOWER, "mask M",
               causal=c.on("causal"), window=c.integer("window"))  # fmt: skip
    _mixed(sketch, c)
    return "group", sketch.graph


def _cross_attention(c: Context) -> tuple[str, Graph] | None:
    if not c.ins["in"].has_time:  # a single query has no axis that heads could be split along
        return None
    sketch = Draft()
    sketch.inlet("in", 0, 0, "X")
    sketch.inlet("memory", 0, 1.5, "memory")
    _scores(sketch, c, "in", "memory", rotary=False)
    sketch.put("mask", "causal_mask", 1, _LOWER, "mask M", causal=False, window=0)
    sketch.wire("memory", "mask.memory")
    _mixed(sketch, c)
    return "group", sketch.graph


def _scores(sketch: Draft, c: Context, asking: str, asked: str, *, rotary: bool) -> None:
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


def _mixed(sketch: Draft, c: Context) -> None:
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
    sketch = Draft()
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
        self.sketch = Draft()
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


OPENINGS: Mapping[str, Opening] = {
    "self_attention": _self_attention,
    "cross_attention": _cross_attention,
    "transformer": _transformer,
    "encoder_stack": _encoder_stack,
    "decoder_stack": _decoder_stack,
}
