"""What hands do on the canvas beyond the basics: modes, dots, cuts, paste, guides, fixes."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from seqstudio.blocks import ports
from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.editing import refusal
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.edits import Connect, MoveBlocks, SetBends, SetMode
from seqstudio.document.graph import Block, Wire
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.canvas.edits import Dot
from seqstudio.studio.canvas.hands.context import context_menu, tip_at
from seqstudio.studio.canvas.hands.wiring import fitting_ports, possible_wires
from seqstudio.studio.canvas.scene import PortHit

FACTS = DataFacts("A text", "next token", "ids", 65)
KEY = Qt.Key
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
MIDDLE = Qt.MouseButton.MiddleButton
NONE, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
SHIFT, ALT = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier
WIRE = Wire("embedding", "out", "lstm", "in")


@pytest.fixture
def document():
    return Document(make("char-lstm"))


@pytest.fixture
def view(qtbot, document):
    canvas = CanvasView(document)
    qtbot.addWidget(canvas)
    canvas.set_facts(FACTS)
    canvas.resize(1400, 800)
    canvas.show()
    canvas.setFocus()
    return canvas


def move(view, at, button=LEFT, modifiers=NONE):
    screen = QPointF(view.viewport().mapToGlobal(at))
    event = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(at), screen, Qt.MouseButton.NoButton, button, modifiers
    )
    QApplication.sendEvent(view.viewport(), event)


def drag(view, start, end, *, button=LEFT, modifiers=NONE, release=True):
    QTest.mousePress(view.viewport(), button, modifiers, start)
    for share in (0.25, 0.5, 0.75, 1.0):
        move(view, start + (end - start) * share, button, modifiers)
    if release:
        QTest.mouseRelease(view.viewport(), button, modifiers, end)


def middle(view, wire):
    path = view.canvas.wires[wire].route.path
    return view.mapFromScene(path.pointAtPercent(0.5))


def header(view, block):
    frame = view.canvas.blocks[block].frame
    return view.mapFromScene(QPointF(frame.center().x(), frame.top() + 14))


def graph_of(document):
    return document.project.graph


# Bypass and mute


@pytest.mark.parametrize(
    ("key", "mode", "label"),
    [(KEY.Key_B, "bypass", "Bypass LSTM"), (KEY.Key_M, "mute", "Mute LSTM")],
)
def test_a_key_bypasses_or_mutes_and_the_same_key_undoes_it(view, document, key, mode, label):
    before = document.project
    view.select(["lstm"])
    QTest.keyClick(view, key, CTRL)
    assert graph_of(document).blocks["lstm"].mode == mode
    assert document.undo_label == label
    assert view.canvas.blocks["lstm"].face.mode == mode
    QTest.keyClick(view, key, CTRL)
    assert graph_of(document).blocks["lstm"].mode == ""
    document.undo()
    document.undo()
    assert document.project is before


def test_a_mixed_selection_gets_the_mode_in_one_step_and_sources_stay(view, document):
    document.apply(SetMode(("dropout",), "bypass", "Bypass"))
    view.select(["tokens", "lstm", "dropout"])
    QTest.keyClick(view, KEY.Key_B, CTRL)
    modes = {block.id: block.mode for block in graph_of(document)}
    assert modes == {"tokens": "", "embedding": "", "lstm": "bypass", "dropout": "bypass",
                     "next_token": ""}  # fmt: skip
    document.undo()
    assert graph_of(document).blocks["lstm"].mode == ""
    told = []
    view.message.connect(told.append)
    view.select(["tokens"])
    QTest.keyClick(view, KEY.Key_B, CTRL)
    assert "input and an output" in told[-1]


def test_each_mode_is_seen_on_the_block(view, document):
    plain = view.grab().toImage()
    document.apply(SetMode(("dropout",), "bypass", "Bypass"))
    assert view.canvas.blocks["dropout"].face.passages == (("out", "in"),)
    bypassed = view.grab().toImage()
    document.apply(SetMode(("dropout",), "mute", "Mute"))
    muted = view.grab().toImage()
    assert plain != bypassed != muted
    assert "Muted" in tip_at(view, header(view, "dropout"))
    menu = context_menu(view, header(view, "dropout"))
    acts = {action.text().partition("\t")[0]: action for action in menu.actions()}
    acts["Mute"].trigger()
    assert graph_of(document).blocks["dropout"].mode == ""


# Dots


def test_alt_click_double_click_and_middle_click_each_put_a_dot_on_the_wire(view, document):
    for act in (
        lambda at: QTest.mouseClick(view.viewport(), LEFT, ALT, at),
        lambda at: QTest.mouseDClick(view.viewport(), LEFT, NONE, at),
        lambda at: QTest.mouseClick(view.viewport(), MIDDLE, NONE, at),
    ):
        before = document.project
        act(middle(view, WIRE))
        assert len(graph_of(document).bends[WIRE]) == 1
        assert view.editor.dots == (Dot(WIRE, 0),)
        assert document.undo_label == "Bend wire"
        document.undo()
        assert document.project is before


def test_a_middle_drag_over_a_wire_still_pans(view, document):
    at, before = middle(view, WIRE), view.place()
    drag(view, at, at + QPoint(60, 40), button=MIDDLE)
    assert graph_of(document).bends == {}
    assert view.place() != before


def test_alt_and_drag_bends_the_wire_in_one_step_and_it_passes_there(view, document):
    at = middle(view, WIRE)
    drag(view, at, at + QPoint(0, 120), modifiers=ALT)
    ((x, y),) = graph_of(document).bends[WIRE]
    item = view.canvas.wires[WIRE]
    near = min((item.route.path.pointAtPercent(n / 200) - QPointF(x, y)).manhattanLength()
               for n in range(201))  # fmt: skip
    assert near < 4
    assert not document.undo() or graph_of(document).bends == {}


def bent(document, *points):
    document.apply(SetBends(WIRE, points))


def dot_at(view, index):
    return view.mapFromScene(view.canvas.wires[WIRE].dots[index])


def test_a_dot_is_dragged_in_one_step_and_esc_leaves_it(view, document):
    start, end = view.canvas.ends(WIRE)
    x, y = (start.x() + end.x()) / 2, start.y() + 100
    bent(document, (x, y))
    before = document.project
    at = dot_at(view, 0)
    drag(view, at, at + QPoint(0, 70), release=False)
    assert view.canvas.wires[WIRE].dots[0].y() > y
    QTest.keyClick(view, KEY.Key_Escape)
    assert document.project is before
    assert view.canvas.wires[WIRE].dots[0].y() == y
    QTest.mouseRelease(view.viewport(), LEFT, NONE, at)
    drag(view, at, at + QPoint(0, 70))
    assert graph_of(document).bends[WIRE][0][1] > y
    assert document.undo_label == "Move"
    document.undo()
    assert document.project is before


def test_del_takes_the_selected_dots_away_and_leaves_the_wire(view, document):
    start, _ = view.canvas.ends(WIRE)
    bent(document, (start.x() + 20, start.y() + 90), (start.x() + 50, start.y() + 140))
    QTest.mouseClick(view.viewport(), LEFT, NONE, dot_at(view, 0))
    QTest.mouseClick(view.viewport(), LEFT, SHIFT, dot_at(view, 1))
    assert len(view.editor.dots) == 2
    QTest.keyClick(view, KEY.Key_Delete)
    assert graph_of(document).bends == {}
    assert WIRE in graph_of(document).wires
    assert document.undo_label == "Straighten wire"


def test_dots_by_keyboard(view, document):
    view.editor.select((), WIRE)
    QTest.keyClick(view, KEY.Key_R)
    assert view.editor.dots == (Dot(WIRE, 0),)
    ((x, y),) = graph_of(document).bends[WIRE]
    QTest.keyClick(view, KEY.Key_Down)
    QTest.keyClick(view, KEY.Key_Right, SHIFT)
    assert graph_of(document).bends[WIRE] == ((x + 48, y + 12),)
    QTest.keyClick(view, KEY.Key_R)
    assert len(graph_of(document).bends[WIRE]) == 2
    first = view.editor.dots
    QTest.keyClick(view, KEY.Key_R, SHIFT)
    assert view.editor.dots != first
    QTest.keyClick(view, KEY.Key_Delete)
    assert len(graph_of(document).bends[WIRE]) == 1


def test_dots_move_along_only_when_both_ends_do(view, document):
    bent(document, (100.0, 300.0))
    view.select(["lstm"])
    QTest.keyClick(view, KEY.Key_Down)
    assert graph_of(document).bends[WIRE] == ((100.0, 300.0),)
    view.select(["embedding", "lstm"])
    QTest.keyClick(view, KEY.Key_Down)
    assert graph_of(document).bends[WIRE] == ((100.0, 312.0),)
    at = header(view, "lstm")
    drag(view, at, at + QPoint(0, 60))
    dropped = graph_of(document)
    moved = dropped.blocks["lstm"].y - 24
    assert dropped.bends[WIRE] == ((100.0, 312.0 + moved),)


# Cutting


def test_a_stroke_cuts_the_wires_it_crosses_in_one_step(view, document):
    before = document.project
    one, two = middle(view, WIRE), middle(view, Wire("lstm", "out", "dropout", "in"))
    start = QPoint(one.x(), one.y() - 50)
    QTest.mousePress(view.viewport(), RIGHT, CTRL, start)
    for at in (QPoint(one.x(), one.y() + 90), QPoint(two.x(), two.y() + 90),
               QPoint(two.x(), two.y() - 50)):  # fmt: skip
        move(view, at, RIGHT, CTRL)
    doomed = {wire for wire, item in view.canvas.wires.items() if item.cut}
    assert doomed == {WIRE, Wire("lstm", "out", "dropout", "in")}
    QTest.mouseRelease(view.viewport(), RIGHT, CTRL, QPoint(two.x(), two.y() - 50))
    assert doomed.isdisjoint(graph_of(document).wires)
    assert len(graph_of(document).wires) == len(before.graph.wires) - 2
    assert document.undo_label == "Cut 2 wires"
    document.undo()
    assert document.project is before


def test_esc_takes_a_stroke_back(view, document):
    before = document.project
    at = middle(view, WIRE)
    drag(view, at - QPoint(0, 60), at + QPoint(0, 60), button=RIGHT, modifiers=CTRL, release=False)
    assert view.canvas.wires[WIRE].cut
    QTest.keyClick(view, KEY.Key_Escape)
    assert not view.canvas.wires[WIRE].cut
    QTest.mouseRelease(view.viewport(), RIGHT, CTRL, at)
    assert document.project is before
    assert document.undo_label == ""


def test_a_stroke_over_nothing_leaves_the_history_alone(view, document):
    corner = QPoint(40, view.viewport().height() - 120)
    drag(view, corner, corner + QPoint(80, 30), button=RIGHT, modifiers=CTRL)
    assert document.undo_label == ""


# All wires of an output


def port_place(view, block, name, output):
    return view.mapFromScene(view.canvas.blocks[block].port_at(name, output))


def test_shift_and_drag_moves_every_wire_of_an_output(view, document):
    document.apply(MoveBlocks({"dropout": (graph_of(document).blocks["dropout"].x, 200.0)}))
    second = Block("linear", "linear", 300.0, 400.0, {"width": 256})
    document.apply(Connect(WIRE))
    view.editor.add("linear", second.x, second.y)
    document.apply(Connect(Wire("embedding", "out", "linear", "in")))
    view.editor.add("layer_norm", 0.0, 400.0)
    document.apply(Connect(Wire("tokens", "out", "embedding", "in")))
    view.fit()
    before = document.project
    start = port_place(view, "embedding", "out", True)
    end = port_place(view, "layer_norm", "out", True)
    drag(view, start, end, modifiers=SHIFT, release=False)
    assert not view.canvas.wires[WIRE].isVisible()
    QTest.keyClick(view, KEY.Key_Escape)
    QTest.mouseRelease(view.viewport(), LEFT, SHIFT, end)
    assert document.project is before
    assert view.canvas.wires[WIRE].isVisible()
    drag(view, start, end, modifiers=SHIFT)
    targets = {wire.target for wire in graph_of(document).outof("layer_norm")}
    assert targets == {"lstm", "linear"}
    assert graph_of(document).outof("embedding") == []
    assert document.undo_label == "Move wires"
    document.undo()
    assert document.project is before


@pytest.mark.parametrize("name", ["char-attention", "char-lstm-no-forget", "caption-hard"])
def test_the_ports_that_light_up_are_those_that_are_not_refused(name):
    outer = make(name).graph
    for graph in (outer, *(block.inside for block in outer if block.inside)):
        for block in graph:
            for output, sides in ((True, ports.outputs(block)), (False, ports.inputs(block))):
                for side in sides:
                    hit = PortHit(block.id, side.name, output, side.kind)
                    fitting = fitting_ports(graph, hit)
                    for other in graph:
                        wanted = {
                            wire.into if output else wire.out
                            for wire in possible_wires(graph, hit, other.id)
                            if not refusal(graph, wire)
                        }
                        assert fitting[other.id] == wanted


# Clipboard


def test_paste_with_connections_feeds_the_copies(view, document):
    view.select(["lstm", "dropout"])
    QTest.keyClick(view, KEY.Key_C, CTRL)
    QTest.keyClick(view, KEY.Key_V, CTRL | SHIFT)
    assert graph_of(document).into("lstm2")["in"].source == "embedding"
    assert graph_of(document).into("dropout2")["in"].source == "lstm2"
    assert document.undo_label == "Paste with connections"
    QTest.keyClick(view, KEY.Key_V, CTRL)
    assert graph_of(document).into("lstm3") == {}


def test_a_paste_from_the_menu_lands_at_the_pointer_and_works_between_windows(
    view, document, qtbot
):
    view.select(["lstm", "dropout"])
    QTest.keyClick(view, KEY.Key_C, CTRL)
    other = Document(make("char-lstm"))
    second = CanvasView(other)
    qtbot.addWidget(second)
    second.resize(900, 600)
    second.show()
    at = QPoint(200, second.viewport().height() - 100)
    wanted = second.mapToScene(at)
    menu = context_menu(second, at)
    acts = {action.text().partition("\t")[0]: action for action in menu.actions()}
    acts["Paste here"].trigger()
    blocks = other.project.graph.blocks
    assert blocks["lstm2"].x == pytest.approx(wanted.x(), abs=0.01)
    assert blocks["lstm2"].y == pytest.approx(wanted.y(), abs=0.01)
    gap = graph_of(document).blocks["dropout"].x - graph_of(document).blocks["lstm"].x
    assert blocks["dropout2"].x - blocks["lstm2"].x == pytest.approx(gap)


@pytest.mark.parametrize("text", ["hello", json.dumps({"format": "seqstudio blocks"})])
def test_a_foreign_text_is_refused_in_words(view, document, text):
    told = []
    view.message.connect(told.append)
    QGuiApplication.clipboard().setText(text)
    QTest.keyClick(view, KEY.Key_V, CTRL)
    assert "The clipboard holds no blocks" in told[-1]
    assert document.undo_label == ""


# Guides


def test_a_drag_catches_where_the_wire_is_level_and_shows_a_guide(view, document):
    document.apply(MoveBlocks({"dropout": (graph_of(document).blocks["dropout"].x, 205.0)}))
    view.fit()
    source, _ = view.canvas.ends(Wire("lstm", "out", "dropout", "in"))
    _, into = view.canvas.ends(Wire("lstm", "out", "dropout", "in"))
    zoom = view.zoom()
    at = header(view, "dropout")
    away = round((source.y() - into.y()) * zoom) + 3
    drag(view, at, at + QPoint(0, away), release=False)
    start, end = view.canvas.ends(Wire("lstm", "out", "dropout", "in"))
    assert start.y() == end.y()
    gesture = view.mouse.gesture
    assert any(line.y1() == line.y2() == start.y() for line in gesture._guides.lines)
    QTest.mouseRelease(view.viewport(), LEFT, NONE, at + QPoint(0, away))
    start, end = view.canvas.ends(Wire("lstm", "out", "dropout", "in"))
    assert start.y() == end.y()
    assert not [i for i in view.canvas.items() if type(i).__name__ == "GuideItem"]


def test_ctrl_during_a_drag_switches_magnets_and_grid_off(view, document):
    at = header(view, "dropout")
    QTest.mousePress(view.viewport(), LEFT, NONE, at)
    move(view, at + QPoint(31, 47), LEFT, CTRL)
    QTest.mouseRelease(view.viewport(), LEFT, CTRL, at + QPoint(31, 47))
    before = make("char-lstm").graph.blocks["dropout"]
    after = graph_of(document).blocks["dropout"]
    assert after.x - before.x == pytest.approx(31 / view.zoom(), abs=0.01)
    assert after.y - before.y == pytest.approx(47 / view.zoom(), abs=0.01)


# Align, distribute, straighten, lay out


def scattered(document):
    places = {"embedding": (0.0, 300.0), "lstm": (310.0, 407.0), "dropout": (700.0, 555.0)}
    document.apply(MoveBlocks(places))
    return places


@pytest.mark.parametrize(
    ("action", "axis", "label"),
    [
        ("canvas.align_left", 0, "Align left edges"),
        ("canvas.align_top", 1, "Align top edges"),
        ("canvas.straighten", 1, "Straighten wires"),
    ],
)
def test_aligning_is_one_step_with_a_name(view, document, action, axis, label):
    scattered(document)
    before = document.project
    view.select(["embedding", "lstm", "dropout"])
    view.keys.run(action)
    blocks = graph_of(document).blocks
    values = {(blocks[key].x, blocks[key].y)[axis] for key in view.selection}
    assert len(values) == 1
    assert document.undo_label == label
    document.undo()
    assert document.project is before


def test_distribute_gives_equal_gaps(view, document):
    scattered(document)
    view.select(["embedding", "lstm", "dropout"])
    view.keys.run("canvas.distribute_across")
    items = [view.arrange.boxes()[key] for key in ("embedding", "lstm", "dropout")]
    first = items[1].x - items[0].x - items[0].width
    second = items[2].x - items[1].x - items[1].width
    assert first == pytest.approx(second, abs=0.02)


def test_one_block_cannot_be_aligned_and_is_told_so(view, document):
    told = []
    view.message.connect(told.append)
    view.select(["lstm"])
    view.arrange.align("left")
    assert "at least 2" in told[-1]
    assert document.undo_label == ""


def test_tidy_of_a_selection_leaves_the_others(view, document):
    scattered(document)
    view.select(["embedding", "lstm", "dropout"])
    QTest.keyClick(view, KEY.Key_L)
    after, start = graph_of(document).blocks, make("char-lstm").graph.blocks
    assert (after["tokens"].x, after["tokens"].y) == (start["tokens"].x, start["tokens"].y)
    assert after["embedding"].y == after["lstm"].y == after["dropout"].y
    assert document.undo_label == "Tidy"


# Healing and fixes


def test_a_gap_is_healed_only_where_the_block_behind_takes_the_shape(view, document):
    view.editor.add("last_step", 900.0, 300.0)
    view.editor.add("linear", 1100.0, 300.0)
    view.editor.add("mean_time", 1300.0, 300.0)
    for wire in (
        Wire("embedding", "out", "linear", "in"),
        Wire("linear", "out", "mean_time", "in"),
    ):
        document.apply(Connect(wire))
    view.select(["linear"])
    QTest.keyClick(view, KEY.Key_Delete)
    assert graph_of(document).into("mean_time")["in"].source == "embedding", "it fits"
    document.apply(Connect(Wire("embedding", "out", "last_step", "in")))
    view.editor.add("linear", 1100.0, 300.0)
    document.apply(Connect(Wire("last_step", "out", "linear", "in")))
    view.editor.add("add", 1500.0, 300.0)
    document.apply(Connect(Wire("linear", "out", "add", "in")))
    view.editor.add("linear", 1100.0, 500.0)
    document.apply(Connect(Wire("last_step", "out", "linear2", "in")))
    document.apply(Connect(Wire("linear2", "out", "add", "other")))
    assert check(graph_of(document), FACTS).playable
    view.select(["linear"])
    QTest.keyClick(view, KEY.Key_Delete)
    healed = graph_of(document).into("add").get("in")
    wide = view.report.shapes["last_step", "out"].width
    agrees = wide == view.report.shapes["linear2", "out"].width
    assert (healed is not None) == agrees


def broken(view, document):
    """An Add whose inputs differ in width, before the head."""
    view.editor.add("linear", 500.0, 500.0)
    view.editor.add("add", 900.0, 500.0)
    for wire in (
        Wire("embedding", "out", "linear", "in"),
        Wire("lstm", "out", "add", "in"),
        Wire("linear", "out", "add", "other"),
        Wire("add", "out", "next_token", "in"),
    ):
        document.apply(Connect(wire))
    view.fit()
    return next(p for p in view.report.errors if p.block == "add")


def test_the_fix_of_a_problem_is_offered_on_the_block_and_mends_it(view, document):
    broken(view, document)
    before = document.project
    tip = tip_at(view, header(view, "add"))
    wide = view.report.shapes["lstm", "out"].width
    assert f"Insert a Linear 128 → {wide}" in tip
    menu = context_menu(view, header(view, "add"))
    menu.actions()[0].trigger()
    assert view.report.playable
    assert graph_of(document).blocks["linear2"].params["width"] == wide
    document.undo()
    assert document.project is before


def test_f8_lists_problems_goes_there_and_mends_by_enter(view, document):
    broken(view, document)
    view.select([])
    QTest.keyClick(view, KEY.Key_F8)
    QTest.keyClicks(view.menu.search, "add needs")
    QTest.keyClick(view.menu.search, KEY.Key_Return)
    assert view.selection == ("add",)
    QTest.keyClick(view, KEY.Key_F8)
    QTest.keyClicks(view.menu.search, "insert a linear")
    QTest.keyClick(view.menu.search, KEY.Key_Return)
    assert view.report.playable


def test_a_dropped_wire_offers_what_fits_first_and_learns(view, document):
    hit = view.canvas.port_at(view.canvas.blocks["lstm"].port_at("out", True), 5)
    before = view.kinds_for(hit)
    assert before[0] != "tanh"
    last = before[4]
    for _ in range(3):
        view.add_at_port(last, hit, QPointF(900, 700))
    assert view.kinds_for(hit)[0] == last
    entries = view.entries_for(hit)
    assert entries[0].key == last
    assert entries[0].group == "Suggested"
    assert {entry.key for entry in entries} == set(before)
