"""The pointer on the canvas: which gesture a press starts, hover, drag and drop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QInputDevice, QMouseEvent, QWheelEvent

from seqstudio.studio.canvas.edits import Dot
from seqstudio.studio.canvas.hands.gestures import BoxSelect, Gesture, Pan, Pointer
from seqstudio.studio.canvas.hands.moving import BendWire, CloneBlocks, MoveThings, ResizeFrame
from seqstudio.studio.canvas.hands.wiring import CutStroke, DrawWire, DropBlock, MoveWires
from seqstudio.studio.canvas.items.block_item import BlockItem
from seqstudio.studio.canvas.items.frame_item import FrameHit
from seqstudio.studio.canvas.items.wire_item import WireItem
from seqstudio.studio.canvas.peek import PeekCard, known_lines
from seqstudio.studio.canvas.scene import PortHit

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

_EDGE_PX, _DOT_PX, _PEEK_MS = 5.0, 9.0, 300
_ZOOM_PER_NOTCH, _NOTCH = 1.15, 120.0
_SHIFT = Qt.KeyboardModifier.ShiftModifier
_CTRL = Qt.KeyboardModifier.ControlModifier
_ALT = Qt.KeyboardModifier.AltModifier
_EDGE_CURSORS = {
    "left": Qt.CursorShape.SizeHorCursor,
    "right": Qt.CursorShape.SizeHorCursor,
    "top": Qt.CursorShape.SizeVerCursor,
    "bottom": Qt.CursorShape.SizeVerCursor,
    "top left": Qt.CursorShape.SizeFDiagCursor,
    "bottom right": Qt.CursorShape.SizeFDiagCursor,
    "top right": Qt.CursorShape.SizeBDiagCursor,
    "bottom left": Qt.CursorShape.SizeBDiagCursor,
}


class CanvasMouse:
    """Starts, feeds and ends gestures.

    Attributes:
        gesture: The one under way, or None.
        space: Space is held down: a drag pans.
        stroked: The last press began a cut: the right button asks for no menu then.
        peek: The card that tells what travels on a wire.
    """

    def __init__(self, view: CanvasView) -> None:
        self._view = view
        self.gesture: Gesture | None = None
        self.space = False
        self.stroked = False
        self._space_used = False
        self._hovered: BlockItem | WireItem | None = None
        self.peek = PeekCard(view)
        self._at = Pointer(QPointF(), view.rect().center(), Qt.KeyboardModifier.NoModifier)
        self._timer = QTimer(view)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PEEK_MS)
        self._timer.timeout.connect(self._show_peek)

    def pointer(self, event: QMouseEvent) -> Pointer:
        """Return where an event of the mouse happened."""
        at = event.position().toPoint()
        return Pointer(self._view.mapToScene(at), at, event.modifiers())

    # Buttons

    def press(self, event: QMouseEvent) -> None:
        """Start the gesture that a press stands for."""
        if self.gesture is not None:
            return
        at, button = self.pointer(event), event.button()
        self._view.settle()
        self._end_hover()
        self.stroked = False
        if button == Qt.MouseButton.MiddleButton or (
            button == Qt.MouseButton.LeftButton and self.space
        ):
            self._space_used = True
            self.gesture = Pan(self._view, at, dots=not self.space)
        elif button == Qt.MouseButton.RightButton and at.has(_CTRL):
            self.stroked = True
            self.gesture = CutStroke(self._view, at)
        elif button == Qt.MouseButton.LeftButton:
            self._view.fits_itself = False
            self.gesture = self._left(at)

    def _left(self, at: Pointer) -> Gesture | None:
        """Return the gesture of what lies on top: ports, blocks, then what is under them."""
        canvas = self._view.canvas
        unrolled, drag = self._view.unroller.grab(at)
        if unrolled:
            return drag
        port = canvas.port_at(at.scene, self._view.reach())
        if port is not None:
            return self._from_port(at, port)
        block = canvas.block_at(at.scene)
        if block is not None:
            return self._from_block(at, block)
        looped = next((b for b in canvas.blocks.values() if _on_pill(b, at.scene)), None)
        if looped is not None:
            self._view.unroll_requested.emit(looped.key)
            return None
        return self._below_blocks(at)

    def _below_blocks(self, at: Pointer) -> Gesture | None:
        dot, wire = self.dot_at(at.scene), self._view.wire_under(at.scene)
        if dot is not None:
            return self._from_dot(at, dot)
        if wire is not None and at.has(_ALT):
            return BendWire(self._view, at, wire)
        if wire is not None:
            self._view.editor.select((), wire)
            return None
        frame = self.frame_at(at.scene)
        return BoxSelect(self._view, at) if frame is None else self._from_frame(at, frame)

    def dot_at(self, at: QPointF) -> Dot | None:
        """Return the dot of a wire at a scene point."""
        return self._view.canvas.dot_at(at, _DOT_PX / min(1.0, self._view.zoom()))

    def frame_at(self, at: QPointF) -> FrameHit | None:
        """Return the title or edge of a frame, or the note, at a scene point."""
        return self._view.canvas.frame_at(at, _EDGE_PX / self._view.zoom())

    def _from_dot(self, at: Pointer, dot: Dot) -> Gesture | None:
        editor, chosen = self._view.editor, self._view.editor.dots
        if at.has(_SHIFT) or at.has(_CTRL):
            rest = tuple(each for each in chosen if each != dot)
            editor.select(
                editor.selection, None, editor.frames, rest if dot in chosen else (*chosen, dot)
            )
            if dot in chosen:
                return None
        elif dot not in chosen:
            editor.select((), None, (), (dot,))
        return MoveThings(self._view, at, dot)

    def _from_frame(self, at: Pointer, hit: FrameHit) -> Gesture | None:
        editor, chosen, key = self._view.editor, self._view.editor.frames, hit.frame
        if at.has(_SHIFT) or at.has(_CTRL):
            rest = tuple(each for each in chosen if each != key)
            editor.select(
                editor.selection, None, rest if key in chosen else (*chosen, key), editor.dots
            )
            if key in chosen:
                return None
        elif key not in chosen:
            editor.select((), None, (key,))
        if hit.part != "body":
            return ResizeFrame(self._view, at, hit)
        return CloneBlocks(self._view, at) if at.has(_ALT) else MoveThings(self._view, at, key)

    def _from_port(self, at: Pointer, port: PortHit) -> Gesture:
        if port.output and at.has(_SHIFT):
            leaving = [w for w in self._view.editor.graph.outof(port.block) if w.out == port.name]
            if leaving:
                return MoveWires(self._view, at, port, leaving)
        wire = self._view.editor.graph.into(port.block).get(port.name) if not port.output else None
        if wire is None:
            return DrawWire(self._view, at, port)
        source = self._view.canvas.blocks[wire.source].face.outputs
        kind = next((p.kind for p in source if p.name == wire.out), port.kind)
        return DrawWire(self._view, at, PortHit(wire.source, wire.out, True, kind), wire)

    def _from_block(self, at: Pointer, block: BlockItem) -> Gesture | None:
        editor, chosen = self._view.editor, self._view.editor.selection
        if at.has(_SHIFT) or at.has(_CTRL):
            inside = block.key in chosen
            rest = tuple(key for key in chosen if key != block.key)
            editor.select(
                rest if inside else (*chosen, block.key), None, editor.frames, editor.dots
            )
            if inside:
                return None
        elif block.key not in chosen:
            editor.select((block.key,))
        if at.has(_ALT):
            return CloneBlocks(self._view, at)
        return MoveThings(self._view, at, block.key)

    def move(self, event: QMouseEvent) -> None:
        """Feed the gesture, or show what is under the pointer."""
        self._at = self.pointer(event)
        if self.gesture is not None:
            self.gesture.move(self._at)
        else:
            self._hover(self._at.scene)

    def release(self, event: QMouseEvent) -> None:
        """End the gesture."""
        gesture, self.gesture = self.gesture, None
        if gesture is not None:
            gesture.end(self.pointer(event))

    def double_click(self, event: QMouseEvent) -> None:
        """Open a block, bend a wire, edit a frame, or open the menu of blocks on empty canvas."""
        at = self.pointer(event)
        block = self._view.canvas.block_at(at.scene)
        if block is not None:
            self._view.open_block(block.key)
            return
        wire, hit = self._view.wire_under(at.scene), self.frame_at(at.scene)
        if wire is not None:
            if self.dot_at(at.scene) is None:
                self._view.arrange.add_dot_at(wire, at.scene)
        elif hit is not None:
            self._view.edit_frame(hit.frame)
        else:
            self._view.open_add_menu(at.view)

    def cancel(self) -> bool:
        """Leave the gesture under way; False when there is none."""
        gesture, self.gesture = self.gesture, None
        if gesture is not None:
            gesture.cancel()
        return gesture is not None

    def wheel(self, event: QWheelEvent) -> None:
        """Zoom at the pointer; two fingers on a pad pan, with Ctrl they zoom."""
        pad = event.device().type() == QInputDevice.DeviceType.TouchPad
        if pad and not event.modifiers() & _CTRL and not event.pixelDelta().isNull():
            self._view.shift_by(event.pixelDelta())
            return
        notches = event.angleDelta().y() / _NOTCH
        self._view.zoom_by(_ZOOM_PER_NOTCH**notches, event.position().toPoint())

    # Space: a tap searches, a drag pans

    def press_space(self) -> None:
        """Remember that Space is held."""
        self.space, self._space_used = True, False
        self._view.viewport().setCursor(Qt.CursorShape.OpenHandCursor)

    def release_space(self) -> None:
        """Run what Space stands for, the menu of blocks at first, if it was only tapped."""
        tapped, self.space = self.space and not self._space_used, False
        self._view.viewport().unsetCursor()
        name = self._view.keys.action(("Space",)) if tapped else ""
        if name:
            self._view.keys.run(name)

    # Hover

    def _hover(self, at: QPointF) -> None:
        canvas = self._view.canvas
        under: BlockItem | WireItem | None = canvas.block_at(at)
        if under is None:
            wire = self._view.wire_under(at)
            under = canvas.wires[wire] if wire is not None else None
        port = canvas.port_at(at, self._view.reach())
        self._view.viewport().setCursor(self._cursor(port, None if under else at))
        if under is self._hovered:
            return
        self._end_hover()
        self._hovered = under
        if under is not None:
            under.set_state("hovered", value=True)
        if isinstance(under, WireItem):
            self._timer.start()

    def _cursor(self, port: PortHit | None, free: QPointF | None) -> Qt.CursorShape:
        """Return the cursor over a port, or at a place without block and wire."""
        if self.space:
            return Qt.CursorShape.OpenHandCursor
        if port is not None:
            return Qt.CursorShape.CrossCursor
        hit = self.frame_at(free) if free is not None else None
        return _EDGE_CURSORS.get(hit.part if hit else "", Qt.CursorShape.ArrowCursor)

    def _end_hover(self) -> None:
        self._timer.stop()
        self.peek.hide()
        if self._hovered is not None:
            self._hovered.set_state("hovered", value=False)
        self._hovered = None

    def forget(self) -> None:
        """Let go of items: they may be gone."""
        self._end_hover()

    def _show_peek(self) -> None:
        if not isinstance(self._hovered, WireItem):
            return
        wire = self._hovered.wire
        self.look(wire.source, wire.out, self._at.view, self._hovered.gradient)

    def look(self, block: str, port: str, at: QPoint, gradient: float | None = None) -> None:
        """Open the card of a port at a point of the view; what flows there is asked for."""
        editor = self._view.editor
        shape = editor.report.shapes.get((block, port))
        self.peek.tell(known_lines(shape, editor.facts, gradient), at)
        self._view.peek_wanted.emit(block, port)

    # Drag and drop from the palette

    def drag_in(self, kind: str, at: Pointer) -> None:
        """Start showing where a block of the palette would land."""
        self.cancel()
        self.gesture = DropBlock(self._view, at, kind)

    def while_dropping(self, do: Callable[[DropBlock], None]) -> bool:
        """Do something with the drop under way; False when there is none."""
        if isinstance(self.gesture, DropBlock):
            do(self.gesture)
            return True
        return False


def _on_pill(block: BlockItem, at: QPointF) -> bool:
    return block.layout.state is not None and block.pill().contains(at - block.pos())
