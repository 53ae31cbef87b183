"""The path of states follows the clocks and keeps its axes."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent

from seqstudio.document.document import Document
from seqstudio.insight.projecting import principal_axes
from seqstudio.studio.inside.gates.trajectory import TrajectoryPanel
from seqstudio.studio.session import Session
from tests.small_runs import small_project


@pytest.fixture
def opened(qtbot, small_text):
    sessions = []

    def give(template: str) -> tuple[Session, TrajectoryPanel]:
        session = Session(Document(small_project(template, small_text, 100_000)), threads=True)
        sessions.append(session)
        panel = TrajectoryPanel(session)
        qtbot.addWidget(panel)
        panel.resize(900, 500)
        panel.show()
        qtbot.waitUntil(lambda: panel.looked is not None, timeout=30_000)
        panel.refresh()
        return session, panel

    yield give
    for session in sessions:
        session.begin_close()
        qtbot.waitUntil(lambda: session.closed, timeout=20_000)  # noqa: B023
        session.end_close()


def plots(panel: TrajectoryPanel):
    return list(panel._plots.values())


def test_the_path_is_that_of_h_in_its_two_largest_components(opened) -> None:
    _, panel = opened("char-lstm")
    (plot,) = plots(panel)
    h = next(each.values for each in panel.reading.layers if each.state == "h")
    axes = principal_axes(h)
    np.testing.assert_allclose(np.stack([plot.xs, plot.ys], 1), axes.place(h), atol=1e-5)
    first = f"{axes.share[0]:.0%} of the variance"
    assert plot._titles[0].endswith(first)
    scales = plot.view
    assert scales[0].low < plot.xs.min()
    assert plot.xs.max() < scales[0].high


def test_the_playhead_is_the_shared_cursor_both_ways(qtbot, opened) -> None:
    session, panel = opened("char-gru")
    (plot,) = plots(panel)
    session.move_cursor(t=9)
    assert plot.chosen == 9
    place = QPointF(*plot.places(plot.frame())[14])
    pointed = plot.nearest(place)
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=place.toPoint())
    assert session.cursor.t == pointed
    panel.play.click()
    qtbot.waitUntil(lambda: session.cursor.t == pointed + 2, timeout=10_000)
    panel.play.click()
    assert not panel._play.isActive()


def test_the_plane_can_be_zoomed_and_walked_with_keys(qtbot, opened) -> None:
    session, panel = opened("char-gru")
    (plot,) = plots(panel)
    whole = plot.view
    middle = plot.frame().rect.center()
    about = plot.frame().x_at(middle.x())
    turn = QWheelEvent(middle, plot.mapToGlobal(middle), QPoint(), QPoint(0, 120),
                       Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
                       Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
    plot.wheelEvent(turn)
    assert plot.view[0].high - plot.view[0].low == pytest.approx(
        0.8 * (whole[0].high - whole[0].low)
    )
    assert plot.frame().x_at(middle.x()) == pytest.approx(about)
    qtbot.mouseDClick(plot, Qt.MouseButton.LeftButton, pos=plot.frame().rect.topLeft().toPoint())
    assert plot.view == whole
    session.move_cursor(t=4)
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert session.cursor.t == 5
    qtbot.keyClick(plot, Qt.Key.Key_Left)
    assert session.cursor.t == 4


def test_another_training_step_does_not_turn_the_picture_over(qtbot, opened) -> None:
    session, panel = opened("char-lstm")
    session.play()
    qtbot.waitUntil(lambda: session.history.step > 10, timeout=30_000)
    session.pause()
    qtbot.waitUntil(lambda: session.state == "paused", timeout=30_000)
    qtbot.waitUntil(lambda: panel.looked.step > 0, timeout=30_000)
    panel.refresh()
    (plot,) = plots(panel)
    before = np.stack([plot.xs, plot.ys], 1)
    session.move_cursor(step=0)
    qtbot.waitUntil(lambda: panel.looked.step == 0, timeout=30_000)
    panel.refresh()
    after = np.stack([plot.xs, plot.ys], 1)
    turned = (after - after.mean(0)).T @ (before - before.mean(0))
    # After the best turn this product is symmetric with no negative eigenvalue.
    np.testing.assert_allclose(turned, turned.T, rtol=1e-3, atol=1e-3 * np.abs(turned).max())
    assert np.linalg.eigvalsh((turned + turned.T) / 2).min() > -1e-3 * np.abs(turned).max()


def test_axes_of_the_whole_run_are_one_plane_for_all_recorded_steps(qtbot, opened) -> None:
    session, panel = opened("char-gru")
    session.play()
    qtbot.waitUntil(lambda: session.history.step > 10, timeout=30_000)
    session.pause()
    qtbot.waitUntil(lambda: session.state == "paused", timeout=30_000)
    panel.axes.set_value("run")
    panel.axes.value_changed.emit("run")
    qtbot.waitUntil(lambda: bool(panel._film_axes), timeout=30_000)
    steps = panel.film_steps()
    assert sorted(panel._film) == steps
    every = [each.values for film in panel._film.values() for each in film.layers]
    want = principal_axes(np.concatenate(every))
    session.move_cursor(step=0)
    qtbot.waitUntil(lambda: panel.looked.step == 0, timeout=30_000)
    panel.refresh()
    (plot,) = plots(panel)
    values = panel.reading.layers[0].values
    np.testing.assert_allclose(np.stack([plot.xs, plot.ys], 1), want.place(values), atol=1e-5)
    assert f"axes of {len(steps)} recorded steps" in panel.header.subtitle()


def test_layers_stand_side_by_side_and_a_transformer_has_paths_too(opened) -> None:
    _, panel = opened("char-gpt")
    layers = len(panel.reading.layers)
    if layers > 1:
        panel.states.committed.emit("all")
        assert len(plots(panel)) == min(4, layers)
    assert {each.state for each in panel.reading.layers} == {"residual"}
    assert panel.numbers()["tokens"].shape == (len(panel.reading.tokens),)


def test_the_layer_of_the_cursor_is_shown_in_the_state_that_was_chosen(opened) -> None:
    session, panel = opened("char-lstm")
    block = panel.reading.layers[0].layer.block
    assert [plot.name for plot in plots(panel)] == ["LSTM, h"]
    panel.states.committed.emit((block, 0, False, "c"))
    assert [plot.name for plot in plots(panel)] == ["LSTM, c"]
    session.move_cursor(block="embedding", layer=0)
    assert [plot.name for plot in plots(panel)] == ["LSTM, c"]
    assert session.cursor.block == "embedding"


def test_kinds_of_characters_have_colours_of_their_own(opened) -> None:
    _, panel = opened("char-gru")
    (plot,) = plots(panel)
    panel.colours.set_value("class")
    panel.colours.value_changed.emit("class")
    colours = dict(zip(plot.tokens, plot.colours(), strict=True))
    assert colours["a"] == colours["o"] != colours["t"]
    assert colours[" "] not in (colours["a"], colours["t"])


def test_a_text_of_one_step_is_shown(qtbot, opened) -> None:
    session, panel = opened("char-lstm")
    session.set_probe_text("at")
    qtbot.waitUntil(lambda: len(panel.reading.tokens) == 1, timeout=30_000)
    panel.refresh()
    (plot,) = plots(panel)
    assert len(plot.xs) == 1
    session.move_cursor(t=5, unit=3, block="lstm")
    assert not panel.to_image(800, 500).isNull()
