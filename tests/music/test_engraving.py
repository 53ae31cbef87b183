"""What a tune looks like in print: values, ties, beams, accidentals, clefs, lines that fill."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from seqstudio.music.abc import read_tune
from seqstudio.music.engraving import Notation, Sheet, lay_out, notate
from seqstudio.music.engraving.clefs import BASS, TENOR, TREBLE, clef_for
from seqstudio.music.engraving.marks import Arc, Glyph, Shape, Stroke
from seqstudio.music.engraving.notation import Event
from seqstudio.music.score import Note, Score, Track

VALUES = {Fraction(4): "w", Fraction(2): "h", Fraction(1): "q", Fraction(1, 2): "e",
          Fraction(1, 4): "s", Fraction(1, 8): "t"}  # fmt: skip


def written(abc: str) -> Notation:
    return notate(read_tune("X:1\nL:1/8\n" + abc).score)


def shorthand(event: Event) -> str:
    """ "q." for a dotted quarter, "rq" for a rest, "e~" for one that is tied on."""
    piece = event.piece
    rest = "" if event.heads else "r"
    return rest + VALUES[piece.base] + "." * piece.dots + ("~" if piece.tied_on else "")


def bars(abc: str) -> list[str]:
    return [" ".join(shorthand(event) for event in bar.staves[0][0]) for bar in written(abc).bars]


def events(abc: str) -> list[Event]:
    return [event for bar in written(abc).bars for event in bar.staves[0][0]]


@pytest.mark.parametrize(
    ("abc", "wanted"),
    [
        ("M:4/4\nK:C\nC8|", ["w"]),
        ("M:4/4\nK:C\nC5 D3|", ["h~ e q."]),  # the middle of the bar shows
        ("M:4/4\nK:C\nC2D4E2|", ["q h q"]),  # a half note from beat to beat may cross it
        ("M:4/4\nK:C\nC D2 E F4|", ["e q e h"]),  # syncopation within half a bar
        ("M:4/4\nK:C\nC3 D2 E3|", ["q. e~ e q."]),
        ("M:4/4\nK:C\nC6z2|C4z4|", ["h. rq", "h rh"]),
        ("M:4/4\nK:C\nC8-|C8|", ["w~", "w"]),
        ("M:3/4\nK:C\nC z5|", ["e re rq rq"]),
        ("M:6/8\nK:C\nC3 D2E|F6|", ["q. q e", "h."]),
        ("M:6/8\nK:C\nC4 D2|", ["q.~ e q"]),  # the second group begins at the fourth eighth
        ("M:2/4\nK:C\nC/D/E/F/ G3/A/|", ["s s s s e. s"]),
        ("M:5/8\nK:C\nC5|", ["q.~ q"]),
        ("M:4/4\nK:C\nz8|C8|", ["rw", "w"]),
    ],
)
def test_values_follow_the_metre(abc: str, wanted: list[str]) -> None:
    assert bars(abc)[: len(wanted)] == wanted


def test_parts_of_a_note_last_as_long_as_it_sounds() -> None:
    score = read_tune("X:1\nM:7/8\nL:1/16\nK:G\nC5D9E7|(3FGA B11 c-|c9 d5|").score
    pieces = [e.piece for bar in notate(score).bars for e in bar.staves[0][0]]
    for number, note in enumerate(score.notes):
        mine = [piece for piece in pieces if number in piece.notes]
        assert mine[0].start == note.start
        assert sum((piece.length for piece in mine), Fraction(0)) == note.length
        assert [p.tied_on for p in mine] == [True] * (len(mine) - 1) + [False]


def test_tuplets_of_any_number_are_marked_at_their_ends() -> None:
    found = events("M:4/4\nK:C\n(3CDE (5C/D/E/F/G/ (3C2D2E2|")
    ends = [e.piece.tuplet for e in found]
    assert ends == ["start", "", "stop", "start", "", "", "", "stop", "start", "", "stop"]
    assert [e.piece.actual for e in found] == [3] * 3 + [5] * 5 + [3] * 3
    assert [shorthand(e) for e in found] == ["e"] * 3 + ["t"] * 5 + ["q"] * 3


@pytest.mark.parametrize(
    ("abc", "beams"),
    [
        ("M:4/4\nK:C\nCDEF GABc|", [4, 4]),
        ("M:4/4\nK:C\nCDE/F/G GABc|", [2, 3, 4]),  # sixteenths show the beats
        ("M:6/8\nK:C\nCDE FGA|", [3, 3]),
        ("M:3/4\nK:C\nCDEFGA|", [2, 2, 2]),
        ("M:2/4\nK:C\nCD zE|", [2]),
        ("M:7/8\nK:C\nCDEFGAB|", [2, 2, 3]),
        ("M:2/2\nK:C\nCDEF GABc|", [4, 4]),
    ],
)
def test_beams_show_the_groups_of_the_metre(abc: str, beams: list[int]) -> None:
    numbers = [e.piece.beam for e in events(abc) if e.piece.beam >= 0]
    assert [numbers.count(each) for each in dict.fromkeys(numbers)] == beams


def test_an_accidental_is_written_once_a_bar_and_line() -> None:
    found = events("M:4/4\nL:1/4\nK:D\n=c c ^c c'|=c c- c|^f =f f' ^f|")
    signs = [e.heads[0].accidental for e in found if e.heads]
    # Bar 1: natural, nothing, sharp again; c' is another line and sharp by the key.
    assert signs[:4] == [0, None, 1, None]
    assert signs[4:6] == [0, None]  # the tied notes are one
    # In ABC a natural holds in every octave; in print f' needs its own.
    assert signs[6:] == [None, 0, 0, 1]


def test_a_tie_carries_its_accidental_over_the_bar_line() -> None:
    found = events("M:2/4\nL:1/4\nK:C\nc ^c-|c c|")
    signs = [e.heads[0].accidental for e in found]
    assert signs[:3] == [None, 1, None]
    assert found[3].heads[0].spelled.alter == 0


def test_clefs_follow_the_range() -> None:
    assert clef_for([64, 72, 76]) is TREBLE
    assert clef_for([40, 48, 55]) is BASS
    assert clef_for([52, 60, 66]) is TENOR
    assert clef_for([]) is TREBLE


def test_overlapping_notes_of_a_voice_stand_in_layers() -> None:
    score = Score((Note(60, Fraction(0), Fraction(4)), Note(72, Fraction(1), Fraction(1))),
                  meter=(4, 4))  # fmt: skip
    bar = notate(score).bars[0]
    assert [[shorthand(e) for e in layer] for layer in bar.staves[0]] == [
        ["w"], ["rq", "q", "rh"],
    ]  # fmt: skip


def test_bars_without_end_are_cut() -> None:
    score = Score((Note(60, Fraction(0), Fraction(100)),), bar_starts=(Fraction(0),))
    assert len(notate(score).bars) == 25


# Places


def sheet(abc: str, width: float = 90.0) -> Sheet:
    return lay_out(written(abc), width)


LONG = "M:4/4\nK:D\nT:Long\n" + "d2 fd (3efg e>f|c4- c3 e|G8|_B2d2f2 z2|" * 8 + "\n"


def test_lines_fill_the_width_and_stay_inside() -> None:
    page = sheet(LONG)
    assert len(page.systems) > 3
    ends = [system.times[-1][1] for system in page.systems]
    assert ends[:-1] == pytest.approx([88.0] * (len(ends) - 1), abs=0.01)
    for system in page.systems:
        strokes = [mark for mark in system.marks if isinstance(mark, Stroke)]
        assert all(1.0 <= s.x1 <= 88.1 and s.x2 <= 88.1 for s in strokes)
    tops = [(system.top, system.bottom) for system in page.systems]
    assert all(before[1] <= after[0] for before, after in pairwise(tops))


def test_a_narrow_page_has_more_lines_of_the_same_notes() -> None:
    wide, narrow = sheet(LONG, 140), sheet(LONG, 40)
    assert len(narrow.systems) > len(wide.systems)
    for page in (wide, narrow):
        shown = {box.note for system in page.systems for box in system.boxes}
        assert shown == set(range(len(written(LONG).score.notes)))


def test_times_and_places_agree() -> None:
    page = sheet(LONG)
    for beats in (0.0, 3.5, 17.0, 63.25):
        system = page.systems[page.system_of(beats)]
        assert system.beats_at(system.x_at(beats)) == pytest.approx(beats, abs=1e-6)
    xs = [x for _beats, x in page.systems[0].times]
    assert xs == sorted(xs)


def test_a_head_is_hit_and_the_space_beside_it_is_not() -> None:
    page = sheet(LONG)
    box = page.systems[1].boxes[3]
    assert page.note_at(box.x + 0.5, box.y + 0.5) == box.note
    assert page.note_at(box.x + 0.5, box.y + 9.0) != box.note
    assert lay_out(notate(Score()), 90).note_at(5, 5) == -1


def test_heads_stand_on_their_lines() -> None:
    page = sheet("M:4/4\nK:C\nE4 F4|c4 f4|")
    system = page.systems[0]
    bottom = system.staff_top + 4
    ys = [box.y + 0.5 for box in system.boxes]
    # E is the lowest line, F the space above, c the third space, f the highest line.
    assert ys == [bottom, bottom - 0.5, bottom - 2.5, bottom - 4]


def test_stems_point_away_from_the_middle_line() -> None:
    page = sheet("M:4/4\nK:C\nE2 z2 a2 z2|")
    system = page.systems[0]
    stems = [m for m in system.marks if isinstance(m, Stroke) and m.x1 == m.x2
             and abs(m.width - 0.13) < 1e-9]  # fmt: skip
    low, high = sorted(stems, key=lambda stem: stem.x1)
    assert low.y2 < low.y1
    assert high.y2 > high.y1


def test_flags_beams_and_ties_are_drawn() -> None:
    marks = [m for s in sheet("M:4/4\nK:C\nC z DE FGAB-|B8|").systems for m in s.marks]
    assert [m.name for m in marks if isinstance(m, Glyph)].count("flagUp") == 1
    assert len([m for m in marks if isinstance(m, Shape)]) == 2
    assert len([m for m in marks if isinstance(m, Arc)]) == 1


def test_a_tie_over_the_end_of_a_line_has_two_halves() -> None:
    page = sheet("M:4/4\nK:C\n" + "c8-|" * 20 + "c8|\n", 50)
    assert len(page.systems) > 1
    arcs = [m for s in page.systems for m in s.marks if isinstance(m, Arc)]
    assert len(arcs) == 20 + len(page.systems) - 1


def test_four_voices_stand_on_two_or_four_staves() -> None:
    tracks = tuple(Track(v, name) for v, name in enumerate(("S", "A", "T", "B")))
    notes = tuple(Note(72 - 7 * v, Fraction(at), Fraction(1), voice=v)
                  for v in range(4) for at in range(8))  # fmt: skip
    score = Score(notes, meter=(4, 4), tracks=tracks)
    two = notate(score, [[0, 1], [2, 3]])
    assert [staff.clef.name for staff in two.staves] == ["treble", "bass"]
    heights = [lay_out(each, 90).systems[0] for each in (two, notate(score))]
    spans = [system.staff_bottom - system.staff_top for system in heights]
    assert spans[0] < spans[1]
    boxes = heights[0].boxes
    assert {box.note for box in boxes} == set(range(32))
