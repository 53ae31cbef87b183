"""The list of public data sets that can be fetched by name. It is data: a JSON file, checked here.

The shipped list names only files whose size and hash were computed from the file itself. A person
may put a list of their own beside the fetched data; a wrong line of it is refused with its name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from seqstudio.core.errors import DataError
from seqstudio.core.files import read_bytes
from seqstudio.core.showing import shown
from seqstudio.data.sources import KINDS

LARGEST_FILE = 2_000_000_000
MOST_FILES = 1_000
MOST_ENTRIES = 1_000
OWN_NAME = "catalogue.json"
_LIST_BYTES = 4_000_000
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _.,'()+-]{0,118}[A-Za-z0-9)])?")
_HASH = re.compile(r"[0-9a-f]{64}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Member:
    """The one member of an archive that is taken out: its name there, bytes and SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class RemoteFile:
    """One file of a set.

    Attributes:
        name: Under which it is kept.
        url: Where it lies, HTTPS.
        size: In bytes, of what is transferred.
        sha256: In hex, of what is transferred.
        member: What is kept of a ZIP archive; None keeps the file itself.
    """

    name: str
    url: str
    size: int
    sha256: str
    member: Member | None = None

    @property
    def kept(self) -> tuple[int, str]:
        """Size and hash of the file that is kept in the end."""
        return (self.member.size, self.member.sha256) if self.member else (self.size, self.sha256)


@dataclass(frozen=True)
class Entry:
    """A set that can be fetched.

    Attributes:
        id: Its name on the command line.
        title: Its name for people.
        about: What it holds, a sentence.
        kind: Kind of data that reads it.
        template: Template to try first.
        home: Page about it.
        licence: Its licence as stated.
        licence_url: Where that is stated.
        citation: Whom to name.
        files: What is fetched.
    """

    id: str
    title: str
    about: str
    kind: str
    template: str
    home: str
    licence: str
    licence_url: str
    citation: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes to transfer."""
        return sum(file.size for file in self.files)

    @property
    def host(self) -> str:
        """The computers that it comes from."""
        return ", ".join(sorted({urlsplit(file.url).hostname or "" for file in self.files}))


def data_home() -> Path:
    """Return the folder of the person's fetched data."""
    return Path(platformdirs.user_data_dir("seqstudio", appauthor=False)) / "data"


def catalogue(own: Path | None = None, *, shipped_only: bool = False) -> dict[str, Entry]:
    """Return the sets by id: the shipped ones, then those of the person's own list.

    Args:
        own: The person's list; None takes `catalogue.json` of `data_home()` where there is one.
        shipped_only: Leave the person's list aside.

    Raises:
        DataError: A list cannot be read, or one of its entries is no good.
    """
    shipped = resources.files("seqstudio") / "resources" / "datasets" / OWN_NAME
    with resources.as_file(shipped) as path:
        found = read_catalogue(path)
    mine = own or data_home() / OWN_NAME
    if not shipped_only and (own is not None or mine.is_file()):
        found |= {key: each for key, each in read_catalogue(mine).items() if key not in found}
    return found


def read_catalogue(path: Path) -> dict[str, Entry]:
    """Read and check a list.

    Raises:
        DataError: It is no such list; the sentence names the entry and the field.
    """
    try:
        told = json.loads(read_bytes(path, _LIST_BYTES))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name} is no catalogue", f"not JSON: {error}") from error
    listed = told.get("datasets") if isinstance(told, dict) else None
    if not isinstance(listed, list) or len(listed) > MOST_ENTRIES:
        raise DataError(f"{path.name} is no catalogue", 'it has no list named "datasets"')
    entries: dict[str, Entry] = {}
    for at, each in enumerate(listed, 1):
        entry = _Checked(path.name, at, each).entry()
        if entry.id in entries:
            raise DataError(f"{path.name} names “{entry.id}” twice", "", "Give it another id")
        entries[entry.id] = entry
    return entries


class _Checked:
    """An entry of a list that nobody vouches for."""

    def __init__(self, list_name: str, at: int, given: Any) -> None:
        self._where = f"{list_name}, entry {at}"
        self._given = given if isinstance(given, dict) else {}

    def _refuse(self, field: str, why: str) -> DataError:
        return DataError(f"{self._where}: the field “{field}” is no good", why)

    def _text(self, given: Any, field: str, most: int = 2000) -> str:
        value = given.get(field) if isinstance(given, dict) else None
        if not isinstance(value, str) or not value.strip() or len(value) > most:
            raise self._refuse(field, f"a text of at most {most:,} letters is needed")
        return value

    def _matching(self, given: Any, field: str, form: re.Pattern[str], why: str) -> str:
        value = self._text(given, field)
        if not form.fullmatch(value):
            raise self._refuse(field, f"{shown(value, 60)}: {why}")
        return value

    def _url(self, given: Any, field: str) -> str:
        value = self._text(given, field)
        check_url(value)
        return value

    def _size(self, given: Any) -> int:
        value = given.get("size") if isinstance(given, dict) else None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LARGEST_FILE:
            raise self._refuse("size", f"a whole number of bytes up to {LARGEST_FILE:,} is needed")
        return value

    def entry(self) -> Entry:
        """Return the entry.

        Raises:
            DataError: A field is missing or wrong.
        """
        given = self._given
        files = given.get("files")
        if not isinstance(files, list) or not 0 < len(files) <= MOST_FILES:
            raise self._refuse("files", f"a list of 1 to {MOST_FILES:,} files is needed")
        kind = self._text(given, "kind")
        if kind not in KINDS:
            raise self._refuse("kind", f"there is no kind of data called {shown(kind, 60)}")
        read = tuple(self._file(each) for each in files)
        if len({file.name.lower() for file in read}) < len(read):
            raise self._refuse("files", "two have the same name")
        return Entry(
            id=self._matching(given, "id", _ID, "small letters, digits and dashes"),
            title=self._text(given, "title", 100),
            about=self._text(given, "about", 500),
            kind=kind,
            template=self._text(given, "template", 64),
            home=self._url(given, "home"),
            licence=self._text(given, "licence", 500),
            licence_url=self._url(given, "licence_url"),
            citation=self._text(given, "citation", 1000),
            files=read,
        )

    def _file(self, given: Any) -> RemoteFile:
        return RemoteFile(
            self._matching(given, "name", _NAME, "a plain file name is needed"),
            self._url(given, "url"),
            self._size(given),
            self._matching(given, "sha256", _HASH, "64 hexadecimal digits are needed"),
            self._member(given.get("member")),
        )

    def _member(self, given: Any) -> Member | None:
        if given is None:
            return None
        name = self._text(given, "name", 500)
        sha256 = self._matching(given, "sha256", _HASH, "64 hexadecimal digits are needed")
        return Member(name, self._size(given), sha256)


def check_url(url: str) -> None:
    """Refuse an address that is not HTTPS; plain HTTP goes to this computer only.

    Raises:
        DataError: It is refused.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise DataError(f"{shown(url, 80)} is no address", str(error)) from error
    local = parts.scheme == "http" and host in _LOOPBACK
    if not host or parts.username or not (parts.scheme == "https" or local):
        raise DataError(
            f"{shown(url, 80)} is not fetched", "only addresses that begin with https:// are"
        )
