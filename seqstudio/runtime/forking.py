"""Forking: a new run that shares the past of another one up to a step, and then goes its own way.

The folder of the new run gets the record up to that step, the nearest checkpoint at or before it
and `fork.json`: what the steps between the two did, so that the trainer can repeat them exactly.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seqstudio.core.errors import RunError, SeqError
from seqstudio.core.files import read_bytes, storage_error, write_atomic
from seqstudio.document.project import Project, load_project, parse_project, project_text
from seqstudio.records.messages import LiveChanged
from seqstudio.records.readings import Metrics
from seqstudio.runtime.archive import copy_record, first_project, open_run
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.series import rows
from seqstudio.runtime.store import DATABASE, PROJECT, RunStore, metric_bytes, metrics_of

FORK = "fork.json"
LIMIT_BYTES = 256_000_000
ATTEMPTS = 5
_CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class ForkPoint:
    """Where a run left another one.

    Attributes:
        parent: Name of the other run.
        step: Last step that both share.
        begin: Step of the checkpoint that the replay starts from, 0 for the very beginning.
        project: Text of the project as the other run trained.
        rows: The recorded steps after `begin` up to `step`.
        live: Live changes among them, in order.
        done: The replay is over: the run is on its own.
    """

    parent: str
    step: int
    begin: int
    project: str
    rows: Metrics
    live: tuple[LiveChanged, ...] = ()
    done: bool = False


def fork_run(parent: Path, step: int, folder: Path, change: Project | None = None) -> ForkPoint:
    """Make the folder of a run that leaves `parent` after `step`; the trainer resumes it.

    Args:
        parent: Folder of the run to leave, which may be going on.
        step: Last step to share, at most the newest on record.
        folder: Folder to make.
        change: The project to go on with; None: as the other run trained at that step.

    Returns:
        Where the two part, and what is to be repeated.

    Raises:
        RunError: The record cannot be read, has no such step, or `folder` is taken.
        StorageError: The folder cannot be written.
    """
    history = open_run(parent, readings=False)
    newest = history.step
    if not 0 <= step <= newest:
        raise RunError(
            f"{parent.name} cannot be forked at step {step:,}",
            f"it has recorded steps 0 to {newest:,}",
            "Choose a step among them",
        )
    if folder.exists():
        raise RunError(f"There is already a run {folder.name}", "", "Choose another name")
    try:
        begin = _bring_checkpoints(parent, folder, step)
        text = _text_at(parent, history, step)
        _refuse_edits(parent.name, history, begin, step)
        point = _point(parent.name, history, text, begin, step)
        new = change or project_at(parent, step)
        _store(folder / FORK, point)
        copy_record(parent, folder / DATABASE)
        RunStore.fork(folder, project_text(new), step, begin).close()
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise storage_error(folder, error) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return point


def project_at(parent: Path, step: int) -> Project:
    """Return the project of a run with the live settings that were in force at a step.

    Raises:
        SeqError: The run cannot be read.
    """
    history = open_run(parent, readings=False)
    project = parse_project(_text_at(parent, history, step), parent.name)
    since = max((each.step for each in history.edits if each.step < step), default=-1)
    training, sampling = project.training, project.sampling
    names = {param.name for param in training.PARAMS}
    for change in history.live:
        if since <= change.step < step and change.name in names:
            training = training.with_value(change.name, change.value)
        elif since <= change.step < step:
            sampling = sampling.with_value(change.name, change.value)
    return replace(project, training=training, sampling=sampling)


def _text_at(parent: Path, history: RunHistory, step: int) -> str:
    """Return the text of the project that trained a step: its graph may have been edited since.

    Raises:
        SeqError: It is not known any more.
    """
    before = [each for each in history.edits if each.step < step]
    if before:
        return before[-1].project
    if not history.edits:
        return project_text(load_project(parent / PROJECT))
    text = first_project(parent)
    if not text:
        raise RunError(
            f"{parent.name} cannot be forked at step {step:,}",
            f"its graph was edited at step {history.edits[0].step:,}, and the one before is gone",
            "Choose a later step",
        )
    return text


def _refuse_edits(name: str, history: RunHistory, begin: int, step: int) -> None:
    between = [each.step for each in history.edits if begin < each.step < step]
    if between:
        raise RunError(
            f"{name} cannot be forked at step {step:,}",
            f"its graph was edited at step {between[-1]:,}, and no checkpoint since is kept",
            f"Fork it at step {between[0]:,} or before, or at a later one",
        )


def load_fork(folder: Path) -> ForkPoint | None:
    """Return where a run left another one, None when it began by itself.

    Raises:
        RunError: The note about it is damaged.
    """
    path = folder / FORK
    if not path.exists():
        return None
    try:
        content = json.loads(read_bytes(path, LIMIT_BYTES))
        return ForkPoint(
            parent=str(content["parent"]),
            step=int(content["step"]),
            begin=int(content["begin"]),
            project=str(content["project"]),
            rows=metrics_of(base64.b64decode(content["rows"], validate=True), 0.0),
            live=tuple(LiveChanged(int(k), str(n), float(v)) for k, n, v in content["live"]),
            done=bool(content["done"]),
        )
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise RunError(
            f"What {folder.name} was forked from is not readable",
            f"{path}: {error}",
            "Fork it again from the other run",
        ) from error


def forked_from(folder: Path) -> str:
    """Return "lstm-1 at step 1,200", or "" for a run that began by itself."""
    with suppress(SeqError):
        point = load_fork(folder)
        return f"{point.parent} at step {point.step:,}" if point else ""
    return ""


def end_replay(folder: Path, point: ForkPoint) -> None:
    """Note that the run is on its own now; the recorded steps are not needed any more.

    Raises:
        StorageError: It cannot be written.
    """
    _store(folder / FORK, replace(point, rows=rows(point.rows, slice(0, 0)), live=(), done=True))


def checkpoint_steps(folder: Path) -> list[int]:
    """Return the steps of the checkpoints that a run keeps, ascending."""
    found = {_step_of(path) for path in (folder / _CHECKPOINTS).glob("step-*.json")}
    return sorted(step for step in found if step >= 0)


def _point(name: str, history: RunHistory, project: str, begin: int, step: int) -> ForkPoint:
    curves = history.curves.as_metrics()
    between = np.flatnonzero((curves.steps > begin) & (curves.steps <= step))
    live = tuple(each for each in history.live if begin <= each.step < step)
    return ForkPoint(name, step, begin, project, rows(curves, between), live)


def _store(path: Path, point: ForkPoint) -> None:
    content = {
        "parent": point.parent,
        "step": point.step,
        "begin": point.begin,
        "project": point.project,
        "rows": base64.b64encode(metric_bytes(point.rows)).decode("ascii"),
        "live": [[each.step, each.name, each.value] for each in point.live],
        "done": point.done,
    }
    write_atomic(path, json.dumps(content).encode("utf-8"))


# ------------------------------------------------------------------------------- checkpoints


def _bring_checkpoints(parent: Path, folder: Path, step: int) -> int:
    """Bring the checkpoint to start from, and the best one if it is old enough; return its step.

    A run that goes on may drop the chosen one in the meantime; then the next nearest is taken.
    """
    home = folder / _CHECKPOINTS
    home.mkdir(parents=True)
    for _ in range(ATTEMPTS):
        found = [(_step_of(path), path) for path in (parent / _CHECKPOINTS).glob("step-*.json")]
        old_enough = [each for each in found if 0 <= each[0] <= step]
        if not old_enough:
            return 0
        begin, path = max(old_enough)
        try:
            _bring(path, home)
        except FileNotFoundError:
            continue
        pointer = json.dumps({"latest": path.stem, "previous": ""})
        write_atomic(home / "latest.json", pointer.encode("ascii"))
        _bring_best(parent, home, step)
        return begin
    raise RunError(
        f"The checkpoints of {parent.name} change too quickly", "", "Pause it and fork it again"
    )


def _bring_best(parent: Path, home: Path, step: int) -> None:
    path = parent / _CHECKPOINTS / "best.json"
    with suppress(FileNotFoundError):
        if 0 <= _step_of(path) <= step:
            _bring(path, home)
            if _step_of(path) > step:  # replaced in between
                for name in ("best.json", "best.safetensors"):
                    (home / name).unlink(missing_ok=True)


def _bring(path: Path, home: Path) -> None:
    """Link or copy a checkpoint: its files are only ever replaced, never changed in place."""
    for source in (path.with_suffix(".safetensors"), path):
        target = home / source.name
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, target)


def _step_of(path: Path) -> int:
    """Return the step of a checkpoint from its description, -1 when it has none."""
    try:
        step = json.loads(path.read_bytes())["step"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return -1
    return step if isinstance(step, int) else -1
