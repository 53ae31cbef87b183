"""The products of one query of one head, with the numbers of the model.

Shape legend: T queries, S keys, D features of a head.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from seqstudio.core.errors import RunError
from seqstudio.engine.inside.attention.maps import words_of
from seqstudio.engine.inside.attention.passage import Passage, losses_of, passage_of, told
from seqstudio.engine.inside.attention.tap import (
    Change,
    Place,
    Tap,
    chosen,
    knows_places,
    places_of,
    tapped,
)
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.records.inside.attention import HeadProducts, ProductsOf, ProductsSeen
from seqstudio.records.readings import Floats, freeze


def products_of(subject: Subject, wish: ProductsOf) -> Iterator[ProductsSeen | None]:
    """Answer `ProductsOf`: one forward pass, and one more with something left out.

    Raises:
        RunError: The model has no attention, or the chosen one is drawn from blocks.
    """
    places = places_of(subject.model)
    place = chosen(places, wish.site)
    if place.site.kind == "drawn":
        raise RunError(
            "This attention is drawn from blocks",
            "its queries, keys and values are blocks of their own",
            "Hover their wires on the Build page to see the numbers",
        )
    passage = passage_of(subject, wish.example)
    head = min(wish.head, place.site.heads - 1)
    tap, outputs = _run(subject, places, place, passage, Change())
    weights, seen = tap.whole(place.site.key)
    query = min(wish.query, weights.shape[1] - 1)
    plain = _products(subject, tap, place, (head, query), (passage, outputs))
    change, other = Change(scaled=wish.scaled, positions=wish.positions), None
    if change != Change():
        yield None
        tap, outputs = _run(subject, places, place, passage, change)
        other = _products(subject, tap, place, (head, query), (passage, outputs))
    yield ProductsSeen(
        told(subject, passage, outputs),
        tuple(each.site for each in places),
        place.site,
        head,
        query,
        *words_of(place.site, passage, seen.shape),
        freeze((~seen).numpy()),
        plain,
        other,
        any(each.site.kind in {"self", "cross"} for each in places),
        knows_places(subject.model),
    )


def _run(
    subject: Subject, places: Sequence[Place], place: Place, passage: Passage, change: Change
) -> tuple[Tap, Tensor]:
    with tapped(subject.model, places, change, parts_of=place.site.key) as tap:
        outputs, _ = subject.model(passage.inputs)
    return tap, outputs


def _products(
    subject: Subject,
    tap: Tap,
    place: Place,
    which: tuple[int, int],
    came: tuple[Passage, Tensor],
) -> HeadProducts:
    head, query = which
    weights, seen = tap.whole(place.site.key)
    q, k, inner, v = _parts_at(tap, query)
    dot = place.site.kind in {"self", "cross"}
    divisor = math.sqrt(k.shape[-1]) if dot and tap.change.scaled else 1.0
    row = weights[head, query]
    return HeadProducts(
        _numbers(q[head]),
        _numbers(k[head]),
        _numbers(inner[head]),
        _numbers(inner[head].double().sum(-1)),
        divisor,
        freeze(seen[query].numpy()),
        _numbers(row),
        _numbers(v[head]),
        _numbers(row.double() @ v[head].double()),
        freeze(weights[head].float().numpy()),
        losses_of(subject, *came)[1],
    )


def _parts_at(tap: Tap, query: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return q (H, D), k (H, S, D), terms (H, S, D) and v (H, S, D') of one query."""
    for q, k, inner, v in tap.parts:
        if query < q.shape[1]:
            return q[:, query], k, inner[:, query], v
        query -= q.shape[1]
    raise IndexError(query)


def _numbers(values: Tensor) -> Floats:
    return freeze(values.to(torch.float64).numpy())


ANSWERS: dict[type, Answer] = {ProductsOf: products_of}
