"""Beam search from a place in a text, beside the greedy and a sampled continuation."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from seqstudio.engine.inside.reading import Ahead
from seqstudio.engine.inside.subject import Excerpt
from seqstudio.engine.model import GraphModel
from seqstudio.insight.choosing import choose, next_probabilities
from seqstudio.records.inside.predictions import BeamOf, BeamTree, Continuation
from seqstudio.records.readings import Floats, Ints, freeze

SHOWN_BEFORE = 24


@dataclass
class _Single:
    """A continuation that goes one way: greedy or drawn by chance."""

    way: str
    tokens: list[int] = field(default_factory=list)
    log_p: list[float] = field(default_factory=list)


@dataclass
class _Search:
    """The nodes so far, and the beams: the node that each ends at."""

    ending: int
    parent: list[int] = field(default_factory=list)
    token: list[int] = field(default_factory=list)
    depth: list[int] = field(default_factory=list)
    log_p: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    beams: list[int] = field(default_factory=lambda: [-1])

    def words(self, node: int) -> list[int]:
        """Return the tokens that lead to a node."""
        found = list[int]()
        while node >= 0:
            found.append(self.token[node])
            node = self.parent[node]
        return found[::-1]

    def finished(self, beam: int) -> bool:
        """Tell whether a beam has come to its end sign."""
        return beam >= 0 and self.token[beam] == self.ending

    def grow(self, log_p: Floats, width: int, depth: int) -> None:
        """Keep the best `width` of all beams with one more token; log_p is (beams, V).

        A beam that has come to its end stays in the race as it is.
        """
        before = np.array([self.total[beam] if beam >= 0 else 0.0 for beam in self.beams])
        total = before[:, None] + log_p
        over = np.array([self.finished(beam) for beam in self.beams])
        total[over] = -np.inf
        total[over, 0] = before[over]
        order = np.argsort(-total.ravel(), kind="stable")[:width]
        order = order[np.isfinite(total.ravel()[order])]
        self.beams = [
            self.beams[row]
            if over[row]
            else self._add(self.beams[row], token, depth, float(log_p[row, token]))
            for row, token in (divmod(int(place), total.shape[1]) for place in order)
        ]

    def _add(self, parent: int, token: int, depth: int, log_p: float) -> int:
        self.parent.append(parent)
        self.token.append(token)
        self.depth.append(depth)
        self.log_p.append(log_p)
        self.total.append(log_p + (self.total[parent] if parent >= 0 else 0.0))
        return len(self.token) - 1


def beam_tree(
    model: GraphModel,
    excerpt: Excerpt,
    symbols: tuple[str, ...],
    wish: BeamOf,
    ending: int,
    *,
    whole: bool,
) -> Iterator[BeamTree | None]:
    """Yield the tree after every step of the search; it is exact where `width` never cuts.

    Args:
        model: Predicts tokens.
        excerpt: The text.
        symbols: (V,) the tokens.
        wish: Place, width and depth.
        ending: Number of the token that ends a sequence, -1 for none.
        whole: Whether the text is an example that is read at once.
    """
    at = min(wish.at, excerpt.inputs.main.shape[1] - 1)
    before = replace(excerpt.inputs, main=excerpt.inputs.main[:, : at + 1])
    ahead = Ahead(model, before, whole=whole)
    for _ in ahead.prepare():
        yield None
    search, singles = _Search(ending), (_Single("greedy"), _Single("sampled"))
    chance = np.random.default_rng(wish.seed)
    context = excerpt.tokens[max(0, at + 1 - SHOWN_BEFORE) : at + 1]
    for depth in range(wish.depth):
        log_p = yield from _looked_up(ahead, search, singles, depth)
        count = len(search.beams)
        search.grow(log_p[:count], wish.width, depth)
        for single, row in zip(singles, log_p[count:], strict=True):
            _go_on(single, row, wish, chance, ending)
        done = depth + 1 == wish.depth or all(map(search.finished, search.beams))
        if done or depth % 4 == 3:
            yield _told(search, singles, at, context, symbols, wish.depth if done else depth + 1)
        if done:
            return


def _looked_up(
    ahead: Ahead, search: _Search, singles: tuple[_Single, ...], depth: int
) -> Generator[None, None, Floats]:
    """Return the log-probabilities (beams + singles, V) of what comes next; yields in between."""
    lines = [*(search.words(beam) for beam in search.beams), *(each.tokens for each in singles)]
    padded = [(line + [0] * depth)[:depth] for line in lines]
    found = list[Tensor]()
    for line in padded:
        prefix = torch.tensor([line], dtype=torch.int64).reshape(1, depth)
        found.append(ahead.logits(prefix).double().log_softmax(-1))
        yield None
    result: Floats = torch.cat(found).numpy()
    return result


def _go_on(
    single: _Single, log_p: Floats, wish: BeamOf, chance: np.random.Generator, ending: int
) -> None:
    if ending in single.tokens[-1:]:
        return
    if single.way == "greedy":
        token = int(log_p.argmax())
    else:
        p = next_probabilities(log_p, wish.temperature, wish.top_k, wish.top_p)
        token = choose(p, chance.random())
    single.tokens.append(token)
    single.log_p.append(float(log_p[token]))


def _told(
    search: _Search,
    singles: tuple[_Single, ...],
    at: int,
    context: tuple[str, ...],
    symbols: tuple[str, ...],
    done: int,
) -> BeamTree:
    others = tuple(
        Continuation(each.way, _ints(each.tokens), _floats(each.log_p)) for each in singles
    )
    return BeamTree(
        at, context, symbols, _ints(search.parent), _ints(search.depth), _ints(search.token),
        _floats(search.log_p), _floats(search.total), tuple(search.beams), others, done,
    )  # fmt: skip


def _ints(values: list[int]) -> Ints:
    return freeze(np.array(values, np.int64))


def _floats(values: list[float]) -> Floats:
    return freeze(np.array(values, np.float64))
