"""The actions of the canvas and their keys. Everything the mouse can do has one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QKeyEvent, QKeySequence

from seqstudio.studio.canvas.hands.arrange import SIDES, Arranger
from seqstudio.studio.canvas.hands.choosing import Choosing
from seqstudio.studio.canvas.items.geometry import SNAP
from seqstudio.studio.keys import Action, keymap, pressed

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

_STANDARD = QKeySequence.StandardKey
_BLOCKS, _WIRES, _EDIT, _MOVE, _VIEW = "Blocks", "Wires", "Edit blocks", "Move about", "View"
_ARRANGE = "Arrange"

# Every action of the canvas. Its handler stands under the same id in `CanvasKeys`.
ACTIONS = tuple(
    Action(f"canvas.{name}", words, group, keys, "canvas", blocks)
    for name, words, group, keys, blocks in (
        ("add", "Add a block", _BLOCKS, ("Space", "Shift+A"), 0),
        ("open", "Go into the block", _BLOCKS, ("Return", "Enter"), 1),
        ("leave", "Go one block out", _BLOCKS, ("Shift+Return", "Shift+Enter"), 0),
        ("code", "Show the code of the block", _BLOCKS, ("Ctrl+Return", "Ctrl+Enter"), 1),
        ("composite", "Group into one block", _BLOCKS, ("Ctrl+Shift+E",), 1),
        ("ungroup", "Ungroup", _BLOCKS, ("Ctrl+Shift+U",), 1),
        ("keep", "Keep in My blocks…", _BLOCKS, ("K",), 1),
        ("rename", "Rename the block or frame", _BLOCKS, ("F2",), 0),
        ("start_wire", "Wire the block to…", _WIRES, ("W",), 1),
        ("choose_wire", "Choose a wire of the block", _WIRES, ("Shift+W",), 1),
        ("bend", "Add a dot to the wire", _WIRES, ("R",), 0),
        ("next_dot", "Next dot of the wire", _WIRES, ("Shift+R",), 0),
        ("bypass", "Bypass", _BLOCKS, ("Ctrl+B",), 1),
        ("mute", "Mute", _BLOCKS, ("Ctrl+M",), 1),
        ("problems", "Go to a problem or mend it", _BLOCKS, ("F8",), 0),
        ("peek", "Look at the values that flow", _WIRES, ("V",), 0),
        ("cut", "Cut", _EDIT, (_STANDARD.Cut,), 0),
        ("copy", "Copy", _EDIT, (_STANDARD.Copy,), 0),
        ("paste", "Paste", _EDIT, (_STANDARD.Paste,), 0),
        ("paste_connected", "Paste with connections", _EDIT, ("Ctrl+Shift+V",), 0),
        ("duplicate", "Duplicate", _EDIT, ("Ctrl+D",), 0),
        ("delete", "Delete", _EDIT, ("Del", "Backspace"), 0),
        ("delete_plainly", "Delete and leave the gap", _EDIT, ("Shift+Del",), 1),
        ("select_all", "Select all", _EDIT, (_STANDARD.SelectAll,), 0),
        ("escape", "Leave the gesture, the block, the selection", _EDIT, ("Esc",), 0),
        ("next", "Next block", _MOVE, ("Tab",), 0),
        ("previous", "Block before", _MOVE, ("Shift+Tab",), 0),
        ("follow", "Follow the wire", _MOVE, ("Ctrl+Right",), 1),
        ("follow_back", "Follow the wire back", _MOVE, ("Ctrl+Left",), 1),
        ("left", "Move left", _MOVE, ("Left",), 0),
        ("right", "Move right", _MOVE, ("Right",), 0),
        ("up", "Move up", _MOVE, ("Up",), 0),
        ("down", "Move down", _MOVE, ("Down",), 0),
        ("far_left", "Move far left", _MOVE, ("Shift+Left",), 0),
        ("far_right", "Move far right", _MOVE, ("Shift+Right",), 0),
        ("far_up", "Move far up", _MOVE, ("Shift+Up",), 0),
        ("far_down", "Move far down", _MOVE, ("Shift+Down",), 0),
        ("frame", "Frame the selection", _ARRANGE, ("Ctrl+G",), 0),
        ("note", "Add a note", _ARRANGE, ("N",), 0),
        ("wider", "Make the frame wider", _ARRANGE, ("Alt+Right",), 0),
        ("narrower", "Make the frame narrower", _ARRANGE, ("Alt+Left",), 0),
        ("taller", "Make the frame taller", _ARRANGE, ("Alt+Down",), 0),
        ("lower", "Make the frame lower", _ARRANGE, ("Alt+Up",), 0),
        ("unroll", "Unroll over time, or fold", _VIEW, ("U",), 0),
        ("tidy", "Tidy the selection or the graph", _ARRANGE, ("L",), 0),
        ("straighten", "Straighten the wires between blocks", _ARRANGE, ("Q",), 2),
        ("align_left", SIDES["left"], _ARRANGE, ("Ctrl+Alt+Left",), 2),
        ("align_right", SIDES["right"], _ARRANGE, ("Ctrl+Alt+Right",), 2),
        ("align_top", SIDES["top"], _ARRANGE, ("Ctrl+Alt+Up",), 2),
        ("align_bottom", SIDES["bottom"], _ARRANGE, ("Ctrl+Alt+Down",), 2),
        ("align_centre", SIDES["centre"], _ARRANGE, (), 2),
        ("align_middle", SIDES["middle"], _ARRANGE, (), 2),
        ("distribute_across", "Distribute across", _ARRANGE, (), 3),
        ("distribute_down", "Distribute down", _ARRANGE, (), 3),
        ("fit", "Fit the graph", _VIEW, ("Home", "F"), 0),
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
        self.choosing = Choosing(view)
        self._handlers: dict[str, Callable[[], object]] = {
            "canvas.add": view.open_add_menu,
            "canvas.open": self._open,
            "canvas.leave": view.inside.leave,
            "canvas.code": self._code,
            "canvas.composite": view.inside.group,
            "canvas.ungroup": view.inside.ungroup,
            "canvas.keep": self._keep,
            "canvas.rename": self._rename,
            "canvas.start_wire": self.choosing.start_wire,
            "canvas.choose_wire": self.choosing.choose_wire,
            "canvas.peek": view.peek,
            "canvas.unroll": view.unroller.toggle_chosen,
            "canvas.cut": view.cut,
            "canvas.copy": view.copy,
            "canvas.paste": view.paste,
            "canvas.paste_connected": view.paste_connected,
            "canvas.duplicate": view.duplicate,
            "canvas.bypass": lambda: editor.toggle_mode("bypass"),
            "canvas.mute": lambda: editor.toggle_mode("mute"),
            "canvas.problems": self.choosing.problems,
            "canvas.bend": view.arrange.add_dot_in_the_middle,
            "canvas.next_dot": view.arrange.next_dot,
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
            **self._arranging(view.arrange),
            "canvas.fit": view.fit,
            "canvas.reset_zoom": view.reset_zoom,
            "canvas.zoom_in": lambda: view.zoom_by(1.25),
            "canvas.zoom_out": lambda: view.zoom_by(0.8),
        }

    def _arranging(self, arrange: Arranger) -> dict[str, Callable[[], object]]:
        aligning = {f"canvas.align_{side}": partial(arrange.align, side) for side in SIDES}
        return {
            **aligning,
            "canvas.frame": arrange.frame_selection,
            "canvas.note": self._view.add_note,
            "canvas.wider": lambda: arrange.grow(1, 0),
            "canvas.narrower": lambda: arrange.grow(-1, 0),
            "canvas.taller": lambda: arrange.grow(0, 1),
            "canvas.lower": lambda: arrange.grow(0, -1),
            "canvas.straighten": arrange.straighten,
            "canvas.distribute_across": lambda: arrange.distribute("x"),
            "canvas.distribute_down": lambda: arrange.distribute("y"),
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
        editor = self._view.editor
        if not (editor.selection or editor.frames or editor.dots):
            return False
        self._view.arrange.nudge(columns * SNAP, rows * SNAP)
        self._view.reveal(editor.selection)
        return True

    def _escape(self) -> None:
        if not self._view.cancel_gesture() and not self._view.inside.leave():
            self._view.editor.select(())

    def _open(self) -> None:
        current = self._view.editor.current
        if current in self._view.canvas.frames:
            self._view.edit_frame(current)
        elif current:
            self._view.open_block(current)

    def _keep(self) -> None:
        if self._view.editor.current:
            self._view.keep_wanted.emit(self._view.editor.current)

    def _code(self) -> None:
        if self._view.editor.current in self._view.canvas.blocks:
            self._view.opened.emit(self._view.editor.current)

    def _rename(self) -> None:
        current = self._view.editor.current
        if current in self._view.canvas.frames:
            self._view.edit_frame(current)
        elif current:
            self._view.rename(current)
