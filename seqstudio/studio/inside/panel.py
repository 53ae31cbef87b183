"""`LookPanel`: a panel whose numbers come from a question to the trainer's process.

    class SpectrumPanel(LookPanel):
        title = "Spectrum"

        def question(self) -> SpectrumOf | None: ...  # what to ask now
        def show_reading(self, reading: Spectrum) -> None: ...  # a new answer, to draw
        def show_cursor(self) -> None: ...  # the shared cursor moved, the answer is the same
        def words(self, reading: Spectrum) -> str: ...  # for the subtitle

While the model trains the question is asked again as often as its cost allows; at an older step of
the training clock the weights that the run kept are asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.records.looking import Looked, LookFailed
from seqstudio.records.messages import StateChanged
from seqstudio.records.readings import Metrics
from seqstudio.records.tables import numbers_of
from seqstudio.studio.inside.looks import Aim
from seqstudio.studio.panels.base import Panel

if TYPE_CHECKING:
    from seqstudio.studio.session import Session


class LookPanel(Panel):
    """A panel that asks, and draws what it was told.

    Attributes:
        looked: The answer in view, None before the first.
        refused: Why there is none.
        run: Name of the run that is looked at, "" for the one in view.
        icon: Of the empty state.
    """

    kinds = frozenset({Metrics, StateChanged})
    icon: ClassVar[str] = "search"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.looked: Looked | None = None
        self.refused: LookFailed | None = None
        self.run = ""
        self._aim: Aim | None = None
        self._request = 0
        self._drawn: object = None
        self._pinned = False
        self._stale = False  # the answer in hand is about another run
        session.looks.answered.connect(self._answered)
        session.facts_changed.connect(self.invalidate)
        session.project_changed.connect(self._project_changed)

    # For panels to give

    def question(self) -> object | None:
        """Return what to ask now, None for nothing."""
        return None

    def show_reading(self, reading: Any) -> None:
        """Draw a new answer."""

    def show_cursor(self) -> None:
        """Draw the shared cursor: it may have moved, the answer is the same."""

    def words(self, reading: Any) -> str:
        """Return the numbers of an answer for the subtitle."""
        del reading
        return ""

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        """Return everything that the reading holds."""
        return {} if self.looked is None else numbers_of(self.looked.reading)

    @override
    def look_at_run(self, run: str) -> None:
        super().look_at_run(run)
        self.run = run

    # For panels to use

    @property
    def reading(self) -> Any:
        """The reading in view, None before the first."""
        return None if self.looked is None else self.looked.reading

    def ask_again(self) -> None:
        """Ask now: the person changed what is wanted."""
        self._want(patient=False)
        self.invalidate()

    def pin(self, looked: Looked) -> None:
        """Show this answer, and ask nothing more."""
        self.looked, self._pinned = looked, True

    def text(self) -> str | None:
        """Return the text to read, None for the probe text of the project."""
        return None

    # How it goes

    @override
    def draw(self) -> None:
        self._want(patient=True)
        if self.looked is None or self._stale:
            self._invite()
            return
        if self._drawn is not self.looked:
            self._drawn = self.looked
            self.show_reading(self.looked.reading)
        if self.refused is None:
            self.show_body()
        else:
            self._invite()
        self.show_cursor()

    @override
    def tell(self) -> None:
        told = self.looked is not None and not self._stale
        parts = [self.words(self.reading) if told else "", self._source()]
        self.header.set_subtitle(" · ".join(part for part in parts if part))

    def _source(self) -> str:
        if self.looked is None or self._stale or self.refused is not None:
            return ""
        return f"{self.run}, {self.looked.weights}" if self.run else self.looked.weights

    def _invite(self) -> None:
        session, told = self.session, self.refused
        if session.data_error is not None:
            error = session.data_error
            self.show_empty("warn", error.what, f"{error.why}. {error.hint}", cover=True)
        elif session.facts is None:
            self.show_empty("clock", "The data are being read", "", cover=True)
        elif told is not None:
            how = ". ".join(part[:1].upper() + part[1:] for part in (told.why, told.hint) if part)
            self.show_empty(self.icon, told.what, how, cover=True)
        else:
            self.show_empty("clock", "One look is on its way…", "", cover=True)

    def _want(self, *, patient: bool) -> None:
        """Ask, unless the answer is there, on its way, or training is to have its time first."""
        session = self.session
        open_to_ask = session.facts is not None and not self._pinned
        question = self.question() if open_to_ask else None
        if question is None:
            return
        project = session.run_project or session.project
        aim = session.looks.aim(question, run=self.run, text=self.text(), project=project)
        if aim == self._aim and not self._overtaken(aim):
            return
        known = session.looks.known(aim)
        if known is not None:
            self._aim, self.looked, self.refused, self._stale = aim, known, None, False
            return
        waiting = self._request and not session.looks.overdue(self._request)
        if patient and self._same_but_step(aim) and (waiting or session.looks.rests()):
            return
        self._aim = aim
        self._request = session.looks.ask(self._view(), aim, project)

    def _overtaken(self, aim: Aim) -> bool:
        """Tell whether newer weights answered for an older step: it was the newest when asked."""
        waiting = self._request and not self.session.looks.overdue(self._request)
        past = self.session.cursor.step is not None and aim.step < self.session.history.step
        newer = self.looked is not None and self.looked.step > aim.step
        return bool(past and newer and not waiting)

    def _view(self) -> str:
        return f"{self.title} {id(self)}"

    def _same_but_step(self, aim: Aim) -> bool:
        """Tell whether only training has gone on since the last question."""
        old = self._aim
        live = self.session.cursor.step is None
        return (
            live
            and old is not None
            and (old.question, old.folder, old.text, old.project)
            == (aim.question, aim.folder, aim.text, aim.project)
        )

    @Slot(object)
    def _answered(self, answer: object) -> None:
        if isinstance(answer, Looked) and answer.request == self._request:
            self.looked, self.refused, self._stale = answer, None, False
        elif isinstance(answer, LookFailed) and answer.request == self._request:
            self.refused = answer
        else:
            return
        self.invalidate()

    @Slot(object)
    def _project_changed(self, _change: object) -> None:
        self.invalidate()

    @override
    def forget(self) -> None:
        # What is painted under the cover still asks for the numbers it was painted from.
        self._stale = self.looked is not None
        self.refused = self._aim = self._drawn = None
        self._request = 0
