"""Attention, asked for: where every head looks, what its products are, and what it is good for.

Shape legend: L places of attention in a model, H heads, T queries, S keys, D features of a head,
K losses, V symbols.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqstudio.records.readings import Floats

Weights = NDArray[np.float32]
Mask = NDArray[np.bool_]

LONGEST = 512
"""Steps of a text that can be asked about."""


@dataclass(frozen=True)
class AttentionExample:
    """Which example is read.

    Attributes:
        number: Of the held-out examples, from 0; a typed text takes its place.
        written: The model writes by itself and reads its own words; else it reads the true ones.
        steps: Longest part of a text to read.
    """

    number: int = 0
    written: bool = False
    steps: int = LONGEST


@dataclass(frozen=True)
class AttentionSite:
    """A place of attention in a model.

    Attributes:
        key: What questions call it: block, kind and number.
        block: Id of the block at the top of the graph.
        layer: Number among those of its kind in the block, from 0.
        kind: "self", "cross", "additive", "hard", or "drawn" from blocks.
        name: In words.
        heads: How many look.
        queries: What the rows are: "text", "source" or "places" of a picture.
        keys: What the columns are.
    """

    key: str
    block: str
    layer: int
    kind: str
    name: str
    heads: int
    queries: str
    keys: str


@dataclass(frozen=True)
class AttentionRead:
    """What the model read.

    Attributes:
        tokens: (T,) the main stream.
        source: (S,) what is read beside it, in symbols; () without.
        picture: (C, H, W) between 0 and 1; None without.
        targets: What should come next at every step, or what the model wrote; "" where unknown.
        loss: Of every target, NaN where none is asked; one number where one loss ends the row.
        mean: Mean loss over what is asked, NaN without.
        written: The model wrote the text itself.
        wanted: The true words for a written text, "" where nobody knows them.
        skipped: Characters that the model does not know.
        cut: Steps that were left off.
        examples: How many examples can be chosen, 1 for a typed text.
    """

    tokens: tuple[str, ...]
    source: tuple[str, ...]
    picture: NDArray[np.float32] | None
    targets: tuple[str, ...]
    loss: Floats
    mean: float
    written: bool = False
    wanted: str = ""
    skipped: tuple[str, ...] = ()
    cut: int = 0
    examples: int = 1


@dataclass(frozen=True)
class AttentionOf:
    """Ask for the weights of every head.

    Attributes:
        example: What to read.
        focus: Key of the place whose head is wanted whole, "" for the first.
        head: That head.
        query: The row of all heads that is wanted whole, -1 for none.
    """

    example: AttentionExample = AttentionExample()
    focus: str = ""
    head: int = 0
    query: int = -1


@dataclass(frozen=True)
class AttentionMap:
    """The weights of one place.

    Attributes:
        site: Which place.
        queries: Words of the rows.
        keys: Words of the columns.
        weights: (H, T, S), rows sum to 1; with `pool` > 1 the largest of squares of so many.
        masked: (T, S) True where a query may not look; reduced alike.
        pool: How many tokens stand behind one cell.
        entropy: (H,) bits, mean over the queries that have a choice.
        rows: (H, S) weights of the query that was asked for; None where `weights` has it all.
        full: (T, S) weights of the head that was asked for; None where `weights` has it all.
        full_masked: (T, S) its mask.
        grid: Lines and columns of places in the picture, (0, 0) without.
    """

    site: AttentionSite
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    weights: Weights
    masked: Mask
    pool: int
    entropy: Floats
    rows: Weights | None = None
    full: Weights | None = None
    full_masked: Mask | None = None
    grid: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class AttentionSeen:
    """Where every head looks in one example.

    Attributes:
        read: The example.
        sites: Every place of attention, in the order in which they run.
        query: The row that the places carry whole.
        head: The head that they carry whole.
    """

    read: AttentionRead
    sites: tuple[AttentionMap, ...]
    query: int = -1
    head: int = 0


@dataclass(frozen=True)
class ProductsOf:
    """Ask for the numbers of one query of one head, step by step.

    Attributes:
        example: What to read.
        site: Key of the place, "" for the first.
        head: From 0.
        query: Row, from 0.
        scaled: Divide scores by the root of the width, as the model learnt it.
        positions: Tell the model the places of its steps, as it learnt it.
    """

    example: AttentionExample = AttentionExample(steps=128)
    site: str = ""
    head: int = 0
    query: int = 0
    scaled: bool = True
    positions: bool = True


@dataclass(frozen=True)
class HeadProducts:
    """What one head computes for one query.

    Attributes:
        q: (D,) query.
        k: (S, D) keys.
        inner: (S, D) terms of the scores: q k, or v tanh(q + k) where a net scores; rows sum to
            `scores`.
        scores: (S,) before the scale.
        divisor: The root of the width, 1 without scale.
        seen: (S,) True where the query may look.
        weights: (S,) softmax.
        v: (S, D) values.
        context: (D,) weights times values.
        matrix: (T, S) the weights of all queries of the head.
        mean: Mean loss of the example with this attention everywhere, NaN without targets.
    """

    q: Floats
    k: Floats
    inner: Floats
    scores: Floats
    divisor: float
    seen: Mask
    weights: Floats
    v: Floats
    context: Floats
    matrix: Weights
    mean: float


@dataclass(frozen=True)
class ProductsSeen:
    """The products as the model learnt them, and beside them with something left out.

    Attributes:
        read: The example.
        sites: Every place that can be chosen.
        site: The chosen one.
        head: From 0.
        query: Row, from 0.
        queries: Words of the rows.
        keys: Words of the columns.
        masked: (T, S) True where a query may not look.
        plain: As learnt.
        other: With scale or positions left out; None when nothing is.
        scales: The place divides its scores by a root.
        places: The model is told places at all: rotary, sinusoidal or learned.
    """

    read: AttentionRead
    sites: tuple[AttentionSite, ...]
    site: AttentionSite
    head: int
    query: int
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    masked: Mask
    plain: HeadProducts
    other: HeadProducts | None
    scales: bool
    places: bool


@dataclass(frozen=True)
class RolloutOf:
    """Ask how far weights, rollout and gradients agree.

    Attributes:
        example: What to read.
        losses: At most so many losses; more are spread evenly.
    """

    example: AttentionExample = AttentionExample(steps=128)
    losses: int = 128


@dataclass(frozen=True)
class Rollout:
    """Attention weights, rollout and gradients of one text.

    Attributes:
        read: The example.
        tokens: (T,) words of the steps.
        means: (L, T, T) mean over the heads of every layer of self-attention.
        layers: Names of the layers.
        rollout: (T, T) product of the layers with their residual paths; rows sum to 1.
        masked: (T, T) True where no layer may look.
        log10: (K, T) log10 of the norm of dl_k/d emb_t; NaN where not measured (yet), -inf for an
            exact zero.
        losses: (K,) step of every loss.
        done: Losses that are measured.
    """

    read: AttentionRead
    tokens: tuple[str, ...]
    means: Weights
    layers: tuple[str, ...]
    rollout: Weights
    masked: Mask
    log10: Floats
    losses: tuple[int, ...]
    done: int


@dataclass(frozen=True)
class HeadAblationOf:
    """Ask what heads are good for.

    Attributes:
        example: What to read.
        off: Heads to switch off together: (key of the place, head).
    """

    example: AttentionExample = AttentionExample(steps=128)
    off: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class HeadAblation:
    """Losses with heads switched off one at a time, and some of them together.

    Attributes:
        read: The example.
        sites: (L,) places of attention.
        text: (L, H) mean loss on the example without that head; NaN where not measured (yet), or
            where a place has fewer heads.
        held: (L, H) the same on held-out examples.
        text_base: Loss on the example with all heads, NaN without targets.
        held_base: Loss on held-out examples with all heads.
        predictions: Behind the held-out loss.
        off: Heads that were switched off together.
        text_off: Loss on the example without them, NaN for none chosen.
        held_off: Loss on held-out examples without them.
        unit: Of the losses.
    """

    read: AttentionRead
    sites: tuple[AttentionSite, ...]
    text: Floats
    held: Floats
    text_base: float
    held_base: float
    predictions: int
    off: tuple[tuple[str, int], ...]
    text_off: float
    held_off: float
    unit: str


@dataclass(frozen=True)
class WeightEditOf:
    """Ask what the model says when one row of weights is another one.

    Attributes:
        example: What to read.
        site: Key of the place, "" for the first.
        head: From 0.
        query: Row, from 0.
        wanted: Weights given by hand: (key, value); the other keys share the rest in proportion.
    """

    example: AttentionExample = AttentionExample(steps=128)
    site: str = ""
    head: int = 0
    query: int = 0
    wanted: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class WeightEdit:
    """What comes out with the weights as they are, and with the row that was set by hand.

    Attributes:
        read: The example.
        sites: Every place that can be chosen.
        site: The chosen one.
        head: From 0.
        query: Row, from 0.
        queries: Words of the rows.
        keys: Words of the columns.
        seen: (S,) True where the query may look.
        before: (S,) its weights.
        after: (S,) as set by hand.
        at: Step whose output is shown.
        choices: Symbols or classes (V',), the likeliest first, by either row.
        p_before: (V',) their probabilities.
        p_after: (V',) with the row set by hand.
        loss_before: (T,) losses of the example, NaN where none is asked.
        loss_after: (T,) the same with the row set by hand.
        mean_before: Mean loss, NaN without targets.
        mean_after: The same with the row set by hand.
        moved: (T,) total variation between the outputs at every step, 0 to 1.
    """

    read: AttentionRead
    sites: tuple[AttentionSite, ...]
    site: AttentionSite
    head: int
    query: int
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    seen: Mask
    before: Floats
    after: Floats
    at: int
    choices: tuple[str, ...]
    p_before: Floats
    p_after: Floats
    loss_before: Floats
    loss_after: Floats
    mean_before: float
    mean_after: float
    moved: Floats


def with_weights(
    row: Floats, seen: Mask, wanted: tuple[tuple[int, float], ...]
) -> NDArray[np.float64]:
    """Return a row (S,) in which some weights are set and the others share the rest.

    The others keep their proportions; where they are all 0 they share evenly. Weights set by hand
    are clipped to 0..1, and scaled down together when they exceed 1; with no other key to see they
    are scaled to 1. Keys that the query may not see stay 0.
    """
    new = np.where(seen, np.asarray(row, np.float64), 0.0)
    given = np.zeros(len(new), bool)
    for key, value in wanted:
        if 0 <= key < len(new) and seen[key]:
            new[key], given[key] = min(1.0, max(0.0, value)), True
    if not given.any():
        return new
    held, others = new[given].sum(), seen & ~given
    if held > 1.0 or not others.any():
        new[given] = new[given] / held if held > 0 else 1.0 / given.sum()
        held = 1.0
    rest = new[others].sum()
    share = np.full(others.sum(), 1.0 / max(1, others.sum())) if rest <= 0 else new[others] / rest
    new[others] = share * (1.0 - held)
    return new
