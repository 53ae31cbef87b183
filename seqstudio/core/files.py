"""Reading and writing files so that a crash, a full disk or a wrong file loses nothing."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

from seqstudio.core.errors import DataError, StorageError

TEMP_MARK = ".tmp"


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, so that a reader sees the old file or the new one, never half.

    Writes a temporary file beside it, flushes it to the disk, renames, then flushes the folder
    (a rename alone may be lost with the power).

    Raises:
        StorageError: The folder is gone or read-only, or the disk is full; the old file stays.
    """
    temp = path.with_name(f"{path.name}{TEMP_MARK}{os.getpid()}")
    try:
        with temp.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        temp.replace(path)
    except OSError as error:
        with suppress(OSError):  # where it could not be made, it cannot be removed either
            temp.unlink(missing_ok=True)
        raise storage_error(path, error) from error
    with suppress(OSError):  # the new file is in place; some file systems cannot flush a folder
        _sync_folder(path.parent)


def storage_error(path: Path, error: OSError) -> StorageError:
    """Say in words why `path` could not be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageError(
            f"{path.name} was not saved: the disk is full",
            f"{free_space(path.parent)} free in {path.parent}",
            "Free some space and save again, or save to another disk",
        )
    reasons = {
        errno.EACCES: "no permission to write there",
        errno.EPERM: "no permission to write there",
        errno.EROFS: "that disk is read-only",
        errno.ENOENT: "the folder is not there any more",
        errno.ENOTDIR: "the folder is not there any more",
        errno.ENAMETOOLONG: "the name is too long",
        errno.EISDIR: "there is a folder of that name",
    }
    why = reasons.get(error.errno or 0, error.strerror or str(error))
    return StorageError(f"{path.name} was not saved", f"{why} ({path.parent})", "Save elsewhere")


def free_space(folder: Path) -> str:
    """Return the free space of the disk that holds `folder`, in MB."""
    try:
        return f"{shutil.disk_usage(folder).free // 1_000_000:,} MB"
    except OSError:
        return "unknown space"


def sweep_stale(folder: Path) -> list[Path]:
    """Remove temporary files that dead processes left in `folder`; return what was removed."""
    removed = []
    for temp in folder.glob(f"*{TEMP_MARK}*"):
        pid = temp.name.rpartition(TEMP_MARK)[2]
        if pid.isdigit() and not process_is_alive(int(pid)):
            temp.unlink(missing_ok=True)
            removed.append(temp)
    return removed


def read_text(path: Path, limit_bytes: int = 256_000_000) -> str:
    r"""Read a UTF-8 text, with line ends as "\n" and without a byte-order mark.

    Raises:
        DataError: Missing, empty, too large, binary or not UTF-8; the sentence says which.
    """
    data = read_bytes(path, limit_bytes)
    if b"\0" in data:
        raise DataError(
            f"{path.name} is not a text", "it holds binary data", "Choose a plain text file"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not UTF-8 text",
            f"byte {error.start:,} cannot be read as UTF-8",
            "Save it as UTF-8 in a text editor and open it again",
        ) from error
    if not text.strip():
        raise DataError(f"{path.name} is empty", "", "Choose a file with text in it")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_bytes(path: Path, limit_bytes: int) -> bytes:
    """Read a whole file of at most `limit_bytes`.

    Raises:
        DataError: Missing, unreadable, a folder, empty or too large.
    """
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise DataError(f"{path.name} is a folder", "a file is needed here")
        if size > limit_bytes:
            raise DataError(
                f"{path.name} is too large",
                f"{size // 1_000_000:,} MB, the limit is {limit_bytes // 1_000_000:,} MB",
                "Use a part of it",
            )
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}", "", "Check the name and the folder") from error
    except OSError as error:
        raise DataError(f"{path.name} cannot be read", error.strerror or str(error)) from error
    if not data:
        raise DataError(f"{path.name} is empty", "it has no bytes", "Choose another file")
    return data


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder for that
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def process_is_alive(pid: int) -> bool:
    """Tell whether a process of that id runs on this computer."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # someone else's process
    return True
