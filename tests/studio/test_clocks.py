"""The two clocks: where a drag leads, what the keys do, how the tracks read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.edits import SetSetting
from seqstudio.records.readings import Metrics, Sample
from seqstudio.studio.clocks import LEFT, Clocks, visible
from seqstudio.studio.session import Session

SHIFT = Qt.KeyboardModifier.ShiftModifier
BUTTON = Qt.MouseButton.LeftButton


def metrics(count: int) -> Metrics:
    steps = np.arange(1, count + 1)
    loss = 3.0 / steps
    return Metrics(steps, loss, loss, loss, loss * 0, steps * 0.5, steps * 64, 12.0)


@pytest.fixture
def session(qtbot, tmp_path) -> Iterator[Session]:
    (tmp_path / "text.txt").write_text("the cat sat on the mat\n" * 100, "utf-8")
    project = make("char-lstm", str(tmp_path / "text.txt"))
    training = {**project.training.as_dict(), "budget": "steps", "steps": 800, "window": 4}
    small = dataclasses.replace(
        project,
        training=type(project.training).parse(training),
        sampling=project.sampling.with_value("probe_text", "the "),
    )
    session = Session(Document(small), threads=True)
    qtbot.waitUntil(lambda: session.facts is not None)
    yield session
    session.begin_close()
    assert session.end_close()


@pytest.fixture
def clocks(qtbot, session: Session) -> Clocks:
    clocks = Clocks(session)
    qtbot.addWidget(clocks)
    clocks.resize(1280, 90)
    with qtbot.waitExposed(clocks):
        clocks.show()
    return clocks


def trained(session: Session, steps: int = 400) -> None:
    session.history.extend([metrics(steps)])
    session.events.emit(frozenset({Metrics}))


def at(clocks: Clocks, track: int, share: float) -> QPoint:
    rect = clocks._tracks()[track]
    return QPointF(rect.left() + share * rect.width(), rect.center().y()).toPoint()


def image(clocks: Clocks) -> QImage:
    return clocks.grab().toImage()


def test_the_tracks_lie_inside_and_apart(clocks: Clocks) -> None:
    upper, lower = clocks._tracks()
    assert upper.left() == lower.left() == LEFT
    assert upper.bottom() < lower.top()
    assert upper.top() >= 0
    assert lower.bottom() <= clocks.height()
    assert upper.right() < clocks.width()


@pytest.mark.parametrize(("share", "step"), [(0.0, 0), (0.25, 200), (0.499, 399)])
def test_a_click_on_the_upper_track_goes_to_that_step(
    session: Session, clocks: Clocks, share: float, step: int
) -> None:
    trained(session)  # 400 of 800
    QTest.mouseClick(clocks, BUTTON, pos=at(clocks, 0, share))
    assert session.cursor.step == pytest.approx(step, abs=1)
    assert session.cursor.t == 0


@pytest.mark.parametrize("share", [0.5, 0.7, 1.0, 1.5])
def test_beyond_the_newest_step_is_live(session: Session, clocks: Clocks, share: float) -> None:
    trained(session)
    session.move_cursor(step=10)
    QTest.mouseClick(clocks, BUTTON, pos=at(clocks, 0, share))
    assert session.cursor.step is None


def test_a_drag_follows_and_a_release_lets_go(session: Session, clocks: Clocks) -> None:
    trained(session)
    seen: list[int | None] = []
    session.cursor_changed.connect(lambda cursor: seen.append(cursor.step))
    QTest.mousePress(clocks, BUTTON, pos=at(clocks, 0, 0.1))
    QTest.mouseMove(clocks, at(clocks, 0, 0.2))
    QTest.mouseMove(clocks, at(clocks, 0, -0.5))
    QTest.mouseRelease(clocks, BUTTON, pos=at(clocks, 0, -0.5))
    QTest.mouseMove(clocks, at(clocks, 0, 0.3))
    assert seen == [pytest.approx(80, abs=1), pytest.approx(160, abs=1), 0]


def test_the_lower_track_moves_in_the_text(session: Session, clocks: Clocks) -> None:
    assert len(clocks.tokens()) == 4
    assert set(clocks.tokens()) <= set("the cat sat on the mat\n")
    QTest.mouseClick(clocks, BUTTON, pos=at(clocks, 1, 0.6))
    assert (session.cursor.t, session.cursor.step) == (2, None)
    QTest.mouseClick(clocks, BUTTON, pos=at(clocks, 1, 1.4))
    assert session.cursor.t == 3
    QTest.mouseClick(clocks, BUTTON, pos=at(clocks, 1, -0.2))
    assert session.cursor.t == 0


def test_without_a_text_of_ones_own_the_held_out_part_is_shown(session, clocks: Clocks) -> None:
    session.set_probe_text("")
    ids = session.dataset.valid[: len(clocks.tokens())]
    assert "".join(clocks.tokens()) == "".join(session.dataset.vocabulary.symbols[i] for i in ids)
    assert len(clocks.tokens()) > 200
    QTest.mouseClick(clocks, BUTTON, pos=at(clocks, 1, 0.5))
    assert session.cursor.t == 64, "a page of 128 is shown"
    session.move_cursor(t=130)
    first, page = clocks._page(clocks.tokens())
    assert first <= 130 < first + len(page) == first + 128


def test_the_keys_move_both_clocks(session: Session, clocks: Clocks) -> None:
    trained(session)
    clocks.setFocus()
    for _ in range(6):
        QTest.keyClick(clocks, Qt.Key.Key_Right)
    assert session.cursor.t == 3, "the text has four symbols"
    QTest.keyClick(clocks, Qt.Key.Key_Left)
    assert session.cursor.t == 2
    QTest.keyClick(clocks, Qt.Key.Key_Left, SHIFT)
    assert session.cursor.step == 392, "a hundredth of the budget"
    QTest.keyClick(clocks, Qt.Key.Key_Right, SHIFT)
    assert session.cursor.step is None
    QTest.keyClick(clocks, Qt.Key.Key_Left, SHIFT)
    QTest.keyClick(clocks, Qt.Key.Key_End)
    assert session.cursor.step is None


def test_the_end_of_the_track(session: Session, clocks: Clocks) -> None:
    assert clocks.last_step == 800
    session.document.apply(SetSetting("training", "budget", "minutes"))
    session.document.apply(SetSetting("training", "minutes", 5))
    assert clocks.last_step == 1, "nothing has been measured"
    trained(session)  # half a second a step: 400 steps took 200 of 300 seconds
    assert clocks.last_step == 600
    session.document.apply(SetSetting("training", "minutes", 0.05))
    assert clocks.last_step == 400, "never before the newest step"


def test_the_tracks_show_what_there_is(session: Session, clocks: Clocks) -> None:
    empty = image(clocks)
    trained(session)
    with_loss = image(clocks)
    assert with_loss != empty
    session.move_cursor(step=100)
    back = image(clocks)
    assert back != with_loss
    zeros = np.zeros(1, np.float32)
    for step in (50, 51, 300):
        session.history.extend([Sample(step, step, "", "t", zeros, (), 1.0, 0, True)])
    session.events.emit(frozenset({Sample}))
    assert image(clocks) != back


def test_odd_losses_do_not_break_the_picture(session: Session, clocks: Clocks) -> None:
    values = metrics(4)
    for loss in ([np.nan] * 4, [np.inf, 1, 2, 3], [1e300, 0, -1e300, np.nan], [5, 5, 5, 5]):
        session.history.curves.rewind(0)
        fields = {**vars(values), "loss": np.array(loss, float)}
        session.history.extend([Metrics(**fields)])
        assert not image(clocks).isNull()
    clocks.resize(40, 90)
    assert not image(clocks).isNull()


def test_tokens_that_cannot_be_seen_get_a_sign() -> None:
    assert [visible(token) for token in ("\n", " ", "\t", "", "a")] == ["⏎", "␣", "⇥", "·", "a"]


@pytest.mark.parametrize(
    ("template", "words"),
    [("adding-rnn", "The data have no symbols"), ("hello-rnn", "drawn while training")],
)
def test_data_without_a_text_say_so(qtbot, template: str, words: str) -> None:
    session = Session(Document(make(template)), threads=True)
    clocks = Clocks(session)
    qtbot.addWidget(clocks)
    clocks.resize(1280, 90)
    assert clocks._nothing_to_show() == "No data yet"
    qtbot.waitUntil(lambda: session.facts is not None)
    assert clocks.tokens() == ()
    assert words in clocks._nothing_to_show()
    assert not image(clocks).isNull()
    QTest.mouseClick(clocks, BUTTON, pos=at(clocks, 1, 0.5))
    assert session.cursor.t == 0
    session.begin_close()
    assert session.end_close()


def recorded(session: Session, *steps: int) -> None:
    from seqstudio.records.readings import GradientReading

    session.history.run = "lstm-1"
    readings = [GradientReading(s, (), (), (), 1, 4, "probe text", 0.0) for s in steps]
    session.history.extend([metrics(400), *readings])
    session.events.emit(frozenset({Metrics}))


def test_film_shows_every_recorded_step_and_ends_live(qtbot, session, clocks) -> None:
    recorded(session, 10, 100, 200, 390)
    seen: list[int | None] = []
    session.cursor_changed.connect(lambda cursor: seen.append(cursor.step))
    QTest.mouseClick(clocks._play, BUTTON)
    assert clocks.film.playing
    qtbot.waitUntil(lambda: not clocks.film.playing, timeout=5000)
    assert seen == [0, 10, 100, 200, 390, 400, None]


def test_film_goes_on_from_the_step_in_view_and_lets_go_of_the_clock(
    qtbot, session, clocks
) -> None:
    recorded(session, 10, 100, 200, 390)
    session.move_cursor(step=100)
    clocks.film.toggle()
    qtbot.waitUntil(lambda: session.cursor.step == 200, timeout=5000)
    session.move_cursor(step=50)
    qtbot.waitUntil(lambda: not clocks.film.playing, timeout=5000)
    assert session.cursor.step == 50


def test_without_a_run_there_is_no_film(clocks) -> None:
    QTest.mouseClick(clocks._play, BUTTON)
    assert not clocks.film.playing
