"""A run that was stopped goes on exactly where it stopped, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqstudio.blocks.templates import make
from seqstudio.core.errors import DataError, RunError
from seqstudio.document.project import Project, project_text
from seqstudio.engine.checkpoint import load_latest
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Event, Start
from seqstudio.records.readings import Metrics, Validation

FIXED = {"budget": "steps", "precision": "float32", "threads": 1, "batch": 4, "window": 16}


def small(template: str, tmp_path: Path, steps: int, **params: object) -> Project:
    text = tmp_path / "text.txt"
    if not text.exists():
        text.write_text("".join(chr(97 + (i * i + i // 7) % 26) for i in range(6000)))
    path = str(text) if template.startswith("char") else ""
    project = make(template, path)
    training = project.training
    for name, value in {**FIXED, "steps": steps}.items():
        training = training.with_value(name, value)
    graph = project.graph
    for block in list(graph):
        for name in {"hidden", "width"} & set(block.params):
            graph = graph.with_block(block.with_param(name, 24))
    for block in list(graph):
        for name, value in params.items():
            if name in block.params:
                graph = graph.with_block(graph.blocks[block.id].with_param(name, value))  # type: ignore[arg-type]
    return replace(project, training=training, graph=graph)


def run(project: Project, folder: Path, until: int, resume: bool = False) -> dict[int, float]:
    """Train until a step, write a checkpoint, return the loss of every step."""
    losses: dict[int, float] = {}

    def listen(event: Event) -> None:
        if isinstance(event, Metrics):
            losses.update(zip(event.steps.tolist(), event.loss.tolist(), strict=True))

    start = Start("r", project_text(project), "", str(folder), "cpu", resume=resume)
    trainer = Trainer.open(start, listen)
    while trainer.step < until and trainer.advance():
        pass
    trainer.checkpoint()
    return losses


@pytest.mark.parametrize(
    ("template", "params"),
    [
        ("char-lstm", {"share": 0.3}),
        ("char-lstm", {"layers": 2, "dropout": 0.2}),
        ("char-gru", {}),
        ("char-rnn", {}),
        ("char-gpt", {"layers": 1, "heads": 4, "dropout": 0.1}),
        ("adding-lstm", {}),
    ],
)
def test_continuing_equals_going_on(
    template: str, params: dict[str, object], tmp_path: Path
) -> None:
    project = small(template, tmp_path, 30, **params)
    straight = run(project, tmp_path / "straight", 30)
    first = run(project, tmp_path / "broken", 13)
    second = run(project, tmp_path / "broken", 30, resume=True)
    assert max(first) == 13
    assert min(second) == 14
    assert {**first, **second} == straight
    one, two = (load_latest(tmp_path / name) for name in ("straight", "broken"))
    assert one.tensors.keys() == two.tensors.keys()
    for name, value in one.tensors.items():
        assert np.array_equal(value.numpy(), two.tensors[name].numpy()), name


def test_another_graph_is_refused(tmp_path: Path) -> None:
    project = small("char-lstm", tmp_path, 5)
    run(project, tmp_path / "run", 5)
    wider = small("char-lstm", tmp_path, 5, hidden=32)
    with pytest.raises(RunError, match="graph has changed"):
        run(wider, tmp_path / "run", 5, resume=True)


def test_changed_data_are_refused(tmp_path: Path) -> None:
    project = small("char-lstm", tmp_path, 5)
    run(project, tmp_path / "run", 5)
    (tmp_path / "text.txt").write_text("something else entirely, " * 200)
    with pytest.raises(DataError, match="data have changed"):
        run(project, tmp_path / "run", 5, resume=True)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    project = small("char-lstm", tmp_path, 20)
    run(project, tmp_path / "run", 5)
    run(project, tmp_path / "run", 9, resume=True)
    newest = tmp_path / "run" / "checkpoints" / "step-000000009.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    assert load_latest(tmp_path / "run").step == 5


def test_an_exploding_run_keeps_its_last_good_weights(tmp_path: Path) -> None:
    project = small("char-lstm", tmp_path, 400)
    training = project.training.with_value("learning_rate", 10.0).with_value("clip", 0.0)
    training = training.with_value("optimizer", "sgd").with_value("schedule", "constant")
    project = replace(project, training=training.with_value("warmup", 0))
    graph = project.graph
    rnn = make("char-rnn").graph.blocks["rnn"]
    params = {**rnn.params, "nonlinearity": "relu", "hidden": 64, "init": "scaled", "radius": 3.0}
    blocks = {**graph.blocks, "lstm": replace(rnn, id="lstm", params=params)}
    project = replace(project, graph=replace(graph, blocks=blocks))
    with pytest.raises(RunError, match="not finite") as failure:
        run(project, tmp_path / "run", 400)
    assert "Lower the learning rate" in failure.value.hint


def test_the_end_of_a_run_measures_everything_held_out(tmp_path: Path) -> None:
    project = small("char-lstm", tmp_path, 12)
    found: list[Validation] = []

    def listen(event: Event) -> None:
        if isinstance(event, Validation):
            found.append(event)

    start = Start("r", project_text(project), "", str(tmp_path / "run"), "cpu")
    trainer = Trainer.open(start, listen)
    while trainer.advance():
        pass
    trainer.finish()
    complete = [each for each in found if each.complete]
    assert complete[-1].count >= 590  # 600 held out, less one for each row read side by side
    assert sum(each.best for each in complete) >= 1
    assert (tmp_path / "run" / "checkpoints" / "best.safetensors").exists()
