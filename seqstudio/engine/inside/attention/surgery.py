"""What heads are good for: switched off one by one, or with a row of weights set by hand.

Shape legend: L places of attention, H heads, B rows, T steps, S keys, V symbols.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqstudio.core.errors import RunError
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.attention.maps import words_of
from seqstudio.engine.inside.attention.passage import (
    Passage,
    held_rows,
    losses_of,
    passage_of,
    told,
)
from seqstudio.engine.inside.attention.tap import Change, Head, Place, chosen, places_of, tapped
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.losses import asked
from seqstudio.records.inside.attention import (
    HeadAblation,
    HeadAblationOf,
    WeightEdit,
    WeightEditOf,
    with_weights,
)
from seqstudio.records.readings import Floats, freeze

MOST_CHOICES = 12
SLICE_STEPS = 256  # rows times steps of one forward pass


def head_ablation(subject: Subject, wish: HeadAblationOf) -> Iterator[HeadAblation | None]:
    """Answer `HeadAblationOf`: first with all heads and the chosen ones off, then head by head.

    Raises:
        RunError: The model has no attention.
    """
    places = places_of(subject.model)
    passage = passage_of(subject, wish.example)
    bench = _Bench(subject, places, passage)
    read = told(subject, passage, subject.model(passage.inputs)[0])
    base = yield from bench.measured(frozenset())
    known = {(place.site.key, head) for place in places for head in range(place.site.heads)}
    off = frozenset(wish.off) & known
    together = (yield from bench.measured(off)) if off else (np.nan, np.nan)
    shape = len(places), max(place.site.heads for place in places)
    text, held = np.full(shape, np.nan), np.full(shape, np.nan)

    def reading() -> HeadAblation:
        return HeadAblation(
            read, tuple(place.site for place in places), freeze(text), freeze(held),
            base[0], base[1], bench.predictions, tuple(sorted(off)), *together,
            subject.dataset.unit,
        )  # fmt: skip

    yield reading()
    for row, place in enumerate(places):
        for head in range(place.site.heads):
            one = frozenset({(place.site.key, head)})
            text[row, head], held[row, head] = yield from bench.measured(one)
        yield reading()


class _Bench:
    """Measures the loss on a passage and on held-out rows, with heads switched off."""

    def __init__(self, subject: Subject, places: Sequence[Place], passage: Passage) -> None:
        self._subject, self._places, self._passage = subject, places, passage
        self._inputs, self._targets = held_rows(subject)
        self.predictions = int(asked(self._targets).sum())

    def measured(self, off: frozenset[Head]) -> Generator[None, None, tuple[float, float]]:
        """Return (loss on the passage, loss on held-out rows), in slices."""
        text = self._run(off, self._passage.inputs)
        loss = losses_of(self._subject, self._passage, text)[1]
        total, rows = 0.0, self._rows()
        for start in range(0, len(self._inputs), rows):
            yield None
            part = slice(start, start + rows)
            outputs = self._run(off, self._inputs.rows(part))
            losses = self._subject.model.losses(outputs, self._targets[part])
            total += float(losses.double().sum())
        return loss, total / max(1, self.predictions)

    def _rows(self) -> int:
        main = self._inputs.main
        steps = main.shape[1] if main.dim() < 4 else 16
        return max(1, SLICE_STEPS // steps)

    def _run(self, off: frozenset[Head], inputs: Inputs) -> Tensor:
        with tapped(self._subject.model, self._places, Change(off=off), keep=False):
            outputs: Tensor = self._subject.model(inputs)[0]
        return outputs


# A row of weights set by hand


@dataclass(frozen=True)
class _Edit:
    """One row of one head before and after."""

    site: Place
    head: int
    query: int
    seen: Tensor
    before: Floats
    after: Floats


def weight_edit(subject: Subject, wish: WeightEditOf) -> Iterator[WeightEdit | None]:
    """Answer `WeightEditOf` with two forward passes.

    Raises:
        RunError: The model has no attention, or its output is no choice among symbols.
    """
    places = places_of(subject.model)
    if subject.model.pattern not in {"next token", "class", "class per step"}:
        raise RunError(
            "The output of this model is no distribution over symbols",
            f"it predicts a {subject.model.pattern}",
            "Open a model that predicts tokens or classes",
        )
    place = chosen(places, wish.site)
    passage = passage_of(subject, wish.example)
    with tapped(subject.model, places) as tap:
        before = subject.model(passage.inputs)[0]
    yield None
    weights, seen = tap.whole(place.site.key)
    edit = _edit(place, weights, seen, wish)
    row = (place.site.key, edit.head, edit.query, torch.from_numpy(edit.after.copy()))
    with tapped(subject.model, places, Change(row=row), keep=False):
        after = subject.model(passage.inputs)[0]
    words = words_of(place.site, passage, seen.shape)
    sites = tuple(each.site for each in places)
    yield _edited(subject, (passage, sites), edit, words, (before, after))


def _edit(place: Place, weights: Tensor, seen: Tensor, wish: WeightEditOf) -> _Edit:
    head, query = min(wish.head, len(weights) - 1), min(wish.query, weights.shape[1] - 1)
    row = weights[head, query].double().numpy()
    new = with_weights(row, seen[query].numpy(), wish.wanted)
    return _Edit(place, head, query, seen[query], freeze(row), freeze(new))


def _edited(
    subject: Subject,
    asked_for: tuple[Passage, tuple[object, ...]],
    edit: _Edit,
    words: tuple[tuple[str, ...], tuple[str, ...]],
    outputs: tuple[Tensor, Tensor],
) -> WeightEdit:
    passage, sites = asked_for
    p, p_new = (_steps(each).double().softmax(-1) for each in outputs)
    moved = (p - p_new).abs().sum(-1) / 2
    at = _step_shown(edit, passage, moved)
    order = torch.maximum(p[at], p_new[at]).argsort(descending=True, stable=True)[:MOST_CHOICES]
    before, mean = losses_of(subject, passage, outputs[0])
    after, mean_new = losses_of(subject, passage, outputs[1])
    names = _names(subject)
    return WeightEdit(
        told(subject, passage, outputs[0]), sites, edit.site.site, edit.head, edit.query,  # type: ignore[arg-type]
        *words, freeze(edit.seen.numpy()), edit.before, edit.after, at,
        tuple(names[int(i)] for i in order), freeze(p[at, order].numpy()),
        freeze(p_new[at, order].numpy()), before, after, mean, mean_new, freeze(moved.numpy()),
    )  # fmt: skip


def _steps(outputs: Tensor) -> Tensor:
    """Return logits (T, V); a model with one output has one step."""
    return outputs[0] if outputs.dim() == 3 else outputs


def _step_shown(edit: _Edit, passage: Passage, moved: Tensor) -> int:
    """Return the query's own step, or else the output that moved most."""
    if edit.site.site.queries == "text" and len(moved) == len(passage.tokens):
        return min(edit.query, len(moved) - 1)
    return int(moved.argmax())


def _names(subject: Subject) -> tuple[str, ...]:
    dataset = subject.dataset
    if dataset.classes:
        return dataset.classes
    if dataset.vocabulary is not None:
        return dataset.vocabulary.symbols
    return tuple(map(str, range(10_000)))


ANSWERS: dict[type, Answer] = {HeadAblationOf: head_ablation, WeightEditOf: weight_edit}
