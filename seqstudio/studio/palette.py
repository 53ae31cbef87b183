"""The palette: all blocks by family, to search, to drag onto the canvas, to add with Enter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import (
    QEvent,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QDrag, QKeyEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.blocks.catalogue import KINDS, families
from seqstudio.blocks.declaration import BlockKind
from seqstudio.document.library import OwnBlock
from seqstudio.studio.canvas import BLOCK_MIME
from seqstudio.studio.canvas.hands.menus import Entry, block_entries, rank
from seqstudio.studio.canvas.own import OWN_KEY, own_entry, own_mime
from seqstudio.studio.keys import follow_keys, keymap
from seqstudio.studio.theme import faded, follow_theme, icon_pixmap, painting, pen, theme
from seqstudio.studio.widgets import IconButton, Label, PanelHeader, SearchField

_KIND, _OWN = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
_MINE = "My blocks"
WIDEST = 360
_RAIL_WIDTH, _GAP = 44, 13  # width of the rail, height of a hairline between its families
_CHEVRON, _FAMILY, _ICON, _TITLE = 10, 28, 24, 50  # left edges in a row, pixels


class Palette(QWidget):
    """Blocks by family.

    Signals:
        chosen: Kind that was double-clicked, or taken with Enter.
        search_wanted: The rail, which has no room for a search, was asked for one.
        own_menu_wanted: Name of an own block, "" for their family, and where on the screen.
    """

    chosen = Signal(str)
    search_wanted = Signal()
    own_menu_wanted = Signal(str, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Blocks")
        self._header = PanelHeader("Blocks", side=True, parent=self)
        self.search = SearchField("Search blocks", parent=self)
        self.tree = _Tree(self)
        self._nothing = Label("No block has that name", "small", "textMid", parent=self)
        self._nothing.hide()
        self._find = IconButton("search", "Add a block", size=32, parent=self)
        self._find.clicked.connect(self.search_wanted)
        self._find.hide()
        self.narrow, self._titled = False, True
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._header)
        column.addWidget(self._find, 0, Qt.AlignmentFlag.AlignHCenter)
        self._inner = QVBoxLayout()
        self._inner.setContentsMargins(12, 4, 12, 0)
        self._inner.setSpacing(8)
        self._inner.addWidget(self.search)
        self._inner.addWidget(self._nothing)
        column.addLayout(self._inner)
        column.addSpacing(6)
        column.addWidget(self.tree, 1)
        self.search.textChanged.connect(self._filter)
        self.search.installEventFilter(self)
        # Not itemActivated: on some systems a single click activates.
        self.tree.itemDoubleClicked.connect(self._activated)
        self.tree.entered_by_key.connect(self._activated)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.customContextMenuRequested.connect(self._ask_menu)
        self._own: list[Entry] = []
        self.tree.show_own({})
        follow_theme(self)
        follow_keys(self)

    @Slot()
    def rekey(self) -> None:
        """Tell the key in force that searches on the canvas."""
        self.search.set_key(keymap().text("canvas.add"))
        self._find.set_key(keymap().text("canvas.add"))

    def show_own(self, blocks: Mapping[str, OwnBlock]) -> None:
        """Show the person's own blocks as a family of their own, above the others."""
        self._own = [own_entry(own) for own in blocks.values()]
        self.tree.show_own(blocks)
        self._filter(self.search.text())

    @Slot(QPoint)
    def _ask_menu(self, at: QPoint) -> None:
        item = self.tree.itemAt(at)
        if item is None:
            return
        key, place = str(item.data(0, _KIND) or ""), self.tree.viewport().mapToGlobal(at)
        if key.startswith(OWN_KEY) or item.text(0) == _MINE:
            self.own_menu_wanted.emit(key.removeprefix(OWN_KEY), place)

    def kinds_shown(self) -> list[str]:
        """Return the kinds that the search leaves, in palette order."""
        return [kind for kind, item in self.tree.blocks.items() if not item.isHidden()]

    def set_titled(self, *, on: bool) -> None:
        """Show the heading, or leave it to what stands around."""
        self._titled = on
        self._header.setVisible(on and not self.narrow)

    def set_rail(self, narrow: bool) -> None:
        """Become a rail of icons for a narrow window, or a full list again."""
        self.narrow = narrow
        self._header.setVisible(self._titled and not narrow)
        self.search.setVisible(not narrow)
        self._find.setVisible(narrow)
        self.tree.set_rail(narrow)
        if narrow:
            self.search.clear()
        self._keep_width()

    def _keep_width(self) -> None:
        least = _RAIL_WIDTH if self.narrow else theme().metric("palette")
        self.setMinimumWidth(least)
        self.setMaximumWidth(least if self.narrow else WIDEST)

    @Slot(str)
    def _filter(self, text: str) -> None:
        scores = {entry.key: rank(entry, text) for entry in (*block_entries(), *self._own)}
        found = [kind for kind, score in scores.items() if score is not None]
        best = min(found, key=lambda kind: scores[kind] or 0, default="")
        self.tree.show_only(set(found), best if text.strip() else "")
        self._nothing.setVisible(not found)

    @Slot(QTreeWidgetItem)
    def _activated(self, item: QTreeWidgetItem) -> None:
        kind = item.data(0, _KIND)
        if kind:
            self.chosen.emit(str(kind))

    @override
    def eventFilter(self, watched: QObject, event: QEvent, /) -> bool:
        """Let arrows and Enter in the search field work on the list."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                current = self.tree.currentItem()
                if current is not None and not current.isHidden():
                    self._activated(current)
                return True
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                self.tree.step(1 if event.key() == Qt.Key.Key_Down else -1)
                return True
        return False

    @Slot()
    def restyle(self) -> None:
        """Take icons and sizes from the theme in force."""
        self.tree.restyle()
        self._keep_width()
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface1"))


class _Tree(QTreeWidget):
    """Families and their blocks; a block can be dragged out.

    Attributes:
        blocks: The item of each kind.

    Signals:
        entered_by_key: Enter was pressed on an item.
    """

    entered_by_key = Signal(QTreeWidgetItem)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.blocks: dict[str, QTreeWidgetItem] = {}
        self._families: dict[str, QTreeWidgetItem] = {}
        self.setHeaderHidden(True)
        self.rail = False
        self.setIndentation(0)
        self.setRootIsDecorated(False)
        self.setMouseTracking(True)
        self.setItemDelegate(_RowPainter(self))
        self.itemClicked.connect(self._fold)
        self.setExpandsOnDoubleClick(False)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Blocks by family")
        for family, kinds in families().items():
            self._add_family(family, kinds)
        self.expandAll()

    def _add_family(self, family: str, kinds: Sequence[BlockKind]) -> None:
        heading = QTreeWidgetItem(self, [family])
        self._families[family] = heading
        heading.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        for kind in kinds:
            item = QTreeWidgetItem(heading, [kind.title])
            item.setData(0, _KIND, kind.kind)
            item.setToolTip(0, f"{kind.title}\n{kind.help}\nDrag it onto the canvas or a wire.")
            item.setFlags(
                Qt.ItemFlag.ItemIsEnabled
                | Qt.ItemFlag.ItemIsSelectable
                | Qt.ItemFlag.ItemIsDragEnabled
            )
            self.blocks[kind.kind] = item

    def show_own(self, blocks: Mapping[str, OwnBlock]) -> None:
        """Show these own blocks as the first family."""
        heading = self._families.get(_MINE)
        if heading is None:
            heading = QTreeWidgetItem([_MINE])
            self.insertTopLevelItem(0, heading)
            heading.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            heading.setToolTip(0, "Right-click a block on the canvas to keep it here")
            self._families[_MINE] = heading
        heading.takeChildren()
        rest = {k: item for k, item in self.blocks.items() if not k.startswith(OWN_KEY)}
        mine: dict[str, QTreeWidgetItem] = {}
        for own in blocks.values():
            item = QTreeWidgetItem(heading, [own.title])
            item.setData(0, _KIND, OWN_KEY + own.name)
            item.setData(0, _OWN, own)
            item.setToolTip(0, f"{own.title}\n{own.help}".strip())
            item.setFlags(
                Qt.ItemFlag.ItemIsEnabled
                | Qt.ItemFlag.ItemIsSelectable
                | Qt.ItemFlag.ItemIsDragEnabled
            )
            mine[OWN_KEY + own.name] = item
        self.blocks = {**mine, **rest}
        heading.setExpanded(True)
        self.restyle()

    def set_rail(self, narrow: bool) -> None:
        """Show icons alone, with a hairline between families."""
        self.rail = narrow
        bars = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            bars.ScrollBarAlwaysOff if narrow else bars.ScrollBarAsNeeded
        )
        if narrow:
            self.expandAll()
        self.restyle()

    @Slot(QTreeWidgetItem)
    def _fold(self, item: QTreeWidgetItem) -> None:
        if item.data(0, _KIND) is None and not self.rail:
            item.setExpanded(not item.isExpanded())

    def show_only(self, kinds: set[str], current: str) -> None:
        """Hide the other blocks and families; make `current` the one that Enter takes."""
        for kind, item in self.blocks.items():
            item.setHidden(kind not in kinds)
        for name, family in self._families.items():
            some = any(not family.child(i).isHidden() for i in range(family.childCount()))
            family.setHidden(not some and (bool(current) or name != _MINE))
            if current:
                family.setExpanded(True)
        if current:
            self.setCurrentItem(self.blocks[current])

    def step(self, by: int) -> None:
        """Go to the next block that is shown."""
        shown = [item for item in self.blocks.values() if not item.isHidden()]
        if not shown:
            return
        current = self.currentItem()
        at = shown.index(current) if current in shown else (-1 if by > 0 else len(shown))
        self.setCurrentItem(shown[max(0, min(len(shown) - 1, at + by))])

    def restyle(self) -> None:
        """Take the row height from the theme in force."""
        style = theme()
        back = style.color("surface1").name()
        self.setStyleSheet(f"QTreeView {{ background: {back}; }}")
        row = style.metric("row")
        for item in self.blocks.values():
            item.setSizeHint(0, QSize(0, row))
        for item in self._families.values():
            item.setSizeHint(0, QSize(0, _GAP if self.rail else row))

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        current = self.currentItem()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current is not None:
            self._fold(current)
            self.entered_by_key.emit(current)
        else:
            super().keyPressEvent(event)

    @override
    def mimeData(self, items: Iterable[QTreeWidgetItem], /) -> QMimeData:
        """Return the block that is dragged, for the canvas."""
        data = QMimeData()
        for item in items:
            own = item.data(0, _OWN)
            if isinstance(own, OwnBlock):
                return own_mime(own)
            kind = item.data(0, _KIND)
            if kind:
                data.setData(BLOCK_MIME, str(kind).encode())
        return data

    @override
    def startDrag(self, supported: Qt.DropAction, /) -> None:
        """Drag with a picture of the block's header under the pointer."""
        item = self.currentItem()
        kind = item.data(0, _KIND) if item else None
        if not kind:
            return
        drag = QDrag(self)
        drag.setMimeData(self.mimeData([item]))
        drag.setPixmap(header_picture(_look(item.data(0, _OWN), kind), self.devicePixelRatioF()))
        drag.exec(Qt.DropAction.CopyAction)


