"""Scores made by chance, and ABC text spoilt by chance."""

from __future__ import annotations

import random
from fractions import Fraction

from seqstudio.music.abc import read_tune, write_tune
from seqstudio.music.score import Note, Score, Track

_LENGTHS = tuple(
    Fraction(n, d) for n, d in ((1, 4), (1, 3), (1, 2), (3, 4), (1, 1), (3, 2), (3, 1))
)
_SIGNS = "ABCDEFGabcdefgz^_=,'/2348|:[]()>< \n-{}!\"+K~X"


def random_score(chance: random.Random, notes: int = 24, voices: int = 3) -> Score:
    """Return a score with several voices, overlapping notes and changes of the tempo."""
    made = []
    for voice in range(chance.randint(1, voices)):
        at = Fraction(0)
        for _ in range(chance.randint(1, notes)):
            length = chance.choice(_LENGTHS)
            held = length * chance.choice((1, 1, 1, 2))
            pitch, velocity = chance.randint(36, 90), chance.randint(1, 127)
            made.append(Note(pitch, at, held, velocity, voice))
            at += length * chance.choice((0, 1, 1, 1, 1))
    end = max(note.end for note in made)
    beats = sorted({Fraction(chance.randint(1, 4 * int(end) + 4), 4) for _ in range(3)})
    tempos = tuple((beat, float(chance.randint(50, 320))) for beat in beats if beat < end)
    tracks = tuple(
        Track(voice, program=chance.choice((0, 24, 32, 73)), drums=chance.random() < 0.1)
        for voice in range(voices)
    )
    bars = tuple(Fraction(4 * bar) for bar in range(int(end) // 4 + 1))
    return Score(
        tuple(made), float(chance.randint(60, 300)), (4, 4), bar_starts=bars,
        tempos=tempos, tracks=tracks,
    )  # fmt: skip


def spoilt_tune(chance: random.Random) -> Score:
    """Return what is read of a tune in ABC with a tenth of its characters changed."""
    text = list(write_tune(random_score(chance, voices=1)))
    for _ in range(max(1, len(text) // 10)):
        text[chance.randrange(len(text))] = chance.choice(_SIGNS)
    return read_tune("".join(text)).score
