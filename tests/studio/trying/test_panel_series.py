"""Trying series and balls in real widgets, with a trainer that answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from seqstudio.audio.output import NullOutput
from seqstudio.document.document import Document
from seqstudio.records.inside.trying.forecast import Forecasted
from seqstudio.studio.session import Session
from seqstudio.studio.trying.ball import BallPanel
from seqstudio.studio.trying.bases import BasesPanel
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.trying.series import SeriesPanel
from seqstudio.studio.trying.sound import SoundPanel
from seqstudio.studio.trying.sound_player import SoundPlayer
from tests.small_runs import small_project

BIG = 720, 560


@pytest.fixture
def trying(qtbot, shown, small_text) -> Iterator[Callable[..., TryPanel]]:  # type: ignore[no-untyped-def]
    made: list[Session] = []

    def build(template: str, kind: type[TryPanel], **data: object) -> TryPanel:
        plain = small_project(template, small_text, 100)
        made_of = replace(plain, data=replace(plain.data, **data))  # type: ignore[arg-type]
        session = Session(Document(made_of), threads=True)
        made.append(session)
        panel = kind(session)
        shown(panel, *BIG)
        qtbot.waitUntil(lambda: panel.looked is not None, timeout=30_000)
        qtbot.waitUntil(lambda: panel.looked is panel._drawn, timeout=10_000)
        return panel

    yield build
    for session in made:
        session.begin_close()
        qtbot.waitUntil(lambda: session.closed, timeout=20_000)  # noqa: B023
        session.end_close()


def drag(qtbot, widget, start: QPoint, end: QPoint) -> None:  # type: ignore[no-untyped-def]
    qtbot.mousePress(widget, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(widget, (start + end) / 2)
    qtbot.mouseMove(widget, end)
    qtbot.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=end)


def test_line_values_and_length_can_be_changed_by_hand(qtbot, trying) -> None:
    panel = trying("forecast-lstm", SeriesPanel)
    assert SeriesPanel.fits(panel.session.dataset)
    assert not BallPanel.fits(panel.session.dataset)
    first = panel.reading
    assert isinstance(first, Forecasted)
    assert first.free.shape == (24, 7)
    frame = panel.plot.frame()

    step = 20
    value = first.truth[step]
    start = QPoint(round(float(frame.px(step))), round(float(frame.py(value))))
    drag(qtbot, panel.plot, start, start + QPoint(0, -30))
    qtbot.waitUntil(lambda: panel.reading.truth[step] != value, timeout=30_000)
    wanted = frame.y_at(start.y() - 30.0)
    assert panel.reading.truth[step] == pytest.approx(wanted, abs=0.05)
    assert "Dragged values: 1" in panel.remark.text()
    assert not np.array_equal(panel.reading.told[step + 1], first.told[step + 1])
    qtbot.waitUntil(panel.undo.isEnabled, timeout=10_000)
    qtbot.mouseClick(panel.undo, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.reading.truth[step] == value, timeout=30_000)

    panel.plot.threshold_committed.emit("origin", 30.0)
    qtbot.waitUntil(lambda: panel.reading.origin == 30, timeout=30_000)
    panel.ahead.set_value(5)
    panel.ahead.committed.emit(5)
    qtbot.waitUntil(lambda: len(panel.reading.free) == 5, timeout=30_000)
    qtbot.mouseClick(panel.another, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not np.array_equal(panel.reading.truth, first.truth), timeout=30_000)


def test_one_of_several_values_is_chosen(qtbot, trying, tmp_path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("t,low,high\n" + "\n".join(f"{t},{t % 7},{t % 5 + 100}" for t in range(80)))
    panel = trying(
        "forecast-lstm", SeriesPanel, path=str(path), differences="none", logarithm="off"
    )
    assert panel.reading.names == ("low", "high")
    assert panel.value.isVisible()
    assert panel.reading.truth.max() == 6
    panel.value.set_value(1)
    panel.value.committed.emit(1)
    qtbot.waitUntil(lambda: panel.reading.truth.max() == 104, timeout=30_000)
    qtbot.waitUntil(lambda: panel.plot.view()[1].low > 50, timeout=10_000)


def test_a_ball_is_thrown_by_mouse(qtbot, trying) -> None:
    panel = trying("ball-rnn", BallPanel)
    assert BallPanel.fits(panel.session.dataset)
    assert not SeriesPanel.fits(panel.session.dataset)
    view = panel.view
    start = view.place(-0.5, 0.5).toPoint()
    drag(qtbot, view, start, view.place(0.1, 0.5).toPoint())
    qtbot.waitUntil(lambda: abs(panel.reading.path[0, 0] + 0.5) < 0.02, timeout=30_000)
    flown = panel.reading.path[1] - panel.reading.path[0]
    assert flown[0] == pytest.approx(0.15, abs=0.01)
    assert abs(flown[1]) < 0.01
    panel.seen.set_value(5)
    panel.seen.value_changed.emit(5)
    qtbot.waitUntil(lambda: panel.reading.seen == 5, timeout=30_000)
    qtbot.waitUntil(lambda: "After 5 frames" in panel.remark.text(), timeout=10_000)
    qtbot.waitUntil(lambda: view.frame_shown > 4, timeout=10_000)
    assert not view.grab().isNull()


class Heard(NullOutput):
    """An output of no device that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__(8000)
        self.blocks: list[np.ndarray] = []

    def write(self, block: np.ndarray) -> None:
        self.blocks.append(block.copy())
        super().write(block)


