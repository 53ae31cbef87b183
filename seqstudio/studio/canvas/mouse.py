"""The pointer on the canvas: which gesture a press starts, hover, drag and drop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtGui import QInputDevice, QMouseEvent, QWheelEvent

from seqstudio.studio.canvas.block_item import BlockItem
from seqstudio.studio.canvas.gestures import (
    BoxSelect,
    CloneBlocks,
    DrawWire,
    DropBlock,
    Gesture,
    MoveBlocks,
    Pan,
    Pointer,
)
from seqstudio.studio.canvas.overlay import Peek, peek_text
from seqstudio.studio.canvas.scene import PortHit
from seqstudio.studio.canvas.wire_item import WireItem

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

_WIRE_PX, _PEEK_MS = 6.0, 300
_ZOOM_PER_NOTCH, _NOTCH = 1.15, 120.0
_SHIFT = Qt.KeyboardModifier.ShiftModifier
_CTRL = Qt.KeyboardModifier.ControlModifier


class CanvasMouse:
    """Starts, feeds and ends gestures.

    Attributes:
        gesture: The one under way, or None.
        space: Space is held down: a drag pans.
        peek: The card that tells what travels on a wire.
    """

    def __init__(self, view: CanvasView) -> None:
        self._view = view
        self.gesture: Gesture | None = None
        self.space = False
        self._space_used = False
        self._hovered: BlockItem | WireItem | None = None
        self.peek = Peek(view)
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
        if button == Qt.MouseButton.MiddleButton or (
            button == Qt.MouseButton.LeftButton and self.space
        ):
            self._space_used = True
            self.gesture = Pan(self._view, at)
        elif button == Qt.MouseButton.LeftButton:
            self._view.fits_itself = False
            self.gesture = self._left(at)

    def _left(self, at: Pointer) -> Gesture | None:
        canvas = self._view.canvas
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
        wire = canvas.wire_at(at.scene, _WIRE_PX / self._view.zoom())
        if wire is not None:
            self._view.editor.select((), wire.wire)
            return None
        return BoxSelect(self._view, at)

    def _from_port(self, at: Pointer, port: PortHit) -> Gesture:
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
            editor.select(rest if inside else (*chosen, block.key))
            if inside:
                return None
        elif block.key not in chosen:
            editor.select((block.key,))
        if at.has(Qt.KeyboardModifier.AltModifier):
            return CloneBlocks(self._view, at)
        return MoveBlocks(self._view, at, block.key)

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
        """Open a block, or the menu of blocks on empty canvas."""
        at = self.pointer(event)
        block = self._view.canvas.block_at(at.scene)
        if block is not None:
            self._view.opened.emit(block.key)
        elif self._view.canvas.wire_at(at.scene, _WIRE_PX / self._view.zoom()) is None:
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
        canvas, zoom = self._view.canvas, self._view.zoom()
        under: BlockItem | WireItem | None = canvas.block_at(at)
        if under is None:
            under = canvas.wire_at(at, _WIRE_PX / zoom)
        port = canvas.port_at(at, self._view.reach())
        self._view.viewport().setCursor(self._cursor(port))
        if under is self._hovered:
            return
        self._end_hover()
        self._hovered = under
        if under is not None:
            under.set_state("hovered", value=True)
        if isinstance(under, WireItem):
            self._timer.start()

    def _cursor(self, port: PortHit | None) -> Qt.CursorShape:
        if self.space:
            return Qt.CursorShape.OpenHandCursor
        return Qt.CursorShape.CrossCursor if port else Qt.CursorShape.ArrowCursor

    def _end_hover(self) -> None:
        self._timer.stop()
        self.peek.hide()
        if self._hovered is not None:
            self._hovered.set_state("hovered", value=False)
        self._hovered = None

    def forget(self) -> None:
        """Let go of items: they may be gone."""
        self._timer.stop()
        self.peek.hide()
        for block in self._view.canvas.blocks.values():
            block.set_state("hovered", value=False)
        for wire in self._view.canvas.wires.values():
            wire.set_state("hovered", value=False)
        self._hovered = None

    def _show_peek(self) -> None:
        if not isinstance(self._hovered, WireItem):
            return
        wire, editor = self._hovered.wire, self._view.editor
        shape = editor.report.shapes.get((wire.source, wire.out))
        text = peek_text(shape, editor.facts, self._hovered.gradient)
        self.peek.tell(text, self._at.view)

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
