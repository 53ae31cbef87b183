"""`ProgressBar`: progress of work, or a share with the tick of its baseline; 4 px high."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, painting, theme

_STEPS = 10_000
_HEIGHT = 4.0


class ProgressBar(QProgressBar):
    """A bar of 4 px; `token` is a colour token, or a `QColor` set with `set_color`.

    bar.set_fraction(0.42)      # 0 to 1
    bar.set_tick(0.1)           # baseline to clear; None takes it away
    """

    def __init__(
        self, token: str = "accent", *, name: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._token = token
        self._color: QColor | None = None
        self._tick: float | None = None
        self.setRange(0, _STEPS)
        self.setTextVisible(False)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        follow_theme(self)

    @override
    def sizeHint(self) -> QSize:
        return QSize(96, 10)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(24, 10)

    def set_fraction(self, fraction: float) -> None:
        """Show a share, 0 to 1."""
        self.setValue(round(min(1.0, max(0.0, fraction)) * _STEPS))

    def set_tick(self, fraction: float | None) -> None:
        """Show a baseline at a share, None for none."""
        self._tick = fraction
        self.update()

    def set_color(self, color: QColor | None) -> None:
        """Take a role colour instead of the token."""
        self._color = color
        self.update()

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            top = (self.height() - _HEIGHT) / 2
            radius = theme().radius("bar")
            painter.setBrush(theme().color("surface3"))
            painter.drawRoundedRect(QRectF(0, top, self.width(), _HEIGHT), radius, radius)
            painter.setBrush(self._color or theme().color(self._token))
            filled = self.width() * self.value() / _STEPS
            if filled:
                bar = QRectF(0, top, max(filled, _HEIGHT), _HEIGHT)
                painter.drawRoundedRect(bar, radius, radius)
            if self._tick is not None:
                x = min(self.width() - 1.5, max(0.0, self.width() * self._tick - 0.75))
                painter.fillRect(QRectF(x, top - 3, 1.5, _HEIGHT + 6), theme().color("textHi"))
