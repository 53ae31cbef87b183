"""Gestures with wires: draw, move, cut; and a block dropped on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from typing_extensions import override

from seqstudio.blocks import editing, ports
from seqstudio.blocks.check import flow, is_recurrent
from seqstudio.document.edits import Connect, Disconnect, Together
from seqstudio.document.graph import Graph, Wire
from seqstudio.studio.canvas.hands.gestures import Gesture, Pointer
from seqstudio.studio.canvas.items.geometry import size_of_new, snapped
from seqstudio.studio.canvas.items.transient import GhostItem, LooseWireItem, StrokeItem
from seqstudio.studio.canvas.scene import PortHit

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView


class DrawWire(Gesture):
    """Draws a wire from a port, or moves an existing one that was taken at its input end.

    Released over a port or a body that fits, it connects; over empty canvas a new wire opens the
    menu of blocks that fit, and a moved one is disconnected.
    """

    def __init__(
        self, view: CanvasView, start: Pointer, port: PortHit, moved: Wire | None = None
    ) -> None:
        super().__init__(view, start)
        self.port = port
        self._moved = moved
        graph = view.editor.graph
        self._graph = graph.without_wire(moved) if moved else graph
        self._loose = LooseWireItem(port.kind)
        self.show(self._loose)
        if moved:
            view.canvas.wires[moved].setVisible(False)
        view.canvas.show_fitting(fitting_ports(self._graph, port), port.block)
        self.move(start)

    def _wire_at(self, at: QPointF) -> tuple[Wire | None, str]:
        """Return the wire that a release at a point would draw, or why there is none."""
        view = self.view
        hit = view.canvas.port_at(at, view.reach())
        if hit is not None and hit.block != self.port.block and hit.output != self.port.output:
            wire = _between(self.port, hit.block, hit.name)
            reason = editing.refusal(self._graph, wire)
            return (None, reason) if reason else (wire, "")
        body = view.canvas.block_at(at)
        if body is None or body.key == self.port.block:
            return None, ""
        return self._best_on_body(body.key)

    def _best_on_body(self, block: str) -> tuple[Wire | None, str]:
        wires = possible_wires(self._graph, self.port, block)
        taken = self._graph.into(block) if self.port.output else {}
        fitting = [wire for wire in wires if not editing.refusal(self._graph, wire)]
        fitting.sort(key=lambda wire: wire.into in taken)
        if fitting:
            return fitting[0], ""
        if wires:
            return None, editing.refusal(self._graph, wires[0])
        return None, "It has no input" if self.port.output else "It has no output"

    @override
    def move(self, pointer: Pointer) -> None:
        wire, reason = self._wire_at(pointer.scene)
        end = pointer.scene
        if wire is not None:
            start_end = self.view.canvas.ends(wire)
            end = start_end[1] if self.port.output else start_end[0]
        self._stretch(end, reason)

    def _stretch(self, end: QPointF, reason: str) -> None:
        item = self.view.canvas.blocks[self.port.block]
        anchor = item.port_at(self.port.name, output=self.port.output) or item.frame.center()
        ends = (anchor, end) if self.port.output else (end, anchor)
        self._loose.stretch(*ends, end, reason)

    @property
    def reason(self) -> str:
        """Why a release here would not connect, "" if it would or nothing is here."""
        return self._loose.reason

    @override
    def end(self, pointer: Pointer) -> None:
        wire, reason = self._wire_at(pointer.scene)
        if wire is None and not reason and not self._moved and self.far(pointer):
            if self.view.canvas.block_at(pointer.scene) is None:
                self._offer(pointer)
            else:
                self.cancel()
            return
        self.cancel()
        if wire is not None:
            self.view.editor.connect_ports(wire, self._moved)
        elif reason:
            self.view.editor.message.emit(reason)
        elif self._moved and self.far(pointer):
            self.view.editor.disconnect_wire(self._moved)

    def _offer(self, pointer: Pointer) -> None:
        """Keep the loose wire and let the person choose a block for its end."""
        self.view.canvas.show_fitting(None, "")
        self.view.offer_blocks_for(self.port, pointer, self.cancel)

    @override
    def cancel(self) -> None:
        self.clear()
        self.view.canvas.show_fitting(None, "")
        if self._moved and self._moved in self.view.canvas.wires:
            self.view.canvas.wires[self._moved].setVisible(True)


def fitting_ports(graph: Graph, port: PortHit) -> dict[str, frozenset[str]]:
    """Return the ports of each block that a wire from `port` fits, as `editing.refusal` says.

    Loops are looked for once, not for every port of hundreds of blocks.
    """
    plain = flow(graph)
    around = plain.upstream({port.block}) if port.output else plain.downstream({port.block})
    found = {}
    for block in graph:
        sides = ports.inputs(block) if port.output else ports.outputs(block)
        found[block.id] = frozenset(
            side.name
            for side in sides
            if side.kind == port.kind
            and block.id != port.block
            and (
                block.id not in around or is_recurrent(graph, _between(port, block.id, side.name))
            )
        )
    return found


def possible_wires(graph: Graph, port: PortHit, block: str) -> list[Wire]:
    """Return every wire between a port and the ports on the other side of a block."""
    if block == port.block:
        return []
    other = graph.blocks[block]
    sides = ports.inputs(other) if port.output else ports.outputs(other)
    return [_between(port, block, side.name) for side in sides]


def _between(port: PortHit, block: str, name: str) -> Wire:
    if port.output:
        return Wire(port.block, port.name, block, name)
    return Wire(block, name, port.block, port.name)


class MoveWires(Gesture):
    """Shift and drag at an output: all its wires go to another output, or away over nothing."""

    def __init__(
        self, view: CanvasView, start: Pointer, port: PortHit, wires: Sequence[Wire]
    ) -> None:
        super().__init__(view, start)
        self._port = port
        self._wires = tuple(wires)
        self._loose = [LooseWireItem(port.kind) for _ in self._wires]
        for item, wire in zip(self._loose, self._wires, strict=True):
            self.show(item)
            view.canvas.wires[wire].setVisible(False)
        self._others = self._able()
        fitting = {key: self._fitting(key) for key in view.editor.graph.blocks}
        view.canvas.show_fitting(fitting, port.block)
        self.move(start)

    def _able(self) -> set[str]:
        """Return the blocks that the wires can leave without closing a loop."""
        graph = self.view.editor.graph
        later = {wire for wire in self._wires if is_recurrent(graph, wire)}
        for wire in self._wires:
            graph = graph.without_wire(wire)
        targets = {wire.target for wire in self._wires if wire not in later}
        return set(graph.blocks) - flow(graph).downstream(targets)

    def _moved(self, block: str, out: str) -> tuple[Wire, ...]:
        return tuple(replace(wire, source=block, out=out) for wire in self._wires)

    def _refusal(self, wires: Sequence[Wire]) -> str:
        """Return why the wires cannot leave there, "" when all of them can."""
        graph = self.view.editor.graph
        for wire in self._wires:
            graph = graph.without_wire(wire)
        return next((reason for w in wires if (reason := editing.refusal(graph, w))), "")

    def _fitting(self, block: str) -> frozenset[str]:
        """Return the outputs of a block that all the wires can leave."""
        if block not in self._others:
            return frozenset()
        outputs = ports.outputs(self.view.editor.graph.blocks[block])
        return frozenset(port.name for port in outputs if port.kind == self._port.kind)

    def _wanted(self, at: QPointF) -> tuple[tuple[Wire, ...], str]:
        """Return the wires that a release at a point would draw, or why there are none."""
        hit = self.view.canvas.port_at(at, self.view.reach())
        if hit is not None and hit.output:
            if (hit.block, hit.name) == (self._port.block, self._port.name):
                return (), ""
            moved = self._moved(hit.block, hit.name)
            reason = self._refusal(moved)
            return ((), reason) if reason else (moved, "")
        body = self.view.canvas.block_at(at)
        if body is None or body.key == self._port.block:
            return (), ""
        name = next(iter(self._fitting(body.key)), "")
        if name:
            return self._moved(body.key, name), ""
        return (), "The wires do not fit at an output of this block"

    @override
    def move(self, pointer: Pointer) -> None:
        _, reason = self._wanted(pointer.scene)
        for item, wire in zip(self._loose, self._wires, strict=True):
            end = self.view.canvas.ends(wire)[1]
            shown = reason if item is self._loose[0] else ""
            item.stretch(pointer.scene, end, pointer.scene, shown)

    @override
    def end(self, pointer: Pointer) -> None:
        wanted, reason = self._wanted(pointer.scene)
        nothing = self.view.canvas.block_at(pointer.scene) is None
        self.cancel()
        editor, gone = self.view.editor, tuple(Disconnect(wire) for wire in self._wires)
        if wanted:
            editor.do(Together((*gone, *(Connect(wire) for wire in wanted)), "Move wires"))
        elif reason:
            editor.message.emit(reason)
        elif nothing and self.far(pointer):
            editor.cut_wires(self._wires)

    @override
    def cancel(self) -> None:
        self.clear()
        self.view.canvas.show_fitting(None, "")
        for wire in self._wires:
            if wire in self.view.canvas.wires:
                self.view.canvas.wires[wire].setVisible(True)


class CutStroke(Gesture):
    """Ctrl and drag with the right button: the wires that the stroke crosses are cut."""

    def __init__(self, view: CanvasView, start: Pointer) -> None:
        super().__init__(view, start)
        self._last = start.scene
        self._stroke = StrokeItem(start.scene)
        self.show(self._stroke)
        self.wires: dict[Wire, None] = {}
        view.viewport().setCursor(Qt.CursorShape.CrossCursor)

    @override
    def move(self, pointer: Pointer) -> None:
        canvas = self.view.canvas
        self.wires |= dict.fromkeys(canvas.wires_across(self._last, pointer.scene))
        self._last = pointer.scene
        self._stroke.add(pointer.scene)
        canvas.show_cut(self.wires)

    @override
    def end(self, pointer: Pointer) -> None:
        self.move(pointer)
        self.cancel()
        self.view.editor.cut_wires(self.wires)

    @override
    def cancel(self) -> None:
        self.clear()
        self.view.viewport().unsetCursor()
        self.view.canvas.show_cut(())


class DropBlock(Gesture):
    """A block dragged in from the palette: lands on the canvas, or on a wire that it fits."""

    def __init__(self, view: CanvasView, start: Pointer, kind: str) -> None:
        super().__init__(view, start)
        self._kind = kind
        self._size = size_of_new(kind)
        self._ghost = GhostItem([QRectF(0, 0, self._size[0], self._size[1])])
        self.show(self._ghost)
        self.wire: Wire | None = None
        self.move(start)

    @override
    def move(self, pointer: Pointer) -> None:
        self._ghost.setPos(*self._place(pointer.scene))
        self._aim(self.view.wire_for_new(self._kind, pointer.scene))

    def _place(self, at: QPointF) -> tuple[float, float]:
        """Return the top left corner, so that the pointer is in the middle of the header."""
        return snapped(at.x() - self._size[0] / 2), snapped(at.y() - 64)

    def _aim(self, wire: Wire | None) -> None:
        for key, item in self.view.canvas.wires.items():
            item.set_state("target", key == wire)
        self.wire = wire

    @override
    def end(self, pointer: Pointer) -> None:
        self.move(pointer)
        wire, place = self.wire, self._place(pointer.scene)
        self.cancel()
        if wire is not None:
            self.view.insert(self._kind, wire, place)
        else:
            self.view.editor.add(self._kind, *place)

    @override
    def cancel(self) -> None:
        self._aim(None)
        self.clear()
