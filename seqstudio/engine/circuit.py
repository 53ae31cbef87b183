"""Plans that run: modules for blocks, groups and recurrent cells, in the order of their plan.

Shape legend: B rows, T time steps, C features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from seqstudio.blocks.declaration import Call
from seqstudio.blocks.plan import Node, Plan, Ref
from seqstudio.engine import layers
from seqstudio.engine.layers import StateStep
from seqstudio.engine.throughtime import quicken
from seqstudio.engine.turning import turn_quickly

State = dict[str, Any]
Values = dict[Ref, Any]
Caller = Callable[..., Any]
Lengths = Mapping[str, Tensor]
"""True lengths (B,) int64 by name of the axis; without an entry all rows are full."""


def plainly(module: nn.Module, *args: Any, **named: Any) -> Any:
    """Call a module as torch does."""
    return module(*args, **named)


def make_module(call: Call) -> nn.Module:
    """Build the module that a declaration asks for."""
    home = nn if call.cls.startswith("nn.") else layers
    cls = getattr(home, call.cls.removeprefix("nn."))
    return turn_quickly(quicken(cls(**call.args)))


def module_of(node: Node) -> nn.Module:
    """Build the module of a node: a layer, a group or a cell."""
    if node.inner is None:
        return make_module(node.call)
    return Cell(node.inner) if node.inner.home == "cell" else Group(node.inner)


class Circuit(nn.Module):
    """The blocks of a plan; it knows how to run one after the other.

    Attributes:
        plan: What it was built from.
        nodes: Blocks in running order.
        blocks: Module of every block, by attribute name.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.nodes = plan.nodes
        self.blocks = nn.ModuleDict({node.name: module_of(node) for node in plan.nodes})

    def run(
        self,
        nodes: Iterable[Node],
        values: Values,
        before: State | None,
        after: State,
        lengths: Lengths,
        call: Caller = plainly,
    ) -> Any:
        """Run nodes, which add what they give to `values` and their states to `after`.

        Returns:
            What the last node gave.
        """
        result: Any = None
        for node in nodes:
            module = self.blocks[node.name]
            args = [values[ref] for ref in node.reads]
            named = self._named(node, values, lengths) if node.optional or lengths else {}
            if node.memory:
                old = None if before is None else before.get(node.block)
                result, end = call(module, *args, old, **named)
                if end is not None:
                    after[node.block] = end
            else:
                result, end = call(module, *args, **named), None
            if node.muted:
                result = _zeros(result)
            _share_out(node, result, end, values)
        return result

    @staticmethod
    def _named(node: Node, values: Values, lengths: Lengths) -> dict[str, Any]:
        named = {name: values[ref] for name, ref in node.optional.items()}
        if not lengths:
            return named
        if node.inner is not None:
            return {**named, "lengths": lengths}
        return {**named, **{name: lengths_of(axis, lengths) for name, axis in node.lengths}}


def lengths_of(axis: str, lengths: Lengths) -> Tensor | None:
    """Return the true lengths of an axis; "1+T" is one step longer than T."""
    base, more = axis[-1:], axis.count("+")
    found = lengths.get(base)
    return found if found is None or not more else found + more


def _zeros(result: Any) -> Any:
    if isinstance(result, Tensor):
        return torch.zeros_like(result)
    return tuple(_zeros(part) for part in result)


def _share_out(node: Node, result: Any, end: Any, values: Values) -> None:
    """Put what a node gave under its output ports; a port for states gets the end state."""
    ports = node.outputs
    if not ports:  # a head: what it gives leaves the model
        return
    if len(ports) == 1:
        values[node.block, ports[0].name] = result
        return
    plain = [port for port in ports if port.kind != "state" or node.inner is not None]
    parts = (result,) if len(plain) == 1 else result
    for port in ports:
        if port not in plain:
            values[node.block, port.name] = end
    for port, part in zip(plain, parts or (), strict=False):
        values[node.block, port.name] = part


