"""`Counting`: long work beside the window, for the data in view; it can be given up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from seqstudio.core.errors import DataError, SeqError

POLL_MS = 40
Work = Callable[[Callable[[], bool]], Any]


class _Job:
    def __init__(self, key: object, work: Work) -> None:
        self.key = key
        self.stop = threading.Event()
        self.result: Any = None
        self._work = work
        # A daemon: closing the window does not wait for it, and nothing is lost.
        self.thread = threading.Thread(target=self._run, name="seqstudio-counting", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.result = self._work(self.stop.is_set)
        except SeqError as error:
            self.result = error
        except Exception as error:  # noqa: BLE001  a count that fails must not end the window
            self.result = DataError("This cannot be counted", f"{type(error).__name__}: {error}")


class Counting(QObject):
    """Does the newest work that was asked for; results are kept by their key.

    Signals:
        done(): a result is there, or the work was given up.
    """

    done = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._job: _Job | None = None
        self._kept: tuple[object, Any] = (None, None)
        self._given_up: object = None
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._poll)

    def found(self, key: object, work: Work) -> Any:
        """Return the result of a key, a `SeqError` where it failed; None begins to work."""
        if self._kept[0] == key:
            return self._kept[1]
        if self._given_up != key and (self._job is None or self._job.key != key):
            self.give_up()
            self._given_up = None
            self._job = _Job(key, work)
            self._timer.start()
        return None

    @property
    def busy(self) -> bool:
        """Whether it works."""
        return self._job is not None

    @property
    def is_given_up(self) -> bool:
        """Whether the person gave the last work up."""
        return self._given_up is not None

    def give_up(self) -> None:
        """Ask the work to end; its result is not taken."""
        if self._job is not None:
            self._job.stop.set()
            self._given_up, self._job = self._job.key, None
            self._timer.stop()

    def again(self) -> None:
        """Let the work that was given up be asked for once more."""
        self._given_up = None

    @Slot()
    def _poll(self) -> None:
        job = self._job
        if job is not None and not job.thread.is_alive():
            self._job, self._kept = None, (job.key, job.result)
            self._timer.stop()
            self.done.emit()
