"""The command loop without a window, and what it makes of things that go wrong in a step."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from seqstudio.records.messages import Envelope, Failed, Saved, Start, StateChanged
from seqstudio.records.readings import Metrics
from seqstudio.runtime import worker
from seqstudio.runtime.archive import open_run
from seqstudio.runtime.runner import ThreadRunner

Desk = Any  # of conftest.py


@pytest.fixture
def thread_desk(desk_of: Any, tmp_path: pathlib.Path) -> Iterator[Desk]:
    runner = ThreadRunner()
    yield desk_of(runner, tmp_path)
    assert runner.close(60)


def begin(desk_of: Any, folder: pathlib.Path, steps: int, **settings: Any) -> Start:
    return Start("rnn-1", desk_of.tiny(steps), "", str(folder / "rnn-1"), **settings)


def steps(heard: list[Envelope]) -> list[int]:
    return [int(s) for each in heard if isinstance(each.event, Metrics) for s in each.event.steps]


def states(heard: list[Envelope]) -> list[str]:
    return [each.event.state for each in heard if isinstance(each.event, StateChanged)]


def test_training_here_ends_finished(desk_of: Any, tmp_path: pathlib.Path) -> None:
    heard: list[Envelope] = []
    start = begin(desk_of, tmp_path, 40, paused=True)  # nobody could resume it
    assert worker.train_here(start, heard.append, lambda: False) == "finished"
    assert steps(heard) == list(range(1, 41))
    assert states(heard) == ["starting", "running", "finished"]
    assert open_run(tmp_path / "rnn-1").state == "finished"


def test_training_here_stops_when_asked_and_resumes(desk_of: Any, tmp_path: pathlib.Path) -> None:
    heard: list[Envelope] = []
    start = begin(desk_of, tmp_path, 60)
    assert worker.train_here(start, heard.append, lambda: len(steps(heard)) > 5) == "stopped"
    stopped = steps(heard)[-1]
    assert steps(heard) == list(range(1, stopped + 1))
    saved = [each.event for each in heard if isinstance(each.event, Saved)]
    assert saved[-1].step == stopped
    heard.clear()
    start = begin(desk_of, tmp_path, 60, resume=True)
    assert worker.train_here(start, heard.append, lambda: False) == "finished"
    assert steps(heard) == list(range(stopped + 1, 61))


def test_training_here_tells_a_failure(desk_of: Any, tmp_path: pathlib.Path) -> None:
    heard: list[Envelope] = []
    start = Start("r", "not a project", "", str(tmp_path / "r"))
    assert worker.train_here(start, heard.append, lambda: False) == "failed"
    assert [each.event.fatal for each in heard if isinstance(each.event, Failed)] == [True]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_training_here_with_a_checkpoint(
    desk_of: Any, tmp_path: pathlib.Path, number: signal.Signals
) -> None:
    program = """
import sys
from seqstudio.records.messages import Start
from seqstudio.records.readings import Metrics
from seqstudio.runtime.worker import train_here

def listen(envelope):
    if isinstance(envelope.event, Metrics):
        print("step", flush=True)

print(train_here(Start("r", sys.argv[1], "", sys.argv[2]), listen, lambda: False))
"""
    command = [sys.executable, "-c", program, desk_of.tiny(), str(tmp_path / "r")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "step\n"
    child.send_signal(number)
    said = child.communicate(timeout=60)[0]
    assert (child.returncode, said.split()[-1]) == (0, "stopped")
    record = open_run(tmp_path / "r")
    assert record.state == "stopped"
    assert record.saved is not None
    assert record.saved.step == record.step


def test_a_mistake_in_a_step_is_told_and_the_next_run_works(
    thread_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_trainer: object) -> bool:
        raise ZeroDivisionError("a mistake\nand more about it")

    thread_desk.runner.warm_up()
    with monkeypatch.context() as broken:
        broken.setattr(worker.Trainer, "_train", stumble)
        thread_desk.start()
        thread_desk.until_state("failed")
    (failed,) = thread_desk.failed()
    assert failed.fatal
    assert failed.why == "ZeroDivisionError: a mistake"
    assert "stumble" in failed.trace
    thread_desk.start("rnn-2", project=thread_desk.tiny(5))
    thread_desk.until_state("finished")


def test_a_lost_device_ends_the_trainer_and_the_next_run_gets_another(
    thread_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_trainer: object) -> bool:
        raise RuntimeError("CUDA error: device-side assert triggered")

    with monkeypatch.context() as broken:
        broken.setattr(worker.Trainer, "_train", stumble)
        thread_desk.start()
        thread_desk.until_state("failed")
        thread_desk.until(lambda: not thread_desk.runner.alive, "the end of the thread")
    thread_desk.start("rnn-2", project=thread_desk.tiny(5))
    thread_desk.until_state("finished")


def test_a_folder_that_cannot_be_written_costs_no_training(
    thread_desk: Desk, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "blocked").write_text("a file where the folder should be")
    thread_desk.folder = tmp_path / "blocked"
    thread_desk.start(project=thread_desk.tiny(30))
    thread_desk.until_state("finished")
    assert thread_desk.steps() == list(range(1, 31))
    assert [each.fatal for each in thread_desk.failed()] == [False] * len(thread_desk.failed())
    assert "Training goes on" in thread_desk.failed()[0].hint


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_a_full_disk_costs_no_training(desk_of: Any, tmp_path: pathlib.Path) -> None:
    program = """
import sys
from seqstudio.records.messages import Failed, Start
from seqstudio.runtime.worker import train_here

heard = []
state = train_here(Start("r", sys.argv[1], "", sys.argv[2]), heard.append, lambda: False)
failed = [each.event for each in heard if isinstance(each.event, Failed)]
print(state, any(each.fatal for each in failed), any("full" in each.what for each in failed))
"""
    script = """
mkdir -p "$1" && mount -t tmpfs -o size=120k none "$1" && "$2" -c "$3" "$4" "$1/r"
"""
    place = str(tmp_path / "small")
    command = [script, "sh", place, sys.executable, program, desk_of.tiny(300)]
    done = subprocess.run(["unshare", "-rm", "sh", "-c", *command], capture_output=True, text=True)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("namespaces are not allowed here")
    assert done.stdout == "finished False True\n", done.stderr


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB\nand so on"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"),
    ],
)
def test_a_lack_of_memory_suggests_a_smaller_model(error: Exception) -> None:
    failed = worker.failure(error)
    assert "memory" in failed.what
    assert "batch" in failed.hint
    assert failed.why
    assert not worker.device_is_lost(error)