class Group(Circuit):
    """Blocks shown as one: called like any other block, with the values of its input ports.

    With a memory inside it takes a state (by block) behind the inputs and returns one.
    """

    @override
    def forward(self, *args: Any, lengths: Lengths | None = None, **optional: Any) -> Any:
        """Return what leaves through the output ports, and with a memory the state."""
        given, before = _taken_apart(self.plan, args)
        values = _at_inlets(self.plan, given, optional)
        after: State = {}
        self.run(self.nodes, values, before, after, lengths or {})
        outs = _leaving([values[ref] for ref in self.plan.results])
        return (outs, _kept(before, after)) if self.plan.memory else outs


class Cell(Circuit):
    """A recurrent cell that a person drew: its inside runs once a time step.

    What depends on the inputs alone runs for all steps at once before the first, like the input
    products of a fused layer; what depends on no step runs once.

    Attributes:
        states: A `StateStep` for each state; its output at a step is the value for the next one.
        begun: Hands on the value of each state before the first step, in the order of the plan.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        made = {kept.name: make_module(kept.call) for kept in plan.states}
        self.states = nn.ModuleDict(made)
        self.begun = nn.Identity()
        early = plan.apart | plan.ahead
        self._early = tuple(node for node in plan.nodes if node.block in early)
        self._each = tuple(node for node in plan.nodes if node.block not in early)
        self._moving = {*plan.stepped, *plan.ahead}

    @override
    def forward(
        self, *args: Any, lengths: Lengths | None = None, **optional: Any
    ) -> tuple[Any, State]:
        """Run over all steps; return the outputs (B, T, C) and the last states (1, B, C)."""
        given, before = _taken_apart(self.plan, args)
        values = _at_inlets(self.plan, given, optional)
        lengths = lengths or {}
        self.run(self._early, values, None, {}, lengths)
        rows = self._sequence(values)
        states = self._begin(values, before, rows)
        true = lengths_of(self.plan.axis, lengths)
        whole = {axis: length for axis, length in lengths.items() if axis != self.plan.axis[-1]}
        moving = {ref: x.unbind(1) for ref, x in values.items() if ref[0] in self._moving}
        steps = []
        for t in range(rows.shape[1]):
            now = {**values, **{ref: x[t] for ref, x in moving.items()}}
            now |= {(block, "out"): value for block, value in states.items()}
            self.run(self._each, now, None, {}, whole)
            states = self._following(now, states, None if true is None else t < true)
            steps.append([now[ref] for ref in self.plan.results])
        outs = [torch.stack(parts, 1) for parts in zip(*steps, strict=True)]
        return _leaving(outs), {block: value[None] for block, value in states.items()}

    def _sequence(self, values: Values) -> Tensor:
        first = next(iter(self.plan.stepped))
        sequence: Tensor = values[first, "out"]
        return sequence

    def _begin(self, values: Values, before: State | None, rows: Tensor) -> dict[str, Tensor]:
        states = {}
        for kept in self.plan.states:
            module = self.states[kept.name]
            assert isinstance(module, StateStep)
            if before is not None:
                start = before[kept.block][0]
            elif kept.start is not None:
                start = values[kept.start]
            else:
                start = module.begin(rows[:, 0])
            states[kept.block] = self.begun(start)
        return states

    def _following(
        self, now: Values, states: Mapping[str, Tensor], going: Tensor | None
    ) -> dict[str, Tensor]:
        """Return the states for the next step; rows that are over keep theirs."""
        after = {}
        for kept in self.plan.states:
            value: Tensor = self.states[kept.name](now[kept.following])
            old = states[kept.block]
            after[kept.block] = value if going is None else value.where(going[:, None], old)
        return after


def _taken_apart(plan: Plan, args: Sequence[Any]) -> tuple[Sequence[Any], State | None]:
    """Split positional arguments into the values of the inlets and the state."""
    return (args[:-1], args[-1]) if plan.memory else (args, None)


def _at_inlets(plan: Plan, given: Sequence[Any], optional: Mapping[str, Any]) -> Values:
    required = [name for name in plan.inlets if name not in plan.optional]
    pairs = zip(required, given, strict=True)
    return {(name, "out"): value for name, value in (*pairs, *optional.items())}


def _leaving(outs: Sequence[Any]) -> Any:
    return outs[0] if len(outs) == 1 else tuple(outs)


def _kept(before: State | None, after: State) -> State | None:
    """Return the state to continue from; None when nothing was asked for and nothing is kept."""
    return after if after or before is not None else None
