"""`SideLook`: a further question of a panel, beside the one that `LookPanel` asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from seqstudio.records.looking import Looked, LookFailed

if TYPE_CHECKING:
    from seqstudio.studio.inside.looks import Aim
    from seqstudio.studio.session import Session


class SideLook(QObject):
    """Asks one thing at a time and keeps what came of it.

    Signals:
        changed(): an answer came, or a refusal.

    Attributes:
        looked: The answer, None before the first and after another aim.
        refused: Why there is none.
        aim: What was asked.
    """

    changed = Signal()

    def __init__(self, session: Session, view: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._view = session, view
        self.looked: Looked | None = None
        self.refused: LookFailed | None = None
        self.aim: Aim | None = None
        self._request = 0
        session.looks.answered.connect(self._answered)

    @property
    def waiting(self) -> bool:
        """Whether an answer, or a better one, is on its way."""
        answered = self.refused is not None or (self.looked is not None and self.looked.done)
        return self.aim is not None and not answered and not self._late()

    def _late(self) -> bool:
        return self.looked is None and self._session.looks.overdue(self._request)

    def want(self, aim: Aim) -> None:
        """Ask, unless it was asked already; an answer that is known comes at once."""
        if aim == self.aim and not (self.refused is None and self._late()):
            return
        self.aim, self.refused = aim, None
        self.looked = self._session.looks.known(aim)
        if self.looked is None:
            self._request = self._session.looks.ask(f"{self._view} {id(self)}", aim)
        else:
            self.changed.emit()

    def drop(self) -> None:
        """Forget question and answer."""
        self.aim = self.looked = self.refused = None
        self._request = 0

    @Slot(object)
    def _answered(self, answer: object) -> None:
        if isinstance(answer, Looked) and answer.request == self._request:
            self.looked, self.refused = answer, None
        elif isinstance(answer, LookFailed) and answer.request == self._request:
            self.refused = answer
        else:
            return
        self.changed.emit()
