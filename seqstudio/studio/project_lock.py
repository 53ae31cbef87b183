"""Who has a project file open: a lock file beside it, and what the file was when it was read.

The lock is a file `NAME.seq.lock` with the holder's process number; one whose process is gone is
taken over. A file that somebody else changed in between is never written over.
"""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QLockFile

from seqstudio.core.errors import StorageError

TRY_MS = 100
ENDING = ".lock"


@dataclass(frozen=True)
class Holder:
    """Who has a file open.

    Attributes:
        pid: Process number.
        host: Name of the computer, "" if it is this one.
        file: The lock file.
    """

    pid: int
    host: str
    file: Path

    def words(self) -> str:
        """Return who it is, as the reason in a message."""
        where = f" on {self.host}" if self.host else ""
        return f"process {self.pid}{where} has it open"


class ProjectLock:
    """Holds the lock of the file that is open in one session, or knows who does."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._lock: QLockFile | None = None
        self._content = ""
        self._next: tuple[Path, QLockFile | None] | None = None  # claimed, not yet written

    def open(self, path: Path) -> Holder | None:
        """Take the lock of a file that was just read, and let go of the one before.

        Returns:
            Who has it already: it can be looked at and saved under another name.
        """
        self.release()
        self._path, self._content = path.resolve(), _content(path)
        self._lock, holder = _take(self._path)
        return holder

    def claim(self, path: Path) -> None:
        """Make sure that a file may be written now.

        Raises:
            StorageError: Another process has it open, or has changed it since it was read.
        """
        target, same = path.resolve(), path.resolve() == self._path
        if same and self._content not in {"", _content(path)}:
            raise StorageError(
                f"{path.name} was not saved: it has changed since it was opened",
                "another program has written it",
                "Save under another name, or open it again to see what changed",
            )
        if same and self._lock is not None:
            return
        self._forget_claim()
        lock, holder = _take(target)
        if holder is not None:
            raise StorageError(
                f"{path.name} was not saved",
                holder.words(),
                f"Save under another name. If that program is gone, delete {holder.file.name}",
            )
        self._next = target, lock

    def saved(self) -> None:
        """Hold what was claimed, and remember what the file is now that it was written."""
        if self._next is not None:
            path, lock = self._next
            self._next = None
            self.release()
            self._path, self._lock = path, lock
        if self._path is not None:
            self._content = _content(self._path)

    def release(self) -> None:
        """Let go of the file."""
        self._forget_claim()
        if self._lock is not None:
            self._lock.unlock()
        self._path, self._lock, self._content = None, None, ""

    def _forget_claim(self) -> None:
        if self._next is not None and self._next[1] is not None:
            self._next[1].unlock()
        self._next = None


def _take(path: Path) -> tuple[QLockFile | None, Holder | None]:
    """Return the lock, or who has it; neither where a lock cannot be made or is our own."""
    file = path.with_name(path.name + ENDING)
    lock = QLockFile(str(file))
    lock.setStaleLockTime(0)  # an old lock is no dead one; one of a dead process is
    if lock.tryLock(TRY_MS):
        return lock, None
    if lock.error() != QLockFile.LockError.LockFailedError:
        return None, None
    pid, host, _ = lock.getLockInfo()
    elsewhere = "" if host == socket.gethostname() else str(host)
    if pid <= 0 or (pid == os.getpid() and not elsewhere):  # 0: nobody's, cut off by a crash
        return None, None
    return None, Holder(int(pid), elsewhere, file)


def _content(path: Path) -> str:
    """Return a hash of a file, "" where it is not there."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
