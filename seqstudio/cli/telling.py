"""What a run on the command line says: lines for people, JSON lines for programs, the outcome."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from typing_extensions import override

from seqstudio.cli.console import ProgressLine, number, print_json, told
from seqstudio.data.dataset import Dataset
from seqstudio.document.project import Project
from seqstudio.records.messages import (
    Envelope,
    Event,
    Facts,
    Failed,
    LiveChanged,
    Saved,
    StateChanged,
)
from seqstudio.records.readings import Metrics, Sample, Validation
from seqstudio.runtime.history import RunHistory

JSON_EVERY_S = 0.5
INTERNAL, MISTAKE = 1, 2


class Teller:
    """Follows a run and tells people about it on standard error.

    Attributes:
        history: The run so far.
        deaf: True when the reader of standard output has gone and the run should stop.
    """

    def __init__(self, history: RunHistory, project: Project, line: ProgressLine) -> None:
        self.history = history
        self.deaf = False
        self._project = project
        self._line = line
        self._detail = ""

    def hear(self, envelope: Envelope) -> None:
        """Take in an event of the run."""
        event = envelope.event
        self.history.extend([event])
        match event:
            case Facts(floor_name=""):
                for note in event.notes:
                    self._line.say(f"note: {note}")
            case Failed(fatal=False):
                self._line.say(f"warning: {told(event.what, event.why, event.hint)}")
            case StateChanged(state="running") if event.detail != self._detail:
                self._detail = event.detail
                self._line.say(f"on {event.detail}")
            case StateChanged(state="finished") if event.detail.startswith("ended early"):
                self._line.say(event.detail)
            case _:
                pass
        self.tell(event)
        if self._line.due() and len(self.history.curves):
            self._line.show(self._progress())

    def tell(self, event: Event) -> None:
        """Say what an event means beside the progress line: nothing for people."""

    def failure(self) -> Failed:
        """Return what ended the run."""
        fatal = [failed for failed in self.history.failures if failed.fatal]
        return fatal[-1] if fatal else Failed("The run failed", "it did not say why", "")

    def tell_failure(self) -> int:
        """Say in one line why the run failed; return the exit code."""
        failed = self.failure()
        self._line.say(f"seqstudio: {told(failed.what, failed.why, failed.hint)}")
        return self.failure_code()

    def failure_code(self) -> int:
        """Return the exit code of a run that failed."""
        failed = self.failure()
        own_fault = failed.trace and not failed.what.startswith("There is not enough memory")
        return INTERNAL if own_fault else MISTAKE

    def _progress(self) -> str:
        curves = self.history.curves
        parts = [f"step {int(curves.steps[-1]):,}", f"loss {number(float(curves.loss[-1]))}"]
        if self.history.validations:
            parts.append(f"validation {number(self.history.validations[-1].loss)}")
        if self.history.facts and math.isfinite(self.history.facts.floor):
            parts.append(f"floor {number(self.history.facts.floor)}")
        speed = curves.tokens_per_second()
        if math.isfinite(speed):
            parts.append(f"{speed:,.0f} tokens/s")
        left = seconds_left(self._project, self.history)
        if math.isfinite(left):
            parts.append(f"{clock(left)} left")
        return "  ".join(parts)


class JsonTeller(Teller):
    """Prints the run as one JSON object a line, metrics about twice a second."""

    def __init__(self, history: RunHistory, project: Project, line: ProgressLine) -> None:
        super().__init__(history, project, line)
        self._losses: list[float] = []
        self._waiting: Metrics | None = None
        self._told_s = -math.inf

    @override
    def tell(self, event: Event) -> None:
        try:
            self._tell(event)
        except OSError:
            # Whoever read has gone. An exception here would fail the run; it stops instead.
            self.deaf = True

    def _tell(self, event: Event) -> None:
        if isinstance(event, Metrics):
            self._losses += event.loss.tolist()
            self._waiting = event
            if time.monotonic() - self._told_s < JSON_EVERY_S:
                return
        self._tell_metrics()
        record = RECORDS.get(type(event))
        if record is not None and not (isinstance(event, Sample) and not event.done):
            print_json({"event": _name(event), "run": self.history.run, **record(event)})

    def _tell_metrics(self) -> None:
        """Print the numbers that wait: the mean loss of the steps since the last line."""
        last = self._waiting
        if last is None:
            return
        print_json(
            {
                "event": "metrics",
                "run": self.history.run,
                "step": int(last.steps[-1]),
                "loss": float(np.mean(self._losses)),
                "steps": len(self._losses),
                "grad_norm": float(last.grad_norm[-1]),
                "rate": float(last.rate[-1]),
                "clip": float(last.clip[-1]),
                "seconds": float(last.seconds[-1]),
                "tokens": int(last.tokens[-1]),
                "tokens_per_second": self.history.curves.tokens_per_second(),
                "memory_mb": last.memory_mb,
            }
        )
        self._losses, self._waiting, self._told_s = [], None, time.monotonic()


def _name(event: Event) -> str:
    names = {StateChanged: "state", Failed: "failure", LiveChanged: "live"}
    return names.get(type(event), type(event).__name__.lower())


def _sample(event: Any) -> Mapping[str, Any]:
    return {
        "step": event.step,
        "prompt": event.prompt,
        "text": event.text,
        "temperature": event.temperature,
        "seed": event.seed,
    }


RECORDS: Mapping[type, Callable[[Any], Mapping[str, Any]]] = {
    StateChanged: vars,
    Facts: vars,
    LiveChanged: vars,
    Failed: lambda event: {n: v for n, v in vars(event).items() if n not in {"trace", "remedies"}},
    Saved: lambda event: {"step": event.step, "best": event.best},
    Validation: vars,
    Sample: _sample,
}


def seconds_left(project: Project, history: RunHistory) -> float:
    """Return the training time that is left of the budget, NaN before it can be told."""
    settings, curves = project.training, history.curves
    if not len(curves):
        return math.nan
    spent = float(curves.seconds[-1])
    if settings.budget == "minutes":
        return max(settings.minutes * 60 - spent, 0.0)
    rows = slice(-min(len(curves), 200), None)
    steps, seconds = curves.steps[rows], curves.seconds[rows]
    if len(steps) < 2:
        return math.nan
    each_s = float(seconds[-1] - seconds[0]) / float(steps[-1] - steps[0])
    return max(settings.steps - int(steps[-1]), 0) * each_s


def clock(seconds: float) -> str:
    """Return a time as 42 s, 3:05 or 2:03:05."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


