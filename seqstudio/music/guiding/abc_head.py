"""Which characters may come in the header of a tune in ABC."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

from seqstudio.music.abc_reader import parse_meter
from seqstudio.music.abc_voice import default_unit_beats
from seqstudio.music.guiding.abc_state import UNIT, Head
from seqstudio.music.keys import parse_key
from seqstudio.records.messages import Constraints

_FREE = "TRZSCNBO"
_MOST_LINES = 8
_MOST_VALUE = 60
_METERS = ("4/4", "C", "2/2", "C|", "3/4", "2/4", "6/8", "9/8", "12/8", "3/2", "6/4", "5/4", "7/8")
_UNITS = ("1/8", "1/16", "1/4")
_MODES = ("major", "minor", "dorian", "mixolydian", "lydian", "phrygian", "aeolian", "ionian")
_TONICS = tuple(letter + sign for letter in "CDEFGAB" for sign in ("", "#", "b"))


def unit_beats(meter: str, unit: str) -> Fraction:
    """Return the beats of the unit note that a header means."""
    above, _slash, below = unit.partition("/")
    if above.isdigit() and below.isdigit() and int(above) and int(below):
        return Fraction(4 * int(above), int(below))
    return default_unit_beats(parse_meter(meter)[1])


def full_ticks(meter: str, unit: Fraction) -> int:
    """Return the ticks of a bar; 0 in free metre, or where they are no whole number."""
    _understood, found = parse_meter(meter)
    if found is None:
        return 0
    exact = Fraction(4 * found[0], found[1]) / unit * UNIT
    return int(exact) if exact.denominator == 1 else 0


class Header:
    """The rules of a header.

    Args:
        constraints: What the tune has to keep to. A key that cannot be told is left to the notes.
        tells: Whether a field such as "M:6/8" can be written.
    """

    def __init__(self, constraints: Constraints, tells: Callable[[str], bool]) -> None:
        self._wants_meter = bool(constraints.meter)
        keys = _prefixes("K", _keys(constraints.key), tells)
        self._values = {
            "M": _prefixes("M", meters(constraints.meter), tells),
            "L": _prefixes("L", _units(constraints.meter), tells),
            "K": keys if keys[1] else _prefixes("K", _keys(""), tells),
        }

    def step(self, place: Head, char: str) -> Head | None:
        """Return the place after a character, None where it may not come.

        The line break behind K: leads to a place whose line still is that of the key.
        """
        line = place.line
        if not line:
            return place._replace(line=char) if self._may_begin(place, char) else None
        if len(line) == 1:
            return place._replace(line=line + char) if char == ":" else None
        if char == "\n":
            return self._ended(place) if self._complete(line) else None
        return place._replace(line=line + char) if self._value(line + char) else None

    def _may_begin(self, place: Head, letter: str) -> bool:
        if not place.lines:
            return letter == "X"
        if letter == "M":
            return not place.meter
        if letter == "L":
            return not place.unit
        if letter == "K":
            return bool(place.meter) or not self._wants_meter
        return letter in _FREE and place.lines < _MOST_LINES

    def _value(self, line: str) -> bool:
        letter, value = line[0], line[2:]
        if letter in self._values:
            return value in self._values[letter][0]
        if letter == "X":
            return value.isdigit() and len(value) <= 4
        return len(value) <= _MOST_VALUE and value.isprintable()

    def _complete(self, line: str) -> bool:
        letter, value = line[0], line[2:]
        return value in self._values[letter][1] if letter in self._values else bool(value)

    def _ended(self, place: Head) -> Head:
        letter, value = place.line[0], place.line[2:]
        if letter == "K":
            return place._replace(lines=place.lines + 1)
        found = place._replace(line="", lines=place.lines + 1)
        if letter == "M":
            return found._replace(meter=value)
        return found._replace(unit=value) if letter == "L" else found


def _prefixes(
    letter: str, values: Iterable[str], tells: Callable[[str], bool]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return every beginning of the values that can be written, and the values."""
    spelled = frozenset(value for value in values if tells(f"{letter}:{value}"))
    return frozenset(value[:n] for value in spelled for n in range(1, len(value) + 1)), spelled


def meters(wanted: str) -> list[str]:
    """Return how a metre can be written; without one, the usual metres."""
    if not wanted:
        return list(_METERS)
    meant = parse_meter(wanted)[1]
    return [wanted, *(each for each in _METERS if parse_meter(each)[1] == meant)]


def _units(meter: str) -> list[str]:
    return [unit for unit in _UNITS if not meter or full_ticks(meter, unit_beats("", unit))]


def _keys(wanted: str) -> list[str]:
    meant = parse_key(wanted)[0] if wanted else None
    spellings = [
        tonic + mode
        for tonic in _TONICS
        for name in _MODES
        for mode in (f" {name}", f" {name.title()}", name[:3], *_short(name))
    ]
    if meant is None:
        return spellings
    return [each for each in spellings if parse_key(each)[0] == meant] + [wanted]


def _short(mode: str) -> tuple[str, ...]:
    return {"major": ("",), "minor": ("m",)}.get(mode, ())
