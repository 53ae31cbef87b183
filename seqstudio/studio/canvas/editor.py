"""What the canvas does to the document: every change, the selection, the check. No painting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Report, check, title_of
from seqstudio.blocks.declaration import DataFacts
from seqstudio.core.errors import SeqError
from seqstudio.document.document import Change, Document
from seqstudio.document.edits import (
    AddBlock,
    Connect,
    Disconnect,
    Edit,
    MoveBlocks,
    RenameBlock,
    Together,
)
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.studio.canvas.edits import insert_with_room, rewire

PASTE_STEP = 24.0


class CanvasEditor(QObject):
    """Applies the intentions of a person to a document, one step of the history each.

    Signals:
        selection_changed: Tuple of the ids of the selected blocks.
        report_changed: The new `Report`.
        message: One line for the person: what was done or why not.
        replaced: The graph is another one altogether.
    """

    selection_changed = Signal(object)
    report_changed = Signal(object)
    message = Signal(str)
    replaced = Signal()

    def __init__(self, document: Document, parent: QObject) -> None:
        super().__init__(parent)
        self._document = document
        self._facts = DataFacts()
        self._report = check(self.graph, self._facts)
        self._selection: tuple[str, ...] = ()
        self._wire: Wire | None = None
        self.current = ""
        self._pasted = 0
        self.destroyed.connect(document.changed.connect(self._on_change))

    # State

    @property
    def document(self) -> Document:
        """The document that is edited."""
        return self._document

    @property
    def graph(self) -> Graph:
        """The graph in force."""
        return self._document.project.graph

    @property
    def facts(self) -> DataFacts:
        """Facts about the data, for the check."""
        return self._facts

    @property
    def report(self) -> Report:
        """The newest check."""
        return self._report

    @property
    def selection(self) -> tuple[str, ...]:
        """Ids of the selected blocks, in the order of the graph."""
        return self._selection

    @property
    def wire(self) -> Wire | None:
        """The selected wire."""
        return self._wire

    def set_facts(self, facts: DataFacts) -> None:
        """Take other facts about the data and check again."""
        self._facts = facts
        self._check()

    def _check(self) -> None:
        self._report = check(self.graph, self._facts)
        self.report_changed.emit(self._report)

    def _on_change(self, change: Change) -> None:
        if change.after.graph is change.before.graph:
            return
        self._check()
        wire = self._wire if self._wire in self.graph.wires else None
        renamed = renamed_blocks(change.before.graph, change.after.graph)
        kept = (renamed.get(key, key) for key in self._selection)
        self.select((key for key in kept if key in self.graph.blocks), wire)
        if is_another_graph(change.before.graph, change.after.graph):
            self.replaced.emit()

    def select(self, ids: Iterable[str], wire: Wire | None = None) -> None:
        """Select blocks, or a wire; the keyboard's place follows a single block."""
        wanted = set(ids)
        chosen = tuple(key for key in self.graph.blocks if key in wanted)
        changed = chosen != self._selection or wire != self._wire
        self._selection, self._wire = chosen, wire
        if len(chosen) == 1:
            self.current = chosen[0]
        elif self.current not in self.graph.blocks:
            self.current = ""
        if changed:
            self.selection_changed.emit(chosen)

    def step(self, forward: bool) -> bool:
        """Move on to the next block in running order; False at the end (Tab leaves then)."""
        order, cyclic = self.graph.order()
        keys = [*order, *cyclic]
        at = keys.index(self.current) if self.current in keys else (-1 if forward else len(keys))
        following = at + (1 if forward else -1)
        if not 0 <= following < len(keys):
            return False
        self.select((keys[following],))
        return True

    def follow(self, forward: bool) -> bool:
        """Go along a wire from the current block; False when there is none."""
        if forward:
            keys = [wire.target for wire in self.graph.outof(self.current)]
        else:
            keys = [wire.source for wire in self.graph.into(self.current).values()]
        if keys:
            self.select(keys[:1])
        return bool(keys)

    # Changes

    def do(self, edit: Edit, merge: str = "") -> bool:
        """Apply an edit; a refusal becomes a message."""
        try:
            return self._document.apply(edit, merge)
        except SeqError as error:
            self.message.emit(error.sentence())
            return False

    def add(self, kind: str, x: float, y: float) -> str:
        """Add a block and select it; return its id."""
        return self._added(editing.add(self.graph, kind, x, y))

    def add_after(self, kind: str, x: float, y: float, source: str, out: str) -> str:
        """Add a block wired to an output; return its id."""
        return self._added(editing.add_wired(self.graph, kind, x, y, source, out))

    def add_before(self, kind: str, x: float, y: float, target: str, into: str) -> str:
        """Add a block that feeds an input; return its id."""
        block = editing.new_block(self.graph, kind, x, y)
        graph = self.graph.with_block(block)
        wires = (Wire(block.id, port.name, target, into) for port in KINDS[kind].outputs)
        fitting = [wire for wire in wires if not editing.refusal(graph, wire)]
        return self._added(AddBlock(block, tuple(fitting[:1]), f"Add {KINDS[kind].title}"))

    def _added(self, edit: AddBlock) -> str:
        self.do(edit)
        self.select((edit.block.id,))
        self.message.emit(self._added_words(edit.block, edit.wires))
        return edit.block.id

    def _added_words(self, block: Block, wires: Iterable[Wire]) -> str:
        others = [w.source if w.target == block.id else w.target for w in wires]
        names = " and ".join(title_of(self.graph.blocks[key]) for key in others)
        joined = f", connected to {names}" if names else ""
        return f"{title_of(block)} added{joined}"

    def insert(
        self,
        kind: str,
        wire: Wire,
        at: tuple[float, float] | None,
        widths: Mapping[str, float],
    ) -> str:
        """Insert a block on a wire; return its id."""
        edit, key = insert_with_room(self.graph, kind, wire, at, widths)
        self.do(edit)
        self.select((key,))
        self.message.emit(f"{KINDS[kind].title} inserted")
        return key

    def connect_ports(self, wire: Wire, instead_of: Wire | None = None) -> bool:
        """Draw a wire, or move an old one there; False with a message if it does not fit."""
        if wire == instead_of:
            return False
        graph = self.graph.without_wire(instead_of) if instead_of else self.graph
        reason = editing.refusal(graph, wire)
        if reason:
            self.message.emit(reason)
            return False
        done = self.do(rewire(instead_of, wire) if instead_of else Connect(wire))
        if done:
            blocks = self.graph.blocks
            names = title_of(blocks[wire.source]), title_of(blocks[wire.target])
            self.message.emit(f"{names[0]} connected to {names[1]}")
        return done

    def disconnect_wire(self, wire: Wire) -> None:
        """Take a wire away."""
        if self.do(Disconnect(wire)):
            self.message.emit("Wire taken away")

    def delete(self, heal: bool = True) -> None:
        """Delete the selected wire or blocks; `heal` joins the chain around the blocks."""
        if self._wire is not None:
            self.disconnect_wire(self._wire)
        elif self._selection:
            edit = editing.remove(self.graph, self._selection, heal)
            if self.do(edit):
                self.message.emit(edit.label.replace("Delete", "Deleted"))

    def move(self, places: Mapping[str, tuple[float, float]], merge: str = "") -> bool:
        """Move blocks."""
        return self.do(MoveBlocks(dict(places)), merge)

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selection a little; a row of nudges is one step of the history."""
        blocks = (self.graph.blocks[key] for key in self._selection)
        self.move({b.id: (b.x + dx, b.y + dy) for b in blocks}, f"nudge {self._selection}")

    def rename(self, block_id: str, title: str) -> None:
        """Give a block the person's own name; "" returns to the name of its kind."""
        self.do(RenameBlock(block_id, title.strip()))

    # Clipboard

    def copy(self) -> bool:
        """Put the selected blocks on the clipboard as text."""
        if not self._selection:
            return False
        QGuiApplication.clipboard().setText(editing.copy_text(self.graph, self._selection))
        self._pasted = 0
        return True

    def cut(self) -> None:
        """Copy, then delete without healing."""
        if self.copy():
            self.delete(heal=False)

    def paste(self) -> None:
        """Add the blocks of the clipboard, a little aside; a foreign text becomes a message."""
        self._pasted += 1
        offset = PASTE_STEP * self._pasted
        self.paste_text(QGuiApplication.clipboard().text(), (offset, offset))

    def duplicate(self) -> None:
        """Add copies of the selected blocks, without the clipboard."""
        if self._selection:
            text = editing.copy_text(self.graph, self._selection)
            self.paste_text(text, (PASTE_STEP, PASTE_STEP), "Duplicate")

    def paste_text(self, text: str, offset: tuple[float, float], label: str = "Paste") -> None:
        """Add the blocks in `text` and select them."""
        try:
            edit = editing.Paste(text, offset)
        except SeqError as error:
            self.message.emit(error.sentence())
            return
        edit.label = label
        if self.do(edit):
            self.select(edit.new_ids)

    def tidy(self, places: Mapping[str, tuple[float, float]]) -> None:
        """Move all blocks to tidy places."""
        if not self.do(Together((MoveBlocks(dict(places)),), "Tidy")):
            self.message.emit("Everything is in its place")


def renamed_blocks(before: Graph, after: Graph) -> dict[str, str]:
    """Return the new id of a block that was replaced in its place, as a change of kind does."""
    if len(before.blocks) != len(after.blocks):
        return {}
    pairs = zip(before.blocks, after.blocks, strict=True)
    return {old: new for old, new in pairs if old != new and old not in after.blocks}


def is_another_graph(before: Graph, after: Graph) -> bool:
    """Tell whether nothing of a graph is left: a project was opened, not edited."""
    if any(after.blocks.get(block.id) is block for block in before):
        return False
    kinds = [{(block.id, block.kind) for block in graph} for graph in (before, after)]
    return kinds[0] != kinds[1] and not renamed_blocks(before, after)
