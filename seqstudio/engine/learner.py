"""One optimizer step: a batch forward, back, clipped, applied. Nothing here tells or saves."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from seqstudio.core.errors import RunError
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.document.project import Project
from seqstudio.document.settings import TrainingSettings
from seqstudio.engine.batches import Batches, Window
from seqstudio.engine.cadence import Setup
from seqstudio.engine.dropping import Dropouts
from seqstudio.engine.evaluation import Score, score
from seqstudio.engine.health_tap import HealthTap
from seqstudio.engine.interrupting import BrokenOff, Interruptible
from seqstudio.engine.losses import asked
from seqstudio.engine.model import GraphModel, State, detach, forget_row
from seqstudio.engine.optimizing import Plateau, make_optimizer, rate_factor
from seqstudio.engine.portions import joined, portions
from seqstudio.engine.probes import StepTap

GIVEN_UP = "the compiler was given up"


@dataclass(frozen=True)
class Learnt:
    """What the forward and the backward pass of one step gave.

    Attributes:
        batch: What was read: of several portions the first.
        losses: Loss of every prediction, see `prediction_losses`.
        loss: Their mean over the predictions that are asked, ().
        terms: How many these are, ().
        norm: Length of the whole gradient before clipping, ().
        watched: The gradients through time of the batch, where they were tapped.
        scale: What these gradients are multiplied by: float16 would lose small ones.
    """

    batch: Window
    losses: Tensor
    loss: Tensor
    terms: Tensor
    norm: Tensor
    watched: StepTap | None
    scale: float = 1.0


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
        setup: How steps run: precision and threads, compiled or not.
        plateau: What the validations so far mean for the learning rate.
        scaler: Scales the loss in float16; does nothing otherwise.
        uncompiled: Why the model could not be compiled, "" while it could or nobody tried.
        compiling: Breaks the compiler off, from another thread.
        rates: Learning rates to follow instead of the schedule, by step.
        health: Watches the next step, None for most.
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
        self._begun = False  # a step was learnt and neither applied nor dropped
        self.step = 0
        self.setup = Setup("float32", torch.get_num_threads())
        self.rates: Mapping[int, float] = {}
        self.plateau = Plateau()
        half = settings.precision == "float16" and device.type == "cuda"
        self.scaler = torch.amp.GradScaler(device.type, enabled=half)
        self.uncompiled = ""
        self.compiling = Interruptible()
        self.health: HealthTap | None = None
        self._dropouts = Dropouts()
        self._compiled: tuple[GraphModel, Callable[..., Any]] | None = None
        self._tapped = False

    def learn(self, *, tapped: bool) -> Learnt:
        """Run the next batch forward and back and clip; `apply` or `drop` has to follow.

        Args:
            tapped: Whether to keep the gradients of every time step, where there is a state.
        """
        if not self.model.training:  # walking through all modules costs, so only when needed
            self.model.train()
        self._before, self._begun = self.state, True
        self._dropouts.multiply(self.model, self.settings.dropout_factor)
        batch, self._tapped = self.batches.next(), tapped and self.model.recurrent
        learnt = self._attempt(batch)
        self.scaler.unscale_(self.optimizer)
        return replace(learnt, norm=self._clip())

    def _attempt(self, batch: Window) -> Learnt:
        """Run a batch forward and back; once more as it is when the compiler could not."""
        if not self.setup.compiled:
            return self._backward(batch)
        try:
            with self.compiling:
                return self._backward(batch)
        except (Exception, BrokenOff) as error:  # noqa: BLE001  a compiler fails in many ways
            told = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            self.refuse_compiled(GIVEN_UP if self.compiling.asked else told)
            self.drop()
            return self._backward(batch)

    def refuse_compiled(self, why: str) -> None:
        """Run the model as it is from now on, and say why."""
        self.uncompiled, self._compiled = why, None
        self.setup = replace(self.setup, compiled=False)

    def _backward(self, batch: Window) -> Learnt:
        """Run one batch forward and back, portion by portion."""
        state = None if batch.restart else self.state
        terms, scale = self._terms(batch), self.scaler.get_scale() if self._tapped else 1.0
        count = self.settings.accumulate
        cut = [(batch, state)] if count == 1 else list(portions(batch, count, state))
        first, total, after = None, torch.zeros((), device=self.device), []
        for number, (part, before) in enumerate(cut):
            last = number == len(cut) - 1
            with self._tap(number) as watched, self._look(number), self._exchange(last):
                losses, behind = self._forward(part, before)
                self.scaler.scale(losses.sum() / terms).backward()  # type: ignore[no-untyped-call]
            losses = losses.detach()
            total = total + losses.sum()
            after.append(detach(behind) if self.carry else None)
            first = first or Learnt(part, losses, total, terms, total, watched, scale)
        self._keep(after)
        assert first is not None  # a batch has rows
        return replace(first, loss=self._total(total) / terms)

    def _tap(self, portion: int) -> AbstractContextManager[StepTap | None]:
        return StepTap(self.model) if self._tapped and portion == 0 else nullcontext()

    def _look(self, portion: int) -> AbstractContextManager[object]:
        """Surround a portion: what is compiled has no layers to look at."""
        seen = portion == 0 and self.health is not None and self._running() is self.model
        return self.health if seen and self.health is not None else nullcontext()

    def _exchange(self, last: bool) -> AbstractContextManager[object]:
        """Surround a portion: several processes exchange gradients after the last one only."""
        return nullcontext(last)

    def _keep(self, states: list[State | None]) -> None:
        self.state = joined(states) if self.carry else None
        if self.state is not None:
            # A model that only ever continues does not learn to begin: from a zero state it can
            # fall into states that it never leaves. So each step one row in turn begins anew.
            self._forget(self.state)

    def _clip(self) -> Tensor:
        """Cut every number of the gradient, then its length; return the length before."""
        if self.health is not None:
            self.health.before_clipping()
        clip = self.settings.clip if self.settings.clip > 0 else math.inf
        if self.settings.clip_value <= 0:
            return nn.utils.clip_grad_norm_(self.parameters, clip)
        norm = nn.utils.get_total_norm(p.grad for p in self.parameters if p.grad is not None)
        nn.utils.clip_grad_value_(self.parameters, self.settings.clip_value)
        nn.utils.clip_grad_norm_(self.parameters, clip)
        return norm

    def _forward(self, batch: Window, state: State | None) -> tuple[Tensor, State]:
        """Return the loss of every prediction and the state after the window."""
        kind, half = self.half
        with torch.autocast(self.device.type, dtype=kind, enabled=half):
            outputs, after = self._running()(batch.inputs, state)
        return self.model.losses(outputs, batch.targets, self.settings.label_smoothing), after

    @property
    def half(self) -> tuple[torch.dtype, bool]:
        """The number format of large products, and whether it is a half one at all."""
        if self.setup.precision == "float16":
            return torch.float16, self.device.type == "cuda"
        return torch.bfloat16, self.setup.precision == "bfloat16"

    def _running(self) -> Callable[..., Any]:
        """Return the model, compiled where that is tried; hooks need it as it is."""
        if not self.setup.compiled or self._tapped:
            return self.model
        if self._compiled is None or self._compiled[0] is not self.model:
            self._compiled = (self.model, torch.compile(self.model))
        return self._compiled[1]

    def _terms(self, batch: Window) -> Tensor:
        """Return how many predictions are asked, 1 when there are none."""
        return asked(batch.targets).sum().clamp(min=1)

    def _total(self, total: Tensor) -> Tensor:
        """Return the sum of the losses of the whole batch, from that of the own rows."""
        return total

    def _forget(self, state: State) -> None:
        forget_row(state, self.step % self.batches.rows)

    def score(
        self, model: GraphModel, dataset: Dataset, window: int, limit: int = 0
    ) -> Iterator[Score]:
        """Measure a model of this kind on held-out data, see `evaluation.score`."""
        return score(model, dataset, window, self.carry, limit)

    def another(self, project: Project, dataset: Dataset) -> Learner:
        """Return a fresh learner of an edited project, on the same device."""
        return type(self)(project, dataset, self.device)

    def edited(self, text: str) -> None:
        """This learner of an edited project, given as text, has taken over from another one."""

    def edit_failed(self) -> None:
        """That edit is taken back: the learner before goes on."""

    def twin(self) -> Learner:
        """Return a copy that may train without touching anything of this one.

        Its optimizer begins afresh; its batches are those that come next.
        """
        twin = copy.copy(self)
        twin.model, twin._dropouts = copy.deepcopy((self.model, self._dropouts))  # noqa: SLF001  a copy of itself
        twin.optimizer = make_optimizer(twin.model, self.settings)
        twin.parameters = [p for p in twin.model.parameters() if p.requires_grad]
        twin.batches = copy.copy(self.batches)
        twin.batches.rng = copy.deepcopy(self.batches.rng)
        twin.scaler = torch.amp.GradScaler(self.device.type, enabled=self.scaler.is_enabled())
        twin.setup = replace(self.setup, compiled=False)
        twin.health = None
        return twin

    def whole_state(self) -> State | None:
        """Return the carried state of all rows, to be saved."""
        return self.state

    def take_state(self, state: State | None) -> None:
        """Go on from the carried state of all rows."""
        self.state = state

    def set_live(self, name: str, value: object) -> None:
        """Change a live setting from the next batch on.

        Raises:
            ParamError: The value is out of range.
            RunError: The model has no room for so long a window.
        """
        settings = self.settings.with_value(name, value)
        if settings.window > self.model.facts.window and self.model.absolute_positions:
            raise RunError(
                f"The window cannot grow to {settings.window} steps while the run goes on",
                f"the model knows {self.model.facts.window} positions",
                "Stop and start a new run with the longer window",
            )
        self.take_settings(settings)

    def take_settings(self, settings: TrainingSettings) -> None:
        """Train by these settings from the next batch on; other rows begin with a new state."""
        resized = settings.batch != self.settings.batch
        self.settings = settings
        self.batches.resize(settings)
        if resized:
            self.state = None

    def apply(self, progress: float) -> float:
        """Change the weights by the gradients; return the learning rate.

        Args:
            progress: Share of the budget that is spent, 0..1.
        """
        rate = self._rate(progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._begun = False
        return rate

    def drop(self) -> None:
        """Leave weights and state as they were before `learn`, whether it ended or not.

        A step that was applied stays: what fails beside the steps takes nothing back.
        """
        self.optimizer.zero_grad(set_to_none=True)
        if self._begun:
            self.state, self._begun = self._before, False

    def _rate(self, progress: float) -> float:
        settings = self.settings
        factor = rate_factor(self.step, progress, settings, self.plateau.factor)
        return self.rates.get(self.step + 1, settings.learning_rate * factor)
