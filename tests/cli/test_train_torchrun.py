"""train under torchrun: real processes, stopped, killed, misled, and gone on with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import seqstudio
from seqstudio.cli.training import several
from seqstudio.document.project import load_project, save_project
from seqstudio.runtime.archive import open_run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals")

ROOT = str(Path(seqstudio.__file__).parents[1])
MODULE = [sys.executable, "-m", "seqstudio"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
FIXED = ("--threads", "1", "--precision", "float32")
PATIENCE_S = 120.0
GONE = "Another process of this training has ended"


def environment(**more: str) -> dict[str, str]:
    alone = {k: v for k, v in os.environ.items() if k not in {"RANK", "WORLD_SIZE"}}
    return {
        **alone,
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        "PYTHONPATH": ROOT,
        **more,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_trains(log: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while "step " not in log.read_text():
        assert time.monotonic() < end, log.read_text()
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)


@pytest.mark.long
def test_sigterm_leaves_a_checkpoint_that_one_process_goes_on_from(
    call, project: Path, tmp_path: Path
) -> None:
    found = load_project(project)  # a cosine would end with the budget, which grows here
    steady = found.training.with_value("schedule", "constant")
    save_project(replace(found, training=steady), project)
    log = tmp_path / "log"
    words = ["train", str(project), "--steps", "100000", *FIXED]
    place = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{free_port()}"]
    with log.open("wb") as told:
        process = subprocess.Popen(
            [*TORCHRUN, *place, "-m", "--", "seqstudio", *words, "--run", "two"],
            env=environment(), stdout=told, stderr=told,
        )  # fmt: skip
        wait_until_it_trains(log, process)
        process.terminate()
        process.wait(PATIENCE_S)
    two = open_run(project.parent / "small.runs" / "two")
    assert two.state == "stopped", log.read_text()
    assert log.read_text().count("Training two of small.seq with 2 processes") == 1
    assert log.read_text().count("two stopped at step") == 1
    done = two.step
    assert done > 0
    whole = ("train", project, "--steps", done + 10, *FIXED)
    assert call(*whole, "--run", "one").code == 0
    assert call("train", project, "--resume", "--run", "two", "--steps", done + 10).code == 0
    one, two = (open_run(project.parent / "small.runs" / name) for name in ("one", "two"))
    assert two.curves.steps.tolist() == list(range(1, done + 11))
    assert two.curves.loss.tolist() == pytest.approx(one.curves.loss.tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("rank", "size", "together"),
    [(None, None, False), ("0", None, False), (None, "2", False), ("0", "1", False),
     ("1", "2", True)],
)  # fmt: skip
def test_only_several_processes_train_together(
    rank: str | None, size: str | None, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RANK", rank), ("WORLD_SIZE", size)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert several() is together


# ------------------------------------------------------------------------- without torchrun


class Pair:
    """Two processes of one training, without torchrun, so that each end can be seen."""

    def __init__(self, folder: Path, projects: tuple[Path, Path]) -> None:
        port = str(free_port())
        self.logs = [folder / "0.log", folder / "1.log"]
        self.processes = []
        for rank, path in enumerate(projects):
            place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            place |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
            place |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            with self.logs[rank].open("wb") as told:
                words = ["train", str(path), "--steps", "100000", "--run", "two", *FIXED]
                self.processes.append(
                    subprocess.Popen(
                        [*MODULE, *words], env=environment(**place), stdout=told, stderr=told
                    )
                )

    def ends(self) -> list[int]:
        return [process.wait(PATIENCE_S) for process in self.processes]

    def told(self) -> list[str]:
        """Return the failures that people see."""
        lines = [line for log in self.logs for line in log.read_text().splitlines()]
        return [line for line in lines if line.startswith("seqstudio:")]


@pytest.mark.long
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_other_with_one_sentence(
    victim: int, project: Path, tmp_path: Path
) -> None:
    pair = Pair(tmp_path, (project, project))
    wait_until_it_trains(pair.logs[0], pair.processes[0])
    pair.processes[victim].kill()
    ends = pair.ends()
    assert (ends[victim], ends[1 - victim]) == (-signal.SIGKILL, 2)
    assert len(pair.told()) == 1
    assert GONE in pair.told()[0]


@pytest.mark.long
def test_other_data_on_one_machine_end_both_with_one_sentence(
    project: Path, made: Path, tmp_path: Path
) -> None:
    (project.parent / "text.txt").write_text("other words " * 600)
    pair = Pair(tmp_path, (made / "small.seq", project))
    assert pair.ends() == [2, 2]
    assert len(pair.told()) == 1
    assert "The data here are not those of process 0" in pair.told()[0]
