"""Work beside the window: short jobs in a thread that touches no Qt object.

Results are collected by a timer in the GUI thread. Nothing crosses the threads but the results
themselves, so neither a widget that goes nor a job that is late can bring the program down.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QTimer, Slot

POLL_MS = 30
_NAME = "seqstudio-background"


@dataclass(frozen=True)
class _Job:
    work: Callable[[], Any]
    done: Callable[[Any], None]


class Background(QObject):
    """Runs jobs one after the other; `done` is called with each result in the GUI thread.

    It belongs to a widget and goes with it: what is still at work then ends unheard. A job that
    raises hands its error to the hook for threads and is not told.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: deque[_Job] = deque()
        self._results: deque[tuple[_Job, Any]] = deque()
        self._thread: threading.Thread | None = None
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._poll)

    def submit(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Run `work` in the thread, then `done` with its result here."""
        self._waiting.append(_Job(work, done))
        if self._thread is None:
            self._begin()

    def _begin(self) -> None:
        jobs = tuple(self._waiting)
        self._waiting.clear()
        self._thread = threading.Thread(target=_run, args=(jobs, self._results), name=_NAME)
        self._thread.start()
        self._timer.start()

    @Slot()
    def _poll(self) -> None:
        ended = self._thread is None or not self._thread.is_alive()
        while self._results:
            job, result = self._results.popleft()
            job.done(result)
        if not ended:
            return
        self._thread = None
        self._timer.stop()
        if self._waiting:
            self._begin()


def at_work() -> bool:
    """Tell whether any job is under way in the program."""
    return any(thread.name == _NAME for thread in threading.enumerate())


def _run(jobs: tuple[_Job, ...], results: deque[tuple[_Job, Any]]) -> None:
    for job in jobs:
        results.append((job, job.work()))
