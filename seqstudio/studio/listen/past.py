"""`PastWriter`: lets the weights that a run kept at some step write, beside what trains now."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal, Slot

from seqstudio.records.inside.writing import WriteOf, Written
from seqstudio.records.looking import Looked, LookFailed
from seqstudio.records.readings import Sample
from seqstudio.studio.listen.wishes import Wish
from seqstudio.studio.session import Session


@dataclass(frozen=True)
class Told:
    """What came of a question to older weights.

    Attributes:
        request: Its number.
        step: The step that was asked for.
        sample: The text as far as it is, None when it was refused.
        refused: Why there is none, "" otherwise.
    """

    request: int
    step: int
    sample: Sample | None = None
    refused: str = ""


class PastWriter(QObject):
    """Asks kept weights of the run in view for texts.

    Signals:
        told(object): `Told`, several times while a text is written.
    """

    told = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._asked: dict[int, int] = {}
        session.looks.answered.connect(self._answered)

    def steps(self) -> list[int]:
        """Return the steps of the run in view whose weights are kept, 0 among them, ascending."""
        session = self._session
        run = session.history.run
        return session.looks.steps(str(session.runs_home / run)) if run else []

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return any(not self._session.looks.overdue(request) for request in self._asked)

    def ask(self, view: str, wish: Wish, step: int) -> int:
        """Let the weights of a step write; a newer question of the same view replaces it.

        Returns:
            The number of the request.
        """
        looks = self._session.looks
        question = WriteOf(wish.prompt, wish.length, wish.temperature, wish.top_k, wish.top_p,
                           wish.seed, wish.constraints)  # fmt: skip
        aim = replace(looks.aim(question, text=""), step=step)
        request = looks.ask(view, aim)
        self._asked[request] = step
        return request

    def forget(self) -> None:
        """Wait for nothing any more."""
        self._asked.clear()

    @Slot(object)
    def _answered(self, answer: object) -> None:
        if isinstance(answer, Looked) and isinstance(answer.reading, Written):
            step = self._asked.get(answer.request)
            if step is None:
                return
            if answer.done:
                del self._asked[answer.request]
            sample = replace(answer.reading.sample, step=step)
            self.told.emit(Told(answer.request, step, sample))
        elif isinstance(answer, LookFailed) and answer.request in self._asked:
            step = self._asked.pop(answer.request)
            self.told.emit(Told(answer.request, step, None, f"{answer.what}: {answer.why}"))
