"""`seqstudio bench`: speeds beside those of plain PyTorch, on this machine, as ratios."""

from __future__ import annotations

import json
import math
import sys
from argparse import Namespace
from pathlib import Path

from seqstudio.bench.results import (
    Result,
    Row,
    cells,
    figure,
    heading,
    markdown,
    parse_result,
    times,
)
from seqstudio.bench.suite import BENCHMARKS, DEFAULT, Options, run
from seqstudio.cli.console import ProgressLine, print_json, table
from seqstudio.cli.usage import UsageError, no_such
from seqstudio.core.errors import DataError
from seqstudio.core.files import read_bytes

LIMIT_BYTES = 10_000_000


def bench(arguments: Namespace) -> int:
    """Run benchmarks, or turn results of earlier ones into a Markdown table."""
    if arguments.table:
        print(markdown(read_results(Path(arguments.table))), end="")
        return 0
    names = arguments.names or DEFAULT
    for name in names:
        if name not in BENCHMARKS:
            raise no_such("benchmark", name, BENCHMARKS)
    options = Options(
        _seconds(arguments.seconds), arguments.platform, tuple(map(_file, arguments.data))
    )
    line = ProgressLine()
    for result in run(names, options, lambda row: line.say(_said(row))):
        if arguments.json:
            print_json(result.as_dict())
        else:
            _print(result)
    return 0


def _seconds(given: str | None) -> float | None:
    try:
        seconds = None if given is None else float(given)
    except ValueError as error:
        raise UsageError(f"{given!r} is no number of seconds") from error
    if seconds is not None and not 0 < seconds < 86_400:
        raise UsageError(f"{given} seconds are out of range", "", "Give 1 to 86,400")
    return seconds


def _file(given: str) -> Path:
    path = Path(given)
    if not path.is_file():
        raise DataError(f"There is no file {path}", "", "Check the name and the folder")
    return path


def _said(row: Row) -> str:
    ratio = "" if math.isnan(row.ratio) else f", ratio {times(row.ratio)}"
    return f"  {row.what}: {figure(row.ours, row.unit)}{ratio}"


def _print(result: Result) -> None:
    known = ", ".join(
        each if key in {"processor", "system"} else f"{key} {each}"
        for key, each in result.machine.items()
    )
    print(f"{result.name}: {BENCHMARKS[result.name].help}\n{known}\n{heading(result)}")
    for text in table(cells(result)):
        print(f"  {text}")
    sys.stdout.flush()


def read_results(path: Path) -> list[Result]:
    """Return the results in a file, one JSON object a line; of equal names the last counts.

    Raises:
        DataError: It is missing or holds something else.
    """
    found: dict[str, Result] = {}
    lines = read_bytes(path, LIMIT_BYTES).decode("utf-8", "replace").splitlines()
    for number, text in enumerate(lines, 1):
        if text.strip():
            where = f"Line {number} of {path.name}"
            try:
                plain = json.loads(text)
            except ValueError as error:
                hint = "Give a file that seqstudio bench --json wrote"
                raise DataError(f"{where} is not JSON", str(error), hint) from error
            result = parse_result(plain, where)
            found[result.name] = result
    return list(found.values())
