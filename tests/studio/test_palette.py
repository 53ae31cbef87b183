"""The palette: families, search, keys, what it drags out."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDrag
from PySide6.QtTest import QTest

from seqstudio.blocks.catalogue import KINDS, families
from seqstudio.studio.canvas import BLOCK_MIME
from seqstudio.studio.palette import Palette, header_picture
from seqstudio.studio.theme import theme

KEY = Qt.Key

DRAWN = [kind.kind for group in families().values() for kind in group]


@pytest.fixture
def palette(qtbot):
    widget = Palette()
    qtbot.addWidget(widget)
    widget.resize(220, 800)
    widget.show()
    return widget


def row(palette, kind):
    tree = palette.tree
    return tree.visualItemRect(tree.blocks[kind]).center()


def click(palette, item):
    at = palette.tree.visualItemRect(item).center()
    QTest.mouseClick(palette.tree.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_every_block_stands_under_its_family_with_help(palette):
    assert palette.kinds_shown() == DRAWN
    tree = palette.tree
    shown = {
        tree.topLevelItem(i).text(0): tree.topLevelItem(i).childCount()
        for i in range(tree.topLevelItemCount())
    }
    assert shown == {"My blocks": 0, **{k: len(kinds) for k, kinds in families().items()}}
    for kind, item in tree.blocks.items():
        assert KINDS[kind].help in item.toolTip(0)


def test_a_double_click_chooses_and_a_single_one_does_not(palette, qtbot):
    viewport, at = palette.tree.viewport(), row(palette, "gru")
    with qtbot.assertNotEmitted(palette.chosen):
        QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=at)
    with qtbot.waitSignal(palette.chosen) as told:
        QTest.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=at)
    assert told.args == ["gru"]


def test_enter_on_a_row_chooses(palette, qtbot):
    palette.tree.setCurrentItem(palette.tree.blocks["linear"])
    with qtbot.waitSignal(palette.chosen) as told:
        QTest.keyClick(palette.tree, KEY.Key_Return)
    assert told.args == ["linear"]


def test_a_search_and_enter_choose_the_best(palette, qtbot):
    QTest.keyClicks(palette.search, "norm")
    assert "layer_norm" in palette.kinds_shown()
    assert "lstm" not in palette.kinds_shown()
    with qtbot.waitSignal(palette.chosen) as told:
        QTest.keyClick(palette.search, KEY.Key_Return)
    assert told.args == ["layer_norm"]


def test_arrows_in_the_search_go_through_what_is_left(palette, qtbot):
    QTest.keyClicks(palette.search, "head")
    shown = palette.kinds_shown()
    assert set(shown) >= {"next_token", "class_head", "value_head"}
    QTest.keyClick(palette.search, KEY.Key_Down)
    second = palette.tree.currentItem().text(0)
    with qtbot.waitSignal(palette.chosen) as told:
        QTest.keyClick(palette.search, KEY.Key_Return)
    assert KINDS[told.args[0]].title == second


def test_a_search_without_result_says_so_and_esc_shows_all_again(palette, qtbot):
    QTest.keyClicks(palette.search, "xyzzy")
    assert palette.kinds_shown() == []
    with qtbot.assertNotEmitted(palette.chosen):
        QTest.keyClick(palette.search, KEY.Key_Return)
    QTest.keyClick(palette.search, KEY.Key_Escape)
    assert palette.kinds_shown() == DRAWN


def test_families_fold(palette):
    family = palette.tree.topLevelItem(0)
    palette.tree.setCurrentItem(family)
    QTest.keyClick(palette.tree, KEY.Key_Left)
    assert not family.isExpanded()
    QTest.keyClicks(palette.search, "tokens")
    assert family.isExpanded(), "a search opens what it finds"


def test_dragging_a_row_carries_the_kind_and_a_picture(palette, monkeypatch):
    dragged = []

    def catch(drag, *_):
        dragged.append((bytes(drag.mimeData().data(BLOCK_MIME).data()), drag.pixmap().isNull()))
        return Qt.DropAction.CopyAction

    monkeypatch.setattr(QDrag, "exec", catch)
    start = row(palette, "lstm")
    viewport = palette.tree.viewport()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=start)
    for step in range(1, 6):
        QTest.mouseMove(viewport, start + QPoint(10 * step, 0))
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=start + QPoint(50, 0))
    assert dragged == [(b"lstm", False)]


def test_a_family_cannot_be_dragged(palette):
    family = palette.tree.topLevelItem(0)
    assert not family.flags() & Qt.ItemFlag.ItemIsDragEnabled
    assert palette.tree.mimeData([family]).formats() == []


def test_the_picture_under_the_pointer_is_the_header(qtbot):
    image = header_picture(KINDS["lstm"], 2.0).toImage()
    assert image.width() == 312
    seen, wanted = image.pixelColor(280, 28), theme().role_header("cell")
    assert abs(seen.red() - wanted.red()) <= 2
    assert abs(seen.green() - wanted.green()) <= 2


def test_the_rail_is_44_wide_and_keeps_icons_and_drag(palette):
    palette.set_rail(True)
    assert palette.maximumWidth() == 44
    assert not palette.search.isVisible()
    assert "LSTM" in palette.tree.blocks["lstm"].toolTip(0)
    family = palette.tree.topLevelItem(0)
    click(palette, family)
    assert family.isExpanded(), "a rail does not fold: nothing would tell that it can be unfolded"
    palette.set_rail(False)
    assert palette.search.isVisible()
    assert palette.minimumWidth() > 44


def test_the_rail_asks_for_a_search(palette, qtbot):
    palette.set_rail(True)
    with qtbot.waitSignal(palette.search_wanted):
        QTest.mouseClick(palette._find, Qt.MouseButton.LeftButton)


def test_a_click_folds_a_family_and_another_unfolds_it(palette):
    family = palette.tree.topLevelItem(1)
    click(palette, family)
    assert not family.isExpanded()
    click(palette, family)
    assert family.isExpanded()
