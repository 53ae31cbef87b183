"""Pairs of sentences: two columns of a table, or two files line by line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import DataError
from seqstudio.data.reading.tables import Column, Table, parse_columns, read_table
from seqstudio.data.reading.texts import read_any_text

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 20_000
"""Characters of a line; a longer one is no sentence."""
_TABLES = frozenset({".csv", ".psv"})
_ABOUT = ("cc-by", "cc by", "tatoeba.org", "http://", "https://", "attribution")
_OTHER = frozenset({"readme", "source", "license", "licence", "copying", "sha256sums"})
_SIDES = "source target src tgt trg text label translation sentence original input output"
_CODES = "en de fr es it pt nl ru pl zh ja eng deu fra spa ita por"
_LANGUAGES = "english german french spanish italian portuguese dutch russian polish chinese"
_HEADERS = frozenset(f"{_SIDES} {_CODES} {_LANGUAGES} japanese deutsch français español".split())
_FROM, _TO = ("source", "text"), ("target", "label")


@dataclass(frozen=True)
class Pairs:
    """Sentences and what they become, as they stand in the file, white space evened out.

    Attributes:
        sources: One each.
        targets: Of the same length.
        names: Of the two columns or files.
        notes: Sentences about what was guessed or left out.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    names: tuple[str, str] = ("source", "target")
    notes: tuple[str, ...] = ()


def read_pairs(path: Path, columns: str = "") -> Pairs:
    """Read pairs of sentences.

    Args:
        path: A table with tabs between its columns, a CSV file, a folder with two texts, or one
            of two texts that differ in their ending: corpus.en beside corpus.fr.
        columns: Which column, or file, is read and which written: `source=french target=english`;
            text and label mean the same, "" takes the first two columns of text in their order.

    Raises:
        DataError: Nothing usable; the sentence names the file and the line.
    """
    if path.is_dir():
        return choose_pairs(_of_two(*_two_in(path)), columns)
    if path.suffix.lower() in _TABLES:
        return choose_pairs(_headed(read_table(path)), columns)
    found = read_any_text(path)
    lines = found.text.split("\n")
    if "\t" in found.text or path.suffix.lower() == ".tsv":
        table = _of_tabs(path.name, lines)
        return choose_pairs(_headed(replace(table, notes=found.notes)), columns)
    beside = _beside(path)
    if beside is None:
        raise _no_tab(path.name, 1 + next(at for at, line in enumerate(lines) if line.strip()))
    return choose_pairs(_of_two(path, beside), columns)


# Tables


def _of_tabs(name: str, lines: list[str]) -> Table:
    """Cut lines at tabs; quotes mean nothing here, as in files of sentences they never do."""
    rows, numbers = [], []
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST:
            raise _too_long(name, number, len(line))
        if line.strip():
            rows.append([field.strip() for field in line.split("\t")])
            numbers.append(number)
    width = Counter(map(len, rows)).most_common(1)[0][0]
    for row, number in zip(rows, numbers, strict=True):
        if len(row) == 1:
            raise _no_tab(name, number)
        if len(row) != width:
            raise DataError(
                f"{name}, line {number:,} has {len(row)} fields",
                f"most lines have {width}, with tabs between them",
                "Mend the line, or leave it out",
            )
    names = [f"column {at + 1}" for at in range(width)]
    columns = [Column(each, fields) for each, fields in
               zip(names, zip(*rows, strict=True), strict=True)]  # fmt: skip
    return Table(name, tuple(columns), np.array(numbers, np.int64), "\t")


def _headed(table: Table) -> Table:
    """Take the first row as names where it names languages or sides."""
    first = [column.fields[0] for column in table.columns]
    plain = [name.strip().lower() for name in first]
    if len(table) < 2 or len(set(plain)) < len(plain) or not set(plain) & _HEADERS:
        return table
    if any(len(name.split()) > 2 for name in plain):
        return table
    columns = [Column(name, each.fields[1:]) for name, each in
               zip(first, table.columns, strict=True)]  # fmt: skip
    notes = tuple(note for note in table.notes if not note.startswith("No header"))
    return replace(table, columns=tuple(columns), lines=table.lines[1:], notes=notes)


def choose_pairs(table: Table, columns: str = "") -> Pairs:
    """Return the pairs of two columns of a table; what has an empty side is left out and counted.

    Raises:
        DataError: A column is missing or empty, or a field is far too long.
    """
    source, target = _two_of(table, parse_columns(columns) if columns else {})
    kept, gaps = [], []
    for number, left, right in zip(table.lines, source.fields, target.fields, strict=True):
        if max(len(left), len(right)) > LONGEST:
            raise _too_long(table.name, int(number), max(len(left), len(right)))
        if left and right:
            kept.append((" ".join(left.split()), " ".join(right.split())))
        else:
            gaps.append(int(number))
    notes = [*table.notes, f"Read: “{source.name}”, written: “{target.name}”", *_about(table)]
    if 2 * len(gaps) > len(table):
        raise _one_sided(table, source, target, gaps)
    if gaps:
        notes.append(f"{len(gaps):,} pairs with an empty side left out, first line {gaps[0]:,}")
    sources, targets = zip(*kept, strict=True)
    return Pairs(sources, targets, (source.name, target.name), tuple(notes))


