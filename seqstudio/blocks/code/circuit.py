"""Classes for plans: the model, groups, and recurrent cells as loops over time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from typing_extensions import override

from seqstudio.blocks.code.formulas import formula, is_formula
from seqstudio.blocks.code.lines import WIDTH, Line, call_lines, wrapped
from seqstudio.blocks.code.variables import (
    Names,
    Variables,
    class_name,
    state_output,
)
from seqstudio.blocks.declaration import Call
from seqstudio.blocks.names import attribute_name
from seqstudio.blocks.plan import Node, Plan, Ref
from seqstudio.document.graph import Path

ARGUMENTS = {"T": "lengths", "S": "source_lengths"}
_STATE = "state: dict[str, Any] | None = None"


@dataclass(frozen=True)
class Written:
    """A class of a group or cell.

    Attributes:
        name: The class.
        lines: Its source.
        keywords: Keyword argument of each optional input.
        lengths: Axes whose true lengths it takes.
        outlets: Names of its outputs.
        homes: Blocks that it is the class of, by the ids that lead to them.
    """

    name: str
    lines: tuple[Line, ...]
    keywords: Mapping[str, str] = field(default_factory=dict)
    lengths: tuple[str, ...] = ()
    outlets: tuple[str, ...] = ()
    homes: tuple[Path, ...] = ()


class Classes:
    """Collects the classes of a model, inner ones first; like insides share one.

    Attributes:
        padded: Whether rows differ in length, so that true lengths travel along.
    """

    def __init__(self, taken: Iterable[str], padded: bool) -> None:
        self.padded = padded
        self._names = Names(tuple(taken))
        self._made: list[tuple[Plan, Written]] = []

    def __iter__(self) -> Iterator[Written]:
        return (written for _, written in self._made)

    def of(self, node: Node, path: Path) -> Written:
        """Return the class of a group or cell, and note that it is used at `path`."""
        plan = node.inner
        assert plan is not None
        home = (*path, node.block)
        for number, (other, written) in enumerate(self._made):
            if other == plan and written.outlets == _outlets(node):
                self._enter(plan, home)
                shared = replace(written, homes=(*written.homes, home))
                self._made[number] = plan, shared
                return shared
        writer = CellClass if plan.home == "cell" else GroupClass
        maker = writer(self, plan, home, _outlets(node))
        found = replace(maker.written(self._names.new(class_name(node.block))), homes=(home,))
        self._made.append((plan, found))
        return found

    def _enter(self, plan: Plan, home: Path) -> None:
        for node in plan.nodes:
            if node.inner is not None:
                self.of(node, home)


class CircuitClass:
    """Writes the class of one plan; what it says about states depends on the kind of plan."""

    def __init__(self, classes: Classes, plan: Plan, path: Path) -> None:
        self.classes = classes
        self.plan = plan
        self.inner = {n.block: classes.of(n, path) for n in plan.nodes if n.inner is not None}
        self.vars = Variables()
        self.read = {ref for node in plan.nodes for ref in _refs(node)} | set(plan.results)

    # ---------------------------------------------------------------- __init__

    def constructor(self) -> Iterator[Line]:
        """Yield the lines that make the modules, in the order of the program."""
        yield Line("    def __init__(self) -> None:")
        yield Line("        super().__init__()")
        for node in self.plan.nodes:
            if not is_stream(node) and not is_formula(node):
                yield from self._made(node)
        for kept in self.plan.states:
            yield from call_lines(f"self.{kept.name} = ", kept.call, kept.block)

    def _made(self, node: Node) -> list[Line]:
        call = Call(self.inner[node.block].name) if node.inner is not None else node.call
        return call_lines(f"self.{node.name} = ", call, node.block)

    # ---------------------------------------------------------------- forward

    def statements(self, node: Node, indent: int = 8) -> Iterator[Line]:
        """Yield the lines that run one block."""
        args = [self.value(ref) for ref in node.reads]
        if is_formula(node):
            target = ", ".join(self.vars.results(node))
            plain = formula(node, args)
            shown = f"torch.zeros_like({plain})  # muted" if node.muted else plain
            yield Line(f"{' ' * indent}{target} = {shown}", (node.block,))
            return
        if node.memory:
            args.append(self.before(node))
        args += self._named(node)
        results = self.vars.results(node)
        target = ", ".join(results)
        if node.memory:
            target = f"({target})" if len(results) > 1 else target
            target += f", {self.after(node)}"
        owner = (node.block,)
        yield from wrapped(f"{target} = self.{node.name}(", args, ")", owner, indent)
        if node.muted:
            for name in results:
                yield Line(f"{' ' * indent}{name} = torch.zeros_like({name})  # muted", owner)

    def before(self, node: Node) -> str:
        """Return the state that a block with a memory is called with."""
        return f"before.get({json.dumps(node.block)})" if self.carries(node) else "None"

    def after(self, node: Node) -> str:
        """Return what takes the state that a block with a memory gives back."""
        name = state_output(node)
        ref = (node.block, name)
        kept = f"after[{json.dumps(node.block)}]"
        if self.carries(node):
            if name:
                self.vars.hold(ref, kept)
            return kept
        return self.vars.new(ref, f"{node.name}_{name}") if name and ref in self.read else "_"

    def carries(self, node: Node) -> bool:
        """Tell whether a block's state is carried from call to call."""
        return node.block not in self.plan.apart

    def value(self, ref: Ref) -> str:
        """Return the expression of a value."""
        return self.vars[ref]

    def _named(self, node: Node) -> Iterator[str]:
        inner = self.inner.get(node.block)
        for name, ref in node.optional.items():
            yield f"{inner.keywords[name] if inner else name}={self.value(ref)}"
        if inner is not None:
            axes = (axis for axis in inner.lengths if self.tells(node, axis))
            yield from (f"{ARGUMENTS[axis]}={ARGUMENTS[axis]}" for axis in axes)
            return
        for name, axis in node.lengths:
            if self.tells(node, axis[-1:]):
                yield f"{name}={_lengths_or_none(axis)}"

    def tells(self, node: Node, axis: str) -> bool:
        """Tell whether a block is told the true lengths of an axis."""
        del node
        return self.classes.padded and axis in ARGUMENTS

    def axes(self) -> tuple[str, ...]:
        """Return the axes whose true lengths the inside asks for."""
        found = set[str]()
        for node in self.plan.nodes:
            inner = self.inner.get(node.block)
            wanted = inner.lengths if inner else (axis[-1:] for _, axis in node.lengths)
            found |= {axis for axis in wanted if self.tells(node, axis)}
        return tuple(axis for axis in ARGUMENTS if axis in found)


