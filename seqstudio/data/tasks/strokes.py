"""Digits drawn with strokes of our own: no two alike, in any size.

Each digit has one or two ways to be written, as lines through points in a box of width and height
1, y downwards. Shape legend: B = digits, K = points of a digit, S = side in pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Line = tuple[tuple[float, float], ...]

_WAYS: dict[int, tuple[tuple[Line, ...], ...]] = {
    0: ((((0.5, 0.0), (0.15, 0.15), (0.05, 0.5), (0.15, 0.85), (0.5, 1.0), (0.85, 0.85),
          (0.95, 0.5), (0.85, 0.15), (0.5, 0.0)),),),
    1: ((((0.5, 0.0), (0.5, 0.5), (0.5, 1.0)),),
        (((0.25, 0.25), (0.55, 0.0)), ((0.55, 0.0), (0.55, 0.5), (0.55, 1.0)))),
    2: ((((0.1, 0.25), (0.25, 0.04), (0.6, 0.0), (0.85, 0.2), (0.75, 0.5), (0.4, 0.8),
          (0.1, 1.0)), ((0.1, 1.0), (0.5, 0.98), (0.95, 1.0))),),
    3: ((((0.1, 0.1), (0.45, 0.0), (0.8, 0.12), (0.8, 0.35), (0.45, 0.48)),
         ((0.45, 0.48), (0.85, 0.6), (0.88, 0.85), (0.5, 1.0), (0.1, 0.9))),),
    4: ((((0.6, 0.0), (0.3, 0.35), (0.05, 0.68)), ((0.05, 0.68), (0.5, 0.66), (0.95, 0.66)),
         ((0.7, 0.35), (0.7, 0.7), (0.68, 1.0))),
        (((0.2, 0.0), (0.12, 0.3), (0.15, 0.5)), ((0.15, 0.5), (0.5, 0.52), (0.8, 0.5)),
         ((0.8, 0.05), (0.8, 0.5), (0.78, 1.0)))),
    5: ((((0.85, 0.0), (0.5, 0.01), (0.2, 0.0)), ((0.2, 0.0), (0.17, 0.22), (0.15, 0.42)),
         ((0.15, 0.42), (0.5, 0.36), (0.85, 0.52), (0.85, 0.82), (0.5, 1.0), (0.1, 0.93))),),
    6: ((((0.7, 0.0), (0.35, 0.2), (0.12, 0.55), (0.15, 0.88), (0.5, 1.0), (0.82, 0.86),
          (0.8, 0.6), (0.5, 0.5), (0.15, 0.66)),),),
    7: ((((0.05, 0.03), (0.5, 0.0), (0.9, 0.0)), ((0.9, 0.0), (0.62, 0.45), (0.42, 1.0))),
        (((0.05, 0.03), (0.5, 0.0), (0.9, 0.0)), ((0.9, 0.0), (0.62, 0.45), (0.42, 1.0)),
         ((0.3, 0.52), (0.55, 0.5), (0.85, 0.5)))),
    8: ((((0.5, 0.48), (0.18, 0.3), (0.25, 0.05), (0.5, 0.0), (0.78, 0.06), (0.82, 0.3),
          (0.5, 0.48), (0.12, 0.7), (0.2, 0.95), (0.5, 1.0), (0.8, 0.95), (0.88, 0.7),
          (0.5, 0.48)),),),
    9: ((((0.82, 0.3), (0.55, 0.5), (0.2, 0.42), (0.16, 0.14), (0.5, 0.0), (0.8, 0.1),
          (0.82, 0.3)), ((0.82, 0.3), (0.78, 0.65), (0.6, 1.0))),),
}  # fmt: skip

_SMOOTH = 4
_WOBBLE, _TILT, _LEAN, _NARROW = 0.045, 0.09, 0.22, 0.18
_THICK = (0.055, 0.1)
_MARGIN = 0.06


def draw_digits(rng: np.random.Generator, digits: NDArray[np.int64], side: int) -> Floats:
    """Draw digits, each in its own hand, as high as the picture and in its middle.

    Args:
        rng: Where the hands come from.
        digits: (B,) 0 to 9.
        side: S.

    Returns:
        (B, S, S) how far the pen covers each pixel, 0 to 1.
    """
    result = np.zeros((len(digits), side, side))
    chosen = rng.random(len(digits))
    for digit, ways in _WAYS.items():
        for number, way in enumerate(ways):
            mine = (digits == digit) & ((chosen * len(ways)).astype(int) == number)
            rows = np.flatnonzero(mine)
            if len(rows):
                lines = _laid(_written(rng, way, len(rows)))
                result[rows] = _covered(lines, rng.uniform(*_THICK, len(rows)), side)
    return result


def _written(rng: np.random.Generator, way: tuple[Line, ...], count: int) -> list[Floats]:
    """Return the lines of one digit in as many hands: points (B, K, 2), x and y."""
    slant, tilt = rng.normal(0, _LEAN, (count, 1)), rng.normal(0, _TILT, (count, 1))
    narrow = np.exp(rng.normal(-0.3, _NARROW, (count, 1)))
    # Lines that meet in a point still meet: a point wobbles once.
    wobble = {point: rng.normal(0, _WOBBLE, (count, 2)) for line in way for point in line}
    lines = []
    for line in way:
        points = np.stack([np.array(point) - 0.5 + wobble[point] for point in line], 1)
        x, y = points[..., 0] * narrow - slant * points[..., 1], points[..., 1]
        turned = (x * np.cos(tilt) - y * np.sin(tilt), x * np.sin(tilt) + y * np.cos(tilt))
        lines.append(_smooth(np.stack(turned, -1)))
    return lines


def _smooth(points: Floats) -> Floats:
    """Return curves through points (B, k, 2) (Catmull and Rom 1974), in `_SMOOTH` pieces each."""
    first, last = 2 * points[:, :1] - points[:, 1:2], 2 * points[:, -1:] - points[:, -2:-1]
    wide = np.concatenate([first, points, last], 1)
    p0, p1, p2, p3 = (wide[:, at : wide.shape[1] - 3 + at, None] for at in range(4))
    t = np.linspace(0, 1, _SMOOTH, endpoint=False)[:, None]
    bend = (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    curve = (p1 + 0.5 * ((p2 - p0) * t + bend)).reshape(len(points), -1, 2)
    return np.concatenate([curve, points[:, -1:]], 1)


def _laid(lines: list[Floats]) -> list[Floats]:
    """Scale the lines of every digit so that the longer side fills the box, and centre them."""
    every = np.concatenate(lines, 1)
    low, high = every.min(1, keepdims=True), every.max(1, keepdims=True)
    size = (1 - 2 * _MARGIN) / np.maximum((high - low).max(2, keepdims=True), 1e-6)
    return [(line - (low + high) / 2) * size + 0.5 for line in lines]


def _covered(lines: list[Floats], thick: Floats, side: int) -> Floats:
    """Return (B, S, S): how far a pen of half the width `thick` (B,) covers each pixel."""
    a = np.concatenate([line[:, :-1] for line in lines], 1)[..., None, None]
    b = np.concatenate([line[:, 1:] for line in lines], 1)[..., None, None]
    centres = (np.arange(side) + 0.5) / side
    along = b - a
    dx, dy = centres - a[:, :, 0], centres[:, None] - a[:, :, 1]
    length = np.maximum((along**2).sum(2), 1e-12)
    t = np.clip((dx * along[:, :, 0] + dy * along[:, :, 1]) / length, 0, 1)
    away = (dx - t * along[:, :, 0]) ** 2 + (dy - t * along[:, :, 1]) ** 2
    nearest = np.sqrt(away.min(1))
    result: Floats = np.clip((thick[:, None, None] - nearest) * side + 0.5, 0, 1)
    return result
