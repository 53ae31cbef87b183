"""`LookDesk`: asks the trainer's process what panels want to see inside a model."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from seqstudio.document.graph import Graph
from seqstudio.document.project import Project, project_text
from seqstudio.document.settings import DataSettings
from seqstudio.records.looking import LookAt, Looked, LookFailed
from seqstudio.runtime.forking import checkpoint_steps

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

SHARE = 0.02  # of the training time, for all that is looked at again by itself
LEAST_REST_S = 0.4
PATIENCE_S = 30.0  # a trainer that ended does not answer
KEPT, KEPT_BYTES = 64, 100_000_000  # answers about the past
KEPT_STEPS_S = 1.0
PROJECTS_KEPT = 4


@dataclass(frozen=True)
class Aim:
    """What a panel wants to see: equal aims have equal answers.

    Attributes:
        question: A record of `seqstudio.records.inside`.
        folder: Folder of the run, "" without one.
        step: Training step whose weights are meant.
        text: Text to read.
        project: Which project, as a number that changes with it.
    """

    question: object
    folder: str
    step: int
    text: str
    project: int


class LookDesk(QObject):
    """Sends questions, keeps answers about the past, and lets training have its time.

    Signals:
        answered(object): a `Looked` or `LookFailed`, with the number of its request.
    """

    answered = Signal(object)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._count = 0
        self._asked: dict[int, tuple[Aim, bool, float]] = {}
        self._kept: OrderedDict[Aim, Looked] = OrderedDict()
        self._sizes: dict[Aim, int] = {}
        self._rest_until_s = 0.0
        self._steps: dict[str, tuple[float, list[int]]] = {}
        self._projects: list[tuple[tuple[Graph, DataSettings, int], int]] = []

    # What to ask

    def aim(
        self,
        question: object,
        *,
        run: str = "",
        text: str | None = None,
        project: Project | None = None,
    ) -> Aim:
        """Return what a question means now.

        Args:
            question: A record of `seqstudio.records.inside`.
            run: Name of a run, "" for the one in view, or for untrained weights without one.
            text: Text to read, None for the probe text of the project.
            project: What the model was built from, None for that of the run in view.
        """
        session = self._session
        name = run or session.history.run
        folder = str(session.runs_home / name) if name else ""
        step = session.cursor.step
        live = step is None or (not run and step >= session.history.step)
        if live:
            at = session.history.step if not run else self.newest_step(folder)
        else:
            at = self.kept_step(folder, step or 0)
        read = session.project.sampling.probe_text if text is None else text
        return Aim(question, folder, at, read, self._number_of(project or self._project))

    @property
    def _project(self) -> Project:
        return self._session.run_project or self._session.project

    def _number_of(self, project: Project) -> int:
        """Return a number for the graph and data that are meant; it changes with them."""
        key = (project.graph, project.data, project.training.seed)
        for known, number in self._projects:
            if known == key:
                return number
        self._count += 1
        self._projects = [(key, self._count), *self._projects[: PROJECTS_KEPT - 1]]
        return self._count

    def steps(self, folder: str) -> list[int]:
        """Return the steps whose weights a run has kept, 0 for its start among them, ascending."""
        read_s, steps = self._steps.get(folder, (-math.inf, [0]))
        if folder and time.monotonic() - read_s > KEPT_STEPS_S:
            steps = sorted({0, *checkpoint_steps(Path(folder))})
            self._steps[folder] = time.monotonic(), steps
        return steps

    def kept_step(self, folder: str, step: int) -> int:
        """Return the newest step at or before `step` whose weights are kept."""
        return max((kept for kept in self.steps(folder) if kept <= step), default=0)

    def newest_step(self, folder: str) -> int:
        """Return the newest step whose weights are kept."""
        return self.steps(folder)[-1]

    # Asking

    def known(self, aim: Aim) -> Looked | None:
        """Return an answer that was given before."""
        return self._kept.get(aim)

    def rests(self) -> bool:
        """Tell whether training has yet to have its share before anything is asked by itself."""
        return self._session.state == "running" and time.monotonic() < self._rest_until_s

    @property
    def waiting(self) -> bool:
        """Whether an answer is still to come."""
        return any(not self.overdue(request) for request in self._asked)

    def overdue(self, request: int) -> bool:
        """Tell whether the answer to a request can be waited for no longer, or has come."""
        asked = self._asked.get(request)
        return asked is None or time.monotonic() - asked[2] > PATIENCE_S

    def ask(self, view: str, aim: Aim, project: Project | None = None) -> int:
        """Send a question; `answered` brings what comes of it.

        Args:
            view: Who asks; a newer question of the same view takes the place of an older one.
            aim: What is asked.
            project: What the model was built from, None for that of the run in view.

        Returns:
            The number of the request.
        """
        session = self._session
        self._count += 1
        request = self._count
        live = aim.step >= session.history.step
        mine = aim.folder == str(session.runs_home / session.history.run)
        step = -1 if live and mine and session.history.run else aim.step
        self._asked[request] = aim, step == -1, time.monotonic()
        text, base = project_text(project or self._project), str(session.base or "")
        wish = LookAt(request, view, aim.question, text, base, aim.folder, step, aim.text)
        session.send_look(wish)
        return request

    def take(self, answer: Looked | LookFailed) -> None:
        """Hand an answer to the panels; keep one about the past."""
        aim, live, _ = self._asked.get(answer.request, (None, True, 0.0))
        if isinstance(answer, LookFailed) or answer.done:
            self._asked.pop(answer.request, None)
        elif aim is not None:  # a long answer that is told in parts is waited for
            self._asked[answer.request] = aim, live, time.monotonic()
        if isinstance(answer, Looked) and answer.done and aim is not None:
            rest_s = max(LEAST_REST_S, answer.cost_s / SHARE)
            self._rest_until_s = max(self._rest_until_s, time.monotonic() + rest_s)
            if not live:
                self._keep(aim, answer)
        self.answered.emit(answer)

    def _keep(self, aim: Aim, answer: Looked) -> None:
        self._kept[aim] = answer
        self._sizes[aim] = _bytes(answer.reading)
        while len(self._kept) > 1 and (
            len(self._kept) > KEPT or sum(self._sizes.values()) > KEPT_BYTES
        ):
            oldest, _ = self._kept.popitem(last=False)
            del self._sizes[oldest]


def _bytes(value: Any) -> int:
    """Return how much the arrays of a reading take."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if is_dataclass(value):
        return sum(_bytes(getattr(value, field.name)) for field in fields(value))
    return sum(map(_bytes, value)) if isinstance(value, tuple) else 0
