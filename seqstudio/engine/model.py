"""From a checked graph to a torch module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from typing_extensions import override

from seqstudio.blocks.check import check, tied_embedding
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.names import attribute_name
from seqstudio.blocks.plan import Node, Plan, make_plan
from seqstudio.document.graph import Graph
from seqstudio.engine.circuit import (
    Caller,
    Cell,
    Circuit,
    Group,
    Lengths,
    State,
    Values,
    make_module,
    plainly,
)
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.losses import prediction_losses

KEPT_FOR_STEPS = "_kept_for_steps"
"""Name under which a module keeps what its quick steps make of its weights."""

APART = "@apart"
"""Where a state keeps what does not depend on the main stream, while a text is written."""


class GraphModel(Circuit):
    """A graph that runs.

    Attributes:
        graph: What it was built from.
        report: Result of the check.
        facts: Facts about the data that the shapes rest on.
        nodes: Blocks in running order; the last is the head.
        blocks: Module of every block, by attribute name.
        head: Id of the head.
        pattern: What is predicted, see `DataFacts.pattern`.
    """

    def __init__(self, graph: Graph, facts: DataFacts, *, whole: bool = True) -> None:
        """Build the modules.

        Args:
            graph: What is drawn.
            facts: What its shapes rest on.
            whole: False builds the blocks of a part without a head: to look at what flows there.

        Raises:
            GraphError: The graph has an error, or is too large to build.
        """
        report = check(graph, facts)
        if whole:
            report.raise_errors()
        super().__init__(make_plan(graph, report))
        self.graph = graph
        self.report = report
        self.facts = facts
        self.head = report.head
        self.pattern = facts.pattern
        apart = self.plan.apart
        self._apart = tuple(n for n in self.nodes if n.block in apart and not n.stream)
        self._apart_sources = tuple(n for n in self.nodes if n.block in apart and n.stream)
        self._moving = tuple(n for n in self.nodes if n.block not in apart and not n.stream)
        self._sources = tuple(n for n in self.nodes if n.block not in apart and n.stream)
        self._tie()

    def _tie(self) -> None:
        if not self.head or not self.graph.blocks[self.head].params.get("tie", False):
            return
        key = tied_embedding(self.graph, self.head)
        if key is None:
            return
        embedding = self.module(key)
        nn.init.normal_(embedding.get_parameter("weight"), std=0.02)
        head = self.module(self.head).get_submodule("linear")
        head.weight = embedding.get_parameter("weight")

    def module(self, block_id: str) -> nn.Module:
        """Return the module of a block; KeyError when it is bypassed or not part of the model."""
        return self.blocks[attribute_name(block_id)]

    @override
    def train(self, mode: bool = True) -> Self:
        """Switch dropout on or off; what was kept for quick steps is made anew afterwards.

        Fused optimizers change weights without counting up their version, so that whoever keeps
        something made of weights cannot see it; but nobody trains in evaluation mode.
        """
        for module in self.modules():
            module.__dict__.pop(KEPT_FOR_STEPS, None)
        return super().train(mode)

    @override
    def forward(self, inputs: Tensor | Inputs, state: State | None = None) -> tuple[Tensor, State]:
        """Run the graph.

        Args:
            inputs: Ids (B, T) int64, vectors (B, T, D) or pictures (B, C, H, W); with a source or
                true lengths, `Inputs`.
            state: What an earlier call returned, or None for the start.

        Returns:
            What the head gives, such as logits (B, T, V) or (B, classes); and the new state.
            Recurrent states are always returned; keys and values, and what does not depend on the
            main stream, only when `state` asked for them (see `writing_state`).
        """
        result, after, _ = self.trace(inputs, state)
        return result, after

    def trace(
        self, inputs: Tensor | Inputs, state: State | None = None, call: Caller = plainly
    ) -> tuple[Tensor, State, Values]:
        """Run the graph like `forward`; return also the value at every output port.

        Args:
            inputs: As in `forward`.
            state: As in `forward`.
            call: How modules are called: a quicker way for single steps, for example.
        """
        given = as_inputs(inputs)
        values: Values = {}
        after: State = {}
        lengths = _by_axis(given)
        if self.plan.apart:
            self._run_apart(given, values, state, after, lengths)
        self._read(given, self._sources, values)
        result: Tensor = self.run(self._moving, values, state, after, lengths, call)
        return result, after, values

    def _run_apart(
        self,
        given: Inputs,
        values: Values,
        state: State | None,
        after: State,
        lengths: Lengths,
    ) -> None:
        """Run what does not depend on the main stream, or take it from the state."""
        kept = None if state is None else state.get(APART)
        if not kept:
            kept = {}
            self._read(given, self._apart_sources, kept)
            self.run(self._apart, kept, None, {}, lengths)
        values.update(kept)
        if state is not None:
            after[APART] = kept

    def _read(self, given: Inputs, sources: tuple[Node, ...], values: Values) -> None:
        """Put the streams of the data under the blocks that read them."""
        for node in sources:
            beside = node.stream == "source" or (
                node.stream == "picture" and self.facts.input != "picture"
            )
            stream = given.source if beside else given.main
            value = self.blocks[node.name](stream)
            values[node.block, "out"] = torch.zeros_like(value) if node.muted else value

    def writing_state(self) -> State:
        """Return the state to begin a text with, so that keys and values are kept."""
        state = _asking(self.plan)
        return {**state, APART: {}} if self.plan.apart else state

    @property
    def recurrent(self) -> bool:
        """True when it has a state that can be carried from window to window."""
        return any(node.memory == "state" for node in self._moving)

    @property
    def stepwise(self) -> bool:
        """True when a text can go on one step at a time; else the window is read again."""
        return all(node.stepwise for node in self._moving)

    @property
    def absolute_positions(self) -> bool:
        """True when it knows places by number, so that a text longer than the window restarts."""
        return any(node.call.cls == "Positions" for node in self.plan.everything())

    def losses(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Return the loss of every prediction, see `prediction_losses`."""
        return prediction_losses(self.pattern, outputs, targets, smoothing)

    def parameter_count(self) -> int:
        """Return the number of trainable numbers, shared ones once."""
        return sum(parameter.numel() for parameter in self.parameters())


