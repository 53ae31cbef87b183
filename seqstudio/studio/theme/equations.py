"""Equations: LaTeX to a picture in the colour of the theme.

ziamath is imported with the first equation, because it takes a third of a second. Rendering is
plain Python and safe in a worker thread; only `equation_pixmap` needs the window's thread.
"""

from __future__ import annotations

from functools import lru_cache
from threading import Lock

from PySide6.QtCore import QByteArray, QRectF, QSize
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPixmap
from PySide6.QtSvg import QSvgRenderer

from seqstudio.studio.theme.manager import theme
from seqstudio.studio.theme.painting import painting

# ziamath keeps counters and fonts in module globals.
_ONE_AT_A_TIME = Lock()


class EquationError(ValueError):
    """The LaTeX cannot be typeset."""


@lru_cache(maxsize=512)
def equation_svg(latex: str, px: float, colour: str) -> bytes:
    """Return typeset LaTeX as an SVG document.

    Args:
        latex: One formula without dollar signs.
        px: Font size in logical pixels.
        colour: "#RRGGBB".

    Raises:
        EquationError: ziamath cannot read the formula.
    """
    import ziamath.zmath as typesetter
    from ziamath.config import config

    # The SVG 2 output uses <symbol>, of which QSvgRenderer draws almost nothing.
    config.svg2 = False
    try:
        with _ONE_AT_A_TIME:
            return str(typesetter.Latex(latex, size=px, color=colour).svg()).encode()
    except (AssertionError, ArithmeticError, AttributeError, LookupError, ValueError) as error:
        msg = f"cannot typeset {latex!r}"
        raise EquationError(msg) from error
    except Exception as error:
        # latex2mathml derives its errors from Exception itself; anything else is a real fault.
        if not type(error).__module__.startswith("latex2mathml"):
            raise
        msg = f"cannot typeset {latex!r}"
        raise EquationError(msg) from error


def equation_size(svg: bytes) -> QSize:
    """Return the natural size of a typeset equation in logical pixels."""
    return QSvgRenderer(QByteArray(svg)).defaultSize()


def equation_pixmap(latex: str, px: float = 0.0, color: str | QColor = "textHi") -> QPixmap:
    """Return an equation at the device's pixel ratio; `px` 0 takes 16 px at the user's scale.

    Raises:
        EquationError: The LaTeX cannot be read.
    """
    chosen = theme().color(color) if isinstance(color, str) else color
    svg = equation_svg(latex, px or 16 * theme().scale, chosen.name())
    ratio = QGuiApplication.instance().devicePixelRatio()
    size = equation_size(svg)
    image = QImage(size * ratio, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    with painting(image) as painter:
        QSvgRenderer(QByteArray(svg)).render(painter, QRectF(image.rect()))
    pixmap = QPixmap.fromImage(image)
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
