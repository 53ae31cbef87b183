"""`TuneLink`: the tune that one hears is the text that one looks at, note by note."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from seqstudio.music.score import sounding_at

if TYPE_CHECKING:
    from seqstudio.studio.listen.sound import ListenSession


class TuneLink(QObject):
    """Joins the playhead and the shared cursor while panels look at the tune in view.

    Signals:
        wanted(): the person wants to look inside the tune.
    """

    wanted = Signal()

    def __init__(self, listen: ListenSession) -> None:
        super().__init__(listen)
        self.listen = listen
        self.session = listen.session
        self._moving = False
        listen.moved.connect(self._heard)
        self.session.cursor_changed.connect(self._followed)

    @property
    def linked(self) -> bool:
        """Whether the text that panels look at is this tune."""
        take = self.listen.take
        return take is not None and self.session.project.sampling.probe_text == take.text

    def look_inside(self) -> None:
        """Let every panel look at the tune in view: its characters are their time steps."""
        take = self.listen.take
        if take is not None and take.text:
            self.session.set_probe_text(take.text)
            self.wanted.emit()

    @Slot()
    def _heard(self) -> None:
        """Take the cursor along with the note that sounds."""
        take = self.listen.take
        if take is None or not self.linked or self._moving:
            return
        note = next(iter(sounding_at(take.score.notes, self.listen.position_beats)), None)
        source = take.source(note) if note is not None else None
        if source is not None:
            self._guarded(lambda: self.session.move_cursor(t=take.token_at(source[0])))

    @Slot(object)
    def _followed(self, _cursor: object) -> None:
        """Seek to the note of the character that a panel points at."""
        take = self.listen.take
        if take is None or self._moving or self.listen.playing or not self.linked:
            return
        note = take.note_at(take.character_of(min(self.session.cursor.t, len(take.tokens) - 1)))
        if note is not None:
            self._guarded(lambda: self.listen.seek(float(note.start)))

    def _guarded(self, act: Callable[[], None]) -> None:
        self._moving = True
        try:
            act()
        finally:
            self._moving = False
