"""What a model costs: numbers to learn, memory in training, multiply-adds. Pure; no torch.

Definitions, and how exact each number is: docs/guide/costs.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Report, flow
from seqstudio.blocks.declaration import Context, Shape
from seqstudio.blocks.kinds.rules import numbers, steps
from seqstudio.document.graph import Block, Graph
from seqstudio.document.settings import TrainingSettings

BYTES = 4
"""A weight, a gradient and an activation are float32."""

KEPT_BY_OPTIMIZER: Mapping[str, int] = {
    "adamw": 2,
    "adam": 2,
    "sgd": 1,
    "rmsprop": 1,
    "adagrad": 1,
}
"""Numbers that an optimizer keeps for each weight."""


@dataclass(frozen=True)
class Memory:
    """Bytes that training takes.

    Attributes:
        weights: The numbers that are learned.
        gradients: One for each of them.
        optimizer: What the optimizer remembers of each.
        activations: What one batch leaves behind for the way back.
        passing: What the way back through the hungriest block needs for a moment.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    passing: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        lasting = self.weights + self.gradients + self.optimizer
        return lasting + self.activations + self.passing


@dataclass(frozen=True)
class Cost:
    """What a block or a model costs.

    Attributes:
        parameters: Numbers that are learned.
        macs: Multiply-adds of the way forward for one row: one sequence of a batch.
        kept: Numbers that one row leaves behind for the way back.
        passing: Numbers that the way back of one row needs for a moment, in the hungriest block.
    """

    parameters: int = 0
    macs: int = 0
    kept: int = 0
    passing: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.parameters + other.parameters,
            self.macs + other.macs,
            self.kept + other.kept,
            max(self.passing, other.passing),
        )

    def repeated(self, times: int) -> Cost:
        """Return the cost of using the same weights so many times."""
        return Cost(self.parameters, self.macs * times, self.kept * times, self.passing)

    def memory(self, training: TrainingSettings) -> Memory:
        """Return what training takes with these settings."""
        weights = BYTES * self.parameters
        remembered = weights * KEPT_BY_OPTIMIZER.get(training.optimizer, 0)
        rows = BYTES * training.batch
        return Memory(weights, weights, remembered, rows * self.kept, rows * self.passing)


def costs(graph: Graph, report: Report) -> dict[str, Cost]:
    """Return the cost of every block that could be checked.

    A block made of blocks costs what is inside; a recurrent cell costs its inside once a step.
    """
    return {
        key: _cost(block, report) for key, block in graph.blocks.items() if key in report.contexts
    }


def total(graph: Graph, report: Report) -> Cost:
    """Return the cost of what trains: the blocks that lead to the head."""
    found = costs(graph, report)
    return sum((found[key] for key in report.order if key in found), Cost())


def largest(graph: Graph, report: Report, training: TrainingSettings) -> str:
    """Return the id of the block that takes most memory in training, "" when none is known."""
    each = costs(graph, report)
    return max(each, key=lambda key: each[key].memory(training).total, default="")


def _cost(block: Block, report: Report) -> Cost:
    context = report.contexts[block.id]
    if block.mode == "bypass":
        return Cost()
    if block.inside is not None:
        return _inside(block, block.inside, report.inside[block.id], context)
    kind = KINDS[block.kind]
    macs = kind.macs(context) if kind.macs else 0
    outs = [report.shapes.get((block.id, port.name)) for port in ports.outputs(block)]
    given = sum(numbers(shape, context.facts) for shape in outs if shape and _is_new(shape, block))
    inner = _INSIDE.get(block.kind)
    kept = given + (inner(context) if inner else 0)
    wide = _PASSING.get(block.kind, 0)
    passing = wide * _one_layer(context) if wide else 0
    return Cost(report.counts.get(block.id, 0), macs, kept, passing)


def _inside(block: Block, graph: Graph, report: Report, context: Context) -> Cost:
    found = costs(graph, report)
    if block.kind != "cell":
        return sum((found[key] for key in report.order if key in found), Cost())
    times = context.facts.size(report.axis)
    begins = {b.id for b in graph if b.kind == ports.STATE} | report.stepped
    moving = flow(graph).downstream(begins)
    whole = Cost()
    for key in report.order:
        if key in found:
            whole += found[key].repeated(times) if key in moving else found[key]
    return whole


_VIEWS = frozenset(
    {"tokens", "source_tokens", "vectors", "picture", "inlet", "state", "split_heads", "split",
     "places", "first_step", "last_step"}
)  # fmt: skip
"""Kinds that hand numbers on and make no new ones; those of the data are there anyway."""


