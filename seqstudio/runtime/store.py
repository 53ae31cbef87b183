"""The run store: what a run said, in a folder beside the project, written by the trainer.

`NAME.runs/RUN/` holds `project.seq` (the project as it was trained), `run.db` (SQLite in WAL mode,
so that others read while the trainer writes) and `run.lock` (held while a trainer is at work).
The engine keeps its checkpoints in the same folder. Nothing of it is read with pickle.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqstudio.core.errors import RunError, StorageError
from seqstudio.core.files import storage_error, write_atomic
from seqstudio.records.health import HealthReading
from seqstudio.records.messages import Event, Facts, LiveChanged, Progress, StateChanged
from seqstudio.records.readings import (
    AttentionReading,
    GradientReading,
    Metrics,
    RateSweep,
    Sample,
    Validation,
)
from seqstudio.runtime.codec import pack, unpack
from seqstudio.runtime.series import COLUMNS, INTEGERS, PER_OCTAVE, faded, join, rows, thin_rows

SCHEMA = 1
DATABASE = "run.db"
PROJECT = "project.seq"
LOCK = "run.lock"
LIMIT_ROWS = 200_000
LIMIT_BATCHES = 4_000

_TABLES = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL,
    last INTEGER NOT NULL, rows BLOB NOT NULL, memory_mb REAL NOT NULL);
CREATE TABLE validations (id INTEGER PRIMARY KEY AUTOINCREMENT, step INTEGER NOT NULL,
    loss REAL, accuracy REAL, count INTEGER NOT NULL, complete INTEGER NOT NULL,
    best INTEGER NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE samples (id INTEGER PRIMARY KEY AUTOINCREMENT, request INTEGER NOT NULL,
    step INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE readings (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,
    step INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX readings_by_step ON readings (kind, step);
"""


class DamagedError(RunError):
    """The record of a run cannot be read; it is kept as it is."""


