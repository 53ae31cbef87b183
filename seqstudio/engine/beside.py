"""The work beside the steps: validation, writing, looking, saving. In slices, when it is due."""

from __future__ import annotations

import copy
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqstudio.core.errors import SeqError
from seqstudio.engine import checkpoint as store
from seqstudio.engine.cadence import Cadence
from seqstudio.engine.decoding import written_sample
from seqstudio.engine.evaluation import PART_TOKENS, Score
from seqstudio.engine.frames_writing import FramesWriting
from seqstudio.engine.health_tap import HealthTap
from seqstudio.engine.inputs import as_inputs
from seqstudio.engine.learner import Learnt
from seqstudio.engine.meter import FLUSH_S
from seqstudio.engine.model import GraphModel
from seqstudio.engine.probe_text import ProbeText
from seqstudio.engine.probes import StepTap
from seqstudio.engine.rate_finder import broken_off, rate_sweep
from seqstudio.engine.sampling import Writing
from seqstudio.engine.steered import Wishes
from seqstudio.engine.writings import writings
from seqstudio.records.messages import Event, Failed, Progress, Steer, Write
from seqstudio.records.readings import RateSweep, Validation, freeze

if TYPE_CHECKING:
    from seqstudio.engine.trainer import Trainer

SLICE_S = 0.03
HELD = 16
"""Texts that may wait for a wish; beyond that the oldest ends as it is."""
FIRST_CHECKPOINT_S = 5.0
CHECKPOINT_S = 30.0
AUTOMATIC = 0  # request number of the samples that the trainer writes by itself
PROBED_ROWS = 4
HEALTH_SHARE = 0.004
RATE = "rate"  # name of the search for a learning rate
WRITERS = frozenset(("next token", "notes"))
"""Patterns of models that write by themselves."""
_OVER = object()
_WAITS = object()


@dataclass(frozen=True)
class _Work:
    """Work beside the steps: done slice by slice; large products gain from more threads.

    A slice that is `_WAITS` sets the work aside until it is steered; `text` tells which it is.
    """

    slices: Iterator[object]
    large: bool
    name: str = ""
    text: int = 0


