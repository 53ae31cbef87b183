"""Gestures with the pointer. One object each: start, move, end, cancel.

A gesture changes the document only in `end`, in one step; `cancel` leaves document and history
as they were and takes everything away that it drew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from typing_extensions import override

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.document.graph import Graph, Wire
from seqstudio.studio.canvas.geometry import size_of_new, snapped
from seqstudio.studio.canvas.scene import PortHit
from seqstudio.studio.canvas.transient import GhostItem, LooseWireItem, RubberItem, Transient

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

_THRESHOLD_PX = 4


@dataclass(frozen=True)
class Pointer:
    """Where the pointer is.

    Attributes:
        scene: In the scene.
        view: In the viewport.
        modifiers: Keys held.
    """

    scene: QPointF
    view: QPoint
    modifiers: Qt.KeyboardModifier

    def has(self, key: Qt.KeyboardModifier) -> bool:
        """Tell whether a modifier is held."""
        return bool(self.modifiers & key)


class Gesture(ABC):
    """One press, drag and release."""

    def __init__(self, view: CanvasView, start: Pointer) -> None:
        self.view = view
        self.first = start
        self._drawn: list[Transient] = []

    def show(self, item: Transient) -> None:
        """Draw something for as long as the gesture lasts."""
        self.view.canvas.addItem(item)
        self._drawn.append(item)

    def clear(self) -> None:
        """Take away what was drawn."""
        for item in self._drawn:
            self.view.canvas.removeItem(item)
        self._drawn.clear()

    def far(self, pointer: Pointer) -> bool:
        """Tell whether the pointer has left the place where it was pressed."""
        away = pointer.view - self.first.view
        return away.manhattanLength() >= _THRESHOLD_PX

    @abstractmethod
    def move(self, pointer: Pointer) -> None:
        """Follow the pointer."""

    @abstractmethod
    def end(self, pointer: Pointer) -> None:
        """Do what the gesture is for."""

    @abstractmethod
    def cancel(self) -> None:
        """Leave everything as it was."""


class Pan(Gesture):
    """Moves the view over the canvas."""

    def __init__(self, view: CanvasView, start: Pointer) -> None:
        super().__init__(view, start)
        self._last = start.view
        view.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)

    @override
    def move(self, pointer: Pointer) -> None:
        self.view.shift_by(pointer.view - self._last)
        self._last = pointer.view

    @override
    def end(self, pointer: Pointer) -> None:
        self.view.viewport().unsetCursor()

    @override
    def cancel(self) -> None:
        self.view.shift_by(self.first.view - self._last)
        self.view.viewport().unsetCursor()


class BoxSelect(Gesture):
    """Selects the blocks that a rectangle touches; Shift adds to what is selected."""

    def __init__(self, view: CanvasView, start: Pointer) -> None:
        super().__init__(view, start)
        self._before = view.editor.selection
        self._kept = self._before if start.has(Qt.KeyboardModifier.ShiftModifier) else ()
        self._rubber: RubberItem | None = None

    @override
    def move(self, pointer: Pointer) -> None:
        if self._rubber is None:
            if not self.far(pointer):
                return
            self._rubber = RubberItem()
            self.show(self._rubber)
        rect = QRectF(self.first.scene, pointer.scene).normalized()
        self._rubber.stretch(rect)
        self.view.editor.select((*self._kept, *self.view.canvas.blocks_in(rect)))

    @override
    def end(self, pointer: Pointer) -> None:
        if self._rubber is None:
            self.view.editor.select(self._kept)
        self.clear()

    @override
    def cancel(self) -> None:
        self.clear()
        self.view.editor.select(self._before)


class MoveBlocks(Gesture):
    """Moves the selected blocks on the half grid."""

    def __init__(self, view: CanvasView, start: Pointer, grabbed: str) -> None:
        super().__init__(view, start)
        self._grabbed = grabbed
        self._homes = {
            key: QPointF(view.canvas.blocks[key].pos()) for key in view.editor.selection
        }
        self._moved = False

    @override
    def move(self, pointer: Pointer) -> None:
        if not self._moved and not self.far(pointer):
            return
        self._moved = True
        home = self._homes[self._grabbed]
        wanted = home + pointer.scene - self.first.scene
        self._shift(QPointF(snapped(wanted.x()), snapped(wanted.y())) - home)

    def _shift(self, by: QPointF) -> None:
        for key, home in self._homes.items():
            self.view.canvas.blocks[key].setPos(home + by)
        self.view.canvas.reroute(self._homes)
        self.view.refresh_minimap()

    @override
    def end(self, pointer: Pointer) -> None:
        self.move(pointer)
        blocks = self.view.canvas.blocks
        if self._moved:
            self.view.editor.move({key: blocks[key].pos().toTuple() for key in self._homes})
            self.view.canvas.reroute()
        elif not pointer.has(Qt.KeyboardModifier.ShiftModifier):
            self.view.editor.select((self._grabbed,))

    @override
    def cancel(self) -> None:
        self._shift(QPointF())


class CloneBlocks(Gesture):
    """Alt and drag: copies of the selected blocks land where the outlines are."""

    def __init__(self, view: CanvasView, start: Pointer) -> None:
        super().__init__(view, start)
        self._ids = view.editor.selection
        frames = [view.canvas.blocks[key].frame for key in self._ids]
        self._ghost = GhostItem(frames)
        self.show(self._ghost)
        self._by = QPointF()

    @override
    def move(self, pointer: Pointer) -> None:
        by = pointer.scene - self.first.scene
        self._by = QPointF(snapped(by.x()), snapped(by.y()))
        self._ghost.setPos(self._by)

    @override
    def end(self, pointer: Pointer) -> None:
        self.move(pointer)
        self.clear()
        if self._by.isNull():
            return
        text = editing.copy_text(self.view.editor.graph, self._ids)
        self.view.editor.paste_text(text, (self._by.x(), self._by.y()), "Clone")

    @override
    def cancel(self) -> None:
        self.clear()


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
        fitting = {key: self._ports_of(key) for key in graph.blocks}
        view.canvas.show_fitting(fitting, port.block)
        self.move(start)

    def _ports_of(self, block: str) -> frozenset[str]:
        return frozenset(
            wire.into if self.port.output else wire.out
            for wire in possible_wires(self._graph, self.port, block)
            if not editing.refusal(self._graph, wire)
        )

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


def possible_wires(graph: Graph, port: PortHit, block: str) -> list[Wire]:
    """Return every wire between a port and the ports on the other side of a block."""
    kind = KINDS.get(graph.blocks[block].kind)
    if kind is None or block == port.block:
        return []
    others: Iterable[str] = (p.name for p in (kind.inputs if port.output else kind.outputs))
    return [_between(port, block, name) for name in others]


def _between(port: PortHit, block: str, name: str) -> Wire:
    if port.output:
        return Wire(port.block, port.name, block, name)
    return Wire(block, name, port.block, port.name)


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
