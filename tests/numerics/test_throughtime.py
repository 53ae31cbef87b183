"""The backward pass written by hand against that of torch.nn, in float64."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqstudio.engine.gradflow import CellWeights, LayerRun, state_gradients
from seqstudio.engine.layers import GRU, LSTM, RNN, LSTMLayer, Recurrent
from seqstudio.engine.throughtime import (
    QuickGRU,
    QuickLSTM,
    QuickRNN,
    Watch,
    product_with,
    quicken,
)

EXACT = {"rtol": 0.0, "atol": 1e-12}
CELLS = {
    "tanh": lambda: nn.RNN(3, 5, batch_first=True),
    "relu": lambda: nn.RNN(3, 5, nonlinearity="relu", batch_first=True),
    "gru": lambda: nn.GRU(3, 5, batch_first=True),
    "lstm": lambda: LSTMLayer(3, 5, batch_first=True),
}


def pair(name: str) -> tuple[nn.Module, Any]:
    """Return a layer of torch and the same one, quick and watched."""
    torch.manual_seed(3)
    plain = CELLS[name]().double()
    quick = quicken(copy.deepcopy(plain))
    quick.watch = Watch()
    return plain, quick


def begin(name: str, rows: int) -> list[Tensor]:
    torch.manual_seed(4)
    count = 2 if name == "lstm" else 1
    return [torch.randn(1, rows, 5, dtype=torch.float64).requires_grad_() for _ in range(count)]


def gradients(cell: nn.Module, name: str, steps: int, started: bool) -> list[Tensor]:
    """Return everything that a loss on all outputs and the last state gives."""
    torch.manual_seed(5)
    x = torch.randn(4, steps, 3, dtype=torch.float64).requires_grad_()
    start = begin(name, 4) if started else []
    given = None if not started else tuple(start) if name == "lstm" else start[0]
    y, last = cell(x, given)
    ends = last if isinstance(last, tuple) else (last,)
    loss = (y.sin() * torch.linspace(1, 2, steps)[:, None]).sum()
    loss = loss + sum(((n + 1) * end.cos()).sum() for n, end in enumerate(ends))
    found = torch.autograd.grad(loss, [x, *start, *cell.parameters()])
    return [y.detach(), *(end.detach() for end in ends), *found]


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("steps", "started"), [(1, False), (9, False), (9, True)])
def test_results_and_gradients_are_those_of_torch(name: str, steps: int, started: bool) -> None:
    plain, quick = pair(name)
    expected, found = (gradients(cell, name, steps, started) for cell in (plain, quick))
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(b, a, **EXACT)
    assert quick.watch.total_h is not None  # it was not torch that ran


@pytest.mark.parametrize("name", CELLS)
def test_a_watch_keeps_the_gradient_by_every_state(name: str) -> None:
    _, quick = pair(name)
    x = torch.randn(4, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    start = begin(name, 4)
    given: Any = tuple(start) if name == "lstm" else start[0]
    plain, _ = pair(name)
    state, states = given, []
    for t in range(6):  # step by step, so that autograd knows every state
        _, state = plain(x[:, t : t + 1], state)
        states.append(state if isinstance(state, tuple) else (state,))
        for part in states[-1]:
            part.retain_grad()
    torch.stack([parts[0] for parts in states]).sin().sum().backward()
    y, _ = quick(x, given)
    y.sin().sum().backward()
    expected = torch.stack([parts[0].grad[0] for parts in states])
    torch.testing.assert_close(quick.watch.total_h, expected, **EXACT)
    for part, leaf in zip("hc", start, strict=False):  # both passes added to its gradient
        initial = getattr(quick.watch, f"initial_{part}")
        torch.testing.assert_close(2 * initial, leaf.grad[0], **EXACT)
    if name == "lstm":  # what reaches c_t through h_t belongs to it too
        run = LayerRun(x, y, start[0][0], start[1][0])
        flow = state_gradients(CellWeights.from_module(quick), run, y.cos())
        torch.testing.assert_close(quick.watch.total_c, flow.total_c.transpose(0, 1), **EXACT)


def test_a_gradient_that_came_in_stays_as_it_was() -> None:
    _, quick = pair("tanh")
    y, _ = quick(torch.randn(2, 5, 3, dtype=torch.float64))
    time_first = torch.ones(5, 2, 5, dtype=torch.float64)
    y.retain_grad()
    y.backward(time_first.transpose(0, 1))
    assert torch.equal(time_first, torch.ones_like(time_first))
    assert torch.equal(y.grad, torch.ones_like(y))


@pytest.mark.parametrize("cls", [RNN, GRU, LSTM])
@pytest.mark.parametrize("options", [{}, {"residual": True}, {"bidirectional": True}])
def test_stacks_with_lengths_states_and_dropout_are_the_same(cls: Any, options: Any) -> None:
    torch.manual_seed(0)
    plain: Recurrent = cls(3, 4, layers=3, dropout=0.3, **options).double()
    quick = quicken(copy.deepcopy(plain))
    assert any(isinstance(part, (QuickRNN, QuickGRU, QuickLSTM)) for part in quick.modules())
    lengths = torch.tensor([7, 2, 5])
    results = []
    for stack in (plain, quick):
        torch.manual_seed(1)
        x = torch.randn(3, 7, 3, dtype=torch.float64, requires_grad=True)
        y, last = stack(x, lengths=lengths)
        again, end = stack(x, last)
        parts = [p for item in end for p in (item if isinstance(item, tuple) else (item,))]
        loss = y.square().sum() + again.sin().sum() + sum(part.sum() for part in parts)
        results.append([y, again, *torch.autograd.grad(loss, [x, *stack.parameters()])])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(b, a, **EXACT)


def test_packed_products_are_products() -> None:
    torch.manual_seed(0)
    weight, x = torch.randn(1024, 256), torch.randn(32, 256)
    expected = x.double() @ weight.double().t()
    found = product_with(weight, 32)(x).double()
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-4)


def test_what_the_pass_does_not_cover_stays_with_torch() -> None:
    deep = nn.LSTM(3, 4, num_layers=2, batch_first=True)
    assert type(quicken(deep)) is nn.LSTM
    both = nn.GRU(3, 4, bidirectional=True, batch_first=True)
    assert type(quicken(both)) is nn.GRU
    plain, quick = pair("gru")
    x = torch.randn(2, 3, 3, dtype=torch.float64)
    with torch.no_grad():
        assert torch.equal(quick(x)[0], plain(x)[0])
    assert quick.watch.total_h is None


def test_frozen_weights_still_pass_the_gradient_on() -> None:
    for name in CELLS:
        plain, quick = pair(name)
        found = []
        for cell in (plain, quick):
            cell.requires_grad_(False)
            x = torch.ones(2, 4, 3, dtype=torch.float64, requires_grad=True)
            cell(x)[0].sum().backward()
            found.append(x.grad)
        torch.testing.assert_close(found[1], found[0], **EXACT)
