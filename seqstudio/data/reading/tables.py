"""Tables in text files: CSV, TSV and their relatives, read as they are and never mended silently.

What a column holds is found by looking at it; the settings of the data can say it instead.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import DataError
from seqstudio.data.reading.texts import read_any_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.data.reading.texts import Text

MOST_ROWS = 2_000_000
MOST_COLUMNS = 1_000
LONGEST_FIELD = 1_000_000
ROLES = ("text", "label", "value", "time", "source", "target")
_DELIMITERS = ("\t", ";", ",", "|")
_LOOKED_AT = 200
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "."})
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*%?")
_TIME = re.compile(
    r"\d{4}-\d{1,2}(-\d{1,2})?([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?"
    r"|\d{1,2}[./]\d{1,2}[./]\d{2,4}( \d{1,2}:\d{2}(:\d{2})?)?|\d{4}/\d{1,2}(/\d{1,2})?"
    r"|\d{1,2}:\d{2}(:\d{2})?|\d{4}[ -]?Q[1-4]"
)
_TIME_NAMES = frozenset({"date", "time", "month", "year", "day", "timestamp", "datetime", "t"})
_LABEL_NAMES = frozenset(
    {
        "label",
        "class",
        "category",
        "target",
        "sentiment",
        "language",
        "y",
        "tag",
        "topic",
        "stars",
        "rating",
        "polarity",
        "emotion",
    }
)


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: From the header, else "column 1", "column 2", ...
        fields: (rows) as they stand in the file, without space around.
    """

    name: str
    fields: tuple[str, ...]

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """Whether a field is empty or says that it is: NA, null, ?; (rows,)."""
        return np.array([field.lower() in _MISSING for field in self.fields], np.bool_)

    @cached_property
    def kinds(self) -> int:
        """How many different fields there are, missing ones aside."""
        return len({field for field, gone in zip(self.fields, self.missing, strict=True)
                    if not gone})  # fmt: skip

    @cached_property
    def numeric_share(self) -> float:
        """Share of the present fields that are numbers."""
        present = [f for f, gone in zip(self.fields, self.missing, strict=True) if not gone]
        hits = sum(1 for field in present if _NUMBER.fullmatch(field))
        return hits / len(present) if present else 0.0

    @cached_property
    def time_share(self) -> float:
        """Share of the present fields that look like a date or a time of day."""
        present = [f for f, gone in zip(self.fields, self.missing, strict=True) if not gone]
        hits = sum(1 for field in present if _TIME.fullmatch(field))
        return hits / len(present) if present else 0.0

    @cached_property
    def decimal_comma(self) -> bool:
        """Whether commas stand before decimals: some numbers have one, and none has a point."""
        sample = self.fields[:10_000]
        commas = sum(1 for field in sample if "," in field)
        return commas > 0 and not any("." in field for field in sample)


