"""The step that gives a model a memory, offered by panels that look at one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqstudio.blocks.editing import can_insert, insert_on_wire

if TYPE_CHECKING:
    from seqstudio.studio.panels.base import Panel
    from seqstudio.studio.session import Session


def offer_lstm(panel: Panel) -> None:
    """Put a button into the empty state of a panel that adds an LSTM to the project."""
    panel.empty_action("Add an LSTM", lambda: add_before_head(panel.session, "lstm"), icon="plus")


def add_before_head(session: Session, kind: str) -> None:
    """Put a block in front of the head, where every model has room for one; it can be undone."""
    graph = session.document.project.graph
    sources = {wire.source for wire in graph.wires}
    for wire in graph.wires:
        if wire.target not in sources and can_insert(graph, kind, wire):
            session.document.apply(insert_on_wire(graph, kind, wire))
            return
