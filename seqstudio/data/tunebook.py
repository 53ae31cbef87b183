"""A book of tunes in ABC as a text to learn: usable tunes only, none in both parts."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate

from seqstudio.core.errors import DataError
from seqstudio.music.abc import read_tune, split_book, transpose

KEYS = (0, 1, 2, 3, 4, 5, 6, -5, -4, -3, -2, -1)
"""Semitones of the twelve keys, the tune's own first."""

SMALL_BOOK = 100_000
"""Below this many characters a book is transposed unless the settings say otherwise."""

BETWEEN = "\n\n"
"""Ends every tune: an empty line, which ABC asks for and a model learns as the end."""

_FIELD = re.compile(r"[A-Za-z+]:")


@dataclass(frozen=True)
class Book:
    """A split book.

    Attributes:
        train: The tunes to learn, in their own keys, in the book's order.
        valid: The held-out tunes, the end of the book.
        notes: Sentences about what was left out.
    """

    train: tuple[str, ...]
    valid: tuple[str, ...]
    notes: tuple[str, ...]


def split(text: str, held_out: float, title: str) -> Book:
    """Take the usable tunes of a book and hold its end out.

    The border is the one between two tunes that lies nearest to the share `held_out` from the
    end. A tune whose music stood earlier in the book is left out, so that nothing that is held
    out can have been learnt by heart.

    Raises:
        DataError: Fewer than two usable tunes; the reasons are named.
    """
    found = split_book(text)
    usable, notes = _usable([tune.text.strip() for tune in found])
    outside = _ink(text) - sum(_ink(tune.text) for tune in found)
    if outside > 0:
        notes.append(f"{outside:,} characters outside tunes left out")
    if len(usable) < 2:
        raise DataError(
            f"{title} has too few tunes to learn from",
            f"{len(usable)} of {len(found)} can be used"
            + "".join(f"; {note}" for note in notes if found),
            "Choose a book in ABC notation: each tune starts with X: and has a K: line",
        )
    cut = _border([len(tune) for tune in usable], held_out)
    return Book(tuple(usable[:cut]), tuple(usable[cut:]), tuple(notes))


def in_all_keys(tunes: tuple[str, ...]) -> str:
    """Write tunes in twelve keys, from five semitones below to six above.

    The book is repeated key by key, not tune by tune: a model whose state is carried on must not
    find the same tune a few lines back.
    """
    return join([transpose(tune, semitones) for semitones in KEYS for tune in tunes])


def join(tunes: list[str] | tuple[str, ...]) -> str:
    """Return the tunes as one text, each with an empty line after it."""
    return "".join(tune.strip() + BETWEEN for tune in tunes)


def _usable(tunes: list[str]) -> tuple[list[str], list[str]]:
    """Return the tunes worth learning and notes about the others."""
    usable: dict[str, str] = {}
    broken: Counter[str] = Counter()
    for tune in tunes:
        reason = read_tune(tune).broken.removeprefix("it has ")
        if not reason and _music(tune) in usable:
            reason = "same music as an earlier tune"
        if reason:
            broken[reason] += 1
        else:
            usable[_music(tune)] = tune
    return list(usable.values()), _skipped(broken, len(tunes))


def _skipped(broken: Counter[str], tunes: int) -> list[str]:
    if not broken:
        return []
    reasons = [f"{reason} ({count:,})" for reason, count in broken.most_common(6)]
    others = broken.total() - sum(count for _reason, count in broken.most_common(6))
    if others:
        reasons.append(f"other reasons ({others:,})")
    return [f"{broken.total():,} of {tunes:,} tunes skipped: {', '.join(reasons)}"]


def _music(tune: str) -> str:
    """Return the notes alone: no title or number, no space, no comment."""
    lines = (line.partition("%")[0] for line in tune.splitlines() if not _FIELD.match(line))
    return "".join("".join(lines).split())


def _border(sizes: list[int], held_out: float) -> int:
    """Return how many tunes come before the border, at least one on either side."""
    ends = list(accumulate(size + len(BETWEEN) for size in sizes))
    target = ends[-1] * (1 - held_out)
    return min(range(1, len(sizes)), key=lambda count: abs(ends[count - 1] - target))


def _ink(text: str) -> int:
    return len("".join(text.split()))
