"""The session: one open document, the run in view, the shared cursor. What every panel listens to.

It turns the runner's mailbox into Qt signals, at most thirty times a second, from the GUI thread.
Nothing here blocks: data load in a thread, training runs in its own process.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

from PySide6.QtCore import QObject, QProcess, QTimer, Signal, Slot

from seqstudio.blocks.check import Report, check, main_arch
from seqstudio.blocks.declaration import DataFacts
from seqstudio.core.errors import DataError, SeqError
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.document import Change, Document
from seqstudio.document.edits import SetSetting
from seqstudio.document.graph import Graph
from seqstudio.document.project import Project, load_project
from seqstudio.document.settings import DataSettings
from seqstudio.records.faults import GraphApplied, Remedy
from seqstudio.records.looking import LookAt, Looked, LookFailed
from seqstudio.records.messages import (
    COMPILING,
    Constraints,
    Event,
    Facts,
    Failed,
    StateChanged,
    Steer,
    Stop,
    Write,
)
from seqstudio.records.peek import Peeked, PeekFailed
from seqstudio.runtime.archive import RunInfo
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.runner import Runner, ThreadRunner
from seqstudio.runtime.supervisor import ProcessRunner
from seqstudio.studio.companions import Companions
from seqstudio.studio.cursor import Cursor
from seqstudio.studio.inside.looks import LookDesk
from seqstudio.studio.notices import Notice
from seqstudio.studio.peeks import PeekDesk
from seqstudio.studio.project_lock import Holder, ProjectLock
from seqstudio.studio.run_desk import RunDesk
from seqstudio.studio.run_homes import RunHomes, RunTrash
from seqstudio.studio.run_in_view import ACTIVE, RunInView
from seqstudio.studio.steering import Steering

__all__ = ["ACTIVE", "ARCH_TITLES", "POLL_MS", "Cursor", "Guest", "Notice", "Session"]

POLL_MS = 33
ANSWERS = (Peeked, PeekFailed, Looked, LookFailed)
ARCH_TITLES = {
    "rnn": "RNN",
    "gru": "GRU",
    "lstm": "LSTM",
    "transformer": "GPT",
    "custom1": "Model",
}
OF_SHORT = {"gpt": "transformer", "model": "custom1"}


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
        others: Runs drawn beside it, by name.
        cursor: The shared cursor.
        threads: Trainers are threads of this process, not processes of their own.
        guests: Work of panels that ends with the session.
        view: The run in view and its trainer.
        steering: What the person tells the trainer.
        desk: Brings runs into view, beside it, and to their place.
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
        self.others: dict[str, RunHistory] = {}
        self.cursor = Cursor()
        self.device = "auto"
        self.threads = threads
        self._loader = ThreadPoolExecutor(1, "seqstudio-data")
        self._loading: Future[Dataset] | None = None
        self._loaded: tuple[DataSettings, Path | None] | None = None
        self._homes = RunHomes()
        self._lock = ProjectLock()
        self.trash = RunTrash()
        runner: Runner = ThreadRunner() if threads else ProcessRunner()
        self.view = RunInView(runner, self.notice.emit, self.state_changed.emit)
        self.steering = Steering(self)
        self.desk = RunDesk(self)
        self.looks = LookDesk(self)
        self._peeks = PeekDesk(self)
        self.closing = False
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
            self.steering.send_live(change.before, change.after)
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
        if self.closing:
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
        self.steering.data_came()

    @property
    def loading(self) -> bool:
        """Whether data are on their way for the first time since the last ones were no good."""
        return self._loading is not None and self.data_error is None

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
        run = self.desk.to_show(path)
        if run:
            self.open_run(run)

    def _tell_holder(self, path: Path, holder: Holder | None) -> None:
        if holder is not None:
            what = f"{path.name} is open already"
            hint = "Look at it here, train it, or save it under another name"
            self.notice.emit(Notice(what, holder.words(), hint, "error"))

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
        self.desk.move(old_home, whole=not was_saved)

    def _leave_project(self) -> None:
        if self.view.ours:
            self.view.send(Stop())
        self.companions.begin_close()
        if self.document.path is None:
            self._homes.give_up()
        self._homes.next()
        self.steering.wait_no_more()
        self.view.clear()
        self.others, self.cursor = {}, Cursor()
        self.view.become("idle")
        self.run_changed.emit()

    # ------------------------------------------------------------- run in view

    @property
    def history(self) -> RunHistory:
        """What the run in view said."""
        return self.view.history

    @history.setter
    def history(self, history: RunHistory) -> None:
        self.view.history = history

    @property
    def run_project(self) -> Project | None:
        """The project as the run in view was started with, None without a run."""
        return self.view.project

    @run_project.setter
    def run_project(self, project: Project | None) -> None:
        self.view.project = project

    @property
    def state(self) -> str:
        """State of the run in view, "idle" before the first run."""
        return self.view.state

    @state.setter
    def state(self, state: str) -> None:
        self.view.state = state

    @property
    def edited(self) -> bool:
        """True when the project would train otherwise than the run in view was started."""
        return self.steering.edited

    @property
    def applicable(self) -> bool:
        """True when the run that goes on could take over an edit made since it started."""
        return self.steering.applicable

    def refusal(self) -> Notice | None:
        """Return why the model cannot train now, or None when it can."""
        return self.steering.refusal()

    def play(self) -> None:
        """Train: begin, continue or resume, whichever fits."""
        self.steering.play()

    def pause(self) -> None:
        """Pause before the next step."""
        self.steering.pause()

    def step(self, n: int = 1) -> None:
        """Do exactly n steps, then be paused; begins a run if there is none."""
        self.steering.step(n)

    def stop(self) -> None:
        """Finish the step, write a checkpoint, end the run."""
        self.steering.stop()

    def find_rate(self) -> None:
        """Try rising learning rates on a copy of the model; a run that waits begins if need be."""
        self.steering.find_rate()

    def give_up(self, what: Literal["rate", "compile"]) -> None:
        """Break off the search for a learning rate, or the compiler; the run goes on."""
        self.steering.give_up(what)

    @property
    def compiling(self) -> bool:
        """Whether torch.compile is at the model of the run in view."""
        return math.isnan(self.history.progress.get(COMPILING, 1.0)) and self.state in ACTIVE

    def apply_edit(self) -> None:
        """Let the run that goes on take over the project as it is now.

        What kept its shape keeps weights and optimizer state. `notice` tells what became of the
        blocks, or why the edit cannot be taken over.
        """
        self.steering.apply_edit()

    def take_remedy(self, remedy: Remedy) -> None:
        """Do what helps after a failure: change a setting, and go on from a checkpoint."""
        self.steering.take_remedy(remedy)

    def set_live(self, name: str, value: float) -> None:
        """Change a live setting, in the project and in the run that goes on.

        Raises:
            ParamError: The value is out of range.
        """
        self.steering.set_live(name, value)

    def set_probe_text(self, text: str) -> None:
        """Let the attention and gradient probes look at another text."""
        self.steering.set_probe_text(text)

    def write(  # noqa: PLR0913  what a wish has
        self,
        prompt: str,
        length: int,
        temperature: float,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
        *,
        constraints: Constraints = Constraints(),  # noqa: B008  frozen
        ahead: int = 0,
        after: str = "",
        tries: int = 1,
    ) -> int:
        """Ask the model in the trainer for a text; see `Write` for the wishes.

        Returns:
            The number of the request; `Sample` records with it follow. 0 when no model is loaded.
        """
        wish = Write(0, prompt, length, temperature, top_k, top_p, seed, constraints, ahead,
                     after, tries)  # fmt: skip
        return self.steering.write(wish)

    def steer(self, change: Steer) -> None:
        """Change how a text is written while it is."""
        self.view.send(change)

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
        return self._peeks.ask(graph, path, block, port)

    def send_look(self, wish: LookAt) -> None:
        """Ask the trainer's process to look inside a model; see `LookDesk`."""
        self.view.send(wish)

    def warm_up(self) -> None:
        """Load torch in the trainer process, so that Train answers at once."""
        self.view.runner.warm_up()

    # -------------------------------------------------------------------- runs

    @property
    def companions(self) -> Companions:
        """Runs that go on out of view."""
        return self.desk.companions

    def runs(self) -> list[RunInfo]:
        """Return the runs of this project, newest first."""
        return self.desk.all()

    def runs_count(self) -> int:
        """Return how many runs the project has, quickly."""
        return self.desk.count()

    def open_run(self, name: str) -> None:
        """Show another run of the project, live where it goes on; Train continues it."""
        self.desk.open(name)

    def begin_fork(self, name: str) -> None:
        """Train a run that `fork_run` made; one that trains goes on beside it if there is room."""
        self.desk.fork(name)

    def overlay(self, name: str, on: bool) -> None:
        """Draw another run beside the one in view, or stop drawing it."""
        self.desk.overlay(name, on)

    def release(self) -> None:
        """Let the trainer let go of the run in view, if it ended: its folder may then move."""
        self.desk.release()

    def forget_run(self, name: str) -> None:
        """Show a run no more: it was deleted."""
        self.desk.forget(name)

    def run_renamed(self, old: str, new: str) -> None:
        """Call a run by its new name."""
        self.desk.renamed(old, new)

    def arch(self) -> str:
        """Return the architecture that colours the run in view."""
        return main_arch((self.run_project or self.project).graph)

    def run_title(self, name: str = "") -> str:
        """Return a run in words: "LSTM · lstm-1"."""
        run = name or self.history.run
        arch = self.arch()
        if name and name != self.history.run:
            short = name.rpartition("-")[0]
            arch = OF_SHORT.get(short, short)
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
        seen = self.desk.watch()
        if seen:
            self.events.emit(seen)
        self.desk.carry_out()

    def _take_events(self) -> None:
        # Another run in view may have the same name, in another project: `follows` tells.
        names = {"", self.history.run} if self.view.follows else {""}
        mine = [each.event for each in self.view.runner.drain() if each.run in names]
        for event in mine:
            if isinstance(event, (Peeked, PeekFailed)):
                self._peeks.take(event)
            elif isinstance(event, (Looked, LookFailed)):
                self.looks.take(event)
        mine = [event for event in mine if not isinstance(event, ANSWERS)]
        if not mine:
            return
        seen = self.history.extend(mine)
        for event in mine:
            self._take(event)
        if seen & {Facts, GraphApplied}:
            self.run_changed.emit()
        self.events.emit(seen)

    def _take(self, event: Event) -> None:
        if isinstance(event, StateChanged):
            self.view.become(event.state)
        elif isinstance(event, Failed):
            self.notice.emit(Notice.of_failure(event))
        elif isinstance(event, GraphApplied):
            self.steering.edit_applied(event)

    def tell(self, error: SeqError) -> None:
        """Show a failure to the person."""
        self.notice.emit(Notice.of(error))

    # ----------------------------------------------------------------- closing

    def give_up_runs(self) -> None:
        """Remove the runs of a project that the person does not want to save, at the end."""
        if self.document.path is None:
            self._homes.give_up()

    def begin_close(self) -> None:
        """Ask the trainer to stop with a checkpoint and end; returns at once."""
        self.closing = True
        for guest in self.guests:
            guest.begin_close()
        self._loader.shutdown(wait=False, cancel_futures=True)
        self.view.runner.close(0)

    @property
    def closed(self) -> bool:
        """True when nothing of ours runs any more."""
        guests_gone = all(guest.closed for guest in self.guests)
        return self.closing and guests_gone and not self.view.runner.alive

    def end_close(self, timeout_s: float = 5.0) -> bool:
        """Wait for the trainer's end and stop polling; True when all has ended."""
        self._timer.stop()
        self._lock.release()
        guests_ended = [guest.end_close(timeout_s) for guest in self.guests]
        ended = self.view.runner.close(timeout_s) and all(guests_ended)
        self._take_events()
        self.desk.carry_out()
        for process in self.findChildren(QProcess):
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(1000)
        if ended:
            self.trash.empty()
            self._homes.clear()
        return ended
