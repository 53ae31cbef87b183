"""Plots under pointer and keys, and what they paint, pixel by pixel where it matters."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from seqstudio.studio.plots import HeatMap, Plot, map_image, resolve
from seqstudio.studio.plots.names import end_labels
from seqstudio.studio.theme import Theme, theme, themes

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def plot(qtbot: QtBot) -> Plot:
    themes().set_mode("dark")
    made = Plot(x_title="training step k", y_title="loss, nats", x_symbol="k")
    made.set_range(x=(0, 1000), y=(0, 4))
    made.resize(700, 400)
    qtbot.addWidget(made)
    made.show()
    return made


def at(plot: Plot, x: float, y: float = 2.0) -> QPoint:
    return plot.frame().point(x, y).toPoint()


def wheel(widget: QWidget, place: QPoint, delta: int, keys: Qt.KeyboardModifier = PLAIN) -> None:
    event = QWheelEvent(
        QPointF(place),
        QPointF(widget.mapToGlobal(place)),
        QPoint(),
        QPoint(0, delta),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def drag(widget: QWidget, start: QPoint, end: QPoint, keys: Qt.KeyboardModifier = PLAIN) -> None:
    QTest.mousePress(widget, LEFT, keys, start)
    for share in (0.2, 0.5, 1.0):
        place = QPointF(start) + (QPointF(end) - QPointF(start)) * share
        everywhere = QPointF(widget.mapToGlobal(place.toPoint()))
        kind = QMouseEvent.Type.MouseMove
        QApplication.sendEvent(widget, QMouseEvent(kind, place, everywhere, LEFT, LEFT, keys))
    QTest.mouseRelease(widget, LEFT, keys, end)


def has_colour(image: QImage, rect: QRectF, colour: QColor, tolerance: int = 40) -> bool:
    area = rect.toRect()
    for x in range(area.left(), area.right() + 1):
        for y in range(area.top(), area.bottom() + 1):
            seen = image.pixelColor(x, y)
            off = [abs(a - b) for a, b in zip(seen.getRgb(), colour.getRgb(), strict=True)]
            if max(off) <= tolerance:
                return True
    return False


# View


def test_the_wheel_zooms_x_about_the_pointer(plot: Plot) -> None:
    place = at(plot, 250)
    before = plot.frame().x_at(place.x())
    wheel(plot, place, 240)
    x, y = plot.view()
    assert x.high - x.low == pytest.approx(1000 * 0.64)
    assert (y.low, y.high) == (0, 4)
    assert plot.frame().x_at(place.x()) == pytest.approx(before)


def test_control_and_wheel_zoom_y(plot: Plot) -> None:
    wheel(plot, at(plot, 500, 2), -120, CONTROL)
    x, y = plot.view()
    assert (x.low, x.high) == (0, 1000)
    assert y.high - y.low == pytest.approx(5)


def test_dragging_pans_and_a_double_click_restores(plot: Plot) -> None:
    drag(plot, at(plot, 500), at(plot, 400))
    x, y = plot.view()
    assert x.low == pytest.approx(100, abs=3)
    assert (y.low, y.high) == (0, 4)
    QTest.mouseDClick(plot, LEFT, PLAIN, at(plot, 500))
    assert plot.view()[0].low == 0


def test_keys_zoom_pan_and_restore(plot: Plot, qtbot: QtBot) -> None:
    plot.setFocus()
    qtbot.keyClick(plot, Qt.Key.Key_Plus)
    assert plot.view()[0].high - plot.view()[0].low == pytest.approx(800)
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert plot.view()[0].low == pytest.approx(180)
    qtbot.keyClick(plot, Qt.Key.Key_Home)
    assert plot.view()[0].low == 0


def test_a_click_picks_and_shift_brushes(plot: Plot) -> None:
    picked: list[float] = []
    brushed: list[tuple[float, float]] = []
    plot.picked.connect(picked.append)
    plot.brushed.connect(lambda low, high: brushed.append((low, high)))
    QTest.mouseClick(plot, LEFT, PLAIN, at(plot, 300))
    assert picked == pytest.approx([300], abs=2)
    drag(plot, at(plot, 600), at(plot, 200), SHIFT)
    assert brushed[0] == pytest.approx((200, 600), abs=3)
    assert len(picked) == 1
    assert plot.view()[0].low == 0


def test_the_fixed_range_grows_with_the_data_in_steps(plot: Plot) -> None:
    curve = plot.add_curve("a", "arch:lstm", label="LSTM")
    highs = set()
    for step in range(0, 5000, 50):
        curve.append(step, 3.0)
        highs.add(plot.view()[0].high)
    assert plot.view()[0].high >= 4950
    assert len(highs) < 12
    curve.append(5000, 9.0)
    assert plot.view()[1].high >= 9


def test_a_zoomed_view_stays_while_data_comes(plot: Plot) -> None:
    curve = plot.add_curve("a")
    wheel(plot, at(plot, 250), 120)
    seen = plot.view()[0]
    curve.append(99_999, 1.0)
    assert plot.view()[0] == seen
    plot.restore()
    assert plot.view()[0].high >= 99_999


def test_fixed_means_fixed(plot: Plot) -> None:
    plot.set_growing(x=False, y=False)
    plot.add_curve("a").append(5000, 50)
    assert plot.view()[0].high == 1000
    assert plot.view()[1].high == 4


def test_fit_takes_round_ends(plot: Plot) -> None:
    plot.add_curve("a").extend([0, 480], [1.37, 3.9])
    plot.fit()
    x, y = plot.view()
    assert (x.low, x.high) == (0, 600) or (x.low, x.high) == (0, 500)
    assert (y.low, y.high) == (1, 4)


# Thresholds


def test_dragging_a_threshold(plot: Plot) -> None:
    plot.add_threshold("clip", 1.0, label="clip at ", minimum=0.5, maximum=3.0)
    moved: list[tuple[str, float]] = []
    committed: list[tuple[str, float]] = []
    plot.threshold_moved.connect(lambda key, value: moved.append((key, value)))
    plot.threshold_committed.connect(lambda key, value: committed.append((key, value)))
    right = int(plot.frame().rect.right()) - 5
    start = QPoint(right, at(plot, 0, 1.0).y())
    drag(plot, start, QPoint(right, at(plot, 0, 2.0).y()))
    assert committed == [("clip", pytest.approx(2.0, abs=0.02))]
    assert len(moved) >= 2
    assert plot.view()[0].low == 0
    drag(plot, QPoint(right, at(plot, 0, 2.0).y()), QPoint(right, at(plot, 0, 3.9).y()))
    assert committed[-1][1] == 3.0


def test_a_threshold_moves_by_key(plot: Plot, qtbot: QtBot) -> None:
    plot.add_threshold("clip", 1.0)
    committed: list[float] = []
    plot.threshold_committed.connect(lambda _key, value: committed.append(value))
    plot.setFocus()
    qtbot.keyClick(plot, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert committed == [pytest.approx(1.04)]


def test_the_wall_of_truncation_moves_in_whole_steps(plot: Plot, qtbot: QtBot) -> None:
    plot.set_range(x=(0, 128))
    plot.set_truncation(96, maximum=128)
    moved: list[float] = []
    plot.threshold_moved.connect(lambda _key, value: moved.append(value))
    drag(plot, at(plot, 96), at(plot, 64))
    assert moved[-1] == 64
    assert all(value == round(value) for value in moved)
    plot.setFocus()
    qtbot.keyClick(plot, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert moved[-1] == 63
    image = plot.grab().toImage()
    right = QRectF(at(plot, 70).x(), plot.frame().rect.top() + 60, 40, 40)
    left = QRectF(at(plot, 20).x(), plot.frame().rect.top() + 60, 15, 8)
    assert has_colour(image, right, theme().color("lineStrong"), 12)
    assert not has_colour(image, left, theme().color("lineStrong"), 12)


# Painting


def test_a_line_is_where_its_numbers_are(plot: Plot) -> None:
    plot.add_curve("a", "arch:rnn", label="RNN").set_data([0, 1000], [1.0, 1.0])
    image = plot.grab().toImage()
    place = at(plot, 500, 1.0)
    assert has_colour(image, QRectF(place.x(), place.y() - 1, 2, 3), theme().arch("rnn"))
    assert not has_colour(image, QRectF(place.x(), place.y() - 12, 2, 6), theme().arch("rnn"))


def test_one_spike_in_a_hundred_thousand_is_seen(plot: Plot) -> None:
    y = np.full(100_000, 1.0)
    y[54_321] = 3.5
    plot.set_range(x=(0, 100_000))
    plot.add_curve("a", "arch:rnn").set_data(np.arange(100_000), y)
    image = plot.grab().toImage()
    place = at(plot, 54_321, 3.3)
    around = QRectF(place.x() - 2, place.y() - 2, 5, 4)
    assert has_colour(image, around, theme().arch("rnn"), 90)


def test_a_value_that_is_no_number_is_marked(plot: Plot) -> None:
    plot.add_curve("a", "arch:rnn").set_data([0, 500, 1000], [1.0, np.nan, np.inf])
    image = plot.grab().toImage()
    top = QRectF(at(plot, 500).x() - 3, plot.frame().rect.top(), 6, 8)
    assert has_colour(image, top, theme().color("error"), 60)


def test_names_stand_at_the_ends_and_apart(plot: Plot) -> None:
    for index in range(4):
        curve = plot.add_curve(f"c{index}", "arch:gru", label=f"GRU {index}", form=".2f")
        curve.set_data([0, 1000], [2.0, 1.5 + index * 0.01])
    labels = end_labels(plot.frame(), plot.curves())
    heights = sorted(label.at.y() for label in labels)
    assert len(labels) == 4
    assert np.diff(heights).min() >= 13.99
    assert all(label.at.x() > plot.frame().rect.right() for label in labels)


def test_a_line_that_has_not_arrived_is_named_where_it_is(plot: Plot) -> None:
    plot.add_curve("a", "arch:lstm", label="LSTM").set_data([0, 400], [3, 2])
    (label,) = end_labels(plot.frame(), plot.curves())
    assert label.inside
    assert at(plot, 400).x() < label.at.x() < plot.frame().rect.right()


def test_more_than_eight_lines_have_a_legend(plot: Plot) -> None:
    for index in range(9):
        curve = plot.add_curve(f"c{index}", "arch:gru", label=f"G{index}")
        curve.set_data([0, 1000], [1, index / 4])
    assert end_labels(plot.frame(), plot.curves()) == []
    image = plot.grab().toImage()
    rect = plot.frame().rect
    corner = QRectF(rect.right() - 60, rect.top(), 40, 60)
    assert has_colour(image, corner, theme().arch("gru"))


def test_the_cursor_is_seen_and_reads_out(plot: Plot) -> None:
    plot.add_curve("a", "arch:lstm", label="LSTM", form=".2f").set_data([0, 1000], [1, 1])
    plot.set_cursor(250)
    image = plot.grab().toImage()
    place = at(plot, 250, 3.0)
    assert has_colour(image, QRectF(place.x() - 1, place.y(), 3, 2), theme().color("cursor"), 30)
    box = QRectF(place.x() + 20, plot.frame().rect.top() + 14, 30, 4)
    assert has_colour(image, box, theme().color("surface3"), 2)
    plot.set_read_out(False)
    image = plot.grab().toImage()
    assert not has_colour(image, box, theme().color("surface3"), 2)


def test_a_switch_of_the_theme_repaints(plot: Plot) -> None:
    plot.grab()
    themes().set_mode("light")
    try:
        assert plot.grab().toImage().pixelColor(2, 2) == theme().color("surface0")
    finally:
        themes().set_mode("dark")


def test_an_exported_picture_has_its_own_size_and_theme(plot: Plot) -> None:
    plot.add_curve("a", "arch:rnn").set_data([0, 1000], [1, 1])
    before = plot.size()
    image = plot.to_image((500, 300), theme=Theme(name="light"), title="Loss", ratio=2.0)
    assert (image.width(), image.height()) == (1000, 672)
    assert image.pixelColor(4, 4) == Theme(name="light").color("surface0")
    assert plot.size() == before
    assert theme().name == "dark"


@pytest.mark.parametrize("size", [(160, 100), (30, 20), (1, 1)])
def test_any_size_can_be_painted(plot: Plot, size: tuple[int, int]) -> None:
    plot.add_curve("a", label="A").set_data([0, 1000], [1, 2])
    plot.add_floor(1.6, "floor 1.6")
    plot.set_cursor(5)
    assert not plot.to_image(size).isNull()


def test_an_empty_plot_shows_axes_and_references(plot: Plot) -> None:
    plot.add_floor(1.669, "5-gram floor 1.669")
    image = plot.grab().toImage()
    y = at(plot, 0, 1.669).y()
    line = QRectF(plot.frame().rect.left(), y - 1, 40, 3)
    assert has_colour(image, line, theme().color("textHi"), 110)


def test_paint_words() -> None:
    assert resolve("arch:lstm") == theme().arch("lstm")
    assert resolve("role:gradient") == theme().role("gradient")
    assert resolve("textHi") == theme().color("textHi")
    with pytest.raises(KeyError):
        resolve("arch:nothing")


# Heat map


@pytest.fixture
def heat(qtbot: QtBot) -> HeatMap:
    themes().set_mode("dark")
    made = HeatMap("attention", x_title="key", y_title="query", bar_title="weight")
    made.resize(460, 400)
    qtbot.addWidget(made)
    made.show()
    return made


def centre(heat: HeatMap, row: int, column: int) -> QPoint:
    frame = heat.frame()
    x, y = frame.column_rect(column).center().x(), frame.row_rect(row).center().y()
    return QPointF(x, y).toPoint()


def test_cells_have_the_colours_of_their_levels(heat: HeatMap) -> None:
    heat.set_data([[0.0, 0.5], [1.0, 7.0]], levels=(0, 1))
    image = heat.grab().toImage()
    table = theme().lookup("attention")
    for (row, column), index in {(0, 0): 0, (0, 1): 128, (1, 0): 255, (1, 1): 255}.items():
        seen = image.pixelColor(centre(heat, row, column))
        assert seen == QColor(*table[index][:3].tolist())


def test_cells_are_never_smoothed(heat: HeatMap) -> None:
    heat.set_data([[0.0, 1.0]], levels=(0, 1))
    image = heat.grab().toImage()
    rect = heat.frame().rect
    y = int(rect.center().y())
    seen = {
        image.pixelColor(x, y).name() for x in range(int(rect.left()) + 1, int(rect.right()) - 1)
    }
    assert len(seen) == 2


def test_masked_undefined_and_zero_look_different(heat: HeatMap) -> None:
    heat.set_data([[0.0, np.nan, 0.3]], levels=(0, 1), masked=[[False, False, True]])
    image = heat.grab().toImage()
    frame = heat.frame()
    well, dot = theme().color("surface0"), theme().color("textLow")
    hatch = theme().color("gridMajor")
    zero, undefined, masked = (frame.column_rect(c).adjusted(4, 4, -4, -4) for c in range(3))
    assert not has_colour(image, zero, well, 2)
    assert has_colour(image, undefined, well, 2)
    assert has_colour(image, undefined, dot, 40)
    assert not has_colour(image, undefined, hatch, 3)
    assert has_colour(image, masked, hatch, 3)
    assert not has_colour(image, masked, dot, 40)


def test_pointer_and_keys_on_cells(heat: HeatMap, qtbot: QtBot) -> None:
    heat.set_data(np.zeros((4, 5)))
    hovered: list[tuple[int, int]] = []
    picked: list[tuple[int, int]] = []
    heat.hovered.connect(lambda row, column: hovered.append((row, column)))
    heat.picked.connect(lambda row, column: picked.append((row, column)))
    place = centre(heat, 2, 3)
    kind, spot = QMouseEvent.Type.MouseMove, QPointF(place)
    none = Qt.MouseButton.NoButton
    QApplication.sendEvent(heat, QMouseEvent(kind, spot, spot, none, none, PLAIN))
    assert hovered == [(2, 3)]
    assert heat.toolTip() == "row 2, column 3: 0"
    QTest.mouseClick(heat, LEFT, PLAIN, place)
    heat.set_cursor(2, 3)
    heat.setFocus()
    qtbot.keyClick(heat, Qt.Key.Key_Up)
    assert picked == [(2, 3), (1, 3)]


def test_square_cells_are_square(heat: HeatMap, qtbot: QtBot) -> None:
    square = HeatMap("attention", square=True)
    qtbot.addWidget(square)
    square.resize(600, 300)
    square.set_data(np.zeros((8, 12)))
    width, height = square.frame().cell
    assert width == height
    assert 10 <= width <= 28


def test_the_cursor_is_seen_on_the_darkest_and_the_brightest_cell(heat: HeatMap) -> None:
    for value in (0.0, 1.0):
        heat.set_data(np.full((4, 4), value))
        heat.set_cursor(1, None)
        image = heat.grab().toImage()
        edge = heat.frame().row_rect(1)
        strip = QRectF(edge.center().x(), edge.top() - 4, 2, 8)
        line, casing = theme().map_cursor()
        assert has_colour(image, strip, line, 60)
        bright = [
            image.pixelColor(int(strip.left()), int(strip.top()) + dy).lightness()
            for dy in range(8)
        ]
        assert max(bright) - min(bright) > 100
        assert casing.alpha() < 255


def test_a_large_map_is_reduced_and_says_so(heat: HeatMap) -> None:
    values = np.zeros((2000, 2000))
    values[1234, 567] = 1.0
    heat.set_data(values)
    image = heat.grab().toImage()
    place = centre(heat, 1234, 567)
    bright = QColor(*theme().lookup("attention")[255][:3].tolist())
    assert has_colour(image, QRectF(place.x() - 2, place.y() - 2, 5, 5), bright, 10)
    under = QRectF(heat.frame().rect.left(), heat.frame().rect.bottom() + 18, 120, 18)
    assert has_colour(image, under, theme().color("textLow"), 60)
    assert heat.value(1234, 567) == 1.0


@pytest.mark.parametrize(
    ("values", "levels", "masked"),
    [
        ([1.0, 2.0], (0, 1), None),
        ([[1.0]], (1, 1), None),
        ([[1.0]], (0, 1), [[True, False]]),
    ],
)
def test_what_a_map_refuses(
    heat: HeatMap, values: object, levels: tuple[float, float], masked: object
) -> None:
    with pytest.raises(ValueError, match="no map"):
        heat.set_data(values, levels, masked=masked)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (3, 0), (300, 2)])
def test_any_shape_can_be_painted(heat: HeatMap, shape: tuple[int, int]) -> None:
    heat.set_data(np.full(shape, np.nan))
    heat.set_labels(["a"] * shape[0], ["b"] * shape[1])
    heat.set_cursor(0, 0)
    assert not heat.to_image((200, 160), theme=Theme(name="light"), title="Map").isNull()


def test_a_thumbnail_has_one_pixel_a_cell(qapp: QApplication) -> None:
    image = map_image(np.array([[-1.0, 1.0]]), "signed", (-1, 1), np.array([[True, False]]))
    assert (image.width(), image.height()) == (2, 1)
    assert image.pixelColor(0, 0).alpha() == 0
    assert image.pixelColor(1, 0) == QColor(*theme().lookup("signed")[255][:3].tolist())


def test_painting_at_twice_the_ratio_is_sharp(heat: HeatMap) -> None:
    heat.set_data([[0.0, 1.0]], masked=[[True, False]])
    image = heat.to_image((300, 200), ratio=2.0)
    assert (image.width(), image.height()) == (600, 400)
    painter = QPainter(image)
    assert painter.isActive()
    painter.end()
