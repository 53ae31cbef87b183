"""Recovery after a crash: unsaved edits go to a file of ours, never to the person's own.

One file a process, named by its process id, written when edits have rested for a moment, before a
run, and at an end that nobody could answer for. A clean close removes it; a file whose process is
gone is offered at the next start. Refusing an offer moves the file aside, it is not deleted.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_data_dir
from PySide6.QtCore import QObject, QTimer, Slot

from seqstudio.core.errors import SeqError
from seqstudio.core.files import process_is_alive, read_bytes, write_atomic
from seqstudio.document.project import Project, parse_project, project_text
from seqstudio.studio.session import Session

log = logging.getLogger("seqstudio.recovery")
REST_MS = 3_000
SUFFIX = ".recovery"
LIMIT_BYTES = 20_000_000


@dataclass(frozen=True)
class Offer:
    """Edits of a process that ended without saving them.

    Attributes:
        file: Where they are kept.
        project: The project with the edits.
        path: The project's own file, None if it never had one.
        at: When they were kept, local time in words.
    """

    file: Path
    project: Project
    path: Path | None
    at: str


def recovery_folder() -> Path:
    """Return the folder of recovery files."""
    return Path(user_data_dir("seqstudio")) / "recovery"


class Recovery(QObject):
    """Keeps the unsaved edits of one session in a file.

    Args:
        session: Whose document is kept.
        folder: Where; created at the first write.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        super().__init__(session)
        self._session = session
        self.file = folder / f"{os.getpid()}{SUFFIX}"
        self._kept: Project | None = None
        self._rest = QTimer(self, interval=REST_MS)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self.keep)
        session.project_changed.connect(self._changed)
        session.state_changed.connect(self._state_changed)

    @Slot(object)
    def _changed(self, _change: object) -> None:
        if not self._rest.isActive():  # one write each few seconds, however long edits go on
            self._rest.start()

    @Slot(str)
    def _state_changed(self, state: str) -> None:
        if state == "starting":
            self.keep()

    @Slot()
    def keep(self) -> None:
        """Write the edits if there are unsaved ones, else remove the file."""
        document = self._session.document
        if not document.modified:
            self.remove()
            return
        if document.project is self._kept:
            return
        content = {
            "path": str(document.path or ""),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "project": project_text(document.project),
        }
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.file, json.dumps(content).encode())
            self._kept = document.project
        except (SeqError, OSError) as error:
            log.warning("edits could not be kept for recovery: %s", error)

    def remove(self) -> None:
        """Forget the edits: they are saved, or the person gave them up."""
        self._kept = None
        self.file.unlink(missing_ok=True)


def offers(folder: Path) -> list[Offer]:
    """Return what dead processes left, newest first; unreadable files are moved aside."""
    found = []
    for file in sorted(folder.glob(f"*{SUFFIX}"), key=_age, reverse=True):
        pid = file.stem
        if pid.isdigit() and process_is_alive(int(pid)) and int(pid) != os.getpid():
            continue
        try:
            found.append(_read(file))
        except (SeqError, ValueError, KeyError, TypeError, RecursionError) as error:
            log.warning("%s cannot be read: %s", file.name, error)
            set_aside(file)
    return found


def set_aside(file: Path) -> None:
    """Take a file out of the offers without deleting it."""
    file.rename(file.with_name(f"{file.name}.{os.urandom(3).hex()}.old"))


def _read(file: Path) -> Offer:
    content = json.loads(read_bytes(file, LIMIT_BYTES))
    project = parse_project(content["project"], file.name)
    path = Path(content["path"]) if content["path"] else None
    at = datetime.fromisoformat(content["at"]).astimezone().strftime("%d %B, %H:%M")
    return Offer(file, project, path, at)


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
