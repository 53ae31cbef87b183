"""`Strip`: a low plot in a stack of plots that share their steps."""

from __future__ import annotations

from PySide6.QtCore import QMarginsF, QPointF
from PySide6.QtGui import QPainter
from typing_extensions import override

from seqstudio.studio.panels.chart import Chart
from seqstudio.studio.plots.frame import Frame
from seqstudio.studio.theme import pen, theme


class Strip(Chart):
    """A low plot in a stack: only the last one has the axis of the steps."""

    def __init__(self, last: bool) -> None:
        super().__init__(x_title="training step k" if last else "", x_symbol="k")
        self._last = last
        self.marks: tuple[float, ...] = ()
        self.under.append(self._paint_marks)
        self.setMinimumHeight(56)

    def _paint_marks(self, painter: QPainter, frame: Frame) -> None:
        """Paint thresholds as dotted lines; the title of the strip says what they are."""
        painter.setPen(pen(theme().color("textLow"), 1.25, (1.25, 3.75)))
        for value in self.marks:
            y = float(frame.py(value))
            if frame.rect.top() - 1 <= y <= frame.rect.bottom() + 1:
                painter.drawLine(QPointF(frame.rect.left(), y), QPointF(frame.rect.right(), y))

    @override
    def _paint_cursor(self, painter: QPainter, frame: Frame) -> None:
        painter.save()
        if not self._last:  # the chip with the step stands on the last axis only
            below = self.height() - round(frame.rect.bottom()) - 1
            painter.setClipRect(self.rect().adjusted(0, 0, 0, -below))
        super()._paint_cursor(painter, frame)
        painter.restore()

    @override
    def _margins(self) -> QMarginsF:
        wide = super()._margins()
        bottom = 40.0 if self._last else 6.0
        return QMarginsF(wide.left(), 24.0, max(wide.right(), 112.0), bottom)
