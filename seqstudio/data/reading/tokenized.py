"""A running text as characters, words or pieces of words, numbered for training and measuring."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import DataError
from seqstudio.data.reading.tokens import UNKNOWN, BytePairs, Words, words_of
from seqstudio.data.tasks.base import hash_of
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_TOKENS = 50
"""Fewest words or pieces of a held-out part worth measuring on, and of a training part."""
_NEAR = 2_000
_COUNTED = 1_000_000
"""Characters from which the number of words of a text is estimated."""


@dataclass(frozen=True)
class Tokenized:
    """A text in numbers.

    Attributes:
        vocabulary: The tokens; words and pieces are found in the training part alone.
        token_name: What one of them is called, such as "word".
        train: Numbers of the training part (N,) uint16, read-only.
        valid: Numbers of the held-out part (M,) uint16, read-only.
        content_hash: SHA-256 in hex of everything that a model would see.
        characters: Of the held-out part; 0 where characters are the tokens.
        spelling: Nats to spell the held-out words that are not known; see `spelling_nats`.
        notes: Sentences about what words were not known, without full stop.
    """

    vocabulary: Vocabulary
    token_name: str
    train: NDArray[np.uint16]
    valid: NDArray[np.uint16]
    content_hash: str
    characters: int = 0
    spelling: float = 0.0
    notes: tuple[str, ...] = ()


def tokenized(text: str, cut: int, tokens: str, symbols: int) -> Tokenized:
    """Number a text and hold out what comes after the first `cut` characters.

    Args:
        text: The whole text.
        cut: Characters to learn from.
        tokens: "characters", "words" or "pieces"; "auto" takes characters.
        symbols: Most words or pieces.

    Raises:
        DataError: Too many different characters, or too few words.
    """
    if tokens == "words":
        return _by_word(text, _border(text, cut), symbols)
    if tokens == "pieces":
        return _by_piece(text, _border(text, cut), symbols)
    vocabulary = Vocabulary.of(text)
    ids = vocabulary.encode(text)
    ids.flags.writeable = False
    train, valid = ids[:cut], ids[cut:]
    return Tokenized(
        vocabulary, "character", train, valid, hash_of("".join(vocabulary.symbols), train, valid)
    )


def _border(text: str, cut: int) -> int:
    """Return where a line or else a word ends before `cut`, so that no word is cut in two."""
    near = max(0, cut - _NEAR)
    line, space = text.rfind("\n", near, cut) + 1, text.rfind(" ", near, cut)
    return line or (space if space > 0 else cut)


def _by_word(text: str, cut: int, symbols: int) -> Tokenized:
    vocabulary = Words.of_text(text[:cut], symbols)
    found = _longer("word", vocabulary, text, cut)
    shares = [100 * float((part == 0).mean()) for part in (found.train, found.valid)]
    if not any(shares):
        return found
    note = (
        f"Words outside the vocabulary are read as one sign, {UNKNOWN}: {shares[0]:.1f} % of the "
        f"training part, {shares[1]:.1f} % of the held-out part"
    )
    spelling = spelling_nats(text[:cut], vocabulary.rare_words(text[cut:]))
    return replace(found, spelling=spelling, notes=(note, *found.notes))


def spelling_nats(text: str, words: list[str]) -> float:
    """Return what it costs to spell words letter by letter, by how common a letter is in `text`.

    A model of words says only that a word is none of those it knows. To compare it with a model
    of characters, the word itself has to be told too: each letter and an end at its share in the
    training part, one added to every count.

    Args:
        text: The training part.
        words: The words, each as often as it stands in the text.
    """
    letters = Counter(text)
    ends = len(words_of(text[:_COUNTED])) * max(1.0, len(text) / _COUNTED)
    total = len(text) + ends + len(letters) + 2
    spelled = Counter("".join(words))
    nats = -sum(n * np.log((letters[sign] + 1) / total) for sign, n in spelled.items())
    return float(nats - len(words) * np.log((ends + 1) / total))


def _by_piece(text: str, cut: int, symbols: int) -> Tokenized:
    return _longer("piece", BytePairs.of_text(text[:cut], symbols), text, cut)


def _longer(name: str, vocabulary: Vocabulary, text: str, cut: int) -> Tokenized:
    train, valid = vocabulary.encode(text[:cut]), vocabulary.encode(text[cut:])
    if min(len(train), len(valid)) < LEAST_TOKENS:
        raise DataError(
            f"The text has too few {name}s to learn from",
            f"{len(train):,} to learn and {len(valid):,} held out, {LEAST_TOKENS} are the least",
            "Use a longer text, or characters as tokens",
        )
    train.flags.writeable = valid.flags.writeable = False
    characters = len(text) - cut
    per = f"A {name} has {characters / len(valid):.2f} characters on average, spaces among them"
    digest = hash_of(f"{name}\0" + "\0".join(vocabulary.symbols), train, valid)
    return Tokenized(vocabulary, name, train, valid, digest, characters, notes=(per,))
