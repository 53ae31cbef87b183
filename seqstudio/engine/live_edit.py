"""An edited project in the place of the one that trains: what kept its shape keeps its weights.

Everything new is built and tried out first, so a graph that cannot train leaves the run as it is.
Step count, place in the data, schedule and history go on. Parameters that are taken over keep
their optimizer state; those of an opened block get theirs from the block that it was.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from seqstudio.blocks.check import title_of
from seqstudio.blocks.plan import Node
from seqstudio.core.errors import RunError, SeqError
from seqstudio.data.facts import facts_of
from seqstudio.document.project import Project, parse_project, project_text
from seqstudio.document.settings import TrainingSettings
from seqstudio.engine import checkpoint as store
from seqstudio.engine.batches import held_out
from seqstudio.engine.circuit import Cell, Circuit
from seqstudio.engine.devices import refuse_excess
from seqstudio.engine.inputs import as_inputs
from seqstudio.engine.learner import Learner
from seqstudio.engine.model import GraphModel, State, detach, flat_state
from seqstudio.engine.opening import carry_over
from seqstudio.engine.snapshot import everything
from seqstudio.records.faults import GraphApplied
from seqstudio.records.messages import Event, Saved

if TYPE_CHECKING:
    from seqstudio.engine.trainer import Trainer

FIXED = frozenset({"seed", "precision", "threads", "compile"})
"""Settings of training that a run cannot take over with an edit."""

TRIED_ROWS = 2
Keep = Callable[[str], None]
"""Keeps the text of the project beside the record of the run; raises a StorageError."""


@dataclass(frozen=True)
class Edit:
    """What takes the place of what trained so far.

    Attributes:
        project: What is drawn.
        learner: Its model with all that was carried over.
        best: Lowest held-out loss of this graph, and its step.
        carried: Names of the parameters that were taken over.
    """

    project: Project
    learner: Learner
    best: tuple[float, int]
    carried: frozenset[str] = frozenset()


def apply_edit(trainer: Trainer, text: str, keep: Keep) -> tuple[Event, ...]:
    """Go on with an edited project from the next step on.

    Args:
        trainer: The run.
        text: Text of the edited project.
        keep: Keeps that text with the run.

    Returns:
        What is to be told: what became of the blocks, and the checkpoint of it.

    Raises:
        SeqError: The edit cannot train, or cannot be kept; the run is as it was.
    """
    project = parse_project(text)
    refuse_new_run(trainer.project, project)
    before = standing(trainer)
    after = prepare(trainer, project)
    told = _told(before, after, text)
    put(trainer, after)
    after.learner.edited(text)
    try:
        return told, *_keep(trainer, text, before.project, keep)
    except BaseException:
        put(trainer, before)
        after.learner.edit_failed()
        raise


def standing(trainer: Trainer) -> Edit:
    """Return what trains now, to come back to."""
    return Edit(trainer.project, trainer.learner, (trainer.best, trainer.best_step))


def refuse_new_run(old: Project, new: Project) -> None:
    """Refuse an edit that needs a new run.

    Raises:
        RunError: The data, or a setting that is fixed while a run goes on, has changed.
    """
    if old.data != new.data:
        raise RunError(
            "The edit was not applied: the data have changed",
            "a run learns from the data that it began with",
            "Undo the change of the data, or start a new run",
        )
    for param in TrainingSettings.PARAMS:
        same = getattr(old.training, param.name) == getattr(new.training, param.name)
        if param.name in FIXED and not same:
            raise RunError(
                f"The edit was not applied: {param.title} has changed",
                "it is fixed while a run goes on",
                "Undo that change, or start a new run",
            )


def put(trainer: Trainer, edit: Edit) -> None:
    """Let a trainer go on with an edit."""
    trainer.take(edit.project, edit.learner)
    trainer.best, trainer.best_step = edit.best


# ------------------------------------------------------------------------------------- building


def prepare(trainer: Trainer, project: Project) -> Edit:
    """Build what the edit asks for and try it out; the trainer is not touched.

    Raises:
        SeqError: The graph has an error, is too large, or does not run.
    """
    old = trainer.learner
    project = _with_live(project, old.settings)
    refuse_excess(project, facts_of(trainer.dataset, project.training), trainer.device)
    with own_random_numbers(project.training.seed + old.step, trainer.device):
        new = old.another(project, trainer.dataset)
        carried = frozenset(carry_over(old.model, new.model).kept)
        sample = _try_out(new.model, trainer)
    new.step, new.setup, new.plateau = old.step, old.setup, old.plateau
    new.scaler.load_state_dict(old.scaler.state_dict())
    if type(new.optimizer) is type(old.optimizer):
        carry_optimizer(old, new)
    _carry_place(old, new, sample)
    same = store.fingerprint(project.graph) == store.fingerprint(trainer.project.graph)
    best = (trainer.best, trainer.best_step) if same else (math.inf, -1)
    return Edit(project, new, best, carried)


def _with_live(project: Project, settings: TrainingSettings) -> Project:
    """Return the project with the live settings that are in force; they change by themselves."""
    training = project.training
    for param in TrainingSettings.PARAMS:
        if param.live:
            training = training.with_value(param.name, getattr(settings, param.name))
    return replace(project, training=training)


@contextmanager
def own_random_numbers(seed: int, device: torch.device) -> Iterator[None]:
    """Draw from a stream of its own inside: what trains goes on with the numbers it would have."""
    cards = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(cards):
        torch.manual_seed(seed)
        yield


def _try_out(model: GraphModel, trainer: Trainer) -> State:
    """Run a few held-out rows; return the state behind them.

    Raises:
        RunError: The graph does not run.
    """
    window = model.facts.window
    batch = next(held_out(trainer.dataset, window, trainer.device, 2 * window))
    given = as_inputs(batch.inputs)
    rows = given.without_padding(given.alike(TRIED_ROWS))
    try:
        with torch.no_grad():
            _, state = model.eval()(rows)
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        first = str(error).partition("\n")[0]
        raise RunError(
            "The edit was not applied: the graph does not run", first, "Undo the last edit"
        ) from error
    return dict(state)


# -------------------------------------------------------------------------- what is carried over


def carry_optimizer(old: Learner, new: Learner) -> None:
    """Give the parameters of `new` the optimizer state of those of `old` that they came from.

    A parameter that is the sum of two gets their mean: both have the same gradients.
    """
    before, after = old.optimizer.state, new.optimizer.state
    source, target = copy.deepcopy(old.model), copy.deepcopy(new.model)
    counts = _carried(source, target, lambda _: torch.ones(()))
    for key in sorted({key for entry in before.values() for key in entry}):
        values = {
            name: before[parameter][key]
            for name, parameter in old.model.named_parameters()
            if parameter in before and isinstance(before[parameter].get(key), Tensor)
        }
        sums = _carried(source, target, values.get)
        for name, parameter in new.model.named_parameters():
            if name in sums and not bool(sums[name].isnan().any()):
                after[parameter][key] = _like(sums[name] / counts[name], list(values.values()))


def _like(mean: Tensor, values: Sequence[Tensor]) -> Tensor:
    """Return one number where the optimizer keeps one for each parameter, such as its steps."""
    if any(value.dim() for value in values):
        return mean
    return mean.flatten()[0].clone().to(values[0].device)


def _carried(
    source: GraphModel, target: GraphModel, value: Callable[[str], Tensor | None]
) -> dict[str, Tensor]:
    """Return what `carry_over` makes of other numbers than weights; NaN where there are none."""
    with torch.no_grad():
        for name, parameter in source.named_parameters():
            given = value(name)
            if given is None:
                parameter.fill_(math.nan)
            else:
                parameter.copy_(given.expand_as(parameter))
    names = set(carry_over(source, target).kept)
    return {n: p.detach().clone() for n, p in target.named_parameters() if n in names}


def _carry_place(old: Learner, new: Learner, sample: State) -> None:
    """Go on at the same place of the data, with the carried state where its rows are the same."""
    place = old.batches.position()
    alike = (old.carry, old.batches.rows, old.batches.window) == (
        new.carry, new.batches.rows, new.batches.window,
    )  # fmt: skip
    new.batches.seek(place if alike else {**place, "offset": 0, "restart": True})
    if alike and new.carry and old.state is not None:
        new.state = carry_state(old, new, sample)


def carry_state(old: Learner, new: Learner, sample: State) -> State | None:
    """Return the carried state for the new model; blocks without one begin from zeros.

    Args:
        old: What trained so far.
        new: What trains from now on.
        sample: A state of the new model, for its shapes.
    """
    before = {node.block: node for node in old.model.nodes}
    kept: State = {}
    for node in new.model.nodes:
        if node.memory != "state" or node.block not in (old.state or {}):
            continue
        assert old.state is not None
        value, module = old.state[node.block], new.model.blocks[node.name]
        if not isinstance(old.model.blocks[before[node.block].name], Circuit):
            value = _opened_state(value, module)
        if _shapes(value) == _shapes(sample[node.block]):
            kept[node.block] = value
    return kept or None


def _opened_state(value: Any, module: nn.Module) -> Any:
    """Return the state of a fused block, a list of layers, as its opened form keeps it."""
    if isinstance(module, Cell) and len(value) == 1:
        parts = value[0] if isinstance(value[0], tuple) else (value[0],)
        return dict(zip(("h", "c"), parts, strict=False))
    if isinstance(module, Circuit):
        layers = {f"layer{n + 1}": value[n : n + 1] for n in range(len(value))}
        return {
            node.block: _opened_state(layers[node.block], module.blocks[node.name])
            for node in module.nodes
            if node.block in layers
        }
    return value


def _shapes(value: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a state by path, without the number of rows."""
    flat = flat_state(detach({"": value}))
    return {path: (*tensor.shape[:1], *tensor.shape[2:]) for path, tensor in flat.items()}


