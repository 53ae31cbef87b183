"""`TryPanel`: a panel in which a person gives the model something and sees what it makes of it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from seqstudio.studio.inside.panel import LookPanel

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset


class TryPanel(LookPanel):
    """Works with untrained weights, live while the model trains, and at every kept step."""

    @classmethod
    @abstractmethod
    def fits(cls, dataset: Dataset) -> bool:
        """Tell whether models that learn from these data can be tried here."""
