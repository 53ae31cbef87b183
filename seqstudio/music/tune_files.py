"""A tune as a file: ABC, MIDI, MusicXML, WAV or FLAC."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqstudio.core.errors import MusicError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from seqstudio.music.score import Score

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


class CancelledError(Exception):
    """The person does not want the file any more; raised by a `progress` function."""


def tune_bytes(
    score: Score,
    suffix: str,
    text: str = "",
    *,
    instruments: str | Mapping[int, str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> bytes:
    """Return the content of a file.

    Args:
        score: The tune, at the tempo that is wanted.
        suffix: One of `KINDS`.
        text: The tune as it was written, if in ABC; else ABC is written anew.
        instruments: What plays, see `synth.render`.
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
        return _sound_bytes(score, suffix, instruments, progress or (lambda _share: None))
    raise MusicError(
        f"A tune is not saved as {suffix or 'a file without an ending'}",
        "the kind of file is unknown",
        f"Use {', '.join(KINDS)}",
    )


def _sound_bytes(
    score: Score,
    suffix: str,
    instruments: str | Mapping[int, str] | None,
    progress: Callable[[float], None],
) -> bytes:
    from seqstudio.music.synth import RATE
    from seqstudio.music.wav import wav_bytes

    encode = flac_bytes if suffix == ".flac" else wav_bytes
    if suffix == ".flac":
        _soundfile()  # said before the sound is made, not after
    return encode(rendered(score, instruments, progress), RATE)


def rendered(
    score: Score,
    instruments: str | Mapping[int, str] | None,
    progress: Callable[[float], None],
) -> NDArray[np.float32]:
    """Return the sound of a score, (n, 2), its last note dying away."""
    from seqstudio.music.synth import RATE, render

    progress(0.0)
    samples = render(score, instruments or "piano", RATE, tail_s=TAIL_S)  # type: ignore[arg-type]
    progress(1.0)
    return samples


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
