"""Where blocks stand: align, distribute, straighten, and a layout of layers. Pure geometry.

All lengths are logical pixels of the canvas, y grows downwards. Places are top left corners.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Literal, NamedTuple

from seqstudio.document.graph import Frame, Graph, Wire

Side = Literal["left", "centre", "right", "top", "middle", "bottom"]
Axis = Literal["x", "y"]
Place = tuple[float, float]
Places = dict[str, Place]

COLUMN_GAP, ROW_GAP, LANE = 72.0, 48.0, 28.0
FRAME_PAD, FRAME_TITLE = 24.0, 32.0
SWEEPS = 12
STEP = 4.0  # places are multiples of it, as the distances of ports are


class Box(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> Place:
        """The middle."""
        return self.x + self.width / 2, self.y + self.height / 2


def around(boxes: Iterable[Box]) -> Box:
    """Return the rectangle that holds all boxes.

    Raises:
        ValueError: There are none.
    """
    all_boxes = list(boxes)
    left, top = min(b.x for b in all_boxes), min(b.y for b in all_boxes)
    right = max(b.x + b.width for b in all_boxes)
    bottom = max(b.y + b.height for b in all_boxes)
    return Box(left, top, right - left, bottom - top)


def align(boxes: Mapping[str, Box], side: Side) -> Places:
    """Return places at which all boxes share an edge or a middle line of the box around them."""
    if not boxes:
        return {}
    whole = around(boxes.values())
    return {key: _aligned(box, whole, side) for key, box in boxes.items()}


def _aligned(box: Box, whole: Box, side: Side) -> Place:
    match side:
        case "left":
            return whole.x, box.y
        case "centre":
            return whole.x + (whole.width - box.width) / 2, box.y
        case "right":
            return whole.x + whole.width - box.width, box.y
        case "top":
            return box.x, whole.y
        case "middle":
            return box.x, whole.y + (whole.height - box.height) / 2
        case "bottom":
            return box.x, whole.y + whole.height - box.height


def distribute(boxes: Mapping[str, Box], axis: Axis) -> Places:
    """Return places with equal gaps along an axis; the outermost boxes stay where they are."""
    if len(boxes) < 3:
        return {key: (box.x, box.y) for key, box in boxes.items()}
    at, size = (0, 2) if axis == "x" else (1, 3)
    order = sorted(boxes, key=lambda key: (boxes[key].centre[at], key))
    first, last = boxes[order[0]], boxes[order[-1]]
    room = last[at] + last[size] - first[at]
    gap = (room - sum(boxes[key][size] for key in order)) / (len(order) - 1)
    places, cursor = {}, first[at]
    for key in order:
        box = boxes[key]
        places[key] = (cursor, box.y) if axis == "x" else (box.x, cursor)
        cursor += box[size] + gap
    return places


@dataclass(frozen=True)
class Join:
    """A wire between two boxes, with the heights of its ends below their tops.

    Attributes:
        source: Box that it leaves.
        out: Height of the output.
        target: Box that it enters.
        into: Height of the input.
    """

    source: str
    out: float
    target: str
    into: float


def straighten(boxes: Mapping[str, Box], joins: Sequence[Join]) -> Places:
    """Return places, moved up or down only, at which the first wire into each box is level.

    Boxes that no wire enters from another box of the set stay; of several wires into one box the
    first counts.
    """
    places: Places = {key: (box.x, box.y) for key, box in boxes.items()}
    leading: dict[str, Join] = {}
    for join in joins:
        if join.source in boxes and join.target in boxes:
            leading.setdefault(join.target, join)
    done: set[str] = set()

    def level(key: str) -> None:
        if key in done:
            return
        done.add(key)
        join = leading.get(key)
        if join is not None:
            level(join.source)
            places[key] = places[key][0], places[join.source][1] + join.out - join.into

    for key in boxes:
        level(key)
    return places


# ------------------------------------------------------------------------------------ layout


@dataclass(frozen=True)
class Layout:
    """Where everything goes.

    Attributes:
        places: Top left corners of the blocks.
        frames: Frames in their new place and size, only those that hold blocks.
    """

    places: Places
    frames: tuple[Frame, ...] = ()


def layout(
    boxes: Mapping[str, Box], joins: Sequence[Join], frames: Sequence[Frame] = ()
) -> Layout:
    """Lay boxes out in columns along their wires, with few crossings; frames keep their content.

    A frame that holds boxes (their centres lie on it) is laid out inside first and then takes
    part as one box, so that nothing foreign comes to stand on it.

    Args:
        boxes: Where the blocks are now: sizes, and the order within a column to start from.
        joins: Wires among them.
        frames: Frames, lower ones first; of nested ones the inner is on top.

    Returns:
        Places around the old middle of the boxes.
    """
    if not boxes:
        return Layout({})
    homes = {key: _home(box, frames) for key, box in boxes.items()}
    tree = _nesting(frames)
    placed, moved = _lay_level(None, boxes, joins, homes, frames, tree)
    old, new = around(boxes.values()), _around_places(placed, boxes)
    dx, dy = _step(old.x - new.x), _step(old.centre[1] - new.centre[1])
    return Layout(
        {key: (x + dx, y + dy) for key, (x, y) in placed.items()},
        tuple(replace(frame, x=frame.x + dx, y=frame.y + dy) for frame in moved),
    )


def _around_places(places: Places, boxes: Mapping[str, Box]) -> Box:
    return around(boxes[key]._replace(x=x, y=y) for key, (x, y) in places.items())


def _home(box: Box, frames: Sequence[Frame]) -> str | None:
    """Return the id of the topmost frame that holds the middle of a box."""
    on = (frame.id for frame in reversed(frames) if not frame.note and frame.holds(*box.centre))
    return next(on, None)


def _nesting(frames: Sequence[Frame]) -> dict[str, str | None]:
    """Return the frame that each frame lies on: a lower, larger one that holds its middle."""
    found: dict[str, str | None] = {}
    for index, frame in enumerate(frames):
        middle = frame.x + frame.width / 2, frame.y + frame.height / 2
        below = (
            f.id
            for f in reversed(frames[:index])
            if not f.note and f.holds(*middle) and f.width * f.height > frame.width * frame.height
        )
        found[frame.id] = next(below, None)
    return found


def _lay_level(
    level: str | None,
    boxes: Mapping[str, Box],
    joins: Sequence[Join],
    homes: Mapping[str, str | None],
    frames: Sequence[Frame],
    tree: Mapping[str, str | None],
) -> tuple[Places, list[Frame]]:
    """Lay out what stands directly on a frame (None: on the canvas), inner frames first."""
    mine = {key: box for key, box in boxes.items() if homes[key] == level}
    inner: dict[str, tuple[Places, list[Frame]]] = {}
    inside_of = {key: key for key in mine}
    offsets: dict[str, float] = dict.fromkeys(mine, 0.0)
    for frame in frames:
        if frame.note or tree[frame.id] != level:
            continue
        places, nested = _lay_level(frame.id, boxes, joins, homes, frames, tree)
        if not places:
            continue
        fitted = fit(frame, (boxes[k]._replace(x=x, y=y) for k, (x, y) in places.items()), nested)
        name = f"frame {frame.id}"
        inner[name] = places, [*nested, fitted]
        mine[name] = Box(frame.x, frame.y, fitted.width, fitted.height)
        for key, (_, y) in places.items():
            inside_of[key], offsets[key] = name, y - fitted.y
    lifted = _lifted(joins, inside_of, offsets)
    placed = _columns(mine, lifted)
    return _unpacked(placed, inner)


def fit(frame: Frame, boxes: Iterable[Box], nested: Iterable[Frame] = ()) -> Frame:
    """Return the frame in the place and size that hold boxes and frames with room around."""
    inner = [Box(f.x, f.y, f.width, f.height) for f in nested]
    whole = around([*boxes, *inner])
    return replace(
        frame,
        x=whole.x - FRAME_PAD,
        y=whole.y - FRAME_TITLE - FRAME_PAD / 2,
        width=whole.width + 2 * FRAME_PAD,
        height=whole.height + FRAME_TITLE + 1.5 * FRAME_PAD,
    )


def _lifted(
    joins: Iterable[Join], inside_of: Mapping[str, str], offsets: Mapping[str, float]
) -> list[Join]:
    """Return the wires of one level: their ends are the boxes or the frames that hold them."""
    found = []
    for join in joins:
        source, target = inside_of.get(join.source), inside_of.get(join.target)
        if source is None or target is None or source == target:
            continue
        out = join.out + offsets[join.source]
        found.append(Join(source, out, target, join.into + offsets[join.target]))
    return found


def _unpacked(
    placed: Places, inner: Mapping[str, tuple[Places, list[Frame]]]
) -> tuple[Places, list[Frame]]:
    places: Places = {}
    moved: list[Frame] = []
    for key, (x, y) in placed.items():
        if key not in inner:
            places[key] = x, y
            continue
        content, frames = inner[key]
        dx, dy = x - frames[-1].x, y - frames[-1].y
        places |= {name: (px + dx, py + dy) for name, (px, py) in content.items()}
        moved += [replace(frame, x=frame.x + dx, y=frame.y + dy) for frame in frames]
    return places, moved


def _step(value: float) -> float:
    return round(value / STEP) * STEP


def _columns(boxes: Mapping[str, Box], joins: Sequence[Join]) -> Places:
    """Return places in layers; wires that skip a layer get a lane of their own through it."""
    if not boxes:
        return {}
    net = _Net(boxes, joins)
    net.order()
    net.level()
    return net.places()


class _Net:
    """Boxes and lanes in layers, with the wires between neighbouring layers."""

    def __init__(self, boxes: Mapping[str, Box], joins: Sequence[Join]) -> None:
        self.boxes = dict(boxes)
        columns = _column_of(boxes, joins)
        self.layers: list[list[str]] = [[] for _ in range(max(columns.values()) + 1)]
        for key in sorted(boxes, key=lambda k: (boxes[k].centre[1], boxes[k].x)):
            self.layers[columns[key]].append(key)
        self.height = {key: box.height for key, box in boxes.items()}
        self.before: dict[str, list[Join]] = {}
        self.behind: dict[str, list[Join]] = {}
        for number, join in enumerate(joins):
            if columns[join.source] < columns[join.target]:
                self._lead(join, columns, number)
        self.y: dict[str, float] = {}
        for layer in self.layers:
            top = 0.0
            for key in layer:
                self.y[key] = top
                top += self.height[key] + ROW_GAP

    def _lead(self, join: Join, columns: Mapping[str, int], number: int) -> None:
        """Enter a wire, through a lane in each layer that it skips."""
        last, out = join.source, join.out
        for column in range(columns[join.source] + 1, columns[join.target]):
            lane = f"lane {number} {column}"
            self.height[lane] = LANE
            self.layers[column].append(lane)
            self._tie(Join(last, out, lane, LANE / 2))
            last, out = lane, LANE / 2
        self._tie(Join(last, out, join.target, join.into))

    def _tie(self, join: Join) -> None:
        self.behind.setdefault(join.source, []).append(join)
        self.before.setdefault(join.target, []).append(join)

    # Order within the layers: barycentres, the best order seen is kept

    def order(self) -> None:
        """Sort each layer so that few wires cross."""
        best, least = [list(layer) for layer in self.layers], self.crossings()
        for sweep in range(SWEEPS):
            if least == 0:
                break
            forward = sweep % 2 == 0
            self._sort_layers(forward)
            now = self.crossings()
            if now < least:
                best, least = [list(layer) for layer in self.layers], now
        self.layers = best

    def _sort_layers(self, forward: bool) -> None:
        rank = {key: float(row) for layer in self.layers for row, key in enumerate(layer)}
        for layer in self.layers if forward else reversed(self.layers):
            weights = {key: self._barycentre(key, rank, forward) for key in layer}
            layer.sort(key=weights.__getitem__)
            rank |= {key: float(row) for row, key in enumerate(layer)}

    def _barycentre(self, key: str, rank: Mapping[str, float], forward: bool) -> float:
        """Return the mean row of the neighbours; ports of one box count as parts of a row."""
        if forward:
            rows = [
                rank[j.source] + self._share(j.source, j.out) for j in self.before.get(key, ())
            ]
        else:
            rows = [
                rank[j.target] + self._share(j.target, j.into) for j in self.behind.get(key, ())
            ]
        return sum(rows) / len(rows) if rows else rank[key]

    def _share(self, key: str, height: float) -> float:
        return 0.5 * height / self.height[key]

    def crossings(self) -> int:
        """Return how many pairs of wires between neighbouring layers cross."""
        row = {key: n for layer in self.layers for n, key in enumerate(layer)}
        total = 0
        for layer in self.layers:
            ends = sorted(
                ((row[j.source], j.out), (row[j.target], j.into))
                for key in layer
                for j in self.behind.get(key, ())
            )
            total += _inversions([end for _, end in ends])
        return total

    # Heights: every box near its neighbours, in order, without overlap

    def level(self) -> None:
        """Move the boxes of each layer to where their wires are level, as far as there is room."""
        for sweep in range(SWEEPS + 1):  # the last one goes forward, as one reads
            forward = sweep % 2 == 0
            wish = self._led if sweep == SWEEPS else partial(self._wanted, forward=forward)
            for layer in self.layers if forward else reversed(self.layers):
                wanted = [wish(key) for key in layer]
                last = sweep == SWEEPS
                weights = self._ranks(layer) if last else [self._weight(k, forward) for k in layer]
                gaps = [self._gap(one, two) for one, two in pairwise(layer)]
                for key, y in zip(layer, spread(wanted, gaps, weights), strict=True):
                    self.y[key] = y

    def _gap(self, above: str, below: str) -> float:
        """Return how far below the top of one box the top of the next has to be."""
        lanes = (above in self.boxes) + (below in self.boxes)
        return self.height[above] + (ROW_GAP if lanes == 2 else LANE)

    def _wanted(self, key: str, forward: bool) -> float:
        ties = self.before.get(key, ()) if forward else self.behind.get(key, ())
        if not ties:
            return self.y[key]
        heights = [self._end(tie, forward) for tie in ties]
        strength = [self._pull(tie, forward) for tie in ties]
        total = sum(s * h for s, h in zip(strength, heights, strict=True))
        return total / sum(strength)

    def _led(self, key: str) -> float:
        """Return the height at which the wire into the upmost input of a box is level."""
        ties = self.before.get(key, ())
        if not ties:
            return self.y[key]
        return self._end(min(ties, key=lambda tie: tie.into), True)

    def _ranks(self, layer: Sequence[str]) -> list[float]:
        """Return how much each insists in the end: the upmost of what one output feeds leads."""
        seen: set[tuple[str, float]] = set()
        found = []
        for key in layer:
            ends = {(tie.source, tie.out) for tie in self.before.get(key, ())}
            leads = key in self.boxes and not ends & seen
            found.append(1.0 if leads else 1e-4 if key in self.boxes else 1e-6)
            seen |= ends if key in self.boxes else set()
        return found

    def _end(self, tie: Join, forward: bool) -> float:
        """Return the height at which a box has to stand for a wire of it to be level."""
        if forward:
            return self.y[tie.source] + tie.out - tie.into
        return self.y[tie.target] + tie.into - tie.out

    def _pull(self, tie: Join, forward: bool) -> float:
        return 1.0 if (tie.source if forward else tie.target) in self.boxes else 0.2

    def _weight(self, key: str, forward: bool) -> float:
        ties = self.before.get(key, ()) if forward else self.behind.get(key, ())
        if not ties:
            return 0.1
        return 1.0 if key in self.boxes else 1e-6  # a lane gives way to every block

    def places(self) -> Places:
        """Return the top left corners of the boxes, column after column."""
        found: Places = {}
        left = 0.0
        for layer in self.layers:
            wide = [self.boxes[key].width for key in layer if key in self.boxes]
            for key in layer:
                if key in self.boxes:
                    found[key] = left, _step(self.y[key])
            left += max(wide, default=0.0) + COLUMN_GAP
        return found


def _column_of(boxes: Mapping[str, Box], joins: Sequence[Join]) -> dict[str, int]:
    """Return the layer of each box: behind all that feed it; what starts late stands late."""
    wires = tuple(Wire(j.source, "", j.target, str(n)) for n, j in enumerate(joins))
    graph = Graph(dict.fromkeys(boxes), wires)  # type: ignore[arg-type]
    order, cyclic = graph.order()
    feeding: dict[str, list[str]] = {key: [] for key in boxes}
    following: dict[str, list[str]] = {key: [] for key in boxes}
    for join in joins:
        feeding[join.target].append(join.source)
        following[join.source].append(join.target)
    column: dict[str, int] = {}
    for key in (*order, *cyclic):
        column[key] = max((column[k] for k in feeding[key] if k in column), default=-1) + 1
    for key in order:
        later = [column[k] for k in following[key] if column[k] > column[key]]
        if later and not feeding[key]:
            column[key] = min(later) - 1
    return column


def _inversions(values: Sequence[tuple[float, float]]) -> int:
    """Return the number of pairs that are in the wrong order, by merging."""
    if len(values) < 2:
        return 0
    half = len(values) // 2
    left, right = values[:half], values[half:]
    count = _inversions(left) + _inversions(right)
    a, b = sorted(left), sorted(right)
    at = 0
    for value in b:
        while at < len(a) and a[at] <= value:
            at += 1
        count += len(a) - at
    return count


def spread(
    wanted: Sequence[float], gaps: Sequence[float], weights: Sequence[float]
) -> list[float]:
    """Return places in order, at least `gaps` apart, nearest to those wanted.

    Least weighted squares, by pooling neighbours that would come too near (PAVA, Barlow et al.
    1972, Statistical Inference under Order Restrictions).

    Args:
        wanted: A place for each, in their order.
        gaps: Least distance from each to the next, one fewer.
        weights: How much each insists, above 0.
    """
    shifts = [0.0]
    for gap in gaps:
        shifts.append(shifts[-1] + gap)
    pools: list[tuple[float, float, int]] = []  # mean, weight, members
    for want, shift, weight in zip(wanted, shifts, weights, strict=True):
        mean, total, count = want - shift, weight, 1
        while pools and pools[-1][0] > mean:
            other, heavy, many = pools.pop()
            mean = (mean * total + other * heavy) / (total + heavy)
            total, count = total + heavy, count + many
        pools.append((mean, total, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + shift for mean, shift in zip(means, shifts, strict=True)]