class RunStore:
    """Writes a run, from one thread; made by `create` or `resume`.

    Attributes:
        folder: Folder of the run.
        newest: Last training step on record.
    """

    def __init__(self, folder: Path, lock: sqlite3.Connection, base: sqlite3.Connection) -> None:
        self.folder = folder
        self._lock = lock
        self._base = base
        self._rows, self._batches, self.newest = _extent(base)

    @classmethod
    def create(cls, folder: Path, project_text: str) -> RunStore:
        """Begin the record of a new run.

        Args:
            folder: Folder of the run, made if needed.
            project_text: Text of the project file, kept beside the record.

        Raises:
            RunError: The folder holds a run with training steps, or another trainer writes it.
            StorageError: It cannot be written.
        """
        store = cls._open(folder)
        if store.newest > 0:
            store.close()
            raise RunError(
                f"There is already a run {folder.name}",
                f"{folder} holds its record",
                "Resume it, or give the new run another name",
            )
        store.keep_project(project_text)
        store.keep_first(project_text)
        return store

    @classmethod
    def resume(cls, folder: Path, project_text: str) -> RunStore:
        """Go on with the record of a run; one that is missing or damaged is begun anew.

        A damaged record is set aside under another name, never deleted.

        Raises:
            RunError: Another trainer writes it, or it comes from a newer program.
            StorageError: It cannot be written.
        """
        try:
            store = cls._open(folder)
        except DamagedError:
            _set_aside(folder)
            store = cls._open(folder)
        store.keep_project(project_text)
        return store

    @classmethod
    def fork(cls, folder: Path, project_text: str, step: int, begin: int) -> RunStore:
        """Turn a copy of another run's record into that of a new run.

        Args:
            folder: Folder of the new run, with the copy.
            project_text: Text of the new run's project.
            step: Last step that both share.
            begin: Step from which the new run repeats the other, live changes included.

        Raises:
            RunError: The copy is damaged.
            StorageError: It cannot be written.
        """
        store = cls._open(folder)
        try:
            store.forget_future(step, begin)
        except (sqlite3.Error, ValueError) as error:
            store.close()
            raise damaged(folder, error) from error
        store.keep_project(project_text)
        store.keep_first(project_text)
        return store

    @classmethod
    def _open(cls, folder: Path) -> RunStore:
        _make_folder(folder)
        lock = _take_lock(folder)
        try:
            return cls(folder, lock, _open_database(folder))
        except BaseException:
            lock.close()
            raise

    def keep_project(self, project_text: str) -> None:
        """Write the project's text beside the record; closes the store when that fails."""
        try:
            write_atomic(self.folder / PROJECT, project_text.encode("utf-8"))
        except StorageError:
            self.close()
            raise

    def keep_first(self, project_text: str) -> None:
        """Keep the text of the project that the run began with: the graph may be edited later.

        Raises:
            StorageError: It cannot be written.
        """
        try:
            with _transaction(self._base):
                query = "INSERT OR REPLACE INTO about VALUES ('project', ?)"
                self._base.execute(query, (project_text,))
        except sqlite3.Error as error:
            self.close()
            raise _storage_error(self.folder / DATABASE, error) from error

    def forget_future(self, step: int, begin: int) -> None:
        """Keep what was measured up to `step`; states, failures and files were another run's."""
        with _transaction(self._base):
            self._rewind(step)
            self._base.execute("DELETE FROM samples WHERE step > ?", (step,))
            for row_id, body in list(self._base.execute("SELECT id, body FROM events")):
                event = unpack(body)
                shared = isinstance(event, LiveChanged) and event.step < begin
                if not shared and not isinstance(event, Facts):
                    self._base.execute("DELETE FROM events WHERE id = ?", (row_id,))
            query = "UPDATE about SET value = ? WHERE key = 'started_at'"
            self._base.execute(query, (repr(time.time()),))

    def append(self, event: Event) -> None:
        """Record an event; unfinished samples and progress are passed over.

        Raises:
            StorageError: It cannot be written: full disk, folder gone, no permission.
        """
        try:
            with _transaction(self._base):
                self._append(event)
        except sqlite3.Error as error:
            raise _storage_error(self.folder / DATABASE, error) from error

    def close(self) -> None:
        """Fold the write-ahead log into the database and let go of the run."""
        try:
            self._base.close()
        finally:
            self._lock.close()

    def _append(self, event: Event) -> None:
        match event:
            case Metrics():
                self._append_metrics(event)
            case GradientReading():
                at_step = event.source == "training step"
                self._append_reading("gradient" if at_step else "horizon", event)
            case AttentionReading():
                self._append_reading("attention", event)
            case HealthReading():
                self._append_reading("health", event)
            case Validation():
                self._append_validation(event)
            case Sample(done=True):
                row = (int(event.request), int(event.step), pack(event))
                self._base.execute(
                    "INSERT INTO samples (request, step, body) VALUES (?, ?, ?)", row
                )
            case Sample() | Progress() | RateSweep():
                pass
            case _:
                self._append_note(event)

    def _append_note(self, event: Event) -> None:
        match event:
            case StateChanged(state="running" | "paused") if event.step < self.newest:
                self._rewind(event.step)
        row = (time.time(), type(event).__name__, pack(event))
        self._base.execute("INSERT INTO events (at, kind, body) VALUES (?, ?, ?)", row)

    def _append_validation(self, event: Validation) -> None:
        numbers = (event.step, event.loss, event.accuracy, event.count, event.complete, event.best)
        row = [np.asarray(number).item() for number in numbers]
        self._base.execute(
            "INSERT INTO validations (step, loss, accuracy, count, complete, best)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )

    def _append_metrics(self, metrics: Metrics) -> None:
        if len(metrics.steps) == 0:
            return
        self._insert_metrics(None, metrics)
        self._rows += len(metrics.steps)
        self._batches += 1
        self.newest = int(metrics.steps[-1])
        if self._batches > LIMIT_BATCHES or self._rows > LIMIT_ROWS:
            self._gather_metrics()

    def _insert_metrics(self, row_id: int | None, metrics: Metrics) -> None:
        first, last = int(metrics.steps[0]), int(metrics.steps[-1])
        self._base.execute(
            "INSERT INTO metrics (id, first, last, rows, memory_mb) VALUES (?, ?, ?, ?, ?)",
            (row_id, first, last, metric_bytes(metrics), metrics.memory_mb),
        )

    def _gather_metrics(self) -> None:
        """Turn many small batches into one, thinned when the run is very long."""
        stored = list(self._base.execute("SELECT id, rows, memory_mb FROM metrics ORDER BY id"))
        everything = join([metrics_of(data, memory) for _, data, memory in stored])
        if len(everything.steps) > LIMIT_ROWS:
            whole = LIMIT_ROWS // 4
            older = thin_rows(rows(everything, slice(None, -whole)), LIMIT_ROWS // 4)
            everything = join([older, rows(everything, slice(-whole, None))])
        self._base.execute("DELETE FROM metrics")
        self._insert_metrics(stored[-1][0], everything)
        self._rows, self._batches = len(everything.steps), 1

    def _append_reading(
        self, kind: str, reading: GradientReading | AttentionReading | HealthReading
    ) -> None:
        self._base.execute(
            "DELETE FROM readings WHERE kind = ? AND step = ?", (kind, int(reading.step))
        )
        self._base.execute(
            "INSERT INTO readings (kind, step, body) VALUES (?, ?, ?)",
            (kind, int(reading.step), pack(reading)),
        )
        query = "SELECT step FROM readings WHERE kind = ? ORDER BY step"
        steps = [row[0] for row in self._base.execute(query, (kind,))]
        gone = [(kind, steps[place]) for place in faded(steps, PER_OCTAVE[kind])]
        self._base.executemany("DELETE FROM readings WHERE kind = ? AND step = ?", gone)

    def _rewind(self, step: int) -> None:
        """Forget what an earlier attempt measured after the step that the run goes on from."""
        cut = "SELECT id, rows, memory_mb FROM metrics WHERE first <= ? AND last > ?"
        torn = [
            (row_id, metrics_of(data, memory))
            for row_id, data, memory in self._base.execute(cut, (step, step))
        ]
        self._base.execute("DELETE FROM metrics WHERE last > ?", (step,))
        for row_id, metrics in torn:
            count = int(np.searchsorted(metrics.steps, step, side="right"))
            self._insert_metrics(row_id, rows(metrics, slice(None, count)))
        self._base.execute("DELETE FROM validations WHERE step > ?", (step,))
        self._base.execute("DELETE FROM readings WHERE step > ?", (step,))
        self._rows, self._batches, self.newest = _extent(self._base)


def metric_bytes(metrics: Metrics) -> bytes:
    """Return the rows as bytes: float64, one column after the other."""
    columns = [np.asarray(getattr(metrics, name), "<f8") for name in COLUMNS]
    return np.stack(columns).tobytes()


def metrics_of(data: bytes, memory_mb: float) -> Metrics:
    """Return the rows that `metric_bytes` stored.

    Raises:
        ValueError: The bytes are no whole rows.
    """
    table = np.frombuffer(data, "<f8").reshape(len(COLUMNS), -1)
    columns = {
        name: _counts(column) if name in INTEGERS else column
        for name, column in zip(COLUMNS, table, strict=True)
    }
    return Metrics(**columns, memory_mb=memory_mb)


def _counts(column: NDArray[Any]) -> NDArray[Any]:
    if not np.all((column >= 0) & (column < 2**53)):
        raise ValueError("a count is out of range")
    return column.astype(np.int64)


def is_locked(folder: Path) -> bool:
    """Tell whether a trainer, here or in another process, is writing the run now."""
    path = folder / LOCK
    if not path.exists():
        return False
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=0)) as base:
            base.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        return error.sqlite_errorcode == sqlite3.SQLITE_BUSY
    return False


