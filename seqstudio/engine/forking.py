"""A run that left another one: it repeats the steps from a checkpoint to the fork, then turns.

`Replay` is a trainer that repeats recorded steps with the learning rates on record, so it takes
the same way also where the budget is one of minutes. `adopt` hands what was learnt to a trainer
of the changed project: what fits is kept, what does not starts fresh.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.data.dataset import Dataset
from seqstudio.document.project import Project, parse_project
from seqstudio.engine import checkpoint as store
from seqstudio.engine.cadence import Trial
from seqstudio.engine.learner import Learner
from seqstudio.engine.model import flat_state, nest_state
from seqstudio.engine.opening import carry_over
from seqstudio.engine.snapshot import everything, restore
from seqstudio.engine.trainer import MakeLearner, Trainer
from seqstudio.records.messages import Event, LiveChanged, Progress, Start
from seqstudio.records.readings import Metrics

TOLD_S = 0.25


class Replay(Trainer):
    """Repeats the steps of another run from a checkpoint, or from the start, up to a fork.

    Attributes:
        until: Last step to repeat.
        apart: Largest difference between a repeated loss and the recorded one; 0.0 when all are
            equal bit for bit.
    """

    until = 0
    apart = 0.0

    def __init__(
        self,
        start: Start,
        project: Project,
        dataset: Dataset,
        emit: Callable[[Event], None],
        learner: MakeLearner,
    ) -> None:
        self._pass_on = emit
        self._seconds: dict[int, float] = {}
        self._losses: dict[int, float] = {}
        self._live: list[LiveChanged] = []
        self._told_s = 0.0
        super().__init__(replace(start, probes=False), project, dataset, self._compare, learner)

    def follow(self, until: int, rows: Metrics, live: Sequence[LiveChanged]) -> None:
        """Set what is to be repeated.

        Args:
            until: Last step to repeat.
            rows: The recorded steps; one that is missing is trained with the rate of the schedule.
            live: Changes of live settings, in order.
        """
        self.until = until
        steps = rows.steps.tolist()
        self.learner.rates = dict(zip(steps, rows.rate.tolist(), strict=True))
        self._seconds = dict(zip(steps, rows.seconds.tolist(), strict=True))
        self._losses = dict(zip(steps, rows.loss.tolist(), strict=True))
        self._live = [each for each in live if each.step >= self.step]

    @property
    def over(self) -> bool:
        """Whether the fork is reached."""
        return self.step >= self.until

    @override
    def advance(self) -> bool:
        """Repeat one step; nothing else is done meanwhile. False when the fork is reached."""
        if self.over:
            return False
        while self._live and self._live[0].step <= self.step:
            change = self._live.pop(0)
            self.set_live(change.name, change.value)
        self._train()
        self.seconds = self._seconds.get(self.step, self.seconds)
        if self.step >= self.until:
            self.flush()
        self._tell_progress()
        return True

    def _compare(self, event: Event) -> None:
        """Pass on what is said, and hold every repeated loss to the recorded one."""
        if isinstance(event, Metrics):
            for step, loss in zip(event.steps.tolist(), event.loss.tolist(), strict=True):
                gap = abs(loss - self._losses.get(step, loss))
                self.apart = max(self.apart, gap if math.isfinite(gap) else math.inf)
        self._pass_on(event)

    def _tell_progress(self) -> None:
        now = time.monotonic()
        if self.over or now - self._told_s > TOLD_S:
            self._told_s = now
            share = self.step / max(self.until, 1)
            self._pass_on(Progress(f"Repeating the steps up to {self.until:,}", share))


def open_replay(start: Start, project: str, emit: Callable[[Event], None]) -> Replay:
    """Open the other run's project at the newest checkpoint of the fork's folder.

    Args:
        start: The start of the fork.
        project: Text of the other run's project.
        emit: Where everything is told.

    Raises:
        SeqError: The project, its data or the checkpoint is no good.
    """
    kept = (Path(start.folder) / store.FOLDER / "latest.json").exists()
    opened = Replay.open(replace(start, project=project, resume=kept), emit)
    return cast("Replay", opened)


def has_turned(start: Start, project: str, step: int) -> bool:
    """Tell whether a fork has a checkpoint of its own way, with another graph or a later step.

    Args:
        start: The start of the fork.
        project: Text of the other run's project.
        step: Last step that both share.
    """
    try:
        latest = store.load_latest(Path(start.folder))
    except SeqError:
        return False
    own, others = (store.fingerprint(parse_project(t).graph) for t in (start.project, project))
    return latest.step > step or (own != others and latest.meta.get("graph_hash") == own)


def turn(start: Start, old: Trainer, emit: Callable[[Event], None]) -> tuple[Trainer, list[str]]:
    """Open the fork's own project where the replay ended, and save it there.

    Returns:
        The trainer, and the names of the parameters that start fresh.

    Raises:
        SeqError: The project or its data is no good, or the checkpoint cannot be written.
    """
    stand = Stand.of(old)  # before a new model draws from the same random numbers
    new = Trainer.open(replace(start, resume=False, device=str(old.device)), emit)
    fresh = adopt(new, stand)
    new.checkpoint()
    return new, fresh


@dataclass(frozen=True)
class Stand:
    """Where a trainer stands, with all that an exact continuation needs.

    Attributes:
        trainer: The trainer itself.
        tensors: As in a checkpoint.
        meta: As in a checkpoint.
    """

    trainer: Trainer
    tensors: dict[str, Tensor]
    meta: dict[str, Any]

    @classmethod
    def of(cls, trainer: Trainer) -> Stand:
        """Return where a trainer stands now."""
        return cls(trainer, *everything(trainer))


def adopt(new: Trainer, stand: Stand) -> list[str]:
    """Let a trainer of a changed project go on where another one stands.

    Weights, moments of the optimizer, carried state, random numbers and the place in the data are
    taken over where they fit; with an unchanged project that is an exact continuation.

    Returns:
        Names of the parameters that start fresh.
    """
    old, trial, fresh = stand.trainer, new.trial, list[str]()
    if _alike(new, old):
        restore(new, store.Checkpoint(old.step, stand.tensors, stand.meta))
        # the change may be one of the live settings
        new.learner.take_settings(new.project.training)
    else:
        fresh = _take_what_fits(new, old)
        new.learner.step, new.tokens, new.seconds = old.step, old.tokens, old.seconds
        _set_random(new, stand.tensors)
    if not (_same_graph(new, old) and _has_best(new)):
        new.best, new.best_step = math.inf, -1
    if _how(new) != _how(old):
        new.settle(trial)
    elif old.trial.over:
        new.settle(Trial.settled(old.setup))
    return fresh


def _set_random(trainer: Trainer, tensors: dict[str, Tensor]) -> None:
    torch.set_rng_state(tensors["random/torch"])
    if trainer.device.type == "cuda" and "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"], trainer.device)


def _same_graph(new: Trainer, old: Trainer) -> bool:
    return store.fingerprint(new.project.graph) == store.fingerprint(old.project.graph)


def _alike(new: Trainer, old: Trainer) -> bool:
    """Tell whether everything in a checkpoint of `old` fits `new`."""
    kept = ("batch", "accumulate", "optimizer", "seed", "carry")
    mine, theirs = new.project.training, old.learner.settings
    same = all(getattr(mine, name) == getattr(theirs, name) for name in kept)
    return same and _same_graph(new, old) and _same_data(new, old)


def _same_data(new: Trainer, old: Trainer) -> bool:
    return new.dataset.content_hash == old.dataset.content_hash


def _how(trainer: Trainer) -> tuple[str, int, bool]:
    settings = trainer.project.training
    return settings.precision, settings.threads, settings.compile


def _has_best(trainer: Trainer) -> bool:
    """Tell whether the fork got the best weights of the run that it left."""
    if trainer.folder is None:
        return False
    try:
        return store.load_checkpoint(trainer.folder, "best").step == trainer.best_step
    except SeqError:
        return False


def _take_what_fits(new: Trainer, old: Trainer) -> list[str]:
    carried = carry_over(old.model, new.model)
    if type(new.learner.optimizer) is type(old.learner.optimizer):
        _take_moments(new.learner, old.learner, carried.kept)
    seeds = new.project.training.seed, old.project.training.seed
    if _same_data(new, old) and seeds[0] == seeds[1]:
        new.batches.seek(old.batches.position())
    fits = _same_data(new, old) and new.carry == old.carry and not carried.fresh
    if fits and new.batches.rows == old.batches.rows and old.learner.state is not None:
        flat = {key: value.clone() for key, value in flat_state(old.learner.state).items()}
        new.learner.state = nest_state(flat, new.model)
    else:
        new.batches.restart = True  # without its state every row begins anew
    return carried.fresh


def _take_moments(new: Learner, old: Learner, kept: Sequence[str]) -> None:
    before = dict(old.model.named_parameters())
    for name, parameter in new.model.named_parameters():
        source = before.get(name)
        if name not in kept or source is None or source.shape != parameter.shape:
            continue
        if source in old.optimizer.state:
            new.optimizer.state[parameter] = {
                key: value.detach().clone() if isinstance(value, Tensor) else value
                for key, value in old.optimizer.state[source].items()
            }
