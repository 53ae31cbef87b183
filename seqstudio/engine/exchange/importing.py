"""A model from a Python file: read where SeqStudio wrote it, else traced in another process."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqstudio.blocks import ports
from seqstudio.blocks.arranging import Box, Join, layout
from seqstudio.core.errors import DataError, SeqError
from seqstudio.document.graph import Graph
from seqstudio.document.project import Project
from seqstudio.document.settings import DataSettings
from seqstudio.engine.exchange.reader import (
    LIMIT_BYTES,
    ImportedError,
    is_ours,
    parsed,
    read_module,
)
from seqstudio.engine.exchange.steps import Drawing
from seqstudio.engine.exchange.tracer import trace_file

TIME_LIMIT_S = 60.0
_LIMIT_STEPS = 2_000
_WIDTH, _HEIGHT = 176.0, 96.0
# Data of the kind that a model was made for, to begin with.
_DATA = {
    ("next token", "ids", ""): "text",
    ("next token", "ids", "ids"): "reverse",
    ("next token", "ids", "picture"): "captions",
    ("class", "ids", ""): "recall",
    ("class", "vectors", ""): "rows",
    ("class", "picture", ""): "shapes",
    ("class per step", "ids", ""): "brackets",
    ("value", "vectors", ""): "adding",
    ("forecast", "vectors", ""): "waves",
    ("notes", "vectors", ""): "frames",
}


@dataclass(frozen=True)
class Imported:
    """What an import gave.

    Attributes:
        project: A project with the graph, and data of the kind that it was made for.
        notes: What a person should know, in sentences.
    """

    project: Project
    notes: tuple[str, ...]


def import_model(path: Path, wanted: str = "", run_python: bool = False) -> Imported:
    """Return the project of a model.

    Args:
        path: A Python file.
        wanted: A class without arguments or a module in it, "" for the only one.
        run_python: Whether the file may be run, where reading it is not enough.

    Raises:
        SeqError: The file cannot be read, would have to be run, or holds no model.
    """
    tree = parsed(_text(path), path.name)
    if is_ours(tree) and wanted in {"", "Model"}:
        model = read_module(tree, path.name)
        facts = model.facts
        found = _project(model.graph, (facts.pattern, facts.input, facts.source))
        return Imported(found, (*model.notes, _NO_WEIGHTS))
    if not run_python:
        raise ImportedError(
            f"{path.name} was not written by SeqStudio",
            "to see what its module does, its Python has to be run",
            "If you trust the file, import it with --run-python",
        )
    traced = _traced(path, wanted)
    drawing = Drawing(traced["steps"])
    drawing.draw()
    project = _project(drawing.graph, (drawing.pattern, drawing.input, drawing.source))
    sizes = "Sizes of vocabularies and classes follow the data that you choose"
    return Imported(project, (*dict.fromkeys(drawing.notes), sizes, _NO_WEIGHTS))


_NO_WEIGHTS = "Weights are not carried over: the model starts anew"


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > LIMIT_BYTES:
            why = f"it has {size:,} bytes, the limit is {LIMIT_BYTES:,}"
            raise ImportedError(f"{path.name} is too long to read", why,
                                "Give a file with the model only")  # fmt: skip
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ImportedError(f"{path.name} is no text", "", "Give a Python file") from error
    except OSError as error:
        why = error.strerror or str(error)
        raise DataError(f"{path.name} cannot be read", why, "Check the name") from error


def _traced(path: Path, wanted: str) -> Mapping[str, Any]:
    """Run the file in a process of its own and return what its module does, as plain data.

    Raises:
        ImportedError: It takes too long, or the module cannot be looked into.
    """
    with tempfile.TemporaryDirectory(prefix="seqstudio-") as folder:
        out = Path(folder) / "traced.json"
        context = multiprocessing.get_context("spawn")
        process = context.Process(
            target=trace_file, args=(str(path.resolve()), wanted, str(out)), daemon=True
        )
        process.start()
        process.join(TIME_LIMIT_S)
        if process.is_alive():
            process.kill()
            process.join()
            why = f"it ran for more than {TIME_LIMIT_S:.0f} s"
            raise ImportedError(f"{path.name} was stopped", why, "Keep training out of the file")
        try:
            found: Mapping[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            why = f"its process ended with code {process.exitcode}"
            raise ImportedError(f"{path.name} could not be run", why) from error
    if "refused" in found:
        raise ImportedError(f"{path.name} cannot be imported", found["refused"], "")
    if len(found["steps"]) > _LIMIT_STEPS:
        what = f"The module does {len(found['steps']):,} things"
        raise ImportedError(what, f"the limit is {_LIMIT_STEPS:,}", "Import a part of it")
    return found


def _project(graph: Graph, asked: tuple[str, str, str]) -> Project:
    kind = _DATA.get(asked, "text")
    try:
        data = DataSettings().with_value("kind", kind)
    except SeqError:  # data of this kind cannot be chosen in this version
        data = DataSettings()
    return Project(graph=arranged(graph), data=data)


def arranged(graph: Graph) -> Graph:
    """Return the graph, and those inside its blocks, laid out along their wires."""
    boxes = {block.id: Box(0.0, 0.0, _WIDTH, _height(len(ports.inputs(block)))) for block in graph}
    flow = [w for w in graph.wires if w.into != "next"]
    joins = [Join(w.source, 48.0, w.target, 48.0) for w in flow]
    places = layout(boxes, joins).places
    for key, (x, y) in places.items():
        block = graph.blocks[key]
        inside = None if block.inside is None else arranged(block.inside)
        graph = graph.with_block(replace(block, x=x, y=y, inside=inside))
    return graph


def _height(inputs: int) -> float:
    return _HEIGHT + 24.0 * max(inputs - 1, 0)
