"""The pages of the window, each an arrangement of panels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from platformdirs import user_data_dir
from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QDockWidget
from typing_extensions import override

from seqstudio.blocks.catalogue import KINDS
from seqstudio.document.graph import Graph
from seqstudio.document.library import Library
from seqstudio.document.project import Project
from seqstudio.records.readings import GradientReading, Metrics
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.canvas.peek import PeekDesk
from seqstudio.studio.canvas.unrolled_copies import UnrollDesk
from seqstudio.studio.deck import Deck
from seqstudio.studio.focus import give_focus
from seqstudio.studio.gallery import Gallery
from seqstudio.studio.inspector import Inspector
from seqstudio.studio.outline import Outline
from seqstudio.studio.own_blocks import OwnBlocksDesk
from seqstudio.studio.page import Page
from seqstudio.studio.palette import WIDEST, Palette
from seqstudio.studio.panels.code import CodePanel
from seqstudio.studio.panels.curves import CurvesPanel
from seqstudio.studio.panels.data import DataPanel
from seqstudio.studio.panels.norms import NormsPanel
from seqstudio.studio.panels.runs import RunsPanel
from seqstudio.studio.panels.sweep import SweepPanel
from seqstudio.studio.panels.unrolled import UnrolledPanel
from seqstudio.studio.session import ACTIVE, Session
from seqstudio.studio.sides import OUTLINE, LeftSide
from seqstudio.studio.theme import theme
from seqstudio.studio.trying.side import TrySide

LIVE_MS = 250
NARROW, NARROW_SIDE = 1400, 280  # below: a rail for the palette, narrower sides
Area = Qt.DockWidgetArea


class BuildPage(Page):
    """Palette, canvas, inspector; code, data and curves below; the gallery at the first start."""

    def __init__(self, session: Session) -> None:
        self.canvas = CanvasView(session.document)
        super().__init__("build", self.canvas)
        self.home = self.canvas
        self.session = session
        self.peeks = PeekDesk(self.canvas, session)
        self.unrolls = UnrollDesk(self.canvas, session)
        self.palette_side, self.outline = Palette(), Outline(session.document, self.canvas)
        self.side = LeftSide(self.palette_side, self.outline)
        self.inspector = Inspector(session.document, self.canvas.editor)
        folder = Path(user_data_dir("seqstudio")) / "blocks"
        self.own_blocks = OwnBlocksDesk(Library(folder), self.palette_side, self.canvas)
        self.gallery = Gallery()
        self.code, self.data = CodePanel(session), DataPanel(session)
        self.curves = CurvesPanel(session)
        self.unrolled = UnrolledPanel(session)
        self.deck = Deck([self.unrolled, self.curves, self.code, self.data])
        left = self.add(self.side, Area.LeftDockWidgetArea, title="Blocks")
        right = self.add(self.inspector, Area.RightDockWidgetArea, title="Inspector")
        self.start_dock = self.add(self.gallery, Area.RightDockWidgetArea, title="Start from")
        below = self.add(self.deck, Area.BottomDockWidgetArea, title="Below")
        self.inspector_dock, self.blocks_dock = right, left
        self._fit_sides(wide=True)
        self._corners()
        self._sizes(left, right, below)
        self._connect()

    def _corners(self) -> None:
        corner = Qt.Corner
        self.setCorner(corner.BottomLeftCorner, Area.LeftDockWidgetArea)
        self.setCorner(corner.BottomRightCorner, Area.RightDockWidgetArea)
        self.show_gallery(False)

    def _sizes(self, left: QDockWidget, right: QDockWidget, below: QDockWidget) -> None:
        horizontal, vertical = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        sides = [theme().metric("palette"), theme().metric("inspector")]
        self.size_docks([left, right, self.start_dock], [*sides, sides[1]], horizontal)
        self.size_docks([below], [260], vertical)

    def _connect(self) -> None:
        self.palette_side.chosen.connect(self._add)
        self.palette_side.search_wanted.connect(self.canvas.open_add_menu)
        self.canvas.selection_changed.connect(self._selected)
        self.canvas.inside.moved.connect(self._show_place)
        self.canvas.unroll_requested.connect(self._unroll)
        self.canvas.opened.connect(self._show_code)
        self.inspector.opened.connect(self._show_code)
        self.code.block_wanted.connect(self._show_block)
        self.inspector.action.connect(self._act)
        self.inspector.mender = self.canvas.mend
        self.session.facts_changed.connect(self._take_facts)
        self.session.state_changed.connect(self._show_running)
        self.session.cursor_changed.connect(self._cursor_moved)
        self.session.project_changed.connect(self._show_stale)
        self.session.events.connect(self._arrived)
        self.session.run_changed.connect(self._forget_live)
        self.gallery.closed.connect(self._close_gallery)
        self._live = QTimer(self, interval=LIVE_MS)
        self._live.setSingleShot(True)
        self._live.timeout.connect(self._show_live)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        """Give the canvas its room where the window is narrow: a rail of icons for the palette."""
        super().resizeEvent(event)
        wide = event.size().width() >= NARROW * max(1.0, theme().scale)
        if wide == self.side.narrow:
            self._fit_sides(wide)

    def _fit_sides(self, wide: bool) -> None:
        self.side.set_rail(not wide)
        for side in (self.inspector, self.gallery):
            least = NARROW_SIDE * max(1.0, theme().scale)
            side.setMinimumWidth(theme().metric("inspector") if wide else round(least))
            side.setMaximumWidth(max(WIDEST, side.minimumWidth()))
        if self.isVisible():
            sides = [self.side.minimumWidth(), self.inspector.minimumWidth()]
            docks = [self.blocks_dock, self.inspector_dock, self.start_dock]
            self.resizeDocks(docks, [*sides, sides[1]], Qt.Orientation.Horizontal)

    @override
    def reset(self) -> None:
        """Put all docks back; the inspector stands where the gallery would."""
        super().reset()
        self.show_gallery(False)
        self._fit_sides(wide=not self.side.narrow)

    def show_gallery(self, on: bool) -> None:
        """Show the gallery in the place of the inspector, or the other way round."""
        self.start_dock.setVisible(on)
        self.inspector_dock.setVisible(not on)
        if on:
            self.gallery.show_current(self.session.project.template)

    def show_outline(self) -> None:
        """Show the outline and give it the keys."""
        self.side.choose(OUTLINE)
        give_focus(self.outline)

    @Slot()
    def _close_gallery(self) -> None:
        self.show_gallery(False)

    @Slot(str)
    def _unroll(self, _block: str) -> None:
        self.deck.choose("Unrolled")

    @Slot(object)
    def _show_block(self, path: object) -> None:
        """Show a block on the canvas, inside the blocks around it."""
        if isinstance(path, tuple) and not self.canvas.editor.go(path[:-1]):
            self.canvas.select(path[-1:])

    @Slot(str)
    def _show_code(self, block: str) -> None:
        self.deck.choose("Code")
        self.code.select((block,), self.canvas.editor.place.path)

    @Slot(str)
    def _add(self, kind: str) -> None:
        if not self.own_blocks.add(kind):
            self.canvas.add_kind(kind)

    @Slot(object)
    def _selected(self, ids: object) -> None:
        chosen = ids if isinstance(ids, tuple) else ()
        if chosen:
            self.show_gallery(False)
        if len(chosen) == 1 and not self.canvas.editor.place.path:
            self._point_at(chosen[0])
        self.inspector.set_selection(chosen)
        self.code.select(chosen, self.canvas.editor.place.path)

    def _point_at(self, block: str) -> None:
        """Let every panel show the block that was chosen, if it has something to look into."""
        kind = KINDS.get(self.session.project.graph.blocks[block].kind)
        if kind is not None and (kind.memory or kind.arch) and block != self.session.cursor.block:
            self.session.move_cursor(block=block, layer=0, head=0, unit=None)

    @Slot(object)
    def _cursor_moved(self, _cursor: object) -> None:
        """Choose the block that a panel of another page points at."""
        block, graph = self.session.cursor.block, self.session.project.graph
        away = not self.isVisible() and not self.canvas.editor.place.path
        if away and block in graph.blocks:
            self.canvas.select((block,))

    @Slot(str)
    def _act(self, name: str) -> None:
        acts = {
            "duplicate": self.canvas.duplicate,
            "copy": self.canvas.copy,
            "delete": self.canvas.delete_selection,
            "tidy": self.canvas.tidy,
            "inside": self._go_inside,
        }
        if name in acts:
            acts[name]()

    def _go_inside(self) -> None:
        self.canvas.open_block(self.canvas.editor.current)

    @Slot()
    def _take_facts(self) -> None:
        if self.session.facts is not None:
            self.canvas.set_facts(self.session.facts)
            self.inspector.set_report(self.canvas.report)

    @Slot(str)
    def _show_running(self, state: str) -> None:
        outside = not self.canvas.editor.place.path
        ids = list(self.session.project.graph.blocks) if outside else []
        self.canvas.set_running(ids, state == "running")
        self._show_stale(None)

    @Slot(object)
    def _show_stale(self, _change: object) -> None:
        run = self.session.run_project
        if run is None or self.session.state not in ACTIVE:
            self.canvas.set_stale([])
            return
        path = self.canvas.editor.place.path
        try:
            now, before = self.session.project.graph.at(path), run.graph.at(path)
        except KeyError:  # only looked into, or not made of blocks when the run began
            self.canvas.set_stale([])
            return
        self.canvas.set_stale(edited_blocks(before, now))

    @Slot()
    def _show_place(self) -> None:
        """Mark the blocks of the graph that the canvas went to."""
        self._show_running(self.session.state)
        self._show_live()

    @Slot(object)
    def _arrived(self, kinds: object) -> None:
        news = isinstance(kinds, frozenset) and bool(kinds & {Metrics, GradientReading})
        if news and not self._live.isActive():
            self._live.start()

    @Slot()
    def _forget_live(self) -> None:
        self.canvas.set_gradient(None)
        self._show_live()

    @Slot()
    def _show_live(self) -> None:
        """Put the loss on its block and the gradient on the inspected one."""
        if not self.isVisible():
            return
        history = self.session.history
        head = next((b.id for b in self.session.project.graph if _is_head(b.kind)), "")
        if head and len(history.curves) and not self.canvas.editor.place.path:
            loss = history.curves.loss
            chosen = np.linspace(0, len(loss) - 1, min(len(loss), 60)).astype(int)
            values = [float(v) for v in loss[chosen] if math.isfinite(v)]
            self.canvas.set_spark(head, values, f"{float(loss[-1]):.3f}")
        reading = history.gradients.at(self.session.step_in_view)
        if reading is not None:
            self._show_gradient(reading)

    def _show_gradient(self, reading: GradientReading) -> None:
        for layer in reading.layers:
            first, last = float(layer.total_h[0]), float(layer.total_h[-1])
            self.inspector.set_live(
                layer.block,
                {
                    "gradient at t = 0": f"{first:.2e}",
                    "gradient at the end": f"{last:.2e}",
                    "cut off at the window": f"{layer.wall_h:.2e}",
                },
            )


def edited_blocks(before: Graph, now: Graph) -> list[str]:
    """Return the blocks that would train otherwise than they did; places and names aside."""
    kept = {key: block for key, block in before.blocks.items() if key in now.blocks}
    alone = {key: Project(Graph({key: block})) for key, block in now.blocks.items()}
    return [
        key
        for key, project in alone.items()
        if key not in kept or not project.trains_like(Project(Graph({key: kept[key]})))
    ]


def _is_head(kind: str) -> bool:
    return kind in KINDS and bool(KINDS[kind].head)


class TrainPage(Page):
    """Curves, gradient norm, runs and sweeps at the left; samples and trying at the right."""

    def __init__(self, session: Session) -> None:
        super().__init__("train")
        self.curves, self.norms = CurvesPanel(session), NormsPanel(session)
        self.runs, self.tries = RunsPanel(session), TrySide(session)
        first = self.add(self.curves, Area.LeftDockWidgetArea)
        right = self.add(self.tries, Area.RightDockWidgetArea, title="Samples")
        second = self.add(self.norms, Area.LeftDockWidgetArea)
        self.sweep = SweepPanel(session)
        self.deck = Deck([self.runs, self.sweep])
        self.deck.chosen.connect(self._make_room)
        third = self.add(self.deck, Area.LeftDockWidgetArea, title="Runs")
        self._left = [first, second, third]
        vertical = Qt.Orientation.Vertical
        self.splitDockWidget(first, second, vertical)
        self.splitDockWidget(second, third, vertical)
        self.size_docks([first, second, third], [330, 170, 170], vertical)
        self.size_docks([first, right], [990, 440], Qt.Orientation.Horizontal)

    def show_sweep(self) -> None:
        """Bring the sweep to the front, with room for it."""
        self.deck.choose(SweepPanel.title)
        self._make_room(SweepPanel.title)

    @Slot(str)
    def _make_room(self, panel: str) -> None:
        """A sweep has a form and a plot: it gets the room that a table does not need."""
        rooms = [180, 140, 420] if panel == SweepPanel.title else [330, 170, 170]
        self.resizeDocks(self._left, rooms, Qt.Orientation.Vertical)
