"""Buttons, headers, messages, token strip: what they do under pointer, keys and theme."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QEnterEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from seqstudio.core.errors import GraphError
from seqstudio.studio.theme import theme, themes
from seqstudio.studio.widgets import (
    Button,
    CoachMark,
    EmptyState,
    EquationView,
    IconButton,
    InlineError,
    Label,
    PanelHeader,
    ProgressBar,
    Segments,
    StatValue,
    ToastStack,
    TokenStrip,
)
from seqstudio.studio.widgets.token_lines import break_lines, columns_of, shown_text

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    themes().set_reduced_motion(True)
    themes().set_mode("dark")
    made = QWidget()
    QVBoxLayout(made)
    made.resize(700, 500)
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    return made


def put(window: QWidget, *widgets: QWidget) -> None:
    layout = window.layout()
    assert layout is not None
    for widget in widgets:
        layout.addWidget(widget)
    QApplication.processEvents()


def picture(widget: QWidget) -> QImage:
    return widget.grab().toImage()


def colours(image: QImage, rect: QRect) -> set[str]:
    return {
        image.pixelColor(x, y).name()
        for x in range(rect.left(), rect.right() + 1)
        for y in range(rect.top(), rect.bottom() + 1)
    }


# Buttons


def test_the_primary_button_is_filled_with_accent(window: QWidget) -> None:
    primary, secondary = Button("Train", kind="primary", icon="play"), Button("Fork here")
    put(window, primary, secondary)
    assert picture(primary).pixelColor(6, 14) == theme().color("accent")
    assert picture(secondary).pixelColor(6, 14) == theme().color("surface3")
    themes().set_mode("light")
    assert picture(primary).pixelColor(6, 14) == theme().color("accent")


def test_buttons_keep_their_size_with_focus(window: QWidget) -> None:
    buttons = [Button("Train", kind="primary"), Button("Fork"), Button("Show me", kind="text")]
    put(window, *buttons)
    before = [b.sizeHint() for b in buttons]
    for button in buttons:
        button.setFocus()
        QApplication.processEvents()
        assert [b.sizeHint() for b in buttons] == before
        assert button.sizeHint().height() == theme().metric("button")


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space])
def test_keys_press_a_button_once(window: QWidget, qtbot: QtBot, key: Qt.Key) -> None:
    button = Button("Run", parent=window)
    pressed: list[bool] = []
    button.clicked.connect(lambda: pressed.append(True))
    put(window, button)
    qtbot.keyClick(button, key)
    assert pressed == [True]


def test_an_icon_button_tells_name_and_key(window: QWidget) -> None:
    button = IconButton("fork", "Fork here", key="F")
    put(window, button)
    assert button.toolTip() == "Fork here (F)"
    assert button.accessibleName() == "Fork here"
    assert button.size() == QSize(24, 24)


def test_segments_by_pointer_and_keys(window: QWidget, qtbot: QtBot) -> None:
    segments = Segments([("loss", "Loss"), ("ppl", "Perplexity"), ("bits", "Bits")], name="Unit")
    put(window, segments)
    chosen: list[str] = []
    segments.value_changed.connect(chosen.append)
    segments.set_value("bits")
    assert chosen == []
    buttons = segments.findChildren(QWidget)
    loss = next(b for b in buttons if b.accessibleName() == "Loss")
    qtbot.mouseClick(loss, LEFT)
    assert chosen == ["loss"]
    loss.setFocus()
    qtbot.keyClick(loss, Qt.Key.Key_Right)
    assert chosen == ["loss", "ppl"]
    assert segments.value() == "ppl"


def test_a_forbidden_segment_says_why(window: QWidget) -> None:
    segments = Segments([("a", "Matrix"), ("b", "Lines")])
    put(window, segments)
    segments.set_enabled("b", False, "Only for one head.")
    button = next(b for b in segments.findChildren(QWidget) if b.accessibleName() == "Lines")
    assert not button.isEnabled()
    assert button.toolTip() == "Only for one head."


# Words and numbers


def test_live_values_do_not_move_their_neighbours(window: QWidget) -> None:
    stat = StatValue("tokens/s", sample="888 k")
    put(window, stat)
    width = stat.width()
    for text in ("1 k", "412 k", "–"):
        stat.set_value(text)
        QApplication.processEvents()
        assert stat.width() == width


def test_labels_never_read_markup(window: QWidget) -> None:
    label = Label("<b>x</b>")
    put(window, label)
    assert label.sizeHint().width() > label.fontMetrics().horizontalAdvance("x") * 4


def test_a_tone_is_painted(window: QWidget) -> None:
    label = Label("MMMM", "title", "error")
    put(window, label)
    assert theme().color("error").name() in colours(picture(label), label.rect())
    label.set_tone("success")
    assert theme().color("success").name() in colours(picture(label), label.rect())


def test_a_long_subtitle_gives_way(window: QWidget) -> None:
    header = PanelHeader("Curves", "a very long subtitle " * 20)
    put(window, header)
    assert header.width() <= window.width()
    assert header.height() == theme().metric("panelHeader")
    header.set_subtitle("4 runs")
    assert header.subtitle() == "4 runs"


def test_progress_is_four_pixels_of_accent(window: QWidget) -> None:
    bar = ProgressBar()
    put(window, bar)
    bar.set_fraction(0.5)
    image = picture(bar)
    accent = theme().color("accent").name()
    column = [image.pixelColor(bar.width() // 4, y).name() for y in range(bar.height())]
    assert column.count(accent) == 4
    assert image.pixelColor(bar.width() * 3 // 4, bar.height() // 2).name() != accent
    bar.set_fraction(7.0)
    assert bar.value() == bar.maximum()


# Messages


def test_an_error_shows_its_three_parts(window: QWidget) -> None:
    message = InlineError.of(GraphError("Linear expects 128 features", "LSTM gives 256", "Set it"))
    put(window, message)
    texts = [label.text() for label in message.findChildren(Label) if label.isVisible()]
    assert {"Linear expects 128 features", "LSTM gives 256", "Set it"} <= set(texts)
    pressed: list[bool] = []
    button = message.add_action("Set Linear to 256")
    button.clicked.connect(lambda: pressed.append(True))
    button.click()
    assert pressed == [True]
    message.clear_actions()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert message.findChildren(QPushButton) == []


def test_empty_parts_of_an_error_take_no_room(window: QWidget) -> None:
    message = InlineError("What", "Why", hint="Hint")
    put(window, message)
    tall = message.sizeHint().height()
    message.set_message("What")
    QApplication.processEvents()
    assert message.sizeHint().height() < tall


def test_an_empty_state_offers_a_way(window: QWidget) -> None:
    empty = EmptyState("attention", "No attention to show", "Add a block.")
    put(window, empty)
    button = empty.add_action("Add self-attention", icon="plus")
    QApplication.processEvents()
    assert button.isVisible()
    assert empty.accessibleName() == "No attention to show"


def test_toasts_stack_at_the_bottom_right(window: QWidget) -> None:
    stack = ToastStack(window)
    toasts = [stack.show_toast(f"Saved {index}") for index in range(4)]
    assert stack.toasts() == tuple(toasts[1:])
    newest, older = toasts[3].geometry(), toasts[2].geometry()
    assert newest.center().x() > window.width() / 2
    assert older.center().y() < newest.center().y()
    window.resize(900, 600)
    QApplication.processEvents()
    assert toasts[3].geometry().bottom() > newest.bottom()


def test_a_toast_acts_and_goes(window: QWidget, qtbot: QtBot) -> None:
    stack = ToastStack(window)
    toast = stack.show_toast("Run 12 saved", action="Open")
    acted: list[bool] = []
    toast.acted.connect(lambda: acted.append(True))
    open_button = next(b for b in toast.findChildren(QPushButton) if b.text() == "Open")
    qtbot.mouseClick(open_button, LEFT)
    assert acted == [True]
    assert stack.toasts() == ()


def test_a_toast_stays_under_the_pointer(window: QWidget) -> None:
    toast = ToastStack(window).show_toast("Saved")
    life = toast._life
    QApplication.sendEvent(toast, QEvent(QEvent.Type.Leave))
    assert life.isActive()
    assert life.interval() == 6000
    place = QPointF(50, 50)
    QApplication.sendEvent(toast, QEnterEvent(place, place, place))
    assert not life.isActive()
    QApplication.sendEvent(toast, QEvent(QEvent.Type.Leave))
    assert life.isActive()
    toast.close_toast()


@pytest.mark.parametrize(
    "place", [(10, 20, 80, 30), (10, 440, 80, 30), (0, 40, 200, 420), (440, 40, 200, 420)]
)
def test_a_coach_mark_never_covers_its_control(
    window: QWidget, place: tuple[int, int, int, int]
) -> None:
    target = QPushButton("Play", window)
    target.setGeometry(*place)
    target.show()
    mark = CoachMark(target, "Press Train and watch what happens to every panel.", 1, 5)
    mark.show()
    assert not mark.geometry().intersects(target.geometry())
    assert window.rect().contains(mark.geometry())
    steps: list[str] = []
    mark.next_pressed.connect(lambda: steps.append("next"))
    mark.skipped.connect(lambda: steps.append("skip"))
    QTest.keyClick(mark, Qt.Key.Key_Escape)
    mark._next.click()
    assert steps == ["skip", "next"]


def test_equations_arrive_and_bad_ones_show_their_source(window: QWidget, qtbot: QtBot) -> None:
    view = EquationView([r"c_t = f_t \odot c_{t-1}", r"\frac{a"])
    put(window, view)
    qtbot.waitUntil(lambda: len(view._drawn) == 2, timeout=10_000)
    good, bad = (view._drawn[view._key(latex)] for latex in view._latex)
    assert good.startswith(b"<svg")
    assert bad == b""
    assert view.sizeHint().height() > 40


# Token strip


def strip_in(window: QWidget, text: str) -> TokenStrip:
    strip = TokenStrip()
    put(window, strip)
    strip.set_tokens(list(text))
    QApplication.processEvents()
    return strip


def test_lines_break_at_line_ends_and_at_the_width() -> None:
    lines = break_lines(list("ab\ncdefgh"), 4)
    assert lines.start_L.tolist() == [0, 3, 7, 9]
    assert lines.column_N.tolist() == [0, 1, 2, 0, 1, 2, 3, 0, 1]


def test_every_token_is_found_where_it_stands() -> None:
    tokens = ["The", " learned", "\n", "日本", " reel", "\t", "x" * 30, "e\u0301"]
    lines = break_lines(tokens, 12)
    for index in range(len(tokens)):
        line = lines.line_of(index)
        column = float(lines.column_N[index])
        assert lines.token_at(line, column) == index
        assert lines.token_at(line, column + float(lines.width_N[index]) - 0.01) == index
    assert lines.token_at(99, 0) is None


def test_widths_of_signs() -> None:
    assert columns_of("日本") == 4
    assert columns_of("e\u0301") == 1
    assert shown_text("a\n") == "a⏎"
    assert shown_text("\x00") == "·"
    assert shown_text("") == "·"


def test_values_colour_the_cells(window: QWidget) -> None:
    strip = strip_in(window, "abcd")
    strip.set_values([-1.0, 0.0, 1.0, np.nan])
    table = theme().lookup("text")
    image = picture(strip)
    expected = [table[0], table[128], table[255], None]
    for token, row in enumerate(expected):
        rect = strip.token_rect(token)
        seen = image.pixelColor(rect.toRect().left() + 1, rect.toRect().top() + 1)
        wanted = theme().color("surface0") if row is None else QColor(*row[:3].tolist())
        assert seen == wanted


def test_values_must_fit_the_tokens(window: QWidget) -> None:
    strip = strip_in(window, "abcd")
    with pytest.raises(ValueError, match="4 tokens"):
        strip.set_values([1.0])
    with pytest.raises(ValueError, match="limit"):
        strip.set_values([1.0] * 4, limit=0.0)


def test_pointer_on_tokens(window: QWidget) -> None:
    strip = strip_in(window, "hello world")
    cells = strip.focusProxy()
    assert cells is not None
    port = cells.viewport()  # type: ignore[attr-defined]
    clicked: list[int] = []
    brushed: list[tuple[int, int]] = []
    strip.clicked.connect(clicked.append)
    strip.brushed.connect(lambda first, last: brushed.append((first, last)))
    places = [strip.token_rect(token).center().toPoint() for token in (4, 8)]
    places = [port.mapFrom(strip, place) for place in places]
    QTest.mouseClick(port, LEFT, PLAIN, places[0])
    assert clicked == [4]
    assert strip.cursor_token() == 4
    QTest.mousePress(port, LEFT, PLAIN, places[1])
    QTest.mouseMove(port, places[0] + QPoint(1, 1))
    QTest.mouseMove(port, places[0])
    QTest.mouseRelease(port, LEFT, PLAIN, places[0])
    assert brushed == [(4, 8)]
    assert clicked == [4]


def test_keys_move_through_the_text(window: QWidget, qtbot: QtBot) -> None:
    strip = strip_in(window, "abc\ndefg\nh")
    cells = strip.focusProxy()
    assert cells is not None
    clicked: list[int] = []
    strip.clicked.connect(clicked.append)
    strip.set_cursor(1)
    keys = (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End)
    for key in keys:
        qtbot.keyClick(cells, key)
    assert clicked == [2, 6, 9, 0, 9]


def test_a_long_text_scrolls_to_the_cursor(window: QWidget) -> None:
    strip = strip_in(window, "some words and more\n" * 4000)
    strip.set_cursor(79_000)
    rect = strip.token_rect(79_000)
    assert strip.rect().contains(rect.toRect())


def test_a_cursor_outside_is_no_cursor(window: QWidget) -> None:
    strip = strip_in(window, "ab")
    strip.set_cursor(99)
    assert strip.cursor_token() is None


def test_the_key_bar_names_the_quantity(window: QWidget) -> None:
    strip = strip_in(window, "ab")
    height = strip.sizeHint().height()
    strip.set_quantity("tanh c, unit 203")
    assert strip.sizeHint().height() > height
