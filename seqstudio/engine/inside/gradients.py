"""Which loss teaches which state: the T x T map of a text."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

from torch import Tensor

from seqstudio.core.errors import RunError
from seqstudio.engine.gradflow import CellWeights, itemised_sweep, norm64, state_gradients
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.probes import Local, last_cells, local_gradients
from seqstudio.records.inside.gradients import TimeMap, TimeMapOf
from seqstudio.records.readings import freeze


def time_map(subject: Subject, wish: TimeMapOf) -> Iterator[TimeMap | None]:
    """Answer `TimeMapOf` with one reverse sweep over all losses.

    Raises:
        RunError: No recurrent layer stands right under the head.
    """
    model = subject.model
    cells = last_cells(model)
    block = wish.block or next(iter(cells), "")
    if block not in cells:
        raise RunError(
            "This model has no T × T map",
            "no recurrent layer lies right under its head, or that layer was drawn from blocks",
            "Look at the gradient horizon: it is defined for every model",
        )
    excerpt = subject.excerpt(wish.steps)
    local = local_gradients(model, excerpt.inputs, excerpt.targets)[block]
    weights = CellWeights.from_module(cells[block], device="cpu")
    yield (yield from _map(block, weights, local, excerpt.tokens))


def _map(
    block: str, weights: CellWeights, local: Local, tokens: tuple[str, ...]
) -> Generator[None, None, TimeMap]:
    run, e = local.run, local.e
    steps = e.shape[1]
    total = state_gradients(weights, run, e)
    arch = weights.kind.split("_")[0]
    size = freeze(norm64(total.total_h)[0].numpy())
    if local.single and bool(e[:, :-1].any()):  # one loss reads every state: it is the total
        log10_h, log10_c = norm64(total.total_h).log10(), None
        if total.total_c is not None:
            log10_c = norm64(total.total_c).log10()
        targets: tuple[int, ...] = (steps - 1,)
        difference = math.nan
    else:
        last = [steps - 1] if local.single else None
        items = yield from itemised_sweep(weights, run, e, targets=last)
        log10_h, targets = items.log10_h[0], items.targets
        log10_c = None if items.log10_c is None else items.log10_c[0]
        difference = _difference(items.sum_h[0], total.total_h[0].double())
    by_cell = None if log10_c is None else freeze(log10_c.numpy())
    by_state = freeze(log10_h.numpy())
    return TimeMap(block, arch, tokens[:steps], by_state, by_cell, targets, size, difference)


def _difference(found: Tensor, wanted: Tensor) -> float:
    """Return the largest difference of two (T, N) by the norm of its step, 0 where both are 0."""
    off, size = norm64(found - wanted), norm64(wanted)
    return float((off / size.clamp_min(1e-300)).where(off > 0, 0.0).max())


ANSWERS: dict[type, Answer] = {TimeMapOf: time_map}
