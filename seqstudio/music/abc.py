"""ABC notation: splitting books, reading, transposing and writing tunes.

Source: The ABC music standard 2.1 (December 2011). Deviations are named where they are made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from seqstudio.music.abc_reader import Problem, Tune, parse_meter, read_tune
from seqstudio.music.abc_tokens import tune_starts
from seqstudio.music.abc_voice import Bar
from seqstudio.music.abc_writer import transpose, write_tune

__all__ = [
    "Bar",
    "Problem",
    "Tune",
    "TuneText",
    "parse_meter",
    "read_tune",
    "split_book",
    "transpose",
    "write_tune",
]


@dataclass(frozen=True, slots=True)
class TuneText:
    """The text of one tune of a book.

    Attributes:
        text: From its X: line up to the next one.
        offset: Where it begins in the book, in characters.
        number: Value of X:, None if that is no number.
        title: First T: value, or "".
    """

    text: str
    offset: int
    number: int | None
    title: str


def split_book(text: str) -> list[TuneText]:
    """Split a book at its X: lines.

    Text before the first X: is left out unless it has a K: line of its own. A text without any
    X: is one tune. An empty text has none.
    """
    starts = tune_starts(text)
    head = text[: starts[0]] if starts else text
    if head.strip() and (not starts or re.search(r"^K:", head, re.MULTILINE)):
        starts.insert(0, 0)
    return [_tune_text(text, start, end) for start, end in pairwise([*starts, len(text)])]


def _tune_text(book: str, start: int, end: int) -> TuneText:
    text = book[start:end]
    number = re.match(r"X:\s*(\d{1,9})\b", text)
    title = re.search(r"^T:(.*)$", text, re.MULTILINE)
    return TuneText(
        text, start, int(number[1]) if number else None, title[1].strip() if title else ""
    )
