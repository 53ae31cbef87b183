"""Words and byte pairs keep the text whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqstudio.data.reading.tokens import UNKNOWN, BytePairs, Words, words_of

TEXT = "The cat sat on the mat; the dog didn't.\nIn 1984, 42 cats sat!\n" * 30


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_words_joined_are_the_text(text: str) -> None:
    kept = "".join(words_of(text))
    assert kept == text


def test_words_are_numbered_by_how_common_they_are() -> None:
    words = Words.of_text(TEXT, 12)
    assert len(words) == 12
    assert words.symbols[0] == UNKNOWN
    assert words.symbols[1] in {" the", " sat"}
    ids = words.encode("The cat sat on the elephant")
    assert ids[-1] == 0
    assert words.rare("the elephant sat") == (" elephant", "the")


def test_word_ends_count_characters() -> None:
    words = Words.of_text(TEXT, 100)
    ids = words.encode("The dog didn't.")
    assert words.decode(ids) == "The dog didn't."
    assert words.ends(ids).tolist() == [3, 7, 14, 15]


def test_small_letters() -> None:
    words = Words.of_text(TEXT, 100, lower=True)
    assert words.decode(words.encode("THE CAT")) == "the cat"


@pytest.mark.parametrize(
    "text", ["the dog sat", "naïve — 東京 \U0001f600", "tabs\tand\n\n lines\r\n"]
)
def test_byte_pairs_spell_anything(tmp_path: Path, text: str) -> None:
    pieces = BytePairs.of_text(TEXT, 300, tmp_path)
    ids = pieces.encode(text)
    assert pieces.decode(ids) == text
    assert pieces.ends(ids)[-1] == len(text)
    assert 256 < len(pieces) <= 300
    assert len(pieces.encode("the cat sat on the mat")) < 12


def test_byte_pairs_are_the_same_from_the_cache(tmp_path: Path) -> None:
    made = BytePairs.of_text(TEXT, 280, tmp_path)
    assert BytePairs.of_text(TEXT, 280, tmp_path) == made
    (kept,) = tmp_path.iterdir()
    kept.write_text("damaged", encoding="utf-8")
    assert BytePairs.of_text(TEXT, 280, tmp_path) == made
    np.testing.assert_array_equal(made.encode(TEXT), made.encode(TEXT))


@pytest.mark.parametrize("end", ["\n", " ", ""])
def test_a_line_without_end_is_cut_where_no_word_is(tmp_path: Path, end: str) -> None:
    text = ("the cat sat on the mat." + end) * 90_000
    words = Words.of_text("the cat sat on the mat. the\nthe ", 20)
    ids = words.encode(text)
    if end:
        assert words.decode(ids) == text
        assert int((ids == 0).sum()) == 0
    pieces = BytePairs.of_text(TEXT, 280, tmp_path)
    assert pieces.decode(pieces.encode(text)) == text


def test_a_mask_behind_the_pieces_is_spelled_as_it_looks(tmp_path: Path) -> None:
    pieces = BytePairs.of_text(TEXT, 280, tmp_path)
    masked = replace(pieces, symbols=(*pieces.symbols, "▢"))
    ids = np.append(masked.encode("the cat"), len(masked) - 1)
    assert masked.decode(ids) == "the cat▢"
    assert masked.ends(ids)[-1] == 8


def test_half_surrogate_pairs_do_not_stop_pieces(tmp_path: Path) -> None:
    pieces = BytePairs.of_text(TEXT, 280, tmp_path)
    assert pieces.decode(pieces.encode("cat \ud800 dog")) == "cat ? dog"
