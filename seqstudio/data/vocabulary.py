"""Characters, or words, and their numbers, both ways; no Python loop over a text of characters."""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LIMIT = 5_000
"""Most symbols that a vocabulary may have; more means that the text is not made of letters."""

_UNKNOWN = np.uint16(0xFFFF)
# Texts are looked up piece by piece: four bytes for each character of a whole corpus would cost
# more memory than the corpus itself.
_PIECE = 1 << 20


@dataclass(frozen=True)
class Vocabulary:
    """The symbols that a model knows; the number of a symbol is its place.

    Attributes:
        symbols: V different single characters.
    """

    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        self._check_symbols()
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("a symbol stands twice in the vocabulary")
        self._check_size()

    def _check_size(self) -> None:
        if len(self.symbols) > LIMIT:
            raise DataError(
                f"The text has {len(self.symbols):,} different symbols",
                f"a vocabulary of single characters holds at most {LIMIT:,}",
                "Choose pieces of words as tokens, or use a text in one script",
            )

    def _check_symbols(self) -> None:
        if any(len(symbol) != 1 for symbol in self.symbols):
            raise ValueError("a symbol is one character")

    @classmethod
    def of(cls, *texts: str) -> Vocabulary:
        """Collect the characters of `texts`, sorted by code point.

        Raises:
            DataError: More than 5,000 different characters.
        """
        return cls(_distinct(*texts))

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str, *, skip_unknown: bool = False) -> NDArray[np.uint16]:
        """Return the number of each character, shape (len(text),).

        Args:
            text: Any text.
            skip_unknown: Leave characters out that are not in the vocabulary.

        Raises:
            DataError: The text has characters that the vocabulary lacks; the error names them.
        """
        last = len(self._table) - 1
        ids = np.empty(len(text), np.uint16)
        for start, codes in _code_points(text):
            ids[start : start + len(codes)] = self._table[np.minimum(codes, last)]
        if ids.max(initial=0) < _UNKNOWN:
            return ids
        if not skip_unknown:
            raise self._unknown_error(text)
        kept: NDArray[np.uint16] = ids[ids != _UNKNOWN]
        return kept

    def decode(self, ids: NDArray[np.integer]) -> str:
        """Return the text of `ids`, of any integer type and shape (n,)."""
        codes = self._codes[np.asarray(ids, np.intp)].tobytes()
        return codes.decode("utf-32-le", "surrogatepass")

    def ends(self, ids: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return where each token ends in the text of `ids`, in characters; shape (n,)."""
        return np.arange(1, len(ids) + 1)

    def unknown(self, text: str) -> tuple[str, ...]:
        """Return the different characters of `text` that are not symbols, by code point."""
        return tuple(symbol for symbol in _distinct(text) if symbol not in self._members)

    def rare(self, text: str) -> tuple[str, ...]:
        """Return the words of `text` that are read as one sign for all that are not known."""
        del text
        return ()

    @cached_property
    def _members(self) -> frozenset[str]:
        return frozenset(self.symbols)

    @cached_property
    def _codes(self) -> NDArray[np.uint32]:
        return np.array([ord(symbol) for symbol in self.symbols], "<u4")

    @cached_property
    def _table(self) -> NDArray[np.uint16]:
        # One place beyond the highest symbol stands for everything above it.
        table = np.full(max(map(ord, self.symbols), default=0) + 2, _UNKNOWN)
        table[self._codes] = np.arange(len(self.symbols), dtype=np.uint16)
        return table

    def _unknown_error(self, text: str) -> DataError:
        unknown = self.unknown(text)
        shown = ", ".join(name_of(symbol) for symbol in unknown[:8])
        more = f" and {len(unknown) - 8:,} more" if len(unknown) > 8 else ""
        return DataError(
            "The text has characters that the model does not know",
            f"{shown}{more}",
            "Leave them out, or train on a text that has them",
        )


class WordVocabulary(Vocabulary):
    """Words instead of characters; a text is words with white space between them."""

    @override
    def _check_symbols(self) -> None:
        if any(symbol.split() != [symbol] for symbol in self.symbols):
            raise ValueError("a symbol is one word")

    @override
    def encode(self, text: str, *, skip_unknown: bool = False) -> NDArray[np.uint16]:
        """Return the number of each word, shape (words,).

        Args:
            text: Words with white space between them.
            skip_unknown: Leave words out that are not in the vocabulary.

        Raises:
            DataError: The text has words that the vocabulary lacks; the error names them.
        """
        words = text.split()
        if not skip_unknown and self.unknown(text):
            raise self._unknown_error(text)
        known = [self._numbers[word] for word in words if word in self._numbers]
        return np.array(known, np.uint16)

    @override
    def decode(self, ids: NDArray[np.integer]) -> str:
        return " ".join(self.symbols[int(number)] for number in ids)

    @override
    def ends(self, ids: NDArray[np.integer]) -> NDArray[np.int64]:
        lengths = [len(self.symbols[int(number)]) for number in ids]
        return np.cumsum(lengths, dtype=np.int64) + np.arange(len(lengths))

    @override
    def unknown(self, text: str) -> tuple[str, ...]:
        """Return the different words of `text` that are not symbols, sorted."""
        return tuple(sorted(set(text.split()) - self._members))

    @override
    def _unknown_error(self, text: str) -> DataError:
        shown = ", ".join(self.unknown(text)[:8])
        return DataError(
            "The text has words that the model does not know",
            shown,
            f"It knows {' '.join(self.symbols)}",
        )

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.symbols)}


class TokenVocabulary(WordVocabulary):
    """Tokens of any length; a text is its tokens one after another, nothing between them.

    A text is cut from left to right, the longest token that fits first.
    """

    @override
    def _check_symbols(self) -> None:
        if not all(self.symbols):
            raise ValueError("a symbol is at least one character")

    @override
    def encode(self, text: str, *, skip_unknown: bool = False) -> NDArray[np.uint16]:
        """Return the number of each token, shape (tokens,).

        Args:
            text: Tokens one after another.
            skip_unknown: Leave characters out that no token fits.

        Raises:
            DataError: No token fits at some place; the error names what stands there.
        """
        tokens: list[str] = self._cut.findall(text)
        if not skip_unknown and sum(map(len, tokens)) != len(text):
            raise self._unknown_error(text)
        return np.fromiter(map(self._numbers.__getitem__, tokens), np.uint16, len(tokens))

    @override
    def decode(self, ids: NDArray[np.integer]) -> str:
        return "".join(map(self.symbols.__getitem__, np.asarray(ids).tolist()))

    @override
    def ends(self, ids: NDArray[np.integer]) -> NDArray[np.int64]:
        return np.cumsum(self._lengths[np.asarray(ids, np.intp)], dtype=np.int64)

    @override
    def unknown(self, text: str) -> tuple[str, ...]:
        """Return what stands between the tokens of a text, sorted."""
        return tuple(sorted({part for part in self._cut.split(text) if part}))

    @override
    def _unknown_error(self, text: str) -> DataError:
        shown = ", ".join(map(repr, self.unknown(text)[:8]))
        return DataError(
            "The text has signs that the model does not know",
            shown,
            "Leave them out, or train on a text that has them",
        )

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return np.array([len(symbol) for symbol in self.symbols], np.int64)

    @cached_property
    def _cut(self) -> re.Pattern[str]:
        longest_first = sorted(self.symbols, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)))


def name_of(symbol: str) -> str:
    """Return a character as a person can read it: é, or U+0007 where nothing would show.

    A longer symbol, such as a word, is named as it is.
    """
    if len(symbol) != 1:
        return symbol.strip() or repr(symbol)
    visible = symbol.isprintable() and not symbol.isspace() and not unicodedata.combining(symbol)
    return symbol if visible else f"U+{ord(symbol):04X}"


def _distinct(*texts: str) -> tuple[str, ...]:
    seen = np.zeros(sys.maxunicode + 1, np.bool_)
    for text in texts:
        for _start, codes in _code_points(text):
            seen[codes] = True
    return tuple(map(chr, np.flatnonzero(seen)))


def _code_points(text: str) -> Iterator[tuple[int, NDArray[np.uint32]]]:
    """Yield (start, code points) of consecutive pieces."""
    for start in range(0, len(text), _PIECE):
        # A typed or pasted text may hold half a surrogate pair; it is then an unknown character.
        data = text[start : start + _PIECE].encode("utf-32-le", "surrogatepass")
        yield start, np.frombuffer(data, "<u4")
