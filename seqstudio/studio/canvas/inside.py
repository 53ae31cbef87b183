"""Entering blocks on the canvas and leaving them: breadcrumbs, equations, a zoom of each place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, Signal, Slot

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Report, title_of
from seqstudio.blocks.grouping import group, ungroup
from seqstudio.blocks.opening import opens
from seqstudio.core.errors import SeqError
from seqstudio.document.graph import Graph, Path
from seqstudio.studio.canvas.items.crumbs import Crumbs, InsideCard

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

_MARGIN, _CARD_TOP, _TOP = 12, 56, 52
_ROOMY = 1240  # from here on the graph and the equations stand side by side


@dataclass(frozen=True)
class _Sight:
    """What part of a graph was in view."""

    zoom: float
    middle: QPointF
    fits: bool


class InsideView(QObject):
    """Enters and leaves blocks, and shows where the canvas is.

    Signals:
        moved: The path that is in view now.
    """

    moved = Signal(object)

    def __init__(self, view: CanvasView) -> None:
        super().__init__(view)
        self._view = view
        self.crumbs = Crumbs(view)
        self.card = InsideCard(view)
        self._sights: dict[Path, _Sight] = {}
        self.crumbs.went.connect(self._go_up)
        self.card.folded.connect(self.place_overlay)
        view.overlay_placed.connect(self.place_overlay)
        view.editor.place_left.connect(self._left)
        view.editor.place_changed.connect(self._arrived)

    def enter(self, key: str) -> bool:
        """Go into a block, or say why not; False when there is nothing inside."""
        editor = self._view.editor
        block = editor.graph.blocks.get(key)
        if block is None or not opens(block):
            return False
        refusal = editor.go((*editor.place.path, key))
        if refusal:
            editor.message.emit(refusal)
        return True

    def leave(self) -> bool:
        """Go one block out, which is selected then; False in the outermost graph."""
        editor, path = self._view.editor, self._view.editor.place.path
        if not path:
            return False
        editor.go(path[:-1])
        editor.select((path[-1],))
        return True

    def group(self) -> None:
        """Put the selected blocks into one."""
        editor = self._view.editor
        try:
            edit, key = group(editor.graph, editor.selection)
        except SeqError as error:
            editor.message.emit(error.sentence())
            return
        if editor.do(edit):
            editor.select((key,))
            editor.message.emit("Grouped; Enter goes in, F2 gives it a name")

    def ungroup(self) -> None:
        """Put what is inside the selected groups in their place."""
        editor = self._view.editor
        parts: list[str] = []
        for key in editor.selection:
            try:
                edit, inner = ungroup(editor.graph, key)
            except SeqError as error:
                editor.message.emit(error.sentence())
                continue
            if editor.do(edit):
                parts += inner
        if parts:
            editor.select(parts)

    @Slot(int)
    def _go_up(self, depth: int) -> None:
        editor = self._view.editor
        path = editor.place.path
        editor.go(path[:depth])
        editor.select(path[depth : depth + 1])
        self._view.setFocus()

    @Slot()
    def _left(self) -> None:
        view = self._view
        sight = _Sight(view.zoom(), view.place(), view.fits_itself)
        self._sights[view.editor.place.path] = sight
        # Blocks of the next graph may have the same ids: nothing of these may stay on them.
        view.canvas.mirror(Graph(), Report({}, {}, {}, (), "", ()), view.editor.facts)

    @Slot()
    def _arrived(self) -> None:
        view, place = self._view, self._view.editor.place
        self.show()
        sight = self._sights.get(place.path)
        if sight is None or sight.fits:
            view.fit()
        else:
            view.resetTransform()
            view.scale(sight.zoom, sight.zoom)
            view.go_to(sight.middle)
        self.moved.emit(place.path)

    @Slot()
    def show(self) -> None:
        """Show the way here, and what an unopened block computes."""
        place = self._view.editor.place
        native = place.native
        self.crumbs.tell(place.titles(), native)
        kind = KINDS[native.kind] if native is not None else None
        self.card.tell(title_of(native) if native else "", kind.equations if kind else ())
        self.place_overlay()

    @Slot()
    def place_overlay(self) -> None:
        """Put breadcrumbs and card to their corners; the fit of the graph leaves the card free."""
        view, inside = self._view, bool(self._view.editor.place.path)
        self.crumbs.fit_into(view.width() - view.tools.width() - 3 * _MARGIN)
        self.crumbs.move(_MARGIN, _MARGIN)
        top = self.crumbs.geometry().bottom() + 8 if inside else 20
        view.dimensions.move(2 * _MARGIN, top)
        view.map_gives_way = inside
        view.top_room = view.dimensions.geometry().bottom() + 4 if inside else _TOP
        roomy = view.width() >= _ROOMY
        self.card.unfold(roomy)
        self.card.move(view.width() - self.card.width() - _MARGIN, _CARD_TOP)
        beside = self.card.speaks and self.card.is_open and roomy
        view.side_room = self.card.width() + _MARGIN if beside else 0
