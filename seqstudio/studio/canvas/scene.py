"""The scene: items that mirror a graph and its check. It edits nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPointF, QRectF, Signal
from PySide6.QtWidgets import QGraphicsScene

from seqstudio.blocks import ports
from seqstudio.blocks.check import Report
from seqstudio.blocks.declaration import DataFacts
from seqstudio.document.graph import Graph, Wire
from seqstudio.studio.canvas.edits import Dot
from seqstudio.studio.canvas.items.block_item import FAR_ICON, BlockItem, FarBlocks
from seqstudio.studio.canvas.items.face import Faces, count_text
from seqstudio.studio.canvas.items.frame_item import FrameHit, FrameItem
from seqstudio.studio.canvas.items.geometry import Obstacles, crossed, distance
from seqstudio.studio.canvas.items.ink import LOD_TEXT
from seqstudio.studio.canvas.items.pictures import Picture
from seqstudio.studio.canvas.items.wire_item import FarWires, WireItem

TURN_STEP = 25.0
Spot = tuple[float, float, float, float]
"""Where a body stands, with its loop above: left, top, width, height."""


@dataclass(frozen=True)
class PortHit:
    """A port under the pointer."""

    block: str
    name: str
    output: bool
    kind: str


def _around(edges: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return the rectangle around bodies, one that nothing touches when there are none."""
    if not len(edges):
        return np.inf, np.inf, -np.inf, -np.inf
    low, high = edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