class Beside:
    """Decides what is due beside the steps of one trainer, and does it slice by slice."""

    def __init__(self, trainer: Trainer, emit: Callable[[Event], None], probe_text: str) -> None:
        self._trainer = trainer
        self._emit = emit
        self._queue: deque[_Work] = deque()
        self._asked: deque[_Work] = deque()  # texts that somebody waits for come first
        self._held: dict[int, _Work] = {}
        self._wishes: dict[int, Wishes] = {}
        self._sweep: RateSweep | None = None
        self.look_at(probe_text)
        self._validate = Cadence(0.05, first_s=2.0, at_least_s=1.0)
        self._writing = Cadence(0.03, first_s=1.5, at_least_s=4.0)
        # not at the very first step, whose loss somebody waits for
        self._tapping = Cadence(0.02, first_s=0.001, at_least_s=0.1)
        self._health = Cadence(HEALTH_SHARE, first_s=0.05, at_least_s=0.3)
        self._looking = Cadence(0.02, first_s=1.0, at_least_s=0.5)
        self._saving = Cadence(0.02, first_s=FIRST_CHECKPOINT_S, at_least_s=CHECKPOINT_S)

    @property
    def waiting(self) -> bool:
        """Whether there is work to do."""
        return bool(self._queue or self._asked)

    @property
    def unmeasured(self) -> str:
        """Why the probe text cannot be measured, "" when it can."""
        return self._probe_text.unmeasured

    def look_at(self, text: str) -> None:
        """Let the probes read this text from now on."""
        trainer = self._trainer
        self._probe_text = ProbeText(trainer.model, trainer.dataset, text)

    # ---------------------------------------------------------------- the queue

    def line_up(self, slices: Iterator[object], *, large: bool = False, name: str = "") -> None:
        """Add work, done in the order of coming; with a name it can be given up."""
        self._queue.append(_Work(slices, large, name))

    def give_up(self, name: str) -> bool:
        """Drop the work of a name; tell whether there was any."""
        kept = [work for work in self._queue if work.name != name]
        gone, self._queue = len(kept) < len(self._queue), deque(kept)
        return gone

    def slice(self) -> None:
        """Do about `SLICE_S` of the work that waits."""
        end = time.perf_counter() + SLICE_S
        while self.waiting and time.perf_counter() < end:
            queue = self._asked or self._queue
            work = queue[0]
            with _threads(self._trainer.setup.threads if work.large else 1):
                found = next(work.slices, _OVER)
            if found is _WAITS:
                self._hold(queue.popleft())
            elif found is _OVER:
                queue.popleft()
                self._wishes.pop(work.text, None)

    def plan(self) -> None:
        """Line up what is due before the next step."""
        trainer, now = self._trainer, self._trainer.seconds
        if self._writing.due(now) and trainer.model.pattern in WRITERS:
            self.line_up(self._write_automatically())
        if trainer.probing and self._looking.due(now):
            self.line_up(self.look())
        if trainer.step and self._validation_due():
            self.line_up(self._validation(), large=True)
        if self._saving.due(now) and trainer.folder is not None and trainer.step:
            self.line_up(self._save_in_passing())

    def _validation_due(self) -> bool:
        """By the steps of the settings, which a repeated run shares, or else by the time."""
        trainer, every = self._trainer, self._trainer.project.training.validate_every
        if every:
            return trainer.step // every > trainer.validated // every
        return self._validate.due(trainer.seconds)

    # ------------------------------------------------------------------ probes

    @property
    def tapping(self) -> bool:
        """Whether the gradients through time of the next step are wanted."""
        return self._trainer.probing and self._tapping.due(self._trainer.seconds)

    def tap(self, learnt: Learnt, watched: StepTap) -> float:
        """Tell the gradients through time of a step; return the seconds that it took."""
        batch, losses = learnt.batch, learnt.losses
        given = as_inputs(batch.inputs)
        rows = given.alike(PROBED_ROWS)
        watched.collect(rows)
        row = given.without_padding(rows[:1]).main[0]
        steps, terms = min(batch.steps, len(row)), float(learnt.terms) / learnt.scale
        reading = watched.reading(self._trainer.step, self._words(row), terms, steps)
        if losses.dim() == 2:
            loss = losses[rows[0], :steps].double().cpu().numpy()
            reading = replace(reading, loss=freeze(loss))
        self._emit(reading)
        self._tapping.done(self._trainer.seconds, reading.cost_s)
        return reading.cost_s

    def health_tap(self, *, wanted: bool) -> HealthTap | None:
        """Return what watches the health of the next step, None while none is due.

        Args:
            wanted: Whatever the cadence.
        """
        trainer = self._trainer
        due = self._health.due(trainer.seconds) and trainer.trial.over
        return HealthTap(trainer.model) if trainer.probing and (due or wanted) else None

    def tell_health(self, tap: HealthTap, rate: float) -> None:
        """Tell the health of the step that was applied."""
        trainer = self._trainer
        reading = tap.reading(trainer.step, trainer.take_counts(), rate)
        self._emit(reading)
        self._health.done(trainer.seconds, reading.cost_s)

    def _words(self, row: Tensor) -> tuple[str, ...]:
        vocabulary = self._trainer.dataset.vocabulary
        if vocabulary is None:
            return tuple(str(t) for t in range(len(row)))
        return tuple(vocabulary.symbols[int(i)] for i in row.cpu())

    def look(self) -> Iterator[None]:
        """Measure the probe text."""
        began = time.perf_counter()
        for reading in self._probe_text.readings(self._trainer.step):
            self._emit(reading)
            yield
        self._looking.done(self._trainer.seconds, time.perf_counter() - began)

    def find_rate(self) -> Iterator[None]:
        """Try rising learning rates on a copy of the model."""
        self._sweep = None
        for sweep in rate_sweep(self._trainer.learner):
            if sweep is not None:
                self._sweep = sweep
                self._emit(sweep)
            yield

    def give_up_rate(self) -> None:
        """End the search for a learning rate; tells what it had found."""
        if self.give_up(RATE):
            self._emit(broken_off(self._trainer.step, self._sweep))

    # ----------------------------------------------------------------- writing

    def _write_automatically(self) -> Iterator[object]:
        began = time.perf_counter()
        wish = self._trainer.project.sampling
        seed = self._trainer.project.training.seed
        warmth = self._trainer.temperature
        request = Write(AUTOMATIC, wish.prompt, wish.length, warmth, wish.top_k, wish.top_p, seed)
        yield from self.written(request)
        self._writing.done(self._trainer.seconds, time.perf_counter() - began)

    def ask(self, request: Write) -> None:
        """Write a text before anything else that waits."""
        self._wishes[request.request] = Wishes()
        slices = self.written(request)
        self._asked.append(_Work(slices, large=False, text=request.request))

    def steer(self, steer: Steer) -> None:
        """Steer a text that is being written; one that is not is left alone."""
        wishes = self._wishes.get(steer.request)
        if wishes is not None:
            wishes.put(steer)
        held = self._held.pop(steer.request, None)
        if held is not None:
            self._asked.append(held)

    def _hold(self, work: _Work) -> None:
        """Set a text aside until it is steered."""
        self._held[work.text] = work
        if len(self._held) > HELD:
            oldest = next(iter(self._held))
            self.steer(Steer(oldest, 1.0, 0, 1.0, stop=True))

    def written(self, request: Write) -> Iterator[object]:
        """Write a sample and tell it while it grows."""
        trainer = self._trainer
        if trainer.dataset.vocabulary is None and trainer.model.pattern != "notes":
            self._emit(Failed("This model cannot write", "it reads no tokens", "", fatal=False))
            return
        if trainer.dataset.writes is not None:
            self._emit(written_sample(trainer.model, trainer.dataset, request, trainer.step))
            return
        shown = 0.0
        try:
            for writing in self._writings(request):
                now = time.perf_counter()
                if writing.done or writing.waits or now - shown > FLUSH_S:
                    self._emit(writing.sample())
                    shown = now
                yield _WAITS if writing.waits else None
        except SeqError as error:
            self._emit(Failed(error.what, error.why, error.hint, fatal=False))

    def _writings(self, request: Write) -> Iterator[Writing | FramesWriting]:
        trainer = self._trainer
        return writings(
            trainer.model,
            trainer.dataset,
            request,
            trainer.step,
            kind=trainer.project.data.kind,
            wishes=self._wishes.get(request.request),
        )

    # --------------------------------------------------------------- measuring

    def _validation(self) -> Iterator[None]:
        trainer = self._trainer
        began, result = time.perf_counter(), Score()
        for result in self._score(trainer.model, PART_TOKENS):  # noqa: B007  the last one counts
            yield
        best = trainer.judge(result.loss)
        if best:
            trainer.save_best()
        complete = trainer.dataset.generated or len(trainer.dataset.valid) <= PART_TOKENS + 1
        self._tell(trainer.step, result, complete, best)
        self._validate.done(trainer.seconds, time.perf_counter() - began)

    def finish(self) -> Iterator[object]:
        """Measure the whole held-out part, with the last weights and with the best ones so far."""
        trainer = self._trainer
        self._emit(Progress("Measuring the whole held-out part", math.nan))
        last, earlier, kept = Score(), Score(), self._best_kept()
        for last in self._score(trainer.model):  # noqa: B007  the last one is the result
            yield None
        if kept is not None:
            before = copy.deepcopy(trainer.model)  # a stop in between has to find the last weights
            store.load_model(before, kept.part("model"))
            for earlier in self._score(before):  # noqa: B007
                yield None
        won = kept is not None and earlier.loss < last.loss
        if kept is not None:
            self._tell(kept.step, earlier, complete=True, best=won)
        self._tell(trainer.step, last, complete=True, best=not won)
        if not won:
            trainer.save_best()
        if trainer.probing:
            yield from self.look()
        if trainer.model.pattern in WRITERS:
            yield from self._write_automatically()

    def _best_kept(self) -> store.Checkpoint | None:
        trainer = self._trainer
        if trainer.folder is None or trainer.best_step in {-1, trainer.step}:
            return None
        with suppress(SeqError):  # a full disk may have kept it from being written
            kept = store.load_checkpoint(trainer.folder, "best")
            return kept if kept.step == trainer.best_step else None
        return None

    def _score(self, model: GraphModel, limit: int = 0) -> Iterator[Score]:
        trainer = self._trainer
        return trainer.learner.score(
            model, trainer.dataset, trainer.project.training.window, limit
        )

    def _tell(self, step: int, result: Score, complete: bool, best: bool) -> None:
        self._emit(Validation(step, result.loss, result.accuracy, result.count, complete, best))

    # ------------------------------------------------------------------ saving

    def _save_in_passing(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            self._trainer.checkpoint()
        except SeqError as error:  # a full disk must not end the training
            self._emit(Failed(error.what, error.why, error.hint, fatal=False))
        self._saving.done(self._trainer.seconds, time.perf_counter() - began)
        yield


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Use `count` processor threads inside: many small products are slower with more."""
    before = torch.get_num_threads()
    if count != before:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count != before:
            torch.set_num_threads(before)
