"""Surgery: units are held while the model reads and writes, and what that costs is measured.

No weight is touched: what is held is held on the way, inside the loop over time.

Shape legend: B rows, T time steps, N units, V symbols, K choices.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from seqstudio.core.errors import RunError
from seqstudio.engine.batches import held_out
from seqstudio.engine.evaluation import Score
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.inside.sites import Site, Touch, operated, sites, watched
from seqstudio.engine.inside.subject import Answer, Excerpt, Subject
from seqstudio.engine.losses import asked
from seqstudio.engine.model import GraphModel
from seqstudio.engine.sampling import Memory
from seqstudio.insight.choosing import choose, next_probabilities
from seqstudio.records.inside.surgery import Surgery, SurgeryOf, UnitRanking, UnitRankingOf
from seqstudio.records.readings import freeze

SLICE_S, SLICE_FLOP = 0.03, 300_000_000
CHOICES = 8
ROWS = 32
BY_STEP = frozenset({"next token", "tag", "forecast", "notes"})
HELD_ROWS, HELD_STEPS = 8, 128
FEWER = 8  # times as many rows where a row has one prediction
TELL_S = 0.5


@dataclass(frozen=True)
class Batch:
    """Held-out examples without padding."""

    inputs: Inputs
    targets: Tensor


def held_batch(subject: Subject, rows: int, steps: int) -> Batch:
    """Return the first held-out examples: equally long rows.

    Args:
        subject: Whose data.
        rows: Most examples; more where each has but one prediction.
        steps: Steps of a text.
    """
    model = subject.model
    steps = max(2, min(steps, model.facts.window) if model.absolute_positions else steps)
    rows *= 1 if model.pattern in BY_STEP else FEWER
    limit = 2 * rows * steps
    batch = next(held_out(subject.dataset, steps, torch.device("cpu"), limit))
    given = as_inputs(batch.inputs)
    chosen = given.alike(rows)
    targets = batch.targets[chosen]
    inputs = given.without_padding(chosen)
    if targets.dim() > 1 and given.lengths is not None and inputs.main.dim() < 4:
        targets = targets[:, : inputs.main.shape[1]] if targets.shape[1] > 1 else targets
    return Batch(inputs, targets)


def find_site(model: GraphModel, wish: SurgeryOf | UnitRankingOf) -> tuple[Site, list[Site]]:
    """Return the place that is meant, else the first of the topmost layer; and all of them.

    Raises:
        RunError: The model has no place where units can be held.
    """
    found = sites(model)
    if not found:
        raise RunError(
            "There are no units to hold in this model",
            "none of its layers is recurrent, a transformer block or attention",
            "Add an RNN, GRU, LSTM or transformer block",
        )
    same = [s for s in found if _layer_of(s) == (wish.block, wish.layer, wish.back)]
    exact = [site for site in same if site.name.part == wish.part]
    top = [site for site in found if _layer_of(site) == _layer_of(found[-1])]
    return (exact or same or top)[0], found


def _layer_of(site: Site) -> tuple[str, int, bool]:
    return site.name.block, site.name.layer, site.name.back


def touch_of(site: Site, units: tuple[int, ...], to: str, mean: Tensor) -> Touch | None:
    """Return what holds units of a place, None for none of them.

    Raises:
        RunError: The place has no such unit.
    """
    bad = [unit for unit in units if not 0 <= unit < site.name.units]
    if bad:
        last = site.name.units - 1
        raise RunError(f"There is no unit {bad[0]}", f"the place has units 0 to {last}", "")
    if not units:
        return None
    mask = torch.zeros(1, site.name.units, dtype=torch.bool)
    mask[0, list(units)] = True
    return Touch(site.mask(mask), _value(to, mean))


def _value(to: str, mean: Tensor) -> Tensor | None:
    held = {"zero": 0.0, "plus": 1.0, "minus": -1.0}
    if to in held:
        return torch.full_like(mean, held[to])
    return mean if to == "mean" else None


def _pass(
    model: GraphModel, site: Site, touch: Touch | None, inputs: Inputs
) -> tuple[Tensor, Tensor]:
    """Run the model; return what its head gives and what the place had, (B, T, features)."""
    with operated(site, touch) as seen:
        outputs, _ = model(inputs)
    return outputs, watched(seen)


def run_in_slices(
    model: GraphModel,
    site: Site,
    touch: Touch | None,
    inputs: Inputs,
    seen: list[Tensor] | None = None,
) -> Generator[None, None, Tensor]:
    """Run the model, a few steps at a time where its state can be carried; yields between them.

    How many depends on the model alone, so that two runs differ by what is held and no rounding.

    Args:
        model: What runs.
        site: The place that is watched.
        touch: What is held there.
        inputs: Rows without padding.
        seen: Gets what the place had, (B, t, features) of each slice.

    Returns:
        What its head gives.
    """
    main = inputs.main
    steps = main.shape[1] if main.dim() < 4 else 1
    size = max(1, SLICE_FLOP // (2 * model.parameter_count() * len(inputs)))
    whole = not model.stepwise or model.pattern not in BY_STEP or inputs.source is not None
    if whole or size >= steps:
        outputs, values = _pass(model, site, touch, inputs)
        if seen is not None:
            seen.append(values)
        yield None
        return outputs
    state, parts = model.writing_state(), []
    for start in range(0, steps, size):
        with operated(site, touch) as found:
            outputs, state = model(Inputs(main[:, start : start + size]), state)
        parts.append(outputs)
        if seen is not None:
            seen.append(watched(found))
        yield None
    return torch.cat(parts, 1)


def mean_at(subject: Subject, site: Site, batch: Batch) -> Generator[None, None, Tensor]:
    """Return the mean (N,) of a place over a batch; yields between its rows."""
    total, count = torch.zeros(1), 0
    for row in range(len(batch.inputs)):
        _, values = _pass(subject.model, site, None, batch.inputs.rows(slice(row, row + 1)))
        total = total + values.sum((0, 1))
        count += values.shape[1]
        yield None
    return total / max(1, count)


# ------------------------------------------------------------------------------- one operation


def surgery(subject: Subject, wish: SurgeryOf) -> Iterator[Surgery | None]:
    """Answer `SurgeryOf`: first the text, then held-out data, then what is written.

    Raises:
        RunError: The model has no units to hold, or not that one.
    """
    model = subject.model
    site, found = find_site(model, wish)
    most = min(wish.steps, model.facts.window) if model.absolute_positions else wish.steps
    excerpt = subject.excerpt(most)
    batch = held_batch(subject, HELD_ROWS, HELD_STEPS)
    mean = torch.zeros(site.name.units * site.features, dtype=next(model.parameters()).dtype)
    if wish.to == "mean" and wish.units:
        mean = yield from mean_at(subject, site, batch)
    touch = touch_of(site, wish.units, wish.to, mean)
    seen: list[Tensor] = []
    held = plain = yield from run_in_slices(model, site, None, excerpt.inputs, seen)
    if touch is not None:
        held = yield from run_in_slices(model, site, touch, excerpt.inputs)
    reading = _told(subject, excerpt, site, wish, (plain, held, torch.cat(seen, 1)))
    reading = replace(reading, sites=tuple(each.name for each in found))
    yield reading
    scores = [Score(), Score()]
    for score, hold in zip(scores, (None, touch), strict=True):
        yield from _scored(model, site, hold, batch, score)
    before, after = scores
    reading = replace(
        reading, held_before=before.loss, held_after=after.loss, held_count=before.count
    )
    yield reading
    if wish.written and _writes(subject):
        yield from _written(subject, excerpt, site, touch, wish, reading)


def _told(
    subject: Subject,
    excerpt: Excerpt,
    site: Site,
    wish: SurgeryOf,
    found: tuple[Tensor, Tensor, Tensor],
) -> Surgery:
    """Tell what was found about the text: outputs before and after, values of the place."""
    plain, held, values = found
    model = subject.model
    symbols, choices, p_before, p_after = _choices(subject, plain, held)
    steps = len(excerpt.tokens)
    shown = values[0] if values.shape[1] == steps else values[0, :0]
    by_unit = shown.view(len(shown), site.name.units, site.features).mean(-1)
    return Surgery(
        site.name,
        (),
        wish.units,
        wish.to,
        excerpt.tokens,
        _losses(model, plain, excerpt.targets),
        _losses(model, held, excerpt.targets),
        freeze(by_unit[:, list(wish.units)].double().numpy()),
        symbols,
        choices,
        p_before,
        p_after,
        math.nan,
        math.nan,
        0,
        (),
        (),
        (),
        excerpt.skipped,
        excerpt.cut,
    )


def _losses(model: GraphModel, outputs: Tensor, targets: Tensor) -> Any:
    losses = model.losses(outputs, targets)[0].double()
    known = asked(targets)[0]
    return freeze(torch.where(known, losses, math.nan).reshape(-1).numpy())


def _choices(
    subject: Subject, plain: Tensor, held: Tensor
) -> tuple[tuple[str, ...], Any, Any, Any]:
    """Return symbols, choices (T, K) and both probabilities; empty where nothing is chosen."""
    dataset, pattern = subject.dataset, subject.model.pattern
    names: tuple[str, ...] = ()
    if pattern == "next token" and dataset.vocabulary is not None:
        names = dataset.vocabulary.symbols
    elif pattern in {"class", "tag"}:
        names = dataset.classes
    if not names:
        nothing = np.zeros((0, 0))
        return (), freeze(nothing.astype(np.int64)), freeze(nothing), freeze(nothing)
    before, after = (
        each[0].double().softmax(-1).reshape(-1, len(names)) for each in (plain, held)
    )
    best = torch.maximum(before, after).topk(min(CHOICES, len(names)), -1).indices
    used, places = torch.unique(best, return_inverse=True)
    symbols = tuple(names[int(number)] for number in used)
    p_before, p_after = (freeze(each.gather(1, best).numpy()) for each in (before, after))
    return symbols, freeze(places.numpy()), p_before, p_after


def _scored(
    model: GraphModel, site: Site, touch: Touch | None, batch: Batch, score: Score
) -> Iterator[None]:
    outputs = yield from run_in_slices(model, site, touch, batch.inputs)
    losses = model.losses(outputs, batch.targets)
    score.add(model.pattern, outputs, batch.targets, losses)


# ------------------------------------------------------------------------------------ writing


class _Plain(Memory):
    """A memory that runs every step through the modules, so that what is held is held."""

    @override
    def _run(self, tokens: Tensor) -> Tensor:
        outputs: Tensor
        outputs, self.state = self.model(tokens, self.state)
        return outputs


def _writes(subject: Subject) -> bool:
    dataset = subject.dataset
    known = dataset.vocabulary is not None and not dataset.source and not dataset.generated
    return subject.model.pattern == "next token" and known


def _written(
    subject: Subject,
    excerpt: Excerpt,
    site: Site,
    touch: Touch | None,
    wish: SurgeryOf,
    reading: Surgery,
) -> Iterator[Surgery | None]:
    """Write twice with the same chances; the text so far is told now and then."""
    chances = np.random.default_rng(wish.seed).random(wish.written)
    prompt = [int(number) for number in excerpt.inputs.main[0]]
    reading = replace(reading, prompt=excerpt.tokens)
    texts: list[tuple[str, ...]] = []
    for hold in (None, touch):
        ids: list[int] = []
        for token in _tokens(subject, site, hold, prompt, chances):
            if token is None:
                yield None
            else:
                ids.append(token)
        assert subject.dataset.vocabulary is not None
        symbols = subject.dataset.vocabulary.symbols
        texts.append(tuple(symbols[number] for number in ids))
    yield replace(reading, wrote_before=texts[0], wrote_after=texts[1])


def _tokens(
    subject: Subject, site: Site, touch: Touch | None, prompt: list[int], chances: Any
) -> Iterator[int | None]:
    """Yield the tokens that are chosen, and None where a slice is over."""
    settings = subject.project.sampling
    memory, given = _Plain(subject.model), prompt
    began = time.perf_counter()
    for chance in chances:
        with operated(site, touch):
            logits = memory.read(given)
        p = next_probabilities(
            logits.double().numpy(), settings.temperature, settings.top_k, settings.top_p
        )
        token = choose(p, float(chance))
        yield token
        given = [token]
        if time.perf_counter() - began > SLICE_S:
            yield None
            began = time.perf_counter()


# ------------------------------------------------------------------------------------ ranking


def ranking(subject: Subject, wish: UnitRankingOf) -> Iterator[UnitRanking | None]:
    """Answer `UnitRankingOf`: units are held one a row, so that many go through at once.

    Raises:
        RunError: The model has no units to hold.
    """
    model = subject.model
    site, _ = find_site(model, wish)
    units = site.name.units
    increase = np.full(units, np.nan)
    if wish.stop:
        yield UnitRanking(site.name, wish.to, math.nan, freeze(increase), 0)
        return
    batch = held_batch(subject, wish.rows, wish.steps)
    score = Score()
    yield from _scored(model, site, None, batch, score)
    mean = torch.zeros(units * site.features, dtype=next(model.parameters()).dtype)
    if wish.to == "mean":
        mean = yield from mean_at(subject, site, batch)
    value = _value(wish.to, mean)
    told, together = time.perf_counter(), max(1, ROWS // len(batch.inputs))
    for first in range(0, units, together):
        chosen = torch.arange(first, min(units, first + together))
        losses = yield from _each_held(model, site, chosen, value, batch)
        increase[first : first + together] = losses - score.loss
        if time.perf_counter() - told > TELL_S and first + together < units:
            told = time.perf_counter()
            yield UnitRanking(site.name, wish.to, score.loss, freeze(increase), score.count)
    yield UnitRanking(site.name, wish.to, score.loss, freeze(increase), score.count)


def _each_held(
    model: GraphModel, site: Site, chosen: Tensor, value: Tensor | None, batch: Batch
) -> Generator[None, None, Any]:
    """Return the mean loss (U,) with each of the units held alone; yields between slices.

    Every unit gets a copy of the batch of its own, all of them go through together.
    """
    rows = len(batch.inputs)
    unit_of_row = chosen.repeat_interleave(rows)
    mask = functional.one_hot(unit_of_row, site.name.units).bool()
    every = torch.arange(rows).repeat(len(chosen))
    touch = Touch(site.mask(mask), value)
    outputs = yield from run_in_slices(model, site, touch, batch.inputs.rows(every))
    losses = model.losses(outputs, batch.targets[every]).double()
    count = int(asked(batch.targets).sum())
    return (losses.view(len(chosen), -1).sum(1) / max(1, count)).numpy()


ANSWERS: dict[type, Answer] = {SurgeryOf: surgery, UnitRankingOf: ranking}
