"""Phrases that are played: on the grid, in their key, as the beginning of a text."""

from __future__ import annotations

from fractions import Fraction

import pytest

from seqstudio.core.errors import MusicError
from seqstudio.music.codings import CODINGS
from seqstudio.music.score import Note, Score
from seqstudio.studio.listen.phrase import (
    Phrase,
    barred,
    likely_key,
    melody_of,
    prompt_of,
)
from seqstudio.studio.listen.prompts import in_style, style_of

SCALE = (0, 2, 4, 5, 7, 9, 11, 12)
HARMONIC = (0, 2, 3, 5, 7, 8, 10, 12)


def played(pitches, bpm=100.0, late_s=0.0) -> Phrase:
    """Quarter notes by a person who lifts the finger early and is never quite on time."""
    phrase, beat_s = Phrase(), 60.0 / bpm
    for number, pitch in enumerate(pitches):
        wobble = 0.02 * (-1) ** number
        phrase.press(pitch, 90, number * beat_s + wobble + late_s)
        phrase.release(pitch, (number + 0.85) * beat_s + late_s)
    return phrase


def test_a_phrase_stands_on_the_grid_at_the_tempo_that_it_was_played_in() -> None:
    score = played([60 + step for step in SCALE]).score(100.0)
    assert [note.start for note in score.notes] == list(range(8))
    assert {note.length for note in score.notes[:-1]} == {Fraction(1)}
    assert score.bar_starts == (0, 4)
    assert score.end_beats == 8


def test_the_first_bar_begins_with_the_clock_where_there_is_one() -> None:
    phrase = played([60, 62], late_s=1.2)
    assert phrase.score(100.0, zero_s=0.0).notes[0].start == 2
    assert phrase.score(100.0).notes[0].start == 0
    assert not phrase.score(100.0, zero_s=60.0).notes


@pytest.mark.parametrize("tonic", range(12))
def test_the_key_of_a_scale_is_found(tonic: int) -> None:
    major = [Note(60 + tonic + s, Fraction(n), Fraction(1)) for n, s in enumerate(SCALE)]
    minor = [Note(60 + tonic + s, Fraction(n), Fraction(1)) for n, s in enumerate(HARMONIC)]
    names = ("C", "C#/Db", "D", "Eb/D#", "E", "F", "F#/Gb", "G", "Ab/G#", "A", "Bb/A#", "B")
    assert likely_key(major).split()[0] in names[tonic].split("/")
    assert likely_key(major).endswith("major")
    assert likely_key(minor).endswith("minor")
    assert likely_key(minor).split()[0] in names[tonic].split("/")


def test_the_highest_line_is_the_melody() -> None:
    notes = (Note(48, Fraction(0), Fraction(4), 80, 1), Note(72, Fraction(0), Fraction(2)),
             Note(74, Fraction(1), Fraction(1)))  # fmt: skip
    line = melody_of(Score(notes)).notes
    assert [(n.pitch, n.start, n.length) for n in line] == [(72, 0, 1), (74, 1, 1)]


@pytest.mark.parametrize("kind", list(CODINGS))
def test_every_coding_takes_a_phrase_as_the_beginning_of_a_text(kind: str) -> None:
    coding = CODINGS[kind]
    score = played([60 + step for step in SCALE]).score(100.0, key="C major")
    text = prompt_of(score, coding, melody=True)
    assert text.startswith(coding.opening)
    assert "".join(coding.tokens(text)) == text
    back = coding.read(text).score
    assert [note.pitch for note in back.notes][:8] == [60 + step for step in SCALE]
    whole = coding.write(score)
    assert whole.startswith(text.rstrip("|"))
    assert len(text) < len(whole)


def test_without_notes_there_is_no_prompt() -> None:
    with pytest.raises(MusicError):
        prompt_of(barred(Score()), CODINGS["abc"])


def test_one_tone_is_never_twice_at_a_time() -> None:
    phrase = Phrase()
    phrase.press(60, 90, 0.0)
    phrase.press(60, 90, 1.0)
    phrase.end(2.0)
    notes = phrase.score(60.0).notes
    assert [(n.start, n.length) for n in notes] == [(0, 1), (1, 1)]


def test_a_phrase_begins_as_the_tunes_of_the_book_do() -> None:
    book = "X:1\nT:One\nM:6/8\nL:1/8\nK:Em\nEFG|\n\nX:2\nT:Two\nM:6/8\nL:1/8\nK:D\nDEF|\n"
    long = "X:1\nT:Untitled\nM:4/4\nL:1/8\nQ:1/4=100\nK:E minor\nE2 F2|"
    assert in_style(long, style_of(book)) == "X:1\nT:\nM:4/4\nL:1/8\nK:Em\nE2 F2|"
    assert in_style(long, None) == "X:1\nM:4/4\nL:1/8\nK:Em\nE2 F2|"
    assert in_style("no header", None) == "no header"
