"""One step at a time gives what the fused layers give."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqstudio.blocks.templates import make
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.engine.layers import (
    GRU,
    LSTM,
    RNN,
    LSTMLayer,
    PeepholeLayer,
    Recurrent,
    Transformer,
)
from seqstudio.engine.model import GraphModel
from seqstudio.engine.stepping import step_cell, step_model, step_module


@pytest.mark.parametrize(
    "cell",
    [
        nn.RNN(5, 7, batch_first=True),
        nn.RNN(5, 7, batch_first=True, nonlinearity="relu"),
        nn.RNN(5, 7, batch_first=True, bias=False),
        nn.GRU(5, 7, batch_first=True),
        nn.LSTM(5, 7, batch_first=True),
        nn.LSTM(5, 7, batch_first=True, bias=False),
        LSTMLayer(5, 7, batch_first=True),
        PeepholeLayer(5, 7),
    ],
    ids=lambda cell: f"{type(cell).__name__}-{cell.mode}-{getattr(cell, 'bias', True)}",
)
def test_steps_of_a_cell_equal_the_fused_layer(cell: nn.Module) -> None:
    torch.manual_seed(0)
    cell = cell.double()
    for name, value in cell.named_parameters():
        if name.startswith("peep"):
            value.data.normal_()
    x = torch.randn(3, 9, 5, dtype=torch.float64)
    with torch.no_grad():
        whole, _ = cell(x)
        state = None
        for t in range(9):
            y, state = step_cell(cell, x[:, t], state)
            assert torch.allclose(y, whole[:, t], atol=1e-12)


@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize(
    "stack",
    [
        RNN(5, 7, 2, residual=True),
        GRU(5, 7, 3, residual=True, dropout=0.5),
        LSTM(5, 7, 2),
        LSTM(5, 7, 2, peepholes=True, residual=True),
    ],
    ids=lambda stack: type(stack).__name__,
)
def test_steps_of_a_stack_equal_the_whole_sequence(stack: Recurrent, start: bool) -> None:
    torch.manual_seed(0)
    stack = stack.double().eval()
    x = torch.randn(3, 9, 5, dtype=torch.float64)
    _, begin = stack(torch.randn_like(x))
    named = {"start": begin} if start else {}
    with torch.no_grad():
        whole, end = stack(x, **named)
        state = None
        for t in range(9):
            y, state = step_module(stack, x[:, t : t + 1], state, **named)
            assert torch.allclose(y[:, 0], whole[:, t], atol=1e-12)
    torch.testing.assert_close(state, end, rtol=0, atol=1e-12)


def test_a_stack_of_both_directions_runs_whole() -> None:
    stack = GRU(5, 7, 2, bidirectional=True)
    x = torch.randn(3, 4, 5)
    y, state = step_module(stack, x, None)
    whole, end = stack(x)
    assert torch.equal(y, whole)
    torch.testing.assert_close(state, end, rtol=0, atol=0)


@pytest.mark.parametrize("template", ["char-lstm", "char-gpt", "char-attention", "hello-rnn"])
def test_steps_of_a_model_equal_the_whole_window(template: str) -> None:
    torch.manual_seed(0)
    project = make(template)
    dataset = open_dataset(project.data)
    model = GraphModel(project.graph, facts_of(dataset, project.training)).eval()
    ids = torch.randint(model.facts.vocabulary, (2, 6))
    with torch.no_grad():
        whole, _ = model(ids)
        state = model.writing_state()
        for t in range(6):
            logits, state = step_model(model, ids[:, t : t + 1], state)
            assert torch.allclose(logits[:, 0], whole[:, t], atol=2e-5)


@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("options", [{}, {"norm": "post"}, {"window": 3}])
def test_steps_of_a_transformer_equal_the_whole_sequence(options: dict, rotary: bool) -> None:
    torch.manual_seed(0)
    stack = Transformer(24, layers=3, heads=4, rotary=rotary, **options).double().eval()
    x = torch.randn(2, 9, 24, dtype=torch.float64)
    with torch.no_grad():
        whole, _ = stack(x)
        y, state = step_module(stack, x[:, :4], [])
        parts = [y]
        for t in range(4, 9):
            y, state = step_module(stack, x[:, t : t + 1], state)
            parts.append(y)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=1e-12)
    assert [seen for _, _, seen in state] == [9, 9, 9]


def test_steps_follow_the_weights_that_a_fused_optimizer_changes_unseen() -> None:
    torch.manual_seed(0)
    project = make("abc-lstm")
    dataset = open_dataset(project.data)
    model = GraphModel(project.graph, facts_of(dataset, project.training))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, fused=True)
    tokens = torch.arange(12)[None]
    for _ in range(3):
        model.eval()
        with torch.no_grad():
            whole, _ = model(tokens)
            state = model.writing_state()
            for t in range(12):
                step, state = step_model(model, tokens[:, t : t + 1], state)
                assert torch.allclose(step[:, 0], whole[:, t], atol=1e-4)
        model.train()
        outputs, _ = model(tokens[:, :-1])
        outputs.logsumexp(-1).mean().backward()
        optimizer.step()
