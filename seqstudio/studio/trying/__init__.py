"""Trying a model by hand: a panel for each kind of task, offered where it fits the data."""

from seqstudio.studio.trying.adding import AddingPanel
from seqstudio.studio.trying.ball import BallPanel
from seqstudio.studio.trying.bases import BasesPanel
from seqstudio.studio.trying.caption import CaptionPanel
from seqstudio.studio.trying.clip import ClipPanel
from seqstudio.studio.trying.digit import DrawPanel
from seqstudio.studio.trying.distance import DistancePanel
from seqstudio.studio.trying.fill_in import FillInPanel
from seqstudio.studio.trying.hello import HelloPanel
from seqstudio.studio.trying.next_token import NextTokenPanel
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.trying.sentence import SentencePanel
from seqstudio.studio.trying.series import SeriesPanel
from seqstudio.studio.trying.sound import SoundPanel
from seqstudio.studio.trying.symbols import SymbolsPanel
from seqstudio.studio.trying.tagging import TagPanel
from seqstudio.studio.trying.translation import TranslationPanel

TRY_PANELS: tuple[type[TryPanel], ...] = (
    SentencePanel,
    HelloPanel,
    NextTokenPanel,
    FillInPanel,
    TagPanel,
    SymbolsPanel,
    AddingPanel,
    DistancePanel,
    TranslationPanel,
    DrawPanel,
    ClipPanel,
    CaptionPanel,
    SeriesPanel,
    BallPanel,
    SoundPanel,
    BasesPanel,
)
"""In the order in which they are offered."""
