"""The canvas under real mouse events: move, wire, insert, pan, zoom, cancel."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QMouseEvent,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.graph import Wire
from seqstudio.studio.canvas import BLOCK_MIME, CanvasView
from seqstudio.studio.canvas.hands.context import context_menu, tip_at
from seqstudio.studio.canvas.hands.wiring import DrawWire

FACTS = DataFacts("A text", "next token", "ids", 65, batch=32, window=128, unit="nats")
LEFT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def document():
    return Document(make("char-lstm"))


@pytest.fixture
def view(qtbot, document):
    canvas = CanvasView(document)
    qtbot.addWidget(canvas)
    canvas.set_facts(FACTS)
    canvas.resize(1200, 700)
    canvas.show()
    canvas.setFocus()
    return canvas


def on_view(view, scene):
    return view.mapFromScene(scene)


def port(view, block, name, output):
    return on_view(view, view.canvas.blocks[block].port_at(name, output))


def body(view, block):
    frame = view.canvas.blocks[block].frame
    return on_view(view, QPointF(frame.center().x(), frame.top() + 14))


def send(view, kind, at, button=LEFT, modifiers=NONE, held=LEFT):
    place = QPointF(at)
    screen = QPointF(view.viewport().mapToGlobal(at))
    QApplication.sendEvent(
        view.viewport(), QMouseEvent(kind, place, screen, button, held, modifiers)
    )


def drag(view, start, end, *, button=LEFT, modifiers=NONE, release=True):
    QTest.mousePress(view.viewport(), button, modifiers, start)
    for step in (0.3, 0.7, 1.0):
        at = start + (end - start) * step
        send(view, QEvent.Type.MouseMove, at, Qt.MouseButton.NoButton, modifiers, button)
    if release:
        QTest.mouseRelease(view.viewport(), button, modifiers, end)


def drop_events(view, kind, at, steps):
    data = QMimeData()
    data.setData(BLOCK_MIME, kind.encode())
    action = Qt.DropAction.CopyAction
    for step in steps:
        if step is QDragLeaveEvent:
            event = QDragLeaveEvent()
        elif step is QDropEvent:
            event = QDropEvent(QPointF(at), action, data, LEFT, NONE)
        else:
            event = step(at, action, data, LEFT, NONE)
        QApplication.sendEvent(view.viewport(), event)


def drop(view, kind, at):
    drop_events(view, kind, at, (QDragEnterEvent, QDragMoveEvent, QDropEvent))


def empty_place(view):
    return on_view(view, view.canvas.content().bottomLeft() + QPointF(320, 120))


# Moving


def test_a_drag_moves_the_block_on_the_half_grid_in_one_step(view, document):
    before = document.project
    start = body(view, "dropout")
    drag(view, start, start + QPoint(5, 41))
    block = document.project.graph.blocks["dropout"]
    assert block.y != 0
    assert block.y % 12 == 0
    assert block.x % 12 == 0
    assert document.undo_label == "Move"
    document.undo()
    assert document.project is before


def test_a_click_without_a_drag_changes_nothing_but_the_selection(view, document, qtbot):
    with qtbot.waitSignal(view.selection_changed) as told:
        QTest.mouseClick(view.viewport(), LEFT, NONE, body(view, "lstm"))
    assert told.args == [("lstm",)]
    assert document.undo_label == ""


def test_the_whole_selection_moves_together(view, document):
    view.select(["lstm", "dropout"])
    start = body(view, "lstm")
    drag(view, start, start + QPoint(0, 60))
    blocks = document.project.graph.blocks
    assert blocks["lstm"].y == blocks["dropout"].y > 0
    assert blocks["tokens"].y == 0


def test_alt_and_drag_clones_with_parameters_and_new_ids(view, document):
    start = body(view, "lstm")
    drag(view, start, start + QPoint(0, 200), modifiers=Qt.KeyboardModifier.AltModifier)
    blocks = document.project.graph.blocks
    assert blocks["lstm2"].params == blocks["lstm"].params
    assert blocks["lstm2"].y > blocks["lstm"].y == 0
    assert view.selection == ("lstm2",)
    assert document.undo_label == "Clone"


# Box selection, pan, zoom


def test_a_box_selects_what_it_touches_and_shift_adds(view):
    content = view.canvas.content()
    first = view.canvas.blocks["embedding"].frame
    start = on_view(view, content.topLeft() + QPointF(4, 4))
    drag(view, start, on_view(view, first.center() + QPointF(0, 10)))
    assert view.selection == ("tokens", "embedding")
    last = view.canvas.blocks["next_token"].frame
    corner = on_view(view, last.bottomRight() + QPointF(14, 30))
    inside = on_view(view, last.center())
    drag(view, corner, inside, modifiers=Qt.KeyboardModifier.ShiftModifier)
    assert view.selection == ("tokens", "embedding", "next_token")


def test_a_click_on_empty_canvas_clears_the_selection(view):
    view.select(["lstm"])
    QTest.mouseClick(view.viewport(), LEFT, NONE, empty_place(view))
    assert view.selection == ()


@pytest.mark.parametrize("with_space", [False, True])
def test_middle_drag_and_space_drag_pan(view, document, with_space):
    before = view.place()
    start = empty_place(view)
    if with_space:
        QTest.keyPress(view, Qt.Key.Key_Space)
    drag(view, start, start + QPoint(-50, -30), button=LEFT if with_space else MIDDLE)
    if with_space:
        QTest.keyRelease(view, Qt.Key.Key_Space)
    moved = view.place() - before
    assert moved.x() * view.zoom() == pytest.approx(50, abs=2)
    assert moved.y() * view.zoom() == pytest.approx(30, abs=2)
    assert view.menu is None, "a drag with Space is no tap"
    assert document.undo_label == ""


def test_the_wheel_zooms_and_keeps_what_is_under_the_pointer(view):
    at = QPoint(300, 200)
    before, zoom = view.mapToScene(at), view.zoom()
    wheel = QWheelEvent(
        QPointF(at), QPointF(view.viewport().mapToGlobal(at)), QPoint(), QPoint(0, 240),
        Qt.MouseButton.NoButton, NONE, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view.viewport(), wheel)
    assert view.zoom() == pytest.approx(zoom * 1.15**2)
    assert (view.mapToScene(at) - before).manhattanLength() < 3


# Wires


def test_a_wire_is_drawn_from_an_output_to_an_input(view, document):
    view.delete_selection()
    start = port(view, "embedding", "out", True)
    drag(view, start, port(view, "dropout", "in", False))
    assert Wire("embedding", "out", "dropout", "in") in document.project.graph.wires
    assert Wire("lstm", "out", "dropout", "in") not in document.project.graph.wires
    document.undo()
    assert document.project == make("char-lstm")


def test_a_wire_dropped_on_a_body_takes_the_best_port(view, document):
    view.add_kind("add", QPointF(300, 300))
    drag(view, port(view, "embedding", "out", True), body(view, "add"))
    drag(view, port(view, "lstm", "out", True), body(view, "add"))
    wires = document.project.graph.into("add")
    assert wires["in"].source == "embedding"
    assert wires["other"].source == "lstm", "the free input comes first"


def test_a_wire_that_does_not_fit_is_refused_with_the_reason(view, document, qtbot):
    before = document.project
    target = port(view, "lstm", "in", False)
    drag(view, port(view, "tokens", "out", True), target, release=False)
    gesture = view.mouse.gesture
    assert isinstance(gesture, DrawWire)
    assert gesture.reason == "Tokens cannot feed LSTM: add an Embedding"
    fitting = view.canvas.blocks["embedding"].fitting
    assert fitting == {"in"}
    assert view.canvas.blocks["lstm"].fitting == frozenset()
    with qtbot.waitSignal(view.message) as told:
        QTest.mouseRelease(view.viewport(), LEFT, NONE, target)
    assert told.args == ["Tokens cannot feed LSTM: add an Embedding"]
    assert document.project is before
    assert view.canvas.blocks["lstm"].fitting is None


def test_a_loop_is_refused(view, document, qtbot):
    before = document.project
    with qtbot.waitSignal(view.message) as told:
        drag(view, port(view, "dropout", "out", True), port(view, "lstm", "in", False))
    assert "loop" in told.args[0]
    assert document.project is before


def test_a_wire_dropped_on_nothing_offers_blocks_and_wires_the_chosen_one(view, document):
    before = document.project
    drag(view, port(view, "embedding", "out", True), empty_place(view))
    menu = view.menu
    assert menu is not None
    assert "linear" in menu.shown_keys()
    assert "tokens" not in menu.shown_keys()
    assert "embedding" not in menu.shown_keys()
    QTest.keyClicks(menu.search, "linear")
    QTest.keyClick(menu.search, Qt.Key.Key_Return)
    graph = document.project.graph
    assert graph.into("linear")["in"] == Wire("embedding", "out", "linear", "in")
    assert document.undo_label == "Add Linear"
    document.undo()
    assert document.project is before, "one step takes block and wire back"


def test_a_wire_from_a_free_input_offers_what_can_feed_it(view, document):
    view.add_kind("lstm", QPointF(500, 400))
    drag(view, port(view, "lstm2", "in", False), on_view(view, QPointF(200, 460)))
    assert view.menu is not None
    assert "embedding" in view.menu.shown_keys()
    assert "tokens" not in view.menu.shown_keys()
    QTest.keyClicks(view.menu.search, "one-hot")
    QTest.keyClick(view.menu.search, Qt.Key.Key_Return)
    assert document.project.graph.into("lstm2")["in"].source == "one_hot"


def test_leaving_the_menu_leaves_no_wire_behind(view, document):
    before = document.project
    drag(view, port(view, "embedding", "out", True), empty_place(view))
    items = len(view.canvas.items())
    QTest.keyClick(view.menu.search, Qt.Key.Key_Escape)
    assert len(view.canvas.items()) == items - 1, "the loose wire is gone"
    assert document.project is before


def test_a_wire_is_moved_from_its_input_end(view, document):
    before = document.project
    start = port(view, "dropout", "in", False)
    drag(view, start, port(view, "next_token", "in", False))
    graph = document.project.graph
    assert graph.into("next_token")["in"].source == "lstm"
    assert "in" not in graph.into("dropout")
    assert document.undo_label == "Move wire"
    document.undo()
    assert document.project is before


def test_an_input_end_dropped_on_nothing_disconnects(view, document):
    drag(view, port(view, "dropout", "in", False), empty_place(view))
    assert "in" not in document.project.graph.into("dropout")
    assert document.undo_label == "Disconnect"


def test_a_wire_is_selected_by_a_click_and_deleted(view, document):
    start, end = view.canvas.ends(Wire("lstm", "out", "dropout", "in"))
    QTest.mouseClick(view.viewport(), LEFT, NONE, on_view(view, (start + end) / 2))
    assert view.editor.wire == Wire("lstm", "out", "dropout", "in")
    QTest.keyClick(view, Qt.Key.Key_Delete)
    assert view.editor.wire is None
    assert len(document.project.graph.wires) == 3


# From the palette


def test_a_block_dragged_in_from_the_palette_lands_under_the_pointer(view, document):
    at = empty_place(view)
    drop(view, "linear", at)
    block = document.project.graph.blocks["linear"]
    frame = view.canvas.blocks["linear"].frame
    assert frame.contains(view.mapToScene(at))
    assert block.x % 12 == 0
    assert block.y % 12 == 0
    assert view.selection == ("linear",)
    document.undo()
    assert document.project == make("char-lstm")


def test_a_block_dropped_on_a_wire_is_inserted_and_what_follows_makes_room(view, document):
    wire = Wire("lstm", "out", "dropout", "in")
    start, end = view.canvas.ends(wire)
    at = on_view(view, (start + end) / 2)
    drop_events(view, "layer_norm", at, (QDragEnterEvent, QDragMoveEvent))
    assert view.canvas.wires[wire].target, "the wire lights up before the drop"
    drop_events(view, "layer_norm", at, (QDropEvent,))
    graph = document.project.graph
    assert graph.into("layer_norm")["in"].source == "lstm"
    assert graph.into("dropout")["in"].source == "layer_norm"
    frames = [item.frame for item in view.canvas.blocks.values()]
    for index, one in enumerate(frames):
        assert not any(one.intersects(other) for other in frames[index + 1 :])
    assert document.undo_label == "Insert Layer norm"
    document.undo()
    assert document.project == make("char-lstm")


def test_a_block_that_does_not_fit_a_wire_does_not_light_it(view):
    wire = Wire("lstm", "out", "dropout", "in")
    start, end = view.canvas.ends(wire)
    drop_events(view, "embedding", on_view(view, (start + end) / 2), (QDragEnterEvent,))
    assert not view.canvas.wires[wire].target
    drop_events(view, "embedding", QPoint(), (QDragLeaveEvent,))
    assert view.mouse.gesture is None


def test_foreign_data_are_not_taken(view, document):
    data = QMimeData()
    data.setText("lstm")
    event = QDragEnterEvent(QPoint(50, 50), Qt.DropAction.CopyAction, data, LEFT, NONE)
    QApplication.sendEvent(view.viewport(), event)
    assert not event.isAccepted()
    assert document.undo_label == ""


# Cancelling


def _start_move(view):
    start = body(view, "lstm")
    drag(view, start, start + QPoint(80, 90), release=False)


def _start_box(view):
    start = empty_place(view)
    drag(view, start, start + QPoint(200, -200), release=False)


def _start_wire(view):
    drag(view, port(view, "lstm", "out", True), empty_place(view), release=False)


def _start_moved_wire(view):
    drag(view, port(view, "dropout", "in", False), empty_place(view), release=False)


def _start_clone(view):
    start = body(view, "lstm")
    alt = Qt.KeyboardModifier.AltModifier
    drag(view, start, start + QPoint(80, 90), modifiers=alt, release=False)


def _start_pan(view):
    start = empty_place(view)
    drag(view, start, start + QPoint(80, 90), button=MIDDLE, release=False)


def _start_drop(view):
    drop_events(view, "linear", empty_place(view), (QDragEnterEvent, QDragMoveEvent))


@pytest.mark.parametrize(
    "start",
    [
        _start_move,
        _start_box,
        _start_wire,
        _start_moved_wire,
        _start_clone,
        _start_pan,
        _start_drop,
    ],
)
@pytest.mark.parametrize("how", ["escape", "focus"])
def test_a_cancelled_gesture_leaves_everything_as_it_was(view, document, start, how):
    before, place, items = document.project, view.place(), len(view.canvas.items())
    view.select(["lstm"])
    start(view)
    assert view.mouse.gesture is not None
    if how == "escape":
        QTest.keyClick(view, Qt.Key.Key_Escape)
    else:
        QApplication.sendEvent(view, QFocusEvent(QEvent.Type.FocusOut))
    assert view.mouse.gesture is None
    assert document.project is before
    assert document.undo_label == ""
    assert len(view.canvas.items()) == items
    assert (view.place() - place).manhattanLength() < 2
    assert view.selection == ("lstm",)
    for key, item in view.canvas.blocks.items():
        block = before.graph.blocks[key]
        assert (item.x(), item.y()) == (block.x, block.y)
    assert all(item.isVisible() for item in view.canvas.wires.values())


def test_an_undo_during_a_drag_ends_the_drag(view, document):
    view.add_kind("linear", QPointF(300, 400))
    start = body(view, "lstm")
    drag(view, start, start + QPoint(80, 90), release=False)
    document.undo()
    assert view.mouse.gesture is None
    QTest.mouseRelease(view.viewport(), LEFT, NONE, start + QPoint(80, 90))
    assert document.project == make("char-lstm")


# Opening


def test_a_double_click_opens_a_block(view, qtbot):
    with qtbot.waitSignal(view.opened) as told:
        QTest.mouseDClick(view.viewport(), LEFT, NONE, body(view, "dropout"))
    assert told.args == ["dropout"]


def test_a_double_click_on_empty_canvas_adds_where_it_was(view, document):
    at = empty_place(view)
    QTest.mouseDClick(view.viewport(), LEFT, NONE, at)
    QTest.keyClicks(view.menu.search, "gru")
    QTest.keyClick(view.menu.search, Qt.Key.Key_Return)
    assert view.canvas.blocks["gru"].frame.contains(view.mapToScene(at))
    assert document.undo_label == "Add GRU"


def test_a_click_on_the_loop_asks_to_unroll(view, qtbot):
    item = view.canvas.blocks["lstm"]
    at = on_view(view, item.pos() + item.pill().center())
    with qtbot.waitSignal(view.unroll_requested) as told:
        QTest.mouseClick(view.viewport(), LEFT, NONE, at)
    assert told.args == ["lstm"]


def test_resting_on_a_wire_tells_its_shape(view, qtbot):
    start, end = view.canvas.ends(Wire("embedding", "out", "lstm", "in"))
    at = on_view(view, (start + end) / 2)
    QTest.mouseMove(view.viewport(), at + QPoint(0, 40))
    send(view, QEvent.Type.MouseMove, at, Qt.MouseButton.NoButton, NONE, Qt.MouseButton.NoButton)
    peek = view.mouse.peek
    qtbot.waitUntil(peek.isVisible)
    assert peek.words() == ("B 32 · T 128 · C 64", "float32")
    away = at + QPoint(0, 60)
    send(view, QEvent.Type.MouseMove, away, Qt.MouseButton.NoButton, NONE, Qt.MouseButton.NoButton)
    assert not peek.isVisible()


def menu_at(view, at):
    menu = context_menu(view, at)
    return {action.text().partition("\t")[0]: action for action in menu.actions()}


def test_a_right_click_offers_what_suits_the_place(view, document):
    start, end = view.canvas.ends(Wire("lstm", "out", "dropout", "in"))
    on_wire = menu_at(view, on_view(view, (start + end) / 2))
    on_wire["Take the wire away"].trigger()
    assert Wire("lstm", "out", "dropout", "in") not in document.project.graph.wires
    document.undo()
    on_block = menu_at(view, body(view, "dropout"))
    assert view.selection == ("dropout",)
    on_block["Delete"].trigger()
    assert document.project.graph.into("next_token")["in"].source == "lstm", "it heals"
    on_canvas = menu_at(view, empty_place(view))
    assert "Paste here" in on_canvas
    on_canvas["Select all"].trigger()
    assert len(view.selection) == 4


def test_resting_on_a_port_or_a_marked_block_tells_what_it_is(view):
    assert tip_at(view, port(view, "tokens", "out", True)) == (
        "tokens (ids). Number of each symbol in the vocabulary"
    )
    assert tip_at(view, body(view, "lstm")) == ""
    view.set_stale(["lstm"])
    assert tip_at(view, body(view, "lstm")) == "Edited since the run started"
    assert tip_at(view, empty_place(view)) == ""
