"""Which loss teaches which state: the T x T map of a text."""

from __future__ import annotations

from collections.abc import Iterator

from seqstudio.core.errors import RunError
from seqstudio.engine.gradflow import CellWeights, itemised_map, norm64, state_gradients
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.probes import Local, last_cells, local_gradients
from seqstudio.records.inside.gradients import TimeMap, TimeMapOf
from seqstudio.records.readings import freeze


def time_map(subject: Subject, wish: TimeMapOf) -> Iterator[TimeMap]:
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
            "no recurrent layer lies under its head, with only pointwise blocks between",
            "Look at the gradient horizon: it is defined for every model",
        )
    excerpt = subject.excerpt(wish.steps)
    local = local_gradients(model, excerpt.inputs, excerpt.targets)[block]
    weights = CellWeights.from_module(cells[block], device="cpu")
    yield _map(block, weights, local, excerpt.tokens)


def _map(block: str, weights: CellWeights, local: Local, tokens: tuple[str, ...]) -> TimeMap:
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
    else:
        items = itemised_map(weights, run, e, targets=[steps - 1] if local.single else None)
        log10_h, targets = items.log10_h[0], items.targets
        log10_c = None if items.log10_c is None else items.log10_c[0]
    by_cell = None if log10_c is None else freeze(log10_c.numpy())
    return TimeMap(block, arch, tokens[:steps], freeze(log10_h.numpy()), by_cell, targets, size)


ANSWERS: dict[type, Answer] = {TimeMapOf: time_map}
