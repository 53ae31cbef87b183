"""`RunsPanel`: all runs of the project in a table; open one, or draw it beside the one in view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QImage, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QHeaderView, QMenu, QTableView, QWidget
from typing_extensions import override

from seqstudio.records.messages import Facts, StateChanged
from seqstudio.records.readings import Validation
from seqstudio.studio.background import Background
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.run_acts import EXPORTS, RunActs
from seqstudio.studio.panels.run_rows import (
    NAME,
    RowReader,
    RunDelegate,
    RunModel,
    RunRow,
    arranged,
)
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import Button, SearchField

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

_LOOK_MS = 1000
_ACTIVE = frozenset({"starting", "running", "paused"})


class RunsPanel(Panel):
    """The runs of this project, newest first."""

    title = "Runs"
    kinds = frozenset({Validation, StateChanged, Facts})
    explanation: ClassVar[Explanation] = Explanation(
        "Train is the mean loss of the last 5 % of the steps, at most 200. Validation is the "
        "lowest loss on held-out data, with which the weights are kept. Below floor is the floor "
        "of the data minus that loss: positive means that the model beats it.\n\n"
        "Differs tells what is other than in the run in view; only settings that change the "
        "result are compared, not places on the canvas.",
        (r"\mathrm{below\ floor} = L_{\mathrm{floor}} - \min_k L_{\mathrm{valid}}(k)",),
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._table = _Table(self)
        self._reader = RowReader(session)
        self._all: tuple[RunRow, ...] = ()
        self._order: int | None = None
        self._back = False
        self._count = 0
        self._acts = RunActs(self, session)
        self._filter = SearchField("Filter", name="Filter by name, tag, note or setting")
        self._filter.setMaximumWidth(160)
        self._filter.textChanged.connect(self._arrange)
        self.header.add_switch(self._filter)
        self._fork = Button("Fork…", kind="text", key="F")
        self._fork.clicked.connect(self.fork_row)
        self.header.add_switch(self._fork)
        self._undo = Button("Undo", kind="text", icon="undo")
        self._undo.clicked.connect(self._acts.undo)
        self._undo.hide()
        self.header.add_switch(self._undo)
        self._ticks = QTimer(self, interval=_LOOK_MS)
        self._ticks.timeout.connect(self._look)
        self._ticks.start()
        self._reading = self._again = False
        self._background = Background(self)
        self._table.opened.connect(self.open_row)
        self._table.compared.connect(self.compare_row)
        self._table.sorted_by.connect(self.sort_by)
        self._table.deleted.connect(self.delete_row)
        self._table.fork_wanted.connect(self.fork_row)
        self._table.undone.connect(self._acts.undo)
        self._table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._table.customContextMenuRequested.connect(self._menu)
        self.session.project_changed.connect(self._cursor_moved)
        self.set_body(self._table)

    @property
    def rows(self) -> tuple[RunRow, ...]:
        """The lines of the table as they are shown."""
        return self._table.rows

    # Reading, in a thread: a folder of many runs takes a while

    @override
    def draw(self) -> None:
        if self._reading:
            self._again = True
            return
        self._reading = True
        self._background.submit(self._reader.rows, self._take)

    def _take(self, rows: object) -> None:
        self._reading = False
        if isinstance(rows, tuple):
            self._show(rows)
        if self._again:
            self._again = False
            self.draw()

    def _show(self, rows: tuple[RunRow, ...]) -> None:
        self._all = rows
        self._table.set_rows(self._arranged())
        self._show_undo()
        if rows:
            self.show_body()
        else:
            how = "Press Train. Every run is kept, so that you can compare and come back."
            self.show_empty("table", "No run yet", how, cover=True)
        self.tell()

    @override
    def to_image(self, width: int, height: int, ratio: float = 1.0) -> QImage:
        self._show(self._reader.rows())
        return super().to_image(width, height, ratio)

    def _arranged(self) -> tuple[RunRow, ...]:
        return arranged(self._all, self._filter.text(), self._order, back=self._back)

    @Slot(str)
    def _arrange(self, _words: str = "") -> None:
        self._table.set_rows(self._arranged())
        self.tell()

    @Slot(int)
    def sort_by(self, column: int) -> None:
        """Sort by a column: once for the best first, again for the worst, then as before."""
        if column != self._order:
            self._order, self._back = column, False
        elif not self._back:
            self._back = True
        else:
            self._order = None
        self._table.show_order(self._order, back=self._back)
        self._arrange()

    @Slot()
    def _look(self) -> None:
        """Look at the folders again while a run goes on that is not in view."""
        going = any(row.live and not row.current for row in self._all)
        before, self._count = self._count, self.session.runs_count()
        if self.isVisible() and (going or before != self._count):
            self.invalidate()

    def _show_undo(self) -> None:
        self._fork.setVisible(bool(self._all) and self.is_wide(520))
        names = self._acts.deleted
        self._undo.setVisible(bool(names))
        if names:
            self._undo.setText(f"Undo delete of {names[0]}")

    # Acting

    def _row(self, number: int) -> RunRow | None:
        return self.rows[number] if 0 <= number < len(self.rows) else None

    @Slot(int)
    def open_row(self, number: int) -> None:
        """Open a run; while another one trains it is drawn beside it instead."""
        from seqstudio.studio.session import Notice

        row = self._row(number)
        if row is None or row.current:
            return
        goes_on = self.session.companions.of(Path(row.folder)) is not None
        if goes_on or self.session.state not in _ACTIVE:
            self.session.open_run(row.name)
            return
        self.session.overlay(row.name, True)
        self.session.notice.emit(
            Notice(
                f"{row.name} is drawn beside {self.session.history.run}",
                "Opening it would stop the training.",
                "Stop the run first to open another one.",
            )
        )

    @Slot(int)
    def compare_row(self, number: int) -> None:
        """Draw a run beside the one in view, or stop drawing it."""
        row = self._row(number)
        if row is not None and not row.current:
            self.session.overlay(row.name, not row.beside)

    @Slot()
    def fork_row(self) -> None:
        """Ask where to fork the selected run, or the one in view at the training clock's step."""
        chosen = self._row(self._table.currentIndex().row())
        row = chosen or next((each for each in self.rows if each.current), None)
        if row is not None and row.folder and not row.problem:
            self._acts.fork(row)

    @Slot(int)
    def delete_row(self, number: int) -> None:
        """Delete a run; it can come back until the program closes."""
        row = self._row(number)
        if row is not None:
            self._acts.delete(row)

    @Slot(QPoint)
    def _menu(self, place: QPoint) -> None:
        number = self._table.rowAt(place.y())
        row = self._row(number)
        if row is not None:
            menu = self.context_menu(number)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self._table.viewport().mapToGlobal(place))

    def context_menu(self, number: int) -> QMenu:
        """Return what can be done with a run."""
        row = self.rows[number]
        menu = QMenu(self)
        opening = menu.addAction("Open")
        opening.setEnabled(not row.current)
        opening.triggered.connect(lambda: self.open_row(number))
        beside = menu.addAction("Draw beside")
        beside.setCheckable(True)
        beside.setChecked(row.beside)
        beside.setEnabled(not row.current)
        beside.triggered.connect(lambda: self.compare_row(number))
        fork = menu.addAction("Fork here…" if row.current else "Fork…")
        fork.setEnabled(bool(row.folder) and not row.problem)
        fork.triggered.connect(lambda: self._acts.fork(row))
        menu.addSeparator()
        words = menu.addAction("Name, tags, notes…")
        words.setEnabled(bool(row.folder))
        words.triggered.connect(lambda: self._acts.describe(row))
        export = menu.addMenu("Export")
        export.setEnabled(not row.problem)
        for form, title in EXPORTS.items():
            act = export.addAction(title)
            act.triggered.connect(lambda _=False, form=form: self._acts.export(row, form))
        delete = menu.addAction("Delete")
        delete.setEnabled(bool(row.folder) and not row.live)
        delete.triggered.connect(lambda: self._acts.delete(row))
        for name in self._acts.deleted:
            back = menu.addAction(f"Restore {name}")
            back.triggered.connect(lambda _=False, name=name: self._acts.restore(name))
        menu.addSeparator()
        folder = menu.addAction("Show folder")
        folder.setEnabled(bool(row.folder))
        folder.triggered.connect(lambda: _reveal(row.folder))
        return menu

    # Words

    @override
    def tell(self) -> None:
        count = len(self._all)
        shown = f", {len(self.rows)} shown" if len(self.rows) != count else ""
        word = "run" if count == 1 else "runs"
        drawn = sum(row.beside for row in self._all)
        beside = f", {drawn} drawn beside" if drawn else ""
        said = f"{count} {word} in this project{shown}{beside}" if count else "nothing yet"
        self.header.set_subtitle(said)

    @override
    def measured(self) -> list[tuple[str, str]]:
        current = [row for row in self._all if row.current]
        return [("Floor", row.floor_words) for row in current if row.floor_words]


