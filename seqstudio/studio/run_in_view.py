"""`RunInView`: the run that panels show, and the trainer that may be at work on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seqstudio.document.project import Project
from seqstudio.records.looking import LookAt
from seqstudio.records.messages import Command
from seqstudio.records.peek import PeekAt
from seqstudio.runtime.forking import FORK
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.runner import Runner
from seqstudio.runtime.store import is_locked
from seqstudio.studio.companions import Companion, Companions, Follower
from seqstudio.studio.notices import Notice

ACTIVE = frozenset({"starting", "running", "paused"})


class RunInView:
    """A run may be trained by our runner, be watched while another program trains it, or rest.

    Attributes:
        runner: Our trainer; it may be at work on a run that is in view no more.
        history: What the run said.
        project: The project as the run was started with, None without a run.
        state: "idle" before the first run, else the state of the run.
        follows: What our trainer says belongs to the run in view. Names do not tell: another
            project may have a run of the same name.
        watched: Reads the run while another program trains it.
    """

    def __init__(
        self, runner: Runner, tell: Callable[[Notice], None], became: Callable[[str], None]
    ) -> None:
        self.runner = runner
        self.history = RunHistory()
        self.project: Project | None = None
        self.state = "idle"
        self.follows = False
        self.watched: Follower | None = None
        self._tell, self._became = tell, became

    @property
    def active(self) -> bool:
        """Whether it is being trained, here or elsewhere."""
        return self.state in ACTIVE

    @property
    def ours(self) -> bool:
        """Whether it is being trained, or was when we last heard, and not by another program."""
        return self.active and self.watched is None

    @property
    def held(self) -> bool:
        """Whether our trainer has its model at hand."""
        return self.follows and self.state in {*ACTIVE, "finished"}

    def become(self, state: str) -> None:
        """Take on a state, and say so if it is another."""
        if state != self.state:
            self.state = state
            self._became(state)

    def show(self, history: RunHistory, project: Project | None, *, follows: bool = False) -> None:
        """Show another run; its state follows by `become`."""
        self.history, self.project, self.follows = history, project, follows

    def clear(self) -> None:
        """Show no run."""
        self.show(RunHistory(), None)
        self.watched = None

    def send(self, command: Command) -> None:
        """Hand a command to our trainer; one of another program cannot be commanded."""
        if self.watched is None or isinstance(command, (PeekAt, LookAt)):
            self.runner.send(command)
            return
        what = f"{self.history.run} is trained by another program"
        self._tell(Notice(what, "This window only watches it.", "Pause or stop it there."))

    def can_resume(self, home: Path) -> bool:
        """Tell whether there is something in its folder, in `home`, to go on from."""
        folder = home / self.history.run
        kept = (folder / "checkpoints" / "latest.json").exists() or (folder / FORK).exists()
        return bool(self.history.run) and kept

    def trains(self, run: str) -> bool:
        """Tell whether our trainer has a run in hand, in view or not."""
        mine = self.runner.run == run and self.runner.state in ACTIVE
        return mine and self.runner.alive

    def is_foreign(self, folder: Path) -> bool:
        """Tell whether another program writes a run now."""
        mine = self.runner.run == folder.name and self.runner.alive
        return not mine and is_locked(folder)

    def watch(self) -> frozenset[type]:
        """Read what another program's trainer wrote; return the types of the events."""
        if self.watched is None:
            return frozenset()
        seen = self.watched.poll()
        self.become(self.watched.state)
        if self.watched.over:
            self.watched = None
        return seen

    def look_away(self, companions: Companions) -> None:
        """Go out of view; a run of another program is followed on."""
        if self.watched is not None:
            companions.follow(self.watched)
            self.watched = None

    def step_aside(self, companions: Companions, home: Path) -> None:
        """Let our trainer go on with the run out of view; it needs another runner after that."""
        state = self.state if self.follows else "stopped"
        folder = home / self.history.run
        companions.add(Companion(self.runner, folder, self.history, self.project, state))
