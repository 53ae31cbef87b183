"""What the unrolled graph shows: columns, cells and norms. Plain data, no Qt.

Shape legend: T time steps. Time counts from 1, as in the equations: h_0 is the state that the
window starts from, h_1 the first state of it. Columns count from 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from seqstudio.blocks.catalogue import KINDS
from seqstudio.records.readings import (
    AttentionReading,
    Floats,
    GradientReading,
    LayerAttention,
    LayerGradient,
)

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.document.graph import Graph
    from seqstudio.document.project import Project

#: Decades of the norm over which an arrow grows from the least to the greatest width.
DECADES = 6.0
LEAST_WIDTH, MOST_WIDTH = 1.0, 6.0
#: Columns of the window before, where the state is carried over.
GHOSTS = 2
#: Patterns with a prediction at every step.
EVERY_STEP = frozenset({"next token", "class per step", "forecast", "notes"})
_SEARCHED = 2_000_000
_MOST_PLACES = 1000

Link = Literal["state", "attention", "none"]


@dataclass(frozen=True)
class Arrow:
    """How a gradient is drawn.

    Attributes:
        width: Pixels.
        dashed: The norm lies below the range.
    """

    width: float
    dashed: bool = False


def arrow_of(norm: float, largest: float) -> Arrow | None:
    """Return the arrow of a norm, None for nothing to draw: an exact zero or not a number.

    The width is linear in log10 of the norm, over `DECADES` decades below `largest`.
    """
    if math.isnan(norm) or norm <= 0:
        return None
    if math.isinf(norm) or norm >= largest:
        return Arrow(MOST_WIDTH)
    share = 1.0 + math.log10(norm / largest) / DECADES
    if share < 0:
        return Arrow(LEAST_WIDTH, dashed=True)
    return Arrow(LEAST_WIDTH + (MOST_WIDTH - LEAST_WIDTH) * share)


@dataclass(frozen=True)
class CellRow:
    """The copies of one recurrent or attention layer.

    Attributes:
        block: Id of its block.
        layer: Number in the block, from 0.
        gradient: What was measured, None before.
    """

    block: str
    layer: int
    gradient: LayerGradient | None = None

    def norm(self, column: int) -> float:
        """Return the norm of dL/dh at a column; -1 is the state that the window starts from.

        NaN where nothing was measured.
        """
        found = self.gradient
        if found is None or not -1 <= column < len(found.total_h):
            return math.nan
        return found.wall_h if column < 0 else float(found.total_h[column])


@dataclass(frozen=True)
class Chain:
    """One window of a sequence, laid out over time.

    Attributes:
        tokens: (T,) what is read at each step; "" where it is no symbol.
        targets: (T,) what should come out; "" where that is not known.
        rows: Layers, the one next to the input first.
        link: What connects the columns.
        every: Every column has an output and a loss, not the last one alone.
        pooled: The output at the end reads the mean over all columns.
        loss: (T,) nats, None where it was not measured.
        window: Steps after which the gradient stops.
        adjustable: The window is a setting that the person can change.
        carried: The state of the window before is carried over.
        step: Training step that was measured, None before.
        attention: Weights of the layer shown.
        head: Head shown.
    """

    tokens: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    rows: tuple[CellRow, ...] = ()
    link: Link = "none"
    every: bool = True
    pooled: bool = False
    loss: Floats | None = None
    window: int = 0
    adjustable: bool = False
    carried: bool = False
    step: int | None = None
    attention: LayerAttention | None = None
    head: int = 0

    @property
    def steps(self) -> int:
        """Number of columns T."""
        return len(self.tokens)

    @property
    def start(self) -> int:
        """The leftmost column: before 0 where the state is carried over."""
        return -GHOSTS if self.carried else 0

    @property
    def measured(self) -> bool:
        """Whether a gradient was measured."""
        return any(row.gradient is not None for row in self.rows)

    @cached_property
    def largest(self) -> float:
        """The largest finite norm of any state of the reading, NaN before one."""
        norms = [row.gradient.total_h for row in self.rows if row.gradient is not None]
        every = np.concatenate(norms) if norms else np.empty(0)
        finite = every[np.isfinite(every)]
        return float(finite.max()) if finite.size else math.nan

    def has_output(self, column: int) -> bool:
        """Return whether a column ends in an output and a loss."""
        return self.every or column == self.steps - 1

    def arrow(self, row: int, column: int) -> Arrow | None:
        """Return how the gradient that reaches the state of a column is drawn."""
        return arrow_of(self.rows[row].norm(column), self.largest)

    def strongest(self, column: int, count: int = 3) -> list[tuple[int, float]]:
        """Return the columns that one looks at most, with their weights, greatest first."""
        if self.attention is None:
            return []
        weights = self.attention.weights[self.head][column]
        seen = np.flatnonzero(~self.attention.masked[column])
        order = seen[np.argsort(-weights[seen], kind="stable")][:count]
        return [(int(key), float(weights[key])) for key in order]


# ---------------------------------------------------------------------------------- from records


@dataclass(frozen=True)
class Looked:
    """Where the shared cursor looks: a block ("" for the first), its layer, its head."""

    block: str = ""
    layer: int = 0
    head: int = 0


def chain_of(
    project: Project,
    dataset: Dataset | None,
    gradient: GradientReading | None,
    attention: AttentionReading | None,
    looked: Looked,
) -> Chain:
    """Return the chain of a run: from its readings, or from data and graph before the first."""
    link = link_of(project.graph)
    every, pooled = _asked(project.graph)
    if link == "attention":
        return _attending(attention, dataset, project, looked, every, pooled)
    tokens = gradient.tokens if gradient else tokens_to_come(dataset, project.training.window)
    adjustable = dataset is not None and not dataset.generated
    return Chain(
        tokens=_symbols(tokens, dataset),
        targets=_targets(tokens, dataset) if every else ("",) * len(tokens),
        rows=_rows(project.graph, gradient) if link == "state" else (CellRow("", 0),),
        link=link,
        every=every,
        pooled=pooled,
        loss=gradient.loss if gradient else None,
        window=gradient.window if gradient else len(tokens),
        adjustable=adjustable and link == "state",
        carried=adjustable and link == "state" and every and project.training.carry,
        step=gradient.step if gradient else None,
    )


def _attending(
    reading: AttentionReading | None,
    dataset: Dataset | None,
    project: Project,
    looked: Looked,
    every: bool,
    pooled: bool,
) -> Chain:
    tokens = reading.tokens if reading else tokens_to_come(dataset, project.training.window)
    layer = _layer_of(reading, looked)
    heads = len(layer.weights) if layer else 1
    return Chain(
        tokens=_symbols(tokens, dataset),
        targets=_targets(tokens, dataset) if every else ("",) * len(tokens),
        rows=(CellRow(layer.block, layer.layer) if layer else CellRow("", 0),),
        link="attention",
        every=every,
        pooled=pooled,
        window=len(tokens),
        step=reading.step if reading else None,
        attention=layer,
        head=min(looked.head, heads - 1),
    )


def _layer_of(reading: AttentionReading | None, looked: Looked) -> LayerAttention | None:
    if reading is None or not reading.layers:
        return None
    block = looked.block or reading.layers[0].block
    same = [each for each in reading.layers if (each.block, each.layer) == (block, looked.layer)]
    return same[0] if same else reading.layers[0]


def link_of(graph: Graph) -> Link:
    """Return what carries something from one time step to another: a state comes first."""
    kinds = [KINDS[block.kind] for block in graph if block.kind in KINDS]
    if any(kind.memory == "state" for kind in kinds):
        return "state"
    return "attention" if any(kind.arch == "transformer" for kind in kinds) else "none"


def _asked(graph: Graph) -> tuple[bool, bool]:
    """Return whether every step has an output, and whether the one at the end reads a mean."""
    kinds = {block.kind for block in graph}
    every = any(KINDS[kind].head in EVERY_STEP for kind in kinds if kind in KINDS)
    return every, "mean_time" in kinds


def _rows(graph: Graph, reading: GradientReading | None) -> tuple[CellRow, ...]:
    """Return the recurrent layers, measured or not; the graph says which there are."""
    found = {(each.block, each.layer): each for each in reading.layers} if reading else {}
    return tuple(CellRow(*key, found.get(key)) for key in _layers(graph))


def _layers(graph: Graph) -> Iterator[tuple[str, int]]:
    """Yield the layers that lead to the head; all of them while none is wired to it."""
    heads = [block.id for block in graph if block.kind in KINDS and KINDS[block.kind].head]
    order = (*graph.order()[0], *graph.order()[1])
    cells = [key for key in order if _is_cell(graph.blocks[key].kind)]
    useful = [key for key in cells if not heads or graph.reaches(key, heads[0])]
    for key in useful or cells:
        count = int(graph.blocks[key].params.get("layers", 1))
        yield from ((key, layer) for layer in range(count))


def _is_cell(kind: str) -> bool:
    return kind in KINDS and KINDS[kind].memory == "state"


# ----------------------------------------------------------------------------------- from data


def tokens_to_come(dataset: Dataset | None, window: int) -> tuple[str, ...]:
    """Return what a model would read first of the held-out part: symbols, or "" for vectors."""
    if dataset is None:
        return ()
    if dataset.generated:
        batch = dataset.fixed_batches(1, 1)[0]
        first = batch.inputs[0][: int(batch.lengths[0])]
        known = dataset.vocabulary
        return tuple(known.symbols[i] for i in first.tolist()) if known else ("",) * len(first)
    known = dataset.vocabulary
    return tuple(known.symbols[i] for i in dataset.valid[:window].tolist()) if known else ()


def _symbols(tokens: tuple[str, ...], dataset: Dataset | None) -> tuple[str, ...]:
    """Return the tokens, or "" for each where the data are vectors without symbols."""
    vectors = dataset is not None and dataset.vocabulary is None
    return ("",) * len(tokens) if vectors else tokens


def _targets(tokens: tuple[str, ...], dataset: Dataset | None) -> tuple[str, ...]:
    """Return for each token the one that follows, "" where it is not what has to be told."""
    if dataset is not None and dataset.pattern != "next token":
        return ("",) * len(tokens)
    return (*tokens[1:], following(tokens, dataset)) if tokens else ()


def following(tokens: tuple[str, ...], dataset: Dataset | None) -> str:
    """Return the symbol after a window of the data, "" unless the data leave no doubt."""
    if dataset is None or dataset.vocabulary is None:
        return ""
    text, known = "".join(tokens), dataset.vocabulary
    if dataset.generated:
        batch = dataset.fixed_batches(1, 1)[0]
        same = "".join(tokens_to_come(dataset, 0)) == text and batch.targets.ndim == 2
        last = int(batch.targets[0, len(tokens) - 1]) if same else -1
        return known.symbols[last] if last >= 0 else ""
    if known.unknown(text):
        return ""
    ids = known.encode(text)
    parts = [part for part in (dataset.train, dataset.valid) if len(part) <= _SEARCHED]
    after = {each for part in parts for each in _after(part, ids)}
    return known.symbols[after.pop()] if len(after) == 1 and min(after) >= 0 else ""


def _after(part: NDArray[np.uint16], ids: NDArray[np.uint16]) -> Iterator[int]:
    """Yield what follows each place where `ids` stand; -1 when there are too many to tell."""
    size, whole, wanted = part.itemsize, part.tobytes(), ids.astype(part.dtype).tobytes()
    place = whole.find(wanted)
    for _ in range(_MOST_PLACES):
        if place < 0:
            return
        index, odd = divmod(place, size)
        if not odd and index + len(ids) < len(part):
            yield int(part[index + len(ids)])
        place = whole.find(wanted, place + 1)
    yield -1
