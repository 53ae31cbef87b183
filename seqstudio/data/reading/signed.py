"""A vocabulary with signs in front: to fill rows up, to begin a sentence and to end it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.data.reading.tokens import UNKNOWN, Words
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIGNS = ("<pad>", "<s>", "</s>")
"""Shown for `PAD`, `BEGIN` and `END` of `seqstudio.data.tasks.base`."""


@dataclass(frozen=True)
class Signed(Vocabulary):
    """Any vocabulary for sentences, its numbers moved up behind the signs.

    White space of any kind counts as one space, and none stands around a sentence. A first word
    is the same token as the same word inside: where a space belongs to the word behind it, one is
    read before the first.

    Attributes:
        inner: What stands behind the signs.
    """

    inner: Vocabulary

    @classmethod
    def over(cls, inner: Vocabulary) -> Signed:
        """Put the signs in front of a vocabulary."""
        taken = set(inner.symbols)
        signs = [sign if sign not in taken else f"<{sign}>" for sign in SIGNS]
        return cls((*signs, *inner.symbols), inner)

    @override
    def _check_symbols(self) -> None:
        if not all(self.symbols):
            raise ValueError("a symbol is at least one character")

    @override
    def _check_size(self) -> None:
        return None  # the inner one has checked its own

    @property
    def spaced(self) -> bool:
        """Whether a space belongs to the word behind it."""
        return type(self.inner) is not Vocabulary

    def plain(self, text: str) -> str:
        """Return a sentence as it is learnt: spaces evened out, in small letters if they are."""
        even = " ".join(text.split())
        return even.lower() if isinstance(self.inner, Words) and self.inner.lower else even

    @override
    def encode(self, text: str, *, skip_unknown: bool = False) -> NDArray[np.uint16]:
        """Return the number of each token of a sentence, shape (tokens,), without signs.

        Raises:
            DataError: It has characters that the vocabulary lacks; words never fail, see `rare`.
        """
        ids = self.inner.encode(self._led(text), skip_unknown=skip_unknown and not self.spaced)
        return (ids + len(SIGNS)).astype(np.uint16)

    def _led(self, text: str) -> str:
        even = " ".join(text.split())
        return f" {even}" if self.spaced and even else even

    @override
    def decode(self, ids: NDArray[np.integer]) -> str:
        """Return the sentence of `ids`; signs are left out."""
        whole = np.asarray(ids, np.int64)
        text = self.inner.decode(whole[whole >= len(SIGNS)] - len(SIGNS))
        return (text.replace(UNKNOWN, f" {UNKNOWN}") if self.spaced else text).strip()

    @override
    def ends(self, ids: NDArray[np.integer]) -> NDArray[np.int64]:
        lengths = [len(self.decode(ids[: count + 1])) for count in range(len(ids))]
        return np.array(lengths, np.int64)

    @override
    def unknown(self, text: str) -> tuple[str, ...]:
        return self.inner.unknown(" ".join(text.split()))

    @override
    def rare(self, text: str) -> tuple[str, ...]:
        """Return what a sentence has that is read as unknown, or not at all."""
        if isinstance(self.inner, Words):
            return tuple(word.strip() for word in self.inner.rare(self._led(text)))
        return self.unknown(text)

    def shown(self, ids: NDArray[np.integer]) -> tuple[str, ...]:
        """Return the tokens of `ids` to look at, without the space before a word."""
        return tuple(shown(self.symbols[int(number)]) for number in ids)


def shown(symbol: str) -> str:
    """Return a token to look at: a word without the space before it."""
    return "unknown" if symbol == UNKNOWN else symbol.strip() or symbol
