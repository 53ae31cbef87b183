"""A synthesiser in plain numpy: instruments, drums, a room, a limiter. No downloads.

What a score sounds like depends on the score alone: all noise comes from seeded generators.
"""

from __future__ import annotations

from seqstudio.music.synth.band import MOST_VOICES, RATE, Band, Sound
from seqstudio.music.synth.instruments import INSTRUMENTS, instrument_of
from seqstudio.music.synth.rendering import LONGEST_S, render

__all__ = [
    "INSTRUMENTS",
    "LONGEST_S",
    "MOST_VOICES",
    "RATE",
    "Band",
    "Sound",
    "instrument_of",
    "render",
]
