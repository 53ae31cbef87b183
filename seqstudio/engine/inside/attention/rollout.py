"""Weights, rollout and gradients of one text, side by side: they need not agree.

Shape legend: L layers, H heads, T steps, K losses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqstudio.core.errors import RunError
from seqstudio.engine.gradflow import norm64
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.attention.passage import Passage, passage_of, told
from seqstudio.engine.inside.attention.tap import Place, places_of, tapped
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.losses import asked
from seqstudio.engine.model import GraphModel
from seqstudio.engine.probes import entries
from seqstudio.records.inside.attention import Rollout, RolloutOf
from seqstudio.records.readings import Floats, freeze

SLICE_STEPS = 256  # rows times steps of one backward pass: some 30 ms for a small model
FIRST = 8


def rollout_of(subject: Subject, wish: RolloutOf) -> Iterator[Rollout | None]:
    """Answer `RolloutOf`: weights and rollout at once, gradients as they are measured.

    Raises:
        RunError: No layer attends from the text to itself.
    """
    places = [place for place in places_of(subject.model) if _own(place)]
    if not places:
        raise RunError(
            "This model has no rollout",
            "no layer of it attends from the text to itself",
            "Open a transformer; the alignment shows how a decoder attends to its source",
        )
    passage = passage_of(subject, wish.example)
    with tapped(subject.model, places) as tap:
        outputs, _ = subject.model(passage.inputs)
    layers = [tap.whole(place.site.key) for place in places]
    steps = layers[0][0].shape[-1]
    same = [(place, *layer) for place, layer in zip(places, layers, strict=True)
            if layer[0].shape[-1] == steps]  # fmt: skip
    means = torch.stack([weights.double().mean(0) for _, weights, _ in same])
    masked = ~torch.stack([seen for _, _, seen in same]).any(0)
    names = tuple(place.site.name for place, _, _ in same)
    tokens = passage.tokens if len(passage.tokens) == steps else ("class", *passage.tokens)
    read = told(subject, passage, outputs)
    fixed = (read, tokens[:steps], _small(means), names, _small(rolled(means)[-1]),
             freeze(masked.numpy()))  # fmt: skip
    losses = _losses(subject, passage, wish.losses)
    sizes = np.full((len(losses), len(passage.tokens)), np.nan)
    for done in _measured(subject.model, passage, losses, sizes):
        if done < 0:
            yield None
        else:
            yield Rollout(*fixed, freeze(sizes), tuple(losses), done)


def _own(place: Place) -> bool:
    return place.site.kind in {"self", "drawn"} and place.site.queries == place.site.keys == "text"


def _small(values: Tensor) -> np.ndarray[Any, Any]:
    return freeze(values.float().numpy())


def rolled(means: Tensor) -> Tensor:
    """Return the rollout after every layer (L, T, T): A' = (mean over heads + I) / 2, multiplied.

    Source: Abnar and Zuidema 2020, "Quantifying attention flow in transformers", arXiv:2005.00928.
    """
    steps = means.shape[-1]
    mixed = (means + torch.eye(steps, dtype=means.dtype)) / 2
    found = [mixed[0]]
    for layer in mixed[1:]:
        found.append(layer @ found[-1])
    return torch.stack(found)


def _losses(subject: Subject, passage: Passage, most: int) -> list[int]:
    """Return the steps whose losses are asked, the last first and then spread ever finer."""
    if passage.targets is None or not entries(subject.model):
        return []
    known = asked(passage.targets)
    if known.dim() == 1:
        return [len(passage.tokens) - 1]
    steps = known[0].nonzero()[:, 0].tolist()
    places = np.linspace(0, len(steps) - 1, min(most, len(steps))).round().astype(int)
    return [steps[place] for place in places]


def _measured(
    model: GraphModel, passage: Passage, losses: Sequence[int], sizes: Floats
) -> Iterator[int]:
    """Fill log10 of the gradients (K, T) in; yield -1 between slices, or how many are done."""
    order = _finer(len(losses))
    rows = max(1, SLICE_STEPS // max(1, sizes.shape[1]))
    done, shown = 0, FIRST
    while done < len(order):
        yield -1
        chosen = order[done : done + rows]
        sizes[chosen] = connectivity(model, passage, [losses[i] for i in chosen]).log10().numpy()
        done += len(chosen)
        if done >= shown and done < len(order):
            shown = 4 * done
            yield done
    yield done


def _finer(count: int) -> list[int]:
    """Return the numbers below `count`: the last, then every eighth, fourth, second, all."""
    order = dict.fromkeys([count - 1] if count else [])
    for stride in (8, 4, 2, 1):
        order.update(dict.fromkeys(range(0, count, stride)))
    return list(order)


def connectivity(model: GraphModel, passage: Passage, losses: Sequence[int]) -> Tensor:
    """Return |dl_k / d emb_t| (K, T) in float64 for one passage.

    The row is repeated for each loss and scored at its step alone; rows do not interact, so one
    backward pass gives all. Source: docs/diagnostics.md, section 5.
    """
    assert passage.targets is not None
    copies = torch.zeros(len(losses), dtype=torch.int64)
    leaves: list[Tensor] = []

    def cut(_module: object, _args: object, output: Tensor) -> Tensor:
        leaves.append(output.detach().requires_grad_())
        return leaves[-1]

    with torch.enable_grad(), ExitStack() as hooks:
        for block in entries(model):
            handle = model.module(block).register_forward_hook(cut)
            hooks.callback(handle.remove)
        inputs: Inputs = passage.inputs.rows(copies)
        found = model.losses(model(inputs)[0], passage.targets[copies])
        if found.dim() == 2:
            found = found[torch.arange(len(losses)), torch.tensor(losses)]
        gradients = torch.autograd.grad(found.sum(), leaves)
    sizes = torch.stack([norm64(gradient) for gradient in gradients], -1)
    return norm64(sizes)


ANSWERS: dict[type, Answer] = {RolloutOf: rollout_of}
