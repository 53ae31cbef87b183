"""`CoachMark`: an accent card with an arrow to a real control, which it never covers."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPolygonF, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets.buttons import Button
from seqstudio.studio.widgets.labels import Label, repolish

Side = Literal["below", "above", "right", "left"]
SIDES: tuple[Side, ...] = ("below", "above", "right", "left")
_WIDTH = 312
_ARROW = (28, 12)
_EDGE = 12


class CoachMark(QWidget):
    """One step of a tour: at most three lines, "n of 5", Skip and Next.

    mark = CoachMark(transport.play, "Press Train. ...", step=1, steps=5)
    mark.next_pressed.connect(...); mark.skipped.connect(...); mark.show()

    Args:
        target: The control it points at; the mark lives in its window.
        text: What to do, at most three lines.
        step: 1 to `steps`.
        steps: Length of the tour.
    """

    next_pressed = Signal()
    skipped = Signal()

    def __init__(self, target: QWidget, text: str, step: int = 1, steps: int = 1) -> None:
        super().__init__(target.window())
        self._target = target
        self._side: Side = "below"
        self._tip = _WIDTH / 2
        last = step >= steps
        self._next = Button("Done" if last else "Next", parent=self)
        self._skip = Button("Skip", kind="text", parent=self)
        self._skip.setVisible(not last)
        self._lay_out(text, f"{step} of {steps}")
        self._next.clicked.connect(self.next_pressed)
        self._skip.clicked.connect(self.skipped)
        self.setAccessibleName(text)
        target.window().installEventFilter(self)
        target.installEventFilter(self)
        follow_theme(self)

    def _lay_out(self, text: str, count: str) -> None:
        rows = QVBoxLayout(self)
        self._rows = rows
        rows.setSpacing(8)
        rows.addWidget(Label(text, "body", "onAccent", wrap=True, parent=self))
        row = QHBoxLayout()
        row.addWidget(Label(count, "small", "onAccent", parent=self))
        row.addStretch(1)
        row.addWidget(self._skip)
        row.addWidget(self._next)
        rows.addLayout(row)
        for button in (self._skip, self._next):
            button.setProperty("on", "accent")
            repolish(button)

    def place(self) -> None:
        """Stand below the control, or where there is room: above it, right or left of it."""
        window = self._target.window()
        spot = QRect(self._target.mapTo(window, QPoint(0, 0)), self._target.size())
        self._side = self._roomy_side(spot, window.rect())
        self._measure()
        wide, tall = self.width(), self.height()
        if self._side in {"below", "above"}:
            x = _within(spot.center().x() - wide // 2, window.width() - wide)
            y = spot.bottom() + 4 if self._side == "below" else spot.top() - tall - 4
            self._tip = min(wide - 24.0, max(24.0, spot.center().x() - x))
        else:
            x = spot.right() + 4 if self._side == "right" else spot.left() - wide - 4
            y = _within(spot.top() + _EDGE, window.height() - tall)
            self._tip = min(tall / 2, 44.0)
        self.move(x, y)
        self.raise_()
        self.update()

    def _roomy_side(self, spot: QRect, window: QRect) -> Side:
        self._measure()
        need = self.height() + _EDGE
        if spot.bottom() + need <= window.bottom():
            return "below"
        if spot.top() - need >= window.top():
            return "above"
        beside = _WIDTH + _ARROW[1] + _EDGE
        return "right" if spot.right() + beside <= window.right() else "left"

    def _measure(self) -> None:
        arrow = {side: _ARROW[1] if side == self._side else 0 for side in SIDES}
        self._rows.setContentsMargins(
            16 + arrow["right"], 14 + arrow["below"], 16 + arrow["left"], 12 + arrow["above"]
        )
        wide = _WIDTH + arrow["right"] + arrow["left"]
        height = self._rows.heightForWidth(wide)
        self.resize(wide, max(height, self.minimumSizeHint().height()))

    @override
    def eventFilter(self, watched: QObject, event: QEvent, /) -> bool:
        moved = (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show)
        if self.isVisible() and event.type() in moved:
            self.place()
        return super().eventFilter(watched, event)

    @override
    def showEvent(self, event: QShowEvent, /) -> None:
        self.place()
        self._next.setFocus(Qt.FocusReason.OtherFocusReason)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.skipped.emit()
        else:
            super().keyPressEvent(event)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("accent"))
            radius = theme().radius("card")
            painter.drawRoundedRect(self._card(), radius, radius)
            painter.drawPolygon(self._arrow())

    def _card(self) -> QRectF:
        long = _ARROW[1]
        left, top, right, bottom = {
            "below": (0, long, 0, 0),
            "above": (0, 0, 0, -long),
            "right": (long, 0, 0, 0),
            "left": (0, 0, -long, 0),
        }[self._side]
        return QRectF(self.rect()).adjusted(left, top, right, bottom)

    def _arrow(self) -> QPolygonF:
        half, long, card, at = _ARROW[0] / 2, _ARROW[1], self._card(), self._tip
        if self._side in {"below", "above"}:
            base = card.top() if self._side == "below" else card.bottom()
            tip = base - long if self._side == "below" else base + long
            corners = [QPointF(at - half, base), QPointF(at, tip), QPointF(at + half, base)]
        else:
            base = card.left() if self._side == "right" else card.right()
            tip = base - long if self._side == "right" else base + long
            corners = [QPointF(base, at - half), QPointF(tip, at), QPointF(base, at + half)]
        return QPolygonF(corners)


def _within(place: int, last: int) -> int:
    """Return a place that keeps clear of the window's edges; `last` touches the far one."""
    return min(max(_EDGE, last - _EDGE), max(_EDGE, place))
