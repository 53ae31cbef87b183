"""`SweepForm`: which settings to vary, how, and for how long."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from seqstudio.blocks.settings import declared, value_of
from seqstudio.core.errors import SeqError
from seqstudio.document.project import Project
from seqstudio.document.sweep import Axis, Budget, Choices, Method, Plan, SweepError, parse_axis
from seqstudio.runtime.searching import has_optuna
from seqstudio.studio.panels.sweep_axes import may_vary, short_title, suggestion
from seqstudio.studio.widgets import (
    Button,
    ComboField,
    IconButton,
    Label,
    NumberField,
    Segments,
    TextField,
)

METHODS = (("grid", "Grid"), ("random", "Random"), ("optuna", "Optuna"))
NO_OPTUNA = "Optuna is not installed: pip install seqstudio[sweep]"
TRIALS, STEPS, MINUTES = 20, 500, 1.0


class AxisRow(QWidget):
    """One setting with the values to try.

    Signals:
        changed: The person changed it.
        removed(object): The person took it out; the row itself.
    """

    changed = Signal()
    removed = Signal(object)

    def __init__(self, project: Project, key: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self.setting = ComboField(_options(project), key, name="Setting to vary")
        self.values = TextField(placeholder="16, 32, 64 or 0.001..0.1", mono=True, name="Values")
        self.reason = Label("", "small", "error")
        self._away = IconButton("close", "Take this setting out")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.setting, 3)
        row.addWidget(self.values, 3)
        row.addWidget(self.reason, 2)
        row.addWidget(self._away)
        self.setting.committed.connect(self._another)
        self.values.value_changed.connect(self._typed)
        self._away.clicked.connect(self._leave)
        self._suggest()

    def key(self) -> str:
        """Return the full key of the setting."""
        return str(self.setting.value())

    def axis(self) -> Axis:
        """Return what to try.

        Raises:
            SeqError: What was typed cannot be.
        """
        try:
            param = declared(self._project, self.key())
        except KeyError as error:
            raise SweepError(f"The project has no {self.key()} any more") from error
        return parse_axis(self.key(), param, self.values.value())

    def set_project(self, project: Project) -> None:
        """Offer the settings of the project as it is now; False settings stay as typed."""
        self._project = project
        options = _options(project)
        if self.key() not in [key for key, _ in options]:
            options = [*options, (self.key(), f"{self.key()} (gone)")]
        self.setting.set_options(options)
        self.judge()

    def judge(self) -> None:
        """Mark the field when it says what cannot be."""
        try:
            self.axis()
        except SeqError as error:
            self.values.set_invalid(error.sentence())
            self.reason.setText(error.hint or error.why or error.what)
            self.reason.setToolTip(error.sentence())
        else:
            self.values.set_invalid("")
            self.reason.setText("")

    def _suggest(self) -> None:
        key = self.key()
        text = suggestion(declared(self._project, key), value_of(self._project, key))
        self.values.set_value(text)
        self.judge()

    @Slot(object)
    def _another(self, _key: object) -> None:
        self._suggest()
        self.changed.emit()

    @Slot(str)
    def _typed(self, _text: str) -> None:
        self.judge()
        self.changed.emit()

    @Slot()
    def _leave(self) -> None:
        self.removed.emit(self)


def _options(project: Project) -> list[tuple[object, str]]:
    places = may_vary(project)
    return [(place.key, f"{short_title(project, place.key)}  ·  {place.key}") for place in places]


class SweepForm(QWidget):
    """The plan as a form.

    Signals:
        changed: The plan is another one.
        start_wanted: The person wants to begin it.
    """

    changed = Signal()
    start_wanted = Signal()

    def __init__(self, project: Project, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self.rows: list[AxisRow] = []
        self.method = Segments(METHODS, name="Method")
        self.method.set_enabled("optuna", has_optuna(), NO_OPTUNA)
        self.trials = NumberField(TRIALS, 1, 10_000, form="int", name="Trials at most")
        self.amount = NumberField(STEPS, 0.05, 1e8, form="auto", name="Budget of a trial")
        self.budget = ComboField([("steps", "steps"), ("minutes", "minutes")], name="Budget")
        self.seeds = NumberField(1, 1, 100, form="int", name="Seeds")
        self.add = Button("Add a setting", icon="plus")
        self.start = Button("Start the sweep", kind="primary", icon="play")
        self.summary = Label("", "small", "textMid", wrap=True)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self._axes = QVBoxLayout()
        self._axes.setSpacing(6)
        self.budget.setFixedWidth(110)
        how = QHBoxLayout()
        how.setSpacing(8)
        for words, widgets in (
            ("Method", (self.method,)),
            ("Trials at most", (self.trials,)),
            ("Each trains", (self.amount, self.budget)),
            ("Seeds", (self.seeds,)),
        ):
            how.addWidget(Label(words, "small", "textMid"))
            for widget in widgets:
                how.addWidget(widget)
            how.addSpacing(8)
        how.addStretch(1)
        begin = QHBoxLayout()
        begin.setSpacing(12)
        begin.addWidget(self.start)
        begin.addWidget(self.summary, 1)
        inner = QWidget(self)
        rows = QVBoxLayout(inner)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(10)
        rows.addWidget(Label("Settings to vary", "small", "textMid"))
        rows.addLayout(self._axes)
        rows.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addLayout(how)
        rows.addLayout(begin)
        rows.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def _connect(self) -> None:
        self.add.clicked.connect(self._add_next)
        self.start.clicked.connect(self.start_wanted)
        for field in (self.trials, self.amount, self.seeds):
            field.value_changed.connect(self._changed)
        self.method.value_changed.connect(self._changed)
        self.budget.committed.connect(self._another_budget)

    # What the panel uses

    def vary(self, key: str) -> AxisRow:
        """Add a setting with values worth trying."""
        row = AxisRow(self._project, key, self)
        row.changed.connect(self._changed)
        row.removed.connect(self._remove)
        self.rows.append(row)
        self._axes.addWidget(row)
        self._changed()
        return row

    def plan(self) -> Plan:
        """Return what the form says.

        Raises:
            SeqError: It cannot be carried out.
        """
        method: Method = self.method.value()  # type: ignore[assignment]
        budget: Budget = str(self.budget.value())  # type: ignore[assignment]
        axes = tuple(row.axis() for row in self.rows)
        whole = method == "grid" and all(isinstance(axis, Choices) for axis in axes)
        return Plan(
            axes=axes,
            method=method,
            trials=0 if whole else int(self.trials.value()),
            budget=budget,
            amount=float(self.amount.value()),
            seeds=int(self.seeds.value()),
            seed=self._project.training.seed,
        ).checked()

    def set_project(self, project: Project) -> None:
        """Offer the settings of the project as it is now."""
        before, self._project = self._project, project
        if before.graph is not project.graph or before.data != project.data:
            for row in self.rows:
                row.set_project(project)
        self.tell()

    def tell(self) -> None:
        """Say what the plan amounts to, or why it cannot be."""
        try:
            plan = self.plan()
        except SeqError as error:
            self.summary.setText(error.sentence())
            self.summary.set_tone("error" if self.rows else "textMid")
            self.start.setEnabled(False)
            return
        self.summary.setText(_in_words(plan))
        self.summary.set_tone("textMid")
        self.start.setEnabled(True)

    @Slot()
    def _changed(self, _value: object = None) -> None:
        self.tell()
        self.changed.emit()

    @Slot(object)
    def _another_budget(self, budget: object) -> None:
        self.amount.set_value(STEPS if budget == "steps" else MINUTES)
        self._changed()

    @Slot()
    def _add_next(self) -> None:
        taken = {row.key() for row in self.rows}
        free = [place.key for place in may_vary(self._project) if place.key not in taken]
        wished = [*favourites(self._project), *free]
        key = next((key for key in wished if key not in taken), "")
        if key:
            self.vary(key).values.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(object)
    def _remove(self, row: object) -> None:
        if isinstance(row, AxisRow) and row in self.rows:
            self.rows.remove(row)
            self._axes.removeWidget(row)
            row.hide()
            row.deleteLater()
            self._changed()


def favourites(project: Project) -> list[str]:
    """Return the settings that people vary first: the learning rate and the width."""
    keys = [place.key for place in may_vary(project)]
    sizes = [key for key in keys if key.rpartition(".")[2] == "hidden"]
    sizes = sizes or [key for key in keys if key.rpartition(".")[2] == "width"]
    return ["training.learning_rate", *sizes[:1]]


def _in_words(plan: Plan) -> str:
    count = plan.combinations()
    runs = f"{count:,} trials" if count != 1 else "1 trial"
    if plan.seeds > 1:
        runs = f"{count:,} combinations × {plan.seeds} seeds = {count * plan.seeds:,} trials"
    if plan.budget == "minutes":
        return f"{runs}, about {count * plan.seeds * plan.amount:g} minutes in all"
    return f"{runs} of {round(plan.amount):,} steps"
