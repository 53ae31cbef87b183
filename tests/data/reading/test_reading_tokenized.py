"""A text as characters, words or pieces: nothing lost, and losses that compare."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.corpora import open_text
from seqstudio.data.floor import floor
from seqstudio.data.reading.tokenized import spelling_nats, tokenized
from seqstudio.data.vocabulary import Vocabulary
from seqstudio.document.settings import DataSettings

LINES = "".join(
    f"the {animal} {verb} on the {place}.\n"
    for animal in ("cat", "dog", "hen", "fox", "owl")
    for verb in ("sat", "lay", "slept", "sang")
    for place in ("mat", "log", "roof", "hill", "wall", "moon")
) * 5  # fmt: skip


def _settings(path: Path, tokens: str, **more: object) -> DataSettings:
    return DataSettings.parse({"kind": "text", "path": str(path), "tokens": tokens, **more})


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_text(LINES, encoding="utf-8")
    return path


@pytest.mark.parametrize("tokens", ["auto", "characters", "words", "pieces"])
def test_the_parts_together_are_the_text(book: Path, tokens: str) -> None:
    dataset = open_text(_settings(book, tokens), None)
    assert dataset.vocabulary is not None
    whole = dataset.vocabulary.decode(dataset.train) + dataset.vocabulary.decode(dataset.valid)
    assert whole == LINES
    assert not dataset.train.flags.writeable


def test_characters_are_what_they_were(book: Path) -> None:
    plain = open_text(_settings(book, "auto"), None)
    assert type(plain.vocabulary) is Vocabulary
    assert plain.unit == "nats per character"
    assert len(plain.train) == int(len(LINES) * 0.9)
    assert plain.per_character(1.25) == 1.25


def test_units_and_sizes(book: Path) -> None:
    words = open_text(_settings(book, "words"), None)
    pieces = open_text(_settings(book, "pieces", symbols=300), None)
    assert (words.unit, pieces.unit) == ("nats per word", "nats per piece")
    assert pieces.vocabulary is not None
    assert len(pieces.vocabulary) <= 300
    assert words.content_hash != pieces.content_hash
    assert words.per_character(2.0) == pytest.approx(2.0 * len(words.valid) / words.characters)


def test_words_outside_the_vocabulary_are_counted_and_spelled(tmp_path: Path) -> None:
    path = tmp_path / "rare.txt"
    path.write_text(LINES[:9000] + "zebra quagga " * 120, encoding="utf-8")
    dataset = open_text(_settings(path, "words"), None)
    share = float((dataset.valid == 0).mean())
    assert share > 0.3
    assert any(f"{100 * share:.1f} % of the held-out part" in note for note in dataset.notes)
    assert dataset.spelling > 0
    assert dataset.per_character(0.0) == pytest.approx(dataset.spelling / dataset.characters)


def test_spelling_is_the_code_length_of_letters_and_ends() -> None:
    # Two letters of two kinds and one word: (a + 1) / total each, the end likewise.
    text = "ab"
    total = 2 + 1 + 2 + 2
    assert spelling_nats(text, ["ab", "z"]) == pytest.approx(
        -2 * math.log(2 / total) - math.log(1 / total) - 2 * math.log(2 / total)
    )


def test_floors_count_words(book: Path, tmp_path: Path) -> None:
    words = open_text(_settings(book, "words"), None)
    counted = floor(words, tmp_path)
    # Every line of these is the same but for three choices of 5, 4 and 6 in 7 words.
    assert counted.unit == "nats per word"
    assert 0.2 < counted.value < 1.2
    assert counted.value < words.chance


def test_five_thousand_symbols_are_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = [
        f"w{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}" for i in range(6000)
    ]
    text = " ".join(words[i] for i in (rng.zipf(1.3, 60_000) % 6000)) + "\n"
    path = tmp_path / "many.txt"
    path.write_text(text, encoding="utf-8")
    dataset = open_text(_settings(path, "words", symbols=5000), None)
    found = floor(dataset, tmp_path)
    assert 0 < found.value < math.log(5000)


def test_too_many_characters_ask_for_pieces(tmp_path: Path) -> None:
    path = tmp_path / "signs.txt"
    path.write_text("".join(map(chr, range(0x4E00, 0x4E00 + 6000))), encoding="utf-8")
    with pytest.raises(DataError) as refused:
        open_text(_settings(path, "auto"), None)
    assert "pieces" in refused.value.hint
    pieces = open_text(_settings(path, "pieces", symbols=400), None)
    assert pieces.vocabulary is not None
    assert len(pieces.vocabulary) <= 400


def test_one_word_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "word.txt"
    path.write_text("a" * 5000, encoding="utf-8")
    with pytest.raises(DataError, match="too few words"):
        open_text(_settings(path, "words"), None)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8-sig"])
def test_any_encoding(tmp_path: Path, encoding: str) -> None:
    text = "Où est le café ? Là-bas, près du théâtre.\n" * 80
    path = tmp_path / "any.txt"
    path.write_bytes(text.encode(encoding))
    dataset = open_text(_settings(path, "auto"), None)
    assert dataset.preview("train", 30) == text[:30]


def test_the_hash_tells_words_from_pieces() -> None:
    words = tokenized(LINES, 8000, "words", 5000)
    pieces = tokenized(LINES, 8000, "pieces", 300)
    again = tokenized(LINES, 8000, "words", 5000)
    assert words.content_hash == again.content_hash != pieces.content_hash
