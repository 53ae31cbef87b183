"""Where the runs of the open document lie: beside its file, or aside until it has one."""

from __future__ import annotations

import errno
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_dir

from seqstudio.core.errors import RunError
from seqstudio.core.files import storage_error
from seqstudio.document.project import runs_folder
from seqstudio.runtime.store import is_locked

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class RunHomes:
    """Gives every document without a file a folder of its own, and clears away what was left."""

    def __init__(self) -> None:
        self._aside = Path(user_data_dir("seqstudio")) / "unsaved"
        self._number = 0
        self._left: list[Path] = []
        self.next()

    def next(self) -> None:
        """Take a fresh folder: another document has none of the runs of the last one."""
        self._number += 1
        while self.of(None).exists():  # of a process of the same number that did not end well
            self._number += 1

    def of(self, path: Path | None) -> Path:
        """Return the folder of the runs of the document at `path`; None: not saved yet."""
        if path is not None:
            return runs_folder(path)
        return self._aside / f"{os.getpid()}-{self._number}.runs"

    def give_up(self) -> None:
        """The person does not want the runs of the unsaved document: they go at the end."""
        self._left.append(self.of(None))

    def clear(self) -> None:
        """Remove what was given up; nothing may write there any more."""
        for folder in self._left:
            shutil.rmtree(folder, ignore_errors=True)
        self._left.clear()


@dataclass(frozen=True)
class Removal:
    """Runs that go where their document was saved, as soon as no trainer writes them.

    Attributes:
        old: Folder they are in.
        new: Folder they go to.
        run: The run in view; alone it is copied when a saved document is saved elsewhere.
        whole: All runs move: the old folder is only one for unsaved documents.
        resume: The run was being trained, and goes on in its new place.
        paused: It was paused.
    """

    old: Path
    new: Path
    run: str
    whole: bool
    resume: bool
    paused: bool

    @property
    def blocked(self) -> bool:
        """Whether a trainer still writes what moves."""
        if self.whole:
            return any(is_locked(folder) for folder in self.old.iterdir())
        return bool(self.run) and is_locked(self.old / self.run)

    def carry_out(self) -> None:
        """Move or copy.

        Raises:
            OSError: It was not possible; what is not there yet is still in the old folder.
        """
        self.new.mkdir(parents=True, exist_ok=True)
        names = [each.name for each in sorted(self.old.iterdir())] if self.whole else [self.run]
        for name in names:
            source, target = self.old / name, self.new / name
            if target.exists() or not source.exists():
                continue
            if self.whole:
                shutil.move(source, target)
            else:
                shutil.copytree(source, target)
        if self.whole and not any(self.old.iterdir()):
            self.old.rmdir()


class RunTrash:
    """Deleted runs: they lie beside the others until the program closes, and can come back.

    Only what this program deleted, and told that it goes at the end, is removed at the end; what
    an earlier one left behind stays until somebody decides.
    """

    FOLDER = ".trash"

    def __init__(self) -> None:
        self._told: list[tuple[Path, str]] = []

    def throw(self, home: Path, name: str) -> None:
        """Put a run away.

        Raises:
            RunError: A trainer writes it.
            StorageError: It cannot be moved.
        """
        source, target = home / name, home / self.FOLDER / name
        if is_locked(source):
            raise RunError(
                f"{name} was not deleted", "a trainer writes it", "Stop it first, then delete it"
            )
        self._move(source, target)
        self._told.append((home, name))

    def restore(self, home: Path, name: str) -> None:
        """Bring a run back.

        Raises:
            StorageError: It cannot be moved, or there is a run of that name again.
        """
        self._move(home / self.FOLDER / name, home / name)
        self._told = [each for each in self._told if each != (home, name)]

    def names(self, home: Path) -> list[str]:
        """Return the deleted runs that can come back, the one deleted last first."""
        folder = home / self.FOLDER
        found = sorted(path.name for path in folder.glob("*/run.db") for path in [path.parent])
        order = [name for place, name in reversed(self._told) if place == home and name in found]
        return [*order, *(name for name in found if name not in order)]

    def size(self, home: Path) -> int:
        """Return how many bytes the deleted runs of a project take."""
        found = 0
        for path in (home / self.FOLDER).rglob("*"):
            with suppress(OSError):  # it may go meanwhile
                found += path.lstat().st_size
        return found

    def remove(self, home: Path) -> None:
        """Remove all deleted runs of a project for good, also those of earlier times.

        Raises:
            StorageError: Some cannot be removed.
        """
        self._told = [each for each in self._told if each[0] != home]
        if not (home / self.FOLDER).exists():
            return
        try:
            shutil.rmtree(home / self.FOLDER)
        except OSError as error:
            raise storage_error(home / self.FOLDER, error) from error

    def empty(self) -> None:
        """Remove for good what was deleted since the program began."""
        for home, name in self._told:
            shutil.rmtree(home / self.FOLDER / name, ignore_errors=True)
            with suppress(OSError):  # others may lie there still
                (home / self.FOLDER).rmdir()
        self._told.clear()

    def _move(self, source: Path, target: Path) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                raise FileExistsError(errno.EEXIST, "there is a run of that name", str(target))
            source.rename(target)
        except OSError as error:
            raise storage_error(target, error) from error


def rename_run(home: Path, name: str, new: str) -> None:
    """Give a run another name.

    Raises:
        RunError: The name is taken or cannot be one, or a trainer writes the run.
        StorageError: The folder cannot be renamed.
    """
    if not RUN_NAME.fullmatch(new):
        hint = "Use letters, digits, dots, dashes and underscores"
        raise RunError(f"A run cannot be called {new!r}", "it becomes a folder", hint)
    if (home / new).exists() or (home / RunTrash.FOLDER / new).exists():
        raise RunError(f"There is already a run {new}", "", "Choose another name")
    if is_locked(home / name):
        raise RunError(f"{name} was not renamed", "a trainer writes it", "Stop it first")
    try:
        (home / name).rename(home / new)
    except OSError as error:
        raise storage_error(home / new, error) from error
