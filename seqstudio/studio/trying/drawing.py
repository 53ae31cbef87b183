"""Widgets for pictures that are tried: `DrawPad` to draw on, `PixelView` to see small ones large.

Shape legend: N = side of the canvas in its own pixels; C, H, W = a picture of the data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.plots.maps import rgba_image
from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme

CANVAS = 160
BRUSHES = (("0.03", "Fine"), ("0.055", "Soft"), ("0.09", "Broad"))
_SOFT = 2.5  # canvas pixels over which a stroke fades


class _Square(QWidget):
    """A widget that paints into the largest square in its middle."""

    def __init__(self, name: str, least: int, parent: QWidget | None) -> None:
        super().__init__(parent)
        self._least = least
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    @override
    def sizeHint(self) -> QSize:
        return QSize(2 * self._least, 2 * self._least)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(self._least, self._least)

    @Slot()
    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        self.update()

    def square(self) -> QRectF:
        """Return where the picture lies."""
        side = float(max(8, min(self.width(), self.height()) - 4))
        return QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)

    def share_at(self, place: QPointF) -> tuple[float, float]:
        """Return x and y of a pixel as shares of the square, 0 to 1 inside."""
        rect = self.square()
        return (place.x() - rect.left()) / rect.width(), (place.y() - rect.top()) / rect.height()


class DrawPad(_Square):
    """Draw with the mouse: the left button gives ink, the right one takes it away.

    Signals:
        drawn(): the drawing changed.
        file_dropped(str): a file was dropped on it.

    Attributes:
        ink: (N, N) how much lies at each place, 0 to 1.
        brush: Half the width of the brush, as a share of the side.
    """

    drawn = Signal()
    file_dropped = Signal(str)

    def __init__(self, name: str = "Draw here", parent: QWidget | None = None) -> None:
        super().__init__(name, 120, parent)
        self.ink: NDArray[np.float64] = np.zeros((CANVAS, CANVAS))
        self.brush = float(BRUSHES[1][0])
        self._last: tuple[float, float] | None = None
        self._hint = "Draw with the mouse"
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAcceptDrops(True)
        self.setToolTip("Left button: ink. Right button: take it away. Delete: clear")

    @property
    def empty(self) -> bool:
        """Whether nothing is drawn."""
        return not self.ink.any()

    def set_hint(self, hint: str) -> None:
        """Say what to do while nothing is drawn."""
        self._hint = hint
        self.update()

    def set_ink(self, picture: NDArray[np.floating]) -> None:
        """Show a picture (h, w) of ink, 0 to 1, to be drawn on; no signal."""
        rows = np.arange(CANVAS) * picture.shape[0] // CANVAS
        columns = np.arange(CANVAS) * picture.shape[1] // CANVAS
        self.ink = np.clip(picture[rows][:, columns].astype(np.float64), 0, 1)
        self.update()

    @Slot()
    def clear(self) -> None:
        """Take everything away."""
        self.ink = np.zeros((CANVAS, CANVAS))
        self.update()
        self.drawn.emit()

    def stroke(
        self, start: tuple[float, float], end: tuple[float, float], *, away: bool = False
    ) -> None:
        """Draw a line between two places, in shares of the side."""
        (x0, y0), (x1, y1) = ((x * CANVAS, y * CANVAS) for x, y in (start, end))
        places = np.arange(CANVAS) + 0.5
        dx, dy = x1 - x0, y1 - y0
        length = dx * dx + dy * dy
        along = (places[None, :] - x0) * dx + (places[:, None] - y0) * dy
        t = np.clip(along / length, 0, 1) if length else np.zeros((CANVAS, CANVAS))
        far = np.hypot(places[None, :] - x0 - t * dx, places[:, None] - y0 - t * dy)
        cover = np.clip((self.brush * CANVAS - far) / _SOFT + 0.5, 0, 1)
        self.ink = self.ink * (1 - cover) if away else np.maximum(self.ink, cover)
        self.update()
        self.drawn.emit()

    # Pointer, keys, files

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        self._last = self.share_at(event.position())
        self._draw_to(self._last, event)

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if self._last is not None:
            self._draw_to(self.share_at(event.position()), event)

    def _draw_to(self, place: tuple[float, float], event: QMouseEvent) -> None:
        pressed = event.buttons()
        away = bool(pressed & Qt.MouseButton.RightButton)
        if away or pressed & Qt.MouseButton.LeftButton:
            self.stroke(self._last or place, place, away=away)
            self._last = place

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        self._last = None

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        if event.key() in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace}:
            self.clear()
        else:
            super().keyPressEvent(event)

    @override
    def dragEnterEvent(self, event: QDragEnterEvent, /) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    @override
    def dropEvent(self, event: QDropEvent, /) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.file_dropped.emit(paths[0])

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            rect = self.square()
            painter.fillRect(rect, Qt.GlobalColor.black)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(rect, image_of(self.ink[None]))
            if self.empty:
                painter.setFont(theme().font("small"))
                painter.setPen(Qt.GlobalColor.lightGray)
                painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self._hint)
            edge = "accent" if self.hasFocus() else "line"
            painter.setPen(pen(theme().color(edge), 1.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(rect)


class PixelView(_Square):
    """A small picture, every pixel a square, with what was not read yet dimmed.

    Signals:
        pointed(int): number of the part under a click, line by line of the grid.
    """

    pointed = Signal(int)

    def __init__(self, name: str, least: int = 72, parent: QWidget | None = None) -> None:
        super().__init__(name, least, parent)
        self._image = QImage()
        self._grid = (1, 1)
        self._read = -1
        self._marks: NDArray[np.float64] | None = None

    def set_picture(self, picture: NDArray[np.floating]) -> None:
        """Show a picture (C, H, W), 0 to 1."""
        self._image = image_of(picture)
        self.update()

    def set_grid(self, grid: tuple[int, int]) -> None:
        """Say into how many lines and columns of parts the picture is cut."""
        self._grid = grid
        self.update()

    def set_read(self, parts: int) -> None:
        """Dim all parts but the first ones; -1 dims none."""
        self._read = parts
        self.update()

    def set_marks(self, marks: NDArray[np.float64] | None) -> None:
        """Lay values (h, w) over the picture, coloured around zero; None takes them away."""
        self._marks = marks
        self.update()

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        x, y = self.share_at(event.position())
        lines, columns = self._grid
        if 0 <= x < 1 and 0 <= y < 1:
            self.pointed.emit(int(y * lines) * columns + int(x * columns))

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            rect = self.square()
            painter.fillRect(rect, theme().color("surface2"))
            if not self._image.isNull():
                painter.drawImage(rect, self._image)
            self._paint_marks(painter, rect)
            self._paint_dimmed(painter, rect)
            painter.setPen(pen(theme().color("line"), 1.0))
            painter.drawRect(rect)

    def _paint_marks(self, painter: QPainter, rect: QRectF) -> None:
        if self._marks is None:
            return
        most = max(float(np.abs(self._marks).max(initial=0.0)), 1e-9)
        shares = np.clip(self._marks / most, -1, 1)
        colours = theme().lookup("signed")[np.rint(127.5 + 127.5 * shares).astype(int)].copy()
        colours[..., 3] = np.rint(215 * np.sqrt(np.abs(shares))).astype(np.uint8)
        painter.drawImage(rect, rgba_image(np.ascontiguousarray(colours)))

    def _paint_dimmed(self, painter: QPainter, rect: QRectF) -> None:
        if self._read < 0:
            return
        lines, columns = self._grid
        width, height = rect.width() / columns, rect.height() / lines
        veil = faded(theme().color("surface0"), 0.72)
        for part in range(self._read, lines * columns):
            line, column = divmod(part, columns)
            left, top = rect.left() + column * width, rect.top() + line * height
            painter.fillRect(QRectF(left, top, width + 0.5, height + 0.5), veil)


def image_of(picture: NDArray[np.floating]) -> QImage:
    """Return a picture (C, H, W), 0 to 1, as an image: in colour with three channels."""
    shades = np.clip(picture * 255, 0, 255).astype(np.uint8)
    _, height, width = shades.shape
    if len(shades) == 3:
        colours = np.ascontiguousarray(shades.transpose(1, 2, 0))
        form = QImage.Format.Format_RGB888
        return QImage(colours.data, width, height, 3 * width, form).copy()
    grey = np.ascontiguousarray(shades[0])
    return QImage(grey.data, width, height, width, QImage.Format.Format_Grayscale8).copy()
