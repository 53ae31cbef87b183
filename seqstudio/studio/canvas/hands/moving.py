"""Gestures that move things: blocks with their frames and dots, copies, edges of frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from typing_extensions import override

from seqstudio.blocks.clipboard import Paste, copied
from seqstudio.document.graph import Wire
from seqstudio.studio.canvas.edits import Cargo, Dot
from seqstudio.studio.canvas.hands.gestures import Gesture, Pointer
from seqstudio.studio.canvas.items.frame_item import FrameHit, resized
from seqstudio.studio.canvas.items.geometry import snapped
from seqstudio.studio.canvas.items.guides import Level, Magnets
from seqstudio.studio.canvas.items.transient import GhostItem, GuideItem

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

_REACH_PX = 7.0
_CTRL, _SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class MoveThings(Gesture):
    """Moves the selection; it catches at what stands around, or the half grid, but not with Ctrl.

    Args:
        view: The canvas.
        start: Where it was pressed.
        grabbed: Block, frame or dot under the pointer.
    """

    def __init__(self, view: CanvasView, start: Pointer, grabbed: str | Dot) -> None:
        super().__init__(view, start)
        self._grabbed = grabbed
        self._cargo = view.arrange.cargo()
        self._body = self._body_of(grabbed)
        self._magnets = Magnets(self._body, self._others(), list(self._levels()))
        self._guides: GuideItem | None = None
        self._by = QPointF()
        self.moved = False

    def _body_of(self, grabbed: str | Dot) -> QRectF:
        canvas = self.view.canvas
        if isinstance(grabbed, Dot):
            x, y = self.view.editor.graph.bends[grabbed.wire][grabbed.index]
            return QRectF(x, y, 0, 0)
        if grabbed in canvas.blocks:
            return canvas.blocks[grabbed].frame
        return canvas.frames[grabbed].area

    def _others(self) -> Iterator[QRectF]:
        """Yield what stands still in view: of a frame the other frames, else the blocks."""
        canvas, seen = self.view.canvas, self.view.seen()
        if isinstance(self._grabbed, str) and self._grabbed in canvas.frames:
            areas = {key: item.area for key, item in canvas.frames.items()}
        else:
            areas = {key: item.frame for key, item in canvas.blocks.items()}
        still = set(areas) - set(self._cargo.blocks) - set(self._cargo.frames)
        yield from (area for key, area in areas.items() if key in still and area.intersects(seen))
        if isinstance(self._grabbed, Dot):
            for end in canvas.ends(self._grabbed.wire):
                yield QRectF(end.x(), end.y(), 0, 0)

    def _levels(self) -> Iterator[Level]:
        """Yield the heights at which a wire between what moves and what stands is level."""
        moving, canvas = set(self._cargo.blocks), self.view.canvas
        for wire in self.view.editor.graph.wires:
            if (wire.source in moving) == (wire.target in moving) or wire in canvas.bent():
                continue
            start, end = canvas.ends(wire)
            port, other = (start, end) if wire.source in moving else (end, start)
            yield Level(self._body.top() + other.y() - port.y(), port, other)

    @override
    def move(self, pointer: Pointer) -> None:
        if not self.moved and not self.far(pointer):
            return
        self.moved = True
        wanted = self._body.topLeft() + pointer.scene - self.first.scene
        if pointer.has(_CTRL):
            corner, lines = wanted, list[QLineF]()
        else:
            reach = _REACH_PX / max(self.view.zoom(), 0.25)
            corner, lines = self._magnets.catch(wanted, reach)
        if self._guides is None:
            self._guides = GuideItem()
            self.show(self._guides)
        self._guides.tell(lines)
        self._shift(corner - self._body.topLeft())

    def _shift(self, by: QPointF) -> None:
        self._by = by
        graph, canvas = self.view.editor.graph, self.view.canvas
        for key in self._cargo.blocks:
            block = graph.blocks[key]
            canvas.blocks[key].setPos(block.x + by.x(), block.y + by.y())
        for frame in graph.frames:
            if frame.id in self._cargo.frames:
                canvas.frames[frame.id].setPos(frame.x + by.x(), frame.y + by.y())
        canvas.lead(self._cargo.bends(graph, by.x(), by.y()), self._cargo.blocks)
        self.view.refresh_minimap()

    @override
    def end(self, pointer: Pointer) -> None:
        self.move(pointer)
        self.clear()
        editor = self.view.editor
        if self.moved:
            edit = self._cargo.moved(editor.graph, self._by.x(), self._by.y())
            if not editor.do(edit):
                self._shift(QPointF())
        elif not pointer.has(_SHIFT):
            self._choose_alone()

    def _choose_alone(self) -> None:
        grabbed, editor = self._grabbed, self.view.editor
        if isinstance(grabbed, Dot):
            editor.select((), None, (), (grabbed,))
        elif grabbed in editor.graph.blocks:
            editor.select((grabbed,))
        else:
            editor.select((), None, (grabbed,))

    @override
    def cancel(self) -> None:
        self.clear()
        self._shift(QPointF())


class BendWire(Gesture):
    """Alt and press on a wire: a new dot there, which follows the pointer until the release."""

    def __init__(self, view: CanvasView, start: Pointer, wire: Wire) -> None:
        super().__init__(view, start)
        self._wire = wire
        self._points = view.editor.graph.bends.get(wire, ())
        self._index = view.canvas.wires[wire].piece_at(start.scene)
        self._at = start.scene.toTuple()

    @override
    def move(self, pointer: Pointer) -> None:
        if self.far(pointer):
            at = pointer.scene
            free = pointer.has(_CTRL)
            self._at = at.toTuple() if free else (snapped(at.x()), snapped(at.y()))
            self.view.canvas.lead({self._wire: self._bent()})

    def _bent(self) -> tuple[tuple[float, float], ...]:
        return (*self._points[: self._index], self._at, *self._points[self._index :])

    @override
    def end(self, pointer: Pointer) -> None:
        self.move(pointer)
        self.cancel()
        self.view.arrange.add_dot(self._wire, self._index, self._at)

    @override
    def cancel(self) -> None:
        self.view.canvas.lead({self._wire: self._points})


class CloneBlocks(Gesture):
    """Alt and drag: copies of the selected blocks land where the outlines are."""

    def __init__(self, view: CanvasView, start: Pointer) -> None:
        super().__init__(view, start)
        self._cargo = Cargo(view.editor.selection, view.editor.frames)
        canvas = view.canvas
        bodies = [canvas.blocks[key].frame for key in self._cargo.blocks]
        bodies += [canvas.frames[key].area for key in self._cargo.frames]
        self._ghost = GhostItem(bodies)
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
        clip = copied(self.view.editor.graph, self._cargo.blocks, self._cargo.frames)
        self.view.editor.put(Paste(clip, self._by.toTuple(), label="Clone"))

    @override
    def cancel(self) -> None:
        self.clear()


class ResizeFrame(Gesture):
    """Moves an edge or a corner of a frame or note on the half grid, freely with Ctrl."""

    def __init__(self, view: CanvasView, start: Pointer, hit: FrameHit) -> None:
        super().__init__(view, start)
        self._hit = hit
        self._home = view.editor.graph.frame(hit.frame)
        self._by = QPointF()

    @override
    def move(self, pointer: Pointer) -> None:
        by = pointer.scene - self.first.scene
        free = pointer.has(_CTRL)
        self._by = by if free else QPointF(snapped(by.x()), snapped(by.y()))
        shown = resized(self._home, self._hit.part, self._by.x(), self._by.y())
        self.view.canvas.frames[self._hit.frame].show_frame(shown)

    @override
    def end(self, pointer: Pointer) -> None:
        if self.far(pointer):
            self.move(pointer)
            self.cancel()
            hit, by = self._hit, self._by
            self.view.arrange.resize_frame(hit.frame, hit.part, by.x(), by.y())

    @override
    def cancel(self) -> None:
        self.view.canvas.frames[self._hit.frame].show_frame(self._home)
