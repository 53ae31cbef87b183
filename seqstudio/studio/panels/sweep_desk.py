"""`SweepDesk`: the sweep of the open project: begins it, follows it, ends with the session."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from seqstudio.core.errors import SeqError
from seqstudio.document.sweep import Plan, SweepError, Trial, load_sweep
from seqstudio.records.messages import StateChanged
from seqstudio.runtime.runner import ThreadRunner
from seqstudio.runtime.sweeping import Standing, SweepQueue, Wish, begin_sweep, list_sweeps

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

POLL_MS = 100
THREAD = "seqstudio-sweep"


class SweepDesk(QObject):
    """Holds the newest sweep of the project, or the one that is at work.

    The queue works in a thread of its own, its trainer in a process (or thread, where those of the
    session are); the desk looks at it ten times a second.

    Signals:
        changed: There is another sweep, or it went on.

    Attributes:
        standing: How far the sweep is; None without one.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.standing: Standing | None = None
        self._home: Path | None = None
        self._queue: SweepQueue | None = None
        self._thread: threading.Thread | None = None
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._poll)
        session.guests.append(self)
        session.run_changed.connect(self.look)

    # What the panel asks for

    @property
    def active(self) -> bool:
        """Whether a queue is at work."""
        return self._thread is not None

    def begin(self, plan: Plan) -> None:
        """Plan a sweep of the project as it is now, and begin it.

        Raises:
            SeqError: The project has no file yet, one is at work, or the plan cannot be.
        """
        if self._session.document.path is None:
            why = "a sweep keeps its runs beside the project's file, to go on after a restart"
            raise SweepError("Save the project first", why, "Choose Save in the File menu")
        if self.active:
            raise SweepError("A sweep is at work already", "", "Stop it first")
        problem = self._session.refusal()
        if problem is not None:
            raise SweepError(problem.what, problem.why, problem.hint)
        self._start(begin_sweep(self._session.runs_home, self._session.project, plan))

    def resume(self) -> None:
        """Go on with the sweep in view.

        Raises:
            SeqError: It cannot be read any more.
        """
        if self.standing is not None and not self.active:
            self._start(self._session.runs_home / self.standing.sweep.name)

    def ask(self, wish: Wish) -> None:
        """Pause, continue, skip the trial at work or stop."""
        if self._queue is not None:
            self._queue.ask(wish)

    def _start(self, folder: Path) -> None:
        base = self._session.base or folder.parent
        runner = ThreadRunner() if self._session.threads else None
        self._queue = SweepQueue(folder, base, device=self._session.device, runner=runner)
        self._home = folder.parent
        self._thread = threading.Thread(target=self._queue.run, name=THREAD)
        self._thread.start()
        self._timer.start()
        self._poll()

    # Following

    @Slot()
    def look(self) -> None:
        """Take the newest sweep of the project in view; one at work elsewhere is stopped."""
        home = self._session.runs_home
        if self.active and home != self._home:
            self.ask("stop")
        if self.active or (home == self._home and self.standing is not None):
            return
        self._home, before = home, self.standing
        self.standing = _newest(home)
        if self.standing != before:
            self.changed.emit()

    @Slot()
    def _poll(self) -> None:
        queue, thread = self._queue, self._thread
        if queue is None or thread is None:
            return
        ended = not thread.is_alive()  # before its last word is read
        before, self.standing = self.standing, queue.standing
        if ended:
            self._queue = self._thread = None
            self._timer.stop()
        if ended or self.standing != before:
            self.changed.emit()
        if ended or _trials(before) != self.standing.sweep.trials:
            self._session.events.emit(frozenset({StateChanged}))  # the table of runs
        if ended and self.standing.problem:
            self._session.tell(
                SweepError("The sweep ended before its time", self.standing.problem)
            )
        if ended:
            self.look()

    # Ending with the session

    def begin_close(self) -> None:
        """Ask the queue to stop with a checkpoint; returns at once."""
        self.ask("stop")

    @property
    def closed(self) -> bool:
        """Whether nothing is at work any more."""
        return self._thread is None or not self._thread.is_alive()

    def end_close(self, timeout_s: float) -> bool:
        """Wait for the end of the queue; True when it has ended."""
        self._timer.stop()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self.closed


def _newest(home: Path) -> Standing | None:
    try:
        for name in list_sweeps(home)[:1]:
            sweep = load_sweep(home / name)
            return Standing(sweep, "finished" if sweep.finished else "stopped")
    except (SeqError, OSError):
        return None
    return None


def _trials(standing: Standing | None) -> tuple[Trial, ...]:
    return standing.sweep.trials if standing else ()
