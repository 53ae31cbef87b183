"""`RunDistances`: asks the other runs of the project how far their memory reaches, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from seqstudio.blocks.check import main_arch
from seqstudio.blocks.memories import memory_title
from seqstudio.core.errors import SeqError
from seqstudio.document.project import Project, load_project
from seqstudio.records.inside.trying.distance import DistanceOf, Distances
from seqstudio.records.looking import Looked, LookFailed

if TYPE_CHECKING:
    from seqstudio.studio.inside.looks import Aim
    from seqstudio.studio.session import Session

MOST_RUNS = 12


@dataclass(frozen=True)
class RunDistance:
    """What is known of one run.

    Attributes:
        run: Its name.
        memory: What it remembers with, in words.
        arch: What colours it.
        length: Distance that it is trained at.
        reading: How it answers; None before that is known.
    """

    run: str
    memory: str
    arch: str
    length: int
    reading: Distances | None = None


class RunDistances(QObject):
    """Keeps an answer for every other run on the same kind of data.

    Signals:
        changed: There is a new answer, or another run.

    Attributes:
        found: The runs with their answers, the newest first.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._projects: dict[str, Project] = {}
        self._readings: dict[str, tuple[Aim, Distances | None]] = {}
        self._asked: tuple[int, str, Aim] | None = None
        self.found: tuple[RunDistance, ...] = ()
        session.looks.answered.connect(self._answered)

    def want(self, question: DistanceOf) -> None:
        """Ask what is not known yet: one run at a time, none while an answer is on its way."""
        names = self._names()
        self._list(names)
        looks = self._session.looks
        if self._asked is not None and not looks.overdue(self._asked[0]):
            return
        for name in names:
            aim = looks.aim(question, run=name, text="", project=self._projects[name])
            if aim.step > 0 and self._readings.get(name, (None,))[0] != aim:
                number = looks.ask(f"distance {id(self)}", aim, self._projects[name])
                self._asked = number, name, aim
                return

    def _names(self) -> list[str]:
        session, kind = self._session, self._session.project.data.kind
        good = [info.name for info in session.runs() if info.step and not info.problem]
        others = [name for name in good if name != session.history.run]
        return [name for name in others if self._kind(name) == kind][:MOST_RUNS]

    def _kind(self, name: str) -> str:
        if name not in self._projects:
            try:
                project = load_project(self._session.runs_home / name / "project.seq")
            except SeqError:
                return ""
            self._projects[name] = project
        return self._projects[name].data.kind

    def _list(self, names: list[str]) -> None:
        found = tuple(map(self._told, names))
        if found != self.found:
            self.found = found
            self.changed.emit()

    def _told(self, name: str) -> RunDistance:
        project = self._projects[name]
        reading = self._readings.get(name, (None, None))[1]
        arch, memory = main_arch(project.graph), memory_title(project.graph)
        return RunDistance(name, memory, arch, project.data.length, reading)

    @Slot(object)
    def _answered(self, answer: object) -> None:
        if self._asked is None or not isinstance(answer, (Looked, LookFailed)):
            return
        number, name, aim = self._asked
        if answer.request != number or (isinstance(answer, Looked) and not answer.done):
            return
        self._asked = None
        reading = answer.reading if isinstance(answer, Looked) else None
        self._readings[name] = aim, reading if isinstance(reading, Distances) else None
        self._list([each.run for each in self.found])
        self.changed.emit()

    def forget(self) -> None:
        """Another project: nothing is known any more."""
        self._projects.clear()
        self._readings.clear()
        self._asked, self.found = None, ()
