"""One model trained by several processes: each takes its rows of every batch, gradients add up.

`settings.batch` is the batch of all processes together. Every process draws the very batch that
one process alone would draw, and keeps its own rows, so the order of the data does not depend on
how many there are. The loss is the sum over a process's rows divided by the predictions that are
asked over all rows; summed gradients are then those of the one mean, however rows are spread.

Rank 0 is an ordinary trainer whose learner shares its steps; the others are learners that obey.
Dropout differs from rank to rank: rank 0 goes on with the run's own random numbers, the others
begin anew at every step from the seed, the step and their rank.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from typing_extensions import override

from seqstudio.core.errors import RunError
from seqstudio.data.dataset import Dataset
from seqstudio.document.project import Project
from seqstudio.document.settings import TrainingSettings
from seqstudio.engine.batches import Batches, Window
from seqstudio.engine.cadence import Setup, Trial
from seqstudio.engine.checkpoint import Checkpoint, load_latest, model_tensors
from seqstudio.engine.devices import cores
from seqstudio.engine.evaluation import Score, rows_of, score
from seqstudio.engine.learner import Learner, Learnt
from seqstudio.engine.losses import asked
from seqstudio.engine.model import GraphModel, State, detach, flat_state, forget_row, nest_state
from seqstudio.engine.ranks import Kind, LostError, Order, Ranks
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Event, Start

PRECISIONS = ("float32", "bfloat16", "float16")
_SPREAD = 1_000_003  # keeps the seeds of neighbouring steps and ranks apart


class OwnRows(Batches):
    """Draws the batches of all processes and keeps the rows of this one.

    Attributes:
        terms: Predictions that are asked in the whole of the last batch, ().
    """

    def __init__(
        self,
        dataset: Dataset,
        settings: TrainingSettings,
        carry: bool,
        device: torch.device,
        ranks: Ranks,
    ) -> None:
        super().__init__(dataset, settings, carry, device)
        self._ranks = ranks
        self.terms = torch.ones(())

    @override
    def next(self) -> Window:
        """Return this process's rows of the next batch."""
        whole = super().next()
        self.terms = asked(whole.targets).sum().clamp(min=1)
        own = self._ranks.slice_of(len(whole.targets))
        return replace(whole, inputs=rows_of(whole.inputs, own), targets=whole.targets[own])


class _Pass(nn.Module):
    """The forward pass as one module whose only way back is the losses.

    What is computed for a state alone gets no gradient, and must not be waited for.
    """

    def __init__(self, model: GraphModel) -> None:
        super().__init__()
        self.model = model

    @override
    def forward(
        self, batch: Window, state: State | None, half: tuple[torch.dtype, bool], smoothing: float
    ) -> tuple[Tensor, State]:
        kind, enabled = half
        with torch.autocast(batch.main.device.type, dtype=kind, enabled=enabled):
            outputs, after = self.model(batch.inputs, state)
        return self.model.losses(outputs, batch.targets, smoothing), detach(after)


