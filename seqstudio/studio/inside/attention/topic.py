"""The topic "Attention": what heads look at at the left, what it is made of and good for right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot

from seqstudio.studio.deck import Deck
from seqstudio.studio.inside.attention.ablation import HeadsOffPanel
from seqstudio.studio.inside.attention.alignment import AlignmentPanel, WeightsPanel
from seqstudio.studio.inside.attention.edit import WeightEditPanel
from seqstudio.studio.inside.attention.flow import FlowPanel
from seqstudio.studio.inside.attention.products import ProductsPanel
from seqstudio.studio.inside.attention.query import OneQueryPanel
from seqstudio.studio.page import Page
from seqstudio.studio.panels.attention import AttentionPanel

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

Area = Qt.DockWidgetArea


class AttentionTopic(Page):
    """Two decks: the maps of attention, and what one can do with them.

    Signals:
        template_wanted(str): the person wants a project that attends.
    """

    template_wanted = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__("inside-attention")
        self._session = session
        self._by_hand = False
        looks = (
            AttentionPanel(session),
            WeightsPanel(session),
            AlignmentPanel(session),
            OneQueryPanel(session),
        )
        acts = (
            ProductsPanel(session),
            FlowPanel(session),
            HeadsOffPanel(session),
            WeightEditPanel(session),
        )
        for panel in (*looks, *acts):
            panel.template_wanted.connect(self.template_wanted)
        self.looks = Deck([*looks], session=session)
        self.acts = Deck([*acts], session=session)
        left = self.add(self.looks, Area.LeftDockWidgetArea, title="What it looks at")
        right = self.add(self.acts, Area.RightDockWidgetArea, title="How, and what for")
        self.size_docks([left, right], [720, 720], Qt.Orientation.Horizontal)
        self.looks.chosen.connect(self._chosen)
        session.facts_changed.connect(self._suit)
        self._suit()

    @Slot(str)
    def _chosen(self, _title: str) -> None:
        self._by_hand = True

    @Slot()
    def _suit(self) -> None:
        """Show the alignment of a model that reads a source, until the person chooses a view."""
        dataset = self._session.dataset
        if not self._by_hand and dataset is not None:
            aligned = bool(dataset.source)
            self.looks.choose(AlignmentPanel.title if aligned else AttentionPanel.title)
