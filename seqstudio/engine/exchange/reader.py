"""Exported source back into a graph: read as text by its syntax tree, never run.

A class is read statement by statement, as `seqstudio.blocks.code` writes it. Shapes travel along,
because a block's settings follow from its constructor call and from what arrives.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from typing_extensions import override

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.code.formulas import FUNCTIONS
from seqstudio.blocks.declaration import Call, DataFacts, Shape
from seqstudio.blocks.names import attribute_name
from seqstudio.core.errors import SeqError
from seqstudio.document.graph import Block, Graph, Mode, Wire
from seqstudio.engine.exchange.kind_finder import find_kind

LIMIT_BYTES = 2_000_000
_CLS_OF = {name: cls for cls, name in FUNCTIONS.items()}
_SKIPPED = {"before", "after", "outs", "going", "lengths", "source_lengths"}


class ImportedError(SeqError):
    """A file cannot become a graph."""


@dataclass(frozen=True)
class Model:
    """A model that was read.

    Attributes:
        graph: Its blocks and wires, not yet arranged.
        facts: What the file says about its data.
        notes: What a person should know, in sentences.
    """

    graph: Graph
    facts: DataFacts
    notes: tuple[str, ...] = ()


def parsed(text: str, name: str) -> ast.Module:
    """Return the syntax tree of a stranger's file.

    Raises:
        ImportedError: It is too long, or no Python.
    """
    if len(text) > LIMIT_BYTES:
        why = f"it has {len(text):,} characters, the limit is {LIMIT_BYTES:,}"
        raise ImportedError(f"{name} is too long to read", why, "Give a file with the model only")
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ImportedError(f"{name} is not Python", str(error)[:200], "Check the file") from error


def is_ours(tree: ast.Module) -> bool:
    """Tell whether a file says that SeqStudio made it."""
    return "made with SeqStudio" in (ast.get_docstring(tree) or "")


def read_module(tree: ast.Module, name: str) -> Model:
    """Return the graph of a file that SeqStudio exported.

    Raises:
        ImportedError: It was changed into something that is not understood; the line is named.
    """
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if "Model" not in classes:
        raise ImportedError(f"{name} has no class Model", "", "Export the model again")
    facts = _facts(tree, name)
    reader = _ModelReader(classes, facts, name)
    try:
        reader.read(classes["Model"])
    except RecursionError as error:
        raise ImportedError(f"{name} goes too deep", "", "Use fewer levels") from error
    except (ValueError, TypeError, KeyError, IndexError) as error:  # a value of the wrong kind
        why = "a value in it is of the wrong kind"
        raise ImportedError(f"{name} is not understood", why, "Export the model again") from error
    return Model(reader.graph, facts)


def _facts(tree: ast.Module, name: str) -> DataFacts:
    given: Mapping[str, Any] = {}
    for node in tree.body:
        match node:
            case ast.Assign([ast.Name("DATA")], value):
                given = _literal(value, name)
    known = {each.name: each for each in fields(DataFacts)}
    plain = DataFacts()
    if not isinstance(given, dict):
        return plain
    found = {
        key: value
        for key, value in given.items()
        if key in known and type(value) is type(getattr(plain, key))
    }
    return replace(plain, **found)


def _literal(node: ast.expr, name: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _unread(name, node) from None


def _unread(name: str, node: ast.AST) -> ImportedError:
    line = getattr(node, "lineno", 0)
    return ImportedError(
        f"Line {line} of {name} is not understood",
        "it is not written as SeqStudio writes models",
        "Undo the change in the file, or import it as a module with --run-python",
    )


@dataclass(frozen=True)
class _Value:
    """What a variable holds: the output of a block, and its shape."""

    block: str
    port: str
    shape: Shape


@dataclass
class _Made:
    """A module of a class: its class and arguments, and whether a line zeroes its output."""

    cls: str
    args: dict[str, Any] = field(default_factory=dict)


class _Reader:
    """Reads one class; fills its graph."""

    def __init__(self, classes: Mapping[str, ast.ClassDef], facts: DataFacts, name: str) -> None:
        self.classes = classes
        self.facts = facts
        self.name = name
        self.graph = Graph()
        self.made: dict[str, _Made] = {}
        self.tied: set[str] = set()
        self.values: dict[str, _Value] = {}
        self.ends: dict[str, _Value] = {}
        self.results: list[_Value] = []

    # ---------------------------------------------------------------- shape of a class

    def read(self, node: ast.ClassDef) -> None:
        """Read the constructor, then the forward pass."""
        methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
        if not {"__init__", "forward"} <= set(methods):
            raise _unread(self.name, node)
        for statement in methods["__init__"].body:
            self._module(statement)
        self.begin(methods["forward"])
        for statement in methods["forward"].body:
            self.statement(statement)
        self.finish(methods["forward"])

    def begin(self, forward: ast.FunctionDef) -> None:
        """Take the arguments of `forward`."""
        raise NotImplementedError

    def finish(self, forward: ast.FunctionDef) -> None:
        """Wire what the class returns."""

    def _module(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign([ast.Attribute(ast.Name("self"), attribute)], ast.Call() as call):
                self.made[attribute] = _Made(ast.unparse(call.func), self._keywords(call))
            case ast.Assign([ast.Attribute(value=ast.Attribute(value=ast.Attribute() as head))]):
                self.tied.add(head.attr)
            case ast.Expr():
                return
            case _:
                raise _unread(self.name, node)

    def _keywords(self, call: ast.Call) -> dict[str, Any]:
        if call.args:
            raise _unread(self.name, call)
        return {str(each.arg): _literal(each.value, self.name) for each in call.keywords}

    # ---------------------------------------------------------------- statements

    def statement(self, node: ast.stmt) -> None:
        """Read one statement of `forward`."""
        match node:
            case ast.Assign([ast.Name(name)], ast.Call(ast.Attribute(_, "zeros_like"), [inner])):
                self._muted(name, inner, node)
            case ast.Assign([target], value):
                if not self._bookkeeping(target):
                    self._assigned(target, value)
            case ast.AnnAssign() | ast.Expr() | ast.If():
                return
            case ast.Return(value) if value is not None:
                self.results = [self.value(each) for each in _returned(value)]
            case _:
                raise _unread(self.name, node)

    @staticmethod
    def _bookkeeping(target: ast.expr) -> bool:
        return isinstance(target, ast.Name) and target.id in _SKIPPED

    def _muted(self, name: str, inner: ast.expr, node: ast.stmt) -> None:
        if not isinstance(inner, ast.Name):
            self._assigned(ast.Name(name), inner)
        elif name not in self.values:
            raise _unread(self.name, node)
        block = self.graph.blocks[self.values[name].block]
        mute: Mode = "mute"
        self.graph = self.graph.with_block(replace(block, mode=mute))

    def _assigned(self, target: ast.expr, value: ast.expr) -> None:
        names = list(_names(target))
        match value:
            case ast.Call(ast.Attribute(ast.Name("self"), attribute), args, keywords):
                self._called(attribute, args, keywords, names, value)
            case _:
                self._formula(names, value)

    def _called(
        self,
        attribute: str,
        args: list[ast.expr],
        keywords: list[ast.keyword],
        names: list[str],
        node: ast.expr,
    ) -> None:
        made = self.made.get(attribute)
        if made is None:
            raise _unread(self.name, node)
        given = [self.value(arg) for arg in args if not self._is_state(arg)]
        named = {
            str(each.arg): self.value(each.value)
            for each in keywords
            if not self._is_lengths(str(each.arg))
        }
        key = plain_id(attribute)
        if made.cls in self.classes and _is_composite(self.classes[made.cls]):
            self._entered(key, self.classes[made.cls], given, named, names)
        else:
            call = Call(made.cls, made.args)
            self.placed(key, call, given, named, names, node, tied=attribute in self.tied)

    @staticmethod
    def _is_lengths(name: str) -> bool:
        return name == "lengths" or name.endswith("_lengths")

    @staticmethod
    def _is_state(node: ast.expr) -> bool:
        match node:
            case ast.Constant(None) | ast.Call(ast.Attribute(ast.Name("before"), "get")):
                return True
        return False

    def _formula(self, names: list[str], node: ast.expr) -> None:
        call, args = self._read_formula(node)
        given = [self.value(arg) for arg in args]
        key = plain_id(names[0])
        if call.cls == "Split":
            key = plain_id(_without_port(names, int(call.args["parts"])))
        self.placed(key, call, given, {}, names, node)

    def _read_formula(self, node: ast.expr) -> tuple[Call, list[ast.expr]]:
        match node:
            case ast.BinOp(left, ast.Add(), right):
                return Call("Add"), [left, right]
            case ast.BinOp(ast.Constant() | ast.UnaryOp() as factor, ast.Mult(), right):
                return Call("Scale", {"factor": float(_literal(factor, self.name))}), [right]
            case ast.BinOp(left, ast.Mult(), right):
                return Call("Multiply"), [left, right]
            case ast.Call(ast.Attribute(ast.Name("torch"), "cat"), [ast.List(parts), _]):
                return Call("Concatenate"), parts
            case ast.Call(ast.Attribute(x, "chunk"), [ast.Constant(int(parts)), _]):
                return Call("Split", {"parts": parts}), [x]
            case ast.Call(ast.Attribute(ast.Name("torch"), name), [x]) if (
                f"torch.{name}" in _CLS_OF
            ):
                return Call(_CLS_OF[f"torch.{name}"]), [x]
        raise _unread(self.name, node)

    def value(self, node: ast.expr) -> _Value:
        """Return what an expression holds: a variable, one step of it, or a state."""
        match node:
            case ast.Name(name) if name in self.values:
                return self.values[name]
            case ast.Subscript(ast.Name("after"), ast.Constant(str(key))) if key in self.ends:
                return self.ends[key]
            case ast.Subscript(ast.Name(name), ast.Tuple()) if name in self.values:
                return self.values[name]
        raise _unread(self.name, node)

    # ---------------------------------------------------------------- blocks

    def placed(
        self,
        key: str,
        call: Call,
        given: Sequence[_Value],
        named: Mapping[str, _Value],
        names: Sequence[str],
        node: ast.AST,
        tied: bool = False,
    ) -> None:
        """Add the block that a constructor call stands for, with its wires."""
        found = find_kind(
            key,
            call,
            [value.shape for value in given],
            {name: value.shape for name, value in named.items()},
            self.facts,
        )
        if found is None:
            line = getattr(node, "lineno", 0)
            what = f"No block of SeqStudio is {call.cls} in line {line} of {self.name}"
            raise ImportedError(what, "the layer or its settings were changed")
        params = {**found.params, "tie": True} if tied else found.params
        block = Block(key, found.kind, params=params)
        self._add(block, given, named)
        self._hold(block, found.shapes, names)

    def _add(self, block: Block, given: Sequence[_Value], named: Mapping[str, _Value]) -> None:
        self.graph = self.graph.with_block(block)
        required = [port.name for port in ports.inputs(block) if not port.optional]
        for name, value in (*zip(required, given, strict=False), *named.items()):
            self.graph = self.graph.with_wire(Wire(value.block, value.port, block.id, name))

    def _hold(self, block: Block, shapes: Mapping[str, Shape], names: Sequence[str]) -> None:
        """Remember which variables hold the outputs of a block."""
        outs = ports.outputs(block)
        plain = [port for port in outs if port.kind != "state" or block.inside is not None]
        for name, port in zip(names, plain, strict=False):
            self.values[name] = _Value(block.id, port.name, shapes[port.name])
        for port in outs:
            if port not in plain and port.name in shapes:
                end = _Value(block.id, port.name, shapes[port.name])
                self.ends[block.id] = end
                for name in names[len(plain) :]:
                    self.values[name] = end

    def _entered(
        self,
        key: str,
        node: ast.ClassDef,
        given: Sequence[_Value],
        named: Mapping[str, _Value],
        names: Sequence[str],
    ) -> None:
        """Read the class of a group or cell with the shapes that arrive."""
        looped = any(isinstance(each, ast.For) for each in ast.walk(node))
        maker = _CellReader if looped else _GroupReader
        inner = maker(
            self.classes, self.facts, self.name, [value.shape for value in given],
            {name: value.shape for name, value in named.items()},
        )  # fmt: skip
        inner.read(node)
        block = Block(key, "cell" if looped else "group", inside=inner.graph)
        optional = {plain_id(name): value for name, value in named.items()}
        self._add(block, given, optional)
        self._hold(block, inner.outs(), names)


class _ModelReader(_Reader):
    """Reads the outermost class: streams of the data come in, each a block where it is read."""

    @override
    def begin(self, forward: ast.FunctionDef) -> None:
        wanted = {"inputs": ("main", self.facts.input), "source": ("source", self.facts.source)}
        names = [arg.arg for arg in forward.args.args]
        self.streams = {name: wanted[name] for name in names if name in wanted}

    @override
    def value(self, node: ast.expr) -> _Value:
        if isinstance(node, ast.Name) and node.id in self.streams:
            stream, carries = self.streams.pop(node.id)
            self._stream(node.id, stream, carries)
        return super().value(node)

    def _stream(self, name: str, stream: str, carries: str) -> None:
        kind = _stream_kind(stream, carries)
        found = find_kind(kind, Call("nn.Identity"), [], {}, self.facts, only=kind)
        if found is None:
            raise ImportedError(f"{self.name} reads no {stream} that is known here")
        block = Block(self._free(kind), kind, params=found.params)
        self.graph = self.graph.with_block(block)
        self._hold(block, found.shapes, [name])

    def _free(self, kind: str) -> str:
        taken = {plain_id(name) for name in self.made} | set(self.graph.blocks)
        number, name = 2, kind
        while name in taken:
            name, number = f"{kind}{number}", number + 1
        return name

    @override
    def statement(self, node: ast.stmt) -> None:
        if not isinstance(node, ast.Return):  # what the head gives has no port
            super().statement(node)


class _InsideReader(_Reader):
    """Reads a group or a cell: values come in by arguments and leave by the returned names."""

    def __init__(
        self,
        classes: Mapping[str, ast.ClassDef],
        facts: DataFacts,
        name: str,
        given: Sequence[Shape],
        named: Mapping[str, Shape],
    ) -> None:
        super().__init__(classes, facts, name)
        self.given = given
        self.named = named
        self.left: dict[str, Shape] = {}
        self.axis = next((s.axis for s in (*given, *named.values()) if s.axis), "")

    def outs(self) -> Mapping[str, Shape]:
        """Return the shape at each output."""
        return self.left

    @override
    def begin(self, forward: ast.FunctionDef) -> None:
        args = [arg.arg for arg in forward.args.args if arg.arg != "self"]
        required = [a for a in args if a not in {"state", *self.named} and not self._is_lengths(a)]
        for name, shape in (*zip(required, self.given, strict=False), *self.named.items()):
            self._inlet(name, shape, optional=name in self.named)

    def _inlet(self, name: str, shape: Shape, optional: bool) -> None:
        carries = shape.kind if shape.kind in {"ids", "state"} else "tensor"
        params = {"carries": carries, "optional": optional}
        key = plain_id(name)
        self.graph = self.graph.with_block(Block(key, ports.INLET, params=params))
        self.values[name] = _Value(key, "out", self.arriving(shape))

    def arriving(self, shape: Shape) -> Shape:
        """Return the shape inside of what arrives."""
        return shape

    def leaving(self, shape: Shape) -> Shape:
        """Return the shape outside of what leaves."""
        return shape

    @override
    def finish(self, forward: ast.FunctionDef) -> None:
        told = (ast.get_docstring(forward) or "").removeprefix("Return ").rstrip(".")
        names = told.split(", ")
        if len(names) != len(self.results) or not all(name.isidentifier() for name in names):
            raise _unread(self.name, forward)
        for name, value in zip(names, self.results, strict=True):
            carries = value.shape.kind if value.shape.kind in {"ids", "state"} else "tensor"
            self.graph = self.graph.with_block(
                Block(name, ports.OUTLET, params={"carries": carries})
            )
            self.graph = self.graph.with_wire(Wire(value.block, value.port, name, "in"))
            self.left[name] = self.leaving(value.shape)


class _GroupReader(_InsideReader):
    """Reads a group."""


class _CellReader(_InsideReader):
    """Reads a recurrent cell: what stands in the loop runs at every step."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.states: list[str] = []

    @override
    def arriving(self, shape: Shape) -> Shape:
        return shape.without_axis() if shape.axis and shape.axis == self.axis else shape

    @override
    def leaving(self, shape: Shape) -> Shape:
        return shape.with_axis(self.axis)

    @override
    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.If(ast.Compare(ast.Name("state"))):
                for each in node.body:
                    self._begun(each)
            case ast.For():
                for each in node.body:
                    self._step(each)
            case ast.Return():
                return
            case _:
                super().statement(node)

    def _begun(self, node: ast.stmt) -> None:
        """Read how a state begins."""
        match node:
            case ast.Assign([ast.Name(name)], value):
                pass
            case _:
                raise _unread(self.name, node)
        key, start = plain_id(name), None
        match value:
            case ast.Call(ast.Attribute(ast.Attribute(ast.Name("self"), attribute), "begin")):
                key = plain_id(attribute)
            case _:
                start = self.value(value)
        made = self.made.get(attribute_name(key))
        if made is None or made.cls != "StateStep":
            raise _unread(self.name, node)
        params = KINDS[ports.STATE].parse(made.args)
        self.graph = self.graph.with_block(Block(key, ports.STATE, params=params))
        if start is not None:
            self.graph = self.graph.with_wire(Wire(start.block, start.port, key, "start"))
        shape = Shape("tensor", ("B", int(params["width"])))
        self.values[name] = _Value(key, "out", shape)
        self.states.append(name)

    def _step(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(ast.Call(ast.Attribute(ast.Name("outs"), "append"), [given])):
                self.results = [self.value(each) for each in _parts(given)]
            case ast.Assign([target], value) if list(_names(target)) == self.states:
                self._followed(value)
            case _:
                super().statement(node)

    def _followed(self, node: ast.expr) -> None:
        """Wire the next value of every state."""
        for name, each in zip(self.states, _parts(node), strict=True):
            match each:
                case ast.Call(ast.Attribute(ast.Name("torch"), "where"), [_, following, _]):
                    value = self.value(following)
                case _:
                    value = self.value(each)
            key = self.values[name].block
            self.graph = self.graph.with_wire(Wire(value.block, value.port, key, "next"))


def plain_id(name: str) -> str:
    """Return the id of a block from its name in the code: "in_" is "in"."""
    short = name[:-1]
    return short if name.endswith("_") and short and attribute_name(short) == name else name


def _is_composite(node: ast.ClassDef) -> bool:
    """Tell whether a class is a group or cell: its constructor takes nothing but self."""
    init = next((n for n in node.body if getattr(n, "name", "") == "__init__"), None)
    told = ast.get_docstring(node) or ""
    plain = isinstance(init, ast.FunctionDef) and len(init.args.args) == 1
    return plain and told.startswith(("Blocks that work as one", "A recurrent cell"))


def _stream_kind(stream: str, carries: str) -> str:
    if carries == "picture":
        return "picture"
    known = {("main", "ids"): "tokens", ("main", "vectors"): "vectors",
             ("source", "ids"): "source_tokens"}  # fmt: skip
    return known.get((stream, carries), "tokens")


def _names(target: ast.expr) -> Iterator[str]:
    """Yield the variables that are assigned, less places for states."""
    for node in _parts(target):
        match node:
            case ast.Name(name):
                if name != "_":
                    yield name
            case ast.Tuple():
                yield from _names(node)


def _parts(node: ast.expr) -> Iterable[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _returned(node: ast.expr) -> list[ast.expr]:
    """Return what a class gives, less its state."""
    parts = [p for p in _parts(node) if not (isinstance(p, ast.Name) and p.id == "after")]
    return [inner for part in parts for inner in _parts(part)]


def _without_port(names: Sequence[str], parts: int) -> str:
    kind = KINDS["split"]
    declared = kind.ports({"parts": parts})[1] if kind.ports else kind.outputs
    return names[0].removesuffix(f"_{declared[0].name}")
