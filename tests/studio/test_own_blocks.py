"""My blocks: kept from the canvas, found in the palette and the search, added again."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog

from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.library import Library
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.canvas.own import OWN_KEY, OWN_MIME, dragged, own_mime
from seqstudio.studio.own_blocks import OwnBlocksDesk
from seqstudio.studio.palette import Palette

FACTS = DataFacts("A text", "next token", "ids", 65, batch=32, window=128, unit="nats")


@pytest.fixture
def desk(qtbot, tmp_path):
    view = CanvasView(Document(make("char-lstm")))
    qtbot.addWidget(view)
    view.set_facts(FACTS)
    view.resize(1100, 600)
    view.show()
    palette = Palette()
    qtbot.addWidget(palette)
    palette.show()
    made = OwnBlocksDesk(Library(tmp_path / "blocks"), palette, view)
    made.view, made.palette = view, palette
    return made


def keep(desk: OwnBlocksDesk, title: str = "My memory", words: str = "Keeps c.") -> str:
    desk.view.select(("lstm",))
    desk.view.setFocus()
    QTest.keyClick(desk.view, Qt.Key.Key_K)
    dialog = desk.dialog
    dialog.title.setText(title)
    dialog.words.setPlainText(words)
    dialog.keep.click()
    return desk.library.blocks()[-1].name


def test_a_block_is_kept_with_title_and_help(desk):
    name = keep(desk)
    own = desk.library.get(name)
    assert (own.title, own.help, own.block.kind) == ("My memory", "Keeps c.", "lstm")
    assert OWN_KEY + name in desk.palette.kinds_shown()
    assert desk.dialog is None


def test_cancelling_keeps_nothing(desk):
    desk.view.select(("lstm",))
    desk.keep("lstm")
    assert isinstance(desk.dialog, QDialog)
    desk.dialog.reject()
    assert desk.library.blocks() == []


def test_a_block_without_a_title_cannot_be_kept(desk):
    desk.keep("lstm")
    desk.dialog.title.setText("  ")
    assert not desk.dialog.keep.isEnabled()
    desk.dialog.reject()


def test_the_palette_finds_and_adds_it(desk):
    name = keep(desk)
    desk.palette.chosen.connect(desk.add)
    QTest.keyClicks(desk.palette.search, "my mem")
    assert desk.palette.kinds_shown()[0] == OWN_KEY + name
    QTest.keyClick(desk.palette.search, Qt.Key.Key_Return)
    added = desk.view.editor.graph.blocks["my_memory"]
    assert (added.kind, added.title) == ("lstm", "My memory")
    assert desk.view.selection == ("my_memory",)
    assert desk.view.editor.document.undo_label == "Add My memory"


def test_the_search_menu_of_the_canvas_finds_it(desk):
    name = keep(desk)
    desk.view.open_add_menu()
    menu = desk.view.menu
    QTest.keyClicks(menu.search, "my mem")
    assert menu.current().key == OWN_KEY + name
    QTest.keyClick(menu.search, Qt.Key.Key_Return)
    assert "my_memory" in desk.view.editor.graph.blocks


def test_it_is_dragged_onto_the_canvas(desk):
    name = keep(desk)
    data = own_mime(desk.library.get(name))
    at = QPointF(500, 300)
    event = QDropEvent(
        at,
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    desk.view.dropEvent(event)
    added = desk.view.editor.graph.blocks["my_memory"]
    there = desk.view.mapToScene(at.toPoint())
    assert abs(added.x + 78 - there.x()) <= 12
    assert event.isAccepted()


def test_damaged_data_that_are_dropped_are_left_alone():
    data = QMimeData()
    assert dragged(data) is None
    data.setData(OWN_MIME, b"\xff{")
    assert dragged(data) is None


def test_it_is_described_exported_deleted_and_imported_again(desk, tmp_path):
    own = desk.library.get(keep(desk))
    labels = [action.text() for action in desk.menu_for(own.name).actions() if action.text()]
    assert labels == ["Add to the canvas", "Name and help…", "Export…", "Delete", "Import…"]
    desk.describe(own)
    desk.dialog.title.setText("Better name")
    desk.dialog.keep.click()
    own = desk.library.get(own.name)
    assert own.title == "Better name"
    desk.export(own, tmp_path / "out.json")
    desk.delete(own)
    assert not [key for key in desk.palette.kinds_shown() if key.startswith(OWN_KEY)]
    desk.take(tmp_path / "out.json")
    assert [b.title for b in desk.library.blocks()] == ["Better name"]


def test_a_bad_file_is_said_and_changes_nothing(desk, qtbot, tmp_path):
    (tmp_path / "bad.json").write_text("{}")
    with qtbot.waitSignal(desk.view.message) as told:
        desk.take(tmp_path / "bad.json")
    assert "bad.json is not a block" in told.args[0]
    assert desk.library.blocks() == []