class _RowPainter(QStyledItemDelegate):
    """Paints families with a chevron, blocks with their icon in the role's colour."""

    def __init__(self, tree: _Tree) -> None:
        super().__init__(tree)
        self._tree = tree

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        row = QRect(0, option.rect.top(), self._tree.viewport().width(), option.rect.height())
        kind = index.data(_KIND)
        painter.save()
        self._paint_ground(painter, option, row, bool(kind))
        if kind:
            self._paint_block(painter, row, _look(index.data(_OWN), kind))
        else:
            self._paint_family(painter, row, str(index.data()), self._tree.isExpanded(index))
        painter.restore()

    def _paint_ground(
        self, painter: QPainter, option: QStyleOptionViewItem, row: QRect, block: bool
    ) -> None:
        state, flags = option.state, QStyle.StateFlag
        if state & flags.State_Selected:
            painter.fillRect(row, theme().color("accentSoft"))
        elif block and state & flags.State_MouseOver:
            painter.fillRect(row, theme().color("surface3"))
        if state & flags.State_HasFocus:
            painter.setPen(pen(theme().color("focus"), 2))
            painter.drawRect(row.adjusted(1, 1, -1, -1))

    def _paint_block(self, painter: QPainter, row: QRect, kind: BlockKind) -> None:
        x = (row.width() - 16) // 2 if self._tree.rail else _ICON
        glyph = icon_pixmap(kind.icon, 16, theme().role(kind.role))
        painter.drawPixmap(x, row.top() + (row.height() - 16) // 2, glyph)
        if not self._tree.rail:
            painter.setFont(theme().font("body"))
            painter.setPen(theme().color("textHi"))
            _write(painter, row.adjusted(_TITLE, 0, -4, 0), kind.title)

    def _paint_family(self, painter: QPainter, row: QRect, name: str, is_open: bool) -> None:
        if self._tree.rail:
            painter.fillRect(10, row.center().y(), row.width() - 20, 1, theme().color("line"))
            return
        chevron = icon_pixmap("chevron-down" if is_open else "chevron-right", 14, "textLow")
        painter.drawPixmap(_CHEVRON, row.top() + (row.height() - 14) // 2, chevron)
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textMid"))
        _write(painter, row.adjusted(_FAMILY, 0, -4, 0), name)


def _look(own: object, kind: object) -> BlockKind:
    """Return how a block looks: an own one as its kind, with its own title."""
    if not isinstance(own, OwnBlock):
        return KINDS[str(kind)]
    return replace(KINDS.get(own.block.kind, KINDS["group"]), title=own.title)


def _write(painter: QPainter, place: QRect, words: str) -> None:
    shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, place.width())
    painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, shown)


def header_picture(kind: BlockKind, ratio: float) -> QPixmap:
    """Return the header of a block, 156 x 28, as it hangs under the pointer while dragging."""
    style = theme()
    size = QSize(156, style.metric("block", "header"))
    pixmap = QPixmap(size * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(QColor(0, 0, 0, 0))
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen(style.color("border"), 1.0))
    painter.setBrush(faded(style.role_header(kind.role), 0.92))
    painter.drawRoundedRect(0, 0, size.width() - 1, size.height() - 1, 8, 8)
    painter.drawPixmap(8, 6, icon_pixmap(kind.icon, 16, style.role_icon(kind.role), ratio))
    painter.setPen(style.color("textHi"))
    painter.setFont(style.font("blockTitle"))
    painter.drawText(30, 0, 120, size.height(), Qt.AlignmentFlag.AlignVCenter, kind.title)
    painter.end()
    return pixmap
