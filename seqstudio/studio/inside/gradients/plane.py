"""`Plane`: eigenvalues in the complex plane with the unit circle, both axes equally long."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.plots import Scale, resolve, ticks
from seqstudio.studio.plots.frame import Frame, hairline, sharp
from seqstudio.studio.plots.paint import paint_titles
from seqstudio.studio.plots.scale import tick_texts
from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme
from seqstudio.studio.widgets import format_number

HALF = 1.25  # the fixed range, -1.25 to 1.25, grows by these factors and never shrinks
_WIDER = (1.0, 1.6, 2.4, 4.0, 8.0, 16.0, 64.0, 256.0)
_DOT, _NEAR = 2.75, 12.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 44.0, 32.0, 14.0, 40.0


class Plane(QWidget):
    """Complex numbers as dots; those outside the unit circle are filled, the others are rings."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: NDArray[np.complex128] = np.zeros(0, complex)
        self._paint, self._name = "textMid", ""
        self._half = HALF
        self._hover: int | None = None
        self.setMouseTracking(True)
        self.setAccessibleName("Eigenvalues in the complex plane")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    def set_values(self, real: ArrayLike, imag: ArrayLike, paint: str, name: str) -> None:
        """Show eigenvalues, both parts of shape (S,), in the colour of a paint word."""
        self._values = np.asarray(real, float) + 1j * np.asarray(imag, float)
        self._paint, self._name = paint, name
        largest = float(np.abs(self._values).max(initial=0.0))
        half = next((HALF * f for f in _WIDER if HALF * f >= 1.04 * largest), HALF * _WIDER[-1])
        self._half = max(self._half, half)
        self._hover = None
        self.update()

    def forget(self) -> None:
        """Take all away; the range is the fixed one again."""
        self._values, self._half, self._hover = np.zeros(0, complex), HALF, None
        self.update()

    @property
    def half(self) -> float:
        """Where both axes end."""
        return self._half

    @override
    def sizeHint(self) -> QSize:
        return QSize(320, 320)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(160, 150)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    def frame(self) -> Frame:
        """Return the square of the data in pixels, and its scales."""
        inner = QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)
        side = max(24.0, min(inner.width(), inner.height()))
        left = inner.left() + max(0.0, (inner.width() - side) / 2)
        scale = Scale(-self._half, self._half)
        return Frame(QRectF(left, inner.top(), side, side), scale, scale)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            frame = self.frame()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_grid(painter, frame)
            self._paint_circle(painter, frame)
            self._paint_dots(painter, frame)
            self._paint_titles(painter, frame)
            self._paint_hover(painter, frame)

    def _paint_grid(self, painter: QPainter, frame: Frame) -> None:
        """Paint the same lines and ticks for both axes."""
        painter.setFont(theme().font("axis"))
        metrics, rect = painter.fontMetrics(), frame.rect
        values = self._ticks(rect.width())
        for value, text in zip(values, tick_texts(values, frame.x), strict=True):
            x, y = sharp(float(frame.px(value))), sharp(float(frame.py(value)))
            painter.setPen(hairline(painter, theme().color("gridMajor")))
            painter.drawLine(QPointF(x, rect.top()), QPointF(x, rect.bottom()))
            painter.drawLine(QPointF(rect.left(), y), QPointF(rect.right(), y))
            painter.setPen(theme().color("textLow"))
            width = metrics.horizontalAdvance(text)
            below = rect.bottom() + 8 + metrics.ascent()
            painter.drawText(QPointF(x - width / 2, below), text)
            left = QPointF(rect.left() - 8 - width, y + metrics.capHeight() / 2)
            painter.drawText(left, text)

    def _ticks(self, width: float) -> list[float]:
        """Return round values of both axes, -1 and 1 among them unless the plane is wide."""
        if self._half > 2 * HALF:
            return ticks(Scale(-self._half, self._half), max(3, min(7, int(width // 60))))
        step = 0.5 if width >= 260 and self._half <= HALF else 1.0
        most = math.floor(self._half / step)
        return [index * step for index in range(-most, most + 1)]

    def _paint_titles(self, painter: QPainter, frame: Frame) -> None:
        painter.save()
        painter.translate(frame.rect.left() - _LEFT, 0)
        moved = Frame(frame.rect.translated(_LEFT - frame.rect.left(), 0), frame.x, frame.y)
        paint_titles(painter, moved, "real part", "imaginary part", self.width())
        painter.restore()

    def _paint_circle(self, painter: QPainter, frame: Frame) -> None:
        """Paint the unit circle and both axes through 0."""
        zero, one = frame.point(0.0, 0.0), frame.point(1.0, 0.0)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(pen(theme().color("zeroLine"), 1.0))
        painter.drawLine(
            QPointF(zero.x(), frame.rect.top()), QPointF(zero.x(), frame.rect.bottom())
        )
        painter.drawLine(
            QPointF(frame.rect.left(), zero.y()), QPointF(frame.rect.right(), zero.y())
        )
        painter.setPen(pen(theme().color("textMid"), 1.5))
        painter.drawEllipse(zero, one.x() - zero.x(), one.x() - zero.x())

    def _paint_dots(self, painter: QPainter, frame: Frame) -> None:
        colour = resolve(self._paint)
        outside = np.abs(self._values) > 1.0
        xs, ys = frame.px(self._values.real), frame.py(self._values.imag)
        for beyond in (False, True):
            painter.setPen(pen(colour if beyond else faded(colour, 0.85), 1.0))
            painter.setBrush(faded(colour, 0.9 if beyond else 0.25))
            for x, y in zip(xs[outside == beyond], ys[outside == beyond], strict=True):
                painter.drawEllipse(QPointF(x, y), _DOT, _DOT)

    def _paint_hover(self, painter: QPainter, frame: Frame) -> None:
        if self._hover is None:
            return
        value = self._values[self._hover]
        painter.setPen(pen(theme().color("cursor"), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(frame.point(value.real, value.imag), _DOT + 3, _DOT + 3)

    # Pointer

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        self._point_at(self.nearest(event.position()))

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._point_at(None)

    def nearest(self, place: QPointF) -> int | None:
        """Return the number of the eigenvalue under the pointer, None for none."""
        if not self._values.size:
            return None
        frame = self.frame()
        off = np.hypot(
            frame.px(self._values.real) - place.x(), frame.py(self._values.imag) - place.y()
        )
        index = int(off.argmin())
        return index if off[index] <= _NEAR else None

    def _point_at(self, index: int | None) -> None:
        if index != self._hover:
            self._hover = index
            self.setToolTip("" if index is None else f"{self._name}: {told(self._values[index])}")
            self.update()


def told(value: complex) -> str:
    """Return an eigenvalue in words: "0.52 + 0.31 i, modulus 0.605"."""
    real = format_number(value.real, ".3f")
    sign = "+" if value.imag >= 0 else "−"
    imag = f" {sign} {abs(value.imag):.3f} i" if value.imag else ""
    turn = f", turns {abs(math.degrees(np.angle(value))):.0f}° a step" if value.imag else ""
    return f"{real}{imag}, modulus {abs(value):.3f}{turn}"
