"""Fetching public data sets, only when a person asks: resumed, limited and checked by hash.

A file goes into NAME.part beside its place, and gets its name when its SHA-256 is the one that
the catalogue says. Nothing here runs by itself, and nothing but a request for a file is sent.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from typing_extensions import override

import seqstudio
from seqstudio.core.errors import DataError, SeqError
from seqstudio.core.files import free_space, storage_error
from seqstudio.data.catalogue import check_url, data_home

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPMessage

    from seqstudio.data.catalogue import Entry, RemoteFile

PART = ".part"
TIMEOUT_S = 10.0
"""A server that says nothing for so long is given up."""
MOST_REDIRECTS = 5
_CHUNK = 1 << 16
_OF_THE_WAY = (
    urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError,
)  # fmt: skip
_WATCHED_S, _LEAST_BYTES = 30.0, 1_000
"""A server that sends less than so many bytes in so many seconds is given up."""


class StoppedError(SeqError):
    """The person stopped the transfer; what has come stays and can be gone on from."""


@dataclass(frozen=True)
class Progress:
    """How far a transfer is.

    Attributes:
        file: Name of the file at work.
        done: Bytes of the whole set that are here.
        size: Bytes of the whole set.
    """

    file: str
    done: int
    size: int


def _silent(_progress: Progress) -> None:
    return None


def _never() -> bool:
    return False


def place_of(entry: Entry, home: Path | None = None) -> Path:
    """Return where a set is kept: its file, or the folder of its files."""
    folder = (home or data_home()) / entry.id
    return folder / entry.files[0].name if len(entry.files) == 1 else folder


def is_here(entry: Entry, home: Path | None = None) -> bool:
    """Tell whether all files of a set are here, by their sizes; fetching looked at the hashes."""
    folder = (home or data_home()) / entry.id
    return all(_size(folder / file.name) == file.kept[0] for file in entry.files)


def part_size(entry: Entry, home: Path | None = None) -> int:
    """Return how many bytes of a set are here, those of unfinished files too."""
    folder = (home or data_home()) / entry.id
    return sum(_here(folder / file.name, file) for file in entry.files)


def _here(target: Path, file: RemoteFile) -> int:
    done = _size(target) == file.kept[0]
    return file.size if done else min(_size(_part_of(target)), file.size)


def discard(entry: Entry, home: Path | None = None) -> None:
    """Remove what is here of unfinished files."""
    folder = (home or data_home()) / entry.id
    for file in entry.files:
        _part_of(folder / file.name).unlink(missing_ok=True)


def fetch(
    entry: Entry,
    home: Path | None = None,
    *,
    told: Callable[[Progress], None] = _silent,
    stopped: Callable[[], bool] = _never,
) -> Path:
    """Fetch a set, or what is missing of it.

    Args:
        entry: The set.
        home: Folder of fetched data; None is the person's.
        told: Called with the progress, often, in the calling thread.
        stopped: Asked often; True stops the transfer.

    Returns:
        The file, or the folder of a set of several files.

    Raises:
        DataError: Offline, broken off, not what the catalogue says, or refused.
        StorageError: No room, or the folder cannot be written.
        StoppedError: `stopped` said so.
    """
    folder = (home or data_home()) / entry.id
    _make_room(folder, entry)
    before = 0
    for file in entry.files:
        begun = before

        def tell(count: int, file: RemoteFile = file, begun: int = begun) -> None:
            told(Progress(file.name, begun + count, entry.size))

        _File(file, folder / file.name, tell, stopped).fetch()
        before += file.size
        tell(file.size)
    return place_of(entry, home)


def _make_room(folder: Path, entry: Entry) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise storage_error(folder, error) from error
    kept = sum(file.kept[0] for file in entry.files if file.member)
    if free < entry.size + kept:
        raise DataError(
            f"{entry.title} does not fit on the disk",
            f"{(entry.size + kept) // 1_000_000:,} MB are needed, {free_space(folder)} free",
            "Free some space",
        )


class _File:
    """The transfer of one file."""

    def __init__(
        self,
        file: RemoteFile,
        target: Path,
        told: Callable[[int], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._file, self._target = file, target
        self._part = _part_of(target)
        self._told, self._stopped = told, stopped

    def fetch(self) -> None:
        if _size(self._target) == self._file.kept[0] and self._is(self._target, *self._file.kept):
            return
        try:
            resumed = self._transfer()
            if not self._is(self._part, self._file.size, self._file.sha256):
                self._part.unlink(missing_ok=True)
                # The file there may have changed since the first half came: once more, whole.
                if not (resumed and self._again()):
                    raise self._wrong()
            self._keep()
        except OSError as error:
            raise storage_error(self._target, error) from error

    def _again(self) -> bool:
        self._transfer()
        right = self._is(self._part, self._file.size, self._file.sha256)
        if not right:
            self._part.unlink(missing_ok=True)
        return right

    def _wrong(self) -> DataError:
        return DataError(
            f"{self._file.name} is not the file that the catalogue names",
            "its SHA-256 is another one, so it was thrown away",
            "It may have changed at its home; look there",
        )

    def _transfer(self) -> bool:
        """Bring the rest of the file; return whether it went on from a part."""
        here = _size(self._part)
        if here > self._file.size:
            self._part.unlink()
            here = 0
        if here == self._file.size:
            return False
        try:
            with _opened(self._file.url, here) as answer:
                here = self._accepted(answer, here)
                self._receive(answer, here)
        except (
            urllib.error.URLError,
            http.client.HTTPException,
            TimeoutError,
            ConnectionError,
        ) as e:
            raise _told(e, self._file) from e
        return here > 0

    def _accepted(self, answer: Any, here: int) -> int:
        """Return from where the answer goes on: where we were, or the start.

        Raises:
            DataError: It is no answer to what was asked.
        """
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise DataError(f"{self._file.name} came packed", "its server does not send it plain")
        begin, total = _range(answer.headers.get("Content-Range", ""))
        if answer.status == 206 and (begin, total) == (here, self._file.size):
            return here
        length = answer.headers.get("Content-Length")
        if answer.status != 200 or (length is not None and length != str(self._file.size)):
            told = f"{int(length):,} bytes" if length and length.isdecimal() else "another part"
            raise DataError(
                f"{self._file.name} is not the file that the catalogue names",
                f"its server offers {told}, {self._file.size:,} bytes were expected",
            )
        return 0

    def _receive(self, answer: Any, here: int) -> None:
        watch = _Watch(here)
        with self._part.open("ab" if here else "wb") as out:
            while data := self._more(answer):
                here += len(data)
                if here > self._file.size:
                    raise self._too_long(out)
                out.write(data)
                self._told(here)
                watch.look(here, self._file)
            out.flush()
            os.fsync(out.fileno())
        if here < self._file.size:
            raise _broken_off(self._file, here)

    def _more(self, answer: Any) -> bytes:
        if self._stopped():
            raise StoppedError(f"{self._file.name} was stopped", "", "Fetch it again to go on")
        data: bytes = answer.read1(_CHUNK)
        return data

    def _too_long(self, out: IO[bytes]) -> DataError:
        out.close()
        self._part.unlink(missing_ok=True)
        return DataError(
            f"{self._file.name} is larger than the catalogue says",
            f"more than {self._file.size:,} bytes came",
        )

    def _is(self, path: Path, size: int, sha256: str) -> bool:
        if _size(path) != size:
            return False
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                if self._stopped():
                    raise StoppedError(f"{self._file.name} was stopped")
                digest.update(data)
        return digest.hexdigest() == sha256

    def _keep(self) -> None:
        """Give the file its name, or take the one member out that is wanted."""
        if self._file.member is None:
            self._part.replace(self._target)
            return
        inner = self._target.with_name(f"{self._target.name}.member{PART}")
        try:
            self._unpack(inner)
            if not self._is(inner, self._file.member.size, self._file.member.sha256):
                raise self._wrong()
            inner.replace(self._target)
        finally:
            inner.unlink(missing_ok=True)
        self._part.unlink(missing_ok=True)

    def _unpack(self, inner: Path) -> None:
        member = self._file.member
        assert member is not None
        try:
            with zipfile.ZipFile(self._part) as packed, packed.open(member.name) as file:
                left = member.size + 1
                with inner.open("wb") as out:
                    while left > 0 and (data := file.read(min(_CHUNK, left))):
                        left -= len(data)
                        out.write(data)
        except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, zlib.error) as e:
            raise DataError(
                f"{self._file.name} cannot be taken out of its archive",
                f"“{member.name}” is not in it, or it is damaged",
            ) from e


class _Watch:
    """Gives up a server that sends next to nothing."""

    def __init__(self, here: int) -> None:
        self._since, self._from = time.monotonic(), here

    def look(self, here: int, file: RemoteFile) -> None:
        if time.monotonic() - self._since < _WATCHED_S:
            return
        if here - self._from < _LEAST_BYTES:
            raise DataError(
                f"{file.name} comes too slowly",
                f"less than {_LEAST_BYTES:,} bytes in {_WATCHED_S:.0f} s",
                "Fetch it again later: it goes on where it was",
            )
        self._since, self._from = time.monotonic(), here


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, and only to addresses that would be fetched themselves."""

    max_redirections = MOST_REDIRECTS

    @override
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            check_url(newurl)
            local = urlsplit(newurl).scheme == "http"
            if local and urlsplit(req.full_url).scheme == "https":
                raise DataError("The server sends to an address on this computer", "it is refused")
        except DataError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opened(url: str, here: int) -> Any:
    check_url(url)
    headers = {
        "User-Agent": f"SeqStudio/{seqstudio.__version__}",
        "Accept-Encoding": "identity",
    }
    if here:
        headers["Range"] = f"bytes={here}-"
    request = urllib.request.Request(url, headers=headers)
    return urllib.request.build_opener(_Redirects).open(request, timeout=TIMEOUT_S)


