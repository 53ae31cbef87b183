"""The page "Look inside": its topics, each an arrangement of panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from seqstudio.studio.deck import Deck
from seqstudio.studio.inside.attention.topic import AttentionTopic
from seqstudio.studio.inside.cells.panel import CellsPanel
from seqstudio.studio.inside.embedding.panel import EmbeddingPanel
from seqstudio.studio.inside.gates.panel import GatesPanel
from seqstudio.studio.inside.gates.trajectory import TrajectoryPanel
from seqstudio.studio.inside.gradients.spectrum import SpectrumPanel
from seqstudio.studio.inside.gradients.time_map import TimeMapPanel
from seqstudio.studio.inside.gradients.waterfall import WaterfallPanel
from seqstudio.studio.inside.health.findings import FindingsPanel
from seqstudio.studio.inside.health.panel import HealthPanel
from seqstudio.studio.inside.measuring.panel import MeasuresPanel
from seqstudio.studio.inside.playing.panel import BpttPanel
from seqstudio.studio.inside.predictions.panel import PredictionsPanel
from seqstudio.studio.inside.surgery.panel import SurgeryPanel
from seqstudio.studio.page import Page
from seqstudio.studio.panels.attention import AttentionPanel
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.horizon import HorizonPanel
from seqstudio.studio.panels.through_time import ThroughTimePanel
from seqstudio.studio.topics import Topics

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

Area = Qt.DockWidgetArea
ACROSS, DOWN = Qt.Orientation.Horizontal, Qt.Orientation.Vertical


class InsidePage(Topics):
    """Gradients through time, attention, cells and symbols of the model, live and linked.

    Signals:
        template_wanted(str): the person wants a project that has what a panel needs.
    """

    template_wanted = Signal(str)

    def __init__(self, session: Session) -> None:
        self.session = session
        self._by_hand = False
        super().__init__(
            "inside",
            [
                ("overview", "Overview", self._overview),
                ("gradients", "Gradients", self._gradients),
                ("steps", "Step by step", self._steps),
                ("attention", "Attention", self._attention),
                ("cells", "Cells", self._cells),
                ("gates", "Gates", self._gates),
                ("surgery", "Surgery", self._surgery),
                ("predictions", "Predictions", self._predictions),
                ("embedding", "Embedding", self._embedding),
                ("measures", "Measures", self._measures),
            ],
        )

    def _overview(self) -> Page:
        """How far the gradient reaches, through which steps it goes, what attention sees."""
        session, page = self.session, Page("inside-overview")
        self.horizon, self.through = HorizonPanel(session), ThroughTimePanel(session)
        self.attention = self._wanting(AttentionPanel(session))
        self.sight = Deck([self.attention, TimeMapPanel(session)], session=session)
        self.sight.chosen.connect(self._sight_chosen)
        session.run_changed.connect(self._suit)
        session.project_changed.connect(self._suit)
        self._suit()
        first = page.add(self.horizon, Area.LeftDockWidgetArea)
        right = page.add(self.sight, Area.RightDockWidgetArea, title="Maps")
        second = page.add(self.through, Area.LeftDockWidgetArea)
        page.splitDockWidget(first, second, DOWN)
        page.size_docks([first, second], [330, 300], DOWN)
        page.size_docks([first, right], [860, 580], ACROSS)
        return page

    @Slot(str)
    def _sight_chosen(self, _title: str) -> None:
        self._by_hand = True

    @Slot()
    def _suit(self, _change: object = None) -> None:
        """Show a map that this model has, as long as the person has chosen none."""
        if not self._by_hand:
            attends = self.attention.has_attention()
            self.sight.choose(AttentionPanel.title if attends else TimeMapPanel.title)

    def _gradients(self) -> Page:
        session = self.session
        far = Deck([HorizonPanel(session), WaterfallPanel(session)], session=session)
        maps = Deck([TimeMapPanel(session), SpectrumPanel(session)], session=session)
        through = Deck([ThroughTimePanel(session)], session=session)
        health = Deck([FindingsPanel(session), HealthPanel(session)], session=session)
        return _four("inside-gradients", ("How far", far), ("Maps", maps),
                     ("Through time", through), ("Health", health))  # fmt: skip

    def _steps(self) -> Page:
        panel = BpttPanel(self.session)
        page = _one("inside-steps", panel)
        page.home = panel.film
        return page

    def _attention(self) -> Page:
        topic = AttentionTopic(self.session)
        topic.template_wanted.connect(self.template_wanted)
        return topic

    def _cells(self) -> Page:
        panel = CellsPanel(self.session)
        panel.template_wanted.connect(self.template_wanted)
        return _one("inside-cells", panel)

    def _gates(self) -> Page:
        """What the gates do, and the path that the states take."""
        page = Page("inside-gates")
        gates = Deck([GatesPanel(self.session)], session=self.session)
        path = Deck([TrajectoryPanel(self.session)], session=self.session)
        left = page.add(gates, Area.LeftDockWidgetArea, title="Gates")
        right = page.add(path, Area.RightDockWidgetArea, title="Trajectory")
        page.size_docks([left, right], [860, 580], ACROSS)
        return page

    def _surgery(self) -> Page:
        return _one("inside-surgery", SurgeryPanel(self.session))

    def _predictions(self) -> Page:
        return _one("inside-predictions", PredictionsPanel(self.session))

    def _embedding(self) -> Page:
        panel = EmbeddingPanel(self.session)
        panel.template_wanted.connect(self.template_wanted)
        return _one("inside-embedding", panel)

    def _measures(self) -> Page:
        return _one("inside-measures", MeasuresPanel(self.session))

    def _wanting(self, panel: AttentionPanel) -> AttentionPanel:
        panel.template_wanted.connect(self.template_wanted)
        return panel


def _one(name: str, panel: Panel) -> Page:
    """Return a page that one panel fills."""
    page = Page(name)
    page.add(Deck([panel], session=panel.session), Area.LeftDockWidgetArea, title=panel.title)
    return page


def _four(
    name: str,
    first: tuple[str, QWidget],
    right: tuple[str, QWidget],
    below: tuple[str, QWidget],
    corner: tuple[str, QWidget] | None = None,
    share: float = 0.5,
) -> Page:
    """Return a page of two columns: `share` of the width is the left one's."""
    page = Page(name)
    left = page.add(first[1], Area.LeftDockWidgetArea, title=first[0])
    other = page.add(right[1], Area.RightDockWidgetArea, title=right[0])
    low = page.add(below[1], Area.LeftDockWidgetArea, title=below[0])
    page.splitDockWidget(left, low, DOWN)
    page.size_docks([left, low], [340, 300], DOWN)
    page.size_docks([left, other], [round(1440 * share), round(1440 * (1 - share))], ACROSS)
    if corner is not None:
        last = page.add(corner[1], Area.RightDockWidgetArea, title=corner[0])
        page.splitDockWidget(other, last, DOWN)
        page.size_docks([other, last], [340, 300], DOWN)
    return page
