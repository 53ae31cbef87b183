"""Scores from played keys: pairing, pedal, tempo, grid."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqstudio.music.recording import Key, Pedal, Quantise, estimate_tempo, score_of_keys

FREE = Quantise(grid=None)


def press(pitch, start_s, end_s, velocity=80):
    return [Key(start_s, pitch, velocity), Key(end_s, pitch, 0)]


def shown(score):
    return [(note.pitch, note.start, note.length) for note in score.notes]


def test_keys_become_notes_on_the_beats_of_the_tempo():
    events = press(60, 10.0, 10.5, 33) + press(64, 10.52, 11.26) + press(67, 11.24, 11.99)
    score = score_of_keys(events, tempo_bpm=120)
    assert shown(score) == [
        (60, 0, 1),
        (64, 1, Fraction(3, 2)),
        (67, Fraction(5, 2), Fraction(3, 2)),
    ]
    assert (score.tempo_bpm, score.meter, score.bar_starts, score.end_beats) == (
        120,
        (4, 4),
        (0,),
        4,
    )
    assert score.notes[0].velocity == 33


def test_nothing_played_is_an_empty_score():
    assert score_of_keys([Pedal(1.0, True), Key(2.0, 60, 0)]).notes == ()


def test_keys_that_hang_end_with_the_recording():
    assert shown(score_of_keys([Key(0.0, 60, 80)], tempo_bpm=60, end_s=3.0)) == [(60, 0, 3)]
    events = [Key(0.0, 60, 80), *press(64, 1.0, 2.0)]
    assert shown(score_of_keys(events, tempo_bpm=60)) == [(60, 0, 2), (64, 1, 1)]


def test_the_pedal_holds_released_keys_until_it_goes_up_or_they_are_struck_again():
    events = [
        Pedal(0.5, True),
        *press(60, 0.0, 1.0),
        *press(64, 1.0, 2.0),
        *press(60, 2.0, 3.0),
        Pedal(5.0, False),
        *press(67, 5.0, 6.0),
    ]
    assert shown(score_of_keys(events, tempo_bpm=60)) == [
        (60, 0, 2),
        (64, 1, 4),
        (60, 2, 3),
        (67, 5, 1),
    ]


def test_a_pedal_that_never_goes_up_ends_with_the_recording():
    events = [Pedal(0.0, True), *press(60, 0.0, 1.0)]
    assert shown(score_of_keys(events, tempo_bpm=60, end_s=4.0)) == [(60, 0, 4)]


@pytest.mark.parametrize(
    ("quantise", "expected"),
    [
        (FREE, (Fraction(1, 10), Fraction(1, 2))),
        (Quantise(Fraction(1, 4)), (Fraction(0), Fraction(1, 2))),
        (Quantise(Fraction(1, 4), 0.5), (Fraction(1, 20), Fraction(1, 2))),
        (Quantise(Fraction(1, 4), 0.0), (Fraction(1, 10), Fraction(1, 2))),
        (Quantise(Fraction(1, 3)), (Fraction(0), Fraction(2, 3))),
        (Quantise(Fraction(1), ends=False), (Fraction(0), Fraction(1, 2))),
    ],
)
def test_grid_and_strength(quantise, expected):
    events = press(60, 0.1, 0.6)
    score = score_of_keys(events, tempo_bpm=60, beat_s=0.0, quantise=quantise)
    note = score.notes[0]
    assert note.start == expected[0]
    assert abs(note.length - expected[1]) <= Fraction(1, 19)


def test_a_coarse_grid_keeps_one_note_of_a_key_on_each_step():
    events = press(60, 0.0, 0.05) + press(62, 0.05, 0.1) + press(60, 0.5, 0.52)
    score = score_of_keys(events, tempo_bpm=60, quantise=Quantise(Fraction(1)))
    assert [(note.pitch, note.length) for note in score.notes] == [(60, 1), (62, 1)]
    # 0.5 rounds to beat 0 (half to even), where 60 stands already: the longer of the two is kept.


def test_what_is_played_before_the_first_click_is_an_upbeat_bar():
    events = press(60, 9.0, 10.0) + press(62, 10.0, 14.0)
    score = score_of_keys(events, tempo_bpm=60, beat_s=10.0)
    assert shown(score) == [(60, 3, 1), (62, 4, 4)]
    assert score.bar_starts == (0, 4)


def test_a_little_too_early_is_still_the_first_beat():
    score = score_of_keys(press(60, 9.96, 11.0), tempo_bpm=60, beat_s=10.0)
    assert shown(score) == [(60, 0, 1)]


def rhythm(tempo_bpm, seed, jitter_s=0.012):
    draw = random.Random(seed)
    at, onsets = 0.0, []
    for _ in range(40):
        onsets.append(3.0 + at * 60 / tempo_bpm + draw.gauss(0, jitter_s))
        at += draw.choice((0.5, 0.5, 1.0, 1.0, 1.0, 2.0))
    return onsets


@pytest.mark.parametrize("tempo_bpm", [72, 80, 96, 100, 112, 120, 126, 140])
def test_the_tempo_of_a_human_rhythm_is_found(tempo_bpm):
    found = [estimate_tempo(rhythm(tempo_bpm, seed)) for seed in range(5)]
    right = [abs(each / tempo_bpm - 1) < 0.01 for each in found]
    assert sum(right) >= 4, found


def test_an_even_pulse_is_taken_at_a_medium_tempo():
    assert estimate_tempo([0.25 * n for n in range(30)]) == pytest.approx(120, rel=0.01)
    assert estimate_tempo([1.2 * n for n in range(30)]) == pytest.approx(100, rel=0.01)


def test_chords_count_once_and_few_onsets_give_120():
    pulse = [0.6 * n + spread for n in range(20) for spread in (0.0, 0.004, 0.009)]
    assert estimate_tempo(pulse) == pytest.approx(100, rel=0.01)
    assert estimate_tempo([0.0, 0.01, 0.02, 0.7]) == 120
    assert estimate_tempo([]) == 120


events_of_any_kind = st.lists(
    st.one_of(
        st.builds(
            Key,
            st.one_of(st.floats(0, 100), st.sampled_from([math.nan, math.inf])),
            st.integers(-1, 128),
            st.integers(-1, 128),
        ),
        st.builds(Pedal, st.floats(0, 100), st.booleans()),
    ),
    max_size=25,
)


@settings(max_examples=30, deadline=None)
@given(
    events_of_any_kind,
    st.sampled_from([FREE, Quantise(), Quantise(Fraction(1, 3), 0.37), Quantise(Fraction(1))]),
    st.one_of(st.none(), st.floats(0, 100)),
)
def test_whatever_is_played_is_a_score_without_overlap_of_a_key(events, quantise, beat_s):
    score = score_of_keys(events, quantise=quantise, beat_s=beat_s)
    ends = {}
    for note in score.notes:
        assert ends.get(note.pitch, 0) <= note.start
        ends[note.pitch] = note.end
    assert score.end_beats == 4 * len(score.bar_starts)
