"""The actions of the canvas and their keys. Everything the mouse can do has one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from PySide6.QtGui import QKeyEvent, QKeySequence

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import title_of
from seqstudio.document.graph import Wire
from seqstudio.studio.canvas.geometry import SNAP
from seqstudio.studio.canvas.gestures import possible_wires
from seqstudio.studio.canvas.menus import Entry, block_entries
from seqstudio.studio.canvas.scene import PortHit
from seqstudio.studio.keys import Action, keymap, pressed

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

_NEW = "new "
_STANDARD = QKeySequence.StandardKey
_BLOCKS, _WIRES, _EDIT, _MOVE, _VIEW = "Blocks", "Wires", "Edit blocks", "Move about", "View"

# Every action of the canvas. Its handler stands under the same id in `CanvasKeys`.
ACTIONS = tuple(
    Action(f"canvas.{name}", words, group, keys, "canvas", blocks)
    for name, words, group, keys, blocks in (
        ("add", "Add a block", _BLOCKS, ("Space", "Shift+A"), 0),
        ("open", "Open the block", _BLOCKS, ("Return", "Enter"), 1),
        ("rename", "Rename the block", _BLOCKS, ("F2",), 1),
        ("start_wire", "Wire the block to…", _WIRES, ("W",), 1),
        ("choose_wire", "Choose a wire of the block", _WIRES, ("Shift+W",), 1),
        ("cut", "Cut", _EDIT, (_STANDARD.Cut,), 1),
        ("copy", "Copy", _EDIT, (_STANDARD.Copy,), 1),
        ("paste", "Paste", _EDIT, (_STANDARD.Paste,), 0),
        ("duplicate", "Duplicate", _EDIT, ("Ctrl+D",), 1),
        ("delete", "Delete", _EDIT, ("Del", "Backspace"), 0),
        ("delete_plainly", "Delete and leave the gap", _EDIT, ("Shift+Del",), 1),
        ("select_all", "Select all", _EDIT, (_STANDARD.SelectAll,), 0),
        ("escape", "Leave the gesture, then the selection", _EDIT, ("Esc",), 0),
        ("next", "Next block", _MOVE, ("Tab",), 0),
        ("previous", "Block before", _MOVE, ("Shift+Tab",), 0),
        ("follow", "Follow the wire", _MOVE, ("Ctrl+Right",), 1),
        ("follow_back", "Follow the wire back", _MOVE, ("Ctrl+Left",), 1),
        ("left", "Move left", _MOVE, ("Left",), 1),
        ("right", "Move right", _MOVE, ("Right",), 1),
        ("up", "Move up", _MOVE, ("Up",), 1),
        ("down", "Move down", _MOVE, ("Down",), 1),
        ("far_left", "Move far left", _MOVE, ("Shift+Left",), 1),
        ("far_right", "Move far right", _MOVE, ("Shift+Right",), 1),
        ("far_up", "Move far up", _MOVE, ("Shift+Up",), 1),
        ("far_down", "Move far down", _MOVE, ("Shift+Down",), 1),
        ("tidy", "Tidy the graph", _VIEW, (), 0),
        ("fit", "Fit the graph", _VIEW, ("Home", "."), 0),
        ("reset_zoom", "Zoom to 100 %", _VIEW, ("Ctrl+0",), 0),
        ("zoom_in", "Zoom in", _VIEW, ("+",), 0),
        ("zoom_out", "Zoom out", _VIEW, ("-",), 0),
    )
)
_FAR = 4  # steps of the grid


class CanvasKeys:
    """Runs the actions of the canvas, by their keys or by name."""

    def __init__(self, view: CanvasView) -> None:
        self._view = view
        editor = view.editor
        keymap().declare(ACTIONS)
        self._handlers: dict[str, Callable[[], object]] = {
            "canvas.add": view.open_add_menu,
            "canvas.open": self._open,
            "canvas.rename": self._rename,
            "canvas.start_wire": self.start_wire,
            "canvas.choose_wire": self.choose_wire,
            "canvas.cut": view.cut,
            "canvas.copy": view.copy,
            "canvas.paste": view.paste,
            "canvas.duplicate": view.duplicate,
            "canvas.delete": editor.delete,
            "canvas.delete_plainly": view.delete_plainly,
            "canvas.select_all": view.select_all,
            "canvas.escape": self._escape,
            "canvas.next": lambda: view.focusNextPrevChild(True),
            "canvas.previous": lambda: view.focusNextPrevChild(False),
            "canvas.follow": lambda: editor.follow(forward=True),
            "canvas.follow_back": lambda: editor.follow(forward=False),
            "canvas.left": lambda: self._nudge(-1, 0),
            "canvas.right": lambda: self._nudge(1, 0),
            "canvas.up": lambda: self._nudge(0, -1),
            "canvas.down": lambda: self._nudge(0, 1),
            "canvas.far_left": lambda: self._nudge(-_FAR, 0),
            "canvas.far_right": lambda: self._nudge(_FAR, 0),
            "canvas.far_up": lambda: self._nudge(0, -_FAR),
            "canvas.far_down": lambda: self._nudge(0, _FAR),
            "canvas.tidy": view.tidy,
            "canvas.fit": view.fit,
            "canvas.reset_zoom": view.reset_zoom,
            "canvas.zoom_in": lambda: view.zoom_by(1.25),
            "canvas.zoom_out": lambda: view.zoom_by(0.8),
        }

    def action(self, keys: Iterable[str]) -> str:
        """Return the action of the canvas that one of `keys` runs, "" for none."""
        name = keymap().found("canvas", keys)
        return name if name in self._handlers else ""

    def press(self, event: QKeyEvent) -> bool:
        """Do what a key means; False when it means nothing here."""
        name = self.action(pressed(event))
        return bool(name) and self.run(name)

    def run(self, name: str) -> bool:
        """Run an action; False when it had nothing to act on and the key is free for others."""
        return self._handlers[name]() is not False

    def why_not(self, name: str) -> str:
        """Return why an action cannot run now, "" when it can."""
        needed = keymap().action(name).blocks
        if len(self._view.editor.selection) >= needed:
            return ""
        return "Select a block first" if needed == 1 else f"Select {needed} blocks first"

    def _nudge(self, columns: int, rows: int) -> bool:
        if not self._view.editor.selection:
            return False
        self._view.editor.nudge(columns * SNAP, rows * SNAP)
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
