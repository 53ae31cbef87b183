"""The ABC reader against tunes whose pitches and times were worked out by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from seqstudio.music.abc import Problem, read_tune, split_book
from seqstudio.music.keys import pitch_name


def read(body, key="C", meter="4/4", unit="1/4"):
    """Read music under a small header; with L:1/4 an unmarked note lasts one beat."""
    return read_tune(f"X:1\nT:Test\nM:{meter}\nL:{unit}\nK:{key}\n{body}\n")


def pitches(tune):
    return [note.pitch for note in tune.score.notes]


def timed(tune):
    return [(note.pitch, note.start, note.length) for note in tune.score.notes]


def lengths(tune):
    return [note.length for note in tune.score.notes]


def good(tune):
    assert tune.problems == ()
    assert tune.broken == ""
    return tune


def test_the_lecture_notes_e_f_sharp_g_c_a():
    tune = good(read("EFGcA", key="G"))
    assert [pitch_name(pitch, "G") for pitch in pitches(tune)] == ["E", "F#", "G", "C", "A"]
    assert pitches(tune) == [64, 66, 67, 72, 69]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("C D E F G A B", [60, 62, 64, 65, 67, 69, 71]),
        ("c d e f g a b", [72, 74, 76, 77, 79, 81, 83]),
        ("C, C,, c' c''", [48, 36, 84, 96]),
        ("C', c,", [60, 60]),
        ("^C _D =E ^^F __B", [61, 61, 64, 67, 69]),
        ("_C ^B", [59, 72]),
    ],
)
def test_pitches_octaves_and_accidentals(written, expected):
    assert pitches(good(read(written, meter="none"))) == expected


def test_an_accidental_holds_to_the_bar_line_in_every_octave():
    assert pitches(good(read("^F F f =F|F f ^f F"))) == [66, 66, 78, 65, 65, 77, 78, 66]


def test_a_natural_cancels_the_key():
    assert pitches(good(read("F =F F2|F4", key="D"))) == [66, 65, 65, 66]


@pytest.mark.parametrize(
    ("written", "beats"),
    [
        ("C", Fraction(1)),
        ("C2", Fraction(2)),
        ("C/", Fraction(1, 2)),
        ("C//", Fraction(1, 4)),
        ("C/2", Fraction(1, 2)),
        ("C3/2", Fraction(3, 2)),
        ("C/4", Fraction(1, 4)),
        ("C7/8", Fraction(7, 8)),
        ("C3/", Fraction(3, 2)),
    ],
)
def test_lengths(written, beats):
    assert lengths(good(read(written, meter="none"))) == [beats]


@pytest.mark.parametrize(
    ("meter", "beats"),
    [
        ("2/4", Fraction(1, 4)),
        ("3/4", Fraction(1, 2)),
        ("6/8", Fraction(1, 2)),
        ("C|", Fraction(1, 2)),
    ],
)
def test_without_l_the_metre_gives_the_unit(meter, beats):
    tune = read_tune(f"X:1\nM:{meter}\nK:C\nC|")
    assert lengths(tune) == [beats]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("A>B", [Fraction(3, 2), Fraction(1, 2)]),
        ("A<B", [Fraction(1, 2), Fraction(3, 2)]),
        ("A>>B", [Fraction(7, 4), Fraction(1, 4)]),
        ("A<<<B", [Fraction(1, 8), Fraction(15, 8)]),
        ("A2>B2", [Fraction(3), Fraction(1)]),
        ("A > B", [Fraction(3, 2), Fraction(1, 2)]),
        ("A>B>c", [Fraction(3, 2), Fraction(3, 4), Fraction(1, 2)]),
        ('A>{g}"Am"B', [Fraction(3, 2), Fraction(1, 2)]),
        ("A>[CE]", [Fraction(3, 2), Fraction(1, 2), Fraction(1, 2)]),
    ],
)
def test_broken_rhythm(written, expected):
    assert lengths(good(read(written, meter="none"))) == expected


def test_a_rest_takes_part_in_broken_rhythm():
    assert timed(good(read("z>A", meter="none"))) == [(69, Fraction(3, 2), Fraction(1, 2))]


@pytest.mark.parametrize(
    ("written", "meter", "expected"),
    [
        ("(3ABc", "4/4", [Fraction(2, 3)] * 3),
        ("(2AB", "6/8", [Fraction(3, 2)] * 2),
        ("(4ABcd", "6/8", [Fraction(3, 4)] * 4),
        ("(5ABcde", "4/4", [Fraction(2, 5)] * 5),
        ("(5ABcde", "6/8", [Fraction(3, 5)] * 5),
        ("(6ABcdef", "4/4", [Fraction(1, 3)] * 6),
        ("(7ABcdefg", "6/8", [Fraction(3, 7)] * 7),
        ("(8ABcdefga", "4/4", [Fraction(3, 8)] * 8),
        ("(9ABcdefgab", "4/4", [Fraction(2, 9)] * 9),
        ("(3:2:4ABcd", "4/4", [Fraction(2, 3)] * 4),
        ("(3::2ABc", "4/4", [Fraction(2, 3), Fraction(2, 3), Fraction(1)]),
        ("(3:4:3ABc", "4/4", [Fraction(4, 3)] * 3),
        ("(3A2Bc", "4/4", [Fraction(4, 3), Fraction(2, 3), Fraction(2, 3)]),
        ("(3[AC][BD]c", "4/4", [Fraction(2, 3)] * 5),
        ("(3A>Bc", "4/4", [Fraction(1), Fraction(1, 3), Fraction(2, 3)]),
        ("(3ABcd", "4/4", [Fraction(2, 3), Fraction(2, 3), Fraction(2, 3), Fraction(1)]),
    ],
)
def test_tuplets(written, meter, expected):
    assert lengths(good(read(written, meter=meter))) == expected


def test_rests_and_rest_bars_move_the_time():
    tune = good(read("C z x2|Z2|D4|X|E4"))
    assert timed(tune) == [(60, 0, 1), (62, 12, 4), (64, 20, 4)]
    assert tune.score.bar_starts == (0, 4, 8, 12, 16, 20)
    assert all(bar.complete for bar in tune.bars)


def test_closing_rests_count_for_the_length():
    assert read("C2 z2|z4|").score.end_beats == 8


def test_chords_sound_together():
    tune = good(read("[CEG]2 [C/E/] [c2e2]/|D"))
    assert timed(tune) == [
        (60, 0, 2),
        (64, 0, 2),
        (67, 0, 2),
        (60, 2, Fraction(1, 2)),
        (64, 2, Fraction(1, 2)),
        (72, Fraction(5, 2), 1),
        (76, Fraction(5, 2), 1),
        (62, Fraction(7, 2), 1),
    ]


def test_notes_of_a_chord_may_differ_and_the_first_counts():
    assert timed(good(read("[C2E]D"))) == [(60, 0, 2), (64, 0, 1), (62, 2, 1)]


def test_ties_join_within_and_across_bars():
    assert timed(good(read("C-C D2-|D4-|D2 E2"))) == [(60, 0, 2), (62, 2, 8), (64, 10, 2)]


def test_a_tie_carries_the_accidental_over_the_bar_line_for_one_note():
    tune = good(read("C3 ^F-|F F2 C"))
    assert timed(tune) == [(60, 0, 3), (66, 3, 2), (65, 5, 2), (60, 7, 1)]


def test_ties_of_chords_whole_or_note_by_note():
    assert timed(good(read("[CE]4-|[CE]4"))) == [(60, 0, 8), (64, 0, 8)]
    assert timed(good(read("[C-E]4|[CE]4"))) == [(60, 0, 8), (64, 0, 4), (64, 4, 4)]


def test_slurs_decorations_graces_and_chord_symbols_do_not_sound():
    tune = good(
        read('"Am7"!trill!A (~B .c) {/g}d|+fermata+e !ff!f uTg !D.C.!a|"^slow"(A(Bc)d)|`A``B c d')
    )
    assert pitches(tune) == [69, 71, 72, 74, 76, 77, 79, 81, 69, 71, 72, 74, 69, 71, 72, 74]


def test_a_hard_line_break_is_no_decoration():
    up = [60, 62, 64, 65, 67, 69, 71, 72]
    assert pitches(good(read("CDEF|!GABc!cBAG|!"))) == [*up, 72, 71, 69, 67]


def names(tune):
    """Played pitches as letters, one a bar."""
    letters = {60: "C", 62: "D", 64: "E", 65: "F", 67: "G", 69: "A", 71: "B", 72: "c", 74: "d"}
    return "".join(letters[pitch] for pitch in pitches(tune))


@pytest.mark.parametrize(
    ("written", "played"),
    [
        ("C4|D4:|E4|", "CDCDE"),
        ("C4|:D4|E4:|F4|", "CDEDEF"),
        ("|:C4:|:D4:|", "CCDD"),
        ("|:C4::D4:|", "CCDD"),
        ("|:C4:||:D4:|", "CCDD"),
        ("C4||D4:|", "CDD"),
        ("C4|]D4:|", "CDD"),
        ("|:C4||D4:|", "CDCD"),
        ("|:C4|D4::|", "CDCDCD"),
        ("|:C4|1D4:|2E4|]F4|", "CDCEF"),
        ("|:C4|[1D4:|[2E4||F4:|", "CDCEFF"),
        ("C4|1D4:|2E4:|F4|", "CDCEF"),
        ("|:C4|1,3D4:|2E4:|F4|", "CDCECDF"),
        ("|:C4|1-2D4:|3E4|]F4|", "CDCDCEF"),
        ("|:C4|[1D4|E4:|[2F4|G4|]A4", "CDECFGA"),
        ("|:C4|1D4:|2E4|:F4:|", "CDCEFF"),
        ("|:C4|[1D4:|[1E4|]", "CDCE"),
        ("C4|D4\n:|\n|:E4:|", "CDCDEE"),
        ("|:C4|D4|E4", "CDE"),
        ("[|C4|D4|]", "CD"),
        (".|C4.|D4", "CD"),
    ],
)
def test_repeats_and_endings(written, played):
    tune = read(written)
    assert tune.problems == ()
    assert names(tune) == played
    count = len(played)
    assert [note.start for note in tune.score.notes] == [4 * at for at in range(count)]
    assert tune.score.bar_starts == tuple(4 * at for at in range(count))


def test_a_repeat_points_to_the_same_text_twice():
    text = "X:1\nL:1/4\nK:C\n|:C^D':|"
    tune = read_tune(text)
    sources = [note.source for note in tune.score.notes]
    assert sources == sources[:2] * 2
    assert [text[start:end] for start, end in sources[:2]] == ["C", "^D'"]


def test_sources_of_chord_notes_and_ties_point_to_the_heads():
    text = "X:1\nL:1/4\nK:C\n[C^E]2 G2-|G/2"
    spans = [text[slice(*note.source)] for note in read_tune(text).score.notes]
    assert spans == ["C", "^E", "G2"]


@pytest.mark.parametrize(
    ("key", "scale"),
    [
        ("C", "C D E F G A B"),
        ("G", "C D E F# G A B"),
        ("D Major", "C# D E F# G A B"),
        ("Am", "C D E F G A B"),
        ("F# Minor", "C# D E F# G# A B"),
        ("Bb", "C D Eb F G A Bb"),
        ("B minor", "C# D E F# G A B"),
        ("D Dorian", "C D E F G A B"),
        ("Ador", "C D E F# G A B"),
        ("D Mixolydian", "C D E F# G A B"),
        ("EPhr", "C D E F G A B"),
        ("F lydian", "C D E F G A B"),
        ("B loc", "C D E F G A B"),
        ("C ion", "C D E F G A B"),
        ("A aeolian", "C D E F G A B"),
        ("C#", "C# D# E# F# G# A# B#"),
        ("Cb", "Cb Db Eb Fb Gb Ab Bb"),
        ("D phr ^f", "C D Eb F# G A Bb"),
        ("exp _b ^f", "C D E F# G A Bb"),
        ("D exp _e", "C D Eb F G A B"),
        ("none", "C D E F G A B"),
        ("", "C D E F G A B"),
        ("HP", "C D E F G A B"),
        ("Hp", "C# D E F# G A B"),
        ("G clef=bass", "C D E F# G A B"),
        ("D treble", "C# D E F# G A B"),
        ("clef=alto", "C D E F G A B"),
    ],
)
def test_key_signatures_and_modes(key, scale):
    semitones = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    expected = [
        60 + semitones[name[0]] + {"": 0, "#": 1, "b": -1}[name[1:]] for name in scale.split()
    ]
    assert pitches(good(read("CDEFGAB", key=key, meter="none"))) == expected


def test_a_key_that_is_none_is_reported():
    tune = read("C", key="Q wild")
    assert [problem.line for problem in tune.problems] == [5]
    assert "no key" in tune.problems[0].message


def test_inline_and_body_fields_change_key_metre_and_unit():
    tune = good(read("F4|[K:D]F4|[M:3/4]F3|[L:1/8]F6|\nK:C\nF6|\nM:2/4\nF4|\nL:1/4\nF2|"))
    assert pitches(tune) == [65, 66, 66, 66, 65, 65, 65]
    assert [bar.expected for bar in tune.bars] == [4, 4, 3, 3, 3, 2, 2]
    assert all(bar.complete for bar in tune.bars)
    assert tune.score.meter == (4, 4)


def test_old_books_write_music_behind_a_change_of_metre():
    tune = read("C4|\nM:3/4 CDE|FGA|\nM:2/4 % two now\nCD|")
    assert [bar.expected for bar in tune.bars] == [4, 3, 3, 2]
    assert tune.problems == ()
    tune = read("CDEF| M:2/4 CD|EF|")
    assert [bar.expected for bar in tune.bars] == [4, 2, 2]
    assert "[M:2/4]" in tune.problems[0].message


def test_comments_directives_lyrics_and_continuations_are_no_music():
    tune = good(
        read(
            "CDEF|% CCCC\n%%MIDI program 1\nGABc|\\\nw: la la C D E\nr: remark\ncBAG|\nP:B\nFEDC|"
        )
    )
    assert len(pitches(tune)) == 16


@pytest.mark.parametrize(
    ("field", "tempo"),
    [
        ("1/4=90", 90),
        ("1/8=120", 60),
        ("3/8=80", 120),
        ('"Allegro" 1/4=140', 140),
        ("1/4 1/8=60", 90),
        ("1/2=100.5", 201),
        ("C=100", 100),
        ('"Slow"', 120),
    ],
)
def test_tempo_in_quarter_notes_a_minute(field, tempo):
    tune = good(read_tune(f"X:1\nL:1/8\nQ:{field}\nK:C\nC"))
    assert tune.score.tempo_bpm == tempo


def test_a_bare_tempo_counts_unit_notes():
    assert read_tune("X:1\nL:1/8\nQ:200\nK:C\nC").score.tempo_bpm == 100


@pytest.mark.parametrize(
    ("field", "meter"),
    [
        ("C", (4, 4)),
        ("C|", (2, 2)),
        ("6/8", (6, 8)),
        ("2+3/8", (5, 8)),
        ("(2+2+3)/8", (7, 8)),
        ("none", None),
    ],
)
def test_metres(field, meter):
    assert good(read("C", meter=field)).score.meter == meter


def test_header_fields_in_an_unusual_order():
    tune = good(read_tune("T:Name\nX:7\nR:jig\nK:D\nL:1/4\nM:6/8\nFFF|"))
    assert pitches(tune) == [66, 66, 66]
    assert tune.score.meter == (6, 8)
    assert tune.bars[0].expected == 3
    assert tune.score.title == "Name"


def test_the_header_keeps_its_values():
    tune = read_tune("X:3\nT:One\nT:Two\nC:Trad % comment\nR:reel\nH:long\nmore\nK:G\nGABc|")
    assert tune.header["T"] == "One\nTwo"
    assert (tune.header["C"], tune.header["R"], tune.header["K"]) == ("Trad", "reel", "G")
    assert tune.score.title == "One"
    assert tune.score.key == "G major"
    assert tune.problems == ()


def test_voices_have_their_own_time_key_and_accidentals():
    tune = good(read("V:1\n^F F F F|G4|\nV:2\nF4|[K:D]F4|\n[V:1]F4|[V:2]F4|", key="C clef=treble"))
    by_voice = {
        voice: [(note.pitch, note.start) for note in tune.score.notes if note.voice == voice]
        for voice in tune.score.voices
    }
    assert by_voice == {
        0: [(66, 0), (66, 1), (66, 2), (66, 3), (67, 4), (65, 8)],
        1: [(65, 0), (66, 4), (66, 8)],
    }


def test_voices_announced_in_the_header_may_shift_octaves():
    text = "X:1\nL:1/4\nV:T1\nV:B clef=bass octave=-1\nK:C\nV:T1\nC\nV:B\nC\n[V:B] C"
    assert sorted(pitches(good(read_tune(text)))) == [48, 48, 60]
    assert pitches(read("C", key="C treble-8")) == [48]
    assert pitches(read("C", key="C transpose=3")) == [63]


def test_an_overlay_begins_the_bar_again():
    assert timed(good(read("C2D2&E4|G4"))) == [
        (60, 0, 2),
        (64, 0, 4),
        (62, 2, 2),
        (67, 4, 4),
    ]


def complete(tune):
    return [bar.complete for bar in tune.bars]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("C4|D4|", [True, True]),
        ("C4|D3|E4|", [True, False, True]),
        ("C4|D5|", [True, False]),
        ("C|D4|E3|]", [True, True, True]),
        ("C|D4|E2|]", [True, True, False]),
        ("C|D4|E3:|F|G4|A3:|", [True] * 6),
        ("C4|D3:|E|F4|]", [True, True, True, True]),
        ("C4|D3|E|F4|]", [True, False, False, True]),
    ],
)
def test_full_bars_know_pickups_and_their_counterparts(written, expected):
    assert complete(read(written)) == expected


def test_bars_are_listed_once_where_they_are_first_played():
    tune = read("|:C4|D4:|E4|")
    assert [(bar.start, bar.length) for bar in tune.bars] == [(0, 4), (4, 4), (16, 4)]


@pytest.mark.parametrize(
    ("written", "column", "message"),
    [
        ("CD?F", 3, "“?” means nothing"),
        ("CD###F", 3, "“#” means nothing"),
        ("C}D", 2, "“}” means nothing"),
        ("CDE[G", 4, "“[” means nothing"),
        (">CD", 1, "needs a note before"),
        ("CD>|E", 3, "needs a second note"),
        ("C0", 1, "zero"),
        ("C/0", 1, "zero"),
        ("C999999999", 1, "a length that no note has"),
        ("-C", 1, "a tie needs a note"),
        ("z-C", 2, "a tie needs a note"),
        ("(1C", 1, "no tuplet"),
        ("[zz]", 1, "chord without notes"),
        ("[C?]", 3, "in a chord"),
        ("c'''''''", 1, "outside the range"),
        ("Z999", 1, "number of bars"),
        ("&C", 1, "& needs music"),
        ("C:D", 2, "“:” means nothing"),
        ("CqD", 2, "“q” means nothing"),
    ],
)
def test_mistakes_are_reported_where_they_are(written, column, message):
    tune = read(written)
    problem = tune.problems[0]
    assert (problem.line, problem.column) == (6, column)
    assert message in problem.message


@pytest.mark.parametrize(
    "field", ["L:x", "L:1/0", "M:7", "M:3/5", "M:99/4", "Q:fast", "Q:1/4=9999"]
)
def test_fields_that_cannot_be_read_are_reported(field):
    tune = read_tune(f"X:1\n{field}\nK:C\nCDEF|")
    assert [(problem.line, problem.column) for problem in tune.problems] == [(2, 3)]
    assert tune.broken == ""


def test_a_mode_that_does_not_exist_is_reported_and_the_tonic_kept():
    tune = read("F", key="D Mjr")
    assert "no mode is called “Mjr”" in tune.problems[0].message
    assert pitches(tune) == [66]


def test_reading_goes_on_behind_a_mistake():
    tune = read("CD?}E F|[GA|GABc|")
    assert pitches(tune) == [60, 62, 64, 65, 67, 69, 67, 69, 71, 72]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no key"),
        ("X:1\nT:Nothing\n", "no key"),
        ("CDEF|GABc|", "no key"),
        ("X:1\nK:C\n", "no notes"),
        ("X:1\nK:C\nz4|Z3|\n", "no notes"),
        ("\0\0\0", "no key"),
    ],
)
def test_what_is_broken_says_why(text, reason):
    assert reason in read_tune(text).broken


def test_music_without_a_key_is_read_all_the_same():
    assert pitches(read_tune("CDEF|GABc|")) == [60, 62, 64, 65, 67, 69, 71, 72]


def test_text_before_the_key_is_no_music():
    tune = read_tune("X:1\nCDEF|\nK:C\nG|")
    assert pitches(tune) == [67]
    assert tune.problems == (Problem(2, 1, "text before the key: music begins after K:"),)


def test_of_two_tunes_the_first_is_read():
    assert pitches(read_tune("X:1\nK:C\nC|\nX:2\nK:C\nDD|")) == [60]


def test_a_book_is_split_at_its_numbers():
    head = "%abc\nA book of tunes\n\n"
    book = head + "X:1\nT:First\nK:C\nC|\n\nX: 22\nT: Second one \nT:other\nK:D\nD|\nX:\nK:E\n"
    tunes = split_book(book)
    assert [(tune.number, tune.title) for tune in tunes] == [
        (1, "First"),
        (22, "Second one"),
        (None, ""),
    ]
    assert all(book[tune.offset :].startswith(tune.text) for tune in tunes)
    assert "".join(tune.text for tune in tunes) == book[len(head) :]


def test_a_text_without_numbers_is_one_tune_and_an_empty_one_none():
    assert [tune.text for tune in split_book("K:C\nCDE|")] == ["K:C\nCDE|"]
    assert split_book(" \n") == []


def test_a_beginning_cut_off_before_its_number_is_kept_when_it_has_a_key():
    assert len(split_book("M:C\nK:C\nCDE|\n\nX:2\nK:D\nD|")) == 2
    assert len(split_book("E|\n\nX:2\nK:D\nD|")) == 1


def test_windows_line_ends_are_read():
    tune = good(read_tune("X:1\r\nT:Name\r\nL:1/4\r\nK:D\r\nF|\r\n"))
    assert (pitches(tune), tune.score.title, tune.score.key) == ([66], "Name", "D major")