def _reveal(folder: str) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(folder))


class _Table(QTableView):
    """The table; a click opens, the first column draws beside, Enter and Space do the same."""

    opened = Signal(int)
    compared = Signal(int)
    sorted_by = Signal(int)
    deleted = Signal(int)
    undone = Signal()
    fork_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = RunModel(self)
        self.setModel(self._model)
        self.setItemDelegate(RunDelegate(self))
        self.setShowGrid(False)
        self.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setAccessibleName("Runs")
        self.verticalHeader().hide()
        head = self.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        head.setSectionsClickable(True)
        head.setHighlightSections(False)
        head.sectionClicked.connect(self.sorted_by)
        self.clicked.connect(self._clicked)
        follow_theme(self)

    @property
    def rows(self) -> tuple[RunRow, ...]:
        return self._model.rows

    def set_rows(self, rows: tuple[RunRow, ...]) -> None:
        here = self.currentIndex()
        name = self.rows[here.row()].name if 0 <= here.row() < len(self.rows) else ""
        self._model.set_rows(rows)
        found = [number for number, row in enumerate(rows) if row.name == name]
        if found:
            self.setCurrentIndex(self._model.index(found[0], here.column()))

    def show_order(self, column: int | None, *, back: bool) -> None:
        """Show by which column the rows are sorted."""
        head = self.horizontalHeader()
        head.setSortIndicatorShown(column is not None)
        order = Qt.SortOrder.DescendingOrder if back else Qt.SortOrder.AscendingOrder
        head.setSortIndicator(-1 if column is None else column, order)

    @Slot(QModelIndex)
    def _clicked(self, index: QModelIndex) -> None:
        if index.column() == 0:
            self.compared.emit(index.row())
        else:
            self.opened.emit(index.row())

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        row = self.currentIndex().row()
        if row >= 0 and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(row)
        elif row >= 0 and event.key() == Qt.Key.Key_Space:
            self.compared.emit(row)
        elif row >= 0 and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.deleted.emit(row)
        elif event.key() == Qt.Key.Key_F and not event.modifiers():
            self.fork_wanted.emit()
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undone.emit()
        else:
            super().keyPressEvent(event)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._share_width()

    def _share_width(self) -> None:
        """Give every column its width, leave out the less needed ones where it is narrow."""
        room = self.viewport().width()
        for column, (width, needed) in enumerate(self._model.widths()):
            self.setColumnHidden(column, room < needed)
            self.setColumnWidth(column, width)
        count = self._model.columnCount()
        shown = [column for column in range(count) if not self.isColumnHidden(column)]
        rest = room - sum(self.columnWidth(column) for column in shown)
        widest = count - 1 if count - 1 in shown else NAME
        self.setColumnWidth(widest, max(80, self.columnWidth(widest) + rest))

    @Slot()
    def restyle(self) -> None:
        """Take measures from the theme in force."""
        self.horizontalHeader().setFixedHeight(theme().metric("tableHeader"))
        self.horizontalHeader().setFont(theme().font("small"))
        self.verticalHeader().setDefaultSectionSize(theme().metric("tableRow"))
        self._share_width()
        self.viewport().update()
