"""Words, and pieces of words, as what a model reads at one step.

Both keep the text whole: the tokens one after another are the text, spaces and all. A word that
the vocabulary has no room for becomes `UNKNOWN`; byte pairs have no such sign, for they can spell
anything.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import logging
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs
from typing_extensions import override

from seqstudio.core.errors import DataError, StorageError
from seqstudio.core.files import write_atomic
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

UNKNOWN = "\ufffd"
"""Stands for every word outside the vocabulary; its number is 0."""

_WORD = re.compile(r" ?[^\W\d_]+(?:['’][^\W\d_]+)*| ?\d| ?[^\w\s]| ?_|\s")
_PIECE = 1 << 20
_LONGEST_LINE = 8192
_LONG = re.compile(r"(?s).{1,8192}(?=\s|\Z)|.{1,8192}")
_LEARNT_FROM = 20_000_000
"""Characters that pieces are learnt from: more changes hardly any of them."""
_LARGEST = 60_000


@dataclass(frozen=True)
class Words(Vocabulary):
    """The most frequent words of a text; a space belongs to the word behind it.

    Digits, signs and line breaks are tokens of their own. Symbol 0 is `UNKNOWN`.

    Attributes:
        lower: Whether capital letters are read as small ones.
    """

    lower: bool = False

    @override
    def _check_symbols(self) -> None:
        if self.symbols[:1] != (UNKNOWN,):
            raise ValueError("the first symbol of words is the unknown one")

    @override
    def _check_size(self) -> None:
        if len(self.symbols) > _LARGEST:
            raise DataError(
                f"A vocabulary of {len(self.symbols):,} words is too large",
                f"at most {_LARGEST:,} fit",
                "Choose a smaller vocabulary",
            )

    @classmethod
    def of_text(cls, text: str, most: int, *, lower: bool = False) -> Words:
        """Collect the `most` commonest words of a text; of equally common ones the first."""
        counts = Counter(word for part in _parts(text, lower) for word in part)
        kept = [word for word, _ in counts.most_common(most - 1) if word != UNKNOWN]
        return cls((UNKNOWN, *kept), lower)

    @override
    def encode(self, text: str, *, skip_unknown: bool = False) -> NDArray[np.uint16]:
        """Return the number of each word, shape (words,); 0 where the vocabulary lacks it.

        Nothing is left out: `skip_unknown` changes nothing, for every word can be read.
        """
        del skip_unknown
        find = self._numbers.get
        parts = [
            np.fromiter((find(word, 0) for word in part), np.uint16, len(part))
            for part in _parts(text, self.lower)
        ]
        return np.concatenate([np.empty(0, np.uint16), *parts])

    @override
    def decode(self, ids: NDArray[np.integer]) -> str:
        return "".join(self.symbols[int(number)] for number in ids)

    @override
    def ends(self, ids: NDArray[np.integer]) -> NDArray[np.int64]:
        return np.cumsum([len(self.symbols[int(number)]) for number in ids], dtype=np.int64)

    @override
    def unknown(self, text: str) -> tuple[str, ...]:
        """Return nothing: words outside the vocabulary are read as `UNKNOWN`, see `rare`."""
        return ()

    @override
    def rare(self, text: str) -> tuple[str, ...]:
        """Return the different words of a text that are read as `UNKNOWN`, sorted."""
        return tuple(sorted(set(self.rare_words(text))))

    def rare_words(self, text: str) -> list[str]:
        """Return the words of a text that are read as `UNKNOWN`, each as often as it stands."""
        known = self._numbers
        return [word for part in _parts(text, self.lower) for word in part if word not in known]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.symbols)}


def words_of(text: str, *, lower: bool = False) -> list[str]:
    """Cut a text into words with the space before each, digits, signs and line breaks."""
    return [word for part in _parts(text, lower) for word in part]


def _cut_near(text: str, place: int) -> int:
    """Return where a text can be cut at or after `place`; a word longer than a piece is halved."""
    far = place + _PIECE
    line = text.find("\n", place, far) + 1
    if line or far >= len(text):
        return line or len(text)
    space = text.find(" ", place, far)
    return far if space < 0 else space


def _parts(text: str, lower: bool) -> Iterator[list[str]]:
    """Yield the words of a text piece by piece, cut where a line ends, or else before a space."""
    start = 0
    while start < len(text):
        end = _cut_near(text, start + _PIECE)
        part = text[start:end]
        yield _WORD.findall(part.lower() if lower else part)
        start = end


@dataclass(frozen=True)
class BytePairs(Vocabulary):
    """Pieces of words: bytes, and pairs that were merged because they stand together often.

    Source:
        Sennrich, Haddow and Birch 2016, "Neural machine translation of rare words with subword
        units"; on bytes: Radford et al. 2019. Made and applied by the library `tokenizers`.

    Attributes:
        rules: The merges, as the JSON of `tokenizers`.
    """

    rules: str = ""

    @override
    def _check_symbols(self) -> None:
        if not all(self.symbols):
            raise ValueError("a symbol is at least one character")

    @override
    def _check_size(self) -> None:
        return None  # as large as its rules make it

    @classmethod
    def of_text(cls, text: str, most: int, cache: Path | None = None) -> BytePairs:
        """Learn `most` pieces from a text, or take them from the cache of the user.

        Args:
            text: What is counted.
            most: Pieces, the 256 bytes among them.
            cache: Folder that keeps the rules; None is the user's cache folder.
        """
        folder = (
            cache or Path(platformdirs.user_cache_dir("SeqStudio", appauthor=False)) / "pieces"
        )
        text = text[:_LEARNT_FROM]
        digest = hashlib.sha256(f"{most}\n".encode() + text.encode("utf-8", "surrogatepass"))
        path = folder / f"{digest.hexdigest()}.json"
        rules = _kept(path)
        if rules is None:
            rules = _learn(text, most)
            _keep(path, rules)
        return cls(_shown(rules), rules)

    @override
    def encode(self, text: str, *, skip_unknown: bool = False) -> NDArray[np.uint16]:
        """Return the number of each piece, shape (pieces,); there is none that it cannot read."""
        parts = [
            np.fromiter((number for line in found for number in line.ids), np.uint16)
            for found in map(self._found, _line_parts(text))
        ]
        return np.concatenate([np.empty(0, np.uint16), *parts])

    def _found(self, lines: list[str]) -> Any:
        return self._tokenizer.encode_batch_fast(lines, add_special_tokens=False)

    @override
    def decode(self, ids: NDArray[np.integer]) -> str:
        return b"".join(self._bytes[int(number)] for number in ids).decode("utf-8", "replace")

    @override
    def ends(self, ids: NDArray[np.integer]) -> NDArray[np.int64]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        lengths = [len(decoder.decode(self._bytes[int(number)])) for number in ids]
        return np.cumsum(lengths, dtype=np.int64)

    @override
    def unknown(self, text: str) -> tuple[str, ...]:
        """Return nothing: bytes can spell everything."""
        return ()

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        return Tokenizer.from_str(self.rules)

    @cached_property
    def _bytes(self) -> tuple[bytes, ...]:
        known = tuple(_bytes_of(token) for token in _tokens(self.rules))
        # What stands behind the pieces of the rules, such as a mask, is spelled as it looks.
        return known + tuple(sign.encode() for sign in self.symbols[len(known) :])


def _learn(text: str, most: int) -> str:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=max(most, 256), initial_alphabet=sorted(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator(_line_parts(text), trainer)
    rules: str = tokenizer.to_str()
    return rules


def _line_parts(text: str) -> Iterator[list[str]]:
    """Yield a text in lists of lines of about a million characters together.

    A line without end, as in a file of 50 MB without a line break, is cut before a space: each
    character of a line costs the tokenizer a hundred bytes while it works.
    """
    start = 0
    while start < len(text):
        end = _cut_near(text, start + _PIECE)
        # The tokenizer is written in a language whose texts have no half surrogate pairs.
        part = text[start:end].encode("utf-8", "replace").decode("utf-8")
        yield [piece for line in part.splitlines(keepends=True) for piece in _short(line)]
        start = end


def _short(line: str) -> list[str]:
    return [line] if len(line) <= _LONGEST_LINE else _LONG.findall(line)


def _kept(path: Path) -> str | None:
    try:
        rules = path.read_text("utf-8")
        _tokens(rules)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return rules


def _keep(path: Path, rules: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, rules.encode())
    except (OSError, StorageError):
        _log.info("the pieces are not kept: %s cannot be written", path)


def _tokens(rules: str) -> list[str]:
    """Return the pieces in the order of their numbers, in the alphabet of byte-level encodings."""
    vocabulary: dict[str, int] = json.loads(rules)["model"]["vocab"]
    return sorted(vocabulary, key=lambda token: vocabulary[token])


def _shown(rules: str) -> tuple[str, ...]:
    """Return the pieces to look at; bytes that are no character on their own in hex."""
    tokens = _tokens(rules)
    spelled = [_spelled(_bytes_of(token)) for token in tokens]
    twice = {text for text, count in Counter(spelled).items() if count > 1}
    return tuple(
        token if text in twice else text for token, text in zip(tokens, spelled, strict=True)
    )


def _spelled(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _bytes_of(token: str) -> bytes:
    return bytes(_ALPHABET[sign] for sign in token)


def _alphabet() -> dict[str, int]:
    """Return the printable signs that stand for bytes in byte-level encodings (GPT-2)."""
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in own]
    return {chr(b): b for b in own} | {chr(256 + at): byte for at, byte in enumerate(moved)}


_ALPHABET = _alphabet()
