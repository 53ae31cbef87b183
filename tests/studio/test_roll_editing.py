"""The roll as an editor: real presses, drags and keys, and what becomes of the score."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from seqstudio.music.abc import Tune
from seqstudio.music.edits import GRIDS
from seqstudio.music.score import Note, Score
from seqstudio.records.readings import Sample, freeze
from seqstudio.studio.listen.roll import PianoRoll
from seqstudio.studio.listen.roll_menu import menu_of
from seqstudio.studio.listen.takes import Take, take_of_sample
from seqstudio.studio.theme import theme, themes

F = Fraction
LEFT = Qt.MouseButton.LeftButton
SHIFT, CTRL, ALT = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)
KEY = Qt.Key


def note(pitch=60, start=0, length=1, **more):
    return Note(pitch, F(start), F(length), **more)


LINE = tuple(note(60 + 2 * n, n) for n in range(4))


def take_of(*notes, end=16):
    bars = tuple(map(F, range(0, end, 4)))
    score = Score(notes, meter=(4, 4), bar_starts=bars, end_beats=F(end))
    return Take("", "", 0, np.empty(0), 0, Tune(score, (), {}, ()))


class Page:
    """What a page does with the edits of a roll: it shows the next tune, and can go back."""

    def __init__(self, roll):
        self.roll, self.labels, self.before = roll, [], []
        self.heard, self.sought, self.loops = [], [], []
        roll.editor.edit_wanted.connect(self.edit)
        roll.editor.undo_wanted.connect(self.undo)
        roll.editor.heard.connect(lambda each: self.heard.append(each.pitch))
        roll.seek_wanted.connect(self.sought.append)
        roll.loop_range_wanted.connect(self.take_loop)

    def edit(self, score, label):
        self.before.append(self.roll.score)
        self.labels.append(label)
        self.roll.set_take(Take("", "", 0, np.empty(0), 0, Tune(score, (), {}, ())))

    def undo(self):
        self.roll.stay()
        before = self.before.pop()
        self.roll.set_take(Take("", "", 0, np.empty(0), 0, Tune(before, (), {}, ())))

    def take_loop(self, first, end):
        self.loops.append((first, end))
        self.roll.set_loop((first, end), on=True)


@pytest.fixture
def roll(qtbot):
    themes().set_mode("dark")
    roll = PianoRoll()
    qtbot.addWidget(roll)
    roll.resize(900, 420)
    roll.editor.set_grid(next(grid for grid in GRIDS if grid.key == "1/4"))
    roll.set_take(take_of(*LINE))
    roll.show()
    qtbot.waitExposed(roll)
    roll.setFocus()
    return roll


@pytest.fixture
def page(roll):
    return Page(roll)


def middle(roll, number):
    return roll.frame_now().note_rect(roll.table.notes[number]).center().toPoint()


def ground(roll, pitch, beats):
    frame = roll.frame_now()
    return QPoint(round(frame.x(beats)), round(frame.y(pitch) + frame.row / 2))


def drag(roll, start, *places, held=Qt.KeyboardModifier.NoModifier):
    QTest.mousePress(roll.viewport(), LEFT, held, start)
    for place in places:
        move(roll, place, held)
    QTest.mouseRelease(roll.viewport(), LEFT, held, places[-1])


def move(roll, place, held=Qt.KeyboardModifier.NoModifier):
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent

    spot = QPointF(place)
    event = QMouseEvent(
        QEvent.Type.MouseMove, spot, roll.viewport().mapToGlobal(spot), LEFT, LEFT, held
    )
    QApplication.sendEvent(roll.viewport(), event)


def shifted(roll, place, beats, pitches=0):
    frame = roll.frame_now()
    return place + QPoint(round(beats * frame.beat), round(-pitches * frame.row))


def notes_of(roll):
    return [(each.pitch, each.start, each.length) for each in roll.score.notes]


# Moving and resizing


def test_a_dragged_note_moves_in_pitch_and_time_and_snaps(roll, page):
    start = middle(roll, 1)
    drag(roll, start, shifted(roll, start, 0.7, 2), shifted(roll, start, 4.3, 5))
    assert (67, 5, 1) in notes_of(roll)
    assert len(roll.score.notes) == 4
    assert page.labels == ["Move notes"]
    assert roll.editor.notes == (note(67, 5),)
    assert page.heard == [62, 64, 67], "heard when taken and at every pitch on its way"


def test_several_selected_notes_move_together(roll, page):
    roll.editor.select({0, 2})
    start = middle(roll, 2)
    drag(roll, start, shifted(roll, start, 1, 1), shifted(roll, start, 2, 1))
    assert {(61, F(2), F(1)), (65, F(4), F(1))} <= set(notes_of(roll))
    assert {each.pitch for each in roll.editor.notes} == {61, 65}


def test_alt_suspends_the_grid(roll, page):
    start = middle(roll, 1)
    drag(roll, start, shifted(roll, start, 0.3), shifted(roll, start, 0.4), held=ALT)
    moved = roll.editor.notes[0].start
    assert float(moved) == pytest.approx(1.4, abs=0.03)
    assert moved.denominator > 1


def test_ctrl_drags_a_copy(roll, page):
    start = middle(roll, 0)
    drag(roll, start, shifted(roll, start, 2), shifted(roll, start, 6, 3), held=CTRL)
    assert len(roll.score.notes) == 5
    assert {(60, 0, 1), (63, 6, 1)} <= set(notes_of(roll))


@pytest.mark.parametrize(
    ("at_start", "beats", "wanted"), [(False, 2.2, (60, 0, 3)), (True, 1.1, (66, 4, 3))]
)
def test_either_end_is_dragged(roll, page, at_start, beats, wanted):
    roll.set_take(take_of(note(), note(66, 3, 4)))
    rect = roll.frame_now().note_rect(roll.table.notes[int(at_start)])
    x = rect.left() + 2 if at_start else rect.right() - 2
    start = QPoint(round(x), round(rect.center().y()))
    drag(roll, start, shifted(roll, start, beats / 2), shifted(roll, start, beats))
    assert wanted in notes_of(roll)
    assert page.labels == ["Change lengths"]


def test_a_note_that_is_only_clicked_is_selected_and_stays(qtbot, roll, page):
    with qtbot.waitSignal(roll.note_picked) as caught:
        QTest.mouseClick(roll.viewport(), LEFT, pos=middle(roll, 2))
    assert caught.args == [LINE[2]]
    assert (page.labels, roll.editor.selected) == ([], {2})


def test_escape_gives_a_drag_up(roll, page):
    start = middle(roll, 0)
    QTest.mousePress(roll.viewport(), LEFT, pos=start)
    move(roll, shifted(roll, start, 3))
    QTest.keyClick(roll, KEY.Key_Escape)
    QTest.mouseRelease(roll.viewport(), LEFT, pos=shifted(roll, start, 3))
    assert page.labels == []


def test_notes_on_their_way_are_painted_and_lifted_from_where_they_were(roll, page):
    start = middle(roll, 3)
    QTest.mousePress(roll.viewport(), LEFT, pos=start)
    there = shifted(roll, start, 5, 3)
    move(roll, shifted(roll, start, 1))
    move(roll, there)
    picture = roll.viewport().grab().toImage()
    assert picture.pixelColor(there) == theme().color("accent")
    assert picture.pixelColor(start) in (theme().color("surface0"), theme().color("surface1"))
    QTest.mouseRelease(roll.viewport(), LEFT, pos=there)


# Drawing


def test_a_double_click_draws_a_note_as_long_as_the_grid(roll, page):
    place = ground(roll, 70, 9.4)
    QTest.mouseDClick(roll.viewport(), LEFT, pos=place)
    QTest.mouseRelease(roll.viewport(), LEFT, pos=place)
    assert (70, 9, 1) in notes_of(roll)
    assert page.labels == ["Draw a note"]
    assert roll.editor.notes == (note(70, 9),)


def test_the_pencil_draws_as_far_as_it_is_drawn_into_the_chosen_track(roll, page):
    roll.set_take(take_of(*LINE, note(40, 0, voice=1)))
    roll.editor.set_voice(1)
    QTest.keyClick(roll, KEY.Key_2)
    start = ground(roll, 65, 6.2)
    drag(roll, start, shifted(roll, start, 1), shifted(roll, start, 2.7))
    assert roll.editor.notes == (note(65, 6, 3, voice=1),)
    assert page.heard[-1] == 65


def test_return_draws_at_the_playhead(roll, page):
    roll.set_position(8.0, playing=False)
    roll.editor.select({3})
    QTest.keyClick(roll, KEY.Key_Return)
    assert (66, 8, 1) in notes_of(roll)
    assert page.sought == [9.0], "the playhead goes on behind it"


def test_ctrl_arrows_move_the_playhead_where_nothing_is_selected(roll, page):
    roll.set_position(2.0, playing=False)
    QTest.keyClick(roll, KEY.Key_Right, CTRL)
    roll.set_position(0.0, playing=False)
    QTest.keyClick(roll, KEY.Key_Left, CTRL)
    assert page.sought == [3.0, 0.0]


def test_what_is_being_written_cannot_be_edited_and_says_so(qtbot, roll, page):
    text = "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|"
    growing = Sample(
        0, 1, "", text, freeze(np.full(len(text), 0.5, np.float32)), (), 1.0, 0, False
    )
    roll.set_take(take_of_sample(growing))
    roll.editor.select({0})
    with qtbot.waitSignal(roll.editor.refused) as caught:
        QTest.keyClick(roll, KEY.Key_Delete)
    assert "being written cannot be edited" in caught.args[0]
    assert page.labels == []
    start = middle(roll, 0)
    with qtbot.waitSignal(roll.editor.refused):
        drag(roll, start, shifted(roll, start, 1), shifted(roll, start, 2))
    assert len(roll.score.notes) == 4


# Selecting


def test_a_rubber_band_selects_what_it_touches(roll, page):
    drag(roll, ground(roll, 69, 0.5), ground(roll, 64, 1.5), ground(roll, 61, 2.5))
    assert roll.editor.selected == {1, 2}
    drag(roll, ground(roll, 68, 3.5), ground(roll, 67, 3.4), ground(roll, 65, 3.2), held=SHIFT)
    assert roll.editor.selected == {1, 2, 3}
    QTest.mouseClick(roll.viewport(), LEFT, pos=ground(roll, 58, 10))
    assert roll.editor.selected == frozenset()
    assert page.sought[-1] == pytest.approx(10, abs=0.05)


def test_shift_click_and_keys_select(roll, page):
    QTest.mouseClick(roll.viewport(), LEFT, pos=middle(roll, 0))
    QTest.mouseClick(roll.viewport(), LEFT, SHIFT, middle(roll, 2))
    assert roll.editor.selected == {0, 2}
    QTest.mouseClick(roll.viewport(), LEFT, SHIFT, middle(roll, 0))
    assert roll.editor.selected == {2}
    QTest.keyClick(roll, KEY.Key_Period)
    assert roll.editor.selected == {3}
    QTest.keyClick(roll, KEY.Key_Comma, ALT)
    assert roll.editor.selected == {2, 3}
    QTest.keyClick(roll, KEY.Key_A, CTRL)
    assert len(roll.editor.selected) == 4
    QTest.keyClick(roll, KEY.Key_Escape)
    assert not roll.editor.selected


def test_a_key_of_the_keyboard_selects_all_of_its_pitch_and_sounds(roll, page):
    roll.set_take(take_of(*LINE, note(64, 9), note(64, 12)))
    frame = roll.frame_now()
    key = QPoint(20, round(frame.y(64) + frame.row / 2))
    QTest.mouseClick(roll.viewport(), LEFT, pos=key)
    assert [each.pitch for each in roll.editor.notes] == [64, 64, 64]
    assert page.heard == [64]


# Keys


@pytest.mark.parametrize(
    ("key", "held", "wanted"),
    [
        (KEY.Key_Up, None, note(61)), (KEY.Key_Down, None, note(59)),
        (KEY.Key_Up, SHIFT, note(72)), (KEY.Key_Down, SHIFT, note(48)),
        (KEY.Key_Right, CTRL, note(60, 1)), (KEY.Key_Right, SHIFT, note(60, 0, 2)),
        (KEY.Key_Up, ALT, note(velocity=88)), (KEY.Key_Down, ALT, note(velocity=72)),
    ],
)  # fmt: skip
def test_keys_change_what_is_selected(roll, page, key, held, wanted):
    roll.editor.select({0})
    QTest.keyClick(roll, key, held or Qt.KeyboardModifier.NoModifier)
    assert roll.editor.notes == (wanted,)
    assert set(LINE[1:]) <= set(roll.score.notes)


def test_copy_paste_cut_duplicate_delete_and_undo(roll, page):
    roll.editor.select({0, 1})
    QTest.keyClick(roll, KEY.Key_C, CTRL)
    roll.set_position(8.2, playing=False)
    QTest.keyClick(roll, KEY.Key_V, CTRL)
    assert {(60, 8, 1), (62, 9, 1)} <= set(notes_of(roll))
    QTest.keyClick(roll, KEY.Key_D, CTRL)
    assert {(60, 10, 1), (62, 11, 1)} <= set(notes_of(roll))
    QTest.keyClick(roll, KEY.Key_X, CTRL)
    QTest.keyClick(roll, KEY.Key_Delete)
    assert len(roll.score.notes) == 6
    QTest.keyClick(roll, KEY.Key_Z, CTRL)
    assert len(roll.score.notes) == 8
    assert page.labels == ["Paste notes", "Duplicate notes", "Cut notes"]


def test_keys_of_the_roll_win_over_the_window_only_while_they_mean_something(roll):
    def taken(key, held=Qt.KeyboardModifier.NoModifier):
        event = QKeyEvent(QKeyEvent.Type.ShortcutOverride, key, held)
        event.ignore()
        QApplication.sendEvent(roll, event)
        return event.isAccepted()

    assert taken(KEY.Key_Z, CTRL)
    assert taken(KEY.Key_Z, CTRL | SHIFT)
    assert taken(KEY.Key_Delete)
    assert not taken(KEY.Key_S, CTRL)
    assert not taken(KEY.Key_P)


def test_quantise_pulls_the_selection_or_everything_as_far_as_is_wanted(roll, page):
    late = note(60, F(9, 8)), note(64, F(19, 8))
    roll.set_take(take_of(*late))
    roll.editor.select({0})
    QTest.keyClick(roll, KEY.Key_Q)
    assert [each.start for each in roll.score.notes] == [1, F(19, 8)]
    roll.editor.select_none()
    roll.editor.strength = 0.5
    QTest.keyClick(roll, KEY.Key_Q)
    assert [each.start for each in roll.score.notes] == [1, F(35, 16)]
    assert page.labels == ["Quantise to 1/4"] * 2


# Velocity


def test_a_stem_is_dragged_and_a_sweep_sets_those_it_passes(roll, page):
    assert roll.editor.lane == "velocity", "a tune without probabilities shows velocities"
    frame = roll.frame_now()

    def stem(beat, loud):
        return QPoint(round(frame.x(beat)) + 2, round(frame.velocity_y(loud)))

    drag(roll, stem(1, 80), stem(1, 90), stem(1, 120))
    assert roll.score.notes[1].velocity == pytest.approx(120, abs=2)
    drag(roll, stem(0, 30), stem(1, 30), stem(2, 30), stem(3, 30))
    assert [each.velocity for each in roll.score.notes] == pytest.approx([30] * 4, abs=2)
    assert page.labels == ["Change velocities"] * 2


def test_selected_stems_go_together(roll, page):
    notes = note(60, 0, velocity=40), note(62, 1, velocity=60), note(64, 2, velocity=80)
    roll.set_take(take_of(*notes))
    roll.editor.select({0, 1})
    frame = roll.frame_now()
    start = QPoint(round(frame.x(1)) + 2, round(frame.velocity_y(60)))
    drag(roll, start, start + QPoint(0, -4), QPoint(start.x(), round(frame.velocity_y(100))))
    louds = [each.velocity for each in roll.score.notes]
    assert louds[1] - louds[0] == 20
    assert (louds[1], louds[2]) == (pytest.approx(100, abs=2), 80)


def test_v_switches_the_lane(roll):
    QTest.keyClick(roll, KEY.Key_V)
    assert roll.editor.lane == "probability"
    QTest.keyClick(roll, KEY.Key_V)
    assert roll.editor.lane == "velocity"


# Ruler


def test_the_loop_is_drawn_resized_and_moved_on_the_ruler(roll, page):
    def at(beats):
        return QPoint(round(roll.frame_now().x(beats)), 4)

    drag(roll, at(2.1), at(4), at(6.2))
    assert page.loops[-1] == pytest.approx((2.0, 6.0), abs=0.2)
    roll.set_loop((2.0, 6.0), on=True)
    drag(roll, at(6), at(7), at(8.1))
    assert page.loops[-1] == (2.0, 8.0)
    drag(roll, at(4), at(5), at(6.1))
    assert page.loops[-1] == (4.0, 10.0)
    line = roll.viewport().grab().toImage().pixelColor(at(4.0) + QPoint(1, 0))
    assert line == theme().color("accent")


def test_what_is_selected_can_be_looped(roll, page):
    roll.editor.select({1, 2})
    QTest.keyClick(roll, KEY.Key_L, SHIFT)
    assert page.loops == [(1.0, 3.0)]


# View


def wheel(roll, turn, held):
    place = QPointF(400, 200)
    event = QWheelEvent(
        place, roll.viewport().mapToGlobal(place), QPoint(), QPoint(0, turn),
        Qt.MouseButton.NoButton, held, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(roll.viewport(), event)


def test_the_wheel_scrolls_pitches_and_zooms_rows(roll):
    frame = roll.frame_now()
    wheel(roll, 120, SHIFT)
    assert roll.frame_now().high == frame.high + 3
    pitch = roll.frame_now().pitch_at(200)
    wheel(roll, 240, CTRL | SHIFT)
    zoomed = roll.frame_now()
    assert zoomed.row > frame.row
    assert abs(zoomed.pitch_at(200) - pitch) <= 1
    roll.fit()
    assert roll.frame_now() == frame


def test_an_edit_leaves_the_view_where_it_is_and_another_tune_does_not(roll, page):
    roll.zoom(3.0)
    roll.horizontalScrollBar().setValue(120)
    roll.editor.select({3})
    frame = roll.frame_now()
    QTest.keyClick(roll, KEY.Key_Up, SHIFT)
    after = roll.frame_now()
    assert (after.beat, after.scroll, after.row) == (frame.beat, frame.scroll, frame.row)
    roll.set_take(take_of(note(50)))
    assert roll.frame_now().scroll == 0


@pytest.mark.parametrize(
    ("place", "shape"),
    [
        (lambda roll: middle(roll, 0), Qt.CursorShape.SizeAllCursor),
        (lambda roll: roll.frame_now().note_rect(LINE[0]).topRight().toPoint() + QPoint(-2, 4),
         Qt.CursorShape.SizeHorCursor),
        (lambda roll: ground(roll, 58, 10), Qt.CursorShape.ArrowCursor),
        (lambda roll: QPoint(20, 100), Qt.CursorShape.PointingHandCursor),
        (lambda roll: QPoint(400, 4), Qt.CursorShape.CrossCursor),
    ],
)  # fmt: skip
def test_the_pointer_shows_what_a_press_would_do(roll, place, shape):
    QTest.mouseMove(roll.viewport(), place(roll))
    assert roll.viewport().cursor().shape() == shape


def test_the_menu_offers_what_can_be_done(qtbot, roll, page):
    def enabled(words):
        menu = menu_of(roll, roll)
        found = next(action for action in menu.actions() if action.text() == words)
        return found.isEnabled()

    assert not enabled("Delete")
    assert not enabled("Paste at the playhead")
    roll.editor.select({0})
    assert enabled("Delete")
    menu = menu_of(roll, roll)
    next(action for action in menu.actions() if action.text() == "Octave up").trigger()
    assert roll.editor.notes == (note(72),)
