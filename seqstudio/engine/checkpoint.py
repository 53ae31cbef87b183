"""Checkpoints: everything a run needs to continue bit for bit. Tensors and JSON, no pickle.

A run folder holds `checkpoints/NAME.safetensors` with weights, optimizer, carried state and the
random generators, and `checkpoints/NAME.json` with the rest. `latest.json` names the newest; it is
written last, so a crash in between leaves the one before in force.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from seqstudio.core.errors import RunError, SeqError
from seqstudio.core.files import read_bytes, storage_error, write_atomic
from seqstudio.document.graph import Graph
from seqstudio.engine.model import GraphModel

FOLDER = "checkpoints"
VERSION = 1
HEADER_LIMIT = 1_000_000
FILE_LIMIT = 16_000_000_000
LADDER = 24
LADDER_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        step: Optimizer steps done.
        tensors: By path: "model/...", "optimizer/...", "state/...", "random/...".
        meta: Plain numbers and words.
    """

    step: int
    tensors: dict[str, Tensor]
    meta: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors below `prefix/`, without it."""
        cut = len(prefix) + 1
        return {
            key[cut:]: value for key, value in self.tensors.items() if key.startswith(prefix + "/")
        }


def fingerprint(graph: Graph) -> str:
    """Return a hash of what decides the weights: blocks, settings and wires, not their places."""
    blocks = [[b.id, b.kind, sorted(b.params.items())] for b in graph]
    wires = sorted([w.source, w.out, w.target, w.into] for w in graph.wires)
    return hashlib.sha256(json.dumps([sorted(blocks), wires]).encode()).hexdigest()


def model_tensors(model: GraphModel) -> dict[str, Tensor]:
    """Return weights and buffers by name, shared ones once (safetensors refuses them twice)."""
    seen: set[int] = set()
    tensors = {}
    for name, value in model.state_dict().items():
        if value.data_ptr() in seen and value.numel():
            continue
        seen.add(value.data_ptr())
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
    return tensors


def load_model(model: GraphModel, tensors: dict[str, Tensor]) -> None:
    """Put weights into a model of the same graph.

    Raises:
        RunError: A name, shape or number type does not match; the model stays as it was.
    """
    wanted = model_tensors(model)
    if wanted.keys() != tensors.keys():
        odd = sorted(wanted.keys() ^ tensors.keys())[0]
        raise RunError("The checkpoint is of another graph", f"{odd} does not match")
    for name, value in wanted.items():
        if value.shape != tensors[name].shape or value.dtype != tensors[name].dtype:
            why = f"{name} is {tuple(tensors[name].shape)}, the graph needs {tuple(value.shape)}"
            raise RunError("The checkpoint is of another graph", why)
    model.load_state_dict(tensors, strict=False)  # shared weights are there once


def save_checkpoint(
    folder: Path, name: str, tensors: dict[str, Tensor], meta: dict[str, Any]
) -> Path:
    """Write a checkpoint and make it the latest of its kind; older ones than two go.

    Raises:
        StorageError: It cannot be written; the checkpoint before stays in force.
    """
    home = folder / FOLDER
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(home, error) from error
    path = home / f"{name}.safetensors"
    data = save_tensors({key: value.contiguous() for key, value in tensors.items()})
    write_atomic(path, data)
    record = {"version": VERSION, "sha256": hashlib.sha256(data).hexdigest(), **meta}
    write_atomic(path.with_suffix(".json"), _json(record))
    return path


def free_name(folder: Path, name: str) -> str:
    """Return `name`, or a variant of it when the latest checkpoint already has it.

    A checkpoint in force is never written over: a crash between its two files would lose it.
    """
    taken = _pointer(folder / FOLDER / "latest.json").get("latest", "")
    return f"{name}b" if taken == name else name


def mark_latest(folder: Path, name: str, ladder: int = LADDER) -> None:
    """Make a checkpoint the one that a run continues from, and drop those not needed any more.

    Args:
        folder: Folder of the run.
        name: The checkpoint.
        ladder: How many older ones stay, to fork from, beside it and the one before it; fewer
            where they would need more than `LADDER_BYTES`.
    """
    home = folder / FOLDER
    pointer = home / "latest.json"
    before = _pointer(pointer)
    write_atomic(pointer, _json({"latest": name, "previous": before.get("latest", "")}))
    keep = {name, before.get("latest", ""), "best"}
    size = max((home / f"{name}.safetensors").stat().st_size, 1)
    older = [path.stem for path in home.glob("step-*.safetensors") if path.stem not in keep]
    steps = {_step_in(each): each for each in sorted(older) if _step_in(each) < _step_in(name)}
    keep |= {steps[step] for step in rungs(steps, min(ladder, LADDER_BYTES // size))}
    for path in home.glob("*.safetensors"):
        if path.stem not in keep:
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink(missing_ok=True)


def rungs(steps: Iterable[int], count: int) -> list[int]:
    """Return at most `count` of the steps, first and last among them, as evenly as they lie."""
    kept = sorted(steps)
    while len(kept) > max(count, 0):
        gaps = [after - before for before, after in zip(kept, kept[2:], strict=False)]
        # the one that leaves the smallest gap goes; one alone is the newest
        del kept[gaps.index(min(gaps)) + 1 if gaps else 0]
    return kept


def _step_in(name: str) -> int:
    digits = name.removeprefix("step-").rstrip("b")
    return int(digits) if digits.isdigit() else -1


def load_latest(folder: Path) -> Checkpoint:
    """Load the newest good checkpoint of a run: the latest, or the one before it.

    Raises:
        RunError: There is none, or both are damaged.
    """
    pointer = _pointer(folder / FOLDER / "latest.json")
    names = [pointer.get("latest", ""), pointer.get("previous", "")]
    failure: SeqError | None = None
    for name in names:
        if name:
            try:
                return load_checkpoint(folder, name)
            except SeqError as error:
                failure = failure or error
    if failure is not None:
        raise failure
    raise RunError("This run has no checkpoint yet", f"nothing in {folder.name}", "Train it first")


def load_best(folder: Path) -> Checkpoint:
    """Load the checkpoint with the lowest held-out loss, or the latest where there is none."""
    if (folder / FOLDER / "best.json").exists():
        return load_checkpoint(folder, "best")
    return load_latest(folder)


def load_checkpoint(folder: Path, name: str) -> Checkpoint:
    """Load one checkpoint.

    Raises:
        RunError: Missing, damaged, incomplete, or written by a newer program.
    """
    path = folder / FOLDER / f"{name}.safetensors"
    try:
        meta = json.loads(read_bytes(path.with_suffix(".json"), 4_000_000))
        if not isinstance(meta, dict) or not isinstance(meta.get("step"), int):
            raise RunError(f"The checkpoint {name} is damaged", "its description is not readable")
        if meta.get("version", 0) > VERSION:
            raise RunError(f"The checkpoint {name} is from a newer SeqStudio", "", "Update it")
        data = read_bytes(path, FILE_LIMIT)
        if hashlib.sha256(data).hexdigest() != meta.get("sha256"):
            raise RunError(f"The checkpoint {name} is damaged", "its content has changed")
        return Checkpoint(meta["step"], read_tensors(data, name), meta)
    except (ValueError, RecursionError) as error:
        raise RunError(f"The checkpoint {name} is damaged", str(error)) from error


def read_tensors(data: bytes, name: str) -> dict[str, Tensor]:
    """Read the bytes of a safetensors file, with limits on its header.

    Raises:
        RunError: Not safetensors, damaged, with a huge header or with a name twice.
    """
    refused = RunError(f"{name} is not a good weights file", "it is damaged or of another kind")
    if len(data) < 8 or struct.unpack("<Q", data[:8])[0] > HEADER_LIMIT:
        raise refused

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) != len(pairs):
            raise refused
        return table

    try:
        size = struct.unpack("<Q", data[:8])[0]
        json.loads(data[8 : 8 + size], object_pairs_hook=once)
        return load_tensors(data)
    except (SafetensorError, ValueError, RecursionError) as error:
        raise refused from error


def optimizer_tensors(
    optimizer: torch.optim.Optimizer,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Take an optimizer's state apart into tensors and plain numbers."""
    tensors, numbers = {}, {}
    for index, entries in optimizer.state_dict()["state"].items():
        for key, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{index}/{key}"] = value.detach().to("cpu", copy=True)
            else:
                numbers[f"{index}/{key}"] = value
    return tensors, numbers


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], numbers: dict[str, Any]
) -> None:
    """Put back what `optimizer_tensors` took apart."""
    state: dict[int, dict[str, Any]] = {}
    for path, value in {**numbers, **tensors}.items():
        index, key = path.split("/", 1)
        state.setdefault(int(index), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode()


def _pointer(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: str(value) for key, value in content.items()}
