"""What flows on a wire: the wish to see it, and what was seen. Frozen, without torch or Qt.

Everything is measured on one real batch of the project's data. Shape legend: B rows of it that
were measured, T time steps, C features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

Look = Literal["map", "rows", "matrix", "tokens", "picture"]


@dataclass(frozen=True)
class PeekAt:
    """Ask what flows on the wires that leave an output port.

    Attributes:
        request: Number that the answer carries; a newer wish replaces one that waits.
        project: Text of the project file, as it is now.
        base: Folder that relative data paths start from, or "".
        path: Blocks to enter to get to `block`.
        block: Id of the block.
        port: Its output port.
        folder: Folder of a run whose last checkpoint has the weights, or "".
    """

    request: int
    project: str
    base: str
    path: tuple[str, ...]
    block: str
    port: str
    folder: str = ""


@dataclass(frozen=True)
class Peeked:
    """What flows there.

    Attributes:
        request: Number of the wish.
        path: Blocks to enter to get to `block`.
        block: Id of the block.
        port: Its output port.
        weights: Which weights: "untrained weights, seed 0" or "step 1,250".
        names: Name of each dimension: "B", "T", "C", ...
        sizes: Size of each, as measured.
        dtype: Number format: "float32".
        mean: Mean of the finite numbers.
        spread: Their standard deviation.
        low: Least of them.
        high: Greatest of them.
        zeros: Share of exact zeros, 0..1.
        bad: Share of NaN and infinite numbers, 0..1.
        look: What `picture` is: "map" features by time of the first row; "rows" rows by features;
            "matrix" queries by keys; "tokens" symbols alone; "picture" channels, height, width.
        picture: The numbers to draw, float32; empty for tokens.
        tokens: Symbols of the first row, () where there are none.
        note: What the reader must know, such as how a large map was reduced.
        cost_s: Seconds that it took, next to nothing when the batch had been run already.
    """

    request: int
    path: tuple[str, ...]
    block: str
    port: str
    weights: str
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    dtype: str
    mean: float
    spread: float
    low: float
    high: float
    zeros: float
    bad: float
    look: Look
    picture: NDArray[Any]
    tokens: tuple[str, ...] = ()
    note: str = ""
    cost_s: float = 0.0


@dataclass(frozen=True)
class PeekFailed:
    """Nothing flows there.

    Attributes:
        request: Number of the wish.
        path: Blocks to enter to get to `block`.
        block: The block where it failed, "" when it is none of them.
        what: What happened.
        why: The cause.
        hint: What to do.
        cost_s: Seconds that it took.
    """

    request: int
    path: tuple[str, ...]
    block: str
    what: str
    why: str
    hint: str
    cost_s: float = 0.0
