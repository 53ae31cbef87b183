"""The open document: the current project, its history and its file. No Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from seqstudio.core.events import Event
from seqstudio.document.edits import Edit
from seqstudio.document.project import Project, load_project, save_project

HISTORY_LIMIT = 1000
MERGE_PAUSE_S = 1.0


@dataclass(frozen=True)
class Change:
    """What listeners learn.

    Attributes:
        before: The project until now.
        after: The project from now on.
        label: The edit in words.
    """

    before: Project
    after: Project
    label: str


@dataclass
class _Entry:
    label: str
    before: Project
    after: Project
    merge: str
    at_s: float


class Document:
    """Holds the current project; every change goes through `apply`, `undo` or `redo`.

    Attributes:
        path: The file, or None while it has never been saved.
        changed: Emits a `Change` after every change of the project.
        saved: Emits the path after a save or an open.
    """

    def __init__(
        self, project: Project | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._project = project or Project()
        self._clock = clock
        self._undo: list[_Entry] = []
        self._redo: list[_Entry] = []
        self._clean = self._project
        self.path: Path | None = None
        self.changed: Event[Change] = Event()
        self.saved: Event[Path] = Event()

    @property
    def project(self) -> Project:
        """The current project."""
        return self._project

    @property
    def modified(self) -> bool:
        """True when the project differs from the one last saved or opened."""
        return self._project is not self._clean and self._project != self._clean

    @property
    def undo_label(self) -> str:
        """Words for what `undo` would take back, or ""."""
        return self._undo[-1].label if self._undo else ""

    @property
    def redo_label(self) -> str:
        """Words for what `redo` would do again, or ""."""
        return self._redo[-1].label if self._redo else ""

    def apply(self, edit: Edit, merge: str = "") -> bool:
        """Do an edit as one step of the history.

        Args:
            edit: The command. If it raises, nothing has changed.
            merge: Edits in a row with the same non-empty key, at most a second apart, become one
                step: a slider that is dragged, a number that is typed.

        Returns:
            False if the edit changed nothing (then the history has no new step).
        """
        before, after = self._project, edit.apply(self._project)
        if after is before or after == before:
            return False
        now, last = self._clock(), self._undo[-1] if self._undo else None
        if merge and last and last.merge == merge and now - last.at_s <= MERGE_PAUSE_S:
            last.after, last.at_s = after, now
            if after == last.before:  # dragged away and back: nothing to take back
                self._undo.pop()
        else:
            self._undo.append(_Entry(edit.label, before, after, merge, now))
            del self._undo[:-HISTORY_LIMIT]
        self._redo.clear()
        self._become(after, edit.label)
        return True

    def undo(self) -> bool:
        """Take the last step back; False if there is none."""
        if not self._undo:
            return False
        entry = self._undo.pop()
        entry.merge = ""
        self._redo.append(entry)
        self._become(entry.before, f"Undo {entry.label}")
        return True

    def redo(self) -> bool:
        """Do the step again that was last taken back; False if there is none."""
        if not self._redo:
            return False
        entry = self._redo.pop()
        self._undo.append(entry)
        self._become(entry.after, f"Redo {entry.label}")
        return True

    def remember_run(self, run: str) -> None:
        """Name the run that opens with the project: no step of its own, and undo keeps it."""

        def named(project: Project) -> Project:
            return project if project.run == run else replace(project, run=run)

        if self._project.run == run:
            return
        for entry in (*self._undo, *self._redo):
            entry.before, entry.after = named(entry.before), named(entry.after)
        self._become(named(self._project), "Remember the run")

    def open(self, path: Path) -> None:
        """Replace everything by the project at `path`.

        Raises:
            SeqError: The file cannot be read; the document stays as it was.
        """
        self.reset(load_project(path), path)

    def reset(self, project: Project, path: Path | None = None) -> None:
        """Start over with `project` and an empty history."""
        self._undo.clear()
        self._redo.clear()
        self.path, self._clean = path, project
        self._become(project, "Open")
        if path is not None:
            self.saved.emit(path)

    def save(self, path: Path | None = None) -> Path:
        """Write the project to `path` (default: its own file).

        Raises:
            StorageError: It cannot be written; the document stays modified.
            ValueError: There is no path yet.
        """
        target = path or self.path
        if target is None:
            msg = "a document that was never saved needs a path"
            raise ValueError(msg)
        save_project(self._project, target)
        self.path, self._clean = target, self._project
        self.saved.emit(target)
        return target

    def _become(self, project: Project, label: str) -> None:
        before, self._project = self._project, project
        self.changed.emit(Change(before, project, label))
