"""Where every head looks: the weights of all places of attention for one example.

Shape legend: H heads, T queries, S keys.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation uses

from seqstudio.engine.inside.attention.passage import Passage, passage_of, told
from seqstudio.engine.inside.attention.tap import Tap, places_of, tapped
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.records.inside.attention import (
    AttentionMap,
    AttentionOf,
    AttentionSeen,
    AttentionSite,
    Mask,
    Weights,
)
from seqstudio.records.readings import Floats, freeze

MOST_NUMBERS = 1_000_000
"""Weights in one message, 4 MB: more are reduced, and the head in view comes whole beside."""
SIDE = 64
"""Cells a side of a reduced map."""


def attention_of(subject: Subject, wish: AttentionOf) -> Iterator[AttentionSeen]:
    """Answer `AttentionOf` with one forward pass.

    Raises:
        RunError: The model has no attention.
    """
    places = places_of(subject.model)
    passage = passage_of(subject, wish.example)
    with tapped(subject.model, places) as tap:
        outputs, _ = subject.model(passage.inputs)
    sites = [place.site for place in places if place.site.key in tap.weights]
    focus = wish.focus if any(site.key == wish.focus for site in sites) else sites[0].key
    total = sum(tap.whole(site.key)[0].numel() for site in sites)
    maps = [_map(site, tap, passage, wish, (total > MOST_NUMBERS, focus)) for site in sites]
    read = told(subject, passage, outputs)
    yield AttentionSeen(read, tuple(maps), wish.query, wish.head)


def _map(
    site: AttentionSite, tap: Tap, passage: Passage, wish: AttentionOf, how: tuple[bool, str]
) -> AttentionMap:
    weights, seen = tap.whole(site.key)
    weights, masked = weights.float(), ~seen
    queries, keys = words_of(site, passage, masked.shape)
    entropy = entropies(weights, masked)
    grid = grid_of(site, passage, masked.shape[1])
    reduced, focus = how
    if not reduced:
        return AttentionMap(site, queries, keys, _numbers(weights), _mask(masked), 1, entropy,
                            grid=grid)  # fmt: skip
    pool = max(1, math.ceil(max(masked.shape) / SIDE))
    small, small_masked = largest_of_blocks(weights, masked, pool)
    head = min(max(0, wish.head), len(weights) - 1)
    row = min(wish.query, masked.shape[0] - 1)
    mine = site.key == focus
    return AttentionMap(
        site,
        queries,
        keys,
        _numbers(small),
        _mask(small_masked),
        pool,
        entropy,
        _numbers(weights[:, row]) if row >= 0 else None,
        _numbers(weights[head]) if mine else None,
        _mask(masked) if mine else None,
        grid,
    )


def _numbers(weights: Tensor) -> Weights:
    return freeze(weights.float().numpy())


def _mask(masked: Tensor) -> Mask:
    return freeze(masked.numpy())


def entropies(weights: Tensor, masked: Tensor) -> Floats:
    """Return the mean entropy (H,) in bits over the queries with a choice, NaN without any."""
    rows = (~masked).sum(1) > 1
    if not bool(rows.any()):
        return freeze(torch.full((len(weights),), torch.nan, dtype=torch.float64).numpy())
    chosen = weights[:, rows]
    bits = -torch.special.xlogy(chosen, chosen).sum(-1, dtype=torch.float64) / math.log(2)
    return freeze(bits.mean(1).numpy())


def largest_of_blocks(weights: Tensor, masked: Tensor, pool: int) -> tuple[Tensor, Tensor]:
    """Reduce weights (H, T, S) and their mask by squares of `pool` cells: the largest of each."""
    spare = (0, -masked.shape[1] % pool, 0, -masked.shape[0] % pool)
    small = F.max_pool2d(F.pad(weights, spare), pool)
    free = F.max_pool2d(F.pad((~masked).float(), spare)[None], pool)[0]
    return small, free == 0


def words_of(
    site: AttentionSite, passage: Passage, shape: tuple[int, ...] | torch.Size
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return words of rows and columns; numbers where there are none."""
    return _words(site.queries, passage, shape[0]), _words(site.keys, passage, shape[1])


def _words(side: str, passage: Passage, count: int) -> tuple[str, ...]:
    words = passage.source if side == "source" else passage.tokens if side == "text" else ()
    if len(words) == count:
        return words
    if len(words) == count - 1 and words:
        return ("class", *words)
    if side == "places" and math.isqrt(count - 1) ** 2 == count - 1 > 0:
        return ("class", *(str(place) for place in range(1, count)))
    return tuple(str(place) for place in range(1, count + 1))


def grid_of(site: AttentionSite, passage: Passage, keys: int) -> tuple[int, int]:
    """Return lines and columns of the places of a picture that keys are, (0, 0) for others."""
    stream = passage.inputs.source if passage.inputs.source is not None else passage.inputs.main
    if site.keys != "places" or stream.dim() != 4:
        return 0, 0
    ratio = stream.shape[2] / stream.shape[3]
    for count in (keys, keys - 1):  # a class token may stand in front
        lines = round(math.sqrt(count * ratio))
        if lines and count % lines == 0 and abs(lines * lines / count - ratio) < 0.01 * ratio:
            return lines, count // lines
    return 0, 0


ANSWERS: dict[type, Answer] = {AttentionOf: attention_of}