def test_a_sound_is_heard_from_its_first_sample_to_its_last(qtbot) -> None:
    output = Heard()
    player = SoundPlayer(lambda: (output, ""))
    samples = np.linspace(-1, 1, 400).astype(np.float32)
    player.play(samples, 4000)
    qtbot.waitUntil(lambda: not player.playing, timeout=10_000)
    given = np.concatenate(output.blocks)
    assert given.shape == (800, 2)
    np.testing.assert_allclose(given[::2, 0], 0.8 * samples, atol=1e-5)
    assert output.heard >= 800
    player.close()


def test_a_sound_goes_on_and_is_played(qtbot, trying) -> None:
    panel = trying("audio-gru", SoundPanel, rate=1000)
    assert SoundPanel.fits(panel.session.dataset)
    assert not SeriesPanel.fits(panel.session.dataset)
    panel.player._opener = lambda: (Heard(), "No sound: a test.")
    panel.seconds.set_value(0.1)
    panel.seconds.committed.emit(0.1)
    qtbot.waitUntil(lambda: panel.reading.wanted == len(panel.reading.told) == 100, timeout=60_000)
    qtbot.mouseClick(panel.play_told, Qt.MouseButton.LeftButton)
    assert panel.play_told.text() == "Stop"
    qtbot.waitUntil(lambda: "No sound: a test." in panel.remark.text(), timeout=10_000)
    qtbot.mouseClick(panel.play_told, Qt.MouseButton.LeftButton)
    assert panel.play_told.text() == "Play model"
    assert not panel.player.playing
    panel.player.close()


def test_bases_are_typed_and_pointed_at(qtbot, trying) -> None:
    panel = trying("islands-lstm", BasesPanel)
    assert panel.reading.p.shape == (200, 1)
    assert "who knows the process" in panel.remark.text()
    assert panel.bars.isHidden()
    panel.field.committed.emit("cgcgcgattt")
    qtbot.waitUntil(lambda: panel.reading.letters == "CGCGCGATTT", timeout=30_000)
    place = panel.view.cell_rect(3).center().toPoint()
    qtbot.mouseClick(panel.view, Qt.MouseButton.LeftButton, pos=place)
    assert panel.session.cursor.t == 3
    qtbot.mouseClick(panel.another, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(panel.reading.letters) == 200, timeout=30_000)
