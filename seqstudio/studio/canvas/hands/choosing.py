"""Menus that take the place of the pointer: where a wire goes, which wire, which problem."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seqstudio.blocks import ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import title_of
from seqstudio.document.graph import Wire
from seqstudio.studio.canvas.hands.menus import Entry
from seqstudio.studio.canvas.hands.wiring import fitting_ports, possible_wires
from seqstudio.studio.canvas.scene import PortHit

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

_NEW, _MEND = "new ", "mend "


class Choosing:
    """Opens menus for what the mouse does by aiming."""

    def __init__(self, view: CanvasView) -> None:
        self._view = view

    def start_wire(self) -> None:
        """Offer everything that the current block can be wired to, and blocks to add behind it."""
        block = self._view.editor.graph.blocks.get(self._view.editor.current)
        outputs = ports.outputs(block) if block else ()
        either = outputs or (ports.inputs(block) if block else ())
        if block is None or not either:
            self._view.editor.message.emit("Choose a block first: Tab goes from one to the next")
            return
        port = either[0]
        hit = PortHit(block.id, port.name, bool(outputs), port.kind)
        wires = {str(index): wire for index, wire in enumerate(self._targets(hit))}
        entries = [self._wire_entry(key, wire, hit) for key, wire in wires.items()]
        entries += [
            replace(entry, key=_NEW + entry.key, group="New block")
            for entry in self._view.entries_for(hit)
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
        fitting, drawn = fitting_ports(graph, port), set(graph.wires)
        return [
            wire
            for block in graph
            for wire in possible_wires(graph, port, block.id)
            if (wire.into if port.output else wire.out) in fitting[block.id] and wire not in drawn
        ]

    def _wire_entry(self, key: str, wire: Wire, port: PortHit) -> Entry:
        graph = self._view.editor.graph
        other = graph.blocks[wire.target if port.output else wire.source]
        kind = KINDS[other.kind]
        name = ports.port(other, wire.into if port.output else wire.out, not port.output)
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

    def problems(self) -> None:
        """Offer every problem: Enter goes to its block, or mends it where one block would."""
        editor = self._view.editor
        found = {str(index): problem for index, problem in enumerate(editor.report.problems)}
        if not found:
            editor.message.emit("No problems")
            return
        entries = []
        for key, problem in found.items():
            group = "Errors" if problem.error else "Notes"
            icon = "error" if problem.error else "warn"
            entries.append(Entry(key, problem.what, problem.hint, group, icon))
            mend = editor.mending(problem)
            if mend is not None:
                entries.append(Entry(_MEND + key, mend.words, "Mends it", group, "plus"))

        def take(key: str) -> None:
            if key.startswith(_MEND):
                self._view.mend(found[key.removeprefix(_MEND)])
            else:
                self._view.focus_problem(found[key])

        self._view.open_menu(entries, "Problems", take, None)
