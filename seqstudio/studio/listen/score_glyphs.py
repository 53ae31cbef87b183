"""The signs of standard notation as paths of our own, in staff spaces; y grows downwards.

Origins follow the engraver: a clef's is on its line, a head's on its step, a digit's between its
lines, a flag's at the end of the stem. Curved signs are drawn with a broad pen: a line through
points whose width changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainterPath, QPolygonF, QTransform

Points = Sequence[tuple[float, float, float]]
_FINE = 12
_DOT = 0.2
#: Joining paths turns curves into lines of about a unit: done at a size where that is fine.
_UP, _DOWN = QTransform.fromScale(128, 128), QTransform.fromScale(1 / 128, 1 / 128)


@cache
def glyph(name: str) -> QPainterPath:
    """Return the path of a sign.

    Raises:
        KeyError: No sign has that name.
    """
    if name.startswith("digit"):
        path = _DIGITS[int(name[5:])]()
    elif name.startswith("rest") and name[4:].isdigit():
        path = _short_rest(int(name[4:]).bit_length() - 3)
    else:
        path = _SIGNS[name]()
    return path


def _brush(points: Points) -> QPainterPath:
    """Return the outline of a pen of changing width led through points, as a spline."""
    line = _spline(np.array(points, float))
    place, width = line[:, :2], line[:, 2]
    step = np.gradient(place, axis=0)
    length = np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)
    side = np.stack([-step[:, 1] / length, step[:, 0] / length], 1) * width[:, None] / 2
    outline = np.concatenate([place + side, (place - side)[::-1]])
    path = QPainterPath()
    path.addPolygon(QPolygonF([QPointF(x, y) for x, y in outline]))
    path.closeSubpath()
    path.setFillRule(Qt.FillRule.WindingFill)
    return _DOWN.map(_UP.map(path).simplified())


def _spline(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a Catmull-Rom line through points (n, 3): x, y, width."""
    padded = np.concatenate(
        [2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]]
    )
    share = np.linspace(0, 1, _FINE, endpoint=False)[:, None]
    parts = []
    for before, first, last, after in zip(
        padded, padded[1:], padded[2:], padded[3:], strict=False
    ):
        parts.append(
            0.5 * (2 * first + (last - before) * share
                   + (2 * before - 5 * first + 4 * last - after) * share**2
                   + (3 * first - before - 3 * last + after) * share**3)
        )  # fmt: skip
    line = np.concatenate([*parts, points[-1:]])
    line[:, 2] = np.maximum(line[:, 2], 0.03)
    return line


def _ball(x: float, y: float, radius: float) -> QPainterPath:
    path = QPainterPath()
    path.addEllipse(QPointF(x, y), radius, radius)
    return path


def _oval(x: float, y: float, wide: float, high: float, turn: float = 0.0) -> QPainterPath:
    path = QPainterPath()
    path.addEllipse(QPointF(0, 0), wide, high)
    return QTransform().translate(x, y).rotate(turn).map(path)


def _box(x: float, y: float, width: float, height: float) -> QPainterPath:
    path = QPainterPath()
    path.addRect(QRectF(x, y, width, height))
    return path


def _polygon(*points: tuple[float, float]) -> QPainterPath:
    path = QPainterPath()
    path.addPolygon(QPolygonF([QPointF(x, y) for x, y in points]))
    path.closeSubpath()
    return path


def _joined(*paths: QPainterPath) -> QPainterPath:
    whole = _UP.map(paths[0])
    for path in paths[1:]:
        whole = whole.united(_UP.map(path))
    return _DOWN.map(whole)


def _without(path: QPainterPath, hole: QPainterPath) -> QPainterPath:
    return _DOWN.map(_UP.map(path).subtracted(_UP.map(hole)))


# Clefs


