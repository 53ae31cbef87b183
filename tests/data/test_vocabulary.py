"""Characters to numbers and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqstudio.core.errors import DataError
from seqstudio.data.vocabulary import LIMIT, Vocabulary, WordVocabulary

ANY_TEXT = st.text(st.characters(codec=None), max_size=300)


def test_symbols_are_sorted_by_code_point() -> None:
    assert Vocabulary.of("h\u00e9llo", "W\u00f6rld").symbols == tuple("Wdhlor\u00e9\u00f6")


@given(ANY_TEXT)
def test_decode_undoes_encode(text: str) -> None:
    vocabulary = Vocabulary.of(text)
    ids = vocabulary.encode(text)
    assert ids.dtype == np.uint16
    assert ids.tolist() == [vocabulary.symbols.index(symbol) for symbol in text]
    assert vocabulary.decode(ids) == text


@pytest.mark.parametrize(
    "text",
    [
        "שלום עולם",
        "e\u0301 a\u0308",
        "漢字かな交じり文",
        "🙂👩\u200d🚀",
        "half \ud83d a pair",
        "\x00\t\n\x7f",
        "",
    ],
    ids=["right to left", "combining", "cjk", "emoji", "surrogate", "control", "empty"],
)
def test_every_script_comes_back_whole(text: str) -> None:
    vocabulary = Vocabulary.of(text)
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_a_text_longer_than_one_piece_is_numbered_whole() -> None:
    text = "abcé🙂" * 500_000
    vocabulary = Vocabulary.of(text)
    assert np.array_equal(vocabulary.encode(text), np.tile([0, 1, 2, 3, 4], 500_000))


def test_decode_takes_any_integer_type() -> None:
    vocabulary = Vocabulary(tuple("helo"))
    assert vocabulary.decode(np.array([0, 1, 2, 2, 3], np.int64)) == "hello"


@given(ANY_TEXT, ANY_TEXT)
def test_unknown_names_exactly_what_is_missing(known: str, text: str) -> None:
    vocabulary = Vocabulary.of(known)
    missing = sorted(set(text) - set(known))
    assert list(vocabulary.unknown(text)) == missing
    kept = vocabulary.encode(text, skip_unknown=True)
    assert vocabulary.decode(kept) == "".join(c for c in text if c in set(known))
    if missing:
        with pytest.raises(DataError):
            vocabulary.encode(text)


def test_the_error_names_the_unknown_characters_readably() -> None:
    with pytest.raises(DataError, match=r"U\+0007, U\+0020, x, é, U\+D83D") as caught:
        Vocabulary.of("ab").encode("a xé\ud83d\x07b")
    caught.value.sentence().encode()  # a lone surrogate could not be written to a log


def test_the_error_does_not_list_hundreds() -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 400)))
    with pytest.raises(DataError, match="and 392 more"):
        Vocabulary.of("ab").encode(text)


def test_too_many_symbols_are_refused_with_the_number() -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + LIMIT + 1)))
    assert len(Vocabulary.of(text[:-1])) == LIMIT
    with pytest.raises(DataError, match="5,001 different symbols"):
        Vocabulary.of(text)


@pytest.mark.parametrize("symbols", [("ab",), ("a", "a"), ("",)])
def test_symbols_are_different_single_characters(symbols: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="symbol"):
        Vocabulary(symbols)


def test_words_are_symbols_too() -> None:
    known = WordVocabulary(("the", "cat", "sat"))
    ids = known.encode("the cat  sat\nthe")
    assert (ids.dtype, ids.tolist()) == (np.uint16, [0, 1, 2, 0])
    assert known.decode(ids) == "the cat sat the"
    assert known.unknown("a cat sat there") == ("a", "there")
    assert known.encode("a cat", skip_unknown=True).tolist() == [1]
    with pytest.raises(DataError, match="words that the model does not know") as caught:
        known.encode("a cat")
    assert caught.value.why == "a"
    assert "the cat sat" in caught.value.hint


@pytest.mark.parametrize("symbols", [("the", "the"), ("two words",), ("",)])
def test_symbols_that_are_no_words_are_refused(symbols: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"word|twice"):
        WordVocabulary(symbols)
