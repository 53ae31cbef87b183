"""`Steering`: what the person tells the trainer: begin, pause, step, change, go on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from seqstudio.blocks.check import main_arch
from seqstudio.blocks.editing import set_param
from seqstudio.core.errors import SeqError
from seqstudio.document.edits import SetSetting
from seqstudio.document.project import Project, parse_project, project_text
from seqstudio.document.settings import TrainingSettings
from seqstudio.records.faults import ApplyGraph, GraphApplied, Remedy
from seqstudio.records.messages import (
    Command,
    FindRate,
    GiveUp,
    Pause,
    Resume,
    SetLive,
    SetProbeText,
    Start,
    Step,
    Stop,
    Write,
)
from seqstudio.runtime.archive import new_run_name
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.notices import Notice

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

LIVE = tuple(param.name for param in TrainingSettings.PARAMS if param.live)
SHORT = {"transformer": "gpt", "custom1": "model"}


class Steering:
    """Turns wishes into commands to the trainer, beginning or resuming a run where one is due."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._view = session.view
        self._wanted: Command | None = None  # goes on with it when the data are there
        self._waits = False
        self._request = 0

    @property
    def edited(self) -> bool:
        """True when the project would train otherwise than the run in view was started."""
        run = self._view.project
        return run is not None and not self._session.project.trains_like(run)

    @property
    def applicable(self) -> bool:
        """True when the run that goes on could take over an edit made since it started."""
        return self._view.follows and self._view.active and self.edited

    def refusal(self) -> Notice | None:
        """Return why the model cannot train now, or None when it can."""
        session = self._session
        if session.data_error is not None:
            return Notice.of(session.data_error)
        if session.report is None:
            return Notice("The data are still being read", "", "Try again in a moment", "info")
        for problem in session.report.errors:
            return Notice(problem.what, problem.why, problem.hint, "error")
        return None

    # Begin and resume

    def play(self) -> None:
        """Train: begin, continue or resume, whichever fits."""
        if self._view.state == "running":
            return
        if self._view.state == "paused" and not self.edited:
            self._view.send(Resume())
        elif self._resumable:
            self.start(self._view.history.run, resume=True)
        else:
            self._begin()

    def begin(self) -> None:
        """Begin a new run of the project as it is, whatever the one in view does."""
        self._begin()

    def step(self, n: int) -> None:
        """Do exactly n steps, then be paused; begins a run if there is none."""
        self._do_paused(Step(n))

    def find_rate(self) -> None:
        """Try rising learning rates on a copy of the model; a run that waits begins if need be."""
        self._do_paused(FindRate())

    def give_up(self, what: Literal["rate", "compile"]) -> None:
        """Break off the search for a learning rate, or the compiler; the run goes on."""
        if self._view.active:
            self._view.send(GiveUp(what))

    def _do_paused(self, command: Command) -> None:
        """Send what leaves a run paused; begin or resume one for it where none goes on."""
        if self._view.active and not self.edited:
            self._view.send(command)
        elif self._resumable:
            self.start(self._view.history.run, resume=True, paused=True)
            self._view.send(command)
        else:
            self._begin(command)
            if self._view.state == "starting":
                self._view.send(command)

    @property
    def _resumable(self) -> bool:
        ended = self._view.state in {"stopped", "failed"}
        return ended and not self.edited and self._view.can_resume(self._session.runs_home)

    def _begin(self, first: Command | None = None) -> None:
        """Begin a new run, paused when there is something to do `first`."""
        if self._session.loading:
            self._waits, self._wanted = True, first
            self._tell(Notice("Reading the data", "", "Training begins when they are there"))
            return
        problem = self.refusal()
        if problem is not None:
            self._tell(problem)
            return
        session, view = self._session, self._view
        arch = main_arch(session.project.graph)
        name = new_run_name(session.runs_home, SHORT.get(arch, arch))
        if len(view.history.curves):
            session.desk.keep_beside()
        view.look_away(session.companions)
        view.show(RunHistory(name), session.project)
        session.move_cursor(step=None)
        self.start(name, resume=False, paused=first is not None)
        session.run_changed.emit()

    def data_came(self) -> None:
        """Go on with what waited for the data."""
        waits, first = self._waits, self._wanted
        self.wait_no_more()
        if waits:
            self._begin(first)
            if first is not None and self._view.state == "starting":
                self._view.send(first)

    def wait_no_more(self) -> None:
        """Forget what waits for the data."""
        self._waits, self._wanted = False, None

    def start(self, run: str, *, resume: bool, paused: bool = False, back_to: int = -1) -> None:
        """Let the trainer begin or go on with the run in view; one at work is stopped first."""
        session, view = self._session, self._view
        project = view.project if resume and view.project else session.project
        view.follows = True
        view.become("starting")
        view.runner.start(
            Start(
                run=run,
                project=project_text(project),
                base=str(session.base or ""),
                folder=str(session.runs_home / run),
                device=session.device,
                resume=resume,
                paused=paused,
                back_to=back_to,
            )
        )
        if resume:
            self.send_live(self.in_force(), session.project)

    # Control

    def pause(self) -> None:
        """Pause before the next step."""
        if self._view.state in {"running", "starting"}:
            self._view.send(Pause())

    def stop(self) -> None:
        """Finish the step, write a checkpoint, end the run."""
        if self._view.active:
            self._view.send(Stop())

    def write(self, wish: Write) -> int:
        """Ask the model in the trainer for a text; see `Session.write`."""
        view, home = self._view, self._session.runs_home
        if view.state == "idle":
            self._tell(Notice("There is no model yet", "no run has begun", "Press Train first"))
            return 0
        # A run that was opened has samples with the numbers of an earlier program.
        known = max((sample.request for sample in view.history.samples), default=0)
        self._request = max(self._request, known) + 1
        request = replace(wish, request=self._request)
        if not view.held and view.can_resume(home):
            self.start(view.history.run, resume=True, paused=True)
        view.send(request)
        return self._request

    # Changes

    def in_force(self) -> Project:
        """Return the project as the run in view last trained, with its live changes."""
        project = self._view.project or self._session.project
        training = project.training
        sampling = project.sampling
        for change in self._view.history.live:
            if change.name in LIVE:
                training = training.with_value(change.name, change.value)
            else:
                sampling = sampling.with_value(change.name, change.value)
        return replace(project, training=training, sampling=sampling)

    def send_live(self, before: Project, after: Project) -> None:
        """Tell the trainer of live settings that differ, whoever changed them: a field or undo."""
        if not self._view.active:
            return
        for name in LIVE:
            value = getattr(after.training, name)
            if value != getattr(before.training, name):
                self._view.send(SetLive(name, float(value)))
        if after.sampling.temperature != before.sampling.temperature:
            self._view.send(SetLive("temperature", after.sampling.temperature))

    def set_live(self, name: str, value: float) -> None:
        """Change a live setting, in the project and in the run that goes on.

        Raises:
            ParamError: The value is out of range.
        """
        group = "training" if name in LIVE else "sampling"
        edit = SetSetting(group, name, value, f"Change {name.replace('_', ' ')}")
        self._session.document.apply(edit, merge=f"live {name}")

    def set_probe_text(self, text: str) -> None:
        """Let the attention and gradient probes look at another text."""
        edit = SetSetting("sampling", "probe_text", text, "Change probe text")
        self._session.document.apply(edit, merge="probe text")
        if self._view.held:
            self._view.send(SetProbeText(text))

    def apply_edit(self) -> None:
        """Let the run that goes on take over the project as it is now; see `Session`."""
        problem = self.refusal()
        if problem is not None:
            self._tell(replace(problem, what=f"The edit was not applied: {problem.what}"))
        elif self.applicable:
            self._view.send(ApplyGraph(project_text(self._session.project)))

    def edit_applied(self, event: GraphApplied) -> None:
        """The trainer took over an edit."""
        self._view.project = parse_project(event.project)
        what = f"The edit is in force from step {event.step + 1:,}"
        self._tell(Notice(what, event.words(), "", "success"))

    # After a failure

    def take_remedy(self, remedy: Remedy) -> None:
        """Do what helps after a failure: change a setting, and go on from a checkpoint.

        A run without one begins anew, as does one that is not worth going on.
        """
        try:
            self._change_for(remedy)
        except SeqError as error:
            self._session.tell(error)
            return
        if self._view.active and remedy.back_to < 0 and not remedy.anew:
            return  # the change reaches the run that goes on by itself
        if remedy.anew or not self._view.can_resume(self._session.runs_home):
            self._begin()
        else:
            run = self._view.history.run
            self.start(run, resume=True, back_to=remedy.back_to, paused=True)
            self.apply_edit()
            self._view.send(Resume())

    def _change_for(self, remedy: Remedy) -> None:
        document = self._session.document
        if remedy.block:
            graph = document.project.graph
            document.apply(set_param(graph, remedy.block, remedy.setting, int(remedy.value)))
        elif remedy.setting:
            document.apply(SetSetting("training", remedy.setting, remedy.value, remedy.words))

    def _tell(self, notice: Notice) -> None:
        self._session.notice.emit(notice)
