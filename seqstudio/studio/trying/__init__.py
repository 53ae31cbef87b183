"""Trying a model by hand: a panel for each kind of task, offered where it fits the data."""

from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.trying.sentence import SentencePanel

TRY_PANELS: tuple[type[TryPanel], ...] = (SentencePanel,)
"""In the order in which they are offered."""
