"""What a right click offers and what resting the pointer tells, by what is under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

_WIRE_PX = 7.0


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
    stale = "Edited since the run started" if item.stale else ""
    return item.face.problem or item.face.note or stale


def context_menu(view: CanvasView, at: QPoint) -> QMenu:
    """Return the menu for a point of the viewport; it selects what it is about."""
    menu = QMenu(view)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    scene = view.mapToScene(at)
    block = view.canvas.block_at(scene)
    wire = view.canvas.wire_at(scene, _WIRE_PX / view.zoom())
    if block is not None:
        _fill_for_block(view, menu, block.key)
    elif wire is not None:
        view.editor.select((), wire.wire)
        menu.addAction("Insert a block…", lambda: view.open_add_menu(at))
        menu.addAction("Take the wire away", lambda: view.delete_selection(heal=True))
    else:
        menu.addAction("Add a block…", lambda: view.open_add_menu(at))
        menu.addAction("Paste", view.paste)
        menu.addAction("Select all", view.select_all)
        menu.addAction("Tidy", view.tidy)
        menu.addAction("Fit everything", view.fit)
    return menu


def _fill_for_block(view: CanvasView, menu: QMenu, key: str) -> None:
    if key not in view.selection:
        view.select((key,))
    menu.addAction("Show its code", lambda: view.opened.emit(key))
    menu.addAction("Wire to…", view.start_wire)
    menu.addAction("Rename…", lambda: view.rename(key))
    menu.addAction("Duplicate", view.duplicate)
    menu.addAction("Copy", view.copy)
    menu.addAction("Cut", view.cut)
    menu.addAction("Delete", lambda: view.delete_selection(heal=True))