@dataclass(frozen=True)
class Table:
    """A table as read.

    Attributes:
        name: Of the file.
        columns: From left to right.
        lines: (rows,) line of the file on which each row begins, from 1.
        delimiter: What stands between fields.
        notes: Sentences about what was guessed or left out.
    """

    name: str
    columns: tuple[Column, ...]
    lines: NDArray[np.int64]
    delimiter: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, name: str) -> Column:
        """Return a column by name.

        Raises:
            DataError: There is none of that name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        names = ", ".join(column.name for column in self.columns[:12])
        raise DataError(f"{self.name} has no column “{name}”", f"its columns are {names}")

    def numbers(self, column: Column) -> NDArray[np.float64]:
        """Return a column in numbers (rows,); NaN where the field is missing.

        Raises:
            DataError: A field is no number; the error names line and column.
        """
        out = np.full(len(self), np.nan)
        for row, (field, gone) in enumerate(zip(column.fields, column.missing, strict=True)):
            if not gone:
                out[row] = self._number(column, row, field)
        return out

    def _number(self, column: Column, row: int, field: str) -> float:
        plain = field.rstrip("% ")
        plain = plain.replace(",", ".") if column.decimal_comma else plain.replace(",", "")
        try:
            value = float(plain) / (100 if field.endswith("%") else 1)
        except ValueError:
            value = math.inf
        if not math.isfinite(value):
            raise DataError(
                f"{self.name}, line {self.lines[row]:,}: “{field[:40]}” is not a number",
                f"it stands in the column “{column.name}”",
                "Mend the line, or choose another column",
            )
        return value


def read_table(path: Path) -> Table:
    """Read a CSV or TSV file: comma, semicolon, tab or bar, quoted fields, with or without header.

    Raises:
        DataError: No text, no table, or too large; the sentence says where.
    """
    return table_of(path.name, read_any_text(path))


def table_of(name: str, found: Text, *, cut: bool = False) -> Table:
    """Return the table in a text.

    Args:
        name: Of the file.
        found: The text, or with `cut` its beginning, whose last row may be broken off.
        cut: Leave the last row out.

    Raises:
        DataError: No table, or too large; the sentence says where.
    """
    delimiter = find_delimiter(found.text)
    rows, lines = _rows(name, found.text, delimiter)
    if cut and len(rows) > 2:
        rows, lines = rows[:-1], lines[:-1]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    _refuse_ragged(name, rows, lines, width)
    header = _has_header(rows)
    names = _names(rows[0] if header else [], width)
    body = rows[1:] if header else rows
    if not body:
        raise DataError(f"{name} has no rows", "only a header stands in it")
    columns = tuple(
        Column(title, tuple(field.strip() for field in fields))
        for title, fields in zip(names, zip(*body, strict=True), strict=True)
    )
    notes = found.notes if header else (*found.notes, "No header: columns are numbered")
    kept = np.array(lines[1:] if header else lines, np.int64)
    return Table(name, columns, kept, delimiter, notes)


def find_delimiter(text: str) -> str:
    """Return what stands between the fields: the sign that cuts most lines into as many parts."""
    sample = [line for line in islice(text.split("\n"), _LOOKED_AT) if line.strip()]

    csv.field_size_limit(LONGEST_FIELD)  # of the whole process: whoever reads first sets it

    def evenness(sign: str) -> tuple[float, int]:
        try:
            counts = Counter(len(row) for row in csv.reader(sample, delimiter=sign))
        except csv.Error:  # a field without end: no table is cut by this sign
            return (0.0, 0)
        parts, lines = counts.most_common(1)[0]
        return (lines / len(sample) if parts > 1 else 0.0, parts)

    best = max(_DELIMITERS, key=evenness)
    return best if evenness(best)[0] > 0 else ","


def _rows(name: str, text: str, delimiter: str) -> tuple[list[list[str]], list[int]]:
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[list[str]] = []
    lines: list[int] = []
    began = 1
    try:
        for row in reader:
            if any(field.strip() for field in row):
                rows.append(row)
                lines.append(began)
            began = reader.line_num + 1
            if len(rows) > MOST_ROWS or len(row) > MOST_COLUMNS:
                raise _too_large(name, began)
    except csv.Error as error:
        raise DataError(
            f"{name}, line {began:,} cannot be read", str(error), "Look for an unclosed quote"
        ) from error
    if not rows:
        raise DataError(f"{name} has no rows", "", "Choose a table with values in it")
    return rows, lines


def _too_large(name: str, line: int) -> DataError:
    return DataError(
        f"{name} is too large a table",
        f"at line {line:,}; {MOST_ROWS:,} rows of {MOST_COLUMNS:,} columns are read",
        "Use a part of it",
    )


def _refuse_ragged(name: str, rows: list[list[str]], lines: list[int], width: int) -> None:
    for row, line in zip(rows, lines, strict=True):
        if len(row) != width:
            raise DataError(
                f"{name}, line {line:,} has {len(row)} fields",
                f"most lines have {width}",
                "Mend the line, or put fields that hold the separator into quotes",
            )


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row names columns: words above numbers, or a usual name."""
    first, following = rows[0], rows[1 : _LOOKED_AT + 1]
    if not following or not all(field.strip() for field in first):
        return False
    if len({field.strip().lower() for field in first}) < len(first):
        return False
    if any(_NUMBER.fullmatch(field.strip()) or _TIME.fullmatch(field.strip()) for field in first):
        return False
    below = list(zip(*following, strict=True))
    numeric = any(
        sum(1 for field in column if _NUMBER.fullmatch(field.strip())) > 0.8 * len(column)
        for column in below
    )
    known = {field.strip().lower() for field in first} & (
        _TIME_NAMES | _LABEL_NAMES | {"text", "value", "sentence", "review", "name", "word"}
    )
    repeated = any(field in set(column) for field, column in zip(first, below, strict=True))
    return numeric or (bool(known) and not repeated) or _above_classes(first, below)