def _g_clef() -> QPainterPath:
    body = _brush([
        (1.16, 0.46, 0.05), (0.86, 0.20, 0.13), (0.84, -0.30, 0.20), (1.24, -0.72, 0.25),
        (1.82, -0.66, 0.31), (2.20, -0.10, 0.33), (2.05, 0.58, 0.24), (1.45, 0.95, 0.13),
        (0.75, 0.82, 0.22), (0.26, 0.28, 0.36), (0.16, -0.50, 0.42), (0.48, -1.32, 0.42),
        (1.14, -2.05, 0.38), (1.68, -2.80, 0.30), (1.86, -3.55, 0.20), (1.70, -4.15, 0.09),
        (1.42, -4.02, 0.17), (1.14, -3.45, 0.24), (1.04, -2.70, 0.22), (1.14, -1.70, 0.15),
        (1.36, -0.20, 0.13), (1.60, 1.30, 0.13), (1.66, 2.00, 0.15), (1.42, 2.46, 0.15),
        (1.00, 2.52, 0.13), (0.72, 2.26, 0.12),
    ])  # fmt: skip
    return _joined(body, _ball(0.86, 2.08, 0.33))


def _f_clef() -> QPainterPath:
    body = _brush([
        (0.22, 0.10, 0.10), (0.22, -0.42, 0.13), (0.72, -0.94, 0.16), (1.40, -0.82, 0.34),
        (1.78, -0.22, 0.48), (1.70, 0.55, 0.42), (1.25, 1.36, 0.26), (0.62, 1.98, 0.12),
        (0.02, 2.36, 0.03),
    ])  # fmt: skip
    return _joined(body, _ball(0.46, 0.04, 0.37), _ball(2.48, -0.5, 0.21), _ball(2.48, 0.5, 0.21))


# Heads, dots, flags


def _head_black() -> QPainterPath:
    return _oval(0.59, 0.0, 0.63, 0.43, -24)


def _head_half() -> QPainterPath:
    return _without(_oval(0.59, 0.0, 0.64, 0.44, -24), _oval(0.59, 0.0, 0.56, 0.19, -32))


def _head_whole() -> QPainterPath:
    return _without(_oval(0.845, 0.0, 0.845, 0.5), _oval(0.845, 0.0, 0.46, 0.33, 58))


def _flag_up() -> QPainterPath:
    path = QPainterPath(QPointF(0, -0.02))
    path.lineTo(0.13, -0.02)
    path.cubicTo(0.20, 0.80, 1.16, 1.10, 1.06, 2.25)
    path.cubicTo(1.03, 2.60, 0.94, 2.82, 0.80, 3.08)
    path.cubicTo(0.98, 2.20, 0.80, 1.50, 0.0, 1.02)
    path.closeSubpath()
    return path


def _flag_down() -> QPainterPath:
    return QTransform.fromScale(1, -1).map(_flag_up())


# Accidentals


def _sharp() -> QPainterPath:
    return _joined(
        _box(0.27, -1.28, 0.11, 2.72), _box(0.62, -1.44, 0.11, 2.72),
        _polygon((0.02, -0.25), (0.98, -0.60), (0.98, -0.33), (0.02, 0.02)),
        _polygon((0.02, 0.58), (0.98, 0.23), (0.98, 0.50), (0.02, 0.85)),
    )  # fmt: skip


def _natural() -> QPainterPath:
    return _joined(
        _box(0.14, -1.40, 0.11, 2.12), _box(0.62, -0.72, 0.11, 2.12),
        _polygon((0.14, -0.30), (0.73, -0.52), (0.73, -0.25), (0.14, -0.03)),
        _polygon((0.14, 0.52), (0.73, 0.30), (0.73, 0.57), (0.14, 0.79)),
    )  # fmt: skip


def _flat() -> QPainterPath:
    bowl = _brush([
        (0.16, -0.16, 0.06), (0.40, -0.44, 0.18), (0.70, -0.34, 0.27), (0.66, 0.06, 0.24),
        (0.42, 0.42, 0.14), (0.15, 0.70, 0.06),
    ])  # fmt: skip
    return _joined(_box(0.08, -1.75, 0.12, 2.48), bowl)


def _double_flat() -> QPainterPath:
    first = QTransform.fromScale(0.82, 1).map(_flat())
    return _joined(
        QTransform.fromTranslate(-0.45, 0).map(first), QTransform.fromTranslate(0.2, 0).map(first)
    )


