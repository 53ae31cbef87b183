"""Training as small steps that the caller drives: pause, stop and commands act between them.

`Trainer.advance` does one optimizer step, or one slice of the work beside it (validation, writing,
probes), and returns quickly, so whoever calls it decides about pausing and stopping. Everything
that is worth knowing leaves through `emit` as the frozen records of `seqstudio.records`.
"""

from __future__ import annotations

import copy
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from seqstudio.blocks.check import title_of
from seqstudio.core.errors import RunError, SeqError
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.data.floor import floor
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import Project, parse_project
from seqstudio.engine import checkpoint as store
from seqstudio.engine.batches import Batches, Window
from seqstudio.engine.cadence import Cadence, Setup, Trial
from seqstudio.engine.decoding import written_sample
from seqstudio.engine.devices import choose_device, devices, refuse_excess, torch_version
from seqstudio.engine.evaluation import PART_TOKENS, Score, score
from seqstudio.engine.inputs import as_inputs
from seqstudio.engine.losses import asked, mean_loss
from seqstudio.engine.meter import FLUSH_S, Meter
from seqstudio.engine.model import GraphModel, State, detach, forget_row
from seqstudio.engine.optimizing import make_optimizer, rate_factor
from seqstudio.engine.probe_text import ProbeText
from seqstudio.engine.probes import StepTap
from seqstudio.engine.sampling import write
from seqstudio.engine.snapshot import everything, numbers_of, restore
from seqstudio.records.messages import (
    Event,
    Facts,
    Failed,
    LiveChanged,
    Progress,
    Saved,
    Start,
    Write,
)
from seqstudio.records.readings import Validation, freeze

SLICE_S = 0.03
__all__ = ["Trainer", "devices", "load_trained", "torch_version"]

FIRST_CHECKPOINT_S = 5.0
CHECKPOINT_S = 30.0
AUTOMATIC = 0  # request number of the samples that the trainer writes by itself
PROBED_ROWS = 4
LOOK_STEPS = 25
_OVER = object()


@dataclass(frozen=True)
class _Work:
    """Work beside the steps: done slice by slice; large products gain from more threads."""

    slices: Iterator[None]
    large: bool


