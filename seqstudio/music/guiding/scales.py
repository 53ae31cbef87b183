"""Pitch classes of a key."""

from __future__ import annotations

from seqstudio.music.keys import SEMITONES, parse_key


def scale_of(key: str) -> frozenset[int] | None:
    """Return the pitch classes of a key in words, None for one that has none."""
    found = parse_key(key)[0]
    if not key or found.mode == "none":
        return None
    return frozenset(
        (semitones + alter) % 12 for semitones, alter in zip(SEMITONES, found.alters, strict=True)
    )


def tonic_of(key: str) -> int:
    """Return the pitch class of the first degree of a key in words, -1 without."""
    found = parse_key(key)[0]
    return -1 if found.tonic is None else 7 * found.tonic % 12
