"""Kill −9 in a loop of saves: the file is whole, nothing that was acknowledged is lost."""

import os
import pathlib
import random
import subprocess
import sys
import time

import pytest

from seqstudio.blocks.templates import make
from seqstudio.core.files import sweep_stale
from seqstudio.document.project import load_project, project_text

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")

SAVER = """
import dataclasses, pathlib, sys
from seqstudio.document.project import load_project, save_project
path, padding = pathlib.Path(sys.argv[1]), int(sys.argv[2])
project = load_project(path)
number = int(project.notes.split(" ")[0])
print("ready", flush=True)
while True:
    number += 1
    save_project(dataclasses.replace(project, notes=f"{number} " + "x" * padding), path)
    print(number, flush=True)
"""


def number_in(path: pathlib.Path) -> int:
    return int(load_project(path).notes.split(" ")[0])


def kill_in_the_loop(path: pathlib.Path, padding: int, chance: random.Random) -> int:
    """Run the saver, kill it at a random moment; return the last save that it acknowledged."""
    command = [sys.executable, "-c", SAVER, str(path), str(padding)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(chance.uniform(0.0, 0.1))
    child.kill()
    said = child.communicate()[0].splitlines(keepends=True)
    whole = [int(line) for line in said if line.endswith("\n")]
    return whole[-1] if whole else -1


def hold(path: pathlib.Path, kills: int, padding: int, seed: int) -> None:
    project, chance = make("hello-rnn"), random.Random(seed)
    text = project_text(project).replace('"notes": ""', '"notes": "0 "')
    path.write_text(text, "utf-8")
    acknowledged = left = 0
    for kill in range(5 * kills):
        if kill >= kills and left:
            break  # on a busy machine it takes more of them until one meets a save
        acknowledged = max(acknowledged, kill_in_the_loop(path, padding, chance))
        saved = number_in(path)  # raises if the file is not whole
        assert saved >= acknowledged, f"seed {seed}, kill {kill}"
        temporary = [each for each in path.parent.iterdir() if each != path]
        assert len(temporary) <= 1, f"seed {seed}, kill {kill}"
        left += len(temporary)
        sweep_stale(path.parent)
        assert list(path.parent.iterdir()) == [path]
        assert load_project(path).graph == project.graph
    assert acknowledged > 0
    assert left > 0, "no kill came in the middle of a save: the test saw nothing"


def test_a_project_survives_kills_while_it_is_saved(tmp_path: pathlib.Path) -> None:
    for name, kills, padding in (("small", 12, 0), ("large", 8, 3_000_000)):
        (tmp_path / name).mkdir()
        hold(tmp_path / name / "project.seq", kills, padding, seed=20)


@pytest.mark.long
@pytest.mark.parametrize("padding", [0, 10_000, 3_000_000])
def test_a_project_survives_many_kills_while_it_is_saved(
    tmp_path: pathlib.Path, padding: int
) -> None:
    hold(tmp_path / "project.seq", kills=200, padding=padding, seed=22)
