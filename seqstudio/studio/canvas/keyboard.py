"""The keys of the canvas. Every mouse action has one; `WORDS` tells them to the status bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import title_of
from seqstudio.document.graph import Wire
from seqstudio.studio.canvas.geometry import SNAP
from seqstudio.studio.canvas.gestures import possible_wires
from seqstudio.studio.canvas.menus import Entry, block_entries
from seqstudio.studio.canvas.scene import PortHit

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

WORDS = (("Space", "add a block"), ("W", "wire"), ("Enter", "open"), ("F2", "rename"))
_NEW = "new "
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_SHIFT = Qt.KeyboardModifier.ShiftModifier
_CTRL = Qt.KeyboardModifier.ControlModifier
_NONE = Qt.KeyboardModifier.NoModifier


class CanvasKeys:
    """Turns key presses into what the view and its editor can do."""

    def __init__(self, view: CanvasView) -> None:
        self._view = view
        editor = view.editor
        self._standard: dict[QKeySequence.StandardKey, Callable[[], object]] = {
            QKeySequence.StandardKey.Copy: view.copy,
            QKeySequence.StandardKey.Cut: view.cut,
            QKeySequence.StandardKey.Paste: view.paste,
            QKeySequence.StandardKey.SelectAll: view.select_all,
        }
        self._keys: dict[tuple[Qt.Key, Qt.KeyboardModifier], Callable[[], object]] = {
            (Qt.Key.Key_Escape, _NONE): self._escape,
            (Qt.Key.Key_Delete, _NONE): editor.delete,
            (Qt.Key.Key_Backspace, _NONE): editor.delete,
            (Qt.Key.Key_Delete, _SHIFT): view.delete_plainly,
            (Qt.Key.Key_Return, _NONE): self._open,
            (Qt.Key.Key_Enter, _NONE): self._open,
            (Qt.Key.Key_F2, _NONE): self._rename,
            (Qt.Key.Key_D, _CTRL): view.duplicate,
            (Qt.Key.Key_A, _SHIFT): view.open_add_menu,
            (Qt.Key.Key_W, _NONE): view.start_wire,
            (Qt.Key.Key_W, _SHIFT): self.choose_wire,
            (Qt.Key.Key_Home, _NONE): view.fit,
            (Qt.Key.Key_Period, _NONE): view.fit,
            (Qt.Key.Key_0, _CTRL): view.reset_zoom,
            (Qt.Key.Key_Left, _CTRL): lambda: editor.follow(forward=False),
            (Qt.Key.Key_Right, _CTRL): lambda: editor.follow(forward=True),
            (Qt.Key.Key_Plus, _NONE): lambda: view.zoom_by(1.25),
            (Qt.Key.Key_Minus, _NONE): lambda: view.zoom_by(0.8),
        }

    def press(self, event: QKeyEvent) -> bool:
        """Do what a key means; False when it means nothing here."""
        for standard, action in self._standard.items():
            if event.matches(standard):
                action()
                return True
        # The keypad's own modifier does not make another key of it.
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        key = Qt.Key(event.key())
        if key in _ARROWS and not modifiers & _CTRL:
            return self._arrow(key, bool(modifiers & _SHIFT))
        found = self._keys.get((key, modifiers))
        if found is not None:
            found()
        return found is not None

    def _arrow(self, key: Qt.Key, far: bool) -> bool:
        if not self._view.editor.selection:
            return False
        (dx, dy), step = _ARROWS[key], SNAP * (4 if far else 1)
        self._view.editor.nudge(dx * step, dy * step)
        self._view.reveal(self._view.editor.selection)
        return True

    def _escape(self) -> None:
        if not self._view.cancel_gesture():
            self._view.editor.select(())

    def _open(self) -> None:
        if self._view.editor.current:
            self._view.opened.emit(self._view.editor.current)

    def _rename(self) -> None:
        if self._view.editor.current:
            self._view.rename(self._view.editor.current)

    # Wires without a mouse

    def start_wire(self) -> None:
        """Offer everything that the current block can be wired to, and blocks to add behind it."""
        block = self._view.editor.graph.blocks.get(self._view.editor.current)
        kind = KINDS.get(block.kind) if block else None
        if block is None or kind is None:
            self._view.editor.message.emit("Choose a block first: Tab goes from one to the next")
            return
        port = (kind.outputs or kind.inputs)[0]
        hit = PortHit(block.id, port.name, bool(kind.outputs), port.kind)
        wires = {str(index): wire for index, wire in enumerate(self._targets(hit))}
        entries = [self._wire_entry(key, wire, hit) for key, wire in wires.items()]
        fresh = self._view.kinds_for(hit)
        entries += [
            Entry(_NEW + e.key, e.title, e.detail, "New block", e.icon, e.role, e.words)
            for e in block_entries(fresh)
        ]

        def take(key: str) -> None:
            if key in wires:
                self._view.editor.connect_ports(wires[key])
            else:
                self._view.add_at_port(key.removeprefix(_NEW), hit, None)

        words = f"Wire {title_of(block)} to" if hit.output else f"Feed {title_of(block)} from"
        self._view.open_menu(entries, words, take, None)

    def _targets(self, port: PortHit) -> list[Wire]:
        graph = self._view.editor.graph
        return [
            wire
            for block in graph
            for wire in possible_wires(graph, port, block.id)
            if wire not in graph.wires and not editing.refusal(graph, wire)
        ]

    def _wire_entry(self, key: str, wire: Wire, port: PortHit) -> Entry:
        graph = self._view.editor.graph
        other = graph.blocks[wire.target if port.output else wire.source]
        kind = KINDS[other.kind]
        name = kind.port(wire.into if port.output else wire.out)
        taken = port.output and wire.into in graph.into(other.id)
        detail = (name.title if name else "") + (", replaces its wire" if taken else "")
        return Entry(key, title_of(other), detail, "Connect to", kind.icon, kind.role)

    def choose_wire(self) -> None:
        """Offer the wires of the current block; the chosen one is selected for Del or Space."""
        editor = self._view.editor
        touching = (w for w in editor.graph.wires if editor.current in (w.source, w.target))
        wires = {str(index): wire for index, wire in enumerate(touching)}
        if not wires:
            editor.message.emit("No wire ends here")
            return
        blocks = editor.graph.blocks
        entries = []
        for key, wire in wires.items():
            words = f"{title_of(blocks[wire.source])} → {title_of(blocks[wire.target])}"
            detail = "Del takes it away, Space inserts a block"
            entries.append(Entry(key, words, detail, "Wires", "split"))
        self._view.open_menu(
            entries, "Choose a wire", lambda key: editor.select((), wires[key]), None
        )
