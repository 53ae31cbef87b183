"""Where things stand: moving, aligning, laying out, frames, notes and the bends of wires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF

from seqstudio.blocks import arranging
from seqstudio.blocks.arranging import Axis, Box, Join, Side
from seqstudio.blocks.check import flow
from seqstudio.document.edits import Edit, MoveBlocks, SetBends, SetFrames, Together
from seqstudio.document.graph import Frame, Point, Wire
from seqstudio.document.project import LIMIT_BENDS, LIMIT_FRAMES
from seqstudio.studio.canvas.edits import Cargo, Dot, cargo, placed
from seqstudio.studio.canvas.items.frame_item import NOTE_SIZE, Part, resized
from seqstudio.studio.canvas.items.geometry import SNAP, snapped

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

SIDES: Mapping[Side, str] = {
    "left": "Align left edges",
    "centre": "Align centres",
    "right": "Align right edges",
    "top": "Align top edges",
    "middle": "Align middles",
    "bottom": "Align bottom edges",
}


class Arranger:
    """Turns what a person wants to stand where into edits of the document, one step each."""

    def __init__(self, view: CanvasView) -> None:
        self._view = view
        self._editor = view.editor

    # Facts

    def boxes(self, ids: Iterable[str] | None = None) -> dict[str, Box]:
        """Return the bodies of blocks, all by default, as the document has them."""
        graph, items = self._editor.graph, self._view.canvas.blocks
        wanted = graph.blocks if ids is None else set(ids)
        return {
            block.id: Box(
                block.x, block.y, items[block.id].layout.width, items[block.id].layout.height
            )
            for block in graph
            if block.id in wanted and block.id in items
        }

    def extents(self, ids: Iterable[str] | None = None) -> dict[str, Box]:
        """Return the bodies of blocks with their recurrent loops."""
        items = self._view.canvas.blocks
        found = {}
        for key, box in self.boxes(ids).items():
            reach = items[key].extent().translated(-items[key].pos())
            left, top = box.x + reach.left(), box.y + reach.top()
            found[key] = Box(left, top, reach.width(), reach.height())
        return found

    def joins(self) -> list[Join]:
        """Return the wires that order the blocks, with the heights of their ports."""
        items, found = self._view.canvas.blocks, []
        for wire in flow(self._editor.graph).wires:
            out = items[wire.source].layout.outputs.get(wire.out)
            into = items[wire.target].layout.inputs.get(wire.into)
            if out is not None and into is not None:
                found.append(Join(wire.source, out.y(), wire.target, into.y()))
        return sorted(found, key=lambda join: join.into)  # the upper inputs lead

    def cargo(self) -> Cargo:
        """Return what a drag of the selection takes along."""
        editor = self._editor
        middles = {key: box.centre for key, box in self.boxes().items()}
        return cargo(editor.graph, middles, editor.selection, editor.frames, editor.dots)

    # Moving

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selection a little; a row of nudges is one step of the history."""
        editor, moved = self._editor, self.cargo()
        editor.do(moved.moved(editor.graph, dx, dy), f"nudge {moved}")

    def align(self, side: Side) -> None:
        """Give the selected blocks a common edge or middle line."""
        self._place(arranging.align(self._chosen(2), side), SIDES[side])

    def distribute(self, axis: Axis) -> None:
        """Give the selected blocks equal gaps."""
        way = "across" if axis == "x" else "down"
        self._place(arranging.distribute(self._chosen(3), axis), f"Distribute {way}")

    def straighten(self) -> None:
        """Move the selected blocks up or down so that the wires between them are level."""
        self._place(arranging.straighten(self._chosen(2), self.joins()), "Straighten wires")

    def _chosen(self, least: int) -> dict[str, Box]:
        chosen = self.boxes(self._editor.selection)
        if len(chosen) < least:
            self._editor.message.emit(f"Select at least {least} blocks first")
            return {}
        return chosen

    def _place(self, places: Mapping[str, Point], label: str) -> None:
        before = self._view.places()
        if not places:
            return
        if self._editor.do(placed(self._editor.graph, places, label)):
            self._view.glide_from(before)
        else:
            self._editor.message.emit("Everything is in its place")

    def lay_out(self) -> None:
        """Lay out the selected blocks, or all of them, in one step; bent wires become plain."""
        editor = self._editor
        chosen = editor.selection if len(editor.selection) > 1 else None
        bodies, boxes = self.boxes(chosen), self.extents(chosen)
        rise = {key: body.y - boxes[key].y for key, body in bodies.items()}
        joins = [
            Join(j.source, j.out + rise[j.source], j.target, j.into + rise[j.target])
            for j in self.joins()
            if j.source in boxes and j.target in boxes
        ]
        graph, before = editor.graph, self._view.places()
        found = arranging.layout(boxes, joins, graph.frames if chosen is None else ())
        places = {
            key: (x + bodies[key].x - boxes[key].x, y + rise[key])
            for key, (x, y) in found.places.items()
        }
        plain = [w for w in graph.bends if w.source in boxes or w.target in boxes]
        edits: tuple[Edit, ...] = (
            MoveBlocks(places),
            SetFrames(found.frames),
            *(SetBends(wire, ()) for wire in plain),
        )
        if editor.do(Together(edits, "Tidy")):
            self._view.glide_from(before)
        else:
            editor.message.emit("Everything is in its place")

    # Bends of wires

    def add_dot(self, wire: Wire, index: int, at: Point) -> None:
        """Bend a wire at a point, before the dot of that index, and select the new dot."""
        editor = self._editor
        points = editor.graph.bends.get(wire, ())
        if len(points) >= LIMIT_BENDS:
            editor.message.emit(f"A wire takes at most {LIMIT_BENDS} dots")
        elif editor.do(SetBends(wire, (*points[:index], at, *points[index:]))):
            editor.select((), None, (), (Dot(wire, index),))
            editor.message.emit("Dot added: arrows move it, Del takes it away")

    def add_dot_at(self, wire: Wire, at: QPointF) -> None:
        """Bend a wire at a point of the scene that lies on it."""
        self.add_dot(wire, self._view.canvas.wires[wire].piece_at(at), at.toTuple())

    def add_dot_in_the_middle(self) -> bool:
        """Bend the selected wire in the middle of its longest piece; False without a wire."""
        editor = self._editor
        wire = editor.wire or (editor.dots[0].wire if editor.dots else None)
        if wire is None:
            return False
        self.add_dot_at(wire, self._view.canvas.wires[wire].route.label)
        return True

    def next_dot(self) -> bool:
        """Select the next dot of the selected wire; False when it has none."""
        editor = self._editor
        here = editor.dots[0] if editor.dots else None
        wire = here.wire if here else editor.wire
        count = len(editor.graph.bends.get(wire, ())) if wire else 0
        if wire is None or not count:
            return False
        index = (here.index + 1) % count if here else 0
        editor.select((), None, (), (Dot(wire, index),))
        return True

    # Frames and notes

    def frame_selection(self) -> str:
        """Put a frame around the selected blocks and notes; return its id, "" for none."""
        editor, graph = self._editor, self._editor.graph
        boxes = self.extents(editor.selection)
        inner = [frame for frame in graph.frames if frame.id in editor.frames]
        if not boxes and not inner:
            editor.message.emit("Select the blocks to frame first")
            return ""
        blank = Frame(graph.new_frame_id(), 0, 0, 0, 0, "Frame")
        fitted = arranging.fit(blank, boxes.values(), inner)
        return self._add_frame(fitted, "Add frame")

    def add_note(self, at: QPointF) -> str:
        """Put an empty note at a scene point; return its id, "" when there is no room."""
        graph, (width, height) = self._editor.graph, NOTE_SIZE
        x, y = snapped(at.x()), snapped(at.y())
        note = Frame(graph.new_frame_id(), x, y, width, height, text="Note", note=True)
        return self._add_frame(note, "Add note")

    def _add_frame(self, frame: Frame, label: str) -> str:
        editor = self._editor
        if len(editor.graph.frames) >= LIMIT_FRAMES:
            editor.message.emit(f"A graph takes at most {LIMIT_FRAMES} frames and notes")
            return ""
        if not editor.do(SetFrames((frame,), label)):
            return ""
        editor.select((), None, (frame.id,))
        editor.message.emit("Note added" if frame.note else "Frame added")
        return frame.id

    def fit_frame(self, key: str) -> None:
        """Fit a frame to the blocks that lie on it."""
        frame = self._editor.graph.frame(key)
        on = [name for name, box in self.boxes().items() if frame.holds(*box.centre)]
        if on:
            fitted = arranging.fit(frame, self.extents(on).values())
            self._editor.do(SetFrames((fitted,), "Fit frame"))

    def change_frame(self, key: str, label: str, **values: str) -> None:
        """Change title, text or colour of a frame or note."""
        frame = self._editor.graph.frame(key)
        self._editor.do(SetFrames((replace(frame, **values),), label))  # type: ignore[arg-type]

    def resize_frame(self, key: str, part: Part, dx: float, dy: float, merge: str = "") -> None:
        """Move an edge or corner of a frame."""
        frame = self._editor.graph.frame(key)
        self._editor.do(SetFrames((resized(frame, part, dx, dy),), "Resize frame"), merge)

    def grow(self, columns: int, rows: int) -> bool:
        """Move the lower right corner of the selected frame by steps of the grid."""
        if len(self._editor.frames) != 1 or self._editor.selection:
            return False
        key = self._editor.frames[0]
        self.resize_frame(key, "bottom right", columns * SNAP, rows * SNAP, f"grow {key}")
        return True
