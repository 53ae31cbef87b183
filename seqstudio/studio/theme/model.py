"""The frozen `Theme`: every colour, font, measure and table that painting code may use.

A theme is a value. Painting code asks for it at paint time (`theme()`), never keeps one across a
theme change, and never writes a hex value, a font size or a radius of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEasingCurve, Qt
from PySide6.QtGui import QColor, QFont, QPen

from seqstudio.studio.theme.colour import contrast, mix, parse_colour

ThemeName = Literal["dark", "light"]
Quantity = Literal["attention", "probability", "gate", "gradient", "waterfall", "signed", "text"]

SMALLEST_TEXT_PX = 11
_LEAST_SCALE = 0.85
_TEXT_RATIO = 4.5
_SHAPE_RATIO = 3.0
_LOUDER = {"textLow": "textMid", "textMid": "textHi", "line": "border", "lineStrong": "border"}
_MONO_STYLES = frozenset({"mono", "monoSmall", "monoLarge"})


@lru_cache(maxsize=1)
def tokens() -> Mapping[str, Any]:
    """Return the design tokens of `resources/theme/tokens.json`, read once."""
    path = resources.files("seqstudio") / "resources" / "theme" / "tokens.json"
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


@dataclass(frozen=True)
class Theme:
    """One look: a theme name, its switches, and the font families of this computer.

    Attributes:
        name: "dark" or "light".
        safe: Colour-blind-safe set for roles and maps instead of the lectures' colours.
        high_contrast: Greys and lines one step stronger.
        reduced_motion: Every duration is 0.
        scale: Text size relative to a 13 px system font, at least 0.85.
        ui_family: Family of running text, "" for Qt's default.
        mono_family: Family of numbers, code and text under study.
    """

    name: ThemeName = "dark"
    safe: bool = False
    high_contrast: bool = False
    reduced_motion: bool = False
    scale: float = 1.0
    ui_family: str = ""
    mono_family: str = "monospace"
    _fonts: dict[str, QFont] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_dark(self) -> bool:
        """Whether wells are black rather than white."""
        return self.name == "dark"

    # Colours

    def color(self, token: str) -> QColor:
        """Return the colour of a token such as "surface0" or "textMid".

        Raises:
            KeyError: No such token.
        """
        name = _LOUDER.get(token, token) if self.high_contrast else token
        return QColor(_parsed(_palette(self.name)[name]))

    def role(self, name: str) -> QColor:
        """Return the colour of a lecture role: input, cell, output, loss, forward, gradient,
        features, query, key or value; from the safe set if that is switched on.

        Raises:
            KeyError: No such role.
        """  # noqa: D205
        chosen = tokens()["themes"][self.name]["semantic"]["safe" if self.safe else "lecture"]
        return QColor(_parsed(chosen[name]))

    def role_header(self, name: str) -> QColor:
        """Return the opaque header fill of a block of this role, over `surface2`."""
        return mix(self.role(name), self.color("surface2"), 0.20 if self.is_dark else 0.16)

    def role_icon(self, name: str) -> QColor:
        """Return the icon colour on `role_header`: the role where it keeps 3.0, else textHi."""
        full = self.role(name)
        header = self.role_header(name)
        return full if contrast(full, header) >= _SHAPE_RATIO else self.color("textHi")

    def role_text(self, name: str, surface: str = "surface0") -> QColor:
        """Return the role as a text colour on a surface if it keeps 4.5, else textHi."""
        full = self.role(name)
        readable = contrast(full, self.color(surface)) >= _TEXT_RATIO
        return full if readable else self.color("textHi")

    def accent_text(self, surface: str = "surface1") -> QColor:
        """Return the accent as a text colour on a surface, one step stronger where needed."""
        readable = contrast(self.color("accent"), self.color(surface)) >= _TEXT_RATIO
        return self.color("accent" if readable else "accentHover")

    def arch(self, name: str) -> QColor:
        """Return the colour of an architecture: rnn, gru, lstm, transformer, custom1..4."""
        return QColor(_parsed(tokens()["themes"][self.name]["arch"][name]))

    def arch_dash(self, name: str) -> tuple[float, ...]:
        """Return the dash of an architecture in pixels; () is a solid line."""
        return tuple(tokens()["archDash"][name])

    def arch_marker(self, name: str) -> str:
        """Return the marker letter of an architecture (o, s, d, t, +, x, p, h)."""
        return str(tokens()["archMarker"][name])

    def map_cursor(self) -> tuple[QColor, QColor]:
        """Return the cursor line and its casing, for use on top of colour maps."""
        line, casing = tokens()["colormap"]["mapCursor"]
        return QColor(_parsed(line)), QColor(_parsed(casing))

    def lookup(self, quantity: Quantity) -> NDArray[np.uint8]:
        """Return the colour map of a quantity as a table (256, 4), RGBA, low to high.

        "signed" (around zero) and "text" (behind textHi) are centred: 0 lies at 127.5.
        """
        return _lookup(quantity, self.name, self.safe)

    # Type

    def font(self, style: str = "body") -> QFont:
        """Return the font of a style of the type scale; tabular figures are on."""
        if style not in self._fonts:
            self._fonts[style] = self._make_font(style)
        return QFont(self._fonts[style])

    def _make_font(self, style: str) -> QFont:
        entry = tokens()["font"]["scale"][style]
        mono = style in _MONO_STYLES
        font = QFont()
        family = self.mono_family if mono else self.ui_family
        if family:
            font.setFamily(family)
        if mono:
            font.setStyleHint(QFont.StyleHint.Monospace)
        font.setPixelSize(self.text_px(style))
        font.setWeight(QFont.Weight(entry["weight"]))
        for tag, value in tokens()["font"]["monoFeatures" if mono else "features"].items():
            font.setFeature(QFont.Tag(tag), value)
        return font

    def text_px(self, style: str = "body") -> int:
        """Return the size of a style in logical pixels, never below 11."""
        return max(
            SMALLEST_TEXT_PX, round(float(tokens()["font"]["scale"][style]["px"]) * self.scale)
        )

    def line_height(self, style: str = "body") -> int:
        """Return the distance of two lines of a style in logical pixels."""
        return max(14, round(float(tokens()["font"]["scale"][style]["line"]) * self.scale))

    # Measures

    def metric(self, *path: str) -> int:
        """Return a measure such as `metric("formRow")` or `metric("plot", "left")`.

        Measures grow with a larger system font and never shrink with a smaller one.

        Raises:
            KeyError: No such measure.
        """
        return round(self.raw_metric(*path) * max(1.0, self.scale))

    def raw_metric(self, *path: str) -> float:
        """Return a measure as the token says, whatever the size of the text."""
        node: Any = tokens()["metrics"]
        for key in path:
            node = node[key]
        return float(node)

    def radius(self, name: str) -> float:
        """Return a corner radius: bar, tag, control, button, toolTip, block, card, frame..."""
        return float(tokens()["radius"][name])

    def stroke(self, name: str) -> float:
        """Return a line width: hair, icon, plot, plotCurrent, wire, selection, cursor..."""
        return float(tokens()["stroke"][name])

    def block_outline(self) -> float:
        """Return the width of a block's outline: 1, or 2 in high contrast."""
        return 2.0 if self.high_contrast else 1.0

    def dash(self, name: str) -> tuple[float, ...]:
        """Return a dash in pixels: validation, secondRun, thirdRun, floor, ids, mask, muted..."""
        return tuple(tokens()["dash"][name])

    def elevation(self, level: int) -> tuple[int, int]:
        """Return offset and blur of the shadow of an elevation (2 or 3), in pixels."""
        entry = tokens()["elevation"][str(level)] or {"dy": 0, "blur": 0}
        return int(entry["dy"]), int(entry["blur"])

    def motion(self, name: str) -> int:
        """Return a duration in ms: instant, fast, normal, slow, layout; 0 in reduced motion."""
        return 0 if self.reduced_motion else int(tokens()["motion"][name])

    def easing(self, name: str = "out") -> QEasingCurve:
        """Return the easing "out" (things that come) or "inOut" (things that move)."""
        kind = QEasingCurve.Type[tokens()["motion"]["easing"][name]]
        return QEasingCurve(kind)


