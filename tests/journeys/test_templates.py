"""Every template: open, check, train, write or evaluate, export, and open again to the byte."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seqstudio.blocks.check import check
from seqstudio.blocks.code import model_code
from seqstudio.blocks.templates import TEMPLATES, make
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import Project, load_project, project_text, save_project
from seqstudio.engine.evaluation import score
from seqstudio.engine.sampling import complete
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Start, Write
from seqstudio.records.readings import Metrics
from tests.templates import made_of, one_of_each

STEPS = 20


def small(project: Project) -> Project:
    """The template with few rows and a short window: its model is untouched."""
    training = {**project.training.as_dict(), "batch": 4, "window": 24, "budget": "steps"}
    training |= {"steps": STEPS, "threads": 1, "precision": "float32", "warmup": 0}
    if project.template == "hello-rnn":
        training["window"] = 4
    return replace(project, training=type(project.training).parse(training))


def test_there_are_more_than_twenty_five() -> None:
    assert len(TEMPLATES) >= 25


@pytest.mark.parametrize("name", one_of_each(made_of))
def test_a_template_goes_all_the_way(name: str, tmp_path: Path) -> None:
    path, again = tmp_path / "a.seq", tmp_path / "b.seq"
    save_project(make(name), path)
    save_project(load_project(path), again)
    assert path.read_bytes() == again.read_bytes()
    project = small(load_project(path))
    dataset = open_dataset(project.data)
    report = check(project.graph, facts_of(dataset, project.training))
    assert report.problems == ()
    losses, trainer = trained(project)
    assert len(losses) == STEPS
    assert all(map(math.isfinite, losses))
    assert trainer.model.parameter_count() == report.total
    evaluated(trainer)
    code = model_code(project.graph, facts_of(dataset, project.training)).text
    compile(code, "model.py", "exec")


def trained(project: Project) -> tuple[list[float], Trainer]:
    told: list[object] = []
    start = Start("run", project_text(project), "", "", device="cpu", probes=False)
    trainer = Trainer.open(start, told.append)
    while trainer.step < STEPS:
        trainer.advance()
    trainer.flush()
    metrics = [event for event in told if isinstance(event, Metrics)]
    return [float(loss) for event in metrics for loss in event.loss], trainer


def evaluated(trainer: Trainer) -> None:
    model, dataset = trainer.model, trainer.dataset
    first = next(score(model, dataset, trainer.project.training.window, carry=False, limit=200))
    assert math.isfinite(first.loss)
    if model.pattern == "next token" and not dataset.generated:
        assert dataset.vocabulary is not None
        torch.manual_seed(0)
        wish = trainer.project.sampling
        written = complete(
            model, dataset.vocabulary, Write(0, wish.prompt, 8, 0.8, 0, 1.0, 0), STEPS
        )
        assert len(written.ends) == 8
