"""Exported code as a module, and batches to compare it on."""

from __future__ import annotations

import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqstudio.blocks.code import model_code
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.graph import Graph
from seqstudio.document.project import Project
from seqstudio.engine.batches import Batches
from seqstudio.engine.exchange.export import weights_of
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.model import GraphModel

ROWS, STEPS = 3, 12


def small(template: str) -> tuple[Project, Dataset]:
    """Return a template with small batches, and its data."""
    project = make(template)
    training = replace(
        project.training, batch=ROWS, window=min(project.training.window, STEPS),
        budget="steps", steps=20, threads=1, precision="float32",
    )  # fmt: skip
    project = replace(project, training=training)
    return project, open_dataset(project.data)


def loaded(text: str, name: str = "exported") -> types.ModuleType:
    """Return exported source as a module."""
    module = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
    return module


def keywords(facts: DataFacts, given: Inputs) -> dict[str, Any]:
    """Return what the exported model takes beside its inputs."""
    found: dict[str, Tensor | None] = {}
    if facts.source:
        found["source"] = given.source
    if facts.padded:
        found["lengths"] = given.lengths
        if facts.source:
            found["source_lengths"] = given.source_lengths
    return found


def largest_difference(
    graph: Graph, facts: DataFacts, inputs: Tensor | Inputs, tmp: Path
) -> float:
    """Return how far apart program and exported file are, from zero and from a carried state."""
    torch.manual_seed(3)
    ours = GraphModel(graph, facts).eval()
    module = loaded(model_code(graph, facts).text)
    theirs = module.Model().eval()
    (tmp / "weights.safetensors").write_bytes(weights_of(ours))
    module.load_weights(theirs, tmp / "weights.safetensors")
    given = as_inputs(inputs)
    named = keywords(facts, given)
    with torch.no_grad():
        first, state = ours(inputs)
        again, other = theirs(given.main, **named)
        second, _ = ours(inputs, state)
        further, _ = theirs(given.main, other, **named)
    return max(float((first - again).abs().max()), float((second - further).abs().max()))


def drawn(project: Project, dataset: Dataset) -> Tensor | Inputs:
    """Return the inputs of a batch."""
    return Batches(dataset, project.training, False, torch.device("cpu")).next().inputs


def facts(project: Project, dataset: Dataset) -> DataFacts:
    """Return the facts about a project's data."""
    return facts_of(dataset, project.training)
