"""From a checked graph to a torch module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from typing_extensions import override

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Report, check, tied_embedding
from seqstudio.blocks.declaration import Call, DataFacts
from seqstudio.blocks.names import attribute_name
from seqstudio.core.errors import GraphError
from seqstudio.document.graph import Graph
from seqstudio.engine import layers

State = dict[str, Any]
LIMIT_PARAMETERS = 2_000_000_000


@dataclass(frozen=True)
class Node:
    """One block in running order.

    Attributes:
        block: Its id in the graph.
        name: Its attribute in the module and in the exported code.
        sources: Ids of the blocks that feed its inputs, in the order of the ports.
        memory: "state", "cache" or "", as declared.
        call: How its module is made.
    """

    block: str
    name: str
    sources: tuple[str, ...]
    memory: str
    call: Call


def plan(graph: Graph, report: Report) -> tuple[Node, ...]:
    """Return the blocks of a playable graph in the order they run."""
    nodes = []
    for key in report.order:
        block = graph.blocks[key]
        kind, wires = KINDS[block.kind], graph.into(key)
        sources = tuple(wires[port.name].source for port in kind.inputs)
        nodes.append(Node(key, attribute_name(key), sources, kind.memory, report.call(block)))
    return tuple(nodes)


def make_module(call: Call) -> nn.Module:
    """Build the module that a declaration asks for."""
    home = nn if call.cls.startswith("nn.") else layers
    cls = getattr(home, call.cls.removeprefix("nn."))
    module: nn.Module = cls(**call.args)
    return module


class GraphModel(nn.Module):
    """A graph that runs.

    Attributes:
        graph: What it was built from.
        report: Result of the check.
        facts: Facts about the data that the shapes rest on.
        nodes: Blocks in running order; the last is the head.
        blocks: Module of every block, by attribute name.
        head: Id of the head.
        pattern: "next token", "class" or "value".
    """

    def __init__(self, graph: Graph, facts: DataFacts) -> None:
        """Build the modules.

        Raises:
            GraphError: The graph has an error, or is too large to build.
        """
        super().__init__()
        report = check(graph, facts)
        report.raise_errors()
        if report.total > LIMIT_PARAMETERS:
            raise GraphError(
                f"The model would have {report.total:,} numbers to learn",
                f"the limit is {LIMIT_PARAMETERS:,}",
                "Make its blocks narrower",
            )
        self.graph = graph
        self.report = report
        self.facts = facts
        self.nodes = plan(graph, report)
        self.head = report.head
        self.pattern = facts.pattern
        self.blocks = nn.ModuleDict({node.name: make_module(node.call) for node in self.nodes})
        self._tie()

    def _tie(self) -> None:
        if not self.graph.blocks[self.head].params.get("tie", False):
            return
        key = tied_embedding(self.graph, self.head)
        if key is None:
            return
        embedding = self.module(key)
        nn.init.normal_(embedding.get_parameter("weight"), std=0.02)
        head = self.module(self.head).get_submodule("linear")
        head.weight = embedding.get_parameter("weight")

    def module(self, block_id: str) -> nn.Module:
        """Return the module of a block."""
        return self.blocks[attribute_name(block_id)]

    @override
    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run the graph.

        Args:
            inputs: Ids (B, T) int64 or vectors (B, T, D).
            state: What an earlier call returned, or None for the start.

        Returns:
            Logits (B, T, V) or (B, classes), or values (B, 1); and the new state. Recurrent
            states are always returned; keys and values only when `state` asked for them (see
            `writing_state`).
        """
        values: dict[str, Tensor] = {}
        after: State = {}
        result = inputs
        for node in self.nodes:
            module = self.blocks[node.name]
            args = [values[key] for key in node.sources] or [inputs]
            if node.memory:
                before = None if state is None else state.get(node.block)
                result, end = module(*args, before)
                if end is not None:
                    after[node.block] = end
            else:
                result = module(*args)
            values[node.block] = result
        return result, after

    def writing_state(self) -> State:
        """Return the state to begin a text with, so that keys and values are kept."""
        return {node.block: () for node in self.nodes if node.memory == "cache"}

    @property
    def recurrent(self) -> bool:
        """True when it has a state that can be carried from window to window."""
        return any(node.memory == "state" for node in self.nodes)

    @property
    def absolute_positions(self) -> bool:
        """True when it knows places by number, so that a text longer than the window restarts."""
        return any(node.call.cls == "Positions" for node in self.nodes)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of every prediction: (B, T) for next tokens, else (B,).

        Cross-entropy in nats; squared error for values.
        """
        if self.pattern == "value":
            return (outputs.float() - targets).square().flatten(1).mean(1)
        flat = F.cross_entropy(outputs.float().flatten(0, -2), targets.flatten(), reduction="none")
        return flat.view(targets.shape)

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
        elif isinstance(value, (list, tuple)):
            for number, item in enumerate(value):
                walk(f"{path}/{number}", item)

    for block, value in state.items():
        walk(block, value)
    return flat


def nest_state(flat: dict[str, Tensor], model: GraphModel) -> State:
    """Return the recurrent state that `flat_state` took apart."""
    state: State = {}
    for node in model.nodes:
        if node.memory == "state" and any(path.startswith(f"{node.block}/") for path in flat):
            layers_in_block = len(list(model.module(node.block).get_submodule("cells").children()))
            state[node.block] = [
                _layer_state(flat, f"{node.block}/{layer}") for layer in range(layers_in_block)
            ]
    return state


def _layer_state(flat: dict[str, Tensor], path: str) -> Tensor | tuple[Tensor, Tensor]:
    return flat[path] if path in flat else (flat[f"{path}/0"], flat[f"{path}/1"])
