"""Models small enough to train in a second, for tests that need a real run; no Qt in here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seqstudio.blocks.templates import make
from seqstudio.document.project import Project, project_text
from seqstudio.records.messages import StateChanged
from seqstudio.runtime.history import RunHistory

WORDS = "the cat sat on the mat, and the dog sat on the log.\n" * 80


def small_project(template: str, text: Path, steps: int) -> Project:
    """A template made small enough to train in a second."""
    plain = make(template, str(text) if template.startswith("char") else "")
    small = {"hidden": 24, "layers": 1, "heads": 2}
    blocks = {
        block.id: replace(block, params={**block.params, **{k: v for k, v in small.items()
                                                           if k in block.params}})
        for block in plain.graph
        if template.startswith("char")
    }  # fmt: skip
    graph = replace(plain.graph, blocks={**plain.graph.blocks, **blocks})
    training = replace(
        plain.training, budget="steps", steps=steps, threads=1, precision="float32", clip=0.25
    )
    if template.startswith("char"):
        training = replace(training, batch=4, window=32)
    return replace(plain, graph=graph, training=training)


def recorded(project: Project, run: str) -> RunHistory:
    """Train a project to its end in this thread and return what it said."""
    from seqstudio.engine.trainer import Start, Trainer

    history = RunHistory(run)
    told: list[object] = []
    trainer = Trainer.open(Start(run, project_text(project), "", ""), told.append)
    told.append(StateChanged("running", 0, trainer.detail))
    while trainer.advance():
        pass
    trainer.finish()
    trainer.flush()
    told.append(StateChanged("finished", trainer.step, trainer.detail))
    history.extend(told)  # type: ignore[arg-type]
    return history
