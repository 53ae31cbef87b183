"""The trainer process: how it dies, and that nobody but its run is harmed."""

import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from seqstudio.records.messages import (
    Checkpoint,
    Pause,
    Ready,
    Saved,
    StateChanged,
    Stop,
)
from seqstudio.records.readings import Metrics
from seqstudio.runtime import supervisor
from seqstudio.runtime.archive import list_runs, open_run
from seqstudio.runtime.supervisor import ProcessRunner

Desk = Any  # of conftest.py

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")

PROGRAM = """
import sys, time
from seqstudio.records.messages import Start
from seqstudio.records.readings import Metrics
from seqstudio.runtime.supervisor import ProcessRunner

if __name__ == "__main__":
    runner = ProcessRunner(standby=False)
    runner.start(Start("rnn-1", sys.argv[1], "", sys.argv[2]))
    while not any(isinstance(each.event, Metrics) for each in runner.drain()):
        time.sleep(0.01)
    print(runner.pids[0], flush=True)
    ENDING
"""


def ended(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for(seen: Any, what: str) -> None:
    end = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def owner(desk: Desk, tmp_path: pathlib.Path, ending: str) -> tuple[subprocess.Popen[str], int]:
    """Start another program that owns a runner; return it with the trainer's process id."""
    script = tmp_path / "owner.py"
    script.write_text(PROGRAM.replace("ENDING", ending))
    command = [sys.executable, str(script), desk.tiny(), str(tmp_path / "runs" / "rnn-1")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    return child, int(child.stdout.readline())


@posix_only
def test_a_killed_trainer_is_noticed_and_the_run_resumes(process_desk: Desk) -> None:
    desk = process_desk
    desk.start()
    desk.until_event(Metrics, 3)
    desk.send(Checkpoint())
    desk.until(lambda: [each for each in desk.seen(Saved) if not each.best] != [], "a checkpoint")
    saved = desk.runner.saved_step
    desk.until(lambda: len(desk.steps()) > saved + 20, "steps beyond the checkpoint")
    (pid,) = desk.runner.pids
    os.kill(pid, signal.SIGKILL)
    desk.until_state("failed")
    (failed,) = desk.failed()
    assert failed.fatal
    assert "unexpectedly" in failed.what
    assert "SIGKILL" in failed.why
    assert f"step {saved}" in failed.hint
    assert [(run.state, run.live) for run in list_runs(desk.folder)] == [("interrupted", False)]
    desk.start(resume=True)
    desk.until_event(Metrics, 3)
    assert desk.steps()[0] == saved + 1
    assert desk.runner.pids != [pid]
    desk.send(Stop())
    stopped = desk.until_state("stopped")
    record = open_run(desk.folder / "rnn-1")
    assert record.curves.steps.tolist() == list(range(1, stopped.step + 1))


@posix_only
def test_a_trainer_killed_before_its_first_checkpoint_says_so(process_desk: Desk) -> None:
    process_desk.start(paused=True)
    process_desk.until_state("paused")
    os.kill(process_desk.runner.pids[0], signal.SIGKILL)
    process_desk.until_state("failed")
    assert "no checkpoint yet" in process_desk.failed()[0].hint


@posix_only
def test_a_trainer_killed_while_torch_loads_is_noticed(process_desk: Desk) -> None:
    process_desk.start()
    process_desk.until(lambda: process_desk.runner.pids != [], "a process")
    os.kill(process_desk.runner.pids[0], signal.SIGKILL)
    process_desk.until_state("failed")
    assert "did not start" in process_desk.failed()[0].what
    process_desk.start("rnn-2", project=process_desk.tiny(steps=5))
    process_desk.until_state("finished")


@posix_only
def test_ctrl_c_in_the_terminal_does_not_reach_the_trainer(process_desk: Desk) -> None:
    process_desk.runner.warm_up()
    process_desk.until(lambda: process_desk.runner.pids != [], "a process")
    (pid,) = process_desk.runner.pids
    os.kill(pid, signal.SIGINT)  # it may still be starting Python
    process_desk.start()
    process_desk.until_event(Metrics, 2)
    os.kill(pid, signal.SIGINT)
    before = len(process_desk.steps())
    process_desk.until(lambda: len(process_desk.steps()) > before + 50, "more steps")
    assert process_desk.runner.pids == [pid]


@posix_only
def test_a_terminated_trainer_saves_first(process_desk: Desk) -> None:
    process_desk.start()
    process_desk.until_event(Metrics, 2)
    (pid,) = process_desk.runner.pids
    os.kill(pid, signal.SIGTERM)
    stopped = process_desk.until_state("stopped")
    assert process_desk.runner.saved_step == stopped.step
    wait_for(lambda: ended(pid), "the end of the trainer")
    process_desk.start(resume=True, paused=True)
    assert process_desk.until_state("paused").step == stopped.step


@posix_only
def test_a_trainer_that_does_not_answer_is_ended(
    process_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    process_desk.start()
    process_desk.until_event(Metrics, 2)
    (pid,) = process_desk.runner.pids
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(supervisor, "TERMINATE_S", 0.2)
    monkeypatch.setattr(supervisor, "KILL_S", 0.4)
    process_desk.send(Stop())
    stopped = process_desk.until_state("stopped")
    assert "did not answer" in stopped.detail
    assert ended(pid)
    assert process_desk.failed() == []


@posix_only
def test_a_trainer_whose_window_died_saves_and_ends(
    process_desk: Desk, tmp_path: pathlib.Path
) -> None:
    child, pid = owner(process_desk, tmp_path, "time.sleep(600)")
    assert not ended(pid)
    child.kill()
    child.communicate()
    wait_for(lambda: ended(pid), "the end of the trainer")
    (run,) = list_runs(tmp_path / "runs")
    assert (run.state, run.live) == ("stopped", False)
    record = open_run(run.folder)
    assert record.saved is not None
    assert record.saved.step == record.step == record.curves.steps[-1]


@posix_only
@pytest.mark.parametrize("ending", ["pass", "runner.close(0)"])
def test_a_program_that_does_not_close_its_runner_ends(
    process_desk: Desk, tmp_path: pathlib.Path, ending: str
) -> None:
    child, pid = owner(process_desk, tmp_path, ending)
    child.communicate(timeout=60)
    assert child.returncode == 0
    assert ended(pid)
    assert [run.state for run in list_runs(tmp_path / "runs")] == ["stopped"]


@posix_only
def test_a_standby_takes_over(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, desk_of: Any
) -> None:
    monkeypatch.setattr(supervisor, "STANDBY_DELAY_S", 0.0)
    desk = desk_of(ProcessRunner(standby=True), tmp_path)
    desk.start()
    desk.until(lambda: len(desk.runner.pids) == 2 and len(desk.seen(Ready)) == 2, "a standby")
    active, standby = desk.runner.pids
    os.kill(active, signal.SIGKILL)
    desk.until_state("failed")
    desk.start("rnn-2", project=desk.tiny(steps=5))
    desk.until_state("finished")
    assert desk.runner.pids[0] == standby
    assert desk.runner.close(60)
    assert ended(standby)


def test_closing_saves_and_the_last_words_arrive(process_desk: Desk) -> None:
    process_desk.start()
    process_desk.until_event(Metrics, 2)
    (pid,) = process_desk.runner.pids
    assert process_desk.runner.close(60)
    process_desk.look()
    stopped = process_desk.seen(StateChanged)[-1]
    assert stopped.state == "stopped"
    assert process_desk.runner.saved_step == stopped.step
    assert process_desk.steps() == list(range(1, stopped.step + 1))
    assert ended(pid)
    assert not process_desk.runner.alive
    process_desk.send(Pause())  # too late, and harmless
    assert process_desk.runner.close(0)


def test_a_runner_that_was_never_used_closes() -> None:
    assert ProcessRunner().close(0)


def test_a_warm_trainer_that_is_not_needed_ends(process_desk: Desk) -> None:
    process_desk.runner.warm_up()
    process_desk.until(lambda: process_desk.runner.pids != [], "a process")
    (pid,) = process_desk.runner.pids
    assert process_desk.runner.close(60)
    assert ended(pid)
    assert process_desk.failed() == []


def test_a_trainer_that_cannot_load_says_why(
    process_desk: Desk, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "path" / "torch"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('no torch here')\n")
    monkeypatch.setattr(sys, "path", [str(broken.parent), *sys.path])  # a new process gets it
    process_desk.start()
    process_desk.until_state("failed")
    (failed,) = process_desk.failed()
    assert "no torch here" in failed.why
    assert "Traceback" in failed.trace


def test_no_process_at_all_is_said(process_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(supervisor, "_Trainer", refuse)
    process_desk.start()
    process_desk.until_state("failed")
    assert "did not start" in process_desk.failed()[0].what
    assert "thread engine" in process_desk.failed()[0].hint


def test_driving_a_trainer_loads_no_torch() -> None:
    program = """
import sys
import seqstudio.runtime.archive, seqstudio.runtime.runner, seqstudio.runtime.supervisor
unwanted = ("torch", "seqstudio.engine", "PySide6")
sys.exit(", ".join(name for name in unwanted if name in sys.modules) or 0)
"""
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (child.returncode, child.stderr) == (0, "")


def test_free_memory_is_told() -> None:
    assert 10_000_000 < supervisor.free_memory() < 10**15
