"""`ScorePanel`: the tune in standard notation, which follows the playhead."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Slot
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.music.score import Note
from seqstudio.studio.listen.dragging import DragHandle
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.score_view import MOST_NOTES, MOST_STAVES, ScoreView
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.takes import Take
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.widgets import Button, CheckField

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

_STEP = 1.15


class ScorePanel(MusicPanel):
    """Staves with notes as solid as the model was sure of them.

    Signals:
        template_wanted(str): the person wants to open a template that writes tunes.
    """

    title = "Score"
    explanation: ClassVar[Explanation] = Explanation(
        "The tune as it is printed. Repeats are written out, notes are cut along the metre and "
        "joined by ties, the clef is the one that needs the fewest ledger lines. Times that no "
        "note value has are rounded to the 24th part of a beat: what you hear is not.\n\n"
        "The colour of a note is as solid as the model was sure of it, as in the piano roll; "
        "notes that were given have the colour of inputs. Drums, and voices beyond the fourth, "
        "are heard but not shown.",
    )

    def __init__(
        self,
        session: Session,
        parent: QWidget | None = None,
        *,
        listen: ListenSession | None = None,
    ) -> None:
        super().__init__(session, parent, listen=listen)
        self.view = ScoreView(self.listen.in_background)
        self.smaller, self.larger = Button("−", kind="text"), Button("+", kind="text")
        self.two_staves = CheckField("Two staves", True)
        self.follow = CheckField("Follow", True)
        self.smaller.setToolTip("Smaller notes (−)")
        self.larger.setToolTip("Larger notes (+)")
        self.smaller.setAccessibleName("Smaller notes")
        self.larger.setAccessibleName("Larger notes")
        self.two_staves.setToolTip("Four voices on two staves instead of four")
        self.follow.setToolTip("Turn the page with the playhead")
        for widget in (self.smaller, self.larger, self.two_staves, self.follow,
                       DragHandle(self.listen)):  # fmt: skip
            self.header.add_switch(widget)
        self._connect()
        self.set_body(self.view)

    def _connect(self) -> None:
        listen, view = self.listen, self.view
        self.smaller.clicked.connect(self._make_smaller)
        self.larger.clicked.connect(self._make_larger)
        self.two_staves.committed.connect(self._set_joined)
        self.follow.committed.connect(self._set_follow)
        view.seek_wanted.connect(listen.seek)
        view.play_wanted.connect(listen.toggle)
        view.note_hovered.connect(self._note_hovered)
        view.note_picked.connect(self._note_picked)
        view.laid_out.connect(self.tell)
        listen.hover_changed.connect(self._hover_changed)
        listen.moved.connect(self._moved)

    # Drawing

    @override
    def draw_take(self, take: Take) -> None:
        self.view.set_take(take)
        if self.view.too_long:
            how = f"More than {MOST_NOTES:,} notes are not set as a score. The roll shows them."
            self.show_empty("note", "The tune is too long for a score", how, cover=True)
        self._moved()

    @override
    @Slot()
    def tell(self) -> None:
        listen = self.listen
        four = listen.take is not None and len(listen.take.score.voices) >= MOST_STAVES
        self.two_staves.setVisible(four and self.is_wide(680))
        self._make_room()
        words = self.take_title() if listen.is_music else "no tunes here"
        hidden = self.view.left_out if listen.is_music and listen.take is not None else 0
        if hidden:
            words += f"; {hidden} voice{'s' if hidden > 1 else ''} not shown"
        self.header.set_subtitle(words)

    def _make_room(self) -> None:
        """Leave out switches that a narrow panel has no room for; keys and wheel do the same."""
        self.follow.setVisible(self.is_wide(560))
        for button in (self.smaller, self.larger):
            button.setVisible(self.is_wide(400))

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._make_room()

    @Slot()
    def _moved(self) -> None:
        if self.isVisible():
            self.view.set_position(self.listen.position_beats, playing=self.listen.playing)

    @override
    def paint_picture(self, painter: QPainter, width: int, height: int) -> None:
        """Paint the panel with its title; notes are paths, so that a drawing stays sharp."""
        self.view.direct = True
        try:
            super().paint_picture(painter, width, height)
        finally:
            self.view.direct = False

    # What the person does

    @Slot()
    def _make_smaller(self) -> None:
        self.view.zoom(1 / _STEP)

    @Slot()
    def _make_larger(self) -> None:
        self.view.zoom(_STEP)

    @Slot(bool)
    def _set_joined(self, on: bool) -> None:
        self.view.set_joined(on)

    @Slot(bool)
    def _set_follow(self, on: bool) -> None:
        self.view.follow = on

    @Slot(object)
    def _note_hovered(self, note: object) -> None:
        self.listen.hover(note if isinstance(note, Note) else None)

    @Slot(object)
    def _hover_changed(self, note: object) -> None:
        self.view.set_outlined(note if isinstance(note, Note) else None)

    @Slot(object)
    def _note_picked(self, note: object) -> None:
        if not isinstance(note, Note):
            return
        self.listen.seek(float(note.start))
        source = self.take.source(note) if self.take else None
        if self.take is not None and source is not None:
            self.session.move_cursor(t=self.take.token_at(source[0]))

    @override
    def measured(self) -> list[tuple[str, str]]:
        take, sheet = self.take, self.view.sheet
        if take is None or sheet is None:
            return []
        meter = take.score.meter
        return [
            ("Key", take.score.key),
            ("Metre", f"{meter[0]}/{meter[1]}" if meter else "free"),
            ("Bars", f"{len(take.score.bar_starts)}"),
            ("Systems", f"{len(sheet.systems)}"),
        ]
