"""`NumbersView`: a row of numbers with two marks to drag."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme

_INSET, _HEAD = 14.0, 22.0
_NUDGE = 0.05


class NumbersView(QWidget):
    """A bar a number, and the two marked ones: drag sideways to move a mark, up to change it.

    With the keyboard: Space takes the other mark, the arrows move and change it.

    Signals:
        changed: Numbers or marks were changed by hand.

    Attributes:
        values: The numbers, from 0 to 1.
        marks: Steps of the two marks.
        held: Which mark the keys move, 0 or 1.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.values: list[float] = []
        self.marks = [0, 0]
        self.held = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Numbers and marks")
        follow_theme(self)

    def set_numbers(self, values: Sequence[float], marks: Sequence[int]) -> None:
        """Show other numbers, without a signal."""
        self.values, self.marks = [float(value) for value in values], list(marks)
        self._tell()

    def move_mark(self, mark: int, step: int, value: float) -> None:
        """Put a mark on a step and give its number; both are kept inside, and apart."""
        step = min(max(0, step), len(self.values) - 1)
        if step == self.marks[1 - mark]:
            step = self.marks[mark]
        self.held, self.marks[mark] = mark, step
        self.values[step] = min(max(0.0, value), 1.0)
        self._tell()
        self.changed.emit()

    def _tell(self) -> None:
        told = " and ".join(f"{self.values[at]:.2f} at {at + 1}" for at in self.marks
                            if at < len(self.values))  # fmt: skip
        self.setAccessibleDescription(f"Marked: {told}")
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(320, 150)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(160, 90)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    # Places

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_INSET, _HEAD, -_INSET, -_INSET)

    def place(self, step: int) -> QPointF:
        """Return the upper end of a bar."""
        area = self._area()
        x = area.left() + (step + 0.5) * area.width() / max(1, len(self.values))
        return QPointF(x, area.bottom() - self.values[step] * area.height())

    def _under(self, point: QPointF) -> tuple[int, float]:
        area = self._area()
        share = (point.x() - area.left()) / max(1.0, area.width())
        return int(share * len(self.values)), (area.bottom() - point.y()) / max(1.0, area.height())

    # By hand

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self.values:
            return
        x = event.position().x()
        ways = [abs(self.place(mark).x() - x) for mark in self.marks]
        self.held = ways.index(min(ways))
        self.move_mark(self.held, *self._under(event.position()))

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton and self.values:
            self.move_mark(self.held, *self._under(event.position()))

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        moves = {
            Qt.Key.Key_Left: (-1, 0.0),
            Qt.Key.Key_Right: (1, 0.0),
            Qt.Key.Key_Up: (0, _NUDGE),
            Qt.Key.Key_Down: (0, -_NUDGE),
        }
        if event.key() == Qt.Key.Key_Space:
            self.held = 1 - self.held
            self.update()
        elif event.key() in moves and self.values:
            aside, up = moves[Qt.Key(event.key())]
            step = self.marks[self.held] + aside
            inside = min(max(0, step), len(self.values) - 1)
            self.move_mark(self.held, step, self.values[inside] + up)
        else:
            super().keyPressEvent(event)

    @override
    def event(self, event: QEvent, /) -> bool:
        if event.type() in {QEvent.Type.FocusIn, QEvent.Type.FocusOut}:
            self.update()
        return super().event(event)

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            colours = theme()
            painter.fillRect(self.rect(), colours.color("surface0"))
            area = self._area()
            wide = max(1.0, 0.6 * area.width() / max(1, len(self.values)))
            for step in range(len(self.values)):
                top = self.place(step)
                colour = colours.color("accent" if step in self.marks else "textLow")
                bar = QRectF(top.x() - wide / 2, top.y(), wide, area.bottom() - top.y())
                painter.fillRect(bar, colour if step in self.marks else faded(colour, 0.45))
            painter.setPen(pen(colours.color("border")))
            painter.drawLine(area.bottomLeft(), area.bottomRight())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for mark, step in enumerate(self.marks):
                if step < len(self.values):
                    self._paint_mark(painter, mark, step)

    def _paint_mark(self, painter: QPainter, mark: int, step: int) -> None:
        colours, top = theme(), self.place(step)
        held = self.hasFocus() and mark == self.held
        painter.setPen(pen(colours.color("focus" if held else "textHi"), 2.0))
        painter.setBrush(colours.color("accent"))
        painter.drawEllipse(top, 5, 5)
        painter.setFont(colours.font("mono"))
        painter.setPen(colours.color("textHi"))
        box = QRectF(top.x() - 40, 2, 80, _HEAD - 4)
        box.moveLeft(min(max(0.0, box.left()), self.width() - box.width()))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{self.values[step]:.2f}")
