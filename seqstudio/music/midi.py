"""Scores from MIDI files and back."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mido

from seqstudio.core.errors import DataError, MusicError
from seqstudio.core.files import read_bytes, write_atomic
from seqstudio.music.keys import MODE_FIFTHS, Key, name_of, parse_key
from seqstudio.music.midi_events import LARGEST_BYTES, RawSong, parse_midi
from seqstudio.music.score import Note, Score

if TYPE_CHECKING:
    from collections.abc import Iterable

TICKS_PER_BEAT = 480
LONGEST_S = 24 * 3600.0
_DRUMS = 9
_MOST_BARS = 8_000
_TEMPO_RANGE_BPM = (3.6, 6000.0)


@dataclass(frozen=True, slots=True)
class MidiReading:
    """A score and what was wrong with its file, in sentences without full stop."""

    score: Score
    warnings: tuple[str, ...]


def read_midi(source: bytes | str | Path) -> Score:
    """Return the score of a MIDI file; see `open_midi`."""
    return open_midi(source).score


def open_midi(source: bytes | str | Path) -> MidiReading:
    """Read a MIDI file tolerantly.

    Every pair of track and channel becomes a voice, in the order of the file; drums (channel
    10) are left out. A score has one tempo: where the file changes it, the mean that keeps the
    duration is taken. A file without metre is in 4/4, as the standard says.

    Args:
        source: The bytes of a file, or where it is.

    Raises:
        MusicError: It is no MIDI file, cannot be read, or lasts longer than 24 hours.
    """
    if isinstance(source, bytes):
        song = parse_midi(source)
    else:
        try:
            song = parse_midi(read_bytes(Path(source), LARGEST_BYTES))
        except DataError as error:
            raise MusicError(error.what, error.why, error.hint) from error
    score = _score(song)
    return MidiReading(score, tuple(song.warnings))


def _score(song: RawSong) -> Score:
    pitched = [note for note in song.notes if note.channel != _DRUMS]
    if len(pitched) < len(song.notes):
        song.warn("the drums on channel 10 are left out")
    places = sorted({(note.track, note.channel) for note in pitched})
    voices = {place: number for number, place in enumerate(places)}
    notes = tuple(
        Note(
            note.pitch,
            Fraction(note.start_ticks, song.ticks_per_beat),
            Fraction(note.end_ticks - note.start_ticks, song.ticks_per_beat),
            note.velocity,
            voices[note.track, note.channel],
        )
        for note in pitched
    )
    end_ticks = max([song.end_ticks, *(note.end_ticks for note in song.notes)])
    duration_s = _duration_s(song, end_ticks)
    if duration_s > LONGEST_S:
        raise MusicError(
            "the MIDI file is too long", f"it lasts {duration_s / 3600:,.0f} hours, 24 are read"
        )
    return Score(
        notes=notes,
        tempo_bpm=_mean_tempo(song, end_ticks, duration_s),
        meter=_meters(song)[0][1],
        key=_key_name(song),
        title=song.name,
        bar_starts=_bar_starts(song, end_ticks),
        end_beats=Fraction(end_ticks, song.ticks_per_beat),
    )


def _tempo_steps(song: RawSong) -> list[tuple[int, int]]:
    """Return (tick, microseconds a beat) from tick 0 on, impossible ones left out."""
    # By tick alone: of two tempos at one tick the later one in the file holds.
    steps = sorted((step for step in song.tempos if step[1] > 0), key=lambda step: step[0])
    if len(steps) < len(song.tempos):
        song.warn("a tempo of zero is left out")
    return steps if steps and steps[0][0] == 0 else [(0, 500_000), *steps]


def _duration_s(song: RawSong, end_ticks: int) -> float:
    steps = [*_tempo_steps(song), (end_ticks, 0)]
    spans = [
        (min(after, end_ticks) - min(tick, end_ticks)) * micros
        for (tick, micros), (after, _) in pairwise(steps)
    ]
    return sum(spans) / song.ticks_per_beat / 1e6


def _mean_tempo(song: RawSong, end_ticks: int, duration_s: float) -> float:
    steps = _tempo_steps(song)
    if len({micros for _, micros in steps}) > 1:
        song.warn("the tempo changes; the mean is taken")
    if duration_s > 0 and len(steps) > 1:
        tempo_bpm = 60.0 * end_ticks / song.ticks_per_beat / duration_s
    else:
        tempo_bpm = 60e6 / steps[-1][1]
    low, high = _TEMPO_RANGE_BPM
    return min(high, max(low, tempo_bpm))


def _meters(song: RawSong) -> list[tuple[int, tuple[int, int]]]:
    """Return (tick, metre) from tick 0 on; 4/4 where the file says nothing."""
    good = [
        (tick, (numerator, 2**exponent))
        for tick, numerator, exponent in sorted(song.meters, key=lambda meter: meter[0])
        if 1 <= numerator <= 64 and exponent <= 6
    ]
    if len(good) < len(song.meters):
        song.warn("an impossible metre is left out")
    return good if good and good[0][0] == 0 else [(0, (4, 4)), *good]


def _bar_starts(song: RawSong, end_ticks: int) -> tuple[Fraction, ...]:
    starts: list[Fraction] = []
    meters = [*_meters(song), (end_ticks, (4, 4))]
    for (tick, (numerator, denominator)), (after, _) in pairwise(meters):
        at = Fraction(tick, song.ticks_per_beat)
        stop = Fraction(min(after, end_ticks), song.ticks_per_beat)
        bar_beats = Fraction(4 * numerator, denominator)
        while at < stop and len(starts) < _MOST_BARS:
            starts.append(at)
            at += bar_beats
    return tuple(starts)


def _key_name(song: RawSong) -> str:
    for _, fifths, minor in sorted(song.keys, key=lambda key: key[0]):
        if -7 <= fifths <= 7:
            return f"{name_of(fifths + 3)} minor" if minor else f"{name_of(fifths)} major"
    return "none"


def write_midi(score: Score, path: str | Path) -> None:
    """Write a score as a MIDI file.

    Raises:
        StorageError: The file cannot be written; an old one stays.
    """
    write_atomic(Path(path), midi_bytes(score))


def midi_bytes(score: Score) -> bytes:
    """Return a score as a type 1 MIDI file of 480 ticks a beat.

    The first track holds title, tempo, metre and key (modes other than minor become the major
    key of the same signature); every voice has a track and a channel. Where a voice strikes a
    pitch that it still holds, the second note goes to a track of its own, or its end would be
    lost. Times are rounded to ticks, lengths to at least one.
    """
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT, charset="utf-8")
    end_ticks = _ticks(score.end_beats)
    file.tracks.append(_timed_track([(0, message) for message in _conductor(score)], end_ticks))
    channels = [channel for channel in range(16) if channel != _DRUMS]
    for order, notes in enumerate(_lines(score.notes)):
        channel = channels[order % len(channels)]
        file.tracks.append(_timed_track(_note_messages(notes, channel), end_ticks))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _ticks(beats: Fraction) -> int:
    return round(beats * TICKS_PER_BEAT)


def _conductor(score: Score) -> list[Any]:
    micros = min(0xFFFFFF, max(1, round(60e6 / score.tempo_bpm)))
    messages = [
        mido.MetaMessage("track_name", name=score.title),
        mido.MetaMessage("set_tempo", tempo=micros),
    ]
    meter = score.meter
    if meter and meter[0] < 256 and meter[1].bit_count() == 1:
        messages.append(
            mido.MetaMessage("time_signature", numerator=meter[0], denominator=meter[1])
        )
    key = _midi_key(parse_key(score.key)[0])
    if key:
        messages.append(mido.MetaMessage("key_signature", key=key))
    return messages


def _midi_key(key: Key) -> str:
    if key.tonic is None or not -7 <= key.signature <= 7:
        return ""
    minor = key.mode == "minor"
    tonic = key.signature - (MODE_FIFTHS["minor"] if minor else 0)
    return name_of(tonic) + ("m" if minor else "")


def _lines(notes: Iterable[Note]) -> list[list[Note]]:
    """Spread notes over lines in which no pitch is struck while it sounds.

    The first lines are the voices; what they cannot hold follows behind them.
    """
    by_voice = groupby(sorted(notes, key=lambda n: (n.voice, n.start, n.end)), lambda n: n.voice)
    first: list[list[Note]] = []
    further: list[list[Note]] = []
    for _, voice in by_voice:
        lines: list[tuple[list[Note], dict[int, int]]] = []
        for note in voice:
            line = next(
                (at for at in lines if at[1].get(note.pitch, 0) <= _ticks(note.start)), None
            )
            if line is None:
                line = ([], {})
                lines.append(line)
            line[0].append(note)
            line[1][note.pitch] = max(_ticks(note.end), _ticks(note.start) + 1)
        first.append(lines[0][0])
        further += [line for line, _ in lines[1:]]
    return first + further


def _note_messages(notes: Iterable[Note], channel: int) -> list[tuple[int, Any]]:
    """Return (tick, message), sorted; at the same tick a note ends before another begins."""
    events = []
    for note in notes:
        start = _ticks(note.start)
        end = max(_ticks(note.end), start + 1)
        events.append((start, 1, note.pitch, note.velocity))
        events.append((end, 0, note.pitch, 0))
    return [
        (
            tick,
            mido.Message(
                "note_on" if on else "note_off", channel=channel, note=pitch, velocity=velocity
            ),
        )
        for tick, on, pitch, velocity in sorted(events)
    ]


def _timed_track(messages: list[tuple[int, Any]], end_ticks: int) -> mido.MidiTrack:
    track = mido.MidiTrack()
    now = 0
    for tick, message in messages:
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, end_ticks - now)))
    return track
