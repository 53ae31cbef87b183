"""The queue of a sweep: trains one trial after the other, and goes on where it was interrupted.

A sweep lives in `NAME.runs/sweep-N/`: the project as it was (`project.seq`), plan and trials
(`sweep.json`, written anew at every change of a trial), Optuna's journal, and a lock that is held
while a queue is at work. Each trial is an ordinary run beside it, with its own record.
"""

from __future__ import annotations

import math
import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from seqstudio.blocks.check import check, main_arch
from seqstudio.blocks.settings import edit_of
from seqstudio.core.errors import SeqError, StorageError
from seqstudio.core.files import storage_error, write_atomic
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.edits import SetSetting, Together
from seqstudio.document.param import Value
from seqstudio.document.project import Project, load_project, project_text
from seqstudio.document.settings import DataSettings
from seqstudio.document.sweep import (
    FILE,
    Plan,
    Sweep,
    SweepError,
    Trial,
    load_sweep,
    save_sweep,
)
from seqstudio.records.messages import (
    Event,
    Failed,
    Pause,
    Resume,
    Start,
    State,
    StateChanged,
    Stop,
)
from seqstudio.records.readings import Metrics, Validation
from seqstudio.runtime.archive import new_run_name, open_run
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.notes import RunNotes, save_notes
from seqstudio.runtime.runner import Runner
from seqstudio.runtime.searching import Search, need_optuna
from seqstudio.runtime.store import DATABASE, LOCK, PROJECT, is_locked
from seqstudio.runtime.supervisor import ProcessRunner

Wish = Literal["pause", "continue", "skip", "stop"]
Phase = Literal["waiting", "running", "paused", "stopping", "stopped", "finished", "failed"]
TICK_S = 0.05
LET_GO_S = 10.0  # for a trainer of an interrupted queue to save and leave its run
GONE_S = 5.0  # longer than a runner needs to say how its trainer ended
BAD_STARTS = 3  # trials in a row that fail before their first step
CLOSE_S = 20.0
_ENDED: frozenset[State] = frozenset({"stopped", "finished", "failed"})
_KEPT = (Metrics, Validation, StateChanged, Failed)
_ARCH_NAMES = {"transformer": "gpt", "custom1": "model"}


@dataclass(frozen=True)
class Standing:
    """How far a sweep is; replaced as a whole, so any thread may read it.

    Attributes:
        sweep: Plan and trials.
        phase: What the queue does; "stopped" can be continued, "failed" has a problem.
        current: Number of the trial at work, None between two.
        step: Optimizer steps of that trial.
        share: How much of its budget is spent, 0 to 1.
        problem: Why the queue ended before its time, one sentence.
    """

    sweep: Sweep
    phase: Phase = "waiting"
    current: int | None = None
    step: int = 0
    share: float = 0.0
    problem: str = ""

    @property
    def done(self) -> int:
        """Trials that are over."""
        return sum(trial.over for trial in self.sweep.trials)

    @property
    def active(self) -> bool:
        """Whether the queue is at work or holds a trial."""
        return self.phase in {"running", "paused", "stopping"}


def trial_project(project: Project, plan: Plan, trial: Trial) -> Project:
    """Return the project that a trial trains: budget, seed, then what varies.

    Raises:
        ParamError: A value is refused.
        KeyError: The project has no such setting.
    """
    amount = plan.amount if plan.budget == "minutes" else round(plan.amount)
    edits = (
        SetSetting("training", "budget", plan.budget),
        SetSetting("training", plan.budget, amount),
        SetSetting("training", "seed", trial.seed),
    )
    return settings_edit(project, trial.values).apply(Together(edits, "").apply(project))


def settings_edit(project: Project, values: Mapping[str, Value]) -> Together:
    """Return the one edit that gives a project the settings of a trial.

    Raises:
        ParamError: A value is refused.
        KeyError: The project has no such setting.
    """
    edits = tuple(edit_of(project, key, value) for key, value in values.items())
    return Together(edits, "Use settings of the sweep")


def list_sweeps(runs_home: Path) -> list[str]:
    """Return the names of a project's sweeps, the newest first."""
    names = [path.parent.name for path in runs_home.glob(f"sweep-*/{FILE}")]
    return sorted(names, key=lambda name: (len(name), name), reverse=True)


