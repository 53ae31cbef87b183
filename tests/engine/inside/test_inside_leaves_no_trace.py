"""Whatever is asked of a model that trains: the run goes on bit for bit as without."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from pathlib import Path

import pytest
import torch

from seqstudio.blocks.templates import make
from seqstudio.document.project import Project, project_text
from seqstudio.engine.inside import ANSWERS
from seqstudio.engine.inside.looker import Looker
from seqstudio.engine.trainer import Trainer
from seqstudio.records.looking import LookAt, Looked, LookFailed
from seqstudio.records.messages import Start

STEPS = 4


def small(template: str) -> Project:
    """A template that takes a step in a few milliseconds."""
    plain = make(template)
    sizes = {"hidden": 12, "layers": 2, "heads": 2, "width": 12}
    blocks = {
        block.id: replace(
            block,
            params={**block.params, **{k: v for k, v in sizes.items() if k in block.params}},
        )
        for block in plain.graph
    }
    training = replace(plain.training, batch=2, window=24, threads=1, precision="float32")
    return replace(plain, graph=replace(plain.graph, blocks=blocks), training=training)


def open_trainer(project: Project, folder: Path) -> Trainer:
    start = Start("run", project_text(project), "", str(folder), device="cpu", probes=False)
    return Trainer.open(start, lambda _: None)


def questions() -> list[object]:
    """Every question in its plainest form."""
    found = []
    for kind in ANSWERS:
        needed = {f.name for f in fields(kind) if f.default is MISSING}
        found.append(kind(**dict.fromkeys(needed, 0)))
    return found


def advance(trainer: Trainer) -> None:
    before = trainer.step
    while trainer.step == before:
        trainer.seconds = 0.0  # nothing comes due beside the steps
        trainer.advance()


@pytest.mark.parametrize("template", ["char-lstm", "char-gpt"])
def test_a_run_that_is_looked_into_ends_with_the_same_bits(template: str, tmp_path: Path) -> None:
    project = small(template)
    plain, text = open_trainer(project, tmp_path / "plain"), project_text(project)
    for _ in range(STEPS):
        advance(plain)
    random = torch.get_rng_state()
    torch.manual_seed(project.training.seed)
    seen = open_trainer(project, tmp_path / "seen")
    looker = Looker()
    answers: dict[type, Looked | LookFailed] = {}
    for step in range(STEPS):
        if step == STEPS // 2:
            gradients = [parameter.grad for parameter in seen.model.parameters()]
            for number, question in enumerate(questions()):
                view = type(question).__name__
                looker.wish(LookAt(number, view, question, text, "", str(tmp_path / "seen")))
                while looker.busy:
                    told = looker.advance(seen)
                    if told is not None:
                        answers[type(question)] = told
            after = [parameter.grad for parameter in seen.model.parameters()]
            assert all(a is b for a, b in zip(gradients, after, strict=True))
        advance(seen)
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, seen.model.state_dict()[name]), name
    assert torch.equal(random, torch.get_rng_state())
    refused = [a for a in answers.values() if isinstance(a, LookFailed)]
    assert len(answers) == len(ANSWERS)
    assert all(each.what and each.why for each in refused)
    assert "This cannot be shown" not in [each.what for each in refused], refused
