"""A small dialog that asks at which step a run is forked, and what is other from there on."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QVBoxLayout, QWidget

from seqstudio.blocks.check import title_of
from seqstudio.blocks.settings import GROUPS, Place, edit_of, places, value_of
from seqstudio.core.errors import SeqError
from seqstudio.document.project import Project
from seqstudio.runtime.forking import checkpoint_steps, project_at
from seqstudio.studio.run_homes import RUN_NAME
from seqstudio.studio.widgets import ComboField, Label, NumberField, TextField

NO_CHANGE = ""
_GROUPS = {"data": "Data", "training": "Training", "sampling": "Writing"}


class ForkDialog(QDialog):
    """Step, one setting with its new value, and a name.

    Signals:
        wanted(int, object, str): step, project to go on with, name of the new run.
    """

    wanted = Signal(int, object, str)

    def __init__(
        self, folder: Path, step: int, newest: int, name: str, parent: QWidget | None = None
    ) -> None:
        """Ask about a fork.

        Args:
            folder: Folder of the run to leave.
            step: Step to begin with.
            newest: Its newest step.
            name: Name for the new run.
            parent: Widget that it belongs to.

        Raises:
            SeqError: The run cannot be read.
        """
        super().__init__(parent)
        self._folder = folder
        self._project, self._project_step = project_at(folder, step), step
        self._saved = checkpoint_steps(folder)
        self.setWindowTitle(f"Fork {folder.name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.step = NumberField(step, 0, newest, form="int", name="Step")
        self.setting = ComboField(_options(self._project), NO_CHANGE, name="Setting to change")
        self.value = TextField(name="New value")
        self.name = TextField(name, name="Name of the new run")
        self._from = Label("", "small", "textMid")
        self._problem = Label("", "small", "error")
        self._problem.setWordWrap(True)
        self._from.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._go = self.buttons.addButton("Fork", QDialogButtonBox.ButtonRole.AcceptRole)
        self._lay_out()
        self.step.value_changed.connect(self._step_changed)
        self.setting.value_changed.connect(self._setting_changed)
        self.value.textChanged.connect(self._check)
        self.name.textChanged.connect(self._check)
        self.buttons.accepted.connect(self._finish)
        self.buttons.rejected.connect(self.reject)
        self._setting_changed(NO_CHANGE)
        self._tell_replay()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("At step", self.step)
        form.addRow("", self._from)
        form.addRow("Change", self.setting)
        form.addRow("to", self.value)
        form.addRow("Name", self.name)
        rows = QVBoxLayout(self)
        rows.addLayout(form)
        rows.addWidget(self._problem)
        rows.addWidget(self.buttons)
        self.setMinimumWidth(420)

    @Slot(object)
    def _step_changed(self, _value: object) -> None:
        self._tell_replay()
        self._check()

    def _tell_replay(self) -> None:
        """Say from where the steps are repeated."""
        step = int(self.step.value())
        begin = max((each for each in self._saved if each <= step), default=0)
        if begin == step:
            words = "There is a checkpoint of this step: it goes on at once."
        else:
            start = f"the checkpoint of step {begin:,}" if begin else "the start"
            words = f"Repeats {step - begin:,} steps from {start}, in the same order."
        self._from.setText(words)

    @Slot(object)
    def _setting_changed(self, key: object) -> None:
        self.value.setEnabled(key != NO_CHANGE)
        now = "" if key == NO_CHANGE else str(value_of(self._project, str(key)))
        self.value.set_value(now)
        self._check()

    @property
    def project(self) -> Project:
        """The project to go on with.

        Raises:
            SeqError: The value is refused, or the step cannot be had.
        """
        step, key = int(self.step.value()), str(self.setting.value())
        if step != self._project_step:
            self._project, self._project_step = project_at(self._folder, step), step
        project = self._project
        if key == NO_CHANGE:
            return project
        return edit_of(project, key, self.value.text().strip()).apply(project)

    @Slot()
    def _check(self) -> None:
        problem = ""
        try:
            _ = self.project
        except SeqError as error:
            problem = error.sentence()
        except KeyError:
            problem = "This step had no such block."
        if not problem and not RUN_NAME.fullmatch(self.name.text()):
            problem = "A name has letters, digits, dots, dashes and underscores."
        if not problem and (self._folder.parent / self.name.text()).exists():
            problem = f"There is already a run {self.name.text()}."
        self._problem.setText(problem)
        self._go.setEnabled(not problem)

    @Slot()
    def _finish(self) -> None:
        self._check()
        if self._go.isEnabled():
            self.wanted.emit(int(self.step.value()), self.project, self.name.text())
            self.accept()


def _options(project: Project) -> list[tuple[object, str]]:
    """Return every setting that may differ, with its words; data stay as they are."""
    known = [place for place in places(project) if place.home not in {"data", "sampling"}]
    return [(NO_CHANGE, "Nothing"), *((place.key, _words(project, place)) for place in known)]


def _words(project: Project, place: Place) -> str:
    if place.home in GROUPS:
        return f"{_GROUPS[place.home]}: {place.param.title}"
    blocks = project.graph.blocks
    home = title_of(blocks[place.home]) if place.home in blocks else place.home
    return f"{home}: {place.param.title}"
