"""`seqstudio sweep`: many runs with other settings, one after the other, and which was best."""

from __future__ import annotations

import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqstudio.cli.console import ProgressLine, number, print_json, table
from seqstudio.cli.overrides import find, with_setting
from seqstudio.cli.projects import examine
from seqstudio.cli.usage import UsageError
from seqstudio.core.errors import RunError
from seqstudio.document.project import Project, load_project, runs_folder
from seqstudio.document.sweep import Axis, Plan, Sweep, SweepError, Trial, load_sweep, parse_axis
from seqstudio.runtime.sweeping import Standing, SweepQueue, begin_sweep, list_sweeps

STOPPED = 130
DEFAULT_STEPS, DEFAULT_TRIALS = 500, 20
POLL_S = 0.1


def sweep(arguments: Namespace) -> int:
    """Work a sweep off; 0 when every trial is over, 130 when it was stopped."""
    path = Path(arguments.project)
    project = load_project(path)
    folder = _continued(arguments, path) if arguments.resume else _begun(arguments, path, project)
    queue = SweepQueue(folder, path.absolute().parent, device=arguments.device)
    line = ProgressLine()
    line.say(f"{'Continuing' if arguments.resume else 'Beginning'} {_in_words(queue.sweep)}")
    line.say(f"It is kept in {folder}")
    standing = work_off(queue, line, as_json=arguments.json)
    line.clear()
    if standing.problem:
        hint = f"seqstudio sweep {path} --resume goes on"
        raise RunError(f"{folder.name} ended before its time", standing.problem, hint)
    _tell_result(standing.sweep, as_json=arguments.json)
    return 0 if standing.phase == "finished" else STOPPED


# ----------------------------------------------------------------------------------- the plan


def _begun(arguments: Namespace, path: Path, project: Project) -> Path:
    plan = Plan(
        axes=_axes(project, arguments.set),
        method=arguments.method,
        trials=whole_of(arguments.trials, "trials", 0 if arguments.method == "grid" else None),
        budget="steps" if arguments.minutes is None else "minutes",
        amount=amount_of(project, arguments),
        seeds=whole_of(arguments.seeds, "seeds", 1),
        seed=project.training.seed,
    )
    plan.checked()
    examine(project, path.parent)  # data that cannot be read would refuse every trial
    return begin_sweep(runs_folder(path), project, plan)


def _axes(project: Project, pairs: list[str]) -> tuple[Axis, ...]:
    axes = []
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            hint = "Write it as KEY=16,32,64 or KEY=0.001..0.1"
            raise UsageError(f"--set {pair} has no values", "", hint)
        place = find(project, key.strip())
        axes.append(parse_axis(place.key, place.param, text))
    return tuple(axes)


def amount_of(project: Project, arguments: Namespace) -> float:
    """Return steps or minutes of a trial, held to what the setting takes."""
    name = "steps" if arguments.minutes is None else "minutes"
    wanted = getattr(arguments, name)
    chosen = with_setting(project, f"training.{name}", DEFAULT_STEPS if wanted is None else wanted)
    return float(getattr(chosen.training, name))


def whole_of(given: str | None, name: str, default: int | None) -> int:
    """Return a number that was given as an option.

    Raises:
        UsageError: It is none above 0.
    """
    if given is None:
        return DEFAULT_TRIALS if default is None else default
    if not given.isdecimal() or int(given) < 1:
        raise UsageError(f"--{name} {given} is no number above 0", "", "Give one such as 10")
    return int(given)


def _continued(arguments: Namespace, path: Path) -> Path:
    """Return the newest sweep that is not finished; it goes on as it was planned."""
    given = [
        name for name in ("set", "trials", "steps", "minutes", "seeds") if _given(arguments, name)
    ]
    if given:
        why = "a sweep continues as it was planned"
        raise UsageError(f"--{given[0]} does not go with --resume", why, "Leave it out")
    home = runs_folder(path)
    for name in list_sweeps(home):
        if not load_sweep(home / name).finished:
            return home / name
    hint = f"Begin one: seqstudio sweep {path} --set KEY=VALUES"
    raise SweepError(f"{path.name} has no sweep to continue", "", hint)


