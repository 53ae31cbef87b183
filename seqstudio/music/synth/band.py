"""The band: notes that sound together, block by block, in a room and below a limiter.

Shape legend: n = frames. Every frame is the same whatever the length of the blocks: notes begin
and end at their frame, tones do not know of blocks, sums are taken in the order of the onsets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import MusicError
from seqstudio.music.synth.drums import DAMPS
from seqstudio.music.synth.instruments import INSTRUMENTS, instrument, place_of, tone_of
from seqstudio.music.synth.room import Limiter, Room
from seqstudio.music.synth.tones import LAYERS, Tone, rise

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from seqstudio.music.soundfont import SoundFont

RATE = 44_100
MOST_VOICES = 32
_STEAL_S = 0.006
_NEVER = 1 << 62
DRUM_BANK = 128
#: Brightness of the usual velocity, from 0 for the body alone.
USUAL_VELOCITY, USUAL_BRIGHT = 80.0, 0.45
_NO_LAYERS = (np.float32(0), np.float32(0))


@dataclass(frozen=True, slots=True)
class Sound:
    """A note to play.

    Attributes:
        pitch: Semitones, 60 = middle C, 0 to 127; a drum of the General MIDI map for "drums".
        velocity: 1 to 127: loudness, and how bright it is.
        frames: How long it is held; a drum rings to its own end.
        instrument: One of `INSTRUMENTS`.
        gain: Linear gain.
        pan: -1 left to 1 right, added to the place that the instrument gives the note.
        delay: Frames from the start of the next block to the onset.
        program: General MIDI program that a SoundFont plays it with, None for that of the
            instrument.
    """

    pitch: int
    velocity: int
    frames: int
    instrument: str
    gain: float = 1.0
    pan: float = 0.0
    delay: int = 0
    program: int | None = None

    def after(self, delay: int) -> Sound:
        """Return the same note, begun `delay` frames after the start of the next block."""
        return replace(self, delay=delay)


@dataclass(frozen=True, slots=True)
class Strand:
    """One tone of a note with its gains: layers by velocity, sides by place."""

    tone: Tone
    body: np.float32
    edge: np.float32
    side: np.float32
    left: np.float32
    right: np.float32


@dataclass(slots=True)
class _Voice:
    """A note that sounds or is about to; times in frames since the band began.

    `stolen` is where the fade of a note that has to make place begins. A note silences those of
    its group, unless that is None.
    """

    sound: Sound
    strands: tuple[Strand, ...]
    onset: int
    let_go: int
    group: Hashable = None
    stolen: int = _NEVER

    def end(self, fade: int) -> int:
        """Return the frame from which it is silent."""
        return min(max(self.end_of(each) for each in self.strands), self.stolen + fade)

    def end_of(self, strand: Strand) -> int:
        """Return the frame from which one of its tones is silent."""
        tone = strand.tone
        own = _NEVER if tone.length is None else self.onset + tone.length
        released = _NEVER if tone.release is None else self.let_go + len(tone.release)
        return min(own, released)


class Band:
    """Plays sounds into blocks of frames.

    At most 32 notes sound at once; one more takes the place of the oldest, which is faded out
    within 6 ms. Not safe to use from two threads at once; several bands are.
    """

    def __init__(self, rate: int = RATE, font: SoundFont | None = None) -> None:
        """Make a silent band for so many frames a second.

        With a font, its presets play; what it lacks, the instruments of the synthesiser.
        """
        self.rate, self._font = rate, font
        self._frame = 0
        self._waiting: list[_Voice] = []
        self._voices: list[_Voice] = []
        self._room, self._limiter = Room(rate), Limiter(rate)
        self._fade = rise(round(_STEAL_S * rate))[::-1].copy()
        self._heard_until = -self._room.length

    @property
    def ringing(self) -> bool:
        """Whether something sounds or is about to, the room included."""
        busy = bool(self._voices or self._waiting)
        return busy or self._frame < self._heard_until + self._room.length

    def start(self, sound: Sound) -> None:
        """Begin a note `sound.delay` frames after the start of the next block.

        Raises:
            MusicError: The instrument is not known.
        """
        if sound.instrument not in INSTRUMENTS:
            raise MusicError(
                f"no instrument is called “{sound.instrument}”",
                hint="choose one of: " + ", ".join(INSTRUMENTS),
            )
        strands, group = self._strands(sound)
        if strands:
            onset = self._frame + max(0, sound.delay)
            rings = sound.instrument == "drums" and all(each.tone.length for each in strands)
            let_go = _NEVER if rings else onset + max(1, sound.frames)
            self._waiting.append(_Voice(sound, strands, onset, let_go, group))

    def release(self, sound: Sound | None = None) -> None:
        """Let go of all notes, or of the one that `sound` began; they die away as they do."""
        if sound is None:
            self._waiting.clear()
        for voice in (*self._voices, *self._waiting):
            if sound is None or voice.sound is sound:
                voice.let_go = min(voice.let_go, max(self._frame, voice.onset + 1))

    def clear(self) -> None:
        """Be silent at once, the room included."""
        self._waiting.clear()
        self._voices.clear()
        self._room.clear()
        self._limiter.clear()
        self._heard_until = self._frame - self._room.length

    def block(self, frames: int) -> NDArray[np.float32]:
        """Return the next frames, (frames, 2) left and right, peak below 0.98."""
        begin, end = self._frame, self._frame + frames
        self._take_up(end)
        mix = np.zeros((2, frames), np.float32)
        for voice in self._voices:
            self._add(voice, mix, begin)
            self._heard_until = max(self._heard_until, min(end, voice.end(len(self._fade))))
        self._voices = [v for v in self._voices if v.end(len(self._fade)) > end]
        self._frame = end
        mix += self._room.wet((mix[0] + mix[1]) * np.float32(0.5))
        return self._limiter.limit(mix).T

    def _take_up(self, end: int) -> None:
        """Move the notes that begin before `end` among those that sound."""
        due = sorted((v for v in self._waiting if v.onset < end), key=lambda v: v.onset)
        self._waiting = [v for v in self._waiting if v.onset >= end]
        for voice in due:
            self._make_place(voice)
            self._voices.append(voice)

    def _make_place(self, new: _Voice) -> None:
        fade = len(self._fade)
        sounding = [v for v in self._voices if v.stolen > new.onset and v.end(fade) > new.onset]
        for voice in sounding:
            if _silences(new, voice):
                voice.stolen = new.onset
        if len(sounding) >= MOST_VOICES:
            oldest = min(sounding, key=lambda v: v.onset)
            oldest.stolen = min(oldest.stolen, new.onset)

    def _strands(self, sound: Sound) -> tuple[tuple[Strand, ...], Hashable]:
        """Return the tones of a note, and the group of notes that it silences."""
        place = _place_in(self._font, sound)
        if self._font is None or place is None:
            return (_strand(sound, self.rate),), None
        velocity = min(max(sound.velocity, 1), 127)
        tones = self._font.tones(place, sound.pitch, velocity, self.rate)
        groups = [tone.group for tone in tones if tone.group]
        strands = tuple(
            Strand(
                each.tone,
                np.float32(each.gain * sound.gain),
                *_NO_LAYERS,
                *_sides(each.pan + sound.pan),
            )
            for each in tones
        )
        return strands, (place, groups[0]) if groups else None

    def _add(self, voice: _Voice, mix: NDArray[np.float32], begin: int) -> None:
        """Add what a voice plays into (2, n) frames that begin at `begin`."""
        last = begin + mix.shape[1]
        for strand in voice.strands:
            first = max(voice.onset, begin)
            until = min(last, voice.end_of(strand), voice.stolen + len(self._fade))
            if until > first:
                part = strand.tone.span(first - voice.onset, until - first)
                gain = self._gain(voice, strand.tone, first, until)
                _add_strand(strand, part, gain, mix[:, first - begin : until - begin])

    def _gain(
        self, voice: _Voice, tone: Tone, first: int, until: int
    ) -> NDArray[np.float32] | None:
        """Return the gain of frames by the end of a note, None where it is one."""
        gain: NDArray[np.float32] | None = None
        for start, shape in ((voice.let_go, tone.release), (voice.stolen, self._fade)):
            if shape is not None and until > start:
                this = _from(shape, first - start, until - first)
                gain = this if gain is None else gain * this
        return gain


def _silences(new: _Voice, voice: _Voice) -> bool:
    """Return whether a note ends another: a closed hi-hat the open one."""
    if new.group is not None or voice.group is not None:
        return new.group == voice.group
    drums = new.sound.instrument == "drums" == voice.sound.instrument
    return drums and voice.sound.pitch in DAMPS.get(new.sound.pitch, ())


def _place_in(font: SoundFont | None, sound: Sound) -> tuple[int, int] | None:
    """Return bank and program of the preset that plays a sound, None where a font has none."""
    if font is None:
        return None
    if sound.instrument == "drums":
        places = [(DRUM_BANK, sound.program or 0), (DRUM_BANK, 0)]
    else:
        own = instrument(sound.instrument).program
        program = own if sound.program is None else sound.program
        # The first of a family stands in for one that is missing.
        places = [(0, program), (0, program // 8 * 8)]
    return next((place for place in places if font.has(*place)), None)


def _strand(sound: Sound, rate: int) -> Strand:
    """Return the tone of a note of the synthesiser with its gains."""
    player = instrument(sound.instrument)
    force = min(max(sound.velocity, 1), 127) / USUAL_VELOCITY
    loudness = player.gain * sound.gain * force**1.5
    bright = USUAL_BRIGHT * force**1.7
    body, edge, side = (np.float32(loudness * gain) for gain in (1.0, bright, player.width))
    sides = _sides(place_of(sound.instrument, sound.pitch) + sound.pan)
    tone = tone_of(sound.instrument, sound.pitch, rate)
    return Strand(tone, body, edge, side, *sides)


def _sides(place: float) -> tuple[np.float32, np.float32]:
    """Return the gains left and right of a place from -1 to 1, equal power, 1 in the middle."""
    angle = np.pi / 4 * (1 + min(1.0, max(-1.0, place)))
    return np.float32(np.sqrt(2) * np.cos(angle)), np.float32(np.sqrt(2) * np.sin(angle))


def _from(shape: NDArray[np.float32], at: int, count: int) -> NDArray[np.float32]:
    """Return `count` gains from place `at` of a fall: one before it, zero behind it."""
    before = min(max(0, -at), count)
    part = shape[max(0, at) : max(0, at + count)]
    gains = np.zeros(count, np.float32)
    gains[:before] = 1.0
    gains[before : before + len(part)] = part
    return gains


def _add_strand(
    strand: Strand,
    part: NDArray[np.float32],
    gain: NDArray[np.float32] | None,
    mix: NDArray[np.float32],
) -> None:
    middle = part[0] * strand.body
    if len(part) == LAYERS:
        middle += part[1] * strand.edge
        side = part[2] * strand.side
        side *= 1.0 if gain is None else gain
        mix[0] += side
        mix[1] -= side
    if gain is not None:
        middle *= gain
    mix[0] += middle * strand.left
    mix[1] += middle * strand.right