def pen(colour: QColor, width: float = 1.0, dash: Sequence[float] = ()) -> QPen:
    """Return a pen in logical pixels; `dash` is in pixels, as in the tokens.

    Qt wants dashes as multiples of the pen width. Marks shorter than the pen are round dots.
    """
    result = QPen(colour, width)
    result.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    result.setCapStyle(Qt.PenCapStyle.FlatCap)
    if dash:
        result.setDashPattern([length / width for length in dash])
        if dash[0] < width:
            result.setCapStyle(Qt.PenCapStyle.RoundCap)
    return result


def _palette(name: str) -> Mapping[str, str]:
    palette: Mapping[str, str] = tokens()["themes"][name]["color"]
    return palette


@lru_cache(maxsize=256)
def _parsed(text: str) -> QColor:
    return parse_colour(text)


@lru_cache(maxsize=32)
def _lookup(quantity: str, name: str, safe: bool) -> NDArray[np.uint8]:
    maps = tokens()["colormap"]
    if quantity == "signed":
        return _three_stops(maps["diverging"][name])
    if quantity == "text":
        return _three_stops(maps["textHeat"][name])
    named = {
        "attention": maps["sequentialSafe" if safe else "sequential"],
        "probability": maps["sequentialSafe" if safe else "sequential"],
        "gate": maps["gate"],
        "gradient": maps["logMagnitude"],
        "waterfall": maps["sequential"],
    }
    return _named_map(named[quantity])


def _named_map(name: str) -> NDArray[np.uint8]:
    import pyqtgraph as pg  # heavy, and only maps need it

    stops = pg.colormap.get(name).getLookupTable(0.0, 1.0, 256, alpha=True)
    table: NDArray[np.uint8] = np.array(stops, np.uint8)
    table.setflags(write=False)
    return table


def _three_stops(stops: Sequence[str]) -> NDArray[np.uint8]:
    """Interpolate three colours linearly in sRGB to a table (256, 4)."""
    corners = np.array([_parsed(stop).getRgb() for stop in stops], float)
    place = np.linspace(0.0, 2.0, 256)
    columns = [np.interp(place, [0, 1, 2], corners[:, channel]) for channel in range(4)]
    table: NDArray[np.uint8] = np.rint(np.stack(columns, axis=1)).astype(np.uint8)
    table.setflags(write=False)
    return table
