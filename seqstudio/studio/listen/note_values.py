"""From the tokens of a text to the notes of a tune: what a model thought at each note. No Qt.

Shape legend: N notes of a take, C characters of the text that is read, T tokens of a reading.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqstudio.studio.listen.takes import Take

Values = NDArray[np.float64]
Places = NDArray[np.int64]
_NONE = -1


def token_of_character(text: str, tokens: Sequence[str]) -> Places:
    """Return which token each character of a text became, (C,); -1 where none did.

    Characters that a model does not know are left out of what it reads, and a long text is cut.
    """
    token_C = np.full(len(text), _NONE, np.int64)
    place = 0
    for number, token in enumerate(tokens):
        found = text.find(token, place) if token else -1
        if found < 0:
            break
        token_C[found : found + len(token)] = number
        place = found + len(token)
    return token_C


class NoteTokens:
    """The tokens of every note of a take.

    Args:
        take: The tune; what was read begins where it begins.
        tokens: (T,) what the model read.
    """

    def __init__(self, take: Take, tokens: Sequence[str]) -> None:
        self.token_C = token_of_character(take.text[take.start :], tokens)
        self.count = len(tokens)
        spans = [note.source or (0, 0) for note in take.score.notes]
        bounds = [self._tokens(start, end) for start, end in spans]
        self.first_N = np.array([first for first, _ in bounds], np.int64)
        self.last_N = np.array([last for _, last in bounds], np.int64)

    def _tokens(self, start: int, end: int) -> tuple[int, int]:
        """Return the first and the last token of characters, -1 where the model read none."""
        read = self.token_C[start:end]
        read = read[read >= 0]
        return (int(read[0]), int(read[-1])) if len(read) else (_NONE, _NONE)

    def token_at(self, character: int) -> int:
        """Return the token of a character of the tune, or the last one read before it."""
        before = self.token_C[: max(0, character) + 1]
        return max(0, int(before.max(initial=0)))

    def largest(self, value_T: Values, *, signed: bool = False) -> Values:
        """Return for each note the largest value among its tokens, (N,).

        With `signed` the one of largest magnitude; NaN where none of its tokens has a value.
        """
        known = self.first_N >= 0
        found = np.full(len(self.first_N), np.nan)
        if not known.any():
            return found
        padded = np.append(np.asarray(value_T, float)[: self.count], np.nan)
        padded = np.concatenate([padded, np.full(self.count + 1 - len(padded), np.nan)])
        edges = np.stack([self.first_N[known], self.last_N[known] + 1], 1).ravel()
        high = np.fmax.reduceat(padded, edges)[::2]
        low = np.fmin.reduceat(padded, edges)[::2] if signed else high
        found[known] = np.where(np.abs(low) > np.abs(high), low, high)
        return found
