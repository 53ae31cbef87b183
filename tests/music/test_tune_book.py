"""The shipped tune book: enough tunes, in many metres and modes, every one good ABC."""

from __future__ import annotations

import re
from collections import Counter
from importlib import resources

import pytest

from seqstudio.music.abc import read_tune, split_book, transpose
from seqstudio.music.keys import parse_key

FOLDER = resources.files("seqstudio") / "resources" / "tunes"
BOOK = (FOLDER / "traditional.abc").read_text(encoding="utf-8")
TEXTS = [tune.text for tune in split_book(BOOK)]
TUNES = [read_tune(text) for text in TEXTS]
TITLES = [tune.header["T"] for tune in TUNES]

each_tune = pytest.mark.parametrize(
    ("text", "tune"), list(zip(TEXTS, TUNES, strict=True)), ids=TITLES
)


def pitches(text):
    return [note.pitch for note in read_tune(text).score.notes]


def body(text):
    return "".join(text.partition("\nK:")[2].split("\n")[1:])


def test_the_book_is_large_and_varied():
    modes = Counter(parse_key(tune.header["K"])[0].mode for tune in TUNES)
    metres = Counter(tune.header["M"] for tune in TUNES)
    assert len(TUNES) >= 60
    assert len(metres) >= 5
    assert {"major", "minor"} < modes.keys()
    assert modes["dorian"] >= 6
    assert modes["mixolydian"] >= 6


def test_the_book_is_tunes_alone_numbered_in_order():
    assert "\n\n".join(text.strip() for text in TEXTS) + "\n" == BOOK
    assert [tune.header["X"] for tune in TUNES] == [str(n + 1) for n in range(len(TUNES))]


def test_no_tune_stands_there_twice():
    assert len(set(TITLES)) == len(TITLES)
    assert len({body(text) for text in TEXTS}) == len(TEXTS)
    assert len({tuple(pitches(text)) for text in TEXTS}) == len(TEXTS)


@each_tune
def test_the_reader_finds_nothing_wrong(text, tune):
    assert tune.broken == ""
    assert tune.problems == ()
    assert {"X", "T", "C", "M", "L", "K"} <= tune.header.keys()


@each_tune
def test_bars_fill_their_metre_but_for_a_pickup_and_its_complement(text, tune):
    assert [n for n, bar in enumerate(tune.bars, 1) if not bar.complete] == []
    upbeat, *_, last = tune.bars
    if upbeat.length < upbeat.expected:
        assert last.length < last.expected or text.rstrip().endswith(":|")


@each_tune
def test_repeats_are_balanced(text, tune):
    signs = re.findall(r"\|:|:\|", body(text))
    assert signs == ["|:", ":|"] * (len(signs) // 2) or "[1" in body(text)


@each_tune
def test_every_key_reads_back_with_shifted_pitches(text, tune):
    for semitones in range(-5, 7):
        moved = transpose(text, semitones)
        assert read_tune(moved).problems == ()
        assert pitches(moved) == [pitch + semitones for pitch in pitches(text)]


def test_the_sources_name_every_tune_under_its_number():
    sources = (FOLDER / "SOURCES.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in sources.splitlines() if re.match(r"\| \d", line)]
    assert [(row[0], row[1]) for row in rows] == [
        (f"| {tune.header['X']}", tune.header["T"]) for tune in TUNES
    ]
    assert all(len(row) == 4 and all(cell.strip(" |") for cell in row) for row in rows)
