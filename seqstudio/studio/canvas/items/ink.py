"""What painting the canvas needs, made once a theme: pens, colours, fonts; and the item itself.

Hundreds of items ask for the same pen at every picture, so nothing here is made twice.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPen
from PySide6.QtWidgets import QGraphicsRectItem

from seqstudio.studio.theme import Theme, faded, pen, theme

LOD_LINES, LOD_TEXT = 0.5, 0.35
BYPASSED, MUTED = 0.45, 0.5
WORLD = 1.2e6


class CanvasItem(QGraphicsRectItem):
    """An item that Qt knows by a plain rectangle, which it asks for without going through Python.

    `setRect` says how far the painting reaches.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setPen(Qt.PenStyle.NoPen)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)


@lru_cache(maxsize=1024)
def _pen(rgba: int, width: float, dash: tuple[float, ...]) -> QPen:
    result = pen(QColor.fromRgba(rgba), width, dash)
    result.setCosmetic(False)
    return result


def scene_pen(width: float, color: QColor, dash: tuple[float, ...] = ()) -> QPen:
    """Return a pen that zooms with the scene."""
    return QPen(_pen(color.rgba(), width, dash))


class Ink:
    """Colours, fonts and measures of one theme, as the canvas uses them.

    Attributes:
        style: The theme.
        header: Height of a block's header.
        inset: Room left of the lines of a block.
        pitch: Distance of two lines.
        radius: Corner of a block.
        title: Font of a block's title.
        small: Font of its lines.
        mono: Font of shapes.
    """

    def __init__(self, style: Theme) -> None:
        self.style = style
        self.header = float(style.metric("block", "header"))
        self.inset = float(style.metric("block", "padX"))
        self.pitch = float(style.metric("block", "line"))
        self.radius = style.radius("block")
        self.title, self.small = style.font("blockTitle"), style.font("small")
        self.mono = style.font("monoSmall")
        self._metrics: dict[str, QFontMetricsF] = {}
        self._colours: dict[str, QColor] = {}
        self._far: dict[int, QPen] = {}

    def metrics(self, font: str) -> QFontMetricsF:
        """Return the measures of a font of the type scale."""
        if font not in self._metrics:
            self._metrics[font] = QFontMetricsF(self.font(font))
        return self._metrics[font]

    def font(self, name: str) -> QFont:
        """Return a font of the type scale."""
        return self.style.font(name)

    def color(self, token: str) -> QColor:
        """Return the colour of a token."""
        if token not in self._colours:
            self._colours[token] = self.style.color(token)
        return self._colours[token]

    def fill(self, role: str) -> QColor:
        """Return the header of a block: of its lecture role, grey without one."""
        key = f"fill {role}"
        if key not in self._colours:
            plain = self.style.color("surface3")
            self._colours[key] = self.style.role_header(role) if role else plain
        return self._colours[key]

    def icon(self, role: str) -> QColor:
        """Return the colour of the icon on that header."""
        key = f"icon {role}"
        if key not in self._colours:
            plain = self.style.color("textHi")
            self._colours[key] = self.style.role_icon(role) if role else plain
        return self._colours[key]

    def far_pen(self, colour: QColor) -> QPen:
        """Return the pen of a wire that is far away: a pixel wide whatever the zoom."""
        key = colour.rgba()
        if key not in self._far:
            self._far[key] = scene_pen(1.0, colour)
            self._far[key].setCosmetic(True)
        return self._far[key]

    def wire(self) -> QColor:
        """Return the colour of a wire at rest."""
        if "wire" not in self._colours:
            self._colours["wire"] = faded(self.style.role("forward"), 0.82)
        return self._colours["wire"]


class _InUse:
    """Holds the ink of the theme in force."""

    ink: Ink | None = None


def ink() -> Ink:
    """Return the ink of the theme in force."""
    if _InUse.ink is None or _InUse.ink.style is not theme():
        _InUse.ink = Ink(theme())
    return _InUse.ink
