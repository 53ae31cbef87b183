"""Trying a model by hand: a panel for each kind of task, offered where it fits the data."""

from seqstudio.studio.trying.adding import AddingPanel
from seqstudio.studio.trying.distance import DistancePanel
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.trying.sentence import SentencePanel
from seqstudio.studio.trying.symbols import SymbolsPanel
from seqstudio.studio.trying.translation import TranslationPanel

TRY_PANELS: tuple[type[TryPanel], ...] = (
    SentencePanel,
    SymbolsPanel,
    AddingPanel,
    DistancePanel,
    TranslationPanel,
)
"""In the order in which they are offered."""