# ------------------------------------------------------------------------------------ in words


def _told(before: Edit, after: Edit, text: str) -> GraphApplied:
    old, new = before.learner.model, after.learner.model
    names, old_names = _names(new, after.project), _names(old, before.project)
    fates = {node.block: _fate(node, old, new, after.carried) for node in new.nodes}

    def those(*wanted: str) -> tuple[str, ...]:
        return tuple(
            f"{names[block]} (in part)" if fate == "in part" else names[block]
            for block, fate in fates.items()
            if fate in wanted
        )

    return GraphApplied(
        step=before.learner.step,
        kept=those("kept"),
        transferred=those("transferred"),
        fresh=those("fresh", "in part"),
        gone=tuple(old_names[n.block] for n in old.nodes if n.block not in fates and _own(old, n)),
        parameters=new.parameter_count(),
        project=text,
    )


def _fate(node: Node, old: GraphModel, new: GraphModel, carried: frozenset[str]) -> str:
    """Return what became of a block's weights, "" when it has none."""
    own = _own(new, node)
    if not own:
        return ""
    taken = [name for name in own if name in carried]
    if not taken:
        return "fresh"
    if len(taken) < len(own):
        return "in part"
    before = dict(old.named_parameters())
    return "kept" if all(name in before for name in taken) else "transferred"


