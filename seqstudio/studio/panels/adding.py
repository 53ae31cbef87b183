"""The step that gives a model a memory, offered by panels that look at one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seqstudio.blocks.editing import can_insert, insert_on_wire
from seqstudio.document.graph import Wire

if TYPE_CHECKING:
    from seqstudio.studio.panels.base import Panel
    from seqstudio.studio.session import Session


def offer_lstm(panel: Panel) -> None:
    """Put a button into the empty state of a panel that adds an LSTM to the project."""
    panel.empty_action("Add an LSTM", lambda: add_before_head(panel.session, "lstm"), icon="plus")


def add_before_head(session: Session, kind: str) -> None:
    """Put a recurrent block in front of the head, where every model has room for one.

    It is as wide as what it reads, so that the head fits as before. One edit, which can be undone.
    """
    graph = session.document.project.graph
    sources = {wire.source for wire in graph.wires}
    for wire in graph.wires:
        if wire.target not in sources and can_insert(graph, kind, wire):
            edit = insert_on_wire(graph, kind, wire)
            width = _width(session, wire)
            params = {**edit.block.params, **({"hidden": width} if width else {})}
            session.document.apply(replace(edit, block=replace(edit.block, params=params)))
            return


def _width(session: Session, wire: Wire) -> int | None:
    """Return the features that flow on a wire, None where they are not known."""
    shape = None if session.report is None else session.report.shapes.get((wire.source, wire.out))
    width = shape.dims[-1] if shape is not None and shape.dims else None
    return width if isinstance(width, int) else None
