"""Atomic writes on a full, read-only or vanished disk; reading what is no text."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

from seqstudio.core.errors import DataError, StorageError
from seqstudio.core.files import read_bytes, read_text, sweep_stale, write_atomic

OLD, NEW = b"the old file, whole", b"the new file, " * 5000


class FailingDisk:
    """Lets the n-th write, flush, fsync or rename fail; counts how many there were."""

    def __init__(self, nth: int, number: int) -> None:
        self.nth, self.number, self.count = nth, number, 0

    def step(self) -> None:
        self.count += 1
        if self.count == self.nth:
            raise OSError(self.number, os.strerror(self.number))

    def install(self, patch: pytest.MonkeyPatch) -> None:
        disk, fsync, opened = self, os.fsync, Path.open
        replace = Path.replace

        def open_file(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
            disk.step()
            handle = opened(path, mode, *rest, **named)
            return _Handle(handle, disk) if "w" in mode else handle

        def sync(handle: int) -> None:
            disk.step()
            fsync(handle)

        def rename(path: Path, target: Path) -> Path:
            disk.step()
            return replace(path, target)

        patch.setattr(Path, "open", open_file)
        patch.setattr(os, "fsync", sync)
        patch.setattr(Path, "replace", rename)


class _Handle:
    """A file whose write, flush and close may fail; half of the data is then on the disk."""

    def __init__(self, handle: io.BufferedWriter, disk: FailingDisk) -> None:
        self._handle, self._disk = handle, disk

    def __enter__(self) -> _Handle:
        return self

    def __exit__(self, *_error: object) -> None:
        self._handle.close()
        self._disk.step()

    def write(self, data: bytes) -> None:
        self._handle.write(data[: len(data) // 2])
        self._handle.flush()
        self._disk.step()
        self._handle.write(data[len(data) // 2 :])

    def flush(self) -> None:
        self._disk.step()
        self._handle.flush()

    def fileno(self) -> int:
        return self._handle.fileno()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_at_whatever_call_the_disk_fails_the_old_or_the_new_file_is_whole(
    tmp_path: Path, number: int
) -> None:
    path, refused = tmp_path / "a.seq", 0
    for nth in range(1, 50):
        path.write_bytes(OLD)
        disk = FailingDisk(nth, number)
        with pytest.MonkeyPatch.context() as patch:
            disk.install(patch)
            try:
                write_atomic(path, NEW)
                failed = False
            except StorageError as error:
                failed, sentence = True, error.sentence()
        assert path.read_bytes() == (OLD if failed else NEW), f"call {nth}"
        assert list(tmp_path.iterdir()) == [path], f"call {nth} left something"
        if failed:
            refused += 1
            assert "a.seq was not saved" in sentence
            if number != errno.EIO:
                assert "disk is full" in sentence
                assert "MB free" in sentence
                assert str(tmp_path) in sentence
        if disk.count < nth:
            break
    else:
        pytest.fail("no run passed untouched")
    assert refused >= 6, "open, write, flush, fsync, close and rename"


def test_a_folder_that_cannot_be_flushed_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems refuse it; the new file is in place all the same."""
    real = os.fsync

    def files_only(handle: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{handle}"):  # noqa: PTH112  a link to what is open
            raise OSError(errno.EINVAL, "Invalid argument")
        real(handle)

    monkeypatch.setattr(os, "fsync", files_only)
    write_atomic(tmp_path / "a.seq", NEW)
    assert (tmp_path / "a.seq").read_bytes() == NEW


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_tells_only_at_the_end_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.seq"
    path.write_bytes(OLD)
    opened = Path.open

    def full(place: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        return opened(Path("/dev/full") if "w" in mode else place, mode, *rest, **named)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(StorageError, match="disk is full"):
        write_atomic(path, b"small enough to wait in a buffer")
    assert path.read_bytes() == OLD


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="not there any more"):
        write_atomic(tmp_path / "gone" / "a.seq", NEW)


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "gone").write_text("a file")
    with pytest.raises(StorageError, match="not there any more"):
        write_atomic(tmp_path / "gone" / "a.seq", NEW)


def test_a_name_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="name is too long"):
        write_atomic(tmp_path / ("n" * 300 + ".seq"), NEW)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_that_name_is_said_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.seq"
    path.mkdir()
    (path / "inside").write_bytes(OLD)
    with pytest.raises(StorageError, match=r"a\.seq was not saved"):
        write_atomic(path, NEW)
    assert [each.name for each in tmp_path.iterdir()] == ["a.seq"]
    assert (path / "inside").read_bytes() == OLD


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_read_only_place_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "a.seq"
    path.write_bytes(OLD)
    opened = Path.open

    def refuse(place: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if "w" in mode:
            raise OSError(number, os.strerror(number))
        return opened(place, mode, *rest, **named)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StorageError, match=r"permission|read-only") as caught:
        write_atomic(path, NEW)
    assert "elsewhere" in caught.value.hint
    assert path.read_bytes() == OLD


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="root may write into a read-only folder"
)
def test_a_read_only_folder_on_a_real_disk(tmp_path: Path) -> None:
    path = tmp_path / "locked" / "a.seq"
    path.parent.mkdir()
    path.write_bytes(OLD)
    path.parent.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="no permission"):
            write_atomic(path, NEW)
        assert path.read_bytes() == OLD
    finally:
        path.parent.chmod(0o700)


def test_stale_files_of_dead_processes_go_and_others_stay(tmp_path: Path) -> None:
    dead = 2**22 + 5  # above the largest process id of Linux
    gone = tmp_path / f"a.seq.tmp{dead}"
    kept = [
        tmp_path / f"a.seq.tmp{os.getpid()}",
        tmp_path / "a.seq",
        tmp_path / "notes.tmp",
        tmp_path / "x.tmpfile",
    ]
    for path in (gone, *kept):
        path.write_bytes(OLD)
    assert sweep_stale(tmp_path) == [gone]
    assert sorted(tmp_path.iterdir()) == sorted(kept)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"abc\0def", "binary"),
        (b"caf\xe9", "byte 3"),
        ("text".encode("utf-16"), r"binary|UTF-8"),
    ],
)
def test_what_is_no_text_is_said(tmp_path: Path, data: bytes, word: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    with pytest.raises(DataError, match=word) as caught:
        read_text(path)
    assert "a.txt" in caught.value.sentence()


def test_a_text_loses_its_mark_and_foreign_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\r\ntwo\rthree\n".encode())
    assert read_text(path) == "one\ntwo\nthree\n"


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 2_000_001)
    with pytest.raises(DataError, match="2 MB, the limit is 1 MB"):
        read_bytes(path, 1_000_000)
