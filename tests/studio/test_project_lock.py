"""One project opened twice: the second says who has it, and nothing is written over unseen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import seqstudio
from seqstudio.blocks.templates import make
from seqstudio.core.errors import StorageError
from seqstudio.document.document import Document
from seqstudio.document.edits import SetSetting
from seqstudio.document.project import load_project, save_project
from seqstudio.studio.session import Notice, Session

ROOT = str(Path(seqstudio.__file__).parents[1])
HOLDING = """
import sys
from pathlib import Path
from seqstudio.studio.project_lock import ProjectLock
lock, path = ProjectLock(), Path(sys.argv[1])
print("held" if lock.open(path) is None else "refused", flush=True)
if sys.stdin.readline():  # edit, save, close
    lock.claim(path)
    path.write_bytes(path.read_bytes().replace(b'"seed": 0', b'"seed": 5'))
    lock.saved()
    lock.release()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_project(make("hello-rnn"), tmp_path / "p.seq")
    return tmp_path / "p.seq"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return another process that has the project open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(path)],
        env={**os.environ, "PYTHONPATH": ROOT},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


Opening = Callable[[Path], tuple[Session, list[Notice]]]


@pytest.fixture
def opened(qtbot) -> Iterator[Opening]:  # type: ignore[no-untyped-def]
    made: list[Session] = []

    def build(path: Path) -> tuple[Session, list[Notice]]:
        session, told = Session(Document(make("hello-rnn")), threads=True), list[Notice]()
        made.append(session)
        session.notice.connect(told.append)
        session.open(path)
        return session, told

    yield build
    for session in made:
        session.begin_close()
        session.end_close()
        session.deleteLater()


def edit(session: Session, rows: int) -> None:
    session.document.apply(SetSetting("training", "batch", rows, "Set the batch"))


def test_the_second_names_the_first_and_saves_under_another_name_only(
    path: Path, holder: subprocess.Popen[str], opened: Opening
) -> None:
    session, told = opened(path)
    assert (told[0].what, told[0].level) == ("p.seq is open already", "error")
    assert told[0].why == f"process {holder.pid} has it open"
    before = path.read_bytes()
    edit(session, 3)
    with pytest.raises(StorageError, match=f"process {holder.pid} has it open"):
        session.save()
    assert path.read_bytes() == before
    assert session.document.modified
    session.save(path.with_name("copy.seq"))
    assert load_project(path.with_name("copy.seq")).training.batch == 3
    edit(session, 4)
    session.save()  # the copy is its own now
    assert path.read_bytes() == before


def test_a_killed_holder_holds_nothing(
    path: Path, holder: subprocess.Popen[str], opened: Opening
) -> None:
    waiting, _ = opened(path)
    holder.kill()
    holder.wait()
    edit(waiting, 3)
    waiting.save()
    assert load_project(path).training.batch == 3
    waiting.new(make("hello-rnn"))
    _, told = opened(path)
    assert told == []


def test_what_the_first_saved_is_not_written_over_by_the_second(
    path: Path, holder: subprocess.Popen[str], opened: Opening
) -> None:
    session, _ = opened(path)
    edit(session, 3)
    holder.communicate("save\n")
    with pytest.raises(StorageError, match="it has changed since it was opened"):
        session.save()
    assert load_project(path).training.seed == 5
    session.open(path)
    edit(session, 6)
    session.save()
    assert (load_project(path).training.seed, load_project(path).training.batch) == (5, 6)


def test_saving_again_and_again_is_no_change_by_others(path: Path, opened: Opening) -> None:
    session, _ = opened(path)
    for rows in (2, 3, 4):
        edit(session, rows)
        session.save()
    assert load_project(path).training.batch == 4
    session.save(path.with_name("other.seq"))
    assert not path.with_name("p.seq.lock").exists()
    assert path.with_name("other.seq.lock").exists()


def test_a_lock_of_another_computer_is_told_and_can_be_removed(
    path: Path, holder: subprocess.Popen[str], opened: Opening
) -> None:
    lock = path.with_name("p.seq.lock")
    lines = lock.read_text().splitlines()
    holder.kill()
    holder.wait()
    lock.write_text("\n".join([*lines[:2], "elsewhere", "0" * 32, "1-2-3", ""]))
    session, told = opened(path)
    assert told[0].why == f"process {holder.pid} on elsewhere has it open"
    edit(session, 3)
    with pytest.raises(StorageError) as refused:
        session.save()
    assert refused.value.hint.endswith("If that program is gone, delete p.seq.lock")
    lock.unlink()
    session.save()
    assert load_project(path).training.batch == 3


@pytest.mark.skipif(sys.platform != "linux", reason="reads process names under /proc")
def test_a_number_that_another_program_has_by_now_holds_nothing(
    path: Path, holder: subprocess.Popen[str], opened: Opening
) -> None:
    lock = path.with_name("p.seq.lock")
    lines = lock.read_text().splitlines()
    holder.kill()
    holder.wait()
    with subprocess.Popen(["sleep", "60"]) as other:
        lock.write_text("\n".join([str(other.pid), *lines[1:], ""]))
        _, told = opened(path)
        other.kill()
    assert told == []


@pytest.mark.parametrize("cut_off", [True, False])
def test_a_lock_that_names_nobody_holds_nothing(
    path: Path, opened: Opening, cut_off: bool
) -> None:
    lock = path.with_name("p.seq.lock")
    if cut_off:
        lock.write_bytes(b"")
    else:
        lock.mkdir()
    session, told = opened(path)
    edit(session, 3)
    session.save()
    assert told == []
    assert load_project(path).training.batch == 3
