"""One optimizer step: a batch forward, back, clipped, applied. Nothing here tells or saves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.document.project import Project
from seqstudio.engine.batches import Batches, Window
from seqstudio.engine.cadence import Setup
from seqstudio.engine.losses import asked
from seqstudio.engine.model import GraphModel, State, detach, forget_row
from seqstudio.engine.optimizing import make_optimizer, rate_factor
from seqstudio.engine.probes import StepTap


@dataclass(frozen=True)
class Learnt:
    """What the forward and the backward pass of one step gave.

    Attributes:
        batch: What was read.
        losses: Loss of every prediction, see `prediction_losses`.
        loss: Their mean over the predictions that are asked, ().
        terms: How many these are, ().
        norm: Length of the whole gradient before clipping, ().
        watched: The gradients through time, where they were tapped.
    """

    batch: Window
    losses: Tensor
    loss: Tensor
    terms: Tensor
    norm: Tensor
    watched: StepTap | None


class Learner:
    """A model, its optimizer and its data.

    Attributes:
        model: What is trained.
        settings: The training settings in force, live changes included.
        carry: Whether the state after a window is the start of the next.
        batches: Where batches come from.
        optimizer: What applies the gradients.
        state: The carried state, None before the first step.
        step: Optimizer steps done.
        setup: How steps run: precision and threads.
        rates: Learning rates to follow instead of the schedule, by step.
    """

    def __init__(self, project: Project, dataset: Dataset, device: torch.device) -> None:
        self.settings = settings = project.training
        self.device = device
        self.model = GraphModel(project.graph, facts_of(dataset, settings)).to(device)
        self.carry = settings.carry and self.model.recurrent and self.model.pattern == "next token"
        self.batches = Batches(dataset, settings, self.carry, device)
        self.optimizer = make_optimizer(self.model, settings)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.state: State | None = None
        self._before: State | None = None
        self.step = 0
        self.setup = Setup("float32", torch.get_num_threads())
        self.rates: Mapping[int, float] = {}

    def learn(self, *, tapped: bool) -> Learnt:
        """Run the next batch forward and back and clip; `apply` or `drop` has to follow.

        Args:
            tapped: Whether to keep the gradients of every time step, where there is a state.
        """
        if not self.model.training:  # walking through all modules costs, so only when needed
            self.model.train()
        self._before = self.state
        batch = self.batches.next()
        tap: AbstractContextManager[StepTap | None] = nullcontext()
        if tapped and self.model.recurrent:
            tap = StepTap(self.model)
        with tap as watched:
            losses, terms = self._backward(batch)
        clip = self.settings.clip if self.settings.clip > 0 else math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, clip)
        return Learnt(batch, losses, self._total(losses) / terms, terms, norm, watched)

    def _backward(self, batch: Window) -> tuple[Tensor, Tensor]:
        """Run one batch forward and back; return the loss of every prediction and their number."""
        losses, after = self._forward(batch, None if batch.restart else self.state)
        terms = self._terms(batch)
        (losses.sum() / terms).backward()  # type: ignore[no-untyped-call]
        self.state = detach(after) if self.carry else None
        if self.state is not None:
            # A model that only ever continues does not learn to begin: from a zero state it can
            # fall into states that it never leaves. So each step one row in turn begins anew.
            self._forget(self.state)
        return losses.detach(), terms

    def _forward(self, batch: Window, state: State | None) -> tuple[Tensor, State]:
        """Return the loss of every prediction and the state after the window."""
        half = self.setup.precision == "bfloat16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half):
            outputs, after = self.model(batch.inputs, state)
        return self.model.losses(outputs, batch.targets), after

    def _terms(self, batch: Window) -> Tensor:
        """Return how many predictions are asked, 1 when there are none."""
        return asked(batch.targets).sum().clamp(min=1)

    def _total(self, losses: Tensor) -> Tensor:
        """Return the sum of the losses of the whole batch."""
        return losses.sum()

    def _forget(self, state: State) -> None:
        forget_row(state, self.step % self.batches.rows)

    def whole_state(self) -> State | None:
        """Return the carried state of all rows, to be saved."""
        return self.state

    def take_state(self, state: State | None) -> None:
        """Go on from the carried state of all rows."""
        self.state = state

    def apply(self, progress: float) -> float:
        """Change the weights by the gradients; return the learning rate.

        Args:
            progress: Share of the budget that is spent, 0..1.
        """
        rate = self._rate(progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return rate

    def drop(self) -> None:
        """Leave weights and state as they were before `learn`, whether it ended or not."""
        self.optimizer.zero_grad(set_to_none=True)
        self.state = self._before

    def _rate(self, progress: float) -> float:
        settings = self.settings
        factor = rate_factor(self.step, progress, settings.warmup, settings.schedule)
        return self.rates.get(self.step + 1, settings.learning_rate * factor)
