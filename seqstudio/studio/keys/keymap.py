"""Which keys run which actions: defaults, a preset over them, the person's own keys over that."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Protocol

from PySide6.QtCore import SIGNAL, QCoreApplication, QEvent, QObject, QSettings, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication

from seqstudio.studio.keys.action import Action, Context, key_text, pressed
from seqstudio.studio.keys.exchange import KeysFile, KeysFileError, read_keys, written_keys
from seqstudio.studio.keys.presets import PRESETS, SEQSTUDIO

SETTING = "keys"
log = logging.getLogger(__name__)


class Keymap(QObject):
    """The keys of all declared actions.

    Signals:
        changed: Some action has other keys now.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("keymap")
        self._actions: dict[str, Action] = {}
        self._preset = SEQSTUDIO
        self._own: dict[str, tuple[str, ...]] = {}
        self._settings: QSettings | None = None

    def declare(self, actions: Iterable[Action]) -> None:
        """Take actions in; those that are there already keep their place."""
        fresh = {action.id: action for action in actions}
        new = not fresh.keys() <= self._actions.keys()
        self._actions |= fresh
        if new:
            self.changed.emit()

    def use(self, settings: QSettings | None) -> None:
        """Take the keys of the settings and keep changes there; None starts from the defaults."""
        self._settings = settings
        kept = _kept(settings.value(SETTING)) if settings is not None else None
        self._preset = kept.preset if kept else SEQSTUDIO
        self._own = dict(kept.keys) if kept else {}
        self.changed.emit()

    # What is in force

    @property
    def preset(self) -> str:
        """Name of the preset under the person's own keys."""
        return self._preset

    @property
    def own(self) -> Mapping[str, tuple[str, ...]]:
        """The keys that the person chose, by action."""
        return self._own

    def actions(self) -> list[Action]:
        """Return every action, in the order of declaration."""
        return list(self._actions.values())

    def action(self, name: str) -> Action:
        """Return an action by its id.

        Raises:
            KeyError: Nobody declared it.
        """
        return self._actions[name]

    def keys(self, name: str) -> tuple[str, ...]:
        """Return the keys that run an action now; () for an unknown one."""
        action = self._actions.get(name)
        if action is None or action.fixed:
            return action.default_keys() if action else ()
        return self._own.get(name, self.given(name))

    def given(self, name: str) -> tuple[str, ...]:
        """Return the keys of an action in the preset, without the person's own."""
        changed = PRESETS[self._preset].get(name)
        return self._actions[name].default_keys() if changed is None else changed

    def text(self, name: str) -> str:
        """Return the first key of an action as this system writes it, "" for none."""
        return next(iter(self.texts(name)), "")

    def texts(self, name: str) -> list[str]:
        """Return all keys of an action as this system writes them."""
        return [native(key) for key in self.keys(name)]

    def named(self, words: str, name: str) -> str:
        """Return words with the key of an action in brackets, for tool tips."""
        key = self.text(name)
        return f"{words} ({key})" if key else words

    def sequences(self, name: str) -> list[QKeySequence]:
        """Return the keys of an action for a `QAction`."""
        return [QKeySequence(key, QKeySequence.SequenceFormat.PortableText)
                for key in self.keys(name)]  # fmt: skip

    def found(self, context: Context, keys: Iterable[str]) -> str:
        """Return the id of the action that one of `keys` runs in a context, "" for none."""
        for key in keys:
            for action in self._actions.values():
                if action.context == context and key in self.keys(action.id):
                    return action.id
        return ""

    def holder(self, key: str, context: Context, but: str = "") -> Action | None:
        """Return the action that holds a key in a context, other than `but`."""
        name = self.found(context, (key,))
        return self._actions[name] if name and name != but else None

    def elsewhere(self, key: str, context: Context) -> list[Action]:
        """Return the actions of other contexts that share a key with this one."""
        return [a for a in self.actions() if a.context != context and key in self.keys(a.id)]

    # Changes

    def set_keys(self, name: str, keys: Iterable[str]) -> None:
        """Give an action other keys, taking each from the action that holds it in the context.

        Raises:
            KeyError: Nobody declared the action.
        """
        action = self._actions[name]
        wanted = tuple(dict.fromkeys(text for text in map(key_text, keys) if text))
        for key in wanted:
            holder = self.holder(key, action.context, but=name)
            if holder is not None and not holder.fixed:
                self._put(holder.id, tuple(k for k in self.keys(holder.id) if k != key))
        self._put(name, wanted)
        self._keep()

    def _put(self, name: str, keys: tuple[str, ...]) -> None:
        if keys == self.given(name):
            self._own.pop(name, None)
        else:
            self._own[name] = keys

    def reset(self, name: str) -> None:
        """Give an action the keys of the preset again, taking them back from others."""
        self.set_keys(name, self.given(name))

    def reset_all(self) -> None:
        """Forget every key that the person chose."""
        self._own = {}
        self._keep()

    def choose_preset(self, preset: str) -> None:
        """Start from another preset, without the person's own keys.

        Raises:
            KeyError: No such preset.
        """
        if preset not in PRESETS:
            raise KeyError(preset)
        self._preset = preset
        self.reset_all()

    # Files

    def exported(self) -> str:
        """Return preset and keys in force of every action, as JSON."""
        free = [action.id for action in self.actions() if not action.fixed]
        return written_keys(self._preset, {name: self.keys(name) for name in free})

    def take(self, text: str) -> list[str]:
        """Take the keys of an exported file; what it does not name keeps the preset's.

        Returns:
            What was left out, in words: unknown actions, keys that two actions claim.

        Raises:
            KeysFileError: The text holds no keys.
        """
        found = read_keys(text)
        self._preset, self._own = found.preset, {}
        free = {a.id for a in self.actions() if not a.fixed}
        left_out = [f"{name[:60]} is no action here" for name in found.keys if name not in free]
        for name in found.keys.keys() & free:
            self._put(name, found.keys[name])
        left_out += self._part_doubles()
        self._keep()
        return left_out

    def _part_doubles(self) -> list[str]:
        """Let the first of two actions keep a key that both claim; return who lost which."""
        lost = []
        for action in self.actions():
            for key in self.keys(action.id):
                first = self._actions[self.found(action.context, (key,))]
                if first is not action and not action.fixed:
                    rest = tuple(k for k in self.keys(action.id) if k != key)
                    self._put(action.id, rest)
                    lost.append(f"{native(key)} stays with {first.words}, not {action.words}")
        return lost

    def _keep(self) -> None:
        if self._settings is not None:
            self._settings.setValue(SETTING, written_keys(self._preset, self._own))
        self.changed.emit()


