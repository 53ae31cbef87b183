"""The inspector: everything about the selected block, or about the project when none is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.blocks import editing, ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Problem, Report, check, title_of
from seqstudio.blocks.cost import bytes_in_words, costs, in_words
from seqstudio.blocks.declaration import BlockKind, DataFacts, Shape
from seqstudio.blocks.grouping import MovePort, SetExposed
from seqstudio.blocks.opening import opens
from seqstudio.blocks.templates import TEMPLATES
from seqstudio.core.errors import SeqError
from seqstudio.document.document import Change, Document
from seqstudio.document.edits import Edit, RenameBlock, SetSetting, Within
from seqstudio.document.graph import Block
from seqstudio.document.param import Value
from seqstudio.document.project import Project
from seqstudio.document.settings import DataSettings, Settings, TrainingSettings
from seqstudio.studio.canvas.editor import CanvasEditor
from seqstudio.studio.canvas.edits import insert_with_room
from seqstudio.studio.canvas.items.face import loop_text
from seqstudio.studio.canvas.place import Place
from seqstudio.studio.forms import Form
from seqstudio.studio.inspector_inside import Exposing, PortRows, shown_params, shown_values
from seqstudio.studio.inspector_parts import Emblem, LiveValues, Problems, Table
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import (
    Button,
    ElidedLabel,
    EquationView,
    IconButton,
    Label,
    PanelHeader,
    Segments,
)

_BOUNDARY = frozenset({ports.INLET, ports.OUTLET})


class Inspector(QWidget):
    """Shows and changes what is selected on the canvas.

    Signals:
        opened: Id of the block whose code the person wants to see.
        action: What the canvas is to do with its selection: "duplicate", "copy", "delete", "tidy"
            or "inside".
        message: One line for the person.
    """

    opened = Signal(str)
    action = Signal(str)
    message = Signal(str)

    def __init__(
        self,
        document: Document,
        editor: CanvasEditor | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName("Inspector")
        self._document = document
        self.place = editor.place if editor is not None else Place(document)
        self._ids: tuple[str, ...] = ()
        self._report = check(document.project.graph, DataFacts())
        self._live: dict[str, dict[str, str]] = {}
        self._page: Page | None = None
        # Mends a problem with the settings that it needs; True when it did.
        self.mender: Callable[[Problem], bool] | None = None
        self._header = PanelHeader("Inspector", side=True, parent=self)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._header)
        column.addWidget(self._scroll, 1)
        self.destroyed.connect(document.changed.connect(self._on_change))
        if editor is not None:
            editor.place_changed.connect(self._refresh)
        self._refresh()
        follow_theme(self)

    @property
    def page(self) -> Page:
        """The page shown: of a block, of several, or of the project."""
        assert self._page is not None
        return self._page

    def set_selection(self, ids: Iterable[str]) -> None:
        """Show these blocks; none shows the project."""
        self._ids = tuple(ids)
        self._refresh()

    def set_report(self, report: object) -> None:
        """Take the newest check: shapes, counts and problems."""
        if isinstance(report, Report):
            self._report = report
            self._refresh()

    def set_live(self, block_id: str, values: Mapping[str, str]) -> None:
        """Show what is measured of a block right now, by name; {} takes it away."""
        self._live[block_id] = dict(values)
        if isinstance(self._page, BlockPage) and self._page.block_id == block_id:
            self._page.show_live(values)

    def _on_change(self, change: Change) -> None:
        del change
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        project = self.project()
        ids = tuple(key for key in self._ids if key in project.graph.blocks)
        wanted = self._wanted(project, ids)
        if self._page is None or self._page.identity != wanted:
            self._show_page(self._make(project, ids))
        self.page.refresh(project, self._report)

    @staticmethod
    def _wanted(project: Project, ids: tuple[str, ...]) -> tuple[str, ...]:
        if len(ids) == 1:
            return identity_of(project.graph.blocks[ids[0]])
        return ("several",) if ids else ("project",)

    def _make(self, project: Project, ids: tuple[str, ...]) -> Page:
        if len(ids) == 1:
            page = BlockPage(project.graph.blocks[ids[0]], self)
            page.show_live(self._live.get(ids[0], {}))
            return page
        return SeveralPage(self, lambda: self._ids) if ids else ProjectPage(self)

    def _show_page(self, page: Page) -> None:
        self._page = page
        self._scroll.setWidget(page)  # deletes the one before

    # What pages do

    def do(self, edit: Edit, merge: str = "") -> None:
        """Apply an edit.

        Raises:
            SeqError: It is refused; nothing has changed.
        """
        self._document.apply(self.place.wrapped(edit), merge)

    def do_around(self, edit: Edit) -> None:
        """Apply an edit of the block that was entered; a refusal becomes a message."""
        try:
            self._document.apply(self.place.wrapped_around(edit))
        except SeqError as error:
            self.message.emit(error.sentence())

    def project(self) -> Project:
        """Return the project in force; its graph is the one in view on the canvas."""
        return self._document.project.with_graph(self.place.graph)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface1"))


class Page(QWidget):
    """One content of the inspector: sections under each other.

    Attributes:
        identity: Changes when another page is needed.
    """

    def __init__(self, inspector: Inspector, identity: tuple[str, ...]) -> None:
        super().__init__(inspector)
        self.setProperty("kind", "page")
        self.inspector = inspector
        self.identity = identity
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(12, 4, 12, 16)
        self.column.setSpacing(0)

    def section(self, title: str, *parts: QWidget) -> QWidget:
        """Add a section with a hairline and a title above its parts; return it."""
        whole = QWidget(self)
        inner = QVBoxLayout(whole)
        inner.setContentsMargins(0, 12, 0, 0)
        inner.setSpacing(6)
        line = QFrame(whole)
        line.setProperty("kind", "hairline")
        line.setFixedHeight(1)
        inner.addWidget(line)
        name = Label(title, "panelTitle", "textHi", parent=whole)
        name.setMinimumHeight(26)
        inner.addWidget(name)
        for part in parts:
            inner.addWidget(part)
        self.column.addWidget(whole)
        return whole

    def mend(self, problem: Problem) -> None:
        """Put the block that a problem names on the wire concerned."""
        if self.inspector.mender is not None and self.inspector.mender(problem):
            return
        graph = self.inspector.project().graph
        wire = graph.into(problem.block).get(problem.port)
        if wire is None:
            return
        try:
            edit, _ = insert_with_room(graph, problem.remedy, wire)
            self.inspector.do(edit)
        except SeqError as error:
            self.inspector.message.emit(error.sentence())

    def refresh(self, project: Project, report: Report) -> None:
        """Show the state of the project and of its check."""
        raise NotImplementedError


class BlockPage(Page):
    """One block: heading, kind, settings, equations, shapes, right now, problems, help."""

    def __init__(self, block: Block, inspector: Inspector) -> None:
        super().__init__(inspector, identity_of(block))
        self.block_id = block.id
        self.kind = KINDS.get(block.kind)
        self._title = ElidedLabel(title_of(block), "title", "textHi", self)
        self.inside: IconButton | None = None
        self.column.addLayout(self._heading(opens(block)))
        self.switch: Segments | None = self._add_switch()
        self.problems = Problems(self, self.mend)
        self.column.addWidget(self.problems)
        self.form: Form | None = None
        self.ports: list[PortRows] = []
        self.exposing: Exposing | None = None
        self.shapes = Table(self)
        self._live = LiveValues(self)
        if self.kind is None:
            self.column.addWidget(Label("This block comes from another version.", parent=self))
        else:
            self._build(block, self.kind)
        self.column.addStretch(1)

    def _heading(self, has_inside: bool) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(0, 4, 0, 10)
        row.setSpacing(10)
        row.addWidget(Emblem(self.kind, self))
        row.addWidget(self._title, 1)
        if has_inside:
            self.inside = IconButton("composite", "Go inside", key="Enter", size=32, parent=self)
            self.inside.clicked.connect(partial(self.inspector.action.emit, "inside"))
            row.addWidget(self.inside)
        button = Button("Code", icon="code", parent=self)
        button.setToolTip("Show the PyTorch code of this block (Ctrl+Enter)")
        button.clicked.connect(self._open)
        row.addWidget(button)
        return row

    @Slot()
    def _open(self) -> None:
        self.inspector.opened.emit(self.block_id)

    def _add_switch(self) -> Segments | None:
        if self.kind is None or self.kind.kind not in editing.CELLS:
            return None
        cells = [(kind, KINDS[kind].title) for kind in editing.CELLS]
        switch = Segments(cells, self.kind.kind, name="Kind of cell", parent=self)
        switch.value_changed.connect(self._switch_kind)
        self.column.addWidget(switch)
        self.column.addSpacing(8)
        return switch

    @Slot(str)
    def _switch_kind(self, kind: str) -> None:
        graph = self.inspector.project().graph
        self.inspector.do(editing.switch_kind(graph, self.block_id, kind))

    def _build(self, block: Block, kind: BlockKind) -> None:
        params = shown_params(block)
        if params:
            self.form = Form(params, shown_values(block), self._set_param, self)
            self.column.addWidget(self.form)
        if block.inside is not None:
            self._add_ports(block)
        if self.inspector.place.path and kind.params and kind.kind not in _BOUNDARY:
            self.exposing = Exposing(kind.params, self._expose, self)
            self.section("Show outside", self.exposing)
        if kind.equations:
            self.section("Equations", EquationView(kind.equations, parent=self))
        self.section("Shapes", self.shapes)
        self._right_now = self.section("Right now", self._live)
        self._right_now.hide()
        source = Label(kind.source, "small", "textLow", wrap=True, parent=self)
        self.section("Help", Label(kind.help, "body", "textMid", wrap=True, parent=self), source)

    def _add_ports(self, block: Block) -> None:
        """Add the ports of both sides, which are named and ordered by blocks inside."""
        sides = (("Inputs", ports.inlets(block)), ("Outputs", ports.outlets(block)))
        for title, boundary in sides:
            if boundary:
                rows = PortRows(boundary, self._rename_port, self._move_port, self)
                self.ports.append(rows)
                self.section(title, rows)

    def _rename_port(self, port: str, title: str) -> None:
        if title:
            self.inspector.do(Within((self.block_id,), RenameBlock(port, title, "Rename port")))

    def _move_port(self, port: str, by: int, _checked: bool = False) -> None:
        self.inspector.do(MovePort(self.block_id, port, by))

    def _expose(self, name: str, shown: bool) -> None:
        around = self.inspector.place.path[-1]
        self.inspector.do_around(SetExposed(around, f"{self.block_id}.{name}", shown))

    def _set_param(self, name: str, value: Value) -> None:
        graph = self.inspector.project().graph
        gesture = self.form.gesture if self.form else 0
        merge = f"{self.block_id}.{name} {gesture}"
        self.inspector.do(editing.set_param(graph, self.block_id, name, value), merge)

    @override
    def refresh(self, project: Project, report: Report) -> None:
        block = project.graph.blocks[self.block_id]
        self._title.setText(title_of(block))
        mine = [p for p in report.problems if self.block_id == (*p.path, p.block)[0]]
        self.problems.tell(mine, project)
        if self.kind is None:
            return
        if self.form is not None:
            self.form.set_values(shown_values(block))
            scaled = block.params.get("init") == "scaled"
            self.form.set_hidden(() if scaled else ("radius",))
        self.shapes.fill(self._shape_rows(block, self.kind, project, report))
        around = self.inspector.place.around()
        if self.exposing is not None and around is not None:
            own = f"{self.block_id}."
            self.exposing.tell({name.removeprefix(own) for name in around.exposed
                                if name.startswith(own)})  # fmt: skip

    def _shape_rows(
        self, block: Block, kind: BlockKind, project: Project, report: Report
    ) -> list[tuple[str, str, str]]:
        wires = project.graph.into(block.id)
        rows = []
        for port in ports.inputs(block):
            wire = wires.get(port.name)
            shape = report.shapes.get((wire.source, wire.out)) if wire else None
            rows.append((port.title, *_shape_words(shape, wired=wire is not None)))
        rows += [
            (port.title, *_shape_words(report.shapes.get((block.id, port.name))))
            for port in ports.outputs(block)
        ]
        if kind.memory == "state" and block.inside is None:
            layers, hidden = (block.params.get(name, "?") for name in ("layers", "hidden"))
            kept = "carried" if project.training.carry else "starts at 0"
            rows.append((f"state {loop_text(kind)}", f"{layers}·B·{hidden}", kept))
        if block.id in report.counts:
            rows.append(("parameters", f"{report.counts[block.id]:,}", ""))
            rows += _cost_rows(block, project, report)
        return rows

    def show_live(self, values: Mapping[str, str]) -> None:
        """Show what is measured right now; nothing hides the section."""
        if self.kind is not None:
            self._live.tell(values)
            self._right_now.setVisible(bool(values))


def _cost_rows(block: Block, project: Project, report: Report) -> list[tuple[str, str, str]]:
    """Return memory in training and multiply-adds of a block; see docs/guide/costs.md."""
    cost = costs(project.graph, report).get(block.id)
    if cost is None:
        return []
    memory = bytes_in_words(cost.memory(project.training).total)
    return [("memory", memory, "in training"), ("multiply-adds", in_words(cost.macs), "a row")]


class SeveralPage(Page):
    """Several blocks: how many, what they cost, what can be done with all of them."""

    ACTIONS = (
        ("duplicate", "Duplicate", "plus"),
        ("copy", "Copy", "copy"),
        ("tidy", "Tidy", "tidy"),
        ("delete", "Delete", "trash"),
    )

    def __init__(self, inspector: Inspector, ids: Callable[[], tuple[str, ...]]) -> None:
        super().__init__(inspector, ("several",))
        self._ids = ids
        self.count = Label("", "title", "textHi", parent=self)
        self._cost = Label("", "body", "textMid", parent=self)
        self.column.addSpacing(6)
        self.column.addWidget(self.count)
        self.column.addSpacing(4)
        self.column.addWidget(self._cost)
        self.column.addSpacing(12)
        self.buttons: dict[str, Button] = {}
        for key, words, icon_name in self.ACTIONS:
            button = Button(words, icon=icon_name, parent=self)
            button.clicked.connect(partial(inspector.action.emit, key))
            self.buttons[key] = button
            self.column.addWidget(button)
            self.column.addSpacing(6)
        self.column.addStretch(1)

    @override
    def refresh(self, project: Project, report: Report) -> None:
        ids = [key for key in self._ids() if key in project.graph.blocks]
        self.count.setText(f"{len(ids)} blocks")
        total = sum(report.counts.get(key, 0) for key in ids)
        self._cost.setText(f"{total:,} parameters together")


class ProjectPage(Page):
    """The project: template, size, problems, data and training settings."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, ("project",))
        project = inspector.project()
        self._title = Label("", "title", "textHi", parent=self)
        self._sentence = Label("", "body", "textMid", wrap=True, parent=self)
        self.facts = Table(self)
        self.problems = Problems(self, self.mend)
        self.column.addSpacing(6)
        for part in (self._title, self._sentence):
            self.column.addWidget(part)
            self.column.addSpacing(6)
        self.column.addWidget(self.facts)
        self.column.addSpacing(6)
        self.column.addWidget(self.problems)
        self.data = self._form("data", project.data)
        self.training = self._form("training", project.training)
        self.section("Data", self.data)
        self.section("Training", self.training)
        self.column.addStretch(1)

    def _form(self, group: str, settings: Settings) -> Form:
        change = partial(self._set, group)
        return Form(settings.PARAMS, settings.as_dict(), change, self)

    def _set(self, group: str, name: str, value: Value) -> None:
        form = self.data if group == "data" else self.training
        kind: type[Settings] = DataSettings if group == "data" else TrainingSettings
        label = f"Change {kind.param(name).title.lower()}"
        merge = f"{group}.{name} {form.gesture}"
        self.inspector.do(SetSetting(group, name, value, label), merge)

    @override
    def refresh(self, project: Project, report: Report) -> None:
        template = TEMPLATES.get(project.template)
        self._title.setText(template.title if template else "Your model")
        words = template.sentence if template else "Select a block to see and change its settings."
        self._sentence.setText(words)
        blocks = len(project.graph.blocks)
        self.facts.fill([
            ("parameters", f"{report.total:,}", ""),
            ("blocks", f"{blocks:,}", ""),
        ])  # fmt: skip
        self.problems.tell(report.problems, project)
        self.data.set_values(project.data.as_dict())
        self.data.set_hidden(project.data.idle())
        self.training.set_values(project.training.as_dict())
        drawn = set() if project.data.cut else {"window", "carry"}
        self.training.set_hidden(project.training.idle() | drawn)


def identity_of(block: Block) -> tuple[str, ...]:
    """Return what a page of a block is made for: other ports or settings need another one."""
    boundary = [f"{b.id}={b.title}" for b in (*ports.inlets(block), *ports.outlets(block))]
    return (block.id, block.kind, *block.exposed, *boundary)


def _shape_words(shape: Shape | None, wired: bool = True) -> tuple[str, str]:
    if shape is None:
        return ("unknown" if wired else "not wired", "")
    return str(shape), "int64" if shape.kind == "ids" else "float32"
