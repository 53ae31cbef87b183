"""SoundFonts (.sf2) that a person brings: read, checked and played in plain numpy."""

from __future__ import annotations

from seqstudio.music.soundfont.font import Preset, SoundFont

__all__ = ["Preset", "SoundFont"]
