"""Hand-written tunes with what real collections lack or use rarely; all notes by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from seqstudio.music.abc import read_tune, write_tune
from seqstudio.music.abc_fields import parse_parts
from seqstudio.music.score import Note, Score, Track

LETTERS = {
    60: "C",
    62: "D",
    64: "E",
    65: "F",
    67: "G",
    69: "A",
    71: "B",
    72: "c",
    74: "d",
    76: "e",
}
HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


def played(tune):
    """Pitches as letters in the order of their onsets."""
    assert tune.problems == ()
    return "".join(LETTERS[note.pitch] for note in tune.score.notes)


def body(music, *header, key="C"):
    return read_tune(
        "\n".join(["X:1", "T:Test", "M:4/4", "L:1/4", *header, f"K:{key}", music, ""])
    )


def timed(tune, voice=0):
    return [(n.pitch, n.start, n.length) for n in tune.score.notes if n.voice == voice]


# Parts


@pytest.mark.parametrize(
    ("written", "order"),
    [
        ("A", "A"),
        ("AABB", "AABB"),
        ("A2B3", "AABBB"),
        ("(AB)2C", "ABABC"),
        ("((AB)2C)2", "ABABCABABC"),
        ("A.B .C", "ABC"),
        ("A0B", "AB"),
        ("A)B(C", "ABC"),
        ("", ""),
        ("3", ""),
    ],
)
def test_orders_of_parts(written, order):
    assert parse_parts(written) == order


@pytest.mark.timeout(5)
def test_an_order_that_explodes_is_cut():
    assert len(parse_parts("(" * 50 + "A" + "9)" * 50 + "99" * 50)) == 256


@pytest.mark.parametrize(
    ("order", "music", "expected"),
    [
        ("AB", "P:A\nC4|\nP:B\nD4|", "CD"),
        ("ABA", "P:A\nC4|\nP:B\nD4|", "CDC"),
        ("A2B", "P:A\n|:C4:|\nP:B\nD4|", "CCCCD"),
        ("BA", "E4|\nP:A\nC4|\nP:B\nD4|", "EDC"),
        ("B", "P:A\nC4|\nP:B\nD4|", "DC"),  # what the order leaves out comes last
        ("AZB", "P:A\nC4|\nP:B\nD4|", "CD"),
        ("AAB", "[P:A]C4|[P:B]D4|", "CCD"),
        ("AB", "C4|D4|", "CD"),
        ("ABA", "P:A\nC4|1D4:|2E4|]\nP:B\nF4|", "CDCEFCDCE"),
    ],
)
def test_parts_are_played_in_the_order_of_the_header(order, music, expected):
    tune = body(music, f"P:{order}")
    assert played(tune) == expected
    assert tune.score.bar_starts == tuple(range(0, 4 * len(expected), 4))


def test_without_an_order_parts_are_names_only():
    assert played(body("P:B\nC4|\nP:A\nD4|")) == "CD"


def test_parts_hold_for_all_voices():
    tune = body("P:A\n[V:1]C4|\n[V:2]E4|\nP:B\n[V:1]D4|\n[V:2]F4|", "P:ABA")
    assert timed(tune, 0) == [(60, 0, 4), (62, 4, 4), (60, 8, 4)]
    assert timed(tune, 1) == [(64, 0, 4), (65, 4, 4), (64, 8, 4)]


# Tempo


def test_the_tempo_changes_where_it_stands():
    tune = body("CD[Q:1/4=60]EF|\nQ:1/2=60\nGABc|", "Q:1/4=100")
    assert tune.problems == ()
    assert (tune.score.tempo_bpm, tune.score.tempos) == (100, ((2, 60), (4, 120)))


def test_a_tempo_before_the_first_note_is_the_tempo():
    assert body("[Q:1/4=90]CDEF|", "Q:1/4=100").score.tempo_bpm == 90
    assert body("Q:90\nCDEF|").score.tempo_bpm == 90


def test_a_repeat_meets_its_tempos_again():
    tune = body("|:C4|[Q:1/4=60]D4:|", "Q:1/4=100")
    assert tune.score.tempos == ((4, 60),)
    tune = body("|:[Q:1/4=100]C4|[Q:1/4=60]D4:|", "Q:1/4=100")
    assert tune.score.tempos == ((4, 60), (8, 100), (12, 60))


def test_a_tempo_behind_a_broken_rhythm_stands_behind_it():
    assert body("A>[Q:1/4=60]B C2|").score.tempos == ((Fraction(3, 2), 60),)


def test_tempos_of_voices_are_one_line_of_tempos():
    tune = body("V:1\nC4|[Q:1/4=60]D4|\nV:2\nC4|[Q:1/4=70]D4|[Q:1/4=80]E4|")
    assert tune.score.tempos == ((4, 60), (8, 80))


# Voices


def test_voices_have_names_and_instruments():
    tune = body(
        "%%MIDI program 40\nV:1\nC4|\nV:2\n%%MIDI program 1 32\nE,4|\n"
        "V:D\n%%MIDI channel 10\nC,4|",
        'V:1 name="First fiddle" clef=treble',
        "V:2 nm=Bass",
    )
    assert tune.score.tracks == (
        Track(0, "First fiddle", 40),
        Track(1, "Bass", 32),
        Track(2, "", 40, drums=True),
    )
    assert body("V:1\nC4|\nV:2\nE4|").score.tracks == ()


def test_four_voices_of_a_hymn_in_score_order():
    tune = read_tune(
        "X:1\nM:3/4\nL:1/4\nK:F\n%%score (S A) (T B)\n"
        "V:S\nV:A\nV:T clef=treble-8\nV:B clef=bass\n"
        "[V:S] f | f2 g | a3 |]\n[V:A] c | d2 d | c3 |]\n"
        "[V:T] a | b2 b | a3 |]\n[V:B] F, | B,,2 G,, | F,,3 |]\n"
    )
    assert tune.problems == ()
    assert timed(tune, 0) == [(77, 0, 1), (77, 1, 2), (79, 3, 1), (81, 4, 3)]
    assert timed(tune, 1) == [(72, 0, 1), (74, 1, 2), (74, 3, 1), (72, 4, 3)]
    # treble-8 sounds an octave below: a is A3, b is B flat 3.
    assert timed(tune, 2) == [(69, 0, 1), (70, 1, 2), (70, 3, 1), (69, 4, 3)]
    assert timed(tune, 3) == [(53, 0, 1), (46, 1, 2), (43, 3, 1), (41, 4, 3)]


# Everything at once


def test_a_session_tune_with_chords_graces_and_variant_endings():
    tune = read_tune(
        "T:Odd order\nL:1/8\nR:reel\nX:7\nM:4/4\nZ:typed by hand\nQ:1/2=80\nK:Dmix\n"
        '"D"{/e}d2 (3ABc "C"~e>d .c2 | [1,3 !trill!"G"G4- G4 :| [2 "A7"[A,CE]8 |]\n'
        "w: la la_ la* one~two - three\n"
    )
    assert tune.problems == ()
    assert tune.score.tempo_bpm == 160
    bar = [
        (74, 0, 1),
        (69, 1, THIRD),
        (71, 1 + THIRD, THIRD),
        (72, 1 + 2 * THIRD, THIRD),  # no sharp: D mixolydian has F sharp only
        (76, 2, Fraction(3, 4)),
        (74, Fraction(11, 4), Fraction(1, 4)),
        (72, 3, 1),
    ]
    # Passes 1 and 3 end on the tied G, the second on the chord.
    chord = [(57, 12, 4), (60, 12, 4), (64, 12, 4)]
    assert timed(tune) == [
        *bar,
        (67, 4, 4),
        *[(pitch, start + 8, length) for pitch, start, length in bar],
        *chord,
        *[(pitch, start + 16, length) for pitch, start, length in bar],
        (67, 20, 4),
    ]


def test_chains_of_broken_rhythm_run_on_through_rests_chords_and_tuplets():
    tune = body("C>D<E F|z<C [CE]>G (3c>de|", key="C")
    assert tune.problems == ()
    assert timed(tune) == [
        (60, 0, Fraction(3, 2)),
        (62, Fraction(3, 2), Fraction(1, 4)),
        (64, Fraction(7, 4), Fraction(3, 2)),
        (65, Fraction(13, 4), 1),
        (60, Fraction(19, 4), Fraction(3, 2)),
        (60, Fraction(25, 4), Fraction(3, 2)),
        (64, Fraction(25, 4), Fraction(3, 2)),
        (67, Fraction(31, 4), HALF),
        (72, Fraction(33, 4), 1),
        (74, Fraction(37, 4), THIRD),
        (76, Fraction(37, 4) + THIRD, Fraction(2, 3)),
    ]


def test_ties_run_over_bars_repeats_and_changes_of_key():
    tune = body("^F4-|F4-|[K:D]F2 F2|")
    assert timed(tune) == [(66, 0, 10), (66, 10, 2)]
    tune = body("|:C2 D2-|1D4:|2D2 E2|]")
    assert timed(tune) == [(60, 0, 2), (62, 2, 6), (60, 8, 2), (62, 10, 4), (64, 14, 2)]


def test_inline_fields_change_one_voice_and_no_other():
    tune = body("V:1\n[M:3/4][L:1/8]C6|\nV:2\nC4|", "V:1", "V:2")
    assert timed(tune, 0) == [(60, 0, 3)]
    assert timed(tune, 1) == [(60, 0, 4)]
    assert [bar.expected for bar in tune.bars] == [3, 4]


def test_lyrics_words_and_history_are_no_music():
    tune = body("C D E F|\nw:A B c-d * e|f\nw:2. C C C\nG A B c|\nW:G G G\nN:E E E")
    assert played(tune) == "CDEFGABc"


def test_drums_are_not_written_as_if_they_had_a_pitch():
    notes = (Note(60, Fraction(0), Fraction(1)), Note(36, Fraction(0), Fraction(1), voice=1))
    score = Score(notes, tracks=(Track(1, "Kit", drums=True),))
    assert timed(read_tune(write_tune(score))) == [(60, 0, 1)]
