"""`CoachMark`: an accent card with an arrow to a real control, which it never covers."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPolygonF, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets.buttons import Button
from seqstudio.studio.widgets.labels import Label, repolish

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
        self._below = True
        self._tip_x = _WIDTH / 2
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
        """Stand below the control, or above it where there is no room."""
        window = self._target.window()
        spot = QRect(self._target.mapTo(window, QPoint(0, 0)), self._target.size())
        self._measure()
        self._below = spot.bottom() + self.height() + 4 <= window.height()
        self._measure()
        limit = max(_EDGE, window.width() - _WIDTH - _EDGE)
        x = min(limit, max(_EDGE, spot.center().x() - _WIDTH // 2))
        y = spot.bottom() + 4 if self._below else spot.top() - self.height() - 4
        self._tip_x = min(_WIDTH - 24.0, max(24.0, spot.center().x() - x))
        self.move(x, y)
        self.raise_()
        self.update()

    def _measure(self) -> None:
        top, bottom = (_ARROW[1], 0) if self._below else (0, _ARROW[1])
        self._rows.setContentsMargins(16, 14 + top, 16, 12 + bottom)
        height = self._rows.heightForWidth(_WIDTH)
        self.resize(_WIDTH, max(height, self.minimumSizeHint().height()))

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
            half, height = _ARROW[0] / 2, _ARROW[1]
            card = QRectF(self.rect())
            card = (
                card.adjusted(0, height, 0, 0) if self._below else card.adjusted(0, 0, 0, -height)
            )
            radius = theme().radius("card")
            painter.drawRoundedRect(card, radius, radius)
            base = card.top() if self._below else card.bottom()
            tip = base - height if self._below else base + height
            x = self._tip_x
            corners = [QPointF(x - half, base), QPointF(x, tip), QPointF(x + half, base)]
            painter.drawPolygon(QPolygonF(corners))
