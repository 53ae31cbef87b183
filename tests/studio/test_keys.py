"""Keys of actions: defaults, presets, the person's own, files of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QSettings, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication

from seqstudio.studio.canvas.hands.keyboard import ACTIONS as CANVAS_ACTIONS
from seqstudio.studio.clocks import ACTIONS as CLOCK_ACTIONS
from seqstudio.studio.keys import Action, Keymap, caps, key_text, pressed
from seqstudio.studio.keys.exchange import KeysFileError, read_keys, written_keys
from seqstudio.studio.keys.keymap import SETTING
from seqstudio.studio.keys.local import LOCAL_ACTIONS
from seqstudio.studio.keys.presets import PRESETS
from seqstudio.studio.menus import ACTIONS as MENU_ACTIONS

EVERY = (*MENU_ACTIONS, *CANVAS_ACTIONS, *CLOCK_ACTIONS, *LOCAL_ACTIONS)


@pytest.fixture
def keys(qapp: QApplication) -> Iterator[Keymap]:
    made = Keymap()
    made.declare(EVERY)
    yield made
    made.deleteLater()


def press(key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> tuple[str, ...]:
    held = Qt.KeyboardModifier.NoModifier
    for modifier in modifiers:
        held |= modifier
    return pressed(QKeyEvent(QEvent.Type.KeyPress, key, held))


def test_actions_have_words_and_no_two_one_id() -> None:
    assert len({action.id for action in EVERY}) == len(EVERY)
    assert all(action.words.strip() and action.group.strip() for action in EVERY)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_two_actions_of_one_place_share_a_key(keys: Keymap, preset: str) -> None:
    keys.choose_preset(preset)
    for one, other in combinations(keys.actions(), 2):
        if one.context == other.context:
            shared = set(keys.keys(one.id)) & set(keys.keys(other.id))
            assert not shared, (one.id, other.id, shared)


def test_at_first_no_inner_place_hides_a_key_of_the_window(keys: Keymap) -> None:
    free = [action for action in keys.actions() if not action.fixed]
    outer = {key for a in free if a.context == "window" for key in keys.keys(a.id)}
    hidden = {a.id: outer & set(keys.keys(a.id)) for a in free if a.context != "window"}
    assert not any(hidden.values()), hidden


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_hold_single_keys_of_actions_as_qt_writes_them(preset: str) -> None:
    assert PRESETS[preset].keys() <= {action.id for action in EVERY if not action.fixed}
    for texts in PRESETS[preset].values():
        assert [key_text(text) for text in texts] == list(texts)


def test_standard_keys_are_those_of_the_platform(keys: Keymap) -> None:
    undo = QKeySequence.keyBindings(QKeySequence.StandardKey.Undo)[0]
    assert keys.sequences("edit.undo") == [undo]


def test_a_key_is_one_press() -> None:
    assert key_text("ctrl+shift+e") == "Ctrl+Shift+E"
    assert [key_text(text) for text in ("", "Ctrl+K, Ctrl+C", "nonsense", "Shift")] == [""] * 4


def test_presses_become_the_keys_that_are_kept() -> None:
    shift, ctrl = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
    assert press(Qt.Key.Key_D, ctrl) == ("Ctrl+D",)
    assert press(Qt.Key.Key_Backtab, shift) == ("Shift+Tab",)
    assert press(Qt.Key.Key_Plus, shift) == ("Shift++", "+")
    assert press(Qt.Key.Key_Minus, Qt.KeyboardModifier.KeypadModifier) == ("-",)
    assert press(Qt.Key.Key_Control, ctrl) == ()


def test_caps_are_what_stands_on_the_keys() -> None:
    assert caps("Shift+Left")[-1] == "←"
    assert caps("Ctrl++")[-1] == "+"
    assert len(caps("Ctrl+Shift+E")) == 3


def test_a_key_moves_from_its_holder_in_the_same_place_only(keys: Keymap) -> None:
    assert keys.holder("W", "canvas") == keys.action("canvas.start_wire")
    assert keys.holder("W", "canvas", but="canvas.start_wire") is None
    keys.set_keys("canvas.duplicate", ["W"])
    assert keys.keys("canvas.start_wire") == ()
    assert keys.keys("canvas.duplicate") == ("W",)
    keys.set_keys("canvas.fit", ["P"])
    assert keys.keys("run.toggle") == ("P",), "another place keeps its key"
    assert keys.elsewhere("P", "canvas") == [keys.action("run.toggle")]


def test_reset_takes_the_key_back_and_forgets_the_own_one(keys: Keymap) -> None:
    keys.set_keys("canvas.duplicate", ["W"])
    keys.reset("canvas.start_wire")
    assert keys.keys("canvas.start_wire") == ("W",)
    assert keys.keys("canvas.duplicate") == ()
    keys.reset_all()
    assert keys.keys("canvas.duplicate") == ("Ctrl+D",)
    assert not keys.own


def test_presets_change_keys_and_forget_the_own_ones(keys: Keymap) -> None:
    keys.set_keys("canvas.rename", ["R"])
    keys.choose_preset("Houdini/Unreal")
    assert keys.keys("canvas.add")[0] == "Tab"
    assert keys.keys("canvas.next") == ("Ctrl+Tab",)
    assert keys.keys("canvas.rename") == ("F2",)
    with pytest.raises(KeyError):
        keys.choose_preset("Emacs")


def test_keys_stay_in_the_settings(keys: Keymap, tmp_path: Path, qapp: QApplication) -> None:
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    keys.use(settings)
    keys.choose_preset("Blender")
    keys.set_keys("file.save", ["F12"])
    again = Keymap()
    again.declare(EVERY)
    again.use(settings)
    assert (again.preset, again.keys("file.save")) == ("Blender", ("F12",))
    again.use(None)
    assert again.keys("file.save") != ("F12",)
    again.deleteLater()


@pytest.mark.parametrize("junk", ["", "{", '{"format": 3}', "[]", 7, b"\0"])
def test_damaged_settings_give_the_defaults(keys: Keymap, tmp_path: Path, junk: object) -> None:
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    settings.setValue(SETTING, junk)
    keys.use(settings)
    assert keys.keys("canvas.duplicate") == ("Ctrl+D",)


def test_an_exported_file_brings_the_same_keys(keys: Keymap, qapp: QApplication) -> None:
    keys.choose_preset("Blender")
    keys.set_keys("canvas.rename", ["R", "F2"])
    other = Keymap()
    other.declare(EVERY)
    assert other.take(keys.exported()) == []
    assert {a.id: other.keys(a.id) for a in EVERY} == {a.id: keys.keys(a.id) for a in EVERY}
    assert other.exported() == keys.exported()
    other.deleteLater()


def test_unknown_and_fixed_actions_and_doubled_keys_are_left_out_in_words(keys: Keymap) -> None:
    text = written_keys(
        "SeqStudio",
        {
            "from.the.future": ("Ctrl+J",),
            "field.copy": ("F9",),
            "canvas.duplicate": ("F8",),
            "canvas.rename": ("F8",),
        },
    )
    left_out = keys.take(text)
    assert any("from.the.future" in line for line in left_out)
    assert any("field.copy" in line for line in left_out)
    assert any("F8 stays with" in line for line in left_out)
    holders = [a.id for a in keys.actions() if "F8" in keys.keys(a.id)]
    assert len(holders) == 1
    assert keys.keys("field.copy") != ("F9",)


def content(**changed: object) -> str:
    whole = {"format": "seqstudio keys", "version": 1, "preset": "SeqStudio", "keys": {}}
    return json.dumps(whole | changed)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("null", "format"),
        (content(format="something"), "format"),
        (content(version=99), "version 99"),
        (content(preset="Emacs"), "Emacs"),
        (content(preset=["SeqStudio"]), "no preset"),
        (content(keys=[]), "no table"),
        (content(keys={"a": "Ctrl+D"}), "no list"),
        (content(keys={"a": ["Ctrl+D"] * 9}), "no list"),
        (content(keys={"a": [7]}), "not a key"),
        (content(keys={"a": ["Ctrl+K, Ctrl+C"]}), "not a key"),
        (content(keys={"a": ["x" * 10_000]}), "not a key"),
        (content(keys={str(n): [] for n in range(1001)}), "more than 1,000"),
        (" " * 1_000_001, "characters"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason_and_changes_nothing(
    keys: Keymap, text: str, why: str
) -> None:
    keys.set_keys("canvas.rename", ["R"])
    with pytest.raises(KeysFileError) as refused:
        keys.take(text)
    assert why in refused.value.why
    assert refused.value.hint
    assert keys.keys("canvas.rename") == ("R",)


def test_reading_keeps_ids_that_nobody_knows_here() -> None:
    assert read_keys(content(keys={"later.action": ["F7"]})).keys == {"later.action": ("F7",)}


def test_fixed_keys_are_told_but_never_given_away(keys: Keymap) -> None:
    fixed = Action("t.fixed", "Fixed", "Test", ("F7",), "canvas", fixed=True)
    keys.declare([fixed])
    assert keys.holder("F7", "canvas") == fixed
    keys.set_keys("canvas.rename", ["F7"])
    assert keys.keys("t.fixed") == ("F7",)
