"""The transport: what its buttons say and do in every state, and its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.edits import SetSetting
from seqstudio.records.readings import Metrics
from seqstudio.studio.session import Session
from seqstudio.studio.theme import themes
from seqstudio.studio.transport import Transport, speed_words, time_words

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def session(qtbot) -> Iterator[Session]:
    session = Session(Document(make("hello-rnn")), threads=True)
    qtbot.waitUntil(lambda: session.facts is not None)
    yield session
    session.begin_close()
    assert session.end_close()


@pytest.fixture
def transport(qtbot, session: Session) -> Transport:
    transport = Transport(session)
    qtbot.addWidget(transport)
    transport.resize(1440, 56)
    with qtbot.waitExposed(transport):
        transport.show()
    return transport


@pytest.mark.parametrize(
    ("state", "words", "tip", "stop", "device"),
    [
        ("idle", "Train", "Train (P)", False, True),
        ("starting", "", "Pause (P)", True, False),
        ("running", "", "Pause (P)", True, False),
        ("paused", "", "Train (P)", True, False),
        ("stopped", "", "Train (P)", False, True),
        ("finished", "", "Train (P)", False, True),
        ("failed", "", "Train (P)", False, True),
    ],
)
def test_the_buttons_fit_the_state(
    session: Session,
    transport: Transport,
    state: str,
    words: str,
    tip: str,
    stop: bool,
    device: bool,
) -> None:
    session.view.become("paused")
    session.view.become(state)
    assert transport.play.text() == words
    assert transport.play.toolTip() == tip
    assert transport.stop.isEnabled() == stop
    assert transport.device.isEnabled() == device
    assert transport.step.isEnabled()


@pytest.mark.parametrize(
    ("state", "call"),
    [("idle", "play"), ("paused", "play"), ("running", "pause"), ("starting", "pause")],
)
def test_the_one_button_trains_and_pauses(
    session: Session,
    transport: Transport,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    call: str,
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(session, "play", lambda: calls.append("play"))
    monkeypatch.setattr(session, "pause", lambda: calls.append("pause"))
    session.view.become(state)
    QTest.mouseClick(transport.play, LEFT)
    assert calls == [call]


def test_step_and_stop_reach_the_session(
    session: Session, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    monkeypatch.setattr(session, "step", lambda n: calls.append(n))
    monkeypatch.setattr(session, "stop", lambda: calls.append("stop"))
    session.view.become("running")
    QTest.mouseClick(transport.step, LEFT)
    QTest.mouseClick(transport.stop, LEFT)
    assert calls == [1, "stop"]


def test_the_live_fields_follow_the_project_and_lead_it(
    session: Session, transport: Transport
) -> None:
    assert transport.rate.value() == pytest.approx(0.05)
    session.document.apply(SetSetting("training", "learning_rate", 0.002))
    assert transport.rate.value() == pytest.approx(0.002)
    transport.clip.value_changed.emit(0.75)
    assert session.project.training.clip == 0.75
    session.document.undo()
    assert session.project.training.clip == 0.0
    session.document.undo()
    assert transport.rate.value() == pytest.approx(0.05)


def test_a_value_out_of_range_leaves_the_project(session: Session, transport: Transport) -> None:
    before = session.project
    transport.rate.value_changed.emit(1e9)
    assert session.project is before


def test_the_device_is_for_the_next_run(session: Session, transport: Transport) -> None:
    transport.device.value_changed.emit("cuda")
    assert session.device == "cuda"


def fed(session: Session, count: int = 200) -> None:
    steps = np.arange(1, count + 1)
    loss = 3.0 / steps
    session.history.extend(
        [Metrics(steps, loss, loss, loss, loss * 0, steps * 0.5, steps * 64, 1234.0)]
    )


def test_the_numbers_of_a_run(session: Session, transport: Transport) -> None:
    numbers = transport.numbers
    assert [n.value() for n in numbers.values()] == ["0", "–", "–", "–"]
    fed(session)
    session.view.become("running")
    transport._show_numbers()
    assert [numbers[key].value() for key in ("step", "speed", "memory")] == [
        "200",
        "128",
        "1.2 GB",
    ]
    assert numbers["left"].value() == "5 min 00 s", "600 of 800 steps at half a second"
    session.document.apply(SetSetting("training", "budget", "minutes"))
    session.document.apply(SetSetting("training", "minutes", 3))
    transport._show_numbers()
    assert numbers["left"].value() == "1 min 20 s"
    session.view.become("stopped")
    assert numbers["speed"].value() == "–"
    assert numbers["left"].value() == "–"


@pytest.mark.parametrize(
    ("speed", "words"),
    [(math.nan, "–"), (math.inf, "–"), (0.0, "0"), (999.4, "999"), (1000.0, "1.0 k"),
     (412_345.0, "412.3 k")],
)  # fmt: skip
def test_speeds_in_words(speed: float, words: str) -> None:
    assert speed_words(speed) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (0.4, "0 s"), (59.6, "1 min 00 s"), (190, "3 min 10 s"), (3600, "1 h 00 min"),
     (7385, "2 h 03 min")],
)  # fmt: skip
def test_times_in_words(seconds: float, words: str) -> None:
    assert time_words(seconds) == words


@pytest.mark.parametrize("width", [1024, 1190, 1280, 1366, 1440, 1920])
@pytest.mark.parametrize("state", ["idle", "running"])
def test_everything_fits_in_every_width(qtbot, session: Session, width: int, state: str) -> None:
    themes().set_mode("dark")
    themes().apply()
    frame = QWidget()
    qtbot.addWidget(frame)
    frame.resize(width, 60)
    transport = Transport(session, frame)
    with qtbot.waitExposed(frame):
        frame.show()
    session.view.become(state)
    transport.setGeometry(0, 0, width, 56)
    assert transport.minimumSizeHint().width() <= width
    numbers = {key: number.isVisible() for key, number in transport.numbers.items()}
    assert numbers == {
        "step": True,
        "speed": width >= 1200,
        "memory": width >= 1320,
        "left": True,
    }


def test_another_project_brings_its_own_settings(qtbot, session: Session) -> None:
    transport = Transport(session)
    qtbot.addWidget(transport)
    for template in ("hello-rnn", "char-mgu", "adding-lstm"):
        project = make(template)
        session.new(project)
        assert transport.rate.value() == pytest.approx(project.training.learning_rate)