class CanvasScene(QGraphicsScene):
    """Holds one item a block, a wire and a frame, and keeps them equal to a graph.

    Attributes:
        blocks: Items by block id.
        wires: Items by wire.
        frames: Items by frame id, the lowest first.

    Signals:
        rerouted: Blocks have moved or changed, and their wires with them.
    """

    rerouted = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        # Blocks move all the time and there are hundreds, not millions: an index costs more.
        self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        self.blocks: dict[str, BlockItem] = {}
        self.wires: dict[Wire, WireItem] = {}
        self._beside: tuple[QRectF, ...] = ()
        self.frames: dict[str, FrameItem] = {}
        self._far_wires, self._far_blocks = FarWires(self.wires), FarBlocks(self.blocks)
        for item in (self._far_wires, self._far_blocks):
            item.setVisible(False)
            self.addItem(item)
        self._faces = Faces()
        self._graph = Graph()
        self._bends: dict[Wire, tuple[QPointF, ...]] = {}
        self._stood: dict[str, Spot] = {}  # where bodies stood when all wires were laid last
        self._content: QRectF | None = None
        self._labelled: Report | None = None

    def mirror(self, graph: Graph, report: Report, facts: DataFacts) -> None:
        """Make items equal to `graph`; items of what has not changed stay as they are."""
        self._graph = graph
        self._drop_old(graph)
        fed = {(wire.target, wire.into) for wire in graph.wires}
        for block in graph:
            needed = (port.name for port in ports.inputs(block) if not port.optional)
            wired = all((block.id, name) in fed for name in needed)
            face = self._faces.face(block, report, facts, wired)
            item = self.blocks.get(block.id)
            if item is None:
                item = self.blocks[block.id] = BlockItem(block.id, face)
                item.set_far(self._far_blocks.isVisible())
                self.addItem(item)
            else:
                item.show_face(face)
            item.setPos(block.x, block.y)
        self._mirror_frames(graph, report)
        self._mirror_wires(graph)
        self._label_wires(report)
        self._relay()

    def _drop_old(self, graph: Graph) -> None:
        for key in [key for key in self.blocks if key not in graph.blocks]:
            self.removeItem(self.blocks.pop(key))
        kept = set(graph.wires)
        for wire in [wire for wire in self.wires if wire not in kept]:
            self.removeItem(self.wires.pop(wire))
        frames = {frame.id for frame in graph.frames}
        for key in [key for key in self.frames if key not in frames]:
            self.removeItem(self.frames.pop(key))

    def _mirror_frames(self, graph: Graph, report: Report) -> None:
        for frame in graph.frames:
            item = self.frames.get(frame.id)
            if item is None:
                item = self.frames[frame.id] = FrameItem(frame)
                self.addItem(item)
            elif item.frame != frame or item.pos().toTuple() != (frame.x, frame.y):
                item.show_frame(frame)
            if not frame.note:
                cost = sum(report.counts.get(key, 0) for key in self.blocks_on(item.area))
                item.set_state("cost", count_text(cost) if cost else "")
        if list(self.frames) != [frame.id for frame in graph.frames]:
            self.frames = {frame.id: self.frames[frame.id] for frame in graph.frames}
        if self.frames:
            self._content = None

    def _mirror_wires(self, graph: Graph) -> None:
        for wire in graph.wires:
            if wire not in self.wires:
                item = self.wires[wire] = WireItem(wire, self._wire_kind(wire))
                item.setFlag(item.GraphicsItemFlag.ItemHasNoContents, self._far_wires.isVisible())
                self.addItem(item)
        self._bends = {
            wire: tuple(QPointF(x, y) for x, y in points) for wire, points in graph.bends.items()
        }

    def _wire_kind(self, wire: Wire) -> str:
        port = ports.port(self._graph.blocks[wire.source], wire.out, output=True)
        return port.kind if port else "tensor"

    def _label_wires(self, report: Report) -> None:
        if report is self._labelled:
            return
        self._labelled = report
        wrong = {(p.block, p.port) for p in report.errors if p.port and not p.path}
        for wire, item in self.wires.items():
            shape = report.shapes.get((wire.source, wire.out))
            item.set_state("label", "" if shape is None else str(shape))
            item.set_state("wrong", (wire.target, wire.into) in wrong)

    def set_zoom(self, zoom: float) -> None:
        """Draw all wires, and from farther away all bodies, as one item each: that is quick."""
        thin, flat = zoom < LOD_TEXT, zoom < FAR_ICON
        if thin != self._far_wires.isVisible():
            self._far_wires.setVisible(thin)
            for item in self.wires.values():
                item.setFlag(item.GraphicsItemFlag.ItemHasNoContents, thin)
        if flat != self._far_blocks.isVisible():
            self._far_blocks.setVisible(flat)
            for block in self.blocks.values():
                block.set_far(flat)

    # The ways of the wires

    def _relay(self) -> None:
        """Lay those wires anew that a change since the last time can have an effect on."""
        now = self._spots()
        moved = {key for key in now.keys() | self._stood.keys()
                 if now.get(key) != self._stood.get(key)}  # fmt: skip
        spots = [spots[key] for spots in (self._stood, now) for key in moved if key in spots]
        self._stood = now
        edges = np.array([(x, y, x + w, y + h) for x, y, w, h in spots], float).reshape(-1, 4)
        around = _around(edges)
        obstacles: Obstacles | None = None
        for wire, item in self.wires.items():
            kept = wire.source not in moved and wire.target not in moved and item.laid
            kept = kept and item.pos().isNull()
            same = kept and self._bends.get(wire, ()) == item.dots
            if same and (item.far_from(around) or not item.meets(edges)):
                continue
            obstacles = obstacles or self._obstacles()
            self._lay(wire, item, obstacles)

    def _spots(self) -> dict[str, Spot]:
        return {key: item.spot() for key, item in self.blocks.items()}

    def _obstacles(self) -> Obstacles:
        return Obstacles(self._spots())

    def _lay(self, wire: Wire, item: WireItem, obstacles: Obstacles) -> None:
        start, end = self.ends(wire)
        bends = self._bends.get(wire, ())
        item.set_route(obstacles.route(start, end, wire.source, wire.target, bends), bends)
        self._content = None

    def reroute(self, moved: Iterable[str] | None = None) -> None:
        """Lay the wires anew: all, or only those that touch the blocks in `moved`."""
        if moved is None:
            self._stood = self._spots()
            self._lay_all(self.wires.items())
            self.rerouted.emit()
        else:
            self.lead({}, moved)

    def _lay_all(self, items: Iterable[tuple[Wire, WireItem]]) -> None:
        obstacles = self._obstacles()
        for wire, item in items:
            self._lay(wire, item, obstacles)

    def lead(
        self, bends: Mapping[Wire, Sequence[tuple[float, float]]], moved: Iterable[str] = ()
    ) -> None:
        """Show wires with other bends and ends for now, as a drag does."""
        touched = set(moved)
        for wire, points in bends.items():
            self._bends[wire] = tuple(QPointF(x, y) for x, y in points)
        found = []
        for wire, item in self.wires.items():
            ends = (wire.source in touched) + (wire.target in touched)
            if not ends and wire not in bends:
                continue
            rigid = ends == 2 and item.laid
            if not (rigid and item.carry(*self.ends(wire))):
                found.append((wire, item))
        content = self._content  # until the drag has ended the minimap stands still
        self._lay_all(found)
        self._content = content
        self.rerouted.emit()

    def bent(self) -> Mapping[Wire, tuple[QPointF, ...]]:
        """Return the wires that pass dots, with these."""
        return self._bends

    def ends(self, wire: Wire) -> tuple[QPointF, QPointF]:
        """Return both ends of a wire; a port that is not declared ends at the middle."""
        source, target = self.blocks[wire.source], self.blocks[wire.target]
        start = source.port_at(wire.out, output=True) or source.frame.center()
        end = target.port_at(wire.into, output=False) or target.frame.center()
        return start, end

    # What is where

    def block_at(self, at: QPointF) -> BlockItem | None:
        """Return the topmost block whose body holds the point."""
        x, y = at.x(), at.y()
        found = None
        for item in self.blocks.values():
            if 0 <= x - item.x() <= item.layout.width and 0 <= y - item.y() <= item.layout.height:
                found = item
        return found

    def port_at(self, at: QPointF, reach: float) -> PortHit | None:
        """Return the nearest port within `reach` scene pixels."""
        best, least, x, y = None, reach, at.x(), at.y()
        for key, item in self.blocks.items():
            left, top = x - item.x(), y - item.y()
            if not (
                -reach <= left <= item.layout.width + reach
                and -reach <= top <= item.layout.height + reach
            ):
                continue
            for hit, place in self._ports(key, item):
                away = place - at
                length = (away.x() ** 2 + away.y() ** 2) ** 0.5
                if length <= least:
                    best, least = hit, length
        return best

    @staticmethod
    def _ports(key: str, item: BlockItem) -> Iterator[tuple[PortHit, QPointF]]:
        for port in item.face.inputs:
            place = item.layout.inputs[port.name] + item.pos()
            yield PortHit(key, port.name, False, port.kind), place
        for port in item.face.outputs:
            place = item.layout.outputs[port.name] + item.pos()
            yield PortHit(key, port.name, True, port.kind), place

    def wire_at(self, at: QPointF, reach: float) -> WireItem | None:
        """Return the nearest wire within `reach` scene pixels of the point."""
        best, least, point = None, reach, (at.x(), at.y())
        for item in self.wires.values():
            if item.rect().contains(at) and item.isVisible():
                away = distance(item.line(), point)
                if away <= least:
                    best, least = item, away
        return best

    def wires_across(self, start: QPointF, end: QPointF) -> list[Wire]:
        """Return the wires that a straight stroke between two points crosses."""
        one, two = start.toTuple(), end.toTuple()
        stroke = QRectF(start, end).normalized().adjusted(-1, -1, 1, 1)
        return [
            wire
            for wire, item in self.wires.items()
            if item.rect().intersects(stroke) and crossed(item.line(), one, two)
        ]

    def dot_at(self, at: QPointF, reach: float) -> Dot | None:
        """Return the nearest dot of a wire within `reach` scene pixels."""
        best, least = None, reach
        for wire, points in self._bends.items():
            for index, point in enumerate(points):
                away = point - at
                length = (away.x() ** 2 + away.y() ** 2) ** 0.5
                if length <= least:
                    best, least = Dot(wire, index), length
        return best

    def frame_at(self, at: QPointF, reach: float) -> FrameHit | None:
        """Return the topmost frame whose title or edge is at a point, or the note there."""
        items = sorted(self.frames.items(), key=lambda pair: pair[1].frame.note)
        for key, item in reversed(items):
            part = item.part_at(at, reach)
            if part is not None:
                return FrameHit(key, part)
        return None

    def blocks_in(self, rect: QRectF) -> list[str]:
        """Return the blocks that touch a rectangle."""
        return [key for key, item in self.blocks.items() if item.frame.intersects(rect)]

    def blocks_on(self, rect: QRectF) -> list[str]:
        """Return the blocks whose middle lies on a rectangle."""
        return [key for key, item in self.blocks.items() if rect.contains(item.frame.center())]

    def frames_in(self, rect: QRectF) -> list[str]:
        """Return the notes that touch a rectangle, and the frames that lie in it."""
        return [
            key
            for key, item in self.frames.items()
            if (rect.intersects(item.area) if item.frame.note else rect.contains(item.area))
        ]

    def dots_in(self, rect: QRectF) -> list[Dot]:
        """Return the dots of wires in a rectangle."""
        return [
            Dot(wire, index)
            for wire, points in self._bends.items()
            for index, point in enumerate(points)
            if rect.contains(point)
        ]

    def content(self) -> QRectF:
        """Return the rectangle of everything, blocks with their loops; empty without blocks."""
        if self._content is None:
            whole = QRectF()
            for area in (*(frame.area for frame in self.frames.values()), *self._beside):
                whole = whole.united(area)
            rows = [item.reach() for item in self.blocks.values()]
            rows += [item.box for item in self.wires.values()]
            if rows:
                left, top, right, bottom = _around(np.array(rows, float))
                whole = whole.united(QRectF(left, top, right - left, bottom - top))
            self._content = whole
        return QRectF(self._content)

    def set_beside(self, areas: Iterable[QRectF]) -> None:
        """Tell which areas belong to the content beside blocks, wires and frames."""
        self._beside = tuple(areas)
        self._content = None

    # What is seen for a moment

    def show_selection(
        self,
        ids: Iterable[str],
        wire: Wire | None,
        focused: str,
        frames: Iterable[str] = (),
        dots: Iterable[Dot] = (),
    ) -> None:
        """Draw rings, and dim the wires that are not on a path through the selection."""
        chosen, framed = set(ids), set(frames)
        path = self._path_blocks(chosen) if chosen else set[str]()
        for key, item in self.blocks.items():
            item.set_state("chosen", key in chosen)
            item.set_state("focused", key == focused)
        for name, frame in self.frames.items():
            frame.set_state("chosen", name in framed)
            frame.set_state("focused", name == focused)
        picked: dict[Wire, set[int]] = {}
        for dot in dots:
            picked.setdefault(dot.wire, set()).add(dot.index)
        for one, line in self.wires.items():
            line.set_state("chosen", one == wire)
            line.set_state("chosen_dots", frozenset(picked.get(one, ())))
            on_path = one.source in path and one.target in path
            line.set_state("aside", bool(chosen) and not on_path)

    def _path_blocks(self, chosen: set[str]) -> set[str]:
        return self._graph.downstream(chosen) | self._graph.upstream(chosen)

    def show_cut(self, wires: Iterable[Wire]) -> None:
        """Mark exactly these wires as being cut."""
        doomed = set(wires)
        for wire, item in self.wires.items():
            item.set_state("cut", wire in doomed)

    def show_fitting(self, fitting: Mapping[str, frozenset[str]] | None, source: str) -> None:
        """Ring the ports that fit a wire from `source` and dim the others; None ends that."""
        for key, item in self.blocks.items():
            if fitting is None or key == source:
                item.set_state("fitting", None)
            else:
                item.set_state("fitting", fitting.get(key, frozenset()))

    def show_gradient(self, values: Mapping[Wire, float]) -> None:
        """Draw log10 gradient norms along wires; an empty mapping ends the overlay."""
        for wire, item in self.wires.items():
            item.set_state("gradient", values.get(wire))

    def show_picture(self, block_id: str, picture: Picture | None) -> None:
        """Put a thumbnail on a block; unknown ids are ignored (the block is gone)."""
        item = self.blocks.get(block_id)
        if item is not None and item.show_picture(picture):
            self._relay()

    def show_running(self, ids: Iterable[str], running: bool) -> None:
        """Start or end the state ring of blocks."""
        for key in ids:
            if key in self.blocks:
                self.blocks[key].set_state("turn", -90.0 if running else None)

    def show_stale(self, ids: Iterable[str]) -> None:
        """Mark exactly these blocks as edited since the run started."""
        stale = set(ids)
        for key, item in self.blocks.items():
            item.set_state("stale", key in stale)

    def turn_rings(self) -> bool:
        """Turn every state ring a little; False when none is there."""
        turning = [item for item in self.blocks.values() if item.turn is not None]
        for item in turning:
            item.set_state("turn", ((item.turn or 0.0) + TURN_STEP) % 360.0)
        return bool(turning)

    def restyle(self) -> None:
        """Measure and paint everything anew, after a change of the theme."""
        for item in self.blocks.values():
            item.show_face(item.face, force=True)
        self.reroute()
        self.update()
