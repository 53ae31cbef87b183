"""What a benchmark found: a record, JSON, a table; and the machine in words. No torch."""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from seqstudio.core.errors import DataError

NONE = math.nan
_PACKAGES = ("seqstudio", "torch", "PySide6-Essentials", "numpy")


@dataclass(frozen=True)
class Row:
    """One figure, alone or beside its peer's.

    Attributes:
        what: What was measured, with settings.
        unit: Of `ours` and `peer`.
        ours: Our figure, the median of all rounds.
        peer: The peer's, NaN where there is none.
        ratio: How many times better ours is, the median of the rounds' ratios; NaN without peer.
        low: Smallest of them.
        high: Largest of them.
        goal: Least ratio; without a peer the limit that `ours` stays below. NaN for none.
        note: What to know when reading it.
    """

    what: str
    unit: str
    ours: float
    peer: float = NONE
    ratio: float = NONE
    low: float = NONE
    high: float = NONE
    goal: float = NONE
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached, None where there is none."""
        if math.isnan(self.goal):
            return None
        return self.ours <= self.goal if math.isnan(self.ratio) else self.ratio >= self.goal


@dataclass(frozen=True)
class Result:
    """One benchmark.

    Attributes:
        name: As on the command line.
        against: What stands in the peer's column, "" where there is no peer.
        rows: Its figures.
        device: Where the models ran.
        took_s: Time it took.
        date: ISO date and minute, UTC.
        load: Load average over one minute, before and after; empty where it cannot be told.
        machine: Facts about the computer and the versions, see `machine`.
    """

    name: str
    against: str
    rows: tuple[Row, ...]
    device: str = "cpu"
    took_s: float = 0.0
    date: str = ""
    load: tuple[float, ...] = ()
    machine: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; figures that are not there become None."""
        rows = [
            {key: _plain(value) for key, value in asdict(row).items()} | {"met": row.met}
            for row in self.rows
        ]
        return asdict(self) | {"rows": rows, "machine": dict(self.machine)}


def parse_result(plain: Mapping[str, Any], where: str) -> Result:
    """Return the result that `Result.as_dict` took apart.

    Raises:
        DataError: It is none.
    """
    try:
        rows = []
        for given in plain["rows"]:
            known: dict[str, Any] = {key: given[key] for key in Row.__dataclass_fields__}
            known |= {key: NONE for key, value in known.items() if value is None}
            rows.append(Row(**known))
        rest = {key: plain[key] for key in Result.__dataclass_fields__ if key != "rows"}
        return Result(**rest | {"rows": tuple(rows), "load": tuple(plain["load"])})
    except (KeyError, TypeError) as error:
        hint = "Give a file that seqstudio bench --json wrote"
        raise DataError(f"{where} is no result of a benchmark", repr(error), hint) from error


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def now() -> str:
    """Return date and minute, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M")


def load() -> tuple[float, ...]:
    """Return the load average over one minute; empty where it cannot be told."""
    try:
        return (round(os.getloadavg()[0], 2),)
    except (AttributeError, OSError):
        return ()


def machine() -> dict[str, str]:
    """Return processor, system, memory and versions in words; no name or path of the computer."""
    return {
        "processor": f"{os.cpu_count() or 1} × {_processor()}",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def quantile(values: Iterable[float], share: float) -> float:
    """Return the value below which `share` of all values lie, NaN of nothing."""
    ordered = sorted(values)
    if not ordered:
        return NONE
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def median(values: Iterable[float]) -> float:
    """Return the median, NaN of nothing."""
    known = list(values)
    return statistics.median(known) if known else NONE


# ------------------------------------------------------------------------------------- for people


def figure(value: float, unit: str = "") -> str:
    """Return a figure with three digits that count: 12,300, 0.987, 31.4."""
    if not math.isfinite(value):
        return "–"
    if abs(value) >= 1000:
        digits = max(0, math.floor(math.log10(abs(value))) - 2)
        text = f"{round(value, -digits):,.0f}"
    else:
        text = f"{value:.{2 if abs(value) < 10 else 1 if abs(value) < 100 else 0}f}"
    return f"{text} {unit}".strip()


def cells(result: Result) -> list[tuple[str, ...]]:
    """Return a result as rows of words, the first with the titles of the columns."""
    peers = bool(result.against)
    titles = ("measured", "SeqStudio", *((result.against, "ratio", "rounds") if peers else ()))
    found: list[tuple[str, ...]] = [(*titles, "goal", "met", "note")]
    for row in result.rows:
        beside: tuple[str, ...] = ()
        if peers:
            beside = (figure(row.peer, row.unit), times(row.ratio), _spread(row))
        met = {True: "yes", False: "no", None: "–"}[row.met]
        found.append((row.what, figure(row.ours, row.unit), *beside, _goal(row), met, row.note))
    return found


def times(ratio: float) -> str:
    """Return a ratio with as many digits as a goal needs: 0.996, 2.37."""
    if not math.isfinite(ratio):
        return "–"
    return f"{ratio:.3f}" if 0.9 <= ratio < 1.1 else f"{ratio:.2f}"


def _spread(row: Row) -> str:
    if math.isnan(row.low):
        return "–"
    return f"{row.low:.2f}–{row.high:.2f}"


def _goal(row: Row) -> str:
    if math.isnan(row.goal):
        return "–"
    if math.isnan(row.ratio):
        return f"≤ {figure(row.goal, row.unit)}"
    return f"≥ {row.goal:.2f}"


def markdown(results: Sequence[Result]) -> str:
    """Return all results as Markdown: the machine, then one table each."""
    parts = []
    known: Mapping[str, str] = {}
    for result in results:
        if result.machine != known:
            known = result.machine
            parts.append(f"Machine: {', '.join(_words(known))}. GPU: not measured.")
        rows = ["| " + " | ".join(row) + " |" for row in cells(result)]
        rows.insert(1, "|" + "---|" * (rows[0].count("|") - 1))
        parts.append(f"### {result.name}\n\n{heading(result)}\n\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def heading(result: Result) -> str:
    """Return when and under which load a result was found."""
    loads = " to ".join(f"{each:.2f}" for each in result.load) or "unknown"
    return (
        f"{result.date} UTC, device {result.device}, load average {loads}, "
        f"took {result.took_s:.0f} s."
    )


def _words(known: Mapping[str, str]) -> list[str]:
    return [
        value if key in {"processor", "system"} else f"{key} {value}"
        for key, value in known.items()
    ]