def _is_new(shape: Shape, block: Block) -> bool:
    return shape.kind != "state" and block.kind not in _VIEWS


# ------------------------------------------ what a block keeps inside, numbers of one row


def _recurrent(inside: int) -> Callable[[Context], int]:
    """Keep `inside` numbers a unit and step, and the state of the layers below the top."""

    def kept(context: Context) -> int:
        length = steps(context.ins["in"], context.facts)
        directions = 2 if context.on("bidirectional") else 1
        units = directions * context.integer("hidden") * length
        layers = context.integer("layers")
        return units * (inside * layers + layers - 1)

    return kept


_PASSING: Mapping[str, int] = {"rnn": 3, "gru": 6, "lstm": 6}
"""Numbers a unit and step of one layer: gradients of gates, states and inputs on the way back."""


def _one_layer(context: Context) -> int:
    """Return the units of all steps of one layer; step by step they are never there at once."""
    if context.facts.padded or context.params.get("peepholes"):
        return 0
    directions = 2 if context.on("bidirectional") else 1
    return directions * context.integer("hidden") * steps(context.ins["in"], context.facts)


def _lstm(context: Context) -> int:
    """Keep four gates, the cell and its tanh; torch's fused layer on a processor keeps more."""
    stepwise = context.facts.padded or context.on("peepholes")
    return _recurrent(6 if stepwise else 15)(context)


def _places(context: Context) -> int:
    """Return the numbers of one vector at every step."""
    return numbers(context.ins["in"], context.facts)


def _attention(context: Context) -> int:
    """Keep queries, keys, values, what was mixed of them, and a number a query and head.

    Dropout on the weights needs them: the weights, what is left of them, and which stay.
    """
    heads, length = context.integer("heads"), steps(context.ins["in"], context.facts)
    pairs = 3 * length * length if context.params.get("dropout", 0.0) else length
    return 4 * _places(context) + heads * pairs


def _cross(context: Context) -> int:
    memory = steps(context.ins["memory"], context.facts) * context.width
    return 2 * _places(context) + 2 * memory + _scores(context) * context.integer("heads")


def _scores(context: Context) -> int:
    asked, looked = context.ins["in"], context.ins["memory"]
    return steps(asked, context.facts) * steps(looked, context.facts)


def _additive(context: Context) -> int:
    """Keep the hidden layer of every pair and its weight."""
    return _scores(context) * (context.integer("hidden") + 1)


def _layer(context: Context) -> int:
    """Keep one layer of a transformer: two norms, attention, the net, two sums."""
    net = 2 * context.integer("expansion") * _places(context)
    return _attention(context) + net + 4 * _places(context)


def _transformer(context: Context) -> int:
    return context.integer("layers") * _layer(context) - _places(context)


def _decoder(context: Context) -> int:
    layer = _layer(context) + _cross(context) + 2 * _places(context)
    return context.integer("layers") * layer - _places(context)


def _mlp(context: Context) -> int:
    row = 2 * context.integer("hidden") * context.integer("layers")
    return row * _places(context) // context.width


def _before_function(context: Context) -> int:
    """Keep the sums that the function was taken of."""
    return _places(context) // context.width * context.integer("width")


def _mask(context: Context) -> int:
    """Keep a byte a number."""
    return _places(context) // BYTES


def _scored(context: Context) -> int:
    """Keep the scores of every place and their logarithms."""
    facts = context.facts
    each = {
        "next token": facts.vocabulary,
        "class": facts.classes,
        "class per step": facts.classes,
    }
    return 2 * _places(context) // context.width * each.get(facts.pattern, facts.outputs or 1)


_INSIDE: Mapping[str, Callable[[Context], int]] = {
    "rnn": _recurrent(0),
    "gru": _recurrent(6),
    "lstm": _lstm,
    "self_attention": _attention,
    "cross_attention": _cross,
    "additive_attention": _additive,
    "hard_attention": _additive,
    "transformer": _transformer,
    "encoder_stack": _transformer,
    "decoder_stack": _decoder,
    "mlp": _mlp,
    "perceptron": _before_function,
    "dropout": _mask,
    **{kind.kind: _scored for kind in KINDS.values() if kind.head},
}


def in_words(count: int) -> str:
    """Return a large count in short: 950, 1.2 k, 3.4 M, 5.6 G."""
    for size, sign in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g} {sign}"
    return f"{count:,}"


def bytes_in_words(count: int) -> str:
    """Return an amount of memory in short: 12 kB, 3.4 MB, 1.2 GB."""
    return f"{in_words(count)}B" if count >= 1000 else f"{count} B"
