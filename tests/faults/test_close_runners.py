"""Start, stop and close at random times: every run ends saved, no process stays."""

import dataclasses
import os
import pathlib
import random
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from seqstudio.blocks.templates import make
from seqstudio.document.project import project_text
from seqstudio.records.messages import Failed, Pause, Resume, Start, Step, Stop
from seqstudio.runtime.archive import RunInfo, list_runs, open_run
from seqstudio.runtime.runner import Runner, ThreadRunner
from seqstudio.runtime.supervisor import ProcessRunner

PATIENCE_S = 60.0
SEED = 15
RUNNERS: dict[str, Callable[[], Runner]] = {
    "process": lambda: ProcessRunner(standby=False),
    "thread": ThreadRunner,
}


def endless() -> str:
    project = make("hello-rnn")
    return project_text(
        dataclasses.replace(project, training=project.training.with_value("steps", 10**8))
    )


def begin(runner: Runner, runs: pathlib.Path, name: str) -> None:
    runner.start(Start(name, endless(), "", str(runs / name)))


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def wait_for(seen: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not seen():
        assert time.monotonic() < end, what
        time.sleep(0.005)


def is_whole(run: RunInfo) -> bool:
    """Tell whether a run ended saved: its last step is that of its checkpoint."""
    record = open_run(run.folder)
    saved = record.saved.step if record.saved is not None else -1
    newest = int(record.curves.steps[-1]) if len(record.curves) else 0
    return run.state == "stopped" and not run.live and saved == record.step == newest


def start_and_stop(runner: Runner, runs: pathlib.Path, rounds: int) -> None:
    chance, failures = random.Random(SEED), []
    for number in range(rounds):
        begin(runner, runs, f"run-{number}")
        for _ in range(chance.randrange(4)):
            time.sleep(chance.uniform(0.0, 0.1))
            runner.send(chance.choice([Pause(), Resume(), Step(2)]))
        time.sleep(chance.choice([0.0, chance.uniform(0.0, 0.3)]))
        if chance.random() < 0.7:  # else the next start ends it
            runner.send(Stop())
            wait_for(lambda: runner.state == "stopped", f"seed {SEED}, round {number}")
        failures += [each.event for each in runner.drain() if isinstance(each.event, Failed)]
    assert runner.close(PATIENCE_S)
    assert failures == []
    runs_left = list_runs(runs)
    assert len(runs_left) == rounds
    assert [run.name for run in runs_left if not is_whole(run)] == []


def close_at_random(make_runner: Callable[[], Runner], runs: pathlib.Path, rounds: int) -> None:
    chance = random.Random(SEED)
    for number in range(rounds):
        runner = make_runner()
        begin(runner, runs, f"run-{number}")
        moment = chance.choice(["at once", "while it loads", "while it trains"])
        if moment == "while it loads":
            time.sleep(chance.uniform(0.0, 1.5))
        elif moment == "while it trains":
            wait_for(lambda: runner.state == "running", "a run")  # noqa: B023
            time.sleep(chance.uniform(0.0, 0.3))
        pids = list(getattr(runner, "pids", []))
        assert runner.close(PATIENCE_S), f"seed {SEED}, round {number}"
        assert all(map(ended, pids))
        assert not runner.alive
    assert [run.name for run in list_runs(runs) if not is_whole(run)] == []


@pytest.mark.parametrize("kind", RUNNERS)
def test_runs_start_and_stop_at_random_times(tmp_path: pathlib.Path, kind: str) -> None:
    start_and_stop(RUNNERS[kind](), tmp_path, rounds=10)


@pytest.mark.long
@pytest.mark.parametrize("kind", RUNNERS)
def test_many_runs_start_and_stop_at_random_times(tmp_path: pathlib.Path, kind: str) -> None:
    start_and_stop(RUNNERS[kind](), tmp_path, rounds=100)


@pytest.mark.parametrize(("kind", "rounds"), [("process", 4), ("thread", 6)])
def test_runners_close_at_random_times(tmp_path: pathlib.Path, kind: str, rounds: int) -> None:
    close_at_random(RUNNERS[kind], tmp_path, rounds)


@pytest.mark.long
@pytest.mark.parametrize("kind", RUNNERS)
def test_many_runners_close_at_random_times(tmp_path: pathlib.Path, kind: str) -> None:
    close_at_random(RUNNERS[kind], tmp_path, rounds=100)


@pytest.mark.parametrize("kind", ["ProcessRunner(standby=False)", "ThreadRunner()"])
def test_a_program_that_closes_while_it_trains_ends_well(
    tmp_path: pathlib.Path, kind: str
) -> None:
    script = tmp_path / "program.py"
    script.write_text(f"""
import sys, time
from seqstudio.records.messages import Start
from seqstudio.runtime.runner import ThreadRunner
from seqstudio.runtime.supervisor import ProcessRunner

if __name__ == "__main__":
    runner = {kind}
    runner.start(Start("run", sys.argv[1], "", sys.argv[2]))
    while runner.state != "running":
        time.sleep(0.01)
    sys.exit(0 if runner.close(60) else 1)
""")
    command = [sys.executable, str(script), endless(), str(tmp_path / "runs" / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert [is_whole(run) for run in list_runs(tmp_path / "runs")] == [True]
