"""Training as small steps that the caller drives: pause, stop and commands act between them.

`Trainer.advance` does one optimizer step, or one slice of the work beside it (validation, writing,
probes), and returns quickly, so whoever calls it decides about pausing and stopping. The step
itself is the `Learner`'s, the work beside it is `Beside`'s. Everything that is worth knowing
leaves through `emit` as the frozen records of `seqstudio.records`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from seqstudio.core.errors import RunError, SeqError
from seqstudio.data.dataset import Dataset
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import Project, parse_project
from seqstudio.engine import checkpoint as store
from seqstudio.engine import failures, live_edit
from seqstudio.engine.batches import Batches
from seqstudio.engine.beginning import count_floor, facts, first_trial
from seqstudio.engine.beside import RATE, Beside
from seqstudio.engine.cadence import Setup, Trial
from seqstudio.engine.device_trial import device_for
from seqstudio.engine.devices import choose_device, devices, torch_version
from seqstudio.engine.learner import GIVEN_UP, Learner, Learnt
from seqstudio.engine.meter import Meter
from seqstudio.engine.model import GraphModel
from seqstudio.engine.snapshot import everything, numbers_of, restore
from seqstudio.records.messages import (
    COMPILING,
    Event,
    Failed,
    LiveChanged,
    Progress,
    Saved,
    Start,
    Steer,
    Write,
)

__all__ = ["Trainer", "devices", "torch_version"]

LOOK_STEPS = 25

MakeLearner = Callable[[Project, Dataset, torch.device], Learner]


class Trainer:
    """One run.

    Attributes:
        learner: Model, optimizer, data and the settings in force.
        dataset: What it learns from.
        seconds: Time spent on the run, pauses left out.
        tokens: Tokens read for training.
        best: Lowest held-out loss so far, and the step it was measured at in `best_step`.
        validated: Step of the newest validation.
        waited: Validations since the best one.
        temperature: Of the samples that the trainer writes by itself.
        rates: How fast each device was that could have been taken, in words.
    """

    def __init__(
        self,
        start: Start,
        project: Project,
        dataset: Dataset,
        emit: Callable[[Event], None],
        learner: MakeLearner = Learner,
    ) -> None:
        torch.manual_seed(project.training.seed)
        self.project = project
        self.dataset = dataset
        self.folder = Path(start.folder) if start.folder else None
        self.device = choose_device(start.device)
        self.learner = learner(project, dataset, self.device)
        self.seconds = 0.0
        self.tokens = 0
        self.best = math.inf
        self.best_step = -1
        self.validated = 0
        self.waited = 0
        self.temperature = project.sampling.temperature
        self.probing = start.probes
        self.rates = ""
        self._emit = emit
        self._meter = Meter(failures.Watch(emit, dataset.chance, lambda: failures.calming(self)))
        self._probe_now = False
        self._finished = False
        self._compiling = self._compiled = False  # the first compiled step began, and ended
        self.settle(first_trial(project.training, self.device))
        self._beside = Beside(self, emit, project.sampling.probe_text)
        self._floor: list[Event] = []

    # ------------------------------------------------------------------ opening

    @classmethod
    def open(
        cls, start: Start, emit: Callable[[Event], None], learner: MakeLearner = Learner
    ) -> Trainer:
        """Load data, build the model, continue from the last checkpoint if asked to.

        Args:
            start: The run.
            emit: Called with everything that is worth knowing.
            learner: Makes what does the steps.

        Raises:
            SeqError: The project, the data, the device or the checkpoint is no good.
        """
        project = parse_project(start.project)
        base = Path(start.base) if start.base else None
        dataset = open_dataset(project.data, base)
        saved = None
        if start.resume and start.folder:
            saved = live_edit.load_matching(Path(start.folder), project, start.back_to)
        before = str(saved.meta.get("device", "")) if saved else ""
        choice = device_for(start.device, before, project, dataset)
        trainer = cls(replace(start, device=choice.device), project, dataset, emit, learner)
        trainer.rates = choice.words()
        if saved is not None:
            restore(trainer, saved)
        emit(facts(trainer))
        count_floor(trainer, trainer._floor)
        return trainer

    def settle(self, trial: Trial) -> None:
        """Train as `trial` says: it is over, or it goes on with the next steps."""
        self.trial = trial
        self._apply(trial.current)

    def _apply(self, setup: Setup) -> None:
        if self.device.type == "cpu" and torch.get_num_threads() != setup.threads:
            torch.set_num_threads(setup.threads)
        self.learner.setup = setup

    # ------------------------------------------------------------------ looking

    @property
    def model(self) -> GraphModel:
        """What is trained."""
        return self.learner.model

    @property
    def batches(self) -> Batches:
        """Where batches come from."""
        return self.learner.batches

    @property
    def carry(self) -> bool:
        """Whether the state after a window is the start of the next."""
        return self.learner.carry

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self.learner.step

    @property
    def setup(self) -> Setup:
        """Precision and threads in use."""
        return self.learner.setup

    @property
    def unmeasured(self) -> str:
        """Why the probe text cannot be measured, "" when it can."""
        return self._beside.unmeasured

    @property
    def detail(self) -> str:
        """Device, precision and threads in words, and why a run ended early."""
        if self.ended_early:
            since = f"{self.waited} validation{'' if self.waited == 1 else 's'}"
            return f"ended early: no better for {since}, best at step {self.best_step:,}"
        setup = f"{self.setup.precision}{', compiled' * self.setup.compiled}"
        how = self.trial.words() if self.device.type == "cpu" else setup
        return f"{self.device}, {how}{f' (measured: {self.rates})' * bool(self.rates)}"

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, 0..1."""
        settings = self.project.training
        if settings.budget == "steps":
            return min(self.step / settings.steps, 1.0)
        return min(self.seconds / 60 / settings.minutes, 1.0)

    @property
    def ended_early(self) -> bool:
        """Whether validations have not been better for longer than the settings wait."""
        patience = self.project.training.stop_patience
        return 0 < patience <= self.waited

    @property
    def _over(self) -> bool:
        return self.progress >= 1.0 or self.ended_early

    # ----------------------------------------------------------------- stepping

    def advance(self) -> bool:
        """Do one optimizer step, or one slice of the work beside it.

        Returns:
            False when the budget is spent and nothing is left to do.

        Raises:
            RunError: The loss or a gradient is not finite; the weights are the last good ones.
        """
        began = time.perf_counter()
        self._pass_on_floor()
        if not self._beside.waiting:
            if self._over and self._finished:
                return False
            self._plan()
        if self._beside.waiting:
            self._beside.slice()
        else:
            self._train()
        self.seconds += time.perf_counter() - began
        return True

    def idle(self) -> bool:
        """Do a slice of waiting work while paused; False when nothing is left."""
        self._pass_on_floor()
        if self._probe_now and not self._beside.waiting:
            self._probe_now = False
            self._beside.line_up(self._beside.look())
        if self._beside.waiting:
            self._beside.slice()
        return self._beside.waiting

    def _pass_on_floor(self) -> None:
        while self._floor:
            self._emit(self._floor.pop())

    def _plan(self) -> None:
        """Line up the side work that is due before the next step, or at the end of the budget."""
        if not self._over:
            self._beside.plan()
            return
        self.flush()
        self._finished = True
        self._beside.line_up(self._beside.finish(), large=True)

    def _train(self) -> None:
        began = time.perf_counter()
        tapped = self._probe_now or self._beside.tapping
        if self.setup.compiled and not self._compiling and not self.trial.over:
            self._compiling = True
            self._emit(Progress(COMPILING, math.nan))
        health = self.learner.health = self._beside.health_tap(wanted=self._probe_now)
        learnt = self.learner.learn(tapped=tapped)
        self.learner.health = None
        loss, norm = learnt.loss, learnt.norm
        good = torch.isfinite(loss)
        if not self.learner.scaler.is_enabled():  # which leaves out steps that overflow
            good = good & torch.isfinite(norm)
        if self._looks_now and not bool(good):
            self._give_up(learnt)
        aside = 0.0
        if learnt.watched is not None:
            aside = self._beside.tap(learnt, learnt.watched)
            self._probe_now = False
        if health is not None:
            health.before_update(learnt.batch.inputs)
        rate = self.learner.apply(self.progress)
        self.tokens += self.batches.tokens_per_batch
        if not self.trial.over and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # else only the launch would be timed
        took = time.perf_counter() - began - aside
        clip, seconds = self.learner.settings.clip, self.seconds + took
        self._meter.add(loss, norm, (self.step, rate, clip, seconds, self.tokens))
        if health is not None:
            self._beside.tell_health(health, rate)
        self._time_trial(took)

    def _time_trial(self, took: float) -> None:
        if self.learner.uncompiled and self.setup != self.trial.current:
            self._tell_uncompiled()
        if not self.trial.over:
            if self.setup.compiled:
                self._compiling_ended()
            self.trial.add(took)
            self._apply(self.trial.current)

    def _compiling_ended(self) -> None:
        if self._compiling and not self._compiled:
            self._compiled = True
            self._emit(Progress(COMPILING, 1.0))

    def _tell_uncompiled(self) -> None:
        self._compiling_ended()
        self.trial.refuse_compiled()
        self._apply(self.trial.current)
        why = self.learner.uncompiled
        self._emit(Failed("The model trains as it is, not compiled", why, "", fatal=False))

    @property
    def _looks_now(self) -> bool:
        """Whether this step is checked for finite numbers: each on a processor, where it is free.

        Elsewhere a look makes the device wait, so it comes now and then.
        """
        return self.device.type == "cpu" or self.step % LOOK_STEPS == 0

    def _give_up(self, learnt: Learnt) -> None:
        """Stop before the bad gradient reaches the weights, and say where it began."""
        self.learner.drop()
        self.flush()
        raise failures.numbers_error(self, learnt.batch, float(learnt.loss))

    def finish(self) -> None:
        """Do what is left at the end of a run at once, then write the last checkpoint."""
        while self.idle():
            pass
        self.checkpoint()

    def judge(self, loss: float) -> bool:
        """Take in the held-out loss of this step; tell whether it is the lowest so far."""
        learner, better = self.learner, loss < self.best
        learner.plateau = learner.plateau.after(loss, learner.settings)
        self.validated, self.waited = self.step, 0 if better else self.waited + 1
        if better:
            self.best, self.best_step = loss, self.step
        return better

    # ----------------------------------------------------------------- commands

    def set_live(self, name: str, value: float) -> None:
        """Change a live setting, or the temperature of automatic samples, from the next step on.

        Raises:
            ParamError: The value is out of range.
            RunError: The setting is not live, or the model has no room for its value.
        """
        sampling = name == "temperature"
        param = (self.project.sampling if sampling else self.project.training).param(name)
        number = float(param.parse(value))
        if not param.live:
            raise RunError(f"{name} cannot change while a run goes on", "", "Start a new run")
        if sampling:
            self.temperature = number
        else:
            self.learner.set_live(name, number)
        self._emit(LiveChanged(self.step, name, number))

    def edit(self, text: str, keep: Callable[[str], None]) -> None:
        """Go on with an edited project, see `live_edit`.

        Args:
            text: Text of the project.
            keep: Keeps that text with the run.

        Raises:
            SeqError: It cannot train or be kept, or the run is over; the run is as it was.
        """
        if self._finished:
            raise RunError("The edit was not applied", "the run is over", "Start a new run")
        while self._beside.waiting:  # what was asked of the graph before
            self._beside.slice()
        self.flush()
        for event in live_edit.apply_edit(self, text, keep):
            self._emit(event)

    def take(self, project: Project, learner: Learner) -> None:
        """Train another project from the next step on."""
        self.project, self.learner = project, learner
        self._beside.look_at(project.sampling.probe_text)

    def set_probe_text(self, text: str) -> None:
        """Look at another text; a reading follows with the next slice of work."""
        self._beside.look_at(text)
        self._beside.line_up(self._beside.look())

    def find_rate(self) -> None:
        """Try rising learning rates on a copy of the model, in slices between the steps.

        Raises:
            RunError: Several processes train together.
        """
        if type(self.learner) is not Learner:
            why = "several processes train this run together"
            raise RunError("The learning rate cannot be searched here", why, "Use one process")
        self._beside.line_up(self._beside.find_rate(), large=True, name=RATE)

    def give_up_rate(self) -> None:
        """End the search for a learning rate, if one is on."""
        self._beside.give_up_rate()

    def give_up_compiling(self) -> None:
        """Train the model as it is from the next step on, and do not try the compiler again."""
        if not self.learner.settings.compile or self.learner.uncompiled:
            return
        self.learner.refuse_compiled(GIVEN_UP)
        self._tell_uncompiled()

    def probe_next(self) -> None:
        """Measure the next step whatever the cadence."""
        self._probe_now = True

    def write(self, request: Write) -> None:
        """Write a text before the next step, and before other work beside the steps."""
        self._beside.ask(request)

    def steer(self, steer: Steer) -> None:
        """Steer a text that is being written."""
        self._beside.steer(steer)

    def flush(self) -> None:
        """Emit the numbers that wait."""
        self._meter.flush()

    def take_counts(self) -> tuple[int, int, int]:
        """Return the steps since the last time, and how many were clipped and not finite."""
        self._meter.flush()
        return self._meter.take_counts()

    # -------------------------------------------------------------- checkpoints

    def checkpoint(self) -> None:
        """Write everything that an exact continuation needs.

        Raises:
            StorageError: It cannot be written; the checkpoint before stays in force.
        """
        if self.folder is None:
            return
        self.flush()
        tensors, meta = everything(self)
        if not all(bool(v.isfinite().all()) for k, v in tensors.items() if k.startswith("model/")):
            raise RunError("The checkpoint was not written", "the weights are not finite any more")
        name = store.free_name(self.folder, f"step-{self.step:09d}")
        path = store.save_checkpoint(self.folder, name, tensors, meta)
        store.mark_latest(self.folder, name, self.project.training.checkpoints)
        self._emit(Saved(self.step, str(path), best=False))

    def save_best(self) -> None:
        """Keep the weights as the best ones, where the run has a folder."""
        if self.folder is None or not failures.finite_weights(self.model):
            return
        tensors = {f"model/{k}": v for k, v in store.model_tensors(self.model).items()}
        try:
            path = store.save_checkpoint(self.folder, "best", tensors, numbers_of(self))
        except SeqError as error:
            self._emit(Failed(error.what, error.why, error.hint, fatal=False))
            return
        self._emit(Saved(self.step, str(path), best=True))
