"""Edits: small named commands, each of which turns one project into the next.

A project is immutable, so an edit returns a new one that shares all that did not change. Undo
goes back to the very value that was there before: exact by construction. Edits that need to know
what a block means (its defaults, its ports) live in `seqstudio.blocks.editing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from seqstudio.document.graph import Block, Frame, Graph, Mode, Path, Point, Wire
from seqstudio.document.param import Value
from seqstudio.document.project import Project


class Edit(Protocol):
    """What the history records."""

    @property
    def label(self) -> str:
        """Words for the menu: "Undo LABEL"."""

    def apply(self, project: Project) -> Project:
        """Return the project after the edit; the same object when nothing changes."""


@dataclass(frozen=True)
class AddBlock:
    """Put a block on the canvas, with its wires if it comes wired."""

    block: Block
    wires: tuple[Wire, ...] = ()
    label: str = "Add block"

    def apply(self, project: Project) -> Project:
        graph = project.graph.with_block(self.block)
        for wire in self.wires:
            graph = graph.with_wire(wire)
        return project.with_graph(graph)


@dataclass(frozen=True)
class RemoveBlocks:
    """Take blocks away with their wires; `heal` wires close the gap."""

    ids: tuple[str, ...]
    heal: tuple[Wire, ...] = ()
    label: str = "Delete"

    def apply(self, project: Project) -> Project:
        graph = project.graph.without_blocks(self.ids)
        for wire in self.heal:
            graph = graph.with_wire(wire)
        return project.with_graph(graph)


@dataclass(frozen=True)
class MoveBlocks:
    """Move blocks to new places on the canvas."""

    places: Mapping[str, tuple[float, float]]
    label: str = "Move"

    def apply(self, project: Project) -> Project:
        graph = project.graph
        for key, (x, y) in self.places.items():
            block = graph.blocks[key]
            if (block.x, block.y) != (x, y):
                graph = graph.with_block(replace(block, x=x, y=y))
        return project if graph is project.graph else project.with_graph(graph)


@dataclass(frozen=True)
class Connect:
    """Draw a wire; an older wire into the same input goes."""

    wire: Wire
    label: str = "Connect"

    def apply(self, project: Project) -> Project:
        if self.wire in project.graph.wires:
            return project
        return project.with_graph(project.graph.with_wire(self.wire))


@dataclass(frozen=True)
class Disconnect:
    """Take a wire away."""

    wire: Wire
    label: str = "Disconnect"

    def apply(self, project: Project) -> Project:
        if self.wire not in project.graph.wires:
            return project
        return project.with_graph(project.graph.without_wire(self.wire))


@dataclass(frozen=True)
class SetParam:
    """Change one setting of one block."""

    block_id: str
    name: str
    value: Value
    label: str = "Change setting"

    def apply(self, project: Project) -> Project:
        block = project.graph.blocks[self.block_id]
        try:
            if block.value(self.name) == self.value:
                return project
        except KeyError:  # a setting that the file did not name yet
            pass
        return project.with_graph(
            project.graph.with_block(block.with_param(self.name, self.value))
        )


@dataclass(frozen=True)
class ReplaceBlock:
    """Put another block in the place of one, with the wires given."""

    old: str
    block: Block
    wires: tuple[Wire, ...]
    label: str = "Replace block"

    def apply(self, project: Project) -> Project:
        blocks = {
            (self.block.id if key == self.old else key): (self.block if key == self.old else block)
            for key, block in project.graph.blocks.items()
        }
        kept, new = set(self.wires), {self.old: self.block.id}
        bends = {
            wire: points
            for old, points in project.graph.bends.items()
            if (wire := _with_ends(old, new)) in kept
        }
        graph = replace(project.graph, blocks=blocks, wires=self.wires, bends=bends)
        return project.with_graph(graph)


def _with_ends(wire: Wire, names: Mapping[str, str]) -> Wire:
    """Return the wire between blocks of new names."""
    source, target = (names.get(key, key) for key in (wire.source, wire.target))
    return replace(wire, source=source, target=target)


@dataclass(frozen=True)
class SetGraph:
    """Put a whole graph in the place of the present one: a change of several blocks at once."""

    graph: Graph
    label: str

    def apply(self, project: Project) -> Project:
        return project if self.graph == project.graph else project.with_graph(self.graph)


@dataclass(frozen=True)
class RenameBlock:
    """Give a block the person's own title."""

    block_id: str
    title: str
    label: str = "Rename"

    def apply(self, project: Project) -> Project:
        block = project.graph.blocks[self.block_id]
        if block.title == self.title:
            return project
        return project.with_graph(project.graph.with_block(replace(block, title=self.title)))


