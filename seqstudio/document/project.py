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
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from seqstudio.core.errors import ProjectError, SeqError, StorageError
from seqstudio.core.files import read_bytes, write_atomic
from seqstudio.document.graph import Block, Frame, Graph, Mode, Point, Wire
from seqstudio.document.settings import DataSettings, SamplingSettings, Settings, TrainingSettings

FORMAT = "seqstudio project"
VERSION = 2
SUFFIX = ".seq"
LIMIT_BYTES = 8_000_000
LIMIT_BLOCKS = 2_000
LIMIT_WIRES = 20_000
LIMIT_DEPTH = 64
LIMIT_FRAMES = 500
LIMIT_BENDS = 50
LIMIT_NESTING = 8
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_RUN = re.compile(r"[^./\\:\0][^/\\:\0]{0,99}")  # one folder's name, on every system
_LONE = re.compile(r"[\ud800-\udfff]")
_BLOCK_KEYS = frozenset({"id", "kind", "x", "y", "title", "params", "mode", "inside", "exposed"})
_MODES: tuple[Mode, ...] = ("", "bypass", "mute")

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
        fixed = {
            param.name: getattr(self.training, param.name)
            for param in self.training.PARAMS
            if not param.live
        }
        return _graph_meaning(self.graph), self.data, fixed

    def with_graph(self, graph: Graph) -> Project:
        """Return a copy with another graph."""
        return replace(self, graph=graph)


def _graph_meaning(graph: Graph) -> object:
    """Return what of a graph the model depends on: no places, names, frames or bends."""
    blocks = {
        key: (b.kind, b.mode, dict(b.params), b.inside and _graph_meaning(b.inside))
        for key, b in graph.blocks.items()
    }
    return blocks, set(graph.wires)


def _from_1(content: dict[str, Any]) -> dict[str, Any]:
    """Version 2 knows blocks with a graph inside, frames and bent wires; the rest is the same."""
    return {**content, "version": 2}


# Version n -> the function that turns a file of version n into one of version n + 1.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}


def block_table(block: Block) -> dict[str, Any]:
    """Return a block as it stands in a file."""
    inside = {} if block.inside is None else {"inside": graph_table(block.inside)}
    return {
        "id": block.id,
        "kind": block.kind,
        "x": block.x,
        "y": block.y,
        **({"title": block.title} if block.title else {}),
        **({"mode": block.mode} if block.mode else {}),
        "params": dict(block.params),
        **({"exposed": list(block.exposed)} if block.exposed else {}),
        **inside,
        **block.extra,
    }


def graph_table(graph: Graph) -> dict[str, Any]:
    """Return a graph as it stands in a file."""
    table: dict[str, Any] = {
        "blocks": [block_table(block) for block in graph],
        "wires": [_wire_text(wire) for wire in graph.wires],
    }
    if graph.frames:
        table["frames"] = [asdict(frame) for frame in graph.frames]
    if graph.bends:
        table["bends"] = {
            _wire_text(wire): [list(point) for point in points]
            for wire, points in graph.bends.items()
        }
    return table


def _wire_text(wire: Wire) -> str:
    return f"{wire.source}.{wire.out} -> {wire.target}.{wire.into}"


