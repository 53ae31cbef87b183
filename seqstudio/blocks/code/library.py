"""Definitions read out of source files as text: the layers, and what they need to stand alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import seqstudio

_REMARK = re.compile(r"\s*# (type: ignore|noqa).*$", re.MULTILINE)


@dataclass(frozen=True)
class Import:
    """One imported name.

    Attributes:
        module: Where it is from.
        name: What is imported; "" for the module itself.
        alias: The name in use.
    """

    module: str
    name: str
    alias: str

    def line(self) -> str:
        """Return the statement."""
        if not self.name:
            plain = self.alias == self.module
            return f"import {self.module}" + ("" if plain else f" as {self.alias}")
        return f"from {self.module} import {self.part()}"

    def part(self) -> str:
        """Return what stands behind `import`."""
        return self.name if self.alias == self.name else f"{self.name} as {self.alias}"


@dataclass(frozen=True)
class Library:
    """Top-level definitions of some files, as text.

    Attributes:
        parts: Source of every definition by its name, in the order of the files.
        imports: Names that the files import from elsewhere.
    """

    parts: Mapping[str, str]
    imports: Mapping[str, Import]

    def needed(self, wanted: Iterable[str]) -> dict[str, str]:
        """Return the definitions that `wanted` needs by name, each behind those that it uses."""
        done: dict[str, str] = {}
        waiting = set[str]()

        def take(name: str) -> None:
            if name in done or name in waiting or name not in self.parts:
                return
            waiting.add(name)
            for other in names_in(self.parts[name]):
                take(other)
            done[name] = self.parts[name]

        for name in self.parts:
            if name in set(wanted):
                take(name)
        return done


def read_library(files: Sequence[Path]) -> Library:
    """Read the definitions of files; a name that two files define must mean the same.

    Raises:
        ValueError: Two files define one name differently.
    """
    parts: dict[str, str] = {}
    imports: dict[str, Import] = {}
    for path in files:
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            imports |= {each.alias: each for each in _imported(node)}
            for name, source in _defined(node, text):
                if parts.setdefault(name, source) != source:
                    raise ValueError(f"{path.name} defines {name} once more, and differently")
    return Library(parts, imports)


@cache
def layers() -> Library:
    """Return the definitions of the layers."""
    folder = Path(seqstudio.__file__).parent / "engine" / "layers"
    return read_library([p for p in sorted(folder.glob("*.py")) if p.name != "__init__.py"])


def names_in(source: str) -> list[str]:
    """Return the names that a piece of source reads, each once."""
    nodes = ast.walk(ast.parse(source))
    return list(dict.fromkeys(node.id for node in nodes if isinstance(node, ast.Name)))


def import_lines(source: str, known: Mapping[str, Import]) -> str:
    """Return the import statements that a file needs, Python's own first, then the others."""
    used = {known[name] for name in names_in(source) if name in known}
    ordered = sorted(used, key=lambda each: (bool(each.name), each.module))
    own = [each for each in ordered if not _foreign(each.module)]
    other = [each for each in ordered if _foreign(each.module)]
    groups = ("\n".join(_joined(group)) for group in (own, other))
    return "\n\n".join(group for group in groups if group)


def _foreign(module: str) -> bool:
    return module.partition(".")[0] in {"torch", "numpy"}


def _joined(imports: Iterable[Import]) -> Iterator[str]:
    by_module: dict[str, list[str]] = {}
    for each in imports:
        if each.name:
            by_module.setdefault(each.module, []).append(each.part())
        else:
            yield each.line()
    for module, parts in by_module.items():
        yield f"from {module} import {', '.join(sorted(parts, key=str.lower))}"


def _imported(node: ast.stmt) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, "", alias.asname or alias.name)
    elif isinstance(node, ast.ImportFrom) and not str(node.module).startswith("seqstudio"):
        for alias in node.names:
            yield Import(str(node.module), alias.name, alias.asname or alias.name)


def _defined(node: ast.stmt, text: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        yield node.name, _source(node, text)
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        yield node.targets[0].id, _source(node, text)


def _source(node: ast.stmt, text: str) -> str:
    """Return the text of a definition with its decorators, less remarks to our own tools."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    lines = text.split("\n")[first - 1 : node.end_lineno]
    return _REMARK.sub("", "\n".join(lines))
