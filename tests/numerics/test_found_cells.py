"""A cell that counts open brackets is found automatically in a model that was trained here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqstudio.blocks.templates import make
from seqstudio.document.project import Project, project_text
from seqstudio.engine.inside.cells import best_cells
from seqstudio.engine.inside.subject import Subject
from seqstudio.engine.trainer import Trainer
from seqstudio.records.inside.cells import PatternScore
from seqstudio.records.messages import Start


def trained(project: Project) -> Subject:
    trainer = Trainer.open(Start("r", project_text(project), "", ""), lambda _event: None)
    while trainer.advance():
        pass
    model = trainer.model.cpu().eval().requires_grad_(False)
    return Subject(model, trainer.dataset, project, trainer.step, "")


def best_for(subject: Subject, pattern: str, steps: int) -> PatternScore:
    """Search every layer and every kind of number; choose by the search part alone."""
    found = [score for _, _, score in best_cells(subject, steps) if score.name == pattern]
    return max(found, key=lambda score: abs(score.score))


def small(steps: int) -> Project:
    plain = make("brackets-lstm")
    blocks = {
        block.id: replace(
            block, params={**block.params, **({"hidden": 24} if "hidden" in block.params else {})}
        )
        for block in plain.graph
    }
    training = replace(
        plain.training, budget="steps", steps=steps, batch=32, threads=1, precision="float32",
        learning_rate=1e-2,
    )  # fmt: skip
    data = replace(plain.data, length=24)
    graph = replace(plain.graph, blocks={**plain.graph.blocks, **blocks})
    return replace(plain, graph=graph, training=training, data=data)


def test_a_counting_cell_is_found_in_a_small_model() -> None:
    before = best_for(trained(small(1)), "depth", 1500)
    found = best_for(trained(small(200)), "depth", 1500)
    assert found.held >= 0.9
    assert found.held > found.baseline + 0.3
    assert found.p < 0.01
    assert before.held < 0.7


@pytest.mark.long
def test_a_counting_cell_is_found_in_the_template_within_five_minutes() -> None:
    subject = trained(make("brackets-lstm"))
    found = best_for(subject, "depth", 4000)
    assert found.held >= 0.9
    assert found.held > found.baseline + 0.3