def _range(told: str) -> tuple[int, int]:
    """Return first byte and whole size of a Content-Range, (-1, -1) where it is none."""
    unit, _, rest = told.partition(" ")
    span, _, total = rest.partition("/")
    begin = span.partition("-")[0]
    if unit != "bytes" or not (begin.isdecimal() and total.isdecimal()):
        return -1, -1
    return int(begin), int(total)


def _told(error: Exception, file: RemoteFile) -> DataError:
    """Say in words why a transfer failed."""
    host = urlsplit(file.url).hostname or "its home"
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code in {301, 302, 303, 307, 308}:
            return DataError(f"{file.name} was not fetched", f"{host} sends on too far")
        return DataError(
            f"{file.name} was not fetched", f"{host} answers {error.code}", "Try again later"
        )
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, (TimeoutError, socket.timeout)):
        return DataError(
            f"{host} does not answer", f"nothing came for {TIMEOUT_S:g} s",
            "Fetch it again later: it goes on where it was",
        )  # fmt: skip
    if isinstance(cause, (http.client.IncompleteRead, http.client.RemoteDisconnected)):
        return _broken_off(file, None)
    return DataError(
        f"{host} cannot be reached",
        "this computer seems to be offline, or the way there is closed",
        "Everything else works without a network",
    )


def _broken_off(file: RemoteFile, here: int | None) -> DataError:
    at = f"after {here:,} of {file.size:,} bytes" if here is not None else "on the way"
    return DataError(
        f"The transfer of {file.name} broke off", at, "Fetch it again: it goes on where it was"
    )


def _part_of(target: Path) -> Path:
    return target.with_name(target.name + PART)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
