"""`seqstudio export`: a model as PyTorch source with its weights, or as an ONNX file."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from seqstudio.cli.projects import examine
from seqstudio.cli.runs import find_run, trained
from seqstudio.cli.usage import checked_out
from seqstudio.core.errors import StorageError
from seqstudio.core.files import storage_error, write_atomic
from seqstudio.document.project import load_project, runs_folder

if TYPE_CHECKING:
    from seqstudio.engine.exchange.export import Taken

ROWS = 3  # of the example that an ONNX file is traced with


def export(arguments: Namespace) -> int:
    """Write the model of a project, with the best weights of a run where there is one."""
    path, out = Path(arguments.project), Path(arguments.out)
    if arguments.format == "onnx":
        checked_out(out, (".onnx",))
    taken, told = _taken(path, arguments.run)
    if arguments.format == "onnx":
        return _export_onnx(taken, out, told)
    from seqstudio.engine.exchange.export import CODE, SCRIPT, write_export

    _make(out)
    write_export(taken, out)
    print(f"{out.name}: {CODE} and {SCRIPT} of {told}")
    return 0


def _taken(path: Path, run: str | None) -> tuple[Taken, str]:
    """Return the named or newest run; the project alone while it has none."""
    from seqstudio.engine.exchange.export import WEIGHTS, Taken

    project = load_project(path)
    if run is None and not any(runs_folder(path).glob("*/run.db")):
        dataset, report = examine(project, path.parent)
        report.raise_errors()
        return Taken(project, dataset), f"{path.name}, which has no run yet: no weights"
    model = trained(find_run(path, run), path.parent)
    taken = Taken(model.project, model.dataset, model.model)
    return taken, f"{model.run}, {WEIGHTS} of step {model.step:,}"


def _export_onnx(taken: Taken, out: Path, told: str) -> int:
    import torch

    from seqstudio.data.facts import facts_of
    from seqstudio.engine.batches import Batches
    from seqstudio.engine.exchange.onnx_export import onnx_model
    from seqstudio.engine.inputs import as_inputs
    from seqstudio.engine.model import GraphModel

    project, dataset = taken.project, taken.dataset
    model = taken.model or GraphModel(project.graph, facts_of(dataset, project.training))
    settings = project.training.with_value("batch", ROWS)
    batch = Batches(dataset, settings, carry=False, device=torch.device("cpu")).next()
    made = onnx_model(model, as_inputs(batch.inputs))
    write_atomic(out, made.content)
    print(f"{out.name}: {told}; largest difference from torch {made.difference:.1e}")
    for note in made.notes:
        print(f"note: {note}")
    return 0


def _make(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        what = f"{folder.name} is a file"
        raise StorageError(what, "the model goes into a folder", "Choose another name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