def _two_of(table: Table, roles: dict[str, list[str]]) -> tuple[Column, Column]:
    given = [next((roles[role][0] for role in side if role in roles), "") for side in (_FROM, _TO)]
    chosen = [table.column(name) if name else None for name in given]
    texts = [each for each in table.columns if _is_text(each) and each not in chosen]
    found = [each or (texts.pop(0) if texts else None) for each in chosen]
    if found[0] is None or found[1] is None:
        names = ", ".join(column.name for column in table.columns[:12])
        raise DataError(
            f"{table.name}, line {table.lines[0]:,} holds no pair of sentences",
            f"two columns of text are needed, its columns are {names}",
            "Name them in the data settings: source=NAME target=NAME",
        )
    if found[0].name == found[1].name:
        raise DataError(f"“{found[0].name}” cannot be both read and written", "", "Name two")
    return found[0], found[1]


def _is_text(column: Column) -> bool:
    sample = [field for field in column.fields[:200] if field]
    about = sum(any(mark in field.lower() for mark in _ABOUT) for field in sample)
    codes = len(set(sample)) <= 2 < len(sample) and all(len(field) <= 3 for field in sample)
    return column.numeric_share < 0.9 and 2 * about <= len(sample) and not codes


def _about(table: Table) -> list[str]:
    """Tell about columns that say where lines come from: a licence may ask to keep them."""
    return [
        f"“{column.name}” is not read; it says where a line comes from: {column.fields[0][:60]}"
        for column in table.columns
        if any(mark in column.fields[0].lower() for mark in _ABOUT)
    ]


def _one_sided(table: Table, source: Column, target: Column, gaps: list[int]) -> DataError:
    missing = min((source, target), key=lambda column: sum(map(bool, column.fields)))
    return DataError(
        f"{table.name}, line {gaps[0]:,}: “{missing.name}” is empty",
        f"so are {len(gaps):,} of {len(table):,} lines; one language is missing",
        "Use a file with both, or name other columns: source=NAME target=NAME",
    )


# Two files


def _two_in(folder: Path) -> tuple[Path, Path]:
    files = [
        each for each in sorted(folder.iterdir())
        if each.is_file() and not each.name.startswith(".") and each.stem.lower() not in _OTHER
    ]  # fmt: skip
    if len(files) != 2:
        raise DataError(
            f"{folder.name} holds {len(files)} files",
            "two texts are read line by line, one in each language",
            "Choose a folder with two texts, or one file with a tab between the sides",
        )
    return files[0], files[1]


def _beside(path: Path) -> Path | None:
    """Return the only other file that differs in its ending alone."""
    others = [each for each in path.parent.glob(f"{glob_safe(path.stem)}.*")
              if each != path and each.is_file()]  # fmt: skip
    return others[0] if len(others) == 1 else None


def glob_safe(name: str) -> str:
    """Return a name in which no sign means anything to `glob`."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _of_two(first: Path, second: Path) -> Table:
    """Read two texts side by side.

    Raises:
        DataError: One has more lines than the other.
    """
    texts = [read_any_text(path) for path in (first, second)]
    sides = [text.text.rstrip("\n").split("\n") for text in texts]
    if len(sides[0]) != len(sides[1]):
        short, long = (first, second) if len(sides[0]) < len(sides[1]) else (second, first)
        fewer, more = sorted(map(len, sides))
        raise DataError(
            f"{long.name}, line {fewer + 1:,} has no partner in {short.name}",
            f"the one has {more:,} lines, the other {fewer:,}",
            "Line n of one file has to be the translation of line n of the other",
        )
    name = f"{first.name} and {second.name}"
    both = [(left.strip(), right.strip()) for left, right in zip(*sides, strict=True)]
    numbers = [at for at, pair in enumerate(both, 1) if any(pair)]
    rows = [pair for pair in both if any(pair)]
    columns = [Column(path.name, fields) for path, fields in
               zip((first, second), zip(*rows, strict=True), strict=True)]  # fmt: skip
    notes = [f"{path.name}: {note}" for path, text in zip((first, second), texts, strict=True)
             for note in text.notes]  # fmt: skip
    return Table(name, tuple(columns), np.array(numbers, np.int64), "\n", tuple(notes))


def _no_tab(name: str, line: int) -> DataError:
    return DataError(
        f"{name}, line {line:,} has no tab",
        "a pair is a sentence, a tab and its translation",
        "Mend the line; or keep two files, such as corpus.en and corpus.fr",
    )


def _too_long(name: str, line: int, length: int) -> DataError:
    return DataError(
        f"{name}, line {line:,} has {length:,} characters",
        f"a sentence has at most {LONGEST:,}",
        "Cut the text into sentences, a pair a line",
    )
