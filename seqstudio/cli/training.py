"""`seqstudio train`: one run in this process, told on standard error or as JSON lines.

Started by torchrun, the processes train one run together: process 0 does all that one process
alone does, the others follow it and say nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from argparse import Namespace
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from seqstudio.cli.console import ProgressLine, print_json
from seqstudio.cli.overrides import with_setting
from seqstudio.cli.projects import examine
from seqstudio.cli.runs import find_run, new_name
from seqstudio.cli.telling import MISTAKE, JsonTeller, Teller, outcome, outcome_lines
from seqstudio.cli.usage import UsageError
from seqstudio.core.allocation import keep_freed_memory
from seqstudio.core.errors import RunError
from seqstudio.data.dataset import Dataset
from seqstudio.document.project import Project, load_project, project_text, runs_folder
from seqstudio.records.messages import Start
from seqstudio.runtime.archive import open_run
from seqstudio.runtime.history import RunHistory

if TYPE_CHECKING:
    from seqstudio.engine.ranks import Ranks
    from seqstudio.runtime.worker import Opening

STOPPED = 130
_FIXED = ("seed", "threads", "precision")


@dataclass(frozen=True)
class Job:
    """What is to be trained: the project as it will train, and where."""

    path: Path
    project: Project
    name: str
    dataset: Dataset
    resume: bool

    @property
    def folder(self) -> Path:
        """Folder of the run."""
        return runs_folder(self.path) / self.name


def train(arguments: Namespace) -> int:
    """Train; 0 when the budget is spent, 130 when it was stopped, 2 or 1 when it failed."""
    if not several():
        return _train(arguments, None)
    from seqstudio.engine.ranks import Ranks

    ranks = Ranks()
    try:
        if not ranks.leads:
            return _follow(ranks, Path(arguments.project))
        return _train(arguments, ranks)
    finally:
        ranks.end()


def several() -> bool:
    """Tell whether this process is one of several that torchrun started."""
    size = os.environ.get("WORLD_SIZE", "")
    return "RANK" in os.environ and size.isdigit() and int(size) > 1


def _follow(ranks: Ranks, path: Path) -> int:
    """Obey process 0. It decides when to stop, so what stops all is left to it."""
    from seqstudio.engine.following import follow
    from seqstudio.engine.ranks import LostError

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    try:
        follow(ranks, path.parent)
        return 0
    except LostError:
        if ranks.first_to_tell():
            raise
        return 0 if ranks.ended else MISTAKE
    except Exception as error:
        ranks.fail(error)
        raise


def _train(arguments: Namespace, ranks: Ranks | None) -> int:
    path = Path(arguments.project)
    project = load_project(path)
    if arguments.find_rate:
        return _find_rate(project, path, arguments, ranks)
    job = _resumed(arguments, path) if arguments.resume else _begun(arguments, path, project)
    if job.resume and _spent(job):
        hint = "has spent its budget already; --steps or --minutes make it longer"
        print(f"{job.name} {hint}", file=sys.stderr)
        _tell_outcome(job, _known(job), as_json=arguments.json)
        return 0
    return _run(job, arguments, ranks)


def _find_rate(project: Project, path: Path, arguments: Namespace, ranks: Ranks | None) -> int:
    from seqstudio.cli.finding import find_rate

    if ranks is not None:
        raise UsageError("--find-rate needs one process alone", "", "Start it without torchrun")
    changed = _fixed(project, arguments)
    return find_rate(changed, _examined(changed, path), arguments)


def _fixed(project: Project, arguments: Namespace) -> Project:
    """Return the project with the settings that were given."""
    for name in _FIXED:
        if getattr(arguments, name) is not None:
            project = with_setting(project, f"training.{name}", getattr(arguments, name))
    return project


def _begun(arguments: Namespace, path: Path, project: Project) -> Job:
    changed = _fixed(_with_budget(project, arguments), arguments)
    name = new_name(changed, path, arguments.run)
    return Job(path, changed, name, _examined(changed, path), resume=False)


def _resumed(arguments: Namespace, path: Path) -> Job:
    """Continue a run as it was started: its own project, not what the file says by now."""
    for name in _FIXED:
        if getattr(arguments, name) is not None:
            why = "a run continues with the settings that it began with"
            raise UsageError(f"--{name} does not go with --resume", why, "Leave it out")
    found = find_run(path, arguments.run)
    project = _with_budget(load_project(found.folder / "project.seq"), arguments)
    return Job(path, project, found.name, _examined(project, path), resume=True)


def _examined(project: Project, path: Path) -> Dataset:
    """Find every mistake before a folder is made for the run."""
    dataset, report = examine(project, path.parent)
    report.raise_errors()
    return dataset


def _with_budget(project: Project, arguments: Namespace) -> Project:
    for budget in ("steps", "minutes"):
        wanted = getattr(arguments, budget)
        if wanted is not None:
            project = with_setting(project, f"training.{budget}", wanted)
            project = with_setting(project, "training.budget", budget)
    return project


def _known(job: Job) -> RunHistory:
    """Return what is on record; a damaged record is begun anew by the run itself."""
    try:
        return open_run(job.folder, readings=False)
    except RunError:
        return RunHistory(job.name)


def _spent(job: Job) -> bool:
    """Tell whether a run is finished and its budget asks for nothing more."""
    history = _known(job)
    settings, seconds = job.project.training, history.curves.seconds
    if history.state != "finished":
        return False
    if settings.budget == "steps":
        return history.step >= settings.steps
    # The last step ends the budget, so the time on record is that of the step before.
    return bool(len(seconds)) and float(seconds[-1]) >= settings.minutes * 60 - 1


def _run(job: Job, arguments: Namespace, ranks: Ranks | None) -> int:
    from seqstudio.engine.devices import choose_device
    from seqstudio.runtime.worker import train_here

    choose_device(arguments.device if ranks is None else ranks.device(arguments.device))
    start = Start(
        run=job.name,
        project=project_text(job.project),
        base=str(job.path.parent),
        folder=str(job.folder),
        device=arguments.device,
        resume=job.resume,
    )
    keep_freed_memory()
    line = ProgressLine()
    together = "" if ranks is None else f" with {ranks.size} processes"
    doing = "Continuing" if job.resume else "Training"
    line.say(f"{doing} {job.name} of {job.path.name}{together}")
    history = _known(job) if job.resume else RunHistory(job.name)
    teller = (JsonTeller if arguments.json else Teller)(history, job.project, line)
    state = train_here(start, teller.hear, lambda: teller.deaf, _opening(ranks))
    line.clear()
    if teller.deaf:
        raise BrokenPipeError
    if state == "failed":
        told = ranks is not None and not ranks.first_to_tell()
        return teller.failure_code() if told else teller.tell_failure()
    _tell_outcome(job, history, as_json=arguments.json)
    return 0 if state == "finished" else STOPPED


def _opening(ranks: Ranks | None) -> Opening | None:
    """Return how the run is opened where several processes train it."""
    if ranks is None:
        return None
    from seqstudio.engine.distributed import open_leading

    return partial(open_leading, ranks)


def _tell_outcome(job: Job, history: RunHistory, *, as_json: bool) -> None:
    found = outcome(job.name, job.project, job.dataset, history)
    if as_json:
        print_json(found)
        return
    for line in outcome_lines(found):
        print(line)
