"""Inside dense blocks: linear maps and activations."""

from __future__ import annotations

from collections.abc import Mapping

from seqstudio.blocks.declaration import Context
from seqstudio.blocks.insides.draft import Draft, Opening
from seqstudio.document.graph import Graph


def _perceptron(c: Context) -> tuple[str, Graph]:
    sketch = Draft()
    sketch.inlet("in", 0, 0, "x")
    sketch.put("linear", "linear", 1, 0, "w x + b", width=c.integer("width"))
    sketch.wire("in", "linear")
    last = _activated(sketch, "linear", 2, c.word("function"))
    sketch.outlet("out", 3, 0, last, "y")
    return "group", sketch.graph


def _activated(sketch: Draft, last: str, column: float, function: str, number: str = "") -> str:
    if function == "none":
        return last
    key = sketch.put(f"function{number}", "activation", column, 0, "", function=function)
    sketch.wire(last, key)
    return key


def _mlp(c: Context) -> tuple[str, Graph]:
    sketch = Draft()
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


OPENINGS: Mapping[str, Opening] = {"perceptron": _perceptron, "mlp": _mlp}
