"""Menus that open at the pointer: a search field over a grouped list, driven by the keyboard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QEvent,
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
from PySide6.QtGui import QColor, QGuiApplication, QHideEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.blocks.catalogue import KINDS
from seqstudio.studio.theme import follow_theme, icon_pixmap, painting, pen, theme
from seqstudio.studio.widgets import SearchField, TextField

WIDTH, ROW, LOW_ROW, GROUP_ROW, ROWS_SEEN = 400, 44, 30, 28, 8
_ENTRY = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class Entry:
    """One line of a menu.

    Attributes:
        key: What `chosen` emits.
        title: Name.
        detail: One line of help.
        group: Heading above.
        icon: Icon name.
        role: Lecture colour of the icon, or "".
        words: More words that the search finds.
        shortcut: Keys that do the same, shown at the right.
        why_not: Why it cannot be taken now; such an entry is shown grey, below the others.
    """

    key: str
    title: str
    detail: str
    group: str
    icon: str
    role: str = ""
    words: str = ""
    shortcut: str = ""
    why_not: str = ""


def block_entries(kinds: Iterable[str] | None = None) -> list[Entry]:
    """Return an entry for each kind of block, in palette order; None takes all."""
    wanted = set(KINDS) if kinds is None else set(kinds)
    return [
        Entry(
            kind.kind,
            kind.title,
            first_sentence(kind.help),
            kind.family,
            kind.icon,
            kind.role,
            f"{kind.kind} {kind.arch} {kind.help}",
        )
        for kind in KINDS.values()
        if kind.kind in wanted
    ]


def first_sentence(text: str) -> str:
    """Return the first sentence of a help text."""
    head, dot, _ = text.partition(". ")
    return head + "." if dot else head


def rank(entry: Entry, text: str) -> int | None:
    """Return how well an entry answers a search: the least is best, None not at all."""
    wanted, title = text.strip().lower(), entry.title.lower()
    if not wanted or title.startswith(wanted):
        return -1 if wanted == title else 0
    words = title.replace("-", " ").split()
    if any(word.startswith(wanted) for word in words):
        return 1
    if wanted in title or wanted in entry.key.lower():
        return 2
    if starts_of_words("".join(wanted.split()), words):
        return 3
    if wanted in entry.group.lower():
        return 4
    return 5 if wanted in f"{entry.words} {entry.detail}".lower() else None


def starts_of_words(wanted: str, words: Sequence[str]) -> bool:
    """Tell whether letters are the starts of words in their order: "chgru", "Change to GRU"."""
    if not wanted:
        return True
    for place, word in enumerate(words):
        shared = [size for size in range(1, len(word) + 1) if wanted.startswith(word[:size])]
        if any(starts_of_words(wanted[size:], words[place + 1 :]) for size in shared):
            return True
    return False


class QuickMenu(QFrame):
    """A popup of entries; type to search, arrows to choose, Enter to take, Esc to leave.

    Signals:
        chosen: Key of the entry taken. The menu is closed by then.
        dismissed: It was closed without a choice.
    """

    chosen = Signal(str)
    dismissed = Signal()

    def __init__(
        self, entries: Sequence[Entry], placeholder: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.entries = list(entries)
        self._taken = False
        self.search = SearchField(placeholder, name=placeholder, parent=self)
        self.list = QListWidget(self)
        self.list.setItemDelegate(_EntryDelegate(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setMouseTracking(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.list.setAccessibleName("Matches")
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        column.addWidget(self.search)
        column.addWidget(self.list)
        self.search.textChanged.connect(self._fill)
        self.search.installEventFilter(self)
        self.list.itemClicked.connect(self._clicked)
        self.list.itemEntered.connect(self._entered)
        self._fill("")
        follow_theme(self)

    def popup_at(self, at: QPoint) -> None:
        """Open at a point of the screen, inside its edges."""
        screen = QGuiApplication.screenAt(at) or QGuiApplication.primaryScreen()
        free = screen.availableGeometry()
        x = min(at.x(), free.right() - self.width())
        y = min(at.y(), free.bottom() - self.height())
        self.move(max(free.left(), x), max(free.top(), y))
        self.show()
        self.search.setFocus(Qt.FocusReason.PopupFocusReason)

    def shown_keys(self) -> list[str]:
        """Return the keys of the entries shown, best first."""
        entries = (self._entry(row) for row in range(self.list.count()))
        return [entry.key for entry in entries if entry is not None]

    def current(self) -> Entry | None:
        """Return the entry that Enter would take."""
        return self._entry(self.list.currentRow())

    def _entry(self, row: int) -> Entry | None:
        item = self.list.item(row)
        data = item.data(_ENTRY) if item else None
        return data if isinstance(data, Entry) else None

    def found(self, text: str) -> list[Entry]:
        """Return the entries that answer a search, best first; all, as they are, for ""."""
        ranked = [(rank(entry, text), entry) for entry in self.entries]
        found = [(score, entry) for score, entry in ranked if score is not None]
        if text.strip():  # without a search the families stay together
            found.sort(key=lambda pair: (bool(pair[1].why_not), pair[0]))
        return [entry for _, entry in found]

    @Slot(str)
    def _fill(self, text: str) -> None:
        self.list.clear()
        group = ""
        for entry in self.found(text):
            if entry.group != group:
                group = entry.group
                self._add_heading(group)
            item = QListWidgetItem(self.list)
            item.setData(_ENTRY, entry)
            told = f"{entry.title}. {entry.why_not or entry.detail}"
            item.setData(Qt.ItemDataRole.AccessibleTextRole, told)
            item.setSizeHint(QSize(WIDTH - 40, ROW if entry.detail else LOW_ROW))
        self._select_first()
        self._fit_height()

    def _add_heading(self, group: str) -> None:
        heading = QListWidgetItem(group, self.list)
        heading.setFlags(Qt.ItemFlag.NoItemFlags)
        heading.setSizeHint(QSize(WIDTH - 40, GROUP_ROW))

    def _select_first(self) -> None:
        for row in range(self.list.count()):
            if self._entry(row) is not None:
                self.list.setCurrentRow(row)
                return

    def _fit_height(self) -> None:
        rows = [self.list.sizeHintForRow(row) for row in range(self.list.count())]
        self.list.setFixedHeight(max(ROW, min(sum(rows), ROWS_SEEN * ROW)) + 4)
        self.setFixedWidth(WIDTH)
        self.adjustSize()

    def _step(self, by: int) -> None:
        row = self.list.currentRow() + by
        while 0 <= row < self.list.count():
            if self._entry(row) is not None:
                self.list.setCurrentRow(row)
                self.list.scrollToItem(self.list.item(row))
                return
            row += by

    def _take(self) -> None:
        entry = self.current()
        if entry is None or entry.why_not:
            return
        self._taken = True
        self.close()
        self.chosen.emit(entry.key)

    @Slot(QListWidgetItem)
    def _clicked(self, item: QListWidgetItem) -> None:
        self.list.setCurrentItem(item)
        self._take()

    @Slot(QListWidgetItem)
    def _entered(self, item: QListWidgetItem) -> None:
        if isinstance(item.data(_ENTRY), Entry):
            self.list.setCurrentItem(item)

    @override
    def eventFilter(self, watched: QObject, event: QEvent, /) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._key(Qt.Key(event.key()))
        return False

    def _key(self, key: Qt.Key) -> bool:
        match key:
            case Qt.Key.Key_Down | Qt.Key.Key_Tab:
                self._step(1)
            case Qt.Key.Key_Up | Qt.Key.Key_Backtab:
                self._step(-1)
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._take()
            case Qt.Key.Key_Escape:
                self.close()
            case _:
                return False
        return True

    @override
    def hideEvent(self, event: QHideEvent, /) -> None:
        super().hideEvent(event)
        if not self._taken:
            self._taken = True
            self.dismissed.emit()

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        back = self.list.palette()
        back.setColor(back.ColorRole.Base, QColor(0, 0, 0, 0))
        self.list.setPalette(back)
        self.list.setStyleSheet("QListWidget { background: transparent; }")
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface3"))
            painter.setPen(pen(theme().color("lineStrong"), 1.0))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))


class AddBlockMenu(QuickMenu):
    """The menu of blocks, all or only those that fit somewhere."""

    def __init__(self, kinds: Iterable[str] | None = None, parent: QWidget | None = None) -> None:
        super().__init__(block_entries(kinds), "Search blocks", parent)


class _EntryDelegate(QStyledItemDelegate):
    """Paints headings and entries: icon in role colour, name, one line of help."""

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        painter.save()
        entry = index.data(_ENTRY)
        if isinstance(entry, Entry):
            self._draw_entry(painter, option, entry)
        else:
            painter.setFont(theme().font("axis"))
            painter.setPen(theme().color("textMid"))
            place = option.rect.adjusted(8, 6, -8, 0)
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, str(index.data()))
        painter.restore()

    @staticmethod
    def _draw_entry(painter: QPainter, option: QStyleOptionViewItem, entry: Entry) -> None:
        style, place = theme(), QRect(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(style.color("lineStrong" if style.is_dark else "accentSoft"))
            painter.drawRoundedRect(place.adjusted(0, 1, 0, -1), 5, 5)
        colour = style.role(entry.role) if entry.role else style.color("textMid")
        top = place.top() + (8 if entry.detail else (place.height() - 16) // 2)
        if entry.why_not:
            colour = style.color("textDisabled")
        painter.drawPixmap(place.left() + 10, top, icon_pixmap(entry.icon, 16, colour))
        if not entry.detail:
            _draw_line(painter, place.adjusted(36, 0, -10, 0), entry)
            return
        words = place.adjusted(36, 5, -8, -5)
        painter.setFont(style.font("body"))
        painter.setPen(style.color("textHi"))
        painter.drawText(words, Qt.AlignmentFlag.AlignTop, entry.title)
        painter.setFont(style.font("axis"))
        painter.setPen(style.color("textMid"))
        detail = painter.fontMetrics().elidedText(
            entry.detail, Qt.TextElideMode.ElideRight, words.width()
        )
        painter.drawText(words, Qt.AlignmentFlag.AlignBottom, detail)


def _draw_line(painter: QPainter, place: QRect, entry: Entry) -> None:
    """Draw an entry of one line: its title, and at the right its keys or why it is grey."""
    middle = Qt.AlignmentFlag.AlignVCenter
    right = entry.why_not or entry.shortcut
    painter.setFont(theme().font("axis"))
    painter.setPen(theme().color("textMid"))
    painter.drawText(place, middle | Qt.AlignmentFlag.AlignRight, right)
    room = place.width() - painter.fontMetrics().horizontalAdvance(right) - 12
    painter.setFont(theme().font("body"))
    painter.setPen(theme().color("textDisabled" if entry.why_not else "textHi"))
    title = painter.fontMetrics().elidedText(entry.title, Qt.TextElideMode.ElideMiddle, room)
    painter.drawText(place, middle, title)


class TitleField(TextField):
    """The title of a block while it is edited in place.

    Signals:
        named: The new title: Enter, or the focus went elsewhere. Esc closes without a word.
    """

    named = Signal(str)

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(title, name="Name of the block", parent=parent)
        self._open = True
        self.editingFinished.connect(self._done)

    @Slot()
    def _done(self) -> None:
        if self._open:
            self._close()
            self.named.emit(self.text())

    def _close(self) -> None:
        self._open = False
        parent = self.parentWidget()
        if parent is not None:
            parent.setFocus()  # first: hiding what has the focus counts as Tab
        self.hide()
        self.deleteLater()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._close()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._done()  # and the canvas behind gets no Enter
        else:
            super().keyPressEvent(event)
