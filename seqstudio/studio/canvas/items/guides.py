"""Magnets: a drag catches at the edges, middles and ports of what stands around, with guides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF

from seqstudio.studio.canvas.items.geometry import snapped

_PART = (0.0, 0.5, 1.0)
_OVERHANG = 12.0


@dataclass(frozen=True)
class Level:
    """A height at which a wire becomes level.

    Attributes:
        top: Top of what is dragged when it is.
        line: The wire then, for the guide; it moves along in x.
        other: Where the port at its other end is.
    """

    top: float
    port: QPointF
    other: QPointF


class Magnets:
    """Where a dragged rectangle catches.

    Args:
        body: The rectangle at its start.
        others: What stands still.
        levels: Heights at which wires become level; they win over edges.
    """

    def __init__(
        self, body: QRectF, others: Iterable[QRectF], levels: Sequence[Level] = ()
    ) -> None:
        self._body = body
        rows = [(r.left(), r.top(), r.width(), r.height()) for r in others]
        self._others: NDArray[np.float64] = np.array(rows, float).reshape(-1, 4)
        self._levels = list(levels)
        self._columns = self._stops(0, body.width())
        self._rows = self._stops(1, body.height())

    def _stops(self, axis: int, size: float) -> NDArray[np.float64]:
        """Return where the dragged edge has to be to meet left, middle, right of each other."""
        start, length = self._others[:, axis], self._others[:, axis + 2]
        return np.stack([start + (length - size) * part for part in _PART], axis=1)

    def catch(self, wanted: QPointF, reach: float) -> tuple[QPointF, list[QLineF]]:
        """Return where the top left corner goes, and the guides to draw.

        What nothing catches within `reach` snaps to the half grid.
        """
        x, columns = self._nearest(self._columns, wanted.x(), reach)
        level = min(self._levels, key=lambda each: abs(each.top - wanted.y()), default=None)
        if level is not None and abs(level.top - wanted.y()) <= reach:
            corner = QPointF(x, level.top)
            return corner, [*self._upright(corner, columns), self._wire(level, x)]
        y, rows = self._nearest(self._rows, wanted.y(), reach)
        corner = QPointF(x, y)
        return corner, [*self._upright(corner, columns), *self._lying(corner, rows)]

    @staticmethod
    def _nearest(
        stops: NDArray[np.float64], wanted: float, reach: float
    ) -> tuple[float, list[tuple[int, int]]]:
        """Return the place on one axis, and what caught it: rows of others and their parts."""
        away = np.abs(stops - wanted)
        if away.size == 0 or away.min() > reach:
            return snapped(wanted), []
        found = float(stops.flat[int(np.argmin(away))])
        caught = np.argwhere(np.abs(stops - found) < 0.01)
        return found, [(int(row), int(part)) for row, part in caught]

    def _wire(self, level: Level, x: float) -> QLineF:
        port = QPointF(level.port.x() + x - self._body.x(), level.other.y())
        return QLineF(port, level.other)

    def _upright(self, corner: QPointF, caught: Sequence[tuple[int, int]]) -> list[QLineF]:
        body = QRectF(corner, self._body.size())
        lines: dict[float, tuple[float, float]] = {}
        for row, part in caught:
            x = body.left() + body.width() * _PART[part]
            _, top, _, height = self._others[row]
            low, high = lines.get(x, (body.top(), body.bottom()))
            lines[x] = min(low, float(top)), max(high, float(top + height))
        return [QLineF(x, a - _OVERHANG, x, b + _OVERHANG) for x, (a, b) in lines.items()]

    def _lying(self, corner: QPointF, caught: Sequence[tuple[int, int]]) -> list[QLineF]:
        body = QRectF(corner, self._body.size())
        lines: dict[float, tuple[float, float]] = {}
        for row, part in caught:
            y = body.top() + body.height() * _PART[part]
            left, _, width, _ = self._others[row]
            low, high = lines.get(y, (body.left(), body.right()))
            lines[y] = min(low, float(left)), max(high, float(left + width))
        return [QLineF(a - _OVERHANG, y, b + _OVERHANG, y) for y, (a, b) in lines.items()]
