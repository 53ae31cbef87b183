"""Where things lie: measures of a block, routes of wires, places after tidying.

All lengths are scene pixels; one scene pixel is one logical pixel at a zoom of 100 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFontMetricsF, QPainterPath

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.studio.canvas.items.face import Face
from seqstudio.studio.theme import theme

LEAST_WIDTH, MOST_WIDTH, WIDTH_STEP = 156, 240, 4
SNAP = 12
GAP = 72
LOOP_RISE, LOOP_REACH = 28, 22
TITLE_LEFT, CORNER_ROOM = 30, 30
LANE_GAP = 28
_TURN = 60.0
_STEEP = 0.2
_SAMPLES = np.linspace(0.0, 1.0, 33)
_BERNSTEIN = np.stack(
    [
        (1 - _SAMPLES) ** 3,
        3 * _SAMPLES * (1 - _SAMPLES) ** 2,
        3 * _SAMPLES**2 * (1 - _SAMPLES),
        _SAMPLES**3,
    ],
    axis=1,
)


@dataclass(frozen=True)
class BlockLayout:
    """Measures of one block; points and rectangles are relative to its top left corner.

    Attributes:
        width: Of the body.
        height: Of the body.
        inputs: Centre of each input port.
        outputs: Centre of each output port.
        state: Left and right end of the recurrent loop, or None.
        picture: Place of the thumbnail, or None.
    """

    width: float
    height: float
    inputs: Mapping[str, QPointF]
    outputs: Mapping[str, QPointF]
    state: tuple[QPointF, QPointF] | None
    picture: QRectF | None

    @property
    def body(self) -> QRectF:
        """The body without rings, ports and loop."""
        return QRectF(0, 0, self.width, self.height)


def lay_out(face: Face, picture_height: float = 0.0) -> BlockLayout:
    """Return the measures of a block with this face; `picture_height` 0 means no thumbnail."""
    style = theme()
    width = _width(face)
    state_y, first = style.metric("block", "portFirst"), 64 * _scale()
    pitch = 32 * _scale()
    inputs = {p.name: QPointF(0, first + i * pitch) for i, p in enumerate(face.inputs)}
    outputs = {p.name: QPointF(width, first + i * pitch) for i, p in enumerate(face.outputs)}
    rows = max(len(inputs), len(outputs), 1)
    bottom = first + (rows - 1) * pitch + 28 * _scale()
    picture = None
    if picture_height:
        inset = style.metric("block", "thumbInset")
        top = max(76 * _scale(), bottom - 16 * _scale())
        picture = QRectF(inset, top, width - 2 * inset, picture_height)
        bottom = picture.bottom() + inset
    state = (QPointF(0, state_y), QPointF(width, state_y)) if face.loop else None
    return BlockLayout(width, math.ceil(bottom), inputs, outputs, state, picture)


def size_of_new(kind: str) -> tuple[float, float]:
    """Return width and height of a new block of `kind`."""
    declared, (inputs, outputs) = KINDS[kind], editing.new_ports(kind)
    face = Face(declared.title, declared.icon, declared.role, inputs=inputs, outputs=outputs)
    layout = lay_out(face)
    return layout.width, layout.height


def _scale() -> float:
    return max(1.0, theme().scale)


def _width(face: Face) -> float:
    style = theme()
    title = QFontMetricsF(style.font("blockTitle")).horizontalAdvance(face.title)
    title += TITLE_LEFT + CORNER_ROOM  # the ring of work stands beside the whole title
    small = QFontMetricsF(style.font("small"))
    lines = max((small.horizontalAdvance(line) for line in face.lines), default=0.0)
    wanted = max(title, lines + 2 * style.metric("block", "padX"), LEAST_WIDTH)
    return min(MOST_WIDTH * _scale(), math.ceil(wanted / WIDTH_STEP) * WIDTH_STEP)


def snapped(value: float) -> float:
    """Return the nearest multiple of the half grid."""
    return round(value / SNAP) * float(SNAP)


def loop_path(layout: BlockLayout) -> QPainterPath:
    """Return the recurrent loop: from the right end of the state over the block to the left."""
    assert layout.state is not None
    (left, right), rise, reach = layout.state, -LOOP_RISE, LOOP_REACH
    y, w = right.y(), layout.width
    path = QPainterPath(right)
    path.cubicTo(w + 14, y, w + reach, y - 8, w + reach, y - 22)
    path.lineTo(w + reach, 0)
    path.cubicTo(w + reach, -17, w + 8, rise, w - 10, rise)
    path.lineTo(10, rise)
    path.cubicTo(-8, rise, -reach, -17, -reach, 0)
    path.lineTo(-reach, y - 22)
    path.cubicTo(-reach, y - 8, -14, y, left.x(), y)
    return path


def curve(start: QPointF, end: QPointF) -> QPainterPath:
    """Return the plain wire: a cubic with horizontal ends."""
    pull = _pull(start, end)
    path = QPainterPath(start)
    path.cubicTo(start + QPointF(pull, 0), end - QPointF(pull, 0), end)
    return path


def _pull(start: QPointF, end: QPointF) -> float:
    return max(24.0, 0.45 * abs(end.x() - start.x()))


@dataclass(frozen=True)
class Route:
    """The way of a wire.

    Attributes:
        path: The line.
        label: Middle of a horizontal stretch, where a label can stand above the line.
        room: Length of that stretch.
        direct: It does not go around anything.
        steep: The wire rises or falls so much there that a label would lie across it.
    """

    path: QPainterPath
    label: QPointF
    room: float
    direct: bool = True
    steep: bool = False


def through(start: QPointF, points: Sequence[QPointF], end: QPointF) -> Route:
    """Return a smooth way through points, level at both ends, labelled on the longest piece."""
    stops = [start, *points, end]
    slopes = [_slope(before, after) for before, after in zip(stops, stops[2:], strict=False)]
    ways = [QPointF(1, 0), *slopes, QPointF(1, 0)]
    path, label, room, steep = QPainterPath(start), (start + end) / 2, -1.0, False
    for one, two, out, into in zip(stops, stops[1:], ways, ways[1:], strict=False):
        gap = two - one
        pull = 0.4 * math.hypot(gap.x(), gap.y())
        first, second = one + out * pull, two - into * pull
        path.cubicTo(first, second, two)
        if abs(gap.x()) > room:
            room, label = abs(gap.x()), (one + 3 * first + 3 * second + two) / 8
            steep = _is_steep(gap)
    return Route(path, label, room, steep=steep)


def _is_steep(gap: QPointF) -> bool:
    return abs(gap.y()) > _STEEP * abs(gap.x())


def _slope(before: QPointF, after: QPointF) -> QPointF:
    """Return the direction of a wire at a bend: from the stop before to the one behind."""
    way = after - before
    length = math.hypot(way.x(), way.y()) or 1.0
    return QPointF(way.x() / length, way.y() / length)


class Obstacles:
    """The bodies of all blocks, for wires that have to find a way around them."""

    def __init__(self, bodies: Mapping[str, tuple[float, float, float, float]]) -> None:
        """Take the bodies as left, top, width and height."""
        self._index = {key: row for row, key in enumerate(bodies)}
        edges = np.array(list(bodies.values()), float).reshape(-1, 4)
        edges[:, 2:] += edges[:, :2]
        self._edges: NDArray[np.float64] = edges

    def route(
        self,
        start: QPointF,
        end: QPointF,
        source: str,
        target: str,
        bends: Sequence[QPointF] = (),
    ) -> Route:
        """Return the plain curve, or a level way around the blocks that it would run through.

        A wire that a person has bent goes where they led it.
        """
        if bends:
            return through(start, bends, end)
        between = self._between(start, end, source, target)
        direct = curve(start, end)
        if between.size == 0 or not _runs_through(start, end, between):
            gap = end - start
            return Route(direct, (start + end) / 2, abs(gap.x()), steep=_is_steep(gap))
        lane = self._lane(start, end, between)
        beside = _beside(between, (start.y(), end.y(), lane))
        near = float(np.min(np.abs(beside - start.x()), initial=np.inf))
        far = float(np.min(np.abs(beside - end.x()), initial=np.inf))
        return _detour(start, end, lane, max(24.0, min(_TURN, near - 6, far - 6)))

    def _between(
        self, start: QPointF, end: QPointF, source: str, target: str
    ) -> NDArray[np.float64]:
        left, right = sorted((start.x(), end.x()))
        inside = (self._edges[:, 2] > left + 1) & (self._edges[:, 0] < right - 1)
        for key in (source, target):
            if key in self._index:
                inside[self._index[key]] = False
        return self._edges[inside]

    def _lane(self, start: QPointF, end: QPointF, between: NDArray[np.float64]) -> float:
        """Return the height of the free lane with the shortest way there and back.

        That is the height of an end where nothing stands in it, else the first lane below or above
        what is in the way.
        """
        high, low = sorted((start.y(), end.y()))
        for lane in (start.y(), end.y()):
            near = (between[:, 1] < lane + LANE_GAP / 2) & (between[:, 3] > lane - LANE_GAP / 2)
            if not near.any():
                return lane
        below = _free_below(low, high, between[:, 1], between[:, 3])
        above = -_free_below(-high, -low, -between[:, 3], -between[:, 1])
        return below if below - low <= high - above else above


def _beside(bodies: NDArray[np.float64], heights: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the left and right edges of the bodies that a turn between heights could touch."""
    reach = LANE_GAP / 2
    tall = (bodies[:, 3] > min(heights) - reach) & (bodies[:, 1] < max(heights) + reach)
    edges: NDArray[np.float64] = bodies[tall][:, [0, 2]]
    return edges


