"""Pictures of plots and maps for files and the clipboard, off the screen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter

from seqstudio.studio.theme import Theme, painting, painting_in, theme

_TITLE_HEIGHT = 36


def blank_image(width: int, height: int, ratio: float) -> QImage:
    """Return an image to paint on in logical pixels."""
    pixels = QSize(round(width * ratio), round(height * ratio))
    image = QImage(pixels, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    return image


def titled_image(
    paint: Callable[[QPainter, QRectF], None],
    size: tuple[int, int],
    look: Theme | None,
    title: str,
    ratio: float,
) -> QImage:
    """Return what `paint` paints, under a title if there is one.

    Args:
        paint: Called once, with the area of `size` from the origin.
        size: Of the painted part, in logical pixels; a title adds to the height.
        look: Theme to paint in, None for the current one.
        title: Words above the picture, or "".
        ratio: Device pixels per logical pixel.
    """
    head = _TITLE_HEIGHT if title else 0
    image = blank_image(size[0], size[1] + head, ratio)
    with nullcontext() if look is None else painting_in(look), painting(image) as painter:
        _paint_title(painter, QRectF(0, 0, size[0], head), title)
        painter.translate(0, head)
        paint(painter, QRectF(0, 0, *size))
    return image


def _paint_title(painter: QPainter, area: QRectF, title: str) -> None:
    painter.fillRect(area, theme().color("surface0"))
    painter.setFont(theme().font("panelTitle"))
    painter.setPen(theme().color("textHi"))
    box = area.adjusted(12, 8, -12, 0)
    painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)
