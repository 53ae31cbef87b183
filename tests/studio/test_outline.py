"""The outline: names of everything, selection both ways, connecting, renaming, deleting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QTreeWidgetItem, QWidget
from pytestqt.qtbot import QtBot

from seqstudio.blocks import ports
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.edits import Disconnect, SetMode
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.outline import Outline
from seqstudio.studio.outline_rows import children

KEY = Qt.Key
FACTS = DataFacts("A text", "next token", "ids", 65)
TOLD = Qt.ItemDataRole.AccessibleTextRole


@pytest.fixture
def document() -> Document:
    return Document(make("char-lstm"))


@pytest.fixture
def outline(qtbot: QtBot, document: Document) -> Iterator[Outline]:
    house = QWidget()
    qtbot.addWidget(house)
    row = QHBoxLayout(house)
    canvas = CanvasView(document)
    canvas.set_facts(FACTS)
    made = Outline(document, canvas)
    row.addWidget(made)
    row.addWidget(canvas)
    house.resize(1000, 600)
    with qtbot.waitExposed(house):
        house.show()
    house.activateWindow()
    made.tree.setFocus()
    yield made
    house.close()


def canvas_of(outline: Outline) -> CanvasView:
    found = outline.window().findChild(CanvasView)
    assert isinstance(found, CanvasView)
    return found


def all_items(outline: Outline) -> list[QTreeWidgetItem]:
    items, found = [outline.tree.invisibleRootItem()], []
    while items:
        item = items.pop()
        below = [item.child(i) for i in range(item.childCount())]
        found += below
        items += below
    return found


def go_to(outline: Outline, *key: str) -> None:
    outline.tree.setCurrentItem(outline.item(*key))


def choose(outline: Outline, text: str) -> None:
    assert outline.menu is not None
    QTest.keyClicks(outline.menu.search, text)
    QTest.keyClick(outline.menu.search, KEY.Key_Return)


def settle(outline: Outline, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not outline._later.isActive())


def test_every_block_port_and_wire_has_an_accessible_name(
    outline: Outline, document: Document
) -> None:
    told = {item.data(0, TOLD) for item in all_items(outline)}
    assert all(text and text.strip() for text in told)
    for block in document.project.graph:
        for way, found in (("in", ports.inputs(block)), ("out", ports.outputs(block))):
            for port in found:
                assert outline.item(block.id, f"{way}:{port.name}").data(0, TOLD)
    for wire in document.project.graph.wires:
        name = f"{wire.source}.{wire.out}>{wire.target}.{wire.into}"
        outline.item(wire.source, f"out:{wire.out}", name)
        outline.item(wire.target, f"in:{wire.into}", name)
    assert outline.item("lstm").data(0, TOLD).startswith("LSTM, ")
    assert "parameters" in outline.item("lstm").data(0, TOLD)
    assert "not connected" in outline.item("lstm", "out:state").data(0, TOLD)


def test_blocks_stand_in_running_order(outline: Outline) -> None:
    tops = [outline.tree.topLevelItem(i) for i in range(outline.tree.topLevelItemCount())]
    assert [item.text(0) for item in tops if item] == [
        "Tokens", "Embedding", "LSTM", "Dropout", "Next-token head"]  # fmt: skip


def test_problems_stand_under_their_block_with_all_their_words(
    outline: Outline, document: Document, qtbot: QtBot
) -> None:
    document.apply(Disconnect(Wire("embedding", "out", "lstm", "in")))
    settle(outline, qtbot)
    problem = canvas_of(outline).report.problems[0]
    block = outline.item(problem.block)
    first = block.child(0)
    assert first.data(0, TOLD) == f"Error: {problem.sentence()}"
    assert block.isExpanded()
    assert "1 problem" in block.data(0, TOLD)


def test_the_mode_of_a_block_is_told(outline: Outline, document: Document, qtbot: QtBot) -> None:
    document.apply(SetMode(("dropout",), "mute", "Mute"))
    settle(outline, qtbot)
    assert "muted" in outline.item("dropout").data(0, TOLD)


def test_selection_goes_both_ways(outline: Outline) -> None:
    canvas = canvas_of(outline)
    canvas.select(["dropout", "lstm"])
    assert outline.item("dropout").isSelected()
    assert outline.item("lstm").isSelected()
    assert not outline.item("tokens").isSelected()
    canvas.select(["tokens"])
    QTest.keyClick(outline.tree, KEY.Key_Down)
    assert canvas.selection == ("embedding",)
    go_to(outline, "lstm", "out:out")
    assert canvas.selection == ("lstm",), "a port belongs to its block"


def test_w_connects_a_port_to_one_that_fits(outline: Outline, document: Document) -> None:
    canvas_of(outline).add_kind("add")
    outline.refresh()
    go_to(outline, "embedding", "out:out")
    QTest.keyClick(outline.tree, KEY.Key_W)
    assert outline.menu is not None
    offered = {entry.title for entry in outline.menu.entries}
    assert any(title.startswith("to Add") for title in offered)
    assert not any(title.startswith(("to Tokens", "to LSTM")) for title in offered)
    choose(outline, "add")
    wires = document.project.graph.wires
    assert any(w.source == "embedding" and w.target == "add" for w in wires)


def test_an_input_is_connected_from_its_side(outline: Outline, document: Document) -> None:
    go_to(outline, "next_token", "in:in")
    QTest.keyClick(outline.tree, KEY.Key_W)
    choose(outline, "lstm")
    assert document.project.graph.into("next_token")["in"].source == "lstm"


def test_f2_renames_and_an_empty_name_returns_to_that_of_the_kind(
    outline: Outline, document: Document, qtbot: QtBot
) -> None:
    def rename(title: str) -> None:
        go_to(outline, "lstm")
        QTest.keyClick(outline.tree, KEY.Key_F2)
        (field,) = (f for f in outline.tree.findChildren(QLineEdit) if f.isVisible())
        field.selectAll()
        QTest.keyClick(field, KEY.Key_Delete)
        QTest.keyClicks(field, title)
        QTest.keyClick(field, KEY.Key_Return)
        qtbot.waitUntil(lambda: document.project.graph.blocks["lstm"].title == title)
        settle(outline, qtbot)

    go_to(outline, "lstm")
    QTest.keyClick(outline.tree, KEY.Key_F2)
    outline.refresh()
    (field,) = (f for f in outline.tree.findChildren(QLineEdit) if f.isVisible())
    QTest.keyClick(field, KEY.Key_Escape)  # a change elsewhere did not take the field away
    rename("Reader")
    assert outline.item("lstm").data(0, TOLD).startswith("Reader, LSTM")
    rename("")
    assert outline.item("lstm").text(0) == "LSTM"


def test_del_takes_wires_and_blocks_away(
    outline: Outline, document: Document, qtbot: QtBot
) -> None:
    go_to(outline, "lstm", "in:in", "embedding.out>lstm.in")
    QTest.keyClick(outline.tree, KEY.Key_Delete)
    assert document.project.graph.into("lstm") == {}
    document.undo()
    settle(outline, qtbot)
    go_to(outline, "dropout")
    QTest.keyClick(outline.tree, KEY.Key_Delete)
    assert "dropout" not in document.project.graph.blocks
    assert document.project.graph.into("next_token")["in"].source == "lstm", "healed"


def test_enter_brings_the_keys_to_the_canvas(outline: Outline) -> None:
    go_to(outline, "lstm")
    QTest.keyClick(outline.tree, KEY.Key_Return)
    assert canvas_of(outline).hasFocus()
    assert canvas_of(outline).selection == ("lstm",)


def test_what_is_open_stays_open(outline: Outline, document: Document, qtbot: QtBot) -> None:
    outline.item("lstm").setExpanded(True)
    document.apply(SetMode(("dropout",), "mute", "Mute"))
    settle(outline, qtbot)
    assert outline.item("lstm").isExpanded()
    assert not outline.item("dropout").isExpanded()


def test_a_block_of_an_unknown_kind_is_named(document: Document) -> None:
    graph = Graph({"x": Block("x", "from_the_future", title="New")})
    report = CanvasView(document).report
    (row,) = children((), graph, replace(report, problems=()))
    assert (row.text, row.told) == ("New", "New, unknown block")


@pytest.fixture
def nested(document: Document) -> Document:
    """The model with Dropout put into a group."""
    from seqstudio.blocks.grouping import group

    edit, _key = group(document.project.graph, ("dropout",))
    document.apply(edit)
    return document


def test_what_is_inside_a_block_is_listed_and_can_be_changed(
    nested: Document, outline: Outline, qtbot: QtBot
) -> None:
    outline.refresh()
    (key,) = (block.id for block in nested.project.graph if block.inside is not None)
    inside = nested.project.graph.blocks[key].inside
    assert inside is not None
    for block in inside:
        assert outline.item(key, block.id).data(0, TOLD)
    go_to(outline, key, "dropout")
    QTest.keyClick(outline.tree, KEY.Key_Delete)
    after = nested.project.graph.blocks[key].inside
    assert after is not None
    assert "dropout" not in after.blocks
    assert nested.undo_label


def test_keys_of_the_canvas_work_here_only_on_the_graph_in_view(
    nested: Document, outline: Outline, qtbot: QtBot
) -> None:
    outline.refresh()
    (key,) = (block.id for block in nested.project.graph if block.inside is not None)
    go_to(outline, "lstm")
    QTest.keyClick(outline.tree, KEY.Key_M, Qt.KeyboardModifier.ControlModifier)
    assert nested.project.graph.blocks["lstm"].mode == "mute"
    settle(outline, qtbot)
    before = nested.project
    go_to(outline, key, "dropout")
    with qtbot.waitSignal(outline.message) as told:
        QTest.keyClick(outline.tree, KEY.Key_M, Qt.KeyboardModifier.ControlModifier)
    assert "another graph" in told.args[0]
    assert nested.project is before
    QTest.keyClick(outline.tree, KEY.Key_Return)
    assert canvas_of(outline).editor.place.path == (key,)
    assert canvas_of(outline).selection == ("dropout",)
    assert outline.item(key, "dropout").isSelected()
