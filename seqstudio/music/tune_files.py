"""A tune as a file: ABC, MIDI, MusicXML, WAV or FLAC."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from seqstudio.core.errors import MusicError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from seqstudio.music.score import Score
    from seqstudio.music.soundfont import SoundFont
    from seqstudio.music.synth import Sound

#: Seconds in which the last note dies away.
TAIL_S = 1.5


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file that a tune can be saved as.

    Attributes:
        suffix: With its dot.
        name: For people, "MIDI".
        use: What it is good for, in a few words.
        sounds: Whether it holds sound, which takes a while to make.
    """

    suffix: str
    name: str
    use: str
    sounds: bool = False

    @property
    def filter(self) -> str:
        """The line of a file dialog, "MIDI file (*.mid)"."""
        return f"{self.name} file (*{self.suffix})"


KINDS = {
    kind.suffix: kind
    for kind in (
        FileKind(".mid", "MIDI", "for music programs and instruments"),
        FileKind(".abc", "ABC", "the tune as text"),
        FileKind(".musicxml", "MusicXML", "for programs that print scores"),
        FileKind(".wav", "WAV", "the sound, not compressed", sounds=True),
        FileKind(".flac", "FLAC", "the sound, about half the size", sounds=True),
    )
}
"""By suffix, in the order of menus."""


class Player(Protocol):
    """Who plays a voice, such as `audio.sequencer.Part`."""

    @property
    def voice(self) -> int:
        """Number of the voice."""

    @property
    def instrument(self) -> str:
        """One of `synth.INSTRUMENTS`."""

    @property
    def gain(self) -> float:
        """Linear gain."""

    @property
    def pan(self) -> float:
        """-1 left to 1 right."""

    @property
    def muted(self) -> bool:
        """Whether it is not heard."""


class CancelledError(Exception):
    """The person does not want the file any more; raised by a `progress` function."""


def tune_bytes(
    score: Score,
    suffix: str,
    text: str = "",
    *,
    players: Iterable[Player] = (),
    font: SoundFont | None = None,
    progress: Callable[[float], None] | None = None,
) -> bytes:
    """Return the content of a file.

    Args:
        score: The tune, at the tempo that is wanted.
        suffix: One of `KINDS`.
        text: The tune as it was written, if in ABC; else ABC is written anew.
        players: Who plays; voices that are not named are played by their tracks.
        font: The SoundFont that plays, None for the built-in instruments.
        progress: Called with the share that is done, 0 to 1; what it raises ends the work.

    Raises:
        MusicError: The kind cannot hold the score, or something is missing for it.
    """
    if suffix == ".abc":
        from seqstudio.music.abc import write_tune

        return ((text if text.startswith("X:") else write_tune(score)).strip() + "\n").encode()
    if suffix == ".mid":
        from seqstudio.music.midi import midi_bytes

        return midi_bytes(score)
    if suffix == ".musicxml":
        from seqstudio.music.musicxml import musicxml_bytes

        return musicxml_bytes(score)
    if suffix in KINDS:
        samples = partial(rendered, score, players, progress or (lambda _share: None), font)
        return _sound_bytes(suffix, samples)
    raise MusicError(
        f"A tune is not saved as {suffix or 'a file without an ending'}",
        "the kind of file is unknown",
        f"Use {', '.join(KINDS)}",
    )


def _sound_bytes(suffix: str, samples: Callable[[], NDArray[np.float32]]) -> bytes:
    from seqstudio.music.synth import RATE
    from seqstudio.music.wav import wav_bytes

    encode = flac_bytes if suffix == ".flac" else wav_bytes
    if suffix == ".flac":
        _soundfile()  # said before the sound is made, not after
    return encode(samples(), RATE)


def rendered(
    score: Score,
    players: Iterable[Player],
    progress: Callable[[float], None],
    font: SoundFont | None = None,
) -> NDArray[np.float32]:
    """Return the sound of a score as it is heard, (n, 2), its last note dying away.

    Raises:
        MusicError: It lasts longer than half an hour.
    """
    from seqstudio.music.synth import LONGEST_S, RATE, Band
    from seqstudio.music.synth.rendering import played

    if score.end_seconds > LONGEST_S:
        raise MusicError(
            "The tune is too long for a file of sound",
            f"it lasts {score.end_seconds / 60:,.0f} minutes, 30 are possible",
            "Save it as MIDI",
        )
    frames = round(score.end_seconds * RATE) + round(TAIL_S * RATE)
    return played(_sounds(score, players), frames, Band(RATE, font), progress)


def _sounds(score: Score, players: Iterable[Player]) -> list[tuple[int, Sound]]:
    """Return the notes that are heard with their onsets in frames, in their order."""
    from seqstudio.music.synth import RATE
    from seqstudio.music.synth.rendering import timed_sounds

    by_voice = {player.voice: player for player in players}
    timed: list[tuple[int, Sound]] = []
    for voice in score.voices:
        player = by_voice.get(voice)
        if player is not None and player.muted:
            continue
        alone = replace(score, notes=tuple(n for n in score.notes if n.voice == voice))
        named = None if player is None else {voice: player.instrument}
        sounds = timed_sounds(alone, named, RATE)
        if player is not None:
            sounds = [(at, replace(s, gain=player.gain, pan=player.pan)) for at, s in sounds]
        timed += sounds
    return sorted(timed, key=lambda each: each[0])


def flac_bytes(samples: NDArray[np.float32], rate: int) -> bytes:
    """Return a 16 bit FLAC file with the frames that `wav_bytes` would write.

    Args:
        samples: (n, 2) or (n,), -1 to 1.
        rate: Frames a second.

    Raises:
        MusicError: The package soundfile is missing.
    """
    import numpy as np

    soundfile = _soundfile()
    whole = np.rint(np.clip(np.nan_to_num(samples), -1, 1) * 32767).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, whole, rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: its own library is missing
        raise MusicError(
            "FLAC cannot be written here",
            "the package soundfile is not installed",
            "Install it with: pip install soundfile. Or save as WAV",
        ) from error
    return soundfile


def file_name(title: str) -> str:
    """Return a title as a name that every file system takes, without its ending."""
    kept = "".join(c if c.isalnum() else "-" for c in title.lower())
    return "-".join(filter(None, kept.split("-")))[:60] or "tune"
