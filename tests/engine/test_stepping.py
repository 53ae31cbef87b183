"""One step at a time gives what the fused layers give."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqstudio.blocks.templates import make
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.engine.model import GraphModel
from seqstudio.engine.stepping import step_cell, step_model


@pytest.mark.parametrize(
    "cell",
    [
        nn.RNN(5, 7, batch_first=True),
        nn.RNN(5, 7, batch_first=True, nonlinearity="relu"),
        nn.RNN(5, 7, batch_first=True, bias=False),
        nn.GRU(5, 7, batch_first=True),
        nn.LSTM(5, 7, batch_first=True),
        nn.LSTM(5, 7, batch_first=True, bias=False),
    ],
    ids=lambda cell: f"{cell.mode}-{cell.bias}",
)
def test_steps_of_a_cell_equal_the_fused_layer(cell: nn.RNNBase) -> None:
    torch.manual_seed(0)
    cell = cell.double()
    x = torch.randn(3, 9, 5, dtype=torch.float64)
    with torch.no_grad():
        whole, _ = cell(x)
        state = None
        for t in range(9):
            y, state = step_cell(cell, x[:, t], state)
            assert torch.allclose(y, whole[:, t], atol=1e-12)


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
