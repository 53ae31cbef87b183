"""Beginnings of files and folders: as much as it takes to see what they are, and never more."""

from __future__ import annotations

import codecs
import stat
import zlib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from seqstudio.core.errors import DataError
from seqstudio.data.reading.texts import decode

if TYPE_CHECKING:
    from pathlib import Path

    from seqstudio.data.reading.texts import Text

HEAD_BYTES = 200_000
MOST_NAMES = 3_000
"""Names of a folder and of the folders in it that are looked at."""
_GZIP = b"\x1f\x8b"
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Head:
    """The beginning of a file.

    Attributes:
        name: Of the file.
        data: Its first bytes, unpacked where they were packed with gzip.
        size: Bytes of the whole file as it lies on the disk.
        cut: Whether more follows.
    """

    name: str
    data: bytes
    size: int
    cut: bool

    def text(self) -> Text:
        """Return the beginning as text, up to the end of a line where it is cut.

        Raises:
            DataError: It is no text.
        """
        data = self.data
        if self.cut and not data.startswith(_WIDE_MARKS):
            data = data[: data.rfind(b"\n") + 1] or data
        return decode(data, self.name)


def read_head(path: Path) -> Head:
    """Read the first bytes of a file; a pipe or a device is not opened.

    Raises:
        DataError: Missing, empty, no plain file, or it cannot be read.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise DataError(f"{path.name} is no file", "it is a pipe or a device", "")
        with path.open("rb") as file:
            data = file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}", "", "Check the name and the folder") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path.name} cannot be read", why) from error
    if not data:
        raise DataError(f"{path.name} is empty", "it has no bytes", "Choose another file")
    if data.startswith(_GZIP):
        return _unpacked(path.name, data, about.st_size)
    return Head(path.name, data, about.st_size, len(data) < about.st_size)


def _unpacked(name: str, packed: bytes, size: int) -> Head:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(packed, HEAD_BYTES)
    except zlib.error as error:
        raise DataError(f"{name} is damaged", "gzip cannot unpack its beginning") from error
    if not data:
        raise DataError(f"{name} is empty", "nothing is packed in it", "Choose another file")
    return Head(name, data, size, not unpacker.eof)


def list_folder(folder: Path) -> list[Path]:
    """Return what lies in a folder and in the folders in it, hidden things aside, by name.

    Raises:
        DataError: It cannot be looked into.
    """
    try:
        first = sorted(each for each in islice(folder.iterdir(), MOST_NAMES) if _shown(each))
        found = list(first)
        for each in first:
            if each.is_dir() and len(found) < MOST_NAMES:
                found += [inner for inner in islice(each.iterdir(), 200) if _shown(inner)]
    except OSError as error:
        raise DataError(
            f"{folder.name} cannot be looked into", error.strerror or str(error)
        ) from error
    return found[:MOST_NAMES]


def _shown(path: Path) -> bool:
    return not path.name.startswith(".")
