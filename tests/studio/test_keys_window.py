"""Keys in the window: real presses before and after a change, dialog, sheet, search."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.studio.actions_search import ActionsSearch, Recent, listed
from seqstudio.studio.canvas.hands.keyboard import ACTIONS as CANVAS_ACTIONS
from seqstudio.studio.canvas.hands.menus import Entry
from seqstudio.studio.clocks import ACTIONS as CLOCK_ACTIONS
from seqstudio.studio.focus import holds_focus
from seqstudio.studio.keys import keymap
from seqstudio.studio.keys.dialog import KeysDialog
from seqstudio.studio.keys.local import LOCAL_ACTIONS
from seqstudio.studio.keys.sheet import KeySheet, Sheet, columns, sections, write_sheet
from seqstudio.studio.menus import ACTIONS as MENU_ACTIONS
from seqstudio.studio.menus import ID
from seqstudio.studio.session import Session
from seqstudio.studio.window import MainWindow

KEY = Qt.Key
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def window(qtbot: QtBot, settings: QSettings) -> Iterator[MainWindow]:
    made = MainWindow(Session(Document(make("char-lstm")), threads=True), settings)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    made.build.canvas.setFocus()
    yield made
    made.begin_close()
    qtbot.waitUntil(lambda: not made.isVisible())
    made.deleteLater()
    keymap().use(None)


@pytest.fixture
def declared(qapp: QApplication, settings: QSettings) -> Iterator[None]:
    """All actions and their keys, without a window."""
    keymap().declare((*MENU_ACTIONS, *CANVAS_ACTIONS, *CLOCK_ACTIONS, *LOCAL_ACTIONS))
    keymap().use(settings)
    yield
    keymap().use(None)


@pytest.fixture
def dialog(declared: None, qtbot: QtBot) -> Iterator[KeysDialog]:
    house = QWidget()
    qtbot.addWidget(house)
    made = KeysDialog(house)
    with qtbot.waitExposed(made):
        made.show()
    yield made
    made.close()


def dialog_of(window: MainWindow, qtbot: QtBot) -> KeysDialog:
    QTest.keyClick(window, KEY.Key_K, CTRL | Qt.KeyboardModifier.AltModifier)
    made: KeysDialog = window.findChild(KeysDialog)
    qtbot.waitUntil(made.isVisible)
    return made


def blocks(window: MainWindow) -> list[str]:
    return list(window.session.project.graph.blocks)


def give(dialog: KeysDialog, name: str, key: Qt.Key, *held: Qt.KeyboardModifier) -> None:
    """Choose an action, press Change, press the key."""
    dialog.choose(name)
    QTest.mouseClick(dialog.change, Qt.MouseButton.LeftButton)
    modifiers = held[0] if held else Qt.KeyboardModifier.NoModifier
    QTest.keyClick(dialog.change, key, modifiers)


def test_a_new_key_of_the_canvas_works_at_once_and_the_old_one_is_dead(
    window: MainWindow, qtbot: QtBot
) -> None:
    canvas = window.build.canvas
    give(dialog_of(window, qtbot), "canvas.duplicate", KEY.Key_J, CTRL)
    canvas.select(["lstm"])
    QTest.keyClick(canvas, KEY.Key_D, CTRL)
    assert "lstm2" not in blocks(window)
    QTest.keyClick(canvas, KEY.Key_J, CTRL)
    assert "lstm2" in blocks(window)
    assert window.menus.act("canvas.duplicate").text() == "Duplicate\tCtrl+J"


def test_a_new_key_of_the_window_works_at_once_and_stays_for_the_next_start(
    window: MainWindow, settings: QSettings, qtbot: QtBot
) -> None:
    dialog = dialog_of(window, qtbot)
    give(dialog, "page.train", KEY.Key_F9)
    dialog.accept()
    with qtbot.waitActive(window):
        window.activateWindow()
    QTest.keyClick(window, KEY.Key_2, CTRL)
    assert window.page == "build"
    QTest.keyClick(window, KEY.Key_F9)
    assert window.page == "train"
    keymap().use(None)
    assert keymap().keys("page.train") == ("Ctrl+2",)
    keymap().use(settings)
    assert keymap().keys("page.train") == ("F9",)


def test_tool_tips_and_hints_tell_the_key_in_force(window: MainWindow) -> None:
    assert window.transport.play.toolTip() == "Train (P)"
    keymap().set_keys("run.toggle", ["F5"])
    keymap().set_keys("canvas.fit", ["F"])
    keymap().set_keys("edit.find", ["F3"])
    assert window.transport.play.toolTip() == "Train (F5)"
    assert window.build.canvas.tools.fit.toolTip() == "Fit everything (F)"
    assert "(F3)" in window.top.find_button.toolTip()
    assert "F5: train" in window.status.hints.accessibleName()


def test_the_canvas_wins_over_the_window_only_while_it_has_the_focus(
    window: MainWindow, qtbot: QtBot
) -> None:
    keymap().set_keys("canvas.duplicate", ["F9"])
    keymap().set_keys("page.train", ["F9"])
    window.build.canvas.select(["lstm"])
    QTest.keyClick(window.build.canvas, KEY.Key_F9)
    assert "lstm2" in blocks(window)
    assert window.page == "build"
    window.clocks.setFocus()
    QTest.keyClick(window.clocks, KEY.Key_F9)
    assert window.page == "train"


def test_tab_opens_the_search_in_the_houdini_preset_and_ctrl_tab_goes_on(
    window: MainWindow,
) -> None:
    canvas = window.build.canvas
    keymap().choose_preset("Houdini/Unreal")
    QTest.keyClick(canvas, KEY.Key_Tab)
    assert canvas.menu is not None
    canvas.menu.close()
    QTest.keyClick(canvas, KEY.Key_Tab, CTRL)
    QTest.keyClick(canvas, KEY.Key_Tab, CTRL)
    assert canvas.selection == ("embedding",)
    QTest.keyClick(canvas, KEY.Key_Tab, CTRL | SHIFT)
    assert canvas.selection == ("tokens",)


def test_space_can_be_given_to_another_action(window: MainWindow) -> None:
    canvas = window.build.canvas
    keymap().set_keys("canvas.select_all", ["Space"])
    QTest.keyClick(canvas, KEY.Key_Space)
    assert canvas.menu is None
    assert list(canvas.selection) == blocks(window)


def test_the_clocks_take_other_keys(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: bool(window.clocks.tokens()))
    keymap().set_keys("clocks.time_on", ["N"])
    window.clocks.setFocus()
    QTest.keyClick(window.clocks, KEY.Key_Right)
    assert window.session.cursor.t == 0
    QTest.keyClick(window.clocks, KEY.Key_N)
    assert window.session.cursor.t == 1


# The dialog


def test_a_key_that_is_taken_names_its_holder_and_moves_when_told(dialog: KeysDialog) -> None:
    give(dialog, "canvas.duplicate", KEY.Key_W)
    assert "“Wire the block to…”" in dialog.told.text()
    assert keymap().keys("canvas.duplicate") == ("Ctrl+D",), "nothing has changed yet"
    QTest.mouseClick(dialog.leave, Qt.MouseButton.LeftButton)
    assert keymap().keys("canvas.start_wire") == ("W",)
    give(dialog, "canvas.duplicate", KEY.Key_W)
    QTest.mouseClick(dialog.take_over, Qt.MouseButton.LeftButton)
    assert keymap().keys("canvas.duplicate") == ("W",)
    assert keymap().keys("canvas.start_wire") == ()


def test_while_it_waits_every_key_is_a_key_but_esc(dialog: KeysDialog) -> None:
    give(dialog, "canvas.duplicate", KEY.Key_Escape)
    assert keymap().keys("canvas.duplicate") == ("Ctrl+D",)
    assert dialog.isVisible()
    give(dialog, "canvas.rename", KEY.Key_Tab, CTRL)
    assert keymap().keys("canvas.rename") == ("Ctrl+Tab",)
    give(dialog, "canvas.tidy", KEY.Key_Enter, CTRL)
    assert dialog.isVisible()


def _ids() -> set[str]:
    return {action.id for action in keymap().actions()}


def test_a_second_key_none_and_reset(dialog: KeysDialog) -> None:
    dialog.choose("canvas.rename")
    QTest.mouseClick(dialog.add, Qt.MouseButton.LeftButton)
    QTest.keyClick(dialog.add, KEY.Key_F10)
    assert keymap().keys("canvas.rename") == ("F2", "F10")
    QTest.mouseClick(dialog.none, Qt.MouseButton.LeftButton)
    assert keymap().keys("canvas.rename") == ()
    QTest.mouseClick(dialog.reset, Qt.MouseButton.LeftButton)
    assert keymap().keys("canvas.rename") == ("F2",)
    assert not dialog.reset.isEnabled()


def test_own_keys_do_not_go_with_a_preset_without_a_question(dialog: KeysDialog) -> None:
    dialog.preset.value_changed.emit("Blender")
    assert keymap().preset == "Blender"
    give(dialog, "canvas.rename", KEY.Key_F11)
    dialog.preset.value_changed.emit("SeqStudio")
    assert "your own" in dialog.told.text()
    assert (keymap().preset, keymap().keys("canvas.rename")) == ("Blender", ("F11",))
    QTest.mouseClick(dialog.leave, Qt.MouseButton.LeftButton)
    assert dialog.preset.value() == "Blender"
    dialog.preset.value_changed.emit("SeqStudio")
    QTest.mouseClick(dialog.take_over, Qt.MouseButton.LeftButton)
    assert (keymap().preset, keymap().keys("canvas.rename")) == ("SeqStudio", ("F2",))


def test_the_search_finds_by_words_and_by_keys(dialog: KeysDialog) -> None:
    QTest.keyClicks(dialog.search, "ctrl+d")
    assert dialog.shown() == ["canvas.duplicate", "roll.duplicate"]
    dialog.search.clear()
    QTest.keyClicks(dialog.search, "outline")
    assert dialog.shown() == ["view.outline"]
    dialog.search.clear()
    assert set(dialog.shown()) == _ids()


def test_keys_of_controls_are_shown_but_cannot_be_changed(dialog: KeysDialog) -> None:
    dialog.choose("field.copy")
    assert not dialog.change.isEnabled()
    assert "cannot be changed" in dialog.told.text()


def test_a_key_of_two_places_is_told(dialog: KeysDialog) -> None:
    give(dialog, "canvas.rename", KEY.Key_P)
    assert dialog.told.text() == "Everywhere else P runs “Train or pause”"


def test_files_go_out_and_in_and_a_broken_one_changes_nothing(
    dialog: KeysDialog, tmp_path: Path
) -> None:
    give(dialog, "canvas.rename", KEY.Key_F11)
    good, bad = tmp_path / "mine.keys.json", tmp_path / "bad.json"
    dialog.export_to(good)
    dialog.reset_all.click()
    dialog.take_over.click()
    assert keymap().keys("canvas.rename") == ("F2",)
    bad.write_bytes(b"\xff\xfe\0")
    for path in (bad, tmp_path / "gone.json"):
        dialog.import_from(path)
        assert path.name in dialog.told.text()
        assert keymap().keys("canvas.rename") == ("F2",)
    dialog.import_from(good)
    assert keymap().keys("canvas.rename") == ("F11",)


# The sheet


def test_the_sheet_lists_every_action_with_its_keys_in_force(declared: None) -> None:
    keymap().set_keys("canvas.rename", ["Ctrl+R"])
    lines = [line for part in sections() for line in part.lines]
    assert len(lines) == len(keymap().actions())
    assert {words for words, _ in lines} == {action.words for action in keymap().actions()}
    told = dict(lines)
    assert [key[-1] for key in told[keymap().action("canvas.rename").words]] == ["R"]
    for number in (1, 3):
        spread = columns(sections(), number)
        assert [part for column in spread for part in column] == sections()
        assert len(spread) <= number


def test_f1_shows_the_sheet_esc_takes_it_away_and_gives_the_keys_back(
    window: MainWindow, qtbot: QtBot
) -> None:
    canvas = window.build.canvas
    QTest.keyClick(canvas, KEY.Key_F1)
    sheet: KeySheet = window.findChild(KeySheet)
    assert sheet.isVisible()
    window.resize(1100, 700)
    assert sheet.size() == window.size()
    QTest.keyClick(sheet.leave, KEY.Key_Escape)
    qtbot.waitUntil(lambda: window.findChild(KeySheet) is None)
    assert canvas.hasFocus()


def test_the_sheet_is_one_page_of_paper_and_a_picture(
    declared: None, tmp_path: Path, qtbot: QtBot
) -> None:
    pdf, png = tmp_path / "keys.pdf", tmp_path / "keys.png"
    write_sheet(pdf)
    write_sheet(png)
    assert pdf.read_bytes().count(b"/Type /Page\n") == 1
    picture = QImage(str(png))
    inked = {picture.pixelColor(x, y).name() for x in range(60, 900, 3) for y in range(60, 300, 3)}
    assert len(inked) > 5, "words stand on it"
    house = QWidget()
    qtbot.addWidget(house)
    sheet = KeySheet(house)
    sheet.save_to(tmp_path / "no" / "keys.pdf")
    assert "not saved" in sheet.told.text()


def test_a_wide_sheet_is_lower_than_a_narrow_one(declared: None) -> None:
    assert Sheet(1200).height() < Sheet(500).height()


# The search


def search(window: MainWindow, words: str) -> ActionsSearch:
    window.find_action()
    popup: ActionsSearch = window.findChildren(ActionsSearch)[-1]
    QTest.keyClicks(popup.search, words)
    return popup


def current(popup: ActionsSearch) -> Entry:
    entry = popup.current()
    assert entry is not None
    return entry


def test_every_action_of_menus_and_canvas_is_in_the_search_with_its_key(
    window: MainWindow,
) -> None:
    names = {str(act.property(ID)) for _, _, act in listed(window.menus)}
    wanted = {a.id for a in keymap().actions() if a.context in ("window", "canvas")}
    assert wanted <= names
    popup = search(window, "rename the")
    assert current(popup).shortcut == "F2"
    popup.close()


def test_both_keys_open_the_search(window: MainWindow) -> None:
    for held in (CTRL, CTRL | SHIFT):
        QTest.keyClick(window.build.canvas, KEY.Key_K, held)
        (popup,) = (p for p in window.findChildren(ActionsSearch) if p.isVisible())
        popup.close()
        QApplication.sendPostedEvents(None, 0)


def test_without_a_search_each_group_stands_once(window: MainWindow) -> None:
    popup = search(window, "")
    groups = [key for key, _ in groupby(entry.group for entry in popup.found(""))]
    assert len(groups) == len(set(groups))
    popup.close()


def test_starts_of_words_find_an_action(window: MainWindow) -> None:
    popup = search(window, "chcegru")
    assert popup.shown_keys() == ["model.gru"]
    popup.close()


def test_blocks_and_templates_are_found_and_the_used_one_stands_first(
    window: MainWindow, settings: QSettings
) -> None:
    popup = search(window, "add gru")
    assert popup.shown_keys()[0] == "add.gru"
    QTest.keyClick(popup.search, KEY.Key_Return)
    assert "gru" in blocks(window)
    popup = search(window, "start from char")
    assert all(key.startswith("start.") for key in popup.shown_keys()[:2])
    popup.close()
    popup = search(window, "")
    assert current(popup).key == "add.gru"
    assert current(popup).group == "Used last"
    popup.close()
    assert Recent(settings).keys == ["add.gru"]


def test_what_needs_a_block_says_so_and_runs_once_there_is_one(window: MainWindow) -> None:
    window.build.canvas.select([])
    popup = search(window, "mute")
    assert current(popup).why_not == "Select a block first"
    popup.close()
    window.build.canvas.select(["lstm"])
    popup = search(window, "mute")
    QTest.keyClick(popup.search, KEY.Key_Return)
    assert window.session.project.graph.blocks["lstm"].mode == "mute"


def test_settings_and_panels_get_the_keyboard(window: MainWindow) -> None:
    popup = search(window, "go to the learning")
    QTest.keyClick(popup.search, KEY.Key_Return)
    rate = window.transport.rate
    focused = QApplication.focusWidget()
    assert focused is not None
    assert rate is focused or rate.isAncestorOf(focused)


# Parts of the window


def test_f6_goes_round_all_parts_of_every_page(window: MainWindow) -> None:
    for page in ("build", "train", "inside", "listen"):
        window.show_page(page)
        parts = [window.transport, *window.pages[page].parts(), window.clocks]
        reached = set()
        for _ in range(2 * len(parts)):
            QTest.keyClick(window, KEY.Key_F6)
            reached |= {place for place, part in enumerate(parts) if holds_focus(part)}
        assert reached == set(range(len(parts))), page


def test_a_part_is_made_wider_and_narrower_by_keys(window: MainWindow, qtbot: QtBot) -> None:
    side = window.build.side
    window.show_outline()
    before = side.width()
    held = Qt.KeyboardModifier.AltModifier | SHIFT
    QTest.keyClick(window, KEY.Key_Right, held)
    qtbot.waitUntil(lambda: side.width() > before)
    QTest.keyClick(window, KEY.Key_Left, held)
    qtbot.waitUntil(lambda: side.width() == before)
