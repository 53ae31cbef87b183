"""The reader on 804 tunes of a real collection, and on damaged ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqstudio.music.abc import read_tune, split_book, transpose, write_tune
from seqstudio.music.measures import full_bar_share, valid_share

IRISH = Path(__file__).resolve().parents[2].parent / "shared/data/irish_abc/irish.abc"
needs_tunes = pytest.mark.skipif(not IRISH.exists(), reason="the irish_abc data set is not here")


@cache
def book():
    return split_book(IRISH.read_text())


@cache
def tunes():
    return [read_tune(tune.text) for tune in book()]


def timed(score):
    return [(note.pitch, note.start, note.length) for note in score.notes]


@needs_tunes
def test_all_804_tunes_are_readable_and_nearly_all_without_a_problem():
    assert len(book()) == 804
    assert valid_share(tunes()) == 1.0
    with_problems = [tune for tune in tunes() if tune.problems]
    # One writes M: in the middle of a line, one has a stray "s" between its notes.
    assert len(with_problems) == 2
    assert full_bar_share(tunes()) > 0.998


@needs_tunes
def test_tunes_transpose_by_every_distance():
    """One tune in six, each by one distance; every distance comes up ten times."""
    chosen = list(zip(book(), tunes(), strict=True))[::6]
    for index, (text, tune) in enumerate(chosen):
        semitones = index % 13 - 6
        after = read_tune(transpose(text.text, semitones))
        expected = [(p + semitones, start, length) for p, start, length in timed(tune.score)]
        assert timed(after.score) == expected, (text.title, semitones)
        assert len(after.problems) == len(tune.problems)


@pytest.mark.long
@needs_tunes
def test_all_tunes_transpose_by_all_distances():
    for text, tune in zip(book(), tunes(), strict=True):
        for semitones in range(-6, 7):
            after = read_tune(transpose(text.text, semitones))
            expected = [(p + semitones, start, length) for p, start, length in timed(tune.score)]
            assert timed(after.score) == expected, (text.title, semitones)


@needs_tunes
def test_tunes_written_out_read_back_the_same():
    for tune in tunes()[::16]:
        back = read_tune(write_tune(tune.score))
        assert back.problems == ()
        assert timed(back.score) == timed(tune.score)
        assert back.score.bar_starts == tune.score.bar_starts
        assert back.score.end_beats == tune.score.end_beats
        assert back.score.key == tune.score.key


@needs_tunes
def test_sources_point_to_the_letters_that_wrote_the_notes():
    letters = {0: "C", 2: "D", 4: "E", 5: "F", 7: "G", 9: "A", 11: "B"}
    for text, tune in zip(book()[::20], tunes()[::20], strict=True):
        for note in tune.score.notes:
            written = text.text[slice(*note.source)]
            near = {letters.get((note.pitch + shift) % 12) for shift in (-1, 0, 1)}
            assert written.strip("^_=0123456789/,'").upper() in near


MUSIC = "ABCDEFGabcdefgzxZ^_=,'/0123456789|:[](){}<>-&!\"%+~.\\ \nKMLQVXTw"
WRITTEN = (
    "X:1\nT:All\nM:6/8\nQ:1/4=90\nL:1/8\nK:Bb dor ^f\nV:1 octave=1\n"
    '"Am7/G"[CE-G]2-[CEG] {gf}A>>B (5:4:5abcde|1 [K:Em]Z4 :|2 (3abc & DEF::[M:none]x4|]\n'
    "V:2 clef=treble-8\n!trill!~c''2-c''|\\\n%%c\nw:la la\nA<B [1e:|[2f|]\n"
)


def check_any_text(text):
    """Whatever the text: a tune, with places inside it, that can be written and moved."""
    tune = read_tune(text)
    lines = text.split("\n")
    for problem in tune.problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
    for note in tune.score.notes:
        assert 0 <= note.source[0] < note.source[1] <= len(text)
        assert note.end <= tune.score.end_beats
    if tune.broken:
        assert not tune.score.notes or "no key" in tune.broken
    else:
        assert tune.score.notes
        assert "K:" in text
    assert "".join(part.text for part in split_book(text)) in text
    if "no key" not in tune.broken and all(6 <= note.pitch <= 121 for note in tune.score.notes):
        moved = read_tune(transpose(text, 5)).score
        assert timed(moved) == [(p + 5, start, length) for p, start, length in timed(tune.score)]


edits = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 4), st.text(MUSIC, max_size=6)), max_size=12
)


@settings(max_examples=80, deadline=None)
@given(edits)
def test_mutated_tunes_never_raise(edits):
    text = WRITTEN
    for place, removed, inserted in edits:
        at = min(place, len(text))
        text = text[:at] + inserted + text[at + removed :]
    check_any_text(text)


@needs_tunes
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 803), edits)
def test_mutated_tunes_of_the_collection_never_raise(number, edits):
    text = book()[number].text
    for place, removed, inserted in edits:
        at = min(place, len(text))
        text = text[:at] + inserted + text[at + removed :]
    check_any_text(text)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=80), st.text(MUSIC, max_size=80)))
def test_any_text_is_read(text):
    read_tune(text)
    read_tune("K:G\n" + text)
    transpose(text, -3)
    split_book(text)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["{", "[", "!q", "+q", ":", "("])
def test_marks_that_are_never_closed_are_read_in_linear_time(unit):
    """A pattern that looked for the end from every place would take 2·10^10 steps here."""
    tune = read_tune("K:C\n" + unit * (200_000 // len(unit)))
    assert len(tune.problems) <= 200_000


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "unit", ["C-", "[C-]", "|:C|", "[1C|", "::C", "C&", "Z9|", "C>", "K:\n", "V:a\n", "X:\n"]
)
def test_long_repetitions_are_read_in_linear_time(unit):
    """A list walked once for every token would take 10^8 steps in Python here."""
    tune = read_tune("K:C\n" + unit * 6_000)
    assert len(tune.score.notes) <= 32 * 6_000
