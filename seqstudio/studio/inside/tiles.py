"""`Tiles`: one large view with smaller ones beside it, as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

WIDE, HIGH_EACH = 640, 185
_SHARE = 0.58


def under_switches(line: QHBoxLayout, views: QWidget, below: QWidget) -> QWidget:
    """Return a body: a line of switches, a choice of views on a line of its own, what is seen."""
    body = QWidget()
    rows = QVBoxLayout(body)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setSpacing(0)
    second = QHBoxLayout()
    second.setContentsMargins(12, 6, 12, 0)
    second.addWidget(views)
    second.addStretch(1)
    rows.addLayout(line)
    rows.addLayout(second)
    rows.addSpacing(6)
    rows.addWidget(below, 1)
    return body


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
        self._offered = frozenset(range(len(self.views)))
        for view in self.views:
            view.setParent(self)

    @property
    def form(self) -> str:
        """Return "all", "pair" or "one": how many views are seen."""
        if self.width() < WIDE:
            return "one"
        return "all" if self.height() >= HIGH_EACH * (len(self._offered) - 1) else "pair"

    def offer(self, places: Sequence[int]) -> None:
        """Say which views have something to show; the main one always has."""
        offered = frozenset({0, *places})
        if offered != self._offered:
            self._offered = offered
            if self.chosen not in offered:
                self.chosen = 0
            self._arrange()
            self.arranged.emit()

    def offers(self, place: int) -> bool:
        """Tell whether a view has something to show."""
        return place in self._offered

    def choose(self, place: int) -> None:
        """Bring a view to the front where not all are seen."""
        self.chosen = place
        self._arrange()

    @property
    def beside(self) -> int:
        """Return the place of the view beside the main one where there is one."""
        others = sorted(self._offered - {0})
        return self.chosen if self.chosen in others else others[0] if others else 0

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
        others = [place for place in range(1, len(self.views)) if place in self._offered]
        if not others:
            return {self.views[0]: QRect(0, 0, width, height)}
        one = self.chosen if self.chosen in others else others[0]
        side = [self.views[place] for place in (others if form == "all" else [one])]
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
