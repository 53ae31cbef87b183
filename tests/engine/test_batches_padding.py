"""Whole models on padded batches: each row costs what it costs alone, and training gets better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seqstudio.blocks.templates import make
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import project_text
from seqstudio.engine.batches import Window, held_out, window_of
from seqstudio.engine.decoding import written_for
from seqstudio.engine.evaluation import measuring
from seqstudio.engine.inputs import as_inputs
from seqstudio.engine.losses import asked, mean_loss
from seqstudio.engine.model import GraphModel
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Event, Start
from seqstudio.records.readings import Metrics, Sample, Validation

CPU = torch.device("cpu")
PADDED = (
    "brackets-lstm", "tagger-bilstm", "reverse-seq2seq", "reverse-attention",
    "reverse-transformer", "caption-attention",
)  # fmt: skip


def opened(template: str, length: int = 7) -> tuple[GraphModel, Dataset]:
    project = make(template)
    data = replace(project.data, length=length)
    dataset = open_dataset(data)
    torch.manual_seed(0)
    return GraphModel(project.graph, facts_of(dataset, project.training)), dataset


def loss_of(model: GraphModel, window: Window) -> tuple[float, int]:
    """Return the mean loss and the number of predictions behind it."""
    losses = model.losses(model(window.inputs)[0], window.targets)
    return float(mean_loss(losses, window.targets)), int(asked(window.targets).sum())


@pytest.mark.parametrize("template", PADDED)
def test_a_row_costs_the_same_alone_as_beside_longer_ones(template: str) -> None:
    model, dataset = opened(template)
    batch = dataset.batch(np.random.default_rng(0), 6)
    assert len(set(batch.lengths)) > 1
    window = window_of(dataset, batch, CPU)
    with measuring(model):
        together, count = loss_of(model, window)
        total = 0.0
        for row in range(6):
            number = torch.tensor([row])
            given = as_inputs(window.inputs).without_padding(number)
            targets = window.targets[number, : given.main.shape[1]]
            loss, predictions = loss_of(model, Window(given, targets, restart=True))
            total += loss * predictions
    assert together == pytest.approx(total / count, rel=1e-5)
    assert count == int(batch.lengths.sum())


@pytest.mark.parametrize("template", PADDED[:5])
def test_nothing_in_the_padding_reaches_the_loss(template: str) -> None:
    model, dataset = opened(template)
    window = next(held_out(dataset, 7, CPU))
    given = as_inputs(window.inputs).rows(slice(8))
    targets = window.targets[:8]
    assert given.lengths is not None
    behind = torch.arange(given.main.shape[1]) >= given.lengths[:, None]
    spoilt = replace(given, main=torch.where(behind, 3, given.main))
    if given.source is not None and given.source_lengths is not None:
        behind = torch.arange(given.source.shape[1]) >= given.source_lengths[:, None]
        spoilt = replace(spoilt, source=torch.where(behind, 5, given.source))
    with measuring(model):
        clean = loss_of(model, Window(given, targets, restart=True))
        dirty = loss_of(model, Window(spoilt, targets, restart=True))
    assert clean == pytest.approx(dirty, rel=1e-6)


@pytest.mark.parametrize(
    ("template", "length"),
    [("reverse-attention", 5), ("tagger-bilstm", 8), ("forecast-lstm", 20), ("frames-lstm", 16),
     ("bert-mini", 24)],
)  # fmt: skip
def test_training_gets_better_and_ends_well(template: str, length: int, tmp_path: Path) -> None:
    project = make(template)
    if project.data.kind == "masked":
        text = tmp_path / "text.txt"
        text.write_text("the cat sat on the mat, the rat ate it. " * 100)
        project = replace(project, data=replace(project.data, path=str(text)))
    fixed = {"budget": "steps", "steps": 25, "batch": 16, "precision": "float32", "threads": 1}
    training = replace(project.training, **fixed)  # type: ignore[arg-type]
    project = replace(project, training=training, data=replace(project.data, length=length))
    heard: list[Event] = []
    trainer = Trainer.open(Start("r", project_text(project), "", "", "cpu"), heard.append)
    while trainer.advance():
        if trainer._finished and trainer.dataset.writes is None:
            break  # the whole held-out part takes long, and other tests measure it
    trainer.flush()
    losses = np.concatenate([event.loss for event in heard if isinstance(event, Metrics)])
    assert len(losses) == 25
    assert losses[-5:].mean() < losses[:5].mean()
    if trainer.dataset.writes is not None:
        sample = next(event for event in heard if isinstance(event, Sample))
        assert sample.text.count("→") == 8
        assert any(isinstance(event, Validation) and event.complete for event in heard)


def test_a_prompt_is_the_source() -> None:
    model, dataset = opened("reverse-attention")
    text = written_for(model.eval(), dataset, "abc")
    assert len(text) <= 8
    assert text == written_for(model, dataset, "abc")
