"""`SoundFont`: a file that a person brought, ready to be played."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import MusicError
from seqstudio.music.soundfont.riff import font_chunks, refused
from seqstudio.music.soundfont.sampled import tone_of_region
from seqstudio.music.soundfont.tables import chunk_of, tables_of, text_of
from seqstudio.music.soundfont.trial import first_reading
from seqstudio.music.soundfont.zones import Region, regions_of
from seqstudio.music.synth.tones import Tone, ToneCache

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRUM_BANK = 128
LARGEST_BYTES = 2 << 30
_MOST_AT_ONCE = 12
_GAIN = 1.1


@dataclass(frozen=True, slots=True)
class Preset:
    """A sound of the font, as it is called from MIDI."""

    bank: int
    program: int
    name: str


@dataclass(frozen=True, slots=True)
class FontTone:
    """One of the tones of a note.

    Attributes:
        tone: One layer.
        gain: Linear gain, velocity included.
        pan: -1 left to 1 right.
        group: Tones of one group silence each other, 0 for none.
    """

    tone: Tone
    gain: float
    pan: float
    group: int


class SoundFont:
    """Samples, and what plays them; the file stays mapped, hardly anything is in memory.

    Attributes:
        path: Where it lies.
        name: Name of the file without its ending.
        presets: What can be called, by bank and program.
    """

    def __init__(self, path: Path) -> None:
        """Read a file in this process; `open` first tries it in another.

        Raises:
            MusicError: It cannot be read, or is no SoundFont that can be played.
        """
        data = _mapped(path)
        chunks = font_chunks(data)
        sound = chunk_of(chunks, b"smpl")
        frames = (sound.end - sound.start) // 2
        self.path, self.name = path, path.stem
        self._sound = data[sound.start : sound.start + 2 * frames].view("<i2")
        self._tables = tables_of(data, chunks, frames)
        self._rows: dict[tuple[int, int], int] = {}
        for row, preset in enumerate(self._tables.presets):
            self._rows.setdefault((int(preset["bank"]), int(preset["program"])), row)
        if not self._rows:
            raise refused("it holds no presets")
        self._regions: dict[int, tuple[Region, ...]] = {}
        self._tones = ToneCache()
        self.presets = tuple(
            Preset(*place, text_of(self._tables.presets["name"][row]))
            for place, row in sorted(self._rows.items())
        )

    @classmethod
    def open(cls, path: Path) -> SoundFont:
        """Return the font of a file that was first read by a process of its own.

        Takes about half a second, more for large files; not for the thread of the window.

        Raises:
            MusicError: It cannot be read, or is no SoundFont that can be played.
        """
        first_reading(path)
        return cls(path)

    def has(self, bank: int, program: int) -> bool:
        """Return whether there is a preset; bank 128 holds drums."""
        return (bank, program) in self._rows

    def tones(
        self, place: tuple[int, int], key: int, velocity: int, rate: int
    ) -> tuple[FontTone, ...]:
        """Return what a note of a preset, (bank, program), plays; nothing outside its keys."""
        row = self._rows.get(place)
        if row is None:
            return ()
        regions = self._regions_of(row)
        numbers = [n for n, region in enumerate(regions) if region.plays(key, velocity)]
        return tuple(self._tone(row, n, key, velocity, rate) for n in numbers[:_MOST_AT_ONCE])

    def _regions_of(self, row: int) -> tuple[Region, ...]:
        if row not in self._regions:
            self._regions[row] = regions_of(self._tables, row)
        return self._regions[row]

    def _tone(self, row: int, number: int, key: int, velocity: int, rate: int) -> FontTone:
        region = self._regions_of(row)[number]
        sample = self._tables.samples[region.sample]

        tone = self._tones.get(
            (row, number, key, rate),
            lambda: tone_of_region(self._sound, sample, region, key, rate),
        )
        force = region.get(47) if 1 <= region.get(47) <= 127 else velocity
        # Synthesisers in use take 0.4 of the attenuation that a font gives (FluidSynth, EMU).
        attenuation_db = min(max(region.get(48), 0), 1440) * 0.04
        gain = _GAIN * (force / 127) ** 2 * 10 ** (-attenuation_db / 20)
        pan = min(max(region.get(17), -500), 500) / 500
        return FontTone(tone, gain, pan, region.get(57))


def _mapped(path: Path) -> NDArray[np.uint8]:
    """Return the bytes of a file, read when they are needed."""
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise refused(f"it has {size >> 20:,} MB, {LARGEST_BYTES >> 20:,} are possible")
        if not path.is_file():
            raise refused("it is no file", "choose a file that ends in .sf2")
        if not size:
            raise refused("it is empty")
        return np.asarray(np.memmap(path, np.uint8, "r"))
    except OSError as error:
        why = error.strerror or str(error)
        raise MusicError("the SoundFont cannot be opened", why, "choose another file") from error
