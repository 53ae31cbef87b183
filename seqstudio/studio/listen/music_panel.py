"""`MusicPanel`: what the panels of the Listen page share: the tune they look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.records.messages import StateChanged
from seqstudio.records.readings import Sample
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.takes import Take
from seqstudio.studio.panels.base import Panel

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

TEMPLATE = "abc-lstm"


class MusicPanel(Panel):
    """A panel about the tune of a `ListenSession`.

    Args:
        session: What it shows.
        listen: The tune of the page; None makes one for this panel alone.

    Signals:
        template_wanted(str): the person wants to open a template that writes tunes.
    """

    kinds: ClassVar[frozenset[type]] = frozenset({Sample, StateChanged})
    offers_template: ClassVar[bool] = False
    template_wanted = Signal(str)

    def __init__(
        self,
        session: Session,
        parent: QWidget | None = None,
        *,
        listen: ListenSession | None = None,
    ) -> None:
        super().__init__(session, parent)
        self._own = listen is None
        self.listen = listen or ListenSession(session, parent=self)
        self.listen.take_changed.connect(self.invalidate)
        self.listen.sound_changed.connect(self.invalidate)
        session.project_changed.connect(self.invalidate)

    @property
    def take(self) -> Take | None:
        """The tune that is listened to."""
        return self.listen.take

    # For panels to give

    def draw_take(self, take: Take) -> None:
        """Bring pictures up to date with a tune."""

    @override
    def draw(self) -> None:
        if not self.listen.is_music:
            self._show_no_music()
        elif self.take is None:
            self._show_no_tune()
        else:
            self.show_body()
            self.draw_take(self.take)

    def _show_no_music(self) -> None:
        how = "Open a project that learns tunes: it writes new ones that you can see and hear."
        self.show_empty("note", "This project does not write music", how, cover=True)
        if self.offers_template:
            self.empty_action("Open Tunes", self._open_tunes, icon="note")

    def _show_no_tune(self) -> None:
        error = self.session.data_error
        if error is not None:
            how = f"{error.why} {error.hint}".strip()
            self.show_empty("data", error.what, how, cover=True)
        elif self.session.dataset is None:
            self.show_empty("data", "The tunes are being read", "", cover=True)
        else:
            how = "Press Train: the model writes its first tune at once, and another every while."
            self.show_empty("note", "No tune yet", how, cover=True)

    @Slot()
    def _open_tunes(self) -> None:
        self.template_wanted.emit(TEMPLATE)

    def take_title(self) -> str:
        """Return what is shown in words: title, who wrote it, when."""
        take = self.take
        if take is None:
            return "nothing yet"
        title = f"“{take.title}”, " if take.title else ""
        if take.sample is None:
            own = not self.listen.shows_book
            return f"{title}{'your own' if own else 'from the book, held out from training'}"
        verb = "written" if take.done else "being written"
        return f"{title}{verb} by {self.session.run_title()}, step {take.sample.step:,}"

    @override
    def showEvent(self, event: QShowEvent, /) -> None:
        super().showEvent(event)
        if self.listen.is_music:
            self.listen.open_sound()

    def close_sound(self) -> None:
        """Let go of the sound if it is this panel's own."""
        if self._own:
            self.listen.close()
