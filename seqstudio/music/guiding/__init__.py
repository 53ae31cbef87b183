"""What may come next in a tune that has to keep to something: masks over a vocabulary, no torch.

A guide reads the tokens of a piece one by one, knows where its bars end, and says which tokens may
come. It never stands in the way: where nothing may come it lets everything come and says so in
its `note`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqstudio.music.guiding.abc_guide import AbcGuide
from seqstudio.music.guiding.base import Guide
from seqstudio.music.guiding.events_guide import EventsGuide
from seqstudio.music.guiding.voices_guide import VoicesGuide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqstudio.records.messages import Constraints

__all__ = ["Guide", "guide"]

_GUIDES: dict[str, type[Guide]] = {
    "abc": AbcGuide,
    "abc-tokens": AbcGuide,
    "events": EventsGuide,
    "voices": VoicesGuide,
}


def guide(
    kind: str, constraints: Constraints, symbols: Sequence[str], *, region: bool = False
) -> Guide | None:
    """Return what guides the writing of a piece, None for data that have no bars.

    Args:
        kind: `DataSettings.kind`.
        constraints: What the piece has to keep to.
        symbols: The tokens of the vocabulary.
        region: Exactly `constraints.bars` bars of a piece are written, and not its end.
    """
    made = _GUIDES.get(kind)
    return None if made is None else made(constraints, symbols, region=region)
