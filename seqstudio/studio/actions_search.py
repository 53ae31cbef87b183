"""Find an action: everything that can be done, in one list, filtered while typing, run by Enter.

The actions of the menus, those of the canvas among them; blocks to add, projects to start from,
panels and settings to go to. What was used last stands first. What cannot run now is left out
until its name is typed; then it stands below, grey, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSettings
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget
from typing_extensions import override

from seqstudio.blocks.templates import TEMPLATES
from seqstudio.studio.canvas.hands.menus import Entry, QuickMenu, block_entries, rank
from seqstudio.studio.focus import give_focus
from seqstudio.studio.keys import keymap
from seqstudio.studio.keys.dialog import heading
from seqstudio.studio.menus import ID, WHY_NOT
from seqstudio.studio.topics import Topics

if TYPE_CHECKING:
    from seqstudio.studio.window import MainWindow

ICONS = {"File": "folder", "Edit": "undo", "View": "eye", "Model": "cell", "Run": "play",
         "Help": "help"}  # fmt: skip
ON_CANVAS = "grid"  # icon of the actions of the canvas
RECENT, SETTING = 5, "recent_actions"
ADD, START, GO = "Add a block", "Start from", "Go to"


class Recent:
    """The actions used last, newest first.

    Args:
        settings: Where they are kept; None keeps them as long as the window.
    """

    def __init__(self, settings: QSettings | None = None) -> None:
        self._settings = settings
        kept = settings.value(SETTING, []) if settings is not None else []
        kept = kept if isinstance(kept, (list, tuple)) else [kept]
        self.keys = [key for key in kept if isinstance(key, str)][:RECENT]

    def use(self, key: str) -> None:
        """Put an action first."""
        self.keys = [key, *(k for k in self.keys if k != key)][:RECENT]
        if self._settings is not None:
            self._settings.setValue(SETTING, self.keys)


class ActionsSearch(QuickMenu):
    """A popup of everything that can be done in a window, with its keys.

    Args:
        window: Whose actions they are; its menus are asked to fill themselves.
        recent: What was used last.
    """

    def __init__(self, window: MainWindow, recent: Recent) -> None:
        self._recent = recent
        self._acts: dict[str, Callable[[], object]] = {}
        entries = []
        for group, words, action in listed(window.menus):
            entry = _entry(group, words, action)
            self._acts[entry.key] = action.trigger
            entries.append(entry)
        entries += self._further(window)
        super().__init__(entries, "Find an action", window)
        self.chosen.connect(self._run)

    def _further(self, window: MainWindow) -> list[Entry]:
        """Return what the menus do not hold: blocks, projects, panels, settings."""
        found = []
        for entry in block_entries():
            key = f"add.{entry.key}"
            self._acts[key] = partial(_add_block, window, entry.key)
            found.append(Entry(key, f"Add {entry.title}", "", ADD, entry.icon, entry.role))
        for template in TEMPLATES.values():
            key = f"start.{template.id}"
            self._acts[key] = partial(window.start_from, template.id)
            found.append(Entry(key, f"Start from {template.title}", "", START, "folder"))
        for words, go in places(window):
            self._acts[f"go.{words}"] = go
            found.append(Entry(f"go.{words}", f"Go to {words}", "", GO, "chevron-right"))
        return found

    @override
    def found(self, text: str) -> list[Entry]:
        """Return what answers a search, used ones first among equals; all actions for ""."""
        if not text.strip():
            return self._without_search()
        ranked = [(rank(entry, text), entry) for entry in self.entries]
        last = len(self._recent.keys)
        order = {key: place for place, key in enumerate(self._recent.keys)}
        found = [(bool(entry.why_not), score, order.get(entry.key, last), place, entry)
                 for place, (score, entry) in enumerate(ranked) if score is not None]  # fmt: skip
        return [entry for *_, entry in sorted(found, key=lambda row: row[:4])]

    def _without_search(self) -> list[Entry]:
        by_key = {entry.key: entry for entry in self.entries}
        used = [by_key[key] for key in self._recent.keys if key in by_key]
        used = [_used(entry) for entry in used if not entry.why_not]
        rest = [e for e in self.entries if not e.why_not and e.group not in (ADD, START, GO)]
        groups = list(dict.fromkeys(entry.group for entry in rest))
        rest.sort(key=lambda entry: groups.index(entry.group))
        return [*used, *(e for e in rest if e.key not in {entry.key for entry in used})]

    def open_below(self, button: QWidget) -> None:
        """Open below a button, the right edges in line."""
        corner = button.mapToGlobal(QPoint(button.width(), button.height() + 4))
        self.popup_at(corner - QPoint(self.width(), 0))

    def _run(self, key: str) -> None:
        self._recent.use(key)
        self._acts[key]()


def _used(entry: Entry) -> Entry:
    return Entry(entry.key, entry.title, "", "Used last", "clock", "", "", entry.shortcut)


def _add_block(window: MainWindow, kind: str) -> None:
    window.show_page("build")
    window.build.canvas.add_kind(kind)


def places(window: MainWindow) -> list[tuple[str, Callable[[], object]]]:
    """Return names of panels and settings of a window with what brings a person there."""
    transport = window.transport
    fields: dict[str, QWidget] = {
        "the learning rate": transport.rate,
        "the clip norm": transport.clip,
        "the choice of the run": transport.run,
        "the device": transport.device,
    }
    found: list[tuple[str, Callable[[], object]]] = [
        (words, partial(give_focus, field)) for words, field in fields.items()
    ]
    for page, title in window.titles().items():
        whole = window.pages[page]
        for key, words in whole.titles.items() if isinstance(whole, Topics) else ():
            found.append((f"{words} ({title})", partial(_show_topic, window, page, key)))
        panels = window.build.deck.panels if page == "build" else []
        for part in (*window.pages[page].parts(), *panels):
            name = part.accessibleName()
            if name and name != title:
                found.append((f"{name} ({title})", partial(_focus_part, window, page, part)))
    return found


def _show_topic(window: MainWindow, page: str, topic: str) -> None:
    window.show_page(page)
    whole = window.pages[page]
    if isinstance(whole, Topics):
        whole.choose(topic)


def _focus_part(window: MainWindow, page: str, part: QWidget) -> None:
    window.show_page(page)
    if part in window.build.deck.panels:
        window.build.deck.choose(part.accessibleName())
    give_focus(part)


def listed(menus: QMenuBar) -> list[tuple[str, str, QAction]]:
    """Return menu, words and action of everything in the menus, in their order."""
    found = []
    for top in menus.actions():
        menu = top.menu()
        if isinstance(menu, QMenu):
            title = top.text().replace("&", "")
            found += [(title, words, act) for words, act in _inner(menu)]
    return found


def _inner(menu: QMenu, path: str = "") -> Iterable[tuple[str, QAction]]:
    menu.aboutToShow.emit()  # menus that depend on the moment fill themselves when they open
    for action in menu.actions():
        words = action.text().partition("\t")[0]
        inner = action.menu()
        if isinstance(inner, QMenu):
            yield from _inner(inner, f"{words}: ")
        elif not action.isSeparator() and (action.isEnabled() or action.property(WHY_NOT)):
            yield path + words, action


def _entry(menu: str, words: str, action: QAction) -> Entry:
    told = action.text().partition("\t")[2]
    keys = action.shortcut().toString(action.shortcut().SequenceFormat.NativeText) or told
    name = str(action.property(ID) or "")
    # A declared action says its own group; another one is known by the way through the menus.
    group = heading(keymap().action(name)) if name else menu
    title = action.text().partition("\t")[0] if name else words
    on = action.isCheckable() and action.isChecked()
    icon = "check" if on else ICONS.get(group, ON_CANVAS)
    why_not = str(action.property(WHY_NOT) or "")
    return Entry(name or f"{menu}/{words}", title, "", group, icon, shortcut=keys, why_not=why_not)
