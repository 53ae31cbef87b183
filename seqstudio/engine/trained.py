"""What a run has learned, for those who only use it."""

from __future__ import annotations

from pathlib import Path

from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import Project, load_project
from seqstudio.engine import checkpoint as store
from seqstudio.engine.model import GraphModel


def load_trained(folder: Path, base: Path | None) -> tuple[GraphModel, Dataset, Project, int]:
    """Load the best model of a run with its data: what evaluate, generate and inspect need.

    Raises:
        SeqError: The run, its project or its data cannot be read.
    """
    project = load_project(folder / "project.seq")
    dataset = open_dataset(project.data, base)
    model = GraphModel(project.graph, facts_of(dataset, project.training))
    saved = store.load_best(folder)
    store.load_model(model, saved.part("model"))
    return model.eval(), dataset, project, saved.step
