"""`RowsView`: rows of plain words under heads, sortable or not, for previews and counts."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Slot,
)
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget
from typing_extensions import override

from seqstudio.core.showing import shown
from seqstudio.studio.theme import follow_theme, theme

Index = QModelIndex | QPersistentModelIndex
Cell = str | int | float


class RowsModel(QAbstractTableModel):
    """Rows of cells; numbers sort as numbers and stand at the right."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.heads: tuple[str, ...] = ()
        self.rows: Sequence[Sequence[Cell]] = ()

    def show(self, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Take other rows."""
        self.beginResetModel()
        self.heads, self.rows = tuple(heads), rows
        self.endResetModel()

    @override
    def rowCount(self, parent: Index = QModelIndex(), /) -> int:  # noqa: B008 - as Qt declares it
        return 0 if parent.isValid() else len(self.rows)

    @override
    def columnCount(self, parent: Index = QModelIndex(), /) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.heads)

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole, /) -> object:
        cell = self.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _words(cell)
        if role == Qt.ItemDataRole.UserRole:
            return cell
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(cell, str):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0, /) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            number = bool(self.rows) and not isinstance(self.rows[0][section], str)
            side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        asked = role == Qt.ItemDataRole.DisplayRole
        return shown(self.heads[section], 60) if asked else None


def _words(cell: Cell) -> str:
    if isinstance(cell, str):
        return shown(cell)
    return f"{cell:,}" if isinstance(cell, int) else f"{100 * cell:.2f} %"


class RowsView(QTableView):
    """A table of words to read; `shares` are written in per cent.

    Args:
        name: For screen readers.
        sortable: A click on a head sorts.
        parent: Widget that it belongs to.
    """

    def __init__(
        self, name: str, *, sortable: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._rows = RowsModel(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._rows)
        self._sorted.setSortRole(Qt.ItemDataRole.UserRole)
        self._sorted.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setModel(self._sorted)
        self.setSortingEnabled(sortable)
        if sortable:
            self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setAccessibleName(name)
        self.verticalHeader().hide()
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setStretchLastSection(True)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        follow_theme(self)

    def show_rows(self, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Show other rows; nothing moves where they are the same."""
        if (tuple(heads), rows) == (self._rows.heads, self._rows.rows):
            return
        self._rows.show(heads, rows)
        self._share_width()

    def _share_width(self) -> None:
        count = max(len(self._rows.heads), 1)
        for column in range(count - 1):
            wanted = max(self.sizeHintForColumn(column), self._head_width(column)) + 16
            self.setColumnWidth(column, min(wanted, max(320 // count, 160)))

    def _head_width(self, column: int) -> int:
        return self.horizontalHeader().sectionSizeHint(column)

    def rows_shown(self) -> list[list[str]]:
        """Return the cells as they are shown now, in order."""
        model = self._sorted
        return [
            [str(model.index(row, column).data()) for column in range(model.columnCount())]
            for row in range(model.rowCount())
        ]

    @Slot(str)
    def search(self, words: str) -> None:
        """Show only rows whose first column holds these words."""
        self._sorted.setFilterFixedString(words)

    @Slot()
    def restyle(self) -> None:
        """Take font and row height from the theme in force."""
        self.setFont(theme().font("small"))
        self.verticalHeader().setDefaultSectionSize(theme().line_height("small") + 8)
