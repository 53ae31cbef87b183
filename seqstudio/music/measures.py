"""Numbers about tunes and scores. Show the training set's value beside the sample's.

Each function says in its docstring what it measures; none of them measures beauty.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seqstudio.music.abc import Tune
    from seqstudio.music.score import Note

_MAJOR_SCALE = frozenset((0, 2, 4, 5, 7, 9, 11))


def valid_share(tunes: Sequence[Tune]) -> float:
    """Return the share of tunes that can be used: those with a key and at least one note.

    0 to 1; NaN without tunes.
    """
    return _share(not tune.broken for tune in tunes)


def clean_share(tunes: Sequence[Tune]) -> float:
    """Return the share of tunes that can be used and in which the reader found no problem.

    0 to 1; NaN without tunes. Never above `valid_share`.
    """
    return _share(not tune.broken and not tune.problems for tune in tunes)


def full_bar_share(tunes: Iterable[Tune]) -> float:
    """Return the share of written bars that fill their metre, over all bars of all tunes.

    A bar counts as full when its notes and rests add up to the metre in force. A pickup, and two
    short bars that make one full bar across a repeat sign or double bar, count as full. Bars in
    free metre are left out. 0 to 1; NaN without bars.
    """
    return _share(bar.complete for tune in tunes for bar in tune.bars if bar.expected is not None)


def pitch_class_entropy(notes: Iterable[Note]) -> float:
    """Return the entropy in bits of the pitch classes, every note counted once.

    -Σ p_c log2 p_c over the twelve classes: 0 for one pitch class, log2 12 = 3.58 for all alike.
    NaN without notes.
    """
    counts = Counter(note.pitch % 12 for note in notes)
    total = counts.total()
    if not total:
        return float("nan")
    return sum(count / total * log2(total / count) for count in counts.values())


def scale_consistency(notes: Iterable[Note]) -> float:
    """Return the largest share of notes that lie in one major or natural minor scale.

    The 24 scales are twelve sets of seven pitch classes, so a tune in any church mode without
    accidentals has 1. NaN without notes.
    """
    counts = Counter(note.pitch % 12 for note in notes)
    total = counts.total()
    if not total:
        return float("nan")
    inside = [
        sum(count for pitch, count in counts.items() if (pitch - tonic) % 12 in _MAJOR_SCALE)
        for tonic in range(12)
    ]
    return max(inside) / total


def pitch_range(notes: Iterable[Note]) -> tuple[int, int] | None:
    """Return the lowest and the highest pitch, None without notes."""
    pitches = [note.pitch for note in notes]
    return (min(pitches), max(pitches)) if pitches else None


@dataclass(frozen=True, slots=True)
class Copy:
    """The longest passage that two texts share, in characters.

    Attributes:
        length: Characters, 0 when nothing is shared.
        start: Where it begins in the sample.
        training_start: Where it first ends up complete in the training text, its beginning.
    """

    length: int
    start: int
    training_start: int


def longest_copy(sample: str, training: str) -> Copy:
    """Return the longest verbatim passage of `sample` that stands in `training`.

    Every character counts, headers, spaces and line breaks too. Time and memory are linear:
    a suffix automaton of the sample is walked along the training text, about 0.3 s a million
    characters.

    Source:
        Blumer et al. 1985, "The smallest automaton recognizing the subwords of a text".
    """
    steps, links, lengths, ends = _suffix_automaton(sample)
    best, best_state, best_end = 0, 0, 0
    state = length = 0
    for at, char in enumerate(training):
        while state and char not in steps[state]:
            state = links[state]
            length = lengths[state]
        following = steps[state].get(char)
        if following is None:
            continue
        state, length = following, length + 1
        if length > best:
            best, best_state, best_end = length, state, at + 1
    return Copy(best, ends[best_state] - best, best_end - best)


def _suffix_automaton(
    text: str,
) -> tuple[list[dict[str, int]], list[int], list[int], list[int]]:
    """Return transitions, suffix links, longest lengths and first ends of every state."""
    steps: list[dict[str, int]] = [{}]
    links, lengths, ends = [-1], [0], [0]
    last = 0
    for at, char in enumerate(text, start=1):
        new = len(steps)
        steps.append({})
        links.append(0)
        lengths.append(at)
        ends.append(at)
        state = last
        while state >= 0 and char not in steps[state]:
            steps[state][char] = new
            state = links[state]
        if state >= 0:
            target = steps[state][char]
            if lengths[target] != lengths[state] + 1:
                target = _split(steps, links, lengths, ends, state, char)
            links[new] = target
        last = new
    return steps, links, lengths, ends


def _split(
    steps: list[dict[str, int]],
    links: list[int],
    lengths: list[int],
    ends: list[int],
    state: int,
    char: str,
) -> int:
    """Clone the state that `char` leads to, for the shorter suffixes, and return the clone."""
    old = steps[state][char]
    clone = len(steps)
    steps.append(dict(steps[old]))
    links.append(links[old])
    lengths.append(lengths[state] + 1)
    ends.append(ends[old])
    links[old] = clone
    while state >= 0 and steps[state].get(char) == old:
        steps[state][char] = clone
        state = links[state]
    return clone


def _share(flags: Iterable[bool]) -> float:
    counted = list(flags)
    return sum(counted) / len(counted) if counted else float("nan")
