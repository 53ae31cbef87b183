"""`PeekDesk`: asks what flows out of a port of the model, for the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqstudio.document.graph import Graph
from seqstudio.document.project import project_text
from seqstudio.records.peek import PeekAt, Peeked, PeekFailed

if TYPE_CHECKING:
    from seqstudio.studio.session import Session


class PeekDesk:
    """Asks the trainer, and lets through the newest answer while the graph is still the same."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._newest: tuple[int, Graph | None] = (0, None)

    def ask(self, graph: Graph, path: tuple[str, ...], block: str, port: str) -> int:
        """Ask what flows out of a port; see `Session.peek`."""
        session, view = self._session, self._session.view
        request = self._newest[0] + 1
        self._newest = request, session.project.graph
        run, home = view.project, session.runs_home
        lent = run is not None and run.trains_like(run.with_graph(graph))
        folder = str(home / view.history.run) if lent and view.can_resume(home) else ""
        text, base = project_text(session.project.with_graph(graph)), str(session.base or "")
        view.send(PeekAt(request, text, base, path, block, port, folder))
        return request

    def take(self, answer: Peeked | PeekFailed) -> None:
        """Let an answer through unless it is late."""
        request, graph = self._newest
        if answer.request == request and graph is self._session.project.graph:
            self._session.peeked.emit(answer)
