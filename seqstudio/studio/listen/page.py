"""The page "Listen": the tune in the middle, text, measures and takes below, writing beside."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent
from typing_extensions import override

from seqstudio.studio.deck import Deck
from seqstudio.studio.listen.ages_panel import AgesPanel
from seqstudio.studio.listen.dragging import MusicDrop
from seqstudio.studio.listen.jam_panel import JamPanel
from seqstudio.studio.listen.measures_panel import MeasuresPanel
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.roll_panel import PianoRollPanel
from seqstudio.studio.listen.score_panel import ScorePanel
from seqstudio.studio.listen.shelf_panel import ShelfPanel
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.listen.text_panel import TextPanel
from seqstudio.studio.listen.write_panel import WritePanel
from seqstudio.studio.page import Page
from seqstudio.studio.session import Session

Area = Qt.DockWidgetArea
ACROSS, DOWN = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
_SIDE = 330
Kind = TypeVar("Kind", bound=MusicPanel)


class ListenPage(Page):
    """The tune that the model wrote: seen, heard, written on, edited, judged.

    Attributes:
        listen: The tune of the page.
        desk: What was asked for, and the shelf of takes.

    Signals:
        template_wanted(str): the person wants a project that writes tunes.
    """

    template_wanted = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__("listen")
        self.listen = ListenSession(session, parent=self)
        self.desk = TakeDesk.of(self.listen)
        self.drop = MusicDrop(self, self.listen)
        self.roll = self._panel(PianoRollPanel, session)
        self.home = self.roll.roll
        self.write = self._panel(WritePanel, session)
        self.text = self._panel(TextPanel, session)
        self.measures = self._panel(MeasuresPanel, session)
        self.takes = self._panel(ShelfPanel, session)
        self.ages = self._panel(AgesPanel, session)
        self.score = self._panel(ScorePanel, session)
        self.jam = self._panel(JamPanel, session)
        self.texts = Deck([self.text, self.score, self.jam])
        self.numbers = Deck([self.measures])
        self.shelf = Deck([self.takes, self.ages])
        self._arrange()

    def _panel(self, kind: type[Kind], session: Session) -> Kind:
        panel = kind(session, listen=self.listen)
        panel.template_wanted.connect(self.template_wanted)
        return panel

    def _arrange(self) -> None:
        top = self.add(self.roll, Area.LeftDockWidgetArea)
        side = self.add(self.write, Area.RightDockWidgetArea)
        text = self.add(self.texts, Area.LeftDockWidgetArea, title="Text and score")
        numbers = self.add(self.numbers, Area.LeftDockWidgetArea, title="Measures")
        shelf = self.add(self.shelf, Area.LeftDockWidgetArea, title="Takes and ages")
        self.splitDockWidget(top, text, DOWN)
        self.splitDockWidget(text, numbers, ACROSS)
        self.splitDockWidget(numbers, shelf, ACROSS)
        self.size_docks([top, text], [430, 290], DOWN)
        self.size_docks([text, numbers, shelf], [400, 330, 380], ACROSS)
        self.size_docks([top, side], [1110, _SIDE], ACROSS)

    @override
    def hideEvent(self, event: QHideEvent, /) -> None:
        """Keep an edit that was made a moment ago: the window may be closing."""
        super().hideEvent(event)
        self.desk.keep_edit()
