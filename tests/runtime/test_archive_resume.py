"""Runs go on exactly, whatever the model, the optimizer and the step; other data are refused."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqstudio.blocks.templates import make
from seqstudio.core.errors import DataError
from seqstudio.document.graph import Graph
from seqstudio.document.project import Project, project_text
from seqstudio.engine import checkpoint as checkpoints
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Event, Start, Write
from seqstudio.records.readings import Metrics, Sample

SEED = 9
STEPS = 34
FIXED = {"budget": "steps", "precision": "float32", "threads": 1, "batch": 4, "window": 16}
MODELS = ("char-lstm", "char-gru", "char-rnn", "char-gpt", "adding-lstm", "recall-lstm")
OPTIMIZERS = ("adamw", "sgd", "rmsprop")
SCHEDULES = ("cosine", "constant")


def write_text(path: Path, salt: int = 0) -> Path:
    path.write_text("".join(chr(97 + (i * i + i // 7 + salt) % 26) for i in range(3000)))
    return path


def smaller(graph: Graph, share: float) -> Graph:
    """Return a graph with narrow layers, and dropout wherever a block has it."""
    for block in list(graph):
        for name, value in (("hidden", 16), ("width", 16), ("layers", 2), ("heads", 2),
                            ("share", share), ("dropout", share)):  # fmt: skip
            if name in block.params:
                block = block.with_param(name, value)
        graph = graph.with_block(block)
    return graph


def small(template: str, folder: Path, share: float, optimizer: str, schedule: str) -> Project:
    text = folder / "text.txt"
    project = make(template, str(text) if template.startswith("char") else "")
    wanted = {**FIXED, "steps": STEPS, "optimizer": optimizer, "schedule": schedule}
    settings = project.training
    for name, value in wanted.items():
        settings = settings.with_value(name, value)
    sampling = project.sampling.with_value("length", 5)
    return replace(project, graph=smaller(project.graph, share), training=settings,
                   sampling=sampling)  # fmt: skip


def train(project: Project, folder: Path, stops: list[int], *, writes: bool) -> list[Event]:
    """Train, break off without a word after a checkpoint at each stop, go on; return all said."""
    told: list[Event] = []
    for number, stop in enumerate([*stops, STEPS]):
        start = Start("r", project_text(project), "", str(folder), "cpu", resume=number > 0)
        trainer = Trainer.open(start, told.append)
        while trainer.step < stop and trainer.advance():
            pass
        trainer.checkpoint()
    if writes:
        trainer.write(Write(7, "a", 200, 0.8, 0, 1.0, 3))
        while not any(isinstance(each, Sample) and each.done and each.request == 7
                      for each in told):  # fmt: skip
            trainer.idle()
    return told


def losses(told: list[Event]) -> dict[int, float]:
    return {
        step: loss
        for each in told
        if isinstance(each, Metrics)
        for step, loss in zip(each.steps.tolist(), each.loss.tolist(), strict=True)
    }


def written(told: list[Event]) -> str:
    samples = [each for each in told if isinstance(each, Sample) and each.request == 7]
    return samples[-1].text if samples else ""


def hold(project: Project, folder: Path, stops: list[int]) -> None:
    """Assert that a run with stops equals one without, in every bit and every written token."""
    writes = bool(project.data.kind == "text")
    straight = train(project, folder / "straight", [], writes=writes)
    broken = train(project, folder / "broken", stops, writes=writes)
    assert losses(broken) == losses(straight)
    assert written(broken) == written(straight)
    assert len(written(straight)) == 200 * writes
    one, two = (checkpoints.load_latest(folder / name) for name in ("straight", "broken"))
    assert one.tensors.keys() == two.tensors.keys()
    for name, value in one.tensors.items():
        assert np.array_equal(value.numpy(), two.tensors[name].numpy()), name
    for name in ("step", "tokens", "data", "optimizer"):
        assert one.meta[name] == two.meta[name], name


def random_stops(chance: random.Random, count: int) -> list[int]:
    return sorted(chance.sample(range(1, STEPS), count))


@pytest.mark.parametrize("template", ["char-lstm", "char-gpt"])
def test_a_run_broken_off_at_random_steps_is_the_same_run(template: str, tmp_path: Path) -> None:
    write_text(tmp_path / "text.txt")
    project = small(template, tmp_path, 0.2, "sgd", "cosine")
    hold(project, tmp_path, random_stops(random.Random(SEED), 3))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("template", MODELS)
def test_every_model_optimizer_and_schedule_goes_on_exactly(template: str, tmp_path: Path) -> None:
    write_text(tmp_path / "text.txt")
    chance = random.Random(SEED)
    for share in (0.0, 0.3):
        for optimizer in OPTIMIZERS:
            for schedule in SCHEDULES:
                project = small(template, tmp_path, share, optimizer, schedule)
                hold(project, tmp_path, random_stops(chance, 20))
                shutil.rmtree(tmp_path / "straight")
                shutil.rmtree(tmp_path / "broken")


# ------------------------------------------------------------------------------ changed data


def refused(project: Project, folder: Path) -> bool:
    """Tell whether going on is refused in words, with the checkpoint left as it is."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    start = Start("r", project_text(project), "", str(folder), "cpu", resume=True)
    try:
        Trainer.open(start, lambda _: None)
    except DataError as error:
        return (
            "data have changed" in error.what
            and {path: path.read_bytes() for path in before} == before
        )
    return False


def changed(text: str, chance: random.Random) -> str:
    """Return a text that differs in one place, or in its length."""
    place = chance.randrange(len(text))
    kind = chance.choice(("replace", "insert", "drop", "swap", "append"))
    if kind == "replace":
        other = chr(97 + (ord(text[place]) - 97 + 1) % 26)
        return text[:place] + other + text[place + 1 :]
    if kind == "insert":
        return text[:place] + "q" + text[place:]
    if kind == "drop":
        return text[:place] + text[place + 1 :]
    if kind == "swap":
        half = len(text) // 2
        return text[half:] + text[:half]
    return text + "z"


def keep_one(tmp_path: Path) -> tuple[Project, Path]:
    text = write_text(tmp_path / "text.txt")
    project = small("char-rnn", tmp_path, 0.0, "adamw", "constant")
    trainer = Trainer.open(
        Start("r", project_text(project), "", str(tmp_path / "run"), "cpu"), lambda _: None
    )
    while trainer.step < 2:
        trainer.advance()
    trainer.checkpoint()
    return project, text


def hold_changes(tmp_path: Path, count: int) -> None:
    project, text = keep_one(tmp_path)
    was, chance = text.read_text(), random.Random(SEED)
    for _ in range(count):
        text.write_text(changed(was, chance))
        assert refused(project, tmp_path / "run")
    text.write_text(was)
    assert not refused(project, tmp_path / "run"), "the old data are taken again"


def test_changed_data_are_refused(tmp_path: Path) -> None:
    hold_changes(tmp_path, 5)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_any_change_of_the_data_is_refused(tmp_path: Path) -> None:
    hold_changes(tmp_path, 300)


def test_another_share_held_out_is_other_data(tmp_path: Path) -> None:
    project, _ = keep_one(tmp_path)
    data = project.data.with_value("held_out", 0.3)
    assert refused(replace(project, data=data), tmp_path / "run")
