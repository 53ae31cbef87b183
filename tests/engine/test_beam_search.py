"""Beam search against the greedy choice and against looking at every sequence there is."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor

from seqstudio.blocks.templates import make
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.data.tasks.base import BEGIN, END
from seqstudio.engine.batches import held_out
from seqstudio.engine.beam_search import beams, scores, write_beams, write_best
from seqstudio.engine.decoding import write_greedily
from seqstudio.engine.evaluation import measuring
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.model import GraphModel

SIGNS = (BEGIN, END)
KINDS = ("copy-seq2seq", "copy-attention", "reverse-transformer")


@cache
def untrained(template: str) -> tuple[GraphModel, Inputs]:
    """A model of random weights, made bolder so that its choices differ, and some sources."""
    project = make(template)
    dataset = open_dataset(project.data)
    torch.manual_seed(3)
    model = GraphModel(project.graph, facts_of(dataset, project.training)).eval()
    head = model.module(model.head)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.mul_(4.0)
    window = next(held_out(dataset, 2, torch.device("cpu"), 1))
    return model, as_inputs(window.inputs).rows(slice(0, 6))


def ended(row: Tensor) -> list[int]:
    """The symbols up to and with the first sign to end."""
    found = row.tolist()
    return found[: found.index(END) + 1] if END in found else found


@pytest.mark.parametrize("template", KINDS[:2])
def test_width_one_is_the_greedy_choice(template: str) -> None:
    model, given = untrained(template)
    with measuring(model):
        greedy = write_greedily(model, given, *SIGNS, 9)
        for norm in (0.0, 1.0):
            best = write_best(model, given, SIGNS, 9, 1, norm)
            assert [ended(row) for row in best] == [ended(row) for row in greedy]


@pytest.mark.parametrize("steps", [2, pytest.param(3, marks=pytest.mark.long)])
@pytest.mark.parametrize("template", KINDS)
def test_a_width_that_never_cuts_finds_the_best_of_all_sequences(
    template: str, steps: int
) -> None:
    model, given = untrained(template)
    given, symbols = given.rows(slice(0, 2)), 15
    with measuring(model):
        for norm in (0.0, 2.0):
            found = write_beams(model, given, SIGNS, steps, symbols ** (steps - 1), norm)
            for row in range(2):
                best = best_of_all(model, given.rows(slice(row, row + 1)), steps, symbols, norm)
                assert ended(found.tokens[row, 0]) == best[0]
                assert float(found.score[row, 0]) == pytest.approx(best[1], abs=1e-4)


def best_of_all(
    model: GraphModel, given: Inputs, steps: int, symbols: int, norm: float
) -> tuple[list[int], float]:
    """Score every sequence of at most `steps` symbols by reading it."""
    every = torch.tensor(list(itertools.product(range(symbols), repeat=steps)))
    begin = torch.full((len(every), 1), BEGIN)
    main = torch.cat([begin, every[:, :-1]], 1)
    rows = given.rows(torch.zeros(len(every), dtype=torch.int64))
    log_p = model(replace(rows, main=main, lengths=None))[0].log_softmax(-1)
    each = log_p.gather(2, every[..., None])[..., 0]
    over = (every == END).cumsum(1) - (every == END).long() > 0  # behind the sign to end
    total = each.masked_fill(over, 0.0).sum(1)
    value = scores(total, (~over).sum(1), norm)
    at = int(value.argmax())
    return ended(every[at]), float(value[at])


def test_a_wider_search_never_ends_with_a_worse_score_here_and_totals_add_up() -> None:
    model, given = untrained("copy-seq2seq")
    with measuring(model):
        narrow = write_beams(model, given, SIGNS, 5, 1, 0.0).score[:, 0]
        wide = write_beams(model, given, SIGNS, 5, 8, 0.0).score[:, 0]
        steps = list(beams(model, given, SIGNS, 5, 4, 0.0))
    assert (wide >= narrow - 1e-5).all()
    summed = torch.zeros(len(given), 4)
    for grown in steps:
        summed = summed.gather(1, grown.parent) + grown.log_p
    torch.testing.assert_close(summed, steps[-1].total)


def test_each_row_is_searched_as_if_it_were_alone() -> None:
    model, given = untrained("copy-seq2seq")
    with measuring(model):
        together = write_best(model, given, SIGNS, 9, 3)
        alone = [write_best(model, given.rows(slice(row, row + 1)), SIGNS, 9, 3)[0]
                 for row in range(len(given))]  # fmt: skip
    assert [ended(row) for row in together] == [ended(row) for row in alone]
