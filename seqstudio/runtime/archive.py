"""Reading runs from their folders: one run, also while it is being trained, or a list of all."""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqstudio.blocks.check import main_arch
from seqstudio.core.errors import RunError, SeqError
from seqstudio.document.project import Project, load_project
from seqstudio.records.messages import Event, StateChanged
from seqstudio.records.readings import Validation
from seqstudio.runtime.codec import CodecError, unpack
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.store import (
    DATABASE,
    PROJECT,
    check_version,
    damaged,
    is_locked,
    metrics_of,
)

# Notes come first: a "running" that starts below the newest step rewinds the history, and what
# follows is then newer than it.
_QUERIES: dict[str, tuple[str, Callable[[tuple[Any, ...]], Event]]] = {
    "events": ("body", lambda row: unpack(row[0])),
    "metrics": ("rows, memory_mb", lambda row: metrics_of(*row)),
    "validations": (
        "step, loss, accuracy, count, complete, best",
        lambda row: Validation(
            row[0], _number(row[1]), _number(row[2]), row[3], bool(row[4]), bool(row[5])
        ),
    ),
    "samples": ("body", lambda row: unpack(row[0])),
    "readings": ("body", lambda row: unpack(row[0])),
}
_UNREADABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


@dataclass(frozen=True)
class RunInfo:
    """One line in the list of runs.

    Attributes:
        name: Name of the run.
        folder: Its folder.
        state: As in `messages.State`; or "interrupted": it was running when its trainer died;
            or "damaged": see `problem`.
        live: A trainer is writing it now.
        step: Optimizer steps done.
        best_validation: Lowest validation loss, NaN before the first.
        started_at: Seconds since 1970.
        template: Template of its project, or "".
        arch: "rnn", "gru", "lstm", "transformer" or "custom1".
        problem: Why it cannot be read, one sentence, or "".
    """

    name: str
    folder: Path
    state: str
    live: bool
    step: int
    best_validation: float
    started_at: float
    template: str
    arch: str
    problem: str = ""


class RunReader:
    """Follows the record of a run, of this process or another, live or not.

    Attributes:
        history: What has been read so far; `poll` extends it.
    """

    def __init__(self, folder: Path, *, readings: bool = True) -> None:
        """Args: the run's folder; `readings` False leaves the large readings out."""
        self.folder = folder
        self.history = RunHistory(folder.name)
        self._seen = {table: 0 for table in _QUERIES if readings or table != "readings"}

    def poll(self) -> frozenset[type]:
        """Read what is new into `history`; return the types of the events among it.

        Raises:
            RunError: No run there, a damaged record or one of a newer program.
        """
        with _reading(self.folder) as base:
            return frozenset().union(*[self._poll_table(base, table) for table in self._seen])

    def _poll_table(self, base: sqlite3.Connection, table: str) -> frozenset[type]:
        columns, build = _QUERIES[table]
        query = f"SELECT id, {columns} FROM {table} WHERE id > ? ORDER BY id"
        events = []
        for row_id, *row in base.execute(query, (self._seen[table],)):
            events.append(build(tuple(row)))
            self._seen[table] = row_id
        return self.history.extend(events)


def open_run(folder: Path, *, readings: bool = True) -> RunHistory:
    """Read the record of a run as it is now.

    Raises:
        RunError: No run there, a damaged record or one of a newer program.
    """
    reader = RunReader(folder, readings=readings)
    reader.poll()
    return reader.history


def read_events(folder: Path) -> list[tuple[float, Event]]:
    """Return what a run said about itself, with the time of each in seconds since 1970.

    Raises:
        RunError: No run there, a damaged record or one of a newer program.
    """
    with _reading(folder) as base:
        rows = base.execute("SELECT at, body FROM events ORDER BY id")
        return [(float(at), unpack(body)) for at, body in rows]


