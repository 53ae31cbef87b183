"""Places of attention in a model, and a forward pass in which weights are seen and changed.

The fused attention never gives its weights. Inside `tapped` every place computes them as the
equations say: softmax of the scores, times values. Tests hold both equal.

Shape legend: B rows, H heads, T queries, S keys, D features of a head.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation uses

from seqstudio.blocks.check import title_of
from seqstudio.blocks.plan import Node
from seqstudio.core.errors import RunError
from seqstudio.engine.layers import Positions, SelfAttention
from seqstudio.engine.layers.attention import (
    AdditiveAttention,
    CrossAttention,
    HardAttention,
    Rotary,
    Softmax,
)
from seqstudio.engine.model import GraphModel
from seqstudio.records.inside.attention import AttentionSite

Head = tuple[str, int]
Parts = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Place:
    """A place of attention and its layer."""

    site: AttentionSite
    module: Any


@dataclass(frozen=True)
class Change:
    """What is done otherwise than the model learnt it.

    Attributes:
        scaled: False leaves the division by the root of the width out.
        positions: False takes all knowledge of places away: rotary, sinusoidal, learned.
        off: Heads that give 0.
        row: Key of a place, head, query and the weights (S,) that it gets; None for none.
    """

    scaled: bool = True
    positions: bool = True
    off: frozenset[Head] = frozenset()
    row: tuple[str, int, int, Tensor] | None = None


@dataclass
class Tap:
    """What was seen in one forward pass, of the first row of the batch.

    Attributes:
        change: What is done otherwise.
        keep: Whether weights are kept.
        parts_of: Key of the place whose queries, keys and values are kept, "" for none.
        weights: By key: pieces (H, T', S) of the weights, before anything was set by hand.
        seen: By key: (T', S) where a query may look.
        parts: Pieces (H, T', D), (H, S, D), (H, T', S, D) and (H, S, D'): queries, keys, terms of
            the scores, values.
    """

    change: Change = Change()
    keep: bool = True
    parts_of: str = ""
    weights: dict[str, list[Tensor]] = field(default_factory=dict)
    seen: dict[str, list[Tensor]] = field(default_factory=dict)
    parts: list[Parts] = field(default_factory=list)
    _steps: dict[str, int] = field(default_factory=dict)

    def take(self, key: str, weights: Tensor, seen: Tensor | None = None) -> Tensor:
        """Keep weights (B, H, T, S); return them with what was set by hand."""
        start = self._steps.get(key, 0)
        self._steps[key] = start + weights.shape[2]
        if self.keep:
            whole = torch.ones(weights.shape[2:], dtype=torch.bool)
            self.weights.setdefault(key, []).append(weights[0].detach())
            self.seen.setdefault(key, []).append(whole if seen is None else seen)
        return self._changed(key, weights, start)

    def _changed(self, key: str, weights: Tensor, start: int) -> Tensor:
        off = [head for place, head in self.change.off if place == key]
        row = self.change.row
        here = row is not None and row[0] == key and 0 <= row[2] - start < weights.shape[2]
        if not off and not here:
            return weights
        weights = weights.clone()
        weights[:, off] = 0.0
        if row is not None and here:
            weights[:, row[1], row[2] - start] = row[3].to(weights)
        return weights

    def keep_parts(self, key: str, parts: Callable[[], Parts]) -> None:
        """Keep queries, keys and values if this place is asked for."""
        if key == self.parts_of:
            self.parts.append(parts())

    def whole(self, key: str) -> tuple[Tensor, Tensor]:
        """Return weights (H, T, S) and where a query may look (T, S), of all steps."""
        return torch.cat(self.weights[key], 1), torch.cat(self.seen[key], 0)


@contextmanager
def tapped(
    model: GraphModel,
    places: Sequence[Place],
    change: Change = Change(),
    *,
    keep: bool = True,
    parts_of: str = "",
) -> Iterator[Tap]:
    """Let every place compute its weights openly while inside; states are not carried."""
    tap = Tap(change, keep, parts_of)
    undo: list[Callable[[], None]] = []
    try:
        undo.extend(_replace(place, tap) for place in places)
        if not change.positions:
            undo += [_without_place(module) for module in model.modules() if _tells_place(module)]
        yield tap
    finally:
        for step in reversed(undo):
            step()


def _replace(place: Place, tap: Tap) -> Callable[[], None]:
    name, make = _OPEN[place.site.kind]
    setattr(place.module, name, partial(make, tap, place.site.key, place.module))
    return partial(delattr, place.module, name)


def _tells_place(module: nn.Module) -> bool:
    rotary = isinstance(module, SelfAttention) and module.rotary
    return rotary or isinstance(module, (Positions, Rotary))


def _without_place(module: nn.Module) -> Callable[[], None]:
    if isinstance(module, SelfAttention):
        module.rotary = False
        return partial(setattr, module, "rotary", True)
    pass_on = _same if isinstance(module, Rotary) else _same_with_state
    module.forward = pass_on
    return partial(delattr, module, "forward")


def _same(x: Tensor) -> Tensor:
    return x


def _same_with_state(x: Tensor, _state: object = None) -> tuple[Tensor, None]:
    return x, None


def knows_places(model: GraphModel) -> bool:
    """Tell whether a model is told the places of its steps at all."""
    return any(_tells_place(module) for module in model.modules())


# How each kind computes its weights


def _self(
    tap: Tap,
    key: str,
    layer: SelfAttention,
    x: Tensor,
    _state: object = None,
    lengths: Tensor | None = None,
) -> tuple[Tensor, None]:
    q, k, v = layer.split(x)
    steps = q.shape[2]
    mask = layer.mask(steps, steps, x.device, lengths)
    seen = layer.visible(steps, steps, x.device) if mask is None else mask
    tap.keep_parts(key, lambda: _dots(q, k, v))
    weights = tap.take(key, _softmax(tap, q, k, seen), seen if seen.dim() == 2 else seen[0, 0])
    return layer.out((weights @ v).transpose(1, 2).flatten(2)), None


def _cross(
    tap: Tap,
    key: str,
    layer: CrossAttention,
    x: Tensor,
    memory: Tensor,
    memory_lengths: Tensor | None = None,
) -> Tensor:
    q, k, v = layer.split(x, memory)
    tap.keep_parts(key, lambda: _dots(q, k, v))
    weights = tap.take(key, _softmax(tap, q, k, layer.mask(memory, memory_lengths)))
    mixed: Tensor = layer.out((weights @ v).transpose(1, 2).flatten(2))
    return mixed.view(x.shape)


def _softmax(tap: Tap, q: Tensor, k: Tensor, seen: Tensor | None) -> Tensor:
    scores = q @ k.transpose(-1, -2)
    if tap.change.scaled:
        scores = scores / math.sqrt(q.shape[-1])
    if seen is not None:
        scores = scores.masked_fill(~seen, float("-inf"))
    return scores.softmax(-1)


def _dots(q: Tensor, k: Tensor, v: Tensor) -> Parts:
    return q[0], k[0], q[0][:, :, None] * k[0][:, None], v[0]


def _additive(
    tap: Tap,
    key: str,
    layer: AdditiveAttention,
    x: Tensor,
    memory: Tensor,
    memory_lengths: Tensor | None = None,
) -> Tensor:
    """Return the weights (B, T, S): `forward` multiplies with the memory."""
    own = AdditiveAttention.weights(layer, x, memory, memory_lengths)
    tap.keep_parts(key, lambda: _net(layer, x, memory))
    return tap.take(key, own[:, None])[:, 0]


def _net(layer: AdditiveAttention, x: Tensor, memory: Tensor) -> Parts:
    query = layer.query(x[:, None] if x.dim() == 2 else x)[:1]
    keys = layer.key(memory)[:1]
    terms = layer.score.weight[0] * torch.tanh(query[:, :, None] + keys[:, None])
    return query, keys, terms, memory[:1]


def _hard(
    tap: Tap,
    key: str,
    layer: HardAttention,
    x: Tensor,
    memory: Tensor,
    memory_lengths: Tensor | None = None,
) -> Tensor:
    weights = _additive(tap, key, layer, x, memory, memory_lengths)
    chosen = F.one_hot(weights.argmax(-1), memory.shape[1]).to(weights.dtype)
    chosen = chosen * weights.any(-1, keepdim=True)  # a head that is off chooses nothing
    context = chosen @ memory
    return context[:, 0] if x.dim() == 2 else context


def _drawn(tap: Tap, key: str, layer: Softmax, x: Tensor, lengths: Tensor | None = None) -> Tensor:
    weights = Softmax.forward(layer, x, lengths)
    if weights.dim() == 2:  # one query a call: scores of a cell's state
        return tap.take(key, weights[:, None, None])[:, 0, 0]
    heads = weights if weights.dim() == 4 else weights[:, None]
    changed = tap.take(key, heads, torch.isfinite(x[0]).flatten(0, -3).any(0) if
                       x.dim() == 4 else torch.isfinite(x[0]))  # fmt: skip
    return changed if weights.dim() == 4 else changed[:, 0]


_OPEN: dict[str, tuple[str, Callable[..., Any]]] = {
    "self": ("forward", _self),
    "cross": ("forward", _cross),
    "additive": ("weights", _additive),
    "hard": ("forward", _hard),
    "drawn": ("forward", _drawn),
}


# Where attention is


def places_of(model: GraphModel) -> list[Place]:
    """Return every place of attention, in the order in which they run.

    Raises:
        RunError: There is none.
    """
    found = [place for node in model.nodes for place in _in_block(model, node)]
    if not found:
        raise RunError(
            "This model has no attention",
            "no block of it looks from one step at others",
            "Open a transformer, or add an attention block on the Build page",
        )
    return found


def chosen(places: Sequence[Place], key: str) -> Place:
    """Return the place of a key, or the first."""
    return next((place for place in places if place.site.key == key), places[0])


def _in_block(model: GraphModel, node: Node) -> Iterator[Place]:
    module = model.module(node.block)
    parts = [(part, _kind(part)) for part in module.modules()]
    found = [(part, kind) for part, kind in parts if kind]
    counts: dict[str, int] = {}
    for part, kind in found:
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        many = sum(other == kind for _, other in found) > 1
        yield Place(_site(model, node, part, (kind, number), many), part)


def _kind(part: nn.Module) -> str:
    if isinstance(part, Softmax):
        return "drawn" if part.steps else ""
    kinds = {SelfAttention: "self", CrossAttention: "cross", HardAttention: "hard",
             AdditiveAttention: "additive"}  # fmt: skip
    return next((name for cls, name in kinds.items() if isinstance(part, cls)), "")


_SAID = frozenset({"additive_attention", "hard_attention", "cross_attention"})


def _site(
    model: GraphModel, node: Node, part: Any, which: tuple[str, int], many: bool
) -> AttentionSite:
    kind, number = which
    queries, keys = _sides(model, node, kind)
    plain = kind == "self" or node.kind in _SAID
    title, more = title_of(model.graph.blocks[node.block]), "" if plain else kind
    name = ", ".join(word for word in (title, f"layer {number + 1}" if many else "", more) if word)
    heads = getattr(part, "heads", 1)
    key = f"{node.block}/{kind}/{number}"
    return AttentionSite(key, node.block, number, kind, name, heads, queries, keys)


def _sides(model: GraphModel, node: Node, kind: str) -> tuple[str, str]:
    """Return what rows and columns are: the text, its source, or places of a picture."""
    apart = model.plan.apart
    beside = "places" if any(n.stream == "picture" for n in model.nodes) else "source"
    main = "places" if model.facts.input == "picture" else "text"
    queries = beside if node.block in apart else main
    asks_source = kind != "self" and any(block in apart for block in node.sources)
    return queries, beside if asks_source else queries
