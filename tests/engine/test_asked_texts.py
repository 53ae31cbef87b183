"""Texts that somebody asked for come first, and one that waits holds nothing up."""

from __future__ import annotations

from dataclasses import replace

from seqstudio.blocks.templates import make
from seqstudio.document.project import project_text
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Constraints, Start, Steer, Write
from seqstudio.records.readings import Sample

PROMPT = "X:1\nT:Test\nM:2/4\nL:1/8\nK:G Major\nGABd|"
WISH = Constraints("G major", "2/4", 60, 84)


def trainer_of(told: list[object]) -> Trainer:
    project = make("abc-lstm")
    blocks = {
        block.id: replace(block, params={**block.params, "hidden": 16})
        if "hidden" in block.params
        else block
        for block in project.graph
    }
    training = replace(
        project.training, budget="steps", steps=500, threads=1, precision="float32", batch=2,
        window=8,
    )  # fmt: skip
    graph = replace(project.graph, blocks=blocks)
    project = replace(project, graph=graph, training=training)
    start = Start("run", project_text(project), "", "", "cpu", probes=False)
    return Trainer.open(start, told.append)


def samples(told: list[object], request: int) -> list[Sample]:
    return [each for each in told if isinstance(each, Sample) and each.request == request]


def test_a_text_waits_for_its_next_bar_while_training_goes_on() -> None:
    told: list[object] = []
    trainer = trainer_of(told)
    trainer.write(Write(7, PROMPT, 900, 1.0, 0, 1.0, 0, WISH, ahead=1))
    trainer.write(Write(8, PROMPT, 5, 1.0, 0, 1.0, 0))
    while not (samples(told, 8) and samples(told, 8)[-1].done):
        assert trainer.step == 0  # asked for: before the first step
        trainer.advance()
    waiting = samples(told, 7)[-1]
    assert not waiting.done
    assert waiting.text.endswith(("|", "::"))
    before = trainer.step
    while trainer.step < before + 3:
        trainer.advance()
    assert samples(told, 7)[-1] is waiting
    trainer.steer(Steer(7, 1.0, 0, 1.0, WISH, ahead=2))
    while trainer.idle():
        pass
    further = samples(told, 7)[-1]
    assert further.text.startswith(waiting.text)
    assert len(further.text) > len(waiting.text)
    trainer.steer(Steer(7, 1.0, 0, 1.0, WISH, stop=True))
    while trainer.idle():
        pass
    assert samples(told, 7)[-1].done
    assert samples(told, 7)[-1].text == further.text
    trainer.steer(Steer(7, 1.0, 0, 1.0, WISH))  # too late: nothing happens
    assert not trainer.idle()
