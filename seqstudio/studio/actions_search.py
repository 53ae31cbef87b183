"""Find an action: all actions of the menus in one list, filtered while typing, run with Enter."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from seqstudio.studio.canvas.menus import Entry, QuickMenu

ICONS = {"File": "folder", "Edit": "undo", "View": "eye", "Model": "cell", "Run": "play",
         "Help": "help"}  # fmt: skip


class ActionsSearch(QuickMenu):
    """A popup of the actions that can be run now, grouped by menu, with their keys.

    Args:
        menus: Where the actions come from; its menus are asked to fill themselves.
        parent: The window.
    """

    def __init__(self, menus: QMenuBar, parent: QWidget | None = None) -> None:
        self._actions = {f"{group}/{words}": action for group, words, action in listed(menus)}
        entries = [_entry(key, action) for key, action in self._actions.items()]
        super().__init__(entries, "Find an action", parent)
        self.chosen.connect(self._run)

    def open_below(self, button: QWidget) -> None:
        """Open below a button, the right edges in line."""
        corner = button.mapToGlobal(QPoint(button.width(), button.height() + 4))
        self.popup_at(corner - QPoint(self.width(), 0))

    def _run(self, key: str) -> None:
        self._actions[key].trigger()


def listed(menus: QMenuBar) -> list[tuple[str, str, QAction]]:
    """Return menu, words and action of everything that can be run now, in menu order."""
    found = []
    for top in menus.actions():
        menu = top.menu()
        if isinstance(menu, QMenu):
            found += [(top.text(), words, act) for words, act in _enabled(menu)]
    return found


def _enabled(menu: QMenu, path: str = "") -> list[tuple[str, QAction]]:
    menu.aboutToShow.emit()  # menus that depend on the moment fill themselves when they open
    found = []
    for action in menu.actions():
        words = path + action.text().partition("\t")[0]
        inner = action.menu()
        if isinstance(inner, QMenu):
            found += _enabled(inner, f"{words}: ")
        elif action.isEnabled() and not action.isSeparator():
            found.append((words, action))
    return found


def _entry(key: str, action: QAction) -> Entry:
    group, _, words = key.partition("/")
    told = action.text().partition("\t")[2]
    keys = action.shortcut().toString() or told
    icon = (
        "check"
        if action.isCheckable() and action.isChecked()
        else ICONS.get(group, "chevron-right")
    )
    return Entry(key, words, "", group, icon, shortcut=keys)
