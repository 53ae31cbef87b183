"""Prompts that a model of tunes can continue: headers as its training text has them. No Qt."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_FIELD = re.compile(r"^([A-Za-z]):[ \t]*(.*?)[ \t]*$", re.MULTILINE)
#: Fields that say something about the music; titles and notes on the source do not.
_KEPT = ("X", "T", "M", "L", "Q", "K")
_MOST_CHOICES = 24
_SCANNED = 400_000


@dataclass(frozen=True)
class BookStyle:
    """How the tunes of a training text begin.

    Attributes:
        fields: Letters of the fields of a header, in the order of the text, K last.
        keys: Values of K:, the most frequent first.
        meters: Values of M:, the most frequent first.
        unit: The most frequent value of L:, or "".
        tempo: The most frequent value of Q:, or "".
    """

    fields: tuple[str, ...]
    keys: tuple[str, ...]
    meters: tuple[str, ...]
    unit: str
    tempo: str

    def header(self, key: str = "", meter: str = "") -> str:
        """Return a header up to and with the K: line; "" takes the most frequent value."""
        values = {
            "X": "1",
            "T": "",
            "M": meter or (self.meters[0] if self.meters else "4/4"),
            "L": self.unit,
            "Q": self.tempo,
            "K": key or (self.keys[0] if self.keys else "C"),
        }
        return "".join(f"{letter}:{values[letter]}\n" for letter in self.fields)


def style_of(text: str) -> BookStyle:
    """Read the style from a training text, its first 400,000 characters."""
    found = _FIELD.findall(text[:_SCANNED])
    values: dict[str, Counter[str]] = {letter: Counter() for letter in _KEPT}
    places: dict[str, list[int]] = {letter: [] for letter in _KEPT}
    tunes = place = 0
    for letter, value in found:
        tunes, place = (tunes + 1, 0) if letter == "X" else (tunes, place + 1)
        if letter in values and value:
            values[letter][value] += 1
            places[letter].append(place)
    return BookStyle(
        fields=_usual_fields(places, max(tunes, 1)),
        keys=_common(values["K"]),
        meters=_common(values["M"]),
        unit=next(iter(_common(values["L"])), ""),
        tempo=next(iter(_common(values["Q"])), ""),
    )


def _usual_fields(places: dict[str, list[int]], tunes: int) -> tuple[str, ...]:
    """Return the fields that most tunes have, in their mean order, with X, M and K always."""
    usual = {letter for letter, seen in places.items() if len(seen) > tunes / 2} | set("XMK")

    def mean_place(letter: str) -> float:
        seen = places[letter] or [_KEPT.index(letter)]
        return sum(seen) / len(seen)

    middle = sorted(usual - {"X", "K"}, key=lambda letter: (mean_place(letter), letter))
    return ("X", *middle, "K")


def _common(counts: Counter[str]) -> tuple[str, ...]:
    return tuple(value for value, _ in counts.most_common(_MOST_CHOICES))


def in_style(prompt: str, style: BookStyle | None) -> str:
    """Return a prompt in ABC with a header as the tunes of a training text have it.

    Fields that they do not have are left out, and the key is written as they write it: "Em" for
    "E minor". What follows the header stays; a text without a header stays as it is.
    """
    header, found, music = prompt.partition("K:")
    key, line_end, notes = music.partition("\n")
    if not found:
        return prompt
    values = dict(_FIELD.findall(header))
    allowed = [*(style.fields if style is not None else ("X", "K"))]
    allowed[-1:-1] = [letter for letter in "ML" if letter not in allowed]  # notes are read by them
    kept = {letter: value for letter, value in values.items() if letter in allowed}
    if "T" in allowed:
        kept["T"] = ""
    order = [*(letter for letter in allowed if letter in kept and letter != "K")]
    lines = "".join(f"{letter}:{kept[letter]}\n" for letter in order)
    return f"{lines}K:{_short_key(key, style)}{line_end}{notes}"


def _short_key(key: str, style: BookStyle | None) -> str:
    """Return "E minor" as "Em", unless the training text writes it at length."""
    tonic, _, mode = key.strip().partition(" ")
    if style is not None and key.strip() in style.keys:
        return key.strip()
    short = {"major": "", "minor": "m", "dorian": "dor", "mixolydian": "mix"}
    return tonic + short.get(mode, mode)
