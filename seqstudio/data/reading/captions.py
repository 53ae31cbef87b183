"""Folders of pictures with a list of sentences about them."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqstudio.core.errors import DataError
from seqstudio.data.reading.pictures import list_pictures
from seqstudio.data.reading.texts import read_any_text

if TYPE_CHECKING:
    from pathlib import Path

LISTS = ("captions.txt", "captions.csv", "captions.tsv", "captions.token.txt")
MOST_CAPTIONS = 300_000
_HEADS = frozenset({"image", "file", "filename", "file_name", "picture", "name", "image_name"})
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]")
_GONE_SHARE = 0.1


@dataclass(frozen=True)
class Captioned:
    """Pictures and what is said about each.

    Attributes:
        paths: N files.
        captions: N times at least one sentence, each as words.
        notes: Sentences about what was left out.
    """

    paths: tuple[Path, ...]
    captions: tuple[tuple[tuple[str, ...], ...], ...]
    notes: tuple[str, ...]


def words_of_caption(text: str) -> tuple[str, ...]:
    """Cut a caption into small-letter words and signs; a full stop at the end is dropped."""
    words = _WORD.findall(text.lower())
    return tuple(words[:-1] if words[-1:] == ["."] else words)


def read_captioned(folder: Path) -> Captioned:
    """Read a folder with pictures, or a folder Images in it, and a list of captions.

    A line of the list is a file name, a tab or comma, a sentence; `name.jpg#0` is `name.jpg`.

    Raises:
        DataError: No list, a line without a sentence or file name, too many pictures missing; the
            sentence names the line.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder.name} is no folder of pictures",
            "",
            "Choose a folder with captions.txt in it",
        )
    source = _list_of(folder)
    pictures = _pictures(folder)
    told: dict[str, list[tuple[str, ...]]] = {}
    empty: list[int] = []
    missing: list[tuple[int, str]] = []
    rows = _rows(source)
    for number, name, sentence in rows:
        words = words_of_caption(sentence)
        if name not in pictures:
            missing.append((number, name))
        elif not words:
            empty.append(number)
        else:
            told.setdefault(name, []).append(words)
    _refuse(source, rows, told, missing, empty)
    notes = _notes(source, pictures, told, missing, empty)
    names = sorted(told)
    return Captioned(
        tuple(pictures[name] for name in names),
        tuple(tuple(told[name]) for name in names),
        tuple(notes),
    )


def _list_of(folder: Path) -> Path:
    for name in LISTS:
        if (folder / name).is_file():
            return folder / name
    raise DataError(
        f"{folder.name} has no list of captions",
        f"none of {', '.join(LISTS[:3])} is in it",
        "Write a line for every sentence: file name, tab, sentence",
    )


def _pictures(folder: Path) -> dict[str, Path]:
    found = {path.name: path for path in list_pictures(folder)}
    for name in ("Images", "images", "pictures"):
        if (folder / name).is_dir():
            found |= {path.name: path for path in list_pictures(folder / name)}
    if not found:
        raise DataError(
            f"{folder.name} has no pictures",
            "PNG, JPEG, GIF and BMP files are looked for, in it and in its folder Images",
            "Put the pictures beside the list",
        )
    return found


def _rows(source: Path) -> list[tuple[int, str, str]]:
    """Return (line, file name, sentence) of every line that is not blank."""
    lines = read_any_text(source).text.split("\n")
    if len(lines) > MOST_CAPTIONS:
        raise DataError(
            f"{source.name} has too many lines", f"{len(lines):,}, {MOST_CAPTIONS:,} are read"
        )
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, sentence = _parted(source, number, line)
        if number == 1 and name.lower() in _HEADS:
            continue
        found.append((number, name.partition("#")[0], sentence))
    return found


def _parted(source: Path, number: int, line: str) -> tuple[str, str]:
    if "\t" in line:
        name, _, sentence = line.partition("\t")
    elif "," in line:
        fields = next(csv.reader([line]), [])
        # A sentence without quotes may have commas of its own.
        name, sentence = fields[0], fields[1] if len(fields) == 2 else line.partition(",")[2]
    else:
        raise DataError(
            f"Line {number:,} of {source.name} has no sentence",
            f"“{line.strip()[:40]}” has neither tab nor comma",
            "Write a file name, a tab and a sentence",
        )
    return name.strip().replace("\\", "/").rpartition("/")[2], sentence.strip()


def _refuse(
    source: Path,
    rows: list[tuple[int, str, str]],
    told: dict[str, list[tuple[str, ...]]],
    missing: list[tuple[int, str]],
    empty: list[int],
) -> None:
    if len(missing) > _GONE_SHARE * len(rows):
        number, name = missing[0]
        raise DataError(
            f"There is no picture {name[:80]}",
            f"line {number:,} of {source.name} names it; {len(missing):,} of {len(rows):,} lines "
            "name files that are not there",
            "Put the pictures beside the list",
        )
    if len(empty) > _GONE_SHARE * len(rows) or not told:
        where = f"line {empty[0]:,} is the first" if empty else "it holds no line"
        raise DataError(
            f"{source.name} has {len(empty):,} empty captions",
            where,
            "Write a sentence behind every file name",
        )


def _notes(
    source: Path,
    pictures: dict[str, Path],
    told: dict[str, list[tuple[str, ...]]],
    missing: list[tuple[int, str]],
    empty: list[int],
) -> list[str]:
    notes = []
    if missing:
        number, name = missing[0]
        notes.append(f"{len(missing):,} captions left out: their files are not there "
                     f"({name}, line {number:,} of {source.name})")  # fmt: skip
    if empty:
        notes.append(f"{len(empty):,} empty captions left out (line {empty[0]:,})")
    silent = len(pictures) - len(told)
    if silent:
        notes.append(f"{silent:,} pictures have no caption and were left out")
    return notes
