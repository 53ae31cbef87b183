"""A line chart as SVG text: for pages that have to stand alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from seqstudio.records.readings import Floats

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#a6761d")
"""Okabe and Ito's, told apart also by people who do not see all colours."""

WIDTH = 1000
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 30, 34
LEGEND = 20
CEILING = 0.995  # share of the values that the axis has to hold: one spike must not flatten all


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        name: For the legend.
        x: (n,) places, ascending.
        y: (n,) values; what is not finite is left out.
        number: Which colour.
        dashed: Drawn with gaps.
    """

    name: str
    x: Floats
    y: Floats
    number: int
    dashed: bool = False

    @property
    def colour(self) -> str:
        """Its colour."""
        return COLOURS[self.number % len(COLOURS)]


@dataclass(frozen=True)
class _Axis:
    """From values to places: `low` at `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, values: Floats) -> Floats:
        if self.log:
            low, high, values = math.log10(self.low), math.log10(self.high), np.log10(values)
        else:
            low, high = self.low, self.high
        return self.start + (values - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1)]
        return _round_ticks(self.low, self.high)


def chart(title: str, lines: Sequence[Line], height: int = 380, *, log: bool = False) -> str:
    """Return a chart of values by training step.

    Args:
        title: What the values are, with their unit.
        lines: What to draw; lines without a finite value are left out.
        height: In pixels of the drawing, which is `WIDTH` wide.
        log: Whether the values have a logarithmic axis; those not above 0 are left out.
    """
    shown = [line for line in (_finite(each, log) for each in lines) if len(line.x)]
    if not shown:
        return f"<p>{escape(title)}: nothing recorded.</p>"
    foot = height + LEGEND * math.ceil(len(shown) / 4)
    across, up = _axes(shown, height, log)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {foot}" role="img" aria-label="{escape(title)}">',
        f'<text x="{LEFT}" y="18" font-weight="600">{escape(title)}</text>',
        *_grid(across, up, height),
        *(_path(line, across, up) for line in shown),
        *_legend(shown, height),
        "</svg>",
    ]
    return "\n".join(parts)


def _finite(line: Line, log: bool) -> Line:
    good = np.isfinite(line.y) & ((line.y > 0) if log else True)
    return Line(line.name, line.x[good], line.y[good], line.number, line.dashed)


def _axes(lines: Sequence[Line], height: int, log: bool) -> tuple[_Axis, _Axis]:
    x = np.concatenate([line.x for line in lines])
    y = np.concatenate([line.y for line in lines])
    across = _Axis(0.0, max(float(x.max()), 1.0), LEFT, WIDTH - RIGHT)
    low, high = float(y.min()), float(np.quantile(y, CEILING))
    if log:
        return across, _Axis(low / 1.1, max(high, low) * 1.1, height - BOTTOM, TOP, log=True)
    room = 0.05 * max(high - low, abs(high) * 1e-6, 1e-12)
    return across, _Axis(low - room, high + room, height - BOTTOM, TOP)


def _round_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers in a range: 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    gap = next(power * step for step in (1, 2, 5, 10) if power * step >= rough * (1 - 1e-9))
    return [gap * number for number in range(math.ceil(low / gap), math.floor(high / gap) + 1)]


def _grid(across: _Axis, up: _Axis, height: int) -> list[str]:
    parts = []
    for value in up.ticks():
        y = float(up.at(np.array(value)))
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="currentColor" opacity=".15"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.6g}</text>'
        )
    for value in across.ticks():
        x, y = float(across.at(np.array(value))), height - BOTTOM + 18
        parts.append(f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{value:,.0f}</text>')
    return parts


def _path(line: Line, across: _Axis, up: _Axis) -> str:
    top = min(up.start, up.end)
    xs, ys = across.at(line.x), np.maximum(up.at(line.y), top)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
    dash = ' stroke-dasharray="6 4"' if line.dashed else ""
    return (
        f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="1.5"{dash}'
        f"><title>{escape(line.name)}</title></polyline>"
    )


def _legend(lines: Sequence[Line], height: int) -> list[str]:
    parts = []
    for number, line in enumerate(lines):
        x = LEFT + (number % 4) * (WIDTH - LEFT) / 4
        y = height + LEGEND * (number // 4) + 8
        dash = ' stroke-dasharray="6 4"' if line.dashed else ""
        parts.append(
            f'<path d="M{x:.0f} {y - 4}h24" stroke="{line.colour}" stroke-width="2"{dash}/>'
            f'<text x="{x + 30:.0f}" y="{y}">{escape(line.name)}</text>'
        )
    return parts