def _free_below(
    low: float, high: float, tops: NDArray[np.float64], bottoms: NDArray[np.float64]
) -> float:
    """Return the first height from `low` on that bodies reaching below `high` leave free."""
    rows = np.flatnonzero(bottoms > high - LANE_GAP)
    order = rows[np.argsort(tops[rows])]
    lane = low
    for upper, lower in zip(tops[order].tolist(), bottoms[order].tolist(), strict=True):
        if upper - LANE_GAP / 2 >= lane + LANE_GAP:
            break  # it and all further down leave room above
        lane = max(lane, lower + LANE_GAP)
    return lane


def _runs_through(start: QPointF, end: QPointF, bodies: NDArray[np.float64]) -> bool:
    """Tell whether the plain wire runs through bodies: left, top, right, bottom; a row each."""
    pull = _pull(start, end)
    corners = np.array([
        (start.x(), start.y()), (start.x() + pull, start.y()),
        (end.x() - pull, end.y()), (end.x(), end.y()),
    ])  # fmt: skip
    points = _BERNSTEIN @ corners
    x, y = points[:, :1], points[:, 1:]
    hit = (x > bodies[:, 0]) & (x < bodies[:, 2]) & (y > bodies[:, 1]) & (y < bodies[:, 3])
    return bool(hit.any())


