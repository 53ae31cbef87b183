"""The canvas without a mouse: every action has a key."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.graph import Wire
from seqstudio.studio.canvas import CanvasView

KEY = Qt.Key
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
FACTS = DataFacts("A text", "next token", "ids", 65)
CHAIN = ("tokens", "embedding", "lstm", "dropout", "next_token")


@pytest.fixture
def document():
    return Document(make("char-lstm"))


@pytest.fixture
def house(qtbot, document):
    """A window with a field before and behind the canvas."""
    window = QWidget()
    qtbot.addWidget(window)
    column = QVBoxLayout(window)
    window.before, window.behind = QLineEdit(), QLineEdit()
    window.view = CanvasView(document)
    for part in (window.before, window.view, window.behind):
        column.addWidget(part)
    window.view.set_facts(FACTS)
    window.resize(1200, 700)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    window.view.setFocus()
    return window


@pytest.fixture
def view(house):
    return house.view


def choose(view, text):
    assert view.menu is not None
    QTest.keyClicks(view.menu.search, text)
    QTest.keyClick(view.menu.search, KEY.Key_Return)


def test_tab_goes_through_the_blocks_in_running_order_and_leaves_at_the_end(house, view):
    seen = []
    for _ in CHAIN:
        QTest.keyClick(view, KEY.Key_Tab)
        seen.append(view.selection[0])
        assert view.canvas.blocks[seen[-1]].focused, "the place of the keyboard is visible"
    assert tuple(seen) == CHAIN
    QTest.keyClick(view, KEY.Key_Tab)
    assert not view.hasFocus(), "no keyboard trap"


def test_tab_does_not_scroll_while_everything_is_in_view(view):
    view.fit()
    before = view.seen()
    for _ in CHAIN:
        QTest.keyClick(view, KEY.Key_Tab)
    assert view.seen() == before


def test_shift_tab_goes_back_and_leaves_at_the_start(house, view):
    view.select(["embedding"])
    QTest.keyClick(view, KEY.Key_Backtab, SHIFT)
    assert view.selection == ("tokens",)
    QTest.keyClick(view, KEY.Key_Backtab, SHIFT)
    assert not view.hasFocus()


def test_ctrl_and_arrows_follow_wires(view):
    view.select(["embedding"])
    QTest.keyClick(view, KEY.Key_Right, CTRL)
    assert view.selection == ("lstm",)
    QTest.keyClick(view, KEY.Key_Left, CTRL)
    assert view.selection == ("embedding",)


def test_arrows_move_and_a_row_of_them_is_one_step(view, document):
    view.select(["lstm"])
    x = document.project.graph.blocks["lstm"].x
    QTest.keyClick(view, KEY.Key_Down)
    QTest.keyClick(view, KEY.Key_Right)
    QTest.keyClick(view, KEY.Key_Right, SHIFT)
    block = document.project.graph.blocks["lstm"]
    assert (block.x - x, block.y) == (12 + 48, 12)
    document.undo()
    assert document.project == make("char-lstm")


def test_space_opens_the_search_and_enter_adds(view, document):
    QTest.keyClick(view, KEY.Key_Space)
    choose(view, "layer n")
    assert "layer_norm" in document.project.graph.blocks
    assert view.selection == ("layer_norm",)


def test_shift_a_opens_the_search_too_and_esc_adds_nothing(view, document):
    QTest.keyClick(view, KEY.Key_A, SHIFT)
    QTest.keyClick(view.menu.search, KEY.Key_Escape)
    assert document.undo_label == ""


def test_the_search_finds_by_word_family_and_help_and_says_so_when_there_is_nothing(view):
    QTest.keyClick(view, KEY.Key_Space)
    menu = view.menu
    QTest.keyClicks(menu.search, "attention")
    assert menu.shown_keys()[0] == "self_attention"
    menu.search.clear()
    QTest.keyClicks(menu.search, "residual")
    assert menu.shown_keys() == ["add"]
    menu.search.clear()
    QTest.keyClicks(menu.search, "xyzzy")
    assert menu.shown_keys() == []
    QTest.keyClick(menu.search, KEY.Key_Return)
    assert menu.isVisible(), "Enter on nothing takes nothing"
    menu.close()


def test_arrows_in_the_menu_step_over_headings(view):
    QTest.keyClick(view, KEY.Key_Space)
    menu = view.menu
    keys = []
    for _ in range(6):
        keys.append(menu.current().key)
        QTest.keyClick(menu.search, KEY.Key_Down)
    assert keys == list(KINDS)[:6], "every block, no heading"
    QTest.keyClick(menu.search, KEY.Key_Up)
    QTest.keyClick(menu.search, KEY.Key_Up)
    assert menu.current().key == keys[4]
    menu.close()


def test_w_wires_to_a_compatible_block(view, document, qtbot):
    view.add_kind("add", QPointF(300, 300))
    view.select(["embedding"])
    QTest.keyClick(view, KEY.Key_W)
    shown = {entry.title for entry in view.menu.entries if entry.group == "Connect to"}
    assert shown == {"Dropout", "Next-token head", "Add"}, "no loop, no wire that is there"
    with qtbot.waitSignal(view.message) as told:
        choose(view, "add")
    assert Wire("embedding", "out", "add", "in") in document.project.graph.wires
    assert told.args == ["Embedding connected to Add"]


def test_w_offers_new_blocks_too(view, document):
    view.select(["embedding"])
    QTest.keyClick(view, KEY.Key_W)
    choose(view, "linear")
    assert document.project.graph.into("linear")["in"].source == "embedding"
    assert document.undo_label == "Add Linear"


def test_w_at_a_head_asks_what_feeds_it(view, document):
    view.select(["next_token"])
    QTest.keyClick(view, KEY.Key_W)
    choose(view, "lstm")
    assert document.project.graph.into("next_token")["in"].source == "lstm"


def test_w_without_a_block_says_how_to_choose_one(view, qtbot):
    with qtbot.waitSignal(view.message) as told:
        QTest.keyClick(view, KEY.Key_W)
    assert "Tab" in told.args[0]


def test_a_wire_is_chosen_by_key_then_taken_away_or_inserted_on(view, document):
    view.select(["lstm"])
    QTest.keyClick(view, KEY.Key_W, SHIFT)
    choose(view, "lstm ")
    wire = Wire("lstm", "out", "dropout", "in")
    assert view.editor.wire == wire
    QTest.keyClick(view, KEY.Key_Space)
    assert "embedding" not in view.menu.shown_keys(), "only what fits"
    choose(view, "layer norm")
    assert document.project.graph.into("dropout")["in"].source == "layer_norm"
    document.undo()
    view.editor.select((), wire)
    QTest.keyClick(view, KEY.Key_Backspace)
    assert wire not in document.project.graph.wires


def test_delete_heals_the_chain_and_shift_delete_does_not(view, document):
    view.select(["dropout"])
    QTest.keyClick(view, KEY.Key_Delete)
    assert document.project.graph.into("next_token")["in"].source == "lstm"
    assert document.undo_label == "Delete Dropout"
    document.undo()
    view.select(["dropout"])
    QTest.keyClick(view, KEY.Key_Delete, SHIFT)
    assert document.project.graph.into("next_token") == {}


def test_delete_does_not_heal_what_does_not_fit(view, document):
    view.select(["embedding"])
    QTest.keyClick(view, KEY.Key_Delete)
    assert document.project.graph.into("lstm") == {}, "tokens cannot feed an LSTM"


def test_copy_and_paste_keep_settings_and_wires_among_the_blocks(view, document):
    view.select(["lstm", "dropout"])
    QTest.keyClick(view, KEY.Key_C, CTRL)
    assert json.loads(QGuiApplication.clipboard().text())["format"] == "seqstudio blocks"
    QTest.keyClick(view, KEY.Key_V, CTRL)
    graph = document.project.graph
    assert view.selection == ("lstm2", "dropout2")
    assert Wire("lstm2", "out", "dropout2", "in") in graph.wires
    assert graph.blocks["lstm2"].params["hidden"] == 512
    QTest.keyClick(view, KEY.Key_V, CTRL)
    assert graph.blocks["lstm2"].x < document.project.graph.blocks["lstm3"].x, "not on top"


def test_paste_between_two_windows(view, document, qtbot):
    other = CanvasView(Document(make("hello-rnn")))
    qtbot.addWidget(other)
    view.select(["lstm"])
    view.copy()
    other.paste()
    assert other.editor.graph.blocks["lstm"].params["hidden"] == 512


def test_a_foreign_clipboard_is_refused_with_a_reason(view, document, qtbot):
    QGuiApplication.clipboard().setText("{not blocks")
    with qtbot.waitSignal(view.message) as told:
        QTest.keyClick(view, KEY.Key_V, CTRL)
    assert told.args[0].startswith("The clipboard holds no blocks")
    assert document.undo_label == ""


def test_cut_and_duplicate(view, document):
    view.select(["dropout"])
    QTest.keyClick(view, KEY.Key_D, CTRL)
    assert document.undo_label == "Duplicate"
    assert view.selection == ("dropout2",)
    QTest.keyClick(view, KEY.Key_X, CTRL)
    assert "dropout2" not in document.project.graph.blocks
    QTest.keyClick(view, KEY.Key_V, CTRL)
    assert "dropout2" in document.project.graph.blocks


def test_select_all_and_escape(view):
    QTest.keyClick(view, KEY.Key_A, CTRL)
    assert view.selection == CHAIN
    QTest.keyClick(view, KEY.Key_Escape)
    assert view.selection == ()


def test_enter_opens(view, qtbot):
    view.select(["dropout"])
    with qtbot.waitSignal(view.opened) as told:
        QTest.keyClick(view, KEY.Key_Return)
    assert told.args == ["dropout"]


def rename_field(view):
    return next(f for f in view.findChildren(QLineEdit) if f.isVisible())


def test_f2_renames_and_esc_leaves_the_name(view, document):
    view.select(["lstm"])
    QTest.keyClick(view, KEY.Key_F2)
    QTest.keyClicks(rename_field(view), "Reader")
    QTest.keyClick(rename_field(view), KEY.Key_Return)
    assert document.project.graph.blocks["lstm"].title == "Reader"
    assert view.canvas.blocks["lstm"].face.title == "Reader"
    QTest.keyClick(view, KEY.Key_F2)
    QTest.keyClicks(rename_field(view), "Other")
    QTest.keyClick(rename_field(view), KEY.Key_Escape)
    assert document.project.graph.blocks["lstm"].title == "Reader"


def test_the_name_of_the_kind_is_no_name_of_its_own(view, document):
    view.select(["lstm"])
    QTest.keyClick(view, KEY.Key_F2)
    QTest.keyClick(rename_field(view), KEY.Key_Return)
    assert document.undo_label == ""


def test_home_fits_and_ctrl_0_returns_to_100_percent(view):
    view.zoom_by(3.0)
    QTest.keyClick(view, KEY.Key_Home)
    assert view.seen().contains(view.canvas.blocks["next_token"].frame)
    assert view.seen().contains(view.canvas.blocks["tokens"].frame)
    QTest.keyClick(view, KEY.Key_0, CTRL)
    assert view.zoom() == pytest.approx(1.0)
