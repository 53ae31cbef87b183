"""`Shelf`: the takes that are kept beside a project, a file each. No Qt.

    <project>.runs/takes/t0001.json

A take that is deleted goes into `takes/deleted`, from where it can come back; a file that cannot
be read is kept there as well, under its own name.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from seqstudio.core.errors import DataError, SeqError
from seqstudio.core.files import read_bytes, storage_error, write_atomic
from seqstudio.studio.listen.shelf_file import LIMIT_BYTES, KeptTake, kept_of, text_of

FOLDER, DELETED = "takes", "deleted"
MOST_TAKES = 5_000
_NAME = re.compile(r"t(\d{1,8})\.json")


@dataclass(frozen=True)
class Damage:
    """A file that is no take: its name, and why."""

    name: str
    why: str


class Shelf:
    """The takes of a project, in memory and on the disk.

    Attributes:
        folder: Folder of the files; it is made with the first take.
        takes: In the order of their making.
        damaged: Files that could not be read; they were put aside.
    """

    def __init__(self, home: Path) -> None:
        """Args: `home`, where the runs of the project lie."""
        self.folder = home / FOLDER
        self.takes: list[KeptTake] = []
        self.damaged: list[Damage] = []
        self._read()

    def _read(self) -> None:
        for path in sorted(_files(self.folder))[:MOST_TAKES]:
            try:
                kept = kept_of(read_bytes(path, LIMIT_BYTES))
                self.takes.append(replace(kept, key=path.stem))
            except SeqError as error:
                self.damaged.append(Damage(path.name, error.why or error.what))
                self._put_aside(path)
        self.takes.sort(key=lambda take: (take.made_at, take.key))

    def _put_aside(self, path: Path) -> None:
        with suppress(OSError):  # a read-only disk: it stays where it is
            self._deleted.mkdir(parents=True, exist_ok=True)
            path.rename(_free(self._deleted / path.name))

    @property
    def _deleted(self) -> Path:
        return self.folder / DELETED

    def add(self, take: KeptTake) -> KeptTake:
        """Keep a take; return it with its key.

        Raises:
            DataError: The shelf is full.
            StorageError: It cannot be written; it is on the shelf until the program ends.
        """
        if len(self.takes) >= MOST_TAKES:
            raise DataError("The shelf is full", f"it holds {MOST_TAKES:,} takes", "Delete some")
        kept = replace(take, key=self._next_key())
        self.takes.append(kept)
        self._write(kept)
        return kept

    def _next_key(self) -> str:
        used = [int(take.key[1:]) for take in self.takes]
        for folder in (self.folder, self._deleted):
            used += [int(match[1]) for p in _files(folder) if (match := _NAME.match(p.name))]
        return f"t{max(used, default=0) + 1:04d}"

    def get(self, key: str) -> KeptTake | None:
        """Return a take by its key."""
        return next((take for take in self.takes if take.key == key), None)

    def change(self, take: KeptTake) -> None:
        """Put a take in the place of the one with its key.

        Raises:
            StorageError: It cannot be written; the change holds until the program ends.
        """
        self.takes = [take if each.key == take.key else each for each in self.takes]
        self._write(take)

    def delete(self, key: str) -> None:
        """Take a take off the shelf; `restore` brings it back.

        Raises:
            StorageError: Its file cannot be moved; the take stays.
        """
        self._move(self.folder / f"{key}.json", self._deleted / f"{key}.json")
        self.takes = [take for take in self.takes if take.key != key]

    def restore(self, take: KeptTake) -> None:
        """Bring a deleted take back.

        Raises:
            StorageError: Its file cannot be moved.
        """
        source = self._deleted / f"{take.key}.json"
        if source.exists():
            self._move(source, self.folder / source.name)
        else:
            self._write(take)
        self.takes.append(take)
        self.takes.sort(key=lambda each: (each.made_at, each.key))

    def _move(self, source: Path, target: Path) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.exists():  # one that could never be written has no file
                source.replace(target)
        except OSError as error:
            raise storage_error(target, error) from error

    def _write(self, take: KeptTake) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(self.folder, error) from error
        write_atomic(self.folder / f"{take.key}.json", text_of(take).encode())

    def carry(self, home: Path, *, move: bool) -> None:
        """Bring the takes to where the project was saved; what lies there already stays.

        Args:
            home: Where the runs of the project lie from now on.
            move: Nothing stays behind: the old place was one for unsaved projects.

        Raises:
            StorageError: They cannot be written there.
        """
        old, self.folder = self.folder, home / FOLDER
        there = Shelf(home)
        known = {(take.made_at, take.text) for take in there.takes}
        for take in self.takes:
            if (take.made_at, take.text) not in known:
                there.add(take)
        self.takes = there.takes
        if move:
            shutil.rmtree(old, ignore_errors=True)


def _files(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _free(path: Path) -> Path:
    """Return a name that no file has yet."""
    names = [path, *(path.with_name(f"{path.stem}-{n}{path.suffix}") for n in range(1, 1000))]
    return next((name for name in names if not name.exists()), path)
