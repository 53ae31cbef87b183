"""`NamePlaces`: room for names beside dots, so that no two overlap."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize

_CELL = 48


class NamePlaces:
    """Rectangles that are taken, in a grid of cells so that a question is quick.

    Args:
        width: Of the room, in pixels.
        height: Of the room.
    """

    def __init__(self, width: float, height: float) -> None:
        self._room = QRectF(0, 0, width, height)
        self._cells: dict[tuple[int, int], list[QRectF]] = {}

    def block(self, rect: QRectF) -> None:
        """Take a rectangle."""
        for cell in _cells_of(rect):
            self._cells.setdefault(cell, []).append(rect)

    def free(self, rect: QRectF) -> bool:
        """Tell whether a rectangle lies in the room and touches nothing that is taken."""
        return self._room.contains(rect) and not any(
            taken.intersects(rect)
            for cell in _cells_of(rect)
            for taken in self._cells.get(cell, ())
        )

    def find(self, dot: QPointF, size: QSize, gap: float, *, force: bool = False) -> QRectF | None:
        """Take room for a name beside a dot: right, left, above or below; None without any.

        Args:
            dot: Middle of the dot.
            size: Of the name.
            gap: Between the middle of the dot and the name.
            force: Take the room at the right even where it is taken.
        """
        width, height = size.width(), size.height()
        tries = [
            QRectF(dot.x() + gap, dot.y() - height / 2, width, height),
            QRectF(dot.x() - gap - width, dot.y() - height / 2, width, height),
            QRectF(dot.x() - width / 2, dot.y() - gap - height, width, height),
            QRectF(dot.x() - width / 2, dot.y() + gap, width, height),
        ]
        found = next((rect for rect in tries if self.free(rect)), None)
        if found is None and force:
            found = next((rect for rect in tries if self._room.contains(rect)), tries[0])
        if found is not None:
            self.block(found)
        return found


def _cells_of(rect: QRectF) -> list[tuple[int, int]]:
    columns = range(int(rect.left() // _CELL), int(rect.right() // _CELL) + 1)
    rows = range(int(rect.top() // _CELL), int(rect.bottom() // _CELL) + 1)
    return [(column, row) for column in columns for row in rows]
