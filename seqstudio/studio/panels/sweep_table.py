"""`SweepTable`: the trials of a sweep, the best first."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)
from typing_extensions import override

from seqstudio.document.project import Project
from seqstudio.document.sweep import Sweep, Trial
from seqstudio.studio.panels.sweep_axes import short_title, value_at, varied, worded
from seqstudio.studio.theme import follow_theme, icon_pixmap, pen, theme
from seqstudio.studio.widgets import format_number

Index = QModelIndex | QPersistentModelIndex
STATES = {
    "waiting": ("clock", "waiting", "textLow"),
    "running": ("play", "training", "accent"),
    "done": ("check", "done", "success"),
    "skipped": ("stop", "skipped", "textMid"),
    "refused": ("warn", "refused", "warn"),
    "failed": ("error", "failed", "error"),
}
_LOSS = 2  # column
_NUMBER_WIDTH, _STATE_WIDTH, _VALUE_WIDTH, _LOSS_WIDTH = 40, 92, 84, 84


@dataclass(frozen=True)
class Line:
    """A trial as a line of the table.

    Attributes:
        trial: The trial.
        cells: Words of every column but the state's.
        best: The finished trial with the lowest loss.
    """

    trial: Trial
    cells: tuple[str, ...]
    best: bool


def lines_of(sweep: Sweep, project: Project, passing: frozenset[int] | None) -> tuple[Line, ...]:
    """Return a line for every trial, the best first; with `passing` only those."""
    keys = [axis.key for axis in varied(sweep)]
    best = sweep.best()
    return tuple(
        Line(trial, _cells(trial, keys, project), trial == best)
        for trial in sweep.ranked()
        if passing is None or trial.number in passing
    )


def _cells(trial: Trial, keys: list[str], project: Project) -> tuple[str, ...]:
    values = [worded(project, key, value_at(trial, key)) for key in keys]
    loss = format_number(trial.loss, ".4f") if math.isfinite(trial.loss) else "–"
    return (f"{trial.number + 1}", "", loss, *values)


class _Model(QAbstractTableModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.lines: tuple[Line, ...] = ()
        self.heads: tuple[str, ...] = ()

    def show(self, lines: tuple[Line, ...], heads: tuple[str, ...]) -> None:
        self.beginResetModel()
        self.lines, self.heads = lines, heads
        self.endResetModel()

    @override
    def rowCount(self, parent: Index = QModelIndex(), /) -> int:  # noqa: B008 - as Qt declares it
        return 0 if parent.isValid() else len(self.lines)

    @override
    def columnCount(self, parent: Index = QModelIndex(), /) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.heads)

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole, /) -> object:
        line = self.lines[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            words = line.cells[index.column()]
            return STATES[line.trial.state][1] if index.column() == 1 else words
        return (line.trial.why or None) if role == Qt.ItemDataRole.ToolTipRole else None

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0, /) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(section) | Qt.AlignmentFlag.AlignVCenter
        asked = role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)
        return self.heads[section] if asked else None


def _side(column: int) -> Qt.AlignmentFlag:
    return Qt.AlignmentFlag.AlignLeft if column == 1 else Qt.AlignmentFlag.AlignRight


class _Delegate(QStyledItemDelegate):
    """Paints a cell: state with icon, numbers in tabular figures, the best one stressed."""

    @override
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index, /) -> None:
        model = index.model()
        if not isinstance(model, _Model):
            return
        line, cell = model.lines[index.row()], QRectF(option.rect)
        painter.save()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hover = bool(option.state & QStyle.StateFlag.State_MouseOver)
        token = "accentSoft" if chosen else "surface3" if hover else "surface0"
        painter.fillRect(cell, theme().color(token))
        if index.column() == 1:
            _paint_state(painter, cell, line.trial)
        else:
            _paint_words(painter, cell, line, index.column())
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(pen(theme().color("focus"), 2.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(cell.adjusted(1, 1, -1, -1))
        painter.restore()


def _paint_state(painter: QPainter, cell: QRectF, trial: Trial) -> None:
    icon, words, tone = STATES[trial.state]
    place = QPointF(cell.left() + 8, cell.center().y() - 7)
    painter.drawPixmap(place, icon_pixmap(icon, 14, tone))
    painter.setFont(theme().font("small"))
    painter.setPen(theme().color("textMid"))
    left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    painter.drawText(cell.adjusted(28, 0, -4, 0), left, words)


def _paint_words(painter: QPainter, cell: QRectF, line: Line, column: int) -> None:
    painter.setFont(theme().font("monoSmall"))
    stressed = line.best and column == _LOSS
    quiet = column == 0 or not math.isfinite(line.trial.loss)
    tone = "success" if stressed else "textMid" if quiet else "textHi"
    painter.setPen(theme().color(tone))
    area = cell.adjusted(6, 0, -8, 0)
    elide = Qt.TextElideMode.ElideRight
    shown = painter.fontMetrics().elidedText(line.cells[column], elide, int(area.width()))
    painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, shown)


class SweepTable(QTableView):
    """The table; a click chooses a trial, Enter or a double click opens its run.

    Signals:
        chosen(int): number of the trial that the person chose.
        opened(int): number of the trial whose run they want to see.
    """

    chosen = Signal(int)
    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Model(self)
        self.setModel(self._model)
        self.setItemDelegate(_Delegate(self))
        self.setShowGrid(False)
        self.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setMouseTracking(True)
        self.setAccessibleName("Trials")
        self.verticalHeader().hide()
        head = self.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        head.setSectionsClickable(False)
        head.setHighlightSections(False)
        head.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.selectionModel().currentRowChanged.connect(self._row_changed)
        self._filling = False
        follow_theme(self)

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines as they are shown."""
        return self._model.lines

    def show_sweep(
        self, sweep: Sweep | None, project: Project, passing: frozenset[int] | None = None
    ) -> None:
        """Show the trials of a sweep, with `passing` only those; the chosen one stays so."""
        kept = self.choice()
        heads: tuple[str, ...] = ()
        if sweep is not None:
            titles = (short_title(project, axis.key) for axis in varied(sweep))
            heads = ("#", "State", "Validation", *titles)
        lines = lines_of(sweep, project, passing) if sweep is not None else ()
        if (lines, heads) == (self._model.lines, self._model.heads):
            return
        self._filling = True
        self._model.show(lines, heads)
        self.choose(kept)
        self._filling = False
        self._share_width()

    def choice(self) -> int | None:
        """Return the number of the chosen trial."""
        row = self.currentIndex().row()
        return self.lines[row].trial.number if 0 <= row < len(self.lines) else None

    def choose(self, number: int | None) -> None:
        """Choose a trial by its number, if it is shown."""
        for row, line in enumerate(self.lines):
            if line.trial.number == number:
                self.selectRow(row)

    @Slot(QModelIndex)
    def _row_changed(self, _index: QModelIndex) -> None:
        number = self.choice()
        if number is not None and not self._filling:
            self.chosen.emit(number)

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent, /) -> None:
        self._open()

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open()
        else:
            super().keyPressEvent(event)

    def _open(self) -> None:
        number = self.choice()
        if number is not None:
            self.opened.emit(number)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._share_width()

    def _share_width(self) -> None:
        """Give every column its width, and what is left to the settings."""
        scale, count = max(1.0, theme().scale), len(self._model.heads)
        if not count:
            return
        widths = [_NUMBER_WIDTH, _STATE_WIDTH, _LOSS_WIDTH, *[_VALUE_WIDTH] * (count - 3)]
        scaled = [round(width * scale) for width in widths]
        rest = max(0, self.viewport().width() - sum(scaled)) // max(1, count - 3)
        for column, width in enumerate(scaled):
            self.setColumnWidth(column, width + (rest if column > _LOSS else 0))

    @Slot()
    def restyle(self) -> None:
        """Take measures from the theme in force."""
        self.horizontalHeader().setFixedHeight(theme().metric("tableHeader"))
        self.horizontalHeader().setFont(theme().font("small"))
        self.verticalHeader().setDefaultSectionSize(theme().metric("tableRow"))
        self._share_width()
        self.viewport().update()
