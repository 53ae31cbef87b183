"""`CanvasView`: the window onto the graph. It turns events into gestures, keys and menus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

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

from seqstudio.blocks import editing, ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Problem, Report
from seqstudio.blocks.clipboard import Paste
from seqstudio.blocks.cost import Cost, total
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.suggesting import feeders, followers
from seqstudio.document.document import Document
from seqstudio.document.graph import Wire
from seqstudio.document.library import OwnBlock
from seqstudio.studio.canvas.editor import CanvasEditor
from seqstudio.studio.canvas.edits import Dot
from seqstudio.studio.canvas.hands.arrange import Arranger
from seqstudio.studio.canvas.hands.context import context_menu, tip_at
from seqstudio.studio.canvas.hands.fields import NoteField
from seqstudio.studio.canvas.hands.gestures import Pointer
from seqstudio.studio.canvas.hands.keyboard import CanvasKeys
from seqstudio.studio.canvas.hands.menus import Entry, QuickMenu, TitleField, block_entries
from seqstudio.studio.canvas.hands.mouse import CanvasMouse
from seqstudio.studio.canvas.inside import InsideView
from seqstudio.studio.canvas.items.geometry import GAP, size_of_new, snapped
from seqstudio.studio.canvas.items.glide import Glide
from seqstudio.studio.canvas.items.pictures import ImagePicture, SparkPicture, TextPicture
from seqstudio.studio.canvas.own import OWN_KEY, OWN_MIME, add_own, dragged, own_entries
from seqstudio.studio.canvas.scene import PortHit
from seqstudio.studio.canvas.surface import CanvasSurface
from seqstudio.studio.canvas.unrolled_copies import Unroller
from seqstudio.studio.keys import takes
from seqstudio.studio.theme import follow_theme, theme

BLOCK_MIME = "application/x-seqstudio-block"
_GRID = 24.0
_SUGGESTED = 6
_REACH_PX, _INSERT_PX, _WIRE_PX = 14.0, 14.0, 6.0
_TURN_MS = 80


class CanvasView(CanvasSurface):
    """Shows and edits the graph of a document.

    Signals:
        selection_changed: Tuple of the ids of the selected blocks.
        opened: Id of a block whose code is wanted.
        unroll_requested: Id of a block: click on its recurrent loop.
        message: One line for the person.
        report_changed: The new `Report` of the graph in view.
        model_checked: The new `Report` of the outermost graph.
        keep_wanted: Id of a block that the person wants among their own.
        peek_wanted: Block and output port whose values a person looks at.
    """

    selection_changed = Signal(object)
    opened = Signal(str)
    unroll_requested = Signal(str)
    message = Signal(str)
    report_changed = Signal(object)
    model_checked = Signal(object)
    keep_wanted = Signal(str)
    peek_wanted = Signal(str, str)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.editor = CanvasEditor(document, self)
        self.arrange = Arranger(self)
        self.menu: QuickMenu | None = None
        self.own_blocks: Mapping[str, OwnBlock] = {}
        self._gradient: dict[Wire, float] = {}
        self._costed: tuple[Report | None, Cost] = (None, Cost())
        self._glide = Glide(self.canvas, self)
        self.mouse = CanvasMouse(self)
        self.unroller = Unroller(self)
        self.inside = InsideView(self)
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
        self.unroll_requested.connect(self._unroll)

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
        graph = self.editor.graph
        dots = (Dot(w, i) for w, points in graph.bends.items() for i in range(len(points)))
        self.editor.select(graph.blocks, None, [frame.id for frame in graph.frames], dots)

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
        """Copy what is selected as text; a frame with what lies on it."""
        self.editor.copy(self.arrange.cargo())

    def cut(self) -> None:
        """Copy and delete what is selected; a frame with what lies on it."""
        self.editor.cut(self.arrange.cargo())

    def paste(self, at: QPointF | None = None) -> None:
        """Add what is on the clipboard, with its top left corner at a scene point if given."""
        self.editor.paste(at.toTuple() if at is not None else None)

    def paste_connected(self, at: QPointF | None = None) -> None:
        """Paste, and wire the copies to what fed the originals."""
        self.editor.paste(at.toTuple() if at is not None else None, connect=True)

    def duplicate(self) -> None:
        """Add copies of what is selected."""
        moved = self.arrange.cargo()
        if moved.blocks or moved.frames:
            self.editor.put(Paste(self.editor.clip(moved), (_GRID, _GRID), label="Duplicate"))

    @Slot()
    def tidy(self) -> None:
        """Lay out the selected blocks, or all, in columns, in one step of the history."""
        self.arrange.lay_out()

    def places(self) -> dict[str, QPointF]:
        """Return where the blocks are seen now."""
        return {key: QPointF(item.pos()) for key, item in self.canvas.blocks.items()}

    def glide_from(self, before: Mapping[str, QPointF]) -> None:
        """Let the blocks glide from where they were seen to where they are."""
        self._glide.run(before)

    def settle(self) -> None:
        """End the animation of tidying at once."""
        self._glide.finish()

    def open_block(self, key: str) -> None:
        """Enter a block; of one with nothing inside the code is wanted."""
        if not self.inside.enter(key):
            self.opened.emit(key)

    def start_wire(self) -> None:
        """Start a wire by keyboard: a menu of everything the current block can be wired to."""
        self.keys.choosing.start_wire()

    def focus_problem(self, problem: Problem) -> None:
        """Enter where a problem is, select the block that it is about and bring it into view."""
        place = self.editor.place
        inner = problem in self.editor.report.problems  # its path starts from the graph in view
        self.editor.go((*place.path, *problem.path) if inner else problem.path)
        if problem.block in self.canvas.blocks:
            self.editor.select((problem.block,))
            self.reveal((problem.block,))
        else:
            self.fit()

    def mend(self, problem: Problem) -> bool:
        """Insert the block that makes a problem go away; False when no single block does."""
        mend = self.editor.mending(problem)
        if mend is not None:
            widths = {key: item.layout.width for key, item in self.canvas.blocks.items()}
            self.editor.mend(mend, widths)
        return mend is not None

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
        self.canvas.set_zoom(1.0)
        self.canvas.render(painter, QRectF(image.rect()), whole)
        self.canvas.set_zoom(self.zoom())
        painter.end()
        self._on_selection()
        return image

    def wire_under(self, at: QPointF) -> Wire | None:
        """Return the wire at a scene point."""
        item = self.canvas.wire_at(at, _WIRE_PX / self.zoom())
        return item.wire if item is not None else None

    def reach(self) -> float:
        """Return how far from a port a press still takes it, in scene pixels."""
        return _REACH_PX / min(1.0, self.zoom())

    def peek(self) -> bool:
        """Tell what flows on the selected wire, or out of the current block; False without one.

        While the card is open it is closed instead.
        """
        if self.mouse.peek.isVisible():
            self.mouse.peek.hide()
            return True
        editor, wire = self.editor, self.editor.wire
        outputs = ports.outputs(editor.graph.blocks[editor.current]) if editor.current else ()
        if wire is None and not outputs:
            return False
        block, port = (wire.source, wire.out) if wire else (editor.current, outputs[0].name)
        place = self.canvas.blocks[block].port_at(port, output=True)
        self.mouse.look(block, port, self.mapFromScene(place or QPointF()))
        return True

    def cancel_gesture(self) -> bool:
        """Leave the gesture under way; False when there is none."""
        return self.mouse.cancel()

    # What the document says

    @Slot(object)
    def _on_report(self, report: object) -> None:
        self._mirror()
        self.inside.show()
        self.report_changed.emit(report)
        place = self.editor.place
        self.model_checked.emit(place.outermost(self.editor.facts) if place.path else report)

    def _mirror(self) -> None:
        editor = self.editor
        self.cancel_gesture()
        self.settle()
        self.mouse.forget()
        self.canvas.mirror(editor.graph, editor.report, editor.facts)
        self.canvas.show_gradient(self._gradient)
        self._on_selection()
        if self._costed[0] is not editor.report:
            self._costed = editor.report, total(editor.graph, editor.report)
        self.dimensions.tell(editor.facts, self._costed[1], editor.document.project.training)
        self.tools.undo.setEnabled(bool(editor.document.undo_label))
        self.tools.redo.setEnabled(bool(editor.document.redo_label))
        self.unroller.show()
        self.refresh_minimap()

    @Slot(object)
    def _on_selection(self, ids: object = None) -> None:
        editor = self.editor
        focused = editor.current if self.hasFocus() and self._by_key else ""
        self.canvas.show_selection(
            editor.selection, editor.wire, focused, editor.frames, editor.dots
        )
        if ids is not None:
            self.selection_changed.emit(editor.selection)

    @Slot(str)
    def _say(self, text: str) -> None:
        self.message.emit(text)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    @Slot(str)
    def _unroll(self, block: str) -> None:
        self.unroller.toggle(block)

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
            own = self.own_blocks.get(kind.removeprefix(OWN_KEY))
            if own is not None and kind.startswith(OWN_KEY):
                add_own(self, own, place)
            else:
                self.reveal((self.add_kind(kind, place),))

        words = "Insert on the wire" if wire else "Search blocks"
        own = [] if wire else own_entries(self.own_blocks)
        self.open_menu([*block_entries(kinds), *own], words, take, None, here)

    def kinds_for(self, port: PortHit) -> list[str]:
        """Return the kinds of block that a port can be wired to, the likeliest first."""
        editor = self.editor
        if port.output:
            shapes, facts = editor.report.shapes, editor.facts
            return followers(editor.graph, shapes, facts, editor.habits, port.block, port.name)
        return feeders(editor.graph, editor.habits, port.block, port.name)

    def entries_for(self, port: PortHit) -> list[Entry]:
        """Return menu entries for them: the likeliest under a heading of their own."""
        kinds = self.kinds_for(port)
        known = {entry.key: entry for entry in block_entries(kinds)}
        first = [replace(known[kind], group="Suggested") for kind in kinds[:_SUGGESTED]]
        return [*first, *(e for key, e in known.items() if key not in kinds[:_SUGGESTED])]

    def offer_blocks_for(
        self, port: PortHit, pointer: Pointer, done: Callable[[], object]
    ) -> None:
        """Open the menu of blocks that a loose wire fits; the chosen one comes wired."""

        def take(kind: str) -> None:
            done()
            self.add_at_port(kind, port, pointer.scene)

        self.open_menu(self.entries_for(port), "Add and connect", take, done, pointer.view)

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
        kind = KINDS.get(self.editor.graph.blocks[block_id].kind)

        def finish(title: str) -> None:
            own = not kind or title.strip() != kind.title
            self.editor.rename(block_id, title if own else "")

        self._edit_title(item.face.title, item.frame, finish)

    def _edit_title(self, title: str, body: QRectF, finish: Callable[[str], object]) -> None:
        field = TitleField(title, self)
        corner = self.mapFromScene(body.topLeft())
        field.setGeometry(corner.x(), corner.y(), min(max(140, round(body.width())), 320), 28)
        field.named.connect(finish)
        field.show()
        field.selectAll()
        field.setFocus()

    def edit_frame(self, key: str) -> None:
        """Edit the title of a frame or the text of a note in place; Esc leaves it as it was."""
        item = self.canvas.frames[key]
        if not item.frame.note:
            self._edit_title(
                item.frame.title,
                item.area,
                lambda title: self.arrange.change_frame(key, "Rename frame", title=title.strip()),
            )
            return
        field = NoteField(item.frame.text, self)
        field.setGeometry(self.mapFromScene(item.area).boundingRect())
        field.written.connect(lambda text: self.arrange.change_frame(key, "Edit note", text=text))
        field.show()
        field.setFocus()

    def add_note(self, at: QPointF | None = None) -> None:
        """Put a note at a scene point, by default the pointer, and edit it."""
        key = self.arrange.add_note(at or self._pointer_place())
        if key:
            self.edit_frame(key)

    def _pointer_place(self) -> QPointF:
        """Return the scene point under the pointer, or the middle when it is elsewhere."""
        under = self.viewport().mapFromGlobal(QCursor.pos())
        inside = self.viewport().rect().contains(under)
        return self.pinned(under) if inside else self.place()

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
        if not self.hasFocus():
            return super().event(event)
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            tabs = (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
            return self._press_tab(event) if event.key() in tabs else super().event(event)
        return takes(event, "canvas") or super().event(event)

    def _press_tab(self, event: QKeyEvent) -> bool:
        """Run what Tab stands for; it leaves the canvas when it stands for nothing."""
        self._by_key = True
        onward = event.key() == Qt.Key.Key_Tab
        return self.keys.press(event) or QWidget.focusNextPrevChild(self, onward)

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
            self.reveal(self.editor.selection or self.editor.frames)
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
        if self.mouse.stroked:  # the right button cuts wires
            return
        context_menu(self, event.pos()).popup(event.globalPos())

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        kind = bytes(event.mimeData().data(BLOCK_MIME).data()).decode("ascii", "replace")
        if kind in KINDS:
            self.mouse.drag_in(kind, self._drop_pointer(event))
            event.acceptProposedAction()
        elif event.mimeData().hasFormat(OWN_MIME):
            event.acceptProposedAction()
        else:
            event.ignore()

    @override
    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        at = self._drop_pointer(event)
        own = event.mimeData().hasFormat(OWN_MIME)
        if own or self.mouse.while_dropping(lambda drop: drop.move(at)):
            event.acceptProposedAction()

    @override
    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.cancel_gesture()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        drop, at = self.mouse.gesture, self._drop_pointer(event)
        self.mouse.gesture = None
        own = dragged(event.mimeData())
        if own is not None and add_own(self, own, at.scene):
            event.acceptProposedAction()
            self.setFocus()
            return
        if drop is not None:
            drop.end(at)
            event.acceptProposedAction()
            self.setFocus()

    def _drop_pointer(self, event: QDropEvent) -> Pointer:
        at = event.position().toPoint()
        return Pointer(self.mapToScene(at), at, event.modifiers())
