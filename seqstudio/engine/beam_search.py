"""Beam search: a sequence is written from a source, several beginnings kept at every step.

Shape legend: B rows, W beams, T steps of what is written, V symbols.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seqstudio.engine.inputs import Inputs
from seqstudio.engine.model import APART, GraphModel, State

NORM = 0.6
"""Power of the length by which scores are divided, as in Wu et al. 2016."""


@dataclass(frozen=True)
class Grown:
    """The beams after one more step, the best first.

    Attributes:
        parent: (B, W) which beam of the step before each goes on from.
        token: (B, W) what was written; -1 where a finished beam stays as it is.
        log_p: (B, W) natural log-probability of the token given what is before it.
        total: (B, W) the same summed over the beam; -inf where there is no beam.
        length: (B, W) tokens written, with the sign to end.
    """

    parent: Tensor
    token: Tensor
    log_p: Tensor
    total: Tensor
    length: Tensor


def scores(total: Tensor, length: Tensor, norm: float) -> Tensor:
    """Return what beams are compared by: log P / ((5 + length) / 6) ** norm.

    Source:
        Wu et al. 2016, "Google's neural machine translation system", section 7, without coverage.
    """
    return total / ((5.0 + length) / 6.0) ** norm


def beams(
    model: GraphModel, given: Inputs, signs: tuple[int, int], limit: int, width: int,
    norm: float = NORM,
) -> Iterator[Grown]:  # fmt: skip
    """Yield the beams of every row, step by step, until all of them have ended.

    At every step the best `width` of all beams with one more symbol go on; those that have ended
    stay in the race as they are. So width 1 is the greedy choice, and a width that never cuts
    finds the sequence of the best score. Dropout has to be off, see `measuring`.

    Args:
        model: Any that predicts the next token and reads a source.
        given: The source and its lengths, B rows; the main stream is not looked at.
        signs: Symbols that begin and end a row.
        limit: Most symbols of a row.
        width: Beams of a row, W.
        norm: See `scores`; 0 prefers short sequences.
    """
    rows, device = len(given), given.main.device
    reader = _Reader(model, given, signs[0], width)
    total = torch.full((rows, width), -torch.inf, device=device)
    total[:, 0] = 0.0
    length = torch.zeros((rows, width), dtype=torch.int64, device=device)
    done = torch.zeros((rows, width), dtype=torch.bool, device=device)
    for _ in range(limit):
        log_p = reader.next_log_p().view(rows, width, -1)
        grown = _grown(log_p, total, length, done, norm)
        total, length = grown.total, grown.length
        done = done.gather(1, grown.parent) | (grown.token == signs[1])
        yield grown
        if bool((done | total.isinf()).all()):
            return
        reader.go_on(grown, signs[1])


def _grown(log_p: Tensor, total: Tensor, length: Tensor, done: Tensor, norm: float) -> Grown:
    symbols, width = log_p.shape[-1], total.shape[1]
    after = torch.where(done[..., None], -torch.inf, total[..., None] + log_p)
    after[..., 0] = torch.where(done, total, after[..., 0])  # one place for each that has ended
    longer = length + (~done).long()
    best = scores(after, longer[..., None], norm).flatten(1).topk(width).indices
    parent, token = best // symbols, best % symbols
    stays = done.gather(1, parent)
    chosen = log_p.flatten(1).gather(1, best)
    return Grown(
        parent,
        torch.where(stays, -1, token),
        torch.where(stays, 0.0, chosen),
        after.flatten(1).gather(1, best),
        longer.gather(1, parent),
    )


class _Reader:
    """Reads what the beams have written, one step at a time where the model can."""

    def __init__(self, model: GraphModel, given: Inputs, begin: int, width: int) -> None:
        self._model, self._width = model, width
        numbers = torch.arange(len(given), device=given.main.device)
        self._given = replace(given.rows(numbers.repeat_interleave(width)), lengths=None)
        self._written = torch.full_like(self._given.main[:, :1], begin, dtype=torch.int64)
        caches = any(node.memory == "cache" for node in model.plan.everything())
        self._steps = model.stepwise and not caches
        self._state: State = {APART: {}} if model.plan.apart else {}

    def next_log_p(self) -> Tensor:
        """Return the log-probabilities (B * W, V) of what comes next."""
        main = self._written[:, -1:] if self._steps else self._written
        outputs, after = self._model(replace(self._given, main=main), self._state)
        # A model that reads everything again keeps only what does not depend on it.
        apart = {APART: after[APART]} if APART in after else {}
        self._state = after if self._steps else apart
        log_p: Tensor = outputs[:, -1].float().log_softmax(-1)
        return log_p

    def go_on(self, grown: Grown, end: int) -> None:
        """Put the beams into their new order, each with its new symbol."""
        first = torch.arange(len(grown.parent), device=grown.parent.device)[:, None] * self._width
        order = (first + grown.parent).flatten()
        token = torch.where(grown.token < 0, end, grown.token).flatten()
        self._written = torch.cat([self._written[order], token[:, None]], 1)
        if self._steps:
            self._state = {
                name: part if name == APART else _ordered(part, order)
                for name, part in self._state.items()
            }


def _ordered(state: Any, order: Tensor) -> Any:
    """Return a recurrent state (·, rows, H) with its rows in another order."""
    if isinstance(state, Tensor):
        return state[:, order].contiguous()
    if isinstance(state, dict):
        return {key: _ordered(value, order) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(_ordered(value, order) for value in state)
    return state


@dataclass(frozen=True)
class Hypotheses:
    """What a beam search ended with.

    Attributes:
        tokens: (B, W, T) the beams, the best first; filled up with the sign to end.
        score: (B, W) see `scores`; -inf where there is no beam.
    """

    tokens: Tensor
    score: Tensor


def write_beams(
    model: GraphModel, given: Inputs, signs: tuple[int, int], limit: int, width: int,
    norm: float = NORM,
) -> Hypotheses:  # fmt: skip
    """Return the sequences that a beam search ends with; see `beams`."""
    tokens = torch.zeros((len(given), width, 0), dtype=torch.int64, device=given.main.device)
    score = torch.zeros((len(given), width), device=given.main.device)
    for grown in beams(model, given, signs, limit, width, norm):
        order = grown.parent[..., None].expand(-1, -1, tokens.shape[2])
        new = torch.where(grown.token < 0, signs[1], grown.token)
        tokens = torch.cat([tokens.gather(1, order), new[..., None]], 2)
        score = scores(grown.total, grown.length, norm)
    return Hypotheses(tokens, score)


def write_best(
    model: GraphModel, given: Inputs, signs: tuple[int, int], limit: int, width: int,
    norm: float = NORM,
) -> Tensor:  # fmt: skip
    """Return the best sequence of every row (B, T); behind the sign to end stands the same."""
    found = write_beams(model, given, signs, limit, width, norm)
    return found.tokens[:, 0]