def project_text(project: Project) -> str:
    """Return the project as the text of its file; equal projects give equal texts."""
    tables: dict[str, dict[str, Any]] = {
        "graph": graph_table(project.graph),
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
            graph=parse_graph(_dict(content, "graph")),
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


def parse_graph(content: dict[str, Any], where: str = "graph", depth: int = 0) -> Graph:
    """Read a graph as it stands in a file.

    Raises:
        ProjectError: Damaged, too large or nested too deep; the sentence names the place.
    """
    if depth > LIMIT_NESTING:
        raise ProjectError(f"{where} nests too deep", f"{LIMIT_NESTING} levels are the limit")
    blocks = _parse_blocks(_list(content, "blocks"), where, depth)
    wires: dict[tuple[str, str], Wire] = {}
    items = _list(content, "wires")
    if len(items) > LIMIT_WIRES:
        raise ProjectError(f"{where}.wires is too long", f"{LIMIT_WIRES:,} wires are the limit")
    for index, item in enumerate(items):
        wire = _parse_wire(item, blocks, f"{where}.wires[{index}]")
        if (wire.target, wire.into) in wires:
            why = f"{wire.target}.{wire.into} has a wire already"
            raise ProjectError(f"{where}.wires[{index}] is one too many", why)
        wires[wire.target, wire.into] = wire
    graph = Graph(
        blocks,
        tuple(wires.values()),
        _parse_frames(_list(content, "frames"), where),
        _parse_bends(_dict(content, "bends"), blocks, set(wires.values()), where),
    )
    if depth == 0 and sum(1 for _ in graph.everything()) > LIMIT_BLOCKS:
        raise ProjectError(f"{where} is too large", f"{LIMIT_BLOCKS:,} blocks are the limit")
    return graph


def _parse_blocks(items: list[Any], where: str, depth: int) -> dict[str, Block]:
    if len(items) > LIMIT_BLOCKS:
        raise ProjectError(f"{where}.blocks is too long", f"{LIMIT_BLOCKS:,} blocks are the limit")
    blocks: dict[str, Block] = {}
    for index, item in enumerate(items):
        block = parse_block(item, f"{where}.blocks[{index}]", depth)
        if block.id in blocks:
            raise ProjectError(f"{where}.blocks[{index}].id is taken", f"{block.id!r} comes twice")
        blocks[block.id] = block
    return blocks


def _parse_frames(items: list[Any], where: str) -> tuple[Frame, ...]:
    if len(items) > LIMIT_FRAMES:
        raise ProjectError(f"{where}.frames is too long", f"{LIMIT_FRAMES} frames are the limit")
    frames = tuple(
        _parse_frame(item, f"{where}.frames[{index}]") for index, item in enumerate(items)
    )
    if len({frame.id for frame in frames}) < len(frames):
        raise ProjectError(f"{where}.frames has an id twice")
    return frames


def _parse_frame(item: object, where: str) -> Frame:
    if not isinstance(item, dict) or not _ID.fullmatch(str(item.get("id", ""))):
        raise ProjectError(f"{where} is not a frame", "it needs an id")
    words = [item.get(name, "") for name in ("title", "text", "colour")]
    if not all(isinstance(word, str) and len(word) <= 20_000 for word in words):
        raise ProjectError(f"{where} is damaged", "title, text and colour are texts")
    x, y, width, height = (_place(item, name, where) for name in ("x", "y", "width", "height"))
    title, text, colour = words
    note = item.get("note") is True
    return Frame(str(item["id"]), x, y, width, height, title, text, colour, note)


def _parse_bends(
    content: dict[str, Any], blocks: Mapping[str, Block], wires: set[Wire], where: str
) -> dict[Wire, tuple[Point, ...]]:
    bends = {}
    for text, points in content.items():
        wire = _parse_wire(text, blocks, f"{where}.bends")
        if wire not in wires or not isinstance(points, list) or len(points) > LIMIT_BENDS:
            raise ProjectError(f"{where}.bends is damaged", f"{text[:80]!r} is not a bent wire")
        bends[wire] = tuple(_parse_point(point, f"{where}.bends") for point in points)
    return bends


def _parse_point(item: object, where: str) -> Point:
    if not isinstance(item, list) or len(item) != 2:
        raise ProjectError(f"{where} is damaged", "a point has two numbers")
    x, y = (_place({"at": value}, "at", where) for value in item)
    return x, y


def parse_block(item: object, where: str, depth: int = 0) -> Block:
    """Read a block as it stands in a file; see `parse_graph`."""
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
    x, y = _place(item, "x", where), _place(item, "y", where)
    return _parse_nature(Block(block_id, kind, x, y, params, title), item, where, depth)


def _parse_nature(block: Block, item: dict[str, Any], where: str, depth: int) -> Block:
    """Return the block with its mode, what is inside it and what it shows of that."""
    mode, exposed = item.get("mode", ""), item.get("exposed", [])
    if mode not in _MODES:
        raise ProjectError(f"{where}.mode is not known", 'it is "bypass" or "mute"')
    if not isinstance(exposed, list) or not all(isinstance(name, str) for name in exposed):
        raise ProjectError(f"{where}.exposed is not a list of names")
    inside = None
    if "inside" in item:
        inside = parse_graph(_dict(item, "inside"), f"{where}.inside", depth + 1)
    extra = {key: value for key, value in item.items() if key not in _BLOCK_KEYS}
    return replace(block, mode=mode, inside=inside, exposed=tuple(exposed), extra=extra)


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
        "graph": {"blocks", "wires", "frames", "bends"},
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
