"""`seqstudio export`: a model as PyTorch source that needs only torch, with its weights."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import save

from seqstudio.blocks.code import model_code
from seqstudio.blocks.declaration import DataFacts
from seqstudio.cli.projects import examine
from seqstudio.cli.runs import find_run, trained
from seqstudio.core.errors import StorageError
from seqstudio.core.files import storage_error, write_atomic
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.document.project import Project, load_project, runs_folder

PREFIX = "blocks."  # our container of the blocks; the exported model has them as its own
CODE, WEIGHTS, README = "model.py", "weights.safetensors", "README.txt"


@dataclass(frozen=True)
class Source:
    """What is exported: a project with its data, and the weights of a run, if there is one."""

    project: Project
    dataset: Dataset
    weights: bytes
    told: str

    @property
    def facts(self) -> DataFacts:
        """What the shapes rest on."""
        return facts_of(self.dataset, self.project.training)


def export(arguments: Namespace) -> int:
    """Write model.py, README.txt and, when there is a run, its best weights into a folder."""
    path, folder = Path(arguments.project), Path(arguments.out)
    project = load_project(path)
    source = _source(path, project, arguments.run)
    vocabulary = source.dataset.vocabulary
    symbols = vocabulary.symbols if vocabulary else ()
    code = model_code(source.project.graph, source.facts, symbols).text
    _make(folder)
    if source.weights:
        write_atomic(folder / WEIGHTS, source.weights)
    write_atomic(folder / README, _readme(weights=bool(source.weights)).encode())
    write_atomic(folder / CODE, code.encode("utf-8"))
    print(f"{folder.name}: {CODE} of {source.told}")
    return 0


def _source(path: Path, project: Project, run: str | None) -> Source:
    """Return the named or newest run; the project alone while it has none."""
    if run is None and not any(runs_folder(path).glob("*/run.db")):
        dataset, report = examine(project, path.parent)
        report.raise_errors()
        return Source(project, dataset, b"", f"{path.name}, which has no run yet: no weights")
    from seqstudio.engine.checkpoint import model_tensors

    model = trained(find_run(path, run), path.parent)
    tensors = model_tensors(model.model)
    weights = save({key.removeprefix(PREFIX): value.numpy() for key, value in tensors.items()})
    told = f"{model.run}, {WEIGHTS} of step {model.step:,}"
    return Source(model.project, model.dataset, weights, told)


def _make(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        what = f"{folder.name} is a file"
        raise StorageError(what, "the model goes into a folder", "Choose another name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def _readme(*, weights: bool) -> str:
    load = "model = Model(); load_weights(model, 'weights.safetensors'); model.eval()"
    if not weights:
        load = "model = Model()  # there was no trained run, so the weights are random"
    return (
        "This model needs Python and torch (pip install torch), nothing else.\n"
        f"In this folder: from model import Model, load_weights; {load}\n"
        "predictions, state = model(inputs, state): state None starts, pass it on to go on.\n"
    )
