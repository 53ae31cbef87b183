"""`Transfer`: a set on its way, in a thread that touches no widget and ends with the program."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from seqstudio.core.errors import DataError, SeqError
from seqstudio.data.fetching import Progress, StoppedError, fetch

if TYPE_CHECKING:
    from pathlib import Path

    from seqstudio.data.catalogue import Entry


class Transfer:
    """One attempt; whoever shows it looks at it now and then.

    Attributes:
        entry: The set.
        path: Where it is, once it is here.
        error: Why it failed, else None.
    """

    def __init__(self, entry: Entry, home: Path | None, begun: int) -> None:
        self.entry = entry
        self.path: Path | None = None
        self.error: SeqError | None = None
        self._progress = Progress("", begun, entry.size)
        self._stop = threading.Event()
        # A daemon: what is half here stays and is gone on from, so nobody has to wait for it.
        self._thread = threading.Thread(
            target=self._run, args=(home,), name="seqstudio-fetching", daemon=True
        )
        self._thread.start()

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return replace(self._progress)

    @property
    def ended(self) -> bool:
        """Whether it is here, has failed or was stopped."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Ask it to end; returns at once."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether it was asked to end."""
        return self._stop.is_set()

    def _run(self, home: Path | None) -> None:
        try:
            self.path = fetch(self.entry, home, told=self._tell, stopped=self._stop.is_set)
        except StoppedError:
            return
        except SeqError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001  whatever a server does to a client
            why = f"{type(error).__name__}: {error}"
            self.error = DataError(f"{self.entry.title} was not fetched", why)

    def _tell(self, progress: Progress) -> None:
        self._progress = progress
