"""A panel that asks the trainer: untrained, while it trains, and back in time."""

from __future__ import annotations

import numpy as np
import pytest

from seqstudio.document.document import Document
from seqstudio.records.looking import Looked
from seqstudio.studio.inside.gradients.time_map import TimeMapPanel
from seqstudio.studio.session import Session
from tests.small_runs import small_project


@pytest.fixture
def session(qtbot, small_text):
    made = Session(Document(small_project("char-rnn", small_text, 100_000)), threads=True)
    yield made
    made.begin_close()
    qtbot.waitUntil(lambda: made.closed, timeout=20_000)
    made.end_close()


def test_a_panel_asks_untrained_weights_then_those_that_train(qtbot, session) -> None:
    panel = TimeMapPanel(session)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitUntil(lambda: panel.looked is not None, timeout=30_000)
    assert panel.looked.weights == "untrained weights, seed 0"
    before = panel.reading.log10_h.copy()
    session.play()
    qtbot.waitUntil(lambda: session.history.step > 20, timeout=30_000)
    qtbot.waitUntil(lambda: panel.looked is not None and panel.looked.step > 0, timeout=30_000)
    first = panel.looked.step
    assert not np.array_equal(before, panel.reading.log10_h, equal_nan=True)
    qtbot.waitUntil(lambda: panel.looked.step > first, timeout=30_000)
    session.move_cursor(step=0)
    qtbot.waitUntil(lambda: panel.looked.step == 0, timeout=30_000)
    np.testing.assert_array_equal(panel.reading.log10_h, before)


def test_an_answer_about_the_past_is_not_asked_twice(qtbot, session) -> None:
    panel = TimeMapPanel(session)
    qtbot.addWidget(panel)
    panel.show()
    session.play()
    qtbot.waitUntil(lambda: session.history.step > 5, timeout=30_000)
    session.pause()
    qtbot.waitUntil(lambda: session.state == "paused", timeout=30_000)
    session.move_cursor(step=0)
    qtbot.waitUntil(lambda: panel.looked is not None and panel.looked.step == 0, timeout=30_000)
    asked = []
    send = session.send_look
    session.send_look = lambda wish: (asked.append(wish), send(wish))
    session.move_cursor(step=None)
    qtbot.waitUntil(lambda: panel.looked.step > 0, timeout=30_000)
    session.move_cursor(step=0)
    qtbot.waitUntil(lambda: panel.looked.step == 0, timeout=30_000)
    assert len(asked) <= 1, "step 0 was known"
    assert isinstance(panel.looked, Looked)


def test_another_run_covers_what_was_shown_until_it_answers(
    qtbot, session, capfd, tmp_path
) -> None:
    panel = TimeMapPanel(session)
    qtbot.addWidget(panel)
    panel.resize(800, 400)
    panel.show()
    qtbot.waitUntil(lambda: panel.looked is not None, timeout=30_000)
    send, session.send_look = session.send_look, lambda wish: None
    session.looks.known = lambda aim: None
    session.run_changed.emit()
    assert panel.is_empty
    told = []
    session.notice.connect(told.append)
    panel.save_as(str(tmp_path / "map.csv"))
    assert told[0].what == "T × T map has no numbers to save"
    panel.repaint()
    qtbot.wait(50)
    assert "Error calling Python override" not in capfd.readouterr().err
    session.send_look = send
    panel.ask_again()
