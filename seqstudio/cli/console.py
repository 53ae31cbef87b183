"""Writing to the terminal: JSON lines, plain lines, one progress line that renews itself."""

from __future__ import annotations

import io
import json
import math
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TextIO


def prepare_streams() -> None:
    """Let characters that a terminal's encoding lacks become escapes instead of a failure."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_stdout() -> None:
    """Forget what still waits for a reader that has gone."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(record: Mapping[str, Any]) -> None:
    """Print one JSON object as one line; numbers that are not finite become null."""
    print(json.dumps(_plain(record), ensure_ascii=False, allow_nan=False), flush=True)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def told(what: str, why: str, hint: str) -> str:
    """Return a failure as one line: "What: why. Hint."."""
    cause = ": ".join(part.strip().rstrip(".") for part in (what, why) if part)
    parts = [cause, *([hint.strip().rstrip(".")] if hint else [])]
    return " ".join(". ".join(parts).split()) + "."


def number(value: float, digits: int = 3) -> str:
    """Return a figure for people, "–" where there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


class ProgressLine:
    """Tells on standard error how far long work is: in place on a terminal, else line by line."""

    def __init__(self, every_s: float = 2.0, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._in_place = self._stream.isatty()
        self._every_s = 0.25 if self._in_place else every_s
        self._last_s = -math.inf
        self._width = 0

    def begin(self) -> None:
        """Let the first line wait: quick work is done without one."""
        self._last_s = time.monotonic()

    def due(self) -> bool:
        """Tell whether it is time for the next line."""
        return time.monotonic() - self._last_s >= self._every_s

    def show(self, line: str) -> None:
        """Write the line that stands for now."""
        self._last_s = time.monotonic()
        if not self._in_place:
            self._write(line + "\n")
            return
        self._write("\r" + line.ljust(self._width))
        self._width = len(line)

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self.clear()
        self._write(line + "\n")

    def clear(self) -> None:
        """Take the renewing line away."""
        if self._in_place and self._width:
            self._write("\r" + " " * self._width + "\r")
            self._width = 0

    def _write(self, text: str) -> None:
        # Nobody may be listening any more; the work goes on without its comment.
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
