"""An action as data, and keys as text."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

Context = Literal["window", "canvas", "clocks", "field", "chart", "steps", "roll", "runs"]
Key = str | QKeySequence.StandardKey
_K = Qt.Key
_MODIFIERS = (_K.Key_Shift, _K.Key_Control, _K.Key_Alt, _K.Key_Meta, _K.Key_AltGr,
              _K.Key_CapsLock, _K.Key_NumLock, _K.Key_unknown)  # fmt: skip

_SIGNS = {"Left": "←", "Right": "→", "Up": "↑", "Down": "↓", "Return": "Enter", "-": "−"}
_MAC_SIGNS = {"Ctrl": "⌘", "Shift": "⇧", "Alt": "⌥", "Meta": "⌃"}


@dataclass(frozen=True)
class Action:
    """Something that a person can do.

    Attributes:
        id: Stable name, written into settings and exported files ("canvas.duplicate").
        words: What menus, search and sheet call it.
        group: Heading under which it stands there.
        keys: Keys it has at first, the first one shown in menus. A standard key of the platform
            or text as Qt writes it on every system ("Ctrl+Shift+E").
        context: Where its keys work. "window" is everywhere; inner contexts win over it.
        blocks: How many blocks must be selected before it can run.
        fixed: Its keys belong to the platform or to a control and cannot be changed.
    """

    id: str
    words: str
    group: str
    keys: tuple[Key, ...] = ()
    context: Context = "window"
    blocks: int = 0
    fixed: bool = False

    def default_keys(self) -> tuple[str, ...]:
        """Return the first keys as text, standard ones as this platform has them."""
        texts = (_portable(key) for key in self.keys)
        return tuple(dict.fromkeys(text for text in texts if text))


def _portable(key: Key) -> str:
    if isinstance(key, QKeySequence.StandardKey):
        bound = QKeySequence.keyBindings(key)
        return bound[0].toString(QKeySequence.SequenceFormat.PortableText) if bound else ""
    return key_text(key)


def key_text(text: str) -> str:
    """Return a key as Qt writes it ("ctrl+d" is "Ctrl+D"); "" when it is not one single key."""
    sequence = QKeySequence(text, QKeySequence.SequenceFormat.PortableText)
    if sequence.count() != 1 or sequence[0].key() in _MODIFIERS:
        return ""
    return sequence.toString(QKeySequence.SequenceFormat.PortableText)


def caps(key: str) -> tuple[str, ...]:
    """Return what stands on the keys to hold down: ("Ctrl", "Shift", "←")."""
    names = [*key[:-1].split("+"), "+"] if key.endswith("+") else key.split("+")
    signs = _SIGNS | (_MAC_SIGNS if sys.platform == "darwin" else {})
    return tuple(signs.get(name, name) for name in names if name)


def pressed(event: QKeyEvent) -> tuple[str, ...]:
    """Return the keys that a press may stand for, best first; () for a modifier alone.

    A sign typed with Shift, such as + or ?, is found with and without it, and the keypad's digits
    and signs are those of the keyboard.
    """
    key, modifiers = Qt.Key(event.key()), event.modifiers()
    if key in _MODIFIERS:
        return ()
    modifiers &= ~Qt.KeyboardModifier.KeypadModifier
    if key == Qt.Key.Key_Backtab:
        key, modifiers = Qt.Key.Key_Tab, modifiers | Qt.KeyboardModifier.ShiftModifier
    found = [_combined(key, modifiers)]
    sign = Qt.Key.Key_Exclam <= key <= Qt.Key.Key_AsciiTilde and not chr(key).isalnum()
    if sign and modifiers & Qt.KeyboardModifier.ShiftModifier:
        found.append(_combined(key, modifiers & ~Qt.KeyboardModifier.ShiftModifier))
    return tuple(found)


def _combined(key: Qt.Key, modifiers: Qt.KeyboardModifier) -> str:
    sequence = QKeySequence(QKeyCombination(modifiers, key))
    return sequence.toString(QKeySequence.SequenceFormat.PortableText)
