"""A score as an array of sound: what the band plays, block by block, written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import MusicError
from seqstudio.music.synth.band import RATE, Band, Sound
from seqstudio.music.synth.instruments import INSTRUMENTS, instrument_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.music.score import Score
    from seqstudio.music.soundfont import SoundFont

LONGEST_S = 1800.0
_BLOCK = 4096
_END_FADE_S = 0.02


def render(
    score: Score,
    instrument: str | Mapping[int, str] | None = None,
    rate: int = RATE,
    tempo_bpm: float | None = None,
    *,
    tail_s: float = 0.0,
    font: SoundFont | None = None,
) -> NDArray[np.float32]:
    """Play a score into an array.

    Args:
        score: What to play.
        instrument: One of `INSTRUMENTS` for everything, or one by number of the voice; voices
            that are not named, and all of them with None, have that of their track.
        rate: Frames a second.
        tempo_bpm: Quarter notes a minute at the beginning, None for the tempo of the score;
            later changes keep their ratio to it.
        tail_s: Seconds after the end of the score in which the room dies away.
        font: SoundFont whose presets play, None for the synthesiser alone.

    Returns:
        (n, 2) left and right, float32, peak below 0.98. n is the length of the score in
        frames, rounded, plus the tail; the last 20 ms fade to silence.

    Raises:
        MusicError: The instrument is not known, or the score lasts longer than half an hour.
    """
    _check(instrument)
    score = score if tempo_bpm is None else score.at_tempo(tempo_bpm)
    if score.end_seconds > LONGEST_S:
        raise MusicError(
            "the score is too long to play",
            f"it lasts {score.end_seconds / 60:.0f} minutes, 30 are possible",
            "play a part of it, or a faster tempo",
        )
    frames = round(score.end_seconds * rate) + round(tail_s * rate)
    return played(timed_sounds(score, instrument, rate), frames, Band(rate, font))


def timed_sounds(
    score: Score, instrument: str | Mapping[int, str] | None, rate: int
) -> list[tuple[int, Sound]]:
    """Return the notes of a score with their onsets in frames, in the order of the onsets."""
    names = {voice: _name(score, instrument, voice) for voice in score.voices}
    programs = {voice: score.track(voice).program for voice in score.voices}
    timed = []
    for note in score.notes:
        first, last = (round(score.seconds(beat) * rate) for beat in (note.start, note.end))
        name = names[note.voice]
        program = programs[note.voice] if name == instrument_of(score.track(note.voice)) else None
        sound = Sound(note.pitch, note.velocity, last - first, name, program=program)
        timed.append((first, sound))
    return sorted(timed, key=lambda each: each[0])


def _name(score: Score, instrument: str | Mapping[int, str] | None, voice: int) -> str:
    if isinstance(instrument, str):
        return instrument
    return (instrument or {}).get(voice) or instrument_of(score.track(voice))


def _check(instrument: str | Mapping[int, str] | None) -> None:
    names = instrument.values() if isinstance(instrument, Mapping) else [instrument]
    for name in names:
        if name is not None and name not in INSTRUMENTS:
            hint = "choose one of: " + ", ".join(INSTRUMENTS)
            raise MusicError(f"no instrument is called “{name}”", hint=hint)


def played(
    timed: Sequence[tuple[int, Sound]],
    frames: int,
    band: Band,
    progress: Callable[[float], None] = lambda _share: None,
) -> NDArray[np.float32]:
    """Return what a band plays, (frames, 2); the last 20 ms fade to silence.

    Args:
        timed: Notes with their onsets in frames, in the order of the onsets.
        frames: Length of the sound.
        band: Who plays.
        progress: Called with the share that is done, 0 to 1; what it raises ends the work.
    """
    samples = np.empty((frames, 2), np.float32)
    following = 0
    for begin in range(0, frames, _BLOCK):
        progress(begin / frames)
        end = min(begin + _BLOCK, frames)
        while following < len(timed) and timed[following][0] < end:
            onset, sound = timed[following]
            band.start(sound.after(onset - begin))
            following += 1
        samples[begin:end] = band.block(end - begin)
    _fade_end(samples, round(_END_FADE_S * band.rate))
    return samples


def _fade_end(samples: NDArray[np.float32], frames: int) -> None:
    count = min(frames, len(samples))
    if count:
        samples[len(samples) - count :] *= np.linspace(1, 0, count, dtype=np.float32)[:, None]
