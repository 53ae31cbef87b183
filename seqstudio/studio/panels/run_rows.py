"""The lines of the runs table: read from the folders, kept in a model, painted by a delegate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from PySide6.QtGui import QColor, QFont, QPainter, QPolygonF
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.document.project import Project, load_project
from seqstudio.runtime.archive import RunInfo, open_run
from seqstudio.runtime.forking import forked_from
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.notes import RunNotes, load_notes
from seqstudio.studio.panels.differences import differences
from seqstudio.studio.panels.lines import arch_title
from seqstudio.studio.panels.measures import TrailingMean
from seqstudio.studio.theme import faded, icon_pixmap, pen, theme
from seqstudio.studio.widgets import format_number

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

SPARKS = 48
NO_NOTES = RunNotes()
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
        curve: Smoothed training loss at a few places from the first step to the newest.
        notes: The person's words, with tags.
        parent: Run and step that it was forked from, or "".
        live: A trainer is writing it now.
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
    curve: tuple[float, ...] = ()
    notes: RunNotes = NO_NOTES
    parent: str = ""
    live: bool = False

    @property
    def tags(self) -> str:
        """Tags in words."""
        return ", ".join(self.notes.tags)

    def has(self, words: str) -> bool:
        """Tell whether every word is somewhere in what is told of the run, tags and notes too."""
        state = _STATES.get(self.state, ("", self.state, ""))[1]
        words_of = (self.title, self.state, state, self.differs, self.tags)
        whole = " ".join((*words_of, self.notes.text, self.parent)).casefold()
        return all(word in whole for word in words.casefold().split())

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
    curve: tuple[float, ...]


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
                row = _row(info, record, ", ".join(words), beside=info.name in others)
                rows.append(_with_words(row))
        if view.run:
            found = [info for info in infos if info.name == view.run]
            folder = str(found[0].folder) if found else ""
            row = _row_in_view(view, folder, session.arch(), session.state)
            rows.insert(0, _with_words(row))
        return tuple(rows)

    def _record(self, info: RunInfo) -> _Record:
        mark = (info.step, info.state)
        known = self._known.get(info.folder)
        if known is None or known[0] != mark:
            history = _history(info)
            facts = _facts(history)
            record = _Record(_project(info.folder), last_loss(history), *facts, spark(history))
            known = (mark, record)
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
        current=False, beside=beside, problem=info.problem, curve=record.curve, live=info.live,
    )  # fmt: skip


def _with_words(row: RunRow) -> RunRow:
    """Return a row with what stands in small files in its folder."""
    if not row.folder:
        return row
    folder = Path(row.folder)
    return replace(row, notes=load_notes(folder), parent=forked_from(folder))


def _row_in_view(history: RunHistory, folder: str, arch: str, state: str) -> RunRow:
    parameters, floor, words = _facts(history)
    best = history.best_validation()
    return RunRow(
        history.run, folder, arch, state, history.step, last_loss(history),
        best.loss if best else math.nan, floor, words, parameters, "", current=True, beside=False,
        curve=spark(history), live=state in {"starting", "running", "paused"},
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


def spark(history: RunHistory) -> tuple[float, ...]:
    """Return the smoothed loss at `SPARKS` places that lie evenly over the steps."""
    curves = history.curves
    if len(curves) < 2:
        return ()
    means = TrailingMean().extend(np.array(curves.loss))
    chosen = np.unique(np.linspace(0, len(means) - 1, SPARKS).astype(np.int64))
    return tuple(means[chosen].tolist())


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
    _Column("Curve", 92, 680, lambda row: f"{len(row.curve)} points" if row.curve else ""),
    _Column("Step", 68, 530, lambda row: f"{row.step:,}", number=True),
    _Column("Train", 64, 620, lambda row: _loss(row.train), number=True),
    _Column("Validation", 76, 0, lambda row: _loss(row.validation), number=True),
    _Column("Below floor", 86, 0, _below, number=True),
    _Column("Parameters", 88, 890, lambda r: f"{r.parameters:,}" if r.parameters else "–", True),
    _Column("Tags", 90, 980, lambda row: row.tags),
    _Column("Differs", 120, 800, lambda row: "in view" if row.current else row.differs),
)
_BESIDE, NAME, _STATE, _CURVE, _GAP = 0, 1, 2, 3, 7
_ORDERS: tuple[Callable[[RunRow], Any], ...] = (
    lambda row: not row.beside,
    lambda row: row.name.casefold(),
    lambda row: row.state,
    lambda row: row.step,
    lambda row: row.step,
    lambda row: row.train,
    lambda row: row.validation,
    lambda row: -row.below_floor,
    lambda row: row.parameters,
    lambda row: row.tags.casefold(),
    lambda row: row.differs.casefold(),
)
"""By what the rows are sorted, by column: the best or the first letter comes first."""


def _unknown(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def arranged(
    rows: Sequence[RunRow], words: str, column: int | None, *, back: bool = False
) -> tuple[RunRow, ...]:
    """Return the rows that have the words, sorted by a column; None leaves the newest first.

    Rows without the number that is sorted by come last, both ways.
    """
    found = [row for row in rows if row.has(words)]
    if column is None:
        return tuple(found)
    order = _ORDERS[column]
    unknown = [row for row in found if _unknown(order(row))]
    known = [row for row in found if not _unknown(order(row))]
    return (*sorted(known, key=order, reverse=back), *unknown)


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
            return row.problem or _tip(row, index.column(), column)
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


def _tip(row: RunRow, number: int, column: _Column) -> str | None:
    if number != NAME:
        return column.text(row) if not column.number else None
    parent = f"forked from {row.parent}" if row.parent else ""
    return "\n".join(part for part in (row.title, parent, row.tags, row.notes.text) if part)


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
        elif index.column() == _CURVE:
            _paint_curve(painter, cell, row)
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


def _paint_curve(painter: QPainter, cell: QRectF, row: RunRow) -> None:
    """Paint the loss from its highest to its lowest; what is not finite leaves a gap."""
    good = [value for value in row.curve if math.isfinite(value)]
    if len(good) < 2:
        return
    low, span = min(good), max(max(good) - min(good), 1e-12)
    room = cell.adjusted(8, 7, -8, -7)
    points = [
        QPointF(
            room.left() + room.width() * place / (len(row.curve) - 1),
            room.bottom() - room.height() * (value - low) / span,
        )
        for place, value in enumerate(row.curve)
        if math.isfinite(value)
    ]
    painter.setPen(pen(theme().arch(row.arch), 1.2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(QPolygonF(points))


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
