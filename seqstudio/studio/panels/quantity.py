"""`QuantitySwitch`: the gradient of what: state, cell or input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from seqstudio.studio.theme import theme
from seqstudio.studio.widgets import Segments

if TYPE_CHECKING:
    from seqstudio.studio.panels.base import Panel

SWITCHES = (("dl/dh", "dL/dh"), ("dl/dc", "dL/dc"), ("dl/demb", "Input"))
PLACES = {"dl/dh": "the state h", "dl/dc": "the cell c", "dl/demb": "the input"}


class QuantitySwitch(Segments):
    """Segments for what horizons are recorded of; what the person chose stays chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(SWITCHES, name="Gradient of what", parent=parent)
        self._chosen = ""

    def choose(self, quantity: str) -> None:
        """Take the person's choice."""
        self._chosen = quantity
        self.set_value(quantity)

    def offer(self, there: set[str], own: set[str]) -> None:
        """Allow what is recorded, and show what was chosen, else what suits the run in view.

        Args:
            there: Quantities that any run has; none before anything is recorded.
            own: Those of the run in view.
        """
        for key, name in SWITCHES:
            enabled = not there or key in there
            why = "only an LSTM has a cell" if key == "dl/dc" else "needs a recurrent block"
            self.set_enabled(key, enabled, f"No {name} here: {why}")
        own = own or there
        wanted = self._chosen or ("dl/dh" if "dl/dh" in own or not own else "dl/demb")
        self.set_value("dl/demb" if there and wanted not in there else wanted)


def has_room(panel: Panel, px: int) -> bool:
    """Tell whether the header of a panel is so wide, at the size of the text.

    In a deck the names of the other panels take their part of the panel's width.
    """
    return panel.header.width() >= round(px * max(1.0, theme().scale))
