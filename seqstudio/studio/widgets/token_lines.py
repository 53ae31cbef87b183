"""Where the tokens of a text stand in a grid of fixed-width columns. No Qt."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SHOWN = {"\n": "⏎", "\t": "→", "\r": "␍"}


@dataclass(frozen=True)
class TokenLines:
    """A broken text of N tokens in L lines.

    Attributes:
        shown: What is printed for each token.
        start_L: Index of the first token of each line, shape (L + 1,); the last entry is N.
        column_N: First column of each token in its line.
        width_N: Columns that each token takes.
    """

    shown: tuple[str, ...]
    start_L: NDArray[np.int64]
    column_N: NDArray[np.int64]
    width_N: NDArray[np.int64]

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.start_L) - 1

    def line_of(self, token: int) -> int:
        """Return the line in which a token stands."""
        return int(np.searchsorted(self.start_L, token, side="right")) - 1

    def token_at(self, line: int, column: float) -> int | None:
        """Return the token at a place, None beside the text."""
        if not 0 <= line < self.lines:
            return None
        first, last = int(self.start_L[line]), int(self.start_L[line + 1])
        if column < 0 or first == last:
            return None
        token = first + int(np.searchsorted(self.column_N[first:last], column, side="right")) - 1
        inside = column < self.column_N[token] + self.width_N[token]
        return token if inside else None

    def nearest(self, line: int, column: float) -> int:
        """Return the token of a line that is nearest to a column."""
        line = min(self.lines - 1, max(0, line))
        first, last = int(self.start_L[line]), int(self.start_L[line + 1])
        place = int(np.searchsorted(self.column_N[first:last], column, side="right")) - 1
        return min(max(first, first + place), max(first, last - 1))


def shown_text(token: str) -> str:
    """Return a token as it is printed: line ends and tabs become signs, nothing is invisible."""
    text = "".join(_SHOWN.get(char, char if char.isprintable() else "·") for char in token)
    return text or "·"


def columns_of(text: str) -> int:
    """Return how many columns a printed text takes; East Asian wide characters take two."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    marks = sum(unicodedata.combining(char) > 0 for char in text)
    return max(1, len(text) + wide - marks)


def break_lines(tokens: Sequence[str], columns: int, rows: Sequence[int] = ()) -> TokenLines:
    """Break tokens into lines of at most `columns`; a line end in a token ends its line.

    A token wider than a line stands alone on its own line. The tokens in `rows` begin a line.
    """
    firsts = frozenset(rows)
    shown = tuple(shown_text(token) for token in tokens)
    widths = [columns_of(text) for text in shown]
    starts, places, used = [0], [], 0
    for index, (token, width) in enumerate(zip(tokens, widths, strict=True)):
        if used and (used + width > columns or index in firsts):
            starts.append(index)
            used = 0
        places.append(used)
        used += width
        if token.endswith("\n") and index + 1 < len(tokens):
            starts.append(index + 1)
            used = 0
    starts.append(len(tokens))
    return TokenLines(shown, np.array(starts), np.array(places, int), np.array(widths, int))
