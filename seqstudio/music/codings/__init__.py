"""Music as tokens: the ways in which a model can read and write scores, by kind of data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqstudio.music.codings.coding import AbcCharacters, Coding
from seqstudio.music.codings.events import Events
from seqstudio.music.codings.frames import Frames
from seqstudio.music.codings.musical import AbcTokens
from seqstudio.music.codings.voices import Voices

if TYPE_CHECKING:
    from collections.abc import Mapping

CODINGS: Mapping[str, Coding] = {
    "abc": AbcCharacters(),
    "abc-tokens": AbcTokens(),
    "events": Events(),
    "voices": Voices(),
    "frames": Frames(),
}
"""By `DataSettings.kind`."""

__all__ = ["CODINGS", "Coding"]
