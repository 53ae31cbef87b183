"""Forking: a run that leaves another one repeats it exactly, then goes its own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from seqstudio.blocks.templates import make
from seqstudio.core.errors import RunError
from seqstudio.document.project import Project, load_project, project_text
from seqstudio.engine import checkpoint as checkpoints
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Envelope, Event, Failed, Start, StateChanged
from seqstudio.records.readings import Metrics
from seqstudio.runtime import forking
from seqstudio.runtime.archive import list_runs, open_run
from seqstudio.runtime.forking import (
    checkpoint_steps,
    fork_run,
    forked_from,
    load_fork,
    project_at,
)
from seqstudio.runtime.store import RunStore
from seqstudio.runtime.worker import train_here

FIXED = {"budget": "steps", "precision": "float32", "threads": 1, "batch": 4, "window": 16}


def small(template: str, folder: Path, steps: int = 40, **training: object) -> Project:
    """Return a project that makes a step in a millisecond."""
    text = folder / "text.txt"
    if not text.exists():
        text.write_text("".join(chr(97 + (i * i + i // 7) % 26) for i in range(6000)))
    project = make(template, str(text) if template.startswith("char") else "")
    settings = project.training
    for name, value in {**FIXED, "steps": steps, **training}.items():
        settings = settings.with_value(name, value)
    graph = project.graph
    for block in list(graph):
        for name in {"hidden", "width"} & set(block.params):
            graph = graph.with_block(block.with_param(name, 24))
    sampling = project.sampling.with_value("length", 8)
    return replace(project, training=settings, graph=graph, sampling=sampling)


def with_share(project: Project, value: float) -> Project:
    block = next(each for each in project.graph if "share" in each.params)
    return project.with_graph(project.graph.with_block(block.with_param("share", value)))


def recorded(
    project: Project,
    folder: Path,
    saves: tuple[int, ...],
    live: Mapping[int, tuple[str, float]] = MappingProxyType({}),
    until: int = 1000,
) -> None:
    """Train a project to its end, or a step, with checkpoints at given steps, and record it."""
    store = RunStore.create(folder, project_text(project))
    start = Start(folder.name, project_text(project), "", str(folder), "cpu", probes=False)
    trainer = Trainer.open(start, store.append)
    store.append(StateChanged("running", 0, "cpu"))
    seen = set[int]()
    while trainer.step < until:
        if trainer.step in live and trainer.step not in seen:
            trainer.flush()
            trainer.set_live(*live[trainer.step])
        if trainer.step in saves and trainer.step not in seen:
            trainer.checkpoint()
        seen.add(trainer.step)
        if not trainer.advance():
            break
    if trainer.step < until:
        trainer.finish()
    trainer.flush()
    store.append(StateChanged("finished", trainer.step, "cpu"))
    store.close()


def go_on(folder: Path, until: int = 1000) -> list[Event]:
    """Train a fork to its end or a step, at least; return what it said."""
    told: list[Envelope] = []

    def reached() -> bool:
        return any(
            isinstance(each.event, Metrics) and each.event.steps[-1] >= until for each in told
        )

    text = (folder / "project.seq").read_text("utf-8")
    start = Start(folder.name, text, "", str(folder), "cpu", resume=True, probes=False)
    state = train_here(start, told.append, reached)
    events = [each.event for each in told]
    assert state in {"finished", "stopped"}, [each for each in events if isinstance(each, Failed)]
    return events


def first_step(events: list[Event]) -> int:
    return next(int(each.steps[0]) for each in events if isinstance(each, Metrics))


def same_end(one: Path, two: Path) -> None:
    """Assert that two runs ended with equal tensors and recorded equal losses, bit for bit."""
    left, right = (checkpoints.load_latest(each) for each in (one, two))
    assert left.step == right.step
    assert left.tensors.keys() == right.tensors.keys()
    for name, value in left.tensors.items():
        assert np.array_equal(value.numpy(), right.tensors[name].numpy()), name
    mine, theirs = (open_run(each, readings=False).curves for each in (one, two))
    for column in ("steps", "loss", "grad_norm", "rate", "clip", "tokens"):
        assert np.array_equal(getattr(mine, column), getattr(theirs, column)), column


@pytest.mark.parametrize(
    ("template", "step", "begin"),
    [("char-lstm", 23, 15), ("char-gpt", 15, 15), ("char-gru", 9, 0), ("adding-lstm", 40, 40)],
)
def test_a_fork_without_a_change_is_the_run_itself(
    tmp_path: Path, template: str, step: int, begin: int
) -> None:
    project = with_share(small(template, tmp_path), 0.2) if "lstm" in template and (
        template.startswith("char")) else small(template, tmp_path)  # fmt: skip
    recorded(project, tmp_path / "one", (15, 30))
    point = fork_run(tmp_path / "one", step, tmp_path / "two")
    assert (point.begin, point.step) == (begin, step)
    events = go_on(tmp_path / "two")
    if begin < 40:
        assert first_step(events) == begin + 1
    assert not any(isinstance(each, Failed) for each in events)
    same_end(tmp_path / "one", tmp_path / "two")


def test_live_changes_of_the_shared_steps_are_repeated(tmp_path: Path) -> None:
    live = {12: ("learning_rate", 1e-3), 18: ("clip", 0.1), 33: ("learning_rate", 9e-3)}
    recorded(small("char-rnn", tmp_path), tmp_path / "one", (10, 15), live)
    point = fork_run(tmp_path / "one", 25, tmp_path / "two")
    assert [each.step for each in point.live] == [18]
    assert load_project(tmp_path / "two" / "project.seq").training.learning_rate == 1e-3
    events = go_on(tmp_path / "two")
    assert not any(isinstance(each, Failed) for each in events)
    one, two = (open_run(tmp_path / each).curves for each in ("one", "two"))
    assert np.array_equal(one.loss[:33], two.loss[:33])
    assert two.clip[-1] == 0.1
    assert one.rate[34] != two.rate[34], "the change after the fork is not the fork's"
    told = [(each.step, each.name) for each in open_run(tmp_path / "two").live]
    assert told == [(12, "learning_rate"), (18, "clip")]


def test_a_budget_of_minutes_is_repeated_at_the_recorded_rates(tmp_path: Path) -> None:
    project = small("char-lstm", tmp_path, budget="minutes", minutes=0.05)
    recorded(project, tmp_path / "one", (5, 10), until=60)
    step = 10 + 30
    fork_run(tmp_path / "one", step, tmp_path / "two")
    events = go_on(tmp_path / "two", step)
    assert not any(isinstance(each, Failed) for each in events)
    one, two = (open_run(tmp_path / each).curves for each in ("one", "two"))
    assert np.array_equal(one.loss[:step], two.loss[:step])
    assert np.array_equal(one.rate[:step], two.rate[:step])
    assert one.rate[0] < one.rate[step - 1]
    assert checkpoints.load_latest(tmp_path / "two").meta["seconds"] >= one.seconds[step - 1]


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"learning_rate": 1e-4}, True),
        ({"weight_decay": 0.5}, True),
        ({"optimizer": "sgd"}, True),
        ({"batch": 6}, False),
    ],
)
def test_one_training_setting_is_other_from_the_fork_on(
    tmp_path: Path, change: dict[str, object], kept: bool
) -> None:
    recorded(small("char-gru", tmp_path, steps=30), tmp_path / "one", (10,))
    new = project_at(tmp_path / "one", 14)
    for name, value in change.items():
        new = replace(new, training=new.training.with_value(name, value))
    fork_run(tmp_path / "one", 14, tmp_path / "two", new)
    events = go_on(tmp_path / "two")
    assert not any(isinstance(each, Failed) for each in events)
    one, two = (open_run(tmp_path / each).curves for each in ("one", "two"))
    assert np.array_equal(one.loss[:14], two.loss[:14])
    assert not np.array_equal(one.loss[14:], two.loss[14:])
    if kept:  # how weights change is other, but this step has the same weights and batch
        assert one.loss[14] == pytest.approx(two.loss[14], rel=0.1)


def test_a_block_of_another_shape_starts_fresh_and_the_rest_is_kept(tmp_path: Path) -> None:
    project = small("char-lstm", tmp_path, steps=20)
    recorded(project, tmp_path / "one", (10,))
    block = next(each for each in project.graph if each.kind == "lstm")
    wider = project.with_graph(project.graph.with_block(block.with_param("hidden", 32)))
    fork_run(tmp_path / "one", 12, tmp_path / "two", wider)
    events = go_on(tmp_path / "two")
    (told,) = [each for each in events if isinstance(each, Failed)]
    assert told.what == "Some weights start fresh"
    assert "lstm" in told.why
    before = checkpoints.load_latest(tmp_path / "two")
    assert before.tensors["state/lstm/0/0"].shape[-1] == 32
    assert open_run(tmp_path / "two").step == 20


def test_dropout_of_a_fork_is_another_graph_with_the_same_weights(tmp_path: Path) -> None:
    project = with_share(small("char-lstm", tmp_path, steps=20), 0.0)
    recorded(project, tmp_path / "one", (10,))
    fork_run(tmp_path / "one", 10, tmp_path / "two", with_share(project, 0.5))
    assert not any(isinstance(each, Failed) for each in go_on(tmp_path / "two"))
    one, two = (open_run(tmp_path / each).curves for each in ("one", "two"))
    assert np.array_equal(one.loss[:10], two.loss[:10])
    assert one.loss[10] != two.loss[10]


def test_a_replay_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    recorded(small("char-lstm", tmp_path), tmp_path / "one", (5,))
    fork_run(tmp_path / "one", 30, tmp_path / "two")
    told: list[Envelope] = []
    text = (tmp_path / "two" / "project.seq").read_text("utf-8")
    start = Start("two", text, "", str(tmp_path / "two"), "cpu", resume=True, probes=False)
    asked = iter(range(1000))
    assert train_here(start, told.append, lambda: next(asked) >= 12) == "stopped"
    point = load_fork(tmp_path / "two")
    assert point is not None
    assert not point.done
    assert checkpoints.load_latest(tmp_path / "two").step < 30
    events = go_on(tmp_path / "two")
    assert not any(isinstance(each, Failed) for each in events)
    same_end(tmp_path / "one", tmp_path / "two")


def test_steps_that_are_not_as_recorded_are_told(tmp_path: Path) -> None:
    recorded(small("char-lstm", tmp_path), tmp_path / "one", (5,))
    fork_run(tmp_path / "one", 12, tmp_path / "two")
    point = load_fork(tmp_path / "two")
    assert point is not None
    moved = replace(point, rows=replace(point.rows, loss=point.rows.loss + 1e-9))
    forking._store(tmp_path / "two" / "fork.json", moved)
    events = go_on(tmp_path / "two")
    (told,) = [each for each in events if isinstance(each, Failed)]
    assert "not bit for bit" in told.what
    assert "1e-09" in told.why
    assert not told.fatal


def test_a_fork_says_where_it_comes_from_and_leaves_the_other_run_alone(tmp_path: Path) -> None:
    recorded(small("char-lstm", tmp_path), tmp_path / "one", (15, 30))
    before = {
        path: path.read_bytes()
        for path in (tmp_path / "one").rglob("*")
        if path.is_file() and path.suffix != ".db-shm"
    }
    fork_run(tmp_path / "one", 20, tmp_path / "two")
    go_on(tmp_path / "two")
    assert {path: path.read_bytes() for path in before} == before
    assert forked_from(tmp_path / "two") == "one at step 20"
    assert forked_from(tmp_path / "one") == ""
    assert [run.name for run in list_runs(tmp_path)] == ["two", "one"]
    assert list_runs(tmp_path)[0].state == "finished"


@pytest.mark.parametrize("step", [-1, 41])
def test_a_step_that_was_not_recorded_is_refused(tmp_path: Path, step: int) -> None:
    recorded(small("hello-rnn", tmp_path), tmp_path / "one", ())
    with pytest.raises(RunError, match="steps 0 to 40"):
        fork_run(tmp_path / "one", step, tmp_path / "two")
    assert not (tmp_path / "two").exists()


def test_a_damaged_note_is_told_and_the_other_runs_are_listed(tmp_path: Path) -> None:
    recorded(small("hello-rnn", tmp_path), tmp_path / "one", ())
    fork_run(tmp_path / "one", 20, tmp_path / "two")
    (tmp_path / "two" / "fork.json").write_text('{"parent": 1')
    with pytest.raises(RunError, match="two was forked from"):
        load_fork(tmp_path / "two")
    assert forked_from(tmp_path / "two") == ""
    assert {run.name for run in list_runs(tmp_path)} == {"one", "two"}


# ----------------------------------------------------------------------------------- the ladder


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_the_ladder_stays_even_however_long_a_run_gets(count: int) -> None:
    kept: list[int] = []
    for step in range(1, 400):
        kept = checkpoints.rungs([*kept, step], count)
        assert len(kept) == min(count, step)
    if count > 2:
        gaps = np.diff(kept)
        assert kept[0] == 1
        assert gaps.max() <= 2 * 399 / (count - 1) + 1


def test_a_run_keeps_its_ladder_and_drops_what_lies_ahead(tmp_path: Path) -> None:
    def save(step: int, **kept: int) -> None:
        name = checkpoints.free_name(tmp_path, f"step-{step:09d}")
        checkpoints.save_checkpoint(tmp_path, name, {}, {"step": step})
        checkpoints.mark_latest(tmp_path, name, **kept)

    for step in (10, 20, 30, 40, 50, 60):
        save(step, ladder=2)
    assert checkpoint_steps(tmp_path) == [10, 40, 50, 60]
    save(20, ladder=2)  # the run goes on from an older one
    assert checkpoint_steps(tmp_path) == [10, 20, 60]
    save(25, ladder=0)
    assert checkpoint_steps(tmp_path) == [20, 25]
