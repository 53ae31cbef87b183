"""What codings made of words share: pieces, bars on a grid, and what is wrong with a text.

A word is a sign with the white space behind it: "bar ", "p60 ". A piece begins with "piece "
and closes with "end" and a line break; in between stand signs for metre, key and tempo where
they are not the usual ones, then the music.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from typing_extensions import override

from seqstudio.music.abc import Bar, Problem, Tune, TuneText
from seqstudio.music.codings.coding import Coding
from seqstudio.music.keys import parse_key, pitch_name
from seqstudio.music.score import DEFAULT_TEMPO_BPM, Note, Score

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OPENING = "piece "
END = "end\n"
FREE_BAR_BEATS = 4
"""Beats of a bar where there is no metre."""

TEMPOS_BPM = (
    30, 36, 42, 48, 54, 60, 66, 72, 80, 88, 96, 104, 112, 120, 132, 144, 160, 176, 192, 208, 240,
    280,
)  # fmt: skip
"""Classes of tempo, in quarter notes a minute."""

_WORD = re.compile(r"\S+\s?|\s")
_PIECE = re.compile(r"(?<!\S)piece(?=\s)")
_METER = re.compile(r"m(\d{1,2})/(\d{1,2})")
_MOST_PROBLEMS = 200


def tempo_class(bpm: float) -> int:
    """Return the class of a tempo: the nearest by ratio."""
    return min(TEMPOS_BPM, key=lambda each: max(each / bpm, bpm / each))


def name_of(pitch: int) -> str:
    """Return a pitch in words with its octave, "C4" for 60."""
    return f"{pitch_name(pitch)}{pitch // 12 - 1}"


PITCHES = {name_of(pitch): pitch for pitch in range(128)}
"""Pitches by name."""


class WordCoding(Coding):
    """A coding made of words with one white space behind each."""

    opening = OPENING

    @override
    def tokens(self, text: str) -> list[str]:
        return _WORD.findall(text)

    @override
    def split(self, text: str) -> list[TuneText]:
        starts = [match.start() for match in _PIECE.finditer(text)]
        if text.strip() and (not starts or text[: starts[0]].strip()):
            starts.insert(0, 0)
        return [
            TuneText(text[start:end], start, None, "")
            for start, end in pairwise([*starts, len(text)])
        ]


@dataclass
class Reading:
    """What has been read of a piece so far.

    Attributes:
        per_beat: Steps of the grid in a beat.
        bars: (first step, steps said or None, steps of the metre or None) of each bar.
    """

    text: str
    per_beat: int
    meter: tuple[int, int] | None = None
    key: str = "none"
    tempo_bpm: float = DEFAULT_TEMPO_BPM
    notes: list[Note] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def words(self) -> Iterator[tuple[str, int, int]]:
        """Yield each sign of the piece with its range, up to its end."""
        for match in _WORD.finditer(self.text):
            word = match[0].strip()
            if word == "end" or (word == "piece" and match.start()):
                return
            if word and word != "piece":
                yield word, match.start(), match.start() + len(word)

    def report(self, offset: int, message: str) -> None:
        """Note that something is wrong; after 200 nobody reads on."""
        if len(self.problems) < _MOST_PROBLEMS:
            line = self.text.count("\n", 0, offset) + 1
            column = offset - self.text.rfind("\n", 0, offset)
            self.problems.append(Problem(line, column, message))

    def head(self, word: str) -> bool:
        """Take a sign for metre, key or tempo; False when it is none of them."""
        meter = _METER.fullmatch(word)
        if meter and int(meter[1]) and int(meter[2]):
            self.meter = int(meter[1]), int(meter[2])
        elif word[0] == "k" and len(word) > 1:
            self.key = parse_key(word[1:].replace("-", " "))[0].name
        elif re.fullmatch(r"t\d{2,3}", word) and 10 <= int(word[1:]) <= 999:
            self.tempo_bpm = float(word[1:])
        else:
            return False
        return True

    def tune(self, score: Score, bars: Sequence[Bar]) -> Tune:
        """Return what was read."""
        meter = "/".join(map(str, score.meter)) if score.meter else "none"
        broken = "" if score.notes else "it has no notes"
        header = {"M": meter, "K": score.key}
        return Tune(score, tuple(self.problems), header, tuple(bars), broken)


def head_words(score: Score) -> str:
    """Return the signs for metre, key and tempo where they are not the usual ones."""
    words = []
    if score.meter:
        words.append(f"m{score.meter[0]}/{score.meter[1]} ")
    key = parse_key(score.key)[0].name
    if key != "none":
        words.append(f"k{key.replace(' ', '-')} ")
    if tempo_class(score.tempo_bpm) != DEFAULT_TEMPO_BPM:
        words.append(f"t{tempo_class(score.tempo_bpm)} ")
    return "".join(words)


def full_steps(meter: tuple[int, int] | None, per_beat: int) -> Fraction:
    """Return the steps of a full bar."""
    beats = Fraction(4 * meter[0], meter[1]) if meter else Fraction(FREE_BAR_BEATS)
    return beats * per_beat


def bar_spans(score: Score, per_beat: int) -> list[tuple[int, int]]:
    """Return (first step, end) of every bar, without gaps from step 0 to the end of the score.

    Bars begin at the step nearest to where they begin in the score; what is longer than the
    metre behind the last one is cut into full bars.
    """
    full = max(1, -(-full_steps(score.meter, per_beat) // 1))
    end = -(-score.end_beats * per_beat // 1)
    end = max([end, *(max(round(note.start * per_beat) + 1, 0) for note in score.notes)])
    starts = sorted({round(start * per_beat) for start in score.bar_starts})
    starts = [start for start in starts if 0 <= start < end]
    if end and (not starts or starts[0]):
        starts.insert(0, 0)
    last = starts[-1] if starts else 0
    starts += range(last + full, end, full)
    return list(pairwise([*starts, end])) if starts else []


def bars_read(
    spans: Sequence[tuple[int, int]], full: Sequence[Fraction | None], good: Sequence[bool],
    per_beat: int,
) -> list[Bar]:  # fmt: skip
    """Return the bars of a piece.

    Args:
        spans: First step and end of each.
        full: Steps that the metre asks for, None in free metre.
        good: Whether what stands in the bar is in order.
        per_beat: Steps in a beat.

    A bar of another length than the metre's is complete when it is a pickup, or makes up a full
    bar with a neighbour.
    """
    lengths = [end - start for start, end in spans]
    right = [want is None or length == want for length, want in zip(lengths, full, strict=True)]
    pairs = [*pairwise(range(len(spans))), (len(spans) - 1, 0)] if len(spans) > 1 else []
    for left, after in pairs:
        want = full[left]
        if not right[left] and not right[after] and lengths[left] + lengths[after] == want:
            right[left] = right[after] = True
    first = full[0] if full else None
    if first is not None and lengths[0] < first:
        right[0] = True
    return [
        Bar(
            Fraction(start, per_beat),
            Fraction(end - start, per_beat),
            None if want is None else want / per_beat,
            is_right and is_good,
        )
        for (start, end), want, is_right, is_good in zip(spans, full, right, good, strict=True)
    ]
