"""What the canvas does to the document: every change, the selection, the check. No painting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication

from seqstudio.blocks import editing, ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Problem, Report, flow, title_of
from seqstudio.blocks.clipboard import Clip, Paste, clip_text, copied, parse_clip
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.mending import Mend, mending
from seqstudio.blocks.suggesting import Habits
from seqstudio.core.errors import SeqError
from seqstudio.document.document import Change, Document
from seqstudio.document.edits import (
    AddBlock,
    Connect,
    Disconnect,
    Edit,
    MoveBlocks,
    RemoveBlocks,
    RemoveFrames,
    RenameBlock,
    SetMode,
    Together,
)
from seqstudio.document.graph import Block, Graph, Mode, Path, Point, Wire
from seqstudio.studio.canvas.edits import Cargo, Dot, insert_with_room, rewire, without_dots
from seqstudio.studio.canvas.items.face import alike
from seqstudio.studio.canvas.place import Place

PASTE_STEP = 24.0


class CanvasEditor(QObject):
    """Applies the intentions of a person to a document, one step of the history each.

    Signals:
        selection_changed: Tuple of the ids of the selected blocks.
        report_changed: The new `Report`.
        message: One line for the person: what was done or why not.
        replaced: The graph is another one altogether.
        place_left: Another graph is about to be shown.
        place_changed: It is shown: that of another block, or the outermost.
    """

    selection_changed = Signal(object)
    report_changed = Signal(object)
    message = Signal(str)
    replaced = Signal()
    place_left = Signal()
    place_changed = Signal()

    def __init__(self, document: Document, parent: QObject) -> None:
        super().__init__(parent)
        self._document = document
        self._facts = DataFacts()
        self.place = Place(document)
        self._report = self.checked(self.graph)
        self._shown = self.graph
        self._selection: tuple[str, ...] = ()
        self._wire: Wire | None = None
        self._frames: tuple[str, ...] = ()
        self._dots: tuple[Dot, ...] = ()
        self.current = ""
        self._pasted = 0
        self.habits = Habits()
        self.destroyed.connect(document.changed.connect(self._on_change))

    # State

    @property
    def document(self) -> Document:
        """The document that is edited."""
        return self._document

    @property
    def graph(self) -> Graph:
        """The graph in view: the outermost one, or what is inside the block that was entered."""
        return self.place.graph

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

    @property
    def frames(self) -> tuple[str, ...]:
        """Ids of the selected frames and notes."""
        return self._frames

    @property
    def dots(self) -> tuple[Dot, ...]:
        """The selected bends of wires."""
        return self._dots

    def set_facts(self, facts: DataFacts) -> None:
        """Take other facts about the data and check again."""
        self._facts = facts
        path = self.place.reachable(facts)
        if path != self.place.path:
            self.go(path)
        else:
            self._check()

    def checked(self, graph: Graph) -> Report:
        """Return what the check says of another state of the graph."""
        return self.place.checked(graph, self._facts)

    def _check(self) -> None:
        self._report = self.checked(self.graph)
        self._shown = self.graph
        self.report_changed.emit(self._report)

    def go(self, path: Path) -> str:
        """Show the graph inside a block, () the outermost; return why that cannot be, or ""."""
        refusal = self.place.refusal(path)
        if not refusal and path != self.place.path:
            self.place_left.emit()
            self.place.path = path
            self.current = ""
            self._check()
            self.select(())
            self.place_changed.emit()
        return refusal

    def _on_change(self, change: Change) -> None:
        if change.after.graph is change.before.graph:
            return
        another = is_another_graph(change.before.graph, change.after.graph)
        path = () if another else self.place.after(change)
        if path != self.place.path:
            self.go(path)
            return
        before = self._shown
        if only_moved(change.before.graph, change.after.graph):
            self._shown = self.graph
            self.report_changed.emit(self._report)
        else:
            self._check()
        wire = self._wire if self._wire in self.graph.wires else None
        renamed = renamed_blocks(before, self.graph)
        kept = (renamed.get(key, key) for key in self._selection)
        self.select(kept, wire, self._frames, self._dots)
        if another:
            self.replaced.emit()

    def select(
        self,
        ids: Iterable[str],
        wire: Wire | None = None,
        frames: Iterable[str] = (),
        dots: Iterable[Dot] = (),
    ) -> None:
        """Select blocks, a wire, frames, bends; what is not there is left out.

        The keyboard's place follows a single block, or a single frame where no block is selected.
        """
        graph, wanted, framed = self.graph, set(ids), set(frames)
        chosen = tuple(key for key in graph.blocks if key in wanted)
        areas = tuple(frame.id for frame in graph.frames if frame.id in framed)
        bends = tuple(dot for dot in dots if dot.index < len(graph.bends.get(dot.wire, ())))
        new = chosen, wire, areas, bends
        changed = new != (self._selection, self._wire, self._frames, self._dots)
        self._selection, self._wire, self._frames, self._dots = new
        alone = chosen or areas
        if len(alone) == 1:
            self.current = alone[0]
        elif self.current not in graph.blocks:
            self.current = ""
        if changed:
            self.selection_changed.emit(chosen)

    def tell_fault(self, problem: Problem) -> None:
        """Show what went wrong when the graph was run, until it changes."""
        if problem not in self._report.problems:
            self._report = replace(self._report, problems=(problem, *self._report.problems))
            self.report_changed.emit(self._report)

    def step(self, forward: bool) -> bool:
        """Move on to the next block in running order, then to frames; False at the end.

        Tab leaves the canvas then.
        """
        order, cyclic = flow(self.graph).order()
        frames = [frame.id for frame in self.graph.frames]
        keys = [*order, *cyclic, *frames]
        at = keys.index(self.current) if self.current in keys else (-1 if forward else len(keys))
        following = at + (1 if forward else -1)
        if not 0 <= following < len(keys):
            return False
        key = keys[following]
        self.select(*(((), None, (key,)) if key in frames else ((key,),)))
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
            return self._document.apply(self.place.wrapped(edit), merge)
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
        wires = (Wire(block.id, port.name, target, into) for port in ports.outputs(block))
        fitting = [wire for wire in wires if not editing.refusal(graph, wire)]
        return self._added(AddBlock(block, tuple(fitting[:1]), f"Add {KINDS[kind].title}"))

    def _added(self, edit: AddBlock) -> str:
        self.do(edit)
        self._note_habits(edit.wires)
        self.select((edit.block.id,))
        self.message.emit(self._added_words(edit.block, edit.wires))
        return edit.block.id

    def _note_habits(self, wires: Iterable[Wire]) -> None:
        blocks = self.graph.blocks
        for wire in wires:
            if wire.source in blocks and wire.target in blocks:
                self.habits.note(blocks[wire.source].kind, blocks[wire.target].kind)

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

    def mending(self, problem: Problem) -> Mend | None:
        """Return the block that would make a problem of the graph in view go away."""
        return mending(self.graph, self._report, problem, self.checked)

    def mend(self, mend: Mend, widths: Mapping[str, float]) -> None:
        """Insert the block that mends a problem, with the settings that it needs."""
        edit, key = insert_with_room(self.graph, mend.kind, mend.wire, None, widths, mend.settings)
        if self.do(edit):
            self.select((key,))
            self.message.emit(f"{mend.words.replace('Insert', 'Inserted', 1)}")

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
            self._note_habits((wire,))
            blocks = self.graph.blocks
            names = title_of(blocks[wire.source]), title_of(blocks[wire.target])
            self.message.emit(f"{names[0]} connected to {names[1]}")
        return done

    def disconnect_wire(self, wire: Wire) -> None:
        """Take a wire away."""
        if self.do(Disconnect(wire)):
            self.message.emit("Wire taken away")

    def delete(self, heal: bool = True) -> None:
        """Delete what is selected in one step; `heal` joins the chain around blocks if it fits."""
        if self._wire is not None and not self._dots:
            self.disconnect_wire(self._wire)
            return
        self._delete(Cargo(self._selection, self._frames, self._dots), heal)

    def _delete(self, what: Cargo, heal: bool) -> None:
        edits: list[Edit] = []
        if what.blocks:
            edits.append(self.removal(what.blocks, heal))
        if what.frames:
            note = all(self.graph.frame(key).note for key in what.frames)
            edits.append(RemoveFrames(what.frames, "Delete note" if note else "Delete frame"))
        gone = set(what.blocks)
        left = [d for d in what.dots if d.wire.source not in gone and d.wire.target not in gone]
        edits += without_dots(self.graph, left)
        if edits and self.do(Together(tuple(edits), edits[0].label)):
            self.message.emit(edits[0].label.replace("Delete", "Deleted"))

    def removal(self, ids: Iterable[str], heal: bool) -> RemoveBlocks:
        """Return the edit that deletes blocks; it heals only where the shapes agree.

        They agree when no block behind the gap refuses what comes from before it.
        """
        edit = editing.remove(self.graph, ids, heal)
        if not edit.heal:
            return edit
        healed = edit.apply(self._document.project.with_graph(self.graph)).graph
        had = {problem.block for problem in self._report.errors}
        broken = {
            problem.block
            for problem in self.checked(healed).errors
            if problem.block not in had
            and (not problem.port or problem.port in healed.into(problem.block))
        }
        kept = tuple(w for w in edit.heal if broken.isdisjoint(healed.downstream({w.target})))
        return RemoveBlocks(edit.ids, kept, edit.label)

    def cut_wires(self, wires: Iterable[Wire]) -> None:
        """Take wires away in one step."""
        cut = tuple(wires)
        label = "Cut wire" if len(cut) == 1 else f"Cut {len(cut)} wires"
        if cut and self.do(Together(tuple(Disconnect(wire) for wire in cut), label)):
            self.message.emit("Wire cut" if len(cut) == 1 else f"{len(cut)} wires cut")

    def move(self, places: Mapping[str, tuple[float, float]], merge: str = "") -> bool:
        """Move blocks."""
        return self.do(MoveBlocks(dict(places)), merge)

    def toggle_mode(self, mode: Mode) -> None:
        """Bypass or mute the selected blocks, or let them work again when all are so already."""
        able = tuple(key for key in self._selection if self._can(mode, self.graph.blocks[key]))
        if not able:
            words = "bypass" if mode == "bypass" else "mute"
            self.message.emit(f"Select a block to {words} that has an input and an output")
            return
        on = any(self.graph.blocks[key].mode != mode for key in able)
        verb = {"bypass": "Bypass", "mute": "Mute"}[mode] if on else "Let work"
        what = title_of(self.graph.blocks[able[0]]) if len(able) == 1 else f"{len(able)} blocks"
        if self.do(SetMode(able, mode if on else "", f"{verb} {what}")):
            said = {"bypass": "bypassed", "mute": "muted"}[mode] if on else "at work again"
            self.message.emit(f"{what} {said}")

    @staticmethod
    def _can(mode: Mode, block: Block) -> bool:
        inputs, outputs = ports.inputs(block), ports.outputs(block)
        return bool(outputs) and (mode == "mute" or bool(inputs))

    def rename(self, block_id: str, title: str) -> None:
        """Give a block the person's own name; "" returns to the name of its kind."""
        self.do(RenameBlock(block_id, title.strip()))

    # Clipboard

    def clip(self, what: Cargo) -> Clip:
        """Return blocks and frames as they are copied."""
        return copied(self.graph, what.blocks, what.frames)

    def copy(self, what: Cargo | None = None) -> bool:
        """Put blocks and frames, by default those selected, on the clipboard as text."""
        taken = what or Cargo(self._selection, self._frames)
        if not taken.blocks and not taken.frames:
            return False
        QGuiApplication.clipboard().setText(clip_text(self.clip(taken)))
        self._pasted = 0
        return True

    def cut(self, what: Cargo | None = None) -> None:
        """Copy, then delete without healing."""
        taken = what or Cargo(self._selection, self._frames)
        if self.copy(taken):
            self._delete(taken, heal=False)

    def paste(self, at: Point | None = None, connect: bool = False) -> None:
        """Add what is on the clipboard: at a place, or a little aside of the originals.

        A foreign text becomes a message.

        Args:
            at: Top left corner, None for aside.
            connect: Wire the copies to what fed the originals, where it is still there.
        """
        try:
            clip = parse_clip(QGuiApplication.clipboard().text())
        except SeqError as error:
            self.message.emit(error.sentence())
            return
        self._pasted += 1
        aside = PASTE_STEP * self._pasted
        corner = clip.corner
        offset = (aside, aside) if at is None else (at[0] - corner[0], at[1] - corner[1])
        label = "Paste with connections" if connect else "Paste"
        self.put(Paste(clip, offset, connect, label))

    def put(self, edit: Paste) -> None:
        """Add copies and select them."""
        blocks, frames = edit.names(self.graph)
        if self.do(edit):
            self.select(blocks.values(), None, frames.values())


def only_moved(before: Graph, after: Graph) -> bool:
    """Tell whether nothing but places, frames and bends differ: then the check still holds."""
    if before.wires != after.wires or before.blocks.keys() != after.blocks.keys():
        return False
    pairs = ((block, after.blocks[key]) for key, block in before.blocks.items())
    return all(one is two or alike(one, two) for one, two in pairs)


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
