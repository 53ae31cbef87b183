"""Frames and notes on the canvas, by mouse and key; the minimap that shows them."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from seqstudio.bench.canvas import crowd, rows
from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.edits import Disconnect, SetFrames
from seqstudio.document.graph import Frame, Wire
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.canvas.hands.context import context_menu
from seqstudio.studio.canvas.hands.fields import NoteField
from seqstudio.studio.theme import theme, themes

FACTS = DataFacts("A text", "next token", "ids", 65)
KEY = Qt.Key
LEFT = Qt.MouseButton.LeftButton
NONE, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
SHIFT, ALT = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier


@pytest.fixture
def document():
    return Document(make("char-lstm"))


@pytest.fixture
def view(qtbot, document):
    themes().set_mode("dark")
    canvas = CanvasView(document)
    qtbot.addWidget(canvas)
    canvas.set_facts(FACTS)
    canvas.resize(1400, 800)
    canvas.show()
    qtbot.waitExposed(canvas)
    canvas.activateWindow()
    canvas.setFocus()
    return canvas


@pytest.fixture
def framed(view, document):
    """A frame around LSTM and dropout, which is selected."""
    view.select(["lstm", "dropout"])
    QTest.keyClick(view, KEY.Key_G, CTRL)
    view.fit()
    return view.editor.frames[0]


def move(view, at, modifiers=NONE):
    screen = QPointF(view.viewport().mapToGlobal(at))
    event = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(at), screen, Qt.MouseButton.NoButton, LEFT, modifiers
    )
    QApplication.sendEvent(view.viewport(), event)


def drag(view, start, end, *, modifiers=NONE, release=True):
    QTest.mousePress(view.viewport(), LEFT, modifiers, start)
    for share in (0.3, 0.7, 1.0):
        move(view, start + (end - start) * share, modifiers)
    if release:
        QTest.mouseRelease(view.viewport(), LEFT, modifiers, end)


def title(view, key):
    area = view.canvas.frames[key].area
    return view.mapFromScene(area.topLeft() + QPointF(60, 12))


def frame_of(document, key):
    return document.project.graph.frame(key)


def test_ctrl_g_frames_exactly_the_selection(view, document, framed):
    frame = frame_of(document, framed)
    on = [k for k, box in view.arrange.boxes().items() if frame.holds(*box.centre)]
    assert on == ["lstm", "dropout"]
    assert document.undo_label == "Add frame"
    assert "param." in view.canvas.frames[framed].cost
    document.undo()
    assert document.project.graph.frames == ()
    told = []
    view.message.connect(told.append)
    view.select([])
    QTest.keyClick(view, KEY.Key_G, CTRL)
    assert "Select the blocks" in told[-1]


def test_a_frame_dragged_by_its_title_takes_its_blocks_along_in_one_step(view, document, framed):
    before = document.project
    start = title(view, framed)
    drag(view, start, start + QPoint(0, 90))
    graph = document.project.graph
    down = graph.frame(framed).y - before.graph.frame(framed).y
    assert down > 0
    for key in ("lstm", "dropout"):
        assert graph.blocks[key].y == before.graph.blocks[key].y + down
    assert graph.blocks["embedding"] == before.graph.blocks["embedding"]
    assert document.undo_label == "Move"
    document.undo()
    assert document.project is before


def test_esc_leaves_frame_and_blocks_where_they_were(view, document, framed):
    before, place = document.project, view.canvas.blocks["lstm"].pos()
    start = title(view, framed)
    drag(view, start, start + QPoint(30, 90), release=False)
    assert view.canvas.blocks["lstm"].pos() != place
    QTest.keyClick(view, KEY.Key_Escape)
    QTest.mouseRelease(view.viewport(), LEFT, NONE, start)
    assert view.canvas.blocks["lstm"].pos() == place
    assert document.project is before


@pytest.mark.parametrize(
    ("corner", "part"), [("right", "width"), ("bottom", "height"), ("left", "x"), ("top", "y")]
)
def test_edges_resize_and_the_blocks_stay(view, document, framed, corner, part):
    before, area = document.project, view.canvas.frames[framed].area
    at = {
        "right": QPointF(area.right(), area.center().y()),
        "bottom": QPointF(area.center().x(), area.bottom()),
        "left": QPointF(area.left(), area.center().y()),
        "top": QPointF(area.center().x(), area.top()),
    }[corner]
    start = view.mapFromScene(at)
    drag(view, start, start + QPoint(40, 40), release=False)
    QTest.keyClick(view, KEY.Key_Escape)
    QTest.mouseRelease(view.viewport(), LEFT, NONE, start)
    assert document.project is before
    drag(view, start, start + QPoint(40, 40))
    old, new = before.graph.frame(framed), frame_of(document, framed)
    assert getattr(new, part) > getattr(old, part)
    assert document.project.graph.blocks == before.graph.blocks
    assert document.undo_label == "Resize frame"


def test_a_frame_is_resized_and_moved_by_keyboard(view, document, framed):
    old, blocks = frame_of(document, framed), document.project.graph.blocks
    QTest.keyClick(view, KEY.Key_Right, ALT)
    QTest.keyClick(view, KEY.Key_Down, ALT)
    new = frame_of(document, framed)
    assert (new.width - old.width, new.height - old.height) == (12, 12)
    QTest.keyClick(view, KEY.Key_Up)
    assert frame_of(document, framed).y == old.y - 12
    assert document.project.graph.blocks["lstm"].y == blocks["lstm"].y - 12


def test_tab_reaches_frames_behind_the_blocks(view, document, framed):
    view.select(["next_token"])
    QTest.keyClick(view, KEY.Key_Tab)
    assert view.editor.frames == (framed,)
    assert view.canvas.frames[framed].focused, "the place of the keyboard is visible"
    QTest.keyClick(view, KEY.Key_Tab, SHIFT)
    assert view.selection == ("next_token",)


def test_delete_takes_the_frame_and_leaves_the_blocks(view, document, framed):
    QTest.keyClick(view, KEY.Key_Delete)
    assert document.project.graph.frames == ()
    assert "lstm" in document.project.graph.blocks
    assert document.undo_label == "Delete frame"


def test_f2_and_double_click_rename_and_esc_does_not(view, document, framed):
    QTest.keyClick(view, KEY.Key_F2)
    field = next(f for f in view.findChildren(QLineEdit) if f.isVisible())
    QTest.keyClicks(field, "Memory")
    QTest.keyClick(field, KEY.Key_Return)
    assert frame_of(document, framed).title == "Memory"
    assert document.undo_label == "Rename frame"
    QTest.mouseDClick(view.viewport(), LEFT, NONE, title(view, framed))
    field = next(f for f in view.findChildren(QLineEdit) if f.isVisible())
    QTest.keyClicks(field, "Other")
    QTest.keyClick(field, KEY.Key_Escape)
    assert frame_of(document, framed).title == "Memory"


def test_a_colour_is_chosen_in_the_menu(view, document, framed):
    menu = context_menu(view, title(view, framed))
    colours = next(a.menu() for a in menu.actions() if a.menu() and a.text() == "Colour")
    next(a for a in colours.actions() if a.text() == "Cell").trigger()
    assert frame_of(document, framed).colour == "cell"
    assert document.undo_label == "Colour frame"


def test_the_inside_of_a_frame_selects_blocks_by_a_box(view, document, framed):
    area = view.canvas.frames[framed].area
    start = view.mapFromScene(area.bottomLeft() + QPointF(10, -10))
    end = view.mapFromScene(area.topRight() + QPointF(-10, 40))
    drag(view, start, end)
    assert view.selection == ("lstm", "dropout")
    assert view.editor.frames == ()
    all_in = view.mapFromScene(area.topLeft() - QPointF(12, 12))
    drag(view, all_in, view.mapFromScene(area.bottomRight() + QPointF(12, 12)))
    assert view.editor.frames == (framed,)
    QTest.mouseClick(view.viewport(), LEFT, SHIFT, title(view, framed))
    assert view.editor.frames == ()
    assert view.selection == ("lstm", "dropout")


def test_a_frame_is_copied_with_what_lies_on_it(view, document, framed):
    QTest.keyClick(view, KEY.Key_D, CTRL)
    graph = document.project.graph
    assert len(graph.frames) == 2
    assert {"lstm2", "dropout2"} <= set(graph.blocks)
    assert document.undo_label == "Duplicate"
    QTest.keyClick(view, KEY.Key_X, CTRL)
    assert len(document.project.graph.frames) == 1
    assert "lstm2" not in document.project.graph.blocks


def test_tidy_keeps_the_frame_around_its_blocks(view, document, framed):
    view.select([])
    view.tidy()
    frame = frame_of(document, framed)
    on = {k for k, box in view.arrange.boxes().items() if frame.holds(*box.centre)}
    assert on == {"lstm", "dropout"}
    assert document.undo_label == "Tidy"


# Notes


def note_field(view):
    return next(field for field in view.findChildren(NoteField) if field.isVisible())


def test_n_writes_a_note_of_several_lines_and_esc_leaves_it(view, document):
    view.select([])
    QTest.keyClick(view, KEY.Key_N)
    field = note_field(view)
    QTest.keyClicks(field, "Why")
    QTest.keyClick(field, KEY.Key_Return)
    QTest.keyClicks(field, "this gate?")
    QTest.keyClick(field, KEY.Key_Return, CTRL)
    (note,) = document.project.graph.frames
    assert (note.note, note.text) == (True, "Why\nthis gate?")
    assert document.undo_label == "Edit note"
    before = document.project
    QTest.keyClick(view, KEY.Key_F2)
    QTest.keyClicks(note_field(view), "gone")
    QTest.keyClick(note_field(view), KEY.Key_Escape)
    assert document.project is before


def test_a_note_is_dragged_by_its_body_and_edited_by_a_double_click(view, document):
    left = view.canvas.content().bottomLeft()
    document.apply(SetFrames((Frame("n", left.x(), left.y() + 40, 200, 80, note=True, text="a"),)))
    view.fit()
    at = view.mapFromScene(view.canvas.frames["n"].area.center())
    drag(view, at, at + QPoint(0, 40))
    assert frame_of(document, "n").y > left.y() + 40
    at = view.mapFromScene(view.canvas.frames["n"].area.center())
    QTest.mouseDClick(view.viewport(), LEFT, NONE, at)
    QTest.keyClicks(note_field(view), "b")
    view.setFocus()
    assert frame_of(document, "n").text == "b", "what is written is kept when the focus goes"


# Minimap and size


def minimap_colours(view):
    view._tell_minimap()
    image = view._minimap.grab().toImage()
    return {image.pixelColor(x, y).name() for x in range(image.width())
            for y in range(image.height())}  # fmt: skip


def test_the_minimap_shows_errors_modes_and_frames(view, document, framed):
    error = theme().color("error").name()
    assert error not in minimap_colours(view)
    plain = view._minimap.grab().toImage()
    document.apply(Disconnect(Wire("embedding", "out", "lstm", "in")))
    assert error in minimap_colours(view)
    document.undo()
    assert view._minimap.grab().toImage() == plain
    view.select(["dropout"])
    QTest.keyClick(view, KEY.Key_M, CTRL)
    assert view._minimap.grab().toImage() != plain
    document.undo()
    view.arrange.change_frame(framed, "Colour frame", colour="loss")
    assert view._minimap.grab().toImage() != plain
    assert QColor(error).isValid()


def test_the_crowd_of_the_benchmark_is_a_model_of_that_size():
    graph = crowd()
    assert len(graph.blocks) == 500
    assert check(graph, FACTS).playable
    found = {key: [1.0, 2.0, 3.0] for key in ("opening", "drag", "a block moved")}
    goals = {row.what: row.goal for row in rows(found) if row.what.endswith("p99")}
    assert goals == {"opening p99": 1000.0, "drag p99": 16.0, "a block moved p99": 50.0}
