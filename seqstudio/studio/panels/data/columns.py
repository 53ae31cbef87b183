"""`ColumnsView`: what the columns of a table hold, what is missing in them, and its first rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from seqstudio.core.errors import SeqError
from seqstudio.core.showing import shown
from seqstudio.data.reading.tables import (
    Table,
    guess_roles,
    parse_columns,
    table_of,
    write_columns,
)
from seqstudio.data.reading.texts import read_any_text
from seqstudio.studio.panels.data.rows import Cell, RowsView
from seqstudio.studio.widgets import ComboField, FormRow, Label

ROLES_OF: Mapping[str, tuple[str, ...]] = {
    "sentences": ("text", "label"),
    "series": ("time", "value"),
    "pairs": ("source", "target"),
    "table": ("value", "label"),
}
"""Roles that the columns of a kind of data have."""
TITLES = {
    "text": "Text", "label": "Label", "time": "Time", "value": "Value",
    "source": "From", "target": "To",
}  # fmt: skip
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
FOUND = ""
"""Choice of a role: the column that is found by looking."""
_ROWS, _COLUMNS = 60, 12


@dataclass(frozen=True, eq=False)
class TableFacts:
    """A whole table, read once, with the encoding of its file."""

    table: Table
    encoding: str
    missing: tuple[int, ...]
    kinds: tuple[int, ...]


def read_facts(path: Path, stopped: Callable[[], bool]) -> TableFacts | None:
    """Read a table and count what is missing in its columns; None when `stopped` says so.

    Raises:
        DataError: It is no table.
    """
    found = read_any_text(path)
    if stopped():
        return None
    table = table_of(path.name, found)
    missing, kinds = [], []
    for column in table.columns:
        if stopped():
            return None
        missing.append(int(column.missing.sum()))
        kinds.append(column.kinds)
    return TableFacts(table, found.encoding, tuple(missing), tuple(kinds))


def roles_row(
    table: Table, roles: Mapping[str, list[str]], *, offer_found: bool = False
) -> dict[str, ComboField]:
    """Return a field for every role, with the columns of a table to choose from."""
    names: list[tuple[object, str]] = [(c.name, shown(c.name, 60)) for c in table.columns]
    fields: dict[str, ComboField] = {}
    for role, given in roles.items():
        options = [*names]
        if len(given) > 1:
            options.insert(0, (tuple(given), f"{len(given)} columns of numbers"))
        if offer_found:
            options.insert(0, (FOUND, "Found by looking"))
        value: object = tuple(given) if len(given) > 1 else given[0] if given else FOUND
        known = [option for option, _ in options]
        fields[role] = ComboField(
            options, value if value in known else known[0], name=TITLES[role]
        )
    return fields


def written(fields: Mapping[str, ComboField]) -> str:
    """Return the choices of the fields as the data settings say them."""
    roles: dict[str, list[str]] = {}
    for role, field in fields.items():
        value = field.value()
        if value != FOUND:
            roles[role] = list(value) if isinstance(value, tuple) else [str(value)]
    return write_columns(roles)


class ColumnsView(QWidget):
    """Roles, counts by column, first rows.

    Signals:
        columns_chosen(str): what the columns hold, as the data settings say it.
    """

    columns_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = Label("", "small", "textMid", wrap=True)
        self.fields: dict[str, ComboField] = {}
        self._form = QWidget()
        self._line = QHBoxLayout(self._form)
        self._line.setContentsMargins(0, 0, 0, 0)
        self.counts = RowsView("Columns with what is missing")
        self.rows = RowsView("First rows of the table")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 8)
        column.setSpacing(8)
        column.addWidget(self.words)
        column.addWidget(self._form)
        tables = QHBoxLayout()
        tables.addWidget(self.counts, 2)
        tables.addWidget(self.rows, 3)
        column.addLayout(tables, 100)
        column.addStretch(1)
        self._of: object = None

    def tell(self, words: str) -> None:
        """Say why there are no columns to see."""
        self._of = None
        self.words.setText(shown(words, 600))
        for widget in (self._form, self.counts, self.rows):
            widget.hide()

    def show_facts(self, facts: TableFacts | SeqError, kind: str, columns: str) -> None:
        """Show a table and the roles in force."""
        if isinstance(facts, SeqError):
            self.tell(facts.sentence())
            return
        if self._of == (id(facts), kind, columns):
            return
        table = facts.table
        separator = SEPARATORS.get(table.delimiter, table.delimiter)
        self.words.setText(
            f"{len(table):,} rows, separator: {separator}, encoding: {facts.encoding}. Missing "
            "fields stay missing: nothing is filled in."
        )
        self._show_roles(table, kind, columns)
        rows: list[tuple[Cell, ...]] = [
            (column.name, _role_of(column.name, self._roles), missing, kinds)
            for column, missing, kinds in zip(
                table.columns, facts.missing, facts.kinds, strict=True
            )
        ]
        self.counts.show_rows(("Column", "Role", "Missing", "Different"), rows)
        self.rows.show_rows(
            [column.name for column in table.columns[:_COLUMNS]], first_rows(table)
        )
        for widget in (self._form, self.counts, self.rows):
            widget.show()
        self._of = (id(facts), kind, columns)

    _roles: Mapping[str, list[str]] = {}

    def _show_roles(self, table: Table, kind: str, columns: str) -> None:
        told = parse_columns(columns) if columns else {}
        looked = guess_roles(table)
        wanted = ROLES_OF[kind]
        self._roles = {role: told.get(role) or looked.get(role, []) for role in wanted}
        while (item := self._line.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self.fields = roles_row(
            table, {role: told.get(role, []) for role in wanted}, offer_found=True
        )
        for role, field in self.fields.items():
            field.value_changed.connect(self._chosen)
            self._line.addWidget(FormRow(TITLES[role], field), 1)

    @Slot(object)
    def _chosen(self, _value: object) -> None:
        self.columns_chosen.emit(written(self.fields))


def _role_of(name: str, roles: Mapping[str, list[str]]) -> str:
    return ", ".join(TITLES[role] for role, names in roles.items() if name in names)


def first_rows(table: Table, most: int = _ROWS) -> list[list[Cell]]:
    """Return the first rows of the first columns."""
    columns = table.columns[:_COLUMNS]
    count = min(len(table), most)
    return [[column.fields[row][:200] for column in columns] for row in range(count)]
