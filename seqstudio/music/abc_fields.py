"""Values of ABC fields: metre, tempo, parts, names and instruments of voices, lengths."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from seqstudio.music.abc_tokens import written_length
from seqstudio.music.score import Track

#: Lengths outside these come from damaged numbers, not from music.
SHORTEST_BEATS = Fraction(1, 1024)
LONGEST_BEATS = Fraction(256)
_SLOWEST_BPM, _FASTEST_BPM = 10, 1000
_MOST_PARTS = 256
_METER = re.compile(r"\(?\s*(\d{1,3}(?:\s*\+\s*\d{1,3}){0,7})\s*\)?\s*/\s*(\d{1,3})")
_FRACTION = re.compile(r"(\d{1,3})\s*/\s*(\d{1,3})")
_TEMPO = re.compile(r"=\s*(\d{1,4}(?:\.\d{1,3})?)|^\s*(\d{1,4}(?:\.\d{1,3})?)\s*$")
_SHIFT = re.compile(r"\b(octave|transpose)\s*=\s*([+-]?\d{1,2})")
_CLEF_OCTAVE = re.compile(r"(?:treble|bass|alto|tenor)[1-5]?([+-])8")
_PARTS = re.compile(r"([A-Za-z])|([()])|(\d{1,2})")
_NAME = re.compile(r'\b(?:name|nm)\s*=\s*(?:"([^"]{0,60})"|(\S{1,60}))')
_PROGRAM = re.compile(r"(?:%%)?\s*MIDI\s+program\s+(?:\d{1,2}\s+)?(\d{1,3})\s*$", re.ASCII)
_DRUM_CHANNEL = re.compile(r"(?:%%)?\s*MIDI\s+channel\s+10\s*$")


def parse_meter(value: str) -> tuple[bool, tuple[int, int] | None]:
    """Read the value of an M: field.

    Returns:
        Whether it was understood, and the metre, None for free metre.
    """
    stripped = value.strip()
    if stripped.startswith("C"):
        return True, (2, 2) if stripped.startswith("C|") else (4, 4)
    if stripped.lower() in ("", "none"):
        return True, None
    match = _METER.match(stripped)
    if match is None:
        return False, None
    beats = sum(int(part) for part in match[1].split("+"))
    unit = int(match[2])
    if not (1 <= beats <= 64 and unit in (1, 2, 4, 8, 16, 32, 64)):
        return False, None
    return True, (beats, unit)


def parse_unit(value: str) -> Fraction | None:
    """Return the value of an L: field in whole notes, None where it is no length."""
    match = _FRACTION.match(value)
    if match is None or not (int(match[1]) and int(match[2])):
        return None
    return Fraction(int(match[1]), int(match[2]))


def parse_tempo(value: str, unit_beats: Fraction) -> tuple[float | None, str]:
    """Read the value of a Q: field.

    Args:
        value: "1/4=120", "1/4 3/8=40" (the notes are summed), "120" (unit notes; ABC 2.1,
            section 9.1), with words in quotes.
        unit_beats: Length of a unit note in beats.

    Returns:
        Quarter notes a minute, None if it names none, and a complaint or "".
    """
    unquoted = re.sub(r'"[^"]*"', "", value)
    match = _TEMPO.search(unquoted)
    if match is None:
        return None, f"“{value[:20]}” is no tempo" if unquoted.strip() else ""
    parts = _FRACTION.findall(unquoted.split("=", 1)[0])
    beats = sum((Fraction(4 * int(a), int(b)) for a, b in parts if int(b)), Fraction(0))
    unit = beats or (Fraction(1) if match[1] else unit_beats)
    tempo_bpm = float(match[1] or match[2]) * float(unit)
    if _SLOWEST_BPM <= tempo_bpm <= _FASTEST_BPM:
        return tempo_bpm, ""
    return None, "a tempo lies between 10 and 1000 quarter notes a minute"


def parse_parts(value: str) -> str:
    """Return the parts in the order of playing that a P: field of the header names.

    "A2(BC)2" is "AABCBC"; at most 256 parts (ABC 2.1, section 3.1.9).
    """
    open_groups = [""]
    last = ""
    for letter, bracket, number in _PARTS.findall(value):
        if letter:
            last = letter
        elif number:
            # The group stands there once already.
            last *= max(int(number) - 1, 0)
        elif bracket == "(":
            open_groups.append("")
            last = ""
        elif len(open_groups) > 1:
            last = open_groups.pop()
        else:
            last = ""
        open_groups[-1] = (open_groups[-1] + last)[:_MOST_PARTS]
        last = last[:_MOST_PARTS]
    return "".join(open_groups)[:_MOST_PARTS]


def shift_semitones(value: str) -> int:
    """Return the semitones that octave=, transpose= and octave clefs of a field add."""
    shift = sum(int(n) * (12 if what == "octave" else 1) for what, n in _SHIFT.findall(value))
    clef = _CLEF_OCTAVE.search(value)
    return shift + (int(clef[1] + "12") if clef else 0)


class Players:
    """What the text says about who plays a voice: names in V:, programs as abc2midi has them."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._programs: dict[str, int] = {}
        self._drums: set[str] = set()

    def call(self, voice: str, field: str) -> None:
        """Take the name for people from the value of a V: field."""
        match = _NAME.search(field)
        if match:
            self._names[voice] = (match[1] or match[2] or "").strip()

    def direct(self, voice: str, directive: str) -> None:
        """Follow "%%MIDI program 40" and "%%MIDI channel 10"; of all voices before any ("")."""
        program = _PROGRAM.match(directive)
        if program and int(program[1]) <= 127:
            self._programs[voice] = int(program[1])
        elif _DRUM_CHANNEL.match(directive):
            self._drums.add(voice)

    def tracks(self, voices: list[str]) -> tuple[Track, ...]:
        """Return the voices of which the text says more than their notes."""
        tracks = [
            Track(
                number,
                self._names.get(name, ""),
                self._programs.get(name, self._programs.get("", 0)),
                bool(self._drums & {name, ""}),
            )
            for number, name in enumerate(voices)
        ]
        return tuple(track for track in tracks if track != Track(track.voice))


@lru_cache(maxsize=1024)
def written_beats(written: str, unit_beats: Fraction) -> tuple[Fraction, str]:
    """Return the length in beats of a written number and a complaint about it, or ""."""
    length = written_length(written)
    beats = (length or 1) * unit_beats
    bounded = min(max(beats, SHORTEST_BEATS), LONGEST_BEATS)
    if length is None:
        return bounded, "a length of zero"
    return bounded, "" if bounded == beats else "a length that no note has"
