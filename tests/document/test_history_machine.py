"""Random edits, undo, redo, save and load: the history is exact, the file equal, nothing empty."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from seqstudio.blocks import editing, grouping, ports
from seqstudio.blocks.arranging import Box, Join, layout
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import check, flow
from seqstudio.blocks.clipboard import Paste, clip_text, copied, parse_clip
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.opening import WithinOpened, opens
from seqstudio.blocks.templates import TEMPLATES, make
from seqstudio.core.errors import SeqError
from seqstudio.document.document import Document
from seqstudio.document.edits import (
    Connect,
    Disconnect,
    MoveBlocks,
    RemoveFrames,
    RenameBlock,
    ReplaceProject,
    SetBends,
    SetFrames,
    SetMode,
    SetSetting,
    Within,
)
from seqstudio.document.graph import Block, Frame, Graph, Wire
from seqstudio.document.graph import Path as Path_
from seqstudio.document.project import Project, load_project, parse_project, project_text
from seqstudio.document.settings import SamplingSettings, TrainingSettings

FACTS = DataFacts(vocabulary=7)
PLACES = st.integers(-90_000, 90_000).map(lambda n: n / 100)
WORDS = st.text(max_size=12)


def value_of(param) -> st.SearchStrategy[object]:
    if param.kind == "bool":
        return st.booleans()
    if param.kind == "choice":
        return st.sampled_from([key for key, _ in param.choices])
    if param.kind == "int":
        return st.integers(int(param.low), min(int(param.high), 300))
    if param.kind == "float":
        return st.floats(param.low, param.high, allow_nan=False)
    return WORDS


class Editing(RuleBasedStateMachine):
    """A person at the canvas. `shadow` is what the document must be after so many steps."""

    def __init__(self) -> None:
        super().__init__()
        self.clock_s = 0.0
        self.document = Document(make("hello-rnn"), lambda: self.clock_s)
        self.shadow = [self.document.project]
        self.at = 0
        self.merging = ""
        self.where: Path_ = ()
        self.changes = []
        self.document.changed.connect(self.changes.append)
        self.folder = tempfile.TemporaryDirectory(prefix="seqstudio-machine-")
        self.path = Path(self.folder.name) / "p.seq"

    def teardown(self) -> None:
        undone = 0
        while self.document.undo():
            undone += 1
        assert undone == self.at
        assert self.document.project == self.shadow[0]
        redone = 0
        while self.document.redo():
            redone += 1
        assert redone == len(self.shadow) - 1
        assert self.document.project == self.shadow[-1]
        self.folder.cleanup()

    @property
    def graph(self) -> Graph:
        """The graph that the person is in: the outermost one, or one inside a block."""
        while True:
            try:
                return self.document.project.graph.at(self.where)
            except KeyError:  # what they were inside of is gone
                self.where = self.where[:-1]

    def do(self, edit, merge: str = "") -> None:
        self.do_outside(Within(self.where, edit) if self.where else edit, merge)

    def do_outside(self, edit, merge: str = "") -> None:
        before = self.document.project
        heard = len(self.changes)
        try:
            changed = self.document.apply(edit, merge)
        except SeqError:
            assert self.document.project is before
            assert len(self.changes) == heard
            return
        assert changed == (self.document.project != before)
        assert len(self.changes) == heard + changed
        if not changed:
            return
        goes_on = merge and merge == self.merging and self.at == len(self.shadow) - 1
        if not goes_on:
            del self.shadow[self.at + 1 :]
            self.shadow.append(before)  # taken over just below
            self.at += 1
        self.shadow[self.at] = self.document.project
        self.merging = merge
        if goes_on and self.shadow[self.at] == self.shadow[self.at - 1]:
            self.shadow.pop()  # dragged back to where it was
            self.at -= 1
            self.merging = ""

    def block(self, data: st.DataObject) -> Block | None:
        keys = list(self.graph.blocks)
        return self.graph.blocks[data.draw(st.sampled_from(keys))] if keys else None

    def wire(self, data: st.DataObject) -> Wire | None:
        return data.draw(st.sampled_from(self.graph.wires)) if self.graph.wires else None

    # What a person does

    @rule(kind=st.sampled_from(sorted(KINDS)), x=PLACES, y=PLACES)
    def add(self, kind: str, x: float, y: float) -> None:
        count = len(self.graph.blocks)
        self.do(editing.add(self.graph, kind, x, y))
        assert len(self.graph.blocks) == count + 1

    @rule(data=st.data(), kind=st.sampled_from(sorted(KINDS)))
    def add_after(self, data: st.DataObject, kind: str) -> None:
        block = self.block(data)
        if block is not None and ports.outputs(block):
            out = data.draw(st.sampled_from(ports.outputs(block))).name
            self.do(editing.add_wired(self.graph, kind, 0.0, 0.0, block.id, out))

    @rule(data=st.data())
    def connect(self, data: st.DataObject) -> None:
        source, target = self.block(data), self.block(data)
        if source is None or target is None:
            return
        outs = [port.name for port in ports.outputs(source)] or ["out"]
        ins = [port.name for port in ports.inputs(target)] or ["in"]
        wire = Wire(
            source.id, data.draw(st.sampled_from(outs)), target.id, data.draw(st.sampled_from(ins))
        )
        if not editing.refusal(self.graph, wire):
            self.do(Connect(wire))
            assert wire in self.graph.wires
            assert flow(self.graph).order()[1] == [], "a wire that was allowed closed a loop"

    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        wire = self.wire(data)
        if wire is not None:
            self.do(Disconnect(wire))

    @rule(data=st.data(), x=PLACES, y=PLACES)
    def move(self, data: st.DataObject, x: float, y: float) -> None:
        block = self.block(data)
        if block is not None:
            self.do(MoveBlocks({block.id: (x, y)}))

    @rule(data=st.data(), xs=st.lists(PLACES, min_size=2, max_size=5))
    def drag(self, data: st.DataObject, xs: list[float]) -> None:
        block = self.block(data)
        self.clock_s += 5.0
        self.merging = ""
        for x in xs if block is not None else ():
            self.do(MoveBlocks({block.id: (x, block.y)}), f"move {block.id}")
        self.clock_s += 5.0
        self.merging = ""

    @rule(data=st.data())
    def set_param(self, data: st.DataObject) -> None:
        block = self.block(data)
        params = ports.settings(block) if block is not None else {}
        if params:
            name = data.draw(st.sampled_from(sorted(params)))
            value = data.draw(value_of(params[name]))
            self.do(editing.set_param(self.graph, block.id, name, value))
            assert self.graph.blocks[block.id].value(name) == params[name].parse(value)

    @rule(data=st.data(), kind=st.sampled_from(sorted(KINDS)))
    def switch_kind(self, data: st.DataObject, kind: str) -> None:
        block = self.block(data)
        if block is not None:
            self.do(editing.switch_kind(self.graph, block.id, kind))

    @rule(data=st.data(), heal=st.booleans())
    def remove(self, data: st.DataObject, heal: bool) -> None:
        keys = list(self.graph.blocks)
        chosen = data.draw(st.sets(st.sampled_from(keys), max_size=3)) if keys else set()
        self.do(editing.remove(self.graph, chosen, heal))
        assert not chosen & set(self.graph.blocks)

    @rule(data=st.data(), kind=st.sampled_from(sorted(KINDS)))
    def insert(self, data: st.DataObject, kind: str) -> None:
        wire = self.wire(data)
        if wire is not None and editing.can_insert(self.graph, kind, wire):
            count = len(self.graph.wires)
            self.do(editing.insert_on_wire(self.graph, kind, wire))
            assert len(self.graph.wires) == count + 1

    @rule(data=st.data())
    def paste(self, data: st.DataObject) -> None:
        keys = list(self.graph.blocks)
        if keys and len(keys) < 40:
            chosen = data.draw(st.sets(st.sampled_from(keys), min_size=1, max_size=4))
            clip = parse_clip(clip_text(copied(self.graph, chosen)))
            edit = Paste(clip, (24.0, 24.0))
            names = edit.names(self.graph)[0]
            self.do(edit)
            assert set(names.values()) == set(self.graph.blocks) - set(keys)
            assert len(self.graph.blocks) == len(keys) + len(chosen)

    @rule(data=st.data(), title=WORDS)
    def rename(self, data: st.DataObject, title: str) -> None:
        block = self.block(data)
        if block is not None:
            self.do(RenameBlock(block.id, title))

    @rule(data=st.data(), group=st.sampled_from(["training", "sampling"]))
    def change_setting(self, data: st.DataObject, group: str) -> None:
        table = {"training": TrainingSettings, "sampling": SamplingSettings}[group]
        param = data.draw(st.sampled_from(table.PARAMS))
        self.do_outside(SetSetting(group, param.name, data.draw(value_of(param))))

    @rule(template=st.sampled_from(sorted(TEMPLATES)))
    def take_template(self, template: str) -> None:
        self.do_outside(ReplaceProject(make(template)))

    # Blocks made of blocks

    @rule(data=st.data())
    def enter(self, data: st.DataObject) -> None:
        made = [block.id for block in self.graph if block.inside is not None]
        if made and len(self.where) < 4:
            self.where = (*self.where, data.draw(st.sampled_from(made)))

    @precondition(lambda self: self.where)
    @rule()
    def leave(self) -> None:
        self.where = self.where[:-1]

    @rule(data=st.data())
    def group(self, data: st.DataObject) -> None:
        keys = list(self.graph.blocks)
        chosen = data.draw(st.sets(st.sampled_from(keys), max_size=4)) if keys else set()
        before, own = self.graph, sum(1 for _ in self.graph.everything())
        try:
            edit, key = grouping.group(before, chosen)
        except SeqError:
            return
        self.do(edit)
        assert key in self.graph.blocks
        assert not (chosen - {key}) & set(self.graph.blocks)
        assert sum(1 for _ in self.graph.everything()) > own

    @rule(data=st.data())
    def ungroup(self, data: st.DataObject) -> None:
        made = [block.id for block in self.graph if block.inside is not None]
        if not made:
            return
        try:
            edit, keys = grouping.ungroup(self.graph, data.draw(st.sampled_from(made)))
        except SeqError:
            return
        self.do(edit)
        assert set(keys) <= set(self.graph.blocks)

    @rule(data=st.data())
    def change_inside(self, data: st.DataObject) -> None:
        block = self.block(data)
        if block is None or not opens(block) or len(self.where) > 3:
            return
        before = self.document.project
        path = (*self.where, block.id)
        self.do_outside(
            WithinOpened(path, editing.add(Graph(), "activation", 500.0, 500.0), FACTS)
        )
        if self.document.project != before:
            assert self.document.project.graph.at(path).blocks
            assert self.document.project.graph.at(self.where).blocks[block.id].inside is not None

    @rule(data=st.data(), shown=st.booleans())
    def expose(self, data: st.DataObject, shown: bool) -> None:
        names = [
            (block.id, f"{inner.id}.{param.name}")
            for block in self.graph
            for inner in block.inside or ()
            for param in KINDS[inner.kind].params
        ]
        if names:
            self.do(grouping.SetExposed(*data.draw(st.sampled_from(names)), shown))

    @rule(data=st.data(), by=st.integers(-2, 2))
    def move_port(self, data: st.DataObject, by: int) -> None:
        names = [
            (block.id, port.name)
            for block in self.graph
            if block.inside is not None
            for port in (*ports.inputs(block), *ports.outputs(block))
        ]
        if names:
            key, name = data.draw(st.sampled_from(names))
            self.do(grouping.MovePort(key, name, by))
            both = (*ports.inputs(self.graph.blocks[key]), *ports.outputs(self.graph.blocks[key]))
            assert name in [port.name for port in both]

    @rule(data=st.data(), mode=st.sampled_from(["", "bypass", "mute"]))
    def set_mode(self, data: st.DataObject, mode: str) -> None:
        block = self.block(data)
        if block is not None:
            self.do(SetMode((block.id,), mode, "Mode"))

    # Frames and dots

    @rule(x=PLACES, y=PLACES, title=WORDS, note=st.booleans())
    def add_frame(self, x: float, y: float, title: str, note: bool) -> None:
        frame = Frame(self.graph.new_frame_id(), x, y, 300.0, 200.0, title, note=note)
        self.do(SetFrames((frame,)))

    @rule(data=st.data())
    def remove_frame(self, data: st.DataObject) -> None:
        if self.graph.frames:
            frame = data.draw(st.sampled_from(self.graph.frames))
            self.do(RemoveFrames((frame.id,)))
            assert frame not in self.graph.frames

    @rule(data=st.data(), points=st.lists(st.tuples(PLACES, PLACES), max_size=3))
    def bend(self, data: st.DataObject, points: list[tuple[float, float]]) -> None:
        wire = self.wire(data)
        if wire is not None:
            self.do(SetBends(wire, tuple(points)))
            assert self.graph.bends.get(wire, ()) == tuple(points)

    @rule()
    def tidy(self) -> None:
        boxes = {b.id: Box(b.x, b.y, 156.0, 108.0) for b in self.graph}
        joins = [Join(w.source, 64.0, w.target, 64.0) for w in self.graph.wires]
        self.do(MoveBlocks(layout(boxes, joins).places))

    @precondition(lambda self: self.at > 0)
    @rule()
    def undo(self) -> None:
        assert self.document.undo_label
        assert self.document.undo()
        self.at -= 1
        self.merging = ""
        assert self.document.project == self.shadow[self.at]

    @precondition(lambda self: self.at < len(self.shadow) - 1)
    @rule()
    def redo(self) -> None:
        assert self.document.redo_label
        assert self.document.redo()
        self.at += 1
        assert self.document.project == self.shadow[self.at]

    @rule()
    def save_and_load(self) -> None:
        self.document.save(self.path)
        assert not self.document.modified
        assert load_project(self.path) == self.document.project

    # What always holds

    @invariant()
    def the_text_is_stable(self) -> None:
        text = project_text(self.document.project)
        again = parse_project(text)
        assert again == self.document.project
        assert project_text(again) == text

    @invariant()
    def wires_end_at_blocks_and_inputs_take_one(self) -> None:
        outermost = self.document.project.graph
        insides = [block.inside for _, block in outermost.everything() if block.inside]
        for graph in (outermost, *insides):
            ends = [(wire.target, wire.into) for wire in graph.wires]
            assert len(ends) == len(set(ends))
            assert set(graph.bends) <= set(graph.wires)
            for wire in graph.wires:
                assert wire.source in graph.blocks
                assert wire.target in graph.blocks

    @invariant()
    def the_check_answers(self) -> None:
        graph = self.document.project.graph
        report = check(graph, FACTS)
        for problem in report.problems:
            assert problem.what
            blocks = graph.at(problem.path).blocks
            assert not problem.block or problem.block in blocks
            if problem.port and problem.block and problem.hint != "Delete the wire":
                block = blocks[problem.block]
                named = [port.name for port in (*ports.inputs(block), *ports.outputs(block))]
                assert problem.port in named

    @invariant()
    def no_step_is_empty(self) -> None:
        for before, after in zip(self.shadow, self.shadow[1:], strict=False):
            assert before != after


Editing.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestEditing = Editing.TestCase


def test_a_project_with_everything_survives_the_file() -> None:
    project = dataclasses.replace(
        make("char-attention"), notes='"\\ \n\t ünï 😀 \u2028', run="lstm-1", extra={"b": [{}]}
    )
    assert parse_project(project_text(project)) == project
    assert isinstance(project, Project)
