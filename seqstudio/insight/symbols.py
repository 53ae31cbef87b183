"""Kinds of symbols: vowels, capitals, parts of ABC notation, names of notes. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VOWELS = frozenset("aeiouAEIOUäöüÄÖÜàáâèéêëìíîïòóôùúûåæøœÅÆØŒ")
LETTER_CLASSES = ("vowel", "consonant", "digit", "punctuation", "space", "other")
CASES = ("capital", "small letter", "no case")
NOTE_LETTERS = ("C", "D", "E", "F", "G", "A", "B")
ABC_CLASSES = ("note", "length", "accidental", "octave", "bar line", "rest", "other")
_ABC = {
    **dict.fromkeys("ABCDEFGabcdefg", "note"),
    **dict.fromkeys("0123456789/<>", "length"),
    **dict.fromkeys("^_=", "accidental"),
    **dict.fromkeys(",'", "octave"),
    **dict.fromkeys("|:[]", "bar line"),
    **dict.fromkeys("zxZX", "rest"),
}
WAYS = {
    "letters": "Kind of character",
    "case": "Capitals",
    "abc": "Part of the notation",
    "pitch": "Pitch",
    "frequency": "Frequency",
}


@dataclass(frozen=True)
class Grouping:
    """Which group every symbol belongs to.

    Attributes:
        names: (G,) the groups.
        member: (V,) group of every symbol.
    """

    names: tuple[str, ...]
    member: NDArray[np.int64]


def letter_class(symbol: str) -> str:
    """Return the kind of a character."""
    if symbol.isspace():
        return "space"
    if symbol.isdigit():
        return "digit"
    if symbol.isalpha():
        return "vowel" if symbol in VOWELS else "consonant"
    return "punctuation" if symbol.isprintable() and symbol.isascii() else "other"


def case_class(symbol: str) -> str:
    """Return whether a character is a capital."""
    return "capital" if symbol.isupper() else "small letter" if symbol.islower() else "no case"


def abc_class(symbol: str) -> str:
    """Return what a character mostly is in ABC notation."""
    return _ABC.get(symbol, "other")


def note_letter(symbol: str) -> str:
    """Return the letter of a note, "c" in ABC or "C#4"; "no note" for anything else."""
    letter = symbol[:1].upper()
    plain = len(symbol) == 1 or symbol[1:].lstrip("#b-").isdigit()
    return letter if letter in NOTE_LETTERS and plain else "no note"


_GROUPS: dict[str, tuple[tuple[str, ...], Callable[[str], str]]] = {
    "letters": (LETTER_CLASSES, letter_class),
    "case": (CASES, case_class),
    "abc": (ABC_CLASSES, abc_class),
    "pitch": ((*NOTE_LETTERS, "no note"), note_letter),
}


def ways_for(symbols: Sequence[str], of: str, *, tunes: bool, counted: bool) -> tuple[str, ...]:
    """Return how symbols can be told apart, the most telling way first.

    Args:
        symbols: Their names.
        of: What they are, see `TableName.of`.
        tunes: Whether they are the characters of tunes in ABC.
        counted: Whether it is known how often each stands in the text.
    """
    found = list[str]()
    if of == "notes":
        found.append("pitch")
    elif of == "symbols" and all(len(symbol) == 1 for symbol in symbols):
        found += ["abc", "pitch", "case"] if tunes else ["letters", "case"]
    return (*found, "frequency") if counted else tuple(found)


def grouping(symbols: Sequence[str], way: str) -> Grouping:
    """Sort symbols into the groups of a way other than "frequency"; empty groups are left out."""
    names, of = _GROUPS[way]
    raw = [of(symbol) for symbol in symbols]
    used = tuple(name for name in names if name in raw)
    return Grouping(used, np.array([used.index(name) for name in raw], np.int64))