@contextmanager
def _transaction(base: sqlite3.Connection) -> Iterator[None]:
    base.execute("BEGIN IMMEDIATE")
    try:
        yield
        base.execute("COMMIT")
    except BaseException:
        if base.in_transaction:
            base.execute("ROLLBACK")
        raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def _take_lock(folder: Path) -> sqlite3.Connection:
    # An exclusive SQLite transaction is a file lock that every system has and that dies with
    # its process; the lock file itself stays empty.
    try:
        lock = sqlite3.connect(folder / LOCK, timeout=2.0, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise RunError(
                f"{folder.name} is being trained already",
                "another window or command writes it",
                "Stop it there, or start a new run",
            ) from error
        raise _storage_error(folder / LOCK, error) from error
    return lock


def _open_database(folder: Path) -> sqlite3.Connection:
    path = folder / DATABASE
    try:
        base = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    except sqlite3.Error as error:
        raise _storage_error(path, error) from error
    try:
        base.execute("PRAGMA journal_mode = WAL")
        # Safe against a killed process; a power cut may cost the last moments, never the file.
        base.execute("PRAGMA synchronous = NORMAL")
        base.execute("PRAGMA wal_autocheckpoint = 4000")
        _lay_tables(base, folder)
        return base
    except sqlite3.Error as error:
        base.close()
        if error.sqlite_errorcode in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise damaged(folder, error) from error
        raise _storage_error(path, error) from error
    except RunError:
        base.close()
        raise


def _lay_tables(base: sqlite3.Connection, folder: Path) -> None:
    if check_version(base, folder) == SCHEMA:
        return
    with _transaction(base):
        for statement in _TABLES.split(";"):
            base.execute(statement)
        base.execute("INSERT INTO about VALUES ('started_at', ?)", (repr(time.time()),))
        base.execute(f"PRAGMA user_version = {SCHEMA}")


def check_version(base: sqlite3.Connection, folder: Path) -> int:
    """Return the version of the tables, 0 when there are none.

    Raises:
        RunError: A newer program made them.
    """
    version = int(base.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA:
        raise RunError(
            f"{folder.name} was recorded by a newer SeqStudio",
            f"its record has format {version}, this program knows up to {SCHEMA}",
            "Update SeqStudio; the run was left as it is",
        )
    return version


def damaged(folder: Path, error: Exception) -> DamagedError:
    """Say that the record of a run cannot be read."""
    return DamagedError(
        f"The record of {folder.name} is damaged",
        f"{folder / DATABASE}: {error}",
        "Its checkpoints are apart from it: resuming the run begins a new record",
    )


def _extent(base: sqlite3.Connection) -> tuple[int, int, int]:
    """Return metric rows, metric batches and the newest step."""
    row = base.execute(
        "SELECT coalesce(sum(length(rows)), 0), count(*), coalesce(max(last), 0) FROM metrics"
    ).fetchone()
    return row[0] // (8 * len(COLUMNS)), row[1], row[2]


def _set_aside(folder: Path) -> None:
    number = 1
    while (folder / f"damaged-{number}.db").exists():
        number += 1
    (folder / DATABASE).replace(folder / f"damaged-{number}.db")
    for rest in ("-wal", "-shm"):
        (folder / (DATABASE + rest)).unlink(missing_ok=True)


def _storage_error(path: Path, error: sqlite3.Error) -> StorageError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the extended part
    causes = {
        sqlite3.SQLITE_FULL: errno.ENOSPC,
        sqlite3.SQLITE_READONLY: errno.EACCES,
        sqlite3.SQLITE_PERM: errno.EACCES,
        sqlite3.SQLITE_CANTOPEN: errno.ENOENT,
    }
    cause = causes.get(code)
    if cause is None:
        return storage_error(path, OSError(errno.EIO, str(error)))
    return storage_error(path, OSError(cause, os.strerror(cause)))