def _double_sharp() -> QPainterPath:
    cross = [_brush([(0.15, -0.35, 0.12), (0.5, 0.0, 0.16), (0.85, 0.35, 0.12)]),
             _brush([(0.15, 0.35, 0.12), (0.5, 0.0, 0.16), (0.85, -0.35, 0.12)])]  # fmt: skip
    ends = [_box(x, y, 0.26, 0.26) for x in (0.04, 0.70) for y in (-0.46, 0.20)]
    return _joined(*cross, *ends)


# Rests


def _quarter_rest() -> QPainterPath:
    path = QPainterPath(QPointF(0.30, -1.50))
    path.cubicTo(0.42, -1.22, 0.98, -0.78, 0.98, -0.58)
    path.cubicTo(0.98, -0.42, 0.56, -0.16, 0.56, 0.10)
    path.cubicTo(0.56, 0.32, 0.84, 0.60, 1.04, 0.90)
    path.cubicTo(0.66, 0.74, 0.36, 0.86, 0.64, 1.46)
    path.cubicTo(0.10, 1.16, -0.04, 0.54, 0.62, 0.62)
    path.cubicTo(0.46, 0.38, 0.10, 0.12, 0.10, -0.02)
    path.cubicTo(0.10, -0.20, 0.54, -0.44, 0.54, -0.74)
    path.cubicTo(0.54, -1.00, 0.34, -1.24, 0.20, -1.42)
    path.closeSubpath()
    return path


def _short_rest(hooks: int) -> QPainterPath:
    """Return the rest of an eighth note (1 hook), a sixteenth (2), and so on."""
    top = -0.55 - (hooks - 1) // 2
    bottom = top + 0.6 + hooks
    lean = 0.24

    def x_at(y: float) -> float:
        return 1.06 - lean * (y - top)

    parts = [_polygon((x_at(top - 0.18), top - 0.18), (x_at(top - 0.18) + 0.1, top - 0.18),
                      (x_at(bottom) + 0.13, bottom), (x_at(bottom), bottom))]  # fmt: skip
    for hook in range(hooks):
        y = top + hook
        x = x_at(y)
        parts.append(_ball(x - 0.74, y, 0.25))
        parts.append(_brush([(x - 0.86, y + 0.16, 0.08), (x - 0.56, y + 0.28, 0.12),
                             (x - 0.22, y + 0.16, 0.10), (x + 0.06, y - 0.14, 0.07)]))  # fmt: skip
    return _joined(*parts)


# Digits of a metre, two spaces high


def _digit_0() -> QPainterPath:
    return _without(_oval(0.72, 0, 0.66, 0.98), _oval(0.72, 0, 0.28, 0.82))


def _digit_1() -> QPainterPath:
    return _joined(
        _box(0.56, -0.96, 0.40, 1.86), _box(0.30, 0.84, 0.92, 0.14),
        _polygon((0.60, -0.98), (0.96, -0.98), (0.62, -0.46), (0.24, -0.30), (0.20, -0.38)),
    )  # fmt: skip


def _digit_2() -> QPainterPath:
    return _joined(
        _ball(0.36, -0.50, 0.22),
        _brush([(0.20, -0.52, 0.12), (0.38, -0.86, 0.14), (0.78, -0.90, 0.18), (1.12, -0.55, 0.38),
                (0.98, -0.12, 0.34), (0.58, 0.22, 0.20), (0.26, 0.58, 0.14),
                (0.12, 0.96, 0.10)]),
        _brush([(0.12, 0.90, 0.08), (0.36, 0.66, 0.24), (0.72, 0.76, 0.34), (1.08, 0.80, 0.30),
                (1.32, 0.48, 0.10)]),
    )  # fmt: skip