def detach(state: Any) -> Any:
    """Return a copy of a state that carries no gradient, in float32.

    A step in half precision returns a state in half precision, which the next step could not
    take when the precision changes in between.
    """
    if isinstance(state, Tensor):
        return state.detach().float()
    if isinstance(state, dict):
        return {key: detach(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(detach(value) for value in state)
    return state


def forget_row(state: State, row: int) -> None:
    """Set the state of one row of a batch back to zero, in place."""
    for value in flat_state(state).values():
        value[:, row] = 0.0


def flat_state(state: State) -> dict[str, Tensor]:
    """Return the tensors of a recurrent state by path: "lstm/0/1" is c of the first layer."""
    flat: dict[str, Tensor] = {}

    def walk(path: str, value: object) -> None:
        if isinstance(value, Tensor):
            flat[path] = value
        elif isinstance(value, Mapping):
            for key, item in value.items():
                walk(f"{path}/{key}", item)
        elif isinstance(value, (list, tuple)):
            for number, item in enumerate(value):
                walk(f"{path}/{number}", item)

    for block, value in state.items():
        walk(block, value)
    return flat


def nest_state(flat: dict[str, Tensor], model: GraphModel) -> State:
    """Return the recurrent state that `flat_state` took apart, less blocks that are gone."""
    known = {node.block for node in model.nodes if node.memory == "state"}
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *way, last = path.split("/")
        branch = tree
        for key in way:
            branch = branch.setdefault(key, {})
        branch[last] = value
    return {block: _folded(part) for block, part in tree.items() if block in known}


def _folded(part: Any, inner: bool = False) -> Any:
    """Return numbered parts as they were: a list of layers, each a tensor or a tuple of them."""
    if isinstance(part, Tensor):
        return part
    if not all(key.isdigit() for key in part):
        return {key: _folded(value) for key, value in part.items()}
    parts = [_folded(part[key], inner=True) for key in sorted(part, key=int)]
    return tuple(parts) if inner else parts


def _by_axis(given: Inputs) -> Lengths:
    pairs = {"T": given.lengths, "S": given.source_lengths}
    return {axis: lengths for axis, lengths in pairs.items() if lengths is not None}


def _asking(plan: Plan) -> State:
    """Return a state that is empty but for the wish to keep keys and values."""
    state: State = {}
    for node in plan.nodes:
        if node.block in plan.apart or not node.memory:
            continue
        if node.inner is not None and node.inner.home == "group":
            state[node.block] = _asking(node.inner)
        elif node.memory == "cache":
            state[node.block] = ()
    return state


__all__ = ["APART", "Cell", "GraphModel", "Group", "Inputs", "State", "detach", "flat_state",
           "forget_row", "make_module", "nest_state"]  # fmt: skip
