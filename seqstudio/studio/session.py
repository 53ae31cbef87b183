"""The session: one open document, the run in view, the shared cursor. What every panel listens to.

It turns the runner's mailbox into Qt signals, at most thirty times a second, from the GUI thread.
Nothing here blocks: data load in a thread, training runs in its own process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, QProcess, QTimer, Signal, Slot

from seqstudio.blocks.check import Report, check, main_arch
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.editing import set_param
from seqstudio.core.errors import DataError, SeqError
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.document import Change, Document
from seqstudio.document.edits import ReplaceProject, SetSetting
from seqstudio.document.graph import Graph
from seqstudio.document.project import Project, load_project, parse_project, project_text
from seqstudio.document.settings import DataSettings, TrainingSettings
from seqstudio.records.faults import ApplyGraph, GraphApplied, Remedy
from seqstudio.records.looking import LookAt, Looked, LookFailed
from seqstudio.records.messages import (
    Command,
    Facts,
    Failed,
    FindRate,
    Pause,
    Resume,
    SetLive,
    SetProbeText,
    Start,
    StateChanged,
    Step,
    Stop,
    Write,
)
from seqstudio.records.peek import PeekAt, Peeked, PeekFailed
from seqstudio.runtime.archive import RunInfo, list_runs, new_run_name, open_run
from seqstudio.runtime.forking import FORK
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.runner import Runner, ThreadRunner
from seqstudio.runtime.store import is_locked
from seqstudio.runtime.supervisor import ProcessRunner, free_memory
from seqstudio.studio.companions import SECOND_TRAINER, Companion, Companions, Follower
from seqstudio.studio.inside.looks import LookDesk
from seqstudio.studio.project_lock import Holder, ProjectLock
from seqstudio.studio.run_homes import Removal, RunHomes, RunTrash

POLL_MS = 33
ACTIVE = frozenset({"starting", "running", "paused"})
ANSWERS = (Peeked, PeekFailed, Looked, LookFailed)
LIVE = tuple(param.name for param in TrainingSettings.PARAMS if param.live)
ARCH_TITLES = {
    "rnn": "RNN",
    "gru": "GRU",
    "lstm": "LSTM",
    "transformer": "GPT",
    "custom1": "Model",
}


@dataclass(frozen=True)
class Cursor:
    """The two clocks and the place, shared by every view.

    Attributes:
        step: Training clock; None follows the newest step.
        t: Sequence time within the text or window shown.
        block: Block looked at, "" for the first that fits.
        layer: Layer in the block.
        head: Attention head.
        unit: Unit of the layer, None while nobody has pointed at one.
        token: Symbol of the vocabulary, "" while nobody has pointed at one.
    """

    step: int | None = None
    t: int = 0
    block: str = ""
    layer: int = 0
    head: int = 0
    unit: int | None = None
    token: str = ""


@dataclass(frozen=True)
class Notice:
    """Something to tell the person.

    Attributes:
        what: What happened.
        why: The cause.
        hint: What to do.
        level: "info", "success", "warn" or "error".
        details: Traceback or log, for the curious.
        remedies: What helps, each a button.
    """

    what: str
    why: str = ""
    hint: str = ""
    level: str = "info"
    details: str = ""
    remedies: tuple[Remedy, ...] = ()


class Guest(Protocol):
    """Work of a panel that ends with the session, such as a sweep."""

    def begin_close(self) -> None:
        """Ask it to end; returns at once."""

    @property
    def closed(self) -> bool:
        """Whether it has ended."""

    def end_close(self, timeout_s: float) -> bool:
        """Wait for its end; True when it has ended."""


class Session(QObject):
    """One open document and the run in view.

    Attributes:
        document: The project with its history.
        dataset: The data, None while they load or when they are no good.
        data_error: Why there are none.
        facts: What the check of the graph rests on.
        report: Result of the check, None while there are no facts.
        history: The run in view.
        others: Runs drawn beside it, by name.
        cursor: The shared cursor.
        state: "idle" before the first run, else the state of the run.
        run_project: The project as the run in view was started with, None without a run.
        threads: Trainers are threads of this process, not processes of their own.
        guests: Work of panels that ends with the session.
        looks: Asks what panels want to see inside the model.
    """

    project_changed = Signal(object)
    facts_changed = Signal()
    report_changed = Signal()
    run_changed = Signal()
    events = Signal(object)
    state_changed = Signal(str)
    cursor_changed = Signal(object)
    notice = Signal(object)
    peeked = Signal(object)

    def __init__(
        self, document: Document, *, threads: bool = False, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.document = document
        self.dataset: Dataset | None = None
        self.data_error: SeqError | None = None
        self.facts: DataFacts | None = None
        self.report: Report | None = None
        self.history = RunHistory()
        self.others: dict[str, RunHistory] = {}
        self.cursor = Cursor()
        self.state = "idle"
        self.run_project: Project | None = None
        self.device = "auto"
        self.threads = threads
        self._runner: Runner = ThreadRunner() if threads else ProcessRunner()
        self._loader = ThreadPoolExecutor(1, "seqstudio-data")
        self._loading: Future[Dataset] | None = None
        self._loaded: tuple[DataSettings, Path | None] | None = None
        self._request = 0
        self._peek: tuple[int, Graph] | None = None  # the newest wish and the graph it is about
        self._wanted = ""
        self._homes = RunHomes()
        self._lock = ProjectLock()
        self.trash = RunTrash()
        self.companions = Companions()
        self.looks = LookDesk(self)
        self._watched: Follower | None = None  # the run in view is another program's
        self._removal: Removal | None = None
        self._follows = False  # what the trainer says belongs to the run in view
        self._closing = False
        self.guests: list[Guest] = [self.companions]
        document.changed.connect(self._project_became)
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._timer.start()
        self._load_data()

    # ----------------------------------------------------------------- project

    @property
    def project(self) -> Project:
        """The current project."""
        return self.document.project

    @property
    def base(self) -> Path | None:
        """Folder that relative data paths start from."""
        return self.document.path.parent if self.document.path else None

    @property
    def runs_home(self) -> Path:
        """Folder of this document's runs: beside the project, or kept aside until it is saved."""
        return self._homes.of(self.document.path)

    def _project_became(self, change: Change) -> None:
        if self._loaded != self._data_wanted:
            self._load_data()
        else:
            if change.before.training != change.after.training:
                self._renew_facts()
            self._send_live(change.before, change.after)
        if change.before.graph is not change.after.graph:
            self._check()
        self.project_changed.emit(change)

    @property
    def _data_wanted(self) -> tuple[DataSettings, Path | None]:
        """The data settings, and the folder that a relative path starts from."""
        data = self.project.data
        relative = bool(data.path) and not Path(data.path).is_absolute()
        return data, self.base if relative else None

    def _load_data(self) -> None:
        if self._closing:
            return
        self._loaded = self._data_wanted
        self._loading = self._loader.submit(open_dataset, *self._loaded)

    def _take_data(self) -> None:
        if self._loading is None or not self._loading.done():
            return
        future, self._loading = self._loading, None
        try:
            self.dataset, self.data_error = future.result(), None
        except SeqError as error:
            self.dataset, self.data_error = None, error
        except Exception as error:  # noqa: BLE001  whatever a file does to a reader
            why = f"{type(error).__name__}: {error}"
            self.dataset = None
            self.data_error = DataError("The data cannot be read", why, "Choose another file")
        self._renew_facts()
        wanted, self._wanted = self._wanted, ""
        if wanted:
            self._begin(paused=wanted == "step")
            if wanted == "step" and self.state == "starting":
                self._send(Step())

    def _renew_facts(self) -> None:
        if self.dataset is None:
            self.facts = None
        else:
            self.facts = facts_of(self.dataset, self.project.training)
        self.facts_changed.emit()
        self._check()

    def _check(self) -> None:
        self.report = None if self.facts is None else check(self.project.graph, self.facts)
        self.report_changed.emit()

    def use_file(self, path: Path) -> None:
        """Train on a person's own file from the next run on."""
        try:
            self.document.apply(SetSetting("data", "path", str(path), f"Use {path.name}"))
        except SeqError as error:
            self.tell(error)

    def examine(self, tell: Callable[[str], None]) -> None:
        """Find out what works on this computer, in a process of its own; `tell` gets the text."""
        process = QProcess(self)
        process.setProgram(sys.executable)
        process.setArguments(["-m", "seqstudio", "doctor"])

        def done() -> None:
            tell(bytes(process.readAllStandardOutput().data()).decode(errors="replace"))
            process.deleteLater()

        process.finished.connect(done)
        process.start()

    def new(self, project: Project) -> None:
        """Start over with a project that has no file yet."""
        self._leave_project()
        self._lock.release()
        self.document.reset(project)

    def open(self, path: Path) -> None:
        """Open a project file, with the run it was saved with.

        Raises:
            SeqError: It cannot be read; everything stays as it was.
        """
        project = load_project(path)
        self._leave_project()
        self.document.reset(project, path)
        self._tell_holder(path, self._lock.open(path))
        run = self._run_to_show()
        if run:
            self.open_run(run)

    def _tell_holder(self, path: Path, holder: Holder | None) -> None:
        if holder is not None:
            what = f"{path.name} is open already"
            hint = "Look at it here, train it, or save it under another name"
            self._tell(Notice(what, holder.words(), hint, "error"))

    def _run_to_show(self) -> str:
        """Return the run that the file names, or one that was begun after it was written."""
        assert self.document.path is not None
        written_s = self.document.path.stat().st_mtime
        newer = [run.name for run in self.runs() if run.started_at > written_s and run.step]
        return newer[0] if newer else self.project.run

    def save(self, path: Path | None = None) -> None:
        """Save the project; runs of an unsaved project move beside it.

        Raises:
            StorageError: It cannot be written.
        """
        old_home, was_saved = self.runs_home, self.document.path is not None
        if self.history.run:
            self.document.remember_run(self.history.run)
        target = path or self.document.path
        if target is not None:
            self._lock.claim(target)
        self.document.save(path)
        self._lock.saved()
        if self._loaded != self._data_wanted:
            self._load_data()
        if self.runs_home == old_home or not old_home.exists():
            return
        active = self.state in ACTIVE and self._watched is None
        self.companions.begin_close()  # what moves must not be written meanwhile
        self._removal = Removal(
            old_home, self.runs_home, self.history.run, not was_saved, active,
            self.state == "paused",
        )  # fmt: skip
        if self._held:
            self._send(Stop())
            self._follows = active  # it answers that it has stopped, or has nothing more to say
        self._remove_runs()

    @property
    def _held(self) -> bool:
        """Whether the trainer has the model of the run in view at hand."""
        return self._follows and self.state in {*ACTIVE, "finished"}

    def _remove_runs(self) -> None:
        """Bring runs to where the document was saved, once nothing writes them any more."""
        removal = self._removal
        if removal is None or removal.blocked or self._trains(removal.run):
            return
        self._removal = None
        try:
            removal.carry_out()
        except OSError as error:
            self._tell(Notice("The runs were not moved", str(error), f"They are in {removal.old}",
                              "warn"))  # fmt: skip
            return
        here = (self.runs_home, self.history.run) == (removal.new, removal.run)
        if removal.resume and here and self.state == "stopped" and not self._closing:
            self._start(removal.run, resume=True, paused=removal.paused)
        self.run_changed.emit()

    def _trains(self, run: str) -> bool:
        """Tell whether the trainer has a run in hand, in view or not."""
        mine = self._runner.run == run and self._runner.state in ACTIVE
        return mine and self._runner.alive

    # --------------------------------------------------------------------- run

    @property
    def edited(self) -> bool:
        """True when the project would train otherwise than the run in view was started."""
        return self.run_project is not None and not self.project.trains_like(self.run_project)

    def play(self) -> None:
        """Train: begin, continue or resume, whichever fits."""
        if self.state == "running":
            return
        if self.state == "paused" and not self.edited:
            self._send(Resume())
        elif self.state in {"stopped", "failed"} and not self.edited and self._can_resume():
            self._start(self.history.run, resume=True)
        else:
            self._begin()

    def _can_resume(self) -> bool:
        folder = self.runs_home / self.history.run
        kept = (folder / "checkpoints" / "latest.json").exists() or (folder / FORK).exists()
        return bool(self.history.run) and kept

    def _begin(self, paused: bool = False) -> None:
        if self._loading is not None and self.data_error is None:
            self._wanted = "step" if paused else "play"  # goes on when the data are there
            self._tell(Notice("Reading the data", "", "Training begins when they are there"))
            return
        problem = self.refusal()
        if problem is not None:
            self._tell(problem)
            return
        arch = main_arch(self.project.graph)
        names = {"transformer": "gpt", "custom1": "model"}
        name = new_run_name(self.runs_home, names.get(arch, arch))
        if self.history.run and len(self.history.curves):
            self.others = {self.history.run: self.history, **self.others}
        self._look_away()
        self.history = RunHistory(name)
        self.run_project = self.project
        self.move_cursor(step=None)
        self._start(name, resume=False, paused=paused)
        self.run_changed.emit()

    def refusal(self) -> Notice | None:
        """Return why the model cannot train now, or None when it can."""
        if self.data_error is not None:
            error = self.data_error
            return Notice(error.what, error.why, error.hint, "error")
        if self.report is None:
            return Notice("The data are still being read", "", "Try again in a moment", "info")
        for problem in self.report.errors:
            return Notice(problem.what, problem.why, problem.hint, "error")
        return None

    def _start(self, run: str, *, resume: bool, paused: bool = False, back_to: int = -1) -> None:
        project = self.run_project if resume and self.run_project else self.project
        self._follows = True
        self._set_state("starting")
        self._runner.start(
            Start(
                run=run,
                project=project_text(project),
                base=str(self.base or ""),
                folder=str(self.runs_home / run),
                device=self.device,
                resume=resume,
                paused=paused,
                back_to=back_to,
            )
        )
        if resume:
            self._send_live(self._in_force(), self.project)

    def _in_force(self) -> Project:
        """Return the project as the run in view last trained, with its live changes."""
        project = self.run_project or self.project
        training = project.training
        sampling = project.sampling
        for change in self.history.live:
            if change.name in LIVE:
                training = training.with_value(change.name, change.value)
            else:
                sampling = sampling.with_value(change.name, change.value)
        return replace(project, training=training, sampling=sampling)

    def _send_live(self, before: Project, after: Project) -> None:
        """Tell the trainer of live settings that differ, whoever changed them: a field or undo."""
        if self.state not in ACTIVE:
            return
        for name in LIVE:
            value = getattr(after.training, name)
            if value != getattr(before.training, name):
                self._send(SetLive(name, float(value)))
        if after.sampling.temperature != before.sampling.temperature:
            self._send(SetLive("temperature", after.sampling.temperature))

    @property
    def applicable(self) -> bool:
        """True when the run that goes on could take over an edit made since it started."""
        return self._follows and self.state in ACTIVE and self.edited

    def apply_edit(self) -> None:
        """Let the run that goes on take over the project as it is now.

        What kept its shape keeps weights and optimizer state. `notice` tells what became of the
        blocks, or why the edit cannot be taken over.
        """
        problem = self.refusal()
        if problem is not None:
            self._tell(replace(problem, what=f"The edit was not applied: {problem.what}"))
        elif self.applicable:
            self._send(ApplyGraph(project_text(self.project)))

    def _take_edit(self, event: GraphApplied) -> None:
        self.run_project = parse_project(event.project)
        what = f"The edit is in force from step {event.step + 1:,}"
        self._tell(Notice(what, event.words(), "", "success"))

    def take_remedy(self, remedy: Remedy) -> None:
        """Do what helps after a failure: change a setting, and go on from a checkpoint.

        A run without one begins anew, as does one that is not worth going on.
        """
        try:
            self._change_for(remedy)
        except SeqError as error:
            self.tell(error)
            return
        if self.state in ACTIVE and remedy.back_to < 0 and not remedy.anew:
            return  # the change reaches the run that goes on by itself
        if remedy.anew or not self._can_resume():
            self._begin()
        else:
            self._start(self.history.run, resume=True, back_to=remedy.back_to, paused=True)
            self.apply_edit()
            self._send(Resume())

    def _change_for(self, remedy: Remedy) -> None:
        if remedy.block:
            graph = self.project.graph
            self.document.apply(set_param(graph, remedy.block, remedy.setting, int(remedy.value)))
        elif remedy.setting:
            self.document.apply(SetSetting("training", remedy.setting, remedy.value, remedy.words))

    def pause(self) -> None:
        """Pause before the next step."""
        if self.state in {"running", "starting"}:
            self._send(Pause())

    def step(self, n: int = 1) -> None:
        """Do exactly n steps, then be paused; begins a run if there is none."""
        if self.state in {"running", "paused", "starting"} and not self.edited:
            self._send(Step(n))
        elif self.state in {"stopped", "failed"} and not self.edited and self._can_resume():
            self._start(self.history.run, resume=True, paused=True)
            self._send(Step(n))
        else:
            self._begin(paused=True)
            if self.state == "starting":
                self._send(Step(n))

    def find_rate(self) -> None:
        """Try rising learning rates on a copy of the model; a run that waits begins if need be."""
        if self.state in ACTIVE and not self.edited:
            self._send(FindRate())
        elif self.state in {"stopped", "failed"} and not self.edited and self._can_resume():
            self._start(self.history.run, resume=True, paused=True)
            self._send(FindRate())
        else:
            self._begin(paused=True)
            if self.state == "starting":
                self._send(FindRate())

    def stop(self) -> None:
        """Finish the step, write a checkpoint, end the run."""
        if self.state in ACTIVE:
            self._send(Stop())

    def set_live(self, name: str, value: float) -> None:
        """Change a live setting, in the project and in the run that goes on.

        Raises:
            ParamError: The value is out of range.
        """
        group = "training" if name in LIVE else "sampling"
        edit = SetSetting(group, name, value, f"Change {name.replace('_', ' ')}")
        self.document.apply(edit, merge=f"live {name}")

    def write(
        self,
        prompt: str,
        length: int,
        temperature: float,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> int:
        """Ask the model in the trainer for a text.

        Returns:
            The number of the request; `Sample` records with it follow. 0 when no model is loaded.
        """
        if self.state == "idle":
            self._tell(Notice("There is no model yet", "no run has begun", "Press Train first"))
            return 0
        self._request += 1
        request = Write(self._request, prompt, length, temperature, top_k, top_p, seed)
        if not self._held and self._can_resume():
            self._start(self.history.run, resume=True, paused=True)
        self._send(request)
        return self._request

    def set_probe_text(self, text: str) -> None:
        """Let the attention and gradient probes look at another text."""
        edit = SetSetting("sampling", "probe_text", text, "Change probe text")
        self.document.apply(edit, merge="probe text")
        if self._held:
            self._send(SetProbeText(text))

    def peek(self, graph: Graph, path: tuple[str, ...], block: str, port: str) -> int:
        """Ask what flows out of a port; `peeked` brings the answer if the graph is still the same.

        Args:
            graph: The graph of the project, with blocks opened that a person looks into.
            path: Blocks to enter to get to `block`.
            block: Its id.
            port: Its output port.

        Returns:
            The number of the request.
        """
        self._request += 1
        self._peek = self._request, self.project.graph
        run = self.run_project
        lent = run is not None and run.trains_like(run.with_graph(graph))
        folder = str(self.runs_home / self.history.run) if lent and self._can_resume() else ""
        text, base = project_text(self.project.with_graph(graph)), str(self.base or "")
        self._send(PeekAt(self._request, text, base, path, block, port, folder))
        return self._request

    def _take_peek(self, answer: Peeked | PeekFailed) -> None:
        request, graph = self._peek or (0, None)
        if answer.request == request and graph is self.project.graph:
            self.peeked.emit(answer)

    def send_look(self, wish: LookAt) -> None:
        """Ask the trainer's process to look inside a model; see `LookDesk`."""
        self._send(wish)

    def warm_up(self) -> None:
        """Load torch in the trainer process, so that Train answers at once."""
        self._runner.warm_up()

    def _send(self, command: Command) -> None:
        if self._watched is None or isinstance(command, (PeekAt, LookAt)):
            self._runner.send(command)
            return
        what = f"{self.history.run} is trained by another program"
        self._tell(Notice(what, "This window only watches it.", "Pause or stop it there."))

    def _leave_project(self) -> None:
        if self.state in ACTIVE and self._watched is None:
            self._send(Stop())
        self._watched = None
        self.companions.begin_close()
        if self.document.path is None:
            self._homes.give_up()
        self._homes.next()
        self._follows, self._wanted = False, ""
        self.history, self.others, self.run_project = RunHistory(), {}, None
        self.cursor = Cursor()
        self._set_state("idle")
        self.run_changed.emit()

    # -------------------------------------------------------------------- runs

    def runs(self) -> list[RunInfo]:
        """Return the runs of this project, newest first."""
        try:
            return list_runs(self.runs_home)
        except (OSError, SeqError):
            return []

    def open_run(self, name: str) -> None:
        """Show another run of the project, live where it goes on; Train continues it."""
        if name == self.history.run:
            return
        folder = self.runs_home / name
        companion = self.companions.take(folder)
        if companion is not None:
            self._bring(companion)
            return
        try:
            follower = Follower(folder) if self._is_foreign(name) else None
            history = follower.history if follower else open_run(folder)
            project = load_project(folder / "project.seq")
        except SeqError as error:
            self._tell(Notice(error.what, error.why, error.hint, "warn"))
            return
        if self.state in ACTIVE and self._watched is None:
            self._send(Stop())
        self._look_away()
        self._follows, self._watched = False, follower
        self.companions.leave(folder)
        self.others.pop(name, None)
        self.history, self.run_project = history, project
        self.move_cursor(step=None)
        finished = history.state == "finished"
        self._set_state(follower.state if follower else "finished" if finished else "stopped")
        self.run_changed.emit()

    def _is_foreign(self, name: str) -> bool:
        """Tell whether another program writes a run now."""
        mine = self._runner.run == name and self._runner.alive
        return not mine and is_locked(self.runs_home / name)

    def _look_away(self) -> None:
        """The run in view goes out of view; one of another program is followed on."""
        if self._watched is not None:
            self.companions.follow(self._watched)
            self._watched = None

    def _bring(self, companion: Companion) -> None:
        """Bring a run that goes on beside into view; the one in view goes on beside in turn."""
        name = companion.folder.name
        self._look_away()
        if self.history.run:
            self.others = {self.history.run: self.history, **self.others}
        self.others.pop(name, None)
        self._step_aside()
        self._runner, self.run_project = companion.runner, companion.project
        self.history, self._follows = companion.history, True
        self.move_cursor(step=None)
        self._set_state(companion.state)
        self.run_changed.emit()

    def _step_aside(self) -> None:
        """Let the trainer of the run in view go on out of view."""
        folder = self.runs_home / self.history.run
        state = self.state if self._follows else "stopped"
        self.companions.add(Companion(self._runner, folder, self.history, self.run_project, state))

    @property
    def room_for_two(self) -> bool:
        """Whether a second trainer can start beside the one at work."""
        used = 1_000_000 * self.history.curves.memory_mb
        process = isinstance(self._runner, ProcessRunner)
        return process and free_memory() >= max(SECOND_TRAINER, 1.5 * used)

    def begin_fork(self, name: str) -> None:
        """Train a run that `fork_run` made; one that trains goes on beside it if there is room."""
        folder = self.runs_home / name
        try:
            history, project = open_run(folder), load_project(folder / "project.seq")
        except SeqError as error:
            self._tell(Notice(error.what, error.why, error.hint, "warn"))
            return
        before = self.history
        self._look_away()
        if self.state in ACTIVE and self._follows:
            self._share_out(before.run)
        if before.run:
            self.others = {before.run: before, **self.others}
        self._follows = False
        self._set_state("stopped")
        self.history, self.run_project = history, project
        self._take_project(project, f"Fork {name}")
        self.move_cursor(step=None)
        self._start(name, resume=True)
        self.run_changed.emit()

    def _share_out(self, name: str) -> None:
        if self.room_for_two:
            self._step_aside()
            self._runner = ProcessRunner()
            return
        why = "There is no memory for two trainers."
        self._tell(Notice(f"{name} was stopped with a checkpoint", why, "Open it to go on."))

    def _take_project(self, project: Project, label: str) -> None:
        """Make the document train like a run, as one step that can be undone."""
        mine = replace(self.project, data=project.data, training=project.training)
        if not mine.trains_like(project):
            mine = mine.with_graph(project.graph)
        if mine != self.project:
            self.document.apply(ReplaceProject(mine, label))

    def release(self) -> None:
        """Let the trainer let go of the run in view, if it ended: its folder may then move."""
        if self._held and self.state not in ACTIVE:
            self._send(Stop())
            self._follows = False

    def forget_run(self, name: str) -> None:
        """Show a run no more: it was deleted."""
        self.others.pop(name, None)
        self.companions.leave(self.runs_home / name)
        if name == self.history.run:
            self._follows, self._watched = False, None
            self.history, self.run_project = RunHistory(), None
            self.cursor = Cursor()
            self._set_state("idle")
        self.run_changed.emit()

    def run_renamed(self, old: str, new: str) -> None:
        """Call a run by its new name."""
        if old in self.others:
            self.others[new] = self.others.pop(old)
            self.others[new].run = new
        if old == self.history.run:
            self.history.run, self._follows = new, False
        self.run_changed.emit()

    def runs_count(self) -> int:
        """Return how many runs the project has, quickly."""
        return sum(1 for _ in self.runs_home.glob("*/run.db"))

    def overlay(self, name: str, on: bool) -> None:
        """Draw another run beside the one in view, or stop drawing it."""
        folder = self.runs_home / name
        if not on:
            self.others.pop(name, None)
            self.companions.leave(folder)
        elif name != self.history.run and name not in self.others:
            try:
                self.others[name] = self._beside(folder)
            except SeqError as error:
                self._tell(Notice(error.what, error.why, error.hint, "warn"))
        self.run_changed.emit()

    def _beside(self, folder: Path) -> RunHistory:
        """Return the history of a run to draw beside, which grows where the run goes on."""
        companion = self.companions.of(folder)
        if companion is not None:
            return companion.history
        if not self._is_foreign(folder.name):
            return open_run(folder)
        follower = Follower(folder)
        self.companions.follow(follower)
        return follower.history

    def arch(self) -> str:
        """Return the architecture that colours the run in view."""
        return main_arch((self.run_project or self.project).graph)

    def run_title(self, name: str = "") -> str:
        """Return a run in words: "LSTM · lstm-1"."""
        run = name or self.history.run
        arch = self.arch()
        if name and name != self.history.run:
            arch = {"gpt": "transformer", "model": "custom1"}.get(
                name.rpartition("-")[0], name.rpartition("-")[0]
            )
        title = ARCH_TITLES.get(arch, "Model")
        return f"{title} · {run}" if run else title

    # ------------------------------------------------------------------ cursor

    @property
    def step_in_view(self) -> int:
        """The training step that panels show."""
        return self.history.step if self.cursor.step is None else self.cursor.step

    def move_cursor(self, **changes: object) -> None:
        """Move the shared cursor; names are the fields of `Cursor`."""
        moved = replace(self.cursor, **changes)  # type: ignore[arg-type]
        if moved != self.cursor:
            self.cursor = moved
            self.cursor_changed.emit(moved)

    # ----------------------------------------------------------------- polling

    @Slot()
    def _poll(self) -> None:
        self._take_data()
        self._take_events()
        self._watch()
        self._remove_runs()

    def _watch(self) -> None:
        """Take in what runs beside said, and the run in view where another program trains it."""
        seen = self.companions.poll()
        if self._watched is not None:
            seen |= self._watched.poll()
            self._set_state(self._watched.state)
            if self._watched.over:
                self._watched = None
        if seen:
            self.events.emit(seen)

    def _take_events(self) -> None:
        # Another run in view may have the same name, in another project: `_follows` tells.
        names = {"", self.history.run} if self._follows else {""}
        mine = [each.event for each in self._runner.drain() if each.run in names]
        for event in mine:
            if isinstance(event, (Peeked, PeekFailed)):
                self._take_peek(event)
            elif isinstance(event, (Looked, LookFailed)):
                self.looks.take(event)
        mine = [event for event in mine if not isinstance(event, ANSWERS)]
        if not mine:
            return
        seen = self.history.extend(mine)
        for event in mine:
            if isinstance(event, StateChanged):
                self._set_state(event.state)
            elif isinstance(event, Failed):
                level = "error" if event.fatal else "warn"
                parts = (event.what, event.why, event.hint, level, event.trace, event.remedies)
                self._tell(Notice(*parts))
            elif isinstance(event, GraphApplied):
                self._take_edit(event)
        if seen & {Facts, GraphApplied}:
            self.run_changed.emit()
        self.events.emit(seen)

    def _set_state(self, state: str) -> None:
        if state == self.state:
            return
        self.state = state
        self.state_changed.emit(state)

    def tell(self, error: SeqError) -> None:
        """Show a failure to the person."""
        self._tell(Notice(error.what, error.why, error.hint, "error"))

    def _tell(self, notice: Notice) -> None:
        self.notice.emit(notice)

    # ----------------------------------------------------------------- closing

    def give_up_runs(self) -> None:
        """Remove the runs of a project that the person does not want to save, at the end."""
        if self.document.path is None:
            self._homes.give_up()

    def begin_close(self) -> None:
        """Ask the trainer to stop with a checkpoint and end; returns at once."""
        self._closing = True
        for guest in self.guests:
            guest.begin_close()
        self._loader.shutdown(wait=False, cancel_futures=True)
        self._runner.close(0)

    @property
    def closed(self) -> bool:
        """True when nothing of ours runs any more."""
        guests_gone = all(guest.closed for guest in self.guests)
        return self._closing and guests_gone and not self._runner.alive

    def end_close(self, timeout_s: float = 5.0) -> bool:
        """Wait for the trainer's end and stop polling; True when all has ended."""
        self._timer.stop()
        self._lock.release()
        guests_ended = [guest.end_close(timeout_s) for guest in self.guests]
        ended = self._runner.close(timeout_s) and all(guests_ended)
        self._take_events()
        self._remove_runs()
        for process in self.findChildren(QProcess):
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(1000)
        if ended:
            self.trash.empty()
            self._homes.clear()
        return ended
