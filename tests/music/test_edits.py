"""Edits of scores: what they change, what they leave alone, and that they undo each other."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqstudio.music import edits
from seqstudio.music.edits import FREE, GRIDS, SHORTEST, Clip
from seqstudio.music.score import Note, Score, Track

F = Fraction
GRID = {grid.key: grid for grid in GRIDS}
BARS = tuple(map(F, range(0, 12, 4)))


def note(pitch=60, start=0, length=1, **more):
    return Note(pitch, F(start), F(length), **more)


def tune(*notes, meter=(4, 4), bars=BARS, end=12):
    return Score(notes, meter=meter, bar_starts=bars, end_beats=F(end))


NOTES = st.lists(
    st.builds(
        Note,
        st.integers(20, 100),
        st.fractions(0, 40, max_denominator=16),
        st.fractions(F(1, 16), 4, max_denominator=16),
        st.integers(1, 127),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=12,
    unique=True,
)


# Grid


@pytest.mark.parametrize(
    ("key", "near", "before"),
    [
        ("bar", 4, 0), ("1/4", 3, 2), ("1/8", F(5, 2), F(5, 2)), ("1/16", F(11, 4), F(5, 2)),
        ("1/8T", F(8, 3), F(7, 3)), ("off", F(21, 8), F(21, 8)),
    ],
)  # fmt: skip
def test_places_snap_within_their_bar(key, near, before):
    assert GRID[key].near(tune(), 2.625) == near
    assert GRID[key].before(tune(), 2.625) == before


def test_the_grid_begins_anew_in_every_bar_and_goes_on_behind_the_last():
    upbeat = tune(bars=(F(0), F(1, 3), F(1, 3) + 4), end=F(1, 3) + 8)
    assert GRID["1/4"].near(upbeat, 1.5) == F(4, 3)
    assert GRID["1/4"].near(upbeat, 0.25) == F(1, 3), "the upbeat ends the first bar"
    assert GRID["bar"].before(upbeat, 14.0) == F(1, 3) + 12
    assert edits.bar_around(upbeat, 0.1) == (0, F(1, 3))


def test_a_step_of_the_bar_grid_is_the_bar():
    waltz = tune(meter=(6, 8), bars=(F(0), F(3)), end=6)
    assert GRID["bar"].length(waltz, 4.0) == 3
    assert GRID["1/8T"].length(waltz) == F(1, 3)
    assert FREE.length(waltz) == F(1, 4)
    assert edits.bar_length(Score()) == 4


# Notes


def test_a_note_behind_the_end_gets_bars_and_the_last_one_is_filled():
    edited = edits.add(tune(), [note(start=17)])
    assert edited.score.bar_starts == (0, 4, 8, 12, 16)
    assert edited.score.end_beats == 20
    assert edits.add(Score(), [note()]).score.bar_starts == (0,)
    assert edits.add(tune(), [note(start=3)]).score.bar_starts == BARS


def test_only_changed_notes_lose_the_text_that_wrote_them():
    first, second = note(source=(0, 1)), note(62, 1, source=(1, 2))
    edited = edits.transpose(tune(first, second), [second], 2)
    assert edited.score.notes == (first, note(64, 1))
    assert edited.notes == (note(64, 1),)


def test_of_two_equal_notes_one_is_taken():
    twice = tune(note(), note())
    assert edits.remove(twice, [note()]).score.notes == (note(),)
    assert edits.remove(twice, [note(), note()]).score.notes == ()


def test_notes_move_together_as_far_as_the_first_and_the_outermost_can():
    low, high = note(2, 1), note(120, 3)
    edited = edits.move(tune(low, high), [low, high], F(-5), 10)
    assert edited.notes == (note(9, 0), note(127, 2))
    assert edits.transpose(tune(low, high), [low, high], -12).notes == (note(0, 1), note(118, 3))
    assert edits.move(tune(), [], F(1)).notes == ()


def test_either_end_can_be_moved():
    held = note(start=2, length=2)
    assert edits.resize(tune(held), [held], F(1)).notes == (note(start=2, length=3),)
    assert edits.resize(tune(held), [held], F(-5)).notes == (note(start=2, length=SHORTEST),)
    begun = edits.resize(tune(held), [held], F(1, 2), at_start=True).notes
    assert begun == (note(start=F(5, 2), length=F(3, 2)),)
    far = edits.resize(tune(held), [held], F(9), at_start=True).notes[0]
    assert (far.end, far.length) == (4, SHORTEST)
    early = edits.resize(tune(held), [held], F(-9), at_start=True).notes[0]
    assert (early.start, early.end) == (0, 4)


def test_velocities_stay_in_range():
    soft, loud = note(velocity=3), note(62, velocity=120)
    edited = edits.set_velocity(tune(soft, loud), [soft, loud], lambda each: each.velocity * 2 - 9)
    assert [each.velocity for each in edited.notes] == [1, 127]


def test_quantising_goes_a_share_of_the_way():
    late = note(start=F(9, 8), length=F(7, 8))
    score = tune(late)
    assert edits.quantise(score, [late], GRID["1/4"]).notes == (note(start=1, length=F(7, 8)),)
    half = edits.quantise(score, [late], GRID["1/4"], 0.5).notes[0]
    assert half.start == F(17, 16)
    assert edits.quantise(score, [late], FREE).score is score
    whole = edits.quantise(score, [late], GRID["1/4"], ends=True).notes[0]
    assert (whole.start, whole.end) == (1, 2)


def test_a_quantised_note_never_loses_all_its_length():
    short = note(start=F(1, 8), length=F(1, 8))
    assert edits.quantise(tune(short), [short], GRID["1/4"], ends=True).notes[0].length > 0


def test_notes_can_change_their_track():
    assert edits.set_voice(tune(note()), [note()], 2).score.notes == (note(voice=2),)


# Copies


def test_a_copy_is_pasted_at_a_place_into_its_own_tracks_or_one():
    first, second = note(start=1, source=(0, 1)), note(64, 2, F(1, 2), voice=1)
    clip = edits.clip_of([second, first])
    assert clip == Clip((note(64, 1, F(1, 2), voice=1), note()), F(3, 2))
    pasted = edits.paste(tune(first, second), clip, F(6))
    assert set(pasted.notes) == {note(start=6), note(64, 7, F(1, 2), voice=1)}
    assert set(pasted.score.notes) == {first, second, *pasted.notes}
    assert {each.voice for each in edits.paste(tune(), clip, F(0), 5).notes} == {5}
    with pytest.raises(ValueError, match="no notes"):
        edits.clip_of([])


def test_a_duplicate_stands_right_behind_on_the_grid():
    run = [note(start=1), note(62, 2, F(3, 4))]
    assert [each.start for each in edits.duplicate(tune(*run), run).notes] == [F(11, 4), F(15, 4)]
    onward = edits.duplicate(tune(*run), run, GRID["1/4"])
    assert [each.start for each in onward.notes] == [3, 4]
    barwise = edits.duplicate(tune(*run), run, GRID["bar"])
    assert [each.start for each in barwise.notes] == [5, 6]
    assert edits.duplicate(tune(), []).notes == ()


# Tracks


def test_tracks_come_and_go_with_their_notes():
    score, track = edits.add_track(tune(note()), "Bass", 32)
    assert track == Track(1, "Bass", 32)
    assert score.tracks == (Track(0), track)
    assert edits.voices_of(edits.set_track(score, Track(4))) == (0, 1, 4)
    both = edits.add(score, [note(40, voice=1)]).score
    gone = edits.remove_track(both, 1)
    assert (gone.notes, gone.tracks) == ((note(),), (Track(0),))
    assert edits.voices_of(Score()) == (0,)


# Properties


@settings(max_examples=20)
@given(NOTES, st.fractions(0, 8, max_denominator=8), st.integers(-12, 12))
def test_a_move_and_its_reverse_give_the_same_notes(notes, beats, semitones):
    score = Score(tuple(notes))
    there = edits.move(score, notes, beats, semitones)
    back = edits.move(there.score, there.notes, -beats, -semitones)
    assert back.score.notes == score.notes


@settings(max_examples=20)
@given(NOTES, st.sampled_from(GRIDS))
def test_quantised_notes_stay_where_they_are(notes, grid):
    once = edits.quantise(Score(tuple(notes)), notes, grid)
    assert edits.quantise(once.score, once.notes, grid).score.notes == once.score.notes


@settings(max_examples=20)
@given(NOTES)
def test_bars_always_reach_to_the_end(notes):
    score = edits.add(Score(meter=(3, 4)), notes).score
    assert score.end_beats == score.bar_starts[-1] + 3
    assert score.end_beats - 3 < max(each.end for each in notes) <= score.end_beats
    assert edits.remove(score, notes).score == replace(score, notes=())
