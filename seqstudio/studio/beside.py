"""Two runs side by side: the same panel, looking at another run through the same session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from seqstudio.blocks.check import main_arch
from seqstudio.document.project import load_project
from seqstudio.runtime.archive import open_run

if TYPE_CHECKING:
    from seqstudio.document.project import Project
    from seqstudio.runtime.history import RunHistory
    from seqstudio.studio.panels.base import Panel
    from seqstudio.studio.session import Session


class OtherRun:
    """A session as it would be with another run in view; all else is the session's own.

    Both share the cursor: the same place in the text, and the training clock where both have it.

    Args:
        session: The one that is open.
        run: Name of a run of its project.

    Raises:
        SeqError: The run cannot be read.
    """

    def __init__(self, session: Session, run: str) -> None:
        folder = session.runs_home / run
        self._session = session
        self.history: RunHistory = session.others.get(run) or open_run(folder)
        self.run_project: Project = load_project(folder / "project.seq")
        self.others: dict[str, RunHistory] = {}
        self.state = "stopped"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    @property
    def step_in_view(self) -> int:
        """The training step that panels show: the clock's, or the newest of this run."""
        step = self._session.cursor.step
        return self.history.step if step is None else min(step, self.history.step)

    def arch(self) -> str:
        """Return the architecture that colours the run."""
        return main_arch(self.run_project.graph)

    def run_title(self, name: str = "") -> str:
        """Return the run in words."""
        return self._session.run_title(name or self.history.run)


def panel_of(panel: Panel, session: Session, run: str) -> Panel:
    """Return a second panel of the same kind that looks at another run.

    Raises:
        SeqError: The run cannot be read.
    """
    other = type(panel)(cast("Session", OtherRun(session, run)))
    other.look_at_run(run)
    return other