def _own(model: GraphModel, node: Node) -> list[str]:
    return [n for n, _ in model.named_parameters() if n.startswith(f"blocks.{node.name}.")]


def _names(model: GraphModel, project: Project) -> Mapping[str, str]:
    """Return what people call the blocks; those of the same name have their id behind it."""
    titles = {n.block: title_of(project.graph.blocks[n.block]) for n in model.nodes}
    often = Counter(titles.values())
    return {key: f"{t} ({key})" if often[t] > 1 else t for key, t in titles.items()}


# ------------------------------------------------------------------------------------- keeping


def _keep(trainer: Trainer, text: str, old: Project, keep: Keep) -> tuple[Saved, ...]:
    """Write the project and a checkpoint of it, so that a run goes on exactly from here.

    First the checkpoint, then the project, then the note which checkpoint is the newest: after a
    crash in between, `load_matching` finds the one that belongs to the project.

    Raises:
        StorageError: It cannot be written.
    """
    folder = trainer.folder
    if folder is None:
        return ()
    tensors, meta = everything(trainer)
    name = store.free_name(folder, f"step-{trainer.step:09d}")
    path = store.save_checkpoint(folder, name, tensors, meta)
    keep(text)
    try:
        store.mark_latest(folder, name, trainer.project.training.checkpoints)
    except SeqError:
        with suppress(SeqError):
            keep(project_text(old))
        raise
    if trainer.best_step < 0:  # the best weights were those of another graph
        for end in (".json", ".safetensors"):
            path.with_name(f"best{end}").unlink(missing_ok=True)
    return (Saved(trainer.step, str(path), best=False),)


def load_matching(folder: Path, project: Project, back_to: int = -1) -> store.Checkpoint:
    """Load the newest good checkpoint of a run that belongs to the graph of a project.

    Args:
        folder: Folder of the run.
        project: What it trains.
        back_to: Take none of a later step, and let the run go on from the one found; -1: any.

    Raises:
        SeqError: There is none.
    """
    wanted = store.fingerprint(project.graph)
    newest = store.load_latest(folder) if back_to < 0 else None
    if newest is not None and newest.meta.get("graph_hash") == wanted:
        return newest
    for step, name in checkpoints_of(folder):
        if step <= back_to or back_to < 0:
            with suppress(SeqError):
                found = store.load_checkpoint(folder, name)
                if found.meta.get("graph_hash") == wanted:
                    store.mark_latest(folder, name, project.training.checkpoints)
                    return found
    if newest is not None:
        return newest  # restoring it says what does not fit
    raise RunError(
        f"There is no checkpoint of this graph at step {back_to:,} or before",
        "older ones make room for newer ones",
        "Resume from the newest one, or start a new run",
    )


def newest_before(folder: Path | None, step: int) -> int:
    """Return the newest step below `step` with a checkpoint, -1 without."""
    steps = [found for found, _ in checkpoints_of(folder) if found < step] if folder else []
    return max(steps, default=-1)


def checkpoints_of(folder: Path) -> list[tuple[int, str]]:
    """Return step and name of the checkpoints of a run, newest first."""
    names = [path.stem for path in (folder / store.FOLDER).glob("step-*.safetensors")]
    steps = {name: name.removeprefix("step-").rstrip("b") for name in names}
    return sorted(((int(n), name) for name, n in steps.items() if n.isdigit()), reverse=True)
