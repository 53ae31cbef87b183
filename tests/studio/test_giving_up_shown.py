"""What works beside training can be given up by hand; deleted runs can be removed for good."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from seqstudio.document.document import Document
from seqstudio.records.messages import COMPILING, Command, GiveUp, Progress
from seqstudio.records.readings import RateSweep, freeze
from seqstudio.studio.notices import Notice
from seqstudio.studio.rate_finder import RateFinder
from seqstudio.studio.session import Session
from seqstudio.studio.statusbar import StatusBar
from seqstudio.studio.trash import empty_trash
from tests.studio.test_session import Desk


@pytest.fixture
def session(qtbot, small_text: Path) -> Iterator[Session]:
    from tests.small_runs import small_project

    session = Session(Document(small_project("char-lstm", small_text, 5)), threads=True)
    session.view.runner.close(0)
    session.view.runner = Desk()
    qtbot.waitUntil(lambda: session.report is not None)
    session.view.follows = True
    session.view.become("running")
    yield session
    session.begin_close()
    assert session.end_close()


def given_up(session: Session) -> list[Command]:
    desk = session.view.runner
    assert isinstance(desk, Desk)
    return [each for each in desk.taken() if isinstance(each, GiveUp)]


def sweep(count: int, *, done: bool = False, broken_off: bool = False) -> RateSweep:
    rates = freeze(np.geomspace(1e-6, 1e-3, count))
    losses = freeze(np.linspace(3.0, 2.0, count))
    return RateSweep(0, rates, losses, losses, math.nan, math.nan, math.nan, done, broken_off)


def test_the_search_is_stopped_by_its_button_and_says_how_far_it_came(qtbot, session) -> None:
    finder = RateFinder(session)
    qtbot.addWidget(finder)
    finder.show()
    session.history.extend([sweep(20)])
    session.events.emit({RateSweep})
    assert finder.stop_button.isVisible()
    qtbot.mouseClick(finder.stop_button, Qt.MouseButton.LeftButton)
    assert given_up(session) == [GiveUp("rate")]
    session.history.extend([sweep(20, done=True, broken_off=True)])
    session.events.emit({RateSweep})
    assert "Stopped after 20 steps" in finder.words.text()
    assert not finder.stop_button.isVisible()
    assert not finder.use.isEnabled()
    finder.reject()
    assert given_up(session) == []


def test_escape_ends_a_search_that_goes_on(qtbot, session) -> None:
    session.history.extend([sweep(20, done=True)])  # of an earlier search
    finder = RateFinder(session)
    qtbot.addWidget(finder)
    finder.show()
    qtbot.keyClick(finder, Qt.Key.Key_Escape)
    assert given_up(session) == [GiveUp("rate")]


def test_a_compiler_at_work_is_told_and_given_up(qtbot, session) -> None:
    bar = StatusBar(session)
    qtbot.addWidget(bar)
    bar.show()
    assert not bar.give_up.isVisible()
    session.history.extend([Progress(COMPILING, math.nan)])
    session.events.emit({Progress})
    assert bar.give_up.isVisible()
    qtbot.mouseClick(bar.give_up, Qt.MouseButton.LeftButton)
    assert given_up(session) == [GiveUp("compile")]
    session.history.extend([Progress(COMPILING, 1.0)])
    session.events.emit({Progress})
    assert not bar.give_up.isVisible()


def deleted_run(session: Session, name: str, size: int) -> None:
    folder = session.runs_home / name
    folder.mkdir(parents=True)
    (folder / "run.db").write_bytes(b"x" * size)
    session.trash.throw(session.runs_home, name)


def test_deleted_runs_go_for_good_and_their_size_is_told(qtbot, session) -> None:
    heard: list[Notice] = []
    session.notice.connect(heard.append)
    bar = StatusBar(session)
    qtbot.addWidget(bar)
    assert empty_trash(session, bar) is None
    for name in ("lstm-1", "lstm-2"):
        deleted_run(session, name, 30_000)
    trash = session.runs_home / ".trash"
    assert 60_000 <= session.trash.size(session.runs_home) < 80_000
    box = empty_trash(session, bar)
    assert box is not None
    assert "lstm-2, lstm-1" in box.informativeText()
    assert "kB" in box.informativeText()
    with qtbot.waitSignal(session.run_changed):
        destroy = QMessageBox.ButtonRole.DestructiveRole
        (button,) = (each for each in box.buttons() if box.buttonRole(each) == destroy)
        button.click()
    assert not trash.exists()
    assert heard[-1].what.startswith("2 deleted runs removed")
    session.trash.empty()  # at the end of the program: nothing is left to do
