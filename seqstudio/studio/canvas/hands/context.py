"""What a right click offers and what resting the pointer tells, by what is under it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QMenu

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Problem
from seqstudio.blocks.editing import MEMORIES, switch_kind
from seqstudio.studio.canvas.hands.arrange import SIDES
from seqstudio.studio.keys import keymap
from seqstudio.studio.theme import theme

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

ROLES = (
    ("", "Grey"),
    ("input", "Input"),
    ("cell", "Cell"),
    ("output", "Output"),
    ("loss", "Loss"),
    ("gradient", "Gradient"),
    ("features", "Features"),
    ("query", "Query"),
    ("key", "Key"),
    ("value", "Value"),
)


def tip_at(view: CanvasView, at: QPoint) -> str:
    """Return the tool tip at a point of the viewport: a port, or the state of a block."""
    scene = view.mapToScene(at)
    port = view.canvas.port_at(scene, view.reach())
    item = view.canvas.blocks[port.block] if port else view.canvas.block_at(scene)
    if item is None:
        return ""
    if port is not None:
        ports = item.face.outputs if port.output else item.face.inputs
        named = next(p for p in ports if p.name == port.name)
        return f"{named.title} ({named.kind})" + (f". {named.help}" if named.help else "")
    mode = {"bypass": "Bypassed: hands its input on", "mute": "Muted: gives zeros"}
    stale = "Edited since the run started" if item.stale else ""
    return problem_tip(view, item.key) or item.face.note or mode.get(item.face.mode, stale)


def problem_tip(view: CanvasView, key: str) -> str:
    """Return the error of a block with the block that would mend it, "" without error."""
    problem = first_error(view, key)
    if problem is None:
        return ""
    mend = view.editor.mending(problem)
    return problem.sentence() + (f"\nRight click: {mend.words}" if mend else "")


def first_error(view: CanvasView, key: str) -> Problem | None:
    """Return the first error of a block, or of what is inside of it."""
    return next((p for p in view.report.errors if key in (p.block, *p.path[:1])), None)


def context_menu(view: CanvasView, at: QPoint) -> QMenu:
    """Return the menu for a point of the viewport; it selects what it is about."""
    menu = QMenu(view)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    scene = view.mapToScene(at)
    block, dot = view.canvas.block_at(scene), view.mouse.dot_at(scene)
    wire, frame = view.wire_under(scene), view.mouse.frame_at(scene)
    if block is not None:
        _fill_for_block(view, menu, block.key)
    elif dot is not None:
        if dot not in view.editor.dots:
            view.editor.select((), None, (), (dot,))
        _act(view, menu, "delete", "Take the dot away")
    elif wire is not None:
        view.editor.select((), wire)
        menu.addAction("Insert a block…", lambda: view.open_add_menu(at))
        menu.addAction("Add a dot here", lambda: view.arrange.add_dot_at(wire, scene))
        _act(view, menu, "delete", "Take the wire away")
    elif frame is not None:
        _fill_for_frame(view, menu, frame.frame)
    else:
        _fill_for_canvas(view, menu, at, scene)
    return menu


def _act(view: CanvasView, menu: QMenu, name: str, words: str = "") -> None:
    """Add an action of the canvas with its key."""
    action = keymap().action(f"canvas.{name}")
    key = keymap().text(action.id)
    text = (words or action.words) + (f"\t{key}" if key else "")
    added = menu.addAction(text)
    added.triggered.connect(lambda: view.keys.run(action.id))
    added.setEnabled(not view.keys.why_not(action.id))


def _fill_for_block(view: CanvasView, menu: QMenu, key: str) -> None:
    if key not in view.selection:
        view.select((key,))
    problem = first_error(view, key)
    mend = view.editor.mending(problem) if problem is not None else None
    if problem is not None and mend is not None:
        menu.addAction(mend.words, lambda: view.mend(problem))
        menu.addSeparator()
    for name in ("open", "code", "start_wire", "rename", "bypass", "mute"):
        _act(view, menu, name)
    if key in view.unroller.recurrent():
        _act(view, menu, "unroll", "Fold" if view.unroller.is_open(key) else "Unroll over time")
    _add_kinds(view, menu, key)
    menu.addSeparator()
    for name in ("composite", "ungroup", "keep", "frame"):
        _act(view, menu, name)
    _add_arranging(view, menu.addMenu("Arrange"))
    menu.addSeparator()
    for name in ("duplicate", "copy", "cut", "delete", "delete_plainly"):
        _act(view, menu, name)


def _add_kinds(view: CanvasView, menu: QMenu, key: str) -> None:
    """Offer the other memories that can stand where this one stands, wires and settings kept."""
    graph = view.editor.graph
    kind = graph.blocks[key].kind
    if kind not in MEMORIES:
        return
    inner = menu.addMenu("Change to")
    for other in MEMORIES:
        if other != kind:
            change = partial(_change_kind, view, key, other)
            inner.addAction(KINDS[other].title, change)


def _change_kind(view: CanvasView, key: str, kind: str) -> None:
    view.editor.do(switch_kind(view.editor.graph, key, kind))


def _add_arranging(view: CanvasView, menu: QMenu) -> None:
    for side in SIDES:
        _act(view, menu, f"align_{side}")
    menu.addSeparator()
    for name in ("distribute_across", "distribute_down", "straighten", "tidy"):
        _act(view, menu, name)


def _fill_for_frame(view: CanvasView, menu: QMenu, key: str) -> None:
    frame = view.editor.graph.frame(key)
    if key not in view.editor.frames:
        view.editor.select((), None, (key,))
    _act(view, menu, "rename", "Edit the text" if frame.note else "Rename")
    colours = menu.addMenu("Colour")
    for role, words in ROLES:
        paint = partial(view.arrange.change_frame, key, "Colour frame", colour=role)
        colours.addAction(_swatch(role), words, paint)
    if not frame.note:
        menu.addAction("Fit to its content", lambda: view.arrange.fit_frame(key))
    menu.addSeparator()
    for name in ("duplicate", "copy", "cut"):
        _act(view, menu, name)
    _act(view, menu, "delete", "Delete the note" if frame.note else "Delete, keep the blocks")


def _swatch(role: str) -> QIcon:
    pixmap = QPixmap(12, 12)
    colour: QColor = theme().role(role) if role else theme().color("border")
    pixmap.fill(colour)
    return QIcon(pixmap)


def _fill_for_canvas(view: CanvasView, menu: QMenu, at: QPoint, scene: QPointF) -> None:
    here: tuple[tuple[str, Callable[[], object], str], ...] = (
        ("Add a block…", lambda: view.open_add_menu(at), "add"),
        ("Add a note here", lambda: view.add_note(scene), "note"),
        ("Paste here", lambda: view.paste(scene), "paste"),
        ("Paste with connections here", lambda: view.paste_connected(scene), "paste_connected"),
    )
    for words, act, name in here:
        key = keymap().text(f"canvas.{name}")
        menu.addAction(f"{words}\t{key}", act)
    menu.addSeparator()
    inside = ("leave",) if view.editor.place.path else ()
    for name in ("select_all", "tidy", "fit", *inside):
        _act(view, menu, name)
