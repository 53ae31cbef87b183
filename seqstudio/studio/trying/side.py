"""`TrySide`: what the model writes, and the panels that let a person try it, as the data ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from seqstudio.studio.deck import Deck
from seqstudio.studio.inside.measuring.panel import MeasuresPanel
from seqstudio.studio.panels.samples import SamplesPanel
from seqstudio.studio.trying import TRY_PANELS
from seqstudio.studio.trying.panel import TryPanel

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.panels.base import Panel
    from seqstudio.studio.session import Session


class TrySide(QWidget):
    """A deck whose panels change with the data: only those that fit are offered.

    Attributes:
        samples: What the model writes; stands in front where it can write.
        tries: The panels that fit the data in view.
        measures: All measures of the task; always offered, as the last one.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.samples, self.measures = SamplesPanel(session), MeasuresPanel(session)
        self.tries: tuple[TryPanel, ...] = ()
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._deck: Deck | None = None
        self._arrange([self.samples])
        session.facts_changed.connect(self._fit)
        self._fit()

    @property
    def deck(self) -> Deck:
        """The deck as it is now."""
        assert self._deck is not None
        return self._deck

    @Slot()
    def _fit(self) -> None:
        dataset = self.session.dataset
        if dataset is None:
            return
        wanted = [kind for kind in TRY_PANELS if kind.fits(dataset)]
        if wanted == [type(panel) for panel in self.tries]:
            return
        gone = self.tries
        self.tries = tuple(kind(self.session) for kind in wanted)
        writes = can_write(dataset) or not self.tries
        first: list[Panel] = [self.samples] if writes else []
        self._arrange([*first, *self.tries])
        for panel in gone:
            panel.setParent(None)
            panel.deleteLater()

    def _arrange(self, panels: list[Panel]) -> None:
        old = self._deck
        for kept in (self.samples, self.measures):
            kept.setParent(self)
            kept.header.setParent(kept)
        self.samples.setVisible(self.samples in panels)
        self._deck = Deck([*panels, self.measures], self, session=self.session)
        self._rows.addWidget(self._deck)
        if old is not None:
            self._rows.removeWidget(old)
            old.setParent(None)
            old.deleteLater()


def can_write(dataset: Dataset) -> bool:
    """Tell whether models of these data write something."""
    return dataset.pattern in {"next token", "notes"} or dataset.writes is not None
