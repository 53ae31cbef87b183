"""What the events of a MIDI file mean: voices, pedal, tempo, metre, key."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from seqstudio.core.errors import MusicError
from seqstudio.music.keys import name_of
from seqstudio.music.score import Note, Score, Track

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqstudio.music.midi_events import RawNote, RawSong

LONGEST_S = 24 * 3600.0
DRUMS = 9
"""Channel of the drums, counted from 0; people call it 10."""

_MOST_BARS = 8_000
_MOST_TEMPOS = 1_000
_FASTEST_MICROS = 10_000  # 6,000 beats a minute


def score_of(song: RawSong, *, pedal: bool = True) -> Score:
    """Return the score that the events of a file mean.

    Raises:
        MusicError: It lasts longer than 24 hours.
    """
    raw = _pedalled(song) if pedal else song.notes
    end_ticks = max([song.end_ticks, *(note.end_ticks for note in raw)])
    steps = _tempo_steps(song, end_ticks)
    _refuse_days(steps, end_ticks, song.ticks_per_beat)
    notes, tracks = _voices(raw, song)
    meters = _meters(song)
    return Score(
        notes=notes,
        tempo_bpm=_bpm(steps[0][1]),
        tempos=tuple((Fraction(tick, song.ticks_per_beat), _bpm(us)) for tick, us in steps[1:]),
        meter=_first_meter(meters, song.ticks_per_beat),
        key=_key_name(song),
        title=song.names.get(0, ""),
        bar_starts=_bar_starts(meters, end_ticks, song.ticks_per_beat),
        end_beats=Fraction(end_ticks, song.ticks_per_beat),
        tracks=tracks,
    )


# Voices


def _voices(raw: Sequence[RawNote], song: RawSong) -> tuple[tuple[Note, ...], tuple[Track, ...]]:
    @cache
    def beats(ticks: int) -> Fraction:
        return Fraction(ticks, song.ticks_per_beat)

    programs = _Programs(song)
    places = [(note.track, note.channel, programs.at(note)) for note in raw]
    numbers = {place: number for number, place in enumerate(sorted(set(places)))}
    notes = tuple(
        Note(
            note.pitch,
            beats(note.start_ticks),
            beats(note.end_ticks - note.start_ticks),
            note.velocity,
            numbers[place],
        )
        for note, place in zip(raw, places, strict=True)
    )
    # The name of the first track is the title of the whole (SMF 1.0, sequence/track name).
    tracks = tuple(
        Track(number, song.names.get(track, "") if track else "", program, channel == DRUMS)
        for (track, channel, program), number in numbers.items()
    )
    return notes, tracks


class _Programs:
    """Which program plays a note: the last one on its track and channel, else on its channel."""

    def __init__(self, song: RawSong) -> None:
        self._song = song
        self._here = song.programs
        everywhere: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for (track, channel), steps in song.programs.items():
            everywhere[song.pattern(track), channel] += steps
        self._everywhere = {
            place: sorted(steps, key=lambda step: step[0]) for place, steps in everywhere.items()
        }

    def at(self, note: RawNote) -> int:
        """Return the program of a note, 0 where the file names none."""
        own = self._here.get((note.track, note.channel), ())
        others = self._everywhere.get((self._song.pattern(note.track), note.channel), ())
        for steps in (own, others):
            index = bisect_right(steps, note.start_ticks, key=lambda step: step[0])
            if index:
                return steps[index - 1][1]
        return 0


def _pedalled(song: RawSong) -> list[RawNote]:
    """Return the notes as the sustain pedal lets them sound.

    A note that ends while the pedal is down lasts until the pedal goes up, its pitch is struck
    again on the channel, or the file ends.
    """
    if not song.pedals:
        return song.notes
    pedals = {place: _Pedal(steps) for place, steps in song.pedals.items()}
    onsets: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for note in song.notes:
        onsets[song.pattern(note.track), note.channel, note.pitch].append(note.start_ticks)
    for struck in onsets.values():
        struck.sort()
    return [_held(note, song, pedals, onsets) for note in song.notes]


def _held(
    note: RawNote,
    song: RawSong,
    pedals: dict[tuple[int, int], _Pedal],
    onsets: dict[tuple[int, int, int], list[int]],
) -> RawNote:
    pattern = song.pattern(note.track)
    pedal = pedals.get((pattern, note.channel))
    if pedal is None or not pedal.is_down_before(note.end_ticks):
        return note
    end = pedal.up_from(note.end_ticks)
    if end is None:
        end = song.pattern_ends[pattern]
    struck = onsets[pattern, note.channel, note.pitch]
    again = bisect_left(struck, note.end_ticks)
    if again < len(struck):
        end = min(end, struck[again])
    return note._replace(end_ticks=max(end, note.end_ticks))


class _Pedal:
    """When the pedal of a channel is down."""

    def __init__(self, steps: list[tuple[int, bool]]) -> None:
        ordered = sorted(steps, key=lambda step: step[0])
        self._ticks = [tick for tick, _down in ordered]
        self._down = [down for _tick, down in ordered]
        self._ups = [tick for tick, down in ordered if not down]

    def is_down_before(self, tick: int) -> bool:
        index = bisect_left(self._ticks, tick)
        return index > 0 and self._down[index - 1]

    def up_from(self, tick: int) -> int | None:
        index = bisect_left(self._ups, tick)
        return self._ups[index] if index < len(self._ups) else None


# Tempo


def _bpm(micros: float) -> float:
    return 60e6 / micros


def _tempo_steps(song: RawSong, end_ticks: int) -> list[tuple[int, float]]:
    """Return (tick, microseconds a beat) from tick 0 on, only where the tempo changes."""
    if song.timecode_bpm is not None:  # times in seconds know no tempo
        return [(0, 60e6 / song.timecode_bpm)]
    # By tick alone: of two tempos at one tick the later one in the file holds.
    found = {tick: micros for tick, micros in sorted(song.tempos, key=_tick) if micros > 0}
    if not all(micros for _tick, micros in song.tempos):
        song.warn("a tempo of zero is left out")
    if any(0 < micros < _FASTEST_MICROS for _tick, micros in song.tempos):
        song.warn("a tempo above 6,000 beats a minute is taken as 6,000")
    steps: list[tuple[int, float]] = []
    for tick, micros in ({0: 500_000} | found).items():
        bounded = float(max(micros, _FASTEST_MICROS))
        if tick and tick >= end_ticks:
            break
        if not steps or steps[-1][1] != bounded:
            steps.append((tick, bounded))
    return _thinned(steps, end_ticks, song)


def _tick(step: tuple[int, int]) -> int:
    return step[0]


def _thinned(
    steps: list[tuple[int, float]], end_ticks: int, song: RawSong
) -> list[tuple[int, float]]:
    """Join neighbouring changes when there are very many; the duration of each group stays."""
    size = -(-len(steps) // _MOST_TEMPOS)
    if size == 1:
        return steps
    song.warn(f"of {len(steps):,} changes of the tempo each {size} are taken as one")
    ends = [tick for tick, _micros in steps[1:]] + [end_ticks]
    joined = []
    for at in range(0, len(steps), size):
        group = steps[at : at + size]
        begin, end = group[0][0], ends[at + len(group) - 1]
        total = sum((stop - tick) * us for (tick, us), stop in zip(group, ends[at:], strict=False))
        joined.append((begin, total / (end - begin)))
    return joined


def _refuse_days(steps: list[tuple[int, float]], end_ticks: int, ticks_per_beat: int) -> None:
    spans = pairwise([*steps, (end_ticks, 0.0)])
    micros = sum((after - tick) * us for (tick, us), (after, _us) in spans)
    duration_s = micros / ticks_per_beat / 1e6
    if duration_s > LONGEST_S:
        raise MusicError(
            "the MIDI file is too long", f"it lasts {duration_s / 3600:,.0f} hours, 24 are read"
        )


# Metre and key


def _meters(song: RawSong) -> list[tuple[int, tuple[int, int]]]:
    """Return (tick, metre) from tick 0 on; 4/4 where the file says nothing."""
    good = {
        tick: (numerator, 2**exponent)
        for tick, numerator, exponent in sorted(song.meters, key=lambda meter: meter[0])
        if 1 <= numerator <= 64 and exponent <= 6
    }
    if any(not (1 <= n <= 64 and exponent <= 6) for _tick, n, exponent in song.meters):
        song.warn("an impossible metre is left out")
    return list(({0: (4, 4)} | good).items())


def _bar_beats(meter: tuple[int, int]) -> Fraction:
    return Fraction(4 * meter[0], meter[1])


def _first_meter(
    meters: list[tuple[int, tuple[int, int]]], ticks_per_beat: int
) -> tuple[int, int]:
    """Return the metre of the beginning, that of its second bar when the first is a pickup."""
    if len(meters) > 1:
        (_, first), (tick, second) = meters[:2]
        bar = _bar_beats(first)
        if bar == Fraction(tick, ticks_per_beat) and bar < _bar_beats(second):
            return second
    return meters[0][1]


def _bar_starts(
    meters: list[tuple[int, tuple[int, int]]], end_ticks: int, ticks_per_beat: int
) -> tuple[Fraction, ...]:
    starts: list[Fraction] = []
    for (tick, meter), (after, _) in pairwise([*meters, (end_ticks, (4, 4))]):
        at = Fraction(tick, ticks_per_beat)
        stop = Fraction(min(after, end_ticks), ticks_per_beat)
        bar_beats = _bar_beats(meter)
        while at < stop and len(starts) < _MOST_BARS:
            starts.append(at)
            at += bar_beats
    return tuple(starts)


def _key_name(song: RawSong) -> str:
    for _, fifths, minor in sorted(song.keys, key=lambda key: key[0]):
        if -7 <= fifths <= 7:
            return f"{name_of(fifths + 3)} minor" if minor else f"{name_of(fifths)} major"
    return "none"