class Trainer:
    """One run.

    Attributes:
        step: Optimizer steps done.
        seconds: Time spent on the run, pauses left out.
        model: What is trained.
        dataset: What it learns from.
    """

    def __init__(
        self, start: Start, project: Project, dataset: Dataset, emit: Callable[[Event], None]
    ) -> None:
        settings = project.training
        torch.manual_seed(settings.seed)
        self.project = project
        self.dataset = dataset
        self.folder = Path(start.folder) if start.folder else None
        self.device = choose_device(start.device)
        self.model = GraphModel(project.graph, facts_of(dataset, settings)).to(self.device)
        self.carry = settings.carry and self.model.recurrent and self.model.pattern == "next token"
        self.batches = Batches(dataset, settings, self.carry, self.device)
        self.optimizer = make_optimizer(self.model, settings)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.step = 0
        self.seconds = 0.0
        self.tokens = 0
        self.state: State | None = None
        self.rate = settings.learning_rate
        self.clip = settings.clip
        self.best = math.inf
        self.best_step = -1
        self.probing = start.probes
        self._emit = emit
        self._meter = Meter(emit)
        self._work: deque[_Work] = deque()
        self._probe_now = False
        self._finished = False
        self.settle(self._make_trial())
        self._probe_text = ProbeText(self.model, dataset, project.sampling.probe_text)
        self._validate = Cadence(0.05, first_s=2.0, at_least_s=1.0)
        self._writing = Cadence(0.03, first_s=1.5, at_least_s=4.0)
        self._tapping = Cadence(0.02, first_s=0.0, at_least_s=0.1)
        self._looking = Cadence(0.02, first_s=1.0, at_least_s=0.5)
        self._saving = Cadence(0.02, first_s=FIRST_CHECKPOINT_S, at_least_s=CHECKPOINT_S)
        self._floor: list[Event] = []

    # ------------------------------------------------------------------ opening

    @classmethod
    def open(cls, start: Start, emit: Callable[[Event], None]) -> Trainer:
        """Load data, build the model, continue from the last checkpoint if asked to.

        Raises:
            SeqError: The project, the data, the device or the checkpoint is no good.
        """
        project = parse_project(start.project)
        base = Path(start.base) if start.base else None
        dataset = open_dataset(project.data, base)
        facts = facts_of(dataset, project.training)
        refuse_excess(project, facts, choose_device(start.device))
        trainer = cls(start, project, dataset, emit)
        if start.resume and trainer.folder is not None:
            restore(trainer, store.load_latest(trainer.folder))
        trainer._tell_facts()
        return trainer

    def _tell_facts(self) -> None:
        self._emit(self._facts("", math.nan))
        threading.Thread(target=self._count_floor, name="seqstudio-floor").start()

    def _facts(self, floor_name: str, value: float) -> Facts:
        return Facts(
            parameters=self.model.parameter_count(),
            chance=self.dataset.chance,
            floor_name=floor_name,
            floor=value,
            unit=self.dataset.unit,
            train_tokens=len(self.dataset.train),
            valid_tokens=len(self.dataset.valid),
            device=str(self.device),
            notes=(*self.dataset.notes, *filter(None, [self._probe_text.unmeasured])),
        )

    def _count_floor(self) -> None:
        """Count n-grams, in a thread of its own: seconds of work must not hold up training."""
        try:
            found = floor(self.dataset)
        except (SeqError, OSError, MemoryError, ValueError) as error:
            self._floor.append(Failed("The floor was not counted", str(error), "", fatal=False))
            return
        self._floor.append(self._facts(found.name, found.value))

    def _make_trial(self) -> Trial:
        settings = self.project.training
        cores = os.cpu_count() or 1
        threads = (settings.threads,) if settings.threads else tuple(dict.fromkeys((cores, 1)))
        auto = settings.precision == "auto"
        precisions = ("bfloat16", "float32") if auto else (settings.precision,)
        if self.device.type != "cpu":
            threads = threads[:1]
        if self.device.type == "mps":
            precisions = ("float32",)
        return Trial(precisions, threads)

    def settle(self, trial: Trial) -> None:
        """Train as `trial` says: it is over, or it goes on with the next steps."""
        self.trial = trial
        self._apply(trial.current)

    def _apply(self, setup: Setup) -> None:
        if self.device.type == "cpu" and torch.get_num_threads() != setup.threads:
            torch.set_num_threads(setup.threads)
        self.setup = setup

    @property
    def detail(self) -> str:
        """Device, precision and threads in words."""
        if self.device.type == "cpu":
            return f"cpu, {self.trial.words()}"
        return f"{self.device}, {self.setup.precision}"

    # ----------------------------------------------------------------- stepping

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, 0..1."""
        settings = self.project.training
        if settings.budget == "steps":
            return min(self.step / settings.steps, 1.0)
        return min(self.seconds / 60 / settings.minutes, 1.0)

    def advance(self) -> bool:
        """Do one optimizer step, or one slice of the work beside it.

        Returns:
            False when the budget is spent and nothing is left to do.

        Raises:
            RunError: The loss or a gradient is not finite; the weights are the last good ones.
        """
        began = time.perf_counter()
        self._pass_on_floor()
        if not self._work:
            if self.progress >= 1.0 and self._finished:
                return False
            self._plan()
        if self._work:
            self._slice()
        else:
            self._train()
        self.seconds += time.perf_counter() - began
        return True

    def idle(self) -> bool:
        """Do a slice of waiting work while paused; False when nothing is left."""
        self._pass_on_floor()
        if self._probe_now and not self._work:
            self._probe_now = False
            self._line_up(self._look())
        if self._work:
            self._slice()
        return bool(self._work)

    def _pass_on_floor(self) -> None:
        while self._floor:
            self._emit(self._floor.pop())

    def _slice(self) -> None:
        end = time.perf_counter() + SLICE_S
        while self._work and time.perf_counter() < end:
            work = self._work[0]
            with self._threads(self.setup.threads if work.large else 1):
                if next(work.slices, _OVER) is _OVER:
                    self._work.popleft()

    @contextmanager
    def _threads(self, count: int) -> Iterator[None]:
        """Use `count` processor threads inside: many small products are slower with more."""
        before = torch.get_num_threads()
        if count != before:
            torch.set_num_threads(count)
        try:
            yield
        finally:
            if count != before:
                torch.set_num_threads(before)

    def _line_up(self, slices: Iterator[None], large: bool = False) -> None:
        self._work.append(_Work(slices, large))

    def _plan(self) -> None:
        """Line up the side work that is due before the next step, or at the end of the budget."""
        if self.progress >= 1.0:
            self.flush()
            self._finished = True
            self._line_up(self._finish(), large=True)
            return
        if self._writing.due(self.seconds) and self.model.pattern == "next token":
            self._line_up(self._write_automatically())
        if self.probing and self._looking.due(self.seconds):
            self._line_up(self._look())
        if self.step and self._validate.due(self.seconds):
            self._line_up(self._validation(), large=True)
        if self._saving.due(self.seconds) and self.folder is not None and self.step:
            self._line_up(self._save_in_passing())

    def _train(self) -> None:
        began = time.perf_counter()
        if not self.model.training:  # walking through all modules costs, so only when needed
            self.model.train()
        batch = self.batches.next()
        tapped = self._probe_now or (self.probing and self._tapping.due(self.seconds))
        tap: AbstractContextManager[StepTap | None] = nullcontext()
        if tapped and self.model.recurrent:
            tap = StepTap(self.model)
        with tap as watched:
            losses = self._backward(batch)
        loss = mean_loss(losses, batch.targets)
        clip = self.clip if self.clip > 0 else math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, clip)
        if self._looks_now and not bool(torch.isfinite(loss) & torch.isfinite(norm)):
            self._give_up(loss)
        aside = 0.0 if watched is None else self._tap(watched, batch, losses)
        rate = self._set_rate()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += self.batches.tokens_per_batch
        if not self.trial.over and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # else only the launch would be timed
        took = time.perf_counter() - began - aside
        self._meter.add(loss, norm, (self.step, rate, self.clip, self.seconds + took, self.tokens))
        self._time_trial(took)

    def _backward(self, batch: Window) -> Tensor:
        """Run one batch forward and back; return the loss of every prediction."""
        state = None if batch.restart else self.state
        half = self.setup.precision == "bfloat16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half):
            outputs, after = self.model(batch.inputs, state)
        losses = self.model.losses(outputs, batch.targets)
        mean_loss(losses, batch.targets).backward()  # type: ignore[no-untyped-call]
        self.state = detach(after) if self.carry else None
        if self.state is not None:
            # A model that only ever continues does not learn to begin: from a zero state it can
            # fall into states that it never leaves. So each step one row in turn begins anew.
            forget_row(self.state, self.step % len(batch.inputs))
        return losses.detach()

    def _set_rate(self) -> float:
        settings = self.project.training
        factor = rate_factor(self.step, self.progress, settings.warmup, settings.schedule)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * factor
        return self.rate * factor

    def _time_trial(self, took: float) -> None:
        if not self.trial.over:
            self.trial.add(took)
            self._apply(self.trial.current)

    @property
    def _looks_now(self) -> bool:
        """Whether this step is checked for finite numbers: each on a processor, where it is free.

        Elsewhere a look makes the device wait, so it comes now and then.
        """
        return self.device.type == "cpu" or self.step % LOOK_STEPS == 0

    def _give_up(self, loss: Tensor) -> None:
        """Stop before the bad gradient reaches the weights, and name the block it came from."""
        name = next(
            (n for n, p in self.model.named_parameters()
             if p.grad is not None and not bool(torch.isfinite(p.grad).all())), "",
        )  # fmt: skip
        block = next(
            (n.block for n in self.model.nodes if name.startswith(f"blocks.{n.name}.")), ""
        )
        self.optimizer.zero_grad(set_to_none=True)
        self.flush()
        if self.device.type == "cpu" and self.folder is not None and self.step:
            self.checkpoint()  # elsewhere steps since the last look may have spoilt the weights
        where = title_of(self.project.graph.blocks[block]) if block else "the loss"
        raise RunError(
            f"Training stopped before step {self.step + 1}: numbers are not finite any more",
            f"loss {float(loss):g}; the first bad gradient is in {where}",
            "Lower the learning rate or the clip norm and go on; the last good weights are kept",
        )

    # ---------------------------------------------------------------- side work

    def _tap(self, watched: StepTap, batch: Window, losses: Tensor) -> float:
        """Tell the gradients of this step; return the seconds that it took."""
        given = as_inputs(batch.inputs)
        rows = given.alike(PROBED_ROWS)
        watched.collect(rows)
        row = given.without_padding(rows[:1]).main[0]
        steps, terms = min(batch.steps, len(row)), float(asked(batch.targets).sum())
        reading = watched.reading(self.step, self._words(row), terms, steps)
        if losses.dim() == 2:
            loss = losses[rows[0], :steps].double().cpu().numpy()
            reading = replace(reading, loss=freeze(loss))
        self._emit(reading)
        self._tapping.done(self.seconds, reading.cost_s)
        self._probe_now = False
        return reading.cost_s

    def _words(self, row: Tensor) -> tuple[str, ...]:
        if self.dataset.vocabulary is None:
            return tuple(str(t) for t in range(len(row)))
        symbols = self.dataset.vocabulary.symbols
        return tuple(symbols[int(i)] for i in row.cpu())

    def _look(self) -> Iterator[None]:
        began = time.perf_counter()
        for reading in self._probe_text.readings(self.step):
            self._emit(reading)
            yield
        self._looking.done(self.seconds, time.perf_counter() - began)

    def _write_automatically(self) -> Iterator[None]:
        began = time.perf_counter()
        wish = self.project.sampling
        seed = self.project.training.seed
        request = Write(
            AUTOMATIC, wish.prompt, wish.length, wish.temperature, wish.top_k, wish.top_p, seed
        )
        yield from self._written(request)
        self._writing.done(self.seconds, time.perf_counter() - began)

    def _written(self, request: Write) -> Iterator[None]:
        if self.dataset.vocabulary is None:
            self._emit(Failed("This model cannot write", "it reads no tokens", "", fatal=False))
            return
        if self.dataset.writes is not None:
            self._emit(written_sample(self.model, self.dataset, request, self.step))
            return
        shown = 0.0
        try:
            for writing in write(self.model, self.dataset.vocabulary, request, self.step):
                now = time.perf_counter()
                if writing.done or now - shown > FLUSH_S:
                    self._emit(writing.sample())
                    shown = now
                yield
        except SeqError as error:
            self._emit(Failed(error.what, error.why, error.hint, fatal=False))

    def _validation(self) -> Iterator[None]:
        began, result = time.perf_counter(), Score()
        window = self.project.training.window
        for result in score(self.model, self.dataset, window, self.carry, PART_TOKENS):  # noqa: B007
            yield
        best = result.loss < self.best
        if best:
            self.best, self.best_step = result.loss, self.step
            if self.folder is not None:
                self._save_best(self.folder)
        complete = self.dataset.generated or len(self.dataset.valid) <= PART_TOKENS + 1
        self._tell(self.step, result, complete, best)
        self._validate.done(self.seconds, time.perf_counter() - began)

    def _finish(self) -> Iterator[None]:
        """Measure the whole held-out part, with the last weights and with the best ones so far."""
        self._emit(Progress("Measuring the whole held-out part", math.nan))
        last, earlier, kept = Score(), Score(), self._best_kept()
        for last in self._whole_score():  # noqa: B007  the last one is the result
            yield
        if kept is not None:
            before = copy.deepcopy(self.model)  # a stop in between has to find the last weights
            store.load_model(before, kept.part("model"))
            for earlier in self._whole_score(before):  # noqa: B007
                yield
        won = kept is not None and earlier.loss < last.loss
        if kept is not None:
            self._tell(kept.step, earlier, complete=True, best=won)
        self._tell(self.step, last, complete=True, best=not won)
        if not won and self.folder is not None:
            self._save_best(self.folder)
        if self.probing:
            yield from self._look()
        if self.model.pattern == "next token":
            yield from self._write_automatically()

    def finish(self) -> None:
        """Do what is left at the end of a run at once, then write the last checkpoint."""
        while self.idle():
            pass
        self.checkpoint()

    def _best_kept(self) -> store.Checkpoint | None:
        if self.folder is None or self.best_step in {-1, self.step}:
            return None
        return store.load_checkpoint(self.folder, "best")

    def _whole_score(self, model: GraphModel | None = None) -> Iterator[Score]:
        window = self.project.training.window
        return score(model or self.model, self.dataset, window, self.carry)

    def _tell(self, step: int, result: Score, complete: bool, best: bool) -> None:
        self._emit(Validation(step, result.loss, result.accuracy, result.count, complete, best))

    # ----------------------------------------------------------------- commands

    def set_live(self, name: str, value: float) -> None:
        """Change the learning rate or the clip norm from the next step on.

        Raises:
            ParamError: The value is out of range.
        """
        number = float(self.project.training.param(name).parse(value))
        if name == "learning_rate":
            self.rate = number
        elif name == "clip":
            self.clip = number
        else:
            raise RunError(f"{name} cannot change while a run goes on", "", "Start a new run")
        self._emit(LiveChanged(self.step, name, number))

    def set_probe_text(self, text: str) -> None:
        """Look at another text; a reading follows with the next slice of work."""
        self._probe_text = ProbeText(self.model, self.dataset, text)
        self._line_up(self._look())

    def probe_next(self) -> None:
        """Measure the next step whatever the cadence."""
        self._probe_now = True

    def write(self, request: Write) -> None:
        """Write a sample, in slices between the steps."""
        self._line_up(self._written(request))

    def flush(self) -> None:
        """Emit the numbers that wait."""
        self._meter.flush()

    # -------------------------------------------------------------- checkpoints

    def _save_in_passing(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            self.checkpoint()
        except SeqError as error:  # a full disk must not end the training
            self._emit(Failed(error.what, error.why, error.hint, fatal=False))
        self._saving.done(self.seconds, time.perf_counter() - began)
        yield

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
        store.mark_latest(self.folder, name)
        self._emit(Saved(self.step, str(path), best=False))

    def _save_best(self, folder: Path) -> None:
        tensors = {f"model/{k}": v for k, v in store.model_tensors(self.model).items()}
        try:
            path = store.save_checkpoint(folder, "best", tensors, numbers_of(self))
        except SeqError as error:
            self._emit(Failed(error.what, error.why, error.hint, fatal=False))
            return
        self._emit(Saved(self.step, str(path), best=True))


def load_trained(folder: Path, base: Path | None) -> tuple[GraphModel, Dataset, Project, int]:
    """Load the best model of a run with its data: what evaluate, generate and inspect need.

    Raises:
        SeqError: The run, its project or its data cannot be read.
    """
    from seqstudio.document.project import load_project

    project = load_project(folder / "project.seq")
    dataset = open_dataset(project.data, base)
    model = GraphModel(project.graph, facts_of(dataset, project.training))
    saved = store.load_best(folder)
    store.load_model(model, saved.part("model"))
    return model.eval(), dataset, project, saved.step
