"""The scene: items that mirror a graph and its check. It edits nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject, QPointF, QRectF
from PySide6.QtWidgets import QGraphicsScene

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Report
from seqstudio.blocks.declaration import DataFacts
from seqstudio.document.graph import Graph, Wire
from seqstudio.studio.canvas.block_item import BlockItem
from seqstudio.studio.canvas.face import Faces
from seqstudio.studio.canvas.geometry import Obstacles
from seqstudio.studio.canvas.pictures import Picture
from seqstudio.studio.canvas.wire_item import WireItem

TURN_STEP = 25.0


@dataclass(frozen=True)
class PortHit:
    """A port under the pointer."""

    block: str
    name: str
    output: bool
    kind: str


class CanvasScene(QGraphicsScene):
    """Holds one item a block and one a wire, and keeps them equal to a graph.

    Attributes:
        blocks: Items by block id.
        wires: Items by wire.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        # Blocks move all the time and there are hundreds, not millions: an index costs more.
        self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        self.blocks: dict[str, BlockItem] = {}
        self.wires: dict[Wire, WireItem] = {}
        self._faces = Faces()
        self._graph = Graph()

    def mirror(self, graph: Graph, report: Report, facts: DataFacts) -> None:
        """Make items equal to `graph`; items of what has not changed stay as they are."""
        self._graph = graph
        self._drop_old(graph)
        fed = {(wire.target, wire.into) for wire in graph.wires}
        for block in graph:
            kind = KINDS.get(block.kind)
            wired = all((block.id, port.name) in fed for port in (kind.inputs if kind else ()))
            face = self._faces.face(block, report, facts, wired)
            item = self.blocks.get(block.id)
            if item is None:
                item = self.blocks[block.id] = BlockItem(block.id, face)
                self.addItem(item)
            else:
                item.show_face(face)
            item.setPos(block.x, block.y)
        for wire in graph.wires:
            if wire not in self.wires:
                self.wires[wire] = WireItem(wire, self._wire_kind(wire))
                self.addItem(self.wires[wire])
        self._label_wires(report)
        self.reroute()

    def _drop_old(self, graph: Graph) -> None:
        for key in [key for key in self.blocks if key not in graph.blocks]:
            self.removeItem(self.blocks.pop(key))
        kept = set(graph.wires)
        for wire in [wire for wire in self.wires if wire not in kept]:
            self.removeItem(self.wires.pop(wire))

    def _wire_kind(self, wire: Wire) -> str:
        kind = KINDS.get(self._graph.blocks[wire.source].kind)
        port = kind.port(wire.out) if kind else None
        return port.kind if port else "tensor"

    def _label_wires(self, report: Report) -> None:
        wrong = {(p.block, p.port) for p in report.errors if p.port}
        for wire, item in self.wires.items():
            shape = report.shapes.get((wire.source, wire.out))
            item.set_state("label", "" if shape is None else str(shape))
            item.set_state("wrong", (wire.target, wire.into) in wrong)

    def reroute(self, moved: Iterable[str] | None = None) -> None:
        """Lay the wires anew: all, or only those that touch the blocks in `moved`."""
        obstacles = Obstacles({key: item.frame for key, item in self.blocks.items()})
        touched = None if moved is None else set(moved)
        for wire, item in self.wires.items():
            if touched is not None and touched.isdisjoint((wire.source, wire.target)):
                continue
            start, end = self.ends(wire)
            item.set_route(obstacles.route(start, end, wire.source, wire.target))

    def ends(self, wire: Wire) -> tuple[QPointF, QPointF]:
        """Return both ends of a wire; a port that is not declared ends at the middle."""
        source, target = self.blocks[wire.source], self.blocks[wire.target]
        start = source.port_at(wire.out, output=True) or source.frame.center()
        end = target.port_at(wire.into, output=False) or target.frame.center()
        return start, end

    # What is where

    def block_at(self, at: QPointF) -> BlockItem | None:
        """Return the topmost block whose body holds the point."""
        found = [item for item in self.blocks.values() if item.frame.contains(at)]
        return found[-1] if found else None

    def port_at(self, at: QPointF, reach: float) -> PortHit | None:
        """Return the nearest port within `reach` scene pixels."""
        best, distance = None, reach
        for key, item in self.blocks.items():
            if not item.frame.adjusted(-reach, -reach, reach, reach).contains(at):
                continue
            for hit, place in self._ports(key, item):
                away = QPointF(place - at)
                length = (away.x() ** 2 + away.y() ** 2) ** 0.5
                if length <= distance:
                    best, distance = hit, length
        return best

    @staticmethod
    def _ports(key: str, item: BlockItem) -> Iterable[tuple[PortHit, QPointF]]:
        for port in item.face.inputs:
            place = item.layout.inputs[port.name] + item.pos()
            yield PortHit(key, port.name, False, port.kind), place
        for port in item.face.outputs:
            place = item.layout.outputs[port.name] + item.pos()
            yield PortHit(key, port.name, True, port.kind), place

    def wire_at(self, at: QPointF, reach: float) -> WireItem | None:
        """Return a wire within `reach` scene pixels of the point."""
        near = QRectF(at.x() - reach, at.y() - reach, 2 * reach, 2 * reach)
        for item in self.wires.values():
            if item.boundingRect().intersects(near) and item.route.path.intersects(near):
                return item
        return None

    def blocks_in(self, rect: QRectF) -> list[str]:
        """Return the blocks that touch a rectangle."""
        return [key for key, item in self.blocks.items() if item.frame.intersects(rect)]

    def content(self) -> QRectF:
        """Return the rectangle of all blocks with their loops, empty without blocks."""
        whole = QRectF()
        for item in self.blocks.values():
            whole = whole.united(item.extent())
        for wire in self.wires.values():
            whole = whole.united(wire.route.path.boundingRect())
        return whole

    # What is seen for a moment

    def show_selection(self, ids: Iterable[str], wire: Wire | None, focused: str) -> None:
        """Draw rings, and dim the wires that are not on a path through the selection."""
        chosen = set(ids)
        path = self._path_blocks(chosen)
        for key, item in self.blocks.items():
            item.set_state("chosen", key in chosen)
            item.set_state("focused", key == focused)
        for one, line in self.wires.items():
            line.set_state("chosen", one == wire)
            on_path = one.source in path and one.target in path
            line.set_state("aside", bool(chosen) and not on_path)

    def _path_blocks(self, chosen: set[str]) -> set[str]:
        return self._graph.downstream(chosen) | self._graph.upstream(chosen)

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
            self.reroute()

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
