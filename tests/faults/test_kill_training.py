"""Kill −9 while a model trains: no run is lost, and every one resumes from its checkpoint."""

import dataclasses
import os
import pathlib
import random
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from seqstudio.blocks.templates import make
from seqstudio.document.project import project_text
from seqstudio.records.messages import Checkpoint, Event, Start
from seqstudio.records.readings import Metrics
from seqstudio.runtime.archive import list_runs, open_run
from seqstudio.runtime.supervisor import ProcessRunner

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")

PATIENCE_S = 60.0
SEED = 3
SMALL = {"recall-lstm": {"batch": 4}, "adding-rnn": {"batch": 4}, "hello-rnn": {}, "char-gpt": {}}


def small(template: str, tmp_path: pathlib.Path) -> str:
    """Return a project of a template's kind that makes a step in milliseconds."""
    project = make(template)
    training = {**project.training.as_dict(), "budget": "steps", "steps": 10**8, "threads": 1}
    training |= {"precision": "float32", **SMALL[template]}
    data = project.data
    if data.kind == "text":
        path = tmp_path / "text.txt"
        path.write_text("the quick brown fox jumps over the lazy dog. " * 200)
        data = data.with_value("path", str(path))
        training |= {"batch": 2, "window": 16}
    settings = type(project.training).parse(training)
    return project_text(dataclasses.replace(project, training=settings, data=data))


@pytest.fixture
def runner() -> Iterator[ProcessRunner]:
    runner = ProcessRunner(standby=False)
    yield runner
    assert runner.close(PATIENCE_S)


def wait_for(runner: ProcessRunner, seen: Callable[[list[Event]], bool], what: str) -> list[Event]:
    end, events = time.monotonic() + PATIENCE_S, list[Event]()
    while not seen(events):
        assert time.monotonic() < end, f"{what}; {events[-3:]}"
        time.sleep(0.005)
        events += [each.event for each in runner.drain()]
    return events


def steps(events: list[Event]) -> list[int]:
    return [int(each) for event in events if isinstance(event, Metrics) for each in event.steps]


def kill_and_resume(runner: ProcessRunner, start: Start, chance: random.Random) -> None:
    """Kill a running trainer at a random moment of a loop of checkpoints, then resume."""
    wait_for(runner, lambda _: runner.state == "running", "a run")
    for _ in range(chance.randint(2, 12)):
        runner.send(Checkpoint())
        time.sleep(chance.uniform(0.0, 0.03))
    wait_for(runner, lambda _: runner.saved_step is not None, "a checkpoint")
    os.kill(runner.pids[0], signal.SIGKILL)
    wait_for(runner, lambda _: runner.state == "failed", "the end")
    acknowledged = runner.saved_step
    assert acknowledged is not None
    runner.start(dataclasses.replace(start, resume=True))
    events = wait_for(runner, lambda _: runner.state in {"running", "failed"}, "resuming")
    assert runner.state == "running", events
    began = runner.step
    assert began >= acknowledged
    events += wait_for(runner, lambda new: steps(events + new) != [], "a step")
    assert steps(events)[0] == began + 1


def hold(runner: ProcessRunner, template: str, tmp_path: pathlib.Path, kills: int) -> None:
    start = Start("run", small(template, tmp_path), "", str(tmp_path / "runs" / "run"))
    chance = random.Random(SEED)
    runner.start(start)
    for _ in range(kills):
        kill_and_resume(runner, start, chance)
    assert runner.close(PATIENCE_S)
    (run,) = list_runs(tmp_path / "runs")
    record = open_run(run.folder)
    assert run.state == "stopped"
    assert record.curves.steps.tolist() == list(range(1, record.step + 1))


@pytest.mark.parametrize("template", ["recall-lstm", "char-gpt"])
def test_a_run_survives_a_kill(
    runner: ProcessRunner, template: str, tmp_path: pathlib.Path
) -> None:
    hold(runner, template, tmp_path, kills=1)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("template", SMALL)
def test_a_run_survives_many_kills(
    runner: ProcessRunner, template: str, tmp_path: pathlib.Path
) -> None:
    hold(runner, template, tmp_path, kills=50)
