"""`RunDesk`: the runs of a project: opening one, runs beside each other, forks, moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seqstudio.core.errors import SeqError
from seqstudio.document.edits import ReplaceProject
from seqstudio.document.project import Project, load_project
from seqstudio.records.messages import Stop
from seqstudio.runtime.archive import RunInfo, list_runs, open_run
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.supervisor import ProcessRunner, free_memory
from seqstudio.studio.companions import SECOND_TRAINER, Companion, Companions, Follower
from seqstudio.studio.cursor import Cursor
from seqstudio.studio.notices import Notice
from seqstudio.studio.run_homes import Removal

if TYPE_CHECKING:
    from seqstudio.studio.session import Session


class RunDesk:
    """Brings runs into view and out of it, and keeps those that go on beside it up to date.

    Attributes:
        companions: Runs that go on out of view.
        removal: Runs that are to move to where the project was saved, None when all are there.
    """

    def __init__(self, session: Session) -> None:
        self.companions = Companions()
        self.removal: Removal | None = None
        self._session = session
        self._view = session.view

    # Opening

    def all(self) -> list[RunInfo]:
        """Return the runs of this project, newest first."""
        try:
            return list_runs(self._session.runs_home)
        except (OSError, SeqError):
            return []

    def count(self) -> int:
        """Return how many runs the project has, quickly."""
        return sum(1 for _ in self._session.runs_home.glob("*/run.db"))

    def to_show(self, path: Path) -> str:
        """Return the run that a project file names, or one begun after the file was written."""
        written_s = path.stat().st_mtime
        newer = [run.name for run in self.all() if run.started_at > written_s and run.step]
        return newer[0] if newer else self._session.project.run

    def open(self, name: str) -> None:
        """Show another run of the project, live where it goes on; Train continues it."""
        if name == self._view.history.run:
            return
        folder = self._session.runs_home / name
        companion = self.companions.take(folder)
        if companion is not None:
            self._bring(companion)
            return
        try:
            follower = Follower(folder) if self._view.is_foreign(folder) else None
            history = follower.history if follower else open_run(folder)
            project = load_project(folder / "project.seq")
        except SeqError as error:
            self._tell(Notice.of(error, "warn"))
            return
        if self._view.ours:
            self._view.send(Stop())
        self._view.look_away(self.companions)
        self.companions.leave(folder)
        self._session.others.pop(name, None)
        self._show(history, project, follower)

    def _show(self, history: RunHistory, project: Project, follower: Follower | None) -> None:
        """Bring a run into view that none of our trainers goes on with."""
        session, view = self._session, self._view
        view.show(history, project)
        view.watched = follower
        session.move_cursor(step=None)
        finished = history.state == "finished"
        view.become(follower.state if follower else "finished" if finished else "stopped")
        session.run_changed.emit()

    def _bring(self, companion: Companion) -> None:
        """Bring a run that goes on beside into view; the one in view goes on beside in turn."""
        session, view = self._session, self._view
        view.look_away(self.companions)
        self.keep_beside()
        session.others.pop(companion.folder.name, None)
        view.step_aside(self.companions, session.runs_home)
        view.runner = companion.runner
        view.show(companion.history, companion.project, follows=True)
        session.move_cursor(step=None)
        view.become(companion.state)
        session.run_changed.emit()

    def keep_beside(self) -> None:
        """Go on drawing the run in view when another one takes its place."""
        history = self._view.history
        if history.run:
            self._session.others = {history.run: history, **self._session.others}

    # Forks

    @property
    def room_for_two(self) -> bool:
        """Whether a second trainer can start beside the one at work."""
        used = 1_000_000 * self._view.history.curves.memory_mb
        process = isinstance(self._view.runner, ProcessRunner)
        return process and free_memory() >= max(SECOND_TRAINER, 1.5 * used)

    def fork(self, name: str) -> None:
        """Train a run that was forked; one that trains goes on beside it if there is room."""
        session, view = self._session, self._view
        folder = session.runs_home / name
        try:
            history, project = open_run(folder), load_project(folder / "project.seq")
        except SeqError as error:
            self._tell(Notice.of(error, "warn"))
            return
        view.look_away(self.companions)
        if view.active and view.follows:
            self._share_out(view.history.run)
        self.keep_beside()
        view.follows = False
        view.become("stopped")
        view.show(history, project)
        self._take_project(project, f"Fork {name}")
        session.move_cursor(step=None)
        session.steering.start(name, resume=True)
        session.run_changed.emit()

    def train_beside(self) -> None:
        """Begin a new run; one that trains goes on beside it if there is room."""
        session, view = self._session, self._view
        ready = session.steering.refusal() is None and not session.loading
        if ready and view.ours and view.follows:
            self._share_out(view.history.run)
            view.follows = False
        session.steering.begin()

    def _share_out(self, name: str) -> None:
        if self.room_for_two:
            self._view.step_aside(self.companions, self._session.runs_home)
            self._view.runner = ProcessRunner()
            return
        why = "There is no memory for two trainers."
        self._tell(Notice(f"{name} was stopped with a checkpoint", why, "Open it to go on."))

    def _take_project(self, project: Project, label: str) -> None:
        """Make the document train like a run, as one step that can be undone."""
        session = self._session
        mine = replace(session.project, data=project.data, training=project.training)
        if not mine.trains_like(project):
            mine = mine.with_graph(project.graph)
        if mine != session.project:
            session.document.apply(ReplaceProject(mine, label))

    # Beside

    def overlay(self, name: str, on: bool) -> None:
        """Draw another run beside the one in view, or stop drawing it."""
        session = self._session
        folder = session.runs_home / name
        if not on:
            session.others.pop(name, None)
            self.companions.leave(folder)
        elif name != self._view.history.run and name not in session.others:
            try:
                session.others[name] = self._beside(folder)
            except SeqError as error:
                self._tell(Notice.of(error, "warn"))
        session.run_changed.emit()

    def _beside(self, folder: Path) -> RunHistory:
        """Return the history of a run to draw beside, which grows where the run goes on."""
        companion = self.companions.of(folder)
        if companion is not None:
            return companion.history
        if not self._view.is_foreign(folder):
            return open_run(folder)
        follower = Follower(folder)
        self.companions.follow(follower)
        return follower.history

    def watch(self) -> frozenset[type]:
        """Take in what runs beside said, and the run in view where another program trains it."""
        return self.companions.poll() | self._view.watch()

    # Deleted, renamed, moved

    def release(self) -> None:
        """Let the trainer let go of the run in view, if it ended: its folder may then move."""
        if self._view.held and not self._view.active:
            self._view.send(Stop())
            self._view.follows = False

    def forget(self, name: str) -> None:
        """Show a run no more: it was deleted."""
        session, view = self._session, self._view
        session.others.pop(name, None)
        self.companions.leave(session.runs_home / name)
        if name == view.history.run:
            view.clear()
            session.cursor = Cursor()
            view.become("idle")
        session.run_changed.emit()

    def renamed(self, old: str, new: str) -> None:
        """Call a run by its new name."""
        others, view = self._session.others, self._view
        if old in others:
            others[new] = others.pop(old)
            others[new].run = new
        if old == view.history.run:
            view.history.run, view.follows = new, False
        self._session.run_changed.emit()

    def move(self, old: Path, *, whole: bool) -> None:
        """Bring runs from an old home to where the document was saved, without ending the run.

        Args:
            old: Folder they are in.
            whole: All of them move; else the run in view alone is copied.
        """
        view, home = self._view, self._session.runs_home
        active, paused = view.ours, view.state == "paused"
        self.companions.begin_close()  # what moves must not be written meanwhile
        self.removal = Removal(old, home, view.history.run, whole, active, paused)
        if view.held:
            view.send(Stop())
            view.follows = active  # it answers that it has stopped, or has nothing more to say
        self.carry_out()

    def carry_out(self) -> None:
        """Bring runs to their new home, once nothing writes them any more."""
        removal, view = self.removal, self._view
        if removal is None or removal.blocked or view.trains(removal.run):
            return
        self.removal = None
        try:
            removal.carry_out()
        except OSError as error:
            where = f"They are in {removal.old}"
            self._tell(Notice("The runs were not moved", str(error), where, "warn"))
            return
        here = (self._session.runs_home, view.history.run) == (removal.new, removal.run)
        if removal.resume and here and view.state == "stopped" and not self._session.closing:
            self._session.steering.start(removal.run, resume=True, paused=removal.paused)
        self._session.run_changed.emit()

    def _tell(self, notice: Notice) -> None:
        self._session.notice.emit(notice)
