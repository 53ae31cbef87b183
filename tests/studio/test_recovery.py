"""Unsaved edits survive a process that ends without saving them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("PySide6")

from seqstudio.blocks.editing import add
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.project import save_project
from seqstudio.studio.recovery import Recovery, offers
from seqstudio.studio.session import Session

EDITOR = """
import sys, time
from pathlib import Path
from PySide6.QtWidgets import QApplication
from seqstudio.blocks.editing import add
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.studio.recovery import Recovery
from seqstudio.studio.session import Session
app = QApplication([])
document = Document(make("hello-rnn"))
session = Session(document, threads=True)
session.open(Path(sys.argv[1]))
recovery = Recovery(session, Path(sys.argv[2]))
document.apply(add(document.project.graph, "linear", 5, 5))
recovery.keep()
print("kept", flush=True)
time.sleep(60)
"""


@pytest.fixture
def session(qapp):
    made = Session(Document(make("hello-rnn")), threads=True)
    yield made
    made.begin_close()
    made.end_close()


def test_edits_of_a_killed_process_are_offered(tmp_path: Path) -> None:
    project, folder = tmp_path / "mine.seq", tmp_path / "recovery"
    save_project(make("hello-rnn"), project)
    own = project.read_bytes()
    command = [sys.executable, "-c", EDITOR, str(project), str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ})
    assert child.stdout is not None
    assert child.stdout.readline().strip() == b"kept"
    assert offers(folder) == []  # its owner still runs
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    (found,) = offers(folder)
    assert found.path == project
    assert "linear" in found.project.graph.blocks
    assert project.read_bytes() == own


def test_nothing_is_kept_without_edits_and_nothing_after_they_are_saved(
    session: Session, tmp_path: Path
) -> None:
    recovery = Recovery(session, tmp_path / "recovery")
    recovery.keep()
    assert not recovery.file.exists()
    session.document.apply(add(session.project.graph, "linear", 0, 0))
    recovery.keep()
    assert recovery.file.exists()
    session.save(tmp_path / "saved.seq")
    recovery.keep()
    assert not recovery.file.exists()


def test_edits_are_kept_by_themselves(session: Session, tmp_path: Path, qtbot) -> None:
    recovery = Recovery(session, tmp_path / "recovery")
    recovery._rest.setInterval(10)
    session.document.apply(add(session.project.graph, "linear", 0, 0))
    qtbot.waitUntil(recovery.file.exists, timeout=5000)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"path": 3}'])
def test_an_unreadable_file_is_moved_aside_and_not_offered(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "999999999.recovery"
    file.write_bytes(content)
    assert offers(tmp_path) == []
    assert [path.suffix for path in tmp_path.iterdir()] == [".old"]


def test_the_window_takes_an_offer_back_as_one_undoable_step(
    session: Session, tmp_path: Path, qtbot
) -> None:
    from seqstudio.studio.window import MainWindow

    project = tmp_path / "mine.seq"
    save_project(make("hello-rnn"), project)
    session.open(project)
    session.document.apply(add(session.project.graph, "linear", 0, 0))
    recovery = Recovery(session, tmp_path / "recovery")
    recovery.keep()
    recovery.file.rename(recovery.file.with_name("999999999.recovery"))
    session.document.undo()
    window = MainWindow(session)
    qtbot.addWidget(window)
    (found,) = offers(tmp_path / "recovery")
    window.show()
    window.banner.show_offer(found)
    assert "ended unexpectedly" in window.banner.text
    window.recover(found)
    assert "linear" in session.project.graph.blocks
    assert session.document.modified
    assert session.document.undo_label == "Recover changes"
    assert offers(tmp_path / "recovery") == []
    window.begin_close()
    deadline = time.monotonic() + 10
    while not session.closed and time.monotonic() < deadline:
        qtbot.wait(20)
    window.close()
