"""Which templates a test has to go through: one of each make on every commit, all of them long.

Many templates differ in their data or sizes alone. What a test proves of one model it proves of
every model made of the same kinds of blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import pytest

from seqstudio.blocks.templates import TEMPLATES, make
from seqstudio.document.graph import Graph


def one_of_each(key: Callable[[str], Hashable]) -> list[Any]:
    """Return all templates for `parametrize`; those whose key came before are marked long."""
    seen: set[Hashable] = set()
    params = []
    for name in TEMPLATES:
        marks = [pytest.mark.long] if key(name) in seen else []
        seen.add(key(name))
        params.append(pytest.param(name, marks=marks))
    return params


def made_of(name: str) -> Hashable:
    """Return the kinds of blocks of a template's model, inside of blocks too."""
    return frozenset(_kinds(make(name).graph))


def task_of(name: str) -> Hashable:
    """Return the kind of data of a template and the kinds of blocks of its model."""
    return make(name).data.kind, made_of(name)


def _kinds(graph: Graph) -> Iterator[str]:
    for block in graph:
        yield block.kind
        if block.inside is not None:
            yield from _kinds(block.inside)
