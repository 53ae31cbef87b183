"""The question after a file was opened or dropped: what it is, and which model is to learn it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from seqstudio.blocks.templates import TEMPLATES
from seqstudio.core.showing import shown
from seqstudio.data.reading.finding import Found, project_for
from seqstudio.data.reading.tables import parse_columns
from seqstudio.document.edits import Edit, SetSetting, Together
from seqstudio.studio.panels.data.columns import TITLES, first_rows, roles_row, written
from seqstudio.studio.panels.data.rows import RowsView
from seqstudio.studio.widgets import Button, ComboField, FormRow, Label

if TYPE_CHECKING:
    from seqstudio.data.reading.tables import Table
    from seqstudio.document.project import Project
    from seqstudio.document.settings import DataSettings

KEEP = ""
"""Choice of a model: the one on the canvas."""


class OpeningDialog(QDialog):
    """What a file was found to be, with the other possibilities.

    Signals:
        begin_wanted(object): a project to begin with.
        edit_wanted(object): an edit that gives the open project these data.
    """

    begin_wanted = Signal(object)
    edit_wanted = Signal(object)

    def __init__(
        self, path: Path, found: Found, data: DataSettings, parent: QWidget | None = None
    ) -> None:
        """Ask about a file.

        Args:
            path: The file or folder.
            found: What it was found to be; it has at least one template.
            data: Data settings of the open project, whose model may be kept.
            parent: Window that it belongs to.
        """
        super().__init__(parent)
        self._path, self._data = path, data
        self._choices = found.all
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Open data")
        self.kinds = ComboField([(at, each.title) for at, each in enumerate(found.all)], 0)
        self.model = ComboField(name="Model")
        self.columns: dict[str, ComboField] = {}
        self._reasons = Label("", "body", "textMid", wrap=True)
        self._sentence = Label("", "small", "textMid", wrap=True)
        self._notes = Label("", "small", "textLow", wrap=True)
        self._form = QWidget()
        self._roles = QVBoxLayout(self._form)
        self._roles.setContentsMargins(0, 0, 0, 0)
        self._roles.setSpacing(0)
        self.rows = RowsView("First rows of the table")
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.use = Button("Use", kind="primary", icon="check")
        self.use.setAutoDefault(True)
        self.use.setDefault(True)
        self._lay_out()
        self.kinds.value_changed.connect(self._kind_chosen)
        self.model.value_changed.connect(self._tell_model)
        self.use.clicked.connect(self._finish)
        self.buttons.rejected.connect(self.reject)
        self._show_kind()
        self.use.setFocus()

    def _lay_out(self) -> None:
        rows = QVBoxLayout(self)
        rows.setContentsMargins(20, 18, 20, 16)
        rows.setSpacing(8)
        rows.addWidget(Label(shown(self._path.name), "panelTitle", "textHi", wrap=True))
        row = FormRow("It is", self.kinds)
        rows.addWidget(row)
        rows.addWidget(self._reasons)
        rows.addWidget(self._form)
        rows.addWidget(self.rows, 1)
        rows.addWidget(FormRow("Model", self.model))
        rows.addWidget(self._sentence)
        rows.addWidget(self._notes)
        self.buttons.addButton(self.use, QDialogButtonBox.ButtonRole.ActionRole)
        rows.addWidget(self.buttons)
        self.setMinimumWidth(560)

    @property
    def chosen(self) -> Found:
        """The possibility that is chosen."""
        at = self.kinds.value()
        return self._choices[at if isinstance(at, int) else 0]

    @Slot(object)
    def _kind_chosen(self, _value: object) -> None:
        self._show_kind()

    def _show_kind(self) -> None:
        found = self.chosen
        self._reasons.setText("\n".join(shown(reason) for reason in found.reasons))
        self._notes.setText(shown(" · ".join(found.notes), 600))
        models: list[tuple[object, str]] = [
            (key, f"{TEMPLATES[key].title}, {_time(TEMPLATES[key].minutes)}")
            for key in found.templates
        ]
        if self._data.kind == found.kind:
            models.append((KEEP, "The model on the canvas"))
        self.model.set_options(models)
        self.model.setCurrentIndex(0)
        self._show_roles(found)
        self._show_rows(found.table)
        self._tell_model(None)

    def _show_roles(self, found: Found) -> None:
        while (item := self._roles.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        roles = parse_columns(found.columns) if found.columns else {}
        self.columns = roles_row(found.table, roles) if found.table is not None else {}
        for role, field in self.columns.items():
            field.value_changed.connect(self._role_chosen)
            self._roles.addWidget(FormRow(TITLES[role], field))
        self._form.setVisible(bool(self.columns))

    @Slot(object)
    def _role_chosen(self, _value: object) -> None:
        told = [field.value() for field in self.columns.values()]
        twice = len(set(told)) < len(told)
        self.use.setEnabled(not twice)
        self._sentence.setText("Two roles cannot share a column" if twice else "")
        if not twice:
            self._tell_model(None)

    def _show_rows(self, table: Table | None) -> None:
        self.rows.setVisible(table is not None)
        if table is not None:
            heads = [column.name for column in table.columns[:12]]
            self.rows.show_rows(heads, first_rows(table))
            self.rows.setMinimumHeight(180)

    @Slot(object)
    def _tell_model(self, _value: object) -> None:
        key = str(self.model.value())
        told = TEMPLATES[key].sentence if key in TEMPLATES else "One undo takes the data back."
        self._sentence.setText(told)

    @property
    def written(self) -> str:
        """The columns as the data settings say them, with what the person chose."""
        return written(self.columns) if self.columns else self.chosen.columns

    @Slot()
    def _finish(self) -> None:
        found = replace(self.chosen, columns=self.written)
        key = str(self.model.value())
        if key == KEEP:
            self.edit_wanted.emit(edit_for(found, self._path, self._data))
        else:
            self.begin_wanted.emit(project_of(found, key, self._path))
        self.accept()


def project_of(found: Found, template: str, path: Path) -> Project:
    """Return the project of a template on a file."""
    return project_for(found, template, str(path))


def edit_for(found: Found, path: Path, data: DataSettings) -> Together:
    """Return the one step that gives a project of the same kind another file."""
    label = f"Use {shown(path.name, 40)}"
    edits: list[Edit] = [SetSetting("data", "path", str(path), label)]
    if "columns" not in data.idle():
        edits.append(SetSetting("data", "columns", found.columns, label))
    return Together(tuple(edits), label)


def _time(minutes: float) -> str:
    return "seconds" if minutes < 0.5 else f"{minutes:g} min"
