"""The lines of the runs table: read from the folders, kept in a model, painted by a delegate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.document.project import Project, load_project
from seqstudio.runtime.archive import RunInfo, open_run
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.panels.differences import differences
from seqstudio.studio.panels.lines import arch_title
from seqstudio.studio.panels.measures import TrailingMean
from seqstudio.studio.theme import faded, icon_pixmap, pen, theme
from seqstudio.studio.widgets import format_number

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

Index = QModelIndex | QPersistentModelIndex

_STATES = {
    "starting": ("clock", "starting", "textMid"),
    "running": ("play", "training", "accent"),
    "paused": ("pause", "paused", "warn"),
    "finished": ("check", "finished", "success"),
    "stopped": ("stop", "stopped", "textMid"),
    "failed": ("error", "failed", "error"),
    "interrupted": ("warn", "interrupted", "warn"),
    "damaged": ("error", "damaged", "error"),
}


@dataclass(frozen=True)
class RunRow:
    """A run as a line of the table.

    Attributes:
        name: Name of the run.
        folder: Its folder, "" while it has none.
        arch: Architecture: the colour.
        state: State as in `RunInfo`.
        step: Optimizer steps done.
        train: Mean loss of the last steps, NaN before the first.
        validation: Lowest held-out loss, NaN before the first.
        floor: Loss to beat, NaN while unknown.
        floor_words: What the floor is.
        parameters: Trainable numbers, 0 while unknown.
        differs: In what it differs from the run in view.
        current: The run in view.
        beside: Drawn beside it.
        problem: Why it cannot be read.
    """

    name: str
    folder: str
    arch: str
    state: str
    step: int
    train: float
    validation: float
    floor: float
    floor_words: str
    parameters: int
    differs: str
    current: bool
    beside: bool
    problem: str = ""

    @property
    def below_floor(self) -> float:
        """Floor minus validation: above 0 beats the floor."""
        return self.floor - self.validation

    @property
    def title(self) -> str:
        """Architecture and name."""
        return f"{arch_title(self.arch)} · {self.name}"


@dataclass(frozen=True)
class _Record:
    """What a run's folder says beyond `RunInfo`."""

    project: Project | None
    train: float
    parameters: int
    floor: float
    floor_words: str


