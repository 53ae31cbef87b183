"""The source of a drawn task, cut down to what draws its examples: it needs only numpy."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from seqstudio.data.vocabulary import Vocabulary

_KEPT = frozenset({"property", "staticmethod", "classmethod"})
_PLAIN = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class TaskSource:
    """A task to take home.

    Attributes:
        text: Definitions, those that are needed first.
        made: The expression that makes the task; `HERE` is the folder of the arrays.
        arrays: What the task reads, to be written as NAME.npy.
    """

    text: str
    made: str
    arrays: Mapping[str, np.ndarray[Any, Any]]


def task_source(task: object) -> TaskSource:
    """Return the source of a task, with every constant as the value that it has here."""
    cut = _Cut(type(task))
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    args = []
    for name in cut.fields:
        value = getattr(task, name)
        if isinstance(value, np.ndarray):
            arrays[name] = value
            args.append(f'{name}=np.load(HERE / "{name}.npy")')
        else:
            args.append(f"{name}={_value(value)}")
    parts = _Parts()
    for name in cut.fields:
        parts.need_kind_of(getattr(task, name))
    parts.need_class(type(task), cut)
    made = f"{type(task).__name__}({', '.join(args)})"
    return TaskSource("\n\n\n".join(parts.texts()), made, arrays)


class _Cut:
    """What of a task's class is needed to draw: some methods and some of its fields."""

    def __init__(self, cls: type) -> None:
        node = _definition(cls)
        assert isinstance(node, ast.ClassDef)
        self.docstring = ast.get_docstring(node) or ""
        self.methods: dict[str, ast.FunctionDef] = {}
        self.homes: dict[str, types.ModuleType] = {}
        for each in cls.__mro__:  # what a base class gives is written down with the rest
            if each.__module__.startswith("seqstudio"):
                self._take_methods(each)
        self.kept = self._reached("draw")
        used = {name for method in self.kept for name in _own_names(self.methods[method])}
        known = [field.name for field in fields(cls)]
        self.fields = [name for name in known if name in used]

    def _take_methods(self, cls: type) -> None:
        node, home = _definition(cls), import_module(cls.__module__)
        assert isinstance(node, ast.ClassDef)
        for each in node.body:
            if isinstance(each, ast.FunctionDef) and each.name not in self.methods:
                self.methods[each.name], self.homes[each.name] = each, home

    def _reached(self, start: str) -> list[str]:
        found, waiting = set[str](), [start]
        while waiting:
            name = waiting.pop()
            if name in self.methods and name not in found:
                found.add(name)
                waiting.extend(_own_names(self.methods[name]))
        return [name for name in self.methods if name in found]


class _Parts:
    """Collects definitions, each behind those that it uses."""

    def __init__(self) -> None:
        self._done: dict[str, str] = {}
        self._meant: dict[str, object] = {}

    def texts(self) -> list[str]:
        """Return constants as one block, then classes and functions."""
        constants = [t for t in self._done.values() if not t.startswith(("def", "class", "@"))]
        rest = [t for t in self._done.values() if t.startswith(("def", "class", "@"))]
        return ["\n".join(constants), *rest] if constants else rest

    def need_kind_of(self, value: object) -> None:
        """Add the class of a setting that is a record of its own."""
        if is_dataclass(value) and not isinstance(value, (type, Vocabulary)):
            self._need_definition(type(value).__name__, type(value))

    def need_class(self, cls: type, cut: _Cut) -> None:
        """Add a task's class with the methods that draw."""
        body: list[ast.stmt] = [ast.Expr(ast.Constant(_paragraph(cut.docstring)))]
        for name in cut.fields:
            body += ast.parse(f"{name}: object").body
        for name in cut.kept:
            method, home = _bare(cut.methods[name]), cut.homes[name]
            body.append(_Numbered(home).visit(method))
            self._needs(method, home)
        node = ast.parse(f"@dataclass\nclass {cls.__name__}: ...").body[0]
        assert isinstance(node, ast.ClassDef)
        node.body = body
        self._done[cls.__name__] = _unparsed(node)

    def _needs(self, node: ast.AST, home: types.ModuleType) -> None:
        for name in dict.fromkeys(n.id for n in ast.walk(node) if isinstance(n, ast.Name)):
            if hasattr(home, name):
                value = getattr(home, name)
                if self._meant.setdefault(name, value) is not value:
                    raise ValueError(f"two modules of the task mean different things by {name}")
                if name not in self._done:
                    self._need(name, value)

    def _need(self, name: str, value: object) -> None:
        if isinstance(value, types.ModuleType):
            return
        if isinstance(value, (types.FunctionType, type)):
            if value.__module__.startswith("seqstudio"):
                self._need_definition(name, value)
            return
        text = _value(value)
        self._done[name] = f"{name} = {text}"

    def _need_definition(self, name: str, value: types.FunctionType | type) -> None:
        node = _bare(_definition(value))
        self._done[name] = ""  # it may name itself
        self._needs(node, import_module(value.__module__))
        del self._done[name]
        self._done[name] = _unparsed(node)


