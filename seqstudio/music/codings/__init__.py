"""Music as tokens: the ways in which a model can read and write scores, by kind of data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqstudio.music.codings.coding import AbcCharacters, Coding

if TYPE_CHECKING:
    from collections.abc import Mapping

CODINGS: Mapping[str, Coding] = {"abc": AbcCharacters()}
"""By `DataSettings.kind`."""

__all__ = ["CODINGS", "Coding"]
