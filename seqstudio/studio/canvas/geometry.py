"""Where things lie: measures of a block, routes of wires, places after tidying.

All lengths are scene pixels; one scene pixel is one logical pixel at a zoom of 100 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFontMetricsF, QPainterPath

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.document.graph import Graph
from seqstudio.studio.canvas.face import Face
from seqstudio.studio.theme import theme

LEAST_WIDTH, MOST_WIDTH, WIDTH_STEP = 156, 240, 4
SNAP = 12
GAP = 72
LOOP_RISE, LOOP_REACH = 28, 22
TITLE_LEFT, CORNER_ROOM = 30, 30
_LANE_GAP = 28
_TURN = 60.0
_SAMPLES = np.linspace(0.0, 1.0, 17)


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
    declared = KINDS[kind]
    face = Face(declared.title, declared.icon, declared.role, inputs=declared.inputs)
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
    pull = max(24.0, 0.45 * abs(end.x() - start.x()))
    path = QPainterPath(start)
    path.cubicTo(start + QPointF(pull, 0), end - QPointF(pull, 0), end)
    return path


@dataclass(frozen=True)
class Route:
    """The way of a wire.

    Attributes:
        path: The line.
        label: Middle of a horizontal stretch, where a label can stand above the line.
        room: Length of that stretch.
    """

    path: QPainterPath
    label: QPointF
    room: float


class Obstacles:
    """The bodies of all blocks, for wires that have to find a way around them."""

    def __init__(self, bodies: Mapping[str, QRectF]) -> None:
        self._index = {key: row for row, key in enumerate(bodies)}
        edges = [(r.left(), r.top(), r.right(), r.bottom()) for r in bodies.values()]
        self._edges: NDArray[np.float64] = np.array(edges, float).reshape(-1, 4)

    def route(self, start: QPointF, end: QPointF, source: str, target: str) -> Route:
        """Return the plain curve, or a way below the blocks that it would run through."""
        between = self._between(start, end, source, target)
        direct = curve(start, end)
        if between.size == 0 or not _runs_through(direct, between):
            middle = direct.pointAtPercent(0.5)
            return Route(direct, middle, abs(end.x() - start.x()))
        lane = self._lane(start, end, between)
        near = float(np.min(np.abs(between[:, [0, 2]] - start.x())))
        far = float(np.min(np.abs(between[:, [0, 2]] - end.x())))
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
        """Return the height of the first free horizontal lane below what is in the way."""
        top = min(start.y(), end.y())
        rows = between[between[:, 3] > top - _LANE_GAP]
        lane = max(start.y(), end.y())
        for _, upper, _, lower in rows[np.argsort(rows[:, 1])]:
            if upper - _LANE_GAP / 2 < lane + _LANE_GAP:
                lane = max(lane, lower + _LANE_GAP)
        return float(lane)


def _runs_through(path: QPainterPath, bodies: NDArray[np.float64]) -> bool:
    points = np.array([path.pointAtPercent(share).toTuple() for share in _SAMPLES])
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
    return Route(path, (down + up) / 2, abs(up.x() - down.x()))


def tidy_places(
    graph: Graph, sizes: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """Return tidy places for blocks of these sizes (width, height): columns, rows centred.

    Columns and the order in them are those of `editing.tidy`; widths and heights are the real
    ones here, so that nothing overlaps. A column of one keeps its port on the common line.
    """
    columns: dict[float, list[str]] = {}
    rough = editing.tidy(graph)
    for key, (x, y) in sorted(rough.items(), key=lambda item: (item[1][0], item[1][1])):
        del y
        columns.setdefault(x, []).append(key)
    places, left = {}, 0.0
    for keys in columns.values():
        heights = [sizes[key][1] + GAP for key in keys]
        top = -(sum(heights) - heights[0]) / 2
        for key, height in zip(keys, heights, strict=True):
            places[key] = (snapped(left), snapped(top))
            top += height
        left += max(sizes[key][0] for key in keys) + GAP
    return places
