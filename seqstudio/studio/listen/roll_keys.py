"""What keys do in a roll that has the focus; the table of keys stands in `keys.local`."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QKeyEvent

from seqstudio.studio.keys.action import pressed
from seqstudio.studio.keys.local import LOCAL_ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from seqstudio.studio.listen.roll import PianoRoll

_PREFIX = "roll."
_OCTAVE = 12
_ZOOM = 1.2


def action_of(event: QKeyEvent) -> str:
    """Return the name of what a key does in a roll, "" for a key that means nothing here."""
    names = _names()
    return next((names[key] for key in pressed(event) if key in names), "")


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    return {
        key: action.id.removeprefix(_PREFIX)
        for action in LOCAL_ACTIONS
        if action.context == "roll"
        for key in action.default_keys()
    }


def key_of(name: str) -> str:
    """Return the first key of something that a roll does, for tool tips."""
    return next((key for key, found in _names().items() if found == name), "")


def acts_of(roll: PianoRoll) -> Mapping[str, Callable[[], None]]:
    """Return what a roll can do, by the names of its actions."""
    editor = roll.editor
    return {
        "play": roll.play_wanted.emit,
        "loop": roll.loop_wanted.emit,
        "loop_selection": roll.loop_selection,
        "back": partial(roll.go, "back"),
        "on": partial(roll.go, "on"),
        "start": partial(roll.go, "start"),
        "end": partial(roll.go, "end"),
        "zoom_in": partial(roll.zoom, _ZOOM),
        "zoom_out": partial(roll.zoom, 1 / _ZOOM),
        "zoom_up": partial(roll.zoom_rows, _ZOOM),
        "zoom_down": partial(roll.zoom_rows, 1 / _ZOOM),
        "fit": roll.fit,
        "select_tool": partial(editor.set_tool, "select"),
        "draw_tool": partial(editor.set_tool, "draw"),
        "insert": roll.insert,
        "next": partial(editor.step, 1),
        "previous": partial(editor.step, -1),
        "next_too": partial(editor.step, 1, more=True),
        "previous_too": partial(editor.step, -1, more=True),
        "all": editor.select_all,
        "none": editor.select_none,
        "up": partial(roll.transpose, 1),
        "down": partial(roll.transpose, -1),
        "octave_up": partial(roll.transpose, _OCTAVE),
        "octave_down": partial(roll.transpose, -_OCTAVE),
        "later": partial(roll.nudge, 1),
        "earlier": partial(roll.nudge, -1),
        "longer": partial(editor.stretch, 1),
        "shorter": partial(editor.stretch, -1),
        "louder": partial(editor.louder, 1),
        "softer": partial(editor.louder, -1),
        "quantise": editor.quantise,
        "lane": roll.switch_lane,
        "copy": editor.copy,
        "cut": editor.cut,
        "paste": editor.paste,
        "duplicate": editor.duplicate,
        "delete": editor.delete,
        "undo": editor.undo_wanted.emit,
        "redo": editor.redo_wanted.emit,
    }