def _kept(text: object) -> KeysFile | None:
    """Return the keys of the settings; None where there are none, or they were damaged."""
    if not isinstance(text, str):
        return None
    try:
        return read_keys(text)
    except KeysFileError as error:
        log.warning("keys of the settings are left out: %s", error)
        return None


def native(key: str) -> str:
    """Return a key as this system writes it."""
    sequence = QKeySequence(key, QKeySequence.SequenceFormat.PortableText)
    return sequence.toString(QKeySequence.SequenceFormat.NativeText)


def takes(event: QEvent, context: Context) -> bool:
    """Take a key that means something in a context before the window's shortcuts see it.

    For `event` of the widget that has the focus: it then gets the key as a usual press.
    """
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    event.setAccepted(bool(keymap().found(context, pressed(event))))
    return event.isAccepted()


class _Rekeyed(Protocol):
    def rekey(self) -> None: ...


def keymap() -> Keymap:
    """Return the application's keymap; the first call makes it.

    Raises:
        RuntimeError: There is no application yet.
    """
    app = QCoreApplication.instance()
    if not isinstance(app, QApplication):
        msg = "the keymap needs an application"
        raise RuntimeError(msg)  # noqa: TRY004 - the caller's order is wrong, not a type
    found = app.findChildren(Keymap, "keymap")
    return found[0] if found else Keymap(app)


def follow_keys(widget: _Rekeyed) -> None:
    """Call `widget.rekey()` now and after every change of the keys."""
    # With its receiver named, so that the connection ends with the widget.
    QObject.connect(keymap(), SIGNAL("changed()"), widget, widget.rekey)  # type: ignore[call-overload]
    widget.rekey()
