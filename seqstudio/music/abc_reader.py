"""A tolerant reader of ABC 2.1 tunes, in time linear in the text.

What generated text gets wrong is reported and read over; reading goes on at the next token.
Grace notes, decorations, slurs and chord symbols are read and do not sound; D.C. signs are not
unfolded. Parts that the order in the header's P: leaves out are played at the end.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from seqstudio.music.abc_fields import (
    LONGEST_BEATS,
    Players,
    parse_meter,
    parse_parts,
    parse_tempo,
    parse_unit,
    shift_semitones,
    written_beats,
)
from seqstudio.music.abc_tokens import (
    MEMBER,
    TOKEN,
    Line,
    ending_numbers,
    field_value,
    tune_lines,
    tune_starts,
    written_length,
    written_letter,
)
from seqstudio.music.abc_voice import (
    Bar,
    Event,
    SoundingNote,
    Voice,
    default_unit_beats,
    tempo_changes,
)
from seqstudio.music.keys import NO_KEY, Accidentals, Key, Spelled, parse_key
from seqstudio.music.score import DEFAULT_TEMPO_BPM, Score

if TYPE_CHECKING:
    from seqstudio.music.score import Note

_MOST_REST_BARS = 64
_STANDARD_MARKS = frozenset(".~HLMOPSTuv")
_TUPLET_TIME = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
_BROKEN = {1: Fraction(1, 2), 2: Fraction(1, 4), 3: Fraction(1, 8)}


__all__ = ["Problem", "Tune", "parse_meter", "read_tune"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the text that is not good ABC; line and column count from 1."""

    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class Tune:
    """What reading one tune gave.

    Attributes:
        score: Notes as played, repeats written out.
        problems: In the order of the text.
        header: Values of the fields up to the first K:, by letter; repeated fields are joined
            by newlines.
        bars: Bars as written, voice by voice.
        broken: Why the tune is of no use (no notes, no key), or "".
    """

    score: Score
    problems: tuple[Problem, ...]
    header: dict[str, str]
    bars: tuple[Bar, ...]
    broken: str = ""


