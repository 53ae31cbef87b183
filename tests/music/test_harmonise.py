"""Four voices to a melody: ranges, crossing, parallels, closes, and that the melody stays."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from seqstudio.music.abc import read_tune
from seqstudio.music.codings import CODINGS
from seqstudio.music.collection import collect
from seqstudio.music.harmonise import RANGES, harmonise, is_melody
from seqstudio.music.keys import parse_key
from seqstudio.music.score import Note, Score

BOOK = Path(__file__).parents[2] / "seqstudio" / "resources" / "tunes" / "traditional.abc"
HYMNS = ("Old Hundredth", "God Save the King", "Joy to the World", "The First Noel", "Ode to Joy")


@pytest.fixture(scope="module")
def hymns() -> dict[str, Score]:
    found = {each.name: each.score for each in collect(BOOK).scores}
    return {name: found[name] for name in HYMNS}


def rows(score: Score) -> list[tuple[int, int, int, int]]:
    """Return soprano to bass at every time when a lower voice begins."""
    times = sorted({note.start for note in score.notes if note.voice})
    found = []
    for time in times:
        row = {n.voice: n.pitch for n in score.notes if n.start <= time < n.end}
        if len(row) == 4:
            found.append((row[0], row[1], row[2], row[3]))
    return found


@pytest.mark.parametrize("name", HYMNS)
def test_rules_of_part_writing(name: str, hymns: dict[str, Score]) -> None:
    score = harmonise(hymns[name])
    melody = [n for n in score.notes if n.voice == 0]
    shift = melody[0].pitch - hymns[name].notes[0].pitch
    assert shift % 12 == 0
    assert [(n.pitch, n.start, n.length) for n in melody] == [
        (n.pitch + shift, n.start, n.length) for n in hymns[name].notes
    ]
    for note in score.notes:
        if note.voice:
            low, high = RANGES[note.voice]
            assert low <= note.pitch <= high
    found = rows(score)
    assert len(found) > 20
    for row in found:
        assert row[1] >= row[2] >= row[3]
        assert row[1] - row[2] <= 12
    assert all(row[0] >= row[1] for row in found)


@pytest.mark.parametrize("name", HYMNS)
def test_no_parallel_fifths_and_octaves(name: str, hymns: dict[str, Score]) -> None:
    for before, after in pairwise(rows(harmonise(hymns[name]))):
        for high in range(3):
            for low in range(high + 1, 4):
                apart = (after[high] - after[low]) % 12
                moved = before[high] != after[high] and before[low] != after[low]
                same = apart == (before[high] - before[low]) % 12
                assert not (moved and same and apart in (0, 7)), (before, after)


@pytest.mark.parametrize("name", HYMNS)
def test_a_hymn_closes_on_its_tonic(name: str, hymns: dict[str, Score]) -> None:
    score = harmonise(hymns[name])
    tonic = 7 * (parse_key(score.key)[0].tonic or 0) % 12
    last = rows(score)[-1]
    assert last[3] % 12 == tonic
    assert {pitch % 12 for pitch in last} <= {tonic, (tonic + 4) % 12, (tonic + 7) % 12}


def test_the_same_melody_gets_the_same_voices(hymns: dict[str, Score]) -> None:
    assert harmonise(hymns["Ode to Joy"]) == harmonise(hymns["Ode to Joy"])


def test_chords_hold_the_melody_and_sound_whole() -> None:
    score = read_tune("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|cBAG|FEDC|]\n").score
    for row in rows(harmonise(score)):
        classes = {pitch % 12 for pitch in row}
        triads = [{r % 12, (r + t) % 12} for r in range(12) for t in (3, 4)]
        assert any(triad <= classes for triad in triads)
        assert len(classes) >= 2


@pytest.mark.parametrize(
    "body", ["z4|C4|z4|G,,4|]", "c''4|C,,4|^c2_d2|", "C", "(3CDE (3FGA z2|", "C/4D/4E/4F/4 c3|"]
)
def test_any_melody_gets_voices(body: str) -> None:
    score = read_tune(f"X:1\nM:4/4\nL:1/4\nK:C\n{body}\n").score
    found = harmonise(score)
    assert {note.voice for note in found.notes} == {0, 1, 2, 3}
    assert not CODINGS["voices"].read(CODINGS["voices"].write(found)).problems


def test_what_a_melody_is() -> None:
    one = Score((Note(60, Fraction(0), Fraction(1)), Note(62, Fraction(1), Fraction(1))))
    two = Score((Note(60, Fraction(0), Fraction(2)), Note(62, Fraction(1), Fraction(1))))
    assert is_melody(one)
    assert not is_melody(two)
    assert not is_melody(Score())
    assert harmonise(Score()).notes == ()
