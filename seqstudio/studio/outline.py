"""The outline: the model as a tree of blocks, ports, wires and problems.

The same document as on the canvas, for those who cannot see or use a canvas, and to find a block
among many. Selection goes both ways; connecting, renaming and deleting work here too, inside
blocks as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QItemSelectionModel, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QContextMenuEvent,
    QKeyEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QMenu,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.blocks import editing
from seqstudio.blocks.check import Report, check, title_of
from seqstudio.core.errors import SeqError
from seqstudio.document.document import Document
from seqstudio.document.edits import Connect, Disconnect, Edit, RenameBlock, Within
from seqstudio.document.graph import Graph
from seqstudio.studio.canvas.hands.menus import Entry, QuickMenu
from seqstudio.studio.keys import keymap, pressed
from seqstudio.studio.outline_rows import Row, children, connections, wire_words
from seqstudio.studio.theme import follow_theme, icon, theme

if TYPE_CHECKING:
    from seqstudio.studio.canvas import CanvasView

_ROW = Qt.ItemDataRole.UserRole
_LATER_MS = 30
# Actions of the canvas that the outline does itself, and those that it leaves to the canvas.
_OWN = ("canvas.rename", "canvas.delete", "canvas.delete_plainly", "canvas.start_wire",
        "canvas.open")  # fmt: skip
_LEFT = ("canvas.cut", "canvas.copy", "canvas.paste", "canvas.duplicate", "canvas.bypass",
         "canvas.mute", "canvas.composite", "canvas.ungroup", "canvas.add")  # fmt: skip


class Outline(QWidget):
    """Blocks in running order, each with its ports, wires, problems and what is inside.

    Signals:
        message: One line for the person: what was done or why not.

    Attributes:
        tree: The tree; each of its rows has an accessible name.
        menu: The open menu of what a port can be connected to, or None.
    """

    message = Signal(str)

    def __init__(
        self, document: Document, canvas: CanvasView, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName("Outline")
        self._document, self._canvas = document, canvas
        self.menu: QuickMenu | None = None
        self.tree = _Tree(self)
        self._items: dict[tuple[str, ...], QTreeWidgetItem] = {}
        self._open: dict[tuple[str, ...], bool] = {}  # as the person left it
        self._filling = False
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 0, 0, 0)
        column.addWidget(self.tree)
        self._later = QTimer(self, interval=_LATER_MS)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.refresh)
        canvas.report_changed.connect(self._report_changed)
        canvas.selection_changed.connect(self._show_selection)
        canvas.editor.place_changed.connect(self._show_selection)
        self.tree.itemSelectionChanged.connect(self._select)
        self.tree.itemChanged.connect(self._renamed)
        self.tree.key_pressed.connect(self.act)
        self.tree.menu_wanted.connect(self._open_menu)
        self.tree.itemExpanded.connect(self._opened)
        self.tree.itemCollapsed.connect(self._folded)
        follow_theme(self)

    # What is shown

    @Slot()
    def _report_changed(self) -> None:
        if self.isVisible():
            self._later.start()

    @override
    def showEvent(self, event: QShowEvent, /) -> None:
        """Show the model as it is now: a hidden outline does not follow it."""
        super().showEvent(event)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Show the model as it is now; what is open and chosen stays so."""
        if self.tree.state() == QAbstractItemView.State.EditingState:
            self._later.start()  # a name is being typed
            return
        here = self.row()
        self._filling = True
        self.tree.clear()
        self._items = {}
        graph = self._document.project.graph
        self._add(None, children((), graph, self._report(graph)))
        self._filling = False
        self._show_selection()
        if here is not None and here.key in self._items:
            item = self._items[here.key]
            self.tree.setCurrentItem(item, 0, QItemSelectionModel.SelectionFlag.NoUpdate)

    def _report(self, graph: Graph) -> Report:
        """Return the check of the whole model; the canvas has one of the graph in view."""
        editor = self._canvas.editor
        return check(graph, editor.facts) if editor.place.path else editor.report

    def _add(self, parent: QTreeWidgetItem | None, rows: Iterable[Row]) -> None:
        for row in rows:
            item = QTreeWidgetItem(parent or self.tree.invisibleRootItem(), [row.text])
            item.setData(0, _ROW, row)
            item.setData(0, Qt.ItemDataRole.AccessibleTextRole, row.told)
            item.setToolTip(0, row.told)
            flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
            item.setFlags(flags | (Qt.ItemFlag.ItemIsEditable if row.kind == "block" else flags))
            colour = theme().role(row.role) if row.role else theme().color(row.tone)
            item.setIcon(0, icon(row.icon, 16, colour, on=colour))
            item.setForeground(0, theme().color("textHi" if row.kind == "block" else "textMid"))
            self._items[row.key] = item
            self._add(item, row.rows)
            item.setExpanded(self._open.get(row.key, row.open))

    @Slot(QTreeWidgetItem)
    def _opened(self, item: QTreeWidgetItem) -> None:
        self._remember(item, opened=True)

    @Slot(QTreeWidgetItem)
    def _folded(self, item: QTreeWidgetItem) -> None:
        self._remember(item, opened=False)

    def _remember(self, item: QTreeWidgetItem, *, opened: bool) -> None:
        row = _row_of(item)
        if row is not None and not self._filling:
            self._open[row.key] = opened

    def row(self) -> Row | None:
        """Return the row that has the keyboard, None before there is one."""
        return _row_of(self.tree.currentItem())

    def item(self, *key: str) -> QTreeWidgetItem:
        """Return the item of a row by its key: ids of blocks, then "in:x", "out:y" and the like.

        Raises:
            KeyError: There is no such row.
        """
        return self._items[key]

    # Selection, both ways

    @Slot()
    def _select(self) -> None:
        if self._filling:
            return
        rows = [_row_of(item) for item in self.tree.selectedItems()]
        place = self._canvas.editor.place.path
        deep = len(place)
        ways = [row.block_key for row in rows if row is not None and row.block]
        self._filling = True
        # Of a block further inside, the one around it that is in view.
        self._canvas.select(way[deep] for way in ways if way[:deep] == place and way[deep:])
        self._filling = False

    @Slot()
    def _show_selection(self) -> None:
        if self._filling or not self.isVisible():
            return
        self._filling = True
        place = self._canvas.editor.place.path
        chosen = [(*place, key) for key in self._canvas.selection]
        for key, item in self._items.items():
            item.setSelected(key in chosen)
        first = next((self._items[key] for key in chosen if key in self._items), None)
        if first is not None:
            keep = QItemSelectionModel.SelectionFlag.NoUpdate
            self.tree.setCurrentItem(first, 0, keep)
            self.tree.scrollToItem(first)
        self._filling = False

    # Actions

    @Slot(str)
    def act(self, name: str) -> None:
        """Run an action of the canvas on the chosen row, or on what is selected with it."""
        row = self.row()
        if row is None:
            return
        match name:
            case "canvas.start_wire":
                self.connect_to()
            case "canvas.rename":
                self.tree.editItem(self._items[row.block_key], 0)
            case "canvas.delete" | "canvas.delete_plainly":
                self._delete(row, heal=name == "canvas.delete")
            case "canvas.open":
                self._show_on_canvas(row)
            case _ if row.path == self._canvas.editor.place.path:
                self._canvas.keys.run(name)
            case _:
                enter = keymap().text("canvas.open")
                self._say(f"The canvas shows another graph; {enter} goes to this one")

    def connect_to(self) -> None:
        """Offer what the chosen port, or the first port of the chosen block, can be wired to."""
        row = self.row()
        if row is None or not row.block:
            self._say("Choose a block or a port first")
            return
        graph = self._document.project.graph.at(row.path)
        wires = {str(place): wire for place, wire in enumerate(connections(graph, row))}
        if not wires:
            self._say("Nothing here fits; add a block first")
            return
        named = title_of(graph.blocks[row.block])
        entries = [
            Entry(key, wire_words(graph, wire, row.block), "", "Connect", "split")
            for key, wire in wires.items()
        ]
        self.menu = QuickMenu(entries, f"Connect {named}", self)

        def take(key: str) -> None:
            self.menu = None
            if self._do(row, Connect(wires[key])):
                self._say(f"{named} connected {wire_words(graph, wires[key], row.block)}")

        self.menu.chosen.connect(take)
        self.menu.dismissed.connect(self._menu_gone)
        spot = self.tree.visualItemRect(self.tree.currentItem()).bottomLeft()
        self.menu.popup_at(self.tree.viewport().mapToGlobal(spot + QPoint(16, 2)))

    @Slot()
    def _menu_gone(self) -> None:
        self.menu = None

    def _delete(self, row: Row, *, heal: bool) -> None:
        graph = self._document.project.graph.at(row.path)
        if row.wire is not None:
            if self._do(row, Disconnect(row.wire)):
                self._say("Wire taken away")
        elif row.kind == "block":
            same = [_row_of(item) for item in self.tree.selectedItems()]
            ids = [r.block for r in same if r and r.kind == "block" and r.path == row.path]
            edit = editing.remove(graph, ids or [row.block], heal)
            if self._do(row, edit):
                self._say(edit.label.replace("Delete", "Deleted"))
        else:
            self._say("Choose a block or a wire to delete")

    @Slot(QTreeWidgetItem)
    def _renamed(self, item: QTreeWidgetItem) -> None:
        row = _row_of(item)
        if self._filling or row is None or row.kind != "block" or item.text(0) == row.text:
            return
        title = item.text(0).strip()
        self._do(row, RenameBlock(row.block, "" if title == row.plain else title))
        self._later.start()  # an empty name returns to the one of the kind

    def _say(self, words: str) -> None:
        self.message.emit(words)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    def _do(self, row: Row, edit: Edit) -> bool:
        try:
            return self._document.apply(Within(row.path, edit) if row.path else edit)
        except SeqError as error:
            self._say(error.sentence())
            return False

    def _show_on_canvas(self, row: Row) -> None:
        """Go to where the block is, bring it into view and give the canvas the keys."""
        refusal = self._canvas.editor.go(row.path)
        if refusal:
            self._say(refusal)
        elif row.block:
            self._canvas.select((row.block,))
            self._canvas.reveal((row.block,))
            self._canvas.setFocus()

    @Slot(QPoint)
    def _open_menu(self, at: QPoint) -> None:
        row = self.row()
        if row is None or not row.block:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        words = {"canvas.start_wire": "Connect to…", "canvas.rename": "Rename",
                 "canvas.delete": "Delete", "canvas.open": "Show on the canvas"}  # fmt: skip
        for name, text in words.items():
            told = "\t".join(filter(None, (text, keymap().text(name))))
            menu.addAction(told).triggered.connect(lambda _=False, name=name: self.act(name))
        menu.popup(at)

    @Slot()
    def restyle(self) -> None:
        """Take icons and colours from the theme in force."""
        back = theme().color("surface1").name()
        self.tree.setStyleSheet(f"QTreeView {{ background: {back}; }}")
        if self.isVisible():
            self.refresh()


