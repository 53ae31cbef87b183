"""Transposing and writing ABC."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqstudio.music.abc import read_tune, transpose, write_tune
from seqstudio.music.score import Note, Score


def timed(score):
    return sorted((note.pitch, note.start, note.length) for note in score.notes)


HEAD = "X:1\nT:Test\nM:4/4\nL:1/4\n"


@pytest.mark.parametrize(
    ("key", "music", "semitones", "new_key", "new_music"),
    [
        ("C", "CDEF|GABc|", 2, "D", "DEFG|ABcd|"),
        ("D Major", "DFAd|", -2, "C Major", "CEGc|"),
        ("A Dorian", "A^GAc|", 3, "C Dorian", "c=Bce|"),
        ("G", "G=FGF|F4|", 5, "C", "c_BcB|B4|"),
        ("Am", "A,,B,,C,D,|", 12, "Am", "A,B,CD|"),
        ("D mix", "d'4|", -12, "D mix", "d4|"),
        ("none", "C^CDF|", 1, "none", "_D=D_E_G|"),
        ("exp ^f _b", "FBCE|", 2, "exp ^f ^g", "GcDF|"),
        ("D phr ^f", "DEFG|", 2, "E phr ^g", "EFGA|"),
        ("Hp", "FCG4|", 2, "exp ^c ^d ^f ^g", "GDA4|"),
        ("C", '"Am7/G"A2"F#dim"^F2|"Coda"c4|', 3, "Eb", '"Cm7/Bb"c2"Adim"=A2|"Coda"e4|'),
        ("C", "{^f}g4|[C^FA]4-|[CFA]4|", 2, "D", "{^g}a4|[D^GB]4-|[DGB]4|"),
        ("C", "^F4-|F4|[K:G]F4|", 2, "D", "^G4-|G4|[K:A]G4|"),
        ("B", "B4|", 1, "C", "c4|"),
        ("F#", "F4|", 1, "G", "G4|"),
        ("Gb", "G4|", 12, "Gb", "g4|"),
    ],
)
def test_transposed_text_by_hand(key, music, semitones, new_key, new_music):
    text = f"{HEAD}K:{key} % the key\n{music}\nw:words\n"
    expected = f"{HEAD}K:{new_key} % the key\n{new_music}\nw:words\n"
    assert transpose(text, semitones) == expected


def test_nothing_changes_by_no_semitone():
    text = "K:F#\n^^F^__B strange {text"
    assert transpose(text, 0) == text


def test_every_tune_of_a_book_has_its_own_key():
    book = "free text CDE\n\nX:1\nL:1/4\nK:C\nCEG|\n\nX:2\nL:1/4\nK:Dm\nDFA|\n"
    moved = transpose(book, 2)
    assert moved == "free text CDE\n\nX:1\nL:1/4\nK:D\nDFA|\n\nX:2\nL:1/4\nK:Em\nEGB|\n"


TUNES = [
    "K:F\n^^F__E|_B=B^B4-|B2 [^C=EG-]2-|[CEG]4 {^fg}a4|",
    "K:Cb\nCDEFGAB=C^C^^C|",
    "K:C#m\nCDEFGAB_C__C=B^^B|",
    "K:D\nV:1\nF^GAB|\nV:2 octave=-1\nFGAB|[V:1]F=F|[V:2][K:Bb]BEF|[K:none]^FB|",
    "K:exp ^c _e\nCDEFG|^E=Cc|",
    "[K:Em]FGA|\nK:Dm\nBAG|",
]


@pytest.mark.parametrize("text", TUNES)
@pytest.mark.parametrize("semitones", [*range(-13, 14)])
def test_transposed_tunes_sound_as_many_semitones_higher(text, semitones):
    before = read_tune(text).score
    after = read_tune(transpose(text, semitones))
    assert timed(after.score) == [
        (pitch + semitones, start, length) for pitch, start, length in timed(before)
    ]
    assert len(after.problems) == len(read_tune(text).problems)


def test_a_written_tune_by_hand():
    eighth = Fraction(1, 2)
    pitches = [74, 76, 78, 79, 77, 73, 73]
    notes = [Note(p, i * eighth, eighth) for i, p in enumerate(pitches)]
    notes += [Note(62, Fraction(7, 2), Fraction(3, 2)), Note(66, Fraction(7, 2), Fraction(3, 2))]
    score = Score(tuple(notes), 96, (4, 4), "D major", "By hand", (), Fraction(8))
    assert write_tune(score, 7) == (
        "X:7\nT:By hand\nM:4/4\nL:1/8\nQ:1/4=96\nK:D major\nde fg =fc c[D^F]-|[DF]2 z6|]\n"
    )


def test_triplets_are_written_as_triplets():
    third = Fraction(1, 3)
    notes = tuple(Note(60 + i, i * third, third) for i in range(6))
    text = write_tune(Score(notes, meter=(2, 4)))
    assert "(3C^CD (3_E=EF|]" in text


def test_an_empty_score_is_written_without_music():
    assert read_tune(write_tune(Score())).broken == "it has no notes"


def note(steps):
    return st.builds(
        lambda pitch, start, length, voice: Note(
            pitch, Fraction(start, steps), Fraction(length, steps), voice=voice
        ),
        st.integers(24, 108),
        st.integers(0, 16 * steps),
        st.integers(1, 5 * steps),
        st.integers(0, 2),
    )


KEYS = ["C major", "F# minor", "Bb dorian", "none", "D phrygian ^f", "exp ^c _b", "Cb major"]


@settings(max_examples=30, deadline=None)
@given(
    notes=st.sampled_from([4, 12, 16, 48]).flatmap(lambda n: st.lists(note(n), max_size=12)),
    key=st.sampled_from(KEYS),
    meter=st.sampled_from([None, (4, 4), (6, 8), (3, 4), (9, 8)]),
)
def test_what_is_written_reads_back_to_the_same_notes(notes, key, meter):
    score = Score(tuple(notes), 100.5, meter, key)
    back = read_tune(write_tune(score))
    assert back.problems == ()
    assert sorted(set(timed(back.score))) == sorted(set(timed(score)))
    assert (back.score.key, back.score.tempo_bpm, back.score.meter) == (key, 100.5, meter)


def test_times_off_every_grid_are_rounded_to_a_twelfth():
    odd = Note(60, Fraction(7, 101), Fraction(100, 101))
    back = read_tune(write_tune(Score((odd,), meter=(4, 4)))).score
    assert timed(back) == [(60, Fraction(1, 12), Fraction(1))]
