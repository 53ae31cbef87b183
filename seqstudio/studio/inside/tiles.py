"""`Tiles`: one large view with smaller ones beside it, as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

WIDE, HIGH_EACH = 640, 185
_SHARE = 0.58


class Tiles(QWidget):
    """The first view is the main one.

    Wide: the main view at the left, at the right the others: all where they have the height, else
    the chosen one. Narrow: the chosen view alone, which may be the main one.

    Signals:
        arranged(): another number of views is seen.

    Attributes:
        chosen: Place of the view that is seen where not all are.
    """

    arranged = Signal()

    def __init__(self, views: Sequence[QWidget], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.views = tuple(views)
        self.chosen = 0
        self._form = ""
        for view in self.views:
            view.setParent(self)

    @property
    def form(self) -> str:
        """Return "all", "pair" or "one"."""
        if self.width() < WIDE:
            return "one"
        return "all" if self.height() >= HIGH_EACH * (len(self.views) - 1) else "pair"

    def choose(self, place: int) -> None:
        """Bring a view to the front where not all are seen."""
        self.chosen = place
        self._arrange()

    def sees(self, view: QWidget) -> bool:
        """Tell whether a view has room now."""
        return view in self._rects()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(200, 120)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        self._arrange()

    def _rects(self) -> dict[QWidget, QRect]:
        width, height, form = self.width(), self.height(), self.form
        if form == "one":
            return {self.views[self.chosen]: QRect(0, 0, width, height)}
        left = round(width * _SHARE)
        found = {self.views[0]: QRect(0, 0, left, height)}
        side = self.views[1:] if form == "all" else (self.views[max(1, self.chosen)],)
        edges = [round(height * place / len(side)) for place in range(len(side) + 1)]
        for view, top, bottom in zip(side, edges[:-1], edges[1:], strict=True):
            found[view] = QRect(left, top, width - left, bottom - top)
        return found

    def _arrange(self) -> None:
        rects = self._rects()
        for view in self.views:
            view.setVisible(view in rects)
            if view in rects:
                view.setGeometry(rects[view])
        if self.form != self._form:
            self._form = self.form
            self.arranged.emit()