class _Tree(QTreeWidget):
    """The rows, and the keys of the canvas that work on them.

    Signals:
        key_pressed: Id of the action whose key was pressed.
        menu_wanted: Point of the screen where a menu was asked for.
    """

    key_pressed = Signal(str)
    menu_wanted = Signal(QPoint)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setHeaderHidden(True)
        self.setIndentation(14)
        self.setAccessibleName("Blocks, ports, wires and problems")
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setUniformRowHeights(True)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)

    def _action(self, event: QKeyEvent) -> str:
        """Return the action that a key runs here, "" for none."""
        if self.state() == QAbstractItemView.State.EditingState:
            return ""  # the field of a name that is being typed lets Enter through
        name = keymap().found("canvas", pressed(event))
        return name if name in (*_OWN, *_LEFT) else ""

    @override
    def event(self, event: QEvent, /) -> bool:
        """Let the keys of the canvas win over those of the window here too."""
        early = event.type() == QEvent.Type.ShortcutOverride
        if early and isinstance(event, QKeyEvent) and self._action(event):
            event.accept()
            return True
        return super().event(event)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        name = self._action(event)
        if name:
            self.key_pressed.emit(name)
        else:
            super().keyPressEvent(event)

    @override
    def contextMenuEvent(self, event: QContextMenuEvent, /) -> None:
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        spot = self.visualItemRect(self.currentItem()).bottomLeft() if by_key else event.pos()
        self.menu_wanted.emit(self.viewport().mapToGlobal(spot))


def _row_of(item: QTreeWidgetItem | None) -> Row | None:
    row = item.data(0, _ROW) if item is not None else None
    return row if isinstance(row, Row) else None
