"""The waterfall: recorded horizons over training, one column a measured step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from seqstudio.records.readings import GradientReading, Horizon
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.inside.gradients.waterfall import LEVELS, WaterfallPanel, first_below

LEFT = Qt.MouseButton.LeftButton


def line(slope: float, quantity: str = "dl/dh", steps: int = 32) -> Horizon:
    d = np.arange(steps)
    median = slope * d
    return Horizon("cell", "rnn", quantity, d, median, median, median, d + 1, slope, -1 / slope)


def looked(step: int, *horizons: Horizon) -> GradientReading:
    return GradientReading(step, tuple("x" * 32), (), horizons, 4, 32, "probe text", 0.01)


@pytest.fixture
def panel(viewing, shown) -> WaterfallPanel:
    """A run whose memory grew: ÷10 every 4 steps, then 8, then 16."""
    session = viewing("char-rnn")
    session.history = RunHistory("rnn-9")
    slopes = {0: -0.25, 100: -0.125, 400: -0.0625}
    session.history.extend(
        [looked(step, line(slope), line(2 * slope, "dl/demb")) for step, slope in slopes.items()]
    )
    session.history.step = 400
    return shown(WaterfallPanel(session), 800, 420)


def test_every_column_is_the_recorded_median(panel) -> None:
    found = panel.numbers()
    np.testing.assert_array_equal(found["step"], [0, 100, 400])
    np.testing.assert_array_equal(found["log10_median"][:, 1], -0.125 * np.arange(32))
    assert "3 measurements, steps 0 to 400" in panel.header.subtitle()
    QTest.mouseClick(panel._quantity._buttons["dl/demb"], LEFT)
    np.testing.assert_array_equal(panel.numbers()["log10_median"][:, 1], -0.25 * np.arange(32))


def test_depth_lines_climb_as_memory_grows(panel) -> None:
    (_, steps, tenth), (_, _, thousandth), _ = panel.chart.depths
    np.testing.assert_array_equal(steps, [0, 100, 400])
    np.testing.assert_allclose(tenth, [4.5, 8.5, 16.5])
    np.testing.assert_allclose(thousandth[:2], [12.5, 24.5])
    assert math.isnan(thousandth[2]), "it is not reached inside the window"


def test_first_place_below_a_level() -> None:
    values = np.array([[0.0, 0.0, np.nan], [-2.0, -0.5, np.nan], [-3.0, -np.inf, np.nan]])
    found = first_below(values, -1.0)
    np.testing.assert_allclose(found[:2], [1.0, 2.5])
    assert math.isnan(found[2])


def test_a_click_moves_the_training_clock_to_the_measurement(panel) -> None:
    frame = panel.chart.frame()
    QTest.mouseClick(panel.chart, LEFT, pos=frame.point(230.0, 10.0).toPoint())
    assert panel.session.cursor.step == 100
    QTest.mouseClick(panel.chart, LEFT, pos=frame.point(390.0, 10.0).toPoint())
    assert panel.session.cursor.step == 100, "step 400 is not yet measured there"
    panel._picked(400.0)
    assert panel.session.cursor.step is None, "the newest is live"
    panel.session.move_cursor(step=250)
    assert panel.chart._cursor == 250.0


def test_pointing_tells_step_distance_and_ratio(panel) -> None:
    panel.chart.row = 8
    panel._hovered(150.0)
    box = panel._read_out(150.0)
    assert box.title == "step 100"
    assert box.rows[0][1:] == ("d = 8", "0.1")
    assert panel.column_at(-1.0) is None


def test_the_picture_has_the_colours_of_fixed_levels(panel) -> None:
    image = panel.chart.grab().toImage()
    frame = panel.chart.frame()
    from seqstudio.studio.theme import theme

    table = theme().lookup("waterfall")
    for x, d, value in ((50.0, 20, -5.0), (250.0, 20, -2.5)):
        place = frame.point(x, d + 0.5).toPoint()
        index = round((value - LEVELS[0]) / (LEVELS[1] - LEVELS[0]) * 255)
        found = image.pixelColor(place)
        wanted = table[index]
        assert np.abs(np.array(found.getRgb()[:3]) - wanted[:3]).max() <= 6


def test_a_logarithmic_axis_begins_at_step_1(panel) -> None:
    QTest.mouseClick(panel._axis._buttons["log"], LEFT)
    x, _ = panel.chart.view()
    assert (x.low, x.high, x.log) == (1.0, 400.0, True)
    np.testing.assert_array_equal(panel.chart.depths[0][1], [1, 100, 400])


def test_one_measurement_is_not_a_picture_yet(viewing, shown) -> None:
    session = viewing("char-rnn", run=False)
    panel = shown(WaterfallPanel(session))
    assert panel.is_empty
    session.history.extend([looked(0, line(-0.5))])
    panel.refresh()
    assert panel.is_empty
    session.history.extend([looked(10, line(-0.5))])
    panel.refresh()
    assert not panel.is_empty
