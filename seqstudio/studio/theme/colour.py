"""Colour arithmetic: parsing, WCAG contrast, mixing. No tokens, no widgets."""

from __future__ import annotations

from PySide6.QtGui import QColor

_LUMINANCE_WEIGHTS = (0.2126, 0.7152, 0.0722)


def parse_colour(text: str) -> QColor:
    """Return the colour written as "#RRGGBB" or "#RRGGBBAA".

    Qt reads eight digits as #AARRGGBB, so they are taken apart here.

    Raises:
        ValueError: `text` is neither form.
    """
    digits = text.removeprefix("#")
    if len(digits) not in (6, 8) or not text.startswith("#"):
        msg = f"not a colour: {text!r}"
        raise ValueError(msg)
    red, green, blue, *alpha = bytes.fromhex(digits)
    return QColor(red, green, blue, alpha[0] if alpha else 255)


def luminance(colour: QColor) -> float:
    """Return the WCAG 2.x relative luminance, 0 (black) to 1 (white); alpha is ignored."""
    channels = (colour.redF(), colour.greenF(), colour.blueF())
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(weight * c for weight, c in zip(_LUMINANCE_WEIGHTS, linear, strict=True))


def contrast(first: QColor, second: QColor) -> float:
    """Return the WCAG contrast ratio of two opaque colours, 1 to 21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def mix(over: QColor, under: QColor, share: float) -> QColor:
    """Return `share` (0 to 1) of `over` painted on opaque `under`, in sRGB."""
    pairs = zip(over.getRgbF()[:3], under.getRgbF()[:3], strict=True)
    return QColor.fromRgbF(*(share * a + (1 - share) * b for a, b in pairs))


def faded(colour: QColor, opacity: float) -> QColor:
    """Return `colour` with its alpha multiplied by `opacity` (0 to 1)."""
    result = QColor(colour)
    result.setAlphaF(colour.alphaF() * opacity)
    return result
