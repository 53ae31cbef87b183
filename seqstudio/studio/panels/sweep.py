"""`SweepPanel`: plan a sweep, follow it, see which settings are best and take them over."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.document.sweep import Plan, Sweep, Trial
from seqstudio.runtime.sweeping import Standing, settings_edit
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.sweep_axes import Weave, in_sentence, short_title, weave, worded
from seqstudio.studio.panels.sweep_desk import SweepDesk
from seqstudio.studio.panels.sweep_form import SweepForm, favourites
from seqstudio.studio.panels.sweep_plot import ParallelPlot
from seqstudio.studio.panels.sweep_table import SweepTable
from seqstudio.studio.widgets import (
    Button,
    ElidedLabel,
    IconButton,
    ProgressBar,
    Segments,
    format_number,
)

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

PLAN, RESULTS = "plan", "results"
WIDE = 720
_PHASES = {
    "waiting": "waiting",
    "running": "training",
    "paused": "paused",
    "stopping": "stopping with a checkpoint",
    "stopped": "stopped",
    "finished": "finished",
    "failed": "ended before its time",
}


class SweepPanel(Panel):
    """Sweeps of the project in view; the newest one, or the one at work."""

    title = "Sweep"
    kinds = frozenset({SweepDesk})  # nothing that a run says: the desk tells
    explanation: ClassVar[Explanation] = Explanation(
        "Every trial is a run of its own with the settings of its line; it stands in the table of "
        "runs too. Validation is the lowest loss on held-out data that the trial reached within "
        "its budget. All trials see the same data in the same order for the same seed.\n\n"
        "Each line crosses the axes at its settings and ends at its loss; the brighter it stands "
        "out, the lower the loss. Drag along an axis to keep only the lines that cross it there.",
        (r"\mathrm{best} = \arg\min_i\, \min_k L_{\mathrm{valid}}^{(i)}(k)",),
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.desk = SweepDesk(session, self)
        self.form = SweepForm(session.project)
        self.plot, self.table = ParallelPlot(), SweepTable()
        self.progress = ProgressBar()
        self.use = Button("Use these settings", icon="check")
        self.open = Button("Open the run", kind="text")
        self.chosen = ElidedLabel("", "small", "textMid")
        self.view = Segments([(PLAN, "Plan"), (RESULTS, "Results")], name="Part of the sweep")
        self.toggle = IconButton("pause", "Pause the sweep")
        self.skip = IconButton("step", "Skip this trial")
        self.stop = IconButton("stop", "Stop the sweep with a checkpoint")
        self._passing: frozenset[int] | None = None
        self._lay_out()
        self._connect()
        self.desk.look()
        self._show_part()

    def _lay_out(self) -> None:
        self.header.add_switch(self.view)
        for button in (self.toggle, self.skip, self.stop):
            self.header.add_switch(button)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.plot)
        self._split.addWidget(self.table)
        self._split.setSizes([560, 420])
        self._split.setStretchFactor(0, 1)
        self._split.setStretchFactor(1, 1)
        acting = QHBoxLayout()
        acting.setContentsMargins(16, 4, 12, 6)
        acting.setSpacing(8)
        acting.addWidget(self.chosen, 1)
        acting.addWidget(self.open)
        acting.addWidget(self.use)
        results = QWidget()
        rows = QVBoxLayout(results)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.progress)
        rows.addWidget(self._split, 1)
        rows.addLayout(acting)
        self._parts = QStackedWidget()
        self._parts.addWidget(self.form)
        self._parts.addWidget(results)
        self.set_body(self._parts)

    def _connect(self) -> None:
        self.desk.changed.connect(self.invalidate)
        self.session.project_changed.connect(self._project_changed)
        self.session.report_changed.connect(self.invalidate)
        self.form.changed.connect(self._show_part)
        self.form.start_wanted.connect(self.start)
        self.view.value_changed.connect(self._part_chosen)
        self.plot.opened.connect(self.open_trial)
        self.plot.filtered.connect(self._filtered)
        self.table.chosen.connect(self._trial_chosen)
        self.table.opened.connect(self.open_trial)
        self.use.clicked.connect(self.use_settings)
        self.open.clicked.connect(self._open_chosen)
        self.toggle.clicked.connect(self.toggle_sweep)
        self.skip.clicked.connect(self._skip)
        self.stop.clicked.connect(self._stop)

    # What is shown

    @property
    def sweep(self) -> Sweep | None:
        """The sweep in view."""
        return self.desk.standing.sweep if self.desk.standing else None

    @property
    def trial(self) -> Trial | None:
        """The chosen trial, the best one when none was chosen."""
        number = self.table.choice()
        if self.sweep is None:
            return None
        return self.sweep.best() if number is None else self.sweep.trials[number]

    @override
    def draw(self) -> None:
        sweep, project = self.sweep, self.session.project
        self.plot.set_weave(Weave() if sweep is None else weave(sweep, project))
        self.table.show_sweep(sweep, project, self._passing)
        self.form.set_project(project)
        self._show_part()

    @override
    def tell(self) -> None:
        standing = self.desk.standing
        self.header.set_subtitle(_in_words(standing) if standing else "nothing yet")
        self._tell_progress(standing)
        self._tell_buttons(standing)
        self._tell_chosen()

    @override
    def measured(self) -> list[tuple[str, str]]:
        best = self.sweep.best() if self.sweep else None
        return [("Best", format_number(best.loss, ".4f"))] if best else []

    def _tell_progress(self, standing: Standing | None) -> None:
        count = len(standing.sweep.trials) if standing else 0
        self.progress.setVisible(self.desk.active)
        if standing is not None and count:
            self.progress.set_fraction((standing.done + standing.share) / count)

    def _tell_buttons(self, standing: Standing | None) -> None:
        active, phase = self.desk.active, standing.phase if standing else "finished"
        left = standing is not None and not standing.sweep.finished
        going = active and phase == "running"
        self.toggle.set_icon("pause" if going else "play")
        self.toggle.set_tip("Pause the sweep" if going else "Continue the sweep")
        self.toggle.setVisible(active or left)
        self.toggle.setEnabled(phase != "stopping")
        for button in (self.skip, self.stop):
            button.setVisible(active)
            button.setEnabled(phase != "stopping")
        if standing is None or standing.current is None:
            self.skip.setEnabled(False)
        if active:
            self.form.start.setEnabled(False)
            self.form.summary.setText("A sweep is at work. Stop it to begin another one.")

    def _tell_chosen(self) -> None:
        trial = self.trial
        self.use.setEnabled(trial is not None and bool(trial.values))
        self.open.setEnabled(trial is not None and bool(trial.run))
        if trial is None:
            self.chosen.setText("Choose a trial to use its settings")
            return
        if trial.why:
            self.chosen.setText(f"Trial {trial.number + 1}: {trial.why}")
            return
        project = self.session.project
        values = ", ".join(
            f"{in_sentence(short_title(project, key))} {worded(project, key, value)}"
            for key, value in trial.values.items()
        )
        best = " (best)" if self.sweep is not None and trial == self.sweep.best() else ""
        self.chosen.setText(f"Trial {trial.number + 1}{best}: {values}")

    # Parts and empty states

    @Slot(str)
    def _part_chosen(self, _part: str) -> None:
        self.refresh()

    @Slot()
    def _show_part(self) -> None:
        results = self.view.value() == RESULTS
        self._parts.setCurrentIndex(1 if results else 0)
        if not results and not self.form.rows:
            self._teach()
        elif results and self.sweep is None:
            how = "Plan one and start it: every trial then draws a line here."
            self.show_empty("tidy", "No sweep yet", how, cover=True)
            self.empty_action("Plan a sweep", self._to_plan)
        else:
            self.show_body()

    def _teach(self) -> None:
        how = (
            "Choose settings to vary. A sweep trains one short run for each combination and "
            "shows which values lead to the lowest loss."
        )
        self.show_empty("tidy", "Which settings are best?", how, cover=True)
        project = self.session.project
        for key in favourites(project):
            words = f"Vary {in_sentence(short_title(project, key))}"
            self.empty_action(words, partial(self._vary, key))
        self.empty_action("Choose a setting", self.form.add.click)

    def _vary(self, key: str) -> None:
        self.form.vary(key)

    def _to_plan(self) -> None:
        self.show_view(PLAN)

    def show_view(self, part: str) -> None:
        """Bring the plan or the results to the front."""
        self.view.set_value(part)
        self.refresh()

    @Slot(object)
    def _project_changed(self, _change: object) -> None:
        self.desk.look()
        self.invalidate()

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        across = Qt.Orientation.Horizontal if self.is_wide(WIDE) else Qt.Orientation.Vertical
        if self._split.orientation() != across:
            self._split.setOrientation(across)

    # Acting

    @Slot()
    def start(self) -> None:
        """Begin the sweep that the form describes."""
        self.begin(None)

    @Slot(object)
    def begin(self, plan: object) -> None:
        """Begin a sweep by a `Plan`, anything else takes that of the form."""
        try:
            self.desk.begin(plan if isinstance(plan, Plan) else self.form.plan())
        except SeqError as error:
            self.session.tell(error)
            return
        self.plot.clear_brushes()
        self.show_view(RESULTS)

    @Slot()
    def toggle_sweep(self) -> None:
        """Pause the sweep, or continue it, also after a restart of the program."""
        standing = self.desk.standing
        if standing is None:
            return
        if self.desk.active:
            self.desk.ask("pause" if standing.phase == "running" else "continue")
            return
        try:
            self.desk.resume()
        except SeqError as error:
            self.session.tell(error)
        self.show_view(RESULTS)

    @Slot()
    def _skip(self) -> None:
        self.desk.ask("skip")

    @Slot()
    def _stop(self) -> None:
        self.desk.ask("stop")

    @Slot(object)
    def _filtered(self, passing: object) -> None:
        brushed = bool(self.plot.brushes()) and isinstance(passing, frozenset)
        self._passing = passing if brushed else None  # type: ignore[assignment]
        self.table.show_sweep(self.sweep, self.session.project, self._passing)
        self._tell_chosen()

    @Slot(int)
    def _trial_chosen(self, number: int) -> None:
        self.plot.set_chosen(number)
        self._tell_chosen()

    @Slot()
    def _open_chosen(self) -> None:
        if self.trial is not None:
            self.open_trial(self.trial.number)

    @Slot(int)
    def open_trial(self, number: int) -> None:
        """Show the run of a trial; while another one trains it is drawn beside it instead."""
        from seqstudio.studio.session import ACTIVE, Notice

        run = self.sweep.trials[number].run if self.sweep else ""
        if not run or run == self.session.history.run:
            return
        if self.session.state not in ACTIVE:
            self.session.open_run(run)
            return
        self.session.overlay(run, True)
        what = f"{run} is drawn beside {self.session.history.run}"
        why, hint = (
            "Opening it would stop the training.",
            "Stop the run first to open another one.",
        )
        self.session.notice.emit(Notice(what, why, hint))

    @Slot()
    def use_settings(self) -> None:
        """Give the project the settings of the chosen trial, as one edit that Undo takes back."""
        from seqstudio.studio.session import Notice

        trial = self.trial
        if trial is None:
            return
        try:
            project = self.session.project
            changed = self.session.document.apply(settings_edit(project, trial.values))
        except KeyError as error:
            self.session.notice.emit(_gone(str(error.args[0])))
        except SeqError as error:
            self.session.tell(error)
        else:
            what = f"The project has the settings of trial {trial.number + 1}"
            self.session.notice.emit(
                Notice(what, "", "Undo takes them back.", "success")
                if changed
                else Notice(f"{what} already", "", "")
            )


def _gone(key: str) -> object:
    from seqstudio.studio.session import Notice

    hint = "Undo the change of the graph, or choose settings that it has."
    return Notice("The settings were not taken over", f"There is no {key} any more.", hint, "warn")


def _in_words(standing: Standing) -> str:
    sweep = standing.sweep
    parts = [f"{sweep.name}, {standing.done} of {len(sweep.trials)} trials"]
    phase = _PHASES[standing.phase]
    if standing.current is not None and standing.phase == "running":
        phase = f"trial {standing.current + 1} at step {standing.step:,}"
    parts.append(phase)
    best = sweep.best()
    if best is not None and math.isfinite(best.loss):
        parts.append(f"best {format_number(best.loss, '.4f')}")
    if standing.problem:
        parts.append(standing.problem)
    return " · ".join(parts)
