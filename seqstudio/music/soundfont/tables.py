"""The tables of a SoundFont: presets, instruments, their zones and generators, samples.

Everything that points somewhere is checked here once, for all rows together; whoever reads the
tables afterwards may follow every index.

Source: SoundFont Technical Specification 2.04, section 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqstudio.music.soundfont.riff import Chunk, refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rows = np.ndarray[Any, np.dtype[np.void]]

_LAYOUTS: dict[bytes, np.dtype[np.void]] = {
    b"phdr": np.dtype(
        [("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("rest", "V12")]
    ),
    b"pbag": np.dtype([("generator", "<u2"), ("modulator", "<u2")]),
    b"pgen": np.dtype([("kind", "<u2"), ("amount", "<i2")]),
    b"inst": np.dtype([("name", "S20"), ("bag", "<u2")]),
    b"ibag": np.dtype([("generator", "<u2"), ("modulator", "<u2")]),
    b"igen": np.dtype([("kind", "<u2"), ("amount", "<i2")]),
    b"shdr": np.dtype(
        [
            ("name", "S20"), ("start", "<u4"), ("end", "<u4"), ("loop", "<u4"),
            ("loop_end", "<u4"), ("rate", "<u4"), ("pitch", "u1"), ("correction", "i1"),
            ("link", "<u2"), ("kind", "<u2"),
        ]
    ),
}  # fmt: skip
_WORDS = {
    b"phdr": "presets", b"pbag": "zones of presets", b"pgen": "settings of presets",
    b"inst": "instruments", b"ibag": "zones of instruments", b"igen": "settings of instruments",
    b"shdr": "samples", b"smpl": "sound",
}  # fmt: skip
_MOST_ROWS = 1 << 20
_COMPRESSED = 0x10
_ROM = 0x8000
INSTRUMENT, SAMPLE, KEYS, VELOCITIES = 41, 53, 43, 44


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables, each without its last row, which only ends the one before.

    `preset_bags`, `instrument_bags`: first zone of each row, and one more for the end.
    `preset_generators`, `instrument_generators`: the same for the generators of zones.
    """

    presets: Rows
    preset_bags: NDArray[np.int64]
    preset_generators: NDArray[np.int64]
    preset_settings: Rows
    instruments: Rows
    instrument_bags: NDArray[np.int64]
    instrument_generators: NDArray[np.int64]
    instrument_settings: Rows
    samples: Rows


def tables_of(data: NDArray[np.uint8], chunks: dict[bytes, Chunk], frames: int) -> Tables:
    """Read and check the tables.

    Args:
        data: The file.
        chunks: Its chunks by name.
        frames: Frames of sound in it.

    Raises:
        MusicError: One is missing, or points to what is not there.
    """
    rows = {name: _rows(data, chunks, name) for name in _LAYOUTS}
    tables = Tables(
        rows[b"phdr"][:-1],
        _steps(rows[b"phdr"]["bag"], len(rows[b"pbag"]), "presets"),
        _steps(rows[b"pbag"]["generator"], len(rows[b"pgen"]), "zones of presets"),
        rows[b"pgen"],
        rows[b"inst"][:-1],
        _steps(rows[b"inst"]["bag"], len(rows[b"ibag"]), "instruments"),
        _steps(rows[b"ibag"]["generator"], len(rows[b"igen"]), "zones of instruments"),
        rows[b"igen"],
        rows[b"shdr"][:-1],
    )
    _check_targets(tables.preset_settings, INSTRUMENT, len(tables.instruments), "instrument")
    _check_targets(tables.instrument_settings, SAMPLE, len(tables.samples), "sample")
    _check_samples(tables.samples, frames)
    return tables


def chunk_of(chunks: dict[bytes, Chunk], name: bytes) -> Chunk:
    """Return a chunk.

    Raises:
        MusicError: It is missing.
    """
    if name not in chunks:
        raise refused(f"its {_WORDS[name]} are missing")
    return chunks[name]


def _rows(data: NDArray[np.uint8], chunks: dict[bytes, Chunk], name: bytes) -> Rows:
    chunk, layout = chunk_of(chunks, name), _LAYOUTS[name]
    size = chunk.end - chunk.start
    if size % layout.itemsize or size < layout.itemsize:
        raise refused(f"the table of its {_WORDS[name]} is damaged")
    if size // layout.itemsize > _MOST_ROWS:
        raise refused(f"it has {size // layout.itemsize:,} {_WORDS[name]}, {_MOST_ROWS:,} fit")
    return np.frombuffer(data[chunk.start : chunk.end].tobytes(), layout)


def _steps(first: NDArray[np.uint16], count: int, words: str) -> NDArray[np.int64]:
    """Return where the parts of each row begin; they must follow each other."""
    steps = first.astype(np.int64)
    if (np.diff(steps) < 0).any() or steps[-1] > count:
        raise refused(f"its {words} point to parts that are not there")
    return steps


def _check_targets(settings: Rows, kind: int, count: int, word: str) -> None:
    amounts = settings["amount"][settings["kind"] == kind].view(np.uint16)
    if len(amounts) and int(amounts.max()) >= count:
        raise refused(f"it uses {word} {int(amounts.max())}, there are {count}")


def _check_samples(samples: Rows, frames: int) -> None:
    heard = samples[(samples["kind"] & _ROM) == 0]
    if (heard["kind"] & _COMPRESSED).any():
        raise refused("its samples are compressed (.sf3)", "save it as .sf2 and open that")
    if not len(heard):
        raise refused("it holds no samples")
    bad = (heard["start"] > heard["end"]) | (heard["end"] > frames)
    if bad.any():
        name = text_of(heard["name"][bad][0])
        raise refused(f"its sample “{name}” lies outside the sound of the file")


def text_of(name: bytes) -> str:
    """Return a name of the file for people: printable letters only."""
    text = name.split(b"\0")[0].decode("latin-1")
    return "".join(letter for letter in text if letter.isprintable()).strip()
