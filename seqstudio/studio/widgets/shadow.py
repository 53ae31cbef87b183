"""The soft shadow of things that float, painted by hand: no graphics effect, no extra buffer."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from seqstudio.studio.theme import faded, theme

SHADOW_MARGIN = 24


def paint_shadow(painter: QPainter, card: QRectF, radius: float, level: int = 3) -> None:
    """Paint the shadow of a rounded card; leave `SHADOW_MARGIN` pixels around the card for it."""
    drop, blur = theme().elevation(level)
    rings = max(1, blur // 2)
    share = faded(theme().color("shadow"), 1.2 / rings)
    painter.save()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(share)
    for ring in range(rings):
        grow = blur * (ring / rings) ** 1.5 * 0.8
        around = card.adjusted(-grow, -grow + drop, grow, grow + drop)
        painter.drawRoundedRect(around, radius + grow, radius + grow)
    painter.restore()
