"""When things were measured: a column of dates, times or numbers becomes a line of equal steps.

What is missing stays missing: a gap gets empty places, never values.

Shape legend: N = rows of a file, M = places on the line.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

LONGEST_GAP = 10_000
"""Most empty places that one gap gets; no season is that long."""
_DAY = 86_400.0
_MONTH_LEAST_DAYS = 27.5
_SHOWN = 3
_LOOKED_AT = 500
_YMD = re.compile(
    r"(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2}))?"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?)?(?:Z|[+-]\d{2}:?\d{2})?"
)
_DMY = re.compile(
    r"(\d{1,2})[./](\d{1,2})[./](\d{2,4})(?: (\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?)?"
)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?")
_QUARTER = re.compile(r"(\d{4})[ -]?Q([1-4])", re.IGNORECASE)
_NAMED = {
    1.0: "second", 60.0: "minute", 3600.0: "hour", _DAY: "day", 7 * _DAY: "week",
}  # fmt: skip
_MONTHS = {1: "month", 3: "quarter", 12: "year"}


@dataclass(frozen=True)
class Moments:
    """The times of the rows.

    Attributes:
        seconds: (N,) since 1970, or plain numbers.
        months: (N,) months since the year 0; None for clock times and numbers.
        words: How the column is read: "dates", "times of day" or "numbers".
    """

    seconds: NDArray[np.float64]
    months: NDArray[np.int64] | None
    words: str


@dataclass(frozen=True)
class Timeline:
    """Rows put on a line of equal steps.

    Attributes:
        places: (N,) place of each row, ascending from 0; what is left out between is missing.
        step: One step in words: "month", "2 hours", "5" for plain numbers.
        notes: Sentences about gaps.
        gaps: Places on the line that have no row.
    """

    places: NDArray[np.int64]
    step: str
    notes: tuple[str, ...]
    gaps: int


def line_up(name: str, column: str, fields: Sequence[str], lines: NDArray[np.int64]) -> Timeline:
    """Put rows on a line of equal steps: the commonest distance is one step.

    Args:
        name: Of the file, for errors.
        column: Name of the column.
        fields: (N,) as they stand in the file.
        lines: (N,) line of the file.

    Raises:
        DataError: A field is no time, or time goes back; the error names line and column.
    """
    moments = _moments(name, column, fields, lines)
    ticks, one, step = _ticks(moments)
    jumps = np.diff(ticks)
    if len(jumps) and jumps.min() <= 0:
        at = int(np.argmax(jumps <= 0)) + 1
        same = "the same time twice" if jumps[at - 1] == 0 else "time goes back"
        raise DataError(
            f"{name}, line {lines[at]:,}: “{fields[at][:40]}” comes after “{fields[at - 1][:40]}”",
            f"{same} in the column “{column}”",
            "Sort the rows by time, one row a time step",
        )
    counts = jumps / one
    whole = np.maximum(np.rint(counts), 1)
    uneven = np.abs(counts - whole) > 0.01 * whole
    # An uneven step breaks the line too: it gets an empty place of its own.
    steps = np.where(uneven, np.maximum(whole, 2), whole)
    steps = np.minimum(steps, LONGEST_GAP).astype(np.int64)
    places = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
    notes = [*_gap_note(whole, uneven, fields, lines), *_uneven_note(uneven, fields, lines)]
    return Timeline(places, step, tuple(notes), int((steps - 1).sum()))


def _gap_note(
    whole: NDArray[np.float64],
    uneven: NDArray[np.bool_],
    fields: Sequence[str],
    lines: NDArray[np.int64],
) -> list[str]:
    at = np.flatnonzero((whole > 1) & ~uneven)
    if not len(at):
        return []
    missing = int((whole[at] - 1).sum())
    where = _where(at, fields, lines)
    return [f"{missing:,} time steps are missing in {len(at):,} gaps, left empty: {where}"]


def _uneven_note(
    uneven: NDArray[np.bool_], fields: Sequence[str], lines: NDArray[np.int64]
) -> list[str]:
    at = np.flatnonzero(uneven)
    if not len(at):
        return []
    return [f"{len(at):,} uneven time steps, the series is cut there: {_where(at, fields, lines)}"]


def _where(at: NDArray[np.int64], fields: Sequence[str], lines: NDArray[np.int64]) -> str:
    shown = ", ".join(f"after line {lines[i]:,} ({fields[i][:25]})" for i in at[:_SHOWN])
    return shown + (", …" if len(at) > _SHOWN else "")


def _ticks(moments: Moments) -> tuple[NDArray[np.float64], float, str]:
    """Return the times, the commonest distance and its name."""
    seconds = moments.seconds
    jumps = np.diff(seconds)
    if moments.months is not None and len(jumps) and _most(jumps) >= _MONTH_LEAST_DAYS * _DAY:
        months = moments.months.astype(np.float64)
        one = max(_most(np.diff(months)), 1.0)
        return months, one, _MONTHS.get(int(one), f"{one:g} months")
    one = _most(jumps) if len(jumps) else 1.0
    if moments.words == "numbers":
        return seconds, one, f"{one:g}"
    if one == _DAY and _working_days(seconds):
        days = (seconds // _DAY).astype(np.int64).astype("datetime64[D]")
        start = days[0]
        return np.busday_count(start, days).astype(np.float64), 1.0, "working day"
    return seconds, one, _in_words(one)


def _most(jumps: NDArray[np.float64]) -> float:
    """Return the commonest distance above 0; the median where none is common."""
    ahead = jumps[jumps > 0]
    if not len(ahead):
        return 1.0
    values, counts = np.unique(np.round(ahead, 9), return_counts=True)
    most = int(counts.argmax())
    return float(values[most] if counts[most] > 1 else np.median(ahead))


def _working_days(seconds: NDArray[np.float64]) -> bool:
    days = (seconds // _DAY).astype(np.int64)
    weekend = (days + 3) % 7 >= 5  # 1970-01-01 was a Thursday
    return len(days) > 10 and not weekend.any() and days[-1] - days[0] > 7


def _in_words(seconds: float) -> str:
    for size, word in sorted(_NAMED.items(), reverse=True):
        count = seconds / size
        if count >= 1 and abs(count - round(count)) < 1e-6:
            return word if round(count) == 1 else f"{round(count)} {word}s"
    return f"{seconds:g} seconds"


def _moments(name: str, column: str, fields: Sequence[str], lines: NDArray[np.int64]) -> Moments:
    readers: tuple[Callable[[Sequence[str]], list[tuple[float, int | None] | None]], ...] = (
        _years_first, _quarters, _days_first, _clocks, _plain,
    )  # fmt: skip
    words = ("dates", "dates", "dates", "times of day", "numbers")
    sample = fields[:_LOOKED_AT]
    hits = [sum(each is not None for each in reader(sample)) for reader in readers]
    best = int(np.argmax(hits))
    found = readers[best](fields)
    for at, each in enumerate(found):
        if each is None:
            raise DataError(
                f"{name}, line {lines[at]:,}: “{fields[at][:40]}” is no time",
                f"it stands in the column “{column}”, which holds {words[best]}",
                "Mend the line, or choose another column for the time",
            )
    kept = [each for each in found if each is not None]
    seconds = np.array([each[0] for each in kept])
    months = [each[1] for each in kept]
    known = None if None in months else np.array(months, np.int64)
    return Moments(seconds, known, words[best])


def _date(
    year: int, month: int, day: int, clock: Sequence[str | None]
) -> tuple[float, int] | None:
    try:
        days = dt.date(year, month, day).toordinal() - dt.date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    hours, minutes, seconds = (float(part or 0) for part in clock)
    return days * _DAY + hours * 3600 + minutes * 60 + seconds, year * 12 + month - 1


def _years_first(fields: Sequence[str]) -> list[tuple[float, int | None] | None]:
    out: list[tuple[float, int | None] | None] = []
    for field in fields:
        match = _YMD.fullmatch(field)
        out.append(
            match and _date(int(match[1]), int(match[2]), int(match[3] or 1), match.groups()[3:])
        )
    return out


def _quarters(fields: Sequence[str]) -> list[tuple[float, int | None] | None]:
    found = [_QUARTER.fullmatch(field) for field in fields]
    return [
        match and _date(int(match[1]), 3 * int(match[2]) - 2, 1, (None,) * 3) for match in found
    ]


def _days_first(fields: Sequence[str]) -> list[tuple[float, int | None] | None]:
    found = [_DMY.fullmatch(field) for field in fields]
    pairs = [(int(match[1]), int(match[2])) for match in found if match]
    slashes = Counter("/" in field for field in fields)[True] > len(fields) / 2
    month_first = any(second > 12 for _, second in pairs) or (
        slashes and not any(first > 12 for first, _ in pairs)
    )
    out: list[tuple[float, int | None] | None] = []
    for match in found:
        if match is None:
            out.append(None)
            continue
        first, second, year = int(match[1]), int(match[2]), int(match[3])
        day, month = (second, first) if month_first else (first, second)
        full = year if year > 99 else year + (2000 if year < 70 else 1900)
        out.append(_date(full, month, day, match.groups()[3:]))
    return out


def _clocks(fields: Sequence[str]) -> list[tuple[float, int | None] | None]:
    found = [_CLOCK.fullmatch(field) for field in fields]
    return [
        match and (int(match[1]) * 3600.0 + int(match[2]) * 60 + float(match[3] or 0), None)
        for match in found
    ]


def _plain(fields: Sequence[str]) -> list[tuple[float, int | None] | None]:
    out: list[tuple[float, int | None] | None] = []
    for field in fields:
        try:
            value = float(field.replace(",", "."))
        except ValueError:
            value = np.nan
        out.append((value, None) if np.isfinite(value) else None)
    return out
