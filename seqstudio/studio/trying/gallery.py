"""`GalleryView`: pictures with the sentence of the model under each, good ones and mistakes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, painting, pen, theme
from seqstudio.studio.trying.drawing import image_of
from seqstudio.studio.widgets import Label

if TYPE_CHECKING:
    from seqstudio.records.inside.trying.caption import CaptionGallery

_CARD, _PICTURE, _GAP = 132.0, 96.0, 10.0
_LINES = 3


class GalleryView(QWidget):
    """Numbers over all pictures, and cards of the best and the worst.

    Signals:
        picked(int): number of the picture that was clicked.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.told = Label("", "small", "textMid", wrap=True)
        self.cards = _Cards()
        area = QScrollArea()
        area.setWidget(self.cards)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self.told)
        rows.addWidget(area, 1)
        self.cards.picked.connect(self.picked)
        self.set_gallery(None)

    def set_gallery(self, gallery: CaptionGallery | None) -> None:
        """Show another gallery, None while there is none."""
        self.cards.set_gallery(gallery)
        self.told.setText("The model is writing…" if gallery is None else summary(gallery))


def summary(gallery: CaptionGallery) -> str:
    """Return what all pictures of a gallery together say."""
    words = [
        f"{gallery.count} held-out pictures",
        f"{gallery.exact:.0%} of the sentences are right word by word",
        f"CIDEr {gallery.cider:.2f} of 10",
    ]
    if not math.isnan(gallery.overlap):
        words.append(
            f"attention at {gallery.nouns} nouns overlaps the named thing by {gallery.overlap:.2f}"
            f" (by chance {gallery.by_chance:.2f})"
        )
    return ", ".join(words) + ("." if gallery.done else ", more on their way…")


class _Cards(QWidget):
    """A card a picture: what the model wrote, what is right, the loss."""

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._gallery: CaptionGallery | None = None
        self._images: list[QImage] = []
        self.setAccessibleName("Gallery of captions")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        follow_theme(self)

    def set_gallery(self, gallery: CaptionGallery | None) -> None:
        if gallery is self._gallery:
            return
        self._gallery = gallery
        pictures = () if gallery is None else gallery.pictures
        self._images = [image_of(picture) for picture in pictures]
        self.setMinimumHeight(math.ceil(self._height()))
        self.update()

    @Slot()
    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        self.setMinimumHeight(math.ceil(self._height()))
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(420, math.ceil(self._height()))

    def _columns(self) -> int:
        return max(1, int((self.width() - _GAP) // (_CARD + _GAP)))

    def _card_height(self) -> float:
        return _PICTURE + 8 + (2 * _LINES + 1) * theme().line_height("small") + 8

    def _head(self) -> float:
        return float(theme().line_height("small")) + 8

    def _split(self) -> int:
        """Return how many cards are good ones: the first half."""
        return (len(self._images) + 1) // 2

    def _height(self) -> float:
        return sum(top for top in self._parts())

    def _parts(self) -> tuple[float, float]:
        """Return the heights of the good part and of the mistakes."""
        columns, split = self._columns(), self._split()
        lines = [-(-count // columns) for count in (split, len(self._images) - split)]
        good, bad = (self._head() + n * (self._card_height() + _GAP) for n in lines)
        return good, bad

    def card_rect(self, at: int) -> QRectF:
        """Return where a card stands."""
        split, columns = self._split(), self._columns()
        top = self._head() if at < split else self._parts()[0] + self._head()
        line, column = divmod(at if at < split else at - split, columns)
        left = _GAP + column * (_CARD + _GAP)
        return QRectF(left, top + line * (self._card_height() + _GAP), _CARD, self._card_height())

    @override
    def resizeEvent(self, event: object, /) -> None:
        self.setMinimumHeight(math.ceil(self._height()))

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        place = event.position()
        for at in range(len(self._images)):
            if self.card_rect(at).contains(place):
                self.picked.emit(at)
                return

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            if self._gallery is None:
                return
            painter.setFont(theme().font("small"))
            painter.setPen(theme().color("textMid"))
            ascent = painter.fontMetrics().ascent()
            painter.drawText(QPointF(_GAP, ascent), "The best, by loss")
            painter.drawText(QPointF(_GAP, self._parts()[0] + ascent), "The worst")
            for at in range(len(self._images)):
                self._paint_card(painter, at, self._gallery)

    def _paint_card(self, painter: QPainter, at: int, gallery: CaptionGallery) -> None:
        card = self.card_rect(at)
        painter.setPen(pen(theme().color("line"), 1.0))
        painter.setBrush(theme().color("surface1"))
        painter.drawRoundedRect(card, 4, 4)
        side = QRectF(card.left() + (_CARD - _PICTURE) / 2, card.top() + 6, _PICTURE, _PICTURE)
        painter.drawImage(side, self._images[at])
        right = gallery.told[at] == gallery.right[at]
        line = theme().line_height("small")
        text = QRectF(card.left() + 6, side.bottom() + 4, _CARD - 12, _LINES * line)
        painter.setPen(theme().color("textHi"))
        _write(painter, text, gallery.told[at] or "nothing")
        below = QRectF(text.left(), text.bottom(), text.width(), text.height())
        painter.setPen(theme().color("textMid"))
        _write(painter, below, "right" if right else f"not: {gallery.right[at]}")
        low = QPointF(text.left(), card.bottom() - 6)
        painter.setFont(theme().font("monoSmall"))
        painter.drawText(low, f"{gallery.losses[at]:.3f} nats a word")
        painter.setFont(theme().font("small"))


def _write(painter: QPainter, rect: QRectF, text: str) -> None:
    """Write words into a box, broken at spaces; what does not fit is cut with dots."""
    metrics = QFontMetricsF(painter.font())
    room = rect.width() * (_LINES - 0.4)
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
    flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
    painter.drawText(rect, flags, shown)
