"""Going into blocks on the canvas, changing what is there, and coming out again, by hand."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Problem
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.opening import open_along
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.edits import AddBlock, MoveBlocks, RemoveBlocks, SetParam
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.project import Project
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.canvas.place import place_of_change
from seqstudio.studio.inspector import Inspector
from seqstudio.studio.pages import edited_blocks

FACTS = DataFacts("A text", "next token", "ids", 65, batch=32, window=128, unit="nats")
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def document():
    return Document(make("char-lstm"))


@pytest.fixture
def view(qtbot, document):
    canvas = CanvasView(document)
    qtbot.addWidget(canvas)
    canvas.set_facts(FACTS)
    canvas.resize(1300, 700)
    canvas.show()
    canvas.activateWindow()
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus)
    return canvas


def key(view: CanvasView, code: Qt.Key, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(view, code, modifiers)


def point_of(view: CanvasView, block: str) -> QPoint:
    item = view.canvas.blocks[block]
    return view.mapFromScene(item.frame.center())


def path(view: CanvasView) -> tuple[str, ...]:
    return view.editor.place.path


def enter(view: CanvasView, block: str) -> None:
    view.select((block,))
    key(view, Qt.Key.Key_Return)


# Looking


def test_enter_and_double_click_go_in_and_esc_comes_out(view, document):
    before = document.project
    enter(view, "lstm")
    assert path(view) == ("lstm",)
    assert {"forget", "input", "candidate", "output"} <= set(view.canvas.blocks)
    assert view.inside.crumbs.titles() == ["Model", "LSTM"]
    assert not view.editor.report.problems
    key(view, Qt.Key.Key_Escape)
    assert path(view) == ()
    assert view.selection == ("lstm",)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=point_of(view, "lstm"))
    assert path(view) == ("lstm",)
    assert document.project is before
    assert not document.undo_label


def test_esc_leaves_the_gesture_first_then_the_block_then_the_selection(view):
    enter(view, "lstm")
    view.select(("forget",))
    at = point_of(view, "forget")
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseMove(view.viewport(), at + QPoint(60, 40))
    assert view.mouse.gesture is not None
    key(view, Qt.Key.Key_Escape)
    assert view.mouse.gesture is None
    assert path(view) == ("lstm",)
    key(view, Qt.Key.Key_Escape)
    assert path(view) == ()
    assert view.selection == ("lstm",)
    key(view, Qt.Key.Key_Escape)
    assert view.selection == ()


def test_an_unopened_block_says_what_it_is_with_its_equations(view):
    assert view.inside.crumbs.isHidden()
    enter(view, "lstm")
    words = view.inside.crumbs.banner.label.text()
    assert "how LSTM works inside" in words
    assert "becomes your own block" in words
    assert view.inside.card.is_open
    assert (
        r"c_t = f_t \odot c_{t-1} + i_t \odot g_t" in view.inside.card.equations.accessibleName()
    )
    view.select(("forget",))
    key(view, Qt.Key.Key_Right)
    assert view.inside.crumbs.banner.isHidden()
    assert view.inside.card.isHidden()
    assert view.inside.crumbs.titles() == ["Model", "LSTM"]


def test_the_equations_fold_away_where_there_is_little_room(view):
    view.resize(900, 600)
    enter(view, "lstm")
    assert not view.inside.card.is_open
    assert view.side_room == 0
    QTest.mouseClick(view.inside.card.head, Qt.MouseButton.LeftButton)
    assert view.inside.card.is_open


def test_a_primitive_shows_its_code_instead(view, qtbot):
    with qtbot.waitSignal(view.opened) as told:
        enter(view, "embedding")
    assert told.args == ["embedding"]
    assert path(view) == ()
    with qtbot.waitSignal(view.opened) as told:
        view.select(("lstm",))
        key(view, Qt.Key.Key_Return, CTRL)
    assert told.args == ["lstm"]


def test_every_place_keeps_its_zoom(view):
    view.zoom_by(0.5)
    outer = view.zoom(), view.place()
    enter(view, "lstm")
    view.zoom_by(1.7)
    inner = view.zoom()
    key(view, Qt.Key.Key_Escape)
    assert view.zoom() == pytest.approx(outer[0])
    assert (view.place() - outer[1]).manhattanLength() < 8
    enter(view, "lstm")
    assert view.zoom() == pytest.approx(inner)


def test_breadcrumbs_lead_back_any_number_of_blocks(view, document):
    document.apply(SetParam("lstm", "layers", 2))
    enter(view, "lstm")
    enter(view, "layer2")
    assert view.inside.crumbs.titles() == ["Model", "LSTM", "layer 2"]
    assert len(view.inside.crumbs.buttons) == 2
    QTest.mouseClick(view.inside.crumbs.buttons[0], Qt.MouseButton.LeftButton)
    assert path(view) == ()
    assert view.selection == ("lstm",)


def test_a_block_without_an_input_says_why_it_cannot_be_entered(view, document, qtbot):
    document.apply(RemoveBlocks(("embedding",)))
    with qtbot.waitSignal(view.message) as told:
        enter(view, "lstm")
    assert "input is not known" in told.args[0]
    assert path(view) == ()


# Changing


def test_a_change_inside_makes_it_ones_own_in_one_step_and_undo_takes_it_back(view, document):
    before = document.project
    enter(view, "lstm")
    view.select(("forget",))
    key(view, Qt.Key.Key_Delete)
    block = document.project.graph.blocks["lstm"]
    assert block.kind == "cell"
    assert block.title == "LSTM"
    assert "forget" not in block.inside.blocks
    assert path(view) == ("lstm",)
    document.undo()
    assert document.project is before
    assert path(view) == ("lstm",)
    assert "forget" in view.canvas.blocks
    document.redo()
    assert "forget" not in view.canvas.blocks


def test_undo_of_a_change_inside_goes_there(view, document):
    enter(view, "lstm")
    view.editor.rename("forget", "memory gate")
    view.editor.rename("input", "new gate")
    key(view, Qt.Key.Key_Escape)
    assert path(view) == ()
    document.undo()
    assert path(view) == ("lstm",)
    assert view.canvas.blocks["forget"].face.title == "memory gate"
    assert view.canvas.blocks["input"].face.title == "input gate i"


def test_undo_of_a_change_outside_comes_out(view, document):
    document.apply(SetParam("embedding", "width", 32))
    enter(view, "lstm")
    document.undo()
    assert path(view) == ()


def test_the_view_climbs_out_when_the_block_goes(view, document):
    view.select(("lstm",))
    key(view, Qt.Key.Key_E, CTRL | SHIFT)
    (group,) = view.selection
    enter(view, group)
    enter(view, "lstm")
    assert path(view) == (group, "lstm")
    document.undo()  # the group was made by this step
    assert path(view) == ()
    assert "lstm" in view.canvas.blocks


def test_opening_another_project_shows_its_outermost_graph(view, document):
    enter(view, "lstm")
    document.reset(make("hello-rnn"))
    assert path(view) == ()
    assert set(view.canvas.blocks) == set(document.project.graph.blocks)


def test_copy_and_paste_work_inside(view, document):
    enter(view, "lstm")
    view.select(("forget",))
    key(view, Qt.Key.Key_C, CTRL)
    assert "gate" in QGuiApplication.clipboard().text()
    key(view, Qt.Key.Key_V, CTRL)
    inside = document.project.graph.at(("lstm",))
    assert len([b for b in inside if b.kind == "gate"]) == 5
    assert view.selection != ("forget",)


def test_wires_inside_are_drawn_by_the_same_editor(view, document):
    enter(view, "lstm")
    wire = Wire("forget", "out", "fresh", "in")
    assert view.editor.connect_ports(wire)
    assert wire in document.project.graph.at(("lstm",)).wires
    loop = Wire("hidden", "out", "candidate", "in")
    assert not view.editor.connect_ports(loop)  # a loop outside of a state is refused inside too


# Groups


def test_keys_group_and_ungroup(view, document):
    start = document.project.graph
    view.select(("embedding", "lstm"))
    key(view, Qt.Key.Key_E, CTRL | SHIFT)
    assert view.selection == ("group",)
    assert not view.report.errors
    key(view, Qt.Key.Key_U, CTRL | SHIFT)
    assert set(view.selection) == {"embedding", "lstm"}
    assert set(document.project.graph.wires) == set(start.wires)


def test_what_cannot_be_grouped_is_said(view, document, qtbot):
    before = document.project
    with qtbot.waitSignal(view.message) as told:
        view.select_all()
        key(view, Qt.Key.Key_E, CTRL | SHIFT)
    assert "cannot go into a group" in told.args[0]
    assert document.project is before


# Problems


def test_a_problem_inside_is_entered_and_selected(view, document):
    enter(view, "lstm")
    view.select(("squash",))
    key(view, Qt.Key.Key_Delete, SHIFT)
    key(view, Qt.Key.Key_Escape)
    problem = next(p for p in view.report.errors if p.path == ("lstm",))
    assert view.canvas.blocks["lstm"].face.problem
    view.focus_problem(problem)
    assert path(view) == ("lstm",)
    assert view.selection == (problem.block,)
    key(view, Qt.Key.Key_Escape)
    view.focus_problem(Problem("embedding", "", "elsewhere"))
    assert path(view) == ()
    assert view.selection == ("embedding",)


def test_others_are_told_about_the_whole_model(view, document):
    told = []
    view.model_checked.connect(told.append)
    total = view.report.total
    enter(view, "lstm")
    assert told[-1].total == total
    assert view.report.total < total


# The inspector


@pytest.fixture
def inspector(qtbot, document, view):
    widget = Inspector(document, view.editor)
    qtbot.addWidget(widget)
    view.selection_changed.connect(widget.set_selection)
    view.report_changed.connect(widget.set_report)
    widget.show()
    return widget


def test_settings_inside_are_changed_where_the_canvas_is(view, document, inspector):
    enter(view, "lstm")
    view.select(("forget",))
    inspector.page.form.field("bias").value_changed.emit(2.0)
    assert document.project.graph.at(("lstm",)).blocks["forget"].params["bias"] == 2.0
    assert document.undo_label == "Change Bias of forget gate f"


def test_a_setting_inside_is_shown_on_the_block_and_set_there(view, document, inspector):
    enter(view, "lstm")
    view.select(("forget",))
    assert inspector.page.exposing.boxes["bias"].value()  # an LSTM shows that of its forget gate
    inspector.page.exposing.boxes["function"].click()
    assert document.project.graph.blocks["lstm"].exposed == ("forget.bias", "forget.function")
    assert inspector.page.exposing.boxes["function"].value()
    key(view, Qt.Key.Key_Escape)
    field = inspector.page.form.field("forget.bias")
    assert field.value() == 1.0
    field.value_changed.emit(3.0)
    assert document.project.graph.at(("lstm",)).blocks["forget"].params["bias"] == 3.0
    enter(view, "lstm")
    view.select(("forget",))
    inspector.page.exposing.boxes["bias"].click()
    assert document.project.graph.blocks["lstm"].exposed == ("forget.function",)


def test_the_inspector_leads_inside_where_there_is_something(view, inspector, qtbot):
    view.select(("embedding",))
    assert inspector.page.inside is None
    view.select(("lstm",))
    with qtbot.waitSignal(inspector.action) as told:
        inspector.page.inside.click()
    assert told.args == ["inside"]


def test_ports_are_renamed_and_moved_in_the_inspector(view, document, inspector):
    view.editor.do(two_outputs())
    view.select(("pair",))
    outputs = inspector.page.ports[1]
    assert [field.value() for field in outputs.fields.values()] == ["left", "right"]
    assert not outputs.movers["left", -1].isEnabled()
    outputs.movers["right", -1].click()
    inside = document.project.graph.at(("pair",))
    assert [b.id for b in inside if b.kind == "outlet"] == ["right", "left"]
    inspector.page.ports[0].fields["in"].committed.emit("words")
    assert document.project.graph.at(("pair",)).blocks["in"].title == "words"


def two_outputs() -> AddBlock:
    outlet = KINDS["outlet"].defaults()
    blocks = [
        Block("in", "inlet", 0, 0, KINDS["inlet"].defaults(), "in"),
        Block("left", "outlet", 300, 0, outlet, "left"),
        Block("right", "outlet", 300, 150, outlet, "right"),
    ]
    wires = (Wire("in", "out", "left", "in"), Wire("in", "out", "right", "in"))
    inside = Graph({b.id: b for b in blocks}, wires)
    return AddBlock(Block("pair", "group", 0, 400, inside=inside))


def test_blocks_edited_since_a_run_are_told_by_what_they_train():
    before = Project(make("char-lstm").graph)
    moved = MoveBlocks({"lstm": (9.0, 9.0)}).apply(before)
    assert edited_blocks(before.graph, moved.graph) == []
    inside = open_along(before.graph, ("lstm",), FACTS)
    assert edited_blocks(before.graph, inside) == ["lstm"]
    wider = SetParam("embedding", "width", 8).apply(before)
    assert edited_blocks(before.graph, wider.graph) == ["embedding"]


def test_the_place_of_a_change_is_the_deepest_graph_that_holds_it():
    inner = Graph({"a": Block("a", "linear")})
    outer = Graph({"g": Block("g", "group", inside=inner), "b": Block("b", "linear")})
    changed = outer.put(("g",), Graph({"a": Block("a", "linear", x=9.0)}))
    assert place_of_change(outer, changed) == ("g",)
    assert place_of_change(changed, outer) == ("g",)
    both = changed.with_block(Block("b", "linear", x=4.0))
    assert place_of_change(outer, both) == ()
    assert Project(outer) != Project(changed)
