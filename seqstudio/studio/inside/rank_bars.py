"""`RankBars`: names with a number each and a bar, best first; a row can be clicked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.theme import faded, follow_theme, painting, theme
from seqstudio.studio.widgets import format_number

_INSET, _GAP = 4.0, 8.0


class RankBars(QWidget):
    """Rows of a name, a bar from 0 to 1 and a number.

    Args:
        role: Colour of the bars, a role of the lectures.
        form: How the numbers are written.
        share: Most of the width that a name may take.
        name: Accessible name.

    Signals:
        picked(int): row that was clicked or reached with the arrow keys and Enter.
    """

    picked = Signal(int)

    def __init__(
        self,
        *,
        role: str = "features",
        form: str = ".2f",
        share: float = 0.4,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._role, self._form, self._share = role, form, share
        self._rows: tuple[tuple[str, float], ...] = ()
        self._texts: tuple[str, ...] = ()
        self._mark = self._hover = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        follow_theme(self)

    @property
    def rows(self) -> tuple[tuple[str, float], ...]:
        """What is shown: (name, number) by row."""
        return self._rows

    def set_rows(
        self, rows: Sequence[tuple[str, float]], mark: int = -1, texts: Sequence[str] = ()
    ) -> None:
        """Show other rows.

        Args:
            rows: Name and length of the bar, 0 to 1.
            mark: Row that stands out, -1 for none.
            texts: What is written at the end of the rows; without, the length of the bar.
        """
        self._rows, self._mark = tuple(rows), mark
        self._texts = tuple(texts) or tuple(format_number(v, self._form) for _, v in rows)
        self._hover = min(self._hover, len(self._rows) - 1)
        told = (f"{name} {text}" for (name, _), text in zip(rows, self._texts, strict=True))
        self.setAccessibleDescription(", ".join(told))
        self.updateGeometry()
        self.update()

    def _pitch(self) -> int:
        return theme().line_height("mono") + 2

    @override
    def sizeHint(self) -> QSize:
        return QSize(180, max(1, len(self._rows)) * self._pitch())

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(100, len(self._rows) * self._pitch())

    @Slot()
    def restyle(self) -> None:
        """Take the height of rows from the theme in force."""
        self.updateGeometry()
        self.update()

    # Pointer and keys

    def _row_at(self, place: QPointF) -> int:
        row = int(place.y() // self._pitch())
        return row if 0 <= row < len(self._rows) else -1

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        self._hover = self._row_at(event.position())
        self.update()

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._hover = -1
        self.update()

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        row = self._row_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and row >= 0:
            self.picked.emit(row)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()), 0)
        if step and self._rows:
            self._hover = min(len(self._rows) - 1, max(0, self._hover + step))
            self.update()
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self._hover >= 0:
            self.picked.emit(self._hover)
        else:
            super().keyPressEvent(event)

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(theme().font("mono"))
            metrics = QFontMetricsF(theme().font("mono"))
            width = self.width() * self._share
            longest = max((metrics.horizontalAdvance(name) for name, _ in self._rows), default=0)
            label = max(metrics.horizontalAdvance("00"), min(longest, width)) + _GAP
            number = max(map(metrics.horizontalAdvance, self._texts), default=0) + _GAP
            for row in range(len(self._rows)):
                self._paint_row(painter, row, label, number)

    def _paint_row(self, painter: QPainter, row: int, label: float, number: float) -> None:
        name, value = self._rows[row]
        area = QRectF(0, row * self._pitch(), self.width(), self._pitch())
        if row in (self._hover, self._mark):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("accentSoft" if row == self._mark else "surface2"))
            painter.drawRoundedRect(area, theme().radius("tag"), theme().radius("tag"))
        inner = area.adjusted(_INSET, 0, -_INSET, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(theme().color("textHi"))
        room = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(label))
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | middle, room)
        painter.setPen(theme().color("textMid"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | middle, self._texts[row])
        track = QRectF(inner.left() + label, inner.center().y() - 2, 0, 4)
        track.setRight(inner.right() - number)
        radius = theme().radius("bar")
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color("surface2" if theme().is_dark else "surface3"))
        painter.drawRoundedRect(track, radius, radius)
        share = min(1.0, max(0.0, value))
        track.setWidth(track.width() * share)
        painter.setBrush(faded(theme().role(self._role), 0.6 + 0.4 * share))
        painter.drawRoundedRect(track, radius, radius)
