"""Where the runs of the open document lie: beside its file, or aside until it has one."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_dir

from seqstudio.document.project import runs_folder
from seqstudio.runtime.store import is_locked


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
        """Whether a trainer still writes the run."""
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