def _detour(start: QPointF, end: QPointF, lane: float, turn: float) -> Route:
    down, up = QPointF(start.x() + turn, lane), QPointF(end.x() - turn, lane)
    path = QPainterPath(start)
    half = turn / 2
    path.cubicTo(start + QPointF(half, 0), down - QPointF(half, 0), down)
    path.lineTo(up)
    path.cubicTo(up + QPointF(half, 0), end - QPointF(half, 0), end)
    return Route(path, (down + up) / 2, abs(up.x() - down.x()), direct=False)


def distance(line: NDArray[np.float64], at: tuple[float, float]) -> float:
    """Return how far a point is from a row of points (n, 2) joined by straight lines."""
    one, step = line[:-1], np.diff(line, axis=0)
    length = np.maximum((step**2).sum(axis=1), 1e-12)
    share = np.clip(((np.array(at) - one) * step).sum(axis=1) / length, 0.0, 1.0)
    nearest = one + share[:, None] * step
    return float(np.sqrt(((nearest - np.array(at)) ** 2).sum(axis=1).min(initial=np.inf)))


def crossed(
    line: NDArray[np.float64], start: tuple[float, float], end: tuple[float, float]
) -> bool:
    """Tell whether a straight stroke crosses a row of points (n, 2) joined by straight lines."""
    one, two = line[:-1], line[1:]
    a, b = np.array(start), np.array(end)
    split = _turn(one, two, a) * _turn(one, two, b) <= 0
    cuts = _turn(a, b, one) * _turn(a, b, two) <= 0
    return bool((split & cuts).any()) and start != end


def _turn(
    one: NDArray[np.float64], two: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the sign of the turn from a line to a point: left, on it, right."""
    way, aside = two - one, at - one
    return np.sign(way[..., 0] * aside[..., 1] - way[..., 1] * aside[..., 0])