def _value(value: object) -> str:
    """Return a constant as Python.

    Raises:
        ValueError: It is nothing that can be written down.
    """
    if isinstance(value, Vocabulary):
        return repr(tuple(value.symbols))
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()!r}, np.{value.dtype})"
    if isinstance(value, (frozenset, set)):
        return repr(set(value))
    if isinstance(value, (tuple, list, dict, *_PLAIN)):
        return repr(value)
    if is_dataclass(value) and not isinstance(value, type):
        given = ", ".join(f"{f.name}={_value(getattr(value, f.name))}" for f in fields(value))
        return f"{type(value).__name__}({given})"
    raise ValueError(f"{type(value).__name__} cannot be written down")


def _own_names(node: ast.AST) -> Iterator[str]:
    """Yield what is read of self."""
    for each in ast.walk(node):
        match each:
            case ast.Call(ast.Name("len"), [ast.Name("self")]):
                yield "__len__"
            case ast.Attribute(ast.Name("self"), name):
                yield name


@cache
def _module(path: str) -> ast.Module:
    return ast.parse(Path(path).read_text(encoding="utf-8"))


def _definition(value: types.FunctionType | type) -> ast.stmt:
    path = import_module(value.__module__).__file__
    body: Iterable[ast.stmt] = _module(str(path)).body
    return next(node for node in body if getattr(node, "name", "") == value.__name__)


def _bare(node: ast.stmt) -> ast.stmt:
    """Return a copy of a definition without annotations and without our own decorators."""
    copy = ast.parse(ast.unparse(node)).body[0]
    for each in ast.walk(copy):
        if isinstance(each, ast.FunctionDef):
            each.returns = None
            each.decorator_list = [d for d in each.decorator_list if _is(d, _KEPT)]
        elif isinstance(each, ast.arg):
            each.annotation = None
        elif isinstance(each, ast.ClassDef):
            each.decorator_list = [ast.Name("dataclass")]
            each.bases = []
    return _Plainer().visit(copy) if isinstance(copy, ast.FunctionDef) else _fields_bare(copy)


class _Numbered(ast.NodeTransformer):
    """Puts the numbers in the place of constant words: HELLO.encode("hello")."""

    def __init__(self, home: types.ModuleType) -> None:
        self._home = home

    @override
    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Replace `VOCABULARY.encode("words")`."""
        self.generic_visit(node)
        match node:
            case ast.Call(ast.Attribute(ast.Name(name), "encode"), [ast.Constant(str(word))]):
                vocabulary = getattr(self._home, name, None)
                if isinstance(vocabulary, Vocabulary):
                    return ast.parse(_value(vocabulary.encode(word)), mode="eval").body
        return node


class _Plainer(ast.NodeTransformer):
    """Turns annotated assignments into plain ones."""

    @override
    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        """Drop the annotation."""
        if node.value is None:
            return node
        return ast.copy_location(ast.Assign([node.target], node.value), node)


def _fields_bare(node: ast.stmt) -> ast.stmt:
    for each in ast.walk(node):
        if isinstance(each, ast.AnnAssign):
            each.annotation = ast.Name("object")
    return node


def _is(node: ast.expr, names: frozenset[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _paragraph(docstring: str) -> str:
    """Return the first sentence of a docstring."""
    return docstring.partition("\n\n")[0]


def _unparsed(node: ast.stmt) -> str:
    return ast.unparse(ast.fix_missing_locations(node))
