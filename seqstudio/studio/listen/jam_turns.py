"""Turns of a jam: a phrase becomes a prompt, what the model writes behind it an answer. No Qt.

The phrase is played by a person on the clock of `audio.jam`; the model goes on with its text in
the key and metre of the phrase; of what it writes as many bars are kept as the phrase had.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from seqstudio.core.errors import MusicError
from seqstudio.music.codings import Coding
from seqstudio.music.score import Note, Score
from seqstudio.records.messages import Constraints
from seqstudio.studio.listen.phrase import barred, likely_key, prompt_of
from seqstudio.studio.listen.wishes import Wish

MOST_BARS = 16
#: Tokens that a bar may take; more than an answer needs is cut off.
TOKENS_A_BAR = 80


@dataclass(frozen=True)
class Turn:
    """A phrase and what was asked for.

    Attributes:
        phrase: What was played, whole bars from 0.
        key: Key of the phrase.
        bars: Bars of the phrase, and of the answer.
        wish: What the model is asked.
    """

    phrase: Score
    key: str
    bars: int
    wish: Wish


def turn_of(phrase: Score, coding: Coding, wish: Wish, *, key: str = "", bars: int = 0,
            melody: bool = True, guided: bool = True) -> Turn:  # fmt: skip
    """Return what to ask after a phrase.

    Args:
        phrase: What was played.
        coding: How the model writes music.
        wish: Temperature and the like; its prompt, length and constraints are replaced.
        key: Key to keep to, "" for that of the phrase.
        bars: Bars of the answer, 0 for as many as the phrase has.
        melody: Keep the highest line alone.
        guided: Whether the model can be held to bars and key.

    Raises:
        MusicError: Nothing was played, or the coding cannot hold it.
    """
    if not phrase.notes:
        raise MusicError("Nothing was played", "", "Play a phrase")
    named = key or likely_key(phrase.notes)
    whole = barred(replace(phrase, key=named))
    own = min(MOST_BARS, len(whole.bar_starts))
    count = bars or own
    prompt = prompt_of(whole, coding, melody=melody)
    constraints = Constraints(bars=count) if guided else Constraints()
    if guided:
        meter = f"{whole.meter[0]}/{whole.meter[1]}" if whole.meter else ""
        constraints = replace(constraints, key=named, meter=meter, tonic=wish.constraints.tonic)
    return Turn(whole, named, count, replace(
        wish, prompt=prompt, length=TOKENS_A_BAR * count, constraints=constraints, live=False,
    ))  # fmt: skip


def answer_of(turn: Turn, written: str, coding: Coding) -> Score:
    """Return the bars that the model wrote behind a phrase, from beat 0 on.

    Args:
        turn: The phrase and what was asked.
        written: Prompt and what followed it, whole.
        coding: How the model writes music.

    Returns:
        At most `turn.bars` bars, at the tempo of the phrase; without notes when the model wrote
        none.
    """
    bar = _bar_beats(turn.phrase)
    begins = bar * len(turn.phrase.bar_starts)
    ends = begins + bar * turn.bars
    score = coding.read(written).score
    notes = tuple(
        Note(n.pitch, n.start - begins, min(n.end, ends) - n.start, n.velocity, n.voice)
        for n in score.notes
        if begins <= n.start < ends
    )
    starts = tuple(bar * number for number in range(turn.bars))
    return Score(notes, turn.phrase.tempo_bpm, turn.phrase.meter, turn.key, "Answer", starts,
                 bar * turn.bars)  # fmt: skip


def joined(turn: Turn, answer: Score) -> Score:
    """Return phrase and answer one after the other, for the log of turns."""
    begins = _bar_beats(turn.phrase) * len(turn.phrase.bar_starts)
    later = tuple(replace(note, start=note.start + begins, voice=0) for note in answer.notes)
    notes = (*turn.phrase.notes, *later)
    return barred(replace(turn.phrase, notes=notes, title="Jam"))


def _bar_beats(score: Score) -> Fraction:
    for first, second in pairwise(score.bar_starts):
        return second - first
    meter = score.meter or (4, 4)
    return Fraction(4 * meter[0], meter[1])
