"""Chunks of a RIFF file: where they are, with a limit on everything that a file claims.

Source: SoundFont Technical Specification 2.04, sections 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqstudio.core.errors import MusicError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_CHUNKS = 512
_LISTS = frozenset({b"INFO", b"sdta", b"pdta"})
_HINT = "bring another SoundFont, or the file anew from where it came from"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the file: name, and the bytes from `start` to `end`."""

    name: bytes
    start: int
    end: int


def refused(why: str, hint: str = _HINT) -> MusicError:
    """Return the error for a file that is no SoundFont that can be played."""
    return MusicError("the SoundFont cannot be read", why, hint)


def font_chunks(data: NDArray[np.uint8]) -> dict[bytes, Chunk]:
    """Return the chunks of a SoundFont by name, those within its three lists.

    Raises:
        MusicError: It is something else, or chunks reach behind its end.
    """
    head = data[:12].tobytes()
    if len(head) < 12 or head[:4] != b"RIFF":
        raise refused("it does not begin as a SoundFont does", "choose a file that ends in .sf2")
    if head[8:12] != b"sfbk":
        other = "a DLS collection" if head[8:11] == b"DLS" else "another kind of RIFF file"
        raise refused(f"it is {other}", "choose a file that ends in .sf2")
    end = 8 + int.from_bytes(head[4:8], "little")
    if end > len(data) + 1:
        raise refused(f"it ends after {len(data):,} of {end:,} bytes")
    found: dict[bytes, Chunk] = {}
    for outer in _walk(data, 12, min(end, len(data))):
        kind = data[outer.start : min(outer.start + 4, outer.end)].tobytes()
        if outer.name == b"LIST" and kind in _LISTS:
            for chunk in _walk(data, outer.start + 4, outer.end):
                found.setdefault(chunk.name, chunk)
    return found


def _walk(data: NDArray[np.uint8], at: int, end: int) -> list[Chunk]:
    chunks = []
    while at + 8 <= end:
        head = data[at : at + 8].tobytes()
        size = int.from_bytes(head[4:8], "little")
        if at + 8 + size > end:
            name = head[:4].decode("latin-1")
            which = f"part “{name}”" if name.isalnum() and name.isascii() else f"byte {at:,}"
            raise refused(f"its {which} claims {size:,} bytes more, {end - at - 8:,} are there")
        chunks.append(Chunk(head[:4], at + 8, at + 8 + size))
        if len(chunks) > _MOST_CHUNKS:
            raise refused(f"it has more than {_MOST_CHUNKS} parts")
        at += 8 + size + size % 2
    return chunks