def first_project(folder: Path) -> str:
    """Return the text of the project that a run began with, "" where it was not kept.

    Raises:
        RunError: No run there, a damaged record or one of a newer program.
    """
    with _reading(folder) as base:
        row = base.execute("SELECT value FROM about WHERE key = 'project'").fetchone()
        return str(row[0]) if row else ""


def copy_record(folder: Path, target: Path) -> None:
    """Write a copy of a run's record as it is now, also while it is being written.

    Raises:
        RunError: No run there, a damaged record or one of a newer program.
        sqlite3.Error: The copy cannot be written.
    """
    with _reading(folder) as base, closing(sqlite3.connect(target)) as copy:
        base.backup(copy)


def list_runs(runs_folder: Path) -> list[RunInfo]:
    """Return the runs of a project, newest first; none when the folder does not exist."""
    folders = [path.parent for path in runs_folder.glob(f"*/{DATABASE}")]
    return sorted((_describe(folder) for folder in folders), key=lambda run: -run.started_at)


def new_run_name(runs_folder: Path, arch: str) -> str:
    """Return the next free name: "lstm-1", "lstm-2" and so on."""
    pattern = re.compile(re.escape(arch) + r"-(\d+)")
    # those deleted too: they may come back
    names = [path.name for part in ("*", ".*/*") for path in runs_folder.glob(part)]
    taken = [int(found[1]) for name in names if (found := pattern.fullmatch(name))]
    return f"{arch}-{max(taken, default=0) + 1}"


def _describe(folder: Path) -> RunInfo:
    project = _project(folder)
    live = is_locked(folder)
    state, step, best, started, problem = "damaged", 0, float("nan"), 0.0, ""
    try:
        with _reading(folder) as base:
            state, step = _last_state(base)
            best = _number(base.execute("SELECT min(loss) FROM validations").fetchone()[0])
            query = "SELECT value FROM about WHERE key = 'started_at'"
            started = float(base.execute(query).fetchone()[0])
    except RunError as error:
        problem = error.sentence()
    if not live and state in {"starting", "running", "paused"}:
        state = "interrupted"
    template, arch = project.template, main_arch(project.graph)
    return RunInfo(folder.name, folder, state, live, step, best, started, template, arch, problem)


def _project(folder: Path) -> Project:
    try:
        return load_project(folder / PROJECT)
    except SeqError:
        return Project()


def _last_state(base: sqlite3.Connection) -> tuple[str, int]:
    query = "SELECT body FROM events WHERE kind = 'StateChanged' ORDER BY id DESC LIMIT 1"
    row = base.execute(query).fetchone()
    newest = base.execute("SELECT coalesce(max(last), 0) FROM metrics").fetchone()[0]
    event = unpack(row[0]) if row else StateChanged("starting", 0)
    return event.state, max(newest, event.step)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)  # SQLite keeps NaN as NULL


@contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the record for one consistent look; every way of being unreadable is a RunError."""
    path = folder / DATABASE
    if not path.is_file():
        raise RunError(f"There is no run in {folder}", "", "Choose a folder inside NAME.runs")
    try:
        with _connected(path) as base:
            if check_version(base, folder) == 0:
                raise RunError(f"The run {folder.name} is empty", "it never started")
            yield base
    except (
        sqlite3.Error,
        CodecError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
    ) as error:
        raise damaged(folder, error) from error


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        base = _connect(path)
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF not in _UNREADABLE:
            raise
    else:
        with closing(base):
            yield base
        return
    # Readers of a write-ahead log share a small file beside it, which a read-only folder does
    # not allow. A copy has everything up to this moment.
    with tempfile.TemporaryDirectory() as place:
        for source in path.parent.glob(DATABASE + "*"):
            if not source.name.endswith("-shm"):
                shutil.copyfile(source, Path(place) / source.name)
        with closing(_connect(Path(place) / path.name)) as base:
            yield base


def _connect(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=2.0, isolation_level=None
    )
    try:
        base.execute("PRAGMA query_only = ON")
        base.execute("BEGIN")
        base.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        base.close()
        raise
    return base
