"""Names of layers for people, and which layer the shared cursor stands at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqstudio.blocks.check import title_of
from seqstudio.records.inside.gates import LayerName
from seqstudio.studio.panels.probe_field import unknown_words

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

Place = tuple[str, int, bool]
"""Block, number of the layer in it, and whether it reads from the end."""


def place_of(layer: LayerName) -> Place:
    """Return where a layer stands."""
    return layer.block, layer.layer, layer.back


def layer_title(session: Session, layer: LayerName, count: int = 2) -> str:
    """Return a layer in words: "LSTM, layer 2"; without the number where it is the only one."""
    project = session.run_project or session.project
    block = project.graph.blocks.get(layer.block)
    name = title_of(block) if block else layer.block
    number = f", layer {layer.layer + 1}" if count > 1 or layer.layer else ""
    return f"{name}{number}{', backward' if layer.back else ''}"


def layer_titles(session: Session, layers: Sequence[LayerName]) -> list[tuple[Place, str]]:
    """Return places and titles of layers, for a choice among them."""
    inside: dict[str, int] = {}
    for layer in layers:
        inside[layer.block] = inside.get(layer.block, 0) + (not layer.back)
    return [(place_of(each), layer_title(session, each, inside[each.block])) for each in layers]


def at_cursor(session: Session, layers: Sequence[LayerName], now: Place) -> Place:
    """Return the layer that the shared cursor stands at, else the one that is shown now."""
    cursor = session.cursor
    here = (cursor.block, cursor.layer)
    if here == now[:2]:
        return now
    return next((place_of(each) for each in layers if place_of(each)[:2] == here), now)


def reading_words(skipped: Sequence[str], cut: int, steps: int) -> str:
    """Return what was left out of a text, "" for nothing."""
    parts = [unknown_words(skipped)] if skipped else []
    if cut > 0:
        parts.append(f"the first {steps:,} steps of {steps + cut:,}")
    return ", ".join(parts)