def begin_sweep(runs_home: Path, project: Project, plan: Plan) -> Path:
    """Make the folder of a new sweep and return it; nothing trains yet.

    Raises:
        SweepError: The plan cannot be carried out, or needs Optuna where it is missing.
        ParamError: A setting does not take a value.
        StorageError: The folder cannot be written.
    """
    plan.checked()
    if plan.method == "optuna":
        need_optuna()
    folder = _new_folder(runs_home)
    write_atomic(folder / PROJECT, project_text(project).encode("utf-8"))
    save_sweep(Sweep(folder.name, plan, plan.first_trials()), folder)
    return folder


def _new_folder(runs_home: Path) -> Path:
    pattern = re.compile(r"sweep-(\d+)")
    try:
        runs_home.mkdir(parents=True, exist_ok=True)
        found = (pattern.fullmatch(path.name) for path in runs_home.iterdir())
        number = max((int(match[1]) for match in found if match), default=0) + 1
        folder = runs_home / f"sweep-{number}"
        folder.mkdir()
    except OSError as error:
        raise storage_error(runs_home, error) from error
    return folder


class SweepQueue:
    """Works a sweep off. `run` blocks until it ends; `ask` and `standing` serve other threads.

    Args:
        folder: Folder of the sweep, see `begin_sweep`.
        base: Folder that relative data paths start from.
        device: "auto", "cpu", "cuda" or "mps".
        runner: Who trains; None takes a process. It is closed at the end of `run`.

    Raises:
        SeqError: There is no sweep, or it is damaged.
    """

    def __init__(
        self,
        folder: Path,
        base: Path,
        *,
        device: str = "auto",
        runner: Runner | None = None,
    ) -> None:
        self.folder, self._base, self._device = folder, base, device
        self._project = load_project(folder / PROJECT)
        self._runner = runner
        self._wishes: list[Wish] = []
        self._bell = threading.Event()
        self._data: tuple[DataSettings, Dataset] | None = None
        self._search: Search | None = None
        self._bad_starts = 0
        self.standing = Standing(load_sweep(folder))

    # ------------------------------------------------------------------- from any thread

    def ask(self, wish: Wish) -> None:
        """Pause, continue, skip the trial at work, or stop with a checkpoint; returns at once."""
        self._wishes.append(wish)
        self._bell.set()

    @property
    def sweep(self) -> Sweep:
        """Plan and trials as they are now."""
        return self.standing.sweep

    # ---------------------------------------------------------------- the thread of the queue

    def run(self) -> Standing:
        """Train what is left, one trial after the other; return how it ended, never raise."""
        self._tell(phase="running", problem="")
        try:
            with self._held():
                self._work()
        except (SeqError, OSError) as error:
            problem = error.sentence() if isinstance(error, SeqError) else str(error)
            self._tell(phase="failed", current=None, problem=problem)
        finally:
            if self._runner is not None:
                self._runner.close(CLOSE_S)
        return self.standing

    def _work(self) -> None:
        if self.sweep.plan.method == "optuna":
            self._search = Search(self.folder, self.sweep.plan)
        for trial in self.sweep.trials:
            self._obey_between()
            if self.standing.phase == "stopping":
                break
            if not trial.over:
                self._do(trial)
        ended: Phase = "finished" if self.sweep.finished else "stopped"
        self._tell(phase=ended, current=None)

    def _do(self, trial: Trial) -> None:
        trial = self._chosen(self.sweep.trials[trial.number])
        try:
            project = self._prepared(trial)
        except SeqError as error:
            self._end(replace(trial, state="refused", why=error.sentence()))
            return
        except KeyError as error:
            why = f"The project has no setting {error.args[0]} any more."
            self._end(replace(trial, state="refused", why=why))
            return
        self._train(trial, project)

    def _chosen(self, trial: Trial) -> Trial:
        """Return the trial with its values: those of the plan, or what Optuna proposes."""
        if trial.values or self._search is None:
            return trial
        siblings = self.sweep.siblings(trial)
        known = next((each for each in siblings if each.values), None)
        if known is None:
            point = trial.number // self.sweep.plan.seeds
            asked, values = self._search.ask(point)
            return replace(trial, values=values, asked=asked)
        return replace(trial, values=known.values, asked=known.asked)

    def _prepared(self, trial: Trial) -> Project:
        """Return the project that trains.

        Raises:
            SeqError: It cannot be trained with these settings: the reason of a refusal.
        """
        project = trial_project(self._project, self.sweep.plan, trial)
        if self._data is None or self._data[0] != project.data:
            self._data = project.data, open_dataset(project.data, self._base)
        check(project.graph, facts_of(self._data[1], project.training)).raise_errors()
        return project

    # ------------------------------------------------------------------------- one trial

    def _train(self, trial: Trial, project: Project) -> None:
        run, resume = self._place(trial, project)
        trial = replace(trial, state="running", run=run, why="")
        if resume and (ended := self._ended_before(trial)) is not None:
            self._end(ended)
            return
        self._keep(trial, current=trial.number)
        start = Start(
            run=run, project=project_text(project), base=str(self._base),
            folder=str(self._home / run), device=self._device, resume=resume,
        )  # fmt: skip
        self._runner = self._runner or ProcessRunner(standby=False)
        self._runner.start(start)
        self._finish(trial, self._watch(trial, project))

    def _place(self, trial: Trial, project: Project) -> tuple[str, bool]:
        """Return the run of a trial, and whether it has a checkpoint to go on from."""
        folder = self._home / trial.run
        if trial.run and folder.is_dir():
            _wait_until_free(folder)
            if (folder / "checkpoints" / "latest.json").exists():
                return trial.run, True
            if not (folder / DATABASE).exists():
                return trial.run, False
        return self._new_run(project), False  # what ended before its first checkpoint stays

    def _new_run(self, project: Project) -> str:
        arch = main_arch(project.graph)
        while True:
            name = new_run_name(self._home, _ARCH_NAMES.get(arch, arch))
            try:
                (self._home / name).mkdir()  # so that nobody else takes the name
            except FileExistsError:
                continue
            except OSError as error:
                raise storage_error(self._home / name, error) from error
            save_notes(self._home / name, RunNotes(tags=(self.folder.name,)))
            return name

    def _ended_before(self, trial: Trial) -> Trial | None:
        """Return the trial as done, if its run ended in the moment of an interruption."""
        try:
            history = open_run(self._home / trial.run, readings=False)
        except SeqError:
            return None
        if history.state != "finished":
            return None
        return replace(_with_result(trial, history), state="done")

    def _watch(self, trial: Trial, project: Project) -> _Seen:
        """Wait for the end of a run and do what is asked meanwhile."""
        seen = _Seen(trial.run)
        assert self._runner is not None
        while seen.ended is None:
            for envelope in self._runner.drain():
                seen.take(envelope.event)
            self._obey(seen)
            self._tell(step=seen.history.step, share=seen.share(project))
            seen.mind(alive=self._runner.alive)
            if seen.ended is None:
                self._bell.wait(TICK_S)
                self._bell.clear()
        return seen

    def _finish(self, trial: Trial, seen: _Seen) -> None:
        trial = _with_result(trial, self._on_record(seen))
        if seen.ended == "finished":
            self._end(replace(trial, state="done"))
        elif seen.skipped:
            self._end(replace(trial, state="skipped", why="You skipped it."))
        elif seen.ended == "failed":
            self._end(replace(trial, state="failed", why=seen.why()))
            self._count_bad_start(seen)
        else:
            self._tell(phase="stopping")  # stopped, by a person or from outside: it can go on
            self._keep(replace(trial, state="waiting"), current=None)

    def _on_record(self, seen: _Seen) -> RunHistory:
        """Return what the run's folder says, which knows what was before a continuation too."""
        try:
            return open_run(self._home / seen.history.run, readings=False)
        except SeqError:
            return seen.history

    def _count_bad_start(self, seen: _Seen) -> None:
        self._bad_starts = 0 if seen.history.step else self._bad_starts + 1
        if self._bad_starts >= BAD_STARTS:
            what = f"{BAD_STARTS} trials in a row did not start"
            raise SweepError(what, seen.why(), "Mend that, then continue")

    def _end(self, trial: Trial) -> None:
        self._keep(trial, current=None)
        siblings = self.sweep.siblings(trial)
        if self._search is None or trial.asked < 0 or not all(each.over for each in siblings):
            return
        losses = [each.loss for each in siblings if each.state == "done"]
        self._search.tell(trial.asked, sum(losses) / len(losses) if losses else math.nan)

    # --------------------------------------------------------------------------- wishes

    def _obey(self, seen: _Seen) -> None:
        while self._wishes:
            wish = self._wishes.pop(0)
            runner = self._runner
            assert runner is not None
            if wish == "pause":
                runner.send(Pause())
                self._tell(phase="paused")
            elif wish == "continue":
                runner.send(Resume())
                self._tell(phase="running")
            else:
                seen.skipped = wish == "skip"
                runner.send(Stop())
                self._tell(phase="running" if seen.skipped else "stopping")

    def _obey_between(self) -> None:
        """Do what is asked while no trial is at work; there is nothing to skip."""
        while True:
            while self._wishes:
                wish = self._wishes.pop(0)
                phases: dict[Wish, Phase] = {
                    "pause": "paused", "continue": "running", "stop": "stopping",
                }  # fmt: skip
                self._tell(phase=phases.get(wish, self.standing.phase))
            if self.standing.phase != "paused":
                return
            self._bell.wait(TICK_S)
            self._bell.clear()

    # ---------------------------------------------------------------------------- keeping

    @property
    def _home(self) -> Path:
        return self.folder.parent

    def _keep(self, trial: Trial, current: int | None) -> None:
        """Write down where a trial stands, then tell."""
        sweep = self.sweep.with_trial(trial)
        save_sweep(sweep, self.folder)
        self._tell(sweep=sweep, current=current, step=0, share=0.0)

    def _tell(self, **changes: object) -> None:
        self.standing = replace(self.standing, **changes)  # type: ignore[arg-type]

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keep other windows and commands from working the same sweep off."""
        path = self.folder / LOCK
        try:
            lock = sqlite3.connect(path, timeout=0, isolation_level=None)
        except sqlite3.Error as error:
            raise StorageError(f"{path} cannot be written", str(error)) from error
        with closing(lock):
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.Error as error:
                what = f"{self.folder.name} is being worked off already"
                why = "another window or command has it"
                raise SweepError(what, why, "Stop it there first") from error
            yield


class _Seen:
    """What a trial's trainer has said.

    Attributes:
        history: Curves and state.
        ended: How the run ended, None while it goes on.
        skipped: A person asked to skip it.
    """

    def __init__(self, run: str) -> None:
        self.history = RunHistory(run)
        self.ended: State | None = None
        self.skipped = False
        self._alive_s = time.monotonic()

    def take(self, event: Event) -> None:
        if isinstance(event, _KEPT):
            self.history.extend([event])
        if isinstance(event, StateChanged) and event.state in _ENDED:
            self.ended = event.state

    def mind(self, *, alive: bool) -> None:
        """End a run whose trainer has gone without a word: the program closes while it loads."""
        now = time.monotonic()
        self._alive_s = now if alive else self._alive_s
        if self.ended is None and now - self._alive_s > GONE_S:
            self.ended = "stopped"

    def share(self, project: Project) -> float:
        """Return how much of the budget is spent, 0 to 1."""
        training, seconds = project.training, self.history.curves.seconds
        if training.budget == "steps":
            return min(1.0, self.history.step / training.steps)
        spent = float(seconds[-1]) if len(seconds) else 0.0
        return min(1.0, spent / (training.minutes * 60))

    def why(self) -> str:
        """Return why the run failed."""
        fatal = [each for each in self.history.failures if each.fatal]
        if not fatal:
            return self.history.detail or "The trainer ended."
        return SeqError(fatal[-1].what, fatal[-1].why, fatal[-1].hint).sentence()


def _with_result(trial: Trial, history: RunHistory) -> Trial:
    best = history.best_validation()
    return replace(trial, loss=best.loss if best else math.nan, step=history.step)


def _wait_until_free(folder: Path) -> None:
    """Wait until the trainer of an interrupted queue has saved and let go of its run."""
    until = time.monotonic() + LET_GO_S
    while is_locked(folder) and time.monotonic() < until:
        time.sleep(TICK_S)
