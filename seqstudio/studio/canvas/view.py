"""`CanvasView`: the window onto the graph. It turns events into gestures, keys and menus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QContextMenuEvent,
    QCursor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QWheelEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget
from typing_extensions import override

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Problem, Report
from seqstudio.blocks.declaration import DataFacts
from seqstudio.document.document import Document
from seqstudio.document.graph import Wire
from seqstudio.studio.canvas.context import context_menu, tip_at
from seqstudio.studio.canvas.editor import CanvasEditor
from seqstudio.studio.canvas.geometry import GAP, size_of_new, snapped, tidy_places
from seqstudio.studio.canvas.gestures import Pointer
from seqstudio.studio.canvas.glide import Glide
from seqstudio.studio.canvas.keyboard import CanvasKeys
from seqstudio.studio.canvas.menus import Entry, QuickMenu, TitleField, block_entries
from seqstudio.studio.canvas.mouse import CanvasMouse
from seqstudio.studio.canvas.pictures import ImagePicture, SparkPicture, TextPicture
from seqstudio.studio.canvas.scene import PortHit
from seqstudio.studio.canvas.surface import CanvasSurface
from seqstudio.studio.keys import pressed
from seqstudio.studio.theme import follow_theme, theme

BLOCK_MIME = "application/x-seqstudio-block"
_GRID = 24.0
_REACH_PX, _INSERT_PX = 14.0, 14.0
_TURN_MS = 80


class CanvasView(CanvasSurface):
    """Shows and edits the graph of a document.

    Signals:
        selection_changed: Tuple of the ids of the selected blocks.
        opened: Id of a block whose code is wanted: double click or Enter.
        unroll_requested: Id of a block: click on its recurrent loop.
        message: One line for the person.
        report_changed: The new `Report` of the graph.
    """

    selection_changed = Signal(object)
    opened = Signal(str)
    unroll_requested = Signal(str)
    message = Signal(str)
    report_changed = Signal(object)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.editor = CanvasEditor(document, self)
        self.menu: QuickMenu | None = None
        self._gradient: dict[Wire, float] = {}
        self._glide = Glide(self.canvas, self)
        self.mouse = CanvasMouse(self)
        self.keys = CanvasKeys(self)
        self._by_key = False  # the focus ring is for those who use the keyboard
        self._turn_timer = QTimer(self)
        self._turn_timer.setInterval(_TURN_MS)
        self._turn_timer.timeout.connect(self._turn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAcceptDrops(True)
        self.setAccessibleName("Model canvas")
        self._connect()
        self._mirror()
        follow_theme(self)

    def _connect(self) -> None:
        editor = self.editor
        editor.report_changed.connect(self._on_report)
        editor.selection_changed.connect(self._on_selection)
        editor.message.connect(self._say)
        editor.replaced.connect(self.fit)
        self.tools.undo.clicked.connect(self._undo)
        self.tools.redo.clicked.connect(self._redo)
        self.tools.tidy.clicked.connect(self.tidy)

    # What other panels use

    @property
    def report(self) -> Report:
        """The newest check of the graph."""
        return self.editor.report

    @property
    def selection(self) -> tuple[str, ...]:
        """Ids of the selected blocks."""
        return self.editor.selection

    def set_facts(self, facts: DataFacts) -> None:
        """Take facts about the data: shapes, counts and problems follow from them."""
        self.editor.set_facts(facts)

    def select(self, ids: Iterable[str]) -> None:
        """Select blocks; unknown ids are left out."""
        self.editor.select(ids)

    def select_all(self) -> None:
        """Select every block."""
        self.editor.select(self.editor.graph.blocks)

    def add_kind(self, kind: str, pos: QPointF | None = None) -> str:
        """Add a block: on the selected wire if it fits, at `pos`, or near the middle.

        Returns:
            The id of the new block.
        """
        wire = self.editor.wire
        if pos is None and wire is not None and editing.can_insert(self.editor.graph, kind, wire):
            return self.insert(kind, wire)
        width, height = size_of_new(kind)
        middle = pos or self.mapToScene(self.viewport().rect().center())
        x, y = snapped(middle.x() - width / 2), snapped(middle.y() - height / 2)
        while pos is None and self.canvas.blocks_in(QRectF(x, y, width, height)):
            y += _GRID
        return self.editor.add(kind, x, y)

    def insert(self, kind: str, wire: Wire, at: tuple[float, float] | None = None) -> str:
        """Insert a block on a wire; what follows makes room. Returns its id."""
        widths = {key: item.layout.width for key, item in self.canvas.blocks.items()}
        return self.editor.insert(kind, wire, at, widths)

    def delete_selection(self, heal: bool = True) -> None:
        """Delete what is selected; `heal` joins the chain around it."""
        self.editor.delete(heal)

    def delete_plainly(self) -> None:
        """Delete what is selected and leave the gap open."""
        self.editor.delete(heal=False)

    def copy(self) -> None:
        """Copy the selected blocks as text."""
        self.editor.copy()

    def cut(self) -> None:
        """Copy and delete the selected blocks."""
        self.editor.cut()

    def paste(self) -> None:
        """Add the blocks on the clipboard."""
        self.editor.paste()

    def duplicate(self) -> None:
        """Add copies of the selected blocks."""
        self.editor.duplicate()

    @Slot()
    def tidy(self) -> None:
        """Lay the graph out in columns, in one step of the history."""
        blocks = self.canvas.blocks
        before = {key: QPointF(item.pos()) for key, item in blocks.items()}
        sizes = {key: (item.layout.width, item.layout.height) for key, item in blocks.items()}
        self.editor.tidy(tidy_places(self.editor.graph, sizes))
        self._glide.run(before)

    def settle(self) -> None:
        """End the animation of tidying at once."""
        self._glide.finish()

    def start_wire(self) -> None:
        """Start a wire by keyboard: a menu of everything the current block can be wired to."""
        self.keys.start_wire()

    def focus_problem(self, problem: Problem) -> None:
        """Select the block that a problem is about and bring it into view."""
        if problem.block in self.canvas.blocks:
            self.editor.select((problem.block,))
            self.reveal((problem.block,))
        else:
            self.fit()

    def set_running(self, ids: Iterable[str], running: bool) -> None:
        """Start or end the state ring of blocks."""
        self.canvas.show_running(ids, running)
        if theme().reduced_motion or not self.canvas.turn_rings():
            self._turn_timer.stop()
        else:
            self._turn_timer.start()

    def set_stale(self, ids: Iterable[str]) -> None:
        """Mark exactly these blocks as edited since the run started."""
        self.canvas.show_stale(ids)

    def set_thumbnail(self, block_id: str, image: QImage | None) -> None:
        """Show a picture on a block; None takes the thumbnail away."""
        self.canvas.show_picture(block_id, ImagePicture(image) if image else None)

    def set_block_text(self, block_id: str, lines: Sequence[str]) -> None:
        """Show up to three lines of text on a block."""
        self.canvas.show_picture(block_id, TextPicture(tuple(lines)))

    def set_spark(self, block_id: str, values: Sequence[float], text: str) -> None:
        """Show a number with its course on a block; a second line of `text` is smaller."""
        self.canvas.show_picture(block_id, SparkPicture(tuple(values), text))

    def set_gradient(self, values: Mapping[Wire, float] | None) -> None:
        """Draw log10 gradient norms along wires, widths over fixed decades; None ends it."""
        self._gradient = dict(values or {})
        self.canvas.show_gradient(self._gradient)

    def to_image(self, size: QSize) -> QImage:
        """Return the whole graph as a picture of `size` pixels, without selection."""
        image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(theme().color("canvas"))
        self.canvas.show_selection((), None, "")
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = self.canvas.content().adjusted(-_GRID, -_GRID, _GRID, _GRID)
        self.canvas.render(painter, QRectF(image.rect()), whole)
        painter.end()
        self._on_selection()
        return image

    def reach(self) -> float:
        """Return how far from a port a press still takes it, in scene pixels."""
        return _REACH_PX / min(1.0, self.zoom())

    def cancel_gesture(self) -> bool:
        """Leave the gesture under way; False when there is none."""
        return self.mouse.cancel()

    # What the document says

    @Slot(object)
    def _on_report(self, report: object) -> None:
        self._mirror()
        self.report_changed.emit(report)

    def _mirror(self) -> None:
        editor = self.editor
        self.cancel_gesture()
        self.settle()
        self.mouse.forget()
        self.canvas.mirror(editor.graph, editor.report, editor.facts)
        self.canvas.show_gradient(self._gradient)
        self._on_selection()
        self.dimensions.tell(editor.facts, editor.report)
        self.tools.undo.setEnabled(bool(editor.document.undo_label))
        self.tools.redo.setEnabled(bool(editor.document.redo_label))
        self.refresh_minimap()

    @Slot(object)
    def _on_selection(self, ids: object = None) -> None:
        editor = self.editor
        focused = editor.current if self.hasFocus() and self._by_key else ""
        self.canvas.show_selection(editor.selection, editor.wire, focused)
        if ids is not None:
            self.selection_changed.emit(editor.selection)

    @Slot(str)
    def _say(self, text: str) -> None:
        self.message.emit(text)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    @Slot()
    def _undo(self) -> None:
        self.editor.document.undo()

    @Slot()
    def _redo(self) -> None:
        self.editor.document.redo()

    @Slot()
    def _turn(self) -> None:
        if not self.canvas.turn_rings():
            self._turn_timer.stop()

    # Menus

    def open_menu(
        self,
        entries: Sequence[Entry],
        words: str,
        take: Callable[[str], object],
        leave: Callable[[], object] | None,
        at: QPoint | None = None,
    ) -> QuickMenu:
        """Open a search menu at a point of the viewport, by default where the current block is."""
        menu = QuickMenu(entries, words, self)
        # The menu goes before its choice is carried out, which may open the next one.
        menu.chosen.connect(self._menu_gone)
        menu.chosen.connect(take)
        menu.dismissed.connect(self._menu_gone)
        if leave is not None:
            menu.dismissed.connect(leave)
        self.menu = menu
        menu.popup_at(self.viewport().mapToGlobal(at or self._menu_place()))
        return menu

    @Slot()
    def _menu_gone(self) -> None:
        self.menu = None

    def _menu_place(self) -> QPoint:
        item = self.canvas.blocks.get(self.editor.current)
        if item is None:
            return self.viewport().rect().center()
        return self.mapFromScene(item.frame.topRight() + QPointF(12, 0))

    def open_add_menu(self, at: QPoint | None = None) -> None:
        """Open the menu of blocks at the pointer; for a selected wire, of those that fit."""
        wire, graph = self.editor.wire, self.editor.graph
        kinds = [k for k in KINDS if wire is None or editing.can_insert(graph, k, wire)]
        under = self.viewport().mapFromGlobal(QCursor.pos())
        here = at or (under if self.viewport().rect().contains(under) else None)
        place = self.pinned(here) if here and wire is None else None

        def take(kind: str) -> None:
            self.reveal((self.add_kind(kind, place),))

        words = "Insert on the wire" if wire else "Search blocks"
        self.open_menu(block_entries(kinds), words, take, None, here)

    def kinds_for(self, port: PortHit) -> list[str]:
        """Return the kinds of block that a port can be wired to."""
        if port.output:
            return editing.fitting_kinds(self.editor.graph, port.block, port.name)
        return [k.kind for k in KINDS.values() if any(p.kind == port.kind for p in k.outputs)]

    def offer_blocks_for(
        self, port: PortHit, pointer: Pointer, done: Callable[[], object]
    ) -> None:
        """Open the menu of blocks that a loose wire fits; the chosen one comes wired."""

        def take(kind: str) -> None:
            done()
            self.add_at_port(kind, port, pointer.scene)

        self.open_menu(
            block_entries(self.kinds_for(port)), "Add and connect", take, done, pointer.view
        )

    def add_at_port(self, kind: str, port: PortHit, at: QPointF | None) -> str:
        """Add a block wired to a port; its own port lies at the scene point `at`."""
        width, height = size_of_new(kind)
        frame = self.canvas.blocks[port.block].frame
        if port.output:
            x, y = (at.x(), at.y() - 64) if at else (frame.right() + GAP, frame.top())
        else:
            x, y = (
                (at.x() - width, at.y() - 64) if at else (frame.left() - GAP - width, frame.top())
            )
        x, y = snapped(x), snapped(y)
        while at is None and self.canvas.blocks_in(QRectF(x, y, width, height)):
            y += _GRID
        add = self.editor.add_after if port.output else self.editor.add_before
        key = add(kind, x, y, port.block, port.name)
        self.reveal((key,))
        return key

    def wire_for_new(self, kind: str, at: QPointF) -> Wire | None:
        """Return the wire near a point that a block of `kind` could be inserted on."""
        item = self.canvas.wire_at(at, _INSERT_PX / min(1.0, self.zoom()))
        if item is None or not editing.can_insert(self.editor.graph, kind, item.wire):
            return None
        return item.wire

    def rename(self, block_id: str) -> None:
        """Edit the title of a block in its header; Esc leaves it as it was."""
        item = self.canvas.blocks[block_id]
        field = TitleField(item.face.title, self)
        corner = self.mapFromScene(item.frame.topLeft())
        field.setGeometry(corner.x(), corner.y(), max(140, round(item.layout.width)), 28)
        kind = KINDS.get(self.editor.graph.blocks[block_id].kind)

        def finish(title: str) -> None:
            own = not kind or title.strip() != kind.title
            self.editor.rename(block_id, title if own else "")

        field.named.connect(finish)
        field.show()
        field.selectAll()
        field.setFocus()

    # Qt

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._by_key = False
        self.mouse.press(event)
        self._on_selection()

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.mouse.move(event)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.mouse.release(event)

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.mouse.double_click(event)

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        self.mouse.wheel(event)
        event.accept()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._by_key = True
        if event.key() == Qt.Key.Key_Space and not event.modifiers():
            if not event.isAutoRepeat():
                self.mouse.press_space()
        elif not self.keys.press(event):
            event.ignore()

    @override
    def event(self, event: QEvent) -> bool:
        """Let the keys of the canvas win over those of the window, Tab among them."""
        if isinstance(event, QKeyEvent) and self.hasFocus():
            tab = event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
            if event.type() == QEvent.Type.ShortcutOverride and self.keys.action(pressed(event)):
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress and tab:
                self._by_key = True
                return self.keys.press(event) or QWidget.focusNextPrevChild(
                    self, event.key() == Qt.Key.Key_Tab
                )
        return super().event(event)

    @override
    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.mouse.release_space()
        else:
            event.ignore()

    @override
    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes from block to block in running order, and leaves behind the last one."""
        self._by_key = True
        if self.editor.step(forward):
            self.reveal(self.editor.selection)
            return True
        return QWidget.focusNextPrevChild(self, forward)

    @override
    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._on_selection()

    @override
    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.mouse.space = False
        self.cancel_gesture()
        self._on_selection()

    @override
    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), tip_at(self, event.pos()), self)
            return True
        return super().viewportEvent(event)

    @override
    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        context_menu(self, event.pos()).popup(event.globalPos())

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        kind = bytes(event.mimeData().data(BLOCK_MIME).data()).decode("ascii", "replace")
        if kind in KINDS:
            self.mouse.drag_in(kind, self._drop_pointer(event))
            event.acceptProposedAction()
        else:
            event.ignore()

    @override
    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        at = self._drop_pointer(event)
        if self.mouse.while_dropping(lambda drop: drop.move(at)):
            event.acceptProposedAction()

    @override
    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.cancel_gesture()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        drop, at = self.mouse.gesture, self._drop_pointer(event)
        self.mouse.gesture = None
        if drop is not None:
            drop.end(at)
            event.acceptProposedAction()
            self.setFocus()

    def _drop_pointer(self, event: QDropEvent) -> Pointer:
        at = event.position().toPoint()
        return Pointer(self.mapToScene(at), at, event.modifiers())
