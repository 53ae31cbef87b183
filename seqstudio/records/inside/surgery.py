"""Surgery on a model: hold units at a value while it reads, and see what that costs.

Shape legend: T time steps, N units of a place, U units that are held, K choices.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats, Ints


@dataclass(frozen=True)
class SiteName:
    """A place of a model where units can be held.

    Attributes:
        block: Id of the block.
        layer: Number in the block, from 0.
        back: The layer that reads from the end.
        part: "h", "c", "residual" (what leaves a transformer block), "neurons" (after the
            nonlinearity of its feed-forward net), "heads" (before their output projection), or
            the name of a state that the person drew.
        units: How many there are: units, neurons or heads.
    """

    block: str
    layer: int
    back: bool
    part: str
    units: int


@dataclass(frozen=True)
class SurgeryOf:
    """Ask what happens when units are held at every step.

    Attributes:
        block: Id of the block, "" for the topmost place.
        layer: Number in the block.
        back: The layer that reads from the end.
        part: See `SiteName`, "" for the first of the layer.
        units: Which units; none is the untouched model.
        to: "zero", "mean" (of the held-out text), "plus" (+1), "minus" (-1) or "opposite" (its
            own value times -1).
        steps: Longest part of the text to read.
        written: Tokens of the continuation, 0 for none.
        seed: Of its choices.
    """

    block: str = ""
    layer: int = 0
    back: bool = False
    part: str = ""
    units: tuple[int, ...] = ()
    to: str = "zero"
    steps: int = 128
    written: int = 160
    seed: int = 0


@dataclass(frozen=True)
class Surgery:
    """A model before and after.

    Attributes:
        site: Where units were held.
        sites: All places that could be asked for.
        units: Which units.
        to: What they were held at.
        tokens: (T,) what the model reads.
        before: (T,) or (1,) loss of every prediction about the text, in nats, NaN where none is
            asked.
        after: The same with the units held.
        values: (T, U) what the units would be without the operation, the mean over their
            features for heads; (0, U) where the steps of the place are not those of the text.
        symbols: What can come next, where that is a choice.
        choices: (T, K) places in `symbols`, the likeliest before or after.
        p_before: (T, K) their probabilities.
        p_after: (T, K) the same with the units held.
        held_before: Mean loss on held-out data, NaN until it is known.
        held_after: The same with the units held.
        held_count: Predictions behind both.
        prompt: What the continuations continue, "" where nothing is written.
        wrote_before: The continuation.
        wrote_after: The same with the units held, and with the same chances.
        skipped: Characters of the text that the model does not know and that were left out.
        cut: Steps of the text that were left off at its end.
    """

    site: SiteName
    sites: tuple[SiteName, ...]
    units: tuple[int, ...]
    to: str
    tokens: tuple[str, ...]
    before: Floats
    after: Floats
    values: Floats
    symbols: tuple[str, ...]
    choices: Ints
    p_before: Floats
    p_after: Floats
    held_before: float
    held_after: float
    held_count: int
    prompt: tuple[str, ...]
    wrote_before: tuple[str, ...]
    wrote_after: tuple[str, ...]
    skipped: tuple[str, ...]
    cut: int


@dataclass(frozen=True)
class UnitRankingOf:
    """Ask which unit of a place matters most: each is held alone, on held-out data.

    Attributes:
        block: Id of the block, "" for the topmost place.
        layer: Number in the block.
        back: The layer that reads from the end.
        part: See `SiteName`, "" for the first of the layer.
        to: See `SurgeryOf`.
        rows: Held-out examples.
        steps: Steps of each.
        stop: Only stop what is being ranked for the same view.
    """

    block: str = ""
    layer: int = 0
    back: bool = False
    part: str = ""
    to: str = "zero"
    rows: int = 4
    steps: int = 64
    stop: bool = False


@dataclass(frozen=True)
class UnitRanking:
    """What each unit is worth.

    Attributes:
        site: The place.
        to: What each unit was held at.
        base: Mean loss without any operation, in nats.
        increase: (N,) loss with the unit held, less `base`; NaN where it is not known yet.
        count: Predictions behind each number.
    """

    site: SiteName
    to: str
    base: float
    increase: Floats
    count: int
