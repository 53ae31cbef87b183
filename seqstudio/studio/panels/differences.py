"""In what two projects differ, in few words: "cell GRU, hidden 256, learning rate 3.0e-3"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from seqstudio.blocks.catalogue import KINDS
from seqstudio.document.graph import Block, Graph
from seqstudio.document.param import Param, Value
from seqstudio.document.project import Project
from seqstudio.document.settings import Settings
from seqstudio.studio.widgets import format_number

_SHORT = {"learning_rate": "lr", "weight_decay": "decay"}


def differences(project: Project, reference: Project) -> list[str]:
    """Return what is other in `project` than in `reference`; names and places do not count."""
    return [
        *_blocks(project.graph, reference.graph),
        *_settings(project.data, reference.data),
        *_settings(project.training, reference.training),
    ]


def _blocks(graph: Graph, reference: Graph) -> Iterator[str]:
    mine, theirs = list(graph), list(reference)
    here, there = (Counter(block.kind for block in blocks) for blocks in (mine, theirs))
    for kind, number in (here - there).items():
        yield _title(kind) if number == 1 else f"{number} × {_title(kind)}"
    replaced = sum((here - there).values())
    for kind in list((there - here).elements())[replaced:]:
        yield f"no {_title(kind)}"
    for first, second in _same_kind(mine, theirs):
        yield from _params(first, second)


def _title(kind: str) -> str:
    return KINDS[kind].title if kind in KINDS else kind


def _same_kind(mine: list[Block], theirs: list[Block]) -> Iterator[tuple[Block, Block]]:
    """Pair the blocks of one kind in their order."""
    left = list(theirs)
    for block in mine:
        match = next((other for other in left if other.kind == block.kind), None)
        if match is not None:
            left.remove(match)
            yield block, match


def _params(block: Block, other: Block) -> Iterator[str]:
    kind = KINDS.get(block.kind)
    for param in kind.params if kind else ():
        value = block.params.get(param.name, param.default)
        if value != other.params.get(param.name, param.default):
            yield _words(param, value)


def _settings(mine: Settings, theirs: Settings) -> Iterator[str]:
    before, now = theirs.as_dict(), mine.as_dict()
    for param in mine.PARAMS:
        if now[param.name] != before[param.name]:
            yield _words(param, now[param.name])


def _words(param: Param, value: Value) -> str:
    name = _SHORT.get(param.name, param.title[:1].lower() + param.title[1:])
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if isinstance(value, (int, float)):
        return f"{name} {format_number(value)}"
    label = dict(param.choices).get(str(value), str(value))
    return f"{name} {label}" if label else f"default {name}"
