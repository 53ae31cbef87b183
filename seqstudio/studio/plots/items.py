"""What stands in a plot: curves, lines of reference, thresholds, regions. Plain data.

A paint is a word, resolved in the theme in force at paint time: a colour token ("textHi"),
"arch:lstm" or "role:gradient".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from PySide6.QtGui import QColor

from seqstudio.studio.plots.series import FloatArray, Series
from seqstudio.studio.theme import theme

Axis = Literal["x", "y"]


def resolve(paint: str) -> QColor:
    """Return the colour of a paint word in the theme in force.

    Raises:
        KeyError: No such token, architecture or role.
    """
    kind, _, name = paint.rpartition(":")
    if kind == "arch":
        return theme().arch(name)
    return theme().role(name) if kind == "role" else theme().color(name)


def no_redraw() -> None:
    """Stand in for the plot of a curve that belongs to none."""


@dataclass
class Curve:
    """One line; made by `Plot.add_curve`, changed through its methods.

    Attributes:
        key: Name for `Plot.curve(key)`.
        paint: Colour word.
        label: Name at the end of the line, "" for none.
        detail: Words after the name instead of the value ("÷10 every 3.9").
        form: How the value is written (see `widgets.numbers`).
        width: 1.75; 2.25 for the current run; 1 for a raw trace.
        dash: In pixels, () is solid.
        opacity: 0 to 1 (0.38 for a raw trace).
        markers: Hollow discs at the samples, for evaluations.
        line: Whether samples are joined.
        show_value: Whether the newest value stands beside the name.
        read_out: Whether the cursor box tells its value.
        visible: Whether it is painted.
    """

    key: str
    paint: str
    label: str = ""
    detail: str = ""
    form: str = "auto"
    width: float = 1.75
    dash: tuple[float, ...] = ()
    opacity: float = 1.0
    markers: bool = False
    line: bool = True
    show_value: bool = True
    read_out: bool = True
    visible: bool = True
    series: Series = field(default_factory=Series)
    band: tuple[FloatArray, FloatArray, FloatArray] | None = None
    redraw: Callable[[], None] = no_redraw

    def append(self, x: float, y: float) -> None:
        """Add one sample; x ascends, y may be NaN."""
        self.series.append(x, y)
        self.redraw()

    def extend(self, x: ArrayLike, y: ArrayLike) -> None:
        """Add samples, both of shape (n,)."""
        self.series.extend(x, y)
        self.redraw()

    def set_data(self, x: ArrayLike, y: ArrayLike) -> None:
        """Replace all samples, both of shape (n,), x ascending."""
        self.series.clear()
        self.series.extend(x, y)
        self.redraw()

    def set_band(self, x: ArrayLike, low: ArrayLike, high: ArrayLike) -> None:
        """Show a band (10 to 90 %) behind the line, all of shape (n,), x ascending."""
        self.band = (np.asarray(x, float), np.asarray(low, float), np.asarray(high, float))
        self.redraw()

    def set_label(self, label: str, detail: str = "") -> None:
        """Rename the line."""
        self.label, self.detail = label, detail
        self.redraw()

    def set_visible(self, visible: bool) -> None:
        """Show or hide the line."""
        self.visible = visible
        self.redraw()


@dataclass
class Reference:
    """A horizontal line that is named and cannot be moved: a floor, or zero."""

    value: float
    label: str = ""
    floor: bool = True


@dataclass
class Threshold:
    """A line with a handle that the person drags.

    Attributes:
        value: Where it stands.
        axis: "y" for a horizontal line, "x" for a vertical wall.
        label: Written at the line; `form` and the value follow if it ends in a space.
        minimum: Least place.
        maximum: Greatest place.
        paint: Colour word.
        hatch: Hatch everything above (axis "x": right of) it: outside a truncation window.
    """

    value: float
    axis: Axis = "y"
    label: str = ""
    minimum: float = -np.inf
    maximum: float = np.inf
    form: str = "auto"
    paint: str = "accent"
    hatch: bool = False
    movable: bool = True


@dataclass
class Region:
    """A hatched part of the x axis with words: outside a window, not yet written."""

    low: float
    high: float
    label: str = ""
