"""The dialog in which a person changes keys: a table, a key to press, presets, files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.core.files import read_text, write_atomic
from seqstudio.studio.keys.action import Action, pressed
from seqstudio.studio.keys.exchange import LONGEST
from seqstudio.studio.keys.keymap import follow_keys, keymap, native
from seqstudio.studio.keys.presets import PRESETS
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import Button, ComboField, Label, SearchField

WHERE = {"window": "Everywhere", "canvas": "On the canvas", "clocks": "On the two clocks"}
MENUS = ("File", "Edit", "View", "Model", "Run", "Help")
SUFFIX = ".keys.json"
_ID = Qt.ItemDataRole.UserRole
_SIZE, _KEYS_WIDE = (720, 640), 220
Mode = Literal["set", "add"]


class KeysDialog(QDialog):
    """All actions with their keys; a change takes effect at once.

    Attributes:
        tree: The table.
        change: Press it, then the new key.
        add: The same, keeping the keys that are there.
        told: What happened, or what holds the key that was pressed.
        take_over: Agrees to what `told` says: moves a key, takes a preset.
        leave: Leaves everything as it is.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard shortcuts")
        self.resize(*_SIZE)
        self._rows: dict[str, QTreeWidgetItem] = {}
        self._headings: list[QTreeWidgetItem] = []
        self._pending: Callable[[], object] | None = None
        self._make_controls()
        self._lay_out()
        self._connect()
        self._fill()
        follow_theme(self)
        follow_keys(self)
        self.choose(next(iter(self._rows)))
        self.search.setFocus()

    def _make_controls(self) -> None:
        self.search = SearchField("Search actions or keys", parent=self)
        presets = [(name, name) for name in PRESETS]
        self.preset = ComboField(presets, keymap().preset, name="Preset", parent=self)
        self.tree = QTreeWidget(self)
        self.tree.setColumnCount(2)
        self.tree.setHeaderLabels(["Action", "Keys"])
        self.tree.setRootIsDecorated(False)
        self.tree.setStyleSheet("QTreeView::item:hover:!selected { background: transparent; }")
        self.tree.setAccessibleName("Actions and their keys")
        self.chosen = Label("", "panelTitle", "textHi", parent=self)
        self.change, self.add = KeyButton("Change"), KeyButton("Add another")
        self.none = Button("No key", parent=self)
        self.reset = Button("Reset", parent=self)
        self.told = Label("", "small", "textMid", wrap=True, parent=self)
        self.take_over = Button("Move it here", kind="primary", parent=self)
        self.leave = Button("Leave it", parent=self)
        for button in (self.take_over, self.leave):  # the table must not jump
            policy = button.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            button.setSizePolicy(policy)

    def _lay_out(self) -> None:
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 16, 16, 12)
        rows.setSpacing(10)
        preset = Label("Preset", "body", "textMid", parent=self)
        rows.addLayout(_row(self.search, None, preset, self.preset, stretch=0))
        rows.addWidget(self.tree, 1)
        buttons = (self.change, self.add, self.none, self.reset)
        rows.addLayout(_row(self.chosen, None, *buttons))
        rows.addLayout(_row(self.told, None, self.leave, self.take_over, stretch=0))
        self.take_button = Button("Import…", parent=self)
        self.give_button = Button("Export…", parent=self)
        self.reset_all = Button("Reset all", parent=self)
        self.close_button = Button("Close", parent=self)
        rows.addLayout(
            _row(self.take_button, self.give_button, self.reset_all, None, self.close_button)
        )
        self.preset.setMinimumWidth(150)

    def _connect(self) -> None:
        self.search.textChanged.connect(self._filter)
        self.preset.value_changed.connect(self._choose_preset)
        self.tree.currentItemChanged.connect(self._show_chosen)
        self.tree.itemActivated.connect(self._activated)
        self.change.key_pressed.connect(self._set)
        self.add.key_pressed.connect(self._add)
        self.none.clicked.connect(self._clear)
        self.reset.clicked.connect(self._reset)
        self.take_over.clicked.connect(self._move)
        self.leave.clicked.connect(self._leave)
        self.take_button.clicked.connect(self._ask_import)
        self.give_button.clicked.connect(self._ask_export)
        self.reset_all.clicked.connect(self._reset_all)
        self.close_button.clicked.connect(self.accept)

    # The table

    def _fill(self) -> None:
        headings: dict[str, QTreeWidgetItem] = {}
        for action in arranged():
            title = heading(action)
            if title not in headings:
                headings[title] = QTreeWidgetItem(self.tree, [title])
                headings[title].setFlags(Qt.ItemFlag.ItemIsEnabled)
                headings[title].setFirstColumnSpanned(True)
                headings[title].setExpanded(True)
            row = QTreeWidgetItem(headings[title], [action.words, ""])
            row.setData(0, _ID, action.id)
            self._rows[action.id] = row
        self._headings = list(headings.values())
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(1, _KEYS_WIDE)

    @Slot()
    def rekey(self) -> None:
        """Show the keys in force; the person's own stand out."""
        for name, row in self._rows.items():
            row.setText(1, "   ".join(keymap().texts(name)))
            font = theme().font("body")
            font.setWeight(font.Weight.DemiBold if name in keymap().own else font.Weight.Normal)
            row.setFont(1, font)
            described = row.text(1) or "no key"
            row.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{row.text(0)}: {described}")
        self.preset.set_value(keymap().preset)
        self._show_chosen()

    @Slot(str)
    def _filter(self, text: str) -> None:
        wanted = text.strip().lower()
        for name, row in self._rows.items():
            action = keymap().action(name)
            told = f"{action.words} {heading(action)} {' '.join(keymap().texts(name))}".lower()
            row.setHidden(wanted not in told)
        for top in self._headings:
            top.setHidden(all(top.child(i).isHidden() for i in range(top.childCount())))
        seen = [name for name, row in self._rows.items() if not row.isHidden()]
        if seen and self.current not in seen:
            self.choose(seen[0])

    def shown(self) -> list[str]:
        """Return the ids of the actions that the search leaves."""
        return [name for name, row in self._rows.items() if not row.isHidden()]

    @property
    def current(self) -> str:
        """Id of the chosen action, "" for none."""
        item = self.tree.currentItem()
        return str(item.data(0, _ID) or "") if item is not None else ""

    def choose(self, name: str) -> None:
        """Choose an action by its id."""
        self.tree.setCurrentItem(self._rows[name])
        self.tree.scrollToItem(self._rows[name])

    @Slot()
    def _show_chosen(self) -> None:
        action = keymap().action(self.current) if self.current else None
        free = action is not None and not action.fixed
        self.chosen.setText(action.words if action else "")
        for button in (self.change, self.add, self.none):
            button.setEnabled(free)
        self.reset.setEnabled(self.current in keymap().own)
        fixed = action is not None and action.fixed
        self._say("The key of a control; it cannot be changed" if fixed else "")

    @Slot(QTreeWidgetItem)
    def _activated(self, item: QTreeWidgetItem) -> None:
        if item.data(0, _ID) and self.change.isEnabled():
            self.change.setFocus()
            self.change.click()

    def _say(self, words: str) -> None:
        self._pending = None
        self.told.setText(words)
        self.take_over.hide()
        self.leave.hide()

    def _ask(self, words: str, yes: str, act: Callable[[], object]) -> None:
        """Say what would happen; `act` does it once the person agrees."""
        self._say(words)
        self._pending = act
        self.take_over.setText(yes)
        self.take_over.show()
        self.leave.show()
        self.take_over.setFocus()

    # Changes

    @Slot(str)
    def _set(self, key: str) -> None:
        self._try("set", key)

    @Slot(str)
    def _add(self, key: str) -> None:
        self._try("add", key)

    def _try(self, mode: Mode, key: str) -> None:
        action = keymap().action(self.current)
        holder = keymap().holder(key, action.context, but=action.id)
        if holder is None:
            self._give(mode, key)
            return
        where = WHERE.get(action.context, action.group)
        words = f"{native(key)} runs “{holder.words}” now ({where.lower()})."
        self._ask(words, "Move it here", partial(self._give, mode, key))

    def _give(self, mode: Mode, key: str) -> None:
        kept = keymap().keys(self.current) if mode == "add" else ()
        keymap().set_keys(self.current, (*kept, key))
        self._say(shared_words(key, keymap().action(self.current)))

    @Slot()
    def _move(self) -> None:
        if self._pending is not None:
            self._pending()
            self.tree.setFocus()

    @Slot()
    def _leave(self) -> None:
        self._say("")
        self.preset.set_value(keymap().preset)
        self.tree.setFocus()

    @Slot()
    def _clear(self) -> None:
        keymap().set_keys(self.current, ())

    @Slot()
    def _reset(self) -> None:
        keymap().reset(self.current)

    @Slot()
    def _reset_all(self) -> None:
        self._start_from(keymap().preset)

    @Slot(object)
    def _choose_preset(self, name: object) -> None:
        self._start_from(str(name))

    def _start_from(self, preset: str) -> None:
        """Take a preset as it is; keys of the person's own are not lost without a question."""
        own = len(keymap().own)
        if own:
            words = f"{own} action{'s lose keys' if own > 1 else ' loses a key'} of your own."
            self._ask(words, "Take the preset", partial(self._take_preset, preset))
        else:
            self._take_preset(preset)

    def _take_preset(self, preset: str) -> None:
        keymap().choose_preset(preset)
        self._say(f"All keys are those of {preset}")

    # Files

    @Slot()
    def _ask_export(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Export keys", f"seqstudio{SUFFIX}", f"Keys (*{SUFFIX})"
        )
        if name:
            self.export_to(Path(name))

    def export_to(self, path: Path) -> None:
        """Write the keys in force; a failure is told in the dialog."""
        try:
            write_atomic(path, keymap().exported().encode())
        except SeqError as error:
            self._say(error.sentence())
        else:
            self._say(f"Exported to {path.name}")

    @Slot()
    def _ask_import(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Import keys", "", "Keys (*.json)")
        if name:
            self.import_from(Path(name))

    def import_from(self, path: Path) -> None:
        """Take the keys of a file; a refusal is told in the dialog and changes nothing."""
        try:
            left_out = keymap().take(read_text(path, LONGEST))
        except SeqError as error:
            self._say(error.sentence())
            return
        some = "; ".join(left_out[:3]) + (f"; {len(left_out) - 3} more" if left_out[3:] else "")
        self._say(f"Imported from {path.name}" + (f". Left out: {some}" if some else ""))

    @Slot()
    def restyle(self) -> None:
        """Take fonts and colours from the theme in force."""
        for top in self._headings:
            top.setFont(0, theme().font("panelTitle"))
            top.setForeground(0, theme().color("textHi"))
        for name, row in self._rows.items():
            free = not keymap().action(name).fixed
            row.setFont(0, theme().font("body"))
            row.setForeground(0, theme().color("textHi" if free else "textMid"))
            row.setForeground(1, theme().color("textHi" if free else "textMid"))


class KeyButton(Button):
    """A button that waits for one key after it was pressed; Esc and a click elsewhere end that.

    Signals:
        key_pressed: The key, as Qt writes it on every system.
    """

    key_pressed = Signal(str)

    def __init__(self, words: str, parent: QWidget | None = None) -> None:
        self._words, self.waiting = words, False
        super().__init__(words, parent=parent)
        self.clicked.connect(self._wait)

    @Slot()
    def _wait(self) -> None:
        self._set_waiting(on=True)

    def _set_waiting(self, *, on: bool) -> None:
        self.waiting = on
        self.setText("Press a key…" if on else self._words)

    @override
    def event(self, event: QEvent, /) -> bool:
        """While it waits, take every key, Tab and the window's own among them."""
        if self.waiting and event.type() == QEvent.Type.FocusOut:
            self._set_waiting(on=False)
        if not self.waiting or not isinstance(event, QKeyEvent):
            return super().event(event)
        event.accept()
        keys = pressed(event)
        if event.type() == QEvent.Type.KeyPress and keys and not event.isAutoRepeat():
            self._set_waiting(on=False)
            if keys != ("Esc",):
                self.key_pressed.emit(keys[-1] if keys[-1] in "+-*/=?!<>.,:;" else keys[0])
        return True


def arranged() -> list[Action]:
    """Return all actions: those of the menus, then those of inner places, by their groups."""
    places, groups = [*WHERE], [*MENUS]

    def order(action: Action) -> tuple[int, int]:
        place = places.index(action.context) if action.context in places else len(places)
        in_menu = action.context == "window" and action.group in groups
        return place, groups.index(action.group) if in_menu else len(groups)

    return sorted(keymap().actions(), key=order)


def heading(action: Action) -> str:
    """Return the heading under which an action stands."""
    return f"Canvas · {action.group}" if action.context == "canvas" else action.group


def shared_words(key: str, action: Action) -> str:
    """Return what else a key does in other places, "" for nothing."""
    free = [other for other in keymap().elsewhere(key, action.context) if not other.fixed]
    if action.context == "window":
        inner = [f"{WHERE[o.context].lower()} it runs “{o.words}”" for o in free]
        return f"{native(key)}: " + ", ".join(inner) if inner else ""
    outer = next((other for other in free if other.context == "window"), None)
    return f"Everywhere else {native(key)} runs “{outer.words}”" if outer else ""


def _row(*widgets: QWidget | None, stretch: int = 1) -> QHBoxLayout:
    """Lay widgets in a row; None is a gap that grows, or with stretch 0 the first widget does."""
    row = QHBoxLayout()
    row.setSpacing(8)
    for place, widget in enumerate(widgets):
        if widget is None:
            row.addStretch(stretch)
        else:
            row.addWidget(widget, 1 if stretch == 0 and place == 0 else 0)
    return row