# ------------------------------------------------------------------------------------ outcome


def outcome(
    name: str, project: Project, dataset: Dataset, history: RunHistory
) -> Mapping[str, Any]:
    """Return how a run ended: last and best validation beside floor and chance."""
    from seqstudio.data.floor import floor

    known = floor(dataset)
    last = history.validations[-1] if history.validations else None
    best = best_validation(history)
    curves = history.curves
    return {
        "event": "end",
        "run": name,
        "state": history.state,
        "step": history.step,
        "seconds": float(curves.seconds[-1]) if len(curves) else 0.0,
        "training_loss": float(curves.loss[-1]) if len(curves) else math.nan,
        "final": None if last is None else vars(last),
        "best": None if best is None else vars(best),
        "floor_name": known.name,
        "floor": known.value,
        "chance": dataset.chance,
        "unit": dataset.unit,
        "template": project.template,
    }


def best_validation(history: RunHistory) -> Validation | None:
    """Return the lowest validation, on the whole held-out part where that was measured.

    A loss on the first part cannot be compared with one on the whole.
    """
    whole = [each for each in history.validations if each.complete]
    real = [each for each in whole or history.validations if not math.isnan(each.loss)]
    return min(real, key=lambda each: each.loss, default=None)


def outcome_lines(found: Mapping[str, Any]) -> list[str]:
    """Return the outcome in words."""
    ended = f"{found['run']} {found['state']} at step {found['step']:,}"
    lines = [f"{ended} after {clock(found['seconds'])} of training"]
    if found["final"] is None:
        lines.append("validation    none yet: the run ended before the first one")
    else:
        lines.append(_validation_line("final", found["final"], found))
        lines.append(_validation_line("best", found["best"], found))
    lines.append(f"floor         {number(found['floor'])}  {found['floor_name']}")
    lines.append(f"chance        {number(found['chance'])}  {found['unit']}")
    return lines


def _validation_line(
    title: str, validation: Mapping[str, Any] | None, found: Mapping[str, Any]
) -> str:
    if validation is None:
        return f"{title:<13} –  the loss was never a number"
    part = "" if validation["complete"] else ", on the first part of the held-out data"
    beside = beside_floor(validation["loss"], found["floor"])
    return (
        f"{title:<13} {number(validation['loss'])}  {found['unit']} at step "
        f"{validation['step']:,}{part}, {beside}"
    )


def beside_floor(loss: float, floor: float) -> str:
    """Say how a loss lies to the floor, down to the last digit shown."""
    if not (math.isfinite(loss) and math.isfinite(floor)):
        return "not to be compared with the floor"
    gap = floor - loss
    if abs(gap) < 0.0005:
        return "at the floor"
    return f"below the floor by {gap:.3f}" if gap > 0 else f"above the floor by {-gap:.3f}"
