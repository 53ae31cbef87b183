"""Symbols with subscripts and superscripts, painted quickly: `W_{hh} h_{t−1}`."""

from __future__ import annotations

import re
from functools import lru_cache

from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from seqstudio.studio.theme import theme
from seqstudio.studio.widgets.token_lines import shown_text

_PART = re.compile(r"([_^])(?:\{([^}]*)\}|(.))")
_SHRINK = 0.78
_DROP, _RISE = 0.22, 0.38  # of the height of a letter


@lru_cache(maxsize=512)
def runs(symbol: str) -> tuple[tuple[str, str], ...]:
    """Take a symbol apart: (text, level) with level "", "_" or "^"."""
    found: list[tuple[str, str]] = []
    end = 0
    for match in _PART.finditer(symbol):
        if match.start() > end:
            found.append((symbol[end : match.start()], ""))
        found.append((match.group(2) or match.group(3), match.group(1)))
        end = match.end()
    if end < len(symbol):
        found.append((symbol[end:], ""))
    return tuple(found)


def plain(symbol: str) -> str:
    """Return a symbol as text for a tool tip or a reader: "W_hh h_t−1"."""
    return symbol.replace("{", "").replace("}", "")


def visible(token: str) -> str:
    """Return a token as it is printed; a lone space can be seen."""
    return "␣" if token == " " else shown_text(token)


def symbol_width(symbol: str, style: str = "small") -> float:
    """Return how wide a symbol is painted, in pixels."""
    font = theme().font(style)
    small = _small(font)
    return sum(
        QFontMetricsF(small if level else font).horizontalAdvance(text)
        for text, level in runs(symbol)
    )


def paint_symbol(
    painter: QPainter, place: QPointF, symbol: str, colour: QColor, style: str = "small"
) -> float:
    """Paint a symbol with its base line at a place; return how wide it was."""
    font = theme().font(style)
    small = _small(font)
    height = QFontMetricsF(font).ascent()
    painter.setPen(colour)
    x = place.x()
    for text, level in runs(symbol):
        used = small if level else font
        shift = {"": 0.0, "_": _DROP * height, "^": -_RISE * height}[level]
        painter.setFont(used)
        painter.drawText(QPointF(x, place.y() + shift), text)
        x += QFontMetricsF(used).horizontalAdvance(text)
    return x - place.x()


def _small(font: QFont) -> QFont:
    small = QFont(font)
    small.setPixelSize(max(9, round(font.pixelSize() * _SHRINK)))
    return small