@dataclass(frozen=True)
class SetMode:
    """Bypass or mute blocks, or let them work again."""

    ids: tuple[str, ...]
    mode: Mode
    label: str

    def apply(self, project: Project) -> Project:
        graph = project.graph
        for key in self.ids:
            if graph.blocks[key].mode != self.mode:
                graph = graph.with_block(replace(graph.blocks[key], mode=self.mode))
        return project if graph is project.graph else project.with_graph(graph)


@dataclass(frozen=True)
class SetBends:
    """Lead a wire through points; none makes it direct again."""

    wire: Wire
    points: tuple[Point, ...]
    label: str = "Bend wire"

    def apply(self, project: Project) -> Project:
        graph = project.graph.with_bends(self.wire, self.points)
        return project if graph == project.graph else project.with_graph(graph)


@dataclass(frozen=True)
class SetFrames:
    """Add frames and notes, or change those with the same id."""

    frames: tuple[Frame, ...]
    label: str = "Add frame"

    def apply(self, project: Project) -> Project:
        graph = project.graph
        for frame in self.frames:
            graph = graph.with_frame(frame)
        return project if graph == project.graph else project.with_graph(graph)


@dataclass(frozen=True)
class RemoveFrames:
    """Take frames and notes away; the blocks on them stay."""

    ids: tuple[str, ...]
    label: str = "Delete frame"

    def apply(self, project: Project) -> Project:
        graph = project.graph.without_frames(self.ids)
        return project if graph == project.graph else project.with_graph(graph)


@dataclass(frozen=True)
class Together:
    """Several edits as one step."""

    edits: tuple[Edit, ...]
    label: str

    def apply(self, project: Project) -> Project:
        for edit in self.edits:
            project = edit.apply(project)
        return project


@dataclass(frozen=True)
class Within:
    """An edit of the graph inside a block.

    Attributes:
        path: Ids of the blocks that lead there from the outermost graph.
        edit: What to do there, as if that graph were the whole one.
    """

    path: Path
    edit: Edit

    @property
    def label(self) -> str:
        """Words of the edit itself."""
        return self.edit.label

    def apply(self, project: Project) -> Project:
        inner = project.with_graph(project.graph.at(self.path))
        after = self.edit.apply(inner)
        if after is inner:
            return project
        return after.with_graph(project.graph.put(self.path, after.graph))


@dataclass(frozen=True)
class SetSetting:
    """Change one data, training or sampling setting.

    Attributes:
        group: "data", "training" or "sampling".
        name: Name of the setting.
        value: Anything its declaration can parse.
    """

    group: str
    name: str
    value: object
    label: str = "Change setting"

    def apply(self, project: Project) -> Project:
        match self.group:
            case "data":
                changed = replace(project, data=project.data.with_value(self.name, self.value))
            case "training":
                training = project.training.with_value(self.name, self.value)
                changed = replace(project, training=training)
            case "sampling":
                sampling = project.sampling.with_value(self.name, self.value)
                changed = replace(project, sampling=sampling)
            case _:
                raise KeyError(self.group)
        return project if changed == project else changed


@dataclass(frozen=True)
class ReplaceProject:
    """Take over a whole project: a template, a lesson, the file on disk again."""

    project: Project
    label: str = "Open template"

    def apply(self, project: Project) -> Project:
        return project if project == self.project else self.project
