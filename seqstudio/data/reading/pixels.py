"""Tables of pixels: a picture a line, its label last, as the digits of scikit-learn have them.

Shape legend: N = pictures, S = side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import DataError
from seqstudio.data.reading.texts import read_any_text

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LARGEST_SIDE = 256
_SCALES = (1.0, 15.0, 16.0, 255.0)


@dataclass(frozen=True)
class PixelTable:
    """What stands in a table of pixels.

    Attributes:
        pictures: (N, 1, S, S), 0 to 255.
        labels: N of them.
        notes: Sentences about what was found.
    """

    pictures: NDArray[np.uint8]
    labels: tuple[str, ...]
    notes: tuple[str, ...]


def read_pixels(path: Path) -> PixelTable:
    """Read a CSV of pixels, also packed with gzip; the label stands last, or first by its name.

    Raises:
        DataError: The sentence names the file and the line.
    """
    found = read_any_text(path)
    lines = found.text.split("\n")
    numbered = [(at, line) for at, line in enumerate(lines, 1) if line.strip()]
    names = numbered[0][1].split(",")
    headed = not _is_number(names[len(names) // 2])
    first = headed and names[0].strip(' "').lower() in {"label", "class", "digit", "target"}
    rows = numbered[1:] if headed else numbered
    side = _side_of(path, len(names) - 1)
    labels, pixels = _split(path, rows, side * side, first=first)
    values = _numbers(path, rows, pixels, side * side)
    scale = _scale(path, values)
    pictures = np.rint(values * (255 / scale)).astype(np.uint8).reshape(-1, 1, side, side)
    note = f"Pixels from 0 to {scale:g}, {side} × {side}, label in the " \
        f"{'first' if first else 'last'} column"  # fmt: skip
    return PixelTable(pictures, tuple(labels), (*found.notes, note))


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word.strip(' "')))
    except ValueError:
        return False


def _side_of(path: Path, pixels: int) -> int:
    side = math.isqrt(max(pixels, 0))
    if side * side != pixels or not 2 <= side <= LARGEST_SIDE:
        raise DataError(
            f"{path.name} is no table of square pictures",
            f"a line has {pixels:,} numbers beside the label, and no square picture has so many",
            "Give a line to a picture: all its pixels row by row, then the label",
        )
    return side


def _split(
    path: Path, rows: list[tuple[int, str]], count: int, *, first: bool
) -> tuple[list[str], list[str]]:
    labels, pixels = [], []
    for number, line in rows:
        if line.count(",") != count:
            raise DataError(
                f"Line {number:,} of {path.name} has {line.count(',') + 1:,} fields",
                f"the others have {count + 1:,}",
                "Mend or remove the line",
            )
        label, _, rest = line.partition(",")
        if not first:
            rest, _, label = line.rpartition(",")
        if not label.strip(' "'):
            raise DataError(f"Line {number:,} of {path.name} has no label", "", "Mend the line")
        labels.append(_plain(label.strip(' "')))
        pixels.append(rest)
    return labels, pixels


def _plain(label: str) -> str:
    """Return "7" for "7.0": how numpy writes whole numbers."""
    return label[:-2] if label.endswith(".0") and label[:-2].isdigit() else label


def _numbers(
    path: Path, rows: list[tuple[int, str]], pixels: list[str], count: int
) -> NDArray[np.float32]:
    try:
        # In pieces: a list of all the words of a large table would be far larger than itself.
        parts = [
            np.array(",".join(pixels[at : at + 256]).split(","), np.float32)
            for at in range(0, len(pixels), 256)
        ]
        values = np.concatenate(parts)
    except ValueError:
        values = np.full(1, np.nan, np.float32)
    if not np.isfinite(values).all() or values.min(initial=0) < 0:
        raise _no_pixel(path, rows, pixels)
    return values.reshape(-1, count)


def _no_pixel(path: Path, rows: list[tuple[int, str]], pixels: list[str]) -> DataError:
    for (number, _), line in zip(rows, pixels, strict=True):
        for at, word in enumerate(line.split(","), 1):
            if not _is_number(word) or float(word.strip(' "')) < 0:
                return DataError(
                    f"“{word.strip()[:20]}” is no pixel",
                    f"line {number:,}, field {at:,} of {path.name}",
                    "Pixels are numbers from 0 up",
                )
    return DataError(f"{path.name} holds something that is no pixel", "")


def _scale(path: Path, values: NDArray[np.float32]) -> float:
    most = float(values.max(initial=0))
    if most <= 0 or most > _SCALES[-1]:
        raise DataError(
            f"The pixels of {path.name} cannot be shades",
            f"the largest number is {most:g}; 255 is white",
            "Use numbers from 0 to 1, to 16 or to 255",
        )
    return next(scale for scale in _SCALES if most <= scale)