def _above_classes(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Tell whether a column holds a few fields over and over, and the first row has another."""
    return any(
        len(column) >= 8 and len(set(column)) <= len(column) / 4 and field not in set(column)
        for field, column in zip(first, below, strict=True)
    )


def _names(header: Sequence[str], width: int) -> list[str]:
    return [name.strip() for name in header] or [f"column {at + 1}" for at in range(width)]


def parse_columns(given: str) -> dict[str, list[str]]:
    """Return the columns of each role: `text=review label=stars value="net sales"`.

    Raises:
        DataError: Another role than those of `ROLES`, or no name.
    """
    found: dict[str, list[str]] = {}
    for part in _parts(given):
        role, _, name = part.partition("=")
        if role not in ROLES or not name:
            raise DataError(
                f"“{part}” does not say what a column holds", "",
                'Write for example text=review label="star rating"',
            )  # fmt: skip
        found.setdefault(role, []).append(name)
    return found


def _parts(given: str) -> Iterator[str]:
    for match in re.finditer(r'(\w+=)(?:"([^"]*)"|(\S+))|\S+', given):
        yield match[0] if match[1] is None else match[1] + (match[2] or match[3] or "")


def write_columns(roles: dict[str, list[str]]) -> str:
    """Return roles in the form that `parse_columns` reads."""
    return " ".join(
        f'{role}="{name}"' if " " in name else f"{role}={name}"
        for role, names in roles.items()
        for name in names
    )


def guess_roles(table: Table) -> dict[str, list[str]]:
    """Return which columns hold text, a label, values and the time, by looking at them.

    Time: dates, or a name such as "month". Values: numbers. Label: few different fields, named so
    or short. Text: what is left with the longest fields.
    """
    left = list(table.columns)
    roles: dict[str, list[str]] = {}
    time = next((c for c in left if c.time_share > 0.9), None) or next(
        (c for c in left if c.name.lower() in _TIME_NAMES), None
    )
    if time is not None:
        roles["time"] = [time.name]
        left.remove(time)
    words = [c for c in left if c.numeric_share < 0.9]
    label = _label_of(table, left, words)
    text = max((c for c in words if c is not label), key=_mean_length, default=None)
    if text is not None:
        roles["text"] = [text.name]
        if label is not None:
            roles["label"] = [label.name]
    values = [c.name for c in left if c.numeric_share >= 0.9 and c is not label]
    if values:
        roles["value"] = values
    return roles


def _label_of(table: Table, left: list[Column], words: list[Column]) -> Column | None:
    few = [c for c in left if 2 <= c.kinds <= max(2, min(200, len(table) // 3))]
    named = [c for c in few if c.name.lower() in _LABEL_NAMES]
    if named:
        return named[0]
    # One column of words alone is the text itself.
    shy = [c for c in few if c in words] if len(words) > 1 else few if words else []
    return min(
        (c for c in shy if c not in words or len(words) > 1), key=_mean_length, default=None
    )


def _mean_length(column: Column) -> float:
    sample = column.fields[:1000]
    return sum(map(len, sample)) / max(len(sample), 1)