class InnerClass(CircuitClass):
    """What groups and cells share: values come in by ports and leave by ports."""

    title = ""

    def __init__(self, classes: Classes, plan: Plan, path: Path, outlets: tuple[str, ...]) -> None:
        super().__init__(classes, plan, path)
        self.outlets = outlets

    def written(self, name: str) -> Written:
        """Return the class."""
        keywords: dict[str, str] = {}
        signature = self.signature(keywords)
        head = [Line(f"class {name}(nn.Module):"), Line(f'    """{self.title}."""'), Line()]
        body = list(self.body())
        told = Line(f'        """Return {", ".join(self.outlets)}."""', self.outlets)
        lines = (*head, *self.constructor(), Line(), *signature, told, *body)
        return Written(name, lines, keywords, self.axes(), self.outlets)

    def signature(self, keywords: dict[str, str]) -> list[Line]:
        """Return the first lines of `forward`; fill in the keywords of optional inputs."""
        plan = self.plan
        given = {ref[0] for ref in self.read} | {
            ref[0] for kept in plan.states for ref in (kept.following, kept.start) if ref
        }
        required: list[str] = []
        optional: list[str] = []
        for key in plan.inlets:
            if key in plan.optional and key not in given:
                continue
            name = self.vars.new((key, "out"), attribute_name(key))
            (optional if key in plan.optional else required).append(f"{name}: Any")
            if key in plan.optional:
                keywords[key] = name
        args = ["self", *required, *([_STATE] if plan.memory else []), *optional]
        args += [f"{ARGUMENTS[axis]}: Tensor | None = None" for axis in self.axes()]
        return wrapped("def forward(", args, ") -> Any:", plan.inlets, 4)

    def body(self) -> Iterator[Line]:
        """Yield the lines of `forward`."""
        raise NotImplementedError


class GroupClass(InnerClass):
    """A group reads like its equations, one line a block."""

    title = "Blocks that work as one"

    @override
    def body(self) -> Iterator[Line]:
        if self.plan.memory:
            yield Line("        before = state or {}")
            yield Line("        after: dict[str, Any] = {}")
        for node in self.plan.nodes:
            yield from self.statements(node)
        outs = ", ".join(self.value(ref) for ref in self.plan.results)
        if self.plan.memory:
            outs = f"({outs}), after" if len(self.plan.results) > 1 else f"{outs}, after"
        yield Line(f"        return {outs}", self.outlets)


