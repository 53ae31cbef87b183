"""The shared cursor: training clock, sequence time and place that every view shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cursor:
    """The two clocks and the place, shared by every view.

    Attributes:
        step: Training clock; None follows the newest step.
        t: Sequence time within the text or window shown.
        block: Block looked at, "" for the first that fits.
        layer: Layer in the block.
        head: Attention head.
        unit: Unit of the layer, None while nobody has pointed at one.
        token: Symbol of the vocabulary, "" while nobody has pointed at one.
    """

    step: int | None = None
    t: int = 0
    block: str = ""
    layer: int = 0
    head: int = 0
    unit: int | None = None
    token: str = ""
