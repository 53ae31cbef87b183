"""Trust row 12: the memory that is told before training against what torch takes in a step.

Measured are the bytes of all tensors of torch at the peak of a step, weights, gradients and what
the optimizer remembers among them. What libraries take for themselves is not in it.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from seqstudio.blocks.check import check
from seqstudio.blocks.cost import total
from seqstudio.blocks.templates import make
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import Project
from seqstudio.engine.learner import Learner

TOLERANCE = 0.3
TEXT = "the river runs under old stone bridges, and nobody counts them. " * 400
SIZES = {"hidden": 96, "width": 96, "layers": 2}
MODELS = (
    ("char-lstm", {}), ("char-lstm", SIZES), ("char-lstm", {"batch": 128}),
    ("char-gru", {}), ("char-rnn", {}), ("char-rnn", SIZES),
    ("char-gpt", {}), ("char-gpt", {"layers": 2, "dropout": 0.1}), ("char-gpt", {"window": 256}),
    ("bert-mini", {}), ("char-attention", {}), ("order-dense", {}), ("hello-rnn", {"batch": 256}),
    ("reverse-seq2seq", {}), ("reverse-transformer", {}), ("adding-lstm", {}),
    ("brackets-lstm", {}), ("tagger-bilstm", {}), ("forecast-gpt", {}), ("shapes-vit", {}),
    ("caption-attention", {}), ("char-mgu", {}),
)  # fmt: skip


def sized(template: str, text: str, values: dict[str, float]) -> Project:
    project = make(template, text if template.startswith(("char", "bert")) else "")
    graph, training = project.graph, project.training.with_value("precision", "float32")
    for name, value in values.items():
        if name in {param.name for param in training.PARAMS}:
            training = training.with_value(name, value)
        for block in list(graph):
            if name in block.params and (name, block.kind) != ("width", "next_token"):
                graph = graph.with_block(graph.blocks[block.id].with_param(name, value))
    return replace(project.with_graph(graph), training=training)


def resident(learner: Learner) -> int:
    """Return the bytes that stay between two steps: weights and what the optimizer remembers."""
    moments = [
        value
        for state in learner.optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    ]
    return sum(value.nbytes for value in (*learner.model.parameters(), *moments))


def peak(learner: Learner) -> int:
    """Return the most bytes that tensors take in a step, beyond what stays."""

    def step() -> None:
        learner.learn(tapped=False)
        learner.apply(0.5)

    step()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    held = most = 0
    for event in seen.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most


@pytest.mark.long
@pytest.mark.parametrize(("template", "values"), MODELS)
def test_the_memory_told_is_what_a_step_takes(tmp_path, template: str, values) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    project = sized(template, str(path), values)
    dataset = open_dataset(project.data, None)
    facts = facts_of(dataset, project.training)
    told = total(project.graph, check(project.graph, facts)).memory(project.training)
    learner = Learner(project, dataset, torch.device("cpu"))
    taken = peak(learner) + resident(learner)
    sys.stdout.write(f"{template} {values}: {told.total / 1e6:.1f} told, {taken / 1e6:.1f} taken, "
                     f"ratio {told.total / taken:.2f}; {told}\n")  # fmt: skip
    assert abs(told.total / taken - 1) < TOLERANCE