class CellClass(InnerClass):
    """A recurrent cell is a loop over time with named states."""

    title = "A recurrent cell: the same weights at every time step"

    def __init__(self, classes: Classes, plan: Plan, path: Path, outlets: tuple[str, ...]) -> None:
        super().__init__(classes, plan, path, outlets)
        self.read |= {r for kept in plan.states for r in (kept.following, kept.start) if r}
        self.inside_loop = False
        self.moving = plan.stepped | plan.ahead

    @override
    def carries(self, node: Node) -> bool:
        return False

    @override
    def tells(self, node: Node, axis: str) -> bool:
        own = node.block not in self.plan.apart | self.plan.ahead and axis == self.plan.axis[-1:]
        return super().tells(node, axis) and not own  # a step of a row has no length

    @override
    def axes(self) -> tuple[str, ...]:
        wanted = {*super().axes(), self.plan.axis[-1:] if self.classes.padded else ""}
        return tuple(axis for axis in ARGUMENTS if axis in wanted)

    @property
    def _ends(self) -> bool:
        """Whether rows may end before the last step; their states then stay as they are."""
        return self.classes.padded and self.plan.axis[-1:] in ARGUMENTS

    @override
    def value(self, ref: Ref) -> str:
        name = super().value(ref)
        return f"{name}[:, t]" if self.inside_loop and ref[0] in self.moving else name

    @override
    def body(self) -> Iterator[Line]:
        plan = self.plan
        early = plan.apart | plan.ahead
        for node in plan.nodes:
            if node.block in early:
                yield from self.statements(node)
        rows = self.vars[next(key for key in plan.inlets if key in plan.stepped), "out"]
        if self._ends:
            name = ARGUMENTS[plan.axis[-1:]]
            yield Line(f"        if {name} is None:")
            yield Line(f"            {name} = torch.tensor([{rows}.shape[1]], "
                       f"device={rows}.device)")  # fmt: skip
        yield from self._start(rows)
        yield Line("        outs = []")
        yield Line(f"        for t in range({rows}.shape[1]):")
        self.inside_loop = True
        for node in plan.nodes:
            if node.block not in early:
                yield from self.statements(node, indent=12)
        outs = ", ".join(self.value(ref) for ref in plan.results)
        single = len(plan.results) == 1
        yield Line(f"            outs.append({outs if single else f'({outs})'})", self.outlets)
        yield from self._update()
        yield from self._leave(single)

    def _start(self, rows: str) -> Iterator[Line]:
        states = self.plan.states
        names = [self.vars.new((kept.block, "out"), kept.name) for kept in states]
        yield Line("        if state is None:")
        for kept, name in zip(states, names, strict=True):
            begin = f"self.{kept.name}.begin({rows}[:, 0])"
            first = begin if kept.start is None else self.value(kept.start)
            yield Line(f"            {name} = {first}", (kept.block,))
        yield Line("        else:")
        for kept, name in zip(states, names, strict=True):
            yield Line(f"            {name} = state[{json.dumps(kept.block)}][0]", (kept.block,))

    def _update(self) -> Iterator[Line]:
        """Yield the lines that give every state its next value, all at once."""
        states = self.plan.states
        names = [self.vars[kept.block, "out"] for kept in states]
        values = [self.value(kept.following) for kept in states]
        if self._ends:
            yield Line(f"            going = (t < {_true_lengths(self.plan.axis)})[:, None]")
            pairs = zip(values, names, strict=True)
            values = [f"torch.where(going, {value}, {name})" for value, name in pairs]
        yield from self._assigned(names, values)

    def _assigned(self, names: list[str], values: list[str]) -> Iterator[Line]:
        owners = tuple(kept.block for kept in self.plan.states)
        target = ", ".join(names)
        line = f"            {target} = {', '.join(values)}"
        if len(line) <= WIDTH:
            yield Line(line, owners)
            return
        yield from wrapped(f"{target} = (", values, ")", owners, 12)

    def _leave(self, single: bool) -> Iterator[Line]:
        states = self.plan.states
        ends = [f"{json.dumps(k.block)}: {self.vars[k.block, 'out']}[None]" for k in states]
        stacked = "torch.stack(outs, 1)"
        if not single:
            stacked = "tuple(torch.stack(out, 1) for out in zip(*outs))"
        yield Line(f"        return {stacked}, {{{', '.join(ends)}}}", self.outlets)


def is_stream(node: Node) -> bool:
    """Tell whether a node is nothing but a stream of the data."""
    return bool(node.stream) and node.call.cls == "nn.Identity"


def _refs(node: Node) -> tuple[Ref, ...]:
    return (*node.reads, *node.optional.values())


def _outlets(node: Node) -> tuple[str, ...]:
    return tuple(port.name for port in node.outputs)


def _true_lengths(axis: str) -> str:
    """Return the expression of the true lengths of an axis; "1+T" is one step longer than T."""
    name, more = ARGUMENTS[axis[-1]], axis.count("+")
    return f"{name} + {more}" if more else name


def _lengths_or_none(axis: str) -> str:
    name, true = ARGUMENTS[axis[-1]], _true_lengths(axis)
    return true if true == name else f"None if {name} is None else {true}"