def _given(arguments: Namespace, name: str) -> bool:
    return getattr(arguments, name) not in (None, [])


# ------------------------------------------------------------------------------------ the work


def work_off(queue: SweepQueue, line: ProgressLine, *, as_json: bool) -> Standing:
    """Work a queue off, tell of every trial, stop with a checkpoint at a signal."""
    teller = _Teller(line, as_json=as_json)
    thread = threading.Thread(target=queue.run, name="seqstudio-sweep")
    with _signals_stop(queue):
        thread.start()
        while thread.is_alive():
            teller.look(queue.standing)
            thread.join(POLL_S)
    teller.look(queue.standing)
    return queue.standing


@contextmanager
def _signals_stop(queue: SweepQueue) -> Iterator[None]:
    """Let Ctrl+C and SIGTERM stop with a checkpoint."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = (signal.SIGINT, signal.SIGTERM)
    before = {int(name): signal.getsignal(name) for name in names}
    for name in names:
        signal.signal(name, lambda *_: queue.ask("stop"))
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class _Teller:
    """Tells of every trial once, when it is over, and how far the present one is."""

    def __init__(self, line: ProgressLine, *, as_json: bool) -> None:
        self._line, self._as_json = line, as_json
        self._told: set[int] | None = None

    def look(self, standing: Standing) -> None:
        trials = standing.sweep.trials
        if self._told is None:  # what was over before is no news
            self._told = {trial.number for trial in trials if trial.over}
        for trial in trials:
            if trial.over and trial.number not in self._told:
                self._told.add(trial.number)
                self._tell(trial, len(trials))
        if standing.current is not None and self._line.due():
            place = f"trial {standing.current + 1} of {len(trials)}"
            self._line.show(f"{place}, step {standing.step:,}, {standing.share:.0%}")

    def _tell(self, trial: Trial, count: int) -> None:
        if self._as_json:
            print_json({"event": "trial", **_record(trial)})
            return
        result = trial.why or f"validation {number(trial.loss, 4)}"
        values = ", ".join(f"{key} {_shown(value)}" for key, value in trial.values.items())
        self._line.say(f"trial {trial.number + 1} of {count} {trial.state}: {values}: {result}")


# ---------------------------------------------------------------------------------- the result


def _tell_result(sweep: Sweep, *, as_json: bool) -> None:
    best = sweep.best()
    if as_json:
        states = [trial.state for trial in sweep.trials]
        print_json({
            "event": "sweep", "name": sweep.name, "trials": len(states),
            **{state: states.count(state) for state in dict.fromkeys(states)},
            "best": None if best is None else _record(best),
        })  # fmt: skip
        return
    keys = [axis.key for axis in sweep.plan.axes]
    head = ("", "run", "state", *keys, "seed", "validation")
    for row in table([head, *(_row(trial, keys) for trial in sweep.ranked())]):
        print(row)
    if best is None:
        print("No trial has a validation loss", file=sys.stderr)


def _row(trial: Trial, keys: list[str]) -> tuple[str, ...]:
    values = [_shown(trial.values[key]) if key in trial.values else "–" for key in keys]
    loss = number(trial.loss, 4)
    return (f"{trial.number + 1}", trial.run or "–", trial.state, *values, f"{trial.seed}", loss)


def _record(trial: Trial) -> dict[str, Any]:
    return {
        "trial": trial.number + 1, "state": trial.state, "run": trial.run, "seed": trial.seed,
        "values": dict(trial.values), "validation": trial.loss, "step": trial.step,
        "why": trial.why,
    }  # fmt: skip


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _in_words(sweep: Sweep) -> str:
    plan, count = sweep.plan, len(sweep.trials)
    left = sum(not trial.over for trial in sweep.trials)
    budget = f"{plan.amount:g} {plan.budget}"
    return f"{sweep.name}: {left} of {count} trials to train, {budget} each, by {plan.method}"
