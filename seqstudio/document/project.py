"""The project: everything a person makes, as one immutable value, and its file.

The file is one JSON text with a format version: readable, diffable, migrated step by step.
Nothing in it can run code or lead out of the project's folder. Unknown block kinds and unknown
keys survive load and save.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from seqstudio.core.errors import ProjectError, SeqError, StorageError
from seqstudio.core.files import read_bytes, write_atomic
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.settings import DataSettings, SamplingSettings, Settings, TrainingSettings

FORMAT = "seqstudio project"
VERSION = 1
SUFFIX = ".seq"
LIMIT_BYTES = 8_000_000
LIMIT_BLOCKS = 2_000
LIMIT_WIRES = 20_000
LIMIT_DEPTH = 64
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_RUN = re.compile(r"[^./\\:\0][^/\\:\0]{0,99}")  # one folder's name, on every system
_LONE = re.compile(r"[\ud800-\udfff]")
_BLOCK_KEYS = frozenset({"id", "kind", "x", "y", "title", "params"})

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Project:
    """What is drawn and how it is trained.

    Attributes:
        graph: Blocks and wires.
        data: What the model reads.
        training: How it learns.
        sampling: How it writes.
        template: Id of the template it came from, or "".
        notes: The person's own words.
        run: Name of the run that opens with the project, or "".
        extra: Keys of the file that this version does not know, kept as they are; those inside
            graph, data, training and sampling are under that name.
    """

    graph: Graph = field(default_factory=Graph)
    data: DataSettings = field(default_factory=DataSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    template: str = ""
    notes: str = ""
    run: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def trains_like(self, other: Project) -> bool:
        """Tell whether both would train the same: places, titles and live settings aside."""
        return self._meaning() == other._meaning()

    def _meaning(self) -> object:
        blocks = {key: (b.kind, dict(b.params)) for key, b in self.graph.blocks.items()}
        fixed = {
            param.name: getattr(self.training, param.name)
            for param in self.training.PARAMS
            if not param.live
        }
        return blocks, set(self.graph.wires), self.data, fixed

    def with_graph(self, graph: Graph) -> Project:
        """Return a copy with another graph."""
        return replace(self, graph=graph)


# Version n -> the function that turns a file of version n into one of version n + 1.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def project_text(project: Project) -> str:
    """Return the project as the text of its file; equal projects give equal texts."""
    blocks = [
        {
            "id": block.id,
            "kind": block.kind,
            "x": block.x,
            "y": block.y,
            **({"title": block.title} if block.title else {}),
            "params": dict(block.params),
            **block.extra,
        }
        for block in project.graph
    ]
    wires = [f"{w.source}.{w.out} -> {w.target}.{w.into}" for w in project.graph.wires]
    tables: dict[str, dict[str, Any]] = {
        "graph": {"blocks": blocks, "wires": wires},
        "data": project.data.as_dict(),
        "training": project.training.as_dict(),
        "sampling": project.sampling.as_dict(),
    }
    content = {
        "format": FORMAT,
        "version": VERSION,
        "template": project.template,
        "notes": project.notes,
        "run": project.run,
        **{key: {**table, **project.extra.get(key, {})} for key, table in tables.items()},
        **{key: value for key, value in project.extra.items() if key not in tables},
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # A file name that is not UTF-8 holds half characters, which only JSON's own escape can write.
    return _LONE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def parse_project(text: str, name: str = "The project") -> Project:
    """Read the text of a project file.

    Raises:
        ProjectError: Damaged, not a project, newer than this program, or a value out of range;
            the sentence names the place.
    """
    content = _migrate(_parse_json(text, name), name)
    try:
        return Project(
            graph=_parse_graph(_dict(content, "graph")),
            data=_parse_settings(DataSettings, content, "data"),
            training=_parse_settings(TrainingSettings, content, "training"),
            sampling=_parse_settings(SamplingSettings, content, "sampling"),
            template=_text(content, "template"),
            notes=_text(content, "notes"),
            run=_run(content),
            extra=_unknown(content),
        )
    except SeqError as error:
        raise ProjectError(f"{name} is damaged", error.sentence(), "") from error


def load_project(path: Path) -> Project:
    """Read a project file.

    Raises:
        ProjectError: See `parse_project`.
        DataError: The file is missing, empty, a folder or too large.
    """
    data = read_bytes(path, LIMIT_BYTES)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProjectError(
            f"{path.name} is not a SeqStudio project", "it is not UTF-8 text"
        ) from error
    return parse_project(text, path.name)


def save_project(project: Project, path: Path) -> None:
    """Write a project file; a crash or a full disk leaves the old one whole.

    Raises:
        StorageError: It cannot be written, or could not be read again; the old file stays.
    """
    data = project_text(project).encode("utf-8")
    try:
        parse_project(data.decode("utf-8"), path.name)
        if len(data) > LIMIT_BYTES:
            raise ProjectError("it is too large", f"{LIMIT_BYTES // 1_000_000} MB are the limit")
    except ProjectError as error:
        raise StorageError(
            f"{path.name} was not saved: it could not be opened again",
            error.why or error.what,
            "Take the last changes back and save again; the file on the disk is the old one",
        ) from error
    write_atomic(path, data)


def runs_folder(path: Path) -> Path:
    """Return the folder that holds the runs of the project at `path`: NAME.runs beside it."""
    return path.with_name(path.stem + ".runs")


def _parse_json(text: str, name: str) -> dict[str, Any]:
    damaged = f"{name} is not a SeqStudio project, or it is damaged"
    try:
        content = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        why = "it nests too deep" if isinstance(error, RecursionError) else str(error)
        raise ProjectError(damaged, why) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ProjectError(f"{name} is not a SeqStudio project", f'its format is not "{FORMAT}"')
    if _depth(content) > LIMIT_DEPTH:
        raise ProjectError(damaged, "it nests too deep")
    return content


def _finite(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        msg = f"the number {word[:20]} is not allowed"
        raise ValueError(msg)
    return number


def _whole(word: str) -> int:
    if len(word) > 20:
        msg = f"the number {word[:20]}… has {len(word):,} digits"
        raise ValueError(msg)
    return int(word)


def _depth(content: dict[str, Any]) -> int:
    """Return how deep lists and tables lie inside each other; what is written is read again."""
    depth = 0
    layer: list[Any] = [content]
    while layer:
        depth += 1
        groups = (item.values() if isinstance(item, dict) else item for item in layer)
        layer = [value for group in groups for value in group if isinstance(value, (dict, list))]
    return depth


def _migrate(content: dict[str, Any], name: str) -> dict[str, Any]:
    version = content.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ProjectError(f"{name} is damaged", "it has no format version")
    if version > VERSION:
        raise ProjectError(
            f"{name} was written by a newer SeqStudio",
            f"its format is {version}, this program reads up to {VERSION}",
            "Update SeqStudio; the file was left as it is",
        )
    for step in range(version, VERSION):
        content = MIGRATIONS[step](content)
    return content


def _parse_graph(content: dict[str, Any]) -> Graph:
    items = _list(content, "blocks")
    if len(items) > LIMIT_BLOCKS:
        raise ProjectError("graph.blocks is too long", f"{LIMIT_BLOCKS:,} blocks are the limit")
    blocks: dict[str, Block] = {}
    for index, item in enumerate(items):
        block = _parse_block(item, f"graph.blocks[{index}]")
        if block.id in blocks:
            raise ProjectError(f"graph.blocks[{index}].id is taken", f"{block.id!r} comes twice")
        blocks[block.id] = block
    wires: dict[tuple[str, str], Wire] = {}
    items = _list(content, "wires")
    if len(items) > LIMIT_WIRES:
        raise ProjectError("graph.wires is too long", f"{LIMIT_WIRES:,} wires are the limit")
    for index, item in enumerate(items):
        wire = _parse_wire(item, blocks, f"graph.wires[{index}]")
        if (wire.target, wire.into) in wires:
            why = f"{wire.target}.{wire.into} has a wire already"
            raise ProjectError(f"graph.wires[{index}] is one too many", why)
        wires[wire.target, wire.into] = wire
    return Graph(blocks, tuple(wires.values()))


def _parse_block(item: object, where: str) -> Block:
    if not isinstance(item, dict):
        raise ProjectError(f"{where} is not a block")
    block_id, kind = item.get("id"), item.get("kind")
    if not isinstance(block_id, str) or not _ID.fullmatch(block_id):
        raise ProjectError(f"{where}.id is not a name", "letters, digits and _ make a name")
    if not isinstance(kind, str) or not _ID.fullmatch(kind):
        raise ProjectError(f"{where}.kind is not a name")
    params = item.get("params", {})
    if not isinstance(params, dict):
        raise ProjectError(f"{where}.params is not a table")
    for key, value in params.items():
        if not isinstance(value, (bool, int, float, str)):
            raise ProjectError(f"{where}.params.{key} is not a value")
    title = item.get("title", "")
    if not isinstance(title, str):
        raise ProjectError(f"{where}.title is not a text")
    extra = {key: value for key, value in item.items() if key not in _BLOCK_KEYS}
    x, y = _place(item, "x", where), _place(item, "y", where)
    return Block(block_id, kind, x, y, params, title, extra)


def _place(item: dict[str, Any], axis: str, where: str) -> float:
    value = item.get(axis, 0.0)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e9:
        raise ProjectError(f"{where}.{axis} is not a place on the canvas")
    return float(value)


def _parse_wire(item: object, blocks: Mapping[str, Block], where: str) -> Wire:
    source, arrow, target = str(item).partition(" -> ")
    from_id, _, out = source.partition(".")
    to_id, _, into = target.partition(".")
    if not (isinstance(item, str) and arrow and out and into):
        raise ProjectError(f"{where} is not a wire", 'a wire reads "block.port -> block.port"')
    for end in (from_id, to_id):
        if end not in blocks:
            raise ProjectError(f"{where} ends nowhere", f"there is no block {end!r}")
    return Wire(from_id, out, to_id, into)


def _parse_settings(kind: type[S], content: dict[str, Any], key: str) -> S:
    given = _dict(content, key)
    try:
        return kind.parse(given)
    except SeqError as error:
        raise ProjectError(f"In {key}: {error.what}", error.why, error.hint) from error


def _dict(content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key, {})
    if not isinstance(value, dict):
        raise ProjectError(f"{key} is not a table")
    return value


def _list(content: dict[str, Any], key: str) -> list[Any]:
    value = content.get(key, [])
    if not isinstance(value, list):
        raise ProjectError(f"{key} is not a list")
    return value


def _text(content: dict[str, Any], key: str) -> str:
    value = content.get(key, "")
    if not isinstance(value, str):
        raise ProjectError(f"{key} is not a text")
    return value


def _run(content: dict[str, Any]) -> str:
    name = _text(content, "run")
    if name and not _RUN.fullmatch(name):
        raise ProjectError("run is not the name of a run", "it has to be a folder in NAME.runs")
    return name


def _unknown(content: dict[str, Any]) -> dict[str, Any]:
    """Return what this version does not know, at the top and inside the four tables."""
    tables = {
        "graph": {"blocks", "wires"},
        "data": {param.name for param in DataSettings.PARAMS},
        "training": {param.name for param in TrainingSettings.PARAMS},
        "sampling": {param.name for param in SamplingSettings.PARAMS},
    }
    known = {"format", "version", "template", "notes", "run", *tables}
    extra = {key: value for key, value in content.items() if key not in known}
    for table, names in tables.items():
        rest = {key: value for key, value in _dict(content, table).items() if key not in names}
        if rest:
            extra[table] = rest
    return extra
