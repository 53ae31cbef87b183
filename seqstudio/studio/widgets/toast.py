"""`ToastStack`: short notices at the bottom right, never errors that need an answer.

self.toasts = ToastStack(window)
toast = self.toasts.show_toast("Run 12 saved at step 4,200", "Checkpoint and 18 samples",
action="Open")
toast.acted.connect(open_run)
"""

from __future__ import annotations

from PySide6.QtCore import (
    QEasingCurve,
    QEvent,
    QObject,
    QPoint,
    QPropertyAnimation,
    QRectF,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import QEnterEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, icon_pixmap, painting, pen, theme
from seqstudio.studio.widgets.buttons import Button, IconButton
from seqstudio.studio.widgets.labels import Label
from seqstudio.studio.widgets.shadow import SHADOW_MARGIN, paint_shadow

_WIDTH = 420
_LIFE_MS = 6000
_INSET = 16
_GAP = 8
_AT_MOST = 3


class Toast(QWidget):
    """One notice; it leaves after 6 s, but not from under the pointer or the keyboard.

    Signals:
        acted: its action was pressed.
        closed: it is about to go.
    """

    acted = Signal()
    closed = Signal()

    def __init__(
        self, text: str, detail: str, icon: str, tone: str, action: str, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._icon_name, self._tone = icon, tone
        self._icon = Label(parent=self)
        self._life = QTimer(self)
        self._life.setSingleShot(True)
        self._life.timeout.connect(self.close_toast)
        self._lay_out(text, detail, action)
        self.setFixedWidth(_WIDTH + 2 * SHADOW_MARGIN)
        self.setAccessibleName(f"{text} {detail}".strip())
        follow_theme(self)
        self._life.start(_LIFE_MS)

    def _lay_out(self, text: str, detail: str, action: str) -> None:
        row = QHBoxLayout(self)
        margin = SHADOW_MARGIN
        row.setContentsMargins(margin + 14, margin + 10, margin + 8, margin + 10)
        row.setSpacing(12)
        row.addWidget(self._icon)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(Label(text, "body", "textHi", wrap=True, parent=self))
        if detail:
            words.addWidget(Label(detail, "small", "textMid", wrap=True, parent=self))
        row.addLayout(words, 1)
        if action:
            button = Button(action, kind="text", parent=self)
            button.clicked.connect(self._act)
            row.addWidget(button)
        close = IconButton("close", "Dismiss", glyph=14, parent=self)
        close.clicked.connect(self.close_toast)
        row.addWidget(close)

    @Slot()
    def _act(self) -> None:
        self.acted.emit()
        self.close_toast()

    @Slot()
    def close_toast(self) -> None:
        """Leave now."""
        self._life.stop()
        self.closed.emit()

    @override
    def enterEvent(self, event: QEnterEvent, /) -> None:
        self._life.stop()

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._life.start(_LIFE_MS)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        event.accept()  # what lies below must not get the click

    @Slot()
    def restyle(self) -> None:
        """Take the icon from the theme in force."""
        self._icon.setPixmap(icon_pixmap(self._icon_name, 18, self._tone))
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            margin = SHADOW_MARGIN
            card = QRectF(self.rect()).adjusted(margin, margin, -margin, -margin)
            radius = theme().radius("card")
            paint_shadow(painter, card, radius)
            painter.setBrush(theme().color("surface3" if theme().is_dark else "surface2"))
            painter.setPen(pen(theme().color("lineStrong")))
            painter.drawRoundedRect(card.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)


class ToastStack(QObject):
    """Keeps the notices of one window, at most three, the newest lowest."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._toasts: list[Toast] = []
        window.installEventFilter(self)

    def show_toast(
        self,
        text: str,
        detail: str = "",
        *,
        icon: str = "check",
        tone: str = "success",
        action: str = "",
    ) -> Toast:
        """Show one line and one detail, and a text action if one is named."""
        toast = Toast(text, detail, icon, tone, action, self._window)
        toast.closed.connect(self._closed)
        self._toasts.append(toast)
        while len(self._toasts) > _AT_MOST:
            self._remove(self._toasts[0])
        toast.adjustSize()
        toast.show()
        self._place(animate=toast)
        return toast

    def toasts(self) -> tuple[Toast, ...]:
        """Return the notices that are shown, oldest first."""
        return tuple(self._toasts)

    @Slot()
    def _closed(self) -> None:
        toast = self.sender()
        if isinstance(toast, Toast):
            self._remove(toast)
            self._place()

    def _remove(self, toast: Toast) -> None:
        if toast in self._toasts:
            self._toasts.remove(toast)
        toast.hide()
        toast.deleteLater()

    def _place(self, animate: Toast | None = None) -> None:
        bottom = self._window.height() - _INSET
        for toast in reversed(self._toasts):
            card_height = toast.height() - 2 * SHADOW_MARGIN
            x = self._window.width() - _INSET - toast.width() + SHADOW_MARGIN
            place = QPoint(x, bottom - card_height - SHADOW_MARGIN)
            if toast is animate and theme().motion("slow"):
                self._slide_in(toast, place)
            else:
                toast.move(place)
            toast.raise_()
            bottom -= card_height + _GAP

    def _slide_in(self, toast: Toast, place: QPoint) -> None:
        slide = QPropertyAnimation(toast, b"pos", toast)
        slide.setDuration(theme().motion("slow"))
        slide.setEasingCurve(QEasingCurve(theme().easing("out")))
        slide.setStartValue(place + QPoint(0, 16))
        slide.setEndValue(place)
        slide.start(QPropertyAnimation.DeletionPolicy.DeleteWhenStopped)

    @override
    def eventFilter(self, watched: QObject, event: QEvent, /) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)
