"""`PictureAttention`: the picture with the weights of one word over it, and one for every word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.plots import mappaint
from seqstudio.studio.theme import follow_theme, painting, pen, theme
from seqstudio.studio.widgets.token_lines import shown_text

_INSET, _GAP = 16.0, 8.0
_THUMB = (56.0, 104.0)
_VEIL = 0.8  # how much of the picture a weight of 1 covers


class PictureAttention(QWidget):
    """Pictures of T words: a large one of the chosen word and a strip of all.

    Signals:
        picked(int): word that was clicked, or reached with the arrow keys.
        hovered(int, int): word and place under the pointer in the large picture, (-1, -1) outside.
    """

    picked = Signal(int)
    hovered = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = QImage()
        self._weights: NDArray[np.float64] = np.zeros((0, 0))
        self._grid = (0, 0)
        self._words: tuple[str, ...] = ()
        self._most = 1.0
        self._by_row = False
        self._cursor = 0
        self._hover = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Attention over the picture")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    def set_data(
        self,
        picture: NDArray[np.float32],
        weights: NDArray[np.floating],
        grid: tuple[int, int],
        words: Sequence[str],
        *,
        by_row: bool = False,
    ) -> None:
        """Show weights over a picture.

        Args:
            picture: (C, H, W) between 0 and 1.
            weights: (T, P) of every word; a class token in front of the places is left out.
            grid: Lines and columns of the P places.
            words: (T,) what is written at each step.
            by_row: Divide the weights of each word by their largest.
        """
        places = grid[0] * grid[1]
        self._picture = _grey(picture)
        self._weights = np.asarray(weights, float)[:, -places:]
        self._grid, self._words, self._by_row = grid, tuple(words), by_row
        self.update()

    def set_cursor(self, word: int) -> None:
        """Choose a word without a signal."""
        self._cursor = min(max(0, word), max(0, len(self._words) - 1))
        self.update()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(220, 220)

    @Slot()
    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        self.update()

    # Places

    def _columns(self) -> int:
        room = self.width() - 2 * _INSET + _GAP
        return max(1, min(len(self._words), int(room // (_THUMB[0] + _GAP))))

    def _thumb(self) -> float:
        room = self.width() - 2 * _INSET + _GAP
        return min(_THUMB[1], max(_THUMB[0], room / max(1, self._columns()) - _GAP))

    def _strip_height(self) -> float:
        lines = -(-len(self._words) // self._columns())
        return lines * (self._thumb() + theme().line_height("mono") + _GAP)

    def thumb_rect(self, word: int) -> QRectF:
        """Return where the picture of a word stands in the strip."""
        line, column = divmod(word, self._columns())
        side, head = self._thumb(), theme().line_height("mono")
        top = self.height() - self._strip_height() + line * (side + head + _GAP)
        return QRectF(_INSET + column * (side + _GAP), top, side, side)

    def large_rect(self) -> QRectF:
        """Return where the large picture stands."""
        head = theme().line_height("body") + 8.0
        room = self.height() - self._strip_height() - head - 2 * _GAP
        side = max(24.0, min(room, self.width() - 2 * _INSET - 90.0))
        return QRectF(_INSET, head, side, side)

    def word_at(self, place: QPointF) -> int:
        """Return the word whose picture in the strip is under a pixel, -1 for none."""
        below = theme().line_height("mono")
        inside = (word for word in range(len(self._words))
                  if self.thumb_rect(word).adjusted(0, 0, 0, below).contains(place))  # fmt: skip
        return next(inside, -1)

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            if not self._words:
                return
            self._paint_large(painter)
            for word in range(len(self._words)):
                self._paint_thumb(painter, word)

    def _paint_large(self, painter: QPainter) -> None:
        rect, row = self.large_rect(), self._weights[self._cursor]
        self._paint_over(painter, rect, row)
        painter.setFont(theme().font("body"))
        painter.setPen(theme().color("textHi"))
        word = shown_text(self._words[self._cursor])
        told = f"“{word}”: the strongest place has {row.max(initial=0.0):.2f}"
        painter.drawText(QPointF(_INSET, painter.fontMetrics().ascent() + 2), told)
        bar = QRectF(rect.right() + 18, rect.top() + 18, 10, min(120.0, rect.height() - 18))
        self._paint_bar(painter, bar)

    def _paint_bar(self, painter: QPainter, bar: QRectF) -> None:
        mappaint.paint_bar(painter, bar, theme().lookup("attention"))
        mappaint.paint_bar_ticks(painter, bar, (0.0, 1.0), powers=False)
        title = "of the largest" if self._by_row else "weight"
        mappaint.paint_bar_title(painter, bar, title)

    def _paint_thumb(self, painter: QPainter, word: int) -> None:
        rect = self.thumb_rect(word)
        self._paint_over(painter, rect, self._weights[word])
        chosen = word == self._cursor
        if chosen or word == self._hover:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(pen(theme().color("accent" if chosen else "textLow"), 2.0))
            painter.drawRoundedRect(rect.adjusted(-2, -2, 2, 2), 3, 3)
        painter.setFont(theme().font("monoSmall"))
        painter.setPen(theme().color("textHi" if chosen else "textMid"))
        below = QRectF(rect.left() - 4, rect.bottom() + 2, rect.width() + 8, 18)
        metrics = painter.fontMetrics()
        shown = metrics.elidedText(
            shown_text(self._words[word]), Qt.TextElideMode.ElideRight, int(below.width())
        )
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, shown)

    def _paint_over(self, painter: QPainter, rect: QRectF, row: NDArray[np.float64]) -> None:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(rect, self._picture)
        most = float(row.max(initial=0.0)) if self._by_row else 1.0
        shares = np.clip(row / max(most, 1e-12), 0.0, 1.0)
        table = theme().lookup("attention")
        width, height = rect.width() / self._grid[1], rect.height() / self._grid[0]
        for place, share in enumerate(shares):
            line, column = divmod(place, self._grid[1])
            corner = QPointF(rect.left() + column * width, rect.top() + line * height)
            colour = QColor(*(int(part) for part in table[round(255 * share)][:3]))
            # What is not looked at stays as it is; what is looked at keeps its outline.
            colour.setAlphaF(_VEIL * float(np.sqrt(share)))
            painter.fillRect(_whole(corner, width, height), colour)

    # Pointer and keys

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        word = self.word_at(event.position())
        if word != self._hover:
            self._hover = word
            self.update()
        self.hovered.emit(*self._place_at(event.position()))

    def _place_at(self, place: QPointF) -> tuple[int, int]:
        rect = self.large_rect()
        if not rect.contains(place) or not self._words:
            return -1, -1
        line = int((place.y() - rect.top()) / rect.height() * self._grid[0])
        column = int((place.x() - rect.left()) / rect.width() * self._grid[1])
        line, column = min(line, self._grid[0] - 1), min(column, self._grid[1] - 1)
        return self._cursor, line * self._grid[1] + column

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._hover = -1
        self.hovered.emit(-1, -1)
        self.update()

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        word = self.word_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and word >= 0:
            self.picked.emit(word)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None or not self._words:
            super().keyPressEvent(event)
        else:
            self.picked.emit(min(len(self._words) - 1, max(0, self._cursor + step)))


def _whole(corner: QPointF, width: float, height: float) -> QRect:
    """Return the pixels of a cell, so that neighbours neither overlap nor leave a gap."""
    left, top = round(corner.x()), round(corner.y())
    return QRect(left, top, round(corner.x() + width) - left, round(corner.y() + height) - top)


def _grey(picture: NDArray[np.float32]) -> QImage:
    """Return (C, H, W) as an image: the mean of the channels in grey."""
    grey = np.clip(picture.mean(0) * 255, 0, 255).astype(np.uint8)
    grey = np.ascontiguousarray(grey)
    height, width = grey.shape
    return QImage(grey.data, width, height, width, QImage.Format.Format_Grayscale8).copy()
