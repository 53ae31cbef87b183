"""A model as a folder that needs only torch: source, weights, training script, words."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from seqstudio.blocks.code import model_code, plain_names
from seqstudio.core.errors import RunError
from seqstudio.core.files import write_atomic
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.document.project import Project
from seqstudio.engine.checkpoint import model_tensors
from seqstudio.engine.exchange.script import training_script
from seqstudio.engine.model import GraphModel

_SCRIPT_WORDS = (
    "train.py needs torch and numpy. It trains the model from the start with the same\n"
    "data, seed, batches and optimizer, and writes trained.pt.\n"
)
CODE, SCRIPT, WEIGHTS, README = "model.py", "train.py", "weights.safetensors", "README.txt"


@dataclass(frozen=True)
class Taken:
    """What is taken home.

    Attributes:
        project: The project, as it was trained when there is a model.
        dataset: Its data.
        model: The trained model; None for random weights.
    """

    project: Project
    dataset: Dataset
    model: GraphModel | None = None


def weights_of(model: GraphModel) -> bytes:
    """Return the weights of a model as safetensors, under the names of the exported classes."""
    tensors = model_tensors(model)
    names = plain_names(model.plan, tensors)
    return save({names[key]: value.cpu().numpy() for key, value in tensors.items()})


def export_files(taken: Taken) -> Mapping[str, bytes]:
    """Return the files of an export by name.

    Raises:
        GraphError: The graph cannot train.
    """
    project, dataset = taken.project, taken.dataset
    symbols = dataset.vocabulary.symbols if dataset.vocabulary else ()
    facts = facts_of(dataset, project.training)
    files = {CODE: model_code(project.graph, facts, symbols).text.encode()}
    try:
        script = training_script(project, dataset)
        about = _SCRIPT_WORDS
        files[SCRIPT] = script.text.encode()
        files |= {f"{name}.npy": _npy(array) for name, array in script.arrays.items()}
    except RunError as error:
        about = f"{error.what}: {error.why}.\n"
    files[README] = (_readme(taken) + about).encode()
    if taken.model is not None:
        files[WEIGHTS] = weights_of(taken.model)
    return files


def write_export(taken: Taken, folder: Path) -> None:
    """Write the files of an export into a folder that exists.

    Raises:
        SeqError: The graph cannot train, or a file cannot be written.
    """
    for name, content in export_files(taken).items():
        write_atomic(folder / name, content)


def _npy(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bytes:
    target = io.BytesIO()
    np.save(target, array, allow_pickle=False)
    return target.getvalue()


def _readme(taken: Taken) -> str:
    facts = facts_of(taken.dataset, taken.project.training)
    load = "model = Model(); load_weights(model, 'weights.safetensors'); model.eval()"
    if taken.model is None:
        load = "model = Model()  # there was no trained run, so the weights are random"
    inputs = {"ids": "symbols as whole numbers (B, T)", "vectors": "vectors (B, T, D)",
              "picture": "pictures (B, C, H, W)"}[facts.input]  # fmt: skip
    beside = ["state: None starts, pass on what came back to go on"]
    if facts.source:
        beside.append("source: what is read beside the inputs")
    if facts.padded:
        beside.append("lengths: true length of every row (B,), where rows are filled up")
    if facts.padded and facts.source:
        beside.append("source_lengths: the same for the source")
    return (
        "model.py needs Python and torch (pip install torch), nothing else.\n"
        f"In this folder: from model import Model, load_weights; {load}\n"
        f"predictions, state = model(inputs, ...) takes {inputs}, and by name:\n"
        + "".join(f"  {line}\n" for line in beside)
    )
