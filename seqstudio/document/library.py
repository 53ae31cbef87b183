"""The person's own blocks: one JSON file each, in a folder of their own.

A file may come from a stranger. It is data: read within limits, never run, and its name on the
disk is made here from the title, so nothing in it can lead out of the folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqstudio.core.errors import ProjectError, SeqError, StorageError
from seqstudio.core.events import Event
from seqstudio.core.files import read_bytes, storage_error, write_atomic
from seqstudio.document.graph import Block
from seqstudio.document.project import block_table, parse_graph

FORMAT = "seqstudio block"
VERSION = 1
SUFFIX = ".block.json"
LIMIT_BYTES = 1_000_000
LIMIT_FILES = 500
LIMIT_TITLE, LIMIT_HELP = 80, 2_000
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_HINT = "Import a file that was exported from My blocks"


@dataclass(frozen=True)
class OwnBlock:
    """A block of the library.

    Attributes:
        name: Name of its file without the suffix, "" while it has none.
        title: What people see.
        help: What it is for, in the person's words.
        block: The block with its settings and what is inside; its place means nothing.
    """

    name: str
    title: str
    help: str
    block: Block


class Library:
    """Own blocks in a folder.

    Attributes:
        folder: Where the files are; made with the first block.
        changed: Emits the names of all blocks after every change.
        broken: File name and reason of what could not be read the last time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changed: Event[tuple[str, ...]] = Event()
        self.broken: list[tuple[str, str]] = []

    def blocks(self) -> list[OwnBlock]:
        """Return all blocks by title; a damaged file is left out and named in `broken`."""
        self.broken = []
        found = []
        for path in self._files():
            try:
                found.append(_read(path, path.name.removesuffix(SUFFIX)))
            except SeqError as error:
                self.broken.append((path.name, error.sentence()))
        return sorted(found, key=lambda own: (own.title.lower(), own.name))

    def _files(self) -> list[Path]:
        try:
            return sorted(self.folder.glob(f"*{SUFFIX}"))[:LIMIT_FILES]
        except OSError:  # no such folder yet, or not ours to read: there are no blocks
            return []

    def get(self, name: str) -> OwnBlock:
        """Return a block.

        Raises:
            KeyError: There is none of that name.
        """
        for own in self.blocks():
            if own.name == name:
                return own
        raise KeyError(name)

    def keep(self, block: Block, title: str, words: str = "") -> OwnBlock:
        """Add a block to the library.

        Raises:
            StorageError: The library is full, or the file cannot be written.
        """
        if len(self._files()) >= LIMIT_FILES:
            raise StorageError("My blocks are full", f"{LIMIT_FILES} are the limit",
                               "Delete some of them first")  # fmt: skip
        own = OwnBlock("", _one_line(title, block), words[:LIMIT_HELP], _at_origin(block))
        return self._write(replace(own, name=self._free_name(own.title)))

    def describe(self, name: str, title: str, words: str) -> OwnBlock:
        """Give a block another title and help; its file stays where it is.

        Raises:
            KeyError: There is none of that name.
            StorageError: The file cannot be written.
        """
        own = self.get(name)
        title = _one_line(title, own.block)
        return self._write(replace(own, title=title, help=words[:LIMIT_HELP]))

    def delete(self, name: str) -> None:
        """Take a block out of the library; blocks on canvases stay.

        Raises:
            KeyError: There is none of that name.
            StorageError: The file cannot be deleted.
        """
        path = self._path(self.get(name).name)
        _guarded(path, path.unlink)
        self._tell()

    def export(self, name: str, path: Path) -> None:
        """Write a block to a file for others.

        Raises:
            KeyError: There is none of that name.
            StorageError: The file cannot be written.
        """
        write_atomic(path, own_text(self.get(name)).encode())

    def take(self, path: Path) -> OwnBlock:
        """Add the block of a file.

        Raises:
            ProjectError: The file is no block, damaged, newer, or too large.
            DataError: It is missing or cannot be read.
            StorageError: The library is full, or cannot be written.
        """
        own = _read(path, "")
        return self.keep(own.block, own.title, own.help)

    def _write(self, own: OwnBlock) -> OwnBlock:
        data = own_text(own).encode()
        if len(data) > LIMIT_BYTES:
            raise StorageError(f"{own.title} was not kept", "it is too large for one block",
                               "Keep its parts one by one")  # fmt: skip
        _guarded(self.folder, lambda: self.folder.mkdir(parents=True, exist_ok=True))
        write_atomic(self._path(own.name), data)
        self._tell()
        return own

    def _tell(self) -> None:
        self.changed.emit(tuple(own.name for own in self.blocks()))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def _free_name(self, title: str) -> str:
        stem = _NOT_IN_NAMES.sub("-", title.lower()).strip("-")[:40] or "block"
        name, number = stem, 2
        while self._path(name).exists():
            name, number = f"{stem}-{number}", number + 1
        return name


def own_text(own: OwnBlock) -> str:
    """Return a block as the text of its file."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "title": own.title,
        "help": own.help,
        "block": block_table(own.block),
    }
    return json.dumps(content, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def parse_own(text: str, name: str, where: str) -> OwnBlock:
    """Read the text of a block's file.

    Raises:
        ProjectError: It is no block, damaged or newer than this program; the sentence says where.
    """
    content = _content(text, where)
    title, words = content.get("title"), content.get("help", "")
    if not isinstance(title, str) or not isinstance(words, str):
        raise ProjectError(f"{where} is damaged", "title and help are texts", _HINT)
    try:
        # As the one block of a graph: the limits of graphs hold for what is inside it too.
        graph = parse_graph({"blocks": [content.get("block")]}, "block")
    except SeqError as error:
        raise ProjectError(f"{where} is damaged", error.sentence(), _HINT) from error
    (block,) = graph
    return OwnBlock(name, _one_line(title, block), words[:LIMIT_HELP], _at_origin(block))


def _content(text: str, where: str) -> dict[str, Any]:
    refused = ProjectError(f"{where} is not a block of SeqStudio", "it is something else", _HINT)
    try:
        content = json.loads(text, parse_constant=_refuse_number)
    except (ValueError, RecursionError) as error:
        raise refused from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise refused
    if content.get("version") != VERSION:
        raise ProjectError(f"{where} was written by another version of SeqStudio",
                           f"its format is {str(content.get('version'))[:20]}",
                           "Update SeqStudio")  # fmt: skip
    return content


def _refuse_number(word: str) -> float:
    msg = f"the number {word} is not allowed"
    raise ValueError(msg)


def _read(path: Path, name: str) -> OwnBlock:
    data = read_bytes(path, LIMIT_BYTES)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path.name} is not a block of SeqStudio", "it is not UTF-8",
                           _HINT) from error  # fmt: skip
    return parse_own(text, name, path.name)


def _one_line(title: str, block: Block) -> str:
    line = " ".join("".join(c for c in title if c.isprintable() or c.isspace()).split())
    return line[:LIMIT_TITLE] or block.title[:LIMIT_TITLE] or block.kind


def _at_origin(block: Block) -> Block:
    return replace(block, x=0.0, y=0.0, mode="")


def _guarded(path: Path, do: Callable[[], object]) -> None:
    try:
        do()
    except OSError as error:
        raise storage_error(path, error) from error