class SharedLearner(Learner):
    """A learner that does its steps together with those of the other processes.

    On rank 0 it gives the orders that the others follow.

    Raises:
        RunError: There are more processes than rows in a batch.
    """

    def __init__(
        self, project: Project, dataset: Dataset, device: torch.device, ranks: Ranks
    ) -> None:
        super().__init__(project, dataset, device)
        _refuse_few_rows(self.settings, ranks)
        self.batches: OwnRows = OwnRows(dataset, self.settings, self.carry, device, ranks)
        self._ranks = ranks
        self._group: Any = None
        self._together: DistributedDataParallel | None = None
        self._told_rate = 0.0
        self._in_step = True  # False while, or because, a step did not end as on the others

    @override
    def learn(self, *, tapped: bool) -> Learnt:
        if self.setup.compiled:
            self.uncompiled = "several processes train without the compiler"
            self.setup = replace(self.setup, compiled=False)
        if self._ranks.leads:
            half = PRECISIONS.index(self.setup.precision)
            self._ranks.send(Order(Kind.LEARN, half, self.setup.threads))
        else:
            torch.manual_seed(self._seed())
        self._in_step, position = False, self.batches.position()
        try:
            with self._ranks.noticing():
                learnt = super().learn(tapped=tapped)
        except BaseException:
            self.batches.seek(position)  # a checkpoint goes on with this very batch
            raise
        self._in_step = True
        return learnt

    def _seed(self) -> int:
        place = self.step * self._ranks.size + self._ranks.rank
        return (self.settings.seed * _SPREAD + place) % 2**63

    @override
    def _backward(self, batch: Window) -> Learnt:
        if self._together is None:
            self._together = self._join(idle=self._has_idle(batch))
        return super()._backward(batch)

    @override
    def _exchange(self, last: bool) -> AbstractContextManager[object]:
        assert self._together is not None  # since `_backward`
        quiet: AbstractContextManager[object] = self._together.no_sync()
        return nullcontext() if last else quiet

    @override
    def _forward(self, batch: Window, state: State | None) -> tuple[Tensor, State]:
        assert self._together is not None  # since `_backward`
        losses, after = self._together(batch, state, self.half, self.settings.label_smoothing)
        return losses, after

    def _has_idle(self, batch: Window) -> bool:
        """Tell whether the loss leaves out some parameters: then torch has to look for them."""
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            smoothing = self.settings.label_smoothing
            losses, _ = _Pass(self.model)(batch, None, self.half, smoothing)
        found = torch.autograd.grad(losses.sum(), self.parameters, allow_unused=True)
        return any(gradient is None for gradient in found)

    def _join(self, *, idle: bool) -> DistributedDataParallel:
        self._group = group = self._ranks.gradients(self.device)
        with warnings.catch_warnings():
            # torch 2.13 gives `broadcast_buffers` another name, which 2.10 does not know
            warnings.simplefilter("ignore", FutureWarning)
            together = DistributedDataParallel(
                _Pass(self.model),
                process_group=group,
                broadcast_buffers=False,
                find_unused_parameters=idle,
                gradient_as_bucket_view=True,
            )
        # torch refuses a hook whose annotations are text, as all are in this file
        together.register_comm_hook(None, lambda _, bucket: _added_up(group, bucket))
        return together

    @override
    def _terms(self, batch: Window) -> Tensor:
        return self.batches.terms

    @override
    def _total(self, total: Tensor) -> Tensor:
        everywhere = total.clone()
        dist.all_reduce(everywhere, group=self._group)
        return everywhere

    @override
    def _forget(self, state: State) -> None:
        own = self._ranks.slice_of(self.batches.rows)
        row = self.step % self.batches.rows
        if own.start <= row < own.stop:
            forget_row(state, row - own.start)

    @override
    def _rate(self, progress: float) -> float:
        if not self._ranks.leads:
            return self._told_rate
        rate = super()._rate(progress)
        self._ranks.send(Order(Kind.APPLY, rate))
        return rate

    @override
    def drop(self) -> None:
        """Leave weights and state as they were before `learn`, on all ranks."""
        if self._ranks.leads and self._in_step:
            self._ranks.send(Order(Kind.DROP))
        super().drop()

    @override
    def whole_state(self) -> State | None:
        """Return the state of the rows of all processes; on rank 0, which asks the others."""
        if self.state is None:
            return None
        if not self._in_step:
            raise LostError(
                "The newest steps were not saved",
                "the states of the rows of other processes are gone with them",
                "The checkpoint before stays in force",
            )
        if self._ranks.leads:
            self._ranks.send(Order(Kind.STATE))
        rows, flat = self.batches.rows, flat_state(self.state)
        whole = {key: self._ranks.gather_rows(flat[key].cpu(), rows) for key in sorted(flat)}
        return nest_state({k: v for k, v in whole.items() if v is not None}, self.model)

    @override
    def set_live(self, name: str, value: object) -> None:
        super().set_live(name, value)
        if self._ranks.leads:
            told = json.dumps({"name": name, "value": value}).encode()
            self._ranks.send_bytes(Kind.LIVE, told)

    @override
    def another(self, project: Project, dataset: Dataset) -> Learner:
        return type(self)(project, dataset, self.device, self._ranks)

    @override
    def edited(self, text: str) -> None:
        """Let the other ranks take the edit over, too; waits for them."""
        if self._ranks.leads:
            self._ranks.send_bytes(Kind.EDIT, text.encode())
            self._ranks.check_in(None)

    @override
    def edit_failed(self) -> None:
        if self._ranks.leads:
            self._ranks.send(Order(Kind.BACK))

    @override
    def score(
        self, model: GraphModel, dataset: Dataset, window: int, limit: int = 0
    ) -> Iterator[Score]:
        """Measure this process's rows; on rank 0 the last score is that of all processes."""
        if self._ranks.leads:
            weights = {} if model is self.model else model_tensors(model)
            self._ranks.send_bytes(Kind.SCORE, with_head({"limit": limit}, weights))
        own, slice_of = Score(), self._ranks.slice_of
        for own in score(model, dataset, window, self.carry, limit, slice_of):
            yield own
        if self._ranks.leads:
            self._ranks.send(Order(Kind.SUMS))
            yield self.summed(own)

    def summed(self, own: Score) -> Score:
        """Return the score of all processes together; all have to call it."""
        numbers = torch.tensor(own.numbers_of(), dtype=torch.float64)
        return Score.of_numbers(self._ranks.sums(numbers).tolist())

    @override
    def take_settings(self, settings: TrainingSettings) -> None:
        _refuse_few_rows(settings, self._ranks)
        super().take_settings(settings)

    @override
    def take_state(self, state: State | None) -> None:
        if state is None:
            self.state = None
            return
        own = self._ranks.slice_of(self.batches.rows)
        flat = {key: value[:, own].contiguous() for key, value in flat_state(state).items()}
        self.state = nest_state(flat, self.model)

    def obey(self, order: Order) -> None:
        """Do on another rank what rank 0 does."""
        if order.kind == Kind.LEARN:
            self._take(Setup(PRECISIONS[int(order.value)], order.threads))
            self.learn(tapped=False)
        elif order.kind == Kind.APPLY:
            self._told_rate = order.value
            self.apply(0.0)
        elif order.kind == Kind.DROP:
            self.drop()
        elif order.kind == Kind.STATE:
            self.whole_state()

    def _take(self, setup: Setup) -> None:
        if self.device.type == "cpu" and torch.get_num_threads() != setup.threads:
            torch.set_num_threads(setup.threads)
        self.setup = setup