def read_tune(text: str) -> Tune:
    """Read one tune; whatever the text, return what can be understood of it.

    Args:
        text: A tune, usually from its X: line on. A tune without X: is read as well; of several
            tunes the first. Offsets in `Note.source` count from the beginning of this text.
    """
    starts = tune_starts(text)
    return _Reader(text[: starts[1]] if len(starts) > 1 else text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._found: list[tuple[int, str]] = []
        self._last_stray = -2
        self._header: dict[str, list[str]] = {}
        self._key: Key | None = None
        self._meter: tuple[int, int] | None = None
        self._unit: Fraction | None = None
        self._tempo_bpm: float | None = None
        self._shifts: dict[str, int] = {}
        self._parts = ""
        self._part = ""
        self._players = Players()
        self._marks = set(_STANDARD_MARKS)
        self._voices: dict[str, Voice] = {}
        self._voice: Voice | None = None

    def read(self) -> Tune:
        lines = list(tune_lines(self._text))
        first_key = next((i for i, line in enumerate(lines) if line.letter == "K"), -1)
        for index, line in enumerate(lines):
            if line.kind == "field":
                self._field_line(line, in_header=index <= first_key or first_key < 0)
            elif line.kind == "music" and index > first_key:
                self._music(line)
            elif line.kind == "comment":
                self._directive(self._text[line.start : min(line.end, line.start + 60)])
            elif line.kind == "music" and "H" not in self._header:
                self._report(line.start, "text before the key: music begins after K:")
        for voice in self._voices.values():
            self._close_bar(voice)
        return self._tune()

    def _report(self, offset: int, message: str) -> None:
        self._found.append((offset, message))

    # Fields

    def _field_line(self, line: Line, *, in_header: bool) -> None:
        value = field_value(self._text, line)
        if in_header:
            self._header.setdefault(line.letter, []).append(value)
        self._field(line.letter, value, line.start)

    def _field(self, letter: str, value: str, offset: int) -> None:
        reader = {
            "K": self._read_key,
            "M": self._read_meter,
            "L": self._read_unit,
            "Q": self._read_tempo,
            "V": self._read_voice,
            "P": self._read_part,
            "I": lambda text, _offset: self._directive(text[:60]),
            "U": self._read_mark,
        }.get(letter)
        if reader:
            reader(value, offset)

    def _read_key(self, value: str, offset: int) -> None:
        key, complaint = parse_key(value)
        if complaint:
            self._report(offset, f"K: {complaint}")
        shift = shift_semitones(value)
        if self._key is None:
            self._key = key
        if self._voice is None:
            self._key, self._shifts[""] = key, shift
        else:
            self._voice.accidentals.set_key(key)
            self._voice.shift = shift or self._voice.shift

    def _read_meter(self, value: str, offset: int) -> None:
        understood, meter = parse_meter(value)
        if not understood:
            self._report(offset, f"M: “{value[:20]}” is no metre")
            return
        if self._voice is None:
            self._meter = meter
        else:
            self._voice.meter = meter

    def _read_unit(self, value: str, offset: int) -> None:
        unit = parse_unit(value)
        if unit is None:
            self._report(offset, f"L: “{value[:20]}” is no note length")
            return
        if self._voice is None:
            self._unit = unit
        else:
            self._voice.unit = unit

    def _read_tempo(self, value: str, offset: int) -> None:
        tempo_bpm, complaint = parse_tempo(value, self._unit_beats())
        if complaint:
            self._report(offset, f"Q: {complaint}")
        if tempo_bpm is None:
            return
        begun = any(voice.begun for voice in self._voices.values())
        if not begun and (self._tempo_bpm is None or self._key is not None):
            self._tempo_bpm = tempo_bpm
        if self._voice is not None:
            self._voice.mark_tempo(tempo_bpm)

    def _read_part(self, value: str, _offset: int) -> None:
        if self._key is None:
            self._parts = parse_parts(value)
        elif self._parts:
            for voice in self._voices.values():
                self._close_bar(voice)
                voice.part = value[:1]
            self._part = value[:1]

    def _directive(self, text: str) -> None:
        self._players.direct(self._voice.name if self._voice else "", text)

    def _unit_beats(self) -> Fraction:
        return default_unit_beats(self._meter) if self._unit is None else self._unit * 4

    def _read_voice(self, value: str, offset: int) -> None:
        name = value.split(maxsplit=1)[0] if value else ""
        shift = shift_semitones(value)
        if shift:
            self._shifts[name] = shift
        self._players.call(name, value)
        if self._key is not None:
            self._voice = self._voice_called(name)
            if not name:
                self._report(offset, "V: names no voice")

    def _read_mark(self, value: str, _offset: int) -> None:
        if value[1:].lstrip().startswith("="):
            self._marks.add(value[0])

    def _voice_called(self, name: str) -> Voice:
        if name not in self._voices:
            accidentals = Accidentals(self._key or NO_KEY)
            voice = Voice(name, accidentals, self._meter, self._unit)
            voice.shift = self._shifts.get(name, 0) or self._shifts.get("", 0)
            voice.part = self._part
            self._voices[name] = voice
        return self._voices[name]

    # Music

    def _music(self, line: Line) -> None:
        if self._voice is None:
            self._voice = self._voice_called("")
        for match in TOKEN.finditer(self._text, line.start, line.end):
            kind = match.lastgroup or "stray"
            if kind in _SILENT:
                continue
            reader = getattr(self, f"_on_{kind}")
            reader(match, self._voice)

    def _on_inline(self, match: re.Match[str], _voice: Voice) -> None:
        self._field(match[0][1], match[0][3:-1].strip(), match.start())

    def _on_bare(self, match: re.Match[str], _voice: Voice) -> None:
        self._report(match.start(), f"a field inside music is written [{match[0]}]")
        self._field(match[0][0], match[0][2:].strip(), match.start())

    def _on_stray(self, match: re.Match[str], _voice: Voice) -> None:
        at = match.start()
        if at != self._last_stray + 1:
            self._report(at, f"“{match[0]}” means nothing here")
        self._last_stray = at

    def _on_mark(self, match: re.Match[str], _voice: Voice) -> None:
        if match[0] not in self._marks:
            self._on_stray(match, _voice)

    def _on_note(self, match: re.Match[str], voice: Voice) -> None:
        voice.accidentals.next_event()
        length = self._length(match["length"], match, voice)
        pitch = self._pitch(match, voice)
        source = (match.start(), match.end())
        notes = [] if pitch is None else [(pitch, Fraction(1), False, source)]
        voice.add(Event(length, notes))

    def _on_chord(self, match: re.Match[str], voice: Voice) -> None:
        voice.accidentals.next_event()
        base = match.start("members")
        lengths: list[Fraction] = []
        notes: list[SoundingNote] = []
        for member in MEMBER.finditer(self._text, base, match.end("members")):
            if member.lastgroup == "stray":
                self._report(member.start(), f"“{member[0]}” means nothing in a chord")
            elif member.lastgroup == "tie" and notes:
                pitch, share, _, source = notes[-1]
                notes[-1] = (pitch, share, True, source)
                self._carry_tie(source, voice)
            elif member.lastgroup == "note":
                lengths.append(self._length(member["length"], member, voice))
                pitch_or_none = self._pitch(member, voice)
                if pitch_or_none is not None:
                    source = (member.start(), member.end())
                    notes.append((pitch_or_none, lengths[-1] / lengths[0], False, source))
        if not lengths:
            self._report(match.start(), "a chord without notes")
            return
        times = self._length(match["chord_length"], match, voice) / voice.unit_beats
        voice.add(Event(min(times * lengths[0], LONGEST_BEATS), notes))

    def _pitch(self, match: re.Match[str], voice: Voice) -> int | None:
        letter, octave, written = written_letter(match)
        if written is not None:
            voice.accidentals.write(letter, written)
        alter = voice.accidentals.meaning(letter, octave) if written is None else written
        pitch = Spelled(letter, octave, alter).pitch + voice.shift
        if 0 <= pitch <= 127:
            return pitch
        self._report(match.start(), "a note outside the range of MIDI")
        return None

    def _length(self, written: str, match: re.Match[str], voice: Voice) -> Fraction:
        beats, complaint = written_beats(written, voice.unit_beats)
        if complaint:
            self._report(match.start(), complaint)
        return beats

    def _on_rest(self, match: re.Match[str], voice: Voice) -> None:
        voice.accidentals.next_event()
        if match["rest_kind"] in "zx":
            length = self._length(match["rest_length"], match, voice)
            voice.add(Event(length, []))
        else:
            voice.accidentals.next_bar()
            self._rest_bars(match, voice)

    def _rest_bars(self, match: re.Match[str], voice: Voice) -> None:
        count = written_length(match["rest_length"]) or Fraction(1)
        measure = voice.bar_beats
        if measure is None or count.denominator != 1 or count > _MOST_REST_BARS:
            self._report(match.start(), f"“{match[0]}” asks for no possible number of bars")
            return
        for _ in range(int(count) - 1):
            voice.layers[-1].append(Event(measure, []))
            self._close_bar(voice)
        voice.layers[-1].append(Event(measure, []))

    def _on_tuplet(self, match: re.Match[str], voice: Voice) -> None:
        number = int(match["p"])
        compound = voice.meter is not None and voice.meter[0] in (6, 9, 12)
        time = int(match["q"] or 0) or _TUPLET_TIME.get(number, 3 if compound else 2)
        if not 2 <= number <= 64 or time > 64:
            self._report(match.start(), f"“{match[0]}” is no tuplet")
            return
        voice.tuplet = Fraction(time, number)
        voice.tuplet_left = min(int(match["r"] or 0) or number, 64)

    def _on_broken(self, match: re.Match[str], voice: Voice) -> None:
        small = _BROKEN.get(len(match[0]))
        before = voice.last_event
        if small is None or before is None or voice.next_factor is not None:
            self._report(match.start(), f"“{match[0]}” needs a note before it in the bar")
            return
        long_first = match[0][0] == ">"
        before.length *= 2 - small if long_first else small
        voice.next_factor = small if long_first else 2 - small

    def _on_tie(self, match: re.Match[str], voice: Voice) -> None:
        last = voice.last_event
        if last is None or not last.notes:
            self._report(match.start(), "a tie needs a note before it in the bar")
            return
        last.notes = [(pitch, share, True, source) for pitch, share, _, source in last.notes]
        for _, _, _, source in last.notes:
            self._carry_tie(source, voice)

    def _carry_tie(self, source: tuple[int, int], voice: Voice) -> None:
        match = MEMBER.match(self._text, *source)
        if match is not None:
            letter, octave, written = written_letter(match)
            alter = voice.accidentals.meaning(letter, octave) if written is None else written
            voice.accidentals.tie(letter, octave, alter)

    def _on_overlay(self, match: re.Match[str], voice: Voice) -> None:
        if not voice.layers[-1]:
            self._report(match.start(), "& needs music before it in the bar")
            return
        voice.layers.append([])
        voice.next_factor = None

    # Bars

    def _on_bar(self, match: re.Match[str], voice: Voice) -> None:
        if match["bar_line"] == ":":
            self._on_stray(match, voice)
            return
        self._close_bar(voice)
        voice.mark_bar_line(match["bar_line"])
        if match["bar_numbers"]:
            voice.endings = ending_numbers(match["bar_numbers"])

    def _on_ending(self, match: re.Match[str], voice: Voice) -> None:
        self._close_bar(voice)
        voice.endings = ending_numbers(match["ending_numbers"])

    def _close_bar(self, voice: Voice) -> None:
        if voice.next_factor is not None:
            event = voice.last_event
            at = event.notes[-1][3][1] if event and event.notes else 0
            self._report(at, "a broken rhythm needs a second note in the bar")
        voice.close_bar()

    # Result

    def _tune(self) -> Tune:
        voices = [voice for voice in self._voices.values() if voice.bars]
        played = [voice.perform(number, self._parts) for number, voice in enumerate(voices)]
        notes = [note for part in played for note in part.notes]
        header = {letter: "\n".join(values) for letter, values in self._header.items()}
        tempo_bpm = self._tempo_bpm or DEFAULT_TEMPO_BPM
        end = max((part.end for part in played), default=Fraction(0))
        score = Score(
            notes=tuple(notes),
            tempo_bpm=tempo_bpm,
            tempos=tempo_changes(tempo_bpm, played, end),
            meter=voices[0].opening_meter if voices else self._meter,
            key=(self._key or NO_KEY).name,
            title=header.get("T", "").split("\n", 1)[0],
            bar_starts=played[0].bar_starts if played else (),
            end_beats=end,
            tracks=self._players.tracks([voice.name for voice in voices]),
        )
        bars = tuple(bar for part in played for bar in part.bars)
        return Tune(score, self._problems(), header, bars, self._why_broken(notes))

    def _why_broken(self, notes: list[Note]) -> str:
        if self._key is None:
            return "it has no key: a line K: with a key is missing"
        return "" if notes else "it has no notes"

    def _problems(self) -> tuple[Problem, ...]:
        breaks = [at for at, char in enumerate(self._text) if char == "\n"] if self._found else []
        problems = []
        for offset, message in sorted(self._found):
            line = bisect_right(breaks, offset - 1)
            column = offset - (breaks[line - 1] if line else -1)
            problems.append(Problem(line + 1, column, message))
        return tuple(problems)


_SILENT = frozenset({"space", "comment", "slur", "grace", "text", "decoration", "linebreak"})
