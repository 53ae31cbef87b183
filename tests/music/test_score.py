"""Scores and keys."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqstudio.music.keys import Key, parse_key, pitch_name, spell, spelled, transposed_key
from seqstudio.music.score import Note, Score, sounding_at


def test_notes_are_sorted_and_the_end_is_that_of_the_last():
    late = Note(60, Fraction(2), Fraction(1))
    low, high = Note(50, Fraction(0), Fraction(4)), Note(70, Fraction(0), Fraction(1))
    score = Score((late, high, low), 90.0)
    assert score.notes == (low, high, late)
    assert score.end_beats == 4
    assert Score((late,), end_beats=Fraction(8)).end_beats == 8


def test_seconds_and_beats_are_each_others_inverse():
    score = Score(tempo_bpm=90.0, end_beats=Fraction(3))
    assert score.seconds(Fraction(3)) == 2.0
    assert score.beats(2.0) == 3.0
    assert score.end_seconds == 2.0


@pytest.mark.parametrize(
    "values", [(128, 0, 1), (-1, 0, 1), (60, -1, 1), (60, 0, 0), (60, 0, 1, 0), (60, 0, 1, 128)]
)
def test_impossible_notes_are_refused(values):
    with pytest.raises(ValueError, match=r"note|pitch"):
        Note(values[0], Fraction(values[1]), Fraction(values[2]), *values[3:])


@pytest.mark.parametrize("tempo", [0.0, -1.0, float("nan")])
def test_impossible_tempos_are_refused(tempo):
    with pytest.raises(ValueError, match="tempo"):
        Score(tempo_bpm=tempo)


def test_sounding_notes_end_before_their_release():
    first, second = Note(60, Fraction(0), Fraction(1)), Note(62, Fraction(1), Fraction(1))
    assert sounding_at((first, second), 0.5) == (first,)
    assert sounding_at((first, second), Fraction(1)) == (second,)
    assert sounding_at((first, second), 2) == ()


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("none", "C C# D Eb E F F# G G# A Bb B"),
        ("E major", "B# C# D D# E E# F# G G# A A# B"),
        ("Eb major", "C Db D Eb E F Gb G Ab A Bb B"),
    ],
)
def test_pitches_are_named_for_their_key(key, names):
    assert " ".join(pitch_name(60 + step, key) for step in range(12)) == names


@given(st.integers(0, 127), st.integers(-7, 7))
def test_spelling_keeps_the_pitch(pitch, tonic):
    note = spell(pitch, Key(tonic, "major"))
    assert note.pitch == pitch
    assert abs(note.alter) <= 2
    assert spelled(note.fifths, pitch) == note


@given(
    st.integers(-7, 7),
    st.sampled_from(["major", "minor", "dorian", "phrygian", "lydian", "mixolydian", "locrian"]),
    st.integers(-11, 11),
)
def test_names_of_keys_are_read_back_and_transposition_can_be_undone(tonic, mode, fifths):
    key = Key(tonic, mode)
    assert parse_key(key.name) == (key, "")
    assert transposed_key(transposed_key(key, fifths), -fifths) == key
    moved = [(a + b) % 12 for a, b in zip(key.alters, (0, 2, 4, 5, 7, 9, 11), strict=True)]
    after = transposed_key(key, fifths)
    there = [(a + b) % 12 for a, b in zip(after.alters, (0, 2, 4, 5, 7, 9, 11), strict=True)]
    assert sorted((pitch + 7 * fifths) % 12 for pitch in moved) == sorted(there)
