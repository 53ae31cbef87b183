"""Between a trainer and its run store: a store that refuses costs no training and no record."""

from __future__ import annotations

from collections.abc import Callable

from seqstudio.core.errors import StorageError
from seqstudio.core.files import write_atomic
from seqstudio.records.messages import Envelope, Event, Failed
from seqstudio.runtime.mailbox import Mailbox
from seqstudio.runtime.store import PROJECT, RunStore


class Recorder:
    """Appends events to a store; what it refuses waits in memory and is tried again."""

    def __init__(self, store: RunStore, report: Callable[[Failed], None]) -> None:
        self._store = store
        self._report = report
        self._reported = False
        self._waiting = Mailbox()

    def append(self, event: Event) -> None:
        """Record an event. A refusal is reported once until writing works again."""
        self._waiting.put(Envelope("", event))
        pending = self._waiting.drain()
        for place, envelope in enumerate(pending):
            try:
                self._store.append(envelope.event)
            except StorageError as error:
                for later in pending[place:]:
                    self._waiting.put(later)
                self._complain(error)
                return
        self._reported = False

    def keep_project(self, text: str) -> None:
        """Write the project of the run anew, beside its record.

        Raises:
            StorageError: It cannot be written; the one before stays.
        """
        write_atomic(self._store.folder / PROJECT, text.encode("utf-8"))

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _complain(self, error: StorageError) -> None:
        if not self._reported:
            self._reported = True
            self._report(not_recorded(error))


def not_recorded(error: StorageError) -> Failed:
    """Say that the record of a run cannot be written, while training goes on."""
    hint = f"{error.hint}. Training goes on; curves are kept in memory until writing works"
    return Failed(error.what, error.why, hint, fatal=False)