def _digit_3() -> QPainterPath:
    return _joined(
        _ball(0.34, -0.54, 0.20), _ball(0.32, 0.54, 0.22),
        _brush([(0.20, -0.56, 0.12), (0.40, -0.88, 0.13), (0.76, -0.90, 0.18), (1.04, -0.52, 0.38),
                (0.88, -0.14, 0.18), (0.48, -0.02, 0.12)]),
        _brush([(0.48, -0.06, 0.12), (0.92, 0.06, 0.18), (1.14, 0.48, 0.42), (0.84, 0.88, 0.18),
                (0.42, 0.90, 0.13), (0.16, 0.58, 0.12)]),
    )  # fmt: skip


def _digit_4() -> QPainterPath:
    return _joined(
        _polygon((0.94, -0.98), (1.14, -0.98), (0.30, 0.36), (0.06, 0.42), (0.06, 0.34)),
        _polygon((0.80, -0.42), (1.14, -0.84), (1.14, 0.92), (0.80, 0.92)),
        _box(0.06, 0.28, 1.36, 0.17), _box(0.54, 0.84, 0.86, 0.14),
    )  # fmt: skip


def _digit_5() -> QPainterPath:
    return _joined(
        _polygon((0.24, -0.98), (0.50, -0.92), (0.90, -0.92), (1.26, -1.00), (1.06, -0.62),
                 (0.72, -0.54), (0.36, -0.60), (0.34, -0.04), (0.22, 0.0)),
        _brush([(0.26, -0.02, 0.08), (0.56, -0.26, 0.14), (0.98, -0.12, 0.28), (1.14, 0.34, 0.42),
                (0.84, 0.86, 0.18), (0.42, 0.90, 0.13), (0.16, 0.58, 0.12)]),
        _ball(0.32, 0.54, 0.21),
    )  # fmt: skip


def _digit_6() -> QPainterPath:
    return _joined(
        _brush([(1.22, -0.54, 0.12), (1.04, -0.88, 0.13), (0.70, -0.88, 0.18), (0.36, -0.46, 0.36),
                (0.28, 0.10, 0.42), (0.42, 0.68, 0.34), (0.74, 0.92, 0.14), (1.06, 0.70, 0.26),
                (1.14, 0.38, 0.36), (0.98, 0.04, 0.22), (0.70, -0.06, 0.13), (0.42, 0.22, 0.12)]),
        _ball(1.08, -0.52, 0.20),
    )  # fmt: skip


def _digit_7() -> QPainterPath:
    return _joined(
        _brush([(0.18, -0.34, 0.07), (0.24, -0.70, 0.14), (0.52, -0.80, 0.32), (0.88, -0.68, 0.30),
                (1.16, -0.80, 0.14), (1.30, -0.98, 0.06)]),
        _brush([(1.28, -0.96, 0.06), (1.06, -0.38, 0.14), (0.76, 0.16, 0.34), (0.66, 0.62, 0.44),
                (0.68, 0.98, 0.44)]),
    )  # fmt: skip


def _digit_8() -> QPainterPath:
    upper = _without(_oval(0.72, -0.50, 0.50, 0.48), _oval(0.76, -0.52, 0.25, 0.34, -14))
    lower = _without(_oval(0.72, 0.44, 0.62, 0.54), _oval(0.68, 0.46, 0.30, 0.40, -14))
    return _joined(upper, lower)


def _digit_9() -> QPainterPath:
    return QTransform().translate(1.44, 0).rotate(180).map(_digit_6())


_DIGITS = (
    _digit_0, _digit_1, _digit_2, _digit_3, _digit_4,
    _digit_5, _digit_6, _digit_7, _digit_8, _digit_9,
)  # fmt: skip
_SIGNS = {
    "gClef": _g_clef,
    "fClef": _f_clef,
    "headBlack": _head_black,
    "headHalf": _head_half,
    "headWhole": _head_whole,
    "dot": lambda: _ball(_DOT, 0, _DOT),
    "flagUp": _flag_up,
    "flagDown": _flag_down,
    "sharp": _sharp,
    "natural": _natural,
    "flat": _flat,
    "doubleSharp": _double_sharp,
    "doubleFlat": _double_flat,
    "restWhole": lambda: _box(0, 0, 1.13, 0.5),
    "restHalf": lambda: _box(0, -0.5, 1.13, 0.5),
    "restQuarter": _quarter_rest,
}
