"""Icons drawn from the path strings of the tokens, in any token colour, sharp at any ratio.

`icon_pixmap("play", 16, "onAccent")` for painting, `icon("play")` for buttons and menus.
A colour is a token name or a `QColor` (role colours on blocks).
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QImage, QPixmap
from PySide6.QtSvg import QSvgRenderer

from seqstudio.studio.theme.manager import theme
from seqstudio.studio.theme.model import tokens
from seqstudio.studio.theme.painting import painting

# Three dots of 1.5 px are not seen at 16 px.
_STROKES = {"more": 2.5}


def icon_names() -> tuple[str, ...]:
    """Return the names of all icons."""
    return tuple(tokens()["icons"]["path"])


def icon_svg(name: str, colour: str, stroke: float | None = None) -> bytes:
    """Return an icon as an SVG document; `colour` is "#RRGGBB".

    Raises:
        KeyError: No such icon.
    """
    icons = tokens()["icons"]
    width = stroke or _STROKES.get(name) or icons["stroke"]
    paint = (
        f'fill="{colour}"'
        if name in icons["filled"]
        else f'fill="none" stroke="{colour}" stroke-width="{width}" '
        'stroke-linecap="round" stroke-linejoin="round"'
    )
    size = icons["grid"]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" '
        f'viewBox="0 0 {size} {size}"><path d="{icons["path"][name]}" {paint}/></svg>'
    ).encode()


def icon_pixmap(
    name: str, size: int = 16, color: str | QColor = "textMid", ratio: float = 0.0
) -> QPixmap:
    """Return an icon of `size` logical pixels; `ratio` 0 takes the sharpest screen's ratio."""
    colour = theme().color(color) if isinstance(color, str) else color
    sharp = ratio or QGuiApplication.instance().devicePixelRatio()
    pixmap = QPixmap.fromImage(_rendered(name, size, colour.rgba(), sharp))
    pixmap.setDevicePixelRatio(sharp)
    return pixmap


def icon(
    name: str,
    size: int = 16,
    color: str | QColor = "textMid",
    on: str | QColor = "textHi",
    disabled: str = "textDisabled",
) -> QIcon:
    """Return an icon for a button or action: `on` is used while checked or under the pointer."""
    result = QIcon()
    for state in (QIcon.State.Off, QIcon.State.On):
        usual = on if state is QIcon.State.On else color
        result.addPixmap(icon_pixmap(name, size, usual), QIcon.Mode.Normal, state)
        result.addPixmap(icon_pixmap(name, size, on), QIcon.Mode.Active, state)
        result.addPixmap(icon_pixmap(name, size, on), QIcon.Mode.Selected, state)
        result.addPixmap(icon_pixmap(name, size, disabled), QIcon.Mode.Disabled, state)
    return result


# Images, not pixmaps: a pixmap that outlives the application object brings the process down.
@lru_cache(maxsize=2048)
def _rendered(name: str, size: int, rgba: int, ratio: float) -> QImage:
    colour = QColor.fromRgba(rgba)
    side = max(1, round(size * ratio))
    image = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    with painting(image) as painter:
        painter.setOpacity(colour.alphaF())
        renderer = QSvgRenderer(QByteArray(icon_svg(name, colour.name())))
        renderer.render(painter, QRectF(0, 0, side, side))
    return image
