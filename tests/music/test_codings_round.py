"""Codings of music: cutting into tokens, and the way from a score to tokens and back."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import pytest

from seqstudio.music.abc import read_tune, split_book
from seqstudio.music.codings import CODINGS
from seqstudio.music.codings.frames import frames_text, roll_in, roll_of
from seqstudio.music.codings.musical import plain_abc
from seqstudio.music.codings.voices import four_voices
from seqstudio.music.score import Note, Score, Track

BOOK = Path(__file__).parents[2] / "seqstudio" / "resources" / "tunes" / "traditional.abc"
METERS = [(4, 4), (3, 4), (6, 8), (2, 4), (9, 8)]
KEYS = ["C major", "G major", "A minor", "D dorian", "Bb major", "none"]
TEMPOS = [54, 80, 120, 144, 192]

Sounds = list[tuple[object, ...]]


def line(rng: random.Random, voice: int, beats: int, lengths: list[Fraction]) -> list[Note]:
    """Return a voice with one note at a time, with rests."""
    notes, at = list[Note](), Fraction(0)
    while True:
        length = rng.choice(lengths)
        if at + length > beats:
            return notes
        if rng.random() < 0.85:
            loud = 16 * rng.randint(1, 7)
            notes.append(Note(rng.randint(36, 84), at, length, loud, voice))
        at += length


def piece(rng: random.Random, kind: str) -> Score:
    """Return a random score that lies on the grid of a coding."""
    meter, bars = rng.choice(METERS), rng.randint(1, 6)
    bar = Fraction(4 * meter[0], meter[1])
    count = 1 if kind == "frames" else rng.randint(1, 4)
    grid = 12 if kind in ("events", "abc-tokens", "abc") else 4
    lengths = [Fraction(n, grid) for n in (1, 2, 3, 4, 6, 8, 12)]
    notes = [note for v in range(count) for note in line(rng, v, int(bar * bars), lengths)]
    notes = notes or [Note(60, Fraction(0), Fraction(1))]
    if kind == "frames":  # the same key twice in a row is one note there
        notes = [n for i, n in enumerate(notes) if not i or notes[i - 1].pitch != n.pitch]
        return Score(tuple(notes), end_beats=bar * bars)
    starts = tuple(bar * n for n in range(bars))
    tracks = tuple(Track(v, program=rng.choice([0, 40, 52])) for v in {n.voice for n in notes})
    return Score(
        tuple(notes), rng.choice(TEMPOS), meter, rng.choice(KEYS), "", starts, bar * bars,
        tracks=tracks if kind == "events" else (),
    )  # fmt: skip


def sounds(score: Score, *, loud: bool) -> Sounds:
    order = sorted({note.voice for note in score.notes})
    return [
        (n.pitch, n.start, n.length, order.index(n.voice), n.velocity if loud else 0)
        for n in score.notes
    ]


def check_round_trip(kind: str, count: int, seed: int) -> None:
    coding, rng = CODINGS[kind], random.Random(seed)
    for _ in range(count):
        score = piece(rng, kind)
        text = coding.write(score)
        assert "".join(coding.tokens(text)) == text
        tune = coding.read(text)
        assert not tune.problems, (text, tune.problems)
        assert not tune.broken
        assert sounds(tune.score, loud=kind == "events") == sounds(score, loud=kind == "events")
        assert all(bar.complete for bar in tune.bars), text
        if kind == "frames":
            continue
        assert (tune.score.meter, tune.score.key) == (score.meter, score.key)
        assert tune.score.bar_starts == score.bar_starts
        if kind in ("events", "voices"):
            assert tune.score.tempo_bpm == score.tempo_bpm
            assert tune.score.end_beats == score.end_beats
        if kind == "events":
            assert all(tune.score.track(v) == score.track(v) for v in score.voices)


@pytest.mark.parametrize("kind", ["abc-tokens", "events", "voices", "frames"])
def test_scores_on_the_grid_come_back(kind: str) -> None:
    check_round_trip(kind, 25, 1)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["abc-tokens", "events", "voices", "frames"])
def test_a_thousand_scores_come_back(kind: str) -> None:
    check_round_trip(kind, 1_000, 2)


@pytest.mark.parametrize("kind", ["abc", "abc-tokens", "events", "voices", "frames"])
def test_a_note_points_at_what_wrote_it(kind: str) -> None:
    coding = CODINGS[kind]
    score = piece(random.Random(4), kind)
    text = coding.write(score)
    ends, at = set[int](), 0
    for token in coding.tokens(text):
        at += len(token)
        ends |= {at, at - 1}  # with and without the white space behind it
    for note in coding.read(text).score.notes:
        assert note.source is not None
        start, end = note.source
        assert text[start:end].strip() == text[start:end] != ""
        assert end in ends or kind == "abc"


def test_tokens_of_abc_are_musical() -> None:
    text = "X:1\nM:6/8\nL:1/8\nK:A dorian\n|:^c'3/2[CE]2z>d'(3_B,,cd|1[K:D major]A-A:|2=f//|]\n\n"
    assert CODINGS["abc-tokens"].tokens(text) == [
        "X:1\n", "M:6/8\n", "L:1/8\n", "K:A dorian\n", "|:", "^c'", "3/2", "[", "C", "E", "]", "2",
        "z", ">", "d'", "(3", "_B,,", "c", "d", "|1", "[K:D major]", "A", "-", "A", ":|2", "=f",
        "//", "|]", "\n\n",
    ]  # fmt: skip


def test_stripping_a_tune_leaves_its_notes() -> None:
    tunes = [each.text for each in split_book(BOOK.read_text("utf-8"))][::6]
    tunes.append('X:1\nT:a b\nM:C|\nK:G clef=bass\nV:1\n"Em"{ab}!trill!B2 ~c>d (ef) | \n | g4 :|')
    for tune in tunes:
        plain, whole = read_tune(plain_abc(tune)), read_tune(tune)
        assert sounds(plain.score, loud=False) == sounds(whole.score, loud=False)
        assert plain.score.meter == whole.score.meter
        assert plain_abc(plain_abc(tune)) == plain_abc(tune)


def test_events_say_only_what_is_new() -> None:
    notes = (
        Note(60, Fraction(0), Fraction(1)),
        Note(64, Fraction(0), Fraction(1), 112, 1),
        Note(67, Fraction(9, 2), Fraction(1, 3), 112, 1),
    )
    score = Score(notes, 90, (4, 4), "G major", tempos=((Fraction(4), 60.0),))
    assert CODINGS["events"].write(score) == (
        "piece m4/4 kG-major t88 bar pos0 p60 d12 i1 v7 p64 d12 bar pos0 t60 pos6 p67 d4 end\n"
    )


def test_events_off_the_grid_go_to_the_nearest() -> None:
    notes = (
        Note(60, Fraction(1, 100), Fraction(1, 50), 83),
        Note(62, Fraction(103, 100), Fraction(101, 20), 127),
    )
    read = CODINGS["events"].read(CODINGS["events"].write(Score(notes, 123, (4, 4)))).score
    assert [(n.start, n.length, n.velocity) for n in read.notes] == [
        (0, Fraction(1, 12), 80), (1, 5, 127),
    ]  # fmt: skip
    assert read.tempo_bpm == 120


def test_a_pickup_keeps_its_place_in_events_and_voices() -> None:
    tune = read_tune("X:1\nM:3/4\nL:1/4\nK:C\nG|c2e|d2B|c2|]\n")
    for kind in ("events", "voices"):
        back = CODINGS[kind].read(CODINGS[kind].write(tune.score))
        assert back.score.bar_starts == tune.score.bar_starts
        assert sounds(back.score, loud=False) == sounds(tune.score, loud=False)
        assert all(bar.complete for bar in back.bars)


def test_four_voices_of_chords() -> None:
    chords = [[48, 52, 55, 60, 64], [50, 57, 65], [43]]
    notes = [
        Note(pitch, Fraction(beat), Fraction(1))
        for beat, chord in enumerate(chords)
        for pitch in chord
    ]
    voices = four_voices(Score(tuple(notes)))
    found = {(int(n.start), n.voice): n.pitch for n in voices.notes}
    assert found == {
        (0, 0): 64, (0, 1): 60, (0, 2): 55, (0, 3): 48,
        (1, 0): 65, (1, 1): 57, (1, 3): 50, (2, 0): 43,
    }  # fmt: skip


def test_frames_hold_what_a_model_of_frames_sees() -> None:
    score = piece(random.Random(3), "frames")
    for per_beat in (1, 4):
        roll = roll_of(score, per_beat)
        back, steps = roll_in(frames_text(roll, per_beat))
        assert steps == per_beat
        assert back.tolist() == roll.tolist()


BROKEN = {
    "events": "piece m4/4 kQ d4 bar pos0 p60 pos99 p200 d4 v9 i99 g5 x bar len3 len4 p6 d0 p7 d6",
    "voices": "piece - | C4 - . | C4 C4 C4 C4 C4 | | zz C4 E4 - -",
    "frames": "C4 E4 / zz C4 / beat2 / G9 D4",
    "abc-tokens": "X:1\nM:6/8\nL:1/8\nK:Q\n|:^c'3/2[CE2z>d'(3|1[K:D mA:|2=f//",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_text_is_read_as_far_as_it_goes(kind: str) -> None:
    text, coding = BROKEN[kind], CODINGS[kind]
    whole = coding.read(text)
    assert whole.problems
    assert whole.score.notes
    rng = random.Random(5)
    good = coding.write(piece(rng, kind))
    for _ in range(60):
        at = rng.randrange(len(good))
        damaged = good[:at] + rng.choice(["", "p", " ", "9", "|", "end\n"]) + good[at + 2 :]
        assert "".join(coding.tokens(damaged)) == damaged
        for each in coding.split(damaged):
            coding.read(each.text)
    for end in range(0, len(good), 7):  # as a text is while it is being written
        coding.read(good[:end])
        coding.has_music(good[:end])


@pytest.mark.parametrize("kind", ["abc-tokens", "events", "voices"])
def test_books_are_cut_into_pieces(kind: str) -> None:
    coding, rng = CODINGS[kind], random.Random(6)
    pieces = [coding.write(piece(rng, kind)) for _ in range(3)]
    book = "".join(pieces)
    assert [each.text for each in coding.split(book)] == pieces
    assert [each.offset for each in coding.split(book)] == [
        0, len(pieces[0]), len(pieces[0] + pieces[1]),
    ]  # fmt: skip
    assert all(each.startswith(coding.opening) for each in pieces)
    assert all(coding.has_music(each) for each in pieces)
    assert not coding.has_music(coding.opening)
