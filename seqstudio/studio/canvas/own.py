"""The person's own blocks on the canvas: from the palette, the search menu, another window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QPointF, QRectF

from seqstudio.blocks.catalogue import KINDS
from seqstudio.core.errors import SeqError
from seqstudio.document.edits import AddBlock
from seqstudio.document.graph import Graph
from seqstudio.document.library import LIMIT_BYTES, OwnBlock, own_text, parse_own
from seqstudio.studio.canvas.hands.menus import Entry, first_sentence
from seqstudio.studio.canvas.items.geometry import snapped

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

OWN_MIME = "application/x-seqstudio-own-block"
OWN_KEY = "own:"
_STEP, _WIDE, _HIGH = 24.0, 156.0, 124.0


def own_mime(own: OwnBlock) -> QMimeData:
    """Return an own block as it is dragged."""
    data = QMimeData()
    data.setData(OWN_MIME, own_text(own).encode())
    return data


def dragged(data: QMimeData) -> OwnBlock | None:
    """Return the own block that is dragged; None when it is something else or damaged."""
    raw = bytes(data.data(OWN_MIME).data())
    if not raw or len(raw) > LIMIT_BYTES:
        return None
    try:
        return parse_own(raw.decode("utf-8", "replace"), "", "What is dragged")
    except SeqError:
        return None


def own_entries(blocks: Mapping[str, OwnBlock]) -> list[Entry]:
    """Return the entries of a search menu for own blocks."""
    return [own_entry(own) for own in blocks.values()]


def own_entry(own: OwnBlock) -> Entry:
    """Return the entry of a search menu for an own block."""
    kind = KINDS.get(own.block.kind)
    icon, role = (kind.icon, kind.role) if kind else ("help", "")
    detail = first_sentence(own.help)
    return Entry(OWN_KEY + own.name, own.title, detail, "My blocks", icon, role, own.help)


def add_own(view: CanvasView, own: OwnBlock, at: QPointF | None = None) -> str:
    """Add an own block at a scene point, or near the middle; return its id."""
    middle = at or view.place()
    x, y = snapped(middle.x() - _WIDE / 2), snapped(middle.y() - _HIGH / 2)
    while at is None and view.canvas.blocks_in(QRectF(x, y, _WIDE, _HIGH)):
        y += _STEP
    key = own_id(view.editor.graph, own)
    block = replace(own.block, id=key, x=x, y=y, title=own.title)
    if not view.editor.do(AddBlock(block, (), f"Add {own.title}")):
        return ""
    view.editor.select((key,))
    view.reveal((key,))
    return key


def own_id(graph: Graph, own: OwnBlock) -> str:
    """Return an unused id that reads like the title: "My gate" becomes my_gate."""
    word = "_".join("".join(c if c.isascii() and c.isalnum() else " " for c in own.title).split())
    fits = word[:1].isalpha()
    return graph.new_id(word[:40].lower() if fits else own.block.kind)