def _refuse_few_rows(settings: TrainingSettings, ranks: Ranks) -> None:
    if settings.batch < ranks.size:
        raise RunError(
            f"{ranks.size} processes cannot share {settings.batch} rows of a batch",
            "each process needs at least one row",
            "Start fewer processes, or make the batch larger",
        )


def _added_up(group: Any, bucket: Any) -> Any:
    """Sum a bucket of gradients over all processes; torch would take their mean."""
    work = dist.all_reduce(bucket.buffer(), group=group, async_op=True)
    assert work is not None
    return work.get_future().then(lambda done: done.value()[0])


# --------------------------------------------------------------------------------- rank 0


def open_leading(ranks: Ranks, start: Start, emit: Callable[[Event], None]) -> Trainer:
    """Open a run on rank 0 and let the others open it too.

    Raises:
        SeqError: As `Trainer.open`; the batch is too small; another process cannot take part.
    """
    here = replace(start, device=ranks.device(start.device))
    trainer = Trainer.open(here, emit, sharing(ranks))
    fit(trainer)
    facts = {
        "project": start.project,
        "device": start.device,
        "data": trainer.dataset.content_hash,
    }
    saved = load_latest(Path(start.folder)) if start.resume else None
    ranks.send_bytes(Kind.BEGIN, _packed(facts, saved))
    ranks.check_in(None)
    return trainer


def sharing(ranks: Ranks) -> Callable[[Project, Dataset, torch.device], Learner]:
    """Return what makes the learner of this process."""

    def make(project: Project, dataset: Dataset, device: torch.device) -> Learner:
        return SharedLearner(project, dataset, device, ranks)

    return make


def fit(trainer: Trainer) -> None:
    """Use no more threads than there are cores: the run may have had more of them before."""
    threads = min(trainer.setup.threads, cores())
    if trainer.trial.over and not trainer.project.training.threads:
        trainer.settle(Trial((trainer.setup.precision,), (threads,)))


def with_head(head: dict[str, Any], tensors: dict[str, Tensor]) -> bytes:
    """Return plain numbers and tensors as one message."""
    told = json.dumps(head).encode()
    return len(told).to_bytes(8, "little") + told + save_tensors(tensors)


def _packed(facts: dict[str, Any], saved: Checkpoint | None) -> bytes:
    if saved is None:
        return with_head(facts, {})
    return with_head({**facts, "meta": saved.meta}, saved.tensors)
