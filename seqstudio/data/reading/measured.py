"""Series in files: a table with one row a time step, or with a year a row and a month a column.

Shape legend: M = time steps, D = values a step.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import DataError
from seqstudio.data.reading.tables import Table, guess_roles, parse_columns, read_table
from seqstudio.data.reading.timeline import line_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.data.reading.tables import Column

MOST_VALUES = 64
_SHOWN = 3
_NUMERIC = 0.9
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEAR = re.compile(r"1\d{3}|2\d{3}")


@dataclass(frozen=True)
class Measured:
    """A series as read.

    Attributes:
        values: (M, D), NaN where nothing was measured.
        names: (D,) of the values.
        step: One time step in words, such as "month".
        gaps: Time steps without a value.
        notes: Sentences about what was found, guessed or left empty.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]
    step: str
    gaps: int
    notes: tuple[str, ...]


def read_measured(path: Path, columns: str = "") -> Measured:
    """Read a series from a CSV or TSV file.

    Args:
        path: Of the file.
        columns: Which columns hold time and values, `time=month value=sales`; "" looks.

    Raises:
        DataError: No table, a field that is no number or time (line and column named), or
            nothing measured.
    """
    table = read_table(path)
    given = parse_columns(columns)
    wide = None if given else _wide(table)
    found = wide or _long(table, given)
    if not np.isfinite(found.values).all(1).any():
        raise DataError(f"{path.name} has no complete row of numbers", "", "Choose other columns")
    return found


def _long(table: Table, given: dict[str, list[str]]) -> Measured:
    roles = given or guess_roles(table)
    columns = _value_columns(table, roles, given)
    values = np.stack([table.numbers(column) for column in columns], 1)
    notes = [*table.notes, *_comma_notes(columns), *_empty_notes(table, columns, values)]
    names = tuple(column.name for column in columns)
    time = roles.get("time", [])
    if not time:
        notes.append("No column of time: every row is one step")
        gaps = int((~np.isfinite(values).all(1)).sum())
        return Measured(values, names, "row", gaps, tuple(notes))
    clock = table.column(time[0])
    line = line_up(table.name, clock.name, clock.fields, table.lines)
    placed = np.full((int(line.places[-1]) + 1, len(columns)), np.nan)
    placed[line.places] = values
    gaps = int((~np.isfinite(placed).all(1)).sum())
    return Measured(placed, names, line.step, gaps, (*notes, *line.notes))


def _value_columns(
    table: Table, roles: dict[str, list[str]], given: dict[str, list[str]]
) -> list[Column]:
    names = roles.get("value", [])
    if not given:
        # In a series a column of few numbers is a value too, whatever it is called.
        rest = [c for c in table.columns if c.name not in roles.get("time", [])]
        names = [c.name for c in rest if c.numeric_share >= _NUMERIC]
        names = names or _nearly_numbers(table, roles)
    if not names:
        raise DataError(
            f"{table.name} has no column of numbers",
            f"its columns are {', '.join(column.name for column in table.columns[:12])}",
            "Name them in the data settings: time=month value=sales",
        )
    if len(names) > MOST_VALUES:
        raise DataError(
            f"{table.name} has {len(names):,} columns of numbers",
            f"a model is given at most {MOST_VALUES} at a time",
            "Name those that matter in the data settings: value=sales",
        )
    return [table.column(name) for name in names]


def _nearly_numbers(table: Table, roles: dict[str, list[str]]) -> list[str]:
    """Return the column that looks most like numbers; reading it says which line is none."""
    left = [c for c in table.columns if c.name not in roles.get("time", [])]
    best = max(left, key=lambda c: c.numeric_share, default=None)
    return [best.name] if best is not None and best.numeric_share > 0.3 else []


def _comma_notes(columns: Sequence[Column]) -> list[str]:
    commas = [column.name for column in columns if column.decimal_comma]
    return [f"Decimal commas in {', '.join(commas)}"] if commas else []


def _empty_notes(
    table: Table, columns: Sequence[Column], values: NDArray[np.float64]
) -> list[str]:
    rows = np.flatnonzero(~np.isfinite(values).all(1))
    if not len(rows):
        return []
    cells = int((~np.isfinite(values)).sum())
    shown = ", ".join(
        f"line {table.lines[row]:,} “{columns[int(np.isnan(values[row]).argmax())].name}”"
        for row in rows[:_SHOWN]
    )
    more = ", …" if len(rows) > _SHOWN else ""
    return [f"{cells:,} empty fields in {len(rows):,} rows, left empty: {shown}{more}"]


# Wide tables


def _wide(table: Table) -> Measured | None:
    """Read a table with a year a row and a month or quarter a column; None if it is none."""
    names = [column.name for column in table.columns]
    first = 0
    if names == [f"column {at + 1}" for at in range(len(names))]:
        names, first = [column.fields[0] for column in table.columns], 1
    parts = _parts_of_year([name.lower() for name in names[1:]])
    years = table.columns[0].fields[first:]
    if parts == 0 or len(years) < 2 or not all(_YEAR.fullmatch(year) for year in years):
        return None
    used = Table(
        table.name,
        tuple(type(c)(n, c.fields[first:]) for c, n in zip(table.columns, names, strict=True)),
        table.lines[first:],
        table.delimiter,
        tuple(note for note in table.notes if not (first and note.startswith("No header"))),
    )
    return _unfolded(used, parts)


def _parts_of_year(names: list[str]) -> int:
    """Return 12 for months, 4 for quarters, 0 for other columns."""
    if len(names) == 12 and (
        all(name.startswith(month) for name, month in zip(names, _MONTHS, strict=True))
        or names == [str(at) for at in range(1, 13)]
        or names == [f"{at:02}" for at in range(1, 13)]
    ):
        return 12
    quarters = [f"q{at}" for at in range(1, 5)]
    return 4 if names == quarters else 0


def _unfolded(table: Table, parts: int) -> Measured:
    cells = table.columns[1:]
    numbers = np.stack([table.numbers(column) for column in cells], 1)
    clock = table.columns[0]
    line = line_up(table.name, clock.name, clock.fields, table.lines)
    placed = np.full((int(line.places[-1]) + 1, parts), np.nan)
    placed[line.places] = numbers
    flat = placed.reshape(-1, 1)
    known = np.flatnonzero(np.isfinite(flat[:, 0]))
    if not len(known):
        raise DataError(f"{table.name} has no numbers", "every field of the table is empty")
    inner = flat[known[0] : known[-1] + 1]
    ends = len(flat) - len(inner)
    step = "month" if parts == 12 else "quarter"
    notes = [f"A wide table: a year a row, a {step} a column, read row by row", *table.notes]
    notes += _comma_notes(cells)
    if ends:
        notes.append(f"{ends:,} empty fields before the first or after the last value")
    if np.isnan(inner).any():
        notes += _empty_notes(table, cells, numbers)
    gaps = int(np.isnan(inner).sum())
    return Measured(inner, ("value",), step, gaps, (*notes, *line.notes))
