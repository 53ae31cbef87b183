"""MIDI files from scores: one track for title, tempo, metre and key, one for every voice."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby, pairwise
from math import lcm
from typing import TYPE_CHECKING, Any

import mido

from seqstudio.music.keys import MODE_FIFTHS, Key, name_of, parse_key
from seqstudio.music.midi_reading import DRUMS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seqstudio.music.score import Note, Score

TICKS_PER_BEAT = 480
_MOST_TICKS_PER_BEAT = 32_767
_FINE_TICKS_PER_BEAT = 20_160  # 2⁶ · 3² · 5 · 7: every usual tuplet, and to 0.03 ms otherwise
_PITCHED = tuple(channel for channel in range(16) if channel != DRUMS)


def midi_bytes(score: Score) -> bytes:
    """Return a score as a type 1 MIDI file.

    A beat has 480 ticks, or more where the notes need them to lie exactly on a tick. The first
    track holds title, tempo and its changes, metre (every bar as long as in `bar_starts`) and key
    (modes other than minor become the major key of the same signature); every voice has a track
    with its name and program. Drums are on channel 10, other voices each on a channel of their
    own; beyond fifteen they share. Where a voice strikes a pitch that it still holds, the second
    note goes to a track of its own, or its end would be lost.
    """
    ticks_per_beat = _resolution(score)
    ticks = _Ticks(ticks_per_beat)
    file = mido.MidiFile(type=1, ticks_per_beat=ticks_per_beat, charset="utf-8")
    end_ticks = ticks(score.end_beats)
    file.tracks.append(_timed_track(_conductor(score, ticks), end_ticks))
    for line in _on_channels(_lines(score, ticks)):
        messages = [*_opening(line), *_note_messages(line, ticks)]
        file.tracks.append(_timed_track(messages, end_ticks))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _resolution(score: Score) -> int:
    times = [*(note.start for note in score.notes), *(note.end for note in score.notes)]
    times += [*(beat for beat, _bpm in score.tempos), *score.bar_starts]
    exact = TICKS_PER_BEAT
    for denominator in {time.denominator for time in times}:
        exact = lcm(exact, denominator)
        if exact > _MOST_TICKS_PER_BEAT:
            return _FINE_TICKS_PER_BEAT
    return exact


@dataclass(frozen=True, slots=True)
class _Ticks:
    """Ticks from beats."""

    per_beat: int

    def __call__(self, beats: Fraction) -> int:
        return round(beats * self.per_beat)

    def end(self, note: Note) -> int:
        """Return the end of a note, at least a tick behind its beginning."""
        return max(self(note.end), self(note.start) + 1)


# The first track


def _conductor(score: Score, ticks: _Ticks) -> list[tuple[int, Any]]:
    timed: list[tuple[int, Any]] = [
        (0, mido.MetaMessage("track_name", name=_sayable(score.title)))
    ]
    key = _midi_key(parse_key(score.key)[0])
    if key:
        timed.append((0, mido.MetaMessage("key_signature", key=key)))
    for beat, bpm in [(Fraction(0), score.tempo_bpm), *score.tempos]:
        micros = min(0xFFFFFF, max(1, round(60e6 / bpm)))
        timed.append((ticks(beat), mido.MetaMessage("set_tempo", tempo=micros)))
    for beat, (beats, unit) in _meters(score):
        message = mido.MetaMessage("time_signature", numerator=beats, denominator=unit)
        timed.append((ticks(beat), message))
    return sorted(timed, key=lambda each: each[0])


def _sayable(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8")


def _meters(score: Score) -> list[tuple[Fraction, tuple[int, int]]]:
    """Return (beat, metre) wherever the length of the bars changes."""
    meter = score.meter
    known = meter if meter and meter[0] < 256 and meter[1].bit_count() == 1 else None
    starts = sorted({Fraction(0), *score.bar_starts})
    found: list[tuple[Fraction, tuple[int, int]]] = []
    for start, end in pairwise(starts):
        fitting = _meter_of(end - start, known)
        if fitting and (not found or found[-1][1] != fitting):
            found.append((start, fitting))
    return found or ([(Fraction(0), known)] if known else [])


def _meter_of(bar_beats: Fraction, usual: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return the metre of a bar: the usual one if it fits, else in its unit or a finer one."""
    beats, unit = usual or (4, 4)
    if usual and bar_beats == Fraction(4 * beats, unit):
        return usual
    while unit <= 64:
        count = bar_beats * unit / 4
        if count.denominator == 1 and 1 <= count <= 64:
            return int(count), unit
        unit *= 2
    return None


