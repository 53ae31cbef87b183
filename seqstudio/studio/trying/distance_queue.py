"""`MemoryQueue`: trains the same project with other memories, one after the other, out of view."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from seqstudio.blocks.check import check
from seqstudio.blocks.memories import MEMORIES, memory_block, memory_title, with_memory
from seqstudio.core.errors import RunError, SeqError, StorageError
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import Project, project_text
from seqstudio.records.messages import Start
from seqstudio.runtime.archive import new_run_name
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.runner import OVER, Runner, ThreadRunner
from seqstudio.runtime.supervisor import ProcessRunner
from seqstudio.studio.companions import Companion

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

POLL_MS = 500


class MemoryQueue(QObject):
    """The runs that are missing at one distance.

    Signals:
        changed: A run began or ended, or the queue was emptied.

    Attributes:
        waiting: Names of memory and project of what is still to be trained.
        current: Name of the run at work, "" between two.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.waiting: list[tuple[str, Project]] = []
        self.current = ""
        self._companion: Companion | None = None
        self._home = session.runs_home
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._go_on)

    @property
    def active(self) -> bool:
        """Whether something trains or waits."""
        return bool(self.current or self.waiting)

    @property
    def share(self) -> float:
        """How much of the budget of the run at work is spent; NaN where that is not known."""
        if self._companion is None or self._companion.project is None:
            return math.nan
        training = self._companion.project.training
        if training.budget != "steps":
            return math.nan
        return min(1.0, self._companion.history.step / training.steps)

    def begin(self, distance: int, known: frozenset[tuple[str, int]]) -> int:
        """Train every memory at a distance that no run has been trained with; return how many.

        Args:
            distance: The length to train at.
            known: (title of the memory, distance) of the runs that there are.

        Raises:
            SeqError: The project has no file yet, or its memory cannot be changed.
        """
        if self._session.document.path is None:
            why = "runs of other memories stay beside the project's file"
            raise RunError("Save the project first", why, "Choose Save in the File menu")
        project = at_length(self._session.project, distance)
        found = [(n, p) for n, p in variants(project) if (memory_title(p.graph), distance)
                 not in known]  # fmt: skip
        self.waiting, self._home = found, self._session.runs_home
        self._timer.start()
        self._go_on()
        return len(found)

    def stop(self) -> None:
        """Train nothing more: the run at work stops with a checkpoint."""
        self.waiting = []
        if self._companion is not None:
            self._companion.runner.close(0)
        self.changed.emit()

    @Slot()
    def _go_on(self) -> None:
        if self._session.closing or self._home != self._session.runs_home:
            self.waiting = []
        if self._companion is not None:
            gone = not self._companion.runner.alive and self._companion.state != "starting"
            if self._companion.state not in OVER and not gone:
                return
            self._companion, self.current = None, ""
            self.changed.emit()
        if self.waiting:
            self._start(*self.waiting.pop(0))
        else:
            self._timer.stop()

    def _start(self, name: str, project: Project) -> None:
        session = self._session
        home = session.runs_home
        run = new_run_name(home, f"{name}-{project.data.length}")
        try:
            (home / run).mkdir(parents=True)
        except OSError as error:
            self.waiting = []
            session.tell(StorageError(f"{home / run} cannot be made", str(error), ""))
            return
        runner: Runner = ThreadRunner() if session.threads else ProcessRunner(standby=False)
        base = str(session.base or "")
        runner.start(Start(run, project_text(project), base, str(home / run), session.device))
        self._companion = Companion(runner, home / run, RunHistory(run), project, "starting")
        session.companions.add(self._companion)
        self.current = run
        self.changed.emit()


def at_length(project: Project, distance: int) -> Project:
    """Return the project with its data at another length."""
    return replace(project, data=project.data.with_value("length", distance))


def variants(project: Project) -> list[tuple[str, Project]]:
    """Return the project with every memory that fits its data, each with a short name.

    Raises:
        RunError: It has not exactly one block that remembers.
        DataError: The data cannot have this length.
    """
    if memory_block(project.graph) is None:
        raise RunError(
            "The memory of this model cannot be changed",
            "it has not exactly one block that remembers",
            "Draw it with one RNN, GRU, LSTM or transformer block",
        )
    facts = facts_of(open_dataset(project.data), project.training)
    found = []
    for memory in MEMORIES:
        changed = replace(project, graph=with_memory(project.graph, memory))
        try:
            check(changed.graph, facts).raise_errors()
        except SeqError:  # attention needs a width that its heads divide, for example
            continue
        found.append((memory.name, changed))
    return found
