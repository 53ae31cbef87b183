"""The menu of a roll: what can be done to what is selected, with the keys that do the same."""

from __future__ import annotations

from functools import partial

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from seqstudio.music import edits
from seqstudio.studio.keys import key_text
from seqstudio.studio.listen.roll import PianoRoll
from seqstudio.studio.listen.roll_keys import key_of

#: Name of an action, words, and whether it needs a selection; "" is a line between groups.
_ROWS = (
    ("cut", "Cut", True),
    ("copy", "Copy", True),
    ("paste", "Paste at the playhead", False),
    ("duplicate", "Duplicate", True),
    ("delete", "Delete", True),
    ("", "", False),
    ("up", "Semitone up", True),
    ("down", "Semitone down", True),
    ("octave_up", "Octave up", True),
    ("octave_down", "Octave down", True),
    ("louder", "Louder", True),
    ("softer", "Softer", True),
    ("", "", False),
    ("quantise", "Quantise", False),
    ("loop_selection", "Loop the selection", True),
    ("all", "Select all", False),
)


def menu_of(roll: PianoRoll, parent: QWidget) -> QMenu:
    """Return a menu for what is selected; it goes when it is closed."""
    menu = QMenu(parent)
    menu.aboutToHide.connect(menu.deleteLater)
    editor = roll.editor
    for name, words, needs in _ROWS:
        if not name:
            menu.addSeparator()
            continue
        action = QAction(words, menu)
        action.triggered.connect(partial(_act, roll, name))
        menu.addAction(action)
        action.setShortcut(QKeySequence(key_text(key_of(name))))
        locked = bool(editor.refusal) and name not in {"copy", "all", "loop_selection"}
        missing = (needs and not editor.selected) or (name == "paste" and not editor.has_clip)
        action.setEnabled(not locked and not missing)
    _add_tracks(menu, roll)
    return menu


def _act(roll: PianoRoll, name: str, _checked: bool = False) -> None:
    roll.act(name)


def _add_tracks(menu: QMenu, roll: PianoRoll) -> None:
    """Offer to give what is selected to another track."""
    editor = roll.editor
    voices = edits.voices_of(editor.score)
    if len(voices) < 2 or not editor.selected or editor.refusal:
        return
    tracks = menu.addMenu("To track")
    for voice in voices:
        name = editor.score.track(voice).name or f"Track {voice + 1}"
        tracks.addAction(name, partial(editor.to_track, voice))