def _midi_key(key: Key) -> str:
    if key.tonic is None or not -7 <= key.signature <= 7:
        return ""
    minor = key.mode == "minor"
    tonic = key.signature - (MODE_FIFTHS["minor"] if minor else 0)
    return name_of(tonic) + ("m" if minor else "")


# Voices


@dataclass(slots=True)
class _Line:
    """Notes of one voice of which none is struck while it sounds; a track of the file."""

    name: str
    program: int
    drums: bool
    notes: list[Note] = field(default_factory=list)
    ends: dict[int, int] = field(default_factory=dict)
    channel: int = DRUMS
    names_program: bool = False


def _lines(score: Score, ticks: _Ticks) -> list[_Line]:
    """Spread notes over lines: the first ones are the voices, what they cannot hold follows."""
    ordered = sorted(score.notes, key=lambda note: (note.voice, note.start, note.end))
    first: list[_Line] = []
    further: list[_Line] = []
    for voice, notes in groupby(ordered, lambda note: note.voice):
        lines: list[_Line] = []
        track = score.track(voice)
        for note in notes:
            free = (line for line in lines if line.ends.get(note.pitch, 0) <= ticks(note.start))
            line = next(free, None)
            if line is None:
                line = _Line(_sayable(track.name), track.program, track.drums)
                lines.append(line)
            line.notes.append(note)
            line.ends[note.pitch] = ticks.end(note)
        first.append(lines[0])
        further += lines[1:]
    return first + further


def _on_channels(lines: list[_Line]) -> list[_Line]:
    """Give every line its channel; beyond fifteen the one of its program, if there is one."""
    pitched = [line for line in lines if not line.drums]
    for order, line in enumerate(pitched):
        same = (each for each in pitched[: len(_PITCHED)] if each.program == line.program)
        alike = next(same, None) if order >= len(_PITCHED) else None
        line.channel = alike.channel if alike else _PITCHED[order % len(_PITCHED)]
    # Piano is what a channel begins with; it is named only where another program is near.
    named = {line.channel for line in lines if line.program}
    for line in lines:
        line.names_program = line.channel in named
    return lines


def _opening(line: _Line) -> list[tuple[int, Any]]:
    messages: list[Any] = []
    if line.name:
        messages.append(mido.MetaMessage("track_name", name=line.name))
    if line.names_program:
        messages.append(mido.Message("program_change", channel=line.channel, program=line.program))
    return [(0, message) for message in messages]


def _note_messages(line: _Line, ticks: _Ticks) -> list[tuple[int, Any]]:
    """Return (tick, message), sorted; at the same tick a note ends before another begins."""
    events = []
    for note in line.notes:
        events.append((ticks(note.start), 1, note.pitch, note.velocity))
        events.append((ticks.end(note), 0, note.pitch, 0))
    return [
        (
            tick,
            mido.Message(
                "note_on" if on else "note_off",
                channel=line.channel,
                note=pitch,
                velocity=velocity,
            ),
        )
        for tick, on, pitch, velocity in sorted(events)
    ]


def _timed_track(messages: Iterable[tuple[int, Any]], end_ticks: int) -> mido.MidiTrack:
    track = mido.MidiTrack()
    now = 0
    for tick, message in messages:
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, end_ticks - now)))
    return track