class RowReader:
    """Reads the lines of the table; a run is read anew only when it went on."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[Path, tuple[tuple[int, str], _Record]] = {}

    def rows(self) -> tuple[RunRow, ...]:
        """Return a line for every run of the project, the run in view first.

        Safe in a thread: it reads files, and of the session only what is replaced, not changed.
        """
        session = self._session
        infos = session.runs()
        view, others = session.history, dict(session.others)
        reference = session.run_project or session.document.project
        rows = []
        for info in infos:
            if info.name != view.run:
                record = self._record(info)
                words = differences(record.project, reference) if record.project else []
                rows.append(_row(info, record, ", ".join(words), beside=info.name in others))
        if view.run:
            found = [info for info in infos if info.name == view.run]
            folder = str(found[0].folder) if found else ""
            rows.insert(0, _row_in_view(view, folder, session.arch(), session.state))
        return tuple(rows)

    def _record(self, info: RunInfo) -> _Record:
        mark = (info.step, info.state)
        known = self._known.get(info.folder)
        if known is None or known[0] != mark:
            history = _history(info)
            known = (mark, _Record(_project(info.folder), last_loss(history), *_facts(history)))
            self._known[info.folder] = known
        return known[1]


def _project(folder: Path) -> Project | None:
    try:
        return load_project(folder / "project.seq")
    except SeqError:
        return None


def _history(info: RunInfo) -> RunHistory:
    try:
        return open_run(info.folder, readings=False)
    except SeqError:
        return RunHistory(info.name)


def _row(info: RunInfo, record: _Record, differs: str, *, beside: bool) -> RunRow:
    return RunRow(
        info.name, str(info.folder), info.arch, info.state, info.step, record.train,
        info.best_validation, record.floor, record.floor_words, record.parameters, differs,
        current=False, beside=beside, problem=info.problem,
    )  # fmt: skip


def _row_in_view(history: RunHistory, folder: str, arch: str, state: str) -> RunRow:
    parameters, floor, words = _facts(history)
    best = history.best_validation()
    return RunRow(
        history.run, folder, arch, state, history.step, last_loss(history),
        best.loss if best else math.nan, floor, words, parameters, "", current=True, beside=False,
    )  # fmt: skip


def _facts(history: RunHistory) -> tuple[int, float, str]:
    facts = history.facts
    if facts is None:
        return 0, math.nan, ""
    words = f"{facts.floor_name}, {format_number(facts.floor, '.4f')} {facts.unit}"
    return facts.parameters, facts.floor, words if math.isfinite(facts.floor) else ""


def last_loss(history: RunHistory) -> float:
    """Return the newest mean training loss, NaN before the first step."""
    loss = history.curves.loss
    if not len(loss):
        return math.nan
    means = TrailingMean().extend(np.array(loss))
    return float(means[-1])


@dataclass(frozen=True)
class _Column:
    """A column: its words, least width, and the width of the table from which it is shown."""

    name: str
    width: int
    needed: int
    text: Callable[[RunRow], str]
    number: bool = False


def _loss(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return format_number(value, ".3f" if value >= 0.01 or value == 0 else "sci")


def _below(row: RunRow) -> str:
    gap = row.below_floor
    if not math.isfinite(gap):
        return "–"
    return f"+{format_number(gap, '.2f')}" if gap >= 0 else format_number(gap, ".2f")


COLUMNS = (
    _Column("", 40, 0, lambda row: "drawn beside" if row.beside else ""),
    _Column("Run", 150, 0, lambda row: row.title),
    _Column("State", 104, 430, lambda row: _STATES.get(row.state, ("", row.state, ""))[1]),
    _Column("Step", 68, 520, lambda row: f"{row.step:,}", number=True),
    _Column("Train", 64, 620, lambda row: _loss(row.train), number=True),
    _Column("Validation", 76, 0, lambda row: _loss(row.validation), number=True),
    _Column("Below floor", 86, 0, _below, number=True),
    _Column("Parameters", 88, 780, lambda r: f"{r.parameters:,}" if r.parameters else "–", True),
    _Column("Differs", 120, 700, lambda row: "in view" if row.current else row.differs),
)
_BESIDE, NAME, _STATE, _GAP = 0, 1, 2, 6


class RunModel(QAbstractTableModel):
    """Rows and columns for the view; `RunDelegate` reads the rows themselves."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: tuple[RunRow, ...] = ()

    def set_rows(self, rows: tuple[RunRow, ...]) -> None:
        """Show other rows."""
        if rows == self.rows:
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def widths(self) -> list[tuple[int, int]]:
        """Return width and least table width of every column, in pixels at the text's size."""
        scale = max(1.0, theme().scale)
        return [(round(c.width * scale), round(c.needed * scale)) for c in COLUMNS]

    @override
    def rowCount(self, parent: Index = QModelIndex(), /) -> int:  # noqa: B008 - as Qt declares it
        return 0 if parent.isValid() else len(self.rows)

    @override
    def columnCount(self, parent: Index = QModelIndex(), /) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole, /) -> object:
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            if index.column() == _BESIDE and not row.current:
                return "Draw it beside the run in view"
            return row.problem or (column.text(row) if not column.number else None)
        return None

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0, /) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].name
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if COLUMNS[section].number else None
            return (side or Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter
        return None


class RunDelegate(QStyledItemDelegate):
    """Paints a cell: line sample, state icon, numbers in tabular figures."""

    @override
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index, /) -> None:
        model = index.model()
        if not isinstance(model, RunModel):
            return
        row = model.rows[index.row()]
        cell = QRectF(option.rect)
        state = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _paint_ground(painter, cell, row, hover=bool(state & QStyle.StateFlag.State_MouseOver))
        if index.column() == _BESIDE:
            _paint_box(painter, cell, row)
        elif index.column() == _STATE:
            _paint_state(painter, cell, row)
        else:
            _paint_text(painter, cell, row, index.column())
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(pen(theme().color("focus"), 2.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(cell.adjusted(1, 1, -1, -1))
        painter.restore()


def _paint_ground(painter: QPainter, cell: QRectF, row: RunRow, *, hover: bool) -> None:
    token = "accentSoft" if row.current else "surface3" if hover else "surface0"
    painter.fillRect(cell, theme().color(token))


def _paint_box(painter: QPainter, cell: QRectF, row: RunRow) -> None:
    """Paint the check box that draws a run beside; the run in view needs none."""
    if row.current:
        return
    box = QRectF(cell.left() + 12, cell.center().y() - 8, 16, 16)
    painter.setPen(pen(theme().color("accent" if row.beside else "border")))
    painter.setBrush(theme().color("accent") if row.beside else Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
    if row.beside:
        painter.drawPixmap(box.topLeft() + QPointF(1, 1), icon_pixmap("check", 14, "onAccent"))


def _paint_line(painter: QPainter, cell: QRectF, row: RunRow) -> None:
    """Paint the line of a run as it is in plots, fainter when it is not drawn."""
    drawn = row.current or row.beside
    colour = theme().arch(row.arch)
    width = theme().stroke("plotCurrent" if row.current else "plot")
    painter.setPen(
        pen(colour if drawn else faded(colour, 0.5), width, theme().arch_dash(row.arch))
    )
    middle = cell.center().y()
    painter.drawLine(QPointF(cell.left() + 2, middle), QPointF(cell.left() + 18, middle))


def _paint_state(painter: QPainter, cell: QRectF, row: RunRow) -> None:
    icon, words, tone = _STATES.get(row.state, ("clock", row.state, "textMid"))
    place = QPointF(cell.left() + 8, cell.center().y() - 7)
    painter.drawPixmap(place, icon_pixmap(icon, 14, tone))
    painter.setFont(theme().font("small"))
    painter.setPen(theme().color("textMid"))
    _draw(painter, cell.adjusted(28, 0, -4, 0), words, Qt.AlignmentFlag.AlignLeft)


def _paint_text(painter: QPainter, cell: QRectF, row: RunRow, column: int) -> None:
    declared = COLUMNS[column]
    painter.setFont(_font(row, declared, column))
    painter.setPen(_tone(row, column))
    side = Qt.AlignmentFlag.AlignRight if declared.number else Qt.AlignmentFlag.AlignLeft
    area = cell.adjusted(26 if column == NAME else 8, 0, -8, 0)
    _draw(painter, area, declared.text(row), side)
    if column == NAME:
        _paint_line(painter, cell, row)


def _font(row: RunRow, column: _Column, number: int) -> QFont:
    font = theme().font("monoSmall" if column.number else "small")
    if row.current and number == NAME:
        font.setWeight(QFont.Weight.DemiBold)
    return font


def _tone(row: RunRow, column: int) -> QColor:
    if column == _GAP and math.isfinite(row.below_floor):
        return theme().color("success" if row.below_floor >= 0 else "error")
    return theme().color("textHi" if column == NAME or COLUMNS[column].number else "textMid")


def _draw(painter: QPainter, area: QRectF, words: str, side: Qt.AlignmentFlag) -> None:
    elide = Qt.TextElideMode.ElideRight
    shown = painter.fontMetrics().elidedText(words, elide, int(area.width()))
    painter.drawText(area, side | Qt.AlignmentFlag.AlignVCenter, shown)
