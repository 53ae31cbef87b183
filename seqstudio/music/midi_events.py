"""A tolerant reader of Standard MIDI Files, bytes to events. What the notes mean is elsewhere.

Damage is skipped and noted as a warning, as players do: foreign chunks, undefined status bytes,
running status after system messages, cut-off tracks. Time is linear in the size of the file.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from seqstudio.core.errors import MusicError

if TYPE_CHECKING:
    from collections.abc import Container

LARGEST_BYTES = 16_000_000
_MOST_WARNINGS = 20
_MOST_EVENTS = 200_000
_MOST_NOTES = 50_000
_LONGEST_NAME = 200
_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
_SYSTEM_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
_PROGRAM, _CONTROL = 0xC, 0xB
_PEDAL, _SOUND_OFF, _NOTES_OFF = 64, 120, 123
_SMPTE_RATES = {24: 24.0, 25: 25.0, 29: 30000 / 1001, 30: 30.0}


class RawNote(NamedTuple):
    """A note as the file has it; times in ticks."""

    track: int
    channel: int
    pitch: int
    velocity: int
    start_ticks: int
    end_ticks: int


@dataclass(slots=True)
class RawSong:
    """Everything of a MIDI file that a score needs; times in ticks.

    Attributes:
        ticks_per_beat: Resolution; for SMPTE files that of about 120 beats a minute.
        timecode_bpm: Tempo that makes SMPTE times right to the tick, None for other files.
        notes: In the order of their ends.
        tempos: (tick, microseconds a quarter note).
        meters: (tick, numerator, exponent of the denominator).
        keys: (tick, sharps above and flats below zero, is it minor).
        programs: (tick, program) in the order of the file, by track and channel.
        pedals: (tick, whether it goes down) of the sustain pedal, by pattern and channel.
        names: Name of a track by its number.
        is_sequence: Whether each track is a piece of its own (type 2), a pattern.
        pattern_ends: Tick at which each pattern ends.
        end_ticks: Latest end of a track.
        events: How many were read.
        struck: How many notes began.
        warnings: What was read over, at most twenty sentences.
    """

    ticks_per_beat: int = 480
    notes: list[RawNote] = field(default_factory=list)
    tempos: list[tuple[int, int]] = field(default_factory=list)
    meters: list[tuple[int, int, int]] = field(default_factory=list)
    keys: list[tuple[int, int, bool]] = field(default_factory=list)
    timecode_bpm: float | None = None
    programs: dict[tuple[int, int], list[tuple[int, int]]] = field(default_factory=dict)
    pedals: dict[tuple[int, int], list[tuple[int, bool]]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    is_sequence: bool = False
    pattern_ends: dict[int, int] = field(default_factory=dict)
    end_ticks: int = 0
    events: int = 0
    struck: int = 0
    warnings: list[str] = field(default_factory=list)

    def pattern(self, track: int) -> int:
        """Return the number of the piece that a track belongs to, 0 but for type 2."""
        return track if self.is_sequence else 0

    def warn(self, sentence: str) -> None:
        """Keep a warning, each once."""
        if sentence not in self.warnings and len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(sentence)


def parse_midi(data: bytes) -> RawSong:
    """Read the bytes of a MIDI file.

    Raises:
        MusicError: It is no MIDI file at all, or larger than 16 MB.
    """
    start = _header_at(data)
    song = RawSong()
    length = int.from_bytes(data[start + 4 : start + 8], "big")
    song.is_sequence = int.from_bytes(data[start + 8 : start + 10], "big") == 2
    if song.is_sequence:
        song.warn("its tracks are separate pieces; they follow one another")
    song.ticks_per_beat = _resolution(data[start + 12 : start + 14], song)
    at = start + 8 + max(6, length if length < 1024 else 6)
    track = 0
    while at < len(data):
        found = _chunk(data, at, song)
        if found is None:
            break
        body_start, at = found
        if data[body_start - 8 : body_start - 4] == b"MTrk":
            begin_ticks = song.end_ticks if song.is_sequence else 0
            _Track(data, body_start, at, track, begin_ticks, song).read()
            track += 1
        if song.events >= _MOST_EVENTS:
            song.warn(f"only the first {_MOST_EVENTS:,} events are read")
            break
    if not track:
        song.warn("the file has no track")
    return song


def _header_at(data: bytes) -> int:
    if len(data) > LARGEST_BYTES:
        raise MusicError("the MIDI file is too large", f"{len(data) // 1_000_000} MB, 16 are read")
    if not data:
        raise MusicError("the MIDI file is empty", "it has no bytes", "choose another file")
    if data.startswith(b"SMF2CLIP"):
        raise MusicError(
            "MIDI 2.0 clips are not read", "only MIDI 1.0 files are", "save it as .mid"
        )
    if data[0] == 0xF0:
        raise MusicError("this is no score", "it is a dump of system-exclusive messages (.syx)")
    # RIFF and MacBinary files carry the header a little further in.
    start = data.find(b"MThd", 0, 1024)
    if start < 0 or len(data) < start + 14:
        raise MusicError("this is no MIDI file", "the header MThd is missing or cut off")
    return start


def _resolution(division: bytes, song: RawSong) -> int:
    value = int.from_bytes(division, "big")
    if value & 0x8000:
        ticks_a_second = _SMPTE_RATES.get(256 - division[0], 25.0) * (division[1] or 40)
        song.warn("times are in seconds (SMPTE); read as 120 beats a minute")
        ticks_per_beat = max(1, round(ticks_a_second / 2))
        song.timecode_bpm = 60.0 * ticks_a_second / ticks_per_beat
        return ticks_per_beat
    if value == 0:
        song.warn("the resolution is zero; 480 ticks a beat are taken")
    return value or 480


def _chunk(data: bytes, at: int, song: RawSong) -> tuple[int, int] | None:
    """Return start and end of the body of the chunk at `at`, None behind the last one."""
    name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
    if name != b"MTrk" and (not name.isalnum() or at + 8 + length > len(data)):
        at = data.find(b"MTrk", at)
        if at < 0:
            song.warn("bytes behind the last track are left out")
            return None
        song.warn("damaged bytes between the tracks are left out")
        length = int.from_bytes(data[at + 4 : at + 8], "big")
    elif name != b"MTrk":
        song.warn("a chunk that is no track is left out")
    if at + 8 + length > len(data):
        song.warn("a track is cut off at the end of the file")
    return at + 8, min(len(data), at + 8 + length)


class _Track:
    """One track being read: a cursor, the running status and the notes that are down."""

    def __init__(
        self, data: bytes, start: int, end: int, track: int, begin_ticks: int, song: RawSong
    ) -> None:
        self._data = data
        self._at = start
        self._end = end
        self._track = track
        self._ticks = begin_ticks
        self._song = song
        self._pattern = song.pattern(track)
        self._down: dict[tuple[int, int], deque[tuple[int, int]]] = {}
        self._running = 0
        self._interrupted = False

    def read(self) -> None:
        """Read events up to the end of the track, or to damage that hides all that follows."""
        if self._ticks:  # a later pattern begins with what the standard says, not with the last
            self._song.tempos.append((self._ticks, 500_000))
            self._song.meters.append((self._ticks, 4, 2))
        while self._at < self._end and self._song.events < _MOST_EVENTS:
            self._song.events += 1
            delta = self._number()
            if delta is None:
                break
            self._ticks += delta
            if self._at >= self._end or not self._event():
                break
        if any(self._down.values()):
            self._song.warn("notes without an end are held to the end of their track")
        self._release_all(range(16))
        self._song.end_ticks = max(self._song.end_ticks, self._ticks)
        self._song.pattern_ends[self._pattern] = self._song.end_ticks

    def _number(self) -> int | None:
        """Read a variable-length number of at most four bytes."""
        value = 0
        for byte in self._data[self._at : min(self._at + 4, self._end)]:
            self._at += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        self._song.warn("a damaged number ends a track early")
        return None

    def _event(self) -> bool:
        """Read one event; False ends the track."""
        status = self._data[self._at]
        if status >= 0x80:
            self._at += 1
        if status == 0xFF:
            return self._meta()
        if status in (0xF0, 0xF7):
            self._interrupted = True
            return self._skip_counted()
        if status >= 0xF0:
            self._at += _SYSTEM_DATA_BYTES.get(status, 0)
            self._song.warn(f"the message {status:X}, which no file may hold, is left out")
            return True
        return self._channel_event(status)

    def _channel_event(self, status: int) -> bool:
        if status < 0x80:
            status = self._running
            if self._interrupted:
                self._song.warn("a message without status follows a system message")
        if not status:
            self._song.warn("data without a message is left out")
            self._at += 1
            return True
        self._running, self._interrupted = status, False
        count = _DATA_BYTES[status >> 4]
        values = self._data[self._at : min(self._at + count, self._end)]
        if len(values) < count:
            self._song.warn("a track ends within a message")
            return False
        if max(values) >= 0x80:
            self._song.warn("a damaged message is left out")
            return True
        self._at += count
        self._message(status >> 4, status & 15, values)
        return True

    def _message(self, kind: int, channel: int, values: bytes) -> None:
        if kind == 0x9 and values[1]:
            self._strike((channel, values[0]), values[1])
        elif kind in (0x8, 0x9):
            self._release(channel, values[0])
        elif kind == _PROGRAM:
            steps = self._song.programs.setdefault((self._track, channel), [])
            steps.append((self._ticks, values[0]))
        elif kind == _CONTROL and values[0] == _PEDAL:
            steps_of_pedal = self._song.pedals.setdefault((self._pattern, channel), [])
            steps_of_pedal.append((self._ticks, values[1] >= 64))
        elif kind == _CONTROL and values[0] in (_SOUND_OFF, _NOTES_OFF):
            self._release_all((channel,))

    def _strike(self, key: tuple[int, int], velocity: int) -> None:
        if self._song.struck >= _MOST_NOTES:
            self._song.warn(f"only the first {_MOST_NOTES:,} notes are read")
            return
        self._song.struck += 1
        self._down.setdefault(key, deque()).append((self._ticks, velocity))

    def _release(self, channel: int, pitch: int) -> None:
        waiting = self._down.get((channel, pitch))
        if waiting:
            start, velocity = waiting.popleft()
            end = max(self._ticks, start + 1)
            self._song.notes.append(RawNote(self._track, channel, pitch, velocity, start, end))

    def _release_all(self, channels: Container[int]) -> None:
        for (channel, pitch), waiting in self._down.items():
            if channel in channels:
                for _ in list(waiting):
                    self._release(channel, pitch)

    def _skip_counted(self) -> bool:
        length = self._number()
        if length is None:
            return False
        self._at += length
        return self._at <= self._end

    def _meta(self) -> bool:
        kind = self._data[self._at] if self._at < self._end else 0x2F
        self._at += 1
        if kind == 0x2F:
            return False
        length = self._number()
        if length is None:
            return False
        payload = self._data[self._at : min(self._at + length, self._end)]
        self._at += length
        self._keep(kind, payload)
        return True

    def _keep(self, kind: int, payload: bytes) -> None:
        song = self._song
        if kind == 0x03:
            song.names.setdefault(self._track, _text(payload))
        elif kind == 0x51 and len(payload) >= 3:
            song.tempos.append((self._ticks, int.from_bytes(payload[:3], "big")))
        elif kind == 0x58 and len(payload) >= 2:
            song.meters.append((self._ticks, payload[0], payload[1]))
        elif kind == 0x59 and len(payload) >= 2:
            fifths = payload[0] - 256 if payload[0] > 127 else payload[0]
            song.keys.append((self._ticks, fifths, payload[1] == 1))


def _text(payload: bytes) -> str:
    payload = payload[:_LONGEST_NAME]
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        cut_off = len(payload) == _LONGEST_NAME and error.start > _LONGEST_NAME - 4
        text = payload.decode("utf-8", "ignore") if cut_off else payload.decode("latin-1")
    return "".join(char for char in text if char.isprintable()).strip()
