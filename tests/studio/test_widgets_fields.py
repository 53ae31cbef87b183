"""Fields by hand: type, step, drag, refuse; one commit at the end of a gesture."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from seqstudio.studio.theme import themes
from seqstudio.studio.widgets import (
    CheckField,
    ComboField,
    FormRow,
    NumberField,
    SearchField,
    SliderField,
    TextField,
    format_number,
    parse_number,
)
from seqstudio.studio.widgets.numbers import quantise, range_text

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier


class Log:
    """Collects what two signals of a field say."""

    def __init__(self, field: object) -> None:
        self.changed: list[object] = []
        self.committed: list[object] = []
        field.value_changed.connect(self.changed.append)  # type: ignore[attr-defined]
        field.committed.connect(self.committed.append)  # type: ignore[attr-defined]


def shown(qtbot: QtBot, *fields: QWidget) -> QWidget:
    themes().set_mode("dark")
    window = QWidget()
    rows = QVBoxLayout(window)
    for field in fields:
        rows.addWidget(field)
    qtbot.addWidget(window)
    fields[0].window_kept = window  # type: ignore[attr-defined]
    window.resize(360, 200)
    window.show()
    window.activateWindow()
    with qtbot.waitActive(window):
        pass
    return window


def drag(field: QWidget, by: int, keys: Qt.KeyboardModifier = PLAIN) -> None:
    start = QPoint(20, 10)
    QTest.mousePress(field, LEFT, keys, start)
    steps = max(1, abs(by))
    for step in range(1, steps + 1):
        _move(field, QPoint(start.x() + by * step // steps, start.y()), keys)
    QTest.mouseRelease(field, LEFT, keys, start + QPoint(by, 0))


def _move(field: QWidget, place: QPoint, keys: Qt.KeyboardModifier) -> None:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent

    everywhere = field.mapToGlobal(place)
    event = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(place), QPointF(everywhere), LEFT, LEFT, keys
    )
    QApplication.sendEvent(field, event)


# Numbers as text


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (2e-3, "sci", "2.0e-3"),
        (0, "sci", "0.0e0"),
        (1024, "int", "1,024"),
        (-0.5, ".2f", "−0.50"),
        (-0.001, ".2f", "0.00"),
        (1234567.0, "int", "1,234,567"),
        (0.1, "auto", "0.1"),
        (1.5e-7, "auto", "1.5e-7"),
        (876929, "auto", "876,929"),
        (math.inf, "auto", "∞"),
        (math.nan, "auto", "nan"),
    ],
)
def test_numbers_are_written(value: float, form: str, text: str) -> None:
    assert format_number(value, form) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,024", 1024.0), ("−0.5", -0.5), (" 2e-3 ", 2e-3), ("1 000", 1000.0), ("-3", -3.0)],
)
def test_numbers_are_read(text: str, value: float) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "nan", "inf", "--1"])
def test_what_is_no_number_is_not_read(text: str) -> None:
    assert parse_number(text) is None


@given(st.floats(-1e9, 1e9), st.sampled_from(["int", ".2f", "sci", "auto"]))
def test_what_is_written_reads_back(value: float, form: str) -> None:
    kept = quantise(value, form)
    again = parse_number(format_number(kept, form))
    assert again == pytest.approx(kept, rel=6e-2 if form == "auto" else 1e-9, abs=1e-12)


def test_ranges_in_words() -> None:
    assert range_text(0, 0.95, ".2f") == "0.00 to 0.95"
    assert range_text(1, math.inf, "int") == "1 or more"
    assert range_text(-math.inf, math.inf) == ""


# NumberField


def test_typing_takes_effect_with_enter_only(qtbot: QtBot) -> None:
    field = NumberField(256, 1, 1024, form="int")
    log = Log(field)
    shown(qtbot, field)
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "128")
    assert field.value() == 256
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.value() == 128
    assert log.changed == log.committed == [128]
    assert isinstance(log.committed[0], int)


def test_leaving_the_field_takes_effect(qtbot: QtBot) -> None:
    field, other = NumberField(0.5, 0, 1, form=".2f"), TextField()
    log = Log(field)
    shown(qtbot, field, other)
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "0.25")
    other.setFocus()
    assert field.value() == 0.25
    assert log.committed == [0.25]


def test_out_of_range_is_told_and_refused(qtbot: QtBot) -> None:
    field = NumberField(0.1, 0, 0.95, form=".2f")
    field.set_range(0, 0.95, "Above that nothing is left to learn from.")
    reasons: list[str] = []
    field.invalid_changed.connect(reasons.append)
    log = Log(field)
    shown(qtbot, field)
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "1.40")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert reasons[-1] == "0.00 to 0.95. Above that nothing is left to learn from."
    assert field.property("invalid") is True
    assert field.value() == 0.1
    assert log.committed == []
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == "0.10"
    assert reasons[-1] == ""


@pytest.mark.parametrize(
    ("text", "reason"), [("abc", "Not a number."), ("2.5", "A whole number.")]
)
def test_reasons(qtbot: QtBot, text: str, reason: str) -> None:
    field = NumberField(2, 1, 8, form="int")
    reasons: list[str] = []
    field.invalid_changed.connect(reasons.append)
    shown(qtbot, field)
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)
    assert reasons[-1] == reason


def test_a_rule_of_ones_own_refuses(qtbot: QtBot) -> None:
    field = NumberField(64, 1, 1024, form="int")
    field.set_check(lambda value: "" if value % 4 == 0 else "A multiple of 4 heads.")
    shown(qtbot, field)
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "66")
    assert not field.is_valid()
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.value() == 64


def test_arrow_keys_step(qtbot: QtBot) -> None:
    field = NumberField(0.5, 0, 20, form=".1f")
    log = Log(field)
    shown(qtbot, field)
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_Up)
    assert field.value() == pytest.approx(0.6)
    qtbot.keyClick(field, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert field.value() == pytest.approx(1.6)
    qtbot.keyClick(field, Qt.Key.Key_PageDown)
    assert field.value() == pytest.approx(0.6)
    assert len(log.committed) == 3


def test_logarithmic_steps_are_tenths_of_a_decade(qtbot: QtBot) -> None:
    field = NumberField(1e-3, 1e-6, 1, form="sci", log=True)
    shown(qtbot, field)
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert field.value() == pytest.approx(1e-2)


def test_dragging_changes_and_commits_once(qtbot: QtBot) -> None:
    field = NumberField(100, 0, 1000, form="int")
    log = Log(field)
    shown(qtbot, field)
    drag(field, 40)
    assert field.value() == 110
    assert log.committed == [110]
    assert len(log.changed) > 3


@pytest.mark.parametrize(
    ("keys", "value"),
    [(Qt.KeyboardModifier.ShiftModifier, 600), (Qt.KeyboardModifier.AltModifier, 105)],
)
def test_shift_is_coarse_and_alt_is_fine(
    qtbot: QtBot, keys: Qt.KeyboardModifier, value: int
) -> None:
    field = NumberField(100, 0, 1000, form="int")
    shown(qtbot, field)
    drag(field, 200, keys)
    assert field.value() == value


def test_a_drag_stops_at_the_end_of_the_range(qtbot: QtBot) -> None:
    field = NumberField(5, 1, 8, form="int")
    shown(qtbot, field)
    drag(field, 400)
    assert field.value() == 8


def test_a_click_selects_the_number_for_typing(qtbot: QtBot) -> None:
    field = NumberField(5, 1, 8, form="int")
    shown(qtbot, field)
    qtbot.mouseClick(field, LEFT)
    assert field.selectedText() == "5"
    qtbot.keyClicks(field, "7")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.value() == 7


def test_setting_a_value_is_silent_and_leaves_typing_alone(qtbot: QtBot) -> None:
    field = NumberField(5, 1, 80, form="int")
    log = Log(field)
    shown(qtbot, field)
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "7")
    field.set_value(6)
    assert field.text() == "7"
    assert log.changed == []


def test_a_wheel_over_a_field_without_focus_scrolls_the_form(qtbot: QtBot) -> None:
    field, other = NumberField(5, 1, 8, form="int"), TextField()
    shown(qtbot, other, field)
    other.setFocus()
    event = _wheel(field, 120)
    QApplication.sendEvent(field, event)
    assert field.value() == 5
    assert not event.isAccepted()


def _wheel(widget: QWidget, delta: int) -> QWheelEvent:
    place = QPointF(widget.rect().center())
    return QWheelEvent(
        place,
        QPointF(widget.mapToGlobal(place.toPoint())),
        QPoint(),
        QPoint(0, delta),
        Qt.MouseButton.NoButton,
        PLAIN,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )


def test_the_tool_tip_tells_the_range(qtbot: QtBot) -> None:
    field = NumberField(5, 1, 8, form="int")
    qtbot.addWidget(field)
    assert field.toolTip().startswith("1 to 8.")


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_focus_does_not_move_anything(qtbot: QtBot, mode: str) -> None:
    fields = [
        NumberField(5, 1, 8),
        TextField("x"),
        ComboField([(1, "one"), (2, "two")]),
        CheckField("on"),
        SliderField(1, 0, 2),
    ]
    window = shown(qtbot, *fields)
    themes().set_mode(mode)  # type: ignore[arg-type]
    before = [field.geometry() for field in fields]
    hints = [field.sizeHint() for field in fields]
    for field in fields:
        field.setFocus(Qt.FocusReason.TabFocusReason)
        QApplication.processEvents()
        assert [f.geometry() for f in fields] == before
        assert [f.sizeHint() for f in fields] == hints
    themes().set_mode("dark")
    assert window.isVisible()


# SliderField


def test_track_and_number_agree_on_a_log_scale(qtbot: QtBot) -> None:
    field = SliderField(1e-3, 1e-5, 1e-1, form="sci", log=True)
    shown(qtbot, field)
    assert field.track.value() == 500
    field.set_value(1e-1)
    assert field.track.value() == 1000


def test_dragging_the_handle(qtbot: QtBot) -> None:
    field = SliderField(0, 0, 10, form=".1f")
    log = Log(field)
    shown(qtbot, field)
    track = field.track
    middle = QPoint(track.width() // 2, track.height() // 2)
    QTest.mousePress(track, LEFT, PLAIN, middle)
    assert field.value() == pytest.approx(5, abs=0.2)
    assert log.committed == []
    QTest.mouseRelease(track, LEFT, PLAIN, middle)
    assert log.committed == [field.value()]


def test_the_handle_snaps_to_marks(qtbot: QtBot) -> None:
    field = SliderField(0, 0, 10, form=".1f", marks=[5.0])
    shown(qtbot, field)
    near = QPoint(field.track.width() // 2 + 3, 10)
    QTest.mouseClick(field.track, LEFT, PLAIN, near)
    assert field.value() == 5.0


def test_keys_on_the_track(qtbot: QtBot) -> None:
    field = SliderField(5, 0, 10, form="int")
    shown(qtbot, field)
    field.track.setFocus()
    qtbot.keyClick(field.track, Qt.Key.Key_Right)
    assert field.value() == 6
    qtbot.keyClick(field.track, Qt.Key.Key_Home)
    assert field.value() == 0
    qtbot.keyClick(field.track, Qt.Key.Key_End)
    assert field.value() == 10


def test_a_log_track_needs_positive_ends() -> None:
    with pytest.raises(ValueError, match="above 0"):
        SliderField(1, 0, 10, log=True)


# Others


def test_combo_gives_values_and_keeps_the_choice(qtbot: QtBot) -> None:
    combo = ComboField([("a", "Alpha"), ("b", "Beta")])
    log = Log(combo)
    shown(qtbot, combo)
    combo.set_value("b")
    assert log.changed == []
    combo.set_options([("c", "Gamma"), ("b", "Beta")])
    assert combo.value() == "b"
    combo.setFocus()
    qtbot.keyClick(combo, Qt.Key.Key_Up)
    assert log.committed == ["c"]
    with pytest.raises(ValueError, match=r"."):
        combo.set_value("z")


def test_check_box(qtbot: QtBot) -> None:
    check = CheckField("Carry state")
    log = Log(check)
    shown(qtbot, check)
    check.set_value(True)
    assert log.changed == []
    check.setFocus()
    qtbot.keyClick(check, Qt.Key.Key_Space)
    assert log.committed == [False]


def test_text_commits_a_change_once(qtbot: QtBot) -> None:
    field = TextField("one")
    log = Log(field)
    shown(qtbot, field)
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert log.committed == []
    qtbot.keyClicks(field, "s")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert log.committed == ["ones"]


def test_escape_empties_a_search(qtbot: QtBot) -> None:
    field = SearchField("Search blocks", key="Space")
    log = Log(field)
    shown(qtbot, field)
    field.setFocus()
    qtbot.keyClicks(field, "lstm")
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert field.value() == ""
    assert log.changed[-1] == ""


def test_a_form_row_tells_the_reason_of_its_field(qtbot: QtBot) -> None:
    field = NumberField(0.1, 0, 0.95, form=".2f")
    row = FormRow("Dropout", field, unit="share")
    shown(qtbot, row)
    assert field.accessibleName() == "Dropout"
    height = row.sizeHint().height()
    field.set_invalid("Too much.")
    assert row.sizeHint().height() > height
    field.set_invalid("")
    assert row.sizeHint().height() == height


@pytest.mark.parametrize("value", [2.0e-3, 1_000_000, -0.25])
def test_the_longest_number_of_the_range_is_not_clipped(qtbot: QtBot, value: float) -> None:
    form = "int" if value > 1 else "sci" if value > 0 else ".2f"
    field = NumberField(value, min(value, 0), max(value, 1), form=form)
    shown(qtbot, field)
    # 8 px on each side: border, padding and the inner margin of a line edit.
    room = field.width() - 16
    assert field.fontMetrics().horizontalAdvance(field.text()) <= room
